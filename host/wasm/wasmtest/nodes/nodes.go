// Package nodes is a driver for benchmarks: a thousand nodes, and nothing else
// to do. It is built into guests of several hosts, so that all do the same work.
package nodes

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Count is how many nodes there are.
const Count = 1000

// Wait is how long reboot_node takes.
const Wait = 300 * time.Millisecond

// Node is the i-th.
func Node(i int) compute.Node {
	return compute.Node{
		ID: fmt.Sprintf("node-%04d", i), Name: fmt.Sprintf("web-%d", i), State: compute.NodeRunning,
		PublicIPs: []string{fmt.Sprintf("203.0.113.%d", i%256)}, PrivateIPs: []string{fmt.Sprintf("10.0.%d.%d", i/256, i%256)},
		Size: "g1.small", Image: "debian-13-x86_64", Location: "eu-1", KeyPair: "ops",
		Networks: []string{"net-1"}, Subnets: []string{"subnet-1"}, SecurityGroups: []string{"web", "ssh"},
		Volumes: []string{fmt.Sprintf("vol-%04d", i)}, Tags: map[string]string{"role": "web", "owner": "ops"},
		CreatedAt: time.Date(2026, 1, 2, 3, 4, i%60, 0, time.UTC), Extra: map[string]any{"host": fmt.Sprintf("rack-%d", i%40), "slot": int64(i % 8)},
	}
}

// All are all of them.
func All() []compute.Node {
	all := make([]compute.Node, Count)
	for i := range all {
		all[i] = Node(i)
	}
	return all
}

type driver struct{}

// Providers are the driver: list_nodes, get_node, and reboot_node, which waits.
func Providers() []*drivers.Provider {
	return []*drivers.Provider{drivers.New(drivers.Info{Name: "nodes", Family: compute.Family, Title: "A thousand nodes"},
		func(context.Context, struct{}) (driver, error) { return driver{}, nil })}
}

// ListNodes is one page.
func (driver) ListNodes(context.Context, compute.ListNodes) iter.Seq2[compute.Node, error] {
	return func(yield func(compute.Node, error) bool) {
		for i := range Count {
			if !yield(Node(i), nil) {
				return
			}
		}
	}
}

func (driver) GetNode(_ context.Context, in compute.GetNode) (compute.Node, error) {
	var i int
	if _, err := fmt.Sscanf(in.Node, "node-%d", &i); err != nil {
		return compute.Node{}, op.Errorf(op.NotFound, "no node %s", in.Node)
	}
	return Node(i), nil
}

func (driver) RebootNode(context.Context, compute.RebootNode) error {
	time.Sleep(Wait)
	return nil
}
