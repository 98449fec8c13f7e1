package lab

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// A DockerHost is a Docker daemon with a network of its own, and a registry
// that both it and the test reach.
type DockerHost struct {
	Endpoint string // unix:///…/docker.sock

	// Address is the daemon's as the test sees it: a port that a container
	// publishes is reachable there. Gateway is the test's as the daemon and its
	// containers see it: they reach what listens there, and pull without TLS from
	// a registry there.
	Address, Gateway string

	// TLSEndpoint is the same daemon for clients with a certificate: that in
	// CertPath, which holds ca.pem, cert.pem and key.pem.
	TLSEndpoint, CertPath string

	Registry string // host:port of a registry without authentication
	Image    string // an image there: busybox, with a shell and httpd
}

// Docker starts Docker's daemon (20.10, API 1.41) in namespaces of its own:
// its processes, mounts and network end with the test, however that ends. It
// wants root. There is no other registry than the one it comes with, and names
// outside of the daemon's containers do not resolve.
func Docker(t testing.TB) DockerHost {
	t.Helper()
	if os.Geteuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("dockerd wants root")
	}
	p := dockerd.start(t)
	n := netOf(p)
	d := DockerHost{Endpoint: "unix://" + filepath.Join(p.dir, "docker.sock"), Address: n.there, Gateway: n.here,
		TLSEndpoint: "tcp://" + net.JoinHostPort(n.there, "2376"), CertPath: filepath.Join(p.dir, "client")}
	d.Registry = Registry(t, n.here, nil)
	d.Image = d.Registry + "/lab/busybox:1"
	Push(t, d.Image, Busybox(t))
	return d
}

