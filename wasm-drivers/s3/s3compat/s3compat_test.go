package s3compat

import (
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

func TestErrorKinds(t *testing.T) {
	for _, c := range []struct {
		code   string
		status int
		kind   op.Kind
	}{
		{"Throttling", 400, op.RateLimited},
		{"SlowDown", 503, op.RateLimited},
		{"SlowDownWrite", 503, op.RateLimited}, // MinIO's
		{"", 429, op.RateLimited},
		{"InternalError", 500, op.Unavailable},
		{"ServiceUnavailable", 503, op.Unavailable},
		{"SomethingElse", 502, op.Unavailable},
		{"NoSuchKey", 404, op.NotFound},
		{"NoSuchBucket", 404, op.NotFound},
		{"", 404, op.NotFound},
		{"BucketAlreadyExists", 409, op.AlreadyExists},
		{"BucketAlreadyOwnedByYou", 409, op.AlreadyExists},
		{"SignatureDoesNotMatch", 403, op.Unauthenticated},
		{"InvalidAccessKeyId", 403, op.Unauthenticated},
		{"ExpiredToken", 400, op.Unauthenticated},
		{"", 401, op.Unauthenticated},
		{"AccessDenied", 403, op.PermissionDenied},
		{"", 403, op.PermissionDenied},
		{"TooManyBuckets", 400, op.QuotaExceeded},
		{"BucketNotEmpty", 409, op.Conflict},
		{"ObjectParentIsFile", 409, op.Conflict},
		{"ExistingObjectIsDirectory", 409, op.Conflict},
		{"PreconditionFailed", 412, op.Conflict},
		{"", 412, op.Conflict},
		{"InvalidArgument", 400, op.InvalidArgument},
		{"MalformedXML", 400, op.InvalidArgument},
		{"KeyTooLongError", 400, op.InvalidArgument},
		{"SomethingElse", 400, op.InvalidArgument},
		{"NotImplemented", 501, op.Unsupported},
		{"", 501, op.Unsupported},
		{"BadDigest", 400, op.Internal},
		{"SomethingElse", 200, op.Internal},
	} {
		e := fault{Code: c.code, Message: "the store's words"}.error(abi.Head{Status: c.status, Headers: map[string]string{"x-amz-request-id": "r-1", "retry-after": "3"}})
		if e.Kind != c.kind || e.Code != c.code || e.Message != "the store's words" || e.RequestID != "r-1" || e.RetryAfter != 3*time.Second {
			t.Errorf("%s, status %d: %+v", c.code, c.status, e)
		}
	}
	e := fault{}.error(abi.Head{Status: 301, Headers: map[string]string{"x-amz-bucket-region": "eu-1"}})
	if want := `the bucket is in the region eu-1: open a connection with region = "eu-1"`; e.Message != want {
		t.Errorf("of a redirect it says %q", e.Message)
	}
}

// TestPartSizes: an upload keeps to what a host lets a call have, by default:
// 1,000 requests, 64 MiB a stream and 256 MiB in all.
func TestPartSizes(t *testing.T) {
	for _, c := range []struct {
		name    string
		size    int64 // -1 if not known
		parts   int64
		reaches int64
	}{
		{"256 MiB", 256 << 20, 33, 256 << 20},
		{"10 GiB", 10 << 30, 901, 10 << 30},
		{"56 GiB", 56 << 30, 900, 56 << 30},
		{"as much as S3 takes", 5 << 40, maxParts, 625 << 30},
		{"unknown", -1, 990, 35 << 30},
	} {
		u := &upload{driver: &driver{partSize: partSize}, in: storage.PutObject{Size: &c.size}, body: &sdk.Stream{}}
		if c.size < 0 {
			u.in.Size = nil
			u.body = u.body.Verified(-1, nil)
		}
		var sum int64
		for i := range c.parts {
			n := u.size(int(i))
			if n > maxPart || n < 5<<20 {
				t.Errorf("%s: part %d has %d bytes", c.name, i, n)
			}
			sum += n
		}
		if sum < c.reaches {
			t.Errorf("%s: %d parts are %d MiB", c.name, c.parts, sum>>20)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		endpoint     string
		path         bool
		bucket, name string
		want         string
	}{
		{"https://s3.example.com", true, "b", "a b/é", "https://s3.example.com/b/a%20b/%C3%A9"},
		{"https://s3.example.com/", true, "b", "", "https://s3.example.com/b"},
		{"s3.example.com", true, "", "", "https://s3.example.com/"},
		{"http://10.0.0.1:9000/store/", true, "b", "/o", "http://10.0.0.1:9000/store/b//o"},
		{"https://s3.example.com", false, "b", "o?#", "https://b.s3.example.com/o%3F%23"},
		{"https://s3.example.com:8443/x", false, "b", "", "https://b.s3.example.com:8443/x/"},
	} {
		d, err := open(Options{}, config{Endpoint: c.endpoint, Region: "us-east-1", PathStyle: &c.path})
		if err != nil {
			t.Fatal(err)
		}
		if got := d.address(c.bucket, c.name, nil); got != c.want {
			t.Errorf("%s %s in %s: %s, want %s", c.bucket, c.name, c.endpoint, got, c.want)
		}
	}
	for _, bad := range []config{
		{Endpoint: "ftp://example.com"}, {Endpoint: "https://"}, {Endpoint: "https://user:word@example.com"}, {Endpoint: "https://example.com?a=b"},
		{Endpoint: "https://example.com", Region: "r", PageSize: 1001}, {Endpoint: "https://example.com"},
	} {
		if _, err := open(Options{}, bad); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
