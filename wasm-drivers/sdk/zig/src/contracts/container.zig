//! Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.
//!
//! Containers: Containers, the clusters they run on, and the images and registries they come from.

const types = @import("../types.zig");

/// The family's name in descriptions and calls.
pub const family = "container";

/// The family's operations.
pub const Op = enum {
    /// List the places where clusters can be.
    list_locations,
    /// List the clusters.
    list_clusters,
    /// Look a cluster up by its id.
    get_cluster,
    /// Create a cluster. It is returned while it still starts: wait for it to be running.
    create_cluster,
    /// Destroy a cluster. Nothing may run on it.
    destroy_cluster,
    /// List the images that are there to deploy from.
    list_images,
    /// Look an image up by its id or name: at a registry, what the name stands for now.
    get_image,
    /// Get an image from its registry.
    pull_image,
    /// Send an image that is here to the registry that its name, or the name given, begins with.
    push_image,
    /// Copy an image from one registry to another, for all its architectures, without keeping it here.
    copy_image,
    /// Delete an image. No container may use it.
    delete_image,
    /// List the containers, of all clusters or of one, stopped ones too.
    list_containers,
    /// Look a container up by its id.
    get_container,
    /// Run a container from an image. It is returned while it still starts: wait for it to be running.
    deploy_container,
    /// Start a stopped container.
    start_container,
    /// Stop a container; it can be started again.
    stop_container,
    /// Stop a container and start it again.
    restart_container,
    /// Change how many of a container run. Its ready tells how many do.
    scale_container,
    /// Stop a container and remove it.
    destroy_container,
    /// Read what a container wrote, line by line, and with follow what it writes.
    get_container_logs,
    /// Run a command in a container and wait for it. An exit status other than 0 is an answer, not an error.
    exec_container,
    /// List a registry's repositories.
    list_repositories,
    /// List a repository's tags.
    list_tags,
    /// Call the provider's own API: what the portable operations lack. A policy that allows only reading allows it for what reads.
    native,
    /// Call what the provider's own API answers with in pages, one item a page. Only for what reads.
    native_pages,
};

/// What each operation takes, and what it answers with.
pub const operations = [_]types.Operation{
    .{ .name = "list_locations", .shape = .list, .In = ListLocations, .Out = Location },
    .{ .name = "list_clusters", .shape = .list, .In = ListClusters, .Out = Cluster },
    .{ .name = "get_cluster", .shape = .call, .In = GetCluster, .Out = Cluster },
    .{ .name = "create_cluster", .shape = .call, .In = CreateCluster, .Out = Cluster },
    .{ .name = "destroy_cluster", .shape = .do, .In = DestroyCluster, .Out = void },
    .{ .name = "list_images", .shape = .list, .In = ListImages, .Out = Image },
    .{ .name = "get_image", .shape = .call, .In = GetImage, .Out = Image },
    .{ .name = "pull_image", .shape = .call, .In = PullImage, .Out = Image },
    .{ .name = "push_image", .shape = .call, .In = PushImage, .Out = Image },
    .{ .name = "copy_image", .shape = .call, .In = CopyImage, .Out = Image },
    .{ .name = "delete_image", .shape = .do, .In = DeleteImage, .Out = void },
    .{ .name = "list_containers", .shape = .list, .In = ListContainers, .Out = Container },
    .{ .name = "get_container", .shape = .call, .In = GetContainer, .Out = Container },
    .{ .name = "deploy_container", .shape = .call, .In = DeployContainer, .Out = Container },
    .{ .name = "start_container", .shape = .do, .In = StartContainer, .Out = void },
    .{ .name = "stop_container", .shape = .do, .In = StopContainer, .Out = void },
    .{ .name = "restart_container", .shape = .do, .In = RestartContainer, .Out = void },
    .{ .name = "scale_container", .shape = .do, .In = ScaleContainer, .Out = void },
    .{ .name = "destroy_container", .shape = .do, .In = DestroyContainer, .Out = void },
    .{ .name = "get_container_logs", .shape = .stream, .In = GetContainerLogs, .Out = LogLine },
    .{ .name = "exec_container", .shape = .call, .In = ExecContainer, .Out = ExecResult },
    .{ .name = "list_repositories", .shape = .list, .In = ListRepositories, .Out = Repository },
    .{ .name = "list_tags", .shape = .list, .In = ListTags, .Out = Tag },
    .{ .name = "native", .shape = .call, .In = Call, .Out = Answer },
    .{ .name = "native_pages", .shape = .list, .In = Pages, .Out = Answer },
};

