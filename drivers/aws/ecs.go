package aws

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// ecsConfig is the configuration of the driver "ecs". What it has beyond the
// session are defaults for deploy_container.
type ecsConfig struct {
	sessionConfig
	Cluster        string   `json:"cluster,omitzero" help:"The cluster that containers are deployed on, by name or ARN; the account's default one if not given."`
	ExecutionRole  string   `json:"execution_role,omitzero" help:"The ARN of the role with which Fargate pulls images and writes logs, as ecsTaskExecutionRole."`
	TaskRole       string   `json:"task_role,omitzero" help:"The ARN of the role that containers themselves act with, which exec_container needs."`
	Subnets        []string `json:"subnets,omitzero" help:"The subnets that tasks are in; those of the default network, with public addresses, if not given."`
	SecurityGroups []string `json:"security_groups,omitzero" help:"The security groups of tasks; the network's default one if not given."`
	LogGroup       string   `json:"log_group,omitzero" help:"The CloudWatch log group that containers write to, which get_container_logs reads; none if not given."`
}

// ecsDriver is the driver "ecs".
type ecsDriver struct {
	*session
	config ecsConfig
	client *ecs.Client
	ec2    *ec2.Client
	logs   *cloudwatchlogs.Client
	kms    *kms.Client

	// A revision of a task definition never changes, so each is looked up once.
	definitions sync.Map // ARN: types.TaskDefinition
}

func openECS(ctx context.Context, c ecsConfig) (*ecsDriver, error) {
	if c.PageSize > 100 {
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d: ECS has no pages of more than 100", c.PageSize)
	}
	s, err := newSession(ctx, c.sessionConfig)
	if err != nil {
		return nil, err
	}
	return &ecsDriver{session: s, config: c, client: ecs.NewFromConfig(s.config), ec2: ec2.NewFromConfig(s.config), logs: cloudwatchlogs.NewFromConfig(s.config),
		kms: kms.NewFromConfig(s.config)}, nil
}

func (d *ecsDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return service{d.client}.call(ctx, in)
}

func (d *ecsDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return service{d.client}.pages(ctx, in)
}

// ListLocations has the connection's region, where its clusters are.
func (d *ecsDriver) ListLocations(ctx context.Context, _ container.ListLocations) iter.Seq2[container.Location, error] {
	return op.Pages(ctx, func(context.Context, string) ([]container.Location, string, error) {
		region := d.session.config.Region
		return []container.Location{{ID: region, Name: region, Extra: map[string]any{}}}, "", nil
	})
}

func (d *ecsDriver) ListClusters(ctx context.Context, in container.ListClusters) iter.Seq2[container.Cluster, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]container.Cluster, string, error) {
		arns, next, err := d.clusters(ctx, cursor)
		if err != nil || len(arns) == 0 {
			return nil, next, err
		}
		found, err := d.describe(ctx, arns)
		return found, next, err
	})
}

// clusters is a page of the clusters' ARNs.
func (d *ecsDriver) clusters(ctx context.Context, cursor string) ([]string, string, error) {
	request := &ecs.ListClustersInput{MaxResults: d.page()}
	if cursor != "" {
		request.NextToken = &cursor
	}
	out, err := d.client.ListClusters(ctx, request)
	if err != nil {
		return nil, "", err
	}
	return out.ClusterArns, aws.ToString(out.NextToken), nil
}

// describe looks clusters up; what is deleted, and still remembered, is left out.
func (d *ecsDriver) describe(ctx context.Context, clusters []string) ([]container.Cluster, error) {
	out, err := d.client.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: clusters, Include: []types.ClusterField{types.ClusterFieldTags, types.ClusterFieldSettings}})
	if err != nil {
		return nil, err
	}
	var all []container.Cluster
	for _, c := range out.Clusters {
		if aws.ToString(c.Status) != "INACTIVE" {
			all = append(all, d.cluster(c))
		}
	}
	return all, nil
}

var clusterStates = map[string]container.State{
	"ACTIVE":         container.Running,
	"PROVISIONING":   container.Pending,
	"DEPROVISIONING": container.Terminated,
	"FAILED":         container.Error,
}

