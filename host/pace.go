package host

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A pace keeps the requests of one connection to a rate. When the provider
// says how long to wait, all requests of the connection wait, not only the one
// that was told.
type pace struct {
	limiter *rate.Limiter
	until   atomic.Int64 // Unix nanoseconds; no request starts before
}

// newPace allows perSecond requests a second; 0 is any number.
func newPace(perSecond float64) *pace {
	if perSecond <= 0 {
		return &pace{limiter: rate.NewLimiter(rate.Inf, 0)}
	}
	return &pace{limiter: rate.NewLimiter(rate.Limit(perSecond), int(math.Ceil(perSecond)))}
}

func (p *pace) intercept(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	if err := p.wait(ctx); err != nil {
		return nil, &op.Error{Kind: op.KindOf(err), Provider: r.Provider, Op: r.Op.Name,
			Message: "while the request waited for its turn under the connection's rate limit", Err: err}
	}
	out, err := next(ctx, r)
	if op.KindOf(err) == op.RateLimited {
		if wait := op.AsError(err).RetryAfter; wait > 0 && wait <= maxRetryAfter {
			p.hold(time.Now().Add(wait))
		}
	}
	return out, err
}

func (p *pace) wait(ctx context.Context) error {
	if err := p.limiter.Wait(ctx); err != nil {
		// The limiter refuses in words of its own when ctx ends too early.
		if ctx.Err() == nil {
			return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
		}
		return ctx.Err()
	}
	held := time.Until(time.Unix(0, p.until.Load()))
	if held <= 0 {
		return nil
	}
	timer := time.NewTimer(held)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hold lets no request start before t.
func (p *pace) hold(t time.Time) {
	for {
		old := p.until.Load()
		if old >= t.UnixNano() || p.until.CompareAndSwap(old, t.UnixNano()) {
			return
		}
	}
}
