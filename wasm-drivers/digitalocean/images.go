package digitalocean

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type image struct {
	ID           int      `json:"id"`
	Name         string   `json:"name"`
	Description  string   `json:"description"`
	Type         string   `json:"type"`
	Distribution string   `json:"distribution"`
	Slug         string   `json:"slug"`
	Public       bool     `json:"public"`
	Regions      []string `json:"regions"`
	MinDisk      int      `json:"min_disk_size"`
	SizeGB       float64  `json:"size_gigabytes"`
	Status       string   `json:"status"`
	Tags         []string `json:"tags"`
	CreatedAt    string   `json:"created_at"`
}

// imageID is an image's id: its slug, which stays when DigitalOcean updates
// the image, or its number.
func imageID(id int, slug string) string {
	if slug != "" {
		return slug
	}
	return strconv.Itoa(id)
}

// imageArgument is an image as requests name it: a number, or a slug.
func imageArgument(id string) any {
	if n, err := strconv.Atoi(id); err == nil {
		return n
	}
	return id
}

func imageOf(i image) compute.Image {
	v := compute.Image{ID: imageID(i.ID, i.Slug), Name: i.Name, Description: i.Description, Architecture: compute.X86_64, Size: i.MinDisk, Public: i.Public,
		Tags: tagsOf(i.Tags), CreatedAt: timestamp(i.CreatedAt),
		Extra: map[string]any{"id": i.ID, "type": i.Type, "distribution": i.Distribution, "regions": i.Regions, "size_gigabytes": i.SizeGB}}
	switch strings.ToLower(i.Status) {
	case "available", "":
		v.State = compute.ImageAvailable
	case "new", "pending":
		v.State = compute.ImagePending
	case "deleted", "retired":
		v.State = compute.ImageDeleted
	default:
		v.State = compute.ImageUnknown
	}
	return v
}

// ListImages lists the account's own images and then DigitalOcean's: the
// cursor says which of the two, and the page.
func (d *computeDriver) ListImages(ctx context.Context, in compute.ListImages) iter.Seq2[compute.Image, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Image, string, error) {
		which, page, _ := strings.Cut(cursor, " ")
		query := url.Values{"private": {"true"}}
		if which == "public" || in.Owner != "" && in.Owner != "self" {
			which, query = "public", url.Values{"type": {"distribution"}}
		} else {
			which = "private"
		}
		items, next, err := list[image](ctx, d.client, "/v2/images", query, "images", page)
		if err != nil {
			return nil, "", err
		}
		switch {
		case next != "":
			next = which + " " + next
		case which == "private" && in.Owner == "":
			next = "public"
		}
		images := []compute.Image{}
		for _, i := range items {
			if in.Location == "" || slices.Contains(i.Regions, in.Location) {
				images = append(images, imageOf(i))
			}
		}
		return images, next, nil
	})
}

func (d *computeDriver) GetImage(ctx context.Context, in compute.GetImage) (compute.Image, error) {
	i, err := d.image(ctx, in.Image)
	if err != nil {
		return compute.Image{}, err
	}
	return imageOf(i), nil
}

func (d *computeDriver) image(ctx context.Context, id string) (image, error) {
	var answer struct {
		Image image `json:"image"`
	}
	err := d.do(ctx, http.MethodGet, path("images", id), nil, nil, &answer)
	return answer.Image, gone(err, "image", id)
}

