package drivertest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// LB is the suite of the load balancer family.
func LB(t *testing.T, h Harness) {
	s := &lbSuite{newSuite(t, lb.Family, h)}
	s.test(t, "unsupported", s.unsupported)
	s.test(t, "native", s.native, "native")
	s.test(t, "protocols", s.protocols, "list_protocols")
	s.test(t, "algorithms", s.algorithms, "list_supported_algorithms")
	s.test(t, "balancers", s.balancers, "create_balancer", "get_balancer")
	s.test(t, "members", s.members, "create_balancer", "balancer_list_members")
	s.test(t, "refused", s.refused, "create_balancer")
	s.test(t, "unicode", s.unicode, "create_balancer", "get_balancer")
	s.test(t, "idempotent", s.idempotent, "create_balancer")
	s.test(t, "paging", s.paging, "create_balancer", "list_balancers")
	s.test(t, "small_pages", s.sameInSmallPages)
	s.test(t, "concurrent", s.concurrent, "create_balancer", "get_balancer", "destroy_balancer")
	s.test(t, "canceled", s.interrupted)
	s.test(t, "not_found", func(t *testing.T) { s.notFound(t, nil) })
	s.finish(t)
}

type lbSuite struct{ *suite }

// input is what a balancer is made from.
func (s *lbSuite) input(in lb.CreateBalancer) lb.CreateBalancer {
	if in.Name == "" {
		in.Name = s.short()
	}
	if in.Port == 0 {
		in.Port = 80
	}
	return in
}

// short is a name of at most 32 letters, digits and hyphens: what balancers allow.
func (s *lbSuite) short() string { return fmt.Sprintf("cloudlark-%s-%d", s.run, s.count.Add(1)) }

func (s *lbSuite) create(t *testing.T, in lb.CreateBalancer) lb.Balancer {
	t.Helper()
	b := Call[lb.Balancer](t, s.conn, s.input(in))
	s.cleanup(t, lb.DestroyBalancer{Balancer: b.ID})
	return b
}

// memberPort is a port for a member that is not the balancer's, or 0 where all
// members have one port.
func (s *lbSuite) memberPort(port int) int {
	if s.Lacks["member.port"] != "" {
		return 0
	}
	return port
}

// is waits until a balancer is as it shall be.
func (s *lbSuite) is(t *testing.T, id, what string, right func(lb.Balancer) bool) lb.Balancer {
	t.Helper()
	return until(t, s.suite, "balancer "+id+" "+what, getter[lb.Balancer](s.conn, lb.GetBalancer{Balancer: id}), right)
}

func (s *lbSuite) running(t *testing.T, id string) lb.Balancer {
	t.Helper()
	b := s.is(t, id, "to be running", func(b lb.Balancer) bool { return b.State == lb.Running || b.State == lb.Error })
	if b.State == lb.Error {
		t.Fatalf("the balancer went into error: %+v", b)
	}
	return b
}

func (s *lbSuite) gone(t *testing.T, id string) {
	t.Helper()
	untilGone(t, s.suite, "balancer "+id, getter[lb.Balancer](s.conn, lb.GetBalancer{Balancer: id}),
		func(b lb.Balancer) bool { return b.State == lb.Deleted })
}

func (s *lbSuite) protocols(t *testing.T) {
	all := list[lb.ProtocolInfo](t, s.conn, lb.ListProtocols{})
	if len(all) == 0 {
		t.Error("there are no protocols")
	}
	// Each of them can really be had, but for those that want a certificate.
	for _, p := range all {
		if p.Name == lb.HTTPS || p.Name == lb.TLS {
			continue
		}
		s.test(t, string(p.Name), func(t *testing.T) {
			if b := s.create(t, lb.CreateBalancer{Protocol: p.Name}); b.Protocol != p.Name {
				t.Errorf("created with %s, it speaks %s", p.Name, b.Protocol)
			}
		}, "create_balancer")
	}
}

