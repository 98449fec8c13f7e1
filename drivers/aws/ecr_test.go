package aws

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// ecrRegistry is moto and a registry that lets in who has moto's token, which it
// has no registry for. What is pushed is told to moto, as its lists are to show it.
func ecrRegistry(t *testing.T) (config map[string]any, host string) {
	t.Helper()
	config = motoConfig(t)
	const password = "123456789012-auth-token" // as moto makes it
	told := opener("ecr", config)(t, nil)
	t.Cleanup(func() { told.Close() })
	host = lab.Registry(t, "127.0.0.1", func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, given, _ := r.BasicAuth(); user != "AWS" || given != password {
				w.Header().Set("WWW-Authenticate", `Basic realm="ecr"`)
				http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"your authorization token is not valid"}]}`, http.StatusUnauthorized)
				return
			}
			if repository, tag, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/"); ok && r.Method == http.MethodPut {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				for _, c := range []native.Call{
					{Operation: "CreateRepository", Arguments: map[string]any{"RepositoryName": repository}},
					{Operation: "PutImage", Arguments: map[string]any{"RepositoryName": repository, "ImageManifest": string(body), "ImageTag": tag, "ImageDigest": fmt.Sprintf("sha256:%x", sha256.Sum256(body))}},
				} {
					// There may be such a one.
					if _, err := drivers.Call[native.Answer](r.Context(), told, c); err != nil && op.KindOf(err) != op.AlreadyExists {
						t.Errorf("telling moto: %v", err)
					}
				}
			}
			next.ServeHTTP(w, r)
		})
	})
	for _, name := range []string{"/team/app:1.2", "/team/app:1.3", "/team/db:1", "/team/queue:1", "/team/cache:1", "/team/front:1"} {
		i, err := random.Image(1000, 2)
		if err != nil {
			t.Fatal(err)
		}
		lab.Push(t, host+name, i, remote.WithAuth(&authn.Basic{Username: "AWS", Password: password}))
	}
	config["registry"], config["config_dir"] = host, t.TempDir()
	return config, host
}

func TestECROnMoto(t *testing.T) {
	config, host := ecrRegistry(t)
	drivertest.Container(t, drivertest.Harness{
		Open:       opener("ecr", config),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		OnePage: []string{"list_repositories", "list_tags"}, // moto ignores MaxResults of both, which ECR documents
		Image:   host + "/team/app:1.2",
		Native:  native.Call{Operation: "DescribeRegistry"}, NativeChange: "PutRegistryPolicy",
		Deviations: map[string]string{
			"copy/delete": "keeps what the API deletes in the registry beside it; ECR documents one store; see TestECRImages",
		},
	})
}

func TestECRImages(t *testing.T) {
	config, host := ecrRegistry(t)
	conn := opener("ecr", config)(t, nil)
	defer conn.Close()
	tags := func() map[string]container.Tag {
		t.Helper()
		m := map[string]container.Tag{}
		for tag, err := range drivers.List[container.Tag](t.Context(), conn, container.ListTags{Repository: "team/app"}) {
			if err != nil {
				t.Fatal(err)
			}
			m[tag.Name] = tag
		}
		return m
	}
	i, err := drivers.Call[container.Image](t.Context(), conn, container.GetImage{Image: "team/app:1.2"})
	if err != nil {
		t.Fatal(err)
	}
	if tag := tags()["1.2"]; tag.Digest != i.Digest || tag.Size == 0 || tag.CreatedAt.IsZero() {
		t.Errorf("the tag of %+v is %+v", i, tag)
	}
	other := lab.Registry(t, "127.0.0.1", nil)
	if copied, err := drivers.Call[container.Image](t.Context(), conn, container.CopyImage{Image: "team/app:1.2", To: other + "/app:1.2"}); err != nil || copied.Digest != i.Digest {
		t.Errorf("copied elsewhere: %+v, %v", copied, err)
	}
	if err := drivers.Do(t.Context(), conn, container.DeleteImage{Image: "team/app:1.2"}); err != nil {
		t.Error(err)
	}
	if _, there := tags()["1.2"]; there || len(tags()) != 1 {
		t.Errorf("deleted, the tags are %v", tags())
	}
	for image, kind := range map[string]op.Kind{"team/app:none": op.NotFound, "team/none:1": op.NotFound, other + "/app:1.2": op.InvalidArgument, "UPPER": op.InvalidArgument} {
		if err := drivers.Do(t.Context(), conn, container.DeleteImage{Image: image}); op.KindOf(err) != kind {
			t.Errorf("deleting %s: %v", image, err)
		}
	}
	if !strings.HasPrefix(i.ID, host+"/team/app@sha256:") {
		t.Errorf("its id is %s", i.ID)
	}
	// By the list, an image has the name that is asked for, and goes on from page to page.
	for _, page := range []int{1, 100} {
		paged := opener("ecr", config)(t, map[string]any{"page_size": page})
		defer paged.Close()
		if all := list[container.Image](t, paged, container.ListImages{}); len(all) != 5 {
			t.Errorf("in pages of %d, the images are %+v", page, all)
		}
		found := list[container.Image](t, paged, container.ListImages{Name: host + "/team/app:1.3"})
		if len(found) != 1 || found[0].Digest != tags()["1.3"].Digest || found[0].Size == 0 || !strings.HasPrefix(found[0].ID, host+"/team/app@sha256:") {
			t.Errorf("team/app:1.3 is %+v", found)
		}
	}
}
