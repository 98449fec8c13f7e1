package openstack

import (
	"context"
	"iter"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type network struct {
	ID, Name, Status, Description string
	External                      bool `json:"router:external"`
	Tags                          []string
}

// rangeMark begins the description of a network that was made with a cidr:
// Neutron has no ranges but those of subnets.
const rangeMark = "cidr: "

func networkOf(i item[network]) compute.Network {
	n := i.v
	w := compute.Network{ID: n.ID, Name: n.Name, State: n.Status, Tags: tagsOf(n.Tags),
		Extra: i.extra("description", "router:external", "shared", "mtu", "admin_state_up", "port_security_enabled", "provider:network_type", "provider:physical_network",
			"provider:segmentation_id", "availability_zones", "dns_domain", "project_id")}
	if cidr, ok := strings.CutPrefix(n.Description, rangeMark); ok {
		w.CIDR = cidr
		delete(w.Extra, "description")
	}
	return w
}

// search is the query for things of a name and tags.
func search(name string, tags map[string]string) url.Values {
	query := url.Values{}
	if name != "" {
		query.Set("name", name)
	}
	if words, err := wordsOf(tags); err == nil && len(words) > 0 {
		query.Set("tags", strings.Join(words, ","))
	}
	return query
}

// neutronPage is a page of one of Neutron's lists, as the contract has its items.
func neutronPage[T, Out any](ctx context.Context, s *session, path string, query url.Values, cursor, key string, of func(item[T]) Out) ([]Out, string, error) {
	found, next, err := page[item[T]](ctx, s, neutron, path, query, cursor, key)
	out := make([]Out, len(found))
	for i, v := range found {
		out[i] = of(v)
	}
	return out, next, err
}

// create makes one of Neutron's things, and puts tags on it, for which Neutron
// has another request.
func create[T any](ctx context.Context, s *session, collection, kind string, body object, words []string) (item[T], error) {
	made, err := fetch[item[T]](ctx, s, neutron, http.MethodPost, collection, object{kind: body}, kind)
	if err != nil || len(words) == 0 {
		return made, err
	}
	id, _ := made.all["id"].(string)
	if err := s.setWords(ctx, collection, id, words); err != nil {
		return made, undo(ctx, err, "the "+kind+" "+id, func(ctx context.Context) error {
			_, err := s.send(ctx, neutron, http.MethodDelete, path(collection, id), nil, nil)
			return err
		})
	}
	return made, nil
}

func (s *session) setWords(ctx context.Context, collection, id string, words []string) error {
	_, err := s.send(ctx, neutron, http.MethodPut, path(collection, id, "tags"), object{"tags": words}, nil)
	return err
}

func (d *computeDriver) ListNetworks(ctx context.Context, in compute.ListNetworks) iter.Seq2[compute.Network, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Network, string, error) {
		return neutronPage(ctx, d.session, "networks", search(in.Name, in.Tags), cursor, "networks", networkOf)
	})
}

// networkExtra is what create_network takes beyond the contract.
type networkExtra struct {
	Description     string `json:"description,omitzero" help:"What to say of it, where it has no cidr."`
	MTU             int    `json:"mtu,omitzero" help:"The size of the largest packet."`
	Shared          bool   `json:"shared,omitzero" help:"Let all projects use it; for administrators."`
	External        bool   `json:"external,omitzero" help:"It leads to the world: routers have gateways in it; for administrators."`
	NetworkType     string `json:"network_type,omitzero" help:"How it is made, as vlan; for administrators."`
	PhysicalNetwork string `json:"physical_network,omitzero" help:"The physical network that it is on; for administrators."`
	SegmentationID  int    `json:"segmentation_id,omitzero" help:"Its number there; for administrators."`
	PortSecurity    *bool  `json:"port_security_enabled,omitzero" help:"Whether its ports have security groups; the cloud's choice if not given."`
}

func (d *computeDriver) CreateNetwork(ctx context.Context, in compute.CreateNetwork) (compute.Network, error) {
	extra, err := op.Extra[networkExtra](in.Extra)
	if err != nil {
		return compute.Network{}, err
	}
	words, err := wordsOf(in.Tags)
	if err != nil {
		return compute.Network{}, err
	}
	body := given(object{"name": in.Name, "description": extra.Description, "mtu": extra.MTU, "shared": extra.Shared, "router:external": extra.External,
		"provider:network_type": extra.NetworkType, "provider:physical_network": extra.PhysicalNetwork, "provider:segmentation_id": extra.SegmentationID})
	if extra.PortSecurity != nil {
		body["port_security_enabled"] = *extra.PortSecurity
	}
	if in.CIDR != "" {
		if _, err := compute.Prefix(in.CIDR); err != nil {
			return compute.Network{}, err
		}
		if extra.Description != "" {
			return compute.Network{}, op.Errorf(op.InvalidArgument, "cidr and the description of extra exclude each other: where a network has a cidr, its description says so")
		}
		body["description"] = rangeMark + in.CIDR
	}
	n, err := create[network](ctx, d.session, "networks", "network", body, words)
	if err != nil {
		return compute.Network{}, err
	}
	n.v.Tags = words
	return networkOf(n), nil
}

