//! Balancers, which are load balancers with one service.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");
const labels = @import("labels.zig");
const services = @import("services.zig");
const targets = @import("targets.zig");

const lb = cloudlark.lb;
const Context = cloudlark.Context;
const Raw = cloudlark.json.Raw;

/// A load balancer as the API shows it.
pub const LoadBalancer = struct {
    id: u63,
    name: []const u8,
    public_net: struct {
        enabled: bool = false,
        ipv4: struct { ip: ?[]const u8 = null } = .{},
        ipv6: struct { ip: ?[]const u8 = null } = .{},
    } = .{},
    private_net: []const struct { network: u63, ip: []const u8 = "" } = &.{},
    location: struct { name: []const u8 = "" } = .{},
    load_balancer_type: struct { name: []const u8 = "" } = .{},
    labels: labels.Labels = .{},
    targets: []const targets.Target = &.{},
    services: []const services.Service = &.{},
    algorithm: struct { type: ?lb.Algorithm = null } = .{},
    included_traffic: Raw = .{},
    ingoing_traffic: Raw = .{},
    outgoing_traffic: Raw = .{},
    protection: Raw = .{},
    created: []const u8,

    fn healthy(b: LoadBalancer) i64 {
        return std.fmt.parseInt(i64, b.labels.get(labels.healthy) orelse "", 10) catch 1;
    }

    fn shown(b: LoadBalancer, c: Client, pending: bool) !lb.Balancer {
        const service = services.first(b.services);
        const certificates = if (service) |s| s.http.certificates else &.{};
        return .{
            .id = try c.text(b.id),
            .name = b.name,
            .state = if (pending) .pending else .running,
            .address = if (b.public_net.enabled) b.public_net.ipv4.ip orelse "" else if (b.private_net.len > 0) b.private_net[0].ip else "",
            .port = if (service) |s| s.listen_port else 0,
            .protocol = if (service) |s| s.protocol else null,
            .algorithm = b.algorithm.type,
            .health_check = if (service) |s| s.check(b.healthy()) else null,
            .certificate = if (certificates.len > 0) try c.text(certificates[0]) else "",
            .location = b.location.name,
            .tags = try labels.tags(c, b.labels),
            .created_at = .{ .rfc3339 = b.created },
            .extra = try c.extra(.{
                .type = b.load_balancer_type.name,
                .ipv6 = b.public_net.ipv6.ip,
                .private_net = b.private_net,
                .services = if (b.services.len > 1) b.services else &.{},
                .included_traffic = b.included_traffic,
                .ingoing_traffic = b.ingoing_traffic,
                .outgoing_traffic = b.outgoing_traffic,
                .protection = b.protection,
            }),
        };
    }
};

/// Looks a load balancer up.
pub fn get(c: Client, id: []const u8) !LoadBalancer {
    return c.get(LoadBalancer, "load_balancers", "load_balancer", try c.number("balancer", id));
}

pub fn list_balancers(ctx: *Context, args: lb.ListBalancers) !cloudlark.Page(lb.Balancer) {
    const c: Client = try .init(ctx);
    const some = try c.page(LoadBalancer, "load_balancers", &.{.{ .name = "name", .value = args.name }}, ctx.cursor);
    const creating = if (some.items.len == 0) &.{} else try made(c);
    const list = try ctx.arena.alloc(lb.Balancer, some.items.len);
    for (list, some.items) |*balancer, b| balancer.* = try b.shown(c, std.mem.indexOfScalar(u63, creating, b.id) != null);
    return .{ .items = list, .next = some.next };
}

/// The load balancers that are being made: only their actions tell.
fn made(c: Client) ![]const u63 {
    const Of = struct { command: []const u8 = "", status: []const u8 = "", resources: []const struct { id: u63, type: []const u8 = "" } = &.{} };
    var ids: std.ArrayList(u63) = .empty;
    for (try c.all(Of, "load_balancers/actions", &.{.{ .name = "status", .value = "running" }})) |a| {
        if (!std.mem.eql(u8, a.command, "create_load_balancer") or !std.mem.eql(u8, a.status, "running")) continue;
        for (a.resources) |r| {
            if (std.mem.eql(u8, r.type, "load_balancer")) try ids.append(c.ctx.arena, r.id);
        }
    }
    return ids.items;
}

pub fn get_balancer(ctx: *Context, args: lb.GetBalancer) !lb.Balancer {
    const c: Client = try .init(ctx);
    const b = try get(c, args.balancer);
    for (try c.current("load_balancers", b.id)) |a| {
        if (std.mem.eql(u8, a.command, "create_load_balancer")) return b.shown(c, true);
    }
    return b.shown(c, false);
}

/// What create_balancer takes beyond the contract.
const Extra = struct { type: []const u8 = "lb11", public_interface: ?bool = null };

