package sim

import (
	"maps"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// harness opens the cloud for the suite.
func harness(family *op.Family, ps []*drivers.Provider, config map[string]any) drivertest.Harness {
	return drivertest.Harness{
		Open: func(t testing.TB, more map[string]any, chain ...op.Interceptor) *drivers.Conn {
			t.Helper()
			c := maps.Clone(config)
			maps.Copy(c, more)
			conn, err := provider(ps, family).Open(t.Context(), "sim", c, chain...)
			if err != nil {
				t.Fatal(err)
			}
			return conn
		},
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
	}
}

func TestStorageInMemory(t *testing.T) {
	drivertest.Storage(t, harness(storage.Family, Providers(Options{}), map[string]any{}))
}

func TestStorageOnDisk(t *testing.T) {
	drivertest.Storage(t, harness(storage.Family, Providers(Options{State: t.TempDir()}), map[string]any{}))
}
