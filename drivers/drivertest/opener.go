package drivertest

import (
	"maps"
	"testing"

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
