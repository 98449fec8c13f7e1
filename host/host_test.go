package host_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/sim"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/host"
)

func newHost(t testing.TB, o host.Options) *host.Host {
	t.Helper()
	if o.Drivers == nil {
		o.Drivers = sim.Providers(sim.Options{})
	}
	h, err := host.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func script(src string) host.Script {
	return host.Script{FS: fstest.MapFS{"main.star": {Data: []byte(src)}}, Path: "main.star"}
}

const webNode = `cloud.create_node(name = "web", size = "g1.small", image = "debian-13-x86_64")`

func TestRun(t *testing.T) {
	h := newHost(t, host.Options{})
	res, err := h.Run(t.Context(), script(`
cloud = compute.driver("sim")
node = `+webNode+`
key = cloud.create_key_pair(name = "gone")
key.delete()
answer = {"n": 42, "list": ["a", None]}
def f(): pass
_hidden = 1
`))
	if err != nil {
		t.Fatal(err)
	}
	node, ok := res.Globals["node"].(compute.Node)
	if !ok || node.Name != "web" {
		t.Errorf("node is %+v", res.Globals["node"])
	}
	if got, want := fmt.Sprint(res.Globals["answer"]), "map[list:[a <nil>] n:42]"; got != want {
		t.Errorf("answer is %s, want %s", got, want)
	}
	for _, name := range []string{"f", "_hidden", "cloud"} {
		if _, ok := res.Globals[name]; ok {
			t.Errorf("%s is among the globals", name)
		}
	}
	if len(res.Created) != 1 || res.Created[0] != (host.Created{Provider: "sim", Connection: "sim", Op: "create_node", Type: "node", ID: node.ID, Name: "web"}) {
		t.Errorf("created %+v", res.Created)
	}
	if res.Steps == 0 {
		t.Error("no steps were counted")
	}
}

// TestFailedRun: what a run created is known when it failed, too.
func TestFailedRun(t *testing.T) {
	h := newHost(t, host.Options{})
	res, err := h.Run(t.Context(), script(`
cloud = compute.driver("sim")
`+webNode+`
cloud.get_node(node = "n-none")
`))
	if !errors.Is(err, op.NotFound) {
		t.Error(err)
	}
	if e, ok := errors.AsType[*builtins.Error](err); !ok || len(e.Stack) != 1 || e.Stack[0].Line != 4 {
		t.Errorf("no place in the script: %+v", err)
	}
	if len(res.Created) != 1 || res.Created[0].Name != "web" {
		t.Errorf("created %+v", res.Created)
	}
}

// TestInterrupted: a run ends promptly and says what it leaves.
func TestInterrupted(t *testing.T) {
	for what, wait := range map[string]string{
		"in a wait":          `node.wait(state = "stopped", timeout = "1h")`,
		"in a loop":          `while True: pass`,
		"in a sleep":         `sleep("1h")`,
		"in a parallel call": `parallel(lambda i: sleep("1h"), range(8))`,
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			h := newHost(t, host.Options{Limits: host.Limits{Steps: 1 << 40}, Progress: func(host.Event) {}, Stdout: writer(func([]byte) {
				time.AfterFunc(20*time.Millisecond, cancel)
			})})
			res, err := h.Run(ctx, script("cloud = compute.driver(\"sim\")\nnode = "+webNode+"\nprint(\"made\")\n"+wait))
			if !errors.Is(err, op.Canceled) || op.KindOf(err) != op.Canceled {
				t.Fatal(err)
			}
			if len(res.Created) != 1 {
				t.Fatalf("created %+v", res.Created)
			}
			if want := fmt.Sprintf(`canceled: the run was interrupted; it created and left: node "web" (%s) at sim`, res.Created[0].ID); err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		what   string
		limits host.Limits
		src    string
		want   string
	}{
		{"time", host.Limits{Time: 50 * time.Millisecond}, "while True: pass", "timeout: the run took longer than its limit of 50ms"},
		{"steps", host.Limits{Steps: 200_000}, "while True: pass", "limit of 200000 steps"},
		{"output", host.Limits{Output: 1000}, `for i in range(1000): print("0123456789")`, "limit of 1000 bytes"},
	} {
		t.Run(c.what, func(t *testing.T) {
			_, err := newHost(t, host.Options{Limits: c.limits}).Run(t.Context(), script(c.src))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want …%s", err, c.want)
			}
		})
	}
}

