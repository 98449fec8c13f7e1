package azure

import (
	"context"
	"iter"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// volumeExtra is what create_volume takes beyond the contract.
type volumeExtra struct {
	Zone       string `json:"zone,omitzero" help:"The availability zone: that of the node which it is for."`
	IOPS       int    `json:"iops,omitzero" help:"How many operations a second it can do, of types that let one choose."`
	Throughput int    `json:"throughput,omitzero" unit:"MB/s" help:"How much it can move, of types that let one choose."`
	Tier       string `json:"tier,omitzero" help:"The performance tier of a Premium_LRS disk, as P30."`
	Shared     int    `json:"shared,omitzero" help:"How many nodes may have it at once; one if not given."`
	Encryption string `json:"encryption,omitzero" help:"Azure's id of the disk encryption set whose key it is encrypted with; Azure's own key if not given."`
}

// diskStates are what a disk is doing.
var diskStates = map[armcompute.DiskState]compute.VolumeState{
	armcompute.DiskStateUnattached:      compute.VolumeAvailable,
	armcompute.DiskStateAttached:        compute.VolumeInUse,
	armcompute.DiskStateReserved:        compute.VolumeInUse, // of a node that is stopped
	armcompute.DiskStateFrozen:          compute.VolumeInUse, // of a node that is suspended
	armcompute.DiskStateActiveSAS:       compute.VolumeBackup,
	armcompute.DiskStateActiveSASFrozen: compute.VolumeBackup,
	armcompute.DiskStateReadyToUpload:   compute.VolumeCreating,
	armcompute.DiskStateActiveUpload:    compute.VolumeCreating,
}

func volumeOf(v *armcompute.Disk) compute.Volume {
	w := compute.Volume{ID: shortID(v.ID), Name: value(v.Name), State: compute.VolumeUnknown, Location: place(value(v.Location)), Node: shortID(v.ManagedBy),
		Encrypted: true, Tags: tagsOf(v.Tags), Extra: map[string]any{}}
	if v.SKU != nil {
		w.Type = text(v.SKU.Name)
	}
	if len(v.Zones) > 0 {
		w.Extra["zone"] = value(v.Zones[0])
	}
	p := v.Properties
	if p == nil {
		return w
	}
	w.Size, w.CreatedAt = int(value(p.DiskSizeGB)), when(p.TimeCreated)
	switch provisioning := value(p.ProvisioningState); provisioning {
	case "Creating":
		w.State = compute.VolumeCreating
	case "Deleting":
		w.State = compute.VolumeDeleting
	case "Failed":
		w.State = compute.VolumeError
	default:
		if s, ok := diskStates[value(p.DiskState)]; ok {
			w.State = s
		}
		if w.Node != "" {
			w.State = compute.VolumeInUse
		} else if provisioning == "Updating" {
			w.State = compute.VolumeUpdating
		}
	}
	if c := p.CreationData; c != nil {
		if source := value(c.SourceResourceID); strings.Contains(strings.ToLower(source), "/snapshots/") {
			w.Snapshot = shortID(&source)
		}
		if c.ImageReference != nil {
			w.Extra["image"] = value(c.ImageReference.ID)
		}
	}
	w.Extra["osType"], w.Extra["tier"], w.Extra["iops"], w.Extra["throughput"], w.Extra["diskState"] =
		text(p.OSType), value(p.Tier), int(value(p.DiskIOPSReadWrite)), int(value(p.DiskMBpsReadWrite)), text(p.DiskState)
	if p.Encryption != nil {
		w.Extra["encryption"] = text(p.Encryption.Type)
	}
	extras(w.Extra)
	return w
}

func (d *computeDriver) ListVolumes(ctx context.Context, _ compute.ListVolumes) iter.Seq2[compute.Volume, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Volume, string, error) {
		a, err := d.api(ctx)
		if err != nil {
			return nil, "", err
		}
		var found []*armcompute.Disk
		var next string
		if d.group != "" {
			found, next, err = page(ctx, cursor, a.disks.NewListByResourceGroupPager(d.group, nil), func(r armcompute.DisksClientListByResourceGroupResponse) ([]*armcompute.Disk, *string) {
				return r.Value, r.NextLink
			})
		} else {
			found, next, err = page(ctx, cursor, a.disks.NewListPager(nil), func(r armcompute.DisksClientListResponse) ([]*armcompute.Disk, *string) {
				return r.Value, r.NextLink
			})
		}
		return convert(found, volumeOf), next, err
	})
}

