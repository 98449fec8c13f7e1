package main_test

import (
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
)

// TestConformance shows that a driver is the same natively and as a module: one
// source, two builds, one suite.
func TestConformance(t *testing.T) {
	code := wasmtest.BuildGo(t, ".")
	config := map[string]any{"boot_time": "20ms", "keep_terminated": "1s"}
	for _, f := range []struct {
		family *op.Family
		suite  func(*testing.T, drivertest.Harness)
	}{
		{compute.Family, drivertest.Compute},
		{storage.Family, drivertest.Storage},
		{lb.Family, drivertest.LB},
		{container.Family, drivertest.Container},
	} {
		t.Run(f.family.Name, func(t *testing.T) {
			m := wasmtest.Load(t, wasm.Source{Bytes: code, Grant: wasm.Grant{All: true}}, wasm.Options{})
			f.suite(t, drivertest.Harness{
				Open:       drivertest.Opener(wasmtest.Provider(t, m, f.family), config),
				SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
				Image: map[string]string{"container": "nginx"}[f.family.Name],
				Node: func(t testing.TB) string {
					c := drivertest.Opener(wasmtest.Provider(t, m, compute.Family), config)(t, nil)
					n, err := drivers.Call[compute.Node](t.Context(), c, compute.CreateNode{Name: "web", Size: "g1.small", Image: "debian-13-x86_64"})
					if err != nil {
						t.Fatal(err)
					}
					return n.ID
				},
			})
		})
	}
}
