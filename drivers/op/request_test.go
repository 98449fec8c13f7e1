package op_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A contract of four rows, one a shape, and a driver of it.

type thing struct {
	ID   string            `json:"id" op:"id" help:"."`
	Name string            `json:"name" help:"."`
	Tags map[string]string `json:"tags" help:"."`
	In   []string          `json:"in" help:"."`
}

type (
	getThing   struct{ Thing string }
	endThing   struct{ Thing string }
	listThings struct {
		Name string            `json:"name" op:"filter" help:"."`
		Tags map[string]string `json:"tags" op:"filter" help:"."`
		In   string            `json:"in" op:"filter" help:"."`
	}
	watchThings struct{}
)

type (
	getter interface {
		GetThing(context.Context, getThing) (thing, error)
	}
	ender interface {
		EndThing(context.Context, endThing) error
	}
	lister interface {
		ListThings(context.Context, listThings) iter.Seq2[thing, error]
	}
	watcher interface {
		WatchThings(context.Context, watchThings) iter.Seq2[thing, error]
	}
)

var things = op.NewFamily("things", "Things", "Things.", op.Table{
	op.Call("get_thing", getter.GetThing, op.Reads, "Get it."),
	op.Do("end_thing", ender.EndThing, op.Deletes, "End it."),
	op.List("list_things", lister.ListThings, "List them."),
	op.Stream("watch_things", watcher.WatchThings, "Watch them."),
})

type shop struct {
	fetched []string // the cursors asked for
	fail    error
}

func (s *shop) GetThing(_ context.Context, in getThing) (thing, error) {
	return thing{ID: in.Thing}, s.fail
}

func (s *shop) EndThing(context.Context, endThing) error { return s.fail }

// ListThings has three pages of two: a b, c d, e f.
func (s *shop) ListThings(ctx context.Context, in listThings) iter.Seq2[thing, error] {
	return op.Pages(ctx, func(_ context.Context, cursor string) ([]thing, string, error) {
		s.fetched = append(s.fetched, cursor)
		pages := map[string]struct{ names, next string }{"": {"ab", "2"}, "2": {"cd", "3"}, "3": {"ef", ""}}
		var items []thing
		for _, c := range pages[cursor].names {
			items = append(items, thing{ID: string(c), Name: strings.ToUpper(string(c)), Tags: map[string]string{"t": string(c), "all": "x"}, In: []string{string(c), "all"}})
		}
		return items, pages[cursor].next, s.fail
	})
}

func (s *shop) WatchThings(context.Context, watchThings) iter.Seq2[thing, error] {
	return func(yield func(thing, error) bool) {
		if yield(thing{ID: "a"}, nil) {
			yield(thing{}, s.fail)
		}
	}
}

func request(t *testing.T, d any, in any) *op.Request {
	t.Helper()
	o, ok := things.For(in)
	if !ok {
		t.Fatalf("no row for %T", in)
	}
	return &op.Request{Op: o, Provider: "shop", Driver: d, In: in}
}

func TestInvoke(t *testing.T) {
	s := &shop{}
	if out, err := op.Invoke(t.Context(), request(t, s, getThing{"a"})); err != nil || out.(thing).ID != "a" {
		t.Errorf("%v, %v", out, err)
	}
	if out, err := op.Invoke(t.Context(), request(t, s, endThing{"a"})); err != nil || out != nil {
		t.Errorf("%v, %v", out, err)
	}
	s.fail = op.Errorf(op.Conflict, "busy")
	for _, in := range []any{getThing{"a"}, endThing{"a"}, listThings{}} {
		r := request(t, s, in)
		_, err := op.Invoke(t.Context(), r)
		if want := r.Op.Name + " (shop): conflict: busy"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if e := op.AsError(s.fail); e.Op != "" || e.Provider != "" {
		t.Errorf("the driver's own error was changed: %+v", e)
	}
	// A driver without the operation, and an input of another.
	if _, err := op.Invoke(t.Context(), request(t, struct{}{}, getThing{})); op.KindOf(err) != op.Unsupported {
		t.Error(err)
	}
	r := request(t, s, getThing{})
	r.In = endThing{}
	if _, err := op.Invoke(t.Context(), r); op.KindOf(err) != op.Internal {
		t.Error(err)
	}
}

// TestInvokeInterrupted: a driver that was interrupted may call it what it likes.
func TestInvokeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &interrupted{cancel: cancel}
	_, err := op.Invoke(ctx, request(t, s, getThing{}))
	if op.KindOf(err) != op.Canceled || !strings.Contains(err.Error(), "stream reset") {
		t.Error(err)
	}
	if _, err = op.Invoke(ctx, request(t, s, getThing{})); op.KindOf(err) != op.Canceled || s.calls != 1 {
		t.Errorf("%d calls, %v", s.calls, err)
	}
}

