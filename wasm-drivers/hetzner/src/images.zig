//! Images: Hetzner's own, and snapshots and backups of servers.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");
const catalogue = @import("catalogue.zig");
const labels = @import("labels.zig");
const servers = @import("servers.zig");

const compute = cloudlark.compute;
const http = cloudlark.http;
const Context = cloudlark.Context;
const Raw = cloudlark.json.Raw;

const Image = struct {
    id: u63,
    type: []const u8,
    status: []const u8,
    name: []const u8 = "",
    description: []const u8 = "",
    disk_size: f64 = 0,
    created: []const u8,
    created_from: Raw = .{},
    bound_to: ?u63 = null,
    os_flavor: []const u8 = "",
    os_version: []const u8 = "",
    protection: Raw = .{},
    deprecated: []const u8 = "",
    labels: labels.Labels = .{},
    architecture: []const u8 = "",

    /// Whether it was made of a server, and not by Hetzner.
    fn own(i: Image) bool {
        return std.mem.eql(u8, i.type, "snapshot") or std.mem.eql(u8, i.type, "backup");
    }

    /// A snapshot has no name: what the API calls its description is one.
    fn shown(i: Image, c: Client) !compute.Image {
        return .{
            .id = try c.text(i.id),
            .name = if (i.name.len > 0) i.name else i.description,
            .description = if (i.name.len > 0) i.description else "",
            .state = states.get(i.status) orelse .unknown,
            .architecture = catalogue.architecture(i.architecture),
            .size = @ceil(i.disk_size),
            .owner = if (i.own()) "self" else "hetzner",
            .public = !i.own(),
            .tags = try labels.tags(c, i.labels),
            .created_at = .{ .rfc3339 = i.created },
            .extra = try c.extra(.{
                .type = i.type,
                .os_flavor = i.os_flavor,
                .os_version = i.os_version,
                .created_from = i.created_from,
                .bound_to = i.bound_to,
                .protection = i.protection,
                .deprecated = i.deprecated,
            }),
        };
    }
};

const states: std.StaticStringMap(compute.ImageState) = .initComptime(.{
    .{ "available", .available },
    .{ "creating", .pending },
    .{ "unavailable", .@"error" },
});

pub fn list_images(ctx: *Context, args: compute.ListImages) !cloudlark.Page(compute.Image) {
    const c: Client = try .init(ctx);
    var query: std.ArrayList(http.Header) = .empty;
    try query.appendSlice(ctx.arena, &.{
        .{ .name = "include_deprecated", .value = "false" },
        .{ .name = "status", .value = "available" },
        .{ .name = "status", .value = "creating" },
    });
    if (std.mem.eql(u8, args.owner, "self")) try query.appendSlice(ctx.arena, &.{
        .{ .name = "type", .value = "snapshot" },
        .{ .name = "type", .value = "backup" },
    }) else if (args.owner.len > 0) try query.appendSlice(ctx.arena, &.{
        .{ .name = "type", .value = "system" },
        .{ .name = "type", .value = "app" },
    });
    const some = try c.page(Image, "images", query.items, ctx.cursor);
    const list = try ctx.arena.alloc(compute.Image, some.items.len);
    for (list, some.items) |*image, i| image.* = try i.shown(c);
    return .{ .items = list, .next = some.next };
}

pub fn get_image(ctx: *Context, args: compute.GetImage) !compute.Image {
    const c: Client = try .init(ctx);
    return (try c.get(Image, "images", "image", try c.number("image", args.image))).shown(c);
}

/// Makes a snapshot: of the disk as it is, or of a server that is shut down for it
/// and started again.
pub fn create_image(ctx: *Context, args: compute.CreateImage) !compute.Image {
    const c: Client = try .init(ctx);
    const id = try c.number("node", args.node);
    if (args.description.len > 0) return ctx.fail(.invalid_argument, "description: a snapshot has one text, which is its name", .{});
    const request = .{ .type = "snapshot", .description = args.name, .labels = try labels.of(c, args.tags, &.{}) };
    const restart = args.reboot and (try servers.get(c, id)).is("running");
    if (restart) try servers.shut(c, id);
    const made = snapshot(c, id, request, restart);
    if (restart) {
        const failure = ctx.failure;
        _ = c.act("servers", id, "poweron", null) catch std.log.warn("the server {d} is left off", .{id});
        ctx.failure = failure;
    }
    return (try made).shown(c);
}

fn snapshot(c: Client, id: u63, request: anytype, complete: bool) !Image {
    const answer = try c.act("servers", id, "create_image", request);
    if (complete) try c.finish(answer);
    return answer.get(Image, "image");
}

pub fn delete_image(ctx: *Context, args: compute.DeleteImage) !void {
    const c: Client = try .init(ctx);
    try c.delete("images", try c.number("image", args.image));
}