pub const Location = struct {
    /// The provider's identifier.
    id: []const u8,
    /// What people call it.
    name: []const u8 = "",
    /// ISO 3166 code of the country; empty if the provider does not say.
    country: []const u8 = "",
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_locations takes.
pub const ListLocations = struct {};

pub const Cluster = struct {
    /// The provider's identifier.
    id: []const u8,
    /// The name it was given.
    name: []const u8 = "",
    /// What it is doing.
    state: ?State = null,
    /// The id of where it is.
    location: []const u8 = "",
    /// The address of its API; empty if it has none of its own.
    endpoint: []const u8 = "",
    /// The version of what it runs; empty if the provider does not say.
    version: []const u8 = "",
    /// How many machines it has; 0 where it has none of its own.
    nodes: i64 = 0,
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// When it was made.
    created_at: ?types.Time = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_clusters takes.
pub const ListClusters = struct {
    /// Only clusters of this name.
    name: []const u8 = "",
    /// Only clusters there.
    location: []const u8 = "",
};

/// What get_cluster takes.
pub const GetCluster = struct {
    /// The cluster.
    cluster: []const u8,
};

/// What create_cluster takes.
pub const CreateCluster = struct {
    /// What to call it.
    name: []const u8,
    /// Where; the connection's or the provider's choice if not given.
    location: []const u8 = "",
    /// The version of what it runs; the provider's default if not given.
    version: []const u8 = "",
    /// How many machines, where clusters have their own.
    nodes: i64 = 0,
    /// The size of its machines, where clusters have their own.
    size: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// What the provider takes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
};

/// What destroy_cluster takes.
pub const DestroyCluster = struct {
    /// The cluster.
    cluster: []const u8,
};

pub const Image = struct {
    /// The provider's identifier.
    id: []const u8,
    /// With its tag: "docker.io/library/nginx:1.29".
    name: []const u8 = "",
    /// The registry's digest of it; empty if it came from none.
    digest: []const u8 = "",
    /// What it runs on: amd64, arm64, …
    architecture: []const u8 = "",
    /// What it takes on disk. In bytes.
    size: i64 = 0,
    /// When it was built.
    created_at: ?types.Time = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_images takes.
pub const ListImages = struct {
    /// Only the image of this name.
    name: []const u8 = "",
};

/// What get_image takes.
pub const GetImage = struct {
    /// The image, by id or name.
    image: []const u8,
};

/// What pull_image takes.
pub const PullImage = struct {
    /// The image: "nginx", "registry.example/team/app:1.2", "app@sha256:…".
    name: []const u8,
};

/// What push_image takes.
pub const PushImage = struct {
    /// The image, by id or name.
    image: []const u8,
    /// The name to send it under, with its registry and tag: "registry.example/team/app:1.2"; its own if not given.
    to: []const u8 = "",
};

/// What copy_image takes.
pub const CopyImage = struct {
    /// The image, by name, tag or digest; without a registry it is in the connection's own.
    image: []const u8,
    /// The name of the copy; without a registry it is in the connection's own: "team/app:1.2", "registry.example/app:1.2".
    to: []const u8,
};

/// What delete_image takes.
pub const DeleteImage = struct {
    /// The image.
    image: []const u8,
};

pub const Container = struct {
    /// The provider's identifier.
    id: []const u8,
    /// The name it was given.
    name: []const u8 = "",
    /// What it is doing.
    state: ?State = null,
    /// The name of its image.
    image: []const u8 = "",
    /// The id of its cluster; empty where there are none.
    cluster: []const u8 = "",
    /// What it runs, where that is not the image's.
    command: []const []const u8 = &.{},
    /// Its environment variables, as far as the provider shows them.
    environment: types.Map([]const u8) = .{},
    /// The ports it can be reached on.
    ports: []const Port = &.{},
    /// What is mounted into it.
    mounts: []const Mount = &.{},
    /// The processors it may use; 0 without a limit.
    cpus: f64 = 0,
    /// The memory it may use; 0 without a limit. In MiB.
    memory: i64 = 0,
    /// What happens when it ends.
    restart_policy: ?RestartPolicy = null,
    /// How many of it shall run.
    replicas: i64 = 0,
    /// How many of it run and are healthy.
    ready: i64 = 0,
    /// Its addresses.
    ips: []const []const u8 = &.{},
    /// Its exit status, once it has ended.
    exit_code: ?i64 = null,
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// When it was made.
    created_at: ?types.Time = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_containers takes.
pub const ListContainers = struct {
    /// Only containers of this name.
    name: []const u8 = "",
    /// Only containers in this state.
    state: ?State = null,
    /// Only containers of this cluster.
    cluster: []const u8 = "",
    /// Only containers that have all of these tags.
    tags: types.Map([]const u8) = .{},
};

/// What get_container takes.
pub const GetContainer = struct {
    /// The container.
    container: []const u8,
};

/// What deploy_container takes.
pub const DeployContainer = struct {
    /// What to call it.
    name: []const u8,
    /// The image, by name or id; pulled if it is not there.
    image: []const u8,
    /// Where it runs; the connection's if not given.
    cluster: []const u8 = "",
    /// What it runs; the image's own if not given.
    command: []const []const u8 = &.{},
    /// Its environment variables.
    environment: types.Map([]const u8) = .{},
    /// The ports to reach it on: dicts of port, host_port, protocol.
    ports: []const Port = &.{},
    /// What to mount into it: dicts of source, target, read_only.
    mounts: []const Mount = &.{},
    /// The processors it may use; no limit if not given.
    cpus: f64 = 0,
    /// The memory it may use; no limit if not given. In MiB.
    memory: i64 = 0,
    /// What happens when it ends; the provider's default if not given.
    restart_policy: ?RestartPolicy = null,
    /// How many of it, where the provider keeps a number running; with 0 it is there, and stopped.
    replicas: i64 = 1,
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// What the provider takes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
};

/// What start_container takes.
pub const StartContainer = struct {
    /// The container.
    container: []const u8,
};

/// What stop_container takes.
pub const StopContainer = struct {
    /// The container.
    container: []const u8,
    /// How long it may take to end by itself before it is killed; 0 kills it at once. In s.
    timeout: i64 = 10,
};

/// What restart_container takes.
pub const RestartContainer = struct {
    /// The container.
    container: []const u8,
};

/// What scale_container takes.
pub const ScaleContainer = struct {
    /// The container.
    container: []const u8,
    /// How many of it shall run; with 0 it is stopped.
    replicas: i64,
};

/// What destroy_container takes.
pub const DestroyContainer = struct {
    /// The container.
    container: []const u8,
};

pub const LogLine = struct {
    /// When; unset if the provider does not say.
    time: ?types.Time = null,
    /// Where it wrote it.
    stream: ?LogStream = null,
    /// The line, without its end.
    text: []const u8 = "",
};

/// What get_container_logs takes.
pub const GetContainerLogs = struct {
    /// The container.
    container: []const u8,
    /// Go on with what it writes until it ends.
    follow: bool = false,
    /// Only this many of the lines there are, with 0 and follow only those to come; all if not given.
    tail: ?i64 = null,
};

pub const ExecResult = struct {
    /// Its exit status.
    exit_code: i64 = 0,
    /// What it wrote to standard output.
    stdout: []const u8 = "",
    /// What it wrote to standard error.
    stderr: []const u8 = "",
};

/// What exec_container takes.
pub const ExecContainer = struct {
    /// The container.
    container: []const u8,
    /// The program and its arguments.
    command: []const []const u8,
    /// More environment variables.
    environment: types.Map([]const u8) = .{},
    /// What it reads from standard input.
    input: []const u8 = "",
};

pub const Repository = struct {
    /// Its name in the registry.
    name: []const u8,
    /// When it was made; unset if the registry does not say.
    created_at: ?types.Time = null,
    /// What the registry has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_repositories takes.
pub const ListRepositories = struct {};

pub const Tag = struct {
    /// The repository.
    repository: []const u8 = "",
    /// The tag.
    name: []const u8,
    /// The digest of the image; empty if the registry's list leaves it out.
    digest: []const u8 = "",
    /// What the image takes, compressed; 0 if the registry's list leaves it out. In bytes.
    size: i64 = 0,
    /// When it was pushed; unset if the registry does not say.
    created_at: ?types.Time = null,
    /// What the registry has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_tags takes.
pub const ListTags = struct {
    /// The repository.
    repository: []const u8,
};

pub const Answer = struct {
    /// The answer in the provider's own names; None if it has no body.
    value: types.Any = .{},
};

/// What native takes.
pub const Call = struct {
    /// What to call, in the provider's words: an operation's name, or a method and a path; see the provider's page.
    operation: []const u8,
    /// Its arguments, in the provider's words. They may stand by themselves: native("DescribeVpcs", MaxResults = 5). REST: query, headers and body.
    arguments: types.Map(types.Any) = .{},
};

/// What native_pages takes.
pub const Pages = struct {
    /// What to call, as for native.
    operation: []const u8,
    /// Its arguments, as for native.
    arguments: types.Map(types.Any) = .{},
};

pub const State = enum {
    running,
    rebooting,
    terminated,
    pending,
    unknown,
    stopped,
    suspended,
    @"error",
    paused,
};

pub const Port = struct {
    /// The port in the container.
    port: i64,
    /// The port outside; the provider's choice if not given.
    host_port: i64 = 0,
    /// The address outside; all if not given.
    host_ip: []const u8 = "",
    /// What it carries.
    protocol: PortProtocol = .tcp,
};

pub const Mount = struct {
    /// A volume's name, or a path of the host; empty for memory.
    source: []const u8 = "",
    /// The path in the container.
    target: []const u8,
    /// Whether the container may only read it.
    read_only: bool = false,
};

pub const RestartPolicy = enum {
    no,
    on_failure,
    always,
};

pub const LogStream = enum {
    stdout,
    stderr,
};

pub const PortProtocol = enum {
    tcp,
    udp,
};
