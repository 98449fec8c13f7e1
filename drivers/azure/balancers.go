package azure

import (
	"context"
	"iter"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// balancerDriver is the driver "azure" of the lb family: Azure Load Balancer,
// Standard. A balancer is a load balancer with one frontend, one pool, one rule
// and one probe, in these names.
type balancerDriver struct{ *manager }

const (
	frontendName = "frontend"
	poolName     = "members"
	trafficName  = "traffic"
	probeName    = "health"

	balancerType = "Microsoft.Network/loadBalancers"
	ipType       = "Microsoft.Network/publicIPAddresses"
)

func openBalancers(_ context.Context, c managerConfig) (*balancerDriver, error) {
	m, err := newManager(c)
	if err != nil {
		return nil, err
	}
	return &balancerDriver{m}, nil
}

// balancerExtra is what create_balancer takes beyond the contract.
type balancerExtra struct {
	Internal    bool     `json:"internal,omitzero" help:"Give it an address in the first of subnets, not a public one."`
	PrivateIP   string   `json:"private_ip,omitzero" help:"Which address, with internal."`
	Address     string   `json:"address,omitzero" help:"The id of a public address that it shall have, which stays when it goes; one of its own if not given."`
	Zones       []string `json:"zones,omitzero" help:"The availability zones of its own address."`
	IdleTimeout int      `json:"idle_timeout,omitzero" unit:"min" help:"After how long a connection without traffic is forgotten, 4 to 100; 4 if not given."`
	TCPReset    bool     `json:"tcp_reset,omitzero" help:"Tell both sides when that happens."`
}

// protocolTag keeps what a balancer speaks: Azure's carries it without looking.
// balancerTag is on the address that goes with a balancer, and has its name.
const (
	protocolTag = "cloudlark-protocol"
	balancerTag = "cloudlark-balancer"
)

// transports are what a protocol is carried by.
var transports = map[lb.Protocol]armnetwork.TransportProtocol{
	lb.HTTP: armnetwork.TransportProtocolTCP,
	lb.TCP:  armnetwork.TransportProtocolTCP,
	lb.UDP:  armnetwork.TransportProtocolUDP,
}

// distributions are how a member is chosen: by the hash of a connection's five
// parts, which spreads connections evenly, or of its two addresses.
var distributions = map[lb.Algorithm]armnetwork.LoadDistribution{
	lb.RoundRobin: armnetwork.LoadDistributionDefault,
	lb.SourceHash: armnetwork.LoadDistributionSourceIP,
}

var probes = map[lb.Protocol]armnetwork.ProbeProtocol{
	lb.HTTP:  armnetwork.ProbeProtocolHTTP,
	lb.HTTPS: armnetwork.ProbeProtocolHTTPS,
	lb.TCP:   armnetwork.ProbeProtocolTCP,
}

// A whole is a load balancer with the parts that make it a balancer; those are
// nil that it lacks.
type whole struct {
	*armnetwork.LoadBalancer
	frontend *armnetwork.FrontendIPConfigurationPropertiesFormat
	pool     *armnetwork.BackendAddressPool
	rule     *armnetwork.LoadBalancingRule
	probe    *armnetwork.Probe
}

// wholeOf takes the parts that have our names, or else those of the first rule.
func wholeOf(b *armnetwork.LoadBalancer) whole {
	w := whole{LoadBalancer: b}
	p := b.Properties
	if p == nil {
		p = &armnetwork.LoadBalancerPropertiesFormat{}
		b.Properties = p
	}
	w.rule = partNamed(p.LoadBalancingRules, trafficName, func(r *armnetwork.LoadBalancingRule) *string { return r.Name })
	pool, probe, frontend := poolName, probeName, frontendName
	if w.rule != nil && w.rule.Properties != nil {
		pool, probe, frontend = last(w.rule.Properties.BackendAddressPool, pool), last(w.rule.Properties.Probe, probe), last(w.rule.Properties.FrontendIPConfiguration, frontend)
	}
	w.pool = partNamed(p.BackendAddressPools, pool, func(r *armnetwork.BackendAddressPool) *string { return r.Name })
	w.probe = partNamed(p.Probes, probe, func(r *armnetwork.Probe) *string { return r.Name })
	if f := partNamed(p.FrontendIPConfigurations, frontend, func(r *armnetwork.FrontendIPConfiguration) *string { return r.Name }); f != nil {
		w.frontend = f.Properties
	}
	return w
}

// partNamed is the part of a name, or else the first.
func partNamed[T any](list []*T, name string, of func(*T) *string) *T {
	for _, v := range list {
		if value(of(v)) == name {
			return v
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return nil
}

// last is the name of a part that is referred to.
func last(r *armnetwork.SubResource, other string) string {
	if r == nil || value(r.ID) == "" {
		return other
	}
	return (*r.ID)[strings.LastIndex(*r.ID, "/")+1:]
}

// balancerStates are the states of what is provisioned.
var balancerStates = map[armnetwork.ProvisioningState]lb.State{
	armnetwork.ProvisioningStateSucceeded: lb.Running,
	armnetwork.ProvisioningStateCreating:  lb.Pending,
	armnetwork.ProvisioningStateUpdating:  lb.Pending,
	armnetwork.ProvisioningStateDeleting:  lb.Deleted,
	armnetwork.ProvisioningStateFailed:    lb.Error,
}

// balancer is the portable balancer; ips are the public addresses, by id in
// small letters.
func (w whole) balancer(ips map[string]*armnetwork.PublicIPAddress) lb.Balancer {
	b := lb.Balancer{ID: shortID(w.ID), Name: value(w.Name), State: lb.Unknown, Protocol: lb.TCP, Algorithm: lb.SourceHash, Location: place(value(w.Location)), Tags: tagsOf(w.Tags), Extra: map[string]any{}}
	if s, ok := balancerStates[value(w.Properties.ProvisioningState)]; ok {
		b.State = s
	}
	if f := w.frontend; f != nil {
		b.Address = value(f.PrivateIPAddress)
		if f.PublicIPAddress != nil {
			b.Extra["publicIPAddress"] = shortID(f.PublicIPAddress.ID)
			if ip := ips[strings.ToLower(value(f.PublicIPAddress.ID))]; ip != nil && ip.Properties != nil {
				b.Address = value(ip.Properties.IPAddress)
			}
		}
	}
	if w.rule != nil && w.rule.Properties != nil {
		r := w.rule.Properties
		b.Port = int(value(r.FrontendPort))
		if value(r.Protocol) == armnetwork.TransportProtocolUDP {
			b.Protocol = lb.UDP
		}
		if p := lb.Protocol(b.Tags[protocolTag]); transports[p] == value(r.Protocol) && p != "" {
			b.Protocol = p
		}
		if text(r.LoadDistribution) == "" || value(r.LoadDistribution) == armnetwork.LoadDistributionDefault {
			b.Algorithm = lb.RoundRobin
		}
		b.Extra["backendPort"], b.Extra["loadDistribution"], b.Extra["idleTimeoutInMinutes"] = int(value(r.BackendPort)), text(r.LoadDistribution), int(value(r.IdleTimeoutInMinutes))
	}
	delete(b.Tags, protocolTag)
	if w.pool != nil && w.pool.Properties != nil {
		b.DrainTimeout = int(value(w.pool.Properties.DrainPeriodInSeconds))
	}
	if w.probe != nil && w.probe.Properties != nil {
		b.HealthCheck = w.check()
	}
	if n := len(w.Properties.LoadBalancingRules); n > 1 {
		b.Extra["rules"] = n
	}
	extras(b.Extra)
	return b
}

func (w whole) check() *lb.HealthCheck {
	p := w.probe.Properties
	h := &lb.HealthCheck{Path: value(p.RequestPath), Interval: int(value(p.IntervalInSeconds)), HealthyThreshold: int(value(p.ProbeThreshold)), UnhealthyThreshold: int(value(p.ProbeThreshold))}
	for portable, word := range probes {
		if word == value(p.Protocol) {
			h.Protocol = portable
		}
	}
	if w.rule == nil || w.rule.Properties == nil || value(p.Port) != value(w.rule.Properties.BackendPort) {
		h.Port = int(value(p.Port))
	}
	return h
}

// ListBalancers asks for the addresses too, which have only their ids in a balancer.
func (d *balancerDriver) ListBalancers(ctx context.Context, _ lb.ListBalancers) iter.Seq2[lb.Balancer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]lb.Balancer, string, error) {
		a, err := d.api(ctx)
		if err != nil {
			return nil, "", err
		}
		var found []*armnetwork.LoadBalancer
		var next string
		if d.group != "" {
			found, next, err = page(ctx, cursor, a.balancers.NewListPager(d.group, nil), func(r armnetwork.LoadBalancersClientListResponse) ([]*armnetwork.LoadBalancer, *string) {
				return r.Value, r.NextLink
			})
		} else {
			found, next, err = page(ctx, cursor, a.balancers.NewListAllPager(nil), func(r armnetwork.LoadBalancersClientListAllResponse) ([]*armnetwork.LoadBalancer, *string) {
				return r.Value, r.NextLink
			})
		}
		if err != nil {
			return nil, "", err
		}
		ips := map[string]*armnetwork.PublicIPAddress{}
		if len(found) > 0 {
			list, err := all(ctx, d.ipPage)
			if err != nil {
				return nil, "", err
			}
			for _, p := range list {
				ips[strings.ToLower(value(p.ID))] = p
			}
		}
		return convert(found, func(b *armnetwork.LoadBalancer) lb.Balancer { return wholeOf(b).balancer(ips) }), next, nil
	})
}

