package google

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	artifacts "google.golang.org/api/artifactregistry/v1"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/registry"
)

const artifactsDoc = `## What to know

- The registry is that of a location, as ` + "`europe-west1-docker.pkg.dev`" + `. Names without a registry are in it: project, repository and image, as ` + "`my-project/web/app:1.2`" + `. copy_image reaches any
  other that a name begins with: Google's with the same credentials, the rest with Docker's logins.
- What Google calls a repository holds many images, and what has tags is a package in it: list_repositories lists the packages, ` + "`my-project/web/app`" + `. Lists are of all repositories for Docker in the location, each of
  which is asked by itself, but for virtual ones, whose images are in others; with ` + "`repository`" + `, of that one.
- list_images has each image once, with one of its tags in its name and all in ` + "`extra[\"tags\"]`" + `; the images of an index are listed too. list_tags has each tag's digest, size and time.
- A repository must be there to be copied to: ` + "`cloud.native(\"POST /v1/projects/{project}/locations/europe-west1/repositories\", query = {\"repositoryId\": \"web\"}, body = {\"format\": \"DOCKER\"})`" + `.
- delete_image deletes a tag or, by digest, an image with all its tags, which is waited for.
`

// artifactsConfig is the configuration of the driver "artifact_registry".
type artifactsConfig struct {
	sessionConfig
	Location   string `json:"location,omitzero" help:"Where the registry is, as europe-west1 or europe; CLOUDSDK_ARTIFACTS_LOCATION if not given."`
	Repository string `json:"repository,omitzero" help:"The repository that lists are of, as web; those of all in the location if not given."`
	Registry   string `json:"registry,omitzero" help:"The registry's host, where that is not the location's own, as europe-west1-docker.pkg.dev."`
	ConfigDir  string `json:"config_dir,omitzero" help:"Docker's configuration folder, for the logins of other registries; DOCKER_CONFIG or ~/.docker if not given."`
}

// artifactsDriver is the driver "artifact_registry": lists and deletions are of
// Google's own API, images come from the registry that it is, with the session's token.
type artifactsDriver struct {
	*session
	*registry.Client
	config artifactsConfig
	api    *artifacts.Service
}

func openArtifacts(ctx context.Context, c artifactsConfig) (*artifactsDriver, error) {
	s, err := newSession(c.sessionConfig)
	if err != nil {
		return nil, err
	}
	options, err := s.options("https://artifactregistry.googleapis.com", "")
	if err != nil {
		return nil, err
	}
	c.Location = cmp.Or(c.Location, os.Getenv("CLOUDSDK_ARTIFACTS_LOCATION"))
	switch {
	case c.Location != "" && !rule.MatchString(c.Location):
		return nil, op.Errorf(op.InvalidArgument, "location is %q: it would be like \"europe-west1\"", c.Location)
	case c.Repository != "" && !rule.MatchString(c.Repository):
		return nil, op.Errorf(op.InvalidArgument, "repository is %q: it would be like \"web\"", c.Repository)
	case c.Registry == "" && c.Location != "":
		c.Registry = c.Location + hosts
	}
	d := &artifactsDriver{session: s, config: c}
	others := registry.Credentials{Dir: c.ConfigDir}.Keychain()
	if d.Client, err = registry.NewClient(c.Registry, authn.NewMultiKeychain(login{s.credentials, registry.Host(c.Registry)}, others), c.PageSize); err != nil {
		return nil, err
	}
	if d.api, err = artifacts.NewService(ctx, options...); err != nil {
		return nil, op.Errorf(op.InvalidArgument, "opening the client: %w", err)
	}
	return d, nil
}

// Close drops the idle connections.
func (d *artifactsDriver) Close() error {
	_ = d.Client.Close() // which has nothing that can fail
	return d.session.Close()
}

// NativeEffect goes by the method of the request.
func (d *artifactsDriver) NativeEffect(operation string) op.Effect {
	return d.session.NativeEffect(operation)
}

func (d *artifactsDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return d.rest(ctx, d.api.BasePath, in.Operation, in.Arguments, "")
}

func (d *artifactsDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return d.restPages(ctx, d.api.BasePath, in)
}

// hosts is how the hosts of Artifact Registry's registries end.
const hosts = "-docker.pkg.dev"

// A login is the keychain of Google's registries, the connection's own among them.
type login struct {
	credentials *credentials
	own         string
}

func (l login) Resolve(r authn.Resource) (authn.Authenticator, error) {
	switch host := r.RegistryStr(); {
	case host == l.own, strings.HasSuffix(host, hosts), host == "gcr.io", strings.HasSuffix(host, ".gcr.io"):
		return l, nil
	}
	return authn.Anonymous, nil
}

func (l login) Authorization() (*authn.AuthConfig, error) {
	return l.AuthorizationContext(context.Background())
}

// AuthorizationContext is asked whenever a registry wants to know who is there:
// the token is one that is good now.
func (l login) AuthorizationContext(ctx context.Context) (*authn.AuthConfig, error) {
	token, err := l.credentials.token(ctx)
	if err != nil {
		return nil, err
	}
	return &authn.AuthConfig{Username: "oauth2accesstoken", Password: token.AccessToken}, nil
}

