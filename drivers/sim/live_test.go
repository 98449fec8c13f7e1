package sim

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

var listening = map[string]any{"listen": true, "boot_time": "0s"}

// TestConformanceListening: a balancer that really listens is a balancer as any.
func TestConformanceListening(t *testing.T) {
	ps := Providers(Options{})
	drivertest.LB(t, drivertest.Harness{
		Open: func(t testing.TB, more map[string]any, chain ...op.Interceptor) *drivers.Conn {
			config := map[string]any{"listen": true, "boot_time": "20ms"}
			for k, v := range more {
				config[k] = v
			}
			// Ports below 1024 are not for everyone.
			chain = append(chain, drivertest.Complete(func(in *lb.CreateBalancer) {
				if in.Port > 0 && in.Port < 1024 {
					in.Port += 8000
				}
			}))
			conn, err := provider(ps, lb.Family).Open(t.Context(), "sim", config, chain...)
			if err != nil {
				t.Fatal(err)
			}
			return conn
		},
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		Node: func(t testing.TB) string {
			return createNode(t, open(t, ps, compute.Family, nil)).ID
		},
	})
}

// A tier is servers behind a balancer that listens.
type tier struct {
	t       testing.TB
	ps      []*drivers.Provider
	conn    *drivers.Conn
	id      string
	members map[string]string // ids by the servers' names
}

// server answers with its name, or with what answer says.
func server(t testing.TB, name string, answer http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer != nil && r.URL.Path != "/" {
			answer(w, r)
			return
		}
		io.WriteString(w, name)
	}))
	t.Cleanup(s.Close)
	return s
}

func portOf(s *httptest.Server) int { return s.Listener.Addr().(*net.TCPAddr).Port }

// patient is a check that looks at a member at once, and has not looked again when a
// test is over: none finds a member unhealthy that is slow on a busy machine.
func patient(p lb.Protocol) *lb.HealthCheck {
	return &lb.HealthCheck{Protocol: p, Path: "/", Interval: 600, Timeout: 600, HealthyThreshold: 1, UnhealthyThreshold: 1}
}

// eager is a check that soon finds out.
func eager() *lb.HealthCheck {
	return &lb.HealthCheck{Protocol: lb.HTTP, Path: "/", Interval: 1, Timeout: 1, HealthyThreshold: 1, UnhealthyThreshold: 1}
}

// newTier makes a balancer as said, without members, on any port.
func newTier(t testing.TB, in lb.CreateBalancer) *tier {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { // after what is below has closed
		if err := goleak.Find(before, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop")); err != nil {
			t.Error(err)
		}
	})
	ps := Providers(Options{})
	x := &tier{t: t, ps: ps, conn: open(t, ps, lb.Family, listening), members: map[string]string{}}
	in.Name = "web"
	if in.Port == 0 {
		in.Port = 8080
	}
	if in.HealthCheck == nil {
		in.HealthCheck = patient(lb.HTTP)
	}
	b, err := drivers.Call[lb.Balancer](t.Context(), x.conn, in)
	if err != nil {
		t.Fatal(err)
	}
	x.id = b.ID
	return x
}

func (x *tier) balancer() lb.Balancer {
	x.t.Helper()
	b, err := drivers.Call[lb.Balancer](x.t.Context(), x.conn, lb.GetBalancer{Balancer: x.id})
	if err != nil {
		x.t.Fatal(err)
	}
	return b
}

// attach adds a server and waits until it is healthy.
func (x *tier) attach(name string, s *httptest.Server, weight int) {
	x.t.Helper()
	m, err := drivers.Call[lb.Member](x.t.Context(), x.conn, lb.BalancerAttachMember{Balancer: x.id, IP: "127.0.0.1", Port: portOf(s), Weight: &weight})
	if err != nil {
		x.t.Fatal(err)
	}
	x.members[name] = m.ID
	x.until(name, func(m lb.Member) bool { return m.Health == lb.Healthy })
}

// until waits until a member is so.
func (x *tier) until(name string, is func(lb.Member) bool) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), time.Minute)
	defer cancel()
	var last lb.Member
	if err := op.Poll(ctx, time.Second, func(ctx context.Context) (done bool, err error) {
		last, err = drivers.Call[lb.Member](ctx, x.conn, lb.BalancerGetMember{Balancer: x.id, Member: x.members[name]})
		return err == nil && is(last), err
	}); err != nil {
		x.t.Fatalf("%s: %v; it is %+v", name, err, last)
	}
}

