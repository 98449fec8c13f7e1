package google

import (
	"maps"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

// balancers opens the driver of the load balancers.
func balancers(s *gce.Server, around ...op.Interceptor) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		c := map[string]any{"endpoint": s.URL, "project": gce.Project, "access_token": gce.Token, "zone": "us-central1-a"}
		maps.Copy(c, over)
		for _, p := range Providers() {
			if p.Family == lb.Family {
				conn, err := p.Open(t.Context(), "gce", c, append(around, chain...)...)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				return conn
			}
		}
		t.Fatal("there is no driver of load balancers")
		return nil
	}
}

func balancerHarness(s *gce.Server) drivertest.Harness {
	return drivertest.Harness{
		Open:       balancers(s),
		SmallPages: map[string]any{"page_size": 2}, PageSize: 2,
		PlainTags: true, UniqueNames: true,
		Native:       native.Call{Operation: "GET /projects/{project}/global/forwardingRules"},
		NativeChange: "POST /projects/{project}/global/forwardingRules",
		Node:         func(t testing.TB) string { return memberNode(t, s) },
	}
}

// memberNode makes a node.
func memberNode(t testing.TB, s *gce.Server) string {
	t.Helper()
	c := opener(s, repeat)(t, nil)
	defer c.Close()
	n, err := drivers.Call[compute.Node](t.Context(), c, compute.CreateNode{Name: "member", Size: "e2-micro", Image: "debian-cloud/family/debian-12"})
	if err != nil {
		t.Fatal(err)
	}
	return n.ID
}

func TestBalancers(t *testing.T) {
	s := gce.Start(t)
	drivertest.LB(t, balancerHarness(s))
	nothingLeft(t, s)
}

// TestBalancersOnABadDay is the suite against a service that refuses, fails and
// forgets to answer.
func TestBalancersOnABadDay(t *testing.T) {
	if testing.Short() {
		t.Skip("each of a thousand requests may be repeated")
	}
	s := gce.Start(t)
	s.Falter(0.02, 5)
	h := balancerHarness(s)
	h.Open, h.Faulty = balancers(s, repeat), true
	drivertest.LB(t, h)
}

