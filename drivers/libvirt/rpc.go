//go:build !(libvirt_dlopen && cgo)

package libvirt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	lv "github.com/digitalocean/go-libvirt"
)

// transport says how this build reaches hypervisors.
const transport = "libvirtd's protocol, in Go"

// rpc is the wire that speaks libvirtd's protocol itself: no C library is needed,
// and what a libvirtd serves can be reached over a UNIX socket, TCP, TLS or SSH.
type rpc struct {
	*lv.Libvirt
	conn net.Conn
}

// dial opens a wire to the hypervisor of a URI of libvirt's.
func dial(uri string) (wire, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	d := &dialer{uri: u}
	c := rpc{Libvirt: lv.NewWithDialer(d)}
	err = c.ConnectToURI(lv.RemoteURI(u))
	if d.conn != nil {
		d.silence.Stop()
	}
	if err != nil {
		if d.conn != nil {
			d.conn.Close()
		}
		return nil, wrong(err)
	}
	c.conn = d.conn
	return c, nil
}

// wrong makes an error of libvirt's a *fault.
func wrong(err error) error {
	if e, ok := errors.AsType[lv.Error](err); ok {
		return &fault{Code: int(e.Code), Message: e.Message}
	}
	if errors.Is(err, lv.ErrUnsupported) {
		return &fault{Code: 3, Message: "this libvirt does not have that call"}
	}
	return err
}

func (c rpc) Alive() bool { return c.IsConnected() }

// Close says good-bye, and hangs up where that is not answered.
func (c rpc) Close() error {
	if !c.IsConnected() {
		return c.conn.Close()
	}
	silence := time.AfterFunc(2*time.Second, func() { c.conn.Close() })
	defer silence.Stop()
	_ = c.Disconnect() // whatever it says, the connection is gone afterwards
	_ = c.conn.Close()
	return nil
}

// uuid reads the UUID of what is of some kind; what is none, nothing has.
func uuid(s, what string, missing int) (lv.UUID, error) {
	var u lv.UUID
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != len(u) {
		return u, &fault{Code: missing, Message: "there is no " + what + " " + s}
	}
	copy(u[:], b)
	return u, nil
}

func text(u lv.UUID) string {
	s := hex.EncodeToString(u[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// domain is a domain as the protocol names it: libvirtd goes by the UUID.
func domain(id string) (lv.Domain, error) {
	u, err := uuid(id, "domain", 42)
	return lv.Domain{Name: id, UUID: u, ID: -1}, err
}

func onDomain(id string, f func(lv.Domain) error) error {
	d, err := domain(id)
	if err != nil {
		return err
	}
	return wrong(f(d))
}

func ofDomain[T any](id string, f func(lv.Domain) (T, error)) (T, error) {
	d, err := domain(id)
	if err != nil {
		return *new(T), err
	}
	return right(f(d))
}

// right passes an answer on with its error made a fault.
func right[T any](v T, err error) (T, error) { return v, wrong(err) }

// optional is text that may be missing.
func optional(s string) lv.OptString {
	if s == "" {
		return nil
	}
	return lv.OptString{s}
}

func first(s lv.OptString) string { return strings.Join(s, "") }

func (c rpc) ConnectGetHostname() (string, error) { return right(c.Libvirt.ConnectGetHostname()) }

func (c rpc) ConnectGetLibVersion() (uint64, error) { return right(c.Libvirt.ConnectGetLibVersion()) }

func (c rpc) ConnectGetCapabilities() (string, error) {
	return right(c.Libvirt.ConnectGetCapabilities())
}

func (c rpc) ConnectGetDomainCapabilities(emulator, arch, machine, virttype string) (string, error) {
	return right(c.Libvirt.ConnectGetDomainCapabilities(optional(emulator), optional(arch), optional(machine), optional(virttype), 0))
}

func (c rpc) ConnectListAllDomains(flags uint32) ([]named, error) {
	all, _, err := c.Libvirt.ConnectListAllDomains(1, lv.ConnectListAllDomainsFlags(flags))
	list := make([]named, len(all))
	for i, d := range all {
		list[i] = named{text(d.UUID), d.Name}
	}
	return list, wrong(err)
}

func (c rpc) ConnectGetAllDomainStats(stats uint32) ([]domainStats, error) {
	all, err := c.Libvirt.ConnectGetAllDomainStats(nil, stats, 0)
	list := make([]domainStats, len(all))
	for i, r := range all {
		list[i] = domainStats{UUID: text(r.Dom.UUID), Name: r.Dom.Name}
		for _, p := range r.Params {
			n, _ := p.Value.I.(int32)
			switch p.Field {
			case "state.state":
				list[i].State = n
			case "state.reason":
				list[i].Reason = n
			}
		}
	}
	return list, wrong(err)
}

func (c rpc) DomainGetState(id string) (domainState, error) {
	return ofDomain(id, func(d lv.Domain) (domainState, error) {
		state, reason, err := c.Libvirt.DomainGetState(d, 0)
		return domainState{state, reason}, err
	})
}

func (c rpc) DomainGetXMLDesc(id string, flags uint32) (string, error) {
	return ofDomain(id, func(d lv.Domain) (string, error) { return c.Libvirt.DomainGetXMLDesc(d, lv.DomainXMLFlags(flags)) })
}

func (c rpc) DomainInterfaceAddresses(id string, source uint32) ([]domainInterface, error) {
	return ofDomain(id, func(d lv.Domain) ([]domainInterface, error) {
		all, err := c.Libvirt.DomainInterfaceAddresses(d, source, 0)
		var list []domainInterface
		for _, i := range all {
			n := domainInterface{Name: i.Name, MAC: first(i.Hwaddr)}
			for _, a := range i.Addrs {
				n.Addresses = append(n.Addresses, a.Addr)
			}
			list = append(list, n)
		}
		return list, err
	})
}

func (c rpc) DomainScreenshot(id string, screen uint32) ([]byte, error) {
	return ofDomain(id, func(d lv.Domain) ([]byte, error) {
		var b bytes.Buffer
		_, err := c.Libvirt.DomainScreenshot(d, &b, screen, 0)
		if _, said := errors.AsType[lv.Error](err); !said && !errors.Is(err, lv.ErrInterrupted) && b.Len() > 0 {
			err = nil // the library looks for the picture's type at the stream's end, where it is not
		}
		return b.Bytes(), err
	})
}

func (c rpc) DomainDefineXML(xml string) (string, error) {
	d, err := c.Libvirt.DomainDefineXMLFlags(xml, 0)
	return text(d.UUID), wrong(err)
}

func (c rpc) DomainUndefineFlags(id string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error {
		return c.Libvirt.DomainUndefineFlags(d, lv.DomainUndefineFlagsValues(flags))
	})
}

func (c rpc) DomainCreate(id string) error { return onDomain(id, c.Libvirt.DomainCreate) }

func (c rpc) DomainShutdownFlags(id string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error {
		return c.Libvirt.DomainShutdownFlags(d, lv.DomainShutdownFlagValues(flags))
	})
}

func (c rpc) DomainReboot(id string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error { return c.Libvirt.DomainReboot(d, lv.DomainRebootFlagValues(flags)) })
}

