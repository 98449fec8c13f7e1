package digitalocean_test

import (
	"net/http"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
	"github.com/cloudlark/cloudlark/wasm-drivers/digitalocean"
)

// authorized adds the token, as the host does for the module.
type authorized struct{ token string }

func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+a.token)
	return http.DefaultTransport.RoundTrip(r)
}

// builds are the driver natively and as a module: one source, two builds.
func builds(t *testing.T) map[string]func() []*drivers.Provider {
	return map[string]func() []*drivers.Provider{
		"native": func() []*drivers.Provider { return digitalocean.Providers(authorized{token}) },
		"module": func() []*drivers.Provider {
			m := wasmtest.Load(t, wasm.Source{Bytes: wasmtest.BuildGo(t, "./guest"), Grant: wasm.Grant{All: true}},
				wasm.Options{Getenv: func(name string) string { return map[string]string{"DIGITALOCEAN_TOKEN": token}[name] }})
			return m.Providers()
		},
	}
}

func of(t testing.TB, providers []*drivers.Provider, f *op.Family) *drivers.Provider {
	t.Helper()
	for _, p := range providers {
		if p.Family == f {
			return p
		}
	}
	t.Fatalf("there is no driver of %s", f.Name)
	return nil
}

func TestConformance(t *testing.T) {
	for name, build := range builds(t) {
		t.Run(name, func(t *testing.T) {
			providers := build()
			config := map[string]any{"endpoint": newDouble(t), "region": "fra1"}
			const noTags = "DigitalOcean has no tags for it"
			const noDescription = "the API's reference gives it no description"
			h := drivertest.Harness{SmallPages: map[string]any{"page_size": 4}, PageSize: 4, PlainTags: true,
				Lacks: map[string]string{
					"create_network.tags": noTags, "list_networks.tags": noTags, "create_security_group.tags": noTags, "list_security_groups.tags": noTags,
					"allocate_address.tags": noTags, "list_addresses.tags": noTags, "create_balancer.tags": noTags, "list_balancers.tags": noTags,
					"create_security_group.description": noDescription, "create_image.description": noDescription, "create_volume_snapshot.description": noDescription,
					"list_security_groups.network": "a firewall belongs to no network",
				}}
			t.Run("compute", func(t *testing.T) {
				h.Open = wasmtest.Opener(of(t, providers, compute.Family), config)
				h.Image, h.Size, h.OtherSize = "debian-13-x64", "s-1vcpu-1gb", "s-2vcpu-4gb"
				drivertest.Compute(t, h)
			})
			t.Run("lb", func(t *testing.T) {
				h.Open = wasmtest.Opener(of(t, providers, lb.Family), config)
				h.Node = func(t testing.TB) string {
					c := wasmtest.Opener(of(t, providers, compute.Family), config)(t, nil)
					defer c.Close()
					n, err := drivers.Call[compute.Node](t.Context(), c, compute.CreateNode{Name: "member", Size: "s-1vcpu-1gb", Image: "debian-13-x64"})
					if err != nil {
						t.Fatal(err)
					}
					return n.ID
				}
				drivertest.LB(t, h)
			})
		})
	}
}
