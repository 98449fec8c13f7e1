package hetznertest

import (
	"fmt"
	"strings"
)

// catalogue fills in what Hetzner itself has. Prices are invented.
func (s *Server) catalogue() {
	for plural, one := range map[string]string{"locations": "location", "server_types": "server_type", "load_balancer_types": "load_balancer_type",
		"images": "image", "ssh_keys": "ssh_key", "servers": "server", "volumes": "volume", "networks": "network", "firewalls": "firewall",
		"floating_ips": "floating_ip", "primary_ips": "primary_ip", "load_balancers": "load_balancer"} {
		s.all[plural] = &collection{plural: plural, one: one}
	}
	for i, l := range [][]string{{"fsn1", "Falkenstein", "DE", "eu-central"}, {"nbg1", "Nuremberg", "DE", "eu-central"}, {"hel1", "Helsinki", "FI", "eu-central"}, {"ash", "Ashburn, VA", "US", "us-east"}} {
		s.all["locations"].items = append(s.all["locations"].items, object{"id": int64(i + 1), "name": l[0], "description": l[1] + " DC Park 1",
			"country": l[2], "city": l[1], "latitude": 50.5, "longitude": 12.4, "network_zone": l[3]})
	}
	for i, t := range []struct {
		name, cpu, arch string
		cores           int
		memory, disk    float64
		price           float64
		where           string
		deprecated      bool
	}{
		{"cx22", "shared", "x86", 2, 4, 40, 0.006, "fsn1 nbg1 hel1", true},
		{"cx23", "shared", "x86", 2, 4, 40, 0.0056, "fsn1 nbg1 hel1", false},
		{"cx33", "shared", "x86", 4, 8, 80, 0.0088, "fsn1 nbg1 hel1", false},
		{"cpx21", "shared", "x86", 3, 4, 80, 0.012, "fsn1 ash", false},
		{"cpx31", "shared", "x86", 4, 8, 160, 0.0208, "fsn1 ash", false},
		{"cax11", "shared", "arm", 2, 4, 40, 0.006, "fsn1 nbg1", false},
		{"ccx13", "dedicated", "x86", 2, 8, 80, 0.02, "fsn1 nbg1 hel1 ash", false},
	} {
		var deprecation any
		if t.deprecated {
			deprecation = object{"announced": "2025-10-16T00:00:00Z", "unavailable_after": "2026-01-01T00:00:00Z"}
		}
		var places []any
		for place := range strings.FieldsSeq(t.where) {
			l := s.named("locations", place)
			places = append(places, object{"id": l["id"], "name": place, "deprecation": deprecation})
		}
		s.all["server_types"].items = append(s.all["server_types"].items, object{"id": int64(101 + i), "name": t.name, "description": strings.ToUpper(t.name),
			"category": "Cost-Optimized", "cores": t.cores, "memory": t.memory, "disk": t.disk, "prices": prices(t.price, t.where), "storage_type": "local",
			"cpu_type": t.cpu, "architecture": t.arch, "deprecated": t.deprecated, "deprecation": deprecation, "locations": places})
	}
	for i, t := range []struct {
		name                       string
		connections, services, max int
	}{{"lb11", 10000, 5, 25}, {"lb21", 20000, 15, 75}} {
		s.all["load_balancer_types"].items = append(s.all["load_balancer_types"].items, object{"id": int64(1 + i), "name": t.name, "description": strings.ToUpper(t.name),
			"max_connections": t.connections, "max_services": t.services, "max_targets": t.max, "max_assigned_certificates": 10 * (i + 1), "deprecated": nil,
			"prices": prices(0.008*float64(i+1), "fsn1 nbg1 hel1 ash")})
	}
	id := int64(201)
	for _, image := range [][]string{{"ubuntu-24.04", "Ubuntu 24.04", "ubuntu", "24.04"}, {"debian-12", "Debian 12", "debian", "12"}, {"debian-10", "Debian 10", "debian", "10"}} {
		for _, arch := range []string{"x86", "arm"} {
			var deprecated any
			if image[0] == "debian-10" {
				deprecated = "2024-06-01T00:00:00Z"
			}
			s.all["images"].items = append(s.all["images"].items, object{"id": id, "type": "system", "status": "available", "name": image[0], "description": image[1],
				"image_size": nil, "disk_size": 5.0, "created": "2024-04-25T13:26:27Z", "created_from": nil, "bound_to": nil, "os_flavor": image[2], "os_version": image[3],
				"rapid_deploy": true, "protection": object{"delete": false}, "deprecated": deprecated, "deleted": nil, "labels": object{}, "architecture": arch})
			id++
		}
	}
}

