//! The driver of Hetzner Cloud: servers and load balancers, and what belongs to
//! them. README.md says how the operations come to calls of the API.

const std = @import("std");
const cloudlark = @import("cloudlark");

const catalogue = @import("catalogue.zig");
const images = @import("images.zig");
const keys = @import("keys.zig");
const servers = @import("servers.zig");

pub const std_options: std.Options = .{ .logFn = cloudlark.logFn };
pub const panic = std.debug.FullPanic(cloudlark.panic);

pub const driver = cloudlark.Driver(.{
    .name = "hetzner",
    .version = "0.1.0",
    .title = "Hetzner Cloud",
    .website = "https://docs.hetzner.cloud",
    .config = &.{
        .{ .name = "endpoint", .default = "https://api.hetzner.cloud/v1", .help = "The API's address." },
        .{ .name = "location", .ref = "location", .default = "fsn1", .help = "Where things are made that are not told where." },
        .{ .name = "page_size", .type = .int, .default = "50", .help = "How many items a page of a list has at most, 1 to 50." },
    },
    .hosts = &.{"{endpoint}"},
    .credentials = &.{.{
        .name = "token",
        .scheme = .bearer,
        .hosts = &.{"{endpoint}"},
        .env = &.{"HCLOUD_TOKEN"},
        .help = "An API token of the project, that may read and write.",
    }},
}, .{ .compute = Compute });

comptime {
    driver.exports();
}

const Compute = struct {
    pub const doc =
        \\Nodes are servers; sizes, locations and key pairs go by their names (`cx23`, `fsn1`).
        \\
        \\Tags are Hetzner's labels: keys and values are of at most 63 letters, digits, `.`, `_` and `-`, with a letter or digit at
        \\either end, and a key may have a prefix, as `example.com/`. The driver keeps what Hetzner has no field for in labels with
        \\the prefix `cloudlark/` or one that ends with `.cloudlark/`, which are no tags.
        \\
        \\A size has no price: Hetzner's are in the account's currency; they are in `extra.prices`.
    ;

    pub const missing = .{
        .create_nodes = "the API makes one server at a time, and all or none is not to be had",
        .suspend_node = "a server cannot be suspended",
        .resume_node = "a server cannot be suspended",
        .get_console_output = "the API does not give it: a server's console is for a browser",
        .copy_image = "an image is one thing in all locations",
        .create_key_pair = "the API makes no keys: make one and import it",
        .list_volume_snapshots = "volumes have no snapshots",
        .get_volume_snapshot = "volumes have no snapshots",
        .create_volume_snapshot = "volumes have no snapshots",
        .destroy_volume_snapshot = "volumes have no snapshots",
    };

    pub const extras = .{
        .create_node = [_]cloudlark.Field{
            .{ .name = "placement_group", .type = .int, .help = "The id of the placement group that it belongs to." },
            .{ .name = "volumes", .type = .list, .help = "The ids of volumes to attach." },
            .{ .name = "automount", .type = .bool, .help = "Mount these volumes." },
            .{ .name = "ipv6", .type = .bool, .help = "Whether it has a public IPv6 address; as public_address if not given." },
        },
    };

    pub const list_sizes = catalogue.list_sizes;
    pub const list_locations = catalogue.list_locations;

    pub const list_images = images.list_images;
    pub const get_image = images.get_image;
    pub const create_image = images.create_image;
    pub const delete_image = images.delete_image;

    pub const list_key_pairs = keys.list_key_pairs;
    pub const get_key_pair = keys.get_key_pair;
    pub const import_key_pair = keys.import_key_pair;
    pub const delete_key_pair = keys.delete_key_pair;

    pub const list_nodes = servers.list_nodes;
    pub const get_node = servers.get_node;
    pub const create_node = servers.create_node;
    pub const start_node = servers.start_node;
    pub const stop_node = servers.stop_node;
    pub const reboot_node = servers.reboot_node;
    pub const resize_node = servers.resize_node;
    pub const destroy_node = servers.destroy_node;
    pub const set_node_tags = servers.set_node_tags;
};

test {
    _ = @import("labels.zig");
    _ = @import("subnets.zig");
}