func (s *lbSuite) algorithms(t *testing.T) {
	all := list[lb.AlgorithmInfo](t, s.conn, lb.ListSupportedAlgorithms{})
	if len(all) == 0 {
		t.Error("there are no algorithms")
	}
	for _, a := range all {
		s.test(t, string(a.Name), func(t *testing.T) {
			if b := s.create(t, lb.CreateBalancer{Algorithm: a.Name}); b.Algorithm != a.Name {
				t.Errorf("created with %s, it has %s", a.Name, b.Algorithm)
			}
		}, "create_balancer")
	}
	s.test(t, "others", func(t *testing.T) {
		for _, name := range lb.RoundRobin.Values() {
			if slices.ContainsFunc(all, func(a lb.AlgorithmInfo) bool { return string(a.Name) == name }) {
				continue
			}
			b, err := drivers.Call[lb.Balancer](t.Context(), s.conn, s.input(lb.CreateBalancer{Algorithm: lb.Algorithm(name)}))
			if err == nil {
				s.cleanup(t, lb.DestroyBalancer{Balancer: b.ID})
			}
			if wantKind(t, err, op.InvalidArgument, op.Unsupported); t.Failed() {
				t.Fatalf("with %s, which is not listed", name)
			}
		}
	}, "create_balancer")
}

func (s *lbSuite) balancers(t *testing.T) {
	check := lb.HealthCheck{Protocol: lb.HTTP, Path: "/healthy", Interval: 20, Timeout: 6, HealthyThreshold: 3, UnhealthyThreshold: 4}
	if s.Lacks["health_check.timeout"] != "" {
		check.Timeout = 0 // the default
	}
	if s.Lacks["health_check.healthy_threshold"] != "" {
		check.HealthyThreshold = check.UnhealthyThreshold
	}
	in := with(t, s.suite, s.input(lb.CreateBalancer{Port: 8080, Protocol: lb.HTTP, HealthCheck: &check}), "tags", s.tags())
	in = with(t, s.suite, in, "drain_timeout", new(60))
	b := Call[lb.Balancer](t, s.conn, in)
	s.cleanup(t, lb.DestroyBalancer{Balancer: b.ID})
	if b.State != lb.Pending && b.State != lb.Running {
		t.Errorf("a new balancer is %s", b.State)
	}
	right := func(t *testing.T, got lb.Balancer) {
		t.Helper()
		if got.ID != b.ID || got.Name != in.Name || got.Port != 8080 || got.Protocol != lb.HTTP || got.Algorithm == "" || !tagged(got.Tags, in.Tags) {
			t.Errorf("created with %+v, it is %+v", in, got)
		}
		if in.DrainTimeout != nil && got.DrainTimeout != *in.DrainTimeout {
			t.Errorf("created with a drain_timeout of %d, it has %d", *in.DrainTimeout, got.DrainTimeout)
		}
		if h := got.HealthCheck; h == nil || h.Path != "/healthy" || h.Protocol != lb.HTTP || h.Interval != 20 || check.Timeout != 0 && h.Timeout != check.Timeout ||
			h.HealthyThreshold != check.HealthyThreshold || h.UnhealthyThreshold != 4 {
			t.Errorf("the health check is %+v, it was %+v", h, check)
		}
	}
	right(t, b)
	b = s.running(t, b.ID)
	right(t, b)
	if b.Address == "" {
		t.Error("a running balancer has no address")
	}
	s.test(t, "list", func(t *testing.T) {
		got := listed(t, s.suite, lb.ListBalancers{}, func(v lb.Balancer) bool { return v.ID == b.ID })
		right(t, got)
		filters(t, s.suite, lb.ListBalancers{}, got)
	}, "list_balancers")
	s.test(t, "other_connection", func(t *testing.T) {
		right(t, Call[lb.Balancer](t, s.open(t, nil), lb.GetBalancer{Balancer: b.ID}))
	})
	s.test(t, "update", func(t *testing.T) { s.update(t, b) }, "update_balancer")
	s.test(t, "destroy", func(t *testing.T) {
		Do(t, s.conn, lb.DestroyBalancer{Balancer: b.ID})
		s.gone(t, b.ID)
		if err := drivers.Do(t.Context(), s.conn, lb.DestroyBalancer{Balancer: b.ID}); err != nil {
			wantKind(t, err, op.NotFound)
		}
		s.test(t, "list", func(t *testing.T) {
			for _, v := range list[lb.Balancer](t, s.conn, lb.ListBalancers{Name: in.Name}) {
				if v.State != lb.Deleted {
					t.Errorf("a destroyed balancer is %s", v.State)
				}
			}
		}, "list_balancers")
	}, "destroy_balancer")
}

