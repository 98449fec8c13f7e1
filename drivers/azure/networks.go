package azure

import (
	"context"
	"iter"
	"net/netip"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// networkExtra is what create_network takes beyond the contract.
type networkExtra struct {
	Location string   `json:"location,omitzero" help:"Where it is; the connection's location if not given."`
	CIDRs    []string `json:"cidrs,omitzero" help:"More ranges of addresses, besides cidr."`
	DNS      []string `json:"dns,omitzero" help:"The DNS servers that its nodes ask; Azure's if not given."`
}

// subnetExtra is what create_subnet takes beyond the contract.
type subnetExtra struct {
	SecurityGroup string `json:"security_group,omitzero" help:"The security group that guards all that is in it."`
	NatGateway    string `json:"nat_gateway,omitzero" help:"Azure's id of the NAT gateway that it goes out by."`
	RouteTable    string `json:"route_table,omitzero" help:"Azure's id of its route table."`
}

func networkOf(n *armnetwork.VirtualNetwork) compute.Network {
	w := compute.Network{ID: shortID(n.ID), Name: value(n.Name), Tags: tagsOf(n.Tags), Extra: map[string]any{"location": place(value(n.Location))}}
	if p := n.Properties; p != nil {
		w.State = text(p.ProvisioningState)
		if p.AddressSpace != nil {
			ranges := texts(p.AddressSpace.AddressPrefixes)
			if len(ranges) > 0 {
				w.CIDR, w.Extra["cidrs"] = ranges[0], ranges
			}
		}
	}
	extras(w.Extra)
	return w
}

// networkPage is a page of the networks, of the session's group if it has one.
func (m *manager) networkPage(ctx context.Context, cursor string) ([]*armnetwork.VirtualNetwork, string, error) {
	a, err := m.api(ctx)
	if err != nil {
		return nil, "", err
	}
	if m.group != "" {
		return page(ctx, cursor, a.networks.NewListPager(m.group, nil), func(r armnetwork.VirtualNetworksClientListResponse) ([]*armnetwork.VirtualNetwork, *string) {
			return r.Value, r.NextLink
		})
	}
	return page(ctx, cursor, a.networks.NewListAllPager(nil), func(r armnetwork.VirtualNetworksClientListAllResponse) ([]*armnetwork.VirtualNetwork, *string) {
		return r.Value, r.NextLink
	})
}

func (d *computeDriver) ListNetworks(ctx context.Context, _ compute.ListNetworks) iter.Seq2[compute.Network, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Network, string, error) {
		found, next, err := d.networkPage(ctx, cursor)
		return convert(found, networkOf), next, err
	})
}

// span reads a range of addresses.
func span(name, cidr string) error {
	if p, err := netip.ParsePrefix(cidr); err != nil || p != p.Masked() {
		return op.Errorf(op.InvalidArgument, "%s: %q is no range of addresses, like \"10.0.0.0/16\"", name, cidr)
	}
	return nil
}

