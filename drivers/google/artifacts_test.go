package google

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

// artifactRegistry is a stand-in with some images in it, and what opens the driver on it.
func artifactRegistry(t *testing.T) (*gce.Artifacts, func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn) {
	t.Helper()
	s := gce.StartArtifacts(t)
	s.Repository("jobs", map[string]any{"format": "DOCKER"})
	for _, image := range []string{"web/app:1.2", "web/app:1.3", "web/team/front:1", "web/db:1", "web/queue:1", "web/cache:1", "jobs/nightly:1"} {
		push(t, s, image)
	}
	config := map[string]any{"endpoint": s.URL, "project": gce.Project, "access_token": gce.Token, "location": gce.ArtifactsLocation, "registry": s.Registry, "config_dir": t.TempDir()}
	return s, func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		c := maps.Clone(config)
		maps.Copy(c, over)
		for _, p := range Providers() {
			if p.Name == "artifact_registry" {
				conn, err := p.Open(t.Context(), p.Name, c, chain...)
				if err != nil {
					t.Fatal(err)
				}
				return conn
			}
		}
		t.Fatal("there is no driver artifact_registry")
		return nil
	}
}

// push puts an image of its own there: "web/app:1.2".
func push(t *testing.T, s *gce.Artifacts, image string) {
	t.Helper()
	i, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	lab.Push(t, s.Registry+"/"+gce.Project+"/"+image, i, remote.WithAuth(robot))
}

var robot = &authn.Basic{Username: "oauth2accesstoken", Password: gce.Token}

func TestArtifactRegistry(t *testing.T) {
	s, open := artifactRegistry(t)
	drivertest.Container(t, drivertest.Harness{
		Open:       open,
		SmallPages: map[string]any{"page_size": 2}, PageSize: 2,
		Image:        s.Registry + "/" + gce.Project + "/web/app:1.2",
		Native:       native.Call{Operation: "GET /v1/projects/{project}/locations/europe-west1/repositories"},
		NativePages:  native.Call{Operation: "GET /v1/projects/{project}/locations", Arguments: map[string]any{"query": map[string]any{"pageSize": 2}}},
		NativeChange: "POST /v1/projects/{project}/locations/europe-west1/repositories",
		Deviations: map[string]string{
			"not_found/list_tags": "a name begins with its project, and the suite's nothing is in another's: Google does not tell such a one from one that is not there; see TestArtifacts",
		},
	})
}

