// Package softlayer is the driver "softlayer", of the load balancers: IBM Cloud's
// classic infrastructure, which was SoftLayer's, and its VPC infrastructure.
//
// A connection is to one of the two. On classic, balancers are those of the
// service SoftLayer_Network_LBaaS_LoadBalancer, the local load balancer that IBM
// sells there now (classic.go); the virtual IP addresses that came before it can
// no longer be ordered. On VPC they are the load balancers of its API (vpc.go).
package softlayer

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Provider returns the driver "softlayer".
func Provider() *drivers.Provider {
	return drivers.New(drivers.Info{
		Name:    "softlayer",
		Family:  lb.Family,
		Title:   "SoftLayer / IBM Cloud load balancers",
		Website: "https://cloud.ibm.com/docs/loadbalancer-service",
		Doc:     doc,
		Extras:  map[string]any{"create_balancer": extra{}},
	}, open)
}

const doc = `## Classic and VPC

With ` + "`username`" + ` (or ` + "`SL_USERNAME` and `SL_API_KEY`" + ` in the environment) balancers are the load balancers of classic infrastructure. With ` + "`vpc = true`" + ` and a region they are those of VPC; the
key is then one of IBM Cloud's (or ` + "`IBMCLOUD_API_KEY`" + `), which is exchanged for a token.

    [connection.classic]
    driver   = "softlayer"
    username = "me"
    api_key  = { env = "SL_API_KEY" }

    [connection.vpc]
    driver  = "softlayer"
    vpc     = true
    region  = "eu-de"
    api_key = { env = "IBMCLOUD_API_KEY" }

## What to know

- create_balancer wants ` + "`subnets`" + `: on classic one, the id of a private subnet of the members' pod; on VPC one or several. Ordering on classic costs money at once; its balancer is found when the order has been taken up.
- A balancer keeps its name on classic. It has one listener; one with several shows that of the lowest port. While a change is under way it is pending, and takes no other.
- Members are private addresses. On classic all have one port, which the first ones say; on VPC each has its own. A node is a member by its private address.
- A health check has one number of tries, which is unhealthy_threshold, for both thresholds.
- algorithm is round_robin, weighted_round_robin or least_connections. With weighted_round_robin a member of weight 0 gets no new work; with the others IBM Cloud ignores weights, and 0 is refused. Neither a member's state nor how long it may drain can be set otherwise.
- The balancers have no tags here: on VPC these are another service's.
- certificate is a number on classic, of a certificate there; on VPC the CRN of one of Secrets Manager's.
- native takes a method and a path: ` + "`balancers.native(\"GET /SoftLayer_Account/getObject\")`" + ` on classic, ` + "`balancers.native(\"GET /regions\")`" + ` on VPC, where version and generation are added.
`

type config struct {
	Username    string         `json:"username,omitzero" help:"Classic: the user; SL_USERNAME if not given."`
	APIKey      drivers.Secret `json:"api_key,omitzero" help:"The API key; SL_API_KEY, or for VPC IBMCLOUD_API_KEY, if not given."`
	VPC         bool           `json:"vpc,omitzero" help:"Use VPC, not classic."`
	Region      string         `json:"region,omitzero" help:"VPC: the region, as eu-de."`
	Endpoint    string         `json:"endpoint,omitzero" help:"The URL of the API to use instead of IBM's own."`
	IAMEndpoint string         `json:"iam_endpoint,omitzero" help:"VPC: the URL of the service that gives tokens, instead of IBM's own."`
	PageSize    int            `json:"page_size,omitzero" help:"How many items to ask for at a time in lists: up to 100; that if not given."`
}

// extra is what create_balancer takes beyond the contract.
type extra struct {
	Private       bool   `json:"private,omitzero" help:"Whether it has private addresses alone."`
	Profile       string `json:"profile,omitzero" help:"VPC: the profile, as network-fixed for tcp and udp with high rates; an application load balancer if not given."`
	ResourceGroup string `json:"resource_group,omitzero" help:"VPC: the id of the resource group; the account's default if not given."`
	Description   string `json:"description,omitzero" help:"Classic: what to say of it."`
}

