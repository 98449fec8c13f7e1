package azure

import (
	"context"
	"net/http"
	"slices"
	"strings"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"
)

const (
	guardType  = "Microsoft.Network/networkSecurityGroups"
	memberType = "Microsoft.Network/applicationSecurityGroups"
)

// guards are network security groups and their rules, and application security groups.
func (s *Server) guards() {
	f := &s.network.SecurityGroupsServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, name string, g armnetwork.SecurityGroup, _ *armnetwork.SecurityGroupsClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armnetwork.SecurityGroupsClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		p := path(group, guardType, name)
		if err := known(g.Location); err != nil {
			return accepted(0, armnetwork.SecurityGroupsClientCreateOrUpdateResponse{}, err)
		}
		if g.Properties != nil {
			for _, r := range g.Properties.SecurityRules {
				dress(p+"/securityRules/"+*r.Name, guardType+"/securityRules", r, "Succeeded")
			}
		}
		status := s.settle(p, guardType, &g, nil)
		return accepted(status, armnetwork.SecurityGroupsClientCreateOrUpdateResponse{SecurityGroup: g}, nil)
	}
	f.Get = func(_ context.Context, group, name string, _ *armnetwork.SecurityGroupsClientGetOptions) (azfake.Responder[armnetwork.SecurityGroupsClientGetResponse], azfake.ErrorResponder) {
		g, err := find[armnetwork.SecurityGroup](s, path(group, guardType, name))
		return answer(http.StatusOK, armnetwork.SecurityGroupsClientGetResponse{SecurityGroup: s.used(g)}, err)
	}
	f.NewListPager = func(group string, _ *armnetwork.SecurityGroupsClientListOptions) azfake.PagerResponder[armnetwork.SecurityGroupsClientListResponse] {
		list, next := paged(s, s.allUsed(group))
		return onePage(armnetwork.SecurityGroupsClientListResponse{SecurityGroupListResult: armnetwork.SecurityGroupListResult{Value: list, NextLink: next}})
	}
	f.NewListAllPager = func(*armnetwork.SecurityGroupsClientListAllOptions) azfake.PagerResponder[armnetwork.SecurityGroupsClientListAllResponse] {
		list, next := paged(s, s.allUsed(""))
		return onePage(armnetwork.SecurityGroupsClientListAllResponse{SecurityGroupListResult: armnetwork.SecurityGroupListResult{Value: list, NextLink: next}})
	}
	f.BeginDelete = func(_ context.Context, group, name string, _ *armnetwork.SecurityGroupsClientBeginDeleteOptions) (azfake.PollerResponder[armnetwork.SecurityGroupsClientDeleteResponse], azfake.ErrorResponder) {
		p := path(group, guardType, name)
		status, err := s.removal(p, func() error {
			g, _ := find[armnetwork.SecurityGroup](s, p)
			if w := s.used(g); len(w.Properties.NetworkInterfaces)+len(w.Properties.Subnets) > 0 {
				return fault(http.StatusBadRequest, "InUseNetworkSecurityGroupCannotBeDeleted", "Network security group %s cannot be deleted because it is in use.", name)
			}
			return nil
		}, nil)
		return accepted(status, armnetwork.SecurityGroupsClientDeleteResponse{}, err)
	}
	s.rules()
	s.members()
}

// used is a group with what it guards.
func (s *Server) used(g *armnetwork.SecurityGroup) armnetwork.SecurityGroup {
	if g == nil {
		return armnetwork.SecurityGroup{}
	}
	w, p := *g, *g.Properties
	for _, nic := range every[armnetwork.Interface](s, "") {
		if n := nic.Properties.NetworkSecurityGroup; n != nil && strings.EqualFold(value(n.ID), *g.ID) {
			p.NetworkInterfaces = append(p.NetworkInterfaces, &armnetwork.Interface{ID: nic.ID})
		}
	}
	for _, network := range every[armnetwork.VirtualNetwork](s, "") {
		for _, sub := range network.Properties.Subnets {
			if n := sub.Properties.NetworkSecurityGroup; n != nil && strings.EqualFold(value(n.ID), *g.ID) {
				p.Subnets = append(p.Subnets, &armnetwork.Subnet{ID: sub.ID})
			}
		}
	}
	w.Properties = &p
	return w
}

