package libvirt

import (
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"libvirt.org/go/libvirtxml"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A machine is a domain as libvirt describes it.
type machine struct {
	id string
	domainState
	x    *libvirtxml.Domain
	told told
}

// told is what the driver was told of a node and libvirt has no place for. It is
// in the domain's metadata, where libvirt keeps what others give it.
type told struct {
	Size    string            `json:"size,omitzero"`
	Image   string            `json:"image,omitzero"`
	KeyPair string            `json:"key_pair,omitzero"`
	Tags    map[string]string `json:"tags,omitzero"`
	Created time.Time         `json:"created,omitzero"`
}

const (
	toldURI    = "https://github.com/cloudlark/cloudlark/libvirt"
	toldPrefix = "cloudlark"
)

// element is the metadata: an element that holds JSON. What others keep beside it
// stays. Where libvirt is given it alone, it adds the namespace itself.
func element(v any, alone bool) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", op.Errorf(op.Internal, "%w", err)
	}
	var b strings.Builder
	if err := xml.EscapeText(&b, data); err != nil {
		return "", op.Errorf(op.Internal, "%w", err)
	}
	if alone {
		return "<told>" + b.String() + "</told>", nil
	}
	return "<" + toldPrefix + ":told xmlns:" + toldPrefix + "='" + toldURI + "'>" + b.String() + "</" + toldPrefix + ":told>", nil
}

// recall reads what element wrote, out of all of the metadata; of metadata without
// it, nothing is known.
func recall(metadata string, v any) {
	var all struct {
		Told string `xml:"https://github.com/cloudlark/cloudlark/libvirt told"`
	}
	if err := xml.Unmarshal([]byte("<metadata>"+metadata+"</metadata>"), &all); err == nil && all.Told != "" {
		_ = json.Unmarshal([]byte(all.Told), v)
	}
}

// machines reads all domains: their states in one call, and then each one's
// description, for which libvirt has no other way.
func (d *driver) machines(ctx context.Context) ([]machine, error) {
	all, err := get(ctx, d.link, func(w wire) ([]domainStats, error) { return w.ConnectGetAllDomainStats(statsState) })
	if op.KindOf(err) == op.Unsupported {
		var list []named
		list, err = get(ctx, d.link, func(w wire) ([]named, error) { return w.ConnectListAllDomains(0) })
		all = make([]domainStats, len(list))
		for i, n := range list {
			all[i] = domainStats{UUID: n.UUID, Name: n.Name, domainState: domainState{State: -1}}
		}
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b domainStats) int { return cmp.Compare(a.UUID, b.UUID) })
	return each(ctx, all, func(ctx context.Context, s domainStats) (machine, error) {
		if s.State < 0 {
			return d.machine(ctx, s.UUID)
		}
		x, err := d.domainXML(ctx, s.UUID, 0)
		return machineOf(s.UUID, s.domainState, x), err
	})
}

// machine reads one domain.
func (d *driver) machine(ctx context.Context, id string) (machine, error) {
	state, err := get(ctx, d.link, func(w wire) (domainState, error) { return w.DomainGetState(id) })
	if err != nil {
		if op.KindOf(err) == op.NotFound {
			err = op.Errorf(op.NotFound, "there is no node %q", id)
		}
		return machine{}, err
	}
	x, err := d.domainXML(ctx, id, 0)
	return machineOf(id, state, x), err
}

func (d *driver) domainXML(ctx context.Context, id string, flags uint32) (*libvirtxml.Domain, error) {
	text, err := get(ctx, d.link, func(w wire) (string, error) { return w.DomainGetXMLDesc(id, flags) })
	if err != nil {
		return nil, err
	}
	x := &libvirtxml.Domain{}
	if err := x.Unmarshal(text); err != nil {
		return nil, op.Errorf(op.Internal, "reading libvirt's description of the domain %s: %w", id, err)
	}
	return x, nil
}

func machineOf(id string, s domainState, x *libvirtxml.Domain) machine {
	m := machine{id: id, domainState: s, x: x}
	if x == nil {
		return m
	}
	if x.Devices == nil {
		x.Devices = &libvirtxml.DomainDeviceList{}
	}
	if x.Metadata != nil {
		recall(x.Metadata.XML, &m.told)
	}
	return m
}

func (m machine) active() bool {
	return m.State != stateShutoff && m.State != stateCrashed
}

// state is what the node is doing.
func (m machine) state() compute.NodeState {
	switch m.State {
	case stateRunning, stateBlocked:
		return compute.NodeRunning
	case statePaused:
		switch m.Reason {
		case pausedMigration:
			return compute.NodeMigrating
		case pausedStartingUp:
			return compute.NodeStarting
		case pausedIOError:
			return compute.NodeError
		}
		return compute.NodeSuspended
	case statePMSuspended:
		return compute.NodeSuspended
	case stateShutdown:
		return compute.NodeStopping
	case stateShutoff:
		if m.Reason == shutoffSaved {
			return compute.NodeSuspended // its memory is on disk
		}
		return compute.NodeStopped
	case stateCrashed:
		return compute.NodeError
	}
	return compute.NodeUnknown
}

