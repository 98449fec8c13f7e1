package google

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
)

// cannedNodes is a server that knows one answer: 1,000 instances in five
// zones, in as many pages as are asked for.
func cannedNodes(b *testing.B) (url string, requests *atomic.Int64) {
	b.Helper()
	const total, zones = 1000, 5
	base := "https://www.googleapis.com/compute/v1/projects/bench/"
	instance := func(i int) map[string]any {
		zone := fmt.Sprintf("us-central1-%c", 'a'+i*zones/total)
		name := fmt.Sprintf("node-%04d", i)
		return map[string]any{"id": fmt.Sprint(1000 + i), "name": name, "status": "RUNNING", "zone": base + "zones/" + zone, "creationTimestamp": "2026-10-01T00:00:00.000-07:00",
			"machineType": base + "zones/" + zone + "/machineTypes/e2-medium", "labels": map[string]any{"env": "prod", "role": "web"}, "tags": map[string]any{"items": []any{"web"}},
			"disks": []any{map[string]any{"boot": true, "source": base + "zones/" + zone + "/disks/" + name}},
			"networkInterfaces": []any{map[string]any{"network": base + "global/networks/default", "subnetwork": base + "regions/us-central1/subnetworks/default",
				"networkIP": "10.128.0.7", "accessConfigs": []any{map[string]any{"natIP": "34.72.0.7"}}}}}
	}
	page := func(from, size int) []byte {
		items := map[string]any{}
		for i := from; i < min(from+size, total); i++ {
			z := fmt.Sprintf("zones/us-central1-%c", 'a'+i*zones/total)
			part, _ := items[z].(map[string]any)
			if part == nil {
				part = map[string]any{"instances": []any{}}
				items[z] = part
			}
			part["instances"] = append(part["instances"].([]any), instance(i))
		}
		out := map[string]any{"items": items}
		if from+size < total {
			out["nextPageToken"] = fmt.Sprint(from + size)
		}
		data, err := json.Marshal(out)
		if err != nil {
			b.Fatal(err)
		}
		return data
	}
	pages := map[int][]byte{0: page(0, 500), 500: page(500, 500)}
	requests = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		from, _ := strconv.Atoi(r.URL.Query().Get("pageToken"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(pages[from])
	}))
	b.Cleanup(s.Close)
	return s.URL, requests
}

// BenchmarkListNodes lists 1,000 nodes. What it takes in requests is reported:
// two, as Google gives 500 a page.
func BenchmarkListNodes(b *testing.B) {
	url, requests := cannedNodes(b)
	c, err := Providers()[0].Open(b.Context(), "gce", map[string]any{"endpoint": url, "project": "bench", "access_token": "x"})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range drivers.List[compute.Node](b.Context(), c, compute.ListNodes{}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 1000 {
			b.Fatalf("%d nodes", n)
		}
	}
	b.ReportMetric(float64(requests.Load())/float64(b.N), "requests/op")
}
