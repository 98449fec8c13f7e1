package google

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/api/googleapi"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// NativeEffect goes by the method of the request.
func (*session) NativeEffect(operation string) op.Effect { return native.RESTEffect(operation) }

func (d *gceDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return d.rest(ctx, d.api.BasePath, in.Operation, in.Arguments, "")
}

func (d *gceDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return d.restPages(ctx, d.api.BasePath, in)
}

// rest makes a request of a service whose paths are below base. Another of
// Google's services can be named by its whole URL.
func (s *session) rest(ctx context.Context, base, operation string, arguments map[string]any, pageToken string) (native.Answer, error) {
	in, err := native.REST(operation, arguments)
	if err != nil {
		return native.Answer{}, err
	}
	target, err := s.target(ctx, base, in, pageToken)
	if err != nil {
		return native.Answer{}, err
	}
	var body io.Reader
	if in.Body != nil {
		data, err := json.Marshal(in.Body)
		if err != nil {
			return native.Answer{}, op.Errorf(op.InvalidArgument, "body: %w", err)
		}
		body = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, in.Method, target, body)
	if err != nil {
		return native.Answer{}, op.Errorf(op.InvalidArgument, "operation: %w", err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range in.Headers {
		r.Header.Set(name, value)
	}
	value, err := s.receive(r)
	if err != nil {
		return native.Answer{}, failed(err)
	}
	return native.Answer{Value: value}, nil
}

// target is the URL of a request. The token goes to no one but Google, or who
// is configured in its place.
func (s *session) target(ctx context.Context, base string, in native.Request, pageToken string) (string, error) {
	path := in.Path
	if strings.Contains(path, "{project}") {
		project, err := s.project(ctx)
		if err != nil {
			return "", err
		}
		path = strings.ReplaceAll(path, "{project}", project)
	}
	if strings.HasPrefix(path, "/") {
		path = strings.TrimSuffix(base, "/") + path
	} else if u, err := url.Parse(path); err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || !strings.HasSuffix(u.Hostname(), ".googleapis.com") {
		return "", op.Errorf(op.InvalidArgument, "operation: %q is neither a path, as \"/projects/{project}/zones\", nor the URL of a service of Google's", in.Path)
	}
	target, err := url.Parse(path)
	if err != nil {
		return "", op.Errorf(op.InvalidArgument, "operation: %w", err)
	}
	query := target.Query()
	for name, value := range in.Query {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			query.Add(name, fmt.Sprint(v))
		}
	}
	if pageToken != "" {
		query.Set("pageToken", pageToken)
	}
	target.RawQuery = query.Encode()
	return target.String(), nil
}

// receive makes a request and reads its answer, nil if that has no body.
func (s *session) receive(r *http.Request) (any, error) {
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := googleapi.CheckResponse(resp); err != nil {
		return nil, err
	}
	return native.ReadJSON(resp.Body)
}

// restPages follows nextPageToken, which all of Google's lists have.
func (s *session) restPages(ctx context.Context, base string, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]native.Answer, string, error) {
		if s.NativeEffect(in.Operation) != op.Reads {
			return nil, "", op.Errorf(op.InvalidArgument, "operation: %q does not read: only what reads has pages", in.Operation)
		}
		page, err := s.rest(ctx, base, in.Operation, in.Arguments, cursor)
		if err != nil {
			return nil, "", err
		}
		dict, _ := page.Value.(map[string]any)
		next, _ := dict["nextPageToken"].(string)
		return []native.Answer{page}, next, nil
	})
}
