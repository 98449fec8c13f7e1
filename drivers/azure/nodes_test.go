package azure

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/azure"
)

var web = compute.CreateNode{Name: "web", Size: "Standard_B1s", Image: "Canonical:ubuntu-24_04-lts:server:latest"}

// owned is all that a node and a balancer can be made with.
var owned = []string{"virtualMachines", "disks", "networkInterfaces", "publicIPAddresses", "virtualNetworks", "snapshots", "images", "networkSecurityGroups", "applicationSecurityGroups", "loadBalancers"}

func left(s *azure.Server) []string {
	var all []string
	for _, kind := range owned {
		for _, p := range s.Paths(kind) {
			all = append(all, kind+" "+p)
		}
	}
	return all
}

// A create that fails, whichever request it is that fails and whether that had
// its effect or not, leaves nothing.
func TestFailedCreate(t *testing.T) {
	for _, method := range []string{"VirtualNetworksClient.NewListPager", "VirtualNetworksClient.BeginCreateOrUpdate", "VirtualMachinesClient.BeginCreateOrUpdate"} {
		t.Run(method, func(t *testing.T) {
			s := azure.Start(t, 0)
			s.Refuse(azure.Refusal{Method: method, Fault: azure.Fault{Status: 409, Code: "SkuNotAvailable", Message: "none left"}})
			_, err := drivers.Call[compute.Node](t.Context(), open(t, s, nil), web)
			if op.KindOf(err) != op.QuotaExceeded {
				t.Errorf("want quota_exceeded, got %v", err)
			}
			if all := left(s); len(all) > 0 {
				t.Errorf("it left %q", all)
			}
		})
	}
	t.Run("the network's operation", func(t *testing.T) {
		s := azure.Start(t, 0)
		s.Fail("VirtualNetworksClient.BeginCreateOrUpdate", azure.Fault{Status: 400, Code: "InternalServerError", Message: "it did not work"})
		_, err := drivers.Call[compute.Node](t.Context(), open(t, s, nil), web)
		if op.KindOf(err) != op.Unavailable || len(left(s)) > 0 {
			t.Errorf("there are %q, %v", left(s), err)
		}
	})
}

// Of several nodes there are none when one cannot be made.
func TestFailedCreateOfMany(t *testing.T) {
	s := azure.Start(t, 0)
	s.Quota(2)
	_, err := drivers.Call[[]compute.Node](t.Context(), open(t, s, nil), compute.CreateNodes{CreateNode: web, Count: 3})
	if op.KindOf(err) != op.QuotaExceeded {
		t.Errorf("three of two: %v", err)
	}
	if all := left(s); len(all) > 0 {
		t.Errorf("it left %q", all)
	}
}

// What could not be removed is named.
func TestFailedRemoval(t *testing.T) {
	s := azure.Start(t, 0)
	s.Quota(1)
	s.Refuse(azure.Refusal{Method: "VirtualMachinesClient.BeginDelete", Fault: azure.Fault{Status: 409, Code: "ScopeLocked", Message: "locked"}})
	_, err := drivers.Call[[]compute.Node](t.Context(), open(t, s, nil), compute.CreateNodes{CreateNode: web, Count: 2})
	if op.KindOf(err) != op.QuotaExceeded || !strings.Contains(err.Error(), "could not be removed: node cloudlark/web-") {
		t.Errorf("the error is %v", err)
	}
}

// A node that Azure accepts and then cannot make is in error, and goes whole.
func TestNodeFailsLater(t *testing.T) {
	s := azure.Start(t, 0)
	s.Fail("VirtualMachinesClient.BeginCreateOrUpdate", azure.Fault{Status: 409, Code: "AllocationFailed", Message: "full"})
	c := open(t, s, nil)
	n := call[compute.Node](t, c, web)
	s.Paths("") // the operation ends
	n = call[compute.Node](t, c, compute.GetNode{Node: n.ID})
	if n.State != compute.NodeError || n.Extra["message"] != "Allocation failed." {
		t.Errorf("it is %+v", n)
	}
	perform(t, c, compute.DestroyNode{Node: n.ID})
	if all := left(s); !slices.Equal(all, []string{"virtualNetworks cloudlark/default-westeurope"}) {
		t.Errorf("it left %q", all)
	}
}

