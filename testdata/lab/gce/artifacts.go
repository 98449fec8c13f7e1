package gce

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/testdata/lab"
)

// An Artifacts is a stand-in for Google Artifact Registry: its API, in front of a
// registry that others wrote, in memory. What is pushed there the API lists, and
// what it deletes is gone there.
//
// Who comes to the registry gets a token for it with the access token, as the
// user oauth2accesstoken, and may push into a repository that is there.
type Artifacts struct {
	URL      string // for the driver's endpoint
	Registry string // host and port: the registry of europe-west1

	described
	store http.Handler

	repositories map[string]map[string]any // by the API's name
	packages     map[string][]*artifact    // by the API's name
	login        int                       // how often the tokens of the registry have become invalid
	refuse       map[string]any            // the error of the next operation
}

type artifact struct {
	digest, mediaType string
	tags              []string
	size              int64
}

// ArtifactsLocation is the location that an Artifacts has a registry for.
const ArtifactsLocation = "europe-west1"

// StartArtifacts starts a server, which ends with the test, with an empty repository
// for Docker, "web", and others that lists of images are not to ask.
func StartArtifacts(t testing.TB) *Artifacts {
	t.Helper()
	a := &Artifacts{repositories: map[string]map[string]any{}, packages: map[string][]*artifact{}}
	a.described = described{t: t, docs: []*discovery{readDiscovery(t, "artifactregistry/v1/artifactregistry-api.json")}, answer: a.serve}
	a.Registry = lab.Registry(t, "127.0.0.1", func(next http.Handler) http.Handler {
		a.store = next
		return http.HandlerFunc(a.protocol)
	})
	web := httptest.NewServer(a)
	t.Cleanup(web.Close)
	a.URL = web.URL
	a.Repository("web", map[string]any{"format": "DOCKER"})
	a.Repository("all", map[string]any{"format": "DOCKER", "mode": "VIRTUAL_REPOSITORY"})
	a.Repository("libraries", map[string]any{"format": "MAVEN"})
	return a
}

// Repository makes a repository.
func (a *Artifacts) Repository(id string, fields map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := artifactsParent + "/repositories/" + id
	fields = maps.Clone(fields)
	maps.Copy(fields, map[string]any{"name": name, "createTime": "2026-01-02T03:04:05.123456Z", "registryUri": a.Registry + "/" + Project + "/" + id})
	fields["mode"] = cmp.Or(fields["mode"], any("STANDARD_REPOSITORY"))
	a.repositories[name] = fields
}

// Expire makes the registry's tokens invalid, as an hour does.
func (a *Artifacts) Expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.login++
}

// FailNext has the next operation fail with a code of google.rpc.Code.
func (a *Artifacts) FailNext(code int, message string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuse = map[string]any{"code": code, "message": message}
}

const artifactsParent = "projects/" + Project + "/locations/" + ArtifactsLocation

// packageOf is the API's name of a registry's repository "project/repository/image".
func packageOf(own string) (repository, name string) {
	parts := strings.SplitN(own, "/", 3)
	if len(parts) < 3 || parts[0] != Project {
		return "", ""
	}
	repository = artifactsParent + "/repositories/" + parts[1]
	return repository, repository + "/packages/" + strings.ReplaceAll(parts[2], "/", "%2F")
}

// protocol is the registry.
func (a *Artifacts) protocol(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	refuse := func(status int, code, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
	}
	valid := fmt.Sprintf("registry-token-%d", a.login)
	switch user, password, _ := r.BasicAuth(); {
	case r.URL.Path == "/v2/token" && (user != "oauth2accesstoken" || password != Token):
		refuse(http.StatusUnauthorized, "UNAUTHORIZED", "authentication failed")
		return
	case r.URL.Path == "/v2/token":
		fmt.Fprintf(w, `{"token":%q,"expires_in":3600}`, valid)
		return
	case r.Header.Get("Authorization") != "Bearer "+valid:
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/v2/token",service=%q`, r.Host, r.Host))
		refuse(http.StatusUnauthorized, "UNAUTHORIZED", "Unauthenticated request.")
		return
	}
	if r.URL.Path == "/v2/" {
		a.store.ServeHTTP(w, r)
		return
	}
	own := strings.TrimPrefix(r.URL.Path, "/v2/")
	reference := ""
	for _, part := range []string{"/manifests/", "/blobs/", "/tags/"} {
		if before, after, ok := strings.Cut(own, part); ok {
			if own = before; part == "/manifests/" {
				reference = after
			}
		}
	}
	repository, name := packageOf(own)
	switch {
	case name == "":
		refuse(http.StatusForbidden, "DENIED", fmt.Sprintf("Permission denied on resource %q (or it may not exist)", own))
		return
	case a.repositories[repository] == nil:
		refuse(http.StatusNotFound, "NAME_UNKNOWN", fmt.Sprintf("Repository %q not found", path.Base(repository)))
		return
	}
	if reference != "" && r.Method == http.MethodPut {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client went away
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		a.pushed(name, reference, r.Header.Get("Content-Type"), body)
	}
	a.store.ServeHTTP(w, r)
}

