// Package azure is a stand-in for Azure Resource Manager, for which there is no
// emulator. How requests and answers look, it does not decide: they pass through
// the fakes that Microsoft ships inside the SDK's modules, generated from Azure's
// own description of its API, which take the path apart and read and write
// bodies in the SDK's types.
//
// What happens then is this package's: a store of resources, operations that
// take time, and of the machines, disks, images, networks, balancers and clusters as much
// as the documentation says and a driver can notice. That is what a test against
// it does not prove: that Azure does what its documentation says.
//
// The fakes are made to take a client's requests within one process. Here they
// are behind HTTP, so that what a client really sends is what is answered.
// Operations go one step with each request that arrives, so that nothing depends
// on time.
package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	computefake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8/fake"
	containerfake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6/fake"
	networkfake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9/fake"
	subscriptionfake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armsubscriptions/fake"
)

// What a server has, and what may use it.
const (
	Subscription = "00000000-0000-0000-0000-00000000c10d"
	Group        = "cloudlark"
	Location     = "westeurope"
	Token        = "eyJ0.test-token"
)

// A Server is a stand-in for Azure Resource Manager, with one subscription and
// one resource group, which is empty.
type Server struct {
	URL string // for the driver's endpoint

	t        testing.TB
	pageSize int

	compute       *computefake.ServerFactory
	network       *networkfake.ServerFactory
	containers    *containerfake.ServerFactory
	subscriptions *subscriptionfake.ServerFactory
	kubernetes    *httptest.Server // what all clusters are; may be nil

	mu         sync.Mutex
	request    *http.Request     // the one that is answered now
	began      *operation        // what it began
	resources  map[string]*entry // by path in small letters
	operations map[string]*operation
	lastIP     int
	requests   map[string]int
	refusals   []*Refusal
	failures   map[string]Fault
	quota      int
}

// Start starts a server, which ends with the test. Its lists have pages of
// pageSize items; of all if that is 0.
func Start(t testing.TB, pageSize int) *Server {
	t.Helper()
	s := &Server{t: t, pageSize: pageSize, resources: map[string]*entry{}, operations: map[string]*operation{}, requests: map[string]int{}, failures: map[string]Fault{}}
	s.compute = &computefake.ServerFactory{}
	s.network = &networkfake.ServerFactory{}
	s.containers = &containerfake.ServerFactory{}
	s.subscriptions = &subscriptionfake.ServerFactory{Server: s.places()}
	s.machines()
	s.disks()
	s.images()
	s.market()
	s.keys()
	s.networks()
	s.guards()
	s.balancers()
	s.clusters()
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.URL = web.URL
	return s
}

// Requests is how often each of the SDK's methods was called: "VirtualMachinesClient.Get".
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.requests)
}

// Paths lists the resources of a type, as "virtualMachines", by group and name;
// of all types if it is empty. What was begun has ended by then.
func (s *Server) Paths(kind string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
	var list []string
	for _, e := range s.sorted() {
		if parts := strings.Split(e.path, "/"); kind == "" || parts[7] == kind {
			list = append(list, parts[4]+"/"+parts[8])
		}
	}
	return list
}

// A Fault is an error in the API's form.
type Fault struct {
	Status        int
	Code, Message string
}

func (f *Fault) Error() string { return f.Code + ": " + f.Message }

func fault(status int, code, format string, args ...any) error {
	return &Fault{status, code, fmt.Sprintf(format, args...)}
}

// A Refusal is an answer that a method gives instead of its own.
type Refusal struct {
	Method string // "VirtualMachinesClient.BeginCreateOrUpdate"; empty is every method
	Times  int    // how often; 0 is always
	Done   bool   // whether the request has its effect all the same

	Fault
	Header http.Header
	Body   string // instead of an error in the API's form
	Cut    bool   // whether the body ends before the length that is announced
}

// Refuse makes a method answer so.
func (s *Server) Refuse(r Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals = append(s.refusals, &r)
}

// Fail makes the operations that a method begins end so.
func (s *Server) Fail(method string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[method] = f
}

