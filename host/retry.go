package host

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A retrier repeats what failed for a moment:
//
//	kind                   repeated
//	rate_limited           always: it was refused without effect
//	unavailable, timeout   when once more is no harm: the row is idempotent, or the
//	                       driver passes the call's token to a provider that heeds it
//	every other            never
//
// All attempts of a call carry the same idempotency token and take from the
// same budget, also what the driver itself repeats below. A body is taken back
// to where it began; one that cannot be, and has been read from, is not sent
// again. Deleting what an attempt of uncertain outcome may have deleted is
// success, unless the driver heeds the token: then it knows what there was.
type retrier struct {
	retries int
	log     *slog.Logger
	random  func() float64 // in [0, 1)
}

const (
	// The pause before the n-th retry is anything up to firstPause*2^n: what
	// many callers were refused at once, they do not all repeat at once.
	firstPause = 200 * time.Millisecond
	maxPause   = 20 * time.Second
	// A provider that wants to be left alone for longer is told to the caller.
	maxRetryAfter = 2 * time.Minute
)

func newRetrier(retries int, log *slog.Logger) *retrier {
	return &retrier{retries: retries, log: log, random: rand.Float64}
}

func (t *retrier) intercept(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	ctx = op.WithBudget(ctx, t.retries)
	if r.Effect() != op.Reads {
		ctx = op.WithToken(ctx, op.Token(ctx))
	}
	if r.Op.Shape == op.ShapeStream {
		return t.stream(ctx, r, next)
	}
	r, rewind := rewindable(r)
	uncertain := false
	for attempt := 1; ; attempt++ {
		out, err := next(ctx, r)
		if err == nil {
			return out, nil
		}
		if uncertain && r.Op.Effect == op.Deletes && r.Op.Shape == op.ShapeDo && op.KindOf(err) == op.NotFound && !honoursToken(r) {
			return nil, nil
		}
		uncertain = uncertain || mayHaveHadEffect(err)
		if err := t.again(ctx, r, attempt, err, rewind); err != nil {
			return nil, err
		}
	}
}

// stream repeats the opening of a stream until the first item has come. After
// that a retry would give items twice.
func (t *retrier) stream(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	return op.Items(func(yield func(any, error) bool) {
		for attempt := 1; ; attempt++ {
			begun, failed := false, error(nil)
			out, err := next(ctx, r)
			if err == nil {
				for item, err := range out.(op.Items) {
					if err != nil {
						failed = err
						break
					}
					begun = true
					if !yield(item, nil) {
						return
					}
				}
			} else {
				failed = err
			}
			if failed == nil {
				return
			}
			if !begun {
				failed = t.again(ctx, r, attempt, failed, nil)
			}
			if failed != nil {
				yield(nil, failed)
				return
			}
		}
	}), nil
}

// mayHaveHadEffect reports whether nobody knows what became of an attempt.
func mayHaveHadEffect(err error) bool {
	kind := op.KindOf(err)
	return kind == op.Unavailable || kind == op.Timeout
}

// again waits until the attempt may be repeated. It returns the error that the
// call ends with instead.
func (t *retrier) again(ctx context.Context, r *op.Request, attempt int, err error, rewind func() bool) error {
	if ctx.Err() != nil || !worthRetrying(r, err) || rewind != nil && !rewind() {
		return counted(err, attempt)
	}
	e := op.AsError(err)
	pause := t.pause(attempt, e.RetryAfter)
	if e.RetryAfter > maxRetryAfter || !op.TakeRetry(ctx) {
		return counted(err, attempt)
	}
	if pastDeadline(ctx, pause) {
		return gaveUp(r, e, context.DeadlineExceeded)
	}
	op.Retrying(ctx, err)
	t.log.LogAttrs(ctx, slog.LevelInfo, "retry", append(about(r), slog.Int("attempt", attempt), slog.Duration("pause", pause), failure(e))...)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return gaveUp(r, e, ctx.Err())
	}
}

// gaveUp is the error of a call whose time ended between two attempts.
func gaveUp(r *op.Request, last *op.Error, cause error) error {
	return &op.Error{Kind: op.KindOf(cause), Provider: r.Provider, Op: r.Op.Name, Code: last.Code, RequestID: last.RequestID,
		Message: "no time was left to try again after: " + last.Message, Err: cause}
}

func worthRetrying(r *op.Request, err error) bool {
	switch {
	case op.KindOf(err) == op.RateLimited:
		return true
	case !mayHaveHadEffect(err):
		return false
	case r.Idempotent():
		return true
	}
	return honoursToken(r)
}

// honoursToken reports whether the request can be repeated with its token, and
// is then answered as it would have been the first time.
func honoursToken(r *op.Request) bool {
	d, ok := r.Driver.(op.Idempotent)
	return ok && d.HonoursToken(r.Op)
}

// pause is how long to wait after an attempt: at least what the provider asks
// for, and a random part of what grows with every attempt.
func (t *retrier) pause(attempt int, retryAfter time.Duration) time.Duration {
	bound := maxPause
	if attempt <= 16 {
		bound = min(maxPause, firstPause<<(attempt-1))
	}
	if retryAfter > 0 {
		return retryAfter + time.Duration(t.random()*float64(min(bound, retryAfter)))
	}
	return time.Duration(t.random() * float64(bound))
}

// pastDeadline reports whether a pause would end when there is no time left.
func pastDeadline(ctx context.Context, pause time.Duration) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) <= pause
}

// counted says in the error how often the call was tried.
func counted(err error, attempts int) error {
	if attempts == 1 {
		return err
	}
	e := *op.AsError(err)
	e.Message = fmt.Sprintf("%s (after %d attempts)", e.Message, attempts)
	return &e
}

// rewindable returns the request as it is given to the driver, and what takes
// its bodies back to where they began; it is nil without bodies.
func rewindable(r *op.Request) (*op.Request, func() bool) {
	fields := streams(r.Op.In())
	if fields == nil {
		return r, nil
	}
	in := reflect.New(reflect.TypeOf(r.In)).Elem()
	in.Set(reflect.ValueOf(r.In))
	var back []func() bool
	for _, f := range fields {
		v := in.FieldByIndex(f.Index)
		body, ok := v.Interface().(io.Reader)
		if !ok {
			continue
		}
		if s, ok := body.(io.Seeker); ok {
			// Handed on as it is: drivers read a file from many threads.
			if begin, err := s.Seek(0, io.SeekCurrent); err == nil {
				back = append(back, func() bool { _, err := s.Seek(begin, io.SeekStart); return err == nil })
				continue
			}
		}
		w := &watched{Reader: body}
		if v.Type() == reflect.TypeFor[io.ReadCloser]() {
			continue // no contract takes one; it would have to stay closable
		}
		v.Set(reflect.ValueOf(io.Reader(w)))
		back = append(back, func() bool { return !w.touched.Load() })
	}
	again := *r
	again.In = in.Interface()
	return &again, func() bool {
		for _, f := range back {
			if !f() {
				return false
			}
		}
		return true
	}
}

// watched knows whether it has been read from.
type watched struct {
	io.Reader
	touched atomic.Bool
}

func (w *watched) Read(p []byte) (int, error) {
	w.touched.Store(true)
	return w.Reader.Read(p)
}
