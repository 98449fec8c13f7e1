package sim

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Time in these tests is synctest's: a minute passes at once.

func state(t *testing.T, c *drivers.Conn, id string) compute.NodeState {
	t.Helper()
	n, err := drivers.Call[compute.Node](t.Context(), c, compute.GetNode{Node: id})
	if errors.Is(err, op.NotFound) {
		return "gone"
	}
	if err != nil {
		t.Fatal(err)
	}
	return n.State
}

func do(t *testing.T, c *drivers.Conn, in any) {
	t.Helper()
	if err := drivers.Do(t.Context(), c, in); err != nil {
		t.Fatalf("%T: %v", in, err)
	}
}

func TestNodeLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Providers(Options{}), compute.Family, map[string]any{"boot_time": "10s", "keep_terminated": "1m"})
		n := createNode(t, c)
		if n.State != compute.NodePending || len(n.Volumes) != 1 || len(n.PrivateIPs) != 1 || len(n.PublicIPs) != 1 {
			t.Errorf("a new node is %+v", n)
		}
		for _, step := range []struct {
			in            any
			through, ends compute.NodeState
		}{
			{nil, compute.NodePending, compute.NodeRunning},
			{compute.RebootNode{Node: n.ID}, compute.NodeRebooting, compute.NodeRunning},
			{compute.SuspendNode{Node: n.ID}, compute.NodeUpdating, compute.NodeSuspended},
			{compute.ResumeNode{Node: n.ID}, compute.NodeUpdating, compute.NodeRunning},
			{compute.StopNode{Node: n.ID}, compute.NodeStopping, compute.NodeStopped},
			{compute.StartNode{Node: n.ID}, compute.NodeStarting, compute.NodeRunning},
			{compute.DestroyNode{Node: n.ID}, compute.NodeStopping, compute.NodeTerminated},
		} {
			if step.in != nil {
				do(t, c, step.in)
			}
			time.Sleep(9 * time.Second)
			if s := state(t, c, n.ID); s != step.through {
				t.Errorf("%T: after 9 seconds the node is %s, want %s", step.in, s, step.through)
			}
			time.Sleep(time.Second)
			if s := state(t, c, n.ID); s != step.ends {
				t.Errorf("%T: after 10 seconds the node is %s, want %s", step.in, s, step.ends)
			}
		}
		time.Sleep(59 * time.Second)
		if s := state(t, c, n.ID); s != compute.NodeTerminated {
			t.Errorf("after 59 seconds a terminated node is %s", s)
		}
		time.Sleep(time.Second)
		if s := state(t, c, n.ID); s != "gone" {
			t.Errorf("after a minute a terminated node is %s", s)
		}
		// Nothing of it is left, but the counters.
		do(t, c, compute.DestroyNetwork{Network: network1(t, c)})
		w := c.Driver().(computeDriver).world
		err := w.view(t.Context(), func(tx *txn, _ time.Time) error {
			for _, name := range []string{string(nodes), string(volumes), string(leases)} {
				tx.scan(name, "", nil, func(key string, _ any) bool {
					t.Errorf("%s still has %s", name, key)
					return true
				})
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func network1(t *testing.T, c *drivers.Conn) string {
	t.Helper()
	n, err := drivers.Call[compute.Network](t.Context(), c, compute.CreateNetwork{Name: "n", CIDR: "10.0.0.0/16"})
	if err != nil {
		t.Fatal(err)
	}
	return n.ID
}

func TestVolumeLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Providers(Options{}), compute.Family, map[string]any{"boot_time": "4s"})
		n := createNode(t, c)
		time.Sleep(4 * time.Second)
		v, err := drivers.Call[compute.Volume](t.Context(), c, compute.CreateVolume{Name: "data", Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		is := func(want compute.VolumeState, node string) {
			t.Helper()
			got, err := drivers.Call[compute.Volume](t.Context(), c, compute.GetVolume{Volume: v.ID})
			if err != nil || got.State != want || got.Node != node {
				t.Errorf("the volume is %+v, %v; want %s", got, err, want)
			}
			m, err := drivers.Call[compute.Node](t.Context(), c, compute.GetNode{Node: n.ID})
			if attached := len(m.Volumes) == 2; err != nil || attached != (node != "") {
				t.Errorf("the node has the volumes %v, %v", m.Volumes, err)
			}
		}
		refused := func(in any) {
			t.Helper()
			if err := drivers.Do(t.Context(), c, in); !errors.Is(err, op.Conflict) {
				t.Errorf("%+v: want a conflict, got %v", in, err)
			}
		}
		is(compute.VolumeCreating, "")
		refused(compute.AttachVolume{Volume: v.ID, Node: n.ID})
		time.Sleep(time.Second)
		do(t, c, compute.AttachVolume{Volume: v.ID, Node: n.ID})
		is(compute.VolumeAttaching, n.ID)
		refused(compute.DetachVolume{Volume: v.ID})
		time.Sleep(time.Second)
		is(compute.VolumeInUse, n.ID)
		refused(compute.DestroyVolume{Volume: v.ID})
		refused(compute.DetachVolume{Volume: n.Volumes[0]}) // the root disk
		do(t, c, compute.DetachVolume{Volume: v.ID})
		is(compute.VolumeInUse, n.ID)
		time.Sleep(time.Second)
		is(compute.VolumeAvailable, "")
		// A node that ends leaves it free again.
		do(t, c, compute.AttachVolume{Volume: v.ID, Node: n.ID})
		time.Sleep(time.Second)
		do(t, c, compute.DestroyNode{Node: n.ID})
		time.Sleep(4 * time.Second)
		is(compute.VolumeAvailable, "")
		do(t, c, compute.DestroyVolume{Volume: v.ID})
		time.Sleep(time.Second)
		for left, err := range drivers.List[compute.Volume](t.Context(), c, compute.ListVolumes{}) {
			t.Errorf("a volume is left: %+v, %v", left, err)
		}
	})
}

func TestAtOnce(t *testing.T) {
	c := open(t, Providers(Options{}), compute.Family, map[string]any{"boot_time": "0s"})
	if n := createNode(t, c); n.State != compute.NodeRunning {
		t.Errorf("the node is %s", n.State)
	}
}

func TestQuotas(t *testing.T) {
	c := open(t, Providers(Options{}), compute.Family, map[string]any{"max_nodes": 3, "boot_time": "0s"})
	create := func(count int) error {
		_, err := drivers.Call[[]compute.Node](t.Context(), c, compute.CreateNodes{Count: count,
			CreateNode: compute.CreateNode{Name: "n", Size: "g1.small", Image: "debian-13-x86_64"}})
		return err
	}
	if err := create(2); err != nil {
		t.Fatal(err)
	}
	if err := create(2); !errors.Is(err, op.QuotaExceeded) || !strings.Contains(err.Error(), "max_nodes") {
		t.Errorf("beyond the quota: %v", err)
	}
	n := 0
	for range drivers.List[compute.Node](t.Context(), c, compute.ListNodes{}) {
		n++
	}
	if n != 2 {
		t.Errorf("after a refused creation there are %d nodes", n)
	}
	do(t, c, compute.DestroyNode{Node: "node-00000001"})
	if err := create(2); err != nil {
		t.Errorf("after one was destroyed: %v", err)
	}
}

// TestTokensSurvive repeats a request in another process's place.
func TestTokensSurvive(t *testing.T) {
	folder := t.TempDir()
	ctx := op.WithToken(t.Context(), "token")
	create := func() compute.Node {
		t.Helper()
		c := open(t, Providers(Options{State: folder}), compute.Family, nil)
		n, err := drivers.Call[compute.Node](ctx, c, compute.CreateNode{Name: "n", Size: "g1.small", Image: "debian-13-x86_64"})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if a, b := create(), create(); a.ID != b.ID {
		t.Errorf("one token made %s and %s", a.ID, b.ID)
	}
	c := open(t, Providers(Options{State: folder}), compute.Family, nil)
	_, err := drivers.Call[compute.Node](ctx, c, compute.CreateNode{Name: "other", Size: "g1.small", Image: "debian-13-x86_64"})
	if !errors.Is(err, op.InvalidArgument) {
		t.Errorf("one token for two requests: %v", err)
	}
}

// TestKeyPairs checks that the private key is the public one's, also when the
// request is repeated.
func TestKeyPairs(t *testing.T) {
	c := open(t, Providers(Options{}), compute.Family, nil)
	ctx := op.WithToken(t.Context(), "token")
	for range 2 {
		k, err := drivers.Call[compute.KeyPair](ctx, c, compute.CreateKeyPair{Name: "ops"})
		if err != nil {
			t.Fatal(err)
		}
		signer, err := ssh.ParsePrivateKey([]byte(k.PrivateKey.Reveal()))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))); got+" ops" != k.PublicKey {
			t.Errorf("the private key is of %s, not of %s", got, k.PublicKey)
		}
		if k.Fingerprint != ssh.FingerprintSHA256(signer.PublicKey()) {
			t.Errorf("the fingerprint is %s", k.Fingerprint)
		}
	}
}

