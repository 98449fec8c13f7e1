package aws

import (
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// memberNode makes a node to be a member.
func memberNode(config map[string]any) func(t testing.TB) string {
	return func(t testing.TB) string {
		t.Helper()
		conn := opener("ec2", config)(t, nil)
		defer conn.Close()
		n, err := drivers.Call[compute.Node](t.Context(), conn, compute.CreateNode{Name: "member", Size: "t3.micro", Image: "ami-03cf127a"})
		if err != nil {
			t.Fatal(err)
		}
		return n.ID
	}
}

func TestELBOnMoto(t *testing.T) {
	config := motoConfig(t)
	drivertest.LB(t, drivertest.Harness{
		Open:       opener("elb", config),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		Native: native.Call{Operation: "DescribeLoadBalancers"}, NativeChange: "CreateLoadBalancerPolicy",
		Lacks: map[string]string{"member.port": "members all have the listener's instance port"},
		Node:  memberNode(config),
	})
}

// TestELBFirstMemberSaysThePort: and the health check goes along.
func TestELBFirstMemberSaysThePort(t *testing.T) {
	ctx, config := t.Context(), motoConfig(t)
	conn := opener("elb", config)(t, nil)
	defer conn.Close()
	b, err := drivers.Call[lb.Balancer](ctx, conn, lb.CreateBalancer{Name: "web", Port: 80})
	if err != nil {
		t.Fatal(err)
	}
	m, err := drivers.Call[lb.Member](ctx, conn, lb.BalancerAttachComputeNode{Balancer: b.ID, Node: memberNode(config)(t), Port: 8080})
	if err != nil || m.Port != 8080 {
		t.Fatalf("the first member: %+v, %v", m, err)
	}
	if b, err = drivers.Call[lb.Balancer](ctx, conn, lb.GetBalancer{Balancer: b.ID}); err != nil || b.Port != 80 || b.HealthCheck.Port != 8080 {
		t.Errorf("the balancer: %+v, check %+v, %v", b, b.HealthCheck, err)
	}
	if _, err := drivers.Call[lb.Member](ctx, conn, lb.BalancerAttachComputeNode{Balancer: b.ID, Node: memberNode(config)(t), Port: 8081}); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("a second one on another port: %v", err)
	}
}

// TestELBRefusedListener: one that is refused on the same port leaves the old one.
func TestELBRefusedListener(t *testing.T) {
	ctx := t.Context()
	conn := opener("elb", motoConfig(t))(t, nil)
	defer conn.Close()
	b, err := drivers.Call[lb.Balancer](ctx, conn, lb.CreateBalancer{Name: "web", Port: 443, Protocol: lb.TCP})
	if err != nil {
		t.Fatal(err)
	}
	err = drivers.Do(ctx, conn, lb.UpdateBalancer{Balancer: b.ID, Protocol: lb.HTTPS, Certificate: "arn:aws:acm:us-east-1:123456789012:certificate/none"})
	if op.KindOf(err) != op.NotFound {
		t.Fatalf("a certificate that is not there: %v", err)
	}
	if b, err = drivers.Call[lb.Balancer](ctx, conn, lb.GetBalancer{Balancer: b.ID}); err != nil || b.Port != 443 || b.Protocol != lb.TCP {
		t.Errorf("afterwards: %+v, %v", b, err)
	}
}
