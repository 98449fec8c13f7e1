package gce

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Load balancers: what their parts refer to must be there, what refers to them
// keeps them from being deleted, and endpoints are healthy while their instance
// runs.

// references are the fields of a resource that refer to others, by collection.
// A field may be a list.
var references = map[string]map[string][]string{
	"forwardingRules":    {"target": {"targetHttpProxies", "targetHttpsProxies", "targetTcpProxies", "targetSslProxies", "targetPools"}, "backendService": {"backendServices"}},
	"targetHttpProxies":  {"urlMap": {"urlMaps"}},
	"targetHttpsProxies": {"urlMap": {"urlMaps"}, "sslCertificates": {"sslCertificates"}},
	"targetTcpProxies":   {"service": {"backendServices"}},
	"targetSslProxies":   {"service": {"backendServices"}, "sslCertificates": {"sslCertificates"}},
	"urlMaps":            {"defaultService": {"backendServices"}},
	"backendServices":    {"healthChecks": {"healthChecks"}},
	"targetPools":        {"healthChecks": {"httpHealthChecks"}, "instances": {"instances"}},
}

// resolveAll makes full URLs of the references in a body, and refuses those that
// lead nowhere.
func (c *call) resolveAll(collection string) error {
	for field, to := range references[collection] {
		switch v := c.body[field].(type) {
		case string:
			path, err := c.referTo(field, v, to)
			if err != nil {
				return err
			}
			c.body[field] = root + path
		case []any:
			for i := range v {
				path, err := c.referTo(field, v[i].(string), to)
				if err != nil {
					return err
				}
				v[i] = root + path
			}
		}
	}
	return nil
}

func (c *call) referTo(field, url string, collections []string) (string, error) {
	parts := strings.Split(url, "/")
	if i := slices.Index(collections, parts[max(0, len(parts)-2)]); i >= 0 {
		return c.refer(field, url, collections[i])
	}
	return "", invalid("resource."+field, url, "The URL is malformed.")
}

// user is a resource that refers to path.
func (c *call) user(path string) string {
	for collection, fields := range references {
		for p, doc := range c.docs {
			if !strings.Contains(p, "/"+collection+"/") {
				continue
			}
			for field := range fields {
				list, _ := doc[field].([]any)
				if doc[field] == root+path || slices.Contains(list, any(root+path)) {
					return p
				}
			}
		}
	}
	for p, doc := range c.docs {
		for _, b := range listOf(doc["backends"]) {
			if b["group"] == root+path {
				return p
			}
		}
	}
	return ""
}

func removeUnused(c *call) (any, error) {
	if c.docs[c.path] == nil {
		return nil, notFound(c.path)
	}
	if user := c.user(c.path); user != "" {
		return nil, inUse(collectionIn(c.path), c.path, user)
	}
	return remove(c)
}

func collectionIn(path string) string {
	parts := strings.Split(path, "/")
	return parts[len(parts)-2]
}

// insertPart makes a resource whose references are there.
func insertPart(c *call) (any, error) {
	if err := c.resolveAll(c.path[strings.LastIndexByte(c.path, '/')+1:]); err != nil {
		return nil, err
	}
	return c.insert(nil)
}

// insertPrinted makes one that can only be changed by who knows it as it is.
func insertPrinted(c *call) (any, error) {
	c.body["fingerprint"] = fingerprint(c.body)
	return insertPart(c)
}

func insertHealthCheck(c *call) (any, error) {
	if err := checkHealthCheck(c.body); err != nil {
		return nil, err
	}
	return c.insert(nil)
}

