package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/host/wasm"
)

var description = &abi.Description{ABI: 1, Name: "example", Version: "1.0.0", Hosts: []string{"api.example.com"},
	Families:    map[string]abi.Offer{"lb": {}, "compute": {}},
	Credentials: []abi.Credential{{Name: "token", Scheme: abi.Bearer, Hosts: []string{"api.example.com"}, Env: []string{"EXAMPLE_TOKEN"}}}}

const sum = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestLockRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", Name)
	l, err := Read(path)
	if err != nil || len(l.Drivers) != 0 {
		t.Fatalf("a file that is not there: %v, %v", l, err)
	}
	entry := EntryOf(description, "example.wasm", sum)
	l.Put(Driver{Name: "other", Source: "o.wasm", SHA256: sum})
	l.Put(Driver{Name: "example", Source: "older", SHA256: sum})
	l.Put(entry)
	if err := l.Write(); err != nil {
		t.Fatal(err)
	}
	read, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(read.Drivers) != 2 || !reflect.DeepEqual(*read.Find("example"), entry) {
		t.Errorf("read %+v", read.Drivers)
	}
	if beyond := entry.Grant().Beyond(description); len(beyond) > 0 {
		t.Errorf("what it asked for is not granted: %q", beyond)
	}
	if err := read.Remove("exmaple"); err == nil || !strings.Contains(err.Error(), "did you mean example") {
		t.Errorf("removing what is not there: %v", err)
	}
	if err := read.Remove("example"); err != nil || read.Find("example") != nil {
		t.Errorf("it is still there: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("writing left %v, %v", left, err)
	}
}

func TestBeyondTheGrant(t *testing.T) {
	granted := EntryOf(description, "x", sum).Grant()
	more := *description
	more.Hosts = append([]string{"*.evil.example"}, description.Hosts...)
	more.Credentials = []abi.Credential{{Name: "token", Scheme: abi.Bearer, Hosts: more.Hosts}}
	more.Memory = 1024
	want := []string{"requests to *.evil.example", "the credential token: bearer to *.evil.example, api.example.com", "1024 MiB of memory, not 64"}
	if got := granted.Beyond(&more); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got := (wasm.Grant{All: true}).Beyond(&more); got != nil {
		t.Errorf("everything was granted, and %q is beyond it", got)
	}
}

