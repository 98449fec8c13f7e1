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
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// albDriver is the driver "alb": application and network load balancers. A
// balancer is a load balancer with one listener and one target group, which has
// its name and belongs to it.
type albDriver struct {
	*session
	client *elb.Client
	ec2    *ec2.Client
}

func openALB(ctx context.Context, c sessionConfig) (*albDriver, error) {
	if c.PageSize > 400 {
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d: Elastic Load Balancing has no pages of more than 400", c.PageSize)
	}
	s, err := newSession(ctx, c)
	if err != nil {
		return nil, err
	}
	return &albDriver{s, elb.NewFromConfig(s.config), ec2.NewFromConfig(s.config)}, nil
}

// albExtra is what create_balancer takes beyond the contract.
type albExtra struct {
	Scheme         string   `json:"scheme,omitzero" enum:"internet-facing,internal" help:"internet-facing, if not given, or internal."`
	SecurityGroups []string `json:"security_groups,omitzero" help:"Who may talk to it: ids of security groups; the network's default one if not given."`
	IPAddressType  string   `json:"ip_address_type,omitzero" enum:"ipv4,dualstack" help:"ipv4, if not given, or dualstack."`
	SSLPolicy      string   `json:"ssl_policy,omitzero" help:"The security policy of https and tls."`
	albUpdateExtra
}

// owner is the tag of a target group that belongs to a balancer: the load
// balancer's name. destroy_balancer deletes such target groups, and no other.
const owner = "cloudlark:balancer"

// A whole is a load balancer with what makes it a balancer.
type whole struct {
	types.LoadBalancer
	listener  *types.Listener    // the one with the lowest port; nil if there is none
	group     *types.TargetGroup // that it forwards to
	algorithm string
	drain     int
	tags      map[string]string
	listeners int
}

func (w whole) balancer() lb.Balancer {
	b := lb.Balancer{ID: aws.ToString(w.LoadBalancerArn), Name: aws.ToString(w.LoadBalancerName), Address: aws.ToString(w.DNSName), State: lb.Unknown,
		Tags: w.tags, CreatedAt: aws.ToTime(w.CreatedTime), Algorithm: lb.SourceHash, DrainTimeout: w.drain,
		Extra: extras(map[string]any{"type": string(w.Type), "scheme": string(w.Scheme), "vpc": aws.ToString(w.VpcId), "hosted_zone": aws.ToString(w.CanonicalHostedZoneId),
			"ip_address_type": string(w.IpAddressType), "listeners": w.listeners})}
	if w.State != nil {
		switch w.State.Code {
		case types.LoadBalancerStateEnumProvisioning:
			b.State = lb.Pending
		case types.LoadBalancerStateEnumActive, types.LoadBalancerStateEnumActiveImpaired:
			b.State = lb.Running
		case types.LoadBalancerStateEnumFailed:
			b.State = lb.Error
		}
	}
	if w.Type == types.LoadBalancerTypeEnumApplication {
		b.Algorithm = algorithms[w.algorithm]
	}
	if l := w.listener; l != nil {
		b.Port, b.Protocol = int(aws.ToInt32(l.Port)), lb.Protocol(strings.ToLower(string(l.Protocol)))
		if len(l.Certificates) > 0 {
			b.Certificate = aws.ToString(l.Certificates[0].CertificateArn)
		}
	}
	if g := w.group; g != nil {
		b.Extra["target_group"] = aws.ToString(g.TargetGroupArn)
		if aws.ToBool(g.HealthCheckEnabled) {
			b.HealthCheck = healthCheck(g)
		}
	}
	return b
}

func healthCheck(g *types.TargetGroup) *lb.HealthCheck {
	h := &lb.HealthCheck{Protocol: lb.Protocol(strings.ToLower(string(g.HealthCheckProtocol))), Path: aws.ToString(g.HealthCheckPath),
		Interval: int(aws.ToInt32(g.HealthCheckIntervalSeconds)), Timeout: int(aws.ToInt32(g.HealthCheckTimeoutSeconds)),
		HealthyThreshold: int(aws.ToInt32(g.HealthyThresholdCount)), UnhealthyThreshold: int(aws.ToInt32(g.UnhealthyThresholdCount))}
	if p := aws.ToString(g.HealthCheckPort); p != "" && p != trafficPort {
		fmt.Sscan(p, &h.Port)
	}
	return h
}