// Quota limits the number of machines.
func (s *Server) Quota(machines int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota = machines
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.operations {
		o.step()
	}
	w.Header().Set("x-ms-request-id", fmt.Sprintf("request-%d", len(s.requests)))
	if node, ok := strings.CutPrefix(r.URL.Path, consolePath); ok {
		s.console(w, r, node)
		return
	}
	answer, refusal, err := s.answer(r)
	switch {
	case refusal != nil:
		refusal.write(w)
	case err != nil:
		f, ok := errors.AsType[*Fault](err)
		if !ok {
			s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
			f = &Fault{http.StatusBadRequest, "BadRequest", err.Error()}
		}
		f.write(w)
	default:
		s.write(w, answer)
	}
}

// answer is the answer of the fake, or what is in its place.
func (s *Server) answer(r *http.Request) (*http.Response, *Refusal, error) {
	if r.Header.Get("Authorization") != "Bearer "+Token {
		return nil, nil, fault(http.StatusUnauthorized, "InvalidAuthenticationToken", "The access token is invalid.")
	}
	if r.URL.Query().Get("api-version") == "" {
		return nil, nil, fault(http.StatusBadRequest, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
	}
	if id, ok := strings.CutPrefix(r.URL.Path, operationPath); ok {
		resp, err := s.progress(id)
		return resp, nil, err
	}
	method, err := route(r)
	if err != nil {
		return nil, nil, err
	}
	s.requests[method]++
	refusal := s.refused(method)
	if refusal != nil && !refusal.Done {
		return nil, refusal, nil
	}
	if err := s.inScope(r); err != nil {
		return nil, nil, err
	}
	s.request, s.began = r, nil
	// The fakes remember where a list is by its path, which is not how Azure
	// does: of each request they are new.
	var transport interface {
		Do(*http.Request) (*http.Response, error)
	} = subscriptionfake.NewServerFactoryTransport(s.subscriptions)
	switch {
	case strings.Contains(r.URL.Path, "/Microsoft.Compute/"):
		transport = computefake.NewServerFactoryTransport(s.compute)
	case strings.Contains(r.URL.Path, "/Microsoft.Network/"):
		transport = networkfake.NewServerFactoryTransport(s.network)
	case strings.Contains(r.URL.Path, "/Microsoft.ContainerService/"):
		transport = containerfake.NewServerFactoryTransport(s.containers)
	}
	resp, err := transport.Do(r.WithContext(context.WithValue(r.Context(), runtime.CtxAPINameKey{}, method)))
	if err == nil && s.began != nil {
		if f, ok := s.failures[method]; ok {
			s.began.failure = &f
		}
	}
	return resp, refusal, err
}

// inScope looks whether the subscription and the resource group are there.
func (s *Server) inScope(r *http.Request) error {
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) > 2 && parts[2] != Subscription {
		return fault(http.StatusNotFound, "SubscriptionNotFound", "The subscription '%s' could not be found.", parts[2])
	}
	if len(parts) > 4 && strings.EqualFold(parts[3], "resourceGroups") && !strings.EqualFold(parts[4], Group) {
		return fault(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '%s' could not be found.", parts[4])
	}
	return nil
}

func (s *Server) refused(method string) *Refusal {
	for i, r := range s.refusals {
		if r.Method == "" || r.Method == method {
			if r.Times == 1 {
				s.refusals = append(s.refusals[:i:i], s.refusals[i+1:]...)
			} else if r.Times > 1 {
				r.Times--
			}
			return r
		}
	}
	return nil
}

func (r *Refusal) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.Header)
	if r.Body == "" {
		r.Fault.write(w)
		return
	}
	if r.Cut {
		w.Header().Set("Content-Length", fmt.Sprint(len(r.Body)+100))
	}
	w.WriteHeader(r.Status)
	_, _ = io.WriteString(w, r.Body) // who went away misses nothing
}

func (f *Fault) write(w http.ResponseWriter) {
	body, err := json.Marshal(map[string]any{"error": map[string]any{"code": f.Code, "message": f.Message}})
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(f.Status)
	_, _ = w.Write(body)
}

// write sends a fake's answer, with where to ask for the operation that was begun.
func (s *Server) write(w http.ResponseWriter, answer *http.Response) {
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Error(err)
	}
	if s.began != nil {
		w.Header().Set("Azure-AsyncOperation", s.URL+operationPath+s.began.id+"?api-version=2025-01-01")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(body)
}
