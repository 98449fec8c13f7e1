// Package joyent is the driver "joyent", of the container family: Triton's
// containers, through the Docker Engine API that Triton speaks. It finds the
// data centre and shows who asks; package engine does the rest.
package joyent

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io/fs"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/crypto/ssh"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/engine"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/registry"
)

// Provider returns the driver "joyent".
func Provider() *drivers.Provider {
	missing := maps.Clone(engine.Missing())
	for name, reason := range missing {
		if strings.Contains(reason, "swarm") {
			missing[name] = "a data centre of Triton is one Docker host to its users, without clusters"
		}
	}
	return drivers.New(drivers.Info{
		Name:    "joyent",
		Family:  container.Family,
		Title:   "Joyent Triton",
		Website: "https://docs.tritondatacenter.com/public-cloud/containers",
		Doc:     doc,
		Extras:  map[string]any{"deploy_container": engine.DeployExtra{}},
		Missing: missing,
	}, open)
}

type configuration struct {
	Endpoint   string         `json:"endpoint,omitzero" help:"The data centre's Docker endpoint: \"tcp://us-central-1.docker.mnx.io:2376\"; DOCKER_HOST if not given."`
	Account    string         `json:"account,omitzero" help:"The account, or account/user; SDC_ACCOUNT if not given."`
	KeyFile    string         `json:"key_file,omitzero" help:"The account's private SSH key, which a certificate is made of: \"~/.ssh/id_rsa\". Instead of cert_path."`
	Passphrase drivers.Secret `json:"passphrase,omitzero" help:"The key's passphrase, if it has one."`
	CertPath   string         `json:"cert_path,omitzero" help:"The folder of cert.pem and key.pem, and of ca.pem if the data centre has an authority of its own; what sdc-docker-setup has written, or DOCKER_CERT_PATH, if neither is given."`
	CAFile     string         `json:"ca_file,omitzero" help:"The data centre's own certificate authority, in PEM, with key_file."`
	APIVersion string         `json:"api_version,omitzero" default:"1.24" help:"The version of the Docker API that the data centre speaks."`
	Registry   string         `json:"registry,omitzero" help:"The registry that username and password are for; Docker's own logins are used for others."`
	Username   string         `json:"username,omitzero" help:"The user to be there."`
	Password   drivers.Secret `json:"password,omitzero" help:"That user's password, or a token in its place."`
	ConfigDir  string         `json:"config_dir,omitzero" help:"Docker's configuration folder, with logins; DOCKER_CONFIG or ~/.docker if not given."`
}

func open(_ context.Context, c configuration) (*engine.Driver, error) {
	credentials := registry.Credentials{Registry: c.Registry, Username: c.Username, Password: c.Password, Dir: c.ConfigDir}
	if err := credentials.Check(); err != nil {
		return nil, err
	}
	c.Endpoint = cmp.Or(c.Endpoint, os.Getenv(client.EnvOverrideHost))
	if !strings.HasPrefix(c.Endpoint, "tcp://") {
		return nil, op.Errorf(op.InvalidArgument, `endpoint: %q is no data centre: give endpoint = "tcp://us-central-1.docker.mnx.io:2376" or the like`, c.Endpoint)
	}
	c.Account = cmp.Or(c.Account, os.Getenv("SDC_ACCOUNT"))
	config, err := c.tls()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: config, DialContext: (&net.Dialer{Timeout: 30 * time.Second}).DialContext}
	return engine.New(credentials.Keychain(), client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}),
		client.WithHost(c.Endpoint), client.WithAPIVersion(c.APIVersion))
}

// tls is how to tell who asks: by a certificate, whose key Triton knows as an SSH
// key of the account's. Nobody has to have signed it.
func (c configuration) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	ca := c.CAFile
	if c.KeyFile != "" {
		if c.CertPath != "" {
			return nil, op.Errorf(op.InvalidArgument, "key_file and cert_path both say who asks: give one of them")
		}
		cert, err := c.certificate()
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{cert}
	} else {
		dir := cmp.Or(c.CertPath, os.Getenv(client.EnvOverrideCertPath))
		if home, err := os.UserHomeDir(); dir == "" && err == nil && c.Account != "" {
			dir = filepath.Join(home, ".sdc", "docker", c.Account)
		}
		if dir == "" {
			return nil, op.Errorf(op.InvalidArgument, "there is nothing to show who asks: give key_file, with account, or cert_path")
		}
		cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "the certificate in %s: %w", dir, err)
		}
		config.Certificates = []tls.Certificate{cert}
		ca = cmp.Or(ca, filepath.Join(dir, "ca.pem"))
	}
	if ca == "" {
		return config, nil
	}
	data, err := os.ReadFile(ca)
	if errors.Is(err, fs.ErrNotExist) && c.CAFile == "" {
		return config, nil // the system's authorities know the data centre
	}
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "the certificate authority: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(data) {
		return nil, op.Errorf(op.InvalidArgument, "%s holds no certificate in PEM", ca)
	}
	return config, nil
}

// certificate makes one of the account's SSH key, as sdc-docker-setup does.
func (c configuration) certificate() (tls.Certificate, error) {
	var none tls.Certificate
	if c.Account == "" {
		return none, op.Errorf(op.InvalidArgument, "key_file is an account's: say whose with account, or set SDC_ACCOUNT")
	}
	file := c.KeyFile
	if rest, ok := strings.CutPrefix(file, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return none, op.Errorf(op.InvalidArgument, "key_file: %w", err)
		}
		file = filepath.Join(home, rest)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return none, op.Errorf(op.InvalidArgument, "key_file: %w", err)
	}
	var key any
	if c.Passphrase != "" {
		key, err = ssh.ParseRawPrivateKeyWithPassphrase(data, []byte(c.Passphrase.Reveal()))
	} else {
		key, err = ssh.ParseRawPrivateKey(data)
	}
	if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) {
		return none, op.Errorf(op.InvalidArgument, "key_file: %s has a passphrase: give it with passphrase", file)
	}
	if err != nil {
		return none, op.Errorf(op.InvalidArgument, "key_file: %s is no private SSH key, or the passphrase is not its: %w", file, err)
	}
	signer, ok := key.(crypto.Signer)
	if _, isRSA := key.(*rsa.PrivateKey); !ok || !isRSA {
		return none, op.Errorf(op.InvalidArgument, "key_file: %s is a %T: Triton's Docker endpoint takes RSA keys", file, key)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: c.Account}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().AddDate(10, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		return none, op.Errorf(op.InvalidArgument, "key_file: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: signer}, nil
}

const doc = `## Credentials

    [connection.triton]
    driver   = "joyent"
    endpoint = "tcp://us-central-1.docker.mnx.io:2376"
    account  = "jill"
    key_file = "~/.ssh/id_rsa"

A data centre of Triton knows its users by their SSH keys. ` + "`key_file`" + ` is such a private key, of RSA; a certificate is made of it whenever a connection is opened. Without it, what
` + "`sdc-docker-setup`" + ` has written is used, or ` + "`DOCKER_CERT_PATH`" + `.

## What to know

- A data centre is one Docker host to its users, however many machines it has. A container is a zone with an address of its own; cpus and memory choose its package.
- It speaks version 1.24 of the Docker API. Of what the driver docker has, it refuses paths of the host as mounts, privileged containers and what else a shared host cannot give; its errors say so.
- Tags are labels; ` + "`com.joyent.package`" + ` names a package, ` + "`triton.cns.services`" + ` a name in DNS.
- Instances that are no containers are CloudAPI's, which this driver does not speak.
- native makes any request of the Docker API: ` + "`cloud.native(\"GET /info\")`" + `.
`
