package sim

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

const (
	volumes   = table[volumeRecord]("volumes")
	snapshots = table[snapshotRecord]("snapshots")
	images    = table[imageRecord]("images")
)

// A volumeRecord is a volume as the world keeps it.
type volumeRecord struct {
	compute.Volume
	transition[compute.VolumeState]
	Root bool `json:"root,omitzero"` // the root disk of its node, which ends with it
}

// settled is the record as it is now. A volume that has become available again
// has left its node.
func (v volumeRecord) settled(now time.Time) volumeRecord {
	if v.arrived(now) {
		v.State, v.transition = v.Next, transition[compute.VolumeState]{}
		if v.State == compute.VolumeAvailable {
			v.Node, v.Device = "", ""
		}
	}
	return v
}

func (v volumeRecord) going(through, to compute.VolumeState, at time.Time) volumeRecord {
	v.State, v.transition = through, transition[compute.VolumeState]{to, at}
	return v
}

func (v volumeRecord) show() compute.Volume {
	out := v.Volume
	out.Tags = maps.Clone(v.Tags)
	if v.Root {
		out.Extra = map[string]any{"root": true}
	}
	return out
}

// A snapshotRecord is a snapshot as the world keeps it.
type snapshotRecord struct {
	compute.VolumeSnapshot
	transition[compute.VolumeSnapshotState]
	Type string `json:"type,omitzero"` // that of its volume
}

func (s snapshotRecord) settled(now time.Time) snapshotRecord {
	if s.arrived(now) {
		s.State, s.transition = s.Next, transition[compute.VolumeSnapshotState]{}
	}
	return s
}

func (s snapshotRecord) show() compute.VolumeSnapshot {
	out := s.VolumeSnapshot
	out.Tags = maps.Clone(s.Tags)
	return out
}

// An imageRecord is an account's own image as the world keeps it.
type imageRecord struct {
	compute.Image
	transition[compute.ImageState]
}

func (i imageRecord) settled(now time.Time) imageRecord {
	if i.arrived(now) {
		i.State, i.transition = i.Next, transition[compute.ImageState]{}
	}
	return i
}

func (i imageRecord) show() compute.Image {
	out := i.Image
	out.Tags = maps.Clone(i.Tags)
	return out
}

// soon is how long what is smaller than a node takes.
func (d driver) soon(now time.Time) time.Time { return now.Add(d.boot / 4) }

// Volumes.

// volumeTypes are the kinds of disk there are, the first by default.
var volumeTypes = [...]string{"ssd", "fast", "archive"}

func checkVolumeType(name string) (string, error) {
	if name == "" {
		return volumeTypes[0], nil
	}
	if !slices.Contains(volumeTypes[:], name) {
		return "", invalid("type: there is no kind of disk %q%s", name, op.DidYouMean(name, volumeTypes[:]))
	}
	return name, nil
}

// maxVolume is the size in GiB of the largest volume.
const maxVolume = 64 * 1024

func (computeDriver) volume(tx *txn, now time.Time, id string) (volumeRecord, error) {
	v, ok := volumes.get(tx, id)
	if v = v.settled(now); !ok || v.State == compute.VolumeDeleted {
		return volumeRecord{}, notFound("volume", id)
	}
	return v, nil
}

func (d computeDriver) ListVolumes(ctx context.Context, in compute.ListVolumes) iter.Seq2[compute.Volume, error] {
	return list(ctx, d.driver, volumes, func(tx *txn, now time.Time, v volumeRecord) (compute.Volume, bool) {
		v = v.settled(now)
		return v.show(), v.State != compute.VolumeDeleted && is(in.Name, v.Name) && is(in.State, v.State) &&
			is(in.Location, v.Location) && is(in.Node, v.Node) && tagged(v.Tags, in.Tags)
	})
}

func (d computeDriver) GetVolume(ctx context.Context, in compute.GetVolume) (compute.Volume, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (compute.Volume, error) { return d.showVolume(tx, now, in.Volume) })
}

