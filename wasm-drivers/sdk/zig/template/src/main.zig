//! The driver of {{name}}: a whole driver of a very small cloud, whose nodes
//! start at once and live in memory. README.md says how to go on from here.

const std = @import("std");
const cloudlark = @import("cloudlark");

const compute = cloudlark.compute;
const Context = cloudlark.Context;

pub const std_options: std.Options = .{ .logFn = cloudlark.logFn };
pub const panic = std.debug.FullPanic(cloudlark.panic);

pub const driver = cloudlark.Driver(.{
    .name = "{{name}}",
    .version = "0.1.0",
    .title = "{{name}}",
    .doc = "A cloud of a few lines.",
    .config = &.{
        .{ .name = "page_size", .type = .int, .default = "100", .help = "How many items a page of a list has at most." },
    },
    // This cloud is in the module's memory. A real driver keeps no state: it takes
    // this out, and says where its requests go and what the host adds to them.
    .stateful = true,
}, .{ .compute = Compute });

comptime {
    driver.exports();
}

/// What a connection's configuration can say.
const Config = struct {
    page_size: u32 = 100,
};

const sizes = [_]compute.Size{
    .{ .id = "small", .name = "small", .vcpus = 1, .ram = 1024, .disk = 10, .architecture = .x86_64 },
    .{ .id = "large", .name = "large", .vcpus = 4, .ram = 8192, .disk = 80, .architecture = .x86_64 },
};
const images = [_]compute.Image{
    .{
        .id = "debian-13",
        .name = "Debian 13",
        .state = .available,
        .architecture = .x86_64,
        .size = 4,
        .public = true,
        .tags = .{ .entries = &.{.{ .key = "os", .value = "debian" }} },
    },
};
const locations = [_]compute.Location{
    .{ .id = "home", .name = "Home", .country = "DE", .region = "home" },
};

/// The operations. Which the driver has is asked of this struct: take a function
/// out and the operation is gone; add one of those in sdk/src/contracts/compute.zig
/// and it is there.
const Compute = struct {
    /// The same token creates one node, however often the call is repeated.
    pub const honours_token = [_]compute.Op{.create_node};

    pub fn list_sizes(_: *Context, _: compute.ListSizes) cloudlark.Page(compute.Size) {
        return .{ .items = &sizes };
    }

    pub fn list_images(_: *Context, _: compute.ListImages) cloudlark.Page(compute.Image) {
        return .{ .items = &images };
    }

    pub fn get_image(ctx: *Context, args: compute.GetImage) !compute.Image {
        for (images) |image| {
            if (std.mem.eql(u8, image.id, args.image)) return image;
        }
        return ctx.fail(.not_found, "there is no image \"{s}\"", .{args.image});
    }

    pub fn list_locations(_: *Context, _: compute.ListLocations) cloudlark.Page(compute.Location) {
        return .{ .items = &locations };
    }

    /// Gives a page. The cursor is the driver's own affair; here it is the number
    /// of the last node that was listed.
    pub fn list_nodes(ctx: *Context, _: compute.ListNodes) !cloudlark.Page(compute.Node) {
        const config = try ctx.config(Config);
        if (config.page_size < 1) return ctx.fail(.invalid_argument, "page_size is at least 1", .{});
        const after = std.fmt.parseInt(u64, ctx.cursor, 10) catch 0; // the first page has no cursor
        var page: std.ArrayList(compute.Node) = .empty;
        for (cloud.nodes.items) |entry| {
            if (entry.number <= after) continue;
            if (page.items.len == config.page_size) {
                return .{ .items = page.items, .next = page.getLast().id };
            }
            try page.append(ctx.arena, entry.node);
        }
        return .{ .items = page.items };
    }

    pub fn get_node(ctx: *Context, args: compute.GetNode) !compute.Node {
        return (try cloud.find(ctx, args.node)).node;
    }

    pub fn create_node(ctx: *Context, args: compute.CreateNode) !compute.Node {
        try refuse(ctx, args);
        if (cloud.created(ctx.idempotency_token)) |entry| return entry.node;
        return cloud.add(ctx.idempotency_token, .{
            .id = undefined, // given by the cloud
            .name = args.name,
            .state = .running,
            .size = args.size,
            .image = args.image,
            .location = locations[0].id,
            .tags = args.tags,
            .created_at = .{ .unix_ms = ctx.now() },
        });
    }

    pub fn start_node(ctx: *Context, args: compute.StartNode) !void {
        const entry = try cloud.find(ctx, args.node);
        entry.node.state = .running;
    }

    pub fn stop_node(ctx: *Context, args: compute.StopNode) !void {
        const entry = try cloud.find(ctx, args.node);
        entry.node.state = .stopped;
    }

    pub fn reboot_node(ctx: *Context, args: compute.RebootNode) !void {
        const entry = try cloud.find(ctx, args.node);
        if (entry.node.state != .running) return ctx.fail(.conflict, "the node {s} is {t}", .{ args.node, entry.node.state.? });
    }

    pub fn destroy_node(ctx: *Context, args: compute.DestroyNode) !void {
        cloud.remove(try cloud.find(ctx, args.node));
        std.log.info("node {s} is gone", .{args.node});
    }

    pub fn set_node_tags(ctx: *Context, args: compute.SetNodeTags) !void {
        const entry = try cloud.find(ctx, args.node);
        var node = entry.node;
        node.tags = args.tags;
        try entry.keep(node);
    }
};