func (d *ecsDriver) cluster(c types.Cluster) container.Cluster {
	return container.Cluster{ID: aws.ToString(c.ClusterArn), Name: aws.ToString(c.ClusterName), State: cmp.Or(clusterStates[aws.ToString(c.Status)], container.Unknown),
		Location: d.session.config.Region, Nodes: int(c.RegisteredContainerInstancesCount), Tags: ecsTags(c.Tags),
		Extra: map[string]any{"status": aws.ToString(c.Status), "active_services": int64(c.ActiveServicesCount), "running_tasks": int64(c.RunningTasksCount),
			"pending_tasks": int64(c.PendingTasksCount), "capacity_providers": plainList(c.CapacityProviders)}}
}

func (d *ecsDriver) GetCluster(ctx context.Context, in container.GetCluster) (container.Cluster, error) {
	found, err := d.describe(ctx, []string{in.Cluster})
	switch {
	case err != nil:
		return container.Cluster{}, err
	case len(found) == 0:
		return container.Cluster{}, op.Errorf(op.NotFound, "no such cluster: %s", in.Cluster)
	}
	return found[0], nil
}

// CreateCluster looks first: ECS itself answers with the cluster of the name that
// is there, and so with one that is somebody else's.
func (d *ecsDriver) CreateCluster(ctx context.Context, in container.CreateCluster) (container.Cluster, error) {
	var none container.Cluster
	switch {
	case in.Location != "" && in.Location != d.session.config.Region:
		return none, op.Errorf(op.InvalidArgument, "location is %s: this connection is to %s", in.Location, d.session.config.Region)
	case in.Version != "" || in.Nodes != 0 || in.Size != "":
		return none, op.Errorf(op.InvalidArgument, "an ECS cluster has no version, and machines of its own only as EC2 instances join it: leave version, nodes and size out")
	}
	extra, err := op.Extra[clusterExtra](in.Extra)
	if err != nil {
		return none, err
	}
	switch c, err := d.GetCluster(ctx, container.GetCluster{Cluster: in.Name}); {
	case err == nil:
		return none, op.Errorf(op.AlreadyExists, "there is a cluster %q already: %s", in.Name, c.ID)
	case op.KindOf(err) != op.NotFound:
		return none, err
	}
	request := &ecs.CreateClusterInput{ClusterName: &in.Name, Tags: ecsTagList(in.Tags), CapacityProviders: extra.CapacityProviders}
	if extra.ContainerInsights != "" {
		request.Settings = []types.ClusterSetting{{Name: types.ClusterSettingNameContainerInsights, Value: &extra.ContainerInsights}}
	}
	out, err := d.client.CreateCluster(ctx, request)
	if err != nil {
		return none, err
	}
	return d.cluster(*out.Cluster), nil
}

// clusterExtra is what create_cluster takes in extra.
type clusterExtra struct {
	CapacityProviders []string `json:"capacity_providers,omitzero" help:"Where tasks may run: FARGATE, FARGATE_SPOT, or Auto Scaling groups' names."`
	ContainerInsights string   `json:"container_insights,omitzero" help:"Whether CloudWatch gets its figures: enabled, enhanced, disabled."`
}

func (d *ecsDriver) DestroyCluster(ctx context.Context, in container.DestroyCluster) error {
	_, err := d.client.DeleteCluster(ctx, &ecs.DeleteClusterInput{Cluster: &in.Cluster})
	return err
}

// reserved is how the tags begin that the driver itself sets.
const reserved = "cloudlark:"

func ecsTags(tags []types.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		if k := aws.ToString(t.Key); !strings.HasPrefix(k, reserved) {
			m[k] = aws.ToString(t.Value)
		}
	}
	return m
}

func ecsTag(tags []types.Tag, name string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == name {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

func ecsTagList(tags map[string]string) []types.Tag {
	var all []types.Tag
	for k, v := range tags {
		all = append(all, types.Tag{Key: &k, Value: &v})
	}
	slices.SortFunc(all, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return all
}

func plainList(words []string) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = w
	}
	return all
}
