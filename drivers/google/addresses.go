package google

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	gce "google.golang.org/api/compute/v1"
	"google.golang.org/api/googleapi"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// addressExtra is what allocate_address takes beyond the contract.
type addressExtra struct {
	Description string `json:"description,omitzero" help:"What to say of it."`
	NetworkTier string `json:"network_tier,omitzero" help:"PREMIUM or STANDARD; the project's default if not given."`
}

// natName is what Google's own tools call a node's public address.
const natName = "External NAT"

const addressFields = "id,name,description,address,addressType,status,region,users,labels,labelFingerprint,networkTier,creationTimestamp"

func addressOf(project string, a *gce.Address) compute.Address {
	w := compute.Address{ID: ref{project, base(a.Region), a.Name}.id(project), Name: a.Name, IP: a.Address, Location: base(a.Region), Tags: tagsOf(a.Labels),
		Extra: extras(map[string]any{"description": a.Description, "status": a.Status, "networkTier": a.NetworkTier, "creationTimestamp": a.CreationTimestamp})}
	for _, user := range a.Users {
		if strings.Contains(user, "/instances/") {
			w.Node = shortID(project, user)
		} else {
			w.Extra["user"] = user // a forwarding rule, say
		}
	}
	if a.Id != 0 {
		w.Extra["id"] = fmt.Sprint(a.Id)
	}
	return w
}

func (d *gceDriver) ListAddresses(ctx context.Context, in compute.ListAddresses) iter.Seq2[compute.Address, error] {
	var f filter
	f.tagged("", in.Tags)
	f.is("addressType", "EXTERNAL")
	return pages(ctx, d.session, func(ctx context.Context, project, cursor string) ([]compute.Address, string, error) {
		out, err := do(d.api.Addresses.AggregatedList(project).MaxResults(d.page(most)).PageToken(cursor).Filter(f.String()).
			Fields("nextPageToken,unreachables", googleapi.Field("items(*/warning/code,*/addresses("+addressFields+"))")).Context(ctx))
		if err != nil {
			return nil, "", err
		}
		var addresses []compute.Address
		for place, part := range scoped(out.Items) {
			if part.Warning != nil && part.Warning.Code == silent {
				out.Unreachables = append(out.Unreachables, place)
			}
			for _, a := range part.Addresses {
				addresses = append(addresses, addressOf(project, a))
			}
		}
		return addresses, out.NextPageToken, unreachable("addresses", out.Unreachables)
	})
}

// AllocateAddress labels the address in a second step: the first takes no labels.
func (d *gceDriver) AllocateAddress(ctx context.Context, in compute.AllocateAddress) (compute.Address, error) {
	extra, err := op.Extra[addressExtra](in.Extra)
	if err != nil {
		return compute.Address{}, err
	}
	tags, err := labels(in.Tags)
	if err != nil {
		return compute.Address{}, err
	}
	in.Name = cmp.Or(in.Name, "address-"+requestID(op.Token(ctx), "name"))
	if err := named("an address", in.Name); err != nil {
		return compute.Address{}, err
	}
	r := ref{name: in.Name}
	if r.project, err = d.project(ctx); err != nil {
		return compute.Address{}, err
	}
	if r.scope, err = d.regionFor(in.Location); err != nil {
		return compute.Address{}, err
	}
	o, err := change(ctx, "insert", d.api.Addresses.Insert(r.project, r.scope, &gce.Address{Name: in.Name, Description: extra.Description, AddressType: "EXTERNAL",
		NetworkTier: extra.NetworkTier}))
	if err != nil {
		return compute.Address{}, err
	}
	remove := func(ctx context.Context) error { return d.removeAddress(ctx, r) }
	if err := d.start(r.project, o).whole(ctx, remove); err != nil {
		return compute.Address{}, err
	}
	a, err := d.labelled(ctx, r, tags)
	if err != nil {
		return compute.Address{}, undone(ctx, err, "the address "+r.name, remove)
	}
	return addressOf(r.project, a), nil
}

// labelled gives an address its labels and returns it.
func (d *gceDriver) labelled(ctx context.Context, r ref, tags map[string]string) (*gce.Address, error) {
	a, err := d.address(ctx, r)
	if err != nil || len(tags) == 0 {
		return a, err
	}
	o, err := change(ctx, "setLabels", d.api.Addresses.SetLabels(r.project, r.scope, r.name, &gce.RegionSetLabelsRequest{Labels: tags, LabelFingerprint: a.LabelFingerprint}))
	if err != nil {
		return nil, err
	}
	if err := d.start(r.project, o).finished(ctx); err != nil {
		return nil, err
	}
	return d.address(ctx, r)
}

// addressRef reads the id of an address. One of a load balancer is in no region.
func (d *gceDriver) addressRef(ctx context.Context, id string) (ref, error) {
	project, err := d.project(ctx)
	if err != nil {
		return ref{}, err
	}
	if !strings.Contains(id, "/") {
		return global("address", id, project)
	}
	return placed("address", id, project, d.region)
}

