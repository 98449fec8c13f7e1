package openstack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// What the suite does not ask, on the same cloud.
func beyondSuite(t *testing.T, cloud lab.Cloud) {
	c := opener(cloud, "openstack", map[string]any{"zone": "nova"})(t, nil)
	t.Cleanup(func() { c.Close() })
	t.Run("needs", func(t *testing.T) { needsOfNodes(t, c, cloud) })
	t.Run("root_disk", func(t *testing.T) { rootDisk(t, c, cloud) })
	t.Run("reboot_for_image", func(t *testing.T) { rebootForImage(t, c, cloud) })
	t.Run("native", func(t *testing.T) { nativeCalls(t, c) })
	balancers := opener(cloud, "octavia", map[string]any{"subnet": list[compute.Subnet](t, c, compute.ListSubnets{Network: cloud.Network})[0].ID})(t, nil)
	t.Cleanup(func() { balancers.Close() })
	t.Run("balancer_put_back", func(t *testing.T) { balancerPutBack(t, balancers) })
	t.Run("balancer_public", func(t *testing.T) { balancerPublic(t, balancers, c) })
	t.Run("limits", func(t *testing.T) { limits(t, c, cloud) })
	t.Run("application_credential", func(t *testing.T) { applicationCredential(t, c, cloud) })
}

// left are the ids of ports and addresses that were made for something.
func left(t *testing.T, c *drivers.Conn) []string {
	t.Helper()
	var ids []string
	for _, what := range []string{"ports", "floatingips"} {
		a := call[native.Answer](t, c, native.Call{Operation: "GET network:/" + what, Arguments: map[string]any{"query": map[string]any{"fields": "id", "tags": ours}}})
		for _, v := range a.Value.(map[string]any)[what].([]any) {
			ids = append(ids, fmt.Sprint(v.(map[string]any)["id"]))
		}
	}
	slices.Sort(ids)
	return ids
}

func project(t *testing.T, c *drivers.Conn) string {
	t.Helper()
	a := call[native.Answer](t, c, native.Call{Operation: "GET identity:/projects/{project}"})
	return a.Value.(map[string]any)["project"].(map[string]any)["id"].(string)
}

// What is made for a node goes with it, and when there is no node.
func needsOfNodes(t *testing.T, c *drivers.Conn, cloud lab.Cloud) {
	before := left(t, c)
	public := true
	in := compute.CreateNode{Name: "public", Size: "1", Image: cloud.Image, Networks: []string{cloud.Network}, PublicAddress: &public}
	n := call[compute.Node](t, c, in)
	n = eventually(t, c, n.ID, func(n compute.Node) bool { return n.State == compute.NodeRunning && len(n.PublicIPs) == 1 })
	if !strings.HasPrefix(n.PublicIPs[0], "203.0.113.") {
		t.Errorf("its public addresses are %q", n.PublicIPs)
	}
	perform(t, c, compute.DestroyNode{Node: n.ID})
	if after := left(t, c); !slices.Equal(before, after) {
		t.Errorf("a node that is destroyed leaves %q of %q", after, before)
	}

	in.Image = "00000000-0000-4000-8000-000000000000"
	_, err := drivers.Call[compute.Node](t.Context(), c, in)
	if op.KindOf(err) != op.NotFound {
		t.Errorf("of no image: %v", err)
	}
	if after := left(t, c); !slices.Equal(before, after) {
		t.Errorf("a node that is refused leaves %q of %q", after, before)
	}
}

// A root disk that is a volume goes with the node.
func rootDisk(t *testing.T, c *drivers.Conn, cloud lab.Cloud) {
	n := call[compute.Node](t, c, compute.CreateNode{Name: "big", Size: "1", Image: cloud.Image, Networks: []string{cloud.Network}, RootDisk: 3})
	n = eventually(t, c, n.ID, func(n compute.Node) bool { return n.State == compute.NodeRunning || n.State == compute.NodeError })
	if n.State != compute.NodeRunning || len(n.Volumes) != 1 {
		t.Fatalf("it is %+v", n)
	}
	if v := call[compute.Volume](t, c, compute.GetVolume{Volume: n.Volumes[0]}); v.Size != 3 || v.Node != n.ID {
		t.Errorf("its root disk is %+v", v)
	}
	perform(t, c, compute.DestroyNode{Node: n.ID})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	err := op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		_, err := drivers.Call[compute.Volume](ctx, c, compute.GetVolume{Volume: n.Volumes[0]})
		if op.KindOf(err) == op.NotFound {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		t.Errorf("the root disk: %v", err)
	}
}

