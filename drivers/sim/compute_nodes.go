package sim

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/compute"
)

// computeDriver is the driver of the compute family.
type computeDriver struct{ driver }

const nodes = table[nodeRecord]("nodes")

// A nodeRecord is a node as the world keeps it.
type nodeRecord struct {
	compute.Node
	transition[compute.NodeState]
	UserData string      `json:"user_data,omitzero"`
	Boots    []time.Time `json:"boots,omitzero"` // when it came up, for its console
	Gone     time.Time   `json:"gone,omitzero"`  // when a terminated one is forgotten
}

// settled is the record as it is now.
func (n nodeRecord) settled(now time.Time) nodeRecord {
	if !n.arrived(now) {
		return n
	}
	if n.Next == compute.NodeRunning && n.State != compute.NodeUpdating {
		n.Boots = append(slices.Clone(n.Boots[max(0, len(n.Boots)-9):]), n.At) // a console keeps no more
	}
	n.State, n.transition = n.Next, transition[compute.NodeState]{}
	if n.State == compute.NodeTerminated {
		n.PublicIPs, n.PrivateIPs, n.Volumes = nil, nil, nil
	}
	return n
}

// alive reports whether the node is there and not about to end.
func (n nodeRecord) alive() bool {
	return n.State != compute.NodeTerminated && n.Next != compute.NodeTerminated
}

func (n nodeRecord) forgotten(now time.Time) bool { return !n.Gone.IsZero() && !now.Before(n.Gone) }

// going sets a node on its way to a state.
func (n nodeRecord) going(through, to compute.NodeState, at time.Time) nodeRecord {
	n.State, n.transition = through, transition[compute.NodeState]{to, at}
	return n
}

// show is what the API says of the node.
func (n nodeRecord) show(tx *txn, now time.Time) compute.Node {
	out := n.Node
	out.PublicIPs, out.PrivateIPs = slices.Clone(n.PublicIPs), slices.Clone(n.PrivateIPs)
	out.Networks, out.Subnets, out.SecurityGroups = slices.Clone(n.Networks), slices.Clone(n.Subnets), slices.Clone(n.SecurityGroups)
	out.Tags = maps.Clone(n.Tags)
	out.Volumes = n.attached(tx, now)
	return out
}

// attached lists the node's volumes, its root disk first. Others than that may
// have been detached in the meantime, which their own records know.
func (n nodeRecord) attached(tx *txn, now time.Time) []string {
	if len(n.Volumes) == 0 {
		return nil
	}
	out := []string{n.Volumes[0]}
	for _, id := range n.Volumes[1:] {
		if v, ok := volumes.get(tx, id); ok && v.settled(now).Node == n.ID {
			out = append(out, id)
		}
	}
	return out
}

// node returns a node as it is now, terminated ones too.
func (computeDriver) node(tx *txn, now time.Time, id string) (nodeRecord, error) {
	n, ok := nodes.get(tx, id)
	if !ok || n.forgotten(now) {
		return nodeRecord{}, notFound("node", id)
	}
	return n.settled(now), nil
}

// liveNode returns a node that something can still be done with.
func (d computeDriver) liveNode(tx *txn, now time.Time, id string) (nodeRecord, error) {
	n, err := d.node(tx, now, id)
	if err == nil && !n.alive() {
		err = conflict("node %s is terminated", id)
	}
	return n, err
}

func (d computeDriver) ListNodes(ctx context.Context, in compute.ListNodes) iter.Seq2[compute.Node, error] {
	return list(ctx, d.driver, nodes, func(tx *txn, now time.Time, n nodeRecord) (compute.Node, bool) {
		if n = n.settled(now); n.forgotten(now) || !is(in.Name, n.Name) || !is(in.State, n.State) || !is(in.Location, n.Location) || !tagged(n.Tags, in.Tags) {
			return compute.Node{}, false
		}
		return n.show(tx, now), true
	})
}

func (d computeDriver) GetNode(ctx context.Context, in compute.GetNode) (compute.Node, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (compute.Node, error) { return d.showNode(tx, now, in.Node) })
}

func (d computeDriver) showNode(tx *txn, now time.Time, id string) (compute.Node, error) {
	n, err := d.node(tx, now, id)
	if err != nil {
		return compute.Node{}, err
	}
	return n.show(tx, now), nil
}

func (d computeDriver) CreateNode(ctx context.Context, in compute.CreateNode) (compute.Node, error) {
	return create(ctx, d.driver, "create_node", in, func(tx *txn, now time.Time) (string, error) {
		if err := take(tx, "nodes", 1, d.config.MaxNodes); err != nil {
			return "", err
		}
		return d.makeNode(tx, now, in)
	}, d.showNode)
}

