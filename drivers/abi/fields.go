package abi

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/op"
)

var goTypes = map[string]reflect.Type{
	"":       reflect.TypeFor[string](),
	"string": reflect.TypeFor[string](),
	"int":    reflect.TypeFor[int64](),
	"float":  reflect.TypeFor[float64](),
	"bool":   reflect.TypeFor[bool](),
	"list":   reflect.TypeFor[[]string](),
	"dict":   reflect.TypeFor[map[string]string](),
	"any":    reflect.TypeFor[any](),
	"secret": reflect.TypeFor[op.Secret](), // a credential's; no description says it
}

// TypeOf makes the type of a struct with these fields, which must be checked.
func TypeOf(fields []Field) *op.Type {
	sf := make([]reflect.StructField, len(fields))
	for i, f := range fields {
		required := ""
		if f.Required {
			required = "required"
		}
		var tag strings.Builder
		for _, t := range [][2]string{{"json", f.Name + ",omitzero"}, {"op", required}, {"default", f.Default}, {"ref", f.Ref},
			{"unit", f.Unit}, {"enum", strings.Join(f.Enum, ",")}, {"help", f.Help}} {
			if t[1] != "" {
				fmt.Fprintf(&tag, "%s:%s ", t[0], strconv.Quote(t[1]))
			}
		}
		t := goTypes[f.Type]
		if k := t.Kind(); f.Default != "" && (k == reflect.Bool || k == reflect.Int64 || k == reflect.Float64) {
			t = reflect.PointerTo(t) // so that False and 0 are not taken for nothing given
		}
		sf[i] = reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: t, Tag: reflect.StructTag(tag.String())}
	}
	return op.TypeOf(reflect.StructOf(sf))
}

// FieldsOf is the reverse: how a description says the fields of t. A field of a
// type that descriptions do not have is of type any.
func FieldsOf(t *op.Type) []Field {
	if t == nil {
		return nil
	}
	fields := make([]Field, len(t.Fields))
	for i, f := range t.Fields {
		fields[i] = Field{Name: f.Name, Type: typeName(f.Go), Required: f.Required, Default: f.Default, Enum: f.Enum, Unit: f.Unit, Ref: f.Ref, Help: f.Help}
	}
	return fields
}

func typeName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "int"
	case reflect.Float32, reflect.Float64:
		return "float"
	case reflect.Bool:
		return "bool"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return "list"
		}
	case reflect.Map:
		if t.Elem().Kind() == reflect.String {
			return "dict"
		}
	}
	return "any"
}
