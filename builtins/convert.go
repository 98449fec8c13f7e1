package builtins

import (
	"fmt"
	"math/big"
	"reflect"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// maxDepth is how deep a value may be that goes from a script to Go.
const maxDepth = 64

// maxValues is how many values may be in one, each as often as it is there: what
// is shared in a script is not in Go.
const maxValues = 4 << 20

// ToGo returns a script's value in Go: nil, bool, int64 (or *big.Int), float64,
// string, []byte, []any, map[string]any, time.Time, time.Duration, drivers.Secret,
// a contract's struct for a record. A function has no such value.
func ToGo(v starlark.Value) (any, error) {
	a, err := argument(v)
	if err != nil {
		return nil, err
	}
	return unhold(a), nil
}

// unhold puts the structs in place of the records that hold them.
func unhold(a any) any {
	switch a := a.(type) {
	case op.Holder:
		return reflect.ValueOf(a.Held()).Elem().Interface()
	case []any:
		for i := range a {
			a[i] = unhold(a[i])
		}
	case map[string]any:
		for k := range a {
			a[k] = unhold(a[k])
		}
	}
	return a
}

// argument is a script's value as the decoder takes it: records and streams stay
// what they are.
func argument(v starlark.Value) (any, error) {
	c := converter{left: maxValues}
	return c.argument(v, 0)
}

type converter struct{ left int }

func (c *converter) argument(v starlark.Value, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("the value is more than %d levels deep", maxDepth)
	}
	if c.left--; c.left < 0 {
		return nil, fmt.Errorf("the value holds more than %d values", maxValues)
	}
	switch v := v.(type) {
	case starlark.NoneType:
		return nil, nil
	case starlark.Bool:
		return bool(v), nil
	case starlark.Int:
		if i, ok := v.Int64(); ok {
			return i, nil
		}
		return v.BigInt(), nil
	case starlark.Float:
		return float64(v), nil
	case starlark.String:
		return string(v), nil
	case starlark.Bytes:
		return []byte(v), nil
	case *record:
		return v, nil
	case secret:
		return drivers.Secret(v), nil
	case startime.Time:
		return time.Time(v), nil
	case startime.Duration:
		return time.Duration(v), nil
	case *starlarkstruct.Struct:
		m := make(map[string]any)
		for _, name := range v.AttrNames() {
			field, err := v.Attr(name)
			if err == nil {
				m[name], err = c.argument(field, depth+1)
			}
			if err != nil {
				return nil, err
			}
		}
		return m, nil
	case starlark.IterableMapping:
		m := make(map[string]any)
		for _, item := range v.Items() {
			k, ok := starlark.AsString(item[0])
			if !ok {
				return nil, fmt.Errorf("a dict's keys must be strings here, not %s", item[0].Type())
			}
			a, err := c.argument(item[1], depth+1)
			if err != nil {
				return nil, err
			}
			m[k] = a
		}
		return m, nil
	case interface {
		starlark.Value
		Read([]byte) (int, error)
	}:
		return v, nil
	case *list:
		if err := v.all(); err != nil {
			return nil, err
		}
		return c.arguments(v, depth)
	case starlark.Iterable:
		return c.arguments(v, depth)
	case starlark.Callable:
		return nil, fmt.Errorf("a function cannot be passed here")
	}
	return nil, fmt.Errorf("a %s cannot be passed here", v.Type())
}

func (c *converter) arguments(v starlark.Iterable, depth int) ([]any, error) {
	all := []any{}
	for e := range starlark.Elements(v) {
		a, err := c.argument(e, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

var timeType = reflect.TypeFor[time.Time]()

// FromGo returns a Go value as scripts see it.
func FromGo(v any) (starlark.Value, error) {
	if v, ok := v.(starlark.Value); ok {
		return v, nil
	}
	return value(reflect.ValueOf(v), nil)
}

// value is a Go value as scripts see it; records have their methods from conn.
func value(v reflect.Value, conn *connection) (starlark.Value, error) {
	if !v.IsValid() {
		return starlark.None, nil
	}
	if v.Kind() == reflect.Struct && v.Type() != timeType {
		if whole := op.TypeOf(v.Type()).Whole(); whole != nil {
			return value(v.FieldByIndex(whole.Index), conn)
		}
		return newRecord(v, conn), nil
	}
	switch x := v.Interface().(type) {
	case starlark.Value: // a stream
		return x, nil
	case time.Time:
		if x.IsZero() {
			return starlark.None, nil
		}
		return startime.Time(x), nil
	case time.Duration:
		return startime.Duration(x), nil
	case drivers.Secret:
		if x == "" {
			return starlark.None, nil
		}
		return secret(x), nil
	case []byte:
		return starlark.Bytes(x), nil
	case *big.Int:
		if x == nil {
			return starlark.None, nil
		}
		return starlark.MakeBigInt(x), nil
	}
	switch v.Kind() {
	case reflect.Bool:
		return starlark.Bool(v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return starlark.MakeInt64(v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return starlark.MakeUint64(v.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return starlark.Float(v.Float()), nil
	case reflect.String:
		return starlark.String(v.String()), nil
	case reflect.Interface:
		if x, ok := v.Interface().(starlark.Value); ok {
			return x, nil
		}
		return value(v.Elem(), conn)
	case reflect.Pointer:
		if v.IsNil() {
			return starlark.None, nil
		}
		return value(v.Elem(), conn)
	case reflect.Slice, reflect.Array:
		elems := make([]starlark.Value, v.Len())
		for i := range elems {
			e, err := value(v.Index(i), conn)
			if err != nil {
				return nil, err
			}
			elems[i] = e
		}
		l := starlark.NewList(elems)
		if conn != nil {
			l.Freeze()
		}
		return l, nil
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			break
		}
		d := starlark.NewDict(v.Len())
		for _, k := range sortedKeys(v) {
			e, err := value(v.MapIndex(k), conn)
			if err != nil {
				return nil, err
			}
			if err := d.SetKey(starlark.String(k.String()), e); err != nil {
				return nil, err
			}
		}
		if conn != nil {
			d.Freeze()
		}
		return d, nil
	}
	return nil, op.Errorf(op.Internal, "a %s is nothing that scripts know", v.Type())
}
