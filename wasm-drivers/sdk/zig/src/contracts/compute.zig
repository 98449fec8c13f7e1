//! Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.
//!
//! Compute: Nodes, and the sizes, images, key pairs, volumes, networks and addresses they need.

const types = @import("../types.zig");

/// The family's name in descriptions and calls.
pub const family = "compute";

/// The family's operations.
pub const Op = enum {
    /// List the nodes that the credentials can see. Terminated nodes are left out once the provider forgets them.
    list_nodes,
    /// Look a node up by its id.
    get_node,
    /// Create a node. It is returned while it still starts: wait for it to be running.
    create_node,
    /// Create several nodes alike, all of them or none. They are named name-1, name-2 and so on.
    create_nodes,
    /// Start a stopped node.
    start_node,
    /// Stop a node, keeping its disks and its id.
    stop_node,
    /// Reboot a running node.
    reboot_node,
    /// Suspend a running node, keeping its memory.
    suspend_node,
    /// Resume a suspended node.
    resume_node,
    /// Give a node another size. Most providers want it stopped first.
    resize_node,
    /// Destroy a node and its root disk.
    destroy_node,
    /// Replace a node's tags. Tags that the provider itself keeps, such as the name, stay.
    set_node_tags,
    /// Read what a node wrote to its console.
    get_console_output,
    /// List the sizes that nodes can have.
    list_sizes,
    /// List the places where nodes can be.
    list_locations,
    /// List the images that nodes can be made from. Without owner, the provider's usual ones and the account's own.
    list_images,
    /// Look an image up by its id.
    get_image,
    /// Make an image of a node's root disk. It is returned while it is still made: wait for it to be available.
    create_image,
    /// Copy an image, from another region if the provider keeps them apart.
    copy_image,
    /// Delete an image. Nodes made from it live on.
    delete_image,
    /// List the key pairs.
    list_key_pairs,
    /// Look a key pair up by its name.
    get_key_pair,
    /// Create a key pair. Only this answer has the private key.
    create_key_pair,
    /// Register the public key of a key pair made elsewhere.
    import_key_pair,
    /// Delete a key pair. Nodes made with it keep the key.
    delete_key_pair,
    /// List the volumes.
    list_volumes,
    /// Look a volume up by its id.
    get_volume,
    /// Create a volume, empty or from a snapshot.
    create_volume,
    /// Make a volume larger.
    resize_volume,
    /// Attach a volume to a node.
    attach_volume,
    /// Detach a volume from its node.
    detach_volume,
    /// Destroy a volume and what is on it. It must be detached.
    destroy_volume,
    /// List the snapshots, of all volumes or of one.
    list_volume_snapshots,
    /// Look a snapshot up by its id.
    get_volume_snapshot,
    /// Take a snapshot of a volume.
    create_volume_snapshot,
    /// Destroy a snapshot.
    destroy_volume_snapshot,
    /// List the networks.
    list_networks,
    /// Create a network.
    create_network,
    /// Destroy a network. Nothing may be in it.
    destroy_network,
    /// List the subnets, of all networks or of one.
    list_subnets,
    /// Create a subnet in a network.
    create_subnet,
    /// Destroy a subnet. Nothing may be in it.
    destroy_subnet,
    /// List the security groups with their rules.
    list_security_groups,
    /// Create a security group that allows nothing in.
    create_security_group,
    /// Destroy a security group. No node may use it.
    destroy_security_group,
    /// Let traffic through. A rule that is there already is an already_exists error.
    allow_security_group_rule,
    /// Take a rule away: the one with the same direction, protocol, ports and other side.
    revoke_security_group_rule,
    /// List the public addresses that belong to the account.
    list_addresses,
    /// Get a public address for the account.
    allocate_address,
    /// Lead a public address to a node.
    associate_address,
    /// Take a public address from its node.
    disassociate_address,
    /// Give a public address back. It must lead nowhere.
    release_address,
    /// Call the provider's own API: what the portable operations lack. A policy that allows only reading allows it for what reads.
    native,
    /// Call what the provider's own API answers with in pages, one item a page. Only for what reads.
    native_pages,
};

