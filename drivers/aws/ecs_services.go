package aws

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A servicesCursor is where a list of all clusters' services goes on.
type servicesCursor struct {
	Clusters []string `json:"c,omitempty"` // whose services are still to come; the first is being listed
	More     string   `json:"m,omitempty"` // where the list of clusters goes on
	Services string   `json:"s,omitempty"` // where the list of the first one's services goes on
}

// ListContainers takes two requests a page, as ECS lists ARNs alone, and looks up
// ten at a time.
func (d *ecsDriver) ListContainers(ctx context.Context, in container.ListContainers) iter.Seq2[container.Container, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]container.Container, string, error) {
		var at servicesCursor
		switch {
		case cursor != "":
			if err := json.Unmarshal([]byte(cursor), &at); err != nil {
				return nil, "", op.Errorf(op.InvalidArgument, "the cursor is none of this list: %w", err)
			}
		case in.Cluster != "":
			at.Clusters = []string{in.Cluster}
		}
		if len(at.Clusters) == 0 {
			var err error
			if at.Clusters, at.More, err = d.clusters(ctx, at.More); err != nil {
				return nil, "", err
			}
		}
		var found []container.Container
		if len(at.Clusters) > 0 {
			size := int32(10)
			if p := d.page(); p != nil {
				size = min(size, *p)
			}
			request := &ecs.ListServicesInput{Cluster: &at.Clusters[0], MaxResults: &size}
			if at.Services != "" {
				request.NextToken = &at.Services
			}
			out, err := d.client.ListServices(ctx, request)
			if err != nil {
				if isCode(err, "ClusterNotFoundException") && in.Cluster == "" { // deleted since it was listed
					out = &ecs.ListServicesOutput{}
				} else if isCode(err, "ClusterNotFoundException") {
					return nil, "", nil // a filter that nothing passes
				} else {
					return nil, "", err
				}
			}
			for batch := out.ServiceArns; len(batch) > 0; batch = batch[min(10, len(batch)):] {
				some, err := d.describeServices(ctx, at.Clusters[0], batch[:min(10, len(batch))])
				if err != nil {
					return nil, "", err
				}
				found = append(found, some...)
			}
			at.Services = aws.ToString(out.NextToken)
			if at.Services == "" {
				at.Clusters = at.Clusters[1:]
			}
		}
		if len(at.Clusters) == 0 && at.More == "" {
			return found, "", nil
		}
		next, err := json.Marshal(at)
		return found, string(next), err
	})
}

// describeServices looks services up, but for those that are deleted.
func (d *ecsDriver) describeServices(ctx context.Context, cluster string, names []string) ([]container.Container, error) {
	out, err := d.client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: names, Include: []types.ServiceField{types.ServiceFieldTags}})
	if err != nil {
		return nil, err
	}
	var all []container.Container
	for _, s := range out.Services {
		if aws.ToString(s.Status) == "INACTIVE" {
			continue
		}
		c, err := d.container(ctx, s)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func (d *ecsDriver) GetContainer(ctx context.Context, in container.GetContainer) (container.Container, error) {
	s, err := d.find(ctx, in.Container)
	if err != nil {
		return container.Container{}, err
	}
	c, err := d.container(ctx, s)
	if err == nil && c.Ready > 0 {
		c.IPs, err = d.addresses(ctx, s)
	}
	return c, err
}

// clusterOf is the cluster of a service's ARN, which names it; of a mere name, the
// connection's.
func (d *ecsDriver) clusterOf(id string) string {
	if _, path, ok := strings.Cut(id, ":service/"); ok {
		if cluster, _, ok := strings.Cut(path, "/"); ok {
			return cluster
		}
	}
	return cmp.Or(d.config.Cluster, "default")
}

// find looks a service up by its ARN.
func (d *ecsDriver) find(ctx context.Context, id string) (types.Service, error) {
	cluster := d.clusterOf(id)
	out, err := d.client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{id}, Include: []types.ServiceField{types.ServiceFieldTags}})
	if err != nil {
		return types.Service{}, err
	}
	if len(out.Services) == 0 || aws.ToString(out.Services[0].Status) == "INACTIVE" {
		return types.Service{}, op.Errorf(op.NotFound, "no such service: %s in the cluster %s", id, cluster)
	}
	return out.Services[0], nil
}

