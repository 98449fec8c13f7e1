package aws

import (
	"cmp"
	"context"
	"iter"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// networkExtra is what create_network takes beyond the contract.
type networkExtra struct {
	Tenancy string `json:"tenancy,omitzero" help:"default or dedicated."`
	IPv6    bool   `json:"ipv6,omitzero" help:"Give it a range of IPv6 addresses of Amazon's."`
}

// subnetExtra is what create_subnet takes beyond the contract.
type subnetExtra struct {
	IPv6CIDR string `json:"ipv6_cidr,omitzero" help:"Its range of IPv6 addresses, inside the network's."`
}

// addressExtra is what allocate_address takes beyond the contract.
type addressExtra struct {
	Pool string `json:"pool,omitzero" help:"The pool of one's own addresses to take it from."`
}

const defaultCIDR = "10.0.0.0/16"

// validCIDR refuses what EC2 would, or would silently make something else of.
func validCIDR(cidr string) error {
	if _, err := netip.ParsePrefix(cidr); err != nil {
		return op.Errorf(op.InvalidArgument, "cidr: %q is no range of addresses like %q", cidr, defaultCIDR)
	}
	return nil
}

func networkOf(v types.Vpc) compute.Network {
	name, tags := namedTags(v.Tags)
	return compute.Network{ID: aws.ToString(v.VpcId), Name: name, CIDR: aws.ToString(v.CidrBlock), State: string(v.State), Tags: tags,
		Extra: extras(map[string]any{"IsDefault": aws.ToBool(v.IsDefault), "InstanceTenancy": string(v.InstanceTenancy), "OwnerId": aws.ToString(v.OwnerId)})}
}

func (d *ec2Driver) ListNetworks(ctx context.Context, in compute.ListNetworks) iter.Seq2[compute.Network, error] {
	var f filters
	f.tagged(in.Name, in.Tags)
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Network, string, error) {
		out, err := d.client.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: f, NextToken: optional(cursor), MaxResults: d.page()})
		if err != nil {
			return nil, "", err
		}
		networks := make([]compute.Network, len(out.Vpcs))
		for i, v := range out.Vpcs {
			networks[i] = networkOf(v)
		}
		return networks, aws.ToString(out.NextToken), nil
	})
}

func (d *ec2Driver) CreateNetwork(ctx context.Context, in compute.CreateNetwork) (compute.Network, error) {
	extra, err := op.Extra[networkExtra](in.Extra)
	if err != nil {
		return compute.Network{}, err
	}
	in.CIDR = cmp.Or(in.CIDR, defaultCIDR)
	if err := validCIDR(in.CIDR); err != nil {
		return compute.Network{}, err
	}
	create := &ec2.CreateVpcInput{CidrBlock: &in.CIDR, InstanceTenancy: types.Tenancy(extra.Tenancy), TagSpecifications: specify(types.ResourceTypeVpc, in.Name, in.Tags)}
	if extra.IPv6 {
		create.AmazonProvidedIpv6CidrBlock = aws.Bool(true)
	}
	out, err := d.client.CreateVpc(ctx, create)
	if err != nil {
		return compute.Network{}, err
	}
	return networkOf(*out.Vpc), nil
}

func (d *ec2Driver) DestroyNetwork(ctx context.Context, in compute.DestroyNetwork) error {
	if err := identifier("network", in.Network, "vpc-"); err != nil {
		return err
	}
	_, err := d.client.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &in.Network})
	return err
}

func subnetOf(s types.Subnet) compute.Subnet {
	name, tags := namedTags(s.Tags)
	return compute.Subnet{ID: aws.ToString(s.SubnetId), Name: name, Network: aws.ToString(s.VpcId), CIDR: aws.ToString(s.CidrBlock),
		Location: aws.ToString(s.AvailabilityZone), Tags: tags, Extra: extras(map[string]any{"State": string(s.State), "DefaultForAz": aws.ToBool(s.DefaultForAz),
			"MapPublicIpOnLaunch": aws.ToBool(s.MapPublicIpOnLaunch), "AvailableIpAddressCount": int(aws.ToInt32(s.AvailableIpAddressCount))})}
}

func (d *ec2Driver) ListSubnets(ctx context.Context, in compute.ListSubnets) iter.Seq2[compute.Subnet, error] {
	var f filters
	f.tagged(in.Name, in.Tags)
	f.is("vpc-id", in.Network)
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Subnet, string, error) {
		out, err := d.client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: f, NextToken: optional(cursor), MaxResults: d.page()})
		if err != nil {
			return nil, "", err
		}
		subnets := make([]compute.Subnet, len(out.Subnets))
		for i, s := range out.Subnets {
			subnets[i] = subnetOf(s)
		}
		return subnets, aws.ToString(out.NextToken), nil
	})
}

