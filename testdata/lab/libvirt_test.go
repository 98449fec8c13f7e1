package lab

import (
	"os/exec"
	"strings"
	"testing"
)

func TestLibvirt(t *testing.T) {
	t.Parallel()
	h := Libvirt(t)
	out, err := exec.Command("virsh", "-c", h.URI, "vol-list", h.Pool).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, volume := range []string{h.Image, h.Kernel} {
		if !strings.Contains(string(out), volume) {
			t.Errorf("the pool holds no %s: %s", volume, out)
		}
	}
}