// update changes one thing after the other, and each time nothing else.
func (s *lbSuite) update(t *testing.T, before lb.Balancer) {
	step := func(t *testing.T, in lb.UpdateBalancer, change func(want *lb.Balancer)) {
		t.Helper()
		in.Balancer = before.ID
		Do(t, s.conn, in)
		want := before
		if before.HealthCheck != nil {
			copied := *before.HealthCheck
			want.HealthCheck = &copied
		}
		change(&want)
		before = s.is(t, before.ID, fmt.Sprintf("to be as after %+v", in), func(b lb.Balancer) bool {
			same := b.Name == want.Name && b.Port == want.Port && b.Protocol == want.Protocol && b.Algorithm == want.Algorithm && b.DrainTimeout == want.DrainTimeout
			if want.HealthCheck != nil {
				same = same && b.HealthCheck != nil && b.HealthCheck.Path == want.HealthCheck.Path && b.HealthCheck.Interval == want.HealthCheck.Interval
			}
			return same && tagged(b.Tags, want.Tags) && b.State == lb.Running
		})
		Do(t, s.conn, in) // as if it were repeated
	}
	s.test(t, "port", func(t *testing.T) {
		step(t, lb.UpdateBalancer{Port: 8081}, func(want *lb.Balancer) { want.Port = 8081 })
	})
	s.test(t, "health_check", func(t *testing.T) {
		check := lb.HealthCheck{Protocol: lb.HTTP, Path: "/other", Interval: 40, Timeout: 7}
		if s.Lacks["health_check.timeout"] != "" {
			check.Timeout = 0
		}
		step(t, lb.UpdateBalancer{HealthCheck: &check}, func(want *lb.Balancer) { want.HealthCheck.Path, want.HealthCheck.Interval = "/other", 40 })
	})
	s.test(t, "algorithm", func(t *testing.T) {
		for _, a := range list[lb.AlgorithmInfo](t, s.conn, lb.ListSupportedAlgorithms{}) {
			if a.Name != before.Algorithm {
				step(t, lb.UpdateBalancer{Algorithm: a.Name}, func(want *lb.Balancer) { want.Algorithm = a.Name })
				return
			}
		}
		t.Skip("the provider has one algorithm")
	}, "list_supported_algorithms")
	s.test(t, "drain_timeout", func(t *testing.T) {
		for _, seconds := range []int{90, 0} {
			in := lb.UpdateBalancer{Balancer: before.ID}
			if seconds > 0 || s.Lacks["update_balancer.drain_timeout"] == "" { // not to wait is what some do anyway
				in = with(t, s.suite, in, "drain_timeout", &seconds)
			}
			step(t, in, func(want *lb.Balancer) { want.DrainTimeout = op.Or(in.DrainTimeout, want.DrainTimeout) })
		}
	})
	s.test(t, "nothing", func(t *testing.T) { step(t, lb.UpdateBalancer{}, func(*lb.Balancer) {}) })
	s.test(t, "refuse port", func(t *testing.T) {
		s.refuse(t, lb.UpdateBalancer{Balancer: before.ID, Port: 70000}, op.InvalidArgument)
	})
}

