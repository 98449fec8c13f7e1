//! One call: what came with it beside its arguments, memory for it, and why it
//! fails.

const std = @import("std");
const errors = @import("errors.zig");
const host = @import("host.zig");
const json = @import("json.zig");
const types = @import("types.zig");

const Context = @This();

/// Memory that is released when the call has been answered.
arena: std.mem.Allocator,
/// The family that is called.
family: []const u8 = "",
/// The operation that is called.
op: []const u8 = "",
/// What the connection is called in the user's configuration.
connection: []const u8 = "",
/// The same in every repetition of a call that creates or changes; empty if
/// there is none. Hand it to the provider if it takes one.
idempotency_token: []const u8 = "",
/// Where the page starts: `Page.next` of the one before; empty for the first.
cursor: []const u8 = "",
/// How long the host waits; null is as long as it takes.
timeout_ms: ?i64 = null,
/// The configuration, as it came. See `config`.
configuration: []const u8 = "{}",
/// Why the call fails. See `fail`.
failure: ?errors.Failure = null,

/// The configuration as a struct: a field for each value that is wanted, with
/// the default of the description, or `= null` where a value need not be given.
///
///     const Config = struct { endpoint: []const u8, page_size: u32 = 100 };
///     const config = try ctx.config(Config);
pub fn config(ctx: *Context, comptime T: type) errors.Error!T {
    return json.parse(T, ctx.arena, ctx.configuration) catch |err| switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        else => ctx.fail(.invalid_argument, "the configuration is not what the driver takes: {t}", .{err}),
    };
}

/// Makes the error that the call ends with, with a message in the provider's
/// words where it has any:
///
///     return ctx.fail(.not_found, "there is no node {s}", .{id});
pub fn fail(ctx: *Context, kind: types.Kind, comptime format: []const u8, args: anytype) errors.Error {
    const message = std.fmt.allocPrint(ctx.arena, format, args) catch return error.OutOfMemory;
    return ctx.failWith(.{ .kind = kind, .message = message });
}

/// Like `fail`, with the provider's own code, the id of its request, or how
/// long it asks to wait.
pub fn failWith(ctx: *Context, failure: errors.Failure) errors.Error {
    ctx.failure = failure;
    return errors.ofKind(failure.kind);
}

/// The error of the import of the host that just failed.
pub fn failLast(ctx: *Context) errors.Error {
    const text = ctx.filled(host.last_error, .{}) orelse return ctx.fail(.internal, "the host does not say what failed", .{});
    return ctx.failWith(json.parse(errors.Failure, ctx.arena, text) catch return error.Internal);
}

/// What an import writes into a buffer, which may have to be made larger; null
/// if it fails.
pub fn filled(ctx: *Context, comptime import: anytype, args: anytype) ?[]u8 {
    var buffer: []u8 = ctx.arena.alloc(u8, 1024) catch return null;
    while (true) {
        const n = @call(.auto, import, args ++ .{ buffer.ptr, buffer.len });
        if (n < 0) return null;
        const len: usize = @intCast(n);
        if (len <= buffer.len) return buffer[0..len];
        buffer = ctx.arena.alloc(u8, len) catch return null;
    }
}

/// Waits, for something at the provider to finish: never between two attempts at
/// a request, which the host repeats itself. Fails when the call was given up.
pub fn sleep(ctx: *Context, ms: u31) errors.Error!void {
    if (host.sleep(ms) != 0) return ctx.failLast();
}

/// The time, in milliseconds since 1970-01-01T00:00:00Z.
pub fn now(_: *Context) i64 {
    var ns: u64 = 0;
    _ = host.clock_time_get(0, 1_000_000, &ns);
    return @intCast(ns / 1_000_000);
}

/// Fills a buffer with random bytes, fit for secrets.
pub fn random(ctx: *Context, buffer: []u8) errors.Error!void {
    if (host.random_get(buffer.ptr, buffer.len) != 0) return ctx.fail(.internal, "there are no random numbers", .{});
}