// A service is one of the two infrastructures.
type service interface {
	list(ctx context.Context, cursor string) ([]lb.Balancer, string, error)
	get(ctx context.Context, id string) (lb.Balancer, error)
	create(ctx context.Context, in lb.CreateBalancer, more extra) (lb.Balancer, error)
	update(ctx context.Context, in lb.UpdateBalancer) error
	destroy(ctx context.Context, id string) error
	members(ctx context.Context, balancer string) ([]lb.Member, error)
	attach(ctx context.Context, balancer string, m lb.NewMember) (lb.Member, error)
	weigh(ctx context.Context, balancer, member string, weight int) error
	detach(ctx context.Context, balancer, member string) error
	protocols() []lb.Protocol
	native(ctx context.Context, in native.Request) (any, error)
	next(answer any, in *native.Request) bool // sets in to the page after answer, if there is one
}

type driver struct {
	service
	transport *http.Transport
}

func open(_ context.Context, c config) (*driver, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	switch {
	case c.PageSize < 0 || c.PageSize > 100:
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d: it can be 1 to 100", c.PageSize)
	case c.VPC && c.Region == "" && c.Endpoint == "":
		return nil, op.Errorf(op.InvalidArgument, "region: vpc has one: give region = \"eu-de\" or the like")
	}
	for _, text := range []string{c.Endpoint, c.IAMEndpoint} {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Host == "") {
			return nil, op.Errorf(op.InvalidArgument, "endpoint is %q: it would be like \"https://api.softlayer.com/rest/v3.1\"", text)
		}
	}
	page := cmp.Or(c.PageSize, 100)
	if c.VPC {
		c.APIKey = cmp.Or(c.APIKey, drivers.Secret(os.Getenv("IBMCLOUD_API_KEY")))
		return &driver{newVPC(c, page, transport), transport}, nil
	}
	c.Username, c.APIKey = cmp.Or(c.Username, os.Getenv("SL_USERNAME")), cmp.Or(c.APIKey, drivers.Secret(os.Getenv("SL_API_KEY")))
	return &driver{&classic{username: c.Username, key: c.APIKey, endpoint: cmp.Or(c.Endpoint, "https://api.softlayer.com/rest/v3.1"), page: page, transport: transport}, transport}, nil
}

// Close drops the idle connections.
func (d *driver) Close() error {
	d.transport.CloseIdleConnections()
	return nil
}

func (d *driver) ListBalancers(ctx context.Context, _ lb.ListBalancers) iter.Seq2[lb.Balancer, error] {
	return op.Pages(ctx, d.list)
}

func (d *driver) GetBalancer(ctx context.Context, in lb.GetBalancer) (lb.Balancer, error) {
	return d.get(ctx, in.Balancer)
}

var algorithms = []lb.Algorithm{lb.RoundRobin, lb.WeightedRoundRobin, lb.LeastConnections}

// check refuses what neither infrastructure has.
func (d *driver) check(port int, p lb.Protocol, a lb.Algorithm, h *lb.HealthCheck, certificate string, drain *int) error {
	secure := p == lb.HTTPS || p == lb.TLS
	switch {
	case port < 0 || port > 65535:
		return op.Errorf(op.InvalidArgument, "port: there is no port %d", port)
	case p != "" && !slices.Contains(d.protocols(), p):
		return op.Errorf(op.InvalidArgument, "protocol: balancers here do not speak %s", p)
	case p != "" && secure != (certificate != ""):
		return op.Errorf(op.InvalidArgument, "certificate: https needs one, and the others have none")
	case a != "" && !slices.Contains(algorithms, a):
		return op.Errorf(op.InvalidArgument, "algorithm: IBM Cloud has round_robin, weighted_round_robin and least_connections, not %s", a)
	case drain != nil:
		return op.Errorf(op.InvalidArgument, "drain_timeout: IBM Cloud has none")
	}
	if h == nil {
		return nil
	}
	for _, r := range []struct {
		name           string
		v, least, most int
	}{{"interval", h.Interval, 2, 60}, {"timeout", h.Timeout, 1, 59}, {"unhealthy_threshold", h.UnhealthyThreshold, 1, 10}, {"port", h.Port, 0, 65535}} {
		if r.v < r.least || r.v > r.most {
			return op.Errorf(op.InvalidArgument, "health_check: %s is from %d to %d, not %d", r.name, r.least, r.most, r.v)
		}
	}
	switch {
	case h.HealthyThreshold != h.UnhealthyThreshold && h.HealthyThreshold != 2: // which is what it is if not given
		return op.Errorf(op.InvalidArgument, "health_check: IBM Cloud has one number for both thresholds: give healthy_threshold like unhealthy_threshold, or not at all")
	case h.Timeout >= h.Interval:
		return op.Errorf(op.InvalidArgument, "health_check: timeout is less than the interval of %d seconds, not %d", h.Interval, h.Timeout)
	case !slices.Contains([]lb.Protocol{lb.HTTP, lb.HTTPS, lb.TCP}, h.Protocol):
		return op.Errorf(op.InvalidArgument, "health_check: IBM Cloud checks with http, https and tcp, not with %s", h.Protocol)
	}
	return nil
}

