package gce

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A recorder takes what the server would fail its test for.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	errors := r.errors
	r.errors = nil
	return errors
}

// send makes a request as the SDK would.
func (s *Server) send(t *testing.T, verb, path, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), verb, s.URL+"/compute/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+Token)
	r.Header.Set("Content-Type", "application/json")
	if m, _ := s.d.find(verb, r.URL.Path[len("/compute/v1/"):]); m != nil {
		r.Header.Set("X-Goog-Api-Version", m.Version)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return resp.StatusCode, v
}

const (
	project = "projects/" + Project
	zone    = project + "/zones/us-central1-a"
)

func start(t *testing.T) (*Server, *recorder) {
	t.Helper()
	r := &recorder{TB: t}
	s := Start(t)
	s.t = r
	return s, r
}

// What Google's description does not allow is refused; what no user's input
// can cause fails the test besides.
func TestRequestsAreChecked(t *testing.T) {
	s, r := start(t)
	instance := func(fields string) string {
		return `{"name": "n", "machineType": "zones/us-central1-a/machineTypes/e2-micro", "networkInterfaces": [{"network": "global/networks/default"}],
			"disks": [{"boot": true, "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/family/debian-12"}}]` + fields + `}`
	}
	if status, v := s.send(t, "POST", zone+"/instances", instance("")); status != 200 || len(r.take()) > 0 {
		t.Fatalf("a right request: %d, %v", status, v)
	}
	for what, k := range map[string]struct {
		verb, path, body string
		defect           bool
	}{
		"no such method":           {"GET", zone + "/instances/n/explode", "", true},
		"no such verb":             {"PATCH", zone, "", true},
		"no such parameter":        {"GET", zone + "/instances?returnPartialSuccess=true", "", true},
		"parameter of a type":      {"GET", zone + "/instances?maxResults=many", "", true},
		"parameter out of range":   {"GET", zone + "/instances?maxResults=-1", "", true},
		"too large a page":         {"GET", zone + "/instances?maxResults=501", "", false},
		"parameter twice":          {"GET", zone + "/instances?maxResults=1&maxResults=2", "", true},
		"boolean parameter":        {"POST", project + "/global/images?forceCreate=perhaps", `{"name": "i"}`, true},
		"missing parameter":        {"POST", zone + "/instances/n/detachDisk", "", true},
		"path parameter's pattern": {"GET", project + "/zones/US/instances", "", false},
		"a body that is not taken": {"POST", zone + "/instances/n/stop", "{}", true},
		"no body":                  {"POST", zone + "/instances", "", true},
		"no JSON":                  {"POST", zone + "/instances", "{", true},
		"two values":               {"POST", zone + "/instances", "{}{}", true},
		"no object":                {"POST", zone + "/instances", "[]", true},
		"unknown field":            {"POST", zone + "/instances", instance(`, "colour": "red"`), true},
		"unknown inner field":      {"POST", zone + "/instances", instance(`, "tags": {"item": []}`), true},
		"text for a boolean":       {"POST", zone + "/instances", instance(`, "canIpForward": "yes"`), true},
		"number for a text":        {"POST", zone + "/instances", instance(`, "description": 1`), true},
		"number for an int64":      {"POST", zone + "/disks", `{"name": "d", "sizeGb": 10}`, true},
		"word for an int64":        {"POST", zone + "/disks", `{"name": "d", "sizeGb": "ten"}`, true},
		"fraction for an integer":  {"POST", project + "/global/networks", `{"name": "n", "autoCreateSubnetworks": false, "mtu": 1.5}`, true},
		"large for an int32":       {"POST", project + "/global/networks", `{"name": "n", "autoCreateSubnetworks": false, "mtu": 4294967296}`, true},
		"no base64":                {"POST", zone + "/instances/n/setLabels", `{"labelFingerprint": "?"}`, true},
		"null":                     {"POST", zone + "/instances", instance(`, "description": null`), true},
		"value in a map":           {"POST", zone + "/instances", instance(`, "labels": {"a": 1}`), true},
		"read-only field":          {"POST", zone + "/instances", instance(`, "status": "RUNNING"`), true},
		"field of answers alone":   {"POST", zone + "/instances", `{"name": "m", "networkInterfaces": [{"name": "nic0"}]}`, true},
		"pattern":                  {"POST", zone + "/instances", strings.Replace(instance(""), `"n"`, `"N"`, 1), false},
		"pattern of list items":    {"POST", zone + "/instances", instance(`, "tags": {"items": ["A"]}`), false},
		"enumeration":              {"POST", project + "/global/firewalls", `{"name": "f", "direction": "UP"}`, false},
		"required field":           {"POST", project + "/global/firewalls", `{"direction": "INGRESS"}`, false},
		"unknown field in a mask":  {"GET", zone + "/instances?fields=items(names)", "", true},
		"open mask":                {"GET", zone + "/instances?fields=items(name", "", true},
		"unknown field in filter":  {"GET", zone + "/instances?filter=" + `(nam%20=%20%22n%22)`, "", true},
		"nonsense for a filter":    {"GET", zone + "/instances?filter=n", "", true},
		"labels of new addresses":  {"POST", project + "/regions/us-central1/addresses", `{"name": "a", "labels": {"a": "b"}}`, true},
	} {
		t.Run(what, func(t *testing.T) {
			status, v := s.send(t, k.verb, k.path, k.body)
			if status != http.StatusBadRequest {
				t.Errorf("answered with %d, %v", status, v)
			}
			if errors := r.take(); (len(errors) > 0) != k.defect {
				t.Errorf("the test would fail for %q", errors)
			}
		})
	}
}

