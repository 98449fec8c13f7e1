//! Nodes, which are servers.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");
const keys = @import("keys.zig");
const labels = @import("labels.zig");
const networking = @import("networks.zig");

const compute = cloudlark.compute;
const Context = cloudlark.Context;
const Raw = cloudlark.json.Raw;

/// A server as the API shows it.
pub const Server = struct {
    id: u63,
    name: []const u8,
    status: []const u8,
    created: []const u8,
    locked: bool = false,
    server_type: struct { name: []const u8 },
    location: struct { name: []const u8 = "" } = .{},
    image: ?struct { id: u63 } = null,
    public_net: struct {
        ipv4: ?struct { ip: []const u8 } = null,
        ipv6: ?struct { ip: []const u8 } = null,
        floating_ips: []const u63 = &.{},
        firewalls: []const struct { id: u63 } = &.{},
    } = .{},
    private_net: []const struct { network: u63, ip: []const u8 } = &.{},
    volumes: []const u63 = &.{},
    labels: labels.Labels = .{},
    protection: Raw = .{},
    backup_window: Raw = .{},
    rescue_enabled: Raw = .{},
    included_traffic: Raw = .{},
    placement_group: Raw = .{},
    primary_disk_size: Raw = .{},
    iso: Raw = .{},

    pub fn is(s: Server, status: []const u8) bool {
        return std.mem.eql(u8, s.status, status);
    }
};

/// Looks a server up.
pub fn get(c: Client, id: u63) !Server {
    return c.get(Server, "servers", "server", id);
}

const states: std.StaticStringMap(compute.NodeState) = .initComptime(.{
    .{ "initializing", .pending },
    .{ "starting", .starting },
    .{ "running", .running },
    .{ "stopping", .stopping },
    .{ "off", .stopped },
    .{ "deleting", .terminated },
    .{ "migrating", .migrating },
    .{ "rebuilding", .reconfiguring },
});

/// What servers show the id of, and nodes something else: asked for once a list,
/// and only if a server has any.
const Others = struct {
    addresses: []const FloatingIp = &.{},
    networks: []const networking.Network = &.{},
    keys: []const keys.Key = &.{},

    const FloatingIp = struct { id: u63, ip: []const u8 };

    fn of(c: Client, servers: []const Server) !Others {
        var others: Others = .{};
        for (servers) |s| {
            if (s.public_net.floating_ips.len > 0 and others.addresses.len == 0) others.addresses = try c.all(FloatingIp, "floating_ips", &.{});
            if (s.private_net.len > 0 and others.networks.len == 0) others.networks = try c.all(networking.Network, "networks", &.{});
            if (s.labels.get(labels.key_pair) != null and others.keys.len == 0) others.keys = try c.all(keys.Key, "ssh_keys", &.{});
        }
        return others;
    }

    fn find(list: anytype, id: u63) ?@TypeOf(list[0]) {
        for (list) |v| if (v.id == id) return v;
        return null;
    }
};

fn shown(c: Client, servers: []const Server) ![]const compute.Node {
    const others: Others = try .of(c, servers);
    const nodes = try c.ctx.arena.alloc(compute.Node, servers.len);
    for (nodes, servers) |*n, s| n.* = try node(c, s, others);
    return nodes;
}

