package op

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"sync"
)

// Effect says what an operation does to the cloud, so that a policy or a
// retry can act on it without knowing the operation.
type Effect string

const (
	Reads   Effect = "reads"   // nothing changes
	Creates Effect = "creates" // something new exists, and may cost money
	Changes Effect = "changes" // something that exists is different
	Deletes Effect = "deletes" // something is gone
)

// Values makes Effect an enumeration.
func (Effect) Values() []string { return []string{"reads", "creates", "changes", "deletes"} }

// Shape is the form of a row's result.
type Shape string

const (
	ShapeCall   Shape = "call"   // one value
	ShapeDo     Shape = "do"     // nothing but success
	ShapeList   Shape = "list"   // items, page by page
	ShapeStream Shape = "stream" // items, as they come
)

// An Op is one row of the table: one portable operation.
type Op struct {
	Name   string  // in scripts and messages: "create_node"
	Doc    string  // what it does; the first sentence stands alone in lists
	Effect Effect  //
	Shape  Shape   //
	Family *Family // set by NewFamily

	// Receiver and Method make the operation a method of values of that type:
	// "node", "reboot". Both are empty for a row that is none.
	Receiver, Method string

	// Idempotent says that doing it twice is the same as doing it once, so
	// that it may be repeated when nobody knows whether the first try had effect.
	Idempotent bool

	// Lasting says that one call may take as long as the data or the command
	// that it handles needs, so that no time limit for a call applies.
	Lasting bool

	// Spent is the type of what it uses up, where what it creates takes the place of
	// that: an upload that is completed is no upload any more.
	Spent string

	iface, in, out reflect.Type // out is nil for ShapeDo
	judge          func(r *Request) Effect
	invoke         func(ctx context.Context, r *Request) (any, error)
	types          func() (in, out *Type)
	filters        func() []filter
}

// Call makes a row for a method that answers with one value.
func Call[D, In, Out any](name string, f func(D, context.Context, In) (Out, error), effect Effect, doc string) *Op {
	return newOp[D, In](name, ShapeCall, effect, doc, reflect.TypeFor[Out](),
		func(ctx context.Context, d D, in In, _ *Request) (any, error) { return f(d, ctx, in) })
}

// Do makes a row for a method that answers with nothing but success.
func Do[D, In any](name string, f func(D, context.Context, In) error, effect Effect, doc string) *Op {
	return newOp[D, In](name, ShapeDo, effect, doc, nil,
		func(ctx context.Context, d D, in In, _ *Request) (any, error) { return nil, f(d, ctx, in) })
}

// List makes a row for a method that yields items page by page; see [Pages].
func List[D, In, Out any](name string, f func(D, context.Context, In) iter.Seq2[Out, error], doc string) *Op {
	return newOp[D, In](name, ShapeList, Reads, doc, reflect.TypeFor[Out](),
		func(ctx context.Context, d D, in In, r *Request) (any, error) {
			return onePage(ctx, r, func(ctx context.Context) iter.Seq2[Out, error] { return f(d, ctx, in) })
		})
}

// Stream makes a row for a method that yields items as they come, without
// pages and possibly without end: the lines of a log that is followed.
func Stream[D, In, Out any](name string, f func(D, context.Context, In) iter.Seq2[Out, error], doc string) *Op {
	return newOp[D, In](name, ShapeStream, Reads, doc, reflect.TypeFor[Out](),
		func(ctx context.Context, d D, in In, r *Request) (any, error) {
			if r.Paged {
				return onePage(ctx, r, func(ctx context.Context) iter.Seq2[Out, error] { return f(d, ctx, in) })
			}
			return Items(func(yield func(any, error) bool) {
				for v, err := range f(d, ctx, in) {
					if err != nil {
						yield(nil, at(err, r))
						return
					}
					if !yield(&v, nil) {
						return
					}
				}
			}), nil
		})
}

// Items is what a stream row's request answers with: pointers to Out.
type Items = iter.Seq2[any, error]

func newOp[D, In any](name string, shape Shape, effect Effect, doc string, out reflect.Type,
	f func(context.Context, D, In, *Request) (any, error)) *Op {
	o := &Op{Name: name, Shape: shape, Effect: effect, Doc: doc, Idempotent: effect == Reads || effect == Deletes,
		iface: reflect.TypeFor[D](), in: reflect.TypeFor[In](), out: out}
	o.invoke = func(ctx context.Context, r *Request) (any, error) {
		d, ok := r.Driver.(D)
		if !ok {
			return nil, Errorf(Unsupported, "%s does not have %s", r.Provider, o.Name)
		}
		in, ok := r.In.(In)
		if !ok {
			return nil, Errorf(Internal, "%s takes a %s, not a %T", o.Name, o.in, r.In)
		}
		return f(ctx, d, in, r)
	}
	// A process that runs three operations does not read the tags of a hundred.
	o.types = sync.OnceValues(func() (*Type, *Type) { return TypeOf(o.in), TypeOf(elem(o.out)) })
	o.filters = sync.OnceValue(o.findFilters)
	return o
}

