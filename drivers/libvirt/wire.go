package libvirt

import (
	"context"
	"io"
	"sync"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A wire is an open connection to a hypervisor: libvirt's API, as much of it as
// the driver uses or hands on. There are two: rpc.go speaks libvirtd's protocol in
// Go, dlopen.go goes through libvirt's own library. The methods have libvirt's
// names, so libvirt's reference tells what each does. Domains, networks and
// filters are named by their UUIDs, pools by their names, volumes by their keys.
//
// Calls block; [call] is what heeds a context. Errors of libvirt's are of type
// [*fault]. Methods may be called by several goroutines.
type wire interface {
	Alive() bool
	Close() error

	ConnectGetHostname() (string, error)
	ConnectGetLibVersion() (uint64, error)
	ConnectGetCapabilities() (string, error)
	ConnectGetDomainCapabilities(emulator, arch, machine, virttype string) (string, error)

	ConnectListAllDomains(flags uint32) ([]named, error)
	ConnectGetAllDomainStats(stats uint32) ([]domainStats, error)
	DomainGetState(domain string) (domainState, error)
	DomainGetXMLDesc(domain string, flags uint32) (string, error)
	DomainInterfaceAddresses(domain string, source uint32) ([]domainInterface, error)
	DomainScreenshot(domain string, screen uint32) ([]byte, error)
	DomainDefineXML(xml string) (string, error)
	DomainUndefineFlags(domain string, flags uint32) error
	DomainCreate(domain string) error
	DomainShutdownFlags(domain string, flags uint32) error
	DomainReboot(domain string, flags uint32) error
	DomainReset(domain string) error
	DomainDestroyFlags(domain string, flags uint32) error
	DomainSuspend(domain string) error
	DomainResume(domain string) error
	DomainManagedSave(domain string, flags uint32) error
	DomainSetAutostart(domain string, autostart int32) error
	DomainSetMetadata(domain string, typ int32, metadata, key, uri string, flags uint32) error
	DomainAttachDeviceFlags(domain, xml string, flags uint32) error
	DomainDetachDeviceFlags(domain, xml string, flags uint32) error
	DomainUpdateDeviceFlags(domain, xml string, flags uint32) error
	DomainBlockResize(domain, disk string, size uint64, flags uint32) error
	DomainBackupBegin(domain, xml string, flags uint32) error
	DomainBackupGetXMLDesc(domain string) (string, error)
	DomainGetJobStats(domain string, flags uint32) (int32, error)
	DomainAbortJob(domain string) error
	DomainListAllSnapshots(domain string) ([]string, error)
	DomainSnapshotGetXMLDesc(domain, snapshot string) (string, error)
	DomainSnapshotCreateXML(domain, xml string, flags uint32) (string, error)
	DomainRevertToSnapshot(domain, snapshot string, flags uint32) error
	DomainSnapshotDelete(domain, snapshot string, flags uint32) error
	DomainQemuMonitorCommand(domain, cmd string, flags uint32) (string, error)
	DomainQemuAgentCommand(domain, cmd string, timeout int32) (string, error)

	ConnectListAllStoragePools(flags uint32) ([]named, error)
	StoragePoolGetXMLDesc(pool string) (string, error)
	StoragePoolRefresh(pool string) error
	StoragePoolListAllVolumes(pool string) ([]keyed, error)
	StorageVolGetXMLDesc(volume string) (string, error)
	StorageVolCreateXML(pool, xml string, flags uint32) (string, error)
	StorageVolCreateXMLFrom(pool, xml, volume string, flags uint32) (string, error)
	StorageVolDelete(volume string) error
	StorageVolResize(volume string, capacity uint64, flags uint32) error
	StorageVolUpload(volume string, body io.Reader, length uint64) error
	StorageVolDownload(volume string, body io.Writer, offset, length uint64) error

	ConnectListAllNetworks(flags uint32) ([]named, error)
	NetworkGetXMLDesc(network string) (string, error)
	NetworkGetDHCPLeases(network string) ([]lease, error)
	NetworkDefineXML(xml string) (string, error)
	NetworkCreate(network string) error
	NetworkDestroy(network string) error
	NetworkUndefine(network string) error
	NetworkSetAutostart(network string, autostart int32) error

	ConnectListAllNWFilters() ([]named, error)
	NWFilterGetXMLDesc(filter string) (string, error)
	NWFilterDefineXML(xml string) (string, error)
	NWFilterUndefine(filter string) error
}

// named is what libvirt names by a UUID, or a pool, and a name that is as unique.
type named struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

// keyed is a volume.
type keyed struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

type domainState struct {
	State  int32 `json:"state"`
	Reason int32 `json:"reason"`
}

type domainStats struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
	domainState
}

