package op

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Holder is a value that stands for a struct of some contract: a record as
// a script holds it. Where a field refers to such a value, the decoder takes its id.
type Holder interface {
	// Held returns a pointer to the struct.
	Held() any
}

// Decode makes a value of the type from named arguments: strings, numbers,
// bools, lists ([]any), dicts (map[string]any), times, streams and Holders.
// Units are converted, references to values become ids, defaults are filled in,
// and everything is checked. The error, of kind invalid_argument, names the
// argument and what may have been meant.
//
// receiver, if not nil, is the value whose method was called: it fills the
// first field that refers to it, and to what it is in.
func (t *Type) Decode(args map[string]any, receiver Holder) (any, error) {
	v := reflect.New(t.Go).Elem()
	if err := t.fill(v, args, ""); err != nil {
		return nil, err
	}
	if err := t.given(v, args, ""); err != nil {
		return nil, err
	}
	if receiver != nil {
		t.referTo(v, receiver, true)
	}
	for _, f := range t.Fields {
		if h, ok := args[f.Name].(Holder); ok {
			t.referTo(v, h, false)
		}
	}
	if err := t.complete(v); err != nil {
		return nil, err
	}
	return v.Interface(), nil
}

// Check reports what is wrong with one argument alone: its name, its type, or
// a value that an enumeration does not have. Configuration is checked with it
// key by key, before the rest is known.
func (t *Type) Check(name string, arg any) error {
	v := reflect.New(t.Go).Elem()
	if err := t.fill(v, map[string]any{name: arg}, ""); err != nil {
		return err
	}
	f := t.byName[name]
	if fv := v.FieldByIndex(f.Index); f.Enum != nil && !fv.IsZero() {
		return checkEnum(fv, f.Enum, name)
	}
	return nil
}

// referTo fills the empty fields that refer to what h is in, and if itself is
// set, those that refer to h.
func (t *Type) referTo(v reflect.Value, h Holder, itself bool) {
	hv := reflect.ValueOf(h.Held()).Elem()
	ht := TypeOf(hv.Type())
	var seen []string
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Ref == "" || f.Go.Kind() != reflect.String || slices.Contains(seen, f.Ref) {
			continue
		}
		seen = append(seen, f.Ref)
		if !itself && f.Ref == ht.Name {
			continue // it stands where the caller put it
		}
		if fv := v.FieldByIndex(f.Index); fv.IsZero() {
			if id, ok := ht.refer(hv, f.Ref); ok {
				fv.SetString(id)
			}
		}
	}
}

// Complete fills in the defaults of in, a struct of the type, and checks it;
// it returns the completed copy.
func (t *Type) Complete(in any) (any, error) {
	v := reflect.New(t.Go).Elem()
	v.Set(reflect.ValueOf(in))
	if err := t.complete(v); err != nil {
		return nil, err
	}
	return v.Interface(), nil
}