/// What each operation takes, and what it answers with.
pub const operations = [_]types.Operation{
    .{ .name = "list_nodes", .shape = .list, .In = ListNodes, .Out = Node },
    .{ .name = "get_node", .shape = .call, .In = GetNode, .Out = Node },
    .{ .name = "create_node", .shape = .call, .In = CreateNode, .Out = Node },
    .{ .name = "create_nodes", .shape = .many, .In = CreateNodes, .Out = Node },
    .{ .name = "start_node", .shape = .do, .In = StartNode, .Out = void },
    .{ .name = "stop_node", .shape = .do, .In = StopNode, .Out = void },
    .{ .name = "reboot_node", .shape = .do, .In = RebootNode, .Out = void },
    .{ .name = "suspend_node", .shape = .do, .In = SuspendNode, .Out = void },
    .{ .name = "resume_node", .shape = .do, .In = ResumeNode, .Out = void },
    .{ .name = "resize_node", .shape = .do, .In = ResizeNode, .Out = void },
    .{ .name = "destroy_node", .shape = .do, .In = DestroyNode, .Out = void },
    .{ .name = "set_node_tags", .shape = .do, .In = SetNodeTags, .Out = void },
    .{ .name = "get_console_output", .shape = .call, .In = GetConsoleOutput, .Out = ConsoleOutput },
    .{ .name = "list_sizes", .shape = .list, .In = ListSizes, .Out = Size },
    .{ .name = "list_locations", .shape = .list, .In = ListLocations, .Out = Location },
    .{ .name = "list_images", .shape = .list, .In = ListImages, .Out = Image },
    .{ .name = "get_image", .shape = .call, .In = GetImage, .Out = Image },
    .{ .name = "create_image", .shape = .call, .In = CreateImage, .Out = Image },
    .{ .name = "copy_image", .shape = .call, .In = CopyImage, .Out = Image },
    .{ .name = "delete_image", .shape = .do, .In = DeleteImage, .Out = void },
    .{ .name = "list_key_pairs", .shape = .list, .In = ListKeyPairs, .Out = KeyPair },
    .{ .name = "get_key_pair", .shape = .call, .In = GetKeyPair, .Out = KeyPair },
    .{ .name = "create_key_pair", .shape = .call, .In = CreateKeyPair, .Out = KeyPair },
    .{ .name = "import_key_pair", .shape = .call, .In = ImportKeyPair, .Out = KeyPair },
    .{ .name = "delete_key_pair", .shape = .do, .In = DeleteKeyPair, .Out = void },
    .{ .name = "list_volumes", .shape = .list, .In = ListVolumes, .Out = Volume },
    .{ .name = "get_volume", .shape = .call, .In = GetVolume, .Out = Volume },
    .{ .name = "create_volume", .shape = .call, .In = CreateVolume, .Out = Volume },
    .{ .name = "resize_volume", .shape = .do, .In = ResizeVolume, .Out = void },
    .{ .name = "attach_volume", .shape = .do, .In = AttachVolume, .Out = void },
    .{ .name = "detach_volume", .shape = .do, .In = DetachVolume, .Out = void },
    .{ .name = "destroy_volume", .shape = .do, .In = DestroyVolume, .Out = void },
    .{ .name = "list_volume_snapshots", .shape = .list, .In = ListVolumeSnapshots, .Out = VolumeSnapshot },
    .{ .name = "get_volume_snapshot", .shape = .call, .In = GetVolumeSnapshot, .Out = VolumeSnapshot },
    .{ .name = "create_volume_snapshot", .shape = .call, .In = CreateVolumeSnapshot, .Out = VolumeSnapshot },
    .{ .name = "destroy_volume_snapshot", .shape = .do, .In = DestroyVolumeSnapshot, .Out = void },
    .{ .name = "list_networks", .shape = .list, .In = ListNetworks, .Out = Network },
    .{ .name = "create_network", .shape = .call, .In = CreateNetwork, .Out = Network },
    .{ .name = "destroy_network", .shape = .do, .In = DestroyNetwork, .Out = void },
    .{ .name = "list_subnets", .shape = .list, .In = ListSubnets, .Out = Subnet },
    .{ .name = "create_subnet", .shape = .call, .In = CreateSubnet, .Out = Subnet },
    .{ .name = "destroy_subnet", .shape = .do, .In = DestroySubnet, .Out = void },
    .{ .name = "list_security_groups", .shape = .list, .In = ListSecurityGroups, .Out = SecurityGroup },
    .{ .name = "create_security_group", .shape = .call, .In = CreateSecurityGroup, .Out = SecurityGroup },
    .{ .name = "destroy_security_group", .shape = .do, .In = DestroySecurityGroup, .Out = void },
    .{ .name = "allow_security_group_rule", .shape = .do, .In = AllowSecurityGroupRule, .Out = void },
    .{ .name = "revoke_security_group_rule", .shape = .do, .In = RevokeSecurityGroupRule, .Out = void },
    .{ .name = "list_addresses", .shape = .list, .In = ListAddresses, .Out = Address },
    .{ .name = "allocate_address", .shape = .call, .In = AllocateAddress, .Out = Address },
    .{ .name = "associate_address", .shape = .do, .In = AssociateAddress, .Out = void },
    .{ .name = "disassociate_address", .shape = .do, .In = DisassociateAddress, .Out = void },
    .{ .name = "release_address", .shape = .do, .In = ReleaseAddress, .Out = void },
    .{ .name = "native", .shape = .call, .In = Call, .Out = Answer },
    .{ .name = "native_pages", .shape = .list, .In = Pages, .Out = Answer },
};

