package builtins

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// An Error is why a script ended: a mistake in it, an operation that failed, a
// limit, or whoever started it.
type Error struct {
	Msg   string
	Stack []Frame // where, outermost first; empty when no script was running
	Err   error   // *op.Error where an operation failed or a limit was met
}

// A Frame is a place in a script.
type Frame struct {
	File      string
	Line, Col int
	Function  string // "main" for the script itself
	Source    string // the line, if it can be read
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Error is the message, and the places below it, one a line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Msg)
	for i := len(e.Stack) - 1; i >= 0; i-- {
		f := e.Stack[i]
		fmt.Fprintf(&b, "\n  at %s:%d:%d", f.File, f.Line, f.Col)
		if f.Function != "" {
			b.WriteString(", in " + f.Function)
		}
		if f.Source != "" {
			b.WriteString("\n      " + f.Source)
		}
	}
	return b.String()
}

// recovered makes an error of a panic in a driver, when deferred. The stack goes
// to the log, and to no script.
func (r *run) recovered(o *op.Op, err *error) {
	if p := recover(); p != nil {
		r.Logger.Error("panic", "op", o.Name, "panic", p, "stack", string(debug.Stack()))
		*err = &op.Error{Kind: op.Internal, Op: o.Name, Message: fmt.Sprintf("the driver has a defect: it panicked: %v", p)}
	}
}

// explain makes an *Error of what ended the script.
func (r *run) explain(s *scope, err error) error {
	if err == nil {
		err = s.stopped()
	}
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	e := &Error{Msg: err.Error(), Err: err}
	if raised, ok := errors.AsType[*raisedError](err); ok {
		e.Msg, e.Err = raised.Error(), raised.error
		e.Stack = r.frames(raised.stack)
	} else if eval, ok := errors.AsType[*starlark.EvalError](err); ok {
		e.Msg = eval.Msg
		e.Stack = r.frames(eval.CallStack)
		if inner := innermost(eval); inner != eval {
			e.Stack = append(e.Stack, r.frames(inner.CallStack)...)
			e.Msg = inner.Msg
		}
	} else if list, ok := errors.AsType[resolve.ErrorList](err); ok {
		e.Msg = list[0].Msg
		if hint := r.misspelt(e.Msg); hint != "" {
			e.Msg += hint
		}
		e.Stack = []Frame{r.frame(list[0].Pos, "")}
		e.Err = op.Errorf(op.InvalidArgument, "%s", e.Msg)
	} else if syn, ok := errors.AsType[syntax.Error](err); ok {
		e.Msg = "syntax error: " + syn.Msg
		e.Stack = []Frame{r.frame(syn.Pos, "")}
		e.Err = op.Errorf(op.InvalidArgument, "%s", e.Msg)
	}
	if opErr, ok := errors.AsType[*op.Error](e.Err); ok {
		e.Msg, e.Err = opErr.Error(), opErr
		// A mistake in the script needs no kind before it.
		if opErr.Kind == op.InvalidArgument && opErr.Provider == "" {
			e.Msg = opErr.Message
		}
	}
	if stopped := s.stopped(); stopped != nil {
		e.Err, e.Msg = stopped, op.AsError(stopped).Message
		if op.KindOf(stopped) == op.Canceled {
			e.Msg = "interrupted"
		}
	}
	return e
}

// innermost is the error of the deepest script: a load, or a call on a thread
// of parallel, has a stack of its own.
func innermost(e *starlark.EvalError) *starlark.EvalError {
	for {
		next, ok := errors.AsType[*starlark.EvalError](e.Unwrap())
		if !ok {
			return e
		}
		e = next
	}
}

func (r *run) frames(stack starlark.CallStack) []Frame {
	var frames []Frame
	for _, f := range stack {
		if !f.Pos.IsValid() || f.Pos.Filename() == "<builtin>" {
			continue
		}
		name := f.Name
		if name == "<toplevel>" {
			name = "main"
		}
		frames = append(frames, r.frame(f.Pos, name))
	}
	return frames
}

func (r *run) frame(pos syntax.Position, function string) Frame {
	f := Frame{File: pos.Filename(), Line: int(pos.Line), Col: int(pos.Col), Function: function}
	if r.FS == nil {
		return f
	}
	if src, err := fs.ReadFile(r.FS, f.File); err == nil {
		lines := strings.Split(string(src), "\n")
		if f.Line >= 1 && f.Line <= len(lines) {
			f.Source = shortened(strings.TrimSpace(lines[f.Line-1]))
		}
	}
	return f
}

// shortened is a line as a message shows it: one that was made by a program may
// be as long as the script.
func shortened(line string) string {
	const most = 160
	if r := []rune(line); len(r) > most {
		return string(r[:most]) + "…"
	}
	return line
}

// misspelt hints at a predeclared name where the resolver met an unknown one.
func (r *run) misspelt(msg string) string {
	name, ok := strings.CutPrefix(msg, "undefined: ")
	if !ok || strings.Contains(name, " ") {
		return ""
	}
	return op.DidYouMean(name, append(r.predeclared.Keys(), starlark.Universe.Keys()...))
}
