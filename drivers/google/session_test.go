package google

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

// tokens is an OAuth 2.0 server that answers a request for a token with status and body.
func tokens(t *testing.T, status int, body string) (url string, asked *atomic.Int64) {
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func tokenBody(token string) string {
	return fmt.Sprintf(`{"access_token": %q, "token_type": "Bearer", "expires_in": 3600}`, token)
}

// serviceAccount writes a service account's key, which asks for tokens at url.
func serviceAccount(t *testing.T, url string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]string{"type": "service_account", "project_id": gce.Project, "client_email": "robot@example.com", "token_uri": url,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// noEnvironment hides the credentials of who runs the test.
func noEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT", "CLOUDSDK_COMPUTE_ZONE", "CLOUDSDK_COMPUTE_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
}

func openWith(t *testing.T, config map[string]any) (*drivers.Conn, error) {
	t.Helper()
	c, err := Providers()[0].Open(t.Context(), "gce", config)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// A service account's file gives the token and the project, when they are
// needed first, and the token serves for all requests.
func TestServiceAccount(t *testing.T) {
	s := gce.Start(t)
	noEnvironment(t)
	url, asked := tokens(t, 200, tokenBody(gce.Token))
	file := serviceAccount(t, url)
	for what, config := range map[string]map[string]any{
		"configured":  {"endpoint": s.URL, "credentials_file": file},
		"application": {"endpoint": s.URL},
	} {
		t.Run(what, func(t *testing.T) {
			asked.Store(0)
			if what == "application" {
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
			}
			c, err := openWith(t, config)
			if err != nil || asked.Load() != 0 {
				t.Fatalf("opening asked for %d tokens: %v", asked.Load(), err)
			}
			for range 2 {
				if err := first(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			if asked.Load() != 1 {
				t.Errorf("asked for %d tokens", asked.Load())
			}
		})
	}
}

func TestNoCredentials(t *testing.T) {
	s := gce.Start(t)
	noEnvironment(t)
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	down, _ := tokens(t, 503, "{}")
	revoked, _ := tokens(t, 400, `{"error": "invalid_grant"}`)
	for what, k := range map[string]struct {
		file string
		kind op.Kind
	}{
		"no file":       {filepath.Join(t.TempDir(), "none.json"), op.Unauthenticated},
		"no JSON":       {bad, op.Unauthenticated},
		"revoked":       {serviceAccount(t, revoked), op.Unauthenticated},
		"issuer down":   {serviceAccount(t, down), op.Unavailable},
		"nobody there":  {serviceAccount(t, "http://127.0.0.1:1"), op.Unavailable},
		"none anywhere": {"", op.Unauthenticated},
	} {
		t.Run(what, func(t *testing.T) {
			if k.file == "" {
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
			}
			c, err := openWith(t, map[string]any{"endpoint": s.URL, "project": gce.Project, "credentials_file": k.file})
			if err != nil {
				t.Fatal(err)
			}
			if err := first(t.Context(), c); op.KindOf(err) != k.kind {
				t.Errorf("want %s, got %v", k.kind, err)
			}
		})
	}
}

// Who gives up does not wait for a token.
func TestGivingUpOnToken(t *testing.T) {
	noEnvironment(t)
	waiting := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		close(waiting)
		<-r.Context().Done()
	}))
	defer s.Close()
	defer s.CloseClientConnections()
	c, err := openWith(t, map[string]any{"endpoint": s.URL, "credentials_file": serviceAccount(t, s.URL)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-waiting
		cancel()
	}()
	if err := first(ctx, c); op.KindOf(err) != op.Canceled {
		t.Errorf("want canceled, got %v", err)
	}
}

// tripper answers requests itself.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The account that is acted as is asked for with a token of the one that acts.
func TestImpersonation(t *testing.T) {
	noEnvironment(t)
	url, _ := tokens(t, 200, tokenBody("ya29.robot"))
	s, err := newSession(sessionConfig{CredentialsFile: serviceAccount(t, url), Impersonate: "boss@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	answer := `{"accessToken": "ya29.boss", "expireTime": "2099-01-01T00:00:00Z"}`
	through := s.credentials.issuer.base
	s.credentials.issuer.base = tripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != "iamcredentials.googleapis.com" {
			return through.RoundTrip(r)
		}
		if !strings.Contains(r.URL.Path, "boss@example.com:generateAccessToken") || r.Header.Get("Authorization") != "Bearer ya29.robot" {
			t.Errorf("asked %s with %s", r.URL, r.Header.Get("Authorization"))
		}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
	})
	got := ""
	resource := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer resource.Close()
	resp, err := s.client.Get(resource.URL)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); got != "Bearer ya29.boss" {
		t.Errorf("the request had %q", got)
	}
	if p, err := s.project(t.Context()); err != nil || p != gce.Project {
		t.Errorf("the project is %q, %v", p, err)
	}
}

// A redirection is not followed: the token would go along.
func TestRedirection(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked with %v", r.Header) }))
	defer elsewhere.Close()
	s := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer s.Close()
	c, err := openWith(t, map[string]any{"endpoint": s.URL, "project": gce.Project, "access_token": gce.Token})
	if err != nil {
		t.Fatal(err)
	}
	if err := first(t.Context(), c); err == nil {
		t.Error("a redirection is no answer")
	}
}

func TestConfiguration(t *testing.T) {
	s := gce.Start(t)
	noEnvironment(t)
	for what, config := range map[string]map[string]any{
		"zone for region":     {"region": "us-central1-a"},
		"region for zone":     {"zone": "us-central1"},
		"zone elsewhere":      {"zone": "us-central1-a", "region": "europe-west1"},
		"no URL":              {"endpoint": "nonsense"},
		"page size":           {"page_size": 501},
		"token and file":      {"access_token": "x", "credentials_file": "y"},
		"a user that is none": {"ssh_user": "Me"},
		"a misspelling":       {"projekt": "x"},
	} {
		if _, err := openWith(t, config); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
	}
	c, err := openWith(t, map[string]any{"access_token": gce.Token, "endpoint": s.URL, "region": "us-central1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := first(t.Context(), c); op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), "GOOGLE_CLOUD_PROJECT") {
		t.Errorf("without a project: %v", err)
	}
	t.Setenv("GOOGLE_CLOUD_PROJECT", gce.Project)
	t.Setenv("CLOUDSDK_COMPUTE_ZONE", "europe-west1-c")
	if c, err = openWith(t, map[string]any{"access_token": gce.Token, "endpoint": s.URL}); err != nil {
		t.Fatal(err)
	}
	if n := call[compute.Node](t, c, web); n.Location != "europe-west1-c" {
		t.Errorf("by the environment, a node is in %s", n.Location)
	}
}
