package gce

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

func insertNetwork(c *call) (any, error) {
	if c.body["autoCreateSubnetworks"] == nil {
		return nil, &fault{where: "resource.autoCreateSubnetworks", what: "without it this would be a legacy network"}
	}
	if c.body["routingConfig"] == nil {
		c.body["routingConfig"] = map[string]any{"routingMode": "REGIONAL"}
	}
	if c.body["mtu"] == nil {
		c.body["mtu"] = 1460
	}
	return c.insert(nil)
}

// uses is a resource that has a URL in a field.
func (c *call) uses(collection, field, path string) string {
	for p, doc := range c.docs {
		if strings.Contains(p, "/"+collection+"/") && doc[field] == root+path {
			return p
		}
	}
	return ""
}

func (c *call) instanceIn(field, path string) string {
	for p, doc := range c.docs {
		for _, nic := range listOf(doc["networkInterfaces"]) {
			if nic[field] == root+path {
				return p
			}
		}
	}
	return ""
}

func deleteNetwork(c *call) (any, error) {
	if c.docs[c.path] == nil {
		return nil, notFound(c.path)
	}
	for _, user := range []string{c.uses("subnetworks", "network", c.path), c.uses("firewalls", "network", c.path), c.instanceIn("network", c.path)} {
		if user != "" {
			return nil, inUse("network", c.path, user)
		}
	}
	return remove(c)
}

func insertSubnetwork(c *call) (any, error) {
	network, err := c.referred("network", "networks")
	if err != nil {
		return nil, err
	}
	if network == "" {
		return nil, invalid("resource.network", "", "The network is missing.")
	}
	text, _ := c.body["ipCidrRange"].(string)
	cidr, err := netip.ParsePrefix(text)
	if err != nil || cidr != cidr.Masked() || cidr.Bits() > 29 {
		return nil, invalid("resource.ipCidrRange", text, "Must be a CIDR address range.")
	}
	for p, doc := range c.docs {
		if strings.Contains(p, "/subnetworks/") && doc["network"] == root+network && netip.MustParsePrefix(doc["ipCidrRange"].(string)).Overlaps(cidr) {
			return nil, invalid("resource.ipCidrRange", text, "Invalid IPCidrRange: %s conflicts with existing subnetwork '%s'.", text, doc["name"])
		}
	}
	c.body["gatewayAddress"], c.body["purpose"], c.body["stackType"], c.body["fingerprint"] = cidr.Addr().Next().String(), "PRIVATE", "IPV4_ONLY", fingerprint(text)
	return c.insert(nil)
}

func deleteSubnetwork(c *call) (any, error) {
	if c.docs[c.path] == nil {
		return nil, notFound(c.path)
	}
	if user := c.instanceIn("subnetwork", c.path); user != "" {
		return nil, inUse("subnetwork", c.path, user)
	}
	return remove(c)
}

// ipProtocols are the words that the API's description names; numbers are
// protocols too.
var ipProtocols = []string{"tcp", "udp", "icmp", "esp", "ah", "ipip", "sctp", "all"}

func insertFirewall(c *call) (any, error) {
	if c.body["network"] == nil {
		c.body["network"] = "global/networks/default"
	}
	if _, err := c.referred("network", "networks"); err != nil {
		return nil, err
	}
	if c.body["direction"] == nil {
		c.body["direction"] = "INGRESS"
	}
	if c.body["priority"] == nil {
		c.body["priority"] = 1000
	}
	if (c.body["allowed"] == nil) == (c.body["denied"] == nil) {
		return nil, invalid("resource", "", "Exactly one of allowed and denied must be given.")
	}
	for _, a := range append(listOf(c.body["allowed"]), listOf(c.body["denied"])...) {
		if err := checkTraffic(a); err != nil {
			return nil, err
		}
	}
	for _, field := range []string{"sourceRanges", "destinationRanges"} {
		list, _ := c.body[field].([]any)
		for _, r := range list {
			if p, err := netip.ParsePrefix(fmt.Sprint(r)); err != nil || p != p.Masked() {
				return nil, invalid("resource."+field, fmt.Sprint(r), "Must be a valid CIDR address range.")
			}
		}
	}
	egress := c.body["direction"] == "EGRESS"
	switch {
	case egress && (c.body["sourceTags"] != nil || c.body["sourceServiceAccounts"] != nil):
		return nil, invalid("resource.sourceTags", "", "Source tags cannot be specified for egress.")
	case !egress && c.body["sourceRanges"] == nil && c.body["sourceTags"] == nil:
		c.body["sourceRanges"] = []any{"0.0.0.0/0"}
	case egress && c.body["destinationRanges"] == nil:
		c.body["destinationRanges"] = []any{"0.0.0.0/0"}
	}
	if c.body["disabled"] == nil {
		c.body["disabled"] = false
	}
	return c.insert(nil)
}