func (s *Server) allUsed(group string) []*armnetwork.SecurityGroup {
	list := every[armnetwork.SecurityGroup](s, group)
	for i, g := range list {
		list[i] = pointer(s.used(g))
	}
	return list
}

func (s *Server) rules() {
	f := &s.network.SecurityRulesServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, guard, name string, r armnetwork.SecurityRule, _ *armnetwork.SecurityRulesClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armnetwork.SecurityRulesClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		g, err := find[armnetwork.SecurityGroup](s, path(group, guardType, guard))
		if err == nil {
			err = s.makeRule(g, name, &r)
		}
		return accepted(http.StatusCreated, armnetwork.SecurityRulesClientCreateOrUpdateResponse{SecurityRule: r}, err)
	}
	f.Get = func(_ context.Context, group, guard, name string, _ *armnetwork.SecurityRulesClientGetOptions) (azfake.Responder[armnetwork.SecurityRulesClientGetResponse], azfake.ErrorResponder) {
		g, err := find[armnetwork.SecurityGroup](s, path(group, guardType, guard))
		if err != nil {
			return answer(0, armnetwork.SecurityRulesClientGetResponse{}, err)
		}
		for _, r := range g.Properties.SecurityRules {
			if strings.EqualFold(*r.Name, name) {
				return answer(http.StatusOK, armnetwork.SecurityRulesClientGetResponse{SecurityRule: *r}, nil)
			}
		}
		return answer(0, armnetwork.SecurityRulesClientGetResponse{}, fault(http.StatusNotFound, "NotFound", "Resource %s not found.", name))
	}
	f.BeginDelete = func(_ context.Context, group, guard, name string, _ *armnetwork.SecurityRulesClientBeginDeleteOptions) (azfake.PollerResponder[armnetwork.SecurityRulesClientDeleteResponse], azfake.ErrorResponder) {
		g, err := find[armnetwork.SecurityGroup](s, path(group, guardType, guard))
		if err != nil {
			return accepted(0, armnetwork.SecurityRulesClientDeleteResponse{}, err)
		}
		is := func(r *armnetwork.SecurityRule) bool { return strings.EqualFold(*r.Name, name) }
		if !slices.ContainsFunc(g.Properties.SecurityRules, is) {
			return accepted(http.StatusNoContent, armnetwork.SecurityRulesClientDeleteResponse{}, nil)
		}
		s.begin(func(failed bool) {
			if !failed {
				g.Properties.SecurityRules = slices.DeleteFunc(slices.Clone(g.Properties.SecurityRules), is)
			}
		})
		return accepted(http.StatusAccepted, armnetwork.SecurityRulesClientDeleteResponse{}, nil)
	}
}

