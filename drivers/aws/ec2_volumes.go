package aws

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// volumeExtra is what create_volume takes beyond the contract.
type volumeExtra struct {
	IOPS       int    `json:"iops,omitzero" help:"Operations a second, of types that have a choice."`
	Throughput int    `json:"throughput,omitzero" help:"MiB a second, of gp3."`
	Encrypted  bool   `json:"encrypted,omitzero" help:"Encrypt it."`
	KMSKey     string `json:"kms_key,omitzero" help:"The KMS key to encrypt it with."`
}

var volumeStates = map[types.VolumeState]compute.VolumeState{
	types.VolumeStateCreating:  compute.VolumeCreating,
	types.VolumeStateAvailable: compute.VolumeAvailable,
	types.VolumeStateInUse:     compute.VolumeInUse,
	types.VolumeStateDeleting:  compute.VolumeDeleting,
	types.VolumeStateDeleted:   compute.VolumeDeleted,
	types.VolumeStateError:     compute.VolumeError,
}

func volumeOf(v types.Volume) compute.Volume {
	name, tags := namedTags(v.Tags)
	w := compute.Volume{ID: aws.ToString(v.VolumeId), Name: name, Size: int(aws.ToInt32(v.Size)), State: cmp.Or(volumeStates[v.State], compute.VolumeUnknown),
		Location: aws.ToString(v.AvailabilityZone), Type: string(v.VolumeType), Encrypted: aws.ToBool(v.Encrypted), Snapshot: aws.ToString(v.SnapshotId),
		Tags: tags, CreatedAt: aws.ToTime(v.CreateTime), Extra: extras(map[string]any{"KmsKeyId": aws.ToString(v.KmsKeyId)})}
	if v.Iops != nil {
		w.Extra["Iops"] = int(*v.Iops)
	}
	for _, a := range v.Attachments {
		if a.State == types.VolumeAttachmentStateDetached {
			continue
		}
		if w.Node, w.Device = aws.ToString(a.InstanceId), aws.ToString(a.Device); a.State == types.VolumeAttachmentStateAttaching {
			w.State = compute.VolumeAttaching
		}
	}
	return w
}

func (d *ec2Driver) ListVolumes(ctx context.Context, in compute.ListVolumes) iter.Seq2[compute.Volume, error] {
	var f filters
	f.tagged(in.Name, in.Tags)
	f.is("availability-zone", in.Location)
	f.is("attachment.instance-id", in.Node)
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Volume, string, error) {
		out, err := d.client.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{Filters: f, NextToken: optional(cursor), MaxResults: d.page()})
		if err != nil {
			return nil, "", err
		}
		volumes := make([]compute.Volume, len(out.Volumes))
		for i, v := range out.Volumes {
			volumes[i] = volumeOf(v)
		}
		return volumes, aws.ToString(out.NextToken), nil
	})
}

func (d *ec2Driver) GetVolume(ctx context.Context, in compute.GetVolume) (compute.Volume, error) {
	if err := identifier("volume", in.Volume, "vol-"); err != nil {
		return compute.Volume{}, err
	}
	out, err := d.client.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{in.Volume}})
	if err != nil {
		return compute.Volume{}, err
	}
	v, err := one(out.Volumes, "volume", in.Volume)
	if err != nil {
		return compute.Volume{}, err
	}
	return volumeOf(v), nil
}

