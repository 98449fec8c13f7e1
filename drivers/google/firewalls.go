package google

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	gce "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Google Compute Engine has no security groups but firewall rules of a
// network, which are for the nodes that have a tag. So a security group is a
// tag, and its rules are the firewall rules that let traffic through and are
// for that tag. A node's security groups are its tags.
//
// A tag exists only where it is used. What keeps a group while it has no rules,
// and keeps its description, is its anchor: a firewall rule with the group's
// name that is disabled. Each rule of a group that was made here is a firewall
// rule with a name made from the group and the rule, so that Google itself
// refuses the second of two that are the same.
//
// Firewall rules that others made for a tag show as its group's rules too.
// Those that deny, are for all nodes, or are for a service account are not
// about a group and are not shown.

// A group is what the firewall rules of a project say of one tag.
type group struct {
	name    string
	anchor  *gce.Firewall
	network string // a URL
	rules   []rulePart
	names   []string        // of the firewall rules, without the anchor
	shared  []*gce.Firewall // of these, those that are for other tags too
}

// A rulePart is a rule, and the firewall rule that it is part of.
type rulePart struct {
	compute.SecurityGroupRule
	whole bool // whether the firewall rule is nothing but this
}

// isAnchor reports whether a firewall rule is there to keep a group.
func isAnchor(f *gce.Firewall) bool {
	return f.Disabled && len(f.TargetTags) == 1 && f.TargetTags[0] == f.Name
}

// groupsOf sorts firewall rules by tag, in the order of names.
func groupsOf(firewalls []*gce.Firewall) []*group {
	groups := map[string]*group{}
	for _, f := range firewalls {
		for _, tag := range f.TargetTags {
			if len(f.TargetServiceAccounts) > 0 || !isAnchor(f) && (f.Disabled || len(f.Allowed) == 0) {
				continue
			}
			g := groups[tag]
			if g == nil {
				g = &group{name: tag, network: f.Network}
				groups[tag] = g
			}
			if isAnchor(f) {
				g.anchor, g.network = f, f.Network
				continue
			}
			g.names = append(g.names, f.Name)
			g.rules = append(g.rules, parts(f)...)
			if len(f.TargetTags) > 1 {
				g.shared = append(g.shared, f)
			}
		}
	}
	sorted := make([]*group, 0, len(groups))
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		sorted = append(sorted, groups[name])
	}
	return sorted
}

// protocols are Google's words for those that there are rules about.
var protocols = map[string]compute.Protocol{"tcp": compute.TCP, "6": compute.TCP, "udp": compute.UDP, "17": compute.UDP, "icmp": compute.ICMP,
	"1": compute.ICMP, icmp6: compute.ICMP, "ipv6-icmp": compute.ICMP, "all": compute.AllProtocols}

// icmp6 is what ICMP is on IPv6.
const icmp6 = "58"

// parts are the rules that a firewall rule is made of: one for each protocol,
// range of ports and other side. Protocols that there are no rules about are left out.
func parts(f *gce.Firewall) []rulePart {
	var list []rulePart
	for _, a := range f.Allowed {
		protocol, ok := protocols[a.IPProtocol]
		if !ok {
			continue
		}
		ports := a.Ports
		if len(ports) == 0 {
			ports = []string{""}
		}
		for _, p := range ports {
			r := compute.SecurityGroupRule{ID: f.Name, Direction: compute.Ingress, Protocol: protocol, Description: f.Description}
			from, to, isRange := strings.Cut(p, "-")
			r.FromPort, _ = strconv.Atoi(from)
			if r.ToPort = r.FromPort; isRange {
				r.ToPort, _ = strconv.Atoi(to)
			}
			ranges := f.SourceRanges
			if f.Direction == "EGRESS" {
				r.Direction, ranges = compute.Egress, f.DestinationRanges
			}
			if len(ranges) == 0 && len(f.SourceTags) == 0 && len(f.SourceServiceAccounts) == 0 {
				ranges = []string{"0.0.0.0/0"}
			}
			for _, cidr := range ranges {
				r.CIDR = cidr
				list = append(list, rulePart{SecurityGroupRule: r})
			}
			if r.CIDR = ""; r.Direction == compute.Ingress {
				for _, tag := range f.SourceTags {
					r.Group = tag
					list = append(list, rulePart{SecurityGroupRule: r})
				}
			}
		}
	}
	if len(list) == 1 && len(f.Allowed) == 1 && len(f.SourceServiceAccounts) == 0 && len(f.TargetTags) == 1 {
		list[0].whole = true
	}
	return list
}