func (c rpc) DomainReset(id string) error {
	return onDomain(id, func(d lv.Domain) error { return c.Libvirt.DomainReset(d, 0) })
}

func (c rpc) DomainDestroyFlags(id string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error {
		return c.Libvirt.DomainDestroyFlags(d, lv.DomainDestroyFlagsValues(flags))
	})
}

func (c rpc) DomainSuspend(id string) error { return onDomain(id, c.Libvirt.DomainSuspend) }

func (c rpc) DomainResume(id string) error { return onDomain(id, c.Libvirt.DomainResume) }

func (c rpc) DomainManagedSave(id string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error { return c.Libvirt.DomainManagedSave(d, flags) })
}

func (c rpc) DomainSetAutostart(id string, autostart int32) error {
	return onDomain(id, func(d lv.Domain) error { return c.Libvirt.DomainSetAutostart(d, autostart) })
}

func (c rpc) DomainSetMetadata(id string, typ int32, metadata, key, uri string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error {
		return c.Libvirt.DomainSetMetadata(d, typ, optional(metadata), optional(key), optional(uri), lv.DomainModificationImpact(flags))
	})
}

func (c rpc) DomainAttachDeviceFlags(id, xml string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error { return c.Libvirt.DomainAttachDeviceFlags(d, xml, flags) })
}

func (c rpc) DomainDetachDeviceFlags(id, xml string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error { return c.Libvirt.DomainDetachDeviceFlags(d, xml, flags) })
}

func (c rpc) DomainUpdateDeviceFlags(id, xml string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error {
		return c.Libvirt.DomainUpdateDeviceFlags(d, xml, lv.DomainDeviceModifyFlags(flags))
	})
}

func (c rpc) DomainBlockResize(id, disk string, size uint64, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error {
		return c.Libvirt.DomainBlockResize(d, disk, size, lv.DomainBlockResizeFlags(flags))
	})
}

func (c rpc) DomainBackupBegin(id, xml string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error {
		return c.Libvirt.DomainBackupBegin(d, xml, nil, lv.DomainBackupBeginFlags(flags))
	})
}

