package hetznertest

import (
	"maps"
	"net/netip"
	"slices"
)

func targetOf(b, target object) int {
	return slices.IndexFunc(b["targets"].([]any), func(t any) bool { return sameTarget(t.(object), target) })
}

// service completes and checks a new service of a balancer.
func service(b, in object) (object, error) {
	port := number(in["listen_port"])
	if serviceAt(b, port) >= 0 {
		return nil, refuse(422, "source_port_already_used", "source port %d is already used", port)
	}
	if len(b["services"].([]any)) >= b["load_balancer_type"].(object)["max_services"].(int) {
		return nil, refuse(403, "resource_limit_exceeded", "no more services with this type of load balancer")
	}
	return in, checked(in)
}

// checked refuses a service that cannot be.
func checked(in object) error {
	http, _ := in["http"].(object)
	if certificates, _ := http["certificates"].([]any); in["protocol"] == "https" && len(certificates) == 0 {
		return invalid("http.certificates is needed with https")
	}
	check := in["health_check"].(object)
	if _, ok := check["http"]; ok != (check["protocol"] == "http") {
		return invalid("health_check.http goes with the protocol http")
	}
	if number(check["timeout"]) > number(check["interval"]) {
		return invalid("health_check.timeout is longer than the interval")
	}
	return nil
}

func serviceAt(b object, port int64) int {
	return slices.IndexFunc(b["services"].([]any), func(v any) bool { return number(v.(object)["listen_port"]) == port })
}

// newTarget checks a new target of a balancer.
func (s *Server) newTarget(b, in object) (object, error) {
	t, err := s.target(in)
	if err != nil {
		return nil, err
	}
	if targetOf(b, t) >= 0 {
		return nil, refuse(422, "target_already_defined", "target is already defined")
	}
	if len(b["targets"].([]any)) >= b["load_balancer_type"].(object)["max_targets"].(int) {
		return nil, refuse(403, "resource_limit_exceeded", "no more targets with this type of load balancer")
	}
	inside := in["use_private_ip"] == true
	switch in["type"] {
	case "ip":
		ip := in["ip"].(object)["ip"].(string)
		if _, err := netip.ParseAddr(ip); err != nil {
			return nil, invalid("ip: %q is no address", ip)
		}
		for _, p := range s.all["primary_ips"].items {
			if p["ip"] == ip {
				return nil, refuse(422, "cloud_resource_ip_not_allowed", "%s belongs to a cloud resource", ip)
			}
		}
		if !slices.Contains(s.options.OwnedIPs, ip) {
			return nil, refuse(422, "ip_not_owned", "%s is not owned by the project's owner", ip)
		}
		t["health_status"] = []any{}
	case "server":
		id := t["server"].(object)["id"].(int64)
		server := s.all["servers"].get(id)
		if inside {
			if len(b["private_net"].([]any)) == 0 {
				return nil, refuse(422, "load_balancer_not_attached_to_network", "load balancer is in no network")
			}
			if interfaceIn(server, b["private_net"].([]any)[0].(object)["network"].(int64)) < 0 {
				return nil, refuse(422, "server_not_attached_to_network", "server is not in the load balancer's network")
			}
		} else if !slices.ContainsFunc(s.all["primary_ips"].items, func(p object) bool { return p["assignee_id"] == id && p["type"] == "ipv4" }) {
			return nil, refuse(422, "missing_ipv4", "server has no public IPv4 address")
		}
		t["use_private_ip"], t["health_status"] = inside, []any{}
	default:
		t["use_private_ip"], t["targets"] = inside, []any{}
	}
	return t, nil
}

// health gives each target a status for each service.
func health(b object) {
	for _, t := range b["targets"].([]any) {
		status := []any{}
		for _, v := range b["services"].([]any) {
			status = append(status, object{"listen_port": v.(object)["listen_port"], "status": "unknown"})
		}
		if t.(object)["type"] != "label_selector" {
			t.(object)["health_status"] = status
		}
	}
}

