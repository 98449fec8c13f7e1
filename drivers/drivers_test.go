package drivers_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// rebooter has one operation, and counts how often it is closed.
type rebooter struct{ closed int }

func (*rebooter) RebootNode(context.Context, compute.RebootNode) error { return nil }

func (r *rebooter) Close() error { r.closed++; return errors.New("busy") }

func openTiny(t *testing.T, d *rebooter, chain ...op.Interceptor) *drivers.Conn {
	p := drivers.New(drivers.Info{Name: "tiny", Title: "Tiny cloud", Family: compute.Family, Missing: map[string]string{"list_nodes": "it never tells"}},
		func(context.Context, struct{}) (*rebooter, error) { return d, nil })
	c, err := p.Open(t.Context(), "tiny", nil, chain...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUnsupportedPassesTheChain(t *testing.T) {
	var seen []string
	c := openTiny(t, &rebooter{}, func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		seen = append(seen, r.Op.Name)
		return next(ctx, r)
	})
	if err := drivers.Do(t.Context(), c, compute.RebootNode{Node: "n"}); err != nil {
		t.Error(err)
	}
	err := drivers.Do(t.Context(), c, compute.StartNode{})
	if !errors.Is(err, op.Unsupported) || err.Error() != "start_node (tiny): unsupported: Tiny cloud does not have start_node" {
		t.Error(err)
	}
	for _, err = range drivers.List[compute.Node](t.Context(), c, compute.ListNodes{}) {
		if err == nil || err.Error() != "list_nodes (tiny): unsupported: Tiny cloud does not have list_nodes: it never tells" {
			t.Error(err)
		}
	}
	if want := []string{"reboot_node", "start_node", "list_nodes"}; !slices.Equal(seen, want) {
		t.Errorf("the chain saw %v, want %v", seen, want)
	}
}

func TestCloseOnce(t *testing.T) {
	d := &rebooter{}
	c := openTiny(t, d)
	told := 0
	c.OnClose(func() { told++ })
	for _, c := range []*drivers.Conn{c, c.With()} {
		if err := c.Close(); err == nil || err.Error() != "busy" {
			t.Error(err)
		}
	}
	if d.closed != 1 || told != 1 {
		t.Errorf("closed %d times, told %d times; want once", d.closed, told)
	}
}

func TestWith(t *testing.T) {
	var seen []string
	mark := func(name string) op.Interceptor {
		return func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
			seen = append(seen, name)
			return next(ctx, r)
		}
	}
	c := openTiny(t, &rebooter{}, mark("inner"))
	for _, c := range []*drivers.Conn{c.With(mark("a"), mark("b")), c} {
		if err := drivers.Do(t.Context(), c, compute.RebootNode{Node: "n"}); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"a", "b", "inner", "inner"}; !slices.Equal(seen, want) {
		t.Errorf("%v, want %v", seen, want)
	}
}