type interrupted struct {
	cancel context.CancelFunc
	calls  int
}

func (s *interrupted) GetThing(context.Context, getThing) (thing, error) {
	s.calls++
	s.cancel()
	return thing{}, op.Errorf(op.Unavailable, "stream reset")
}

func TestChain(t *testing.T) {
	var trace []string
	note := func(name string) op.Interceptor {
		return func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
			trace = append(trace, name+" in")
			out, err := next(ctx, r)
			trace = append(trace, name+" out")
			return out, err
		}
	}
	twice := func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		next(ctx, r)
		return next(ctx, r)
	}
	h := op.Chain(note("a"), twice, note("b"))
	if _, err := h(t.Context(), request(t, &shop{}, getThing{"x"})); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a in", "b in", "b out", "b in", "b out", "a out"}; !slices.Equal(trace, want) {
		t.Errorf("got %v, want %v", trace, want)
	}
	refuse := func(context.Context, *op.Request, op.Handler) (any, error) {
		return nil, op.Errorf(op.PermissionDenied, "no")
	}
	if _, err := op.Chain(refuse, note("c"))(t.Context(), request(t, &shop{}, getThing{})); op.KindOf(err) != op.PermissionDenied || len(trace) != 6 {
		t.Errorf("%v; %v", err, trace)
	}
}

func TestPagesByThemselves(t *testing.T) {
	s := &shop{}
	var got string
	for v, err := range s.ListThings(t.Context(), listThings{}) {
		if err != nil {
			t.Fatal(err)
		}
		got += v.ID
	}
	if got != "abcdef" || !slices.Equal(s.fetched, []string{"", "2", "3"}) {
		t.Errorf("got %s, fetched %q", got, s.fetched)
	}
	s.fetched = nil
	for range s.ListThings(t.Context(), listThings{}) {
		break
	}
	if !slices.Equal(s.fetched, []string{""}) {
		t.Errorf("for one item, fetched %q", s.fetched)
	}
	s.fail = errors.New("broken")
	n := 0
	for _, err := range s.ListThings(t.Context(), listThings{}) {
		if n++; err != s.fail {
			t.Errorf("got %v", err)
		}
	}
	if n != 1 {
		t.Errorf("an error was followed by %d more", n-1)
	}
}

