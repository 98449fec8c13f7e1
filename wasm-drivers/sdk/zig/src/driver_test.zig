const std = @import("std");
const cloudlark = @import("root.zig");

const compute = cloudlark.compute;
const storage = cloudlark.storage;
const testing = std.testing;

const driver = cloudlark.Driver(.{
    .name = "example",
    .version = "1.0.0",
    .config = &.{.{ .name = "page_size", .type = .int, .default = "100", .help = "How many." }},
    .hosts = &.{"api.example.com"},
    .credentials = &.{.{ .name = "token", .scheme = .bearer, .hosts = &.{"api.example.com"} }},
    .stateful = true,
}, .{ .compute = Compute, .storage = Storage });

const Compute = struct {
    pub const missing = .{ .suspend_node = "It cannot." };
    pub const extras = .{ .create_node = [_]cloudlark.Field{.{ .name = "backups", .type = .bool, .help = "Back it up." }} };
    pub const honours_token = [_]compute.Op{.create_node};

    pub fn list_nodes(ctx: *cloudlark.Context, args: compute.ListNodes) !cloudlark.Page(compute.Node) {
        const config = try ctx.config(struct { page_size: u32 = 100 });
        if (ctx.cursor.len > 0) return .{};
        const items = try ctx.arena.alloc(compute.Node, config.page_size);
        for (items, 0..) |*n, i| n.* = .{
            .id = try std.fmt.allocPrint(ctx.arena, "{d}", .{i}),
            .name = args.name,
            .state = .running,
            .tags = args.tags,
            .created_at = .{ .unix_ms = ctx.now() },
        };
        return .{ .items = items, .next = "more" };
    }

    pub fn create_nodes(ctx: *cloudlark.Context, args: compute.CreateNodes) ![]const compute.Node {
        if (args.count < 1) return ctx.fail(.invalid_argument, "{d} nodes", .{args.count});
        return &.{};
    }

    pub fn create_node(_: *cloudlark.Context, args: compute.CreateNode) compute.Node {
        return .{ .id = "1", .name = args.name, .extra = args.extra };
    }

    pub fn start_node(_: *cloudlark.Context, _: compute.StartNode) !void {
        return error.SomethingOfItsOwn;
    }

    pub fn stop_node(ctx: *cloudlark.Context, args: compute.StopNode) !void {
        if (!args.force) ctx.fail(.conflict, "caught", .{}) catch return error.NotFound;
    }
};

const Storage = struct {
    pub fn read_object(ctx: *cloudlark.Context, _: storage.ReadObject) !storage.Download {
        const s: cloudlark.Stream = try .new(ctx);
        try s.write("hello");
        return .{ .object = .{ .name = "x", .size = 5 }, .body = s.body() };
    }

    pub fn put_object(ctx: *cloudlark.Context, args: storage.PutObject) !storage.Object {
        const text = try cloudlark.Stream.open(ctx, args.body).readAll(100);
        return .{ .name = args.name, .etag = text };
    }
};

fn expectAnswer(message: []const u8, want: []const u8) !void {
    var fixture: cloudlark.testing.Fixture = .init(&.{});
    defer fixture.deinit();
    const arena = fixture.context().arena;
    try testing.expectEqualStrings(want, try driver.answer(arena, message));
}

test "description" {
    var fixture: cloudlark.testing.Fixture = .init(&.{});
    defer fixture.deinit();
    try testing.expectEqualStrings(
        \\{"abi":1,"name":"example","version":"1.0.0","config":[{"name":"page_size","type":"int","default":"100","help":"How many."}],
    ++
        \\"hosts":["api.example.com"],"credentials":[{"name":"token","scheme":"bearer","hosts":["api.example.com"]}],"stateful":true,
    ++
        \\"families":{"compute":{"operations":["list_nodes","create_node","create_nodes","start_node","stop_node"],
    ++
        \\"missing":{"suspend_node":"It cannot."},"extras":{"create_node":[{"name":"backups","type":"bool","help":"Back it up."}]},
    ++
        \\"honours_token":["create_node"]},"storage":{"operations":["read_object","put_object"]}}}
    , try driver.description_json(fixture.context().arena));
}

test "calls" {
    try expectAnswer(
        \\{"family":"compute","op":"list_nodes","args":{"name":"ü","tags":{"a":"b"},"state":null},"config":{"page_size":1}}
    ,
        \\{"items":[{"id":"0","name":"ü","state":"running","tags":{"a":"b"},"created_at":"2001-09-09T01:46:40.000Z"}],"next":"more"}
    );
    try expectAnswer(
        \\{"family":"compute","op":"list_nodes","cursor":"more"}
    ,
        \\{"items":[]}
    );
    try expectAnswer(
        \\{"family":"compute","op":"create_node","args":{"name":"n","size":"s","image":"i","extra":{"a":[1,2.5,{"b":null}],"c":true}}}
    ,
        \\{"result":{"id":"1","name":"n","extra":{"a":[1,2.5,{"b":null}],"c":true}}}
    );
    try expectAnswer(
        \\{"family":"compute","op":"create_nodes","args":{"name":"n","size":"s","image":"i","count":3}}
    ,
        \\{"result":[]}
    );
    try expectAnswer(
        \\{"family":"compute","op":"stop_node","args":{"node":"7","force":true}}
    , "{}");
    try expectAnswer(
        \\{"family":"storage","op":"read_object","args":{"bucket":"b","name":"x"}}
    ,
        \\{"result":{"object":{"name":"x","size":5,"is_prefix":false},"body":{"stream":1}}}
    );
}

