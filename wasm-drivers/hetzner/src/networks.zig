//! Networks and their subnets. The API has no ids, names or labels for subnets:
//! an id is NETWORK:CIDR, and the rest is in labels of the network.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");
const catalogue = @import("catalogue.zig");
const ipv4 = @import("ipv4.zig");
const labels = @import("labels.zig");

const compute = cloudlark.compute;
const Context = cloudlark.Context;
const Labels = labels.Labels;
const Raw = cloudlark.json.Raw;

/// A network as the API shows it.
pub const Network = struct {
    id: u63,
    name: []const u8,
    ip_range: []const u8,
    subnets: []const Range = &.{},
    routes: Raw = .{},
    servers: []const u63 = &.{},
    load_balancers: []const u63 = &.{},
    labels: Labels = .{},
    protection: Raw = .{},

    /// The id of the subnet that an address is in; empty if it is in none.
    pub fn around(n: Network, c: Client, ip: []const u8) ![]const u8 {
        for (n.subnets) |r| {
            if (ipv4.contains(r.ip_range, ip)) return n.idOf(c, r.ip_range);
        }
        return "";
    }

    fn idOf(n: Network, c: Client, range: []const u8) ![]const u8 {
        return c.print("{d}:{s}", .{ n.id, range });
    }

    fn shown(n: Network, c: Client) !compute.Network {
        return .{
            .id = try c.text(n.id),
            .name = n.name,
            .cidr = n.ip_range,
            .tags = try labels.tags(c, n.labels),
            .extra = try c.extra(.{ .routes = n.routes, .protection = n.protection }),
        };
    }

    fn subnet(n: Network, c: Client, r: Range) !compute.Subnet {
        const prefixes: Prefixes = try .of(c, r.ip_range);
        var tags: std.ArrayList(Labels.Entry) = .empty;
        for (n.labels.entries) |e| {
            const key = std.mem.cutPrefix(u8, e.key, prefixes.tags) orelse continue;
            try tags.append(c.ctx.arena, .{ .key = key, .value = e.value });
        }
        return .{
            .id = try n.idOf(c, r.ip_range),
            .name = n.labels.get(try c.print("{s}name", .{prefixes.own})) orelse "",
            .network = try c.text(n.id),
            .cidr = r.ip_range,
            .tags = .{ .entries = tags.items },
            .extra = try c.extra(.{ .type = r.type, .network_zone = r.network_zone, .gateway = r.gateway }),
        };
    }
};

const Range = struct {
    type: []const u8 = "",
    ip_range: []const u8 = "",
    network_zone: []const u8 = "",
    gateway: []const u8 = "",
};

/// What the keys of a subnet's labels begin with: of its name, and of its tags.
const Prefixes = struct {
    own: []const u8,
    tags: []const u8,

    fn of(c: Client, range: []const u8) !Prefixes {
        const name = try c.ctx.arena.dupe(u8, range);
        std.mem.replaceScalar(u8, name, '/', '-');
        return .{ .own = try c.print("{s}.cloudlark/", .{name}), .tags = try c.print("{s}.tags.cloudlark/", .{name}) };
    }
};

fn get(c: Client, id: u63) !Network {
    return c.get(Network, "networks", "network", id);
}

pub fn list_networks(ctx: *Context, args: compute.ListNetworks) !cloudlark.Page(compute.Network) {
    const c: Client = try .init(ctx);
    const some = try c.page(Network, "networks", &.{.{ .name = "name", .value = args.name }}, ctx.cursor);
    const list = try ctx.arena.alloc(compute.Network, some.items.len);
    for (list, some.items) |*network, n| network.* = try n.shown(c);
    return .{ .items = list, .next = some.next };
}

pub fn create_network(ctx: *Context, args: compute.CreateNetwork) !compute.Network {
    const c: Client = try .init(ctx);
    if (args.cidr.len == 0) return ctx.fail(.invalid_argument, "cidr: Hetzner chooses none", .{});
    const answer = try c.send("POST", "/networks", .{
        .name = args.name,
        .ip_range = args.cidr,
        .labels = try labels.of(c, args.tags, &.{}),
    });
    return (try answer.get(Network, "network")).shown(c);
}

/// Refuses a network that something is in: the API would take it out.
pub fn destroy_network(ctx: *Context, args: compute.DestroyNetwork) !void {
    const c: Client = try .init(ctx);
    const n = try get(c, try c.number("network", args.network));
    if (n.subnets.len + n.servers.len + n.load_balancers.len > 0) {
        return ctx.fail(.conflict, "the network {s} has {d} subnets, {d} nodes and {d} load balancers", .{
            args.network, n.subnets.len, n.servers.len, n.load_balancers.len,
        });
    }
    try c.delete("networks", n.id);
}

pub fn list_subnets(ctx: *Context, _: compute.ListSubnets) !cloudlark.Page(compute.Subnet) {
    const c: Client = try .init(ctx);
    const some = try c.page(Network, "networks", &.{}, ctx.cursor);
    var list: std.ArrayList(compute.Subnet) = .empty;
    for (some.items) |n| {
        for (n.subnets) |r| try list.append(ctx.arena, try n.subnet(c, r));
    }
    return .{ .items = list.items, .next = some.next };
}

