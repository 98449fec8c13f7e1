package openstack

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type volume struct {
	ID, Name, Status string
	Size             int
	Zone             string `json:"availability_zone"`
	Type             string `json:"volume_type"`
	Encrypted        bool
	Snapshot         string `json:"snapshot_id"`
	Metadata         map[string]string
	Created          stamp `json:"created_at"`
	Attachments      []struct {
		Server string `json:"server_id"`
		Device string
	}
}

var volumeStates = map[string]compute.VolumeState{
	"available": compute.VolumeAvailable, "in-use": compute.VolumeInUse, "creating": compute.VolumeCreating, "downloading": compute.VolumeCreating,
	"deleting": compute.VolumeDeleting, "deleted": compute.VolumeDeleted, "managing": compute.VolumeCreating, "unmanaging": compute.VolumeDeleting,
	"attaching": compute.VolumeAttaching, "reserved": compute.VolumeAttaching, "detaching": compute.VolumeUpdating, "extending": compute.VolumeUpdating,
	"uploading": compute.VolumeUpdating, "maintenance": compute.VolumeUpdating, "awaiting-transfer": compute.VolumeUpdating, "backing-up": compute.VolumeBackup,
	"restoring-backup": compute.VolumeUpdating, "retyping": compute.VolumeMigrating, "error": compute.VolumeError, "error_deleting": compute.VolumeError,
	"error_extending": compute.VolumeError, "error_restoring": compute.VolumeError, "error_backing-up": compute.VolumeError,
}

func volumeOf(i item[volume]) compute.Volume {
	v := i.v
	w := compute.Volume{ID: v.ID, Name: v.Name, Size: v.Size, State: cmp.Or(volumeStates[v.Status], compute.VolumeUnknown), Location: v.Zone, Type: v.Type,
		Encrypted: v.Encrypted, Snapshot: v.Snapshot, Tags: v.Metadata, CreatedAt: v.Created.Time,
		Extra: i.extra("description", "bootable", "multiattach", "source_volid", "os-vol-host-attr:host", "os-vol-tenant-attr:tenant_id", "attachments", "volume_image_metadata")}
	if len(v.Attachments) > 0 {
		w.Node, w.Device = v.Attachments[0].Server, v.Attachments[0].Device
	}
	return w
}

func (d *computeDriver) ListVolumes(ctx context.Context, in compute.ListVolumes) iter.Seq2[compute.Volume, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Volume, string, error) {
		query := url.Values{}
		if in.Name != "" {
			query.Set("name", in.Name)
		}
		found, next, err := page[item[volume]](ctx, d.session, cinder, "volumes/detail", query, cursor, "volumes")
		volumes := make([]compute.Volume, len(found))
		for i, v := range found {
			volumes[i] = volumeOf(v)
		}
		return volumes, next, err
	})
}

func (d *computeDriver) volume(ctx context.Context, id string) (item[volume], error) {
	return fetch[item[volume]](ctx, d.session, cinder, http.MethodGet, path("volumes", id), nil, "volume")
}

func (d *computeDriver) GetVolume(ctx context.Context, in compute.GetVolume) (compute.Volume, error) {
	v, err := d.volume(ctx, in.Volume)
	if err != nil {
		return compute.Volume{}, err
	}
	return volumeOf(v), nil
}

// volumeExtra is what create_volume takes beyond the contract.
type volumeExtra struct {
	Description    string         `json:"description,omitzero" help:"What to say of it."`
	Image          string         `json:"image,omitzero" ref:"image" help:"The id of the image whose content it gets, to boot from."`
	SourceVolume   string         `json:"source_volume,omitzero" ref:"volume" help:"The id of the volume whose content it gets."`
	MultiAttach    bool           `json:"multiattach,omitzero" help:"Let it be attached to several nodes at once."`
	SchedulerHints map[string]any `json:"scheduler_hints,omitzero" help:"What to tell the scheduler."`
}

func (d *computeDriver) CreateVolume(ctx context.Context, in compute.CreateVolume) (compute.Volume, error) {
	extra, err := op.Extra[volumeExtra](in.Extra)
	if err != nil {
		return compute.Volume{}, err
	}
	body := object{"volume": given(object{"name": in.Name, "size": in.Size, "availability_zone": in.Location, "snapshot_id": in.Snapshot, "volume_type": in.Type, "metadata": in.Tags,
		"description": extra.Description, "imageRef": extra.Image, "source_volid": extra.SourceVolume, "multiattach": extra.MultiAttach})}
	if len(extra.SchedulerHints) > 0 {
		body["OS-SCH-HNT:scheduler_hints"] = extra.SchedulerHints
	}
	v, err := fetch[item[volume]](ctx, d.session, cinder, http.MethodPost, "volumes", body, "volume")
	if err != nil {
		return compute.Volume{}, err
	}
	return volumeOf(v), nil
}