const trafficPort = "traffic-port"

// algorithms are the target group's, by their names there.
var algorithms = map[string]lb.Algorithm{"": lb.RoundRobin, "round_robin": lb.RoundRobin, "least_outstanding_requests": lb.LeastConnections, "weighted_random": lb.Random}

// algorithmOf is the name that an application load balancer's target group has
// for an algorithm; network load balancers have one, which has no name.
func algorithmOf(a lb.Algorithm, network bool) (string, error) {
	if network {
		if a == lb.RoundRobin || a == lb.SourceHash { // the former is the contract's default
			return "", nil
		}
		return "", op.Errorf(op.InvalidArgument, "algorithm: a network load balancer chooses by the connection's hash, source_hash, not by %s", a)
	}
	for name, v := range algorithms {
		if v == a && name != "" {
			return name, nil
		}
	}
	return "", op.Errorf(op.InvalidArgument, "algorithm: Elastic Load Balancing has round_robin, least_connections and random for http and https, not %s", a)
}

// complete looks up what belongs to load balancers: the listeners and attributes
// of each, which the API has no list of, a few at a time.
func (d *albDriver) complete(ctx context.Context, list []types.LoadBalancer) ([]whole, error) {
	all := make([]whole, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, l := range list {
		all[i] = whole{LoadBalancer: l, tags: map[string]string{}}
		g.Go(func() error { return d.fill(ctx, &all[i]) })
	}
	for start := 0; start < len(list); start += 20 { // as many as describe_tags takes
		part := list[start:min(start+20, len(list))]
		g.Go(func() error {
			in := &elb.DescribeTagsInput{}
			for _, l := range part {
				in.ResourceArns = append(in.ResourceArns, aws.ToString(l.LoadBalancerArn))
			}
			out, err := d.client.DescribeTags(ctx, in)
			if err != nil {
				return err
			}
			for _, t := range out.TagDescriptions {
				i := slices.Index(in.ResourceArns, aws.ToString(t.ResourceArn))
				for _, tag := range t.Tags {
					if i >= 0 {
						all[start+i].tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
					}
				}
			}
			return nil
		})
	}
	return all, g.Wait()
}

func (d *albDriver) fill(ctx context.Context, w *whole) error {
	listeners, err := d.client.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: w.LoadBalancerArn})
	if isKind(err, op.NotFound) { // it went while the list was made
		return nil
	}
	if err != nil {
		return err
	}
	w.listeners = len(listeners.Listeners)
	for _, l := range listeners.Listeners {
		if w.listener == nil || aws.ToInt32(l.Port) < aws.ToInt32(w.listener.Port) {
			w.listener = &l
		}
	}
	groups, err := d.client.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: w.LoadBalancerArn})
	if isKind(err, op.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, g := range groups.TargetGroups {
		if w.group == nil || w.listener != nil && forwards(w.listener, aws.ToString(g.TargetGroupArn)) {
			w.group = &g
		}
	}
	if w.group == nil {
		return nil
	}
	attributes, err := d.client.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: w.group.TargetGroupArn})
	if isKind(err, op.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, a := range attributes.Attributes {
		switch aws.ToString(a.Key) {
		case algorithmAttribute:
			w.algorithm = aws.ToString(a.Value)
		case drainAttribute:
			w.drain, _ = strconv.Atoi(aws.ToString(a.Value))
		}
	}
	return nil
}

// Attributes of target groups.
const (
	algorithmAttribute = "load_balancing.algorithm.type"
	drainAttribute     = "deregistration_delay.timeout_seconds"
)

// usualDrain is how long Elastic Load Balancing lets a target finish, unless told.
const usualDrain = 300

func isKind(err error, k op.Kind) bool { return err != nil && op.KindOf(err) == k }

func forwards(l *types.Listener, group string) bool {
	return slices.ContainsFunc(l.DefaultActions, func(a types.Action) bool { return aws.ToString(a.TargetGroupArn) == group })
}