func (s *lbSuite) members(t *testing.T) {
	first := []lb.NewMember{{IP: "10.0.0.11"}, {IP: "10.0.0.12", Port: s.memberPort(8080)}}
	if !s.offers("balancer_attach_member") {
		first = nil // members are nodes here
	}
	b := s.create(t, lb.CreateBalancer{Members: first})
	b = s.running(t, b.ID)
	// at is the port that a member has which was given one, or none.
	at := func(port int) int { return cmp.Or(s.memberPort(port), b.Port) }
	all := func(t *testing.T) []lb.Member {
		t.Helper()
		members := list[lb.Member](t, s.conn, lb.BalancerListMembers{Balancer: b.ID})
		for _, m := range members {
			if m.Balancer != b.ID || m.Port == 0 || m.Weight == 0 || m.State == "" || m.Health == "" {
				t.Errorf("a member is %+v", m)
			}
		}
		return members
	}
	// count is how many members there are at an address.
	count := func(members []lb.Member, ip string, port int) (n int) {
		for _, m := range members {
			if m.IP == ip && m.Port == port {
				n++
			}
		}
		return n
	}
	s.test(t, "first", func(t *testing.T) {
		if members := all(t); len(members) != len(first) || first != nil && (count(members, "10.0.0.11", b.Port) != 1 || count(members, "10.0.0.12", at(8080)) != 1) {
			t.Errorf("created with %+v, its members are %+v", first, members)
		}
	})
	detach := func(t *testing.T, m lb.Member) {
		t.Helper()
		in := lb.BalancerDetachMember{Balancer: b.ID, Member: m.ID}
		Do(t, s.conn, in)
		until(t, s.suite, "the member to be gone", func(ctx context.Context) (bool, error) {
			for v, err := range drivers.List[lb.Member](ctx, s.conn, lb.BalancerListMembers{Balancer: b.ID}) {
				if err != nil {
					return false, err
				}
				if v.ID == m.ID && v.State != lb.Draining {
					return false, nil
				}
			}
			return true, nil
		}, func(gone bool) bool { return gone })
		if err := drivers.Do(t.Context(), s.conn, in); err != nil {
			wantKind(t, err, op.NotFound)
		}
	}
	s.test(t, "get", func(t *testing.T) {
		for _, m := range all(t) {
			if got := Call[lb.Member](t, s.conn, lb.BalancerGetMember{Balancer: b.ID, Member: m.ID}); got.ID != m.ID || got.Balancer != b.ID || got.IP != m.IP || got.Port != m.Port || got.Node != m.Node {
				t.Errorf("listed is %+v, found %+v", m, got)
			}
		}
	}, "balancer_get_member")
	s.test(t, "by address", func(t *testing.T) {
		m := Call[lb.Member](t, s.conn, lb.BalancerAttachMember{Balancer: b.ID, IP: "10.0.0.13", Port: s.memberPort(8090)})
		if m.Balancer != b.ID || m.IP != "10.0.0.13" || m.Port != at(8090) || m.Node != "" {
			t.Errorf("attached is %+v", m)
		}
		plain := Call[lb.Member](t, s.conn, lb.BalancerAttachMember{Balancer: b.ID, IP: "10.0.0.14"})
		if plain.Port != b.Port {
			t.Errorf("attached without a port to a balancer on %d, it is %+v", b.Port, plain)
		}
		if members := all(t); count(members, "10.0.0.13", at(8090)) != 1 || count(members, "10.0.0.14", b.Port) != 1 || len(members) != len(first)+2 {
			t.Errorf("the members are %+v", members)
		}
		s.test(t, "twice", func(t *testing.T) {
			if _, err := drivers.Call[lb.Member](t.Context(), s.conn, lb.BalancerAttachMember{Balancer: b.ID, IP: "10.0.0.13", Port: s.memberPort(8090)}); err != nil {
				wantKind(t, err, op.AlreadyExists)
			}
			if members := all(t); count(members, "10.0.0.13", at(8090)) != 1 {
				t.Errorf("the members are %+v", members)
			}
		})
		s.test(t, "refuse", func(t *testing.T) {
			refused := []lb.BalancerAttachMember{{IP: "nonsense"}, {IP: "10.0.0.15", Port: 70000}, {IP: "10.0.0.15", Port: -1}}
			if s.memberPort(8090) == 0 {
				refused = append(refused, lb.BalancerAttachMember{IP: "10.0.0.15", Port: 8090})
			}
			for _, in := range refused {
				in.Balancer = b.ID
				_, err := drivers.Call[lb.Member](t.Context(), s.conn, in)
				wantKind(t, err, op.InvalidArgument)
			}
		})
		s.test(t, "update", func(t *testing.T) { s.updateMember(t, b.ID, m.ID) }, "balancer_update_member", "balancer_get_member")
		s.test(t, "paging", func(t *testing.T) {
			var want []string
			for i := range 2*s.PageSize + 1 {
				m := Call[lb.Member](t, s.conn, lb.BalancerAttachMember{Balancer: b.ID, IP: fmt.Sprintf("10.0.1.%d", i+1)})
				want = append(want, b.ID+"\x00"+m.ID)
			}
			s.paged(t, lb.BalancerListMembers{Balancer: b.ID}, want)
		})
		s.test(t, "detach", func(t *testing.T) {
			detach(t, m)
			if members := all(t); count(members, "10.0.0.14", b.Port) != 1 {
				t.Errorf("another member went with it: %+v", members)
			}
		}, "balancer_detach_member")
	}, "balancer_attach_member")
	s.test(t, "by node", func(t *testing.T) {
		if s.Node == nil {
			t.Fatal("Harness.Node is needed for balancer_attach_compute_node")
		}
		node := s.Node(t)
		m := Call[lb.Member](t, s.conn, lb.BalancerAttachComputeNode{Balancer: b.ID, Node: node, Port: s.memberPort(8070)})
		if m.Balancer != b.ID || m.Node != node || m.Port != at(8070) {
			t.Errorf("attached is %+v", m)
		}
		if members := all(t); !slices.ContainsFunc(members, func(v lb.Member) bool { return v.ID == m.ID && v.Node == node && v.Port == at(8070) }) {
			t.Errorf("the members are %+v", members)
		}
		s.test(t, "get", func(t *testing.T) {
			if got := Call[lb.Member](t, s.conn, lb.BalancerGetMember{Balancer: b.ID, Member: m.ID}); got.Node != node || got.Port != at(8070) {
				t.Errorf("attached is %+v, found %+v", m, got)
			}
		}, "balancer_get_member")
		s.test(t, "update", func(t *testing.T) { s.updateMember(t, b.ID, m.ID) }, "balancer_update_member", "balancer_get_member")
		s.test(t, "detach", func(t *testing.T) { detach(t, m) }, "balancer_detach_member")
		s.test(t, "from the start", func(t *testing.T) {
			with := s.create(t, lb.CreateBalancer{Members: []lb.NewMember{{Node: node, Port: 8070}}})
			members := list[lb.Member](t, s.conn, lb.BalancerListMembers{Balancer: with.ID})
			if len(members) != 1 || members[0].Node != node {
				t.Errorf("created with node %s, the members are %+v", node, members)
			}
		})
		s.test(t, "no such node", func(t *testing.T) {
			_, err := drivers.Call[lb.Member](t.Context(), s.conn, lb.BalancerAttachComputeNode{Balancer: b.ID, Node: turn(node)})
			wantKind(t, err, op.NotFound)
		})
	}, "balancer_attach_compute_node")
	s.test(t, "weight", func(t *testing.T) {
		weighted := slices.ContainsFunc(list[lb.AlgorithmInfo](t, s.conn, lb.ListSupportedAlgorithms{}),
			func(a lb.AlgorithmInfo) bool { return a.Name == lb.WeightedRoundRobin })
		if !weighted { // and then none may be thought to be heeded
			for _, weight := range []int{0, 2} {
				s.refuse(t, lb.BalancerAttachMember{Balancer: b.ID, IP: "10.0.0.22", Weight: &weight}, op.InvalidArgument)
			}
			return
		}
		// A member without weight gets no new work.
		weighs := func(m lb.Member, weight int) bool {
			return m.Weight == weight && (m.State == lb.Enabled) == (weight > 0) && (m.State == lb.Draining) == (weight == 0)
		}
		with := s.create(t, lb.CreateBalancer{Algorithm: lb.WeightedRoundRobin, Members: []lb.NewMember{{IP: "10.0.0.21", Weight: new(3)}, {IP: "10.0.0.22", Weight: new(0)}}})
		members := list[lb.Member](t, s.conn, lb.BalancerListMembers{Balancer: with.ID})
		slices.SortFunc(members, func(a, b lb.Member) int { return strings.Compare(a.IP, b.IP) })
		if len(members) != 2 || !weighs(members[0], 3) || !weighs(members[1], 0) {
			t.Errorf("with the weights 3 and 0, the members are %+v", members)
		}
		if m := Call[lb.Member](t, s.conn, lb.BalancerAttachMember{Balancer: with.ID, IP: "10.0.0.23", Weight: new(0)}); !weighs(m, 0) {
			t.Errorf("with weight 0, the member is %+v", m)
		}
		m := Call[lb.Member](t, s.conn, lb.BalancerAttachMember{Balancer: with.ID, IP: "10.0.0.24", Weight: new(2)})
		if !weighs(m, 2) {
			t.Errorf("with weight 2, the member is %+v", m)
		}
		s.test(t, "update", func(t *testing.T) {
			for _, weight := range []int{5, 0, 0, 4} {
				Do(t, s.conn, lb.BalancerUpdateMember{Balancer: with.ID, Member: m.ID, Weight: &weight})
				s.member(t, with.ID, m.ID, fmt.Sprintf("to have weight %d", weight), func(m lb.Member) bool { return weighs(m, weight) })
			}
			Do(t, s.conn, lb.BalancerUpdateMember{Balancer: with.ID, Member: m.ID})
			s.member(t, with.ID, m.ID, "to be as it was", func(m lb.Member) bool { return weighs(m, 4) })
			s.refuse(t, lb.BalancerUpdateMember{Balancer: with.ID, Member: m.ID, Weight: new(-1)}, op.InvalidArgument)
			s.refuse(t, lb.BalancerUpdateMember{Balancer: with.ID, Member: m.ID, Weight: new(0), State: lb.Enabled}, op.InvalidArgument)
		}, "balancer_update_member", "balancer_get_member")
	}, "balancer_attach_member", "list_supported_algorithms")
}

