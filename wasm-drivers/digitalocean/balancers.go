package digitalocean

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"strconv"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type balancer struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	IP     string `json:"ip"`
	Status string `json:"status"`
	Region struct {
		Slug string `json:"slug"`
	} `json:"region"`
	VPC        string           `json:"vpc_uuid"`
	SizeUnit   int              `json:"size_unit"`
	Rules      []forwardingRule `json:"forwarding_rules"`
	Health     *healthCheck     `json:"health_check"`
	DropletIDs []int            `json:"droplet_ids"`
	Tag        string           `json:"tag"`
	CreatedAt  string           `json:"created_at"`
}

type forwardingRule struct {
	EntryProtocol  string `json:"entry_protocol"`
	EntryPort      int    `json:"entry_port"`
	TargetProtocol string `json:"target_protocol"`
	TargetPort     int    `json:"target_port"`
	Certificate    string `json:"certificate_id,omitempty"`
	Passthrough    bool   `json:"tls_passthrough,omitempty"`
}

type healthCheck struct {
	Protocol  string `json:"protocol"`
	Port      int    `json:"port"`
	Path      string `json:"path,omitempty"`
	Interval  int    `json:"check_interval_seconds"`
	Timeout   int    `json:"response_timeout_seconds"`
	Unhealthy int    `json:"unhealthy_threshold"`
	Healthy   int    `json:"healthy_threshold"`
}

// balancerExtra is what create_balancer takes beyond the contract.
type balancerExtra struct {
	SizeUnit int `json:"size_unit,omitzero" default:"1" help:"How many nodes it has, 1 to 100."`
}

func balancerOf(b balancer) lb.Balancer {
	v := lb.Balancer{ID: b.ID, Name: b.Name, Address: b.IP, Location: b.Region.Slug, Algorithm: lb.RoundRobin, CreatedAt: timestamp(b.CreatedAt),
		Extra: map[string]any{"vpc_uuid": b.VPC, "size_unit": b.SizeUnit, "forwarding_rules": len(b.Rules), "tag": b.Tag}}
	switch b.Status {
	case "new":
		v.State = lb.Pending
	case "active":
		v.State = lb.Running
	case "errored":
		v.State = lb.Error
	default:
		v.State = lb.Unknown
	}
	if len(b.Rules) > 0 {
		r := b.Rules[0]
		v.Port, v.Protocol, v.Certificate = r.EntryPort, protocolOf(r), r.Certificate
	}
	if h := b.Health; h != nil {
		v.HealthCheck = &lb.HealthCheck{Protocol: lb.Protocol(h.Protocol), Port: h.Port, Path: h.Path, Interval: h.Interval, Timeout: h.Timeout,
			HealthyThreshold: h.Healthy, UnhealthyThreshold: h.Unhealthy}
	}
	return v
}

func protocolOf(r forwardingRule) lb.Protocol {
	switch r.EntryProtocol {
	case "http2", "http3":
		return lb.HTTPS
	}
	return lb.Protocol(r.EntryProtocol)
}

// forwarding is the one rule that a balancer of the contract has.
func forwarding(protocol lb.Protocol, port, memberPort int, certificate string) (forwardingRule, error) {
	for _, p := range []int{port, memberPort} {
		if p < 1 || p > 65535 {
			return forwardingRule{}, op.Errorf(op.InvalidArgument, "port: there is no port %d", p)
		}
	}
	r := forwardingRule{EntryProtocol: string(protocol), EntryPort: port, TargetProtocol: string(protocol), TargetPort: memberPort}
	switch protocol {
	case lb.TLS:
		return r, op.Errorf(op.InvalidArgument, "protocol: DigitalOcean's load balancers have no tls; https has a certificate, tcp passes TLS on")
	case lb.HTTPS:
		if certificate == "" {
			return r, op.Errorf(op.InvalidArgument, "certificate: https needs one")
		}
		r.Certificate, r.TargetProtocol = certificate, "http"
	default:
		if certificate != "" {
			return r, op.Errorf(op.InvalidArgument, "certificate: %s has none", protocol)
		}
	}
	return r, nil
}