func (c rpc) DomainBackupGetXMLDesc(id string) (string, error) {
	return ofDomain(id, func(d lv.Domain) (string, error) { return c.Libvirt.DomainBackupGetXMLDesc(d, 0) })
}

func (c rpc) DomainGetJobStats(id string, flags uint32) (int32, error) {
	return ofDomain(id, func(d lv.Domain) (int32, error) {
		typ, _, err := c.Libvirt.DomainGetJobStats(d, lv.DomainGetJobStatsFlags(flags))
		return typ, err
	})
}

func (c rpc) DomainAbortJob(id string) error { return onDomain(id, c.Libvirt.DomainAbortJob) }

func (c rpc) DomainListAllSnapshots(id string) ([]string, error) {
	return ofDomain(id, func(d lv.Domain) ([]string, error) {
		all, _, err := c.Libvirt.DomainListAllSnapshots(d, 1, 0)
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		return names, err
	})
}

func (c rpc) DomainSnapshotGetXMLDesc(id, snapshot string) (string, error) {
	return ofDomain(id, func(d lv.Domain) (string, error) {
		return c.Libvirt.DomainSnapshotGetXMLDesc(lv.DomainSnapshot{Name: snapshot, Dom: d}, 0)
	})
}

func (c rpc) DomainSnapshotCreateXML(id, xml string, flags uint32) (string, error) {
	return ofDomain(id, func(d lv.Domain) (string, error) {
		s, err := c.Libvirt.DomainSnapshotCreateXML(d, xml, flags)
		return s.Name, err
	})
}

func (c rpc) DomainRevertToSnapshot(id, snapshot string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error {
		return c.Libvirt.DomainRevertToSnapshot(lv.DomainSnapshot{Name: snapshot, Dom: d}, flags)
	})
}

func (c rpc) DomainSnapshotDelete(id, snapshot string, flags uint32) error {
	return onDomain(id, func(d lv.Domain) error {
		return c.Libvirt.DomainSnapshotDelete(lv.DomainSnapshot{Name: snapshot, Dom: d}, lv.DomainSnapshotDeleteFlags(flags))
	})
}

func (c rpc) DomainQemuMonitorCommand(id, cmd string, flags uint32) (string, error) {
	return ofDomain(id, func(d lv.Domain) (string, error) { return c.Libvirt.QEMUDomainMonitorCommand(d, cmd, flags) })
}

func (c rpc) DomainQemuAgentCommand(id, cmd string, timeout int32) (string, error) {
	return ofDomain(id, func(d lv.Domain) (string, error) {
		answer, err := c.Libvirt.QEMUDomainAgentCommand(d, cmd, timeout, 0)
		return first(answer), err
	})
}

func (c rpc) ConnectListAllStoragePools(flags uint32) ([]named, error) {
	all, _, err := c.Libvirt.ConnectListAllStoragePools(1, lv.ConnectListAllStoragePoolsFlags(flags))
	list := make([]named, len(all))
	for i, p := range all {
		list[i] = named{text(p.UUID), p.Name}
	}
	return list, wrong(err)
}

func (c rpc) StoragePoolGetXMLDesc(name string) (string, error) {
	p, err := c.StoragePoolLookupByName(name)
	if err != nil {
		return "", wrong(err)
	}
	return right(c.Libvirt.StoragePoolGetXMLDesc(p, 0))
}

func (c rpc) StoragePoolRefresh(name string) error {
	p, err := c.StoragePoolLookupByName(name)
	if err != nil {
		return wrong(err)
	}
	return wrong(c.Libvirt.StoragePoolRefresh(p, 0))
}

func (c rpc) StoragePoolListAllVolumes(name string) ([]keyed, error) {
	p, err := c.StoragePoolLookupByName(name)
	if err != nil {
		return nil, wrong(err)
	}
	all, _, err := c.Libvirt.StoragePoolListAllVolumes(p, 1, 0)
	list := make([]keyed, len(all))
	for i, v := range all {
		list[i] = keyed{v.Name, v.Key}
	}
	return list, wrong(err)
}

func (c rpc) StorageVolGetXMLDesc(key string) (string, error) {
	v, err := c.StorageVolLookupByKey(key)
	if err != nil {
		return "", wrong(err)
	}
	return right(c.Libvirt.StorageVolGetXMLDesc(v, 0))
}

func (c rpc) StorageVolCreateXML(pool, xml string, flags uint32) (string, error) {
	p, err := c.StoragePoolLookupByName(pool)
	if err != nil {
		return "", wrong(err)
	}
	v, err := c.Libvirt.StorageVolCreateXML(p, xml, lv.StorageVolCreateFlags(flags))
	return v.Key, wrong(err)
}