func price(f float64) object {
	return object{"net": fmt.Sprintf("%.10f", f), "gross": fmt.Sprintf("%.16f", f*1.19)}
}

func prices(hourly float64, where string) (list []any) {
	for place := range strings.FieldsSeq(where) {
		list = append(list, object{"location": place, "price_hourly": price(hourly), "price_monthly": price(hourly * 624),
			"included_traffic": int64(20) << 40, "price_per_tb_traffic": price(1)})
	}
	return list
}

// pricing answers GET /pricing.
func (s *Server) pricing(*call) (object, error) {
	of := func(plural string) (list []any) {
		for _, t := range s.all[plural].items {
			list = append(list, object{"id": t["id"], "name": t["name"], "prices": t["prices"]})
		}
		return list
	}
	ip := func(monthly float64) (list []any) {
		for _, kind := range []string{"ipv4", "ipv6"} {
			list = append(list, object{"type": kind, "prices": []any{object{"location": "fsn1", "price_hourly": price(monthly / 624), "price_monthly": price(monthly)}}})
		}
		return list
	}
	return object{"pricing": object{"currency": "EUR", "vat_rate": "19.00", "image": object{"price_per_gb_month": price(0.011)},
		"volume": object{"price_per_gb_month": price(0.044)}, "server_backup": object{"percentage": "20.00"},
		"floating_ip": object{"price_monthly": price(3)}, "floating_ips": ip(3), "primary_ips": ip(0.5),
		"server_types": of("server_types"), "load_balancer_types": of("load_balancer_types")}}, nil
}

// location looks a place up that a request names; the first if it names none.
func (s *Server) location(in object, field string) (object, error) {
	name, ok := in[field].(string)
	if !ok {
		return s.all["locations"].items[0], nil
	}
	if l := s.named("locations", name); l != nil {
		return l, nil
	}
	return nil, invalid("%s: %q not found", field, name)
}

// reference answers invalid_input for an id in a body that nothing has.
func (s *Server) reference(plural string, id int64) (object, error) {
	if o := s.all[plural].get(id); o != nil {
		return o, nil
	}
	return nil, refuse(404, "not_found", "%s not found: %d", s.all[plural].one, id)
}

// shown is a thing as the API shows it: with what depends on others.
func (s *Server) shown(plural string, o object) object {
	id := o["id"].(int64)
	c := copied(o)
	switch plural {
	case "servers":
		c["locked"] = s.current(key(plural, id)) != nil
		s.showServer(c, id)
	case "networks":
		c["servers"], c["load_balancers"] = s.members("servers", id), s.members("load_balancers", id)
	}
	return c
}

// routes says what is served.
func (s *Server) routes() {
	for _, plural := range []string{"locations", "server_types", "load_balancer_types", "images", "ssh_keys", "servers", "volumes", "networks",
		"firewalls", "floating_ips", "primary_ips", "load_balancers"} {
		s.reads(plural)
	}
	s.handle("GET /pricing", 200, s.pricing)
	s.actionRoutes()
	s.keyRoutes()
	s.imageRoutes()
	s.serverRoutes()
	s.serverActions()
	s.volumeRoutes()
	s.networkRoutes()
	s.firewallRoutes()
	s.floatingRoutes()
	s.primaryRoutes()
	s.balancerRoutes()
}
