//! Key pairs, which go by their names.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");

const compute = cloudlark.compute;
const Context = cloudlark.Context;

/// A key as the API shows it.
pub const Key = struct {
    id: u63,
    name: []const u8,
    fingerprint: []const u8 = "",
    public_key: []const u8 = "",
    created: []const u8 = "",
    labels: cloudlark.Map([]const u8) = .{},

    fn shown(k: Key, c: Client) !compute.KeyPair {
        return .{
            .name = k.name,
            .public_key = k.public_key,
            .fingerprint = try fingerprint(c.ctx, k.public_key),
            .created_at = if (k.created.len > 0) .{ .rfc3339 = k.created } else null,
            .extra = try c.extra(.{ .id = k.id, .fingerprint = k.fingerprint, .labels = k.labels }),
        };
    }
};

/// What ssh-keygen shows of a public key, as every driver has it: the API's own
/// fingerprint is MD5.
fn fingerprint(ctx: *Context, line: []const u8) ![]const u8 {
    var words = std.mem.tokenizeAny(u8, line, " \t\r\n");
    _ = words.next();
    const base64 = words.next() orelse return "";
    const decoder = std.base64.standard.Decoder;
    const wire = try ctx.arena.alloc(u8, decoder.calcSizeForSlice(base64) catch return "");
    decoder.decode(wire, base64) catch return "";
    var sum: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(wire, &sum, .{});
    const encoder = std.base64.standard_no_pad.Encoder;
    const text = try ctx.arena.alloc(u8, encoder.calcSize(sum.len));
    return std.fmt.allocPrint(ctx.arena, "SHA256:{s}", .{encoder.encode(text, &sum)});
}

/// The key of that name.
pub fn named(c: Client, name: []const u8) !Key {
    if (name.len > 0) {
        const found = try c.page(Key, "ssh_keys", &.{.{ .name = "name", .value = name }}, "");
        if (found.items.len > 0) return found.items[0];
    }
    return c.ctx.fail(.not_found, "there is no key pair \"{s}\"", .{name});
}

pub fn list_key_pairs(ctx: *Context, _: compute.ListKeyPairs) !cloudlark.Page(compute.KeyPair) {
    const c: Client = try .init(ctx);
    const some = try c.page(Key, "ssh_keys", &.{}, ctx.cursor);
    const pairs = try ctx.arena.alloc(compute.KeyPair, some.items.len);
    for (pairs, some.items) |*pair, k| pair.* = try k.shown(c);
    return .{ .items = pairs, .next = some.next };
}

pub fn get_key_pair(ctx: *Context, args: compute.GetKeyPair) !compute.KeyPair {
    const c: Client = try .init(ctx);
    return (try named(c, args.key_pair)).shown(c);
}

pub fn import_key_pair(ctx: *Context, args: compute.ImportKeyPair) !compute.KeyPair {
    const c: Client = try .init(ctx);
    const answer = try c.send("POST", "/ssh_keys", .{ .name = args.name, .public_key = args.public_key });
    return (try answer.get(Key, "ssh_key")).shown(c);
}

pub fn delete_key_pair(ctx: *Context, args: compute.DeleteKeyPair) !void {
    const c: Client = try .init(ctx);
    try c.delete("ssh_keys", (try named(c, args.key_pair)).id);
}