func (d *ec2Driver) CreateSubnet(ctx context.Context, in compute.CreateSubnet) (compute.Subnet, error) {
	extra, err := op.Extra[subnetExtra](in.Extra)
	if err != nil {
		return compute.Subnet{}, err
	}
	if err := identifier("network", in.Network, "vpc-"); err != nil {
		return compute.Subnet{}, err
	}
	if err := validCIDR(in.CIDR); err != nil {
		return compute.Subnet{}, err
	}
	out, err := d.client.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &in.Network, CidrBlock: &in.CIDR, AvailabilityZone: optional(in.Location),
		Ipv6CidrBlock: optional(extra.IPv6CIDR), TagSpecifications: specify(types.ResourceTypeSubnet, in.Name, in.Tags)})
	if err != nil {
		return compute.Subnet{}, err
	}
	return subnetOf(*out.Subnet), nil
}

func (d *ec2Driver) DestroySubnet(ctx context.Context, in compute.DestroySubnet) error {
	if err := identifier("subnet", in.Subnet, "subnet-"); err != nil {
		return err
	}
	_, err := d.client.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &in.Subnet})
	return err
}

func groupOf(g types.SecurityGroup) compute.SecurityGroup {
	_, tags := namedTags(g.Tags)
	return compute.SecurityGroup{ID: aws.ToString(g.GroupId), Name: aws.ToString(g.GroupName), Description: aws.ToString(g.Description),
		Network: aws.ToString(g.VpcId), Rules: slices.Concat(rulesOf(compute.Ingress, g.IpPermissions), rulesOf(compute.Egress, g.IpPermissionsEgress)),
		Tags: tags, Extra: extras(map[string]any{"OwnerId": aws.ToString(g.OwnerId)})}
}

// rulesOf takes a group's permissions apart: each is a protocol, its ports and
// many other sides.
func rulesOf(direction compute.Direction, permissions []types.IpPermission) []compute.SecurityGroupRule {
	rules := []compute.SecurityGroupRule{}
	for _, p := range permissions {
		r := compute.SecurityGroupRule{Direction: direction}
		switch protocol := aws.ToString(p.IpProtocol); protocol {
		case "-1":
			r.Protocol = compute.AllProtocols
		case "tcp", "udp":
			r.Protocol = compute.Protocol(protocol)
			// All ports are 0 to 65535 there, 0 here.
			if r.FromPort, r.ToPort = int(aws.ToInt32(p.FromPort)), int(aws.ToInt32(p.ToPort)); r.FromPort == 0 && r.ToPort == 65535 {
				r.ToPort = 0
			}
		case "icmp", "icmpv6", "58":
			r.Protocol = compute.ICMP
		default:
			continue // a protocol that the contract has no word for
		}
		add := func(cidr, group, description *string) {
			r := r
			r.CIDR, r.Group, r.Description = aws.ToString(cidr), aws.ToString(group), aws.ToString(description)
			rules = append(rules, r)
		}
		for _, s := range p.IpRanges {
			add(s.CidrIp, nil, s.Description)
		}
		for _, s := range p.Ipv6Ranges {
			add(s.CidrIpv6, nil, s.Description)
		}
		for _, s := range p.UserIdGroupPairs {
			add(nil, s.GroupId, s.Description)
		}
	}
	return rules
}

func (d *ec2Driver) ListSecurityGroups(ctx context.Context, in compute.ListSecurityGroups) iter.Seq2[compute.SecurityGroup, error] {
	var f filters
	f.is("group-name", in.Name)
	f.tagged("", in.Tags)
	f.is("vpc-id", in.Network)
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.SecurityGroup, string, error) {
		out, err := d.client.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: f, NextToken: optional(cursor), MaxResults: d.page()})
		if err != nil {
			return nil, "", err
		}
		groups := make([]compute.SecurityGroup, len(out.SecurityGroups))
		for i, g := range out.SecurityGroups {
			groups[i] = groupOf(g)
		}
		return groups, aws.ToString(out.NextToken), nil
	})
}

