package registry

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// ListRepositories asks the own registry for its catalog. Public registries
// have none, or show it to nobody.
func (c *Client) ListRepositories(ctx context.Context, in container.ListRepositories) iter.Seq2[container.Repository, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]container.Repository, string, error) {
		reg, err := c.own()
		if err != nil {
			return nil, "", err
		}
		names, next, err := c.page(ctx, reg, reg, reg.Scope(transport.CatalogScope), "/v2/_catalog", cursor)
		all := make([]container.Repository, len(names.Repositories))
		for i, n := range names.Repositories {
			all[i] = container.Repository{Name: n}
		}
		return all, next, err
	})
}

// ListTags asks for the names alone, which is all that a registry's list has.
func (c *Client) ListTags(ctx context.Context, in container.ListTags) iter.Seq2[container.Tag, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]container.Tag, string, error) {
		repo, err := c.repository(in.Repository)
		if err != nil {
			return nil, "", err
		}
		names, next, err := c.page(ctx, repo, repo.Registry, repo.Scope(transport.PullScope), "/v2/"+repo.RepositoryStr()+"/tags/list", cursor)
		all := make([]container.Tag, len(names.Tags))
		for i, n := range names.Tags {
			all[i] = container.Tag{Repository: in.Repository, Name: n}
		}
		return all, next, err
	})
}

// names is a page of either list.
type names struct{ Repositories, Tags []string }

func (c *Client) page(ctx context.Context, target interface {
	String() string
	RegistryStr() string
}, reg name.Registry, scope, path, cursor string) (names, string, error) {
	query := url.Values{"n": {strconv.Itoa(c.pageSize)}}
	if cursor != "" {
		query.Set("last", cursor)
	}
	var page names
	h, err := do(ctx, func(ctx context.Context) (http.Header, error) {
		return c.fetch(ctx, target, reg, scope, http.MethodGet, path, query, nil, nil, &page)
	})
	if err != nil {
		return names{}, "", err
	}
	return page, next(h), nil
}

// GetImage looks up what a name stands for now. The image's id is its name with
// the digest in place of the tag.
func (c *Client) GetImage(ctx context.Context, in container.GetImage) (container.Image, error) {
	ref, err := c.reference(in.Image)
	if err != nil {
		return container.Image{}, err
	}
	return do(ctx, func(ctx context.Context) (container.Image, error) {
		options, err := c.options(ctx, ref.Context(), transport.PullScope)
		if err != nil {
			return container.Image{}, err
		}
		d, err := remote.Get(ref, options...)
		if err != nil {
			return container.Image{}, err
		}
		return c.describe(ref, d)
	})
}

func (c *Client) describe(ref name.Reference, d *remote.Descriptor) (container.Image, error) {
	out := container.Image{ID: ref.Context().Digest(d.Digest.String()).String(), Name: ref.String(), Digest: d.Digest.String(),
		Extra: map[string]any{"media_type": string(d.MediaType), "repository": ref.Context().RepositoryStr(), "registry": ref.Context().RegistryStr()}}
	if d.MediaType.IsIndex() {
		index, err := d.ImageIndex()
		if err != nil {
			return out, err
		}
		return out, platforms(&out, index)
	}
	i, err := d.Image()
	if err != nil {
		return out, err
	}
	m, err := i.Manifest()
	if err != nil {
		return out, err
	}
	out.Size = size(m)
	layers := make([]any, len(m.Layers))
	for n, l := range m.Layers {
		layers[n] = map[string]any{"digest": l.Digest.String(), "size": l.Size, "media_type": string(l.MediaType)}
	}
	out.Extra["layers"], out.Extra["annotations"] = layers, texts(m.Annotations)
	if !m.Config.MediaType.IsConfig() {
		out.Extra["artifact_type"] = string(m.Config.MediaType) // not of a container: it says nothing of what it runs on
		return out, nil
	}
	f, err := i.ConfigFile()
	if err != nil {
		return out, err
	}
	out.Architecture, out.CreatedAt = f.Architecture, f.Created.Time
	for name, v := range map[string]any{"os": f.OS, "command": list(f.Config.Cmd), "entrypoint": list(f.Config.Entrypoint), "environment": list(f.Config.Env),
		"user": f.Config.User, "working_dir": f.Config.WorkingDir, "labels": texts(f.Config.Labels)} {
		out.Extra[name] = v
	}
	return out, nil
}

// most is how many of an index's images are looked at for their size.
const most = 32

