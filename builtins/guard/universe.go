package guard

import (
	"context"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Universe is the function Universe with other limits.
func (l Limits) Universe() starlark.StringDict {
	d := starlark.StringDict{
		"max":    starlark.NewBuiltin("max", l.extremum),
		"min":    starlark.NewBuiltin("min", l.extremum),
		"sorted": starlark.NewBuiltin("sorted", l.sorted),
		"struct": starlark.NewBuiltin("struct", l.newStruct),
		guardSecond: starlark.NewBuiltin(guardSecond, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return args[1], nil
		}),
	}
	for name, guard := range l.guards() {
		d[name] = starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return guard(args[0])
		})
	}
	for name, check := range map[string]func(*starlark.Thread, starlark.Tuple, []starlark.Tuple) error{
		"all":       l.counted,
		"any":       l.counted,
		"bytes":     l.bytes,
		"dict":      l.kept,
		"enumerate": l.pairs,
		"fail":      l.printed,
		"getattr":   l.attribute,
		"int":       l.digits,
		"list":      l.kept,
		"print":     l.printed,
		"repr":      l.printed,
		"reversed":  l.kept,
		"set":       l.kept,
		"str":       l.printed,
		"tuple":     l.keptInTuple,
		"zip":       l.pairs,
	} {
		original := starlark.Universe[name].(*starlark.Builtin)
		d[name] = starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := check(t, args, kwargs); err != nil {
				return nil, named(name, err)
			}
			return original.CallInternal(t, args, kwargs)
		})
	}
	return d
}

// named puts a builtin's name before an error's message, as the interpreter does.
func named(name string, err error) error {
	e := *op.AsError(err)
	e.Message = name + ": " + e.Message
	return &e
}

// counted bounds what is gone through and not kept.
func (l *Limits) counted(_ *starlark.Thread, args starlark.Tuple, _ []starlark.Tuple) error {
	if n := length(argument(args, 0)); n > l.work() {
		return op.Errorf(op.InvalidArgument, "there are %d items; the limit is %d", n, l.work())
	}
	return nil
}

// kept bounds what is gone through and kept.
func (l *Limits) kept(_ *starlark.Thread, args starlark.Tuple, _ []starlark.Tuple) error {
	return checkItems(l, nil, args)
}

