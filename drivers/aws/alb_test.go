package aws

import (
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func TestALBOnMoto(t *testing.T) {
	config := motoConfig(t)
	drivertest.LB(t, drivertest.Harness{
		Open:       opener("alb", config),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		OnePage: []string{"balancer_list_members"}, // as Elastic Load Balancing documents of DescribeTargetHealth
		Native:  native.Call{Operation: "DescribeAccountLimits"}, NativeChange: "CreateRule",
		Node: memberNode(config),
	})
}

// TestALBLeavesNothing: neither a create that fails at its last step nor a destroy
// leaves a load balancer or a target group, and another's group stays.
func TestALBLeavesNothing(t *testing.T) {
	ctx := t.Context()
	conn := opener("alb", motoConfig(t))(t, nil)
	defer conn.Close()
	left := func() (balancers, groups int) {
		t.Helper()
		for operation, n := range map[string]*int{"DescribeLoadBalancers": &balancers, "DescribeTargetGroups": &groups} {
			a, err := drivers.Call[native.Answer](ctx, conn, native.Call{Operation: operation})
			if err != nil {
				t.Fatal(err)
			}
			list, _ := a.Value.(map[string]any)[strings.TrimPrefix(operation, "Describe")].([]any)
			*n = len(list)
		}
		return balancers, groups
	}
	_, err := drivers.Call[lb.Balancer](ctx, conn, lb.CreateBalancer{Name: "broken", Port: 443, Protocol: lb.HTTPS, Certificate: "arn:aws:acm:us-east-1:123456789012:certificate/none",
		Members: []lb.NewMember{{IP: "10.1.2.3"}}})
	if err == nil {
		t.Fatal("a certificate that is not there was taken")
	}
	if b, g := left(); b+g > 0 {
		t.Errorf("a failed create (%v) left %d load balancers and %d target groups", err, b, g)
	}
	if _, err := drivers.Call[native.Answer](ctx, conn, native.Call{Operation: "CreateTargetGroup", Arguments: map[string]any{"Name": "mine", "Protocol": "HTTP", "Port": int64(80),
		"VpcId": defaultVPC(t, conn)}}); err != nil {
		t.Fatal(err)
	}
	b, err := drivers.Call[lb.Balancer](ctx, conn, lb.CreateBalancer{Name: "web", Port: 80, Members: []lb.NewMember{{IP: "10.1.2.3", Port: 8080}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := drivers.Call[lb.Balancer](ctx, conn, lb.CreateBalancer{Name: "web", Port: 80}); op.KindOf(err) != op.AlreadyExists {
		t.Errorf("a second one of the name: %v", err)
	}
	if err := drivers.Do(ctx, conn, lb.DestroyBalancer{Balancer: b.ID}); err != nil {
		t.Fatal(err)
	}
	if b, g := left(); b != 0 || g != 1 {
		t.Errorf("a destroy left %d load balancers and %d target groups, one of which is another's", b, g)
	}
}

// defaultVPC is the network that a balancer without any is in.
func defaultVPC(t *testing.T, conn *drivers.Conn) string {
	t.Helper()
	_, vpc, err := subnets(t.Context(), conn.Driver().(*albDriver).ec2, lb.CreateBalancer{})
	if err != nil {
		t.Fatal(err)
	}
	return vpc
}
