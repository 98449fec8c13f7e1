//go:build libvirt_dlopen && cgo

package libvirt

import (
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// libvirt's own hypervisor in memory: no emulator and no seeds, but domains,
// networks and pools that others made.
func TestDefault(t *testing.T) {
	lab.NeedLibvirt(t)
	g := &guestTest{T: t, conn: connect(t, "test:///default")}
	nodes, err := listNodes(t.Context(), g.conn)
	if err != nil || len(nodes) != 1 || nodes[0].Name != "test" || nodes[0].State != compute.NodeRunning {
		t.Fatalf("its nodes are %+v, %v", nodes, err)
	}
	id := nodes[0].ID
	state := func(want compute.NodeState) {
		t.Helper()
		if n := answerOf[compute.Node](g, compute.GetNode{Node: id}); n.State != want {
			t.Errorf("the node is %s, want %s", n.State, want)
		}
	}
	g.do(compute.SuspendNode{Node: id})
	state(compute.NodeSuspended)
	g.do(compute.ResumeNode{Node: id})
	g.do(compute.SetNodeTags{Node: id, Tags: map[string]string{"a": "b"}})
	if n := answerOf[compute.Node](g, compute.GetNode{Node: id}); n.Tags["a"] != "b" {
		t.Errorf("its tags are %v", n.Tags)
	}
	g.do(compute.StopNode{Node: id})
	state(compute.NodeStopped)
	g.do(compute.StartNode{Node: id})
	state(compute.NodeRunning)
	network := answerOf[compute.Network](g, compute.CreateNetwork{Name: "mine", CIDR: "10.9.8.0/24"})
	g.do(compute.DestroyNetwork{Network: network.ID})
	if _, err := drivers.Call[compute.KeyPair](t.Context(), g.conn, compute.CreateKeyPair{Name: "ops"}); op.KindOf(err) == "" {
		t.Error("a hypervisor that takes no uploads made a key pair")
	}
}
