package guard_test

import (
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins/guard"
)

// FuzzParse looks for programs that mean something else when they are guarded,
// that panic, or that get around small limits. A program that stays within them
// is run unguarded as well, and must come to the same globals.
func FuzzParse(f *testing.F) {
	for _, src := range []string{
		"x = 'a' * 3 + 'b'", "x = [1, 2] * 2\nx += (3,)", "def f(*a):\n    'doc'\n    return a\nx = f(1, *[2, 3])", "x = '%s %d' % ('a', 1 << 3)",
		"x = sorted([3, 1, 2], key = lambda v: -v)", "x = {k: v for k, v in {'a': 1}.items()}", "x = ','.join(['a']).split(',')",
		"x = 1\nwhile x < 100:\n    x *= x + 1", "x = [(i, j) for i in range(3) for j in range(i) if i not in [j, 1]]", "x, y = (1, (2, 3))\ny <<= 2",
		"x = struct\nif x == None or 1 in (2, 1):\n    x = 5 % 3", "x = (lambda *a, **k: (a, k))(1, b = 2)", "x = 'a{}'.format([1])\nx %= ()",
		"d = {}\nd['a'] = 1\nd['a'] += 2\nd.update([('b', 1)])", "x = set([1]) | set([2])\ny = x.union(range(3))", "x = 5\nx -= -~x // 2", "x = getattr('a', 'join')(['b'])",
	} {
		f.Add(src)
	}
	limits := guard.Limits{Bytes: 1 << 16, Items: 1 << 12, Depth: 50}
	f.Fuzz(func(t *testing.T, src string) {
		if strings.Contains(src, "guard") || strings.Contains(src, "range") && strings.Contains(src, "::") {
			return // what prints a guard's place, and a defect of the interpreter's own
		}
		got, err := run(src, limits, 3_000)
		if err != nil {
			return
		}
		if err := guard.Freeze(values(got)...); err != nil {
			return
		}
		thread := &starlark.Thread{Print: func(*starlark.Thread, string) {}}
		thread.SetMaxExecutionSteps(3_000)
		want, err := starlark.ExecFileOptions(dialect, thread, "test.star", src, starlark.StringDict{"struct": guard.Universe()["struct"]})
		if err != nil {
			t.Fatalf("guarded: no error; unguarded: %v", err)
		}
		a, err1 := guard.String(starlark.Tuple(values(got)))
		b, err2 := guard.String(starlark.Tuple(values(want)))
		if a != b || (err1 == nil) != (err2 == nil) {
			t.Errorf("guarded: %.1000s, %v\nunguarded: %.1000s, %v", a, err1, b, err2)
		}
	})
}

func values(d starlark.StringDict) []starlark.Value {
	var all []starlark.Value
	for _, name := range d.Keys() {
		all = append(all, starlark.String(name), d[name])
	}
	return all
}

// The cost of a guard: the same loops, with and without.
func BenchmarkGuard(b *testing.B) {
	for name, body := range map[string]string{
		"sum":     "x = x + i",
		"product": "x = i * y",
		"format":  "x = '%s-%d' % (y, i)",
		"equal":   "x = i == y",
		"join":    "x = ''.join(l)",
		"tuple":   "x = (i, y)",
		"none":    "x = i - y",
	} {
		src := "def f():\n    x, y, l = 0, 3, ['a', 'b', 'c']\n    for i in range(1000):\n        " + body + "\nf()\n"
		b.Run(name+"/guarded", func(b *testing.B) {
			f, err := guard.Parse(dialect, "bench.star", []byte(src))
			if err != nil {
				b.Fatal(err)
			}
			predeclared := guard.Universe()
			prog, err := starlark.FileProgram(f, predeclared.Has)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := prog.Init(&starlark.Thread{}, predeclared); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/plain", func(b *testing.B) {
			_, prog, err := starlark.SourceProgramOptions(dialect, "bench.star", src, func(string) bool { return false })
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := prog.Init(&starlark.Thread{}, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