func (t *Type) complete(v reflect.Value) error {
	for i := range t.Fields {
		f := &t.Fields[i]
		fv := v.FieldByIndex(f.Index)
		if err := completeNested(fv, f.Name); err != nil {
			return err
		}
		if fv.IsZero() {
			switch {
			case f.Required && !f.Zero:
				return Errorf(InvalidArgument, "argument %q is missing", f.Name)
			case f.Default != "":
				d, err := f.Parse(f.Default)
				if err == nil {
					err = f.set(fv, d, f.Name)
				}
				if err != nil {
					return err
				}
			}
			continue
		}
		if f.Enum != nil {
			if err := checkEnum(fv, f.Enum, f.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// completeNested completes the structs in a field, in copies: the caller's stay as they are.
func completeNested(v reflect.Value, path string) error {
	switch {
	case v.Kind() == reflect.Struct && v.Type() != timeType:
		if err := TypeOf(v.Type()).complete(v); err != nil {
			return Errorf(InvalidArgument, "%s: %w", path, asMessage(err))
		}
	case v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct && !v.IsNil():
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(v.Elem())
		v.Set(p)
		return completeNested(p.Elem(), path)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct && v.Len() > 0:
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(s, v)
		v.Set(s)
		for i := range s.Len() {
			if err := completeNested(s.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkEnum(v reflect.Value, enum []string, name string) error {
	switch v.Kind() {
	case reflect.Pointer:
		return checkEnum(v.Elem(), enum, name)
	case reflect.Slice:
		for i := range v.Len() {
			if err := checkEnum(v.Index(i), enum, name); err != nil {
				return err
			}
		}
	default:
		if s := v.String(); !slices.Contains(enum, s) {
			return Errorf(InvalidArgument, "%s: there is no %q%s", name, s, DidYouMean(s, enum))
		}
	}
	return nil
}

func (t *Type) fill(v reflect.Value, args map[string]any, path string) error {
	for name, arg := range args {
		f := t.byName[name]
		if f == nil && t.rest != nil {
			continue
		}
		if f == nil {
			return t.unknown(name, path)
		}
		if arg == nil {
			continue
		}
		if err := f.set(v.FieldByIndex(f.Index), arg, path+name); err != nil {
			return err
		}
	}
	if t.rest == nil {
		return nil
	}
	rest := map[string]any{}
	for name, arg := range args {
		if t.byName[name] == nil {
			rest[name] = arg
		}
	}
	if len(rest) == 0 {
		return nil
	}
	// The field itself may have been given too.
	all := v.FieldByIndex(t.rest.Index)
	for _, k := range all.MapKeys() {
		if _, twice := rest[k.String()]; twice {
			return Errorf(InvalidArgument, "argument %q was given twice", path+k.String())
		}
		rest[k.String()] = all.MapIndex(k).Interface()
	}
	return t.rest.set(all, rest, path+t.rest.Name)
}

// given checks what can be told here alone, and not of a struct: that a required
// argument whose zero is a value was left out, and that 0 was given where it would
// be taken for nothing, and so for the default.
func (t *Type) given(v reflect.Value, args map[string]any, path string) error {
	for i := range t.Fields {
		f := &t.Fields[i]
		arg := args[f.Name]
		switch {
		case arg == nil && f.Required && f.Zero:
			return Errorf(InvalidArgument, "argument %q is missing", path+f.Name)
		case arg != nil && f.Default != "":
			if fv := v.FieldByIndex(f.Index); (fv.CanInt() || fv.CanFloat()) && fv.IsZero() {
				return Errorf(InvalidArgument, "%s: it cannot be 0; left out, it is %s", path+f.Name, f.Default)
			}
		}
	}
	return nil
}

func (t *Type) unknown(name, path string) error {
	return Errorf(InvalidArgument, "there is no argument %q%s", path+name, DidYouMean(name, t.Names()))
}

func (f *Field) set(v reflect.Value, arg any, path string) error {
	return set(v, arg, f.Ref, f.Unit, path)
}

func set(v reflect.Value, arg any, ref, unit, path string) error {
	wrong := func() error {
		return Errorf(InvalidArgument, "%s: want %s, got %s", path, typeName(v.Type(), ref, unit), argName(arg))
	}
	switch v.Type() {
	case readerType:
		switch a := arg.(type) {
		case io.Reader:
			v.Set(reflect.ValueOf(a))
		case string:
			v.Set(reflect.ValueOf(io.Reader(strings.NewReader(a))))
		case []byte:
			v.Set(reflect.ValueOf(io.Reader(bytes.NewReader(a))))
		default:
			return wrong()
		}
		return nil
	case timeType:
		switch a := arg.(type) {
		case time.Time:
			v.Set(reflect.ValueOf(a))
			return nil
		case string:
			if at, err := time.Parse(time.RFC3339, a); err == nil {
				v.Set(reflect.ValueOf(at))
				return nil
			}
		}
		return wrong()
	}
	if h, ok := arg.(Holder); ok {
		return setHeld(v, h, ref, path, wrong)
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if err := set(p.Elem(), arg, ref, unit, path); err != nil {
			return err
		}
		v.Set(p)
		return nil
	case reflect.Interface:
		v.Set(reflect.ValueOf(arg))
		return nil
	case reflect.String:
		switch a := arg.(type) {
		case string:
			v.SetString(a)
			return nil
		case Secret:
			if v.Type() != secretType {
				return Errorf(InvalidArgument, "%s: a secret may not stand in a field that is not secret", path)
			}
			v.SetString(a.Reveal())
			return nil
		}
		return wrong()
	case reflect.Bool:
		if b, ok := arg.(bool); ok {
			v.SetBool(b)
			return nil
		}
		return wrong()
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, ok := number(arg)
		if s, isString := arg.(string); isString && unit != "" {
			u, err := ParseUnit(s, unit)
			if err != nil {
				return Errorf(InvalidArgument, "%s: %w", path, err)
			}
			n, ok = u, true
		}
		if !ok {
			return wrong()
		}
		if v.OverflowInt(n) {
			return Errorf(InvalidArgument, "%s: %d is out of range", path, n)
		}
		v.SetInt(n)
		return nil
	case reflect.Float32, reflect.Float64:
		if x, ok := arg.(float64); ok {
			v.SetFloat(x)
			return nil
		}
		if n, ok := number(arg); ok {
			v.SetFloat(float64(n))
			return nil
		}
		if n, ok := arg.(json.Number); ok {
			if x, err := n.Float64(); err == nil {
				v.SetFloat(x)
				return nil
			}
		}
		return wrong()
	case reflect.Slice:
		if b, ok := arg.([]byte); ok && v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(b)
			return nil
		}
		list, ok := arg.([]any)
		if !ok {
			return wrong()
		}
		s := reflect.MakeSlice(v.Type(), len(list), len(list))
		for i, a := range list {
			if err := set(s.Index(i), a, ref, unit, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		v.Set(s)
		return nil
	case reflect.Map:
		dict, ok := arg.(map[string]any)
		if !ok {
			return wrong()
		}
		m := reflect.MakeMapWithSize(v.Type(), len(dict))
		for k, a := range dict {
			e := reflect.New(v.Type().Elem()).Elem()
			if a != nil {
				if err := set(e, a, ref, unit, fmt.Sprintf("%s[%q]", path, k)); err != nil {
					return err
				}
			}
			m.SetMapIndex(reflect.ValueOf(k), e)
		}
		v.Set(m)
		return nil
	case reflect.Struct:
		dict, ok := arg.(map[string]any)
		if !ok {
			return wrong()
		}
		t := TypeOf(v.Type())
		if err := t.fill(v, dict, path+"."); err != nil {
			return err
		}
		return t.given(v, dict, path+".")
	}
	return wrong()
}

// setHeld puts a value of a contract into a field: its id where the field
// refers to such values, the value itself where the field is of its type.
func setHeld(v reflect.Value, h Holder, ref, path string, wrong func() error) error {
	held := reflect.ValueOf(h.Held()).Elem()
	t := TypeOf(held.Type())
	switch {
	case v.Kind() == reflect.String && ref != "":
		if id, ok := t.refer(held, ref); ok {
			v.SetString(id)
			return nil
		}
	case v.Kind() == reflect.Struct && v.Type() == held.Type():
		v.Set(held)
		return nil
	case v.Kind() == reflect.Pointer && v.Type().Elem() == held.Type():
		v.Set(held.Addr())
		return nil
	case v.Kind() == reflect.Interface && v.NumMethod() == 0:
		v.Set(held)
		return nil
	}
	return wrong()
}

// asMessage is err without its kind, for a message that says the kind itself.
func asMessage(err error) error {
	e := AsError(err)
	return fmt.Errorf("%s", e.Message)
}

func number(arg any) (int64, bool) {
	switch a := arg.(type) {
	case int:
		return int64(a), true
	case int64:
		return a, true
	case float64:
		if a == math.Trunc(a) && math.Abs(a) < 1<<53 {
			return int64(a), true
		}
	case json.Number:
		n, err := a.Int64()
		return n, err == nil
	}
	return 0, false
}

// argName is what an argument is, in a script's words.
func argName(arg any) string {
	switch a := arg.(type) {
	case string:
		if len(a) > 40 {
			a = a[:40] + "…"
		}
		return strconv.Quote(a)
	case Secret:
		return "secret"
	case bool, int, int64, float64:
		return fmt.Sprint(a)
	case []any:
		return "list"
	case []byte:
		return "bytes"
	case map[string]any:
		return "dict"
	case io.Reader:
		return "stream"
	case Holder:
		return TypeOf(reflect.TypeOf(a.Held())).Name
	}
	return fmt.Sprintf("%T", arg)
}

// Parse reads a field's value from text: a flag, an environment variable, a
// default. Lists are separated by commas, dicts are key=value pairs so
// separated; structs and lists of structs are JSON.
func (f *Field) Parse(text string) (any, error) { return parse(f.Go, f.Unit, text) }

func parse(t reflect.Type, unit, text string) (any, error) {
	bad := func(want string) error { return Errorf(InvalidArgument, "%q is not %s", text, want) }
	switch t.Kind() {
	case reflect.Pointer:
		return parse(t.Elem(), unit, text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, bad("true or false")
		}
		return b, nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
		if unit != "" {
			n, err := ParseUnit(text, unit)
			if err != nil {
				return nil, Errorf(InvalidArgument, "%w", err)
			}
			return n, nil
		}
		return nil, bad("an integer")
	case reflect.Float32, reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, bad("a number")
		}
		return x, nil
	case reflect.Slice, reflect.Map, reflect.Struct:
		if t == timeType {
			return text, nil
		}
		if strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{") {
			var v any
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				return nil, bad("JSON: " + err.Error())
			}
			return v, nil
		}
		if t.Kind() == reflect.Struct {
			return nil, bad("a JSON object")
		}
		if t.Kind() == reflect.Map {
			m := map[string]any{}
			for pair := range splitList(text) {
				k, v, ok := strings.Cut(pair, "=")
				if !ok {
					return nil, bad("a list of key=value")
				}
				m[strings.TrimSpace(k)] = v
			}
			return m, nil
		}
		if t.Elem().Kind() == reflect.Uint8 {
			return []byte(text), nil
		}
		list := []any{}
		for s := range splitList(text) {
			v, err := parse(t.Elem(), unit, strings.TrimSpace(s))
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	return text, nil
}

// splitList yields the parts of a list in text; nothing is a list of none.
func splitList(text string) iter.Seq[string] {
	if text == "" {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(text, ",")
}

var byteUnits = map[string]float64{"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "pb": 1e15,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "pib": 1 << 50,
	"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}

// ParseUnit reads "5m", "1h30m", "7d" (unit s) or "64MiB", "10GB" (units
// bytes, MiB, GiB) as a whole number of the unit.
func ParseUnit(text, unit string) (int64, error) {
	var amount, one float64
	switch unit {
	case "s":
		d, err := ParseDuration(text)
		if err != nil {
			return 0, err
		}
		amount, one = float64(d), float64(time.Second)
	case "bytes", "MiB", "GiB":
		s := strings.TrimSpace(text)
		i := strings.LastIndexAny(s, "0123456789.") + 1
		n, err := strconv.ParseFloat(s[:i], 64)
		factor, ok := byteUnits[strings.ToLower(strings.TrimSpace(s[i:]))]
		if err != nil || !ok {
			return 0, fmt.Errorf("%q is not a size like \"64MiB\"", text)
		}
		amount, one = n*factor, byteUnits[strings.ToLower(strings.TrimSuffix(unit, "ytes"))]
	default:
		return 0, fmt.Errorf("%q is not a number of %s", text, unit)
	}
	n := amount / one
	if n != math.Trunc(n) || math.Abs(n) >= 1<<53 {
		return 0, fmt.Errorf("%q is not a whole number of %s", text, unit)
	}
	return int64(n), nil
}

// ParseDuration is time.ParseDuration with days ("7d", "1d12h") and weeks ("2w").
// A sign at the front is that of the whole.
func ParseDuration(text string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a duration like \"5m\" or \"7d\"", text)
	rest, negative := strings.CutPrefix(strings.TrimSpace(text), "-")
	var total time.Duration
	for _, u := range []struct {
		suffix string
		d      time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		before, after, ok := strings.Cut(rest, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(before, 64)
		if err != nil || strings.Trim(before, "0123456789.") != "" || n*float64(u.d) >= math.MaxInt64 {
			return 0, bad
		}
		if total += time.Duration(n * float64(u.d)); after == "" {
			after = "0s"
		}
		rest = after
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || total+d < total {
		return 0, bad
	}
	if total += d; negative {
		total = -total
	}
	return total, nil
}

// Or is what p points to, or what is taken where nothing was given.
func Or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// Extra decodes the argument extra of an operation into the struct that a driver
// says it takes there; a name that is not E's is an error.
func Extra[E any](extra map[string]any) (E, error) {
	v, err := TypeOf(reflect.TypeFor[E]()).Decode(extra, nil)
	if err != nil {
		return *new(E), Errorf(InvalidArgument, "extra: %s", AsError(err).Message)
	}
	return v.(E), nil
}
