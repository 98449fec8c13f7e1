package aws

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// nodeExtra is what create_node takes beyond the contract.
type nodeExtra struct {
	IAMProfile            string `json:"iam_profile,omitzero" help:"The name or ARN of an instance profile."`
	Spot                  bool   `json:"spot,omitzero" help:"A spot instance."`
	SpotMaxPrice          string `json:"spot_max_price,omitzero" help:"The most to pay for an hour of it, in USD; the on-demand price if not given."`
	Hibernation           bool   `json:"hibernation,omitzero" help:"Let it be suspended: the root disk must be encrypted and hold the memory."`
	Monitoring            bool   `json:"monitoring,omitzero" help:"Detailed monitoring."`
	Tenancy               string `json:"tenancy,omitzero" help:"default, dedicated or host."`
	PlacementGroup        string `json:"placement_group,omitzero" help:"The placement group to be in."`
	PrivateIP             string `json:"private_ip,omitzero" help:"Its first address in the subnet."`
	RootDiskType          string `json:"root_disk_type,omitzero" help:"The type of its root disk, as gp3."`
	RootDiskEncrypted     bool   `json:"root_disk_encrypted,omitzero" help:"Encrypt its root disk."`
	TerminationProtection bool   `json:"termination_protection,omitzero" help:"Refuse to destroy it."`
	MetadataV2            bool   `json:"metadata_v2,omitzero" help:"Answer only version 2 requests to its metadata service."`
}

var nodeStates = map[types.InstanceStateName]compute.NodeState{
	types.InstanceStateNamePending:      compute.NodePending,
	types.InstanceStateNameRunning:      compute.NodeRunning,
	types.InstanceStateNameStopping:     compute.NodeStopping,
	types.InstanceStateNameStopped:      compute.NodeStopped,
	types.InstanceStateNameShuttingDown: compute.NodeStopping,
	types.InstanceStateNameTerminated:   compute.NodeTerminated,
}

// hibernated reports whether an instance was stopped with its memory kept.
func hibernated(i types.Instance) bool {
	return i.StateReason != nil && strings.Contains(aws.ToString(i.StateReason.Code), "Client.UserInitiatedHibernate")
}

func nodeOf(i types.Instance) compute.Node {
	name, tags := namedTags(i.Tags)
	n := compute.Node{ID: aws.ToString(i.InstanceId), Name: name, State: compute.NodeUnknown, PublicIPs: []string{}, PrivateIPs: []string{},
		Size: string(i.InstanceType), Image: aws.ToString(i.ImageId), KeyPair: aws.ToString(i.KeyName), Networks: []string{}, Subnets: []string{},
		SecurityGroups: []string{}, Volumes: []string{}, Tags: tags, CreatedAt: aws.ToTime(i.LaunchTime)}
	if i.State != nil {
		n.State = cmp.Or(nodeStates[i.State.Name], compute.NodeUnknown)
		if n.State == compute.NodeStopped && hibernated(i) {
			n.State = compute.NodeSuspended
		}
	}
	if i.Placement != nil {
		n.Location = aws.ToString(i.Placement.AvailabilityZone)
	}
	add := func(list *[]string, s *string) {
		if v := aws.ToString(s); v != "" && !slices.Contains(*list, v) {
			*list = append(*list, v)
		}
	}
	add(&n.PublicIPs, i.PublicIpAddress)
	add(&n.PrivateIPs, i.PrivateIpAddress)
	add(&n.Networks, i.VpcId)
	add(&n.Subnets, i.SubnetId)
	for _, f := range i.NetworkInterfaces {
		if f.Association != nil {
			add(&n.PublicIPs, f.Association.PublicIp)
		}
		for _, a := range f.PrivateIpAddresses {
			add(&n.PrivateIPs, a.PrivateIpAddress)
			if a.Association != nil {
				add(&n.PublicIPs, a.Association.PublicIp)
			}
		}
		for _, a := range f.Ipv6Addresses {
			add(&n.PublicIPs, a.Ipv6Address)
		}
		add(&n.Networks, f.VpcId)
		add(&n.Subnets, f.SubnetId)
	}
	for _, g := range i.SecurityGroups {
		add(&n.SecurityGroups, g.GroupId)
	}
	for _, root := range []bool{true, false} {
		for _, m := range i.BlockDeviceMappings {
			if m.Ebs != nil && root == (aws.ToString(m.DeviceName) == aws.ToString(i.RootDeviceName)) {
				add(&n.Volumes, m.Ebs.VolumeId)
			}
		}
	}
	n.Extra = extras(map[string]any{"PrivateDnsName": aws.ToString(i.PrivateDnsName), "PublicDnsName": aws.ToString(i.PublicDnsName),
		"Architecture": string(i.Architecture), "InstanceLifecycle": string(i.InstanceLifecycle), "Platform": aws.ToString(i.PlatformDetails)})
	if i.StateReason != nil && aws.ToString(i.StateReason.Message) != "" {
		n.Extra["StateReason"] = aws.ToString(i.StateReason.Message)
	}
	if i.IamInstanceProfile != nil {
		n.Extra["IamInstanceProfile"] = aws.ToString(i.IamInstanceProfile.Arn)
	}
	return n
}