func TestOnePageARequest(t *testing.T) {
	s := &shop{}
	var got []string
	cursor := ""
	for {
		r := request(t, s, listThings{})
		r.Cursor = cursor
		out, err := op.Invoke(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		p := out.(*op.Page)
		for i := range p.Len() {
			got = append(got, p.At(i).(*thing).ID)
		}
		got = append(got, "|")
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if strings.Join(got, "") != "ab|cd|ef|" || !slices.Equal(s.fetched, []string{"", "2", "3"}) {
		t.Errorf("got %q, fetched %q", got, s.fetched)
	}
}

// TestPagesWithin: a list method may use another of its driver inside a page.
func TestPagesWithin(t *testing.T) {
	r := request(t, nested{&shop{}}, listThings{})
	r.Cursor = "mine"
	out, err := op.Invoke(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if p := out.(*op.Page); p.Len() != 6 || p.Next != "next" {
		t.Errorf("%d items, next %q; want all of the inner pages, and the outer cursor", p.Len(), p.Next)
	}
}

type nested struct{ inner *shop }

func (n nested) ListThings(ctx context.Context, in listThings) iter.Seq2[thing, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) (all []thing, next string, err error) {
		if cursor != "mine" {
			return nil, "", op.Errorf(op.Internal, "cursor %q", cursor)
		}
		for v, err := range n.inner.ListThings(ctx, in) {
			if err != nil {
				return nil, "", err
			}
			all = append(all, v)
		}
		return all, "next", nil
	})
}

func TestFilters(t *testing.T) {
	for _, c := range []struct {
		in   listThings
		want string
	}{
		{listThings{}, "ab"},
		{listThings{Name: "B"}, "b"},
		{listThings{Name: "C"}, ""}, // on another page
		{listThings{Tags: map[string]string{"t": "a"}}, "a"},
		{listThings{Tags: map[string]string{"t": "a", "all": "x"}}, "a"},
		{listThings{Tags: map[string]string{"t": "a", "all": "y"}}, ""},
		{listThings{Tags: map[string]string{}}, "ab"},
		{listThings{Tags: map[string]string{"other": ""}}, ""},
		{listThings{In: "b"}, "b"},
		{listThings{In: "all"}, "ab"},
		{listThings{In: "all", Name: "A"}, "a"},
	} {
		out, err := op.Invoke(t.Context(), request(t, &shop{}, c.in))
		if err != nil {
			t.Fatal(err)
		}
		p, got := out.(*op.Page), ""
		for i := range p.Len() {
			got += p.At(i).(*thing).ID
		}
		if got != c.want || p.Next != "2" {
			t.Errorf("%+v: %q, next %q; want %q", c.in, got, p.Next, c.want)
		}
	}
}

// module answers as a WASM module's adapter does.
type module struct{ out any }

func (m module) Invoke(context.Context, *op.Request) (any, error) { return m.out, nil }

func TestFiltersOfInvokers(t *testing.T) {
	all := []thing{{ID: "a", Name: "A"}, {ID: "b", Name: "B"}}
	out, err := op.Invoke(t.Context(), request(t, module{&op.Page{Items: all, Next: "2"}}, listThings{Name: "B"}))
	if err != nil {
		t.Fatal(err)
	}
	if p := out.(*op.Page); p.Len() != 1 || p.At(0).(*thing).ID != "b" || p.Next != "2" {
		t.Errorf("%+v", p)
	}
	if all[1].ID != "b" || all[0].ID != "a" {
		t.Errorf("the driver's own items were changed: %+v", all)
	}
	out, err = op.Invoke(t.Context(), request(t, module{thing{ID: "x"}}, getThing{}))
	if err != nil || out.(thing).ID != "x" {
		t.Errorf("%v, %v", out, err)
	}
}

func TestStream(t *testing.T) {
	s := &shop{fail: op.Errorf(op.Unavailable, "broken")}
	out, err := op.Invoke(t.Context(), request(t, s, watchThings{}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for v, err := range out.(op.Items) {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, v.(*thing).ID)
	}
	if want := []string{"a", "watch_things (shop): unavailable: broken"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range out.(op.Items) {
		break // must not go on
	}
}

func TestOpDescribes(t *testing.T) {
	o, err := things.Lookup("list_things")
	if err != nil || o.String() != "things.list_things" || o.Summary() != "List them." || !o.Many() || !o.Idempotent || o.Effect != op.Reads {
		t.Errorf("%+v, %v", o, err)
	}
	if o.Out().Name != "thing" || o.In().Name != "list_things" {
		t.Errorf("in %s, out %s", o.In().Name, o.Out().Name)
	}
	end, _ := things.Ops.Lookup("end_thing")
	if end.Out() != nil || end.Many() || !end.Idempotent {
		t.Errorf("%+v", end)
	}
	if _, err := things.Lookup("get_thin"); err == nil || err.Error() != `invalid argument: things has no operation "get_thin"; did you mean get_thing?` {
		t.Error(err)
	}
	if _, ok := things.For(struct{}{}); ok {
		t.Error("a row for no input")
	}
}

func TestToken(t *testing.T) {
	ctx := op.WithToken(t.Context(), "mine")
	for range 2 {
		if got := op.Token(ctx); got != "mine" {
			t.Errorf("the token has become %q", got)
		}
	}
	if a, b := op.Token(t.Context()), op.Token(t.Context()); a == "" || a == b {
		t.Errorf("made-up tokens are %q and %q", a, b)
	}
}

func TestBudget(t *testing.T) {
	if op.TakeRetry(t.Context()) {
		t.Error("a retry without a budget")
	}
	ctx := op.WithBudget(t.Context(), 2)
	inner, cancel := context.WithCancel(ctx) // shares it
	defer cancel()
	if got := []bool{op.TakeRetry(ctx), op.TakeRetry(inner), op.TakeRetry(ctx), op.TakeRetry(inner)}; !slices.Equal(got, []bool{true, true, false, false}) {
		t.Errorf("of two retries: %v", got)
	}
}

func TestPoll(t *testing.T) {
	n := 0
	err := op.Poll(t.Context(), 20*time.Millisecond, func(context.Context) (bool, error) { n++; return n == 5, nil })
	if err != nil || n != 5 {
		t.Errorf("%d checks, %v", n, err)
	}
	broken := errors.New("broken")
	if err := op.Poll(t.Context(), time.Hour, func(context.Context) (bool, error) { return false, broken }); err != broken {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := op.Poll(ctx, time.Hour, func(context.Context) (bool, error) { return false, nil }); op.KindOf(err) != op.Timeout {
		t.Error(err)
	}
	if err := op.Poll(ctx, time.Hour, func(context.Context) (bool, error) { t.Error("checked too late"); return true, nil }); err == nil {
		t.Error("done too late")
	}
}