func (d computeDriver) showVolume(tx *txn, now time.Time, id string) (compute.Volume, error) {
	v, err := d.volume(tx, now, id)
	return v.show(), err
}

func (d computeDriver) CreateVolume(ctx context.Context, in compute.CreateVolume) (compute.Volume, error) {
	return create(ctx, d.driver, "create_volume", in, func(tx *txn, now time.Time) (string, error) {
		location, err := d.place(in.Location)
		if err != nil {
			return "", err
		}
		kind, err := checkVolumeType(in.Type)
		if err != nil {
			return "", err
		}
		size := in.Size
		if in.Snapshot != "" {
			s, err := d.snapshot(tx, now, in.Snapshot)
			switch {
			case err != nil:
				return "", err
			case s.State != compute.SnapshotAvailable:
				return "", conflict("snapshot %s is %s: wait for it to be available", s.ID, s.State)
			case size == 0:
				size = s.Size
			case size < s.Size:
				return "", invalid("size: snapshot %s needs %d GiB, not %d", s.ID, s.Size, size)
			}
			if in.Type == "" {
				kind = s.Type
			}
		}
		if size < 1 || size > maxVolume {
			return "", invalid("size is 1 to %d GiB, not %d", maxVolume, size)
		}
		if err := take(tx, "volumes", 1, d.config.MaxVolumes); err != nil {
			return "", err
		}
		v := volumeRecord{Volume: compute.Volume{ID: nextID(tx, "vol"), Name: in.Name, Size: size, Location: location, Type: kind,
			Snapshot: in.Snapshot, Tags: maps.Clone(in.Tags), CreatedAt: now}}
		volumes.put(tx, v.ID, v.going(compute.VolumeCreating, compute.VolumeAvailable, d.soon(now)))
		return v.ID, nil
	}, d.showVolume)
}

// makeRootDisk makes the disk that a new node boots from.
func (d computeDriver) makeRootDisk(tx *txn, now time.Time, n compute.Node, size int) string {
	v := volumeRecord{Root: true, Volume: compute.Volume{ID: nextID(tx, "vol"), Name: n.Name, Size: size, State: compute.VolumeInUse,
		Location: n.Location, Type: volumeTypes[0], Node: n.ID, Device: "/dev/vda", CreatedAt: now}}
	volumes.put(tx, v.ID, v)
	return v.ID
}

// leaveVolumes lets a node's root disk end with it, and sets its other volumes free.
func (d computeDriver) leaveVolumes(tx *txn, now, end time.Time, n nodeRecord) {
	for _, id := range n.attached(tx, now) {
		v, ok := volumes.get(tx, id)
		if !ok {
			continue
		}
		if v = v.settled(now); v.Root {
			d.endVolume(tx, end, v)
		} else {
			volumes.put(tx, id, v.going(compute.VolumeInUse, compute.VolumeAvailable, end))
		}
	}
}

// endVolume lets a volume end at a time.
func (d computeDriver) endVolume(tx *txn, end time.Time, v volumeRecord) {
	volumes.put(tx, v.ID, v.going(compute.VolumeDeleting, compute.VolumeDeleted, end))
	expire(tx, end, string(volumes), v.ID)
}

// changeVolume changes a volume.
func (d computeDriver) changeVolume(ctx context.Context, name string, in any, id string, f func(tx *txn, now time.Time, v volumeRecord) error) error {
	return change(ctx, d.driver, name, in, func(tx *txn, now time.Time) error {
		v, err := d.volume(tx, now, id)
		if err != nil {
			return err
		}
		return f(tx, now, v)
	})
}

