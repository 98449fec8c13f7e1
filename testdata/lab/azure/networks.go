package azure

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"
)

const networkType = "Microsoft.Network/virtualNetworks"

func (s *Server) networks() {
	f := &s.network.VirtualNetworksServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, name string, n armnetwork.VirtualNetwork, _ *armnetwork.VirtualNetworksClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armnetwork.VirtualNetworksClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		status, err := s.makeNetwork(path(group, networkType, name), &n)
		return accepted(status, armnetwork.VirtualNetworksClientCreateOrUpdateResponse{VirtualNetwork: n}, err)
	}
	f.Get = func(_ context.Context, group, name string, _ *armnetwork.VirtualNetworksClientGetOptions) (azfake.Responder[armnetwork.VirtualNetworksClientGetResponse], azfake.ErrorResponder) {
		n, err := find[armnetwork.VirtualNetwork](s, path(group, networkType, name))
		return answer(http.StatusOK, armnetwork.VirtualNetworksClientGetResponse{VirtualNetwork: value(n)}, err)
	}
	f.NewListPager = func(group string, _ *armnetwork.VirtualNetworksClientListOptions) azfake.PagerResponder[armnetwork.VirtualNetworksClientListResponse] {
		list, next := paged(s, every[armnetwork.VirtualNetwork](s, group))
		return onePage(armnetwork.VirtualNetworksClientListResponse{VirtualNetworkListResult: armnetwork.VirtualNetworkListResult{Value: list, NextLink: next}})
	}
	f.NewListAllPager = func(*armnetwork.VirtualNetworksClientListAllOptions) azfake.PagerResponder[armnetwork.VirtualNetworksClientListAllResponse] {
		list, next := paged(s, every[armnetwork.VirtualNetwork](s, ""))
		return onePage(armnetwork.VirtualNetworksClientListAllResponse{VirtualNetworkListResult: armnetwork.VirtualNetworkListResult{Value: list, NextLink: next}})
	}
	f.BeginDelete = func(_ context.Context, group, name string, _ *armnetwork.VirtualNetworksClientBeginDeleteOptions) (azfake.PollerResponder[armnetwork.VirtualNetworksClientDeleteResponse], azfake.ErrorResponder) {
		p := path(group, networkType, name)
		status, err := s.removal(p, func() error {
			n, _ := find[armnetwork.VirtualNetwork](s, p)
			for _, sub := range n.Properties.Subnets {
				if user := s.inSubnet(*sub.ID); user != "" {
					return fault(http.StatusBadRequest, "InUseSubnetCannotBeDeleted", "Subnet %s is in use by %s and cannot be deleted.", *sub.Name, user)
				}
			}
			return nil
		}, nil)
		return accepted(status, armnetwork.VirtualNetworksClientDeleteResponse{}, err)
	}
	s.subnets()
	s.interfaces()
	s.addresses()
}

func (s *Server) makeNetwork(p string, n *armnetwork.VirtualNetwork) (int, error) {
	if err := known(n.Location); err != nil {
		return 0, err
	}
	if n.Properties == nil || n.Properties.AddressSpace == nil || len(n.Properties.AddressSpace.AddressPrefixes) == 0 {
		return 0, fault(http.StatusBadRequest, "InvalidRequestFormat", "The address space is missing.")
	}
	for _, prefix := range n.Properties.AddressSpace.AddressPrefixes {
		if _, err := netip.ParsePrefix(*prefix); err != nil {
			return 0, fault(http.StatusBadRequest, "InvalidAddressPrefixFormat", "The prefix %s is not valid.", *prefix)
		}
	}
	for _, sub := range n.Properties.Subnets {
		dress(p+"/subnets/"+*sub.Name, networkType+"/subnets", sub, "Succeeded")
	}
	return s.settle(p, networkType, n, nil), nil
}