// makeRule holds a rule to what Azure wants of one.
func (s *Server) makeRule(g *armnetwork.SecurityGroup, name string, r *armnetwork.SecurityRule) error {
	p := r.Properties
	if p.Access == nil || p.Direction == nil || p.Protocol == nil || value(p.Priority) < 100 || value(p.Priority) > 4096 || p.SourcePortRange == nil || p.DestinationPortRange == nil {
		return fault(http.StatusBadRequest, "SecurityRuleInvalidParameter", "The rule %s is incomplete.", name)
	}
	for _, members := range [][]*armnetwork.ApplicationSecurityGroup{p.SourceApplicationSecurityGroups, p.DestinationApplicationSecurityGroups} {
		for _, m := range members {
			if _, err := there[armnetwork.ApplicationSecurityGroup](s, m.ID); err != nil {
				return err
			}
		}
	}
	if (p.SourceAddressPrefix == nil) == (len(p.SourceApplicationSecurityGroups) == 0) || (p.DestinationAddressPrefix == nil) == (len(p.DestinationApplicationSecurityGroups) == 0) {
		return fault(http.StatusBadRequest, "SecurityRuleParameterContainsUnsupportedValue", "The rule %s wants one source and one destination.", name)
	}
	for _, other := range g.Properties.SecurityRules {
		if *other.Name != name && *other.Properties.Direction == *p.Direction && *other.Properties.Priority == *p.Priority {
			return fault(http.StatusBadRequest, "SecurityRuleConflict", "Security rule %s conflicts with rule %s. Rules cannot have the same Priority and Direction.", name, *other.Name)
		}
	}
	dress(*g.ID+"/securityRules/"+name, guardType+"/securityRules", r, "Updating")
	g.Properties.SecurityRules = append(slices.DeleteFunc(slices.Clone(g.Properties.SecurityRules), func(x *armnetwork.SecurityRule) bool { return *x.Name == name }), r)
	s.begin(func(failed bool) {
		if failed {
			g.Properties.SecurityRules = slices.DeleteFunc(g.Properties.SecurityRules, func(x *armnetwork.SecurityRule) bool { return x == r })
			return
		}
		setState(r, "Succeeded")
	})
	return nil
}

func (s *Server) members() {
	f := &s.network.ApplicationSecurityGroupsServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, name string, g armnetwork.ApplicationSecurityGroup, _ *armnetwork.ApplicationSecurityGroupsClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armnetwork.ApplicationSecurityGroupsClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		if err := known(g.Location); err != nil {
			return accepted(0, armnetwork.ApplicationSecurityGroupsClientCreateOrUpdateResponse{}, err)
		}
		status := s.settle(path(group, memberType, name), memberType, &g, nil)
		return accepted(status, armnetwork.ApplicationSecurityGroupsClientCreateOrUpdateResponse{ApplicationSecurityGroup: g}, nil)
	}
	f.Get = func(_ context.Context, group, name string, _ *armnetwork.ApplicationSecurityGroupsClientGetOptions) (azfake.Responder[armnetwork.ApplicationSecurityGroupsClientGetResponse], azfake.ErrorResponder) {
		g, err := find[armnetwork.ApplicationSecurityGroup](s, path(group, memberType, name))
		return answer(http.StatusOK, armnetwork.ApplicationSecurityGroupsClientGetResponse{ApplicationSecurityGroup: value(g)}, err)
	}
	f.BeginDelete = func(_ context.Context, group, name string, _ *armnetwork.ApplicationSecurityGroupsClientBeginDeleteOptions) (azfake.PollerResponder[armnetwork.ApplicationSecurityGroupsClientDeleteResponse], azfake.ErrorResponder) {
		p := path(group, memberType, name)
		status, err := s.removal(p, func() error {
			if user := s.memberUser(p); user != "" {
				return fault(http.StatusBadRequest, "ApplicationSecurityGroupInUse", "Application security group %s is in use by %s.", name, user)
			}
			return nil
		}, nil)
		return accepted(status, armnetwork.ApplicationSecurityGroupsClientDeleteResponse{}, err)
	}
}

// memberUser is an interface or a rule that has to do with an application security group.
func (s *Server) memberUser(p string) string {
	is := func(g *armnetwork.ApplicationSecurityGroup) bool { return strings.EqualFold(value(g.ID), p) }
	for _, nic := range every[armnetwork.Interface](s, "") {
		for _, c := range nic.Properties.IPConfigurations {
			if slices.ContainsFunc(c.Properties.ApplicationSecurityGroups, is) {
				return *nic.ID
			}
		}
	}
	for _, g := range every[armnetwork.SecurityGroup](s, "") {
		for _, r := range g.Properties.SecurityRules {
			if slices.ContainsFunc(r.Properties.SourceApplicationSecurityGroups, is) || slices.ContainsFunc(r.Properties.DestinationApplicationSecurityGroups, is) {
				return *r.ID
			}
		}
	}
	return ""
}
