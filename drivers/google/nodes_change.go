package google

import (
	"context"
	"slices"

	gce "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// turn changes what a node does. What is there already or on its way is left
// alone; what is in no state to begin from is a conflict, as Google Compute
// Engine has no one answer to that.
func (d *gceDriver) turn(ctx context.Context, id string, there, from []string, begin func(r ref) (*gce.Operation, error)) error {
	r, err := d.node(ctx, id)
	if err != nil {
		return err
	}
	i, err := d.instance(ctx, r, "status")
	switch {
	case err != nil:
		return err
	case slices.Contains(there, i.Status):
		return nil
	case !slices.Contains(from, i.Status):
		return op.Errorf(op.Conflict, "the node %s is %s", id, nodeStates[i.Status])
	}
	o, err := begin(r)
	if err != nil {
		return err
	}
	was := i.Status
	return d.start(r.project, o).begun(ctx, func(ctx context.Context) (bool, error) {
		i, err := d.instance(ctx, r, "status")
		// A zone may be short of what a node needs until it is staged.
		return err == nil && i.Status != was && i.Status != "PROVISIONING" && i.Status != "PENDING", err
	})
}

func (d *gceDriver) StartNode(ctx context.Context, in compute.StartNode) error {
	return d.turn(ctx, in.Node, []string{"PROVISIONING", "STAGING", "RUNNING"}, []string{"TERMINATED", "STOPPED"}, func(r ref) (*gce.Operation, error) {
		return change(ctx, "start", d.api.Instances.Start(r.project, r.scope, r.name))
	})
}

func (d *gceDriver) StopNode(ctx context.Context, in compute.StopNode) error {
	from := []string{"PROVISIONING", "STAGING", "RUNNING", "SUSPENDED", "REPAIRING"}
	there := []string{"TERMINATED", "STOPPED"}
	if in.Force {
		from = append(from, "PENDING_STOP", "STOPPING") // which cuts short what was asked kindly
	} else {
		there = append(there, "PENDING_STOP", "STOPPING")
	}
	return d.turn(ctx, in.Node, there, from, func(r ref) (*gce.Operation, error) {
		stop := d.api.Instances.Stop(r.project, r.scope, r.name)
		if in.Force {
			stop.NoGracefulShutdown(true)
		}
		return change(ctx, "stop", stop)
	})
}

func (d *gceDriver) SuspendNode(ctx context.Context, in compute.SuspendNode) error {
	return d.turn(ctx, in.Node, []string{"SUSPENDING", "SUSPENDED"}, []string{"RUNNING"}, func(r ref) (*gce.Operation, error) {
		return change(ctx, "suspend", d.api.Instances.Suspend(r.project, r.scope, r.name))
	})
}

func (d *gceDriver) ResumeNode(ctx context.Context, in compute.ResumeNode) error {
	return d.turn(ctx, in.Node, []string{"PROVISIONING", "STAGING", "RUNNING"}, []string{"SUSPENDED"}, func(r ref) (*gce.Operation, error) {
		return change(ctx, "resume", d.api.Instances.Resume(r.project, r.scope, r.name))
	})
}

// RebootNode resets: Google Compute Engine cannot ask a node to reboot.
func (d *gceDriver) RebootNode(ctx context.Context, in compute.RebootNode) error {
	r, err := d.node(ctx, in.Node)
	if err != nil {
		return err
	}
	o, err := change(ctx, "reset", d.api.Instances.Reset(r.project, r.scope, r.name))
	if err != nil {
		return err
	}
	return d.start(r.project, o).begun(ctx, underWay)
}

func (d *gceDriver) ResizeNode(ctx context.Context, in compute.ResizeNode) error {
	r, err := d.node(ctx, in.Node)
	if err != nil {
		return err
	}
	if !rule.MatchString(in.Size) {
		return op.Errorf(op.NotFound, "there is no size %q: list_sizes lists them", in.Size)
	}
	i, err := d.instance(ctx, r, "status,machineType")
	switch {
	case err != nil:
		return err
	case base(i.MachineType) == in.Size:
		return nil
	case nodeStates[i.Status] != compute.NodeStopped:
		return op.Errorf(op.Conflict, "the node %s is %s: only a stopped one can be resized", in.Node, nodeStates[i.Status])
	}
	o, err := change(ctx, "setMachineType", d.api.Instances.SetMachineType(r.project, r.scope, r.name,
		&gce.InstancesSetMachineTypeRequest{MachineType: "zones/" + r.scope + "/machineTypes/" + in.Size}))
	if err != nil {
		return err
	}
	return d.start(r.project, o).finished(ctx)
}

func (d *gceDriver) DestroyNode(ctx context.Context, in compute.DestroyNode) error {
	r, err := d.node(ctx, in.Node)
	if err != nil {
		return err
	}
	return d.remove(ctx, r)
}

// remove deletes a node; its root disk goes with it.
func (d *gceDriver) remove(ctx context.Context, r ref) error {
	o, err := change(ctx, "delete "+r.name, d.api.Instances.Delete(r.project, r.scope, r.name))
	if err != nil {
		return err
	}
	return d.start(r.project, o).begun(ctx, underWay)
}

func (d *gceDriver) SetNodeTags(ctx context.Context, in compute.SetNodeTags) error {
	r, err := d.node(ctx, in.Node)
	if err != nil {
		return err
	}
	tags, err := labels(in.Tags)
	if err != nil {
		return err
	}
	return optimistically(ctx, func(ctx context.Context) error {
		i, err := d.instance(ctx, r, "labelFingerprint")
		if err != nil {
			return err
		}
		o, err := change(ctx, "setLabels "+i.LabelFingerprint, d.api.Instances.SetLabels(r.project, r.scope, r.name,
			&gce.InstancesSetLabelsRequest{Labels: tags, LabelFingerprint: i.LabelFingerprint, ForceSendFields: []string{"Labels"}}))
		if err != nil {
			return err
		}
		return d.start(r.project, o).finished(ctx)
	})
}
