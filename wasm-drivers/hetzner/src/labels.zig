//! Tags are labels. The driver keeps what Hetzner has no field for in labels of
//! its own, whose keys have the prefix `cloudlark/`, or one that ends with
//! `.cloudlark/`: these are no tags.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");

pub const Labels = cloudlark.Map([]const u8);

/// Of servers: the id of the key pair that they were made with.
pub const key_pair = "cloudlark/key";
/// Of load balancers: how many good answers make a member healthy.
pub const healthy = "cloudlark/healthy";

fn isOwn(key: []const u8) bool {
    const prefix = std.mem.cutScalar(u8, key, '/') orelse return false;
    return std.mem.eql(u8, prefix[0], "cloudlark") or std.mem.endsWith(u8, prefix[0], ".cloudlark");
}

/// The labels that are tags.
pub fn tags(c: Client, labels: Labels) !Labels {
    return .{ .entries = try select(c, labels, false) };
}

fn select(c: Client, labels: Labels, own: bool) ![]const Labels.Entry {
    var entries: std.ArrayList(Labels.Entry) = .empty;
    for (labels.entries) |e| {
        if (isOwn(e.key) == own) try entries.append(c.ctx.arena, e);
    }
    return entries.items;
}

/// The labels of a thing that is to have these tags and these labels of the
/// driver's own. It is written even if it is empty.
pub fn of(c: Client, given: Labels, own: []const Labels.Entry) !cloudlark.json.Raw {
    try check(c, given);
    return .of(c.ctx.arena, Labels{ .entries = try std.mem.concat(c.ctx.arena, Labels.Entry, &.{ given.entries, own }) });
}

/// The same for a thing that has labels already, and keeps the driver's own.
pub fn replaced(c: Client, old: Labels, given: Labels) !cloudlark.json.Raw {
    return of(c, given, try select(c, old, true));
}

fn check(c: Client, given: Labels) !void {
    for (given.entries) |e| {
        const parts = std.mem.cutScalar(u8, e.key, '/') orelse .{ "prefix", e.key };
        if (isOwn(e.key) or !isPrefix(parts[0]) or !isWord(parts[1]) or (e.value.len > 0 and !isWord(e.value))) {
            return c.ctx.fail(.invalid_argument, "tags: Hetzner's labels are of at most 63 letters, digits, \".\", \"_\" and \"-\", " ++
                "with a letter or digit at either end, unlike \"{s}\": \"{s}\"", .{ e.key, e.value });
        }
    }
}

/// Whether the text can be a label's value.
pub fn isWord(text: []const u8) bool {
    if (text.len < 1 or text.len > 63) return false;
    for (text) |char| switch (char) {
        'A'...'Z', 'a'...'z', '0'...'9', '-', '_', '.' => {},
        else => return false,
    };
    return std.ascii.isAlphanumeric(text[0]) and std.ascii.isAlphanumeric(text[text.len - 1]);
}

/// Whether the text can stand before the slash of a label's key: a domain name.
fn isPrefix(text: []const u8) bool {
    if (text.len > 253) return false;
    var parts = std.mem.splitScalar(u8, text, '.');
    while (parts.next()) |part| {
        if (!isWord(part) or std.mem.indexOfScalar(u8, part, '_') != null) return false;
    }
    return true;
}

test "which keys are the driver's own" {
    try std.testing.expect(isOwn(key_pair));
    try std.testing.expect(isOwn("10.0.0.0-24.cloudlark/name"));
    try std.testing.expect(!isOwn("cloudlark-run"));
    try std.testing.expect(!isOwn("example.com/cloudlark"));
}

test "what can be a label" {
    try std.testing.expect(isWord("a"));
    try std.testing.expect(isWord("a_b.c-d"));
    try std.testing.expect(!isWord(""));
    try std.testing.expect(!isWord("-a"));
    try std.testing.expect(!isWord("conformance test"));
    try std.testing.expect(!isWord(&@as([64]u8, @splat('a'))));
    try std.testing.expect(isPrefix("example.com"));
    try std.testing.expect(!isPrefix("example..com"));
    try std.testing.expect(!isPrefix("a_b"));
}