// member waits until a member is as it shall be.
func (s *lbSuite) member(t *testing.T, balancer, id, what string, right func(lb.Member) bool) {
	t.Helper()
	until(t, s.suite, "member "+id+" "+what, getter[lb.Member](s.conn, lb.BalancerGetMember{Balancer: balancer, Member: id}), right)
}

// updateMember takes a member out of work and back, in the ways that the provider has.
func (s *lbSuite) updateMember(t *testing.T, balancer, id string) {
	for _, state := range []lb.Condition{lb.Draining, lb.Disabled} {
		in := lb.BalancerUpdateMember{Balancer: balancer, Member: id, State: state}
		if s.Lacks["member."+string(state)] != "" {
			s.refuse(t, in, op.InvalidArgument)
			continue
		}
		Do(t, s.conn, in)
		s.member(t, balancer, id, "to be "+string(state), func(m lb.Member) bool { return m.State == state })
		Do(t, s.conn, in) // as if it were repeated
		Do(t, s.conn, lb.BalancerUpdateMember{Balancer: balancer, Member: id, State: lb.Enabled})
		s.member(t, balancer, id, "to be enabled", func(m lb.Member) bool { return m.State == lb.Enabled })
	}
}

// refused: what cannot be is refused, and leaves nothing.
func (s *lbSuite) refused(t *testing.T) {
	for what, in := range map[string]lb.CreateBalancer{
		"no port":           {Port: 70000},
		"negative port":     {Port: -1},
		"member of nothing": {Members: []lb.NewMember{{Port: 80}}},
		"member of no port": {Members: []lb.NewMember{{IP: "10.0.0.1", Port: 70000}}},
		"member at no IP":   {Members: []lb.NewMember{{IP: "10.0.0.1.2"}}},
		"no certificate":    {Port: 443, Protocol: lb.HTTPS},
		"negative interval": {HealthCheck: &lb.HealthCheck{Interval: -5}},
	} {
		s.test(t, what, func(t *testing.T) {
			in := s.input(in)
			b, err := drivers.Call[lb.Balancer](t.Context(), s.conn, in)
			if err == nil {
				s.cleanup(t, lb.DestroyBalancer{Balancer: b.ID})
			}
			wantKind(t, err, op.InvalidArgument)
			if s.offers("list_balancers") {
				for _, v := range list[lb.Balancer](t, s.conn, lb.ListBalancers{Name: in.Name}) {
					t.Errorf("it left %+v", v)
				}
			}
		})
	}
}

