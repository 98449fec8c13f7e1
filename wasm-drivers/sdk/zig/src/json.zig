//! JSON as messages have it: unknown keys are ignored, a key that is null is
//! one that is not there, and what is empty is not written. It serves for
//! providers' messages as well.

const std = @import("std");

const Allocator = std.mem.Allocator;
const Scanner = std.json.Scanner;
const Stringify = std.json.Stringify;

pub const ParseError = std.json.ParseError(Scanner);

/// Reads a whole text into a value. What it holds may point into the text, and
/// the rest is the arena's.
pub fn parse(comptime T: type, arena: Allocator, text: []const u8) ParseError!T {
    var scanner: Scanner = .initCompleteInput(arena, text);
    const value = try parseValue(T, arena, &scanner, .{
        .allocate = .alloc_if_needed,
        .max_value_len = text.len,
        .ignore_unknown_fields = true,
        .duplicate_field_behavior = .use_last,
    });
    if (try scanner.next() != .end_of_document) return error.SyntaxError;
    return value;
}

/// Reads the scanner's next value. Types with a `jsonParse` of their own read
/// themselves, as with std.json.
pub fn parseValue(comptime T: type, arena: Allocator, source: *Scanner, options: std.json.ParseOptions) ParseError!T {
    switch (@typeInfo(T)) {
        .optional => |o| {
            if (try source.peekNextTokenType() == .null) {
                _ = try source.next();
                return null;
            }
            return try parseValue(o.child, arena, source, options);
        },
        .pointer => |p| if (T == []const u8) switch (try source.nextAllocMax(arena, options.allocate.?, options.max_value_len.?)) {
            inline .string, .allocated_string => |text| return text,
            else => return error.UnexpectedToken,
        } else if (p.size == .slice) {
            if (try source.next() != .array_begin) return error.UnexpectedToken;
            var items: std.ArrayList(p.child) = .empty;
            while (try source.peekNextTokenType() != .array_end) {
                try items.append(arena, try parseValue(p.child, arena, source, options));
            }
            _ = try source.next();
            return items.items;
        },
        // std.json reads integers as floats of 128 bits if it must, and with text
        // and words it reckons with integers: that is a third of a small module.
        .@"enum" => if (!@hasDecl(T, "jsonParse")) switch (try source.nextAllocMax(arena, .alloc_if_needed, options.max_value_len.?)) {
            inline .string, .allocated_string => |text| return std.meta.stringToEnum(T, text) orelse error.InvalidEnumTag,
            else => return error.UnexpectedToken,
        },
        .int => switch (try source.nextAllocMax(arena, .alloc_if_needed, options.max_value_len.?)) {
            inline .number, .allocated_number, .string, .allocated_string => |text| return parseInt(T, text),
            else => return error.UnexpectedToken,
        },
        .@"struct" => if (!@hasDecl(T, "jsonParse")) return parseStruct(T, arena, source, options),
        else => {},
    }
    return std.json.innerParse(T, arena, source, options);
}

/// An integer, which some providers write as "7" or 7.0.
fn parseInt(comptime T: type, text: []const u8) ParseError!T {
    const whole = std.mem.cutScalar(u8, text, '.') orelse return std.fmt.parseInt(T, text, 10);
    if (std.mem.trim(u8, whole[1], "0").len > 0) return error.InvalidNumber;
    return std.fmt.parseInt(T, whole[0], 10);
}

fn parseStruct(comptime T: type, arena: Allocator, source: *Scanner, options: std.json.ParseOptions) ParseError!T {
    if (try source.next() != .object_begin) return error.UnexpectedToken;
    // Every field is null until it comes, whatever its type.
    const names = comptime std.meta.fieldNames(T);
    var value: T = undefined;
    var seen: [names.len]bool = @splat(false);
    next: while (true) {
        const key = switch (try source.nextAllocMax(arena, .alloc_if_needed, options.max_value_len.?)) {
            inline .string, .allocated_string => |text| text,
            .object_end => break,
            else => return error.UnexpectedToken,
        };
        if (try source.peekNextTokenType() == .null) {
            _ = try source.next();
            continue;
        }
        inline for (names, 0..) |name, i| {
            if (std.mem.eql(u8, name, key)) {
                @field(value, name) = try parseValue(@FieldType(T, name), arena, source, options);
                seen[i] = true;
                continue :next;
            }
        }
        try source.skipValue();
    }
    inline for (names, 0..) |name, i| {
        if (!seen[i]) @field(value, name) = defaultOf(T, i) orelse return error.MissingField;
    }
    return value;
}

