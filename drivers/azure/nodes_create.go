package azure

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// nodeExtra is what create_node takes beyond the contract.
type nodeExtra struct {
	Zone                  string         `json:"zone,omitzero" help:"The availability zone: \"1\", \"2\" or \"3\"."`
	Spot                  bool           `json:"spot,omitzero" help:"A spot VM, which Azure may take back at any time: it is then deallocated."`
	MaxPrice              float64        `json:"max_price,omitzero" unit:"USD/h" help:"The most that a spot VM may cost; the regular price if not given."`
	RootDiskType          string         `json:"root_disk_type,omitzero" help:"The type of its root disk, as StandardSSD_LRS; Premium_LRS where the size has it if not given."`
	EphemeralRootDisk     bool           `json:"ephemeral_root_disk,omitzero" help:"Keep the root disk on the host: faster, and lost when the node is stopped."`
	Hibernation           bool           `json:"hibernation,omitzero" help:"Let it be suspended: its size and image must be able to."`
	AcceleratedNetworking bool           `json:"accelerated_networking,omitzero" help:"Give it direct access to the network hardware: its size must be able to."`
	IPForwarding          bool           `json:"ip_forwarding,omitzero" help:"Let it send what is not from its own address."`
	Identities            []string       `json:"identities,omitzero" help:"The ids of user-assigned managed identities that it acts as."`
	SystemIdentity        bool           `json:"system_identity,omitzero" help:"Give it a managed identity of its own."`
	AdminPassword         drivers.Secret `json:"admin_password,omitzero" help:"The password of ssh_user: for Windows, and for Linux instead of key_pair."`
	Specialized           bool           `json:"specialized,omitzero" help:"The image is specialized: it has users and a host name already, and takes neither key_pair nor user_data."`
	SecurityType          string         `json:"security_type,omitzero" help:"TrustedLaunch or ConfidentialVM; that of the image if not given."`
	EncryptionAtHost      bool           `json:"encryption_at_host,omitzero" help:"Encrypt what is cached on the host too."`
	LicenseType           string         `json:"license_type,omitzero" help:"A licence of one's own, as RHEL_BYOS or Windows_Server."`
	AvailabilitySet       string         `json:"availability_set,omitzero" help:"Azure's id of an availability set to be in."`
	ProximityGroup        string         `json:"proximity_group,omitzero" help:"Azure's id of a proximity placement group to be in."`
	Plan                  string         `json:"plan,omitzero" help:"The plan of an image that is sold by a third party, as Publisher:Product:Name; its terms must have been accepted."`
}

// A draft is a virtual machine that is to be made, but for its name.
type draft struct {
	a        *api
	group    string
	location string
	in       compute.CreateNode
	extra    nodeExtra
	subnets  []string // Azure's ids
	public   bool
	guard    string   // Azure's id of its security group
	members  []string // of its application security groups
	key      string   // in the form of authorized_keys
	network  string   // Azure's id of a network that was made for it
}

// CreateNode has Azure make the machine with its disk, interface and address
// in one request: all of them are there or none, and go together.
func (d *computeDriver) CreateNode(ctx context.Context, in compute.CreateNode) (compute.Node, error) {
	nodes, err := d.createNodes(ctx, in, []string{in.Name})
	if err != nil {
		return compute.Node{}, err
	}
	return nodes[0], nil
}

func (d *computeDriver) CreateNodes(ctx context.Context, in compute.CreateNodes) ([]compute.Node, error) {
	if in.Count < 1 {
		return nil, op.Errorf(op.InvalidArgument, "count is %d: it must be 1 or more", in.Count)
	}
	names := make([]string, in.Count)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", in.Name, i+1)
	}
	return d.createNodes(ctx, in.CreateNode, names)
}