func checkHealthCheck(doc map[string]any) error {
	kind, _ := doc["type"].(string)
	field := map[string]string{"HTTP": "httpHealthCheck", "HTTPS": "httpsHealthCheck", "TCP": "tcpHealthCheck", "SSL": "sslHealthCheck"}[kind]
	if field == "" || doc[field] == nil {
		return invalid("resource.type", kind, "The type and the check of that type must be given.")
	}
	if of := inner(doc, field); of["portSpecification"] == "USE_SERVING_PORT" && of["port"] != nil || of["portSpecification"] == "USE_FIXED_PORT" && of["port"] == nil {
		return invalid("resource."+field+".port", fmt.Sprint(of["port"]), "The port and the port specification do not fit.")
	}
	if number(doc["timeoutSec"]) > number(doc["checkIntervalSec"]) {
		return invalid("resource.timeoutSec", fmt.Sprint(doc["timeoutSec"]), "Must be at most checkIntervalSec.")
	}
	return nil
}

// replace is a method PUT.
func replace(c *call) (any, error) {
	doc := c.docs[c.path]
	if doc == nil {
		return nil, notFound(c.path)
	}
	if strings.Contains(c.path, "/healthChecks/") {
		if err := checkHealthCheck(c.body); err != nil {
			return nil, err
		}
	}
	return c.begin(c.path, nil, func() error {
		for _, name := range []string{"id", "creationTimestamp", "selfLink", "kind", "region"} {
			if doc[name] != nil {
				c.body[name] = doc[name]
			}
		}
		c.docs[c.path] = c.body
		return nil
	}, nil)
}

func insertBackendService(c *call) (any, error) {
	if err := c.checkBackends(); err != nil {
		return nil, err
	}
	regional := c.params["region"] != ""
	if c.body["loadBalancingScheme"] == "EXTERNAL" && !regional {
		return nil, &fault{where: "resource.loadBalancingScheme", what: "EXTERNAL would be a classic one, which has no localityLbPolicy"}
	}
	return insertPrinted(c)
}

func (c *call) checkBackends() error {
	for i, b := range listOf(c.body["backends"]) {
		field := fmt.Sprintf("backends[%d].group", i)
		group, _ := b["group"].(string)
		path, err := c.referTo(field, group, []string{"networkEndpointGroups", "instanceGroups"})
		if err != nil {
			return err
		}
		b["group"] = root + path
		kind := c.docs[path]["networkEndpointType"]
		if b["balancingMode"] == "RATE" && b["maxRatePerEndpoint"] == nil || kind == "GCE_VM_IP" && b["balancingMode"] != "CONNECTION" {
			return invalid("resource."+field, group, "The balancing mode does not fit the group.")
		}
	}
	return nil
}

func patchBackendService(c *call) (any, error) {
	doc := c.docs[c.path]
	switch {
	case doc == nil:
		return nil, notFound(c.path)
	case c.body["fingerprint"] != doc["fingerprint"]:
		return nil, stale(c.path)
	}
	if err := c.checkBackends(); err != nil {
		return nil, err
	}
	return c.begin(c.path, nil, func() error {
		if c.body["fingerprint"] != doc["fingerprint"] {
			e := stale(c.path).(*apiError)
			return &apiError{e.status, "CONDITION_NOT_MET", e.message}
		}
		for k, v := range c.body {
			if v == nil {
				delete(doc, k)
			} else {
				doc[k] = v
			}
		}
		doc["fingerprint"] = fingerprint([]any{doc["backends"], c.newID()})
		return nil
	}, nil)
}

