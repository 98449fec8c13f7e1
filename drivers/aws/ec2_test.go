package aws

import (
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func openMoto(t *testing.T) *drivers.Conn {
	t.Helper()
	c := opener("ec2", motoConfig(t))(t, nil)
	t.Cleanup(func() { c.Close() })
	return c
}

func call[Out any](t *testing.T, c *drivers.Conn, in any) Out {
	t.Helper()
	out, err := drivers.Call[Out](t.Context(), c, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestResize(t *testing.T) {
	c := openMoto(t)
	n := call[compute.Node](t, c, compute.CreateNode{Name: "small", Size: "t3.micro", Image: "ami-03cf127a"})
	for _, in := range []any{compute.StopNode{Node: n.ID}, compute.ResizeNode{Node: n.ID, Size: "t3.large"}, compute.ResizeNode{Node: n.ID, Size: "t3.large"}} {
		if err := drivers.Do(t.Context(), c, in); err != nil {
			t.Fatal(err)
		}
	}
	if n = call[compute.Node](t, c, compute.GetNode{Node: n.ID}); n.Size != "t3.large" {
		t.Errorf("resized to t3.large, it is %s", n.Size)
	}
}

// A node in a network needs no subnet, and in a location gets one that is there.
func TestNodeInNetwork(t *testing.T) {
	c := openMoto(t)
	network := call[compute.Network](t, c, compute.CreateNetwork{Name: "net"})
	if network.CIDR != defaultCIDR {
		t.Errorf("without cidr, a network has %s", network.CIDR)
	}
	create := compute.CreateNode{Name: "n", Size: "t3.micro", Image: "ami-03cf127a", Networks: []string{network.ID}}
	if _, err := drivers.Call[compute.Node](t.Context(), c, create); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("in a network without subnets: %v", err)
	}
	zones := map[string]string{}
	for zone, cidr := range map[string]string{"us-east-1a": "10.0.1.0/24", "us-east-1b": "10.0.2.0/24"} {
		zones[zone] = call[compute.Subnet](t, c, compute.CreateSubnet{Network: network.ID, Name: zone, CIDR: cidr, Location: zone}).ID
	}
	yes := true
	create.Location, create.PublicAddress, create.RootDisk = "us-east-1b", &yes, 20
	n := call[compute.Node](t, c, create)
	if len(n.Subnets) != 1 || n.Subnets[0] != zones["us-east-1b"] {
		t.Errorf("in us-east-1b it is in the subnets %q, not %q", n.Subnets, zones["us-east-1b"])
	}
	if len(n.Volumes) == 0 {
		t.Fatal("it has no root disk")
	}
	if v := call[compute.Volume](t, c, compute.GetVolume{Volume: n.Volumes[0]}); v.Size != 20 {
		t.Errorf("its root disk has %d GiB", v.Size)
	}
}

func TestExtraRefusesTypos(t *testing.T) {
	_, err := drivers.Call[compute.Node](t.Context(), openMoto(t), compute.CreateNode{Name: "n", Size: "t3.micro", Image: "ami-03cf127a",
		Extra: map[string]any{"iam_profil": "web"}})
	if op.KindOf(err) != op.InvalidArgument {
		t.Errorf("a misspelled extra: %v", err)
	}
}

// Rules come back as they were written, IPv6 ones too.
func TestIPv6Rule(t *testing.T) {
	c := openMoto(t)
	g := call[compute.SecurityGroup](t, c, compute.CreateSecurityGroup{Name: "six"})
	rule := compute.Rule{Direction: compute.Ingress, Protocol: compute.TCP, Port: 443, CIDR: "::/0"}
	if err := drivers.Do(t.Context(), c, compute.AllowSecurityGroupRule{SecurityGroup: g.ID, Rule: rule}); err != nil {
		t.Fatal(err)
	}
	for got, err := range drivers.List[compute.SecurityGroup](t.Context(), c, compute.ListSecurityGroups{Name: "six"}) {
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Rules) == 0 || !got.Rules[0].Same(rule.Normal()) {
			t.Errorf("the rules are %+v", got.Rules)
		}
	}
	if err := drivers.Do(t.Context(), c, compute.RevokeSecurityGroupRule{SecurityGroup: g.ID, Rule: rule}); err != nil {
		t.Error(err)
	}
}
