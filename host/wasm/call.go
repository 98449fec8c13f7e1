package wasm

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A call is one call's state in the host: what its handles stand for, and how
// much it has used. Everything it holds is released when it ends.
type call struct {
	caller context.Context // who called; what is handed over lives as long
	ctx    context.Context // ends with the call, or when it is given up
	hard   context.Context // ends when the instance is ended, wherever it is
	closed context.Context // ends when the module is closed; nil for describe
	net    *network        // nil for a call that is granted nothing: describe
	limits Limits
	log    *slog.Logger

	things   map[int32]any // *source, *held, *spool, *exchange
	next     int32
	requests int
	lines    int
	holding  int64 // bytes of held
	spools   int   // that are open
	spare    spare // memory for the next
	spooled  int64
	failed   *abi.Error // why the last import failed
	running  sync.WaitGroup
	over     []io.Closer // what was handed over

	complaint string // the last error that the guest logged: a panic, perhaps
}

func (d *driver) call() *call {
	return &call{net: d.net, limits: d.m.limits, log: d.m.options.Logger.With(slog.String("driver", d.m.description.Name))}
}

// add gives a thing a handle.
func (c *call) add(thing any) int32 {
	if c.things == nil {
		c.things = map[int32]any{}
	}
	c.next++
	c.things[c.next] = thing
	return c.next
}

const (
	maxHandles = 4096 // open at a time, or twice as many as the call may make requests
	maxSpools  = 256  // open at a time: each may have a file, and 1 MiB of memory
)

// room refuses one handle more than a call can need.
func (c *call) room() error {
	if most := max(maxHandles, 2*c.limits.Requests); len(c.things) >= most {
		return op.Errorf(op.Internal, "the driver has %d handles open in one call: it must close those that it is done with", most)
	}
	return nil
}

// reserve refuses n bytes more of bodies in memory than a call may hold.
func (c *call) reserve(n int64) error {
	if c.holding+n > c.limits.Held {
		for _, thing := range c.things { // what was sent meanwhile is not held any more
			if x, ok := thing.(*exchange); ok && x.over() {
				c.let(x)
			}
		}
	}
	if c.holding+n > c.limits.Held {
		return op.Errorf(op.Internal, "the driver holds more than %d bytes of bodies in one call", c.limits.Held)
	}
	return nil
}

// keep counts what a handle or a request has in memory, once for all of them.
func (c *call) keep(h *held) *held {
	if h.keepers++; h.keepers == 1 {
		c.holding += int64(cap(h.data))
	}
	return h
}

func (c *call) unkeep(h *held) {
	if h.keepers--; h.keepers == 0 {
		c.holding -= int64(cap(h.data))
	}
}

// let lets go of the body that a request has sent.
func (c *call) let(x *exchange) {
	if x.memory != nil {
		c.unkeep(x.memory)
		x.memory = nil
	}
}

// hold makes a body of the arguments a stream.
func (c *call) hold(r io.Reader) (*abi.Stream, error) {
	s := &abi.Stream{}
	length := lengthOf(r)
	if length >= 0 {
		s.Length = &length
	}
	s.Handle = c.add(newSource(r, length))
	return s, nil
}

// handOver makes a stream of the answer a body, which lives on after the call.
func (c *call) handOver(s *abi.Stream) (io.ReadCloser, error) {
	thing := c.things[s.Handle]
	switch t := thing.(type) {
	case *exchange:
		if err := t.wait(c.caller); err != nil {
			return nil, err
		}
		t.unbind()
		return c.download(s, t.body, t.release)
	case *spool:
		r, _ := t.reader()
		return c.download(s, r, t.release)
	}
	return nil, fmt.Errorf("there is no body with the handle %d", s.Handle)
}

func (c *call) download(s *abi.Stream, r io.Reader, release func()) (io.ReadCloser, error) {
	d, err := newDownload(c.caller, s, r, release)
	if err != nil {
		return nil, err
	}
	delete(c.things, s.Handle)
	c.over = append(c.over, d)
	return d, nil
}

// takeBack closes what was handed over, when the answer that it is in is refused.
func (c *call) takeBack() {
	for _, body := range c.over {
		_ = body.Close()
	}
}

// drop releases a thing.
func (c *call) drop(handle int32) bool {
	switch t := c.things[handle].(type) {
	case nil:
		return false
	case *exchange:
		t.release()
		c.let(t)
	case *spool:
		c.spooled -= t.size
		c.spools--
		t.release()
	case *held:
		c.unkeep(t)
		t.release()
	}
	delete(c.things, handle)
	return true
}

// end releases what the call still holds. When it returns, nobody reads the
// bodies of its arguments any more.
func (c *call) end() {
	for handle, thing := range c.things {
		if s, ok := thing.(*source); ok {
			s.leave()
		}
		c.drop(handle)
	}
	c.running.Wait()
}

// fail notes why an import failed; see last_error.
func (c *call) fail(err error) int32 {
	if cause := context.Cause(c.ctx); cause != nil {
		err = cause
	}
	c.failed = abi.ErrorOf(err)
	return -1
}

// A logWriter logs what a guest writes to its standard output or error, line
// by line.
type logWriter struct {
	i     *instance
	level slog.Level
	line  []byte
	first string // of the call: what a language's runtime says before it explains
}

const maxLine = 4 << 10

func (w *logWriter) Write(p []byte) (int, error) {
	for _, b := range p {
		if b != '\n' {
			if len(w.line) < maxLine {
				w.line = append(w.line, b)
			}
			continue
		}
		w.flush()
	}
	return len(p), nil
}

func (w *logWriter) flush() {
	if text := strings.ToValidUTF8(string(w.line), "\uFFFD"); strings.TrimSpace(text) != "" {
		if w.first == "" {
			w.first = strings.TrimSpace(text)
		}
		w.i.current().logLine(w.level, text)
	}
	w.line = w.line[:0]
}

// logLine logs one line of the guest, as far as its limit allows.
func (c *call) logLine(level slog.Level, text string) {
	switch c.lines++; {
	case c.lines <= c.limits.LogLines:
		c.log.Log(c.context(), level, text, slog.String("source", "guest"))
	case c.lines == c.limits.LogLines+1:
		c.log.Log(c.context(), slog.LevelWarn, "the driver logs too much: the rest of this call's lines is dropped")
	}
}

func (c *call) context() context.Context {
	if c.ctx != nil {
		return c.ctx
	}
	return context.Background()
}

// denied is why a call that was granted nothing cannot do a thing.
func (c *call) denied(what string) error {
	return op.Errorf(op.PermissionDenied, "%s: a module that is asked what it is may do nothing", what)
}
