package compute

import (
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Node is a virtual machine.
type Node struct {
	ID             string            `json:"id" op:"id" source:"EC2 InstanceId; GCE name; Azure VM id; Nova id; libvirt UUID" help:"The provider's identifier."`
	Name           string            `json:"name" source:"EC2 tag Name; GCE, Azure, Nova, libvirt name" help:"The name it was given; not unique at every provider."`
	State          NodeState         `json:"state" source:"EC2 state.name; GCE status; Azure powerState; Nova status" help:"What it is doing."`
	PublicIPs      []string          `json:"public_ips" source:"EC2 publicIpAddress; GCE natIP; Nova floating" help:"Addresses that the world can reach."`
	PrivateIPs     []string          `json:"private_ips" source:"EC2 privateIpAddress; GCE networkIP; Nova fixed" help:"Addresses inside its networks."`
	Size           string            `json:"size" ref:"size" source:"EC2 instanceType; GCE machineType; Azure vmSize; Nova flavor" help:"The id of its size."`
	Image          string            `json:"image" ref:"image" source:"EC2 imageId; GCE sourceImage; Azure imageReference; Nova image" help:"The id of the image it was made from; empty if the provider forgets it."`
	Location       string            `json:"location" ref:"location" source:"EC2 availabilityZone; GCE zone; Azure location; Nova availability zone" help:"The id of where it runs."`
	KeyPair        string            `json:"key_pair" ref:"key_pair" source:"EC2 keyName; Nova key_name" help:"The key pair that was put into it at its start."`
	Networks       []string          `json:"networks" ref:"network" source:"EC2 vpcId; GCE network; Nova addresses" help:"The ids of the networks it is in."`
	Subnets        []string          `json:"subnets" ref:"subnet" source:"EC2 subnetId; GCE subnetwork; Azure subnet" help:"The ids of the subnets it is in."`
	SecurityGroups []string          `json:"security_groups" ref:"security_group" source:"EC2 groupSet; GCE firewall tags; Azure NSG; Nova security_groups" help:"The ids of the security groups that guard it."`
	Volumes        []string          `json:"volumes" ref:"volume" source:"EC2 blockDeviceMapping; GCE disks; Azure disks; Nova volumes_attached" help:"The ids of the volumes attached to it, its root disk first."`
	Tags           map[string]string `json:"tags" source:"EC2, Azure tags; GCE labels; Nova metadata" help:"Its labels."`
	CreatedAt      time.Time         `json:"created_at" source:"EC2 launchTime; GCE creationTimestamp; Nova created" help:"When it was made."`
	Extra          map[string]any    `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A Size is a kind of node that can be made: its hardware and its price.
type Size struct {
	ID           string         `json:"id" op:"id" source:"EC2 instanceType; GCE machineType name; Azure size name; Nova flavor id" help:"The provider's identifier."`
	Name         string         `json:"name" help:"What people call it; often the id."`
	VCPUs        int            `json:"vcpus" source:"EC2 vCpuInfo; GCE guestCpus; Azure numberOfCores; Nova vcpus" help:"Virtual processors."`
	RAM          int            `json:"ram" unit:"MiB" source:"EC2 memoryInfo; GCE memoryMb; Azure memoryInMB; Nova ram" help:"Memory."`
	Disk         int            `json:"disk" unit:"GiB" source:"EC2 instanceStorageInfo; Azure resourceDiskSizeInMB; Nova disk" help:"The disk that comes with it; 0 if its disks are volumes."`
	GPUs         int            `json:"gpus" source:"EC2 gpuInfo; GCE accelerators" help:"Graphics processors that come with it."`
	Architecture Architecture   `json:"architecture" source:"EC2 processorInfo; GCE architecture; Azure CpuArchitectureType" help:"The processor's architecture; empty if the provider does not say."`
	Price        *float64       `json:"price" unit:"USD/h" source:"the provider's price list" help:"On demand, Linux; None when the provider's API does not tell."`
	Extra        map[string]any `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A Location is a place where nodes and volumes can be.
type Location struct {
	ID      string         `json:"id" op:"id" source:"EC2 zoneName; GCE zone; Azure location; Nova availability zone" help:"The provider's identifier."`
	Name    string         `json:"name" help:"What people call it."`
	Country string         `json:"country" help:"ISO 3166 code of the country; empty if the provider does not say."`
	Region  string         `json:"region" source:"EC2 regionName; GCE region" help:"The region it belongs to."`
	Extra   map[string]any `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// An Image is what a node's root disk is made from.
type Image struct {
	ID           string            `json:"id" op:"id" source:"EC2 imageId; GCE image; Azure URN or id; Glance id" help:"The provider's identifier."`
	Name         string            `json:"name" help:"What its owner calls it."`
	Description  string            `json:"description" help:"What its owner says of it."`
	State        ImageState        `json:"state" source:"EC2 state; GCE status; Azure provisioningState; Glance status" help:"Whether it can be used."`
	Architecture Architecture      `json:"architecture" help:"The architecture it runs on; empty if the provider does not say."`
	Size         int               `json:"size" unit:"GiB" source:"EC2 snapshot volumeSize; GCE diskSizeGb; Glance min_disk" help:"The smallest root disk it fits on."`
	Owner        string            `json:"owner" source:"EC2 ownerId; GCE project; Azure publisher; Glance owner" help:"The account that owns it."`
	Public       bool              `json:"public" help:"Whether everyone can use it."`
	Tags         map[string]string `json:"tags" help:"Its labels."`
	CreatedAt    time.Time         `json:"created_at" help:"When it was made."`
	Extra        map[string]any    `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A KeyPair is an SSH key that nodes are made with.
type KeyPair struct {
	Name        string         `json:"name" op:"id" source:"EC2 keyName; Nova name; Azure SSH public key name" help:"Its name, unique in the account."`
	PublicKey   string         `json:"public_key" help:"In authorized_keys form; empty if the provider does not tell."`
	PrivateKey  op.Secret      `json:"private_key,omitzero" help:"In PEM form, once: in the answer of create_key_pair."`
	Fingerprint string         `json:"fingerprint" help:"Of the public key, as ssh-keygen shows it and the same at every provider: \"SHA256:…\"."`
	CreatedAt   time.Time      `json:"created_at" help:"When it was made; unset if the provider does not say."`
	Extra       map[string]any `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A Volume is a disk that exists by itself and can be attached to a node.
type Volume struct {
	ID        string            `json:"id" op:"id" source:"EC2 volumeId; GCE disk; Azure disk id; Cinder id; libvirt volume key" help:"The provider's identifier."`
	Name      string            `json:"name" help:"The name it was given."`
	Size      int               `json:"size" unit:"GiB" help:"Its size."`
	State     VolumeState       `json:"state" source:"EC2 state; GCE status; Azure diskState; Cinder status" help:"What it is doing."`
	Location  string            `json:"location" ref:"location" help:"The id of where it is."`
	Type      string            `json:"type" source:"EC2 volumeType; GCE type; Azure sku; Cinder volume_type" help:"The provider's kind of disk."`
	Encrypted bool              `json:"encrypted" help:"Whether it is encrypted at rest."`
	Node      string            `json:"node" ref:"node" source:"EC2 attachments; GCE users; Azure managedBy; Cinder attachments" help:"The id of the node it is attached to; empty if to none."`
	Device    string            `json:"device" help:"Its device name in that node, as the provider says it."`
	Snapshot  string            `json:"snapshot" ref:"volume_snapshot" help:"The id of the snapshot it was made from; empty if from none."`
	Tags      map[string]string `json:"tags" help:"Its labels."`
	CreatedAt time.Time         `json:"created_at" help:"When it was made."`
	Extra     map[string]any    `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A VolumeSnapshot is a volume's content at one moment.
type VolumeSnapshot struct {
	ID          string              `json:"id" op:"id" source:"EC2 snapshotId; GCE snapshot; Azure snapshot id; Cinder snapshot id" help:"The provider's identifier."`
	Name        string              `json:"name" help:"The name it was given."`
	Description string              `json:"description" help:"What its owner says of it."`
	Volume      string              `json:"volume" ref:"volume" help:"The id of the volume it was taken of, which may be gone."`
	Size        int                 `json:"size" unit:"GiB" help:"The size of that volume."`
	State       VolumeSnapshotState `json:"state" help:"Whether it can be used."`
	Tags        map[string]string   `json:"tags" help:"Its labels."`
	CreatedAt   time.Time           `json:"created_at" help:"When it was taken."`
	Extra       map[string]any      `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A Network is a private network that nodes can be in.
type Network struct {
	ID    string            `json:"id" op:"id" source:"EC2 vpcId; GCE network; Azure virtual network id; Neutron network id; libvirt network UUID" help:"The provider's identifier."`
	Name  string            `json:"name" help:"The name it was given."`
	CIDR  string            `json:"cidr" source:"EC2 cidrBlock; Azure addressPrefixes" help:"Its range of addresses; empty where only its subnets have one."`
	State string            `json:"state" help:"The provider's own word for its state."`
	Tags  map[string]string `json:"tags" help:"Its labels."`
	Extra map[string]any    `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A Subnet is a range of a network's addresses.
type Subnet struct {
	ID       string            `json:"id" op:"id" source:"EC2 subnetId; GCE subnetwork; Azure subnet id; Neutron subnet id" help:"The provider's identifier."`
	Name     string            `json:"name" help:"The name it was given."`
	Network  string            `json:"network" ref:"network" help:"The id of the network it belongs to."`
	CIDR     string            `json:"cidr" help:"Its range of addresses."`
	Location string            `json:"location" ref:"location" source:"EC2 availabilityZone; GCE region" help:"The id of where it is; empty where it spans them all."`
	Tags     map[string]string `json:"tags" help:"Its labels."`
	Extra    map[string]any    `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A SecurityGroup is a set of rules about who may talk to a node.
type SecurityGroup struct {
	ID          string              `json:"id" op:"id" source:"EC2 groupId; GCE firewall; Azure NSG id; Neutron security group id; libvirt nwfilter" help:"The provider's identifier."`
	Name        string              `json:"name" help:"The name it was given."`
	Description string              `json:"description" help:"What its owner says of it."`
	Network     string              `json:"network" ref:"network" help:"The id of the network it belongs to; empty where it belongs to none."`
	Rules       []SecurityGroupRule `json:"rules" help:"What it allows."`
	Tags        map[string]string   `json:"tags" help:"Its labels."`
	Extra       map[string]any      `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A SecurityGroupRule allows one kind of traffic. Two rules are the same when
// all but their id and description are.
type SecurityGroupRule struct {
	ID          string    `json:"id,omitzero" source:"EC2 securityGroupRuleId; Neutron rule id" help:"The provider's identifier, where a rule has one."`
	Direction   Direction `json:"direction" default:"ingress" help:"Traffic to the node, or from it."`
	Protocol    Protocol  `json:"protocol" default:"tcp" help:"What it carries."`
	FromPort    int       `json:"from_port,omitzero" help:"The first port; 0 for all ports, and for protocols without ports."`
	ToPort      int       `json:"to_port,omitzero" help:"The last port; 0 means from_port alone."`
	CIDR        string    `json:"cidr,omitzero" help:"The other side's addresses: \"0.0.0.0/0\" is everyone on IPv4."`
	Group       string    `json:"group,omitzero" ref:"security_group" help:"Instead of cidr: the nodes of this security group."`
	Description string    `json:"description,omitzero" help:"What it is for."`
}

// An Address is a public IP address that belongs to the account, whatever node it leads to.
type Address struct {
	ID       string            `json:"id" op:"id" source:"EC2 allocationId; GCE address; Azure public IP id; Neutron floating IP id" help:"The provider's identifier."`
	Name     string            `json:"name" help:"The name it was given; empty where addresses have none."`
	IP       string            `json:"ip" help:"The address."`
	Node     string            `json:"node" ref:"node" help:"The id of the node it leads to; empty if to none."`
	Location string            `json:"location" ref:"location" help:"The id of where it can be used; empty if everywhere."`
	Tags     map[string]string `json:"tags" help:"Its labels."`
	Extra    map[string]any    `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// NodeState is what a node is doing; the names are libcloud's.
type NodeState string

const (
	NodeRunning       NodeState = "running"
	NodeStarting      NodeState = "starting"
	NodeRebooting     NodeState = "rebooting"
	NodeTerminated    NodeState = "terminated"
	NodePending       NodeState = "pending"
	NodeUnknown       NodeState = "unknown"
	NodeStopping      NodeState = "stopping"
	NodeStopped       NodeState = "stopped"
	NodeSuspended     NodeState = "suspended"
	NodeError         NodeState = "error"
	NodePaused        NodeState = "paused"
	NodeReconfiguring NodeState = "reconfiguring"
	NodeMigrating     NodeState = "migrating"
	NodeNormal        NodeState = "normal"
	NodeUpdating      NodeState = "updating"
)

// Values makes NodeState an enumeration.
func (NodeState) Values() []string {
	return []string{"running", "starting", "rebooting", "terminated", "pending", "unknown", "stopping", "stopped",
		"suspended", "error", "paused", "reconfiguring", "migrating", "normal", "updating"}
}

// VolumeState is what a volume is doing; the names are libcloud's.
type VolumeState string

const (
	VolumeAvailable VolumeState = "available"
	VolumeError     VolumeState = "error"
	VolumeInUse     VolumeState = "inuse"
	VolumeCreating  VolumeState = "creating"
	VolumeDeleting  VolumeState = "deleting"
	VolumeDeleted   VolumeState = "deleted"
	VolumeBackup    VolumeState = "backup"
	VolumeAttaching VolumeState = "attaching"
	VolumeUnknown   VolumeState = "unknown"
	VolumeMigrating VolumeState = "migrating"
	VolumeUpdating  VolumeState = "updating"
)

// Values makes VolumeState an enumeration.
func (VolumeState) Values() []string {
	return []string{"available", "error", "inuse", "creating", "deleting", "deleted", "backup", "attaching", "unknown", "migrating", "updating"}
}

// VolumeSnapshotState is whether a snapshot can be used; the names are libcloud's.
type VolumeSnapshotState string

const (
	SnapshotAvailable VolumeSnapshotState = "available"
	SnapshotError     VolumeSnapshotState = "error"
	SnapshotCreating  VolumeSnapshotState = "creating"
	SnapshotDeleting  VolumeSnapshotState = "deleting"
	SnapshotRestoring VolumeSnapshotState = "restoring"
	SnapshotUnknown   VolumeSnapshotState = "unknown"
	SnapshotUpdating  VolumeSnapshotState = "updating"
)

// Values makes VolumeSnapshotState an enumeration.
func (VolumeSnapshotState) Values() []string {
	return []string{"available", "error", "creating", "deleting", "restoring", "unknown", "updating"}
}

// ImageState is whether an image can be used.
type ImageState string

const (
	ImageAvailable ImageState = "available"
	ImagePending   ImageState = "pending"
	ImageError     ImageState = "error"
	ImageDeleting  ImageState = "deleting"
	ImageDeleted   ImageState = "deleted"
	ImageUnknown   ImageState = "unknown"
)

// Values makes ImageState an enumeration.
func (ImageState) Values() []string {
	return []string{"available", "pending", "error", "deleting", "deleted", "unknown"}
}

// Architecture is a processor's instruction set.
type Architecture string

const (
	X86_64 Architecture = "x86_64"
	ARM64  Architecture = "arm64"
	I386   Architecture = "i386"
)

// Values makes Architecture an enumeration.
func (Architecture) Values() []string { return []string{"x86_64", "arm64", "i386"} }

// Direction is where traffic goes, seen from the node.
type Direction string

const (
	Ingress Direction = "ingress"
	Egress  Direction = "egress"
)

// Values makes Direction an enumeration.
func (Direction) Values() []string { return []string{"ingress", "egress"} }

// Protocol is what a security group's rule lets through.
type Protocol string

const (
	TCP          Protocol = "tcp"
	UDP          Protocol = "udp"
	ICMP         Protocol = "icmp"
	AllProtocols Protocol = "all"
)

// Values makes Protocol an enumeration.
func (Protocol) Values() []string { return []string{"tcp", "udp", "icmp", "all"} }
