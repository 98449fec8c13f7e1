//! The types that the contracts are made of.

const std = @import("std");
const json = @import("json.zig");

const Allocator = std.mem.Allocator;

/// What went wrong, in the same words for every provider. docs/driver-abi.md
/// says when each is meant.
pub const Kind = enum {
    not_found,
    already_exists,
    invalid_argument,
    unauthenticated,
    permission_denied,
    quota_exceeded,
    rate_limited,
    conflict,
    unavailable,
    timeout,
    canceled,
    unsupported,
    internal,
};

/// The form of what an operation answers with.
pub const Shape = enum {
    /// One value.
    call,
    /// Several values at once.
    many,
    /// Nothing but success.
    do,
    /// Items, page by page.
    list,
    /// Items as they come, page by page.
    stream,
};

/// A row of a contract.
pub const Operation = struct {
    name: []const u8,
    shape: Shape,
    /// What it takes.
    In: type,
    /// What it answers with, or one item of that; void for nothing.
    Out: type,

    /// What a driver's function for it returns, errors apart.
    pub fn Result(comptime o: Operation) type {
        return switch (o.shape) {
            .call => o.Out,
            .many => []const o.Out,
            .do => void,
            .list, .stream => Page(o.Out),
        };
    }
};

/// One page of a list.
pub fn Page(comptime T: type) type {
    return struct {
        items: []const T = &.{},
        /// Where the next page starts, in the driver's own words: the call for
        /// it has this as its cursor. Empty on the last page. A stream that
        /// is not at its end yet has one too, even if its page is empty.
        next: []const u8 = "",
    };
}

/// Any JSON: `Any.of` makes it, `as` reads it.
pub const Any = json.Raw;

/// A dict: a short list of entries, in the order in which they came.
pub fn Map(comptime V: type) type {
    return struct {
        entries: []const Entry = &.{},

        pub const Entry = struct { key: []const u8, value: V };

        const Self = @This();

        /// The value of the key; null if there is none.
        pub fn get(self: Self, key: []const u8) ?V {
            for (self.entries) |e| {
                if (std.mem.eql(u8, e.key, key)) return e.value;
            }
            return null;
        }

        pub fn jsonParse(arena: Allocator, source: anytype, options: std.json.ParseOptions) !Self {
            if (try source.next() != .object_begin) return error.UnexpectedToken;
            var entries: std.ArrayList(Entry) = .empty;
            while (true) {
                const key = switch (try source.nextAllocMax(arena, .alloc_if_needed, options.max_value_len.?)) {
                    inline .string, .allocated_string => |text| text,
                    .object_end => return .{ .entries = entries.items },
                    else => return error.UnexpectedToken,
                };
                try entries.append(arena, .{ .key = key, .value = try json.parseValue(V, arena, source, options) });
            }
        }

        pub fn jsonStringify(self: Self, w: *std.json.Stringify) !void {
            try w.beginObject();
            for (self.entries) |e| {
                try w.objectField(e.key);
                try json.write(w, e.value);
            }
            try w.endObject();
        }
    };
}

/// A point in time.
pub const Time = union(enum) {
    /// As RFC 3339 writes it, which is what most providers answer with.
    rfc3339: []const u8,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    unix_ms: i64,

    pub fn jsonParse(arena: Allocator, source: anytype, options: std.json.ParseOptions) !Time {
        return .{ .rfc3339 = try json.parseValue([]const u8, arena, source, options) };
    }

    pub fn jsonStringify(self: Time, w: *std.json.Stringify) !void {
        switch (self) {
            .rfc3339 => |text| try json.write(w, text),
            .unix_ms => |ms| {
                const seconds = std.math.cast(u47, @divFloor(ms, 1000)) orelse 0; // Zig's calendar begins in 1970
                const at: std.time.epoch.EpochSeconds = .{ .secs = seconds };
                const year = at.getEpochDay().calculateYearDay();
                const month = year.calculateMonthDay();
                const day = at.getDaySeconds();
                try w.print("\"{d:0>4}-{d:0>2}-{d:0>2}T{d:0>2}:{d:0>2}:{d:0>2}.{d:0>3}Z\"", .{
                    year.year,                          month.month.numeric(),    @as(u8, month.day_index) + 1,
                    day.getHoursIntoDay(),              day.getMinutesIntoHour(), day.getSecondsIntoMinute(),
                    @as(u16, @intCast(@mod(ms, 1000))),
                });
            },
        }
    }
};

/// Bytes, which messages carry as base64.
pub const Bytes = struct {
    data: []const u8 = "",

    const base64 = std.base64.standard;

    pub fn jsonParse(arena: Allocator, source: anytype, options: std.json.ParseOptions) !Bytes {
        const text = try json.parseValue([]const u8, arena, source, options);
        const size = base64.Decoder.calcSizeForSlice(text) catch return error.UnexpectedToken;
        const data = try arena.alloc(u8, size);
        base64.Decoder.decode(data, text) catch return error.UnexpectedToken;
        return .{ .data = data };
    }

    pub fn jsonStringify(self: Bytes, w: *std.json.Stringify) !void {
        try w.beginWriteRaw();
        try w.writer.writeByte('"');
        try base64.Encoder.encodeWriter(w.writer, self.data);
        try w.writer.writeByte('"');
        w.endWriteRaw();
    }
};

/// A body in a message: bytes that stay in the host. See `Stream` and
/// `http.Response` for what to do with one.
pub const Body = struct {
    /// The handle.
    stream: i32,
    /// How many bytes there are, if known. In a result: how many there must be.
    length: ?u64 = null,
    /// In a result: what the bytes must add up to.
    verify: ?Digest = null,
};

/// A checksum of a body.
pub const Digest = struct {
    algorithm: Algorithm,
    /// In lower-case hex.
    sum: []const u8,
};

/// The checksums that a host computes.
pub const Algorithm = enum { crc32, crc32c, crc64nvme, md5, sha1, sha256 };

/// Copies a value and all that it points to: what arguments and answers hold
/// lives only as long as the call.
pub fn clone(allocator: Allocator, value: anytype) Allocator.Error!@TypeOf(value) {
    const T = @TypeOf(value);
    switch (@typeInfo(T)) {
        .optional => return if (value) |v| try clone(allocator, v) else null,
        .pointer => |p| {
            if (p.size != .slice) @compileError("clone: " ++ @typeName(T) ++ " is neither a value nor a slice");
            const copy = try allocator.alloc(p.child, value.len);
            for (copy, value) |*c, v| c.* = try clone(allocator, v);
            return copy;
        },
        .@"struct" => {
            var copy: T = undefined;
            inline for (comptime std.meta.fieldNames(T)) |name| {
                @field(copy, name) = try clone(allocator, @field(value, name));
            }
            return copy;
        },
        .@"union" => {
            switch (value) {
                inline else => |v, tag| return @unionInit(T, @tagName(tag), try clone(allocator, v)),
            }
        },
        else => return value,
    }
}
