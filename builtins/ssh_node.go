package builtins

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/cloudlark/cloudlark/deploy"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// deploys is how long a node may take until it lets us in, unless the script says
// otherwise.
const deploys = 10 * time.Minute

// deployable reports whether records are nodes, which have deploy.
func (r *record) deployable() bool {
	return r.typ.Go == reflect.TypeFor[compute.Node]() && r.conn != nil && r.conn.conn.Provider.Family == compute.Family
}

// deploy is the method deploy(steps, user=…, key=…, address="public") of nodes: it
// waits for an address and for SSH, and does the steps.
func (r *record) deploy(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	p := plan{show: true, address: "public"}
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, append([]any{"steps", &p.steps}, p.pairs()...)...); err != nil {
		return nil, err
	}
	list, err := p.read(b.Name())
	if err != nil {
		return nil, err
	}
	return r.deployed(scopeOf(t), b.Name(), &p, list)
}

// A plan is what is to be deployed, and how.
type plan struct {
	way
	steps   starlark.Value
	address string
	show    bool
}

func (p *plan) pairs() []any {
	return append([]any{"address?", &p.address, "show?", &p.show}, p.way.pairs()...)
}

func (p *plan) read(builtin string) ([]deploy.Step, error) {
	list, err := stepsOf(builtin, p.steps)
	if err != nil {
		return nil, err
	}
	return list, p.way.read(builtin, deploys)
}

func (r *record) deployed(s *scope, builtin string, p *plan, steps []deploy.Step) (starlark.Value, error) {
	until := time.Now().Add(p.patience)
	ctx, cancel := context.WithDeadline(s.ctx, until)
	defer cancel()
	node, host, err := r.reachable(ctx, s, builtin, p)
	if err != nil {
		return nil, err
	}
	if text(p.name) == "" {
		p.name = starlark.String(node.Name)
	}
	if p.patience = time.Until(until); p.patience <= 0 {
		p.patience = time.Second
	}
	// Addresses go from one node to the next: what is known of a node goes by its id.
	session, err := s.connect(builtin, &p.way, host, r.conn.conn.Name+"/"+node.ID)
	if err != nil {
		return nil, err
	}
	defer func() {
		s.forget(session)
		session.Close()
	}()
	return session.apply(s.ctx, steps, p.show)
}

// reachable waits until a node has an address to be reached at, and has shown its
// host keys if they are to be the console's.
func (r *record) reachable(ctx context.Context, s *scope, builtin string, p *plan) (compute.Node, string, error) {
	for pause := firstLook; ; pause = min(pause*3/2, waitInterval) {
		node := r.Held().(*compute.Node)
		host, missing := addressOf(node, p.address)
		if host != "" && p.console {
			keys, err := r.consoleKeys(ctx)
			if err != nil {
				return *node, "", err
			}
			if p.keys = keys; len(keys) == 0 {
				host, missing = "", "host keys on its console"
			}
		}
		if host != "" {
			return *node, host, nil
		}
		switch node.State {
		case compute.NodeTerminated, compute.NodeError:
			return *node, "", op.Errorf(op.Conflict, "%s: the node %s is %s", builtin, node.Name, node.State)
		}
		s.tell(Event{Kind: "wait", What: r.label(), State: string(node.State)})
		select {
		case <-ctx.Done():
			return *node, "", op.Errorf(op.KindOf(ctx.Err()), "%s: the node %s has no %s", builtin, node.Name, missing)
		case <-time.After(pause):
		}
		fresh, err := r.refresh(ctx)
		if err != nil {
			return *node, "", err
		}
		r = fresh
	}
}

const firstLook = 200 * time.Millisecond

