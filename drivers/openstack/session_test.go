package openstack

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// keystone answers requests for tokens as the identity service does, and those
// for a server with what it is told to.
type keystone struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []map[string]any // the bodies of the requests for a token
	valid  string           // the token that the other services take
	refuse func(w http.ResponseWriter) bool
	region string // a second one
}

func startKeystone(t *testing.T, secure bool) *keystone {
	t.Helper()
	k := &keystone{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/auth/tokens", func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		var body struct{ Auth map[string]any }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		k.asked = append(k.asked, body.Auth)
		if text := fmt.Sprint(body.Auth["identity"]); strings.Contains(text, "wrong") {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}`)
			return
		}
		k.valid = fmt.Sprintf("token-%d", len(k.asked))
		w.Header().Set("X-Subject-Token", k.valid)
		w.WriteHeader(http.StatusCreated)
		k.token(w)
	})
	mux.HandleFunc("GET /v3/auth/tokens", func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.valid = r.Header.Get("X-Subject-Token")
		w.Header().Set("X-Subject-Token", k.valid)
		k.token(w)
	})
	mux.HandleFunc("GET /{kind}/servers/{id}", func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		switch {
		case k.refuse != nil && k.refuse(w):
		case r.Header.Get("X-Auth-Token") != k.valid:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}`)
		default:
			fmt.Fprintf(w, `{"server": {"id": %q, "name": %q}}`, r.PathValue("id"), r.PathValue("kind"))
		}
	})
	if secure {
		k.Server = httptest.NewTLSServer(mux)
	} else {
		k.Server = httptest.NewServer(mux)
	}
	t.Cleanup(k.Close)
	return k
}

func (k *keystone) token(w http.ResponseWriter) {
	endpoint := func(kind, region string) map[string]any {
		return map[string]any{"interface": kind, "region": region, "region_id": region, "url": k.URL + "/" + kind + region}
	}
	endpoints := []any{endpoint("public", "one"), endpoint("internal", "one"), endpoint("admin", "one")}
	if k.region != "" {
		endpoints = append(endpoints, endpoint("public", k.region))
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"token": map[string]any{
		"expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "project": map[string]any{"id": "p-1", "name": "lab"},
		"catalog": []any{map[string]any{"type": "compute", "name": "nova", "endpoints": endpoints},
			map[string]any{"type": "volumev3", "name": "cinder", "endpoints": endpoints},
			map[string]any{"type": "network", "name": "neutron", "endpoints": endpoints}}}})
}

// serverName asks the compute service for a server, whose name tells the endpoint.
func serverName(ctx context.Context, s *session) (string, error) {
	c, err := s.service(ctx, "compute")
	if err != nil {
		return "", err
	}
	v, err := got(servers.Get(ctx, c, "s-1").Extract())
	if err != nil {
		return "", err
	}
	return v.Name, nil
}

