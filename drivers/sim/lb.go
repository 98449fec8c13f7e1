package sim

import (
	"context"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// lbDriver is the driver of the load balancer family.
type lbDriver struct{ driver }

const (
	balancers = table[balancerRecord]("balancers")
	members   = table[memberRecord]("members") // by balancer and id: see memberKey
)

// A balancerRecord is a balancer as the world keeps it.
type balancerRecord struct {
	lb.Balancer
	transition[lb.State]
}

func (b balancerRecord) settled(now time.Time) balancerRecord {
	if b.arrived(now) {
		b.State, b.transition = b.Next, transition[lb.State]{}
	}
	return b
}

// show is what the API says of the balancer: it can be reached once it runs.
func (b balancerRecord) show() lb.Balancer {
	out := b.Balancer
	out.Tags = maps.Clone(b.Tags)
	if b.HealthCheck != nil {
		check := *b.HealthCheck
		out.HealthCheck = &check
	}
	if b.State == lb.Pending {
		out.Address = ""
	}
	return out
}

// A memberRecord is a member as the world keeps it.
type memberRecord struct {
	lb.Member
	Checked time.Time `json:"checked"`       // when the health check has a first verdict
	Gone    time.Time `json:"gone,omitzero"` // when a draining one has seen its connections through
}

func memberKey(balancer, id string) string { return balancer + " " + id }

func (m memberRecord) gone(now time.Time) bool { return !m.Gone.IsZero() && !now.Before(m.Gone) }

// condition is whether the member gets work: without weight it gets none that is new.
func (m memberRecord) condition() lb.Condition {
	if m.Weight == 0 && m.State == lb.Enabled {
		return lb.Draining
	}
	return m.State
}

// show is what the API says of the member. Its health follows its node: one
// that runs answers the check. An address that is no node's always does.
func (m memberRecord) show(tx *txn, now time.Time) lb.Member {
	out := m.Member
	out.State = m.condition()
	switch n, ok := nodes.get(tx, m.Node); {
	case now.Before(m.Checked):
		out.Health = lb.HealthUnknown
	case m.Node == "" || ok && n.settled(now).State == "running":
		out.Health = lb.Healthy
	default:
		out.Health = lb.Unhealthy
	}
	return out
}

func (lbDriver) balancer(tx *txn, now time.Time, id string) (balancerRecord, error) {
	b, ok := balancers.get(tx, id)
	if !ok {
		return b, notFound("balancer", id)
	}
	return b.settled(now), nil
}

// membersOf yields a balancer's members, with those that have gone.
func membersOf(tx *txn, balancer string) iter.Seq2[string, memberRecord] {
	return func(yield func(string, memberRecord) bool) {
		for key, m := range members.from(tx, memberKey(balancer, "")) {
			if !strings.HasPrefix(key, memberKey(balancer, "")) || !yield(key, m) {
				return
			}
		}
	}
}

func (d lbDriver) ListBalancers(ctx context.Context, in lb.ListBalancers) iter.Seq2[lb.Balancer, error] {
	return list(ctx, d.driver, balancers, func(tx *txn, now time.Time, b balancerRecord) (lb.Balancer, bool) {
		b = b.settled(now)
		return d.shown(b), is(in.Name, b.Name) && is(in.State, b.State) && tagged(b.Tags, in.Tags)
	})
}

func (d lbDriver) GetBalancer(ctx context.Context, in lb.GetBalancer) (lb.Balancer, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (lb.Balancer, error) { return d.showBalancer(tx, now, in.Balancer) })
}

func (d lbDriver) showBalancer(tx *txn, now time.Time, id string) (lb.Balancer, error) {
	b, err := d.balancer(tx, now, id)
	return d.shown(b), err
}

// shown is the balancer, where it really listens if it does.
func (d lbDriver) shown(b balancerRecord) lb.Balancer {
	out := b.show()
	d.live.showBalancer(&out)
	return out
}

// shownMember is the member, with what the check found if there is one.
func (d lbDriver) shownMember(tx *txn, now time.Time, m memberRecord) lb.Member {
	out := m.show(tx, now)
	d.live.showMember(&out)
	return out
}

// protocols and algorithms are what balancers can do here.
var (
	protocols  = [...]lb.Protocol{lb.HTTP, lb.HTTPS, lb.TCP, lb.TLS, lb.UDP}
	algorithms = [...]lb.Algorithm{lb.RoundRobin, lb.LeastConnections, lb.Random, lb.SourceHash, lb.WeightedRoundRobin, lb.WeightedLeastConnections}
)