func checkMember(m lb.NewMember) error {
	switch _, err := netip.ParseAddr(m.IP); {
	case (m.Node == "") == (m.IP == ""):
		return op.Errorf(op.InvalidArgument, "a member is a node, or an address")
	case m.IP != "" && err != nil:
		return op.Errorf(op.InvalidArgument, "ip: %q is no address", m.IP)
	case m.Port < 0 || m.Port > 65535:
		return op.Errorf(op.InvalidArgument, "port: there is no port %d", m.Port)
	}
	return checkWeight(*m.Weight)
}

func checkWeight(weight int) error {
	if weight < 0 || weight > 100 {
		return op.Errorf(op.InvalidArgument, "weight is from 0 to 100, not %d", weight)
	}
	return nil
}

// resting refuses the weight 0 of a balancer that ignores it, and would go on giving work.
func resting(a lb.Algorithm) error {
	if a != lb.WeightedRoundRobin {
		return op.Errorf(op.InvalidArgument, "weight: IBM Cloud heeds weights with weighted_round_robin, and with %s a member of weight 0 would get its share", a)
	}
	return nil
}

// conditionOf is what the weight makes of a member.
func conditionOf(weight int, a lb.Algorithm) lb.Condition {
	if weight == 0 && a == lb.WeightedRoundRobin {
		return lb.Draining
	}
	return lb.Enabled
}

func (d *driver) CreateBalancer(ctx context.Context, in lb.CreateBalancer) (lb.Balancer, error) {
	more, err := op.Extra[extra](in.Extra)
	if err != nil {
		return lb.Balancer{}, err
	}
	if in.Port == 0 {
		in.Port = -1
	}
	if err := d.check(in.Port, in.Protocol, in.Algorithm, in.HealthCheck, in.Certificate, in.DrainTimeout); err != nil {
		return lb.Balancer{}, err
	}
	switch {
	case len(in.Tags) > 0:
		return lb.Balancer{}, op.Errorf(op.InvalidArgument, "tags: load balancers have none here")
	case len(in.Subnets) == 0:
		return lb.Balancer{}, op.Errorf(op.InvalidArgument, "subnets: give the subnet that its addresses are in")
	case len(in.Networks) > 0 || in.Location != "":
		return lb.Balancer{}, op.Errorf(op.InvalidArgument, "where a balancer is follows from its subnets: give neither networks nor location")
	}
	for i, m := range in.Members {
		err := checkMember(m)
		if err == nil && *m.Weight == 0 {
			err = resting(in.Algorithm)
		}
		if err != nil {
			e := *op.AsError(err)
			e.Message = fmt.Sprintf("members[%d]: %s", i, e.Message)
			return lb.Balancer{}, &e
		}
	}
	return d.create(ctx, in, more)
}

func (d *driver) UpdateBalancer(ctx context.Context, in lb.UpdateBalancer) error {
	before, err := d.get(ctx, in.Balancer)
	if err != nil {
		return err
	}
	p := cmp.Or(in.Protocol, before.Protocol)
	certificate := in.Certificate
	if p == lb.HTTPS {
		certificate = cmp.Or(certificate, before.Certificate)
	}
	if err := d.check(in.Port, p, in.Algorithm, in.HealthCheck, certificate, in.DrainTimeout); err != nil {
		return err
	}
	in.Certificate = certificate
	return d.update(ctx, in)
}

func (d *driver) DestroyBalancer(ctx context.Context, in lb.DestroyBalancer) error {
	return d.destroy(ctx, in.Balancer)
}

func (d *driver) BalancerListMembers(ctx context.Context, in lb.BalancerListMembers) iter.Seq2[lb.Member, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]lb.Member, string, error) {
		all, err := d.members(ctx, in.Balancer)
		return all, "", err
	})
}

