package google

import (
	"context"
	"crypto/rand"
	"maps"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

// opener opens the driver on a server, with what comes on top.
func opener(s *gce.Server, around ...op.Interceptor) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		t.Helper()
		c := map[string]any{"endpoint": s.URL, "project": gce.Project, "access_token": gce.Token, "zone": "us-central1-a",
			"image_projects": []any{"debian-cloud", "ubuntu-os-cloud"}}
		maps.Copy(c, over)
		conn, err := Providers()[0].Open(t.Context(), "gce", c, append(around, chain...)...)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

func harness(s *gce.Server) drivertest.Harness {
	const labels = "it has no labels at Google Compute Engine"
	return drivertest.Harness{
		Open:       opener(s),
		SmallPages: map[string]any{"page_size": 2}, PageSize: 2,
		// Their parts are many firewall rules, and one value of the project's metadata.
		OnePage: []string{"list_security_groups", "list_key_pairs"},
		Lacks: map[string]string{
			"create_network.tags": labels, "list_networks.tags": labels,
			"create_subnet.tags": labels, "list_subnets.tags": labels,
			"create_security_group.tags": labels, "list_security_groups.tags": labels,
		},
		PlainTags: true, UniqueNames: true,
		VolumeSize: 10,

		Native:       native.Call{Operation: "GET /projects/{project}"},
		NativePages:  native.Call{Operation: "GET /projects/{project}/zones", Arguments: map[string]any{"query": map[string]any{"maxResults": 3}}},
		NativeChange: "POST /projects/{project}/global/networks",
	}
}

func TestConformance(t *testing.T) {
	drivertest.Compute(t, harness(gce.Start(t)))
}

// TestConformanceOnABadDay is the suite against a service that refuses, fails
// and forgets to answer, behind a chain that repeats what may be repeated.
func TestConformanceOnABadDay(t *testing.T) {
	s := gce.Start(t)
	s.Falter(0.1, 3)
	h := harness(s)
	h.Open, h.Faulty = opener(s, repeat), true
	drivertest.Compute(t, h)
}

// repeat retries as a careful host does, and its user: who is told that what was made
// is removed again calls again, and so does whose create was not answered. The
// stand-in fails after the effect only where the same request can be sent again.
func repeat(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	ctx = op.WithBudget(op.WithToken(ctx, op.Token(ctx)), 50)
	for {
		out, err := next(ctx, r)
		again := op.KindOf(err) == op.RateLimited || op.KindOf(err) == op.Unavailable && (r.Op.Idempotent || r.Op.Effect == op.Creates)
		if op.KindOf(err) == op.Conflict && strings.Contains(err.Error(), "call it again") {
			ctx, again = op.WithToken(ctx, rand.Text()), true
		}
		if !again || !op.TakeRetry(ctx) {
			return out, err
		}
	}
}
