//! Bodies: bytes that stay in the host, and go from where they are to the
//! socket without entering the module's memory.

const std = @import("std");
const errors = @import("errors.zig");
const host = @import("host.zig");
const json = @import("json.zig");
const types = @import("types.zig");
const Context = @import("Context.zig");

/// A stream: of the arguments, of a response, a part that was taken, or one that
/// the driver writes itself. All are closed when the call ends, except what the
/// answer hands over.
pub const Stream = struct {
    ctx: *Context,
    handle: i32,

    /// The stream of a body in the arguments.
    pub fn open(ctx: *Context, of_body: types.Body) Stream {
        return .{ .ctx = ctx, .handle = of_body.stream };
    }

    /// A new one, to be written.
    pub fn new(ctx: *Context) errors.Error!Stream {
        return of(ctx, host.stream_new());
    }

    fn of(ctx: *Context, handle: i32) errors.Error!Stream {
        if (handle < 0) return ctx.failLast();
        return .{ .ctx = ctx, .handle = handle };
    }

    /// Takes the next `len` bytes, fewer at the end, as a stream of their own that
    /// the host holds: it can be sent while the next is taken, and sent again.
    pub fn take(s: Stream, len: u63) errors.Error!Stream {
        return of(s.ctx, host.stream_take(s.handle, len));
    }

    /// The checksum, in hex, of a stream that the host holds: taken, or written.
    pub fn digest(s: Stream, algorithm: types.Algorithm) errors.Error![]const u8 {
        const name = @tagName(algorithm);
        return s.ctx.filled(host.stream_digest, .{ s.handle, name.ptr, name.len }) orelse s.ctx.failLast();
    }

    /// Reads into a buffer: how many bytes, 0 at the end.
    pub fn read(s: Stream, buffer: []u8) errors.Error!usize {
        const n = host.stream_read(s.handle, buffer.ptr, buffer.len);
        return if (n < 0) s.ctx.failLast() else @intCast(n);
    }

    /// Reads all that is left, at most `limit` bytes of it: more is an error.
    pub fn readAll(s: Stream, limit: usize) errors.Error![]u8 {
        var all: std.ArrayList(u8) = .empty;
        while (true) {
            try all.ensureUnusedCapacity(s.ctx.arena, 4096);
            const n = try s.read(all.unusedCapacitySlice());
            if (n == 0) return all.items;
            all.items.len += n;
            if (all.items.len > limit) {
                return s.ctx.fail(.internal, "there are more than {d} bytes to read", .{limit});
            }
        }
    }

    /// Appends to a stream that `new` made.
    pub fn write(s: Stream, bytes: []const u8) errors.Error!void {
        var rest = bytes;
        while (rest.len > 0) {
            const n = host.stream_write(s.handle, rest.ptr, rest.len);
            if (n < 0) return s.ctx.failLast();
            rest = rest[@intCast(n)..];
        }
    }

    /// What the host knows of it so far.
    pub fn info(s: Stream) errors.Error!Info {
        const text = s.ctx.filled(host.stream_info, .{s.handle}) orelse return s.ctx.failLast();
        return json.parse(Info, s.ctx.arena, text) catch s.ctx.fail(.internal, "the host's words on a stream are damaged", .{});
    }

    /// The stream as a body of the answer, which is read after the call.
    pub fn body(s: Stream) types.Body {
        return .{ .stream = s.handle };
    }

    /// Gives it back early.
    pub fn close(s: Stream) void {
        _ = host.close(s.handle);
    }
};

/// What the host knows of a stream.
pub const Info = struct {
    /// Of the whole; -1 if unknown.
    length: i64 = -1,
    /// How many bytes were taken, read or sent so far.
    moved: u64 = 0,
    /// The CRC-32C of those, in hex.
    crc32c: []const u8 = "",
    /// Whether there are no more.
    end: bool = false,
};