func checkOf(h *lb.HealthCheck, memberPort int) (*healthCheck, error) {
	if h == nil {
		return nil, nil
	}
	for name, v := range map[string]int{"interval": h.Interval, "timeout": h.Timeout, "healthy_threshold": h.HealthyThreshold, "unhealthy_threshold": h.UnhealthyThreshold} {
		if v < 1 {
			return nil, op.Errorf(op.InvalidArgument, "health_check: %s is at least 1, not %d", name, v)
		}
	}
	out := &healthCheck{Protocol: string(h.Protocol), Port: h.Port, Path: h.Path, Interval: h.Interval, Timeout: h.Timeout, Unhealthy: h.UnhealthyThreshold, Healthy: h.HealthyThreshold}
	switch h.Protocol {
	case lb.TCP:
		out.Path = ""
	case lb.HTTP, lb.HTTPS:
	default:
		return nil, op.Errorf(op.InvalidArgument, "health_check: DigitalOcean checks with http, https or tcp, not with %s", h.Protocol)
	}
	if out.Port == 0 {
		out.Port = memberPort
	}
	return out, nil
}

func (d *lbDriver) ListBalancers(ctx context.Context, _ lb.ListBalancers) iter.Seq2[lb.Balancer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]lb.Balancer, string, error) {
		items, next, err := list[balancer](ctx, d.client, "/v2/load_balancers", nil, "load_balancers", cursor)
		return convert(items, balancerOf), next, err
	})
}

func (d *lbDriver) balancer(ctx context.Context, id string) (balancer, error) {
	var answer struct {
		Balancer balancer `json:"load_balancer"`
	}
	err := d.do(ctx, http.MethodGet, path("load_balancers", id), nil, nil, &answer)
	return answer.Balancer, gone(err, "balancer", id)
}

func (d *lbDriver) GetBalancer(ctx context.Context, in lb.GetBalancer) (lb.Balancer, error) {
	b, err := d.balancer(ctx, in.Balancer)
	if err != nil {
		return lb.Balancer{}, err
	}
	return balancerOf(b), nil
}

func (d *lbDriver) CreateBalancer(ctx context.Context, in lb.CreateBalancer) (lb.Balancer, error) {
	extra, err := extraOf[balancerExtra](in.Extra)
	if err != nil {
		return lb.Balancer{}, err
	}
	if err := none(in.Tags, "load balancers"); err != nil {
		return lb.Balancer{}, err
	}
	if err := checkDrain(in.DrainTimeout); err != nil {
		return lb.Balancer{}, err
	}
	region := d.region(in.Location)
	switch {
	case in.Algorithm != lb.RoundRobin:
		return lb.Balancer{}, op.Errorf(op.InvalidArgument, "algorithm: DigitalOcean has round_robin alone, not %s", in.Algorithm)
	case len(in.Subnets) > 0:
		return lb.Balancer{}, op.Errorf(op.InvalidArgument, "subnets: a VPC has none")
	case len(in.Networks) > 1:
		return lb.Balancer{}, op.Errorf(op.InvalidArgument, "networks: a load balancer is in one VPC, not in %d", len(in.Networks))
	case region == "":
		return lb.Balancer{}, op.Errorf(op.InvalidArgument, "location: a load balancer is in a region; give it, or configure region")
	}
	ids, port, err := members(in)
	if err != nil {
		return lb.Balancer{}, err
	}
	rule, err := forwarding(in.Protocol, in.Port, port, in.Certificate)
	if err != nil {
		return lb.Balancer{}, err
	}
	check, err := checkOf(in.HealthCheck, port)
	if err != nil {
		return lb.Balancer{}, err
	}
	for _, id := range ids {
		if err := d.isDroplet(ctx, id); err != nil {
			return lb.Balancer{}, err
		}
	}
	if err := d.inRegion(ctx, region); err != nil {
		return lb.Balancer{}, err
	}
	request := map[string]any{"name": in.Name, "region": region, "droplet_ids": ids, "forwarding_rules": []forwardingRule{rule}}
	if check != nil {
		request["health_check"] = check
	}
	if len(in.Networks) > 0 {
		request["vpc_uuid"] = in.Networks[0]
	}
	if extra.SizeUnit > 0 {
		request["size_unit"] = extra.SizeUnit
	}
	var answer struct {
		Balancer balancer `json:"load_balancer"`
	}
	err = d.do(ctx, http.MethodPost, "/v2/load_balancers", nil, request, &answer)
	return balancerOf(answer.Balancer), err
}