func TestMessages(t *testing.T) {
	c := open(t, Providers(Options{}), compute.Family, nil)
	for _, test := range []struct {
		in   any
		want string
	}{
		{compute.CreateNode{Name: "n", Size: "g1.smal", Image: "debian-13-x86_64"}, `there is no size "g1.smal"; did you mean g1.small`},
		{compute.CreateNode{Name: "n", Size: "g1.small", Image: "debian-13"}, "did you mean debian-13-arm64 or debian-13-x86_64"},
		{compute.CreateNode{Name: "n", Size: "a1.small", Image: "debian-13-x86_64"}, "image debian-13-x86_64 is for x86_64, but size a1.small is arm64"},
		{compute.CreateNode{Name: "n", Size: "g1.small", Image: "debian-13-x86_64", Location: "sim-eu-1c"}, "did you mean sim-eu-1a or sim-eu-1b"},
		{compute.CreateNode{Name: "n", Size: "g1.small", Image: "debian-13-x86_64", SecurityGroups: []string{"default"}}, "one of that name has the id sg-default"},
	} {
		_, err := drivers.Call[compute.Node](t.Context(), c, test.in)
		e, _ := errors.AsType[*op.Error](err)
		if e == nil || !strings.Contains(e.Message, test.want) || e.RequestID == "" {
			t.Errorf("%+v:\ngot  %v\nwant %s", test.in, err, test.want)
		}
	}
	_, err := drivers.Call[compute.Node](t.Context(), c, compute.CreateNode{Name: "n", Size: "g1.small", Image: "debian-13-x86_64", Extra: map[string]any{"spot": true}})
	if want := `create_node (sim): invalid argument: extra: Cloudlark's embedded cloud takes nothing there for create_node, and so no "spot"`; err == nil || err.Error() != want {
		t.Errorf("with extra:\ngot  %v\nwant %s", err, want)
	}
}