func (d *ec2Driver) group(ctx context.Context, id string) (compute.SecurityGroup, error) {
	if err := identifier("security group", id, "sg-"); err != nil {
		return compute.SecurityGroup{}, err
	}
	out, err := d.client.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{id}})
	if err != nil {
		return compute.SecurityGroup{}, err
	}
	g, err := one(out.SecurityGroups, "security group", id)
	if err != nil {
		return compute.SecurityGroup{}, err
	}
	return groupOf(g), nil
}

func (d *ec2Driver) CreateSecurityGroup(ctx context.Context, in compute.CreateSecurityGroup) (compute.SecurityGroup, error) {
	if in.Network != "" {
		if err := identifier("network", in.Network, "vpc-"); err != nil {
			return compute.SecurityGroup{}, err
		}
	}
	out, err := d.client.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: &in.Name, Description: aws.String(cmp.Or(in.Description, in.Name)),
		VpcId: optional(in.Network), TagSpecifications: specify(types.ResourceTypeSecurityGroup, "", in.Tags)})
	if err != nil {
		return compute.SecurityGroup{}, err
	}
	g, err := d.group(ctx, aws.ToString(out.GroupId))
	if err != nil { // it is there, though EC2 may not know everywhere yet what it made
		return compute.SecurityGroup{ID: aws.ToString(out.GroupId), Name: in.Name, Description: cmp.Or(in.Description, in.Name), Network: in.Network,
			Rules: []compute.SecurityGroupRule{}, Tags: in.Tags, Extra: map[string]any{}}, nil
	}
	return g, nil
}

func (d *ec2Driver) DestroySecurityGroup(ctx context.Context, in compute.DestroySecurityGroup) error {
	if err := identifier("security group", in.SecurityGroup, "sg-"); err != nil {
		return err
	}
	_, err := d.client.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &in.SecurityGroup})
	return err
}

// permission is a rule as EC2 takes it.
func permission(r compute.Rule) (types.IpPermission, error) {
	n := r.Normal()
	bad := func(format string, args ...any) (types.IpPermission, error) {
		return types.IpPermission{}, op.Errorf(op.InvalidArgument, format, args...)
	}
	switch {
	case r.CIDR != "" && r.Group != "":
		return bad("cidr and group: a rule has one of them")
	case n.FromPort < 0 || n.ToPort > 65535 || n.FromPort > n.ToPort:
		return bad("ports %d to %d: they go from 0 to 65535, the lower first", n.FromPort, n.ToPort)
	case n.FromPort != 0 && n.Protocol != compute.TCP && n.Protocol != compute.UDP:
		return bad("%s has no ports", n.Protocol)
	}
	p := types.IpPermission{IpProtocol: aws.String(string(n.Protocol))}
	var prefix netip.Prefix
	if n.Group == "" {
		var err error
		if prefix, err = netip.ParsePrefix(n.CIDR); err != nil {
			return bad("cidr: %q is no range of addresses like %q", n.CIDR, defaultCIDR)
		}
	} else if err := identifier("security group", n.Group, "sg-"); err != nil {
		return types.IpPermission{}, err
	}
	from, to := n.FromPort, n.ToPort
	switch n.Protocol {
	case compute.AllProtocols:
		p.IpProtocol, from, to = aws.String("-1"), -1, -1
	case compute.ICMP:
		if from, to = -1, -1; prefix.IsValid() && prefix.Addr().Is6() {
			p.IpProtocol = aws.String("icmpv6")
		}
	default:
		if from == 0 && to == 0 {
			to = 65535
		}
	}
	p.FromPort, p.ToPort = aws.Int32(int32(from)), aws.Int32(int32(to))
	switch description := optional(n.Description); {
	case n.Group != "":
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: &n.Group, Description: description}}
	case prefix.Addr().Is6():
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: &n.CIDR, Description: description}}
	default:
		p.IpRanges = []types.IpRange{{CidrIp: &n.CIDR, Description: description}}
	}
	return p, nil
}

func (d *ec2Driver) AllowSecurityGroupRule(ctx context.Context, in compute.AllowSecurityGroupRule) error {
	if err := identifier("security group", in.SecurityGroup, "sg-"); err != nil {
		return err
	}
	p, err := permission(in.Rule)
	if err != nil {
		return err
	}
	if in.Direction == compute.Egress {
		_, err = d.client.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &in.SecurityGroup, IpPermissions: []types.IpPermission{p}})
	} else {
		_, err = d.client.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &in.SecurityGroup, IpPermissions: []types.IpPermission{p}})
	}
	return err
}

