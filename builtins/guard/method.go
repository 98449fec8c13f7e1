package guard

import (
	"strings"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// guardedMethods are the methods of the language's own types that one call can
// keep busy for long, or whose result can be of any size.
var guardedMethods = func() map[string]bool {
	names := map[string]bool{}
	for _, methods := range []map[string]check{stringMethods, listMethods, dictMethods, setMethods} {
		for name := range methods {
			names[name] = true
		}
	}
	return names
}()

// A check looks at the positional arguments of a method before it is called, and may
// replace them by others that mean the same. What is wrong with their number or
// their types it leaves to the method to say.
type check func(l *Limits, recv starlark.Value, args starlark.Tuple) error

var stringMethods = map[string]check{
	"join":       checkJoin,
	"replace":    checkReplace,
	"format":     nil, // needs keyword arguments: see checkFormat
	"split":      checkSplit,
	"rsplit":     checkSplit,
	"splitlines": checkLines,
}

var listMethods = map[string]check{
	"extend": checkItems,
	"index":  checkSearch,
	"remove": checkSearch,
}

var dictMethods = map[string]check{
	"update":  checkItems,
	"items":   checkPairs,
	"popitem": checkPair,
}

var setMethods = map[string]check{
	"update":               checkItems,
	"union":                checkItems,
	"difference":           checkOther,
	"intersection":         checkOther,
	"symmetric_difference": checkOther,
	"issubset":             checkOther,
	"issuperset":           checkOther,
}

func checksOf(v starlark.Value) map[string]check {
	switch v.(type) {
	case starlark.String:
		return stringMethods
	case *starlark.List:
		return listMethods
	case *starlark.Dict:
		return dictMethods
	case *starlark.Set:
		return setMethods
	}
	return nil
}

// method guards x in x.name, where name is one of guardedMethods.
func (l *Limits) method(x starlark.Value) (starlark.Value, error) {
	if checksOf(x) == nil {
		return x, nil
	}
	return &receiver{l, x.(builtinValue)}, nil
}

// A builtinValue is a value of the language's own types that have methods.
type builtinValue interface {
	starlark.HasAttrs
}

// A receiver stands for a value of which a method is taken.
type receiver struct {
	limits *Limits
	builtinValue
}

func (r *receiver) Attr(name string) (starlark.Value, error) {
	v, err := r.builtinValue.Attr(name)
	method, ok := v.(*starlark.Builtin)
	check, guarded := checksOf(r.builtinValue)[name]
	if err != nil || !ok || !guarded {
		return v, err
	}
	limits := r.limits
	// Bound to its receiver, so that it looks like the method, and is frozen like it.
	return starlark.NewBuiltin(name, func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var err error
		if check != nil {
			err = check(limits, b.Receiver(), args)
		} else {
			err = checkFormat(limits, b.Receiver(), args, kwargs)
		}
		if err != nil {
			return nil, err
		}
		return method.CallInternal(t, args, kwargs)
	}).BindReceiver(r.builtinValue), nil
}

func checkJoin(l *Limits, recv starlark.Value, args starlark.Tuple) error {
	if err := checkItems(l, recv, args); err != nil || len(args) != 1 {
		return err
	}
	it, ok := args[0].(starlark.Iterable)
	if !ok {
		return nil
	}
	sep, size := starlark.Len(recv), 0
	for v := range starlark.Elements(it) {
		s, _ := starlark.AsString(v)
		if size += sep + len(s); size-sep > l.Bytes {
			return tooMany(l)
		}
	}
	return nil
}

func checkReplace(l *Limits, recv starlark.Value, args starlark.Tuple) error {
	if len(args) < 2 {
		return nil
	}
	s, _ := starlark.AsString(recv)
	old, ok1 := starlark.AsString(args[0])
	by, ok2 := starlark.AsString(args[1])
	if !ok1 || !ok2 || len(by) <= len(old) {
		return nil
	}
	n := strings.Count(s, old)
	if len(args) > 2 {
		if most, err := starlark.AsInt32(args[2]); err == nil && most >= 0 {
			n = min(n, most)
		}
	}
	if n > 0 && len(by)-len(old) > l.Bytes/n || len(s)+n*(len(by)-len(old)) > l.Bytes {
		return tooMany(l)
	}
	return nil
}

