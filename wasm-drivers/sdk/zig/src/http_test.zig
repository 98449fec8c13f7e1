const std = @import("std");
const cloudlark = @import("root.zig");

const http = cloudlark.http;
const testing = std.testing;

test "a request and its response" {
    var fixture: cloudlark.testing.Fixture = .init(&.{.{ .body = "{\"nodes\":[{\"id\":7,\"more\":{}}]}" }});
    defer fixture.deinit();
    const ctx = fixture.context();
    const url = try http.query(ctx, "https://api.example.com/v1/nodes?a=b", &.{ .{ .name = "name", .value = "x y/ü" }, .{ .name = "none", .value = "" } });
    const response = try http.send(ctx, .{
        .method = "POST",
        .url = url,
        .headers = &.{.{ .name = "content-type", .value = "application/json" }},
        .auth = "token",
        .repeatable = true,
        .body = try http.jsonBody(ctx, .{ .size = "small", .backups = false, .none = "" }),
    });
    try response.check();
    const Answer = struct { nodes: []const struct { id: i64 } };
    const answer = try response.json(Answer);
    try testing.expectEqual(7, answer.nodes[0].id);

    const sent = fixture.requests.items[0];
    try testing.expectEqualStrings("POST", sent.method);
    try testing.expectEqualStrings("https://api.example.com/v1/nodes?a=b&name=x%20y%2F%C3%BC", sent.url);
    try testing.expectEqualStrings("application/json", sent.headers.get("content-type").?);
    try testing.expectEqualStrings("token", sent.auth);
    try testing.expect(sent.repeatable);
    try testing.expectEqualStrings("{\"size\":\"small\",\"backups\":false}", sent.body);
}

test "a body that stays in the host" {
    var fixture: cloudlark.testing.Fixture = .init(&.{ .{}, .{} });
    defer fixture.deinit();
    const ctx = fixture.context();
    const stream: cloudlark.Stream = .open(ctx, try fixture.body("0123456789"));
    const part = try stream.take(4);
    try testing.expectEqual(4, (try part.info()).length);
    try testing.expectEqualStrings("a6669d7d", try part.digest(.crc32));
    try testing.expectEqualStrings("eb62f6b9306db575c2d596b1279627a4", try part.digest(.md5));
    _ = try http.send(ctx, .{ .method = "PUT", .url = "https://x/1", .body = .{ .stream = part } });
    _ = try http.send(ctx, .{ .method = "PUT", .url = "https://x/2", .body = .{ .stream = stream } });
    try testing.expectEqualStrings("0123", fixture.requests.items[0].body);
    try testing.expectEqualStrings("456789", fixture.requests.items[1].body);
}

test "errors of the provider and of the host" {
    var fixture: cloudlark.testing.Fixture = .init(&.{
        .{ .status = 429, .body = " slow down\n", .headers = .{ .entries = &.{.{ .key = "retry-after", .value = "3" }} } },
        .{ .failure = .{ .kind = .unavailable, .message = "connection refused" } },
        .{ .body = "[" },
    });
    defer fixture.deinit();
    const ctx = fixture.context();

    try testing.expectError(error.RateLimited, (try http.send(ctx, .{ .url = "https://x" })).check());
    try testing.expectEqualStrings("slow down", ctx.failure.?.message);
    try testing.expectEqual(3000, ctx.failure.?.retry_after_ms);

    try testing.expectError(error.Unavailable, http.send(ctx, .{ .url = "https://x" }));
    try testing.expectEqualStrings("connection refused", ctx.failure.?.message);

    try testing.expectError(error.Internal, (try http.send(ctx, .{ .url = "https://x" })).json(struct {}));
    try testing.expectError(error.Internal, http.send(ctx, .{ .url = "https://x" }));
}

test "checksums" {
    var fixture: cloudlark.testing.Fixture = .init(&.{});
    defer fixture.deinit();
    const stream: cloudlark.Stream = .open(fixture.context(), try fixture.body("123456789"));
    // The values that catalogues of checksums give for these digits.
    try testing.expectEqualStrings("cbf43926", try stream.digest(.crc32));
    try testing.expectEqualStrings("e3069283", try stream.digest(.crc32c));
    try testing.expectEqualStrings("ae8b14860a799888", try stream.digest(.crc64nvme));
    try testing.expectEqualStrings("25f9e794323b453885f5181f1b624d0b", try stream.digest(.md5));
    try testing.expectEqualStrings("f7c3bc1d808e04732adf679965ccc34ca7ae3441", try stream.digest(.sha1));
    try testing.expectEqualStrings("15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225", try stream.digest(.sha256));
}
