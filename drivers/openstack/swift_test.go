package openstack

import (
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// swiftOpener opens the driver "swift" with a configuration, and what comes on top.
func swiftOpener(config map[string]any) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return drivertest.Opener(swiftProvider(), config)
}

// TestSwift is a Swift without Keystone; TestConformance has the suite with it, and
// TestSwiftOnCeph without.
func TestSwift(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a cluster")
	}
	noEnvironment(t)
	s := lab.Swift(t)
	config := map[string]any{"auth_url": s.Auth, "username": s.User, "password": op.Secret(s.Key)}
	t.Run("large", func(t *testing.T) { largeObjects(t, config, 3) })
	t.Run("native pages", func(t *testing.T) {
		c := swiftOpener(config)(t, nil)
		defer c.Close()
		for _, name := range []string{"page-1", "page-2", "page-3"} {
			must[storage.Bucket](t, c, storage.CreateBucket{Name: name})
		}
		var lengths []int
		for a, err := range drivers.List[native.Answer](t.Context(), c, native.Pages{Operation: "GET /?format=json&prefix=page-", Arguments: map[string]any{"query": map[string]any{"limit": 2}}}) {
			if err != nil {
				t.Fatal(err)
			}
			lengths = append(lengths, len(a.Value.([]any)))
		}
		if !slices.Equal(lengths, []int{2, 1}) {
			t.Errorf("pages of %v", lengths)
		}
	})
	t.Run("guest", func(t *testing.T) {
		c := swiftOpener(map[string]any{"auth_url": s.Auth, "username": s.Guest, "password": op.Secret(s.Key)})(t, nil)
		defer c.Close()
		_, err := drivers.Call[storage.Bucket](t.Context(), c, storage.CreateBucket{Name: "guests"})
		if op.KindOf(err) != op.PermissionDenied {
			t.Errorf("who may do nothing: %v", err)
		}
	})
}

// TestSwiftOnCeph: Ceph's gateway speaks Swift too.
func TestSwiftOnCeph(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a cluster")
	}
	noEnvironment(t)
	s := lab.Ceph(t)
	config := map[string]any{"auth_url": s.Endpoint + "/auth/v1.0", "username": "lab:swift", "password": op.Secret(s.SecretKey)}
	t.Run("conformance", func(t *testing.T) {
		drivertest.Storage(t, drivertest.Harness{
			Open:       swiftOpener(config),
			SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
			Native: native.Call{Operation: "GET /?format=json"}, NativeChange: "PUT /container",
			Deviations: map[string]string{
				"put/if_absent,_many_at_once": "heeds no If-None-Match in its Swift face; Swift documents it",
			},
		})
	})
	t.Run("large", func(t *testing.T) { largeObjects(t, config, inManifest) }) // it knows no manifests of manifests
}

// names are what a container has.
func names(t *testing.T, c *drivers.Conn, bucket string) []string {
	t.Helper()
	var all []string
	for o, err := range drivers.List[storage.Object](t.Context(), c, storage.ListObjects{Bucket: bucket}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o.Name)
	}
	return all
}

