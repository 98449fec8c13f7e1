package guard

import (
	"fmt"
	"math/bits"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// guards are the functions that Parse puts around operands. Each returns its
// argument, an operand that stands for it, or an error.
func (l *Limits) guards() map[string]func(starlark.Value) (starlark.Value, error) {
	return map[string]func(starlark.Value) (starlark.Value, error){
		guardPlus:    l.plus,
		guardTimes:   l.times,
		guardPercent: l.percent,
		guardShift:   l.shift,
		guardEqual:   l.equal,
		guardIn:      l.in,
		guardMethod:  l.method,
		guardTuple:   l.tuple,
		guardSpread:  l.spread,
	}
}

// plus guards y in x + y and x += y. What y is too long for, x + x is, too; so a
// sum is at most a limit longer than what was there.
func (l *Limits) plus(y starlark.Value) (starlark.Value, error) {
	switch y := y.(type) {
	case starlark.String:
		if len(y) > l.Bytes {
			return nil, tooLarge(fmt.Sprintf("more than %d", len(y)), "bytes", l.Bytes)
		}
	case starlark.Bytes:
		if len(y) > l.Bytes {
			return nil, tooLarge(fmt.Sprintf("more than %d", len(y)), "bytes", l.Bytes)
		}
	case starlark.Tuple:
		return &operand{l, y, syntax.PLUS}, nil
	case starlark.Iterable:
		if n := length(y); n > l.Items {
			return nil, tooLarge(fmt.Sprintf("more than %d", n), "items", l.Items)
		}
	}
	return y, nil
}

// times guards y in x * y.
func (l *Limits) times(y starlark.Value) (starlark.Value, error) {
	if _, ok := y.(starlark.Float); ok {
		return y, nil
	}
	return &operand{l, y, syntax.STAR}, nil
}

// percent guards y in x % y, where x may be a format.
func (l *Limits) percent(y starlark.Value) (starlark.Value, error) {
	return &operand{l, y, syntax.PERCENT}, nil
}

// shift guards y in x << y.
func (l *Limits) shift(y starlark.Value) (starlark.Value, error) {
	return &operand{l, y, syntax.LTLT}, nil
}

// equal guards x in x == y and other comparisons.
func (l *Limits) equal(x starlark.Value) (starlark.Value, error) { return x, l.comparable(x) }

// in guards y in x in y.
func (l *Limits) in(y starlark.Value) (starlark.Value, error) {
	switch y.(type) {
	case *starlark.List, starlark.Tuple:
		return &operand{l, y, syntax.IN}, nil
	}
	return y, nil
}

// tuple guards a tuple that was made. Tuples need one, and lists do not, because
// a tuple is hashed, frozen and put into messages where no guard stands.
func (l *Limits) tuple(v starlark.Value) (starlark.Value, error) { return v, l.hashable(v) }

// spread guards x in f(*x).
func (l *Limits) spread(x starlark.Value) (starlark.Value, error) {
	it, ok := x.(starlark.Iterable)
	if !ok {
		return x, nil // the interpreter says so
	}
	return l.items(it)
}

// An operand stands for the right operand of an operator, to look at the left
// one when the operator comes to it: the interpreter asks an operand it does not
// know to do the operation.
type operand struct {
	limits *Limits
	v      starlark.Value
	op     syntax.Token // which may be asked for as *
}

var (
	_ starlark.HasBinary = (*operand)(nil)
	_ starlark.Container = (*operand)(nil)
	_ starlark.Iterable  = (*operand)(nil)
)

func (o *operand) String() string        { return o.v.String() }
func (o *operand) Type() string          { return o.v.Type() }
func (o *operand) Freeze()               { o.v.Freeze() }
func (o *operand) Truth() starlark.Bool  { return o.v.Truth() }
func (o *operand) Hash() (uint32, error) { return o.v.Hash() }

// Iterate is for list += tuple, the one operator that goes through its operand.
func (o *operand) Iterate() starlark.Iterator { return starlark.Iterate(o.v) }

// Has is x in y.
func (o *operand) Has(x starlark.Value) (bool, error) {
	if err := o.limits.searchable(o.v, x); err != nil {
		return false, err
	}
	return o.v.(starlark.Container).Has(x)
}

func (o *operand) Binary(_ syntax.Token, x starlark.Value, side starlark.Side) (starlark.Value, error) {
	if side == starlark.Left {
		return nil, nil
	}
	var err error
	switch o.op {
	case syntax.PLUS:
		if tuple, ok := x.(starlark.Tuple); ok {
			err = o.limits.hashable(tuple, o.v)
		}
	case syntax.STAR:
		if n, ok := o.v.(starlark.Int); ok {
			err = o.limits.product(x, n)
		} else if n, ok := x.(starlark.Int); ok {
			err = o.limits.product(o.v, n)
		}
	case syntax.PERCENT:
		if format, ok := starlark.AsString(x); ok {
			err = o.limits.interpolation(format, o.v)
		}
	case syntax.LTLT:
		if n, ok := x.(starlark.Int); ok && bitLen(n) > maxBits {
			err = tooLarge(bitLen(n), "bits", maxBits)
		}
	}
	if err != nil {
		return nil, err
	}
	return starlark.Binary(o.op, x, o.v)
}

// product checks v * n.
func (l *Limits) product(v starlark.Value, n starlark.Int) error {
	switch v := v.(type) {
	case starlark.Int:
		if b := bitLen(v) + bitLen(n); b > maxBits {
			return tooLarge(b, "bits", maxBits)
		}
	case starlark.String:
		return repeated(len(v), n, "bytes", l.Bytes)
	case starlark.Bytes:
		return repeated(len(v), n, "bytes", l.Bytes)
	case *starlark.List:
		return repeated(v.Len(), n, "items", l.Items)
	case starlark.Tuple:
		if err := repeated(len(v), n, "items", l.Items); err != nil {
			return err
		}
		times, _ := n.Int64()
		all := l.hashes()
		left := all
		if err := left.hashable(v, 0); err != nil {
			return err
		}
		if bytes, work := int64(all.bytes-left.bytes), int64(all.work-left.work); times > 1 && (bytes > int64(all.bytes)/times || work > int64(all.work)/times) {
			return tooMuch("make")
		}
	}
	return nil
}

func repeated(length int, n starlark.Int, what string, limit int) error {
	if length == 0 || n.Sign() <= 0 {
		return nil
	}
	times, ok := n.Int64()
	hi, size := bits.Mul64(uint64(length), uint64(times))
	switch {
	case !ok || hi != 0:
		return op.Errorf(op.InvalidArgument, "the result would have %d times more %s than any machine; the limit is %d", length, what, limit)
	case size > uint64(limit):
		return tooLarge(size, what, limit)
	}
	return nil
}

// bitLen is how long an integer is; short ones are not looked at closely.
func bitLen(n starlark.Int) int {
	if i, ok := n.Int64(); ok {
		return bits.Len64(uint64(max(i, -i)))
	}
	return n.BigInt().BitLen()
}

// interpolation checks format % y: every conversion writes what it takes of y.
func (l *Limits) interpolation(format string, y starlark.Value) error {
	m := meter{limits: l, bytes: l.Bytes, work: l.work(), verb: "print"}
	if err := m.take(len(format)); err != nil {
		return err
	}
	next := 0
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		if i++; i == len(format) {
			return nil // the interpreter says so
		}
		switch format[i] {
		case '%':
		case '(':
			end := i
			for end < len(format) && format[end] != ')' {
				end++
			}
			dict, ok := y.(starlark.Mapping)
			if !ok || end == len(format) {
				return nil
			}
			v, found, err := dict.Get(starlark.String(format[i+1 : end]))
			if !found || err != nil {
				return nil
			}
			if err := m.printable(v, nil); err != nil {
				return err
			}
			i = end + 1
		default:
			v := y
			if t, ok := y.(starlark.Tuple); ok {
				if next >= len(t) {
					return nil
				}
				v = t[next]
			}
			next++
			if err := m.printable(v, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// newStruct is the builtin struct. Structs are hashed as tuples are.
func (l *Limits) newStruct(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	for _, kv := range kwargs {
		if err := l.hashable(kv[1]); err != nil {
			return nil, err
		}
	}
	return starlarkstruct.Make(t, b, args, kwargs)
}