// definition looks a task definition up.
func (d *ecsDriver) definition(ctx context.Context, arn string) (types.TaskDefinition, error) {
	if known, ok := d.definitions.Load(arn); ok {
		return known.(types.TaskDefinition), nil
	}
	out, err := d.client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
	if err != nil {
		return types.TaskDefinition{}, err
	}
	d.definitions.Store(arn, *out.TaskDefinition)
	return *out.TaskDefinition, nil
}

// tasks are those of a service that run, a hundred of them at most.
func (d *ecsDriver) tasks(ctx context.Context, s types.Service) ([]types.Task, error) {
	out, err := d.client.ListTasks(ctx, &ecs.ListTasksInput{Cluster: s.ClusterArn, ServiceName: s.ServiceName, DesiredStatus: types.DesiredStatusRunning})
	if err != nil || len(out.TaskArns) == 0 {
		return nil, err
	}
	tasks, err := d.client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: s.ClusterArn, Tasks: out.TaskArns})
	if err != nil {
		return nil, err
	}
	return tasks.Tasks, nil
}

// addresses are those of a service's running tasks.
func (d *ecsDriver) addresses(ctx context.Context, s types.Service) ([]string, error) {
	tasks, err := d.tasks(ctx, s)
	if err != nil {
		return nil, err
	}
	var ips []string
	for _, t := range tasks {
		for _, a := range t.Attachments {
			for _, detail := range a.Details {
				if aws.ToString(detail.Name) == "privateIPv4Address" {
					ips = append(ips, aws.ToString(detail.Value))
				}
			}
		}
	}
	return ips, nil
}

func (d *ecsDriver) container(ctx context.Context, s types.Service) (container.Container, error) {
	c := container.Container{ID: aws.ToString(s.ServiceArn), Name: aws.ToString(s.ServiceName), State: serviceState(s), Cluster: aws.ToString(s.ClusterArn),
		Replicas: int(s.DesiredCount), Ready: int(s.RunningCount), RestartPolicy: container.RestartAlways, Tags: ecsTags(s.Tags), CreatedAt: aws.ToTime(s.CreatedAt),
		Extra: map[string]any{"status": aws.ToString(s.Status), "task_definition": aws.ToString(s.TaskDefinition), "launch_type": string(s.LaunchType), "pending": int64(s.PendingCount)}}
	if len(s.Events) > 0 {
		c.Extra["last_event"] = aws.ToString(s.Events[0].Message)
	}
	if n := len(s.Deployments); n > 0 {
		c.Extra["rollout"] = string(s.Deployments[0].RolloutState)
		c.Extra["rollout_reason"] = aws.ToString(s.Deployments[0].RolloutStateReason)
	}
	if s.TaskDefinition == nil {
		return c, nil
	}
	t, err := d.definition(ctx, *s.TaskDefinition)
	if err != nil || len(t.ContainerDefinitions) == 0 {
		return c, err
	}
	// One of several is shown: the first, which the others are beside.
	first := t.ContainerDefinitions[0]
	c.Image, c.Command = aws.ToString(first.Image), first.Command
	c.CPUs, c.Memory = float64(first.Cpu)/1024, int(aws.ToInt32(first.Memory))
	c.Environment = map[string]string{}
	for _, e := range first.Environment {
		c.Environment[aws.ToString(e.Name)] = aws.ToString(e.Value)
	}
	for _, p := range first.PortMappings {
		protocol := container.PortProtocol(p.Protocol)
		c.Ports = append(c.Ports, container.Port{Port: int(aws.ToInt32(p.ContainerPort)), HostPort: int(aws.ToInt32(p.HostPort)), Protocol: cmp.Or(protocol, container.TCP)})
	}
	sources := map[string]string{}
	for _, v := range t.Volumes {
		sources[aws.ToString(v.Name)] = volumeSource(v)
	}
	for _, m := range first.MountPoints {
		c.Mounts = append(c.Mounts, container.Mount{Source: sources[aws.ToString(m.SourceVolume)], Target: aws.ToString(m.ContainerPath), ReadOnly: aws.ToBool(m.ReadOnly)})
	}
	if l := first.LinuxParameters; l != nil {
		for _, m := range l.Tmpfs {
			c.Mounts = append(c.Mounts, container.Mount{Target: aws.ToString(m.ContainerPath)})
		}
	}
	c.Extra["containers"] = int64(len(t.ContainerDefinitions))
	return c, nil
}