// members are a new balancer's droplets and the port that they all have.
func members(in lb.CreateBalancer) (ids []int, port int, err error) {
	ids = []int{}
	for _, m := range in.Members {
		switch {
		case m.IP != "":
			return nil, 0, op.Errorf(op.InvalidArgument, "members: a load balancer's members are nodes, not addresses")
		case m.Node == "":
			return nil, 0, op.Errorf(op.InvalidArgument, "members: a member without a node")
		case m.Port != 0 && port != 0 && m.Port != port:
			return nil, 0, op.Errorf(op.InvalidArgument, "members: all have the same port, not %d and %d", port, m.Port)
		}
		if err := lb.Unweighted(m.Weight, "DigitalOcean"); err != nil {
			return nil, 0, err
		}
		if m.Port != 0 {
			port = m.Port
		}
		id, err := number("node", m.Node)
		if err != nil {
			return nil, 0, err
		}
		ids = append(ids, id)
	}
	if port == 0 {
		port = in.Port
	}
	return ids, port, nil
}

// isDroplet says that there is no such droplet, in the contract's words.
func (c *client) isDroplet(ctx context.Context, id int) error {
	return gone(c.do(ctx, http.MethodGet, path("droplets", strconv.Itoa(id)), nil, nil, nil), "node", strconv.Itoa(id))
}

// put changes a balancer: the API wants the whole of it.
func (d *lbDriver) put(ctx context.Context, b balancer, changes map[string]any) error {
	var answer struct {
		Balancer map[string]any `json:"load_balancer"`
	}
	if err := d.do(ctx, http.MethodGet, path("load_balancers", b.ID), nil, nil, &answer); err != nil {
		return gone(err, "balancer", b.ID)
	}
	whole := answer.Balancer
	for _, name := range []string{"id", "ip", "ipv6", "status", "created_at", "size", "algorithm"} { // its own, or outdated
		delete(whole, name)
	}
	whole["region"] = b.Region.Slug
	if b.Tag == "" {
		delete(whole, "tag")
	} else {
		delete(whole, "droplet_ids")
	}
	maps.Copy(whole, changes)
	return gone(d.do(ctx, http.MethodPut, path("load_balancers", b.ID), nil, whole, nil), "balancer", b.ID)
}

func checkDrain(seconds *int) error {
	if seconds != nil {
		return op.Errorf(op.InvalidArgument, "drain_timeout: DigitalOcean has none")
	}
	return nil
}

func (d *lbDriver) UpdateBalancer(ctx context.Context, in lb.UpdateBalancer) error {
	if err := checkDrain(in.DrainTimeout); err != nil {
		return err
	}
	b, err := d.balancer(ctx, in.Balancer)
	if err != nil {
		return err
	}
	if in.Algorithm != "" && in.Algorithm != lb.RoundRobin {
		return op.Errorf(op.InvalidArgument, "algorithm: DigitalOcean has round_robin alone, not %s", in.Algorithm)
	}
	changes := map[string]any{}
	if in.Name != "" {
		changes["name"] = in.Name
	}
	port := 0
	if len(b.Rules) > 0 {
		old := b.Rules[0]
		port = old.TargetPort
		rule := old
		if in.Port != 0 {
			rule.EntryPort = in.Port
		}
		if in.Port != 0 || in.Protocol != "" || in.Certificate != "" {
			protocol, certificate := in.Protocol, in.Certificate
			if protocol == "" {
				protocol = protocolOf(old)
			}
			if certificate == "" && protocol == lb.HTTPS {
				certificate = old.Certificate
			}
			if rule, err = forwarding(protocol, rule.EntryPort, old.TargetPort, certificate); err != nil {
				return err
			}
		}
		changes["forwarding_rules"] = append([]forwardingRule{rule}, b.Rules[1:]...)
	}
	if check, err := checkOf(in.HealthCheck, port); err != nil {
		return err
	} else if check != nil {
		changes["health_check"] = check
	}
	return d.put(ctx, b, changes)
}

