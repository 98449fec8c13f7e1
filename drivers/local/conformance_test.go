package local_test

import (
	"maps"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/local"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func TestConformance(t *testing.T) {
	root := t.TempDir()
	drivertest.Storage(t, drivertest.Harness{
		Open: func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
			config := map[string]any{"root": root}
			maps.Copy(config, over)
			conn, err := local.Provider().Open(t.Context(), "local", config, chain...)
			if err != nil {
				t.Fatal(err)
			}
			return conn
		},
	})
}
