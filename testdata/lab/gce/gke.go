package gce

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A GKE is a stand-in for Google Kubernetes Engine. Its requests and answers are
// held to Google's description of that API as those of Google Compute Engine are.
// All its clusters are one and the same Kubernetes.
type GKE struct {
	URL string // for the driver's endpoint

	t          testing.TB
	d          *discovery
	kubernetes *httptest.Server // where the clusters are

	mu       sync.Mutex
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
	g := &GKE{t: t, d: readDiscovery(t, "container/v1/container-api.json"), kubernetes: httptest.NewTLSServer(kubernetes), clusters: map[string]*gkeCluster{}}
	web := httptest.NewServer(g)
	t.Cleanup(func() {
		web.Close()
		g.kubernetes.Close()
	})
	g.URL = web.URL
	return g
}

func (g *GKE) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	fields, err := g.serve(r, body)
	var answer any = fields
	if f, ok := errors.AsType[*fault](err); ok {
		if !f.value {
			g.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		err = &apiError{http.StatusBadRequest, "badRequest", err.Error()}
	}
	status := http.StatusOK
	if err != nil {
		e := err.(*apiError)
		status, answer = e.status, errorBody(e)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		g.t.Logf("answering %s: %v", r.URL, err)
	}
}

func (g *GKE) serve(r *http.Request, body []byte) (map[string]any, error) {
	if r.Header.Get("Authorization") != "Bearer "+Token {
		return nil, &apiError{http.StatusUnauthorized, "authError", "Request had invalid authentication credentials."}
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	m, in := g.d.find(r.Method, path)
	if m == nil {
		return nil, &fault{where: r.URL.Path, what: "the API has no such method"}
	}
	if err := g.d.parameters(m, nil, r.URL.Query()); err != nil {
		return nil, err
	}
	var request map[string]any
	if m.Request != nil {
		v, err := decode(body)
		if err != nil {
			return nil, &fault{where: "body", what: err.Error()}
		}
		if err := g.d.check(m.Request, v, "resource", way{method: m.ID, request: true}); err != nil {
			return nil, err
		}
		request = v.(map[string]any)
	}
	if in["projectsId"] != Project {
		return nil, &apiError{http.StatusForbidden, "forbidden", fmt.Sprintf("Permission denied on resource project %s.", in["projectsId"])}
	}
	parent := "projects/" + Project + "/locations/" + in["locationsId"]
	name := parent + "/clusters/" + in["clustersId"]
	var answer map[string]any
	switch m.ID {
	case "container.projects.locations.clusters.list":
		answer = g.list(in["locationsId"], parent)
	case "container.projects.locations.clusters.get":
		c := g.step(name)
		if c == nil {
			return nil, gkeNotFound(name)
		}
		answer = c.fields
	case "container.projects.locations.clusters.create":
		cluster, _ := request["cluster"].(map[string]any)
		if err := g.create(parent, in["locationsId"], cluster); err != nil {
			return nil, err
		}
		answer = gkeOperation("CREATE_CLUSTER", in["locationsId"])
	case "container.projects.locations.clusters.delete":
		c := g.clusters[name]
		switch {
		case c == nil:
			return nil, gkeNotFound(name)
		case c.fields["status"] == "PROVISIONING":
			return nil, &apiError{http.StatusBadRequest, "failedPrecondition", fmt.Sprintf("Cluster %s is currently being created.", name)}
		}
		c.fields["status"], c.asked = "STOPPING", 0
		answer = gkeOperation("DELETE_CLUSTER", in["locationsId"])
	default:
		return nil, &apiError{http.StatusNotImplemented, "notImplemented", m.ID + " is not of this stand-in"}
	}
	plain, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	v, err := decode(plain)
	if err == nil {
		err = g.d.check(m.Response, v, "answer", way{method: m.ID})
	}
	return answer, err
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
