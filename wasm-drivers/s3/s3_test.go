package main_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// load builds and loads a module that asks for what this one does.
func load(t testing.TB, pkg string) *wasm.Module {
	return wasmtest.Load(t, wasm.Source{Bytes: wasmtest.BuildGo(t, pkg), Grant: wasm.Grant{
		Hosts:       []string{"{endpoint}", "*.{endpoint}"},
		Credentials: []string{"s3: sigv4 (s3) to {endpoint}, *.{endpoint}, from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN"},
	}}, wasm.Options{})
}

// opened is a connection to a server that the test plays.
func opened(t *testing.T, pkg string, answer http.HandlerFunc) *drivers.Conn {
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	c := drivertest.Opener(wasmtest.Provider(t, load(t, pkg), storage.Family), map[string]any{"endpoint": s.URL, "access_key_id": "a", "secret_access_key": "hush"})(t, nil)
	t.Cleanup(func() { c.Close() })
	return c
}

// harness is that of the module against one server. The server is at a loopback
// address and without TLS, which a module may reach as the user's
// configuration names it.
func harness(t *testing.T, config map[string]any) drivertest.Harness {
	return drivertest.Harness{
		Open:       drivertest.Opener(wasmtest.Provider(t, load(t, "."), storage.Family), config),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
	}
}

func motoConfig(t testing.TB) map[string]any {
	return map[string]any{"endpoint": lab.Moto(t), "access_key_id": "test", "secret_access_key": "test"}
}

func versityConfig(t testing.TB) map[string]any {
	s := lab.Versity(t)
	return map[string]any{"endpoint": s.Endpoint, "region": s.Region, "access_key_id": s.AccessKey, "secret_access_key": s.SecretKey}
}

// The servers' deviations are those of the native driver's tests in drivers/aws.

func TestOnMoto(t *testing.T) {
	h := harness(t, motoConfig(t))
	h.OnePage = []string{"list_buckets"} // moto ignores MaxBuckets, which S3 has had since 2024
	const sum = "of an upload in parts it keeps the checksum of the parts' checksums as that of the whole body; S3 documents FULL_OBJECT as the latter"
	h.Deviations = map[string]string{
		"buckets/paging":        "cuts list_buckets to MaxBuckets and gives no ContinuationToken; S3 documents one",
		"concurrent/one_object": "answers 500 now and then when one key is written and read at once; S3 documents that both are fine",
		"names/newline":         "answers 404 to a name with a line break; S3 takes any UTF-8",
		"read/close_midway":     sum,
		"copy/large":            sum,
		"uploads/list":          "has all uploads on one page, begun in 2010; S3 documents max-uploads and Initiated",
	}
	for _, name := range []string{"whole", "one_part", "stream", "replaced_part", "fewer_parts", "missing_part", "over_another", "many_at_once", "other_connection"} {
		h.Deviations["uploads/"+name] = sum
	}
	for _, way := range []string{"dribble", "seekable", "seeked", "stream"} {
		for _, known := range []string{"true", "false"} {
			h.Deviations["put/"+way+"_12583257_known="+known] = sum
		}
	}
	drivertest.Storage(t, h)
}

func TestOnVersity(t *testing.T) {
	h := harness(t, versityConfig(t))
	const paths = "names are paths of files, cleaned before they are listed; S3 documents that a key is any sequence of bytes"
	h.Deviations = map[string]string{
		"names/leading_slash":   paths,
		"names/double_slash":    paths,
		"names/here_inside":     paths,
		"names/up_inside":       paths,
		"names/null":            "a name with a NUL, which no file has, is a 500 InternalError; S3 takes any UTF-8",
		"names/control":         "list_objects ignores EncodingType for names and so loses U+0001; S3 documents that it encodes Key with encoding-type=url",
		"uploads/list/paging":   "refuses the upload-id-marker that it gave itself, as it looks for it behind the key-marker; S3 documents that the two go together",
		"objects/overwrite":     "PutObject leaves the metadata of the object that it replaces; S3 replaces objects whole",
		"concurrent/one_object": "the body and the checksum beside it are not written in one step; S3 documents that a PUT is atomic",
	}
	drivertest.Storage(t, h)
}

// TestCopyInParts copies an object as one of more than 5 GiB is.
func TestCopyInParts(t *testing.T) {
	for name, config := range map[string]map[string]any{"moto": motoConfig(t), "versity": versityConfig(t)} {
		t.Run(name, func(t *testing.T) {
			open := func(pkg string) *drivers.Conn {
				c := drivertest.Opener(wasmtest.Provider(t, load(t, pkg), storage.Family), config)(t, nil)
				t.Cleanup(func() { c.Close() })
				return c
			}
			c, small := open("."), open("./testdata/small")
			body := bytes.Repeat([]byte("0123456789abcdef"), 12<<16)
			call[storage.Bucket](t, c, storage.CreateBucket{Name: "copies"})
			call[storage.Object](t, c, storage.PutObject{Bucket: "copies", Name: "large", Body: bytes.NewReader(body), ContentType: "text/plain",
				Metadata: map[string]string{"a": "1"}})
			o := call[storage.Object](t, small, storage.CopyObject{Bucket: "copies", Name: "large", ToName: "b/copy"})
			if o.Size != int64(len(body)) || o.ContentType != "text/plain" || !maps.Equal(o.Metadata, map[string]string{"a": "1"}) {
				t.Errorf("the copy is %+v", o)
			}
			got := call[storage.Download](t, c, storage.ReadObject{Bucket: "copies", Name: "b/copy"})
			defer got.Body.Close()
			if b, err := io.ReadAll(got.Body); err != nil || !bytes.Equal(b, body) {
				t.Errorf("the copy's body differs: %d bytes, %v", len(b), err)
			}
		})
	}
}