// addressOf is where a node is to be reached: "public", "private", or an address
// itself. A node that runs without a public address is reached at a private one.
func addressOf(n *compute.Node, which string) (host, missing string) {
	switch {
	case which == "private" && len(n.PrivateIPs) > 0:
		return n.PrivateIPs[0], ""
	case which == "private":
		return "", "private address"
	case which != "public":
		return which, ""
	case len(n.PublicIPs) > 0:
		return n.PublicIPs[0], ""
	case n.State == compute.NodeRunning && len(n.PrivateIPs) > 0:
		return n.PrivateIPs[0], ""
	}
	return "", "address"
}

func (r *record) consoleKeys(ctx context.Context) ([]string, error) {
	o, err := compute.Family.Lookup("get_console_output")
	if err != nil {
		return nil, err
	}
	in, err := o.In().Decode(nil, r)
	if err != nil {
		return nil, err
	}
	out, err := r.conn.conn.Do(ctx, o, in)
	if err != nil {
		return nil, err
	}
	return deploy.ConsoleKeys(out.(compute.ConsoleOutput).Text), nil
}

// deployNode is deploy_node of compute connections: create_node and deploy in one.
//
//	cloud.deploy_node(name = "web-1", size = …, image = …, key_pair = "ops", deploy = {"steps": [...], "key": key})
//
// When the deployment fails the node is destroyed, unless keep is True; the error
// says which.
func (c *connection) deployNode(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s := scopeOf(t)
	var keep bool
	var how starlark.Value
	var rest []starlark.Tuple
	for _, kv := range kwargs {
		switch text(kv[0]) {
		case "keep":
			keep = bool(kv[1].Truth())
		case "deploy":
			how = kv[1]
		default:
			rest = append(rest, kv)
		}
	}
	p := plan{show: true, address: "public"}
	var named []starlark.Tuple
	switch v := how.(type) {
	case nil:
		return nil, op.Errorf(op.InvalidArgument, "%s: deploy is missing: the steps, or a dict of what node.deploy takes", b.Name())
	case starlark.IterableMapping:
		named = v.Items()
	default:
		named = []starlark.Tuple{{starlark.String("steps"), v}}
	}
	if err := starlark.UnpackArgs(b.Name(), nil, named, append([]any{"steps", &p.steps}, p.pairs()...)...); err != nil {
		return nil, err
	}
	// What is wrong with it is told before anything is made.
	steps, err := p.read(b.Name())
	if err != nil {
		return nil, err
	}
	create, err := compute.Family.Lookup("create_node")
	if err != nil {
		return nil, err
	}
	made, err := c.call(s, create, nil, args, rest)
	if err != nil {
		return nil, err
	}
	node := made.(*record)
	results, err := node.deployed(s, b.Name(), &p, steps)
	if err == nil {
		if fresh, rerr := node.refresh(s.ctx); rerr == nil {
			node = fresh
		}
		return starlarkstruct.FromStringDict(starlark.String("deployed"), starlark.StringDict{"node": node, "results": results}), nil
	}
	e := *op.AsError(err)
	n := node.Held().(*compute.Node)
	switch {
	case keep:
		e.Message += fmt.Sprintf("; the node %s (%s) is kept", n.Name, n.ID)
	default:
		if derr := node.destroy(s.ctx); derr != nil {
			e.Message += fmt.Sprintf("; the node %s (%s) could not be destroyed: %v", n.Name, n.ID, derr)
		} else {
			e.Message += fmt.Sprintf("; the node %s (%s) was destroyed", n.Name, n.ID)
		}
	}
	return nil, &e
}

// destroy destroys the record's node, also when the run is being given up.
func (r *record) destroy(ctx context.Context) error {
	o, err := compute.Family.Lookup("destroy_node")
	if err != nil {
		return err
	}
	in, err := o.In().Decode(nil, r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_, err = r.conn.conn.Do(ctx, o, in)
	return err
}

// hasDeployNode reports whether the connection can make nodes and deploy to them.
func (c *connection) hasDeployNode() bool {
	return c.family() == compute.Family && slices.ContainsFunc(c.conn.Provider.Operations(), func(o *op.Op) bool { return o.Name == "create_node" })
}
