package lxd

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"path"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// NativeEffect goes by the method of the request.
func (*driver) NativeEffect(operation string) op.Effect { return native.RESTEffect(operation) }

// Native makes a request of the API: "GET /1.0/networks". It answers with the
// metadata of the answer, and of what goes on in the background with the operation
// when that has ended.
func (d *driver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	none := native.Answer{}
	r, err := native.REST(in.Operation, in.Arguments)
	if err != nil {
		return none, err
	}
	if !strings.HasPrefix(r.Path, "/") || path.Clean(r.Path) != strings.TrimSuffix(r.Path, "/") || strings.ContainsAny(r.Path, "?#") {
		return none, op.Errorf(op.InvalidArgument, "operation: %q is not a path of the API, as \"/1.0/networks\"", r.Path)
	}
	query := url.Values{}
	for name, value := range r.Query {
		values, ok := value.([]any)
		if !ok {
			values = []any{value}
		}
		for _, v := range values {
			query.Add(name, fmt.Sprint(v))
		}
	}
	resp, err := d.do(ctx, r.Method, r.Path, query, r.Body, r.Headers)
	if err != nil {
		return none, err
	}
	defer resp.Body.Close()
	value, err := native.Read(resp.Body, resp.Header, func(body []byte) (any, error) {
		var a answer
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
			if err := json.Unmarshal(body, &a); err != nil {
				return nil, failed(err)
			}
		}
		switch a.Type {
		case "": // a file, a log
			return string(body), nil
		case "error":
			return nil, refusal(a.ErrorCode, a.Error)
		case "async":
			return d.settled(ctx, a)
		}
		return native.ReadJSON(strings.NewReader(string(a.Metadata)))
	})
	if err != nil {
		return none, failed(err)
	}
	return native.Answer{Value: value}, nil
}

// settled is an operation as it has ended. One that waits for connections is
// handed back as it is.
func (d *driver) settled(ctx context.Context, a answer) (any, error) {
	var o operation
	if err := decode(a.Metadata, &o); err != nil {
		return nil, err
	}
	if o.Class == "task" {
		ended, err := d.finished(ctx, a)
		if err != nil {
			return nil, err
		}
		value, err := native.ReadJSON(strings.NewReader(string(ended.Metadata)))
		return map[string]any{"id": ended.ID, "metadata": value}, err
	}
	return native.ReadJSON(strings.NewReader(string(a.Metadata)))
}

// NativePages is one page: no list of the API has more.
func (d *driver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]native.Answer, string, error) {
		if d.NativeEffect(in.Operation) != op.Reads {
			return nil, "", op.Errorf(op.InvalidArgument, "operation: %q does not read: only what reads has pages", in.Operation)
		}
		a, err := d.Native(ctx, native.Call(in))
		return []native.Answer{a}, "", err
	})
}