func (d *ec2Driver) ListNodes(ctx context.Context, in compute.ListNodes) iter.Seq2[compute.Node, error] {
	var f filters
	f.tagged(in.Name, in.Tags)
	f.is("availability-zone", in.Location)
	switch in.State {
	case compute.NodeRunning, compute.NodePending, compute.NodeTerminated:
		f.is("instance-state-name", string(in.State))
	case compute.NodeStopped, compute.NodeSuspended:
		f.is("instance-state-name", "stopped")
	}
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Node, string, error) {
		out, err := d.client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: f, NextToken: optional(cursor), MaxResults: d.page()})
		if err != nil {
			return nil, "", err
		}
		var nodes []compute.Node
		for _, r := range out.Reservations {
			for _, i := range r.Instances {
				nodes = append(nodes, nodeOf(i))
			}
		}
		return nodes, aws.ToString(out.NextToken), nil
	})
}

func (d *ec2Driver) instance(ctx context.Context, id string) (types.Instance, error) {
	if err := identifier("node", id, "i-"); err != nil {
		return types.Instance{}, err
	}
	out, err := d.client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return types.Instance{}, err
	}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			return i, nil
		}
	}
	return one[types.Instance](nil, "node", id)
}

func (d *ec2Driver) GetNode(ctx context.Context, in compute.GetNode) (compute.Node, error) {
	i, err := d.instance(ctx, in.Node)
	if err != nil {
		return compute.Node{}, err
	}
	return nodeOf(i), nil
}

func (d *ec2Driver) CreateNode(ctx context.Context, in compute.CreateNode) (compute.Node, error) {
	run, err := d.launch(ctx, in, 1)
	if err != nil {
		return compute.Node{}, err
	}
	out, err := d.client.RunInstances(ctx, run)
	if err != nil {
		return compute.Node{}, err
	}
	i, err := one(out.Instances, "node", in.Name)
	return nodeOf(i), err
}

