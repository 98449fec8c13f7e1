package lab

import "testing"

func TestOpenStack(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a cloud")
	}
	c := OpenStack(t)
	if c.Image == "" || c.Network == "" || c.External == "" {
		t.Errorf("it is %+v", c)
	}
}