func (d *albDriver) ListBalancers(ctx context.Context, in lb.ListBalancers) iter.Seq2[lb.Balancer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]lb.Balancer, string, error) {
		out, err := d.client.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Marker: optional(cursor), PageSize: d.page()})
		if err != nil {
			return nil, "", err
		}
		list := slices.DeleteFunc(out.LoadBalancers, func(l types.LoadBalancer) bool {
			return l.Type == types.LoadBalancerTypeEnumGateway || in.Name != "" && aws.ToString(l.LoadBalancerName) != in.Name
		})
		all, err := d.complete(ctx, list)
		if err != nil {
			return nil, "", err
		}
		balancers := make([]lb.Balancer, len(all))
		for i, w := range all {
			balancers[i] = w.balancer()
		}
		return balancers, aws.ToString(out.NextMarker), nil
	})
}

func (d *albDriver) get(ctx context.Context, id string) (whole, error) {
	if !strings.HasPrefix(id, "arn:") {
		return whole{}, op.Errorf(op.NotFound, "there is no balancer %q: its id would be an ARN", id)
	}
	out, err := d.client.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{id}})
	if err != nil {
		return whole{}, err
	}
	l, err := one(out.LoadBalancers, "balancer", id)
	if err != nil {
		return whole{}, err
	}
	all, err := d.complete(ctx, []types.LoadBalancer{l})
	if err != nil {
		return whole{}, err
	}
	return all[0], nil
}

func (d *albDriver) GetBalancer(ctx context.Context, in lb.GetBalancer) (lb.Balancer, error) {
	w, err := d.get(ctx, in.Balancer)
	if err != nil {
		return lb.Balancer{}, err
	}
	return d.show(ctx, w)
}

func checkPort(port int) error {
	if port < 1 || port > 65535 {
		return op.Errorf(op.InvalidArgument, "port: there is no port %d", port)
	}
	return nil
}

// isNetwork reports whether a protocol takes a network load balancer, and refuses
// a certificate where there is none, or the other way round.
func isNetwork(p lb.Protocol, certificate string) (bool, error) {
	if secure := p == lb.HTTPS || p == lb.TLS; secure != (certificate != "") {
		if secure {
			return false, op.Errorf(op.InvalidArgument, "certificate: %s needs one: the ARN of a certificate of ACM or IAM", p)
		}
		return false, op.Errorf(op.InvalidArgument, "certificate: %s has none", p)
	}
	return p == lb.TCP || p == lb.TLS || p == lb.UDP, nil
}

func certificates(arn string) []types.Certificate {
	if arn == "" {
		return nil
	}
	return []types.Certificate{{CertificateArn: &arn}}
}

func protocol(p lb.Protocol) types.ProtocolEnum {
	return types.ProtocolEnum(strings.ToUpper(string(p)))
}

// behind is what a target group speaks: TLS ends at the balancer.
func behind(p lb.Protocol) types.ProtocolEnum {
	switch p {
	case lb.HTTPS:
		return types.ProtocolEnumHttp
	case lb.TLS:
		return types.ProtocolEnumTcp
	}
	return protocol(p)
}

