package openstack

import (
	"context"
	"net/http"
	"time"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// act asks for one of Nova's actions on a node.
func (d *computeDriver) act(ctx context.Context, node string, action object, out any) error {
	_, err := d.send(ctx, nova, http.MethodPost, path("servers", node, "action"), action, out)
	return err
}

// reach asks for an action whose end a node may have reached already, which
// Nova refuses as a conflict.
func (d *computeDriver) reach(ctx context.Context, node string, action object, already ...string) error {
	err := d.act(ctx, node, action, nil)
	if op.KindOf(err) != op.Conflict {
		return err
	}
	s, e := d.server(ctx, node)
	if e != nil {
		return err
	}
	for _, state := range already {
		if s.v.Status == state && s.v.Task == "" || s.v.Task == state {
			return nil
		}
	}
	return err
}

// StartNode also brings back a node that was shelved, which is stopped too.
func (d *computeDriver) StartNode(ctx context.Context, in compute.StartNode) error {
	err := d.reach(ctx, in.Node, object{"os-start": nil}, "ACTIVE", "powering-on", "unshelving")
	if op.KindOf(err) == op.Conflict {
		if s, e := d.server(ctx, in.Node); e == nil && (s.v.Status == "SHELVED" || s.v.Status == "SHELVED_OFFLOADED") {
			return d.act(ctx, in.Node, object{"unshelve": nil}, nil)
		}
	}
	return err
}

// StopNode has no force of its own: Nova asks a node to shut down, and cuts
// its power when it has not done so in a minute, or as long as its image says.
func (d *computeDriver) StopNode(ctx context.Context, in compute.StopNode) error {
	return d.reach(ctx, in.Node, object{"os-stop": nil}, "SHUTOFF", "powering-off")
}

func (d *computeDriver) RebootNode(ctx context.Context, in compute.RebootNode) error {
	return d.act(ctx, in.Node, object{"reboot": object{"type": "SOFT"}}, nil)
}

func (d *computeDriver) SuspendNode(ctx context.Context, in compute.SuspendNode) error {
	return d.reach(ctx, in.Node, object{"suspend": nil}, "SUSPENDED", "suspending")
}

// ResumeNode also resumes a node that is paused.
func (d *computeDriver) ResumeNode(ctx context.Context, in compute.ResumeNode) error {
	err := d.reach(ctx, in.Node, object{"resume": nil}, "ACTIVE", "resuming", "unpausing")
	if op.KindOf(err) == op.Conflict {
		if s, e := d.server(ctx, in.Node); e == nil && s.v.Status == "PAUSED" {
			return d.act(ctx, in.Node, object{"unpause": nil}, nil)
		}
	}
	return err
}

// ResizeNode waits for Nova to have moved the node to its new size, to say that
// it may stay so: until then, it has both. Asked again, it goes on where it was.
func (d *computeDriver) ResizeNode(ctx context.Context, in compute.ResizeNode) error {
	begun := false
	return op.Poll(ctx, 5*time.Second, func(ctx context.Context) (bool, error) {
		s, err := d.server(ctx, in.Node)
		switch {
		case err != nil:
			return false, err
		case s.v.Status == "VERIFY_RESIZE" && s.v.Flavor.ID == in.Size:
			return true, d.act(ctx, in.Node, object{"confirmResize": nil}, nil)
		case s.v.Status == "RESIZE", s.v.Task == "resize_prep", s.v.Task == "resize_migrating", s.v.Task == "resize_migrated", s.v.Task == "resize_finish":
			return false, nil
		case s.v.Flavor.ID == in.Size:
			return true, nil
		case begun && s.v.Status == "ERROR":
			return false, op.Errorf(op.Unavailable, "the node could not get the size %s: %v", in.Size, s.extra("fault"))
		case begun:
			return false, op.Errorf(op.Conflict, "the node did not get the size %s and is %s as before: the cloud found no host for it", in.Size, s.v.Status)
		}
		begun = true
		return false, d.act(ctx, in.Node, object{"resize": object{"flavorRef": in.Size}}, nil)
	})
}

func (d *computeDriver) SetNodeTags(ctx context.Context, in compute.SetNodeTags) error {
	tags := in.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	_, err := d.send(ctx, nova, http.MethodPut, path("servers", in.Node, "metadata"), object{"metadata": tags}, nil)
	return err
}

func (d *computeDriver) GetConsoleOutput(ctx context.Context, in compute.GetConsoleOutput) (compute.ConsoleOutput, error) {
	var out struct{ Output string }
	err := d.act(ctx, in.Node, object{"os-getConsoleOutput": object{}}, &out)
	if op.KindOf(err) == op.Conflict { // it is not there yet
		return compute.ConsoleOutput{}, nil
	}
	return compute.ConsoleOutput{Text: out.Output}, err
}
