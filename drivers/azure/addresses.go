package azure

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// addressExtra is what allocate_address takes beyond the contract.
type addressExtra struct {
	Zones    []string `json:"zones,omitzero" help:"The availability zones that it is in: one, or all for an address that outlives a zone."`
	DNSLabel string   `json:"dns_label,omitzero" help:"The name that it has below the location's domain, as LABEL.westeurope.cloudapp.azure.com."`
	IPv6     bool     `json:"ipv6,omitzero" help:"An address of IPv6."`
}

// addressOf tells the node by the interface that the address leads to.
func addressOf(p *armnetwork.PublicIPAddress, nic *armnetwork.Interface) compute.Address {
	a := compute.Address{ID: shortID(p.ID), Name: value(p.Name), Location: place(value(p.Location)), Tags: tagsOf(p.Tags), Extra: map[string]any{"zones": texts(p.Zones)}}
	if f := p.Properties; f != nil {
		a.IP = value(f.IPAddress)
		if f.DNSSettings != nil {
			a.Extra["fqdn"] = value(f.DNSSettings.Fqdn)
		}
		if f.IPConfiguration != nil && nic == nil {
			a.Extra["usedBy"] = value(f.IPConfiguration.ID)
		}
	}
	if nic != nil && nic.Properties != nil && nic.Properties.VirtualMachine != nil {
		a.Node = shortID(nic.Properties.VirtualMachine.ID)
	}
	extras(a.Extra)
	return a
}

// interfaceOf is the id of the interface that an address leads to, in small
// letters; empty if to none.
func interfaceOf(p *armnetwork.PublicIPAddress) string {
	if p.Properties == nil || p.Properties.IPConfiguration == nil {
		return ""
	}
	nic, _, _ := strings.Cut(strings.ToLower(value(p.Properties.IPConfiguration.ID)), "/ipconfigurations/")
	if !strings.Contains(nic, "/networkinterfaces/") {
		return ""
	}
	return nic
}

// ListAddresses asks for the interfaces too, with a page of addresses that
// lead to any: only they know their nodes.
func (d *computeDriver) ListAddresses(ctx context.Context, _ compute.ListAddresses) iter.Seq2[compute.Address, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Address, string, error) {
		a, err := d.api(ctx)
		if err != nil {
			return nil, "", err
		}
		var found []*armnetwork.PublicIPAddress
		var next string
		if d.group != "" {
			found, next, err = page(ctx, cursor, a.ips.NewListPager(d.group, nil), func(r armnetwork.PublicIPAddressesClientListResponse) ([]*armnetwork.PublicIPAddress, *string) {
				return r.Value, r.NextLink
			})
		} else {
			found, next, err = d.ipPage(ctx, cursor)
		}
		if err != nil {
			return nil, "", err
		}
		nics := map[string]*armnetwork.Interface{}
		for _, p := range found {
			if len(nics) > 0 || interfaceOf(p) == "" {
				continue
			}
			list, err := all(ctx, d.nicPage)
			if err != nil {
				return nil, "", err
			}
			for _, n := range list {
				nics[strings.ToLower(value(n.ID))] = n
			}
		}
		return convert(found, func(p *armnetwork.PublicIPAddress) compute.Address { return addressOf(p, nics[interfaceOf(p)]) }), next, nil
	})
}

// AllocateAddress waits for the address, which has no state to tell when it is there.
func (d *computeDriver) AllocateAddress(ctx context.Context, in compute.AllocateAddress) (compute.Address, error) {
	extra, err := op.Extra[addressExtra](in.Extra)
	if err != nil {
		return compute.Address{}, err
	}
	token := op.Token(ctx)
	name := in.Name
	if name == "" { // the same one when the call is repeated
		name = fmt.Sprintf("address-%x", sha256.Sum256([]byte(token)))[:20]
	}
	if err := named("an address", name, 80); err != nil {
		return compute.Address{}, err
	}
	a, group, err := d.into(ctx)
	if err != nil {
		return compute.Address{}, err
	}
	location, err := d.at(in.Location)
	if err != nil {
		return compute.Address{}, err
	}
	ip := armnetwork.PublicIPAddress{Location: &location, Tags: tagsFor(in.Tags, "", token), SKU: standardIP(), Properties: &armnetwork.PublicIPAddressPropertiesFormat{
		PublicIPAllocationMethod: pointer(armnetwork.IPAllocationMethodStatic), PublicIPAddressVersion: pointer(armnetwork.IPVersionIPv4)}}
	for _, z := range extra.Zones {
		ip.Zones = append(ip.Zones, &z)
	}
	if extra.IPv6 {
		ip.Properties.PublicIPAddressVersion = pointer(armnetwork.IPVersionIPv6)
	}
	if extra.DNSLabel != "" {
		ip.Properties.DNSSettings = &armnetwork.PublicIPAddressDNSSettings{DomainNameLabel: &extra.DNSLabel}
	}
	made, err := d.makeIP(ctx, a, ref{group, []string{name}}, token, ip)
	if err != nil {
		return compute.Address{}, err
	}
	return addressOf(made, nil), nil
}

func standardIP() *armnetwork.PublicIPAddressSKU {
	return &armnetwork.PublicIPAddressSKU{Name: pointer(armnetwork.PublicIPAddressSKUNameStandard), Tier: pointer(armnetwork.PublicIPAddressSKUTierRegional)}
}

