//! Public addresses, which are floating IPs. A server's own, its primary IPs, are
//! part of the server.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");
const labels = @import("labels.zig");

const compute = cloudlark.compute;
const Context = cloudlark.Context;
const Raw = cloudlark.json.Raw;

/// A floating IP as the API shows it.
const FloatingIp = struct {
    id: u63,
    name: []const u8 = "",
    description: []const u8 = "",
    ip: []const u8,
    type: []const u8 = "",
    server: ?u63 = null,
    home_location: struct { name: []const u8 = "" } = .{},
    blocked: bool = false,
    labels: labels.Labels = .{},
    protection: Raw = .{},
    dns_ptr: Raw = .{},
    created: []const u8 = "",

    fn shown(f: FloatingIp, c: Client) !compute.Address {
        return .{
            .id = try c.text(f.id),
            .name = f.name,
            .ip = f.ip,
            .node = if (f.server) |id| try c.text(id) else "",
            .location = f.home_location.name,
            .tags = try labels.tags(c, f.labels),
            .extra = try c.extra(.{
                .type = f.type,
                .description = f.description,
                .blocked = f.blocked,
                .dns_ptr = f.dns_ptr,
                .protection = f.protection,
                .created = f.created,
            }),
        };
    }
};

fn get(c: Client, id: []const u8) !FloatingIp {
    return c.get(FloatingIp, "floating_ips", "floating_ip", try c.number("address", id));
}

pub fn list_addresses(ctx: *Context, _: compute.ListAddresses) !cloudlark.Page(compute.Address) {
    const c: Client = try .init(ctx);
    const some = try c.page(FloatingIp, "floating_ips", &.{}, ctx.cursor);
    const list = try ctx.arena.alloc(compute.Address, some.items.len);
    for (list, some.items) |*address, f| address.* = try f.shown(c);
    return .{ .items = list, .next = some.next };
}

pub fn allocate_address(ctx: *Context, args: compute.AllocateAddress) !compute.Address {
    const c: Client = try .init(ctx);
    const extra = try c.given(struct { type: []const u8 = "ipv4", description: []const u8 = "" }, args.extra);
    const answer = try c.send("POST", "/floating_ips", .{
        .type = extra.type,
        .name = args.name,
        .description = extra.description,
        .home_location = c.location(args.location),
        .labels = try labels.of(c, args.tags, &.{}),
    });
    return (try answer.get(FloatingIp, "floating_ip")).shown(c);
}

pub fn associate_address(ctx: *Context, args: compute.AssociateAddress) !void {
    const c: Client = try .init(ctx);
    const server = try c.number("node", args.node);
    const f = try get(c, args.address);
    if (f.server == server) return;
    _ = try c.act("floating_ips", f.id, "assign", .{ .server = server });
}

pub fn disassociate_address(ctx: *Context, args: compute.DisassociateAddress) !void {
    const c: Client = try .init(ctx);
    const f = try get(c, args.address);
    if (f.server == null) return ctx.fail(.conflict, "the address {s} leads nowhere", .{args.address});
    _ = try c.act("floating_ips", f.id, "unassign", null);
}

/// Refuses an address in use: the API would cut it off.
pub fn release_address(ctx: *Context, args: compute.ReleaseAddress) !void {
    const c: Client = try .init(ctx);
    const f = try get(c, args.address);
    if (f.server) |id| return ctx.fail(.conflict, "the address {s} leads to the node {d}", .{ args.address, id });
    try c.delete("floating_ips", f.id);
}
