package hetznertest

import "fmt"

// device is where a volume is found in its server.
func device(v object) string { return fmt.Sprintf("/dev/disk/by-id/scsi-0HC_Volume_%d", v["id"]) }

// plug attaches a volume.
func (s *Server) plug(v object, server int64) { v["server"] = server }

func (s *Server) volumeRoutes() {
	s.handle("POST /volumes", 201, func(c *call) (object, error) {
		if err := s.fresh("volumes", c.in, 0); err != nil {
			return nil, err
		}
		if size := number(c.in["size"]); size < 10 || size > 10240 {
			return nil, invalid("size: it is 10 to 10240")
		}
		_, placed := c.in["location"]
		to := number(c.in["server"])
		if placed == (to != 0) {
			return nil, invalid("one of location and server is needed")
		}
		location, err := s.location(c.in, "location")
		if err != nil {
			return nil, err
		}
		if to != 0 {
			server, err := s.reference("servers", to)
			if err == nil {
				err = s.free("servers", to)
			}
			if err != nil {
				return nil, err
			}
			location = server["location"].(object)
		}
		v := s.add("volumes", c.in, object{"server": nil, "location": location, "size": c.in["size"], "protection": object{"delete": false}, "status": "creating", "format": c.in["format"]})
		v["linux_device"] = device(v)
		id := v["id"].(int64)
		action, next := s.begin("create_volume", "volumes", id, func() { v["status"] = "available" }), []any{}
		if to != 0 {
			next = append(next, s.begin("attach_volume", "volumes", id, func() { s.plug(v, to) }, object{"id": to, "type": "server"}))
		}
		return object{"volume": copied(v), "action": action, "next_actions": next}, nil
	})
	s.updates("volumes")
	s.protects("volumes")
	s.deletes("volumes", func(v object) error {
		if v["server"] != nil {
			return refuse(422, "resource_in_use", "volume is still attached to server %v", v["server"])
		}
		return nil
	})
	s.act("volumes", "attach", func(c *call, v object) (object, error) {
		id := number(c.in["server"])
		server, err := s.reference("servers", id)
		switch {
		case err != nil:
			return nil, err
		case v["server"] != nil:
			return nil, refuse(422, "volume_already_attached", "volume is already attached to server %v", v["server"])
		case v["location"].(object)["name"] != server["location"].(object)["name"]:
			return nil, invalid("server: it is not in the volume's location")
		}
		if err := s.free("servers", id); err != nil {
			return nil, err
		}
		s.plug(v, id)
		return object{"action": s.begin("attach_volume", "volumes", c.id, nil, object{"id": id, "type": "server"})}, nil
	})
	s.act("volumes", "detach", func(c *call, v object) (object, error) {
		if v["server"] == nil {
			return nil, refuse(422, "invalid_input", "volume is not attached")
		}
		return object{"action": s.begin("detach_volume", "volumes", c.id, func() { v["server"] = nil })}, nil
	})
	s.act("volumes", "resize", func(c *call, v object) (object, error) {
		size := number(c.in["size"])
		if size <= number(v["size"]) {
			return nil, invalid("size: %d is not more than it has", size)
		}
		return object{"action": s.begin("resize_volume", "volumes", c.id, func() { v["size"] = size })}, nil
	})
}