func (s *lbSuite) unicode(t *testing.T) {
	in := s.input(lb.CreateBalancer{Name: "Küche ☕ " + s.run})
	b, err := drivers.Call[lb.Balancer](t.Context(), s.conn, in)
	if err != nil {
		wantKind(t, err, op.InvalidArgument)
		t.Logf("refused: %v", err)
		return
	}
	s.cleanup(t, lb.DestroyBalancer{Balancer: b.ID})
	if got := Call[lb.Balancer](t, s.conn, lb.GetBalancer{Balancer: b.ID}); got.Name != in.Name {
		t.Errorf("named %q, it is %q", in.Name, got.Name)
	}
}

func (s *lbSuite) idempotent(t *testing.T) {
	idempotent[lb.Balancer](t, s.suite, sameName(s.short(), s.short(), func(name string) any { return s.input(lb.CreateBalancer{Name: name}) }),
		func(id string) any { return lb.DestroyBalancer{Balancer: id} })
}

func (s *lbSuite) paging(t *testing.T) {
	var want []string
	for range s.PageSize + 1 {
		want = append(want, s.create(t, lb.CreateBalancer{}).ID)
	}
	s.paged(t, lb.ListBalancers{}, want)
}

func (s *lbSuite) concurrent(t *testing.T) {
	inputs := make([]lb.CreateBalancer, 4)
	for i := range inputs {
		inputs[i] = s.input(lb.CreateBalancer{})
	}
	together(t, len(inputs), func(i int) error {
		b, err := drivers.Call[lb.Balancer](t.Context(), s.conn, inputs[i])
		if err != nil {
			return err
		}
		got, err := drivers.Call[lb.Balancer](t.Context(), s.conn, lb.GetBalancer{Balancer: b.ID})
		if err == nil && got.Name != inputs[i].Name {
			err = fmt.Errorf("created %+v, found %+v", b, got)
		}
		if err != nil {
			return err
		}
		return drivers.Do(t.Context(), s.conn, lb.DestroyBalancer{Balancer: b.ID})
	})
}
