package wasm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A driver is an opened connection of a module.
type driver struct {
	m      *Module
	offer  abi.Offer
	config json.RawMessage // what the guest may see
	net    *network
}

func (m *Module) open(ctx context.Context, offer abi.Offer, t *op.Type, config any) (op.Invoker, error) {
	v := reflect.ValueOf(config)
	shown := map[string]any{}
	secrets := map[string]op.Secret{}
	named := map[string]bool{} // what the user has set
	for _, f := range t.Fields {
		fv := v.FieldByIndex(f.Index)
		if f.IsSecret() {
			secrets[f.Name] = fv.Interface().(op.Secret)
			continue
		}
		if fv.IsZero() {
			continue
		}
		if fv.Kind() == reflect.Pointer {
			fv = fv.Elem()
		}
		shown[f.Name] = fv.Interface()
		named[f.Name] = f.Default == "" || !isDefault(&f, fv.Interface())
	}
	data, err := json.Marshal(shown)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "the configuration: %w", err)
	}
	n, err := m.network(shown, named, secrets)
	if err != nil {
		return nil, err
	}
	// What is wrong with the module is said when it is opened, not at the first call.
	if _, err := m.compiled(ctx); err != nil {
		return nil, op.Errorf(op.Internal, "%w", err)
	}
	return &driver{m: m, offer: offer, config: data, net: n}, nil
}

// isDefault reports whether v is what the module itself gives the field.
func isDefault(f *op.Field, v any) bool {
	d, err := f.Parse(f.Default)
	return err == nil && fmt.Sprint(d) == fmt.Sprint(v)
}

// Close closes the connections to the provider that nobody uses.
func (d *driver) Close() error {
	d.net.client.CloseIdleConnections()
	return nil
}

// HonoursToken implements [op.Idempotent].
func (d *driver) HonoursToken(o *op.Op) bool { return slices.Contains(d.offer.HonoursToken, o.Name) }

// NativeEffect makes a module's native operations, of the form "GET /path", what
// their method says.
func (d *driver) NativeEffect(operation string) op.Effect { return native.RESTEffect(operation) }

// Invoke implements [op.Invoker].
func (d *driver) Invoke(ctx context.Context, r *op.Request) (any, error) {
	switch r.Op.Shape {
	case op.ShapeList:
		return d.page(ctx, r)
	case op.ShapeStream:
		return d.stream(ctx, r), nil
	case op.ShapeDo:
		return nil, d.do(ctx, r, &abi.Answer{})
	}
	out := reflect.New(outType(r.Op))
	var answer abi.Answer
	c := d.call()
	defer c.end()
	into, done := abi.Target(out.Interface(), c.handOver)
	answer.Result = into
	if err := d.send(ctx, c, r, &answer); err != nil {
		return nil, err
	}
	if err := done(); err != nil {
		c.takeBack()
		return nil, op.Errorf(op.Internal, "the driver's answer: %w", err)
	}
	if err := checkAnswer(r.Op, out.Elem()); err != nil {
		c.takeBack()
		return nil, err
	}
	return out.Elem().Interface(), nil
}

func (d *driver) do(ctx context.Context, r *op.Request, answer *abi.Answer) error {
	c := d.call()
	defer c.end()
	return d.send(ctx, c, r, answer)
}

// page gets one page of a list.
func (d *driver) page(ctx context.Context, r *op.Request) (*op.Page, error) {
	items := reflect.New(reflect.SliceOf(outType(r.Op)))
	into, done := abi.Target(items.Interface(), nil)
	answer := abi.Answer{Items: into}
	if err := d.do(ctx, r, &answer); err != nil {
		return nil, err
	}
	if err := done(); err != nil {
		return nil, op.Errorf(op.Internal, "the driver's answer: %w", err)
	}
	if items.Elem().IsNil() {
		items.Elem().Set(reflect.MakeSlice(items.Type().Elem(), 0, 0))
	}
	for i := range items.Elem().Len() {
		if err := checkAnswer(r.Op, items.Elem().Index(i)); err != nil {
			return nil, err
		}
	}
	return &op.Page{Items: items.Elem().Interface(), Next: answer.Next}, nil
}

const (
	minPoll = 50 * time.Millisecond
	maxPoll = time.Second
)