pub const Node = struct {
    /// The provider's identifier.
    id: []const u8,
    /// The name it was given; not unique at every provider.
    name: []const u8 = "",
    /// What it is doing.
    state: ?NodeState = null,
    /// Addresses that the world can reach.
    public_ips: []const []const u8 = &.{},
    /// Addresses inside its networks.
    private_ips: []const []const u8 = &.{},
    /// The id of its size.
    size: []const u8 = "",
    /// The id of the image it was made from; empty if the provider forgets it.
    image: []const u8 = "",
    /// The id of where it runs.
    location: []const u8 = "",
    /// The key pair that was put into it at its start.
    key_pair: []const u8 = "",
    /// The ids of the networks it is in.
    networks: []const []const u8 = &.{},
    /// The ids of the subnets it is in.
    subnets: []const []const u8 = &.{},
    /// The ids of the security groups that guard it.
    security_groups: []const []const u8 = &.{},
    /// The ids of the volumes attached to it, its root disk first.
    volumes: []const []const u8 = &.{},
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// When it was made.
    created_at: ?types.Time = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_nodes takes.
pub const ListNodes = struct {
    /// Only nodes of this name.
    name: []const u8 = "",
    /// Only nodes in this state.
    state: ?NodeState = null,
    /// Only nodes there.
    location: []const u8 = "",
    /// Only nodes that have all of these tags.
    tags: types.Map([]const u8) = .{},
};

/// What get_node takes.
pub const GetNode = struct {
    /// The node.
    node: []const u8,
};

/// What create_node takes.
pub const CreateNode = struct {
    /// What to call it.
    name: []const u8,
    /// Its size.
    size: []const u8,
    /// What its root disk is made from.
    image: []const u8,
    /// Where; the connection's or the provider's choice if not given.
    location: []const u8 = "",
    /// The SSH key to put into it.
    key_pair: []const u8 = "",
    /// What cloud-init runs at its first start: a script or #cloud-config.
    user_data: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// The networks to be in; the provider's default if not given.
    networks: []const []const u8 = &.{},
    /// The subnets to be in, one a network interface; instead of networks.
    subnets: []const []const u8 = &.{},
    /// Who may talk to it; the provider's default if not given.
    security_groups: []const []const u8 = &.{},
    /// The size of its root disk; the image's or the size's if not given. In GiB.
    root_disk: i64 = 0,
    /// Whether it gets a public address; the network's default if not given.
    public_address: ?bool = null,
    /// What the provider takes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
};

/// What create_nodes takes.
pub const CreateNodes = struct {
    /// What to call it.
    name: []const u8,
    /// Its size.
    size: []const u8,
    /// What its root disk is made from.
    image: []const u8,
    /// Where; the connection's or the provider's choice if not given.
    location: []const u8 = "",
    /// The SSH key to put into it.
    key_pair: []const u8 = "",
    /// What cloud-init runs at its first start: a script or #cloud-config.
    user_data: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// The networks to be in; the provider's default if not given.
    networks: []const []const u8 = &.{},
    /// The subnets to be in, one a network interface; instead of networks.
    subnets: []const []const u8 = &.{},
    /// Who may talk to it; the provider's default if not given.
    security_groups: []const []const u8 = &.{},
    /// The size of its root disk; the image's or the size's if not given. In GiB.
    root_disk: i64 = 0,
    /// Whether it gets a public address; the network's default if not given.
    public_address: ?bool = null,
    /// What the provider takes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
    /// How many.
    count: i64,
};

/// What start_node takes.
pub const StartNode = struct {
    /// The node.
    node: []const u8,
};

/// What stop_node takes.
pub const StopNode = struct {
    /// The node.
    node: []const u8,
    /// Cut its power instead of asking it to shut down.
    force: bool = false,
};

/// What reboot_node takes.
pub const RebootNode = struct {
    /// The node.
    node: []const u8,
};

/// What suspend_node takes.
pub const SuspendNode = struct {
    /// The node.
    node: []const u8,
};

/// What resume_node takes.
pub const ResumeNode = struct {
    /// The node.
    node: []const u8,
};

/// What resize_node takes.
pub const ResizeNode = struct {
    /// The node.
    node: []const u8,
    /// The size it shall have.
    size: []const u8,
};

/// What destroy_node takes.
pub const DestroyNode = struct {
    /// The node.
    node: []const u8,
};

/// What set_node_tags takes.
pub const SetNodeTags = struct {
    /// The node.
    node: []const u8,
    /// All the tags it shall have.
    tags: types.Map([]const u8) = .{},
};

pub const ConsoleOutput = struct {
    /// The end of it, as much as the provider keeps; empty if the node wrote nothing yet.
    text: []const u8 = "",
};

/// What get_console_output takes.
pub const GetConsoleOutput = struct {
    /// The node.
    node: []const u8,
};

pub const Size = struct {
    /// The provider's identifier.
    id: []const u8,
    /// What people call it; often the id.
    name: []const u8 = "",
    /// Virtual processors.
    vcpus: i64 = 0,
    /// Memory. In MiB.
    ram: i64 = 0,
    /// The disk that comes with it; 0 if its disks are volumes. In GiB.
    disk: i64 = 0,
    /// Graphics processors that come with it.
    gpus: i64 = 0,
    /// The processor's architecture; empty if the provider does not say.
    architecture: ?Architecture = null,
    /// On demand, Linux; None when the provider's API does not tell. In USD/h.
    price: ?f64 = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_sizes takes.
pub const ListSizes = struct {
    /// Only sizes that can be had there.
    location: []const u8 = "",
};

pub const Location = struct {
    /// The provider's identifier.
    id: []const u8,
    /// What people call it.
    name: []const u8 = "",
    /// ISO 3166 code of the country; empty if the provider does not say.
    country: []const u8 = "",
    /// The region it belongs to.
    region: []const u8 = "",
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_locations takes.
pub const ListLocations = struct {};

pub const Image = struct {
    /// The provider's identifier.
    id: []const u8,
    /// What its owner calls it.
    name: []const u8 = "",
    /// What its owner says of it.
    description: []const u8 = "",
    /// Whether it can be used.
    state: ?ImageState = null,
    /// The architecture it runs on; empty if the provider does not say.
    architecture: ?Architecture = null,
    /// The smallest root disk it fits on. In GiB.
    size: i64 = 0,
    /// The account that owns it.
    owner: []const u8 = "",
    /// Whether everyone can use it.
    public: bool = false,
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// When it was made.
    created_at: ?types.Time = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_images takes.
pub const ListImages = struct {
    /// Only images of this name.
    name: []const u8 = "",
    /// Only images of this account; "self" is one's own.
    owner: []const u8 = "",
    /// Only images for it.
    architecture: ?Architecture = null,
    /// Only images that can be used there.
    location: []const u8 = "",
    /// Only images that have all of these tags.
    tags: types.Map([]const u8) = .{},
};

/// What get_image takes.
pub const GetImage = struct {
    /// The image.
    image: []const u8,
};

/// What create_image takes.
pub const CreateImage = struct {
    /// The node to make it of.
    node: []const u8,
    /// What to call the image.
    name: []const u8,
    /// What to say of it.
    description: []const u8 = "",
    /// Stop the node for a moment, so that its file systems are clean.
    reboot: bool = false,
    /// Its labels.
    tags: types.Map([]const u8) = .{},
};

/// What copy_image takes.
pub const CopyImage = struct {
    /// The image.
    image: []const u8,
    /// What to call the copy.
    name: []const u8,
    /// The region it is copied from; the connection's own if not given.
    source_location: []const u8 = "",
    /// What to say of the copy.
    description: []const u8 = "",
};

/// What delete_image takes.
pub const DeleteImage = struct {
    /// The image.
    image: []const u8,
};

pub const KeyPair = struct {
    /// Its name, unique in the account.
    name: []const u8,
    /// In authorized_keys form; empty if the provider does not tell.
    public_key: []const u8 = "",
    /// In PEM form, once: in the answer of create_key_pair.
    private_key: []const u8 = "",
    /// Of the public key, as ssh-keygen shows it and the same at every provider: "SHA256:…".
    fingerprint: []const u8 = "",
    /// When it was made; unset if the provider does not say.
    created_at: ?types.Time = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_key_pairs takes.
pub const ListKeyPairs = struct {};

/// What get_key_pair takes.
pub const GetKeyPair = struct {
    /// The key pair.
    key_pair: []const u8,
};

/// What create_key_pair takes.
pub const CreateKeyPair = struct {
    /// What to call it.
    name: []const u8,
};

/// What import_key_pair takes.
pub const ImportKeyPair = struct {
    /// What to call it.
    name: []const u8,
    /// In authorized_keys form: "ssh-ed25519 AAAA…".
    public_key: []const u8,
};

/// What delete_key_pair takes.
pub const DeleteKeyPair = struct {
    /// The key pair.
    key_pair: []const u8,
};

pub const Volume = struct {
    /// The provider's identifier.
    id: []const u8,
    /// The name it was given.
    name: []const u8 = "",
    /// Its size. In GiB.
    size: i64 = 0,
    /// What it is doing.
    state: ?VolumeState = null,
    /// The id of where it is.
    location: []const u8 = "",
    /// The provider's kind of disk.
    type: []const u8 = "",
    /// Whether it is encrypted at rest.
    encrypted: bool = false,
    /// The id of the node it is attached to; empty if to none.
    node: []const u8 = "",
    /// Its device name in that node, as the provider says it.
    device: []const u8 = "",
    /// The id of the snapshot it was made from; empty if from none.
    snapshot: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// When it was made.
    created_at: ?types.Time = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_volumes takes.
pub const ListVolumes = struct {
    /// Only volumes of this name.
    name: []const u8 = "",
    /// Only volumes in this state.
    state: ?VolumeState = null,
    /// Only volumes there.
    location: []const u8 = "",
    /// Only volumes attached to this node.
    node: []const u8 = "",
    /// Only volumes that have all of these tags.
    tags: types.Map([]const u8) = .{},
};

/// What get_volume takes.
pub const GetVolume = struct {
    /// The volume.
    volume: []const u8,
};

/// What create_volume takes.
pub const CreateVolume = struct {
    /// What to call it.
    name: []const u8,
    /// Its size; the snapshot's if not given. In GiB.
    size: i64 = 0,
    /// Where; the connection's or the provider's choice if not given.
    location: []const u8 = "",
    /// The snapshot whose content it gets.
    snapshot: []const u8 = "",
    /// The provider's kind of disk; its default if not given.
    type: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// What the provider takes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
};

/// What resize_volume takes.
pub const ResizeVolume = struct {
    /// The volume.
    volume: []const u8,
    /// The size it shall have; not less than it has. In GiB.
    size: i64,
};

/// What attach_volume takes.
pub const AttachVolume = struct {
    /// The volume.
    volume: []const u8,
    /// The node.
    node: []const u8,
    /// The device name it shall have there; the provider's choice if not given.
    device: []const u8 = "",
};

/// What detach_volume takes.
pub const DetachVolume = struct {
    /// The volume.
    volume: []const u8,
};

/// What destroy_volume takes.
pub const DestroyVolume = struct {
    /// The volume.
    volume: []const u8,
};

pub const VolumeSnapshot = struct {
    /// The provider's identifier.
    id: []const u8,
    /// The name it was given.
    name: []const u8 = "",
    /// What its owner says of it.
    description: []const u8 = "",
    /// The id of the volume it was taken of, which may be gone.
    volume: []const u8 = "",
    /// The size of that volume. In GiB.
    size: i64 = 0,
    /// Whether it can be used.
    state: ?VolumeSnapshotState = null,
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// When it was taken.
    created_at: ?types.Time = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_volume_snapshots takes.
pub const ListVolumeSnapshots = struct {
    /// Only snapshots of this volume.
    volume: []const u8 = "",
    /// Only snapshots of this name.
    name: []const u8 = "",
    /// Only snapshots that have all of these tags.
    tags: types.Map([]const u8) = .{},
};

/// What get_volume_snapshot takes.
pub const GetVolumeSnapshot = struct {
    /// The snapshot.
    snapshot: []const u8,
};

/// What create_volume_snapshot takes.
pub const CreateVolumeSnapshot = struct {
    /// The volume.
    volume: []const u8,
    /// What to call the snapshot.
    name: []const u8,
    /// What to say of it.
    description: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
};

/// What destroy_volume_snapshot takes.
pub const DestroyVolumeSnapshot = struct {
    /// The snapshot.
    snapshot: []const u8,
};

pub const Network = struct {
    /// The provider's identifier.
    id: []const u8,
    /// The name it was given.
    name: []const u8 = "",
    /// Its range of addresses; empty where only its subnets have one.
    cidr: []const u8 = "",
    /// The provider's own word for its state.
    state: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_networks takes.
pub const ListNetworks = struct {
    /// Only networks of this name.
    name: []const u8 = "",
    /// Only networks that have all of these tags.
    tags: types.Map([]const u8) = .{},
};

/// What create_network takes.
pub const CreateNetwork = struct {
    /// What to call it.
    name: []const u8,
    /// Its range of addresses, as "10.0.0.0/16"; needed where the provider gives a network one.
    cidr: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// What the provider takes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
};

/// What destroy_network takes.
pub const DestroyNetwork = struct {
    /// The network.
    network: []const u8,
};

pub const Subnet = struct {
    /// The provider's identifier.
    id: []const u8,
    /// The name it was given.
    name: []const u8 = "",
    /// The id of the network it belongs to.
    network: []const u8 = "",
    /// Its range of addresses.
    cidr: []const u8 = "",
    /// The id of where it is; empty where it spans them all.
    location: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_subnets takes.
pub const ListSubnets = struct {
    /// Only subnets of this network.
    network: []const u8 = "",
    /// Only subnets of this name.
    name: []const u8 = "",
    /// Only subnets that have all of these tags.
    tags: types.Map([]const u8) = .{},
};

/// What create_subnet takes.
pub const CreateSubnet = struct {
    /// The network.
    network: []const u8,
    /// What to call the subnet.
    name: []const u8,
    /// Its range of addresses, inside the network's.
    cidr: []const u8,
    /// Where, at providers whose subnets are in one place.
    location: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// What the provider takes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
};

/// What destroy_subnet takes.
pub const DestroySubnet = struct {
    /// The subnet.
    subnet: []const u8,
};

pub const SecurityGroup = struct {
    /// The provider's identifier.
    id: []const u8,
    /// The name it was given.
    name: []const u8 = "",
    /// What its owner says of it.
    description: []const u8 = "",
    /// The id of the network it belongs to; empty where it belongs to none.
    network: []const u8 = "",
    /// What it allows.
    rules: []const SecurityGroupRule = &.{},
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_security_groups takes.
pub const ListSecurityGroups = struct {
    /// Only security groups of this name.
    name: []const u8 = "",
    /// Only security groups of this network.
    network: []const u8 = "",
    /// Only security groups that have all of these tags.
    tags: types.Map([]const u8) = .{},
};

/// What create_security_group takes.
pub const CreateSecurityGroup = struct {
    /// What to call it.
    name: []const u8,
    /// What it is for; its name if not given.
    description: []const u8 = "",
    /// The network it belongs to, at providers where it does; the default one if not given.
    network: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
};

/// What destroy_security_group takes.
pub const DestroySecurityGroup = struct {
    /// The security group.
    security_group: []const u8,
};

/// What allow_security_group_rule takes.
pub const AllowSecurityGroupRule = struct {
    /// The security group.
    security_group: []const u8,
    /// Traffic to the node, or from it.
    direction: Direction = .ingress,
    /// What it carries.
    protocol: Protocol = .tcp,
    /// One port; instead of from_port and to_port.
    port: i64 = 0,
    /// The first port; 0 for all ports, and for protocols without ports.
    from_port: i64 = 0,
    /// The last port; 0 means from_port alone.
    to_port: i64 = 0,
    /// The other side's addresses; "0.0.0.0/0", everyone on IPv4, if neither this nor group is given.
    cidr: []const u8 = "",
    /// Instead of cidr: the nodes of this security group.
    group: []const u8 = "",
    /// What it is for.
    description: []const u8 = "",
};

/// What revoke_security_group_rule takes.
pub const RevokeSecurityGroupRule = struct {
    /// The security group.
    security_group: []const u8,
    /// Traffic to the node, or from it.
    direction: Direction = .ingress,
    /// What it carries.
    protocol: Protocol = .tcp,
    /// One port; instead of from_port and to_port.
    port: i64 = 0,
    /// The first port; 0 for all ports, and for protocols without ports.
    from_port: i64 = 0,
    /// The last port; 0 means from_port alone.
    to_port: i64 = 0,
    /// The other side's addresses; "0.0.0.0/0", everyone on IPv4, if neither this nor group is given.
    cidr: []const u8 = "",
    /// Instead of cidr: the nodes of this security group.
    group: []const u8 = "",
    /// What it is for.
    description: []const u8 = "",
};

pub const Address = struct {
    /// The provider's identifier.
    id: []const u8,
    /// The name it was given; empty where addresses have none.
    name: []const u8 = "",
    /// The address.
    ip: []const u8 = "",
    /// The id of the node it leads to; empty if to none.
    node: []const u8 = "",
    /// The id of where it can be used; empty if everywhere.
    location: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_addresses takes.
pub const ListAddresses = struct {
    /// Only addresses that lead to this node.
    node: []const u8 = "",
    /// Only addresses that have all of these tags.
    tags: types.Map([]const u8) = .{},
};

/// What allocate_address takes.
pub const AllocateAddress = struct {
    /// What to call it, where addresses have names.
    name: []const u8 = "",
    /// Where, at providers whose addresses are in one place.
    location: []const u8 = "",
    /// Its labels.
    tags: types.Map([]const u8) = .{},
    /// What the provider takes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
};

/// What associate_address takes.
pub const AssociateAddress = struct {
    /// The address.
    address: []const u8,
    /// The node.
    node: []const u8,
};

/// What disassociate_address takes.
pub const DisassociateAddress = struct {
    /// The address.
    address: []const u8,
};

/// What release_address takes.
pub const ReleaseAddress = struct {
    /// The address.
    address: []const u8,
};

pub const Answer = struct {
    /// The answer in the provider's own names; None if it has no body.
    value: types.Any = .{},
};

/// What native takes.
pub const Call = struct {
    /// What to call, in the provider's words: an operation's name, or a method and a path; see the provider's page.
    operation: []const u8,
    /// Its arguments, in the provider's words. They may stand by themselves: native("DescribeVpcs", MaxResults = 5). REST: query, headers and body.
    arguments: types.Map(types.Any) = .{},
};

/// What native_pages takes.
pub const Pages = struct {
    /// What to call, as for native.
    operation: []const u8,
    /// Its arguments, as for native.
    arguments: types.Map(types.Any) = .{},
};

pub const NodeState = enum {
    running,
    starting,
    rebooting,
    terminated,
    pending,
    unknown,
    stopping,
    stopped,
    suspended,
    @"error",
    paused,
    reconfiguring,
    migrating,
    normal,
    updating,
};

pub const Architecture = enum {
    x86_64,
    arm64,
    i386,
};

pub const ImageState = enum {
    available,
    pending,
    @"error",
    deleting,
    deleted,
    unknown,
};

pub const VolumeState = enum {
    available,
    @"error",
    inuse,
    creating,
    deleting,
    deleted,
    backup,
    attaching,
    unknown,
    migrating,
    updating,
};

pub const VolumeSnapshotState = enum {
    available,
    @"error",
    creating,
    deleting,
    restoring,
    unknown,
    updating,
};

pub const SecurityGroupRule = struct {
    /// The provider's identifier, where a rule has one.
    id: []const u8 = "",
    /// Traffic to the node, or from it.
    direction: Direction = .ingress,
    /// What it carries.
    protocol: Protocol = .tcp,
    /// The first port; 0 for all ports, and for protocols without ports.
    from_port: i64 = 0,
    /// The last port; 0 means from_port alone.
    to_port: i64 = 0,
    /// The other side's addresses: "0.0.0.0/0" is everyone on IPv4.
    cidr: []const u8 = "",
    /// Instead of cidr: the nodes of this security group.
    group: []const u8 = "",
    /// What it is for.
    description: []const u8 = "",
};

pub const Direction = enum {
    ingress,
    egress,
};

pub const Protocol = enum {
    tcp,
    udp,
    icmp,
    all,
};
