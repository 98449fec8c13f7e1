package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go/middleware"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A service is a client of the SDK whose operations are called by name.
type service struct{ client any }

func (d *ec2Driver) service() service { return service{d.client} }
func (d *s3Driver) service() service  { return service{d.client} }

// NativeEffect goes by the verb that an operation's name begins with.
func (*session) NativeEffect(operation string) op.Effect {
	for _, v := range []struct {
		effect op.Effect
		verbs  string
	}{
		{op.Reads, "Describe Get List Head Search"},
		{op.Creates, "Create Run Allocate Import Copy Request Purchase Register"},
		{op.Deletes, "Delete Terminate Release Deregister Cancel"},
	} {
		for verb := range strings.FieldsSeq(v.verbs) {
			if rest, ok := strings.CutPrefix(operation, verb); ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
				return v.effect
			}
		}
	}
	return op.Changes
}

func (d *ec2Driver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return d.service().call(ctx, in)
}

func (d *ec2Driver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return d.service().pages(ctx, in)
}

func (d *s3Driver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return d.service().call(ctx, in)
}

func (d *s3Driver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return d.service().pages(ctx, in)
}

func (s service) call(ctx context.Context, in native.Call) (native.Answer, error) {
	m, input, err := s.prepare(in.Operation, in.Arguments)
	if err != nil {
		return native.Answer{}, err
	}
	out, err := invoke(ctx, m, input)
	if err != nil {
		return native.Answer{}, err
	}
	return native.Answer{Value: plain(out)}, nil
}

// pages hands the tokens of one answer to the next request. All of them are the
// cursor: S3 has lists with two.
func (s service) pages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]native.Answer, string, error) {
		m, input, err := s.prepare(in.Operation, in.Arguments)
		if err != nil {
			return nil, "", err
		}
		tokens := map[string]string{}
		if cursor != "" {
			if err := json.Unmarshal([]byte(cursor), &tokens); err != nil {
				return nil, "", op.Errorf(op.InvalidArgument, "the cursor is none of this list: %w", err)
			}
		}
		for name, token := range tokens {
			if f := input.Elem().FieldByName(name); f.IsValid() && f.Type() == stringPointer {
				f.Set(reflect.ValueOf(&token))
			}
		}
		out, err := invoke(ctx, m, input)
		if err != nil {
			return nil, "", err
		}
		next, err := json.Marshal(following(input.Elem().Type(), out.Elem()))
		if string(next) == "{}" {
			next = nil
		}
		return []native.Answer{{Value: plain(out)}}, string(next), err
	})
}

var stringPointer = reflect.TypeFor[*string]()

// following is what the next page's input is to have: of an answer's NextToken,
// NextMarker, NextContinuationToken and the like, the fields that the input has
// under the same name or the name without Next.
func following(input reflect.Type, out reflect.Value) map[string]string {
	tokens := map[string]string{}
	for i := range out.NumField() {
		name := out.Type().Field(i).Name
		f := out.Field(i)
		if f.Type() != stringPointer || f.IsNil() || f.Elem().String() == "" || !strings.HasPrefix(name, "Next") && name != "ContinuationToken" {
			continue
		}
		for _, field := range []string{name, strings.TrimPrefix(name, "Next")} {
			// What S3 calls ContinuationToken is the next page's in list_buckets,
			// and this page's own in list_objects, which has Next as well.
			own := name == "ContinuationToken" && out.FieldByName("NextContinuationToken").IsValid()
			if sf, ok := input.FieldByName(field); ok && sf.Type == stringPointer && !own {
				tokens[field] = f.Elem().String()
				break
			}
		}
	}
	return tokens
}

// prepare finds an operation and fills its input.
func (s service) prepare(operation string, arguments map[string]any) (method, input reflect.Value, err error) {
	client := reflect.ValueOf(s.client)
	method = client.MethodByName(operation)
	if !method.IsValid() || !isOperation(method.Type()) {
		return method, input, op.Errorf(op.InvalidArgument, "operation: %s has no %q%s", client.Type().Elem().PkgPath(), operation, op.DidYouMean(operation, operations(client)))
	}
	if t := method.Type().Out(0).Elem(); slices.ContainsFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool { return f.Type == bodyType }) {
		return method, input, op.Errorf(op.InvalidArgument, "operation: %s answers with a body, which native does not hand on: use read_object", operation)
	}
	input = reflect.New(method.Type().In(1).Elem())
	return method, input, fill(input.Elem(), arguments, "")
}

var (
	bodyType     = reflect.TypeFor[io.ReadCloser]()
	readerType   = reflect.TypeFor[io.Reader]()
	timeType     = reflect.TypeFor[time.Time]()
	metadataType = reflect.TypeFor[middleware.Metadata]()
	contextType  = reflect.TypeFor[context.Context]()
	errorType    = reflect.TypeFor[error]()
)

// isOperation reports whether a method is func(ctx, *Input, …options) (*Output, error).
func isOperation(t reflect.Type) bool {
	return t.NumIn() == 3 && t.IsVariadic() && t.In(0) == contextType && t.In(1).Kind() == reflect.Pointer &&
		t.NumOut() == 2 && t.Out(0).Kind() == reflect.Pointer && t.Out(1) == errorType
}

