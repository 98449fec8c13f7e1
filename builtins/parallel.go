package builtins

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins/guard"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// maxNesting is how deep parallel may be in parallel. A function that calls
// itself through it would make threads without end.
const maxNesting = 3

// parallel(fn, items, limit=8) calls fn(item) for every item, up to limit at
// once, each on a thread of its own, and returns the results in order. The first
// error cancels the rest. What the calls share is frozen from then on: fn can
// read the script's globals, and nobody can change them.
func parallel(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var fn starlark.Callable
	var items starlark.Iterable
	limit := 8
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "fn", &fn, "items", &items, "limit?", &limit); err != nil {
		return nil, err
	}
	s := scopeOf(t)
	if limit < 1 {
		return nil, op.Errorf(op.InvalidArgument, "parallel: limit is at least 1, not %d", limit)
	}
	if s.depth == maxNesting {
		return nil, op.Errorf(op.InvalidArgument, "parallel may be nested %d deep; this is deeper", maxNesting)
	}
	if err := share(fn, items); err != nil {
		return nil, err
	}

	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	// A thread that waits for others needs no slot: else nested calls would wait
	// for each other's.
	if s.slot {
		s.release()
		defer s.acquire(s.ctx)
	}
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		results []starlark.Value
		failed  error
	)
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if failed == nil {
			failed = err
			cancel(errSibling)
		}
	}
	places := make(chan struct{}, limit)
	next, done := each(items)
	defer done()
	for i := 0; acquire(ctx, places); i++ {
		item, err := next()
		if err != nil {
			fail(err)
			break
		}
		if item == nil {
			break
		}
		child := s.run.scope(ctx, s, b.Name())
		if !child.acquire(ctx) {
			child.end()
			break
		}
		mu.Lock()
		results = append(results, starlark.None)
		mu.Unlock()
		s.adopt(child)
		wg.Go(func() {
			defer func() {
				s.disown(child)
				child.release()
				<-places
			}()
			r, err := child.call(fn, item)
			if err != nil {
				fail(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			results[i] = r
		})
	}
	wg.Wait()
	if failed != nil && !errors.Is(failed, errSibling) {
		return nil, fmt.Errorf("%w", failed) // the place of this call goes before the place in fn
	}
	if err := s.stopped(); err != nil {
		return nil, err
	}
	return starlark.NewList(results), nil
}

// share freezes what threads see together: it must not change any more. That
// is what they are given, what fn closes over, and the globals of its module.
func share(fn starlark.Callable, items starlark.Iterable) error {
	shared := []starlark.Value{fn, items}
	if f, ok := fn.(*starlark.Function); ok {
		shared = slices.AppendSeq(shared, maps.Values(f.Globals()))
	}
	return guard.Freeze(shared...)
}

// errSibling is why a thread is cancelled whose sibling failed.
var errSibling = errors.New("another call of the same parallel failed")

// each goes through items: next returns nil after the last. A lazy list's errors
// are returned, not raised, for the threads at work have no part in them.
func each(items starlark.Iterable) (next func() (starlark.Value, error), done func()) {
	if l, ok := items.(*list); ok {
		i := -1
		return func() (starlark.Value, error) { i++; return l.at(i) }, func() {}
	}
	it := items.Iterate()
	return func() (starlark.Value, error) {
		var v starlark.Value
		if !it.Next(&v) {
			return nil, nil
		}
		return v, nil
	}, it.Done
}

// call calls fn on the scope's thread. The result is frozen: another thread has it.
func (s *scope) call(fn starlark.Callable, arg starlark.Value) (result starlark.Value, err error) {
	defer guard.Recover(&err)
	result, err = starlark.Call(s.thread, fn, starlark.Tuple{arg}, nil)
	if err = s.raised(err, false); err != nil {
		return nil, err
	}
	return result, guard.Freeze(result)
}

func acquire(ctx context.Context, places chan struct{}) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// acquire takes one of the run's slots.
func (s *scope) acquire(ctx context.Context) bool {
	s.slot = acquire(ctx, s.slots)
	return s.slot
}

func (s *scope) release() {
	if s.slot {
		s.slot = false
		<-s.slots
	}
}

func (s *scope) adopt(child *scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.children == nil {
		s.children = map[*scope]struct{}{}
	}
	s.children[child] = struct{}{}
}

func (s *scope) disown(child *scope) {
	child.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lasts = s.lasts || child.lasts
	delete(s.children, child)
}
