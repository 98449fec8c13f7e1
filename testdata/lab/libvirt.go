package lab

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A Hypervisor is a libvirtd with QEMU in namespaces of its own. Its guests run
// under software emulation, so type "qemu" is what works everywhere.
type Hypervisor struct {
	URI     string // of libvirt: qemu+unix:///system?socket=…
	Socket  string
	Pool    string // a pool of files; it holds the images
	Network string // a network with DHCP, whose addresses the test can dial

	// Image is the key of a volume of the pool that boots by itself, in seconds and with 128
	// MiB. It takes from a NoCloud seed the host name, the public keys, which let
	// root in over SSH with SFTP, and user data; it has busybox, httpd included.
	Image string

	// Kernel is the key of another volume, guest.vmlinuz: with guest.initrd beside
	// it, it is the same system without a disk.
	Kernel string

	Log string // the file that libvirtd logs to
}

// Libvirt starts libvirtd. It wants root, and leaves nothing behind: guests,
// networks and devices are in namespaces that end with the test, however it ends.
func Libvirt(t testing.TB) Hypervisor {
	t.Helper()
	if os.Geteuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("libvirtd wants root")
	}
	p := libvirtd.start(t)
	socket := filepath.Join(p.dir, "run", "libvirt-sock")
	return Hypervisor{URI: "qemu+unix:///system?socket=" + socket, Socket: socket, Pool: "default", Network: "default",
		Image: filepath.Join(p.dir, "pool", "guest.qcow2"), Kernel: filepath.Join(p.dir, "pool", "guest.vmlinuz"), Log: p.logFile()}
}

//go:embed libvirt_guest.sh
var libvirtGuest string

// libvirtScript starts libvirtd with an /etc, /run and /var/lib of its own. A pair
// of devices leads from the test's network to the hypervisor's, and the networks
// of guests are routed through it.
const libvirtScript = `
exec 3</proc/self/ns/net
exec unshare --mount --net --pid --fork --kill-child=KILL sh -c '
set -e
dir=$1 home=$2 link=$3 here=$4 there=$5 guests=$6
outside() { nsenter --net=/proc/self/fd/3 "$@"; }
ip link set lo up
ip link add outer type veth peer name "$link"
ip link set "$link" netns /proc/self/fd/3
outside ip addr add "$here/30" dev "$link"
outside ip link set "$link" up
ip addr add "$there/30" dev outer
ip link set outer up
ip route add default via "$here"
outside ip route add "$guests/28" via "$there"
exec 3<&-
mount --make-rprivate /
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for d in /var/lib/libvirt /var/cache/libvirt /run; do mkdir -p $d; mount -t tmpfs tmpfs $d; done
mkdir -p /run/libvirt /var/lib/libvirt/qemu /var/lib/libvirt/dnsmasq
mount --bind "$dir/run" /run/libvirt
mkdir -p /etc/libvirt
mount --bind "$dir/etc" /etc/libvirt
/usr/sbin/virtlogd -d
/usr/sbin/libvirtd &
wait $! # as the first process, it has to see to the end of guests that libvirtd has left to themselves' sh "$@"
`

