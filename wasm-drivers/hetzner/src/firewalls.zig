//! Security groups, which are firewalls.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");
const labels = @import("labels.zig");

const compute = cloudlark.compute;
const Context = cloudlark.Context;
const Raw = cloudlark.json.Raw;

/// A firewall as the API shows it.
const Firewall = struct {
    id: u63,
    name: []const u8,
    rules: []const Rule = &.{},
    applied_to: Raw = .{},
    labels: labels.Labels = .{},

    fn shown(f: Firewall, c: Client) !compute.SecurityGroup {
        var rules: std.ArrayList(compute.SecurityGroupRule) = .empty;
        var others: std.ArrayList(Rule) = .empty;
        for (f.rules) |r| {
            if (!try r.show(c, &rules)) try others.append(c.ctx.arena, r);
        }
        return .{
            .id = try c.text(f.id),
            .name = f.name,
            .rules = rules.items,
            .tags = try labels.tags(c, f.labels),
            .extra = try c.extra(.{ .applied_to = f.applied_to, .other_rules = @as([]const Rule, others.items) }),
        };
    }
};

/// A rule as the API has it: what the driver makes has one address, but others'
/// may have several.
const Rule = struct {
    direction: []const u8,
    protocol: []const u8,
    port: []const u8 = "",
    source_ips: []const []const u8 = &.{},
    destination_ips: []const []const u8 = &.{},
    description: []const u8 = "",

    fn ips(r: Rule) []const []const u8 {
        return if (std.mem.eql(u8, r.direction, "in")) r.source_ips else r.destination_ips;
    }

    /// Appends what the rule is in the contract's words, and reports whether it has
    /// words for it.
    fn show(r: Rule, c: Client, into: *std.ArrayList(compute.SecurityGroupRule)) !bool {
        const protocol = std.meta.stringToEnum(compute.Protocol, r.protocol) orelse return false;
        const ports = Ports.parse(r.port) orelse return false;
        for (r.ips()) |ip| try into.append(c.ctx.arena, .{
            .direction = if (std.mem.eql(u8, r.direction, "in")) .ingress else .egress,
            .protocol = protocol,
            .from_port = ports.from,
            .to_port = ports.to,
            .cidr = ip,
            .description = r.description,
        });
        return true;
    }

    /// Whether a rule with one address lets through what this one does, for that
    /// address among others.
    fn covers(r: Rule, other: Rule) bool {
        const same = std.mem.eql(u8, r.direction, other.direction) and std.mem.eql(u8, r.protocol, other.protocol) and
            std.meta.eql(Ports.parse(r.port), Ports.parse(other.port));
        if (!same) return false;
        for (r.ips()) |ip| {
            if (std.mem.eql(u8, ip, other.ips()[0])) return true;
        }
        return false;
    }

    /// The rule without that address.
    fn without(r: Rule, c: Client, address: []const u8) !Rule {
        var rest: std.ArrayList([]const u8) = .empty;
        for (r.ips()) |ip| {
            if (!std.mem.eql(u8, ip, address)) try rest.append(c.ctx.arena, ip);
        }
        var less = r;
        if (std.mem.eql(u8, r.direction, "in")) less.source_ips = rest.items else less.destination_ips = rest.items;
        return less;
    }
};

/// Ports from one to another; 0 and 0 are all, and none where the protocol has none.
const Ports = struct {
    from: i64 = 0,
    to: i64 = 0,

    const last = 65535;

    fn parse(text: []const u8) ?Ports {
        if (text.len == 0) return .{};
        const parts = std.mem.cutScalar(u8, text, '-') orelse .{ text, text };
        const from = std.fmt.parseInt(i64, parts[0], 10) catch return null;
        const to = std.fmt.parseInt(i64, parts[1], 10) catch return null;
        return if (from == 1 and to == last) .{} else .{ .from = from, .to = to };
    }
};

test Ports {
    try std.testing.expectEqual(Ports{}, Ports.parse("1-65535").?);
    try std.testing.expectEqual(Ports{ .from = 80, .to = 80 }, Ports.parse("80").?);
    try std.testing.expectEqual(Ports{ .from = 1, .to = 80 }, Ports.parse("1-80").?);
    try std.testing.expectEqual(null, Ports.parse("any"));
}

fn get(c: Client, id: u63) !Firewall {
    return c.get(Firewall, "firewalls", "firewall", id);
}

