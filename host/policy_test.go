package host

import (
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func TestPolicy(t *testing.T) {
	reboot := compute.RebootNode{Node: "n"}
	get := compute.GetNode{Node: "n"}
	for _, c := range []struct {
		what   string
		policy Policy
		in     any
		want   string // the refusal; empty if it is allowed
	}{
		{"nothing said", Policy{}, reboot, ""},
		{"read only, a read", Policy{ReadOnly: true}, get, ""},
		{"read only, a change", Policy{ReadOnly: true}, reboot,
			"reboot_node (puppet): permission denied: the policy's rule read_only does not allow compute.reboot_node, which changes; to allow it, turn read_only off"},
		{"read only, a deletion", Policy{ReadOnly: true}, compute.DestroyNode{Node: "n"},
			"destroy_node (puppet): permission denied: the policy's rule read_only does not allow compute.destroy_node, which deletes; to allow it, turn read_only off"},
		{"an effect that is allowed", Policy{Effects: []op.Effect{op.Reads, op.Changes}}, reboot, ""},
		{"an effect that is not", Policy{Effects: []op.Effect{op.Reads, op.Creates}}, reboot,
			`reboot_node (puppet): permission denied: the policy's rule effects = ["reads" "creates"] does not allow compute.reboot_node, which changes; to allow it, add "changes" to the rule`},
		{"an operation by name", Policy{Operations: []string{"compute.reboot_node"}}, reboot, ""},
		{"an operation by pattern", Policy{Operations: []string{"storage.*", "compute.*_node"}}, reboot, ""},
		{"an operation of any family", Policy{Operations: []string{"*.get_*"}}, get, ""},
		{"an operation that is not there", Policy{Operations: []string{"compute.list_*", "compute.get_*"}}, reboot,
			`reboot_node (puppet): permission denied: the policy's rule operations = ["compute.list_*" "compute.get_*"] does not allow compute.reboot_node; to allow it, add "compute.reboot_node" to the rule`},
		{"a driver by pattern", Policy{Drivers: []string{"pup*"}}, reboot, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := &puppet{act: allow}
			conn := stage(t, p, compute.Family, Options{Policy: c.policy})
			o, _ := compute.Family.For(c.in)
			_, err := conn.Do(t.Context(), o, c.in)
			checkText(t, err, c.want)
			if (p.n == 0) != (c.want != "") {
				t.Errorf("the driver was called %d times", p.n)
			}
		})
	}
}

func TestPolicyOfDrivers(t *testing.T) {
	p := (&puppet{act: allow}).provider("puppet", compute.Family)
	h, err := New(Options{Drivers: []*drivers.Provider{p}, Policy: Policy{Drivers: []string{"sim"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_, err = h.Open(t.Context(), "compute", "puppet", nil)
	checkText(t, err, `puppet: permission denied: the policy's rule drivers = ["sim"] does not allow puppet; to allow it, add "puppet" to the rule`)
}

// TestBothPoliciesCount: a configuration file cannot allow what the embedder does not.
func TestBothPoliciesCount(t *testing.T) {
	for _, o := range []Options{
		{Policy: Policy{ReadOnly: true}, Config: &Config{}},
		{Config: &Config{Policy: Policy{ReadOnly: true}}},
	} {
		err := drivers.Do(t.Context(), stage(t, &puppet{act: allow}, compute.Family, o), compute.RebootNode{Node: "n"})
		if op.KindOf(err) != op.PermissionDenied {
			t.Error(err)
		}
	}
}

func TestPolicyThatCannotBeMeant(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		want   string
	}{
		{Policy{Drivers: []string{"[a"}}, `policy: drivers: "[a" is not a pattern: syntax error in pattern`},
		{Policy{Operations: []string{"list_nodes"}}, `policy: operations: "list_nodes" lacks a family: write "compute.list_nodes", or "*.list_nodes" for all families`},
		{Policy{Operations: []string{"compute.list_node"}}, `policy: operations: compute has no operation "list_node"; did you mean list_nodes or get_node?`},
		{Policy{Operations: []string{"compute.list_*", "lb.list_all"}}, ""}, // no driver of lb here
		{Policy{Effects: []op.Effect{"read"}}, `policy: effects: there is no "read"; did you mean reads?`},
	} {
		h, err := New(Options{Drivers: []*drivers.Provider{(&puppet{}).provider("puppet", compute.Family)}, Policy: c.policy})
		checkText(t, err, c.want)
		if h != nil {
			h.Close()
		}
	}
}

func checkText(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
