package libvirt

import (
	"context"
	"crypto/rand"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"libvirt.org/go/libvirtxml"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// nodeExtra is what create_node takes beyond the contract.
type nodeExtra struct {
	Clone     bool   `json:"clone,omitzero" help:"Copy the image instead of writing changes beside it: more space, and the node does not need the image any more."`
	Machine   string `json:"machine,omitzero" help:"QEMU's machine type, as q35; the hypervisor's default if not given."`
	Firmware  string `json:"firmware,omitzero" help:"efi, for images that want UEFI."`
	Cmdline   string `json:"cmdline,omitzero" help:"The kernel's command line, for images that are a kernel and an initrd; the connection's if not given."`
	Filter    string `json:"filter,omitzero" help:"The name of a network filter of libvirt's for its interfaces, as clean-traffic; see what it can do in the driver's page."`
	VNC       bool   `json:"vnc,omitzero" help:"A screen that VNC shows, on the host's loopback interface."`
	Autostart bool   `json:"autostart,omitzero" help:"Start it when the host starts."`
}

// A plan is a node that is to be made, without its name.
type plan struct {
	in       compute.CreateNode
	extra    nodeExtra
	size     compute.Size
	image    imageFiles
	root     uint64 // bytes of the root disk
	virtType string
	key      string // the public key, if any
	networks []string
}

func (d *driver) plan(ctx context.Context, in compute.CreateNode) (plan, error) {
	p := plan{in: in}
	var err error
	if p.extra, err = op.Extra[nodeExtra](in.Extra); err != nil {
		return p, err
	}
	switch {
	case len(in.Subnets) > 0:
		return p, op.Errorf(op.InvalidArgument, "subnets: libvirt has none; networks have their ranges themselves")
	case in.PublicAddress != nil && *in.PublicAddress:
		return p, op.Errorf(op.InvalidArgument, "public_address: libvirt gives none; a network's forwarding decides who reaches a node")
	case len(in.SecurityGroups) > 0:
		return p, op.Errorf(op.InvalidArgument, "security_groups: libvirt has none; extra = {\"filter\": …} names one of its network filters")
	case in.RootDisk < 0:
		return p, op.Errorf(op.InvalidArgument, "root_disk is %d GiB: it cannot be negative", in.RootDisk)
	case p.extra.Firmware != "" && p.extra.Firmware != "efi":
		return p, op.Errorf(op.InvalidArgument, "extra: firmware is %q, and can be efi", p.extra.Firmware)
	}
	if p.size, err = d.size(in.Size); err != nil {
		return p, err
	}
	if err := d.here(ctx, in.Location); err != nil {
		return p, err
	}
	if p.image, err = d.imageFiles(ctx, in.Image); err != nil {
		return p, err
	}
	p.root = max(p.image.disk.bytes, uint64(p.size.Disk)*gib)
	if in.RootDisk > 0 {
		p.root = uint64(in.RootDisk) * gib
	}
	if p.root < p.image.disk.bytes {
		return p, op.Errorf(op.InvalidArgument, "root_disk is %d GiB: the image needs %d", in.RootDisk, p.image.disk.size())
	}
	p.root = max(p.root, gib)
	if in.KeyPair != "" {
		k, err := d.GetKeyPair(ctx, compute.GetKeyPair{KeyPair: in.KeyPair})
		if err != nil {
			return p, err
		}
		p.key = k.PublicKey
	}
	if p.networks, err = d.networkNames(ctx, in.Networks); err != nil {
		return p, err
	}
	if p.virtType, err = d.typeOfNodes(ctx); err != nil {
		return p, err
	}
	_, err = d.folder(ctx, d.Pool)
	return p, err
}

// folder is where a pool keeps its files.
func (d *driver) folder(ctx context.Context, pool string) (string, error) {
	text, err := get(ctx, d.link, func(w wire) (string, error) { return w.StoragePoolGetXMLDesc(pool) })
	if err != nil {
		if op.KindOf(err) == op.NotFound {
			err = op.Errorf(op.NotFound, "there is no storage pool %q: the connection's pool can name another", pool)
		}
		return "", err
	}
	var x libvirtxml.StoragePool
	if err := x.Unmarshal(text); err != nil {
		return "", op.Errorf(op.Internal, "reading libvirt's description of the pool %s: %w", pool, err)
	}
	if !slices.Contains([]string{"dir", "fs", "netfs"}, x.Type) || x.Target == nil {
		return "", op.Errorf(op.InvalidArgument, "the storage pool %s is of type %s: nodes and volumes are made in pools of files, which are dir, fs and netfs", pool, x.Type)
	}
	return x.Target.Path, nil
}

func (d *driver) CreateNode(ctx context.Context, in compute.CreateNode) (compute.Node, error) {
	p, err := d.plan(ctx, in)
	if err != nil {
		return compute.Node{}, err
	}
	id, err := d.build(ctx, p, in.Name)
	if err != nil {
		return compute.Node{}, err
	}
	return d.built(ctx, id)
}

// built reads a new node. Where that fails, the node is removed.
func (d *driver) built(ctx context.Context, id string) (compute.Node, error) {
	n, err := d.GetNode(ctx, compute.GetNode{Node: id})
	if err != nil {
		return n, d.undo(ctx, err, func(ctx context.Context) error { return d.raze(ctx, id) }, id)
	}
	return n, nil
}

func (d *driver) CreateNodes(ctx context.Context, in compute.CreateNodes) ([]compute.Node, error) {
	if in.Count < 1 {
		return nil, op.Errorf(op.InvalidArgument, "count is %d: it must be 1 or more", in.Count)
	}
	p, err := d.plan(ctx, in.CreateNode)
	if err != nil {
		return nil, err
	}
	var ids []string
	var nodes []compute.Node
	for i := range in.Count {
		id, err := d.build(ctx, p, fmt.Sprintf("%s-%d", in.Name, i+1))
		if err == nil {
			ids = append(ids, id)
			var n compute.Node
			n, err = d.GetNode(ctx, compute.GetNode{Node: id})
			nodes = append(nodes, n)
		}
		if err != nil {
			return nil, d.undo(ctx, err, func(ctx context.Context) error {
				for _, id := range ids {
					if err := d.raze(ctx, id); err != nil {
						return err
					}
				}
				return nil
			}, ids...)
		}
	}
	return nodes, nil
}

// build makes a node of that name and starts it. What it made is removed again
// when it fails.
func (d *driver) build(ctx context.Context, p plan, name string) (id string, err error) {
	if err := called("node", name); err != nil {
		return "", err
	}
	id = newUUID()
	macs := make([]string, len(p.networks))
	for i := range macs {
		macs[i] = newMAC()
	}
	seed, err := seedImage(seed{id: id, name: name, key: p.key, userData: p.in.UserData, macs: macs})
	if err != nil {
		return "", err
	}

	var made []string
	defined := false
	defer func() {
		if err != nil {
			err = d.undo(ctx, err, func(ctx context.Context) error {
				if defined {
					if err := d.undefine(ctx, id); err != nil {
						return err
					}
				}
				return d.remove(ctx, made...)
			}, made...)
			id = ""
		}
	}()
	root, err := d.rootDisk(ctx, p, name)
	if op.KindOf(err) == op.AlreadyExists {
		err = op.Errorf(op.AlreadyExists, "there is a node %q already, or the disk of one: %w", name, op.AsError(err).Err)
	}
	if err != nil {
		return id, err
	}
	made = append(made, root)
	iso, err := d.put(ctx, d.Pool, name+".seed.iso", seed, true)
	if err != nil {
		return id, err
	}
	made = append(made, iso)
	log, err := d.put(ctx, d.Pool, name+".console.log", nil, true)
	if err != nil {
		return id, err
	}
	made = append(made, log)
	x, err := p.domain(id, name, root, iso, log, macs)
	if err != nil {
		return id, err
	}
	if _, err = call(ctx, d.link, func(w wire) (string, error) { return w.DomainDefineXML(x) },
		func(w wire, id string) { _ = w.DomainUndefineFlags(id, 0) }); err != nil {
		return id, err
	}
	defined = true
	if p.extra.Autostart {
		if err = do(ctx, d.link, func(w wire) error { return w.DomainSetAutostart(id, 1) }); err != nil {
			return id, err
		}
	}
	_, err = call(ctx, d.link, func(w wire) (struct{}, error) { return struct{}{}, w.DomainCreate(id) },
		func(w wire, _ struct{}) { _ = w.DomainDestroyFlags(id, 0); _ = w.DomainUndefineFlags(id, 0) })
	return id, err
}

// rootDisk makes what a node boots from: an overlay of its image, a copy, or for
// an image without a disk an empty one.
func (d *driver) rootDisk(ctx context.Context, p plan, name string) (string, error) {
	name += ".root." + qcow2
	from := p.image.disk
	switch {
	case from.Key == "":
		return d.make(ctx, d.Pool, volumeXML(name, qcow2, p.root, nil), "", notes{})
	case !p.extra.Clone:
		return d.make(ctx, d.Pool, volumeXML(name, qcow2, p.root, &from), "", notes{})
	}
	key, err := d.make(ctx, d.Pool, volumeXML(name, qcow2, p.root, nil), from.Key, notes{})
	if err == nil && p.root > from.bytes {
		// A copy is as large as what it is of.
		if err = do(ctx, d.link, func(w wire) error { return w.StorageVolResize(key, p.root, 0) }); err != nil {
			err = d.undone(ctx, err, key)
		}
	}
	return key, err
}

// domain describes the node to libvirt.
func (p plan) domain(id, name, root, iso, log string, macs []string) (string, error) {
	metadata, err := element(told{Size: p.size.ID, Image: p.image.id, KeyPair: p.in.KeyPair, Tags: p.in.Tags, Created: time.Now().UTC()}, false)
	if err != nil {
		return "", err
	}
	port := uint(0)
	x := &libvirtxml.Domain{
		Type: p.virtType, Name: name, UUID: id,
		Metadata:   &libvirtxml.DomainMetadata{XML: metadata},
		Memory:     &libvirtxml.DomainMemory{Value: uint(p.size.RAM), Unit: "MiB"},
		VCPU:       &libvirtxml.DomainVCPU{Value: uint(p.size.VCPUs)},
		OS:         &libvirtxml.DomainOS{Type: &libvirtxml.DomainOSType{Type: "hvm", Machine: p.extra.Machine}, Firmware: p.extra.Firmware},
		Features:   &libvirtxml.DomainFeatureList{ACPI: &libvirtxml.DomainFeature{}, APIC: &libvirtxml.DomainFeatureAPIC{}},
		CPU:        &libvirtxml.DomainCPU{Mode: "host-model"},
		Clock:      &libvirtxml.DomainClock{Offset: "utc"},
		OnPoweroff: "destroy", OnReboot: "restart", OnCrash: "destroy",
		Devices: &libvirtxml.DomainDeviceList{
			Disks: []libvirtxml.DomainDisk{
				{Device: "disk", Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: qcow2, Discard: "unmap"},
					Source: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: root}},
					Target: &libvirtxml.DomainDiskTarget{Dev: "vda", Bus: "virtio"}},
				// By virtio too, as the kernels of cloud images often know no other.
				{Device: "cdrom", Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: raw},
					Source: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: iso}},
					Target: &libvirtxml.DomainDiskTarget{Dev: "sda", Bus: "scsi"}, ReadOnly: &libvirtxml.DomainDiskReadOnly{}},
			},
			Controllers: []libvirtxml.DomainController{{Type: "scsi", Model: "virtio-scsi"}},
			Serials: []libvirtxml.DomainSerial{{Source: &libvirtxml.DomainChardevSource{Pty: &libvirtxml.DomainChardevSourcePty{}},
				Target: &libvirtxml.DomainSerialTarget{Port: &port}, Log: &libvirtxml.DomainChardevLog{File: log, Append: "on"}}},
			Channels: []libvirtxml.DomainChannel{{Source: &libvirtxml.DomainChardevSource{UNIX: &libvirtxml.DomainChardevSourceUNIX{}},
				Target: &libvirtxml.DomainChannelTarget{VirtIO: &libvirtxml.DomainChannelTargetVirtIO{Name: agentChannel}}}},
			Videos: []libvirtxml.DomainVideo{{Model: libvirtxml.DomainVideoModel{Type: "vga"}}},
			RNGs: []libvirtxml.DomainRNG{{Model: "virtio", Backend: &libvirtxml.DomainRNGBackend{
				Random: &libvirtxml.DomainRNGBackendRandom{Device: "/dev/urandom"}}}},
		},
	}
	if p.virtType == "qemu" {
		x.CPU.Mode = "maximum"
	}
	if p.extra.Firmware == "efi" && p.extra.Machine == "" {
		x.OS.Type.Machine = "q35"
	}
	if strings.Contains(x.OS.Type.Machine, "q35") {
		for range 8 { // where volumes are attached while it runs
			x.Devices.Controllers = append(x.Devices.Controllers, libvirtxml.DomainController{Type: "pci", Model: "pcie-root-port"})
		}
	}
	if p.image.kernel != "" {
		x.OS.Kernel, x.OS.Initrd, x.OS.Cmdline = p.image.kernel, p.image.initrd, p.image.cmdline
		if p.extra.Cmdline != "" {
			x.OS.Cmdline = p.extra.Cmdline
		}
	} else if p.extra.Cmdline != "" {
		return "", op.Errorf(op.InvalidArgument, "extra: cmdline is for images that are a kernel and an initrd, and %s is a disk", path.Base(p.image.id))
	}
	if p.extra.VNC {
		x.Devices.Graphics = []libvirtxml.DomainGraphic{{VNC: &libvirtxml.DomainGraphicVNC{AutoPort: "yes", Port: -1, Listen: "127.0.0.1"}}}
	}
	for i, network := range p.networks {
		n := libvirtxml.DomainInterface{MAC: &libvirtxml.DomainInterfaceMAC{Address: macs[i]}, Model: &libvirtxml.DomainInterfaceModel{Type: "virtio"},
			Source: &libvirtxml.DomainInterfaceSource{Network: &libvirtxml.DomainInterfaceSourceNetwork{Network: network}}}
		if p.extra.Filter != "" {
			n.FilterRef = &libvirtxml.DomainInterfaceFilterRef{Filter: p.extra.Filter}
		}
		x.Devices.Interfaces = append(x.Devices.Interfaces, n)
	}
	text, err := x.Marshal()
	if err != nil {
		return "", op.Errorf(op.Internal, "%w", err)
	}
	return text, nil
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newMAC makes an address of QEMU's.
func newMAC() string {
	var b [3]byte
	rand.Read(b[:])
	return fmt.Sprintf("52:54:00:%02x:%02x:%02x", b[0], b[1], b[2])
}
