package op

import (
	"context"
	"iter"
	"reflect"
	"slices"
	"time"
)

// A Page is one answer of a list row.
type Page struct {
	Items any    // []Out
	Next  string // the cursor of the following page; empty on the last
}

// Len returns the number of items.
func (p *Page) Len() int { return reflect.ValueOf(p.Items).Len() }

// At returns a pointer to item i.
func (p *Page) At(i int) any { return reflect.ValueOf(p.Items).Index(i).Addr().Interface() }

// pageState is how a list row asks its driver for one page: see Pages.
type pageState struct{ cursor, next string }

type pageKey struct{}

// Pages is how a driver's list method yields items that its provider hands out
// in pages. fetch returns the page at cursor, empty for the first, and the
// next cursor, empty after the last page. Nothing is fetched before it is
// needed, and nothing more when the consumer stops:
//
//	func (d *driver) ListNodes(ctx context.Context, in compute.ListNodes) iter.Seq2[compute.Node, error] {
//		return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Node, string, error) { … })
//	}
//
// Called from a row of the table, it yields the one page that was asked for,
// so that every page is a request of its own along the chain: retried, timed
// and limited by itself, and served by any instance of a WASM driver. A list
// method that does not use Pages is one page. fetch may call other list
// methods of the driver with the context it is given.
func Pages[T any](ctx context.Context, fetch func(ctx context.Context, cursor string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var cursor string
		state, _ := ctx.Value(pageKey{}).(*pageState)
		inner := ctx
		if state != nil {
			cursor = state.cursor
			inner = context.WithValue(ctx, pageKey{}, nil)
		}
		for {
			items, next, err := fetch(inner, cursor)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if state != nil {
				state.next = next
				return
			}
			if next == "" {
				return
			}
			cursor = next
		}
	}
}

// Follow is how a driver's stream method yields what a provider lets it ask
// for again and again. fetch returns what there is from cursor on, empty for
// the beginning, and the cursor to go on from, empty when nothing more will
// come. After a fetch that found nothing, Follow waits.
//
// As with [Pages], a request for a page is one fetch: a driver in a WASM module
// cannot keep a call open for as long as somebody listens.
func Follow[T any](ctx context.Context, every time.Duration, fetch func(ctx context.Context, cursor string) (items []T, next string, err error)) iter.Seq2[T, error] {
	waiting := func(ctx context.Context, cursor string) ([]T, string, error) {
		for {
			items, next, err := fetch(ctx, cursor)
			if err != nil || len(items) > 0 || next == "" {
				return items, next, err
			}
			timer := time.NewTimer(every)
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil, "", ctx.Err()
			case <-timer.C:
			}
			cursor = next
		}
	}
	if ctx.Value(pageKey{}) != nil {
		waiting = fetch
	}
	return Pages(ctx, waiting)
}

// onePage collects what a list method yields for one page, less the items that
// the row's filters do not let through: a filter works for every driver,
// whether its provider has it or not.
func onePage[Out any](ctx context.Context, r *Request, list func(context.Context) iter.Seq2[Out, error]) (*Page, error) {
	state := &pageState{cursor: r.Cursor}
	items := []Out{}
	keep := r.Op.keep(r.In)
	for item, err := range list(context.WithValue(ctx, pageKey{}, state)) {
		if err != nil {
			return nil, err
		}
		if keep == nil || keep(reflect.ValueOf(&item).Elem()) {
			items = append(items, item)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return &Page{Items: items, Next: state.next}, nil
}

// filter takes out the items that the row's filters do not let through, where
// a driver has made the page itself.
func (p *Page) filter(r *Request) {
	keep := r.Op.keep(r.In)
	if keep == nil {
		return
	}
	items := reflect.ValueOf(p.Items)
	kept := reflect.MakeSlice(items.Type(), 0, items.Len())
	for i := range items.Len() {
		if item := items.Index(i); keep(item) {
			kept = reflect.Append(kept, item)
		}
	}
	p.Items = kept.Interface()
}

// A filter compares a field of a list's input with the same field of an item.
type filter struct{ in, out []int }

func (o *Op) findFilters() []filter {
	var fs []filter
	for _, f := range o.In().Fields {
		if f.Filter {
			if g := o.Out().Field(f.Name); g != nil {
				fs = append(fs, filter{f.Index, g.Index})
			}
		}
	}
	return fs
}

// keep returns the test that in's filters make, or nil when none is set.
func (o *Op) keep(in any) func(item reflect.Value) bool {
	v := reflect.ValueOf(in)
	set := slices.DeleteFunc(slices.Clone(o.filters()), func(f filter) bool { return v.FieldByIndex(f.in).IsZero() })
	if len(set) == 0 {
		return nil
	}
	return func(item reflect.Value) bool {
		for _, f := range set {
			if !matches(v.FieldByIndex(f.in), item.FieldByIndex(f.out)) {
				return false
			}
		}
		return true
	}
}

// matches: a map wants its pairs among the item's; a list wants the item's
// value among its own; one value wants to be the item's value, or among them.
func matches(want, have reflect.Value) bool {
	if want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	switch {
	case want.Kind() == reflect.Map && have.Kind() == reflect.Map:
		tags, _ := have.Interface().(map[string]string)
		for k, v := range want.Interface().(map[string]string) {
			if w, ok := tags[k]; !ok || w != v {
				return false
			}
		}
		return true
	case want.Kind() == reflect.Slice && have.Kind() != reflect.Slice:
		return among(have, want)
	case have.Kind() == reflect.Slice:
		return among(want, have)
	}
	return equal(want, have)
}

func among(v, list reflect.Value) bool {
	for i := range list.Len() {
		if equal(v, list.Index(i)) {
			return true
		}
	}
	return false
}

func equal(a, b reflect.Value) bool {
	if a.Kind() == reflect.String && b.Kind() == reflect.String {
		return a.String() == b.String()
	}
	return a.Equal(b)
}
