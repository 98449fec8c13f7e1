package google

import (
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

func groupNamed(t *testing.T, c *drivers.Conn, name string) (compute.SecurityGroup, bool) {
	t.Helper()
	all := list[compute.SecurityGroup](t, c, compute.ListSecurityGroups{Name: name})
	if len(all) == 0 {
		return compute.SecurityGroup{}, false
	}
	return all[0], true
}

// Firewall rules that the console made are their tag's group.
func TestFirewallsOfOthers(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	rule := func(name string, fields map[string]any) {
		fields["network"] = "https://www.googleapis.com/compute/v1/projects/" + gce.Project + "/global/networks/default"
		s.Put("projects/"+gce.Project+"/global/firewalls/"+name, fields)
	}
	allow := func(list ...any) []any { return list }
	tcp := map[string]any{"IPProtocol": "tcp", "ports": []any{"80", "8000-8080"}}
	rule("default-allow-ssh", map[string]any{"direction": "INGRESS", "allowed": allow(map[string]any{"IPProtocol": "tcp", "ports": []any{"22"}}), "sourceRanges": []any{"0.0.0.0/0"}})
	rule("web-in", map[string]any{"direction": "INGRESS", "allowed": allow(tcp, map[string]any{"IPProtocol": "esp"}), "sourceRanges": []any{"10.0.0.0/8", "192.168.0.0/16"},
		"sourceTags": []any{"proxy"}, "targetTags": []any{"web"}})
	rule("web-off", map[string]any{"direction": "INGRESS", "disabled": true, "allowed": allow(tcp), "sourceRanges": []any{"0.0.0.0/0"}, "targetTags": []any{"web"}})
	rule("web-deny", map[string]any{"direction": "INGRESS", "denied": allow(tcp), "sourceRanges": []any{"0.0.0.0/0"}, "targetTags": []any{"web"}})
	rule("both", map[string]any{"direction": "EGRESS", "allowed": allow(map[string]any{"IPProtocol": "all"}), "destinationRanges": []any{"::/0"}, "targetTags": []any{"web", "db"}})
	rule("robot", map[string]any{"direction": "INGRESS", "allowed": allow(tcp), "targetServiceAccounts": []any{"robot@example.com"}})

	all := list[compute.SecurityGroup](t, c, compute.ListSecurityGroups{})
	if len(all) != 2 || all[0].ID != "db" || all[1].ID != "web" || all[1].Network != "default" {
		t.Fatalf("the groups are %+v", all)
	}
	if rules := all[1].Rules; len(rules) != 7 || !slices.ContainsFunc(rules, func(r compute.SecurityGroupRule) bool {
		return r.Same(compute.SecurityGroupRule{Direction: compute.Ingress, Protocol: compute.TCP, FromPort: 8000, ToPort: 8080, Group: "proxy"})
	}) {
		t.Errorf("the rules are %+v", rules)
	}
	refused := func(in any, kind op.Kind) {
		t.Helper()
		if err := drivers.Do(t.Context(), c, in); op.KindOf(err) != kind {
			t.Errorf("%+v: want %s, got %v", in, kind, err)
		}
	}
	refused(compute.RevokeSecurityGroupRule{SecurityGroup: "web", Rule: compute.Rule{Direction: compute.Ingress, Protocol: compute.TCP, Port: 80, CIDR: "10.0.0.0/8"}}, op.Conflict)
	refused(compute.AllowSecurityGroupRule{SecurityGroup: "web", Rule: compute.Rule{Direction: compute.Ingress, Protocol: compute.TCP, Port: 80, CIDR: "10.0.0.0/8"}}, op.AlreadyExists)
	refused(compute.DestroySecurityGroup{SecurityGroup: "web"}, op.Conflict)
	if _, err := drivers.Call[compute.SecurityGroup](t.Context(), c, compute.CreateSecurityGroup{Name: "web"}); op.KindOf(err) != op.AlreadyExists {
		t.Errorf("a group of a tag that has rules: %v", err)
	}
}

// A group's rules are for its network, and go with it.
func TestGroupWithRules(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	network := call[compute.Network](t, c, compute.CreateNetwork{Name: "net"})
	long := "a-name-that-is-as-long-as-names-can-be-here-which-is-sixty-three"[:63]
	g := call[compute.SecurityGroup](t, c, compute.CreateSecurityGroup{Name: long, Network: network.ID, Description: "for the web"})
	if g.Network != "net" {
		t.Errorf("the group is %+v", g)
	}
	rules := []compute.Rule{{Port: 80}, {Port: 80, CIDR: "::/0"}, {Protocol: compute.ICMP, CIDR: "::/0"}, {Protocol: compute.AllProtocols, Group: long}, {FromPort: 1, ToPort: 65535}}
	for _, r := range rules {
		perform(t, c, compute.AllowSecurityGroupRule{SecurityGroup: g.ID, Rule: r})
	}
	got, _ := groupNamed(t, c, long)
	if len(got.Rules) != len(rules) || got.Description != "for the web" || got.Network != "net" {
		t.Errorf("the group is %+v", got)
	}
	for _, path := range s.Paths("firewalls") {
		if name := path[strings.LastIndexByte(path, '/')+1:]; len(name) > 63 {
			t.Errorf("the name %s is too long", name)
		}
	}
	perform(t, c, compute.DestroySecurityGroup{SecurityGroup: g.ID})
	if left := s.Paths("firewalls"); len(left) > 0 {
		t.Errorf("it left %q", left)
	}
	perform(t, c, compute.DestroyNetwork{Network: "net"})
}

// A group whose destruction fails half way is still there, and can be destroyed.
func TestGroupHalfDestroyed(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	g := call[compute.SecurityGroup](t, c, compute.CreateSecurityGroup{Name: "web"})
	for _, port := range []int{80, 443} {
		perform(t, c, compute.AllowSecurityGroupRule{SecurityGroup: g.ID, Rule: compute.Rule{Port: port}})
	}
	s.Refuse(gce.Refusal{Method: "compute.firewalls.delete", Times: 1, Done: true, Status: 503, Reason: "backendError"})
	if err := drivers.Do(t.Context(), c, compute.DestroySecurityGroup{SecurityGroup: "web"}); op.KindOf(err) != op.Unavailable {
		t.Errorf("want unavailable, got %v", err)
	}
	settle(t, c)
	if got, ok := groupNamed(t, c, "web"); !ok || len(got.Rules) != 1 {
		t.Errorf("half destroyed, the group is %+v", got)
	}
	perform(t, c, compute.DestroySecurityGroup{SecurityGroup: "web"})
	if _, ok := groupNamed(t, c, "web"); ok {
		t.Error("the group is still there")
	}
}