func TestConfig(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"boot_time", "soon", "boot_time"},
		{"boot_time", "-1s", "boot_time"},
		{"latency", "1", "latency"},
		{"error_rate", 1.5, "error_rate"},
		{"throttle_rate", -0.1, "throttle_rate"},
		{"page_size", -1, "page_size"},
		{"location", "sim-eu-1", "did you mean"},
		{"boot_tiem", "1s", "did you mean boot_time"},
	} {
		_, err := provider(Providers(Options{}), compute.Family).Open(t.Context(), "sim", map[string]any{test.name: test.value})
		if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s = %v: %v", test.name, test.value, err)
		}
	}
}

// TestShared: connections share a cloud by its name, and others do not.
func TestShared(t *testing.T) {
	ps := Providers(Options{})
	createNode(t, open(t, ps, compute.Family, nil))
	count := func(ps []*drivers.Provider, config map[string]any) (n int) {
		for _, err := range drivers.List[compute.Node](t.Context(), open(t, ps, compute.Family, config), compute.ListNodes{}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	for name, got := range map[string]int{"the same": count(ps, nil) - 1, "another name": count(ps, map[string]any{"name": "other"}),
		"other providers": count(Providers(Options{}), nil)} {
		if got != 0 {
			t.Errorf("%s: %d nodes too many", name, got)
		}
	}
}

func TestEveryOperation(t *testing.T) {
	for _, p := range Providers(Options{}) {
		for _, o := range p.Family.Ops {
			if !p.Offers(o) && p.Missing[o.Name] == "" {
				t.Errorf("%s is missing", o)
			}
		}
	}
}

func TestConsole(t *testing.T) {
	c := open(t, Providers(Options{}), compute.Family, map[string]any{"boot_time": "0s"})
	n, err := drivers.Call[compute.Node](t.Context(), c, compute.CreateNode{Name: "web", Size: "g1.small", Image: "debian-13-x86_64", UserData: "#!/bin/sh\ntrue"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := drivers.Call[compute.ConsoleOutput](t.Context(), c, compute.GetConsoleOutput{Node: n.ID})
	for _, want := range []string{"Linux version", "hostname web", "user data of 14 bytes (#!/bin/sh)", "web login:"} {
		if err != nil || !strings.Contains(out.Text, want) {
			t.Errorf("the console lacks %q: %q, %v", want, out.Text, err)
		}
	}
}

// TestMemberHealth: a member is healthy as long as its node runs.
func TestMemberHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps := Providers(Options{})
		config := map[string]any{"boot_time": "4s"}
		c, l := open(t, ps, compute.Family, config), open(t, ps, lb.Family, config)
		n := createNode(t, c)
		b, err := drivers.Call[lb.Balancer](t.Context(), l, lb.CreateBalancer{Name: "b", Port: 80, Members: []lb.NewMember{{Node: n.ID}, {IP: "10.0.0.1"}}})
		if err != nil || b.State != lb.Pending || b.Address != "" {
			t.Errorf("a new balancer is %+v, %v", b, err)
		}
		is := func(want ...lb.Health) {
			t.Helper()
			var got []lb.Health
			for m, err := range drivers.List[lb.Member](t.Context(), l, lb.BalancerListMembers{Balancer: b.ID}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, m.Health)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the members are %v, want %v", got, want)
			}
		}
		is(lb.HealthUnknown, lb.HealthUnknown)
		time.Sleep(time.Second)
		is(lb.Unhealthy, lb.Healthy)
		time.Sleep(3 * time.Second)
		is(lb.Healthy, lb.Healthy)
		do(t, c, compute.StopNode{Node: n.ID, Force: true})
		is(lb.Unhealthy, lb.Healthy)
	})
}