// convert makes values of the contract of the SDK's.
func convert[A, B any](from []*A, f func(*A) B) []B {
	list := make([]B, len(from))
	for i, v := range from {
		list[i] = f(v)
	}
	return list
}

// disk looks a volume up.
func (d *computeDriver) disk(ctx context.Context, id string) (*api, ref, *armcompute.Disk, error) {
	r, err := d.ref("volume", id, 1)
	if err != nil {
		return nil, r, nil, err
	}
	a, err := d.api(ctx)
	if err != nil {
		return nil, r, nil, err
	}
	out, err := get(a.disks.Get(ctx, r.group, r.name(), nil))
	return a, r, &out.Disk, err
}

func (d *computeDriver) GetVolume(ctx context.Context, in compute.GetVolume) (compute.Volume, error) {
	_, _, v, err := d.disk(ctx, in.Volume)
	if err != nil {
		return compute.Volume{}, err
	}
	return volumeOf(v), nil
}

func (d *computeDriver) CreateVolume(ctx context.Context, in compute.CreateVolume) (compute.Volume, error) {
	if err := named("a volume", in.Name, 80); err != nil {
		return compute.Volume{}, err
	}
	extra, err := op.Extra[volumeExtra](in.Extra)
	switch {
	case err != nil:
		return compute.Volume{}, err
	case in.Size < 0 || in.Size == 0 && in.Snapshot == "":
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "size is %d GiB: it must be 1 or more", in.Size)
	}
	a, group, err := d.into(ctx)
	if err != nil {
		return compute.Volume{}, err
	}
	token := op.Token(ctx)
	disk := armcompute.Disk{Tags: tagsFor(in.Tags, "", token), Properties: &armcompute.DiskProperties{DiskSizeGB: given(int32(in.Size)), Tier: given(extra.Tier),
		DiskIOPSReadWrite: given(int64(extra.IOPS)), DiskMBpsReadWrite: given(int64(extra.Throughput)), MaxShares: given(int32(extra.Shared)),
		CreationData: &armcompute.CreationData{CreateOption: pointer(armcompute.DiskCreateOptionEmpty)}}}
	location := in.Location
	if in.Snapshot != "" {
		_, _, s, err := d.snapshot(ctx, in.Snapshot)
		if err != nil {
			return compute.Volume{}, err
		}
		disk.Properties.CreationData = &armcompute.CreationData{CreateOption: pointer(armcompute.DiskCreateOptionCopy), SourceResourceID: s.ID}
		if location == "" {
			location = value(s.Location)
		}
	}
	if location, err = d.at(location); err != nil {
		return compute.Volume{}, err
	}
	disk.Location = &location
	if in.Type != "" {
		disk.SKU = &armcompute.DiskSKU{Name: pointer(armcompute.DiskStorageAccountTypes(in.Type))}
	}
	if extra.Zone != "" {
		disk.Zones = []*string{&extra.Zone}
	}
	if extra.Encryption != "" {
		disk.Properties.Encryption = &armcompute.Encryption{DiskEncryptionSetID: &extra.Encryption}
	}
	made, err := create(ctx, d.manager, "volume", ref{group, []string{in.Name}}, token, func() (*armcompute.Disk, map[string]*string, error) {
		found, err := a.disks.Get(ctx, group, in.Name, nil)
		return &found.Disk, found.Tags, err
	}, func() (*armcompute.Disk, error) {
		return begin[armcompute.Disk](ctx, func(ctx context.Context) (*runtime.Poller[armcompute.DisksClientCreateOrUpdateResponse], error) {
			return a.disks.BeginCreateOrUpdate(ctx, group, in.Name, disk, nil)
		})
	})
	if err != nil {
		return compute.Volume{}, err
	}
	// Azure's first answer has what it was asked for, and may lack the rest.
	v := volumeOf(made)
	if made.ID == nil {
		v.ID, v.Name = ref{group, []string{in.Name}}.String(), in.Name
	}
	return v, nil
}