pub fn create_balancer(ctx: *Context, args: lb.CreateBalancer) !lb.Balancer {
    const c: Client = try .init(ctx);
    const extra = try c.given(Extra, args.extra);
    if (args.subnets.len > 0) return ctx.fail(.invalid_argument, "subnets: a load balancer is in a network, and Hetzner chooses where", .{});
    if (args.networks.len > 1) return ctx.fail(.invalid_argument, "networks: a load balancer is in one, not in {d}", .{args.networks.len});
    try services.checkPort(c, args.port);
    try services.checkProtocol(c, args.protocol, args.certificate);
    try checkAlgorithm(c, args.algorithm);
    try checkDrain(c, args.drain_timeout);

    const networks = try c.numbers("network", args.networks);
    const destination = try targets.port(c, args.members, args.port);
    const members = try ctx.arena.alloc(targets.Name, args.members.len);
    for (members, args.members) |*target, m| target.* = try targets.of(c, m, networks.len > 0);
    var own: std.ArrayList(labels.Labels.Entry) = .empty;
    if (args.health_check) |h| try own.append(ctx.arena, try healthyLabel(c, h));

    const answer = try c.send("POST", "/load_balancers", .{
        .name = args.name,
        .load_balancer_type = extra.type,
        .location = c.location(args.location),
        .network = if (networks.len > 0) @as(?u63, networks[0]) else null,
        .public_interface = extra.public_interface,
        .algorithm = .{ .type = args.algorithm },
        .services = .{.{
            .protocol = args.protocol,
            .listen_port = args.port,
            .destination_port = destination,
            .proxyprotocol = false,
            .health_check = try services.checkOf(c, args.health_check, destination),
            .http = try services.httpOf(c, args.certificate),
        }},
        .targets = members,
        .labels = try labels.of(c, args.tags, own.items),
    });
    return (try answer.get(LoadBalancer, "load_balancer")).shown(c, true);
}

fn checkDrain(c: Client, seconds: ?i64) !void {
    if (seconds != null) return c.ctx.fail(.invalid_argument, "drain_timeout: Hetzner has none", .{});
}

fn checkAlgorithm(c: Client, algorithm: lb.Algorithm) !void {
    switch (algorithm) {
        .round_robin, .least_connections => {},
        else => return c.ctx.fail(.invalid_argument, "algorithm: Hetzner has round_robin and least_connections, not {t}", .{algorithm}),
    }
}

/// Hetzner has no threshold for health, so a label keeps it.
fn healthyLabel(c: Client, h: lb.HealthCheck) !labels.Labels.Entry {
    return .{ .key = labels.healthy, .value = try c.print("{d}", .{h.healthy_threshold}) };
}

/// The changes are one action after the other, as each locks the load balancer.
pub fn update_balancer(ctx: *Context, args: lb.UpdateBalancer) !void {
    const c: Client = try .init(ctx);
    const b = try get(c, args.balancer);
    const old = services.first(b.services) orelse return ctx.fail(.conflict, "the balancer {s} has no service", .{args.balancer});

    // All of it is looked at before any of it is done.
    if (args.port != 0) try services.checkPort(c, args.port);
    if (args.algorithm) |algorithm| try checkAlgorithm(c, algorithm);
    try checkDrain(c, args.drain_timeout);
    const protocol = args.protocol orelse old.protocol;
    const certificate = if (args.certificate.len > 0)
        args.certificate
    else if (protocol == .https and old.http.certificates.len > 0)
        try c.text(old.http.certificates[0])
    else
        "";
    if (args.protocol != null or args.certificate.len > 0) try services.checkProtocol(c, protocol, certificate);
    const check: Raw = if (args.health_check) |h| try services.checkOf(c, h, old.destination_port) else .{};

    if (args.name.len > 0 or args.health_check != null) {
        const own: []const labels.Labels.Entry = if (args.health_check) |h| &.{try healthyLabel(c, h)} else &.{};
        _ = try c.send("PUT", try c.print("/load_balancers/{d}", .{b.id}), .{
            .name = args.name,
            .labels = if (own.len > 0) try labels.of(c, try labels.tags(c, b.labels), own) else Raw{},
        });
    }
    if (args.algorithm) |algorithm| {
        if (algorithm != b.algorithm.type) try c.finish(try c.act("load_balancers", b.id, "change_algorithm", .{ .type = algorithm }));
    }
    const changed = args.protocol != null or args.certificate.len > 0 or args.health_check != null;
    if (changed) try c.finish(try c.act("load_balancers", b.id, "update_service", .{
        .listen_port = old.listen_port,
        .protocol = args.protocol,
        .health_check = check,
        .http = if (protocol == .https) try services.httpOf(c, certificate) else null,
    }));
    if (args.port != 0 and args.port != old.listen_port) try move(c, b.id, old.listen_port, args.port);
}

/// Gives a service another port, which the API cannot: a second one like it comes
/// up before the first goes.
fn move(c: Client, id: u63, from: i64, to: i64) !void {
    const answer = try c.send("GET", try c.print("/load_balancers/{d}", .{id}), null);
    const whole = try answer.get(struct { services: []const cloudlark.Map(Raw) }, "load_balancer");
    for (whole.services) |service| {
        const entries = try c.ctx.arena.dupe(cloudlark.Map(Raw).Entry, service.entries);
        const port = for (entries) |*e| {
            if (std.mem.eql(u8, e.key, "listen_port")) break e;
        } else continue;
        if (try port.value.as(i64, c.ctx.arena) != from) continue;
        port.value = try .of(c.ctx.arena, to);
        try c.finish(try c.act("load_balancers", id, "add_service", cloudlark.Map(Raw){ .entries = entries }));
        return c.finish(try c.act("load_balancers", id, "delete_service", .{ .listen_port = from }));
    }
}

pub fn destroy_balancer(ctx: *Context, args: lb.DestroyBalancer) !void {
    const c: Client = try .init(ctx);
    try c.delete("load_balancers", try c.number("balancer", args.balancer));
}

pub fn list_protocols(_: *Context, _: lb.ListProtocols) !cloudlark.Page(lb.ProtocolInfo) {
    return .{ .items = &.{ .{ .name = .http }, .{ .name = .https }, .{ .name = .tcp } } };
}

pub fn list_supported_algorithms(_: *Context, _: lb.ListSupportedAlgorithms) !cloudlark.Page(lb.AlgorithmInfo) {
    return .{ .items = &.{ .{ .name = .round_robin }, .{ .name = .least_connections } } };
}
