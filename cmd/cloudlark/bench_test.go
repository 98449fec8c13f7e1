package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkHello is a process from its start to its end, with a script that
// prints one word.
func BenchmarkHello(b *testing.B) {
	dir := b.TempDir()
	program, script := filepath.Join(dir, "cloudlark"), filepath.Join(dir, "hello.star")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(script, []byte("print(\"hello\")\n"), 0o666); err != nil {
		b.Fatal(err)
	}
	b.Setenv("XDG_STATE_HOME", dir)
	for b.Loop() {
		if out, err := exec.Command(program, "run", script).CombinedOutput(); err != nil || string(out) != "hello\n" {
			b.Fatalf("%v\n%s", err, out)
		}
	}
}