var libvirtd = &server{
	name:    "libvirt",
	version: "debian-2",

	// The programs come with the system's packages; home has the guest.
	install: func(home string) error {
		for program, packages := range map[string][]string{
			"/usr/sbin/libvirtd": {"libvirt-daemon-system", "libvirt-clients", "libvirt-daemon-driver-qemu", "libvirt0", "qemu-system-x86", "qemu-utils", "dnsmasq-base", "iptables", "ebtables"},
			"ip":                 {"iproute2"},
			"unshare":            {"util-linux"},
			"cpio":               {"cpio"},
		} {
			if err := apt(home, program, packages...); err != nil {
				return err
			}
		}
		return run(home, nil, "sh", "-c", libvirtGuest)
	},

	command: func(home string, p *process) *exec.Cmd {
		// The port stands for addresses, so it is held for as long as they are used.
		port, err := net.Listen("tcp", p.addr)
		if err != nil {
			return exec.Command("sh", "-c", `echo "address already in use"; exit 1`)
		}
		defer port.Close()
		n := libvirtNet(p)
		if err := libvirtFiles(home, p.dir, n); err != nil {
			return exec.Command("sh", "-c", `echo "$1"; exit 1`, "sh", err.Error())
		}
		cmd := exec.Command("sh", "-c", libvirtScript, "sh", p.dir, home, n.link, n.here, n.there, n.guests)
		if held, err := port.(*net.TCPListener).File(); err == nil {
			cmd.ExtraFiles = []*os.File{nil, held}
		}
		return cmd
	},

	ready: func(p *process) error {
		uri := "qemu+unix:///system?socket=" + filepath.Join(p.dir, "run", "libvirt-sock")
		out, err := exec.Command("virsh", "-c", uri, "net-info default; pool-info default").CombinedOutput()
		switch {
		case err != nil:
			return fmt.Errorf("%w: %s", err, out)
		case strings.Count(string(out), "Active:         yes")+strings.Count(string(out), "State:          running") != 2:
			return fmt.Errorf("not started: %s", out)
		}
		return nil
	},

	// The device goes when the last process in the namespace has.
	gone: func(p *process) error {
		n := libvirtNet(p)
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if _, err := net.InterfaceByName(n.link); err != nil {
				return nil
			}
			if time.Now().After(end) {
				return fmt.Errorf("processes in the network of %s do not end", n.link)
			}
		}
	},
}

// libvirtNetwork is the addresses that a free port stands for: no other process
// found the same one free.
type libvirtNetwork struct {
	link, here, there string
	guests            string // a network of 16
}

func libvirtNet(p *process) libvirtNetwork {
	_, text, _ := net.SplitHostPort(p.addr)
	port, _ := strconv.Atoi(text)
	at := func(n int) string {
		return netip.AddrFrom4([4]byte{10, 224 | byte(port>>11), byte(port >> 3), byte(port<<5) + byte(n)}).String()
	}
	return libvirtNetwork{"virt" + text, at(17), at(18), at(0)}
}

// libvirtFiles writes what libvirtd finds when it starts: its configuration, a
// pool with the images, a network.
func libvirtFiles(home, dir string, n libvirtNetwork) error {
	first := netip.MustParseAddr(n.guests)
	last := first.As4()
	last[3] += 14
	etc, pool := filepath.Join(dir, "etc"), filepath.Join(dir, "pool")
	errs := []error{os.Mkdir(filepath.Join(dir, "run"), 0o755), os.Mkdir(pool, 0o711),
		os.MkdirAll(filepath.Join(etc, "qemu", "networks", "autostart"), 0o755), os.MkdirAll(filepath.Join(etc, "storage", "autostart"), 0o755)}
	if filters, err := filepath.Glob("/etc/libvirt/nwfilter/*.xml"); err == nil && len(filters) > 0 {
		errs = append(errs, os.CopyFS(filepath.Join(etc, "nwfilter"), os.DirFS("/etc/libvirt/nwfilter")))
	}
	for name, text := range map[string]string{
		"libvirtd.conf": "auth_unix_rw = \"none\"\nmax_client_requests = 20\n",
		"qemu.conf":     "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\ncgroup_controllers = [ ]\nnamespaces = [ ]\n",
		"qemu/networks/default.xml": fmt.Sprintf(`<network><name>default</name><forward mode='open'/><bridge name='virbr0' stp='off' delay='0'/>
			<ip address='%s' prefix='28'><dhcp><range start='%s' end='%s'/></dhcp></ip></network>`, first.Next(), first.Next().Next(), netip.AddrFrom4(last)),
		"storage/default.xml": fmt.Sprintf(`<pool type='dir'><name>default</name><target><path>%s</path></target></pool>`, pool),
	} {
		errs = append(errs, os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644))
	}
	errs = append(errs, os.Symlink("../default.xml", filepath.Join(etc, "qemu/networks/autostart/default.xml")),
		os.Symlink("../default.xml", filepath.Join(etc, "storage/autostart/default.xml")))
	for _, name := range []string{"guest.qcow2", "guest.vmlinuz", "guest.initrd"} {
		data, err := os.ReadFile(filepath.Join(home, name))
		errs = append(errs, err, os.WriteFile(filepath.Join(pool, name), data, 0o644))
	}
	return errors.Join(errs...)
}

// NeedLibvirt is for tests that start no libvirtd, but load its library.
func NeedLibvirt(t testing.TB) {
	t.Helper()
	libvirtd.need(t)
}
