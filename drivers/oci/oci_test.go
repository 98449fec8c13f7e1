package oci

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

func opener(config map[string]any) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return drivertest.Opener(Provider(), config)
}

func connect(t *testing.T, config map[string]any) *drivers.Conn {
	t.Helper()
	if config["config_dir"] == nil {
		config["config_dir"] = t.TempDir()
	}
	return drivertest.Connect(t, Provider(), config)
}

func basic(user, password string) remote.Option {
	return remote.WithAuth(&authn.Basic{Username: user, Password: password})
}

// image is a small one of that many layers.
func image(t *testing.T, layers int64) v1.Image {
	t.Helper()
	i, err := random.Image(1000, layers)
	if err == nil {
		i, err = mutate.ConfigFile(i, &v1.ConfigFile{Architecture: "amd64", OS: "linux", RootFS: config(t, i).RootFS, Created: v1.Time{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
			Config: v1.Config{Cmd: []string{"serve"}, Labels: map[string]string{"team": "web"}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func config(t *testing.T, i v1.Image) *v1.ConfigFile {
	t.Helper()
	f, err := i.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestDistribution is the suite on a real registry.
func TestDistribution(t *testing.T) {
	l := lab.Distribution(t)
	for i := range 6 {
		lab.Push(t, fmt.Sprintf("%s/team/app-%d:1.%d", l.Registry, i, i), image(t, 2), basic(l.Username, l.Password))
	}
	drivertest.Container(t, drivertest.Harness{
		Open:       opener(map[string]any{"endpoint": "http://" + l.Registry, "username": l.Username, "password": l.Password, "config_dir": t.TempDir()}),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		Image:  l.Registry + "/team/app-0:1.0",
		Native: native.Call{Operation: "GET /v2/team/app-0/tags/list"}, NativeChange: "DELETE /v2/team/app-0/manifests/1.0",
		NativePages: native.Call{Operation: "GET /v2/_catalog", Arguments: map[string]any{"query": map[string]any{"n": 2}}},
		Deviations: map[string]string{
			"copy/delete": "Distribution 2.8 deletes by digest alone; the OCI distribution specification documents the deletion of tags; see TestTagsStay",
		},
	})
}

// TestInProcess is the suite on another registry, which deletes tags.
func TestInProcess(t *testing.T) {
	r := lab.Registry(t, "127.0.0.1", nil)
	lab.Push(t, r+"/team/app:1", image(t, 2))
	drivertest.Container(t, drivertest.Harness{
		Open:   opener(map[string]any{"endpoint": r, "config_dir": t.TempDir()}),
		Image:  r + "/team/app:1",
		Native: native.Call{Operation: "GET /v2/_catalog"}, NativeChange: "DELETE /v2/team/app/manifests/1",
	})
}

func TestNative(t *testing.T) {
	r := lab.Registry(t, "127.0.0.1", nil)
	i := image(t, 2)
	lab.Push(t, r+"/team/app:1", i)
	conn := connect(t, map[string]any{"endpoint": r})
	a := drivertest.Call[native.Answer](t, conn, native.Call{Operation: "GET /v2/team/app/manifests/1"})
	if config, _ := a.Value.(map[string]any)["config"].(map[string]any); config["size"] == nil || fmt.Sprintf("%T", config["size"]) != "int64" {
		t.Errorf("the manifest is %v", a.Value)
	}
	digest, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if a := drivertest.Call[native.Answer](t, conn, native.Call{Operation: "HEAD /v2/team/app/manifests/1"}); a.Value.(map[string]any)["digest"] != digest.String() {
		t.Errorf("of its head is told %v", a.Value)
	}
	for _, operation := range []string{"GET /v3/x", "GET /v2/../x", "GET https://elsewhere.example/v2/"} {
		if _, err := drivers.Call[native.Answer](t.Context(), conn, native.Call{Operation: operation}); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%s: %v", operation, err)
		}
	}
}

func TestTagsStay(t *testing.T) {
	l := lab.Distribution(t)
	lab.Push(t, l.Registry+"/app:1", image(t, 1), basic(l.Username, l.Password))
	conn := connect(t, map[string]any{"endpoint": "http://" + l.Registry, "username": l.Username, "password": l.Password})
	i := drivertest.Call[container.Image](t, conn, container.GetImage{Image: "app:1"})
	err := drivers.Do(t.Context(), conn, container.DeleteImage{Image: "app:1"})
	if op.KindOf(err) != op.Unsupported || !strings.Contains(err.Error(), i.ID) {
		t.Errorf("a tag: %v", err)
	}
	if err := drivers.Do(t.Context(), conn, container.DeleteImage{Image: i.ID}); err != nil {
		t.Errorf("an image: %v", err)
	}
	if _, err := drivers.Call[container.Image](t.Context(), conn, container.GetImage{Image: "app:1"}); op.KindOf(err) != op.NotFound {
		t.Errorf("deleted, it is found: %v", err)
	}
}

// TestCopy promotes from a registry with a login to one without, which take
// their names from different connections.
func TestCopy(t *testing.T) {
	l := lab.Distribution(t)
	var uploads atomic.Int64
	other := lab.Registry(t, "127.0.0.1", func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost || r.Method == http.MethodPatch {
				uploads.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	})
	conn := connect(t, map[string]any{"endpoint": "http://" + l.Registry, "username": l.Username, "password": l.Password})

	amd, arm := image(t, 3), image(t, 2)
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: amd, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: arm, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}}})
	ref, err := name.ParseReference(l.Registry + "/team/app:1.2")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index, basic(l.Username, l.Password)); err != nil {
		t.Fatal(err)
	}
	want, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}

	from := drivertest.Call[container.Image](t, conn, container.GetImage{Image: "team/app:1.2"})
	platforms, _ := from.Extra["platforms"].([]any)
	if from.Digest != want.String() || len(platforms) != 2 || platforms[1].(map[string]any)["platform"] != "linux/arm64/v8" || from.Size == 0 {
		t.Errorf("the index is %+v", from)
	}
	to := drivertest.Call[container.Image](t, conn, container.CopyImage{Image: "team/app:1.2", To: other + "/production/app:1.2"})
	if to.Digest != want.String() || to.Name != other+"/production/app:1.2" {
		t.Errorf("the copy is %+v", to)
	}
	for _, p := range platforms {
		one := drivertest.Call[container.Image](t, conn, container.GetImage{Image: other + "/production/app@" + p.(map[string]any)["digest"].(string)})
		if one.Architecture != "amd64" || one.Size == 0 || one.CreatedAt.Year() != 2026 || len(one.Extra["layers"].([]any)) < 2 || one.Extra["labels"].(map[string]any)["team"] != "web" {
			t.Errorf("an image of the index is %+v", one)
		}
	}
	// Again, nothing is sent; and within a registry nothing has to be.
	sent := uploads.Load()
	drivertest.Call[container.Image](t, conn, container.CopyImage{Image: from.ID, To: other + "/production/app:stable"})
	if n := uploads.Load(); n != sent {
		t.Errorf("a second copy made %d uploads", n-sent)
	}
	if i := drivertest.Call[container.Image](t, conn, container.CopyImage{Image: "team/app:1.2", To: "elsewhere/app:1.2"}); i.Digest != want.String() {
		t.Errorf("within the registry the copy is %+v", i)
	}
	_, err = drivers.Call[container.Image](t.Context(), conn, container.CopyImage{Image: "team/app:1.2", To: other + "/app@sha256:" + strings.Repeat("0", 64)})
	if op.KindOf(err) != op.InvalidArgument {
		t.Errorf("to another digest: %v", err)
	}
}

