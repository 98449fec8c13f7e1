//go:build libvirt_dlopen && cgo

package libvirt

import (
	"bytes"
	"errors"
	"io"

	lv "libvirt.org/go/libvirt"
)

// transport says how this build reaches hypervisors.
const transport = "libvirt's own library"

// library is the wire through libvirt's own library, libvirt.so.0, which is loaded
// when it is first used. It reaches every URI that libvirt knows.
type library struct{ conn *lv.Connect }

// dial opens a wire to the hypervisor of a URI of libvirt's.
func dial(uri string) (wire, error) {
	conn, err := lv.NewConnect(uri)
	if err != nil {
		return nil, wrong(err)
	}
	return library{conn}, nil
}

// wrong makes an error of libvirt's a *fault.
func wrong(err error) error {
	if e, ok := errors.AsType[lv.Error](err); ok {
		return &fault{Code: int(e.Code), Message: e.Message}
	}
	return err
}

// right passes an answer on with its error made a fault.
func right[T any](v T, err error) (T, error) { return v, wrong(err) }

func (c library) Alive() bool {
	alive, err := c.conn.IsAlive()
	return err == nil && alive
}

func (c library) Close() error {
	_, err := c.conn.Close()
	return wrong(err)
}

// free is something of libvirt's that is counted.
type free interface{ Free() error }

// of looks something up and asks it; on is of for what answers with nothing.
func of[H free, T any](h H, err error, f func(h H) (T, error)) (T, error) {
	if err != nil {
		return *new(T), wrong(err)
	}
	defer h.Free()
	return right(f(h))
}

func on[H free](h H, err error, f func(h H) error) error {
	_, err = of(h, err, func(h H) (struct{}, error) { return struct{}{}, f(h) })
	return err
}

func ofDomain[T any](c library, id string, f func(d *lv.Domain) (T, error)) (T, error) {
	d, err := c.conn.LookupDomainByUUIDString(id)
	return of(d, missing(err, 42), f)
}

func (c library) onDomain(id string, f func(d *lv.Domain) error) error {
	d, err := c.conn.LookupDomainByUUIDString(id)
	return on(d, missing(err, 42), f)
}

// missing is the error of a lookup: nothing has a UUID that is none.
func missing(err error, code int) error {
	if e, ok := errors.AsType[lv.Error](err); ok && e.Code == lv.ERR_INVALID_ARG {
		return &fault{Code: code, Message: e.Message}
	}
	return err
}

// names lists what has a name and a UUID.
func names[V any, P interface {
	*V
	free
	GetName() (string, error)
	GetUUIDString() (string, error)
}](all []V, err error) ([]named, error) {
	if err != nil {
		return nil, wrong(err)
	}
	list := make([]named, len(all))
	var failed error
	for i := range all {
		p := P(&all[i])
		var err1, err2 error
		list[i].Name, err1 = p.GetName()
		list[i].UUID, err2 = p.GetUUIDString()
		failed = errors.Join(failed, err1, err2)
		p.Free()
	}
	return list, wrong(failed)
}

func (c library) ConnectGetHostname() (string, error) { return right(c.conn.GetHostname()) }

func (c library) ConnectGetLibVersion() (uint64, error) {
	v, err := c.conn.GetLibVersion()
	return uint64(v), wrong(err)
}

func (c library) ConnectGetCapabilities() (string, error) { return right(c.conn.GetCapabilities()) }

func (c library) ConnectGetDomainCapabilities(emulator, arch, machine, virttype string) (string, error) {
	return right(c.conn.GetDomainCapabilities(emulator, arch, machine, virttype, 0))
}

func (c library) ConnectListAllDomains(flags uint32) ([]named, error) {
	all, err := c.conn.ListAllDomains(lv.ConnectListAllDomainsFlags(flags))
	return names(all, err)
}

func (c library) ConnectGetAllDomainStats(stats uint32) ([]domainStats, error) {
	all, err := c.conn.GetAllDomainStats(nil, lv.DomainStatsTypes(stats), 0)
	if err != nil {
		return nil, wrong(err)
	}
	list := make([]domainStats, len(all))
	var failed error
	for i, s := range all {
		var err1, err2 error
		list[i].Name, err1 = s.Domain.GetName()
		list[i].UUID, err2 = s.Domain.GetUUIDString()
		failed = errors.Join(failed, err1, err2)
		if s.State != nil {
			list[i].domainState = domainState{int32(s.State.State), int32(s.State.Reason)}
		}
		s.Domain.Free()
	}
	return list, wrong(failed)
}

func (c library) DomainGetState(id string) (domainState, error) {
	return ofDomain(c, id, func(d *lv.Domain) (domainState, error) {
		state, reason, err := d.GetState()
		return domainState{int32(state), int32(reason)}, err
	})
}

