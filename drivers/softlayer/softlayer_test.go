package softlayer

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// opener opens the driver, and gives what is created the subnet that it wants.
func opener(config map[string]any, subnet string) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		c := maps.Clone(config)
		maps.Copy(c, over)
		chain = append(chain, drivertest.Complete(func(in *lb.CreateBalancer) {
			if in.Subnets == nil {
				in.Subnets = []string{subnet}
			}
		}))
		conn, err := Provider().Open(t.Context(), "softlayer", c, chain...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
}

func lacks(more map[string]string) map[string]string {
	const noTags, noDrain, noState = "the API of load balancers has none", "there is no such setting", "a member gets work as long as it is one"
	all := map[string]string{"create_balancer.tags": noTags, "list_balancers.tags": noTags, "create_balancer.drain_timeout": noDrain, "update_balancer.drain_timeout": noDrain,
		"health_check.healthy_threshold": "one number is both thresholds",
		"member.draining":                noState, "member.disabled": noState}
	maps.Copy(all, more)
	return all
}

func (s *classicServer) config() map[string]any {
	return map[string]any{"endpoint": s.url, "username": user, "api_key": key}
}

func (s *vpcServer) config() map[string]any {
	return map[string]any{"endpoint": s.url + "/v1", "iam_endpoint": s.url, "vpc": true, "api_key": key}
}

func TestClassic(t *testing.T) {
	s := newClassic(t)
	drivertest.LB(t, drivertest.Harness{
		Open:       opener(s.config(), "7"),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		OnePage: []string{"balancer_list_members"}, UniqueNames: true,
		Native:       native.Call{Operation: "GET /SoftLayer_Account/getObject"},
		NativeChange: "POST /SoftLayer_Product_Order/placeOrder",
		Node:         func(testing.TB) string { return s.guest() },
		Lacks:        lacks(map[string]string{"member.port": "members have the port of the pool"}),
	})
}

func TestVPC(t *testing.T) {
	s := newVPCServer(t)
	drivertest.LB(t, drivertest.Harness{
		Open:       opener(s.config(), "0717-subnet"),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		OnePage: []string{"balancer_list_members"}, UniqueNames: true,
		Native:       native.Call{Operation: "GET /regions"},
		NativeChange: "POST /load_balancers",
		Node:         func(testing.TB) string { return s.instance() },
		Lacks:        lacks(nil),
	})
}

// TestErrors reads every form of refusal that the two APIs have.
func TestErrors(t *testing.T) {
	classic, vpcs := newClassic(t), newVPCServer(t)
	get := func(t *testing.T, config map[string]any) error {
		_, err := drivers.Call[lb.Balancer](t.Context(), opener(config, "7")(t, nil), lb.GetBalancer{Balancer: "x"})
		return err
	}
	for _, c := range []struct {
		status int
		body   string
		kind   op.Kind
	}{
		{404, `{"error":"Unable to find object","code":"SoftLayer_Exception_ObjectNotFound"}`, op.NotFound},
		{500, `{"error":"Unable to find load balancer","code":"SoftLayer_Exception_Public"}`, op.NotFound},
		{500, `{"error":"The name is wrong.","code":"SoftLayer_Exception_Public"}`, op.InvalidArgument},
		{500, `{"error":"The load balancer is in UPDATE_PENDING state","code":"SoftLayer_Exception_Public"}`, op.Conflict},
		{500, `{"error":"Internal Error","code":"SoftLayer_Exception_Public"}`, op.Unavailable},
		{401, `{"error":"Invalid API token.","code":"SoftLayer_Exception_InvalidLegacyToken"}`, op.Unauthenticated},
		{403, `{"error":"Access Denied.","code":"SoftLayer_Exception_NoAccess"}`, op.PermissionDenied},
		{429, `{"error":"Rate limit exceeded.","code":"SoftLayer_Exception_WebService_RateLimitExceeded"}`, op.RateLimited},
		{503, `<html>Service Unavailable</html>`, op.Unavailable},
		{200, `{"id": 1, "uu`, op.Unavailable},
		{200, `<html>`, op.Unavailable},
	} {
		classic.refuse = func(string, string) (int, string) { return c.status, c.body }
		if err := get(t, classic.config()); op.KindOf(err) != c.kind {
			t.Errorf("classic: %d %s: %v", c.status, c.body, err)
		}
	}
	for _, c := range []struct {
		status int
		code   string
		kind   op.Kind
	}{
		{404, "load_balancer_not_found", op.NotFound}, {400, "bad_field", op.InvalidArgument}, {401, "not_authorized", op.Unauthenticated}, {403, "not_authorized", op.PermissionDenied},
		{400, "load_balancer_over_quota", op.QuotaExceeded}, {409, "load_balancer_update_conflict", op.Conflict}, {409, "load_balancer_name_not_unique", op.AlreadyExists},
		{429, "too_many_requests", op.RateLimited}, {503, "", op.Unavailable}, {200, "", op.Unavailable},
	} {
		vpcs.refuse = func(*http.Request) (int, string) {
			if c.code == "" {
				return c.status, `{"errors": [{"co`
			}
			return c.status, fmt.Sprintf(`{"errors":[{"code":%q,"message":"no"}],"trace":"trace-9"}`, c.code)
		}
		err := get(t, vpcs.config())
		e := op.AsError(err)
		if op.KindOf(err) != c.kind || c.code != "" && (e.RequestID != "trace-9" || e.Code != c.code || e.RetryAfter != 3*time.Second) {
			t.Errorf("vpc: %d %s: %+v", c.status, c.code, e)
		}
	}
	for name, config := range map[string]map[string]any{"classic": classic.config(), "vpc": vpcs.config()} {
		classic.refuse, vpcs.refuse = nil, nil
		config["api_key"] = "wrong"
		if err := get(t, config); op.KindOf(err) != op.Unauthenticated || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s with a wrong key: %v", name, err)
		}
		config["api_key"] = ""
		t.Setenv("SL_API_KEY", "")
		t.Setenv("IBMCLOUD_API_KEY", "")
		if err := get(t, config); op.KindOf(err) != op.Unauthenticated {
			t.Errorf("%s with no key: %v", name, err)
		}
		config["endpoint"], config["iam_endpoint"], config["api_key"] = "http://127.0.0.1:1", "http://127.0.0.1:1", key
		if err := get(t, config); op.KindOf(err) != op.Unavailable {
			t.Errorf("%s with nobody there: %v", name, err)
		}
	}
}