// noEnvironment keeps what the machine is configured with out of a test.
func noEnvironment(t *testing.T) string {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OS_") {
			t.Setenv(name, "")
		}
	}
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	if err := os.Mkdir(filepath.Join(dir, "openstack"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	return filepath.Join(dir, "openstack")
}

func TestLogin(t *testing.T) {
	type auth = map[string]any
	user := func(password string) auth {
		return auth{"methods": []any{"password"}, "password": auth{"user": auth{"name": "ann", "password": password, "domain": auth{"id": "default"}}}}
	}
	files := map[string]string{
		"clouds.yaml": `clouds:
  lab:
    auth: {auth_url: "URL/v3", username: ann, project_name: lab, user_domain_id: default, project_domain_name: Default}
    region_name: one
    interface: internal
  robot:
    auth_type: v3applicationcredential
    auth: {auth_url: "URL/v3", application_credential_id: ac-1, application_credential_secret: hush}
  bare: {region_name: one}
  ours: {profile: vendor, auth: {username: ann, project_id: p-1}}
`,
		"secure.yaml":        "clouds:\n  lab: {auth: {password: pw}}\n  ours: {auth: {password: pw}}\n",
		"clouds-public.yaml": "public-clouds:\n  vendor: {auth: {auth_url: \"URL/v3\"}, region_name: one}\n",
	}
	project := auth{"project": auth{"name": "lab", "domain": auth{"name": "Default"}}}
	cases := map[string]struct {
		config      sessionConfig
		environment map[string]string
		identity    auth
		scope       any
		endpoint    string
	}{
		"a password": {config: sessionConfig{AuthURL: "URL/v3", Username: "ann", Password: "pw", ProjectName: "lab"},
			identity: user("pw"), scope: auth{"project": auth{"name": "lab", "domain": auth{"id": "default"}}}, endpoint: "publicone"},
		"a password of an id": {config: sessionConfig{AuthURL: "URL/v3", UserID: "u-1", Password: "pw", ProjectID: "p-1"},
			identity: auth{"methods": []any{"password"}, "password": auth{"user": auth{"id": "u-1", "password": "pw"}}}, scope: auth{"project": auth{"id": "p-1"}}, endpoint: "publicone"},
		"an application credential": {config: sessionConfig{AuthURL: "URL/v3", ApplicationCredentialID: "ac-1", ApplicationCredentialSecret: "hush", Interface: "admin"},
			identity: auth{"methods": []any{"application_credential"}, "application_credential": auth{"id": "ac-1", "secret": "hush"}}, endpoint: "adminone"},
		"an application credential by name": {config: sessionConfig{AuthURL: "URL/v3", Username: "ann", UserDomainName: "Corp", ApplicationCredentialName: "ci", ApplicationCredentialSecret: "hush"},
			identity: auth{"methods": []any{"application_credential"}, "application_credential": auth{"name": "ci", "secret": "hush", "user": auth{"name": "ann", "domain": auth{"name": "Corp"}}}}, endpoint: "publicone"},
		"a token with a project": {config: sessionConfig{AuthURL: "URL/v3", Token: "t-0", ProjectID: "p-1"},
			identity: auth{"methods": []any{"token"}, "token": auth{"id": "t-0"}}, scope: auth{"project": auth{"id": "p-1"}}, endpoint: "publicone"},
		"a token":                       {config: sessionConfig{AuthURL: "URL/v3", Token: "t-0"}, endpoint: "publicone"},
		"a token without a catalogue":   {config: sessionConfig{Token: "", Endpoint: "URL/given", AuthURL: "URL/v3", Username: "ann", Password: "pw"}, identity: user("pw"), endpoint: "given"},
		"an endpoint of a service":      {config: sessionConfig{AuthURL: "URL/v3", Token: "t-0", Endpoints: map[string]string{"compute": "URL/named"}}, endpoint: "named"},
		"a cloud":                       {config: sessionConfig{Cloud: "lab"}, identity: user("pw"), scope: project, endpoint: "internalone"},
		"a cloud that OS_CLOUD names":   {environment: map[string]string{"OS_CLOUD": "lab", "OS_INTERFACE": "admin"}, identity: user("pw"), scope: project, endpoint: "adminone"},
		"a cloud and more":              {config: sessionConfig{Cloud: "lab", Password: "other", ProjectID: "p-2", Interface: "public"}, identity: user("other"), scope: auth{"project": auth{"id": "p-2"}}, endpoint: "publicone"},
		"a cloud with a credential":     {config: sessionConfig{Cloud: "robot"}, identity: auth{"methods": []any{"application_credential"}, "application_credential": auth{"id": "ac-1", "secret": "hush"}}, endpoint: "publicone"},
		"a cloud of a vendor's profile": {config: sessionConfig{Cloud: "ours"}, identity: user("pw"), scope: auth{"project": auth{"id": "p-1"}}, endpoint: "publicone"},
		"another service than OS_CLOUD's": {config: sessionConfig{AuthURL: "URL/v3", Username: "ann", Password: "pw"}, environment: map[string]string{"OS_CLOUD": "robot", "OS_REGION_NAME": "elsewhere", "OS_PROJECT_NAME": "x"},
			identity: user("pw"), endpoint: "publicone"},
		"the variables": {environment: map[string]string{"OS_AUTH_URL": "URL/v3", "OS_USERNAME": "ann", "OS_PASSWORD": "pw", "OS_PROJECT_NAME": "lab", "OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_NAME": "Default",
			"OS_REGION_NAME": "one", "OS_INTERFACE": "internal"}, identity: user("pw"), scope: project, endpoint: "internalone"},
		"the variables and more": {environment: map[string]string{"OS_AUTH_URL": "URL/v3", "OS_USERNAME": "ann", "OS_PROJECT_ID": "p-1"}, config: sessionConfig{Password: "pw"},
			identity: user("pw"), scope: auth{"project": auth{"id": "p-1"}}, endpoint: "publicone"},
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			dir := noEnvironment(t)
			k := startKeystone(t, false)
			here := func(s string) string { return strings.Replace(s, "URL", k.URL, 1) }
			for name, text := range files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "URL", k.URL)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for name, value := range c.environment {
				t.Setenv(name, here(value))
			}
			c.config.AuthURL, c.config.Endpoint = here(c.config.AuthURL), here(c.config.Endpoint)
			for kind, url := range c.config.Endpoints {
				c.config.Endpoints = map[string]string{kind: here(url)}
			}
			s, err := newSession(c.config, "compute")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if len(k.asked) > 0 {
				t.Error("opening asks for a token")
			}
			name, err := serverName(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if name != c.endpoint {
				t.Errorf("the endpoint is %q, not %q", name, c.endpoint)
			}
			if c.identity == nil {
				if len(k.asked) > 0 {
					t.Errorf("it asked for a token: %v", k.asked)
				}
				return
			}
			if len(k.asked) != 1 || fmt.Sprint(k.asked[0]["identity"]) != fmt.Sprint(c.identity) || fmt.Sprint(k.asked[0]["scope"]) != fmt.Sprint(c.scope) {
				t.Errorf("it asked with %v\nnot %v of %v", k.asked, c.identity, c.scope)
			}
		})
	}
}

