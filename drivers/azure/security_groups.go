package azure

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A security group is Azure's network security group, with an application
// security group of the same name that its nodes are members of: rules cannot
// refer to a network security group, but to that. A network security group
// that others made has none, and no rule can refer to it.
//
// Azure's default rules let a network's nodes talk to each other, whatever their
// groups. A group of ours begins with a rule that denies it, after all others.
const (
	denyName     = "deny-virtual-network"
	denyPriority = 4096 // the last
)

var protocols = map[armnetwork.SecurityRuleProtocol]compute.Protocol{
	armnetwork.SecurityRuleProtocolTCP:      compute.TCP,
	armnetwork.SecurityRuleProtocolUDP:      compute.UDP,
	armnetwork.SecurityRuleProtocolIcmp:     compute.ICMP,
	armnetwork.SecurityRuleProtocolAsterisk: compute.AllProtocols,
}

var directions = map[armnetwork.SecurityRuleDirection]compute.Direction{
	armnetwork.SecurityRuleDirectionInbound:  compute.Ingress,
	armnetwork.SecurityRuleDirectionOutbound: compute.Egress,
}

// A rule is one that the contract knows, of one of Azure's that may be several.
type rule struct {
	compute.SecurityGroupRule
	whole bool // Azure's is nothing else
}

// rulesOf are what one of Azure's rules allows, in the contract's terms; none
// if those cannot say it.
func rulesOf(r *armnetwork.SecurityRule) []rule {
	p := r.Properties
	if p == nil || text(p.Access) != string(armnetwork.SecurityRuleAccessAllow) {
		return nil
	}
	protocol, known := protocols[value(p.Protocol)]
	if !known || !anything(p.SourcePortRange, p.SourcePortRanges) {
		return nil
	}
	near, far := [2]any{p.DestinationAddressPrefix, p.DestinationAddressPrefixes}, [2]any{p.SourceAddressPrefix, p.SourceAddressPrefixes}
	groups, others := p.SourceApplicationSecurityGroups, p.DestinationApplicationSecurityGroups
	if text(p.Direction) == string(armnetwork.SecurityRuleDirectionOutbound) {
		near, far, groups, others = far, near, others, groups
	}
	if len(others) > 0 || !anything(near[0].(*string), near[1].([]*string)) {
		return nil // for some of the nodes
	}
	var list []rule
	for _, ports := range either(p.DestinationPortRange, p.DestinationPortRanges) {
		from, to, ok := portsOf(ports)
		if !ok {
			return nil
		}
		base := compute.SecurityGroupRule{ID: value(r.Name), Direction: directions[value(p.Direction)], Protocol: protocol, FromPort: from, ToPort: to, Description: value(p.Description)}
		for _, cidr := range either(far[0].(*string), far[1].([]*string)) {
			s := base
			if s.CIDR, ok = cidrOf(cidr); !ok {
				return nil
			}
			list = append(list, rule{SecurityGroupRule: s})
		}
		for _, g := range groups {
			s := base
			s.Group = shortID(g.ID)
			list = append(list, rule{SecurityGroupRule: s})
		}
	}
	if len(list) == 1 {
		list[0].whole = true
	}
	return list
}

// either is a field that Azure has twice, for one and for several.
func either(one *string, several []*string) []string {
	if value(one) != "" {
		return []string{*one}
	}
	return texts(several)
}

func anything(one *string, several []*string) bool {
	list := either(one, several)
	return len(list) == 0 || slices.Contains(list, "*")
}

func portsOf(s string) (from, to int, ok bool) {
	if s == "*" {
		return 0, 0, true
	}
	first, last, several := strings.Cut(s, "-")
	from, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	if to = from; several {
		if to, err = strconv.Atoi(last); err != nil {
			return 0, 0, false
		}
	}
	return from, to, true
}

// cidrOf knows the tags of Azure's that are addresses.
func cidrOf(s string) (string, bool) {
	switch s {
	case "*", "Internet", "0.0.0.0":
		return "0.0.0.0/0", true
	}
	if _, err := netip.ParsePrefix(s); err == nil {
		return s, true
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()).String(), true
	}
	return "", false // another tag, as AzureLoadBalancer
}

