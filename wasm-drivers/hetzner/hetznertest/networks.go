package hetznertest

import (
	"fmt"
	"net/netip"
	"slices"
)

// private are the ranges that networks can have.
var private = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16")}

func inside(p netip.Prefix, of netip.Prefix) bool {
	return p.Bits() >= of.Bits() && of.Contains(p.Addr())
}

// subnet checks a new subnet of a network.
func (s *Server) subnet(n, in object) (object, error) {
	whole := netip.MustParsePrefix(n["ip_range"].(string))
	text, ok := in["ip_range"].(string)
	if !ok {
		text = whole.Addr().String() + "/24"
	}
	p, err := netip.ParsePrefix(text)
	switch zone := in["network_zone"].(string); {
	case err != nil || p.Masked() != p || !inside(p, whole) || p.Bits() > 29:
		return nil, invalid("ip_range: %q is no range inside %s", text, whole)
	case !slices.ContainsFunc(s.all["locations"].items, func(l object) bool { return l["network_zone"] == zone }):
		return nil, invalid("network_zone: %q not found", zone)
	case in["type"] == "vswitch":
		return nil, invalid("vswitch_id: not found")
	}
	for _, other := range n["subnets"].([]any) {
		if netip.MustParsePrefix(other.(object)["ip_range"].(string)).Overlaps(p) {
			return nil, invalid("ip_range: %s overlaps with another subnet", p)
		}
	}
	return object{"type": in["type"], "ip_range": text, "network_zone": in["network_zone"], "gateway": whole.Addr().Next().String(), "vswitch_id": nil}, nil
}

// members are the ids of what is in a network.
func (s *Server) members(plural string, network int64) []int64 {
	ids := []int64{}
	for _, o := range s.all[plural].items {
		if interfaceIn(o, network) >= 0 {
			ids = append(ids, o["id"].(int64))
		}
	}
	return ids
}

func interfaceIn(o object, network int64) int {
	return slices.IndexFunc(o["private_net"].([]any), func(p any) bool { return p.(object)["network"] == network })
}

// join puts a server or a balancer into a network, with an address of a subnet:
// in names the address (ip) or the subnet (ip_range), or neither.
func (s *Server) join(o, n, in object) error {
	ip, _ := in["ip"].(string)
	only, _ := in["ip_range"].(string)
	id := n["id"].(int64)
	if interfaceIn(o, id) >= 0 {
		return refuse(422, "server_already_attached", "it is already attached to the network")
	}
	var all []netip.Prefix
	for _, sub := range n["subnets"].([]any) {
		if sub.(object)["network_zone"] == o["location"].(object)["network_zone"] && (only == "" || sub.(object)["ip_range"] == only) {
			all = append(all, netip.MustParsePrefix(sub.(object)["ip_range"].(string)))
		}
	}
	if len(all) == 0 {
		return refuse(422, "no_subnet_available", "the network has no subnet in %v", o["location"].(object)["network_zone"])
	}
	used := map[string]bool{}
	for _, plural := range []string{"servers", "load_balancers"} {
		for _, other := range s.all[plural].items {
			if i := interfaceIn(other, id); i >= 0 {
				used[other["private_net"].([]any)[i].(object)["ip"].(string)] = true
			}
		}
	}
	if ip != "" {
		a, err := netip.ParseAddr(ip)
		if err != nil || used[ip] || !slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return refuse(422, "ip_not_available", "%s is not available", ip)
		}
	}
	for _, p := range all {
		for a := p.Addr().Next().Next(); ip == "" && p.Contains(a); a = a.Next() {
			if !used[a.String()] {
				ip = a.String()
			}
		}
	}
	entry := object{"network": id, "ip": ip}
	if _, server := o["server_type"]; server {
		entry["alias_ips"], entry["mac_address"] = []any{}, fmt.Sprintf("86:00:00:00:%02x:%02x", len(used), id%256)
	}
	o["private_net"] = append(o["private_net"].([]any), entry)
	return nil
}

// leave takes a server or a balancer out of a network.
func leave(o object, network int64) bool {
	i := interfaceIn(o, network)
	o["private_net"] = cut(o["private_net"].([]any), i)
	return i >= 0
}

func (s *Server) networkRoutes() {
	s.handle("POST /networks", 201, func(c *call) (object, error) {
		if err := s.fresh("networks", c.in, 0); err != nil {
			return nil, err
		}
		text := c.in["ip_range"].(string)
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Masked() != p || p.Bits() > 24 || !slices.ContainsFunc(private, func(of netip.Prefix) bool { return inside(p, of) }) {
			return nil, invalid("ip_range: %q is no private range of at least a /24", text)
		}
		n := object{"ip_range": text, "subnets": []any{}, "routes": []any{}, "protection": object{"delete": false}, "expose_routes_to_vswitch": false}
		subnets, _ := c.in["subnets"].([]any)
		for _, in := range subnets {
			sub, err := s.subnet(n, in.(object))
			if err != nil {
				return nil, err
			}
			n["subnets"] = append(n["subnets"].([]any), sub)
		}
		return object{"network": s.shown("networks", s.add("networks", c.in, n))}, nil
	})
	s.updates("networks")
	s.protects("networks")
	s.deletes("networks", func(n object) error { // what is in it is detached
		for _, plural := range []string{"servers", "load_balancers"} {
			for _, o := range s.all[plural].items {
				leave(o, n["id"].(int64))
			}
		}
		return nil
	})
	s.act("networks", "add_subnet", func(c *call, n object) (object, error) {
		sub, err := s.subnet(n, c.in)
		if err != nil {
			return nil, err
		}
		n["subnets"] = append(n["subnets"].([]any), sub)
		return object{"action": s.begin("add_subnet", "networks", c.id, nil)}, nil
	})
	s.act("networks", "delete_subnet", func(c *call, n object) (object, error) {
		i := slices.IndexFunc(n["subnets"].([]any), func(v any) bool { return v.(object)["ip_range"] == c.in["ip_range"] })
		if i < 0 {
			return nil, refuse(404, "not_found", "subnet %v not found", c.in["ip_range"])
		}
		p := netip.MustParsePrefix(c.in["ip_range"].(string))
		for _, plural := range []string{"servers", "load_balancers"} {
			for _, o := range s.all[plural].items {
				if at := interfaceIn(o, c.id); at >= 0 && p.Contains(netip.MustParseAddr(o["private_net"].([]any)[at].(object)["ip"].(string))) {
					return nil, refuse(409, "conflict", "%s %v is still in the subnet", s.all[plural].one, o["id"])
				}
			}
		}
		n["subnets"] = cut(n["subnets"].([]any), i)
		return object{"action": s.begin("delete_subnet", "networks", c.id, nil)}, nil
	})
}