func (c library) DomainGetXMLDesc(id string, flags uint32) (string, error) {
	return ofDomain(c, id, func(d *lv.Domain) (string, error) { return d.GetXMLDesc(lv.DomainXMLFlags(flags)) })
}

func (c library) DomainInterfaceAddresses(id string, source uint32) ([]domainInterface, error) {
	return ofDomain(c, id, func(d *lv.Domain) ([]domainInterface, error) {
		all, err := d.ListAllInterfaceAddresses(lv.DomainInterfaceAddressesSource(source))
		var list []domainInterface
		for _, i := range all {
			n := domainInterface{Name: i.Name, MAC: i.Hwaddr}
			for _, a := range i.Addrs {
				n.Addresses = append(n.Addresses, a.Addr)
			}
			list = append(list, n)
		}
		return list, err
	})
}

func (c library) DomainScreenshot(id string, screen uint32) ([]byte, error) {
	return ofDomain(c, id, func(d *lv.Domain) ([]byte, error) {
		var b bytes.Buffer
		err := c.receive(&b, func(s *lv.Stream) error {
			_, err := d.Screenshot(s, screen, 0)
			return err
		})
		return b.Bytes(), err
	})
}

// receive reads the stream that begin makes libvirt send.
func (c library) receive(to io.Writer, begin func(s *lv.Stream) error) error {
	s, err := c.conn.NewStream(0)
	if err != nil {
		return err
	}
	defer s.Free()
	if err := begin(s); err != nil {
		return err
	}
	if err := s.RecvAll(func(_ *lv.Stream, data []byte) (int, error) { return to.Write(data) }); err != nil {
		return errors.Join(err, s.Abort())
	}
	return s.Finish()
}

func (c library) DomainDefineXML(xml string) (string, error) {
	d, err := c.conn.DomainDefineXML(xml)
	return of(d, err, (*lv.Domain).GetUUIDString)
}

func (c library) DomainUndefineFlags(id string, flags uint32) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.UndefineFlags(lv.DomainUndefineFlagsValues(flags)) })
}

func (c library) DomainCreate(id string) error { return c.onDomain(id, (*lv.Domain).Create) }

func (c library) DomainShutdownFlags(id string, flags uint32) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.ShutdownFlags(lv.DomainShutdownFlags(flags)) })
}

func (c library) DomainReboot(id string, flags uint32) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.Reboot(lv.DomainRebootFlagValues(flags)) })
}

func (c library) DomainReset(id string) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.Reset(0) })
}

func (c library) DomainDestroyFlags(id string, flags uint32) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.DestroyFlags(lv.DomainDestroyFlags(flags)) })
}

func (c library) DomainSuspend(id string) error { return c.onDomain(id, (*lv.Domain).Suspend) }

func (c library) DomainResume(id string) error { return c.onDomain(id, (*lv.Domain).Resume) }

func (c library) DomainManagedSave(id string, flags uint32) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.ManagedSave(lv.DomainSaveRestoreFlags(flags)) })
}

func (c library) DomainSetAutostart(id string, autostart int32) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.SetAutostart(autostart != 0) })
}

func (c library) DomainSetMetadata(id string, typ int32, metadata, key, uri string, flags uint32) error {
	return c.onDomain(id, func(d *lv.Domain) error {
		return d.SetMetadata(lv.DomainMetadataType(typ), metadata, key, uri, lv.DomainModificationImpact(flags))
	})
}

func (c library) DomainAttachDeviceFlags(id, xml string, flags uint32) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.AttachDeviceFlags(xml, lv.DomainDeviceModifyFlags(flags)) })
}

func (c library) DomainDetachDeviceFlags(id, xml string, flags uint32) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.DetachDeviceFlags(xml, lv.DomainDeviceModifyFlags(flags)) })
}

func (c library) DomainUpdateDeviceFlags(id, xml string, flags uint32) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.UpdateDeviceFlags(xml, lv.DomainDeviceModifyFlags(flags)) })
}

func (c library) DomainBlockResize(id, disk string, size uint64, flags uint32) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.BlockResize(disk, size, lv.DomainBlockResizeFlags(flags)) })
}

func (c library) DomainBackupBegin(id, xml string, flags uint32) error {
	return c.onDomain(id, func(d *lv.Domain) error { return d.BackupBegin(xml, "", lv.DomainBackupBeginFlags(flags)) })
}

func (c library) DomainBackupGetXMLDesc(id string) (string, error) {
	return ofDomain(c, id, func(d *lv.Domain) (string, error) { return d.BackupGetXMLDesc(0) })
}

func (c library) DomainGetJobStats(id string, flags uint32) (int32, error) {
	return ofDomain(c, id, func(d *lv.Domain) (int32, error) {
		info, err := d.GetJobStats(lv.DomainGetJobStatsFlags(flags))
		if err != nil {
			return 0, err
		}
		return int32(info.Type), nil
	})
}