// fates draws what becomes of n requests.
func fates(seed, n int) (got []fault) {
	f := newFaults(0, 0.2, 0.2, seed)
	for range n {
		got = append(got, f.next())
	}
	return got
}

func TestFaults(t *testing.T) {
	if a, b := fates(1, 1000), fates(1, 1000); !reflect.DeepEqual(a, b) {
		t.Error("one seed gives two fates")
	}
	if a, b := fates(1, 1000), fates(2, 1000); reflect.DeepEqual(a, b) {
		t.Error("two seeds give one fate")
	}
	count := map[fault]int{}
	for _, f := range fates(3, 10_000) {
		count[f]++
	}
	for f, want := range map[fault]int{none: 6000, throttle: 2000, before: 1000, after: 1000} {
		if got := count[f]; got < want*9/10 || got > want*11/10 {
			t.Errorf("of 10000 requests %d fare %d, want about %d", got, f, want)
		}
	}
	c := open(t, Providers(Options{}), compute.Family, map[string]any{"throttle_rate": 1.0})
	for _, err := range drivers.List[compute.Node](t.Context(), c, compute.ListNodes{}) {
		if e := op.AsError(err); e.Kind != op.RateLimited || e.RetryAfter == 0 || e.RequestID == "" {
			t.Errorf("a throttled request: %#v", e)
		}
	}
	// Of those that fail, some have had their effect.
	ps := Providers(Options{})
	bad, good := open(t, ps, compute.Family, map[string]any{"error_rate": 1.0, "seed": 1}), open(t, ps, compute.Family, nil)
	for i := range 100 {
		_, err := drivers.Call[compute.Volume](t.Context(), bad, compute.CreateVolume{Name: fmt.Sprint(i), Size: 1})
		if !errors.Is(err, op.Unavailable) {
			t.Fatalf("got %v", err)
		}
	}
	n := 0
	for range drivers.List[compute.Volume](t.Context(), good, compute.ListVolumes{}) {
		n++
	}
	if n < 25 || n > 75 {
		t.Errorf("of 100 failed requests %d had an effect", n)
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Providers(Options{}), compute.Family, map[string]any{"latency": "2s"})
		began := time.Now()
		createNode(t, c)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("a request took %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := drivers.Call[compute.Node](ctx, c, compute.GetNode{Node: "x"}); !errors.Is(err, op.Timeout) {
			t.Errorf("got %v", err)
		}
	})
}
