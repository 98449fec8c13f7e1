package hetznertest

import (
	"io"
	"net/http"
	"strings"
)

// teeBody reads a request's body and keeps what was read.
func teeBody(r *http.Request, into *strings.Builder) io.Reader { return io.TeeReader(r.Body, into) }

// restore puts back what was read of a body.
func restore(r *http.Request, read *strings.Builder) {
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(read.String()), r.Body))
}
