package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// SwarmExtra is what deploy_container takes in extra, on a swarm.
type SwarmExtra struct {
	Entrypoint   []string       `json:"entrypoint,omitzero" help:"Instead of the image's entry point, which command is handed to."`
	Networks     []string       `json:"networks,omitzero" help:"The networks that its tasks are in, by name or id: overlay networks, or \"host\"."`
	Publish      PublishMode    `json:"publish,omitzero" default:"ingress" help:"How ports are reached: ingress at every node of the swarm, by its routing mesh; host at the nodes that a task runs on."`
	Global       bool           `json:"global,omitzero" help:"Run one on every node, instead of a number of replicas."`
	Constraints  []string       `json:"constraints,omitzero" help:"The nodes that it may run on: \"node.role == worker\", \"node.labels.disk == ssd\"."`
	UpdateConfig map[string]any `json:"update_config,omitzero" help:"How tasks are replaced, as the Engine API writes UpdateConfig: {\"Parallelism\": 2, \"Order\": \"start-first\", \"FailureAction\": \"rollback\"}."`
	Container    map[string]any `json:"container,omitzero" help:"More of its containers, as the Engine API writes ContainerSpec: {\"User\": \"1000\", \"StopGracePeriod\": 30000000000, \"Healthcheck\": {…}}. A field that is given replaces what the arguments made of it."`
	Task         map[string]any `json:"task,omitzero" help:"More of its tasks, as the Engine API writes TaskSpec: {\"LogDriver\": {…}, \"Placement\": {…}}. A field that is given replaces what the arguments made of it."`
}

// PublishMode is how a service's ports are reached.
type PublishMode string

// Values makes PublishMode an enumeration.
func (PublishMode) Values() []string { return []string{"ingress", "host"} }

// DeployContainer makes a service, which is one request: there is all of it or nothing.
func (s *Swarm) DeployContainer(ctx context.Context, in container.DeployContainer) (container.Container, error) {
	var none container.Container
	extra, err := op.Extra[SwarmExtra](in.Extra)
	if err != nil {
		return none, err
	}
	spec, err := planned(in, extra)
	if err != nil {
		return none, err
	}
	here, err := s.manager(ctx)
	if err != nil {
		return none, err
	}
	if in.Cluster != "" && in.Cluster != here.Cluster.ID {
		return none, op.Errorf(op.NotFound, "there is no cluster %q: the swarm is %s", in.Cluster, here.Cluster.ID)
	}
	authorization, err := s.pin(ctx, in.Image, &spec)
	if err != nil {
		return none, err
	}
	made, err := ask(ctx, s.daemon.api.ServiceCreate, client.ServiceCreateOptions{Spec: spec, EncodedRegistryAuth: authorization})
	if err != nil {
		return none, err
	}
	v, err := s.service(ctx, made.ID)
	if err != nil { // it is made, and is told as far as is known
		v = swarm.Service{ID: made.ID, Spec: spec}
	}
	return served(v, nil, here.Cluster.ID), nil
}

// pin has all tasks run what the image's name stands for now, whichever node pulls it
// and when, and finds out whether there is such an image. One that no registry has may
// be on the nodes: on the one that is asked it is looked for.
func (s *Swarm) pin(ctx context.Context, image string, spec *swarm.ServiceSpec) (authorization string, err error) {
	if isID(image) { // which nodes could not pull by
		i, err := s.daemon.image(ctx, image)
		if err != nil {
			return "", err
		}
		if i.Name == "" || isID(i.Name) {
			return "", op.Errorf(op.InvalidArgument, "image: %s has no name, and a swarm's nodes pull by name: push it, and give that", image)
		}
		image = i.Name
	}
	ref, err := named(image)
	if err != nil {
		return "", err
	}
	if authorization, err = s.daemon.credentials(ctx, ref); err != nil {
		return "", err
	}
	task := &spec.TaskTemplate
	task.ContainerSpec.Image = reference.FamiliarString(ref)
	known, err := askOf(ctx, s.daemon.api.DistributionInspect, ref.String(), client.DistributionInspectOptions{EncodedRegistryAuth: authorization})
	if err != nil {
		if _, local := s.daemon.image(ctx, image); local == nil {
			return authorization, nil
		}
		return "", err
	}
	if _, pinned := ref.(reference.Canonical); !pinned {
		exact, err := reference.WithDigest(ref, known.Descriptor.Digest)
		if err != nil {
			return "", op.Errorf(op.Internal, "the registry's digest of %s: %w", image, err)
		}
		task.ContainerSpec.Image = reference.FamiliarString(exact)
	}
	if task.Placement == nil || task.Placement.Platforms == nil {
		for _, p := range known.Platforms {
			if p.Architecture == "" {
				continue
			}
			if task.Placement == nil {
				task.Placement = &swarm.Placement{}
			}
			task.Placement.Platforms = append(task.Placement.Platforms, swarm.Platform{Architecture: p.Architecture, OS: p.OS})
		}
	}
	return authorization, nil
}