// protocols are what balancers can speak: those that really listen know no udp.
func (d lbDriver) protocols() []lb.Protocol {
	if d.live != nil {
		return protocols[:4]
	}
	return protocols[:]
}

// check reports what is wrong with a balancer as it is to be.
func (d lbDriver) check(tx *txn, b lb.Balancer) error {
	encrypted := b.Protocol == lb.HTTPS || b.Protocol == lb.TLS
	switch {
	case b.Port < 1 || b.Port > 65535:
		return invalid("port is from 1 to 65535, not %d", b.Port)
	case !slices.Contains(d.protocols(), b.Protocol):
		return invalid("protocol: balancers here do not speak %q", b.Protocol)
	case !slices.Contains(algorithms[:], b.Algorithm):
		return invalid("algorithm: balancers here do not have %q: see list_supported_algorithms", b.Algorithm)
	case encrypted && b.Certificate == "":
		return invalid("certificate: protocol %s needs one", b.Protocol)
	}
	if err := lb.CheckDrain(&b.DrainTimeout); err != nil {
		return err
	}
	if h := b.HealthCheck; h != nil {
		switch {
		case h.Protocol == lb.UDP:
			return invalid("health_check: a check by udp has no answer")
		case h.Port < 0 || h.Port > 65535 || h.Interval < 1 || h.Timeout < 1 || h.HealthyThreshold < 1 || h.UnhealthyThreshold < 1:
			return invalid("health_check: port, interval, timeout and thresholds are positive")
		case h.Timeout > h.Interval:
			return invalid("health_check: the timeout, %d s, is longer than the interval, %d s", h.Timeout, h.Interval)
		case h.Path != "" && !strings.HasPrefix(h.Path, "/"):
			return invalid("health_check: the path %q does not begin with \"/\"", h.Path)
		}
	}
	for id, other := range balancers.from(tx, "") {
		if other.Name == b.Name && id != b.ID {
			return op.Errorf(op.AlreadyExists, "there is a balancer %q already: %s", b.Name, id)
		}
	}
	return nil
}

// usualDrain is the drain_timeout of a balancer that was given none.
const usualDrain = 300

// usualCheck is the health check of a balancer that was given none.
func usualCheck(p lb.Protocol) *lb.HealthCheck {
	c := &lb.HealthCheck{Protocol: lb.TCP, Interval: 30, Timeout: 5, HealthyThreshold: 2, UnhealthyThreshold: 2}
	if p == lb.HTTP || p == lb.HTTPS {
		c.Protocol, c.Path = lb.HTTP, "/"
	}
	return c
}

func (d lbDriver) CreateBalancer(ctx context.Context, in lb.CreateBalancer) (lb.Balancer, error) {
	return create(ctx, d.driver, "create_balancer", in, func(tx *txn, now time.Time) (string, error) {
		location, err := d.place(in.Location)
		if err != nil {
			return "", err
		}
		for _, id := range in.Networks {
			if _, err := network(tx, id); err != nil {
				return "", err
			}
		}
		for _, id := range in.Subnets {
			if _, err := subnet(tx, id); err != nil {
				return "", err
			}
		}
		b := balancerRecord{Balancer: lb.Balancer{Name: in.Name, State: lb.Pending, Port: in.Port, Protocol: in.Protocol, Algorithm: in.Algorithm,
			HealthCheck: in.HealthCheck, Certificate: in.Certificate, DrainTimeout: op.Or(in.DrainTimeout, usualDrain), Location: location, Tags: maps.Clone(in.Tags), CreatedAt: now},
			transition: transition[lb.State]{lb.Running, now.Add(d.boot)}}
		if b.HealthCheck == nil {
			b.HealthCheck = usualCheck(b.Protocol)
		}
		if err := d.check(tx, b.Balancer); err != nil {
			return "", err
		}
		if err := take(tx, "balancers", 1, d.config.MaxBalancers); err != nil {
			return "", err
		}
		b.ID = nextID(tx, "lb")
		if b.Address, err = obtainIn(tx, publicSpace, b.ID); err != nil {
			return "", err
		}
		balancers.put(tx, b.ID, b)
		for _, m := range in.Members {
			if _, err := d.attach(tx, now, b, m); err != nil {
				return "", err
			}
		}
		return b.ID, nil
	}, d.showBalancer)
}