func (d *lbDriver) DestroyBalancer(ctx context.Context, in lb.DestroyBalancer) error {
	return gone(d.do(ctx, http.MethodDelete, path("load_balancers", in.Balancer), nil, nil, nil), "balancer", in.Balancer)
}

func (d *lbDriver) BalancerListMembers(ctx context.Context, in lb.BalancerListMembers) iter.Seq2[lb.Member, error] {
	return func(yield func(lb.Member, error) bool) {
		b, err := d.balancer(ctx, in.Balancer)
		if err != nil {
			yield(lb.Member{}, err)
			return
		}
		for _, id := range b.DropletIDs {
			if !yield(b.member(id), nil) {
				return
			}
		}
	}
}

func (d *lbDriver) BalancerGetMember(ctx context.Context, in lb.BalancerGetMember) (lb.Member, error) {
	return lb.FindMember(ctx, d, in)
}

func (b balancer) member(id int) lb.Member {
	m := lb.Member{Balancer: b.ID, ID: strconv.Itoa(id), Node: strconv.Itoa(id), Weight: 1, State: lb.Enabled, Health: lb.HealthUnknown}
	if len(b.Rules) > 0 {
		m.Port = b.Rules[0].TargetPort
	}
	return m
}

func (d *lbDriver) BalancerAttachComputeNode(ctx context.Context, in lb.BalancerAttachComputeNode) (lb.Member, error) {
	b, err := d.balancer(ctx, in.Balancer)
	if err != nil {
		return lb.Member{}, err
	}
	id, err := number("node", in.Node)
	if err != nil {
		return lb.Member{}, err
	}
	m := b.member(id)
	other := in.Port != 0 && in.Port != m.Port
	switch {
	case in.Port < 0 || in.Port > 65535:
		return lb.Member{}, op.Errorf(op.InvalidArgument, "port: there is no port %d", in.Port)
	case other && len(b.DropletIDs) > 0:
		return lb.Member{}, op.Errorf(op.InvalidArgument, "port: this balancer's members have the port %d", m.Port)
	}
	if err := lb.Unweighted(in.Weight, "DigitalOcean"); err != nil {
		return lb.Member{}, err
	}
	if err := d.isDroplet(ctx, id); err != nil {
		return lb.Member{}, err
	}
	for _, have := range b.DropletIDs {
		if have == id {
			return lb.Member{}, op.Errorf(op.AlreadyExists, "the node %d is a member already", id)
		}
	}
	if other { // the first member says which port they have
		m.Port = in.Port
		b.Rules[0].TargetPort = in.Port
		if err := d.put(ctx, b, map[string]any{"forwarding_rules": b.Rules}); err != nil {
			return lb.Member{}, err
		}
	}
	return m, d.do(ctx, http.MethodPost, path("load_balancers", in.Balancer, "droplets"), nil, map[string]any{"droplet_ids": []int{id}}, nil)
}

func (d *lbDriver) BalancerDetachMember(ctx context.Context, in lb.BalancerDetachMember) error {
	b, err := d.balancer(ctx, in.Balancer)
	if err != nil {
		return err
	}
	for _, id := range b.DropletIDs {
		if strconv.Itoa(id) == in.Member {
			return d.do(ctx, http.MethodDelete, path("load_balancers", in.Balancer, "droplets"), nil, map[string]any{"droplet_ids": []int{id}}, nil)
		}
	}
	return op.Errorf(op.NotFound, "the balancer %s has no member %q", in.Balancer, in.Member)
}

func (d *lbDriver) ListProtocols(context.Context, lb.ListProtocols) iter.Seq2[lb.ProtocolInfo, error] {
	return func(yield func(lb.ProtocolInfo, error) bool) {
		for _, p := range []lb.Protocol{lb.HTTP, lb.HTTPS, lb.TCP, lb.UDP} {
			if !yield(lb.ProtocolInfo{Name: p}, nil) {
				return
			}
		}
	}
}

func (d *lbDriver) ListSupportedAlgorithms(context.Context, lb.ListSupportedAlgorithms) iter.Seq2[lb.AlgorithmInfo, error] {
	return func(yield func(lb.AlgorithmInfo, error) bool) { yield(lb.AlgorithmInfo{Name: lb.RoundRobin}, nil) }
}
