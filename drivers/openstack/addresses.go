package openstack

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A floating is what Neutron calls a public address.
type floating struct {
	ID, Description string
	IP              string `json:"floating_ip_address"`
	Port            string `json:"port_id"`
	Details         *struct {
		Device string `json:"device_id"`
		Owner  string `json:"device_owner"`
	} `json:"port_details"`
	Tags []string
}

// addressOf has the description for a name: addresses have none.
func addressOf(i item[floating]) compute.Address {
	f := i.v
	a := compute.Address{ID: f.ID, Name: f.Description, IP: f.IP, Tags: tagsOf(f.Tags),
		Extra: i.extra("floating_network_id", "fixed_ip_address", "port_id", "router_id", "status", "project_id", "dns_name", "dns_domain")}
	if f.Details != nil {
		a.Node = f.Details.Device
	}
	return a
}

// ListAddresses gives the project's own.
func (d *computeDriver) ListAddresses(ctx context.Context, in compute.ListAddresses) iter.Seq2[compute.Address, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Address, string, error) {
		query, err := d.ours(ctx, search("", in.Tags))
		if err != nil {
			return nil, "", err
		}
		return neutronPage(ctx, d.session, "floatingips", query, cursor, "floatingips", addressOf)
	})
}

// addressExtra is what allocate_address takes beyond the contract.
type addressExtra struct {
	Network string `json:"floating_network,omitzero" help:"The id or the name of the network that it is of; the connection's, or the cloud's only one, if not given."`
	Subnet  string `json:"subnet,omitzero" help:"The id of the subnet there that it is of."`
	IP      string `json:"ip,omitzero" help:"The very address, where the cloud allows to choose."`
}

func (d *computeDriver) AllocateAddress(ctx context.Context, in compute.AllocateAddress) (compute.Address, error) {
	extra, err := op.Extra[addressExtra](in.Extra)
	if err != nil {
		return compute.Address{}, err
	}
	if in.Location != "" {
		return compute.Address{}, op.Errorf(op.InvalidArgument, "location: an address of OpenStack is of a network: give extra = {\"floating_network\": …}")
	}
	words, err := wordsOf(in.Tags)
	if err != nil {
		return compute.Address{}, err
	}
	a, err := d.newAddress(ctx, given(object{"description": in.Name, "subnet_id": extra.Subnet, "floating_ip_address": extra.IP}), cmp.Or(extra.Network, d.external), words...)
	if err != nil {
		return compute.Address{}, err
	}
	return addressOf(a), nil
}

// newAddress gets an address of an external network: one that is named, by id
// or by name, or the only one.
func (s *session) newAddress(ctx context.Context, body object, of string, words ...string) (item[floating], error) {
	networks, err := all[network](ctx, s, neutron, "networks", url.Values{"router:external": {"true"}, "fields": {"id", "name"}}, "networks")
	if err != nil {
		return item[floating]{}, err
	}
	var names []string
	var chosen string
	for _, n := range networks {
		if of == "" || n.ID == of || n.Name == of {
			chosen = n.ID
			names = append(names, n.Name)
		}
	}
	switch {
	case len(names) == 0 && of != "":
		return item[floating]{}, op.Errorf(op.NotFound, "there is no external network %q", of)
	case len(names) == 0:
		return item[floating]{}, op.Errorf(op.Unsupported, "the cloud has no external network, which public addresses would be of")
	case len(names) > 1:
		return item[floating]{}, op.Errorf(op.InvalidArgument, "the cloud has the external networks %q: give extra = {\"floating_network\": …}, or the connection external_network", names)
	}
	body["floating_network_id"] = chosen
	a, err := create[floating](ctx, s, "floatingips", "floatingip", body, words)
	a.v.Tags = words
	return a, err
}

func (d *computeDriver) address(ctx context.Context, id string) (item[floating], error) {
	return fetch[item[floating]](ctx, d.session, neutron, http.MethodGet, path("floatingips", id), nil, "floatingip")
}

// AssociateAddress leads an address to the node's first port with an IPv4
// address; Nova, whose order that would be, does not tell.
func (d *computeDriver) AssociateAddress(ctx context.Context, in compute.AssociateAddress) error {
	a, err := d.address(ctx, in.Address)
	if err != nil {
		return err
	}
	ports, err := d.portsOf(ctx, in.Node)
	if err != nil {
		return err
	}
	for _, p := range ports {
		for _, ip := range p.FixedIPs {
			if address, err := netip.ParseAddr(ip.IP); err != nil || !address.Is4() {
				continue
			}
			if a.v.Port == p.ID {
				return nil // as if it were repeated
			}
			return d.lead(ctx, in.Address, p.ID)
		}
	}
	if _, err := d.server(ctx, in.Node); err != nil {
		return err
	}
	return op.Errorf(op.Conflict, "the node %s is in no network with IPv4 addresses yet, which a public address could lead to", in.Node)
}

// lead makes an address lead to a port; to none if that is nil.
func (d *computeDriver) lead(ctx context.Context, address string, port any) error {
	_, err := d.send(ctx, neutron, http.MethodPut, path("floatingips", address), object{"floatingip": object{"port_id": port}}, nil)
	return err
}

func (d *computeDriver) DisassociateAddress(ctx context.Context, in compute.DisassociateAddress) error {
	a, err := d.address(ctx, in.Address)
	switch {
	case err != nil:
		return err
	case a.v.Port == "":
		return op.Errorf(op.Conflict, "the address %s leads nowhere", a.v.IP)
	}
	return d.lead(ctx, in.Address, nil)
}

// ReleaseAddress looks first: Neutron would also give back an address that is in use.
func (d *computeDriver) ReleaseAddress(ctx context.Context, in compute.ReleaseAddress) error {
	a, err := d.address(ctx, in.Address)
	switch {
	case err != nil:
		return err
	case a.v.Port != "":
		where := "a port"
		if a.v.Details != nil {
			where = fmt.Sprintf("%s %s", a.v.Details.Owner, a.v.Details.Device)
		}
		return op.Errorf(op.Conflict, "the address %s leads to %s: disassociate it first", a.v.IP, where)
	}
	_, err = d.send(ctx, neutron, http.MethodDelete, path("floatingips", in.Address), nil, nil)
	return err
}
