package drivers_test

import (
	"context"
	"fmt"
	"iter"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// rackConfig is what a connection to the rack is configured with.
type rackConfig struct {
	Room string `json:"room" op:"required" help:"The room it stands in."`
}

// rack drives machines that stand in a room. It can list them, look one up and
// reboot it: three small interfaces, and nothing else.
type rack struct{ nodes []compute.Node }

func openRack(_ context.Context, c rackConfig) (*rack, error) {
	return &rack{nodes: []compute.Node{
		{ID: "1", Name: "left", State: compute.NodeRunning, Location: c.Room},
		{ID: "2", Name: "right", State: compute.NodeStopped, Location: c.Room},
	}}, nil
}

func (r *rack) ListNodes(ctx context.Context, in compute.ListNodes) iter.Seq2[compute.Node, error] {
	// A provider that hands out pages is asked for the one at cursor.
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Node, string, error) {
		return r.nodes, "", nil
	})
}

func (r *rack) GetNode(ctx context.Context, in compute.GetNode) (compute.Node, error) {
	for _, n := range r.nodes {
		if n.ID == in.Node {
			return n, nil
		}
	}
	return compute.Node{}, op.Errorf(op.NotFound, "there is no node %q", in.Node)
}

func (r *rack) RebootNode(ctx context.Context, in compute.RebootNode) error {
	n, err := r.GetNode(ctx, compute.GetNode{Node: in.Node})
	if err != nil {
		return err
	}
	if n.State != compute.NodeRunning {
		return op.Errorf(op.Conflict, "node %q is %s: start it first", n.Name, n.State)
	}
	return nil
}

// A whole driver: its methods say what it can do, its configuration's tags what
// it takes. Filters, retries, policy and the rest come with the table.
func ExampleNew() {
	provider := drivers.New(drivers.Info{Name: "rack", Family: compute.Family, Title: "The rack in the cellar"}, openRack)
	for _, o := range provider.Operations() {
		fmt.Println("has", o.Name)
	}

	ctx := context.Background()
	conn, err := provider.Open(ctx, "rack", map[string]any{"room": "cellar"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	for node, err := range drivers.List[compute.Node](ctx, conn, compute.ListNodes{State: compute.NodeRunning}) {
		fmt.Println(node.Name, node.Location, err)
	}
	fmt.Println(drivers.Do(ctx, conn, compute.RebootNode{Node: "2"}))

	_, err = provider.Open(ctx, "rack", map[string]any{"rom": "cellar"})
	fmt.Println(err)
	// Output:
	// has list_nodes
	// has get_node
	// has reboot_node
	// left cellar <nil>
	// reboot_node (rack): conflict: node "right" is stopped: start it first
	// open (rack): invalid argument: there is no argument "rom"; did you mean room?
}
