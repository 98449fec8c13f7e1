package google

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

// A create that fails after it was accepted, as nobody can be asked what
// became of it, leaves nothing and says that it can be called again.
func TestFailureHalfWay(t *testing.T) {
	creates := map[string]struct {
		in         any
		collection string
		asks       string
	}{
		"node":     {web, "instances", "compute.zoneOperations.get"},
		"nodes":    {compute.CreateNodes{CreateNode: web, Count: 3}, "instances", "compute.zoneOperations.get"},
		"volume":   {compute.CreateVolume{Name: "data", Size: 10}, "disks", "compute.zoneOperations.get"},
		"network":  {compute.CreateNetwork{Name: "net", CIDR: "10.0.0.0/16"}, "networks", "compute.globalOperations.wait"},
		"subnet":   {compute.CreateSubnet{Network: "default", Name: "sub", CIDR: "10.7.0.0/24"}, "subnetworks", "compute.regionOperations.wait"},
		"group":    {compute.CreateSecurityGroup{Name: "web"}, "firewalls", "compute.globalOperations.wait"},
		"address":  {compute.AllocateAddress{Name: "front"}, "addresses", "compute.regionOperations.wait"},
		"labels":   {compute.AllocateAddress{Name: "front", Tags: map[string]string{"a": "b"}}, "addresses", "compute.addresses.setLabels"},
		"image":    {compute.CopyImage{Image: "debian-cloud/family/debian-12", Name: "mine"}, "images", "compute.globalOperations.get"},
		"snapshot": {compute.CreateVolumeSnapshot{Volume: "us-central1-a/data", Name: "before"}, "snapshots", "compute.globalOperations.get"},

		"a node that cannot be read":     {web, "instances", "compute.instances.get"},
		"nodes that cannot be listed":    {compute.CreateNodes{CreateNode: web, Count: 3}, "instances", "compute.instances.list"},
		"a volume that cannot be read":   {compute.CreateVolume{Name: "data", Size: 10}, "disks", "compute.disks.get"},
		"a network that cannot be read":  {compute.CreateNetwork{Name: "net", CIDR: "10.0.0.0/16"}, "networks", "compute.networks.get"},
		"an image that cannot be read":   {compute.CopyImage{Image: "debian-cloud/family/debian-12", Name: "mine"}, "images", "compute.images.get"},
		"a snapshot that cannot be read": {compute.CreateVolumeSnapshot{Volume: "us-central1-a/data", Name: "before"}, "snapshots", "compute.snapshots.get"},
		"an address that cannot be read": {compute.AllocateAddress{Name: "front"}, "addresses", "compute.addresses.get"},
		"a subnet that cannot be read":   {compute.CreateSubnet{Network: "default", Name: "sub", CIDR: "10.7.0.0/24"}, "subnetworks", "compute.subnetworks.get"},
	}
	for what, k := range creates {
		t.Run(what, func(t *testing.T) {
			s := gce.Start(t)
			s.Put("projects/"+gce.Project+"/zones/us-central1-a/disks/data-0", map[string]any{"sizeGb": "10", "status": "READY"})
			if strings.Contains(what, "snapshot") {
				s.Put("projects/"+gce.Project+"/zones/us-central1-a/disks/data", map[string]any{"sizeGb": "10", "status": "READY"})
			}
			c := open(t, s, nil)
			before := s.Paths(k.collection)
			s.Refuse(gce.Refusal{Method: k.asks, Times: 1, Status: 503, Reason: "backendError", Message: "Backend Error"})
			o, _ := compute.Family.For(k.in)
			_, err := c.Do(t.Context(), o, k.in)
			if op.KindOf(err) != op.Conflict || !strings.Contains(err.Error(), "call it again") {
				t.Errorf("want a conflict that says to call again, got %v", err)
			}
			settle(t, c)
			if left := s.Paths(k.collection); !slices.Equal(left, before) {
				t.Errorf("it left %q, there was %q", left, before)
			}
			if _, err := c.Do(t.Context(), o, k.in); err != nil {
				t.Errorf("called again: %v", err)
			}
		})
	}
}

