package sim

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// containerDriver is the driver of the container family.
type containerDriver struct{ driver }

const (
	clusters = table[clusterRecord]("clusters")
	pulled   = table[container.Image]("container_images")
)

// A clusterRecord is a cluster as the world keeps it.
type clusterRecord struct {
	container.Cluster
	transition[container.State]
}

func (c clusterRecord) settled(now time.Time) clusterRecord {
	if c.arrived(now) {
		c.State, c.transition = c.Next, transition[container.State]{}
	}
	return c
}

func (c clusterRecord) show() container.Cluster {
	out := c.Cluster
	out.Tags = maps.Clone(c.Tags)
	if c.State == container.Running {
		out.Endpoint = "https://" + c.ID + ".sim.invalid"
	}
	return out
}

func (d containerDriver) ListLocations(ctx context.Context, in container.ListLocations) iter.Seq2[container.Location, error] {
	var all []container.Location
	for _, l := range locations() {
		all = append(all, container.Location{ID: l.ID, Name: l.Name, Country: l.Country})
	}
	return listed(ctx, d.driver, all)
}

func (containerDriver) cluster(tx *txn, now time.Time, id string) (clusterRecord, error) {
	c, ok := clusters.get(tx, id)
	if !ok {
		return c, notFound("cluster", id)
	}
	return c.settled(now), nil
}

func (d containerDriver) ListClusters(ctx context.Context, in container.ListClusters) iter.Seq2[container.Cluster, error] {
	return list(ctx, d.driver, clusters, func(tx *txn, now time.Time, c clusterRecord) (container.Cluster, bool) {
		return c.settled(now).show(), is(in.Name, c.Name) && is(in.Location, c.Location)
	})
}

func (d containerDriver) GetCluster(ctx context.Context, in container.GetCluster) (container.Cluster, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (container.Cluster, error) { return d.showCluster(tx, now, in.Cluster) })
}

func (d containerDriver) showCluster(tx *txn, now time.Time, id string) (container.Cluster, error) {
	c, err := d.cluster(tx, now, id)
	return c.show(), err
}

// clusterVersions are the versions there are, the first by default.
var clusterVersions = [...]string{"1.37", "1.36", "1.35"}

func (d containerDriver) CreateCluster(ctx context.Context, in container.CreateCluster) (container.Cluster, error) {
	return create(ctx, d.driver, "create_cluster", in, func(tx *txn, now time.Time) (string, error) {
		location, err := d.place(in.Location)
		if err != nil {
			return "", err
		}
		version := clusterVersions[0]
		replace(&version, in.Version)
		if !slices.Contains(clusterVersions[:], version) {
			return "", invalid("version: there is no %q%s", version, op.DidYouMean(version, clusterVersions[:]))
		}
		machines := 1
		replace(&machines, in.Nodes)
		if machines < 1 {
			return "", invalid("nodes is at least 1, not %d", machines)
		}
		if in.Size != "" {
			if _, err := findSize(in.Size); err != nil {
				return "", err
			}
		}
		for id, c := range clusters.from(tx, "") {
			if c.Name == in.Name {
				return "", op.Errorf(op.AlreadyExists, "there is a cluster %q already: %s", in.Name, id)
			}
		}
		if err := take(tx, "clusters", 1, d.config.MaxClusters); err != nil {
			return "", err
		}
		c := clusterRecord{Cluster: container.Cluster{ID: nextID(tx, "cluster"), Name: in.Name, State: container.Pending, Location: location,
			Version: version, Nodes: machines, Tags: maps.Clone(in.Tags), CreatedAt: now},
			transition: transition[container.State]{container.Running, now.Add(2 * d.boot)}}
		clusters.put(tx, c.ID, c)
		return c.ID, nil
	}, d.showCluster)
}

func (d containerDriver) DestroyCluster(ctx context.Context, in container.DestroyCluster) error {
	return change(ctx, d.driver, "destroy_cluster", in, func(tx *txn, now time.Time) error {
		c, err := d.cluster(tx, now, in.Cluster)
		if err != nil {
			return err
		}
		for id, other := range containers.from(tx, "") {
			if other.Cluster == c.ID {
				return conflict("cluster %s still has container %s: destroy it first", c.ID, id)
			}
		}
		clusters.delete(tx, c.ID)
		give(tx, "clusters", 1)
		return nil
	})
}

