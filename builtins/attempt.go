package builtins

import (
	"errors"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// maxCalls is how deep calls may be where attempt is called. Functions cannot be
// called recursively, but attempt(attempt, attempt, …) is a recursion all the same.
const maxCalls = 1000

// attempt(fn, *args, **kwargs) calls fn and returns what came of it, since
// Starlark has no try. It catches every error of the call but those that end the
// run: its limits, and whoever started it.
func attempt(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return nil, op.Errorf(op.InvalidArgument, "attempt takes a function and its arguments, as in attempt(cloud.get_node, \"n-1\")")
	}
	fn, ok := args[0].(starlark.Callable)
	if !ok {
		return nil, op.Errorf(op.InvalidArgument, "attempt: %s is no function: write attempt(fn, x), not attempt(fn(x))", args[0].Type())
	}
	if t.CallStackDepth() > maxCalls {
		return nil, op.Errorf(op.InvalidArgument, "attempt: more than %d calls are in one another", maxCalls)
	}
	s := scopeOf(t)
	v, err := starlark.Call(t, fn, args[1:], kwargs)
	if s.stopped() != nil {
		return nil, err
	}
	if err = s.raised(err, true); err == nil {
		return &attempted{v, starlark.None}, nil
	}
	return &attempted{starlark.None, &scriptError{asOpError(err), s.explain(s, err).Error()}}, nil
}

// attempted is what attempt returns: it has value, and error, which is None
// when the call succeeded.
type attempted struct {
	value starlark.Value
	err   starlark.Value
}

func (a *attempted) String() string {
	if a.err != starlark.None {
		return "attempt(error = " + a.err.String() + ")"
	}
	return "attempt(value = " + a.value.String() + ")"
}

// Holds makes attempted a guard.Holder.
func (a *attempted) Holds() []starlark.Value { return []starlark.Value{a.value, a.err} }

func (a *attempted) Type() string          { return "attempt" }
func (a *attempted) Freeze()               { a.value.Freeze() }
func (a *attempted) Truth() starlark.Bool  { return a.err == starlark.None }
func (a *attempted) Hash() (uint32, error) { return 0, errors.New("unhashable type: attempt") }
func (a *attempted) AttrNames() []string   { return []string{"error", "value"} }

func (a *attempted) Attr(name string) (starlark.Value, error) {
	switch name {
	case "value":
		return a.value, nil
	case "error":
		return a.err, nil
	}
	return nil, op.Errorf(op.InvalidArgument, "attempt has no attribute %q%s", name, op.DidYouMean(name, a.AttrNames()))
}

// A scriptError is an *op.Error in a script's hands. Its trace is the message with
// the places in the script, innermost first.
type scriptError struct {
	err   *op.Error
	trace string
}

func (e *scriptError) String() string        { return e.err.Error() }
func (e *scriptError) Type() string          { return "error" }
func (e *scriptError) Freeze()               {}
func (e *scriptError) Truth() starlark.Bool  { return true }
func (e *scriptError) Hash() (uint32, error) { return 0, errors.New("unhashable type: error") }
func (e *scriptError) AttrNames() []string {
	return []string{"code", "kind", "message", "op", "provider", "request_id", "retry_after", "trace"}
}

func (e *scriptError) Attr(name string) (starlark.Value, error) {
	switch name {
	case "kind":
		return starlark.String(e.err.Kind), nil
	case "message":
		return starlark.String(e.err.Message), nil
	case "provider":
		return starlark.String(e.err.Provider), nil
	case "op":
		return starlark.String(e.err.Op), nil
	case "code":
		return starlark.String(e.err.Code), nil
	case "request_id":
		return starlark.String(e.err.RequestID), nil
	case "retry_after":
		return starlark.Float(e.err.RetryAfter.Seconds()), nil
	case "trace":
		return starlark.String(e.trace), nil
	}
	return nil, op.Errorf(op.InvalidArgument, "error has no attribute %q%s", name, op.DidYouMean(name, e.AttrNames()))
}

// asOpError returns err as an *op.Error. What is none, such as fail("…") or a
// division by zero, is the script's own and of kind internal.
func asOpError(err error) *op.Error {
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*starlark.EvalError](err); ok {
		return &op.Error{Kind: op.KindOf(e.Unwrap()), Message: e.Msg, Err: err}
	}
	return op.AsError(err)
}
