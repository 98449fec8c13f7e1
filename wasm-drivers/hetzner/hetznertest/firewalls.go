package hetznertest

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
)

// sameTarget reports whether two targets, of a firewall or of a balancer, are the same.
func sameTarget(a, b object) bool {
	at := func(o object, kind, field string) any {
		inner, _ := o[kind].(object)
		if n := number(inner[field]); n != 0 {
			return n
		}
		return inner[field]
	}
	return a["type"] == b["type"] && at(a, "server", "id") == at(b, "server", "id") &&
		at(a, "label_selector", "selector") == at(b, "label_selector", "selector") && at(a, "ip", "ip") == at(b, "ip", "ip")
}

func appliedTo(f, target object) int {
	return slices.IndexFunc(f["applied_to"].([]any), func(t any) bool { return sameTarget(t.(object), target) })
}

var ports = regexp.MustCompile(`^(\d{1,5})(?:-(\d{1,5}))?$`)

// rules checks a firewall's rules.
func rules(list any) ([]any, error) {
	all, _ := list.([]any)
	if len(all) > 50 {
		return nil, invalid("rules: there are more than 50")
	}
	checked := []any{}
	for _, r := range all {
		rule := r.(object)
		protocol, direction := rule["protocol"].(string), rule["direction"].(string)
		port, given := rule["port"].(string)
		switch m := ports.FindStringSubmatch(port); {
		case given != (protocol == "tcp" || protocol == "udp"):
			return nil, invalid("rules: port is for tcp and udp, which need it")
		case given && m == nil:
			return nil, invalid("rules: %q is no port", port)
		case given:
			from, _ := strconv.Atoi(m[1])
			to, _ := strconv.Atoi(m[2])
			if m[2] == "" {
				to = from
			}
			if from < 1 || to > 65535 || to < from {
				return nil, invalid("rules: %q is no port", port)
			}
		}
		other, unused := "source_ips", "destination_ips"
		if direction == "out" {
			other, unused = unused, other
		}
		ips, _ := rule[other].([]any)
		if len(ips) == 0 || len(ips) > 100 {
			return nil, invalid("rules: %s is needed with direction %s", other, direction)
		}
		if more, _ := rule[unused].([]any); len(more) > 0 {
			return nil, invalid("rules: %s is not for direction %s", unused, direction)
		}
		for _, ip := range ips {
			if p, err := netip.ParsePrefix(ip.(string)); err != nil || p.Masked() != p {
				return nil, invalid("rules: %q is no range of addresses in CIDR form", ip)
			}
		}
		full := object{"description": rule["description"], "direction": direction, "protocol": protocol, "port": rule["port"], "source_ips": []any{}, "destination_ips": []any{}}
		full[other] = ips
		checked = append(checked, full)
	}
	return checked, nil
}

// target checks a target of a firewall or a balancer.
func (s *Server) target(in object) (object, error) {
	kind := in["type"].(string)
	inner, ok := in[kind].(object)
	if !ok {
		return nil, invalid("%s is needed with type %s", kind, kind)
	}
	if kind == "server" {
		id := number(inner["id"])
		if _, err := s.reference("servers", id); err != nil {
			return nil, err
		}
		inner = object{"id": id}
	}
	return object{"type": kind, kind: inner}, nil
}

func (s *Server) firewallRoutes() {
	apply := func(f object, list any) ([]any, error) {
		all, _ := list.([]any)
		targets := []any{}
		for _, in := range all {
			t, err := s.target(in.(object))
			if err != nil {
				return nil, err
			}
			if f != nil && appliedTo(f, t) >= 0 {
				return nil, refuse(422, "firewall_already_applied", "firewall is already applied")
			}
			targets = append(targets, t)
		}
		return targets, nil
	}
	changed := func(id int64, targets []any) []any {
		actions := []any{}
		for _, t := range targets {
			if server, ok := t.(object)["server"].(object); ok {
				actions = append(actions, s.begin("apply_firewall", "firewalls", id, nil, object{"id": server["id"], "type": "server"}))
			}
		}
		return actions
	}
	s.handle("POST /firewalls", 201, func(c *call) (object, error) {
		if err := s.fresh("firewalls", c.in, 0); err != nil {
			return nil, err
		}
		checked, err := rules(c.in["rules"])
		if err != nil {
			return nil, err
		}
		targets, err := apply(nil, c.in["apply_to"])
		if err != nil {
			return nil, err
		}
		f := s.add("firewalls", c.in, object{"rules": checked, "applied_to": targets})
		return object{"firewall": copied(f), "actions": changed(f["id"].(int64), targets)}, nil
	})
	s.updates("firewalls")
	s.deletes("firewalls", func(f object) error {
		if len(f["applied_to"].([]any)) > 0 {
			return refuse(422, "resource_in_use", "firewall is still applied to a resource")
		}
		return nil
	})
	s.act("firewalls", "set_rules", func(c *call, f object) (object, error) {
		checked, err := rules(c.in["rules"])
		if err != nil {
			return nil, err
		}
		f["rules"] = checked
		return object{"actions": []any{s.begin("set_firewall_rules", "firewalls", c.id, nil)}}, nil
	})
	s.act("firewalls", "apply_to_resources", func(c *call, f object) (object, error) {
		targets, err := apply(f, c.in["apply_to"])
		if err != nil {
			return nil, err
		}
		f["applied_to"] = append(f["applied_to"].([]any), targets...)
		return object{"actions": changed(c.id, targets)}, nil
	})
	s.act("firewalls", "remove_from_resources", func(c *call, f object) (object, error) {
		list := c.in["remove_from"].([]any)
		for _, t := range list {
			i := appliedTo(f, t.(object))
			if i < 0 {
				return nil, refuse(422, "firewall_resource_not_found", "firewall is not applied to that")
			}
			f["applied_to"] = cut(f["applied_to"].([]any), i)
		}
		return object{"actions": changed(c.id, list)}, nil
	})
}