func insertForwardingRule(c *call) (any, error) {
	if c.body["labels"] != nil {
		return nil, &fault{where: "resource.labels", what: "These can only be added or modified by the setLabels method."}
	}
	if err := c.resolveAll("forwardingRules"); err != nil {
		return nil, err
	}
	if (c.body["target"] == nil) == (c.body["backendService"] == nil) {
		return nil, invalid("resource.target", "", "Exactly one of target and backendService must be given.")
	}
	address := ""
	if url, _ := c.body["IPAddress"].(string); strings.Contains(url, "/") {
		path, err := c.refer("IPAddress", url, "addresses")
		if err != nil {
			return nil, err
		}
		address, c.body["IPAddress"] = path, c.docs[path]["address"]
	}
	for p, doc := range c.docs {
		if strings.Contains(p, "/addresses/") && doc["address"] == c.body["IPAddress"] && c.body["IPAddress"] != nil {
			if len(users(doc)) > 0 {
				return nil, inUse("address", p, users(doc)[0].(string))
			}
			address = p
		}
	}
	if text, _ := c.body["portRange"].(string); text != "" && !strings.Contains(text, "-") {
		c.body["portRange"] = text + "-" + text
	}
	path := c.path + "/" + c.body["name"].(string)
	return c.insert(func(doc map[string]any) {
		if address == "" {
			c.lastIP++
			doc["IPAddress"] = fmt.Sprintf("35.201.%d.%d", c.lastIP/250, c.lastIP%250+1)
			return
		}
		c.docs[address]["users"], c.docs[address]["status"] = []any{root + path}, "IN_USE"
	})
}

func deleteForwardingRule(c *call) (any, error) {
	if c.docs[c.path] == nil {
		return nil, notFound(c.path)
	}
	return c.begin(c.path, nil, func() error {
		delete(c.docs, c.path)
		for p, doc := range c.docs {
			if strings.Contains(p, "/addresses/") && slices.Contains(users(doc), any(root+c.path)) {
				delete(doc, "users")
				doc["status"] = "RESERVED"
			}
		}
		return nil
	}, nil)
}

func setSslCertificates(c *call) (any, error) {
	path := strings.Replace(strings.TrimSuffix(c.path, "/setSslCertificates"), Project+"/target", Project+"/global/target", 1)
	doc := c.docs[path]
	if doc == nil {
		return nil, notFound(path)
	}
	if err := c.resolveAll("targetHttpsProxies"); err != nil {
		return nil, err
	}
	return c.begin(path, nil, func() error {
		doc["sslCertificates"] = c.body["sslCertificates"]
		return nil
	}, nil)
}

// Groups of endpoints. Their endpoints are kept beside them.

func insertGroup(c *call) (any, error) {
	kind, _ := c.body["networkEndpointType"].(string)
	if _, err := c.referred("network", "networks"); err != nil {
		return nil, err
	}
	if _, err := c.referred("subnetwork", "subnetworks"); err != nil {
		return nil, err
	}
	if kind == "NON_GCP_PRIVATE_IP_PORT" && c.body["subnetwork"] != nil || kind != "NON_GCP_PRIVATE_IP_PORT" && c.body["subnetwork"] == nil {
		return nil, invalid("resource.subnetwork", "", "It does not fit the type of the endpoints.")
	}
	c.body["size"] = 0
	return c.insert(nil)
}

func (c *call) group(word string) (string, map[string]any, error) {
	path := strings.TrimSuffix(c.path, "/"+word)
	if c.docs[path] == nil {
		return "", nil, notFound(path)
	}
	return path, c.docs[path], nil
}

// sameEndpoint reports whether two are one.
func sameEndpoint(a, b map[string]any) bool {
	return a["ipAddress"] == b["ipAddress"] && fmt.Sprint(a["port"]) == fmt.Sprint(b["port"]) && a["instance"] == b["instance"]
}

func attachEndpoints(c *call) (any, error) {
	path, doc, err := c.group("attachNetworkEndpoints")
	if err != nil {
		return nil, err
	}
	kind := doc["networkEndpointType"]
	wanted := listOf(c.body["networkEndpoints"])
	for i, e := range wanted {
		field := fmt.Sprintf("networkEndpoints[%d]", i)
		ip, _ := e["ipAddress"].(string)
		if _, err := netip.ParseAddr(ip); err != nil {
			return nil, invalid("resource."+field+".ipAddress", ip, "Must be an address.")
		}
		instance, _ := e["instance"].(string)
		if (kind == "NON_GCP_PRIVATE_IP_PORT") != (instance == "") || (kind == "GCE_VM_IP") != (e["port"] == nil) {
			return nil, invalid("resource."+field, ip, "The endpoint does not fit the type of the group.")
		}
		if at := path[:strings.Index(path, "/networkEndpointGroups/")] + "/instances/" + instance; instance != "" && c.docs[at] == nil {
			return nil, invalid("resource."+field+".instance", instance, "The referenced instance resource cannot be found.")
		}
	}
	return c.begin(path, nil, func() error {
		for _, e := range wanted {
			if !slices.ContainsFunc(c.members[path], func(have map[string]any) bool { return sameEndpoint(have, e) }) {
				c.members[path] = append(c.members[path], e)
			}
		}
		doc["size"] = len(c.members[path])
		return nil
	}, nil)
}