func call[Out any](t *testing.T, c *drivers.Conn, in any) Out {
	t.Helper()
	out, err := drivers.Call[Out](t.Context(), c, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestUploadFails: a part that fails for a moment is sent again by itself, and
// an upload that fails for good, or is given up, leaves no parts behind.
func TestUploadFails(t *testing.T) {
	const whole = `<CompleteMultipartUploadResult><ETag>"whole-2"</ETag></CompleteMultipartUploadResult>`
	canceled, cancel := context.WithCancel(t.Context())
	well := func(http.ResponseWriter, *http.Request, int64) {}
	flaky := func(w http.ResponseWriter, r *http.Request, n int64) {
		if n == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	hanging := func(_ http.ResponseWriter, r *http.Request, _ int64) { cancel(); <-r.Context().Done() }
	for _, test := range []struct {
		name           string
		ctx            context.Context
		onPart         func(w http.ResponseWriter, r *http.Request, n int64) // the n-th request with a part
		completed      string
		kind           op.Kind
		parts, aborted int64
	}{
		{"well", t.Context(), well, whole, "", 2, 0},
		{"again", op.WithBudget(t.Context(), 1), flaky, whole, "", 3, 0},
		{"no retries", t.Context(), flaky, whole, op.Unavailable, -1, 1},
		{"an error of status 200", t.Context(), well, "<Error><Code>InternalError</Code><Message>Sorry.</Message></Error>", op.Unavailable, 2, 1},
		{"canceled", canceled, hanging, whole, op.Canceled, -1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var parts, aborted atomic.Int64
			c := opened(t, "./testdata/small", func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				q := r.URL.Query()
				switch {
				case r.Method == http.MethodPost && q.Has("uploads"):
					io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
				case r.Method == http.MethodPut:
					w.Header().Set("ETag", `"part"`)
					test.onPart(w, r, parts.Add(1))
				case r.Method == http.MethodDelete && q.Get("uploadId") == "u":
					aborted.Add(1)
					w.WriteHeader(http.StatusNoContent)
				default:
					io.WriteString(w, test.completed)
				}
			})
			o, err := drivers.Call[storage.Object](test.ctx, c, storage.PutObject{Bucket: "bucket", Name: "o", Body: strings.NewReader("two parts")})
			if op.KindOf(err) != test.kind || err == nil && (o.ETag != "whole-2" || o.Size != 9) {
				t.Errorf("%+v, %v", o, err)
			}
			if n := parts.Load(); n != test.parts && test.parts >= 0 || aborted.Load() != test.aborted {
				t.Errorf("%d parts sent, aborted %d times", n, aborted.Load())
			}
		})
	}
}

// TestDamaged: a body that is not what the store says of it is an error at its end.
func TestDamaged(t *testing.T) {
	header := http.Header{}
	c := opened(t, ".", func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), header)
		io.WriteString(w, "hallo")
	})
	for name, value := range map[string]string{ // of "hello"
		"Etag":                     `"5d41402abc4b2a76b9719d911017c592"`,
		"X-Amz-Checksum-Crc32c":    "mnG7TA==",
		"X-Amz-Checksum-Crc64nvme": "M3eFcAZSQlc=",
		"X-Amz-Checksum-Sha1":      "qvTGHdzF6KLavt4PO0gs2a6pQ00=",
	} {
		header = http.Header{name: {value}}
		d := call[storage.Download](t, c, storage.ReadObject{Bucket: "bucket", Name: "o"})
		if _, err := io.ReadAll(d.Body); op.KindOf(err) != op.Internal {
			t.Errorf("%s: a damaged body reads as %v", name, err)
		}
		d.Body.Close()
	}
	header = http.Header{"X-Amz-Checksum-Crc32c": {"mnG7TA==-2"}} // of parts' checksums
	d := call[storage.Download](t, c, storage.ReadObject{Bucket: "bucket", Name: "o"})
	defer d.Body.Close()
	if _, err := io.ReadAll(d.Body); err != nil {
		t.Error(err)
	}
}

// TestHostStyle: a bucket in the host's name, whose address the module may reach
// for the same reason as the endpoint's.
func TestHostStyle(t *testing.T) {
	var asked atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked.Store(r.Host + r.URL.Path) }))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	m := wasmtest.Load(t, wasm.Source{Bytes: wasmtest.BuildGo(t, "."), Grant: wasm.Grant{All: true}}, wasm.Options{
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}})
	c := drivertest.Opener(wasmtest.Provider(t, m, storage.Family), map[string]any{
		"endpoint": "http://s3.test:" + port, "path_style": false, "access_key_id": "a", "secret_access_key": "hush"})(t, nil)
	defer c.Close()
	if err := drivers.Do(t.Context(), c, storage.DeleteObject{Bucket: "bucket", Name: "a/b"}); err != nil {
		t.Fatal(err)
	}
	if got := asked.Load(); got != "bucket.s3.test:"+port+"/a/b" {
		t.Errorf("it asked %v", got)
	}
	u := call[storage.URL](t, c, storage.GetObjectURL{Bucket: "bucket", Name: "a b"})
	if u.URL != "http://bucket.s3.test:"+port+"/a%20b" {
		t.Error(u.URL)
	}
	if err := drivers.Do(t.Context(), c, storage.DeleteBucket{Bucket: "other.example/x"}); op.KindOf(err) != op.NotFound {
		t.Error(err)
	}
}
