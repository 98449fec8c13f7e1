// Package drivers is where providers and the rest of Cloudlark meet.
//
// A [Provider] is one driver that can be opened: its name, its family's
// contract, its configuration, and what it offers, all known before anything
// is opened. A provider's package makes one with [New] from a function that
// opens the driver; nothing registers itself. A [Conn] is an opened driver
// behind a chain of interceptors, and the only way that Cloudlark calls a
// driver:
//
//	conn, err := provider.Open(ctx, "prod", map[string]any{"region": "eu-west-1"})
//	node, err := drivers.Call[compute.Node](ctx, conn, compute.GetNode{Node: "n-1"})
//	for node, err := range drivers.List[compute.Node](ctx, conn, compute.ListNodes{}) { … }
package drivers

import (
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Secret is a string that prints, marshals and logs as [redacted].
type Secret = op.Secret

// Info is what a provider says of itself.
type Info struct {
	Name    string     // as scripts and configuration say it: "ec2"
	Family  *op.Family // compute.Family, …
	Title   string     // as its owner says it: "Amazon EC2"
	Website string
	Doc     string // what to know before using it; Markdown

	// Extras documents what operations take in their argument extra: from the
	// operation's name to a struct with field tags. See [op.Type].
	Extras map[string]any

	// Missing says why the provider does not have an operation, where that is
	// the provider's doing: from the operation's name to the reason.
	Missing map[string]string
}

// A Provider is a driver that can be opened.
type Provider struct {
	Info
	Config *op.Type // the configuration it takes

	offers func(*op.Op) bool
	open   func(ctx context.Context, config any) (any, error)
}

// New makes a provider from the function that opens its driver. What the
// provider offers is asked of D, which must be the driver's own type; C is a
// struct whose fields are the configuration.
func New[D, C any](info Info, open func(ctx context.Context, config C) (D, error)) *Provider {
	d := reflect.TypeFor[D]()
	// Every call asks for its operation, and asking a type costs as much as the call.
	offered := sync.OnceValue(func() map[*op.Op]bool {
		m := make(map[*op.Op]bool, len(info.Family.Ops))
		for _, o := range info.Family.Ops {
			m[o] = o.Offered(d)
		}
		return m
	})
	return &Provider{Info: info, Config: op.TypeOf(reflect.TypeFor[C]()),
		offers: func(o *op.Op) bool { return offered()[o] },
		open:   func(ctx context.Context, c any) (any, error) { return open(ctx, c.(C)) }}
}

// NewDynamic makes a provider whose abilities are not those of a Go type: a
// module's. open gets a value of the configuration's type.
func NewDynamic(info Info, config *op.Type, offers func(*op.Op) bool, open func(ctx context.Context, config any) (op.Invoker, error)) *Provider {
	return &Provider{Info: info, Config: config, offers: offers,
		open: func(ctx context.Context, c any) (any, error) { return open(ctx, c) }}
}

// Offers reports whether the provider has the operation.
func (p *Provider) Offers(o *op.Op) bool { return o.Family == p.Family && p.offers(o) }

// Operations lists the operations that the provider has, in the table's order.
func (p *Provider) Operations() []*op.Op {
	var ops []*op.Op
	for _, o := range p.Family.Ops {
		if p.offers(o) {
			ops = append(ops, o)
		}
	}
	return ops
}

// Open opens the driver with configuration values by name, checked against
// Config. Opening makes no request to the provider. name is the connection's;
// requests pass through the interceptors, the first outermost.
func (p *Provider) Open(ctx context.Context, name string, config map[string]any, chain ...op.Interceptor) (*Conn, error) {
	c, err := p.Config.Decode(config, nil)
	if err == nil {
		var d any
		if d, err = p.open(ctx, c); err == nil {
			c := &Conn{Provider: p, Name: name, driver: d, closing: &closing{}}
			c.handle = op.Chain(append(slices.Clip(chain), c.offered)...)
			return c, nil
		}
	}
	e := *op.AsError(err)
	if e.Provider == "" {
		e.Provider = p.Name
	}
	if e.Op == "" {
		e.Op = "open"
	}
	return nil, &e
}

// A Conn is an opened driver behind the chain. It is safe for concurrent use,
// as drivers are.
type Conn struct {
	Provider *Provider
	Name     string // the connection's name

	driver any
	handle op.Handler

	closing *closing // shared with what With made
}

// closing is what closes a driver once.
type closing struct {
	once  sync.Once
	err   error
	hooks []func()
}

// Same reports whether two are one connection, behind whatever interceptors.
func (c *Conn) Same(other *Conn) bool { return c.closing == other.closing }

// Driver returns the driver itself: to hand it to its own package, never to
// call operations past the chain.
func (c *Conn) Driver() any { return c.driver }

// Close releases what the driver holds. Closing again does nothing and gives
// the same answer.
func (c *Conn) Close() error {
	c.closing.once.Do(func() {
		if d, ok := c.driver.(io.Closer); ok {
			c.closing.err = d.Close()
		}
		for _, f := range c.closing.hooks {
			f()
		}
	})
	return c.closing.err
}

// OnClose has f called once the connection is closed: for who keeps track of
// connections. It must be called before the connection is handed on.
func (c *Conn) OnClose(f func()) { c.closing.hooks = append(c.closing.hooks, f) }

// With returns the same connection behind further interceptors, outside of
// those that it has. The two share the driver: closing one closes both.
func (c *Conn) With(chain ...op.Interceptor) *Conn {
	d := *c
	for _, f := range slices.Backward(chain) {
		next := d.handle
		d.handle = func(ctx context.Context, r *op.Request) (any, error) { return f(ctx, r, next) }
	}
	return &d
}

func (c *Conn) request(o *op.Op, in any) (*op.Request, error) {
	r := &op.Request{Op: o, Provider: c.Provider.Name, Connection: c.Name, Driver: c.driver, In: in}
	if !c.Provider.Offers(o) {
		return r, nil // offered will say so
	}
	complete, err := o.In().Complete(in)
	if err == nil {
		err = c.Provider.checkExtra(o, complete)
	}
	if err != nil {
		e := op.AsError(err)
		return nil, &op.Error{Kind: e.Kind, Provider: c.Provider.Name, Op: o.Name, Message: e.Message, Err: e.Err}
	}
	r.In = complete
	return r, nil
}

// checkExtra refuses extra where the provider takes none: to ignore what only
// others have would hide a mistake.
func (p *Provider) checkExtra(o *op.Op, in any) error {
	f := o.In().Field("extra")
	if _, some := p.Extras[o.Name]; f == nil || some {
		return nil
	}
	if extra, _ := reflect.ValueOf(in).FieldByIndex(f.Index).Interface().(map[string]any); len(extra) > 0 {
		return op.Errorf(op.InvalidArgument, "extra: %s takes nothing there for %s, and so no %q", p.Title, o.Name, slices.Sorted(maps.Keys(extra))[0])
	}
	return nil
}

// offered refuses what the provider does not have. It is the last of the
// chain, so that an interceptor can say who does have it.
func (c *Conn) offered(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	if p := c.Provider; !p.Offers(r.Op) {
		return nil, &op.Error{Kind: op.Unsupported, Provider: p.Name, Op: r.Op.Name,
			Message: fmt.Sprintf("%s does not have %s%s", p.Title, r.Op.Name, because(p.Missing[r.Op.Name]))}
	}
	return next(ctx, r)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// Do performs a call or do row and returns its value, nil for a do row; in is
// a value of the row's input type.
func (c *Conn) Do(ctx context.Context, o *op.Op, in any) (any, error) {
	r, err := c.request(o, in)
	if err != nil {
		return nil, err
	}
	return c.handle(ctx, r)
}

// Page returns one page of a list row: the one at cursor, empty for the first.
// Of a stream row it is what there is now; see [op.Follow].
func (c *Conn) Page(ctx context.Context, o *op.Op, in any, cursor string) (*op.Page, error) {
	r, err := c.request(o, in)
	if err == nil && o.Shape != op.ShapeList && o.Shape != op.ShapeStream {
		err = &op.Error{Kind: op.InvalidArgument, Provider: c.Provider.Name, Op: o.Name, Message: fmt.Sprintf("%s is no list", o)}
	}
	if err != nil {
		return nil, err
	}
	r.Cursor, r.Paged = cursor, o.Shape == op.ShapeStream
	out, err := c.handle(ctx, r)
	if err != nil {
		return nil, err
	}
	return out.(*op.Page), nil
}

// Pages yields the pages of a list row, each fetched when it is asked for.
func (c *Conn) Pages(ctx context.Context, o *op.Op, in any) iter.Seq2[*op.Page, error] {
	return func(yield func(*op.Page, error) bool) {
		for cursor := ""; ; {
			page, err := c.Page(ctx, o, in, cursor)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page, nil) || page.Next == "" {
				return
			}
			if page.Next == cursor {
				yield(nil, &op.Error{Kind: op.Internal, Provider: c.Provider.Name, Op: o.Name, Message: "the provider gave the same page twice"})
				return
			}
			cursor = page.Next
		}
	}
}

// Items yields pointers to the items of a list or stream row, lazily.
func (c *Conn) Items(ctx context.Context, o *op.Op, in any) op.Items {
	if o.Shape == op.ShapeStream {
		return func(yield func(any, error) bool) {
			out, err := c.Do(ctx, o, in)
			if err != nil {
				yield(nil, err)
				return
			}
			out.(op.Items)(yield)
		}
	}
	return func(yield func(any, error) bool) {
		for page, err := range c.Pages(ctx, o, in) {
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page.Len() {
				if !yield(page.At(i), nil) {
					return
				}
			}
		}
	}
}

// row finds the operation that takes in: every row has an input type of its own.
func (c *Conn) row(in any) (*op.Op, error) {
	if o, ok := c.Provider.Family.For(in); ok {
		return o, nil
	}
	return nil, &op.Error{Kind: op.InvalidArgument, Provider: c.Provider.Name,
		Message: fmt.Sprintf("no operation of %s takes a %T", c.Provider.Family.Name, in)}
}

// Call performs the operation whose input in is and returns its value.
func Call[Out any](ctx context.Context, c *Conn, in any) (Out, error) {
	var none Out
	o, err := c.row(in)
	if err != nil {
		return none, err
	}
	out, err := c.Do(ctx, o, in)
	if err != nil {
		return none, err
	}
	v, ok := out.(Out)
	if !ok {
		return none, op.Errorf(op.InvalidArgument, "%s answers with a %T, not a %T", o, out, none)
	}
	return v, nil
}

// Do performs the operation whose input in is, one that answers with nothing but success.
func Do(ctx context.Context, c *Conn, in any) error {
	o, err := c.row(in)
	if err != nil {
		return err
	}
	_, err = c.Do(ctx, o, in)
	return err
}

// List yields the items of the list or stream whose input in is, lazily.
func List[Out any](ctx context.Context, c *Conn, in any) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		var none Out
		o, err := c.row(in)
		if err != nil {
			yield(none, err)
			return
		}
		for v, err := range c.Items(ctx, o, in) {
			if err != nil {
				yield(none, err)
				return
			}
			p, ok := v.(*Out)
			if !ok {
				yield(none, op.Errorf(op.InvalidArgument, "%s yields %T, not *%T", o, v, none))
				return
			}
			if !yield(*p, nil) {
				return
			}
		}
	}
}
