package azure

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Azure tells what a virtual machine is, what it is doing, its interfaces and
// its addresses each in a list of its own. surroundings are the last three, by
// id in small letters.
type surroundings struct {
	views map[string]*armcompute.VirtualMachineInstanceView
	nics  map[string]*armnetwork.Interface
	ips   map[string]*armnetwork.PublicIPAddress
}

// around keeps the surroundings of lists that are under way, so that a list
// costs the pages of four lists, and not those of three for each page. What is
// not kept, because a list went on elsewhere or too many are under way, is
// asked for again.
type around struct {
	mu    sync.Mutex
	lists map[string]*surroundings
	order []string
}

// underWay is how many lists are kept.
const underWay = 8

func (a *around) get(list string) *surroundings {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lists[list]
}

func (a *around) put(list string, s *surroundings) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lists == nil {
		a.lists = map[string]*surroundings{}
	}
	a.lists[list] = s
	if a.order = append(a.order, list); len(a.order) > underWay {
		delete(a.lists, a.order[0])
		a.order = a.order[1:]
	}
}

func (a *around) drop(list string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.lists, list)
	a.order = slices.DeleteFunc(a.order, func(s string) bool { return s == list })
}

// surroundings asks for all three at once.
func (d *computeDriver) surroundings(ctx context.Context) (*surroundings, error) {
	s := &surroundings{views: map[string]*armcompute.VirtualMachineInstanceView{}, nics: map[string]*armnetwork.Interface{}, ips: map[string]*armnetwork.PublicIPAddress{}}
	err := together(
		func() error {
			vms, err := all(ctx, func(ctx context.Context, cursor string) ([]*armcompute.VirtualMachine, string, error) {
				a, err := d.api(ctx)
				if err != nil {
					return nil, "", err
				}
				pager := a.vms.NewListAllPager(&armcompute.VirtualMachinesClientListAllOptions{StatusOnly: pointer("true")})
				return page(ctx, cursor, pager, func(r armcompute.VirtualMachinesClientListAllResponse) ([]*armcompute.VirtualMachine, *string) {
					return r.Value, r.NextLink
				})
			})
			for _, vm := range vms {
				if vm.Properties != nil {
					s.views[strings.ToLower(value(vm.ID))] = vm.Properties.InstanceView
				}
			}
			return err
		},
		func() error {
			nics, err := all(ctx, d.nicPage)
			for _, n := range nics {
				s.nics[strings.ToLower(value(n.ID))] = n
			}
			return err
		},
		func() error {
			ips, err := all(ctx, d.ipPage)
			for _, p := range ips {
				s.ips[strings.ToLower(value(p.ID))] = p
			}
			return err
		})
	return s, err
}

// together does them at once, and returns what went wrong.
func together(all ...func() error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// nicPage is a page of the subscription's network interfaces: a node may have
// one of another resource group.
func (m *manager) nicPage(ctx context.Context, cursor string) ([]*armnetwork.Interface, string, error) {
	a, err := m.api(ctx)
	if err != nil {
		return nil, "", err
	}
	return page(ctx, cursor, a.nics.NewListAllPager(nil), func(r armnetwork.InterfacesClientListAllResponse) ([]*armnetwork.Interface, *string) {
		return r.Value, r.NextLink
	})
}

// ipPage is a page of the subscription's public addresses.
func (m *manager) ipPage(ctx context.Context, cursor string) ([]*armnetwork.PublicIPAddress, string, error) {
	a, err := m.api(ctx)
	if err != nil {
		return nil, "", err
	}
	return page(ctx, cursor, a.ips.NewListAllPager(nil), func(r armnetwork.PublicIPAddressesClientListAllResponse) ([]*armnetwork.PublicIPAddress, *string) {
		return r.Value, r.NextLink
	})
}

// vmPage is a page of the virtual machines, of the session's group if it has one.
func (m *manager) vmPage(ctx context.Context, cursor string) ([]*armcompute.VirtualMachine, string, error) {
	a, err := m.api(ctx)
	if err != nil {
		return nil, "", err
	}
	if m.group != "" {
		return page(ctx, cursor, a.vms.NewListPager(m.group, nil), func(r armcompute.VirtualMachinesClientListResponse) ([]*armcompute.VirtualMachine, *string) {
			return r.Value, r.NextLink
		})
	}
	return page(ctx, cursor, a.vms.NewListAllPager(nil), func(r armcompute.VirtualMachinesClientListAllResponse) ([]*armcompute.VirtualMachine, *string) {
		return r.Value, r.NextLink
	})
}

func (d *computeDriver) ListNodes(ctx context.Context, _ compute.ListNodes) iter.Seq2[compute.Node, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Node, string, error) {
		list, link, _ := strings.Cut(cursor, " ")
		near := d.lists.get(list)
		// The machines first: who is in that list has its interfaces in the later ones.
		vms, next, err := d.vmPage(ctx, link)
		if err != nil {
			return nil, "", err
		}
		if near == nil && len(vms) > 0 {
			if near, err = d.surroundings(ctx); err != nil {
				return nil, "", err
			}
		}
		nodes := make([]compute.Node, len(vms))
		for i, vm := range vms {
			nodes[i] = nodeOf(vm, near)
		}
		switch {
		case next == "":
			d.lists.drop(list)
			return nodes, "", nil
		case list == "":
			list = rand.Text()
		}
		if near != nil && d.lists.get(list) == nil {
			d.lists.put(list, near)
		}
		return nodes, list + " " + next, nil
	})
}

