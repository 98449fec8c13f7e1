//! A driver of a provider that zig_test.go serves: requests, bodies, errors.

const std = @import("std");
const cloudlark = @import("cloudlark");

const compute = cloudlark.compute;
const storage = cloudlark.storage;
const http = cloudlark.http;
const Context = cloudlark.Context;

pub const std_options: std.Options = .{ .logFn = cloudlark.logFn, .log_level = .debug };
pub const panic = std.debug.FullPanic(cloudlark.panic);

const driver = cloudlark.Driver(.{
    .name = "zighttp",
    .version = "1.0.0",
    .config = &.{.{ .name = "endpoint", .required = true, .help = "The API's address." }},
    .hosts = &.{"{endpoint}"},
    .credentials = &.{.{ .name = "token", .scheme = .bearer, .hosts = &.{"{endpoint}"} }},
}, .{ .compute = Compute, .storage = Storage });

comptime {
    driver.exports();
}

const Config = struct { endpoint: []const u8 };

fn url(ctx: *Context, comptime format: []const u8, args: anytype) ![]const u8 {
    const config = try ctx.config(Config);
    return std.fmt.allocPrint(ctx.arena, "{s}" ++ format, .{config.endpoint} ++ args);
}

/// A server as the provider shows it.
const Server = struct {
    id: u64,
    name: []const u8,
    price: ?f64 = null,
    labels: cloudlark.Map([]const u8) = .{},
    created: []const u8,

    fn node(s: Server, ctx: *Context) !compute.Node {
        return .{
            .id = try std.fmt.allocPrint(ctx.arena, "{d}", .{s.id}),
            .name = s.name,
            .state = .running,
            .tags = s.labels,
            .created_at = .{ .rfc3339 = s.created },
            .extra = .{ .entries = try ctx.arena.dupe(cloudlark.Map(cloudlark.Any).Entry, &.{
                .{ .key = "price", .value = try .of(ctx.arena, s.price) },
            }) },
        };
    }
};

const Compute = struct {
    pub fn list_nodes(ctx: *Context, args: compute.ListNodes) !cloudlark.Page(compute.Node) {
        const Servers = struct { servers: []const Server, next: []const u8 = "" };
        const address = try http.query(ctx, try url(ctx, "/servers", .{}), &.{
            .{ .name = "page", .value = ctx.cursor },
            .{ .name = "name", .value = args.name },
        });
        const response = try http.send(ctx, .{ .url = address, .auth = "token", .repeatable = true });
        try response.check();
        const page = try response.json(Servers);
        const nodes = try ctx.arena.alloc(compute.Node, page.servers.len);
        for (nodes, page.servers) |*n, s| n.* = try s.node(ctx);
        return .{ .items = nodes, .next = page.next };
    }

    pub fn get_node(ctx: *Context, args: compute.GetNode) !compute.Node {
        const response = try http.send(ctx, .{
            .url = try url(ctx, "/servers/{s}", .{try http.escape(ctx, args.node)}),
            .auth = "token",
        });
        if (!response.ok()) {
            const Refusal = struct { code: []const u8 = "", message: []const u8 = "" };
            const refusal = response.json(Refusal) catch Refusal{};
            return response.fail(refusal.message, refusal.code);
        }
        return (try response.json(Server)).node(ctx);
    }

    /// Waits until the node has gone, and logs.
    pub fn destroy_node(ctx: *Context, args: compute.DestroyNode) !void {
        for (0..3) |i| {
            std.log.debug("waiting for {s}: {d}", .{ args.node, i });
            try ctx.sleep(5);
        }
    }

    /// Asks for nodes that nobody granted.
    pub fn start_node(ctx: *Context, _: compute.StartNode) !void {
        _ = try http.send(ctx, .{ .url = "https://elsewhere.example.com/" });
    }

    /// Breaks down.
    pub fn reboot_node(_: *Context, args: compute.RebootNode) !void {
        if (args.node.len > 0) @panic("broken on purpose");
    }

    /// Sends several requests at a time.
    pub fn get_console_output(ctx: *Context, args: compute.GetConsoleOutput) !compute.ConsoleOutput {
        var pending: [5]http.Pending = undefined;
        for (&pending, 0..) |*p, i| p.* = try http.start(ctx, .{
            .url = try url(ctx, "/console/{s}/{d}", .{ args.node, i }),
            .auth = "token",
        });
        var all: std.ArrayList(u8) = .empty;
        for (pending) |p| {
            const response = try p.wait();
            try response.check();
            try all.appendSlice(ctx.arena, try response.text());
        }
        return .{ .text = all.items };
    }
};

const Storage = struct {
    /// Sends the body in parts of 100,000 bytes, each with its checksum.
    pub fn put_object(ctx: *Context, args: storage.PutObject) !storage.Object {
        const body: cloudlark.Stream = .open(ctx, args.body);
        var size: i64 = 0;
        var number: u32 = 0;
        while (true) : (number += 1) {
            const part = try body.take(100_000);
            defer part.close();
            const info = try part.info();
            if (info.length == 0) break;
            size += info.length;
            const response = try http.send(ctx, .{
                .method = "PUT",
                .url = try url(ctx, "/objects/{s}/{d}", .{ args.name, number }),
                .headers = &.{.{ .name = "x-sha256", .value = try part.digest(.sha256) }},
                .auth = "token",
                .body = .{ .stream = part },
            });
            try response.check();
        }
        return .{ .bucket = args.bucket, .name = args.name, .size = size };
    }

    /// Hands the response's body over.
    pub fn read_object(ctx: *Context, args: storage.ReadObject) !storage.Download {
        const response = try http.send(ctx, .{ .url = try url(ctx, "/objects/{s}", .{args.name}), .auth = "token" });
        try response.check();
        return .{
            .object = .{ .bucket = args.bucket, .name = args.name, .size = response.length },
            .body = response.body(if (response.length >= 0) @intCast(response.length) else null, null),
        };
    }

    /// Writes the body itself.
    pub fn get_object(ctx: *Context, args: storage.GetObject) !storage.Object {
        const stream: cloudlark.Stream = try .new(ctx);
        try stream.write(args.name);
        const response = try http.send(ctx, .{ .method = "POST", .url = try url(ctx, "/echo", .{}), .auth = "token", .body = .{ .stream = stream } });
        try response.check();
        return .{ .bucket = args.bucket, .name = args.name, .etag = try response.text() };
    }
};