func groupOf(g *armnetwork.SecurityGroup) compute.SecurityGroup {
	w := compute.SecurityGroup{ID: shortID(g.ID), Name: value(g.Name), Rules: []compute.SecurityGroupRule{}, Extra: map[string]any{"location": place(value(g.Location))}}
	w.Tags, w.Description = describedTags(g.Tags)
	w.Description = cmp.Or(w.Description, w.Name)
	if g.Properties != nil {
		var other []string
		for _, r := range g.Properties.SecurityRules {
			rules := rulesOf(r)
			for _, r := range rules {
				w.Rules = append(w.Rules, r.SecurityGroupRule)
			}
			if len(rules) == 0 && value(r.Name) != denyName {
				other = append(other, value(r.Name))
			}
		}
		w.Extra["otherRules"] = other
	}
	extras(w.Extra)
	return w
}

func (d *computeDriver) ListSecurityGroups(ctx context.Context, _ compute.ListSecurityGroups) iter.Seq2[compute.SecurityGroup, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.SecurityGroup, string, error) {
		a, err := d.api(ctx)
		if err != nil {
			return nil, "", err
		}
		var found []*armnetwork.SecurityGroup
		var next string
		if d.group != "" {
			found, next, err = page(ctx, cursor, a.groups.NewListPager(d.group, nil), func(r armnetwork.SecurityGroupsClientListResponse) ([]*armnetwork.SecurityGroup, *string) {
				return r.Value, r.NextLink
			})
		} else {
			found, next, err = page(ctx, cursor, a.groups.NewListAllPager(nil), func(r armnetwork.SecurityGroupsClientListAllResponse) ([]*armnetwork.SecurityGroup, *string) {
				return r.Value, r.NextLink
			})
		}
		return convert(found, groupOf), next, err
	})
}

func (d *computeDriver) CreateSecurityGroup(ctx context.Context, in compute.CreateSecurityGroup) (compute.SecurityGroup, error) {
	if err := named("a security group", in.Name, 80); err != nil {
		return compute.SecurityGroup{}, err
	}
	if in.Network != "" {
		return compute.SecurityGroup{}, op.Errorf(op.InvalidArgument, "network: a security group belongs to none at Azure")
	}
	a, group, err := d.into(ctx)
	if err != nil {
		return compute.SecurityGroup{}, err
	}
	location, err := d.at("")
	if err != nil {
		return compute.SecurityGroup{}, err
	}
	token := op.Token(ctx)
	r := ref{group, []string{in.Name}}
	deny := &armnetwork.SecurityRule{Name: pointer(denyName), Properties: &armnetwork.SecurityRulePropertiesFormat{Access: pointer(armnetwork.SecurityRuleAccessDeny),
		Direction: pointer(armnetwork.SecurityRuleDirectionInbound), Priority: pointer(int32(denyPriority)), Protocol: pointer(armnetwork.SecurityRuleProtocolAsterisk),
		SourceAddressPrefix: pointer("VirtualNetwork"), SourcePortRange: pointer("*"), DestinationAddressPrefix: pointer("*"), DestinationPortRange: pointer("*"),
		Description: pointer("Nothing is let in but what the rules before this one allow.")}}
	made, err := create(ctx, d.manager, "security group", r, token, func() (*armnetwork.SecurityGroup, map[string]*string, error) {
		found, err := a.groups.Get(ctx, group, in.Name, nil)
		return &found.SecurityGroup, found.Tags, err
	}, func() (*armnetwork.SecurityGroup, error) {
		if err := d.makeMembers(ctx, a, r, location, token); err != nil {
			return nil, err
		}
		out, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.SecurityGroupsClientCreateOrUpdateResponse], error) {
			return a.groups.BeginCreateOrUpdate(ctx, group, in.Name, armnetwork.SecurityGroup{Location: &location, Tags: tagsFor(in.Tags, in.Description, token),
				Properties: &armnetwork.SecurityGroupPropertiesFormat{SecurityRules: []*armnetwork.SecurityRule{deny}}}, nil)
		})
		if err != nil {
			err = halfMade(ctx, "security group", r, token, err, func(ctx context.Context) (map[string]*string, error) {
				found, err := a.groups.Get(ctx, group, in.Name, nil)
				return found.Tags, err
			}, func(ctx context.Context) error { return start(a.groups.BeginDelete(ctx, group, in.Name, nil)) })
			return nil, d.unmakeMembers(ctx, a, r, token, err)
		}
		return &out.SecurityGroup, nil
	})
	if err != nil {
		return compute.SecurityGroup{}, err
	}
	return groupOf(made), nil
}