// createNodes makes all of them or none.
func (d *computeDriver) createNodes(ctx context.Context, in compute.CreateNode, names []string) ([]compute.Node, error) {
	for _, name := range names {
		if err := named("a node", name, 64); err != nil {
			return nil, err
		}
	}
	token := op.Token(ctx)
	plan, err := d.plan(ctx, in, token)
	if err != nil {
		return nil, err
	}
	nodes := make([]compute.Node, len(names))
	made := make([]bool, len(names))
	var tasks []func() error
	slots := make(chan struct{}, 8)
	for i, name := range names {
		tasks = append(tasks, func() error {
			slots <- struct{}{}
			defer func() { <-slots }()
			vm, err := d.createVM(ctx, plan, name, token)
			if err != nil {
				return err
			}
			nodes[i], made[i] = plan.node(vm), true
			return nil
		})
	}
	if err := together(tasks...); err != nil {
		return nil, d.abandon(ctx, plan, names, made, err)
	}
	return nodes, nil
}

// node is a new node. Where it is connected to, Azure's answer does not say yet.
func (p *draft) node(vm *armcompute.VirtualMachine) compute.Node {
	n := nodeOf(vm, nil)
	for _, path := range p.subnets {
		if r, ok := refOf(path); ok && len(r.names) == 2 {
			n.Subnets = append(n.Subnets, r.String())
			n.Networks = append(n.Networks, ref{r.group, r.names[:1]}.String())
		}
	}
	n.Networks = slices.Compact(n.Networks)
	if p.guard != "" {
		n.SecurityGroups = append(n.SecurityGroups, shortID(&p.guard))
	}
	return n
}

// createVM makes one machine. That it must be a new one is Azure's to see to;
// one that has the call's token is what an attempt before made.
func (d *computeDriver) createVM(ctx context.Context, plan *draft, name, token string) (*armcompute.VirtualMachine, error) {
	vm := plan.machine(name, d.sshUser, token)
	out, err := begin[armcompute.VirtualMachine](ctx, func(ctx context.Context) (*runtime.Poller[armcompute.VirtualMachinesClientCreateOrUpdateResponse], error) {
		return plan.a.vms.BeginCreateOrUpdate(ctx, plan.group, name, vm, &armcompute.VirtualMachinesClientBeginCreateOrUpdateOptions{IfNoneMatch: pointer("*")})
	})
	if err != nil && ctx.Err() != nil {
		// Azure may have taken the request all the same, and nobody will ask for the node.
		return nil, halfMade(ctx, "node", ref{plan.group, []string{name}}, token, err, func(ctx context.Context) (map[string]*string, error) {
			found, err := plan.a.vms.Get(ctx, plan.group, name, nil)
			return found.Tags, err
		}, func(ctx context.Context) error { return start(plan.a.vms.BeginDelete(ctx, plan.group, name, nil)) })
	}
	if k := op.KindOf(err); k != op.Conflict && k != op.AlreadyExists {
		return out, err
	}
	have, missing := get(plan.a.vms.Get(ctx, plan.group, name, nil))
	switch {
	case missing != nil:
		return nil, err // another conflict
	case value(have.Tags[tokenTag]) == token:
		return &have.VirtualMachine, nil
	}
	return nil, &op.Error{Kind: op.AlreadyExists, Message: fmt.Sprintf("there is a node %s already", ref{plan.group, []string{name}}), Code: op.AsError(err).Code,
		RequestID: op.AsError(err).RequestID, Err: err}
}