// get looks a balancer up.
func (d *balancerDriver) get(ctx context.Context, id string) (*api, ref, whole, error) {
	r, err := d.ref("balancer", id, 1)
	if err != nil {
		return nil, r, whole{}, err
	}
	a, err := d.api(ctx)
	if err != nil {
		return nil, r, whole{}, err
	}
	out, err := get(a.balancers.Get(ctx, r.group, r.name(), nil))
	if err != nil {
		return nil, r, whole{}, err
	}
	return a, r, wholeOf(&out.LoadBalancer), nil
}

func (d *balancerDriver) GetBalancer(ctx context.Context, in lb.GetBalancer) (lb.Balancer, error) {
	a, _, w, err := d.get(ctx, in.Balancer)
	if err != nil {
		return lb.Balancer{}, err
	}
	return d.addressed(ctx, a, w)
}

// addressed is a balancer with its address.
func (d *balancerDriver) addressed(ctx context.Context, a *api, w whole) (lb.Balancer, error) {
	ips := map[string]*armnetwork.PublicIPAddress{}
	if w.frontend != nil && w.frontend.PublicIPAddress != nil {
		if r, ok := refOf(value(w.frontend.PublicIPAddress.ID)); ok {
			ip, err := get(a.ips.Get(ctx, r.group, r.name(), nil))
			if err != nil && op.KindOf(err) != op.NotFound {
				return lb.Balancer{}, err
			}
			ips[strings.ToLower(value(w.frontend.PublicIPAddress.ID))] = &ip.PublicIPAddress
		}
	}
	return w.balancer(ips), nil
}

