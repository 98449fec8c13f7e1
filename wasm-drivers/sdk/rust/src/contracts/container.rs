// Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.

//! Containers: Containers, the clusters they run on, and the images and registries they come from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::wire;
use crate::{Operation, Page, Shape};

impl Operation for ListLocations {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "list_locations";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Location>;
}

impl Operation for ListClusters {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "list_clusters";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Cluster>;
}

impl Operation for GetCluster {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "get_cluster";
    const SHAPE: Shape = Shape::Call;
    type Output = Cluster;
}

impl Operation for CreateCluster {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "create_cluster";
    const SHAPE: Shape = Shape::Call;
    type Output = Cluster;
}

impl Operation for DestroyCluster {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "destroy_cluster";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListImages {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "list_images";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Image>;
}

impl Operation for GetImage {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "get_image";
    const SHAPE: Shape = Shape::Call;
    type Output = Image;
}

impl Operation for PullImage {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "pull_image";
    const SHAPE: Shape = Shape::Call;
    type Output = Image;
}

impl Operation for PushImage {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "push_image";
    const SHAPE: Shape = Shape::Call;
    type Output = Image;
}

impl Operation for CopyImage {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "copy_image";
    const SHAPE: Shape = Shape::Call;
    type Output = Image;
}

impl Operation for DeleteImage {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "delete_image";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListContainers {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "list_containers";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Container>;
}

impl Operation for GetContainer {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "get_container";
    const SHAPE: Shape = Shape::Call;
    type Output = Container;
}

impl Operation for DeployContainer {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "deploy_container";
    const SHAPE: Shape = Shape::Call;
    type Output = Container;
}

impl Operation for StartContainer {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "start_container";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for StopContainer {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "stop_container";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for RestartContainer {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "restart_container";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ScaleContainer {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "scale_container";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for DestroyContainer {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "destroy_container";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for GetContainerLogs {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "get_container_logs";
    const SHAPE: Shape = Shape::List;
    type Output = Page<LogLine>;
}

impl Operation for ExecContainer {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "exec_container";
    const SHAPE: Shape = Shape::Call;
    type Output = ExecResult;
}

impl Operation for ListRepositories {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "list_repositories";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Repository>;
}

impl Operation for ListTags {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "list_tags";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Tag>;
}

impl Operation for Call {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "native";
    const SHAPE: Shape = Shape::Call;
    type Output = Answer;
}

impl Operation for Pages {
    const FAMILY: &'static str = "container";
    const NAME: &'static str = "native_pages";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Answer>;
}

/// Takes list_locations. List the places where clusters can be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListLocations {
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Location {
    /// The provider's identifier.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// ISO 3166 code of the country; empty if the provider does not say.
    pub country: String,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes list_clusters. List the clusters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListClusters {
    /// Only clusters of this name.
    pub name: String,
    /// Only clusters there.
    pub location: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// The provider's identifier.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// What it is doing.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<State>,
    /// The id of where it is.
    pub location: String,
    /// The address of its API; empty if it has none of its own.
    pub endpoint: String,
    /// The version of what it runs; empty if the provider does not say.
    pub version: String,
    /// How many machines it has; 0 where it has none of its own.
    pub nodes: i64,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes get_cluster. Look a cluster up by its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetCluster {
    /// The cluster.
    pub cluster: String,
}

/// Takes create_cluster. Create a cluster. It is returned while it still starts: wait for it to be running.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateCluster {
    /// What to call it.
    pub name: String,
    /// Where; the connection's or the provider's choice if not given.
    pub location: String,
    /// The version of what it runs; the provider's default if not given.
    pub version: String,
    /// How many machines, where clusters have their own.
    pub nodes: i64,
    /// The size of its machines, where clusters have their own.
    pub size: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// What the provider takes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes destroy_cluster. Destroy a cluster. Nothing may run on it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestroyCluster {
    /// The cluster.
    pub cluster: String,
}

/// Takes list_images. List the images that are there to deploy from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListImages {
    /// Only the image of this name.
    pub name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Image {
    /// The provider's identifier.
    pub id: String,
    /// With its tag: "docker.io/library/nginx:1.29".
    pub name: String,
    /// The registry's digest of it; empty if it came from none.
    pub digest: String,
    /// What it runs on: amd64, arm64, …
    pub architecture: String,
    /// What it takes on disk. In bytes.
    pub size: i64,
    /// When it was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes get_image. Look an image up by its id or name: at a registry, what the name stands for now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetImage {
    /// The image, by id or name.
    pub image: String,
}

/// Takes pull_image. Get an image from its registry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PullImage {
    /// The image: "nginx", "registry.example/team/app:1.2", "app@sha256:…".
    pub name: String,
}

/// Takes push_image. Send an image that is here to the registry that its name, or the name given, begins with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PushImage {
    /// The image, by id or name.
    pub image: String,
    /// The name to send it under, with its registry and tag: "registry.example/team/app:1.2"; its own if not given.
    pub to: String,
}

/// Takes copy_image. Copy an image from one registry to another, for all its architectures, without keeping it here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyImage {
    /// The image, by name, tag or digest; without a registry it is in the connection's own.
    pub image: String,
    /// The name of the copy; without a registry it is in the connection's own: "team/app:1.2", "registry.example/app:1.2".
    pub to: String,
}

/// Takes delete_image. Delete an image. No container may use it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteImage {
    /// The image.
    pub image: String,
}

/// Takes list_containers. List the containers, of all clusters or of one, stopped ones too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListContainers {
    /// Only containers of this name.
    pub name: String,
    /// Only containers in this state.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<State>,
    /// Only containers of this cluster.
    pub cluster: String,
    /// Only containers that have all of these tags.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Container {
    /// The provider's identifier.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// What it is doing.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<State>,
    /// The name of its image.
    pub image: String,
    /// The id of its cluster; empty where there are none.
    pub cluster: String,
    /// What it runs, where that is not the image's.
    #[serde(deserialize_with = "wire::or_default")]
    pub command: Vec<String>,
    /// Its environment variables, as far as the provider shows them.
    #[serde(deserialize_with = "wire::or_default")]
    pub environment: BTreeMap<String, String>,
    /// The ports it can be reached on.
    #[serde(deserialize_with = "wire::or_default")]
    pub ports: Vec<Port>,
    /// What is mounted into it.
    #[serde(deserialize_with = "wire::or_default")]
    pub mounts: Vec<Mount>,
    /// The processors it may use; 0 without a limit.
    pub cpus: f64,
    /// The memory it may use; 0 without a limit. In MiB.
    pub memory: i64,
    /// What happens when it ends.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub restart_policy: Option<RestartPolicy>,
    /// How many of it shall run.
    pub replicas: i64,
    /// How many of it run and are healthy.
    pub ready: i64,
    /// Its addresses.
    #[serde(deserialize_with = "wire::or_default")]
    pub ips: Vec<String>,
    /// Its exit status, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes get_container. Look a container up by its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetContainer {
    /// The container.
    pub container: String,
}

/// Takes deploy_container. Run a container from an image. It is returned while it still starts: wait for it to be running.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeployContainer {
    /// What to call it.
    pub name: String,
    /// The image, by name or id; pulled if it is not there.
    pub image: String,
    /// Where it runs; the connection's if not given.
    pub cluster: String,
    /// What it runs; the image's own if not given.
    #[serde(deserialize_with = "wire::or_default")]
    pub command: Vec<String>,
    /// Its environment variables.
    #[serde(deserialize_with = "wire::or_default")]
    pub environment: BTreeMap<String, String>,
    /// The ports to reach it on: dicts of port, host_port, protocol.
    #[serde(deserialize_with = "wire::or_default")]
    pub ports: Vec<Port>,
    /// What to mount into it: dicts of source, target, read_only.
    #[serde(deserialize_with = "wire::or_default")]
    pub mounts: Vec<Mount>,
    /// The processors it may use; no limit if not given.
    pub cpus: f64,
    /// The memory it may use; no limit if not given. In MiB.
    pub memory: i64,
    /// What happens when it ends; the provider's default if not given.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub restart_policy: Option<RestartPolicy>,
    /// How many of it, where the provider keeps a number running; with 0 it is there, and stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// What the provider takes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes start_container. Start a stopped container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StartContainer {
    /// The container.
    pub container: String,
}

/// Takes stop_container. Stop a container; it can be started again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StopContainer {
    /// The container.
    pub container: String,
    /// How long it may take to end by itself before it is killed; 0 kills it at once. In s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
}

/// Takes restart_container. Stop a container and start it again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartContainer {
    /// The container.
    pub container: String,
}

