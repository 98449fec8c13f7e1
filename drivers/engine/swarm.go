package engine

import (
	"context"
	"iter"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Swarm is the container family on the swarm that a daemon is a manager of. A
// container is a service; its tasks, one for each replica, are containers on the
// swarm's machines. The swarm is the one cluster there is. Images are the daemon's
// own, as with [Driver].
type Swarm struct {
	images
	daemon *Driver
	here   atomic.Pointer[swarm.Info] // what does not change about the swarm and the node that is asked
}

// images is what a Swarm has in common with a Driver.
type images interface {
	container.ImageLister
	container.ImageGetter
	container.ImagePuller
	container.ImagePusher
	container.ImageDeleter
	native.Caller
	native.Pager
	Close() error
}

// NewSwarm makes the driver, as [New] does.
func NewSwarm(keychain authn.Keychain, options ...client.Opt) (*Swarm, error) {
	d, err := New(keychain, options...)
	if err != nil {
		return nil, err
	}
	return &Swarm{images: d, daemon: d}, nil
}

// SwarmMissing says why there are operations that a Swarm does not have.
func SwarmMissing() map[string]string {
	const one = "a daemon is in one swarm, which has no name to choose: \"docker swarm init\" begins it, as native(\"POST /swarm/init\") does, and \"docker swarm leave\" ends it"
	missing := map[string]string{
		"list_locations":  "a swarm is in no place of a provider's; its machines are told by native(\"GET /nodes\"), and extra's constraints choose among them",
		"create_cluster":  one,
		"destroy_cluster": one,
	}
	for name, why := range Missing() {
		if strings.HasPrefix(name, "list_repo") || name == "list_tags" || name == "copy_image" {
			missing[name] = why
		}
	}
	return missing
}

// info is what the daemon says of the swarm.
func (s *Swarm) info(ctx context.Context) (client.SystemInfoResult, error) {
	return ask(ctx, s.daemon.api.Info, client.InfoOptions{})
}

// manager is what does not change of info.
func (s *Swarm) manager(ctx context.Context) (*swarm.Info, error) {
	if known := s.here.Load(); known != nil {
		return known, nil
	}
	out, err := s.info(ctx)
	if err != nil {
		return nil, err
	}
	i := out.Info.Swarm
	switch {
	case i.LocalNodeState == swarm.LocalNodeStateLocked:
		return nil, op.Errorf(op.Conflict, "the swarm is locked: unlock it with \"docker swarm unlock\"")
	case i.Cluster == nil:
		return nil, op.Errorf(op.Conflict, "the daemon is no manager of a swarm: connect to one that is, or begin one with \"docker swarm init\"")
	}
	s.here.Store(&i)
	return &i, nil
}

// ListClusters lists the swarm.
func (s *Swarm) ListClusters(ctx context.Context, _ container.ListClusters) iter.Seq2[container.Cluster, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]container.Cluster, string, error) {
		out, err := s.info(ctx)
		if err != nil || out.Info.Swarm.LocalNodeState == swarm.LocalNodeStateInactive {
			return nil, "", err
		}
		if out.Info.Swarm.Cluster == nil {
			_, err := s.manager(ctx)
			return nil, "", err
		}
		return []container.Cluster{cluster(out)}, "", nil
	})
}

func (s *Swarm) GetCluster(ctx context.Context, in container.GetCluster) (container.Cluster, error) {
	out, err := s.info(ctx)
	if err != nil {
		return container.Cluster{}, err
	}
	if c := out.Info.Swarm.Cluster; c == nil || c.ID != in.Cluster {
		return container.Cluster{}, op.Errorf(op.NotFound, "the daemon is no manager of a swarm %q", in.Cluster)
	}
	return cluster(out), nil
}

