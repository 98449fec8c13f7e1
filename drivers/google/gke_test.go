package google

import (
	"maps"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

// gkeProvider is the driver "gke".
func gkeProvider(t testing.TB) *drivers.Provider {
	t.Helper()
	for _, p := range Providers() {
		if p.Name == "gke" {
			return p
		}
	}
	t.Fatal("there is no driver gke")
	return nil
}

func openGKEOn(s *gce.GKE) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		config := map[string]any{"endpoint": s.URL, "project": gce.Project, "access_token": gce.Token, "location": "us-central1"}
		maps.Copy(config, over)
		c, err := gkeProvider(t).Open(t.Context(), "gke", config, chain...)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// TestGKE is the suite with a stand-in for Google's API in front of a real Kubernetes.
func TestGKE(t *testing.T) {
	if testing.Short() {
		t.Skip("a control plane is heavy")
	}
	k := lab.Kubernetes(t)
	drivertest.Container(t, drivertest.Harness{
		Open:       openGKEOn(gce.StartGKE(t, k.Behind(t, gce.Token))),
		SmallPages: map[string]any{"page_size": 2}, PageSize: 2,
		OnePage:   []string{"list_clusters", "list_locations"}, // so does Google
		Lacks:     map[string]string{"log_line.stream": "Kubernetes writes what a container wrote into one log"},
		PlainTags: true, UniqueNames: true,
		Native:       native.Call{Operation: "GET /v1/projects/{project}/locations/-/clusters"},
		NativeChange: "POST /v1/projects/{project}/locations/us-central1/clusters",
		Image:        k.Image, Runs: true,
		Deviations: map[string]string{
			"refused/no_such_image":      "Kubernetes looks for an image when a pod starts: the container is in state error then",
			"not_found/deploy_container": "as refused/no_such_image",
		},
	})
}

// What Google's API answers is known without a Kubernetes.
func TestGKEClusters(t *testing.T) {
	s := gce.StartGKE(t, nil)
	conn := openGKEOn(s)(t, nil)
	defer conn.Close()
	if places := list[container.Location](t, conn, container.ListLocations{}); len(places) != 6 || places[0].ID != "europe-west1" || places[0].Extra["type"] != "REGION" || places[1].Extra["type"] != "ZONE" {
		t.Errorf("the locations are %+v", places)
	}
	create := func(in container.CreateCluster) (container.Cluster, error) {
		return drivers.Call[container.Cluster](t.Context(), conn, in)
	}
	c, err := create(container.CreateCluster{Name: "prod", Location: "europe-west1-b", Nodes: 3, Size: "e2-standard-4", Version: "1.37.1-gke.1", Tags: map[string]string{"team": "web"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != "europe-west1-b/prod" || c.State != container.Pending || c.Location != "europe-west1-b" {
		t.Errorf("it is %+v", c)
	}
	c, err = drivers.Call[container.Cluster](t.Context(), conn, container.GetCluster{Cluster: c.ID})
	if err != nil || c.Nodes != 3 || c.Version != "1.37.1-gke.1" || c.Tags["team"] != "web" {
		t.Errorf("it is %+v, %v", c, err)
	}
	auto, err := create(container.CreateCluster{Name: "auto", Extra: map[string]any{"autopilot": true, "release_channel": "STABLE"}})
	if err != nil || auto.ID != "us-central1/auto" || auto.Extra["autopilot"] != true || auto.Extra["release_channel"] != "STABLE" {
		t.Errorf("it is %+v, %v", auto, err)
	}
	for what, test := range map[string]struct {
		in   container.CreateCluster
		kind op.Kind
	}{
		"name taken":      {container.CreateCluster{Name: "auto"}, op.AlreadyExists},
		"autopilot nodes": {container.CreateCluster{Name: "x", Nodes: 2, Extra: map[string]any{"autopilot": true}}, op.InvalidArgument},
		"unknown field":   {container.CreateCluster{Name: "x", Extra: map[string]any{"cluster": map[string]any{"nonsense": 1}}}, op.InvalidArgument},
		"no location":     {container.CreateCluster{Name: "x", Location: "Mars!"}, op.NotFound},
	} {
		_, err := create(test.in)
		if op.KindOf(err) != test.kind {
			t.Errorf("%s: %v", what, err)
		}
	}
	// One that is not there yet cannot be spoken to, and says so.
	_, err = drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "x", Image: "x", Cluster: auto.ID})
	if op.KindOf(err) != op.Conflict {
		t.Errorf("deploying on a cluster that is being made: %v", err)
	}
	s.Forget("us-east1-b")
	for _, err := range drivers.List[container.Cluster](t.Context(), conn, container.ListClusters{}) {
		if op.KindOf(err) != op.Unavailable {
			t.Errorf("a list that lacks a zone: %v", err)
		}
	}
}
