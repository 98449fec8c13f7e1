package builtins

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// FuzzModulePath: whatever a script asks load for, what is opened is inside the
// script's root.
func FuzzModulePath(f *testing.F) {
	for _, s := range []string{"//lib/x.star", "lib/x.star", "//../x", "///etc/passwd", "//a/./b", "//a//b", "//", "//a\x00b", `//a\..\b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		file, err := modulePath(name)
		if err != nil {
			if op.KindOf(err) != op.InvalidArgument {
				t.Fatalf("%q: %v", name, err)
			}
			return
		}
		if !fs.ValidPath(file) || path.Clean(file) != file || strings.HasPrefix(file, "/") || "//"+file != name {
			t.Fatalf("%q opens %q", name, file)
		}
	})
}

func TestModulesAndTypes(t *testing.T) {
	modules, types := Modules(Options{}), Types()
	for name, attr := range map[string]string{"json": "encode", "time": "now", "math": "pi", "re": "search", "http": "get"} {
		if !slices.Contains(modules[name], attr) {
			t.Errorf("%s: got %v, want %s among them", name, modules[name], attr)
		}
	}
	for name, attr := range map[string]string{"attempt": "value", "error": "kind", "stream": "lines", "file": "size"} {
		if !slices.Contains(types[name], attr) {
			t.Errorf("%s: got %v, want %s among them", name, types[name], attr)
		}
	}
}