func cluster(out client.SystemInfoResult) container.Cluster {
	i := out.Info.Swarm
	c := container.Cluster{ID: i.Cluster.ID, Name: i.Cluster.Spec.Name, State: container.Unknown, Version: out.Info.ServerVersion, Nodes: i.Nodes, Tags: tagsOf(i.Cluster.Spec.Labels),
		CreatedAt: i.Cluster.CreatedAt.UTC(), Extra: map[string]any{"managers": i.Managers, "node": i.NodeID, "node_address": i.NodeAddr, "error": i.Error}}
	switch i.LocalNodeState {
	case swarm.LocalNodeStateActive:
		c.State = container.Running
	case swarm.LocalNodeStatePending:
		c.State = container.Pending
	case swarm.LocalNodeStateError:
		c.State = container.Error
	}
	return c
}

// service looks a service up by its id or name.
func (s *Swarm) service(ctx context.Context, id string) (swarm.Service, error) {
	if err := identified(id); err != nil {
		return swarm.Service{}, err
	}
	out, err := askOf(ctx, s.daemon.api.ServiceInspect, id, client.ServiceInspectOptions{})
	return out.Service, err
}

// tasks are those of a service, or of all; some that have ended are among them.
func (s *Swarm) tasks(ctx context.Context, service string) ([]swarm.Task, error) {
	f := client.Filters{}
	if service != "" {
		f.Add("service", service)
	}
	out, err := ask(ctx, s.daemon.api.TaskList, client.TaskListOptions{Filters: f})
	return out.Items, err
}

// ListContainers takes two requests: for the services, and for the tasks of all.
func (s *Swarm) ListContainers(ctx context.Context, in container.ListContainers) iter.Seq2[container.Container, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]container.Container, string, error) {
		here, err := s.manager(ctx)
		if err != nil {
			return nil, "", err
		}
		f := client.Filters{}
		if in.Name != "" {
			f.Add("name", in.Name)
		}
		for k, v := range in.Tags {
			f.Add("label", k+"="+v)
		}
		services, err := ask(ctx, s.daemon.api.ServiceList, client.ServiceListOptions{Filters: f})
		if err != nil || len(services.Items) == 0 {
			return nil, "", err
		}
		tasks, err := s.tasks(ctx, "")
		if err != nil {
			return nil, "", err
		}
		of := map[string][]swarm.Task{}
		for _, t := range tasks {
			of[t.ServiceID] = append(of[t.ServiceID], t)
		}
		all := make([]container.Container, len(services.Items))
		for i, v := range services.Items {
			all[i] = served(v, of[v.ID], here.Cluster.ID)
		}
		return all, "", nil
	})
}

func (s *Swarm) GetContainer(ctx context.Context, in container.GetContainer) (container.Container, error) {
	v, err := s.service(ctx, in.Container)
	if err != nil {
		return container.Container{}, err
	}
	return s.show(ctx, v)
}

// show looks up what a service's state depends on.
func (s *Swarm) show(ctx context.Context, v swarm.Service) (container.Container, error) {
	here, err := s.manager(ctx)
	if err != nil {
		return container.Container{}, err
	}
	tasks, err := s.tasks(ctx, v.ID)
	if err != nil {
		return container.Container{}, err
	}
	return served(v, tasks, here.Cluster.ID), nil
}

// change changes a service's specification; f reports whether there is anything to
// change. Where others change it meanwhile, it is done again on what they made.
func (s *Swarm) change(ctx context.Context, id string, f func(*swarm.ServiceSpec) (bool, error)) error {
	return op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		v, err := s.service(ctx, id)
		if err != nil {
			return false, err
		}
		if change, err := f(&v.Spec); err != nil || !change {
			return true, err
		}
		_, err = askOf(ctx, s.daemon.api.ServiceUpdate, v.ID, client.ServiceUpdateOptions{Version: v.Version, Spec: v.Spec})
		if err != nil && strings.Contains(err.Error(), "update out of sequence") {
			return false, nil
		}
		return err == nil, err
	})
}

// replicated refuses services that keep no number of tasks running.
func replicated(spec *swarm.ServiceSpec) (*uint64, error) {
	if spec.Mode.Replicated == nil {
		return nil, op.Errorf(op.Unsupported, "the service %s has no number of replicas: it is global, or a job", spec.Name)
	}
	if spec.Mode.Replicated.Replicas == nil {
		spec.Mode.Replicated.Replicas = new(uint64(1))
	}
	return spec.Mode.Replicated.Replicas, nil
}

