package kube

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// against opens the workloads of a server that answers with what answer writes.
func against(t *testing.T, answer http.HandlerFunc) Workloads {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	api, err := NewAPI(&rest.Config{Host: s.URL, BearerToken: "very-secret"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	return Workloads{Open: func(context.Context, string) (*API, error) { return api, nil }}
}

func status(code int, reason, message, details string) string {
	return fmt.Sprintf(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": %d, "reason": %q, "message": %q, "details": {%s}}`, code, reason, message, details)
}

func TestErrors(t *testing.T) {
	for what, c := range map[string]struct {
		status int
		header http.Header
		body   string
		cut    bool
		want   op.Error
	}{
		"not found":       {404, nil, status(404, "NotFound", `deployments.apps "x" not found`, ""), false, op.Error{Kind: op.NotFound, Code: "NotFound", Message: `deployments.apps "x" not found`}},
		"already exists":  {409, nil, status(409, "AlreadyExists", "there", ""), false, op.Error{Kind: op.AlreadyExists, Code: "AlreadyExists"}},
		"conflict":        {409, nil, status(409, "Conflict", "modified", ""), false, op.Error{Kind: op.Conflict, Code: "Conflict"}},
		"unauthorized":    {401, nil, status(401, "Unauthorized", "Unauthorized", ""), false, op.Error{Kind: op.Unauthenticated}},
		"forbidden":       {403, nil, status(403, "Forbidden", `User "v" cannot`, ""), false, op.Error{Kind: op.PermissionDenied}},
		"quota":           {403, nil, status(403, "Forbidden", "exceeded quota: q", ""), false, op.Error{Kind: op.QuotaExceeded}},
		"terminating":     {403, nil, status(403, "Forbidden", "is being terminated", `"causes": [{"reason": "NamespaceTerminating"}]`), false, op.Error{Kind: op.Conflict}},
		"invalid":         {422, nil, status(422, "Invalid", "spec.replicas: Invalid value: -1", ""), false, op.Error{Kind: op.InvalidArgument, Code: "Invalid"}},
		"too many":        {429, http.Header{"Retry-After": {"7"}}, status(429, "TooManyRequests", "slow", ""), false, op.Error{Kind: op.RateLimited, RetryAfter: 7 * time.Second}},
		"too many, later": {429, nil, status(429, "TooManyRequests", "slow", `"retryAfterSeconds": 3`), false, op.Error{Kind: op.RateLimited, RetryAfter: 3 * time.Second}},
		"unavailable":     {503, http.Header{"Audit-Id": {"a-1"}}, status(503, "ServiceUnavailable", "etcd is away", ""), false, op.Error{Kind: op.Unavailable, RequestID: "a-1"}},
		"server timeout":  {500, nil, status(500, "ServerTimeout", "later", `"retryAfterSeconds": 1`), false, op.Error{Kind: op.Unavailable, RetryAfter: time.Second}},
		"a proxy's page":  {502, nil, "<html>Bad Gateway</html>", false, op.Error{Kind: op.Unavailable, Message: "the API server answers with 502 Bad Gateway"}},
		"a proxy's words": {403, nil, "not from here", false, op.Error{Kind: op.PermissionDenied, Message: "not from here"}},
		"a redirection":   {302, http.Header{"Location": {"https://login.example.com"}}, "", false, op.Error{Kind: op.Unavailable}},
		"no JSON":         {200, nil, "<html>Sign in</html>", false, op.Error{Kind: op.Unavailable}},
		"cut":             {200, nil, `{"metadata": {"na`, true, op.Error{Kind: op.Unavailable}},
	} {
		t.Run(what, func(t *testing.T) {
			w := against(t, func(w http.ResponseWriter, r *http.Request) {
				for name, values := range c.header {
					w.Header()[name] = values
				}
				if c.cut {
					w.Header().Set("Content-Length", fmt.Sprint(len(c.body)+10))
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			_, err := w.GetContainer(t.Context(), container.GetContainer{Container: "default/deployment/x"})
			e := op.AsError(err)
			if e == nil || e.Kind != c.want.Kind || c.want.Code != "" && e.Code != c.want.Code || c.want.Message != "" && e.Message != c.want.Message ||
				e.RetryAfter != c.want.RetryAfter || c.want.RequestID != "" && e.RequestID != c.want.RequestID {
				t.Errorf("want %#v, got %#v", c.want, e)
			}
			if strings.Contains(err.Error(), "very-secret") {
				t.Errorf("the message has the token: %v", err)
			}
		})
	}
}

// What a create did that was not answered is unknown: nothing is taken back
// then, and repeating the call with its token finds what is there.
func TestUnansweredCreate(t *testing.T) {
	var made string
	var deleted, lost bool
	w := against(t, func(w http.ResponseWriter, r *http.Request) {
		const object = `{"metadata": {"name": "web", "namespace": "default", "uid": "u-1", "annotations": {"cloudlark.io/token": "t-1"}}, "spec": {"replicas": 1}}`
		switch {
		case r.Method == http.MethodDelete:
			deleted = true
			fmt.Fprint(w, "{}")
		case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/deployments") && made == "":
			made = object
			fmt.Fprint(w, object)
		case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/deployments"):
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, status(409, "AlreadyExists", "there", ""))
		case r.Method == http.MethodPost && !lost:
			lost = true
			panic(http.ErrAbortHandler) // the Service's answer gets lost
		case r.Method == http.MethodPost:
			fmt.Fprint(w, `{"metadata": {"name": "web"}}`)
		default:
			fmt.Fprint(w, made)
		}
	})
	in := container.DeployContainer{Name: "web", Image: "nginx", Replicas: new(1), Ports: []container.Port{{Port: 80}}, Extra: map[string]any{"service": "ClusterIP"}}
	ctx := op.WithToken(t.Context(), "t-1")
	if _, err := w.DeployContainer(ctx, in); op.KindOf(err) != op.Unavailable || deleted {
		t.Fatalf("it is deleted: %v; %v", deleted, err)
	}
	if c, err := w.DeployContainer(ctx, in); err != nil || c.ID != "default/deployment/web" {
		t.Errorf("again: %+v, %v", c, err)
	}
	if _, err := w.DeployContainer(op.WithToken(t.Context(), "t-2"), in); op.KindOf(err) != op.AlreadyExists {
		t.Errorf("another call: %v", err)
	}
}

// A continuation that has expired goes on with the list as it is now.
func TestExpiredContinue(t *testing.T) {
	var asked []string
	w := against(t, func(w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("continue")
		asked = append(asked, token)
		switch {
		case !strings.HasSuffix(r.URL.Path, "/deployments"):
			fmt.Fprint(w, `{"metadata": {}, "items": []}`)
		case token == "":
			fmt.Fprint(w, `{"metadata": {"continue": "old"}, "items": [{"metadata": {"name": "a", "namespace": "n"}}]}`)
		case token == "old":
			w.WriteHeader(http.StatusGone)
			fmt.Fprint(w, `{"kind": "Status", "code": 410, "reason": "Expired", "message": "too old", "metadata": {"continue": "new"}}`)
		default:
			fmt.Fprint(w, `{"metadata": {}, "items": [{"metadata": {"name": "b", "namespace": "n"}}]}`)
		}
	})
	var names []string
	for c, err := range w.ListContainers(t.Context(), container.ListContainers{}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, c.Name)
	}
	if fmt.Sprint(names) != "[a b]" {
		t.Errorf("the containers are %v, asked with %v", names, asked)
	}
}

func TestIDs(t *testing.T) {
	w := against(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) })
	for _, id := range []string{"", "x", "a/b", "a/nonsense/c", "a/deployment/", "../deployment/x", "a/deployment/..", "a/deployment/b%2Fc", "x/a/deployment/b"} {
		if _, err := w.GetContainer(t.Context(), container.GetContainer{Container: id}); op.KindOf(err) != op.NotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
}
