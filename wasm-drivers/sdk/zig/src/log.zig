//! The host's log. Instead of calling this, hand it to std.log, in the root
//! source file:
//!
//!     pub const std_options: std.Options = .{ .logFn = cloudlark.logFn, .log_level = .debug };

const std = @import("std");
const host = @import("host.zig");

/// Logs one line for std.log.
pub fn logFn(
    comptime level: std.log.Level,
    comptime scope: @EnumLiteral(),
    comptime format: []const u8,
    args: anytype,
) void {
    const prefix = if (scope == .default) "" else "(" ++ @tagName(scope) ++ ") ";
    var buffer: [1024]u8 = undefined;
    var w: std.Io.Writer = .fixed(&buffer);
    w.print(prefix ++ format, args) catch {}; // what does not fit is left out
    const number: i32 = switch (level) {
        .debug => 0,
        .info => 1,
        .warn => 2,
        .err => 3,
    };
    host.log(number, w.buffered().ptr, w.buffered().len);
}

/// Says why before the instance ends. Where safety checks are on, in the root
/// source file:
///
///     pub const panic = std.debug.FullPanic(cloudlark.panic);
pub fn panic(message: []const u8, _: ?usize) noreturn {
    @branchHint(.cold);
    host.log(3, message.ptr, message.len);
    @trap();
}
