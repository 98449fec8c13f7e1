//go:build !wasip1

package sim

import (
	"context"
	"crypto/sha256"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

const canListen = true

// A live is what really runs of a world, on loopback, while a connection with
// listen is open: its balancers (proxy.go), and what its containers and nodes
// answer with. The records say what there is to be; settle makes it so. It never
// connects to another machine but where the configuration says so.
type live struct {
	world *world
	end   context.CancelFunc
	done  sync.WaitGroup

	settling sync.Mutex // held while the world is looked at, which mu never is: who looks at the world asks for it

	mu       sync.Mutex
	users    int
	over     bool
	reach    []netip.Prefix
	sites    map[string]*site // by address, or by node
	proxies  map[string]*proxy
	reserved map[int]net.Listener // host ports of containers that are yet to start
}

// tick is how often the world is looked at when nobody asks it anything.
const tick = 100 * time.Millisecond

// enter opens the world's live, or joins the one that is open. Members may be in
// the networks of reach too.
func (w *world) enter(reach []netip.Prefix) *live {
	w.living.Lock()
	defer w.living.Unlock()
	if w.live == nil {
		ctx, cancel := context.WithCancel(context.Background())
		l := &live{world: w, end: cancel, sites: map[string]*site{}, proxies: map[string]*proxy{}, reserved: map[int]net.Listener{}}
		l.done.Go(func() { l.watch(ctx) })
		w.live = l
	}
	l := w.live
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users++
	l.reach = append(l.reach, reach...)
	return l
}

// leave ends what runs, with the last connection that has it.
func (l *live) leave() {
	if l == nil {
		return
	}
	l.world.living.Lock()
	defer l.world.living.Unlock()
	if l.users--; l.users > 0 {
		return
	}
	l.world.live = nil
	l.end()
	l.done.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for _, p := range l.proxies {
		p.close()
	}
	for _, s := range l.sites {
		s.close()
	}
	for _, r := range l.reserved {
		r.Close()
	}
}

func (l *live) watch(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			l.settle(ctx)
		}
	}
}

// A plan is what is to run.
type plan struct {
	sites   map[string]sitePlan
	proxies map[string]proxyPlan
}

// A sitePlan is a web server: of a container's port, or of a node.
type sitePlan struct {
	address string // where; empty for any port
	page    string // what it answers with
}

// settle brings what runs in line with the world. Without a live it does nothing.
// What keeps it from looking at the world keeps the request too that it is for,
// which says so.
func (l *live) settle(ctx context.Context) {
	if l == nil {
		return
	}
	l.settling.Lock()
	defer l.settling.Unlock()
	l.mu.Lock()
	reach := l.reach
	l.mu.Unlock()
	var p plan
	if err := l.world.view(ctx, func(tx *txn, now time.Time) error {
		p = survey(tx, now, reach)
		return nil
	}); err != nil {
		return
	}
	l.finish(ctx, l.run(p))
}

// run starts, changes and ends what the plan says, and returns the members that
// have seen their connections through, by their keys.
func (l *live) run(p plan) (idle []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil
	}
	for key, s := range l.sites {
		if want, ok := p.sites[key]; !ok || want != s.plan {
			s.close()
			delete(l.sites, key)
		}
	}
	for key, want := range p.sites {
		if l.sites[key] == nil {
			if s := l.open(want); s != nil {
				l.sites[key] = s
			}
		}
	}
	for id, running := range l.proxies {
		if _, ok := p.proxies[id]; !ok {
			running.close()
			delete(l.proxies, id)
		}
	}
	for id, want := range p.proxies {
		for i := range want.members {
			if m := &want.members[i]; m.site != "" {
				m.target = ""
				if s := l.sites[m.site]; s != nil {
					m.target = s.address()
				}
			}
		}
		if l.proxies[id] == nil {
			l.proxies[id] = newProxy(want)
		} else {
			l.proxies[id].update(want)
		}
		for _, m := range l.proxies[id].idle() {
			idle = append(idle, memberKey(id, m))
		}
	}
	return idle
}

// finish removes members that have nothing left to do.
func (l *live) finish(ctx context.Context, idle []string) {
	if len(idle) == 0 {
		return
	}
	_ = l.world.update(ctx, func(tx *txn, now time.Time) error { // what fails now is found again
		for _, key := range idle {
			if m, ok := members.get(tx, key); ok && !m.Gone.IsZero() {
				members.delete(tx, key)
			}
		}
		return nil
	})
}