/// Takes scale_container. Change how many of a container run. Its ready tells how many do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScaleContainer {
    /// The container.
    pub container: String,
    /// How many of it shall run; with 0 it is stopped.
    pub replicas: i64,
}

/// Takes destroy_container. Stop a container and remove it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestroyContainer {
    /// The container.
    pub container: String,
}

/// Takes get_container_logs. Read what a container wrote, line by line, and with follow what it writes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetContainerLogs {
    /// The container.
    pub container: String,
    /// Go on with what it writes until it ends.
    pub follow: bool,
    /// Only this many of the lines there are, with 0 and follow only those to come; all if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogLine {
    /// When; unset if the provider does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Where it wrote it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub stream: Option<LogStream>,
    /// The line, without its end.
    pub text: String,
}

/// Takes exec_container. Run a command in a container and wait for it. An exit status other than 0 is an answer, not an error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecContainer {
    /// The container.
    pub container: String,
    /// The program and its arguments.
    #[serde(deserialize_with = "wire::or_default")]
    pub command: Vec<String>,
    /// More environment variables.
    #[serde(deserialize_with = "wire::or_default")]
    pub environment: BTreeMap<String, String>,
    /// What it reads from standard input.
    pub input: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecResult {
    /// Its exit status.
    pub exit_code: i64,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Takes list_repositories. List a registry's repositories.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListRepositories {
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Repository {
    /// Its name in the registry.
    pub name: String,
    /// When it was made; unset if the registry does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the registry has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes list_tags. List a repository's tags.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListTags {
    /// The repository.
    pub repository: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tag {
    /// The repository.
    pub repository: String,
    /// The tag.
    pub name: String,
    /// The digest of the image; empty if the registry's list leaves it out.
    pub digest: String,
    /// What the image takes, compressed; 0 if the registry's list leaves it out. In bytes.
    pub size: i64,
    /// When it was pushed; unset if the registry does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the registry has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes native. Call the provider's own API: what the portable operations lack. A policy that allows only reading allows it for what reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// What to call, in the provider's words: an operation's name, or a method and a path; see the provider's page.
    pub operation: String,
    /// Its arguments, in the provider's words. They may stand by themselves: native("DescribeVpcs", MaxResults = 5). REST: query, headers and body.
    #[serde(deserialize_with = "wire::or_default")]
    pub arguments: Map<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The answer in the provider's own names; None if it has no body.
    #[serde(deserialize_with = "wire::or_default")]
    pub value: Value,
}

/// Takes native_pages. Call what the provider's own API answers with in pages, one item a page. Only for what reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pages {
    /// What to call, as for native.
    pub operation: String,
    /// Its arguments, as for native.
    #[serde(deserialize_with = "wire::or_default")]
    pub arguments: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    #[serde(rename = "running")]
    Running,
    #[serde(rename = "rebooting")]
    Rebooting,
    #[serde(rename = "terminated")]
    Terminated,
    #[serde(rename = "pending")]
    Pending,
    #[serde(rename = "unknown")]
    Unknown,
    #[serde(rename = "stopped")]
    Stopped,
    #[serde(rename = "suspended")]
    Suspended,
    #[serde(rename = "error")]
    Error,
    #[serde(rename = "paused")]
    Paused,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Port {
    /// The port in the container.
    pub port: i64,
    /// The port outside; the provider's choice if not given.
    pub host_port: i64,
    /// The address outside; all if not given.
    pub host_ip: String,
    /// What it carries.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub protocol: Option<PortProtocol>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    /// A volume's name, or a path of the host; empty for memory.
    pub source: String,
    /// The path in the container.
    pub target: String,
    /// Whether the container may only read it.
    pub read_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartPolicy {
    #[serde(rename = "no")]
    No,
    #[serde(rename = "on_failure")]
    OnFailure,
    #[serde(rename = "always")]
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogStream {
    #[serde(rename = "stdout")]
    Stdout,
    #[serde(rename = "stderr")]
    Stderr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortProtocol {
    #[serde(rename = "tcp")]
    Tcp,
    #[serde(rename = "udp")]
    Udp,
}