// Lists are of what is pushed, whatever is deleted is gone, and the registry's
// tokens are renewed.
func TestArtifacts(t *testing.T) {
	s, open := artifactRegistry(t)
	conn := open(t, nil)
	defer conn.Close()
	repositories := func(c *drivers.Conn) (names []string) {
		for _, r := range list[container.Repository](t, c, container.ListRepositories{}) {
			names = append(names, strings.TrimPrefix(r.Name, gce.Project+"/"))
		}
		return names
	}
	if got := fmt.Sprint(repositories(conn)); got != "[jobs/nightly web/app web/cache web/db web/queue web/team/front]" {
		t.Errorf("the repositories are %s", got)
	}
	one := open(t, map[string]any{"repository": "jobs"})
	defer one.Close()
	if got := fmt.Sprint(repositories(one)); got != "[jobs/nightly]" {
		t.Errorf("of one repository there are %s", got)
	}

	none := open(t, map[string]any{"repository": "none"})
	defer none.Close()
	for _, err := range drivers.List[container.Repository](t.Context(), none, container.ListRepositories{}) {
		if op.KindOf(err) != op.NotFound {
			t.Errorf("of a repository that is not there: %v", err)
		}
	}

	// One whose name has parts, and more tags than a version shows.
	front := gce.Project + "/web/team/front"
	i, err := drivers.Call[container.Image](t.Context(), conn, container.GetImage{Image: front + ":1"})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 120 {
		ref, err := name.NewTag(s.Registry+"/"+front+fmt.Sprintf(":build-%d", n), name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		d, err := remote.Get(ref.Context().Digest(i.Digest), remote.WithAuth(robot))
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Tag(ref, d, remote.WithAuth(robot)); err != nil {
			t.Fatal(err)
		}
	}
	tags := func() []container.Tag {
		return list[container.Tag](t, conn, container.ListTags{Repository: s.Registry + "/" + front})
	}
	all := tags()
	if len(all) != 121 || all[120].Name != "build-119" || all[0].Digest != i.Digest || all[0].Size != i.Size || all[0].CreatedAt.IsZero() {
		t.Errorf("of %+v there are %d tags, the first %+v", i, len(all), all[0])
	}
	found := list[container.Image](t, conn, container.ListImages{Name: s.Registry + "/" + front + ":build-7"})
	if len(found) != 1 || found[0].ID != i.ID || found[0].Size != i.Size {
		t.Errorf("by one of its tags %s is found as %+v", i.ID, found)
	}

	s.Expire()
	if _, err := drivers.Call[container.Image](t.Context(), conn, container.GetImage{Image: front + ":1"}); err != nil {
		t.Errorf("with a new token: %v", err)
	}

	if err := drivers.Do(t.Context(), conn, container.DeleteImage{Image: front + ":1"}); err != nil {
		t.Errorf("a tag: %v", err)
	}
	if all = tags(); len(all) != 120 || all[0].Name != "build-0" {
		t.Errorf("without one, there are %d tags, the first %+v", len(all), all[0])
	}
	s.FailNext(7, "not yours")
	if err := drivers.Do(t.Context(), conn, container.DeleteImage{Image: i.ID}); op.KindOf(err) != op.PermissionDenied || !strings.Contains(err.Error(), "not yours") {
		t.Errorf("an operation that fails: %v", err)
	}
	if err := drivers.Do(t.Context(), conn, container.DeleteImage{Image: i.ID}); err != nil {
		t.Errorf("an image: %v", err)
	}
	if all = tags(); len(all) != 0 {
		t.Errorf("deleted, it has the tags %+v", all)
	}
	if _, err := drivers.Call[container.Image](t.Context(), conn, container.GetImage{Image: i.ID}); op.KindOf(err) != op.NotFound {
		t.Errorf("deleted, it is found: %v", err)
	}
	for _, err := range drivers.List[container.Tag](t.Context(), conn, container.ListTags{Repository: gce.Project + "/web/none"}) {
		if op.KindOf(err) != op.NotFound {
			t.Errorf("tags of what is not there: %v", err)
		}
	}
	for image, kind := range map[string]op.Kind{gce.Project + "/web/app:none": op.NotFound, gce.Project + "/none/app:1": op.NotFound, gce.Project + "/app:1": op.NotFound,
		"others-project/web/app:1": op.PermissionDenied, "registry.example/web/app:1": op.InvalidArgument, "UPPER": op.InvalidArgument} {
		if err := drivers.Do(t.Context(), conn, container.DeleteImage{Image: image}); op.KindOf(err) != kind {
			t.Errorf("deleting %s: %v", image, err)
		}
	}
}

// Google's own registries get the token, and nobody else.
func TestLogin(t *testing.T) {
	s, err := newSession(sessionConfig{AccessToken: gce.Token})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for host, google := range map[string]bool{"mirror.example:5000": true, "europe-docker.pkg.dev": true, "gcr.io": true, "eu.gcr.io": true,
		"index.docker.io": false, "gcr.io.example": false, "evilgcr.io": false, "docker.pkg.dev.example": false} {
		ref, err := name.NewRegistry(host)
		if err != nil {
			t.Fatal(err)
		}
		a, err := login{s.credentials, "mirror.example:5000"}.Resolve(ref)
		if err != nil || (a != authn.Anonymous) != google {
			t.Errorf("at %s: %v, %v", host, a, err)
		}
	}
}

func TestArtifactsConfiguration(t *testing.T) {
	_, open := artifactRegistry(t)
	nowhere := open(t, map[string]any{"location": "", "registry": ""})
	defer nowhere.Close()
	for _, err := range drivers.List[container.Repository](t.Context(), nowhere, container.ListRepositories{}) {
		if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), "location") {
			t.Errorf("without a location: %v", err)
		}
	}
	if all := list[container.Location](t, nowhere, container.ListLocations{}); len(all) != 5 || all[0].Name != "ASIA" {
		t.Errorf("the locations are %+v", all)
	}
	stranger := open(t, map[string]any{"access_token": "ya29.other"})
	defer stranger.Close()
	_, err := drivers.Call[container.Image](t.Context(), stranger, container.GetImage{Image: gce.Project + "/web/app:1.2"})
	if op.KindOf(err) != op.Unauthenticated || strings.Contains(err.Error(), "ya29") {
		t.Errorf("with another token: %v", err)
	}
	if got, err := (&artifactsDriver{config: artifactsConfig{Location: "us"}}).resource("example.com/prod/web/a/b"); got != "projects/example.com:prod/locations/us/repositories/web/packages/a%2Fb" || err != nil {
		t.Errorf("of a domain's project it is %s, %v", got, err)
	}
	if got := shown("projects/example.com:prod/locations/us/repositories/web/packages/a%2Fb"); got != "example.com/prod/web/a/b" {
		t.Errorf("a domain's project is shown as %s", got)
	}
}
