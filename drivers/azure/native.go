package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// NativeEffect goes by the method of the request. Some of Azure's POSTs only
// read, as listKeys: that is for their readers to say, and what they read is
// often a secret.
func (*manager) NativeEffect(operation string) op.Effect { return native.RESTEffect(operation) }

func (m *manager) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return m.rest(ctx, in.Operation, in.Arguments, "")
}

// NativePages follows nextLink, which all of Azure's lists have.
func (m *manager) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]native.Answer, string, error) {
		if m.NativeEffect(in.Operation) != op.Reads {
			return nil, "", op.Errorf(op.InvalidArgument, "operation: %q does not read: only what reads has pages", in.Operation)
		}
		page, err := m.rest(ctx, in.Operation, in.Arguments, cursor)
		if err != nil {
			return nil, "", err
		}
		dict, _ := page.Value.(map[string]any)
		next, _ := dict["nextLink"].(string)
		return []native.Answer{page}, next, nil
	})
}

// rest makes a request, of the page at link if there is one.
func (m *manager) rest(ctx context.Context, operation string, arguments map[string]any, link string) (native.Answer, error) {
	in, err := native.REST(operation, arguments)
	if err != nil {
		return native.Answer{}, err
	}
	a, err := m.api(ctx)
	if err != nil {
		return native.Answer{}, err
	}
	target := link
	if target == "" {
		if target, err = m.target(a, in.Path); err != nil {
			return native.Answer{}, err
		}
	}
	r, err := runtime.NewRequest(ctx, in.Method, target)
	if err != nil {
		return native.Answer{}, op.Errorf(op.InvalidArgument, "operation: %w", err)
	}
	if link == "" {
		query := r.Raw().URL.Query()
		for name, v := range in.Query {
			list, ok := v.([]any)
			if !ok {
				list = []any{v}
			}
			for _, v := range list {
				query.Add(name, fmt.Sprint(v))
			}
		}
		r.Raw().URL.RawQuery = query.Encode()
	}
	for name, v := range in.Headers {
		r.Raw().Header.Set(name, v)
	}
	if in.Body != nil {
		data, err := json.Marshal(in.Body)
		if err != nil {
			return native.Answer{}, op.Errorf(op.InvalidArgument, "body: %w", err)
		}
		if err := r.SetBody(streaming.NopCloser(bytes.NewReader(data)), "application/json"); err != nil {
			return native.Answer{}, op.Errorf(op.InvalidArgument, "body: %w", err)
		}
	}
	v, err := receive(a.client.Pipeline(), r)
	if err != nil {
		return native.Answer{}, failed(err)
	}
	return native.Answer{Value: v}, nil
}

// target is the URL of a path.
func (m *manager) target(a *api, path string) (string, error) {
	if !strings.HasPrefix(path, "/") {
		return "", op.Errorf(op.InvalidArgument, "operation: %q is no path, as \"/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines\"", path)
	}
	if strings.Contains(path, "{resource_group}") && m.group == "" {
		return "", op.Errorf(op.InvalidArgument, "operation: the connection has no resource_group")
	}
	return a.client.Endpoint() + strings.NewReplacer("{subscription}", a.subscription, "{resource_group}", m.group).Replace(path), nil
}

// receive makes a request and reads its answer, nil if that has no body.
func receive(pipeline runtime.Pipeline, r *policy.Request) (any, error) {
	resp, err := send(pipeline, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return native.ReadJSON(resp.Body)
}

// send makes a request, whose answer is to be one of success.
func send(pipeline runtime.Pipeline, r *policy.Request) (*http.Response, error) {
	resp, err := pipeline.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < http.StatusOK || resp.StatusCode >= http.StatusMultipleChoices {
		defer resp.Body.Close()
		return nil, runtime.NewResponseError(resp)
	}
	return resp, nil
}
