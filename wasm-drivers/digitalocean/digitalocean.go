// Package digitalocean is the DigitalOcean driver: droplets and load balancers,
// and what belongs to them. It is built natively for its tests, and as a
// WebAssembly module (folder guest) for use: one source, two builds.
//
//	client.go     requests, errors, pages, actions: shared by both families
//	droplets.go   nodes, sizes, locations; images.go, keys.go, volumes.go
//	networks.go   VPCs; firewalls.go, addresses.go
//	balancers.go  load balancers
package digitalocean

import (
	"context"
	"net/http"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/lb"
)

// Config is what a connection's configuration can say.
type Config struct {
	Endpoint string `json:"endpoint,omitzero" default:"https://api.digitalocean.com" help:"The API's address."`
	Region   string `json:"region,omitzero" ref:"location" help:"The region where things are made that are not told where, as \"fra1\"."`
	PageSize int    `json:"page_size,omitzero" default:"200" help:"How many items a page of a list has at most, 1 to 200."`
}

// Providers returns the drivers. Requests go through the transport, which adds
// the token: as a module, the host does.
func Providers(transport http.RoundTripper) []*drivers.Provider {
	const website = "https://docs.digitalocean.com/reference/api/"
	return []*drivers.Provider{
		drivers.New(drivers.Info{Name: "digitalocean", Family: compute.Family, Title: "DigitalOcean", Website: website, Doc: computeDoc,
			Extras:  map[string]any{"create_node": dropletExtra{}, "create_nodes": dropletExtra{}, "create_volume": volumeExtra{}},
			Missing: missing},
			func(_ context.Context, c Config) (*computeDriver, error) {
				client, err := newClient(c, transport)
				return &computeDriver{client}, err
			}),
		drivers.New(drivers.Info{Name: "digitalocean", Family: lb.Family, Title: "DigitalOcean", Website: website, Doc: lbDoc,
			Extras: map[string]any{"create_balancer": balancerExtra{}},
			Missing: map[string]string{
				"balancer_attach_member": "a load balancer's members are droplets: use balancer_attach_compute_node",
				"balancer_update_member": "a member has neither a weight nor a switch: detach it",
			}},
			func(_ context.Context, c Config) (*lbDriver, error) {
				client, err := newClient(c, transport)
				return &lbDriver{client}, err
			}),
	}
}

const computeDoc = `Nodes are droplets; a location is a region. The size's price is the API's own.

DigitalOcean's tags are words of letters, digits, ":", "_" and "-". A tag name=value is kept as the word ` + "`name:value`" + `, one with
an empty value as ` + "`name`" + `. Networks (VPCs), security groups (cloud firewalls) and addresses (reserved IPs) have no tags.

Key pairs are found by their names, which DigitalOcean lets several keys share: import_key_pair refuses a name that is taken. A
security group's rules cannot name other security groups; a new one lets everything out and nothing in. A volume can be attached to a droplet of its own region.
create_image waits for the droplet's snapshot to be made, which takes minutes for large disks: give such a connection a long timeout.
resize_node changes processors and memory and keeps the disk, so that it can be undone.`

const lbDoc = `A load balancer's members are droplets of its region, all with the same port, and weigh the same. DigitalOcean does not tell a member's health.
It has one algorithm.`

var missing = map[string]string{
	"suspend_node":       "a droplet cannot be suspended",
	"resume_node":        "a droplet cannot be suspended",
	"get_console_output": "the API does not give it",
	"create_key_pair":    "the API makes no keys: make one and import it",
	"copy_image":         "an image is one thing in all the regions that it is transferred to",
	"list_subnets":       "a VPC has one range of addresses and no subnets",
	"create_subnet":      "a VPC has one range of addresses and no subnets",
	"destroy_subnet":     "a VPC has one range of addresses and no subnets",
}

type computeDriver struct{ *client }

type lbDriver struct{ *client }
