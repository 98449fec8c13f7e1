// Package container is the contract of the container family: clusters, images,
// the containers that run from them, and the registries they come from.
//
//	value        operations
//	cluster      list get create destroy; location: list
//	image        list get pull push copy delete
//	container    list get deploy start stop restart scale destroy logs exec
//	repository   list, tags
//
// A container is what the provider runs as one thing: a container of Docker, a
// workload of Kubernetes, a service of ECS. With replicas it stands for all of them.
package container

import (
	"context"
	"iter"
	"time"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Family is the contract.
var Family = op.NewFamily("container", "Containers",
	"Containers, the clusters they run on, and the images and registries they come from.",
	append(op.Table{
		op.List("list_locations", LocationLister.ListLocations, "List the places where clusters can be."),
		op.List("list_clusters", ClusterLister.ListClusters, "List the clusters."),
		op.Call("get_cluster", ClusterGetter.GetCluster, op.Reads, "Look a cluster up by its id.").On("cluster", "refresh"),
		op.Call("create_cluster", ClusterCreator.CreateCluster, op.Creates, "Create a cluster. It is returned while it still starts: wait for it to be running."),
		op.Do("destroy_cluster", ClusterDestroyer.DestroyCluster, op.Deletes, "Destroy a cluster. Nothing may run on it.").On("cluster", "destroy"),

		op.List("list_images", ImageLister.ListImages, "List the images that are there to deploy from."),
		op.Call("get_image", ImageGetter.GetImage, op.Reads, "Look an image up by its id or name: at a registry, what the name stands for now.").On("image", "refresh"),
		op.Call("pull_image", ImagePuller.PullImage, op.Creates, "Get an image from its registry.").Repeatable().Unhurried(),
		op.Call("push_image", ImagePusher.PushImage, op.Creates, "Send an image that is here to the registry that its name, or the name given, begins with.").On("image", "push").Repeatable().Unhurried(),
		op.Call("copy_image", ImageCopier.CopyImage, op.Creates, "Copy an image from one registry to another, for all its architectures, without keeping it here.").On("image", "copy").Repeatable().Unhurried(),
		op.Do("delete_image", ImageDeleter.DeleteImage, op.Deletes, "Delete an image. No container may use it.").On("image", "delete"),

		op.List("list_containers", ContainerLister.ListContainers, "List the containers, of all clusters or of one, stopped ones too.").On("cluster", "list_containers"),
		op.Call("get_container", ContainerGetter.GetContainer, op.Reads, "Look a container up by its id.").On("container", "refresh"),
		op.Call("deploy_container", ContainerDeployer.DeployContainer, op.Creates, "Run a container from an image. It is returned while it still starts: wait for it to be running.").On("cluster", "deploy_container"),
		op.Do("start_container", ContainerStarter.StartContainer, op.Changes, "Start a stopped container.").On("container", "start").Repeatable(),
		op.Do("stop_container", ContainerStopper.StopContainer, op.Changes, "Stop a container; it can be started again.").On("container", "stop").Repeatable(),
		op.Do("restart_container", ContainerRestarter.RestartContainer, op.Changes, "Stop a container and start it again.").On("container", "restart"),
		op.Do("scale_container", ContainerScaler.ScaleContainer, op.Changes, "Change how many of a container run. Its ready tells how many do.").On("container", "scale").Repeatable(),
		op.Do("destroy_container", ContainerDestroyer.DestroyContainer, op.Deletes, "Stop a container and remove it.").On("container", "destroy"),
		op.Stream("get_container_logs", LogReader.GetContainerLogs, "Read what a container wrote, line by line, and with follow what it writes.").On("container", "logs"),
		op.Call("exec_container", Execer.ExecContainer, op.Changes, "Run a command in a container and wait for it. An exit status other than 0 is an answer, not an error.").On("container", "exec").Unhurried(),

		op.List("list_repositories", RepositoryLister.ListRepositories, "List a registry's repositories."),
		op.List("list_tags", TagLister.ListTags, "List a repository's tags.").On("repository", "list_tags"),
	}, native.Rows()...))

// A Location is a place where clusters can be.
type Location struct {
	ID      string         `json:"id" op:"id" help:"The provider's identifier."`
	Name    string         `json:"name" help:"What people call it."`
	Country string         `json:"country" help:"ISO 3166 code of the country; empty if the provider does not say."`
	Extra   map[string]any `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A Cluster is what containers run on.
type Cluster struct {
	ID        string            `json:"id" op:"id" source:"ECS clusterArn; GKE name; Kubernetes context" help:"The provider's identifier."`
	Name      string            `json:"name" help:"The name it was given."`
	State     State             `json:"state" help:"What it is doing."`
	Location  string            `json:"location" ref:"location" help:"The id of where it is."`
	Endpoint  string            `json:"endpoint" help:"The address of its API; empty if it has none of its own."`
	Version   string            `json:"version" help:"The version of what it runs; empty if the provider does not say."`
	Nodes     int               `json:"nodes" help:"How many machines it has; 0 where it has none of its own."`
	Tags      map[string]string `json:"tags" help:"Its labels."`
	CreatedAt time.Time         `json:"created_at" help:"When it was made."`
	Extra     map[string]any    `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// An Image is what containers are made from.
type Image struct {
	ID           string         `json:"id" op:"id" source:"Docker Id; registry digest" help:"The provider's identifier."`
	Name         string         `json:"name" help:"With its tag: \"docker.io/library/nginx:1.29\"."`
	Digest       string         `json:"digest" help:"The registry's digest of it; empty if it came from none."`
	Architecture string         `json:"architecture" help:"What it runs on: amd64, arm64, …"`
	Size         int64          `json:"size" unit:"bytes" help:"What it takes on disk."`
	CreatedAt    time.Time      `json:"created_at" help:"When it was built."`
	Extra        map[string]any `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A Container is a running image.
type Container struct {
	ID            string            `json:"id" op:"id" source:"Docker Id; Kubernetes namespace/kind/name; ECS ARN" help:"The provider's identifier."`
	Name          string            `json:"name" help:"The name it was given."`
	State         State             `json:"state" help:"What it is doing."`
	Image         string            `json:"image" ref:"image" help:"The name of its image."`
	Cluster       string            `json:"cluster" ref:"cluster" help:"The id of its cluster; empty where there are none."`
	Command       []string          `json:"command" help:"What it runs, where that is not the image's."`
	Environment   map[string]string `json:"environment" help:"Its environment variables, as far as the provider shows them."`
	Ports         []Port            `json:"ports" help:"The ports it can be reached on."`
	Mounts        []Mount           `json:"mounts" help:"What is mounted into it."`
	CPUs          float64           `json:"cpus" help:"The processors it may use; 0 without a limit."`
	Memory        int               `json:"memory" unit:"MiB" help:"The memory it may use; 0 without a limit."`
	RestartPolicy RestartPolicy     `json:"restart_policy" help:"What happens when it ends."`
	Replicas      int               `json:"replicas" help:"How many of it shall run."`
	Ready         int               `json:"ready" help:"How many of it run and are healthy."`
	IPs           []string          `json:"ips" help:"Its addresses."`
	ExitCode      *int              `json:"exit_code" help:"Its exit status, once it has ended."`
	Tags          map[string]string `json:"tags" source:"Docker, Kubernetes labels; ECS tags" help:"Its labels."`
	CreatedAt     time.Time         `json:"created_at" help:"When it was made."`
	Extra         map[string]any    `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A Port is one that a container can be reached on.
type Port struct {
	Port     int          `json:"port" op:"required" help:"The port in the container."`
	HostPort int          `json:"host_port,omitzero" help:"The port outside; the provider's choice if not given."`
	HostIP   string       `json:"host_ip,omitzero" help:"The address outside; all if not given."`
	Protocol PortProtocol `json:"protocol,omitzero" default:"tcp" help:"What it carries."`
}

// A Mount is something that a container sees in its file system.
type Mount struct {
	Source   string `json:"source,omitzero" help:"A volume's name, or a path of the host; empty for memory."`
	Target   string `json:"target" op:"required" help:"The path in the container."`
	ReadOnly bool   `json:"read_only,omitzero" help:"Whether the container may only read it."`
}

// State is what a container or a cluster is doing; the names are libcloud's.
type State string

const (
	Running    State = "running"
	Rebooting  State = "rebooting"
	Terminated State = "terminated"
	Pending    State = "pending"
	Unknown    State = "unknown"
	Stopped    State = "stopped"
	Suspended  State = "suspended"
	Error      State = "error"
	Paused     State = "paused"
)

// Values makes State an enumeration.
func (State) Values() []string {
	return []string{"running", "rebooting", "terminated", "pending", "unknown", "stopped", "suspended", "error", "paused"}
}

// RestartPolicy is what happens when a container ends.
type RestartPolicy string

const (
	RestartNo        RestartPolicy = "no"
	RestartOnFailure RestartPolicy = "on_failure"
	RestartAlways    RestartPolicy = "always"
)

// Values makes RestartPolicy an enumeration.
func (RestartPolicy) Values() []string { return []string{"no", "on_failure", "always"} }

// PortProtocol is what a port carries.
type PortProtocol string

const (
	TCP PortProtocol = "tcp"
	UDP PortProtocol = "udp"
)

// Values makes PortProtocol an enumeration.
func (PortProtocol) Values() []string { return []string{"tcp", "udp"} }

// ListLocations is what list_locations takes.
type ListLocations struct{}

// LocationLister is a driver that has list_locations.
type LocationLister interface {
	ListLocations(ctx context.Context, in ListLocations) iter.Seq2[Location, error]
}

// ListClusters is what list_clusters takes.
type ListClusters struct {
	Name     string `json:"name,omitzero" op:"filter" help:"Only clusters of this name."`
	Location string `json:"location,omitzero" op:"filter" ref:"location" help:"Only clusters there."`
}

// ClusterLister is a driver that has list_clusters.
type ClusterLister interface {
	ListClusters(ctx context.Context, in ListClusters) iter.Seq2[Cluster, error]
}

// GetCluster is what get_cluster takes.
type GetCluster struct {
	Cluster string `json:"cluster" op:"required" ref:"cluster" help:"The cluster."`
}

// ClusterGetter is a driver that has get_cluster.
type ClusterGetter interface {
	GetCluster(ctx context.Context, in GetCluster) (Cluster, error)
}

// CreateCluster is what create_cluster takes.
type CreateCluster struct {
	Name     string            `json:"name" op:"required" help:"What to call it."`
	Location string            `json:"location,omitzero" ref:"location" help:"Where; the connection's or the provider's choice if not given."`
	Version  string            `json:"version,omitzero" help:"The version of what it runs; the provider's default if not given."`
	Nodes    int               `json:"nodes,omitzero" help:"How many machines, where clusters have their own."`
	Size     string            `json:"size,omitzero" help:"The size of its machines, where clusters have their own."`
	Tags     map[string]string `json:"tags,omitzero" help:"Its labels."`
	Extra    map[string]any    `json:"extra,omitzero" help:"What the provider takes beyond these: see its page."`
}

// ClusterCreator is a driver that has create_cluster.
type ClusterCreator interface {
	CreateCluster(ctx context.Context, in CreateCluster) (Cluster, error)
}

// DestroyCluster is what destroy_cluster takes.
type DestroyCluster struct {
	Cluster string `json:"cluster" op:"required" ref:"cluster" help:"The cluster."`
}

// ClusterDestroyer is a driver that has destroy_cluster.
type ClusterDestroyer interface {
	DestroyCluster(ctx context.Context, in DestroyCluster) error
}

// ListImages is what list_images takes.
type ListImages struct {
	Name string `json:"name,omitzero" op:"filter" help:"Only the image of this name."`
}

// ImageLister is a driver that has list_images.
type ImageLister interface {
	ListImages(ctx context.Context, in ListImages) iter.Seq2[Image, error]
}

// GetImage is what get_image takes.
type GetImage struct {
	Image string `json:"image" op:"required" ref:"image" help:"The image, by id or name."`
}

// ImageGetter is a driver that has get_image.
type ImageGetter interface {
	GetImage(ctx context.Context, in GetImage) (Image, error)
}

// PullImage is what pull_image takes.
type PullImage struct {
	Name string `json:"name" op:"required" help:"The image: \"nginx\", \"registry.example/team/app:1.2\", \"app@sha256:…\"."`
}

// ImagePuller is a driver that has pull_image.
type ImagePuller interface {
	PullImage(ctx context.Context, in PullImage) (Image, error)
}

// PushImage is what push_image takes.
type PushImage struct {
	Image string `json:"image" op:"required" ref:"image" help:"The image, by id or name."`
	To    string `json:"to,omitzero" help:"The name to send it under, with its registry and tag: \"registry.example/team/app:1.2\"; its own if not given."`
}

// ImagePusher is a driver that has push_image.
type ImagePusher interface {
	// PushImage returns the image as the registry has it, with its digest.
	PushImage(ctx context.Context, in PushImage) (Image, error)
}

// CopyImage is what copy_image takes.
type CopyImage struct {
	Image string `json:"image" op:"required" ref:"image" help:"The image, by name, tag or digest; without a registry it is in the connection's own."`
	To    string `json:"to" op:"required" help:"The name of the copy; without a registry it is in the connection's own: \"team/app:1.2\", \"registry.example/app:1.2\"."`
}

// ImageCopier is a driver that has copy_image.
type ImageCopier interface {
	// CopyImage returns the copy, whose digest is the original's.
	CopyImage(ctx context.Context, in CopyImage) (Image, error)
}

// DeleteImage is what delete_image takes.
type DeleteImage struct {
	Image string `json:"image" op:"required" ref:"image" help:"The image."`
}

// ImageDeleter is a driver that has delete_image.
type ImageDeleter interface {
	DeleteImage(ctx context.Context, in DeleteImage) error
}

// ListContainers is what list_containers takes.
type ListContainers struct {
	Name    string            `json:"name,omitzero" op:"filter" help:"Only containers of this name."`
	State   State             `json:"state,omitzero" op:"filter" help:"Only containers in this state."`
	Cluster string            `json:"cluster,omitzero" op:"filter" ref:"cluster" help:"Only containers of this cluster."`
	Tags    map[string]string `json:"tags,omitzero" op:"filter" help:"Only containers that have all of these tags."`
}

// ContainerLister is a driver that has list_containers.
type ContainerLister interface {
	ListContainers(ctx context.Context, in ListContainers) iter.Seq2[Container, error]
}

// GetContainer is what get_container takes.
type GetContainer struct {
	Container string `json:"container" op:"required" ref:"container" help:"The container."`
}

// ContainerGetter is a driver that has get_container.
type ContainerGetter interface {
	GetContainer(ctx context.Context, in GetContainer) (Container, error)
}

// DeployContainer is what deploy_container takes.
type DeployContainer struct {
	Name          string            `json:"name" op:"required" help:"What to call it."`
	Image         string            `json:"image" op:"required" ref:"image" help:"The image, by name or id; pulled if it is not there."`
	Cluster       string            `json:"cluster,omitzero" ref:"cluster" help:"Where it runs; the connection's if not given."`
	Command       []string          `json:"command,omitzero" help:"What it runs; the image's own if not given."`
	Environment   map[string]string `json:"environment,omitzero" help:"Its environment variables."`
	Ports         []Port            `json:"ports,omitzero" help:"The ports to reach it on: dicts of port, host_port, protocol."`
	Mounts        []Mount           `json:"mounts,omitzero" help:"What to mount into it: dicts of source, target, read_only."`
	CPUs          float64           `json:"cpus,omitzero" help:"The processors it may use; no limit if not given."`
	Memory        int               `json:"memory,omitzero" unit:"MiB" help:"The memory it may use; no limit if not given."`
	RestartPolicy RestartPolicy     `json:"restart_policy,omitzero" help:"What happens when it ends; the provider's default if not given."`
	Replicas      *int              `json:"replicas,omitzero" default:"1" help:"How many of it, where the provider keeps a number running; with 0 it is there, and stopped."`
	Tags          map[string]string `json:"tags,omitzero" help:"Its labels."`
	Extra         map[string]any    `json:"extra,omitzero" help:"What the provider takes beyond these: see its page."`
}

// ContainerDeployer is a driver that has deploy_container.
type ContainerDeployer interface {
	DeployContainer(ctx context.Context, in DeployContainer) (Container, error)
}

// StartContainer is what start_container takes.
type StartContainer struct {
	Container string `json:"container" op:"required" ref:"container" help:"The container."`
}

// ContainerStarter is a driver that has start_container.
type ContainerStarter interface {
	StartContainer(ctx context.Context, in StartContainer) error
}

// StopContainer is what stop_container takes.
type StopContainer struct {
	Container string `json:"container" op:"required" ref:"container" help:"The container."`
	Timeout   *int   `json:"timeout,omitzero" default:"10" unit:"s" help:"How long it may take to end by itself before it is killed; 0 kills it at once."`
}

// ContainerStopper is a driver that has stop_container.
type ContainerStopper interface {
	StopContainer(ctx context.Context, in StopContainer) error
}

// RestartContainer is what restart_container takes.
type RestartContainer struct {
	Container string `json:"container" op:"required" ref:"container" help:"The container."`
}

// ContainerRestarter is a driver that has restart_container.
type ContainerRestarter interface {
	RestartContainer(ctx context.Context, in RestartContainer) error
}

// ScaleContainer is what scale_container takes.
type ScaleContainer struct {
	Container string `json:"container" op:"required" ref:"container" help:"The container."`
	Replicas  int    `json:"replicas" op:"required,zero" help:"How many of it shall run; with 0 it is stopped."`
}

// ContainerScaler is a driver that has scale_container.
type ContainerScaler interface {
	ScaleContainer(ctx context.Context, in ScaleContainer) error
}

// DestroyContainer is what destroy_container takes.
type DestroyContainer struct {
	Container string `json:"container" op:"required" ref:"container" help:"The container."`
}

// ContainerDestroyer is a driver that has destroy_container.
type ContainerDestroyer interface {
	DestroyContainer(ctx context.Context, in DestroyContainer) error
}

// GetContainerLogs is what get_container_logs takes.
type GetContainerLogs struct {
	Container string `json:"container" op:"required" ref:"container" help:"The container."`
	Follow    bool   `json:"follow,omitzero" help:"Go on with what it writes until it ends."`
	Tail      *int   `json:"tail,omitzero" help:"Only this many of the lines there are, with 0 and follow only those to come; all if not given."`
}

// Last is how many of the last lines are asked for; -1 for all.
func (in GetContainerLogs) Last() (int, error) {
	if in.Tail != nil && *in.Tail < 0 {
		return 0, op.Errorf(op.InvalidArgument, "tail is %d: it is not negative", *in.Tail)
	}
	return op.Or(in.Tail, -1), nil
}

// A LogLine is one line that a container wrote.
type LogLine struct {
	Time   time.Time `json:"time" help:"When; unset if the provider does not say."`
	Stream LogStream `json:"stream" help:"Where it wrote it."`
	Text   string    `json:"text" help:"The line, without its end."`
}

// LogStream is where a container wrote a line.
type LogStream string

const (
	Stdout LogStream = "stdout"
	Stderr LogStream = "stderr"
)

// Values makes LogStream an enumeration.
func (LogStream) Values() []string { return []string{"stdout", "stderr"} }

// LogReader is a driver that has get_container_logs.
type LogReader interface {
	GetContainerLogs(ctx context.Context, in GetContainerLogs) iter.Seq2[LogLine, error]
}

// ExecContainer is what exec_container takes.
type ExecContainer struct {
	Container   string            `json:"container" op:"required" ref:"container" help:"The container."`
	Command     []string          `json:"command" op:"required" help:"The program and its arguments."`
	Environment map[string]string `json:"environment,omitzero" help:"More environment variables."`
	Input       string            `json:"input,omitzero" help:"What it reads from standard input."`
}

// An ExecResult is how a command in a container ended.
type ExecResult struct {
	ExitCode int    `json:"exit_code" help:"Its exit status."`
	Stdout   string `json:"stdout" help:"What it wrote to standard output."`
	Stderr   string `json:"stderr" help:"What it wrote to standard error."`
}

// Execer is a driver that has exec_container.
type Execer interface {
	ExecContainer(ctx context.Context, in ExecContainer) (ExecResult, error)
}

// A Repository is one name of a registry, under which images have tags.
type Repository struct {
	Name      string         `json:"name" op:"id" help:"Its name in the registry."`
	CreatedAt time.Time      `json:"created_at" help:"When it was made; unset if the registry does not say."`
	Extra     map[string]any `json:"extra" help:"What the registry has beyond these fields, in its own names."`
}

// ListRepositories is what list_repositories takes.
type ListRepositories struct{}

// RepositoryLister is a driver that has list_repositories.
type RepositoryLister interface {
	ListRepositories(ctx context.Context, in ListRepositories) iter.Seq2[Repository, error]
}

// A Tag is a name for one image of a repository.
type Tag struct {
	Repository string         `json:"repository" op:"scope" ref:"repository" help:"The repository."`
	Name       string         `json:"name" op:"id" help:"The tag."`
	Digest     string         `json:"digest" help:"The digest of the image; empty if the registry's list leaves it out."`
	Size       int64          `json:"size" unit:"bytes" help:"What the image takes, compressed; 0 if the registry's list leaves it out."`
	CreatedAt  time.Time      `json:"created_at" help:"When it was pushed; unset if the registry does not say."`
	Extra      map[string]any `json:"extra" help:"What the registry has beyond these fields, in its own names."`
}

// ListTags is what list_tags takes.
type ListTags struct {
	Repository string `json:"repository" op:"required" ref:"repository" help:"The repository."`
}

// TagLister is a driver that has list_tags.
type TagLister interface {
	ListTags(ctx context.Context, in ListTags) iter.Seq2[Tag, error]
}