// TestCredentials: logins of Docker's configuration and of a helper, for each
// registry its own, and by the token scheme.
func TestCredentials(t *testing.T) {
	l := lab.Distribution(t)
	lab.Push(t, l.Registry+"/app:1", image(t, 1), basic(l.Username, l.Password))
	get := func(config map[string]any) error {
		t.Helper()
		config["endpoint"] = l.Registry
		_, err := drivers.Call[container.Image](t.Context(), connect(t, config), container.GetImage{Image: "app:1"})
		return err
	}
	if err := get(map[string]any{}); op.KindOf(err) != op.Unauthenticated {
		t.Errorf("without a login: %v", err)
	}
	if err := get(map[string]any{"username": "lab", "password": drivers.Secret("wrong word")}); op.KindOf(err) != op.Unauthenticated || strings.Contains(err.Error(), "wrong word") {
		t.Errorf("with a wrong one: %v", err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"credHelpers": {%q: "lab"}}`, l.Registry), 0o600); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\ncat >/dev/null\necho '{\"Username\": %q, \"Secret\": %q}'\n", l.Username, l.Password)
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-lab"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	if err := get(map[string]any{"config_dir": dir}); err != nil {
		t.Errorf("with a helper: %v", err)
	}
}

// TestToken is a registry that lets in by the token scheme, as public ones do:
// there is a token for each repository, and what to do there.
func TestToken(t *testing.T) {
	var scopes []string
	r := lab.Registry(t, "127.0.0.1", func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			switch {
			case r.URL.Path == "/token" && (user != "jill" || password != "secret word"):
				http.Error(w, `{"details": "who are you"}`, http.StatusUnauthorized)
			case r.URL.Path == "/token":
				scopes = append(scopes, r.URL.Query().Get("scope"))
				fmt.Fprintf(w, `{"token": %q}`, "token for "+r.URL.Query().Get("scope"))
			case !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer token for repository:app:"):
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="lab"`, r.Host))
				w.WriteHeader(http.StatusUnauthorized)
			default:
				next.ServeHTTP(w, r)
			}
		})
	})
	lab.Push(t, r+"/app:1", image(t, 1), basic("jill", "secret word"))
	scopes = nil
	conn := connect(t, map[string]any{"endpoint": r, "username": "jill", "password": drivers.Secret("secret word")})
	for range 3 {
		drivertest.Call[container.Image](t, conn, container.GetImage{Image: "app:1"})
	}
	if len(scopes) != 1 || scopes[0] != "repository:app:pull" {
		t.Errorf("for three looks at one repository, tokens were asked for %q", scopes)
	}
	_, err := drivers.Call[container.Image](t.Context(), connect(t, map[string]any{"endpoint": r, "username": "jill", "password": drivers.Secret("wrong word")}), container.GetImage{Image: "app:1"})
	if op.KindOf(err) != op.Unauthenticated || strings.Contains(err.Error(), "wrong word") {
		t.Errorf("with a wrong password: %v", err)
	}
}

