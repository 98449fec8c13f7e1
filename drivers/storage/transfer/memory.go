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

// take waits for a buffer of n bytes, no more than limit; give returns it.
func (m *memory) take(ctx context.Context, n int64) ([]byte, error) {
	if err := m.room.Acquire(ctx, n); err != nil {
		return nil, err
	}
	if b, ok := m.spare.Get().(*[]byte); ok && int64(cap(*b)) >= n {
		return (*b)[:n], nil
	}
	return make([]byte, n), nil
}

func (m *memory) give(b []byte) {
	n := int64(len(b))
	m.spare.Put(&b)
	m.room.Release(n)
}

// copyBuffers are for what flows through.
var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}
