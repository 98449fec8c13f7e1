// Package hetznertest is a double of the Hetzner Cloud API v1, in memory, for
// tests of a driver. It is our own: no official fake is published. It answers in
// the documented forms, is held to openapi.json on both sides, and refuses what
// the documentation says is refused. Nothing depends on time: a running action
// goes on each time that someone looks at it or at its resource.
package hetznertest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/wasm-drivers/internal/apitest"
)

//go:embed openapi.json
var description []byte

// Token is the API token that a server accepts if its Options name none.
const Token = "hetznertest-token"

// Options say how a server behaves. The zero value is a good one.
type Options struct {
	Token     string // the API token that is accepted; Token if empty
	Polls     int    // how many looks an action takes until it is done; 2 if zero
	RateLimit int    // requests that are answered before rate_limit_exceeded; none are refused if zero
	Servers   int    // how many servers the project may have; no limit if zero

	// Description is the OpenAPI description that both sides are held to, such as
	// a copy of the published one; this package's own if nil.
	Description []byte

	OwnedIPs []string // addresses of dedicated servers of the same owner, which balancers may have as targets
}

// A Server is a project at Hetzner Cloud.
type Server struct {
	URL string // where it answers, with the version: what a driver takes for https://api.hetzner.cloud/v1

	options Options
	double  *apitest.Double
	mux     *http.ServeMux

	mu       sync.Mutex
	lastID   int64
	sent     int
	requests []string
	all      map[string]*collection // by the plural in the path
	actions  []*action
}

// object is a resource in its JSON form.
type object = map[string]any

// New starts a server that the end of the test stops.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Token == "" {
		o.Token = Token
	}
	if o.Polls == 0 {
		o.Polls = 2
	}
	if o.Description == nil {
		o.Description = description
	}
	s := &Server{options: o, mux: http.NewServeMux(), lastID: 1000, all: map[string]*collection{}}
	s.catalogue()
	s.routes()
	s.double = apitest.New(t, o.Description, s.mux, func(w http.ResponseWriter, status int, message string) {
		if status == http.StatusNotFound {
			write(w, status, failure{status, "not_found", message, nil}.body())
			return
		}
		write(w, status, invalid("%s", message).body())
	})
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.URL = server.URL + "/v1"
	return s
}

// Rejected tells which requests did not have the documented form, so that a
// test can say that a driver sent none but those it was made to send.
func (s *Server) Rejected() []string { return s.double.Rejected() }

// Requests tells what was asked so far: "POST /v1/servers".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// Count is how many things there are under a path: Count("servers").
func (s *Server) Count(plural string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all[plural].items)
}

// serve is what stands before the API itself: the token and the rate limit.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.sent++
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	limit, left := 3600, 3600-s.sent
	if s.options.RateLimit > 0 {
		limit, left = s.options.RateLimit, s.options.RateLimit-s.sent
	}
	s.mu.Unlock()
	w.Header().Set("RateLimit-Limit", strconv.Itoa(limit))
	w.Header().Set("RateLimit-Remaining", strconv.Itoa(max(left, 0)))
	w.Header().Set("RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Second).Unix(), 10))
	if r.Header.Get("Authorization") != "Bearer "+s.options.Token {
		write(w, http.StatusUnauthorized, failure{401, "unauthorized", "unable to authenticate", nil}.body())
		return
	}
	if s.options.RateLimit > 0 && left < 0 {
		write(w, http.StatusTooManyRequests, failure{429, "rate_limit_exceeded", "limit of requests per hour reached", nil}.body())
		return
	}
	if r.ContentLength != 0 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		body := new(strings.Builder)
		var v any
		if err := json.NewDecoder(teeBody(r, body)).Decode(&v); err != nil && err != io.EOF {
			write(w, http.StatusBadRequest, failure{400, "json_error", "invalid JSON: " + err.Error(), nil}.body())
			return
		}
		restore(r, body)
	}
	s.double.ServeHTTP(w, r)
}

// AllowRequests lifts the rate limit, or sets another: n requests from now on.
func (s *Server) AllowRequests(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.RateLimit = 0
	if n > 0 {
		s.options.RateLimit = s.sent + n
	}
}

// A call is a request to one of the API's paths, with the server locked.
type call struct {
	*http.Request
	in object // the body
	id int64  // from the path
}

// handle answers a path by f. What f returns is the body; nil is 204.
func (s *Server) handle(pattern string, status int, f func(c *call) (object, error)) {
	method, path, _ := strings.Cut(pattern, " ")
	s.mux.HandleFunc(method+" /v1"+path, func(w http.ResponseWriter, r *http.Request) {
		c := &call{Request: r, in: object{}}
		c.id, _ = strconv.ParseInt(r.PathValue("id"), 10, 64)
		if r.ContentLength != 0 {
			if err := json.NewDecoder(r.Body).Decode(&c.in); err != nil && err != io.EOF {
				write(w, http.StatusBadRequest, failure{400, "json_error", err.Error(), nil}.body())
				return
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		answer, err := f(c)
		if f, ok := err.(failure); ok {
			write(w, f.status, f.body())
			return
		}
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		write(w, status, answer)
	})
}

// A failure is an error in Hetzner's form.
type failure struct {
	status        int
	code, message string
	details       any
}

func (f failure) Error() string { return f.message + " (" + f.code + ")" }

func (f failure) body() object {
	return object{"error": object{"code": f.code, "message": f.message, "details": f.details}}
}

func invalid(format string, args ...any) failure {
	message := fmt.Sprintf(format, args...)
	return failure{422, "invalid_input", "invalid input: " + message, object{"fields": []any{object{"name": "input", "messages": []any{message}}}}}
}

func refuse(status int, code, format string, args ...any) failure {
	return failure{status, code, fmt.Sprintf(format, args...), nil}
}

func write(w http.ResponseWriter, status int, body object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