// must is the answer to an operation that is to succeed.
func must[Out any](t *testing.T, c *drivers.Conn, in any) Out {
	t.Helper()
	out, err := drivers.Call[Out](t.Context(), c, in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	return out
}

// largeObjects: what a large object is made of is whole, in manifests of manifests
// too, and goes with it: when it is deleted, written over, or fails.
func largeObjects(t *testing.T, config map[string]any, inManifest int) {
	c := swiftOpener(config)(t, nil)
	defer c.Close()
	d := c.Driver().(*swiftDriver)
	d.partSize, d.inManifest = func(int) int64 { return 1000 }, inManifest
	must[storage.Bucket](t, c, storage.CreateBucket{Name: "large"})
	put := func(name string, n int) string {
		t.Helper()
		body := strings.Repeat("0123456789", n/10)
		must[storage.Object](t, c, storage.PutObject{Bucket: "large", Name: name, Body: strings.NewReader(body)})
		return body
	}
	holds := func(name, want string) {
		t.Helper()
		got := must[storage.Download](t, c, storage.ReadObject{Bucket: "large", Name: name})
		defer got.Body.Close()
		if b, err := io.ReadAll(got.Body); err != nil || string(b) != want {
			t.Errorf("%s holds %d bytes, %v", name, len(b), err)
		}
	}
	body := put("o", 10_500)
	holds("o", body)
	before := len(names(t, c, "large_segments"))
	if before < 11 {
		t.Errorf("there are %d segments", before)
	}
	must[storage.Object](t, c, storage.CopyObject{Bucket: "large", Name: "o", ToName: "copy"})
	body = put("o", 2_500)
	holds("o", body)
	updated := must[storage.Object](t, c, storage.UpdateObject{Bucket: "large", Name: "o", Metadata: map[string]string{"a": "b"}})
	if len(updated.Metadata) != 1 {
		t.Errorf("the metadata is %v", updated.Metadata)
	}
	put("o", 10)
	holds("copy", strings.Repeat("0123456789", 1050))
	for _, err := range []error{drivers.Do(t.Context(), c, storage.DeleteObject{Bucket: "large", Name: "copy"}), drivers.Do(t.Context(), c, storage.DeleteObject{Bucket: "large", Name: "o"})} {
		if err != nil {
			t.Error(err)
		}
	}
	broken := io.MultiReader(strings.NewReader(strings.Repeat("x", 5_500)), iotest.ErrReader(errors.New("no more")))
	if _, err := drivers.Call[storage.Object](t.Context(), c, storage.PutObject{Bucket: "large", Name: "broken", Body: broken}); err == nil {
		t.Error("a body that breaks was written")
	}
	if left := names(t, c, "large_segments"); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
	if err := drivers.Do(t.Context(), c, storage.DeleteBucket{Bucket: "large"}); err != nil {
		t.Error(err)
	}
	for b, err := range drivers.List[storage.Bucket](t.Context(), c, storage.ListBuckets{}) {
		if err != nil || strings.HasPrefix(b.Name, "large") {
			t.Errorf("left is %s, %v", b.Name, err)
		}
	}
}

// account is a cluster with version 1 of the API whose tokens work once, and whose
// one object is answered as its test wants.
func account(t *testing.T, answer http.HandlerFunc) *drivers.Conn {
	t.Helper()
	noEnvironment(t)
	var mu sync.Mutex
	token := 0
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.URL.Path == "/auth/v1.0" && r.Header.Get("X-Auth-Key") != "hush":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/auth/v1.0":
			token++
			w.Header().Set("X-Auth-Token", fmt.Sprint(token))
			w.Header().Set("X-Storage-Url", s.URL+"/v1/AUTH_lab")
		case r.Header.Get("X-Auth-Token") != fmt.Sprint(token):
			w.WriteHeader(http.StatusUnauthorized)
		default:
			answer(w, r)
			token++ // the one that there was has run out
		}
	}))
	t.Cleanup(s.Close)
	c := swiftOpener(map[string]any{"auth_url": s.URL + "/auth/v1.0", "username": "a:b", "password": op.Secret("hush")})(t, nil)
	t.Cleanup(func() { c.Close() })
	return c
}

// TestDamagedObject: a byte that is not what was stored, in an object or a segment,
// and a body that ends early, are never taken for the object.
func TestDamagedObject(t *testing.T) {
	sum := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	for name, c := range map[string]struct {
		sent  string
		large bool
		kind  op.Kind
	}{
		"whole":               {"hello, world", false, ""},
		"corrupted":           {"hello, World", false, op.Internal},
		"short":               {"hello", false, op.Unavailable},
		"large":               {"hello, world", true, ""},
		"a corrupted segment": {"hellO, world", true, op.Internal},
		"a segment short":     {"hello", true, op.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			conn := account(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("multipart-manifest") == "get" {
					fmt.Fprintf(w, `[{"name": "/s/1", "hash": %q, "bytes": 5}, {"name": "/s/2", "hash": %q, "bytes": 7}]`, sum("hello"), sum(", world"))
					return
				}
				w.Header().Set("Etag", sum("hello, world"))
				if c.large {
					w.Header().Set("Etag", `"`+sum(sum("hello")+sum(", world"))+`"`)
					w.Header().Set("X-Static-Large-Object", "True")
				}
				w.Header().Set("Content-Length", "12")
				_, _ = io.WriteString(w, c.sent)
			})
			d := must[storage.Download](t, conn, storage.ReadObject{Bucket: "b", Name: "o"})
			defer d.Body.Close()
			if _, err := io.ReadAll(d.Body); op.KindOf(err) != c.kind {
				t.Errorf("reading it: %v", err)
			}
		})
	}
}

// TestSwiftErrors: what a cluster answers with is told as what it is.
func TestSwiftErrors(t *testing.T) {
	for want, answer := range map[op.Kind]http.HandlerFunc{
		op.Internal: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) },
		op.QuotaExceeded: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "Upload exceeds quota.", http.StatusRequestEntityTooLarge)
		},
		op.PermissionDenied: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		op.RateLimited:      func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "7"); w.WriteHeader(498) },
		op.Unavailable:      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
	} {
		conn := account(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			answer(w, r)
		})
		_, err := drivers.Call[storage.Object](t.Context(), conn, storage.PutObject{Bucket: "b", Name: "o", Body: strings.NewReader("body")})
		if op.KindOf(err) != want || want == op.RateLimited && op.AsError(err).RetryAfter != 7*time.Second {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	noEnvironment(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer s.Close()
	t.Setenv("ST_AUTH", s.URL+"/auth/v1.0")
	t.Setenv("ST_USER", "a:b")
	t.Setenv("ST_KEY", "hush")
	conn := swiftOpener(nil)(t, nil)
	defer conn.Close()
	_, err := drivers.Call[storage.Bucket](t.Context(), conn, storage.GetBucket{Bucket: "b"})
	if op.KindOf(err) != op.Unauthenticated || strings.Contains(err.Error(), "hush") {
		t.Errorf("a wrong key: %v", err)
	}
}