func (d computeDriver) CreateNodes(ctx context.Context, in compute.CreateNodes) ([]compute.Node, error) {
	return create(ctx, d.driver, "create_nodes", in, func(tx *txn, now time.Time) (string, error) {
		if in.Count < 1 {
			return "", invalid("count is at least 1, not %d", in.Count)
		}
		if err := take(tx, "nodes", in.Count, d.config.MaxNodes); err != nil {
			return "", err
		}
		ids := make([]string, in.Count)
		for i := range ids {
			one := in.CreateNode
			one.Name = fmt.Sprintf("%s-%d", in.Name, i+1)
			id, err := d.makeNode(tx, now, one)
			if err != nil {
				return "", err
			}
			ids[i] = id
		}
		return strings.Join(ids, " "), nil
	}, func(tx *txn, now time.Time, ids string) ([]compute.Node, error) {
		var out []compute.Node
		for id := range strings.FieldsSeq(ids) {
			n, err := d.showNode(tx, now, id)
			if err != nil {
				return nil, err
			}
			out = append(out, n)
		}
		return out, nil
	})
}

// makeNode makes one node with its root disk and its addresses.
func (d computeDriver) makeNode(tx *txn, now time.Time, in compute.CreateNode) (string, error) {
	size, err := findSize(in.Size)
	if err != nil {
		return "", err
	}
	image, err := d.image(tx, now, in.Image)
	if err != nil {
		return "", err
	}
	switch {
	case image.State != compute.ImageAvailable:
		return "", conflict("image %s is %s: wait for it to be available", image.ID, image.State)
	case image.Architecture != size.Architecture:
		return "", invalid("image %s is for %s, but size %s is %s", image.ID, image.Architecture, size.ID, size.Architecture)
	case in.RootDisk != 0 && in.RootDisk < image.Size:
		return "", invalid("root_disk: image %s needs %d GiB, not %d", image.ID, image.Size, in.RootDisk)
	}
	if in.KeyPair != "" {
		if _, ok := keyPairs.get(tx, in.KeyPair); !ok {
			return "", notFound("key pair", in.KeyPair, keyPairNames(tx)...)
		}
	}
	id := nextID(tx, "node")
	n := nodeRecord{Node: compute.Node{ID: id, Name: in.Name, Size: size.ID, Image: image.ID, KeyPair: in.KeyPair, Tags: maps.Clone(in.Tags), CreatedAt: now}, UserData: in.UserData}
	if err := d.connect(tx, now, &n.Node, in); err != nil {
		return "", err
	}
	root := d.makeRootDisk(tx, now, n.Node, max(in.RootDisk, image.Size))
	n.Volumes = []string{root}
	nodes.put(tx, id, n.going(compute.NodePending, compute.NodeRunning, now.Add(d.boot)))
	return id, nil
}

// changeNode changes a live node.
func (d computeDriver) changeNode(ctx context.Context, name string, in any, id string, f func(tx *txn, now time.Time, n nodeRecord) (nodeRecord, error)) error {
	return change(ctx, d.driver, name, in, func(tx *txn, now time.Time) error {
		n, err := d.liveNode(tx, now, id)
		if err == nil {
			n, err = f(tx, now, n)
		}
		if err == nil {
			nodes.put(tx, id, n)
		}
		return err
	})
}

// wrongState says that a node is in no state for an operation.
func wrongState(n nodeRecord, want string) error {
	return conflict("node %s is %s: it must be %s", n.ID, n.State, want)
}

func (d computeDriver) StartNode(ctx context.Context, in compute.StartNode) error {
	return d.changeNode(ctx, "start_node", in, in.Node, func(tx *txn, now time.Time, n nodeRecord) (nodeRecord, error) {
		switch n.State {
		case compute.NodeStopped:
			return n.going(compute.NodeStarting, compute.NodeRunning, now.Add(d.boot)), nil
		case compute.NodeRunning, compute.NodeStarting, compute.NodePending, compute.NodeRebooting:
			return n, nil
		}
		return n, wrongState(n, "stopped")
	})
}

func (d computeDriver) StopNode(ctx context.Context, in compute.StopNode) error {
	return d.changeNode(ctx, "stop_node", in, in.Node, func(tx *txn, now time.Time, n nodeRecord) (nodeRecord, error) {
		took := d.boot
		if in.Force {
			took = 0
		}
		switch n.State {
		case compute.NodeRunning, compute.NodeSuspended:
			return n.going(compute.NodeStopping, compute.NodeStopped, now.Add(took)), nil
		case compute.NodeStopped, compute.NodeStopping:
			return n, nil
		}
		return n, wrongState(n, "running")
	})
}

func (d computeDriver) RebootNode(ctx context.Context, in compute.RebootNode) error {
	return d.changeNode(ctx, "reboot_node", in, in.Node, func(tx *txn, now time.Time, n nodeRecord) (nodeRecord, error) {
		if n.State != compute.NodeRunning {
			return n, wrongState(n, "running")
		}
		return n.going(compute.NodeRebooting, compute.NodeRunning, now.Add(d.boot)), nil
	})
}

