package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// alone keeps what the machine knows of AWS away from a test, and gives it the
// shared files instead.
func alone(t *testing.T, config, credentials string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"config": config, "credentials": credentials} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ENDPOINT_URL"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
}

func TestOpenRefuses(t *testing.T) {
	alone(t, "", "")
	for name, c := range map[string]struct {
		config map[string]any
		says   string
	}{
		"no region":      {nil, "AWS_REGION"},
		"no profile":     {map[string]any{"region": "eu-west-1", "profile": "nobody"}, "nobody"},
		"half a key":     {map[string]any{"region": "eu-west-1", "access_key_id": "a"}, "secret_access_key"},
		"no such option": {map[string]any{"regoin": "eu-west-1"}, "region"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, name := range []string{"ec2", "s3", "alb", "elb"} {
				p := provider(t, name)
				_, err := p.Open(t.Context(), p.Name, c.config)
				if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v", p.Name, err)
				}
			}
		})
	}
}

func TestNoCredentials(t *testing.T) {
	alone(t, "", "")
	c := opener("s3", map[string]any{"region": "eu-west-1"})(t, nil)
	defer c.Close()
	_, err := drivers.Call[storage.Bucket](t.Context(), c, storage.GetBucket{Bucket: "bucket"})
	if op.KindOf(err) != op.Unauthenticated || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Error(err)
	}
}