func (d *computeDriver) CreateNetwork(ctx context.Context, in compute.CreateNetwork) (compute.Network, error) {
	if err := named("a network", in.Name, 64); err != nil {
		return compute.Network{}, err
	}
	extra, err := op.Extra[networkExtra](in.Extra)
	if err != nil {
		return compute.Network{}, err
	}
	if in.CIDR == "" {
		return compute.Network{}, op.Errorf(op.InvalidArgument, "a network has a range of addresses at Azure: give cidr = \"10.0.0.0/16\" or the like")
	}
	space := &armnetwork.AddressSpace{}
	for _, cidr := range append([]string{in.CIDR}, extra.CIDRs...) {
		if err := span("cidr", cidr); err != nil {
			return compute.Network{}, err
		}
		space.AddressPrefixes = append(space.AddressPrefixes, &cidr)
	}
	a, group, err := d.into(ctx)
	if err != nil {
		return compute.Network{}, err
	}
	location, err := d.at(extra.Location)
	if err != nil {
		return compute.Network{}, err
	}
	token := op.Token(ctx)
	network := armnetwork.VirtualNetwork{Location: &location, Tags: tagsFor(in.Tags, "", token), Properties: &armnetwork.VirtualNetworkPropertiesFormat{AddressSpace: space}}
	if len(extra.DNS) > 0 {
		network.Properties.DhcpOptions = &armnetwork.DhcpOptions{}
		for _, s := range extra.DNS {
			network.Properties.DhcpOptions.DNSServers = append(network.Properties.DhcpOptions.DNSServers, &s)
		}
	}
	r := ref{group, []string{in.Name}}
	find := func(ctx context.Context) (armnetwork.VirtualNetworksClientGetResponse, error) {
		return a.networks.Get(ctx, group, in.Name, nil)
	}
	made, err := create(ctx, d.manager, "network", r, token, func() (*armnetwork.VirtualNetwork, map[string]*string, error) {
		found, err := find(ctx)
		return &found.VirtualNetwork, found.Tags, err
	}, func() (*armnetwork.VirtualNetwork, error) {
		out, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.VirtualNetworksClientCreateOrUpdateResponse], error) {
			return a.networks.BeginCreateOrUpdate(ctx, group, in.Name, network, nil)
		})
		if err != nil {
			return nil, halfMade(ctx, "network", r, token, err, func(ctx context.Context) (map[string]*string, error) {
				found, err := find(ctx)
				return found.Tags, err
			}, func(ctx context.Context) error { return start(a.networks.BeginDelete(ctx, group, in.Name, nil)) })
		}
		return &out.VirtualNetwork, nil
	})
	if err != nil {
		return compute.Network{}, err
	}
	return networkOf(made), nil
}

func (d *computeDriver) DestroyNetwork(ctx context.Context, in compute.DestroyNetwork) error {
	r, err := d.ref("network", in.Network, 1)
	if err != nil {
		return err
	}
	a, err := d.api(ctx)
	if err != nil {
		return err
	}
	// Azure would take the subnets along that nothing is in.
	found, err := get(a.networks.Get(ctx, r.group, r.name(), nil))
	if err != nil {
		return err
	}
	if p := found.Properties; p != nil && len(p.Subnets) > 0 {
		return op.Errorf(op.Conflict, "there are %d subnets in the network %s, as %s: destroy them first", len(p.Subnets), r, value(p.Subnets[0].Name))
	}
	return remove(ctx, "network", r, func(ctx context.Context) (*runtime.Poller[armnetwork.VirtualNetworksClientDeleteResponse], error) {
		return a.networks.BeginDelete(ctx, r.group, r.name(), nil)
	})
}

func subnetOf(s *armnetwork.Subnet) compute.Subnet {
	w := compute.Subnet{ID: shortID(s.ID), Name: value(s.Name), Tags: map[string]string{}, Extra: map[string]any{}}
	if r, ok := refOf(value(s.ID)); ok && len(r.names) == 2 {
		w.Network = ref{r.group, r.names[:1]}.String()
	}
	if p := s.Properties; p != nil {
		ranges := texts(p.AddressPrefixes)
		if p.AddressPrefix != nil {
			ranges = append([]string{*p.AddressPrefix}, ranges...)
		}
		if len(ranges) > 0 {
			w.CIDR = ranges[0]
		}
		if p.NetworkSecurityGroup != nil {
			w.Extra["securityGroup"] = shortID(p.NetworkSecurityGroup.ID)
		}
		for _, d := range p.Delegations {
			if d.Properties != nil {
				w.Extra["delegation"] = value(d.Properties.ServiceName)
			}
		}
		w.Extra["provisioningState"] = text(p.ProvisioningState)
	}
	extras(w.Extra)
	return w
}

// ListSubnets reads them with the networks, which hold them: the pages are
// those of list_networks.
func (d *computeDriver) ListSubnets(ctx context.Context, in compute.ListSubnets) iter.Seq2[compute.Subnet, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Subnet, string, error) {
		var found []*armnetwork.VirtualNetwork
		var next string
		var err error
		if in.Network != "" {
			found, err = d.network(ctx, in.Network)
		} else {
			found, next, err = d.networkPage(ctx, cursor)
		}
		if err != nil {
			return nil, "", err
		}
		var list []compute.Subnet
		for _, n := range found {
			if n.Properties != nil {
				list = append(list, convert(n.Properties.Subnets, subnetOf)...)
			}
		}
		return list, next, nil
	})
}

