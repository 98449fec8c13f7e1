// Package docker is the drivers "docker" and "swarm", of the container family: a
// Docker daemon, wherever it is, and the swarm that it is a manager of. It finds the daemon and the registries' credentials as
// Docker's own command line does, with its own libraries; package engine does
// the rest.
package docker

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/connhelper"
	endpoints "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/moby/moby/client"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/engine"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/registry"
)

// Provider returns the driver "docker".
func Provider() *drivers.Provider {
	return drivers.New(drivers.Info{
		Name:    "docker",
		Family:  container.Family,
		Title:   "Docker",
		Website: "https://docs.docker.com/engine/",
		Doc:     doc,
		Extras:  map[string]any{"deploy_container": engine.DeployExtra{}},
		Missing: engine.Missing(),
	}, open)
}

type configuration struct {
	Endpoint   string         `json:"endpoint,omitzero" help:"The daemon, as DOCKER_HOST says it: \"unix:///var/run/docker.sock\", \"tcp://host:2376\", \"ssh://user@host\"; that of the environment or the context if not given."`
	Context    string         `json:"context,omitzero" help:"The Docker context to use; the current one if neither this nor endpoint is given."`
	ConfigDir  string         `json:"config_dir,omitzero" help:"Docker's configuration folder, with contexts and logins; DOCKER_CONFIG or ~/.docker if not given."`
	CertPath   string         `json:"cert_path,omitzero" help:"The folder of ca.pem, cert.pem and key.pem for a tcp endpoint; DOCKER_CERT_PATH if neither is given."`
	SSHOptions []string       `json:"ssh_options,omitzero" help:"More options of the command ssh for an ssh endpoint: [\"-i\", \"key\"]."`
	APIVersion string         `json:"api_version,omitzero" help:"The version of the API, as 1.41; agreed on with the daemon if not given."`
	Registry   string         `json:"registry,omitzero" help:"The registry that username and password are for; Docker's own logins are used for others."`
	Username   string         `json:"username,omitzero" help:"The user to be there."`
	Password   drivers.Secret `json:"password,omitzero" help:"That user's password, or a token in its place."`
}

func open(_ context.Context, c configuration) (*engine.Driver, error) {
	keychain, options, err := c.options()
	if err != nil {
		return nil, err
	}
	return engine.New(keychain, options...)
}

// options are what the daemon is connected to with, and the registries.
func (c configuration) options() (authn.Keychain, []client.Opt, error) {
	credentials := registry.Credentials{Registry: c.Registry, Username: c.Username, Password: c.Password, Dir: c.ConfigDir}
	if err := credentials.Check(); err != nil {
		return nil, nil, err
	}
	options, err := c.connection()
	if err != nil {
		return nil, nil, err
	}
	if c.APIVersion != "" {
		options = append(options, client.WithAPIVersion(c.APIVersion))
	}
	return credentials.Keychain(), options, nil
}

// connection finds the daemon as Docker's command line does: what is given, then
// DOCKER_HOST, DOCKER_CONTEXT, the current context, the usual socket.
func (c configuration) connection() ([]client.Opt, error) {
	if c.Endpoint != "" && c.Context != "" {
		return nil, op.Errorf(op.InvalidArgument, "endpoint and context both say where the daemon is: give one of them")
	}
	host := c.Endpoint
	if host == "" && c.Context == "" {
		host = os.Getenv(client.EnvOverrideHost)
	}
	if host != "" {
		return c.direct(host)
	}
	dir := cmp.Or(c.ConfigDir, config.Dir())
	name := cmp.Or(c.Context, os.Getenv("DOCKER_CONTEXT"))
	if name == "" {
		file, err := config.Load(dir)
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "Docker's configuration in %s: %w", dir, err)
		}
		name = file.CurrentContext
	}
	if name == "" || name == "default" {
		return c.direct(client.DefaultDockerHost)
	}
	endpoint, err := stored(dir, name)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "the Docker context %q, looked for in %s: %w", name, dir, err)
	}
	if strings.HasPrefix(endpoint.Host, "ssh://") {
		return c.direct(endpoint.Host)
	}
	options, err := endpoint.ClientOpts()
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "the Docker context %q: %w", name, err)
	}
	return options, nil
}

// stored reads a context, with its certificates.
func stored(dir, name string) (endpoints.Endpoint, error) {
	s := store.New(filepath.Join(dir, "contexts"), store.NewConfig(func() any { return &map[string]any{} },
		store.EndpointTypeGetter(endpoints.DockerEndpoint, func() any { return &endpoints.EndpointMeta{} })))
	meta, err := s.GetMetadata(name)
	if err != nil {
		return endpoints.Endpoint{}, err
	}
	endpoint, err := endpoints.EndpointFromContext(meta)
	if err != nil {
		return endpoints.Endpoint{}, err
	}
	return endpoints.WithTLSData(s, name, endpoint)
}

// direct connects to a daemon that is known by its address.
func (c configuration) direct(host string) ([]client.Opt, error) {
	if _, err := client.ParseHostURL(host); err != nil {
		return nil, op.Errorf(op.InvalidArgument, "endpoint: %q is no address of a daemon, as \"unix:///var/run/docker.sock\", \"tcp://host:2376\" or \"ssh://user@host\"", host)
	}
	options := []client.Opt{client.WithAPIVersionFromEnv()}
	helper, err := connhelper.GetConnectionHelperWithSSHOpts(host, c.SSHOptions)
	switch {
	case err != nil:
		return nil, op.Errorf(op.InvalidArgument, "endpoint: %w", err)
	case helper != nil:
		return append(options, client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: helper.Dialer}}),
			client.WithHost(helper.Host), client.WithDialContext(helper.Dialer)), nil
	case c.CertPath != "":
		file := func(name string) string { return filepath.Join(c.CertPath, name) }
		options = append(options, client.WithTLSClientConfig(file("ca.pem"), file("cert.pem"), file("key.pem")))
	case strings.HasPrefix(host, "tcp://"):
		options = append(options, client.WithTLSClientConfigFromEnv())
	}
	return append(options, client.WithHost(host)), nil
}