// RevokeSecurityGroupRule looks at what the group has: in a VPC, EC2 says only
// in its answer that there was no such rule.
func (d *ec2Driver) RevokeSecurityGroupRule(ctx context.Context, in compute.RevokeSecurityGroupRule) error {
	g, err := d.group(ctx, in.SecurityGroup)
	if err != nil {
		return err
	}
	p, err := permission(in.Rule)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(g.Rules, in.Normal().Same) {
		return op.Errorf(op.NotFound, "the security group %s has no such rule", in.SecurityGroup)
	}
	if in.Direction == compute.Egress {
		_, err = d.client.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &in.SecurityGroup, IpPermissions: []types.IpPermission{p}})
	} else {
		_, err = d.client.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &in.SecurityGroup, IpPermissions: []types.IpPermission{p}})
	}
	return err
}

func addressOf(a types.Address) compute.Address {
	name, tags := namedTags(a.Tags)
	return compute.Address{ID: aws.ToString(a.AllocationId), Name: name, IP: aws.ToString(a.PublicIp), Node: aws.ToString(a.InstanceId), Tags: tags,
		Extra: extras(map[string]any{"AssociationId": aws.ToString(a.AssociationId), "NetworkInterfaceId": aws.ToString(a.NetworkInterfaceId),
			"PrivateIpAddress": aws.ToString(a.PrivateIpAddress), "NetworkBorderGroup": aws.ToString(a.NetworkBorderGroup)})}
}

func (d *ec2Driver) ListAddresses(ctx context.Context, in compute.ListAddresses) iter.Seq2[compute.Address, error] {
	var f filters
	f.tagged("", in.Tags)
	f.is("instance-id", in.Node)
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.Address, string, error) {
		out, err := d.client.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: f})
		if err != nil {
			return nil, "", err
		}
		addresses := make([]compute.Address, len(out.Addresses))
		for i, a := range out.Addresses {
			addresses[i] = addressOf(a)
		}
		return addresses, "", nil
	})
}

func (d *ec2Driver) address(ctx context.Context, id string) (types.Address, error) {
	if err := identifier("address", id, "eipalloc-"); err != nil {
		return types.Address{}, err
	}
	out, err := d.client.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{AllocationIds: []string{id}})
	if err != nil {
		return types.Address{}, err
	}
	return one(out.Addresses, "address", id)
}

func (d *ec2Driver) AllocateAddress(ctx context.Context, in compute.AllocateAddress) (compute.Address, error) {
	extra, err := op.Extra[addressExtra](in.Extra)
	if err != nil {
		return compute.Address{}, err
	}
	if in.Location != "" { // an address is for the whole region, but a local zone has its own
		if err := d.zone(ctx, in.Location); err != nil {
			return compute.Address{}, err
		}
	}
	out, err := d.client.AllocateAddress(ctx, &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc, PublicIpv4Pool: optional(extra.Pool),
		TagSpecifications: specify(types.ResourceTypeElasticIp, in.Name, in.Tags)})
	if err != nil {
		return compute.Address{}, err
	}
	return addressOf(types.Address{AllocationId: out.AllocationId, PublicIp: out.PublicIp, NetworkBorderGroup: out.NetworkBorderGroup, Tags: ec2Tags(in.Name, in.Tags)}), nil
}

func (d *ec2Driver) AssociateAddress(ctx context.Context, in compute.AssociateAddress) error {
	if err := identifier("address", in.Address, "eipalloc-"); err != nil {
		return err
	}
	if err := identifier("node", in.Node, "i-"); err != nil {
		return err
	}
	_, err := d.client.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: &in.Address, InstanceId: &in.Node, AllowReassociation: aws.Bool(true)})
	return err
}

func (d *ec2Driver) DisassociateAddress(ctx context.Context, in compute.DisassociateAddress) error {
	a, err := d.address(ctx, in.Address)
	if err != nil {
		return err
	}
	if aws.ToString(a.AssociationId) == "" {
		return op.Errorf(op.Conflict, "the address %s leads to no node", in.Address)
	}
	_, err = d.client.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: a.AssociationId})
	return err
}

func (d *ec2Driver) ReleaseAddress(ctx context.Context, in compute.ReleaseAddress) error {
	a, err := d.address(ctx, in.Address)
	if err != nil {
		return err
	}
	if aws.ToString(a.AssociationId) != "" {
		return op.Errorf(op.Conflict, "the address %s leads to %s: disassociate it first", in.Address, aws.ToString(a.InstanceId))
	}
	_, err = d.client.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: &in.Address})
	return err
}