// gone waits until a member is no more.
func (x *tier) gone(name string) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), time.Minute)
	defer cancel()
	if err := op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		_, err := drivers.Call[lb.Member](ctx, x.conn, lb.BalancerGetMember{Balancer: x.id, Member: x.members[name]})
		if op.KindOf(err) == op.NotFound {
			return true, nil
		}
		return false, err
	}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *tier) do(in any) {
	x.t.Helper()
	if err := drivers.Do(x.t.Context(), x.conn, in); err != nil {
		x.t.Fatal(err)
	}
}

func (x *tier) get(path string) (string, int, error) {
	r, err := http.NewRequestWithContext(x.t.Context(), http.MethodGet, x.balancer().Extra["url"].(string)+path, nil)
	if err != nil {
		return "", 0, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return "", 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), answer.StatusCode, err
}

// who answers n requests, and how many each.
func (x *tier) who(n int) map[string]int {
	x.t.Helper()
	counts := map[string]int{}
	for range n {
		body, status, err := x.get("/")
		if err != nil || status != http.StatusOK {
			x.t.Fatalf("%d %q %v", status, body, err)
		}
		counts[body]++
	}
	return counts
}

func TestAlgorithms(t *testing.T) {
	for _, c := range []struct {
		algorithm lb.Algorithm
		right     func(map[string]int) bool
	}{
		{lb.RoundRobin, func(n map[string]int) bool { return n["a"] == 20 && n["b"] == 20 }},
		{lb.WeightedRoundRobin, func(n map[string]int) bool { return n["a"] == 10 && n["b"] == 30 }},
		{lb.LeastConnections, func(n map[string]int) bool { return n["a"] > 0 && n["b"] > 0 }},
		{lb.WeightedLeastConnections, func(n map[string]int) bool { return n["a"] > 0 && n["b"] > 0 }},
		{lb.Random, func(n map[string]int) bool { return n["a"] > 0 && n["b"] > 0 }},         // 2^-39 of the time it is not so
		{lb.SourceHash, func(n map[string]int) bool { return n["a"] == 40 || n["b"] == 40 }}, // all are from one address
	} {
		t.Run(string(c.algorithm), func(t *testing.T) {
			x := newTier(t, lb.CreateBalancer{Algorithm: c.algorithm})
			x.attach("a", server(t, "a", nil), 1)
			x.attach("b", server(t, "b", nil), 3)
			x.attach("c", server(t, "c", nil), 0)
			if n := x.who(40); !c.right(n) || n["c"] > 0 {
				t.Errorf("%v", n)
			}
		})
	}
}

// TestLeastConnections: what is busy gets no more than its share, with regard to
// its weight or without.
func TestLeastConnections(t *testing.T) {
	for _, c := range []struct {
		algorithm lb.Algorithm
		busy      int // requests that a, of weight 3, works on, while b, of weight 1, works on one
		want      string
	}{ // not close calls: a visit may end a little after its answer
		{lb.LeastConnections, 3, "b"}, {lb.WeightedLeastConnections, 1, "a"}, {lb.WeightedLeastConnections, 7, "b"},
	} {
		t.Run(fmt.Sprint(c.algorithm, c.busy), func(t *testing.T) {
			x := newTier(t, lb.CreateBalancer{Algorithm: c.algorithm})
			release, began := make(chan struct{}), make(chan struct{})
			slow := func(name string) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) { began <- struct{}{}; <-release; io.WriteString(w, name) }
			}
			results := make(chan string)
			occupy := func(n int) {
				for range n {
					go func() { body, _, _ := x.get("/slow"); results <- body }()
					<-began
				}
			}
			x.attach("a", server(t, "a", slow("a")), 3)
			occupy(c.busy)
			x.do(lb.BalancerUpdateMember{Balancer: x.id, Member: x.members["a"], State: lb.Draining})
			x.attach("b", server(t, "b", slow("b")), 1)
			occupy(1)
			x.do(lb.BalancerUpdateMember{Balancer: x.id, Member: x.members["a"], State: lb.Enabled})
			if n := x.who(4); n[c.want] != 4 {
				t.Errorf("with %d at a and one at b: %v", c.busy, n)
			}
			close(release)
			for range c.busy + 1 {
				<-results
			}
		})
	}
}

// TestKilledMember: not one request fails for a member that has gone, and the
// check finds out.
func TestKilledMember(t *testing.T) {
	x := newTier(t, lb.CreateBalancer{})
	a, b := server(t, "a", nil), server(t, "b", nil)
	x.attach("a", a, 1)
	x.attach("b", b, 1)
	b.Close()
	if n := x.who(20); n["a"] != 20 {
		t.Errorf("%v", n)
	}
	x.do(lb.UpdateBalancer{Balancer: x.id, HealthCheck: eager()})
	x.until("b", func(m lb.Member) bool { return m.Health == lb.Unhealthy })
	a.Close()
	x.until("a", func(m lb.Member) bool { return m.Health == lb.Unhealthy })
	if body, status, err := x.get("/"); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("with nobody left: %d %q %v", status, body, err)
	}
}

