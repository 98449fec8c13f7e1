package openstack

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	gopath "path"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type image struct {
	ID, Name, Status, Description, Owner, Visibility, Architecture string
	Tags                                                           []string
	Created                                                        stamp  `json:"created_at"`
	MinDisk                                                        int    `json:"min_disk"`
	MinRAM                                                         int    `json:"min_ram"`
	VirtualSize                                                    int64  `json:"virtual_size"`
	Format                                                         string `json:"disk_format"`
	Container                                                      string `json:"container_format"`
	HashAlgorithm                                                  string `json:"os_hash_algo"`
	Hash                                                           string `json:"os_hash_value"`
	Disks                                                          string `json:"block_device_mapping"` // of a node whose root disk is a volume; JSON
}

var imageStates = map[string]compute.ImageState{"active": compute.ImageAvailable, "queued": compute.ImagePending, "saving": compute.ImagePending, "uploading": compute.ImagePending,
	"importing": compute.ImagePending, "killed": compute.ImageError, "deactivated": compute.ImageError, "pending_delete": compute.ImageDeleting, "deleted": compute.ImageDeleted}

var architectures = map[string]compute.Architecture{"x86_64": compute.X86_64, "amd64": compute.X86_64, "aarch64": compute.ARM64, "arm64": compute.ARM64, "i686": compute.I386, "i386": compute.I386, "x86": compute.I386}

const gibibyte = 1 << 30

// tagProperty begins the name of a property that is a tag. Glance's own tags,
// which are words, cannot be given to an image of a node when that is made, and
// those that are added while its content arrives are lost again.
const tagProperty = "tag:"

// imageOf leaves Glance's many properties in extra, but those it knows.
func imageOf(i item[image]) compute.Image {
	m := i.v
	tags := tagsOf(m.Tags)
	for name, value := range i.all {
		if k, ok := strings.CutPrefix(name, tagProperty); ok {
			if tags == nil {
				tags = map[string]string{}
			}
			tags[k] = fmt.Sprint(value)
		}
	}
	w := compute.Image{ID: m.ID, Name: m.Name, Description: m.Description, State: cmp.Or(imageStates[m.Status], compute.ImageUnknown), Architecture: architectures[m.Architecture],
		Size: max(m.MinDisk, int((m.VirtualSize+gibibyte-1)/gibibyte)), Owner: m.Owner, Public: m.Visibility == "public" || m.Visibility == "community", Tags: tags, CreatedAt: m.Created.Time,
		Extra: i.extra(slices.Collect(func(yield func(string) bool) {
			for name := range i.all {
				switch name {
				case "id", "name", "description", "status", "owner", "tags", "created_at", "schema", "self", "file", "stores":
				default:
					if !strings.HasPrefix(name, tagProperty) && !yield(name) {
						return
					}
				}
			}
		})...)}
	return w
}

func (d *computeDriver) ListImages(ctx context.Context, in compute.ListImages) iter.Seq2[compute.Image, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Image, string, error) {
		query := url.Values{}
		if in.Name != "" {
			query.Set("name", in.Name)
		}
		if in.Owner == "self" {
			who, err := d.who(ctx)
			if err != nil {
				return nil, "", err
			}
			in.Owner = who.project
		}
		if in.Owner != "" {
			query.Set("owner", in.Owner)
		}
		found, next, err := page[item[image]](ctx, d.session, glance, "images", query, cursor, "images")
		images := make([]compute.Image, len(found))
		for i, m := range found {
			images[i] = imageOf(m)
		}
		return images, next, err
	})
}

func (d *computeDriver) image(ctx context.Context, id string) (item[image], error) {
	return fetch[item[image]](ctx, d.session, glance, http.MethodGet, path("images", id), nil, "")
}

func (d *computeDriver) GetImage(ctx context.Context, in compute.GetImage) (compute.Image, error) {
	m, err := d.image(ctx, in.Image)
	if err != nil {
		return compute.Image{}, err
	}
	return imageOf(m), nil
}