// DestroyNetwork looks first: Neutron would take the subnets along.
func (d *computeDriver) DestroyNetwork(ctx context.Context, in compute.DestroyNetwork) error {
	subnets, err := all[subnet](ctx, d.session, neutron, "subnets", url.Values{"network_id": {in.Network}, "fields": {"id"}}, "subnets")
	switch {
	case err != nil:
		return err
	case len(subnets) > 0:
		return op.Errorf(op.Conflict, "the network %s has %d subnets: destroy them first", in.Network, len(subnets))
	}
	_, err = d.send(ctx, neutron, http.MethodDelete, path("networks", in.Network), nil, nil)
	return err
}

type subnet struct {
	ID, Name, CIDR string
	Network        string `json:"network_id"`
	Tags           []string
}

func subnetOf(i item[subnet]) compute.Subnet {
	s := i.v
	return compute.Subnet{ID: s.ID, Name: s.Name, Network: s.Network, CIDR: s.CIDR, Tags: tagsOf(s.Tags),
		Extra: i.extra("description", "gateway_ip", "enable_dhcp", "ip_version", "dns_nameservers", "allocation_pools", "host_routes", "ipv6_address_mode", "ipv6_ra_mode", "project_id")}
}

func (d *computeDriver) ListSubnets(ctx context.Context, in compute.ListSubnets) iter.Seq2[compute.Subnet, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Subnet, string, error) {
		query := search(in.Name, in.Tags)
		if in.Network != "" {
			query.Set("network_id", in.Network)
		}
		return neutronPage(ctx, d.session, "subnets", query, cursor, "subnets", subnetOf)
	})
}

func (d *computeDriver) subnet(ctx context.Context, id string) (item[subnet], error) {
	return fetch[item[subnet]](ctx, d.session, neutron, http.MethodGet, path("subnets", id), nil, "subnet")
}

// subnetExtra is what create_subnet takes beyond the contract.
type subnetExtra struct {
	Gateway         string           `json:"gateway_ip,omitzero" help:"The address of its gateway; its first if not given, and none if \"none\"."`
	DHCP            *bool            `json:"enable_dhcp,omitzero" help:"Whether nodes are told their addresses; they are if not given."`
	DNS             []string         `json:"dns_nameservers,omitzero" help:"The name servers that nodes are told of."`
	AllocationPools []map[string]any `json:"allocation_pools,omitzero" help:"The addresses that nodes can have: dicts of start and end."`
	HostRoutes      []map[string]any `json:"host_routes,omitzero" help:"The routes that nodes are told of: dicts of destination and nexthop."`
	IPv6Mode        string           `json:"ipv6_mode,omitzero" help:"How nodes get IPv6 addresses: slaac, dhcpv6-stateful or dhcpv6-stateless."`
	Router          string           `json:"router,omitzero" help:"The id of the router to connect it to, so that it leads to the world."`
}

func (d *computeDriver) CreateSubnet(ctx context.Context, in compute.CreateSubnet) (compute.Subnet, error) {
	extra, err := op.Extra[subnetExtra](in.Extra)
	if err != nil {
		return compute.Subnet{}, err
	}
	inner, err := compute.Prefix(in.CIDR)
	if err != nil {
		return compute.Subnet{}, err
	}
	words, err := wordsOf(in.Tags)
	if err != nil {
		return compute.Subnet{}, err
	}
	if in.Location != "" {
		return compute.Subnet{}, op.Errorf(op.InvalidArgument, "location: a subnet of OpenStack spans all of a region's zones")
	}
	n, err := fetch[item[network]](ctx, d.session, neutron, http.MethodGet, path("networks", in.Network), nil, "network")
	if err != nil {
		return compute.Subnet{}, err
	}
	if outer, err := netip.ParsePrefix(networkOf(n).CIDR); err == nil && (outer.Bits() > inner.Bits() || !outer.Contains(inner.Addr())) {
		return compute.Subnet{}, op.Errorf(op.InvalidArgument, "cidr: %s is not in %s, the range of the network %s", in.CIDR, outer, in.Network)
	}
	version := 4
	if inner.Addr().Is6() {
		version = 6
	}
	body := given(object{"network_id": in.Network, "name": in.Name, "cidr": in.CIDR, "ip_version": version, "gateway_ip": extra.Gateway, "dns_nameservers": extra.DNS,
		"allocation_pools": extra.AllocationPools, "host_routes": extra.HostRoutes, "ipv6_address_mode": extra.IPv6Mode, "ipv6_ra_mode": extra.IPv6Mode})
	if extra.DHCP != nil {
		body["enable_dhcp"] = *extra.DHCP
	}
	if extra.Gateway == "none" {
		body["gateway_ip"] = nil
	}
	s, err := create[subnet](ctx, d.session, "subnets", "subnet", body, words)
	if err != nil {
		return compute.Subnet{}, err
	}
	s.v.Tags = words
	if extra.Router != "" {
		if _, err := d.send(ctx, neutron, http.MethodPut, path("routers", extra.Router, "add_router_interface"), object{"subnet_id": s.v.ID}, nil); err != nil {
			return compute.Subnet{}, undo(ctx, err, "the subnet "+s.v.ID, func(ctx context.Context) error { return d.DestroySubnet(ctx, compute.DestroySubnet{Subnet: s.v.ID}) })
		}
	}
	return subnetOf(s), nil
}

func (d *computeDriver) DestroySubnet(ctx context.Context, in compute.DestroySubnet) error {
	_, err := d.send(ctx, neutron, http.MethodDelete, path("subnets", in.Subnet), nil, nil)
	return err
}
