package op

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Again does one request of the several that a call makes, and repeats it as far
// as the retries that the chain has left allow: the chain could only repeat them
// all. Where a repetition of what had an effect unseen would fail, the request is
// not repeatable, and is repeated only when it was refused.
func Again(ctx context.Context, repeatable bool, request func() error) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := request()
		kind := KindOf(err)
		if kind != RateLimited && !(repeatable && kind == Unavailable) || ctx.Err() != nil || !TakeRetry(ctx) {
			return err
		}
		wait := pause/2 + rand.N(pause/2)
		if e, ok := errors.AsType[*Error](err); ok {
			wait = max(wait, e.RetryAfter)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}
