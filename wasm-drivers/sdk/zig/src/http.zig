//! Requests. The host sends them: it checks where they go, adds credentials, and
//! repeats what may be repeated.

const std = @import("std");
const errors = @import("errors.zig");
const host = @import("host.zig");
const json = @import("json.zig");
const types = @import("types.zig");
const Context = @import("Context.zig");
const Info = @import("stream.zig").Info;
const Stream = @import("stream.zig").Stream;

/// A request.
pub const Request = struct {
    method: []const u8 = "GET",
    url: []const u8,
    headers: []const Header = &.{},
    /// The slot of the description whose credential the host adds; empty for none.
    auth: []const u8 = "",
    redirect: ?Redirect = null,
    /// Whether it may be sent again if the connection breaks or the provider is
    /// not available for a moment.
    repeatable: bool = false,
    /// Until the head of the response is there; null is the call's own.
    timeout_ms: ?u32 = null,
    body: RequestBody = .none,
};

pub const Header = struct { name: []const u8, value: []const u8 };

/// Whether redirects are followed, as those of GET and HEAD are by default, or answered with.
pub const Redirect = enum { follow, manual };

pub const RequestBody = union(enum) {
    none,
    bytes: []const u8,
    /// What is left of a stream: it never enters the module's memory.
    stream: Stream,
};

/// A value as the body of a request, by the rules of `json.write`. The header
/// content-type is the caller's to set.
pub fn jsonBody(ctx: *Context, value: anytype) errors.Error!RequestBody {
    return .{ .bytes = try json.stringify(ctx.arena, value) };
}

/// Sends a request and waits for the head of its response. A status of 400 and
/// more is no error here: see `Response.check`.
pub fn send(ctx: *Context, request: Request) errors.Error!Response {
    return (try start(ctx, request)).wait();
}

/// Sends a request without waiting: several can be under way.
pub fn start(ctx: *Context, request: Request) errors.Error!Pending {
    const headers = try ctx.arena.alloc(types.Map([]const u8).Entry, request.headers.len);
    for (headers, request.headers) |*entry, h| entry.* = .{ .key = h.name, .value = h.value };
    const message = try json.stringify(ctx.arena, .{
        .method = request.method,
        .url = request.url,
        .headers = types.Map([]const u8){ .entries = headers },
        .auth = request.auth,
        .redirect = request.redirect,
        .repeatable = request.repeatable,
        .timeout_ms = request.timeout_ms,
    });
    const bytes: []const u8 = if (request.body == .bytes) request.body.bytes else "";
    const stream = if (request.body == .stream) request.body.stream.handle else 0;
    const handle = host.http_send(message.ptr, message.len, bytes.ptr, bytes.len, stream);
    if (handle < 0) return ctx.failLast();
    return .{ .ctx = ctx, .handle = handle };
}

/// A request under way.
pub const Pending = struct {
    ctx: *Context,
    handle: i32,

    /// Waits for the head of the response.
    pub fn wait(p: Pending) errors.Error!Response {
        const text = p.ctx.filled(host.http_head, .{p.handle}) orelse return p.ctx.failLast();
        const head = json.parse(Head, p.ctx.arena, text) catch return p.ctx.fail(.internal, "the head of a response is damaged", .{});
        return .{
            .stream = .{ .ctx = p.ctx, .handle = p.handle },
            .status = head.status,
            .url = head.url,
            .headers = head.headers,
            .length = head.length,
            .sent = head.sent,
        };
    }

    /// Ends the request.
    pub fn cancel(p: Pending) void {
        _ = host.close(p.handle);
    }
};

const Head = struct {
    status: u16,
    url: []const u8 = "",
    headers: types.Map([]const u8) = .{},
    length: i64 = -1,
    sent: Info = .{},
};

