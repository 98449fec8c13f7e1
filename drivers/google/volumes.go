package google

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"

	gce "google.golang.org/api/compute/v1"
	"google.golang.org/api/googleapi"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// volumeExtra is what create_volume takes beyond the contract.
type volumeExtra struct {
	Description           string `json:"description,omitzero" help:"What to say of it."`
	Image                 string `json:"image,omitzero" ref:"image" help:"The image whose content it gets; instead of snapshot."`
	ProvisionedIOPS       int    `json:"provisioned_iops,omitzero" help:"Operations a second, of types that have a choice."`
	ProvisionedThroughput int    `json:"provisioned_throughput,omitzero" help:"MiB a second, of types that have a choice."`
	KMSKey                string `json:"kms_key,omitzero" help:"The Cloud KMS key to encrypt it with; one of Google's if not given."`
}

var volumeStates = map[string]compute.VolumeState{
	"CREATING":    compute.VolumeCreating,
	"RESTORING":   compute.VolumeCreating,
	"READY":       compute.VolumeAvailable,
	"FAILED":      compute.VolumeError,
	"DELETING":    compute.VolumeDeleting,
	"UNAVAILABLE": compute.VolumeUnknown,
}

const volumeFields = "id,name,description,sizeGb,status,zone,region,type,users,sourceSnapshot,sourceImage,labels,creationTimestamp,architecture," +
	"provisionedIops,provisionedThroughput,diskEncryptionKey/kmsKeyName,replicaZones"

func volumeOf(project string, v *gce.Disk) compute.Volume {
	place := cmp.Or(base(v.Zone), base(v.Region))
	w := compute.Volume{ID: ref{project, place, v.Name}.id(project), Name: v.Name, Size: int(v.SizeGb), State: cmp.Or(volumeStates[v.Status], compute.VolumeUnknown),
		Location: place, Type: base(v.Type), Encrypted: true, Snapshot: shortID(project, v.SourceSnapshot), Tags: tagsOf(v.Labels), CreatedAt: when(v.CreationTimestamp)}
	if len(v.Users) > 0 {
		w.Node = shortID(project, v.Users[0])
		if w.State == compute.VolumeAvailable {
			w.State = compute.VolumeInUse
		}
	}
	w.Extra = extras(map[string]any{"description": v.Description, "sourceImage": v.SourceImage, "architecture": v.Architecture,
		"provisionedIops": int(v.ProvisionedIops), "provisionedThroughput": int(v.ProvisionedThroughput), "replicaZones": v.ReplicaZones, "status": v.Status})
	if v.DiskEncryptionKey != nil {
		w.Extra["kmsKeyName"] = v.DiskEncryptionKey.KmsKeyName
	}
	if len(v.Users) > 1 {
		w.Extra["users"] = v.Users
	}
	if v.Id != 0 {
		w.Extra["id"] = fmt.Sprint(v.Id)
	}
	return w
}

func (d *gceDriver) ListVolumes(ctx context.Context, in compute.ListVolumes) iter.Seq2[compute.Volume, error] {
	var f filter
	f.tagged(in.Name, in.Tags)
	return pages(ctx, d.session, func(ctx context.Context, project, cursor string) ([]compute.Volume, string, error) {
		list := d.api.Disks.AggregatedList(project).MaxResults(d.page(most)).PageToken(cursor).
			Fields("nextPageToken,unreachables", googleapi.Field("items(*/warning/code,*/disks("+volumeFields+"))"))
		if len(f) > 0 {
			list.Filter(f.String())
		}
		out, err := do(list.Context(ctx))
		if err != nil {
			return nil, "", err
		}
		var volumes []compute.Volume
		for place, part := range scoped(out.Items) {
			if part.Warning != nil && part.Warning.Code == silent {
				out.Unreachables = append(out.Unreachables, place)
			}
			for _, v := range part.Disks {
				volumes = append(volumes, volumeOf(project, v))
			}
		}
		return volumes, out.NextPageToken, unreachable("volumes", out.Unreachables)
	})
}

// volume reads the id of a volume.
func (d *gceDriver) volume(ctx context.Context, id string) (ref, error) {
	project, err := d.project(ctx)
	if err != nil {
		return ref{}, err
	}
	return placed("volume", id, project, d.zone)
}

// disk looks a volume up. One that is in a region, with a copy in each of two
// zones, is a resource of another kind to Google Compute Engine.
func (d *gceDriver) disk(ctx context.Context, r ref) (*gce.Disk, error) {
	if isZone(r.scope) {
		return do(d.api.Disks.Get(r.project, r.scope, r.name).Fields(volumeFields).Context(ctx))
	}
	return do(d.api.RegionDisks.Get(r.project, r.scope, r.name).Fields(volumeFields).Context(ctx))
}

// diskURL is the partial URL of a volume.
func diskURL(r ref) string {
	if isZone(r.scope) {
		return r.url("zones", "disks")
	}
	return r.url("regions", "disks")
}

func (d *gceDriver) GetVolume(ctx context.Context, in compute.GetVolume) (compute.Volume, error) {
	r, err := d.volume(ctx, in.Volume)
	if err != nil {
		return compute.Volume{}, err
	}
	v, err := d.disk(ctx, r)
	if err != nil {
		return compute.Volume{}, err
	}
	project, err := d.project(ctx)
	return volumeOf(project, v), err
}

