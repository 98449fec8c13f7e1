//go:build !wasip1

package sim

import (
	"cmp"
	"context"
	"crypto/tls"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers/lb"
)

// A memberPlan is a member that a running balancer is to have.
type memberPlan struct {
	id      string
	target  string // where to connect; empty for nowhere
	site    string // or what stands there
	weight  int
	state   lb.Condition
	leaving bool // it is detached
}

// A pool is a running balancer's members: it checks them, and chooses one for each
// request or connection, which is a visit.
type pool struct {
	checks sync.WaitGroup

	mu        sync.Mutex
	algorithm lb.Algorithm
	check     lb.HealthCheck
	members   map[string]*backend
	turn      int // of round_robin
}

// A backend is a member.
type backend struct {
	memberPlan
	verdict lb.Health
	visits  map[*visit]bool
	share   int                // of weighted_round_robin: what it has yet to get
	end     context.CancelFunc // of its checks
}

// A visit is a request, or a connection, and the member that works on it.
type visit struct {
	client netip.Addr
	cancel func()
	at     *backend
	tried  []*backend
}

func (p *pool) update(want proxyPlan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.algorithm = want.Algorithm
	recheck := *want.HealthCheck != p.check
	p.check = *want.HealthCheck
	planned := map[string]bool{}
	for _, m := range want.members {
		planned[m.id] = true
		b := p.members[m.id]
		if b == nil {
			b = &backend{verdict: lb.HealthUnknown, visits: map[*visit]bool{}, end: func() {}}
			p.members[m.id] = b
		}
		fresh := b.id == "" || b.target != m.target
		if b.memberPlan = m; fresh || recheck {
			b.end()
			ctx, cancel := context.WithCancel(context.Background())
			b.end = cancel
			check := p.check
			p.checks.Go(func() { p.watch(ctx, b, check, m) })
		}
	}
	for id, b := range p.members {
		if !planned[id] {
			p.remove(id, b)
		}
	}
}

// remove cuts off what a member still has: its time is over.
func (p *pool) remove(id string, b *backend) {
	b.end()
	for v := range b.visits {
		v.cancel()
	}
	delete(p.members, id)
}

func (p *pool) close() {
	p.mu.Lock()
	for id, b := range p.members {
		p.remove(id, b)
	}
	p.mu.Unlock()
	p.checks.Wait()
}

func (p *pool) health(id string) lb.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.members[id]; b != nil {
		return b.verdict
	}
	return lb.HealthUnknown
}

func (p *pool) idle() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for id, b := range p.members {
		if b.leaving && len(b.visits) == 0 {
			all = append(all, id)
		}
	}
	return all
}

// leave ends a visit. One whose member could not be reached may choose again.
func (p *pool) leave(v *visit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v.at != nil {
		delete(v.at.visits, v)
		v.tried, v.at = append(v.tried, v.at), nil
	}
}

// choose gives a visit a member that it has not tried yet, and returns its address.
func (p *pool) choose(v *visit) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var able []*backend
	for _, b := range p.members {
		if b.state == lb.Enabled && b.verdict == lb.Healthy && b.target != "" && !slices.Contains(v.tried, b) {
			able = append(able, b)
		}
	}
	if len(able) == 0 {
		return "", errNobody
	}
	slices.SortFunc(able, func(a, b *backend) int { return strings.Compare(a.id, b.id) })
	b := p.pick(able, v.client)
	b.visits[v] = true
	v.at = b
	return b.target, nil
}

func (p *pool) pick(able []*backend, client netip.Addr) *backend {
	switch p.algorithm {
	case lb.Random:
		return able[rand.N(len(able))]
	case lb.LeastConnections:
		return p.least(able, func(*backend) int { return 1 })
	case lb.WeightedLeastConnections:
		return p.least(able, func(b *backend) int { return b.weight })
	case lb.SourceHash:
		// The member whose hash with the client is the highest: when one goes, only
		// its own clients move.
		return slices.MaxFunc(able, func(a, b *backend) int { return cmp.Compare(hashOf(client, a.id), hashOf(client, b.id)) })
	case lb.WeightedRoundRobin:
		// Everyone gets its weight, and whoever has most gives what all got: turns
		// are spread evenly.
		total := 0
		for _, b := range able {
			b.share += b.weight
			total += b.weight
		}
		b := slices.MaxFunc(able, func(a, b *backend) int { return cmp.Compare(a.share, b.share) })
		b.share -= total
		return b
	}
	p.turn++
	return able[p.turn%len(able)]
}

// least is the member with the fewest visits for its weight. Of several it is
// now one and now another.
func (p *pool) least(able []*backend, weight func(*backend) int) *backend {
	p.turn++
	first := p.turn % len(able)
	return slices.MinFunc(slices.Concat(able[first:], able[:first]), func(a, b *backend) int {
		return cmp.Compare(len(a.visits)*weight(b), len(b.visits)*weight(a))
	})
}

func hashOf(client netip.Addr, member string) uint64 {
	h := fnv.New64a()
	h.Write(client.AsSlice())
	h.Write([]byte(member))
	v := h.Sum64()
	// FNV's last bytes hardly reach the high bits, which decide here.
	v = (v ^ v>>33) * 0xff51afd7ed558ccd
	return v ^ v>>33
}

// watch checks a member until it is no longer to be: at once, and then in the
// interval. The first answer decides; after that as many in a row as the
// threshold says.
func (p *pool) watch(ctx context.Context, b *backend, check lb.HealthCheck, m memberPlan) {
	t := time.NewTicker(time.Duration(check.Interval) * time.Second)
	defer t.Stop()
	row, last := 0, false
	for first := true; ; first = false {
		good := probe(ctx, check, m.target)
		if ctx.Err() != nil {
			return
		}
		if row++; first || good != last {
			row, last = 1, good
		}
		enough, verdict := check.UnhealthyThreshold, lb.Unhealthy
		if good {
			enough, verdict = check.HealthyThreshold, lb.Healthy
		}
		p.mu.Lock()
		if ctx.Err() == nil && (row >= enough || b.verdict == lb.HealthUnknown) {
			b.verdict = verdict
		}
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// anyCertificate is for checks: balancers look whether a member answers, not who it is.
var anyCertificate = &tls.Config{InsecureSkipVerify: true}

// probe asks a member once how it is.
func probe(ctx context.Context, check lb.HealthCheck, target string) bool {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return false // there is nothing to ask
	}
	if check.Port != 0 {
		port = strconv.Itoa(check.Port)
	}
	target = net.JoinHostPort(host, port)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(check.Timeout)*time.Second)
	defer cancel()
	if check.Protocol == lb.TCP || check.Protocol == lb.TLS {
		c, err := dialer.DialContext(ctx, "tcp", target)
		if err != nil {
			return false
		}
		defer c.Close()
		return check.Protocol == lb.TCP || tls.Client(c, anyCertificate).HandshakeContext(ctx) == nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, string(check.Protocol)+"://"+target+cmp.Or(check.Path, "/"), nil)
	if err != nil {
		return false
	}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, TLSClientConfig: anyCertificate}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return false
	}
	_, _ = io.CopyN(io.Discard, answer.Body, 1<<16)
	answer.Body.Close()
	return answer.StatusCode >= 200 && answer.StatusCode < 400
}