// platforms describes an index by the images in it, one a platform.
func platforms(out *container.Image, index v1.ImageIndex) error {
	m, err := index.IndexManifest()
	if err != nil {
		return err
	}
	all := []any{}
	for _, d := range m.Manifests {
		p := map[string]any{"digest": d.Digest.String(), "media_type": string(d.MediaType), "annotations": texts(d.Annotations)}
		if d.Platform != nil {
			p["platform"] = d.Platform.String()
		}
		if d.MediaType.IsImage() && len(all) < most {
			i, err := index.Image(d.Digest)
			if err != nil {
				return err
			}
			m, err := i.Manifest()
			if err != nil {
				return err
			}
			p["size"] = size(m)
			out.Size += size(m)
		}
		all = append(all, p)
	}
	out.Extra["platforms"], out.Extra["annotations"] = all, texts(m.Annotations)
	return nil
}

// size is what an image takes, compressed as it is in the registry.
func size(m *v1.Manifest) int64 {
	n := m.Config.Size
	for _, l := range m.Layers {
		n += l.Size
	}
	return n
}

// CopyImage streams an image, or an index with all its images, from registry to
// registry. What is in the same registry already is not sent again.
func (c *Client) CopyImage(ctx context.Context, in container.CopyImage) (container.Image, error) {
	var none container.Image
	from, err := c.reference(in.Image)
	if err != nil {
		return none, err
	}
	to, err := c.reference(in.To)
	if err != nil {
		return none, err
	}
	return do(ctx, func(ctx context.Context) (container.Image, error) {
		options, err := c.options(ctx, from.Context(), transport.PullScope)
		if err != nil {
			return none, err
		}
		d, err := remote.Get(from, options...)
		if err != nil {
			return none, err
		}
		if want, ok := to.(name.Digest); ok && want.DigestStr() != d.Digest.String() {
			return none, op.Errorf(op.InvalidArgument, "%s is %s: its copy cannot have another digest, as %s", from, d.Digest, to)
		}
		// Of the many requests one that fails is made again, as long as there is a retry left.
		pusher, err := remote.NewPusher(remote.WithContext(ctx), remote.WithAuthFromKeychain(c.keychain), remote.WithTransport(noting{c.transport}),
			remote.WithRetryPredicate(func(err error) bool { return err != nil && temporary(err) && op.TakeRetry(ctx) }), remote.WithRetryBackoff(remote.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.1, Steps: 8}))
		if err != nil {
			return none, err
		}
		if err := pusher.Push(ctx, to, d); err != nil {
			return none, err
		}
		options, err = c.options(ctx, to.Context(), transport.PullScope)
		if err != nil {
			return none, err
		}
		copied, err := remote.Get(to, options...)
		if err != nil {
			return none, err
		}
		if copied.Digest != d.Digest {
			return none, op.Errorf(op.Conflict, "copied, %s is %s, not %s: somebody else has pushed there meanwhile", to, copied.Digest, d.Digest)
		}
		return c.describe(to, copied)
	})
}

func temporary(err error) bool {
	switch failed(err, new(answer)).(*op.Error).Kind {
	case op.Unavailable, op.RateLimited:
		return true
	}
	return false
}

// DeleteImage deletes a name or, by its digest, an image with all its names.
func (c *Client) DeleteImage(ctx context.Context, in container.DeleteImage) error {
	ref, err := c.reference(in.Image)
	if err != nil {
		return err
	}
	_, err = do(ctx, func(ctx context.Context) (struct{}, error) {
		options, err := c.options(ctx, ref.Context(), transport.DeleteScope)
		if err == nil {
			err = remote.Delete(ref, options...)
		}
		return struct{}{}, err
	})
	if _, byTag := ref.(name.Tag); byTag && err != nil {
		if e := op.AsError(err); e.Kind == op.Unsupported || e.Code == string(transport.DigestInvalidErrorCode) {
			return c.tagsStay(ctx, ref, e)
		}
	}
	return err
}

// tagsStay is the error of a registry that deletes images, but no names of theirs.
func (c *Client) tagsStay(ctx context.Context, ref name.Reference, e *op.Error) error {
	i, err := c.GetImage(ctx, container.GetImage{Image: ref.String()})
	if err != nil {
		return err
	}
	return &op.Error{Kind: op.Unsupported, Code: e.Code, RequestID: e.RequestID, Err: e,
		Message: "the registry deletes no tags, or nothing at all (" + e.Message + "); to delete the image with all its tags, name it by its digest: " + i.ID}
}

func list(words []string) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = w
	}
	return all
}

func texts(m map[string]string) map[string]any {
	all := make(map[string]any, len(m))
	for k, v := range m {
		all[k] = v
	}
	return all
}
