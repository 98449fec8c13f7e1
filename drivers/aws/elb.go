package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	"golang.org/x/sync/errgroup"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// elbDriver is the driver "elb": classic load balancers, with one listener each.
type elbDriver struct {
	*session
	client *elb.Client
	ec2    *ec2.Client
}

func openELB(ctx context.Context, c sessionConfig) (*elbDriver, error) {
	if c.PageSize > 400 {
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d: Elastic Load Balancing has no pages of more than 400", c.PageSize)
	}
	s, err := newSession(ctx, c)
	if err != nil {
		return nil, err
	}
	return &elbDriver{s, elb.NewFromConfig(s.config), ec2.NewFromConfig(s.config)}, nil
}

// elbExtra is what create_balancer takes beyond the contract.
type elbExtra struct {
	Scheme         string   `json:"scheme,omitzero" enum:"internet-facing,internal" help:"internet-facing, if not given, or internal."`
	SecurityGroups []string `json:"security_groups,omitzero" help:"Who may talk to it: ids of security groups; the network's default one if not given."`
}

// classic is a classic load balancer's listener; that of the lowest port, if it
// has several.
func classic(d types.LoadBalancerDescription) *types.Listener {
	var first *types.Listener
	for _, l := range d.ListenerDescriptions {
		if l.Listener != nil && (first == nil || l.Listener.LoadBalancerPort < first.LoadBalancerPort) {
			first = l.Listener
		}
	}
	return first
}

// labels are what the API tells of a load balancer apart from its description.
type labels struct {
	tags  map[string]string
	drain int
}

func classicBalancer(d types.LoadBalancerDescription, more labels) lb.Balancer {
	name := aws.ToString(d.LoadBalancerName)
	b := lb.Balancer{ID: name, Name: name, State: lb.Running, Address: aws.ToString(d.DNSName), Algorithm: lb.RoundRobin, Tags: more.tags, DrainTimeout: more.drain, CreatedAt: aws.ToTime(d.CreatedTime),
		HealthCheck: classicCheck(d.HealthCheck),
		Extra: extras(map[string]any{"scheme": aws.ToString(d.Scheme), "vpc": aws.ToString(d.VPCId), "hosted_zone": aws.ToString(d.CanonicalHostedZoneNameID),
			"listeners": len(d.ListenerDescriptions)})}
	if l := classic(d); l != nil {
		b.Port, b.Certificate = int(l.LoadBalancerPort), aws.ToString(l.SSLCertificateId)
		b.Protocol = lb.Protocol(strings.ToLower(aws.ToString(l.Protocol)))
		if b.Protocol == "ssl" {
			b.Protocol = lb.TLS
		}
		b.Extra["instance_port"] = int64(aws.ToInt32(l.InstancePort))
	}
	return b
}

// classicCheck reads what is asked: "HTTP:80/path", "TCP:80".
func classicCheck(h *types.HealthCheck) *lb.HealthCheck {
	if h == nil {
		return nil
	}
	protocol, rest, _ := strings.Cut(aws.ToString(h.Target), ":")
	port, path, hasPath := strings.Cut(rest, "/")
	c := &lb.HealthCheck{Protocol: lb.Protocol(strings.ToLower(protocol)), Interval: int(aws.ToInt32(h.Interval)), Timeout: int(aws.ToInt32(h.Timeout)),
		HealthyThreshold: int(aws.ToInt32(h.HealthyThreshold)), UnhealthyThreshold: int(aws.ToInt32(h.UnhealthyThreshold))}
	c.Port, _ = strconv.Atoi(port)
	if hasPath {
		c.Path = "/" + path
	}
	if c.Protocol == "ssl" {
		c.Protocol = lb.TLS
	}
	return c
}

