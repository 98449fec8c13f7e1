package lxd

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// An image is one that the server has.
type image struct {
	Fingerprint  string `json:"fingerprint"`
	Architecture string `json:"architecture"`
	Type         string `json:"type"`
	Size         int64  `json:"size"`
	Public       bool   `json:"public"`
	Cached       bool   `json:"cached"`
	AutoUpdate   bool   `json:"auto_update"`
	Aliases      []struct {
		Name string `json:"name"`
	} `json:"aliases"`
	Properties map[string]string `json:"properties"`
	CreatedAt  time.Time         `json:"created_at"`
	UploadedAt time.Time         `json:"uploaded_at"`
	Origin     *struct {
		Server string `json:"server"`
		Alias  string `json:"alias"`
	} `json:"update_source"`
}

// A source is where a container, or an image, comes from.
type source struct {
	Type        string `json:"type"` // image, url
	Mode        string `json:"mode,omitempty"`
	Server      string `json:"server,omitempty"`
	Protocol    string `json:"protocol,omitempty"`
	Certificate string `json:"certificate,omitempty"` // the server's, where it is its own
	Alias       string `json:"alias,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	URL         string `json:"url,omitempty"`
}

var (
	aliasForm       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./:+@-]*$`)
	fingerprintForm = regexp.MustCompile(`^[0-9a-f]{12,64}$`)
)

func checkImage(name string) error {
	if !aliasForm.MatchString(name) {
		return op.Errorf(op.InvalidArgument, "image: %q is no image's name: an alias or fingerprint, or REMOTE:ALIAS of an image server", name)
	}
	return nil
}

// source is where an image is to be had by its name: here by an alias or
// fingerprint, elsewhere by that of a remote.
func (d *driver) source(ctx context.Context, name string) (source, error) {
	if err := checkImage(name); err != nil {
		return source{}, err
	}
	from, alias, elsewhere := d.elsewhere(name)
	if !elsewhere {
		i, err := d.image(ctx, name)
		return source{Type: "image", Fingerprint: i.Fingerprint}, err
	}
	r, err := d.remotes.named(from)
	if err != nil {
		return source{}, op.Errorf(op.InvalidArgument, "image: %s", op.AsError(err).Message)
	}
	s := source{Type: "image", Mode: "pull", Server: r.Address, Protocol: cmp.Or(r.Protocol, "lxd"), Alias: alias}
	if fingerprintForm.MatchString(alias) {
		s.Alias, s.Fingerprint = "", alias
	}
	if s.Server == "" { // "images", which is what the server's own command line means
		known, err := d.server(ctx)
		if err != nil {
			return source{}, err
		}
		s.Server = imagesOfLXD
		if known.Environment.Server == "incus" {
			s.Server = imagesOfIncus
		}
	}
	if file := d.remotes.certificate(from); file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return source{}, op.Errorf(op.InvalidArgument, "the certificate of the remote %q: %w", from, err)
		}
		s.Certificate = string(data)
	}
	return s, nil
}

// elsewhere takes apart the name of an image at a remote.
func (d *driver) elsewhere(name string) (remote, alias string, ok bool) {
	remote, alias, ok = strings.Cut(name, ":")
	if ok && remote == "local" {
		return "", alias, false
	}
	return remote, alias, ok
}

// ListImages is one page: the API answers with all of them.
func (d *driver) ListImages(ctx context.Context, in container.ListImages) iter.Seq2[container.Image, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]container.Image, string, error) {
		found, err := d.images(ctx)
		all := make([]container.Image, len(found))
		for n, i := range found {
			all[n] = d.shown(i, in.Name)
		}
		return all, "", err
	})
}

func (d *driver) images(ctx context.Context) ([]image, error) {
	return get[[]image](ctx, d, "/1.0/images", url.Values{"recursion": {"1"}})
}

func (d *driver) GetImage(ctx context.Context, in container.GetImage) (container.Image, error) {
	i, err := d.image(ctx, in.Image)
	if err != nil {
		return container.Image{}, err
	}
	return d.shown(i, in.Image), nil
}

