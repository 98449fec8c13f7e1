package openstack

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// balancerExtra is what create_balancer takes beyond the contract.
type balancerExtra struct {
	Description     string   `json:"description,omitzero" help:"What to say of it."`
	Address         string   `json:"vip_address,omitzero" help:"The address it shall have in its subnet."`
	Port            string   `json:"vip_port_id,omitzero" help:"The id of the port that its address is of; instead of subnets and networks."`
	Provider        string   `json:"provider,omitzero" help:"Which of the cloud's kinds of balancers it is, as amphora or ovn."`
	Flavor          string   `json:"flavor_id,omitzero" help:"The id of the flavor that it has."`
	PublicAddress   string   `json:"public_address,omitzero" help:"Get it a public address, of the external network of this id or name."`
	AllowedCIDRs    []string `json:"allowed_cidrs,omitzero" help:"Whom it listens to; to everyone if not given."`
	ConnectionLimit int      `json:"connection_limit,omitzero" help:"How many connections it takes at once; as many as come if not given."`
	SessionCookie   bool     `json:"session_cookie,omitzero" help:"Lead a client's requests to one member, by a cookie."`
}

// CreateBalancer is one request, so that there is all of it or nothing.
func (d *balancerDriver) CreateBalancer(ctx context.Context, in lb.CreateBalancer) (lb.Balancer, error) {
	extra, err := op.Extra[balancerExtra](in.Extra)
	if err != nil {
		return lb.Balancer{}, err
	}
	words, err := wordsOf(in.Tags)
	if err != nil {
		return lb.Balancer{}, err
	}
	if op.Or(in.DrainTimeout, 0) != 0 {
		return lb.Balancer{}, errDrain
	}
	front, err := listenerBody(in.Name, in.Port, in.Protocol, in.Certificate)
	if err != nil {
		return lb.Balancer{}, err
	}
	back, err := algorithmBody(in.Algorithm)
	if err != nil {
		return lb.Balancer{}, err
	}
	back["name"], back["protocol"] = in.Name, poolsOf[in.Protocol]
	check := 0
	if in.HealthCheck != nil {
		body, err := monitorBody(*in.HealthCheck)
		if err != nil {
			return lb.Balancer{}, err
		}
		body["name"], body["type"] = in.Name, checksOf[in.HealthCheck.Protocol]
		back["healthmonitor"], check = body, in.HealthCheck.Port
	}
	var members []object
	for _, m := range in.Members {
		body, err := d.memberBody(ctx, m, in.Port, check)
		if err != nil {
			return lb.Balancer{}, err
		}
		members = append(members, body)
	}
	if members != nil {
		back["members"] = members
	}
	if extra.SessionCookie {
		back["session_persistence"] = object{"type": "HTTP_COOKIE"}
	}
	if len(extra.AllowedCIDRs) > 0 {
		front["allowed_cidrs"] = extra.AllowedCIDRs
	}
	if extra.ConnectionLimit > 0 {
		front["connection_limit"] = extra.ConnectionLimit
	}
	front["default_pool"] = back
	body := given(object{"name": in.Name, "listeners": []object{front}, "tags": words, "availability_zone": in.Location, "description": extra.Description,
		"vip_address": extra.Address, "vip_port_id": extra.Port, "provider": extra.Provider, "flavor_id": extra.Flavor})
	if err := d.vip(body, in, extra); err != nil {
		return lb.Balancer{}, err
	}
	if extra.PublicAddress != "" {
		body["tags"] = append(words, publicWord)
	}
	made, err := fetch[struct {
		loadBalancer
		Port string `json:"vip_port_id"`
	}](ctx, d.session, octavia, http.MethodPost, "lbaas/loadbalancers", object{"loadbalancer": body}, "loadbalancer")
	if err != nil {
		return lb.Balancer{}, err
	}
	remove := func(ctx context.Context) error { return d.DestroyBalancer(ctx, lb.DestroyBalancer{Balancer: made.ID}) }
	if extra.PublicAddress != "" {
		if _, err := d.newAddress(ctx, object{"port_id": made.Port, "description": in.Name}, extra.PublicAddress, ours); err != nil {
			return lb.Balancer{}, undo(ctx, err, "the balancer "+made.ID, remove)
		}
	}
	b, err := d.GetBalancer(ctx, lb.GetBalancer{Balancer: made.ID})
	if err != nil {
		return lb.Balancer{}, undo(ctx, err, "the balancer "+made.ID, remove)
	}
	return b, nil
}