func (c rpc) StorageVolCreateXMLFrom(pool, xml, key string, flags uint32) (string, error) {
	p, err := c.StoragePoolLookupByName(pool)
	if err != nil {
		return "", wrong(err)
	}
	from, err := c.StorageVolLookupByKey(key)
	if err != nil {
		return "", wrong(err)
	}
	v, err := c.Libvirt.StorageVolCreateXMLFrom(p, xml, from, lv.StorageVolCreateFlags(flags))
	return v.Key, wrong(err)
}

func (c rpc) StorageVolDelete(key string) error {
	v, err := c.StorageVolLookupByKey(key)
	if err != nil {
		return wrong(err)
	}
	return wrong(c.Libvirt.StorageVolDelete(v, 0))
}

func (c rpc) StorageVolResize(key string, capacity uint64, flags uint32) error {
	v, err := c.StorageVolLookupByKey(key)
	if err != nil {
		return wrong(err)
	}
	return wrong(c.Libvirt.StorageVolResize(v, capacity, lv.StorageVolResizeFlags(flags)))
}

func (c rpc) StorageVolUpload(key string, body io.Reader, length uint64) error {
	v, err := c.StorageVolLookupByKey(key)
	if err != nil {
		return wrong(err)
	}
	return wrong(c.Libvirt.StorageVolUpload(v, body, 0, length, 0))
}

func (c rpc) StorageVolDownload(key string, body io.Writer, offset, length uint64) error {
	v, err := c.StorageVolLookupByKey(key)
	if err != nil {
		return wrong(err)
	}
	return wrong(c.Libvirt.StorageVolDownload(v, body, offset, length, 0))
}

func network(id string) (lv.Network, error) {
	u, err := uuid(id, "network", 43)
	return lv.Network{Name: id, UUID: u}, err
}

func onNetwork(id string, f func(lv.Network) error) error {
	n, err := network(id)
	if err != nil {
		return err
	}
	return wrong(f(n))
}

func (c rpc) ConnectListAllNetworks(flags uint32) ([]named, error) {
	all, _, err := c.Libvirt.ConnectListAllNetworks(1, lv.ConnectListAllNetworksFlags(flags))
	list := make([]named, len(all))
	for i, n := range all {
		list[i] = named{text(n.UUID), n.Name}
	}
	return list, wrong(err)
}

func (c rpc) NetworkGetXMLDesc(id string) (string, error) {
	n, err := network(id)
	if err != nil {
		return "", err
	}
	return right(c.Libvirt.NetworkGetXMLDesc(n, 0))
}

func (c rpc) NetworkGetDHCPLeases(id string) ([]lease, error) {
	n, err := network(id)
	if err != nil {
		return nil, err
	}
	all, _, err := c.NetworkGetDhcpLeases(n, nil, 1, 0)
	var list []lease
	for _, l := range all {
		list = append(list, lease{MAC: first(l.Mac), IP: l.Ipaddr, Hostname: first(l.Hostname), Expires: l.Expirytime})
	}
	return list, wrong(err)
}

func (c rpc) NetworkDefineXML(xml string) (string, error) {
	n, err := c.Libvirt.NetworkDefineXML(xml)
	return text(n.UUID), wrong(err)
}

func (c rpc) NetworkCreate(id string) error { return onNetwork(id, c.Libvirt.NetworkCreate) }

func (c rpc) NetworkDestroy(id string) error { return onNetwork(id, c.Libvirt.NetworkDestroy) }

func (c rpc) NetworkUndefine(id string) error { return onNetwork(id, c.Libvirt.NetworkUndefine) }

func (c rpc) NetworkSetAutostart(id string, autostart int32) error {
	return onNetwork(id, func(n lv.Network) error { return c.Libvirt.NetworkSetAutostart(n, autostart) })
}

func (c rpc) ConnectListAllNWFilters() ([]named, error) {
	all, _, err := c.ConnectListAllNwfilters(1, 0)
	list := make([]named, len(all))
	for i, f := range all {
		list[i] = named{text(f.UUID), f.Name}
	}
	return list, wrong(err)
}

func (c rpc) NWFilterGetXMLDesc(id string) (string, error) {
	u, err := uuid(id, "network filter", 62)
	if err != nil {
		return "", err
	}
	return right(c.NwfilterGetXMLDesc(lv.Nwfilter{Name: id, UUID: u}, 0))
}

func (c rpc) NWFilterDefineXML(xml string) (string, error) {
	f, err := c.NwfilterDefineXML(xml)
	return text(f.UUID), wrong(err)
}

func (c rpc) NWFilterUndefine(id string) error {
	u, err := uuid(id, "network filter", 62)
	if err != nil {
		return err
	}
	return wrong(c.NwfilterUndefine(lv.Nwfilter{Name: id, UUID: u}))
}
