package builtins

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A record is a contract's struct in a script's hands. It is immutable.
// Attributes are converted when they are read, so that a record costs what is
// looked at.
type record struct {
	v    reflect.Value // the struct
	typ  *op.Type
	conn *connection // nil for a record without methods
}

var (
	_ op.Holder           = (*record)(nil)
	_ starlark.HasAttrs   = (*record)(nil)
	_ starlark.Comparable = (*record)(nil)
)

func newRecord(v reflect.Value, conn *connection) *record {
	return &record{v, op.TypeOf(v.Type()), conn}
}

// Held makes record an op.Holder: where a field refers to such a value, it is taken for its id.
func (r *record) Held() any { return addressable(r.v).Addr().Interface() }

// addressable is v, or a copy of what came without an address: an answer is not
// copied as long as it is only looked at.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	p := reflect.New(v.Type()).Elem()
	p.Set(v)
	return p
}

// MarshalJSON is for json.encode: a record's fields, not its methods.
func (r *record) MarshalJSON() ([]byte, error) { return json.Marshal(r.Held()) }

func (r *record) Type() string         { return r.typ.Name }
func (r *record) Truth() starlark.Bool { return true }
func (r *record) Freeze()              {}

// String reads `node(id = "n-1", name = "web-1", state = "running")`: what is
// empty is left out.
func (r *record) String() string {
	var b strings.Builder
	b.WriteString(r.typ.Name + "(")
	sep := ""
	for i := range r.typ.Fields {
		f := &r.typ.Fields[i]
		fv := r.v.FieldByIndex(f.Index)
		if fv.IsZero() || (fv.Kind() == reflect.Map || fv.Kind() == reflect.Slice) && fv.Len() == 0 {
			continue
		}
		v, err := r.field(f)
		if err != nil {
			continue
		}
		b.WriteString(sep + f.Name + " = " + v.String())
		sep = ", "
	}
	b.WriteString(")")
	return b.String()
}

func (r *record) field(f *op.Field) (starlark.Value, error) {
	v := r.v.FieldByIndex(f.Index)
	if v.Kind() == reflect.Map && v.IsNil() {
		v = reflect.MakeMap(v.Type()) // an absent dict is an empty one
	}
	return value(v, r.conn)
}

func (r *record) Attr(name string) (starlark.Value, error) {
	if f := r.typ.Field(name); f != nil {
		return r.field(f)
	}
	if r.conn != nil {
		if o := r.conn.family().Methods(r.typ.Name)[name]; o != nil {
			return r.conn.method(o, r), nil
		}
		if name == "wait" && r.stateful() {
			return starlark.NewBuiltin("wait", r.wait), nil
		}
		if name == "deploy" && r.deployable() {
			return starlark.NewBuiltin("deploy", r.deploy), nil
		}
		if r.moves(name) {
			return r.mover(name), nil
		}
	}
	return nil, op.Errorf(op.InvalidArgument, "%s has no attribute %q%s", r.typ.Name, name, op.DidYouMean(name, r.AttrNames()))
}

func (r *record) AttrNames() []string {
	names := r.typ.Names()
	if r.conn != nil {
		for name := range r.conn.family().Methods(r.typ.Name) {
			names = append(names, name)
		}
		if r.stateful() {
			names = append(names, "wait")
		}
		if r.deployable() {
			names = append(names, "deploy")
		}
		for _, name := range movers[r.typ.Name] {
			if r.moves(name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// identity tells a thing of one provider from all other things, or is empty.
func (r *record) identity() string {
	id := r.typ.Identity(r.v)
	if id == "" || r.conn == nil {
		return ""
	}
	return r.conn.conn.Name + "\x00" + r.typ.Name + "\x00" + id
}

var seed = maphash.MakeSeed()

func (r *record) Hash() (uint32, error) {
	id := r.identity()
	if id == "" {
		return 0, fmt.Errorf("a %s without an id cannot be in a set or be a key", r.typ.Name)
	}
	return uint32(maphash.String(seed, id)), nil
}

// CompareSameType makes records of one thing equal, whenever they were read;
// records without an identity are equal when their fields are.
func (r *record) CompareSameType(op syntax.Token, y starlark.Value, depth int) (bool, error) {
	other := y.(*record)
	var equal bool
	switch {
	case r.typ != other.typ:
	case r.identity() != "" || other.identity() != "":
		equal = r.identity() == other.identity()
	default:
		equal = reflect.DeepEqual(r.Held(), other.Held())
	}
	switch op {
	case syntax.EQL:
		return equal, nil
	case syntax.NEQ:
		return !equal, nil
	}
	return false, fmt.Errorf("%s %s %s: records have no order; compare a field", r.typ.Name, op, other.typ.Name)
}

// label is the record in a message: `node "web-1"`.
func (r *record) label() string {
	for _, name := range []string{"name", "id"} {
		if f := r.typ.Field(name); f != nil {
			if v := r.v.FieldByIndex(f.Index); v.Kind() == reflect.String && v.Len() > 0 {
				return fmt.Sprintf("%s %q", r.typ.Name, v.String())
			}
		}
	}
	return r.typ.Name
}

// A secret prints as [redacted]; reveal() is the one way to it.
type secret op.Secret

func (s secret) String() string       { return op.Secret(s).String() }
func (s secret) Reveal() string       { return op.Secret(s).Reveal() }
func (s secret) Type() string         { return "secret" }
func (s secret) Freeze()              {}
func (s secret) Truth() starlark.Bool { return s != "" }
func (s secret) Hash() (uint32, error) {
	return 0, errors.New("a secret cannot be in a set or be a key")
}
func (s secret) AttrNames() []string { return []string{"reveal"} }

func (s secret) Attr(name string) (starlark.Value, error) {
	if name != "reveal" {
		return nil, nil
	}
	return starlark.NewBuiltin("reveal", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
			return nil, err
		}
		return starlark.String(s), nil
	}), nil
}

func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}
