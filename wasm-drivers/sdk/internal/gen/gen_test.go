package main

import (
	"os"
	"testing"
)

// TestCurrent fails when a contract has changed since the files were written.
func TestCurrent(t *testing.T) {
	for path, want := range outputs() {
		have, err := os.ReadFile("../../../../" + path)
		if err != nil {
			t.Error(err)
			continue
		}
		if string(have) != want {
			t.Errorf("%s is not current: go run ./wasm-drivers/sdk/internal/gen", path)
		}
	}
}