// classicTarget is a health check in the API's terms; without one asked for, a
// connection to the members' port is.
func classicTarget(h *lb.HealthCheck, port int) (*types.HealthCheck, error) {
	if h == nil {
		h = &lb.HealthCheck{Protocol: lb.TCP, Interval: 30, Timeout: 5, HealthyThreshold: 2, UnhealthyThreshold: 2}
	}
	for _, r := range []struct {
		name           string
		v, least, most int
	}{{"interval", h.Interval, 5, 300}, {"timeout", h.Timeout, 2, 60}, {"healthy_threshold", h.HealthyThreshold, 2, 10},
		{"unhealthy_threshold", h.UnhealthyThreshold, 2, 10}, {"port", h.Port, 0, 65535}} {
		if r.v < r.least || r.v > r.most {
			return nil, op.Errorf(op.InvalidArgument, "health_check: %s is from %d to %d, not %d", r.name, r.least, r.most, r.v)
		}
	}
	if h.Timeout >= h.Interval {
		return nil, op.Errorf(op.InvalidArgument, "health_check: timeout is less than the interval of %d seconds, not %d", h.Interval, h.Timeout)
	}
	port = cmp.Or(h.Port, port)
	var target string
	switch h.Protocol {
	case lb.HTTP, lb.HTTPS:
		target = fmt.Sprintf("%s:%d%s", strings.ToUpper(string(h.Protocol)), port, h.Path)
	case lb.TCP:
		target = fmt.Sprintf("TCP:%d", port)
	case lb.TLS:
		target = fmt.Sprintf("SSL:%d", port)
	default:
		return nil, op.Errorf(op.InvalidArgument, "health_check: Elastic Load Balancing checks with http, https, tcp or tls, not with %s", h.Protocol)
	}
	return &types.HealthCheck{Target: &target, Interval: aws.Int32(int32(h.Interval)), Timeout: aws.Int32(int32(h.Timeout)),
		HealthyThreshold: aws.Int32(int32(h.HealthyThreshold)), UnhealthyThreshold: aws.Int32(int32(h.UnhealthyThreshold))}, nil
}

// classicListener is a listener in the API's terms. TLS ends at the balancer.
func classicListener(p lb.Protocol, port, instancePort int, certificate string) (types.Listener, error) {
	for _, n := range []int{port, instancePort} {
		if err := checkPort(n); err != nil {
			return types.Listener{}, err
		}
	}
	if _, err := isNetwork(p, certificate); err != nil {
		return types.Listener{}, err
	}
	l := types.Listener{LoadBalancerPort: int32(port), InstancePort: aws.Int32(int32(instancePort)), SSLCertificateId: optional(certificate)}
	switch p {
	case lb.HTTP, lb.HTTPS:
		l.Protocol, l.InstanceProtocol = aws.String(strings.ToUpper(string(p))), aws.String("HTTP")
	case lb.TCP:
		l.Protocol, l.InstanceProtocol = aws.String("TCP"), aws.String("TCP")
	case lb.TLS:
		l.Protocol, l.InstanceProtocol = aws.String("SSL"), aws.String("TCP")
	default:
		return l, op.Errorf(op.InvalidArgument, "protocol: a classic load balancer speaks http, https, tcp and tls, not %s", p)
	}
	return l, nil
}

func (d *elbDriver) ListBalancers(ctx context.Context, in lb.ListBalancers) iter.Seq2[lb.Balancer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]lb.Balancer, string, error) {
		out, err := d.client.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Marker: optional(cursor), PageSize: d.page()})
		if err != nil {
			return nil, "", err
		}
		more, err := d.labels(ctx, out.LoadBalancerDescriptions)
		if err != nil {
			return nil, "", err
		}
		var balancers []lb.Balancer
		for i, l := range out.LoadBalancerDescriptions {
			balancers = append(balancers, classicBalancer(l, more[i]))
		}
		return balancers, aws.ToString(out.NextMarker), nil
	})
}

// labels looks up what descriptions do not have: tags, twenty at a time, and
// attributes, which the API has no list of, a few at a time.
func (d *elbDriver) labels(ctx context.Context, list []types.LoadBalancerDescription) ([]labels, error) {
	all := make([]labels, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, l := range list {
		g.Go(func() error {
			out, err := d.client.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerName: l.LoadBalancerName})
			if isKind(err, op.NotFound) { // it went while the list was made
				return nil
			}
			if err != nil {
				return err
			}
			if a := out.LoadBalancerAttributes; a != nil && a.ConnectionDraining != nil && a.ConnectionDraining.Enabled {
				all[i].drain = int(aws.ToInt32(a.ConnectionDraining.Timeout))
			}
			return nil
		})
	}
	tags, err := d.tags(ctx, list)
	if err := errors.Join(err, g.Wait()); err != nil {
		return nil, err
	}
	for i, l := range list {
		all[i].tags = tags[aws.ToString(l.LoadBalancerName)]
	}
	return all, nil
}

