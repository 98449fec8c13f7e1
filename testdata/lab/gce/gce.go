// Package gce is a stand-in for Google Compute Engine, for which there is no
// emulator. What a request may be, it does not decide: every request is held
// to Google's own description of the API, which ships inside the module
// google.golang.org/api: the method and path, each query parameter and its
// type, each field of the body with its type, format, enumeration and
// pattern, what is required and what only answers may have. So are its own
// answers. What no user's input can cause, such as a field that does not
// exist, fails the test.
//
// What happens then is this package's: a store of resources, operations that
// are PENDING, then RUNNING, then DONE, labels and metadata with fingerprints,
// and of the instances, disks, networks, firewalls, addresses, images,
// snapshots and load balancers as much as the documentation says and a driver can notice.
//
// Operations go one step with each request that arrives, so that nothing
// depends on time: who asks for an operation sees it run first, and done next.
package gce

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// root is where Google says that its resources are.
const root = "https://www.googleapis.com/compute/v1/"

// Project is the project that a server has; Token is the access token that may use it.
const (
	Project = "cloudlark-test"
	Token   = "ya29.test-token"
)

// A Server is a stand-in for Google Compute Engine, with one project that is
// empty but for what Google puts into a new one.
type Server struct {
	URL string // for the driver's endpoint

	t testing.TB
	d *discovery

	mu       sync.Mutex
	docs     map[string]map[string]any   // resources by path: "projects/p/zones/z/disks/d"
	members  map[string][]map[string]any // of groups, by their paths
	running  []*operation
	begun    map[string]*operation // by request id
	lastID   uint64
	lastIP   int
	requests map[string]int
	refusals []*Refusal
	failures map[string]Failure
	faults   *rand.Rand
	rate     float64
	quota    int
}

// Start starts a server, which ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, d: readDiscovery(t, "compute/v1/compute-api.json"), docs: map[string]map[string]any{}, members: map[string][]map[string]any{}, begun: map[string]*operation{}, requests: map[string]int{}, failures: map[string]Failure{}}
	s.furnish()
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.URL = web.URL
	return s
}

// Requests is how often each method was called, by its id: "compute.instances.list".
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.requests)
}

// Paths lists the resources of the server's project that are of a collection: "disks".
func (s *Server) Paths(collection string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.docs)), func(p string) bool {
		parts := strings.Split(p, "/")
		return parts[1] != Project || len(parts) < 3 || parts[len(parts)-2] != collection
	})
}

// Put places a resource, as Google's console might have: path is as
// "projects/p/global/firewalls/f", fields what it has beyond its name.
func (s *Server) Put(path string, fields map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(path, fields)
}

// A Refusal is an answer that a method gives instead of its own.
type Refusal struct {
	Method string // "compute.instances.insert"; empty is every method
	Times  int    // how often; 0 is always
	Done   bool   // whether the request has its effect all the same

	Status  int
	Header  http.Header
	Reason  string // of the error, in the API's form
	Message string
	Body    string // instead of an error in that form
	Cut     bool   // whether the body ends before the length that is announced
}

// Refuse makes a method answer so.
func (s *Server) Refuse(r Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals = append(s.refusals, &r)
}

// A Failure is how an operation ends.
type Failure struct{ Code, Message string }

// Fail makes the operations that a method begins end so; without a code, as they
// would by themselves again.
func (s *Server) Fail(method string, f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures[method] = f; f.Code == "" {
		delete(s.failures, method)
	}
}

// Falter makes a share of the requests fail: some are refused with 429, some
// with 503, and of those that carry a request id or only read, some with 503
// after having had their effect.
func (s *Server) Falter(rate float64, seed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rate, s.faults = rate, rand.New(rand.NewPCG(seed, seed))
}

// Quota limits the number of instances.
func (s *Server) Quota(instances int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota = instances
}

// An apiError is an error in the API's form.
type apiError struct {
	status          int
	reason, message string
}

func (e *apiError) Error() string { return e.message }

