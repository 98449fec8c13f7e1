//! Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.
//!
//! Load balancers: Load balancers and their members.

const types = @import("../types.zig");

/// The family's name in descriptions and calls.
pub const family = "lb";

/// The family's operations.
pub const Op = enum {
    /// List the balancers.
    list_balancers,
    /// Look a balancer up by its id.
    get_balancer,
    /// Create a balancer with its members. It is returned while it still starts: wait for it to be running.
    create_balancer,
    /// Change what is given of a balancer, and nothing else.
    update_balancer,
    /// Destroy a balancer and all that was made for it. Its members live on.
    destroy_balancer,
    /// List a balancer's members with their health.
    balancer_list_members,
    /// Add a member by its address.
    balancer_attach_member,
    /// Add a node of the same provider as a member.
    balancer_attach_compute_node,
    /// Look a member up by its id.
    balancer_get_member,
    /// Change a member's share of the work, or whether it gets any, and nothing else.
    balancer_update_member,
    /// Take a member out. It gets no new work at once; where the provider can, it has the balancer's drain_timeout to finish what it has, and is seen draining meanwhile.
    balancer_detach_member,
    /// List the protocols that balancers can speak here.
    list_protocols,
    /// List the ways to choose a member that balancers have here.
    list_supported_algorithms,
    /// Call the provider's own API: what the portable operations lack. A policy that allows only reading allows it for what reads.
    native,
    /// Call what the provider's own API answers with in pages, one item a page. Only for what reads.
    native_pages,
};

/// What each operation takes, and what it answers with.
pub const operations = [_]types.Operation{
    .{ .name = "list_balancers", .shape = .list, .In = ListBalancers, .Out = Balancer },
    .{ .name = "get_balancer", .shape = .call, .In = GetBalancer, .Out = Balancer },
    .{ .name = "create_balancer", .shape = .call, .In = CreateBalancer, .Out = Balancer },
    .{ .name = "update_balancer", .shape = .do, .In = UpdateBalancer, .Out = void },
    .{ .name = "destroy_balancer", .shape = .do, .In = DestroyBalancer, .Out = void },
    .{ .name = "balancer_list_members", .shape = .list, .In = BalancerListMembers, .Out = Member },
    .{ .name = "balancer_attach_member", .shape = .call, .In = BalancerAttachMember, .Out = Member },
    .{ .name = "balancer_attach_compute_node", .shape = .call, .In = BalancerAttachComputeNode, .Out = Member },
    .{ .name = "balancer_get_member", .shape = .call, .In = BalancerGetMember, .Out = Member },
    .{ .name = "balancer_update_member", .shape = .do, .In = BalancerUpdateMember, .Out = void },
    .{ .name = "balancer_detach_member", .shape = .do, .In = BalancerDetachMember, .Out = void },
    .{ .name = "list_protocols", .shape = .list, .In = ListProtocols, .Out = ProtocolInfo },
    .{ .name = "list_supported_algorithms", .shape = .list, .In = ListSupportedAlgorithms, .Out = AlgorithmInfo },
    .{ .name = "native", .shape = .call, .In = Call, .Out = Answer },
    .{ .name = "native_pages", .shape = .list, .In = Pages, .Out = Answer },
};

