// Package native is the way down: calls of a provider's own API, for what the
// portable operations lack. They are rows of every family's table, so policy,
// deadlines, retries and the log hold for them as for any other.
//
//	cloud.native("DescribeSpotPriceHistory", InstanceTypes = ["t3.micro"])       # AWS: an operation and its arguments
//	cloud.native("GET /os-hypervisors", query = {"limit": 10})                   # REST: a method and a path
//
// A driver says what its operations are called and what each does: see [Caller].
package native

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"reflect"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Rows returns the rows native and native_pages, for the table of one family.
func Rows() op.Table {
	effect := func(r *op.Request) op.Effect {
		j, ok := r.Driver.(judge)
		if !ok {
			return op.Changes
		}
		switch in := r.In.(type) {
		case Call:
			return j.NativeEffect(in.Operation)
		case Pages:
			return j.NativeEffect(in.Operation)
		}
		return op.Changes
	}
	return op.Table{
		op.Call("native", Caller.Native, op.Changes,
			"Call the provider's own API: what the portable operations lack. A policy that allows only reading allows it for what reads.").Judged(effect),
		op.List("native_pages", Pager.NativePages,
			"Call what the provider's own API answers with in pages, one item a page. Only for what reads.").Judged(effect),
	}
}

// Call is what native takes.
type Call struct {
	Operation string         `json:"operation" op:"required" help:"What to call, in the provider's words: an operation's name, or a method and a path; see the provider's page."`
	Arguments map[string]any `json:"arguments,omitzero" op:"rest" help:"Its arguments, in the provider's words. They may stand by themselves: native(\"DescribeVpcs\", MaxResults = 5). REST: query, headers and body."`
}

// Pages is what native_pages takes.
type Pages struct {
	Operation string         `json:"operation" op:"required" help:"What to call, as for native."`
	Arguments map[string]any `json:"arguments,omitzero" op:"rest" help:"Its arguments, as for native."`
}

// An Answer is what the provider answered with, as it is: dicts, lists, text,
// numbers.
type Answer struct {
	Value any `json:"value" op:"whole" help:"The answer in the provider's own names; None if it has no body."`
}

type judge interface {
	// NativeEffect says what an operation does. One that is not known changes.
	NativeEffect(operation string) op.Effect
}

// Caller is a driver that has native.
type Caller interface {
	judge
	Native(ctx context.Context, in Call) (Answer, error)
}

// Pager is a driver that has native_pages.
type Pager interface {
	judge
	// NativePages yields the answers, each a page, with op.Pages.
	NativePages(ctx context.Context, in Pages) iter.Seq2[Answer, error]
}

// A Request is an operation of a REST API.
type Request struct {
	Method, Path string
	Query        map[string]any // text, numbers, bools, or lists of them
	Headers      map[string]string
	Body         any // nil for none; else to be sent as JSON
}

type restArguments struct {
	Query   map[string]any    `json:"query,omitzero"`
	Headers map[string]string `json:"headers,omitzero"`
	Body    any               `json:"body,omitzero"`
}

// REST reads an operation of the form "GET /path" and its arguments query,
// headers and body.
func REST(operation string, arguments map[string]any) (Request, error) {
	r := Request{}
	var ok bool
	if r.Method, r.Path, ok = strings.Cut(operation, " "); ok {
		r.Path = strings.TrimSpace(r.Path)
	}
	if effects[r.Method] == "" || r.Path == "" || strings.ContainsAny(r.Path, " \r\n") {
		return r, op.Errorf(op.InvalidArgument, "operation: %q is no method and path, as in \"GET /servers\"", operation)
	}
	decoded, err := op.TypeOf(reflect.TypeFor[restArguments]()).Decode(arguments, nil)
	if err != nil {
		return r, err
	}
	a := decoded.(restArguments)
	if r.Body, err = Plain(a.Body); err != nil {
		return r, err
	}
	query, err := Plain(a.Query)
	if err != nil {
		return r, err
	}
	r.Query, _ = query.(map[string]any)
	r.Headers = a.Headers
	return r, nil
}

// Not by net/http's names: every guest would carry it along.
var effects = map[string]op.Effect{"GET": op.Reads, "HEAD": op.Reads, "OPTIONS": op.Reads, "POST": op.Creates,
	"PUT": op.Changes, "PATCH": op.Changes, "DELETE": op.Deletes}

// RESTEffect is what an operation of the form "GET /path" does, by its method.
func RESTEffect(operation string) op.Effect {
	method, _, _ := strings.Cut(operation, " ")
	if e, ok := effects[method]; ok {
		return e
	}
	return op.Changes
}

// Numbers makes of each number in an answer that was decoded with UseNumber an
// integer, if it is one: large ones stay exact.
func Numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	case []any:
		for i := range v {
			v[i] = Numbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = Numbers(v[name])
		}
	}
	return v
}

// Plain returns an argument as JSON has it: of a value of a contract the id,
// times as RFC 3339, bytes as base64, secrets as they are. The result is for the
// request alone.
func Plain(v any) (any, error) {
	switch v := v.(type) {
	case op.Secret:
		return v.Reveal(), nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	case []byte:
		return base64.StdEncoding.EncodeToString(v), nil
	case []any:
		all := make([]any, len(v))
		for i := range v {
			var err error
			if all[i], err = Plain(v[i]); err != nil {
				return nil, err
			}
		}
		return all, nil
	case map[string]any:
		all := make(map[string]any, len(v))
		for k := range v {
			var err error
			if all[k], err = Plain(v[k]); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	r := reflect.ValueOf(v)
	if t := op.TypeOf(reflect.TypeOf(v)); t != nil {
		if t.ID() == nil {
			return nil, op.Errorf(op.InvalidArgument, "a %s has no id to stand for it", t.Name)
		}
		return r.FieldByIndex(t.ID().Index).String(), nil
	}
	return v, nil
}

// Fill reads what a script wrote in the provider's own form over what is in into,
// a pointer to a struct of the SDK. A field that it does not have is an error.
func Fill(argument string, value map[string]any, into any) error {
	if value == nil {
		return nil
	}
	plain, err := Plain(value)
	if err != nil {
		return err
	}
	data, err := json.Marshal(plain)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		err = d.Decode(into)
	}
	if err != nil {
		return op.Errorf(op.InvalidArgument, "%s: %w", argument, err)
	}
	return nil
}

// Read reads the answer of a store: a body as decode does, and where there is none
// the headers, with names in lower case, as most of what stores say is there. What
// is too long to be anything but an object's body is an error.
func Read(r io.Reader, header map[string][]string, decode func(body []byte) (any, error)) (any, error) {
	const most = 16 << 20
	body, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > most:
		return nil, op.Errorf(op.InvalidArgument, "the answer is longer than native hands on: use read_object")
	case len(body) > 0:
		return decode(body)
	}
	headers := make(map[string]any, len(header))
	for name, values := range header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return headers, nil
}

// ReadJSON reads an answer: its numbers are integers where they are whole, however
// large. It is nil of an answer that is empty.
func ReadJSON(r io.Reader) (any, error) {
	d := json.NewDecoder(r)
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return Numbers(v), nil
}
