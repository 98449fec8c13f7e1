package op

import (
	"context"
	"time"
)

// Poll calls check until it reports true or fails, waiting longer from time to
// time: first 1/20 of the interval, then half as much again, up to the interval.
// Clouds settle small things in milliseconds and large ones in minutes; both
// are noticed soon and neither is asked too often.
func Poll(ctx context.Context, interval time.Duration, check func(ctx context.Context) (done bool, err error)) error {
	pause := interval / 20
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if err := ctx.Err(); err != nil { // both may have come
			return err
		}
		if done, err := check(ctx); done || err != nil {
			return err
		}
		timer.Reset(pause)
		pause = min(pause*3/2, interval)
	}
}
