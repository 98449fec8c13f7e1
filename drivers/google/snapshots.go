package google

import (
	"cmp"
	"context"
	"fmt"
	"iter"

	gce "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers/compute"
)

var snapshotStates = map[string]compute.VolumeSnapshotState{
	"CREATING":  compute.SnapshotCreating,
	"UPLOADING": compute.SnapshotCreating,
	"READY":     compute.SnapshotAvailable,
	"FAILED":    compute.SnapshotError,
	"DELETING":  compute.SnapshotDeleting,
}

const snapshotFields = "id,name,description,status,sourceDisk,diskSizeGb,storageBytes,snapshotType,storageLocations,labels,creationTimestamp"

func snapshotOf(project string, s *gce.Snapshot) compute.VolumeSnapshot {
	v := compute.VolumeSnapshot{ID: s.Name, Name: s.Name, Description: s.Description, Volume: shortID(project, s.SourceDisk), Size: int(s.DiskSizeGb),
		State: cmp.Or(snapshotStates[s.Status], compute.SnapshotUnknown), Tags: tagsOf(s.Labels), CreatedAt: when(s.CreationTimestamp),
		Extra: extras(map[string]any{"status": s.Status, "storageBytes": int(s.StorageBytes), "snapshotType": s.SnapshotType, "storageLocations": s.StorageLocations})}
	if s.Id != 0 {
		v.Extra["id"] = fmt.Sprint(s.Id)
	}
	return v
}

func (d *gceDriver) ListVolumeSnapshots(ctx context.Context, in compute.ListVolumeSnapshots) iter.Seq2[compute.VolumeSnapshot, error] {
	var f filter
	f.tagged(in.Name, in.Tags)
	return pages(ctx, d.session, func(ctx context.Context, project, cursor string) ([]compute.VolumeSnapshot, string, error) {
		list := d.api.Snapshots.List(project).MaxResults(d.page(most)).PageToken(cursor).Fields("nextPageToken", "items("+snapshotFields+")")
		if len(f) > 0 {
			list.Filter(f.String())
		}
		out, err := do(list.Context(ctx))
		if err != nil {
			return nil, "", err
		}
		snapshots := make([]compute.VolumeSnapshot, len(out.Items))
		for i, s := range out.Items {
			snapshots[i] = snapshotOf(project, s)
		}
		return snapshots, out.NextPageToken, nil
	})
}

func (d *gceDriver) snapshot(ctx context.Context, id string) (ref, error) {
	project, err := d.project(ctx)
	if err != nil {
		return ref{}, err
	}
	return global("snapshot", id, project)
}

func (d *gceDriver) GetVolumeSnapshot(ctx context.Context, in compute.GetVolumeSnapshot) (compute.VolumeSnapshot, error) {
	r, err := d.snapshot(ctx, in.Snapshot)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	s, err := do(d.api.Snapshots.Get(r.project, r.name).Fields(snapshotFields).Context(ctx))
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	return snapshotOf(r.project, s), nil
}

func (d *gceDriver) CreateVolumeSnapshot(ctx context.Context, in compute.CreateVolumeSnapshot) (compute.VolumeSnapshot, error) {
	if err := named("a snapshot", in.Name); err != nil {
		return compute.VolumeSnapshot{}, err
	}
	tags, err := labels(in.Tags)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	disk, err := d.volume(ctx, in.Volume)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	r, err := d.snapshot(ctx, in.Name)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	o, err := change(ctx, "insert", d.api.Snapshots.Insert(r.project, &gce.Snapshot{Name: in.Name, Description: in.Description, SourceDisk: diskURL(disk), Labels: tags}))
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	get := func(ctx context.Context) (compute.VolumeSnapshot, error) {
		return d.GetVolumeSnapshot(ctx, compute.GetVolumeSnapshot{Snapshot: in.Name})
	}
	remove := func(ctx context.Context) error { return d.removeSnapshot(ctx, r) }
	err = d.start(r.project, o).made(ctx, exists(func(ctx context.Context) error {
		_, err := get(ctx)
		return err
	}), remove)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	return fetched(ctx, "the snapshot "+r.name, func() (compute.VolumeSnapshot, error) { return get(ctx) }, remove)
}

func (d *gceDriver) DestroyVolumeSnapshot(ctx context.Context, in compute.DestroyVolumeSnapshot) error {
	r, err := d.snapshot(ctx, in.Snapshot)
	if err != nil {
		return err
	}
	return d.removeSnapshot(ctx, r)
}

func (d *gceDriver) removeSnapshot(ctx context.Context, r ref) error {
	o, err := change(ctx, "delete", d.api.Snapshots.Delete(r.project, r.name))
	if err != nil {
		return err
	}
	return d.start(r.project, o).begun(ctx, underWay)
}
