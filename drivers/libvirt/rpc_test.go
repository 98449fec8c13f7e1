//go:build !(libvirt_dlopen && cgo)

package libvirt

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// TestSSH is a hypervisor behind SSH: who is let in, and whom we trust.
func TestSSH(t *testing.T) {
	h, machine := lab.Libvirt(t), lab.SSHD(t)
	dir := t.TempDir()
	private, public, err := sshkey.New("test")
	if err != nil {
		t.Fatal(err)
	}
	stranger, _, err := sshkey.New("stranger")
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("[%s]:%d", machine.Host, machine.Port)
	for name, text := range map[string]string{
		"key": private.Reveal(), "stranger": stranger.Reveal(), "nonsense": "nonsense",
		"known": knownhosts.Normalize(addr) + " " + machine.HostKeys[0] + "\n",
		"other": knownhosts.Normalize(addr) + " " + public.Line + "\n", "empty": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(machine.Keys, []byte(public.Line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key, hosts, socket string
		want               op.Kind
		code               string
	}{
		{"key", "known", h.Socket, "", ""},
		{"stranger", "known", h.Socket, op.Unauthenticated, ""},
		{"nonsense", "known", h.Socket, op.InvalidArgument, ""},
		{"missing", "known", h.Socket, op.InvalidArgument, ""},
		{"key", "empty", h.Socket, op.PermissionDenied, "host_key"},
		{"key", "other", h.Socket, op.PermissionDenied, "host_key"},
		{"key", "missing", h.Socket, op.PermissionDenied, ""},
		{"key", "known", "/nonexistent", op.Unavailable, ""},
	} {
		endpoint := fmt.Sprintf("qemu+ssh://%s@%s:%d/system?socket=%s&keyfile=%s&known_hosts=%s",
			machine.User, machine.Host, machine.Port, c.socket, filepath.Join(dir, c.key), filepath.Join(dir, c.hosts))
		conn := connect(t, endpoint)
		_, err := listNodes(t.Context(), conn)
		if op.KindOf(err) != c.want || c.code != "" && op.AsError(err).Code != c.code {
			t.Errorf("with %s, trusting %s, to %s: %v", c.key, c.hosts, c.socket, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestUnknownTransport(t *testing.T) {
	if _, err := listNodes(t.Context(), connect(t, "qemu+carrier-pigeon://host/system")); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("got %v", err)
	}
}

// A connection that was lost is made again.
func TestReconnect(t *testing.T) {
	h := lab.Libvirt(t)
	d, err := open(t.Context(), config{Endpoint: h.URI, Pool: h.Pool})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.hostname(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := d.link.wire.(rpc)
	w.conn.Close()
	<-w.Disconnected()
	if _, err := get(t.Context(), d.link, wire.ConnectGetLibVersion); err != nil {
		t.Errorf("after the connection was lost: %v", err)
	}
}
