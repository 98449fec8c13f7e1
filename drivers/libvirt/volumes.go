package libvirt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"libvirt.org/go/libvirtxml"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// volumeOf is a disk as the contract has it; all are the machines that may use it.
func volumeOf(k disk, all []machine, host string) compute.Volume {
	v := compute.Volume{ID: k.Key, Name: k.name, Size: k.size(), State: compute.VolumeAvailable, Location: host, Type: k.format,
		Snapshot: k.notes.Snapshot, Tags: k.notes.Tags, CreatedAt: k.made(), Extra: map[string]any{"volume": k.Name, "capacity": k.bytes}}
	if k.kind == rootDisk {
		v.Extra["root"] = true
	}
	if k.backing != "" {
		v.Extra["backing_store"] = k.backing
	}
	if m, target, ok := uses(all, k.Key); ok {
		v.State, v.Node, v.Device = compute.VolumeInUse, m.id, target
		v.Extra["serial"] = serial(k.Key)
	}
	return v
}

// serial is by what a guest finds a volume, whatever its name is there:
// /dev/disk/by-id/virtio-SERIAL.
func serial(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:10])
}

// isVolume reports whether something foreign in the pool is a volume: where images
// have the same pool, only what a node uses is.
func (d *driver) isVolume(k disk, all []machine) bool {
	if k.kind != foreign || d.Pool != d.ImagePool {
		return true
	}
	_, _, used := uses(all, k.Key)
	return used
}

func (d *driver) ListVolumes(ctx context.Context, in compute.ListVolumes) iter.Seq2[compute.Volume, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.Volume, string, error) {
		host, err := d.hostname(ctx)
		if err != nil {
			return nil, "", err
		}
		all, err := d.machines(ctx)
		if err != nil {
			return nil, "", err
		}
		disks, err := d.disks(ctx, d.Pool, func(k kind) bool { return k == volume || k == rootDisk || k == foreign })
		var list []compute.Volume
		for _, k := range disks {
			if d.isVolume(k, all) {
				list = append(list, volumeOf(k, all, host))
			}
		}
		return list, "", err
	})
}

// volume reads a volume, and the machines.
func (d *driver) volume(ctx context.Context, id string) (disk, []machine, error) {
	k, err := d.disk(ctx, "volume", id, volume, rootDisk, foreign)
	if err != nil {
		if op.KindOf(err) == op.NotFound {
			err = op.Errorf(op.NotFound, "there is no volume %q", id)
		}
		return k, nil, err
	}
	all, err := d.machines(ctx)
	if err == nil && !d.isVolume(k, all) {
		err = op.Errorf(op.NotFound, "%s is an image, and no volume", id)
	}
	return k, all, err
}

func (d *driver) GetVolume(ctx context.Context, in compute.GetVolume) (compute.Volume, error) {
	k, all, err := d.volume(ctx, in.Volume)
	if err != nil {
		return compute.Volume{}, err
	}
	host, err := d.hostname(ctx)
	return volumeOf(k, all, host), err
}

func (d *driver) CreateVolume(ctx context.Context, in compute.CreateVolume) (compute.Volume, error) {
	format := in.Type
	if format == "" {
		format = qcow2
	}
	if err := called("volume", in.Name); err != nil {
		return compute.Volume{}, err
	}
	switch {
	case format != qcow2 && format != raw:
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "type is %q: a volume is qcow2 or raw", in.Type)
	case len(in.Extra) > 0:
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "extra: libvirt's volumes take nothing beyond the other arguments")
	case in.Size < 0 || in.Size == 0 && in.Snapshot == "":
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "size is %d GiB: it must be 1 or more", in.Size)
	}
	if err := d.here(ctx, in.Location); err != nil {
		return compute.Volume{}, err
	}
	if _, err := d.folder(ctx, d.Pool); err != nil {
		return compute.Volume{}, err
	}
	size := uint64(in.Size) * gib
	var from disk
	if in.Snapshot != "" {
		var err error
		if from, err = d.snapshot(ctx, in.Snapshot); err != nil {
			return compute.Volume{}, err
		}
		if size != 0 && size < from.bytes {
			return compute.Volume{}, op.Errorf(op.InvalidArgument, "size is %d GiB: the snapshot has %d", in.Size, from.size())
		}
		size = max(size, from.bytes)
	}
	n := notes{Tags: in.Tags, Snapshot: in.Snapshot, Created: time.Now().UTC()}
	name := fmt.Sprintf("%s.volume.%s", in.Name, format)
	if err := d.freeName(ctx, in.Name, volume); err != nil {
		return compute.Volume{}, err
	}
	key, err := d.make(ctx, d.Pool, volumeXML(name, format, size, nil), from.Key, n)
	if op.KindOf(err) == op.AlreadyExists {
		err = op.Errorf(op.AlreadyExists, "there is a volume %q already", in.Name)
	}
	if err == nil && from.Key != "" && size > from.bytes {
		if err = do(ctx, d.link, func(w wire) error { return w.StorageVolResize(key, size, 0) }); err != nil {
			err = d.undone(ctx, err, key)
		}
	}
	if err != nil {
		return compute.Volume{}, err
	}
	k, err := d.disk(ctx, "volume", key, volume)
	host := ""
	if err == nil {
		host, err = d.hostname(ctx)
	}
	if err != nil {
		return compute.Volume{}, d.undone(ctx, err, key)
	}
	return volumeOf(k, nil, host), nil
}

