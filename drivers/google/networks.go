package google

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	gce "google.golang.org/api/compute/v1"
	"google.golang.org/api/googleapi"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// networkExtra is what create_network takes beyond the contract.
type networkExtra struct {
	MTU         int    `json:"mtu,omitzero" help:"The largest packet, 1300 to 8896 bytes."`
	RoutingMode string `json:"routing_mode,omitzero" help:"REGIONAL or GLOBAL: how far Cloud Routers tell of subnets."`
	AutoSubnets bool   `json:"auto_subnets,omitzero" help:"Let Google make a subnet in each region, instead of cidr."`
}

// subnetExtra is what create_subnet takes beyond the contract.
type subnetExtra struct {
	Description         string `json:"description,omitzero" help:"What to say of it."`
	PrivateGoogleAccess bool   `json:"private_google_access,omitzero" help:"Let nodes without a public address reach Google's services."`
	FlowLogs            bool   `json:"flow_logs,omitzero" help:"Log its traffic."`
}

const networkFields = "id,name,description,autoCreateSubnetworks,mtu,routingConfig/routingMode"

// rangeMark begins the description of a network that was made with a cidr.
// Google's networks have no range of their own, only their subnets have; the
// one that a network was given is kept there, and holds for its subnets.
const rangeMark = "cidr: "

func networkOf(n *gce.Network) compute.Network {
	w := compute.Network{ID: n.Name, Name: n.Name, Tags: map[string]string{},
		Extra: map[string]any{"autoCreateSubnetworks": n.AutoCreateSubnetworks, "mtu": int(n.Mtu)}}
	if cidr, ok := strings.CutPrefix(n.Description, rangeMark); ok {
		w.CIDR = cidr
	} else {
		w.Extra["description"] = n.Description
	}
	if n.RoutingConfig != nil {
		w.Extra["routingMode"] = n.RoutingConfig.RoutingMode
	}
	if n.Id != 0 {
		w.Extra["id"] = fmt.Sprint(n.Id)
	}
	extras(w.Extra)
	return w
}

func (d *gceDriver) ListNetworks(ctx context.Context, in compute.ListNetworks) iter.Seq2[compute.Network, error] {
	var f filter
	f.is("name", in.Name)
	return pages(ctx, d.session, func(ctx context.Context, project, cursor string) ([]compute.Network, string, error) {
		list := d.api.Networks.List(project).MaxResults(d.page(most)).PageToken(cursor).Fields("nextPageToken", "items("+networkFields+")")
		if len(f) > 0 {
			list.Filter(f.String())
		}
		out, err := do(list.Context(ctx))
		if err != nil {
			return nil, "", err
		}
		networks := make([]compute.Network, len(out.Items))
		for i, n := range out.Items {
			networks[i] = networkOf(n)
		}
		return networks, out.NextPageToken, nil
	})
}

func (d *gceDriver) network(ctx context.Context, id string) (ref, error) {
	project, err := d.project(ctx)
	if err != nil {
		return ref{}, err
	}
	return global("network", id, project)
}

func (d *gceDriver) CreateNetwork(ctx context.Context, in compute.CreateNetwork) (compute.Network, error) {
	if err := named("a network", in.Name); err != nil {
		return compute.Network{}, err
	}
	extra, err := op.Extra[networkExtra](in.Extra)
	switch {
	case err != nil:
		return compute.Network{}, err
	case len(in.Tags) > 0:
		return compute.Network{}, op.Errorf(op.InvalidArgument, "tags: networks have no labels at Google Compute Engine")
	case in.CIDR != "" && extra.AutoSubnets:
		return compute.Network{}, op.Errorf(op.InvalidArgument, "cidr and auto_subnets exclude each other: Google chooses the ranges of the subnets that it makes")
	}
	network := &gce.Network{Name: in.Name, AutoCreateSubnetworks: extra.AutoSubnets, Mtu: int64(extra.MTU), ForceSendFields: []string{"AutoCreateSubnetworks"}}
	if in.CIDR != "" {
		if _, err := compute.Prefix(in.CIDR); err != nil {
			return compute.Network{}, err
		}
		network.Description = rangeMark + in.CIDR
	}
	if extra.RoutingMode != "" {
		network.RoutingConfig = &gce.NetworkRoutingConfig{RoutingMode: extra.RoutingMode}
	}
	r, err := d.network(ctx, in.Name)
	if err != nil {
		return compute.Network{}, err
	}
	o, err := change(ctx, "insert", d.api.Networks.Insert(r.project, network))
	if err != nil {
		return compute.Network{}, err
	}
	remove := func(ctx context.Context) error { return d.removeNetwork(ctx, r) }
	if err := d.start(r.project, o).whole(ctx, remove); err != nil {
		return compute.Network{}, err
	}
	n, err := fetched(ctx, "the network "+r.name, func() (*gce.Network, error) {
		return do(d.api.Networks.Get(r.project, r.name).Fields(networkFields).Context(ctx))
	}, remove)
	if err != nil {
		return compute.Network{}, err
	}
	return networkOf(n), nil
}

func (d *gceDriver) DestroyNetwork(ctx context.Context, in compute.DestroyNetwork) error {
	r, err := d.network(ctx, in.Network)
	if err != nil {
		return err
	}
	return d.removeNetwork(ctx, r)
}

func (d *gceDriver) removeNetwork(ctx context.Context, r ref) error {
	o, err := change(ctx, "delete", d.api.Networks.Delete(r.project, r.name))
	if err != nil {
		return err
	}
	return d.start(r.project, o).finished(ctx)
}

const subnetFields = "id,name,description,network,ipCidrRange,region,gatewayAddress,privateIpGoogleAccess,purpose,stackType"