func TestReadRefuses(t *testing.T) {
	entry := func(name, source, sum string) string {
		return fmt.Sprintf("[[driver]]\nname = %q\nsource = %q\nsha256 = %q\n", name, source, sum)
	}
	for text, want := range map[string]string{
		"[[driver]\n":               "1:9:",
		entry("a", "", sum):         "no source",
		entry("a", "a.wasm", "abc"): "a: sha256 is no digest",
		entry("a", "a.wasm", sum) + entry("a", "b", sum):  "a is there twice",
		entry("a", "a.wasm", sum) + "host = [\"x\"]\n":    "does not belong here",
		entry("a", "a.wasm", strings.ToUpper(sum)) + "\n": "sha256",
	} {
		path := filepath.Join(t.TempDir(), Name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	own, err := UserPath()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{own, filepath.Join(dir, "a", Name)} {
		if err := (&Lock{Path: path}).Write(); err != nil {
			t.Fatal(err)
		}
		if got, err := Find(deep); err != nil || got != path {
			t.Errorf("found %q, %v; want %q", got, err, path)
		}
	}
}

func TestHTTPS(t *testing.T) {
	module := []byte("\x00asm a module")
	mux := http.NewServeMux()
	mux.HandleFunc("/m.wasm", func(w http.ResponseWriter, r *http.Request) { w.Write(module) })
	mux.Handle("/moved", http.RedirectHandler("/m.wasm", http.StatusFound))
	mux.Handle("/open", http.RedirectHandler("http://127.0.0.1:1/m.wasm", http.StatusFound))
	s := httptest.NewTLSServer(mux)
	defer s.Close()
	cache := &Cache{t.TempDir()}
	f := &Fetcher{Cache: cache, Client: s.Client()}
	for _, path := range []string{"/m.wasm", "/moved"} {
		if data, err := f.Fetch(t.Context(), s.URL+path); err != nil || !bytes.Equal(data, module) {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	for path, want := range map[string]string{"/none": "404", "/open": "not https"} {
		if _, err := f.Fetch(t.Context(), s.URL+path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := f.Fetch(t.Context(), "http://127.0.0.1/m.wasm"); err == nil || !strings.Contains(err.Error(), "https URL") {
		t.Errorf("plain http: %v", err)
	}
	// Pinned: another module is refused, the right one is kept and not asked for again.
	d := Driver{Name: "m", Source: s.URL + "/m.wasm", SHA256: sum}
	if _, err := f.Pinned(t.Context(), d); err == nil || !strings.Contains(err.Error(), "not the module that was granted") {
		t.Errorf("another module: %v", err)
	}
	d.SHA256 = Digest(module)
	if _, err := f.Pinned(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if data, err := f.Pinned(t.Context(), d); err != nil || !bytes.Equal(data, module) {
		t.Errorf("kept: %q, %v", data, err)
	}
	// What is kept is not trusted.
	if err := os.WriteFile(cache.path(d.SHA256, ".wasm"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := f.Pinned(t.Context(), d); err == nil {
		t.Errorf("a kept file that was changed was used: %q", data)
	}
}

// TestOCI fetches from a real registry, one in memory.
func TestOCI(t *testing.T) {
	s := httptest.NewServer(registry.New(registry.Logger(log.New(nullWriter{}, "", 0))))
	defer s.Close()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	module := []byte("\x00asm a module")
	reference := strings.TrimPrefix(s.URL, "http://") + "/drivers/example"
	push(t, reference, "v1", "application/wasm", module)
	push(t, reference, "odd", "application/x-odd", module)
	f := &Fetcher{Cache: &Cache{t.TempDir()}}
	for _, tag := range []string{"v1", "odd"} {
		resolved, err := f.Resolve(t.Context(), "oci://"+reference+":"+tag)
		if err != nil || !strings.HasPrefix(resolved, "oci://"+reference+"@sha256:") {
			t.Fatalf("resolved to %q, %v", resolved, err)
		}
		if again, err := f.Resolve(t.Context(), resolved); err != nil || again != resolved {
			t.Errorf("a digest became %q, %v", again, err)
		}
		if data, err := f.Fetch(t.Context(), resolved); err != nil || !bytes.Equal(data, module) {
			t.Errorf("%s: %q, %v", tag, data, err)
		}
	}
	push(t, reference, "two", "application/octet-stream", module, module[1:])
	if _, err := f.Fetch(t.Context(), "oci://"+reference+":two"); err == nil || !strings.Contains(err.Error(), "2 layers") {
		t.Errorf("two layers: %v", err)
	}
	if _, err := f.Fetch(t.Context(), "oci://"+reference+":none"); err == nil || !strings.Contains(err.Error(), reference) {
		t.Errorf("no such tag: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Fetch(ctx, "oci://"+reference+":v1"); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

type nullWriter struct{}

func (nullWriter) Write(p []byte) (int, error) { return len(p), nil }

func push(t *testing.T, reference, tag, mediaType string, layers ...[]byte) {
	t.Helper()
	store := memory.New()
	var descriptors []ocispec.Descriptor
	for _, data := range layers {
		d := content.NewDescriptorFromBytes(mediaType, data)
		if err := store.Push(t.Context(), d, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		descriptors = append(descriptors, d)
	}
	m, err := oras.PackManifest(t.Context(), store, oras.PackManifestVersion1_1, "application/vnd.cloudlark.driver", oras.PackManifestOptions{Layers: descriptors})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Tag(t.Context(), m, tag); err != nil {
		t.Fatal(err)
	}
	repo, err := repository(reference)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := oras.Copy(t.Context(), store, tag, repo, tag, oras.DefaultCopyOptions); err != nil {
		t.Fatal(err)
	}
}

func TestCacheOfDescriptions(t *testing.T) {
	c := &Cache{filepath.Join(t.TempDir(), "new")}
	if c.Description(sum) != nil {
		t.Error("a description from nothing")
	}
	if err := c.Keep(sum, description); err != nil {
		t.Fatal(err)
	}
	if got := c.Description(sum); !reflect.DeepEqual(got, description) {
		t.Errorf("kept %+v", got)
	}
	if err := os.WriteFile(c.path(sum, ".json"), []byte(`{"abi": 9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if c.Description(sum) != nil {
		t.Error("a damaged description was used")
	}
}