// abandon removes what was made before err, and returns err, which says what
// could not be removed.
func (d *computeDriver) abandon(ctx context.Context, plan *draft, names []string, made []bool, cause error) error {
	ctx, cancel := undo(ctx)
	defer cancel()
	var mu sync.Mutex
	var left []string
	var tasks []func() error
	for i, name := range names {
		if made[i] {
			tasks = append(tasks, func() error {
				_, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armcompute.VirtualMachinesClientDeleteResponse], error) {
					return plan.a.vms.BeginDelete(ctx, plan.group, name, nil)
				})
				if err != nil {
					mu.Lock()
					defer mu.Unlock()
					left = append(left, "node "+ref{plan.group, []string{name}}.String())
				}
				return nil
			})
		}
	}
	_ = together(tasks...)
	if r, ok := refOf(plan.network); ok {
		// Another call may use it by now: then Azure refuses, which is right.
		if err := start(plan.a.networks.BeginDelete(ctx, r.group, r.name(), nil)); err != nil && op.KindOf(err) != op.NotFound && op.KindOf(err) != op.Conflict {
			left = append(left, "network "+r.String())
		}
	}
	e := *op.AsError(cause)
	if len(left) > 0 {
		slices.Sort(left)
		e.Message += "; what was made before could not be removed: " + strings.Join(left, ", ")
	}
	return &e
}

// plan finds what a new node refers to.
func (d *computeDriver) plan(ctx context.Context, in compute.CreateNode, token string) (*draft, error) {
	extra, err := op.Extra[nodeExtra](in.Extra)
	if err != nil {
		return nil, err
	}
	p := &draft{in: in, extra: extra}
	if p.a, p.group, err = d.into(ctx); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if p.location, err = d.at(in.Location); err != nil {
		return nil, err
	}
	if in.KeyPair != "" {
		k, err := d.keyPair(ctx, in.KeyPair)
		if err != nil {
			return nil, err
		}
		if k.Fingerprint == "" {
			return nil, op.Errorf(op.Conflict, "the key pair %s has no public key that could be put into a node", in.KeyPair)
		}
		// The comment is how the node knows its key pair by name.
		p.key = strings.Join(strings.Fields(k.PublicKey)[:2], " ") + " " + in.KeyPair
	} else if extra.AdminPassword == "" && !extra.Specialized {
		// Azure makes no machine that nobody can get into. user_data lets in whom it likes.
		_, public, err := sshkey.New(nobody)
		if err != nil {
			return nil, err
		}
		p.key = public.Line + " " + nobody
	}
	if len(in.SecurityGroups) > 0 {
		if err := d.guard(ctx, p); err != nil {
			return nil, err
		}
	}
	return p, d.connect(ctx, p, token)
}

// nobody is the name of a key whose private half was never kept.
const nobody = "cloudlark-nobody"

// check refuses what Azure would, or would pass over.
func (p *draft) check() error {
	in, extra := p.in, p.extra
	switch {
	case in.RootDisk < 0:
		return op.Errorf(op.InvalidArgument, "root_disk is %d GiB: it cannot be negative", in.RootDisk)
	case len(in.SecurityGroups) > 1:
		return op.Errorf(op.InvalidArgument, "there are %d security groups: a network interface has one at Azure", len(in.SecurityGroups))
	case len(in.Subnets) > 0 && len(in.Networks) > 0:
		return op.Errorf(op.InvalidArgument, "there are networks and subnets: one of the two will do")
	case extra.MaxPrice != 0 && !extra.Spot:
		return op.Errorf(op.InvalidArgument, "extra: max_price is for spot nodes")
	case extra.Specialized && (in.KeyPair != "" || in.UserData != "" || extra.AdminPassword != ""):
		return op.Errorf(op.InvalidArgument, "extra: a specialized image takes neither key_pair nor user_data nor admin_password")
	}
	if _, err := imageReference("", in.Image, nil); err != nil {
		return err
	}
	if extra.Plan != "" && strings.Count(extra.Plan, ":") != 2 {
		return op.Errorf(op.InvalidArgument, "extra: plan is %q: it would be Publisher:Product:Name", extra.Plan)
	}
	return nil
}