pub const Balancer = struct {
    /// The provider's identifier.
    id: []const u8,
    /// The name it was given.
    name: []const u8 = "",
    /// What it is doing.
    state: ?State = null,
    /// Where it can be reached: an IP address or a host name; empty until it has one.
    address: []const u8 = "",
    /// The port it listens on.
    port: i64 = 0,
    /// What it speaks.
    protocol: ?Protocol = null,
    /// How it chooses a member.
    algorithm: ?Algorithm = null,
    /// How it tells a healthy member; None if it does not check.
    health_check: ?HealthCheck = null,
    /// The provider's id of the TLS certificate, for https and tls.
    certificate: []const u8 = "",
    /// How long a detached member may take to finish what it has; 0 if it is not waited for, or the provider does not say. In s.
    drain_timeout: i64 = 0,
    /// The id of where it is; empty if it has no such place.
    location: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// When it was made; unset if the provider does not say.
    created_at: ?types.Time = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_balancers takes.
pub const ListBalancers = struct {
    /// Only balancers of this name.
    name: []const u8 = "",
    /// Only balancers in this state.
    state: ?State = null,
    /// Only balancers that have all of these tags.
    tags: types.Map([]const u8) = .{},
};

/// What get_balancer takes.
pub const GetBalancer = struct {
    /// The balancer.
    balancer: []const u8,
};

/// What create_balancer takes.
pub const CreateBalancer = struct {
    /// What to call it.
    name: []const u8,
    /// The port it listens on.
    port: i64,
    /// What it speaks.
    protocol: Protocol = .http,
    /// How it chooses a member.
    algorithm: Algorithm = .round_robin,
    /// Its first members: dicts of node or ip, port and weight.
    members: []const NewMember = &.{},
    /// How it tells a healthy member; the provider's default if not given.
    health_check: ?HealthCheck = null,
    /// The provider's id of the TLS certificate, for https and tls.
    certificate: []const u8 = "",
    /// How long a detached member may take to finish what it has, where the provider can wait; with 0 it may not; the provider's usual time if not given. In s.
    drain_timeout: ?i64 = null,
    /// Where; the connection's or the provider's choice if not given.
    location: []const u8 = "",
    /// The networks its members are in, where the provider asks.
    networks: []const []const u8 = &.{},
    /// The subnets it has addresses in, where the provider asks.
    subnets: []const []const u8 = &.{},
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// What the provider takes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
};

/// What update_balancer takes.
pub const UpdateBalancer = struct {
    /// The balancer.
    balancer: []const u8,
    /// The name it shall have.
    name: []const u8 = "",
    /// The port it shall listen on.
    port: i64 = 0,
    /// What it shall speak.
    protocol: ?Protocol = null,
    /// How it shall choose a member.
    algorithm: ?Algorithm = null,
    /// How it shall tell a healthy member.
    health_check: ?HealthCheck = null,
    /// The TLS certificate it shall have.
    certificate: []const u8 = "",
    /// How long a detached member shall have to finish what it has; with 0 no time. In s.
    drain_timeout: ?i64 = null,
    /// What the provider changes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
};

/// What destroy_balancer takes.
pub const DestroyBalancer = struct {
    /// The balancer.
    balancer: []const u8,
};

pub const Member = struct {
    /// The id of the balancer.
    balancer: []const u8 = "",
    /// The provider's identifier; unique in the balancer.
    id: []const u8,
    /// Its address; empty where the provider knows members by node alone.
    ip: []const u8 = "",
    /// Its port.
    port: i64 = 0,
    /// The id of the compute node it is; empty if it was attached by address.
    node: []const u8 = "",
    /// Its share with weighted algorithms, of which 0 is none: it is draining; 1 if the provider has no weights.
    weight: i64 = 0,
    /// Whether it may get work.
    state: ?Condition = null,
    /// What the health check says.
    health: ?Health = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What balancer_list_members takes.
pub const BalancerListMembers = struct {
    /// The balancer.
    balancer: []const u8,
};

/// What balancer_attach_member takes.
pub const BalancerAttachMember = struct {
    /// The balancer.
    balancer: []const u8,
    /// The member's address.
    ip: []const u8,
    /// Its port; the balancer's if not given.
    port: i64 = 0,
    /// Its share with weighted algorithms; with 0 it gets no new work.
    weight: i64 = 1,
};

/// What balancer_attach_compute_node takes.
pub const BalancerAttachComputeNode = struct {
    /// The balancer.
    balancer: []const u8,
    /// The node, of the same provider.
    node: []const u8,
    /// Its port; the balancer's if not given.
    port: i64 = 0,
    /// Its share with weighted algorithms; with 0 it gets no new work.
    weight: i64 = 1,
};

/// What balancer_get_member takes.
pub const BalancerGetMember = struct {
    /// The balancer.
    balancer: []const u8,
    /// The member.
    member: []const u8,
};

/// What balancer_update_member takes.
pub const BalancerUpdateMember = struct {
    /// The balancer.
    balancer: []const u8,
    /// The member.
    member: []const u8,
    /// The share it shall have with weighted algorithms; with 0 it gets no new work, while it goes on with what it has.
    weight: ?i64 = null,
    /// enabled gives it work; draining no new work, while it goes on with what it has; disabled none.
    state: ?Condition = null,
};

/// What balancer_detach_member takes.
pub const BalancerDetachMember = struct {
    /// The balancer.
    balancer: []const u8,
    /// The member.
    member: []const u8,
};

pub const ProtocolInfo = struct {
    /// The protocol.
    name: Protocol,
};

/// What list_protocols takes.
pub const ListProtocols = struct {};

pub const AlgorithmInfo = struct {
    /// The algorithm.
    name: Algorithm,
};

/// What list_supported_algorithms takes.
pub const ListSupportedAlgorithms = struct {};

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
    pending,
    unknown,
    @"error",
    deleted,
};

pub const Protocol = enum {
    http,
    https,
    tcp,
    tls,
    udp,
};

pub const Algorithm = enum {
    round_robin,
    least_connections,
    random,
    source_hash,
    weighted_round_robin,
    weighted_least_connections,
    shortest_response,
    persistent_ip,
};

pub const HealthCheck = struct {
    /// tcp opens a connection; http and https want an answer of 200 to 399.
    protocol: Protocol = .http,
    /// The port to ask; the member's if not given.
    port: i64 = 0,
    /// What to ask for, with http and https.
    path: []const u8 = "/",
    /// The time between two checks. In s.
    interval: i64 = 30,
    /// How long an answer may take. In s.
    timeout: i64 = 5,
    /// This many good answers in a row make it healthy.
    healthy_threshold: i64 = 2,
    /// This many bad answers in a row make it unhealthy.
    unhealthy_threshold: i64 = 2,
};

pub const NewMember = struct {
    /// A compute node of the same provider.
    node: []const u8 = "",
    /// Instead of node: an address.
    ip: []const u8 = "",
    /// Its port; the balancer's if not given.
    port: i64 = 0,
    /// Its share with weighted algorithms; with 0 it gets no new work.
    weight: i64 = 1,
};

pub const Condition = enum {
    enabled,
    disabled,
    draining,
};

pub const Health = enum {
    healthy,
    unhealthy,
    unknown,
};
