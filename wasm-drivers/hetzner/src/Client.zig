//! What every operation does: requests, errors, pages, actions. One call has one
//! client.

const std = @import("std");
const cloudlark = @import("cloudlark");

const http = cloudlark.http;
const json = cloudlark.json;
const Context = cloudlark.Context;
const Raw = json.Raw;

const Client = @This();

ctx: *Context,
config: Config,

/// What a connection's configuration can say.
pub const Config = struct {
    endpoint: []const u8,
    location: []const u8,
    page_size: u32,
};

pub fn init(ctx: *Context) !Client {
    var config = try ctx.config(Config);
    config.endpoint = std.mem.trimEnd(u8, config.endpoint, "/");
    if (config.page_size < 1 or config.page_size > 50) {
        return ctx.fail(.invalid_argument, "page_size is from 1 to 50, not {d}", .{config.page_size});
    }
    return .{ .ctx = ctx, .config = config };
}

/// Text in the call's memory.
pub fn print(c: Client, comptime format: []const u8, args: anytype) ![]const u8 {
    return std.fmt.allocPrint(c.ctx.arena, format, args);
}

/// The contract's form of an id.
pub fn text(c: Client, id: u63) ![]const u8 {
    return c.print("{d}", .{id});
}

/// The API's form of an id. What is no number is the id of nothing.
pub fn number(c: Client, comptime what: []const u8, id: []const u8) !u63 {
    if (std.mem.findNone(u8, id, "0123456789") == null) {
        const n = std.fmt.parseInt(u63, id, 10) catch 0;
        if (n > 0) return n;
    }
    return c.ctx.fail(.not_found, "there is no " ++ what ++ " \"{s}\"", .{id});
}

/// A list of ids in the API's form.
pub fn numbers(c: Client, comptime what: []const u8, ids: []const []const u8) ![]const u63 {
    const list = try c.ctx.arena.alloc(u63, ids.len);
    for (list, ids) |*n, id| n.* = try c.number(what, id);
    return list;
}

/// A list of ids in the contract's form.
pub fn texts(c: Client, ids: []const u63) ![]const []const u8 {
    const list = try c.ctx.arena.alloc([]const u8, ids.len);
    for (list, ids) |*t, id| t.* = try c.text(id);
    return list;
}

/// The fields of a struct as the contract's `extra`: those that are not null.
pub fn extra(c: Client, fields: anytype) !cloudlark.Map(cloudlark.Any) {
    var entries: std.ArrayList(cloudlark.Map(cloudlark.Any).Entry) = .empty;
    inline for (comptime std.meta.fieldNames(@TypeOf(fields))) |name| {
        const value = @field(fields, name);
        if (!json.isEmpty(value)) try entries.append(c.ctx.arena, .{ .key = name, .value = try .of(c.ctx.arena, value) });
    }
    return .{ .entries = entries.items };
}

/// The argument `extra` as a struct.
pub fn given(c: Client, comptime T: type, map: cloudlark.Map(cloudlark.Any)) !T {
    return json.parse(T, c.ctx.arena, try json.stringify(c.ctx.arena, map)) catch |err| switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        else => c.ctx.fail(.invalid_argument, "extra is not what the driver takes: {t}", .{err}),
    };
}

/// An answer's fields, each of which is read as what it should be.
pub const Answer = struct {
    ctx: *Context,
    fields: cloudlark.Map(Raw) = .{},

    pub fn get(a: Answer, comptime T: type, key: []const u8) !T {
        const raw = a.fields.get(key) orelse Raw{};
        return raw.as(T, a.ctx.arena) catch |err| switch (err) {
            error.OutOfMemory => error.OutOfMemory,
            else => a.ctx.fail(.internal, "the answer's {s} is not what the API's description says: {t}", .{ key, err }),
        };
    }
};

/// Waits a little, and each time a little longer.
pub const Backoff = struct {
    ms: u31 = 100,

    pub fn wait(b: *Backoff, ctx: *Context) !void {
        try ctx.sleep(b.ms);
        b.ms = @min(b.ms * 3 / 2, 3000);
    }
};

