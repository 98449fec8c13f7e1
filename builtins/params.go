package builtins

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/cloudlark/cloudlark/builtins/lib"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Param is an input that a script declares with params.
type Param struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"` // string, int, float, bool or list
	Default  any      `json:"default,omitempty"`
	Required bool     `json:"required"`
	Help     string   `json:"help,omitempty"`
	Choices  []string `json:"choices,omitempty"`
}

// param(default, type=, required=, help=, choices=) describes one input, for params.
type param struct {
	Param
	value starlark.Value
}

func (p *param) String() string        { return "<param>" }
func (p *param) Type() string          { return "param" }
func (p *param) Freeze()               {}
func (p *param) Truth() starlark.Bool  { return true }
func (p *param) Hash() (uint32, error) { return 0, errors.New("unhashable type: param") }

var paramTypes = []string{"string", "int", "float", "bool", "list"}

func newParam(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var def, typ starlark.Value
	var choices *starlark.List
	p := &param{}
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "default?", &def, "type?", &typ, "required?", &p.Required, "help?", &p.Help, "choices?", &choices); err != nil {
		return nil, err
	}
	switch typ := typ.(type) {
	case nil:
	case starlark.String:
		p.Param.Type = string(typ)
		if p.Param.Type == "str" {
			p.Param.Type = "string"
		}
		if !slices.Contains(paramTypes, p.Param.Type) {
			return nil, op.Errorf(op.InvalidArgument, "param: there is no type %q%s", p.Param.Type, op.DidYouMean(p.Param.Type, paramTypes))
		}
	case *starlark.Builtin: // str, int, float, bool, list
		p.Param.Type = typ.Name()
		if p.Param.Type == "str" {
			p.Param.Type = "string"
		}
	}
	if p.Param.Type != "" && !slices.Contains(paramTypes, p.Param.Type) || typ != nil && p.Param.Type == "" {
		return nil, op.Errorf(op.InvalidArgument, "param: a type is str, int, float, bool or list")
	}
	if choices != nil {
		for c := range starlark.Elements(choices) {
			s, ok := starlark.AsString(c)
			if !ok {
				return nil, op.Errorf(op.InvalidArgument, "param: choices are strings, not %s", c.Type())
			}
			p.Choices = append(p.Choices, s)
		}
	}
	if err := p.setDefault(def); err != nil {
		return nil, err
	}
	return p, nil
}

// setDefault takes a default, which also gives the type where none is given.
func (p *param) setDefault(v starlark.Value) error {
	p.value = starlark.None
	if v == nil || v == starlark.None {
		if p.Param.Type == "" {
			p.Param.Type = "string"
		}
		return nil
	}
	if p.Param.Type == "" {
		p.Param.Type = v.Type()
	}
	if !slices.Contains(paramTypes, p.Param.Type) {
		return op.Errorf(op.InvalidArgument, "param: a default is a string, a number, a bool or a list, not %s", v.Type())
	}
	d, err := ToGo(v)
	if err != nil {
		return op.Errorf(op.InvalidArgument, "param: default: %w", err)
	}
	p.Default, p.value = d, v
	return nil
}

// declaration is where a script's params come to, when only they are wanted.
type declaration struct{ params []Param }

func (d *declaration) Error() string { return "params" }

// params(name = default, name = param(…)) declares the script's inputs and
// returns their values as a struct.
func (r *run) params(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 0 {
		return nil, op.Errorf(op.InvalidArgument, "params takes names and defaults, as in params(region = \"eu\", count = 2)")
	}
	var names []string
	var all []*param
	var declared []Param
	for _, kv := range kwargs {
		name := string(kv[0].(starlark.String))
		p, ok := kv[1].(*param)
		if !ok {
			p = &param{}
			if err := p.setDefault(kv[1]); err != nil {
				return nil, op.Errorf(op.InvalidArgument, "params: %s: %s", name, op.AsError(err).Message)
			}
		}
		p.Name = name
		declared = append(declared, p.Param)
		names = append(names, name)
		all = append(all, p)
	}
	if r.declaring {
		return nil, &declaration{declared}
	}
	for given := range r.Params {
		if !slices.Contains(names, given) {
			return nil, op.Errorf(op.InvalidArgument, "the script has no parameter %q%s", given, op.DidYouMean(given, names))
		}
	}
	values := starlark.StringDict{}
	for _, p := range all {
		v, err := p.valueFrom(r.Params)
		if err != nil {
			return nil, err
		}
		values[p.Name] = v
	}
	return starlarkstruct.FromStringDict(starlark.String("params"), values), nil
}

// valueFrom is the parameter's value among those given. A string is read as the
// declared type, for what comes from a command line.
func (p *param) valueFrom(given map[string]any) (starlark.Value, error) {
	g, ok := given[p.Name]
	if !ok {
		if p.Required {
			return nil, op.Errorf(op.InvalidArgument, "parameter %q is missing%s", p.Name, helpText(p.Help))
		}
		return p.value, nil
	}
	if s, ok := g.(string); ok && p.Param.Type != "string" {
		read, err := p.read(s)
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "parameter %q: %s", p.Name, op.AsError(err).Message)
		}
		g = read
	}
	v, err := FromGo(g)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "parameter %q: %s", p.Name, op.AsError(err).Message)
	}
	if i, ok := v.(starlark.Int); ok && p.Param.Type == "float" {
		v = i.Float()
	}
	if v.Type() != p.Param.Type {
		return nil, op.Errorf(op.InvalidArgument, "parameter %q: want %s, got %s", p.Name, p.Param.Type, v.Type())
	}
	if s, ok := starlark.AsString(v); ok && p.Choices != nil && !slices.Contains(p.Choices, s) {
		return nil, op.Errorf(op.InvalidArgument, "parameter %q: there is no %q%s", p.Name, s, op.DidYouMean(s, p.Choices))
	}
	return v, nil
}

func helpText(help string) string {
	if help == "" {
		return ""
	}
	return " (" + help + ")"
}

// paramFields read text as the decoder of the table does.
type paramFields struct {
	Int   int64    `json:"int"`
	Float float64  `json:"float"`
	Bool  bool     `json:"bool"`
	List  []string `json:"list"`
}

func (p *param) read(text string) (any, error) {
	return op.TypeOf(reflect.TypeFor[paramFields]()).Field(p.Param.Type).Parse(text)
}

// Declared returns what the script declares with params. The script runs up to
// there with nothing granted and no cloud within reach.
func Declared(ctx context.Context, o Options) ([]Param, error) {
	o.Open = func(context.Context, *op.Family, string, map[string]any) (*drivers.Conn, error) {
		return nil, op.Errorf(op.PermissionDenied, "params comes first in a script: no cloud can be reached before it")
	}
	o.Grants, o.Stdout, o.Logger = lib.Grants{}, nil, nil
	r := newRun(ctx, o)
	r.declaring = true
	defer r.close()
	_, err := r.module(r.main, o.Path)
	if d, ok := errors.AsType[*declaration](err); ok {
		return d.params, nil
	}
	// A script without params ends, or fails where it begins to work: it declares nothing.
	if err == nil || op.KindOf(err) == op.PermissionDenied {
		return nil, nil
	}
	return nil, r.explain(r.main, err)
}
