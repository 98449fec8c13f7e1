//! Addresses and ranges of IPv4.

const std = @import("std");

/// An address as a number; null if it is none.
pub fn parse(text: []const u8) ?u32 {
    var parts = std.mem.splitScalar(u8, text, '.');
    var sum: u32 = 0;
    var n: usize = 0;
    while (parts.next()) |part| : (n += 1) {
        if (n == 4 or part.len == 0 or std.mem.findNone(u8, part, "0123456789") != null) return null;
        sum = sum << 8 | (std.fmt.parseInt(u8, part, 10) catch return null);
    }
    return if (n == 4) sum else null;
}

/// Whether an address is in a range.
pub fn contains(range: []const u8, ip: []const u8) bool {
    const parts = std.mem.cutScalar(u8, range, '/') orelse return false;
    const bits = std.fmt.parseInt(u6, parts[1], 10) catch return false;
    if (bits > 32) return false;
    const first = parse(parts[0]) orelse return false;
    const other = parse(ip) orelse return false;
    return bits == 0 or (first ^ other) >> @intCast(32 - bits) == 0;
}

test contains {
    try std.testing.expect(contains("10.1.0.0/16", "10.1.255.255"));
    try std.testing.expect(!contains("10.1.0.0/16", "10.2.0.0"));
    try std.testing.expect(contains("10.1.2.3/32", "10.1.2.3"));
    try std.testing.expect(contains("0.0.0.0/0", "255.1.1.1"));
    try std.testing.expect(!contains("10.1.0.0/99", "10.1.0.0"));
    try std.testing.expect(!contains("10.1.0/8", "10.1.0.0"));
    try std.testing.expect(!contains("nonsense", "10.1.0.0"));
}

test parse {
    try std.testing.expectEqual(0x0a000001, parse("10.0.0.1").?);
    for ([_][]const u8{ "", "10", "10.0.0.256", "10.0.0.1.2", "10.0..1", "+1.0.0.1", "1_0.0.0.1" }) |text| {
        try std.testing.expectEqual(null, parse(text));
    }
}
