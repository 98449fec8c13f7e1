package builtins_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.starlark.net/starlark"
	"go.uber.org/goleak"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/sim"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are those of a run on an embedded cloud of its own, in memory.
func options(t testing.TB, root fs.FS, file string, out *bytes.Buffer) builtins.Options {
	t.Helper()
	providers := sim.Providers(sim.Options{})
	return builtins.Options{
		Families: []*op.Family{compute.Family, storage.Family, lb.Family, container.Family},
		Open: func(ctx context.Context, f *op.Family, name string, config map[string]any) (*drivers.Conn, error) {
			for _, p := range providers {
				if p.Family == f && p.Name == name {
					conn, err := p.Open(ctx, name, config)
					if err == nil {
						t.Cleanup(func() { conn.Close() })
					}
					return conn, err
				}
			}
			return nil, op.Errorf(op.NotFound, "there is no driver %q", name)
		},
		FS: root, Path: file, Stdout: out,
		Limits: builtins.Limits{Steps: 20_000_000, Parallel: 16, Output: 1 << 20, Memory: 512 << 20},
	}
}

// TestScripts runs the chunks of testdata/*.star, which are separated by lines
// of ---. A chunk with "### text" in a line must fail there, with that text; any
// other must succeed. assert.eq and assert.true are predeclared.
func TestScripts(t *testing.T) {
	files, err := fs.Glob(os.DirFS("testdata"), "*.star")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		src, err := os.ReadFile(path.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		line := 1
		for chunk := range strings.SplitSeq(string(src), "\n---\n") {
			t.Run(fmt.Sprintf("%s:%d", file, line), func(t *testing.T) { runChunk(t, chunk) })
			line += strings.Count(chunk, "\n") + 2
		}
	}
}

var expected = regexp.MustCompile(`(?m)^(.*)### (.*)$`)

func runChunk(t *testing.T, src string) {
	t.Helper()
	root := fstest.MapFS{"main.star": {Data: []byte(src)},
		"lib/good.star":    {Data: []byte("def twice(x):\n    return 2 * x\n")},
		"lib/circle.star":  {Data: []byte(`load("//lib/circle2.star", "x")` + "\n")},
		"lib/circle2.star": {Data: []byte(`load("//lib/circle.star", "x")` + "\nx = 1\n")},
	}
	var out bytes.Buffer
	o := options(t, root, "main.star", &out)
	o.Predeclared = starlark.StringDict{"assert_eq": starlark.NewBuiltin("assert_eq", assertEq)}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, _, err := builtins.Exec(ctx, o)
	m := expected.FindStringSubmatchIndex(src)
	if m == nil {
		if err != nil {
			t.Errorf("%v\nprinted:\n%s", err, out.String())
		}
		return
	}
	want, line := src[m[4]:m[5]], 1+strings.Count(src[:m[4]], "\n")
	var e *builtins.Error
	switch {
	case err == nil:
		t.Errorf("succeeded; want an error in line %d: %s", line, want)
	case !errors.As(err, &e):
		t.Errorf("%T is no *builtins.Error: %v", err, err)
	case !strings.Contains(e.Msg, want):
		t.Errorf("got  %s\nwant %s", err, want)
	default:
		for _, f := range e.Stack {
			if f.File == "main.star" && f.Line == line {
				return
			}
		}
		t.Errorf("the error is not in line %d: %v", line, err)
	}
}

func assertEq(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var got, want starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "got", &got, "want", &want); err != nil {
		return nil, err
	}
	equal, err := starlark.Equal(got, want)
	if err == nil && !equal {
		err = fmt.Errorf("got %s, want %s", got, want)
	}
	return starlark.None, err
}