// subnetOf is the subnet at a path, and its network.
func (s *Server) subnetOf(p string) (*armnetwork.VirtualNetwork, *armnetwork.Subnet, error) {
	outer, _, _ := strings.Cut(p, "/subnets/")
	if n, err := find[armnetwork.VirtualNetwork](s, outer); err == nil {
		for _, sub := range n.Properties.Subnets {
			if strings.EqualFold(*sub.ID, p) {
				return n, sub, nil
			}
		}
	}
	return nil, nil, fault(http.StatusBadRequest, "InvalidResourceReference", "Resource %s referenced by the request was not found.", p)
}

// inSubnet is who has an interface in a subnet.
func (s *Server) inSubnet(p string) string {
	for _, nic := range every[armnetwork.Interface](s, "") {
		for _, c := range nic.Properties.IPConfigurations {
			if strings.EqualFold(value(c.Properties.Subnet.ID), p) {
				return *c.ID
			}
		}
	}
	return ""
}

// prefixOf is the beginning of the addresses in a subnet.
func prefixOf(sub *armnetwork.Subnet) string {
	parts := strings.Split(*sub.Properties.AddressPrefix, ".")
	return strings.Join(parts[:3], ".")
}

func (s *Server) subnets() {
	f := &s.network.SubnetsServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, network, name string, sub armnetwork.Subnet, _ *armnetwork.SubnetsClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armnetwork.SubnetsClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		n, err := find[armnetwork.VirtualNetwork](s, path(group, networkType, network))
		if err == nil {
			err = s.makeSubnet(n, name, &sub)
		}
		return accepted(http.StatusCreated, armnetwork.SubnetsClientCreateOrUpdateResponse{Subnet: sub}, err)
	}
	f.Get = func(_ context.Context, group, network, name string, _ *armnetwork.SubnetsClientGetOptions) (azfake.Responder[armnetwork.SubnetsClientGetResponse], azfake.ErrorResponder) {
		_, err := find[armnetwork.VirtualNetwork](s, path(group, networkType, network))
		if err != nil {
			return answer(0, armnetwork.SubnetsClientGetResponse{}, err)
		}
		_, sub, err := s.subnetOf(path(group, networkType+"/subnets", network, name))
		if err != nil {
			return answer(0, armnetwork.SubnetsClientGetResponse{}, fault(http.StatusNotFound, "NotFound", "Resource %s not found.", name))
		}
		return answer(http.StatusOK, armnetwork.SubnetsClientGetResponse{Subnet: *sub}, nil)
	}
	f.BeginDelete = func(_ context.Context, group, network, name string, _ *armnetwork.SubnetsClientBeginDeleteOptions) (azfake.PollerResponder[armnetwork.SubnetsClientDeleteResponse], azfake.ErrorResponder) {
		n, sub, err := s.subnetOf(path(group, networkType+"/subnets", network, name))
		if err != nil {
			return accepted(http.StatusNoContent, armnetwork.SubnetsClientDeleteResponse{}, nil)
		}
		if user := s.inSubnet(*sub.ID); user != "" {
			return accepted(0, armnetwork.SubnetsClientDeleteResponse{}, fault(http.StatusBadRequest, "InUseSubnetCannotBeDeleted", "Subnet %s is in use by %s and cannot be deleted.", name, user))
		}
		s.begin(func(failed bool) {
			if !failed {
				n.Properties.Subnets = slices.DeleteFunc(n.Properties.Subnets, func(x *armnetwork.Subnet) bool { return x == sub })
			}
		})
		return accepted(http.StatusAccepted, armnetwork.SubnetsClientDeleteResponse{}, nil)
	}
}