/// A response, whose body is still to be read.
pub const Response = struct {
    stream: Stream,
    status: u16,
    /// Of the last redirect.
    url: []const u8,
    /// Names are in lower case; several values are joined with ", ".
    headers: types.Map([]const u8),
    /// Of the body; -1 if unknown.
    length: i64,
    /// What became of the request's body.
    sent: Info,

    /// How much of a response `text` and `json` read.
    pub const max_text = 16 << 20;

    /// Whether the provider did what it was asked.
    pub fn ok(r: Response) bool {
        return r.status >= 200 and r.status < 300;
    }

    /// The whole body.
    pub fn text(r: Response) errors.Error![]const u8 {
        defer r.stream.close();
        return r.stream.readAll(max_text);
    }

    /// The whole body, as JSON. See `json.parse`: keys that `T` does not have are ignored.
    pub fn json(r: Response, comptime T: type) errors.Error!T {
        const body_text = try r.text();
        return jsonOf(T, r.stream.ctx, body_text);
    }

    /// The body as one of the answer: it is read after the call, and stays in the
    /// host. `length` and `verify` are what it must have and add up to, if known.
    pub fn body(r: Response, length: ?u64, verify: ?types.Digest) types.Body {
        return .{ .stream = r.stream.handle, .length = length, .verify = verify };
    }

    /// Returns if the provider did what it was asked, else the error that the
    /// status means, with the body as its message. Drivers of providers that
    /// answer with a code and a message read these and use `fail`.
    pub fn check(r: Response) errors.Error!void {
        if (r.ok()) return;
        const words = std.mem.trim(u8, r.text() catch "", &std.ascii.whitespace);
        return r.fail(words[0..@min(words.len, 500)], "");
    }

    /// The error that the status means, in the provider's words.
    pub fn fail(r: Response, message: []const u8, code: []const u8) errors.Error {
        const ctx = r.stream.ctx;
        const words = if (message.len > 0) message else try std.fmt.allocPrint(ctx.arena, "the provider answered with status {d}", .{r.status});
        const wait_s = std.fmt.parseInt(u31, r.headers.get("retry-after") orelse "", 10) catch 0;
        return ctx.failWith(.{
            .kind = kindOf(r.status),
            .message = words,
            .code = code,
            .request_id = r.headers.get("x-request-id") orelse "",
            .retry_after_ms = @as(i64, wait_s) * 1000,
        });
    }
};

fn jsonOf(comptime T: type, ctx: *Context, text: []const u8) errors.Error!T {
    return json.parse(T, ctx.arena, text) catch |err| switch (err) {
        error.OutOfMemory => error.OutOfMemory,
        else => ctx.fail(.internal, "the provider's answer is not what it should be: {t}", .{err}),
    };
}

/// The kind of error that a status means.
pub fn kindOf(status: u16) types.Kind {
    return switch (status) {
        401 => .unauthenticated,
        402 => .quota_exceeded,
        403 => .permission_denied,
        404, 410 => .not_found,
        408, 504 => .timeout,
        409, 412, 423 => .conflict,
        429 => .rate_limited,
        501 => .unsupported,
        else => if (status >= 400 and status < 500) .invalid_argument else .unavailable,
    };
}

/// A URL that others can use.
pub const Presigned = struct {
    url: []const u8,
    /// What must be sent with it.
    headers: types.Map([]const u8) = .{},
};

/// Signs a URL, with a slot of scheme sigv4.
pub fn presign(ctx: *Context, request: Request, expires_ms: u63) errors.Error!Presigned {
    const headers = try ctx.arena.alloc(types.Map([]const u8).Entry, request.headers.len);
    for (headers, request.headers) |*entry, h| entry.* = .{ .key = h.name, .value = h.value };
    const message = try json.stringify(ctx.arena, .{
        .method = request.method,
        .url = request.url,
        .headers = types.Map([]const u8){ .entries = headers },
        .auth = request.auth,
        .expires_ms = expires_ms,
    });
    const text = ctx.filled(host.http_presign, .{ message.ptr, message.len }) orelse return ctx.failLast();
    return jsonOf(Presigned, ctx, text);
}

/// A text as it stands in one part of a path, or in a query.
pub fn escape(ctx: *Context, text: []const u8) errors.Error![]const u8 {
    var out: std.ArrayList(u8) = .empty;
    try appendEscaped(&out, ctx.arena, text);
    return out.items;
}

/// A URL with a query. Parameters without a value are left out; the names are
/// taken as they are.
///
///     const url = try http.query(ctx, base, &.{ .{ .name = "cursor", .value = ctx.cursor } });
pub fn query(ctx: *Context, url: []const u8, parameters: []const Header) errors.Error![]const u8 {
    var out: std.ArrayList(u8) = .empty;
    try out.appendSlice(ctx.arena, url);
    var separator: u8 = if (std.mem.indexOfScalar(u8, url, '?') == null) '?' else '&';
    for (parameters) |p| {
        if (p.value.len == 0) continue;
        try out.append(ctx.arena, separator);
        separator = '&';
        try out.appendSlice(ctx.arena, p.name);
        try out.append(ctx.arena, '=');
        try appendEscaped(&out, ctx.arena, p.value);
    }
    return out.items;
}

fn appendEscaped(out: *std.ArrayList(u8), arena: std.mem.Allocator, text: []const u8) std.mem.Allocator.Error!void {
    for (text) |c| switch (c) {
        'A'...'Z', 'a'...'z', '0'...'9', '-', '.', '_', '~' => try out.append(arena, c),
        else => try out.appendSlice(arena, &.{ '%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15] }),
    };
}
