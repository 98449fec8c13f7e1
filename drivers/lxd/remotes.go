package lxd

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A remote is a server that the command line has a name for.
type remote struct {
	Address  string `json:"addr"`
	Protocol string `json:"protocol"` // simplestreams, oci; else the servers' own
	Project  string `json:"project"`
}

// remotes is what the command line of LXD or Incus keeps in its folder: servers by
// name, the certificates of those, its own certificate.
type remotes struct {
	dir   string // empty if there is none
	first string // the one that is meant where none is named
	all   map[string]remote
}

// builtIn are the remotes that both command lines, or LXD's, know by themselves. The
// name "images" is of another server at each: see [driver.source].
var builtIn = map[string]remote{
	"local":                {Address: "unix://"},
	"ubuntu":               {Address: "https://cloud-images.ubuntu.com/releases", Protocol: "simplestreams"},
	"ubuntu-daily":         {Address: "https://cloud-images.ubuntu.com/daily", Protocol: "simplestreams"},
	"ubuntu-minimal":       {Address: "https://cloud-images.ubuntu.com/minimal/releases", Protocol: "simplestreams"},
	"ubuntu-minimal-daily": {Address: "https://cloud-images.ubuntu.com/minimal/daily", Protocol: "simplestreams"},
	"images":               {Protocol: "simplestreams"},
}

// The servers of "images".
const (
	imagesOfLXD   = "https://images.lxd.canonical.com"
	imagesOfIncus = "https://images.linuxcontainers.org"
)

func readRemotes(dir string) (remotes, error) {
	r := remotes{dir: dir, all: maps.Clone(builtIn)}
	if dir == "" {
		if r.dir = usualFolder(); r.dir == "" {
			return r, nil
		}
	}
	file := filepath.Join(r.dir, "config.yml")
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	var c struct {
		Default string            `json:"default-remote"`
		Remotes map[string]remote `json:"remotes"`
	}
	if err == nil {
		err = yaml.Unmarshal(data, &c)
	}
	if err != nil {
		return r, op.Errorf(op.InvalidArgument, "the command line's configuration %s: %w", file, err)
	}
	maps.Copy(r.all, c.Remotes)
	r.first = c.Default
	return r, nil
}

// usualFolder is where the command line keeps its configuration: the first of the
// usual folders that is there.
func usualFolder() string {
	if dir := cmp.Or(os.Getenv("LXD_CONF"), os.Getenv("INCUS_CONF")); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	for _, dir := range []string{".config/lxc", "snap/lxd/common/config", ".config/incus"} {
		dir = filepath.Join(home, dir)
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	return ""
}

// socketOfEnvironment is what the environment says of a local server.
func socketOfEnvironment() string {
	if socket := cmp.Or(os.Getenv("LXD_SOCKET"), os.Getenv("INCUS_SOCKET")); socket != "" {
		return "unix://" + socket
	}
	if dir := cmp.Or(os.Getenv("LXD_DIR"), os.Getenv("INCUS_DIR")); dir != "" {
		return "unix://" + filepath.Join(dir, "unix.socket")
	}
	return ""
}

// usualSocket is the first of the usual sockets that is there, or the first.
func usualSocket() string {
	usual := []string{"/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket", "/run/incus/unix.socket", "/var/lib/incus/unix.socket"}
	at := slices.IndexFunc(usual, func(path string) bool { _, err := os.Stat(path); return err == nil })
	return "unix://" + usual[max(at, 0)]
}

func (r remotes) named(name string) (remote, error) {
	if found, ok := r.all[name]; ok {
		return found, nil
	}
	names := slices.Sorted(maps.Keys(r.all))
	return remote{}, op.Errorf(op.InvalidArgument, "there is no remote %q; there are %s%s", name, strings.Join(names, ", "), op.DidYouMean(name, names))
}

// certificate is the file of a remote's certificate, or empty.
func (r remotes) certificate(name string) string {
	if r.dir == "" {
		return ""
	}
	file := filepath.Join(r.dir, "servercerts", name+".crt")
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// tls is how to speak to a server: with the client's certificate, if it has one,
// and with no other server than the one whose certificate is known.
func (r remotes) tls(c configuration) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	cert, key := c.CertPath, c.KeyPath
	if (cert == "") != (key == "") {
		return nil, op.Errorf(op.InvalidArgument, "cert_path and key_path belong together: give both")
	}
	if cert == "" && r.dir != "" {
		if file := filepath.Join(r.dir, "client.crt"); exists(file) {
			cert, key = file, filepath.Join(r.dir, "client.key")
		}
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "the client's certificate %s: %w", cert, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(strings.ToLower(c.Fingerprint), ":", ""))
	if err != nil || len(sum) != 0 && len(sum) != sha256.Size {
		return nil, op.Errorf(op.InvalidArgument, "fingerprint: %q is not the 64 hexadecimal digits of a SHA-256", c.Fingerprint)
	}
	if c.ServerCert != "" {
		data, err := os.ReadFile(c.ServerCert)
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "server_cert: %w", err)
		}
		block, _ := pem.Decode(data)
		if block == nil {
			return nil, op.Errorf(op.InvalidArgument, "server_cert: there is no certificate in %s", c.ServerCert)
		}
		of := sha256.Sum256(block.Bytes)
		if len(sum) > 0 && !bytes.Equal(sum, of[:]) {
			return nil, op.Errorf(op.InvalidArgument, "fingerprint is not that of the certificate in %s", c.ServerCert)
		}
		sum = of[:]
	}
	if len(sum) > 0 {
		// Who has this certificate's key is the server, whatever it is called.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(s tls.ConnectionState) error {
			if of := sha256.Sum256(s.PeerCertificates[0].Raw); !bytes.Equal(sum, of[:]) {
				return x509.CertificateInvalidError{Cert: s.PeerCertificates[0], Reason: x509.NotAuthorizedToSign,
					Detail: "its fingerprint is " + hex.EncodeToString(of[:]) + ", which is not the one that is known"}
			}
			return nil
		}
	}
	return config, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
