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
	iter := items.Iterate()
	defer iter.Done()
	var item starlark.Value
	for i := 0; acquire(ctx, places) && iter.Next(&item); i++ {
		if s.depth == 0 && !acquire(ctx, s.slots) {
			break
		}
		mu.Lock()
		results = append(results, starlark.None)
		mu.Unlock()
		child := s.run.scope(ctx, s, b.Name())
		s.adopt(child)
		v := item
		wg.Go(func() {
			defer func() {
				s.disown(child)
				<-places
				if s.depth == 0 {
					<-s.slots
				}
			}()
			r, err := starlark.Call(child.thread, fn, starlark.Tuple{v}, nil)
			if err = child.raised(err, false); err != nil {
				fail(err)
				return
			}
			r.Freeze()
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

func acquire(ctx context.Context, places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
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
	delete(s.children, child)
}
