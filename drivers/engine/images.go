package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/pkg/authconfig"
	hub "github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"
	platforms "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/registry"
)

// ListImages is one page: the daemon answers with all of them.
func (d *Driver) ListImages(ctx context.Context, in container.ListImages) iter.Seq2[container.Image, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]container.Image, string, error) {
		out, err := ask(ctx, d.api.ImageList, client.ImageListOptions{})
		if err != nil {
			return nil, "", err
		}
		all := make([]container.Image, len(out.Items))
		for i, s := range out.Items {
			all[i] = image(s.ID, s.RepoTags, s.RepoDigests, in.Name)
			all[i].Size, all[i].CreatedAt = s.Size, time.Unix(s.Created, 0).UTC()
			all[i].Extra["labels"] = labels(s.Labels)
		}
		return all, "", nil
	})
}

func (d *Driver) GetImage(ctx context.Context, in container.GetImage) (container.Image, error) {
	return d.image(ctx, in.Image)
}

func (d *Driver) PullImage(ctx context.Context, in container.PullImage) (container.Image, error) {
	if err := d.pull(ctx, in.Name, ""); err != nil {
		return container.Image{}, err
	}
	return d.image(ctx, in.Name)
}

// pull has the daemon get an image, and waits until it has.
func (d *Driver) pull(ctx context.Context, name, on string) error {
	ref, err := named(name)
	if err != nil {
		return err
	}
	options := client.ImagePullOptions{}
	if options.RegistryAuth, err = d.credentials(ctx, ref); err != nil {
		return err
	}
	if on != "" {
		p, err := platform(on)
		if err != nil {
			return err
		}
		options.Platforms = []platforms.Platform{p}
	}
	_, err = ask(ctx, func(ctx context.Context, o client.ImagePullOptions) (client.ImagePullResponse, error) {
		out, err := d.api.ImagePull(ctx, ref.String(), o)
		return out, finished(ctx, out, err)
	}, options)
	return err
}

// finished reads an answer that tells of progress to its end, where it says how
// that went.
func finished(ctx context.Context, answer interface {
	io.Closer
	Wait(ctx context.Context) error
}, err error) error {
	if err != nil {
		return err
	}
	defer answer.Close()
	return answer.Wait(ctx)
}

// isID reports whether an image is said by its id, which no registry knows.
func isID(image string) bool { return strings.HasPrefix(image, "sha256:") }

// named reads an image's name, and adds what it leaves out.
func named(name string) (reference.Named, error) {
	ref, err := reference.ParseNormalizedNamed(name)
	if err == nil && isID(name) {
		err = reference.ErrReferenceInvalidFormat
	}
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%q is not an image's name like \"nginx:1.29\": %w", name, err)
	}
	return reference.TagNameOnly(ref), nil
}

// credentials are what the daemon is to show to an image's registry, in the form
// of the API's header. Older daemons insist on one, be there credentials or not.
func (d *Driver) credentials(ctx context.Context, ref reference.Named) (string, error) {
	host := reference.Domain(ref)
	a, err := registry.Resolve(ctx, d.keychain, host)
	if err != nil {
		return "", err
	}
	c := hub.AuthConfig{Username: a.Username, Password: a.Password, Auth: a.Auth, IdentityToken: a.IdentityToken, RegistryToken: a.RegistryToken}
	if c != (hub.AuthConfig{}) {
		c.ServerAddress = host
	}
	return authconfig.Encode(c)
}

func (d *Driver) image(ctx context.Context, id string) (container.Image, error) {
	if err := isImage(id); err != nil {
		return container.Image{}, err
	}
	i, err := askOf(ctx, func(ctx context.Context, id string, _ struct{}) (client.ImageInspectResult, error) {
		return d.api.ImageInspect(ctx, id)
	}, id, struct{}{})
	if err != nil {
		return container.Image{}, err
	}
	out := image(i.ID, i.RepoTags, i.RepoDigests, id)
	out.Architecture, out.Size, out.CreatedAt = i.Architecture, i.Size, instant(i.Created)
	out.Extra["os"], out.Extra["layers"] = i.Os, words(i.RootFS.Layers)
	if c := i.Config; c != nil {
		for name, v := range map[string]any{"command": words(c.Cmd), "entrypoint": words(c.Entrypoint), "environment": words(c.Env), "user": c.User,
			"working_dir": c.WorkingDir, "labels": labels(c.Labels)} {
			out.Extra[name] = v
		}
	}
	return out, nil
}

// isImage refuses what would make another path of the request's.
func isImage(id string) error {
	if id == "" || strings.ContainsAny(id, "?#% ") || slices.Contains(strings.Split(id, "/"), "..") || strings.HasPrefix(id, "/") {
		return op.Errorf(op.NotFound, "no such image: %q is neither an id nor a name", id)
	}
	return nil
}