// mostArtifacts is the largest page that Artifact Registry gives.
const mostArtifacts = 1000

// ListLocations lists the locations that Artifact Registry has.
func (d *artifactsDriver) ListLocations(ctx context.Context, _ container.ListLocations) iter.Seq2[container.Location, error] {
	return pages(ctx, d.session, func(ctx context.Context, project, cursor string) ([]container.Location, string, error) {
		out, err := do(d.api.Projects.Locations.List("projects/" + project).PageSize(d.page(mostArtifacts)).PageToken(cursor).Context(ctx))
		if err != nil {
			return nil, "", err
		}
		places := make([]container.Location, len(out.Locations))
		for i, l := range out.Locations {
			places[i] = container.Location{ID: l.LocationId, Name: cmp.Or(l.DisplayName, l.LocationId), Extra: extras(map[string]any{"labels": l.Labels})}
		}
		return places, out.NextPageToken, nil
	})
}

// inRepositories lists what is in the repositories that lists are of: fetch is a
// page of what is in one, by the API's name of it.
func inRepositories[T any](ctx context.Context, d *artifactsDriver, fetch func(ctx context.Context, repository, cursor string) (items []T, next string, err error)) iter.Seq2[T, error] {
	if d.config.Repository == "" {
		return registry.InRepositories(ctx, d.repositories, fetch)
	}
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]T, string, error) {
		parent, err := d.parent(ctx)
		if err != nil {
			return nil, "", err
		}
		return fetch(ctx, parent+"/repositories/"+d.config.Repository, cursor)
	})
}

// parent is the API's name of the connection's location.
func (d *artifactsDriver) parent(ctx context.Context) (string, error) {
	if err := d.placed(); err != nil {
		return "", err
	}
	project, err := d.project(ctx)
	return "projects/" + project + "/locations/" + d.config.Location, err
}

// placed refuses what needs a location, where the connection has none.
func (d *artifactsDriver) placed() error {
	if d.config.Location != "" {
		return nil
	}
	return op.Errorf(op.InvalidArgument, `there is no location: give the connection location = "europe-west1" or the like; list_locations lists them`)
}

// repositories is a page of the API's names of the repositories for Docker that
// have images of their own.
func (d *artifactsDriver) repositories(ctx context.Context, cursor string) (names []string, next string, err error) {
	parent, err := d.parent(ctx)
	if err != nil {
		return nil, "", err
	}
	out, err := do(d.api.Projects.Locations.Repositories.List(parent).PageSize(d.page(mostArtifacts)).PageToken(cursor).Context(ctx))
	if err != nil {
		return nil, "", err
	}
	for _, r := range out.Repositories {
		if r.Format == "DOCKER" && r.Mode != "VIRTUAL_REPOSITORY" {
			names = append(names, r.Name)
		}
	}
	return names, out.NextPageToken, nil
}

// ListRepositories lists the packages, which are what has tags.
func (d *artifactsDriver) ListRepositories(ctx context.Context, _ container.ListRepositories) iter.Seq2[container.Repository, error] {
	return inRepositories(ctx, d, func(ctx context.Context, repository, cursor string) ([]container.Repository, string, error) {
		out, err := do(d.api.Projects.Locations.Repositories.Packages.List(repository).PageSize(d.page(mostArtifacts)).PageToken(cursor).Context(ctx))
		if err != nil {
			return nil, "", err
		}
		all := make([]container.Repository, len(out.Packages))
		for i, p := range out.Packages {
			all[i] = container.Repository{Name: shown(p.Name), CreatedAt: when(p.CreateTime), Extra: extras(map[string]any{"name": p.Name, "update_time": when(p.UpdateTime)})}
		}
		return all, out.NextPageToken, nil
	})
}

// ListImages lists the images, whether or not they have tags.
func (d *artifactsDriver) ListImages(ctx context.Context, in container.ListImages) iter.Seq2[container.Image, error] {
	return inRepositories(ctx, d, func(ctx context.Context, repository, cursor string) ([]container.Image, string, error) {
		out, err := do(d.api.Projects.Locations.Repositories.DockerImages.List(repository).PageSize(d.page(mostArtifacts)).PageToken(cursor).Context(ctx))
		if err != nil {
			return nil, "", err
		}
		all := make([]container.Image, len(out.DockerImages))
		for i, image := range out.DockerImages {
			all[i] = dockerImageOf(image, in.Name)
		}
		return all, out.NextPageToken, nil
	})
}

// dockerImageOf is an image by the first of its tags, or the one that is looked for.
func dockerImageOf(i *artifacts.DockerImage, wanted string) container.Image {
	repository, digest, _ := strings.Cut(i.Uri, "@")
	out := container.Image{ID: i.Uri, Name: registry.Called(repository, digest, i.Tags, wanted), Digest: digest, Size: i.ImageSizeBytes, CreatedAt: when(i.BuildTime)}
	var platforms []any
	for _, m := range i.ImageManifests {
		platform := m.Os + "/" + m.Architecture
		if m.Variant != "" {
			platform += "/" + m.Variant
		}
		platforms = append(platforms, map[string]any{"digest": m.Digest, "media_type": m.MediaType, "platform": platform})
	}
	out.Extra = extras(map[string]any{"media_type": i.MediaType, "artifact_type": i.ArtifactType, "tags": i.Tags, "platforms": platforms, "name": i.Name,
		"upload_time": when(i.UploadTime), "update_time": when(i.UpdateTime)})
	return out
}