func (d computeDriver) ResizeVolume(ctx context.Context, in compute.ResizeVolume) error {
	return d.changeVolume(ctx, "resize_volume", in, in.Volume, func(tx *txn, now time.Time, v volumeRecord) error {
		switch {
		case in.Size < v.Size:
			return invalid("size: volume %s has %d GiB and can only grow, not shrink to %d", v.ID, v.Size, in.Size)
		case in.Size > maxVolume:
			return invalid("size is at most %d GiB, not %d", maxVolume, in.Size)
		case v.State != compute.VolumeAvailable && v.State != compute.VolumeInUse:
			return conflict("volume %s is %s: it must be available or inuse", v.ID, v.State)
		}
		v.Size = in.Size
		volumes.put(tx, v.ID, v)
		return nil
	})
}

func (d computeDriver) AttachVolume(ctx context.Context, in compute.AttachVolume) error {
	return d.changeVolume(ctx, "attach_volume", in, in.Volume, func(tx *txn, now time.Time, v volumeRecord) error {
		n, err := d.liveNode(tx, now, in.Node)
		switch {
		case err != nil:
			return err
		case v.State != compute.VolumeAvailable:
			return conflict("volume %s is %s: it must be available", v.ID, v.State)
		case n.State != compute.NodeRunning && n.State != compute.NodeStopped:
			return wrongState(n, "running or stopped")
		case v.Location != n.Location:
			return conflict("volume %s is in %s, but node %s is in %s", v.ID, v.Location, n.ID, n.Location)
		}
		// Forget the volumes that have left, so that the list does not grow for ever.
		n.Volumes = n.attached(tx, now)
		if v.Device, err = freeDevice(tx, n.Volumes, in.Device); err != nil {
			return err
		}
		v.Node = n.ID
		volumes.put(tx, v.ID, v.going(compute.VolumeAttaching, compute.VolumeInUse, d.soon(now)))
		n.Volumes = append(n.Volumes, v.ID)
		nodes.put(tx, n.ID, n)
		return nil
	})
}

// freeDevice returns the device name that a further volume gets: the one that
// is wanted, or the first that is free.
func freeDevice(tx *txn, attached []string, want string) (string, error) {
	taken := map[string]string{}
	for _, id := range attached {
		if v, ok := volumes.get(tx, id); ok {
			taken[v.Device] = id
		}
	}
	if want != "" {
		if !strings.HasPrefix(want, "/dev/") {
			return "", invalid("device: %q is not a device like \"/dev/vdb\"", want)
		}
		if id := taken[want]; id != "" {
			return "", conflict("device %s is taken by volume %s", want, id)
		}
		return want, nil
	}
	for c := 'a'; c <= 'z'; c++ {
		if name := "/dev/vd" + string(c); taken[name] == "" {
			return name, nil
		}
	}
	return "", &op.Error{Kind: op.QuotaExceeded, Code: "AttachmentLimitExceeded", Message: "a node can have 26 volumes"}
}

func (d computeDriver) DetachVolume(ctx context.Context, in compute.DetachVolume) error {
	return d.changeVolume(ctx, "detach_volume", in, in.Volume, func(tx *txn, now time.Time, v volumeRecord) error {
		switch {
		case v.Root:
			return conflict("volume %s is the root disk of node %s, which cannot be without it", v.ID, v.Node)
		case v.State != compute.VolumeInUse || v.Next != "":
			return conflict("volume %s is %s: it must be attached to be detached", v.ID, v.State)
		}
		volumes.put(tx, v.ID, v.going(compute.VolumeInUse, compute.VolumeAvailable, d.soon(now)))
		return nil
	})
}

func (d computeDriver) DestroyVolume(ctx context.Context, in compute.DestroyVolume) error {
	return d.changeVolume(ctx, "destroy_volume", in, in.Volume, func(tx *txn, now time.Time, v volumeRecord) error {
		switch {
		case v.State == compute.VolumeDeleting:
			return nil
		case v.Node != "":
			return conflict("volume %s is attached to node %s: detach it first", v.ID, v.Node)
		case v.State != compute.VolumeAvailable:
			return conflict("volume %s is %s: it must be available", v.ID, v.State)
		}
		d.endVolume(tx, d.soon(now), v)
		give(tx, "volumes", 1)
		return nil
	})
}

