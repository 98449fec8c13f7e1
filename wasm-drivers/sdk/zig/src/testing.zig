//! A host for native tests of a driver: `zig test` calls the driver's functions
//! as they are, and this answers their requests.
//!
//!     test "a node that is not there" {
//!         var fixture: cloudlark.testing.Fixture = .init(&.{.{ .status = 404, .body = "{}" }});
//!         defer fixture.deinit();
//!         try std.testing.expectError(error.NotFound, Compute.get_node(fixture.context(), .{ .node = "7" }));
//!         try std.testing.expectEqualStrings("https://api.example.com/v1/nodes/7", fixture.requests.items[0].url);
//!     }

const std = @import("std");
const json = @import("json.zig");
const types = @import("types.zig");
const Context = @import("Context.zig");

/// What a provider answers to the next request.
pub const Reply = struct {
    status: u16 = 200,
    headers: types.Map([]const u8) = .{},
    body: []const u8 = "",
    /// Instead of a response: why none came.
    failure: ?@import("errors.zig").Failure = null,
};

/// A request that was sent.
pub const Sent = struct {
    method: []const u8,
    url: []const u8,
    headers: types.Map([]const u8) = .{},
    auth: []const u8 = "",
    repeatable: bool = false,
    /// The body; of one that is a stream, what was left of that.
    body: []const u8 = "",
};

/// A call, and what the provider answers to its requests, one after another.
/// There is one at a time.
pub const Fixture = struct {
    arena: std.heap.ArenaAllocator,
    ctx: Context,
    replies: []const Reply,
    requests: std.ArrayList(Sent),
    things: std.ArrayList(Thing),
    failure: []const u8,
    /// How long the driver slept.
    slept_ms: u64,
    started: bool,

    /// A stream or a response, at its handle less one.
    const Thing = struct { reply: ?Reply = null, data: std.ArrayList(u8) = .empty, at: usize = 0 };

    pub fn init(replies: []const Reply) Fixture {
        return .{
            .arena = .init(std.testing.allocator),
            .ctx = .{ .arena = undefined },
            .replies = replies,
            .requests = .empty,
            .things = .empty,
            .failure = "",
            .slept_ms = 0,
            .started = false,
        };
    }

    /// The call, for the driver's function.
    pub fn context(f: *Fixture) *Context {
        if (!f.started) {
            f.started = true;
            f.ctx.arena = f.arena.allocator();
            current = f;
        }
        return &f.ctx;
    }

    pub fn deinit(f: *Fixture) void {
        if (current == f) current = null;
        f.arena.deinit();
    }

    /// A body with these bytes, for an argument.
    pub fn body(f: *Fixture, bytes: []const u8) !types.Body {
        const arena = f.context().arena;
        var new: Thing = .{};
        try new.data.appendSlice(arena, bytes);
        try f.things.append(arena, new);
        return .{ .stream = @intCast(f.things.items.len), .length = bytes.len };
    }

    fn failed(f: *Fixture, failure: @import("errors.zig").Failure) i32 {
        f.failure = json.stringify(f.ctx.arena, failure) catch "";
        return -1;
    }

    fn thing(f: *Fixture, handle: i32) ?*Thing {
        if (handle < 1 or handle > f.things.items.len) return null;
        return &f.things.items[@intCast(handle - 1)];
    }

    fn add(f: *Fixture, new: Thing) i32 {
        f.things.append(f.ctx.arena, new) catch return -1;
        return @intCast(f.things.items.len);
    }

    fn respond(f: *Fixture, ptr: [*]const u8, len: usize, body_bytes: []const u8, body_stream: i32) !i32 {
        const arena = f.ctx.arena;
        var request = try json.parse(Sent, arena, try arena.dupe(u8, ptr[0..len]));
        request.body = try arena.dupe(u8, body_bytes);
        if (f.thing(body_stream)) |t| {
            request.body = try arena.dupe(u8, t.data.items[t.at..]);
            t.at = t.data.items.len;
        }
        try f.requests.append(arena, request);
        if (f.requests.items.len > f.replies.len) {
            return f.failed(.{ .kind = .internal, .message = try std.fmt.allocPrint(arena, "the test has no reply to {s} {s}", .{ request.method, request.url }) });
        }
        const reply = f.replies[f.requests.items.len - 1];
        var response: Thing = .{ .reply = reply };
        try response.data.appendSlice(arena, reply.body);
        return f.add(response);
    }
};

/// Whose the imports are.
var current: ?*Fixture = null;

fn copy(text: []const u8, ptr: [*]u8, cap: usize) i32 {
    if (text.len <= cap) @memcpy(ptr[0..text.len], text);
    return @intCast(text.len);
}