// ListTags lists the images of a repository that have tags, each with all of them.
func (d *artifactsDriver) ListTags(ctx context.Context, in container.ListTags) iter.Seq2[container.Tag, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]container.Tag, string, error) {
		name, err := d.Repository(in.Repository)
		if err != nil {
			return nil, "", err
		}
		parent, err := d.resource(name)
		if err != nil {
			return nil, "", err
		}
		out, err := do(d.api.Projects.Locations.Repositories.Packages.Versions.List(parent).View("FULL").PageSize(d.page(mostArtifacts)).PageToken(cursor).Context(ctx))
		if err != nil {
			return nil, "", err
		}
		var all []container.Tag
		for _, v := range out.Versions {
			tags, err := d.tags(ctx, parent, v)
			if err != nil {
				return nil, "", err
			}
			var image struct {
				ImageSizeBytes          json.Number
				MediaType, ArtifactType string
			}
			if v.Metadata != nil {
				if err := json.Unmarshal(v.Metadata, &image); err != nil {
					return nil, "", failed(err)
				}
			}
			size, _ := image.ImageSizeBytes.Int64() // 0 is not known
			for _, tag := range tags {
				all = append(all, container.Tag{Repository: in.Repository, Name: base(tag.Name), Digest: base(v.Name), Size: size, CreatedAt: when(v.CreateTime),
					Extra: extras(map[string]any{"media_type": image.MediaType, "artifact_type": image.ArtifactType})})
			}
		}
		return all, out.NextPageToken, nil
	})
}

// mostTags is how many of its tags a version shows.
const mostTags = 100

// tags are all tags of a version.
func (d *artifactsDriver) tags(ctx context.Context, parent string, v *artifacts.Version) ([]*artifacts.Tag, error) {
	if len(v.RelatedTags) < mostTags {
		return v.RelatedTags, nil
	}
	var all []*artifacts.Tag
	for cursor := ""; ; {
		page, err := persist(ctx, func() (*artifacts.ListTagsResponse, error) {
			return do(d.api.Projects.Locations.Repositories.Packages.Tags.List(parent).Filter(`version="` + v.Name + `"`).PageSize(mostArtifacts).PageToken(cursor).Context(ctx))
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Tags...)
		if cursor = page.NextPageToken; cursor == "" {
			return all, nil
		}
	}
}

// DeleteImage deletes a tag or, by its digest, an image with all its tags.
func (d *artifactsDriver) DeleteImage(ctx context.Context, in container.DeleteImage) error {
	repository, tag, digest, err := d.Parts(in.Image)
	if err != nil {
		return err
	}
	name, err := d.resource(repository)
	if err != nil {
		return err
	}
	packages := d.api.Projects.Locations.Repositories.Packages
	if digest == "" {
		_, err = do(packages.Tags.Delete(name + "/tags/" + tag).Context(ctx))
		return err
	}
	begun, err := do(packages.Versions.Delete(name + "/versions/" + digest).Force(true).Context(ctx))
	if err != nil {
		return err
	}
	return op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		if !begun.Done {
			begun, err = persist(ctx, func() (*artifacts.Operation, error) {
				return do(d.api.Projects.Locations.Operations.Get(begun.Name).Context(ctx))
			})
			if err != nil {
				return false, err
			}
		}
		if begun.Error != nil {
			return false, failedOperation(begun.Name, begun.Error.Code, begun.Error.Message)
		}
		return begun.Done, nil
	})
}

// A project that belongs to a domain is "example.com:project" in the API, and
// "example.com/project" in the names of images.

// resource is the API's name of a repository of the registry's, a package.
func (d *artifactsDriver) resource(repository string) (string, error) {
	project, rest, _ := strings.Cut(repository, "/")
	if strings.Contains(project, ".") {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		project += ":" + name
	}
	folder, image, ok := strings.Cut(rest, "/")
	if !ok {
		return "", op.Errorf(op.NotFound, "there is no repository %q: its name would be of project, repository and image, like \"my-project/web/app\"", repository)
	}
	if err := d.placed(); err != nil {
		return "", err
	}
	return "projects/" + project + "/locations/" + d.config.Location + "/repositories/" + folder + "/packages/" + strings.ReplaceAll(image, "/", "%2F"), nil
}

// shown is what the registry calls the package of that name in the API.
func shown(resource string) string {
	parts := strings.Split(resource, "/") // projects/p/locations/l/repositories/r/packages/i
	if len(parts) != 8 {
		return resource
	}
	return strings.ReplaceAll(parts[1], ":", "/") + "/" + parts[5] + "/" + strings.ReplaceAll(parts[7], "%2F", "/")
}
