package digitalocean_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The description that the double is held to is our own: what the API's
// reference says of the requests that the driver sends and of the answers to
// them, no more. With DIGITALOCEAN_OPENAPI the tests hold it to a description in
// a file instead, as DigitalOcean publishes one.

// apiDescription is an OpenAPI document.
func apiDescription(t testing.TB) []byte {
	t.Helper()
	if path := os.Getenv("DIGITALOCEAN_OPENAPI"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	data, err := json.Marshal(object{"openapi": "3.0.0", "info": object{"title": "DigitalOcean, as the driver uses it", "version": "2"}, "paths": paths()})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Words for schemas. A field whose name ends in "?" may be left out.
var (
	text    = object{"type": "string"}
	integer = object{"type": "integer"}
	amount  = object{"type": "number"}
	boolean = object{"type": "boolean"}
	instant = object{"type": "string", "format": "date-time"}
	id      = object{"type": "string", "format": "uuid"}
	texts   = list(text)
	numbers = list(integer)
)

func list(of object) object { return object{"type": "array", "items": of} }

func one(words ...string) object { return object{"type": "string", "enum": words} }

func matching(pattern string, length int) object {
	return object{"type": "string", "pattern": pattern, "maxLength": length}
}

func orNull(o object) object {
	n := object{"nullable": true}
	for k, v := range o {
		n[k] = v
	}
	return n
}

// record is an object of these fields and no others; open, of others too.
func record(fields object) object {
	o := open(fields)
	o["additionalProperties"] = false
	return o
}

func open(fields object) object {
	properties, required := object{}, []string{}
	for name, schema := range fields {
		plain, optional := strings.CutSuffix(name, "?")
		properties[plain] = schema
		if !optional {
			required = append(required, plain)
		}
	}
	o := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

// call describes one operation: its path with the parameters that it takes, its
// body, and its answer.
func call(status string, body, answer object, query ...string) object {
	var parameters []object
	for _, name := range query {
		schema := text
		switch name {
		case "page":
			schema = object{"type": "integer", "minimum": 1}
		case "per_page":
			schema = object{"type": "integer", "minimum": 1, "maximum": 200}
		}
		parameters = append(parameters, object{"name": name, "in": "query", "schema": schema})
	}
	response := object{"description": "done"}
	if answer != nil {
		response["content"] = object{"application/json": object{"schema": answer}}
	}
	o := object{"responses": object{status: response}, "parameters": parameters}
	if body != nil {
		o["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": body}}}
	}
	return o
}

// listing is a call for one page of a list.
func listing(key string, item object, query ...string) object {
	return call("200", nil, open(object{key: list(item), "links": open(object{"pages?": open(object{"next?": text, "last?": text})}), "meta": open(object{"total": integer})}),
		append(query, "page", "per_page")...)
}

func paths() object {
	region := open(object{"slug": text, "name": text, "available": boolean, "features": texts, "sizes": texts})
	size := open(object{"slug": text, "memory": object{"type": "integer", "multipleOf": 8}, "vcpus": integer, "disk": integer, "transfer": amount, "price_monthly": amount,
		"price_hourly": amount, "regions": texts, "available": boolean, "description": text})
	image := open(object{"id": integer, "name": text, "type": one("base", "snapshot", "backup", "custom", "admin"), "distribution": text, "slug": orNull(text), "public": boolean, "regions": texts,
		"created_at": instant, "min_disk_size": orNull(integer), "size_gigabytes": orNull(amount), "status": one("NEW", "available", "pending", "deleted", "retired"), "tags": texts})
	address := open(object{"ip_address": text, "netmask": text, "gateway": text, "type": one("public", "private")})
	droplet := open(object{"id": integer, "name": text, "memory": integer, "vcpus": integer, "disk": integer, "locked": boolean, "status": one("new", "active", "off", "archive"), "created_at": instant,
		"features": texts, "backup_ids": numbers, "snapshot_ids": numbers, "next_backup_window": orNull(object{"type": "object"}), "image": image, "volume_ids": texts, "size": size, "size_slug": text,
		"networks": open(object{"v4": list(address), "v6": list(object{"type": "object"})}), "region": region, "tags": texts, "vpc_uuid?": text})
	hostname := matching(`^[a-zA-Z0-9]?[a-z0-9A-Z.\-]*[a-z0-9A-Z]$`, 255)
	newDroplet := func(name string, schema object) object {
		return record(object{name: schema, "size": text, "image": object{"oneOf": []object{text, integer}}, "region?": text, "ssh_keys?": numbers, "backups?": boolean, "ipv6?": boolean, "monitoring?": boolean,
			"tags?": texts, "user_data?": text, "volumes?": texts, "vpc_uuid?": id, "public_networking?": boolean})
	}
	action := open(object{"id": integer, "status": one("in-progress", "completed", "errored"), "type": text, "started_at": instant, "completed_at": orNull(instant), "resource_id": orNull(integer), "resource_type": text})
	acting := open(object{"action": action})
	key := open(object{"id": integer, "name": text, "public_key": text, "fingerprint": text})
	volume := open(object{"id": id, "name": text, "description": text, "size_gigabytes": integer, "droplet_ids": numbers, "created_at": text, "tags": texts, "region": region})
	snapshot := open(object{"id": text, "name": text, "created_at": instant, "regions": texts, "min_disk_size": integer, "size_gigabytes": amount, "resource_id": text, "resource_type": one("droplet", "volume"), "tags": texts})
	vpc := open(object{"id": id, "urn": text, "name": matching(`^[a-zA-Z0-9\-.]+$`, 255), "region": text, "ip_range": text, "created_at": instant, "default": boolean, "description": text})
	target := record(object{"addresses?": texts, "droplet_ids?": numbers, "tags?": texts})
	rule := func(end string) object {
		return record(object{"protocol": one("tcp", "udp", "icmp"), "ports": matching(`^(all|[0-9]{1,5}(-[0-9]{1,5})?)$`, 11), end: target})
	}
	inbound, outbound := list(rule("sources")), list(rule("destinations"))
	firewall := open(object{"id": id, "name": text, "status": one("waiting", "succeeded", "failed"), "droplet_ids": numbers, "tags": texts, "inbound_rules": inbound, "outbound_rules": outbound})
	rules := object{"anyOf": []object{record(object{"inbound_rules": inbound, "outbound_rules?": outbound}), record(object{"inbound_rules?": inbound, "outbound_rules": outbound})}}
	reserved := open(object{"ip": object{"type": "string", "format": "ipv4"}, "region": region, "droplet": orNull(object{"type": "object"}), "locked": boolean, "project_id": id})
	forwarding := record(object{"entry_protocol": one("http", "https", "http2", "http3", "tcp", "udp"), "entry_port": integer, "target_protocol": one("http", "https", "http2", "tcp", "udp"), "target_port": integer,
		"certificate_id?": text, "tls_passthrough?": boolean})
	check := record(object{"protocol": one("http", "https", "tcp"), "port": integer, "path?": text, "check_interval_seconds": integer, "response_timeout_seconds": integer, "unhealthy_threshold": integer, "healthy_threshold": integer})
	balancer := open(object{"id": id, "name": text, "ip": text, "status": one("new", "active", "errored"), "created_at": instant, "size_unit": integer, "vpc_uuid": id, "droplet_ids": numbers, "region": region,
		"forwarding_rules": list(forwarding), "health_check": check})
	newBalancer := record(object{"name": text, "region": text, "droplet_ids": numbers, "forwarding_rules": object{"type": "array", "minItems": 1, "items": forwarding}, "health_check?": check, "vpc_uuid?": id,
		"size_unit?": object{"type": "integer", "minimum": 1, "maximum": 100}})
	resources := record(object{"resources": list(record(object{"resource_id": text, "resource_type": one("droplet", "image", "volume", "volume_snapshot")}))})
	members := record(object{"droplet_ids": numbers})
	nothing := func() object { return call("204", nil, nil) }
	get := func(name string, schema object) object { return call("200", nil, open(object{name: schema})) }
	all := object{
		"/v2/regions":                      object{"get": listing("regions", region)},
		"/v2/sizes":                        object{"get": listing("sizes", size)},
		"/v2/images":                       object{"get": listing("images", image, "type", "private", "tag_name")},
		"/v2/images/{id}":                  object{"get": get("image", image), "delete": nothing()},
		"/v2/account/keys":                 object{"get": listing("ssh_keys", key), "post": call("201", record(object{"name": text, "public_key": text}), open(object{"ssh_key": key}))},
		"/v2/account/keys/{id}":            object{"get": get("ssh_key", key), "delete": nothing()},
		"/v2/actions/{id}":                 object{"get": get("action", action)},
		"/v2/droplets":                     object{"get": listing("droplets", droplet), "post": call("202", object{"oneOf": []object{newDroplet("name", hostname), newDroplet("names", list(hostname))}}, open(object{"links": open(object{"actions": list(object{"type": "object"})}), "droplet?": droplet, "droplets?": list(droplet)}))},
		"/v2/droplets/{id}":                object{"get": get("droplet", droplet), "delete": nothing()},
		"/v2/droplets/{id}/actions":        object{"post": call("201", record(object{"type": one("power_on", "power_off", "shutdown", "reboot", "resize", "snapshot"), "size?": text, "disk?": boolean, "name?": text}), acting)},
		"/v2/droplets/{id}/firewalls":      object{"get": listing("firewalls", firewall)},
		"/v2/tags":                         object{"post": call("201", record(object{"name": matching(`^[a-zA-Z0-9_\-:]+$`, 255)}), open(object{"tag": open(object{"name": text})}))},
		"/v2/tags/{tag}/resources":         object{"post": call("204", resources, nil), "delete": call("204", resources, nil)},
		"/v2/volumes":                      object{"get": listing("volumes", volume, "name", "region"), "post": call("201", record(object{"name": text, "size_gigabytes": integer, "region": text, "description?": text, "tags?": texts, "snapshot_id?": text, "filesystem_type?": one("ext4", "xfs")}), open(object{"volume": volume}))},
		"/v2/volumes/{id}":                 object{"get": get("volume", volume), "delete": nothing()},
		"/v2/volumes/{id}/actions":         object{"post": call("202", object{"oneOf": []object{record(object{"type": one("attach", "detach"), "droplet_id": integer, "region?": text}), record(object{"type": one("resize"), "size_gigabytes": integer, "region?": text})}}, acting)},
		"/v2/volumes/{id}/snapshots":       object{"post": call("201", record(object{"name": text, "tags?": texts}), open(object{"snapshot": snapshot}))},
		"/v2/snapshots":                    object{"get": listing("snapshots", snapshot, "resource_type")},
		"/v2/snapshots/{id}":               object{"get": get("snapshot", snapshot), "delete": nothing()},
		"/v2/vpcs":                         object{"get": listing("vpcs", vpc), "post": call("201", record(object{"name": matching(`^[a-zA-Z0-9\-.]+$`, 255), "region": text, "ip_range?": text, "description?": text}), open(object{"vpc": vpc}))},
		"/v2/vpcs/{id}":                    object{"get": get("vpc", vpc), "delete": nothing()},
		"/v2/firewalls":                    object{"get": listing("firewalls", firewall), "post": call("202", record(object{"name": matching(`^[a-zA-Z0-9][a-zA-Z0-9.\-]+$`, 255), "inbound_rules?": inbound, "outbound_rules": outbound}), open(object{"firewall": firewall}))},
		"/v2/firewalls/{id}":               object{"get": get("firewall", firewall), "delete": nothing()},
		"/v2/firewalls/{id}/droplets":      object{"post": call("204", members, nil)},
		"/v2/firewalls/{id}/rules":         object{"post": call("204", rules, nil), "delete": call("204", rules, nil)},
		"/v2/reserved_ips":                 object{"get": listing("reserved_ips", reserved), "post": call("202", record(object{"region": text}), open(object{"reserved_ip": reserved}))},
		"/v2/reserved_ips/{id}":            object{"get": get("reserved_ip", reserved), "delete": nothing()},
		"/v2/reserved_ips/{id}/actions":    object{"post": call("201", object{"oneOf": []object{record(object{"type": one("assign"), "droplet_id": integer}), record(object{"type": one("unassign")})}}, acting)},
		"/v2/load_balancers":               object{"get": listing("load_balancers", balancer), "post": call("202", newBalancer, open(object{"load_balancer": balancer}))},
		"/v2/load_balancers/{id}":          object{"get": get("load_balancer", balancer), "put": call("200", open(object{"name": text, "region": text, "forwarding_rules": list(forwarding)}), open(object{"load_balancer": balancer})), "delete": nothing()},
		"/v2/load_balancers/{id}/droplets": object{"post": call("204", members, nil), "delete": call("204", members, nil)},
	}
	for path, methods := range all {
		var parameters []object
		for part := range strings.SplitSeq(path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				schema := text
				if strings.HasPrefix(path, "/v2/droplets/") || strings.HasPrefix(path, "/v2/actions/") {
					schema = object{"type": "integer", "minimum": 1}
				}
				parameters = append(parameters, object{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": schema})
			}
		}
		methods.(object)["parameters"] = parameters
	}
	return all
}
