package digitalocean

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type volume struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	SizeGB      int      `json:"size_gigabytes"`
	DropletIDs  []int    `json:"droplet_ids"`
	Filesystem  string   `json:"filesystem_type"`
	Tags        []string `json:"tags"`
	CreatedAt   string   `json:"created_at"`
	Region      struct {
		Slug string `json:"slug"`
	} `json:"region"`
}

// volumeExtra is what create_volume takes beyond the contract.
type volumeExtra struct {
	Description string `json:"description,omitzero" help:"What to say of it."`
	Filesystem  string `json:"filesystem_type,omitzero" help:"Format it: ext4 or xfs."`
}

func volumeOf(v volume) compute.Volume {
	out := compute.Volume{ID: v.ID, Name: v.Name, Size: v.SizeGB, State: compute.VolumeAvailable, Location: v.Region.Slug, Encrypted: true, Tags: tagsOf(v.Tags),
		CreatedAt: timestamp(v.CreatedAt), Extra: map[string]any{"description": v.Description, "filesystem_type": v.Filesystem}}
	if len(v.DropletIDs) > 0 {
		out.Node, out.State = strconv.Itoa(v.DropletIDs[0]), compute.VolumeInUse
	}
	return out
}

func (d *computeDriver) ListVolumes(ctx context.Context, _ compute.ListVolumes) iter.Seq2[compute.Volume, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Volume, string, error) {
		items, next, err := list[volume](ctx, d.client, "/v2/volumes", nil, "volumes", cursor)
		return convert(items, volumeOf), next, err
	})
}

func (d *computeDriver) volume(ctx context.Context, id string) (volume, error) {
	var answer struct {
		Volume volume `json:"volume"`
	}
	err := d.do(ctx, http.MethodGet, path("volumes", id), nil, nil, &answer)
	return answer.Volume, gone(err, "volume", id)
}

func (d *computeDriver) GetVolume(ctx context.Context, in compute.GetVolume) (compute.Volume, error) {
	v, err := d.volume(ctx, in.Volume)
	if err != nil {
		return compute.Volume{}, err
	}
	return volumeOf(v), nil
}

func (d *computeDriver) CreateVolume(ctx context.Context, in compute.CreateVolume) (compute.Volume, error) {
	extra, err := extraOf[volumeExtra](in.Extra)
	if err != nil {
		return compute.Volume{}, err
	}
	tags, err := words(in.Tags)
	if err != nil {
		return compute.Volume{}, err
	}
	if in.Type != "" {
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "type: DigitalOcean has one type of volume, without a name")
	}
	request := map[string]any{"name": in.Name, "tags": tags, "description": extra.Description}
	region := d.region(in.Location)
	if in.Snapshot != "" {
		s, err := d.snapshot(ctx, in.Snapshot)
		if err != nil {
			return compute.Volume{}, err
		}
		request["snapshot_id"] = in.Snapshot
		if in.Size == 0 {
			in.Size = s.MinDisk
		}
		if in.Size < s.MinDisk {
			return compute.Volume{}, op.Errorf(op.InvalidArgument, "size: %d GiB are too few for a snapshot of %d GiB", in.Size, s.MinDisk)
		}
		if region == "" && len(s.Regions) > 0 {
			region = s.Regions[0]
		}
	}
	switch {
	case region == "":
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "location: a volume is in a region; give it, or configure region")
	case in.Size < 1:
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "size: a volume has at least 1 GiB, not %d", in.Size)
	}
	request["region"], request["size_gigabytes"] = region, in.Size
	if extra.Filesystem != "" {
		request["filesystem_type"] = extra.Filesystem
	}
	if err := d.inRegion(ctx, region); err != nil {
		return compute.Volume{}, err
	}
	var answer struct {
		Volume volume `json:"volume"`
	}
	if err := d.do(ctx, http.MethodPost, "/v2/volumes", nil, request, &answer); err != nil {
		return compute.Volume{}, err
	}
	v := volumeOf(answer.Volume)
	v.Snapshot = in.Snapshot
	return v, nil
}

// inRegion says that a region is not there, in the contract's words.
func (c *client) inRegion(ctx context.Context, region string) error {
	places, err := every[place](ctx, c, "/v2/regions", nil, "regions")
	if err != nil {
		return err
	}
	for _, p := range places {
		if p.Slug == region {
			return nil
		}
	}
	return op.Errorf(op.NotFound, "there is no location %q", region)
}

func (d *computeDriver) ResizeVolume(ctx context.Context, in compute.ResizeVolume) error {
	v, err := d.volume(ctx, in.Volume)
	switch {
	case err != nil || v.SizeGB == in.Size:
		return err
	case in.Size < v.SizeGB:
		return op.Errorf(op.InvalidArgument, "size: a volume of %d GiB cannot become one of %d", v.SizeGB, in.Size)
	}
	return d.onVolume(ctx, v, map[string]any{"type": "resize", "size_gigabytes": in.Size})
}

