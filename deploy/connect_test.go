package deploy

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// A wire is between a client and a server, and breaks when it is told to.
type wire struct {
	port     int
	accepted atomic.Int64
	refuse   atomic.Bool  // hang up at once
	left     atomic.Int64 // bytes of the client until it breaks; negative is for ever
	stalled  atomic.Bool  // take what the client says, and pass nothing on
	onAccept atomic.Pointer[func(n int64)]
}

func newWire(t *testing.T, server lab.SSH) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{port: l.Addr().(*net.TCPAddr).Port}
	w.left.Store(-1)
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			n := w.accepted.Add(1)
			if f := w.onAccept.Load(); f != nil {
				(*f)(n)
			}
			if w.refuse.Load() {
				client.Close()
				continue
			}
			far, err := net.Dial("tcp", net.JoinHostPort(server.Host, strconv.Itoa(server.Port)))
			if err != nil {
				client.Close()
				continue
			}
			all.Go(func() { _, _ = io.Copy(client, far); client.Close() })
			all.Go(func() {
				defer far.Close()
				defer client.Close()
				b := make([]byte, 4096)
				for {
					n, err := client.Read(b)
					if err != nil {
						return
					}
					if w.left.Load() >= 0 && w.left.Add(int64(-n)) < 0 {
						w.left.Store(0)
						return
					}
					if w.stalled.Load() {
						continue
					}
					if _, err := far.Write(b[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	return w
}

func fingerprint(t *testing.T, line string) string {
	t.Helper()
	key, err := sshkey.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	return key.Fingerprint
}

// TestPinned: any of the server's keys will do, in any form; another will not, and
// is shown beside what was wanted.
func TestPinned(t *testing.T) {
	server, target := machine(t)
	_, other, err := sshkey.New("other")
	if err != nil {
		t.Fatal(err)
	}
	for name, pinned := range map[string][]string{
		"ed25519":             {server.HostKeys[0]},
		"rsa":                 {server.HostKeys[1]},
		"fingerprint":         {fingerprint(t, server.HostKeys[0])},
		"fingerprint of rsa":  {fingerprint(t, server.HostKeys[1])},
		"line of known_hosts": {"example.com " + server.HostKeys[1]},
		"one of several":      {other.Fingerprint, fingerprint(t, server.HostKeys[1])},
	} {
		t.Run(name, func(t *testing.T) {
			target.HostKeys = HostKeys{Pinned: pinned}
			connect(t, target)
		})
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(curve.Public())
	if err != nil {
		t.Fatal(err)
	}
	unlike := string(ssh.MarshalAuthorizedKey(public))
	for name, pinned := range map[string][]string{
		"another key": {other.Line}, "another fingerprint": {other.Fingerprint}, "a kind that it has not": {unlike},
	} {
		t.Run(name, func(t *testing.T) {
			target.HostKeys, target.Wait = HostKeys{Pinned: pinned}, time.Hour // it does not get better by waiting
			_, err := Connect(t.Context(), target)
			if e := op.AsError(err); op.KindOf(err) != op.PermissionDenied || e.Code != "host_key" {
				t.Fatalf("the error is %v", err)
			}
			if pinned[0] != unlike && (!strings.Contains(err.Error(), other.Fingerprint) || !strings.Contains(err.Error(), fingerprint(t, server.HostKeys[0])) &&
				!strings.Contains(err.Error(), fingerprint(t, server.HostKeys[1]))) {
				t.Errorf("both keys are to be told: %v", err)
			}
		})
	}
	for name, keys := range map[string]HostKeys{"none": {}, "nonsense": {Pinned: []string{"nonsense"}}} {
		target.HostKeys = keys
		if _, err := Connect(t.Context(), target); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRecorded: the first key is written down, by the address or the machine's
// own name, and no other is taken after that.
func TestRecorded(t *testing.T) {
	server, target := machine(t)
	file := filepath.Join(t.TempDir(), "deep", "known_hosts")
	target.HostKeys = HostKeys{File: file}
	connect(t, target)
	connect(t, target)
	target.HostKeys.Alias = "prod/i-1"
	connect(t, target)
	data, err := os.ReadFile(file)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if err != nil || len(lines) != 2 || !strings.HasPrefix(lines[0], "["+server.Host+"]:") || !strings.HasPrefix(lines[1], "prod/i-1 ssh-") {
		t.Fatalf("written down is %q, %v", data, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	_, other, err := sshkey.New("other")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("# mine\nprod/i-1 "+other.Line), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Connect(t.Context(), target)
	if op.KindOf(err) != op.PermissionDenied || !strings.Contains(err.Error(), other.Fingerprint) || !strings.Contains(err.Error(), file) {
		t.Errorf("a machine that has changed: %v", err)
	}
	revoked := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(revoked, []byte("@revoked * "+server.HostKeys[0]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stolen := target
	stolen.HostKeys = HostKeys{File: revoked, Alias: "prod/i-3"}
	if _, err = Connect(t.Context(), stolen); op.KindOf(err) != op.PermissionDenied || !strings.Contains(err.Error(), "revokes") {
		t.Errorf("a machine with a key that is revoked: %v", err)
	}
	target.HostKeys.Alias = "prod/i-2" // the file's last line has no end
	connect(t, target)
	if data, err = os.ReadFile(file); err != nil || !strings.Contains(string(data), "\nprod/i-2 ssh-") {
		t.Errorf("written down is %q, %v", data, err)
	}
}

// TestWait: a machine that starts refuses, hangs up, and does not know our key yet.
func TestWait(t *testing.T) {
	server, target := machine(t)
	key, err := os.ReadFile(server.Keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(server.Keys, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWire(t, server)
	w.refuse.Store(true)
	letIn := func(n int64) {
		switch n {
		case 3:
			w.refuse.Store(false)
		case 5:
			_ = os.WriteFile(server.Keys, key, 0o600)
		}
	}
	w.onAccept.Store(&letIn)
	target.Port = w.port
	if _, err := Connect(t.Context(), target); op.KindOf(err) != op.Unavailable {
		t.Errorf("without waiting: %v", err)
	}
	target.Wait = time.Minute
	connect(t, target)
	if n := w.accepted.Load(); n != 5 {
		t.Errorf("it took %d connections", n)
	}

	if err := os.WriteFile(server.Keys, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	target.Wait = firstPause * 2
	if _, err := Connect(t.Context(), target); op.KindOf(err) != op.Unauthenticated || !strings.Contains(err.Error(), "tried for") {
		t.Errorf("never let in: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	giveUp := func(int64) { cancel() }
	w.onAccept.Store(&giveUp)
	target.Wait = time.Hour
	if _, err := Connect(ctx, target); op.KindOf(err) != op.Canceled {
		t.Errorf("given up: %v", err)
	}
}

// TestCutOff: a connection that breaks in the middle of an upload leaves nothing
// under the final name, and the next attempt leaves nothing else.
func TestCutOff(t *testing.T) {
	server, target := machine(t)
	w := newWire(t, server)
	target.Port = w.port
	data := make([]byte, 4<<20)
	rand.Read(data)
	file := File{Path: filepath.Join(server.Dir, "big"), Content: data}
	if err := os.WriteFile(file.Path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := connect(t, target)
	w.left.Store(1 << 20)
	if _, err := s.Deploy(t.Context(), file); op.KindOf(err) != op.Unavailable || !strings.Contains(err.Error(), "file "+file.Path) {
		t.Errorf("cut off: %v", err)
	}
	if old, err := os.ReadFile(file.Path); err != nil || string(old) != "old" {
		t.Errorf("under the final name are %d bytes, %v", len(old), err)
	}
	w.left.Store(-1)
	if _, err := connect(t, target).Deploy(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file.Path); err != nil || string(got) != string(data) {
		t.Errorf("in the end there are %d bytes, %v", len(got), err)
	}
	if left, _ := filepath.Glob(filepath.Join(server.Dir, ".*"+part)); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestStalled: a machine that says nothing more holds nobody, whatever it was
// asked for.
func TestStalled(t *testing.T) {
	server, target := machine(t)
	w := newWire(t, server)
	target.Port = w.port
	name := filepath.Join(server.Dir, "x")
	for what, ask := range map[string]func(context.Context, *Session) error{
		"a command": func(ctx context.Context, s *Session) error { _, err := s.Run(ctx, Command{Line: "true"}); return err },
		"a file": func(ctx context.Context, s *Session) error {
			return s.put(ctx, File{Path: name, Content: []byte("x")}, "")
		},
		"a file's content": func(ctx context.Context, s *Session) error { _, err := s.Download(ctx, name, io.Discard); return err },
	} {
		t.Run(what, func(t *testing.T) {
			w.stalled.Store(false)
			s := connect(t, target)
			s.courtesy = 20 * time.Millisecond
			w.stalled.Store(true)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := ask(ctx, s); op.KindOf(err) != op.Canceled {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// TestKeys: what is no key is told before anything is dialled.
func TestKeys(t *testing.T) {
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(privateKey(t), "x", []byte("sesame"))
	if err != nil {
		t.Fatal(err)
	}
	_, target := machine(t)
	for _, c := range []struct {
		key, passphrase op.Secret
		says            string
	}{
		{"", "", "give a key, an agent or a password"},
		{"nonsense", "", "no private key in PEM"},
		{op.Secret(pemOf(locked)), "", "has a passphrase"},
		{op.Secret(pemOf(locked)), "wrong", "with this passphrase"},
	} {
		target.Key, target.Passphrase = c.key, c.passphrase
		_, err := Connect(t.Context(), target)
		if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%v", err)
		}
	}
	target.Agent = filepath.Join(t.TempDir(), "none")
	if _, err := Connect(t.Context(), target); op.KindOf(err) != op.Unauthenticated {
		t.Errorf("no agent: %v", err)
	}
}

// TestConsoleKeys reads what cloud-init writes.
func TestConsoleKeys(t *testing.T) {
	const first, second = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"
	console := "boot\r\n-----BEGIN SSH HOST KEY KEYS-----\r\n" + first + " root@a\r\n-----END SSH HOST KEY KEYS-----\r\n" +
		"reboot\n<14>cloud-init: -----BEGIN SSH HOST KEY KEYS-----\n<14>cloud-init: " + second + " root@b\nssh-rsa broken\n<14>cloud-init: -----END SSH HOST KEY KEYS-----\nlogin: "
	if keys := ConsoleKeys(console); len(keys) != 1 || keys[0] != second+" root@b" {
		t.Errorf("the keys are %q", keys)
	}
	for _, none := range []string{"", "boot\n", "-----BEGIN SSH HOST KEY KEYS-----\n" + first + "\n"} {
		if keys := ConsoleKeys(none); len(keys) != 0 {
			t.Errorf("%q has the keys %q", none, keys)
		}
	}
}

func privateKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pemOf(b *pem.Block) string { return string(pem.EncodeToMemory(b)) }
