package drivers_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// pager lists nodes in pages of two whose cursors are as the test says.
type pager struct {
	next map[string]string // from a page's cursor to the next
	key  drivers.Secret
}

func (p *pager) ListNodes(ctx context.Context, in compute.ListNodes) iter.Seq2[compute.Node, error] {
	return op.Pages(ctx, func(_ context.Context, cursor string) ([]compute.Node, string, error) {
		return []compute.Node{{ID: cursor + "a"}, {ID: cursor + "b"}}, p.next[cursor], nil
	})
}

func (p *pager) GetNode(_ context.Context, in compute.GetNode) (compute.Node, error) {
	return compute.Node{ID: in.Node}, nil
}

type pagerConfig struct {
	Endpoint string         `json:"endpoint" default:"https://cloud.example" help:"Where it is."`
	Key      drivers.Secret `json:"key" op:"required" help:"What opens it."`
}

func pagers(next map[string]string) *drivers.Provider {
	return drivers.New(drivers.Info{Name: "pager", Title: "Pager cloud", Family: compute.Family},
		func(_ context.Context, c pagerConfig) (*pager, error) {
			if c.Endpoint != "https://cloud.example" {
				return nil, op.Errorf(op.InvalidArgument, "endpoint %q with key %v", c.Endpoint, c.Key)
			}
			return &pager{next: next, key: c.Key}, nil
		})
}

func opened(t *testing.T, next map[string]string, chain ...op.Interceptor) *drivers.Conn {
	t.Helper()
	c, err := pagers(next).Open(t.Context(), "prod", map[string]any{"key": "hidden-key"}, chain...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOpen(t *testing.T) {
	for _, c := range []struct {
		config map[string]any
		want   string
	}{
		{nil, `open (pager): invalid argument: argument "key" is missing`},
		{map[string]any{"key": "hidden-key", "endpont": "x"}, `open (pager): invalid argument: there is no argument "endpont"; did you mean endpoint?`},
		{map[string]any{"key": 3}, `open (pager): invalid argument: key: want secret, got 3`},
		{map[string]any{"key": "hidden-key", "endpoint": "x"}, `open (pager): invalid argument: endpoint "x" with key [redacted]`},
	} {
		if _, err := pagers(nil).Open(t.Context(), "prod", c.config); err == nil || err.Error() != c.want {
			t.Errorf("%v:\ngot  %v\nwant %s", c.config, err, c.want)
		}
	}
	conn := opened(t, nil)
	if d := conn.Driver().(*pager); d.key.Reveal() != "hidden-key" {
		t.Error("the driver did not get its key")
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if s := fmt.Sprintf(verb, pagerConfig{Key: "hidden-key"}); strings.Contains(s, "hidden-key") {
			t.Errorf("%s shows the secret: %s", verb, s)
		}
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestProvider(t *testing.T) {
	p := pagers(nil)
	var names []string
	for _, o := range p.Operations() {
		names = append(names, o.Name)
	}
	if want := []string{"list_nodes", "get_node"}; !slices.Equal(names, want) {
		t.Errorf("it offers %v, want %v", names, want)
	}
}

func TestList(t *testing.T) {
	requests := 0
	conn := opened(t, map[string]string{"": "2", "2": "3"}, func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		requests++
		if r.Connection != "prod" || r.Provider != "pager" {
			t.Errorf("request %+v", r)
		}
		return next(ctx, r)
	})
	take := func(n int) (ids []string) {
		t.Helper()
		requests = 0
		for v, err := range drivers.List[compute.Node](t.Context(), conn, compute.ListNodes{}) {
			if err != nil {
				t.Fatal(err)
			}
			if ids = append(ids, v.ID); len(ids) == n {
				break
			}
		}
		return ids
	}
	for _, c := range []struct{ take, got, requests int }{{1, 1, 1}, {2, 2, 1}, {3, 3, 2}, {-1, 6, 3}} {
		if ids := take(c.take); len(ids) != c.got || requests != c.requests {
			t.Errorf("take %d: %q in %d requests, want %d", c.take, ids, requests, c.requests)
		}
	}
	if ids := take(-1); !slices.Equal(ids, []string{"a", "b", "2a", "2b", "3a", "3b"}) {
		t.Errorf("listed %q", ids)
	}
}

// TestSamePageTwice: a provider that goes in a circle does not keep a script there.
func TestSamePageTwice(t *testing.T) {
	conn := opened(t, map[string]string{"": "2", "2": "2"})
	n := 0
	var err error
	for _, err = range drivers.List[compute.Node](t.Context(), conn, compute.ListNodes{}) {
		if n++; n > 10 {
			break
		}
	}
	if n != 5 || op.KindOf(err) != op.Internal || err.Error() != "list_nodes (pager): internal: the provider gave the same page twice" {
		t.Errorf("after %d items: %v", n, err)
	}
}

// TestWrongTypes: what the compiler cannot see is an error, not a panic.
func TestWrongTypes(t *testing.T) {
	conn := opened(t, nil)
	for what, call := range map[string]func() error{
		"an input of no operation": func() error { return drivers.Do(t.Context(), conn, struct{}{}) },
		"an output of another": func() error {
			_, err := drivers.Call[compute.Size](t.Context(), conn, compute.GetNode{Node: "n"})
			return err
		},
		"a call as a list":         func() error { return first(drivers.List[compute.Node](t.Context(), conn, compute.GetNode{Node: "n"})) },
		"a list as a call":         func() error { _, err := drivers.Call[compute.Node](t.Context(), conn, compute.ListNodes{}); return err },
		"items of another":         func() error { return first(drivers.List[compute.Size](t.Context(), conn, compute.ListNodes{})) },
		"no input":                 func() error { return drivers.Do(t.Context(), conn, nil) },
		"without what is required": func() error { _, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{}); return err },
	} {
		if err := call(); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func first[T any](seq iter.Seq2[T, error]) error {
	for _, err := range seq {
		return err
	}
	return nil
}
