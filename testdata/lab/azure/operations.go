package azure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

const operationPath = "/subscriptions/" + Subscription + "/providers/Microsoft.Lab/operations/"

// An operation takes some requests' time, and then has its effect.
type operation struct {
	id      string
	left    int // requests
	end     func(failed bool)
	failure *Fault
}

func (o *operation) step() {
	if o.left == 0 {
		return
	}
	if o.left--; o.left == 0 {
		o.end(o.failure != nil)
	}
}

// begin begins an operation; end is its effect.
func (s *Server) begin(end func(failed bool)) {
	s.began = &operation{id: fmt.Sprintf("op-%d", len(s.operations)+1), left: 1, end: end}
	s.operations[s.began.id] = s.began
}

// finish has all operations have their effect.
func (s *Server) finish() {
	for _, o := range s.operations {
		for o.left > 0 {
			o.step()
		}
	}
}

// progress is how far an operation is, in the form of Azure's.
func (s *Server) progress(id string) (*http.Response, error) {
	s.began = nil
	o, ok := s.operations[id]
	if !ok {
		return nil, fault(http.StatusNotFound, "NotFound", "There is no operation %s.", id)
	}
	state := map[string]any{"status": "InProgress"}
	switch {
	case o.left > 0:
	case o.failure != nil:
		state = map[string]any{"status": "Failed", "error": map[string]any{"code": o.failure.Code, "message": o.failure.Message}}
	default:
		state["status"] = "Succeeded"
	}
	body, err := json.Marshal(state)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, err
}
