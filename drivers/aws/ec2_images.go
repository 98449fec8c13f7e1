package aws

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func (d *ec2Driver) ListSizes(ctx context.Context, in compute.ListSizes) iter.Seq2[compute.Size, error] {
	if in.Location == "" {
		return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Size, string, error) {
			return d.sizes(ctx, &ec2.DescribeInstanceTypesInput{NextToken: optional(cursor), MaxResults: d.sizePage()})
		})
	}
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Size, string, error) {
		// A hundred is what DescribeInstanceTypes takes of names.
		var f filters
		f.is("location", in.Location)
		size := min(int32(100), aws.ToInt32(cmp.Or(d.page(), aws.Int32(100))))
		out, err := d.client.DescribeInstanceTypeOfferings(ctx, &ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone,
			Filters: f, NextToken: optional(cursor), MaxResults: &size})
		if err != nil {
			return nil, "", err
		}
		if len(out.InstanceTypeOfferings) == 0 && cursor == "" {
			return nil, "", op.Errorf(op.NotFound, "there is no location %q with sizes: list_locations lists them", in.Location)
		}
		var sizes []compute.Size
		for batch := range slices.Chunk(out.InstanceTypeOfferings, 100) {
			var names []types.InstanceType
			for _, o := range batch {
				names = append(names, o.InstanceType)
			}
			s, _, err := d.sizes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: names})
			if err != nil {
				return nil, "", err
			}
			sizes = append(sizes, s...)
		}
		return sizes, aws.ToString(out.NextToken), nil
	})
}

// sizePage is never more than DescribeInstanceTypes takes.
func (d *ec2Driver) sizePage() *int32 {
	if d.pageSize == 0 {
		return nil
	}
	return aws.Int32(int32(min(d.pageSize, 100)))
}

func (d *ec2Driver) sizes(ctx context.Context, in *ec2.DescribeInstanceTypesInput) ([]compute.Size, string, error) {
	out, err := d.client.DescribeInstanceTypes(ctx, in)
	if err != nil {
		return nil, "", err
	}
	sizes := make([]compute.Size, len(out.InstanceTypes))
	for i, t := range out.InstanceTypes {
		sizes[i] = sizeOf(t)
	}
	return sizes, aws.ToString(out.NextToken), nil
}

func sizeOf(t types.InstanceTypeInfo) compute.Size {
	s := compute.Size{ID: string(t.InstanceType), Name: string(t.InstanceType), Extra: map[string]any{}}
	if t.VCpuInfo != nil {
		s.VCPUs = int(aws.ToInt32(t.VCpuInfo.DefaultVCpus))
	}
	if t.MemoryInfo != nil {
		s.RAM = int(aws.ToInt64(t.MemoryInfo.SizeInMiB))
	}
	if t.InstanceStorageInfo != nil {
		s.Disk = int(aws.ToInt64(t.InstanceStorageInfo.TotalSizeInGB))
	}
	if t.GpuInfo != nil {
		for _, g := range t.GpuInfo.Gpus {
			s.GPUs += int(aws.ToInt32(g.Count))
		}
	}
	if t.ProcessorInfo != nil {
		for _, a := range t.ProcessorInfo.SupportedArchitectures {
			if k := architecture(string(a)); s.Architecture == "" || k == compute.X86_64 { // the old ones run i386 too
				s.Architecture = k
			}
		}
	}
	s.Extra["CurrentGeneration"] = aws.ToBool(t.CurrentGeneration)
	s.Extra["BareMetal"] = aws.ToBool(t.BareMetal)
	s.Extra["HibernationSupported"] = aws.ToBool(t.HibernationSupported)
	if t.NetworkInfo != nil {
		s.Extra["NetworkPerformance"] = aws.ToString(t.NetworkInfo.NetworkPerformance)
	}
	return s
}

func (d *ec2Driver) ListLocations(ctx context.Context, _ compute.ListLocations) iter.Seq2[compute.Location, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.Location, string, error) {
		out, err := d.client.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
		if err != nil {
			return nil, "", err
		}
		places := make([]compute.Location, len(out.AvailabilityZones))
		for i, z := range out.AvailabilityZones {
			places[i] = compute.Location{ID: aws.ToString(z.ZoneName), Name: aws.ToString(z.ZoneName), Region: aws.ToString(z.RegionName),
				Extra: extras(map[string]any{"ZoneId": aws.ToString(z.ZoneId), "ZoneType": aws.ToString(z.ZoneType), "State": string(z.State)})}
		}
		return places, "", nil
	})
}

var imageStates = map[types.ImageState]compute.ImageState{
	types.ImageStateAvailable:    compute.ImageAvailable,
	types.ImageStatePending:      compute.ImagePending,
	types.ImageStateTransient:    compute.ImagePending,
	types.ImageStateFailed:       compute.ImageError,
	types.ImageStateError:        compute.ImageError,
	types.ImageStateInvalid:      compute.ImageError,
	types.ImageStateDeregistered: compute.ImageDeleted,
}

