// Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.

//! Load balancers: Load balancers and their members.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::wire;
use crate::{Operation, Page, Shape};

impl Operation for ListBalancers {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "list_balancers";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Balancer>;
}

impl Operation for GetBalancer {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "get_balancer";
    const SHAPE: Shape = Shape::Call;
    type Output = Balancer;
}

impl Operation for CreateBalancer {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "create_balancer";
    const SHAPE: Shape = Shape::Call;
    type Output = Balancer;
}

impl Operation for UpdateBalancer {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "update_balancer";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for DestroyBalancer {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "destroy_balancer";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for BalancerListMembers {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "balancer_list_members";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Member>;
}

impl Operation for BalancerAttachMember {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "balancer_attach_member";
    const SHAPE: Shape = Shape::Call;
    type Output = Member;
}

impl Operation for BalancerAttachComputeNode {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "balancer_attach_compute_node";
    const SHAPE: Shape = Shape::Call;
    type Output = Member;
}

impl Operation for BalancerGetMember {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "balancer_get_member";
    const SHAPE: Shape = Shape::Call;
    type Output = Member;
}

impl Operation for BalancerUpdateMember {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "balancer_update_member";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for BalancerDetachMember {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "balancer_detach_member";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListProtocols {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "list_protocols";
    const SHAPE: Shape = Shape::List;
    type Output = Page<ProtocolInfo>;
}

impl Operation for ListSupportedAlgorithms {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "list_supported_algorithms";
    const SHAPE: Shape = Shape::List;
    type Output = Page<AlgorithmInfo>;
}

impl Operation for Call {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "native";
    const SHAPE: Shape = Shape::Call;
    type Output = Answer;
}

impl Operation for Pages {
    const FAMILY: &'static str = "lb";
    const NAME: &'static str = "native_pages";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Answer>;
}

/// Takes list_balancers. List the balancers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListBalancers {
    /// Only balancers of this name.
    pub name: String,
    /// Only balancers in this state.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<State>,
    /// Only balancers that have all of these tags.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Balancer {
    /// The provider's identifier.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// What it is doing.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<State>,
    /// Where it can be reached: an IP address or a host name; empty until it has one.
    pub address: String,
    /// The port it listens on.
    pub port: i64,
    /// What it speaks.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub protocol: Option<Protocol>,
    /// How it chooses a member.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub algorithm: Option<Algorithm>,
    /// How it tells a healthy member; None if it does not check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// The provider's id of the TLS certificate, for https and tls.
    pub certificate: String,
    /// How long a detached member may take to finish what it has; 0 if it is not waited for, or the provider does not say. In s.
    pub drain_timeout: i64,
    /// The id of where it is; empty if it has no such place.
    pub location: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// When it was made; unset if the provider does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes get_balancer. Look a balancer up by its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetBalancer {
    /// The balancer.
    pub balancer: String,
}

/// Takes create_balancer. Create a balancer with its members. It is returned while it still starts: wait for it to be running.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateBalancer {
    /// What to call it.
    pub name: String,
    /// The port it listens on.
    pub port: i64,
    /// What it speaks.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub protocol: Option<Protocol>,
    /// How it chooses a member.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub algorithm: Option<Algorithm>,
    /// Its first members: dicts of node or ip, port and weight.
    #[serde(deserialize_with = "wire::or_default")]
    pub members: Vec<NewMember>,
    /// How it tells a healthy member; the provider's default if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// The provider's id of the TLS certificate, for https and tls.
    pub certificate: String,
    /// How long a detached member may take to finish what it has, where the provider can wait; with 0 it may not; the provider's usual time if not given. In s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_timeout: Option<i64>,
    /// Where; the connection's or the provider's choice if not given.
    pub location: String,
    /// The networks its members are in, where the provider asks.
    #[serde(deserialize_with = "wire::or_default")]
    pub networks: Vec<String>,
    /// The subnets it has addresses in, where the provider asks.
    #[serde(deserialize_with = "wire::or_default")]
    pub subnets: Vec<String>,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// What the provider takes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes update_balancer. Change what is given of a balancer, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateBalancer {
    /// The balancer.
    pub balancer: String,
    /// The name it shall have.
    pub name: String,
    /// The port it shall listen on.
    pub port: i64,
    /// What it shall speak.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub protocol: Option<Protocol>,
    /// How it shall choose a member.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub algorithm: Option<Algorithm>,
    /// How it shall tell a healthy member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// The TLS certificate it shall have.
    pub certificate: String,
    /// How long a detached member shall have to finish what it has; with 0 no time. In s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_timeout: Option<i64>,
    /// What the provider changes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes destroy_balancer. Destroy a balancer and all that was made for it. Its members live on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestroyBalancer {
    /// The balancer.
    pub balancer: String,
}

/// Takes balancer_list_members. List a balancer's members with their health.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BalancerListMembers {
    /// The balancer.
    pub balancer: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    /// The id of the balancer.
    pub balancer: String,
    /// The provider's identifier; unique in the balancer.
    pub id: String,
    /// Its address; empty where the provider knows members by node alone.
    pub ip: String,
    /// Its port.
    pub port: i64,
    /// The id of the compute node it is; empty if it was attached by address.
    pub node: String,
    /// Its share with weighted algorithms, of which 0 is none: it is draining; 1 if the provider has no weights.
    pub weight: i64,
    /// Whether it may get work.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<Condition>,
    /// What the health check says.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub health: Option<Health>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes balancer_attach_member. Add a member by its address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BalancerAttachMember {
    /// The balancer.
    pub balancer: String,
    /// The member's address.
    pub ip: String,
    /// Its port; the balancer's if not given.
    pub port: i64,
    /// Its share with weighted algorithms; with 0 it gets no new work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
}

/// Takes balancer_attach_compute_node. Add a node of the same provider as a member.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BalancerAttachComputeNode {
    /// The balancer.
    pub balancer: String,
    /// The node, of the same provider.
    pub node: String,
    /// Its port; the balancer's if not given.
    pub port: i64,
    /// Its share with weighted algorithms; with 0 it gets no new work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
}

