package builtins_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"runtime"
	"testing"
	"testing/fstest"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// quick answers at once, so that what is measured is the way to it and back.
type quick struct{ nodes []compute.Node }

func (q *quick) GetNode(context.Context, compute.GetNode) (compute.Node, error) {
	return q.nodes[0], nil
}

func (q *quick) ListNodes(ctx context.Context, _ compute.ListNodes) iter.Seq2[compute.Node, error] {
	const size = 1000
	return op.Pages(ctx, func(_ context.Context, cursor string) ([]compute.Node, string, error) {
		var from int
		fmt.Sscan(cursor, &from)
		to := min(from+size, len(q.nodes))
		if to == len(q.nodes) {
			return q.nodes[from:to], "", nil
		}
		return q.nodes[from:to], fmt.Sprint(to), nil
	})
}

func quickOptions(b *testing.B, nodes int, src string) builtins.Options {
	q := &quick{}
	for i := range nodes {
		state := compute.NodeRunning
		if i%2 == 0 {
			state = compute.NodeStopped
		}
		q.nodes = append(q.nodes, compute.Node{ID: fmt.Sprintf("n-%d", i), Name: fmt.Sprintf("web-%d", i), State: state,
			Size: "small", Image: "image", Tags: map[string]string{"role": "web"}})
	}
	p := drivers.New(drivers.Info{Name: "quick", Title: "Quick", Family: compute.Family},
		func(context.Context, struct{}) (*quick, error) { return q, nil })
	o := options(b, fstest.MapFS{"main.star": {Data: []byte(src)}}, "main.star", &bytes.Buffer{})
	o.Open = func(ctx context.Context, _ *op.Family, name string, config map[string]any) (*drivers.Conn, error) {
		return p.Open(ctx, name, config)
	}
	o.Limits = builtins.Limits{}
	return o
}

func exec(b *testing.B, o builtins.Options) starlark.StringDict {
	globals, _, err := builtins.Exec(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	return globals
}

// BenchmarkCall is a portable call's own cost: from the script to the driver's
// method and back, one attribute read.
func BenchmarkCall(b *testing.B) {
	const calls = 1000
	o := quickOptions(b, 1, fmt.Sprintf(`
cloud = compute.driver("quick")
def run():
    for i in range(%d):
        cloud.get_node("n-0").name
run()
`, calls))
	b.ReportAllocs()
	for b.Loop() {
		exec(b, o)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*calls), "ns/call")
}

// BenchmarkListFilter lists 10,000 nodes and keeps half of them. It reports the
// heap that a node takes while its list is kept, less the driver's own.
func BenchmarkListFilter(b *testing.B) {
	const nodes = 10_000
	o := quickOptions(b, nodes, `
cloud = compute.driver("quick")
listed = cloud.list_nodes()
running = [n for n in listed if n.state == "running"]
`)
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	globals := exec(b, o)
	held := heap() - before
	runtime.KeepAlive(globals)
	for b.Loop() {
		exec(b, o)
	}
	b.ReportMetric(held/nodes, "heap-B/node")
}

// BenchmarkHello is a whole run of the smallest script.
func BenchmarkHello(b *testing.B) {
	o := quickOptions(b, 1, `print("hello")`)
	b.ReportAllocs()
	for b.Loop() {
		exec(b, o)
	}
}
