package check

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// attribute checks x.name where it is read, not called.
func (c *checker) attribute(e *syntax.DotExpr, x value) value {
	name := e.Name.Name
	switch x := x.(type) {
	case familyValue:
		if name != "driver" && !slices.Contains(movers(x.f, ""), name) {
			hint := op.DidYouMean(name, append(movers(x.f, ""), "driver"))
			if _, err := x.f.Lookup(name); err == nil {
				hint = fmt.Sprintf(": open a driver first, as in cloud = %s.driver(\"sim\")", x.f.Name)
			}
			c.problem(e.Name, "%s has no attribute %q%s", x.f.Name, name, hint)
		}
	case connectionValue:
		if slices.Contains([]string{"name", "provider", "operations"}, name) || deploysNode(x.f, name) {
			return nil
		}
		o, err := x.f.Lookup(name)
		if err != nil {
			c.problem(e.Name, "%s", op.AsError(err).Message)
		} else {
			c.offered(e.Name, x.p, o)
		}
	case recordValue:
		if f := x.t.Field(name); f != nil {
			return fieldValue(x, f)
		}
		if o, ok := x.method(name); o != nil {
			c.offered(e.Name, x.p, o)
		} else if !ok {
			names := x.t.Names()
			for m := range x.f.Methods(x.t.Name) {
				names = append(names, m)
			}
			c.problem(e.Name, "%s has no attribute %q%s", x.t.Name, name, op.DidYouMean(name, names))
		}
	case listValue:
		c.listAttribute(e.Name, x)
	case paramsValue:
		if !slices.Contains(*x.names, name) {
			c.problem(e.Name, "the script declares no parameter %q%s", name, op.DidYouMean(name, *x.names))
		}
	}
	return nil
}

// offered checks that a provider has an operation, if it is known which one it is.
func (c *checker) offered(n syntax.Node, p *drivers.Provider, o *op.Op) {
	if p != nil && !p.Offers(o) && !c.attempting {
		c.problem(n, "%s does not have %s", p.Title, o.Name)
	}
}

// listAttribute checks l.name, where l is a list of records: often one of them is meant.
func (c *checker) listAttribute(name *syntax.Ident, l listValue) {
	if !l.lazy && slices.Contains((*starlark.List)(nil).AttrNames(), name.Name) {
		return
	}
	hint := ""
	if _, ok := l.of.method(name.Name); ok || l.of.t.Field(name.Name) != nil {
		hint = fmt.Sprintf("; its items have: [x.%s for x in …]", name.Name)
	}
	c.problem(name, "a list of %s has no attribute %q%s", l.of.t.Name, name.Name, hint)
}

// fieldValue is what a record's field holds, if that is a struct or structs.
func fieldValue(x recordValue, f *op.Field) value {
	t := f.Go
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct {
		return listValue{recordValue{x.f, op.TypeOf(t.Elem()), x.p}, false}
	}
	if t.Kind() == reflect.Struct && f.TypeName() != "time" {
		return recordValue{x.f, op.TypeOf(t), x.p}
	}
	return nil
}

// deploysNode reports whether the name is deploy_node, which is create_node and the
// node's deploy in one.
func deploysNode(f *op.Family, name string) bool { return f.Name == "compute" && name == "deploy_node" }

// deploys reports whether the name is a node's deploy.
func (x recordValue) deploys(name string) bool {
	return name == "deploy" && x.f.Name == "compute" && x.t.Name == "node"
}

// movers are the names of what moves objects: methods of a type, or the family's own.
func movers(f *op.Family, typ string) []string {
	if f.Name != "storage" {
		return nil
	}
	return map[string][]string{"": {"copy", "sync"}, "bucket": {"copy_to", "download", "sync", "upload"}, "object": {"copy_to", "download", "lines"}}[typ]
}

// method is the operation that is a record's method; nil for wait and deploy.
func (x recordValue) method(name string) (*op.Op, bool) {
	methods := x.f.Methods(x.t.Name)
	if o := methods[name]; o != nil {
		return o, true
	}
	return nil, x.deploys(name) || slices.Contains(movers(x.f, x.t.Name), name) || name == "wait" && methods["refresh"] != nil && x.t.Field("state") != nil
}