// planned is a service in the API's terms.
func planned(in container.DeployContainer, extra SwarmExtra) (swarm.ServiceSpec, error) {
	none := swarm.ServiceSpec{}
	refuse := func(format string, args ...any) (swarm.ServiceSpec, error) {
		return none, op.Errorf(op.InvalidArgument, format, args...)
	}
	replicas := op.Or(in.Replicas, 1)
	switch {
	case replicas < 0:
		return refuse("replicas is %d: it is not negative", replicas)
	case extra.Global && replicas != 1:
		return refuse("extra: a global service has as many replicas as the swarm has nodes for it, and not %d", replicas)
	case in.CPUs < 0 || in.Memory < 0:
		return refuse("cpus and memory are not negative")
	case in.Tags[replicasLabel] != "":
		return refuse("tags: %s is the driver's own", replicasLabel)
	}
	c := &swarm.ContainerSpec{Image: in.Image, Command: extra.Entrypoint, Args: in.Command, Labels: maps.Clone(in.Tags)}
	for _, name := range slices.Sorted(maps.Keys(in.Environment)) {
		c.Env = append(c.Env, name+"="+in.Environment[name])
	}
	for _, m := range in.Mounts {
		c.Mounts = append(c.Mounts, mountOf(m))
	}
	spec := swarm.ServiceSpec{Annotations: swarm.Annotations{Name: in.Name, Labels: maps.Clone(in.Tags)}}
	task := &spec.TaskTemplate
	task.ContainerSpec = c
	if in.CPUs > 0 || in.Memory > 0 {
		task.Resources = &swarm.ResourceRequirements{Limits: &swarm.Limit{NanoCPUs: int64(in.CPUs * 1e9), MemoryBytes: int64(in.Memory) << 20}}
	}
	for condition, policy := range restarts {
		if policy == in.RestartPolicy {
			task.RestartPolicy = &swarm.RestartPolicy{Condition: condition}
		}
	}
	if len(extra.Constraints) > 0 {
		task.Placement = &swarm.Placement{Constraints: extra.Constraints}
	}
	for _, n := range extra.Networks {
		task.Networks = append(task.Networks, swarm.NetworkAttachmentConfig{Target: n})
	}
	if extra.Global {
		spec.Mode.Global = &swarm.GlobalService{}
	} else {
		spec.Mode.Replicated = &swarm.ReplicatedService{Replicas: new(uint64(replicas))}
	}
	for _, p := range in.Ports {
		switch {
		case p.Port < 1 || p.Port > 65535 || p.HostPort < 0 || p.HostPort > 65535:
			return refuse("ports: a port is from 1 to 65535")
		case p.HostIP != "":
			return refuse("ports: host_ip: a swarm publishes ports at all addresses of its nodes")
		}
		if spec.EndpointSpec == nil {
			spec.EndpointSpec = &swarm.EndpointSpec{}
		}
		protocol := p.Protocol
		if protocol == "" {
			protocol = container.TCP
		}
		spec.EndpointSpec.Ports = append(spec.EndpointSpec.Ports, swarm.PortConfig{Protocol: network.IPProtocol(protocol), TargetPort: uint32(p.Port), PublishedPort: uint32(p.HostPort),
			PublishMode: swarm.PortConfigPublishMode(extra.Publish)})
	}
	for _, more := range []struct {
		name  string
		value map[string]any
		into  any
	}{{"update_config", extra.UpdateConfig, &spec.UpdateConfig}, {"container", extra.Container, c}, {"task", extra.Task, task}} {
		if err := native.Fill("extra: "+more.name, more.value, more.into); err != nil {
			return none, err
		}
	}
	return spec, nil
}
