package azure

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// connect finds the subnets that a new node is to be in: those that are named,
// one of each network that is named, or one of the location's only network. Of
// several networks none is as good as another. Where there is none, one is made.
func (d *computeDriver) connect(ctx context.Context, p *draft, token string) error {
	p.public = value(p.in.PublicAddress)
	for _, id := range p.in.Subnets {
		r, err := d.ref("subnet", id, 2)
		if err != nil {
			return err
		}
		p.subnets = append(p.subnets, p.a.path(subnetType, r))
	}
	for _, id := range p.in.Networks {
		r, err := d.ref("network", id, 1)
		if err != nil {
			return err
		}
		network, err := get(p.a.networks.Get(ctx, r.group, r.name(), nil))
		if err != nil {
			return err
		}
		subnet := usable(&network.VirtualNetwork)
		if subnet == nil {
			return op.Errorf(op.Conflict, "the network %s has no subnet that a node can be in: make one with create_subnet", r)
		}
		p.subnets = append(p.subnets, value(subnet.ID))
	}
	if len(p.subnets) > 0 {
		return nil
	}
	if p.in.PublicAddress == nil {
		p.public = true
	}
	// Two nodes that are made at once need one network between them.
	release, err := d.creating.hold(ctx, "default network "+p.location)
	if err != nil {
		return err
	}
	defer release()
	networks, err := all(ctx, func(ctx context.Context, cursor string) ([]*armnetwork.VirtualNetwork, string, error) {
		return page(ctx, cursor, p.a.networks.NewListPager(p.group, nil), func(r armnetwork.VirtualNetworksClientListResponse) ([]*armnetwork.VirtualNetwork, *string) {
			return r.Value, r.NextLink
		})
	})
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(networks, func(n *armnetwork.VirtualNetwork) bool {
		return strings.EqualFold(value(n.Name), defaultNetwork(p.location))
	}); i >= 0 {
		networks = networks[i : i+1]
		if usable(networks[0]) == nil { // making it would change it
			return op.Errorf(op.Conflict, "the network %s has no subnet that a node can be in: make one with create_subnet, or give networks or subnets", ref{p.group, []string{value(networks[0].Name)}})
		}
	}
	networks = slices.DeleteFunc(networks, func(n *armnetwork.VirtualNetwork) bool {
		return place(value(n.Location)) != p.location || usable(n) == nil
	})
	switch len(networks) {
	case 0:
		return d.makeNetwork(ctx, p, token)
	case 1:
		p.subnets = []string{value(usable(networks[0]).ID)}
		return nil
	}
	return op.Errorf(op.InvalidArgument, "the resource group %s has %d networks in %s: give networks or subnets", p.group, len(networks), p.location)
}

// defaultNetwork is the name of the network that is made where there is none.
func defaultNetwork(location string) string { return "default-" + location }

func (d *computeDriver) makeNetwork(ctx context.Context, p *draft, token string) error {
	name := defaultNetwork(p.location)
	network := armnetwork.VirtualNetwork{Location: &p.location, Tags: tagsFor(nil, "", token), Properties: &armnetwork.VirtualNetworkPropertiesFormat{
		AddressSpace: &armnetwork.AddressSpace{AddressPrefixes: []*string{pointer("10.0.0.0/16")}},
		Subnets:      []*armnetwork.Subnet{{Name: pointer("default"), Properties: &armnetwork.SubnetPropertiesFormat{AddressPrefix: pointer("10.0.0.0/20")}}}}}
	out, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.VirtualNetworksClientCreateOrUpdateResponse], error) {
		return p.a.networks.BeginCreateOrUpdate(ctx, p.group, name, network, nil)
	})
	r := ref{p.group, []string{name}}
	if err == nil {
		p.network = p.a.path(netType, r)
		if subnet := usable(&out.VirtualNetwork); subnet != nil {
			p.subnets = []string{value(subnet.ID)}
			return nil
		}
		err = op.Errorf(op.Unavailable, "the network %s was made without its subnet", r)
	}
	return halfMade(ctx, "network", r, token, err, func(ctx context.Context) (map[string]*string, error) {
		found, err := p.a.networks.Get(ctx, p.group, name, nil)
		return found.Tags, err
	}, func(ctx context.Context) error { return start(p.a.networks.BeginDelete(ctx, p.group, name, nil)) })
}

// usable is the first subnet of a network that a node can be in: not one that
// Azure keeps for a service.
func usable(n *armnetwork.VirtualNetwork) *armnetwork.Subnet {
	if n.Properties == nil {
		return nil
	}
	subnets := slices.Clone(n.Properties.Subnets)
	slices.SortFunc(subnets, func(a, b *armnetwork.Subnet) int { return cmp.Compare(value(a.Name), value(b.Name)) })
	for _, s := range subnets {
		reserved := strings.HasPrefix(value(s.Name), "Azure") || strings.HasPrefix(value(s.Name), "Gateway") || value(s.Name) == "RouteServerSubnet"
		if !reserved && s.Properties != nil && len(s.Properties.Delegations) == 0 {
			return s
		}
	}
	return nil
}

// guard finds the security group of a new node, and its application security
// group, by which rules know its nodes.
func (d *computeDriver) guard(ctx context.Context, p *draft) error {
	r, err := d.ref("security group", p.in.SecurityGroups[0], 1)
	if err != nil {
		return err
	}
	p.guard = p.a.path(groupType, r)
	members, err := get(p.a.members.Get(ctx, r.group, r.name(), nil))
	switch {
	case err == nil:
		p.members = []string{value(members.ID)}
	case op.KindOf(err) != op.NotFound:
		return err
	}
	return nil
}
