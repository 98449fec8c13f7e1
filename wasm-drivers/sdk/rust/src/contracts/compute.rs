// Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.

//! Compute: Nodes, and the sizes, images, key pairs, volumes, networks and addresses they need.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::wire;
use crate::{Operation, Page, Shape};

impl Operation for ListNodes {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "list_nodes";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Node>;
}

impl Operation for GetNode {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "get_node";
    const SHAPE: Shape = Shape::Call;
    type Output = Node;
}

impl Operation for CreateNode {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "create_node";
    const SHAPE: Shape = Shape::Call;
    type Output = Node;
}

impl Operation for CreateNodes {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "create_nodes";
    const SHAPE: Shape = Shape::Call;
    type Output = Vec<Node>;
}

impl Operation for StartNode {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "start_node";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for StopNode {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "stop_node";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for RebootNode {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "reboot_node";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for SuspendNode {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "suspend_node";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ResumeNode {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "resume_node";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ResizeNode {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "resize_node";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for DestroyNode {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "destroy_node";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for SetNodeTags {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "set_node_tags";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for GetConsoleOutput {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "get_console_output";
    const SHAPE: Shape = Shape::Call;
    type Output = ConsoleOutput;
}

impl Operation for ListSizes {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "list_sizes";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Size>;
}

impl Operation for ListLocations {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "list_locations";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Location>;
}

impl Operation for ListImages {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "list_images";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Image>;
}

impl Operation for GetImage {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "get_image";
    const SHAPE: Shape = Shape::Call;
    type Output = Image;
}

impl Operation for CreateImage {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "create_image";
    const SHAPE: Shape = Shape::Call;
    type Output = Image;
}

impl Operation for CopyImage {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "copy_image";
    const SHAPE: Shape = Shape::Call;
    type Output = Image;
}

impl Operation for DeleteImage {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "delete_image";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListKeyPairs {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "list_key_pairs";
    const SHAPE: Shape = Shape::List;
    type Output = Page<KeyPair>;
}

impl Operation for GetKeyPair {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "get_key_pair";
    const SHAPE: Shape = Shape::Call;
    type Output = KeyPair;
}

impl Operation for CreateKeyPair {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "create_key_pair";
    const SHAPE: Shape = Shape::Call;
    type Output = KeyPair;
}

impl Operation for ImportKeyPair {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "import_key_pair";
    const SHAPE: Shape = Shape::Call;
    type Output = KeyPair;
}

impl Operation for DeleteKeyPair {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "delete_key_pair";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListVolumes {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "list_volumes";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Volume>;
}

impl Operation for GetVolume {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "get_volume";
    const SHAPE: Shape = Shape::Call;
    type Output = Volume;
}

impl Operation for CreateVolume {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "create_volume";
    const SHAPE: Shape = Shape::Call;
    type Output = Volume;
}

impl Operation for ResizeVolume {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "resize_volume";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for AttachVolume {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "attach_volume";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for DetachVolume {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "detach_volume";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for DestroyVolume {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "destroy_volume";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListVolumeSnapshots {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "list_volume_snapshots";
    const SHAPE: Shape = Shape::List;
    type Output = Page<VolumeSnapshot>;
}

impl Operation for GetVolumeSnapshot {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "get_volume_snapshot";
    const SHAPE: Shape = Shape::Call;
    type Output = VolumeSnapshot;
}

impl Operation for CreateVolumeSnapshot {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "create_volume_snapshot";
    const SHAPE: Shape = Shape::Call;
    type Output = VolumeSnapshot;
}

impl Operation for DestroyVolumeSnapshot {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "destroy_volume_snapshot";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListNetworks {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "list_networks";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Network>;
}

impl Operation for CreateNetwork {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "create_network";
    const SHAPE: Shape = Shape::Call;
    type Output = Network;
}

impl Operation for DestroyNetwork {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "destroy_network";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListSubnets {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "list_subnets";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Subnet>;
}

impl Operation for CreateSubnet {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "create_subnet";
    const SHAPE: Shape = Shape::Call;
    type Output = Subnet;
}

impl Operation for DestroySubnet {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "destroy_subnet";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListSecurityGroups {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "list_security_groups";
    const SHAPE: Shape = Shape::List;
    type Output = Page<SecurityGroup>;
}

impl Operation for CreateSecurityGroup {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "create_security_group";
    const SHAPE: Shape = Shape::Call;
    type Output = SecurityGroup;
}

impl Operation for DestroySecurityGroup {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "destroy_security_group";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for AllowSecurityGroupRule {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "allow_security_group_rule";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for RevokeSecurityGroupRule {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "revoke_security_group_rule";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ListAddresses {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "list_addresses";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Address>;
}

impl Operation for AllocateAddress {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "allocate_address";
    const SHAPE: Shape = Shape::Call;
    type Output = Address;
}

impl Operation for AssociateAddress {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "associate_address";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for DisassociateAddress {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "disassociate_address";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for ReleaseAddress {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "release_address";
    const SHAPE: Shape = Shape::Do;
    type Output = ();
}

impl Operation for Call {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "native";
    const SHAPE: Shape = Shape::Call;
    type Output = Answer;
}

impl Operation for Pages {
    const FAMILY: &'static str = "compute";
    const NAME: &'static str = "native_pages";
    const SHAPE: Shape = Shape::List;
    type Output = Page<Answer>;
}

/// Takes list_nodes. List the nodes that the credentials can see. Terminated nodes are left out once the provider forgets them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListNodes {
    /// Only nodes of this name.
    pub name: String,
    /// Only nodes in this state.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<NodeState>,
    /// Only nodes there.
    pub location: String,
    /// Only nodes that have all of these tags.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    /// The provider's identifier.
    pub id: String,
    /// The name it was given; not unique at every provider.
    pub name: String,
    /// What it is doing.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<NodeState>,
    /// Addresses that the world can reach.
    #[serde(deserialize_with = "wire::or_default")]
    pub public_ips: Vec<String>,
    /// Addresses inside its networks.
    #[serde(deserialize_with = "wire::or_default")]
    pub private_ips: Vec<String>,
    /// The id of its size.
    pub size: String,
    /// The id of the image it was made from; empty if the provider forgets it.
    pub image: String,
    /// The id of where it runs.
    pub location: String,
    /// The key pair that was put into it at its start.
    pub key_pair: String,
    /// The ids of the networks it is in.
    #[serde(deserialize_with = "wire::or_default")]
    pub networks: Vec<String>,
    /// The ids of the subnets it is in.
    #[serde(deserialize_with = "wire::or_default")]
    pub subnets: Vec<String>,
    /// The ids of the security groups that guard it.
    #[serde(deserialize_with = "wire::or_default")]
    pub security_groups: Vec<String>,
    /// The ids of the volumes attached to it, its root disk first.
    #[serde(deserialize_with = "wire::or_default")]
    pub volumes: Vec<String>,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes get_node. Look a node up by its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetNode {
    /// The node.
    pub node: String,
}

/// Takes create_node. Create a node. It is returned while it still starts: wait for it to be running.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateNode {
    /// What to call it.
    pub name: String,
    /// Its size.
    pub size: String,
    /// What its root disk is made from.
    pub image: String,
    /// Where; the connection's or the provider's choice if not given.
    pub location: String,
    /// The SSH key to put into it.
    pub key_pair: String,
    /// What cloud-init runs at its first start: a script or #cloud-config.
    pub user_data: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// The networks to be in; the provider's default if not given.
    #[serde(deserialize_with = "wire::or_default")]
    pub networks: Vec<String>,
    /// The subnets to be in, one a network interface; instead of networks.
    #[serde(deserialize_with = "wire::or_default")]
    pub subnets: Vec<String>,
    /// Who may talk to it; the provider's default if not given.
    #[serde(deserialize_with = "wire::or_default")]
    pub security_groups: Vec<String>,
    /// The size of its root disk; the image's or the size's if not given. In GiB.
    pub root_disk: i64,
    /// Whether it gets a public address; the network's default if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_address: Option<bool>,
    /// What the provider takes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes create_nodes. Create several nodes alike, all of them or none. They are named name-1, name-2 and so on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateNodes {
    /// What to call it.
    pub name: String,
    /// Its size.
    pub size: String,
    /// What its root disk is made from.
    pub image: String,
    /// Where; the connection's or the provider's choice if not given.
    pub location: String,
    /// The SSH key to put into it.
    pub key_pair: String,
    /// What cloud-init runs at its first start: a script or #cloud-config.
    pub user_data: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// The networks to be in; the provider's default if not given.
    #[serde(deserialize_with = "wire::or_default")]
    pub networks: Vec<String>,
    /// The subnets to be in, one a network interface; instead of networks.
    #[serde(deserialize_with = "wire::or_default")]
    pub subnets: Vec<String>,
    /// Who may talk to it; the provider's default if not given.
    #[serde(deserialize_with = "wire::or_default")]
    pub security_groups: Vec<String>,
    /// The size of its root disk; the image's or the size's if not given. In GiB.
    pub root_disk: i64,
    /// Whether it gets a public address; the network's default if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_address: Option<bool>,
    /// What the provider takes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
    /// How many.
    pub count: i64,
}

/// Takes start_node. Start a stopped node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StartNode {
    /// The node.
    pub node: String,
}

/// Takes stop_node. Stop a node, keeping its disks and its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StopNode {
    /// The node.
    pub node: String,
    /// Cut its power instead of asking it to shut down.
    pub force: bool,
}

/// Takes reboot_node. Reboot a running node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RebootNode {
    /// The node.
    pub node: String,
}

/// Takes suspend_node. Suspend a running node, keeping its memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SuspendNode {
    /// The node.
    pub node: String,
}

/// Takes resume_node. Resume a suspended node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResumeNode {
    /// The node.
    pub node: String,
}

/// Takes resize_node. Give a node another size. Most providers want it stopped first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResizeNode {
    /// The node.
    pub node: String,
    /// The size it shall have.
    pub size: String,
}

/// Takes destroy_node. Destroy a node and its root disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestroyNode {
    /// The node.
    pub node: String,
}

/// Takes set_node_tags. Replace a node's tags. Tags that the provider itself keeps, such as the name, stay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SetNodeTags {
    /// The node.
    pub node: String,
    /// All the tags it shall have.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

/// Takes get_console_output. Read what a node wrote to its console.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetConsoleOutput {
    /// The node.
    pub node: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsoleOutput {
    /// The end of it, as much as the provider keeps; empty if the node wrote nothing yet.
    pub text: String,
}

/// Takes list_sizes. List the sizes that nodes can have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListSizes {
    /// Only sizes that can be had there.
    pub location: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Size {
    /// The provider's identifier.
    pub id: String,
    /// What people call it; often the id.
    pub name: String,
    /// Virtual processors.
    pub vcpus: i64,
    /// Memory. In MiB.
    pub ram: i64,
    /// The disk that comes with it; 0 if its disks are volumes. In GiB.
    pub disk: i64,
    /// Graphics processors that come with it.
    pub gpus: i64,
    /// The processor's architecture; empty if the provider does not say.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub architecture: Option<Architecture>,
    /// On demand, Linux; None when the provider's API does not tell. In USD/h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes list_locations. List the places where nodes can be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListLocations {
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Location {
    /// The provider's identifier.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// ISO 3166 code of the country; empty if the provider does not say.
    pub country: String,
    /// The region it belongs to.
    pub region: String,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes list_images. List the images that nodes can be made from. Without owner, the provider's usual ones and the account's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListImages {
    /// Only images of this name.
    pub name: String,
    /// Only images of this account; "self" is one's own.
    pub owner: String,
    /// Only images for it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub architecture: Option<Architecture>,
    /// Only images that can be used there.
    pub location: String,
    /// Only images that have all of these tags.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Image {
    /// The provider's identifier.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What its owner says of it.
    pub description: String,
    /// Whether it can be used.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<ImageState>,
    /// The architecture it runs on; empty if the provider does not say.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub architecture: Option<Architecture>,
    /// The smallest root disk it fits on. In GiB.
    pub size: i64,
    /// The account that owns it.
    pub owner: String,
    /// Whether everyone can use it.
    pub public: bool,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes get_image. Look an image up by its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetImage {
    /// The image.
    pub image: String,
}

/// Takes create_image. Make an image of a node's root disk. It is returned while it is still made: wait for it to be available.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateImage {
    /// The node to make it of.
    pub node: String,
    /// What to call the image.
    pub name: String,
    /// What to say of it.
    pub description: String,
    /// Stop the node for a moment, so that its file systems are clean.
    pub reboot: bool,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

/// Takes copy_image. Copy an image, from another region if the provider keeps them apart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyImage {
    /// The image.
    pub image: String,
    /// What to call the copy.
    pub name: String,
    /// The region it is copied from; the connection's own if not given.
    pub source_location: String,
    /// What to say of the copy.
    pub description: String,
}

/// Takes delete_image. Delete an image. Nodes made from it live on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteImage {
    /// The image.
    pub image: String,
}

/// Takes list_key_pairs. List the key pairs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListKeyPairs {
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyPair {
    /// Its name, unique in the account.
    pub name: String,
    /// In authorized_keys form; empty if the provider does not tell.
    pub public_key: String,
    /// In PEM form, once: in the answer of create_key_pair.
    pub private_key: String,
    /// Of the public key, as ssh-keygen shows it and the same at every provider: "SHA256:…".
    pub fingerprint: String,
    /// When it was made; unset if the provider does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes get_key_pair. Look a key pair up by its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetKeyPair {
    /// The key pair.
    pub key_pair: String,
}

/// Takes create_key_pair. Create a key pair. Only this answer has the private key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateKeyPair {
    /// What to call it.
    pub name: String,
}

/// Takes import_key_pair. Register the public key of a key pair made elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportKeyPair {
    /// What to call it.
    pub name: String,
    /// In authorized_keys form: "ssh-ed25519 AAAA…".
    pub public_key: String,
}

/// Takes delete_key_pair. Delete a key pair. Nodes made with it keep the key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteKeyPair {
    /// The key pair.
    pub key_pair: String,
}

/// Takes list_volumes. List the volumes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListVolumes {
    /// Only volumes of this name.
    pub name: String,
    /// Only volumes in this state.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<VolumeState>,
    /// Only volumes there.
    pub location: String,
    /// Only volumes attached to this node.
    pub node: String,
    /// Only volumes that have all of these tags.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// The provider's identifier.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// Its size. In GiB.
    pub size: i64,
    /// What it is doing.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<VolumeState>,
    /// The id of where it is.
    pub location: String,
    /// The provider's kind of disk.
    pub r#type: String,
    /// Whether it is encrypted at rest.
    pub encrypted: bool,
    /// The id of the node it is attached to; empty if to none.
    pub node: String,
    /// Its device name in that node, as the provider says it.
    pub device: String,
    /// The id of the snapshot it was made from; empty if from none.
    pub snapshot: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes get_volume. Look a volume up by its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetVolume {
    /// The volume.
    pub volume: String,
}

/// Takes create_volume. Create a volume, empty or from a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateVolume {
    /// What to call it.
    pub name: String,
    /// Its size; the snapshot's if not given. In GiB.
    pub size: i64,
    /// Where; the connection's or the provider's choice if not given.
    pub location: String,
    /// The snapshot whose content it gets.
    pub snapshot: String,
    /// The provider's kind of disk; its default if not given.
    pub r#type: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// What the provider takes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes resize_volume. Make a volume larger.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResizeVolume {
    /// The volume.
    pub volume: String,
    /// The size it shall have; not less than it has. In GiB.
    pub size: i64,
}

/// Takes attach_volume. Attach a volume to a node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttachVolume {
    /// The volume.
    pub volume: String,
    /// The node.
    pub node: String,
    /// The device name it shall have there; the provider's choice if not given.
    pub device: String,
}

/// Takes detach_volume. Detach a volume from its node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DetachVolume {
    /// The volume.
    pub volume: String,
}

/// Takes destroy_volume. Destroy a volume and what is on it. It must be detached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestroyVolume {
    /// The volume.
    pub volume: String,
}

/// Takes list_volume_snapshots. List the snapshots, of all volumes or of one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListVolumeSnapshots {
    /// Only snapshots of this volume.
    pub volume: String,
    /// Only snapshots of this name.
    pub name: String,
    /// Only snapshots that have all of these tags.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeSnapshot {
    /// The provider's identifier.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// What its owner says of it.
    pub description: String,
    /// The id of the volume it was taken of, which may be gone.
    pub volume: String,
    /// The size of that volume. In GiB.
    pub size: i64,
    /// Whether it can be used.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub state: Option<VolumeSnapshotState>,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// When it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes get_volume_snapshot. Look a snapshot up by its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GetVolumeSnapshot {
    /// The snapshot.
    pub snapshot: String,
}

/// Takes create_volume_snapshot. Take a snapshot of a volume.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateVolumeSnapshot {
    /// The volume.
    pub volume: String,
    /// What to call the snapshot.
    pub name: String,
    /// What to say of it.
    pub description: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

/// Takes destroy_volume_snapshot. Destroy a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestroyVolumeSnapshot {
    /// The snapshot.
    pub snapshot: String,
}

/// Takes list_networks. List the networks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListNetworks {
    /// Only networks of this name.
    pub name: String,
    /// Only networks that have all of these tags.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// The provider's identifier.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// Its range of addresses; empty where only its subnets have one.
    pub cidr: String,
    /// The provider's own word for its state.
    pub state: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes create_network. Create a network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateNetwork {
    /// What to call it.
    pub name: String,
    /// Its range of addresses, as "10.0.0.0/16"; needed where the provider gives a network one.
    pub cidr: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// What the provider takes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes destroy_network. Destroy a network. Nothing may be in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestroyNetwork {
    /// The network.
    pub network: String,
}

/// Takes list_subnets. List the subnets, of all networks or of one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListSubnets {
    /// Only subnets of this network.
    pub network: String,
    /// Only subnets of this name.
    pub name: String,
    /// Only subnets that have all of these tags.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subnet {
    /// The provider's identifier.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// The id of the network it belongs to.
    pub network: String,
    /// Its range of addresses.
    pub cidr: String,
    /// The id of where it is; empty where it spans them all.
    pub location: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes create_subnet. Create a subnet in a network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateSubnet {
    /// The network.
    pub network: String,
    /// What to call the subnet.
    pub name: String,
    /// Its range of addresses, inside the network's.
    pub cidr: String,
    /// Where, at providers whose subnets are in one place.
    pub location: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// What the provider takes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes destroy_subnet. Destroy a subnet. Nothing may be in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestroySubnet {
    /// The subnet.
    pub subnet: String,
}

/// Takes list_security_groups. List the security groups with their rules.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListSecurityGroups {
    /// Only security groups of this name.
    pub name: String,
    /// Only security groups of this network.
    pub network: String,
    /// Only security groups that have all of these tags.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecurityGroup {
    /// The provider's identifier.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// What its owner says of it.
    pub description: String,
    /// The id of the network it belongs to; empty where it belongs to none.
    pub network: String,
    /// What it allows.
    #[serde(deserialize_with = "wire::or_default")]
    pub rules: Vec<SecurityGroupRule>,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes create_security_group. Create a security group that allows nothing in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateSecurityGroup {
    /// What to call it.
    pub name: String,
    /// What it is for; its name if not given.
    pub description: String,
    /// The network it belongs to, at providers where it does; the default one if not given.
    pub network: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

/// Takes destroy_security_group. Destroy a security group. No node may use it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestroySecurityGroup {
    /// The security group.
    pub security_group: String,
}

/// Takes allow_security_group_rule. Let traffic through. A rule that is there already is an already_exists error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AllowSecurityGroupRule {
    /// The security group.
    pub security_group: String,
    /// Traffic to the node, or from it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub direction: Option<Direction>,
    /// What it carries.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub protocol: Option<Protocol>,
    /// One port; instead of from_port and to_port.
    pub port: i64,
    /// The first port; 0 for all ports, and for protocols without ports.
    pub from_port: i64,
    /// The last port; 0 means from_port alone.
    pub to_port: i64,
    /// The other side's addresses; "0.0.0.0/0", everyone on IPv4, if neither this nor group is given.
    pub cidr: String,
    /// Instead of cidr: the nodes of this security group.
    pub group: String,
    /// What it is for.
    pub description: String,
}

/// Takes revoke_security_group_rule. Take a rule away: the one with the same direction, protocol, ports and other side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RevokeSecurityGroupRule {
    /// The security group.
    pub security_group: String,
    /// Traffic to the node, or from it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub direction: Option<Direction>,
    /// What it carries.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub protocol: Option<Protocol>,
    /// One port; instead of from_port and to_port.
    pub port: i64,
    /// The first port; 0 for all ports, and for protocols without ports.
    pub from_port: i64,
    /// The last port; 0 means from_port alone.
    pub to_port: i64,
    /// The other side's addresses; "0.0.0.0/0", everyone on IPv4, if neither this nor group is given.
    pub cidr: String,
    /// Instead of cidr: the nodes of this security group.
    pub group: String,
    /// What it is for.
    pub description: String,
}

/// Takes list_addresses. List the public addresses that belong to the account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListAddresses {
    /// Only addresses that lead to this node.
    pub node: String,
    /// Only addresses that have all of these tags.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// The provider's identifier.
    pub id: String,
    /// The name it was given; empty where addresses have none.
    pub name: String,
    /// The address.
    pub ip: String,
    /// The id of the node it leads to; empty if to none.
    pub node: String,
    /// The id of where it can be used; empty if everywhere.
    pub location: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// What the provider has beyond these fields, in its own names.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes allocate_address. Get a public address for the account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AllocateAddress {
    /// What to call it, where addresses have names.
    pub name: String,
    /// Where, at providers whose addresses are in one place.
    pub location: String,
    /// Its labels.
    #[serde(deserialize_with = "wire::or_default")]
    pub tags: BTreeMap<String, String>,
    /// What the provider takes beyond these: see its page.
    #[serde(deserialize_with = "wire::or_default")]
    pub extra: Map<String, Value>,
}

/// Takes associate_address. Lead a public address to a node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AssociateAddress {
    /// The address.
    pub address: String,
    /// The node.
    pub node: String,
}

/// Takes disassociate_address. Take a public address from its node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DisassociateAddress {
    /// The address.
    pub address: String,
}

/// Takes release_address. Give a public address back. It must lead nowhere.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReleaseAddress {
    /// The address.
    pub address: String,
}

