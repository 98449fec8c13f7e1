package google

import (
	"maps"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
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
	}
}

func TestConformance(t *testing.T) {
	drivertest.Compute(t, harness(gce.Start(t)))
}