func (d *ec2Driver) CreateVolume(ctx context.Context, in compute.CreateVolume) (compute.Volume, error) {
	extra, err := op.Extra[volumeExtra](in.Extra)
	switch {
	case err != nil:
		return compute.Volume{}, err
	case in.Size < 0:
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "size is %d GiB: it cannot be negative", in.Size)
	case in.Size == 0 && in.Snapshot == "":
		return compute.Volume{}, op.Errorf(op.InvalidArgument, "size is missing: only a volume made from a snapshot can do without")
	case in.Snapshot != "":
		if err := identifier("snapshot", in.Snapshot, "snap-"); err != nil {
			return compute.Volume{}, err
		}
	}
	if in.Location == "" { // a volume is in one zone: the first will do
		for z, err := range d.ListLocations(ctx, compute.ListLocations{}) {
			if err != nil {
				return compute.Volume{}, err
			}
			if z.Extra["ZoneType"] != "local-zone" && z.Extra["ZoneType"] != "wavelength-zone" {
				in.Location = z.ID
				break
			}
		}
	}
	create := &ec2.CreateVolumeInput{AvailabilityZone: &in.Location, SnapshotId: optional(in.Snapshot), VolumeType: types.VolumeType(in.Type), ClientToken: token(ctx),
		KmsKeyId: optional(extra.KMSKey), TagSpecifications: specify(types.ResourceTypeVolume, in.Name, in.Tags)}
	set := func(to **int32, n int) {
		if n != 0 {
			*to = aws.Int32(int32(n))
		}
	}
	set(&create.Size, in.Size)
	set(&create.Iops, extra.IOPS)
	set(&create.Throughput, extra.Throughput)
	if extra.Encrypted {
		create.Encrypted = aws.Bool(true)
	}
	out, err := d.client.CreateVolume(ctx, create)
	if err != nil {
		return compute.Volume{}, err
	}
	return volumeOf(types.Volume{VolumeId: out.VolumeId, Size: out.Size, State: out.State, AvailabilityZone: out.AvailabilityZone, VolumeType: out.VolumeType,
		Encrypted: out.Encrypted, SnapshotId: out.SnapshotId, Tags: out.Tags, CreateTime: out.CreateTime, KmsKeyId: out.KmsKeyId, Iops: out.Iops}), nil
}

func (d *ec2Driver) ResizeVolume(ctx context.Context, in compute.ResizeVolume) error {
	v, err := d.GetVolume(ctx, compute.GetVolume{Volume: in.Volume})
	switch {
	case err != nil:
		return err
	case in.Size < v.Size:
		return op.Errorf(op.InvalidArgument, "the volume %s has %d GiB: it cannot be made smaller", in.Volume, v.Size)
	case in.Size == v.Size:
		return nil
	}
	_, err = d.client.ModifyVolume(ctx, &ec2.ModifyVolumeInput{VolumeId: &in.Volume, Size: aws.Int32(int32(in.Size))})
	return err
}

func (d *ec2Driver) AttachVolume(ctx context.Context, in compute.AttachVolume) error {
	if err := identifier("volume", in.Volume, "vol-"); err != nil {
		return err
	}
	if in.Device == "" {
		device, err := d.freeDevice(ctx, in.Node)
		if err != nil {
			return err
		}
		in.Device = device
	} else if err := identifier("node", in.Node, "i-"); err != nil {
		return err
	}
	_, err := d.client.AttachVolume(ctx, &ec2.AttachVolumeInput{VolumeId: &in.Volume, InstanceId: &in.Node, Device: &in.Device})
	return err
}

// freeDevice is the first device name that AWS recommends for data and the
// node does not use.
func (d *ec2Driver) freeDevice(ctx context.Context, node string) (string, error) {
	i, err := d.instance(ctx, node)
	if err != nil {
		return "", err
	}
	for c := 'f'; c <= 'p'; c++ {
		device := fmt.Sprintf("/dev/sd%c", c)
		used := func(m types.InstanceBlockDeviceMapping) bool { return aws.ToString(m.DeviceName) == device }
		if !slices.ContainsFunc(i.BlockDeviceMappings, used) {
			return device, nil
		}
	}
	return "", op.Errorf(op.QuotaExceeded, "the node %s uses all of /dev/sdf to /dev/sdp: give device to use another name", node)
}

// DetachVolume names the node, which lets EC2 see that it is still the one.
func (d *ec2Driver) DetachVolume(ctx context.Context, in compute.DetachVolume) error {
	v, err := d.GetVolume(ctx, compute.GetVolume{Volume: in.Volume})
	if err != nil {
		return err
	}
	if v.Node == "" {
		return op.Errorf(op.Conflict, "the volume %s is attached to no node", in.Volume)
	}
	_, err = d.client.DetachVolume(ctx, &ec2.DetachVolumeInput{VolumeId: &in.Volume, InstanceId: &v.Node})
	return err
}

