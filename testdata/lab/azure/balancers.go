package azure

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"
)

const balancerType = "Microsoft.Network/loadBalancers"

func (s *Server) balancers() {
	f := &s.network.LoadBalancersServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, name string, b armnetwork.LoadBalancer, _ *armnetwork.LoadBalancersClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armnetwork.LoadBalancersClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		status, err := s.makeBalancer(path(group, balancerType, name), &b)
		return accepted(status, armnetwork.LoadBalancersClientCreateOrUpdateResponse{LoadBalancer: b}, err)
	}
	f.Get = func(_ context.Context, group, name string, _ *armnetwork.LoadBalancersClientGetOptions) (azfake.Responder[armnetwork.LoadBalancersClientGetResponse], azfake.ErrorResponder) {
		b, err := find[armnetwork.LoadBalancer](s, path(group, balancerType, name))
		return answer(http.StatusOK, armnetwork.LoadBalancersClientGetResponse{LoadBalancer: value(b)}, err)
	}
	f.NewListPager = func(group string, _ *armnetwork.LoadBalancersClientListOptions) azfake.PagerResponder[armnetwork.LoadBalancersClientListResponse] {
		list, next := paged(s, every[armnetwork.LoadBalancer](s, group))
		return onePage(armnetwork.LoadBalancersClientListResponse{LoadBalancerListResult: armnetwork.LoadBalancerListResult{Value: list, NextLink: next}})
	}
	f.NewListAllPager = func(*armnetwork.LoadBalancersClientListAllOptions) azfake.PagerResponder[armnetwork.LoadBalancersClientListAllResponse] {
		list, next := paged(s, every[armnetwork.LoadBalancer](s, ""))
		return onePage(armnetwork.LoadBalancersClientListAllResponse{LoadBalancerListResult: armnetwork.LoadBalancerListResult{Value: list, NextLink: next}})
	}
	f.BeginDelete = func(_ context.Context, group, name string, _ *armnetwork.LoadBalancersClientBeginDeleteOptions) (azfake.PollerResponder[armnetwork.LoadBalancersClientDeleteResponse], azfake.ErrorResponder) {
		status, err := s.removal(path(group, balancerType, name), nil, nil)
		return accepted(status, armnetwork.LoadBalancersClientDeleteResponse{}, err)
	}
	s.network.LoadBalancerLoadBalancingRulesServer.BeginHealth = func(_ context.Context, group, name, rule string, _ *armnetwork.LoadBalancerLoadBalancingRulesClientBeginHealthOptions) (azfake.PollerResponder[armnetwork.LoadBalancerLoadBalancingRulesClientHealthResponse], azfake.ErrorResponder) {
		health := armnetwork.LoadBalancerLoadBalancingRulesClientHealthResponse{}
		b, err := find[armnetwork.LoadBalancer](s, path(group, balancerType, name))
		if err != nil {
			return accepted(0, health, err)
		}
		for _, m := range b.Properties.BackendAddressPools[0].Properties.LoadBalancerBackendAddresses {
			// Who is a machine's answers; nobody else does.
			state := "Down"
			for _, nic := range every[armnetwork.Interface](s, "") {
				if nic.Properties.VirtualMachine != nil && value(nic.Properties.IPConfigurations[0].Properties.PrivateIPAddress) == value(m.Properties.IPAddress) {
					state = "Up"
				}
			}
			health.LoadBalancerBackendAddresses = append(health.LoadBalancerBackendAddresses, &armnetwork.LoadBalancerHealthPerRulePerBackendAddress{IPAddress: m.Properties.IPAddress, State: &state})
		}
		return accepted(http.StatusOK, health, nil)
	}
}

