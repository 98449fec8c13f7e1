package drivertest

import (
	"maps"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Opener opens connections of a provider as [Harness] wants it, with a configuration
// and what comes on top.
func Opener(p *drivers.Provider, config map[string]any) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		c := map[string]any{}
		maps.Copy(c, config)
		maps.Copy(c, over)
		conn, err := p.Open(t.Context(), p.Name, c, chain...)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

// Connect opens a connection that is closed at the end of the test.
func Connect(t testing.TB, p *drivers.Provider, config map[string]any) *drivers.Conn {
	t.Helper()
	conn := Opener(p, config)(t, nil)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Call makes a call that has to succeed.
func Call[Out any](t testing.TB, c *drivers.Conn, in any) Out {
	t.Helper()
	out, err := drivers.Call[Out](t.Context(), c, in)
	if err != nil {
		t.Fatalf("%s: %v", describe(in), err)
	}
	return out
}

// Do is Call without an answer.
func Do(t testing.TB, c *drivers.Conn, in any) {
	t.Helper()
	if err := drivers.Do(t.Context(), c, in); err != nil {
		t.Fatalf("%s: %v", describe(in), err)
	}
}

// Await waits for what somebody else does, for a minute at most.
func Await(t testing.TB, what string, right func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !right(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}