fn node(c: Client, s: Server, others: Others) !compute.Node {
    const arena = c.ctx.arena;
    var public: std.ArrayList([]const u8) = .empty;
    if (s.public_net.ipv4) |p| try public.append(arena, p.ip);
    for (s.public_net.floating_ips) |id| {
        if (Others.find(others.addresses, id)) |a| try public.append(arena, a.ip);
    }
    if (s.public_net.ipv6) |p| try public.append(arena, try host(c, p.ip));

    var private: std.ArrayList([]const u8) = .empty;
    var networks: std.ArrayList([]const u8) = .empty;
    var within: std.ArrayList([]const u8) = .empty;
    for (s.private_net) |p| {
        try private.append(arena, p.ip);
        try networks.append(arena, try c.text(p.network));
        const network = Others.find(others.networks, p.network) orelse continue;
        const subnet = try network.around(c, p.ip);
        if (subnet.len > 0) try within.append(arena, subnet);
    }

    const groups = try arena.alloc([]const u8, s.public_net.firewalls.len);
    for (groups, s.public_net.firewalls) |*group, f| group.* = try c.text(f.id);

    const key = std.fmt.parseInt(u63, s.labels.get(labels.key_pair) orelse "", 10) catch 0;
    return .{
        .id = try c.text(s.id),
        .name = s.name,
        .state = try state(c, s),
        .public_ips = public.items,
        .private_ips = private.items,
        .size = s.server_type.name,
        .image = if (s.image) |i| try c.text(i.id) else "",
        .location = s.location.name,
        .key_pair = if (Others.find(others.keys, key)) |k| k.name else "",
        .networks = networks.items,
        .subnets = within.items,
        .security_groups = groups,
        .volumes = try c.texts(s.volumes),
        .tags = try labels.tags(c, s.labels),
        .created_at = .{ .rfc3339 = s.created },
        .extra = try c.extra(.{
            .locked = s.locked,
            .protection = s.protection,
            .backup_window = s.backup_window,
            .rescue_enabled = s.rescue_enabled,
            .included_traffic = s.included_traffic,
            .placement_group = s.placement_group,
            .primary_disk_size = s.primary_disk_size,
            .iso = s.iso,
        }),
    };
}

/// The address that a server has of its network of IPv6.
fn host(c: Client, network: []const u8) ![]const u8 {
    const parts = std.mem.cutScalar(u8, network, '/') orelse return network;
    return if (std.mem.endsWith(u8, parts[0], "::")) c.print("{s}1", .{parts[0]}) else parts[0];
}

/// A server is off while it is made and before it is started for the first time.
fn state(c: Client, s: Server) !compute.NodeState {
    if (s.is("off") and s.locked) {
        for (try c.current("servers", s.id)) |a| {
            if (std.mem.eql(u8, a.command, "create_server") or std.mem.eql(u8, a.command, "start_server")) return .pending;
        }
    }
    return states.get(s.status) orelse .unknown;
}

pub fn list_nodes(ctx: *Context, args: compute.ListNodes) !cloudlark.Page(compute.Node) {
    const c: Client = try .init(ctx);
    const some = try c.page(Server, "servers", &.{.{ .name = "name", .value = args.name }}, ctx.cursor);
    return .{ .items = try shown(c, some.items), .next = some.next };
}

pub fn get_node(ctx: *Context, args: compute.GetNode) !compute.Node {
    const c: Client = try .init(ctx);
    return (try shown(c, &.{try get(c, try c.number("node", args.node))}))[0];
}

/// What create_node takes beyond the contract.
const Extra = struct {
    placement_group: ?u63 = null,
    volumes: []const u63 = &.{},
    automount: ?bool = null,
    ipv6: ?bool = null,
};

pub fn create_node(ctx: *Context, args: compute.CreateNode) !compute.Node {
    const c: Client = try .init(ctx);
    const extra = try c.given(Extra, args.extra);
    if (args.root_disk != 0) return ctx.fail(.invalid_argument, "root_disk: a server's disk is its size's", .{});
    if (args.image.len == 0) return ctx.fail(.invalid_argument, "image: there is none without a name", .{});

    // What it names is looked up before anything is made.
    const within = try ctx.arena.alloc(networking.Found, args.subnets.len);
    for (within, args.subnets) |*found, id| found.* = try networking.find(c, id);
    const groups = try c.numbers("security group", args.security_groups);
    const firewalls = try ctx.arena.alloc(struct { firewall: u63 }, groups.len);
    for (firewalls, groups) |*f, id| f.* = .{ .firewall = id };
    var networks: std.ArrayList(u63) = .empty;
    for (try c.numbers("network", args.networks)) |id| {
        for (within) |found| {
            if (found.network.id == id) break; // the subnet says more
        } else try networks.append(ctx.arena, id);
    }
    var own: std.ArrayList(labels.Labels.Entry) = .empty;
    if (args.key_pair.len > 0) {
        const key = try keys.named(c, args.key_pair);
        try own.append(ctx.arena, .{ .key = labels.key_pair, .value = try c.text(key.id) });
    }

    const public = args.public_address orelse true;
    const PublicNet = struct { enable_ipv4: bool, enable_ipv6: bool };
    const answer = try c.send("POST", "/servers", .{
        .name = args.name,
        .server_type = args.size,
        .image = args.image,
        .location = c.location(args.location),
        .ssh_keys = if (args.key_pair.len > 0) &[_][]const u8{args.key_pair} else &[_][]const u8{},
        .user_data = args.user_data,
        .labels = try labels.of(c, args.tags, own.items),
        .networks = networks.items,
        .firewalls = firewalls,
        .placement_group = extra.placement_group,
        .volumes = extra.volumes,
        .automount = extra.automount,
        .public_net = @as(PublicNet, .{ .enable_ipv4 = public, .enable_ipv6 = extra.ipv6 orelse public }),
        .start_after_create = @as(?bool, if (within.len > 0) false else null),
    });
    const server = try answer.get(Server, "server");
    if (within.len == 0) return (try shown(c, &.{server}))[0];
    return placed(c, server.id, answer, within) catch |err| {
        const failure = ctx.failure;
        c.delete("servers", server.id) catch std.log.warn("the server {d} is left behind", .{server.id});
        ctx.failure = failure;
        return err;
    };
}