// A create whose answer was lost finds its own node when it is repeated, and
// another's is in its way.
func TestRepeatedCreate(t *testing.T) {
	s := azure.Start(t, 0)
	s.Refuse(azure.Refusal{Method: "VirtualMachinesClient.BeginCreateOrUpdate", Times: 1, Done: true, Fault: azure.Fault{Status: 503, Code: "ServiceUnavailable", Message: "x"}})
	c := open(t, s, nil)
	ctx := op.WithToken(t.Context(), "one")
	if _, err := drivers.Call[compute.Node](ctx, c, web); op.KindOf(err) != op.Unavailable {
		t.Fatalf("want unavailable, got %v", err)
	}
	n, err := drivers.Call[compute.Node](ctx, c, web)
	if err != nil || n.Name != "web" || n.Tags[tokenTag] != "" {
		t.Errorf("repeated: %+v, %v", n, err)
	}
	if _, err := drivers.Call[compute.Node](t.Context(), c, web); op.KindOf(err) != op.AlreadyExists {
		t.Errorf("another call: want already_exists, got %v", err)
	}
}

// Who gives up when Azure has taken the request and not answered has no node.
func TestGivingUp(t *testing.T) {
	s := azure.Start(t, 0)
	call[compute.Node](t, open(t, s, nil), web) // and its network
	ctx, cancel := context.WithCancel(op.WithToken(t.Context(), "one"))
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			s.ServeHTTP(w, r)
			return
		}
		s.ServeHTTP(httptest.NewRecorder(), r)
		cancel()
		<-r.Context().Done()
	}))
	defer slow.Close()
	before := left(s)
	in := web
	in.Name = "never"
	if _, err := drivers.Call[compute.Node](ctx, open(t, s, map[string]any{"endpoint": slow.URL}), in); op.KindOf(err) != op.Canceled {
		t.Errorf("want canceled, got %v", err)
	}
	if s.Requests()["VirtualMachinesClient.BeginCreateOrUpdate"] != 2 {
		t.Errorf("it was asked for %v", s.Requests())
	}
	if after := left(s); !slices.Equal(before, after) {
		t.Errorf("there were %q, and are %q", before, after)
	}
}

// A network that has the name of the one that would be made is left alone.
func TestDefaultNetworkInTheWay(t *testing.T) {
	s := azure.Start(t, 0)
	c := open(t, s, nil)
	made := call[compute.Network](t, c, compute.CreateNetwork{Name: "default-westeurope", CIDR: "10.9.0.0/16"})
	if _, err := drivers.Call[compute.Node](t.Context(), c, web); op.KindOf(err) != op.Conflict {
		t.Errorf("want conflict, got %v", err)
	}
	for n, err := range drivers.List[compute.Network](t.Context(), c, compute.ListNetworks{}) {
		if err != nil || n.ID != made.ID || n.CIDR != made.CIDR {
			t.Errorf("the network is %+v, %v", n, err)
		}
	}
}

// What extra asks for arrives, and comes back.
func TestNodeExtra(t *testing.T) {
	s := azure.Start(t, 0)
	c := open(t, s, nil)
	in := web
	in.Extra = map[string]any{"spot": true, "zone": "2", "max_price": 0.5, "root_disk_type": "StandardSSD_LRS", "license_type": "RHEL_BYOS"}
	in.RootDisk = 64
	n := call[compute.Node](t, c, in)
	if n.Extra["priority"] != "Spot" || n.Extra["zone"] != "2" || n.Extra["licenseType"] != "RHEL_BYOS" {
		t.Errorf("the node is %+v", n)
	}
	v := call[compute.Volume](t, c, compute.GetVolume{Volume: n.Volumes[0]})
	if v.Size != 64 || v.Type != "StandardSSD_LRS" || v.Node != n.ID || v.Extra["zone"] != "2" {
		t.Errorf("the root disk is %+v", v)
	}
	for what, extra := range map[string]map[string]any{"misspelt": {"spott": true}, "price without spot": {"max_price": 1.0}, "plan": {"plan": "x"}, "specialized": {"specialized": true, "admin_password": "x"}} {
		in := web
		in.Name, in.Extra = "other", extra
		if _, err := drivers.Call[compute.Node](t.Context(), c, in); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%s: want invalid_argument, got %v", what, err)
		}
	}
}

// A node in named subnets has no public address unless it shall; in the default
// network it has, unless it shall not.
func TestPublicAddress(t *testing.T) {
	s := azure.Start(t, 0)
	c := open(t, s, nil)
	no, yes := false, true
	state := func(name string, subnets []string, public *bool) int {
		in := web
		in.Name, in.Subnets, in.PublicAddress = name, subnets, public
		n := call[compute.Node](t, c, in)
		return len(call[compute.Node](t, c, compute.GetNode{Node: n.ID}).PublicIPs)
	}
	if n := state("default", nil, nil); n != 1 {
		t.Errorf("in the default network there are %d addresses", n)
	}
	if n := state("hidden", nil, &no); n != 0 {
		t.Errorf("without one, there are %d addresses", n)
	}
	subnets := []string{"default-westeurope/default"}
	if n := state("named", subnets, nil); n != 0 {
		t.Errorf("in a named subnet there are %d addresses", n)
	}
	if n := state("shown", subnets, &yes); n != 1 {
		t.Errorf("with one, there are %d addresses", n)
	}
}