// machine is the virtual machine that Azure is to make.
func (p *draft) machine(name, user, token string) armcompute.VirtualMachine {
	in, extra := p.in, p.extra
	image, _ := imageReference(p.group, in.Image, p.a)
	disk := &armcompute.OSDisk{Name: pointer(name + "-os"), CreateOption: pointer(armcompute.DiskCreateOptionTypesFromImage), DeleteOption: pointer(armcompute.DiskDeleteOptionTypesDelete),
		DiskSizeGB: given(int32(in.RootDisk))}
	if extra.RootDiskType != "" {
		disk.ManagedDisk = &armcompute.ManagedDiskParameters{StorageAccountType: pointer(armcompute.StorageAccountTypes(extra.RootDiskType))}
	}
	if extra.EphemeralRootDisk {
		disk.Caching = pointer(armcompute.CachingTypesReadOnly)
		disk.DiffDiskSettings = &armcompute.DiffDiskSettings{Option: pointer(armcompute.DiffDiskOptionsLocal)}
	}
	vm := armcompute.VirtualMachine{Location: &p.location, Tags: tagsFor(in.Tags, "", token), Properties: &armcompute.VirtualMachineProperties{
		HardwareProfile:    &armcompute.HardwareProfile{VMSize: pointer(armcompute.VirtualMachineSizeTypes(in.Size))},
		StorageProfile:     &armcompute.StorageProfile{ImageReference: image, OSDisk: disk},
		NetworkProfile:     &armcompute.NetworkProfile{NetworkAPIVersion: pointer(armcompute.NetworkAPIVersionTwoThousandTwentyTwo1101), NetworkInterfaceConfigurations: p.interfaces(name, token)},
		DiagnosticsProfile: &armcompute.DiagnosticsProfile{BootDiagnostics: &armcompute.BootDiagnostics{Enabled: pointer(true)}},
		LicenseType:        given(extra.LicenseType),
	}}
	if !extra.Specialized {
		vm.Properties.OSProfile = p.system(name, user)
	}
	p.apply(&vm)
	return vm
}

// system is what the machine's operating system is told at its first start.
func (p *draft) system(name, user string) *armcompute.OSProfile {
	host := strings.NewReplacer("_", "-", ".", "-").Replace(name)
	o := &armcompute.OSProfile{AdminUsername: &user, ComputerName: &host}
	if p.extra.AdminPassword != "" {
		o.AdminPassword = pointer(p.extra.AdminPassword.Reveal())
	}
	if p.key != "" {
		o.LinuxConfiguration = &armcompute.LinuxConfiguration{DisablePasswordAuthentication: pointer(p.extra.AdminPassword == ""),
			SSH: &armcompute.SSHConfiguration{PublicKeys: []*armcompute.SSHPublicKey{{Path: pointer("/home/" + user + "/.ssh/authorized_keys"), KeyData: &p.key}}}}
	}
	if p.in.UserData != "" {
		o.CustomData = pointer(base64.StdEncoding.EncodeToString([]byte(p.in.UserData)))
	}
	return o
}