// disks are the paths of its disks and the names they have, its root disk first.
func (m machine) disks() (paths, targets []string) {
	for _, k := range m.x.Devices.Disks {
		if path := pathOf(k); path != "" && (k.Device == "" || k.Device == "disk") && k.Target != nil {
			paths, targets = append(paths, path), append(targets, k.Target.Dev)
		}
	}
	return paths, targets
}

func pathOf(k libvirtxml.DomainDisk) string {
	switch s := k.Source; {
	case s == nil:
	case s.File != nil:
		return s.File.File
	case s.Block != nil:
		return s.Block.Dev
	}
	return ""
}

// nets is what the addresses of nodes are found by.
type nets struct {
	id     map[string]string // network's name to UUID
	leases map[string]lease  // by MAC: the newest
}

// nets asks for the leases of the networks that running machines are in.
func (d *driver) nets(ctx context.Context, all []machine) (nets, error) {
	n := nets{map[string]string{}, map[string]lease{}}
	list, err := get(ctx, d.link, func(w wire) ([]named, error) { return w.ConnectListAllNetworks(0) })
	if err != nil {
		return n, ignoreUnsupported(err)
	}
	for _, v := range list {
		n.id[v.Name] = v.UUID
	}
	var used []string
	for _, m := range all {
		for _, i := range m.x.Devices.Interfaces {
			if id := n.id[networkOf(i)]; id != "" && m.active() && !slices.Contains(used, id) {
				used = append(used, id)
			}
		}
	}
	leases, err := each(ctx, used, func(ctx context.Context, id string) ([]lease, error) {
		l, err := get(ctx, d.link, func(w wire) ([]lease, error) { return w.NetworkGetDHCPLeases(id) })
		if k := op.KindOf(err); k == op.Conflict || k == op.Unsupported {
			err = nil // it is not active, or gives no addresses
		}
		return l, err
	})
	for _, l := range slices.Concat(leases...) {
		if l.Expires >= n.leases[l.MAC].Expires {
			n.leases[l.MAC] = l
		}
	}
	return n, err
}

func ignoreUnsupported(err error) error {
	if op.KindOf(err) == op.Unsupported {
		return nil
	}
	return err
}

func networkOf(i libvirtxml.DomainInterface) string {
	if i.Source != nil && i.Source.Network != nil {
		return i.Source.Network.Network
	}
	return ""
}

// addresses are a running machine's: those that its networks gave it; else those
// that its agent tells; else those that the host has heard of.
func (d *driver) addresses(ctx context.Context, m machine, n nets) ([]string, error) {
	if m.State != stateRunning && m.State != stateBlocked && m.State != statePaused {
		return nil, nil
	}
	var found []string
	for _, i := range m.x.Devices.Interfaces {
		if i.MAC != nil && n.leases[i.MAC.Address].IP != "" {
			found = append(found, n.leases[i.MAC.Address].IP)
		}
	}
	sources := []uint32{addressesARP}
	if m.hasAgent() {
		sources = []uint32{addressesAgent, addressesARP}
	}
	for _, source := range sources {
		if len(found) > 0 {
			break
		}
		all, err := get(ctx, d.link, func(w wire) ([]domainInterface, error) { return w.DomainInterfaceAddresses(m.id, source) })
		switch op.KindOf(err) {
		case "":
		case op.Canceled, op.Timeout, op.Unavailable, op.NotFound:
			return nil, err
		default:
			continue // it has stopped, or its agent has
		}
		for _, i := range all {
			for _, a := range i.Addresses {
				if ip, err := netip.ParseAddr(a); err == nil && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
					found = append(found, a)
				}
			}
		}
	}
	return found, nil
}

func (m machine) hasAgent() bool {
	return slices.ContainsFunc(m.x.Devices.Channels, func(c libvirtxml.DomainChannel) bool {
		return c.Target != nil && c.Target.VirtIO != nil && c.Target.VirtIO.Name == agentChannel && c.Target.VirtIO.State == "connected"
	})
}

const agentChannel = "org.qemu.guest_agent.0"

