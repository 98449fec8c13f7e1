package drivertest_test

import (
	"context"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/sim"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// The embedded cloud has everything and passes every suite; that is tested
// where it is. Here the suites are tested: with faults, and with defects.

// cloud is a harness for a family of a cloud of its own. inner, if not nil, is
// the last interceptor before the driver.
func cloud(family *op.Family, config map[string]any, inner op.Interceptor) drivertest.Harness {
	providers := sim.Providers(sim.Options{})
	open := func(t testing.TB, family *op.Family, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		c := map[string]any{"boot_time": "20ms", "keep_terminated": "1s"}
		maps.Copy(c, config)
		maps.Copy(c, over)
		i := slices.IndexFunc(providers, func(p *drivers.Provider) bool { return p.Family == family })
		conn, err := providers[i].Open(t.Context(), "sim", c, chain...)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	return drivertest.Harness{
		Open: func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
			t.Helper()
			if inner != nil {
				chain = append(slices.Clip(chain), inner)
			}
			return open(t, family, over, chain...)
		},
		SmallPages: map[string]any{"page_size": 3},
		PageSize:   3,
		Image:      map[string]string{"container": "nginx"}[family.Name],
		Node: func(t testing.TB) string {
			conn := open(t, compute.Family, map[string]any{"error_rate": 0, "throttle_rate": 0})
			t.Cleanup(func() { conn.Close() })
			in := compute.CreateNode{Name: "member", Size: "g1.small", Image: "debian-13-x86_64"}
			n, err := drivers.Call[compute.Node](t.Context(), conn, in)
			if err != nil {
				t.Fatal(err)
			}
			return n.ID
		},
	}
}

// suites are the four, each on a cloud of its own.
var suites = map[string]struct {
	family *op.Family
	run    func(*testing.T, drivertest.Harness)
}{
	"compute":   {compute.Family, drivertest.Compute},
	"storage":   {storage.Family, drivertest.Storage},
	"lb":        {lb.Family, drivertest.LB},
	"container": {container.Family, drivertest.Container},
}

// TestFaulty runs the suites on a bad cloud, behind a chain that repeats what
// may be repeated and nothing else.
func TestFaulty(t *testing.T) {
	for name, s := range suites {
		t.Run(name, func(t *testing.T) {
			h := cloud(s.family, map[string]any{"error_rate": 0.1, "throttle_rate": 0.1, "seed": 3}, repeat)
			h.Faulty = true
			s.run(t, h)
		})
	}
}

// repeat retries as a careful host does.
func repeat(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	ctx = op.WithToken(ctx, op.Token(ctx))
	may := r.Op.Idempotent
	if d, ok := r.Driver.(op.Idempotent); ok && r.Op.Effect == op.Creates {
		may = may || d.HonoursToken(r.Op)
	}
	seek, begin := (io.Seeker)(nil), int64(0)
	if in, ok := r.In.(storage.PutObject); ok {
		if seek, ok = in.Body.(io.Seeker); ok {
			begin, _ = seek.Seek(0, io.SeekCurrent)
		} else {
			may = false
		}
	}
	out, err := next(ctx, r)
	ambiguous := false
	for ctx.Err() == nil {
		switch kind := op.KindOf(err); {
		case kind == op.NotFound && r.Op.Effect == op.Deletes && ambiguous:
			return nil, nil
		case kind == op.Unavailable && may:
			ambiguous = true
		case kind != op.RateLimited:
			return out, err
		}
		if seek != nil {
			if _, err := seek.Seek(begin, io.SeekStart); err != nil {
				return nil, err
			}
		}
		out, err = next(ctx, r)
	}
	return out, err
}
