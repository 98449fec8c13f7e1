package builtins

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A list is the answer of a list or stream row. It is lazy: an item is fetched
// when it is looked at, and remembered; what is never looked at is never
// fetched. It may be used by several threads at once.
type list struct {
	scope *scope
	op    *op.Op
	conn  *connection

	mu    sync.Mutex
	next  func() (any, error, bool)
	stop  func()
	items []starlark.Value
	err   error
	ended bool
}

var (
	_ starlark.Sequence  = (*list)(nil)
	_ starlark.Indexable = (*list)(nil)
	_ starlark.Sliceable = (*list)(nil)
	_ starlark.Mapping   = (*list)(nil)
	_ starlark.HasBinary = (*list)(nil)
)

func (s *scope) list(c *connection, o *op.Op, in any) *list {
	s.lasts = true
	l := &list{scope: s, op: o, conn: c.in(s)}
	l.next, l.stop = iter.Pull2(c.conn.Items(s.ctx, o, in))
	s.keep(l)
	return l
}

// Close ends the fetching.
func (l *list) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finish(errUnread)
	return nil
}

// errUnread is why a list cannot be read any more that was not read in time.
var errUnread = op.Errorf(op.Canceled, "the run is over, and the list was not read to its end")

func (l *list) finish(err error) {
	if !l.ended {
		l.ended, l.err = true, err
		l.stop()
	}
}

// at returns item i, or nil if there are not so many.
func (l *list) at(i int) (starlark.Value, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.items) <= i && !l.ended {
		item, err, ok := l.fetch()
		switch {
		case !ok:
			l.finish(nil)
			l.scope.forget(l)
		case err != nil:
			l.finish(err)
			l.scope.forget(l)
		default:
			v, err := value(reflect.ValueOf(item).Elem(), l.conn)
			if err != nil {
				l.finish(err)
				break
			}
			l.items = append(l.items, v)
		}
	}
	if i < len(l.items) {
		return l.items[i], nil
	}
	return nil, l.err
}

// fetch returns the next item from the provider.
func (l *list) fetch() (item any, err error, ok bool) {
	ok = true
	defer l.scope.recovered(l.op, &err)
	return l.next()
}

// all fetches what is left.
func (l *list) all() error {
	for i := 0; ; i++ {
		if v, err := l.at(i); v == nil || err != nil {
			return err
		}
	}
}

func (l *list) Type() string          { return "list" }
func (l *list) Freeze()               {}
func (l *list) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: list") }

// String shows what has been fetched: printing a list fetches nothing.
func (l *list) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended && l.err == nil {
		return starlark.NewList(l.items).String()
	}
	return fmt.Sprintf("<%s: a lazy list, %d fetched>", l.op.Name, len(l.items))
}

// Truth reports whether there is a first item.
func (l *list) Truth() starlark.Bool {
	v, err := l.at(0)
	if err != nil {
		l.scope.raise(err)
	}
	return v != nil
}

// Len fetches everything.
func (l *list) Len() int {
	if err := l.all(); err != nil {
		l.scope.raise(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.items)
}

// Get makes l[0] fetch one item: for an Indexable alone, the interpreter would
// ask for the length first, which fetches everything. It also answers "x in l".
func (l *list) Get(k starlark.Value) (starlark.Value, bool, error) {
	n, ok := k.(starlark.Int)
	if !ok {
		for i := 0; ; i++ {
			v, err := l.at(i)
			if err != nil {
				l.scope.raise(err)
			}
			if v == nil {
				return nil, false, err
			}
			if equal, err := starlark.Equal(v, k); equal || err != nil {
				return v, equal, err
			}
		}
	}
	i, err := starlark.AsInt32(n)
	if err != nil {
		return nil, false, err
	}
	if i < 0 {
		if err := l.all(); err != nil {
			return nil, false, err
		}
		i += l.Len()
	}
	if i >= 0 {
		if v, err := l.at(i); v != nil || err != nil {
			return v, true, err
		}
	}
	return nil, false, op.Errorf(op.InvalidArgument, "index %s is out of range: the list has %d items", n, l.Len())
}

// Binary makes l + list the list of both.
func (l *list) Binary(o syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	other, ok := y.(starlark.Sequence)
	if o != syntax.PLUS || !ok || y.Type() != "list" {
		return nil, nil
	}
	if err := l.all(); err != nil {
		return nil, err
	}
	both := slices.AppendSeq(make([]starlark.Value, 0, len(l.items)+other.Len()), starlark.Elements(other))
	if side == starlark.Left {
		both = append(slices.Clone(l.items), both...)
	} else {
		both = append(both, l.items...)
	}
	return starlark.NewList(both), nil
}

func (l *list) Index(i int) starlark.Value {
	v, err := l.at(i)
	if err != nil {
		l.scope.raise(err)
	}
	if v == nil {
		return starlark.None
	}
	return v
}

func (l *list) Slice(start, end, step int) starlark.Value {
	l.Len()
	return starlark.NewList(l.items).Slice(start, end, step)
}

func (l *list) Iterate() starlark.Iterator { return &listIterator{l: l} }

type listIterator struct {
	l *list
	i int
}

func (it *listIterator) Next(p *starlark.Value) bool {
	v, err := it.l.at(it.i)
	if err != nil {
		it.l.scope.raise(err)
	}
	if v == nil {
		return false
	}
	it.i++
	*p = v
	return true
}

func (it *listIterator) Done() {}