// stream asks for page after page until there is no next one, and waits a
// little where one was empty.
func (d *driver) stream(ctx context.Context, r *op.Request) op.Items {
	return func(yield func(any, error) bool) {
		pause := minPoll
		for next := *r; ; {
			page, err := d.page(ctx, &next)
			if err != nil {
				yield(nil, located(err, r))
				return
			}
			for i := range page.Len() {
				if !yield(page.At(i), nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			next.Cursor = page.Next
			if page.Len() > 0 {
				pause = minPoll
				continue
			}
			select {
			case <-ctx.Done():
				yield(nil, located(ctx.Err(), r))
				return
			case <-time.After(pause):
				pause = min(2*pause, maxPoll)
			}
		}
	}
}

// located is err with its place: the chain fills that in for what a request
// answers with at once, not for what comes later.
func located(err error, r *op.Request) error {
	e := *op.AsError(err)
	e.Op, e.Provider = r.Op.Name, r.Provider
	return &e
}

// outType is what the row answers with.
func outType(o *op.Op) reflect.Type {
	t := o.Out().Go
	if o.Shape == op.ShapeCall && o.Many() {
		return reflect.SliceOf(t)
	}
	return t
}

// send performs one call on an instance, and decodes into answer.
func (d *driver) send(ctx context.Context, c *call, r *op.Request, answer *abi.Answer) error {
	pool, err := d.m.compiled(ctx)
	if err != nil {
		return op.Errorf(op.Internal, "%w", err)
	}
	args, err := abi.Encode(r.In, c.hold)
	if err != nil {
		return op.Errorf(op.InvalidArgument, "the arguments: %w", err)
	}
	if replaced(args) {
		return op.Errorf(op.InvalidArgument, "an argument is not UTF-8, which a driver that is a module cannot be told")
	}
	message := abi.Call[json.RawMessage, json.RawMessage]{Family: r.Op.Family.Name, Op: r.Op.Name, Args: args, Config: d.config,
		Connection: r.Connection, Cursor: r.Cursor}
	if r.Op.Effect != op.Reads {
		message.Token = op.Token(ctx)
	}
	if deadline, ok := ctx.Deadline(); ok {
		message.TimeoutMS = max(1, time.Until(deadline).Milliseconds())
	}
	data, err := json.Marshal(message)
	if err != nil {
		return op.Errorf(op.Internal, "%w", err)
	}
	result, err := pool.call(ctx, c, data)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(strings.NewReader(result))
	dec.UseNumber()
	if err := dec.Decode(answer); err != nil {
		return op.Errorf(op.Internal, "the driver's answer is not what its ABI says: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return op.Errorf(op.Internal, "the driver's answer goes on after its end")
	}
	if answer.Error != nil {
		e := answer.Error.Op()
		e.Message, e.Code, e.RequestID = clean(e.Message, 4<<10), clean(e.Code, 200), clean(e.RequestID, 200)
		return e
	}
	return nil
}

// clean is text of a guest as an error has it: of bounded length, and nothing
// that a terminal would obey.
func clean(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return '\uFFFD'
		}
		return r
	}, text)
}

// replaced reports whether the JSON encoder met text that is not UTF-8: it
// writes \ufffd for it, and never for the character itself.
func replaced(data []byte) bool {
	for {
		i := bytes.Index(data, []byte(`\ufffd`))
		if i < 0 {
			return false
		}
		before := i
		for before > 0 && data[before-1] == '\\' {
			before--
		}
		if (i-before)%2 == 0 { // the backslash is not itself escaped
			return true
		}
		data = data[i+1:]
	}
}

// checkAnswer refuses what a native driver's types could not say: a word that
// an enumeration does not have, a thing without its id.
func checkAnswer(o *op.Op, v reflect.Value) error {
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			if err := checkAnswer(o, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	}
	t := o.Out()
	if id := t.ID(); id != nil && v.FieldByIndex(id.Index).IsZero() {
		return op.Errorf(op.Internal, "the driver answered with a %s that has no %s", t.Name, id.Name)
	}
	for i := range t.Fields {
		if f := &t.Fields[i]; f.IsStream() && v.FieldByIndex(f.Index).IsNil() {
			return op.Errorf(op.Internal, "the driver answered with a %s that has no %s", t.Name, f.Name)
		}
	}
	return checkWords(t, v)
}

func checkWords(t *op.Type, v reflect.Value) error {
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Enum == nil && f.Go.Kind() != reflect.Slice && f.Go.Kind() != reflect.Struct && f.Go.Kind() != reflect.Pointer {
			continue
		}
		if err := checkWord(f, v.FieldByIndex(f.Index)); err != nil {
			return err
		}
	}
	return nil
}

func checkWord(f *op.Field, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return checkWord(f, v.Elem())
		}
	case reflect.Slice:
		if f.Enum == nil && v.Type().Elem().Kind() != reflect.Struct {
			return nil
		}
		for i := range v.Len() {
			if err := checkWord(f, v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.String:
		if s := v.String(); f.Enum != nil && s != "" && !slices.Contains(f.Enum, s) {
			return op.Errorf(op.Internal, "the driver answered with the %s %.40q, which does not exist%s", f.Name, s, op.DidYouMean(s, f.Enum))
		}
	case reflect.Struct:
		if t := op.TypeOf(v.Type()); t != nil && v.Type() != reflect.TypeFor[time.Time]() {
			return checkWords(t, v)
		}
	}
	return nil
}
