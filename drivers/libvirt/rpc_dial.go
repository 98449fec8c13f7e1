//go:build !(libvirt_dlopen && cgo)

package libvirt

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt/socket/dialers"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/cloudlark/cloudlark/drivers/op"
)

const handshake = 20 * time.Second

// A dialer connects to the libvirtd of a URI of libvirt's, and keeps the
// connection, so that it can be cut. It cuts it itself where libvirtd does not
// greet in time.
type dialer struct {
	uri     *url.URL
	conn    net.Conn
	silence *time.Timer
}

func (d *dialer) Dial() (net.Conn, error) {
	conn, err := d.dial()
	if err != nil {
		return nil, err
	}
	conn = newStreams(conn)
	d.conn, d.silence = conn, time.AfterFunc(handshake, func() { conn.Close() })
	return conn, nil
}

func (d *dialer) dial() (net.Conn, error) {
	query := d.uri.Query()
	_, how, _ := strings.Cut(d.uri.Scheme, "+")
	if how == "" && d.uri.Host != "" {
		how = "tls"
	}
	switch how {
	case "", "unix":
		return net.DialTimeout("unix", cmp.Or(query.Get("socket"), localSocket(d.uri.Path)), handshake)
	case "tcp":
		return net.DialTimeout("tcp", net.JoinHostPort(d.uri.Hostname(), cmp.Or(d.uri.Port(), "16509")), handshake)
	case "tls":
		options := []dialers.TLSOption{dialers.UseTLSPort(cmp.Or(d.uri.Port(), "16514"))}
		if folder := query.Get("pkipath"); folder != "" {
			options = append(options, dialers.UsePKIPath(folder))
		}
		if query.Get("no_verify") == "1" {
			options = append(options, dialers.WithInsecureNoVerify())
		}
		return dialers.NewTLS(d.uri.Hostname(), options...).Dial()
	case "ssh", "libssh", "libssh2":
		return d.ssh()
	}
	return nil, op.Errorf(op.InvalidArgument, "endpoint: this build reaches libvirtd over unix, tcp, tls and ssh, and not over %q; a build with the tag libvirt_dlopen knows every URI that libvirt does", how)
}

const systemSocket = "/var/run/libvirt/libvirt-sock"

// localSocket is where the libvirtd of the system, or of the user, listens.
func localSocket(path string) string {
	if folder := os.Getenv("XDG_RUNTIME_DIR"); path == "/session" && folder != "" {
		return filepath.Join(folder, "libvirt", "libvirt-sock")
	}
	return systemSocket
}

// tunnel is a connection through SSH, which ends with it.
type tunnel struct {
	net.Conn
	client *ssh.Client
}

func (t tunnel) Close() error { return errors.Join(t.Conn.Close(), t.client.Close()) }

// ssh reaches the socket on another machine. The parameters of the URI are
// libvirt's: keyfile, socket, known_hosts, no_verify.
func (d *dialer) ssh() (net.Conn, error) {
	query := d.uri.Query()
	hostKeys, err := hostKeys(query)
	if err != nil {
		return nil, err
	}
	config := &ssh.ClientConfig{User: cmp.Or(d.uri.User.Username(), os.Getenv("USER"), "root"), HostKeyCallback: hostKeys, Timeout: handshake}
	signers, closing, err := signers(query.Get("keyfile"))
	if err != nil {
		return nil, err
	}
	defer closing()
	config.Auth = []ssh.AuthMethod{ssh.PublicKeys(signers...)}
	if password, ok := d.uri.User.Password(); ok {
		config.Auth = append(config.Auth, ssh.Password(password))
	}
	addr := net.JoinHostPort(d.uri.Hostname(), cmp.Or(d.uri.Port(), "22"))
	config.HostKeyAlgorithms = algorithms(hostKeys, addr)
	client, err := ssh.Dial("tcp", addr, config)
	if err != nil {
		return nil, trust(err, d.uri.Hostname())
	}
	path := cmp.Or(query.Get("socket"), systemSocket)
	conn, err := client.Dial("unix", path)
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("connecting to %s on %s: %w", path, d.uri.Hostname(), err)
	}
	return tunnel{conn, client}, nil
}

func hostKeys(query url.Values) (ssh.HostKeyCallback, error) {
	if query.Get("no_verify") == "1" || query.Get("known_hosts_verify") == "ignore" {
		return ssh.InsecureIgnoreHostKey(), nil // as the URI says
	}
	file := query.Get("known_hosts")
	if file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		file = filepath.Join(home, ".ssh", "known_hosts")
	}
	check, err := knownhosts.New(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, op.Errorf(op.PermissionDenied, "there is no file %s of host keys to check the machine's against: connect to it with ssh once, or name another file with ?known_hosts=", file)
	}
	return check, err
}

// algorithms are those of the keys that are known of a machine, which has others
// too: it is to show one that can be checked. They are nil, which is any, if none is known.
func algorithms(hostKeys ssh.HostKeyCallback, addr string) []string {
	nobody, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	if err != nil {
		return nil
	}
	var list []string
	if unlike, ok := errors.AsType[*knownhosts.KeyError](hostKeys(addr, &net.TCPAddr{}, nobody)); ok {
		for _, k := range unlike.Want {
			if t := k.Key.Type(); t == ssh.KeyAlgoRSA {
				list = append(list, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			} else {
				list = append(list, t)
			}
		}
	}
	return list
}

// trust says what to do about a host key that is not the right one.
func trust(err error, host string) error {
	if unlike, ok := errors.AsType[*knownhosts.KeyError](err); ok {
		what := "is not known: connect to it with ssh once, or add it to the known hosts"
		if len(unlike.Want) > 0 {
			what = "is not the one that is known: somebody may be in between"
		}
		return &op.Error{Kind: op.PermissionDenied, Code: "host_key", Message: fmt.Sprintf("the host key of %s %s", host, what), Err: err}
	}
	return err
}

// signers are the keys to come in with: of the file, or else the agent's and the
// user's own.
func signers(file string) ([]ssh.Signer, func(), error) {
	closing := func() {}
	if file != "" {
		key, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, op.Errorf(op.InvalidArgument, "keyfile: %w", err)
		}
		s, err := ssh.ParsePrivateKey(key)
		if err != nil {
			return nil, nil, op.Errorf(op.InvalidArgument, "keyfile %s: %w", file, err)
		}
		return []ssh.Signer{s}, closing, nil
	}
	var all []ssh.Signer
	if socket := os.Getenv("SSH_AUTH_SOCK"); socket != "" {
		if conn, err := net.Dial("unix", socket); err == nil {
			closing = func() { conn.Close() }
			if keys, err := agent.NewClient(conn).Signers(); err == nil {
				all = keys
			}
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return all, closing, nil
	}
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		key, err := os.ReadFile(filepath.Join(home, ".ssh", name))
		if err != nil {
			continue
		}
		if s, err := ssh.ParsePrivateKey(key); err == nil {
			all = append(all, s)
		}
	}
	return all, closing, nil
}
