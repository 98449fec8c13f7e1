package op

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// A Type describes a struct as scripts, messages and schemas see it.
type Type struct {
	Name   string // "key_pair", from the Go type's name
	Go     reflect.Type
	Fields []Field

	byName map[string]*Field
	id     *Field
	rest   *Field
	whole  *Field
	scopes []*Field
}

// A Field describes one field: see the package comment for the tags.
type Field struct {
	Name                        string
	Index                       []int // for reflect.Value.FieldByIndex
	Go                          reflect.Type
	Required, ID, Scope, Filter bool
	Zero, Rest, Whole           bool
	Default, Ref, Unit          string
	Source, Help                string
	Enum                        []string // the values of an enumeration
}

var types sync.Map // reflect.Type to *Type

// TypeOf describes t, a struct or a pointer to one. It is nil for any other
// type, and panics when a tag is wrong: that is a defect of the source.
func TypeOf(t reflect.Type) *Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	if d, ok := types.Load(t); ok {
		return d.(*Type)
	}
	d := &Type{Name: snake(t.Name()), Go: t, byName: map[string]*Field{}}
	for _, sf := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "" || name == "-" || sf.Anonymous {
			continue
		}
		f := Field{Name: name, Index: sf.Index, Go: sf.Type, Default: sf.Tag.Get("default"), Ref: sf.Tag.Get("ref"),
			Unit: sf.Tag.Get("unit"), Source: sf.Tag.Get("source"), Help: sf.Tag.Get("help"), Enum: enumOf(sf.Type)}
		if words := sf.Tag.Get("enum"); words != "" { // of types made at run time, which can have no methods
			f.Enum = strings.Split(words, ",")
		}
		for flag := range strings.SplitSeq(sf.Tag.Get("op"), ",") {
			switch flag {
			case "":
			case "required":
				f.Required = true
			case "zero":
				f.Zero = true
			case "id":
				f.ID = true
			case "scope":
				f.Scope = true
			case "filter":
				f.Filter = true
			case "rest":
				f.Rest = true
			case "whole":
				f.Whole = true
			default:
				panic(fmt.Sprintf("op: %s.%s: unknown flag %q", t, sf.Name, flag))
			}
		}
		d.Fields = append(d.Fields, f)
	}
	for i := range d.Fields {
		f := &d.Fields[i]
		d.byName[f.Name] = f
		if f.ID {
			d.id = f
		}
		if f.Rest {
			d.rest = f
		}
		if f.Whole {
			d.whole = f
		}
		if f.Scope {
			d.scopes = append(d.scopes, f)
		}
		if f.Default != "" {
			if _, err := f.Parse(f.Default); err != nil {
				panic(fmt.Sprintf("op: %s.%s: default: %v", t, f.Name, err))
			}
		}
	}
	got, _ := types.LoadOrStore(t, d)
	return got.(*Type)
}

// Field returns the field of that name, or nil.
func (t *Type) Field(name string) *Field { return t.byName[name] }

// ID returns the field that identifies a value of the type, or nil.
func (t *Type) ID() *Field { return t.id }

// Waitable names the fields that a value can be waited for by: its state, and the
// other enumerations that it has. There are none without a state.
func (t *Type) Waitable() []string {
	if t.Field("state") == nil {
		return nil
	}
	names := []string{"state"}
	for _, f := range t.Fields {
		if f.Enum != nil && f.Go.Kind() == reflect.String && f.Name != "state" {
			names = append(names, f.Name)
		}
	}
	return names
}

// Rest returns the field that takes the arguments of other names, or nil.
func (t *Type) Rest() *Field { return t.rest }

// Whole returns the field that scripts see in place of the value, or nil.
func (t *Type) Whole() *Field { return t.whole }

// Names lists the fields' names in the struct's order.
func (t *Type) Names() []string {
	s := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		s[i] = f.Name
	}
	return s
}

// Identity returns what tells v, a value of the type, from others of its type
// at the same provider; empty when the type has no identity.
func (t *Type) Identity(v reflect.Value) string {
	if t.id == nil {
		return ""
	}
	id := fmt.Sprint(v.FieldByIndex(t.id.Index))
	for _, f := range t.scopes {
		id = fmt.Sprint(v.FieldByIndex(f.Index)) + "\x00" + id
	}
	return id
}

