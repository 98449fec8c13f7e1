package openstack

import (
	"context"
	"iter"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type group struct {
	ID, Name, Description string
	Tags                  []string
	Rules                 []rule `json:"security_group_rules"`
}

// A rule is of IPv4 or IPv6. What is null stands for all.
type rule struct {
	ID, Direction, EtherType, Description string
	Protocol                              string
	From                                  int    `json:"port_range_min"`
	To                                    int    `json:"port_range_max"`
	CIDR                                  string `json:"remote_ip_prefix"`
	Group                                 string `json:"remote_group_id"`
}

// protocols are Neutron's names and numbers.
var protocols = map[string]compute.Protocol{"": compute.AllProtocols, "any": compute.AllProtocols, "tcp": compute.TCP, "6": compute.TCP, "udp": compute.UDP, "17": compute.UDP,
	"icmp": compute.ICMP, "1": compute.ICMP, "ipv6-icmp": compute.ICMP, "icmpv6": compute.ICMP, "58": compute.ICMP}

// portable is a rule as the contract has it, if that has it.
func (r rule) portable() (compute.SecurityGroupRule, bool) {
	w := compute.SecurityGroupRule{ID: r.ID, Direction: compute.Direction(r.Direction), Protocol: protocols[r.Protocol], CIDR: r.CIDR, Group: r.Group, Description: r.Description}
	if w.Protocol == compute.TCP || w.Protocol == compute.UDP {
		w.FromPort, w.ToPort = r.From, r.To
	}
	if w.CIDR == "" && w.Group == "" {
		w.CIDR = map[string]string{"IPv4": "0.0.0.0/0", "IPv6": "::/0"}[r.EtherType]
	}
	// Of an ICMP rule the ports are type and code.
	return w, w.Protocol != "" && (w.Protocol != compute.ICMP || r.From == 0 && r.To == 0)
}

func groupOf(i item[group]) compute.SecurityGroup {
	g := i.v
	w := compute.SecurityGroup{ID: g.ID, Name: g.Name, Description: g.Description, Tags: tagsOf(g.Tags), Extra: i.extra("stateful", "shared", "project_id", "revision_number")}
	var others []string
	for _, r := range g.Rules {
		p, ok := r.portable()
		switch {
		case !ok:
			others = append(others, r.ID)
		case !slices.ContainsFunc(w.Rules, p.Same): // what lets a group in does so in two rules
			w.Rules = append(w.Rules, p)
		}
	}
	if others != nil {
		w.Extra["other_rules"] = others
	}
	return w
}

// ours is the query for what is the project's own: an administrator sees more.
func (d *computeDriver) ours(ctx context.Context, query url.Values) (url.Values, error) {
	who, err := d.who(ctx)
	if err == nil && who.project != "" {
		query.Set("project_id", who.project)
	}
	return query, err
}

// ListSecurityGroups gives none of a network: they belong to none.
func (d *computeDriver) ListSecurityGroups(ctx context.Context, in compute.ListSecurityGroups) iter.Seq2[compute.SecurityGroup, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.SecurityGroup, string, error) {
		query, err := d.ours(ctx, search(in.Name, in.Tags))
		if err != nil {
			return nil, "", err
		}
		return neutronPage(ctx, d.session, "security-groups", query, cursor, "security_groups", groupOf)
	})
}

func (d *computeDriver) CreateSecurityGroup(ctx context.Context, in compute.CreateSecurityGroup) (compute.SecurityGroup, error) {
	if in.Network != "" {
		return compute.SecurityGroup{}, op.Errorf(op.InvalidArgument, "network: a security group of OpenStack belongs to no network")
	}
	words, err := wordsOf(in.Tags)
	if err != nil {
		return compute.SecurityGroup{}, err
	}
	if in.Description == "" {
		in.Description = in.Name
	}
	g, err := create[group](ctx, d.session, "security-groups", "security_group", object{"name": in.Name, "description": in.Description}, words)
	if err != nil {
		return compute.SecurityGroup{}, err
	}
	g.v.Tags = words
	return groupOf(g), nil
}

func (d *computeDriver) DestroySecurityGroup(ctx context.Context, in compute.DestroySecurityGroup) error {
	_, err := d.send(ctx, neutron, http.MethodDelete, path("security-groups", in.SecurityGroup), nil, nil)
	return err
}

// AllowSecurityGroupRule lets a group in by IPv4 and by IPv6, in one request.
func (d *computeDriver) AllowSecurityGroupRule(ctx context.Context, in compute.AllowSecurityGroupRule) error {
	r := in.Normal()
	if r.CIDR != "" && r.Group != "" {
		return op.Errorf(op.InvalidArgument, "cidr and group exclude each other: one of the two is the other side")
	}
	kinds := []string{"IPv4", "IPv6"}
	if r.CIDR != "" {
		p, err := netip.ParsePrefix(r.CIDR)
		if err != nil {
			return op.Errorf(op.InvalidArgument, "cidr is %q: it would be like \"10.0.0.0/16\": %w", r.CIDR, err)
		}
		kinds = kinds[:1]
		if p.Addr().Is6() {
			kinds[0] = "IPv6"
		}
	}
	var rules []object
	for _, kind := range kinds {
		rule := given(object{"security_group_id": in.SecurityGroup, "direction": string(r.Direction), "ethertype": kind, "remote_ip_prefix": r.CIDR, "remote_group_id": r.Group,
			"description": r.Description, "port_range_min": r.FromPort, "port_range_max": r.ToPort})
		switch {
		case r.Protocol == compute.ICMP && kind == "IPv6":
			rule["protocol"] = "ipv6-icmp"
		case r.Protocol != compute.AllProtocols:
			rule["protocol"] = string(r.Protocol)
		}
		rules = append(rules, rule)
	}
	_, err := d.send(ctx, neutron, http.MethodPost, "security-group-rules", object{"security_group_rules": rules}, nil)
	return err
}

func (d *computeDriver) RevokeSecurityGroupRule(ctx context.Context, in compute.RevokeSecurityGroupRule) error {
	g, err := fetch[item[group]](ctx, d.session, neutron, http.MethodGet, path("security-groups", in.SecurityGroup), nil, "security_group")
	if err != nil {
		return err
	}
	found := false
	for _, r := range g.v.Rules {
		if p, ok := r.portable(); !ok || !p.Same(in.Normal()) {
			continue
		}
		if _, err := d.send(ctx, neutron, http.MethodDelete, path("security-group-rules", r.ID), nil, nil); err != nil && (!found || op.KindOf(err) != op.NotFound) {
			return err
		}
		found = true
	}
	if !found {
		return op.Errorf(op.NotFound, "the security group %s has no such rule", strings.TrimSpace(g.v.Name+" "+in.SecurityGroup))
	}
	return nil
}
