package digitalocean

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type firewall struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Status     string         `json:"status"`
	DropletIDs []int          `json:"droplet_ids"`
	Tags       []string       `json:"tags"` // of the droplets that it guards, not its own
	Inbound    []firewallRule `json:"inbound_rules"`
	Outbound   []firewallRule `json:"outbound_rules"`
}

// A firewallRule is for several addresses at once; the contract's is for one.
type firewallRule struct {
	Protocol     string  `json:"protocol"`
	Ports        string  `json:"ports"`
	Sources      *target `json:"sources,omitempty"`
	Destinations *target `json:"destinations,omitempty"`
}

type target struct {
	Addresses []string `json:"addresses,omitempty"`
}

func group(f firewall) compute.SecurityGroup {
	return compute.SecurityGroup{ID: f.ID, Name: f.Name, Rules: slices.Concat(rules(compute.Ingress, f.Inbound), rules(compute.Egress, f.Outbound)),
		Extra: map[string]any{"status": f.Status, "droplet_ids": f.DropletIDs, "tags": f.Tags}}
}

// rules are those of the contract, one for each address.
func rules(direction compute.Direction, list []firewallRule) []compute.SecurityGroupRule {
	out := []compute.SecurityGroupRule{}
	for _, r := range list {
		v := compute.SecurityGroupRule{Direction: direction, Protocol: compute.Protocol(r.Protocol)}
		from, to, isRange := strings.Cut(r.Ports, "-")
		if v.FromPort, _ = strconv.Atoi(from); isRange { // "0" and "all" are all ports
			v.ToPort, _ = strconv.Atoi(to)
		} else if v.FromPort != 0 {
			v.ToPort = v.FromPort
		}
		for _, t := range []*target{r.Sources, r.Destinations} {
			if t == nil {
				continue
			}
			for _, a := range t.Addresses {
				v.CIDR = cidr(a)
				out = append(out, v)
			}
		}
	}
	return out
}

// cidr is an address as a range, as the contract has it.
func cidr(address string) string {
	if ip, err := netip.ParseAddr(address); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()).String()
	}
	return address
}

// rule is one of the contract's rules as the API has it.
func rule(r compute.Rule) (firewallRule, error) {
	bad := func(format string, args ...any) (firewallRule, error) {
		return firewallRule{}, op.Errorf(op.InvalidArgument, format, args...)
	}
	switch {
	case r.Group != "":
		return bad("group: DigitalOcean's rules cannot name other firewalls: give addresses in cidr")
	case r.Protocol == compute.AllProtocols:
		return bad("protocol: DigitalOcean has no rule for all protocols at once: allow tcp, udp and icmp")
	case r.Description != "":
		return bad("description: DigitalOcean's rules have none")
	case r.Port != 0 && (r.FromPort != 0 || r.ToPort != 0):
		return bad("port stands for from_port and to_port: give one or the others")
	}
	from, to := r.FromPort, r.ToPort
	if r.Port != 0 {
		from = r.Port
	}
	if to == 0 {
		to = from
	}
	if from < 0 || to > 65535 || from > to {
		return bad("there are no ports from %d to %d", from, to)
	}
	if r.Protocol == compute.ICMP && from != 0 {
		return bad("icmp has no ports")
	}
	address := r.CIDR
	if address == "" {
		address = "0.0.0.0/0"
	}
	if _, err := netip.ParsePrefix(address); err != nil {
		return bad("cidr: %q is no range of addresses like \"192.0.2.0/24\"", r.CIDR)
	}
	out := firewallRule{Protocol: string(r.Protocol), Ports: fmt.Sprintf("%d-%d", from, to)}
	switch {
	case from == 0 && to == 0:
		out.Ports = "0"
	case from == to:
		out.Ports = strconv.Itoa(from)
	}
	if r.Direction == compute.Egress {
		out.Destinations = &target{Addresses: []string{address}}
	} else {
		out.Sources = &target{Addresses: []string{address}}
	}
	return out, nil
}

func (d *computeDriver) ListSecurityGroups(ctx context.Context, _ compute.ListSecurityGroups) iter.Seq2[compute.SecurityGroup, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.SecurityGroup, string, error) {
		items, next, err := list[firewall](ctx, d.client, "/v2/firewalls", nil, "firewalls", cursor)
		return convert(items, group), next, err
	})
}

