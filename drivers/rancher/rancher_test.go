package rancher

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
	"github.com/cloudlark/cloudlark/testdata/lab/rancher"
)

func opener(s *rancher.Server) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		config := map[string]any{"endpoint": s.URL, "token": rancher.Token}
		maps.Copy(config, over)
		c, err := Provider().Open(t.Context(), "rancher", config, chain...)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// TestConformance is the suite with a stand-in for Rancher in front of a real Kubernetes.
func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("a control plane is heavy")
	}
	k := lab.Kubernetes(t)
	s := rancher.Start(t, k.Behind(t, rancher.Token))
	// All its clusters are one, so that containers of one are seen in all.
	s.Hide("local")
	drivertest.Container(t, drivertest.Harness{
		Open:       opener(s),
		SmallPages: map[string]any{"page_size": 2}, PageSize: 2,
		OnePage:   []string{"list_clusters"}, // there are too few; TestClusters has more
		Lacks:     map[string]string{"log_line.stream": "Kubernetes writes what a container wrote into one log", "list_clusters.location": "Rancher does not say where clusters are"},
		PlainTags: true, UniqueNames: true,
		Native:       native.Call{Operation: "GET /v3/clusters"},
		NativeChange: "POST /v3/clusters",
		Image:        k.Image, Runs: true,
		Deviations: map[string]string{
			"refused/no_such_image":      "Kubernetes looks for an image when a pod starts: the container is in state error then",
			"not_found/deploy_container": "as refused/no_such_image",
		},
	})
}

// What Rancher's API answers is known without a Kubernetes.
func TestClusters(t *testing.T) {
	s := rancher.Start(t, nil)
	conn := opener(s)(t, map[string]any{"page_size": 2})
	defer conn.Close()
	create := func(in container.CreateCluster) (container.Cluster, error) {
		return drivers.Call[container.Cluster](t.Context(), conn, in)
	}
	c, err := create(container.CreateCluster{Name: "edge", Tags: map[string]string{"site": "harbour"}, Extra: map[string]any{"description": "at the quay"}})
	if err != nil {
		t.Fatal(err)
	}
	command, _ := c.Extra["registration"].(string)
	if c.State != container.Pending || !strings.HasPrefix(command, "kubectl apply -f ") || c.Tags["site"] != "harbour" || len(c.Tags) != 1 {
		t.Errorf("it is %+v", c)
	}
	for _, name := range []string{"a", "b", "c"} {
		if _, err := create(container.CreateCluster{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	for c, err := range drivers.List[container.Cluster](t.Context(), conn, container.ListClusters{}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; c.Version != "v1.37.2" || c.Nodes != 3 {
			t.Errorf("it is %+v", c)
		}
	}
	if seen != 5 {
		t.Errorf("there are %d clusters, in pages of two", seen)
	}
	pages := 0
	for _, err := range drivers.List[native.Answer](t.Context(), conn, native.Pages{Operation: "GET /v3/clusters", Arguments: map[string]any{"query": map[string]any{"limit": 2}}}) {
		if err != nil {
			t.Fatal(err)
		}
		pages++
	}
	if pages != 3 {
		t.Errorf("native has %d pages of two", pages)
	}
	_, err = create(container.CreateCluster{Name: "edge"})
	wantKind(t, err, op.AlreadyExists, "is not unique")
	_, err = create(container.CreateCluster{Name: "x", Nodes: 3})
	wantKind(t, err, op.InvalidArgument, "extra")
	wantKind(t, drivers.Do(t.Context(), conn, container.DestroyCluster{Cluster: "local"}), op.Conflict, "itself")
	wantKind(t, drivers.Do(t.Context(), conn, container.DestroyCluster{Cluster: "../tokens/x"}), op.NotFound)
}

// A cluster whose registration fails is taken back.
func TestTakenBack(t *testing.T) {
	s := rancher.Start(t, nil)
	conn := opener(s)(t, nil)
	defer conn.Close()
	s.Refuse(http.MethodPost, "/clusterregistrationtokens", http.StatusInternalServerError)
	_, err := drivers.Call[container.Cluster](t.Context(), conn, container.CreateCluster{Name: "half"})
	wantKind(t, err, op.Unavailable, "it cannot be done now")
	if names := s.Names(); len(names) != 2 { // "half" is being removed
		t.Errorf("there are %v", names)
	}
	if c, err := drivers.Call[container.Cluster](t.Context(), conn, container.GetCluster{Cluster: "c-m-00000001"}); err != nil || c.State != container.Terminated {
		t.Errorf("it left %+v, %v", c, err)
	}
	s.Refuse(http.MethodDelete, "/clusters/c-m-00000002", http.StatusInternalServerError)
	_, err = drivers.Call[container.Cluster](t.Context(), conn, container.CreateCluster{Name: "stuck"})
	wantKind(t, err, op.Unavailable, "c-m-00000002, made before, could not be removed")
}

func TestOpen(t *testing.T) {
	for _, name := range []string{"RANCHER_URL", "RANCHER_TOKEN", "RANCHER_ACCESS_KEY", "RANCHER_SECRET_KEY"} {
		t.Setenv(name, "")
	}
	s := rancher.Start(t, nil)
	count := func(config map[string]any) error {
		conn, err := Provider().Open(t.Context(), "rancher", config)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = drivers.Call[container.Cluster](t.Context(), conn, container.GetCluster{Cluster: "local"})
		return err
	}
	wantKind(t, count(nil), op.InvalidArgument, "RANCHER_URL")
	wantKind(t, count(map[string]any{"endpoint": s.URL}), op.Unauthenticated, "API key")
	wantKind(t, count(map[string]any{"endpoint": s.URL, "token": "token-x:wrong"}), op.Unauthenticated, "must authenticate")
	wantKind(t, count(map[string]any{"endpoint": "rancher.example", "token": "x"}), op.InvalidArgument)
	if err := count(map[string]any{"endpoint": s.URL + "/v3", "token": rancher.Token}); err != nil {
		t.Error(err)
	}
	t.Setenv("RANCHER_URL", s.URL+"/dashboard")
	access, secret, _ := strings.Cut(rancher.Token, ":")
	t.Setenv("RANCHER_ACCESS_KEY", access)
	t.Setenv("RANCHER_SECRET_KEY", secret)
	if err := count(nil); err != nil {
		t.Error(err)
	}
}

func wantKind(t *testing.T, err error, kind op.Kind, words ...string) {
	t.Helper()
	if op.KindOf(err) != kind {
		t.Fatalf("want an error of kind %s, got %v", kind, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the message does not have %q: %v", w, err)
		}
	}
}