// nothingLeft: no part of any balancer is there.
func nothingLeft(t *testing.T, s *gce.Server) {
	t.Helper()
	for _, c := range []string{"forwardingRules", "backendServices", "healthChecks", "httpHealthChecks", "urlMaps", "targetHttpProxies", "targetHttpsProxies", "targetTcpProxies", "targetSslProxies",
		"targetPools", "networkEndpointGroups", "addresses"} {
		if left := s.Paths(c); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// forms are a balancer of each.
var forms = map[string]lb.CreateBalancer{
	"http":        {Protocol: lb.HTTP},
	"https":       {Protocol: lb.HTTPS, Certificate: "site"},
	"regional":    {Protocol: lb.HTTP, Location: "us-central1"},
	"tcp":         {Protocol: lb.TCP},
	"tls":         {Protocol: lb.TLS, Certificate: "site"},
	"passthrough": {Protocol: lb.UDP},
	"tcp packets": {Protocol: lb.TCP, Extra: map[string]any{"form": "passthrough"}},
	"target pool": {Protocol: lb.TCP, Extra: map[string]any{"form": "target_pool"}},
}

// TestForms makes a balancer of each form with a node, and changes and destroys it.
func TestForms(t *testing.T) {
	s := gce.Start(t)
	s.Put("projects/"+gce.Project+"/global/sslCertificates/site", nil)
	s.Put("projects/"+gce.Project+"/global/sslCertificates/other", nil)
	node := memberNode(t, s)
	conn := balancers(s)(t, nil)
	for name, in := range forms {
		t.Run(name, func(t *testing.T) {
			in := in
			in.Name, in.Port, in.Members = "web", 443, []lb.NewMember{{Node: node}}
			b, err := drivers.Call[lb.Balancer](t.Context(), conn, in)
			if err != nil {
				t.Fatal(err)
			}
			if b.Protocol != in.Protocol || b.Port != 443 || b.Address == "" || b.HealthCheck == nil || b.Certificate != in.Certificate {
				t.Errorf("%+v", b)
			}
			members := func() []lb.Member {
				t.Helper()
				var all []lb.Member
				for m, err := range drivers.List[lb.Member](t.Context(), conn, lb.BalancerListMembers{Balancer: b.ID}) {
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, m)
				}
				return all
			}
			got := members()
			if len(got) != 1 || got[0].Node != node || got[0].Port != 443 || got[0].Health != lb.Healthy || got[0].Balancer != b.ID {
				t.Fatalf("%+v", got)
			}
			do := func(in any) {
				t.Helper()
				if err := drivers.Do(t.Context(), conn, in); err != nil {
					t.Fatal(err)
				}
			}
			do(lb.BalancerDetachMember{Balancer: b.ID, Member: got[0].ID})
			if got := members(); len(got) != 0 {
				t.Errorf("after it is detached: %+v", got)
			}
			if _, err := drivers.Call[lb.Member](t.Context(), conn, lb.BalancerAttachComputeNode{Balancer: b.ID, Node: node}); err != nil {
				t.Fatal(err)
			}
			if got := members(); len(got) != 1 || got[0].Node != node {
				t.Errorf("attached again: %+v", got)
			}
			change := lb.UpdateBalancer{Balancer: b.ID, Port: 8443}
			if in.Certificate != "" {
				change.Certificate = "other"
			}
			do(change)
			after, err := drivers.Call[lb.Balancer](t.Context(), conn, lb.GetBalancer{Balancer: b.ID})
			if err != nil || after.Port != 8443 || after.Address != b.Address || after.Certificate != change.Certificate {
				t.Errorf("%+v %v", after, err)
			}
			for v, err := range drivers.List[lb.Balancer](t.Context(), conn, lb.ListBalancers{}) {
				if err != nil || v.ID != b.ID || v.Protocol != in.Protocol || v.Certificate != change.Certificate || v.HealthCheck == nil {
					t.Errorf("listed as %+v %v", v, err)
				}
			}
			do(lb.DestroyBalancer{Balancer: b.ID})
			nothingLeft(t, s)
		})
	}
}

// TestNothingLeft fails each step of a creation of each form in turn: all that was
// made before is gone.
func TestNothingLeft(t *testing.T) {
	s := gce.Start(t)
	s.Put("projects/"+gce.Project+"/global/sslCertificates/site", nil)
	node := memberNode(t, s)
	conn := balancers(s)(t, nil)
	for name, in := range forms {
		in.Name, in.Port, in.Members, in.Tags = "web", 443, []lb.NewMember{{Node: node}}, map[string]string{"a": "b"}
		before := s.Requests()
		b, err := drivers.Call[lb.Balancer](t.Context(), conn, in)
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		for method, n := range s.Requests() {
			if word := method[strings.LastIndexByte(method, '.')+1:]; n > before[method] && (word == "insert" || word == "attachNetworkEndpoints" || word == "setLabels") {
				steps = append(steps, method)
			}
		}
		if len(steps) < 5 {
			t.Errorf("%s has the steps %v alone", name, steps)
		}
		if err := drivers.Do(t.Context(), conn, lb.DestroyBalancer{Balancer: b.ID}); err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			s.Fail(step, gce.Failure{Code: "QUOTA_EXCEEDED", Message: "Quota exceeded."})
			if _, err := drivers.Call[lb.Balancer](t.Context(), conn, in); op.KindOf(err) != op.QuotaExceeded {
				t.Errorf("%s, %s: %v", name, step, err)
			}
			s.Fail(step, gce.Failure{})
			if nothingLeft(t, s); t.Failed() {
				t.Fatalf("%s, after %s", name, step)
			}
		}
	}
}

// TestDestroyGoesOn: a destroy that failed in the middle is finished by the next.
func TestDestroyGoesOn(t *testing.T) {
	s := gce.Start(t)
	conn := balancers(s)(t, nil)
	b, err := drivers.Call[lb.Balancer](t.Context(), conn, lb.CreateBalancer{Name: "web", Port: 80, Protocol: lb.HTTP, Algorithm: lb.RoundRobin})
	if err != nil {
		t.Fatal(err)
	}
	s.Put("projects/"+gce.Project+"/global/healthChecks/another", map[string]any{"type": "TCP"})
	s.Refuse(gce.Refusal{Method: "compute.backendServices.delete", Times: 1, Status: 403, Reason: "forbidden", Message: "no"})
	err = drivers.Do(t.Context(), conn, lb.DestroyBalancer{Balancer: b.ID})
	if err == nil {
		t.Fatal("the refusal is not told")
	}
	if err := drivers.Do(t.Context(), conn, lb.DestroyBalancer{Balancer: b.ID}); err != nil {
		t.Fatal(err)
	}
	if left := s.Paths("healthChecks"); len(left) != 1 {
		t.Errorf("%v", left)
	}
	if err := drivers.Do(t.Context(), conn, lb.DestroyBalancer{Balancer: b.ID}); op.KindOf(err) != op.NotFound {
		t.Errorf("a third time: %v", err)
	}
}