func detachEndpoints(c *call) (any, error) {
	path, doc, err := c.group("detachNetworkEndpoints")
	if err != nil {
		return nil, err
	}
	for _, e := range listOf(c.body["networkEndpoints"]) {
		if !slices.ContainsFunc(c.members[path], func(have map[string]any) bool { return sameEndpoint(have, e) }) {
			return nil, &apiError{http.StatusBadRequest, "invalid", fmt.Sprintf("The endpoint %v is not in the group.", e)}
		}
	}
	return c.begin(path, nil, func() error {
		for _, e := range listOf(c.body["networkEndpoints"]) {
			c.members[path] = slices.DeleteFunc(c.members[path], func(have map[string]any) bool { return sameEndpoint(have, e) })
		}
		doc["size"] = len(c.members[path])
		return nil
	}, nil)
}

func deleteGroup(c *call) (any, error) {
	out, err := removeUnused(c)
	if err == nil {
		delete(c.members, c.path)
	}
	return out, err
}

func listEndpoints(c *call) (any, error) {
	path, _, err := c.group("listNetworkEndpoints")
	if err != nil {
		return nil, err
	}
	keys := map[string]map[string]any{}
	var names []string
	for _, e := range c.members[path] {
		key := fmt.Sprintf("%s %v", e["ipAddress"], e["port"])
		keys[key] = e
		names = append(names, key)
	}
	names, next, err := c.page(names)
	if err != nil {
		return nil, err
	}
	items := []any{}
	for _, name := range names {
		item := map[string]any{"networkEndpoint": keys[name]}
		if user := c.user(path); user != "" && c.body["healthStatus"] == "SHOW" {
			item["healths"] = []any{map[string]any{"backendService": map[string]any{"backendService": root + user}, "healthState": c.healthOf(path, keys[name]["instance"])}}
		}
		items = append(items, item)
	}
	out := map[string]any{"kind": "compute#networkEndpointGroupsListNetworkEndpoints", "id": c.path, "items": items}
	if next != "" {
		out["nextPageToken"] = next
	}
	return out, nil
}

// healthOf is the state of an endpoint: as its instance is, or healthy.
func (c *call) healthOf(group string, instance any) string {
	if name, _ := instance.(string); name != "" {
		return c.instanceHealth(group[:strings.Index(group, "/networkEndpointGroups/")] + "/instances/" + name)
	}
	return "HEALTHY"
}

func (c *call) instanceHealth(path string) string {
	if doc := c.docs[path]; doc != nil && doc["status"] == "RUNNING" {
		return "HEALTHY"
	}
	return "UNHEALTHY"
}

// Target pools.

func changePool(word string, change func(have, given []any) []any) func(*call) (any, error) {
	return func(c *call) (any, error) {
		path, doc, err := c.group(word)
		if err != nil {
			return nil, err
		}
		var given []any
		for _, i := range listOf(c.body["instances"]) {
			at, err := c.refer("instances", i["instance"].(string), "instances")
			if err != nil {
				return nil, err
			}
			given = append(given, root+at)
		}
		return c.begin(path, nil, func() error {
			have, _ := doc["instances"].([]any)
			doc["instances"] = change(have, given)
			return nil
		}, nil)
	}
}