// makeMembers makes the application security group of a group.
func (d *computeDriver) makeMembers(ctx context.Context, a *api, r ref, location, token string) error {
	_, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.ApplicationSecurityGroupsClientCreateOrUpdateResponse], error) {
		return a.members.BeginCreateOrUpdate(ctx, r.group, r.name(), armnetwork.ApplicationSecurityGroup{Location: &location, Tags: tagsFor(nil, "", token)}, nil)
	})
	if err != nil {
		return d.unmakeMembers(ctx, a, r, token, err)
	}
	return nil
}

func (d *computeDriver) unmakeMembers(ctx context.Context, a *api, r ref, token string, cause error) error {
	return halfMade(ctx, "application security group", r, token, cause, func(ctx context.Context) (map[string]*string, error) {
		found, err := a.members.Get(ctx, r.group, r.name(), nil)
		return found.Tags, err
	}, func(ctx context.Context) error { return start(a.members.BeginDelete(ctx, r.group, r.name(), nil)) })
}

// DestroySecurityGroup removes the application security group first: Azure
// refuses that as long as a node or another group's rule has to do with it.
func (d *computeDriver) DestroySecurityGroup(ctx context.Context, in compute.DestroySecurityGroup) error {
	a, r, g, err := d.securityGroup(ctx, in.SecurityGroup)
	if err != nil {
		return err
	}
	if p := g.Properties; len(p.NetworkInterfaces)+len(p.Subnets) > 0 {
		return op.Errorf(op.Conflict, "the security group %s guards %d network interfaces and %d subnets", r, len(p.NetworkInterfaces), len(p.Subnets))
	}
	// Its own rules may refer to it.
	for _, rule := range g.Properties.SecurityRules {
		for _, s := range rulesOf(rule) {
			if s.Group == r.String() {
				if err := d.removeRule(ctx, a, r, s.ID); err != nil && op.KindOf(err) != op.NotFound {
					return err
				}
				break
			}
		}
	}
	_, err = wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.ApplicationSecurityGroupsClientDeleteResponse], error) {
		return a.members.BeginDelete(ctx, r.group, r.name(), nil)
	})
	if err = ifOther(err, op.NotFound); err != nil {
		return err
	}
	return remove(ctx, "security group", r, func(ctx context.Context) (*runtime.Poller[armnetwork.SecurityGroupsClientDeleteResponse], error) {
		return a.groups.BeginDelete(ctx, r.group, r.name(), nil)
	})
}

// securityGroup looks a security group up.
func (d *computeDriver) securityGroup(ctx context.Context, id string) (*api, ref, *armnetwork.SecurityGroup, error) {
	r, err := d.ref("security group", id, 1)
	if err != nil {
		return nil, r, nil, err
	}
	a, err := d.api(ctx)
	if err != nil {
		return nil, r, nil, err
	}
	out, err := get(a.groups.Get(ctx, r.group, r.name(), nil))
	if err == nil && out.Properties == nil {
		out.Properties = &armnetwork.SecurityGroupPropertiesFormat{}
	}
	return a, r, &out.SecurityGroup, err
}

// checkRule refuses a rule that Azure has no form for, or that is none.
func checkRule(r compute.SecurityGroupRule) error {
	switch {
	case r.Group != "" && r.CIDR != "":
		return op.Errorf(op.InvalidArgument, "there are cidr and group: one of the two will do")
	case r.FromPort < 0 || r.ToPort > 65535 || r.FromPort > r.ToPort:
		return op.Errorf(op.InvalidArgument, "the ports %d to %d are no range", r.FromPort, r.ToPort)
	case (r.Protocol == compute.ICMP || r.Protocol == compute.AllProtocols) && r.FromPort != 0:
		return op.Errorf(op.InvalidArgument, "%s has no ports", r.Protocol)
	case r.CIDR != "":
		return span("cidr", r.CIDR)
	}
	return nil
}