// pushed writes down what the lists are to show.
func (a *Artifacts) pushed(name, reference, mediaType string, manifest []byte) {
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(manifest))
	if reference != digest {
		for _, i := range a.packages[name] {
			i.tags = slices.DeleteFunc(i.tags, func(tag string) bool { return tag == reference })
		}
	}
	n := slices.IndexFunc(a.packages[name], func(i *artifact) bool { return i.digest == digest })
	if n < 0 {
		var m struct {
			Config struct{ Size int64 }
			Layers []struct{ Size int64 }
		}
		_ = json.Unmarshal(manifest, &m) // the registry says what it thinks of it
		size := m.Config.Size
		for _, l := range m.Layers {
			size += l.Size
		}
		n = len(a.packages[name])
		a.packages[name] = append(a.packages[name], &artifact{digest: digest, mediaType: mediaType, size: size})
	}
	if reference != digest {
		a.packages[name][n].tags = append(a.packages[name][n].tags, reference)
	}
}

// remove has the registry forget a manifest by its digest or tag.
func (a *Artifacts) remove(name, reference string) {
	parts := strings.Split(name, "/")
	target := "/v2/" + Project + "/" + parts[5] + "/" + strings.ReplaceAll(parts[7], "%2F", "/") + "/manifests/" + reference
	w := httptest.NewRecorder()
	a.store.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, target, nil))
	if w.Code != http.StatusAccepted {
		a.t.Errorf("deleting %s in the registry: %d %s", target, w.Code, w.Body)
	}
}

