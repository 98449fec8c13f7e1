// Package registry is what drivers share of container registries: whose
// credentials are used where, and the protocol that registries speak.
package registry

import (
	"context"
	"sync"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Credentials are what to show to registries: a user's, for one registry, and
// what Docker's configuration has for the others.
type Credentials struct {
	Registry, Username string // host, and port if it has one: "registry.example:5000"
	Password           op.Secret

	// Dir is Docker's configuration folder. Empty is the user's own; then
	// Podman's login is heeded, too, where Docker has no configuration.
	Dir string
}

// Keychain looks credentials up when they are needed. A credential helper that
// the configuration names is run then.
func (c Credentials) Keychain() authn.Keychain {
	docker := authn.Keychain(authn.DefaultKeychain)
	if c.Dir != "" {
		docker = &folder{dir: c.Dir}
	}
	if c.Username == "" && c.Password == "" {
		return docker
	}
	return authn.NewMultiKeychain(given(c), docker)
}

// Check reports what is wrong with the credentials by themselves.
func (c Credentials) Check() error {
	if (c.Username == "") != (c.Password == "") {
		return op.Errorf(op.InvalidArgument, "username and password go together: give both or neither")
	}
	if c.Username != "" && c.Registry == "" {
		return op.Errorf(op.InvalidArgument, "username and password are for one registry: say which")
	}
	return nil
}

// given are the credentials for one registry.
type given Credentials

func (g given) Resolve(r authn.Resource) (authn.Authenticator, error) {
	if r.RegistryStr() != canonical(g.Registry) {
		return authn.Anonymous, nil
	}
	return &authn.Basic{Username: g.Username, Password: g.Password.Reveal()}, nil
}

// canonical is a registry's host as references have it: Docker Hub has several names.
func canonical(host string) string {
	switch host {
	case "docker.io", "registry-1.docker.io":
		return "index.docker.io"
	}
	return host
}

// A folder is the configuration folder of Docker.
type folder struct {
	dir  string
	once sync.Once
	file *configfile.ConfigFile
	err  error
}

func (f *folder) Resolve(r authn.Resource) (authn.Authenticator, error) {
	f.once.Do(func() { f.file, f.err = config.Load(f.dir) })
	if f.err != nil {
		return nil, op.Errorf(op.InvalidArgument, "Docker's configuration in %s: %w", f.dir, f.err)
	}
	for _, key := range []string{r.String(), r.RegistryStr()} {
		if r.RegistryStr() == "index.docker.io" {
			key = authn.DefaultAuthKey
		}
		a, err := f.file.GetAuthConfig(key)
		if err != nil {
			return nil, op.Errorf(op.Unauthenticated, "the credential helper for %s, which Docker's configuration in %s names: %w", r.RegistryStr(), f.dir, err)
		}
		c := authn.AuthConfig{Username: a.Username, Password: a.Password, Auth: a.Auth, IdentityToken: a.IdentityToken, RegistryToken: a.RegistryToken}
		if c != (authn.AuthConfig{}) {
			return authn.FromConfig(c), nil
		}
	}
	return authn.Anonymous, nil
}

// Resolve looks up what to show to a registry; host is as in an image's name.
func Resolve(ctx context.Context, k authn.Keychain, host string) (authn.AuthConfig, error) {
	a, err := authn.Resolve(ctx, k, resource(canonical(host)))
	if err != nil {
		return authn.AuthConfig{}, failedCredentials(host, err)
	}
	c, err := authn.Authorization(ctx, a)
	if err != nil {
		return authn.AuthConfig{}, failedCredentials(host, err)
	}
	return *c, nil
}

func failedCredentials(host string, err error) error {
	if e := op.AsError(err); e.Kind != op.Internal {
		return e
	}
	return op.Errorf(op.Unauthenticated, "looking for credentials of %s: %w", host, err)
}

// A resource is a registry as a whole.
type resource string

func (r resource) String() string      { return string(r) }
func (r resource) RegistryStr() string { return string(r) }