// StartContainer lets as many run as did before the service was stopped; of one that
// has ended, all again.
func (s *Swarm) StartContainer(ctx context.Context, in container.StartContainer) error {
	now, err := s.GetContainer(ctx, container.GetContainer(in))
	if err != nil {
		return err
	}
	return s.change(ctx, now.ID, func(spec *swarm.ServiceSpec) (bool, error) {
		n, err := replicated(spec)
		if err != nil {
			return false, err
		}
		if *n > 0 {
			spec.TaskTemplate.ForceUpdate++
			return now.State == container.Stopped, nil
		}
		*n = stoppedOf(spec)
		delete(spec.Labels, replicasLabel)
		return true, nil
	})
}

// StopContainer lets none run, and writes down how many did. How long its tasks may
// take to end is in their own specification, and so said when they are deployed.
func (s *Swarm) StopContainer(ctx context.Context, in container.StopContainer) error {
	return s.change(ctx, in.Container, func(spec *swarm.ServiceSpec) (bool, error) {
		n, err := replicated(spec)
		if err != nil || *n == 0 {
			return false, err
		}
		stop(spec, n)
		return true, nil
	})
}

// RestartContainer has all tasks replaced, as update_config says.
func (s *Swarm) RestartContainer(ctx context.Context, in container.RestartContainer) error {
	return s.change(ctx, in.Container, func(spec *swarm.ServiceSpec) (bool, error) {
		if n := spec.Mode.Replicated; n != nil && n.Replicas != nil && *n.Replicas == 0 {
			return false, op.Errorf(op.Conflict, "the service %s is stopped: start it", spec.Name)
		}
		spec.TaskTemplate.ForceUpdate++
		return true, nil
	})
}

// ScaleContainer to 0 is to stop.
func (s *Swarm) ScaleContainer(ctx context.Context, in container.ScaleContainer) error {
	if in.Replicas < 0 {
		return op.Errorf(op.InvalidArgument, "replicas is %d: it is not negative", in.Replicas)
	}
	return s.change(ctx, in.Container, func(spec *swarm.ServiceSpec) (bool, error) {
		n, err := replicated(spec)
		if err != nil || *n == uint64(in.Replicas) {
			return false, err
		}
		if in.Replicas == 0 {
			stop(spec, n)
			return true, nil
		}
		*n = uint64(in.Replicas)
		delete(spec.Labels, replicasLabel)
		return true, nil
	})
}

// DestroyContainer removes the service; its tasks end after it.
func (s *Swarm) DestroyContainer(ctx context.Context, in container.DestroyContainer) error {
	if err := identified(in.Container); err != nil {
		return err
	}
	_, err := askOf(ctx, s.daemon.api.ServiceRemove, in.Container, client.ServiceRemoveOptions{})
	return err
}

// ExecContainer runs a command in one of the tasks that run on the node that is
// asked: a manager runs none on another.
func (s *Swarm) ExecContainer(ctx context.Context, in container.ExecContainer) (container.ExecResult, error) {
	var none container.ExecResult
	v, err := s.service(ctx, in.Container)
	if err != nil {
		return none, err
	}
	here, err := s.manager(ctx)
	if err != nil {
		return none, err
	}
	tasks, err := s.tasks(ctx, v.ID)
	if err != nil {
		return none, err
	}
	elsewhere := ""
	for _, t := range tasks {
		switch {
		case !works(t) || t.Status.ContainerStatus == nil:
		case t.NodeID == here.NodeID:
			in.Container = t.Status.ContainerStatus.ContainerID
			return s.daemon.ExecContainer(ctx, in)
		default:
			elsewhere = t.NodeID
		}
	}
	if elsewhere != "" {
		return none, op.Errorf(op.Conflict, "the service %s runs on other nodes than the one that is asked, and Docker runs commands on that alone: connect to the node %s", v.Spec.Name, elsewhere)
	}
	return none, op.Errorf(op.Conflict, "the service %s does not run", v.Spec.Name)
}
