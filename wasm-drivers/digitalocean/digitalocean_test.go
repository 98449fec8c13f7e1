package digitalocean_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

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
	r.Close = true // the double is in this process: nothing of it shall be left over
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
			const noDrain = "a load balancer has no such setting"
			const noDescription = "the API's reference gives it no description"
			h := drivertest.Harness{SmallPages: map[string]any{"page_size": 4}, PageSize: 4, PlainTags: true,
				Lacks: map[string]string{
					"create_network.tags": noTags, "list_networks.tags": noTags, "create_security_group.tags": noTags, "list_security_groups.tags": noTags,
					"allocate_address.tags": noTags, "list_addresses.tags": noTags, "create_balancer.tags": noTags, "list_balancers.tags": noTags,
					"create_security_group.description": noDescription, "create_image.description": noDescription, "create_volume_snapshot.description": noDescription,
					"node.key_pair": "the API does not tell a droplet's keys", "volume.snapshot": "the API does not tell what a volume was made from",
					"list_security_groups.network":  "a firewall belongs to no network",
					"create_balancer.drain_timeout": noDrain, "update_balancer.drain_timeout": noDrain,
				}}
			h.Deviations = map[string]string{
				"security_groups/rule_all":        "a rule is for tcp, udp or icmp",
				"security_groups/rule_from_group": "a rule names addresses, droplets and tags, not firewalls",
				"security_groups/rule_port":       "a rule has no description",
				"concurrent/one_key_pair":         "several keys may have one name",
			}
			t.Run("compute", func(t *testing.T) {
				h.Open = drivertest.Opener(of(t, providers, compute.Family), config)
				h.Image, h.Size, h.OtherSize = "debian-13-x64", "s-1vcpu-1gb", "s-2vcpu-4gb"
				drivertest.Compute(t, h)
			})
			t.Run("lb", func(t *testing.T) {
				h.Open = drivertest.Opener(of(t, providers, lb.Family), config)
				h.Node = func(t testing.TB) string {
					c := drivertest.Opener(of(t, providers, compute.Family), config)(t, nil)
					defer c.Close()
					n, err := drivers.Call[compute.Node](t.Context(), c, compute.CreateNode{Name: "member", Size: "s-1vcpu-1gb", Image: "debian-13-x64"})
					if err != nil {
						t.Fatal(err)
					}
					return n.ID
				}
				h.Deviations = nil
				drivertest.LB(t, h)
			})
		})
	}
}

// TestErrors reads every form of error that the API has.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status  int
		message string
		kind    op.Kind
	}{
		{401, "Unable to authenticate you", op.Unauthenticated},
		{403, "You are not authorized to perform this operation", op.PermissionDenied},
		{403, "Can not delete VPC with members", op.Conflict},
		{404, "The resource you were accessing could not be found.", op.NotFound},
		{409, "duplicate name", op.AlreadyExists},
		{409, "a request is under way", op.Conflict},
		{422, "creating this/these droplet(s) will exceed your droplet limit", op.QuotaExceeded},
		{422, "Droplet is currently powered off. Please power it on to run this event.", op.Conflict},
		{422, "SSH Key is already in use on your account", op.AlreadyExists},
		{422, "Name is invalid", op.InvalidArgument},
		{429, "API rate limit exceeded.", op.RateLimited},
		{500, "Server Error", op.Unavailable},
		{503, "Service Unavailable", op.Unavailable},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Ratelimit-Reset", strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10))
			fail(w, c.status, "some_id", c.message)
		}))
		conn := drivertest.Opener(of(t, digitalocean.Providers(authorized{token}), compute.Family), map[string]any{"endpoint": s.URL})(t, nil)
		_, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "17"})
		e := op.AsError(err)
		if e == nil || e.Kind != c.kind || e.Code != "some_id" || e.RequestID == "" {
			t.Errorf("%d %q: %#v", c.status, c.message, e)
		}
		if c.kind == op.RateLimited && (e.RetryAfter < 50*time.Second || e.RetryAfter > time.Minute) {
			t.Errorf("wait for %v", e.RetryAfter)
		}
		s.Close()
	}
}

// TestNoToken says what is to be set.
func TestNoToken(t *testing.T) {
	m := wasmtest.Load(t, wasm.Source{Bytes: wasmtest.BuildGo(t, "./guest"), Grant: wasm.Grant{All: true}}, wasm.Options{})
	_, err := m.Providers()[0].Open(t.Context(), "digitalocean", nil)
	if op.KindOf(err) != op.Unauthenticated || !strings.Contains(err.Error(), "DIGITALOCEAN_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
	s := newDouble(t)
	conn := drivertest.Opener(m.Providers()[0], map[string]any{"endpoint": s, "token": op.Secret("wrong")})(t, nil)
	if _, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "17"}); op.KindOf(err) != op.Unauthenticated {
		t.Errorf("with a wrong token: %v", err)
	}
}
