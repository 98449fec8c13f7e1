package drivertest

import (
	"context"
	"slices"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// attempts is how often the suite tries what only a person may repeat, against
// a faulty provider.
const attempts = 20

// again repeats changes that nobody but the caller may repeat, and knows what
// the second try says when the first had its effect.
func again(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	out, err := next(ctx, r)
	_, toFail := ctx.Value(refuseKey{}).(bool)
	if r.Op.Idempotent || r.Op.Effect != op.Changes {
		return out, err
	}
	for range attempts {
		if op.KindOf(err) != op.Unavailable {
			break
		}
		if out, err = next(ctx, r); !toFail && r.Op.Shape == op.ShapeDo && slices.Contains([]op.Kind{op.Conflict, op.AlreadyExists, op.NotFound}, op.KindOf(err)) {
			return nil, nil
		}
	}
	return out, err
}

// settled does f, and against a faulty provider does it again where only the
// caller can: when a body has flowed that cannot be rewound.
func (s *suite) settled(f func() error) error {
	err := f()
	for range attempts {
		if !s.Faulty || op.KindOf(err) != op.Unavailable {
			break
		}
		err = f()
	}
	return err
}

// refuseKey is in the context of a call that is to fail.
type refuseKey struct{}

func refusing(ctx context.Context) context.Context {
	return context.WithValue(ctx, refuseKey{}, true)
}

// refuse wants in, the input of an operation that answers with nothing but
// success, to fail with one of the kinds.
func (s *suite) refuse(t testing.TB, in any, kinds ...op.Kind) {
	t.Helper()
	o, _ := s.family.For(in)
	err := drivers.Do(refusing(t.Context()), s.conn, in)
	if err == nil && s.Faulty && o.Effect == op.Deletes && slices.Contains(kinds, op.NotFound) {
		return // a delete that was repeated found nothing, which is what it is for
	}
	wantKind(t, err, kinds...)
}
