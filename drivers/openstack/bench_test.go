package openstack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
)

// cannedNodes is a server that knows two answers: 1,000 servers, as Nova has
// them in one page, and their ports.
func cannedNodes(b *testing.B) (url string, requests *atomic.Int64) {
	b.Helper()
	const total = 1000
	id := func(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }
	var nodes, ports []any
	for i := range total {
		ip := fmt.Sprintf("172.16.%d.%d", i/250, i%250+1)
		nodes = append(nodes, object{"id": id(i), "name": fmt.Sprintf("node-%04d", i), "status": "ACTIVE", "created": "2026-10-01T00:00:00Z", "key_name": "ops",
			"flavor": object{"id": "2"}, "image": object{"id": id(total)}, "metadata": object{"env": "prod", "role": "web"}, "hostId": "a1b2c3", "tenant_id": "bench",
			"OS-EXT-STS:task_state": nil, "OS-EXT-STS:vm_state": "active", "OS-EXT-AZ:availability_zone": "nova", "security_groups": []any{object{"name": "default"}},
			"addresses":                            object{"internal": []any{object{"addr": ip, "version": 4, "OS-EXT-IPS:type": "fixed", "OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:01"}}},
			"os-extended-volumes:volumes_attached": []any{}})
		ports = append(ports, object{"id": id(2*total + i), "device_id": id(i), "network_id": "net", "security_groups": []any{"sg"},
			"fixed_ips": []any{object{"subnet_id": "sub", "ip_address": ip}}})
	}
	answer := func(of any) []byte {
		data, err := json.Marshal(of)
		if err != nil {
			b.Fatal(err)
		}
		return data
	}
	answers := map[string][]byte{"/nova/servers/detail": answer(object{"servers": nodes}), "/neutron/v2.0/ports": answer(object{"ports": ports})}
	requests = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answers[r.URL.Path])
	}))
	b.Cleanup(s.Close)
	return s.URL, requests
}

// BenchmarkListNodes lists 1,000 nodes with their networks and security groups.
// What it takes in requests is reported: two, one of Nova and one of Neutron.
func BenchmarkListNodes(b *testing.B) {
	url, requests := cannedNodes(b)
	c, err := named(b, "openstack").Open(b.Context(), "openstack", map[string]any{"token": "x", "endpoints": map[string]any{"compute": url + "/nova", "network": url + "/neutron"}})
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
			if len(node.Networks) != 1 {
				b.Fatalf("a node is %+v", node)
			}
			n++
		}
		if n != 1000 {
			b.Fatalf("%d nodes", n)
		}
	}
	b.ReportMetric(float64(requests.Load())/float64(b.N), "requests/op")
}
