package azure

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
)

// cannedNodes is a server that knows a few answers: 1,000 machines, what they
// are doing, their interfaces and their addresses, 500 a page.
func cannedNodes(b *testing.B) (url string, requests *atomic.Int64) {
	b.Helper()
	const total, size = 1000, 500
	const vmType, diskType, nicType = "Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks", "Microsoft.Network/networkInterfaces"
	at := func(kind string, i int) string {
		return fmt.Sprintf("/subscriptions/bench/resourceGroups/web/providers/%s/node-%04d", kind, i)
	}
	items := map[string]func(i int) map[string]any{
		"virtualMachines": func(i int) map[string]any {
			return map[string]any{"id": at(vmType, i), "name": fmt.Sprintf("node-%04d", i), "location": "westeurope", "tags": map[string]any{"env": "prod", "role": "web"},
				"properties": map[string]any{"provisioningState": "Succeeded", "hardwareProfile": map[string]any{"vmSize": "Standard_B2s"}, "timeCreated": "2026-10-01T00:00:00Z",
					"storageProfile": map[string]any{"imageReference": map[string]any{"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"},
						"osDisk": map[string]any{"managedDisk": map[string]any{"id": at(diskType, i)}}},
					"networkProfile": map[string]any{"networkInterfaces": []any{map[string]any{"id": at(nicType, i)}}}}}
		},
		"status": func(i int) map[string]any {
			return map[string]any{"id": at(vmType, i), "properties": map[string]any{"instanceView": map[string]any{"statuses": []any{map[string]any{"code": "PowerState/running"}}}}}
		},
		"networkInterfaces": func(i int) map[string]any {
			return map[string]any{"id": at(nicType, i), "properties": map[string]any{"ipConfigurations": []any{map[string]any{"name": "primary",
				"properties": map[string]any{"privateIPAddress": "10.0.0.7", "publicIPAddress": map[string]any{"id": at(ipType, i)},
					"subnet": map[string]any{"id": "/subscriptions/bench/resourceGroups/web/providers/Microsoft.Network/virtualNetworks/net/subnets/one"}}}}}}
		},
		"publicIPAddresses": func(i int) map[string]any {
			return map[string]any{"id": at(ipType, i), "properties": map[string]any{"ipAddress": "20.50.7.7"}}
		},
	}
	requests = &atomic.Int64{}
	var s *httptest.Server
	pages := map[string][]byte{}
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		kind := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		if r.URL.Query().Get("statusOnly") != "" {
			kind = "status"
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(pages[kind+r.URL.Query().Get("from")])
	}))
	b.Cleanup(s.Close)
	for kind, item := range items {
		for from := 0; from < total; from += size {
			var list []any
			for i := from; i < from+size; i++ {
				list = append(list, item(i))
			}
			page, query := map[string]any{"value": list}, ""
			if from > 0 {
				query = strconv.Itoa(from)
			}
			if from+size < total {
				path := "/subscriptions/bench/providers/x/" + kind + "?api-version=1&from=" + strconv.Itoa(from+size)
				if kind == "status" {
					path += "&statusOnly=true"
				}
				page["nextLink"] = s.URL + path
			}
			data, err := json.Marshal(page)
			if err != nil {
				b.Fatal(err)
			}
			pages[kind+query] = data
		}
	}
	return s.URL, requests
}

// BenchmarkListNodes lists 1,000 nodes. What it takes in requests is reported:
// eight, two pages of each of four lists.
func BenchmarkListNodes(b *testing.B) {
	url, requests := cannedNodes(b)
	c, err := provider(b, compute.Family).Open(b.Context(), "azure", map[string]any{"endpoint": url, "subscription": "bench", "access_token": "x"})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for node, err := range drivers.List[compute.Node](b.Context(), c, compute.ListNodes{}) {
			if err != nil {
				b.Fatal(err)
			}
			if node.State != compute.NodeRunning || len(node.PublicIPs) != 1 {
				b.Fatalf("%+v", node)
			}
			n++
		}
		if n != 1000 {
			b.Fatalf("%d nodes", n)
		}
	}
	b.ReportMetric(float64(requests.Load())/float64(b.N), "requests/op")
}