func (l *Limits) keptInTuple(t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) error {
	if err := l.kept(t, args, kwargs); err != nil {
		return err
	}
	m := l.hashes()
	if it, ok := argument(args, 0).(starlark.Iterable); ok && length(it) >= 0 {
		for v := range starlark.Elements(it) {
			if err := m.hashable(v, 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// pairs is for builtins that make tuples of what they are given.
func (l *Limits) pairs(t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) error {
	if err := l.kept(t, args, kwargs); err != nil {
		return err
	}
	m := l.hashes()
	rows := l.Items
	for _, arg := range args {
		if n := length(arg); n >= 0 {
			rows = min(rows, n)
		}
	}
	if len(args) > 0 && rows > l.Items/len(args) {
		return tooLarge(rows*len(args), "items", l.Items)
	}
	for _, arg := range args {
		it, ok := arg.(starlark.Iterable)
		if !ok {
			continue
		}
		i := 0
		for v := range starlark.Elements(it) {
			if i++; i > rows {
				break
			}
			// A tuple has one value of each argument: together they have their share.
			m.bytes = 4 * l.Bytes / len(args)
			if err := m.hashable(v, 1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Limits) printed(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) error {
	values := args
	for _, kv := range kwargs { // sep, which stands between all
		for range args {
			values = append(values, kv[1])
		}
	}
	return l.printable(values...)
}

func (l *Limits) bytes(_ *starlark.Thread, args starlark.Tuple, _ []starlark.Tuple) error {
	if n := length(argument(args, 0)); n > l.Bytes {
		return tooLarge(n, "bytes", l.Bytes)
	}
	return nil
}

// digits bounds the text of an integer: to read it takes its length's square.
func (l *Limits) digits(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) error {
	v := argument(args, 0)
	for _, kv := range kwargs {
		if kv[0] == starlark.String("x") {
			v = kv[1]
		}
	}
	if s, ok := starlark.AsString(v); ok && len(s) > maxBits/4 {
		return op.Errorf(op.InvalidArgument, "the text has %d characters; the limit for a number is %d", len(s), maxBits/4)
	}
	return nil
}

// attribute is for getattr(x, name), which is another way to say x.name.
func (l *Limits) attribute(_ *starlark.Thread, args starlark.Tuple, _ []starlark.Tuple) error {
	if len(args) > 0 {
		args[0], _ = l.method(args[0])
	}
	return nil
}

// extremum is max and min.
func (l *Limits) extremum(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return nil, op.Errorf(op.InvalidArgument, "%s requires at least one positional argument", b.Name())
	}
	var key starlark.Callable
	if err := starlark.UnpackArgs(b.Name(), nil, kwargs, "key?", &key); err != nil {
		return nil, err
	}
	var from starlark.Value = args
	if len(args) == 1 {
		from = args[0]
	}
	it, ok := from.(starlark.Iterable)
	if !ok {
		return nil, op.Errorf(op.InvalidArgument, "%s: %s value is not iterable", b.Name(), from.Type())
	}
	if err := l.counted(t, starlark.Tuple{from}, nil); err != nil {
		return nil, named(b.Name(), err)
	}
	better := syntax.LT
	if b.Name() == "max" {
		better = syntax.GT
	}
	var best, bestKey starlark.Value
	m := meter{limits: l, work: l.work(), verb: "compare"}
	for v := range starlark.Elements(it) {
		k, err := keyOf(t, key, v)
		if err != nil {
			return nil, err // as it is: it has the place where the key failed
		}
		if err := m.comparable(k, starlark.CompareLimit); err != nil {
			return nil, named(b.Name(), err)
		}
		if best != nil {
			if ok, err := starlark.Compare(better, k, bestKey); err != nil {
				return nil, named(b.Name(), op.Errorf(op.InvalidArgument, "%w", err))
			} else if !ok {
				continue
			}
		}
		best, bestKey = v, k
	}
	if best == nil {
		return nil, op.Errorf(op.InvalidArgument, "%s: argument is an empty sequence", b.Name())
	}
	return best, nil
}

func keyOf(t *starlark.Thread, key starlark.Callable, v starlark.Value) (starlark.Value, error) {
	if key == nil {
		return v, nil
	}
	return starlark.Call(t, key, starlark.Tuple{v}, nil)
}

// sorted is the language's own, which neither ends with its run nor takes less
// time than a list is long.
func (l *Limits) sorted(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var it starlark.Iterable
	var key starlark.Callable
	var reverse bool
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "iterable", &it, "key?", &key, "reverse?", &reverse); err != nil {
		return nil, err
	}
	it, err := l.items(it)
	if err != nil {
		return nil, named(b.Name(), err)
	}
	s := &sorter{less: syntax.LT, done: Context(t).Done()}
	if reverse {
		s.less = syntax.GT
	}
	m := meter{limits: l, work: l.work(), verb: "compare"}
	for v := range starlark.Elements(it) {
		k, err := keyOf(t, key, v)
		if err != nil {
			return nil, err // as it is: it has the place where the key failed
		}
		if err := m.comparable(k, starlark.CompareLimit); err != nil {
			return nil, named(b.Name(), err)
		}
		s.elems = append(s.elems, keyed{k, v})
	}
	s.sort(s.elems, make([]keyed, len(s.elems)))
	if s.err != nil {
		return nil, s.err
	}
	values := make([]starlark.Value, len(s.elems))
	for i, e := range s.elems {
		values[i] = e.v
	}
	return starlark.NewList(values), nil
}

type keyed struct{ key, v starlark.Value }

// A sorter sorts stably, by merging, until it meets an error or its run ends.
type sorter struct {
	elems []keyed
	less  syntax.Token
	done  <-chan struct{}
	n     int
	err   error
}

func (s *sorter) sort(elems, spare []keyed) {
	if len(elems) < 2 || s.err != nil {
		return
	}
	middle := len(elems) / 2
	s.sort(elems[:middle], spare[:middle])
	s.sort(elems[middle:], spare[middle:])
	copy(spare, elems)
	a, b := spare[:middle], spare[middle:]
	for i := range elems {
		// Of equals, the earlier one first.
		if len(b) == 0 || len(a) > 0 && !s.before(b[0], a[0]) {
			elems[i], a = a[0], a[1:]
		} else {
			elems[i], b = b[0], b[1:]
		}
	}
}

func (s *sorter) before(x, y keyed) bool {
	if s.n++; s.n%4096 == 0 {
		select {
		case <-s.done:
			s.err = context.Canceled
		default:
		}
	}
	if s.err != nil {
		return false
	}
	before, err := starlark.Compare(s.less, x.key, y.key)
	s.err = err
	return before
}

const contextKey = "cloudlark.context"

// SetContext gives a thread the context that its builtins work under.
func SetContext(t *starlark.Thread, ctx context.Context) { t.SetLocal(contextKey, ctx) }

// Context returns the thread's context, or the background if it has none.
func Context(t *starlark.Thread) context.Context {
	if ctx, ok := t.Local(contextKey).(context.Context); ok {
		return ctx
	}
	return context.Background()
}
