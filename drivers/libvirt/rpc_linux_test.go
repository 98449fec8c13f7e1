//go:build !(libvirt_dlopen && cgo)

package libvirt

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/cloudlark/cloudlark/testdata/lab"
)

// libvirtd keeps nothing open of what was read, and a connection outlives many
// streams at once.
func TestStreamsEnd(t *testing.T) {
	h := lab.Libvirt(t)
	d, err := open(t.Context(), config{Endpoint: h.URI, Pool: h.Pool, GuestTimeout: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	key, err := d.put(t.Context(), h.Pool, "file", []byte("what is in it"), false)
	if err != nil {
		t.Fatal(err)
	}
	read := make([]int, 400)
	before := opened(t, h)
	if _, err := each(t.Context(), read, func(ctx context.Context, _ int) (bool, error) {
		data, err := d.content(ctx, key)
		if err == nil && string(data) != "what is in it" {
			err = fmt.Errorf("read %q", data)
		}
		return true, err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.hostname(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := opened(t, h); after > before+50 {
		t.Errorf("libvirtd had %d files open, and after %d downloads %d", before, len(read), after)
	}
}

// opened counts the files that the hypervisor's libvirtd has open.
func opened(t *testing.T, h lab.Hypervisor) int {
	t.Helper()
	conn, err := net.Dial("unix", h.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var peer *syscall.Ucred
	if failed := raw.Control(func(fd uintptr) {
		peer, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", peer.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
