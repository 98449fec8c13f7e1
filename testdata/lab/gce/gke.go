package gce

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// A GKE is a stand-in for Google Kubernetes Engine. All its clusters are one and the same Kubernetes.
type GKE struct {
	URL string // for the driver's endpoint

	described
	kubernetes *httptest.Server // where the clusters are

	clusters map[string]*gkeCluster // by the API's name
	missing  []string               // zones that lists lack
}

type gkeCluster struct {
	fields map[string]any
	asked  int // how often it was looked at in the state that it is in
}

// StartGKE starts a server without clusters, which ends with the test. What asks
// the clusters for something goes to kubernetes, with the access token.
func StartGKE(t testing.TB, kubernetes http.Handler) *GKE {
	t.Helper()
	g := &GKE{kubernetes: httptest.NewTLSServer(kubernetes), clusters: map[string]*gkeCluster{}}
	g.described = described{t: t, docs: []*discovery{readDiscovery(t, "container/v1/container-api.json"), readDiscovery(t, "container/v1beta1/container-api.json")}, answer: g.serve}
	web := httptest.NewServer(g)
	t.Cleanup(func() {
		web.Close()
		g.kubernetes.Close()
	})
	g.URL = web.URL
	return g
}

func (g *GKE) serve(c *request) (any, error) {
	location := c.in["locationsId"]
	parent := "projects/" + Project + "/locations/" + location
	name := parent + "/clusters/" + c.in["clustersId"]
	switch c.method {
	case "container.projects.locations.list":
		return gkeLocations(), nil
	case "container.projects.locations.clusters.list":
		return g.list(location, parent), nil
	case "container.projects.locations.clusters.get":
		cluster := g.step(name)
		if cluster == nil {
			return nil, gkeNotFound(name)
		}
		return cluster.fields, nil
	case "container.projects.locations.clusters.create":
		cluster, _ := c.body["cluster"].(map[string]any)
		return gkeOperation("CREATE_CLUSTER", location), g.create(parent, location, cluster)
	case "container.projects.locations.clusters.delete":
		cluster := g.clusters[name]
		switch {
		case cluster == nil:
			return nil, gkeNotFound(name)
		case cluster.fields["status"] == "PROVISIONING":
			return nil, &apiError{http.StatusBadRequest, "failedPrecondition", fmt.Sprintf("Cluster %s is currently being created.", name)}
		}
		cluster.fields["status"], cluster.asked = "STOPPING", 0
		return gkeOperation("DELETE_CLUSTER", location), nil
	}
	return nil, c.missing()
}

// gkeLocations are the zones that there are, and their regions.
func gkeLocations() map[string]any {
	var all []any
	add := func(name, kind string) {
		all = append(all, map[string]any{"name": "projects/" + Project + "/locations/" + name, "type": kind, "recommended": strings.HasPrefix(name, "us-central1")})
	}
	seen := map[string]bool{}
	for _, z := range zones {
		if region := z[:strings.LastIndexByte(z, '-')]; !seen[region] {
			seen[region] = true
			add(region, "REGION")
		}
		add(z, "ZONE")
	}
	return map[string]any{"locations": all}
}

func gkeNotFound(name string) error {
	return &apiError{http.StatusNotFound, "notFound", "Not found: " + name + "."}
}

func gkeOperation(kind, location string) map[string]any {
	return map[string]any{"name": "operation-1", "operationType": kind, "status": "RUNNING", "location": location}
}

// step is a cluster that is looked at, which moves it on; nil if there is none.
func (g *GKE) step(name string) *gkeCluster {
	c := g.clusters[name]
	if c == nil {
		return nil
	}
	c.asked++
	switch {
	case c.fields["status"] == "PROVISIONING" && c.asked > 2:
		c.fields["status"] = "RUNNING"
		c.fields["endpoint"] = g.kubernetes.Listener.Addr().String()
		certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.kubernetes.Certificate().Raw})
		c.fields["masterAuth"] = map[string]any{"clusterCaCertificate": base64.StdEncoding.EncodeToString(certificate)}
	case c.fields["status"] == "STOPPING" && c.asked > 1:
		delete(g.clusters, name)
		return nil
	}
	return c
}

func (g *GKE) list(location, parent string) map[string]any {
	var out []any
	for _, name := range slices.Sorted(maps.Keys(g.clusters)) {
		if location == "-" || strings.HasPrefix(name, parent+"/") {
			if c := g.step(name); c != nil {
				out = append(out, c.fields)
			}
		}
	}
	answer := map[string]any{"clusters": out}
	if out == nil {
		delete(answer, "clusters")
	}
	if g.missing != nil {
		answer["missingZones"] = g.missing
	}
	return answer
}

func (g *GKE) create(parent, location string, cluster map[string]any) error {
	id, _ := cluster["name"].(string)
	name := parent + "/clusters/" + id
	nodes := 0
	if pools, ok := cluster["nodePools"].([]any); ok {
		for _, p := range pools {
			count, _ := p.(map[string]any)["initialNodeCount"].(json.Number)
			n, _ := count.Int64()
			nodes += int(n)
		}
	}
	autopilot, _ := cluster["autopilot"].(map[string]any)
	switch {
	case id == "":
		return &apiError{http.StatusBadRequest, "badRequest", "Cluster.name is required."}
	case g.clusters[name] != nil:
		return &apiError{http.StatusConflict, "alreadyExists", "Already exists: " + name + "."}
	case nodes == 0 && autopilot["enabled"] != true:
		return &apiError{http.StatusBadRequest, "badRequest", "Cluster.initial_node_count must be greater than zero."}
	}
	fields := maps.Clone(cluster)
	version, _ := fields["initialClusterVersion"].(string)
	if version == "" {
		version = "1.37.2-gke.100"
	}
	maps.Copy(fields, map[string]any{"status": "PROVISIONING", "location": location, "currentMasterVersion": version, "currentNodeCount": nodes,
		"createTime": "2026-01-02T03:04:05+00:00", "selfLink": "https://container.googleapis.com/v1/" + name})
	g.clusters[name] = &gkeCluster{fields: fields}
	return nil
}

// Forget has lists say that they lack what is in these zones, as Google does when
// it cannot reach them.
func (g *GKE) Forget(zones ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.missing = zones
}