func (d *computeDriver) firewall(ctx context.Context, id string) (firewall, error) {
	var answer struct {
		Firewall firewall `json:"firewall"`
	}
	err := d.do(ctx, http.MethodGet, path("firewalls", id), nil, nil, &answer)
	return answer.Firewall, gone(err, "security group", id)
}

// CreateSecurityGroup makes a firewall that lets everything out: the API wants
// a rule, and without one a droplet could not even resolve names.
func (d *computeDriver) CreateSecurityGroup(ctx context.Context, in compute.CreateSecurityGroup) (compute.SecurityGroup, error) {
	if err := none(in.Tags, "firewalls"); err != nil {
		return compute.SecurityGroup{}, err
	}
	switch {
	case in.Description != "":
		return compute.SecurityGroup{}, op.Errorf(op.InvalidArgument, "description: DigitalOcean's firewalls have none")
	case in.Network != "":
		return compute.SecurityGroup{}, op.Errorf(op.InvalidArgument, "network: DigitalOcean's firewalls belong to none")
	}
	everywhere := &target{Addresses: []string{"0.0.0.0/0", "::/0"}}
	var outbound []firewallRule
	for _, protocol := range []string{"tcp", "udp", "icmp"} {
		outbound = append(outbound, firewallRule{Protocol: protocol, Ports: "0", Destinations: everywhere})
	}
	var answer struct {
		Firewall firewall `json:"firewall"`
	}
	err := d.do(ctx, http.MethodPost, "/v2/firewalls", nil, map[string]any{"name": in.Name, "outbound_rules": outbound}, &answer)
	return group(answer.Firewall), err
}

// DestroySecurityGroup refuses a firewall that guards droplets: the API would
// leave them open.
func (d *computeDriver) DestroySecurityGroup(ctx context.Context, in compute.DestroySecurityGroup) error {
	f, err := d.firewall(ctx, in.SecurityGroup)
	if err != nil {
		return err
	}
	if len(f.DropletIDs) > 0 {
		return op.Errorf(op.Conflict, "the security group %s guards the node %d", in.SecurityGroup, f.DropletIDs[0])
	}
	return gone(d.do(ctx, http.MethodDelete, path("firewalls", in.SecurityGroup), nil, nil, nil), "security group", in.SecurityGroup)
}

// find reports whether the firewall has a rule.
func (f firewall) find(r firewallRule) bool {
	same := func(a, b *target) bool {
		return a != nil && b != nil && slices.Contains(convert(a.Addresses, cidr), cidr(b.Addresses[0]))
	}
	ports := func(p string) string {
		if p == "all" {
			return "0"
		}
		return p
	}
	return slices.ContainsFunc(slices.Concat(f.Inbound, f.Outbound), func(h firewallRule) bool {
		return h.Protocol == r.Protocol && ports(h.Ports) == r.Ports && (same(h.Sources, r.Sources) || same(h.Destinations, r.Destinations))
	})
}

func (d *computeDriver) AllowSecurityGroupRule(ctx context.Context, in compute.AllowSecurityGroupRule) error {
	return d.changeRule(ctx, in.SecurityGroup, in.Rule, http.MethodPost)
}

func (d *computeDriver) RevokeSecurityGroupRule(ctx context.Context, in compute.RevokeSecurityGroupRule) error {
	in.Description = "" // no part of what a rule is
	return d.changeRule(ctx, in.SecurityGroup, in.Rule, http.MethodDelete)
}

func (d *computeDriver) changeRule(ctx context.Context, id string, r compute.Rule, method string) error {
	v, err := rule(r)
	if err != nil {
		return err
	}
	f, err := d.firewall(ctx, id)
	switch there := f.find(v); {
	case err != nil:
		return err
	case there && method == http.MethodPost:
		return op.Errorf(op.AlreadyExists, "the security group %s has that rule already", id)
	case !there && method == http.MethodDelete:
		return op.Errorf(op.NotFound, "the security group %s has no such rule", id)
	}
	key := "inbound_rules"
	if v.Destinations != nil {
		key = "outbound_rules"
	}
	return gone(d.do(ctx, method, path("firewalls", id, "rules"), nil, map[string]any{key: []firewallRule{v}}, nil), "security group", id)
}
