package sim

import (
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func provider(ps []*drivers.Provider, family *op.Family) *drivers.Provider {
	for _, p := range ps {
		if p.Family == family {
			return p
		}
	}
	panic("no provider of family " + family.Name)
}

// open opens a family of the cloud for a test.
func open(t testing.TB, ps []*drivers.Provider, family *op.Family, config map[string]any) *drivers.Conn {
	t.Helper()
	c, err := provider(ps, family).Open(t.Context(), "sim", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
