package drivertest

import (
	"context"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Complete is an interceptor for the end of Open's chain. It lets f add to the
// inputs of one operation what the provider insists on and a portable suite
// does not say:
//
//	drivertest.Complete(func(in *lb.CreateBalancer) { in.Subnets = subnets })
func Complete[In any](f func(in *In)) op.Interceptor {
	return func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		if in, ok := r.In.(In); ok {
			f(&in)
			changed := *r
			changed.In = in
			r = &changed
		}
		return next(ctx, r)
	}
}
