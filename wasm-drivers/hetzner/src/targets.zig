//! Members, which are targets. A target has no port of its own: all have the
//! service's `destination_port`.

const std = @import("std");
const cloudlark = @import("cloudlark");
const balancers = @import("balancers.zig");
const Client = @import("Client.zig");
const servers = @import("servers.zig");
const services = @import("services.zig");

const lb = cloudlark.lb;
const Context = cloudlark.Context;

/// A target as the API shows it: one of three things.
pub const Target = struct {
    type: []const u8,
    server: ?struct { id: u63 } = null,
    ip: ?struct { ip: []const u8 } = null,
    label_selector: ?struct { selector: []const u8 } = null,
    use_private_ip: bool = false,
    health_status: []const struct { listen_port: i64, status: ?lb.Health = null } = &.{},

    fn id(t: Target, c: Client) ![]const u8 {
        if (t.server) |s| return c.print("server-{d}", .{s.id});
        if (t.ip) |i| return c.print("ip-{s}", .{i.ip});
        return c.print("selector-{s}", .{if (t.label_selector) |l| l.selector else ""});
    }

    fn shown(t: Target, c: Client, balancer: u63, service: ?services.Service) !lb.Member {
        var health: lb.Health = .unknown;
        const destination, const listens = if (service) |s| .{ s.destination_port, s.listen_port } else .{ 0, 0 };
        for (t.health_status) |h| {
            if (h.listen_port == listens) health = h.status orelse .unknown;
        }
        return .{
            .balancer = try c.text(balancer),
            .id = try t.id(c),
            .ip = if (t.ip) |i| i.ip else "",
            .node = if (t.server) |s| try c.text(s.id) else "",
            .port = destination,
            .weight = 1,
            .state = .enabled,
            .health = health,
            .extra = try c.extra(.{ .type = t.type, .use_private_ip = t.use_private_ip }),
        };
    }

    /// What names the target in a request.
    fn named(t: Target) Name {
        return .{
            .type = t.type,
            .server = if (t.server) |s| .{ .id = s.id } else null,
            .ip = if (t.ip) |i| .{ .ip = i.ip } else null,
            .label_selector = if (t.label_selector) |l| .{ .selector = l.selector } else null,
        };
    }
};

/// A target in a request.
pub const Name = struct {
    type: []const u8,
    server: ?struct { id: u63 } = null,
    ip: ?struct { ip: []const u8 } = null,
    label_selector: ?struct { selector: []const u8 } = null,
    use_private_ip: ?bool = null,
};

/// The target that a member is to be, inside of the balancer's network or outside.
pub fn of(c: Client, m: lb.NewMember, inside: bool) !Name {
    if (m.weight != 1) return c.ctx.fail(.invalid_argument, "weight: Hetzner's targets have none", .{});
    if (m.node.len > 0) {
        const id = try c.number("node", m.node);
        _ = try servers.get(c, id); // the API calls a wrong one invalid input
        return .{ .type = "server", .server = .{ .id = id }, .use_private_ip = inside };
    }
    if (m.ip.len == 0) return c.ctx.fail(.invalid_argument, "members: a member is a node, or an address", .{});
    return .{ .type = "ip", .ip = .{ .ip = m.ip } };
}

/// The port that members are to have: the one that any of them names, and
/// otherwise the balancer's own.
pub fn port(c: Client, members: []const lb.NewMember, own: i64) !i64 {
    var all: i64 = 0;
    for (members) |m| {
        if (m.port == 0) continue;
        try services.checkPort(c, m.port);
        if (all != 0 and all != m.port) return other(c, all, m.port);
        all = m.port;
    }
    return if (all != 0) all else own;
}

fn other(c: Client, have: i64, asked: i64) cloudlark.Error {
    return c.ctx.fail(.invalid_argument, "port: a balancer's members all have one port at Hetzner, and these have {d}, not {d}", .{ have, asked });
}

pub fn balancer_list_members(ctx: *Context, args: lb.BalancerListMembers) !cloudlark.Page(lb.Member) {
    const c: Client = try .init(ctx);
    const b = try balancers.get(c, args.balancer);
    const list = try ctx.arena.alloc(lb.Member, b.targets.len);
    for (list, b.targets) |*m, t| m.* = try t.shown(c, b.id, services.first(b.services));
    return .{ .items = list };
}

pub fn balancer_get_member(ctx: *Context, args: lb.BalancerGetMember) !lb.Member {
    const c: Client = try .init(ctx);
    const b = try balancers.get(c, args.balancer);
    return (try find(c, b, args.member)).shown(c, b.id, services.first(b.services));
}

fn find(c: Client, b: balancers.LoadBalancer, id: []const u8) !Target {
    for (b.targets) |t| {
        if (std.mem.eql(u8, try t.id(c), id)) return t;
    }
    return c.ctx.fail(.not_found, "the balancer {d} has no member \"{s}\"", .{ b.id, id });
}

pub fn balancer_attach_member(ctx: *Context, args: lb.BalancerAttachMember) !lb.Member {
    return attach(ctx, args.balancer, .{ .ip = args.ip, .port = args.port, .weight = args.weight });
}

pub fn balancer_attach_compute_node(ctx: *Context, args: lb.BalancerAttachComputeNode) !lb.Member {
    return attach(ctx, args.balancer, .{ .node = args.node, .port = args.port, .weight = args.weight });
}

/// Adds a target. The first says which port all are to have.
fn attach(ctx: *Context, id: []const u8, m: lb.NewMember) !lb.Member {
    const c: Client = try .init(ctx);
    const b = try balancers.get(c, id);
    var service = services.first(b.services) orelse return ctx.fail(.conflict, "the balancer {s} has no service", .{id});
    const asked = try port(c, &.{m}, service.destination_port);
    if (asked != service.destination_port and b.targets.len > 0) return other(c, service.destination_port, asked);
    const target = try of(c, m, b.private_net.len > 0);
    if (asked != service.destination_port) {
        // A check of the members' port goes on being one.
        const Port = struct { port: i64 };
        const moved: ?Port = if (service.health_check.port == service.destination_port) .{ .port = asked } else null;
        try c.finish(try c.act("load_balancers", b.id, "update_service", .{
            .listen_port = service.listen_port,
            .destination_port = asked,
            .health_check = moved,
        }));
        service.destination_port = asked;
    }
    _ = try c.act("load_balancers", b.id, "add_target", target);
    return (Target{
        .type = target.type,
        .server = if (target.server) |s| .{ .id = s.id } else null,
        .ip = if (target.ip) |i| .{ .ip = i.ip } else null,
        .use_private_ip = target.use_private_ip orelse false,
    }).shown(c, b.id, service);
}

pub fn balancer_detach_member(ctx: *Context, args: lb.BalancerDetachMember) !void {
    const c: Client = try .init(ctx);
    const b = try balancers.get(c, args.balancer);
    _ = try c.act("load_balancers", b.id, "remove_target", (try find(c, b, args.member)).named());
}
