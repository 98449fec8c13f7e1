package libvirt

import (
	"context"
	"fmt"
	"iter"
	"time"

	"libvirt.org/go/libvirtxml"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A snapshot of a volume is a copy in the pool that outlives it. libvirt's own
// snapshots are inside a disk, or make the disk depend on another: they are for
// whole domains, and native reaches them.

func snapshotOf(k disk) compute.VolumeSnapshot {
	return compute.VolumeSnapshot{ID: k.Key, Name: k.name, Description: k.notes.Description, Volume: k.notes.Volume, Size: k.size(),
		State: compute.SnapshotAvailable, Tags: k.notes.Tags, CreatedAt: k.made(), Extra: map[string]any{"volume": k.Name}}
}

func (d *driver) ListVolumeSnapshots(ctx context.Context, _ compute.ListVolumeSnapshots) iter.Seq2[compute.VolumeSnapshot, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.VolumeSnapshot, string, error) {
		disks, err := d.disks(ctx, d.Pool, func(k kind) bool { return k == snapshot })
		var list []compute.VolumeSnapshot
		for _, k := range disks {
			if k.hasNotes { // without, it is still being made
				list = append(list, snapshotOf(k))
			}
		}
		return list, "", err
	})
}

func (d *driver) snapshot(ctx context.Context, id string) (disk, error) {
	k, err := d.disk(ctx, "snapshot", id, snapshot)
	if op.KindOf(err) == op.NotFound {
		err = op.Errorf(op.NotFound, "there is no snapshot %q", id)
	}
	return k, err
}

func (d *driver) GetVolumeSnapshot(ctx context.Context, in compute.GetVolumeSnapshot) (compute.VolumeSnapshot, error) {
	k, err := d.snapshot(ctx, in.Snapshot)
	return snapshotOf(k), err
}

func (d *driver) CreateVolumeSnapshot(ctx context.Context, in compute.CreateVolumeSnapshot) (compute.VolumeSnapshot, error) {
	if err := called("snapshot", in.Name); err != nil {
		return compute.VolumeSnapshot{}, err
	}
	k, all, err := d.volume(ctx, in.Volume)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	n := notes{Description: in.Description, Tags: in.Tags, Volume: k.Key, Created: time.Now().UTC()}
	key, err := d.copyDisk(ctx, k, all, d.Pool, fmt.Sprintf("%s.snapshot.%s", in.Name, qcow2), n)
	if op.KindOf(err) == op.AlreadyExists {
		err = op.Errorf(op.AlreadyExists, "there is a snapshot %q already", in.Name)
	}
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	made, err := d.snapshot(ctx, key)
	if err != nil {
		return compute.VolumeSnapshot{}, d.undone(ctx, err, key)
	}
	return snapshotOf(made), nil
}

func (d *driver) DestroyVolumeSnapshot(ctx context.Context, in compute.DestroyVolumeSnapshot) error {
	k, err := d.snapshot(ctx, in.Snapshot)
	if err != nil {
		return err
	}
	return d.remove(ctx, k.Key)
}

// copyDisk copies a disk as it is at one moment, and returns when that is done:
// libvirt tells of it no other way. A disk that a running machine has is copied by
// the hypervisor, so that what the guest writes meanwhile is not in it.
func (d *driver) copyDisk(ctx context.Context, k disk, all []machine, pool, name string, n notes) (string, error) {
	m, target, used := uses(all, k.Key)
	if !used || !m.active() {
		return d.make(ctx, pool, volumeXML(name, qcow2, k.bytes, nil), k.Key, n)
	}
	key, err := d.make(ctx, pool, volumeXML(name, qcow2, k.bytes, nil), "", notes{})
	if err != nil {
		return "", err
	}
	if err := d.backUp(ctx, m, target, key); err != nil {
		return "", d.undone(ctx, err, key)
	}
	if err := d.write(ctx, pool, name+".meta.json", n, true); err != nil {
		return "", d.undone(ctx, err, key)
	}
	return key, nil
}

// backUp copies a running machine's disk into a volume that is there.
func (d *driver) backUp(ctx context.Context, m machine, target, key string) error {
	b := libvirtxml.DomainBackup{Push: &libvirtxml.DomainBackupPush{Disks: &libvirtxml.DomainBackupPushDisks{}}}
	for _, k := range m.x.Devices.Disks {
		if k.Target == nil || k.Target.Dev != target {
			if k.Target != nil {
				b.Push.Disks.Disks = append(b.Push.Disks.Disks, libvirtxml.DomainBackupPushDisk{Name: k.Target.Dev, Backup: "no"})
			}
			continue
		}
		b.Push.Disks.Disks = append(b.Push.Disks.Disks, libvirtxml.DomainBackupPushDisk{Name: target, Backup: "yes",
			Driver: &libvirtxml.DomainBackupDiskDriver{Type: qcow2},
			Target: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: key}}})
	}
	text, err := b.Marshal()
	if err != nil {
		return op.Errorf(op.Internal, "%w", err)
	}
	if err := do(ctx, d.link, func(w wire) error { return w.DomainBackupBegin(m.id, text, backupReuse) }); err != nil {
		return err
	}
	err = op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		_, err := get(ctx, d.link, func(w wire) (string, error) { return w.DomainBackupGetXMLDesc(m.id) })
		if op.KindOf(err) == op.NotFound {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		return d.undo(ctx, err, func(ctx context.Context) error {
			err := do(ctx, d.link, func(w wire) error { return w.DomainAbortJob(m.id) })
			if op.KindOf(err) == op.Conflict {
				return nil // it has just ended
			}
			return err
		}, "the job on "+m.x.Name)
	}
	how, err := get(ctx, d.link, func(w wire) (int32, error) { return w.DomainGetJobStats(m.id, jobStatsCompleted) })
	if err == nil && how != jobCompleted {
		err = op.Errorf(op.Conflict, "the hypervisor gave up copying %s of %s: it may have been stopped, or the pool is full", target, m.x.Name)
	}
	return err
}