func (d lbDriver) UpdateBalancer(ctx context.Context, in lb.UpdateBalancer) error {
	return change(ctx, d.driver, "update_balancer", in, func(tx *txn, now time.Time) error {
		b, err := d.balancer(tx, now, in.Balancer)
		if err != nil {
			return err
		}
		replace(&b.Name, in.Name)
		replace(&b.Port, in.Port)
		replace(&b.Protocol, in.Protocol)
		replace(&b.Algorithm, in.Algorithm)
		replace(&b.Certificate, in.Certificate)
		b.DrainTimeout = op.Or(in.DrainTimeout, b.DrainTimeout)
		replace(&b.HealthCheck, in.HealthCheck)
		if err := d.check(tx, b.Balancer); err != nil {
			return err
		}
		balancers.put(tx, b.ID, b)
		return nil
	})
}

// replace gives a field the value it shall have, if one was given.
func replace[T comparable](field *T, value T) {
	if value != *new(T) {
		*field = value
	}
}

func (d lbDriver) DestroyBalancer(ctx context.Context, in lb.DestroyBalancer) error {
	return change(ctx, d.driver, "destroy_balancer", in, func(tx *txn, now time.Time) error {
		b, err := d.balancer(tx, now, in.Balancer)
		if err != nil {
			return err
		}
		var keys []string
		for key := range membersOf(tx, b.ID) {
			keys = append(keys, key)
		}
		for _, key := range keys {
			members.delete(tx, key)
		}
		endLease(tx, now, publicSpace.name, b.Address)
		balancers.delete(tx, b.ID)
		give(tx, "balancers", 1)
		return nil
	})
}

// Members.

func (d lbDriver) BalancerListMembers(ctx context.Context, in lb.BalancerListMembers) iter.Seq2[lb.Member, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) (items []lb.Member, next string, err error) {
		err = d.request(ctx, func() error {
			return d.world.view(ctx, func(tx *txn, now time.Time) error {
				if _, err := d.balancer(tx, now, in.Balancer); err != nil {
					return err
				}
				for key, m := range membersOf(tx, in.Balancer) {
					switch {
					case key < cursor || m.gone(now):
					case len(items) == d.config.PageSize:
						next = key
						return nil
					default:
						items = append(items, d.shownMember(tx, now, m))
					}
				}
				return nil
			})
		})
		return items, next, err
	})
}

// attach adds a member to a balancer and returns its id.
func (d lbDriver) attach(tx *txn, now time.Time, b balancerRecord, in lb.NewMember) (string, error) {
	m := memberRecord{Member: lb.Member{Balancer: b.ID, IP: in.IP, Port: in.Port, Node: in.Node, Weight: *in.Weight, State: lb.Enabled}, Checked: d.soon(now)}
	if m.Port == 0 {
		m.Port = b.Port
	}
	if err := checkWeight(m.Weight); err != nil {
		return "", err
	}
	switch {
	case m.Port < 1 || m.Port > 65535:
		return "", invalid("port is from 1 to 65535, not %d", m.Port)
	case (in.Node == "") == (in.IP == ""):
		return "", invalid("a member is a node or an ip: give one of the two")
	}
	if in.Node != "" {
		n, err := computeDriver(d).liveNode(tx, now, in.Node)
		if err != nil {
			return "", err
		}
		if len(n.PrivateIPs) > 0 {
			m.IP = n.PrivateIPs[0]
		}
	} else if _, err := netip.ParseAddr(in.IP); err != nil {
		return "", invalid("ip: %q is not an address", in.IP)
	}
	for _, other := range membersOf(tx, b.ID) {
		if other.IP == m.IP && other.Port == m.Port && other.Gone.IsZero() {
			return "", op.Errorf(op.AlreadyExists, "balancer %s has the member %s on port %d already: %s", b.ID, m.IP, m.Port, other.ID)
		}
	}
	m.ID = nextID(tx, "member")
	members.put(tx, memberKey(b.ID, m.ID), m)
	return m.ID, nil
}

func checkWeight(weight int) error {
	if weight < 0 || weight > 256 {
		return invalid("weight is from 0 to 256, not %d", weight)
	}
	return nil
}

