package hetzner_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
	"github.com/cloudlark/cloudlark/wasm-drivers/hetzner/hetznertest"
)

// version is the Zig that the driver and its SDK are written for.
const version = "0.17.1"

// zig finds the compiler, as the SDK's own tests do: CLOUDLARK_ZIG, zig, or
// Python's package ziglang.
var zig = sync.OnceValues(func() ([]string, error) {
	var tried []string
	for _, command := range []string{os.Getenv("CLOUDLARK_ZIG"), "zig", "python3 -m ziglang"} {
		words := strings.Fields(command)
		if len(words) == 0 {
			continue
		}
		out, err := exec.Command(words[0], append(words[1:], "version")...).Output()
		have := strings.TrimSpace(string(out))
		switch {
		case err != nil:
			tried = append(tried, fmt.Sprintf("%s: %v", command, err))
		case minor(have) != minor(version):
			tried = append(tried, fmt.Sprintf("%s is %s", command, have))
		default:
			return words, nil
		}
	}
	return nil, fmt.Errorf("Zig %s is not there (%s): python3 -m pip install ziglang==%s", version, strings.Join(tried, "; "), version)
})

func minor(v string) string { return v[:max(0, strings.LastIndexByte(v, '.'))] }

// run runs Zig in the driver's folder; without Zig the test is skipped by name.
func run(t *testing.T, arguments ...string) {
	t.Helper()
	command, err := zig()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute) // the first build on a machine builds Zig's build system
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], arguments...)...)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("zig %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
}

// module builds the driver, as its users do, and loads it.
func module(t *testing.T) *wasm.Module {
	t.Helper()
	dir := t.TempDir()
	run(t, "build", "--release=small", "--prefix", dir)
	code, err := os.ReadFile(filepath.Join(dir, "bin", "driver.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("the module has %d bytes", len(code)); len(code) > 500_000 {
		t.Error("it was to be small")
	}
	return wasmtest.Load(t, wasm.Source{Bytes: code, Grant: wasm.Grant{All: true}},
		wasm.Options{Getenv: func(name string) string { return map[string]string{"HCLOUD_TOKEN": hetznertest.Token}[name] }})
}

func TestConformance(t *testing.T) {
	m := module(t)
	server := hetznertest.New(t, hetznertest.Options{OwnedIPs: dedicated()})
	config := map[string]any{"endpoint": server.URL}
	h := drivertest.Harness{SmallPages: map[string]any{"page_size": 4}, PageSize: 4, PlainTags: true, VolumeSize: 10}
	t.Run("compute", func(t *testing.T) {
		h.Open = drivertest.Opener(wasmtest.Provider(t, m, compute.Family), config)
		h.Lacks = map[string]string{
			"create_image.description":          "a snapshot has one text, which is its name",
			"create_security_group.description": "a firewall has none",
			"list_security_groups.network":      "a firewall belongs to no network",
		}
		h.Deviations = map[string]string{
			"security_groups/rule_all":        "a rule is for one protocol, and there is no word for all of them",
			"security_groups/rule_from_group": "a rule names addresses, not firewalls",
		}
		drivertest.Compute(t, h)
	})
	t.Run("lb", func(t *testing.T) {
		h.Open = drivertest.Opener(wasmtest.Provider(t, m, lb.Family), config)
		h.Node = func(t testing.TB) string {
			c := drivertest.Opener(wasmtest.Provider(t, m, compute.Family), config)(t, nil)
			defer c.Close()
			n, err := drivers.Call[compute.Node](t.Context(), c, compute.CreateNode{Name: "member", Size: "cx23", Image: "debian-12"})
			if err != nil {
				t.Fatal(err)
			}
			return n.ID
		}
		const noDrain = "a load balancer has no such setting"
		h.Lacks = map[string]string{"member.port": "a target has no port: all have that of the service", "create_balancer.drain_timeout": noDrain, "update_balancer.drain_timeout": noDrain}
		h.OnePage = []string{"balancer_list_members"}
		h.Deviations = nil
		drivertest.LB(t, h)
	})
}

// dedicated are the addresses that the suite attaches: at Hetzner a member by
// address is a dedicated server of the same owner.
func dedicated() []string {
	var ips []string
	for i := range 64 {
		ips = append(ips, fmt.Sprintf("10.0.0.%d", i+1), fmt.Sprintf("10.0.1.%d", i+1))
	}
	return ips
}

// TestFirstMemberSaysThePort: a service's destination port is the members', and
// the check of it goes along.
func TestFirstMemberSaysThePort(t *testing.T) {
	m := module(t)
	server := hetznertest.New(t, hetznertest.Options{OwnedIPs: dedicated()})
	ctx := t.Context()
	c := drivertest.Opener(wasmtest.Provider(t, m, lb.Family), map[string]any{"endpoint": server.URL})(t, nil)
	defer c.Close()
	b, err := drivers.Call[lb.Balancer](ctx, c, lb.CreateBalancer{Name: "web", Port: 80})
	if err != nil {
		t.Fatal(err)
	}
	member, err := drivers.Call[lb.Member](ctx, c, lb.BalancerAttachMember{Balancer: b.ID, IP: "10.0.0.1", Port: 8080})
	if err != nil || member.Port != 8080 {
		t.Fatalf("the first member: %+v, %v", member, err)
	}
	if b, err = drivers.Call[lb.Balancer](ctx, c, lb.GetBalancer{Balancer: b.ID}); err != nil || b.Port != 80 || b.HealthCheck.Port != 8080 {
		t.Errorf("the balancer: %+v, check %+v, %v", b, b.HealthCheck, err)
	}
	_, err = drivers.Call[lb.Member](ctx, c, lb.BalancerAttachMember{Balancer: b.ID, IP: "10.0.0.2", Port: 8081})
	if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), "8080") {
		t.Errorf("a second one on another port: %v", err)
	}
	second, err := drivers.Call[lb.Member](ctx, c, lb.BalancerAttachMember{Balancer: b.ID, IP: "10.0.0.2"})
	if err != nil || second.Port != 8080 {
		t.Errorf("a second one without a port: %+v, %v", second, err)
	}
}

// TestZig runs the driver's tests and looks at the form of its source.
func TestZig(t *testing.T) {
	t.Run("test", func(t *testing.T) { run(t, "build", "test") })
	t.Run("fmt", func(t *testing.T) { run(t, "fmt", "--check", "src", "build.zig") })
}
