package aws

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
)

// BenchmarkListNodes lists 1,000 nodes of a server that knows one answer, in the
// form of DescribeInstances. What it takes in requests is reported: one, as EC2
// gives 1,000 a page.
func BenchmarkListNodes(b *testing.B) {
	var page strings.Builder
	page.WriteString(`<?xml version="1.0"?><DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>canned</requestId><reservationSet>`)
	for i := range 1000 {
		fmt.Fprintf(&page, `<item><reservationId>r-%d</reservationId><instancesSet><item><instanceId>i-%08x</instanceId><imageId>ami-1</imageId>`+
			`<instanceState><code>16</code><name>running</name></instanceState><instanceType>t3.micro</instanceType><launchTime>2026-10-01T00:00:00.000Z</launchTime>`+
			`<placement><availabilityZone>eu-west-1a</availabilityZone></placement><privateIpAddress>10.0.0.7</privateIpAddress><ipAddress>34.72.0.7</ipAddress>`+
			`<subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><tagSet><item><key>Name</key><value>node-%d</value></item><item><key>env</key><value>prod</value></item></tagSet>`+
			`</item></instancesSet></item>`, i, i, i)
	}
	page.WriteString(`</reservationSet></DescribeInstancesResponse>`)
	var requests atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write([]byte(page.String()))
	}))
	defer s.Close()
	c, err := provider(b, "ec2").Open(b.Context(), "ec2", map[string]any{"endpoint": s.URL, "region": "eu-west-1", "access_key_id": "key", "secret_access_key": "secret"})
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