func imageOf(i types.Image) compute.Image {
	_, tags := namedTags(i.Tags)
	m := compute.Image{ID: aws.ToString(i.ImageId), Name: aws.ToString(i.Name), Description: aws.ToString(i.Description),
		State: cmp.Or(imageStates[i.State], compute.ImageUnknown), Architecture: architecture(string(i.Architecture)), Owner: aws.ToString(i.OwnerId),
		Public: aws.ToBool(i.Public), Tags: tags}
	if at, err := time.Parse(time.RFC3339, aws.ToString(i.CreationDate)); err == nil {
		m.CreatedAt = at
	}
	for _, b := range i.BlockDeviceMappings {
		if b.Ebs != nil && aws.ToString(b.DeviceName) == aws.ToString(i.RootDeviceName) {
			m.Size = int(aws.ToInt32(b.Ebs.VolumeSize))
		}
	}
	m.Extra = extras(map[string]any{"ImageOwnerAlias": aws.ToString(i.ImageOwnerAlias), "RootDeviceName": aws.ToString(i.RootDeviceName),
		"VirtualizationType": string(i.VirtualizationType), "Platform": aws.ToString(i.PlatformDetails), "DeprecationTime": aws.ToString(i.DeprecationTime)})
	return m
}

func (d *ec2Driver) ListImages(ctx context.Context, in compute.ListImages) iter.Seq2[compute.Image, error] {
	owners := []string{"self", "amazon"}
	if in.Owner != "" {
		owners = []string{in.Owner}
	}
	var f filters
	f.is("name", in.Name)
	f.tagged("", in.Tags)
	f.is("image-type", "machine")
	if in.Architecture != "" {
		all := []string{string(in.Architecture)}
		if in.Architecture != compute.I386 {
			all = append(all, string(in.Architecture)+"_mac")
		}
		f.is("architecture", all...)
	}
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Image, string, error) {
		if cursor == "" && in.Location != "" { // images are everywhere in the region
			if err := d.zone(ctx, in.Location); err != nil {
				return nil, "", err
			}
		}
		out, err := d.client.DescribeImages(ctx, &ec2.DescribeImagesInput{Owners: owners, Filters: f, NextToken: optional(cursor), MaxResults: d.page()})
		if err != nil {
			return nil, "", err
		}
		images := make([]compute.Image, len(out.Images))
		for i := range out.Images {
			images[i] = imageOf(out.Images[i])
		}
		return images, aws.ToString(out.NextToken), nil
	})
}

// zone answers not_found where there is no such location.
func (d *ec2Driver) zone(ctx context.Context, name string) error {
	for z, err := range d.ListLocations(ctx, compute.ListLocations{}) {
		if err != nil || z.ID == name {
			return err
		}
	}
	return op.Errorf(op.NotFound, "there is no location %q: list_locations lists them", name)
}

func (d *ec2Driver) image(ctx context.Context, id string) (types.Image, error) {
	if err := identifier("image", id, "ami-"); err != nil {
		return types.Image{}, err
	}
	out, err := d.client.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{id}, IncludeDeprecated: aws.Bool(true)})
	if err != nil {
		return types.Image{}, err
	}
	return one(out.Images, "image", id)
}

func (d *ec2Driver) GetImage(ctx context.Context, in compute.GetImage) (compute.Image, error) {
	i, err := d.image(ctx, in.Image)
	if err != nil {
		return compute.Image{}, err
	}
	return imageOf(i), nil
}

func (d *ec2Driver) CreateImage(ctx context.Context, in compute.CreateImage) (compute.Image, error) {
	if err := identifier("node", in.Node, "i-"); err != nil {
		return compute.Image{}, err
	}
	out, err := d.client.CreateImage(ctx, &ec2.CreateImageInput{InstanceId: &in.Node, Name: &in.Name, Description: optional(in.Description),
		NoReboot: aws.Bool(!in.Reboot), TagSpecifications: specify(types.ResourceTypeImage, "", in.Tags)})
	if err != nil {
		return compute.Image{}, err
	}
	return d.madeImage(ctx, aws.ToString(out.ImageId), in.Name, in.Description, in.Tags)
}

func (d *ec2Driver) CopyImage(ctx context.Context, in compute.CopyImage) (compute.Image, error) {
	if err := identifier("image", in.Image, "ami-"); err != nil {
		return compute.Image{}, err
	}
	region := cmp.Or(in.SourceLocation, d.config.Region)
	out, err := d.client.CopyImage(ctx, &ec2.CopyImageInput{SourceImageId: &in.Image, SourceRegion: &region, Name: &in.Name,
		Description: optional(in.Description), ClientToken: token(ctx)})
	if err != nil {
		return compute.Image{}, err
	}
	return d.madeImage(ctx, aws.ToString(out.ImageId), in.Name, in.Description, nil)
}

