package builtins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins/lib"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A run is one execution of a script.
type run struct {
	Options
	main   *scope
	cancel context.CancelCauseFunc                 // ends the run
	halt   atomic.Pointer[context.CancelCauseFunc] // ends what is executed: the run, or a session's chunk

	declaring bool // only what params declares is wanted

	predeclared starlark.StringDict
	budget      atomic.Int64  // steps left
	slots       chan struct{} // of parallel threads

	out     sync.Mutex // threads print one after another
	printed int64      // bytes

	telling sync.Mutex

	mu      sync.Mutex
	loaded  map[string]*loading
	closers map[io.Closer]struct{} // what the script forgot to close

	watch sync.WaitGroup
}

// A limitError ends a run: no attempt catches it.
type limitError struct{ msg string }

func (e *limitError) Error() string { return e.msg }

func newRun(ctx context.Context, o Options) *run {
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Limits.Steps == 0 || o.Limits.Steps > math.MaxInt64 {
		o.Limits.Steps = math.MaxInt64
	}
	if o.Limits.Parallel <= 0 {
		o.Limits.Parallel = 64
	}
	r := &run{Options: o, loaded: map[string]*loading{}, closers: map[io.Closer]struct{}{}, slots: make(chan struct{}, o.Limits.Parallel)}
	r.budget.Store(int64(o.Limits.Steps))
	ctx, r.cancel = context.WithCancelCause(ctx)
	r.halt.Store(&r.cancel)
	r.main = r.scope(ctx, nil, "main")
	r.predeclared = r.names()
	if o.Limits.Memory > 0 {
		r.watch.Go(func() { r.watchMemory(ctx) })
	}
	return r
}

// close ends whatever the script left open.
func (r *run) close() {
	r.cancel(nil)
	r.watch.Wait()
	r.mu.Lock()
	open := slices.Collect(maps.Keys(r.closers))
	clear(r.closers)
	r.mu.Unlock()
	// Not under the lock: a stream that is closed has itself forgotten.
	for _, c := range open {
		c.Close()
	}
}

func (r *run) keep(c io.Closer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closers[c] = struct{}{}
}

func (r *run) forget(c io.Closer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.closers, c)
}

// stop ends what is executed, for good.
func (r *run) stop(format string, args ...any) {
	(*r.halt.Load())(&limitError{fmt.Sprintf(format, args...)})
}

// tell reports progress, from one thread after another.
func (r *run) tell(e Event) {
	if r.Progress == nil {
		return
	}
	r.telling.Lock()
	defer r.telling.Unlock()
	r.Progress(e)
}

const memoryMetric = "/memory/classes/heap/objects:bytes"

// watchMemory stops the script when the process's heap has grown by more than
// the limit. It samples, so a single operation must not be able to take all
// memory: that is what builtins/guard sees to. What is garbage does not count,
// unless it is as much again.
func (r *run) watchMemory(ctx context.Context) {
	sample := []metrics.Sample{{Name: memoryMetric}}
	grown := func(base uint64) uint64 {
		metrics.Read(sample)
		return max(base, sample[0].Value.Uint64()) - base
	}
	base, limit := grown(0), uint64(r.Limits.Memory)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := grown(base)
		if now > limit && now <= 2*limit {
			runtime.GC()
			now = grown(base)
		}
		if now > limit {
			r.stop("the script needs more memory than its limit of %d MiB", r.Limits.Memory>>20)
		}
	}
}

// A scope is one thread of a run.
type scope struct {
	*run
	ctx    context.Context
	cancel context.CancelCauseFunc
	thread *starlark.Thread
	parent *scope
	depth  int   // how many calls of parallel it is in
	slot   bool  // it has one of the run's slots
	taken  int64 // steps, from the run's budget
	lasts  bool  // it made something that is read after it: a list, a stream

	mu       sync.Mutex
	ended    bool
	children map[*scope]struct{} // while it waits for them in parallel
	failed   error               // what an iterator could not return
	unwatch  func() bool
	unlink   func() bool
}

// renew gives a session's thread the whole budget again.
func (s *scope) renew() {
	s.lasts, s.failed = false, nil
	s.budget.Store(int64(s.Limits.Steps))
	s.taken = int64(s.thread.ExecutionSteps())
	s.moreSteps(s.thread)
	s.out.Lock()
	defer s.out.Unlock()
	s.printed = 0
}

const scopeKey = "cloudlark.scope"

// A thread takes steps from the run's budget at most so many at a time, and less
// when it runs low: what a thread has and does not use, others lack.
const (
	stepQuantum = 100_000
	stepShare   = 256
	stepLeast   = 100
)

