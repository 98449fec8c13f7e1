package google

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// openGCSWith opens the driver "gcs" with a configuration.
func openGCSWith(t testing.TB, config map[string]any, chain ...op.Interceptor) *drivers.Conn {
	t.Helper()
	for _, p := range Providers() {
		if p.Name == "gcs" {
			conn, err := p.Open(t.Context(), "gcs", config, chain...)
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
	}
	t.Fatal("there is no gcs")
	return nil
}

func TestGCSOnFake(t *testing.T) {
	issuer, _ := tokens(t, http.StatusOK, tokenBody("token"))
	config := map[string]any{"endpoint": lab.FakeGCS(t), "project": "test", "credentials_file": serviceAccount(t, issuer)}
	drivertest.Storage(t, drivertest.Harness{
		Open: func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
			c := maps.Clone(config)
			maps.Copy(c, over)
			return openGCSWith(t, c, chain...)
		},
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		Native:       native.Call{Operation: "GET /b", Arguments: map[string]any{"query": map[string]any{"project": "test"}}},
		NativeChange: "POST /b",
		Deviations: map[string]string{
			"list/delimiter":               "gives a prefix again on the next page; Google documents prefixes as part of the one list that pages cut",
			"list/delimiter_of_two":        "takes the first character of a delimiter alone; Google documents any string",
			"uploads/if_absent":            "ignores ifGenerationMatch when it composes; Google documents it",
			"list/delimiter_in_many_pages": "takes the first character of a delimiter alone; Google documents any string",
		},
	})
}

// TestGCSManyParts: what are more parts than Google composes at once is composed in
// steps, and nothing of that is left.
func TestGCSManyParts(t *testing.T) {
	issuer, _ := tokens(t, http.StatusOK, tokenBody("token"))
	conn := openGCSWith(t, map[string]any{"endpoint": lab.FakeGCS(t), "project": "test", "credentials_file": serviceAccount(t, issuer)})
	defer conn.Close()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := drivers.Call[storage.Bucket](ctx, conn, storage.CreateBucket{Name: "parts"})
	must(err)
	u, err := drivers.Call[storage.Upload](ctx, conn, storage.CreateMultipartUpload{Bucket: "parts", Name: "o"})
	must(err)
	var parts []storage.Part
	var want strings.Builder
	for i := range composeMost + 8 {
		piece := fmt.Sprintf("part %d;", i)
		want.WriteString(piece)
		p, err := drivers.Call[storage.Part](ctx, conn, storage.UploadPart{Bucket: "parts", Name: "o", Upload: u.ID, Number: i + 1, Body: strings.NewReader(piece)})
		must(err)
		parts = append(parts, p)
	}
	_, err = drivers.Call[storage.Object](ctx, conn, storage.CompleteMultipartUpload{Bucket: "parts", Name: "o", Upload: u.ID, Parts: parts})
	must(err)
	d, err := drivers.Call[storage.Download](ctx, conn, storage.ReadObject{Bucket: "parts", Name: "o"})
	must(err)
	defer d.Body.Close()
	if got, err := io.ReadAll(d.Body); err != nil || string(got) != want.String() {
		t.Errorf("it holds %q, %v", got, err)
	}
	left, err := conn.Driver().(*gcsDriver).api.Objects.List("parts").Do()
	must(err)
	if len(left.Items) != 1 {
		t.Errorf("left are %d objects", len(left.Items))
	}
}

// canned is a store with one object, whose body it sends as its test wants.
func canned(t *testing.T, send func(w http.ResponseWriter)) *drivers.Conn {
	t.Helper()
	const body = "hello, world"
	sum := crc32.New(castagnoli)
	io.WriteString(sum, body)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("alt") == "media" {
			send(w)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"bucket": "bbb", "name": "o", "size": "%d", "generation": "7", "crc32c": %q}`, len(body), encoded(sum))
	}))
	t.Cleanup(s.Close)
	conn := openGCSWith(t, map[string]any{"endpoint": s.URL, "project": "test", "access_token": op.Secret("x")})
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestGCSDamaged: a byte that is not what was stored, and a body that ends early,
// are never taken for the object.
func TestGCSDamaged(t *testing.T) {
	for name, c := range map[string]struct {
		send func(w http.ResponseWriter)
		kind op.Kind
	}{
		"whole":     {func(w http.ResponseWriter) { io.WriteString(w, "hello, world") }, ""},
		"corrupted": {func(w http.ResponseWriter) { io.WriteString(w, "hello, World") }, op.Internal},
		"truncated": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "12")
			io.WriteString(w, "hello")
		}, op.Unavailable},
		"short": {func(w http.ResponseWriter) { io.WriteString(w, "hello") }, op.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := drivers.Call[storage.Download](t.Context(), canned(t, c.send), storage.ReadObject{Bucket: "bbb", Name: "o"})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Body.Close()
			if _, err := io.ReadAll(d.Body); op.KindOf(err) != c.kind {
				t.Errorf("reading it: %v", err)
			}
		})
	}
}

// TestGCSDamagedUpload: what was stored and is not what was sent is deleted again.
func TestGCSDamagedUpload(t *testing.T) {
	var deleted []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodDelete:
			deleted = append(deleted, r.URL.Path+"?"+r.URL.RawQuery)
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodPost && r.URL.Query().Get("uploadType") == "resumable":
			w.Header().Set("Location", "http://"+r.Host+"/upload/session")
		case strings.HasPrefix(r.Header.Get("Content-Range"), "bytes") && strings.HasSuffix(r.Header.Get("Content-Range"), "/*"):
			w.Header().Set("Range", "bytes=0-"+fmt.Sprint(chunk-1))
			w.Header().Set("X-Http-Status-Code-Override", "308") // as Google's clients ask for it
		default:
			fmt.Fprint(w, `{"bucket": "bbb", "name": "o", "generation": "7", "crc32c": "AAAAAA=="}`)
		}
	}))
	defer s.Close()
	conn := openGCSWith(t, map[string]any{"endpoint": s.URL, "project": "test", "access_token": op.Secret("x")})
	defer conn.Close()
	_, err := drivers.Call[storage.Object](context.WithoutCancel(t.Context()), conn, storage.PutObject{Bucket: "bbb", Name: "o", Body: strings.NewReader(strings.Repeat("x", chunk+1))})
	if op.KindOf(err) != op.Internal || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("the error is %v", err)
	}
	if len(deleted) != 1 || !strings.Contains(deleted[0], "generation=7") {
		t.Errorf("deleted were %q", deleted)
	}
}

// TestGCSPresignNeedsAKey: other credentials cannot sign, and that is told.
func TestGCSPresignNeedsAKey(t *testing.T) {
	conn := openGCSWith(t, map[string]any{"project": "test", "access_token": op.Secret("x")})
	defer conn.Close()
	_, err := drivers.Call[storage.URL](t.Context(), conn, storage.PresignObject{Bucket: "bbb", Name: "o"})
	if op.KindOf(err) != op.Unsupported || !strings.Contains(err.Error(), "service account") {
		t.Errorf("the error is %v", err)
	}
}
