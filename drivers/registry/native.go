package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// NativeEffect goes by the method of the request.
func (*Client) NativeEffect(operation string) op.Effect { return native.RESTEffect(operation) }

// Native makes a request of the own registry: "GET /v2/team/app/manifests/1.2".
func (c *Client) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	a, _, err := c.rest(ctx, in, "")
	return a, err
}

// NativePages follows the registry's own links.
func (c *Client) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]native.Answer, string, error) {
		if c.NativeEffect(in.Operation) != op.Reads {
			return nil, "", op.Errorf(op.InvalidArgument, "operation: %q does not read: only what reads has pages", in.Operation)
		}
		a, next, err := c.rest(ctx, native.Call(in), cursor)
		return []native.Answer{a}, next, err
	})
}

func (c *Client) rest(ctx context.Context, in native.Call, cursor string) (native.Answer, string, error) {
	var none native.Answer
	r, err := native.REST(in.Operation, in.Arguments)
	if err != nil {
		return none, "", err
	}
	reg, err := c.own()
	if err != nil {
		return none, "", err
	}
	if !strings.HasPrefix(r.Path, "/v2/") || path.Clean(r.Path) != strings.TrimSuffix(r.Path, "/") {
		return none, "", op.Errorf(op.InvalidArgument, "operation: %q is not a path of the registry's API, as \"/v2/_catalog\"", r.Path)
	}
	query := url.Values{}
	for name, value := range r.Query {
		query.Set(name, fmt.Sprint(value))
	}
	if cursor != "" {
		query.Set("last", cursor)
	}
	var body io.Reader
	headers := map[string]string{}
	if r.Body != nil {
		data, err := json.Marshal(r.Body)
		if err != nil {
			return none, "", op.Errorf(op.InvalidArgument, "body: %w", err)
		}
		body, headers["Content-Type"] = bytes.NewReader(data), "application/json"
	}
	for k, v := range r.Headers {
		headers[http.CanonicalHeaderKey(k)] = v
	}
	target, scope := authn.Resource(reg), reg.Scope(transport.CatalogScope)
	// /v2/team/app/manifests/…: what is asked for is of the repository.
	for _, part := range []string{"/manifests/", "/tags/", "/blobs/", "/referrers/"} {
		name, _, ok := strings.Cut(strings.TrimPrefix(r.Path, "/v2/"), part)
		if !ok {
			continue
		}
		repo, err := c.repository(name)
		if err != nil {
			return none, "", err
		}
		target, scope = repo, repo.Scope(transport.PullScope)
		switch r.Method {
		case http.MethodDelete:
			scope = repo.Scope(transport.DeleteScope)
		case http.MethodPost, http.MethodPut, http.MethodPatch:
			scope = repo.Scope(transport.PushScope)
		}
	}
	var value any
	h, err := do(ctx, func(ctx context.Context) (http.Header, error) {
		return c.fetch(ctx, target, reg, scope, r.Method, r.Path, query, headers, body, &value)
	})
	if err != nil {
		return none, "", err
	}
	if r.Method == http.MethodHead {
		value = map[string]any{"digest": h.Get("Docker-Content-Digest"), "media_type": h.Get("Content-Type"), "size": h.Get("Content-Length")}
	}
	return native.Answer{Value: native.Numbers(value)}, next(h), nil
}