func (s *Server) makeSubnet(n *armnetwork.VirtualNetwork, name string, sub *armnetwork.Subnet) error {
	prefix, err := netip.ParsePrefix(value(sub.Properties.AddressPrefix))
	if err != nil {
		return fault(http.StatusBadRequest, "InvalidAddressPrefixFormat", "The prefix is not valid.")
	}
	inside := func(outer *string) bool {
		p, err := netip.ParsePrefix(*outer)
		return err == nil && p.Contains(prefix.Addr()) && p.Bits() <= prefix.Bits()
	}
	if !slices.ContainsFunc(n.Properties.AddressSpace.AddressPrefixes, inside) {
		return fault(http.StatusBadRequest, "NetcfgInvalidSubnet", "Subnet '%s' is not valid because its IP address range is outside the IP address range of virtual network '%s'.", name, *n.Name)
	}
	for _, other := range n.Properties.Subnets {
		if p, err := netip.ParsePrefix(value(other.Properties.AddressPrefix)); err == nil && p.Overlaps(prefix) && *other.Name != name {
			return fault(http.StatusBadRequest, "NetcfgSubnetRangesOverlap", "Subnet '%s' is not valid because its IP address range overlaps with that of an existing subnet.", name)
		}
	}
	if g := sub.Properties.NetworkSecurityGroup; g != nil {
		if _, err := there[armnetwork.SecurityGroup](s, g.ID); err != nil {
			return err
		}
	}
	dress(*n.ID+"/subnets/"+name, networkType+"/subnets", sub, "Updating")
	n.Properties.Subnets = append(n.Properties.Subnets, sub)
	s.begin(func(failed bool) {
		if failed {
			n.Properties.Subnets = slices.DeleteFunc(n.Properties.Subnets, func(x *armnetwork.Subnet) bool { return x == sub })
			return
		}
		setState(sub, "Succeeded")
	})
	return nil
}

func (s *Server) interfaces() {
	f := &s.network.InterfacesServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, name string, nic armnetwork.Interface, _ *armnetwork.InterfacesClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armnetwork.InterfacesClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		p := path(group, nicType, name)
		before, err := find[armnetwork.Interface](s, p)
		if err == nil {
			err = s.checkAddresses(p, &nic)
		}
		if err != nil {
			return accepted(0, armnetwork.InterfacesClientCreateOrUpdateResponse{}, err)
		}
		nic.Properties.VirtualMachine = before.Properties.VirtualMachine
		s.put(p, nicType, before, "Updating")
		s.begin(func(failed bool) {
			if failed {
				setState(before, "Failed")
				return
			}
			s.put(p, nicType, &nic, "Succeeded")
		})
		return accepted(http.StatusOK, armnetwork.InterfacesClientCreateOrUpdateResponse{Interface: nic}, nil)
	}
	f.Get = func(_ context.Context, group, name string, _ *armnetwork.InterfacesClientGetOptions) (azfake.Responder[armnetwork.InterfacesClientGetResponse], azfake.ErrorResponder) {
		nic, err := find[armnetwork.Interface](s, path(group, nicType, name))
		return answer(http.StatusOK, armnetwork.InterfacesClientGetResponse{Interface: value(nic)}, err)
	}
	f.NewListAllPager = func(*armnetwork.InterfacesClientListAllOptions) azfake.PagerResponder[armnetwork.InterfacesClientListAllResponse] {
		list, next := paged(s, every[armnetwork.Interface](s, ""))
		return onePage(armnetwork.InterfacesClientListAllResponse{InterfaceListResult: armnetwork.InterfaceListResult{Value: list, NextLink: next}})
	}
}

// checkAddresses: a public address leads to one interface.
func (s *Server) checkAddresses(p string, nic *armnetwork.Interface) error {
	for _, c := range nic.Properties.IPConfigurations {
		if c.Properties.PublicIPAddress == nil {
			continue
		}
		ip, err := there[armnetwork.PublicIPAddress](s, c.Properties.PublicIPAddress.ID)
		if err != nil {
			return err
		}
		if user := s.user(*ip.ID); user != "" && !strings.HasPrefix(strings.ToLower(user), strings.ToLower(p)+"/") {
			return fault(http.StatusBadRequest, "PublicIPAddressInUse", "Resource %s is referencing public IP address %s that is already allocated to resource %s.", p, *ip.ID, user)
		}
	}
	return nil
}

// user is the configuration that an address leads to.
func (s *Server) user(ip string) string {
	for _, nic := range every[armnetwork.Interface](s, "") {
		for _, c := range nic.Properties.IPConfigurations {
			if c.Properties.PublicIPAddress != nil && strings.EqualFold(value(c.Properties.PublicIPAddress.ID), ip) {
				return *c.ID
			}
		}
	}
	for _, b := range every[armnetwork.LoadBalancer](s, "") {
		for _, c := range b.Properties.FrontendIPConfigurations {
			if c.Properties.PublicIPAddress != nil && strings.EqualFold(value(c.Properties.PublicIPAddress.ID), ip) {
				return *c.ID
			}
		}
	}
	return ""
}

