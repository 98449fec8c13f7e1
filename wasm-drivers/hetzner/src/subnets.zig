//! Subnets, which the API has no ids for: theirs are NETWORK:CIDR.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");
const labels = @import("labels.zig");

/// A network as the API shows it.
pub const Network = struct {
    id: u63,
    name: []const u8,
    ip_range: []const u8,
    subnets: []const Subnet = &.{},
    routes: cloudlark.json.Raw = .{},
    servers: []const u63 = &.{},
    load_balancers: []const u63 = &.{},
    labels: labels.Labels = .{},

    /// The id of the subnet that an address is in; empty if it is in none.
    pub fn around(n: Network, c: Client, ip: []const u8) ![]const u8 {
        for (n.subnets) |s| {
            if (contains(s.ip_range, ip)) return idOf(c, n.id, s.ip_range);
        }
        return "";
    }
};

pub const Subnet = struct {
    type: []const u8 = "",
    ip_range: []const u8 = "",
    network_zone: []const u8 = "",
    gateway: []const u8 = "",
};

pub fn idOf(c: Client, network: u63, range: []const u8) ![]const u8 {
    return c.print("{d}:{s}", .{ network, range });
}

/// A subnet that is there, and its network.
pub const Found = struct { network: Network, range: []const u8 };

/// Looks a subnet up.
pub fn find(c: Client, id: []const u8) !Found {
    if (std.mem.cutScalar(u8, id, ':')) |parts| {
        const n = try c.get(Network, "networks", "network", try c.number("network", parts[0]));
        for (n.subnets) |s| {
            if (std.mem.eql(u8, s.ip_range, parts[1])) return .{ .network = n, .range = s.ip_range };
        }
    }
    return c.ctx.fail(.not_found, "there is no subnet \"{s}\"", .{id});
}

/// Whether an IPv4 address is in a range.
pub fn contains(range: []const u8, ip: []const u8) bool {
    const parts = std.mem.cutScalar(u8, range, '/') orelse return false;
    const bits = std.fmt.parseInt(u6, parts[1], 10) catch return false;
    if (bits > 32) return false;
    const first = address(parts[0]) orelse return false;
    const other = address(ip) orelse return false;
    return bits == 0 or (first ^ other) >> @intCast(32 - bits) == 0;
}

/// An IPv4 address as a number.
pub fn address(text: []const u8) ?u32 {
    var parts = std.mem.splitScalar(u8, text, '.');
    var sum: u32 = 0;
    var n: usize = 0;
    while (parts.next()) |part| : (n += 1) {
        if (n == 4 or part.len == 0 or !std.ascii.isDigit(part[0])) return null;
        sum = sum << 8 | (std.fmt.parseInt(u8, part, 10) catch return null);
    }
    return if (n == 4) sum else null;
}

test contains {
    try std.testing.expect(contains("10.1.0.0/16", "10.1.255.255"));
    try std.testing.expect(!contains("10.1.0.0/16", "10.2.0.0"));
    try std.testing.expect(contains("10.1.2.3/32", "10.1.2.3"));
    try std.testing.expect(contains("0.0.0.0/0", "255.1.1.1"));
    try std.testing.expect(!contains("10.1.0.0/99", "10.1.0.0"));
    try std.testing.expect(!contains("10.1.0/8", "10.1.0.0"));
    try std.testing.expect(!contains("nonsense", "10.1.0.0"));
}