// makeIP makes an address and waits for it. One that does not come is removed.
func (m *manager) makeIP(ctx context.Context, a *api, r ref, token string, ip armnetwork.PublicIPAddress) (*armnetwork.PublicIPAddress, error) {
	return create(ctx, m, "address", r, token, func() (*armnetwork.PublicIPAddress, map[string]*string, error) {
		found, err := a.ips.Get(ctx, r.group, r.name(), nil)
		return &found.PublicIPAddress, found.Tags, err
	}, func() (*armnetwork.PublicIPAddress, error) {
		out, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.PublicIPAddressesClientCreateOrUpdateResponse], error) {
			return a.ips.BeginCreateOrUpdate(ctx, r.group, r.name(), ip, nil)
		})
		if err != nil {
			return nil, halfMade(ctx, "address", r, token, err, func(ctx context.Context) (map[string]*string, error) {
				found, err := a.ips.Get(ctx, r.group, r.name(), nil)
				return found.Tags, err
			}, func(ctx context.Context) error { return start(a.ips.BeginDelete(ctx, r.group, r.name(), nil)) })
		}
		return &out.PublicIPAddress, nil
	})
}

// address looks an address up.
func (d *computeDriver) address(ctx context.Context, id string) (*api, ref, *armnetwork.PublicIPAddress, error) {
	r, err := d.ref("address", id, 1)
	if err != nil {
		return nil, r, nil, err
	}
	a, err := d.api(ctx)
	if err != nil {
		return nil, r, nil, err
	}
	out, err := get(a.ips.Get(ctx, r.group, r.name(), nil))
	return a, r, &out.PublicIPAddress, err
}

// AssociateAddress gives the node's primary interface the address. One that
// came with the node, and would go with it, goes now.
func (d *computeDriver) AssociateAddress(ctx context.Context, in compute.AssociateAddress) error {
	a, r, ip, err := d.address(ctx, in.Address)
	if err != nil {
		return err
	}
	_, node, vm, err := d.vm(ctx, in.Node)
	if err != nil {
		return err
	}
	paths := interfacesOf(vm)
	if len(paths) == 0 {
		return op.Errorf(op.Conflict, "the node %s has no network interface yet", node)
	}
	at, _ := refOf(paths[0])
	nic, err := get(a.nics.Get(ctx, at.group, at.name(), nil))
	if err != nil {
		return err
	}
	if other := interfaceOf(ip); other != "" && !strings.EqualFold(other, paths[0]) || ip.Properties != nil && ip.Properties.IPConfiguration != nil && other == "" {
		return op.Errorf(op.Conflict, "the address %s leads elsewhere: disassociate it first", r)
	}
	main := configurations(&nic.Interface)
	if len(main) == 0 {
		return op.Errorf(op.Conflict, "the interface %s has no IP configuration", at)
	}
	before := main[0].PublicIPAddress
	if before != nil && strings.EqualFold(value(before.ID), value(ip.ID)) {
		return nil
	}
	main[0].PublicIPAddress = &armnetwork.PublicIPAddress{ID: ip.ID}
	change := func(ctx context.Context) (*runtime.Poller[armnetwork.InterfacesClientCreateOrUpdateResponse], error) {
		return a.nics.BeginCreateOrUpdate(ctx, at.group, at.name(), nic.Interface, nil)
	}
	if before == nil {
		return start(change(ctx))
	}
	if _, err := wait(ctx, change); err != nil {
		return err
	}
	old, _ := refOf(value(before.ID))
	was, err := get(a.ips.Get(ctx, old.group, old.name(), nil))
	if err != nil || was.Properties == nil || text(was.Properties.DeleteOption) != string(armnetwork.DeleteOptionsDelete) {
		return ifOther(err, op.NotFound)
	}
	return ifOther(start(a.ips.BeginDelete(ctx, old.group, old.name(), nil)), op.NotFound)
}

// ifOther is the error, unless it is of the kind.
func ifOther(err error, kind op.Kind) error {
	if op.KindOf(err) == kind {
		return nil
	}
	return err
}

func (d *computeDriver) DisassociateAddress(ctx context.Context, in compute.DisassociateAddress) error {
	a, r, ip, err := d.address(ctx, in.Address)
	if err != nil {
		return err
	}
	at, ok := refOf(interfaceOf(ip))
	if !ok {
		return op.Errorf(op.Conflict, "the address %s leads to no node", r)
	}
	nic, err := get(a.nics.Get(ctx, at.group, at.name(), nil))
	if err != nil {
		return err
	}
	for _, c := range configurations(&nic.Interface) {
		if c.PublicIPAddress != nil && strings.EqualFold(value(c.PublicIPAddress.ID), value(ip.ID)) {
			c.PublicIPAddress = nil
		}
	}
	return start(a.nics.BeginCreateOrUpdate(ctx, at.group, at.name(), nic.Interface, nil))
}

func (d *computeDriver) ReleaseAddress(ctx context.Context, in compute.ReleaseAddress) error {
	r, err := d.ref("address", in.Address, 1)
	if err != nil {
		return err
	}
	a, err := d.api(ctx)
	if err != nil {
		return err
	}
	return removeIP(ctx, a, r)
}

func removeIP(ctx context.Context, a *api, r ref) error {
	return remove(ctx, "address", r, func(ctx context.Context) (*runtime.Poller[armnetwork.PublicIPAddressesClientDeleteResponse], error) {
		return a.ips.BeginDelete(ctx, r.group, r.name(), nil)
	})
}