func invalid(field, value, format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "invalid", fmt.Sprintf("Invalid value for field '%s': '%s'. ", field, value) + fmt.Sprintf(format, args...)}
}

func notFound(path string) error {
	return &apiError{http.StatusNotFound, "notFound", fmt.Sprintf("The resource '%s' was not found", path)}
}

func inUse(kind, path, user string) error {
	return &apiError{http.StatusBadRequest, "resourceInUseByAnotherResource", fmt.Sprintf("The %s resource '%s' is already being used by '%s'", kind, path, user)}
}

func notReady(path string) error {
	return &apiError{http.StatusBadRequest, "resourceNotReady", fmt.Sprintf("The resource '%s' is not ready", path)}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	s.mu.Lock()
	answer, refusal, err := s.serve(r, body)
	s.mu.Unlock()
	err = judge(s.t, r, err, "invalid")
	if refusal != nil {
		refusal.write(w)
		return
	}
	respond(s.t, w, r, answer, err)
}

// judge makes of a fault what the API answers, for that reason; and fails the test,
// unless it is a value alone that is wrong.
func judge(t testing.TB, r *http.Request, err error, reason string) error {
	f, ok := errors.AsType[*fault](err)
	if !ok {
		return err
	}
	if !f.value {
		t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	return &apiError{http.StatusBadRequest, reason, err.Error()}
}

func respond(t testing.TB, w http.ResponseWriter, r *http.Request, answer any, err error) {
	status := http.StatusOK
	if err != nil {
		e := err.(*apiError)
		status, answer = e.status, errorBody(e)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		t.Logf("answering %s: %v", r.URL, err)
	}
}

func errorBody(e *apiError) any {
	return map[string]any{"error": map[string]any{"code": e.status, "message": e.message,
		"errors": []any{map[string]any{"message": e.message, "domain": "global", "reason": e.reason}}}}
}

func (f *Refusal) write(w http.ResponseWriter) {
	body := []byte(f.Body)
	if f.Body == "" {
		body, _ = json.Marshal(errorBody(&apiError{f.Status, f.Reason, f.Message})) // strings always can
	}
	maps.Copy(w.Header(), f.Header)
	if f.Cut {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)+100))
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// A call is one request.
type call struct {
	*Server
	m      *method
	path   string // of the request: "projects/p/zones/z/instances"
	params map[string]string
	query  map[string][]string
	body   map[string]any
}

func (c *call) arg(name string) string {
	if v := c.query[name]; len(v) > 0 {
		return v[0]
	}
	return c.params[name]
}

func (s *Server) serve(r *http.Request, body []byte) (any, *Refusal, error) {
	if r.Header.Get("Authorization") != "Bearer "+Token {
		return nil, nil, &apiError{http.StatusUnauthorized, "authError", "Request had invalid authentication credentials."}
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/compute/v1/")
	m, params := s.d.find(r.Method, path)
	if !ok || m == nil {
		return nil, nil, &fault{where: r.URL.Path, what: "the API has no such method"}
	}
	c := &call{Server: s, m: m, path: path, params: params, query: r.URL.Query()}
	if err := s.checkRequest(c, r, body); err != nil {
		return nil, nil, err
	}
	s.requests[m.ID]++
	s.advance()
	refusal := s.refusal(c)
	if refusal != nil && !refusal.Done {
		return nil, refusal, nil
	}
	answer, err := s.answer(c)
	return answer, refusal, err
}

func (s *Server) checkRequest(c *call, r *http.Request, body []byte) error {
	if v := r.Header.Get("X-Goog-Api-Version"); v != "" && v != c.m.Version {
		return &fault{where: "X-Goog-Api-Version", what: fmt.Sprintf("%q, but the method's is %q", v, c.m.Version)}
	}
	if err := s.d.parameters(c.m, c.params, r.URL.Query()); err != nil {
		return err
	}
	if c.m.Request == nil {
		if len(body) > 0 {
			return &fault{where: "body", what: c.m.ID + " takes none"}
		}
		return nil
	}
	if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return &fault{where: "Content-Type", what: fmt.Sprintf("%q is no JSON", kind)}
	}
	v, err := decode(body)
	if err != nil {
		return &fault{where: "body", what: err.Error()}
	}
	if err := s.d.check(c.m.Request, v, "resource", way{method: c.m.ID, request: true}); err != nil {
		return err
	}
	c.body = v.(map[string]any)
	return nil
}

