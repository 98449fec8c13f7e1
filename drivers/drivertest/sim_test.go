package drivertest_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/sim"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// The embedded cloud has everything, so that here the suite itself is tested:
// all of it runs.

// cloud is a harness for a family of a cloud of its own. inner, if not nil, is
// the last interceptor before the driver.
func cloud(family *op.Family, config map[string]any, inner op.Interceptor) drivertest.Harness {
	providers := sim.Providers(sim.Options{})
	open := func(t testing.TB, family *op.Family, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		c := map[string]any{"boot_time": "20ms", "keep_terminated": "1s"}
		maps.Copy(c, config)
		maps.Copy(c, over)
		i := slices.IndexFunc(providers, func(p *drivers.Provider) bool { return p.Family == family })
		conn, err := providers[i].Open(t.Context(), "sim", c, chain...)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	return drivertest.Harness{
		Open: func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
			t.Helper()
			if inner != nil {
				chain = append(slices.Clip(chain), inner)
			}
			return open(t, family, over, chain...)
		},
		SmallPages: map[string]any{"page_size": 3},
		PageSize:   3,
		Node: func(t testing.TB) string {
			conn := open(t, compute.Family, nil)
			in := compute.CreateNode{Name: "member", Size: "g1.small", Image: "debian-13-x86_64"}
			n, err := drivers.Call[compute.Node](t.Context(), conn, in)
			if err != nil {
				t.Fatal(err)
			}
			return n.ID
		},
	}
}

func TestCompute(t *testing.T) { drivertest.Compute(t, cloud(compute.Family, nil, nil)) }
func TestStorage(t *testing.T) { drivertest.Storage(t, cloud(storage.Family, nil, nil)) }
func TestLB(t *testing.T)      { drivertest.LB(t, cloud(lb.Family, nil, nil)) }
