package builtins

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// A family is a contract's builtin: compute, storage, lb, container.
type family struct{ *op.Family }

func (f family) String() string        { return "<family " + f.Name + ">" }
func (f family) Type() string          { return "family" }
func (f family) Freeze()               {}
func (f family) Truth() starlark.Bool  { return true }
func (f family) Hash() (uint32, error) { return starlark.String(f.Name).Hash() }
func (f family) AttrNames() []string {
	if f.Family == storage.Family {
		return append([]string{"driver"}, movers[""]...)
	}
	return []string{"driver"}
}

func (f family) Attr(name string) (starlark.Value, error) {
	if name == "driver" {
		return starlark.NewBuiltin(f.Name+".driver", f.driver), nil
	}
	if f.Family == storage.Family && slices.Contains(movers[""], name) {
		return starlark.NewBuiltin(f.Name+"."+name, between(name == "sync")), nil
	}
	hint := op.DidYouMean(name, f.AttrNames())
	if slices.Contains(f.Ops.Names(), name) {
		hint = fmt.Sprintf(": open a driver first, as in cloud = %s.driver(\"sim\"), and then cloud.%s(…)", f.Name, name)
	}
	return nil, op.Errorf(op.InvalidArgument, "%s has no attribute %q%s", f.Name, name, hint)
}

// driver opens a connection: compute.driver("ec2", region = "eu-west-1").
func (f family) driver(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) != 1 {
		return nil, op.Errorf(op.InvalidArgument, "%s takes the name of a driver or a connection, and its configuration by name, as in %s(\"sim\")", b.Name(), b.Name())
	}
	name, ok := starlark.AsString(args[0])
	if !ok {
		return nil, op.Errorf(op.InvalidArgument, "%s: the name of a driver or a connection is a string, not %s", b.Name(), args[0].Type())
	}
	config, err := keywords(kwargs)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%s: %w", b.Name(), err)
	}
	for k, v := range config {
		config[k] = unhold(v)
	}
	s := scopeOf(t)
	s.lasts = true
	conn, err := s.Open(s.ctx, f.Family, name, config)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, scope: s}, nil
}

// A connection is an opened driver: every operation of its family is an attribute.
type connection struct {
	conn  *drivers.Conn
	scope *scope // of the thread that opened it
}

func (c *connection) family() *op.Family { return c.conn.Provider.Family }

func (c *connection) String() string {
	return fmt.Sprintf("<%s connection %q>", c.family().Name, c.conn.Name)
}
func (c *connection) Type() string          { return "connection" }
func (c *connection) Freeze()               {}
func (c *connection) Truth() starlark.Bool  { return true }
func (c *connection) Hash() (uint32, error) { return starlark.String(c.String()).Hash() }

// AttrNames lists what the provider offers.
func (c *connection) AttrNames() []string {
	names := []string{"name", "provider", "operations"}
	for _, o := range c.conn.Provider.Operations() {
		names = append(names, o.Name)
	}
	if c.hasDeployNode() {
		names = append(names, "deploy_node")
	}
	slices.Sort(names)
	return names
}

func (c *connection) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return starlark.String(c.conn.Name), nil
	case "provider":
		return starlark.String(c.conn.Provider.Name), nil
	case "operations":
		var names []starlark.Value
		for _, o := range c.conn.Provider.Operations() {
			names = append(names, starlark.String(o.Name))
		}
		return starlark.Tuple(names), nil
	}
	if name == "deploy_node" && c.hasDeployNode() {
		return starlark.NewBuiltin(name, c.deployNode), nil
	}
	// What the provider lacks is there as well: calling it says who has it.
	o, err := c.family().Lookup(name)
	if err != nil {
		return nil, err
	}
	return c.method(o, nil), nil
}

// A method is an operation of a connection, or of a value.
type method struct {
	conn     *connection
	op       *op.Op
	receiver *record // nil for the connection's own
}

func (c *connection) method(o *op.Op, receiver *record) *method { return &method{c, o, receiver} }

// Name is what the script calls it, for messages.
func (m *method) Name() string {
	if m.receiver != nil {
		return m.op.Method
	}
	return m.op.Name
}

func (m *method) String() string        { return "<operation " + m.op.String() + ">" }
func (m *method) Type() string          { return "operation" }
func (m *method) Freeze()               {}
func (m *method) Truth() starlark.Bool  { return true }
func (m *method) Hash() (uint32, error) { return starlark.String(m.op.Name).Hash() }

