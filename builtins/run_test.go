package builtins_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// odd is a driver for what the embedded cloud does not do: it panics, it
// blocks, and its lists fail at a page of choice.
type odd struct {
	pages   int
	failAt  int // the page that fails; 0 is none
	fetched atomic.Int64
}

func (d *odd) ListVolumes(ctx context.Context, in compute.ListVolumes) iter.Seq2[compute.Volume, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Volume, string, error) {
		n := len(cursor) + 1
		d.fetched.Add(1)
		if n == d.failAt {
			return nil, "", op.Errorf(op.Unavailable, "page %d is lost", n)
		}
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		id := "v-" + strings.Repeat("i", n)
		if n == d.pages {
			return []compute.Volume{{ID: id}}, "", nil
		}
		return []compute.Volume{{ID: id}}, cursor + "x", nil
	})
}

// GetVolume blocks until its context ends.
func (d *odd) GetVolume(ctx context.Context, in compute.GetVolume) (compute.Volume, error) {
	<-ctx.Done()
	return compute.Volume{}, ctx.Err()
}

func (d *odd) GetNode(context.Context, compute.GetNode) (compute.Node, error) {
	panic("a defect")
}

// oddOptions are those of a run of src on d, as compute.driver("odd").
func oddOptions(t testing.TB, d *odd, src string, out *bytes.Buffer) builtins.Options {
	o := options(t, fstest.MapFS{"main.star": {Data: []byte(src)}}, "main.star", out)
	p := drivers.New(drivers.Info{Name: "odd", Title: "Odd", Family: compute.Family},
		func(context.Context, struct{}) (*odd, error) { return d, nil })
	o.Open = func(ctx context.Context, f *op.Family, name string, config map[string]any) (*drivers.Conn, error) {
		return p.Open(ctx, name, config)
	}
	return o
}

func runOdd(t *testing.T, d *odd, src string) (starlark.StringDict, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out bytes.Buffer
	globals, _, err := builtins.Exec(ctx, oddOptions(t, d, src, &out))
	return globals, out.String(), err
}

// A list that a call of parallel returns goes on after it.
func TestListFromParallel(t *testing.T) {
	globals, _, err := runOdd(t, &odd{pages: 5}, `
cloud = compute.driver("odd")
lists = parallel(lambda i: cloud.list_volumes(), range(3))
counts = [len(l) for l in lists]
`)
	if err != nil {
		t.Fatal(err)
	}
	if got := globals["counts"].String(); got != "[5, 5, 5]" {
		t.Errorf("got %s", got)
	}
}

// A break ends the fetching.
func TestBreak(t *testing.T) {
	d := &odd{pages: 100}
	_, _, err := runOdd(t, d, `
for v in compute.driver("odd").list_volumes():
    break
`)
	if n := d.fetched.Load(); err != nil || n > 2 {
		t.Errorf("%d pages were fetched for one item (%v)", n, err)
	}
}

// A list that fails in many threads at once ends the script, not the process,
// and an attempt goes on.
func TestSharedListFails(t *testing.T) {
	for range 20 {
		_, out, err := runOdd(t, &odd{pages: 9, failAt: 4}, `
cloud = compute.driver("odd")
l = cloud.list_volumes()
a = attempt(parallel, lambda i: [v.id for v in l], range(50), limit = 16)
print(a.error.kind, a.error.op)
b = attempt(parallel, lambda v: v.id, cloud.list_volumes())
print(b.error.kind)
c = attempt(lambda: parallel(lambda i: parallel(lambda j: len(l), range(4)), range(4)))
print(c.error.kind)
`)
		if want := "unavailable list_volumes\nunavailable\nunavailable\n"; err != nil || out != want {
			t.Fatalf("got %q, %v", out, err)
		}
	}
}

func TestPanics(t *testing.T) {
	for _, src := range []string{
		`compute.driver("odd").get_node("n")`,
		`parallel(compute.driver("odd").get_node, ["n"])`,
		`attempt(compute.driver("odd").get_node, "n").value.id`,
	} {
		_, _, err := runOdd(t, &odd{}, src)
		if err == nil || strings.Contains(err.Error(), "goroutine") {
			t.Errorf("%s: %v", src, err)
		}
	}
	_, out, err := runOdd(t, &odd{}, `print(attempt(compute.driver("odd").get_node, "n").error.kind)`)
	if out != "internal\n" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
}