// TestConcurrentRuns: one Host, many scripts at once, each with what is its own.
func TestConcurrentRuns(t *testing.T) {
	var out lockedBuffer
	h := newHost(t, host.Options{Stdout: &out, Logger: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	s := script(`
p = params(name = param(required = True, type = str))
mine = compute.driver("sim", name = "cloud of " + p.name, boot_time = "0s")
again = compute.driver("sim", name = "cloud of " + p.name, boot_time = "0s")
shared = storage.driver("sim")
mine.create_key_pair(name = p.name)
shared.create_bucket(name = p.name)
keys = [k.name for k in again.list_key_pairs()]
shared.delete_bucket(bucket = p.name)
print(p.name)
`)
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			s := s
			name := fmt.Sprintf("run-%02d", i)
			s.Params = map[string]any{"name": name}
			res, err := h.Run(t.Context(), s)
			if err != nil {
				t.Error(err)
				return
			}
			if got := fmt.Sprint(res.Globals["keys"]); got != "["+name+"]" {
				t.Errorf("%s saw the keys %s", name, got)
			}
			if len(res.Created) != 1 || res.Created[0].Name != name {
				t.Errorf("%s created %+v", name, res.Created)
			}
		})
	}
	wg.Wait()
	if n := strings.Count(out.String(), "run-"); n != 24 {
		t.Errorf("%d lines were printed", n)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// lifecycle is a driver that counts how often it is opened and closed.
type lifecycle struct {
	mu             sync.Mutex
	opened, closed int
}

func (l *lifecycle) provider() *drivers.Provider {
	type config struct {
		Region string `json:"region,omitzero"`
	}
	return drivers.New(drivers.Info{Name: "counted", Title: "Counted", Family: compute.Family}, func(context.Context, config) (*lifecycle, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.opened++
		return l, nil
	})
}

func (l *lifecycle) RebootNode(context.Context, compute.RebootNode) error { return nil }

func (l *lifecycle) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed++
	return nil
}

func (l *lifecycle) is(t *testing.T, opened, closed int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened != opened || l.closed != closed {
		t.Errorf("opened %d and closed %d, want %d and %d", l.opened, l.closed, opened, closed)
	}
}

// TestConnections: what is shared is opened once, what is a run's own ends with
// the run, and nothing survives the Host.
func TestConnections(t *testing.T) {
	l := &lifecycle{}
	h, err := host.New(host.Options{Drivers: []*drivers.Provider{l.provider()}})
	if err != nil {
		t.Fatal(err)
	}
	run := func(src string) {
		t.Helper()
		if _, err := h.Run(t.Context(), script(src)); err != nil {
			t.Fatal(err)
		}
	}
	run(`[compute.driver("counted") for i in range(3)]`)
	run(`compute.driver("counted").reboot_node(node = "n")`)
	l.is(t, 1, 0)
	run(`[compute.driver("counted", region = r) for r in ["eu", "us", "eu"]]`)
	l.is(t, 3, 2)
	own, err := h.Open(t.Context(), "compute", "counted", map[string]any{"region": "eu"})
	if err != nil {
		t.Fatal(err)
	}
	l.is(t, 4, 2)
	if err := own.Close(); err != nil {
		t.Fatal(err)
	}
	l.is(t, 4, 3)
	shared, err := h.Open(t.Context(), "compute", "counted", nil)
	if err != nil {
		t.Fatal(err)
	}
	l.is(t, 4, 3)
	shared.Close() // against the rules, but the next caller gets an open one
	run(`compute.driver("counted").reboot_node(node = "n")`)
	l.is(t, 5, 4)
	if _, err := h.Open(t.Context(), "compute", "counted", map[string]any{"region": "eu"}); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	l.is(t, 6, 6)
	if _, err := h.Open(t.Context(), "compute", "counted", nil); err == nil || err.Error() != "canceled: the host is closed" {
		t.Error(err)
	}
	if _, err := h.Run(t.Context(), script("x = 1")); err == nil || err.Error() != "canceled: the host is closed" {
		t.Error(err)
	}
}