func (d *computeDriver) AttachVolume(ctx context.Context, in compute.AttachVolume) error {
	if in.Device != "" {
		return op.Errorf(op.InvalidArgument, "device: DigitalOcean chooses it: /dev/disk/by-id/scsi-0DO_Volume_ and the volume's name")
	}
	v, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	if _, err := d.droplet(ctx, in.Node); err != nil {
		return err
	}
	if len(v.DropletIDs) > 0 {
		return op.Errorf(op.Conflict, "the volume %s is attached to the node %d", in.Volume, v.DropletIDs[0])
	}
	id, err := number("node", in.Node)
	if err != nil {
		return err
	}
	return d.onVolume(ctx, v, map[string]any{"type": "attach", "droplet_id": id})
}

func (d *computeDriver) DetachVolume(ctx context.Context, in compute.DetachVolume) error {
	v, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	if len(v.DropletIDs) == 0 {
		return op.Errorf(op.Conflict, "the volume %s is not attached", in.Volume)
	}
	return d.onVolume(ctx, v, map[string]any{"type": "detach", "droplet_id": v.DropletIDs[0]})
}

func (d *computeDriver) onVolume(ctx context.Context, v volume, action map[string]any) error {
	action["region"] = v.Region.Slug
	return gone(d.act(ctx, path("volumes", v.ID, "actions"), action), "volume", v.ID)
}

func (d *computeDriver) DestroyVolume(ctx context.Context, in compute.DestroyVolume) error {
	v, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	if len(v.DropletIDs) > 0 {
		return op.Errorf(op.Conflict, "the volume %s is attached to the node %d", in.Volume, v.DropletIDs[0])
	}
	return gone(d.do(ctx, http.MethodDelete, path("volumes", in.Volume), nil, nil, nil), "volume", in.Volume)
}

type snapshot struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	ResourceID string   `json:"resource_id"`
	Kind       string   `json:"resource_type"`
	Regions    []string `json:"regions"`
	MinDisk    int      `json:"min_disk_size"`
	SizeGB     float64  `json:"size_gigabytes"`
	Tags       []string `json:"tags"`
	CreatedAt  string   `json:"created_at"`
}

func snapshotOf(s snapshot) compute.VolumeSnapshot {
	return compute.VolumeSnapshot{ID: s.ID, Name: s.Name, Volume: s.ResourceID, Size: s.MinDisk, State: compute.SnapshotAvailable, Tags: tagsOf(s.Tags),
		CreatedAt: timestamp(s.CreatedAt), Extra: map[string]any{"regions": s.Regions, "size_gigabytes": s.SizeGB}}
}

func (d *computeDriver) ListVolumeSnapshots(ctx context.Context, _ compute.ListVolumeSnapshots) iter.Seq2[compute.VolumeSnapshot, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.VolumeSnapshot, string, error) {
		items, next, err := list[snapshot](ctx, d.client, "/v2/snapshots", url.Values{"resource_type": {"volume"}}, "snapshots", cursor)
		return convert(items, snapshotOf), next, err
	})
}

// snapshot looks a volume's snapshot up; a droplet's is an image.
func (d *computeDriver) snapshot(ctx context.Context, id string) (snapshot, error) {
	var answer struct {
		Snapshot snapshot `json:"snapshot"`
	}
	err := d.do(ctx, http.MethodGet, path("snapshots", id), nil, nil, &answer)
	if err == nil && answer.Snapshot.Kind != "volume" {
		err = op.Errorf(op.NotFound, "%s is a droplet's snapshot: an image", id)
	}
	return answer.Snapshot, gone(err, "snapshot", id)
}

func (d *computeDriver) GetVolumeSnapshot(ctx context.Context, in compute.GetVolumeSnapshot) (compute.VolumeSnapshot, error) {
	s, err := d.snapshot(ctx, in.Snapshot)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	return snapshotOf(s), nil
}

func (d *computeDriver) CreateVolumeSnapshot(ctx context.Context, in compute.CreateVolumeSnapshot) (compute.VolumeSnapshot, error) {
	tags, err := words(in.Tags)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	if in.Description != "" {
		return compute.VolumeSnapshot{}, op.Errorf(op.InvalidArgument, "description: DigitalOcean's snapshots have none")
	}
	var answer struct {
		Snapshot snapshot `json:"snapshot"`
	}
	err = d.do(ctx, http.MethodPost, path("volumes", in.Volume, "snapshots"), nil, map[string]any{"name": in.Name, "tags": tags}, &answer)
	if err != nil {
		return compute.VolumeSnapshot{}, gone(err, "volume", in.Volume)
	}
	return snapshotOf(answer.Snapshot), nil
}

func (d *computeDriver) DestroyVolumeSnapshot(ctx context.Context, in compute.DestroyVolumeSnapshot) error {
	if _, err := d.snapshot(ctx, in.Snapshot); err != nil {
		return err
	}
	return gone(d.do(ctx, http.MethodDelete, path("snapshots", in.Snapshot), nil, nil, nil), "snapshot", in.Snapshot)
}
