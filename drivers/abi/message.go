package abi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Encode writes v, a struct of a contract, a pointer to one, or a slice of
// them, as messages carry it: JSON in the table's names. Secrets are in clear;
// hold turns a body into the stream that stands for it.
func Encode(v any, hold func(io.Reader) (*Stream, error)) ([]byte, error) {
	w, err := Wire(v, hold)
	if err != nil {
		return nil, err
	}
	return json.Marshal(w)
}

// Wire returns what json.Marshal writes as Encode does: v itself, or a stand-in.
// It lets a message be encoded in one pass with what is in it.
func Wire(v any, hold func(io.Reader) (*Stream, error)) (any, error) {
	rv := reflect.ValueOf(v)
	for rv.Kind() == reflect.Pointer && !rv.IsNil() {
		rv = rv.Elem()
	}
	if !rv.IsValid() {
		return nil, nil
	}
	if p := planOf(rv.Type()); p.wire != rv.Type() {
		w := reflect.New(p.wire).Elem()
		if err := p.toWire(w, rv, hold); err != nil {
			return nil, err
		}
		rv = w
	}
	return rv.Interface(), nil
}

// Decode reads what Encode wrote into v, a pointer to a struct of a contract
// or to a slice of them. open turns a stream into the body that it stands for.
func Decode(data []byte, v any, open func(*Stream) (io.ReadCloser, error)) error {
	into, done := Target(v, open)
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	return done()
}

// Target returns what a JSON decoder, with UseNumber set, shall decode into so
// that v is decoded: v itself, or a stand-in from which done fills v. It lets a
// message be decoded in one pass with what is in it.
func Target(v any, open func(*Stream) (io.ReadCloser, error)) (into any, done func() error) {
	rv := reflect.ValueOf(v).Elem()
	p := planOf(rv.Type())
	if p.wire == rv.Type() {
		return v, func() error {
			if p.free {
				plain(rv)
			}
			return nil
		}
	}
	w := reflect.New(p.wire)
	return w.Interface(), func() error { return p.fromWire(rv, w.Elem(), open) }
}

// A plan is how a type crosses: as itself, or as a type like it in which
// secrets are strings and bodies are streams.
type plan struct {
	wire reflect.Type
	free bool    // has values of no fixed type somewhere: numbers in them need a look
	cols []field // structs whose wire differs
	elem *plan   // slices, maps and pointers whose wire differs
}

type field struct {
	index []int
	plan  *plan
}

var plans sync.Map // reflect.Type to *plan

var (
	secretType = reflect.TypeFor[op.Secret]()
	timeType   = reflect.TypeFor[time.Time]()
	streamType = reflect.TypeFor[*Stream]()
	anyType    = reflect.TypeFor[any]()
)

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p, _ := plans.LoadOrStore(t, newPlan(t))
	return p.(*plan)
}

func newPlan(t reflect.Type) *plan {
	switch {
	case t == secretType:
		return &plan{wire: reflect.TypeFor[string]()}
	case isBody(t):
		return &plan{wire: streamType}
	case t == anyType:
		return &plan{wire: t, free: true}
	case t == timeType:
		return &plan{wire: t}
	}
	switch t.Kind() {
	case reflect.Struct:
		return newStructPlan(t)
	case reflect.Slice, reflect.Pointer, reflect.Map:
		e := planOf(t.Elem())
		p := &plan{wire: t, free: e.free, elem: e}
		if e.wire != t.Elem() {
			switch t.Kind() {
			case reflect.Slice:
				p.wire = reflect.SliceOf(e.wire)
			case reflect.Pointer:
				p.wire = reflect.PointerTo(e.wire)
			default:
				p.wire = reflect.MapOf(t.Key(), e.wire)
			}
		}
		return p
	}
	return &plan{wire: t}
}

func newStructPlan(t reflect.Type) *plan {
	p := &plan{wire: t}
	differs := false
	var fields []reflect.StructField
	for i, f := range op.TypeOf(t).Fields {
		e := planOf(f.Go)
		differs = differs || e.wire != f.Go
		p.free = p.free || e.free
		p.cols = append(p.cols, field{f.Index, e})
		tag := f.Name
		if e.wire == streamType || t.FieldByIndex(f.Index).Tag.Get("json") != f.Name {
			tag += ",omitzero"
		}
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: e.wire, Tag: reflect.StructTag(`json:"` + tag + `"`)})
	}
	if differs {
		p.wire = reflect.StructOf(fields)
	}
	return p
}