/// Takes balancer_get_member. Look a member up by its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BalancerGetMember {
    /// The balancer.
    pub balancer: String,
    /// The member.
    pub member: String,
}

/// Takes balancer_update_member. Change a member's share of the work, or whether it gets any, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BalancerUpdateMember {
    /// The balancer.
    pub balancer: String,
    /// The member.
    pub member: String,
    /// The share it shall have with weighted algorithms; with 0 it gets no new work, while it goes on with what it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
    /// enabled gives it work; draining no new work, while it goes on with what it has; disabled none.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<Condition>,
}

/// Takes balancer_detach_member. Take a member out. It gets no new work at once; where the provider can, it has the balancer's drain_timeout to finish what it has, and is seen draining meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BalancerDetachMember {
    /// The balancer.
    pub balancer: String,
    /// The member.
    pub member: String,
}

/// Takes list_protocols. List the protocols that balancers can speak here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListProtocols {
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProtocolInfo {
    /// The protocol.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub name: Option<Protocol>,
}

/// Takes list_supported_algorithms. List the ways to choose a member that balancers have here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListSupportedAlgorithms {
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlgorithmInfo {
    /// The algorithm.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub name: Option<Algorithm>,
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
    #[serde(rename = "pending")]
    Pending,
    #[serde(rename = "unknown")]
    Unknown,
    #[serde(rename = "error")]
    Error,
    #[serde(rename = "deleted")]
    Deleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    #[serde(rename = "http")]
    Http,
    #[serde(rename = "https")]
    Https,
    #[serde(rename = "tcp")]
    Tcp,
    #[serde(rename = "tls")]
    Tls,
    #[serde(rename = "udp")]
    Udp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    #[serde(rename = "round_robin")]
    RoundRobin,
    #[serde(rename = "least_connections")]
    LeastConnections,
    #[serde(rename = "random")]
    Random,
    #[serde(rename = "source_hash")]
    SourceHash,
    #[serde(rename = "weighted_round_robin")]
    WeightedRoundRobin,
    #[serde(rename = "weighted_least_connections")]
    WeightedLeastConnections,
    #[serde(rename = "shortest_response")]
    ShortestResponse,
    #[serde(rename = "persistent_ip")]
    PersistentIp,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthCheck {
    /// tcp opens a connection; http and https want an answer of 200 to 399.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub protocol: Option<Protocol>,
    /// The port to ask; the member's if not given.
    pub port: i64,
    /// What to ask for, with http and https.
    pub path: String,
    /// The time between two checks. In s.
    pub interval: i64,
    /// How long an answer may take. In s.
    pub timeout: i64,
    /// This many good answers in a row make it healthy.
    pub healthy_threshold: i64,
    /// This many bad answers in a row make it unhealthy.
    pub unhealthy_threshold: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewMember {
    /// A compute node of the same provider.
    pub node: String,
    /// Instead of node: an address.
    pub ip: String,
    /// Its port; the balancer's if not given.
    pub port: i64,
    /// Its share with weighted algorithms; with 0 it gets no new work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    #[serde(rename = "enabled")]
    Enabled,
    #[serde(rename = "disabled")]
    Disabled,
    #[serde(rename = "draining")]
    Draining,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    #[serde(rename = "healthy")]
    Healthy,
    #[serde(rename = "unhealthy")]
    Unhealthy,
    #[serde(rename = "unknown")]
    Unknown,
}
