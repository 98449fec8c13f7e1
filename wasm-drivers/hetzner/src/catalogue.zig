//! What Hetzner itself has: sizes and locations.

const std = @import("std");
const cloudlark = @import("cloudlark");
const Client = @import("Client.zig");

const compute = cloudlark.compute;
const Context = cloudlark.Context;
const Raw = cloudlark.json.Raw;

const Deprecation = struct { unavailable_after: []const u8 };

const ServerType = struct {
    id: u63,
    name: []const u8,
    description: []const u8 = "",
    category: []const u8 = "",
    cores: i64,
    memory: f64,
    disk: i64,
    prices: Raw = .{},
    storage_type: []const u8 = "",
    cpu_type: []const u8 = "",
    architecture: []const u8,
    deprecation: ?Deprecation = null,
    locations: []const struct { name: []const u8, deprecation: ?Deprecation = null } = &.{},

    /// Whether new servers of the type can be had: there, or anywhere.
    fn sold(t: ServerType, place: []const u8, now: []const u8) bool {
        if (over(t.deprecation, now)) return false;
        for (t.locations) |l| {
            if ((place.len == 0 or std.mem.eql(u8, l.name, place)) and !over(l.deprecation, now)) return true;
        }
        return false;
    }
};

/// Whether the time of something is up. Times of one form are in order as texts.
fn over(deprecation: ?Deprecation, now: []const u8) bool {
    return if (deprecation) |d| std.mem.lessThan(u8, d.unavailable_after, now) else false;
}

pub fn list_sizes(ctx: *Context, args: compute.ListSizes) !cloudlark.Page(compute.Size) {
    const c: Client = try .init(ctx);
    const now = std.mem.trim(u8, try cloudlark.json.stringify(ctx.arena, cloudlark.Time{ .unix_ms = ctx.now() }), "\"");
    const some = try c.page(ServerType, "server_types", &.{}, ctx.cursor);
    var sizes: std.ArrayList(compute.Size) = .empty;
    for (some.items) |t| if (t.sold(args.location, now)) try sizes.append(ctx.arena, .{
        .id = t.name,
        .name = t.name,
        .vcpus = t.cores,
        .ram = @round(t.memory * 1024),
        .disk = t.disk,
        .architecture = architecture(t.architecture),
        .extra = try c.extra(.{
            .description = t.description,
            .category = t.category,
            .cpu_type = t.cpu_type,
            .storage_type = t.storage_type,
            .prices = t.prices,
            .unavailable_after = if (t.deprecation) |d| d.unavailable_after else "",
        }),
    });
    return .{ .items = sizes.items, .next = some.next };
}

/// The contract's word for an architecture.
pub fn architecture(name: []const u8) ?compute.Architecture {
    if (std.mem.eql(u8, name, "x86")) return .x86_64;
    if (std.mem.eql(u8, name, "arm")) return .arm64;
    return null;
}

/// A place as the API shows it.
pub const Location = struct {
    name: []const u8,
    description: []const u8 = "",
    city: []const u8 = "",
    country: []const u8 = "",
    network_zone: []const u8 = "",
    latitude: ?f64 = null,
    longitude: ?f64 = null,
};

pub fn list_locations(ctx: *Context, _: compute.ListLocations) !cloudlark.Page(compute.Location) {
    const c: Client = try .init(ctx);
    const some = try c.page(Location, "locations", &.{}, ctx.cursor);
    const places = try ctx.arena.alloc(compute.Location, some.items.len);
    for (places, some.items) |*place, l| place.* = .{
        .id = l.name,
        .name = l.city,
        .country = l.country,
        .region = l.network_zone,
        .extra = try c.extra(.{ .description = l.description, .latitude = l.latitude, .longitude = l.longitude }),
    };
    return .{ .items = places, .next = some.next };
}

/// The network zone of a place.
pub fn zone(c: Client, place: []const u8) ![]const u8 {
    const found = try c.page(Location, "locations", &.{.{ .name = "name", .value = place }}, "");
    if (found.items.len == 0) return c.ctx.fail(.invalid_argument, "there is no location \"{s}\"", .{place});
    return found.items[0].network_zone;
}
