package hetznertest

import (
	"fmt"
	"strconv"
)

// showServer fills in what a server knows of others.
func (s *Server) showServer(c object, id int64) {
	volumes, floating, balancers, walls := []int64{}, []int64{}, []int64{}, []object{}
	for _, v := range s.all["volumes"].items {
		if v["server"] == id {
			volumes = append(volumes, v["id"].(int64))
		}
	}
	for _, f := range s.all["floating_ips"].items {
		if f["server"] == id {
			floating = append(floating, f["id"].(int64))
		}
	}
	for _, b := range s.all["load_balancers"].items {
		if targetOf(b, object{"type": "server", "server": object{"id": id}}) >= 0 {
			balancers = append(balancers, b["id"].(int64))
		}
	}
	for _, f := range s.all["firewalls"].items {
		if appliedTo(f, object{"type": "server", "server": object{"id": id}}) >= 0 {
			walls = append(walls, object{"id": f["id"], "status": "applied"})
		}
	}
	public := object{"ipv4": nil, "ipv6": nil, "floating_ips": floating, "firewalls": walls}
	for _, p := range s.all["primary_ips"].items {
		if p["assignee_id"] == id {
			public[p["type"].(string)] = object{"id": p["id"], "ip": p["ip"], "blocked": false, "dns_ptr": "static.example.com"}
			if p["type"] == "ipv6" {
				public["ipv6"].(object)["dns_ptr"] = []any{}
			}
		}
	}
	c["volumes"], c["load_balancers"], c["public_net"] = volumes, balancers, public
}

// a serverOrder is what a request for a server comes to.
type serverOrder struct {
	kind, image, location     object
	volumes, networks, walls  []int64
	ipv4, ipv6                int64
	noIPv4, noIPv6, leavedOff bool
}

// order checks a request for a server.
func (s *Server) order(in object) (o serverOrder, err error) {
	if name := in["name"].(string); !hostname.MatchString(name) {
		return o, invalid("name: %q is no valid hostname", name)
	}
	if err := s.fresh("servers", in, 0); err != nil {
		return o, err
	}
	if o.kind = s.named("server_types", in["server_type"].(string)); o.kind == nil {
		return o, invalid("server_type: %q not found", in["server_type"])
	}
	if o.image = s.imageFor(in["image"].(string), o.kind["architecture"]); o.image == nil {
		return o, invalid("image: %q not found for %v", in["image"], o.kind["architecture"])
	}
	if o.image["status"] != "available" {
		return o, refuse(422, "resource_unavailable", "image is not available")
	}
	if o.image["disk_size"].(float64) > o.kind["disk"].(float64) {
		return o, refuse(422, "invalid_server_type", "image disk is bigger than server type disk")
	}
	if o.location, err = s.location(in, "location"); err != nil {
		return o, err
	}
	o.volumes, o.networks = numbers(in["volumes"]), numbers(in["networks"])
	for _, id := range o.volumes {
		v, err := s.reference("volumes", id)
		if err != nil {
			return o, err
		}
		if v["server"] != nil {
			return o, refuse(422, "volume_already_attached", "volume is already attached")
		}
		if _, given := in["location"]; !given && id == o.volumes[0] {
			o.location = v["location"].(object)
		}
		if name := v["location"].(object)["name"]; name != o.location["name"] {
			return o, invalid("volumes: volume %d is in %v", id, name)
		}
	}
	if !sold(o.kind, o.location) {
		return o, refuse(412, "resource_unavailable", "server type %v is not available in %v", o.kind["name"], o.location["name"])
	}
	for _, id := range o.networks {
		n, err := s.reference("networks", id)
		if err != nil {
			return o, err
		}
		if len(n["subnets"].([]any)) == 0 {
			return o, refuse(422, "no_subnet_available", "network %d has no subnet", id)
		}
	}
	firewalls, _ := in["firewalls"].([]any)
	for _, f := range firewalls {
		id := number(f.(object)["firewall"])
		if _, err := s.reference("firewalls", id); err != nil {
			return o, err
		}
		o.walls = append(o.walls, id)
	}
	keys, _ := in["ssh_keys"].([]any)
	for _, k := range keys {
		if s.named("ssh_keys", k.(string)) == nil {
			return o, invalid("ssh_keys: %q not found", k)
		}
	}
	public, _ := in["public_net"].(object)
	o.noIPv4, o.noIPv6, o.leavedOff = public["enable_ipv4"] == false, public["enable_ipv6"] == false, in["start_after_create"] == false
	o.ipv4, o.ipv6 = number(public["ipv4"]), number(public["ipv6"])
	if o.noIPv4 && o.noIPv6 && len(o.networks) == 0 && !o.leavedOff {
		return o, invalid("a server without a network interface cannot be started")
	}
	for _, id := range []int64{o.ipv4, o.ipv6} {
		if id == 0 {
			continue
		}
		p, err := s.reference("primary_ips", id)
		if err != nil {
			return o, err
		}
		if p["assignee_id"] != nil {
			return o, refuse(422, "primary_ip_assigned", "primary IP %d is assigned already", id)
		}
	}
	if n := s.options.Servers; n > 0 && len(s.all["servers"].items) >= n {
		return o, refuse(403, "resource_limit_exceeded", "server limit exceeded")
	}
	return o, nil
}

