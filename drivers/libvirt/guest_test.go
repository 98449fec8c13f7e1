package libvirt

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/deploy"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// A guestTest is a connection to a hypervisor with real guests.
type guestTest struct {
	*testing.T
	conn *drivers.Conn
	key  compute.KeyPair
}

const patience = 4 * time.Minute // guests run under software emulation, on busy machines

func newGuestTest(t *testing.T, h lab.Hypervisor) *guestTest {
	g := &guestTest{T: t, conn: opener(h)(t, nil)}
	t.Cleanup(func() { g.conn.Close() })
	g.key = answerOf[compute.KeyPair](g, compute.CreateKeyPair{Name: "ops"})
	return g
}

func answerOf[Out any](g *guestTest, in any) Out {
	g.Helper()
	out, err := drivers.Call[Out](g.Context(), g.conn, in)
	if err != nil {
		g.Fatalf("%T: %v", in, err)
	}
	return out
}

func (g *guestTest) do(in any) {
	g.Helper()
	if err := drivers.Do(g.Context(), g.conn, in); err != nil {
		g.Fatalf("%T: %v", in, err)
	}
}

// reach waits until a node lets us in. Its host key is what it wrote to its console.
func (g *guestTest) reach(id string) *deploy.Session {
	g.Helper()
	var s *deploy.Session
	g.until(id+" to let us in", func(ctx context.Context) (bool, error) {
		n, err := drivers.Call[compute.Node](ctx, g.conn, compute.GetNode{Node: id})
		if err != nil || len(n.PrivateIPs) == 0 {
			return false, err
		}
		c, err := drivers.Call[compute.ConsoleOutput](ctx, g.conn, compute.GetConsoleOutput{Node: id})
		keys := deploy.ConsoleKeys(c.Text)
		if err != nil || len(keys) == 0 {
			return false, err
		}
		s, err = deploy.Connect(ctx, deploy.Target{Host: n.PrivateIPs[0], User: "root", Key: g.key.PrivateKey, HostKeys: deploy.HostKeys{Pinned: keys}})
		if op.KindOf(err) == op.Unavailable || op.KindOf(err) == op.Timeout {
			return false, nil // not yet
		}
		return err == nil, err
	})
	g.Cleanup(func() { s.Close() })
	return s
}

// until waits for a condition. A guest that goes down does not hang up: no
// attempt may take long.
func (g *guestTest) until(what string, check func(ctx context.Context) (bool, error)) {
	g.Helper()
	ctx, cancel := context.WithTimeout(g.Context(), patience)
	defer cancel()
	err := op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		done, err := check(ctx)
		if ctx.Err() != nil {
			return false, nil
		}
		return done, err
	})
	if err != nil {
		g.Fatalf("waiting for %s: %v", what, err)
	}
}

// run runs a command in a guest, and returns what it writes.
func (g *guestTest) run(s *deploy.Session, line string) string {
	g.Helper()
	r, err := s.Run(g.Context(), deploy.Command{Line: line})
	if err != nil || r.Status != 0 {
		g.Fatalf("%s: %+v, %v", line, r, err)
	}
	return strings.TrimSpace(r.Stdout)
}

// eventually waits for a condition in a guest.
func (g *guestTest) eventually(s *deploy.Session, line string) {
	g.Helper()
	g.until(line, func(ctx context.Context) (bool, error) {
		r, err := s.Run(ctx, deploy.Command{Line: line + " && echo yes || echo no"})
		return strings.TrimSpace(r.Stdout) == "yes", err
	})
}