func operations(client reflect.Value) []string {
	var names []string
	for i := range client.NumMethod() {
		if isOperation(client.Method(i).Type()) {
			names = append(names, client.Type().Method(i).Name)
		}
	}
	return names
}

func invoke(ctx context.Context, method, input reflect.Value) (reflect.Value, error) {
	out := method.Call([]reflect.Value{reflect.ValueOf(ctx), input})
	if err, _ := out[1].Interface().(error); err != nil {
		return reflect.Value{}, err
	}
	return out[0], nil
}

// fill sets a struct's fields from arguments of their names.
func fill(v reflect.Value, arguments map[string]any, path string) error {
	for name, a := range arguments {
		f, ok := v.Type().FieldByName(name)
		if !ok || !f.IsExported() {
			return op.Errorf(op.InvalidArgument, "there is no argument %q%s", path+name, op.DidYouMean(name, fields(v.Type())))
		}
		if err := set(v.FieldByIndex(f.Index), a, path+name); err != nil {
			return err
		}
	}
	return nil
}

func fields(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() && f.Type != metadataType {
			names = append(names, f.Name)
		}
	}
	return names
}

// set puts an argument into a field of an input.
func set(v reflect.Value, a any, path string) error {
	if a == nil {
		return nil
	}
	wrong := func() error {
		return op.Errorf(op.InvalidArgument, "%s: want %s, got %T", path, wanted(v.Type()), a)
	}
	switch v.Type() {
	case timeType:
		switch t := a.(type) {
		case time.Time:
			v.Set(reflect.ValueOf(t))
			return nil
		case string:
			at, err := time.Parse(time.RFC3339, t)
			if err != nil {
				return wrong()
			}
			v.Set(reflect.ValueOf(at))
			return nil
		}
		return wrong()
	case readerType:
		switch body := a.(type) {
		case io.Reader:
			v.Set(reflect.ValueOf(body))
		case string:
			v.Set(reflect.ValueOf(io.Reader(strings.NewReader(body))))
		case []byte:
			v.Set(reflect.ValueOf(io.Reader(strings.NewReader(string(body)))))
		default:
			return wrong()
		}
		return nil
	}
	if b, ok := a.([]byte); ok && v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes(b)
		return nil
	}
	a, err := native.Plain(a)
	if err != nil {
		return err
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if err := set(p.Elem(), a, path); err != nil {
			return err
		}
		v.Set(p)
		return nil
	case reflect.String:
		if s, ok := a.(string); ok {
			v.SetString(s)
			return nil
		}
	case reflect.Bool:
		if b, ok := a.(bool); ok {
			v.SetBool(b)
			return nil
		}
	case reflect.Int32, reflect.Int64:
		if n, ok := integer(a); ok && !v.OverflowInt(n) {
			v.SetInt(n)
			return nil
		}
	case reflect.Float32, reflect.Float64:
		switch n := a.(type) {
		case float64:
			v.SetFloat(n)
			return nil
		case json.Number:
			if x, err := n.Float64(); err == nil {
				v.SetFloat(x)
				return nil
			}
		}
		if n, ok := integer(a); ok {
			v.SetFloat(float64(n))
			return nil
		}
	case reflect.Slice:
		if list, ok := a.([]any); ok {
			s := reflect.MakeSlice(v.Type(), len(list), len(list))
			for i, e := range list {
				if err := set(s.Index(i), e, fmt.Sprintf("%s[%d]", path, i)); err != nil {
					return err
				}
			}
			v.Set(s)
			return nil
		}
	case reflect.Map:
		if dict, ok := a.(map[string]any); ok && v.Type().Key().Kind() == reflect.String {
			m := reflect.MakeMapWithSize(v.Type(), len(dict))
			for k, e := range dict {
				item := reflect.New(v.Type().Elem()).Elem()
				if err := set(item, e, fmt.Sprintf("%s[%q]", path, k)); err != nil {
					return err
				}
				m.SetMapIndex(reflect.ValueOf(k).Convert(v.Type().Key()), item)
			}
			v.Set(m)
			return nil
		}
	case reflect.Struct:
		if dict, ok := a.(map[string]any); ok {
			return fill(v, dict, path+".")
		}
	}
	return wrong()
}

func integer(a any) (int64, bool) {
	switch n := a.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}

// wanted is a field's type in a script's words.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a bool"
	case reflect.Int32, reflect.Int64:
		return "an int"
	case reflect.Float32, reflect.Float64:
		return "a float"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "a list"
	case reflect.Map:
		return "a dict"
	case reflect.Struct:
		if t == timeType {
			return "a time"
		}
		return "a dict of " + strings.Join(fields(t), ", ")
	}
	if t == readerType {
		return "a stream"
	}
	return t.String() + ", which scripts cannot make"
}

// plain is an answer as dicts and lists. What the service left out is left out.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Struct:
		if v.Type() == timeType {
			return v.Interface()
		}
		m := map[string]any{}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Type == metadataType || v.Field(i).IsZero() && f.Type.Kind() != reflect.Bool {
				continue
			}
			m[f.Name] = plain(v.Field(i))
		}
		return m
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Bytes()
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case reflect.Map:
		m := map[string]any{}
		for k, e := range v.Seq2() {
			m[k.String()] = plain(e)
		}
		return m
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	}
	return fmt.Sprint(v)
}
