package softlayer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/softlayer/softlayer-go/sl"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// classicError is what an error of the SDK means.
func classicError(err error) error {
	e, ok := errors.AsType[sl.Error](err)
	if !ok {
		if err == nil {
			return nil
		}
		return unreachable(err)
	}
	if e.Exception == "" && e.Wrapped != nil { // no answer in the API's form
		if e.StatusCode >= 300 && e.StatusCode != 520 && e.StatusCode != 599 {
			return &op.Error{Kind: kindOf(e.StatusCode), Message: http.StatusText(e.StatusCode) + ": " + e.Wrapped.Error(), Err: err}
		}
		return unreachable(e.Wrapped)
	}
	return &op.Error{Kind: kindOfException(e.StatusCode, e.Exception, e.Message), Code: e.Exception, Message: cmp.Or(e.Message, e.Exception), Err: err}
}

// exceptions are the kinds of the API's exceptions. It answers most of them with
// status 500.
var exceptions = map[string]op.Kind{
	"SoftLayer_Exception_ObjectNotFound":                   op.NotFound,
	"SoftLayer_Exception_NotFound":                         op.NotFound,
	"SoftLayer_Exception_Network_LBaaS_ObjectNotFound":     op.NotFound,
	"SoftLayer_Exception_InvalidValue":                     op.InvalidArgument,
	"SoftLayer_Exception_Missing_Field":                    op.InvalidArgument,
	"SoftLayer_Exception_InvalidLegacyToken":               op.Unauthenticated,
	"SoftLayer_Exception_User_Customer_LoginFailed":        op.Unauthenticated,
	"SoftLayer_Exception_NoAccess":                         op.PermissionDenied,
	"SoftLayer_Exception_AccessDenied":                     op.PermissionDenied,
	"SoftLayer_Exception_WebService_RateLimitExceeded":     op.RateLimited,
	"SoftLayer_Exception_Order_QuotaExceeded":              op.QuotaExceeded,
	"SoftLayer_Exception_Network_LBaaS_UpdateInProgress":   op.Conflict,
	"SoftLayer_Exception_Network_LBaaS_InvalidOperation":   op.Conflict,
	"SoftLayer_Exception_Order_InvalidContainer":           op.InvalidArgument,
	"SoftLayer_Exception_Order_Item_InvalidLocation":       op.InvalidArgument,
	"SoftLayer_Exception_Network_LBaaS_InvalidInputFormat": op.InvalidArgument,
}

func kindOfException(status int, exception, message string) op.Kind {
	if k, ok := exceptions[exception]; ok {
		return k
	}
	text := strings.ToLower(message)
	switch {
	case status != http.StatusInternalServerError:
		return kindOf(status)
	case strings.Contains(text, "unable to find") || strings.Contains(text, "does not exist") || strings.Contains(text, "not found"):
		return op.NotFound
	case strings.Contains(text, "pending") || strings.Contains(text, "in progress"):
		return op.Conflict
	case exception == "SoftLayer_Exception_Public" && text != "internal error":
		return op.InvalidArgument // what is wrong with a request, in words
	}
	return op.Unavailable
}

func kindOf(status int) op.Kind {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return op.InvalidArgument
	case http.StatusUnauthorized:
		return op.Unauthenticated
	case http.StatusForbidden:
		return op.PermissionDenied
	case http.StatusNotFound, http.StatusGone:
		return op.NotFound
	case http.StatusConflict:
		return op.Conflict
	case http.StatusTooManyRequests:
		return op.RateLimited
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return op.Timeout
	}
	if status >= 500 {
		return op.Unavailable
	}
	return op.Internal
}

// unreachable is what keeps an answer from coming.
func unreachable(err error) error {
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			return cause
		}
	}
	kind := op.Unavailable
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		kind = op.Timeout
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the query
	}
	return op.Errorf(kind, "the API cannot be reached, or what it answers cannot be read: %w", err)
}

func classicRefusal(status int, header http.Header, body []byte) error {
	e := sl.Error{StatusCode: status}
	if json.Unmarshal(body, &e) != nil || e.Exception == "" {
		return refusal(status, header, "", http.StatusText(status))
	}
	err := classicError(e).(*op.Error)
	err.RetryAfter = op.RetryAfter(header.Get("Retry-After"))
	return err
}

// vpcRefusal reads an error of the VPC API.
func vpcRefusal(status int, header http.Header, body []byte) error {
	var answer struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
		Trace string `json:"trace"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Errors) == 0 {
		return refusal(status, header, "", http.StatusText(status))
	}
	first := answer.Errors[0]
	e := refusal(status, header, first.Code, first.Message)
	e.RequestID = cmp.Or(answer.Trace, e.RequestID)
	switch {
	case strings.Contains(first.Code, "over_quota") || strings.Contains(first.Code, "quota_exceeded"):
		e.Kind = op.QuotaExceeded
	case strings.Contains(first.Code, "not_unique") || strings.Contains(first.Code, "already_exists") || strings.Contains(first.Code, "duplicate"):
		e.Kind = op.AlreadyExists
	case strings.Contains(first.Code, "not_found"):
		e.Kind = op.NotFound
	}
	return e
}

func refusal(status int, header http.Header, code, message string) *op.Error {
	return &op.Error{Kind: kindOf(status), Code: code, Message: message, RequestID: header.Get("X-Request-Id"), RetryAfter: op.RetryAfter(header.Get("Retry-After"))}
}

// send makes a request, and returns its answer as JSON has it.
func send(ctx context.Context, transport http.RoundTripper, base string, in native.Request, authorize func(*http.Request) error, refused func(int, http.Header, []byte) error) (any, error) {
	if !strings.HasPrefix(in.Path, "/") {
		return nil, op.Errorf(op.InvalidArgument, "operation: %q is no path: it would begin with \"/\"", in.Path)
	}
	target, err := url.Parse(strings.TrimSuffix(base, "/") + in.Path)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "operation: %w", err)
	}
	query := target.Query()
	for name, v := range in.Query {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, one := range list {
			text, err := json.Marshal(one)
			if s, ok := one.(string); ok {
				text = []byte(s)
			}
			if err != nil {
				return nil, op.Errorf(op.InvalidArgument, "query: %w", err)
			}
			query.Add(name, string(text))
		}
	}
	target.RawQuery = query.Encode()
	var body io.Reader
	if in.Body != nil {
		data, err := json.Marshal(in.Body)
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "body: %w", err)
		}
		body = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, in.Method, target.String(), body)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "operation: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "cloudlark")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if in.Method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	for name, v := range in.Headers {
		r.Header.Set(name, v)
	}
	if err := authorize(r); err != nil {
		return nil, err
	}
	resp, err := transport.RoundTrip(r) // a redirection would take the credentials along
	if err != nil {
		return nil, unreachable(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, unreachable(err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, refused(resp.StatusCode, resp.Header, data)
	}
	if len(data) == 0 {
		return nil, nil
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, unreachable(err)
	}
	return v, nil
}
