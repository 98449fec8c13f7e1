package openstack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// NativeEffect goes by the method of the request.
func (*session) NativeEffect(operation string) op.Effect { return native.RESTEffect(operation) }

// Native makes a request of the driver's own service, or of the one whose type
// stands before the path: "GET network:/routers".
func (s *session) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	r, err := native.REST(in.Operation, in.Arguments)
	if err != nil {
		return native.Answer{}, err
	}
	answer, err := s.rest(ctx, r, "")
	return native.Answer{Value: answer}, err
}

// NativePages follows the links that all of OpenStack's lists have.
func (s *session) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]native.Answer, string, error) {
		r, err := native.REST(in.Operation, in.Arguments)
		if err != nil {
			return nil, "", err
		}
		if s.NativeEffect(in.Operation) != op.Reads {
			return nil, "", op.Errorf(op.InvalidArgument, "operation: %q does not read: only what reads has pages", in.Operation)
		}
		value, err := s.rest(ctx, r, cursor)
		if err != nil {
			return nil, "", err
		}
		raw := map[string]json.RawMessage{}
		if dict, ok := value.(map[string]any); ok {
			for name, v := range dict {
				if strings.HasSuffix(name, "links") || name == "next" {
					raw[name], _ = json.Marshal(v)
				}
			}
		}
		next, err := nextQuery(raw)
		return []native.Answer{{Value: value}}, next, err
	})
}

// rest makes a request and returns what it is answered with: JSON as it is,
// something else as text, nil for nothing. cursor is the query of a later page.
func (s *session) rest(ctx context.Context, r native.Request, cursor string) (any, error) {
	c, target, err := s.target(ctx, r.Path)
	if err != nil {
		return nil, err
	}
	if target, err = withQuery(target, r.Query, cursor); err != nil {
		return nil, err
	}
	options := &gophercloud.RequestOpts{JSONBody: r.Body, MoreHeaders: map[string]string{}, KeepResponseBody: true, OkCodes: []int{200, 201, 202, 203, 204, 300}}
	for name, value := range r.Headers {
		options.MoreHeaders[name] = value
	}
	answer, err := c.Request(ctx, r.Method, target, options)
	if err != nil {
		return nil, failed(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, failed(err)
	}
	if len(text) == 0 {
		return nil, nil
	}
	if !strings.Contains(answer.Header.Get("Content-Type"), "json") {
		return string(text), nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // large ones stay exact
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, failed(err)
	}
	return native.Numbers(value), nil
}

// target is the service and the URL that a path leads to. The token goes to
// the cloud's own endpoints alone.
func (s *session) target(ctx context.Context, path string) (*gophercloud.ServiceClient, string, error) {
	who, err := s.who(ctx)
	if err != nil {
		return nil, "", err
	}
	if strings.Contains(path, "{project}") {
		if who.project == "" {
			return nil, "", op.Errorf(op.InvalidArgument, "operation: the token is of no project, which {project} would stand for")
		}
		path = strings.ReplaceAll(path, "{project}", who.project)
	}
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		for _, endpoint := range s.known(who) {
			if strings.HasPrefix(path, endpoint) {
				return &gophercloud.ServiceClient{ProviderClient: who.client, Endpoint: endpoint}, path, nil
			}
		}
		return nil, "", op.Errorf(op.InvalidArgument, "operation: %q is not below any endpoint of the cloud's catalogue", path)
	}
	kind, rest, named := strings.Cut(path, ":/")
	if !named {
		kind, rest = s.main, strings.TrimPrefix(path, "/")
		if rest == path {
			return nil, "", op.Errorf(op.InvalidArgument, "operation: %q is no path, as \"/os-hypervisors\" of the driver's own service or \"network:/routers\" of another", path)
		}
	}
	c, err := s.service(ctx, kind)
	if err != nil {
		return nil, "", err
	}
	return c, c.ResourceBaseURL() + rest, nil
}

// known are the endpoints that the session may talk to.
func (s *session) known(who *identity) []string {
	var all []string
	for _, url := range s.endpoints {
		all = append(all, url)
	}
	for _, entry := range who.catalogue {
		for _, e := range entry.Endpoints {
			all = append(all, gophercloud.NormalizeURL(e.URL))
		}
	}
	return slices.DeleteFunc(all, func(endpoint string) bool {
		u, err := url.Parse(endpoint)
		return err != nil || u.Host == ""
	})
}

// withQuery adds values to a URL's query, or replaces it by that of a later page.
func withQuery(target string, values map[string]any, cursor string) (string, error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", op.Errorf(op.InvalidArgument, "operation: %w", err)
	}
	if cursor != "" {
		u.RawQuery = cursor
		return u.String(), nil
	}
	query := u.Query()
	for name, value := range values {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			query.Add(name, fmt.Sprint(v))
		}
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}
