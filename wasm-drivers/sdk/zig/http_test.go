package zig_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
)

// provider is what testdata/http.zig is the driver of.
type provider struct {
	mu      sync.Mutex
	stored  bytes.Buffer // by PUT
	object  []byte       // for GET
	waiting sync.WaitGroup
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer s3cr3t" {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	const server = `{"id": %d, "name": "Grüße %[1]d", "labels": {"a": "b"}, "price": 0.25, "created": "2026-01-02T03:04:05Z", "unknown": [{"x": null}]}`
	switch path := r.URL.EscapedPath(); {
	case path == "/servers" && r.URL.Query().Get("page") == "":
		fmt.Fprintf(w, `{"servers": [`+server+`], "next": "p 2"}`, 1)
	case path == "/servers" && r.URL.Query().Get("page") == "p 2":
		fmt.Fprintf(w, `{"servers": [`+server+`], "next": null}`, 2)
	case path == "/servers/1":
		fmt.Fprintf(w, server, 1)
	case path == "/servers/limit":
		w.Header().Set("Retry-After", "2")
		w.Header().Set("X-Request-Id", "r-1")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"code": "slow_down", "message": "too fast"}`)
	case path == "/servers/broken":
		_, _ = io.WriteString(w, `{"id": `)
	case strings.HasPrefix(path, "/console/"):
		p.waiting.Done()
		p.waiting.Wait() // until all are here
		fmt.Fprintf(w, "%s\n", path)
	case strings.HasPrefix(path, "/objects/") && r.Method == http.MethodPut:
		data, err := io.ReadAll(r.Body)
		sum := sha256.Sum256(data)
		if err != nil || r.Header.Get("X-Sha256") != hex.EncodeToString(sum[:]) || r.ContentLength != int64(len(data)) {
			http.Error(w, "damaged", http.StatusBadRequest)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.stored.Write(data)
	case strings.HasPrefix(path, "/objects/"):
		_, _ = w.Write(p.object)
	case path == "/echo":
		_, _ = io.Copy(w, r.Body)
	default:
		http.Error(w, `{"message": "no such server"}`, http.StatusNotFound)
	}
}

// TestHTTP: requests, bodies and errors through the real host.
func TestHTTP(t *testing.T) {
	p := &provider{}
	server := httptest.NewServer(p)
	defer server.Close()
	var logged bytes.Buffer
	m := wasmtest.Load(t, wasm.Source{Bytes: build(t, "testdata/http.zig"), Grant: wasm.Grant{All: true}},
		wasm.Options{Logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	config := map[string]any{"endpoint": server.URL, "token": "s3cr3t"}
	conn := drivertest.Opener(wasmtest.Provider(t, m, compute.Family), config)(t, nil)
	defer conn.Close()
	ctx := t.Context()
	kind := func(t *testing.T, err error, want op.Kind) *op.Error {
		t.Helper()
		e := op.AsError(err)
		if e == nil || e.Kind != want {
			t.Fatalf("want an error of kind %s, have %+v", want, e)
		}
		return e
	}
	get := func(id string) (compute.Node, error) {
		return drivers.Call[compute.Node](ctx, conn, compute.GetNode{Node: id})
	}

	t.Run("list", func(t *testing.T) {
		var names []string
		for n, err := range drivers.List[compute.Node](ctx, conn, compute.ListNodes{}) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, n.ID+" "+n.Name)
		}
		if want := []string{"1 Grüße 1", "2 Grüße 2"}; !slices.Equal(names, want) {
			t.Errorf("have %q, want %q", names, want)
		}
	})
	t.Run("get", func(t *testing.T) {
		n, err := get("1")
		if err != nil || n.Tags["a"] != "b" || n.Extra["price"] != 0.25 || !n.CreatedAt.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("have %+v, %v", n, err)
		}
	})
	t.Run("errors", func(t *testing.T) {
		_, err := get("a/b?c")
		if e := kind(t, err, op.NotFound); e.Message != "no such server" {
			t.Errorf("%+v", e)
		}
		_, err = get("limit")
		if e := kind(t, err, op.RateLimited); e.Code != "slow_down" || e.RequestID != "r-1" || e.RetryAfter != 2*time.Second {
			t.Errorf("%+v", e)
		}
		_, err = get("broken")
		kind(t, err, op.Internal)
		kind(t, drivers.Do(ctx, conn, compute.StartNode{Node: "1"}), op.PermissionDenied)
		other := drivertest.Opener(wasmtest.Provider(t, m, compute.Family), map[string]any{"endpoint": server.URL, "token": "other"})(t, nil)
		defer other.Close()
		_, err = drivers.Call[compute.Node](ctx, other, compute.GetNode{Node: "1"})
		kind(t, err, op.Unauthenticated)
	})
	t.Run("panic", func(t *testing.T) {
		kind(t, drivers.Do(ctx, conn, compute.RebootNode{Node: "1"}), op.Internal)
		if !strings.Contains(logged.String(), "broken on purpose") {
			t.Errorf("the log does not say why: %s", &logged)
		}
		if _, err := get("1"); err != nil {
			t.Error(err)
		}
	})
	t.Run("sleep", func(t *testing.T) {
		if err := drivers.Do(ctx, conn, compute.DestroyNode{Node: "7"}); err != nil || !strings.Contains(logged.String(), "waiting for 7: 2") {
			t.Errorf("%v, %s", err, &logged)
		}
		short, cancel := context.WithTimeout(ctx, 7*time.Millisecond)
		defer cancel()
		kind(t, drivers.Do(short, conn, compute.DestroyNode{Node: "7"}), op.Timeout)
	})
	t.Run("at a time", func(t *testing.T) {
		p.waiting.Add(5)
		out, err := drivers.Call[compute.ConsoleOutput](ctx, conn, compute.GetConsoleOutput{Node: "1"})
		if want := "/console/1/0\n/console/1/1\n/console/1/2\n/console/1/3\n/console/1/4\n"; err != nil || out.Text != want {
			t.Errorf("have %q, %v", out.Text, err)
		}
	})

	objects := drivertest.Opener(wasmtest.Provider(t, m, storage.Family), config)(t, nil)
	defer objects.Close()
	data := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	t.Run("put", func(t *testing.T) {
		o, err := drivers.Call[storage.Object](ctx, objects, storage.PutObject{Bucket: "b", Name: "x", Body: bytes.NewReader(data)})
		if err != nil || o.Size != int64(len(data)) || !bytes.Equal(p.stored.Bytes(), data) {
			t.Errorf("%+v, %v; %d bytes stored", o, err, p.stored.Len())
		}
	})
	t.Run("read", func(t *testing.T) {
		p.object = data
		d, err := drivers.Call[storage.Download](ctx, objects, storage.ReadObject{Bucket: "b", Name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Body.Close()
		if got, err := io.ReadAll(d.Body); err != nil || !bytes.Equal(got, data) || d.Object.Name != "x" {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	t.Run("write", func(t *testing.T) {
		o, err := drivers.Call[storage.Object](ctx, objects, storage.GetObject{Bucket: "b", Name: "Grüße"})
		if err != nil || o.ETag != "Grüße" {
			t.Errorf("%+v, %v", o, err)
		}
	})
	if strings.Contains(logged.String(), "s3cr3t") {
		t.Error("the credential is in the log")
	}
}

// build builds one source file as a module.
func build(t *testing.T, source string) []byte {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs(source)
	if err != nil {
		t.Fatal(err)
	}
	sdk, err := filepath.Abs("src/root.zig")
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, dir, "build-exe", "-target", "wasm32-freestanding", "-Osmall", "-fno-entry", "-rdynamic", "-fstrip", "--stack", "262144",
		"-femit-bin=out.wasm", "--dep", "cloudlark", "-Mroot="+root, "-target", "wasm32-freestanding", "-Osmall", "-Mcloudlark="+sdk)
	code, err := os.ReadFile(filepath.Join(dir, "out.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}