// survey reads the plan from the world's records.
func survey(tx *txn, now time.Time, reach []netip.Prefix) plan {
	p := plan{sites: map[string]sitePlan{}, proxies: map[string]proxyPlan{}}
	inside := map[string]string{} // the address in a container, and its site
	for _, c := range containers.from(tx, "") {
		c = c.settled(now)
		if c.State != container.Running || !c.program().forever {
			continue
		}
		for _, port := range c.Ports {
			if port.Protocol != container.TCP {
				continue
			}
			address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port.HostPort))
			p.sites[address] = sitePlan{address, c.Name + "\n"}
			for _, ip := range c.IPs {
				inside[net.JoinHostPort(ip, strconv.Itoa(port.Port))] = address
			}
		}
	}
	secret, _ := meta.get(tx, "secret")
	for id, b := range balancers.from(tx, "") {
		b = b.settled(now)
		if b.State != lb.Running {
			continue
		}
		want := proxyPlan{ip: loopback(secret, id), Balancer: b.Balancer}
		for _, m := range membersOf(tx, id) {
			if m.gone(now) {
				continue
			}
			t := memberPlan{id: m.ID, weight: m.Weight, state: m.condition(), leaving: !m.Gone.IsZero()}
			address := net.JoinHostPort(m.IP, strconv.Itoa(m.Port))
			switch ip, _ := netip.ParseAddr(m.IP); {
			case m.Node != "":
				if n, ok := nodes.get(tx, m.Node); ok && n.settled(now).State == "running" {
					t.site = "node " + m.Node
					p.sites[t.site] = sitePlan{"", n.Name + "\n"}
				}
			case ip.IsLoopback() || slices.ContainsFunc(reach, func(n netip.Prefix) bool { return n.Contains(ip) }):
				t.target = address
			default:
				t.site = inside[address]
			}
			want.members = append(want.members, t)
		}
		p.proxies[id] = want
	}
	return p
}

// loopback is an address of this machine that a balancer has for itself, where
// the system has more than one such: two balancers can have the same port.
func loopback(secret, balancer string) string {
	sum := sha256.Sum256([]byte(secret + balancer))
	return netip.AddrFrom4([4]byte{127, 64 | sum[0]&63, sum[1], sum[2]&127 | 1}).String()
}

// showBalancer says of a balancer where it listens. Without a live it changes nothing.
func (l *live) showBalancer(b *lb.Balancer) {
	if l == nil {
		return
	}
	l.mu.Lock()
	p := l.proxies[b.ID]
	l.mu.Unlock()
	b.Address = ""
	if b.State != lb.Running {
		return
	}
	if p == nil {
		b.State = lb.Pending // until it listens
		return
	}
	p.show(b)
}

// showMember says what the check has found. Without a live it changes nothing.
func (l *live) showMember(m *lb.Member) {
	if l == nil {
		return
	}
	l.mu.Lock()
	p := l.proxies[m.Balancer]
	l.mu.Unlock()
	m.Health = lb.HealthUnknown
	if p != nil {
		m.Health = p.health(m.ID)
	}
}

// drain is how long a member has that is detached.
func (l *live) drain(b lb.Balancer, otherwise time.Time, now time.Time) time.Time {
	if l == nil {
		return otherwise
	}
	return now.Add(time.Duration(b.DrainTimeout) * time.Second)
}

// reserve takes the host ports of a new container on this machine, so that the
// ones that it says are the ones that it gets. release gives those back that the
// container did not become.
func (l *live) reserve(ports []container.Port) (_ []container.Port, release func(used []container.Port), err error) {
	if l == nil {
		return ports, func([]container.Port) {}, nil
	}
	var taken []int
	release = func(used []container.Port) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, port := range taken {
			if r := l.reserved[port]; r != nil && !slices.ContainsFunc(used, func(p container.Port) bool { return p.HostPort == port }) {
				r.Close()
				delete(l.reserved, port)
			}
		}
	}
	ports = slices.Clone(ports)
	for i := range ports {
		if p := &ports[i]; p.Protocol != container.UDP && p.HostPort >= 0 && p.HostPort <= 65535 {
			own, err := l.reservePort(&p.HostPort)
			if err != nil {
				release(nil)
				return nil, nil, err
			}
			if own {
				taken = append(taken, p.HostPort)
			}
		}
	}
	return ports, release, nil
}

// reservePort takes a port, or any in place of 0. One that another container has is
// left to those who know the containers.
func (l *live) reservePort(port *int) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(*port))
	if l.sites[address] != nil || l.reserved[*port] != nil {
		return false, nil
	}
	r, err := net.Listen("tcp", address)
	if err != nil {
		return false, op.Errorf(op.Conflict, "ports: port %d cannot be had on this machine: %w", *port, err)
	}
	*port = r.Addr().(*net.TCPAddr).Port
	l.reserved[*port] = r
	return true, nil
}

// A site is a web server that answers everything with one page: what stands for
// the program of a container, or of a node.
type site struct {
	plan     sitePlan
	listener net.Listener
	server   *http.Server
	done     sync.WaitGroup
}

// open starts a site. One whose port is taken, by another program or by what just
// ends, is tried again.
func (l *live) open(p sitePlan) *site {
	listener, err := l.listener(p.address)
	if err != nil {
		return nil
	}
	s := &site{plan: p, listener: listener, server: &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(p.page)) // who is gone needs no answer
	})}}
	s.done.Go(func() { _ = s.server.Serve(listener) }) // it ends with close
	return s
}

// listener listens at an address, where it may do so already.
func (l *live) listener(address string) (net.Listener, error) {
	if address == "" {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	port := int(netip.MustParseAddrPort(address).Port())
	if r := l.reserved[port]; r != nil {
		delete(l.reserved, port)
		return r, nil
	}
	return net.Listen("tcp", address)
}

func (s *site) address() string { return s.listener.Addr().String() }

func (s *site) close() {
	s.server.Close()
	s.done.Wait()
}
