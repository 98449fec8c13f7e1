package hetznertest

import "fmt"

// nextIP invents an address.
func (s *Server) nextIP(kind string) string {
	n := s.newID()
	if kind == "ipv6" {
		return fmt.Sprintf("2001:db8:%x::/64", n)
	}
	return fmt.Sprintf("198.51.%d.%d", n/250%250, n%250+1)
}

func (s *Server) floatingRoutes() {
	s.handle("POST /floating_ips", 201, func(c *call) (object, error) {
		if err := s.fresh("floating_ips", c.in, 0); err != nil {
			return nil, err
		}
		to := number(c.in["server"])
		if _, ok := c.in["home_location"]; !ok && to == 0 {
			return nil, invalid("home_location or server is needed")
		}
		location, err := s.location(c.in, "home_location")
		if err != nil {
			return nil, err
		}
		if to != 0 {
			server, err := s.reference("servers", to)
			if err != nil {
				return nil, err
			}
			location = server["location"].(object)
		}
		kind := c.in["type"].(string)
		f := object{"description": c.in["description"], "ip": s.nextIP(kind), "type": kind, "server": nil, "dns_ptr": []any{}, "home_location": location,
			"blocked": false, "protection": object{"delete": false}}
		if _, ok := c.in["name"]; !ok {
			f["name"] = fmt.Sprintf("floating-ip-%d", s.lastID+1)
		}
		f = s.add("floating_ips", c.in, f)
		answer := object{}
		if to != 0 {
			f["server"] = to
			answer["action"] = s.begin("assign_floating_ip", "floating_ips", f["id"].(int64), nil, object{"id": to, "type": "server"})
		}
		answer["floating_ip"] = copied(f)
		return answer, nil
	})
	s.updates("floating_ips", "description")
	s.protects("floating_ips")
	s.deletes("floating_ips", nil) // also of an assigned one
	s.act("floating_ips", "assign", func(c *call, f object) (object, error) {
		id := number(c.in["server"])
		server, err := s.reference("servers", id)
		if err != nil {
			return nil, err
		}
		if server["location"].(object)["network_zone"] != f["home_location"].(object)["network_zone"] {
			return nil, invalid("server: it is in another network zone")
		}
		return object{"action": s.begin("assign_floating_ip", "floating_ips", c.id, func() { f["server"] = id }, object{"id": id, "type": "server"})}, nil
	})
	s.act("floating_ips", "unassign", func(c *call, f object) (object, error) {
		return object{"action": s.begin("unassign_floating_ip", "floating_ips", c.id, func() { f["server"] = nil })}, nil
	})
}

// newPrimary makes a primary IP; server is 0 for none.
func (s *Server) newPrimary(in object, kind string, location object, server int64, autoDelete bool) object {
	p := s.add("primary_ips", in, object{"ip": s.nextIP(kind), "type": kind, "assignee_id": nil, "assignee_type": "server", "auto_delete": autoDelete, "blocked": false,
		"dns_ptr": []any{}, "location": location, "protection": object{"delete": false}})
	if server != 0 {
		p["assignee_id"] = server
	}
	return p
}

// assignable checks that a server can get a primary IP.
func (s *Server) assignable(id int64, kind, location any) error {
	server, err := s.reference("servers", id)
	switch {
	case err != nil:
		return err
	case server["status"] != "off":
		return refuse(422, "server_not_stopped", "server must be stopped")
	case server["location"].(object)["name"] != location:
		return invalid("assignee_id: it is in another location")
	}
	for _, p := range s.all["primary_ips"].items {
		if p["assignee_id"] == id && p["type"] == kind {
			return refuse(422, "server_has_"+kind.(string), "server has one already")
		}
	}
	return nil
}

func (s *Server) primaryRoutes() {
	s.handle("POST /primary_ips", 201, func(c *call) (object, error) {
		if err := s.fresh("primary_ips", c.in, 0); err != nil {
			return nil, err
		}
		to := number(c.in["assignee_id"])
		if _, ok := c.in["location"]; ok == (to != 0) {
			return nil, invalid("one of location and assignee_id is needed")
		}
		location, err := s.location(c.in, "location")
		if err != nil {
			return nil, err
		}
		if to != 0 {
			server, err := s.reference("servers", to)
			if err == nil {
				location = server["location"].(object)
				err = s.assignable(to, c.in["type"], location["name"])
			}
			if err != nil {
				return nil, err
			}
		}
		p := s.newPrimary(c.in, c.in["type"].(string), location, to, c.in["auto_delete"] == true)
		answer := object{"primary_ip": copied(p)}
		if to != 0 {
			answer["action"] = s.begin("assign_primary_ip", "primary_ips", p["id"].(int64), nil, object{"id": to, "type": "server"})
		}
		return answer, nil
	})
	s.updates("primary_ips", "auto_delete")
	s.protects("primary_ips")
	s.deletes("primary_ips", func(p object) error {
		if p["assignee_id"] != nil {
			return refuse(422, "resource_in_use", "primary IP is still assigned")
		}
		return nil
	})
	s.act("primary_ips", "assign", func(c *call, p object) (object, error) {
		id := number(c.in["assignee_id"])
		if p["assignee_id"] != nil {
			return nil, refuse(422, "primary_ip_already_assigned", "primary IP is already assigned")
		}
		if err := s.assignable(id, p["type"], p["location"].(object)["name"]); err != nil {
			return nil, err
		}
		p["assignee_id"] = id
		return object{"action": s.begin("assign_primary_ip", "primary_ips", c.id, nil, object{"id": id, "type": "server"})}, nil
	})
	s.act("primary_ips", "unassign", func(c *call, p object) (object, error) {
		id, ok := p["assignee_id"].(int64)
		if !ok {
			return nil, invalid("primary IP is not assigned")
		}
		if server := s.all["servers"].get(id); server["status"] != "off" {
			return nil, refuse(422, "server_not_stopped", "server must be stopped")
		}
		p["assignee_id"] = nil
		return object{"action": s.begin("unassign_primary_ip", "primary_ips", c.id, nil)}, nil
	})
}
