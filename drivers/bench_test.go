package drivers_test

import (
	"context"
	"iter"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
)

// driver answers at once, so that what is measured is the way to it.
type driver struct{ nodes []compute.Node }

func (d *driver) GetNode(context.Context, compute.GetNode) (compute.Node, error) {
	return compute.Node{ID: "n-1", Name: "web"}, nil
}

func (d *driver) CreateNode(context.Context, compute.CreateNode) (compute.Node, error) {
	return compute.Node{ID: "n-1", Name: "web"}, nil
}

func (d *driver) ListNodes(context.Context, compute.ListNodes) iter.Seq2[compute.Node, error] {
	return func(yield func(compute.Node, error) bool) {
		for _, n := range d.nodes {
			if !yield(n, nil) {
				return
			}
		}
	}
}

func connect(b *testing.B, d *driver) *drivers.Conn {
	p := drivers.New(drivers.Info{Name: "bench", Family: compute.Family},
		func(context.Context, struct{}) (*driver, error) { return d, nil })
	conn, err := p.Open(context.Background(), "bench", nil)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}

// BenchmarkCall is a call's own cost from Go: the check of its input, the
// chain without interceptors, the driver's method.
func BenchmarkCall(b *testing.B) {
	conn := connect(b, &driver{})
	ctx := context.Background()
	b.Run("get_node", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := drivers.Call[compute.Node](ctx, conn, compute.GetNode{Node: "n-1"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("create_node", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := drivers.Call[compute.Node](ctx, conn, compute.CreateNode{Name: "web", Size: "s", Image: "i"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkDecode is what keyword arguments cost.
func BenchmarkDecode(b *testing.B) {
	o, err := compute.Family.Lookup("create_node")
	if err != nil {
		b.Fatal(err)
	}
	args := map[string]any{"name": "web", "size": "s", "image": "i", "root_disk": "20GiB", "tags": map[string]any{"a": "b"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.In().Decode(args, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkList is 10,000 nodes in one page, with a filter.
func BenchmarkList(b *testing.B) {
	d := &driver{nodes: make([]compute.Node, 10_000)}
	for i := range d.nodes {
		d.nodes[i].State = compute.NodeRunning
	}
	conn := connect(b, d)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range drivers.List[compute.Node](context.Background(), conn, compute.ListNodes{State: compute.NodeRunning}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 10_000 {
			b.Fatal(n)
		}
	}
}
