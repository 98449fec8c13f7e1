package rust_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestUnits runs the SDK's own tests, natively, with Debian's Rust and crates.
func TestUnits(t *testing.T) {
	const crates = "/usr/share/cargo/registry"
	for _, needed := range []string{"/usr/bin/cargo", crates + "/serde_json-1.0.87"} {
		if _, err := os.Stat(needed); err != nil {
			const install = "apt-get install cargo libstd-rust-dev-wasm32 librust-serde-json-dev librust-serde-derive-dev lld"
			if os.Getenv("CI") != "" {
				t.Fatal(install)
			}
			t.Skip(install)
		}
	}
	cmd := exec.Command("/usr/bin/cargo", "test", "--lib", "--offline", "--target-dir", t.TempDir(),
		"--config", `source.crates-io.replace-with="debian"`, "--config", `source.debian.directory="`+crates+`"`)
	cmd.Env = append(os.Environ(), "RUSTC=/usr/bin/rustc", "CARGO_HOME="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("cargo test: %v\n%s", err, out)
	}
}