// settle makes requests until what was begun is done.
func settle(t *testing.T, c *drivers.Conn) {
	t.Helper()
	for range 3 {
		list[compute.Location](t, c, compute.ListLocations{})
	}
}

// With retries left, nothing fails, and what was asked for is made once.
func TestRetriesWithinACall(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	s.Refuse(gce.Refusal{Method: "compute.zoneOperations.get", Times: 1, Status: 503, Reason: "backendError"})
	s.Refuse(gce.Refusal{Method: "compute.instances.insert", Times: 1, Done: true, Status: 503, Reason: "backendError"})
	if _, err := drivers.Call[compute.Node](op.WithBudget(t.Context(), 2), c, web); err != nil {
		t.Fatal(err)
	}
	if all := s.Paths("instances"); len(all) != 1 {
		t.Errorf("there are %q", all)
	}
}

// Who gives up while a node is made has none.
func TestGivingUp(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// The retry waits as long as it is told to; meanwhile the caller goes.
	s.Refuse(gce.Refusal{Method: "compute.zoneOperations.get", Times: 1, Status: 503, Reason: "backendError", Header: http.Header{"Retry-After": {"50"}}})
	go func() {
		_ = op.Poll(t.Context(), 20*time.Millisecond, func(context.Context) (bool, error) {
			gone := s.Requests()["compute.zoneOperations.get"] > 0
			if gone {
				cancel()
			}
			return gone, nil
		})
	}()
	_, err := drivers.Call[compute.Node](op.WithBudget(ctx, 1), c, web)
	if op.KindOf(err) != op.Canceled {
		t.Errorf("want canceled, got %v", err)
	}
	settle(t, c)
	if left := s.Paths("instances"); len(left) > 0 {
		t.Errorf("it left %q", left)
	}
}

func TestIDs(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	n := call[compute.Node](t, c, web)
	if n.ID != "us-central1-a/web" {
		t.Errorf("the id is %s", n.ID)
	}
	for _, id := range []string{"us-central1-a/web", "web", "https://www.googleapis.com/compute/v1/projects/" + gce.Project + "/zones/us-central1-a/instances/web",
		"projects/" + gce.Project + "/zones/us-central1-a/instances/web", gce.Project + "/us-central1-a/web"} {
		if got := call[compute.Node](t, c, compute.GetNode{Node: id}); got.ID != n.ID {
			t.Errorf("%s is %s", id, got.ID)
		}
	}
	for _, id := range []string{"europe-west1-b/web", "a/b/c/d", "", "WEB", "us-central1-a/../web", "nowhere-1-z/web"} {
		if _, err := drivers.Call[compute.Node](t.Context(), c, compute.GetNode{Node: id}); op.KindOf(err) != op.NotFound && op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A region stands for a zone in it, and a subnet says where its nodes are.
func TestPlaces(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	in := web
	for location, zone := range map[string]string{"": "us-central1-a", "us-central1": "us-central1-a", "us-central1-b": "us-central1-b", "europe-west1": "europe-west1-b"} {
		in.Name, in.Location = "web-in-"+strings.ReplaceAll(location+"-x", "/", "-"), location
		if n := call[compute.Node](t, c, in); n.Location != zone {
			t.Errorf("in %q it is in %s, not %s", location, n.Location, zone)
		}
	}
	sub := call[compute.Subnet](t, c, compute.CreateSubnet{Network: call[compute.Network](t, c, compute.CreateNetwork{Name: "net"}).ID, Name: "sub",
		CIDR: "10.0.0.0/24", Location: "europe-west1-c"})
	if sub.ID != "europe-west1/sub" || sub.Location != "europe-west1" {
		t.Errorf("the subnet is %+v", sub)
	}
	in.Name, in.Location, in.Subnets = "inside", "", []string{sub.ID}
	if n := call[compute.Node](t, c, in); n.Location != "europe-west1-b" {
		t.Errorf("with a subnet of europe-west1 it is in %s", n.Location)
	}
	in.Name, in.Subnets, in.Networks = "also-inside", nil, []string{"net"}
	if _, err := drivers.Call[compute.Node](t.Context(), c, in); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("in a network without a subnet in us-central1: %v", err)
	}
	in.Location = "europe-west1-c"
	if n := call[compute.Node](t, c, in); !slices.Equal(n.Subnets, []string{sub.ID}) {
		t.Errorf("with a network of europe-west1 it is in the subnets %q", n.Subnets)
	}
	nowhere := open(t, s, map[string]any{"zone": ""})
	if _, err := drivers.Call[compute.Node](t.Context(), nowhere, web); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("without a zone: %v", err)
	}
	// Without a zone, the sizes are those of all zones, each once.
	var names []string
	for _, z := range list[compute.Size](t, nowhere, compute.ListSizes{}) {
		names = append(names, z.ID)
	}
	slices.Sort(names)
	if len(names) != 7 || len(slices.Compact(names)) != 7 {
		t.Errorf("the sizes of all zones are %q", names)
	}
}