// tags are those of load balancers by name.
func (d *elbDriver) tags(ctx context.Context, list []types.LoadBalancerDescription) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	for part := range slices.Chunk(list, 20) {
		in := &elb.DescribeTagsInput{}
		for _, l := range part {
			in.LoadBalancerNames = append(in.LoadBalancerNames, aws.ToString(l.LoadBalancerName))
			all[aws.ToString(l.LoadBalancerName)] = map[string]string{}
		}
		out, err := d.client.DescribeTags(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, t := range out.TagDescriptions {
			for _, tag := range t.Tags {
				all[aws.ToString(t.LoadBalancerName)][aws.ToString(tag.Key)] = aws.ToString(tag.Value)
			}
		}
	}
	return all, nil
}

func (d *elbDriver) get(ctx context.Context, name string) (types.LoadBalancerDescription, error) {
	out, err := d.client.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerNames: []string{name}})
	if isKind(err, op.InvalidArgument) { // what cannot be a name is none
		err = op.Errorf(op.NotFound, "there is no balancer %q", name)
	}
	if err != nil {
		return types.LoadBalancerDescription{}, err
	}
	return one(out.LoadBalancerDescriptions, "balancer", name)
}

func (d *elbDriver) GetBalancer(ctx context.Context, in lb.GetBalancer) (lb.Balancer, error) {
	l, err := d.get(ctx, in.Balancer)
	if err != nil {
		return lb.Balancer{}, err
	}
	more, err := d.labels(ctx, []types.LoadBalancerDescription{l})
	if err != nil {
		return lb.Balancer{}, err
	}
	return classicBalancer(l, more[0]), nil
}

// instances are a new balancer's members, and the port that they all have.
func instances(in lb.CreateBalancer) (list []types.Instance, port int, err error) {
	for i, m := range in.Members {
		switch {
		case m.IP != "":
			return nil, 0, op.Errorf(op.InvalidArgument, "members[%d]: a classic load balancer's members are nodes, not addresses", i)
		case m.Node == "":
			return nil, 0, op.Errorf(op.InvalidArgument, "members[%d]: a member is a node", i)
		case m.Port != 0 && port != 0 && m.Port != port:
			return nil, 0, op.Errorf(op.InvalidArgument, "members[%d]: all have one port, not %d and %d", i, port, m.Port)
		}
		if err := lb.Unweighted(m.Weight, "Classic Load Balancing"); err != nil {
			return nil, 0, err
		}
		port = cmp.Or(m.Port, port)
		list = append(list, types.Instance{InstanceId: &m.Node})
	}
	return list, cmp.Or(port, in.Port), nil
}