// ResizeVolume needs of a volume that is attached a newer version of Cinder's API.
func (d *computeDriver) ResizeVolume(ctx context.Context, in compute.ResizeVolume) error {
	v, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	switch {
	case in.Size == v.v.Size:
		return nil // as if it were repeated
	case in.Size < v.v.Size:
		return op.Errorf(op.InvalidArgument, "size: the volume has %d GiB, and can only become larger", v.v.Size)
	}
	var headers []string
	if v.v.Status == "in-use" {
		headers = []string{"OpenStack-API-Version", "volume 3.42"}
	}
	_, err = d.send(ctx, cinder, http.MethodPost, path("volumes", in.Volume, "action"), object{"os-extend": object{"new_size": in.Size}}, nil, headers...)
	return err
}

func (d *computeDriver) AttachVolume(ctx context.Context, in compute.AttachVolume) error {
	_, err := d.send(ctx, nova, http.MethodPost, path("servers", in.Node, "os-volume_attachments"),
		object{"volumeAttachment": given(object{"volumeId": in.Volume, "device": in.Device})}, nil)
	return err
}

func (d *computeDriver) DetachVolume(ctx context.Context, in compute.DetachVolume) error {
	v, err := d.volume(ctx, in.Volume)
	switch {
	case err != nil:
		return err
	case len(v.v.Attachments) == 0:
		return op.Errorf(op.Conflict, "the volume %s is attached to no node", in.Volume)
	case len(v.v.Attachments) > 1:
		return op.Errorf(op.Conflict, "the volume %s is attached to %d nodes: detach it with native(\"DELETE /servers/NODE/os-volume_attachments/%[1]s\")", in.Volume, len(v.v.Attachments))
	}
	_, err = d.send(ctx, nova, http.MethodDelete, path("servers", v.v.Attachments[0].Server, "os-volume_attachments", in.Volume), nil, nil)
	return err
}

func (d *computeDriver) DestroyVolume(ctx context.Context, in compute.DestroyVolume) error {
	_, err := d.send(ctx, cinder, http.MethodDelete, path("volumes", in.Volume), nil, nil)
	return err
}

type snapshot struct {
	ID, Name, Description, Status string
	Volume                        string `json:"volume_id"`
	Size                          int
	Metadata                      map[string]string
	Created                       stamp `json:"created_at"`
}

var snapshotStates = map[string]compute.VolumeSnapshotState{
	"available": compute.SnapshotAvailable, "creating": compute.SnapshotCreating, "deleting": compute.SnapshotDeleting, "restoring": compute.SnapshotRestoring,
	"unmanaging": compute.SnapshotDeleting, "backing-up": compute.SnapshotUpdating, "error": compute.SnapshotError, "error_deleting": compute.SnapshotError,
}

func snapshotOf(i item[snapshot]) compute.VolumeSnapshot {
	s := i.v
	return compute.VolumeSnapshot{ID: s.ID, Name: s.Name, Description: s.Description, Volume: s.Volume, Size: s.Size, Tags: s.Metadata, CreatedAt: s.Created.Time,
		State: cmp.Or(snapshotStates[s.Status], compute.SnapshotUnknown),
		Extra: i.extra("os-extended-snapshot-attributes:progress", "os-extended-snapshot-attributes:project_id", "updated_at", "user_id", "group_snapshot_id")}
}

func (d *computeDriver) ListVolumeSnapshots(ctx context.Context, in compute.ListVolumeSnapshots) iter.Seq2[compute.VolumeSnapshot, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.VolumeSnapshot, string, error) {
		query := url.Values{}
		if in.Volume != "" {
			query.Set("volume_id", in.Volume)
		}
		if in.Name != "" {
			query.Set("name", in.Name)
		}
		found, next, err := page[item[snapshot]](ctx, d.session, cinder, "snapshots/detail", query, cursor, "snapshots")
		snapshots := make([]compute.VolumeSnapshot, len(found))
		for i, s := range found {
			snapshots[i] = snapshotOf(s)
		}
		return snapshots, next, err
	})
}

func (d *computeDriver) GetVolumeSnapshot(ctx context.Context, in compute.GetVolumeSnapshot) (compute.VolumeSnapshot, error) {
	s, err := fetch[item[snapshot]](ctx, d.session, cinder, http.MethodGet, path("snapshots", in.Snapshot), nil, "snapshot")
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	return snapshotOf(s), nil
}

// CreateVolumeSnapshot also takes one of a volume that is attached, which Cinder
// calls force.
func (d *computeDriver) CreateVolumeSnapshot(ctx context.Context, in compute.CreateVolumeSnapshot) (compute.VolumeSnapshot, error) {
	s, err := fetch[item[snapshot]](ctx, d.session, cinder, http.MethodPost, "snapshots", object{"snapshot": given(object{"volume_id": in.Volume, "name": in.Name,
		"description": in.Description, "metadata": in.Tags, "force": true})}, "snapshot")
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	return snapshotOf(s), nil
}

func (d *computeDriver) DestroyVolumeSnapshot(ctx context.Context, in compute.DestroyVolumeSnapshot) error {
	_, err := d.send(ctx, cinder, http.MethodDelete, path("snapshots", in.Snapshot), nil, nil)
	return err
}
