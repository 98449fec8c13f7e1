package openstack

import (
	"context"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func call[Out any](t testing.TB, c *drivers.Conn, in any) Out {
	t.Helper()
	out, err := drivers.Call[Out](t.Context(), c, in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	return out
}

func perform(t testing.TB, c *drivers.Conn, in any) {
	t.Helper()
	if err := drivers.Do(context.WithoutCancel(t.Context()), c, in); err != nil {
		t.Fatalf("%T: %v", in, err)
	}
}

func list[Out any](t testing.TB, c *drivers.Conn, in any) []Out {
	t.Helper()
	var all []Out
	for v, err := range drivers.List[Out](t.Context(), c, in) {
		if err != nil {
			t.Fatalf("%T: %v", in, err)
		}
		all = append(all, v)
	}
	return all
}

// eventually waits until a node is as it shall be.
func eventually(t testing.TB, c *drivers.Conn, node string, right func(compute.Node) bool) (n compute.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	err := op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		var err error
		n, err = drivers.Call[compute.Node](ctx, c, compute.GetNode{Node: node})
		return right(n), err
	})
	if err != nil {
		t.Fatalf("the node is %+v: %v", n, err)
	}
	return n
}
