package host

import (
	"time"
)

// Limits are what a run may take. A field that is zero is as its comment says;
// a negative one is no limit.
type Limits struct {
	Steps         uint64        // of the script's interpreter, in all its threads together; 200 million. There is no "no limit"
	Time          time.Duration // from the run's begin to its end; no limit
	CallTime      time.Duration // for one attempt of a call, while no data flows; 2 minutes
	Parallel      int           // threads at once in the script's parallel calls; 64
	Output        int64         // bytes printed; 64 MiB
	Memory        int64         // bytes that the heap may grow by while the script runs; 1 GiB
	Retries       int           // of one call that failed for a moment, after its first attempt; 5
	RatePerSecond float64       // requests to the provider, for each connection; no limit
}

var defaultLimits = Limits{Steps: 200e6, CallTime: 2 * time.Minute, Parallel: 64, Output: 64 << 20, Memory: 1 << 30, Retries: 5}

// or returns l with its zero fields taken from m.
func (l Limits) or(m Limits) Limits {
	return Limits{
		Steps: either(l.Steps, m.Steps), Time: either(l.Time, m.Time), CallTime: either(l.CallTime, m.CallTime),
		Parallel: either(l.Parallel, m.Parallel), Output: either(l.Output, m.Output), Memory: either(l.Memory, m.Memory),
		Retries: either(l.Retries, m.Retries), RatePerSecond: either(l.RatePerSecond, m.RatePerSecond),
	}
}

func either[T comparable](a, b T) T {
	var zero T
	if a != zero {
		return a
	}
	return b
}