// CreateImage leaves a node running while it is copied, but with reboot: then
// the node is stopped until the image is made, and started again however that goes.
func (d *computeDriver) CreateImage(ctx context.Context, in compute.CreateImage) (compute.Image, error) {
	if !in.Reboot {
		m, err := d.snap(ctx, in)
		if err != nil {
			return compute.Image{}, err
		}
		return imageOf(m), nil
	}
	s, err := d.server(ctx, in.Node)
	if err != nil {
		return compute.Image{}, err
	}
	running := s.v.Status != "SHUTOFF"
	if running {
		if err := d.StopNode(ctx, compute.StopNode{Node: in.Node}); err != nil {
			return compute.Image{}, err
		}
	}
	m, err := d.snapStopped(ctx, in)
	if running {
		switch e := d.startAgain(ctx, in.Node); {
		case e == nil:
		case err == nil:
			err = op.Errorf(op.KindOf(e), "the image %s is made, but the node %s, which was stopped for it, does not start again: %w", m.v.ID, in.Node, e)
		default:
			err = also(err, "the node "+in.Node+", which was stopped for its image, does not start again", e)
		}
	}
	if err != nil {
		return compute.Image{}, err
	}
	return imageOf(m), nil
}

// startAgain starts a node that was stopped for its image. An image can be there
// before Nova is through with it: until then, it starts nothing.
func (d *computeDriver) startAgain(ctx context.Context, node string) error {
	ctx, cancel := undoing(ctx)
	defer cancel()
	return op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		err := d.StartNode(ctx, compute.StartNode{Node: node})
		if op.KindOf(err) == op.Conflict {
			if s, e := d.server(ctx, node); e == nil && s.v.Status == "SHUTOFF" {
				return false, nil
			}
		}
		return err == nil, err
	})
}

// snapStopped waits until the node is stopped and until its image is made.
func (d *computeDriver) snapStopped(ctx context.Context, in compute.CreateImage) (item[image], error) {
	const often = 5 * time.Second
	var m item[image]
	err := op.Poll(ctx, often, func(ctx context.Context) (bool, error) {
		s, err := d.server(ctx, in.Node)
		return s.v.Status == "SHUTOFF", err
	})
	if err == nil {
		m, err = d.snap(ctx, in)
	}
	if err != nil {
		return m, err
	}
	err = op.Poll(ctx, often, func(ctx context.Context) (bool, error) {
		found, err := d.image(ctx, m.v.ID)
		if err == nil {
			m = found
		}
		return m.v.Status != "queued" && m.v.Status != "saving", err
	})
	if err != nil {
		err = undo(ctx, err, "the image "+m.v.ID, func(ctx context.Context) error { return d.DeleteImage(ctx, compute.DeleteImage{Image: m.v.ID}) })
	}
	return m, err
}

// snap begins to make an image of a node.
func (d *computeDriver) snap(ctx context.Context, in compute.CreateImage) (item[image], error) {
	var none item[image]
	properties := given(object{"description": in.Description})
	for k, v := range in.Tags {
		properties[tagProperty+k] = v
	}
	body := object{"createImage": object{"name": in.Name, "metadata": properties}}
	header, err := d.send(ctx, nova, http.MethodPost, path("servers", in.Node, "action"), body, nil)
	if err != nil {
		return none, err
	}
	id := gopath.Base(header.Get("Location")) // there is no body
	if id == "." || id == "/" {
		return none, op.Errorf(op.Unavailable, "Nova made an image of the node %s and did not say which: it is called %q", in.Node, in.Name)
	}
	m, err := d.image(ctx, id)
	if err != nil {
		return none, undo(ctx, err, "the image "+id, func(ctx context.Context) error { return d.DeleteImage(ctx, compute.DeleteImage{Image: id}) })
	}
	return m, nil
}

