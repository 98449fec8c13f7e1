//! Volumes.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");
const labels = @import("labels.zig");

const compute = cloudlark.compute;
const Context = cloudlark.Context;
const Raw = cloudlark.json.Raw;

/// A volume as the API shows it.
const Volume = struct {
    id: u63,
    name: []const u8,
    size: i64,
    status: []const u8,
    created: []const u8,
    server: ?u63 = null,
    location: struct { name: []const u8 = "" } = .{},
    linux_device: []const u8 = "",
    format: []const u8 = "",
    labels: labels.Labels = .{},
    protection: Raw = .{},

    fn shown(v: Volume, c: Client) !compute.Volume {
        return .{
            .id = try c.text(v.id),
            .name = v.name,
            .size = v.size,
            .state = if (std.mem.eql(u8, v.status, "creating")) .creating else if (v.server != null) .inuse else .available,
            .location = v.location.name,
            .node = if (v.server) |id| try c.text(id) else "",
            .device = if (v.server != null) v.linux_device else "",
            .tags = try labels.tags(c, v.labels),
            .created_at = .{ .rfc3339 = v.created },
            .extra = try c.extra(.{ .format = v.format, .protection = v.protection }),
        };
    }
};

fn get(c: Client, id: []const u8) !Volume {
    return c.get(Volume, "volumes", "volume", try c.number("volume", id));
}

pub fn list_volumes(ctx: *Context, args: compute.ListVolumes) !cloudlark.Page(compute.Volume) {
    const c: Client = try .init(ctx);
    const some = try c.page(Volume, "volumes", &.{.{ .name = "name", .value = args.name }}, ctx.cursor);
    const list = try ctx.arena.alloc(compute.Volume, some.items.len);
    for (list, some.items) |*volume, v| volume.* = try v.shown(c);
    return .{ .items = list, .next = some.next };
}

pub fn get_volume(ctx: *Context, args: compute.GetVolume) !compute.Volume {
    const c: Client = try .init(ctx);
    return (try get(c, args.volume)).shown(c);
}

pub fn create_volume(ctx: *Context, args: compute.CreateVolume) !compute.Volume {
    const c: Client = try .init(ctx);
    const extra = try c.given(struct { format: []const u8 = "" }, args.extra);
    if (args.snapshot.len > 0) return ctx.fail(.invalid_argument, "snapshot: Hetzner's volumes have none", .{});
    if (args.type.len > 0) return ctx.fail(.invalid_argument, "type: Hetzner's volumes are all of one", .{});
    const answer = try c.send("POST", "/volumes", .{
        .name = args.name,
        .size = args.size,
        .location = c.location(args.location),
        .format = extra.format,
        .labels = try labels.of(c, args.tags, &.{}),
    });
    return (try answer.get(Volume, "volume")).shown(c);
}

pub fn resize_volume(ctx: *Context, args: compute.ResizeVolume) !void {
    const c: Client = try .init(ctx);
    const v = try get(c, args.volume);
    if (v.size == args.size) return;
    if (v.size > args.size) return ctx.fail(.invalid_argument, "size: the volume {s} has {d} GB already, and cannot shrink", .{ args.volume, v.size });
    _ = try c.act("volumes", v.id, "resize", .{ .size = args.size });
}

pub fn attach_volume(ctx: *Context, args: compute.AttachVolume) !void {
    const c: Client = try .init(ctx);
    const id = try c.number("volume", args.volume);
    const server = try c.number("node", args.node);
    if (args.device.len > 0) return ctx.fail(.invalid_argument, "device: Hetzner chooses it", .{});
    _ = try c.act("volumes", id, "attach", .{ .server = server, .automount = false });
}

pub fn detach_volume(ctx: *Context, args: compute.DetachVolume) !void {
    const c: Client = try .init(ctx);
    const v = try get(c, args.volume);
    if (v.server == null) return ctx.fail(.conflict, "the volume {s} is not attached", .{args.volume});
    _ = try c.act("volumes", v.id, "detach", null);
}

pub fn destroy_volume(ctx: *Context, args: compute.DestroyVolume) !void {
    const c: Client = try .init(ctx);
    const v = try get(c, args.volume);
    if (v.server) |id| return ctx.fail(.conflict, "the volume {s} is attached to the node {d}", .{ args.volume, id });
    try c.delete("volumes", v.id);
}