// server answers every request, and says who signed it.
func server(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

func TestProfile(t *testing.T) {
	alone(t, "[profile prod]\nregion = eu-central-1\n", "[prod]\naws_access_key_id = PRODKEY\naws_secret_access_key = hush\n")
	var signed atomic.Value
	url := server(t, func(w http.ResponseWriter, r *http.Request) { signed.Store(r.Header.Get("Authorization")) })
	for name, config := range map[string]map[string]any{
		"PRODKEY/": {"profile": "prod"},
		"GIVEN/":   {"profile": "prod", "access_key_id": "GIVEN", "secret_access_key": "hush"},
	} {
		config["endpoint"] = url
		c := opener("s3", config)(t, nil)
		drivers.Do(t.Context(), c, storage.DeleteObject{Bucket: "bucket", Name: "o"})
		c.Close()
		if got, _ := signed.Load().(string); !strings.Contains(got, name) || !strings.Contains(got, "/eu-central-1/s3/") {
			t.Errorf("with %v it is signed %q", config, got)
		}
	}
}

// TestRetries: the SDK retries nothing, and what the driver retries within an
// operation is taken from the one budget.
func TestRetries(t *testing.T) {
	alone(t, "", "")
	var requests atomic.Int64
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.Header().Set("Retry-After", "0.01")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>`)
	})
	config := map[string]any{"endpoint": url, "region": "us-east-1", "access_key_id": "a", "secret_access_key": "hush"}
	retry := func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		for {
			out, err := next(ctx, r)
			if op.KindOf(err) != op.RateLimited || !op.TakeRetry(ctx) {
				return out, err
			}
			r.In = storage.PutObject{Bucket: "bucket", Name: "o", Body: strings.NewReader("x")}
		}
	}
	for budget, chain := range map[int][]op.Interceptor{0: nil, 2: {retry}} {
		requests.Store(0)
		c := opener("s3", config)(t, nil, chain...)
		_, err := drivers.Call[storage.Object](op.WithBudget(t.Context(), budget), c, storage.PutObject{Bucket: "bucket", Name: "o", Body: strings.NewReader("x")})
		c.Close()
		if e := op.AsError(err); e == nil || e.Kind != op.RateLimited || e.Code != "SlowDown" || e.RetryAfter != 10*time.Millisecond {
			t.Errorf("budget %d: %+v", budget, e)
		}
		if n := requests.Load(); n != int64(1+budget) {
			t.Errorf("with a budget of %d retries there were %d requests", budget, n)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	for _, c := range []struct {
		code   string
		status int
		kind   op.Kind
	}{
		{"Throttling", 400, op.RateLimited},
		{"ThrottlingException", 400, op.RateLimited},
		{"RequestLimitExceeded", 503, op.RateLimited},
		{"SlowDown", 503, op.RateLimited},
		{"", 429, op.RateLimited},
		{"InternalError", 500, op.Unavailable},
		{"ServiceUnavailable", 503, op.Unavailable},
		{"SomethingElse", 502, op.Unavailable},
		{"InvalidInstanceID.NotFound", 400, op.NotFound},
		{"InvalidInstanceID.Malformed", 400, op.NotFound},
		{"InvalidGroup.NotFound", 400, op.NotFound},
		{"NoSuchKey", 404, op.NotFound},
		{"NoSuchBucket", 404, op.NotFound},
		{"", 404, op.NotFound},
		{"InvalidKeyPair.Duplicate", 400, op.AlreadyExists},
		{"InvalidPermission.Duplicate", 400, op.AlreadyExists},
		{"InvalidAMIName.Duplicate", 400, op.AlreadyExists},
		{"BucketAlreadyExists", 409, op.AlreadyExists},
		{"BucketAlreadyOwnedByYou", 409, op.AlreadyExists},
		{"AuthFailure", 401, op.Unauthenticated},
		{"InvalidClientTokenId", 403, op.Unauthenticated},
		{"SignatureDoesNotMatch", 403, op.Unauthenticated},
		{"ExpiredToken", 400, op.Unauthenticated},
		{"UnauthorizedOperation", 403, op.PermissionDenied},
		{"AccessDenied", 403, op.PermissionDenied},
		{"AccessDeniedException", 400, op.PermissionDenied},
		{"InstanceLimitExceeded", 400, op.QuotaExceeded},
		{"VcpuLimitExceeded", 400, op.QuotaExceeded},
		{"InsufficientInstanceCapacity", 500, op.QuotaExceeded},
		{"TooManyBuckets", 400, op.QuotaExceeded},
		{"IncorrectInstanceState", 400, op.Conflict},
		{"IncorrectState", 400, op.Conflict},
		{"DependencyViolation", 400, op.Conflict},
		{"VolumeInUse", 400, op.Conflict},
		{"InvalidGroup.InUse", 400, op.Conflict},
		{"InvalidSubnet.Conflict", 400, op.Conflict},
		{"BucketNotEmpty", 409, op.Conflict},
		{"ObjectParentIsFile", 409, op.Conflict},
		{"ExistingObjectIsDirectory", 409, op.Conflict},
		{"PreconditionFailed", 412, op.Conflict},
		{"", 412, op.Conflict},
		{"InvalidParameterValue", 400, op.InvalidArgument},
		{"InvalidKeyPair.Format", 400, op.InvalidArgument},
		{"MalformedXML", 400, op.InvalidArgument},
		{"MissingParameter", 400, op.InvalidArgument},
		{"ValidationError", 400, op.InvalidArgument},
		{"KeyTooLongError", 400, op.InvalidArgument},
		{"NotImplemented", 501, op.Unsupported},
		{"BadDigest", 400, op.Internal},
	} {
		header := http.Header{"X-Amz-Request-Id": {"r-1"}, "Retry-After": {"3"}}
		err := error(&smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: c.status, Header: header}},
			Err: &smithy.GenericAPIError{Code: c.code, Message: "the words of AWS"}})
		e := op.AsError(failed(fmt.Errorf("operation: %w", err)))
		if e.Kind != c.kind || e.Code != c.code || e.Message != "the words of AWS" || e.RequestID != "r-1" || e.RetryAfter != 3*time.Second {
			t.Errorf("%s, status %d: %+v", c.code, c.status, e)
		}
	}
	for kind, err := range map[op.Kind]error{
		op.Canceled:        &smithy.CanceledError{Err: context.Canceled},
		op.Timeout:         fmt.Errorf("sending: %w", context.DeadlineExceeded),
		op.Unavailable:     &smithyhttp.RequestSendError{Err: errors.New("connection refused")},
		op.InvalidArgument: smithy.InvalidParamsError{},
		op.Internal:        errors.New("no idea"),
	} {
		if got := op.KindOf(failed(err)); got != kind {
			t.Errorf("%v is %s, want %s", err, got, kind)
		}
	}
}

// roundTrip is a transport of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestReadOnce: the transport never sees that a body is an io.WriterTo, and
// requests without a body stay as they are.
func TestReadOnce(t *testing.T) {
	var seen io.ReadCloser
	client := http.Client{Transport: readOnce{roundTrip(func(r *http.Request) (*http.Response, error) {
		seen = r.Body
		return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
	})}}
	body := struct {
		io.Reader
		io.WriterTo
		io.Closer
	}{strings.NewReader("x"), strings.NewReader("x"), io.NopCloser(nil)}
	request, err := http.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1/", body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(request); err != nil {
		t.Fatal(err)
	}
	if _, ok := seen.(io.WriterTo); ok || seen == nil {
		t.Errorf("the transport got a %T", seen)
	}
	if _, ok := request.Body.(io.WriterTo); !ok {
		t.Error("the caller's request was changed")
	}
	if request, err = http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1/", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(request); err != nil || seen != nil {
		t.Errorf("a request without a body got a %T: %v", seen, err)
	}
}
