// Package transport gives code that speaks net/http, such as a provider's own
// SDK, the host's HTTP.
package transport

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/abi"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

// New returns a transport whose requests carry the credential of a slot; empty
// is none.
func New(slot string) http.RoundTripper { return roundTripper{slot} }

type roundTripper struct{ slot string }

// RoundTrip sends a request. Redirects are the client's affair, as for any transport.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	s := sdk.Request{Send: abi.Send{Method: r.Method, URL: r.URL.String(), Auth: t.slot, Redirect: "manual", Headers: map[string]string{}}}
	for name, values := range r.Header {
		s.Headers[name] = strings.Join(values, ", ")
	}
	if r.Body != nil && r.Body != http.NoBody {
		defer r.Body.Close()
		if stream, ok := sdk.StreamOf(r.Body); ok {
			s.Stream = stream
		} else {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			s.Body = b
		}
	}
	resp, err := sdk.Do(s)
	if err != nil {
		return nil, err
	}
	out := &http.Response{Status: fmt.Sprintf("%d %s", resp.Status, http.StatusText(resp.Status)), StatusCode: resp.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: resp.Body, ContentLength: resp.Length, Request: r}
	for name, value := range resp.Headers {
		out.Header.Set(name, value)
	}
	return out, nil
}
