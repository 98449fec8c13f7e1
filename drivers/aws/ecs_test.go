package aws

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func TestECSOnMoto(t *testing.T) {
	config := motoConfig(t)
	config["log_group"] = "/lab"
	drivertest.Container(t, drivertest.Harness{
		Open:       opener("ecs", config),
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		OnePage: []string{"list_clusters", "list_containers"}, // moto ignores MaxResults of both, which ECS documents
		Image:   "registry.example/team/app:1.2",
		Native:  native.Call{Operation: "ListAccountSettings"}, NativeChange: "RegisterTaskDefinition",
		Lacks: map[string]string{"deploy_container.restart_policy": "a service of ECS always replaces what ends"},
		Deviations: map[string]string{
			"clusters/in_use":       "deletes a cluster with services on it; ECS documents ClusterContainsServicesException",
			"exec":                  "has no ExecuteCommand; see TestECSExec",
			"limits/no_replicas":    "of a new service a task runs though it is to have none; ECS documents that it starts desiredCount tasks",
			"limits/replicas":       "of a new service the same number of tasks runs, whatever it is to have; ECS documents that it starts desiredCount tasks",
			"refused/no_such_image": "none: ECS looks for an image when a task starts, and documents that it begins the deployment",
		},
	})
}

// TestECSLeavesNothing: neither a service that cannot be created nor one that is
// destroyed leaves a task definition, and another's stays.
func TestECSLeavesNothing(t *testing.T) {
	ctx := t.Context()
	conn := opener("ecs", motoConfig(t))(t, nil)
	defer conn.Close()
	call := func(operation string, arguments map[string]any) map[string]any {
		t.Helper()
		a, err := drivers.Call[native.Answer](ctx, conn, native.Call{Operation: operation, Arguments: arguments})
		if err != nil {
			t.Fatal(err)
		}
		return a.Value.(map[string]any)
	}
	definitions := func() int {
		t.Helper()
		active, _ := call("ListTaskDefinitions", nil)["TaskDefinitionArns"].([]any)
		inactive, _ := call("ListTaskDefinitions", map[string]any{"Status": "INACTIVE"})["TaskDefinitionArns"].([]any)
		return len(active) + len(inactive)
	}
	cluster, err := drivers.Call[container.Cluster](ctx, conn, container.CreateCluster{Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := drivers.Call[container.Cluster](ctx, conn, container.CreateCluster{Name: "web"}); op.KindOf(err) != op.AlreadyExists {
		t.Errorf("a second cluster of the name: %v", err)
	}
	in := container.DeployContainer{Name: "app", Image: "app:1", Cluster: cluster.ID, Extra: map[string]any{"subnets": []any{"subnet-00000000"}}}
	if _, err = drivers.Call[container.Container](ctx, conn, in); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("a subnet that is not there: %v", err)
	}
	if n := definitions(); n != 0 {
		t.Errorf("a failed deployment left %d task definitions", n)
	}
	in.Extra = nil
	c, err := drivers.Call[container.Container](ctx, conn, in)
	if err != nil {
		t.Fatal(err)
	}
	arn := call("RegisterTaskDefinition", map[string]any{"Family": "other", "ContainerDefinitions": []any{map[string]any{"Name": "x", "Image": "x", "Memory": int64(64)}}})["TaskDefinition"].(map[string]any)["TaskDefinitionArn"]
	other := call("CreateService", map[string]any{"ServiceName": "other", "Cluster": "web", "TaskDefinition": arn, "DesiredCount": int64(1)})["Service"].(map[string]any)["ServiceArn"].(string)
	for _, id := range []string{c.ID, other} {
		if err := drivers.Do(ctx, conn, container.DestroyContainer{Container: id}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if n := definitions(); n != 1 {
		t.Errorf("there are %d task definitions, one of which is another's", n)
	}
}

func TestECSLogs(t *testing.T) {
	config := motoConfig(t)
	config["log_group"] = "/lab"
	conn := opener("ecs", config)(t, nil)
	defer conn.Close()
	logs := conn.Driver().(*ecsDriver).logs
	if _, err := drivers.Call[container.Cluster](t.Context(), conn, container.CreateCluster{Name: "default"}); err != nil {
		t.Fatal(err)
	}
	c, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "app", Image: "app:1"})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-time.Minute).Truncate(time.Millisecond).UTC()
	write := func(stream string, after time.Duration, texts ...string) {
		t.Helper()
		var events []logtypes.InputLogEvent
		for i, text := range texts {
			events = append(events, logtypes.InputLogEvent{Message: &text, Timestamp: aws.Int64(began.Add(after + time.Duration(i)*time.Second).UnixMilli())})
		}
		if _, err := logs.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("/lab"), LogStreamName: &stream, LogEvents: events}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(in container.GetContainerLogs) (texts []string) {
		t.Helper()
		in.Container = c.ID
		for l, err := range drivers.List[container.LogLine](t.Context(), conn, in) {
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, l.Text)
		}
		return texts
	}
	if got := read(container.GetContainerLogs{}); len(got) != 0 {
		t.Errorf("before anything is written: %q", got)
	}
	if _, err := logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/lab")}); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"app/app/1", "app/app/2", "other/other/1"} {
		if _, err := logs.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("/lab"), LogStreamName: &stream}); err != nil {
			t.Fatal(err)
		}
	}
	write("app/app/1", 0, "one", "three", "five")
	write("app/app/2", 500*time.Millisecond, "two", "four")
	write("other/other/1", 0, "another's")
	// Moto hands out one stream after the other, and those of another prefix too;
	// CloudWatch documents that they are interleaved by time, and that it heeds the prefix.
	if got := read(container.GetContainerLogs{}); !slices.Equal(got, []string{"one", "three", "five", "two", "four", "another's"}) {
		t.Errorf("all: %q", got)
	}
	if got := read(container.GetContainerLogs{Tail: new(2)}); !slices.Equal(got, []string{"four", "five"}) {
		t.Errorf("the last two: %q", got)
	}
	var followed []string
	for l, err := range drivers.List[container.LogLine](t.Context(), conn, container.GetContainerLogs{Container: c.ID, Tail: new(1), Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if followed = append(followed, l.Text); len(followed) == 2 {
			break
		}
		write("app/app/1", 30*time.Second, "six")
	}
	if !slices.Equal(followed, []string{"five", "six"}) {
		t.Errorf("followed: %q", followed)
	}
}