/// Sends a request; `body` is a struct, or null for none. What an action under way
/// locks is free in a moment: the request is sent again then, until the caller
/// gives up.
pub fn send(c: Client, method: []const u8, path: []const u8, body: anytype) !Answer {
    const bytes = if (@TypeOf(body) == @TypeOf(null)) "" else try json.stringify(c.ctx.arena, body);
    var backoff: Backoff = .{};
    while (true) {
        const response = try http.send(c.ctx, .{
            .method = method,
            .url = try c.print("{s}{s}", .{ c.config.endpoint, path }),
            .headers = if (bytes.len > 0) &.{.{ .name = "content-type", .value = "application/json" }} else &.{},
            .auth = "token",
            .repeatable = std.mem.eql(u8, method, "GET") or std.mem.eql(u8, method, "PUT"),
            .body = if (bytes.len > 0) .{ .bytes = bytes } else .none,
        });
        const words = try response.text();
        if (response.ok()) {
            if (words.len == 0) return .{ .ctx = c.ctx };
            const whole: Answer = .{ .ctx = c.ctx, .fields = .{ .entries = &.{.{ .key = "body", .value = .{ .text = words } }} } };
            return .{ .ctx = c.ctx, .fields = try whole.get(cloudlark.Map(Raw), "body") };
        }
        const Body = struct { @"error": Problem };
        const problem = if (json.parse(Body, c.ctx.arena, words)) |b| b.@"error" else |_| Problem{};
        if (!locks(problem.code)) return c.refused(response, problem);
        try backoff.wait(c.ctx);
    }
}

/// What went wrong, in the API's words.
pub const Problem = struct { code: []const u8 = "", message: []const u8 = "" };

fn locks(code: []const u8) bool {
    return std.mem.eql(u8, code, "locked") or std.mem.eql(u8, code, "resource_locked");
}

/// The error that the API answered with.
fn refused(c: Client, response: http.Response, problem: Problem) cloudlark.Error {
    const kind = kinds.get(problem.code) orelse http.kindOf(response.status);
    return c.ctx.failWith(.{
        .kind = kind,
        .code = problem.code,
        .message = if (problem.message.len > 0) problem.message else try c.print("Hetzner answered with status {d}", .{response.status}),
        .request_id = response.headers.get("x-correlation-id") orelse "",
        .retry_after_ms = if (kind == .rate_limited) c.reset(response) else 0,
    });
}

/// How long until the rate limit lets requests through again.
fn reset(c: Client, response: http.Response) i64 {
    const at = std.fmt.parseInt(i48, response.headers.get("ratelimit-reset") orelse "", 10) catch return 0;
    return @max(0, @as(i64, at) * 1000 - c.ctx.now());
}

/// The kinds of the API's codes. Of a code that is not here the status decides.
const kinds: std.StaticStringMap(cloudlark.Kind) = .initComptime(.{
    .{ "unauthorized", .unauthenticated },
    .{ "forbidden", .permission_denied },
    .{ "token_readonly", .permission_denied },
    .{ "not_found", .not_found },
    .{ "firewall_resource_not_found", .not_found },
    .{ "uniqueness_error", .already_exists },
    .{ "target_already_defined", .already_exists },
    .{ "firewall_already_applied", .already_exists },
    .{ "server_already_added", .already_exists },
    .{ "invalid_input", .invalid_argument },
    .{ "json_error", .invalid_argument },
    .{ "invalid_server_type", .invalid_argument },
    .{ "invalid_load_balancer_type", .invalid_argument },
    .{ "networks_overlap", .invalid_argument },
    .{ "ip_not_owned", .invalid_argument },
    .{ "cloud_resource_ip_not_allowed", .invalid_argument },
    .{ "missing_ipv4", .invalid_argument },
    .{ "source_port_already_used", .invalid_argument },
    .{ "no_subnet_available", .invalid_argument },
    .{ "primary_ip_version_mismatch", .invalid_argument },
    .{ "conflict", .conflict },
    .{ "protected", .conflict },
    .{ "server_not_stopped", .conflict },
    .{ "resource_in_use", .conflict },
    .{ "volume_already_attached", .conflict },
    .{ "server_already_attached", .conflict },
    .{ "load_balancer_already_attached", .conflict },
    .{ "load_balancer_not_attached_to_network", .conflict },
    .{ "server_not_attached_to_network", .conflict },
    .{ "ip_not_available", .conflict },
    .{ "primary_ip_assigned", .conflict },
    .{ "primary_ip_already_assigned", .conflict },
    .{ "server_has_ipv4", .conflict },
    .{ "server_has_ipv6", .conflict },
    .{ "resource_limit_exceeded", .quota_exceeded },
    .{ "resource_unavailable", .quota_exceeded },
    .{ "placement_error", .quota_exceeded },
    .{ "no_space_left_in_location", .quota_exceeded },
    .{ "rate_limit_exceeded", .rate_limited },
    .{ "service_error", .unavailable },
    .{ "server_error", .unavailable },
    .{ "unknown_error", .unavailable },
    .{ "maintenance", .unavailable },
    .{ "robot_unavailable", .unavailable },
    .{ "bad_gateway", .unavailable },
    .{ "timeout", .timeout },
    .{ "unsupported_error", .unsupported },
    .{ "deprecated_api_endpoint", .unsupported },
});

