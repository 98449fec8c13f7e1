package host

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// guard turns a driver's panic into an error of kind internal. The stack goes
// to the log, where its author looks for it, and to no script.
func guard(log *slog.Logger) op.Interceptor {
	return func(ctx context.Context, r *op.Request, next op.Handler) (out any, err error) {
		defer func() {
			if p := recover(); p != nil {
				out, err = nil, panicked(ctx, log, r.Provider, r.Op.Name, p)
			}
		}()
		out, err = next(ctx, r)
		if items, ok := out.(op.Items); ok && err == nil {
			return guardItems(ctx, log, r, items), nil
		}
		return out, err
	}
}

// guardItems guards a stream while it is read. A panic of who reads it is none
// of the driver's, and passes.
func guardItems(ctx context.Context, log *slog.Logger, r *op.Request, items op.Items) op.Items {
	return func(yield func(any, error) bool) {
		outside := false // in the reader's code
		defer func() {
			if outside {
				return
			}
			if p := recover(); p != nil {
				yield(nil, panicked(ctx, log, r.Provider, r.Op.Name, p))
			}
		}()
		items(func(item any, err error) bool {
			outside = true
			more := yield(item, err)
			outside = false
			return more
		})
	}
}

func panicked(ctx context.Context, log *slog.Logger, provider, operation string, p any) error {
	log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("provider", provider), slog.String("op", operation),
		slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
	return &op.Error{Kind: op.Internal, Provider: provider, Op: operation,
		Message: fmt.Sprintf("the driver %s has a defect: it panicked: %v; please report it, with the log", provider, p)}
}