func (d *computeDriver) AllowSecurityGroupRule(ctx context.Context, in compute.AllowSecurityGroupRule) error {
	r := in.Normal()
	if err := checkRule(r); err != nil {
		return err
	}
	release, err := d.creating.hold(ctx, "rule of "+in.SecurityGroup) // two that choose a priority would choose one
	if err != nil {
		return err
	}
	defer release()
	a, at, g, err := d.securityGroup(ctx, in.SecurityGroup)
	if err != nil {
		return err
	}
	taken := map[int32]bool{}
	direction := armnetwork.SecurityRuleDirectionInbound
	if r.Direction == compute.Egress {
		direction = armnetwork.SecurityRuleDirectionOutbound
	}
	for _, have := range g.Properties.SecurityRules {
		for _, s := range rulesOf(have) {
			if s.Same(r) {
				return op.Errorf(op.AlreadyExists, "the rule %s lets that through already", s.ID)
			}
		}
		if have.Properties != nil && value(have.Properties.Direction) == direction {
			taken[value(have.Properties.Priority)] = true
		}
	}
	priority := int32(1000)
	for taken[priority] {
		priority++
	}
	if priority >= denyPriority {
		return op.Errorf(op.QuotaExceeded, "the security group %s has as many rules as Azure takes", at)
	}
	p, err := d.azureRule(ctx, a, r, direction)
	if err != nil {
		return err
	}
	p.Priority = &priority
	_, err = wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.SecurityRulesClientCreateOrUpdateResponse], error) {
		return a.rules.BeginCreateOrUpdate(ctx, at.group, at.name(), ruleName(r), armnetwork.SecurityRule{Properties: p}, nil)
	})
	return err
}

// ruleName is the name of a rule, the same of one that is the same.
func ruleName(r compute.SecurityGroupRule) string {
	r.ID, r.Description = "", ""
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", r))
	name := fmt.Sprintf("allow-%s-%s", r.Direction, r.Protocol)
	if r.FromPort != 0 {
		name += fmt.Sprintf("-%d-%d", r.FromPort, r.ToPort)
	}
	return fmt.Sprintf("%s-%x", name, sum[:4])
}

// azureRule is a rule in Azure's form.
func (d *computeDriver) azureRule(ctx context.Context, a *api, r compute.SecurityGroupRule, direction armnetwork.SecurityRuleDirection) (*armnetwork.SecurityRulePropertiesFormat, error) {
	p := &armnetwork.SecurityRulePropertiesFormat{Access: pointer(armnetwork.SecurityRuleAccessAllow), Direction: &direction, Description: given(r.Description),
		SourcePortRange: pointer("*"), DestinationPortRange: pointer("*")}
	for word, protocol := range protocols {
		if protocol == r.Protocol {
			p.Protocol = &word
		}
	}
	if r.FromPort != 0 || r.ToPort != 0 {
		ports := strconv.Itoa(r.FromPort)
		if r.ToPort != r.FromPort {
			ports += "-" + strconv.Itoa(r.ToPort)
		}
		p.DestinationPortRange = &ports
	}
	var others []*armnetwork.ApplicationSecurityGroup
	var far *string
	if r.Group != "" {
		g, err := d.ref("security group", r.Group, 1)
		if err != nil {
			return nil, err
		}
		members, err := get(a.members.Get(ctx, g.group, g.name(), nil))
		if op.KindOf(err) == op.NotFound {
			return nil, op.Errorf(op.NotFound, "group: there is no security group %s, or none that a rule can refer to: one that create_security_group made", g)
		} else if err != nil {
			return nil, err
		}
		others = []*armnetwork.ApplicationSecurityGroup{{ID: members.ID}}
	} else {
		far = &r.CIDR
	}
	if direction == armnetwork.SecurityRuleDirectionOutbound {
		p.DestinationAddressPrefix, p.DestinationApplicationSecurityGroups, p.SourceAddressPrefix = far, others, pointer("*")
	} else {
		p.SourceAddressPrefix, p.SourceApplicationSecurityGroups, p.DestinationAddressPrefix = far, others, pointer("*")
	}
	return p, nil
}

func (d *computeDriver) RevokeSecurityGroupRule(ctx context.Context, in compute.RevokeSecurityGroupRule) error {
	r := in.Normal()
	if err := checkRule(r); err != nil {
		return err
	}
	a, at, g, err := d.securityGroup(ctx, in.SecurityGroup)
	if err != nil {
		return err
	}
	for _, have := range g.Properties.SecurityRules {
		for _, s := range rulesOf(have) {
			switch {
			case !s.Same(r):
			case !s.whole:
				return op.Errorf(op.Conflict, "the rule %s lets more through than that: change it by cloud.native", s.ID)
			default:
				return d.removeRule(ctx, a, at, s.ID)
			}
		}
	}
	return op.Errorf(op.NotFound, "the security group %s has no such rule", at)
}

func (d *computeDriver) removeRule(ctx context.Context, a *api, group ref, name string) error {
	_, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.SecurityRulesClientDeleteResponse], error) {
		return a.rules.BeginDelete(ctx, group.group, group.name(), name, nil)
	})
	return err
}