/// A subnet that is there, and its network.
pub const Found = struct { network: Network, range: []const u8 };

/// Looks a subnet up.
pub fn find(c: Client, id: []const u8) !Found {
    if (std.mem.cutScalar(u8, id, ':')) |parts| {
        const n = try get(c, try c.number("network", parts[0]));
        for (n.subnets) |r| {
            if (std.mem.eql(u8, r.ip_range, parts[1])) return .{ .network = n, .range = r.ip_range };
        }
    }
    return c.ctx.fail(.not_found, "there is no subnet \"{s}\"", .{id});
}

pub fn create_subnet(ctx: *Context, args: compute.CreateSubnet) !compute.Subnet {
    const c: Client = try .init(ctx);
    const id = try c.number("network", args.network);
    const own = try subnetLabels(c, args);
    const range: Range = .{ .type = "cloud", .ip_range = args.cidr, .network_zone = try catalogue.zone(c, c.location(args.location)) };
    try c.finish(try c.act("networks", id, "add_subnet", range));
    return labelled(c, id, args.cidr, own) catch |err| {
        const failure = ctx.failure;
        _ = c.act("networks", id, "delete_subnet", .{ .ip_range = args.cidr }) catch std.log.warn("the subnet {d}:{s} is left behind", .{ id, args.cidr });
        ctx.failure = failure;
        return err;
    };
}

/// The labels that keep a new subnet's name and tags.
fn subnetLabels(c: Client, args: compute.CreateSubnet) ![]const Labels.Entry {
    const prefixes: Prefixes = try .of(c, args.cidr);
    if (!labels.isWord(args.name)) {
        return c.ctx.fail(.invalid_argument, "name: a subnet's is kept in a label, of at most 63 letters, digits, \".\", \"_\" and \"-\"", .{});
    }
    var own: std.ArrayList(Labels.Entry) = .empty;
    try own.append(c.ctx.arena, .{ .key = try c.print("{s}name", .{prefixes.own}), .value = args.name });
    for (args.tags.entries) |e| {
        if (!labels.isWord(e.key) or (e.value.len > 0 and !labels.isWord(e.value))) {
            return c.ctx.fail(.invalid_argument, "tags: a subnet's are of at most 63 letters, digits, \".\", \"_\" and \"-\" each", .{});
        }
        try own.append(c.ctx.arena, .{ .key = try c.print("{s}{s}", .{ prefixes.tags, e.key }), .value = e.value });
    }
    return own.items;
}

fn labelled(c: Client, id: u63, range: []const u8, own: []const Labels.Entry) !compute.Subnet {
    var n = try get(c, id);
    n.labels = .{ .entries = try std.mem.concat(c.ctx.arena, Labels.Entry, &.{ try others(c, n, range), own }) };
    try relabel(c, n);
    for (n.subnets) |r| {
        if (std.mem.eql(u8, r.ip_range, range)) return n.subnet(c, r);
    }
    return c.ctx.fail(.internal, "the network {d} does not show its new subnet {s}", .{ id, range });
}

/// The labels of a network that do not belong to one of its subnets.
fn others(c: Client, n: Network, range: []const u8) ![]const Labels.Entry {
    const prefixes: Prefixes = try .of(c, range);
    var rest: std.ArrayList(Labels.Entry) = .empty;
    for (n.labels.entries) |e| {
        if (std.mem.startsWith(u8, e.key, prefixes.own) or std.mem.startsWith(u8, e.key, prefixes.tags)) continue;
        try rest.append(c.ctx.arena, e);
    }
    return rest.items;
}

/// Writes a network's labels.
fn relabel(c: Client, n: Network) !void {
    _ = try c.send("PUT", try c.print("/networks/{d}", .{n.id}), .{ .labels = try Raw.of(c.ctx.arena, n.labels) });
}

pub fn destroy_subnet(ctx: *Context, args: compute.DestroySubnet) !void {
    const c: Client = try .init(ctx);
    const found = try find(c, args.subnet);
    if (found.network.servers.len > 0) try unused(c, "servers", found);
    if (found.network.load_balancers.len > 0) try unused(c, "load_balancers", found);
    try c.finish(try c.act("networks", found.network.id, "delete_subnet", .{ .ip_range = found.range }));
    var n = try get(c, found.network.id);
    n.labels = .{ .entries = try others(c, n, found.range) };
    try relabel(c, n);
}

/// Refuses a subnet that something has an address of.
fn unused(c: Client, comptime plural: []const u8, found: Found) !void {
    const Member = struct { id: u63, private_net: []const struct { network: u63, ip: []const u8 = "" } = &.{} };
    for (try c.all(Member, plural, &.{})) |member| {
        for (member.private_net) |p| {
            if (p.network == found.network.id and ipv4.contains(found.range, p.ip)) {
                return c.ctx.fail(.conflict, "{s}: {d} has the address {s} in the subnet {s}", .{ plural, member.id, p.ip, found.range });
            }
        }
    }
}
