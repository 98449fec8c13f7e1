package sim

import (
	"context"
	"io"
	"maps"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

func TestConformance(t *testing.T) {
	for _, where := range []string{"memory", "folder"} {
		t.Run(where, func(t *testing.T) {
			conform(t, func(t *testing.T) Options {
				if where == "memory" {
					return Options{}
				}
				return Options{State: t.TempDir()}
			}, map[string]any{"boot_time": "20ms", "keep_terminated": "1s"})
		})
	}
}

// conform runs the four suites, each on a cloud of its own.
func conform(t *testing.T, options func(t *testing.T) Options, config map[string]any, chain ...op.Interceptor) {
	for _, f := range []struct {
		family *op.Family
		suite  func(*testing.T, drivertest.Harness)
	}{
		{compute.Family, drivertest.Compute},
		{storage.Family, drivertest.Storage},
		{lb.Family, drivertest.LB},
		{container.Family, drivertest.Container},
	} {
		t.Run(f.family.Name, func(t *testing.T) {
			ps := Providers(options(t))
			f.suite(t, drivertest.Harness{
				Open: func(t testing.TB, more map[string]any, suite ...op.Interceptor) *drivers.Conn {
					t.Helper()
					c := maps.Clone(config)
					maps.Copy(c, more)
					conn, err := provider(ps, f.family).Open(t.Context(), "sim", c, append(suite, chain...)...)
					if err != nil {
						t.Fatal(err)
					}
					return conn
				},
				SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
				Image: map[string]string{"container": "nginx"}[f.family.Name],
				Node: func(t testing.TB) string {
					return createNode(t, open(t, ps, compute.Family, nil)).ID
				},
			})
		})
	}
}

func createNode(t testing.TB, c *drivers.Conn) compute.Node {
	t.Helper()
	n, err := drivers.Call[compute.Node](t.Context(), c, compute.CreateNode{Name: "web", Size: "g1.small", Image: "debian-13-x86_64"})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestConformanceOfABadCloud shows that what fails for a moment can be
// repeated: a chain that does nothing but retry hides every fault.
func TestConformanceOfABadCloud(t *testing.T) {
	conform(t, func(t *testing.T) Options { return Options{} }, map[string]any{"boot_time": "20ms", "keep_terminated": "1s",
		"error_rate": 0.1, "throttle_rate": 0.1, "seed": 7}, retry)
}

// retry is the least that the host's chain does: it repeats what failed for a
// moment, with the same token and, where it has flowed, the same body.
func retry(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	ctx = op.WithToken(ctx, op.Token(ctx))
	var body *rewinder
	again := *r
	switch in := r.In.(type) {
	case storage.PutObject:
		body = newRewinder(in.Body)
		in.Body = body.reader()
		again.In = in
	case storage.UploadPart:
		body = newRewinder(in.Body)
		in.Body = body.reader()
		again.In = in
	}
	r = &again
	for {
		out, err := next(ctx, r)
		switch op.KindOf(err) {
		case op.RateLimited, op.Unavailable:
			if body != nil && !body.rewind() {
				return out, err
			}
			if err := pause(ctx, time.Millisecond); err != nil {
				return nil, err
			}
		default:
			return out, err
		}
	}
}

// A rewinder reads a body, and knows whether it has.
type rewinder struct {
	io.Reader
	begin   int64
	touched bool
}

func newRewinder(body io.Reader) *rewinder {
	r := &rewinder{Reader: body}
	if s, ok := body.(io.Seeker); ok {
		r.begin, _ = s.Seek(0, io.SeekCurrent)
	}
	return r
}

func (r *rewinder) Read(p []byte) (int, error) {
	r.touched = true
	return r.Reader.Read(p)
}

// reader is the body as the driver gets it: a seeker if it was one.
func (r *rewinder) reader() io.Reader {
	if s, ok := r.Reader.(io.Seeker); ok {
		return struct {
			io.Reader
			io.Seeker
		}{r, s}
	}
	return struct{ io.Reader }{r}
}

func (r *rewinder) rewind() bool {
	if !r.touched {
		return true
	}
	s, ok := r.Reader.(io.Seeker)
	if ok {
		_, err := s.Seek(r.begin, io.SeekStart)
		ok = err == nil
	}
	return ok
}