func poolHealth(c *call) (any, error) {
	if _, _, err := c.group("getHealth"); err != nil {
		return nil, err
	}
	at, err := c.refer("instance", c.body["instance"].(string), "instances")
	if err != nil {
		return nil, err
	}
	nic := listOf(c.docs[at]["networkInterfaces"])[0]
	return map[string]any{"kind": "compute#targetPoolInstanceHealth", "healthStatus": []any{map[string]any{"instance": root + at, "ipAddress": nic["networkIP"], "port": 80,
		"healthState": c.instanceHealth(at)}}}, nil
}

// groupHealth is of a group of instances, which tests put there whole.
func groupHealth(c *call) (any, error) {
	if _, _, err := c.group("getHealth"); err != nil {
		return nil, err
	}
	var status []any
	for _, e := range c.members[c.pathOf(c.body["group"].(string))] {
		status = append(status, e)
	}
	return map[string]any{"kind": "compute#backendServiceGroupHealth", "healthStatus": status}, nil
}

// Members places what a group of instances has, as getHealth is to tell it.
func (s *Server) Members(group string, members ...map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members[group] = members
}

// balancerMethods are what the methods of the collections do that are about load
// balancers, by id. Most collections are two: of the world, and of regions.
func balancerMethods() map[string]func(*call) (any, error) {
	all := map[string]func(*call) (any, error){
		"globalForwardingRules.insert": insertForwardingRule, "forwardingRules.insert": insertForwardingRule,
		"globalForwardingRules.delete": deleteForwardingRule, "forwardingRules.delete": deleteForwardingRule,
		"globalAddresses.insert": insertAddress, "globalAddresses.delete": deleteAddress,
		"backendServices.insert": insertBackendService, "regionBackendServices.insert": insertBackendService,
		"backendServices.patch": patchBackendService, "regionBackendServices.patch": patchBackendService,
		"backendServices.getHealth": groupHealth, "regionBackendServices.getHealth": groupHealth,
		"healthChecks.insert": insertHealthCheck, "regionHealthChecks.insert": insertHealthCheck,
		"healthChecks.update": replace, "regionHealthChecks.update": replace, "httpHealthChecks.update": replace,
		"httpHealthChecks.insert": insertPart, "targetPools.insert": insertPart,
		"targetHttpsProxies.setSslCertificates": setSslCertificates, "regionTargetHttpsProxies.setSslCertificates": setSslCertificates,
		"targetSslProxies.setSslCertificates":          setSslCertificates,
		"networkEndpointGroups.insert":                 insertGroup,
		"networkEndpointGroups.delete":                 deleteGroup,
		"networkEndpointGroups.attachNetworkEndpoints": attachEndpoints,
		"networkEndpointGroups.detachNetworkEndpoints": detachEndpoints,
		"networkEndpointGroups.listNetworkEndpoints":   listEndpoints,
		"targetPools.getHealth":                        poolHealth,
		"targetPools.addInstance":                      changePool("addInstance", func(have, given []any) []any { return append(have, given...) }),
		"targetPools.removeInstance": changePool("removeInstance", func(have, given []any) []any {
			return slices.DeleteFunc(have, func(v any) bool { return slices.Contains(given, v) })
		}),
	}
	for _, c := range []string{"urlMaps", "regionUrlMaps", "targetHttpProxies", "regionTargetHttpProxies", "targetHttpsProxies", "regionTargetHttpsProxies", "targetTcpProxies", "targetSslProxies"} {
		all[c+".insert"] = insertPrinted
		if c == "targetTcpProxies" || c == "targetSslProxies" { // which have no fingerprint
			all[c+".insert"] = insertPart
		}
		all[c+".delete"] = removeUnused
	}
	for _, c := range []string{"backendServices", "regionBackendServices", "healthChecks", "regionHealthChecks", "httpHealthChecks", "targetPools"} {
		all[c+".delete"] = removeUnused
	}
	return all
}