func (d *ec2Driver) DestroyVolume(ctx context.Context, in compute.DestroyVolume) error {
	if err := identifier("volume", in.Volume, "vol-"); err != nil {
		return err
	}
	_, err := d.client.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: &in.Volume})
	return err
}

var snapshotStates = map[types.SnapshotState]compute.VolumeSnapshotState{
	types.SnapshotStatePending:     compute.SnapshotCreating,
	types.SnapshotStateCompleted:   compute.SnapshotAvailable,
	types.SnapshotStateError:       compute.SnapshotError,
	types.SnapshotStateRecoverable: compute.SnapshotUnknown,
	types.SnapshotStateRecovering:  compute.SnapshotRestoring,
}

func snapshotOf(s types.Snapshot) compute.VolumeSnapshot {
	name, tags := namedTags(s.Tags)
	return compute.VolumeSnapshot{ID: aws.ToString(s.SnapshotId), Name: name, Description: aws.ToString(s.Description), Volume: aws.ToString(s.VolumeId),
		Size: int(aws.ToInt32(s.VolumeSize)), State: cmp.Or(snapshotStates[s.State], compute.SnapshotUnknown), Tags: tags, CreatedAt: aws.ToTime(s.StartTime),
		Extra: extras(map[string]any{"OwnerId": aws.ToString(s.OwnerId), "Progress": aws.ToString(s.Progress), "Encrypted": aws.ToBool(s.Encrypted)})}
}

func (d *ec2Driver) ListVolumeSnapshots(ctx context.Context, in compute.ListVolumeSnapshots) iter.Seq2[compute.VolumeSnapshot, error] {
	var f filters
	f.tagged(in.Name, in.Tags)
	f.is("volume-id", in.Volume)
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.VolumeSnapshot, string, error) {
		out, err := d.client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: f, NextToken: optional(cursor), MaxResults: d.page()})
		if err != nil {
			return nil, "", err
		}
		snapshots := make([]compute.VolumeSnapshot, len(out.Snapshots))
		for i, s := range out.Snapshots {
			snapshots[i] = snapshotOf(s)
		}
		return snapshots, aws.ToString(out.NextToken), nil
	})
}

func (d *ec2Driver) GetVolumeSnapshot(ctx context.Context, in compute.GetVolumeSnapshot) (compute.VolumeSnapshot, error) {
	if err := identifier("snapshot", in.Snapshot, "snap-"); err != nil {
		return compute.VolumeSnapshot{}, err
	}
	out, err := d.client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{in.Snapshot}})
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	s, err := one(out.Snapshots, "snapshot", in.Snapshot)
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	return snapshotOf(s), nil
}

func (d *ec2Driver) CreateVolumeSnapshot(ctx context.Context, in compute.CreateVolumeSnapshot) (compute.VolumeSnapshot, error) {
	if err := identifier("volume", in.Volume, "vol-"); err != nil {
		return compute.VolumeSnapshot{}, err
	}
	out, err := d.client.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: &in.Volume, Description: optional(in.Description),
		TagSpecifications: specify(types.ResourceTypeSnapshot, in.Name, in.Tags)})
	if err != nil {
		return compute.VolumeSnapshot{}, err
	}
	return snapshotOf(types.Snapshot{SnapshotId: out.SnapshotId, Description: out.Description, VolumeId: out.VolumeId, VolumeSize: out.VolumeSize, State: out.State,
		Tags: out.Tags, StartTime: out.StartTime, OwnerId: out.OwnerId, Progress: out.Progress, Encrypted: out.Encrypted}), nil
}

func (d *ec2Driver) DestroyVolumeSnapshot(ctx context.Context, in compute.DestroyVolumeSnapshot) error {
	if err := identifier("snapshot", in.Snapshot, "snap-"); err != nil {
		return err
	}
	_, err := d.client.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: &in.Snapshot})
	return err
}