// apply is the rest of extra.
func (p *draft) apply(vm *armcompute.VirtualMachine) {
	e := p.extra
	if e.Zone != "" {
		vm.Zones = []*string{&e.Zone}
	}
	if e.Spot {
		vm.Properties.Priority = pointer(armcompute.VirtualMachinePriorityTypesSpot)
		vm.Properties.EvictionPolicy = pointer(armcompute.VirtualMachineEvictionPolicyTypesDeallocate)
		if e.MaxPrice != 0 {
			vm.Properties.BillingProfile = &armcompute.BillingProfile{MaxPrice: &e.MaxPrice}
		}
	}
	if e.Hibernation {
		vm.Properties.AdditionalCapabilities = &armcompute.AdditionalCapabilities{HibernationEnabled: pointer(true)}
	}
	if e.SystemIdentity || len(e.Identities) > 0 {
		kind := armcompute.ResourceIdentityTypeSystemAssigned
		switch {
		case e.SystemIdentity && len(e.Identities) > 0:
			kind = armcompute.ResourceIdentityTypeSystemAssignedUserAssigned
		case !e.SystemIdentity:
			kind = armcompute.ResourceIdentityTypeUserAssigned
		}
		vm.Identity = &armcompute.VirtualMachineIdentity{Type: &kind, UserAssignedIdentities: map[string]*armcompute.UserAssignedIdentitiesValue{}}
		for _, id := range e.Identities {
			vm.Identity.UserAssignedIdentities[id] = &armcompute.UserAssignedIdentitiesValue{}
		}
	}
	if e.SecurityType != "" || e.EncryptionAtHost {
		vm.Properties.SecurityProfile = &armcompute.SecurityProfile{SecurityType: given(armcompute.SecurityTypes(e.SecurityType)), EncryptionAtHost: given(e.EncryptionAtHost)}
		if e.SecurityType != "" {
			vm.Properties.SecurityProfile.UefiSettings = &armcompute.UefiSettings{SecureBootEnabled: pointer(true), VTpmEnabled: pointer(true)}
		}
	}
	if e.AvailabilitySet != "" {
		vm.Properties.AvailabilitySet = &armcompute.SubResource{ID: &e.AvailabilitySet}
	}
	if e.ProximityGroup != "" {
		vm.Properties.ProximityPlacementGroup = &armcompute.SubResource{ID: &e.ProximityGroup}
	}
	if part := strings.Split(e.Plan, ":"); len(part) == 3 {
		vm.Plan = &armcompute.Plan{Publisher: &part[0], Product: &part[1], Name: &part[2]}
	}
}

// interfaces are one for each subnet. The first has the public address.
func (p *draft) interfaces(name, token string) []*armcompute.VirtualMachineNetworkInterfaceConfiguration {
	var list []*armcompute.VirtualMachineNetworkInterfaceConfiguration
	for i, subnet := range p.subnets {
		ip := &armcompute.VirtualMachineNetworkInterfaceIPConfigurationProperties{Primary: pointer(true), Subnet: &armcompute.SubResource{ID: &subnet}}
		for _, id := range p.members {
			ip.ApplicationSecurityGroups = append(ip.ApplicationSecurityGroups, &armcompute.SubResource{ID: &id})
		}
		if i == 0 && p.public {
			ip.PublicIPAddressConfiguration = &armcompute.VirtualMachinePublicIPAddressConfiguration{Name: pointer(name + "-ip"), Tags: tagsFor(p.in.Tags, "", token),
				SKU:        &armcompute.PublicIPAddressSKU{Name: pointer(armcompute.PublicIPAddressSKUNameStandard), Tier: pointer(armcompute.PublicIPAddressSKUTierRegional)},
				Properties: &armcompute.VirtualMachinePublicIPAddressConfigurationProperties{DeleteOption: pointer(armcompute.DeleteOptionsDelete), PublicIPAllocationMethod: pointer(armcompute.PublicIPAllocationMethodStatic)}}
		}
		nic := name + "-nic"
		if i > 0 {
			nic = fmt.Sprintf("%s-%d", nic, i+1)
		}
		c := &armcompute.VirtualMachineNetworkInterfaceConfigurationProperties{Primary: pointer(i == 0), DeleteOption: pointer(armcompute.DeleteOptionsDelete),
			EnableAcceleratedNetworking: given(p.extra.AcceleratedNetworking), EnableIPForwarding: given(p.extra.IPForwarding),
			IPConfigurations: []*armcompute.VirtualMachineNetworkInterfaceIPConfiguration{{Name: pointer("primary"), Properties: ip}}}
		if p.guard != "" {
			c.NetworkSecurityGroup = &armcompute.SubResource{ID: &p.guard}
		}
		list = append(list, &armcompute.VirtualMachineNetworkInterfaceConfiguration{Name: &nic, Properties: c, Tags: tagsFor(p.in.Tags, "", token)})
	}
	return list
}
