// Package apitest holds a test double of a provider's API to the provider's
// published description.
package apitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// A Double is an API between a driver and a handler that stands for the provider.
type Double struct {
	// Reject answers a request that the description does not allow, in the
	// provider's form.
	Reject func(w http.ResponseWriter, status int, message string)

	t      testing.TB
	router routers.Router
	next   http.Handler

	mu       sync.Mutex
	rejected []string
}

// New makes a Double of an OpenAPI description. A request that the description
// does not allow is answered by reject and recorded, see [Double.Rejected]: what
// a caller got wrong, drivers leave to the provider to refuse. An answer of next
// that is not of the described form fails the test. Errors of authentication are
// next's.
func New(t testing.TB, description []byte, next http.Handler, reject func(http.ResponseWriter, int, string)) *Double {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		t.Fatalf("the API's description: %v", err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatalf("the API's description: %v", err)
	}
	return &Double{Reject: reject, t: t, router: router, next: next}
}

// Rejected tells which requests the description did not allow so far.
func (d *Double) Rejected() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.rejected)
}

// ServeHTTP implements [http.Handler].
func (d *Double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := d.router.FindRoute(r)
	if err != nil {
		d.refuse(w, r, http.StatusNotFound, err)
		return
	}
	request := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true,
			ExcludeReadOnlyValidations: true}}
	if err := openapi3filter.ValidateRequest(r.Context(), request); err != nil {
		d.refuse(w, r, http.StatusUnprocessableEntity, err)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	d.next.ServeHTTP(answer, r)
	if answer.Code < 400 { // errors are described in words alone
		err := openapi3filter.ValidateResponse(context.WithoutCancel(r.Context()), &openapi3filter.ResponseValidationInput{RequestValidationInput: request,
			Status: answer.Code, Header: answer.Header(), Body: io.NopCloser(bytes.NewReader(answer.Body.Bytes())), Options: request.Options})
		if err != nil {
			d.t.Errorf("the double's answer to %s %s is not what the API's description says: %v\n%s", r.Method, r.URL, firstLines(err), answer.Body)
		}
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (d *Double) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	message := fmt.Sprintf("%s %s: %s", r.Method, r.URL.Path, firstLines(err))
	d.mu.Lock()
	d.rejected = append(d.rejected, message)
	d.mu.Unlock()
	d.Reject(w, status, message)
}

// firstLines is the part of an error that a person reads; the rest is the schema.
func firstLines(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\nSchema:")
	return text
}