// madeImage looks up an image that was just made. EC2 may not know it yet:
// then it is what it was made to be.
func (d *ec2Driver) madeImage(ctx context.Context, id, name, description string, tags map[string]string) (compute.Image, error) {
	if i, err := d.image(ctx, id); err == nil {
		return imageOf(i), nil
	}
	return compute.Image{ID: id, Name: name, Description: description, State: compute.ImagePending, Owner: "self", Tags: tags}, nil
}

func (d *ec2Driver) DeleteImage(ctx context.Context, in compute.DeleteImage) error {
	i, err := d.image(ctx, in.Image)
	if err != nil {
		return err
	}
	if _, err := d.client.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: &in.Image}); err != nil {
		return err
	}
	for _, b := range i.BlockDeviceMappings {
		if b.Ebs == nil || b.Ebs.SnapshotId == nil {
			continue
		}
		_, err := d.client.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: b.Ebs.SnapshotId})
		switch op.KindOf(err) {
		case "", op.NotFound, op.Conflict: // another image may be of the same snapshot
		default:
			e := *op.AsError(err)
			e.Message = "the image is deleted, its snapshot " + *b.Ebs.SnapshotId + " is not: " + e.Message
			return &e
		}
	}
	return nil
}

func (d *ec2Driver) ListKeyPairs(ctx context.Context, _ compute.ListKeyPairs) iter.Seq2[compute.KeyPair, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.KeyPair, string, error) {
		out, err := d.client.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{IncludePublicKey: aws.Bool(true)})
		if err != nil {
			return nil, "", err
		}
		keys := make([]compute.KeyPair, len(out.KeyPairs))
		for i, k := range out.KeyPairs {
			keys[i] = keyOf(k)
		}
		return keys, "", nil
	})
}

func keyOf(k types.KeyPairInfo) compute.KeyPair {
	return keyPair(compute.KeyPair{Name: aws.ToString(k.KeyName), PublicKey: strings.TrimSpace(aws.ToString(k.PublicKey)), CreatedAt: aws.ToTime(k.CreateTime)},
		k.KeyPairId, k.KeyFingerprint, k.KeyType)
}

// keyPair completes a key pair. EC2's own fingerprint is MD5, SHA-1 or SHA-256,
// of the one half or the other, by where the key came from.
func keyPair(k compute.KeyPair, id, fingerprint *string, kind types.KeyType) compute.KeyPair {
	k.Fingerprint = cmp.Or(compute.Fingerprint(k.PublicKey), aws.ToString(fingerprint))
	k.Extra = extras(map[string]any{"KeyPairId": aws.ToString(id), "KeyType": string(kind), "KeyFingerprint": aws.ToString(fingerprint)})
	return k
}

func (d *ec2Driver) GetKeyPair(ctx context.Context, in compute.GetKeyPair) (compute.KeyPair, error) {
	out, err := d.client.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{KeyNames: []string{in.KeyPair}, IncludePublicKey: aws.Bool(true)})
	if err != nil {
		return compute.KeyPair{}, err
	}
	k, err := one(out.KeyPairs, "key pair", in.KeyPair)
	if err != nil {
		return compute.KeyPair{}, err
	}
	return keyOf(k), nil
}

func (d *ec2Driver) CreateKeyPair(ctx context.Context, in compute.CreateKeyPair) (compute.KeyPair, error) {
	out, err := d.client.CreateKeyPair(ctx, &ec2.CreateKeyPairInput{KeyName: &in.Name, KeyType: types.KeyTypeEd25519})
	if err != nil {
		return compute.KeyPair{}, err
	}
	k := compute.KeyPair{Name: aws.ToString(out.KeyName), PrivateKey: op.Secret(aws.ToString(out.KeyMaterial))}
	if public, err := sshkey.Of(k.PrivateKey); err == nil {
		k.PublicKey = public.Line
	}
	return keyPair(k, out.KeyPairId, out.KeyFingerprint, types.KeyTypeEd25519), nil
}

func (d *ec2Driver) ImportKeyPair(ctx context.Context, in compute.ImportKeyPair) (compute.KeyPair, error) {
	out, err := d.client.ImportKeyPair(ctx, &ec2.ImportKeyPairInput{KeyName: &in.Name, PublicKeyMaterial: []byte(in.PublicKey)})
	if err != nil {
		return compute.KeyPair{}, err
	}
	return keyPair(compute.KeyPair{Name: aws.ToString(out.KeyName), PublicKey: in.PublicKey}, out.KeyPairId, out.KeyFingerprint, ""), nil
}

// DeleteKeyPair looks first: EC2 says of a key pair that is not there that it
// is deleted.
func (d *ec2Driver) DeleteKeyPair(ctx context.Context, in compute.DeleteKeyPair) error {
	if _, err := d.GetKeyPair(ctx, compute.GetKeyPair{KeyPair: in.KeyPair}); err != nil {
		return err
	}
	_, err := d.client.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyName: &in.KeyPair})
	return err
}
