package openstack

import (
	"maps"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// opener opens a driver on a cloud.
func opener(cloud lab.Cloud, provider string, config map[string]any) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		c := map[string]any{"auth_url": cloud.AuthURL, "username": cloud.User, "password": cloud.Password, "project_name": cloud.Project}
		maps.Copy(c, config)
		maps.Copy(c, over)
		conn, err := named(t, provider).Open(t.Context(), provider, c, chain...)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

// named is the provider of that name.
func named(t testing.TB, name string) *drivers.Provider {
	t.Helper()
	for _, p := range Providers() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("there is no provider %s", name)
	return nil
}

// TestConformance is the suites on one cloud, as it takes a while to start.
func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a cloud")
	}
	folder := noEnvironment(t)
	cloud := lab.OpenStack(t)
	t.Run("compute", func(t *testing.T) { conformCompute(t, cloud) })
	t.Run("lb", func(t *testing.T) { conformBalancers(t, cloud) })
	t.Run("beyond", func(t *testing.T) { beyondSuite(t, cloud) })
	t.Run("storage", func(t *testing.T) { conformSwift(t, cloud, folder) })
}

func conformCompute(t *testing.T, cloud lab.Cloud) {
	const none = "a security group of OpenStack belongs to no network"
	drivertest.Compute(t, drivertest.Harness{
		Open:       withNetwork(cloud),
		Timeout:    2 * time.Minute,
		SmallPages: map[string]any{"page_size": 2}, PageSize: 2,
		OnePage: []string{"list_key_pairs", "list_locations"},
		Lacks: map[string]string{
			"list_security_groups.network":  none,
			"create_security_group.network": none,
		},
		Deviations: map[string]string{
			"volume_snapshots/outlives_its_volume": "Cinder destroys no volume that has snapshots, as its API reference says of DELETE /v3/{project_id}/volumes/{volume_id}",
		},
		Native:       native.Call{Operation: "GET /os-hypervisors"},
		NativePages:  native.Call{Operation: "GET network:/subnets", Arguments: map[string]any{"query": map[string]any{"limit": 1}}},
		NativeChange: "POST /servers",
	})
}

// withNetwork opens the driver "openstack" for nodes in the cloud's network,
// since the suite makes others meanwhile, among which Nova would not choose.
func withNetwork(cloud lab.Cloud) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	open := opener(cloud, "openstack", map[string]any{"zone": "nova"})
	return func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		return open(t, over, append(chain,
			drivertest.Complete(func(in *compute.CreateNode) { inNetwork(in, cloud.Network) }),
			drivertest.Complete(func(in *compute.CreateNodes) { inNetwork(&in.CreateNode, cloud.Network) }))...)
	}
}

func inNetwork(in *compute.CreateNode, network string) {
	if len(in.Networks)+len(in.Subnets) == 0 {
		in.Networks = []string{network}
	}
}

func conformBalancers(t *testing.T, cloud lab.Cloud) {
	nodes := withNetwork(cloud)(t, nil)
	t.Cleanup(func() { nodes.Close() })
	subnet := list[compute.Subnet](t, nodes, compute.ListSubnets{Network: cloud.Network})[0].ID
	drivertest.LB(t, drivertest.Harness{
		Open:       opener(cloud, "octavia", map[string]any{"subnet": subnet}),
		Timeout:    2 * time.Minute,
		SmallPages: map[string]any{"page_size": 2}, PageSize: 2,
		OnePage: []string{"list_protocols", "list_supported_algorithms"},
		Lacks: map[string]string{
			"create_balancer.drain_timeout": "Octavia waits for nobody",
			"update_balancer.drain_timeout": "Octavia waits for nobody",
		},
		Native:       native.Call{Operation: "GET /lbaas/providers"},
		NativeChange: "POST /lbaas/loadbalancers",
		Node: func(t testing.TB) string {
			n, err := drivers.Call[compute.Node](t.Context(), nodes, compute.CreateNode{Name: "member", Size: "1", Image: cloud.Image})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { perform(t, nodes, compute.DestroyNode{Node: n.ID}) })
			eventually(t, nodes, n.ID, func(n compute.Node) bool { return n.State == compute.NodeRunning && len(n.Subnets) > 0 })
			return n.ID
		},
	})
}
