package op

import (
	"context"
	"crypto/rand"
	"sync/atomic"
)

// A Request is one trip along the chain to a driver: a call, or one page of a list.
type Request struct {
	Op         *Op
	Provider   string // the driver's name: "ec2"
	Connection string // the connection's name in the configuration, or the driver's
	Driver     any
	In         any    // a value of the row's input type, complete and checked
	Cursor     string // list rows: where the page starts; empty for the first
	Paged      bool   // stream rows: answer with a page of what there is now, as a list row does
}

// Effect is what the request does to the cloud.
func (r *Request) Effect() Effect {
	if r.Op.judge == nil {
		return r.Op.Effect
	}
	return r.Op.judge(r)
}

// Idempotent reports whether doing it twice is the same as doing it once.
func (r *Request) Idempotent() bool {
	return r.Op.Idempotent || r.Op.judge != nil && r.Effect() == Reads
}

// A Handler answers a request: with the row's Out for a call, nil for a do,
// a *Page for a list, Items for a stream (or a *Page, if Paged).
type Handler func(ctx context.Context, r *Request) (any, error)

// An Interceptor stands around every operation of every driver. It may refuse
// the request, change the context, call next more than once, or look at the answer.
type Interceptor func(ctx context.Context, r *Request, next Handler) (any, error)

// Chain returns a Handler that passes requests through the interceptors, the
// first outermost, to the driver.
func Chain(interceptors ...Interceptor) Handler {
	h := Handler(Invoke)
	for i := len(interceptors) - 1; i >= 0; i-- {
		f, next := interceptors[i], h
		h = func(ctx context.Context, r *Request) (any, error) { return f(ctx, r, next) }
	}
	return h
}

// Invoke hands a request to its driver. Errors come back as *Error with
// provider and operation filled in.
func Invoke(ctx context.Context, r *Request) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, at(err, r)
	}
	if r.Op.Shape == ShapeList && r.Effect() != Reads {
		return nil, at(Errorf(InvalidArgument, "%s is for what reads, and this %s", r.Op.Name, r.Effect()), r)
	}
	var out any
	var err error
	if d, ok := r.Driver.(Invoker); ok {
		out, err = d.Invoke(ctx, r)
		if p, ok := out.(*Page); ok && err == nil {
			p.filter(r)
		}
	} else {
		out, err = r.Op.invoke(ctx, r)
	}
	if err != nil {
		// A driver that was interrupted may say so in its SDK's words.
		if cause := ctx.Err(); cause != nil && KindOf(err) != KindOf(cause) {
			err = &Error{Kind: KindOf(cause), Message: err.Error(), Err: err}
		}
		return nil, at(err, r)
	}
	return out, nil
}

type tokenKey struct{}

// WithToken gives the operations called with ctx an idempotency token: a
// driver that passes it to its provider creates one thing, however often the
// call is repeated.
func WithToken(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, tokenKey{}, token)
}

// Token returns the idempotency token of ctx, or a new one: a driver can
// always send one.
func Token(ctx context.Context) string {
	if t, ok := ctx.Value(tokenKey{}).(string); ok {
		return t
	}
	return rand.Text()
}

// Idempotent is implemented by drivers that pass the token of [Token] to their
// provider for some operations that create: those may be retried even when the
// first try may have had effect.
type Idempotent interface {
	// HonoursToken reports whether repeating o with the same token creates only once.
	HonoursToken(o *Op) bool
}

type budgetKey struct{}

// WithBudget allows n retries in all to what is called with ctx: to the chain
// and to whatever retries below it, so that they do not multiply.
func WithBudget(ctx context.Context, n int) context.Context {
	b := new(atomic.Int64)
	b.Store(int64(n))
	return context.WithValue(ctx, budgetKey{}, b)
}

// TakeRetry takes one retry from the budget of ctx and reports whether there
// was one. Without a budget there is none.
func TakeRetry(ctx context.Context) bool {
	b, ok := ctx.Value(budgetKey{}).(*atomic.Int64)
	return ok && b.Add(-1) >= 0
}

type noticeKey struct{}

// NoticeRetries has f told of every error after which something that is called
// with ctx is tried again: for who sends many requests, and should send fewer when
// the provider asks for it. f is called from many goroutines.
func NoticeRetries(ctx context.Context, f func(err error)) context.Context {
	return context.WithValue(ctx, noticeKey{}, f)
}

// Retrying tells whoever asked by [NoticeRetries] that err is being retried.
func Retrying(ctx context.Context, err error) {
	if f, ok := ctx.Value(noticeKey{}).(func(error)); ok {
		f(err)
	}
}

type bulkKey struct{}

// InBulk marks what is called with ctx as parts of one thing that is done with a
// mass of others: nobody wants to be told of each, and a driver may leave out of
// an answer to a copy what it would have to ask for.
func InBulk(ctx context.Context) context.Context { return context.WithValue(ctx, bulkKey{}, true) }

// IsBulk reports whether [InBulk] has marked ctx.
func IsBulk(ctx context.Context) bool { return ctx.Value(bulkKey{}) != nil }
