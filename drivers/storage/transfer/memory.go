package transfer

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// memory is the buffers of one job, which hold so many bytes in all.
type memory struct {
	limit int64
	room  *semaphore.Weighted
	spare sync.Pool // of *[]byte
}

func newMemory(limit int64) *memory { return &memory{limit: limit, room: semaphore.NewWeighted(limit)} }

// take waits for a buffer of n bytes, no more than limit; give returns it. One that
// is used again is not much longer: what it holds is what it counts for.
func (m *memory) take(ctx context.Context, n int64) ([]byte, error) {
	if err := m.room.Acquire(ctx, n); err != nil {
		return nil, err
	}
	if b, ok := m.spare.Get().(*[]byte); ok {
		if have := int64(cap(*b)); have >= n && have <= n+n/4 {
			return (*b)[:n], nil
		}
		m.spare.Put(b)
	}
	return make([]byte, n), nil
}

// all waits for all of it, for who holds memory that is not counted.
func (m *memory) all(ctx context.Context) (release func(), err error) {
	if err := m.room.Acquire(ctx, m.limit); err != nil {
		return nil, err
	}
	return func() { m.room.Release(m.limit) }, nil
}

func (m *memory) give(b []byte) {
	n := int64(len(b))
	m.spare.Put(&b)
	m.room.Release(n)
}

// copyBuffers are for what flows through.
var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}