func TestExtra(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	no := false
	in := web
	in.PublicAddress, in.RootDisk = &no, 20
	in.Extra = map[string]any{"service_account": "robot@example.com", "spot": true, "startup_script": "true", "root_disk_type": "pd-ssd", "description": "for the web"}
	n := call[compute.Node](t, c, in)
	if len(n.PublicIPs) != 0 || n.Extra["provisioningModel"] != "SPOT" || n.Extra["serviceAccount"] != "robot@example.com" {
		t.Errorf("it is %+v", n)
	}
	if v := call[compute.Volume](t, c, compute.GetVolume{Volume: n.Volumes[0]}); v.Size != 20 || v.Type != "pd-ssd" {
		t.Errorf("its root disk is %+v", v)
	}
	if many := call[[]compute.Node](t, c, compute.CreateNodes{CreateNode: in, Count: 2}); len(many) != 2 || many[1].Extra["provisioningModel"] != "SPOT" {
		t.Errorf("they are %+v", many)
	}
	in.Name, in.Extra = "other", map[string]any{"spott": true}
	if _, err := drivers.Call[compute.Node](t.Context(), c, in); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("a misspelled extra: %v", err)
	}
	in.Name, in.Extra, in.Tags = "other", nil, map[string]string{"Owner": "me"}
	if _, err := drivers.Call[compute.Node](t.Context(), c, in); op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), "lower-case") {
		t.Errorf("a tag in capitals: %v", err)
	}
}

// A list without what cannot be asked would mislead.
func TestUnreachableZone(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	for _, body := range []string{`{"unreachables": ["projects/p/zones/us-central1-b"]}`, `{"items": {"zones/us-central1-b": {"warning": {"code": "UNREACHABLE"}}}}`} {
		s.Refuse(gce.Refusal{Method: "compute.instances.aggregatedList", Times: 1, Status: 200, Body: body})
		if err := first(t.Context(), c); op.KindOf(err) != op.Unavailable || !strings.Contains(err.Error(), "us-central1-b") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// With reboot, the node is stopped while its disk is read, and runs again.
func TestImageOfStoppedNode(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	n := call[compute.Node](t, c, web)
	settle(t, c)
	i := call[compute.Image](t, c, compute.CreateImage{Node: n.ID, Name: "clean", Reboot: true})
	if i.ID != "clean" || i.Owner != gce.Project {
		t.Errorf("the image is %+v", i)
	}
	settle(t, c)
	if n = call[compute.Node](t, c, compute.GetNode{Node: n.ID}); n.State != compute.NodeRunning {
		t.Errorf("the node is %s", n.State)
	}
	if got := s.Requests(); got["compute.instances.stop"] != 1 || got["compute.instances.start"] != 1 {
		t.Errorf("the requests were %v", got)
	}
	perform(t, c, compute.DestroyNode{Node: n.ID})
}