func (d *elbDriver) CreateBalancer(ctx context.Context, in lb.CreateBalancer) (_ lb.Balancer, err error) {
	extra, err := op.Extra[elbExtra](in.Extra)
	if err != nil {
		return lb.Balancer{}, err
	}
	if in.Algorithm != lb.RoundRobin {
		return lb.Balancer{}, op.Errorf(op.InvalidArgument, "algorithm: a classic load balancer chooses by itself; it is called round_robin, not %s", in.Algorithm)
	}
	if err := lb.CheckDrain(in.DrainTimeout); err != nil {
		return lb.Balancer{}, err
	}
	members, port, err := instances(in)
	if err != nil {
		return lb.Balancer{}, err
	}
	listener, err := classicListener(in.Protocol, in.Port, port, in.Certificate)
	if err != nil {
		return lb.Balancer{}, err
	}
	check, err := classicTarget(in.HealthCheck, port)
	if err != nil {
		return lb.Balancer{}, err
	}
	if err := d.exist(ctx, members); err != nil {
		return lb.Balancer{}, err
	}
	ids, _, err := subnets(ctx, d.ec2, in)
	if err != nil {
		return lb.Balancer{}, err
	}
	// The API takes a second creation of the same name and settings for the first.
	if _, err := d.get(ctx, in.Name); err == nil {
		return lb.Balancer{}, op.Errorf(op.AlreadyExists, "there is a load balancer %q already", in.Name)
	} else if !isKind(err, op.NotFound) {
		return lb.Balancer{}, err
	}
	request := &elb.CreateLoadBalancerInput{LoadBalancerName: &in.Name, Listeners: []types.Listener{listener}, Subnets: ids, SecurityGroups: extra.SecurityGroups}
	if extra.Scheme == "internal" {
		request.Scheme = &extra.Scheme // the other is said by leaving it out
	}
	for k, v := range in.Tags {
		request.Tags = append(request.Tags, types.Tag{Key: &k, Value: &v})
	}
	if _, err := d.client.CreateLoadBalancer(ctx, request); err != nil {
		return lb.Balancer{}, err
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
			defer cancel()
			if _, uerr := d.client.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerName: &in.Name}); uerr != nil {
				err = errors.Join(err, uerr)
			}
		}
	}()
	if _, err := d.client.ConfigureHealthCheck(ctx, &elb.ConfigureHealthCheckInput{LoadBalancerName: &in.Name, HealthCheck: check}); err != nil {
		return lb.Balancer{}, err
	}
	if err := d.setDrain(ctx, in.Name, op.Or(in.DrainTimeout, usualDrain)); err != nil { // the API's own default is to cut connections off
		return lb.Balancer{}, err
	}
	if len(members) > 0 {
		if _, err := d.client.RegisterInstancesWithLoadBalancer(ctx, &elb.RegisterInstancesWithLoadBalancerInput{LoadBalancerName: &in.Name, Instances: members}); err != nil {
			return lb.Balancer{}, err
		}
	}
	return d.GetBalancer(ctx, lb.GetBalancer{Balancer: in.Name})
}

// setDrain says how long an instance that is taken out may finish what it has; 0 is
// said by switching it off.
func (d *elbDriver) setDrain(ctx context.Context, name string, seconds int) error {
	draining := &types.ConnectionDraining{Enabled: seconds > 0}
	if seconds > 0 {
		draining.Timeout = aws.Int32(int32(seconds))
	}
	_, err := d.client.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{LoadBalancerName: &name,
		LoadBalancerAttributes: &types.LoadBalancerAttributes{ConnectionDraining: draining}})
	return err
}

// exist makes sure that nodes do: the API takes any id.
func (d *elbDriver) exist(ctx context.Context, members []types.Instance) error {
	if len(members) == 0 {
		return nil
	}
	in := &ec2.DescribeInstancesInput{}
	for _, m := range members {
		if err := identifier("node", *m.InstanceId, "i-"); err != nil {
			return err
		}
		in.InstanceIds = append(in.InstanceIds, *m.InstanceId)
	}
	_, err := d.ec2.DescribeInstances(ctx, in)
	return err
}

// listen gives a balancer another listener in place of the one that it has. One
// on another port comes up before the old one goes; on the same port the old one
// has to go first, and comes back if the new one is refused.
func (d *elbDriver) listen(ctx context.Context, name *string, old *types.Listener, l types.Listener) error {
	add := func(ctx context.Context, l types.Listener) error {
		_, err := d.client.CreateLoadBalancerListeners(ctx, &elb.CreateLoadBalancerListenersInput{LoadBalancerName: name, Listeners: []types.Listener{l}})
		return err
	}
	remove := func() error {
		_, err := d.client.DeleteLoadBalancerListeners(ctx, &elb.DeleteLoadBalancerListenersInput{LoadBalancerName: name, LoadBalancerPorts: []int32{old.LoadBalancerPort}})
		return err
	}
	if old.LoadBalancerPort != l.LoadBalancerPort {
		if err := add(ctx, l); err != nil {
			return err
		}
		return remove()
	}
	if err := remove(); err != nil {
		return err
	}
	err := add(ctx, l)
	if err != nil {
		back, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		if berr := add(back, *old); berr != nil {
			err = errors.Join(err, berr)
		}
	}
	return err
}

