//! The driver of Hetzner Cloud: servers and load balancers, and what belongs to
//! them. README.md says how the operations come to calls of the API.

const std = @import("std");
const cloudlark = @import("cloudlark");

const addresses = @import("addresses.zig");
const balancers = @import("balancers.zig");
const catalogue = @import("catalogue.zig");
const firewalls = @import("firewalls.zig");
const images = @import("images.zig");
const keys = @import("keys.zig");
const networks = @import("networks.zig");
const servers = @import("servers.zig");
const targets = @import("targets.zig");
const volumes = @import("volumes.zig");

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
}, .{ .compute = Compute, .lb = Balancers });

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
        \\
        \\Security groups are firewalls. One without rules lets nothing in and everything out; **with a rule for egress, only that goes
        \\out.** A rule has one protocol and names addresses, not groups. Two changes of one group's rules at once may lose one.
        \\
        \\A network is private, of at least a /24. A subnet's id is NETWORK:CIDR, and its name and tags are in labels of the network.
        \\Addresses are floating IPs, which a server must be told of; the address that a server comes with is its own.
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
        .create_volume = [_]cloudlark.Field{
            .{ .name = "format", .@"enum" = &.{ "ext4", "xfs" }, .help = "The file system to begin with; none if not given." },
        },
        .allocate_address = [_]cloudlark.Field{
            .{ .name = "type", .@"enum" = &.{ "ipv4", "ipv6" }, .default = "ipv4", .help = "What to allocate: an address, or a network of IPv6." },
            .{ .name = "description", .help = "What it is for." },
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

    pub const list_volumes = volumes.list_volumes;
    pub const get_volume = volumes.get_volume;
    pub const create_volume = volumes.create_volume;
    pub const resize_volume = volumes.resize_volume;
    pub const attach_volume = volumes.attach_volume;
    pub const detach_volume = volumes.detach_volume;
    pub const destroy_volume = volumes.destroy_volume;

    pub const list_networks = networks.list_networks;
    pub const create_network = networks.create_network;
    pub const destroy_network = networks.destroy_network;
    pub const list_subnets = networks.list_subnets;
    pub const create_subnet = networks.create_subnet;
    pub const destroy_subnet = networks.destroy_subnet;

    pub const list_security_groups = firewalls.list_security_groups;
    pub const create_security_group = firewalls.create_security_group;
    pub const destroy_security_group = firewalls.destroy_security_group;
    pub const allow_security_group_rule = firewalls.allow_security_group_rule;
    pub const revoke_security_group_rule = firewalls.revoke_security_group_rule;

    pub const list_addresses = addresses.list_addresses;
    pub const allocate_address = addresses.allocate_address;
    pub const associate_address = addresses.associate_address;
    pub const disassociate_address = addresses.disassociate_address;
    pub const release_address = addresses.release_address;
};

const Balancers = struct {
    pub const doc =
        \\A balancer is a load balancer with one service. One with several shows that of the lowest port, and all in `extra.services`.
        \\
        \\**Members have no port of their own**: all of a balancer's have the same, which the first one says. A member by address is a
        \\dedicated server of the same owner; a cloud server is a member by node, and in a private network if the balancer is in it.
        \\
        \\A health check's `interval` is 3 to 60 seconds and its `timeout` no longer; Hetzner has no `healthy_threshold`, which is kept in a
        \\label. A certificate is the id of one of Hetzner's.
    ;

    pub const missing = .{
        .balancer_update_member = "a target has neither a weight nor a switch: detach it",
    };

    pub const extras = .{
        .create_balancer = [_]cloudlark.Field{
            .{ .name = "type", .default = "lb11", .help = "The type of load balancer: how many connections, services and targets it can have." },
            .{ .name = "public_interface", .type = .bool, .help = "Whether it has public addresses; true if not given." },
        },
    };

    pub const list_balancers = balancers.list_balancers;
    pub const get_balancer = balancers.get_balancer;
    pub const create_balancer = balancers.create_balancer;
    pub const update_balancer = balancers.update_balancer;
    pub const destroy_balancer = balancers.destroy_balancer;

    pub const balancer_list_members = targets.balancer_list_members;
    pub const balancer_get_member = targets.balancer_get_member;
    pub const balancer_attach_member = targets.balancer_attach_member;
    pub const balancer_attach_compute_node = targets.balancer_attach_compute_node;
    pub const balancer_detach_member = targets.balancer_detach_member;

    pub const list_protocols = balancers.list_protocols;
    pub const list_supported_algorithms = balancers.list_supported_algorithms;
};

test {
    _ = @import("labels.zig");
    _ = @import("ipv4.zig");
    _ = @import("firewalls.zig");
}