// node is a machine as the contract has it.
func (d *driver) node(ctx context.Context, m machine, n nets, host string) (compute.Node, error) {
	v := compute.Node{ID: m.id, Name: m.x.Name, State: m.state(), Size: m.told.Size, Image: m.told.Image, KeyPair: m.told.KeyPair, Location: host,
		Tags: m.told.Tags, CreatedAt: m.told.Created, Extra: map[string]any{"type": m.x.Type}}
	v.Volumes, _ = m.disks()
	if m.x.VCPU != nil {
		v.Extra["vcpus"] = int(m.x.VCPU.Value)
	}
	if ram := mib(m.x.Memory); ram > 0 {
		v.Extra["memory"] = ram
	}
	if m.x.OS != nil && m.x.OS.Type != nil {
		v.Extra["arch"], v.Extra["machine"] = m.x.OS.Type.Arch, m.x.OS.Type.Machine
	}
	var interfaces []any
	for _, i := range m.x.Devices.Interfaces {
		one := map[string]any{}
		if i.MAC != nil {
			one["mac"] = i.MAC.Address
		}
		if name := networkOf(i); name != "" {
			one["network"] = name
			if id := n.id[name]; id != "" && !slices.Contains(v.Networks, id) {
				v.Networks = append(v.Networks, id)
			}
		}
		if i.Source != nil && i.Source.Bridge != nil {
			one["bridge"] = i.Source.Bridge.Bridge
		}
		interfaces = append(interfaces, one)
	}
	v.Extra["interfaces"] = interfaces
	addresses, err := d.addresses(ctx, m, n)
	for _, a := range addresses {
		if ip, err := netip.ParseAddr(a); err == nil && (ip.IsPrivate() || !ip.IsGlobalUnicast()) {
			v.PrivateIPs = append(v.PrivateIPs, a)
		} else {
			v.PublicIPs = append(v.PublicIPs, a)
		}
	}
	return v, err
}

// mib is memory in MiB; libvirt tells it in KiB.
func mib(m *libvirtxml.DomainMemory) int {
	if m == nil {
		return 0
	}
	return int(m.Value / 1024)
}

// nodes makes nodes of machines.
func (d *driver) nodes(ctx context.Context, all []machine) ([]compute.Node, error) {
	if len(all) == 0 {
		return nil, nil
	}
	host, err := d.hostname(ctx)
	if err != nil {
		return nil, err
	}
	n, err := d.nets(ctx, all)
	if err != nil {
		return nil, err
	}
	return each(ctx, all, func(ctx context.Context, m machine) (compute.Node, error) { return d.node(ctx, m, n, host) })
}

func (d *driver) ListNodes(ctx context.Context, in compute.ListNodes) iter.Seq2[compute.Node, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.Node, string, error) {
		all, err := d.machines(ctx)
		if err != nil {
			return nil, "", err
		}
		all = slices.DeleteFunc(all, func(m machine) bool { return in.Name != "" && m.x.Name != in.Name }) // their addresses are not asked for
		nodes, err := d.nodes(ctx, all)
		return nodes, "", err
	})
}

func (d *driver) GetNode(ctx context.Context, in compute.GetNode) (compute.Node, error) {
	m, err := d.machine(ctx, in.Node)
	if err != nil {
		return compute.Node{}, err
	}
	nodes, err := d.nodes(ctx, []machine{m})
	if err == nil && len(nodes) == 0 {
		err = op.Errorf(op.NotFound, "there is no node %q", in.Node)
	}
	if err != nil {
		return compute.Node{}, err
	}
	return nodes[0], nil
}

// consoleLog is the file that a machine's console is written to.
func (m machine) consoleLog() string {
	for _, s := range m.x.Devices.Serials {
		if s.Log != nil {
			return s.Log.File
		}
	}
	for _, c := range m.x.Devices.Consoles {
		if c.Log != nil {
			return c.Log.File
		}
	}
	return ""
}

func (d *driver) GetConsoleOutput(ctx context.Context, in compute.GetConsoleOutput) (compute.ConsoleOutput, error) {
	m, err := d.machine(ctx, in.Node)
	if err != nil {
		return compute.ConsoleOutput{}, err
	}
	log := m.consoleLog()
	if log == "" {
		return compute.ConsoleOutput{}, op.Errorf(op.Unsupported, "the console of %s is not written down: its description has no <log file='…'/> in its <serial>", m.x.Name)
	}
	text, err := d.content(ctx, log)
	if op.KindOf(err) == op.NotFound { // the daemon that writes it may have begun another
		if err = do(ctx, d.link, func(w wire) error { return w.StoragePoolRefresh(d.Pool) }); err == nil {
			text, err = d.content(ctx, log)
		}
	}
	if op.KindOf(err) == op.NotFound {
		return compute.ConsoleOutput{}, op.Errorf(op.Unsupported, "the console of %s is written to %s on its host, which is in no storage pool and cannot be read from here", m.x.Name, log)
	}
	return compute.ConsoleOutput{Text: strings.ToValidUTF8(string(text), "\uFFFD")}, err
}
