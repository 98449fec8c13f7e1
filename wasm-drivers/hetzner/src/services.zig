//! What a load balancer listens on: a service, which the contract's balancer has
//! one of. Of several the one with the lowest port counts.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");

const lb = cloudlark.lb;
const Raw = cloudlark.json.Raw;

/// A service as the API shows it.
pub const Service = struct {
    listen_port: i64,
    destination_port: i64,
    protocol: lb.Protocol,
    health_check: Check,
    http: Http = .{},

    pub const Http = struct { certificates: []const u63 = &.{} };

    /// As the contract has it. The threshold for health is not the API's.
    pub fn check(s: Service, healthy: i64) lb.HealthCheck {
        const c = s.health_check;
        return .{
            .protocol = if (!std.mem.eql(u8, c.protocol, "http")) .tcp else if (c.http.tls) .https else .http,
            .port = c.port,
            .path = c.http.path,
            .interval = c.interval,
            .timeout = c.timeout,
            .healthy_threshold = healthy,
            .unhealthy_threshold = c.retries,
        };
    }
};

/// A health check as the API shows it.
pub const Check = struct {
    protocol: []const u8,
    port: i64,
    interval: i64,
    timeout: i64,
    retries: i64,
    http: struct { path: []const u8 = "", tls: bool = false } = .{},
};

/// The service that counts.
pub fn first(services: []const Service) ?Service {
    var lowest: ?Service = null;
    for (services) |s| {
        if (lowest == null or s.listen_port < lowest.?.listen_port) lowest = s;
    }
    return lowest;
}

/// The API's form of a health check; without one asked for, a connection is all
/// that the member is to take.
pub fn checkOf(c: Client, asked: ?lb.HealthCheck, destination: i64) !Raw {
    const arena = c.ctx.arena;
    const h: lb.HealthCheck = asked orelse return .of(arena, .{ .protocol = "tcp", .port = destination, .interval = 15, .timeout = 10, .retries = 3 });
    inline for (.{
        .{ "interval", h.interval, 3, 60 },
        .{ "timeout", h.timeout, 1, @min(h.interval, 60) },
        .{ "unhealthy_threshold", h.unhealthy_threshold, 1, 5 },
        .{ "healthy_threshold", h.healthy_threshold, 1, 10 },
        .{ "port", h.port, 0, 65535 },
    }) |r| {
        if (r[1] < r[2] or r[1] > r[3]) {
            return c.ctx.fail(.invalid_argument, "health_check: " ++ r[0] ++ " is from {d} to {d} at Hetzner, not {d}", .{ r[2], r[3], r[1] });
        }
    }
    const asks = switch (h.protocol) {
        .tcp => false,
        .http, .https => true,
        else => return c.ctx.fail(.invalid_argument, "health_check: Hetzner checks with tcp, http or https, not with {t}", .{h.protocol}),
    };
    // The API wants a domain named, if only as null.
    const ask: cloudlark.Map(Raw) = .{ .entries = if (!asks) &.{} else &.{
        .{ .key = "domain", .value = .{} },
        .{ .key = "path", .value = try .of(arena, h.path) },
        .{ .key = "status_codes", .value = try .of(arena, .{ "2??", "3??" }) },
        .{ .key = "tls", .value = try .of(arena, h.protocol == .https) },
    } };
    return .of(arena, .{
        .protocol = @as([]const u8, if (asks) "http" else "tcp"),
        .port = if (h.port == 0) destination else h.port,
        .interval = h.interval,
        .timeout = h.timeout,
        .retries = h.unhealthy_threshold,
        .http = ask,
    });
}

/// Refuses what Hetzner's services do not speak.
pub fn checkProtocol(c: Client, protocol: lb.Protocol, certificate: []const u8) !void {
    switch (protocol) {
        .http, .tcp => if (certificate.len > 0) return c.ctx.fail(.invalid_argument, "certificate: {t} has none", .{protocol}),
        .https => if (certificate.len == 0) return c.ctx.fail(.invalid_argument, "certificate: https needs one", .{}),
        else => return c.ctx.fail(.invalid_argument, "protocol: Hetzner's load balancers speak http, https and tcp, not {t}", .{protocol}),
    }
}

/// Refuses what is no port.
pub fn checkPort(c: Client, port: i64) !void {
    if (port < 1 or port > 65535) return c.ctx.fail(.invalid_argument, "port: there is no port {d}", .{port});
}

/// The API's form of a certificate; null for none.
pub fn httpOf(c: Client, certificate: []const u8) !?Service.Http {
    if (certificate.len == 0) return null;
    return .{ .certificates = try c.numbers("certificate", &.{certificate}) };
}