var errDrain = op.Errorf(op.InvalidArgument, "drain_timeout: Octavia waits for nobody: let a member drain by balancer_update_member, and detach it when it has finished")

// publicWord is the tag of a balancer that a public address was made for.
const publicWord = "cloudlark-address=public"

// vip says where the balancer has addresses.
func (d *balancerDriver) vip(body object, in lb.CreateBalancer, extra balancerExtra) error {
	switch {
	case len(in.Subnets) > 0:
		body["vip_subnet_id"] = in.Subnets[0]
		var more []object
		for _, s := range in.Subnets[1:] {
			more = append(more, object{"subnet_id": s})
		}
		if more != nil {
			body["additional_vips"] = more
		}
	case len(in.Networks) == 1:
		body["vip_network_id"] = in.Networks[0]
	case len(in.Networks) > 1:
		return op.Errorf(op.InvalidArgument, "networks: a balancer has its address in one network; members can be in any that its router leads to")
	case extra.Port != "":
	case d.defaultSubnet != "":
		body["vip_subnet_id"] = d.defaultSubnet
	default:
		return op.Errorf(op.InvalidArgument, "a balancer has an address in a subnet: give subnets or networks, or the connection a subnet")
	}
	return nil
}

// listenerBody is a listener but for its pool.
func listenerBody(name string, port int, protocol lb.Protocol, certificate string) (object, error) {
	kind, ok := listenersOf[protocol]
	switch {
	case !ok:
		return nil, op.Errorf(op.InvalidArgument, "protocol: Octavia's balancers do not speak %s: list_protocols lists what they speak", protocol)
	case port < 1 || port > 65535:
		return nil, op.Errorf(op.InvalidArgument, "port is %d: it can be 1 to 65535", port)
	case protocol == lb.HTTPS && certificate == "":
		return nil, op.Errorf(op.InvalidArgument, "certificate: https wants one, the URL of a container or secret of the key manager")
	case protocol != lb.HTTPS && certificate != "":
		return nil, op.Errorf(op.InvalidArgument, "certificate: a balancer that speaks %s has none: with protocol = \"https\" it has", protocol)
	}
	body := object{"name": name, "protocol": kind, "protocol_port": port}
	if certificate != "" {
		body["default_tls_container_ref"] = certificate
	}
	if protocol == lb.HTTP || protocol == lb.HTTPS {
		body["insert_headers"] = object{"X-Forwarded-For": "true", "X-Forwarded-Port": "true", "X-Forwarded-Proto": "true"}
	}
	return body, nil
}

// memberBody is a member: at an address, or at that of a node. check is the
// port that the health monitor asks, 0 for the member's own.
func (d *balancerDriver) memberBody(ctx context.Context, m lb.NewMember, port, check int) (object, error) {
	port = cmp.Or(m.Port, port)
	switch {
	case (m.Node == "") == (m.IP == ""):
		return nil, op.Errorf(op.InvalidArgument, "a member is a node or an ip: give one of the two")
	case port < 1 || port > 65535:
		return nil, op.Errorf(op.InvalidArgument, "a member's port is %d: it can be 1 to 65535", port)
	}
	if err := checkWeight(*m.Weight); err != nil {
		return nil, err
	}
	body := object{"address": m.IP, "protocol_port": port, "weight": *m.Weight}
	if check != 0 {
		body["monitor_port"] = check
	}
	if m.Node == "" {
		if _, err := netip.ParseAddr(m.IP); err != nil {
			return nil, op.Errorf(op.InvalidArgument, "ip is %q, which is no address", m.IP)
		}
		return body, nil
	}
	ports, err := d.portsOf(ctx, m.Node)
	if err != nil {
		return nil, err
	}
	for _, p := range ports {
		for _, ip := range p.FixedIPs {
			body["address"], body["subnet_id"], body["tags"] = ip.IP, ip.Subnet, []string{nodeWord + m.Node}
			if a, err := netip.ParseAddr(ip.IP); err == nil && a.Is4() {
				return body, nil
			}
		}
	}
	if body["subnet_id"] != nil {
		return body, nil // by IPv6 alone
	}
	if _, err := fetch[server](ctx, d.session, nova, http.MethodGet, path("servers", m.Node), nil, "server"); err != nil {
		return nil, err
	}
	return nil, op.Errorf(op.Conflict, "the node %s has no address yet: wait for it to be running", m.Node)
}
