// Package oci is the driver "oci", of the container family: any registry that
// speaks the OCI distribution protocol. Package registry does the work.
package oci

import (
	"context"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/registry"
)

// Provider returns the driver "oci".
func Provider() *drivers.Provider {
	return drivers.New(drivers.Info{
		Name:    "oci",
		Family:  container.Family,
		Title:   "an OCI registry",
		Website: "https://github.com/opencontainers/distribution-spec",
		Doc:     doc,
		Missing: registry.Missing(),
	}, open)
}

type configuration struct {
	Endpoint  string         `json:"endpoint,omitzero" help:"The connection's own registry, which names without one are in: \"registry.example:5000\", \"http://10.0.0.7:5000\". Without it, every name begins with its registry."`
	Username  string         `json:"username,omitzero" help:"The user to be there; Docker's login if not given."`
	Password  drivers.Secret `json:"password,omitzero" help:"That user's password, or a token in its place."`
	ConfigDir string         `json:"config_dir,omitzero" help:"Docker's configuration folder, which holds logins; DOCKER_CONFIG or ~/.docker if not given."`
	PageSize  int            `json:"page_size,omitzero" help:"How many items to ask for at a time in lists; 1000 if not given."`
}

func open(_ context.Context, c configuration) (*registry.Client, error) {
	credentials := registry.Credentials{Registry: registry.Host(c.Endpoint), Username: c.Username, Password: c.Password, Dir: c.ConfigDir}
	if err := credentials.Check(); err != nil {
		return nil, err
	}
	return registry.NewClient(c.Endpoint, credentials.Keychain(), c.PageSize)
}

const doc = `## What to know

- A connection has one registry of its own, and reaches any other that a name begins with: copy_image is from anywhere to anywhere.

        [connection.staging]
        driver   = "oci"
        endpoint = "registry.staging.example"

- Credentials are those of ` + "`docker login`" + `, credential helpers included, or ` + "`username` and `password`" + ` for the own registry. Podman's login is used where Docker has none.
- Registries are spoken to with TLS, but for one whose endpoint is a URL of http, and those at loopback and private addresses, where http is tried after it.
- An image's id is its name with the digest in place of the tag. get_image tells what a tag stands for now; of an index of several platforms, ` + "`extra[\"platforms\"]`" + ` has each one's, and size is that of all.
- copy_image copies an index with all its images. Layers that the other registry has are not sent again, and within one registry none are sent. The digest is the original's, which is checked.
- list_tags has names alone, as a registry's list does. list_repositories is the registry's catalog, which public ones do not show.
- delete_image deletes a tag or, by digest, an image with all its tags. Many registries delete no tags, or have to be told to delete at all.
- native makes any request of the registry's API that answers with JSON: ` + "`cloud.native(\"GET /v2/team/app/manifests/1.2\", headers = {\"Accept\": \"application/vnd.oci.image.index.v1+json\"})`" + `.
`