// TestSpeakOther: http becomes https and back; a refused rule leaves the balancer
// as it was.
func TestSpeakOther(t *testing.T) {
	s := gce.Start(t)
	s.Put("projects/"+gce.Project+"/global/sslCertificates/site", nil)
	conn := balancers(s)(t, nil)
	b, err := drivers.Call[lb.Balancer](t.Context(), conn, lb.CreateBalancer{Name: "web", Port: 80, Protocol: lb.HTTP, Algorithm: lb.RoundRobin, Tags: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	is := func(protocol lb.Protocol, port, proxies int) {
		t.Helper()
		got, err := drivers.Call[lb.Balancer](t.Context(), conn, lb.GetBalancer{Balancer: b.ID})
		if err != nil || got.Protocol != protocol || got.Port != port || got.Address != b.Address || got.Tags["a"] != "b" {
			t.Errorf("%+v %v", got, err)
		}
		if n := len(s.Paths("targetHttpProxies")) + len(s.Paths("targetHttpsProxies")); n != proxies {
			t.Errorf("%d proxies", n)
		}
	}
	s.Refuse(gce.Refusal{Method: "compute.globalForwardingRules.insert", Times: 1, Status: 403, Reason: "quotaExceeded", Message: "Quota exceeded."})
	if err := drivers.Do(t.Context(), conn, lb.UpdateBalancer{Balancer: b.ID, Protocol: lb.HTTPS, Port: 443, Certificate: "site"}); op.KindOf(err) != op.QuotaExceeded {
		t.Errorf("%v", err)
	}
	is(lb.HTTP, 80, 1)
	for _, in := range []lb.UpdateBalancer{{Protocol: lb.HTTPS, Port: 443, Certificate: "site"}, {Protocol: lb.HTTP, Port: 80}} {
		in.Balancer = b.ID
		if err := drivers.Do(t.Context(), conn, in); err != nil {
			t.Fatal(err)
		}
		is(in.Protocol, in.Port, 1)
	}
	if err := drivers.Do(t.Context(), conn, lb.UpdateBalancer{Balancer: b.ID, Protocol: lb.TCP}); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("http to tcp: %v", err)
	}
}

// TestOthersBalancer: what somebody else made is shown, with groups of instances,
// and destroying it leaves what is theirs.
func TestOthersBalancer(t *testing.T) {
	s := gce.Start(t)
	p := "projects/" + gce.Project
	url := func(path string) string { return "https://www.googleapis.com/compute/v1/" + p + path }
	group := "/zones/us-central1-a/instanceGroups/theirs"
	s.Put(p+group, nil)
	s.Members(p+group, map[string]any{"instance": url("/zones/us-central1-a/instances/one"), "ipAddress": "10.0.0.5", "port": 80, "healthState": "UNHEALTHY"})
	s.Put(p+"/global/backendServices/theirs", map[string]any{"protocol": "HTTP", "backends": []any{map[string]any{"group": url(group)}}, "loadBalancingScheme": "EXTERNAL"})
	s.Put(p+"/global/urlMaps/theirs", map[string]any{"defaultService": url("/global/backendServices/theirs")})
	s.Put(p+"/global/targetHttpProxies/theirs", map[string]any{"urlMap": url("/global/urlMaps/theirs")})
	s.Put(p+"/global/forwardingRules/front", map[string]any{"target": url("/global/targetHttpProxies/theirs"), "portRange": "80-80", "IPProtocol": "TCP", "IPAddress": "203.0.113.1"})
	s.Put(p+"/regions/us-central1/forwardingRules/vpn", map[string]any{"target": url("/regions/us-central1/targetVpnGateways/v"), "IPProtocol": "ESP"})
	conn := balancers(s)(t, nil)
	n := 0
	for b, err := range drivers.List[lb.Balancer](t.Context(), conn, lb.ListBalancers{}) {
		if n++; err != nil || b.ID != "front" || b.Protocol != lb.HTTP || b.Port != 80 || b.Address != "203.0.113.1" {
			t.Errorf("%+v %v", b, err)
		}
	}
	if n != 1 {
		t.Errorf("%d balancers", n)
	}
	for m, err := range drivers.List[lb.Member](t.Context(), conn, lb.BalancerListMembers{Balancer: "front"}) {
		if err != nil || m.Node != "us-central1-a/one" || m.Health != lb.Unhealthy || m.ID != "10.0.0.5:80" {
			t.Errorf("%+v %v", m, err)
		}
	}
	if _, err := drivers.Call[lb.Member](t.Context(), conn, lb.BalancerAttachMember{Balancer: "front", IP: "10.0.0.9"}); op.KindOf(err) != op.Conflict {
		t.Errorf("adding to it: %v", err)
	}
	if err := drivers.Do(t.Context(), conn, lb.DestroyBalancer{Balancer: "front"}); err != nil {
		t.Fatal(err)
	}
	if len(s.Paths("backendServices")) != 1 || len(s.Paths("forwardingRules")) != 1 {
		t.Errorf("left are %v %v", s.Paths("backendServices"), s.Paths("forwardingRules"))
	}
}