fn defaultOf(comptime T: type, comptime i: usize) ?@FieldType(T, std.meta.fieldNames(T)[i]) {
    const F = @FieldType(T, std.meta.fieldNames(T)[i]);
    return @typeInfo(T).@"struct".field_attrs[i].defaultValue(F);
}

/// Any value, as its text: it is read when it is known what it should be, or
/// handed on as it is.
pub const Raw = struct {
    text: []const u8 = "null",

    /// The value as JSON.
    pub fn of(arena: Allocator, value: anytype) Allocator.Error!Raw {
        return .{ .text = try stringify(arena, value) };
    }

    /// Reads the value.
    pub fn as(raw: Raw, comptime T: type, arena: Allocator) ParseError!T {
        return parse(T, arena, raw.text);
    }

    pub fn jsonParse(_: Allocator, source: *Scanner, _: std.json.ParseOptions) !Raw {
        _ = try source.peekNextTokenType();
        const start = source.cursor;
        try source.skipValue();
        return .{ .text = source.input[start..source.cursor] };
    }

    pub fn jsonStringify(self: Raw, w: *Stringify) !void {
        try w.print("{s}", .{self.text});
    }
};

/// The value as text, in the arena. See `write`.
pub fn stringify(arena: Allocator, value: anytype) Allocator.Error![]const u8 {
    var out: std.Io.Writer.Allocating = .init(arena);
    var w: Stringify = .{ .writer = &out.writer };
    write(&w, value) catch return error.OutOfMemory;
    return out.written();
}

/// Writes a value. Fields of structs that are null, or an empty string, list or
/// struct of nothing else, are left out; numbers and booleans never are.
pub fn write(w: *Stringify, value: anytype) Stringify.Error!void {
    const T = @TypeOf(value);
    switch (@typeInfo(T)) {
        .optional => return if (value) |v| write(w, v) else w.write(null),
        .pointer => |p| switch (p.size) {
            .slice => {
                if (p.child == u8) return writeString(w, value);
                try w.beginArray();
                for (value) |v| try write(w, v);
                return w.endArray();
            },
            .one => return switch (@typeInfo(p.child)) {
                .array => |a| write(w, @as([]const a.child, value)),
                else => write(w, value.*),
            },
            else => {},
        },
        .array => |a| return write(w, @as([]const a.child, &value)),
        .@"struct" => |s| if (s.is_tuple) {
            try w.beginArray();
            inline for (value) |v| try write(w, v);
            return w.endArray();
        } else if (!@hasDecl(T, "jsonStringify")) {
            try w.beginObject();
            inline for (comptime std.meta.fieldNames(T)) |name| {
                if (!isEmpty(@field(value, name))) {
                    try w.objectField(name);
                    try write(w, @field(value, name));
                }
            }
            return w.endObject();
        },
        else => {},
    }
    return w.write(value);
}

/// Text of providers need not be UTF-8, but messages are: what is not becomes U+FFFD.
fn writeString(w: *Stringify, text: []const u8) Stringify.Error!void {
    if (std.unicode.utf8ValidateSlice(text)) return w.write(text);
    try w.beginWriteRaw();
    try w.writer.writeByte('"');
    var rest = text;
    while (rest.len > 0) {
        const len = std.unicode.utf8ByteSequenceLength(rest[0]) catch 1;
        if (len <= rest.len and std.unicode.utf8ValidateSlice(rest[0..len])) {
            try Stringify.encodeJsonStringChars(rest[0..len], .{}, w.writer);
            rest = rest[len..];
        } else {
            try w.writer.writeAll("\u{FFFD}");
            rest = rest[1..];
        }
    }
    try w.writer.writeByte('"');
    w.endWriteRaw();
}

