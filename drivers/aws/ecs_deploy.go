package aws

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/distribution/reference"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// serviceExtra is what deploy_container takes in extra.
type serviceExtra struct {
	LaunchType     string   `json:"launch_type,omitzero" enum:"FARGATE,EC2" default:"FARGATE" help:"Where it runs: FARGATE, or EC2 for the machines of the cluster."`
	Spot           bool     `json:"spot,omitzero" help:"On Fargate's spare capacity, which may be taken away."`
	Subnets        []string `json:"subnets,omitzero" help:"The subnets that it is in; the connection's if not given."`
	SecurityGroups []string `json:"security_groups,omitzero" help:"Its security groups; the connection's if not given."`
	PublicIP       *bool    `json:"public_ip,omitzero" help:"Whether its tasks have public addresses; so in the default network's subnets alone, if not given."`
	ExecutionRole  string   `json:"execution_role,omitzero" help:"The ARN of the role with which images are pulled and logs written; the connection's if not given."`
	TaskRole       string   `json:"task_role,omitzero" help:"The ARN of the role that the container itself acts with; the connection's if not given."`
	Exec           *bool    `json:"exec,omitzero" help:"Whether exec_container works in it; if it has a task role, if not given."`
	LogGroup       string   `json:"log_group,omitzero" help:"The CloudWatch log group that it writes to; the connection's if not given."`
	Entrypoint     []string `json:"entrypoint,omitzero" help:"Instead of the image's entry point, which command is handed to."`
	User           string   `json:"user,omitzero" help:"The user, and group, that it runs as."`
	WorkingDir     string   `json:"working_dir,omitzero" help:"The folder that it starts in."`
	Health         []string `json:"health,omitzero" help:"How its health is tried: [\"CMD-SHELL\", \"curl -f localhost\"]."`
	StopTimeout    *int     `json:"stop_timeout,omitzero" unit:"s" help:"How long a task may take to end by itself before it is killed: up to 120 on Fargate; 30 if not given."`
	Architecture   string   `json:"architecture,omitzero" enum:"X86_64,ARM64" help:"What Fargate is to run it on; X86_64 if not given."`
	TargetGroup    string   `json:"target_group,omitzero" help:"The ARN of a target group that its first port joins."`
}

// madeFor is the tag of a task definition that belongs to a service: its name.
const madeFor = reserved + "container"

// DeployContainer registers a task definition and runs it as a service. A
// service that cannot be created leaves no task definition.
func (d *ecsDriver) DeployContainer(ctx context.Context, in container.DeployContainer) (container.Container, error) {
	var none container.Container
	extra, err := op.Extra[serviceExtra](in.Extra)
	if err != nil {
		return none, err
	}
	cluster := in.Cluster
	if cluster == "" {
		cluster = d.clusterOf("")
	}
	definition, err := d.specified(in, extra)
	if err != nil {
		return none, err
	}
	network, err := d.network(ctx, extra)
	if err != nil {
		return none, err
	}
	// ECS takes a second service of the name for a repetition, and a task
	// definition is registered before it says so.
	known, err := d.client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{in.Name}})
	if err != nil {
		return none, err
	}
	for _, s := range known.Services {
		if aws.ToString(s.Status) == "ACTIVE" {
			return none, op.Errorf(op.AlreadyExists, "there is a service %q already: %s", in.Name, aws.ToString(s.ServiceArn))
		}
	}
	registered, err := d.client.RegisterTaskDefinition(ctx, definition)
	if err != nil {
		return none, err
	}
	arn := *registered.TaskDefinition.TaskDefinitionArn
	request := &ecs.CreateServiceInput{ServiceName: &in.Name, Cluster: &cluster, TaskDefinition: &arn, DesiredCount: aws.Int32(int32(*in.Replicas)), Tags: ecsTagList(in.Tags),
		PropagateTags: types.PropagateTagsService, LaunchType: types.LaunchType(extra.LaunchType), NetworkConfiguration: network,
		DeploymentConfiguration: &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: false}}}
	request.EnableExecuteCommand = commands(extra, definition)
	if extra.Spot {
		request.LaunchType, request.CapacityProviderStrategy = "", []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE_SPOT"), Weight: 1}}
	}
	if extra.TargetGroup != "" {
		request.LoadBalancers = []types.LoadBalancer{{TargetGroupArn: &extra.TargetGroup, ContainerName: &in.Name, ContainerPort: aws.Int32(int32(in.Ports[0].Port))}}
	}
	out, err := d.client.CreateService(ctx, request)
	if err == nil {
		return d.container(ctx, *out.Service)
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if left := d.forget(undo, arn); left != nil {
		e := *op.AsError(err)
		e.Message += "; and the task definition " + arn + " is left: " + op.AsError(left).Message
		return none, &e
	}
	return none, err
}

