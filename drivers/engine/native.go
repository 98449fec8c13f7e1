package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/moby/moby/client"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// NativeEffect goes by the method of the request.
func (*Driver) NativeEffect(operation string) op.Effect { return native.RESTEffect(operation) }

// versioned is a path that says which version of the API it is of.
var versioned = regexp.MustCompile(`^/v\d+\.\d+/`)

// Native makes a request of the Engine API: "GET /info". Without a version in the
// path it is of the one that was agreed on.
func (d *Driver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	r, err := native.REST(in.Operation, in.Arguments)
	if err != nil {
		return native.Answer{}, err
	}
	if !strings.HasPrefix(r.Path, "/") || path.Clean(r.Path) != strings.TrimSuffix(r.Path, "/") {
		return native.Answer{}, op.Errorf(op.InvalidArgument, "operation: %q is not a path of the Engine API, as \"/containers/json\"", r.Path)
	}
	return ask(ctx, d.rest, r)
}

// NativePages is one page: no list of the API has more.
func (d *Driver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]native.Answer, string, error) {
		if d.NativeEffect(in.Operation) != op.Reads {
			return nil, "", op.Errorf(op.InvalidArgument, "operation: %q does not read: only what reads has pages", in.Operation)
		}
		a, err := d.Native(ctx, native.Call(in))
		return []native.Answer{a}, "", err
	})
}

func (d *Driver) rest(ctx context.Context, in native.Request) (native.Answer, error) {
	var none native.Answer
	if !versioned.MatchString(in.Path) && in.Path != "/_ping" {
		if !d.negotiated.Load() {
			if _, err := d.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
				return none, err
			}
			d.negotiated.Store(true)
		}
		in.Path = "/v" + d.api.ClientVersion() + in.Path
	}
	query := url.Values{}
	for name, value := range in.Query {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			if filters, ok := v.(map[string]any); ok { // the API wants filters as JSON
				data, err := json.Marshal(filters)
				if err != nil {
					return none, op.Errorf(op.InvalidArgument, "query: %s: %w", name, err)
				}
				v = string(data)
			}
			query.Add(name, fmt.Sprint(v))
		}
	}
	var body io.Reader
	if in.Body != nil {
		data, err := json.Marshal(in.Body)
		if err != nil {
			return none, op.Errorf(op.InvalidArgument, "body: %w", err)
		}
		body = bytes.NewReader(data)
	}
	u := url.URL{Scheme: "http", Host: client.DummyHost, Path: in.Path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, in.Method, u.String(), body)
	if err != nil {
		return none, op.Errorf(op.InvalidArgument, "operation: %w", err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range in.Headers {
		r.Header.Set(name, value)
	}
	resp, err := d.raw.Do(r)
	if err != nil {
		return none, err
	}
	defer resp.Body.Close()
	watch(resp)
	if resp.StatusCode >= 400 {
		return none, refused(resp)
	}
	value, err := read(resp)
	return native.Answer{Value: value}, err
}

// refused is the error in an answer, for failed to tell its kind by the status.
func refused(resp *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	var e struct{ Message string }
	if json.Unmarshal(data, &e) == nil && e.Message != "" {
		return errors.New(e.Message)
	}
	if text := strings.TrimSpace(string(data)); text != "" {
		return errors.New(text)
	}
	return errors.New(resp.Status)
}

// largest is what native takes of an answer. The API's own lists are far smaller.
const largest = 64 << 20

// read reads an answer: JSON, or the several JSON values of one that tells of
// progress, as a list.
func read(resp *http.Response) (any, error) {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch kind {
	case "application/json", "application/x-ndjson", "":
	case "text/plain":
		data, err := io.ReadAll(io.LimitReader(resp.Body, largest))
		if err != nil {
			return nil, err
		}
		return string(data), nil
	default:
		return nil, op.Errorf(op.InvalidArgument, "it answers with a body of %s, which native does not hand on", kind)
	}
	answer := json.NewDecoder(io.LimitReader(resp.Body, largest))
	answer.UseNumber()
	var values []any
	for {
		var v any
		err := answer.Decode(&v)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		values = append(values, native.Numbers(v))
	}
	switch len(values) {
	case 0:
		return nil, nil
	case 1:
		return values[0], nil
	}
	return values, nil
}
