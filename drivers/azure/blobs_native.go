package azure

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// NativeEffect goes by the method of the request.
func (*blobsDriver) NativeEffect(operation string) op.Effect { return native.RESTEffect(operation) }

func (d *blobsDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return d.rest(ctx, in.Operation, in.Arguments, "")
}

// NativePages follows NextMarker, which all of Storage's lists have.
func (d *blobsDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]native.Answer, string, error) {
		page, err := d.rest(ctx, in.Operation, in.Arguments, cursor)
		if err != nil {
			return nil, "", err
		}
		dict, _ := page.Value.(map[string]any)
		next, _ := dict["NextMarker"].(string)
		return []native.Answer{page}, next, nil
	})
}

// rest makes a request below the account, of the page at marker if there is one.
func (d *blobsDriver) rest(ctx context.Context, operation string, arguments map[string]any, marker string) (native.Answer, error) {
	in, err := native.REST(operation, arguments)
	if err != nil {
		return native.Answer{}, err
	}
	if !strings.HasPrefix(in.Path, "/") {
		return native.Answer{}, op.Errorf(op.InvalidArgument, "operation: %q is no path, as \"/container?restype=container&comp=list\"", in.Path)
	}
	target, err := url.Parse(strings.TrimSuffix(d.endpoint.String(), "/") + in.Path)
	if err != nil {
		return native.Answer{}, op.Errorf(op.InvalidArgument, "operation: %w", err)
	}
	query := target.Query()
	for name, v := range in.Query {
		query.Set(name, fmt.Sprint(v))
	}
	if marker != "" {
		query.Set("marker", marker)
	}
	target.RawQuery = query.Encode()
	signature, pipeline, err := d.pipeline()
	if err != nil {
		return native.Answer{}, err
	}
	target.RawQuery = strings.Trim(target.RawQuery+"&"+signature, "&")
	r, err := runtime.NewRequest(ctx, in.Method, target.String())
	if err != nil {
		return native.Answer{}, op.Errorf(op.InvalidArgument, "operation: %w", err)
	}
	r.Raw().Header.Set("x-ms-version", sas.Version)
	switch body := in.Body.(type) {
	case nil:
		if in.Method == http.MethodPut || in.Method == http.MethodPost {
			err = r.SetBody(streaming.NopCloser(strings.NewReader("")), "")
		}
	case string:
		err = r.SetBody(streaming.NopCloser(strings.NewReader(body)), "application/xml")
	default:
		err = errors.New("it would be a text, which is sent as it is")
	}
	if err != nil {
		return native.Answer{}, op.Errorf(op.InvalidArgument, "body: %w", err)
	}
	for name, v := range in.Headers {
		r.Raw().Header.Set(name, v)
	}
	v, err := answer(pipeline, r)
	return native.Answer{Value: v}, failed(err)
}

// pipeline is how a request gets its authority. The SDK signs with the account's
// key only what it makes itself, so here the key makes a signature for the account
// that lasts a few minutes.
func (d *blobsDriver) pipeline() (signature string, _ runtime.Pipeline, err error) {
	options := runtime.PipelineOptions{}
	switch {
	case d.sas != "":
		signature = d.sas
	case d.key != nil:
		values := sas.AccountSignatureValues{Protocol: sas.ProtocolHTTPS, ExpiryTime: time.Now().Add(15 * time.Minute).UTC(),
			ResourceTypes: (&sas.AccountResourceTypes{Service: true, Container: true, Object: true}).String(),
			Permissions: (&sas.AccountPermissions{Read: true, Write: true, Delete: true, DeletePreviousVersion: true, PermanentDelete: true, List: true, Add: true, Create: true, Update: true, Process: true,
				FilterByTags: true, Tag: true, SetImmutabilityPolicy: true}).String()}
		if d.endpoint.Scheme == "http" {
			values.Protocol = sas.ProtocolHTTPSandHTTP
		}
		signed, err := values.SignWithSharedKey(d.key)
		if err != nil {
			return "", runtime.Pipeline{}, failed(err)
		}
		signature = signed.Encode()
	default:
		options.PerRetry = []policy.Policy{runtime.NewBearerTokenPolicy(d.credential, []string{"https://storage.azure.com/.default"}, nil)}
	}
	client := d.options
	return signature, runtime.NewPipeline("azure_blobs", "1", options, &client), nil
}

// answer makes a request and reads its answer: XML as dicts, other text as it is,
// and of an answer without a body the headers.
func answer(pipeline runtime.Pipeline, r *policy.Request) (any, error) {
	resp, err := send(pipeline, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return native.Read(resp.Body, resp.Header, func(body []byte) (any, error) {
		if strings.Contains(resp.Header.Get("Content-Type"), "xml") {
			return dicts(body)
		}
		return string(body), nil
	})
}

// dicts is an XML document's root as dicts: an element that has elements is a dict,
// of lists where there are several of a name, and any other is its text.
func dicts(document []byte) (any, error) {
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(string(document), "\ufeff")))
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		if _, ok := t.(xml.StartElement); ok {
			return element(d)
		}
	}
}

func element(d *xml.Decoder) (any, error) {
	var text strings.Builder
	var dict map[string]any
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.StartElement:
			v, err := element(d)
			if err != nil {
				return nil, err
			}
			if dict == nil {
				dict = map[string]any{}
			}
			name := t.Name.Local
			if before, ok := dict[name]; !ok {
				dict[name] = v
			} else if list, ok := before.([]any); ok {
				dict[name] = append(list, v)
			} else {
				dict[name] = []any{before, v}
			}
		case xml.EndElement:
			if dict != nil {
				return dict, nil
			}
			return text.String(), nil
		}
	}
}
