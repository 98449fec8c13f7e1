package azure

import (
	"slices"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/azure"
)

func openLB(t *testing.T, s *azure.Server) *drivers.Conn {
	t.Helper()
	c := opener(s, provider(t, lb.Family))(t, nil)
	t.Cleanup(func() { c.Close() })
	return c
}

// A balancer that fails, whichever request it is that fails, leaves nothing.
func TestFailedBalancer(t *testing.T) {
	for _, method := range []string{"PublicIPAddressesClient.BeginCreateOrUpdate", "LoadBalancersClient.BeginCreateOrUpdate"} {
		for _, done := range []bool{false, true} {
			s := azure.Start(t, 0)
			s.Refuse(azure.Refusal{Method: method, Done: done, Fault: azure.Fault{Status: 409, Code: "ResourceQuotaExceeded", Message: "no more"}})
			_, err := drivers.Call[lb.Balancer](t.Context(), openLB(t, s), lb.CreateBalancer{Name: "front", Port: 80})
			if op.KindOf(err) != op.QuotaExceeded {
				t.Errorf("%s: want quota_exceeded, got %v", method, err)
			}
			if all := left(s); len(all) > 0 {
				t.Errorf("%s (done %v): it left %q", method, done, all)
			}
		}
	}
}

// A destroy that stopped between the balancer and its address is gone through
// with when it is repeated.
func TestDestroyBalancerTwice(t *testing.T) {
	s := azure.Start(t, 0)
	c := openLB(t, s)
	b := call[lb.Balancer](t, c, lb.CreateBalancer{Name: "front", Port: 80})
	s.Refuse(azure.Refusal{Method: "PublicIPAddressesClient.BeginDelete", Times: 1, Fault: azure.Fault{Status: 503, Code: "ServiceUnavailable", Message: "x"}})
	if err := drivers.Do(t.Context(), c, lb.DestroyBalancer{Balancer: b.ID}); op.KindOf(err) != op.Unavailable {
		t.Errorf("want unavailable, got %v", err)
	}
	perform(t, c, lb.DestroyBalancer{Balancer: b.ID})
	if all := left(s); len(all) > 0 {
		t.Errorf("it left %q", all)
	}
	if err := drivers.Do(t.Context(), c, lb.DestroyBalancer{Balancer: b.ID}); op.KindOf(err) != op.NotFound {
		t.Errorf("want not_found, got %v", err)
	}
}

// A node is a member by its address, and what the probe says of it is its health.
func TestMemberHealth(t *testing.T) {
	s := azure.Start(t, 0)
	nodes, c := open(t, s, nil), openLB(t, s)
	n := call[compute.Node](t, nodes, web)
	b := call[lb.Balancer](t, c, lb.CreateBalancer{Name: "front", Port: 80, Members: []lb.NewMember{{Node: n.ID, Port: 8080}, {IP: "10.0.9.9", Port: 8080}}})
	members := list[lb.Member](t, c, lb.BalancerListMembers{Balancer: b.ID})
	slices.SortFunc(members, func(x, y lb.Member) int { return len(y.Node) - len(x.Node) })
	if len(members) != 2 || members[0].Node != n.ID || members[0].Health != lb.Healthy || members[1].Health != lb.Unhealthy || members[1].Port != 8080 {
		t.Errorf("the members are %+v", members)
	}
	// Another node may have a member's address in another network.
	elsewhere := call[compute.Network](t, nodes, compute.CreateNetwork{Name: "other", CIDR: "10.0.0.0/16"})
	subnet := call[compute.Subnet](t, nodes, compute.CreateSubnet{Network: elsewhere.ID, Name: "one", CIDR: "10.0.0.0/24"})
	in := web
	in.Name, in.Subnets = "stranger", []string{subnet.ID}
	stranger := call[compute.Node](t, nodes, in)
	if _, err := drivers.Call[lb.Member](t.Context(), c, lb.BalancerAttachComputeNode{Balancer: b.ID, Node: stranger.ID}); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("a node of another network: want invalid_argument, got %v", err)
	}
}

// An internal balancer has an address in a subnet, and none that is public.
func TestInternalBalancer(t *testing.T) {
	s := azure.Start(t, 0)
	nodes, c := open(t, s, nil), openLB(t, s)
	network := call[compute.Network](t, nodes, compute.CreateNetwork{Name: "net", CIDR: "10.7.0.0/16"})
	subnet := call[compute.Subnet](t, nodes, compute.CreateSubnet{Network: network.ID, Name: "one", CIDR: "10.7.1.0/24"})
	b := call[lb.Balancer](t, c, lb.CreateBalancer{Name: "inner", Port: 80, Protocol: lb.TCP, Subnets: []string{subnet.ID}, Extra: map[string]any{"internal": true}})
	b = call[lb.Balancer](t, c, lb.GetBalancer{Balancer: b.ID})
	if len(b.Address) < 5 || b.Address[:5] != "10.7." || len(s.Paths("publicIPAddresses")) > 0 {
		t.Errorf("the balancer is %+v", b)
	}
}