func TestVersionAndToken(t *testing.T) {
	s, r := start(t)
	for _, k := range []struct {
		token, version string
		status         int
	}{{"other", "", 401}, {Token, "2020-01-01", 400}} {
		q, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/compute/v1/"+zone+"/instances", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+k.token)
		q.Header.Set("X-Goog-Api-Version", k.version)
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != k.status {
			t.Errorf("%+v: %d", k, resp.StatusCode)
		}
	}
	if errors := r.take(); len(errors) != 1 {
		t.Errorf("the test would fail for %q", errors)
	}
}

// Operations are seen pending, running and done; answers have what was asked for.
func TestOperations(t *testing.T) {
	s, r := start(t)
	_, o := s.send(t, "POST", zone+"/disks?requestId=11111111-1111-1111-1111-111111111111", `{"name": "d", "sizeGb": "10"}`)
	states := []any{o["status"]}
	for range 2 {
		_, o := s.send(t, "GET", zone+"/operations/"+o["name"].(string), "")
		states = append(states, o["status"])
	}
	if fmt.Sprint(states) != "[PENDING RUNNING DONE]" {
		t.Errorf("the operation was %v", states)
	}
	if _, same := s.send(t, "POST", zone+"/disks?requestId=11111111-1111-1111-1111-111111111111", `{"name": "d", "sizeGb": "10"}`); same["name"] != o["name"] {
		t.Errorf("the same request began %v, then %v", o["name"], same["name"])
	}
	if status, _ := s.send(t, "POST", zone+"/disks?requestId=22222222-1111-1111-1111-111111111111", `{"name": "d", "sizeGb": "10"}`); status != http.StatusConflict {
		t.Errorf("another request for the same name: %d", status)
	}
	_, d := s.send(t, "GET", zone+"/disks/d?fields=name,sizeGb,labels(a)", "")
	if len(d) != 2 || d["sizeGb"] != "10" {
		t.Errorf("name and sizeGb are %v", d)
	}
	if errors := r.take(); len(errors) > 0 {
		t.Errorf("%q", errors)
	}
}

// What is made of a resource that is used by another stays.
func TestInUse(t *testing.T) {
	s, _ := start(t)
	for _, path := range []string{project + "/global/networks/default", project + "/zones/nowhere-1-a/disks/x", project + "/global/images/none"} {
		status, v := s.send(t, "DELETE", path, "")
		if status < 400 {
			t.Errorf("%s: %d %v", path, status, v)
		}
	}
	if status, _ := s.send(t, "DELETE", "projects/debian-cloud/global/images/debian-12-bookworm-v20261020", ""); status != http.StatusForbidden {
		t.Errorf("another project's image: %d", status)
	}
}