// call checks a call and returns what it answers with.
func (c *checker) call(e *syntax.CallExpr, env *scope) value {
	if id, ok := e.Fn.(*syntax.Ident); ok {
		return c.builtin(id, e, env)
	}
	dot, ok := e.Fn.(*syntax.DotExpr)
	if !ok {
		c.expr(e.Fn, env)
		c.arguments(e.Args, env)
		return nil
	}
	x := c.expr(dot.X, env)
	c.attribute(dot, x)
	args := c.arguments(e.Args, env)
	if r, ok := x.(recordValue); ok && r.t.Field(dot.Name.Name) != nil {
		c.problem(dot.Name, "%s of a %s is no method: write it without the parentheses", dot.Name.Name, r.t.Name)
		return nil
	}
	return c.operation(dot, x, args, e)
}

// An argument is one of a call, and what its value is known to be.
type argument struct {
	syntax.Expr
	key *syntax.Ident // nil for one without a name
	v   syntax.Expr
	is  value
}

// any reports whether the argument stands for others: *args, **kwargs.
func (a argument) any() bool {
	u, ok := a.Expr.(*syntax.UnaryExpr)
	return ok && (u.Op == syntax.STAR || u.Op == syntax.STARSTAR)
}

// goValue is the argument as the decoder takes it: what is written literally, or
// a record of which only the type is known. For anything else it is nil, which
// the decoder takes for not given.
func (a argument) goValue() any {
	if v, known := literal(a.v); known {
		return v
	}
	switch is := a.is.(type) {
	case recordValue:
		return held{is.t}
	case listValue:
		return []any{held{is.of.t}}
	}
	return nil
}

// held is some record of a type.
type held struct{ t *op.Type }

func (h held) Held() any { return reflect.New(h.t.Go).Interface() }

// operation checks the arguments of what a connection or a record is asked to do.
func (c *checker) operation(dot *syntax.DotExpr, x value, args []argument, at syntax.Node) value {
	name := dot.Name.Name
	switch x := x.(type) {
	case familyValue:
		if name == "driver" {
			return c.driver(x.f, args)
		}
	case connectionValue:
		if deploysNode(x.f, name) {
			c.deployNode(x, args, at)
			return nil
		}
		if o, err := x.f.Lookup(name); err == nil {
			c.input(o, nil, args, at)
			return answer(x.f, x.p, o)
		}
	case recordValue:
		o, ok := x.method(name)
		if o != nil {
			c.input(o, x.t, args, at)
			return answer(x.f, x.p, o)
		}
		if ok && (x.deploys(name) || slices.Contains(movers(x.f, x.t.Name), name)) {
			return nil
		}
		if ok {
			c.wait(x, args)
			return x
		}
	}
	return nil
}

// deployNode checks what deploy_node hands on to create_node.
func (c *checker) deployNode(x connectionValue, args []argument, at syntax.Node) {
	create, err := x.f.Lookup("create_node")
	if err != nil {
		return
	}
	own := func(a argument) bool { return a.key != nil && (a.key.Name == "deploy" || a.key.Name == "keep") }
	if !slices.ContainsFunc(args, func(a argument) bool { return a.any() || a.key != nil && a.key.Name == "deploy" }) {
		c.problem(at, "deploy_node: argument \"deploy\" is missing")
	}
	c.input(create, nil, slices.DeleteFunc(slices.Clone(args), own), at)
}

func (c *checker) arguments(args []syntax.Expr, env *scope) []argument {
	var all []argument
	for _, a := range args {
		key, v, named := keyword(a)
		if !named {
			v = a
		}
		all = append(all, argument{a, key, v, c.expr(v, env)})
	}
	return all
}

// builtin checks a call of a function by name, as far as it hands values on.
func (c *checker) builtin(id *syntax.Ident, e *syntax.CallExpr, env *scope) value {
	v := c.expr(id, env)
	_, own := env.lookup(id.Name)
	if !own && id.Name == "attempt" && len(e.Args) > 0 {
		// attempt(cloud.get_node, "n-1") is cloud.get_node("n-1")
		if dot, ok := e.Args[0].(*syntax.DotExpr); ok {
			x := c.expr(dot.X, env)
			c.attempting = true // whoever asks so may ask for what is not there
			c.attribute(dot, x)
			c.attempting = false
			c.operation(dot, x, c.arguments(e.Args[1:], env), e)
			return nil
		}
	}
	args := c.arguments(e.Args, env)
	if f, ok := v.(functionValue); ok {
		c.ownCall(f.def, args, e)
	}
	if own {
		return nil
	}
	switch id.Name {
	case "list", "sorted", "reversed":
		if len(args) > 0 {
			if l, ok := args[0].is.(listValue); ok {
				l.lazy = false
				return l
			}
		}
	case "params":
		return declared(args)
	}
	return nil
}