type domainInterface struct {
	Name      string   `json:"name"`
	MAC       string   `json:"hwaddr"`
	Addresses []string `json:"addrs"`
}

type lease struct {
	MAC      string `json:"mac"`
	IP       string `json:"ipaddr"`
	Hostname string `json:"hostname"`
	Expires  int64  `json:"expirytime"`
}

// Numbers of libvirt's API.
const (
	stateRunning, stateBlocked, statePaused, stateShutdown, stateShutoff, stateCrashed, statePMSuspended = 1, 2, 3, 4, 5, 6, 7

	pausedMigration, pausedStartingUp, pausedIOError = 2, 11, 5
	shutoffSaved                                     = 5

	statsState = 1

	affectLive, affectConfig = 1, 2

	xmlInactive = 2

	undefineManagedSave, undefineSnapshots, undefineNVRAM, undefineCheckpoints = 1, 2, 4, 16

	metadataElement = 2

	addressesLease, addressesAgent, addressesARP = 0, 1, 2

	resizeBytes = 1

	backupReuse = 1

	jobCompleted, jobStatsCompleted = 3, 1

	networksActive = 2
)

// A link is the way to a hypervisor: a wire that is opened when it is first
// needed, and again when it was lost.
type link struct {
	dial func() (wire, error)

	dialing sync.Mutex // one at a time

	mu     sync.Mutex
	wire   wire
	closed bool
}

func (l *link) open() (wire, error) {
	l.dialing.Lock()
	defer l.dialing.Unlock()
	if w, err := l.current(); w != nil || err != nil {
		return w, err
	}
	w, err := l.dial()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = w.Close() // nobody has used it
		return nil, errClosed
	}
	l.wire = w
	return w, nil
}

var errClosed = op.Errorf(op.Canceled, "the connection is closed")

// current is the wire that is open, if one is.
func (l *link) current() (wire, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	if l.wire != nil && !l.wire.Alive() {
		_ = l.wire.Close() // it is gone already
		l.wire = nil
	}
	return l.wire, nil
}

func (l *link) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.wire == nil {
		return nil
	}
	err := l.wire.Close()
	l.wire = nil
	return err
}

// call makes a call, or several, and returns when it is done or the context
// ends. libvirt goes on with a call that nobody waits for any more: undo, if not
// nil, takes back what came of it.
func call[T any](ctx context.Context, l *link, f func(w wire) (T, error), undo func(w wire, v T)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	type result struct {
		v   T
		err error
	}
	done := make(chan result)
	go func() {
		var r result
		w, err := l.open()
		if err == nil {
			r.v, err = f(w)
		}
		r.err = err
		select {
		case done <- r:
		case <-ctx.Done():
			if err == nil && undo != nil {
				undo(w, r.v)
			}
		}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return zero, failed(r.err)
		}
		return r.v, nil
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}

// do is call for what answers with success alone.
func do(ctx context.Context, l *link, f func(w wire) error) error {
	_, err := call(ctx, l, func(w wire) (struct{}, error) { return struct{}{}, f(w) }, nil)
	return err
}

// get is call for what only reads.
func get[T any](ctx context.Context, l *link, f func(w wire) (T, error)) (T, error) {
	return call(ctx, l, f, nil)
}

// atOnce is how many calls are under way for one operation. They share the
// connection; libvirtd works on as many of a client's at once (max_client_requests).
const atOnce = 5

// each does f for every item, several at once, and returns what it made in the
// items' order. What is gone by the time it is looked at is left out.
func each[In, Out any](ctx context.Context, items []In, f func(ctx context.Context, item In) (Out, error)) ([]Out, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := make([]Out, len(items))
	gone := make([]bool, len(items))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, item := range items {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			v, err := f(ctx, item)
			switch op.KindOf(err) {
			case "":
				out[i] = v
			case op.NotFound:
				gone[i] = true
			default:
				cancel(err)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	kept := out[:0]
	for i, v := range out {
		if !gone[i] {
			kept = append(kept, v)
		}
	}
	return kept, nil
}