func (d computeDriver) SuspendNode(ctx context.Context, in compute.SuspendNode) error {
	return d.changeNode(ctx, "suspend_node", in, in.Node, func(tx *txn, now time.Time, n nodeRecord) (nodeRecord, error) {
		switch {
		case n.State == compute.NodeRunning:
			return n.going(compute.NodeUpdating, compute.NodeSuspended, now.Add(d.boot)), nil
		case n.State == compute.NodeSuspended || n.Next == compute.NodeSuspended:
			return n, nil
		}
		return n, wrongState(n, "running")
	})
}

func (d computeDriver) ResumeNode(ctx context.Context, in compute.ResumeNode) error {
	return d.changeNode(ctx, "resume_node", in, in.Node, func(tx *txn, now time.Time, n nodeRecord) (nodeRecord, error) {
		switch {
		case n.State == compute.NodeSuspended:
			return n.going(compute.NodeUpdating, compute.NodeRunning, now.Add(d.boot)), nil
		case n.State == compute.NodeRunning || n.State == compute.NodeUpdating && n.Next == compute.NodeRunning:
			return n, nil
		}
		return n, wrongState(n, "suspended")
	})
}

func (d computeDriver) ResizeNode(ctx context.Context, in compute.ResizeNode) error {
	return d.changeNode(ctx, "resize_node", in, in.Node, func(tx *txn, now time.Time, n nodeRecord) (nodeRecord, error) {
		size, err := findSize(in.Size)
		if err != nil {
			return n, err
		}
		old, err := findSize(n.Size)
		switch {
		case err == nil && old.Architecture != size.Architecture:
			return n, invalid("node %s is %s, but size %s is %s", n.ID, old.Architecture, size.ID, size.Architecture)
		case n.Size == size.ID:
			return n, nil
		case n.State != compute.NodeStopped:
			return n, wrongState(n, "stopped to be resized")
		}
		n.Size = size.ID
		return n, nil
	})
}

func (d computeDriver) DestroyNode(ctx context.Context, in compute.DestroyNode) error {
	return change(ctx, d.driver, "destroy_node", in, func(tx *txn, now time.Time) error {
		n, err := d.node(tx, now, in.Node)
		if err != nil || !n.alive() {
			return err
		}
		end := now.Add(d.boot)
		d.disconnect(tx, now, end, n.Node)
		d.leaveVolumes(tx, now, end, n)
		n = n.going(compute.NodeStopping, compute.NodeTerminated, end)
		n.Gone = end.Add(d.keep)
		nodes.put(tx, n.ID, n)
		expire(tx, n.Gone, string(nodes), n.ID)
		give(tx, "nodes", 1)
		return nil
	})
}

func (d computeDriver) SetNodeTags(ctx context.Context, in compute.SetNodeTags) error {
	return d.changeNode(ctx, "set_node_tags", in, in.Node, func(tx *txn, now time.Time, n nodeRecord) (nodeRecord, error) {
		n.Tags = maps.Clone(in.Tags)
		return n, nil
	})
}

func (d computeDriver) GetConsoleOutput(ctx context.Context, in compute.GetConsoleOutput) (compute.ConsoleOutput, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (compute.ConsoleOutput, error) {
		n, err := d.node(tx, now, in.Node)
		if err != nil {
			return compute.ConsoleOutput{}, err
		}
		return compute.ConsoleOutput{Text: n.console()}, nil
	})
}

// console is what a machine like this one would have written, at every boot.
func (n nodeRecord) console() string {
	var b strings.Builder
	for i, at := range n.Boots {
		fmt.Fprintf(&b, "[    0.000000] Linux version 6.12.0-sim (%s) started %s\n", n.Image, at.Format(time.RFC3339))
		fmt.Fprintf(&b, "[    0.310000] smpboot: size %s\n", n.Size)
		if len(n.PrivateIPs) > 0 {
			fmt.Fprintf(&b, "[    1.020000] eth0: address %s\n", n.PrivateIPs[0])
		}
		if i == 0 {
			fmt.Fprintf(&b, "cloud-init: instance id %s, hostname %s\n", n.ID, n.Name)
			if n.KeyPair != "" {
				fmt.Fprintf(&b, "cloud-init: authorized key %s\n", n.KeyPair)
			}
			if n.UserData != "" {
				first, _, _ := strings.Cut(n.UserData, "\n")
				fmt.Fprintf(&b, "cloud-init: user data of %d bytes (%s) finished\n", len(n.UserData), first)
			} else {
				b.WriteString("cloud-init: no user data\n")
			}
		}
		fmt.Fprintf(&b, "%s login: \n", n.Name)
	}
	return b.String()
}