/// Takes native. Call the provider's own API: what the portable operations lack. A policy that allows only reading allows it for what reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// What to call, in the provider's words: an operation's name, or a method and a path; see the provider's page.
    pub operation: String,
    /// Its arguments, in the provider's words. They may stand by themselves: native("DescribeVpcs", MaxResults = 5). REST: query, headers and body.
    #[serde(deserialize_with = "wire::or_default")]
    pub arguments: Map<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The answer in the provider's own names; None if it has no body.
    #[serde(deserialize_with = "wire::or_default")]
    pub value: Value,
}

/// Takes native_pages. Call what the provider's own API answers with in pages, one item a page. Only for what reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pages {
    /// What to call, as for native.
    pub operation: String,
    /// Its arguments, as for native.
    #[serde(deserialize_with = "wire::or_default")]
    pub arguments: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeState {
    #[serde(rename = "running")]
    Running,
    #[serde(rename = "starting")]
    Starting,
    #[serde(rename = "rebooting")]
    Rebooting,
    #[serde(rename = "terminated")]
    Terminated,
    #[serde(rename = "pending")]
    Pending,
    #[serde(rename = "unknown")]
    Unknown,
    #[serde(rename = "stopping")]
    Stopping,
    #[serde(rename = "stopped")]
    Stopped,
    #[serde(rename = "suspended")]
    Suspended,
    #[serde(rename = "error")]
    Error,
    #[serde(rename = "paused")]
    Paused,
    #[serde(rename = "reconfiguring")]
    Reconfiguring,
    #[serde(rename = "migrating")]
    Migrating,
    #[serde(rename = "normal")]
    Normal,
    #[serde(rename = "updating")]
    Updating,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Architecture {
    #[serde(rename = "x86_64")]
    X8664,
    #[serde(rename = "arm64")]
    Arm64,
    #[serde(rename = "i386")]
    I386,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageState {
    #[serde(rename = "available")]
    Available,
    #[serde(rename = "pending")]
    Pending,
    #[serde(rename = "error")]
    Error,
    #[serde(rename = "deleting")]
    Deleting,
    #[serde(rename = "deleted")]
    Deleted,
    #[serde(rename = "unknown")]
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeState {
    #[serde(rename = "available")]
    Available,
    #[serde(rename = "error")]
    Error,
    #[serde(rename = "inuse")]
    Inuse,
    #[serde(rename = "creating")]
    Creating,
    #[serde(rename = "deleting")]
    Deleting,
    #[serde(rename = "deleted")]
    Deleted,
    #[serde(rename = "backup")]
    Backup,
    #[serde(rename = "attaching")]
    Attaching,
    #[serde(rename = "unknown")]
    Unknown,
    #[serde(rename = "migrating")]
    Migrating,
    #[serde(rename = "updating")]
    Updating,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeSnapshotState {
    #[serde(rename = "available")]
    Available,
    #[serde(rename = "error")]
    Error,
    #[serde(rename = "creating")]
    Creating,
    #[serde(rename = "deleting")]
    Deleting,
    #[serde(rename = "restoring")]
    Restoring,
    #[serde(rename = "unknown")]
    Unknown,
    #[serde(rename = "updating")]
    Updating,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecurityGroupRule {
    /// The provider's identifier, where a rule has one.
    pub id: String,
    /// Traffic to the node, or from it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub direction: Option<Direction>,
    /// What it carries.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wire::word")]
    pub protocol: Option<Protocol>,
    /// The first port; 0 for all ports, and for protocols without ports.
    pub from_port: i64,
    /// The last port; 0 means from_port alone.
    pub to_port: i64,
    /// The other side's addresses: "0.0.0.0/0" is everyone on IPv4.
    pub cidr: String,
    /// Instead of cidr: the nodes of this security group.
    pub group: String,
    /// What it is for.
    pub description: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    #[serde(rename = "ingress")]
    Ingress,
    #[serde(rename = "egress")]
    Egress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    #[serde(rename = "tcp")]
    Tcp,
    #[serde(rename = "udp")]
    Udp,
    #[serde(rename = "icmp")]
    Icmp,
    #[serde(rename = "all")]
    All,
}