func (d *ec2Driver) CreateNodes(ctx context.Context, in compute.CreateNodes) ([]compute.Node, error) {
	if in.Count < 1 {
		return nil, op.Errorf(op.InvalidArgument, "count is %d: it must be 1 or more", in.Count)
	}
	run, err := d.launch(ctx, in.CreateNode, in.Count)
	if err != nil {
		return nil, err
	}
	out, err := d.client.RunInstances(ctx, run)
	if err != nil {
		return nil, err
	}
	// In the order of the launch, so that a repetition names them alike.
	slices.SortFunc(out.Instances, func(a, b types.Instance) int {
		return cmp.Compare(aws.ToInt32(a.AmiLaunchIndex), aws.ToInt32(b.AmiLaunchIndex))
	})
	nodes := make([]compute.Node, len(out.Instances))
	for i, instance := range out.Instances {
		nodes[i] = nodeOf(instance)
		nodes[i].Name = fmt.Sprintf("%s-%d", in.Name, i+1)
		err := op.Again(ctx, true, func() error {
			_, err := d.client.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{nodes[i].ID}, Tags: ec2Tags(nodes[i].Name, nil)})
			return err
		})
		if err != nil {
			return nil, d.giveUp(ctx, out.Instances, err)
		}
	}
	return nodes, nil
}

// giveUp terminates what was launched, as cause keeps the rest from being done.
func (d *ec2Driver) giveUp(ctx context.Context, launched []types.Instance, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	var ids []string
	for _, i := range launched {
		ids = append(ids, aws.ToString(i.InstanceId))
	}
	if _, err := d.client.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids}); err != nil {
		e := *op.AsError(cause)
		e.Message = fmt.Sprintf("%s; %s could not be terminated and still run: %s", e.Message, strings.Join(ids, ", "), op.AsError(err).Message)
		return &e
	}
	// What comes next with the same token would get those that are gone.
	e := *op.AsError(cause)
	if e.Kind == op.Unavailable || e.Kind == op.RateLimited {
		e.Kind, e.Message = op.Conflict, "the nodes could not be named and were terminated: call it again: "+e.Message
	}
	return &e
}

// launch is the request for count nodes.
func (d *ec2Driver) launch(ctx context.Context, in compute.CreateNode, count int) (*ec2.RunInstancesInput, error) {
	extra, err := op.Extra[nodeExtra](in.Extra)
	if err != nil {
		return nil, err
	}
	if err := identifier("image", in.Image, "ami-"); err != nil {
		return nil, err
	}
	for _, g := range in.SecurityGroups {
		if err := identifier("security group", g, "sg-"); err != nil {
			return nil, err
		}
	}
	for _, s := range in.Subnets {
		if err := identifier("subnet", s, "subnet-"); err != nil {
			return nil, err
		}
	}
	run := &ec2.RunInstancesInput{ClientToken: token(ctx), MinCount: aws.Int32(int32(count)), MaxCount: aws.Int32(int32(count)),
		ImageId: &in.Image, InstanceType: types.InstanceType(in.Size), KeyName: optional(in.KeyPair),
		TagSpecifications: append(specify(types.ResourceTypeInstance, in.Name, in.Tags), specify(types.ResourceTypeVolume, in.Name, in.Tags)...)}
	if in.UserData != "" {
		run.UserData = aws.String(base64.StdEncoding.EncodeToString([]byte(in.UserData)))
	}
	if in.Location != "" || extra.Tenancy != "" || extra.PlacementGroup != "" {
		run.Placement = &types.Placement{AvailabilityZone: optional(in.Location), Tenancy: types.Tenancy(extra.Tenancy), GroupName: optional(extra.PlacementGroup)}
	}
	subnets := in.Subnets
	if len(subnets) == 0 && len(in.Networks) > 0 {
		if subnets, err = d.subnetsOf(ctx, in.Networks, in.Location); err != nil {
			return nil, err
		}
	}
	d.connect(run, in, subnets, extra.PrivateIP)
	if in.RootDisk != 0 || extra.RootDiskType != "" || extra.RootDiskEncrypted {
		if run.BlockDeviceMappings, err = d.rootDisk(ctx, in, extra); err != nil {
			return nil, err
		}
	}
	extra.apply(run)
	return run, nil
}

