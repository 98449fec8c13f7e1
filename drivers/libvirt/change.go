package libvirt

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"libvirt.org/go/libvirtxml"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func (d *driver) StartNode(ctx context.Context, in compute.StartNode) error {
	m, err := d.machine(ctx, in.Node)
	switch {
	case err != nil:
		return err
	case m.State == statePaused || m.State == statePMSuspended:
		return op.Errorf(op.Conflict, "%s is suspended: resume_node lets it go on", m.x.Name)
	case m.active():
		return nil
	}
	return do(ctx, d.link, func(w wire) error { return w.DomainCreate(in.Node) })
}

// StopNode asks until the node is off. libvirt only presses the power button, and
// a guest that still boots does not notice: nothing would remember that it was to stop.
func (d *driver) StopNode(ctx context.Context, in compute.StopNode) error {
	m, err := d.machine(ctx, in.Node)
	switch {
	case err != nil:
		return err
	case !m.active():
		return nil
	case in.Force:
		return d.off(ctx, in.Node)
	case m.State == statePaused || m.State == statePMSuspended:
		return op.Errorf(op.Conflict, "%s is suspended and cannot shut down: resume it first, or cut its power with force = True", m.x.Name)
	}
	return d.insist(ctx, m.x.Name+" to shut down; force = True cuts its power", func(ctx context.Context) (bool, error) {
		err := do(ctx, d.link, func(w wire) error { return w.DomainShutdownFlags(in.Node, 0) })
		if err != nil && op.KindOf(err) != op.Conflict { // it may be off by now
			return false, err
		}
		s, err := get(ctx, d.link, func(w wire) (domainState, error) { return w.DomainGetState(in.Node) })
		return s.State == stateShutoff, err
	})
}

// insist asks a guest again and again, for as long as the connection's guest_timeout.
func (d *driver) insist(ctx context.Context, what string, ask func(ctx context.Context) (done bool, err error)) error {
	within := time.Duration(d.GuestTimeout) * time.Second
	asking, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := op.Poll(asking, 2*time.Second, ask)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return op.Errorf(op.Timeout, "waited %v for %s", within, what)
	}
	return err
}

// off cuts a machine's power; one that is off already is fine.
func (d *driver) off(ctx context.Context, id string) error {
	err := do(ctx, d.link, func(w wire) error { return w.DomainDestroyFlags(id, 0) })
	if op.KindOf(err) == op.Conflict {
		if m, again := d.machine(ctx, id); again == nil && !m.active() {
			return nil
		}
	}
	return err
}

func (d *driver) RebootNode(ctx context.Context, in compute.RebootNode) error {
	m, err := d.machine(ctx, in.Node)
	switch {
	case err != nil:
		return err
	case m.state() != compute.NodeRunning:
		return op.Errorf(op.Conflict, "%s is %s: only a running node can be rebooted", m.x.Name, m.state())
	}
	return do(ctx, d.link, func(w wire) error { return w.DomainReboot(in.Node, 0) })
}

func (d *driver) SuspendNode(ctx context.Context, in compute.SuspendNode) error {
	m, err := d.machine(ctx, in.Node)
	switch {
	case err != nil:
		return err
	case m.state() == compute.NodeSuspended:
		return nil
	case m.state() != compute.NodeRunning:
		return op.Errorf(op.Conflict, "%s is %s: only a running node can be suspended", m.x.Name, m.state())
	}
	return do(ctx, d.link, func(w wire) error { return w.DomainSuspend(in.Node) })
}

func (d *driver) ResumeNode(ctx context.Context, in compute.ResumeNode) error {
	m, err := d.machine(ctx, in.Node)
	switch {
	case err != nil:
		return err
	case m.state() == compute.NodeRunning:
		return nil
	case m.state() != compute.NodeSuspended:
		return op.Errorf(op.Conflict, "%s is %s: only a suspended node can be resumed", m.x.Name, m.state())
	}
	return do(ctx, d.link, func(w wire) error {
		if m.State == stateShutoff {
			return w.DomainCreate(in.Node) // from the memory that virsh managedsave wrote to disk
		}
		return w.DomainResume(in.Node)
	})
}

func (d *driver) SetNodeTags(ctx context.Context, in compute.SetNodeTags) error {
	m, err := d.machine(ctx, in.Node)
	if err != nil {
		return err
	}
	m.told.Tags = in.Tags
	text, err := element(m.told, true)
	if err != nil {
		return err
	}
	flags := uint32(affectConfig)
	if m.active() {
		flags |= affectLive
	}
	return do(ctx, d.link, func(w wire) error {
		return w.DomainSetMetadata(in.Node, metadataElement, text, toldPrefix, toldURI, flags)
	})
}