pub fn list_security_groups(ctx: *Context, args: compute.ListSecurityGroups) !cloudlark.Page(compute.SecurityGroup) {
    const c: Client = try .init(ctx);
    const some = try c.page(Firewall, "firewalls", &.{.{ .name = "name", .value = args.name }}, ctx.cursor);
    const list = try ctx.arena.alloc(compute.SecurityGroup, some.items.len);
    for (list, some.items) |*group, f| group.* = try f.shown(c);
    return .{ .items = list, .next = some.next };
}

pub fn create_security_group(ctx: *Context, args: compute.CreateSecurityGroup) !compute.SecurityGroup {
    const c: Client = try .init(ctx);
    if (args.description.len > 0) return ctx.fail(.invalid_argument, "description: Hetzner's firewalls have none", .{});
    if (args.network.len > 0) return ctx.fail(.invalid_argument, "network: Hetzner's firewalls belong to none", .{});
    const answer = try c.send("POST", "/firewalls", .{ .name = args.name, .labels = try labels.of(c, args.tags, &.{}) });
    return (try answer.get(Firewall, "firewall")).shown(c);
}

pub fn destroy_security_group(ctx: *Context, args: compute.DestroySecurityGroup) !void {
    const c: Client = try .init(ctx);
    try c.delete("firewalls", try c.number("security group", args.security_group));
}

pub fn allow_security_group_rule(ctx: *Context, args: compute.AllowSecurityGroupRule) !void {
    const c: Client = try .init(ctx);
    const new = try rule(c, args);
    const f = try get(c, try c.number("security group", args.security_group));
    for (f.rules) |r| {
        if (r.covers(new)) return ctx.fail(.already_exists, "the security group {s} has that rule already", .{args.security_group});
    }
    try set(c, f.id, try std.mem.concat(ctx.arena, Rule, &.{ f.rules, &.{new} }));
}

pub fn revoke_security_group_rule(ctx: *Context, args: compute.RevokeSecurityGroupRule) !void {
    const c: Client = try .init(ctx);
    const old = try rule(c, args);
    const f = try get(c, try c.number("security group", args.security_group));
    var rest: std.ArrayList(Rule) = .empty;
    var found = false;
    for (f.rules) |r| {
        const covers = r.covers(old);
        found = found or covers;
        const less = if (covers) try r.without(c, old.ips()[0]) else r;
        if (less.ips().len > 0) try rest.append(ctx.arena, less);
    }
    if (!found) return ctx.fail(.not_found, "the security group {s} has no such rule", .{args.security_group});
    try set(c, f.id, rest.items);
}

/// Replaces a firewall's rules: the API changes no single one.
fn set(c: Client, id: u63, rules: []const Rule) !void {
    _ = try c.act("firewalls", id, "set_rules", .{ .rules = try Raw.of(c.ctx.arena, rules) });
}

/// A rule as scripts write it in the API's form.
fn rule(c: Client, args: anytype) !Rule {
    const from = if (args.port != 0) args.port else args.from_port;
    const to = if (args.to_port != 0) args.to_port else from;
    if (args.cidr.len > 0 and args.group.len > 0) return c.ctx.fail(.invalid_argument, "cidr and group: one of them", .{});
    if (args.group.len > 0) return c.ctx.fail(.unsupported, "group: a rule of Hetzner's names addresses, not firewalls", .{});
    if (from < 0 or to > Ports.last or to < from or (from == 0 and to > 0)) {
        return c.ctx.fail(.invalid_argument, "there are no ports from {d} to {d}", .{ from, to });
    }
    switch (args.protocol) {
        .all => return c.ctx.fail(.unsupported, "protocol: a rule of Hetzner's has one, not all", .{}),
        .icmp => if (from != 0) return c.ctx.fail(.invalid_argument, "port: icmp has none", .{}),
        .tcp, .udp => {},
    }
    const ips = try c.ctx.arena.dupe([]const u8, &.{if (args.cidr.len > 0) args.cidr else "0.0.0.0/0"});
    return .{
        .direction = if (args.direction == .ingress) "in" else "out",
        .protocol = @tagName(args.protocol),
        .port = if (args.protocol == .icmp)
            ""
        else if (from == 0)
            "1-65535"
        else if (from == to)
            try c.print("{d}", .{from})
        else
            try c.print("{d}-{d}", .{ from, to }),
        .source_ips = if (args.direction == .ingress) ips else &.{},
        .destination_ips = if (args.direction == .ingress) &.{} else ips,
        .description = args.description,
    };
}