/// Some of a list, and where the rest begins.
pub fn Some(comptime T: type) type {
    return struct { items: []const T, next: []const u8 };
}

/// One page of a list, whose items have the last word of the path for a key. The
/// cursor is the page's number.
pub fn page(c: Client, comptime T: type, comptime path: []const u8, query: []const http.Header, cursor: []const u8) !Some(T) {
    var url = try http.query(c.ctx, "/" ++ path, query);
    url = try http.query(c.ctx, url, &.{
        .{ .name = "page", .value = cursor },
        .{ .name = "per_page", .value = try c.print("{d}", .{c.config.page_size}) },
    });
    const answer = try c.send("GET", url, null);
    const Meta = struct { pagination: struct { next_page: ?u32 = null } = .{} };
    const meta = try answer.get(?Meta, "meta") orelse Meta{};
    return .{
        .items = try answer.get([]const T, comptime std.fs.path.basenamePosix(path)),
        .next = if (meta.pagination.next_page) |n| try c.print("{d}", .{n}) else "",
    };
}

/// All of a list.
pub fn all(c: Client, comptime T: type, comptime path: []const u8, query: []const http.Header) ![]const T {
    var list: std.ArrayList(T) = .empty;
    var cursor: []const u8 = "";
    while (true) {
        const some = try c.page(T, path, query, cursor);
        try list.appendSlice(c.ctx.arena, some.items);
        if (some.next.len == 0) return list.items;
        cursor = some.next;
    }
}

/// One thing, by its id.
pub fn get(c: Client, comptime T: type, comptime plural: []const u8, comptime key: []const u8, id: u63) !T {
    return (try c.send("GET", try c.print("/" ++ plural ++ "/{d}", .{id}), null)).get(T, key);
}

/// Deletes one thing.
pub fn delete(c: Client, comptime plural: []const u8, id: u63) !void {
    _ = try c.send("DELETE", try c.print("/" ++ plural ++ "/{d}", .{id}), null);
}

/// Begins an action on a thing.
pub fn act(c: Client, comptime plural: []const u8, id: u63, comptime action: []const u8, body: anytype) !Answer {
    return c.send("POST", try c.print("/" ++ plural ++ "/{d}/actions/" ++ action, .{id}), body);
}

/// A change under way.
pub const Action = struct {
    id: u63,
    command: []const u8 = "",
    status: []const u8 = "",
    @"error": ?Problem = null,

    pub fn running(a: Action) bool {
        return std.mem.eql(u8, a.status, "running");
    }
};

/// Waits for the end of the actions that an answer tells of.
pub fn finish(c: Client, answer: Answer) !void {
    var list: std.ArrayList(Action) = .empty;
    if (try answer.get(?Action, "action")) |a| try list.append(c.ctx.arena, a);
    for ([_][]const u8{ "actions", "next_actions" }) |key| {
        try list.appendSlice(c.ctx.arena, try answer.get(?[]const Action, key) orelse &.{});
    }
    var actions: []const Action = list.items;
    var backoff: Backoff = .{};
    while (true) {
        var query: std.ArrayList(http.Header) = .empty;
        for (actions) |a| {
            if (a.@"error") |problem| return c.ctx.failWith(.{
                .kind = kinds.get(problem.code) orelse .conflict,
                .code = problem.code,
                .message = problem.message,
            });
            if (a.running()) try query.append(c.ctx.arena, .{ .name = "id", .value = try c.text(a.id) });
        }
        if (query.items.len == 0) return;
        try backoff.wait(c.ctx);
        actions = try (try c.send("GET", try http.query(c.ctx, "/actions", query.items), null)).get([]const Action, "actions");
    }
}

/// The actions that a thing is under.
pub fn current(c: Client, comptime plural: []const u8, id: u63) ![]const Action {
    const answer = try c.send("GET", try c.print("/" ++ plural ++ "/{d}/actions?status=running&per_page=50", .{id}), null);
    var list: std.ArrayList(Action) = .empty;
    for (try answer.get([]const Action, "actions")) |a| {
        if (a.running()) try list.append(c.ctx.arena, a);
    }
    return list.items;
}

/// Where to make something.
pub fn location(c: Client, asked: []const u8) []const u8 {
    return if (asked.len > 0) asked else c.config.location;
}
