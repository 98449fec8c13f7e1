package azure

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
	"github.com/cloudlark/cloudlark/testdata/lab/azure"
)

// TestAKS is the suite with the stand-in for Azure in front of a real Kubernetes.
func TestAKS(t *testing.T) {
	if testing.Short() {
		t.Skip("a control plane is heavy")
	}
	k := lab.Kubernetes(t)
	s := azure.Start(t, 0)
	s.Kubernetes(k.Behind(t, azure.ClusterToken))
	drivertest.Container(t, drivertest.Harness{
		Open:       opener(s, provider(t, container.Family)),
		SmallPages: map[string]any{"page_size": 2}, PageSize: 2,
		OnePage:      []string{"list_clusters", "list_locations"}, // Azure decides how many are on a page
		Lacks:        map[string]string{"log_line.stream": "Kubernetes writes what a container wrote into one log"},
		PlainTags:    true,
		UniqueNames:  true,
		Native:       native.Call{Operation: "GET /subscriptions/{subscription}", Arguments: map[string]any{"query": map[string]any{"api-version": "2022-12-01"}}},
		NativeChange: "DELETE /subscriptions/{subscription}/resourceGroups/{resource_group}/providers/Microsoft.ContainerService/managedClusters/web",
		Image:        k.Image, Runs: true,
		Deviations: map[string]string{
			"refused/no_such_image":      "Kubernetes looks for an image when a pod starts: the container is in state error then",
			"not_found/deploy_container": "as refused/no_such_image",
		},
	})
}

// What Azure answers is known without a Kubernetes.
func TestAKSClusters(t *testing.T) {
	s := azure.Start(t, 2)
	s.Kubernetes(http.NotFoundHandler())
	conn := opener(s, provider(t, container.Family))(t, nil)
	defer conn.Close()
	create := func(in container.CreateCluster) (container.Cluster, error) {
		return drivers.Call[container.Cluster](t.Context(), conn, in)
	}
	c, err := create(container.CreateCluster{Name: "prod", Location: "France Central", Nodes: 3, Size: "Standard_D4s_v5", Version: "1.32", Tags: map[string]string{"team": "web"},
		Extra: map[string]any{"tier": "Standard", "zones": []any{"1", "2"}}})
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != "cloudlark/prod" || c.State != container.Pending || c.Location != "francecentral" || c.Nodes != 3 || c.Tags["team"] != "web" || len(c.Tags) != 1 {
		t.Errorf("it is %+v", c)
	}
	// One that is not there yet cannot be spoken to, and says so.
	pending, err := create(container.CreateCluster{Name: "with_under.score"})
	if err != nil {
		t.Fatal(err)
	}
	s.Fail("ManagedClustersClient.BeginCreateOrUpdate", azure.Fault{Status: 400, Code: "QuotaExceeded", Message: "no cores"})
	failed, err := create(container.CreateCluster{Name: "failed"})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]container.State{c.ID: container.Running, pending.ID: container.Running, failed.ID: container.Error} {
		got := call[container.Cluster](t, conn, container.GetCluster{Cluster: id})
		if got.State != want || got.CreatedAt.IsZero() || want == container.Running && !strings.HasPrefix(got.Endpoint, "https://") {
			t.Errorf("it should be %s, and is %+v", want, got)
		}
	}
	if c = call[container.Cluster](t, conn, container.GetCluster{Cluster: "prod"}); c.Version != "1.32.2" || c.Extra["tier"] != "Standard" {
		t.Errorf("it is %+v", c)
	}
	n := 0
	for v, err := range drivers.List[container.Cluster](t.Context(), conn, container.ListClusters{}) {
		if err != nil || v.Name == "" {
			t.Errorf("%+v, %v", v, err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("in pages of two there are %d clusters", n)
	}
	s.Stop("prod")
	if _, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "x", Image: "x", Cluster: c.ID}); op.KindOf(err) != op.Conflict || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("deploying on a cluster that is stopped: %v", err)
	}
	for what, test := range map[string]struct {
		in   container.CreateCluster
		kind op.Kind
	}{
		"name taken":     {container.CreateCluster{Name: "prod"}, op.AlreadyExists},
		"name":           {container.CreateCluster{Name: "a b"}, op.InvalidArgument},
		"nodes":          {container.CreateCluster{Name: "x", Nodes: -1}, op.InvalidArgument},
		"unknown extra":  {container.CreateCluster{Name: "x", Extra: map[string]any{"nonsense": 1}}, op.InvalidArgument},
		"no version":     {container.CreateCluster{Name: "x", Version: "9"}, op.InvalidArgument},
		"no such place":  {container.CreateCluster{Name: "x", Location: "mars"}, op.InvalidArgument},
		"no such subnet": {container.CreateCluster{Name: "x", Extra: map[string]any{"subnet": "none/none"}}, op.NotFound},
	} {
		if _, err := create(test.in); op.KindOf(err) != test.kind {
			t.Errorf("%s: %v", what, err)
		}
	}
	if all := list[container.Location](t, conn, container.ListLocations{}); len(all) != 3 {
		t.Errorf("the locations are %+v", all)
	}
	nodes := opener(s, provider(t, compute.Family))(t, nil)
	defer nodes.Close()
	if all := list[compute.Location](t, nodes, compute.ListLocations{}); len(all) != 3 {
		t.Errorf("of compute they are %+v", all)
	}
}

