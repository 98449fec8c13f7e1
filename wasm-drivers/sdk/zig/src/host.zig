//! The functions that the host gives, as the ABI has them. In a module they are
//! imports; in native tests they are those of `testing.zig`.

const builtin = @import("builtin");

/// Whether this is a module, not a native test.
pub const inside = builtin.target.cpu.arch.isWasm();

pub const http_send = f.http_send;
pub const http_head = f.http_head;
pub const http_presign = f.http_presign;
pub const stream_new = f.stream_new;
pub const stream_take = f.stream_take;
pub const stream_digest = f.stream_digest;
pub const stream_read = f.stream_read;
pub const stream_write = f.stream_write;
pub const stream_info = f.stream_info;
pub const close = f.close;
pub const log = f.log;
pub const sleep = f.sleep;
pub const last_error = f.last_error;
/// WASI: nanoseconds of the clock at `out`; clock 0 is the wall's. 0 is success.
pub const clock_time_get = f.clock_time_get;
/// WASI: random bytes. 0 is success.
pub const random_get = f.random_get;

const f = if (inside) imports else @import("testing.zig").fake;

const imports = struct {
    extern "cloudlark" fn http_send(ptr: [*]const u8, len: usize, body_ptr: [*]const u8, body_len: usize, body_stream: i32) i32;
    extern "cloudlark" fn http_head(handle: i32, ptr: [*]u8, cap: usize) i32;
    extern "cloudlark" fn http_presign(ptr: [*]const u8, len: usize, out_ptr: [*]u8, out_cap: usize) i32;
    extern "cloudlark" fn stream_new() i32;
    extern "cloudlark" fn stream_take(handle: i32, len: i64) i32;
    extern "cloudlark" fn stream_digest(handle: i32, alg_ptr: [*]const u8, alg_len: usize, ptr: [*]u8, cap: usize) i32;
    extern "cloudlark" fn stream_read(handle: i32, ptr: [*]u8, cap: usize) i32;
    extern "cloudlark" fn stream_write(handle: i32, ptr: [*]const u8, len: usize) i32;
    extern "cloudlark" fn stream_info(handle: i32, ptr: [*]u8, cap: usize) i32;
    extern "cloudlark" fn close(handle: i32) i32;
    extern "cloudlark" fn log(level: i32, ptr: [*]const u8, len: usize) void;
    extern "cloudlark" fn sleep(ms: i32) i32;
    extern "cloudlark" fn last_error(ptr: [*]u8, cap: usize) i32;
    extern "wasi_snapshot_preview1" fn clock_time_get(id: i32, precision: i64, out: *u64) i32;
    extern "wasi_snapshot_preview1" fn random_get(ptr: [*]u8, len: usize) i32;
};
