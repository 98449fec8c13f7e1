package drivertest_test

import (
	"maps"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/sim"
)

// The embedded cloud has everything, so that here the suite itself is tested:
// all of it runs.

func harness(family string, config map[string]any) drivertest.Harness {
	var provider *drivers.Provider
	for _, p := range sim.Providers(sim.Options{}) {
		if p.Family.Name == family {
			provider = p
		}
	}
	return drivertest.Harness{
		Open: func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
			t.Helper()
			c := maps.Clone(config)
			maps.Copy(c, over)
			conn, err := provider.Open(t.Context(), "sim", c, chain...)
			if err != nil {
				t.Fatal(err)
			}
			return conn
		},
		SmallPages: map[string]any{"page_size": 3},
		PageSize:   3,
	}
}

func TestCompute(t *testing.T) {
	drivertest.Compute(t, harness("compute", map[string]any{"boot_time": "20ms", "keep_terminated": "1s"}))
}
