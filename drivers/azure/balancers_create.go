package azure

import (
	"context"
	"net/netip"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func checkPort(name string, port int) error {
	if port < 1 || port > 65535 {
		return op.Errorf(op.InvalidArgument, "%s is %d: it can be 1 to 65535", name, port)
	}
	return nil
}

func checkProtocol(p lb.Protocol) error {
	if transports[p] == "" {
		return op.Errorf(op.InvalidArgument, "protocol: Azure Load Balancer carries http, tcp and udp, and ends no TLS: https and tls can pass through as tcp")
	}
	return nil
}

// seconds is a number in the SDK's form.
func seconds(n *int) *int32 {
	if n == nil {
		return nil
	}
	return pointer(int32(*n))
}

func distribution(a lb.Algorithm) (*armnetwork.LoadDistribution, error) {
	d, ok := distributions[a]
	if !ok {
		return nil, op.Errorf(op.InvalidArgument, "algorithm: Azure Load Balancer has round_robin and source_hash, not %s", a)
	}
	return &d, nil
}

// probeOf is a health check in Azure's form, which has one threshold for both
// directions and no timeout to set.
func probeOf(h lb.HealthCheck, port int32) (*armnetwork.ProbePropertiesFormat, error) {
	const timeout = 5 // the contract's default
	protocol, ok := probes[h.Protocol]
	switch {
	case !ok:
		return nil, op.Errorf(op.InvalidArgument, "health_check: Azure Load Balancer checks by http, https or tcp, not by %s", h.Protocol)
	case h.Interval < 5:
		return nil, op.Errorf(op.InvalidArgument, "health_check: interval is %d s: it must be 5 or more", h.Interval)
	case h.HealthyThreshold != h.UnhealthyThreshold || h.HealthyThreshold < 1 || h.HealthyThreshold > 100:
		return nil, op.Errorf(op.InvalidArgument, "health_check: healthy_threshold is %d, unhealthy_threshold %d: Azure has one of 1 to 100 for both", h.HealthyThreshold, h.UnhealthyThreshold)
	case h.Timeout != timeout:
		return nil, op.Errorf(op.InvalidArgument, "health_check: timeout: Azure decides how long an answer may take: leave it out")
	}
	if h.Port != 0 {
		if err := checkPort("health_check: port", h.Port); err != nil {
			return nil, err
		}
		port = int32(h.Port)
	}
	p := &armnetwork.ProbePropertiesFormat{Protocol: &protocol, Port: &port, IntervalInSeconds: pointer(int32(h.Interval)), NumberOfProbes: pointer(int32(1)), ProbeThreshold: pointer(int32(h.HealthyThreshold))}
	if h.Protocol != lb.TCP {
		if !strings.HasPrefix(h.Path, "/") {
			return nil, op.Errorf(op.InvalidArgument, "health_check: path is %q: it must begin with \"/\"", h.Path)
		}
		p.RequestPath = &h.Path
	}
	return p, nil
}

// usualCheck is the health check of a balancer that was given none: Azure
// would check nothing.
var usualCheck = lb.HealthCheck{Protocol: lb.TCP, Interval: 15, Timeout: 5, HealthyThreshold: 2, UnhealthyThreshold: 2}

// CreateBalancer makes the address first. Where the balancer is refused, the
// address goes again.
func (d *balancerDriver) CreateBalancer(ctx context.Context, in lb.CreateBalancer) (lb.Balancer, error) {
	if err := named("a balancer", in.Name, 77); err != nil {
		return lb.Balancer{}, err
	}
	extra, err := op.Extra[balancerExtra](in.Extra)
	if err != nil {
		return lb.Balancer{}, err
	}
	a, group, err := d.into(ctx)
	if err != nil {
		return lb.Balancer{}, err
	}
	location, err := d.at(in.Location)
	if err != nil {
		return lb.Balancer{}, err
	}
	r := ref{group, []string{in.Name}}
	balancer, err := d.design(ctx, a, r, location, in, extra)
	if err != nil {
		return lb.Balancer{}, err
	}
	token := op.Token(ctx)
	balancer.Tags = tagsFor(in.Tags, "", token)
	balancer.Tags[protocolTag] = pointer(string(in.Protocol))
	made, err := create(ctx, d.manager, "balancer", r, token, func() (*armnetwork.LoadBalancer, map[string]*string, error) {
		found, err := a.balancers.Get(ctx, group, in.Name, nil)
		return &found.LoadBalancer, found.Tags, err
	}, func() (*armnetwork.LoadBalancer, error) {
		frontend := balancer.Properties.FrontendIPConfigurations[0].Properties
		own := frontend.Subnet == nil && frontend.PublicIPAddress == nil
		if own {
			ip, err := d.ownIP(ctx, a, r, location, token, extra.Zones)
			if err != nil {
				return nil, err
			}
			frontend.PublicIPAddress = &armnetwork.PublicIPAddress{ID: ip.ID}
		}
		out, err := begin[armnetwork.LoadBalancer](ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.LoadBalancersClientCreateOrUpdateResponse], error) {
			return a.balancers.BeginCreateOrUpdate(ctx, group, in.Name, *balancer, nil)
		})
		if err != nil && own {
			err = d.withdraw(ctx, a, r, token, err)
		}
		return out, err
	})
	if err != nil {
		return lb.Balancer{}, err
	}
	return d.addressed(ctx, a, wholeOf(made))
}