// TestCloseEndsRuns: a Host that is closed does not wait for a script that would not end.
func TestCloseEndsRuns(t *testing.T) {
	begun := make(chan struct{})
	h, err := host.New(host.Options{Drivers: sim.Providers(sim.Options{}), Stdout: writer(func([]byte) { close(begun) })})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := h.Run(t.Context(), script("print(1)\nsleep(\"1h\")"))
		ended <- err
	}()
	<-begun
	go h.Close()
	if err := <-ended; err == nil || err.Error() != "canceled: the host is closed" {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	h := newHost(t, host.Options{Drivers: append(sim.Providers(sim.Options{}), (&lifecycle{}).provider()),
		Config: &host.Config{Connections: map[string]*host.Connection{"prod": {Drivers: []string{"sim"}}}}})
	for _, c := range []struct{ family, name, want string }{
		{"compute", "smi", `invalid argument: compute has no driver or connection "smi"; did you mean sim?`},
		{"compute", "prdo", `invalid argument: compute has no driver or connection "prdo"; did you mean prod?`},
		{"storage", "counted", "unsupported: counted is a driver of compute, not of storage; storage has sim and prod"},
		{"compuet", "sim", `invalid argument: no driver is of a family "compuet"; did you mean compute?`},
		{"lb", "prod", ""},
	} {
		_, err := h.Open(t.Context(), c.family, c.name, nil)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s, %s: %s\nwant %s", c.family, c.name, got, c.want)
		}
	}
}

func TestNew(t *testing.T) {
	twice := append(sim.Providers(sim.Options{}), sim.Providers(sim.Options{})...)
	_, err := host.New(host.Options{Drivers: twice})
	if err == nil || err.Error() != "host: the driver sim is given twice for the family compute" {
		t.Error(err)
	}
}

func TestParams(t *testing.T) {
	ps, err := newHost(t, host.Options{}).Params(t.Context(), script(`
p = params(count = param(2, help = "How many."))
compute.driver("sim").create_network(name = "never", cidr = "10.0.0.0/8")
`))
	if err != nil || len(ps) != 1 || ps[0].Name != "count" || ps[0].Help != "How many." {
		t.Errorf("%+v, %v", ps, err)
	}
}