// Registry starts a registry in memory at an address of this machine, and
// returns its host:port. wrap, if not nil, stands in front of it.
func Registry(t testing.TB, host string, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	h := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	if wrap != nil {
		h = wrap(h)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	s.Start()
	t.Cleanup(s.Close)
	return l.Addr().String()
}

// Push puts an image into a registry under a name.
func Push(t testing.TB, image string, i v1.Image, options ...remote.Option) {
	t.Helper()
	ref, err := name.ParseReference(image, name.Insecure)
	if err == nil {
		err = remote.Write(ref, i, options...)
	}
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	remote.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// Busybox is an image of Debian's busybox-static, with the names of all its
// commands. It runs a shell.
func Busybox(t testing.TB) v1.Image {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	busyboxFiles(t, w, "")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	i, err := mutate.AppendLayers(empty.Image, layer)
	if err == nil {
		i, err = mutate.ConfigFile(i, &v1.ConfigFile{Architecture: "amd64", OS: "linux", RootFS: must(i.ConfigFile()).RootFS,
			Created: v1.Time{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
			Config:  v1.Config{Env: []string{"PATH=/bin"}, Cmd: []string{"sh"}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// busyboxFiles writes busybox's file system below a folder of an archive.
func busyboxFiles(t testing.TB, w *tar.Writer, root string) {
	t.Helper()
	file, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	names, err := exec.Command(file, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dir, mode := range map[string]int64{"bin/": 0o755, "etc/": 0o755, "tmp/": 0o1777, "srv/": 0o755} {
		archive(t, w, tar.Header{Typeflag: tar.TypeDir, Name: root + dir, Mode: mode}, nil)
	}
	archive(t, w, tar.Header{Typeflag: tar.TypeReg, Name: root + "bin/busybox", Mode: 0o755}, program)
	archive(t, w, tar.Header{Typeflag: tar.TypeReg, Name: root + "etc/passwd", Mode: 0o644}, []byte("root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"))
	for command := range strings.FieldsSeq(string(names)) {
		if command != "busybox" {
			archive(t, w, tar.Header{Typeflag: tar.TypeSymlink, Name: root + "bin/" + command, Linkname: "busybox", Mode: 0o777}, nil)
		}
	}
}

// archive adds a file to an archive.
func archive(t testing.TB, w *tar.Writer, h tar.Header, body []byte) {
	t.Helper()
	h.Size = int64(len(body))
	err := w.WriteHeader(&h)
	if err == nil {
		_, err = w.Write(body)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// must is for what cannot fail of an image in memory.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// dockerScript makes the daemon's network: a pair of devices, one here and one
// there. The first process of the namespaces ends with its parent, and everything
// else in them with it.
const dockerScript = `
dir=$1 link=$2 here=$3 there=$4 dockerd=$5
exec 3</proc/self/ns/net
exec unshare --mount --net --pid --fork --kill-child=KILL --mount-proc sh -c '
set -e
dir=$1 link=$2 here=$3 there=$4 dockerd=$5
mount -t tmpfs tmpfs /run
ip link set lo up
ip link add eth0 type veth peer name "$link"
ip link set "$link" netns /proc/self/fd/3 || { echo address already in use; exit 1; }
nsenter --net=/proc/self/fd/3 ip addr add "$here/30" dev "$link"
nsenter --net=/proc/self/fd/3 ip link set "$link" up
ip addr add "$there/30" dev eth0
ip link set eth0 up
ip route add default via "$here"
exec 3<&-
"$dockerd" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" --cgroup-parent "/$link" --insecure-registry "$here/30" \
	-H "unix://$dir/docker.sock" -H "tcp://$there:2376" --tlsverify --tlscacert "$dir/client/ca.pem" --tlscert "$dir/server.pem" --tlskey "$dir/server-key.pem" &
wait $!' sh "$@"
`

var dockerd = &server{
	name:    "docker",
	version: "debian",

	// It comes with the system's packages, and is found where those put it.
	install: func(home string) error {
		if dockerProgram() == "" || lacks("busybox", "ip", "iptables", "nsenter", "unshare") {
			if err := apt(home, "", "docker.io", "busybox-static", "iproute2", "iptables", "util-linux"); err != nil {
				return err
			}
		}
		return os.WriteFile(filepath.Join(home, "where"), []byte(dockerProgram()+"\n"), 0o644)
	},

	command: func(_ string, p *process) *exec.Cmd {
		n := netOf(p)
		_ = dockerCertificates(p.dir, n.there) // if not, the daemon says so
		return exec.Command("sh", "-c", dockerScript, "sh", p.dir, n.link, n.here, n.there, dockerProgram())
	},

	ready: func(p *process) error {
		return answers(filepath.Join(p.dir, "docker.sock"), "/_ping")
	},

	gone: goneWithGroups,
}

// answers asks a server that listens on a unix socket.
func answers(socket, path string) error {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}}
	resp, err := client.Get("http://lab" + path)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// goneWithGroups is for a server in a network of its own, whose device goes when the
// last process in the namespace has. What remains are the folders of its control groups.
func goneWithGroups(p *process) error {
	n := netOf(p)
	if err := n.gone(); err != nil {
		return err
	}
	for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
		groups, _ := filepath.Glob(pattern + n.link)
		for _, g := range groups {
			var folders []string
			_ = filepath.WalkDir(g, func(path string, e fs.DirEntry, err error) error {
				if err == nil && e.IsDir() {
					folders = append(folders, path)
				}
				return nil
			})
			for _, f := range slices.Backward(folders) {
				_ = os.Remove(f)
			}
		}
	}
	return nil
}

func lacks(programs ...string) bool {
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			return true
		}
	}
	return false
}

func dockerProgram() string {
	for _, name := range []string{"dockerd", "/usr/sbin/dockerd"} {
		if file, err := exec.LookPath(name); err == nil {
			return file
		}
	}
	return ""
}

// A privateNetwork is the four addresses that a free port stands for, and the name
// of the device here: no other process found the same port free.
type privateNetwork struct{ link, here, there string }

func netOf(p *process) privateNetwork {
	_, text, _ := net.SplitHostPort(p.addr)
	port, _ := strconv.Atoi(text)
	base := netip.MustParseAddr("10.208.0.0").As4()
	at := func(n int) string {
		return netip.AddrFrom4([4]byte{base[0], base[1] | byte(port>>14), byte(port >> 6), byte(port<<2) + byte(n)}).String()
	}
	return privateNetwork{"lark" + text, at(1), at(2)}
}

// gone waits until the last process that was in the network has ended.
func (n privateNetwork) gone() error {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := net.InterfaceByName(n.link); err != nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("processes in the network of %s do not end", n.link)
		}
	}
}

// dockerCertificates writes a certificate authority, a server's certificate of
// that address and a client's.
func dockerCertificates(dir, address string) error {
	client := filepath.Join(dir, "client")
	if err := os.MkdirAll(client, 0o700); err != nil {
		return err
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(24 * time.Hour)}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	sign := func(c *x509.Certificate, k *ecdsa.PrivateKey, cert, keyFile string) error {
		der, err := x509.CreateCertificate(rand.Reader, c, authority, &k.PublicKey, key)
		if err != nil {
			return err
		}
		secret, err := x509.MarshalECPrivateKey(k)
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
			os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600))
	}
	errs := []error{sign(authority, key, filepath.Join(client, "ca.pem"), filepath.Join(dir, "ca-key.pem"))}
	for i, c := range []struct {
		usage     x509.ExtKeyUsage
		cert, key string
	}{
		{x509.ExtKeyUsageServerAuth, filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem")},
		{x509.ExtKeyUsageClientAuth, filepath.Join(client, "cert.pem"), filepath.Join(client, "key.pem")},
	} {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		errs = append(errs, sign(&x509.Certificate{SerialNumber: big.NewInt(int64(i) + 2), Subject: pkix.Name{CommonName: "lab"}, NotAfter: time.Now().Add(24 * time.Hour),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{c.usage}, IPAddresses: []net.IP{net.ParseIP(address)}}, k, c.cert, c.key))
	}
	return errors.Join(errs...)
}