func (d *albDriver) CreateBalancer(ctx context.Context, in lb.CreateBalancer) (_ lb.Balancer, err error) {
	extra, err := op.Extra[albExtra](in.Extra)
	if err != nil {
		return lb.Balancer{}, err
	}
	network, err := isNetwork(in.Protocol, in.Certificate)
	if err != nil {
		return lb.Balancer{}, err
	}
	algorithm, err := algorithmOf(in.Algorithm, network)
	if err != nil {
		return lb.Balancer{}, err
	}
	if err := checkPort(in.Port); err != nil {
		return lb.Balancer{}, err
	}
	if _, ok := in.Tags[owner]; ok {
		return lb.Balancer{}, op.Errorf(op.InvalidArgument, "tags: %s is the driver's own", owner)
	}
	if err := lb.CheckDrain(in.DrainTimeout); err != nil {
		return lb.Balancer{}, err
	}
	check, err := checkInput(in.HealthCheck, network)
	if err != nil {
		return lb.Balancer{}, err
	}
	ids, vpc, err := subnets(ctx, d.ec2, in)
	if err != nil {
		return lb.Balancer{}, err
	}
	targets, err := d.targets(ctx, in, vpc)
	if err != nil {
		return lb.Balancer{}, err
	}
	rules, err := d.plan(ctx, extra.Rules, network, vpc, in.Port)
	if err != nil {
		return lb.Balancer{}, err
	}

	request := &elb.CreateLoadBalancerInput{Name: &in.Name, Subnets: ids, Type: types.LoadBalancerTypeEnumApplication, Tags: albTags(in.Tags),
		Scheme: types.LoadBalancerSchemeEnum(extra.Scheme), SecurityGroups: extra.SecurityGroups, IpAddressType: types.IpAddressType(extra.IPAddressType)}
	if network {
		request.Type = types.LoadBalancerTypeEnumNetwork
	}
	// A load balancer of the same name and settings would be answered with as if it was new.
	if _, err := d.client.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{in.Name}}); err == nil {
		return lb.Balancer{}, op.Errorf(op.AlreadyExists, "there is a load balancer %q already", in.Name)
	} else if k := op.KindOf(err); k != op.NotFound && k != op.InvalidArgument {
		return lb.Balancer{}, err
	}
	made, err := d.client.CreateLoadBalancer(ctx, request)
	if err != nil {
		return lb.Balancer{}, err
	}
	balancer := made.LoadBalancers[0]
	defer func() {
		if err == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_, uerr := d.client.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: balancer.LoadBalancerArn})
		if uerr := errors.Join(uerr, d.deleteOwned(ctx, balancer)); uerr != nil {
			err = errors.Join(err, uerr)
		}
	}()
	group, err := d.newGroup(ctx, in.Name, in.Name, vpc, in.Port, behind(in.Protocol), check)
	if err != nil {
		return lb.Balancer{}, err
	}
	target := group.TargetGroupArn
	if err := d.setAttributes(ctx, target, algorithm, in.DrainTimeout); err != nil {
		return lb.Balancer{}, err
	}
	if len(targets) > 0 {
		if _, err := d.client.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: target, Targets: targets}); err != nil {
			return lb.Balancer{}, err
		}
	}
	listener := &elb.CreateListenerInput{LoadBalancerArn: balancer.LoadBalancerArn, Port: aws.Int32(int32(in.Port)), Protocol: protocol(in.Protocol), Certificates: certificates(in.Certificate),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: target}}, SslPolicy: optional(extra.SSLPolicy)}
	listeners, err := d.client.CreateListener(ctx, listener)
	if err != nil {
		return lb.Balancer{}, err
	}
	for _, r := range rules {
		if err := d.addRule(ctx, balancer, listeners.Listeners[0], r); err != nil {
			return lb.Balancer{}, err
		}
	}
	w := whole{LoadBalancer: balancer, group: &group, algorithm: algorithm, drain: op.Or(in.DrainTimeout, usualDrain), tags: in.Tags, listeners: 1, listener: &listeners.Listeners[0]}
	if w.tags == nil {
		w.tags = map[string]string{}
	}
	return d.show(ctx, w)
}

func albTags(tags map[string]string) []types.Tag {
	var list []types.Tag
	for k, v := range tags {
		list = append(list, types.Tag{Key: &k, Value: &v})
	}
	return list
}

// subnets are where a balancer has its addresses, and their network: those that
// are asked for, or one in each zone of the network, or of the default one.
func subnets(ctx context.Context, client *ec2.Client, in lb.CreateBalancer) (ids []string, vpc string, err error) {
	request := &ec2.DescribeSubnetsInput{SubnetIds: in.Subnets}
	switch {
	case len(in.Subnets) > 0:
	case len(in.Networks) > 1:
		return nil, "", op.Errorf(op.InvalidArgument, "networks: a load balancer is in one, not in %d", len(in.Networks))
	case len(in.Networks) == 1:
		request.Filters = []ec2types.Filter{{Name: aws.String("vpc-id"), Values: in.Networks}}
	default:
		request.Filters = []ec2types.Filter{{Name: aws.String("default-for-az"), Values: []string{"true"}}}
	}
	out, err := client.DescribeSubnets(ctx, request)
	if err != nil {
		return nil, "", err
	}
	var zones []string
	for _, s := range out.Subnets {
		vpc = aws.ToString(s.VpcId)
		if zone := aws.ToString(s.AvailabilityZone); len(in.Subnets) > 0 || !slices.Contains(zones, zone) && (in.Location == "" || in.Location == zone) {
			zones, ids = append(zones, zone), append(ids, aws.ToString(s.SubnetId))
		}
	}
	if len(ids) == 0 {
		return nil, "", op.Errorf(op.InvalidArgument, "subnets: there is none to be in: give subnets, or a network that has some")
	}
	return ids, vpc, nil
}

