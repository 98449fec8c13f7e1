package libvirt

import (
	"context"
	"iter"
	"net/netip"
	"slices"

	"libvirt.org/go/libvirtxml"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// networkExtra is what create_network takes beyond the contract.
type networkExtra struct {
	Forward forwarding `json:"forward,omitzero" default:"nat" help:"How nodes reach the world: nat, behind the host's address; route, by routes that others know of; open, as route and without rules of libvirt's; isolated, not at all; bridge, by a bridge of the host's."`
	Bridge  string     `json:"bridge,omitzero" help:"The host's bridge, for forward = bridge."`
	Domain  string     `json:"domain,omitzero" help:"The domain of the nodes' names in the network's DNS."`
}

type forwarding string

// Values makes forwarding an enumeration.
func (forwarding) Values() []string { return []string{"nat", "route", "open", "isolated", "bridge"} }

func (d *driver) ListNetworks(ctx context.Context, _ compute.ListNetworks) iter.Seq2[compute.Network, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.Network, string, error) {
		all, err := get(ctx, d.link, func(w wire) ([]named, error) { return w.ConnectListAllNetworks(0) })
		if err != nil {
			return nil, "", err
		}
		active, err := get(ctx, d.link, func(w wire) ([]named, error) { return w.ConnectListAllNetworks(networksActive) })
		if err != nil {
			return nil, "", err
		}
		list, err := each(ctx, all, func(ctx context.Context, n named) (compute.Network, error) {
			x, err := d.networkXML(ctx, n.UUID)
			if err != nil {
				return compute.Network{}, err
			}
			return networkValue(x, slices.Contains(active, n)), nil
		})
		return list, "", err
	})
}

func (d *driver) networkXML(ctx context.Context, id string) (*libvirtxml.Network, error) {
	text, err := get(ctx, d.link, func(w wire) (string, error) { return w.NetworkGetXMLDesc(id) })
	if err != nil {
		return nil, err
	}
	x := &libvirtxml.Network{}
	if err := x.Unmarshal(text); err != nil {
		return nil, op.Errorf(op.Internal, "reading libvirt's description of the network %s: %w", id, err)
	}
	return x, nil
}

func networkValue(x *libvirtxml.Network, active bool) compute.Network {
	n := compute.Network{ID: x.UUID, Name: x.Name, State: "inactive", Extra: map[string]any{"forward": "isolated"}}
	if active {
		n.State = "active"
	}
	if x.Forward != nil {
		n.Extra["forward"] = x.Forward.Mode
	}
	if x.Bridge != nil && x.Bridge.Name != "" {
		n.Extra["bridge"] = x.Bridge.Name
	}
	if x.Domain != nil {
		n.Extra["domain"] = x.Domain.Name
	}
	for _, ip := range x.IPs {
		if cidr, ok := rangeOf(ip); ok && (n.CIDR == "" || ip.Family != "ipv6") {
			n.CIDR = cidr
			break
		}
	}
	if x.Metadata != nil {
		var t told
		recall(x.Metadata.XML, &t)
		n.Tags = t.Tags
	}
	return n
}

// rangeOf is the range of addresses of which libvirt tells one, and the size.
func rangeOf(ip libvirtxml.NetworkIP) (string, bool) {
	a, err := netip.ParseAddr(ip.Address)
	if err != nil {
		return "", false
	}
	bits := int(ip.Prefix)
	if mask, err := netip.ParseAddr(ip.Netmask); err == nil && ip.Netmask != "" {
		bits = 0
		for _, b := range mask.AsSlice() {
			for ; b&0x80 != 0; b <<= 1 {
				bits++
			}
		}
	}
	p, err := a.Prefix(bits)
	return p.String(), err == nil
}