// CreateImage makes a snapshot of a droplet. The API tells the snapshot's id
// only when it is made: among the droplet's, it is the one that was not there.
func (d *computeDriver) CreateImage(ctx context.Context, in compute.CreateImage) (compute.Image, error) {
	tags, err := words(in.Tags)
	if err != nil {
		return compute.Image{}, err
	}
	if in.Description != "" {
		return compute.Image{}, op.Errorf(op.InvalidArgument, "description: a droplet's snapshot has none")
	}
	if _, err := d.droplet(ctx, in.Node); err != nil {
		return compute.Image{}, err
	}
	before, err := every[image](ctx, d.client, "/v2/images", url.Values{"private": {"true"}}, "images")
	if err != nil {
		return compute.Image{}, err
	}
	if err := d.act(ctx, path("droplets", in.Node, "actions"), map[string]any{"type": "snapshot", "name": in.Name}); err != nil {
		return compute.Image{}, gone(err, "node", in.Node)
	}
	after, err := every[image](ctx, d.client, "/v2/images", url.Values{"private": {"true"}}, "images")
	if err != nil {
		return compute.Image{}, err
	}
	for _, i := range after {
		if i.Name == in.Name && !slices.ContainsFunc(before, func(b image) bool { return b.ID == i.ID }) {
			if err := d.retag(ctx, "image", strconv.Itoa(i.ID), i.Tags, tags); err != nil {
				return compute.Image{}, err
			}
			i.Tags = tags
			return imageOf(i), nil
		}
	}
	return compute.Image{}, op.Errorf(op.Internal, "the snapshot %s was made, and DigitalOcean does not list it", in.Name)
}

func (d *computeDriver) DeleteImage(ctx context.Context, in compute.DeleteImage) error {
	if _, err := number("image", in.Image); err != nil {
		return err // DigitalOcean's own have slugs, and cannot be deleted
	}
	return gone(d.do(ctx, http.MethodDelete, path("images", in.Image), nil, nil, nil), "image", in.Image)
}

type key struct {
	ID          int    `json:"id"`
	Name        string `json:"name"`
	PublicKey   string `json:"public_key"`
	Fingerprint string `json:"fingerprint"`
}

func keyPair(k key) compute.KeyPair {
	return compute.KeyPair{Name: k.Name, PublicKey: k.PublicKey, Fingerprint: compute.Fingerprint(k.PublicKey), Extra: map[string]any{"id": k.ID, "fingerprint": k.Fingerprint}}
}

func (d *computeDriver) ListKeyPairs(ctx context.Context, _ compute.ListKeyPairs) iter.Seq2[compute.KeyPair, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.KeyPair, string, error) {
		items, next, err := list[key](ctx, d.client, "/v2/account/keys", nil, "ssh_keys", cursor)
		return convert(items, keyPair), next, err
	})
}

// key finds the key of a name.
func (d *computeDriver) key(ctx context.Context, name string) (key, error) {
	keys, err := every[key](ctx, d.client, "/v2/account/keys", nil, "ssh_keys")
	if err != nil {
		return key{}, err
	}
	i := slices.IndexFunc(keys, func(k key) bool { return k.Name == name })
	if i < 0 {
		return key{}, op.Errorf(op.NotFound, "there is no key pair %q", name)
	}
	return keys[i], nil
}

func (d *computeDriver) GetKeyPair(ctx context.Context, in compute.GetKeyPair) (compute.KeyPair, error) {
	k, err := d.key(ctx, in.KeyPair)
	if err != nil {
		return compute.KeyPair{}, err
	}
	return keyPair(k), nil
}

func (d *computeDriver) ImportKeyPair(ctx context.Context, in compute.ImportKeyPair) (compute.KeyPair, error) {
	switch _, err := d.key(ctx, in.Name); op.KindOf(err) {
	case "":
		return compute.KeyPair{}, op.Errorf(op.AlreadyExists, "there is a key pair %q already", in.Name)
	case op.NotFound:
	default:
		return compute.KeyPair{}, err
	}
	var answer struct {
		Key key `json:"ssh_key"`
	}
	err := d.do(ctx, http.MethodPost, "/v2/account/keys", nil, map[string]string{"name": in.Name, "public_key": in.PublicKey}, &answer)
	return keyPair(answer.Key), err
}

func (d *computeDriver) DeleteKeyPair(ctx context.Context, in compute.DeleteKeyPair) error {
	k, err := d.key(ctx, in.KeyPair)
	if err != nil {
		return err
	}
	return gone(d.do(ctx, http.MethodDelete, path("account", "keys", strconv.Itoa(k.ID)), nil, nil, nil), "key pair", in.KeyPair)
}
