package builtins

import (
	"time"

	"github.com/cloudlark/cloudlark/builtins/lib"
)

// transferInterval is how often the progress of a transfer is told.
const transferInterval = 100 * time.Millisecond

// A flow counts bytes that flow, for a person to watch.
type flow struct {
	run   *run
	event Event
	start time.Time
	told  time.Time
}

func (s *scope) flow(what string) *flow {
	now := time.Now()
	return &flow{run: s.run, event: Event{Kind: "transfer", What: what}, start: now, told: now}
}

func (t *flow) add(n int) {
	t.event.Bytes += int64(n)
	if now := time.Now(); t.run.Progress != nil && now.Sub(t.told) >= transferInterval {
		t.told = now
		t.tell()
	}
}

func (t *flow) end() {
	t.event.Done = true
	t.tell()
}

func (t *flow) tell() {
	t.event.Elapsed = time.Since(t.start)
	t.run.tell(t.event)
}

// An upload is a file on its way. It is still a file: it can be read again from
// its start, and at any place.
type upload struct {
	*lib.File
	moved *flow
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.File.Read(p)
	u.moved.add(n)
	return n, err
}

// Seek to the start begins the transfer again.
func (u *upload) Seek(offset int64, whence int) (int64, error) {
	at, err := u.File.Seek(offset, whence)
	if err == nil {
		u.moved.event.Bytes = at
	}
	return at, err
}

// uploads has the progress of the files among the arguments told. end is called
// when the operation is over.
func (s *scope) uploads(args map[string]any) (end func()) {
	end = func() {}
	if s.Progress == nil {
		return end
	}
	for name, arg := range args {
		f, ok := arg.(*lib.File)
		if !ok {
			continue
		}
		t := s.flow(f.Name())
		if info, err := f.Stat(); err == nil {
			t.event.Total = info.Size()
		}
		args[name], end = &upload{f, t}, t.end
	}
	return end
}