// save sends a changed balancer, and waits: Azure takes one change after the other.
func (d *balancerDriver) save(ctx context.Context, a *api, r ref, w whole) error {
	_, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.LoadBalancersClientCreateOrUpdateResponse], error) {
		return a.balancers.BeginCreateOrUpdate(ctx, r.group, r.name(), *w.LoadBalancer, nil)
	})
	return err
}

func (d *balancerDriver) UpdateBalancer(ctx context.Context, in lb.UpdateBalancer) error {
	release, err := d.creating.hold(ctx, "balancer "+in.Balancer)
	if err != nil {
		return err
	}
	defer release()
	a, r, w, err := d.get(ctx, in.Balancer)
	if err != nil {
		return err
	}
	switch {
	case in.Name != "" && in.Name != r.name():
		return op.Errorf(op.InvalidArgument, "name: Azure gives a balancer no other name")
	case in.Certificate != "":
		return op.Errorf(op.InvalidArgument, "certificate: Azure Load Balancer ends no TLS")
	case w.rule == nil || w.rule.Properties == nil || w.pool == nil || w.pool.Properties == nil:
		return op.Errorf(op.Conflict, "the balancer %s has no rule or no pool: change it by cloud.native", r)
	}
	rule := w.rule.Properties
	if in.Port != 0 {
		if err := checkPort("port", in.Port); err != nil {
			return err
		}
		rule.FrontendPort = pointer(int32(in.Port))
	}
	if in.Protocol != "" {
		if err := checkProtocol(in.Protocol); err != nil {
			return err
		}
		rule.Protocol = pointer(transports[in.Protocol])
		if w.Tags == nil {
			w.Tags = map[string]*string{}
		}
		w.Tags[protocolTag] = pointer(string(in.Protocol))
	}
	if in.Algorithm != "" {
		if rule.LoadDistribution, err = distribution(in.Algorithm); err != nil {
			return err
		}
	}
	if in.DrainTimeout != nil {
		if err := lb.CheckDrain(in.DrainTimeout); err != nil {
			return err
		}
		w.pool.Properties.DrainPeriodInSeconds = seconds(in.DrainTimeout)
	}
	if in.HealthCheck != nil {
		probe, err := probeOf(*in.HealthCheck, value(rule.BackendPort))
		if err != nil {
			return err
		}
		if w.probe == nil {
			w.Properties.Probes = append(w.Properties.Probes, &armnetwork.Probe{Name: pointer(probeName), Properties: probe})
			rule.Probe = &armnetwork.SubResource{ID: pointer(value(w.ID) + "/probes/" + probeName)}
		} else {
			w.probe.Properties = probe
		}
	}
	return d.save(ctx, a, r, w)
}