test "a body of an argument" {
    var fixture: cloudlark.testing.Fixture = .init(&.{});
    defer fixture.deinit();
    const arena = fixture.context().arena;
    _ = try fixture.body("some bytes");
    const got = try driver.answer(arena,
        \\{"family":"storage","op":"put_object","args":{"bucket":"b","name":"x","body":{"stream":1,"length":10}}}
    );
    try testing.expect(std.mem.find(u8, got, "\"etag\":\"some bytes\"") != null);
}

test "errors" {
    try expectAnswer(
        \\{"family":"compute","op":"create_nodes","args":{"name":"n","size":"s","image":"i","count":0}}
    ,
        \\{"error":{"kind":"invalid_argument","message":"0 nodes","retry_after_ms":0}}
    );
    try expectAnswer(
        \\{"family":"compute","op":"start_node","args":{"node":"7"}}
    ,
        \\{"error":{"kind":"internal","message":"SomethingOfItsOwn","retry_after_ms":0}}
    );
    try expectAnswer(
        \\{"family":"compute","op":"stop_node","args":{"node":"7"}}
    ,
        \\{"error":{"kind":"not_found","message":"NotFound","retry_after_ms":0}}
    );
    try expectAnswer(
        \\{"family":"compute","op":"get_node","args":{"node":"7"}}
    ,
        \\{"error":{"kind":"unsupported","message":"the driver does not have get_node","retry_after_ms":0}}
    );
    try expectAnswer(
        \\{"family":"dns","op":"x"}
    ,
        \\{"error":{"kind":"unsupported","message":"the driver does not have the family dns","retry_after_ms":0}}
    );
    try expectAnswer("nonsense",
        \\{"error":{"kind":"internal","message":"the call is not what its ABI says: SyntaxError","retry_after_ms":0}}
    );
    try expectAnswer(
        \\{"family":"compute","op":"stop_node","args":{}}
    ,
        \\{"error":{"kind":"internal","message":"the arguments are not what stop_node takes: MissingField","retry_after_ms":0}}
    );
}

test "clone" {
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    var name = "before".*;
    const node: compute.Node = .{
        .id = &name,
        .state = .running,
        .public_ips = &.{&name},
        .tags = .{ .entries = &.{.{ .key = &name, .value = "x" }} },
        .created_at = .{ .rfc3339 = &name },
        .extra = .{ .entries = &.{.{ .key = "e", .value = .{ .text = &name } }} },
    };
    const copy = try cloudlark.clone(arena.allocator(), node);
    name = "after!".*;
    try testing.expectEqualStrings("before", copy.id);
    try testing.expectEqualStrings("before", copy.public_ips[0]);
    try testing.expectEqualStrings("x", copy.tags.get("before").?);
    try testing.expectEqualStrings("before", copy.created_at.?.rfc3339);
    try testing.expectEqualStrings("before", copy.extra.get("e").?.text);
}

test "every type of the contracts is read and written" {
    @setEvalBranchQuota(10_000);
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    var never = false;
    _ = &never;
    inline for (.{ compute, storage, cloudlark.lb, cloudlark.container }) |contract| {
        inline for (contract.operations) |o| {
            try testing.expectError(error.UnexpectedToken, cloudlark.json.parse(o.In, arena.allocator(), "[]"));
            if (o.Out != void and never) {
                const out: o.Out = undefined;
                _ = try cloudlark.json.stringify(arena.allocator(), try cloudlark.clone(arena.allocator(), out));
            }
        }
    }
}

test "times and bytes" {
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    const T = struct { time: cloudlark.Time, bytes: cloudlark.Bytes };
    try testing.expectEqualStrings(
        \\{"time":"2024-02-29T23:59:58.007Z","bytes":"AP8B"}
    , try cloudlark.json.stringify(arena.allocator(), T{ .time = .{ .unix_ms = 1709251198007 }, .bytes = .{ .data = "\x00\xff\x01" } }));
    const got = try cloudlark.json.parse(T, arena.allocator(),
        \\{"time":"2024-02-29T23:59:58Z","bytes":"AP8B"}
    );
    try testing.expectEqualStrings("2024-02-29T23:59:58Z", got.time.rfc3339);
    try testing.expectEqualStrings("\x00\xff\x01", got.bytes.data);
}
