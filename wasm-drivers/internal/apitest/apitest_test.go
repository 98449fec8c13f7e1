package apitest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const description = `{"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "paths": {"/things": {"post": {
  "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}}},
  "responses": {"201": {"description": "made", "content": {"application/json": {"schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}}}}}}}}}`

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	failed int
}

func (r *recorder) Errorf(string, ...any) { r.failed++ }

// TestDouble: what the description does not allow is refused and recorded, and a
// wrong answer fails the test.
func TestDouble(t *testing.T) {
	for _, c := range []struct {
		path, body, answer       string
		status, rejected, failed int
	}{
		{"/things", `{"name": "a"}`, `{"id": 1}`, 201, 0, 0},
		{"/things", `{"nam": "a"}`, `{"id": 1}`, 422, 1, 0},
		{"/thing", `{"name": "a"}`, `{"id": 1}`, 404, 1, 0},
		{"/things", `{"name": "a"}`, `{"id": "1"}`, 201, 0, 1},
		{"/things", `{"name": "a"}`, `{}`, 201, 0, 1},
	} {
		r := &recorder{TB: t}
		d := New(r, []byte(description), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(201)
			w.Write([]byte(c.answer))
		}), func(w http.ResponseWriter, status int, message string) { http.Error(w, message, status) })
		w := httptest.NewRecorder()
		req := httptest.NewRequest("POST", c.path, strings.NewReader(c.body))
		req.Header.Set("Content-Type", "application/json")
		d.ServeHTTP(w, req)
		if w.Code != c.status || len(d.Rejected()) != c.rejected || r.failed != c.failed {
			t.Errorf("%s %s: status %d, rejected %q, %d failures", c.path, c.body, w.Code, d.Rejected(), r.failed)
		}
	}
}
