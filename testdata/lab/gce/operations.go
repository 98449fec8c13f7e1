package gce

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// An operation goes a step with each request that arrives.
type operation struct {
	doc     map[string]any
	request string // what began it
	method  string
	path    string

	midway func()       // when it begins to run
	end    func() error // when it ends
	undo   func()       // when it fails
}

// begin begins an operation on the resource at target. midway and end may be nil.
func (c *call) begin(target string, midway func(), end func() error, undo func()) (any, error) {
	kind := c.m.ID[strings.LastIndexByte(c.m.ID, '.')+1:]
	id := c.newID()
	name := fmt.Sprintf("operation-%s", id)
	doc := map[string]any{"kind": "compute#operation", "id": id, "name": name, "operationType": kind, "targetLink": root + target, "status": "PENDING",
		"progress": 0, "user": "robot@" + Project + ".iam.gserviceaccount.com", "insertTime": now()}
	place := "global"
	for _, p := range []string{"zone", "region"} {
		if v, ok := c.params[p]; ok {
			place = p + "s/" + v
			doc[p] = root + "projects/" + c.params["project"] + "/" + place
		}
	}
	o := &operation{doc: doc, request: c.m.ID + " " + c.path, method: c.m.ID, midway: midway, end: end, undo: undo,
		path: "projects/" + c.params["project"] + "/" + place + "/operations/" + name}
	doc["selfLink"] = root + o.path
	if target := c.docs[target]; target != nil && target["id"] != nil {
		doc["targetId"] = target["id"]
	}
	if request := c.arg("requestId"); request != "" {
		doc["clientOperationId"] = request
		c.begun[request] = o
	}
	c.docs[o.path] = doc
	c.running = append(c.running, o)
	return doc, nil
}

func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000-07:00") }

// advance takes every operation that is not done one step further.
func (s *Server) advance() {
	for _, o := range slices.Clone(s.running) {
		s.step(o)
	}
}

func (s *Server) step(o *operation) {
	if o.doc["status"] == "PENDING" {
		o.doc["status"], o.doc["startTime"], o.doc["progress"] = "RUNNING", now(), 10
		if _, fails := s.failures[o.method]; o.midway != nil && !fails {
			o.midway()
		}
		return
	}
	var err error
	if f, fails := s.failures[o.method]; fails {
		err = &apiError{http.StatusServiceUnavailable, f.Code, f.Message}
		if o.undo != nil {
			o.undo()
		}
	} else if o.end != nil {
		err = o.end()
	}
	o.doc["status"], o.doc["endTime"], o.doc["progress"] = "DONE", now(), 100
	if err != nil {
		e := err.(*apiError)
		o.doc["error"] = map[string]any{"errors": []any{map[string]any{"code": e.reason, "message": e.message}}}
		o.doc["httpErrorStatusCode"], o.doc["httpErrorMessage"] = e.status, strings.ToUpper(http.StatusText(e.status))
	}
	s.running = slices.DeleteFunc(s.running, func(r *operation) bool { return r == o })
}

// wait answers when the operation is done.
func wait(c *call) (any, error) {
	path := strings.TrimSuffix(c.path, "/wait")
	for {
		i := slices.IndexFunc(c.running, func(o *operation) bool { return o.path == path })
		if i < 0 {
			break
		}
		c.advance()
	}
	if doc := c.docs[path]; doc != nil {
		return doc, nil
	}
	return nil, notFound(path)
}
