// Package lxd is the driver "lxd", of the container family: an LXD or Incus
// server, or a cluster of them. Its containers are system containers, which boot
// an init of their own.
//
// It speaks the servers' REST API, which is JSON over a Unix socket or TLS, and
// WebSockets for what a command reads and writes. LXD's Go client is AGPL since
// 5.21; Incus's takes a context when it connects and not for a request, and brings
// OpenID Connect, OpenTelemetry and a logger along.
package lxd

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Provider returns the driver "lxd".
func Provider() *drivers.Provider {
	return drivers.New(drivers.Info{
		Name:    "lxd",
		Family:  container.Family,
		Title:   "LXD and Incus",
		Website: "https://linuxcontainers.org/incus/",
		Doc:     doc,
		Extras:  map[string]any{"deploy_container": deployExtra{}},
		Missing: missing(),
	}, open)
}

type configuration struct {
	Endpoint    string `json:"endpoint,omitzero" help:"The server: \"unix:///var/lib/lxd/unix.socket\" or \"https://host:8443\"; that of the environment, the command line's configuration or the usual socket if not given."`
	Remote      string `json:"remote,omitzero" help:"A remote of the command line's configuration, in place of endpoint."`
	ConfigDir   string `json:"config_dir,omitzero" help:"The command line's configuration folder, with config.yml and the client's certificate; LXD_CONF, INCUS_CONF or the usual ones if not given."`
	CertPath    string `json:"cert_path,omitzero" help:"The file of the client's certificate for an https endpoint; client.crt of config_dir if not given."`
	KeyPath     string `json:"key_path,omitzero" help:"The file of its key; client.key of config_dir if not given."`
	ServerCert  string `json:"server_cert,omitzero" help:"The file of the server's certificate, which most servers have signed themselves; the system's authorities decide if neither this nor fingerprint is given."`
	Fingerprint string `json:"fingerprint,omitzero" help:"The SHA-256 of the server's certificate, in place of server_cert: what lxc info shows as certificate_fingerprint."`
	Project     string `json:"project,omitzero" help:"The project; that of the environment or the remote, or \"default\", if not given."`
}

type driver struct {
	base    string // of every URL, without a slash at the end
	project string
	http    *http.Client
	dialer  *websocket.Dialer
	remotes remotes

	consoles sync.Map // of containers by name, *console
}

func open(_ context.Context, c configuration) (*driver, error) {
	if c.Endpoint != "" && c.Remote != "" {
		return nil, op.Errorf(op.InvalidArgument, "endpoint and remote both say where the server is: give one of them")
	}
	known, err := readRemotes(c.ConfigDir)
	if err != nil {
		return nil, err
	}
	endpoint := cmp.Or(c.Endpoint, socketOfEnvironment())
	name := cmp.Or(c.Remote, os.Getenv("LXD_REMOTE"), os.Getenv("INCUS_REMOTE"), known.first)
	if c.Remote != "" || endpoint == "" && name != "" && name != "local" {
		r, err := known.named(name)
		if err != nil {
			return nil, err
		}
		if r.Protocol == "simplestreams" || r.Protocol == "oci" {
			return nil, op.Errorf(op.InvalidArgument, "remote: %q is a server of images: containers do not run there", name)
		}
		endpoint = r.Address
		c.Project = cmp.Or(c.Project, r.Project)
		if c.ServerCert == "" && c.Fingerprint == "" {
			c.ServerCert = known.certificate(name)
		}
	}
	endpoint = cmp.Or(endpoint, usualSocket())
	d := &driver{remotes: known, project: cmp.Or(c.Project, os.Getenv("LXD_PROJECT"), os.Getenv("INCUS_PROJECT"))}
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	if path, ok := strings.CutPrefix(endpoint, "unix:"); ok {
		if path = "/" + strings.TrimLeft(path, "/"); path == "/" { // as the command line writes "local"
			path = strings.TrimPrefix(cmp.Or(socketOfEnvironment(), usualSocket()), "unix://")
		}
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		d.base = "http://lxd"
	} else if strings.HasPrefix(endpoint, "https://") {
		if transport.TLSClientConfig, err = known.tls(c); err != nil {
			return nil, err
		}
		transport.Proxy = http.ProxyFromEnvironment
		d.base = strings.TrimRight(endpoint, "/")
	} else {
		return nil, op.Errorf(op.InvalidArgument, "endpoint: %q is no server's address, as \"unix:///var/lib/lxd/unix.socket\" or \"https://host:8443\"", endpoint)
	}
	d.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	d.dialer = &websocket.Dialer{NetDialContext: transport.DialContext, TLSClientConfig: transport.TLSClientConfig, Proxy: transport.Proxy}
	return d, nil
}

// Close drops the idle connections.
func (d *driver) Close() error {
	d.http.CloseIdleConnections()
	return nil
}

// HonoursToken makes the driver an [op.Idempotent]: the token is kept with the
// container, whose name no other can have.
func (*driver) HonoursToken(o *op.Op) bool { return o.Name == "deploy_container" }

// missing says why there are operations that the driver does not have.
func missing() map[string]string {
	const clusters = "a connection is to one server or one cluster, whose members join it each on its own machine; extra names the member that a container runs on"
	const registries = "a server keeps no registry; image servers publish a catalogue that native pulls from by alias"
	return map[string]string{
		"list_clusters":     clusters,
		"get_cluster":       clusters,
		"create_cluster":    clusters,
		"destroy_cluster":   clusters,
		"push_image":        "a server does not send images: the one that is to have it pulls it, on a connection of its own",
		"copy_image":        "a server does not send images: the one that is to have it pulls it, on a connection of its own",
		"scale_container":   "a server runs one container of a name, and keeps no number running",
		"list_repositories": registries,
		"list_tags":         registries,
	}
}
