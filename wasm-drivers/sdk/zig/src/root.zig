//! Drivers for Cloudlark in Zig, as WebAssembly modules.
//!
//! A driver is a `Driver` of a description and of a struct for each family, whose
//! public functions are its operations; see there. What they take and answer with is in
//! `compute`, `storage`, `lb` and `container`. Requests go through `http`; bodies of
//! objects are `Stream`s, and stay in the host.
//!
//! A function is given a `Context`: memory that lives as long as the call, and
//! `fail`, which makes an error with a message. `gpa` is memory that stays: an instance
//! serves one call after another, but which instance serves a call is the host's
//! choice, so what is kept is a cache, unless the description says `stateful`.

const std = @import("std");
const builtin = @import("builtin");

comptime {
    // The language still changes with every minor version.
    if (builtin.zig_version.major != 0 or builtin.zig_version.minor != 17) {
        @compileError("this is for Zig 0.17, not " ++ builtin.zig_version_string);
    }
}

const driver = @import("driver.zig");
const errors = @import("errors.zig");
const log = @import("log.zig");
const streams = @import("stream.zig");
const types = @import("types.zig");

pub const Driver = driver.Driver;
pub const Description = driver.Description;
pub const Field = driver.Field;
pub const Credential = driver.Credential;

pub const Context = @import("Context.zig");
pub const Error = errors.Error;
pub const Failure = errors.Failure;
pub const Kind = types.Kind;

const contracts = @import("contracts.zig");
pub const compute = contracts.compute;
pub const storage = contracts.storage;
pub const lb = contracts.lb;
pub const container = contracts.container;

pub const Page = types.Page;
pub const Map = types.Map;
pub const Any = types.Any;
pub const Time = types.Time;
pub const Bytes = types.Bytes;
pub const Body = types.Body;
pub const Digest = types.Digest;
pub const clone = types.clone;

pub const http = @import("http.zig");
pub const json = @import("json.zig");
pub const Stream = streams.Stream;

pub const logFn = log.logFn;
pub const panic = log.panic;

/// A host for native tests.
pub const testing = @import("testing.zig");

/// Memory that outlives the call.
pub const gpa: std.mem.Allocator = std.heap.page_allocator;

test {
    _ = @import("driver_test.zig");
    _ = @import("http_test.zig");
    std.testing.refAllDecls(@This());
    std.testing.refAllDecls(errors);
    std.testing.refAllDecls(json);
}