const firewallFields = "name,description,network,direction,disabled,allowed,denied,sourceRanges,sourceTags,sourceServiceAccounts,destinationRanges,targetTags,targetServiceAccounts"

// firewalls are all firewall rules of a project: a group is not whole before
// the last is seen. Projects have hundreds at most.
func (d *gceDriver) firewalls(ctx context.Context) ([]*gce.Firewall, error) {
	project, err := d.project(ctx)
	if err != nil {
		return nil, err
	}
	var all []*gce.Firewall
	err = d.api.Firewalls.List(project).MaxResults(d.page(most)).Fields("nextPageToken", "items("+firewallFields+")").
		Pages(ctx, func(l *gce.FirewallList) error {
			all = append(all, l.Items...)
			return nil
		})
	if err != nil {
		return nil, failed(err)
	}
	return all, nil
}

// checkRule refuses what cannot be a rule.
func checkRule(r compute.SecurityGroupRule) error {
	ported := r.Protocol == compute.TCP || r.Protocol == compute.UDP
	switch {
	case r.CIDR != "" && r.Group != "":
		return op.Errorf(op.InvalidArgument, "cidr and group exclude each other")
	case r.FromPort < 0 || r.ToPort > 65535 || r.FromPort > r.ToPort:
		return op.Errorf(op.InvalidArgument, "the ports %d to %d are no range of ports", r.FromPort, r.ToPort)
	case !ported && r.ToPort != 0:
		return op.Errorf(op.InvalidArgument, "%s has no ports", r.Protocol)
	case r.Group != "" && r.Direction == compute.Egress:
		return op.Errorf(op.InvalidArgument, "group: Google Compute Engine knows where traffic goes only by address")
	case r.Group != "" && !rule.MatchString(r.Group):
		return op.Errorf(op.NotFound, "there is no security group %q", r.Group)
	case r.CIDR != "":
		if _, err := compute.Prefix(r.CIDR); err != nil {
			return err
		}
	}
	return nil
}

// firewall is a rule as a firewall rule.
func (g *group) firewall(r compute.SecurityGroupRule) *gce.Firewall {
	f := &gce.Firewall{Name: g.ruleName(r), Description: r.Description, Network: g.network, Direction: strings.ToUpper(string(r.Direction)), TargetTags: []string{g.name}}
	allowed := &gce.FirewallAllowed{IPProtocol: string(r.Protocol)}
	if p, err := netip.ParsePrefix(r.CIDR); err == nil && p.Addr().Is6() && r.Protocol == compute.ICMP {
		allowed.IPProtocol = icmp6
	}
	switch {
	case r.ToPort == 0:
	case r.FromPort == r.ToPort:
		allowed.Ports = []string{strconv.Itoa(r.FromPort)}
	default:
		allowed.Ports = []string{fmt.Sprintf("%d-%d", r.FromPort, r.ToPort)}
	}
	f.Allowed = []*gce.FirewallAllowed{allowed}
	switch {
	case r.Direction == compute.Egress:
		f.DestinationRanges = []string{r.CIDR}
	case r.Group != "":
		f.SourceTags = []string{r.Group}
	default:
		f.SourceRanges = []string{r.CIDR}
	}
	return f
}

// ruleName begins with as much of the group's name as there is room for.
func (g *group) ruleName(r compute.SecurityGroupRule) string {
	r.ID, r.Description = "", ""
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %+v", g.name, r))
	return fmt.Sprintf("%s-%x", strings.TrimRight(g.name[:min(len(g.name), 50)], "-"), sum[:6])
}

func (d *gceDriver) insertFirewall(ctx context.Context, project string, f *gce.Firewall) error {
	o, err := change(ctx, "insert", d.api.Firewalls.Insert(project, f))
	if err != nil {
		return err
	}
	return d.start(project, o).whole(ctx, func(ctx context.Context) error { return d.removeFirewall(ctx, project, f.Name) })
}

func (d *gceDriver) removeFirewall(ctx context.Context, project, name string) error {
	o, err := change(ctx, "delete "+name, d.api.Firewalls.Delete(project, name))
	if err != nil {
		return err
	}
	return d.start(project, o).finished(ctx)
}
