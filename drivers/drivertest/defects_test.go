package drivertest_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// A suite is worth what it finds. Each defect below is one that drivers have
// had; the suite runs over it in a process of its own, and must fail.

var defects = map[string]struct {
	suite string
	test  string // that finds it
	inner op.Interceptor
}{
	"lists end after their first page": {"compute", "paging/volumes", func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		out, err := next(ctx, r)
		if p, ok := out.(*op.Page); ok {
			p.Next = ""
		}
		return out, err
	}},
	"pages come twice": {"storage", "list/paging", func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		if rest, twice := strings.CutPrefix(r.Cursor, "again "); twice {
			second := *r
			second.Cursor = rest
			return next(ctx, &second)
		}
		out, err := next(ctx, r)
		if p, ok := out.(*op.Page); ok && p.Next != "" && r.Cursor != "" {
			p.Next = "again " + r.Cursor
		}
		return out, err
	}},
	"filters are ignored":         {"compute", "volumes/list", drivertest.Complete(func(in *compute.ListVolumes) { *in = compute.ListVolumes{} })},
	"tags are forgotten":          {"compute", "networks", drivertest.Complete(func(in *compute.CreateNetwork) { in.Tags = nil })},
	"tokens are ignored":          {"compute", "idempotent/create_volume", noToken},
	"every error is internal":     {"compute", "not_found/get_node", internal},
	"stopping does nothing":       {"compute", "nodes/stop", ignore("stop_node")},
	"the size is not checked":     {"storage", "put/shorter_than_its_size", drivertest.Complete(func(in *storage.PutObject) { in.Size = nil })},
	"if_absent is ignored":        {"storage", "put/if_absent", drivertest.Complete(func(in *storage.PutObject) { in.IfAbsent = false })},
	"ranges are one byte too far": {"storage", "read/range_middle", drivertest.Complete(func(in *storage.ReadObject) { in.Offset++ })},
	"names lose their case":       {"storage", "names/both_case", drivertest.Complete(func(in *storage.PutObject) { in.Name = strings.ToLower(in.Name) })},
	"cancellation is ignored": {"storage", "put/canceled_while_it_flows", func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		return next(context.WithoutCancel(ctx), r)
	}},
	"deleting many does nothing": {"storage", "delete_many", ignore("delete_objects")},
	"a goroutine is left": {"lb", "protocols", func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		go func() { select {} }()
		return next(ctx, r)
	}},
}

func noToken(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	return next(op.WithToken(ctx, op.Token(context.Background())), r)
}

func internal(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	out, err := next(ctx, r)
	if err != nil {
		e := *op.AsError(err)
		e.Kind = op.Internal
		err = &e
	}
	return out, err
}

// ignore is a driver that answers without having done anything.
func ignore(name string) op.Interceptor {
	return func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		if r.Op.Name != name {
			return next(ctx, r)
		}
		if name == "delete_objects" {
			return storage.Deleted{}, nil
		}
		return nil, nil
	}
}

const defectVariable = "CLOUDLARK_DRIVERTEST_DEFECT"

// TestDefective is what TestDefects runs in another process.
func TestDefective(t *testing.T) {
	d, ok := defects[os.Getenv(defectVariable)]
	if !ok {
		t.Skip("it runs only in TestDefects")
	}
	h := cloud(suites[d.suite].family, nil, d.inner)
	h.Timeout = 500e6
	suites[d.suite].run(t, h)
}

func TestDefects(t *testing.T) {
	for name, d := range defects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test := d.test
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^TestDefective$/^"+strings.ReplaceAll(test, "/", "$/^")+"$")
			cmd.Env = append(os.Environ(), defectVariable+"="+name)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			err := cmd.Run()
			if !strings.Contains(out.String(), "=== RUN   TestDefective/"+test) {
				t.Fatalf("there is no test %s:\n%s", test, out.String())
			}
			if err == nil {
				t.Errorf("%s has not found it:\n%s", test, out.String())
			}
			if strings.Contains(out.String(), "panic:") {
				t.Errorf("it panics:\n%s", out.String())
			}
			t.Log(out.String())
		})
	}
}

// TestDeviations: a deviation skips its test and excuses what only that test
// does, and one that names no test is an error.
func TestDeviations(t *testing.T) {
	h := cloud(suites["lb"].family, nil, nil)
	h.Deviations = map[string]string{"balancers/update": "the server cannot"}
	drivertest.LB(t, h)
}