// Images.

func (d containerDriver) ListImages(ctx context.Context, in container.ListImages) iter.Seq2[container.Image, error] {
	return list(ctx, d.driver, pulled, func(tx *txn, now time.Time, i container.Image) (container.Image, bool) { return i, is(in.Name, i.Name) })
}

// pull finds an image by its id or name, and gets it from the registry if it
// is not there yet.
func (d containerDriver) pull(tx *txn, name string) (container.Image, error) {
	if i, ok := pulled.get(tx, name); ok {
		return i, nil
	}
	i, err := inRegistry(tx, name)
	if err == nil {
		pulled.put(tx, i.ID, i)
	}
	return i, err
}

func (d containerDriver) PullImage(ctx context.Context, in container.PullImage) (container.Image, error) {
	return create(ctx, d.driver, "pull_image", in, func(tx *txn, now time.Time) (string, error) {
		i, err := d.pull(tx, in.Name)
		return i.ID, err
	}, func(tx *txn, now time.Time, id string) (container.Image, error) { return containerImage(tx, id) })
}

// containerImage returns an image that is there, by its id or name.
func containerImage(tx *txn, id string) (container.Image, error) {
	if i, ok := pulled.get(tx, id); ok {
		return i, nil
	}
	if i, err := inRegistry(tx, id); err == nil {
		if i, ok := pulled.get(tx, i.ID); ok {
			return i, nil
		}
	}
	return container.Image{}, notFound("image", id)
}

// GetImage finds images by their id or name, whether they were pulled or are in the registry.
func (d containerDriver) GetImage(ctx context.Context, in container.GetImage) (container.Image, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (container.Image, error) { return d.named(tx, in.Image) })
}

// DeleteImage deletes an image that was pulled, else the tag of a copy.
func (d containerDriver) DeleteImage(ctx context.Context, in container.DeleteImage) error {
	return change(ctx, d.driver, "delete_image", in, func(tx *txn, now time.Time) error {
		if repo, tag, _, err := imageReference(in.Image); err == nil {
			if _, ok := copies.get(tx, repo+":"+tag); ok {
				copies.delete(tx, repo+":"+tag)
				return nil
			}
		}
		i, err := containerImage(tx, in.Image)
		if err != nil {
			return err
		}
		for id, c := range containers.from(tx, "") {
			if c.Image == i.Name {
				return conflict("image %s is used by container %s", i.Name, id)
			}
		}
		pulled.delete(tx, i.ID)
		return nil
	})
}

// Registries.

// A copied is a tag that somebody gave an image of the registry.
type copied struct {
	Repository string    `json:"repository"`
	Tag        string    `json:"tag"`
	Of         string    `json:"of"` // the name of the image that was there before
	CreatedAt  time.Time `json:"created_at"`
}

const copies = table[copied]("container_copies") // by repository and tag

// inRegistry looks an image up by its name, copies too.
func inRegistry(tx *txn, name string) (container.Image, error) {
	repo, tag, digest, err := imageReference(name)
	if err != nil {
		return container.Image{}, err
	}
	if c, ok := copies.get(tx, repo+":"+tag); ok && digest == "" {
		return fromRegistry(c.Of)
	}
	return fromRegistry(name)
}

// tag has the registry know an image by a further name.
func (d containerDriver) tag(ctx context.Context, row string, in any, image, to string) (container.Image, error) {
	return create(ctx, d.driver, row, in, func(tx *txn, now time.Time) (string, error) {
		i, err := d.image(tx, image)
		if err != nil {
			return "", err
		}
		repo, tag, digest, err := imageReference(to)
		if err == nil && digest != "" {
			err = invalid("%q names a digest: what is written gets a tag", brief(to))
		}
		if err != nil {
			return "", err
		}
		if _, err := fromRegistry(repo + ":" + tag); err == nil {
			return "", op.Errorf(op.PermissionDenied, "repository %q belongs to the cloud: write to one of another name", repo)
		}
		copies.put(tx, repo+":"+tag, copied{Repository: repo, Tag: tag, Of: i.Name, CreatedAt: now})
		return i.ID, nil
	}, func(tx *txn, now time.Time, _ string) (container.Image, error) { return d.named(tx, to) })
}