// refer returns what a field with ref takes from v, a value of the type: its
// id when v is what is meant, or the id of what v is in.
func (t *Type) refer(v reflect.Value, ref string) (string, bool) {
	if t.Name == ref && t.id != nil {
		return fmt.Sprint(v.FieldByIndex(t.id.Index)), true
	}
	for _, f := range t.scopes {
		if f.Ref == ref {
			return fmt.Sprint(v.FieldByIndex(f.Index)), true
		}
	}
	return "", false
}

// Kinds of field that need a name of their own.
var (
	readerType     = reflect.TypeFor[io.Reader]()
	readCloserType = reflect.TypeFor[io.ReadCloser]()
	timeType       = reflect.TypeFor[time.Time]()
	secretType     = reflect.TypeFor[Secret]()
)

// IsStream reports whether the field holds bytes that flow, not a value.
func (f *Field) IsStream() bool { return f.Go == readerType || f.Go == readCloserType }

// IsSecret reports whether the field holds a Secret.
func (f *Field) IsSecret() bool { return f.Go == secretType }

// TypeName is the field's type in the words of the reference: "string",
// "int (GiB)", "list of node", "size or its id".
func (f *Field) TypeName() string { return typeName(f.Go, f.Ref, f.Unit) }

func typeName(t reflect.Type, ref, unit string) string {
	switch {
	case t == readerType || t == readCloserType:
		return "stream"
	case t == timeType:
		return "time"
	case t == secretType:
		return "secret"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem(), ref, unit)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "list of " + typeName(t.Elem(), ref, unit)
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return "dict"
		}
		return "dict of " + typeName(t.Elem(), "", "")
	case reflect.Struct:
		return snake(t.Name())
	case reflect.Interface:
		return "any"
	case reflect.String:
		if ref != "" {
			return ref + " or its id"
		}
		return "string"
	case reflect.Bool:
		return "bool"
	}
	name := "int"
	if t.Kind() == reflect.Float64 || t.Kind() == reflect.Float32 {
		name = "float"
	}
	if unit != "" {
		name += " (" + unit + ")"
	}
	return name
}

func enumOf(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() == reflect.String {
		if e, ok := reflect.Zero(t).Interface().(interface{ Values() []string }); ok {
			return e.Values()
		}
	}
	return nil
}

func elem(t reflect.Type) reflect.Type {
	if t != nil && t.Kind() == reflect.Slice {
		return t.Elem()
	}
	return t
}

// snake turns a Go name into a script's: KeyPair into key_pair, IPRange into ip_range.
func snake(name string) string {
	r := []rune(name)
	var b strings.Builder
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 && (unicode.IsLower(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// Schema is the JSON Schema of the type, as messages carry it.
func (t *Type) Schema() map[string]any {
	props := map[string]any{}
	var required []string
	for _, f := range t.Fields {
		s := schemaOf(f.Go)
		describe := map[string]string{"description": f.Help, "x-unit": f.Unit, "x-ref": f.Ref, "x-source": f.Source}
		for k, v := range describe {
			if v != "" {
				s[k] = v
			}
		}
		if f.Default != "" {
			s["default"], _ = f.Parse(f.Default)
		}
		props[f.Name] = s
		if f.Required {
			required = append(required, f.Name)
		}
	}
	s := map[string]any{"title": t.Name, "type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		slices.Sort(required)
		s["required"] = required
	}
	return s
}

func schemaOf(t reflect.Type) map[string]any {
	switch {
	case t == readerType || t == readCloserType:
		return map[string]any{"type": "integer", "x-stream": true}
	case t == timeType:
		return map[string]any{"type": "string", "format": "date-time"}
	case t == secretType:
		return map[string]any{"type": "string", "x-secret": true}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return map[string]any{"type": "string", "contentEncoding": "base64"}
		}
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		return TypeOf(t).Schema()
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		s := map[string]any{"type": "string"}
		if e := enumOf(t); e != nil {
			s["enum"] = e
		}
		return s
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Interface:
		return map[string]any{}
	}
	return map[string]any{"type": "integer"}
}