// connect says which subnets the nodes are in. Who gets a public address can
// only be said of a network interface, and then everything about networks is.
func (d *ec2Driver) connect(run *ec2.RunInstancesInput, in compute.CreateNode, subnets []string, privateIP string) {
	if len(subnets) <= 1 && in.PublicAddress == nil {
		run.SecurityGroupIds, run.PrivateIpAddress = in.SecurityGroups, optional(privateIP)
		if len(subnets) == 1 {
			run.SubnetId = &subnets[0]
		}
		return
	}
	for i := range max(1, len(subnets)) {
		f := types.InstanceNetworkInterfaceSpecification{DeviceIndex: aws.Int32(int32(i)), Groups: in.SecurityGroups, DeleteOnTermination: aws.Bool(true)}
		if i < len(subnets) {
			f.SubnetId = &subnets[i]
		}
		if i == 0 {
			f.AssociatePublicIpAddress, f.PrivateIpAddress = in.PublicAddress, optional(privateIP)
		}
		run.NetworkInterfaces = append(run.NetworkInterfaces, f)
	}
}

// subnetsOf chooses a subnet of each network, in the location if one is given:
// all interfaces of a node are in one zone.
func (d *ec2Driver) subnetsOf(ctx context.Context, networks []string, location string) ([]string, error) {
	var chosen []string
	for _, network := range networks {
		var found *compute.Subnet
		for s, err := range d.ListSubnets(ctx, compute.ListSubnets{Network: network}) {
			if err != nil {
				return nil, err
			}
			if location == "" || s.Location == location {
				found = &s
				break
			}
		}
		if found == nil {
			where := ""
			if location != "" {
				where = " in " + location
			}
			return nil, op.Errorf(op.InvalidArgument, "the network %s has no subnet%s: create one, or say which subnets", network, where)
		}
		location = found.Location
		chosen = append(chosen, found.ID)
	}
	return chosen, nil
}

// rootDisk changes the disk that the image says is the root.
func (d *ec2Driver) rootDisk(ctx context.Context, in compute.CreateNode, extra nodeExtra) ([]types.BlockDeviceMapping, error) {
	image, err := d.image(ctx, in.Image)
	if err != nil {
		return nil, err
	}
	if in.RootDisk < 0 {
		return nil, op.Errorf(op.InvalidArgument, "root_disk is %d GiB: it cannot be negative", in.RootDisk)
	}
	disk := &types.EbsBlockDevice{VolumeType: types.VolumeType(extra.RootDiskType), DeleteOnTermination: aws.Bool(true)}
	if in.RootDisk > 0 {
		disk.VolumeSize = aws.Int32(int32(in.RootDisk))
	}
	if extra.RootDiskEncrypted {
		disk.Encrypted = aws.Bool(true)
	}
	return []types.BlockDeviceMapping{{DeviceName: image.RootDeviceName, Ebs: disk}}, nil
}

func (e nodeExtra) apply(run *ec2.RunInstancesInput) {
	switch {
	case strings.HasPrefix(e.IAMProfile, "arn:"):
		run.IamInstanceProfile = &types.IamInstanceProfileSpecification{Arn: &e.IAMProfile}
	case e.IAMProfile != "":
		run.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: &e.IAMProfile}
	}
	if e.Spot || e.SpotMaxPrice != "" {
		run.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot,
			SpotOptions: &types.SpotMarketOptions{MaxPrice: optional(e.SpotMaxPrice)}}
	}
	if e.Hibernation {
		run.HibernationOptions = &types.HibernationOptionsRequest{Configured: aws.Bool(true)}
	}
	if e.Monitoring {
		run.Monitoring = &types.RunInstancesMonitoringEnabled{Enabled: aws.Bool(true)}
	}
	if e.TerminationProtection {
		run.DisableApiTermination = aws.Bool(true)
	}
	if e.MetadataV2 {
		run.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateRequired}
	}
}

func (d *ec2Driver) StartNode(ctx context.Context, in compute.StartNode) error {
	if err := identifier("node", in.Node, "i-"); err != nil {
		return err
	}
	_, err := d.client.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{in.Node}})
	return err
}

