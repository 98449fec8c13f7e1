//go:build unix

package lib_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cloudlark/cloudlark/builtins/lib"
)

// To open a pipe waits until another process does.
func TestReadNoPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666); err != nil {
		t.Skip("there are no pipes here:", err)
	}
	for _, call := range []string{`read_file(dir + "/pipe")`, `open_file(dir + "/pipe")`, `read_file(dir)`} {
		if _, _, err := exec(t, lib.Grants{Read: []string{dir}}, call, "dir", dir); err == nil || !strings.Contains(err.Error(), "it is no file") {
			t.Errorf("%s: %v", call, err)
		}
	}
}
