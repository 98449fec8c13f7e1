package guard

import (
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// A value may hold another many times: x0 = ["a"], x1 = [x0, x0], x2 = [x1, x1]
// is small, but whoever walks x40 never ends. A meter walks as they do, and stops
// when too much has come together.
type meter struct {
	limits *Limits
	bytes  int // that may still be written
	work   int // values that may still be looked at
	verb   string
}

func (m *meter) take(bytes int) error {
	if m.bytes -= bytes; m.bytes < 0 {
		return tooLarge(fmt.Sprintf("more than %d", m.limits.Bytes), "bytes", m.limits.Bytes)
	}
	return nil
}

func (m *meter) look(depth, values int) error {
	if depth > m.limits.Depth {
		return tooDeep(m.limits.Depth)
	}
	if m.work -= values; m.work < 0 {
		return tooMuch(m.verb)
	}
	return nil
}

// printable checks that the texts of values together are within the limits.
func (l *Limits) printable(values ...starlark.Value) error {
	m := meter{limits: l, bytes: l.Bytes, work: l.work(), verb: "print"}
	for _, v := range values {
		if err := m.printable(v, nil); err != nil {
			return err
		}
	}
	return nil
}

// printable walks as the interpreter writes: path are the lists and dicts that v
// is in, since one that is in itself is written as "...".
func (m *meter) printable(v starlark.Value, path []starlark.Value) error {
	// To look for a value in its path is work, too.
	if err := m.look(len(path), 1+len(path)/8); err != nil {
		return err
	}
	within := func(values ...starlark.Value) error {
		for _, e := range values {
			if err := m.take(2); err != nil {
				return err
			}
			if err := m.printable(e, append(path, v)); err != nil {
				return err
			}
		}
		return m.take(2)
	}
	switch v := v.(type) {
	case starlark.String:
		return m.take(len(v))
	case starlark.Bytes:
		return m.take(len(v))
	case starlark.Int:
		b := bitLen(v)
		if b > maxBits {
			return tooLarge(b, "bits", maxBits)
		}
		return m.take(b/3 + 1)
	case starlark.Bool, starlark.NoneType, starlark.Float, *starlark.Function, *starlark.Builtin:
		return m.take(20)
	case *starlark.List:
		if holds(path, v) {
			return nil
		}
		for i := range v.Len() {
			if err := within(v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case starlark.Tuple:
		return within(v...)
	case *starlark.Dict:
		if holds(path, v) {
			return nil
		}
		for k, e := range v.Entries() {
			if err := within(k, e); err != nil {
				return err
			}
		}
		return nil
	case *starlark.Set:
		for e := range v.Elements() {
			if err := within(e); err != nil {
				return err
			}
		}
		return nil
	case *starlarkstruct.Struct:
		for name, e := range v.Entries() {
			if err := m.take(len(name) + 3); err != nil {
				return err
			}
			if err := within(e); err != nil {
				return err
			}
		}
		return nil
	case Holder:
		return within(v.Holds()...)
	}
	return m.take(len(v.String()))
}

// holds reports whether v is in path. Tuples and structs are there for the depth
// alone: nothing is in itself but by a list or a dict.
func holds(path []starlark.Value, v starlark.Value) bool {
	for _, p := range path {
		switch p.(type) {
		case *starlark.List, *starlark.Dict:
			if p == v {
				return true
			}
		}
	}
	return false
}

// hashable checks values that become part of one which may be hashed: what is
// hashed, or written into a message about a key, is looked at without a guard.
func (l *Limits) hashable(values ...starlark.Value) error {
	m := l.hashes()
	for _, v := range values {
		if err := m.hashable(v, 0); err != nil {
			return err
		}
	}
	return nil
}

// hashes is a meter for what is hashed. A tuple may hold a few texts that are
// as long as texts may be.
func (l *Limits) hashes() meter {
	return meter{limits: l, bytes: 4 * l.Bytes, work: l.work(), verb: "make"}
}

func (m *meter) hashable(v starlark.Value, depth int) error {
	var err error
	switch v := v.(type) {
	case starlark.String:
		return m.take(len(v))
	case starlark.Bytes:
		return m.take(len(v))
	case starlark.Tuple:
		err = m.look(depth, 1+len(v))
		for i := 0; i < len(v) && err == nil; i++ {
			err = m.hashable(v[i], depth+1)
		}
	case *starlarkstruct.Struct:
		err = m.look(depth, 1+v.Len())
		for i := 0; i < v.Len() && err == nil; i++ {
			_, e := v.AttrAt(i)
			err = m.hashable(e, depth+1)
		}
	}
	return err
}

// comparable checks a value that is compared with another. It takes as long as
// to go through the smaller of the two.
func (l *Limits) comparable(values ...starlark.Value) error {
	m := meter{limits: l, work: l.work(), verb: "compare"}
	for _, v := range values {
		if err := m.comparable(v, starlark.CompareLimit); err != nil {
			return err
		}
	}
	return nil
}

// comparable goes as deep as the interpreter compares.
func (m *meter) comparable(v starlark.Value, depth int) error {
	err := m.look(0, 1)
	if depth == 0 || err != nil {
		return err
	}
	switch v := v.(type) {
	case starlark.String:
		err = m.look(0, len(v)/64)
	case *starlark.List:
		for i := 0; i < v.Len() && err == nil; i++ {
			err = m.comparable(v.Index(i), depth-1)
		}
	case starlark.Tuple:
		for i := 0; i < len(v) && err == nil; i++ {
			err = m.comparable(v[i], depth-1)
		}
	case *starlark.Dict:
		for k, e := range v.Entries() {
			if err == nil {
				err = m.comparable(k, depth-1)
			}
			if err == nil {
				err = m.comparable(e, depth-1)
			}
			if err != nil {
				return err
			}
		}
	case *starlark.Set:
		for e := range v.Elements() {
			if err = m.comparable(e, depth-1); err != nil {
				return err
			}
		}
	case *starlarkstruct.Struct:
		for i := 0; i < v.Len() && err == nil; i++ {
			_, e := v.AttrAt(i)
			err = m.comparable(e, depth-1)
		}
	}
	return err
}

// searchable checks the search for x in a list or a tuple, which compares it
// with every element.
func (l *Limits) searchable(in, x starlark.Value) error {
	n := max(length(in), 1)
	m := meter{limits: l, work: l.work() / n, verb: "compare"}
	if m.comparable(x, starlark.CompareLimit) == nil {
		return nil
	}
	return l.comparable(in)
}
