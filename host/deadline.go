package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// deadline ends an attempt that takes longer than limit, with an error of kind
// timeout. Data that flows may take its time: there is no limit for rows whose
// input has a stream, for [op.Op.Lasting] ones, and for what is read from an
// answer after the call. limit 0 is none.
func deadline(limit time.Duration) op.Interceptor {
	return func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		if limit <= 0 || r.Op.Lasting || r.Op.Shape == op.ShapeStream || streams(r.Op.In()) != nil {
			return next(ctx, r)
		}
		message := fmt.Sprintf("no answer within %v, the time limit of a call", limit)
		late := fmt.Errorf("%s: %w", message, context.DeadlineExceeded)
		inner, cancel := context.WithCancelCause(ctx)
		timer := time.AfterFunc(limit, func() { cancel(late) })
		out, err := next(inner, r)
		intime := timer.Stop()
		if err == nil && intime {
			if bodies := streams(r.Op.Out()); bodies != nil {
				return releaseAtClose(out, bodies, cancel), nil
			}
		}
		if err != nil && ctx.Err() == nil && errors.Is(context.Cause(inner), late) {
			err = &op.Error{Kind: op.Timeout, Provider: r.Provider, Op: r.Op.Name, Message: message, Err: late}
		}
		if err == nil && !intime {
			// The answer and the limit crossed. A body would break off in the
			// middle: say so now. Anything else is complete.
			if bodies := streams(r.Op.Out()); bodies != nil {
				closeAll(out, bodies)
				err = &op.Error{Kind: op.Timeout, Provider: r.Provider, Op: r.Op.Name, Message: message, Err: late}
			}
		}
		cancel(nil)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// streams returns the fields of a type that hold bytes that flow.
func streams(t *op.Type) []*op.Field {
	if t == nil {
		return nil
	}
	var found []*op.Field
	for i := range t.Fields {
		if t.Fields[i].IsStream() {
			found = append(found, &t.Fields[i])
		}
	}
	return found
}

// releaseAtClose gives out's bodies a Close that also ends the context they
// are read under: cancelling it when the call returns would cut them off.
func releaseAtClose(out any, bodies []*op.Field, cancel context.CancelCauseFunc) any {
	v := reflect.New(reflect.TypeOf(out)).Elem()
	v.Set(reflect.ValueOf(out))
	for _, f := range bodies {
		if body, ok := v.FieldByIndex(f.Index).Interface().(io.ReadCloser); ok {
			v.FieldByIndex(f.Index).Set(reflect.ValueOf(&releasing{body, cancel}))
		}
	}
	return v.Interface()
}

func closeAll(out any, bodies []*op.Field) {
	for _, f := range bodies {
		if body, ok := reflect.ValueOf(out).FieldByIndex(f.Index).Interface().(io.Closer); ok {
			_ = body.Close()
		}
	}
}

// releasing is a body that releases its context when it is closed.
type releasing struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *releasing) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}

// WriteTo keeps what the body itself can do faster.
func (b *releasing) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, b.ReadCloser) }