// freeName makes sure that nothing of that kind has the name, in whichever format.
func (d *driver) freeName(ctx context.Context, name string, k kind) error {
	all, err := get(ctx, d.link, func(w wire) ([]keyed, error) { return w.StoragePoolListAllVolumes(d.Pool) })
	for _, v := range all {
		if is, has := kindOf(v.Name); is == k && has == name {
			return op.Errorf(op.AlreadyExists, "there is a %s %q already", k, name)
		}
	}
	return err
}

func (d *driver) ResizeVolume(ctx context.Context, in compute.ResizeVolume) error {
	k, all, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	size := uint64(in.Size) * gib
	switch {
	case in.Size < 1 || size < k.bytes:
		return op.Errorf(op.InvalidArgument, "size is %d GiB: the volume has %d, and cannot be made smaller", in.Size, k.size())
	case size == k.bytes:
		return nil
	}
	m, target, used := uses(all, k.Key)
	return do(ctx, d.link, func(w wire) error {
		if used && m.active() {
			return w.DomainBlockResize(m.id, target, size, resizeBytes)
		}
		return w.StorageVolResize(k.Key, size, 0)
	})
}

func (d *driver) AttachVolume(ctx context.Context, in compute.AttachVolume) error {
	k, all, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(m machine) bool { return m.id == in.Node })
	if i < 0 {
		return op.Errorf(op.NotFound, "there is no node %q", in.Node)
	}
	if m, target, used := uses(all, k.Key); used {
		return op.Errorf(op.Conflict, "%s is attached to %s already, as %s", k.name, m.x.Name, target)
	}
	m := all[i]
	device := strings.TrimPrefix(in.Device, "/dev/")
	if device == "" {
		device = m.nextDevice()
	}
	x := libvirtxml.DomainDisk{Device: "disk", Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: k.format, Discard: "unmap"},
		Source: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: k.Key}},
		Target: &libvirtxml.DomainDiskTarget{Dev: device, Bus: busOf(device)}, Serial: serial(k.Key)}
	text, err := x.Marshal()
	if err != nil {
		return op.Errorf(op.Internal, "%w", err)
	}
	return do(ctx, d.link, func(w wire) error { return w.DomainAttachDeviceFlags(m.id, text, m.affect()) })
}

// affect is what a change of a machine's devices is to reach: its description,
// and if it runs, itself.
func (m machine) affect() uint32 {
	if m.active() {
		return affectConfig | affectLive
	}
	return affectConfig
}

// nextDevice is the first name that no disk of the machine has.
func (m machine) nextDevice() string {
	taken := map[string]bool{}
	for _, k := range m.x.Devices.Disks {
		if k.Target != nil {
			taken[k.Target.Dev] = true
		}
	}
	for i := 0; ; i++ {
		name := "vd"
		if i >= 26 {
			name += string(rune('a' + i/26 - 1))
		}
		if name += string(rune('a' + i%26)); !taken[name] {
			return name
		}
	}
}

func busOf(device string) string {
	switch {
	case strings.HasPrefix(device, "sd"):
		return "scsi"
	case strings.HasPrefix(device, "hd"):
		return "ide"
	}
	return "virtio"
}

// DetachVolume asks until the guest has let go: one that still boots does not
// notice, and neither it nor libvirt would remember.
func (d *driver) DetachVolume(ctx context.Context, in compute.DetachVolume) error {
	k, all, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	m, target, used := uses(all, k.Key)
	if !used {
		return op.Errorf(op.Conflict, "%s is not attached", k.name)
	}
	if paths, _ := m.disks(); paths[0] == k.Key {
		return op.Errorf(op.Conflict, "%s is what %s boots from", k.name, m.x.Name)
	}
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(k.Key)); err != nil {
		return op.Errorf(op.Internal, "%w", err)
	}
	text := fmt.Sprintf("<disk type='file' device='disk'><source file='%s'/><target dev='%s'/></disk>", b.String(), target)
	if err := d.forgetDisk(ctx, m, target, text); err != nil || !m.active() {
		return err
	}
	return d.insist(ctx, m.x.Name+" to let go of "+k.name, func(ctx context.Context) (bool, error) {
		x, err := d.domainXML(ctx, m.id, 0)
		if err != nil || !has(x, target) {
			return err == nil, err
		}
		err = do(ctx, d.link, func(w wire) error { return w.DomainDetachDeviceFlags(m.id, text, affectLive) })
		switch op.KindOf(err) {
		case op.Conflict, op.NotFound, op.Internal, op.InvalidArgument: // it is being let go of, or is gone
			err = nil
		}
		return false, err
	})
}

// forgetDisk takes a disk from a machine's description, if it is still there.
func (d *driver) forgetDisk(ctx context.Context, m machine, target, text string) error {
	x, err := d.domainXML(ctx, m.id, xmlInactive)
	if err != nil || !has(x, target) {
		return err
	}
	return do(ctx, d.link, func(w wire) error { return w.DomainDetachDeviceFlags(m.id, text, affectConfig) })
}

func has(x *libvirtxml.Domain, target string) bool {
	return x.Devices != nil && slices.ContainsFunc(x.Devices.Disks, func(k libvirtxml.DomainDisk) bool { return k.Target != nil && k.Target.Dev == target })
}

func (d *driver) DestroyVolume(ctx context.Context, in compute.DestroyVolume) error {
	k, all, err := d.volume(ctx, in.Volume)
	if err != nil {
		return err
	}
	if m, target, used := uses(all, k.Key); used {
		return op.Errorf(op.Conflict, "%s is attached to %s, as %s: detach it first", k.name, m.x.Name, target)
	}
	if k.kind == foreign {
		switch based, err := d.basedOn(ctx, k.Key); {
		case err != nil:
			return err
		case based:
			return op.Errorf(op.Conflict, "disks of nodes are based on %s", k.name)
		}
	}
	return d.remove(ctx, k.Key)
}