// ownIP makes the address that goes with a balancer.
func (d *balancerDriver) ownIP(ctx context.Context, a *api, r ref, location, token string, zones []string) (*armnetwork.PublicIPAddress, error) {
	tags := tagsFor(nil, "", token)
	tags[balancerTag] = pointer(r.name())
	ip := armnetwork.PublicIPAddress{Location: &location, Tags: tags, SKU: standardIP(), Properties: &armnetwork.PublicIPAddressPropertiesFormat{
		PublicIPAllocationMethod: pointer(armnetwork.IPAllocationMethodStatic), PublicIPAddressVersion: pointer(armnetwork.IPVersionIPv4)}}
	for _, z := range zones {
		ip.Zones = append(ip.Zones, &z)
	}
	return d.makeIP(ctx, a, ref{r.group, []string{r.name() + "-ip"}}, token, ip)
}

// withdraw removes what there is of a balancer that was not made.
func (d *balancerDriver) withdraw(ctx context.Context, a *api, r ref, token string, cause error) error {
	cause = halfMade(ctx, "balancer", r, token, cause, func(ctx context.Context) (map[string]*string, error) {
		found, err := a.balancers.Get(ctx, r.group, r.name(), nil)
		return found.Tags, err
	}, func(ctx context.Context) error {
		_, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.LoadBalancersClientDeleteResponse], error) {
			return a.balancers.BeginDelete(ctx, r.group, r.name(), nil)
		})
		return err
	})
	own := ref{r.group, []string{r.name() + "-ip"}}
	return halfMade(ctx, "address", own, token, cause, func(ctx context.Context) (map[string]*string, error) {
		found, err := a.ips.Get(ctx, own.group, own.name(), nil)
		return found.Tags, err
	}, func(ctx context.Context) error { return removeIP(ctx, a, own) })
}