// DestroyBalancer removes the balancer and then its address, which Azure keeps
// as long as it is in use. One whose removal stopped between the two is known by
// the address.
func (d *balancerDriver) DestroyBalancer(ctx context.Context, in lb.DestroyBalancer) error {
	r, err := d.ref("balancer", in.Balancer, 1)
	if err != nil {
		return err
	}
	a, err := d.api(ctx)
	if err != nil {
		return err
	}
	own := ref{r.group, []string{r.name() + "-ip"}}
	_, missing := get(a.balancers.Get(ctx, r.group, r.name(), nil))
	if missing != nil && op.KindOf(missing) != op.NotFound {
		return missing
	}
	if missing == nil {
		_, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.LoadBalancersClientDeleteResponse], error) {
			return a.balancers.BeginDelete(ctx, r.group, r.name(), nil)
		})
		if err != nil {
			return err
		}
	}
	ip, err := get(a.ips.Get(ctx, own.group, own.name(), nil))
	switch {
	case op.KindOf(err) == op.NotFound, err == nil && value(ip.Tags[balancerTag]) != r.name():
		return missing
	case err != nil:
		return err
	}
	return ifOther(removeIP(ctx, a, own), op.NotFound)
}

func (d *balancerDriver) ListProtocols(context.Context, lb.ListProtocols) iter.Seq2[lb.ProtocolInfo, error] {
	return func(yield func(lb.ProtocolInfo, error) bool) {
		for _, p := range []lb.Protocol{lb.HTTP, lb.TCP, lb.UDP} {
			if !yield(lb.ProtocolInfo{Name: p}, nil) {
				return
			}
		}
	}
}

func (d *balancerDriver) ListSupportedAlgorithms(context.Context, lb.ListSupportedAlgorithms) iter.Seq2[lb.AlgorithmInfo, error] {
	return func(yield func(lb.AlgorithmInfo, error) bool) {
		for _, a := range []lb.Algorithm{lb.RoundRobin, lb.SourceHash} {
			if !yield(lb.AlgorithmInfo{Name: a}, nil) {
				return
			}
		}
	}
}
