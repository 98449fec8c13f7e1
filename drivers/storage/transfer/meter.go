package transfer

import (
	"sync"
	"sync/atomic"
	"time"
)

// A meter counts what moves, and tells it now and then.
type meter struct {
	objects, moved, total atomic.Int64
	known                 atomic.Bool
	current               atomic.Pointer[Location]

	start time.Time
	tell  func(Progress)
	stop  chan struct{}
	wait  sync.WaitGroup
	rate  float64
}

// tellEvery is how often progress is told; the rate is that of about ten such times.
const tellEvery = 200 * time.Millisecond

func (m *meter) begin(tell func(Progress)) {
	m.start, m.tell = time.Now(), tell
	if tell == nil {
		return
	}
	m.stop = make(chan struct{})
	m.wait.Go(func() {
		tick := time.NewTicker(tellEvery)
		defer tick.Stop()
		last, at := int64(0), m.start
		for {
			select {
			case <-m.stop:
				return
			case now := <-tick.C:
				moved := m.moved.Load()
				lately := float64(moved-last) / now.Sub(at).Seconds()
				if last == 0 && m.rate == 0 {
					m.rate = lately
				} else {
					m.rate += (lately - m.rate) / 10
				}
				last, at = moved, now
				tell(m.progress())
			}
		}
	})
}

func (m *meter) elapsed() time.Duration { return time.Since(m.start) }

func (m *meter) progress() Progress {
	p := Progress{Objects: int(m.objects.Load()), Bytes: m.moved.Load(), Total: m.total.Load(), Known: m.known.Load(), Rate: m.rate, Elapsed: m.elapsed()}
	if l := m.current.Load(); l != nil {
		p.Current = l.String()
	}
	if p.Known && p.Rate > 0 && p.Total > p.Bytes {
		p.Left = time.Duration(float64(p.Total-p.Bytes) / p.Rate * float64(time.Second))
	}
	return p
}

func (m *meter) end() {
	if m.stop == nil {
		return
	}
	close(m.stop)
	m.wait.Wait()
	if seconds := m.elapsed().Seconds(); seconds > 0 {
		m.rate = float64(m.moved.Load()) / seconds
	}
	m.tell(m.progress())
}