func (d *computeDriver) ResizeVolume(ctx context.Context, in compute.ResizeVolume) error {
	a, r, v, err := d.disk(ctx, in.Volume)
	if err != nil {
		return err
	}
	switch have := volumeOf(v).Size; {
	case in.Size < have:
		return op.Errorf(op.InvalidArgument, "size is %d GiB, and the volume %s has %d: it can only grow", in.Size, r, have)
	case in.Size == have:
		return nil
	}
	return start(a.disks.BeginUpdate(ctx, r.group, r.name(), armcompute.DiskUpdate{Properties: &armcompute.DiskUpdateProperties{DiskSizeGB: pointer(int32(in.Size))}}, nil))
}

// AttachVolume takes for device the number of a LUN.
func (d *computeDriver) AttachVolume(ctx context.Context, in compute.AttachVolume) error {
	a, r, v, err := d.disk(ctx, in.Volume)
	if err != nil {
		return err
	}
	_, node, err := d.machine(ctx, in.Node)
	if err != nil {
		return err
	}
	if value(v.ManagedBy) != "" && value(v.Properties.MaxShares) < 2 {
		return op.Errorf(op.Conflict, "the volume %s is attached to %s", r, shortID(v.ManagedBy))
	}
	attach := &armcompute.DataDisksToAttach{DiskID: v.ID}
	if in.Device != "" {
		lun, err := strconv.Atoi(strings.TrimPrefix(in.Device, "lun"))
		if err != nil || lun < 0 || lun > 63 {
			return op.Errorf(op.InvalidArgument, "device is %q: at Azure it is the number of a LUN, 0 to 63", in.Device)
		}
		attach.Lun = pointer(int32(lun))
	}
	return start(a.vms.BeginAttachDetachDataDisks(ctx, node.group, node.name(), armcompute.AttachDetachDataDisksRequest{DataDisksToAttach: []*armcompute.DataDisksToAttach{attach}}, nil))
}

func (d *computeDriver) DetachVolume(ctx context.Context, in compute.DetachVolume) error {
	a, r, v, err := d.disk(ctx, in.Volume)
	if err != nil {
		return err
	}
	node, ok := refOf(value(v.ManagedBy))
	switch {
	case !ok:
		return op.Errorf(op.Conflict, "the volume %s is attached to no node", r)
	case len(v.ManagedByExtended) > 1:
		return op.Errorf(op.Conflict, "the volume %s is attached to %d nodes: detach it by cloud.native", r, len(v.ManagedByExtended))
	}
	return start(a.vms.BeginAttachDetachDataDisks(ctx, node.group, node.name(),
		armcompute.AttachDetachDataDisksRequest{DataDisksToDetach: []*armcompute.DataDisksToDetach{{DiskID: v.ID}}}, nil))
}

func (d *computeDriver) DestroyVolume(ctx context.Context, in compute.DestroyVolume) error {
	r, err := d.ref("volume", in.Volume, 1)
	if err != nil {
		return err
	}
	a, err := d.api(ctx)
	if err != nil {
		return err
	}
	return remove(ctx, "volume", r, func(ctx context.Context) (*runtime.Poller[armcompute.DisksClientDeleteResponse], error) {
		return a.disks.BeginDelete(ctx, r.group, r.name(), nil)
	})
}
