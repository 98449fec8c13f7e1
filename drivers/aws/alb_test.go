package aws

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

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

// TestALBRules: requests go to members by host and path, rules change in one call,
// and go with the balancer.
func TestALBRules(t *testing.T) {
	ctx := t.Context()
	conn := opener("alb", motoConfig(t))(t, nil)
	defer conn.Close()
	type rule struct {
		priority     int64
		hosts, paths string
		members      string
	}
	rules := func(b lb.Balancer) (all []rule) {
		t.Helper()
		for _, v := range b.Extra["rules"].([]any) {
			r := v.(map[string]any)
			var members []string
			for _, m := range r["members"].([]any) {
				if m := m.(map[string]any); m["state"] == "enabled" {
					members = append(members, m["id"].(string))
				}
			}
			slices.Sort(members)
			all = append(all, rule{r["priority"].(int64), fmt.Sprint(r["hosts"]), fmt.Sprint(r["paths"]), fmt.Sprint(members)})
		}
		return all
	}
	groups := func() (names []string) {
		t.Helper()
		a, err := drivers.Call[native.Answer](ctx, conn, native.Call{Operation: "DescribeTargetGroups"})
		if err != nil {
			t.Fatal(err)
		}
		list, _ := a.Value.(map[string]any)["TargetGroups"].([]any)
		for _, g := range list {
			names = append(names, g.(map[string]any)["TargetGroupName"].(string))
		}
		return names
	}
	name := "a-name-that-is-as-long-as-it-can"
	create := lb.CreateBalancer{Name: name, Port: 80, Members: []lb.NewMember{{IP: "10.1.2.3"}}, Extra: map[string]any{"rules": []any{
		map[string]any{"priority": 20, "paths": []any{"/api/*"}, "members": []any{map[string]any{"ip": "10.1.2.4", "port": 8080}}, "health_check": map[string]any{"path": "/healthy"}},
		map[string]any{"priority": 10, "hosts": []any{"*.example.net"}, "paths": []any{"/a", "/b"}, "members": []any{map[string]any{"ip": "10.1.2.5"}, map[string]any{"ip": "10.1.2.6"}}},
	}}}
	b, err := drivers.Call[lb.Balancer](ctx, conn, create)
	if err != nil {
		t.Fatal(err)
	}
	want := []rule{{10, "[*.example.net]", "[/a /b]", "[10.1.2.5:80 10.1.2.6:80]"}, {20, "[]", "[/api/*]", "[10.1.2.4:8080]"}}
	if got := rules(b); !slices.Equal(got, want) {
		t.Errorf("created with %v, the rules are %v", want, got)
	}
	if n := len(list[lb.Member](t, conn, lb.BalancerListMembers{Balancer: b.ID})); n != 1 {
		t.Errorf("the balancer itself has %d members", n)
	}
	update := func(rules ...any) error {
		return drivers.Do(ctx, conn, lb.UpdateBalancer{Balancer: b.ID, Extra: map[string]any{"rules": append([]any{}, rules...)}})
	}
	get := func() lb.Balancer {
		t.Helper()
		b, err := drivers.Call[lb.Balancer](ctx, conn, lb.GetBalancer{Balancer: b.ID})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// Others' rules stay, one with a group of its own, whatever comes of ours.
	vpc := defaultVPC(t, conn)
	d := conn.Driver().(*albDriver)
	w, err := d.get(ctx, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := d.client.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("mine"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: &vpc})
	if err != nil {
		t.Fatal(err)
	}
	for priority, group := range map[int32]*string{5: mine.TargetGroups[0].TargetGroupArn, 6: w.group.TargetGroupArn} {
		if _, err := d.client.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: w.listener.ListenerArn, Priority: &priority, Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/mine"}}},
			Actions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: group}}}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // as if it were repeated, and what failed in between had left a group
		if _, err := d.newGroup(ctx, name, rulePrefix(w.LoadBalancer)+"30", vpc, 8080, types.ProtocolEnumHttp, nil); err != nil && op.KindOf(err) != op.AlreadyExists {
			t.Fatal(err)
		}
		err = update(map[string]any{"priority": 20, "paths": []any{"/v2/*"}, "members": []any{map[string]any{"ip": "10.1.2.7"}}}, map[string]any{"priority": 30, "hosts": []any{"b.example.net"}})
		if err != nil {
			t.Fatal(err)
		}
		want = []rule{{20, "[]", "[/v2/*]", "[10.1.2.7:80]"}, {30, "[b.example.net]", "[]", "[]"}}
		if got := rules(get()); len(got) != 4 || !slices.Equal(got[2:], want) {
			t.Errorf("updated to %v, the rules are %v", want, got)
		}
	}
	if err := drivers.Do(ctx, conn, lb.UpdateBalancer{Balancer: b.ID, DrainTimeout: new(30)}); err != nil {
		t.Fatal(err)
	}
	if err := update(map[string]any{"priority": 20, "paths": []any{"/v3/*"}}); err != nil { // members that are not given are left as they are
		t.Fatal(err)
	}
	if got := rules(get()); len(got) != 3 || got[2].members != "[10.1.2.7:80]" || got[2].paths != "[/v3/*]" {
		t.Errorf("with members that are not given, the rules are %v", got)
	}
	if got := groups(); len(got) != 3 {
		t.Errorf("with one rule of its own and another's, there are the target groups %q", got)
	}
	if err := update(map[string]any{"priority": 5, "paths": []any{"/other"}}); op.KindOf(err) != op.Conflict {
		t.Errorf("the priority of another's rule: %v", err)
	}
	if got := groups(); len(got) != 3 {
		t.Errorf("a refused rule left the target groups %q", got)
	}
	if err := drivers.Do(ctx, conn, lb.DestroyBalancer{Balancer: b.ID}); err != nil {
		t.Fatal(err)
	}
	if got := groups(); !slices.Equal(got, []string{"mine"}) {
		t.Errorf("a destroy left the target groups %q", got)
	}
	for what, rules := range map[string][]any{
		"no condition":    {map[string]any{"priority": 1}},
		"no priority":     {map[string]any{"paths": []any{"/"}}},
		"a high priority": {map[string]any{"priority": 50001, "paths": []any{"/"}}},
		"two of one":      {map[string]any{"priority": 1, "paths": []any{"/a"}}, map[string]any{"priority": 1, "paths": []any{"/b"}}},
		"no member":       {map[string]any{"priority": 1, "paths": []any{"/a"}, "members": []any{map[string]any{"ip": "nonsense"}}}},
		"a misspelling":   {map[string]any{"priority": 1, "pahts": []any{"/a"}}},
	} {
		create.Extra = map[string]any{"rules": rules}
		if _, err := drivers.Call[lb.Balancer](ctx, conn, create); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
	}
	create.Protocol, create.Extra = lb.TCP, map[string]any{"rules": []any{map[string]any{"priority": 1, "paths": []any{"/a"}}}}
	if _, err := drivers.Call[lb.Balancer](ctx, conn, create); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("of a network load balancer: %v", err)
	}
	// A rule that the API refuses at last leaves nothing either.
	create.Protocol, create.Extra = lb.HTTP, map[string]any{"rules": []any{map[string]any{"priority": 1, "paths": []any{"/a"}}, map[string]any{"priority": 2, "paths": []any{strings.Repeat("a", 200)}}}}
	if _, err := drivers.Call[lb.Balancer](ctx, conn, create); err == nil {
		t.Error("a path of 200 characters was taken")
	}
	if got := groups(); !slices.Equal(got, []string{"mine"}) {
		t.Errorf("refused balancers left the target groups %q", got)
	}
	if n := len(list[lb.Balancer](t, conn, lb.ListBalancers{Name: name})); n != 0 {
		t.Errorf("refused balancers left %d load balancers", n)
	}
}

func list[T any](t *testing.T, conn *drivers.Conn, in any) (all []T) {
	t.Helper()
	for v, err := range drivers.List[T](t.Context(), conn, in) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
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