// design is the balancer that Azure is to make, but for its own address and tags.
func (d *balancerDriver) design(ctx context.Context, a *api, r ref, location string, in lb.CreateBalancer, extra balancerExtra) (*armnetwork.LoadBalancer, error) {
	if err := checkPort("port", in.Port); err != nil {
		return nil, err
	}
	if err := checkProtocol(in.Protocol); err != nil {
		return nil, err
	}
	if err := lb.CheckDrain(in.DrainTimeout); err != nil {
		return nil, err
	}
	if in.Certificate != "" {
		return nil, op.Errorf(op.InvalidArgument, "certificate: Azure Load Balancer ends no TLS")
	}
	how, err := distribution(in.Algorithm)
	if err != nil {
		return nil, err
	}
	port, err := memberPort(in)
	if err != nil {
		return nil, err
	}
	check := usualCheck
	if in.HealthCheck != nil {
		check = *in.HealthCheck
	}
	probe, err := probeOf(check, port)
	if err != nil {
		return nil, err
	}
	frontend, err := d.frontend(a, in, extra)
	if err != nil {
		return nil, err
	}
	part := func(kind, name string) *armnetwork.SubResource {
		return &armnetwork.SubResource{ID: pointer(a.path(balancerType, r) + "/" + kind + "/" + name)}
	}
	pool := &armnetwork.BackendAddressPoolPropertiesFormat{DrainPeriodInSeconds: seconds(in.DrainTimeout)}
	b := &armnetwork.LoadBalancer{Location: &location, SKU: &armnetwork.LoadBalancerSKU{Name: pointer(armnetwork.LoadBalancerSKUNameStandard), Tier: pointer(armnetwork.LoadBalancerSKUTierRegional)},
		Properties: &armnetwork.LoadBalancerPropertiesFormat{
			FrontendIPConfigurations: []*armnetwork.FrontendIPConfiguration{{Name: pointer(frontendName), Properties: frontend}},
			BackendAddressPools:      []*armnetwork.BackendAddressPool{{Name: pointer(poolName), Properties: pool}},
			Probes:                   []*armnetwork.Probe{{Name: pointer(probeName), Properties: probe}},
			LoadBalancingRules: []*armnetwork.LoadBalancingRule{{Name: pointer(trafficName), Properties: &armnetwork.LoadBalancingRulePropertiesFormat{
				FrontendPort: pointer(int32(in.Port)), BackendPort: &port, Protocol: pointer(transports[in.Protocol]), LoadDistribution: how, EnableTCPReset: given(extra.TCPReset),
				IdleTimeoutInMinutes: given(int32(extra.IdleTimeout)), FrontendIPConfiguration: part("frontendIPConfigurations", frontendName),
				BackendAddressPool: part("backendAddressPools", poolName), Probe: part("probes", probeName)}}}}}
	network, err := d.memberNetwork(ctx, a, in, location)
	if err != nil {
		return nil, err
	}
	for _, m := range in.Members {
		at, where, err := d.memberAt(ctx, a, m.Node, m.IP, network)
		if err != nil {
			return nil, err
		}
		network = where
		if inPool(pool, at) != nil {
			return nil, op.Errorf(op.InvalidArgument, "members: %s is there twice", at)
		}
		pool.LoadBalancerBackendAddresses = append(pool.LoadBalancerBackendAddresses, backend(at, where))
	}
	return b, nil
}

// frontend is where a balancer listens: a subnet or an address that is given.
// With neither it gets an address of its own.
func (d *balancerDriver) frontend(a *api, in lb.CreateBalancer, extra balancerExtra) (*armnetwork.FrontendIPConfigurationPropertiesFormat, error) {
	f := &armnetwork.FrontendIPConfigurationPropertiesFormat{}
	switch {
	case extra.Internal && (extra.Address != "" || len(extra.Zones) > 0):
		return nil, op.Errorf(op.InvalidArgument, "extra: an internal balancer has no public address")
	case extra.Internal && len(in.Subnets) == 0:
		return nil, op.Errorf(op.InvalidArgument, "an internal balancer has its address in a subnet: give subnets")
	case !extra.Internal && extra.PrivateIP != "":
		return nil, op.Errorf(op.InvalidArgument, "extra: private_ip goes with internal")
	case extra.Internal:
		r, err := d.ref("subnet", in.Subnets[0], 2)
		if err != nil {
			return nil, err
		}
		f.Subnet = &armnetwork.Subnet{ID: pointer(a.path(subnetType, r))}
		f.PrivateIPAllocationMethod = pointer(armnetwork.IPAllocationMethodDynamic)
		if extra.PrivateIP != "" {
			f.PrivateIPAllocationMethod, f.PrivateIPAddress = pointer(armnetwork.IPAllocationMethodStatic), &extra.PrivateIP
		}
	case extra.Address != "":
		r, err := d.ref("address", extra.Address, 1)
		if err != nil {
			return nil, err
		}
		f.PublicIPAddress = &armnetwork.PublicIPAddress{ID: pointer(a.path(ipType, r))}
	}
	return f, nil
}

// memberPort is the port of a balancer's first members, who all have one.
func memberPort(in lb.CreateBalancer) (int32, error) {
	port := 0
	for _, m := range in.Members {
		want := m.Port
		if want == 0 {
			want = in.Port
		}
		if err := checkPort("members: port", want); err != nil {
			return 0, err
		}
		if err := lb.Unweighted(m.Weight, "Azure Load Balancer"); err != nil {
			return 0, err
		}
		if port != 0 && port != want {
			return 0, op.Errorf(op.InvalidArgument, "members: the ports %d and %d: all members of a balancer have one at Azure", port, want)
		}
		port = want
	}
	if port == 0 {
		port = in.Port
	}
	return int32(port), nil
}

// address reads the address of a member.
func address(ip string) (string, error) {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return "", op.Errorf(op.InvalidArgument, "ip: %q is no address", ip)
	}
	return a.String(), nil
}