func (c library) DomainAbortJob(id string) error { return c.onDomain(id, (*lv.Domain).AbortJob) }

func (c library) DomainListAllSnapshots(id string) ([]string, error) {
	return ofDomain(c, id, func(d *lv.Domain) ([]string, error) {
		all, err := d.ListAllSnapshots(0)
		var list []string
		for i := range all {
			name, err1 := all[i].GetName()
			list, err = append(list, name), errors.Join(err, err1)
			all[i].Free()
		}
		return list, err
	})
}

func ofSnapshot[T any](c library, id, snapshot string, f func(s *lv.DomainSnapshot) (T, error)) (T, error) {
	return ofDomain(c, id, func(d *lv.Domain) (T, error) {
		s, err := d.SnapshotLookupByName(snapshot, 0)
		return of(s, err, f)
	})
}

func (c library) DomainSnapshotGetXMLDesc(id, snapshot string) (string, error) {
	return ofSnapshot(c, id, snapshot, func(s *lv.DomainSnapshot) (string, error) { return s.GetXMLDesc(0) })
}

func (c library) DomainSnapshotCreateXML(id, xml string, flags uint32) (string, error) {
	return ofDomain(c, id, func(d *lv.Domain) (string, error) {
		s, err := d.CreateSnapshotXML(xml, lv.DomainSnapshotCreateFlags(flags))
		return of(s, err, (*lv.DomainSnapshot).GetName)
	})
}

func (c library) DomainRevertToSnapshot(id, snapshot string, flags uint32) error {
	_, err := ofSnapshot(c, id, snapshot, func(s *lv.DomainSnapshot) (struct{}, error) {
		return struct{}{}, s.RevertToSnapshot(lv.DomainSnapshotRevertFlags(flags))
	})
	return err
}

func (c library) DomainSnapshotDelete(id, snapshot string, flags uint32) error {
	_, err := ofSnapshot(c, id, snapshot, func(s *lv.DomainSnapshot) (struct{}, error) {
		return struct{}{}, s.Delete(lv.DomainSnapshotDeleteFlags(flags))
	})
	return err
}

func (c library) DomainQemuMonitorCommand(id, cmd string, flags uint32) (string, error) {
	return ofDomain(c, id, func(d *lv.Domain) (string, error) {
		return d.QemuMonitorCommand(cmd, lv.DomainQemuMonitorCommandFlags(flags))
	})
}

func (c library) DomainQemuAgentCommand(id, cmd string, timeout int32) (string, error) {
	return ofDomain(c, id, func(d *lv.Domain) (string, error) {
		return d.QemuAgentCommand(cmd, lv.DomainQemuAgentCommandTimeout(timeout), 0)
	})
}

func ofPool[T any](c library, name string, f func(p *lv.StoragePool) (T, error)) (T, error) {
	p, err := c.conn.LookupStoragePoolByName(name)
	return of(p, err, f)
}

func (c library) ConnectListAllStoragePools(flags uint32) ([]named, error) {
	all, err := c.conn.ListAllStoragePools(lv.ConnectListAllStoragePoolsFlags(flags))
	return names(all, err)
}

func (c library) StoragePoolGetXMLDesc(pool string) (string, error) {
	return ofPool(c, pool, func(p *lv.StoragePool) (string, error) { return p.GetXMLDesc(0) })
}

func (c library) StoragePoolRefresh(pool string) error {
	p, err := c.conn.LookupStoragePoolByName(pool)
	return on(p, err, func(p *lv.StoragePool) error { return p.Refresh(0) })
}

func (c library) StoragePoolListAllVolumes(pool string) ([]keyed, error) {
	return ofPool(c, pool, func(p *lv.StoragePool) ([]keyed, error) {
		all, err := p.ListAllStorageVolumes(0)
		list := make([]keyed, len(all))
		for i := range all {
			var err1, err2 error
			list[i].Name, err1 = all[i].GetName()
			list[i].Key, err2 = all[i].GetKey()
			err = errors.Join(err, err1, err2)
			all[i].Free()
		}
		return list, err
	})
}

func ofVolume[T any](c library, key string, f func(v *lv.StorageVol) (T, error)) (T, error) {
	v, err := c.conn.LookupStorageVolByKey(key)
	return of(v, err, f)
}

func (c library) onVolume(key string, f func(v *lv.StorageVol) error) error {
	v, err := c.conn.LookupStorageVolByKey(key)
	return on(v, err, f)
}

func (c library) StorageVolGetXMLDesc(key string) (string, error) {
	return ofVolume(c, key, func(v *lv.StorageVol) (string, error) { return v.GetXMLDesc(0) })
}