func (d *elbDriver) UpdateBalancer(ctx context.Context, in lb.UpdateBalancer) error {
	found, err := d.get(ctx, in.Balancer)
	if err != nil {
		return err
	}
	old := classic(found)
	if old == nil {
		return op.Errorf(op.Conflict, "the balancer %s has no listener", in.Balancer)
	}
	if in.Name != "" && in.Name != in.Balancer {
		return op.Errorf(op.InvalidArgument, "name: a load balancer keeps its name")
	}
	if in.Algorithm != "" && in.Algorithm != lb.RoundRobin {
		return op.Errorf(op.InvalidArgument, "algorithm: a classic load balancer chooses by itself")
	}
	before := classicBalancer(found, labels{})
	spoken := cmp.Or(in.Protocol, before.Protocol)
	certificate := in.Certificate
	if certificate == "" && (spoken == lb.HTTPS || spoken == lb.TLS) {
		certificate = before.Certificate
	}
	listener, err := classicListener(spoken, cmp.Or(in.Port, before.Port), int(aws.ToInt32(old.InstancePort)), certificate)
	if err != nil {
		return err
	}
	check, err := classicTarget(in.HealthCheck, int(aws.ToInt32(old.InstancePort)))
	if err != nil {
		return err
	}
	if err := lb.CheckDrain(in.DrainTimeout); err != nil {
		return err
	}
	if spoken != before.Protocol || int(listener.LoadBalancerPort) != before.Port || certificate != before.Certificate {
		if err := d.listen(ctx, &in.Balancer, old, listener); err != nil {
			return err
		}
	}
	if in.HealthCheck != nil {
		if _, err := d.client.ConfigureHealthCheck(ctx, &elb.ConfigureHealthCheckInput{LoadBalancerName: &in.Balancer, HealthCheck: check}); err != nil {
			return err
		}
	}
	if in.DrainTimeout != nil {
		return d.setDrain(ctx, in.Balancer, *in.DrainTimeout)
	}
	return nil
}

func (d *elbDriver) DestroyBalancer(ctx context.Context, in lb.DestroyBalancer) error {
	if _, err := d.get(ctx, in.Balancer); err != nil { // the API deletes what is not there
		return err
	}
	_, err := d.client.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerName: &in.Balancer})
	return err
}

func (d *elbDriver) BalancerListMembers(ctx context.Context, in lb.BalancerListMembers) iter.Seq2[lb.Member, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]lb.Member, string, error) {
		l, err := d.get(ctx, in.Balancer)
		if err != nil {
			return nil, "", err
		}
		if len(l.Instances) == 0 {
			return nil, "", nil
		}
		out, err := d.client.DescribeInstanceHealth(ctx, &elb.DescribeInstanceHealthInput{LoadBalancerName: &in.Balancer, Instances: l.Instances})
		if err != nil {
			return nil, "", err
		}
		health := map[string]types.InstanceState{}
		for _, s := range out.InstanceStates {
			health[aws.ToString(s.InstanceId)] = s
		}
		var members []lb.Member
		for _, i := range l.Instances {
			members = append(members, classicMember(l, aws.ToString(i.InstanceId), health[aws.ToString(i.InstanceId)]))
		}
		return members, "", nil
	})
}

func (d *elbDriver) BalancerGetMember(ctx context.Context, in lb.BalancerGetMember) (lb.Member, error) {
	return lb.FindMember(ctx, d, in)
}

func classicMember(d types.LoadBalancerDescription, node string, s types.InstanceState) lb.Member {
	m := lb.Member{Balancer: aws.ToString(d.LoadBalancerName), ID: node, Node: node, Weight: 1, State: lb.Enabled, Health: lb.HealthUnknown,
		Extra: extras(map[string]any{"description": aws.ToString(s.Description), "reason_code": aws.ToString(s.ReasonCode)})}
	if l := classic(d); l != nil {
		m.Port = int(aws.ToInt32(l.InstancePort))
	}
	switch aws.ToString(s.State) {
	case "InService":
		m.Health = lb.Healthy
	case "OutOfService":
		m.Health = lb.Unhealthy
	}
	return m
}

