package sim

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// faults make a bad cloud of a good one.
type faults struct {
	latency         time.Duration
	errors, limited float64

	mu     sync.Mutex
	random *rand.Rand
}

// A fault is what becomes of one request.
type fault int

const (
	none     fault = iota
	throttle       // refused, without effect
	before         // fails without effect
	after          // fails, having had its effect
)

func newFaults(latency time.Duration, errors, limited float64, seed int) *faults {
	s := uint64(seed)
	if seed == 0 {
		s = rand.Uint64()
	}
	return &faults{latency: latency, errors: errors, limited: limited, random: rand.New(rand.NewPCG(s, s))}
}

// next draws the fate of one request. Every request draws once, so that the
// n-th request of a seed always fares the same.
func (f *faults) next() fault {
	if f.errors == 0 && f.limited == 0 {
		return none
	}
	f.mu.Lock()
	x := f.random.Float64()
	f.mu.Unlock()
	switch {
	case x < f.limited:
		return throttle
	case x < f.limited+f.errors/2:
		return before
	case x < f.limited+f.errors:
		return after
	}
	return none
}

// retryAfter is what a throttled request is asked to wait: little, since a
// test that provokes it wants to see the retry.
const retryAfter = 20 * time.Millisecond

// around makes a request of do: it takes its time, and fares as it must.
func (f *faults) around(ctx context.Context, fate fault, do func() error) error {
	if fate == throttle {
		return &op.Error{Kind: op.RateLimited, Code: "Throttling", RetryAfter: retryAfter,
			Message: "the embedded cloud throttles this request, as its throttle_rate asks"}
	}
	if f.latency > 0 {
		if err := pause(ctx, f.latency); err != nil {
			return err
		}
	}
	unavailable := &op.Error{Kind: op.Unavailable, Code: "ServiceUnavailable",
		Message: "the embedded cloud fails this request, as its error_rate asks"}
	if fate == before {
		return unavailable
	}
	if err := do(); err != nil {
		return err
	}
	if fate == after {
		return unavailable
	}
	return nil
}