/// Puts a new server into subnets, and starts it.
fn placed(c: Client, id: u63, made: Client.Answer, within: []const networking.Found) !compute.Node {
    try c.finish(made);
    for (within) |found| {
        try c.finish(try c.act("servers", id, "attach_to_network", .{ .network = found.network.id, .ip_range = found.range }));
    }
    _ = try c.act("servers", id, "poweron", null);
    return (try shown(c, &.{try get(c, id)}))[0];
}

pub fn start_node(ctx: *Context, args: compute.StartNode) !void {
    const c: Client = try .init(ctx);
    _ = try c.act("servers", try c.number("node", args.node), "poweron", null);
}

pub fn stop_node(ctx: *Context, args: compute.StopNode) !void {
    const c: Client = try .init(ctx);
    const id = try c.number("node", args.node);
    if ((try get(c, id)).is("off")) return;
    _ = if (args.force) try c.act("servers", id, "poweroff", null) else try c.act("servers", id, "shutdown", null);
}

/// How long a server that is asked to shut down may take for it.
const patience_ms = 2 * 60 * 1000;

/// Shuts a server down and waits until it is off. One that does not obey is an error.
pub fn shut(c: Client, id: u63) !void {
    _ = try c.act("servers", id, "shutdown", null);
    const until = c.ctx.now() + patience_ms;
    var backoff: Client.Backoff = .{};
    while (!(try get(c, id)).is("off")) {
        if (c.ctx.now() > until) return c.ctx.fail(.conflict, "the node {d} does not shut down", .{id});
        try backoff.wait(c.ctx);
    }
}

pub fn reboot_node(ctx: *Context, args: compute.RebootNode) !void {
    const c: Client = try .init(ctx);
    const s = try get(c, try c.number("node", args.node));
    if (!s.is("running")) return ctx.fail(.conflict, "the node {s} is not running: it is {s}", .{ args.node, s.status });
    _ = try c.act("servers", s.id, "reboot", null);
}

/// Changes processors and memory, and keeps the disk, so that it can be undone.
/// Hetzner starts the server then; it is shut down again.
pub fn resize_node(ctx: *Context, args: compute.ResizeNode) !void {
    const c: Client = try .init(ctx);
    const id = try c.number("node", args.node);
    if (std.mem.eql(u8, (try get(c, id)).server_type.name, args.size)) return;
    try c.finish(try c.act("servers", id, "change_type", .{ .server_type = args.size, .upgrade_disk = false }));
    if (!(try get(c, id)).is("off")) try shut(c, id);
}

pub fn destroy_node(ctx: *Context, args: compute.DestroyNode) !void {
    const c: Client = try .init(ctx);
    try c.delete("servers", try c.number("node", args.node));
}

pub fn set_node_tags(ctx: *Context, args: compute.SetNodeTags) !void {
    const c: Client = try .init(ctx);
    const s = try get(c, try c.number("node", args.node));
    _ = try c.send("PUT", try c.print("/servers/{d}", .{s.id}), .{ .labels = try labels.replaced(c, s.labels, args.tags) });
}