// imageFor finds an image by its id, or by its name for an architecture.
func (s *Server) imageFor(name string, architecture any) object {
	for _, i := range s.all["images"].items {
		if (i["name"] == name || strconv.FormatInt(i["id"].(int64), 10) == name) && i["architecture"] == architecture {
			return i
		}
	}
	return nil
}

// sold reports whether a type of server can be had somewhere.
func sold(kind, location object) bool {
	for _, l := range kind["locations"].([]any) {
		if l.(object)["name"] == location["name"] {
			return kind["deprecation"] == nil
		}
	}
	return false
}

// serverRoutes serves the making and unmaking of servers.
func (s *Server) serverRoutes() {
	s.handle("POST /servers", 201, func(c *call) (object, error) {
		o, err := s.order(c.in)
		if err != nil {
			return nil, err
		}
		server := s.add("servers", c.in, object{"status": "initializing", "private_net": []any{}, "server_type": o.kind, "location": o.location, "image": copied(o.image),
			"iso": nil, "rescue_enabled": false, "locked": true, "backup_window": nil, "outgoing_traffic": nil, "ingoing_traffic": nil, "included_traffic": int64(20) << 40,
			"protection": object{"delete": false, "rebuild": false}, "primary_disk_size": o.kind["disk"]})
		id := server["id"].(int64)
		for _, kind := range []struct {
			name string
			id   int64
			off  bool
		}{{"ipv4", o.ipv4, o.noIPv4}, {"ipv6", o.ipv6, o.noIPv6}} {
			switch {
			case kind.off:
			case kind.id != 0:
				s.all["primary_ips"].get(kind.id)["assignee_id"] = id
			default:
				s.newPrimary(object{"name": fmt.Sprintf("primary_ip-%d", s.lastID+1)}, kind.name, o.location, id, true)
			}
		}
		for _, w := range o.walls {
			f := s.all["firewalls"].get(w)
			f["applied_to"] = append(f["applied_to"].([]any), object{"type": "server", "server": object{"id": id}})
		}
		action := s.begin("create_server", "servers", id, func() { server["status"] = "off" })
		next := []any{}
		for _, n := range o.networks {
			_ = s.join(server, s.all["networks"].get(n), nil)
			next = append(next, s.begin("attach_to_network", "servers", id, nil, object{"id": n, "type": "network"}))
		}
		for _, v := range o.volumes {
			s.plug(s.all["volumes"].get(v), id)
			next = append(next, s.begin("attach_volume", "volumes", v, nil, object{"id": id, "type": "server"}))
		}
		if !o.leavedOff {
			next = append(next, s.begin("start_server", "servers", id, func() { server["status"] = "running" }))
		}
		var password any = "YItygq1v3GYjjMomLaKc"
		if keys, _ := c.in["ssh_keys"].([]any); len(keys) > 0 {
			password = nil
		}
		return object{"server": s.shown("servers", server), "action": action, "next_actions": next, "root_password": password}, nil
	})
	s.updates("servers")
	s.handle("DELETE /servers/{id}", 200, func(c *call) (object, error) {
		o, err := s.find("servers", c.id)
		if err == nil {
			err = protected(o)
		}
		if err == nil {
			err = s.free("servers", c.id)
		}
		if err != nil {
			return nil, err
		}
		o["status"] = "deleting"
		return object{"action": s.begin("delete_server", "servers", c.id, func() { s.dropServer(c.id) })}, nil
	})
}

// dropServer removes a server, and its traces from what lives on.
func (s *Server) dropServer(id int64) {
	s.remove("servers", id)
	for _, v := range s.all["volumes"].items {
		if v["server"] == id {
			v["server"], v["linux_device"] = nil, device(v)
		}
	}
	for _, f := range s.all["floating_ips"].items {
		if f["server"] == id {
			f["server"] = nil
		}
	}
	var gone []int64
	for _, p := range s.all["primary_ips"].items {
		if p["assignee_id"] == id {
			if p["assignee_id"] = nil; p["auto_delete"] == true {
				gone = append(gone, p["id"].(int64))
			}
		}
	}
	for _, p := range gone {
		s.remove("primary_ips", p)
	}
	target := object{"type": "server", "server": object{"id": id}}
	for _, f := range s.all["firewalls"].items {
		f["applied_to"] = cut(f["applied_to"].([]any), appliedTo(f, target))
	}
	for _, b := range s.all["load_balancers"].items {
		b["targets"] = cut(b["targets"].([]any), targetOf(b, target))
	}
}