// On makes the operation a method of values of a type: the fields of its input
// that refer to that type, or to what the value is in, are filled from the value.
func (o *Op) On(receiver, method string) *Op {
	o.Receiver, o.Method = receiver, method
	return o
}

// Repeatable marks a row that changes or creates as [Op.Idempotent].
func (o *Op) Repeatable() *Op {
	o.Idempotent = true
	return o
}

// Unhurried marks a row as [Op.Lasting]. Rows with a stream are so by themselves.
func (o *Op) Unhurried() *Op {
	o.Lasting = true
	return o
}

// Spends says what is used up: see [Op.Spent].
func (o *Op) Spends(typ string) *Op {
	o.Spent = typ
	return o
}

// Judged makes the effect a matter of the request, as of a row that hands on
// whatever it is given: f says what a request does, and Effect is what it does at
// most. See [Request.Effect]. Of a list row, requests that do not read are refused.
func (o *Op) Judged(f func(r *Request) Effect) *Op {
	o.judge = f
	return o
}

// IsJudged reports whether the effect is a matter of the request.
func (o *Op) IsJudged() bool { return o.judge != nil }

// In describes the operation's input, always a struct.
func (o *Op) In() *Type { in, _ := o.types(); return in }

// Out describes what the operation answers with: the value, or one item of a
// list. It is nil when there is nothing but success. See [Op.Many].
func (o *Op) Out() *Type { _, out := o.types(); return out }

// Many reports whether the answer is several values of type Out.
func (o *Op) Many() bool {
	return o.Shape == ShapeList || o.Shape == ShapeStream || o.out != nil && o.out.Kind() == reflect.Slice
}

// Interface is the interface that a driver implements to have the operation.
func (o *Op) Interface() reflect.Type { return o.iface }

// Summary is the first sentence of Doc.
func (o *Op) Summary() string {
	s, _, _ := strings.Cut(o.Doc, ". ")
	return strings.TrimSuffix(s, ".") + "."
}

func (o *Op) String() string { return o.Family.Name + "." + o.Name }

// Offered reports whether drivers of type t have the operation.
func (o *Op) Offered(t reflect.Type) bool { return t.Implements(o.iface) }

// An Invoker is a driver whose abilities are not those of its Go type: the
// adapter in front of a WASM module. It answers every request itself; for a
// list, with one page, from which the row's filters are still to take.
type Invoker interface {
	Invoke(ctx context.Context, r *Request) (any, error)
}

// A Table is the rows of one family.
type Table []*Op

// Lookup returns the row of that name.
func (t Table) Lookup(name string) (*Op, bool) {
	for _, o := range t {
		if o.Name == name {
			return o, true
		}
	}
	return nil, false
}

// Names lists the rows' names in the table's order.
func (t Table) Names() []string {
	s := make([]string, len(t))
	for i, o := range t {
		s[i] = o.Name
	}
	return s
}

// A Family is one contract: the table, and what scripts call it.
type Family struct {
	Name  string // "compute": the builtin's name
	Title string // "Compute"
	Doc   string
	Ops   Table

	byName    map[string]*Op
	byIn      map[reflect.Type]*Op
	byMethods map[string]map[string]*Op // receiver, method
}

// NewFamily joins rows into a contract. It panics when two rows have the same
// name, input or method: that is a defect of the contract's source.
func NewFamily(name, title, doc string, ops Table) *Family {
	f := &Family{Name: name, Title: title, Doc: doc, Ops: ops,
		byName: map[string]*Op{}, byIn: map[reflect.Type]*Op{}, byMethods: map[string]map[string]*Op{}}
	for _, o := range ops {
		if f.byName[o.Name] != nil || f.byIn[o.in] != nil {
			panic(fmt.Sprintf("op: %s: a second row %s or a second row for %s", name, o.Name, o.in))
		}
		o.Family, f.byName[o.Name], f.byIn[o.in] = f, o, o
		if o.Receiver == "" {
			continue
		}
		m := f.byMethods[o.Receiver]
		if m == nil {
			m = map[string]*Op{}
			f.byMethods[o.Receiver] = m
		}
		if m[o.Method] != nil {
			panic(fmt.Sprintf("op: %s: %s.%s is two rows", name, o.Receiver, o.Method))
		}
		m[o.Method] = o
	}
	return f
}

// Lookup returns the row of that name, or an error that names the nearest.
func (f *Family) Lookup(name string) (*Op, error) {
	if o := f.byName[name]; o != nil {
		return o, nil
	}
	return nil, Errorf(InvalidArgument, "%s has no operation %q%s", f.Name, name, DidYouMean(name, f.Ops.Names()))
}

// For returns the row whose input is in: every row has an input type of its own.
func (f *Family) For(in any) (*Op, bool) {
	o, ok := f.byIn[reflect.TypeOf(in)]
	return o, ok
}

// Methods returns the rows that are methods of values of the type, by method name.
func (f *Family) Methods(receiver string) map[string]*Op { return f.byMethods[receiver] }
