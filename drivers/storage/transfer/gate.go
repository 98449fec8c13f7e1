package transfer

import (
	"context"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A gate bounds how many requests are under way. When the provider says that it is
// too much (rate_limited, unavailable), half as many are let through; with every
// round of successes one more, up to the limit: as TCP finds a path's capacity.
// Requests that were sent together fail together, and count once.
type gate struct {
	mu      sync.Mutex
	most    int
	limit   float64
	busy    int
	cut     time.Time // when the limit was last cut
	waiting []chan struct{}
}

func newGate(most int) *gate { return &gate{most: most, limit: float64(most)} }

// enter waits for a turn. Who has got one leaves.
func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if err := ctx.Err(); err != nil {
		g.mu.Unlock()
		return err
	}
	if g.busy < int(g.limit) && len(g.waiting) == 0 {
		g.busy++
		g.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	g.waiting = append(g.waiting, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		for i, w := range g.waiting {
			if w == turn {
				g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
				return ctx.Err()
			}
		}
		g.busy-- // the turn came at the same time
		g.admit()
		return ctx.Err()
	}
}

// leave gives a turn back; err is how the request ended.
func (g *gate) leave(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	if err == nil && g.limit < float64(g.most) {
		g.limit = min(float64(g.most), g.limit+1/g.limit)
	}
	g.slower(err)
	g.admit()
}

// retried is told of what is sent again.
func (g *gate) retried(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.slower(err)
}

// together is how far apart failures are that have one cause.
const together = time.Second

func (g *gate) slower(err error) {
	if kind := op.KindOf(err); kind != op.RateLimited && kind != op.Unavailable {
		return
	}
	if now := time.Now(); now.Sub(g.cut) > together {
		g.cut = now
		g.limit = max(1, g.limit/2)
	}
}

func (g *gate) admit() {
	for g.busy < int(g.limit) && len(g.waiting) > 0 {
		g.busy++
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
	}
}