func checkTraffic(a map[string]any) error {
	protocol, _ := a["IPProtocol"].(string)
	if _, err := strconv.ParseUint(protocol, 10, 8); err != nil && !slices.Contains(ipProtocols, protocol) {
		return invalid("resource.allowed[0].IPProtocol", protocol, "Must be a well-known protocol or a number.")
	}
	ports, _ := a["ports"].([]any)
	if len(ports) > 0 && protocol != "tcp" && protocol != "udp" && protocol != "sctp" {
		return invalid("resource.allowed[0].ports", fmt.Sprint(ports), "Ports can only be given for protocols that have them.")
	}
	for _, p := range ports {
		from, to, isRange := strings.Cut(p.(string), "-")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 16)
		last, err2 := strconv.ParseUint(to, 10, 16)
		if err != nil || err2 != nil || first > last {
			return invalid("resource.allowed[0].ports[0]", p.(string), "Must be an integer or a range.")
		}
	}
	return nil
}

func insertAddress(c *call) (any, error) {
	if c.body["labels"] != nil {
		return nil, &fault{where: "resource.labels", what: "These can only be added or modified by the setLabels method."}
	}
	if c.body["addressType"] == nil {
		c.body["addressType"] = "EXTERNAL"
	}
	if c.body["networkTier"] == nil {
		c.body["networkTier"] = "PREMIUM"
	}
	c.body["status"] = "RESERVING"
	return c.insert(func(doc map[string]any) {
		c.lastIP++
		doc["status"], doc["address"] = "RESERVED", fmt.Sprintf("35.200.%d.%d", c.lastIP/250, c.lastIP%250+1)
	})
}

func deleteAddress(c *call) (any, error) {
	doc := c.docs[c.path]
	if doc == nil {
		return nil, notFound(c.path)
	}
	if u := users(doc); len(u) > 0 {
		return nil, inUse("address", c.path, strings.TrimPrefix(u[0].(string), root))
	}
	return remove(c)
}

// setCommonMetadata looks at the fingerprint when it is asked and when it is
// done: another may have been done in between.
func setCommonMetadata(c *call) (any, error) {
	path := "projects/" + c.params["project"]
	doc := c.docs[path]
	have := func() any { return inner(doc, "commonInstanceMetadata")["fingerprint"] }
	if c.body["fingerprint"] != have() {
		return nil, stale(path)
	}
	seen := map[any]bool{}
	for _, item := range listOf(c.body["items"]) {
		if seen[item["key"]] || item["key"] == nil || item["value"] == nil {
			return nil, invalid("resource.items", fmt.Sprint(item["key"]), "Keys must be unique.")
		}
		seen[item["key"]] = true
	}
	return c.begin(path, nil, func() error {
		if c.body["fingerprint"] != have() {
			e := stale(path).(*apiError)
			return &apiError{e.status, "CONDITION_NOT_MET", e.message}
		}
		metadata := map[string]any{"kind": "compute#metadata", "fingerprint": fingerprint([]any{c.body["items"], c.newID()})}
		if c.body["items"] != nil {
			metadata["items"] = c.body["items"]
		}
		doc["commonInstanceMetadata"] = metadata
		return nil
	}, nil)
}