// image is one that the server has, by alias, fingerprint, or where it came from.
func (d *driver) image(ctx context.Context, name string) (image, error) {
	var none image
	if err := checkImage(name); err != nil {
		return none, err
	}
	if _, alias, elsewhere := d.elsewhere(name); elsewhere {
		all, err := d.images(ctx)
		if err != nil {
			return none, err
		}
		for _, i := range all {
			if slices.Contains(d.names(i), name) {
				return i, nil
			}
		}
		return none, op.Errorf(op.NotFound, "the server has no image %q: pull_image gets it", name)
	} else {
		name = cmp.Or(alias, name)
	}
	entry, err := get[struct {
		Target string `json:"target"`
	}](ctx, d, "/1.0/images/aliases/"+url.PathEscape(name), nil)
	switch {
	case err == nil:
		return get[image](ctx, d, "/1.0/images/"+url.PathEscape(entry.Target), nil)
	case op.KindOf(err) == op.NotFound && fingerprintForm.MatchString(name):
		return get[image](ctx, d, "/1.0/images/"+name, nil)
	case op.KindOf(err) == op.NotFound:
		return none, op.Errorf(op.NotFound, "the server has no image %q; an image server's is called REMOTE:ALIAS", name)
	}
	return none, err
}

// names are what an image may be asked for by: its aliases, what it was called
// where it came from, its fingerprint.
func (d *driver) names(i image) []string {
	var names []string
	for _, a := range i.Aliases {
		names = append(names, a.Name)
	}
	if i.Origin != nil && i.Origin.Alias != "" {
		for _, name := range slices.Sorted(maps.Keys(d.remotes.all)) {
			at := d.remotes.all[name].Address
			if at == i.Origin.Server || at == "" && (i.Origin.Server == imagesOfLXD || i.Origin.Server == imagesOfIncus) {
				names = append(names, name+":"+i.Origin.Alias)
			}
		}
	}
	return append(names, i.Fingerprint)
}

// PullImage has the server download an image, and keep it. What is here by its name
// alone came from nowhere, and stays as it is.
func (d *driver) PullImage(ctx context.Context, in container.PullImage) (container.Image, error) {
	var none container.Image
	from := source{Type: "url", Mode: "pull", URL: in.Name}
	if !strings.HasPrefix(in.Name, "https://") && !strings.HasPrefix(in.Name, "http://") {
		var err error
		if from, err = d.source(ctx, in.Name); err != nil {
			return none, err
		}
		if from.Server == "" {
			return d.GetImage(ctx, container.GetImage{Image: in.Name})
		}
	}
	o, err := d.act(ctx, http.MethodPost, "/1.0/images", nil, map[string]any{"source": from})
	if err != nil {
		return none, err
	}
	var made struct {
		Fingerprint string `json:"fingerprint"`
	}
	if err := decode(o.Metadata, &made); err != nil {
		return none, err
	}
	i, err := d.image(ctx, made.Fingerprint)
	if err != nil {
		return none, err
	}
	return d.shown(i, in.Name), nil
}

func (d *driver) DeleteImage(ctx context.Context, in container.DeleteImage) error {
	i, err := d.image(ctx, in.Image)
	if err == nil {
		_, err = d.act(ctx, http.MethodDelete, "/1.0/images/"+i.Fingerprint, nil, nil)
	}
	return err
}

// architectures are those whose names differ from what they are called elsewhere.
var architectures = map[string]string{"x86_64": "amd64", "i686": "386", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le"}

// shown is an image by the name it was asked for, if that is one of its names, or
// by the first.
func (d *driver) shown(i image, asked string) container.Image {
	names := d.names(i)
	out := container.Image{ID: i.Fingerprint, Name: names[0], Architecture: cmp.Or(architectures[i.Architecture], i.Architecture), Size: i.Size, CreatedAt: i.CreatedAt.UTC(),
		Extra: map[string]any{"names": list(names[:len(names)-1]), "type": cmp.Or(i.Type, "container"), "public": i.Public, "cached": i.Cached, "auto_update": i.AutoUpdate,
			"properties": texts(i.Properties), "uploaded_at": i.UploadedAt.UTC()}}
	if asked = strings.TrimPrefix(asked, "local:"); slices.Contains(names, asked) {
		out.Name = asked
	}
	if i.Origin != nil {
		out.Extra["server"] = i.Origin.Server
	}
	return out
}

func texts(m map[string]string) map[string]any {
	all := make(map[string]any, len(m))
	for k, v := range m {
		all[k] = v
	}
	return all
}