/// Whether `write` leaves a field of that value out.
pub fn isEmpty(value: anytype) bool {
    const T = @TypeOf(value);
    switch (@typeInfo(T)) {
        .optional => return value == null,
        .pointer => |p| return switch (p.size) {
            .slice => value.len == 0,
            .one => @typeInfo(p.child) == .array and value.len == 0,
            else => false,
        },
        .array => return value.len == 0,
        .@"struct" => {
            if (T == Raw) return std.mem.eql(u8, value.text, "null");
            return @hasField(T, "entries") and value.entries.len == 0;
        },
        else => return false,
    }
}

const testing = std.testing;

test "null is not given, and unknown keys are ignored" {
    const Inner = struct { on: bool = true, words: []const []const u8 = &.{} };
    const T = struct { name: []const u8, count: i64 = 7, inner: Inner = .{}, maybe: ?f64 = null };
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();

    const got = try parse(T, arena.allocator(),
        \\ {"count": null, "later": {"a": [1, {"b": 2}]}, "name": "Gr\u00fc\u00dfe ☕", "maybe": 1.5,
        \\  "inner": {"words": ["x", "y\n"], "on": null}}
    );
    try testing.expectEqualStrings("Grüße ☕", got.name);
    try testing.expectEqual(7, got.count);
    try testing.expectEqual(1.5, got.maybe.?);
    try testing.expect(got.inner.on);
    try testing.expectEqualStrings("y\n", got.inner.words[1]);

    try testing.expectError(error.MissingField, parse(T, arena.allocator(), "{}"));
    try testing.expectError(error.UnexpectedToken, parse(T, arena.allocator(), "[]"));
    try testing.expectError(error.SyntaxError, parse(T, arena.allocator(), "{\"name\": \"x\"} {}"));
}

test "integers" {
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    try testing.expectEqual(-9223372036854775808, try parse(i64, arena.allocator(), "-9223372036854775808"));
    try testing.expectEqual(7, try parse(u8, arena.allocator(), "7.00"));
    try testing.expectEqual(7, try parse(u8, arena.allocator(), "\"7\""));
    try testing.expectError(error.InvalidNumber, parse(i64, arena.allocator(), "7.5"));
    try testing.expectError(error.Overflow, parse(u8, arena.allocator(), "256"));
}

test "what is empty is not written" {
    const Inner = struct { text: []const u8 = "", on: bool = false };
    const T = struct { name: []const u8, list: []const Inner = &.{}, none: ?i64 = null, zero: i64 = 0 };
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    try testing.expectEqualStrings(
        \\{"name":"a\"\n","list":[{"on":false},{"text":"x","on":true}],"zero":0}
    , try stringify(arena.allocator(), T{ .name = "a\"\n", .list = &.{ .{}, .{ .text = "x", .on = true } } }));
}

test "a tuple is a list, and what is empty in it is not written either" {
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    const none: ?i64 = null;
    try testing.expectEqualStrings("[{\"a\":1},\"b\"]", try stringify(arena.allocator(), .{ .{ .a = 1, .none = none }, "b" }));
}

test "what is not UTF-8 is replaced" {
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    try testing.expectEqualStrings("\"a\u{FFFD}ü\u{FFFD}\"", try stringify(arena.allocator(), @as([]const u8, "a\xffü\xe2")));
}

test "a raw value is its text" {
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    const got = try parse(struct { a: Raw, b: Raw }, arena.allocator(), "{\"a\" :  {\"x\": [1, \"}\"]} , \"b\":-1.5e3}");
    try testing.expectEqualStrings("{\"x\": [1, \"}\"]}", got.a.text);
    try testing.expectEqualStrings("-1.5e3", got.b.text);
    try testing.expectEqual(-1500, try got.b.as(f64, arena.allocator()));
    try testing.expectEqualStrings("{\"x\":[1,\"}\"]}", (try Raw.of(arena.allocator(), .{ .x = .{ 1, "}" } })).text);
}
