package aws

import (
	"maps"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// provider is the one of that name.
func provider(t testing.TB, name string) *drivers.Provider {
	t.Helper()
	for _, p := range Providers() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("there is no provider %s", name)
	return nil
}

// opener opens a provider with a configuration, and what comes on top.
func opener(name string, config map[string]any) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		c := maps.Clone(config)
		maps.Copy(c, over)
		conn, err := provider(t, name).Open(t.Context(), name, c, chain...)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

func motoConfig(t *testing.T) map[string]any {
	return map[string]any{"endpoint": lab.Moto(t), "region": "us-east-1", "access_key_id": "test", "secret_access_key": "test"}
}

func versityConfig(t *testing.T) map[string]any {
	s := lab.Versity(t)
	return map[string]any{"endpoint": s.Endpoint, "region": s.Region, "access_key_id": s.AccessKey, "secret_access_key": s.SecretKey}
}

func TestS3OnMoto(t *testing.T) {
	drivertest.Storage(t, drivertest.Harness{
		Open:       opener("s3", motoConfig(t)),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		Deviations: map[string]string{},
	})
}

func TestS3OnVersity(t *testing.T) {
	drivertest.Storage(t, drivertest.Harness{
		Open:       opener("s3", versityConfig(t)),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		Deviations: map[string]string{},
	})
}