func subnetOf(project string, s *gce.Subnetwork) compute.Subnet {
	w := compute.Subnet{ID: ref{project, base(s.Region), s.Name}.id(project), Name: s.Name, Network: shortID(project, s.Network), CIDR: s.IpCidrRange,
		Location: base(s.Region), Tags: map[string]string{}, Extra: extras(map[string]any{"description": s.Description, "gatewayAddress": s.GatewayAddress,
			"privateIpGoogleAccess": s.PrivateIpGoogleAccess, "purpose": s.Purpose, "stackType": s.StackType})}
	if s.Id != 0 {
		w.Extra["id"] = fmt.Sprint(s.Id)
	}
	return w
}

func (d *gceDriver) ListSubnets(ctx context.Context, in compute.ListSubnets) iter.Seq2[compute.Subnet, error] {
	var f filter
	f.is("name", in.Name)
	return pages(ctx, d.session, func(ctx context.Context, project, cursor string) ([]compute.Subnet, string, error) {
		list := d.api.Subnetworks.AggregatedList(project).MaxResults(d.page(most)).PageToken(cursor).
			Fields("nextPageToken,unreachables", googleapi.Field("items(*/warning/code,*/subnetworks("+subnetFields+"))"))
		if len(f) > 0 {
			list.Filter(f.String())
		}
		out, err := do(list.Context(ctx))
		if err != nil {
			return nil, "", err
		}
		var subnets []compute.Subnet
		for place, part := range scoped(out.Items) {
			if part.Warning != nil && part.Warning.Code == silent {
				out.Unreachables = append(out.Unreachables, place)
			}
			for _, s := range part.Subnetworks {
				subnets = append(subnets, subnetOf(project, s))
			}
		}
		return subnets, out.NextPageToken, unreachable("subnets", out.Unreachables)
	})
}

// subnetIn is the URL of a network's first subnet in a region. A node names the
// subnet that it is in, unless Google made the network's subnets.
func (d *gceDriver) subnetIn(ctx context.Context, network ref, region string) (string, error) {
	var urls []string
	err := d.api.Subnetworks.List(network.project, region).MaxResults(d.page(most)).Fields("nextPageToken", "items(network,selfLink)").
		Pages(ctx, func(l *gce.SubnetworkList) error {
			for _, s := range l.Items {
				if parseURL(s.Network) == network {
					urls = append(urls, s.SelfLink)
				}
			}
			return nil
		})
	switch {
	case err != nil:
		return "", failed(err)
	case len(urls) == 0:
		if _, err := do(d.api.Networks.Get(network.project, network.name).Fields("name").Context(ctx)); err != nil {
			return "", err
		}
		return "", op.Errorf(op.InvalidArgument, "the network %s has no subnet in %s: create one, or say which subnets", network.name, region)
	}
	return slices.Min(urls), nil
}

func (d *gceDriver) CreateSubnet(ctx context.Context, in compute.CreateSubnet) (compute.Subnet, error) {
	if err := named("a subnet", in.Name); err != nil {
		return compute.Subnet{}, err
	}
	extra, err := op.Extra[subnetExtra](in.Extra)
	if err != nil {
		return compute.Subnet{}, err
	}
	if len(in.Tags) > 0 {
		return compute.Subnet{}, op.Errorf(op.InvalidArgument, "tags: subnets have no labels at Google Compute Engine")
	}
	inner, err := compute.Prefix(in.CIDR)
	if err != nil {
		return compute.Subnet{}, err
	}
	network, err := d.network(ctx, in.Network)
	if err != nil {
		return compute.Subnet{}, err
	}
	n, err := do(d.api.Networks.Get(network.project, network.name).Fields("name,description").Context(ctx))
	if err != nil {
		return compute.Subnet{}, err
	}
	if outer, err := netip.ParsePrefix(networkOf(n).CIDR); err == nil && (outer.Bits() > inner.Bits() || !outer.Contains(inner.Addr())) {
		return compute.Subnet{}, op.Errorf(op.InvalidArgument, "cidr: %s is not in %s, the range of the network %s", in.CIDR, outer, in.Network)
	}
	r := ref{project: network.project, name: in.Name}
	if r.scope, err = d.regionFor(in.Location); err != nil {
		return compute.Subnet{}, err
	}
	o, err := change(ctx, "insert", d.api.Subnetworks.Insert(r.project, r.scope, &gce.Subnetwork{Name: in.Name, Description: extra.Description, Network: network.url("", "networks"),
		IpCidrRange: in.CIDR, PrivateIpGoogleAccess: extra.PrivateGoogleAccess, EnableFlowLogs: extra.FlowLogs}))
	if err != nil {
		return compute.Subnet{}, err
	}
	remove := func(ctx context.Context) error { return d.removeSubnet(ctx, r) }
	if err := d.start(r.project, o).whole(ctx, remove); err != nil {
		return compute.Subnet{}, err
	}
	s, err := fetched(ctx, "the subnet "+r.name, func() (*gce.Subnetwork, error) {
		return do(d.api.Subnetworks.Get(r.project, r.scope, r.name).Fields(subnetFields).Context(ctx))
	}, remove)
	if err != nil {
		return compute.Subnet{}, err
	}
	return subnetOf(r.project, s), nil
}

func (d *gceDriver) DestroySubnet(ctx context.Context, in compute.DestroySubnet) error {
	project, err := d.project(ctx)
	if err != nil {
		return err
	}
	r, err := placed("subnet", in.Subnet, project, d.region)
	if err != nil {
		return err
	}
	return d.removeSubnet(ctx, r)
}

func (d *gceDriver) removeSubnet(ctx context.Context, r ref) error {
	o, err := change(ctx, "delete", d.api.Subnetworks.Delete(r.project, r.scope, r.name))
	if err != nil {
		return err
	}
	return d.start(r.project, o).finished(ctx)
}