// declared is what params(…) returns, if all that it declares is written there.
func declared(args []argument) value {
	names := []string{}
	for _, a := range args {
		if a.key == nil {
			return nil
		}
		names = append(names, a.key.Name)
	}
	return paramsValue{&names}
}

// ownCall checks the call of a function of the script's own.
func (c *checker) ownCall(f *function, args []argument, at syntax.Node) {
	given, some := map[string]bool{}, false
	positional := 0
	for _, a := range args {
		switch {
		case a.any():
			some = true
		case a.key == nil:
			if positional >= f.ordered {
				if !f.args && !some {
					c.problem(a, "%s takes %s", f.name, arguments(f.params[:f.ordered]))
					return
				}
				continue
			}
			given[f.params[positional]] = true
			positional++
		case !slices.Contains(f.params, a.key.Name):
			if !f.kwargs {
				c.problem(a.key, "%s: there is no argument %q%s", f.name, a.key.Name, op.DidYouMean(a.key.Name, f.params))
				some = true // it may be the one that is missing
			}
		case given[a.key.Name]:
			c.problem(a.key, "%s: argument %q was given twice", f.name, a.key.Name)
		default:
			given[a.key.Name] = true
		}
	}
	for _, p := range f.params {
		if f.required[p] && !given[p] && !some {
			c.problem(at, "%s: argument %q is missing", f.name, p)
		}
	}
}

// arguments lists names in words.
func arguments(names []string) string {
	switch len(names) {
	case 0:
		return "no arguments"
	case 1:
		return "1 argument: " + names[0]
	}
	return fmt.Sprintf("%d arguments: %s", len(names), strings.Join(names, ", "))
}

// driver checks compute.driver("name", key = …).
func (c *checker) driver(f *op.Family, args []argument) value {
	conn := connectionValue{f: f}
	if len(args) == 0 {
		return conn
	}
	name, known := literal(args[0].v)
	if s, ok := name.(string); ok && known {
		for _, p := range c.Providers {
			if p.Family == f && p.Name == s {
				conn.p = p
			}
		}
	}
	if conn.p == nil {
		return conn // a connection of the configuration, perhaps
	}
	for _, a := range args[1:] {
		if a.key != nil {
			c.refused(a.key, conn.p.Config.Check(a.key.Name, a.goValue()), "%s: %s", conn.p.Name)
		}
	}
	return conn
}

// refused makes a problem of an error of the decoder.
func (c *checker) refused(n syntax.Node, err error, format, name string) {
	if err != nil {
		c.problem(n, format, name, op.AsError(err).Message)
	}
}

// input checks an operation's arguments against its row.
func (c *checker) input(o *op.Op, receiver *op.Type, args []argument, at syntax.Node) {
	in := o.In()
	filled := map[string]bool{}
	if receiver != nil {
		filled = fills(o, receiver)
	}
	var open []string // for arguments without a name
	for _, f := range in.Fields {
		if !filled[f.Name] {
			open = append(open, f.Name)
		}
	}
	given, unknown := map[string]bool{}, false
	positional := 0
	for _, a := range args {
		if a.any() {
			unknown = true
			continue
		}
		var name string
		var where syntax.Node = a
		if a.key != nil {
			name, where = a.key.Name, a.key
			if waits(o, receiver) && (name == "wait" || name == "timeout") {
				continue
			}
		} else {
			if positional >= len(open) {
				if !unknown {
					c.problem(a, "%s takes %s", o.Name, arguments(open))
				}
				return
			}
			name = open[positional]
			positional++
		}
		if given[name] {
			c.problem(where, "%s: argument %q was given twice", o.Name, name)
		}
		given[name] = true
		if in.Field(name) == nil && in.Rest() != nil {
			continue
		}
		c.refused(where, in.Check(name, a.goValue()), "%s: %s", o.Name)
		// A misspelt argument may be the one that is missing.
		unknown = unknown || in.Field(name) == nil
	}
	for _, f := range in.Fields {
		if f.Required && !given[f.Name] && !filled[f.Name] && !unknown && !scoped(o, f, given) {
			c.problem(at, "%s: argument %q is missing", o.Name, f.Name)
		}
	}
}