// A token that was made elsewhere needs no identity service where endpoints are known.
func TestTokenAlone(t *testing.T) {
	noEnvironment(t)
	k := startKeystone(t, false)
	k.valid = "t-0"
	s, err := newSession(sessionConfig{Token: "t-0", Endpoint: k.URL + "/nova"}, "compute")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if name, err := serverName(t.Context(), s); name != "nova" || err != nil {
		t.Errorf("%q, %v", name, err)
	}
	if _, err := s.service(t.Context(), "network"); op.KindOf(err) != op.Unsupported {
		t.Errorf("a service that is nowhere: %v", err)
	}
}

func TestRefusedConfiguration(t *testing.T) {
	dir := noEnvironment(t)
	if err := os.WriteFile(filepath.Join(dir, "clouds.yaml"), []byte("clouds:\n  bare: {region_name: one}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]sessionConfig{
		"there is no cloud":               {},
		"there are no credentials":        {AuthURL: "http://127.0.0.1:1/v3"},
		"there is no password":            {AuthURL: "http://127.0.0.1:1/v3", Username: "ann"},
		"goes with its secret":            {AuthURL: "http://127.0.0.1:1/v3", ApplicationCredentialID: "ac-1"},
		"unique to its user":              {AuthURL: "http://127.0.0.1:1/v3", ApplicationCredentialName: "ci", ApplicationCredentialSecret: "hush"},
		"one of the two will do":          {AuthURL: "http://127.0.0.1:1/v3", Username: "ann", UserID: "u-1", Password: "hush"},
		`cloud "other" not found`:         {Cloud: "other"},
		"it has no part auth":             {Cloud: "bare"},
		"page_size is 2000":               {PageSize: 2000},
		"failed to open the CA cert file": {AuthURL: "http://127.0.0.1:1/v3", Username: "ann", Password: "hush", CACert: "nowhere.pem"},
		"client cert key is missing":      {AuthURL: "http://127.0.0.1:1/v3", Username: "ann", Password: "hush", Cert: "cert.pem"},
	} {
		_, err := newSession(c, "compute")
		if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestCertificates(t *testing.T) {
	dir := noEnvironment(t)
	k := startKeystone(t, true)
	c := sessionConfig{AuthURL: k.URL + "/v3", Username: "ann", Password: "pw"}
	s, err := newSession(c, "compute")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := serverName(t.Context(), s); op.KindOf(err) != op.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an authority that nobody knows: %v", err)
	}
	c.CACert = filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(c.CACert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	trusting, err := newSession(c, "compute")
	if err != nil {
		t.Fatal(err)
	}
	defer trusting.Close()
	if _, err := serverName(t.Context(), trusting); err != nil {
		t.Error(err)
	}
}

func TestEndpoints(t *testing.T) {
	noEnvironment(t)
	k := startKeystone(t, false)
	k.region = "two"
	open := func(c sessionConfig) *session {
		c.AuthURL, c.Username, c.Password = k.URL+"/v3", "ann", "pw"
		s, err := newSession(c, "compute")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	if _, err := open(sessionConfig{}).service(t.Context(), "compute"); op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), "one, two") {
		t.Errorf("of two regions none is chosen: %v", err)
	}
	if _, err := open(sessionConfig{Region: "three"}).service(t.Context(), "compute"); op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), "one, two") {
		t.Errorf("a region that is not there: %v", err)
	}
	s := open(sessionConfig{Region: "two"})
	if _, err := s.service(t.Context(), "load-balancer"); op.KindOf(err) != op.Unsupported || !strings.Contains(err.Error(), "compute, network, volumev3") {
		t.Errorf("a service that is not there: %v", err)
	}
	for kind, want := range map[string]string{"compute": "/publictwo/", "block-storage": "/publictwo/", "network": "/publictwo/v2.0/"} {
		c, err := s.service(t.Context(), kind)
		if err != nil || c.ResourceBaseURL() != k.URL+want {
			t.Errorf("%s is at %v, %v", kind, c, err)
		}
	}
}