// cut is a list without its item i, if there is one.
func cut(list []any, i int) []any {
	if i < 0 {
		return list
	}
	return append(append([]any{}, list[:i]...), list[i+1:]...)
}

// serverActions serves what is done to servers.
func (s *Server) serverActions() {
	power := func(name, command, during, after string) {
		s.act("servers", name, func(c *call, o object) (object, error) {
			if o["status"] == after { // on already, or off already
				return object{"action": s.atOnce(command, "servers", c.id)}, nil
			}
			o["status"] = during
			return object{"action": s.begin(command, "servers", c.id, func() { o["status"] = after })}, nil
		})
	}
	power("poweron", "start_server", "starting", "running")
	power("poweroff", "stop_server", "stopping", "off")
	// A shutdown only sends the ACPI signal: its action is done at once.
	s.act("servers", "shutdown", func(c *call, o object) (object, error) {
		if o["status"] == "running" {
			o["status"] = "stopping"
			s.begin("shutdown_server", "servers", c.id, func() { o["status"] = "off" })
		}
		return object{"action": s.atOnce("shutdown_server", "servers", c.id)}, nil
	})
	for name, command := range map[string]string{"reboot": "reboot_server", "reset": "reset_server"} {
		s.act("servers", name, func(c *call, o object) (object, error) {
			if o["status"] != "running" {
				return nil, refuse(409, "conflict", "server is not running")
			}
			return object{"action": s.begin(command, "servers", c.id, nil)}, nil
		})
	}
	s.act("servers", "change_type", func(c *call, o object) (object, error) {
		kind := s.named("server_types", c.in["server_type"].(string))
		switch old := o["server_type"].(object); {
		case kind == nil:
			return nil, invalid("server_type: %q not found", c.in["server_type"])
		case o["status"] != "off":
			return nil, refuse(422, "server_not_stopped", "server must be stopped")
		case kind["name"] == old["name"]:
			return nil, refuse(422, "invalid_server_type", "server is of that type already")
		case kind["architecture"] != old["architecture"] || !sold(kind, o["location"].(object)) || kind["disk"].(float64) < o["primary_disk_size"].(float64):
			return nil, refuse(422, "invalid_server_type", "server type %v does not fit the server", kind["name"])
		}
		o["status"] = "migrating"
		return object{"action": s.begin("change_server_type", "servers", c.id, func() {
			o["status"], o["server_type"] = "running", kind // it starts the server again
			if c.in["upgrade_disk"] == true {
				o["primary_disk_size"] = kind["disk"]
			}
		})}, nil
	})
	s.act("servers", "create_image", func(c *call, o object) (object, error) {
		if err := s.fresh("images", c.in, 0); err != nil {
			return nil, err
		}
		kind, _ := c.in["type"].(string)
		if kind == "" {
			kind = "snapshot"
		}
		text, _ := c.in["description"].(string)
		from := o["image"].(object)
		var bound any
		if kind == "backup" {
			if o["backup_window"] == nil {
				return nil, refuse(412, "conflict", "backups are not enabled")
			}
			bound = c.id
		}
		image := s.add("images", c.in, object{"type": kind, "status": "creating", "name": nil, "description": text, "image_size": nil, "disk_size": o["primary_disk_size"],
			"created_from": object{"id": c.id, "name": o["name"]}, "bound_to": bound, "os_flavor": from["os_flavor"], "os_version": from["os_version"], "rapid_deploy": false,
			"protection": object{"delete": false}, "deprecated": nil, "deleted": nil, "architecture": from["architecture"]})
		id := image["id"].(int64)
		action := s.begin("create_image", "servers", c.id, nil, object{"id": id, "type": "image"})
		s.begin("create_image", "images", id, func() { image["status"], image["image_size"] = "available", 1.5 })
		return object{"action": action, "image": copied(image)}, nil
	})
	s.protects("servers")
	s.act("servers", "attach_to_network", func(c *call, o object) (object, error) {
		n, err := s.reference("networks", number(c.in["network"]))
		if err != nil {
			return nil, err
		}
		if err := s.join(o, n, c.in); err != nil {
			return nil, err
		}
		return object{"action": s.begin("attach_to_network", "servers", c.id, nil, object{"id": n["id"], "type": "network"})}, nil
	})
	s.act("servers", "detach_from_network", func(c *call, o object) (object, error) {
		if !leave(o, number(c.in["network"])) {
			return nil, refuse(404, "not_found", "server is not in that network")
		}
		return object{"action": s.begin("detach_from_network", "servers", c.id, nil)}, nil
	})
}