// makeBalancer holds a balancer to what Azure wants of one.
func (s *Server) makeBalancer(p string, b *armnetwork.LoadBalancer) (int, error) {
	if err := known(b.Location); err != nil {
		return 0, err
	}
	if b.SKU == nil || value(b.SKU.Name) != armnetwork.LoadBalancerSKUNameStandard {
		return 0, fault(http.StatusBadRequest, "LoadBalancerBasicSkuRetired", "Basic load balancers are retired.")
	}
	f := b.Properties
	parts := map[string]bool{}
	part := func(kind string, name *string) {
		parts[strings.ToLower(p+"/"+kind+"/"+value(name))] = true
	}
	for _, c := range f.FrontendIPConfigurations {
		part("frontendIPConfigurations", c.Name)
		c.ID = pointer(p + "/frontendIPConfigurations/" + *c.Name)
		if err := s.listen(p, c.Properties); err != nil {
			return 0, err
		}
	}
	for _, pool := range f.BackendAddressPools {
		part("backendAddressPools", pool.Name)
		pool.ID = pointer(p + "/backendAddressPools/" + *pool.Name)
		if err := s.checkPool(pool.Properties); err != nil {
			return 0, err
		}
	}
	for _, probe := range f.Probes {
		part("probes", probe.Name)
		probe.ID = pointer(p + "/probes/" + *probe.Name)
		if q := probe.Properties; value(q.IntervalInSeconds) < 5 || q.Port == nil || q.Protocol == nil || (value(q.Protocol) == armnetwork.ProbeProtocolTCP) != (q.RequestPath == nil) {
			return 0, fault(http.StatusBadRequest, "InvalidProbe", "The probe %s is not valid.", *probe.Name)
		}
	}
	for _, rule := range f.LoadBalancingRules {
		q := rule.Properties
		rule.ID = pointer(p + "/loadBalancingRules/" + *rule.Name)
		for _, r := range []*armnetwork.SubResource{q.FrontendIPConfiguration, q.BackendAddressPool, q.Probe} {
			if r == nil || !parts[strings.ToLower(value(r.ID))] {
				return 0, fault(http.StatusBadRequest, "InvalidResourceReference", "The rule %s refers to what is not there.", *rule.Name)
			}
		}
		if value(q.FrontendPort) < 1 || value(q.BackendPort) < 1 || q.Protocol == nil {
			return 0, fault(http.StatusBadRequest, "InvalidRule", "The rule %s is not valid.", *rule.Name)
		}
	}
	return s.settle(p, balancerType, b, nil), nil
}

// listen looks at where a balancer listens.
func (s *Server) listen(p string, c *armnetwork.FrontendIPConfigurationPropertiesFormat) error {
	if c.PublicIPAddress == nil {
		if c.Subnet == nil {
			return fault(http.StatusBadRequest, "InvalidFrontend", "A frontend has a public address or a subnet.")
		}
		_, sub, err := s.subnetOf(value(c.Subnet.ID))
		if err == nil && c.PrivateIPAddress == nil {
			c.PrivateIPAddress = pointer(s.nextIP(prefixOf(sub)))
		}
		return err
	}
	ip, err := there[armnetwork.PublicIPAddress](s, c.PublicIPAddress.ID)
	if err != nil {
		return err
	}
	if user := s.user(*ip.ID); user != "" && !strings.HasPrefix(strings.ToLower(user), strings.ToLower(p)+"/") {
		return fault(http.StatusBadRequest, "PublicIPAddressInUse", "The address %s is already allocated to resource %s.", *ip.ID, user)
	}
	return nil
}

// checkPool: addresses are in networks that there are.
func (s *Server) checkPool(p *armnetwork.BackendAddressPoolPropertiesFormat) error {
	if p == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, b := range p.LoadBalancerBackendAddresses {
		ip := value(b.Properties.IPAddress)
		if _, err := netip.ParseAddr(ip); err != nil || b.Name == nil || seen[*b.Name] {
			return fault(http.StatusBadRequest, "InvalidBackendAddress", "The backend address %q is not valid.", ip)
		}
		seen[*b.Name] = true
		if b.Properties.VirtualNetwork == nil {
			return fault(http.StatusBadRequest, "InvalidBackendAddress", "The backend address %q is in no network.", ip)
		}
		if _, err := there[armnetwork.VirtualNetwork](s, b.Properties.VirtualNetwork.ID); err != nil {
			return err
		}
	}
	return nil
}