// Snapshots.

func (computeDriver) snapshot(tx *txn, now time.Time, id string) (snapshotRecord, error) {
	s, ok := snapshots.get(tx, id)
	if !ok {
		return snapshotRecord{}, notFound("snapshot", id)
	}
	return s.settled(now), nil
}

func (d computeDriver) ListVolumeSnapshots(ctx context.Context, in compute.ListVolumeSnapshots) iter.Seq2[compute.VolumeSnapshot, error] {
	return list(ctx, d.driver, snapshots, func(tx *txn, now time.Time, s snapshotRecord) (compute.VolumeSnapshot, bool) {
		return s.settled(now).show(), is(in.Volume, s.Volume) && is(in.Name, s.Name) && tagged(s.Tags, in.Tags)
	})
}

func (d computeDriver) GetVolumeSnapshot(ctx context.Context, in compute.GetVolumeSnapshot) (compute.VolumeSnapshot, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (compute.VolumeSnapshot, error) {
		return d.showSnapshot(tx, now, in.Snapshot)
	})
}

func (d computeDriver) showSnapshot(tx *txn, now time.Time, id string) (compute.VolumeSnapshot, error) {
	s, err := d.snapshot(tx, now, id)
	return s.show(), err
}

func (d computeDriver) CreateVolumeSnapshot(ctx context.Context, in compute.CreateVolumeSnapshot) (compute.VolumeSnapshot, error) {
	return create(ctx, d.driver, "create_volume_snapshot", in, func(tx *txn, now time.Time) (string, error) {
		v, err := d.volume(tx, now, in.Volume)
		switch {
		case err != nil:
			return "", err
		case v.State != compute.VolumeAvailable && v.State != compute.VolumeInUse:
			return "", conflict("volume %s is %s: it must be available or inuse", v.ID, v.State)
		}
		s := snapshotRecord{Type: v.Type, VolumeSnapshot: compute.VolumeSnapshot{ID: nextID(tx, "snap"), Name: in.Name, Description: in.Description,
			Volume: v.ID, Size: v.Size, State: compute.SnapshotCreating, Tags: maps.Clone(in.Tags), CreatedAt: now}}
		s.transition = transition[compute.VolumeSnapshotState]{compute.SnapshotAvailable, d.soon(now)}
		snapshots.put(tx, s.ID, s)
		return s.ID, nil
	}, d.showSnapshot)
}

func (d computeDriver) DestroyVolumeSnapshot(ctx context.Context, in compute.DestroyVolumeSnapshot) error {
	return change(ctx, d.driver, "destroy_volume_snapshot", in, func(tx *txn, now time.Time) error {
		s, err := d.snapshot(tx, now, in.Snapshot)
		if err == nil {
			snapshots.delete(tx, s.ID)
		}
		return err
	})
}

// Images.

// image returns an image, of the cloud or of the account.
func (computeDriver) image(tx *txn, now time.Time, id string) (compute.Image, error) {
	if own, ok := images.get(tx, id); ok {
		return own.settled(now).show(), nil
	}
	var ids []string
	for _, i := range publicImages() {
		if i.ID == id {
			return i, nil
		}
		ids = append(ids, i.ID)
	}
	return compute.Image{}, notFound("image", id, ids...)
}

// ownImage returns an image that can be changed.
func (d computeDriver) ownImage(tx *txn, now time.Time, id string) (imageRecord, error) {
	if own, ok := images.get(tx, id); ok {
		return own.settled(now), nil
	}
	if _, err := d.image(tx, now, id); err != nil {
		return imageRecord{}, err
	}
	return imageRecord{}, op.Errorf(op.PermissionDenied, "image %s belongs to the cloud itself", id)
}