// TestDrain: a member that is detached goes on with what it has, gets nothing new,
// and is gone when that is done; cut off when its time is over.
func TestDrain(t *testing.T) {
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprintf("cut=%v", cut), func(t *testing.T) {
			drain := 600
			if cut {
				drain = 1
			}
			x := newTier(t, lb.CreateBalancer{DrainTimeout: &drain})
			release, began := make(chan struct{}), make(chan struct{})
			slow := func(w http.ResponseWriter, r *http.Request) {
				close(began)
				select {
				case <-release:
					io.WriteString(w, "finished")
				case <-r.Context().Done():
				}
			}
			x.attach("a", server(t, "a", slow), 1)
			type result struct {
				body   string
				status int
				err    error
			}
			results := make(chan result)
			go func() {
				body, status, err := x.get("/slow")
				results <- result{body, status, err}
			}()
			<-began
			x.attach("b", server(t, "b", nil), 1)
			x.do(lb.BalancerDetachMember{Balancer: x.id, Member: x.members["a"]})
			if cut {
				x.gone("a")
				if r := <-results; r.err == nil && r.status != http.StatusBadGateway {
					t.Errorf("what was cut off is answered with %+v", r)
				}
				close(release)
				return
			}
			x.until("a", func(m lb.Member) bool { return m.State == lb.Draining })
			if n := x.who(10); n["b"] != 10 {
				t.Errorf("while it drains: %v", n)
			}
			close(release)
			if r := <-results; r.err != nil || r.body != "finished" {
				t.Errorf("what it had is answered with %+v", r)
			}
			x.gone("a")
		})
	}
}

// TestSwitchedMember: draining and disabled members get no work, and come back.
func TestSwitchedMember(t *testing.T) {
	x := newTier(t, lb.CreateBalancer{})
	x.attach("a", server(t, "a", nil), 1)
	x.attach("b", server(t, "b", nil), 1)
	for _, state := range []lb.Condition{lb.Draining, lb.Disabled} {
		x.do(lb.BalancerUpdateMember{Balancer: x.id, Member: x.members["a"], State: state})
		if n := x.who(10); n["b"] != 10 {
			t.Errorf("%s: %v", state, n)
		}
		x.do(lb.BalancerUpdateMember{Balancer: x.id, Member: x.members["a"], State: lb.Enabled})
		if n := x.who(10); n["a"] != 5 {
			t.Errorf("after %s: %v", state, n)
		}
	}
	x.do(lb.UpdateBalancer{Balancer: x.id, Algorithm: lb.WeightedRoundRobin, Port: 8081})
	x.do(lb.BalancerUpdateMember{Balancer: x.id, Member: x.members["a"], Weight: new(4)})
	if n := x.who(10); n["a"] != 8 {
		t.Errorf("with weights: %v", n)
	}
	if b := x.balancer(); b.Port != 8081 {
		t.Errorf("it listens on %d", b.Port)
	}
}

func TestTCP(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { echo.Close() })
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { // says all that it heard once it has heard all: half-open connections work
				all, _ := io.ReadAll(c)
				c.Write(all)
				c.Close()
			}()
		}
	}()
	ps := Providers(Options{})
	conn := open(t, ps, lb.Family, listening)
	for _, protocol := range []lb.Protocol{lb.TCP, lb.TLS} {
		t.Run(string(protocol), func(t *testing.T) {
			b, err := drivers.Call[lb.Balancer](t.Context(), conn, lb.CreateBalancer{Name: string(protocol), Port: 9000, Protocol: protocol, Certificate: map[lb.Protocol]string{lb.TLS: "any"}[protocol],
				Members:     []lb.NewMember{{IP: "127.0.0.1", Port: echo.Addr().(*net.TCPAddr).Port}},
				HealthCheck: patient(lb.TCP)})
			if err != nil {
				t.Fatal(err)
			}
			b, err = drivers.Call[lb.Balancer](t.Context(), conn, lb.GetBalancer{Balancer: b.ID})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err = op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
				for m, err := range drivers.List[lb.Member](ctx, conn, lb.BalancerListMembers{Balancer: b.ID}) {
					return m.Health == lb.Healthy, err
				}
				return false, errors.New("it has no member")
			})
			if err != nil {
				t.Fatal(err)
			}
			c, err := net.Dial("tcp", net.JoinHostPort(b.Address, fmt.Sprint(b.Port)))
			if err != nil {
				t.Fatal(err)
			}
			if protocol == lb.TLS {
				pool := x509.NewCertPool()
				pool.AppendCertsFromPEM([]byte(b.Extra["certificate_pem"].(string)))
				c = tls.Client(c, &tls.Config{RootCAs: pool, ServerName: b.Address})
			}
			defer c.Close()
			if _, err := io.WriteString(c, "hello"); err != nil {
				t.Fatal(err)
			}
			if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if all, err := io.ReadAll(c); err != nil || string(all) != "hello" {
				t.Errorf("%q %v", all, err)
			}
		})
	}
}

