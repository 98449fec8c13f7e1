package guard

import (
	"iter"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// maxRing is how many values may be in a structure that leads back to itself,
// each counted with how deep values that cannot change may be in it.
const maxRing = 1 << 20

// Freeze freezes values as their Freeze does, but neither overflows the stack,
// however deep they are nested, nor freezes the same value again and again.
//
// The values' own Freeze is recursive: through lists, dicts, sets and structs,
// which know when they are frozen, and through tuples and functions, which do
// not. So the former are collected first, and frozen from the inside out; then
// each finds those in it frozen already. Only in a structure that leads back to
// itself there is no inside, so that one may not be large.
func Freeze(values ...starlark.Value) error { return Default.freeze(values...) }

func (l *Limits) freeze(values ...starlark.Value) error {
	f := freezer{meter: meter{limits: l, work: l.work(), verb: "freeze"}, state: map[starlark.Value]bool{}}
	for _, v := range values {
		if err := f.collect(v); err != nil {
			return err
		}
	}
	if f.ring && len(f.order)*(f.depth+1) > maxRing {
		return op.Errorf(op.InvalidArgument, "a value that holds itself is too large to freeze: it has %d parts", len(f.order))
	}
	for _, v := range f.order {
		v.Freeze()
	}
	for _, v := range values {
		v.Freeze() // what is not in order
	}
	return nil
}

type freezer struct {
	meter
	state map[starlark.Value]bool // met: whether all in it was
	order []starlark.Value        // from the inside out
	ring  bool
	depth int // the most unchangeable values in one another
}

// collect puts the changeable values in v into the order. It has a stack of its
// own for them, since they may be in one another without bound.
func (f *freezer) collect(v starlark.Value) error {
	type frame struct {
		v    starlark.Value
		rest []starlark.Value
	}
	first, err := f.held(nil, v, 0)
	stack := []frame{{nil, first}}
	for err == nil && len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.rest) == 0 {
			if top.v != nil {
				f.state[top.v] = true
				f.order = append(f.order, top.v)
			}
			stack = stack[:len(stack)-1]
			continue
		}
		next := top.rest[0]
		top.rest = top.rest[1:]
		if whole, met := f.state[next]; met {
			f.ring = f.ring || !whole
			continue
		}
		f.state[next] = false
		var rest []starlark.Value
		for e := range contents(next) {
			if rest, err = f.held(rest, e, 0); err != nil {
				return err
			}
		}
		stack = append(stack, frame{next, rest})
	}
	return err
}

// contents yields the values in one that knows when it is frozen.
func contents(v starlark.Value) iter.Seq[starlark.Value] {
	return func(yield func(starlark.Value) bool) {
		switch v := v.(type) {
		case *starlark.List:
			v.Elements()(yield)
		case *starlark.Set:
			v.Elements()(yield)
		case *starlark.Dict:
			v.Entries()(func(k, e starlark.Value) bool { return yield(k) && yield(e) })
		case *starlarkstruct.Struct:
			v.Entries()(func(_ string, e starlark.Value) bool { return yield(e) })
		}
	}
}

// held appends to all what knows when it is frozen and is reached through what
// does not, beginning with v.
func (f *freezer) held(all []starlark.Value, v starlark.Value, depth int) ([]starlark.Value, error) {
	if err := f.look(depth, min(depth, 1)); err != nil {
		return nil, err
	}
	f.depth = max(f.depth, depth)
	var in []starlark.Value
	switch v := v.(type) {
	case *starlark.List, *starlark.Dict, *starlark.Set, *starlarkstruct.Struct:
		return append(all, v), nil
	case starlark.Tuple:
		in = v
	case *starlark.Function:
		for i := range v.NumParams() {
			in = append(in, v.ParamDefault(i))
		}
		for i := range v.NumFreeVars() {
			_, e := v.FreeVar(i)
			in = append(in, e)
		}
	case *starlark.Builtin:
		in = []starlark.Value{v.Receiver()}
	case Holder:
		in = v.Holds()
	}
	for _, e := range in {
		if e == nil { // no default, no receiver, not yet assigned
			continue
		}
		var err error
		if all, err = f.held(all, e, depth+1); err != nil {
			return nil, err
		}
	}
	return all, nil
}