// CopyImage sends the image's content from Glance to Glance by way of here,
// never holding more than a piece of it: Glance itself copies nothing that is in
// another region. It is whole when the two agree on its checksum.
func (d *computeDriver) CopyImage(ctx context.Context, in compute.CopyImage) (compute.Image, error) {
	from := d.session
	if in.SourceLocation != "" && in.SourceLocation != d.login.region {
		from = d.in(in.SourceLocation)
	}
	source, err := fetch[item[image]](ctx, from, glance, http.MethodGet, path("images", in.Image), nil, "")
	if err != nil {
		return compute.Image{}, err
	}
	switch {
	case source.v.Disks != "":
		return compute.Image{}, op.Errorf(op.Conflict, "the image %s has no content of its own, but snapshots of volumes: copy those", in.Image)
	case source.v.Status != "active":
		return compute.Image{}, op.Errorf(op.Conflict, "the image %s is %s: only an active one can be copied", in.Image, source.v.Status)
	}
	body := given(object{"name": in.Name, "description": in.Description, "disk_format": source.v.Format, "container_format": source.v.Container, "min_disk": source.v.MinDisk,
		"min_ram": source.v.MinRAM, "architecture": source.v.Architecture, "tags": source.v.Tags})
	for name, value := range source.all {
		// How it has to be run, as hw_disk_bus.
		if text, ok := value.(string); ok && (strings.HasPrefix(name, "hw_") || strings.HasPrefix(name, tagProperty) || strings.HasPrefix(name, "os_") && name != "os_hash_algo" && name != "os_hash_value" && name != "os_hidden") {
			body[name] = text
		}
	}
	made, err := fetch[item[image]](ctx, d.session, glance, http.MethodPost, "images", body, "")
	if err != nil {
		return compute.Image{}, err
	}
	err = d.pour(ctx, from, in.Image, made.v.ID)
	if err == nil {
		made, err = d.image(ctx, made.v.ID)
	}
	if err == nil && source.v.HashAlgorithm == made.v.HashAlgorithm && source.v.Hash != made.v.Hash {
		err = op.Errorf(op.Internal, "the copy of the image %s is not what it was: its %s differs", in.Image, made.v.HashAlgorithm)
	}
	if err != nil {
		return compute.Image{}, undo(ctx, err, "the image "+made.v.ID, func(ctx context.Context) error { return d.DeleteImage(ctx, compute.DeleteImage{Image: made.v.ID}) })
	}
	return imageOf(made), nil
}

// in is the same session in another region.
func (s *session) in(region string) *session {
	other := &session{login: s.login, endpoints: s.endpoints, main: s.main, pageSize: s.pageSize, transport: s.transport, turn: make(chan struct{}, 1)}
	other.login.region = region
	other.authenticated.Store(s.authenticated.Load())
	return other
}

// pour sends the content of one image to another.
func (d *computeDriver) pour(ctx context.Context, from *session, source, target string) error {
	c, err := from.service(ctx, glance)
	if err != nil {
		return err
	}
	content, err := c.Request(ctx, http.MethodGet, c.ResourceBaseURL()+path("images", source, "file"), &gophercloud.RequestOpts{KeepResponseBody: true})
	if err != nil {
		return failed(err)
	}
	defer content.Body.Close()
	if content.StatusCode == http.StatusNoContent {
		return op.Errorf(op.Conflict, "the image %s has no content", source)
	}
	if c, err = d.service(ctx, glance); err != nil {
		return err
	}
	_, err = c.Request(ctx, http.MethodPut, c.ResourceBaseURL()+path("images", target, "file"), &gophercloud.RequestOpts{
		RawBody: io.Reader(content.Body), MoreHeaders: map[string]string{"Content-Type": "application/octet-stream"}, OkCodes: []int{204}})
	return failed(err)
}

// DeleteImage also deletes the snapshots of the volumes that the image of a
// node consists of, where its root disk was a volume.
func (d *computeDriver) DeleteImage(ctx context.Context, in compute.DeleteImage) error {
	m, err := d.image(ctx, in.Image)
	if err != nil {
		return err
	}
	if _, err := d.send(ctx, glance, http.MethodDelete, path("images", in.Image), nil, nil); err != nil {
		return err
	}
	var disks []struct {
		Snapshot string `json:"snapshot_id"`
	}
	if m.v.Disks == "" || json.Unmarshal([]byte(m.v.Disks), &disks) != nil {
		return nil
	}
	for _, disk := range disks {
		if disk.Snapshot == "" {
			continue
		}
		if err := d.DestroyVolumeSnapshot(ctx, compute.DestroyVolumeSnapshot{Snapshot: disk.Snapshot}); err != nil && op.KindOf(err) != op.NotFound {
			return op.Errorf(op.KindOf(err), "the image %s is deleted, but its snapshot %s is left: %w", in.Image, disk.Snapshot, err)
		}
	}
	return nil
}