func (d *driver) ResizeNode(ctx context.Context, in compute.ResizeNode) error {
	size, err := d.size(in.Size)
	if err != nil {
		return err
	}
	m, err := d.machine(ctx, in.Node)
	switch {
	case err != nil:
		return err
	case m.active():
		return op.Errorf(op.Conflict, "%s is %s: stop it first", m.x.Name, m.state())
	case m.state() == compute.NodeSuspended:
		return op.Errorf(op.Conflict, "%s has its memory on disk: start and stop it first", m.x.Name)
	}
	if paths, _ := m.disks(); len(paths) > 0 {
		root, err := d.disk(ctx, "root disk", paths[0], rootDisk)
		if err == nil && root.bytes < uint64(size.Disk)*gib {
			err = do(ctx, d.link, func(w wire) error { return w.StorageVolResize(root.Key, uint64(size.Disk)*gib, 0) })
		}
		if ignoreMissing(err) != nil { // a disk that others made keeps its size
			return err
		}
	}
	x, err := d.domainXML(ctx, in.Node, xmlInactive)
	if err != nil {
		return err
	}
	told := machineOf(in.Node, m.domainState, x).told
	told.Size = size.ID
	text, err := element(told, false)
	if err != nil {
		return err
	}
	x.VCPU = &libvirtxml.DomainVCPU{Value: uint(size.VCPUs)}
	x.VCPUs = nil
	x.Memory = &libvirtxml.DomainMemory{Value: uint(size.RAM), Unit: "MiB"}
	x.CurrentMemory = nil
	if x.CPU != nil {
		x.CPU.Topology = nil // which would be of another number of processors
	}
	x.Metadata = &libvirtxml.DomainMetadata{XML: others(x.Metadata) + text}
	described, err := x.Marshal()
	if err != nil {
		return op.Errorf(op.Internal, "%w", err)
	}
	_, err = get(ctx, d.link, func(w wire) (string, error) { return w.DomainDefineXML(described) })
	return err
}

// others is metadata without the driver's own.
func others(m *libvirtxml.DomainMetadata) string {
	if m == nil {
		return ""
	}
	start, end := strings.Index(m.XML, "<"+toldPrefix+":told"), strings.Index(m.XML, "</"+toldPrefix+":told>")
	if start < 0 || end < start {
		return m.XML
	}
	return m.XML[:start] + m.XML[end+len("</"+toldPrefix+":told>"):]
}

func (d *driver) DestroyNode(ctx context.Context, in compute.DestroyNode) error {
	return d.raze(ctx, in.Node)
}

// raze destroys a machine: its power, then its disk and what else was made for
// it, then itself, so that what fails in between can be done again.
func (d *driver) raze(ctx context.Context, id string) error {
	m, err := d.machine(ctx, id)
	if err != nil {
		return err
	}
	if m.active() {
		if err := d.off(ctx, id); err != nil {
			return err
		}
	}
	var base string
	if paths, _ := m.disks(); len(paths) > 0 {
		root, err := d.disk(ctx, "root disk", paths[0], rootDisk, foreign)
		switch {
		case op.KindOf(err) == op.NotFound:
		case err != nil:
			return err
		default:
			base = root.backing
			// A disk of others' may be what nodes are based on, too.
			keep := false
			if root.kind == foreign {
				if keep, err = d.basedOn(ctx, root.Key); err != nil {
					return err
				}
			}
			if !keep {
				if err := d.remove(ctx, root.Key); err != nil {
					return err
				}
			}
		}
	}
	if err := d.remove(ctx, d.belongings(m)...); err != nil {
		return err
	}
	if err := d.undefine(ctx, id); err != nil {
		return err
	}
	return d.forgetImage(ctx, base)
}

// belongings are the volumes that were made for a machine, but for its disks.
func (d *driver) belongings(m machine) []string {
	var keys []string
	for _, k := range m.x.Devices.Disks {
		if path := pathOf(k); k.Device == "cdrom" && strings.HasSuffix(path, "/"+m.x.Name+".seed.iso") {
			keys = append(keys, path)
		}
	}
	if log := m.consoleLog(); strings.HasSuffix(log, "/"+m.x.Name+".console.log") {
		keys = append(keys, log)
		for _, old := range []string{".0", ".1", ".2"} { // virtlogd's older ones
			keys = append(keys, log+old)
		}
	}
	return keys
}

// undefine makes libvirt forget a domain that is off, or turns it off.
func (d *driver) undefine(ctx context.Context, id string) error {
	m, err := d.machine(ctx, id)
	if err != nil {
		return ignoreMissing(err)
	}
	if m.active() {
		if err := d.off(ctx, id); err != nil {
			return ignoreMissing(err)
		}
	}
	err = do(ctx, d.link, func(w wire) error {
		return w.DomainUndefineFlags(id, undefineManagedSave|undefineSnapshots|undefineNVRAM|undefineCheckpoints)
	})
	return ignoreMissing(err)
}

// uses are the machines that have a disk of that path.
func uses(all []machine, path string) (m machine, target string, ok bool) {
	for _, m := range all {
		paths, targets := m.disks()
		if i := slices.Index(paths, path); i >= 0 {
			return m, targets[i], true
		}
	}
	return machine{}, "", false
}