// newBalancer makes a balancer of a request, but does not keep it.
func (s *Server) newBalancer(in object) (object, error) {
	if err := s.fresh("load_balancers", in, 0); err != nil {
		return nil, err
	}
	kind := s.named("load_balancer_types", in["load_balancer_type"].(string))
	if kind == nil {
		return nil, invalid("load_balancer_type: %q not found", in["load_balancer_type"])
	}
	_, placed := in["location"]
	zone, zoned := in["network_zone"].(string)
	if placed == zoned {
		return nil, invalid("one of location and network_zone is needed")
	}
	location, err := s.location(in, "location")
	if err != nil {
		return nil, err
	}
	if zoned {
		i := slices.IndexFunc(s.all["locations"].items, func(l object) bool { return l["network_zone"] == zone })
		if i < 0 {
			return nil, invalid("network_zone: %q not found", zone)
		}
		location = s.all["locations"].items[i]
	}
	algorithm, ok := in["algorithm"]
	if !ok {
		algorithm = object{"type": "round_robin"}
	}
	b := object{"location": location, "load_balancer_type": kind, "protection": object{"delete": false}, "private_net": []any{}, "targets": []any{}, "services": []any{},
		"algorithm": algorithm, "outgoing_traffic": nil, "ingoing_traffic": nil, "included_traffic": int64(20) << 40,
		"public_net": object{"enabled": in["public_interface"] != false, "ipv4": object{"ip": s.nextIP("ipv4"), "dns_ptr": "lb.example.com"},
			"ipv6": object{"ip": "2001:db8::1", "dns_ptr": nil}}}
	if id := number(in["network"]); id != 0 {
		n, err := s.reference("networks", id)
		if err == nil {
			err = s.join(b, n, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	services, _ := in["services"].([]any)
	for _, v := range services {
		added, err := service(b, v.(object))
		if err != nil {
			return nil, err
		}
		b["services"] = append(b["services"].([]any), added)
	}
	targets, _ := in["targets"].([]any)
	for _, v := range targets {
		t, err := s.newTarget(b, v.(object))
		if err != nil {
			return nil, err
		}
		b["targets"] = append(b["targets"].([]any), t)
	}
	health(b)
	return b, nil
}

func (s *Server) balancerRoutes() {
	s.handle("POST /load_balancers", 201, func(c *call) (object, error) {
		b, err := s.newBalancer(c.in)
		if err != nil {
			return nil, err
		}
		b = s.add("load_balancers", c.in, b)
		return object{"load_balancer": copied(b), "action": s.begin("create_load_balancer", "load_balancers", b["id"].(int64), nil)}, nil
	})
	s.updates("load_balancers")
	s.protects("load_balancers")
	s.deletes("load_balancers", nil)
	// change serves an action that has its effect at once.
	change := func(name string, f func(c *call, b object) error) {
		s.act("load_balancers", name, func(c *call, b object) (object, error) {
			if err := f(c, b); err != nil {
				return nil, err
			}
			health(b)
			return object{"action": s.begin(name, "load_balancers", c.id, nil)}, nil
		})
	}
	change("add_service", func(c *call, b object) error {
		added, err := service(b, c.in)
		if err == nil {
			b["services"] = append(b["services"].([]any), added)
		}
		return err
	})
	change("update_service", func(c *call, b object) error {
		i := serviceAt(b, number(c.in["listen_port"]))
		if i < 0 {
			return refuse(404, "not_found", "service %v not found", c.in["listen_port"])
		}
		merged := copied(b["services"].([]any)[i].(object))
		check, _ := c.in["health_check"].(object)
		old := merged["health_check"].(object)
		http, had := old["http"].(object)
		maps.Copy(merged, c.in)
		maps.Copy(old, check)
		if changed, ok := check["http"].(object); ok && had {
			maps.Copy(http, changed)
			old["http"] = http
		}
		if old["protocol"] == "tcp" {
			delete(old, "http")
		}
		merged["health_check"] = old
		if err := checked(merged); err != nil {
			return err
		}
		b["services"].([]any)[i] = merged
		return nil
	})
	change("delete_service", func(c *call, b object) error {
		i := serviceAt(b, number(c.in["listen_port"]))
		if i < 0 {
			return refuse(404, "not_found", "service %v not found", c.in["listen_port"])
		}
		b["services"] = cut(b["services"].([]any), i)
		return nil
	})
	change("add_target", func(c *call, b object) error {
		t, err := s.newTarget(b, c.in)
		if err == nil {
			b["targets"] = append(b["targets"].([]any), t)
		}
		return err
	})
	change("remove_target", func(c *call, b object) error {
		i := targetOf(b, c.in)
		if i < 0 {
			return refuse(404, "not_found", "target not found")
		}
		b["targets"] = cut(b["targets"].([]any), i)
		return nil
	})
	change("change_algorithm", func(c *call, b object) error { b["algorithm"] = object{"type": c.in["type"]}; return nil })
	change("attach_to_network", func(c *call, b object) error {
		if len(b["private_net"].([]any)) > 0 {
			return refuse(422, "load_balancer_already_attached", "load balancer is already in a network")
		}
		n, err := s.reference("networks", number(c.in["network"]))
		if err != nil {
			return err
		}
		return s.join(b, n, c.in)
	})
	change("detach_from_network", func(c *call, b object) error {
		if !leave(b, number(c.in["network"])) {
			return refuse(404, "not_found", "load balancer is not in that network")
		}
		return nil
	})
}
