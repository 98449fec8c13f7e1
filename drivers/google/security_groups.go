package google

import (
	"context"
	"iter"
	"slices"
	"strings"

	gce "google.golang.org/api/compute/v1"
	"google.golang.org/api/googleapi"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func (g *group) portable(project string) compute.SecurityGroup {
	w := compute.SecurityGroup{ID: g.name, Name: g.name, Description: g.name, Network: shortID(project, g.network), Rules: []compute.SecurityGroupRule{},
		Tags: map[string]string{}, Extra: map[string]any{}}
	if g.anchor != nil {
		w.Description = g.anchor.Description
	}
	if len(g.names) > 0 {
		w.Extra["firewalls"] = g.names
	}
	for _, r := range g.rules {
		w.Rules = append(w.Rules, r.SecurityGroupRule)
	}
	return w
}

// group looks a security group up.
func (d *gceDriver) group(ctx context.Context, id string) (*group, error) {
	all, err := d.firewalls(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range groupsOf(all) {
		if g.name == id {
			return g, nil
		}
	}
	return nil, op.Errorf(op.NotFound, "there is no security group %q", id)
}

// checkGroups answers not_found for a group that is none: Google Compute Engine
// takes any word for a tag.
func (d *gceDriver) checkGroups(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	all, err := d.firewalls(ctx)
	if err != nil {
		return err
	}
	groups := groupsOf(all)
	for _, id := range ids {
		if !slices.ContainsFunc(groups, func(g *group) bool { return g.name == id }) {
			return op.Errorf(op.NotFound, "there is no security group %q", id)
		}
	}
	return nil
}

func (d *gceDriver) ListSecurityGroups(ctx context.Context, _ compute.ListSecurityGroups) iter.Seq2[compute.SecurityGroup, error] {
	return pages(ctx, d.session, func(ctx context.Context, project, _ string) ([]compute.SecurityGroup, string, error) {
		all, err := d.firewalls(ctx)
		if err != nil {
			return nil, "", err
		}
		var groups []compute.SecurityGroup
		for _, g := range groupsOf(all) {
			groups = append(groups, g.portable(project))
		}
		return groups, "", nil
	})
}

func (d *gceDriver) CreateSecurityGroup(ctx context.Context, in compute.CreateSecurityGroup) (compute.SecurityGroup, error) {
	if err := named("a security group", in.Name); err != nil {
		return compute.SecurityGroup{}, err
	}
	if len(in.Tags) > 0 {
		return compute.SecurityGroup{}, op.Errorf(op.InvalidArgument, "tags: firewall rules, which keep security groups, have no labels at Google Compute Engine")
	}
	project, err := d.project(ctx)
	if err != nil {
		return compute.SecurityGroup{}, err
	}
	network := ref{project: project, name: "default"}
	if in.Network != "" {
		if network, err = global("network", in.Network, project); err != nil {
			return compute.SecurityGroup{}, err
		}
	}
	all, err := d.firewalls(ctx)
	if err != nil {
		return compute.SecurityGroup{}, err
	}
	for _, g := range groupsOf(all) {
		if g.name == in.Name && g.anchor == nil { // which Google would take for new
			return compute.SecurityGroup{}, op.Errorf(op.AlreadyExists, "there are firewall rules for the tag %s already: %s", in.Name, strings.Join(g.names, ", "))
		}
	}
	if in.Description == "" {
		in.Description = in.Name
	}
	// Should somebody enable it, it denies what would be denied without it.
	anchor := &gce.Firewall{Name: in.Name, Description: in.Description, Network: network.url("", "networks"), Disabled: true, Direction: "INGRESS",
		Priority: 65535, Denied: []*gce.FirewallDenied{{IPProtocol: "all"}}, SourceRanges: []string{"0.0.0.0/0"}, TargetTags: []string{in.Name}}
	if err := d.insertFirewall(ctx, project, anchor); err != nil {
		return compute.SecurityGroup{}, err
	}
	return groupsOf([]*gce.Firewall{anchor})[0].portable(project), nil
}

// DestroySecurityGroup deletes the anchor last, so that a repetition after a
// failure finds what is left.
func (d *gceDriver) DestroySecurityGroup(ctx context.Context, in compute.DestroySecurityGroup) error {
	g, err := d.group(ctx, in.SecurityGroup)
	if err != nil {
		return err
	}
	if len(g.shared) > 0 {
		return op.Errorf(op.Conflict, "the firewall rule %s is for other tags than %s too: change it by cloud.native", g.shared[0].Name, g.name)
	}
	if user, err := d.tagged(ctx, g.name); err != nil || user != "" {
		if err == nil {
			err = op.Errorf(op.Conflict, "the security group %s guards the node %s", g.name, user)
		}
		return err
	}
	project, err := d.project(ctx)
	if err != nil {
		return err
	}
	for _, name := range g.names {
		if err := d.removeFirewall(ctx, project, name); err != nil && op.KindOf(err) != op.NotFound {
			return err
		}
	}
	if g.anchor == nil {
		return nil
	}
	return d.removeFirewall(ctx, project, g.anchor.Name)
}

// tagged is the id of a node with a tag; empty if none has it. Tags are
// nothing that a list is known to filter by.
func (d *gceDriver) tagged(ctx context.Context, tag string) (id string, err error) {
	project, err := d.project(ctx)
	if err != nil {
		return "", err
	}
	err = d.api.Instances.AggregatedList(project).MaxResults(d.page(most)).
		Fields("nextPageToken,unreachables", googleapi.Field("items/*/instances(name,zone,tags/items)")).
		Pages(ctx, func(out *gce.InstanceAggregatedList) error {
			for _, part := range scoped(out.Items) {
				for _, i := range part.Instances {
					if i.Tags != nil && slices.Contains(i.Tags.Items, tag) {
						id = ref{project, base(i.Zone), i.Name}.id(project)
					}
				}
			}
			return unreachable("nodes", out.Unreachables)
		})
	if err != nil {
		return "", failed(err)
	}
	return id, nil
}

func (d *gceDriver) AllowSecurityGroupRule(ctx context.Context, in compute.AllowSecurityGroupRule) error {
	r := in.Normal()
	if err := checkRule(r); err != nil {
		return err
	}
	g, err := d.group(ctx, in.SecurityGroup)
	if err != nil {
		return err
	}
	for _, have := range g.rules {
		if have.Same(r) {
			return op.Errorf(op.AlreadyExists, "the firewall rule %s lets that through already", have.ID)
		}
	}
	project, err := d.project(ctx)
	if err != nil {
		return err
	}
	return d.insertFirewall(ctx, project, g.firewall(r))
}

func (d *gceDriver) RevokeSecurityGroupRule(ctx context.Context, in compute.RevokeSecurityGroupRule) error {
	r := in.Normal()
	if err := checkRule(r); err != nil {
		return err
	}
	g, err := d.group(ctx, in.SecurityGroup)
	if err != nil {
		return err
	}
	for _, have := range g.rules {
		if !have.Same(r) {
			continue
		}
		if !have.whole {
			return op.Errorf(op.Conflict, "the firewall rule %s lets more through than that: change it by cloud.native", have.ID)
		}
		project, err := d.project(ctx)
		if err != nil {
			return err
		}
		return d.removeFirewall(ctx, project, have.ID)
	}
	return op.Errorf(op.NotFound, "the security group %s has no such rule", g.name)
}