/// The host's functions. What a driver's tests do not need fails.
pub const fake = struct {
    pub fn http_send(ptr: [*]const u8, len: usize, body_ptr: [*]const u8, body_len: usize, body_stream: i32) i32 {
        const f = current orelse return -1;
        return f.respond(ptr, len, body_ptr[0..body_len], body_stream) catch -1;
    }

    pub fn http_head(handle: i32, ptr: [*]u8, cap: usize) i32 {
        const f = current orelse return -1;
        const reply = (f.thing(handle) orelse return -1).reply orelse return -1;
        if (reply.failure) |failure| return f.failed(failure);
        const text = json.stringify(f.ctx.arena, .{ .status = reply.status, .headers = reply.headers, .length = reply.body.len }) catch return -1;
        return copy(text, ptr, cap);
    }

    pub fn http_presign(_: [*]const u8, _: usize, _: [*]u8, _: usize) i32 {
        return -1;
    }

    pub fn stream_new() i32 {
        return (current orelse return -1).add(.{});
    }

    pub fn stream_take(handle: i32, len: i64) i32 {
        const f = current orelse return -1;
        const t = f.thing(handle) orelse return -1;
        const part = t.data.items[t.at..][0..@min(t.data.items.len - t.at, @as(usize, @intCast(len)))];
        t.at += part.len;
        var taken: Fixture.Thing = .{};
        taken.data.appendSlice(f.ctx.arena, part) catch return -1;
        return f.add(taken);
    }

    pub fn stream_digest(handle: i32, alg_ptr: [*]const u8, alg_len: usize, ptr: [*]u8, cap: usize) i32 {
        const f = current orelse return -1;
        const t = f.thing(handle) orelse return -1;
        const algorithm = std.meta.stringToEnum(types.Algorithm, alg_ptr[0..alg_len]) orelse return -1;
        var buffer: [64]u8 = undefined;
        const sum = switch (algorithm) {
            .crc32 => crc(std.hash.crc.@"CRC-32/ISO-HDLC", &buffer, t.data.items),
            .crc32c => crc(std.hash.crc.@"CRC-32/ISCSI", &buffer, t.data.items),
            .crc64nvme => crc(Crc64Nvme, &buffer, t.data.items),
            .md5 => hex(std.crypto.hash.Md5, &buffer, t.data.items),
            .sha1 => hex(std.crypto.hash.Sha1, &buffer, t.data.items),
            .sha256 => hex(std.crypto.hash.sha2.Sha256, &buffer, t.data.items),
        };
        return copy(sum, ptr, cap);
    }

    const Crc64Nvme = std.hash.crc.Generic(u64, .{
        .polynomial = 0xad93d23594c93659,
        .initial = 0xffffffffffffffff,
        .reflect_input = true,
        .reflect_output = true,
        .xor_output = 0xffffffffffffffff,
    });

    fn crc(comptime Crc: type, buffer: []u8, data: []const u8) []const u8 {
        const sum = Crc.hash(data);
        return std.fmt.bufPrint(buffer, "{x:0>[1]}", .{ sum, @sizeOf(@TypeOf(sum)) * 2 }) catch unreachable;
    }

    fn hex(comptime Hash: type, buffer: []u8, data: []const u8) []const u8 {
        var sum: [Hash.digest_length]u8 = undefined;
        Hash.hash(data, &sum, .{});
        return std.fmt.bufPrint(buffer, "{x}", .{&sum}) catch unreachable;
    }

    pub fn stream_read(handle: i32, ptr: [*]u8, cap: usize) i32 {
        const t = (current orelse return -1).thing(handle) orelse return -1;
        const n = @min(cap, t.data.items.len - t.at);
        @memcpy(ptr[0..n], t.data.items[t.at..][0..n]);
        t.at += n;
        return @intCast(n);
    }

    pub fn stream_write(handle: i32, ptr: [*]const u8, len: usize) i32 {
        const f = current orelse return -1;
        const t = f.thing(handle) orelse return -1;
        t.data.appendSlice(f.ctx.arena, ptr[0..len]) catch return -1;
        return @intCast(len);
    }

    pub fn stream_info(handle: i32, ptr: [*]u8, cap: usize) i32 {
        const f = current orelse return -1;
        const t = f.thing(handle) orelse return -1;
        const text = json.stringify(f.ctx.arena, .{ .length = t.data.items.len, .moved = t.at, .end = t.at == t.data.items.len }) catch return -1;
        return copy(text, ptr, cap);
    }

    pub fn close(handle: i32) i32 {
        return if ((current orelse return -1).thing(handle) != null) 0 else -1;
    }

    pub fn log(_: i32, _: [*]const u8, _: usize) void {}

    pub fn sleep(ms: i32) i32 {
        const f = current orelse return -1;
        f.slept_ms += @intCast(ms);
        return 0;
    }

    pub fn last_error(ptr: [*]u8, cap: usize) i32 {
        const f = current orelse return -1;
        return copy(if (f.failure.len > 0) f.failure else "{\"kind\":\"internal\",\"message\":\"the test's host does not have that\"}", ptr, cap);
    }

    pub fn clock_time_get(_: i32, _: i64, out: *u64) i32 {
        out.* = 1_000_000_000_000_000_000; // 2001-09-09T01:46:40Z
        return 0;
    }

    pub fn random_get(ptr: [*]u8, len: usize) i32 {
        @memset(ptr[0..len], 7);
        return 0;
    }
};