// led is an address with where it leads to.
func (s *Server) led(ip *armnetwork.PublicIPAddress) armnetwork.PublicIPAddress {
	if ip == nil {
		return armnetwork.PublicIPAddress{}
	}
	w, p := *ip, *ip.Properties
	if user := s.user(*ip.ID); user != "" {
		p.IPConfiguration = &armnetwork.IPConfiguration{ID: &user}
	}
	w.Properties = &p
	return w
}

func (s *Server) allLed(group string) []*armnetwork.PublicIPAddress {
	list := every[armnetwork.PublicIPAddress](s, group)
	for i, ip := range list {
		list[i] = pointer(s.led(ip))
	}
	return list
}

func (s *Server) addresses() {
	f := &s.network.PublicIPAddressesServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, name string, ip armnetwork.PublicIPAddress, _ *armnetwork.PublicIPAddressesClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armnetwork.PublicIPAddressesClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		if err := known(ip.Location); err != nil {
			return accepted(0, armnetwork.PublicIPAddressesClientCreateOrUpdateResponse{}, err)
		}
		if ip.SKU == nil || value(ip.SKU.Name) != armnetwork.PublicIPAddressSKUNameStandard || value(ip.Properties.PublicIPAllocationMethod) != armnetwork.IPAllocationMethodStatic {
			return accepted(0, armnetwork.PublicIPAddressesClientCreateOrUpdateResponse{}, fault(http.StatusBadRequest, "IPv4BasicSkuPublicIpCountLimitReached", "Basic public addresses are retired."))
		}
		status := s.settle(path(group, ipType, name), ipType, &ip, func() { ip.Properties.IPAddress = pointer(s.nextIP("20.50.8")) })
		return accepted(status, armnetwork.PublicIPAddressesClientCreateOrUpdateResponse{PublicIPAddress: ip}, nil)
	}
	f.Get = func(_ context.Context, group, name string, _ *armnetwork.PublicIPAddressesClientGetOptions) (azfake.Responder[armnetwork.PublicIPAddressesClientGetResponse], azfake.ErrorResponder) {
		ip, err := find[armnetwork.PublicIPAddress](s, path(group, ipType, name))
		return answer(http.StatusOK, armnetwork.PublicIPAddressesClientGetResponse{PublicIPAddress: s.led(ip)}, err)
	}
	f.NewListPager = func(group string, _ *armnetwork.PublicIPAddressesClientListOptions) azfake.PagerResponder[armnetwork.PublicIPAddressesClientListResponse] {
		list, next := paged(s, s.allLed(group))
		return onePage(armnetwork.PublicIPAddressesClientListResponse{PublicIPAddressListResult: armnetwork.PublicIPAddressListResult{Value: list, NextLink: next}})
	}
	f.NewListAllPager = func(*armnetwork.PublicIPAddressesClientListAllOptions) azfake.PagerResponder[armnetwork.PublicIPAddressesClientListAllResponse] {
		list, next := paged(s, s.allLed(""))
		return onePage(armnetwork.PublicIPAddressesClientListAllResponse{PublicIPAddressListResult: armnetwork.PublicIPAddressListResult{Value: list, NextLink: next}})
	}
	f.BeginDelete = func(_ context.Context, group, name string, _ *armnetwork.PublicIPAddressesClientBeginDeleteOptions) (azfake.PollerResponder[armnetwork.PublicIPAddressesClientDeleteResponse], azfake.ErrorResponder) {
		p := path(group, ipType, name)
		status, err := s.removal(p, func() error {
			if user := s.user(p); user != "" {
				return fault(http.StatusBadRequest, "PublicIPAddressCannotBeDeleted", "Public IP address %s can not be deleted since it is still allocated to resource %s.", p, user)
			}
			return nil
		}, nil)
		return accepted(status, armnetwork.PublicIPAddressesClientDeleteResponse{}, err)
	}
}