// With reboot, the node is stopped for its image, and runs again.
func rebootForImage(t *testing.T, c *drivers.Conn, cloud lab.Cloud) {
	n := call[compute.Node](t, c, compute.CreateNode{Name: "imaged", Size: "1", Image: cloud.Image, Networks: []string{cloud.Network}})
	t.Cleanup(func() { perform(t, c, compute.DestroyNode{Node: n.ID}) })
	eventually(t, c, n.ID, func(n compute.Node) bool { return n.State == compute.NodeRunning })
	i := call[compute.Image](t, c, compute.CreateImage{Node: n.ID, Name: "clean", Reboot: true})
	t.Cleanup(func() { perform(t, c, compute.DeleteImage{Image: i.ID}) })
	if i.State != compute.ImageAvailable {
		t.Errorf("the image is %+v", i)
	}
	eventually(t, c, n.ID, func(n compute.Node) bool { return n.State == compute.NodeRunning })
}

func nativeCalls(t *testing.T, c *drivers.Conn) {
	ask := func(operation string, arguments map[string]any) (map[string]any, error) {
		a, err := drivers.Call[native.Answer](t.Context(), c, native.Call{Operation: operation, Arguments: arguments})
		v, _ := a.Value.(map[string]any)
		return v, err
	}
	v, err := ask("POST network:/routers", map[string]any{"body": map[string]any{"router": map[string]any{"name": "edge"}}})
	if err != nil {
		t.Fatal(err)
	}
	id := v["router"].(map[string]any)["id"].(string)
	if v, err = ask("PUT network:/routers/"+id, map[string]any{"body": map[string]any{"router": map[string]any{"description": "Küche"}}}); err != nil || v["router"].(map[string]any)["description"] != "Küche" {
		t.Errorf("the router is %v, %v", v, err)
	}
	if v, err = ask("DELETE network:/routers/"+id, nil); err != nil || v != nil {
		t.Errorf("the answer is %v, %v", v, err)
	}
	if v, err = ask("GET /flavors/1", map[string]any{"headers": map[string]any{"OpenStack-API-Version": "compute 2.61"}}); err != nil || v["flavor"].(map[string]any)["ram"] != int64(512) || v["flavor"].(map[string]any)["extra_specs"] == nil {
		t.Errorf("with a microversion, the flavor is %v, %v", v, err)
	}
	for operation, kind := range map[string]op.Kind{
		"GET /servers/none":                        op.NotFound,
		"GET network:/routers/none":                op.NotFound,
		"GET metric:/resources":                    op.Unsupported,
		"GET https://example.com/steal":            op.InvalidArgument,
		"GET servers":                              op.InvalidArgument,
		"GET /servers?limit=nonsense":              op.InvalidArgument,
		"POST network:/networks":                   op.InvalidArgument,
		"GET http://127.0.0.1:1/nova/v2.1/servers": op.InvalidArgument,
	} {
		if _, err := ask(operation, nil); op.KindOf(err) != kind {
			t.Errorf("%s: want %s, got %v", operation, kind, err)
		}
	}
}

// An application credential of Keystone's opens the same project.
func applicationCredential(t *testing.T, c *drivers.Conn, cloud lab.Cloud) {
	credential := newCredential(t, c, cloud, "hush")
	open := func(secret string) *drivers.Conn {
		robot, err := named(t, "openstack").Open(t.Context(), "robot", map[string]any{"auth_url": cloud.AuthURL, "application_credential_id": credential, "application_credential_secret": secret})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { robot.Close() })
		return robot
	}
	if project(t, c) != project(t, open("hush")) {
		t.Error("it is of another project")
	}
	_, err := drivers.Call[native.Answer](t.Context(), open("other"), native.Call{Operation: "GET /limits"})
	if op.KindOf(err) != op.Unauthenticated {
		t.Errorf("with a wrong secret: %v", err)
	}
}

