package aws

import (
	"context"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Members are addresses, also where they are nodes: a target group has either
// instances or addresses, and the contract wants both in one balancer. A node is
// found again by its first private address.

// member is a target as the contract has it; nodes are by address. Targets of
// balancers that others made may be instances, or balancers themselves.
func member(balancer string, t types.TargetHealthDescription, nodes map[string]string) lb.Member {
	id, port := aws.ToString(t.Target.Id), int(aws.ToInt32(t.Target.Port))
	m := lb.Member{Balancer: balancer, ID: memberID(id, port), Port: port, Weight: 1, State: lb.Enabled, Health: lb.HealthUnknown,
		Extra: extras(map[string]any{"availability_zone": aws.ToString(t.Target.AvailabilityZone)})}
	switch {
	case isAddress(id):
		m.IP, m.Node = id, nodes[id]
	case strings.HasPrefix(id, "i-"):
		m.Node = id
	}
	if h := t.TargetHealth; h != nil {
		m.Extra["target_health"] = string(h.State)
		if h.Description != nil {
			m.Extra["description"] = *h.Description
		}
		switch h.State {
		case types.TargetHealthStateEnumHealthy:
			m.Health = lb.Healthy
		case types.TargetHealthStateEnumUnhealthy:
			m.Health = lb.Unhealthy
		case types.TargetHealthStateEnumDraining, types.TargetHealthStateEnumUnhealthyDraining:
			m.State = lb.Draining
		}
	}
	return m
}

func isAddress(id string) bool {
	_, err := netip.ParseAddr(id)
	return err == nil
}

// memberID is a target with its port: one address can be a member on several.
func memberID(id string, port int) string { return net.JoinHostPort(id, strconv.Itoa(port)) }

// health asks for a balancer's targets. One without a group has none.
func (d *albDriver) health(ctx context.Context, w whole) ([]types.TargetHealthDescription, error) {
	if w.group == nil {
		return nil, nil
	}
	out, err := d.client.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: w.group.TargetGroupArn})
	if err != nil {
		return nil, err
	}
	return out.TargetHealthDescriptions, nil
}

func (d *albDriver) BalancerListMembers(ctx context.Context, in lb.BalancerListMembers) iter.Seq2[lb.Member, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]lb.Member, string, error) {
		w, err := d.get(ctx, in.Balancer)
		if err != nil {
			return nil, "", err
		}
		targets, err := d.health(ctx, w)
		if err != nil {
			return nil, "", err
		}
		var ips []string
		for _, t := range targets {
			if id := aws.ToString(t.Target.Id); isAddress(id) {
				ips = append(ips, id)
			}
		}
		nodes, err := d.nodes(ctx, aws.ToString(w.VpcId), ips)
		if err != nil {
			return nil, "", err
		}
		members := make([]lb.Member, len(targets))
		for i, t := range targets {
			members[i] = member(in.Balancer, t, nodes)
		}
		return members, "", nil
	})
}

func (d *albDriver) BalancerGetMember(ctx context.Context, in lb.BalancerGetMember) (lb.Member, error) {
	return lb.FindMember(ctx, d, in)
}

// nodes finds the instances that private addresses belong to, two hundred at a
// time, which is as many as a filter takes.
func (d *albDriver) nodes(ctx context.Context, vpc string, ips []string) (map[string]string, error) {
	nodes := map[string]string{}
	for len(ips) > 0 {
		some := ips[:min(len(ips), 200)]
		ips = ips[len(some):]
		in := &ec2.DescribeInstancesInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpc}}, {Name: aws.String("private-ip-address"), Values: some}}}
		for {
			out, err := d.ec2.DescribeInstances(ctx, in)
			if err != nil {
				return nil, err
			}
			for _, r := range out.Reservations {
				for _, i := range r.Instances {
					if i.State == nil || i.State.Name != ec2types.InstanceStateNameTerminated {
						nodes[aws.ToString(i.PrivateIpAddress)] = aws.ToString(i.InstanceId)
					}
				}
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
	}
	return nodes, nil
}

