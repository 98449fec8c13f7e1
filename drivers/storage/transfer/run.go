package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A run is one job being done.
type run struct {
	*Engine
	job    Job
	ctx    context.Context
	cancel context.CancelCauseFunc
	gate   *gate
	memory *memory
	meter  meter
	left   leftovers

	mu  sync.Mutex // of what follows, and around Options.Done
	sum Summary
	err error // the first failure
}

func (e *Engine) begin(ctx context.Context, j Job) *run {
	r := &run{Engine: e, job: j, gate: newGate(e.o.Concurrency), memory: newMemory(e.o.Memory)}
	ctx, r.cancel = context.WithCancelCause(ctx)
	r.ctx = op.InBulk(op.NoticeRetries(ctx, r.gate.retried))
	r.sum.DryRun = j.DryRun
	r.meter.begin(e.o.Progress)
	return r
}

// end returns what the job came to. err ended it, or is nil.
func (r *run) end(err error) (Summary, error) {
	r.meter.end()
	r.sum.Seconds = r.meter.elapsed().Seconds()
	if cause := context.Cause(r.ctx); err == nil && cause != nil {
		err = cause
	}
	r.cancel(nil)
	switch {
	case err != nil:
		return r.sum, op.AsError(err)
	case r.sum.Failed == 1:
		return r.sum, r.err
	case r.sum.Failed > 1:
		e := *op.AsError(r.err)
		e.Message = fmt.Sprintf("%d objects failed; the first: %s", r.sum.Failed, e.Message)
		return r.sum, &e
	}
	return r.sum, nil
}

// What is done with a task.
type kind int

const (
	doCopy    kind = iota
	doCompare      // copy, unless the checksums are the same
	doRemove
	doAbort
)

// A task is something for a worker to do.
type task struct {
	kind     kind
	entry    Entry // at from
	unseen   bool  // entry is to be looked up
	there    Entry // at to, where it is to be compared
	from, to Location
	names    []string // to be removed at from
	upload   string   // to be aborted at from
}

// tree has workers do what produce emits.
func (r *run) tree(produce func(ctx context.Context, emit func(task) error) error) error {
	tasks := make(chan task, r.o.Concurrency)
	var workers sync.WaitGroup
	started := 0
	emit := func(t task) error {
		// A worker more as long as none is idle: a small tree needs few.
		if started < r.o.Concurrency && len(tasks) >= min(started, cap(tasks)-1) {
			started++
			workers.Go(func() {
				for t := range tasks {
					r.do(t)
				}
			})
		}
		select {
		case tasks <- t:
			return nil
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
	}
	err := produce(r.ctx, emit)
	if err == nil {
		r.meter.known.Store(true)
	}
	close(tasks)
	workers.Wait()
	return err
}

// do does one task and tells what became of it.
func (r *run) do(t task) {
	if r.ctx.Err() != nil {
		return
	}
	switch t.kind {
	case doRemove:
		r.remove(t)
		return
	case doAbort:
		r.abort(t)
		return
	}
	start := time.Now()
	err := t.entry.err
	if t.unseen {
		if t.entry, err = t.from.stat(r.ctx); err == nil {
			r.meter.total.Add(t.entry.Size)
		}
	}
	res := Result{Action: actionOf(t), Size: t.entry.Size, DryRun: r.job.DryRun}
	if err == nil && t.kind == doCompare {
		var same bool
		if same, err = r.sameSum(t); err == nil && same {
			r.meter.total.Add(-t.entry.Size)
			r.unchanged()
			return
		}
	}
	if err == nil && !r.job.DryRun {
		r.meter.current.Store(&t.from)
		res.Resumed, err = r.move(t)
	}
	res.Elapsed = time.Since(start)
	r.tell(res, t.from, t.to, err)
}

func actionOf(t task) Action {
	switch {
	case t.from.conn == nil:
		return Upload
	case t.to.conn == nil:
		return Download
	}
	return Copied
}

func (r *run) move(t task) (resumed int64, err error) {
	switch {
	case t.from.conn == nil && t.to.conn == nil:
		return 0, op.Errorf(op.InvalidArgument, "%s and %s are both files of this machine: one end is a provider's", t.from, t.to)
	case t.from.conn == nil:
		return r.upload(t)
	case t.to.conn == nil:
		return r.download(t)
	}
	return r.between(t)
}

func (r *run) unchanged() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Unchanged++
}