// A balancer that cannot become what it shall stays what it was.
func balancerPutBack(t *testing.T, c *drivers.Conn) {
	b := call[lb.Balancer](t, c, lb.CreateBalancer{Name: "steady", Port: 80, Members: []lb.NewMember{{IP: "10.0.0.5"}}, HealthCheck: &lb.HealthCheck{Port: 8080}})
	t.Cleanup(func() { perform(t, c, lb.DestroyBalancer{Balancer: b.ID}) })
	if b.HealthCheck == nil || b.HealthCheck.Port != 8080 {
		t.Errorf("the health check is %+v", b.HealthCheck)
	}
	if m := list[lb.Member](t, c, lb.BalancerListMembers{Balancer: b.ID}); len(m) != 1 || fmt.Sprint(m[0].Extra["monitor_port"]) != "8080" {
		t.Errorf("the members are %+v", m)
	}
	err := drivers.Do(t.Context(), c, lb.UpdateBalancer{Balancer: b.ID, Protocol: lb.HTTPS, Certificate: "http://127.0.0.1:1/v1/containers/none"})
	if err == nil {
		t.Error("a certificate that is nowhere is taken")
	}
	t.Logf("a certificate that is nowhere: %v", err)
	if now := call[lb.Balancer](t, c, lb.GetBalancer{Balancer: b.ID}); now.Protocol != lb.HTTP || now.Port != 80 {
		t.Errorf("it became %+v", now)
	}
	if err := drivers.Do(t.Context(), c, lb.UpdateBalancer{Balancer: b.ID, Protocol: lb.UDP}); op.KindOf(err) != op.Unsupported {
		t.Errorf("from http to udp: %v", err)
	}
	perform(t, c, lb.UpdateBalancer{Balancer: b.ID, HealthCheck: &lb.HealthCheck{Protocol: lb.TCP}})
	if now := call[lb.Balancer](t, c, lb.GetBalancer{Balancer: b.ID}); now.HealthCheck == nil || now.HealthCheck.Protocol != lb.TCP || now.HealthCheck.Port != 0 {
		t.Errorf("with another kind of check, it is %+v", now.HealthCheck)
	}
}

// A public address goes with its balancer.
func balancerPublic(t *testing.T, c, nodes *drivers.Conn) {
	before := left(t, nodes)
	in := lb.CreateBalancer{Name: "public", Port: 80, Extra: map[string]any{"public_address": "nowhere"}}
	if _, err := drivers.Call[lb.Balancer](t.Context(), c, in); op.KindOf(err) != op.NotFound {
		t.Errorf("with an address of nowhere: %v", err)
	}
	if all := list[lb.Balancer](t, c, lb.ListBalancers{Name: in.Name}); len(all) > 0 && all[0].State != lb.Pending {
		t.Errorf("it left %+v", all)
	}
	if after := left(t, nodes); !slices.Equal(before, after) {
		t.Errorf("it left %q of %q", after, before)
	}
}

// What a project may not have more of, and what its user may not do.
func limits(t *testing.T, c *drivers.Conn, cloud lab.Cloud) {
	ask := func(operation string, body map[string]any) map[string]any {
		t.Helper()
		a := call[native.Answer](t, c, native.Call{Operation: operation, Arguments: map[string]any{"body": body}})
		v, _ := a.Value.(map[string]any)
		return v
	}
	type limit struct {
		service, path, key, of string
		in                     any
	}
	for what, l := range map[string]limit{
		"nodes":           {"", "/os-quota-sets/{project}", "quota_set", "instances", compute.CreateNode{Name: "many", Size: "1", Image: cloud.Image, Networks: []string{cloud.Network}}},
		"volumes":         {"block-storage:", "/os-quota-sets/{project}", "quota_set", "volumes", compute.CreateVolume{Name: "many", Size: 1}},
		"networks":        {"network:", "/quotas/{project}", "quota", "network", compute.CreateNetwork{Name: "many"}},
		"security groups": {"network:", "/quotas/{project}", "quota", "security_group", compute.CreateSecurityGroup{Name: "many"}},
		"addresses":       {"network:", "/quotas/{project}", "quota", "floatingip", compute.AllocateAddress{}},
	} {
		t.Run(what, func(t *testing.T) {
			ask("PUT "+l.service+l.path, map[string]any{l.key: map[string]any{l.of: 0}})
			o, _ := compute.Family.For(l.in)
			_, err := c.Do(t.Context(), o, l.in)
			ask("PUT "+l.service+l.path, map[string]any{l.key: map[string]any{l.of: -1}})
			if op.KindOf(err) != op.QuotaExceeded {
				t.Errorf("want quota_exceeded, got %v", err)
			}
		})
	}
	t.Run("permission", func(t *testing.T) {
		newUser(t, c, "bob", "member")
		bob, err := named(t, "openstack").Open(t.Context(), "bob", map[string]any{"auth_url": cloud.AuthURL, "username": "bob", "password": "pw", "project_name": cloud.Project})
		if err != nil {
			t.Fatal(err)
		}
		defer bob.Close()
		if sizes := list[compute.Size](t, bob, compute.ListSizes{}); len(sizes) == 0 {
			t.Error("there are no sizes")
		}
		for _, operation := range []string{"GET /os-hypervisors", "GET identity:/users", "GET block-storage:/os-services"} {
			if _, err := drivers.Call[native.Answer](t.Context(), bob, native.Call{Operation: operation}); op.KindOf(err) != op.PermissionDenied {
				t.Errorf("%s: want permission_denied, got %v", operation, err)
			}
		}
	})
}