// PushImage sends an image. The daemon sends by name alone, so a name to send it
// under is given to it first, and taken away again when it cannot be sent.
func (d *Driver) PushImage(ctx context.Context, in container.PushImage) (container.Image, error) {
	var none container.Image
	i, err := d.image(ctx, in.Image)
	if err != nil {
		return none, err
	}
	ref, err := named(cmp.Or(in.To, i.Name))
	if err != nil {
		return none, err
	}
	if _, byDigest := ref.(reference.Digested); byDigest {
		return none, op.Errorf(op.InvalidArgument, "%s names an image by its digest, which cannot be chosen: give a name and tag to send it under with to", ref)
	}
	auth, err := d.credentials(ctx, ref)
	if err != nil {
		return none, err
	}
	if in.To != "" {
		before, err := d.image(ctx, ref.String())
		if err != nil && op.KindOf(err) != op.NotFound {
			return none, err
		}
		if err := d.tag(ctx, i.ID, ref.String()); err != nil {
			return none, err
		}
		pushed, err := d.push(ctx, ref, auth)
		if err != nil && before.ID != i.ID {
			undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
			defer cancel()
			back := d.untag(undo, ref.String(), before.ID)
			if back != nil {
				e := *op.AsError(err)
				e.Message += "; and the name " + ref.String() + " is still that of the image here: " + op.AsError(back).Message
				return none, &e
			}
		}
		return pushed, err
	}
	return d.push(ctx, ref, auth)
}

func (d *Driver) tag(ctx context.Context, id, name string) error {
	_, err := ask(ctx, d.api.ImageTag, client.ImageTagOptions{Source: id, Target: name})
	return err
}

// untag gives a name back to the image that had it, or to none.
func (d *Driver) untag(ctx context.Context, name, before string) error {
	if before != "" {
		return d.tag(ctx, before, name)
	}
	return d.DeleteImage(ctx, container.DeleteImage{Image: name})
}

// push sends an image to its registry; the last that the daemon tells is the digest there.
func (d *Driver) push(ctx context.Context, ref reference.Named, auth string) (container.Image, error) {
	digest, err := ask(ctx, func(ctx context.Context, o client.ImagePushOptions) (digest string, err error) {
		answer, err := d.api.ImagePush(ctx, ref.String(), o)
		if err != nil {
			return "", err
		}
		defer answer.Close()
		for m, err := range answer.JSONMessages(ctx) {
			if err != nil {
				return "", err
			}
			if m.Error != nil {
				return "", m.Error
			}
			var aux struct{ Digest string }
			if m.Aux != nil && json.Unmarshal(*m.Aux, &aux) == nil && aux.Digest != "" {
				digest = aux.Digest
			}
		}
		return digest, nil
	}, client.ImagePushOptions{RegistryAuth: auth})
	if err != nil {
		return container.Image{}, err
	}
	i, err := d.image(ctx, ref.String())
	i.Digest = cmp.Or(digest, i.Digest)
	return i, err
}

func (d *Driver) DeleteImage(ctx context.Context, in container.DeleteImage) error {
	if err := isImage(in.Image); err != nil {
		return err
	}
	_, err := askOf(ctx, d.api.ImageRemove, in.Image, client.ImageRemoveOptions{PruneChildren: true})
	return err
}

// image is one that may have several names. It is shown by the one that it was
// asked for by, or its first.
func image(id string, tags, digests []string, asked string) container.Image {
	none := func(s string) bool { return strings.HasPrefix(s, "<none>") } // an older daemon's way to say none
	tags = slices.DeleteFunc(slices.Clone(tags), none)
	digests = slices.DeleteFunc(slices.Clone(digests), none)
	out := container.Image{ID: id, Name: id, Extra: map[string]any{"tags": words(tags), "digests": words(digests)}}
	if len(digests) > 0 {
		out.Name = digests[0]
		_, out.Digest, _ = strings.Cut(digests[0], "@")
	}
	if len(tags) > 0 {
		out.Name = tags[0]
	}
	if want, err := named(asked); asked != "" && err == nil {
		for _, t := range slices.Concat(tags, digests) {
			if have, err := named(t); err == nil && have.String() == want.String() {
				out.Name = asked
				if _, tagged := have.(reference.Digested); tagged {
					_, out.Digest, _ = strings.Cut(t, "@")
				}
			}
		}
	}
	return out
}

func labels(m map[string]string) map[string]any {
	all := make(map[string]any, len(m))
	for k, v := range m {
		all[k] = v
	}
	return all
}
