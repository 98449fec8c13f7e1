// Package rancher is a stand-in for a Rancher server: of its API, version 3, the
// clusters and their registration, written from its documented schema, in front
// of a real Kubernetes. All its clusters are that one.
//
// A cluster that is made becomes active by itself, as if someone had run its
// registration command.
package rancher

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Token is the API key that a server takes.
const Token = "token-abc12:secret-of-the-test"

// A Server is a stand-in for Rancher with one cluster, "local".
type Server struct {
	URL string

	t          testing.TB
	kubernetes http.Handler

	mu       sync.Mutex
	clusters map[string]map[string]any // by id
	asked    map[string]int            // how often in the state that it is in
	made     int
	refusals map[string]int // statuses, by method and path
}

// Start starts a server, which ends with the test. What asks the clusters for
// something goes to kubernetes, with the API key.
func Start(t testing.TB, kubernetes http.Handler) *Server {
	t.Helper()
	s := &Server{t: t, kubernetes: kubernetes, clusters: map[string]map[string]any{}, asked: map[string]int{}, refusals: map[string]int{}}
	s.clusters["local"] = s.cluster("local", "local", "active")
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.URL = web.URL
	return s
}

// Refuse has requests of a method and path answered with a status.
func (s *Server) Refuse(method, path string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[method+" "+path] = status
}

// Hide has there be no such cluster.
func (s *Server) Hide(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clusters, id)
}

// Names lists the clusters that there are.
func (s *Server) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, c := range s.clusters {
		names = append(names, fmt.Sprint(c["name"]))
	}
	slices.Sort(names)
	return names
}

func (s *Server) cluster(id, name, state string) map[string]any {
	return map[string]any{"id": id, "type": "cluster", "baseType": "cluster", "name": name, "state": state, "driver": "imported", "provider": "k3s",
		"created": "2026-01-02T03:04:05Z", "createdTS": 1767323045000, "nodeCount": 3, "transitioning": "no", "transitioningMessage": "",
		"version": map[string]any{"gitVersion": "v1.37.2"}, "labels": map[string]any{"provider.cattle.io": "k3s"}}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id, ok := strings.CutPrefix(r.URL.Path, "/k8s/clusters/"); ok {
		id, _, _ = strings.Cut(id, "/")
		s.mu.Lock()
		c := s.clusters[id]
		s.mu.Unlock()
		switch {
		case r.Header.Get("Authorization") != "Bearer "+Token:
			s.fail(w, http.StatusUnauthorized, "Unauthorized", "must authenticate")
		case c == nil:
			s.fail(w, http.StatusNotFound, "NotFound", "failed to find cluster "+id)
		case c["state"] != "active":
			s.fail(w, http.StatusServiceUnavailable, "ClusterUnavailable", "cluster "+id+" is not available")
		default:
			http.StripPrefix("/k8s/clusters/"+id, s.kubernetes).ServeHTTP(w, r)
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve(w, r)
}

// serve answers for the API itself.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v3")
	if r.Header.Get("Authorization") != "Bearer "+Token {
		s.fail(w, http.StatusUnauthorized, "Unauthorized", "must authenticate")
		return
	}
	if status := s.refusals[r.Method+" "+path]; status != 0 {
		s.fail(w, status, "ServerError", "it cannot be done now")
		return
	}
	id, one := strings.CutPrefix(path, "/clusters/")
	switch {
	case path == "/clusters" && r.Method == http.MethodGet:
		s.list(w, r)
	case path == "/clusters" && r.Method == http.MethodPost:
		s.create(w, r)
	case path == "/clusterregistrationtokens" && r.Method == http.MethodPost:
		var in struct{ Type, ClusterID string }
		if json.NewDecoder(r.Body).Decode(&in) != nil || in.Type != "clusterRegistrationToken" || s.clusters[in.ClusterID] == nil {
			s.fail(w, http.StatusUnprocessableEntity, "InvalidReference", "clusterId")
			return
		}
		manifest := s.URL + "/v3/import/abc_" + in.ClusterID + ".yaml"
		answer(w, http.StatusCreated, map[string]any{"id": in.ClusterID + ":default-token", "type": "clusterRegistrationToken", "manifestUrl": manifest, "command": "kubectl apply -f " + manifest})
	case one && s.clusters[id] == nil:
		s.fail(w, http.StatusNotFound, "NotFound", "clusters.management.cattle.io \""+id+"\" not found")
	case one && r.Method == http.MethodGet:
		if c := s.step(id); c != nil {
			answer(w, http.StatusOK, c)
		} else {
			s.fail(w, http.StatusNotFound, "NotFound", "clusters.management.cattle.io \""+id+"\" not found")
		}
	case one && r.Method == http.MethodDelete:
		s.clusters[id]["state"], s.asked[id] = "removing", 0
		answer(w, http.StatusOK, s.clusters[id])
	default:
		s.fail(w, http.StatusNotFound, "NotFound", "not found")
	}
}

// step is a cluster that is looked at, which moves it on.
func (s *Server) step(id string) map[string]any {
	c := s.clusters[id]
	s.asked[id]++
	switch {
	case c["state"] == "pending" && s.asked[id] > 2:
		c["state"] = "active"
	case c["state"] == "removing" && s.asked[id] > 1:
		delete(s.clusters, id)
		return nil
	}
	return c
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	limit, _ := strconv.Atoi(query.Get("limit"))
	if limit <= 0 {
		limit = 1000
	}
	data := []any{}
	pagination := map[string]any{"limit": limit}
	for _, id := range slices.Sorted(maps.Keys(s.clusters)) {
		if name := query.Get("name"); name != "" && s.clusters[id]["name"] != name || id < query.Get("marker") {
			continue
		}
		if len(data) == limit {
			query.Set("marker", id)
			// Where Rancher believes itself to be is not always where it is reached.
			pagination["next"] = "https://rancher.internal.example/v3/clusters?" + query.Encode()
			break
		}
		if c := s.step(id); c != nil {
			data = append(data, c)
		}
	}
	answer(w, http.StatusOK, map[string]any{"type": "collection", "resourceType": "cluster", "data": data, "pagination": pagination})
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		s.fail(w, http.StatusUnprocessableEntity, "InvalidBodyContent", err.Error())
		return
	}
	name, _ := in["name"].(string)
	if name == "" {
		s.fail(w, http.StatusUnprocessableEntity, "MissingRequired", "name")
		return
	}
	for _, c := range s.clusters {
		if c["name"] == name {
			s.fail(w, http.StatusConflict, "NotUnique", "Cluster name ["+name+"] is not unique")
			return
		}
	}
	s.made++
	c := s.cluster(fmt.Sprintf("c-m-%08d", s.made), name, "pending")
	c["description"] = in["description"]
	if labels, ok := in["labels"].(map[string]any); ok {
		maps.Copy(c["labels"].(map[string]any), labels)
	}
	s.clusters[c["id"].(string)] = c
	answer(w, http.StatusCreated, c)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func (s *Server) fail(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]any{"baseType": "error", "type": "error", "status": status, "code": code, "message": message})
}