func (d *driver) BalancerGetMember(ctx context.Context, in lb.BalancerGetMember) (lb.Member, error) {
	return lb.FindMember(ctx, d, in)
}

func (d *driver) BalancerAttachMember(ctx context.Context, in lb.BalancerAttachMember) (lb.Member, error) {
	return d.join(ctx, in.Balancer, lb.NewMember{IP: in.IP, Port: in.Port, Weight: in.Weight})
}

func (d *driver) BalancerAttachComputeNode(ctx context.Context, in lb.BalancerAttachComputeNode) (lb.Member, error) {
	return d.join(ctx, in.Balancer, lb.NewMember{Node: in.Node, Port: in.Port, Weight: in.Weight})
}

func (d *driver) join(ctx context.Context, balancer string, m lb.NewMember) (lb.Member, error) {
	if err := checkMember(m); err != nil {
		return lb.Member{}, err
	}
	if err := d.heeds(ctx, balancer, m.Weight); err != nil {
		return lb.Member{}, err
	}
	return d.attach(ctx, balancer, m)
}

// heeds makes sure that a balancer heeds the weight 0.
func (d *driver) heeds(ctx context.Context, balancer string, weight *int) error {
	if op.Or(weight, 1) != 0 {
		return nil
	}
	b, err := d.get(ctx, balancer)
	if err != nil {
		return err
	}
	return resting(b.Algorithm)
}

func (d *driver) BalancerUpdateMember(ctx context.Context, in lb.BalancerUpdateMember) error {
	m, err := lb.FindMember(ctx, d, lb.BalancerGetMember{Balancer: in.Balancer, Member: in.Member})
	if err != nil {
		return err
	}
	state := m.State
	if in.Weight != nil {
		if err := checkWeight(*in.Weight); err != nil {
			return err
		}
		if err := d.heeds(ctx, in.Balancer, in.Weight); err != nil {
			return err
		}
		if state = lb.Enabled; *in.Weight == 0 {
			state = lb.Draining
		}
	}
	if in.State != "" && in.State != state {
		return op.Errorf(op.InvalidArgument, "state: a member's weight says whether it gets work, and with 0, of weighted_round_robin, it is draining; or detach it")
	}
	if in.Weight == nil || *in.Weight == m.Weight {
		return nil
	}
	return d.weigh(ctx, in.Balancer, in.Member, *in.Weight)
}

func (d *driver) BalancerDetachMember(ctx context.Context, in lb.BalancerDetachMember) error {
	return d.detach(ctx, in.Balancer, in.Member)
}

func (d *driver) ListProtocols(context.Context, lb.ListProtocols) iter.Seq2[lb.ProtocolInfo, error] {
	return func(yield func(lb.ProtocolInfo, error) bool) {
		for _, p := range d.protocols() {
			if !yield(lb.ProtocolInfo{Name: p}, nil) {
				return
			}
		}
	}
}

func (d *driver) ListSupportedAlgorithms(context.Context, lb.ListSupportedAlgorithms) iter.Seq2[lb.AlgorithmInfo, error] {
	return func(yield func(lb.AlgorithmInfo, error) bool) {
		for _, a := range algorithms {
			if !yield(lb.AlgorithmInfo{Name: a}, nil) {
				return
			}
		}
	}
}

// NativeEffect goes by the method of the request.
func (d *driver) NativeEffect(operation string) op.Effect { return native.RESTEffect(operation) }

func (d *driver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	r, err := native.REST(in.Operation, in.Arguments)
	if err != nil {
		return native.Answer{}, err
	}
	v, err := d.native(ctx, r)
	return native.Answer{Value: v}, err
}

func (d *driver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]native.Answer, string, error) {
		if d.NativeEffect(in.Operation) != op.Reads {
			return nil, "", op.Errorf(op.InvalidArgument, "operation: %q does not read: only what reads has pages", in.Operation)
		}
		r, err := native.REST(in.Operation, in.Arguments)
		if err != nil {
			return nil, "", err
		}
		if r.Query == nil {
			r.Query = map[string]any{}
		}
		if cursor != "" {
			r.Query[cursorName(d.service)] = cursor
		}
		v, err := d.native(ctx, r)
		if err != nil || !d.next(v, &r) {
			return []native.Answer{{Value: v}}, "", err
		}
		next, _ := r.Query[cursorName(d.service)].(string)
		return []native.Answer{{Value: v}}, next, nil
	})
}