func (d *gceDriver) CreateVolume(ctx context.Context, in compute.CreateVolume) (compute.Volume, error) {
	if err := named("a volume", in.Name); err != nil {
		return compute.Volume{}, err
	}
	extra, err := op.Extra[volumeExtra](in.Extra)
	switch {
	case err != nil:
		return compute.Volume{}, err
	case in.Size < 0:
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "size is %d GiB: it cannot be negative", in.Size)
	case in.Size == 0 && in.Snapshot == "" && extra.Image == "":
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "size is missing: only a volume made from a snapshot or an image can do without")
	case in.Snapshot != "" && extra.Image != "":
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "snapshot and image exclude each other")
	}
	tags, err := labels(in.Tags)
	if err != nil {
		return compute.Volume{}, err
	}
	r := ref{name: in.Name}
	if r.project, err = d.project(ctx); err != nil {
		return compute.Volume{}, err
	}
	if r.scope, err = d.zoneFor(ctx, in.Location); err != nil {
		return compute.Volume{}, err
	}
	disk := &gce.Disk{Name: in.Name, Description: extra.Description, SizeGb: int64(in.Size), Labels: tags,
		ProvisionedIops: int64(extra.ProvisionedIOPS), ProvisionedThroughput: int64(extra.ProvisionedThroughput)}
	if in.Type != "" {
		disk.Type = fmt.Sprintf("zones/%s/diskTypes/%s", r.scope, in.Type)
	}
	if extra.KMSKey != "" {
		disk.DiskEncryptionKey = &gce.CustomerEncryptionKey{KmsKeyName: extra.KMSKey}
	}
	if in.Snapshot != "" {
		s, err := global("snapshot", in.Snapshot, r.project)
		if err != nil {
			return compute.Volume{}, err
		}
		disk.SourceSnapshot = s.url("", "snapshots")
	}
	if extra.Image != "" {
		if disk.SourceImage, err = d.imageURL(r.project, extra.Image); err != nil {
			return compute.Volume{}, err
		}
	}
	o, err := change(ctx, "insert", d.api.Disks.Insert(r.project, r.scope, disk))
	if err != nil {
		return compute.Volume{}, err
	}
	remove := func(ctx context.Context) error { return d.removeVolume(ctx, r) }
	err = d.start(r.project, o).made(ctx, exists(func(ctx context.Context) error {
		_, err := d.disk(ctx, r)
		return err
	}), remove)
	if err != nil {
		return compute.Volume{}, err
	}
	v, err := fetched(ctx, "the volume "+r.name, func() (*gce.Disk, error) { return d.disk(ctx, r) }, remove)
	if err != nil {
		return compute.Volume{}, err
	}
	return volumeOf(r.project, v), nil
}

func (d *gceDriver) ResizeVolume(ctx context.Context, in compute.ResizeVolume) error {
	r, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	v, err := d.disk(ctx, r)
	switch {
	case err != nil:
		return err
	case int64(in.Size) < v.SizeGb:
		return op.Errorf(op.InvalidArgument, "the volume %s has %d GiB: it cannot be made smaller", in.Volume, v.SizeGb)
	case int64(in.Size) == v.SizeGb:
		return nil
	}
	var o *gce.Operation
	if isZone(r.scope) {
		o, err = change(ctx, "resize", d.api.Disks.Resize(r.project, r.scope, r.name, &gce.DisksResizeRequest{SizeGb: int64(in.Size)}))
	} else {
		o, err = change(ctx, "resize", d.api.RegionDisks.Resize(r.project, r.scope, r.name, &gce.RegionDisksResizeRequest{SizeGb: int64(in.Size)}))
	}
	if err != nil {
		return err
	}
	return d.start(r.project, o).finished(ctx)
}

// AttachVolume takes device as the name under /dev/disk/by-id/google-….
func (d *gceDriver) AttachVolume(ctx context.Context, in compute.AttachVolume) error {
	node, err := d.node(ctx, in.Node)
	if err != nil {
		return err
	}
	r, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	device := strings.TrimPrefix(base(in.Device), "google-")
	o, err := change(ctx, "attachDisk", d.api.Instances.AttachDisk(node.project, node.scope, node.name, &gce.AttachedDisk{Source: diskURL(r), DeviceName: device}))
	if err != nil {
		return err
	}
	return d.start(node.project, o).finished(ctx)
}

// DetachVolume asks the node, as Google Compute Engine detaches by device name
// and a disk does not know its own.
func (d *gceDriver) DetachVolume(ctx context.Context, in compute.DetachVolume) error {
	r, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	v, err := d.disk(ctx, r)
	switch {
	case err != nil:
		return err
	case len(v.Users) == 0:
		return op.Errorf(op.Conflict, "the volume %s is attached to no node", in.Volume)
	case len(v.Users) > 1:
		return op.Errorf(op.Conflict, "the volume %s is attached to %d nodes: detach it from one by cloud.native", in.Volume, len(v.Users))
	}
	node := parseURL(v.Users[0])
	i, err := d.instance(ctx, node, "disks(source,deviceName)")
	if err != nil {
		return err
	}
	for _, a := range i.Disks {
		if parseURL(a.Source) != r {
			continue
		}
		o, err := change(ctx, "detachDisk", d.api.Instances.DetachDisk(node.project, node.scope, node.name, a.DeviceName))
		if err != nil {
			return err
		}
		return d.start(node.project, o).finished(ctx)
	}
	return op.Errorf(op.Conflict, "the volume %s is attached to no node any more", in.Volume)
}

func (d *gceDriver) DestroyVolume(ctx context.Context, in compute.DestroyVolume) error {
	r, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	return d.removeVolume(ctx, r)
}

func (d *gceDriver) removeVolume(ctx context.Context, r ref) error {
	var o *gce.Operation
	var err error
	if isZone(r.scope) {
		o, err = change(ctx, "delete", d.api.Disks.Delete(r.project, r.scope, r.name))
	} else {
		o, err = change(ctx, "delete", d.api.RegionDisks.Delete(r.project, r.scope, r.name))
	}
	if err != nil {
		return err
	}
	return d.start(r.project, o).begun(ctx, underWay)
}