// vm looks a virtual machine up, with what it is doing.
func (d *computeDriver) vm(ctx context.Context, id string) (*api, ref, *armcompute.VirtualMachine, error) {
	r, err := d.ref("node", id, 1)
	if err != nil {
		return nil, r, nil, err
	}
	a, err := d.api(ctx)
	if err != nil {
		return nil, r, nil, err
	}
	out, err := get(a.vms.Get(ctx, r.group, r.name(), &armcompute.VirtualMachinesClientGetOptions{Expand: pointer(armcompute.InstanceViewTypesInstanceView)}))
	return a, r, &out.VirtualMachine, err
}

// GetNode asks for the machine, its interfaces, and their addresses.
func (d *computeDriver) GetNode(ctx context.Context, in compute.GetNode) (compute.Node, error) {
	a, _, vm, err := d.vm(ctx, in.Node)
	if err != nil {
		return compute.Node{}, err
	}
	near, err := nearOf(ctx, a, vm)
	if err != nil {
		return compute.Node{}, err
	}
	return nodeOf(vm, near), nil
}

// nearOf is the surroundings of one machine.
func nearOf(ctx context.Context, a *api, vm *armcompute.VirtualMachine) (*surroundings, error) {
	s := &surroundings{views: map[string]*armcompute.VirtualMachineInstanceView{}, nics: map[string]*armnetwork.Interface{}, ips: map[string]*armnetwork.PublicIPAddress{}}
	for _, path := range interfacesOf(vm) {
		r, ok := refOf(path)
		if !ok {
			continue
		}
		nic, err := get(a.nics.Get(ctx, r.group, r.name(), nil))
		if op.KindOf(err) == op.NotFound { // on its way out
			continue
		} else if err != nil {
			return nil, err
		}
		s.nics[strings.ToLower(path)] = &nic.Interface
		for _, c := range configurations(&nic.Interface) {
			if c.PublicIPAddress == nil {
				continue
			}
			r, ok := refOf(value(c.PublicIPAddress.ID))
			if !ok {
				continue
			}
			ip, err := get(a.ips.Get(ctx, r.group, r.name(), nil))
			if err != nil && op.KindOf(err) != op.NotFound {
				return nil, err
			}
			s.ips[strings.ToLower(value(c.PublicIPAddress.ID))] = &ip.PublicIPAddress
		}
	}
	return s, nil
}

// interfacesOf are the ids of a machine's network interfaces, the primary first.
func interfacesOf(vm *armcompute.VirtualMachine) []string {
	if vm.Properties == nil || vm.Properties.NetworkProfile == nil {
		return nil
	}
	var list []string
	for _, n := range vm.Properties.NetworkProfile.NetworkInterfaces {
		if n.Properties != nil && value(n.Properties.Primary) {
			list = slices.Insert(list, 0, value(n.ID))
		} else {
			list = append(list, value(n.ID))
		}
	}
	return list
}

// configurations are an interface's IP configurations, the primary first.
func configurations(n *armnetwork.Interface) []*armnetwork.InterfaceIPConfigurationPropertiesFormat {
	if n.Properties == nil {
		return nil
	}
	var list []*armnetwork.InterfaceIPConfigurationPropertiesFormat
	for _, c := range n.Properties.IPConfigurations {
		switch {
		case c.Properties == nil:
		case value(c.Properties.Primary):
			list = slices.Insert(list, 0, c.Properties)
		default:
			list = append(list, c.Properties)
		}
	}
	return list
}