func TestTaskSize(t *testing.T) {
	for _, c := range []struct {
		cpus        float64
		memory      int
		cpu, wanted int
	}{{0, 0, 256, 512}, {0.5, 64, 512, 1024}, {0.25, 1500, 256, 2048}, {0.25, 3000, 512, 3072}, {1, 0, 1024, 2048}, {3, 9000, 4096, 9216}, {16, 120000, 16384, 122880}} {
		cpu, memory, err := taskSize(c.cpus, c.memory)
		if err != nil || cpu != c.cpu || memory != c.wanted {
			t.Errorf("%g and %d MiB: %d, %d, %v", c.cpus, c.memory, cpu, memory, err)
		}
	}
	if _, _, err := taskSize(17, 0); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("17 processors: %v", err)
	}
}

func TestTaskStop(t *testing.T) {
	extra, err := op.Extra[serviceExtra](map[string]any{"stop_timeout": "2m"})
	if err != nil {
		t.Fatal(err)
	}
	one := 1
	task, err := new(ecsDriver).specified(container.DeployContainer{Name: "app", Image: "app:1", Replicas: &one}, extra)
	if err != nil {
		t.Fatal(err)
	}
	if s := task.ContainerDefinitions[0].StopTimeout; s == nil || *s != 120 {
		t.Errorf("a task has %v seconds to end", s)
	}
}
