package builtins

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// maxRead is how much of a stream a script may hold at once, if its memory allows.
const maxRead = 64 << 20

// A stream is bytes that flow: the body of an object. It is read once. It is
// closed at its end, and by the run if the script forgets it before.
type stream struct {
	name  string
	limit int // bytes that a script may hold of it at once
	close func() error

	mu  sync.Mutex
	buf *bufio.Reader
}

// A body is what a stream reads from. What its Close says is part of its end: a
// sum that does not fit, for one.
type body struct {
	io.Reader
	close func() error
	moved *flow
	err   error
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.Reader.Read(p)
	b.moved.add(n)
	if err == io.EOF {
		b.moved.end()
		if e := b.close(); e != nil {
			err = e
		}
	}
	b.err = err
	return n, err
}

// open makes streams of the bodies in an answer, in their places: so a body
// that the script asks for twice is one stream.
func (s *scope) open(r *record) {
	what := r.typ.Name
	for i := range r.typ.Fields {
		f := &r.typ.Fields[i]
		v := r.v.FieldByIndex(f.Index)
		if v.Kind() == reflect.Struct && v.Type() != timeType {
			what = newRecord(v, nil).label() // the object whose body it is
		}
		if !f.IsStream() {
			continue
		}
		if from, ok := v.Interface().(io.Reader); ok {
			r.v = addressable(r.v)
			r.v.FieldByIndex(f.Index).Set(reflect.ValueOf(s.stream(from, f.Name, what)))
		}
	}
}

func (s *scope) stream(from io.Reader, name, what string) *stream {
	s.lasts = true
	st := &stream{name: name, limit: maxRead}
	if m := s.Limits.Memory / 4; m > 0 {
		st.limit = int(min(m, maxRead))
	}
	st.close = sync.OnceValue(func() error {
		s.forget(st)
		if c, ok := from.(io.Closer); ok {
			return c.Close()
		}
		return nil
	})
	st.buf = bufio.NewReader(&body{Reader: from, close: st.close, moved: s.flow(what)})
	s.keep(st)
	return st
}

// Read makes stream an io.Reader, so that a body can be put as it comes.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Read(p)
}

func (s *stream) Close() error { return s.close() }

// MarshalJSON makes json.encode say why it cannot be.
func (s *stream) MarshalJSON() ([]byte, error) {
	return nil, op.Errorf(op.InvalidArgument, "a stream is no text: read it with text()")
}

func (s *stream) String() string        { return "<stream " + s.name + ">" }
func (s *stream) Type() string          { return "stream" }
func (s *stream) Freeze()               {}
func (s *stream) Truth() starlark.Bool  { return true }
func (s *stream) Hash() (uint32, error) { return 0, errors.New("unhashable type: stream") }
func (s *stream) AttrNames() []string   { return []string{"close", "lines", "read", "text"} }

func (s *stream) Attr(name string) (starlark.Value, error) {
	switch name {
	case "read":
		return starlark.NewBuiltin("read", s.readBytes), nil
	case "text":
		return starlark.NewBuiltin("text", func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			v, err := s.readBytes(t, b, args, kwargs)
			if err != nil {
				return nil, err
			}
			return starlark.String(v.(starlark.Bytes)), nil
		}), nil
	case "lines":
		return starlark.NewBuiltin("lines", func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
				return nil, err
			}
			return &lines{s, scopeOf(t)}, nil
		}), nil
	case "close":
		return starlark.NewBuiltin("close", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
				return nil, err
			}
			return starlark.None, s.Close()
		}), nil
	}
	return nil, op.Errorf(op.InvalidArgument, "stream has no attribute %q%s", name, op.DidYouMean(name, s.AttrNames()))
}

// readBytes reads at most n bytes, or all there are.
func (s *stream) readBytes(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	n := -1
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "n?", &n); err != nil {
		return nil, err
	}
	if n > s.limit {
		return nil, op.Errorf(op.InvalidArgument, "%s: at most %s are read at once", b.Name(), size(s.limit))
	}
	limit := s.limit + 1
	if n >= 0 {
		limit = n
	}
	data, err := io.ReadAll(io.LimitReader(s, int64(limit)))
	if err != nil {
		return nil, err
	}
	if len(data) > s.limit {
		return nil, op.Errorf(op.InvalidArgument, "%s: there are more than %s: read them by lines(), in parts by read(n), or hand the stream to write_file or put_object", b.Name(), size(s.limit))
	}
	return starlark.Bytes(data), nil
}

func size(n int) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// lines yields a stream's lines, without their ends.
type lines struct {
	s     *stream
	scope *scope
}

func (l *lines) String() string             { return "<lines of " + l.s.name + ">" }
func (l *lines) Type() string               { return "lines" }
func (l *lines) Freeze()                    {}
func (l *lines) Truth() starlark.Bool       { return true }
func (l *lines) Hash() (uint32, error)      { return 0, errors.New("unhashable type: lines") }
func (l *lines) Iterate() starlark.Iterator { return l }
func (l *lines) Done()                      {}

func (l *lines) Next(p *starlark.Value) bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	var line []byte
	for {
		part, prefix, err := l.s.buf.ReadLine()
		line = append(line, part...)
		if len(line) > l.s.limit {
			err = op.Errorf(op.InvalidArgument, "a line has more than %s", size(l.s.limit))
		}
		if err == io.EOF && len(line) == 0 {
			return false
		}
		if err != nil && err != io.EOF {
			l.scope.raise(fmt.Errorf("%s: %w", l.s.name, err))
			return false
		}
		if !prefix {
			*p = starlark.String(line)
			return true
		}
	}
}
