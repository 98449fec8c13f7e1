package openstack

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// NativeEffect goes by the method of the request.
func (*swiftDriver) NativeEffect(operation string) op.Effect { return native.RESTEffect(operation) }

func (d *swiftDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return d.raw(ctx, in.Operation, in.Arguments, "")
}

// NativePages goes on behind the last item of a page, as Swift has it, until a page
// is empty.
func (d *swiftDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]native.Answer, string, error) {
		page, err := d.raw(ctx, in.Operation, in.Arguments, cursor)
		if err != nil {
			return nil, "", err
		}
		items, _ := page.Value.([]any)
		switch {
		case len(items) == 0 && cursor != "":
			return nil, "", nil
		case len(items) == 0:
			return []native.Answer{page}, "", nil
		}
		last, _ := items[len(items)-1].(map[string]any)
		next, ok := last["name"].(string)
		if !ok {
			next, _ = last["subdir"].(string)
		}
		return []native.Answer{page}, next, nil
	})
}

// raw makes a request below the account, of the page behind marker if there is one.
// It is answered with JSON as it is, with other text, or with the headers where
// there is no body: most of what Swift says is there.
func (d *swiftDriver) raw(ctx context.Context, operation string, arguments map[string]any, marker string) (native.Answer, error) {
	in, err := native.REST(operation, arguments)
	if err != nil {
		return native.Answer{}, err
	}
	if !strings.HasPrefix(in.Path, "/") {
		return native.Answer{}, op.Errorf(op.InvalidArgument, "operation: %q is no path, as \"/container?format=json\"", in.Path)
	}
	client, err := d.service(ctx, "object-store")
	if err != nil {
		return native.Answer{}, err
	}
	path, text, _ := strings.Cut(in.Path, "?")
	query, err := url.ParseQuery(text)
	if err != nil {
		return native.Answer{}, op.Errorf(op.InvalidArgument, "operation: %w", err)
	}
	for name, v := range in.Query {
		query.Set(name, fmt.Sprint(v))
	}
	if marker != "" {
		query.Set("marker", marker)
	}
	target := strings.TrimSuffix(client.Endpoint, "/") + strings.TrimSuffix(path, "/")
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	options := &gophercloud.RequestOpts{MoreHeaders: in.Headers, KeepResponseBody: true, OkCodes: []int{200, 201, 202, 204}}
	if body, ok := in.Body.(string); ok { // sent as it is
		options.RawBody = strings.NewReader(body)
	} else if in.Body != nil {
		options.JSONBody = in.Body
	} else if in.Method == http.MethodPut || in.Method == http.MethodPost {
		options.RawBody = http.NoBody
	}
	resp, err := client.Request(ctx, in.Method, target, options)
	if err != nil {
		return native.Answer{}, failed(err)
	}
	defer resp.Body.Close()
	v, err := native.Read(resp.Body, resp.Header, func(body []byte) (any, error) {
		if strings.Contains(resp.Header.Get("Content-Type"), "json") {
			return native.ReadJSON(bytes.NewReader(body))
		}
		return string(body), nil
	})
	return native.Answer{Value: v}, failed(err)
}
