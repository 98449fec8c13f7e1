package gce

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
)

// A described is a server for one of Google's newer services. Its requests and
// answers are held to Google's descriptions of that API, one for each version, as
// those of Google Compute Engine are.
type described struct {
	t      testing.TB
	docs   []*discovery
	answer func(c *request) (any, error) // called by one at a time

	mu sync.Mutex
}

// A request is one that the API has.
type request struct {
	method string            // its id: "container.projects.locations.clusters.get"
	in     map[string]string // what the path has: "projectsId"
	query  url.Values
	body   map[string]any // nil where the method has none
}

func (d *described) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	d.mu.Lock()
	answer, err := d.serve(r, body)
	d.mu.Unlock()
	respond(d.t, w, r, answer, judge(d.t, r, err, "badRequest"))
}

func (d *described) serve(r *http.Request, body []byte) (any, error) {
	if r.Header.Get("Authorization") != "Bearer "+Token {
		return nil, &apiError{http.StatusUnauthorized, "authError", "Request had invalid authentication credentials."}
	}
	for _, doc := range d.docs {
		if m, in := doc.find(r.Method, r.URL.Path[1:]); m != nil {
			return d.perform(doc, m, &request{method: m.ID, in: in, query: r.URL.Query()}, body)
		}
	}
	return nil, &fault{where: r.URL.Path, what: "the API has no such method"}
}

func (d *described) perform(doc *discovery, m *method, c *request, body []byte) (any, error) {
	if err := doc.parameters(m, nil, c.query); err != nil {
		return nil, err
	}
	if m.Request != nil {
		v, err := decode(body)
		if err != nil {
			return nil, &fault{where: "body", what: err.Error()}
		}
		if err := doc.check(m.Request, v, "resource", way{method: m.ID, request: true}); err != nil {
			return nil, err
		}
		c.body = v.(map[string]any)
	}
	if c.in["projectsId"] != Project {
		return nil, &apiError{http.StatusForbidden, "forbidden", fmt.Sprintf("Permission denied on resource project %s.", c.in["projectsId"])}
	}
	answer, err := d.answer(c)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(answer)
	if err != nil {
		return nil, &fault{where: "answer", what: err.Error()}
	}
	v, err := decode(plain)
	if err == nil {
		err = doc.check(m.Response, v, "answer", way{method: m.ID})
	}
	if err != nil {
		return nil, &fault{where: "answer", what: err.Error()}
	}
	return v, nil
}

// missing is the answer of a method that a stand-in does not have.
func (c *request) missing() error {
	return &apiError{http.StatusNotImplemented, "notImplemented", c.method + " is not of this stand-in"}
}
