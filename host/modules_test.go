package host_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cloudlark/cloudlark/drivers/sim"
	"github.com/cloudlark/cloudlark/host"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
)

// TestModules: a module may be bytes, a file or a file of an fs.FS, and scripts
// use it like a native driver, and beside one.
func TestModules(t *testing.T) {
	code := wasmtest.BuildGo(t, "../host/wasm/testdata/nodes")
	file := filepath.Join(t.TempDir(), "nodes.wasm")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(code)
	script := host.Script{FS: fstest.MapFS{"two.star": {Data: []byte(`
there = len([n for n in compute.driver("nodes").list_nodes() if n.tags["role"] == "web"])
here = len(compute.driver("sim").list_nodes())
`)}}, Path: "two.star"}
	for name, source := range map[string]wasm.Source{
		"bytes":  {Bytes: code},
		"file":   {File: file},
		"fs":     {File: "drivers/nodes.wasm", FS: fstest.MapFS{"drivers/nodes.wasm": {Data: code}}},
		"pinned": {Bytes: code, SHA256: hex.EncodeToString(sum[:])},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := host.New(host.Options{Drivers: sim.Providers(sim.Options{}), Modules: []wasm.Source{source}, CacheDir: wasmtest.CacheDir(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			res, err := h.Run(t.Context(), script)
			if err != nil {
				t.Fatal(err)
			}
			if res.Globals["there"] != int64(1000) || res.Globals["here"] != int64(0) {
				t.Errorf("the script saw %v", res.Globals)
			}
		})
	}
}

// TestModulesRefused: what may not be loaded is told when the host is made.
func TestModulesRefused(t *testing.T) {
	asks := wasmtest.BuildGo(t, "../wasm-drivers/s3")
	for name, c := range map[string]struct {
		source wasm.Source
		says   string
	}{
		"another module": {wasm.Source{Bytes: asks, SHA256: strings.Repeat("0", 64), Grant: wasm.Grant{All: true}}, "sha256"},
		"no grant":       {wasm.Source{Bytes: asks}, "asks for"},
		"no file":        {wasm.Source{File: filepath.Join(t.TempDir(), "none.wasm")}, "none.wasm"},
		"nothing":        {wasm.Source{}, "without bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := host.New(host.Options{Modules: []wasm.Source{c.source}, CacheDir: wasmtest.CacheDir(t)})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