func (d *driver) CreateNetwork(ctx context.Context, in compute.CreateNetwork) (compute.Network, error) {
	extra, err := op.Extra[networkExtra](in.Extra)
	if err != nil {
		return compute.Network{}, err
	}
	if err := called("network", in.Name); err != nil {
		return compute.Network{}, err
	}
	metadata, err := element(told{Tags: in.Tags}, false)
	if err != nil {
		return compute.Network{}, err
	}
	x := &libvirtxml.Network{Name: in.Name, UUID: newUUID(), Metadata: &libvirtxml.NetworkMetadata{XML: metadata}}
	if extra.Domain != "" {
		x.Domain = &libvirtxml.NetworkDomain{Name: extra.Domain, LocalOnly: "yes"}
	}
	if extra.Forward != "isolated" {
		x.Forward = &libvirtxml.NetworkForward{Mode: string(extra.Forward)}
	}
	if extra.Forward == "bridge" {
		if extra.Bridge == "" || in.CIDR != "" {
			return compute.Network{}, op.Errorf(op.InvalidArgument, "a network on a bridge of the host's needs extra = {\"bridge\": …}, and its range is what is on that bridge: no cidr")
		}
		x.Bridge = &libvirtxml.NetworkBridge{Name: extra.Bridge}
	} else {
		if extra.Bridge != "" {
			return compute.Network{}, op.Errorf(op.InvalidArgument, "extra: bridge goes with forward = bridge")
		}
		ip, err := rangeFor(in.CIDR)
		if err != nil {
			return compute.Network{}, err
		}
		x.IPs = []libvirtxml.NetworkIP{ip}
		// There are only nodes on it, so there is nothing to wait for.
		x.Bridge = &libvirtxml.NetworkBridge{STP: "off", Delay: "0"}
	}
	text, err := x.Marshal()
	if err != nil {
		return compute.Network{}, op.Errorf(op.Internal, "%w", err)
	}
	// libvirt would take a definition of that name for a change of the network that has it.
	all, err := get(ctx, d.link, func(w wire) ([]named, error) { return w.ConnectListAllNetworks(0) })
	if err != nil {
		return compute.Network{}, err
	}
	if slices.ContainsFunc(all, func(n named) bool { return n.Name == in.Name }) {
		return compute.Network{}, op.Errorf(op.AlreadyExists, "there is a network %q already", in.Name)
	}
	id, err := call(ctx, d.link, func(w wire) (string, error) { return w.NetworkDefineXML(text) },
		func(w wire, id string) { _ = w.NetworkUndefine(id) })
	if err != nil {
		return compute.Network{}, err
	}
	err = do(ctx, d.link, func(w wire) error {
		if err := w.NetworkCreate(id); err != nil {
			return err
		}
		return w.NetworkSetAutostart(id, 1)
	})
	if err == nil {
		x, err = d.networkXML(ctx, id)
	}
	if err != nil {
		return compute.Network{}, d.undo(ctx, err, func(ctx context.Context) error { return d.dropNetwork(ctx, id) }, in.Name)
	}
	return networkValue(x, true), nil
}

// rangeFor is a network's range: the host has the first address, DHCP gives out
// the rest.
func rangeFor(cidr string) (libvirtxml.NetworkIP, error) {
	p, err := netip.ParsePrefix(cidr)
	if err != nil || p != p.Masked() || p.Addr().Is4() && p.Bits() > 29 || p.Addr().Is6() && p.Bits() > 64 {
		return libvirtxml.NetworkIP{}, op.Errorf(op.InvalidArgument, "cidr is %q: it would be like \"192.168.50.0/24\"", cidr)
	}
	host := p.Addr().Next()
	ip := libvirtxml.NetworkIP{Address: host.String(), Prefix: uint(p.Bits())}
	if p.Addr().Is6() {
		ip.Family = "ipv6" // nodes make their addresses themselves
		return ip, nil
	}
	last := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	ip.DHCP = &libvirtxml.NetworkDHCP{Ranges: []libvirtxml.NetworkDHCPRange{{Start: host.Next().String(), End: netip.AddrFrom4(last).Prev().String()}}}
	return ip, nil
}

func (d *driver) DestroyNetwork(ctx context.Context, in compute.DestroyNetwork) error {
	x, err := d.networkXML(ctx, in.Network)
	if err != nil {
		if op.KindOf(err) == op.NotFound {
			err = op.Errorf(op.NotFound, "there is no network %q", in.Network)
		}
		return err
	}
	all, err := d.machines(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if slices.ContainsFunc(m.x.Devices.Interfaces, func(i libvirtxml.DomainInterface) bool { return networkOf(i) == x.Name }) {
			return op.Errorf(op.Conflict, "%s is in the network %s", m.x.Name, x.Name)
		}
	}
	return d.dropNetwork(ctx, in.Network)
}

func (d *driver) dropNetwork(ctx context.Context, id string) error {
	active, err := get(ctx, d.link, func(w wire) ([]named, error) { return w.ConnectListAllNetworks(networksActive) })
	if err != nil {
		return err
	}
	if slices.ContainsFunc(active, func(n named) bool { return n.UUID == id }) {
		if err := do(ctx, d.link, func(w wire) error { return w.NetworkDestroy(id) }); err != nil {
			return err
		}
	}
	return ignoreMissing(do(ctx, d.link, func(w wire) error { return w.NetworkUndefine(id) })) // one that was not persistent is gone
}

// networkNames are the names of networks, which domains go by, of their ids; the
// connection's own if there are none. A name will do for an id.
func (d *driver) networkNames(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 {
		ids = []string{d.Network}
	}
	all, err := get(ctx, d.link, func(w wire) ([]named, error) { return w.ConnectListAllNetworks(0) })
	if err != nil {
		return nil, err
	}
	var names []string
	for _, id := range ids {
		i := slices.IndexFunc(all, func(n named) bool { return n.UUID == id || n.Name == id })
		if i < 0 {
			return nil, op.Errorf(op.NotFound, "there is no network %q: list_networks lists them, and the connection's network is the one that nodes are in if not told otherwise", id)
		}
		names = append(names, all[i].Name)
	}
	return names, nil
}
