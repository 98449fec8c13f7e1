package engine

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/swarm"

	"github.com/cloudlark/cloudlark/drivers/container"
)

// replicasLabel is the label that tells how many replicas a stopped service had.
const replicasLabel = "cloudlark.replicas"

func stop(spec *swarm.ServiceSpec, n *uint64) {
	if spec.Labels == nil {
		spec.Labels = map[string]string{}
	}
	spec.Labels[replicasLabel] = strconv.FormatUint(*n, 10)
	*n = 0
}

func stoppedOf(spec *swarm.ServiceSpec) uint64 {
	n, _ := strconv.ParseUint(spec.Labels[replicasLabel], 10, 64)
	return max(1, n)
}

// works reports whether a task runs, and is to.
func works(t swarm.Task) bool {
	return t.Status.State == swarm.TaskStateRunning && t.DesiredState == swarm.TaskStateRunning
}

// over reports whether a task has ended.
func over(t swarm.Task) bool {
	switch t.Status.State {
	case swarm.TaskStateComplete, swarm.TaskStateShutdown, swarm.TaskStateFailed, swarm.TaskStateRejected, swarm.TaskStateRemove, swarm.TaskStateOrphaned:
		return true
	}
	return false
}

// broke reports whether a task ended as it should not.
func broke(t swarm.Task) bool {
	return t.Status.State == swarm.TaskStateFailed || t.Status.State == swarm.TaskStateRejected
}

