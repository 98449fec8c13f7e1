package lab

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An LXDServer is an LXD server with a network of its own, and an image server
// that it downloads from.
type LXDServer struct {
	Endpoint string // unix:///…/unix.socket

	// TLSEndpoint is the same server for clients whose certificate it trusts: none,
	// as it starts. ServerCert is the file of its own certificate.
	TLSEndpoint, ServerCert string

	// Address is the server's as the test sees it: a port that a proxy device
	// listens on is reachable there. Gateway is the test's as the server sees it.
	Address, Gateway string

	// Images is the address of an image server with simplestreams, and Image the
	// alias of its one image: busybox, with a shell and httpd.
	Images, Image string
	Fingerprint   string // the image's
}

// LXD starts an LXD server (5.0) in namespaces of its own: its processes, mounts
// and network end with the test, however that ends. It wants root. Its profile
// gives containers a root disk and a network device without an address.
func LXD(t testing.TB) LXDServer {
	t.Helper()
	if os.Geteuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("lxd wants root")
	}
	p := lxd.start(t)
	n := netOf(p)
	s := LXDServer{Endpoint: "unix://" + filepath.Join(p.dir, "lxd", "unix.socket"), TLSEndpoint: "https://" + net.JoinHostPort(n.there, "8443"),
		ServerCert: filepath.Join(p.dir, "lxd", "server.crt"), Address: n.there, Gateway: n.here, Image: "busybox/1"}
	image := LXDImage(t)
	s.Images, s.Fingerprint = simplestreams(t, n.here, s.Image, image)

	init := exec.Command("lxd", "init", "--preseed")
	init.Env = append(os.Environ(), "LXD_DIR="+filepath.Join(p.dir, "lxd"))
	init.Stdin = strings.NewReader(fmt.Sprintf(`
config: {core.https_address: "%s:8443", images.auto_update_interval: "0"}
storage_pools: [{name: default, driver: dir}]
profiles: [{name: default, devices: {root: {type: disk, path: /, pool: default}, eth0: {type: nic, nictype: p2p}}}]
`, n.there))
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", init, err, out)
	}
	return s
}

// LXDImage is an image of Debian's busybox-static in LXD's own form.
func LXDImage(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	archive(t, w, tar.Header{Typeflag: tar.TypeReg, Name: "metadata.yaml", Mode: 0o644},
		[]byte("architecture: x86_64\ncreation_date: 1767323045\nproperties: {description: busybox, os: busybox}\n"))
	for _, dir := range []string{"", "dev/", "proc/", "sys/", "sbin/", "root/"} {
		archive(t, w, tar.Header{Typeflag: tar.TypeDir, Name: "rootfs/" + dir, Mode: 0o755}, nil)
	}
	busyboxFiles(t, w, "rootfs/")
	archive(t, w, tar.Header{Typeflag: tar.TypeSymlink, Name: "rootfs/sbin/init", Linkname: "../bin/busybox", Mode: 0o777}, nil)
	archive(t, w, tar.Header{Typeflag: tar.TypeReg, Name: "rootfs/etc/inittab", Mode: 0o644}, []byte("::sysinit:/bin/true\n"))
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// simplestreams serves one image as image servers do: an index, a catalogue, the
// file. It returns the server's address and the image's fingerprint.
func simplestreams(t testing.TB, host, alias string, image []byte) (address, fingerprint string) {
	t.Helper()
	sum := sha256.Sum256(image)
	fingerprint = hex.EncodeToString(sum[:])
	type dict = map[string]any
	const product = "busybox:1:amd64:default"
	files := map[string]any{
		"/streams/v1/index.json": dict{"format": "index:1.0", "index": dict{"images": dict{"datatype": "image-downloads", "format": "products:1.0",
			"path": "streams/v1/images.json", "products": []string{product}}}},
		"/streams/v1/images.json": dict{"content_id": "images", "datatype": "image-downloads", "format": "products:1.0", "products": dict{product: dict{
			"aliases": alias, "arch": "amd64", "os": "Busybox", "release": "1", "release_title": "1", "variant": "default",
			"versions": dict{"20260102_0304": dict{"items": dict{"lxd_combined.tar.gz": dict{"ftype": "lxd_combined.tar.gz", "path": "images/busybox.tar.gz",
				"sha256": fingerprint, "size": len(image)}}}}}}},
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch file, ok := files[r.URL.Path]; {
		case ok:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(file) // or it has hung up
		case r.URL.Path == "/images/busybox.tar.gz":
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(image))
		default:
			http.NotFound(w, r)
		}
	})}}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, fingerprint
}

// lxdScript makes the server's network, a pair of devices, and its control group,
// below which are those of its containers. The first process of the namespaces
// ends with its parent, and everything else in them with it. The network wants a
// /sys that shows it, and a container's root, who is nobody here, a way to its files.
const lxdScript = `
exec 3</proc/self/ns/net
exec unshare --mount --net --pid --fork --kill-child=KILL --mount-proc sh -c '
set -e
dir=$1 link=$2 here=$3 there=$4
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
	for parent in /sys/fs/cgroup/*/; do
		[ -e "$parent/cgroup.procs" ] || continue
		mkdir "$parent/$link"
		for file in cpuset.cpus cpuset.mems; do
			[ ! -e "$parent/$file" ] || cat "$parent/$file" >"$parent/$link/$file"
		done
		echo 0 >"$parent/$link/cgroup.procs"
	done
fi
chmod go+x "$dir" "$dir/.."
mkdir "$dir/lxd" "$dir/cgroup"
mount --rbind /sys/fs/cgroup "$dir/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$dir/cgroup" /sys/fs/cgroup
umount -l "$dir/cgroup"
mount -t tmpfs tmpfs /run
ip link set lo up
ip link add eth0 type veth peer name "$link"
ip link set "$link" netns /proc/self/fd/3 || { echo address already in use; exit 1; }
nsenter --net=/proc/self/fd/3 ip addr add "$here/30" dev "$link"
nsenter --net=/proc/self/fd/3 ip link set "$link" up
ip addr add "$there/30" dev eth0
ip link set eth0 up
exec 3<&-
LXD_DIR=$dir/lxd lxd --group root &
wait $!' sh "$@"
`

var lxd = &server{
	name:    "lxd",
	version: "debian",

	// It comes with the system's packages, and is found where those put it.
	install: func(home string) error {
		if lacks("lxd", "busybox", "ip", "nsenter", "unshare") {
			if err := apt(home, "", "lxd", "busybox-static", "iproute2", "util-linux"); err != nil {
				return err
			}
		}
		return os.WriteFile(filepath.Join(home, "where"), []byte("the system's packages\n"), 0o644)
	},

	command: func(_ string, p *process) *exec.Cmd {
		n := netOf(p)
		return exec.Command("sh", "-c", lxdScript, "sh", p.dir, n.link, n.here, n.there)
	},

	ready: func(p *process) error {
		return answers(filepath.Join(p.dir, "lxd", "unix.socket"), "/internal/ready")
	},

	gone: goneWithGroups,
}
