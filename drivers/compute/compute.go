// Package compute is the contract of the compute family: nodes and what they
// need. Every type of value is in types.go; every operation is one interface,
// one input and one row here.
//
//	value             operations
//	node              list get create create(many) start stop reboot suspend resume resize destroy set_tags console_output
//	size, location    list
//	image             list get create copy delete
//	key_pair          list get create import delete
//	volume            list get create resize attach detach destroy
//	volume_snapshot   list get create destroy
//	network, subnet   list create destroy
//	security_group    list create destroy allow revoke
//	address           list allocate associate disassociate release
//
// A driver implements the interfaces that its provider can honour. Everything
// that takes time is only begun: the value says so in its state, and wait sees
// it through. Everything that takes an id answers not_found when nothing has it.
package compute

import (
	"context"
	"iter"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Family is the contract.
var Family = op.NewFamily("compute", "Compute",
	"Nodes, and the sizes, images, key pairs, volumes, networks and addresses they need.",
	append(op.Table{
		op.List("list_nodes", NodeLister.ListNodes, "List the nodes that the credentials can see. Terminated nodes are left out once the provider forgets them."),
		op.Call("get_node", NodeGetter.GetNode, op.Reads, "Look a node up by its id.").On("node", "refresh"),
		op.Call("create_node", NodeCreator.CreateNode, op.Creates, "Create a node. It is returned while it still starts: wait for it to be running."),
		op.Call("create_nodes", NodesCreator.CreateNodes, op.Creates, "Create several nodes alike, all of them or none. They are named name-1, name-2 and so on."),
		op.Do("start_node", NodeStarter.StartNode, op.Changes, "Start a stopped node.").On("node", "start").Repeatable(),
		op.Do("stop_node", NodeStopper.StopNode, op.Changes, "Stop a node, keeping its disks and its id.").On("node", "stop").Repeatable(),
		op.Do("reboot_node", NodeRebooter.RebootNode, op.Changes, "Reboot a running node.").On("node", "reboot"),
		op.Do("suspend_node", NodeSuspender.SuspendNode, op.Changes, "Suspend a running node, keeping its memory.").On("node", "suspend").Repeatable(),
		op.Do("resume_node", NodeResumer.ResumeNode, op.Changes, "Resume a suspended node.").On("node", "resume").Repeatable(),
		op.Do("resize_node", NodeResizer.ResizeNode, op.Changes, "Give a node another size. Most providers want it stopped first.").On("node", "resize").Repeatable(),
		op.Do("destroy_node", NodeDestroyer.DestroyNode, op.Deletes, "Destroy a node and its root disk.").On("node", "destroy"),
		op.Do("set_node_tags", NodeTagger.SetNodeTags, op.Changes, "Replace a node's tags. Tags that the provider itself keeps, such as the name, stay.").On("node", "set_tags").Repeatable(),
		op.Call("get_console_output", ConsoleReader.GetConsoleOutput, op.Reads, "Read what a node wrote to its console.").On("node", "console_output"),

		op.List("list_sizes", SizeLister.ListSizes, "List the sizes that nodes can have."),
		op.List("list_locations", LocationLister.ListLocations, "List the places where nodes can be."),

		op.List("list_images", ImageLister.ListImages, "List the images that nodes can be made from. Without owner, the provider's usual ones and the account's own."),
		op.Call("get_image", ImageGetter.GetImage, op.Reads, "Look an image up by its id.").On("image", "refresh"),
		op.Call("create_image", ImageCreator.CreateImage, op.Creates, "Make an image of a node's root disk. It is returned while it is still made: wait for it to be available.").On("node", "create_image"),
		op.Call("copy_image", ImageCopier.CopyImage, op.Creates, "Copy an image, from another region if the provider keeps them apart.").On("image", "copy"),
		op.Do("delete_image", ImageDeleter.DeleteImage, op.Deletes, "Delete an image. Nodes made from it live on.").On("image", "delete"),

		op.List("list_key_pairs", KeyPairLister.ListKeyPairs, "List the key pairs."),
		op.Call("get_key_pair", KeyPairGetter.GetKeyPair, op.Reads, "Look a key pair up by its name.").On("key_pair", "refresh"),
		op.Call("create_key_pair", KeyPairCreator.CreateKeyPair, op.Creates, "Create a key pair. Only this answer has the private key."),
		op.Call("import_key_pair", KeyPairImporter.ImportKeyPair, op.Creates, "Register the public key of a key pair made elsewhere."),
		op.Do("delete_key_pair", KeyPairDeleter.DeleteKeyPair, op.Deletes, "Delete a key pair. Nodes made with it keep the key.").On("key_pair", "delete"),

		op.List("list_volumes", VolumeLister.ListVolumes, "List the volumes."),
		op.Call("get_volume", VolumeGetter.GetVolume, op.Reads, "Look a volume up by its id.").On("volume", "refresh"),
		op.Call("create_volume", VolumeCreator.CreateVolume, op.Creates, "Create a volume, empty or from a snapshot."),
		op.Do("resize_volume", VolumeResizer.ResizeVolume, op.Changes, "Make a volume larger.").On("volume", "resize").Repeatable(),
		op.Do("attach_volume", VolumeAttacher.AttachVolume, op.Changes, "Attach a volume to a node.").On("volume", "attach"),
		op.Do("detach_volume", VolumeDetacher.DetachVolume, op.Changes, "Detach a volume from its node.").On("volume", "detach"),
		op.Do("destroy_volume", VolumeDestroyer.DestroyVolume, op.Deletes, "Destroy a volume and what is on it. It must be detached.").On("volume", "destroy"),

		op.List("list_volume_snapshots", SnapshotLister.ListVolumeSnapshots, "List the snapshots, of all volumes or of one.").On("volume", "list_snapshots"),
		op.Call("get_volume_snapshot", SnapshotGetter.GetVolumeSnapshot, op.Reads, "Look a snapshot up by its id.").On("volume_snapshot", "refresh"),
		op.Call("create_volume_snapshot", SnapshotCreator.CreateVolumeSnapshot, op.Creates, "Take a snapshot of a volume.").On("volume", "create_snapshot"),
		op.Do("destroy_volume_snapshot", SnapshotDestroyer.DestroyVolumeSnapshot, op.Deletes, "Destroy a snapshot.").On("volume_snapshot", "destroy"),

		op.List("list_networks", NetworkLister.ListNetworks, "List the networks."),
		op.Call("create_network", NetworkCreator.CreateNetwork, op.Creates, "Create a network."),
		op.Do("destroy_network", NetworkDestroyer.DestroyNetwork, op.Deletes, "Destroy a network. Nothing may be in it.").On("network", "destroy"),
		op.List("list_subnets", SubnetLister.ListSubnets, "List the subnets, of all networks or of one.").On("network", "list_subnets"),
		op.Call("create_subnet", SubnetCreator.CreateSubnet, op.Creates, "Create a subnet in a network.").On("network", "create_subnet"),
		op.Do("destroy_subnet", SubnetDestroyer.DestroySubnet, op.Deletes, "Destroy a subnet. Nothing may be in it.").On("subnet", "destroy"),

		op.List("list_security_groups", SecurityGroupLister.ListSecurityGroups, "List the security groups with their rules."),
		op.Call("create_security_group", SecurityGroupCreator.CreateSecurityGroup, op.Creates, "Create a security group that allows nothing in."),
		op.Do("destroy_security_group", SecurityGroupDestroyer.DestroySecurityGroup, op.Deletes, "Destroy a security group. No node may use it.").On("security_group", "destroy"),
		op.Do("allow_security_group_rule", RuleAllower.AllowSecurityGroupRule, op.Changes, "Let traffic through. A rule that is there already is an already_exists error.").On("security_group", "allow"),
		op.Do("revoke_security_group_rule", RuleRevoker.RevokeSecurityGroupRule, op.Changes, "Take a rule away: the one with the same direction, protocol, ports and other side.").On("security_group", "revoke"),

		op.List("list_addresses", AddressLister.ListAddresses, "List the public addresses that belong to the account."),
		op.Call("allocate_address", AddressAllocator.AllocateAddress, op.Creates, "Get a public address for the account."),
		op.Do("associate_address", AddressAssociator.AssociateAddress, op.Changes, "Lead a public address to a node.").On("address", "associate").Repeatable(),
		op.Do("disassociate_address", AddressDisassociator.DisassociateAddress, op.Changes, "Take a public address from its node.").On("address", "disassociate"),
		op.Do("release_address", AddressReleaser.ReleaseAddress, op.Deletes, "Give a public address back. It must lead nowhere.").On("address", "release"),
	}, native.Rows()...))

// ListNodes is what list_nodes takes.
type ListNodes struct {
	Name     string            `json:"name,omitzero" op:"filter" help:"Only nodes of this name."`
	State    NodeState         `json:"state,omitzero" op:"filter" help:"Only nodes in this state."`
	Location string            `json:"location,omitzero" op:"filter" ref:"location" help:"Only nodes there."`
	Tags     map[string]string `json:"tags,omitzero" op:"filter" help:"Only nodes that have all of these tags."`
}

// NodeLister is a driver that has list_nodes.
type NodeLister interface {
	// ListNodes yields every node that the credentials can see, page by page.
	ListNodes(ctx context.Context, in ListNodes) iter.Seq2[Node, error]
}

// GetNode is what get_node takes.
type GetNode struct {
	Node string `json:"node" op:"required" ref:"node" help:"The node."`
}

// NodeGetter is a driver that has get_node.
type NodeGetter interface {
	GetNode(ctx context.Context, in GetNode) (Node, error)
}

// CreateNode is what create_node takes.
type CreateNode struct {
	Name           string            `json:"name" op:"required" source:"EC2 tag Name; GCE, Azure, Nova name" help:"What to call it."`
	Size           string            `json:"size" op:"required" ref:"size" source:"EC2 InstanceType; GCE machineType; Azure vmSize; Nova flavorRef" help:"Its size."`
	Image          string            `json:"image" op:"required" ref:"image" source:"EC2 ImageId; GCE sourceImage; Azure imageReference; Nova imageRef" help:"What its root disk is made from."`
	Location       string            `json:"location,omitzero" ref:"location" source:"EC2 Placement.AvailabilityZone; GCE zone; Azure location" help:"Where; the connection's or the provider's choice if not given."`
	KeyPair        string            `json:"key_pair,omitzero" ref:"key_pair" source:"EC2 KeyName; Nova key_name" help:"The SSH key to put into it."`
	UserData       string            `json:"user_data,omitzero" source:"EC2 UserData; GCE metadata user-data; Azure customData; Nova user_data" help:"What cloud-init runs at its first start: a script or #cloud-config."`
	Tags           map[string]string `json:"tags,omitzero" source:"EC2, Azure tags; GCE labels; Nova metadata" help:"Its labels."`
	Networks       []string          `json:"networks,omitzero" ref:"network" help:"The networks to be in; the provider's default if not given."`
	Subnets        []string          `json:"subnets,omitzero" ref:"subnet" help:"The subnets to be in, one a network interface; instead of networks."`
	SecurityGroups []string          `json:"security_groups,omitzero" ref:"security_group" help:"Who may talk to it; the provider's default if not given."`
	RootDisk       int               `json:"root_disk,omitzero" unit:"GiB" source:"EC2 BlockDeviceMappings; GCE diskSizeGb; Azure diskSizeGB" help:"The size of its root disk; the image's or the size's if not given."`
	PublicAddress  *bool             `json:"public_address,omitzero" source:"EC2 AssociatePublicIpAddress; GCE accessConfigs" help:"Whether it gets a public address; the network's default if not given."`
	Extra          map[string]any    `json:"extra,omitzero" help:"What the provider takes beyond these: see its page."`
}

// NodeCreator is a driver that has create_node.
type NodeCreator interface {
	// CreateNode returns as soon as the provider has accepted the node. What it
	// made on the way is removed again when it fails.
	CreateNode(ctx context.Context, in CreateNode) (Node, error)
}

// CreateNodes is what create_nodes takes.
type CreateNodes struct {
	CreateNode
	Count int `json:"count" op:"required" help:"How many."`
}

// NodesCreator is a driver that has create_nodes.
type NodesCreator interface {
	CreateNodes(ctx context.Context, in CreateNodes) ([]Node, error)
}

// StartNode is what start_node takes.
type StartNode struct {
	Node string `json:"node" op:"required" ref:"node" help:"The node."`
}

// NodeStarter is a driver that has start_node.
type NodeStarter interface {
	StartNode(ctx context.Context, in StartNode) error
}

// StopNode is what stop_node takes.
type StopNode struct {
	Node  string `json:"node" op:"required" ref:"node" help:"The node."`
	Force bool   `json:"force,omitzero" help:"Cut its power instead of asking it to shut down."`
}

// NodeStopper is a driver that has stop_node.
type NodeStopper interface {
	StopNode(ctx context.Context, in StopNode) error
}

// RebootNode is what reboot_node takes.
type RebootNode struct {
	Node string `json:"node" op:"required" ref:"node" help:"The node."`
}

// NodeRebooter is a driver that has reboot_node.
type NodeRebooter interface {
	RebootNode(ctx context.Context, in RebootNode) error
}

// SuspendNode is what suspend_node takes.
type SuspendNode struct {
	Node string `json:"node" op:"required" ref:"node" help:"The node."`
}

// NodeSuspender is a driver that has suspend_node.
type NodeSuspender interface {
	SuspendNode(ctx context.Context, in SuspendNode) error
}

// ResumeNode is what resume_node takes.
type ResumeNode struct {
	Node string `json:"node" op:"required" ref:"node" help:"The node."`
}

// NodeResumer is a driver that has resume_node.
type NodeResumer interface {
	ResumeNode(ctx context.Context, in ResumeNode) error
}

// ResizeNode is what resize_node takes.
type ResizeNode struct {
	Node string `json:"node" op:"required" ref:"node" help:"The node."`
	Size string `json:"size" op:"required" ref:"size" help:"The size it shall have."`
}

// NodeResizer is a driver that has resize_node.
type NodeResizer interface {
	ResizeNode(ctx context.Context, in ResizeNode) error
}

// DestroyNode is what destroy_node takes.
type DestroyNode struct {
	Node string `json:"node" op:"required" ref:"node" help:"The node."`
}

// NodeDestroyer is a driver that has destroy_node.
type NodeDestroyer interface {
	DestroyNode(ctx context.Context, in DestroyNode) error
}

// SetNodeTags is what set_node_tags takes.
type SetNodeTags struct {
	Node string            `json:"node" op:"required" ref:"node" help:"The node."`
	Tags map[string]string `json:"tags" help:"All the tags it shall have."`
}

// NodeTagger is a driver that has set_node_tags.
type NodeTagger interface {
	SetNodeTags(ctx context.Context, in SetNodeTags) error
}

// GetConsoleOutput is what get_console_output takes.
type GetConsoleOutput struct {
	Node string `json:"node" op:"required" ref:"node" help:"The node."`
}

// A ConsoleOutput is what a node wrote to its console.
type ConsoleOutput struct {
	Text string `json:"text" help:"The end of it, as much as the provider keeps; empty if the node wrote nothing yet."`
}

// ConsoleReader is a driver that has get_console_output.
type ConsoleReader interface {
	GetConsoleOutput(ctx context.Context, in GetConsoleOutput) (ConsoleOutput, error)
}

// ListSizes is what list_sizes takes.
type ListSizes struct {
	Location string `json:"location,omitzero" ref:"location" help:"Only sizes that can be had there."`
}

// SizeLister is a driver that has list_sizes.
type SizeLister interface {
	ListSizes(ctx context.Context, in ListSizes) iter.Seq2[Size, error]
}

// ListLocations is what list_locations takes.
type ListLocations struct{}

// LocationLister is a driver that has list_locations.
type LocationLister interface {
	ListLocations(ctx context.Context, in ListLocations) iter.Seq2[Location, error]
}

// ListImages is what list_images takes.
type ListImages struct {
	Name         string            `json:"name,omitzero" op:"filter" help:"Only images of this name."`
	Owner        string            `json:"owner,omitzero" help:"Only images of this account; \"self\" is one's own."`
	Architecture Architecture      `json:"architecture,omitzero" op:"filter" help:"Only images for it."`
	Location     string            `json:"location,omitzero" ref:"location" help:"Only images that can be used there."`
	Tags         map[string]string `json:"tags,omitzero" op:"filter" help:"Only images that have all of these tags."`
}

// ImageLister is a driver that has list_images.
type ImageLister interface {
	ListImages(ctx context.Context, in ListImages) iter.Seq2[Image, error]
}

// GetImage is what get_image takes.
type GetImage struct {
	Image string `json:"image" op:"required" ref:"image" help:"The image."`
}

// ImageGetter is a driver that has get_image.
type ImageGetter interface {
	GetImage(ctx context.Context, in GetImage) (Image, error)
}

// CreateImage is what create_image takes.
type CreateImage struct {
	Node        string            `json:"node" op:"required" ref:"node" help:"The node to make it of."`
	Name        string            `json:"name" op:"required" help:"What to call the image."`
	Description string            `json:"description,omitzero" help:"What to say of it."`
	Reboot      bool              `json:"reboot,omitzero" source:"EC2 NoReboot" help:"Stop the node for a moment, so that its file systems are clean."`
	Tags        map[string]string `json:"tags,omitzero" help:"Its labels."`
}

// ImageCreator is a driver that has create_image.
type ImageCreator interface {
	CreateImage(ctx context.Context, in CreateImage) (Image, error)
}

// CopyImage is what copy_image takes.
type CopyImage struct {
	Image          string `json:"image" op:"required" ref:"image" help:"The image."`
	Name           string `json:"name" op:"required" help:"What to call the copy."`
	SourceLocation string `json:"source_location,omitzero" source:"EC2 SourceRegion" help:"The region it is copied from; the connection's own if not given."`
	Description    string `json:"description,omitzero" help:"What to say of the copy."`
}

// ImageCopier is a driver that has copy_image.
type ImageCopier interface {
	CopyImage(ctx context.Context, in CopyImage) (Image, error)
}

// DeleteImage is what delete_image takes.
type DeleteImage struct {
	Image string `json:"image" op:"required" ref:"image" help:"The image."`
}

// ImageDeleter is a driver that has delete_image.
type ImageDeleter interface {
	// DeleteImage also deletes the snapshots that are the image's own.
	DeleteImage(ctx context.Context, in DeleteImage) error
}

// ListKeyPairs is what list_key_pairs takes.
type ListKeyPairs struct{}

// KeyPairLister is a driver that has list_key_pairs.
type KeyPairLister interface {
	ListKeyPairs(ctx context.Context, in ListKeyPairs) iter.Seq2[KeyPair, error]
}

// GetKeyPair is what get_key_pair takes.
type GetKeyPair struct {
	KeyPair string `json:"key_pair" op:"required" ref:"key_pair" help:"The key pair."`
}

// KeyPairGetter is a driver that has get_key_pair.
type KeyPairGetter interface {
	GetKeyPair(ctx context.Context, in GetKeyPair) (KeyPair, error)
}

// CreateKeyPair is what create_key_pair takes.
type CreateKeyPair struct {
	Name string `json:"name" op:"required" help:"What to call it."`
}

// KeyPairCreator is a driver that has create_key_pair.
type KeyPairCreator interface {
	CreateKeyPair(ctx context.Context, in CreateKeyPair) (KeyPair, error)
}

// ImportKeyPair is what import_key_pair takes.
type ImportKeyPair struct {
	Name      string `json:"name" op:"required" help:"What to call it."`
	PublicKey string `json:"public_key" op:"required" help:"In authorized_keys form: \"ssh-ed25519 AAAA…\"."`
}

// KeyPairImporter is a driver that has import_key_pair.
type KeyPairImporter interface {
	ImportKeyPair(ctx context.Context, in ImportKeyPair) (KeyPair, error)
}

// DeleteKeyPair is what delete_key_pair takes.
type DeleteKeyPair struct {
	KeyPair string `json:"key_pair" op:"required" ref:"key_pair" help:"The key pair."`
}

// KeyPairDeleter is a driver that has delete_key_pair.
type KeyPairDeleter interface {
	DeleteKeyPair(ctx context.Context, in DeleteKeyPair) error
}

// ListVolumes is what list_volumes takes.
type ListVolumes struct {
	Name     string            `json:"name,omitzero" op:"filter" help:"Only volumes of this name."`
	State    VolumeState       `json:"state,omitzero" op:"filter" help:"Only volumes in this state."`
	Location string            `json:"location,omitzero" op:"filter" ref:"location" help:"Only volumes there."`
	Node     string            `json:"node,omitzero" op:"filter" ref:"node" help:"Only volumes attached to this node."`
	Tags     map[string]string `json:"tags,omitzero" op:"filter" help:"Only volumes that have all of these tags."`
}

// VolumeLister is a driver that has list_volumes.
type VolumeLister interface {
	ListVolumes(ctx context.Context, in ListVolumes) iter.Seq2[Volume, error]
}

// GetVolume is what get_volume takes.
type GetVolume struct {
	Volume string `json:"volume" op:"required" ref:"volume" help:"The volume."`
}

// VolumeGetter is a driver that has get_volume.
type VolumeGetter interface {
	GetVolume(ctx context.Context, in GetVolume) (Volume, error)
}

// CreateVolume is what create_volume takes.
type CreateVolume struct {
	Name     string            `json:"name" op:"required" help:"What to call it."`
	Size     int               `json:"size,omitzero" unit:"GiB" help:"Its size; the snapshot's if not given."`
	Location string            `json:"location,omitzero" ref:"location" help:"Where; the connection's or the provider's choice if not given."`
	Snapshot string            `json:"snapshot,omitzero" ref:"volume_snapshot" help:"The snapshot whose content it gets."`
	Type     string            `json:"type,omitzero" help:"The provider's kind of disk; its default if not given."`
	Tags     map[string]string `json:"tags,omitzero" help:"Its labels."`
	Extra    map[string]any    `json:"extra,omitzero" help:"What the provider takes beyond these: see its page."`
}

// VolumeCreator is a driver that has create_volume.
type VolumeCreator interface {
	CreateVolume(ctx context.Context, in CreateVolume) (Volume, error)
}

// ResizeVolume is what resize_volume takes.
type ResizeVolume struct {
	Volume string `json:"volume" op:"required" ref:"volume" help:"The volume."`
	Size   int    `json:"size" op:"required" unit:"GiB" help:"The size it shall have; not less than it has."`
}

// VolumeResizer is a driver that has resize_volume.
type VolumeResizer interface {
	ResizeVolume(ctx context.Context, in ResizeVolume) error
}

// AttachVolume is what attach_volume takes.
type AttachVolume struct {
	Volume string `json:"volume" op:"required" ref:"volume" help:"The volume."`
	Node   string `json:"node" op:"required" ref:"node" help:"The node."`
	Device string `json:"device,omitzero" help:"The device name it shall have there; the provider's choice if not given."`
}

// VolumeAttacher is a driver that has attach_volume.
type VolumeAttacher interface {
	AttachVolume(ctx context.Context, in AttachVolume) error
}

// DetachVolume is what detach_volume takes.
type DetachVolume struct {
	Volume string `json:"volume" op:"required" ref:"volume" help:"The volume."`
}

// VolumeDetacher is a driver that has detach_volume.
type VolumeDetacher interface {
	DetachVolume(ctx context.Context, in DetachVolume) error
}

// DestroyVolume is what destroy_volume takes.
type DestroyVolume struct {
	Volume string `json:"volume" op:"required" ref:"volume" help:"The volume."`
}

// VolumeDestroyer is a driver that has destroy_volume.
type VolumeDestroyer interface {
	DestroyVolume(ctx context.Context, in DestroyVolume) error
}

// ListVolumeSnapshots is what list_volume_snapshots takes.
type ListVolumeSnapshots struct {
	Volume string            `json:"volume,omitzero" op:"filter" ref:"volume" help:"Only snapshots of this volume."`
	Name   string            `json:"name,omitzero" op:"filter" help:"Only snapshots of this name."`
	Tags   map[string]string `json:"tags,omitzero" op:"filter" help:"Only snapshots that have all of these tags."`
}

// SnapshotLister is a driver that has list_volume_snapshots.
type SnapshotLister interface {
	// ListVolumeSnapshots yields the account's own snapshots.
	ListVolumeSnapshots(ctx context.Context, in ListVolumeSnapshots) iter.Seq2[VolumeSnapshot, error]
}

// GetVolumeSnapshot is what get_volume_snapshot takes.
type GetVolumeSnapshot struct {
	Snapshot string `json:"snapshot" op:"required" ref:"volume_snapshot" help:"The snapshot."`
}

// SnapshotGetter is a driver that has get_volume_snapshot.
type SnapshotGetter interface {
	GetVolumeSnapshot(ctx context.Context, in GetVolumeSnapshot) (VolumeSnapshot, error)
}

// CreateVolumeSnapshot is what create_volume_snapshot takes.
type CreateVolumeSnapshot struct {
	Volume      string            `json:"volume" op:"required" ref:"volume" help:"The volume."`
	Name        string            `json:"name" op:"required" help:"What to call the snapshot."`
	Description string            `json:"description,omitzero" help:"What to say of it."`
	Tags        map[string]string `json:"tags,omitzero" help:"Its labels."`
}

// SnapshotCreator is a driver that has create_volume_snapshot.
type SnapshotCreator interface {
	CreateVolumeSnapshot(ctx context.Context, in CreateVolumeSnapshot) (VolumeSnapshot, error)
}

// DestroyVolumeSnapshot is what destroy_volume_snapshot takes.
type DestroyVolumeSnapshot struct {
	Snapshot string `json:"snapshot" op:"required" ref:"volume_snapshot" help:"The snapshot."`
}

// SnapshotDestroyer is a driver that has destroy_volume_snapshot.
type SnapshotDestroyer interface {
	DestroyVolumeSnapshot(ctx context.Context, in DestroyVolumeSnapshot) error
}

// ListNetworks is what list_networks takes.
type ListNetworks struct {
	Name string            `json:"name,omitzero" op:"filter" help:"Only networks of this name."`
	Tags map[string]string `json:"tags,omitzero" op:"filter" help:"Only networks that have all of these tags."`
}

// NetworkLister is a driver that has list_networks.
type NetworkLister interface {
	ListNetworks(ctx context.Context, in ListNetworks) iter.Seq2[Network, error]
}

// CreateNetwork is what create_network takes.
type CreateNetwork struct {
	Name  string            `json:"name" op:"required" help:"What to call it."`
	CIDR  string            `json:"cidr,omitzero" help:"Its range of addresses, as \"10.0.0.0/16\"; needed where the provider gives a network one."`
	Tags  map[string]string `json:"tags,omitzero" help:"Its labels."`
	Extra map[string]any    `json:"extra,omitzero" help:"What the provider takes beyond these: see its page."`
}

// NetworkCreator is a driver that has create_network.
type NetworkCreator interface {
	CreateNetwork(ctx context.Context, in CreateNetwork) (Network, error)
}

// DestroyNetwork is what destroy_network takes.
type DestroyNetwork struct {
	Network string `json:"network" op:"required" ref:"network" help:"The network."`
}

// NetworkDestroyer is a driver that has destroy_network.
type NetworkDestroyer interface {
	DestroyNetwork(ctx context.Context, in DestroyNetwork) error
}

// ListSubnets is what list_subnets takes.
type ListSubnets struct {
	Network string            `json:"network,omitzero" op:"filter" ref:"network" help:"Only subnets of this network."`
	Name    string            `json:"name,omitzero" op:"filter" help:"Only subnets of this name."`
	Tags    map[string]string `json:"tags,omitzero" op:"filter" help:"Only subnets that have all of these tags."`
}

// SubnetLister is a driver that has list_subnets.
type SubnetLister interface {
	ListSubnets(ctx context.Context, in ListSubnets) iter.Seq2[Subnet, error]
}

// CreateSubnet is what create_subnet takes.
type CreateSubnet struct {
	Network  string            `json:"network" op:"required" ref:"network" help:"The network."`
	Name     string            `json:"name" op:"required" help:"What to call the subnet."`
	CIDR     string            `json:"cidr" op:"required" help:"Its range of addresses, inside the network's."`
	Location string            `json:"location,omitzero" ref:"location" help:"Where, at providers whose subnets are in one place."`
	Tags     map[string]string `json:"tags,omitzero" help:"Its labels."`
	Extra    map[string]any    `json:"extra,omitzero" help:"What the provider takes beyond these: see its page."`
}

// SubnetCreator is a driver that has create_subnet.
type SubnetCreator interface {
	CreateSubnet(ctx context.Context, in CreateSubnet) (Subnet, error)
}

// DestroySubnet is what destroy_subnet takes.
type DestroySubnet struct {
	Subnet string `json:"subnet" op:"required" ref:"subnet" help:"The subnet."`
}

// SubnetDestroyer is a driver that has destroy_subnet.
type SubnetDestroyer interface {
	DestroySubnet(ctx context.Context, in DestroySubnet) error
}

// ListSecurityGroups is what list_security_groups takes.
type ListSecurityGroups struct {
	Name    string            `json:"name,omitzero" op:"filter" help:"Only security groups of this name."`
	Network string            `json:"network,omitzero" op:"filter" ref:"network" help:"Only security groups of this network."`
	Tags    map[string]string `json:"tags,omitzero" op:"filter" help:"Only security groups that have all of these tags."`
}

// SecurityGroupLister is a driver that has list_security_groups.
type SecurityGroupLister interface {
	ListSecurityGroups(ctx context.Context, in ListSecurityGroups) iter.Seq2[SecurityGroup, error]
}

// CreateSecurityGroup is what create_security_group takes.
type CreateSecurityGroup struct {
	Name        string            `json:"name" op:"required" help:"What to call it."`
	Description string            `json:"description,omitzero" help:"What it is for; its name if not given."`
	Network     string            `json:"network,omitzero" ref:"network" help:"The network it belongs to, at providers where it does; the default one if not given."`
	Tags        map[string]string `json:"tags,omitzero" help:"Its labels."`
}

// SecurityGroupCreator is a driver that has create_security_group.
type SecurityGroupCreator interface {
	CreateSecurityGroup(ctx context.Context, in CreateSecurityGroup) (SecurityGroup, error)
}

// DestroySecurityGroup is what destroy_security_group takes.
type DestroySecurityGroup struct {
	SecurityGroup string `json:"security_group" op:"required" ref:"security_group" help:"The security group."`
}

// SecurityGroupDestroyer is a driver that has destroy_security_group.
type SecurityGroupDestroyer interface {
	DestroySecurityGroup(ctx context.Context, in DestroySecurityGroup) error
}

// Rule is a rule as scripts write it; see SecurityGroupRule.
type Rule struct {
	Direction   Direction `json:"direction,omitzero" default:"ingress" help:"Traffic to the node, or from it."`
	Protocol    Protocol  `json:"protocol,omitzero" default:"tcp" help:"What it carries."`
	Port        int       `json:"port,omitzero" help:"One port; instead of from_port and to_port."`
	FromPort    int       `json:"from_port,omitzero" help:"The first port; 0 for all ports, and for protocols without ports."`
	ToPort      int       `json:"to_port,omitzero" help:"The last port; 0 means from_port alone."`
	CIDR        string    `json:"cidr,omitzero" help:"The other side's addresses; \"0.0.0.0/0\", everyone on IPv4, if neither this nor group is given."`
	Group       string    `json:"group,omitzero" ref:"security_group" help:"Instead of cidr: the nodes of this security group."`
	Description string    `json:"description,omitzero" help:"What it is for."`
}

// Normal returns the rule with both ports and the other side filled in, as
// drivers want it.
func (r Rule) Normal() SecurityGroupRule {
	s := SecurityGroupRule{Direction: r.Direction, Protocol: r.Protocol, FromPort: r.FromPort, ToPort: r.ToPort,
		CIDR: r.CIDR, Group: r.Group, Description: r.Description}
	if r.Port != 0 {
		s.FromPort = r.Port
	}
	if s.ToPort == 0 {
		s.ToPort = s.FromPort
	}
	if s.CIDR == "" && s.Group == "" {
		s.CIDR = "0.0.0.0/0"
	}
	return s
}

// Same reports whether two rules let the same traffic through.
func (s SecurityGroupRule) Same(t SecurityGroupRule) bool {
	s.ID, t.ID, s.Description, t.Description = "", "", "", ""
	return s == t
}

// AllowSecurityGroupRule is what allow_security_group_rule takes.
type AllowSecurityGroupRule struct {
	SecurityGroup string `json:"security_group" op:"required" ref:"security_group" help:"The security group."`
	Rule
}

// RuleAllower is a driver that has allow_security_group_rule.
type RuleAllower interface {
	AllowSecurityGroupRule(ctx context.Context, in AllowSecurityGroupRule) error
}

// RevokeSecurityGroupRule is what revoke_security_group_rule takes.
type RevokeSecurityGroupRule struct {
	SecurityGroup string `json:"security_group" op:"required" ref:"security_group" help:"The security group."`
	Rule
}

// RuleRevoker is a driver that has revoke_security_group_rule.
type RuleRevoker interface {
	// RevokeSecurityGroupRule answers not_found when the group has no such rule.
	RevokeSecurityGroupRule(ctx context.Context, in RevokeSecurityGroupRule) error
}

// ListAddresses is what list_addresses takes.
type ListAddresses struct {
	Node string            `json:"node,omitzero" op:"filter" ref:"node" help:"Only addresses that lead to this node."`
	Tags map[string]string `json:"tags,omitzero" op:"filter" help:"Only addresses that have all of these tags."`
}

// AddressLister is a driver that has list_addresses.
type AddressLister interface {
	ListAddresses(ctx context.Context, in ListAddresses) iter.Seq2[Address, error]
}

// AllocateAddress is what allocate_address takes.
type AllocateAddress struct {
	Name     string            `json:"name,omitzero" help:"What to call it, where addresses have names."`
	Location string            `json:"location,omitzero" ref:"location" help:"Where, at providers whose addresses are in one place."`
	Tags     map[string]string `json:"tags,omitzero" help:"Its labels."`
	Extra    map[string]any    `json:"extra,omitzero" help:"What the provider takes beyond these: see its page."`
}

// AddressAllocator is a driver that has allocate_address.
type AddressAllocator interface {
	AllocateAddress(ctx context.Context, in AllocateAddress) (Address, error)
}

// AssociateAddress is what associate_address takes.
type AssociateAddress struct {
	Address string `json:"address" op:"required" ref:"address" help:"The address."`
	Node    string `json:"node" op:"required" ref:"node" help:"The node."`
}

// AddressAssociator is a driver that has associate_address.
type AddressAssociator interface {
	AssociateAddress(ctx context.Context, in AssociateAddress) error
}

// DisassociateAddress is what disassociate_address takes.
type DisassociateAddress struct {
	Address string `json:"address" op:"required" ref:"address" help:"The address."`
}

// AddressDisassociator is a driver that has disassociate_address.
type AddressDisassociator interface {
	DisassociateAddress(ctx context.Context, in DisassociateAddress) error
}

// ReleaseAddress is what release_address takes.
type ReleaseAddress struct {
	Address string `json:"address" op:"required" ref:"address" help:"The address."`
}

// AddressReleaser is a driver that has release_address.
type AddressReleaser interface {
	ReleaseAddress(ctx context.Context, in ReleaseAddress) error
}
