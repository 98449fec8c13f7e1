package builtins

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/builtins/guard"
)

// A Session is a script that is typed: each chunk sees the globals of those
// before it. It is not safe for concurrent use.
type Session struct {
	run     *run
	globals starlark.StringDict // the predeclared names as well
}

// NewSession begins a session.
func NewSession(o Options) *Session {
	r := newRun(context.Background(), o)
	return &Session{run: r, globals: maps.Clone(r.predeclared)}
}

// Close ends what the session left open.
func (s *Session) Close() { s.run.close() }

// Whole reports whether src is a whole chunk. If not, more lines are wanted.
func (s *Session) Whole(src string) bool {
	lines := strings.SplitAfter(src, "\n")
	short := false
	_, err := Dialect.ParseCompoundStmt("input", func() ([]byte, error) {
		if len(lines) == 0 || lines[0] == "" {
			short = true
			return nil, io.EOF
		}
		line := lines[0]
		lines = lines[1:]
		return []byte(line), nil
	})
	return err == nil || !short
}

// Eval executes a chunk and returns an expression's value, nil for statements.
// ctx ends this chunk, not the session, and so does a limit: each chunk has them
// all for itself, but for the memory, which the globals share.
func (s *Session) Eval(ctx context.Context, src string) (starlark.Value, error) {
	main := s.run.main
	session := main.ctx
	// Lists that the chunk makes go on in later ones: only an interruption ends them.
	chunk, interrupt := context.WithCancelCause(session)
	main.setContext(chunk)
	main.renew()
	s.run.halt.Store(&interrupt)
	unlink := context.AfterFunc(ctx, func() { interrupt(context.Cause(ctx)) })
	canceled := make(chan struct{})
	unwatch := context.AfterFunc(chunk, func() {
		main.thread.Cancel("canceled")
		close(canceled)
	})
	defer func() {
		unlink()
		if !unwatch() {
			<-canceled // else it could cancel the next chunk
		}
		s.run.halt.Store(&s.run.cancel)
		main.thread.Uncancel()
		main.setContext(session)
		if !main.lasts {
			interrupt(nil)
		}
	}()
	v, err := s.eval(src)
	return v, s.run.explain(main, main.raised(err, true))
}

func (s *Session) eval(src string) (v starlark.Value, err error) {
	defer guard.Recover(&err)
	f, err := guard.Parse(Dialect, "input", []byte(src))
	if err != nil {
		return nil, err
	}
	if len(f.Stmts) == 1 {
		if e, ok := f.Stmts[0].(*syntax.ExprStmt); ok {
			return starlark.EvalExprOptions(Dialect, s.run.main.thread, e.X, s.globals)
		}
	}
	return nil, starlark.ExecREPLChunk(f, s.run.main.thread, s.globals)
}

// Complete returns what the word before pos may become, whole words: a global, an
// attribute of a value, or an argument of an operation. from is where the word begins.
func (s *Session) Complete(line string, pos int) (from int, words []string) {
	from = strings.LastIndexFunc(line[:pos], func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) }) + 1
	prefix := line[from:pos]
	var all []string
	if from > 0 && line[from-1] == '.' {
		if v, ok := s.value(line[:from-1]).(starlark.HasAttrs); ok {
			all = v.AttrNames()
		}
	} else {
		all = append(s.arguments(line[:from]), slices.Collect(maps.Keys(s.globals))...)
		all = append(all, slices.Collect(maps.Keys(starlark.Universe))...)
	}
	for _, w := range all {
		if strings.HasPrefix(w, prefix) && isName(strings.TrimSuffix(w, " = ")) {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	return from, slices.Compact(words)
}

func isName(w string) bool {
	return w != "" && strings.IndexFunc(w, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) }) < 0
}

// value is what the dotted name at the end of text stands for, or nil. Nothing is
// called for it.
func (s *Session) value(text string) starlark.Value {
	i := strings.LastIndexFunc(text, func(c rune) bool {
		return c != '_' && c != '.' && !unicode.IsLetter(c) && !unicode.IsDigit(c)
	}) + 1
	parts := strings.Split(text[i:], ".")
	v := s.globals[parts[0]]
	for _, name := range parts[1:] {
		x, ok := v.(starlark.HasAttrs)
		if !ok {
			return nil
		}
		var err error
		if v, err = x.Attr(name); err != nil {
			return nil
		}
	}
	return v
}

// arguments are those of the operation whose parentheses text is in.
func (s *Session) arguments(text string) []string {
	depth := 0
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case ')', ']', '}':
			depth++
		case '(', '[', '{':
			if depth--; depth < 0 {
				return argumentNames(s.value(text[:i]))
			}
		}
	}
	return nil
}

// argumentNames are the keyword arguments of an operation: "size = ".
func argumentNames(v starlark.Value) []string {
	m, ok := v.(*method)
	if !ok {
		return nil
	}
	var names []string
	for i := range m.op.In().Fields {
		f := &m.op.In().Fields[i]
		if m.receiver == nil || !m.receiver.fills(m.op, f) {
			names = append(names, f.Name+" = ")
		}
	}
	return names
}