func isBody(t reflect.Type) bool {
	return t == reflect.TypeFor[io.Reader]() || t == reflect.TypeFor[io.ReadCloser]()
}

var errNoStream = errors.New("a body cannot stand here")

func (p *plan) toWire(w, v reflect.Value, hold func(io.Reader) (*Stream, error)) error {
	switch {
	case w.Type() == v.Type():
		w.Set(v)
		return nil
	case v.Type() == secretType:
		w.SetString(v.Interface().(op.Secret).Reveal())
		return nil
	case isBody(v.Type()):
		if v.IsNil() {
			return nil
		}
		if hold == nil {
			return errNoStream
		}
		s, err := hold(v.Interface().(io.Reader))
		w.Set(reflect.ValueOf(s))
		return err
	}
	switch v.Kind() {
	case reflect.Struct:
		for i, c := range p.cols {
			if err := c.plan.toWire(w.Field(i), v.FieldByIndex(c.index), hold); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			w.Set(reflect.New(w.Type().Elem()))
			return p.elem.toWire(w.Elem(), v.Elem(), hold)
		}
	case reflect.Slice:
		w.Set(reflect.MakeSlice(w.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			if err := p.elem.toWire(w.Index(i), v.Index(i), hold); err != nil {
				return err
			}
		}
	case reflect.Map:
		w.Set(reflect.MakeMap(w.Type()))
		for k, e := range v.Seq2() {
			we := reflect.New(w.Type().Elem()).Elem()
			if err := p.elem.toWire(we, e, hold); err != nil {
				return err
			}
			w.SetMapIndex(k, we)
		}
	}
	return nil
}

func (p *plan) fromWire(v, w reflect.Value, open func(*Stream) (io.ReadCloser, error)) error {
	switch {
	case isBody(v.Type()):
		if w.IsNil() {
			return nil
		}
		if open == nil {
			return errNoStream
		}
		body, err := open(w.Interface().(*Stream))
		if err == nil {
			v.Set(reflect.ValueOf(body))
		}
		return err
	case w.Type() == v.Type():
		v.Set(w)
		if p.free {
			plain(v)
		}
		return nil
	case v.Type() == secretType:
		v.SetString(w.String())
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		for i, c := range p.cols {
			if err := c.plan.fromWire(v.FieldByIndex(c.index), w.Field(i), open); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if !w.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			return p.elem.fromWire(v.Elem(), w.Elem(), open)
		}
	case reflect.Slice:
		if w.IsNil() {
			return nil
		}
		v.Set(reflect.MakeSlice(v.Type(), w.Len(), w.Len()))
		for i := range w.Len() {
			if err := p.elem.fromWire(v.Index(i), w.Index(i), open); err != nil {
				return err
			}
		}
	case reflect.Map:
		if w.IsNil() {
			return nil
		}
		v.Set(reflect.MakeMap(v.Type()))
		for k, e := range w.Seq2() {
			ve := reflect.New(v.Type().Elem()).Elem()
			if err := p.elem.fromWire(ve, e, open); err != nil {
				return err
			}
			v.SetMapIndex(k, ve)
		}
	}
	return nil
}

// plain makes Go's own numbers of those in values of no fixed type: whole ones
// int64, all others float64, as a native driver gives them.
func plain(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		if v.Type() == anyType && !v.IsNil() {
			v.Set(reflect.ValueOf(Plain(v.Interface())))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			plain(v.Elem())
		}
	case reflect.Struct:
		if v.Type() == timeType {
			return
		}
		for _, c := range planOf(v.Type()).cols {
			if c.plan.free {
				plain(v.FieldByIndex(c.index))
			}
		}
	case reflect.Slice:
		if planOf(v.Type()).free {
			for i := range v.Len() {
				plain(v.Index(i))
			}
		}
	case reflect.Map:
		if !planOf(v.Type()).free {
			return
		}
		if m, ok := v.Interface().(map[string]any); ok {
			Plain(m)
		}
	}
}

// Plain makes Go's own numbers of the json.Numbers in what a decoder made.
func Plain(v any) any {
	switch x := v.(type) {
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, err := x.Float64()
		if err != nil { // 1e400 would be an infinity, which no message can carry on
			return x.String()
		}
		return f
	case map[string]any:
		for k, e := range x {
			x[k] = Plain(e)
		}
	case []any:
		for i, e := range x {
			x[i] = Plain(e)
		}
	}
	return v
}
