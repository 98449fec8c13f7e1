package google

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

// What the portable operations lack: the kinds of disk that a zone has, a
// network's routing, numbers as numbers.
func TestNative(t *testing.T) {
	c := open(t, gce.Start(t), nil)
	ask := func(operation string, arguments map[string]any) (map[string]any, error) {
		a, err := drivers.Call[native.Answer](t.Context(), c, native.Call{Operation: operation, Arguments: arguments})
		v, _ := a.Value.(map[string]any)
		return v, err
	}
	v, err := ask("GET /projects/{project}/zones/us-central1-a/diskTypes", map[string]any{"query": map[string]any{"fields": "items(name)"}})
	if items, _ := v["items"].([]any); err != nil || len(items) != 3 {
		t.Errorf("the disk types are %v, %v", v, err)
	}
	v, err = ask("POST /projects/{project}/global/networks", map[string]any{"body": map[string]any{"name": "n", "autoCreateSubnetworks": false, "mtu": int64(1500)}})
	if err != nil || v["kind"] != "compute#operation" || v["progress"] != int64(0) {
		t.Errorf("the answer is %v, %v", v, err)
	}
	if n := list[compute.Network](t, c, compute.ListNetworks{Name: "n"}); len(n) != 1 || n[0].Extra["mtu"] != 1500 {
		t.Errorf("the network is %+v", n)
	}
	for operation, kind := range map[string]op.Kind{
		"GET /projects/{project}/global/networks/none":            op.NotFound,
		"GET /projects/other-project":                             op.NotFound,
		"GET https://example.com/steal":                           op.InvalidArgument,
		"GET http://compute.googleapis.com/compute/v1/projects/p": op.InvalidArgument,
		"GET https://evilgoogleapis.com/":                         op.InvalidArgument,
		"GET https://x@compute.googleapis.com/":                   op.InvalidArgument,
		"GET projects/p":                                          op.InvalidArgument,
	} {
		if _, err := ask(operation, nil); op.KindOf(err) != kind {
			t.Errorf("%s: want %s, got %v", operation, kind, err)
		}
	}
}

// Other services have the token too.
func TestNativeElsewhere(t *testing.T) {
	s, err := newSession(sessionConfig{AccessToken: gce.Token, Project: gce.Project})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.client.Transport = authorized{s.credentials, tripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.String() != "https://cloudresourcemanager.googleapis.com/v3/projects/"+gce.Project+"?view=FULL&x=1&x=2" || r.Header.Get("Authorization") != "Bearer "+gce.Token {
			t.Errorf("asked %s with %s", r.URL, r.Header.Get("Authorization"))
		}
		return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
	})}
	a, err := s.rest(t.Context(), "https://compute.googleapis.com/compute/v1/", "GET https://cloudresourcemanager.googleapis.com/v3/projects/{project}?view=FULL",
		map[string]any{"query": map[string]any{"x": []any{1, 2}}}, "")
	if err != nil || a.Value != nil {
		t.Errorf("the answer is %+v, %v", a, err)
	}
}