// Interrupting ends a run that waits in the driver, in sleep, or computes; and
// no attempt holds it up.
func TestInterrupt(t *testing.T) {
	for _, src := range []string{
		`compute.driver("odd").get_volume("v")`,
		`attempt(compute.driver("odd").get_volume, "v")` + "\nprint('on')",
		`parallel(compute.driver("odd").get_volume, ["v", "w"])`,
		`sleep("1h")`,
		"while True:\n    attempt(sleep, '1ms')",
		"while True:\n    pass",
	} {
		var out bytes.Buffer
		o := oddOptions(t, &odd{}, src, &out)
		o.Limits.Steps = 0
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, _, err := builtins.Exec(ctx, o)
		if op.KindOf(err) != op.Canceled || out.Len() > 0 {
			t.Errorf("%s: %v %q", src, err, out.String())
		}
	}
}

// No attempt catches a limit.
func TestLimits(t *testing.T) {
	for src, want := range map[string]string{
		"def f():\n    while True:\n        pass\nattempt(f)":                                     "more than its limit of 1000000 steps",
		"def f(i):\n    while True:\n        pass\nattempt(parallel, f, range(8))":                "more than its limit of 1000000 steps",
		"def f():\n    while True:\n        print('x' * 1000)\nattempt(f)":                        "more than its limit of 65536 bytes",
		"def f():\n    x = []\n    while True:\n        x.append('x' * 100000)\nattempt(f)":       "needs more memory",
		"def f(x):\n    return attempt(parallel, f, [x, x])\nprint(f(1).value[0].value[0].error)": "",
	} {
		var out bytes.Buffer
		o := oddOptions(t, &odd{}, src+"\nprint('went on')", &out)
		o.Limits = builtins.Limits{Steps: 1_000_000, Parallel: 4, Output: 65536, Memory: 64 << 20}
		if strings.Contains(want, "memory") {
			o.Limits.Steps = 0
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, _, err := builtins.Exec(ctx, o)
		cancel()
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", src, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(out.String(), "went on")):
			t.Errorf("%s:\n got %v\nwant %s", src, err, want)
		}
	}
}

// The limit of threads is for all calls of parallel together, however nested.
func TestParallelLimit(t *testing.T) {
	var now, most atomic.Int64
	var out bytes.Buffer
	o := oddOptions(t, &odd{}, `
parallel(lambda i: parallel(lambda j: busy(), range(8), limit = 8), range(8), limit = 8)
attempt(parallel, lambda i: fail("no"), range(100), limit = 50)
parallel(lambda i: busy(), range(8))
`, &out)
	o.Limits.Parallel = 3
	o.Predeclared = starlark.StringDict{"busy": starlark.NewBuiltin("busy", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(2 * time.Millisecond)
		return starlark.None, nil
	})}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, _, err := builtins.Exec(ctx, o); err != nil || most.Load() > 3 {
		t.Errorf("%d threads at once, %v", most.Load(), err)
	}
}

// Threads print whole lines, and to one writer one after another.
func TestPrintInParallel(t *testing.T) {
	_, out, err := runOdd(t, &odd{}, `
def f(i):
    for j in range(100):
        print("line")
        table([{"a": "line"}])
parallel(f, range(8))
`)
	if err != nil || strings.Count(out, "line\n") != 1600 {
		t.Errorf("%d lines, %v", strings.Count(out, "line\n"), err)
	}
}

// What is shared often in a value is not copied without end on its way to Go.
func TestToGoOfShared(t *testing.T) {
	globals, _, err := runOdd(t, &odd{}, `
x = ["x"]
for i in range(50):
    x = [x, x]
`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := builtins.ToGo(globals["x"]); err == nil {
		t.Error("2^50 values were converted")
	}
}

// A list that was not read to its end is not taken for a whole one.
func TestToGoOfUnread(t *testing.T) {
	globals, _, err := runOdd(t, &odd{pages: 5}, `
cloud = compute.driver("odd")
part, whole = cloud.list_volumes(), cloud.list_volumes()
part[0]
len(whole)
`)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := builtins.ToGo(globals["part"]); err == nil {
		t.Errorf("got %v", v)
	}
	if v, err := builtins.ToGo(globals["whole"]); err != nil || len(v.([]any)) != 5 {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestRecordAsJSON(t *testing.T) {
	_, out, err := runOdd(t, &odd{pages: 1}, `print(json.encode(list(compute.driver("odd").list_volumes())))`)
	if err != nil || !strings.Contains(out, `"id":"v-i"`) {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestErrorHasPlace(t *testing.T) {
	_, _, err := runOdd(t, &odd{}, "def f():\n    fail('no')\n\nf()\n")
	var e *builtins.Error
	if !errors.As(err, &e) || len(e.Stack) != 2 || e.Stack[1].Line != 2 || e.Stack[1].Source != "fail('no')" {
		t.Errorf("got %+v", e)
	}
}
