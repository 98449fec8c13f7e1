// Package guard keeps a script from taking the process down.
//
// The interpreter counts steps, and can be cancelled between two of them. But a
// single step can allocate or loop without bound, and a Go stack that overflows
// ends the process. So every single operation is made safe here; how much many
// operations take together is for the run's limits.
//
//	what one step could do                         what stops it
//	"a" * 10**9, x += x, big integers              operators look at what they are given   operand.go
//	"%s%s" % (x, x), "".join(…), s.replace(…)      so do methods                           method.go
//	list(range(10**10)), sorted(…), f(*range(…))   so do the language's builtins           universe.go
//	str(x), where x = [x0, x0], x0 = [x1, x1] …    what a value comes to is counted first  measure.go
//	t = (t, t), again and again, as a dict's key   tuples are looked at when they are made measure.go
//	freezing a list nested a million deep          Freeze does it from the inside out      freeze.go
//	a text nested a million deep                   Parse refuses it                        parse.go
//	what makes the interpreter itself panic        Recover
//
// # How
//
// Builtins are replaced by name. Operators and methods of the language's own
// types cannot be replaced, so [Parse] rewrites the syntax tree: it puts a guard,
// which is a function of one argument, around one operand. x * y becomes
// x * guard(y); guard returns y if nothing can go wrong with it, an error if it
// does by itself, and else a value that stands for y and looks at x when the
// operator comes to it. Positions are kept, so an error is where the script has
// the operator, and a guard's name contains a space, so no script can say it.
package guard

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Limits are what a single operation of a script may come to.
type Limits struct {
	Bytes int // of a string
	Items int // of a list, tuple, dict or set that an operation makes of others
	Depth int // of values in values, where they are printed, frozen or hashed
}

// Default are the limits of the package's functions.
var Default = Limits{Bytes: 64 << 20, Items: 4 << 20, Depth: 1000}

// maxBits is how long an integer may become in one operation. To print one
// that long takes milliseconds.
const maxBits = 1 << 20

// work is how many values one operation may look at, each as often as it looks
// at it: a fraction of a second.
func (l Limits) work() int { return 10 * l.Items }

// A Holder is a value outside of the language's own types that holds values of
// the script. Its String and Freeze call theirs, so they must be looked at first.
type Holder interface {
	starlark.Value
	Holds() []starlark.Value
}

// Universe are the names that a program from [Parse] needs, and the builtins
// that stand in for the language's own.
func Universe() starlark.StringDict { return Default.Universe() }

// String returns the value as print shows it, or an error if that is too long
// or the value nested too deep.
func String(v starlark.Value) (string, error) {
	if err := Default.printable(v); err != nil {
		return "", err
	}
	if s, ok := starlark.AsString(v); ok {
		return s, nil
	}
	return v.String(), nil
}

// Printable returns an error if a value's text, in any form that writes every
// value in it as often as it is there, would be too long or nested too deep.
func Printable(values ...starlark.Value) error { return Default.printable(values...) }

// Recover makes an error of a panic, when deferred: the interpreter panics on a
// few programs that it should refuse. The error tells the defect, not the stack.
func Recover(err *error) {
	p := recover()
	if p == nil {
		return
	}
	where := "unknown"
	for line := range strings.Lines(string(debug.Stack())) {
		// The first function below the panic that is not the runtime's.
		if name, _, ok := strings.Cut(line, "("); ok && strings.Contains(name, "go.starlark.net/") {
			where = name[strings.LastIndex(name, "/")+1:]
			break
		}
	}
	*err = op.Errorf(op.Internal, "a defect of the interpreter, in %s: %v", where, p)
}

func tooLarge(n any, what string, limit int) error {
	return op.Errorf(op.InvalidArgument, "the result would have %v %s; the limit is %d", n, what, limit)
}

func tooDeep(limit int) error {
	return op.Errorf(op.InvalidArgument, "the value is nested more than %d deep", limit)
}

func tooMuch(verb string) error {
	return op.Errorf(op.InvalidArgument, "the value is too large to %s: it holds the same values too many times", verb)
}

// items returns the elements of an iterable that an operation is going to keep,
// or an error if there are too many. Those of an iterator that can be gone
// through once are collected.
func (l Limits) items(it starlark.Iterable) (starlark.Iterable, error) {
	if n := length(it); n > l.Items {
		return nil, tooLarge(n, "items", l.Items)
	} else if n >= 0 {
		return it, nil
	}
	var all starlark.Tuple
	for v := range starlark.Elements(it) {
		if all = append(all, v); len(all) > l.Items {
			return nil, tooLarge(fmt.Sprintf("more than %d", l.Items), "items", l.Items)
		}
	}
	return all, nil
}

// length is how many elements a value of the language's own types has, or -1:
// to ask another's length may be work.
func length(v starlark.Value) int {
	switch v := v.(type) {
	case *starlark.List, starlark.Tuple, *starlark.Dict, *starlark.Set, starlark.String, starlark.Bytes:
		return starlark.Len(v)
	case starlark.Sequence:
		if slices.Contains([]string{"range", "string.elems"}, v.Type()) {
			return v.Len()
		}
	}
	return -1
}
