package google

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

// open opens the driver on a server for the length of a test.
func open(t testing.TB, s *gce.Server, over map[string]any) *drivers.Conn {
	t.Helper()
	c := opener(s)(t, over)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func call[Out any](t testing.TB, c *drivers.Conn, in any) Out {
	t.Helper()
	out, err := drivers.Call[Out](t.Context(), c, in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	return out
}

func perform(t testing.TB, c *drivers.Conn, in any) {
	t.Helper()
	if err := drivers.Do(t.Context(), c, in); err != nil {
		t.Fatalf("%T: %v", in, err)
	}
}

func list[Out any](t testing.TB, c *drivers.Conn, in any) []Out {
	t.Helper()
	var all []Out
	for v, err := range drivers.List[Out](t.Context(), c, in) {
		if err != nil {
			t.Fatalf("%T: %v", in, err)
		}
		all = append(all, v)
	}
	return all
}

// first is the error of a list.
func first(ctx context.Context, c *drivers.Conn) error {
	for _, err := range drivers.List[compute.Node](ctx, c, compute.ListNodes{}) {
		return err
	}
	return nil
}

// What each answer means: the reasons are those that the documentation of the
// API lists under "Handling API errors".
func TestErrorKinds(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	cases := map[string]struct {
		answer gce.Refusal
		kind   op.Kind
		after  time.Duration
	}{
		"not authenticated":     {answer: gce.Refusal{Status: 401, Reason: "authError", Message: "Invalid Credentials"}, kind: op.Unauthenticated},
		"no login":              {answer: gce.Refusal{Status: 401, Reason: "required", Message: "Login Required."}, kind: op.Unauthenticated},
		"no permission":         {answer: gce.Refusal{Status: 403, Reason: "forbidden", Message: "Required 'compute.instances.list' permission"}, kind: op.PermissionDenied},
		"API not enabled":       {answer: gce.Refusal{Status: 403, Reason: "accessNotConfigured", Message: "Compute Engine API has not been used"}, kind: op.PermissionDenied},
		"403 of the rate":       {answer: gce.Refusal{Status: 403, Reason: "rateLimitExceeded", Message: "Rate Limit Exceeded"}, kind: op.RateLimited},
		"403 of a user's rate":  {answer: gce.Refusal{Status: 403, Reason: "userRateLimitExceeded", Message: "User Rate Limit Exceeded"}, kind: op.RateLimited},
		"403 of the quota":      {answer: gce.Refusal{Status: 403, Reason: "quotaExceeded", Message: "Quota 'CPUS' exceeded."}, kind: op.QuotaExceeded},
		"not found":             {answer: gce.Refusal{Status: 404, Reason: "notFound", Message: "The resource was not found"}, kind: op.NotFound},
		"refers to nothing":     {answer: gce.Refusal{Status: 400, Reason: "invalid", Message: "Invalid value. The referenced network resource cannot be found."}, kind: op.NotFound},
		"no such zone":          {answer: gce.Refusal{Status: 400, Reason: "invalid", Message: "Invalid value for field 'zone': 'x'. Unknown zone."}, kind: op.NotFound},
		"invalid":               {answer: gce.Refusal{Status: 400, Reason: "invalid", Message: "Invalid value for field 'sizeGb'"}, kind: op.InvalidArgument},
		"unknown reason":        {answer: gce.Refusal{Status: 400, Reason: "somethingNew", Message: "No"}, kind: op.InvalidArgument},
		"already there":         {answer: gce.Refusal{Status: 409, Reason: "alreadyExists", Message: "The resource already exists"}, kind: op.AlreadyExists},
		"in use":                {answer: gce.Refusal{Status: 400, Reason: "resourceInUseByAnotherResource", Message: "is already being used by"}, kind: op.Conflict},
		"not ready":             {answer: gce.Refusal{Status: 400, Reason: "resourceNotReady", Message: "is not ready"}, kind: op.Conflict},
		"changed meanwhile":     {answer: gce.Refusal{Status: 412, Reason: "conditionNotMet", Message: "Supplied fingerprint does not match"}, kind: op.Conflict},
		"429":                   {answer: gce.Refusal{Status: 429, Reason: "rateLimitExceeded", Header: http.Header{"Retry-After": {"7"}}}, kind: op.RateLimited, after: 7 * time.Second},
		"503":                   {answer: gce.Refusal{Status: 503, Reason: "backendError", Header: http.Header{"Retry-After": {"3"}}}, kind: op.Unavailable, after: 3 * time.Second},
		"500":                   {answer: gce.Refusal{Status: 500, Reason: "internalError", Message: "Internal error"}, kind: op.Unavailable},
		"a page for an error":   {answer: gce.Refusal{Status: 502, Body: "<html>Bad Gateway</html>"}, kind: op.Unavailable},
		"a page for an answer":  {answer: gce.Refusal{Status: 200, Body: "<html>Please log in</html>"}, kind: op.Unavailable},
		"another type":          {answer: gce.Refusal{Status: 200, Body: `{"items": "none"}`}, kind: op.Unavailable},
		"a page for permission": {answer: gce.Refusal{Status: 403, Body: "<html>Forbidden</html>"}, kind: op.PermissionDenied},
		"cut":                   {answer: gce.Refusal{Status: 200, Body: `{"items": {"zones/`, Cut: true}, kind: op.Unavailable},
		"empty":                 {answer: gce.Refusal{Status: 200, Body: " "}, kind: op.Unavailable},
	}
	for what, k := range cases {
		t.Run(what, func(t *testing.T) {
			k.answer.Times, k.answer.Method = 1, "compute.instances.aggregatedList"
			s.Refuse(k.answer)
			e := op.AsError(first(t.Context(), c))
			if e == nil || e.Kind != k.kind || e.RetryAfter != k.after {
				t.Fatalf("want %s after %s, got %#v", k.kind, k.after, e)
			}
			if k.answer.Message != "" && (e.Message != k.answer.Message || e.Code != k.answer.Reason) {
				t.Errorf("the message is %q, the code %q", e.Message, e.Code)
			}
		})
	}
}

func TestWrongToken(t *testing.T) {
	c := open(t, gce.Start(t), map[string]any{"access_token": "ya29.other"})
	err := first(t.Context(), c)
	if op.KindOf(err) != op.Unauthenticated {
		t.Errorf("want unauthenticated, got %v", err)
	}
	if strings.Contains(err.Error(), "ya29.other") {
		t.Errorf("the message tells the token: %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, map[string]any{"endpoint": "http://127.0.0.1:1"})
	if err := first(t.Context(), c); op.KindOf(err) != op.Unavailable {
		t.Errorf("want unavailable, got %v", err)
	}
}

var web = compute.CreateNode{Name: "web", Size: "e2-micro", Image: "debian-cloud/family/debian-12"}

// An operation that fails at its end fails the call, and leaves nothing.
func TestFailedOperation(t *testing.T) {
	for code, kind := range map[string]op.Kind{
		"ZONE_RESOURCE_POOL_EXHAUSTED":              op.QuotaExceeded,
		"ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS": op.QuotaExceeded,
		"QUOTA_EXCEEDED":                            op.QuotaExceeded,
		"RESOURCE_IN_USE_BY_ANOTHER_RESOURCE":       op.Conflict,
		"RESOURCE_NOT_FOUND":                        op.NotFound,
		"RESOURCE_OPERATION_RATE_EXCEEDED":          op.RateLimited,
		"INTERNAL_ERROR":                            op.Unavailable,
		"SOMETHING_NEW":                             op.Unavailable, // by the operation's status, 503
	} {
		t.Run(code, func(t *testing.T) {
			s := gce.Start(t)
			s.Fail("compute.instances.insert", gce.Failure{Code: code, Message: "it did not work"})
			_, err := drivers.Call[compute.Node](t.Context(), open(t, s, nil), web)
			e := op.AsError(err)
			if e == nil || e.Kind != kind || e.Code != code || e.Message != "it did not work" || !strings.HasPrefix(e.RequestID, "operation-") {
				t.Errorf("want %s, got %#v", kind, e)
			}
			for _, collection := range []string{"instances", "disks"} {
				if left := s.Paths(collection); len(left) > 0 {
					t.Errorf("it left %q", left)
				}
			}
		})
	}
}

// Of several nodes there are none when one cannot be made.
func TestFailedOperationOfMany(t *testing.T) {
	s := gce.Start(t)
	s.Fail("compute.instances.bulkInsert", gce.Failure{Code: "ZONE_RESOURCE_POOL_EXHAUSTED", Message: "us-central1-a is full"})
	_, err := drivers.Call[[]compute.Node](t.Context(), open(t, s, nil), compute.CreateNodes{CreateNode: web, Count: 3})
	if op.KindOf(err) != op.QuotaExceeded || len(s.Paths("instances")) > 0 {
		t.Errorf("there are %q, %v", s.Paths("instances"), err)
	}
}

func TestQuota(t *testing.T) {
	s := gce.Start(t)
	s.Quota(2)
	c := open(t, s, nil)
	_, err := drivers.Call[[]compute.Node](t.Context(), c, compute.CreateNodes{CreateNode: web, Count: 3})
	if op.KindOf(err) != op.QuotaExceeded {
		t.Errorf("three of two: %v", err)
	}
	if left := s.Paths("instances"); len(left) > 0 {
		t.Errorf("it left %q", left)
	}
}