func (d computeDriver) ListImages(ctx context.Context, in compute.ListImages) iter.Seq2[compute.Image, error] {
	wanted := func(i compute.Image) bool {
		return is(in.Owner, i.Owner) && is(in.Name, i.Name) && is(in.Architecture, i.Architecture) && tagged(i.Tags, in.Tags)
	}
	offered := slices.DeleteFunc(publicImages(), func(i compute.Image) bool { return !wanted(i) })
	// First what the cloud offers, then the account's own.
	const own = "own "
	return op.Pages(ctx, func(ctx context.Context, cursor string) (items []compute.Image, next string, err error) {
		err = d.request(ctx, func() (err error) {
			if in.Location != "" {
				if err := checkLocation(in.Location); err != nil {
					return err
				}
			}
			from, inOwn := strings.CutPrefix(cursor, own)
			if !inOwn {
				if items, next, err = slicePage(offered, cursor, d.config.PageSize); err != nil || next != "" {
					return err
				}
			}
			room := d.config.PageSize - len(items)
			if room == 0 {
				next = own
				return nil
			}
			return d.world.view(ctx, func(tx *txn, now time.Time) error {
				mine, key := page(tx, now, images, from, room, func(tx *txn, now time.Time, i imageRecord) (compute.Image, bool) {
					return i.settled(now).show(), wanted(i.Image)
				})
				items = append(slices.Clip(items), mine...)
				if key != "" {
					next = own + key
				}
				return nil
			})
		})
		return items, next, err
	})
}

func (d computeDriver) GetImage(ctx context.Context, in compute.GetImage) (compute.Image, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (compute.Image, error) { return d.image(tx, now, in.Image) })
}

func (d computeDriver) putImage(tx *txn, now time.Time, i compute.Image) string {
	i.ID, i.State, i.Owner, i.CreatedAt = nextID(tx, "img"), compute.ImagePending, selfOwner, now
	images.put(tx, i.ID, imageRecord{i, transition[compute.ImageState]{compute.ImageAvailable, now.Add(d.boot)}})
	return i.ID
}

func (d computeDriver) CreateImage(ctx context.Context, in compute.CreateImage) (compute.Image, error) {
	return create(ctx, d.driver, "create_image", in, func(tx *txn, now time.Time) (string, error) {
		n, err := d.liveNode(tx, now, in.Node)
		switch {
		case err != nil:
			return "", err
		case n.State != compute.NodeRunning && n.State != compute.NodeStopped:
			return "", wrongState(n, "running or stopped")
		}
		size, err := findSize(n.Size)
		if err != nil {
			return "", err
		}
		root, err := d.volume(tx, now, n.Volumes[0])
		if err != nil {
			return "", err
		}
		if in.Reboot && n.State == compute.NodeRunning {
			nodes.put(tx, n.ID, n.going(compute.NodeRebooting, compute.NodeRunning, now.Add(d.boot)))
		}
		return d.putImage(tx, now, compute.Image{Name: in.Name, Description: in.Description, Architecture: size.Architecture,
			Size: root.Size, Tags: maps.Clone(in.Tags)}), nil
	}, d.image)
}

func (d computeDriver) CopyImage(ctx context.Context, in compute.CopyImage) (compute.Image, error) {
	return create(ctx, d.driver, "copy_image", in, func(tx *txn, now time.Time) (string, error) {
		if in.SourceLocation != "" {
			if _, err := regionOf(in.SourceLocation); err != nil {
				return "", err
			}
		}
		i, err := d.image(tx, now, in.Image)
		switch {
		case err != nil:
			return "", err
		case i.State != compute.ImageAvailable:
			return "", conflict("image %s is %s: wait for it to be available", i.ID, i.State)
		}
		return d.putImage(tx, now, compute.Image{Name: in.Name, Description: in.Description, Architecture: i.Architecture, Size: i.Size}), nil
	}, d.image)
}

func (d computeDriver) DeleteImage(ctx context.Context, in compute.DeleteImage) error {
	return change(ctx, d.driver, "delete_image", in, func(tx *txn, now time.Time) error {
		i, err := d.ownImage(tx, now, in.Image)
		if err == nil {
			images.delete(tx, i.ID)
		}
		return err
	})
}