// attachMember answers a request that adds a member.
func (d lbDriver) attachMember(ctx context.Context, name string, in any, balancer string, m lb.NewMember) (lb.Member, error) {
	return create(ctx, d.driver, name, in, func(tx *txn, now time.Time) (string, error) {
		b, err := d.balancer(tx, now, balancer)
		if err != nil {
			return "", err
		}
		return d.attach(tx, now, b, m)
	}, func(tx *txn, now time.Time, id string) (lb.Member, error) { return d.showMember(tx, now, balancer, id) })
}

func (d lbDriver) member(tx *txn, now time.Time, balancer, id string) (memberRecord, error) {
	m, ok := members.get(tx, memberKey(balancer, id))
	if !ok || m.gone(now) {
		return memberRecord{}, op.Errorf(op.NotFound, "balancer %s has no member %q", balancer, id)
	}
	return m, nil
}

func (d lbDriver) showMember(tx *txn, now time.Time, balancer, id string) (lb.Member, error) {
	m, err := d.member(tx, now, balancer, id)
	return d.shownMember(tx, now, m), err
}

func (d lbDriver) BalancerGetMember(ctx context.Context, in lb.BalancerGetMember) (lb.Member, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (lb.Member, error) { return d.showMember(tx, now, in.Balancer, in.Member) })
}

func (d lbDriver) BalancerAttachMember(ctx context.Context, in lb.BalancerAttachMember) (lb.Member, error) {
	return d.attachMember(ctx, "balancer_attach_member", in, in.Balancer, lb.NewMember{IP: in.IP, Port: in.Port, Weight: in.Weight})
}

func (d lbDriver) BalancerAttachComputeNode(ctx context.Context, in lb.BalancerAttachComputeNode) (lb.Member, error) {
	return d.attachMember(ctx, "balancer_attach_compute_node", in, in.Balancer, lb.NewMember{Node: in.Node, Port: in.Port, Weight: in.Weight})
}

func (d lbDriver) BalancerUpdateMember(ctx context.Context, in lb.BalancerUpdateMember) error {
	return change(ctx, d.driver, "balancer_update_member", in, func(tx *txn, now time.Time) error {
		if _, err := d.balancer(tx, now, in.Balancer); err != nil {
			return err
		}
		m, err := d.member(tx, now, in.Balancer, in.Member)
		if err != nil {
			return err
		}
		if !m.Gone.IsZero() {
			return op.Errorf(op.Conflict, "the member %s is being detached", in.Member)
		}
		m.Weight = op.Or(in.Weight, m.Weight)
		replace(&m.State, in.State)
		switch {
		case in.State != lb.Enabled || m.Weight != 0:
		case in.Weight != nil:
			return invalid("state: a member of weight 0 gets no new work, and so is not enabled")
		default:
			m.Weight = 1
		}
		if err := checkWeight(m.Weight); err != nil {
			return err
		}
		members.put(tx, memberKey(in.Balancer, in.Member), m)
		return nil
	})
}

// BalancerDetachMember lets the member drain: it gets no more work, and is
// gone a little later.
func (d lbDriver) BalancerDetachMember(ctx context.Context, in lb.BalancerDetachMember) error {
	return change(ctx, d.driver, "balancer_detach_member", in, func(tx *txn, now time.Time) error {
		b, err := d.balancer(tx, now, in.Balancer)
		if err != nil {
			return err
		}
		m, err := d.member(tx, now, in.Balancer, in.Member)
		if err != nil || !m.Gone.IsZero() {
			return err
		}
		m.State, m.Gone = lb.Draining, d.live.drain(b.Balancer, d.soon(now), now)
		key := memberKey(in.Balancer, in.Member)
		members.put(tx, key, m)
		expire(tx, m.Gone, string(members), key)
		return nil
	})
}

func (d lbDriver) ListProtocols(ctx context.Context, in lb.ListProtocols) iter.Seq2[lb.ProtocolInfo, error] {
	var all []lb.ProtocolInfo
	for _, p := range d.protocols() {
		all = append(all, lb.ProtocolInfo{Name: p})
	}
	return listed(ctx, d.driver, all)
}

func (d lbDriver) ListSupportedAlgorithms(ctx context.Context, in lb.ListSupportedAlgorithms) iter.Seq2[lb.AlgorithmInfo, error] {
	var all []lb.AlgorithmInfo
	for _, a := range algorithms {
		all = append(all, lb.AlgorithmInfo{Name: a})
	}
	return listed(ctx, d.driver, all)
}