func TestSession(t *testing.T) {
	h := newHost(t, host.Options{})
	s, err := h.Session(host.Script{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []struct{ src, want string }{
		{`cloud = compute.driver("sim")`, "<nil>"},
		{`node = ` + webNode, "<nil>"},
		{`node.name`, `"web"`},
		{`cloud.create_key_pair(name = "k").name`, `"k"`},
		{`cloud.delete_key_pair(key_pair = "k")`, "None"},
	} {
		v, err := s.Eval(t.Context(), c.src)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(v); got != c.want {
			t.Errorf("%s is %s, want %s", c.src, got, c.want)
		}
	}
	if c := s.Created(); len(c) != 1 || c[0].Name != "web" {
		t.Errorf("created %+v", c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := s.Eval(ctx, `sleep("1h")`); !errors.Is(err, op.Canceled) {
		t.Error(err)
	}
	if v, err := s.Eval(t.Context(), "node.name"); err != nil || v.String() != `"web"` {
		t.Errorf("the session did not survive: %v, %v", v, err)
	}
}

// TestBadCloud: the chain hides from the conformance suite that the cloud fails
// and throttles.
func TestBadCloud(t *testing.T) {
	if testing.Short() {
		t.Skip("the whole conformance suite")
	}
	config := map[string]any{"error_rate": 0.1, "throttle_rate": 0.05, "seed": 11, "boot_time": "20ms", "keep_terminated": "1s"}
	for _, f := range []struct {
		family *op.Family
		suite  func(*testing.T, drivertest.Harness)
	}{{compute.Family, drivertest.Compute}, {storage.Family, drivertest.Storage}, {lb.Family, drivertest.LB}, {container.Family, drivertest.Container}} {
		t.Run(f.family.Name, func(t *testing.T) {
			providers := sim.Providers(sim.Options{})
			open := func(t testing.TB, family string, more map[string]any, chain ...op.Interceptor) *drivers.Conn {
				t.Helper()
				h := newHost(t, host.Options{Drivers: providers, Chain: chain, Limits: host.Limits{Retries: 12}})
				all := map[string]any{}
				for _, m := range []map[string]any{config, more} {
					for k, v := range m {
						all[k] = v
					}
				}
				conn, err := h.Open(t.Context(), family, "sim", all)
				if err != nil {
					t.Fatal(err)
				}
				return conn
			}
			f.suite(t, drivertest.Harness{
				Open: func(t testing.TB, more map[string]any, chain ...op.Interceptor) *drivers.Conn {
					return open(t, f.family.Name, more, chain...)
				},
				SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
				Image: map[string]string{"container": "nginx"}[f.family.Name],
				Node: func(t testing.TB) string {
					n, err := drivers.Call[compute.Node](t.Context(), open(t, "compute", nil), compute.CreateNode{Name: "web", Size: "g1.small", Image: "debian-13-x86_64"})
					if err != nil {
						t.Fatal(err)
					}
					return n.ID
				},
			})
		})
	}
}

// TestNoCloudSDK: a program that imports the host and the embedded cloud alone
// carries no cloud's SDK.
func TestNoCloudSDK(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "github.com/cloudlark/cloudlark/host", "github.com/cloudlark/cloudlark/drivers/sim").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 || !slices.Contains(deps, "github.com/cloudlark/cloudlark/builtins") {
		t.Fatalf("that is no list of dependencies: %q", deps)
	}
	for _, dep := range deps {
		// The signer of AWS's requests is no SDK: host/wasm signs with it for modules.
		for _, sdk := range []string{"github.com/aws/aws-sdk-go-v2/service/", "github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/credentials", "cloud.google.com/", "google.golang.org/api", "github.com/Azure/", "github.com/gophercloud/", "github.com/docker/", "github.com/moby/", "k8s.io/", "libvirt.org/"} {
			if strings.HasPrefix(dep, sdk) {
				t.Errorf("host and sim depend on %s", dep)
			}
		}
	}
}

// BenchmarkHello is a host's start and a script in process.
func BenchmarkHello(b *testing.B) {
	s := script(`print("hello")`)
	for b.Loop() {
		h, err := host.New(host.Options{Drivers: sim.Providers(sim.Options{})})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := h.Run(b.Context(), s); err != nil {
			b.Fatal(err)
		}
		if err := h.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCall is one call from Go through the whole chain, to a driver that
// answers at once.
func BenchmarkCall(b *testing.B) {
	h := newHost(b, host.Options{Drivers: []*drivers.Provider{(&lifecycle{}).provider()}})
	conn, err := h.Open(b.Context(), "compute", "counted", nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := drivers.Do(b.Context(), conn, compute.RebootNode{Node: "n"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParallel is 1,000 calls to the embedded cloud from parallel threads of a script.
func BenchmarkParallel(b *testing.B) {
	h := newHost(b, host.Options{})
	s := script(`
cloud = compute.driver("sim")
names = parallel(lambda i: cloud.list_sizes()[0].name, range(1000), limit = 64)
`)
	for b.Loop() {
		if _, err := h.Run(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRegions lists the nodes of several regions in parallel, each of which takes 20 ms to
// answer. The time should be that of one region, however many there are.
func BenchmarkRegions(b *testing.B) {
	for _, regions := range []int{1, 4, 16} {
		b.Run(fmt.Sprint(regions), func(b *testing.B) {
			h := newHost(b, host.Options{})
			s := script(fmt.Sprintf(`
def nodes(i):
    return len(compute.driver("sim", name = "region-%%d" %% i, latency = "20ms").list_nodes())
counts = parallel(nodes, range(%d), limit = 16)
`, regions))
			for b.Loop() {
				if _, err := h.Run(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
