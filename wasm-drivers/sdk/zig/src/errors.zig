//! Errors: one of Zig's for each kind, and what goes with it.

const std = @import("std");
const Kind = @import("types.zig").Kind;

/// What a driver's function fails with: one for each `Kind`. A function may
/// return any other error too, which the caller sees as one of kind `internal`.
pub const Error = error{
    NotFound,
    AlreadyExists,
    InvalidArgument,
    Unauthenticated,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    Conflict,
    Unavailable,
    Timeout,
    Canceled,
    Unsupported,
    Internal,
    OutOfMemory,
};

/// Why a call fails, as the caller sees it.
pub const Failure = struct {
    kind: Kind,
    /// In the provider's words where it has any.
    message: []const u8 = "",
    /// The provider's own code.
    code: []const u8 = "",
    /// What the provider's support asks for.
    request_id: []const u8 = "",
    /// How long the provider asks to wait.
    retry_after_ms: i64 = 0,
};

/// The error of a kind.
pub fn ofKind(kind: Kind) Error {
    return switch (kind) {
        .not_found => error.NotFound,
        .already_exists => error.AlreadyExists,
        .invalid_argument => error.InvalidArgument,
        .unauthenticated => error.Unauthenticated,
        .permission_denied => error.PermissionDenied,
        .quota_exceeded => error.QuotaExceeded,
        .rate_limited => error.RateLimited,
        .conflict => error.Conflict,
        .unavailable => error.Unavailable,
        .timeout => error.Timeout,
        .canceled => error.Canceled,
        .unsupported => error.Unsupported,
        .internal => error.Internal,
    };
}

/// The kind of an error; `internal` for one that is none of `Error`.
pub fn kindOf(err: anyerror) Kind {
    return switch (err) {
        error.NotFound => .not_found,
        error.AlreadyExists => .already_exists,
        error.InvalidArgument => .invalid_argument,
        error.Unauthenticated => .unauthenticated,
        error.PermissionDenied => .permission_denied,
        error.QuotaExceeded => .quota_exceeded,
        error.RateLimited => .rate_limited,
        error.Conflict => .conflict,
        error.Unavailable => .unavailable,
        error.Timeout => .timeout,
        error.Canceled => .canceled,
        error.Unsupported => .unsupported,
        else => .internal,
    };
}

test "every kind has its error" {
    for (std.enums.values(Kind)) |kind| try std.testing.expectEqual(kind, kindOf(ofKind(kind)));
}