func (c library) StorageVolCreateXML(pool, xml string, flags uint32) (string, error) {
	return ofPool(c, pool, func(p *lv.StoragePool) (string, error) {
		v, err := p.StorageVolCreateXML(xml, lv.StorageVolCreateFlags(flags))
		return of(v, err, (*lv.StorageVol).GetKey)
	})
}

func (c library) StorageVolCreateXMLFrom(pool, xml, key string, flags uint32) (string, error) {
	return ofPool(c, pool, func(p *lv.StoragePool) (string, error) {
		return ofVolume(c, key, func(from *lv.StorageVol) (string, error) {
			v, err := p.StorageVolCreateXMLFrom(xml, from, lv.StorageVolCreateFlags(flags))
			return of(v, err, (*lv.StorageVol).GetKey)
		})
	})
}

func (c library) StorageVolDelete(key string) error {
	return c.onVolume(key, func(v *lv.StorageVol) error { return v.Delete(0) })
}

func (c library) StorageVolResize(key string, capacity uint64, flags uint32) error {
	return c.onVolume(key, func(v *lv.StorageVol) error { return v.Resize(capacity, lv.StorageVolResizeFlags(flags)) })
}

func (c library) StorageVolUpload(key string, body io.Reader, length uint64) error {
	return c.onVolume(key, func(v *lv.StorageVol) error {
		s, err := c.conn.NewStream(0)
		if err != nil {
			return err
		}
		defer s.Free()
		if err := v.Upload(s, 0, length, 0); err != nil {
			return err
		}
		err = s.SendAll(func(_ *lv.Stream, n int) ([]byte, error) {
			b := make([]byte, n)
			n, err := body.Read(b)
			if err == io.EOF {
				err = nil // no bytes are the end
			}
			return b[:n], err
		})
		if err != nil {
			return errors.Join(err, s.Abort())
		}
		return s.Finish()
	})
}

func (c library) StorageVolDownload(key string, body io.Writer, offset, length uint64) error {
	return c.onVolume(key, func(v *lv.StorageVol) error {
		return c.receive(body, func(s *lv.Stream) error { return v.Download(s, offset, length, 0) })
	})
}

func ofNetwork[T any](c library, id string, f func(n *lv.Network) (T, error)) (T, error) {
	n, err := c.conn.LookupNetworkByUUIDString(id)
	return of(n, missing(err, 43), f)
}

func (c library) onNetwork(id string, f func(n *lv.Network) error) error {
	n, err := c.conn.LookupNetworkByUUIDString(id)
	return on(n, missing(err, 43), f)
}

func (c library) ConnectListAllNetworks(flags uint32) ([]named, error) {
	all, err := c.conn.ListAllNetworks(lv.ConnectListAllNetworksFlags(flags))
	return names(all, err)
}

func (c library) NetworkGetXMLDesc(id string) (string, error) {
	return ofNetwork(c, id, func(n *lv.Network) (string, error) { return n.GetXMLDesc(0) })
}

func (c library) NetworkGetDHCPLeases(id string) ([]lease, error) {
	return ofNetwork(c, id, func(n *lv.Network) ([]lease, error) {
		all, err := n.GetDHCPLeases()
		var list []lease
		for _, l := range all {
			list = append(list, lease{MAC: l.Mac, IP: l.IPaddr, Hostname: l.Hostname, Expires: l.ExpiryTime.Unix()})
		}
		return list, err
	})
}

func (c library) NetworkDefineXML(xml string) (string, error) {
	n, err := c.conn.NetworkDefineXML(xml)
	return of(n, err, (*lv.Network).GetUUIDString)
}

func (c library) NetworkCreate(id string) error { return c.onNetwork(id, (*lv.Network).Create) }

func (c library) NetworkDestroy(id string) error { return c.onNetwork(id, (*lv.Network).Destroy) }

func (c library) NetworkUndefine(id string) error { return c.onNetwork(id, (*lv.Network).Undefine) }

func (c library) NetworkSetAutostart(id string, autostart int32) error {
	return c.onNetwork(id, func(n *lv.Network) error { return n.SetAutostart(autostart != 0) })
}

func (c library) ConnectListAllNWFilters() ([]named, error) {
	all, err := c.conn.ListAllNWFilters(0)
	return names(all, err)
}

func (c library) NWFilterGetXMLDesc(id string) (string, error) {
	f, err := c.conn.LookupNWFilterByUUIDString(id)
	return of(f, missing(err, 62), func(f *lv.NWFilter) (string, error) { return f.GetXMLDesc(0) })
}

func (c library) NWFilterDefineXML(xml string) (string, error) {
	f, err := c.conn.NWFilterDefineXML(xml)
	return of(f, err, (*lv.NWFilter).GetUUIDString)
}

func (c library) NWFilterUndefine(id string) error {
	f, err := c.conn.LookupNWFilterByUUIDString(id)
	return on(f, missing(err, 62), (*lv.NWFilter).Undefine)
}
