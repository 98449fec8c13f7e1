package sim

import (
	"context"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// settle polls until the node is in the state.
func settle(t *testing.T, c *drivers.Conn, id string, state compute.NodeState) compute.Node {
	t.Helper()
	var n compute.Node
	err := op.Poll(t.Context(), 20*time.Millisecond, func(ctx context.Context) (bool, error) {
		var err error
		n, err = drivers.Call[compute.Node](ctx, c, compute.GetNode{Node: id})
		return n.State == state, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNodeLife(t *testing.T) {
	c := open(t, Providers(Options{}), compute.Family, map[string]any{"boot_time": "20ms"})
	ctx := t.Context()
	n, err := drivers.Call[compute.Node](ctx, c, compute.CreateNode{Name: "web", Size: "g1.small", Image: "debian-13-x86_64", UserData: "#!/bin/sh\ntrue"})
	if err != nil {
		t.Fatal(err)
	}
	if n.State != compute.NodePending || len(n.Volumes) != 1 || len(n.PrivateIPs) != 1 || len(n.PublicIPs) != 1 {
		t.Errorf("a new node is %+v", n)
	}
	n = settle(t, c, n.ID, compute.NodeRunning)
	for _, step := range []struct {
		in   any
		ends compute.NodeState
	}{
		{compute.RebootNode{Node: n.ID}, compute.NodeRunning},
		{compute.SuspendNode{Node: n.ID}, compute.NodeSuspended},
		{compute.ResumeNode{Node: n.ID}, compute.NodeRunning},
		{compute.StopNode{Node: n.ID}, compute.NodeStopped},
		{compute.ResizeNode{Node: n.ID, Size: "g1.large"}, compute.NodeStopped},
		{compute.StartNode{Node: n.ID}, compute.NodeRunning},
		{compute.DestroyNode{Node: n.ID}, compute.NodeTerminated},
	} {
		if err := drivers.Do(ctx, c, step.in); err != nil {
			t.Fatalf("%T: %v", step.in, err)
		}
		settle(t, c, n.ID, step.ends)
	}
}