// scoped reports whether a missing field may be filled from a value that is
// given for another: the bucket from an object.
func scoped(o *op.Op, missing op.Field, given map[string]bool) bool {
	for _, f := range o.In().Fields {
		if !given[f.Name] || f.Ref == "" || missing.Ref == "" {
			continue
		}
		for _, other := range o.Family.Ops {
			t := other.Out()
			if t != nil && t.Name == f.Ref && slices.ContainsFunc(t.Fields, func(g op.Field) bool { return g.Scope && g.Ref == missing.Ref }) {
				return true
			}
		}
	}
	return false
}

// fills lists the fields of an operation's input that its receiver fills.
func fills(o *op.Op, t *op.Type) map[string]bool {
	filled, seen := map[string]bool{}, map[string]bool{}
	for _, f := range o.In().Fields {
		if f.Ref == "" || seen[f.Ref] || f.Go.Kind() != reflect.String {
			continue
		}
		seen[f.Ref] = true
		filled[f.Name] = f.Ref == t.Name || slices.ContainsFunc(t.Fields, func(g op.Field) bool { return g.Scope && g.Ref == f.Ref })
	}
	return filled
}

func waits(o *op.Op, receiver *op.Type) bool {
	return receiver != nil && o.Effect == op.Deletes && o.Family.Methods(receiver.Name)["refresh"] != nil
}

// wait checks the arguments of a value's wait.
func (c *checker) wait(x recordValue, args []argument) {
	for i, a := range args {
		named := a.key != nil
		field := "state"
		if named && a.key.Name != "timeout" {
			field = a.key.Name
		}
		if fields := x.t.Waitable(); !slices.Contains(fields, field) {
			c.problem(a.key, "wait: there is no argument %q%s", field, op.DidYouMean(field, append(fields, "timeout")))
			continue
		}
		arg, known := literal(a.v)
		if !known {
			continue
		}
		if named && a.key.Name == "timeout" || !named && i == 1 {
			if s, ok := arg.(string); ok {
				if _, err := op.ParseDuration(s); err != nil {
					c.problem(a.v, "wait: timeout: %v", err)
				}
			}
			continue
		}
		states := x.t.Field(field).Enum
		list, many := arg.([]any)
		if !many {
			list = []any{arg}
		}
		for _, s := range list {
			if s, ok := s.(string); ok && states != nil && !slices.Contains(states, s) {
				c.problem(a.v, "wait: a %s has no %s %q%s", x.t.Name, field, s, op.DidYouMean(s, states))
			}
		}
	}
}

// answer is what an operation's call is.
func answer(f *op.Family, p *drivers.Provider, o *op.Op) value {
	if o.Out() == nil || o.Out().Whole() != nil {
		return nil
	}
	r := recordValue{f, o.Out(), p}
	if o.Many() {
		return listValue{r, o.Shape == op.ShapeList || o.Shape == op.ShapeStream}
	}
	return r
}

func keyword(a syntax.Expr) (key *syntax.Ident, v syntax.Expr, ok bool) {
	b, ok := a.(*syntax.BinaryExpr)
	if !ok || b.Op != syntax.EQ {
		return nil, nil, false
	}
	return b.X.(*syntax.Ident), b.Y, true
}

// literal is the value that an expression is written as.
func literal(e syntax.Expr) (v any, known bool) {
	switch e := e.(type) {
	case *syntax.Literal:
		switch x := e.Value.(type) {
		case string, int64, float64:
			if e.Token == syntax.BYTES {
				return []byte(x.(string)), true
			}
			return x, true
		}
	case *syntax.ParenExpr:
		return literal(e.X)
	case *syntax.Ident:
		switch e.Name {
		case "True", "False":
			return e.Name == "True", true
		case "None":
			return nil, true
		}
	case *syntax.ListExpr:
		list := []any{}
		for _, x := range e.List {
			v, known := literal(x)
			if !known {
				return nil, false
			}
			list = append(list, v)
		}
		return list, true
	case *syntax.DictExpr:
		dict := map[string]any{}
		for _, entry := range e.List {
			k, known := literal(entry.(*syntax.DictEntry).Key)
			s, ok := k.(string)
			v, knownValue := literal(entry.(*syntax.DictEntry).Value)
			if !known || !ok || !knownValue {
				return nil, false
			}
			dict[s] = v
		}
		return dict, true
	}
	return nil, false
}
