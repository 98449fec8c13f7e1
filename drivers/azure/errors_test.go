package azure

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/azure"
)

// open opens the compute driver on a server for the length of a test.
func open(t testing.TB, s *azure.Server, over map[string]any) *drivers.Conn {
	t.Helper()
	c := opener(s, provider(t, compute.Family))(t, over)
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

// What each answer means: the codes are those of "Common error codes for Azure
// Resource Manager" and of the services' own pages.
func TestErrorKinds(t *testing.T) {
	s := azure.Start(t, 0)
	c := open(t, s, nil)
	cases := map[string]struct {
		answer azure.Refusal
		kind   op.Kind
		after  time.Duration
	}{
		"expired":              {answer: azure.Refusal{Fault: azure.Fault{Status: 401, Code: "ExpiredAuthenticationToken", Message: "The access token expiry is earlier than now."}}, kind: op.Unauthenticated},
		"no permission":        {answer: azure.Refusal{Fault: azure.Fault{Status: 403, Code: "AuthorizationFailed", Message: "The client does not have authorization."}}, kind: op.PermissionDenied},
		"policy":               {answer: azure.Refusal{Fault: azure.Fault{Status: 403, Code: "RequestDisallowedByPolicy", Message: "Disallowed by policy."}}, kind: op.PermissionDenied},
		"not registered":       {answer: azure.Refusal{Fault: azure.Fault{Status: 409, Code: "MissingSubscriptionRegistration", Message: "The subscription is not registered to use namespace 'Microsoft.Compute'."}}, kind: op.PermissionDenied},
		"no group":             {answer: azure.Refusal{Fault: azure.Fault{Status: 404, Code: "ResourceGroupNotFound", Message: "Resource group 'x' could not be found."}}, kind: op.NotFound},
		"refers to nothing":    {answer: azure.Refusal{Fault: azure.Fault{Status: 400, Code: "InvalidResourceReference", Message: "Resource x referenced by y was not found."}}, kind: op.NotFound},
		"unknown not found":    {answer: azure.Refusal{Fault: azure.Fault{Status: 400, Code: "SomethingNewNotFound", Message: "x"}}, kind: op.NotFound},
		"invalid":              {answer: azure.Refusal{Fault: azure.Fault{Status: 400, Code: "InvalidParameter", Message: "The value is not valid."}}, kind: op.InvalidArgument},
		"cores":                {answer: azure.Refusal{Fault: azure.Fault{Status: 409, Code: "OperationNotAllowed", Message: "Operation could not be completed as it results in exceeding approved Total Regional Cores quota."}}, kind: op.QuotaExceeded},
		"addresses":            {answer: azure.Refusal{Fault: azure.Fault{Status: 400, Code: "PublicIPCountLimitReached", Message: "Cannot create more than 10 public IP addresses."}}, kind: op.QuotaExceeded},
		"no capacity":          {answer: azure.Refusal{Fault: azure.Fault{Status: 409, Code: "SkuNotAvailable", Message: "The requested size is currently not available."}}, kind: op.QuotaExceeded},
		"wrong state":          {answer: azure.Refusal{Fault: azure.Fault{Status: 409, Code: "OperationNotAllowed", Message: "Operation 'restart' is not allowed on VM."}}, kind: op.Conflict},
		"in use":               {answer: azure.Refusal{Fault: azure.Fault{Status: 400, Code: "InUseSubnetCannotBeDeleted", Message: "Subnet is in use."}}, kind: op.Conflict},
		"locked":               {answer: azure.Refusal{Fault: azure.Fault{Status: 409, Code: "ScopeLocked", Message: "The scope is locked."}}, kind: op.Conflict},
		"changed meanwhile":    {answer: azure.Refusal{Fault: azure.Fault{Status: 412, Code: "PreconditionFailed", Message: "x"}}, kind: op.Conflict},
		"429":                  {answer: azure.Refusal{Fault: azure.Fault{Status: 429, Code: "TooManyRequests", Message: "x"}, Header: http.Header{"Retry-After": {"7"}}}, kind: op.RateLimited, after: 7 * time.Second},
		"503":                  {answer: azure.Refusal{Fault: azure.Fault{Status: 503, Code: "ServiceUnavailable", Message: "x"}, Header: http.Header{"Retry-After": {"3"}}}, kind: op.Unavailable, after: 3 * time.Second},
		"500":                  {answer: azure.Refusal{Fault: azure.Fault{Status: 500, Code: "InternalServerError", Message: "x"}}, kind: op.Unavailable},
		"a page for an error":  {answer: azure.Refusal{Fault: azure.Fault{Status: 502}, Body: "<html>Bad Gateway</html>"}, kind: op.Unavailable},
		"a page for an answer": {answer: azure.Refusal{Fault: azure.Fault{Status: 200}, Body: "<html>Please log in</html>"}, kind: op.Unavailable},
		"a redirection":        {answer: azure.Refusal{Fault: azure.Fault{Status: 302}, Header: http.Header{"Location": {"http://127.0.0.1:1/"}}, Body: " "}, kind: op.Unavailable},
		"another type":         {answer: azure.Refusal{Fault: azure.Fault{Status: 200}, Body: `{"value": "none"}`}, kind: op.Unavailable},
		"cut":                  {answer: azure.Refusal{Fault: azure.Fault{Status: 200}, Body: `{"value": [`, Cut: true}, kind: op.Unavailable},
	}
	for what, k := range cases {
		t.Run(what, func(t *testing.T) {
			k.answer.Times, k.answer.Method = 1, "VirtualMachinesClient.NewListPager"
			s.Refuse(k.answer)
			e := op.AsError(first(t.Context(), c))
			if e == nil || e.Kind != k.kind || e.RetryAfter != k.after {
				t.Fatalf("want %s after %s, got %#v", k.kind, k.after, e)
			}
			if k.answer.Message != "" && (e.Message != k.answer.Message || e.Code != k.answer.Code || e.RequestID == "") {
				t.Errorf("the message is %q, the code %q, the request %q", e.Message, e.Code, e.RequestID)
			}
		})
	}
}

// Where the code says nothing, the detail's does.
func TestErrorDetails(t *testing.T) {
	s := azure.Start(t, 0)
	s.Refuse(azure.Refusal{Times: 1, Fault: azure.Fault{Status: 400}, Body: `{"error": {"code": "BadRequest", "message": "It failed.", "details": [{"code": "QuotaExceeded", "message": "No more."}]}}`})
	e := op.AsError(first(t.Context(), open(t, s, nil)))
	if e == nil || e.Kind != op.QuotaExceeded || e.Code != "QuotaExceeded" || e.Message != "It failed.: No more." {
		t.Errorf("got %#v", e)
	}
}

func TestWrongToken(t *testing.T) {
	err := first(t.Context(), open(t, azure.Start(t, 0), map[string]any{"access_token": "eyJ0.other"}))
	if op.KindOf(err) != op.Unauthenticated || strings.Contains(err.Error(), "eyJ0.other") {
		t.Errorf("want unauthenticated, without the token, got %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	err := first(t.Context(), open(t, azure.Start(t, 0), map[string]any{"endpoint": "http://127.0.0.1:1"}))
	if op.KindOf(err) != op.Unavailable {
		t.Errorf("want unavailable, got %v", err)
	}
}

// The token goes nowhere but to the endpoint, wherever a link leads.
func TestStrangeLink(t *testing.T) {
	s := azure.Start(t, 0)
	s.Refuse(azure.Refusal{Method: "DisksClient.NewListByResourceGroupPager", Fault: azure.Fault{Status: 200}, Body: `{"value": [], "nextLink": "http://127.0.0.1:1/subscriptions/x"}`})
	c := open(t, s, nil)
	for _, err := range drivers.List[compute.Volume](t.Context(), c, compute.ListVolumes{}) {
		if op.KindOf(err) != op.Internal || !strings.Contains(err.Error(), "no token goes there") {
			t.Errorf("want a refusal, got %v", err)
		}
	}
}
