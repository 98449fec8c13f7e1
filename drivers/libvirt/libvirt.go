// Package libvirt is the driver "libvirt" of the compute family: the machines of
// any hypervisor that libvirt manages, QEMU with KVM above all.
//
// wire.go is what libvirt can be asked, and how a call heeds its context; rpc.go
// and dlopen.go are the two ways to ask. store.go keeps what libvirt has no place
// for; each file of the rest is one part of the contract. Every call goes through
// [call], which makes its error an [op.Error].
package libvirt

import (
	"context"
	"net/url"
	"os"
	"sync"

	"libvirt.org/go/libvirtxml"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Provider returns the driver "libvirt".
func Provider() *drivers.Provider {
	const ranges = "a network of libvirt's has its range of addresses itself, and no subnets"
	const public = "libvirt has no addresses that belong to an account: a network's forwarding decides who reaches a node"
	const filters = "of libvirt's network filters, rules that know of connections pass over what one of its networks routes to a node, where datagrams then arrive; and rules that see all of it know of no connections, " +
		"so they hold up the answers to what the node itself asks: neither makes a security group; native reaches them, and create_node takes one as extra"
	missing := map[string]string{}
	for _, o := range []string{"list_subnets", "create_subnet", "destroy_subnet"} {
		missing[o] = ranges
	}
	for _, o := range []string{"list_addresses", "allocate_address", "associate_address", "disassociate_address", "release_address"} {
		missing[o] = public
	}
	for _, o := range []string{"list_security_groups", "create_security_group", "destroy_security_group", "allow_security_group_rule", "revoke_security_group_rule"} {
		missing[o] = filters
	}
	missing["native_pages"] = "libvirt answers with everything at once"
	return drivers.New(drivers.Info{
		Name:    "libvirt",
		Family:  compute.Family,
		Title:   "libvirt (QEMU, KVM)",
		Website: "https://libvirt.org",
		Doc:     doc,
		Extras: map[string]any{
			"create_node":    nodeExtra{},
			"create_nodes":   nodeExtra{},
			"create_network": networkExtra{},
		},
		Missing: missing,
	}, open)
}

// config is the configuration of the driver.
type config struct {
	Endpoint     string       `json:"endpoint,omitzero" help:"libvirt's URI of the hypervisor, as qemu+ssh://root@host/system; that of LIBVIRT_DEFAULT_URI, or qemu:///system, if not given."`
	Pool         string       `json:"pool,omitzero" default:"default" help:"The storage pool for disks, seeds and keys: one of files (dir, fs, netfs)."`
	ImagePool    string       `json:"image_pool,omitzero" help:"The storage pool whose volumes are images; pool if not given."`
	Network      string       `json:"network,omitzero" default:"default" help:"The name of the network of nodes that are made without networks."`
	VirtType     virtType     `json:"virt_type,omitzero" help:"How nodes run; kvm where the host has it, and else qemu, if not given."`
	Sizes        []sizeConfig `json:"sizes,omitzero" help:"The sizes that nodes can have, instead of the built-in ones: [{\"name\": \"tiny\", \"vcpus\": 1, \"ram\": 512, \"disk\": 5}]."`
	Cmdline      string       `json:"cmdline,omitzero" default:"console=ttyS0" help:"The kernel's command line for images that are a kernel and an initrd."`
	GuestTimeout int          `json:"guest_timeout,omitzero" unit:"s" default:"60" help:"How long stop_node asks a guest to shut down, and detach_volume one to let go."`
}

type virtType string

// Values makes virtType an enumeration.
func (virtType) Values() []string { return []string{"kvm", "qemu"} }

type driver struct {
	*link
	config
	sizes []compute.Size

	host struct { // what is asked once
		sync.Mutex
		name, virtType string
		architecture   compute.Architecture
	}
}

func open(_ context.Context, c config) (*driver, error) {
	if c.Endpoint == "" {
		c.Endpoint = os.Getenv("LIBVIRT_DEFAULT_URI")
	}
	if c.Endpoint == "" {
		c.Endpoint = "qemu:///system"
	}
	if u, err := url.Parse(c.Endpoint); err != nil || u.Scheme == "" {
		return nil, op.Errorf(op.InvalidArgument, "endpoint: this is no URI of libvirt's, as \"qemu:///system\" or \"qemu+ssh://root@host/system\"")
	}
	if c.ImagePool == "" {
		c.ImagePool = c.Pool
	}
	sizes, err := catalogue(c.Sizes)
	if err != nil {
		return nil, err
	}
	return &driver{link: &link{dial: func() (wire, error) { return dial(c.Endpoint) }}, config: c, sizes: sizes}, nil
}

// Close ends the connection, and the calls that are under way.
func (d *driver) Close() error { return d.link.close() }

// hostname is the name of the machine that the hypervisor runs on: the one
// location that there is.
func (d *driver) hostname(ctx context.Context) (string, error) {
	d.host.Lock()
	defer d.host.Unlock()
	if d.host.name == "" {
		name, err := get(ctx, d.link, wire.ConnectGetHostname)
		if err != nil {
			return "", err
		}
		d.host.name = name
	}
	return d.host.name, nil
}

// architecture is that of the host, and so of its nodes and what they are made from.
func (d *driver) architecture(ctx context.Context) (compute.Architecture, error) {
	d.host.Lock()
	defer d.host.Unlock()
	if d.host.architecture == "" {
		text, err := get(ctx, d.link, wire.ConnectGetCapabilities)
		if err != nil {
			return "", err
		}
		var x libvirtxml.Caps
		if err := x.Unmarshal(text); err != nil {
			return "", op.Errorf(op.Internal, "reading libvirt's description of the host: %w", err)
		}
		d.host.architecture = map[string]compute.Architecture{"x86_64": compute.X86_64, "aarch64": compute.ARM64, "i686": compute.I386}[x.Host.CPU.Arch]
	}
	return d.host.architecture, nil
}

// typeOfNodes is how new nodes run: with the processor's help where there is it.
func (d *driver) typeOfNodes(ctx context.Context) (string, error) {
	if d.VirtType != "" {
		return string(d.VirtType), nil
	}
	d.host.Lock()
	defer d.host.Unlock()
	if d.host.virtType == "" {
		_, err := get(ctx, d.link, func(w wire) (string, error) { return w.ConnectGetDomainCapabilities("", "", "", "kvm") })
		switch op.KindOf(err) {
		case "":
			d.host.virtType = "kvm"
		case op.InvalidArgument, op.Unsupported, op.Conflict, op.Internal:
			d.host.virtType = "qemu"
		default:
			return "", err
		}
	}
	return d.host.virtType, nil
}

// here makes sure that a location is the one there is.
func (d *driver) here(ctx context.Context, location string) error {
	if location == "" {
		return nil
	}
	host, err := d.hostname(ctx)
	if err == nil && location != host {
		err = op.Errorf(op.NotFound, "there is no location %q: the hypervisor is %q", location, host)
	}
	return err
}