// An address that is led to a node takes the place of the one that came with it.
func TestAssociateReplaces(t *testing.T) {
	s := azure.Start(t, 0)
	c := open(t, s, nil)
	n := call[compute.Node](t, c, web)
	a := call[compute.Address](t, c, compute.AllocateAddress{Name: "front"})
	perform(t, c, compute.AssociateAddress{Address: a.ID, Node: n.ID})
	if ips := s.Paths("publicIPAddresses"); !slices.Equal(ips, []string{"cloudlark/front"}) {
		t.Errorf("the addresses are %q", ips)
	}
	perform(t, c, compute.DestroyNode{Node: n.ID})
	if ips := s.Paths("publicIPAddresses"); !slices.Equal(ips, []string{"cloudlark/front"}) {
		t.Errorf("after the node is gone, the addresses are %q", ips)
	}
}

// An image that fails leaves no snapshot.
func TestFailedImage(t *testing.T) {
	s := azure.Start(t, 0)
	c := open(t, s, nil)
	n := call[compute.Node](t, c, web)
	s.Refuse(azure.Refusal{Method: "ImagesClient.BeginCreateOrUpdate", Fault: azure.Fault{Status: 409, Code: "ResourceQuotaExceeded", Message: "no more images"}})
	_, err := drivers.Call[compute.Image](t.Context(), c, compute.CreateImage{Node: n.ID, Name: "golden-2"})
	if op.KindOf(err) != op.QuotaExceeded {
		t.Errorf("want quota_exceeded, got %v", err)
	}
	if all := append(s.Paths("snapshots"), s.Paths("images")...); len(all) > 0 {
		t.Errorf("it left %q", all)
	}
}

// A security group that fails leaves no application security group.
func TestFailedSecurityGroup(t *testing.T) {
	for _, method := range []string{"ApplicationSecurityGroupsClient.BeginCreateOrUpdate", "SecurityGroupsClient.BeginCreateOrUpdate"} {
		s := azure.Start(t, 0)
		s.Fail(method, azure.Fault{Status: 400, Code: "InternalServerError", Message: "it did not work"})
		_, err := drivers.Call[compute.SecurityGroup](t.Context(), open(t, s, nil), compute.CreateSecurityGroup{Name: "web"})
		if op.KindOf(err) != op.Unavailable || len(left(s)) > 0 {
			t.Errorf("%s: there are %q, %v", method, left(s), err)
		}
	}
}

// A list of nodes costs the pages of four lists, not requests for each node.
func TestListCost(t *testing.T) {
	s := azure.Start(t, 4)
	c := open(t, s, nil)
	call[[]compute.Node](t, c, compute.CreateNodes{CreateNode: web, Count: 10})
	before := s.Requests()
	nodes := list[compute.Node](t, c, compute.ListNodes{})
	if len(nodes) != 10 || slices.ContainsFunc(nodes, func(n compute.Node) bool {
		return n.State != compute.NodeRunning || len(n.PublicIPs) != 1 || len(n.PrivateIPs) != 1
	}) {
		t.Errorf("the nodes are %+v", nodes)
	}
	cost := 0
	for method, n := range s.Requests() {
		cost += n - before[method]
	}
	if cost != 4*3 { // three pages of four items each
		t.Errorf("it took %d requests: %v", cost, s.Requests())
	}
}

// What is refused for its rate is asked for again within a list's page, as
// often as the call may.
func TestListRetries(t *testing.T) {
	s := azure.Start(t, 0)
	c := open(t, s, nil)
	call[compute.Node](t, c, web)
	s.Refuse(azure.Refusal{Method: "InterfacesClient.NewListAllPager", Times: 1, Fault: azure.Fault{Status: http.StatusTooManyRequests, Code: "TooManyRequests", Message: "x"}})
	if err := first(op.WithBudget(t.Context(), 1), c); err != nil {
		t.Error(err)
	}
	s.Refuse(azure.Refusal{Method: "InterfacesClient.NewListAllPager", Times: 1, Fault: azure.Fault{Status: http.StatusTooManyRequests, Code: "TooManyRequests", Message: "x"}})
	if err := first(t.Context(), c); op.KindOf(err) != op.RateLimited {
		t.Errorf("without retries: want rate_limited, got %v", err)
	}
}
