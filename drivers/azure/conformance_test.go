package azure

import (
	"context"
	"maps"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/azure"
)

// opener opens a driver on a server, with what comes on top.
func opener(s *azure.Server, provider *drivers.Provider, around ...op.Interceptor) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		c := map[string]any{"endpoint": s.URL, "subscription": azure.Subscription, "resource_group": azure.Group, "location": azure.Location, "access_token": azure.Token}
		maps.Copy(c, over)
		conn, err := provider.Open(t.Context(), "azure", c, append(chain, around...)...)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

// provider is the driver of a family.
func provider(t testing.TB, family *op.Family) *drivers.Provider {
	t.Helper()
	for _, p := range Providers() {
		if p.Family == family {
			return p
		}
	}
	t.Fatalf("there is no driver of %s", family.Name)
	return nil
}

func TestComputeConformance(t *testing.T) {
	// What can be suspended, is made for it.
	sleepy := drivertest.Complete(func(in *compute.CreateNode) {
		extra := map[string]any{"hibernation": true}
		maps.Copy(extra, in.Extra)
		in.Extra = extra
	})
	s := azure.Start(t, 5)
	nothingLeft(t, s)
	drivertest.Compute(t, drivertest.Harness{
		Open:     opener(s, provider(t, compute.Family), sleepy),
		PageSize: 5,
		Lacks: map[string]string{
			"create_subnet.tags":           "a subnet has no tags at Azure",
			"list_subnets.tags":            "a subnet has no tags at Azure",
			"list_security_groups.network": "a security group belongs to no network at Azure",
		},
		UniqueNames: true,

		Native:       native.Call{Operation: "GET /subscriptions/{subscription}", Arguments: map[string]any{"query": map[string]any{"api-version": "2022-12-01"}}},
		NativePages:  native.Call{Operation: "GET /subscriptions/{subscription}/providers/Microsoft.Compute/skus", Arguments: map[string]any{"query": map[string]any{"api-version": "2021-07-01", "$filter": "location eq 'westeurope'"}}},
		NativeChange: "POST /subscriptions/{subscription}/resourceGroups/{resource_group}/providers/Microsoft.Compute/virtualMachines/web/start",
	})
}

func TestBalancerConformance(t *testing.T) {
	s := azure.Start(t, 4)
	nothingLeft(t, s)
	nodes := opener(s, provider(t, compute.Family))(t, nil)
	defer nodes.Close()
	member := func(t testing.TB) string {
		n := call[compute.Node](t, nodes, compute.CreateNode{Name: "member", Size: "Standard_B1s", Image: "Debian:debian-12:12:latest"})
		t.Cleanup(func() {
			if err := drivers.Do(context.WithoutCancel(t.Context()), nodes, compute.DestroyNode{Node: n.ID}); err != nil {
				t.Error(err)
			}
		})
		return n.ID
	}
	// The network that nodes are in by default, which members by address are in too.
	perform(t, nodes, compute.DestroyNode{Node: call[compute.Node](t, nodes, compute.CreateNode{Name: "first", Size: "Standard_B1s", Image: "Debian:debian-12:12:latest"}).ID})
	drivertest.LB(t, drivertest.Harness{
		Open:     opener(s, provider(t, lb.Family)),
		PageSize: 4,
		OnePage:  []string{"balancer_list_members"}, // a balancer holds its members
		Lacks: map[string]string{
			"member.port":                    "the members of a balancer all have one port at Azure",
			"member.disabled":                "Azure cuts no connections",
			"health_check.timeout":           "Azure's probes have no timeout to set",
			"health_check.healthy_threshold": "Azure's probes have one threshold for both directions",
		},
		UniqueNames:  true,
		Node:         member,
		Native:       native.Call{Operation: "GET /subscriptions/{subscription}", Arguments: map[string]any{"query": map[string]any{"api-version": "2022-12-01"}}},
		NativeChange: "DELETE /subscriptions/{subscription}/resourceGroups/{resource_group}/providers/Microsoft.Network/loadBalancers/web",
	})
}

// nothingLeft wants the server to be empty when the test ends, but for what
// nobody owns: the default network, and what the server began with.
func nothingLeft(t *testing.T, s *azure.Server) {
	t.Helper()
	t.Cleanup(func() {
		for _, kind := range []string{"virtualMachines", "disks", "networkInterfaces", "publicIPAddresses", "snapshots", "images", "networkSecurityGroups",
			"applicationSecurityGroups", "sshPublicKeys", "loadBalancers"} {
			if left := s.Paths(kind); len(left) > 0 {
				t.Errorf("there are left %s %q", kind, left)
			}
		}
	})
}
