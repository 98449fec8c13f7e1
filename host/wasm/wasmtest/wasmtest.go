// Package wasmtest builds and loads driver modules for tests.
package wasmtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host/wasm"
)

var builds sync.Map // from a package's path to func() ([]byte, error)

// BuildGo builds a guest written in Go, once a process: a package's path as
// the go command takes it.
func BuildGo(t testing.TB, pkg string) []byte {
	t.Helper()
	build, _ := builds.LoadOrStore(pkg, sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "cloudlark-guest-*")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		out := filepath.Join(dir, "guest.wasm")
		cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
		if text, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
		}
		return os.ReadFile(out)
	}))
	data, err := build.(func() ([]byte, error))()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Load loads a module and closes it at the test's end. Compiled code is kept
// for the other tests of the machine.
func Load(t testing.TB, s wasm.Source, o wasm.Options) *wasm.Module {
	t.Helper()
	if o.CacheDir == "" {
		o.CacheDir = CacheDir(t)
	}
	m, err := wasm.Load(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// CacheDir is a folder for compiled code that outlives the test.
func CacheDir(t testing.TB) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		return t.TempDir()
	}
	return filepath.Join(dir, "cloudlark", "compiled")
}

// Provider is the module's driver of a family.
func Provider(t testing.TB, m *wasm.Module, family *op.Family) *drivers.Provider {
	t.Helper()
	for _, p := range m.Providers() {
		if p.Family == family {
			return p
		}
	}
	t.Fatalf("the module has no driver of %s", family.Name)
	return nil
}