// tell counts what became of something, and says so.
func (r *run) tell(res Result, from, to Location, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		e := from.failed(err)
		res.Error = e
		r.sum.Failed++
		if len(r.sum.Errors) < 100 {
			r.sum.Errors = append(r.sum.Errors, Failed{Name: from.String(), Kind: e.Kind, Message: op.AsError(err).Error()})
		}
		if r.err == nil {
			r.err = e
		}
		if e.Kind == op.Unauthenticated { // so will be all others
			r.cancel(e)
		}
	} else {
		r.meter.objects.Add(1)
		switch res.Action {
		case Removed, Aborted:
			r.sum.Deleted++
		default:
			r.sum.Transferred++
			r.sum.Bytes += res.Size
			r.sum.Resumed += res.Resumed
		}
	}
	if r.o.Done != nil {
		res.From = from.String()
		if res.Action != Removed && res.Action != Aborted {
			res.To = to.String()
		}
		r.o.Done(res)
	}
}

// request sends a request when it is its turn.
func (r *run) request(ctx context.Context, f func(ctx context.Context) error) error {
	if err := r.gate.enter(ctx); err != nil {
		return err
	}
	err := f(ctx)
	r.gate.leave(err)
	return err
}

// tries is how often something is begun again after it failed for a moment, beyond
// what the chain repeats: a body that broke off, a connection that stalled.
const (
	tries        = 5
	triesDamaged = 3
)

// again repeats f as long as it fails for a moment. f returns whether it came
// further than the last time.
func (r *run) again(ctx context.Context, f func(ctx context.Context) (further bool, err error)) error {
	for failures := 1; ; failures++ {
		further, err := f(ctx)
		switch op.KindOf(err) {
		case op.Unavailable, op.Timeout, op.RateLimited:
		case op.Internal: // damaged on its way, perhaps
			if failures == triesDamaged {
				return err
			}
		default:
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		if further {
			failures = 1
		}
		if failures == tries {
			return err
		}
		r.gate.retried(err)
		bound := 100 * time.Millisecond << failures
		pause := time.NewTimer(op.AsError(err).RetryAfter + bound/2 + rand.N(bound/2))
		select {
		case <-ctx.Done():
			pause.Stop()
			return err
		case <-pause.C:
		}
	}
}

// A guard ends a request when no byte has moved for some time.
type guard struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
	moved  atomic.Int64 // when, as Unix nanoseconds; 0 while what is sent is waited for
}

var errStalled = errors.New("no byte has moved for too long")

func (r *run) guard(ctx context.Context) (context.Context, *guard) {
	ctx, cancel := context.WithCancelCause(ctx)
	g := &guard{ctx: ctx, cancel: cancel, limit: r.o.Stall}
	g.touch()
	g.timer = time.AfterFunc(g.limit, g.look)
	return ctx, g
}

// look ends the request, or looks again when its time would be over.
func (g *guard) look() {
	left := g.limit
	if at := g.moved.Load(); at != 0 {
		left -= time.Since(time.Unix(0, at))
	}
	switch {
	case g.ctx.Err() != nil:
	case left <= 0:
		g.cancel(errStalled)
	default:
		g.timer.Reset(left)
	}
}

func (g *guard) touch() { g.moved.Store(time.Now().UnixNano()) }

// release ends the guard, and says in err what it has done.
func (g *guard) release(ctx context.Context, err error) error {
	g.timer.Stop()
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		err = op.Errorf(op.Unavailable, "%w: %v", errStalled, g.limit)
	}
	g.cancel(nil)
	return err
}

// moving is a body whose reading tells a guard that it moves. What it is read from
// has a guard of its own, or is a file: the time that it takes is not the request's.
type moving struct {
	io.Reader
	guard *guard
}

func (m moving) Read(p []byte) (int, error) {
	m.guard.moved.Store(0)
	defer m.guard.touch()
	return m.Reader.Read(p)
}

// seekingMoving is one that can be read again.
type seekingMoving struct {
	moving
	io.Seeker
}

func movingAgain(body io.ReadSeeker, g *guard) seekingMoving {
	return seekingMoving{moving{body, g}, body}
}