func tooMany(l *Limits) error {
	m := meter{limits: l}
	return m.take(1)
}

// checkFormat bounds what "…".format writes: every field may be the longest.
func checkFormat(l *Limits, recv starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) error {
	format, _ := starlark.AsString(recv)
	fields, longest := strings.Count(format, "{"), 0
	measure := func(v starlark.Value) error {
		m := meter{limits: l, bytes: l.Bytes, work: l.work(), verb: "print"}
		err := m.printable(v, nil)
		longest = max(longest, l.Bytes-m.bytes)
		return err
	}
	for _, v := range args {
		if err := measure(v); err != nil {
			return err
		}
	}
	for _, kv := range kwargs {
		if err := measure(kv[1]); err != nil {
			return err
		}
	}
	if fields > 0 && longest > l.Bytes/fields || len(format)+fields*longest > l.Bytes {
		return tooMany(l)
	}
	return nil
}

func checkSplit(l *Limits, recv starlark.Value, args starlark.Tuple) error {
	s, _ := starlark.AsString(recv)
	if len(args) > 1 {
		// The interpreter makes room for as many parts as it is told to make at most.
		if n, ok := args[1].(starlark.Int); ok {
			if most, err := starlark.AsInt32(n); n.Sign() > 0 && (err != nil || most > len(s)) {
				args[1] = starlark.MakeInt(len(s))
			}
		}
	}
	if len(s) <= l.Items {
		return nil
	}
	n := 0
	if sep, ok := starlark.AsString(argument(args, 0)); ok && sep != "" {
		n = strings.Count(s, sep) + 1
	} else {
		for range strings.FieldsSeq(s) {
			n++
		}
	}
	if n > l.Items {
		return tooLarge(n, "items", l.Items)
	}
	return nil
}

func checkLines(l *Limits, recv starlark.Value, _ starlark.Tuple) error {
	s, _ := starlark.AsString(recv)
	if n := strings.Count(s, "\n"); n > l.Items {
		return tooLarge(n, "items", l.Items)
	}
	return nil
}

func argument(args starlark.Tuple, i int) starlark.Value {
	if i < len(args) {
		return args[i]
	}
	return starlark.None
}

// checkItems bounds what is gone through, and kept, of iterable arguments.
func checkItems(l *Limits, _ starlark.Value, args starlark.Tuple) error {
	for i, arg := range args {
		if it, ok := arg.(starlark.Iterable); ok {
			bounded, err := l.items(it)
			if err != nil {
				return err
			}
			args[i] = bounded
		}
	}
	return nil
}

// checkOther is for methods of sets that want one other collection. Without it,
// the interpreter panics.
func checkOther(l *Limits, recv starlark.Value, args starlark.Tuple) error {
	if len(args) == 0 {
		return op.Errorf(op.InvalidArgument, "got no argument; want a list, a set or the like")
	}
	return checkItems(l, recv, args)
}

func checkSearch(l *Limits, recv starlark.Value, args starlark.Tuple) error {
	if len(args) == 0 {
		return nil
	}
	return l.searchable(recv, args[0])
}

// checkPair is for the method that makes a tuple of a dict's first key and value.
func checkPair(l *Limits, recv starlark.Value, _ starlark.Tuple) error {
	for k, v := range recv.(*starlark.Dict).Entries() {
		return l.hashable(k, v)
	}
	return nil
}

// checkPairs is for the one that makes tuples of all.
func checkPairs(l *Limits, recv starlark.Value, _ starlark.Tuple) error {
	m := l.hashes()
	for k, v := range recv.(*starlark.Dict).Entries() {
		if err := m.pair(k, v); err != nil {
			return err
		}
	}
	return nil
}

// pair checks the values of one tuple. Texts do not add up over many tuples:
// each is hashed by itself.
func (m *meter) pair(values ...starlark.Value) error {
	m.bytes = 4 * m.limits.Bytes
	for _, v := range values {
		if err := m.hashable(v, 1); err != nil {
			return err
		}
	}
	return nil
}
