package drivertest

import (
	"context"
	"slices"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// attempts is how often the suite tries what only a person may repeat, against
// a faulty provider.
const attempts = 20

// again repeats changes that nobody but the caller may repeat, and knows what
// the second try says when the first had its effect.
func again(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	out, err := next(ctx, r)
	if r.Op.Idempotent || r.Op.Effect != op.Changes {
		return out, err
	}
	for range attempts {
		if op.KindOf(err) != op.Unavailable {
			break
		}
		if out, err = next(ctx, r); slices.Contains([]op.Kind{op.Conflict, op.AlreadyExists, op.NotFound}, op.KindOf(err)) {
			return nil, nil
		}
	}
	return out, err
}
