package google

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	gce "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A job is an operation of Google Compute Engine: what a change that it has
// accepted comes to.
type job struct {
	api     *gce.Service
	project string
	state   *gce.Operation // as last seen
}

// A changer is a change, ready to be asked for.
type changer[C any] interface {
	caller[*gce.Operation]
	Context(ctx context.Context) C
	RequestId(id string) C
}

// change asks for a change. Google Compute Engine makes it once for one
// request id, so that it can be asked for again: by persist, and with the
// call's token by the host. step tells the changes of one call apart.
func change[C changer[C]](ctx context.Context, step string, c C) (*gce.Operation, error) {
	c = c.RequestId(requestID(op.Token(ctx), fmt.Sprintf("%T %s", c, step))).Context(ctx)
	return persist(ctx, func() (*gce.Operation, error) { return do(c) })
}

// maxPause is how long a request waits to be repeated; who is asked to wait
// longer is told so.
const maxPause = time.Minute

// persist makes one request of several, and repeats it as far as the retries
// that the host has left allow: the host could only repeat them all.
func persist[T any](ctx context.Context, request func() (T, error)) (T, error) {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		v, err := request()
		e := op.AsError(err)
		if e == nil || e.Kind != op.Unavailable && e.Kind != op.RateLimited || e.RetryAfter > maxPause || ctx.Err() != nil || !op.TakeRetry(ctx) {
			return v, err
		}
		timer := time.NewTimer(max(pause/2+rand.N(pause/2), e.RetryAfter))
		select {
		case <-ctx.Done():
			timer.Stop()
			return v, err
		case <-timer.C:
		}
	}
}

// start follows what the answer to a change says was begun.
func (d *gceDriver) start(project string, o *gce.Operation) *job {
	return &job{api: d.api, project: project, state: o}
}

// finished waits until a change is made. It is for what has no state of its
// own that tells how far it is.
func (j *job) finished(ctx context.Context) error {
	return op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		if !j.done() {
			if err := j.refresh(ctx, true); err != nil {
				return false, err
			}
		}
		return j.done(), j.outcome()
	})
}

// begun waits until a change is made, or is under way and ready says that it
// can no longer fail for a reason that lies in the request.
func (j *job) begun(ctx context.Context, ready func(ctx context.Context) (bool, error)) error {
	return op.Poll(ctx, 2*time.Second, func(ctx context.Context) (bool, error) {
		switch {
		case j.done():
			return true, j.outcome()
		case j.state.Status == "RUNNING":
			if is, err := persist(ctx, func() (bool, error) { return ready(ctx) }); is || err != nil {
				return is, err
			}
		}
		return false, j.refresh(ctx, false)
	})
}

// underWay is a ready that is content with Google Compute Engine having begun.
func underWay(context.Context) (bool, error) { return true, nil }

func (j *job) done() bool { return j.state.Status == "DONE" }

// refresh asks for the operation's state. With wait, the answer comes when it
// is done, or after two minutes.
func (j *job) refresh(ctx context.Context, wait bool) error {
	next, err := persist(ctx, func() (*gce.Operation, error) { return j.ask(ctx, wait) })
	if err == nil {
		j.state = next
	}
	return err
}

func (j *job) ask(ctx context.Context, wait bool) (*gce.Operation, error) {
	name, zone, region := j.state.Name, base(j.state.Zone), base(j.state.Region)
	switch {
	case zone != "" && wait:
		return do(j.api.ZoneOperations.Wait(j.project, zone, name).Context(ctx))
	case zone != "":
		return do(j.api.ZoneOperations.Get(j.project, zone, name).Context(ctx))
	case region != "" && wait:
		return do(j.api.RegionOperations.Wait(j.project, region, name).Context(ctx))
	case region != "":
		return do(j.api.RegionOperations.Get(j.project, region, name).Context(ctx))
	case wait:
		return do(j.api.GlobalOperations.Wait(j.project, name).Context(ctx))
	}
	return do(j.api.GlobalOperations.Get(j.project, name).Context(ctx))
}

// outcome is the error that an operation ended with, if it did.
func (j *job) outcome() error {
	o := j.state
	if o.Error == nil || len(o.Error.Errors) == 0 {
		return nil
	}
	first := o.Error.Errors[0]
	kind := kindOfCode(first.Code, first.Message)
	if kind == "" && o.HttpErrorStatusCode != 0 {
		kind = kindOfStatus(int(o.HttpErrorStatusCode))
	}
	// The operation's name is what Google's support asks for.
	return &op.Error{Kind: cmp.Or(kind, op.Internal), Code: first.Code, Message: cmp.Or(first.Message, o.HttpErrorMessage, first.Code), RequestID: o.Name}
}

// made is begun for something new. When it cannot be known what became of it,
// as the caller gave up or questions are not answered, remove takes it away
// again. What failed by itself, Google Compute Engine has removed.
func (j *job) made(ctx context.Context, ready func(ctx context.Context) (bool, error), remove func(ctx context.Context) error) error {
	err := j.begun(ctx, ready)
	if err == nil || j.done() && j.outcome() != nil {
		return err
	}
	return undone(ctx, err, j.state.TargetLink, remove)
}

// whole is made for what has no state: it waits until the thing is there.
func (j *job) whole(ctx context.Context, remove func(ctx context.Context) error) error {
	err := j.finished(ctx)
	if err == nil || j.done() {
		return err
	}
	return undone(ctx, err, j.state.TargetLink, remove)
}

// undone removes what was made, as cause keeps the rest from being done.
func undone(ctx context.Context, cause error, what string, remove func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	e := *op.AsError(cause)
	switch err := remove(ctx); {
	case err != nil && op.KindOf(err) != op.NotFound:
		e.Message = fmt.Sprintf("%s; %s could not be removed and is left: %s", e.Message, what, op.AsError(err).Message)
	case e.Kind == op.Unavailable || e.Kind == op.RateLimited:
		// What comes next with the same token would get what is gone.
		e.Kind, e.Message = op.Conflict, "what was made so far is removed again: call it again: "+e.Message
	}
	return &e
}

// fetched reads what was made. Where that fails, it is removed: nobody would know of it.
func fetched[T any](ctx context.Context, what string, read func() (T, error), remove func(ctx context.Context) error) (T, error) {
	v, err := persist(ctx, read)
	if err != nil {
		var none T
		return none, undone(ctx, err, what, remove)
	}
	return v, nil
}

// optimistically repeats a change that reads, changes and writes with a
// fingerprint, for as long as others write in between. Each time that happens
// one of the others is done, so it ends.
func optimistically(ctx context.Context, change func(ctx context.Context) error) error {
	return op.Poll(ctx, 2*time.Second, func(ctx context.Context) (bool, error) {
		err := change(ctx)
		if e := op.AsError(err); e != nil && (e.Code == "conditionNotMet" || e.Code == "CONDITION_NOT_MET") {
			return false, nil
		}
		return err == nil, err
	})
}