// TestOrder: an order that is not taken up is told, and never repeated.
func TestOrder(t *testing.T) {
	s := newClassic(t)
	conn := opener(s.config(), "7")(t, nil)
	ordered := false
	s.refuse = func(service, method string) (int, string) {
		if method == "placeOrder" {
			ordered = true
		}
		if ordered && method == "getAllObjects" {
			return 503, "<html>"
		}
		return 0, ""
	}
	_, err := drivers.Call[lb.Balancer](t.Context(), conn, lb.CreateBalancer{Name: "web", Port: 80, Protocol: lb.HTTP, Algorithm: lb.RoundRobin})
	if op.KindOf(err) != op.Conflict || !strings.Contains(err.Error(), "order 4001") {
		t.Errorf("%v", err)
	}
	s.refuse, s.waiting = nil, 0
	if _, err := drivers.Call[lb.Balancer](t.Context(), conn, lb.CreateBalancer{Name: "web", Port: 80, Protocol: lb.HTTP, Algorithm: lb.RoundRobin}); op.KindOf(err) != op.AlreadyExists {
		t.Errorf("ordered again: %v", err)
	}
	if s.orders != 1 {
		t.Errorf("%d orders", s.orders)
	}
}

// TestNativePages follows what the two APIs cut their lists by.
func TestNativePages(t *testing.T) {
	classic, vpcs := newClassic(t), newVPCServer(t)
	for range 5 {
		classic.guest()
		vpcs.instance()
	}
	for name, c := range map[string]struct {
		config map[string]any
		in     native.Pages
	}{
		"classic": {classic.config(), native.Pages{Operation: "GET /SoftLayer_Account/getVirtualGuests", Arguments: map[string]any{"query": map[string]any{"resultLimit": "0,2"}}}},
		"vpc":     {vpcs.config(), native.Pages{Operation: "GET /instances", Arguments: map[string]any{"query": map[string]any{"limit": 2}}}},
	} {
		pages := 0
		for _, err := range drivers.List[native.Answer](t.Context(), opener(c.config, "7")(t, nil), c.in) {
			if pages++; err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if pages != 3 {
			t.Errorf("%s: %d pages", name, pages)
		}
	}
}

// TestWaitsForTheOther: a balancer that is being changed takes the next change when
// that is done.
func TestWaitsForTheOther(t *testing.T) {
	for name, c := range map[string]struct {
		config map[string]any
		subnet string
	}{"classic": {newClassic(t).config(), "7"}, "vpc": {newVPCServer(t).config(), "0717-subnet"}} {
		conn := opener(c.config, c.subnet)(t, nil)
		b, err := drivers.Call[lb.Balancer](t.Context(), conn, lb.CreateBalancer{Name: "web", Port: 80, Protocol: lb.HTTP, Algorithm: lb.RoundRobin})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if _, err := drivers.Call[lb.Member](t.Context(), conn, lb.BalancerAttachMember{Balancer: b.ID, IP: fmt.Sprintf("10.0.0.%d", i+1)}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := drivers.Do(t.Context(), conn, lb.UpdateBalancer{Balancer: b.ID, Port: 81, Algorithm: lb.LeastConnections, HealthCheck: &lb.HealthCheck{Protocol: lb.HTTP, Path: "/h", Interval: 9, Timeout: 3,
			HealthyThreshold: 2, UnhealthyThreshold: 2}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		after, err := drivers.Call[lb.Balancer](t.Context(), conn, lb.GetBalancer{Balancer: b.ID})
		if err != nil || after.Port != 81 || after.Algorithm != lb.LeastConnections || after.HealthCheck == nil || after.HealthCheck.Path != "/h" {
			t.Errorf("%s: %+v %v", name, after, err)
		}
	}
}

// TestThresholds: one number is both, and two are refused.
func TestThresholds(t *testing.T) {
	conn := opener(newClassic(t).config(), "7")(t, nil)
	_, err := drivers.Call[lb.Balancer](t.Context(), conn, lb.CreateBalancer{Name: "web", Port: 80, Protocol: lb.HTTP, Algorithm: lb.RoundRobin,
		HealthCheck: &lb.HealthCheck{Protocol: lb.HTTP, Interval: 9, Timeout: 3, HealthyThreshold: 3, UnhealthyThreshold: 4}})
	if op.KindOf(err) != op.InvalidArgument {
		t.Errorf("%v", err)
	}
}