// A token that runs out is renewed, once and for all that use it.
func TestRenewal(t *testing.T) {
	noEnvironment(t)
	k := startKeystone(t, false)
	s, err := newSession(sessionConfig{AuthURL: k.URL + "/v3", Username: "ann", Password: "pw"}, "compute")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := serverName(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	k.valid = "another"
	k.mu.Unlock()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := serverName(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(k.asked) != 2 {
		t.Errorf("it asked for %d tokens", len(k.asked))
	}
}

func TestWrongPassword(t *testing.T) {
	noEnvironment(t)
	k := startKeystone(t, false)
	s, err := newSession(sessionConfig{AuthURL: k.URL + "/v3", Username: "ann", Password: "wrong"}, "compute")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 { // a failure is not kept
		e := op.AsError(func() error { _, err := serverName(t.Context(), s); return err }())
		if e == nil || e.Kind != op.Unauthenticated || strings.Contains(e.Error(), "wrong") {
			t.Errorf("got %v", e)
		}
	}
	if len(k.asked) != 2 {
		t.Errorf("it asked for %d tokens", len(k.asked))
	}
}

// The forms in which the services refuse, as their API references show them.
func TestErrorKinds(t *testing.T) {
	noEnvironment(t)
	k := startKeystone(t, false)
	s, err := newSession(sessionConfig{AuthURL: k.URL + "/v3", Username: "ann", Password: "pw"}, "compute")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cases := map[string]struct {
		status        int
		body          string
		after         string
		kind          op.Kind
		code, message string
	}{
		"Nova, not found":         {status: 404, body: `{"itemNotFound": {"code": 404, "message": "Instance x could not be found."}}`, kind: op.NotFound, code: "itemNotFound", message: "Instance x could not be found."},
		"Nova, refers to nothing": {status: 400, body: `{"badRequest": {"code": 400, "message": "Can not find requested image"}}`, kind: op.NotFound, code: "badRequest"},
		"Nova, no such key":       {status: 400, body: `{"badRequest": {"code": 400, "message": "Invalid key_name provided."}}`, kind: op.NotFound},
		"Nova, invalid":           {status: 400, body: `{"badRequest": {"code": 400, "message": "Invalid input for field/attribute name."}}`, kind: op.InvalidArgument},
		"Nova, quota":             {status: 403, body: `{"forbidden": {"code": 403, "message": "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"}}`, kind: op.QuotaExceeded},
		"Nova, policy":            {status: 403, body: `{"forbidden": {"code": 403, "message": "Policy doesn't allow os_compute_api:os-services:list to be performed."}}`, kind: op.PermissionDenied},
		"Nova, state":             {status: 409, body: `{"conflictingRequest": {"code": 409, "message": "Cannot 'start' instance x while it is in vm_state active"}}`, kind: op.Conflict},
		"Nova, key":               {status: 409, body: `{"conflictingRequest": {"code": 409, "message": "Key pair 'x' already exists."}}`, kind: op.AlreadyExists},
		"Nova, microversion":      {status: 406, body: `{"computeFault": {"code": 406, "message": "Version 2.999 is not supported by the API."}}`, kind: op.Unsupported},
		"Nova, fault":             {status: 500, body: `{"computeFault": {"code": 500, "message": "Unexpected API Error."}}`, kind: op.Unavailable, code: "computeFault"},
		"old Nova, rate":          {status: 413, body: `{"overLimit": {"code": 413, "message": "This request was rate-limited.", "retryAfter": "9"}}`, after: "9", kind: op.RateLimited},
		"Cinder, quota":           {status: 413, body: `{"overLimit": {"code": 413, "message": "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota 'volumes'.", "retryAfter": "0"}}`, after: "0", kind: op.QuotaExceeded},
		"Cinder, state":           {status: 400, body: `{"badRequest": {"code": 400, "message": "Invalid volume: Volume status must be available or error and must not be attached."}}`, kind: op.Conflict},
		"Neutron, quota":          {status: 409, body: `{"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for resources: ['network'].", "detail": ""}}`, kind: op.QuotaExceeded, code: "OverQuota"},
		"Neutron, rule":           {status: 409, body: `{"NeutronError": {"type": "SecurityGroupRuleExists", "message": "Security group rule already exists. Rule id is x.", "detail": ""}}`, kind: op.AlreadyExists},
		"Neutron, in use":         {status: 409, body: `{"NeutronError": {"type": "NetworkInUse", "message": "Unable to complete operation on network x.", "detail": ""}}`, kind: op.Conflict, code: "NetworkInUse"},
		"Neutron, overlap":        {status: 400, body: `{"NeutronError": {"type": "InvalidInput", "message": "Invalid input for operation.", "detail": "cidr"}}`, kind: op.InvalidArgument, message: "Invalid input for operation. (cidr)"},
		"Octavia, immutable":      {status: 409, body: `{"faultcode": "Client", "faultstring": "Load Balancer x is immutable and cannot be updated.", "debuginfo": null}`, kind: op.Conflict, code: "Client"},
		"Octavia, quota":          {status: 403, body: `{"faultcode": "Client", "faultstring": "Quota has been met for resources: Load Balancers", "debuginfo": null}`, kind: op.QuotaExceeded},
		"Placement":               {status: 404, body: `{"errors": [{"status": 404, "title": "Not Found", "detail": "No resource provider", "code": "placement.undefined_code"}]}`, kind: op.NotFound, code: "placement.undefined_code", message: "No resource provider"},
		"Keystone":                {status: 403, body: `{"error": {"code": 403, "message": "You are not authorized to perform the requested action.", "title": "Forbidden"}}`, kind: op.PermissionDenied, code: "Forbidden"},
		"Glance":                  {status: 404, body: "<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  No image found with ID x<br /><br />\n </body>\n</html>", kind: op.NotFound, message: "404 Not Found No image found with ID x"},
		"429":                     {status: 429, body: "Too Many Requests", after: "7", kind: op.RateLimited, message: "Too Many Requests"},
		"503":                     {status: 503, body: "<html><body>Service Unavailable</body></html>", after: "3", kind: op.Unavailable, message: "Service Unavailable"},
		"redirected":              {status: 302, kind: op.InvalidArgument},
		"a page for an answer":    {status: 200, body: "<html>Please log in</html>", kind: op.Unavailable},
		"another type":            {status: 200, body: `{"server": "none"}`, kind: op.Unavailable},
		"cut":                     {status: 200, body: `{"server": {"id": "`, kind: op.Unavailable},
		"empty":                   {status: 200, body: "", kind: op.Unavailable},
		"not valid any more":      {status: 401, body: `{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}`, kind: op.Unauthenticated, code: "Unauthorized"},
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			k.mu.Lock()
			k.refuse = func(w http.ResponseWriter) bool {
				w.Header().Set("X-Openstack-Request-Id", "req-1")
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
				return true
			}
			k.mu.Unlock()
			_, err := serverName(t.Context(), s)
			e := op.AsError(err)
			if e == nil || e.Kind != c.kind || c.code != "" && e.Code != c.code || c.message != "" && e.Message != c.message {
				t.Fatalf("want %s, got %#v", c.kind, e)
			}
			if want, _ := time.ParseDuration(c.after + "s"); e.RetryAfter != want {
				t.Errorf("retry after %s", e.RetryAfter)
			}
			if c.status >= 400 && e.RequestID != "req-1" {
				t.Errorf("the request id is %q", e.RequestID)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	noEnvironment(t)
	s, err := newSession(sessionConfig{AuthURL: "http://127.0.0.1:1/v3", Username: "ann", Password: "hush"}, "compute")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := serverName(t.Context(), s); op.KindOf(err) != op.Unavailable || strings.Contains(err.Error(), "hush") {
		t.Errorf("want unavailable, got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := serverName(ctx, s); op.KindOf(err) != op.Canceled {
		t.Errorf("want canceled, got %v", err)
	}
}