// TestErrors is against registries, and what stands in front of them, in trouble.
func TestErrors(t *testing.T) {
	for title, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		kind   op.Kind
		says   string
		after  time.Duration
	}{
		"no such tag":    {404, nil, `{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}`, op.NotFound, "app/manifests/1: manifest unknown", 0},
		"denied":         {403, nil, `{"errors": [{"code": "DENIED", "message": "not yours"}]}`, op.PermissionDenied, "not yours", 0},
		"throttled":      {429, map[string]string{"Retry-After": "7"}, `{"errors": [{"code": "TOOMANYREQUESTS", "message": "slow down"}]}`, op.RateLimited, "slow down", 7 * time.Second},
		"unavailable":    {503, map[string]string{"Retry-After": "3", "X-Request-Id": "r-1"}, "<html>a proxy's page</html>", op.Unavailable, "503", 3 * time.Second},
		"not JSON":       {200, nil, "<html>a login page</html>", op.Internal, "", 0},
		"out of storage": {507, nil, "", op.QuotaExceeded, "507", 0},
	} {
		t.Run(title, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v2/" {
					return
				}
				w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer s.Close()
			conn := connect(t, map[string]any{"endpoint": s.URL})
			_, err := drivers.Call[container.Image](t.Context(), conn, container.GetImage{Image: "app:1"})
			e := op.AsError(err)
			if err == nil || e.Kind != c.kind || !strings.Contains(e.Message, c.says) || e.RetryAfter != c.after || e.RequestID != c.header["X-Request-Id"] {
				t.Errorf("%v, after %v", err, e)
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	for title, config := range map[string]map[string]any{
		"no host":         {"endpoint": "not a host"},
		"no scheme":       {"endpoint": "ftp://registry.example"},
		"half of a login": {"endpoint": "registry.example", "username": "u"},
		"nobody's login":  {"username": "u", "password": drivers.Secret("p")},
		"page size":       {"page_size": 5000},
	} {
		if _, err := Provider().Open(t.Context(), "oci", config); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%s: %v", title, err)
		}
	}
	conn := connect(t, map[string]any{})
	for _, err := range drivers.List[container.Repository](t.Context(), conn, container.ListRepositories{}) {
		if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), "endpoint") {
			t.Errorf("no registry of its own: %v", err)
		}
	}
}
