package builtins

import (
	"io/fs"
	"path"
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
