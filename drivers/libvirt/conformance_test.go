package libvirt

import (
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// configOf is the configuration of a connection to a hypervisor of the lab's.
func configOf(h lab.Hypervisor) map[string]any {
	return map[string]any{"endpoint": h.URI, "pool": h.Pool, "network": h.Network, "virt_type": "qemu", "guest_timeout": "3m", "sizes": []any{
		map[string]any{"name": "tiny", "ram": 128, "disk": 1},
		map[string]any{"name": "small", "ram": 160, "disk": 2}}}
}

// opener opens the driver on a hypervisor.
func opener(h lab.Hypervisor) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return drivertest.Opener(Provider(), configOf(h))
}

// TestConformance is the suite on real guests, by the way to libvirt that this
// build has: with the tag libvirt_dlopen it is the other.
func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("guests boot under software emulation")
	}
	h := lab.Libvirt(t)
	t.Log(transport)
	drivertest.Compute(t, drivertest.Harness{
		Open:        opener(h),
		Timeout:     3 * time.Minute, // a guest may still boot when it is to shut down
		UniqueNames: true,
		Image:       h.Image, Size: "tiny", OtherSize: "small",

		Native:       native.Call{Operation: "virConnectGetCapabilities"},
		NativeChange: "virDomainDefineXML",
	})
}