func serviceState(s types.Service) container.State {
	switch {
	case aws.ToString(s.Status) == "DRAINING":
		return container.Terminated
	case len(s.Deployments) > 0 && s.Deployments[0].RolloutState == types.DeploymentRolloutStateFailed:
		return container.Error
	case s.RunningCount > 0:
		return container.Running
	case s.DesiredCount == 0:
		return container.Stopped
	}
	return container.Pending
}

// replicas is the tag that tells how many a stopped service had.
const replicas = reserved + "replicas"

func (d *ecsDriver) StartContainer(ctx context.Context, in container.StartContainer) error {
	s, err := d.find(ctx, in.Container)
	if err != nil || s.DesiredCount > 0 {
		return err
	}
	n, _ := strconv.Atoi(ecsTag(s.Tags, replicas))
	return d.desire(ctx, s, max(1, n))
}

// StopContainer lets none run, and writes down how many did.
func (d *ecsDriver) StopContainer(ctx context.Context, in container.StopContainer) error {
	s, err := d.find(ctx, in.Container)
	if err != nil || s.DesiredCount == 0 {
		return err
	}
	_, err = d.client.TagResource(ctx, &ecs.TagResourceInput{ResourceArn: s.ServiceArn, Tags: ecsTagList(map[string]string{replicas: strconv.Itoa(int(s.DesiredCount))})})
	if err != nil {
		return err
	}
	return d.desire(ctx, s, 0)
}

func (d *ecsDriver) desire(ctx context.Context, s types.Service, n int) error {
	_, err := d.client.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s.ClusterArn, Service: s.ServiceArn, DesiredCount: aws.Int32(int32(n))})
	return err
}

// ScaleContainer to 0 is to stop.
func (d *ecsDriver) ScaleContainer(ctx context.Context, in container.ScaleContainer) error {
	if in.Replicas < 0 || in.Replicas > 5000 {
		return op.Errorf(op.InvalidArgument, "replicas is %d: it can be 0 to 5000", in.Replicas)
	}
	if in.Replicas == 0 {
		return d.StopContainer(ctx, container.StopContainer{Container: in.Container})
	}
	s, err := d.find(ctx, in.Container)
	if err != nil {
		return err
	}
	return d.desire(ctx, s, in.Replicas)
}

// RestartContainer has the tasks replaced, new ones first.
func (d *ecsDriver) RestartContainer(ctx context.Context, in container.RestartContainer) error {
	s, err := d.find(ctx, in.Container)
	if err != nil {
		return err
	}
	_, err = d.client.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s.ClusterArn, Service: s.ServiceArn, ForceNewDeployment: true})
	return err
}

// DestroyContainer deletes the service, and the task definition if it was made for it.
func (d *ecsDriver) DestroyContainer(ctx context.Context, in container.DestroyContainer) error {
	s, err := d.find(ctx, in.Container)
	if err != nil {
		return err
	}
	if _, err := d.client.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: s.ClusterArn, Service: s.ServiceArn, Force: aws.Bool(true)}); err != nil {
		return err
	}
	if s.TaskDefinition == nil {
		return nil
	}
	out, err := d.client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: s.TaskDefinition, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags}})
	if err != nil {
		return err
	}
	if ecsTag(out.Tags, madeFor) != aws.ToString(s.ServiceName) {
		return nil // another's
	}
	return d.forget(ctx, *s.TaskDefinition)
}

// forget deletes a task definition. Tasks that still end go on with it.
func (d *ecsDriver) forget(ctx context.Context, definition string) error {
	if _, err := d.client.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &definition}); err != nil {
		return err
	}
	out, err := d.client.DeleteTaskDefinitions(ctx, &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: []string{definition}})
	if err != nil {
		return err
	}
	if len(out.Failures) > 0 {
		return op.Errorf(op.Conflict, "the task definition %s could not be deleted: %s %s", definition, aws.ToString(out.Failures[0].Reason), aws.ToString(out.Failures[0].Detail))
	}
	d.definitions.Delete(definition)
	return nil
}