// TestGuest is a node's life, seen from inside as well.
func TestGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("guests boot under software emulation")
	}
	h := lab.Libvirt(t)
	before := files(t, h)
	g := newGuestTest(t, h)
	n := answerOf[compute.Node](g, compute.CreateNode{Name: "web-1", Size: "tiny", Image: h.Image, KeyPair: "ops",
		UserData: "#cloud-config\nruncmd:\n  - echo made by user data >/srv/made\n"})
	data := answerOf[compute.Volume](g, compute.CreateVolume{Name: "data", Size: 1})
	s := g.reach(n.ID)
	g.run(s, "cloud-init status --wait")
	if got := g.run(s, "hostname; cat /srv/made"); got != "web-1\nmade by user data" {
		t.Errorf("the guest says %q", got)
	}

	// The volume is found by its serial number. What is on it is in the snapshot,
	// and what comes later is not.
	g.do(compute.AttachVolume{Volume: data.ID, Node: n.ID})
	data = answerOf[compute.Volume](g, compute.GetVolume{Volume: data.ID})
	device := func(v compute.Volume) string {
		return "$(grep -l " + v.Extra["serial"].(string) + " /sys/block/*/serial | cut -d/ -f4)"
	}
	g.eventually(s, "grep -q "+data.Extra["serial"].(string)+" /sys/block/*/serial")
	g.run(s, "echo first | dd of=/dev/"+device(data)+" conv=sync,fsync")
	snap := answerOf[compute.VolumeSnapshot](g, compute.CreateVolumeSnapshot{Volume: data.ID, Name: "monday"})
	g.run(s, "echo later | dd of=/dev/"+device(data)+" conv=sync,fsync")
	g.do(compute.ResizeVolume{Volume: data.ID, Size: 2})
	g.eventually(s, "[ $(cat /sys/block/"+device(data)+"/size) = 4194304 ]")
	restored := answerOf[compute.Volume](g, compute.CreateVolume{Name: "restored", Snapshot: snap.ID})
	g.do(compute.AttachVolume{Volume: restored.ID, Node: n.ID})
	restored = answerOf[compute.Volume](g, compute.GetVolume{Volume: restored.ID})
	g.eventually(s, "grep -q "+restored.Extra["serial"].(string)+" /sys/block/*/serial")
	if got := g.run(s, "head -n 1 /dev/"+device(restored)+"; head -n 1 /dev/"+device(data)); got != "first\nlater" {
		t.Errorf("the snapshot and the volume hold %q", got)
	}
	for _, v := range []compute.Volume{data, restored} {
		g.do(compute.DetachVolume{Volume: v.ID})
		g.do(compute.DestroyVolume{Volume: v.ID})
	}
	g.do(compute.DestroyVolumeSnapshot{Snapshot: snap.ID})

	// An image of the running node has what was on its disk.
	g.run(s, "echo kept >/disk/kept; sync")
	golden := answerOf[compute.Image](g, compute.CreateImage{Node: n.ID, Name: "golden"})

	boot := g.run(s, "cat /proc/sys/kernel/random/boot_id")
	g.do(compute.RebootNode{Node: n.ID})
	s.Close()
	g.until("the reboot", func(ctx context.Context) (bool, error) {
		s := g.reach(n.ID)
		defer s.Close()
		r, err := s.Run(ctx, deploy.Command{Line: "cat /proc/sys/kernel/random/boot_id"})
		return err == nil && strings.TrimSpace(r.Stdout) != boot, nil // it may go down meanwhile
	})
	if picture := answerOf[native.Answer](g, native.Call{Operation: "virDomainScreenshot", Arguments: map[string]any{"domain": n.ID}}); len(picture.Value.(string)) < 1000 {
		t.Errorf("a picture of the screen: %v", picture.Value)
	}
	g.do(compute.DestroyNode{Node: n.ID})

	// A deleted image lasts as long as the node that is based on it.
	n = answerOf[compute.Node](g, compute.CreateNode{Name: "web-2", Size: "tiny", Image: golden.ID, KeyPair: "ops"})
	g.do(compute.DeleteImage{Image: golden.ID})
	if _, err := drivers.Call[compute.Image](t.Context(), g.conn, compute.GetImage{Image: golden.ID}); op.KindOf(err) != op.NotFound {
		t.Errorf("a deleted image: %v", err)
	}
	if got := g.run(g.reach(n.ID), "cat /disk/kept; hostname"); got != "kept\nweb-2" {
		t.Errorf("the node of the image says %q", got)
	}
	g.do(compute.DestroyNode{Node: n.ID})
	g.do(compute.DeleteKeyPair{KeyPair: "ops"})
	if after := files(t, h); !slices.Equal(before, after) {
		t.Errorf("the pool held %q, and holds %q", before, after)
	}
}

// TestKernel is a node that boots a kernel and an initrd.
func TestKernel(t *testing.T) {
	if testing.Short() {
		t.Skip("guests boot under software emulation")
	}
	h := lab.Libvirt(t)
	g := newGuestTest(t, h)
	n := answerOf[compute.Node](g, compute.CreateNode{Name: "direct", Size: "tiny", Image: "guest", KeyPair: "ops", RootDisk: 1,
		Extra: map[string]any{"cmdline": "console=ttyS0 quiet word=said", "filter": "no-mac-spoofing"}})
	if n.Image != h.Kernel {
		t.Errorf("the node's image is %s, want %s", n.Image, h.Kernel)
	}
	if err := drivers.Do(t.Context(), g.conn, compute.DeleteImage{Image: h.Kernel}); op.KindOf(err) != op.Conflict {
		t.Errorf("deleting the kernel of a node: %v", err)
	}
	s := g.reach(n.ID)
	if got := g.run(s, "grep -o word=said /proc/cmdline; grep -o ' /disk [a-z0-9]*' /proc/mounts"); got != "word=said\n /disk ext4" {
		t.Errorf("the guest says %q", got)
	}
}

// files lists the pool's folder.
func files(t *testing.T, h lab.Hypervisor) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(h.Image))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