// checkInput is a health check in the API's terms; nil leaves it to the API.
func checkInput(h *lb.HealthCheck, network bool) (*elb.ModifyTargetGroupInput, error) {
	if h == nil {
		return nil, nil
	}
	for _, r := range []struct {
		name           string
		v, least, most int
	}{{"interval", h.Interval, 5, 300}, {"timeout", h.Timeout, 2, 120}, {"healthy_threshold", h.HealthyThreshold, 2, 10},
		{"unhealthy_threshold", h.UnhealthyThreshold, 2, 10}, {"port", h.Port, 0, 65535}} {
		if r.v < r.least || r.v > r.most {
			return nil, op.Errorf(op.InvalidArgument, "health_check: %s is from %d to %d, not %d", r.name, r.least, r.most, r.v)
		}
	}
	if h.Timeout >= h.Interval {
		return nil, op.Errorf(op.InvalidArgument, "health_check: timeout is less than the interval of %d seconds, not %d", h.Interval, h.Timeout)
	}
	in := &elb.ModifyTargetGroupInput{HealthCheckProtocol: protocol(h.Protocol), HealthCheckPort: aws.String(trafficPort),
		HealthCheckIntervalSeconds: aws.Int32(int32(h.Interval)), HealthCheckTimeoutSeconds: aws.Int32(int32(h.Timeout)),
		HealthyThresholdCount: aws.Int32(int32(h.HealthyThreshold)), UnhealthyThresholdCount: aws.Int32(int32(h.UnhealthyThreshold))}
	if h.Port != 0 {
		in.HealthCheckPort = aws.String(fmt.Sprint(h.Port))
	}
	switch {
	case h.Protocol == lb.HTTP || h.Protocol == lb.HTTPS:
		in.HealthCheckPath, in.Matcher = &h.Path, &types.Matcher{HttpCode: aws.String("200-399")}
	case h.Protocol == lb.TCP && network:
	case h.Protocol == lb.TCP:
		return nil, op.Errorf(op.InvalidArgument, "health_check: an application load balancer checks with http or https, not with tcp")
	default:
		return nil, op.Errorf(op.InvalidArgument, "health_check: Elastic Load Balancing checks with http, https or tcp, not with %s", h.Protocol)
	}
	return in, nil
}

// setAttributes gives a target group those that are not zero.
func (d *albDriver) setAttributes(ctx context.Context, group *string, algorithm string, drain *int) error {
	var attributes []types.TargetGroupAttribute
	if algorithm != "" {
		attributes = append(attributes, types.TargetGroupAttribute{Key: aws.String(algorithmAttribute), Value: &algorithm})
	}
	if drain != nil {
		attributes = append(attributes, types.TargetGroupAttribute{Key: aws.String(drainAttribute), Value: aws.String(strconv.Itoa(*drain))})
	}
	if attributes == nil {
		return nil
	}
	_, err := d.client.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: group, Attributes: attributes})
	return err
}