// network says where tasks are: each has an address of its own.
func (d *ecsDriver) network(ctx context.Context, extra serviceExtra) (*types.NetworkConfiguration, error) {
	if extra.LaunchType == "EC2" {
		return nil, nil
	}
	subnetIDs, groups, public := extra.Subnets, extra.SecurityGroups, false
	if len(subnetIDs) == 0 {
		subnetIDs = d.config.Subnets
	}
	if len(groups) == 0 {
		groups = d.config.SecurityGroups
	}
	if len(subnetIDs) == 0 {
		var err error
		if subnetIDs, _, err = subnets(ctx, d.ec2, lb.CreateBalancer{}); err != nil {
			return nil, err
		}
		public = true // without one, nothing of the default network reaches a registry
	}
	if extra.PublicIP != nil {
		public = *extra.PublicIP
	}
	assign := types.AssignPublicIpDisabled
	if public {
		assign = types.AssignPublicIpEnabled
	}
	return &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: subnetIDs, SecurityGroups: append([]string{}, groups...), AssignPublicIp: assign}}, nil
}

// specified is a container as a task definition.
func (d *ecsDriver) specified(in container.DeployContainer, extra serviceExtra) (*ecs.RegisterTaskDefinitionInput, error) {
	refuse := func(format string, args ...any) (*ecs.RegisterTaskDefinitionInput, error) {
		return nil, op.Errorf(op.InvalidArgument, format, args...)
	}
	if _, err := reference.ParseNormalizedNamed(in.Image); err != nil {
		return refuse("image: %q is no image's name like \"public.ecr.aws/nginx/nginx:1.29\": %w", in.Image, err)
	}
	fargate := extra.LaunchType != "EC2"
	switch {
	case *in.Replicas < 0 || *in.Replicas > 5000:
		return refuse("replicas is %d: it can be 0 to 5000", *in.Replicas)
	case in.CPUs < 0 || in.Memory < 0:
		return refuse("cpus and memory are not negative")
	case in.RestartPolicy != "" && in.RestartPolicy != container.RestartAlways:
		return refuse("restart_policy is %s: a service of ECS always replaces a task that ends", in.RestartPolicy)
	case extra.TargetGroup != "" && len(in.Ports) == 0:
		return refuse("extra: target_group is for the first of ports, and there is none")
	case extra.Spot && !fargate:
		return refuse("extra: spot is for Fargate")
	}
	c := types.ContainerDefinition{Name: &in.Name, Image: &in.Image, Command: in.Command, EntryPoint: extra.Entrypoint, Essential: aws.Bool(true), Cpu: int32(in.CPUs * 1024)}
	for _, name := range slices.Sorted(maps.Keys(in.Environment)) {
		c.Environment = append(c.Environment, types.KeyValuePair{Name: &name, Value: aws.String(in.Environment[name])})
	}
	if in.Memory > 0 {
		c.Memory = aws.Int32(int32(in.Memory))
	} else if !fargate {
		c.MemoryReservation = aws.Int32(128) // EC2 insists on some
	}
	if extra.User != "" {
		c.User = &extra.User
	}
	if extra.WorkingDir != "" {
		c.WorkingDirectory = &extra.WorkingDir
	}
	if extra.StopTimeout != nil {
		c.StopTimeout = aws.Int32(int32(*extra.StopTimeout))
	}
	if len(extra.Health) > 0 {
		c.HealthCheck = &types.HealthCheck{Command: extra.Health}
	}
	if group := cmp.Or(extra.LogGroup, d.config.LogGroup); group != "" {
		c.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": group,
			"awslogs-region": d.session.config.Region, "awslogs-stream-prefix": in.Name, "awslogs-create-group": "true"}}
	}
	for _, p := range in.Ports {
		if p.Port < 1 || p.Port > 65535 || p.HostPort < 0 || p.HostPort > 65535 {
			return refuse("ports: a port is from 1 to 65535")
		}
		if p.HostIP != "" || fargate && p.HostPort != 0 && p.HostPort != p.Port {
			return refuse("ports: on Fargate a task has an address of its own, where its port is what it is in the container: leave host_port and host_ip out")
		}
		m := types.PortMapping{ContainerPort: aws.Int32(int32(p.Port)), Protocol: types.TransportProtocol(p.Protocol)}
		if p.HostPort != 0 {
			m.HostPort = aws.Int32(int32(p.HostPort))
		}
		if m.Protocol == "" {
			m.Protocol = types.TransportProtocolTcp
		}
		c.PortMappings = append(c.PortMappings, m)
	}
	out := &ecs.RegisterTaskDefinitionInput{Family: &in.Name, Tags: ecsTagList(map[string]string{madeFor: in.Name})}
	for i, m := range in.Mounts {
		if !strings.HasPrefix(m.Target, "/") {
			return refuse("mounts: the target %q is not a path from the root", m.Target)
		}
		name := "mount-" + strconv.Itoa(i)
		v, err := volume(name, m.Source, fargate)
		if err != nil {
			return nil, err
		}
		if m.Source == "" && !fargate {
			c.LinuxParameters = &types.LinuxParameters{Tmpfs: append(tmpfs(c.LinuxParameters), types.Tmpfs{ContainerPath: &m.Target, Size: 64})}
			continue
		}
		out.Volumes = append(out.Volumes, v)
		c.MountPoints = append(c.MountPoints, types.MountPoint{SourceVolume: &name, ContainerPath: &m.Target, ReadOnly: &m.ReadOnly})
	}
	if role := cmp.Or(extra.ExecutionRole, d.config.ExecutionRole); role != "" {
		out.ExecutionRoleArn = &role
	}
	if role := cmp.Or(extra.TaskRole, d.config.TaskRole); role != "" {
		out.TaskRoleArn = &role
	}
	if extra.Architecture != "" {
		out.RuntimePlatform = &types.RuntimePlatform{CpuArchitecture: types.CPUArchitecture(extra.Architecture), OperatingSystemFamily: types.OSFamilyLinux}
	}
	out.RequiresCompatibilities = []types.Compatibility{types.Compatibility(extra.LaunchType)}
	if fargate {
		cpu, memory, err := taskSize(in.CPUs, in.Memory)
		if err != nil {
			return nil, err
		}
		out.NetworkMode, out.Cpu, out.Memory = types.NetworkModeAwsvpc, aws.String(strconv.Itoa(cpu)), aws.String(strconv.Itoa(memory))
	}
	if commands(extra, out) {
		// What the agent leaves behind wants a parent that sees to it.
		if c.LinuxParameters == nil {
			c.LinuxParameters = &types.LinuxParameters{}
		}
		c.LinuxParameters.InitProcessEnabled = aws.Bool(true)
	}
	out.ContainerDefinitions = []types.ContainerDefinition{c}
	return out, nil
}