// BalancerAttachComputeNode adds a node. The first says which port all have.
func (d *elbDriver) BalancerAttachComputeNode(ctx context.Context, in lb.BalancerAttachComputeNode) (lb.Member, error) {
	found, err := d.get(ctx, in.Balancer)
	if err != nil {
		return lb.Member{}, err
	}
	old := classic(found)
	if old == nil {
		return lb.Member{}, op.Errorf(op.Conflict, "the balancer %s has no listener", in.Balancer)
	}
	have := int(aws.ToInt32(old.InstancePort))
	port := cmp.Or(in.Port, have)
	if err := checkPort(port); err != nil {
		return lb.Member{}, err
	}
	if err := lb.Unweighted(in.Weight, "Classic Load Balancing"); err != nil {
		return lb.Member{}, err
	}
	node := []types.Instance{{InstanceId: &in.Node}}
	switch {
	case port != have && len(found.Instances) > 0:
		return lb.Member{}, op.Errorf(op.InvalidArgument, "port: a balancer's members all have one port here, and these have %d", have)
	case slices.ContainsFunc(found.Instances, func(i types.Instance) bool { return aws.ToString(i.InstanceId) == in.Node }):
		return lb.Member{}, op.Errorf(op.AlreadyExists, "the node %s is a member already", in.Node)
	}
	if err := d.exist(ctx, node); err != nil {
		return lb.Member{}, err
	}
	if port != have {
		l := *old
		l.InstancePort = aws.Int32(int32(port))
		if err := d.listen(ctx, &in.Balancer, old, l); err != nil {
			return lb.Member{}, err
		}
		if h := classicCheck(found.HealthCheck); h != nil && h.Port == have { // a check of the members' port goes on being one
			h.Port = port
			check, err := classicTarget(h, port)
			if err != nil {
				return lb.Member{}, err
			}
			if _, err := d.client.ConfigureHealthCheck(ctx, &elb.ConfigureHealthCheckInput{LoadBalancerName: &in.Balancer, HealthCheck: check}); err != nil {
				return lb.Member{}, err
			}
		}
	}
	if _, err := d.client.RegisterInstancesWithLoadBalancer(ctx, &elb.RegisterInstancesWithLoadBalancerInput{LoadBalancerName: &in.Balancer, Instances: node}); err != nil {
		return lb.Member{}, err
	}
	m := classicMember(found, in.Node, types.InstanceState{})
	m.Port = port
	return m, nil
}

func (d *elbDriver) BalancerDetachMember(ctx context.Context, in lb.BalancerDetachMember) error {
	found, err := d.get(ctx, in.Balancer)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(found.Instances, func(i types.Instance) bool { return aws.ToString(i.InstanceId) == in.Member }) {
		return op.Errorf(op.NotFound, "the balancer %s has no member %q", in.Balancer, in.Member)
	}
	_, err = d.client.DeregisterInstancesFromLoadBalancer(ctx, &elb.DeregisterInstancesFromLoadBalancerInput{LoadBalancerName: &in.Balancer, Instances: []types.Instance{{InstanceId: &in.Member}}})
	return err
}

func (d *elbDriver) ListProtocols(context.Context, lb.ListProtocols) iter.Seq2[lb.ProtocolInfo, error] {
	return func(yield func(lb.ProtocolInfo, error) bool) {
		for _, p := range []lb.Protocol{lb.HTTP, lb.HTTPS, lb.TCP, lb.TLS} {
			if !yield(lb.ProtocolInfo{Name: p}, nil) {
				return
			}
		}
	}
}

func (d *elbDriver) ListSupportedAlgorithms(context.Context, lb.ListSupportedAlgorithms) iter.Seq2[lb.AlgorithmInfo, error] {
	return func(yield func(lb.AlgorithmInfo, error) bool) { yield(lb.AlgorithmInfo{Name: lb.RoundRobin}, nil) }
}

func (d *elbDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return service{d.client}.call(ctx, in)
}

func (d *elbDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return service{d.client}.pages(ctx, in)
}