// decode reads JSON, and leaves numbers as they are written.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// refusal is what to answer instead, if anything.
func (s *Server) refusal(c *call) *Refusal {
	for i, r := range s.refusals {
		if r.Method != "" && r.Method != c.m.ID {
			continue
		}
		if r.Times > 0 {
			if r.Times--; r.Times == 0 {
				s.refusals = slices.Delete(s.refusals, i, i+1)
			}
		}
		return r
	}
	if s.rate == 0 || s.faults.Float64() >= s.rate {
		return nil
	}
	switch s.faults.IntN(3) {
	case 0:
		return &Refusal{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"0.01"}}, Reason: "rateLimitExceeded", Message: "Rate Limit Exceeded"}
	case 1:
		return &Refusal{Status: http.StatusServiceUnavailable, Reason: "backendError", Message: "Backend Error"}
	}
	return &Refusal{Status: http.StatusServiceUnavailable, Reason: "backendError", Message: "Backend Error",
		Done: c.m.HTTPMethod == http.MethodGet || c.arg("requestId") != ""}
}

// answer performs a request, holds the answer to the API's description, and
// leaves of it what was asked for.
func (s *Server) answer(c *call) (any, error) {
	if id := c.arg("requestId"); id != "" && s.begun[id] != nil {
		o := s.begun[id]
		if o.request != c.m.ID+" "+c.path {
			return nil, invalid("requestId", id, "It was used for another request.")
		}
		return s.finish(c, o.doc)
	}
	if err := s.permitted(c); err != nil {
		return nil, err
	}
	handle, ok := handlers[c.m.ID]
	if !ok {
		handle, ok = balancerMethods()[strings.TrimPrefix(c.m.ID, "compute.")]
	}
	if !ok {
		handle, ok = general[c.m.ID[strings.LastIndexByte(c.m.ID, '.')+1:]]
	}
	if !ok {
		return nil, &fault{where: c.m.ID, what: "the stand-in does not do this"}
	}
	out, err := handle(c)
	if err != nil {
		return nil, err
	}
	return s.finish(c, out)
}

func (s *Server) finish(c *call, out any) (any, error) {
	data, err := json.Marshal(out)
	if err != nil {
		return nil, &fault{where: "answer", what: err.Error()}
	}
	v, err := decode(data)
	if err == nil {
		err = s.d.check(c.m.Response, v, "answer", way{method: c.m.ID})
	}
	if err != nil {
		return nil, &fault{where: "answer", what: err.Error()}
	}
	if fields := c.arg("fields"); fields != "" {
		m, err := s.d.parseMask(fields, c.m.Response)
		if err != nil {
			return nil, err
		}
		return m.apply(v), nil
	}
	return v, nil
}

// permitted makes sure that the project and the place of a request are there.
// The projects of the public images can only be read.
func (s *Server) permitted(c *call) error {
	project := c.params["project"]
	if s.docs["projects/"+project] == nil {
		return notFound("projects/" + project)
	}
	if project != Project && c.m.HTTPMethod != http.MethodGet {
		return &apiError{http.StatusForbidden, "forbidden", fmt.Sprintf("Required '%s' permission for 'projects/%s'", c.m.ID, project)}
	}
	for _, place := range []string{"zone", "region"} {
		if name, ok := c.params[place]; ok && s.docs["projects/"+project+"/"+place+"s/"+name] == nil {
			if strings.HasSuffix(c.path, "/"+place+"s/"+name) {
				return notFound(c.path)
			}
			return invalid(place, name, "Unknown %s.", place)
		}
	}
	return nil
}