// image finds an image by id or name, here or in the registry.
func (d containerDriver) image(tx *txn, id string) (container.Image, error) {
	if i, ok := pulled.get(tx, id); ok {
		return i, nil
	}
	if digestForm.MatchString(id) {
		for _, r := range registry() {
			if i, err := fromRegistry(r.name + "@" + id); err == nil {
				return i, nil
			}
		}
		return container.Image{}, notFound("image", id)
	}
	return inRegistry(tx, id)
}

// named is an image as it is called: a copy has the name that it was given.
func (d containerDriver) named(tx *txn, id string) (container.Image, error) {
	i, err := d.image(tx, id)
	if err != nil {
		return i, err
	}
	if repo, tag, digest, err := imageReference(id); err == nil && digest == "" {
		if _, ok := copies.get(tx, repo+":"+tag); ok {
			i.Name = repo + ":" + tag
		}
	}
	return i, nil
}

func (d containerDriver) CopyImage(ctx context.Context, in container.CopyImage) (container.Image, error) {
	return d.tag(ctx, "copy_image", in, in.Image, in.To)
}

func (d containerDriver) PushImage(ctx context.Context, in container.PushImage) (container.Image, error) {
	to := in.To
	if to == "" {
		to = in.Image
	}
	return d.tag(ctx, "push_image", in, in.Image, to)
}

// repositories are those that the registry began with, and those of copies.
func repositories(tx *txn) []container.Repository {
	var all []container.Repository
	for _, r := range registry() {
		all = append(all, container.Repository{Name: r.name, CreatedAt: built})
	}
	for _, c := range copies.from(tx, "") {
		if !slices.ContainsFunc(all, func(r container.Repository) bool { return r.Name == c.Repository }) {
			all = append(all, container.Repository{Name: c.Repository, CreatedAt: c.CreatedAt})
		}
	}
	return all
}

// tags are a repository's.
func tags(tx *txn, repository string) ([]container.Tag, error) {
	r, err := findRepository(repository)
	var all []container.Tag
	for _, tag := range r.tags {
		all = append(all, container.Tag{Repository: r.name, Name: tag, Digest: r.digest(tag), Size: r.size, CreatedAt: built})
	}
	for _, c := range copies.from(tx, "") {
		if c.Repository == repository {
			err = nil
			i, _ := fromRegistry(c.Of)
			all = append(all, container.Tag{Repository: repository, Name: c.Tag, Digest: i.Digest, Size: i.Size, CreatedAt: c.CreatedAt})
		}
	}
	return all, err
}

func (d containerDriver) ListRepositories(ctx context.Context, in container.ListRepositories) iter.Seq2[container.Repository, error] {
	return looked(ctx, d.driver, func(tx *txn) ([]container.Repository, error) { return repositories(tx), nil })
}

func (d containerDriver) ListTags(ctx context.Context, in container.ListTags) iter.Seq2[container.Tag, error] {
	return looked(ctx, d.driver, func(tx *txn) ([]container.Tag, error) { return tags(tx, in.Repository) })
}

// imageReference takes an image's name apart: "docker.io/library/nginx:1.29",
// "nginx", "nginx@sha256:…".
func imageReference(name string) (repository, tag, digest string, err error) {
	rest, digest, _ := strings.Cut(name, "@")
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "docker.io/"), "library/")
	repository, tag, tagged := strings.Cut(rest, ":")
	if !tagged && digest == "" {
		tag = "latest"
	}
	if !repositoryName.MatchString(repository) || tagged && !tagName.MatchString(tag) || digest != "" && !digestForm.MatchString(digest) {
		return "", "", "", invalid("%q is not an image's name like \"nginx:1.29\"", brief(name))
	}
	return repository, tag, digest, nil
}
