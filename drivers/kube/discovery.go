package kube

import (
	"context"
	"net/http"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// discovery is what the API server says that it has, as far as it was asked.
type discovery struct {
	mu       sync.Mutex
	versions map[string][]metav1.APIResource // by apiVersion
	release  string
}

// base is where the paths of an apiVersion begin: "v1", or "apps/v1".
func base(apiVersion string) string {
	if apiVersion == "v1" {
		return "/api/v1"
	}
	return "/apis/" + apiVersion
}

// resource is what a kind of an apiVersion is called in paths.
func (a *API) resource(ctx context.Context, apiVersion, kind string) (metav1.APIResource, error) {
	is := func(r metav1.APIResource) bool { return r.Kind == kind && !slices.Contains([]byte(r.Name), '/') }
	a.known.mu.Lock()
	known := a.known.versions[apiVersion]
	a.known.mu.Unlock()
	if i := slices.IndexFunc(known, is); i >= 0 {
		return known[i], nil
	}
	// It may have come since: a custom resource's definition may be of the same manifest.
	got, err := call[metav1.APIResourceList](ctx, a, request{method: http.MethodGet, path: base(apiVersion)})
	if op.KindOf(err) == op.NotFound {
		return metav1.APIResource{}, op.Errorf(op.InvalidArgument, "the API server has no apiVersion %q", apiVersion)
	}
	if err != nil {
		return metav1.APIResource{}, err
	}
	a.known.mu.Lock()
	if a.known.versions == nil {
		a.known.versions = map[string][]metav1.APIResource{}
	}
	a.known.versions[apiVersion] = got.APIResources
	a.known.mu.Unlock()
	if i := slices.IndexFunc(got.APIResources, is); i >= 0 {
		return got.APIResources[i], nil
	}
	return metav1.APIResource{}, op.Errorf(op.InvalidArgument, "apiVersion %q of the API server has no kind %q", apiVersion, kind)
}

// version is the API server's release: "v1.37.2".
func (a *API) version(ctx context.Context) (string, error) {
	a.known.mu.Lock()
	release := a.known.release
	a.known.mu.Unlock()
	if release != "" {
		return release, nil
	}
	v, err := call[struct {
		GitVersion string `json:"gitVersion"`
	}](ctx, a, request{method: http.MethodGet, path: "/version"})
	if err != nil {
		return "", err
	}
	a.known.mu.Lock()
	defer a.known.mu.Unlock()
	a.known.release = v.GitVersion
	return v.GitVersion, nil
}