func (a *Artifacts) serve(c *request) (any, error) {
	parent := "projects/" + Project + "/locations/" + c.in["locationsId"]
	repository := parent + "/repositories/" + c.in["repositoriesId"]
	name := repository + "/packages/" + c.in["packagesId"]
	const prefix = "artifactregistry.projects.locations."
	method := strings.TrimPrefix(c.method, prefix)
	absent := func(name string) error {
		return &apiError{http.StatusNotFound, "notFound", fmt.Sprintf("Requested entity %q was not found.", name)}
	}
	if id := c.in["repositoriesId"]; id != "" && a.repositories[repository] == nil {
		return nil, absent(repository)
	}
	if id := c.in["packagesId"]; id != "" && a.packages[name] == nil {
		return nil, absent(name)
	}
	switch method {
	case "list":
		var all []any
		for _, id := range []string{"asia", "europe", "europe-west1", "us", "us-central1"} {
			all = append(all, map[string]any{"locationId": id, "name": "projects/" + Project + "/locations/" + id, "displayName": strings.ToUpper(id)})
		}
		return c.page("locations", all), nil
	case "operations.get":
		o := map[string]any{"name": parent + "/operations/" + c.in["operationsId"], "done": true}
		if a.refuse != nil {
			o["error"], a.refuse = a.refuse, nil
		}
		return o, nil
	case "repositories.list":
		var all []any
		for _, n := range slices.Sorted(maps.Keys(a.repositories)) {
			if strings.HasPrefix(n, parent+"/") {
				all = append(all, a.repositories[n])
			}
		}
		return c.page("repositories", all), nil
	case "repositories.packages.list":
		var all []any
		for _, n := range a.within(repository) {
			all = append(all, map[string]any{"name": n, "createTime": "2026-01-02T03:04:05.123456Z", "updateTime": "2026-01-02T03:04:06Z"})
		}
		return c.page("packages", all), nil
	case "repositories.dockerImages.list":
		var all []any
		for _, n := range a.within(repository) {
			for _, i := range a.packages[n] {
				image := strings.ReplaceAll(path.Base(n), "%2F", "/") + "@" + i.digest
				all = append(all, map[string]any{"name": repository + "/dockerImages/" + path.Base(n) + "@" + i.digest, "uri": a.Registry + "/" + Project + "/" + path.Base(repository) + "/" + image,
					"tags": i.tags, "imageSizeBytes": strconv.FormatInt(i.size, 10), "mediaType": i.mediaType, "uploadTime": "2026-01-02T03:04:06.5Z", "updateTime": "2026-01-02T03:04:06.5Z"})
			}
		}
		return c.page("dockerImages", all), nil
	case "repositories.packages.versions.list":
		var all []any
		for _, i := range a.packages[name] {
			v := map[string]any{"name": name + "/versions/" + i.digest, "createTime": "2026-01-02T03:04:06.5Z"}
			if c.query.Get("view") == "FULL" {
				v["metadata"] = map[string]any{"imageSizeBytes": strconv.FormatInt(i.size, 10), "mediaType": i.mediaType}
				v["relatedTags"] = i.shown(name)[:min(len(i.tags), 100)]
			}
			all = append(all, v)
		}
		return c.page("versions", all), nil
	case "repositories.packages.tags.list":
		var all []any
		for _, i := range a.packages[name] {
			if f := c.query.Get("filter"); f == "" || f == `version="`+name+"/versions/"+i.digest+`"` {
				all = append(all, i.shown(name)...)
			}
		}
		return c.page("tags", all), nil
	case "repositories.packages.tags.delete":
		for _, i := range a.packages[name] {
			if n := slices.Index(i.tags, c.in["tagsId"]); n >= 0 {
				i.tags = slices.Delete(i.tags, n, n+1)
				a.remove(name, c.in["tagsId"])
				return map[string]any{}, nil
			}
		}
		return nil, absent(name + "/tags/" + c.in["tagsId"])
	case "repositories.packages.versions.delete":
		return a.deleteVersion(c, parent, name)
	}
	return nil, c.missing()
}

func (a *Artifacts) deleteVersion(c *request, parent, name string) (any, error) {
	n := slices.IndexFunc(a.packages[name], func(i *artifact) bool { return i.digest == c.in["versionsId"] })
	if n < 0 {
		return nil, &apiError{http.StatusNotFound, "notFound", fmt.Sprintf("Requested entity %q was not found.", name+"/versions/"+c.in["versionsId"])}
	}
	i := a.packages[name][n]
	if len(i.tags) > 0 && c.query.Get("force") != "true" {
		return nil, &apiError{http.StatusBadRequest, "failedPrecondition", "Cannot delete version because it is tagged."}
	}
	if a.refuse == nil {
		for _, reference := range append([]string{i.digest}, i.tags...) {
			a.remove(name, reference)
		}
		a.packages[name] = slices.Delete(a.packages[name], n, n+1)
	}
	return map[string]any{"name": parent + "/operations/operation-1", "done": false}, nil
}

// within lists the packages of a repository.
func (a *Artifacts) within(repository string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a.packages)), func(n string) bool { return !strings.HasPrefix(n, repository+"/") })
}

// shown are the tags of an image in the API's form.
func (i *artifact) shown(name string) []any {
	all := []any{}
	for _, tag := range i.tags {
		all = append(all, map[string]any{"name": name + "/tags/" + tag, "version": name + "/versions/" + i.digest})
	}
	return all
}

// page is the page of a list that a request is for.
func (c *request) page(field string, all []any) map[string]any {
	from, _ := strconv.Atoi(c.query.Get("pageToken"))
	size, _ := strconv.Atoi(c.query.Get("pageSize"))
	to := min(len(all), from+cmp.Or(size, 100))
	answer := map[string]any{}
	if from < to {
		answer[field] = all[from:to]
	}
	if to < len(all) {
		answer["nextPageToken"] = strconv.Itoa(to)
	}
	return answer
}