// targets are a new balancer's members.
func (d *albDriver) targets(ctx context.Context, in lb.CreateBalancer, vpc string) ([]types.TargetDescription, error) {
	var targets []types.TargetDescription
	for i, m := range in.Members {
		t, err := d.target(ctx, vpc, m.Node, m.IP, m.Port, in.Port, m.Weight)
		if err != nil {
			e := *op.AsError(err)
			e.Message = fmt.Sprintf("members[%d]: %s", i, e.Message)
			return nil, &e
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// target is a node or an address as a target.
func (d *albDriver) target(ctx context.Context, vpc, node, ip string, port, own int, weight *int) (types.TargetDescription, error) {
	none := types.TargetDescription{}
	if port == 0 {
		port = own
	}
	if err := checkPort(port); err != nil {
		return none, err
	}
	if err := lb.Unweighted(weight, "Elastic Load Balancing"); err != nil {
		return none, err
	}
	switch {
	case node != "":
		if err := identifier("node", node, "i-"); err != nil {
			return none, err
		}
		out, err := d.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{node}})
		if err != nil {
			return none, err
		}
		if len(out.Reservations) == 0 || len(out.Reservations[0].Instances) == 0 {
			return none, op.Errorf(op.NotFound, "there is no node %q", node)
		}
		i := out.Reservations[0].Instances[0]
		if aws.ToString(i.VpcId) != vpc {
			return none, op.Errorf(op.InvalidArgument, "the node %s is in the network %s, and the balancer in %s", node, aws.ToString(i.VpcId), vpc)
		}
		if ip = aws.ToString(i.PrivateIpAddress); ip == "" {
			return none, op.Errorf(op.Conflict, "the node %s has no private address now", node)
		}
		return types.TargetDescription{Id: &ip, Port: aws.Int32(int32(port))}, nil
	case ip == "":
		return none, op.Errorf(op.InvalidArgument, "a member is a node, or an address")
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return none, op.Errorf(op.InvalidArgument, "ip: %q is no address", ip)
	}
	t := types.TargetDescription{Id: aws.String(addr.String()), Port: aws.Int32(int32(port))}
	inside, err := d.inside(ctx, vpc, addr)
	if err == nil && !inside {
		t.AvailabilityZone = aws.String("all") // as the API wants it of an address outside of the network
	}
	return t, err
}

// inside reports whether an address is one of the network's.
func (d *albDriver) inside(ctx context.Context, vpc string, addr netip.Addr) (bool, error) {
	out, err := d.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{vpc}})
	if err != nil {
		return false, err
	}
	for _, v := range out.Vpcs {
		blocks := []string{aws.ToString(v.CidrBlock)}
		for _, a := range v.CidrBlockAssociationSet {
			blocks = append(blocks, aws.ToString(a.CidrBlock))
		}
		for _, a := range v.Ipv6CidrBlockAssociationSet {
			blocks = append(blocks, aws.ToString(a.Ipv6CidrBlock))
		}
		for _, b := range blocks {
			if p, err := netip.ParsePrefix(b); err == nil && p.Contains(addr) {
				return true, nil
			}
		}
	}
	return false, nil
}

func (d *albDriver) BalancerAttachMember(ctx context.Context, in lb.BalancerAttachMember) (lb.Member, error) {
	return d.attach(ctx, in.Balancer, "", in.IP, in.Port, in.Weight)
}

func (d *albDriver) BalancerAttachComputeNode(ctx context.Context, in lb.BalancerAttachComputeNode) (lb.Member, error) {
	return d.attach(ctx, in.Balancer, in.Node, "", in.Port, in.Weight)
}

func (d *albDriver) attach(ctx context.Context, balancer, node, ip string, port int, weight *int) (lb.Member, error) {
	w, err := d.get(ctx, balancer)
	if err != nil {
		return lb.Member{}, err
	}
	if w.group == nil || w.listener == nil || w.group.TargetType != types.TargetTypeEnumIp {
		return lb.Member{}, op.Errorf(op.Conflict, "the balancer %s has no target group of addresses: it was not made by Cloudlark", aws.ToString(w.LoadBalancerName))
	}
	target, err := d.target(ctx, aws.ToString(w.VpcId), node, ip, port, int(aws.ToInt32(w.listener.Port)), weight)
	if err != nil {
		return lb.Member{}, err
	}
	targets, err := d.health(ctx, w)
	if err != nil {
		return lb.Member{}, err
	}
	for _, t := range targets {
		if aws.ToString(t.Target.Id) == *target.Id && aws.ToInt32(t.Target.Port) == *target.Port && member(balancer, t, nil).State == lb.Enabled {
			return lb.Member{}, op.Errorf(op.AlreadyExists, "%s is a member already", memberID(*target.Id, int(*target.Port)))
		}
	}
	if _, err := d.client.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: w.group.TargetGroupArn, Targets: []types.TargetDescription{target}}); err != nil {
		return lb.Member{}, err
	}
	return member(balancer, types.TargetHealthDescription{Target: &target}, map[string]string{*target.Id: node}), nil
}

func (d *albDriver) BalancerDetachMember(ctx context.Context, in lb.BalancerDetachMember) error {
	w, err := d.get(ctx, in.Balancer)
	if err != nil {
		return err
	}
	targets, err := d.health(ctx, w)
	if err != nil {
		return err
	}
	for _, t := range targets {
		m := member(in.Balancer, t, nil)
		if m.ID != in.Member {
			continue
		}
		if m.State == lb.Draining { // it was done already
			return nil
		}
		_, err := d.client.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: w.group.TargetGroupArn, Targets: []types.TargetDescription{*t.Target}})
		return err
	}
	return op.Errorf(op.NotFound, "the balancer %s has no member %q", aws.ToString(w.LoadBalancerName), in.Member)
}
