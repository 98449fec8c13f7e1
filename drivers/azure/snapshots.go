package azure

import (
	"context"
	"iter"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// imageTag is on a snapshot that an image was made with, and that goes with it:
// it has the image's name.
const imageTag = "cloudlark-image"

func snapshotOf(s *armcompute.Snapshot) compute.VolumeSnapshot {
	v := compute.VolumeSnapshot{ID: shortID(s.ID), Name: value(s.Name), State: compute.SnapshotUnknown, Extra: map[string]any{"location": place(value(s.Location))}}
	v.Tags, v.Description = describedTags(s.Tags)
	if p := s.Properties; p != nil {
		v.Size, v.CreatedAt = int(value(p.DiskSizeGB)), when(p.TimeCreated)
		if c := p.CreationData; c != nil && strings.Contains(strings.ToLower(value(c.SourceResourceID)), "/disks/") {
			v.Volume = shortID(c.SourceResourceID)
		}
		switch value(p.ProvisioningState) {
		case "Succeeded":
			v.State = compute.SnapshotAvailable
			if p.CompletionPercent != nil && *p.CompletionPercent < 100 {
				v.State = compute.SnapshotCreating // copied in the background
			}
		case "Creating":
			v.State = compute.SnapshotCreating
		case "Updating":
			v.State = compute.SnapshotUpdating
		case "Deleting":
			v.State = compute.SnapshotDeleting
		case "Failed":
			v.State = compute.SnapshotError
		}
		v.Extra["incremental"], v.Extra["osType"] = value(p.Incremental), text(p.OSType)
	}
	extras(v.Extra)
	return v
}

func (d *computeDriver) ListVolumeSnapshots(ctx context.Context, _ compute.ListVolumeSnapshots) iter.Seq2[compute.VolumeSnapshot, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.VolumeSnapshot, string, error) {
		a, err := d.api(ctx)
		if err != nil {
			return nil, "", err
		}
		var found []*armcompute.Snapshot
		var next string
		if d.group != "" {
			found, next, err = page(ctx, cursor, a.snapshots.NewListByResourceGroupPager(d.group, nil), func(r armcompute.SnapshotsClientListByResourceGroupResponse) ([]*armcompute.Snapshot, *string) {
				return r.Value, r.NextLink
			})
		} else {
			found, next, err = page(ctx, cursor, a.snapshots.NewListPager(nil), func(r armcompute.SnapshotsClientListResponse) ([]*armcompute.Snapshot, *string) {
				return r.Value, r.NextLink
			})
		}
		return convert(found, snapshotOf), next, err
	})
}

// snapshot looks a snapshot up.
func (d *computeDriver) snapshot(ctx context.Context, id string) (*api, ref, *armcompute.Snapshot, error) {
	r, err := d.ref("snapshot", id, 1)
	if err != nil {
		return nil, r, nil, err
	}
	a, err := d.api(ctx)
	if err != nil {
		return nil, r, nil, err
	}
	out, err := get(a.snapshots.Get(ctx, r.group, r.name(), nil))
	return a, r, &out.Snapshot, err
}

func (d *computeDriver) GetVolumeSnapshot(ctx context.Context, in compute.GetVolumeSnapshot) (compute.VolumeSnapshot, error) {
	_, _, s, err := d.snapshot(ctx, in.Snapshot)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	return snapshotOf(s), nil
}

// CreateVolumeSnapshot takes an incremental snapshot, which stores only what
// changed since the one before, and is as whole as any other.
func (d *computeDriver) CreateVolumeSnapshot(ctx context.Context, in compute.CreateVolumeSnapshot) (compute.VolumeSnapshot, error) {
	if err := named("a snapshot", in.Name, 80); err != nil {
		return compute.VolumeSnapshot{}, err
	}
	a, _, v, err := d.disk(ctx, in.Volume)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	token := op.Token(ctx)
	s, err := d.take(ctx, a, in.Name, tagsFor(in.Tags, in.Description, token), token, v.ID, value(v.Location), true)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	snap := snapshotOf(s)
	if snap.Size == 0 {
		snap.Size = volumeOf(v).Size
	}
	return snap, nil
}

// take begins a snapshot of a disk or of another snapshot.
func (d *computeDriver) take(ctx context.Context, a *api, name string, tags map[string]*string, token string, source *string, location string, incremental bool) (*armcompute.Snapshot, error) {
	_, group, err := d.into(ctx)
	if err != nil {
		return nil, err
	}
	snapshot := armcompute.Snapshot{Location: &location, Tags: tags, Properties: &armcompute.SnapshotProperties{Incremental: &incremental,
		CreationData: &armcompute.CreationData{CreateOption: pointer(armcompute.DiskCreateOptionCopy), SourceResourceID: source}}}
	return create(ctx, d.manager, "snapshot", ref{group, []string{name}}, token, func() (*armcompute.Snapshot, map[string]*string, error) {
		found, err := a.snapshots.Get(ctx, group, name, nil)
		return &found.Snapshot, found.Tags, err
	}, func() (*armcompute.Snapshot, error) {
		return begin[armcompute.Snapshot](ctx, func(ctx context.Context) (*runtime.Poller[armcompute.SnapshotsClientCreateOrUpdateResponse], error) {
			return a.snapshots.BeginCreateOrUpdate(ctx, group, name, snapshot, nil)
		})
	})
}

func (d *computeDriver) DestroyVolumeSnapshot(ctx context.Context, in compute.DestroyVolumeSnapshot) error {
	r, err := d.ref("snapshot", in.Snapshot, 1)
	if err != nil {
		return err
	}
	a, err := d.api(ctx)
	if err != nil {
		return err
	}
	return removeSnapshot(ctx, a, r)
}

func removeSnapshot(ctx context.Context, a *api, r ref) error {
	return remove(ctx, "snapshot", r, func(ctx context.Context) (*runtime.Poller[armcompute.SnapshotsClientDeleteResponse], error) {
		return a.snapshots.BeginDelete(ctx, r.group, r.name(), nil)
	})
}