// scope makes a thread under ctx. A call of parallel ends with its own context,
// but what it returned is read after that: so a thread's context is the run's,
// and linked to its parent's only while it runs.
func (r *run) scope(ctx context.Context, parent *scope, name string) *scope {
	s := &scope{run: r, parent: parent, unlink: func() bool { return true }}
	if parent == nil {
		s.ctx, s.cancel = ctx, func(error) {}
	} else {
		s.ctx, s.cancel = context.WithCancelCause(r.main.ctx)
		s.unlink = context.AfterFunc(ctx, func() { s.cancel(context.Cause(ctx)) })
	}
	s.thread = &starlark.Thread{Name: name, Print: s.print, Load: s.load, OnMaxSteps: s.moreSteps}
	s.thread.SetLocal(scopeKey, s)
	lib.SetContext(s.thread, s.ctx)
	if parent != nil {
		s.depth = parent.depth + 1
	}
	s.moreSteps(s.thread)
	s.unwatch = context.AfterFunc(s.ctx, func() { s.thread.Cancel("canceled") })
	return s
}

// setContext puts another context in place: a session's next chunk.
func (s *scope) setContext(ctx context.Context) {
	s.ctx = ctx
	lib.SetContext(s.thread, ctx)
}

// scopeOf returns the scope of a thread that this package made.
func scopeOf(t *starlark.Thread) *scope { return t.Local(scopeKey).(*scope) }

// end gives back the steps that the thread did not take.
func (s *scope) end() {
	s.unlink()
	s.unwatch()
	if !s.lasts {
		s.cancel(nil)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.budget.Add(s.taken - int64(s.thread.ExecutionSteps()))
}

// moreSteps takes steps from the run's budget, when the thread has used up what it had.
func (s *scope) moreSteps(t *starlark.Thread) {
	left := s.budget.Load()
	n := min(left, max(stepLeast, min(stepQuantum, left/stepShare)))
	if n <= 0 || s.budget.Add(-n) < 0 {
		s.stop("the script took more than its limit of %d steps", s.Limits.Steps)
		t.Cancel("too many steps")
		t.SetMaxExecutionSteps(uint64(s.taken) + stepQuantum) // to come to the cancellation
		return
	}
	s.taken += n
	t.SetMaxExecutionSteps(uint64(s.taken))
}

// steps returns how many the run has taken; the main thread is at rest.
func (r *run) steps() uint64 {
	left := max(0, r.budget.Load()) + r.main.taken - int64(r.main.thread.ExecutionSteps())
	return r.Limits.Steps - uint64(left)
}

func (s *scope) print(t *starlark.Thread, msg string) {
	if _, err := io.WriteString(printer{s.run}, msg+"\n"); err != nil {
		s.raise(err)
	}
}

// raise makes the script fail with err at the line where it is.
//
// An iterator cannot return an error, so it ends early, and raise cancels the
// thread that iterates, which the interpreter notices before the next step;
// err is put in place of the cancellation by attempt, or at the end of the run.
// Which thread iterates the iterator is not told either. It is the one that
// made the list; or, if that has ended and handed the list on, its parent; or,
// if that waits in parallel, one of its children: then all of them are
// cancelled, since the first error of parallel cancels the rest anyway.
func (s *scope) raise(err error) {
	for s.parent != nil && s.hasEnded() {
		s = s.parent
	}
	s.fail(err)
}

func (s *scope) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// fail cancels the threads that run in the scope, and reports whether there was one.
func (s *scope) fail(err error) bool {
	s.mu.Lock()
	ended, children := s.ended, slices.Collect(maps.Keys(s.children))
	s.mu.Unlock()
	if ended {
		return false
	}
	told := false
	for _, c := range children {
		told = c.fail(err) || told
	}
	if told {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
	}
	s.thread.Cancel("failed")
	return true
}

// raised returns err, or what was raised in its place. caught says that the
// script goes on.
func (s *scope) raised(err error, caught bool) error {
	if context.Cause(s.ctx) != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		return err
	}
	failed := s.failed
	if e, ok := errors.AsType[*starlark.EvalError](err); ok {
		failed = &raisedError{failed, e.CallStack}
	}
	if caught {
		s.failed = nil
		s.thread.Uncancel()
	}
	return failed
}

// A raisedError is an iterator's error with the place where it stopped the script.
type raisedError struct {
	error
	stack starlark.CallStack
}

func (e *raisedError) Unwrap() error { return e.error }

// ended reports what ended the run for good, or nil: a limit, or whoever started it.
func (s *scope) stopped() error {
	cause := context.Cause(s.ctx)
	if cause == nil {
		return nil
	}
	if l, ok := errors.AsType[*limitError](cause); ok {
		return &op.Error{Kind: op.QuotaExceeded, Message: l.msg, Err: l}
	}
	return op.AsError(cause)
}