func nodeOf(vm *armcompute.VirtualMachine, near *surroundings) compute.Node {
	n := compute.Node{ID: shortID(vm.ID), Name: value(vm.Name), State: compute.NodeUnknown, PublicIPs: []string{}, PrivateIPs: []string{}, Location: place(value(vm.Location)),
		Networks: []string{}, Subnets: []string{}, SecurityGroups: []string{}, Volumes: []string{}, Tags: tagsOf(vm.Tags), Extra: map[string]any{}}
	if len(vm.Zones) > 0 {
		n.Extra["zone"] = value(vm.Zones[0])
	}
	p := vm.Properties
	if p == nil {
		return n
	}
	view := p.InstanceView
	if view == nil && near != nil {
		view = near.views[strings.ToLower(value(vm.ID))]
	}
	n.State, n.CreatedAt = stateOf(value(p.ProvisioningState), view), when(p.TimeCreated)
	if p.HardwareProfile != nil {
		n.Size = text(p.HardwareProfile.VMSize)
	}
	if s := p.StorageProfile; s != nil {
		n.Image = imageID(s.ImageReference)
		if s.OSDisk != nil && s.OSDisk.ManagedDisk != nil && s.OSDisk.ManagedDisk.ID != nil {
			n.Volumes = append(n.Volumes, shortID(s.OSDisk.ManagedDisk.ID))
			n.Extra["osType"] = text(s.OSDisk.OSType)
		}
		luns := map[string]any{}
		for _, disk := range s.DataDisks {
			if disk.ManagedDisk != nil && disk.ManagedDisk.ID != nil {
				n.Volumes = append(n.Volumes, shortID(disk.ManagedDisk.ID))
				luns[shortID(disk.ManagedDisk.ID)] = int(value(disk.Lun))
			}
		}
		n.Extra["luns"] = luns
	}
	if o := p.OSProfile; o != nil {
		n.Extra["adminUsername"], n.Extra["computerName"] = value(o.AdminUsername), value(o.ComputerName)
		if o.LinuxConfiguration != nil && o.LinuxConfiguration.SSH != nil {
			for _, k := range o.LinuxConfiguration.SSH.PublicKeys {
				if key, err := sshkey.Parse(value(k.KeyData)); err == nil && n.KeyPair == "" && key.Comment != nobody {
					n.KeyPair = key.Comment
				}
			}
		}
	}
	n.Extra["vmId"], n.Extra["priority"], n.Extra["licenseType"] = value(p.VMID), text(p.Priority), value(p.LicenseType)
	if s := value(p.ProvisioningState); s != "Succeeded" {
		n.Extra["provisioningState"] = s
	}
	if message := complaint(view); message != "" {
		n.Extra["message"] = message
	}
	var nics []string
	for _, path := range interfacesOf(vm) {
		nics = append(nics, shortID(&path))
		if near != nil {
			connected(&n, near, near.nics[strings.ToLower(path)])
		}
	}
	n.Extra["networkInterfaces"] = nics
	extras(n.Extra)
	return n
}

// connected tells a node what one of its interfaces knows.
func connected(n *compute.Node, near *surroundings, nic *armnetwork.Interface) {
	if nic == nil {
		return
	}
	add := func(list *[]string, s string) {
		if s != "" && !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	for _, c := range configurations(nic) {
		add(&n.PrivateIPs, value(c.PrivateIPAddress))
		if c.PublicIPAddress != nil {
			if ip := near.ips[strings.ToLower(value(c.PublicIPAddress.ID))]; ip != nil && ip.Properties != nil {
				add(&n.PublicIPs, value(ip.Properties.IPAddress))
			}
		}
		if c.Subnet != nil {
			if r, ok := refOf(value(c.Subnet.ID)); ok && len(r.names) == 2 {
				add(&n.Subnets, r.String())
				add(&n.Networks, ref{r.group, r.names[:1]}.String())
			}
		}
	}
	if g := nic.Properties.NetworkSecurityGroup; g != nil {
		add(&n.SecurityGroups, shortID(g.ID))
	}
}

// powers are what a virtual machine is doing, by the code of its power state.
var powers = map[string]compute.NodeState{
	"running":      compute.NodeRunning,
	"starting":     compute.NodeStarting,
	"stopping":     compute.NodeStopping,
	"stopped":      compute.NodeStopped,
	"deallocating": compute.NodeStopping,
	"deallocated":  compute.NodeStopped,
	"unknown":      compute.NodeUnknown,
}

// provisions are what Azure is doing with a virtual machine, where that says
// more than its power state.
var provisions = map[string]compute.NodeState{
	"Creating":  compute.NodePending,
	"Deleting":  compute.NodeStopping,
	"Migrating": compute.NodeMigrating,
}

func stateOf(provisioning string, view *armcompute.VirtualMachineInstanceView) compute.NodeState {
	if s, ok := provisions[provisioning]; ok {
		return s
	}
	power := codeOf(view, "PowerState/")
	if strings.EqualFold(codeOf(view, "HibernationState/"), "Hibernated") && (power == "deallocated" || power == "stopped") {
		return compute.NodeSuspended
	}
	if s, ok := powers[power]; ok {
		return s
	}
	if provisioning == "Failed" {
		return compute.NodeError
	}
	if provisioning == "Updating" {
		return compute.NodeUpdating
	}
	return compute.NodeUnknown
}

// codeOf is the code of a kind that an instance view has.
func codeOf(view *armcompute.VirtualMachineInstanceView, kind string) string {
	if view == nil {
		return ""
	}
	for _, s := range view.Statuses {
		if code, ok := strings.CutPrefix(value(s.Code), kind); ok {
			return code
		}
	}
	return ""
}

// complaint is why Azure could not do what it was to do with a machine.
func complaint(view *armcompute.VirtualMachineInstanceView) string {
	if view == nil {
		return ""
	}
	var messages []error
	for _, s := range view.Statuses {
		if text(s.Level) == string(armcompute.StatusLevelTypesError) {
			messages = append(messages, errors.New(cmp.Or(value(s.Message), value(s.DisplayStatus))))
		}
	}
	if len(messages) == 0 {
		return ""
	}
	return errors.Join(messages...).Error()
}