/// Says what this cloud does not have. Passing over it would make something else
/// than what was asked for.
fn refuse(ctx: *Context, args: compute.CreateNode) !void {
    if (!has(&sizes, args.size)) return ctx.fail(.not_found, "there is no size \"{s}\"", .{args.size});
    if (!has(&images, args.image)) return ctx.fail(.not_found, "there is no image \"{s}\"", .{args.image});
    if (args.location.len > 0 and !has(&locations, args.location)) {
        return ctx.fail(.not_found, "there is no location \"{s}\"", .{args.location});
    }
    if (args.key_pair.len > 0) return ctx.fail(.not_found, "there is no key pair \"{s}\"", .{args.key_pair});
    inline for (.{ "networks", "subnets", "security_groups" }) |what| {
        const ids = @field(args, what);
        if (ids.len > 0) return ctx.fail(.not_found, "there are no " ++ what ++ ": \"{s}\"", .{ids[0]});
    }
}

fn has(things: anytype, id: []const u8) bool {
    for (things) |thing| {
        if (std.mem.eql(u8, thing.id, id)) return true;
    }
    return false;
}

/// What all connections share: nodes, in memory that outlives the call. A real
/// driver has `cloudlark.http` instead.
const cloud = struct {
    var nodes: std.ArrayList(*Entry) = .empty;
    var last: u64 = 0;

    /// A node, and the memory of what it holds.
    const Entry = struct {
        arena: std.heap.ArenaAllocator,
        number: u64,
        token: []const u8 = "",
        node: compute.Node,

        /// Replaces the node by a copy that the entry owns.
        fn keep(entry: *Entry, node: compute.Node) !void {
            entry.node = try cloudlark.clone(entry.arena.allocator(), node);
        }
    };

    fn find(ctx: *Context, id: []const u8) !*Entry {
        for (nodes.items) |entry| {
            if (std.mem.eql(u8, entry.node.id, id)) return entry;
        }
        return ctx.fail(.not_found, "there is no node \"{s}\"", .{id});
    }

    fn created(token: []const u8) ?*Entry {
        if (token.len == 0) return null;
        for (nodes.items) |entry| {
            if (std.mem.eql(u8, entry.token, token)) return entry;
        }
        return null;
    }

    fn add(token: []const u8, without_id: compute.Node) !compute.Node {
        const entry = try cloudlark.gpa.create(Entry);
        errdefer cloudlark.gpa.destroy(entry);
        entry.* = .{ .arena = .init(cloudlark.gpa), .number = last + 1, .node = without_id };
        errdefer entry.arena.deinit();
        const arena = entry.arena.allocator();
        entry.token = try arena.dupe(u8, token);
        entry.node.id = try std.fmt.allocPrint(arena, "{d}", .{entry.number});
        const ip = try std.fmt.allocPrint(arena, "10.0.{d}.{d}", .{ entry.number / 250 % 250, entry.number % 250 + 1 });
        entry.node.private_ips = &.{ip};
        try entry.keep(entry.node);
        try nodes.append(cloudlark.gpa, entry);
        last += 1;
        return entry.node;
    }

    fn remove(entry: *Entry) void {
        const i = std.mem.indexOfScalar(*Entry, nodes.items, entry).?;
        _ = nodes.orderedRemove(i);
        entry.arena.deinit();
        cloudlark.gpa.destroy(entry);
    }
};

const testing = std.testing;

test "a node's life" {
    var fixture: cloudlark.testing.Fixture = .init(&.{});
    defer fixture.deinit();
    const ctx = fixture.context();
    ctx.idempotency_token = "once";
    const node = try Compute.create_node(ctx, .{ .name = "web", .size = "small", .image = "debian-13" });
    const again = try Compute.create_node(ctx, .{ .name = "web", .size = "small", .image = "debian-13" });
    try testing.expectEqualStrings(node.id, again.id);
    try Compute.stop_node(ctx, .{ .node = node.id });
    try testing.expectError(error.Conflict, Compute.reboot_node(ctx, .{ .node = node.id }));
    try testing.expectEqual(.stopped, (try Compute.get_node(ctx, .{ .node = node.id })).state.?);
    try Compute.destroy_node(ctx, .{ .node = again.id });
    try testing.expectEqual(0, (try Compute.list_nodes(ctx, .{})).items.len);
}

test "what is not there" {
    var fixture: cloudlark.testing.Fixture = .init(&.{});
    defer fixture.deinit();
    const ctx = fixture.context();
    try testing.expectError(error.NotFound, Compute.create_node(ctx, .{ .name = "web", .size = "tiny", .image = "debian-13" }));
    try testing.expectEqualStrings("there is no size \"tiny\"", ctx.failure.?.message);
}