func (d *ec2Driver) StopNode(ctx context.Context, in compute.StopNode) error {
	return d.stop(ctx, &ec2.StopInstancesInput{InstanceIds: []string{in.Node}, Force: aws.Bool(in.Force)})
}

func (d *ec2Driver) stop(ctx context.Context, in *ec2.StopInstancesInput) error {
	if err := identifier("node", in.InstanceIds[0], "i-"); err != nil {
		return err
	}
	_, err := d.client.StopInstances(ctx, in)
	return err
}

func (d *ec2Driver) RebootNode(ctx context.Context, in compute.RebootNode) error {
	if err := identifier("node", in.Node, "i-"); err != nil {
		return err
	}
	_, err := d.client.RebootInstances(ctx, &ec2.RebootInstancesInput{InstanceIds: []string{in.Node}})
	return err
}

func (d *ec2Driver) SuspendNode(ctx context.Context, in compute.SuspendNode) error {
	i, err := d.instance(ctx, in.Node)
	if err != nil {
		return err
	}
	// EC2 takes it that a stopped node be stopped again, whichever way it was.
	if n := nodeOf(i); n.State == compute.NodeStopped {
		return op.Errorf(op.Conflict, "the node %s is stopped: only a running one can be suspended", in.Node)
	}
	return d.stop(ctx, &ec2.StopInstancesInput{InstanceIds: []string{in.Node}, Hibernate: aws.Bool(true)})
}

func (d *ec2Driver) ResumeNode(ctx context.Context, in compute.ResumeNode) error {
	return d.StartNode(ctx, compute.StartNode{Node: in.Node})
}

func (d *ec2Driver) ResizeNode(ctx context.Context, in compute.ResizeNode) error {
	i, err := d.instance(ctx, in.Node)
	if err != nil || string(i.InstanceType) == in.Size {
		return err
	}
	_, err = d.client.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &in.Node, InstanceType: &types.AttributeValue{Value: &in.Size}})
	return err
}

func (d *ec2Driver) DestroyNode(ctx context.Context, in compute.DestroyNode) error {
	if err := identifier("node", in.Node, "i-"); err != nil {
		return err
	}
	_, err := d.client.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{in.Node}})
	return err
}

// SetNodeTags writes before it deletes, so that a repetition after a failure
// finds the tags it should have or the old ones.
func (d *ec2Driver) SetNodeTags(ctx context.Context, in compute.SetNodeTags) error {
	i, err := d.instance(ctx, in.Node)
	if err != nil {
		return err
	}
	_, have := namedTags(i.Tags)
	want := maps.Clone(in.Tags)
	delete(want, nameTag)
	if len(want) > 0 {
		if _, err := d.client.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{in.Node}, Tags: ec2Tags("", want)}); err != nil {
			return err
		}
	}
	var old []types.Tag
	for k := range have {
		if _, keep := want[k]; !keep && !strings.HasPrefix(k, "aws:") {
			old = append(old, types.Tag{Key: &k})
		}
	}
	if len(old) == 0 {
		return nil
	}
	_, err = d.client.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{in.Node}, Tags: old})
	return err
}

func (d *ec2Driver) GetConsoleOutput(ctx context.Context, in compute.GetConsoleOutput) (compute.ConsoleOutput, error) {
	if err := identifier("node", in.Node, "i-"); err != nil {
		return compute.ConsoleOutput{}, err
	}
	out, err := d.client.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &in.Node})
	if err != nil {
		return compute.ConsoleOutput{}, err
	}
	text, err := base64.StdEncoding.DecodeString(aws.ToString(out.Output))
	if err != nil {
		return compute.ConsoleOutput{}, op.Errorf(op.Internal, "the console output is not in base64: %w", err)
	}
	return compute.ConsoleOutput{Text: strings.ToValidUTF8(string(text), "\uFFFD")}, nil
}