// commands reports whether exec_container is to work: ECS refuses what asks for it
// and has no role.
func commands(extra serviceExtra, definition *ecs.RegisterTaskDefinitionInput) bool {
	if extra.Exec != nil {
		return *extra.Exec
	}
	return definition.TaskRoleArn != nil
}

func tmpfs(l *types.LinuxParameters) []types.Tmpfs {
	if l == nil {
		return nil
	}
	return l.Tmpfs
}

// volume tells by a mount's source what it is: a file system of EFS by its id, a
// path of the machine, a volume of Docker's by its name; without one, a folder
// of the task's own.
func volume(name, source string, fargate bool) (types.Volume, error) {
	v := types.Volume{Name: &name}
	switch {
	case source == "":
	case strings.HasPrefix(source, "fs-"):
		v.EfsVolumeConfiguration = &types.EFSVolumeConfiguration{FileSystemId: &source, TransitEncryption: types.EFSTransitEncryptionEnabled}
	case fargate:
		return v, op.Errorf(op.InvalidArgument, "mounts: Fargate has neither paths of a machine nor Docker's volumes to mount, as %q: name a file system of EFS (\"fs-…\"), or no source for a folder of the task's own", source)
	case strings.HasPrefix(source, "/"):
		v.Host = &types.HostVolumeProperties{SourcePath: &source}
	default:
		v.DockerVolumeConfiguration = &types.DockerVolumeConfiguration{Scope: types.ScopeShared, Autoprovision: aws.Bool(true), Driver: aws.String("local"), Labels: map[string]string{"name": source}}
		v.Name = &source
	}
	return v, nil
}

func volumeSource(v types.Volume) string {
	switch {
	case v.EfsVolumeConfiguration != nil:
		return aws.ToString(v.EfsVolumeConfiguration.FileSystemId)
	case v.Host != nil && v.Host.SourcePath != nil:
		return *v.Host.SourcePath
	case v.DockerVolumeConfiguration != nil:
		return aws.ToString(v.Name)
	}
	return ""
}

// taskSizes are the sizes of Fargate's tasks: units of CPU, of which 1024 are a
// processor, and from how much to how much memory in steps, in MiB.
var taskSizes = []struct{ cpu, least, most, step int }{
	{256, 512, 2048, 512}, {512, 1024, 4096, 1024}, {1024, 2048, 8192, 1024}, {2048, 4096, 16384, 1024},
	{4096, 8192, 30720, 1024}, {8192, 16384, 61440, 4096}, {16384, 32768, 122880, 8192},
}

// taskSize is the smallest task that has room for a container.
func taskSize(cpus float64, memory int) (cpu, mebibytes int, err error) {
	for _, s := range taskSizes {
		if float64(s.cpu) < cpus*1024 || s.most < memory {
			continue
		}
		n := s.least
		for n < memory {
			if n += s.step; s.cpu == 256 && n == 1536 {
				n = 2048 // there is none in between
			}
		}
		return s.cpu, n, nil
	}
	return 0, 0, op.Errorf(op.InvalidArgument, "cpus is %g and memory %d MiB: Fargate's largest task has 16 processors and 122880 MiB", cpus, memory)
}