func (m *method) CallInternal(t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return m.conn.call(scopeOf(t), m.op, m.receiver, args, kwargs)
}

// call is the way of every operation: keywords to the row's input, through the
// chain, and the answer back.
func (c *connection) call(s *scope, o *op.Op, receiver *record, args starlark.Tuple, kwargs []starlark.Tuple) (_ starlark.Value, err error) {
	defer s.recovered(o, &err)
	wrong := func(err error) error {
		e := *op.AsError(err)
		e.Op, e.Provider = o.Name, c.conn.Provider.Name
		return &e
	}
	named, err := keywords(kwargs)
	if err != nil {
		return nil, wrong(op.Errorf(op.InvalidArgument, "%w", err))
	}
	gone, err := waitArguments(o, receiver, named)
	if err != nil {
		return nil, wrong(err)
	}
	if err := positional(o, receiver, args, named); err != nil {
		return nil, wrong(err)
	}
	var holder op.Holder
	if receiver != nil {
		holder = receiver
	}
	defer s.uploads(named)()
	in, err := o.In().Decode(named, holder)
	if err != nil {
		return nil, wrong(err)
	}
	if o.Shape == op.ShapeList || o.Shape == op.ShapeStream {
		return s.list(c, o, in), nil
	}
	out, err := c.conn.Do(s.ctx, o, in)
	if err != nil {
		return nil, err
	}
	if gone != nil {
		if err := s.waitGone(c, receiver, gone); err != nil {
			return nil, err
		}
	}
	if o.Shape == op.ShapeDo {
		return starlark.None, nil
	}
	v, err := value(reflect.ValueOf(out), c.in(s))
	if r, ok := v.(*record); ok {
		s.open(r)
	}
	return v, err
}

// in is the connection for the values that a thread makes.
func (c *connection) in(s *scope) *connection {
	if c.scope == s {
		return c
	}
	return &connection{conn: c.conn, scope: s}
}

// keywords returns keyword arguments as the decoder takes them.
func keywords(kwargs []starlark.Tuple) (map[string]any, error) {
	named := make(map[string]any, len(kwargs)+1)
	for _, kv := range kwargs {
		name := string(kv[0].(starlark.String))
		v, err := argument(kv[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		named[name] = v
	}
	return named, nil
}

// positional names the arguments that were given without a name: they are the
// input's fields in their order, less those that the receiver fills.
func positional(o *op.Op, receiver *record, args starlark.Tuple, named map[string]any) error {
	if len(args) == 0 {
		return nil
	}
	names := make([]string, 0, 8)
	for i := range o.In().Fields {
		f := &o.In().Fields[i]
		if receiver == nil || !receiver.fills(o, f) {
			names = append(names, f.Name)
		}
	}
	if len(args) > len(names) {
		return op.Errorf(op.InvalidArgument, "%d arguments were given, and there are only %d: %s", len(args), len(names), strings.Join(names, ", "))
	}
	for i, arg := range args {
		if _, twice := named[names[i]]; twice {
			return op.Errorf(op.InvalidArgument, "argument %q was given twice", names[i])
		}
		v, err := argument(arg)
		if err != nil {
			return op.Errorf(op.InvalidArgument, "%s: %w", names[i], err)
		}
		named[names[i]] = v
	}
	return nil
}

// fills reports whether a method's receiver is what field f of the operation refers to.
func (r *record) fills(o *op.Op, f *op.Field) bool {
	if f.Ref == "" || f.Go.Kind() != reflect.String {
		return false
	}
	for i := range o.In().Fields {
		first := &o.In().Fields[i]
		if first.Ref != f.Ref || first.Go.Kind() != reflect.String {
			continue
		}
		return first == f && (r.typ.Name == f.Ref || slices.ContainsFunc(r.typ.Fields, func(g op.Field) bool { return g.Scope && g.Ref == f.Ref }))
	}
	return false
}

// refresh asks the provider for the record's thing again.
func (r *record) refresh(ctx context.Context) (*record, error) {
	o := r.conn.family().Methods(r.typ.Name)["refresh"]
	in, err := o.In().Decode(nil, r)
	if err != nil {
		return nil, err
	}
	out, err := r.conn.conn.Do(ctx, o, in)
	if err != nil {
		return nil, err
	}
	return newRecord(reflect.ValueOf(out), r.conn), nil
}