// served is a service with its tasks.
func served(v swarm.Service, tasks []swarm.Task, cluster string) container.Container {
	spec := v.Spec
	c := container.Container{ID: v.ID, Name: spec.Name, Cluster: cluster, RestartPolicy: container.RestartAlways, Tags: tagsOf(spec.Labels), CreatedAt: v.CreatedAt.UTC(), Extra: map[string]any{}}
	delete(c.Tags, replicasLabel)
	if s := spec.TaskTemplate.ContainerSpec; s != nil {
		c.Image, c.Command, c.Environment = s.Image, s.Args, variables(s.Env)
		if name, digest, ok := strings.Cut(s.Image, "@"); ok && strings.Contains(name[strings.LastIndex(name, "/")+1:], ":") {
			c.Image, c.Extra["digest"] = name, digest
		}
		for _, m := range s.Mounts {
			c.Mounts = append(c.Mounts, container.Mount{Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
		}
		if len(s.Command) > 0 {
			c.Extra["entrypoint"] = words(s.Command)
		}
	}
	if r := spec.TaskTemplate.Resources; r != nil && r.Limits != nil {
		c.CPUs, c.Memory = float64(r.Limits.NanoCPUs)/1e9, int(r.Limits.MemoryBytes>>20)
	}
	if p := spec.TaskTemplate.RestartPolicy; p != nil {
		c.RestartPolicy = cmp.Or(restarts[p.Condition], c.RestartPolicy)
	}
	if p := spec.TaskTemplate.Placement; p != nil && len(p.Constraints) > 0 {
		c.Extra["constraints"] = words(p.Constraints)
	}
	if u := v.UpdateStatus; u != nil {
		c.Extra["update"], c.Extra["update_message"] = string(u.State), u.Message
	}
	ports := slices.Clone(v.Endpoint.Ports)
	if len(ports) == 0 && spec.EndpointSpec != nil {
		ports = slices.Clone(spec.EndpointSpec.Ports)
	}
	for _, t := range tasks {
		if !works(t) {
			continue
		}
		ports = append(ports, t.Status.PortStatus.Ports...)
		for _, a := range t.NetworksAttachments {
			for _, ip := range a.Addresses {
				if a.Network.Spec.Ingress {
					continue
				}
				c.IPs = append(c.IPs, ip.Addr().String())
			}
		}
	}
	for _, p := range ports {
		if p.PublishMode == swarm.PortConfigPublishModeHost && p.PublishedPort == 0 && slices.ContainsFunc(ports, func(o swarm.PortConfig) bool {
			return o.PublishedPort != 0 && o.TargetPort == p.TargetPort && o.Protocol == p.Protocol
		}) {
			continue // what is wanted, where there is what came of it
		}
		port := container.Port{Port: int(p.TargetPort), HostPort: int(p.PublishedPort), Protocol: container.PortProtocol(cmp.Or(p.Protocol, "tcp"))}
		if !slices.Contains(c.Ports, port) {
			c.Ports = append(c.Ports, port)
		}
	}
	sorted(&c)
	conclude(&c, v, slots(tasks))
	return c
}

// slots are the tasks in their places, of which a replicated service has one for
// each replica and a global one for each node: in each the newest task first.
func slots(tasks []swarm.Task) map[string][]swarm.Task {
	all := map[string][]swarm.Task{}
	for _, t := range tasks {
		key := t.NodeID
		if t.Slot != 0 {
			key = strconv.Itoa(t.Slot)
		}
		all[key] = append(all[key], t)
	}
	for _, s := range all {
		slices.SortFunc(s, func(a, b swarm.Task) int { return b.CreatedAt.Compare(a.CreatedAt) })
	}
	return all
}

// conclude fills in what the tasks say: how many there are to be, how many run, and
// what that makes of the service.
func conclude(c *container.Container, v swarm.Service, slots map[string][]swarm.Task) {
	current, left, done, failing := 0, 0, 0, ""
	for _, key := range slices.Sorted(maps.Keys(slots)) {
		tasks := slots[key]
		newest := tasks[0]
		for _, t := range tasks {
			if works(t) {
				c.Ready++
			}
			if !over(t) && t.NodeID != "" {
				left++
			}
		}
		switch {
		case newest.Spec.ForceUpdate != v.Spec.TaskTemplate.ForceUpdate: // another is to take its place
		case works(newest):
			current++
		case over(newest) && (newest.DesiredState == swarm.TaskStateShutdown || newest.DesiredState == swarm.TaskStateComplete):
			done++
		}
		if broke(newest) {
			failing = newest.Status.Err
		} else if len(tasks) > 1 && !works(newest) && broke(tasks[1]) {
			failing = tasks[1].Status.Err
		}
		if s := newest.Status.ContainerStatus; s != nil && over(newest) && s.ContainerID != "" {
			code := s.ExitCode
			c.ExitCode = &code
		}
	}
	switch m := v.Spec.Mode; {
	case m.Replicated != nil:
		c.Replicas = int(*cmp.Or(m.Replicated.Replicas, new(uint64(1))))
	case m.ReplicatedJob != nil:
		c.Replicas = int(*cmp.Or(m.ReplicatedJob.TotalCompletions, m.ReplicatedJob.MaxConcurrent, new(uint64(1))))
	default:
		c.Replicas = len(slots)
	}
	once := c.RestartPolicy != container.RestartAlways || v.Spec.Mode.ReplicatedJob != nil || v.Spec.Mode.GlobalJob != nil
	switch {
	case c.Replicas == 0 && left == 0:
		c.State = container.Stopped
	case c.Replicas == 0:
		c.State = container.Pending
	case current >= c.Replicas:
		c.State = container.Running
	case once && done >= c.Replicas && left == 0:
		c.State = container.Stopped
	case failing != "" && c.RestartPolicy != container.RestartNo, v.UpdateStatus != nil && v.UpdateStatus.State == swarm.UpdateStatePaused:
		c.State = container.Error
	default:
		c.State = container.Pending
	}
	if failing != "" {
		c.Extra["error"] = failing
	}
	if c.State != container.Stopped || c.Replicas == 0 {
		c.ExitCode = nil
	}
}

// restarts are the restart policies in swarm's words.
var restarts = map[swarm.RestartPolicyCondition]container.RestartPolicy{
	swarm.RestartPolicyConditionNone: container.RestartNo, swarm.RestartPolicyConditionOnFailure: container.RestartOnFailure, swarm.RestartPolicyConditionAny: container.RestartAlways}

// tagsOf is a copy that is never nil.
func tagsOf(m map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, m)
	return out
}