func (d *albDriver) UpdateBalancer(ctx context.Context, in lb.UpdateBalancer) error {
	w, err := d.get(ctx, in.Balancer)
	if err != nil {
		return err
	}
	if w.listener == nil || w.group == nil {
		return op.Errorf(op.Conflict, "the balancer %s has no listener that forwards", aws.ToString(w.LoadBalancerName))
	}
	network := w.Type == types.LoadBalancerTypeEnumNetwork
	if in.Name != "" && in.Name != aws.ToString(w.LoadBalancerName) {
		return op.Errorf(op.InvalidArgument, "name: a load balancer keeps its name")
	}
	listener := &elb.ModifyListenerInput{ListenerArn: w.listener.ListenerArn}
	if in.Port != 0 {
		if err := checkPort(in.Port); err != nil {
			return err
		}
		listener.Port = aws.Int32(int32(in.Port))
	}
	if in.Protocol != "" || in.Certificate != "" {
		before := w.balancer()
		spoken, certificate := in.Protocol, in.Certificate
		if spoken == "" {
			spoken = before.Protocol
		}
		if certificate == "" && (spoken == lb.HTTPS || spoken == lb.TLS) {
			certificate = before.Certificate
		}
		other, err := isNetwork(spoken, certificate)
		if err != nil {
			return err
		}
		if other != network || behind(spoken) != w.group.Protocol {
			return op.Errorf(op.InvalidArgument, "protocol: a balancer that speaks %s cannot speak %s", before.Protocol, spoken)
		}
		listener.Protocol, listener.Certificates = protocol(spoken), certificates(certificate)
	}
	algorithm := ""
	if in.Algorithm != "" {
		if algorithm, err = algorithmOf(in.Algorithm, network); err != nil {
			return err
		}
	}
	if err := lb.CheckDrain(in.DrainTimeout); err != nil {
		return err
	}
	check, err := checkInput(in.HealthCheck, network)
	if err != nil {
		return err
	}
	extra, err := op.Extra[albUpdateExtra](in.Extra)
	if err != nil {
		return err
	}
	rules, err := d.plan(ctx, extra.Rules, network, aws.ToString(w.VpcId), cmp.Or(in.Port, int(aws.ToInt32(w.listener.Port))))
	if err != nil {
		return err
	}
	// All of it was looked at; now it is done.
	if listener.Port != nil || listener.Protocol != "" {
		if _, err := d.client.ModifyListener(ctx, listener); err != nil {
			return err
		}
	}
	if check != nil {
		check.TargetGroupArn = w.group.TargetGroupArn
		if _, err := d.client.ModifyTargetGroup(ctx, check); err != nil {
			return err
		}
	}
	if err := d.setAttributes(ctx, w.group.TargetGroupArn, algorithm, in.DrainTimeout); err != nil || extra.Rules == nil {
		return err
	}
	return d.setRules(ctx, w, rules)
}

// DestroyBalancer deletes a load balancer, its listeners with it, and then the
// target groups that were made for it, which only then nobody uses.
func (d *albDriver) DestroyBalancer(ctx context.Context, in lb.DestroyBalancer) error {
	w, err := d.get(ctx, in.Balancer)
	if err != nil {
		return err
	}
	// The listeners go first, and so the groups before the load balancer: a destroy
	// that fails in between finds everything again when it is repeated.
	listeners, err := d.client.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: &in.Balancer})
	if err != nil {
		return err
	}
	for _, l := range listeners.Listeners {
		if _, err := d.client.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: l.ListenerArn}); err != nil && !isKind(err, op.NotFound) {
			return err
		}
	}
	if err := d.deleteOwned(ctx, w.LoadBalancer); err != nil {
		return err
	}
	_, err = d.client.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &in.Balancer})
	return err
}

func (d *albDriver) ListProtocols(context.Context, lb.ListProtocols) iter.Seq2[lb.ProtocolInfo, error] {
	return func(yield func(lb.ProtocolInfo, error) bool) {
		for _, p := range []lb.Protocol{lb.HTTP, lb.HTTPS, lb.TCP, lb.TLS, lb.UDP} {
			if !yield(lb.ProtocolInfo{Name: p}, nil) {
				return
			}
		}
	}
}

func (d *albDriver) ListSupportedAlgorithms(context.Context, lb.ListSupportedAlgorithms) iter.Seq2[lb.AlgorithmInfo, error] {
	return func(yield func(lb.AlgorithmInfo, error) bool) {
		for _, a := range []lb.Algorithm{lb.RoundRobin, lb.LeastConnections, lb.Random} {
			if !yield(lb.AlgorithmInfo{Name: a}, nil) {
				return
			}
		}
	}
}

func (d *albDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return service{d.client}.call(ctx, in)
}

func (d *albDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return service{d.client}.pages(ctx, in)
}