func (d *gceDriver) address(ctx context.Context, r ref) (*gce.Address, error) {
	if r.scope == "" {
		return do(d.api.GlobalAddresses.Get(r.project, r.name).Fields(addressFields).Context(ctx))
	}
	return do(d.api.Addresses.Get(r.project, r.scope, r.name).Fields(addressFields).Context(ctx))
}

// AssociateAddress gives the node's first interface the address instead of any
// other that it has, which Google Compute Engine does in two steps.
func (d *gceDriver) AssociateAddress(ctx context.Context, in compute.AssociateAddress) error {
	r, err := d.addressRef(ctx, in.Address)
	if err != nil {
		return err
	}
	node, err := d.node(ctx, in.Node)
	if err != nil {
		return err
	}
	a, err := d.address(ctx, r)
	if err != nil {
		return err
	}
	i, err := d.instance(ctx, node, "networkInterfaces(name,accessConfigs(name,natIP))")
	switch {
	case err != nil:
		return err
	case r.scope != regionOf(node.scope):
		return op.Errorf(op.Conflict, "the address %s is for %s, but the node %s is in %s", in.Address, cmp.Or(r.scope, "load balancers"), in.Node, node.scope)
	case len(i.NetworkInterfaces) == 0:
		return op.Errorf(op.Conflict, "the node %s has no network interface", in.Node)
	}
	first := i.NetworkInterfaces[0]
	for _, c := range first.AccessConfigs {
		if c.NatIP == a.Address {
			return nil
		}
	}
	if len(a.Users) > 0 {
		return op.Errorf(op.Conflict, "the address %s leads to %s: disassociate it first", in.Address, base(a.Users[0]))
	}
	for _, c := range first.AccessConfigs {
		if err := d.withoutAddress(ctx, node, first.Name, c.Name); err != nil {
			return err
		}
	}
	if err := d.withAddress(ctx, node, first.Name, a.Address); err != nil {
		if len(first.AccessConfigs) > 0 {
			d.readdress(ctx, node, first.Name)
		}
		return err
	}
	return nil
}

// readdress gives a node that has lost its public address another, after what
// should have replaced it failed. Should that fail too, there is nothing left
// to try: the first failure is the one to tell.
func (d *gceDriver) readdress(ctx context.Context, node ref, nic string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_ = d.withAddress(ctx, node, nic, "")
}

// withAddress gives an interface a public address; any, if ip is empty.
func (d *gceDriver) withAddress(ctx context.Context, node ref, nic, ip string) error {
	o, err := change(ctx, "addAccessConfig "+ip, d.api.Instances.AddAccessConfig(node.project, node.scope, node.name, nic,
		&gce.AccessConfig{Name: natName, Type: "ONE_TO_ONE_NAT", NatIP: ip}))
	if err != nil {
		return err
	}
	return d.start(node.project, o).finished(ctx)
}

func (d *gceDriver) withoutAddress(ctx context.Context, node ref, nic, config string) error {
	o, err := change(ctx, "deleteAccessConfig "+config, d.api.Instances.DeleteAccessConfig(node.project, node.scope, node.name, config, nic))
	if err != nil {
		return err
	}
	return d.start(node.project, o).finished(ctx)
}

func (d *gceDriver) DisassociateAddress(ctx context.Context, in compute.DisassociateAddress) error {
	r, err := d.addressRef(ctx, in.Address)
	if err != nil {
		return err
	}
	a, err := d.address(ctx, r)
	if err != nil {
		return err
	}
	for _, user := range a.Users {
		if !strings.Contains(user, "/instances/") {
			continue
		}
		node := parseURL(user)
		i, err := d.instance(ctx, node, "networkInterfaces(name,accessConfigs(name,natIP))")
		if err != nil {
			return err
		}
		for _, f := range i.NetworkInterfaces {
			for _, c := range f.AccessConfigs {
				if c.NatIP == a.Address {
					return d.withoutAddress(ctx, node, f.Name, c.Name)
				}
			}
		}
	}
	return op.Errorf(op.Conflict, "the address %s leads to no node", in.Address)
}

func (d *gceDriver) ReleaseAddress(ctx context.Context, in compute.ReleaseAddress) error {
	r, err := d.addressRef(ctx, in.Address)
	if err != nil {
		return err
	}
	return d.removeAddress(ctx, r)
}

func (d *gceDriver) removeAddress(ctx context.Context, r ref) error {
	var o *gce.Operation
	var err error
	if r.scope == "" {
		o, err = change(ctx, "delete", d.api.GlobalAddresses.Delete(r.project, r.name))
	} else {
		o, err = change(ctx, "delete", d.api.Addresses.Delete(r.project, r.scope, r.name))
	}
	if err != nil {
		return err
	}
	return d.start(r.project, o).finished(ctx)
}