// TestUpgrade: a connection that becomes another protocol is carried on.
func TestUpgrade(t *testing.T) {
	x := newTier(t, lb.CreateBalancer{})
	x.attach("a", server(t, "a", func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
		rw.Flush()
		line, _ := rw.ReadString('\n')
		rw.WriteString(strings.ToUpper(line))
		rw.Flush()
	}), 1)
	c, err := net.Dial("tcp", strings.TrimPrefix(x.balancer().Extra["url"].(string), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /shout HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
	in := bufio.NewReader(c)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%+v %v", answer, err)
	}
	fmt.Fprint(c, "hello\n")
	if line, err := in.ReadString('\n'); err != nil || line != "HELLO\n" {
		t.Errorf("%q %v", line, err)
	}
}

// TestLiveThings: containers and nodes of the cloud answer as members, and stop
// when they do; what is elsewhere is not connected to; nothing is left after the
// connections are closed.
func TestLiveThings(t *testing.T) {
	x := newTier(t, lb.CreateBalancer{HealthCheck: eager()})
	boxes := open(t, x.ps, container.Family, listening)
	c, err := drivers.Call[container.Container](t.Context(), boxes, container.DeployContainer{Name: "box", Image: "nginx", Ports: []container.Port{{Port: 80}}, Replicas: new(1)})
	if err != nil {
		t.Fatal(err)
	}
	attach := func(name string, in any) {
		t.Helper()
		m, err := drivers.Call[lb.Member](t.Context(), x.conn, in)
		if err != nil {
			t.Fatal(err)
		}
		x.members[name] = m.ID
	}
	healthy := func(m lb.Member) bool { return m.Health == lb.Healthy }
	unhealthy := func(m lb.Member) bool { return m.Health == lb.Unhealthy }
	attach("published", lb.BalancerAttachMember{Balancer: x.id, IP: "127.0.0.1", Port: c.Ports[0].HostPort})
	attach("inside", lb.BalancerAttachMember{Balancer: x.id, IP: c.IPs[0], Port: 80})
	attach("elsewhere", lb.BalancerAttachMember{Balancer: x.id, IP: "192.0.2.1", Port: 80})
	node := createNode(t, open(t, x.ps, compute.Family, map[string]any{"boot_time": "0s"}))
	attach("node", lb.BalancerAttachComputeNode{Balancer: x.id, Node: node.ID})
	for name, is := range map[string]func(lb.Member) bool{"published": healthy, "inside": healthy, "elsewhere": unhealthy, "node": healthy} {
		x.until(name, is)
	}
	x.do(lb.UpdateBalancer{Balancer: x.id, HealthCheck: patient(lb.HTTP)})
	if n := x.who(9); n["box\n"] != 6 || n["web\n"] != 3 {
		t.Errorf("%v", n)
	}
	if err := drivers.Do(t.Context(), boxes, container.StopContainer{Container: c.ID}); err != nil {
		t.Fatal(err)
	}
	if n := x.who(9); n["web\n"] != 9 {
		t.Errorf("after the container is stopped: %v", n)
	}
	x.until("inside", unhealthy)
	if err := drivers.Do(t.Context(), boxes, container.StartContainer{Container: c.ID}); err != nil {
		t.Fatal(err)
	}
	x.until("inside", healthy)

	taken := container.DeployContainer{Name: "other", Image: "nginx", Ports: []container.Port{{Port: 80, HostPort: portOf(server(t, "x", nil))}}, Replicas: new(1)}
	if _, err := drivers.Call[container.Container](t.Context(), boxes, taken); op.KindOf(err) != op.Conflict {
		t.Errorf("a port of another program: %v", err)
	}
	address := strings.TrimPrefix(x.balancer().Extra["url"].(string), "http://")
	boxes.Close()
	if _, err := net.Dial("tcp", address); err != nil {
		t.Errorf("with one of two connections closed: %v", err)
	}
	x.conn.Close()
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("it listens after its connection is closed")
	}
}