// network is the network of that id, if there is one.
func (d *computeDriver) network(ctx context.Context, id string) ([]*armnetwork.VirtualNetwork, error) {
	r, err := d.ref("network", id, 1)
	if err != nil {
		return nil, ifOther(err, op.NotFound)
	}
	a, err := d.api(ctx)
	if err != nil {
		return nil, err
	}
	found, err := get(a.networks.Get(ctx, r.group, r.name(), nil))
	if err != nil {
		return nil, ifOther(err, op.NotFound)
	}
	return []*armnetwork.VirtualNetwork{&found.VirtualNetwork}, nil
}

func (d *computeDriver) CreateSubnet(ctx context.Context, in compute.CreateSubnet) (compute.Subnet, error) {
	if err := named("a subnet", in.Name, 80); err != nil {
		return compute.Subnet{}, err
	}
	if len(in.Tags) > 0 {
		return compute.Subnet{}, op.Errorf(op.InvalidArgument, "tags: a subnet has none at Azure")
	}
	if err := span("cidr", in.CIDR); err != nil {
		return compute.Subnet{}, err
	}
	extra, err := op.Extra[subnetExtra](in.Extra)
	if err != nil {
		return compute.Subnet{}, err
	}
	outer, err := d.ref("network", in.Network, 1)
	if err != nil {
		return compute.Subnet{}, err
	}
	a, err := d.api(ctx)
	if err != nil {
		return compute.Subnet{}, err
	}
	subnet := armnetwork.Subnet{Properties: &armnetwork.SubnetPropertiesFormat{AddressPrefix: &in.CIDR}}
	if extra.SecurityGroup != "" {
		g, err := d.ref("security group", extra.SecurityGroup, 1)
		if err != nil {
			return compute.Subnet{}, err
		}
		subnet.Properties.NetworkSecurityGroup = &armnetwork.SecurityGroup{ID: pointer(a.path(groupType, g))}
	}
	if extra.NatGateway != "" {
		subnet.Properties.NatGateway = &armnetwork.SubResource{ID: &extra.NatGateway}
	}
	if extra.RouteTable != "" {
		subnet.Properties.RouteTable = &armnetwork.RouteTable{ID: &extra.RouteTable}
	}
	if in.Location != "" {
		n, err := get(a.networks.Get(ctx, outer.group, outer.name(), nil))
		if err != nil {
			return compute.Subnet{}, err
		}
		if place(in.Location) != place(value(n.Location)) {
			return compute.Subnet{}, op.Errorf(op.InvalidArgument, "location: the subnets of the network %s are in %s, where it is", outer, value(n.Location))
		}
	}
	r := ref{outer.group, []string{outer.name(), in.Name}}
	// Nothing of a subnet says whose call made it.
	made, err := create(ctx, d.manager, "subnet", r, "", func() (*armnetwork.Subnet, map[string]*string, error) {
		found, err := a.subnets.Get(ctx, outer.group, outer.name(), in.Name, nil)
		return &found.Subnet, nil, err
	}, func() (*armnetwork.Subnet, error) {
		out, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.SubnetsClientCreateOrUpdateResponse], error) {
			return a.subnets.BeginCreateOrUpdate(ctx, outer.group, outer.name(), in.Name, subnet, nil)
		})
		return &out.Subnet, err
	})
	if err != nil {
		return compute.Subnet{}, err
	}
	return subnetOf(made), nil
}

func (d *computeDriver) DestroySubnet(ctx context.Context, in compute.DestroySubnet) error {
	r, err := d.ref("subnet", in.Subnet, 2)
	if err != nil {
		return err
	}
	a, err := d.api(ctx)
	if err != nil {
		return err
	}
	return remove(ctx, "subnet", r, func(ctx context.Context) (*runtime.Poller[armnetwork.SubnetsClientDeleteResponse], error) {
		return a.subnets.BeginDelete(ctx, r.group, r.names[0], r.names[1], nil)
	})
}