// counting is a credential whose tokens are for one scope, and end soon or late.
type counting struct {
	scopes []string
	ends   time.Duration
}

func (c *counting) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.scopes = append(c.scopes, o.Scopes...)
	return azcore.AccessToken{Token: "entra-token", ExpiresOn: time.Now().Add(c.ends)}, nil
}

// A cluster with Entra ID gets a token for clusters, of the connection's own
// credentials: no program is run, and what is for Azure does not go there.
func TestAKSEntra(t *testing.T) {
	s := azure.Start(t, 0)
	var shown []string
	s.Kubernetes(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"kind": "DeploymentList", "items": []}`))
	}))
	open := opener(s, provider(t, container.Family))
	conn, admin := open(t, nil), open(t, map[string]any{"admin": true})
	defer conn.Close()
	defer admin.Close()
	c := call[container.Cluster](t, conn, container.CreateCluster{Name: "prod", Extra: map[string]any{"entra_groups": []any{"00000000-0000-0000-0000-000000000001"}}})
	if c = call[container.Cluster](t, conn, container.GetCluster{Cluster: c.ID}); c.State != container.Running || c.Extra["entraID"] != true {
		t.Errorf("it is %+v", c)
	}
	look := func(c *drivers.Conn) error {
		_, err := drivers.Call[native.Answer](t.Context(), c, native.Call{Operation: "GET /apis/apps/v1/deployments", Arguments: map[string]any{"cluster": "cloudlark/prod"}})
		return err
	}
	if err := look(conn); op.KindOf(err) != op.Unauthenticated || !strings.Contains(err.Error(), "access_token") || len(shown) > 0 {
		t.Errorf("with a token for Azure: %v; the cluster was shown %q", err, shown)
	}
	if err := look(admin); err != nil || strings.Join(shown, " ") != "Bearer "+azure.ClusterToken {
		t.Errorf("as the administrator: %v; the cluster was shown %q", err, shown)
	}
	for ends, asked := range map[time.Duration]int{time.Hour: 1, time.Minute: 3} {
		credential := &counting{ends: ends}
		signed := open(t, nil)
		defer signed.Close()
		signed.Driver().(*aksDriver).credential = credential // Azure itself takes the server's token alone
		shown = nil
		for range 3 {
			if err := look(signed); err != nil {
				t.Error(err)
			}
		}
		if len(credential.scopes) != asked || credential.scopes[0] != aksServer+"/.default" || len(shown) != 3 || shown[2] != "Bearer entra-token" {
			t.Errorf("asked for tokens of %q, the cluster was shown %q", credential.scopes, shown)
		}
	}
}
