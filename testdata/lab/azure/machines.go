package azure

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"
	"golang.org/x/crypto/ssh"
)

const (
	vmType  = "Microsoft.Compute/virtualMachines"
	nicType = "Microsoft.Network/networkInterfaces"
	ipType  = "Microsoft.Network/publicIPAddresses"

	consolePath = "/console/"
)

type machine = armcompute.VirtualMachine

func (s *Server) machines() {
	f := &s.compute.VirtualMachinesServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, name string, vm machine, o *armcompute.VirtualMachinesClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armcompute.VirtualMachinesClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		made, err := s.makeMachine(group, name, &vm, o)
		if err != nil {
			return accepted(0, armcompute.VirtualMachinesClientCreateOrUpdateResponse{}, err)
		}
		return accepted(http.StatusCreated, armcompute.VirtualMachinesClientCreateOrUpdateResponse{VirtualMachine: *modelOf(made)}, nil)
	}
	f.Get = func(_ context.Context, group, name string, o *armcompute.VirtualMachinesClientGetOptions) (azfake.Responder[armcompute.VirtualMachinesClientGetResponse], azfake.ErrorResponder) {
		vm, err := find[machine](s, path(group, vmType, name))
		if err != nil {
			return answer(0, armcompute.VirtualMachinesClientGetResponse{}, err)
		}
		if o == nil || value(o.Expand) != armcompute.InstanceViewTypesInstanceView {
			vm = modelOf(vm)
		}
		return answer(http.StatusOK, armcompute.VirtualMachinesClientGetResponse{VirtualMachine: *vm}, nil)
	}
	f.NewListPager = func(group string, _ *armcompute.VirtualMachinesClientListOptions) azfake.PagerResponder[armcompute.VirtualMachinesClientListResponse] {
		list, next := paged(s, models(every[machine](s, group)))
		return onePage(armcompute.VirtualMachinesClientListResponse{VirtualMachineListResult: armcompute.VirtualMachineListResult{Value: list, NextLink: next}})
	}
	f.NewListAllPager = func(o *armcompute.VirtualMachinesClientListAllOptions) azfake.PagerResponder[armcompute.VirtualMachinesClientListAllResponse] {
		all := every[machine](s, "")
		if o != nil && value(o.StatusOnly) == "true" {
			for i, vm := range all {
				all[i] = &machine{ID: vm.ID, Name: vm.Name, Type: vm.Type, Location: vm.Location, Properties: &armcompute.VirtualMachineProperties{
					VMID: vm.Properties.VMID, InstanceView: vm.Properties.InstanceView, ProvisioningState: vm.Properties.ProvisioningState}}
			}
		} else {
			all = models(all)
		}
		list, next := paged(s, all)
		return onePage(armcompute.VirtualMachinesClientListAllResponse{VirtualMachineListResult: armcompute.VirtualMachineListResult{Value: list, NextLink: next}})
	}
	f.BeginUpdate = func(_ context.Context, group, name string, change armcompute.VirtualMachineUpdate, _ *armcompute.VirtualMachinesClientBeginUpdateOptions) (azfake.PollerResponder[armcompute.VirtualMachinesClientUpdateResponse], azfake.ErrorResponder) {
		vm, err := s.changeMachine(path(group, vmType, name), &change)
		if err != nil {
			return accepted(0, armcompute.VirtualMachinesClientUpdateResponse{}, err)
		}
		return accepted(http.StatusOK, armcompute.VirtualMachinesClientUpdateResponse{VirtualMachine: *modelOf(vm)}, nil)
	}
	f.BeginDelete = func(_ context.Context, group, name string, _ *armcompute.VirtualMachinesClientBeginDeleteOptions) (azfake.PollerResponder[armcompute.VirtualMachinesClientDeleteResponse], azfake.ErrorResponder) {
		p := path(group, vmType, name)
		vm, _ := find[machine](s, p)
		status, err := s.removal(p, nil, func() { s.clear(vm) })
		return accepted(status, armcompute.VirtualMachinesClientDeleteResponse{}, err)
	}
	s.powers()
	f.BeginAttachDetachDataDisks = func(_ context.Context, group, name string, in armcompute.AttachDetachDataDisksRequest, _ *armcompute.VirtualMachinesClientBeginAttachDetachDataDisksOptions) (azfake.PollerResponder[armcompute.VirtualMachinesClientAttachDetachDataDisksResponse], azfake.ErrorResponder) {
		vm, err := find[machine](s, path(group, vmType, name))
		if err == nil {
			err = s.moveDisks(vm, in)
		}
		if err != nil {
			return accepted(0, armcompute.VirtualMachinesClientAttachDetachDataDisksResponse{}, err)
		}
		return accepted(http.StatusOK, armcompute.VirtualMachinesClientAttachDetachDataDisksResponse{StorageProfile: *vm.Properties.StorageProfile}, nil)
	}
	f.RetrieveBootDiagnosticsData = func(_ context.Context, group, name string, _ *armcompute.VirtualMachinesClientRetrieveBootDiagnosticsDataOptions) (azfake.Responder[armcompute.VirtualMachinesClientRetrieveBootDiagnosticsDataResponse], azfake.ErrorResponder) {
		vm, err := find[machine](s, path(group, vmType, name))
		if err == nil && (vm.Properties.DiagnosticsProfile == nil || !value(vm.Properties.DiagnosticsProfile.BootDiagnostics.Enabled)) {
			err = fault(http.StatusConflict, "OperationNotAllowed", "Boot diagnostics are not enabled on VM '%s'.", name)
		}
		return answer(http.StatusOK, armcompute.VirtualMachinesClientRetrieveBootDiagnosticsDataResponse{RetrieveBootDiagnosticsDataResult: armcompute.RetrieveBootDiagnosticsDataResult{
			SerialConsoleLogBlobURI: pointer(s.URL + consolePath + name + "?sig=signature")}}, err)
	}
}

// modelOf is a machine without what it is doing.
func modelOf(vm *machine) *machine {
	w, p := *vm, *vm.Properties
	p.InstanceView = nil
	w.Properties = &p
	return &w
}

func models(list []*machine) []*machine {
	for i, vm := range list {
		list[i] = modelOf(vm)
	}
	return list
}

// view says what a machine is doing.
func view(vm *machine, codes ...string) {
	v := &armcompute.VirtualMachineInstanceView{HyperVGeneration: pointer(armcompute.HyperVGenerationTypeV2)}
	for _, c := range codes {
		v.Statuses = append(v.Statuses, &armcompute.InstanceViewStatus{Code: &c, Level: pointer(armcompute.StatusLevelTypesInfo)})
	}
	vm.Properties.InstanceView = v
}

func power(vm *machine) string {
	if vm.Properties.InstanceView != nil {
		for _, st := range vm.Properties.InstanceView.Statuses {
			if p, ok := strings.CutPrefix(*st.Code, "PowerState/"); ok {
				return p
			}
		}
	}
	return ""
}

// makeMachine looks at everything before it makes anything, as Azure does.
func (s *Server) makeMachine(group, name string, vm *machine, o *armcompute.VirtualMachinesClientBeginCreateOrUpdateOptions) (*machine, error) {
	p := path(group, vmType, name)
	if _, err := find[machine](s, p); err == nil {
		if o != nil && value(o.IfNoneMatch) == "*" {
			return nil, fault(http.StatusPreconditionFailed, "PreconditionFailed", "The precondition If-None-Match failed: '%s' exists.", name)
		}
		return nil, fault(http.StatusConflict, "PropertyChangeNotAllowed", "The lab changes machines by PATCH alone.")
	}
	if err := known(vm.Location); err != nil {
		return nil, err
	}
	f := vm.Properties
	size := value(f.HardwareProfile.VMSize)
	if !slices.ContainsFunc(sizes, func(z product) bool { return z.name == string(size) }) {
		return nil, fault(http.StatusBadRequest, "InvalidParameter", "The value %s provided for the VM size is not valid. The valid sizes in the current region are: …", size)
	}
	if s.quota > 0 && len(every[machine](s, "")) >= s.quota {
		return nil, fault(http.StatusConflict, "OperationNotAllowed", "Operation could not be completed as it results in exceeding approved Total Regional Cores quota.")
	}
	disk, err := s.imaged(f.StorageProfile)
	if err != nil {
		return nil, err
	}
	if err := checkSystem(f.OSProfile, value(disk.Properties.OSType)); err != nil {
		return nil, err
	}
	if len(f.NetworkProfile.NetworkInterfaceConfigurations) == 0 || f.NetworkProfile.NetworkAPIVersion == nil {
		return nil, fault(http.StatusBadRequest, "InvalidParameter", "Required parameter 'networkProfile' is missing (null).")
	}
	for _, c := range f.NetworkProfile.NetworkInterfaceConfigurations {
		if err := s.checkInterface(c, value(vm.Location)); err != nil {
			return nil, err
		}
	}

	osDisk := f.StorageProfile.OSDisk
	disk.Location, disk.Zones = vm.Location, vm.Zones
	disk.ManagedBy = &p
	s.put(path(group, diskType, value(osDisk.Name)), diskType, disk, "Succeeded")
	osDisk.ManagedDisk = &armcompute.ManagedDiskParameters{ID: disk.ID, StorageAccountType: pointer(armcompute.StorageAccountTypes(*disk.SKU.Name))}
	osDisk.OSType, osDisk.DiskSizeGB = disk.Properties.OSType, disk.Properties.DiskSizeGB
	f.NetworkProfile.NetworkInterfaces = nil
	for _, c := range f.NetworkProfile.NetworkInterfaceConfigurations {
		f.NetworkProfile.NetworkInterfaces = append(f.NetworkProfile.NetworkInterfaces, s.makeInterface(group, p, c, vm.Location))
	}
	f.NetworkProfile.NetworkInterfaceConfigurations = nil
	if f.OSProfile != nil {
		f.OSProfile.AdminPassword, f.OSProfile.CustomData = nil, nil // never told again
	}
	f.VMID, f.TimeCreated = pointer(fmt.Sprintf("00000000-0000-0000-0000-%012d", len(s.operations))), pointer(time.Now())
	vm.Properties = f
	view(vm, "ProvisioningState/creating")
	s.put(p, vmType, vm, "Creating")
	s.begin(func(failed bool) {
		if failed {
			setState(vm, "Failed")
			view(vm, "ProvisioningState/failed")
			vm.Properties.InstanceView.Statuses[0].Level, vm.Properties.InstanceView.Statuses[0].Message = pointer(armcompute.StatusLevelTypesError), pointer("Allocation failed.")
			return
		}
		setState(vm, "Succeeded")
		view(vm, "ProvisioningState/succeeded", "PowerState/running")
	})
	s.began.left = 2 // so that one can be seen while it is made
	return vm, nil
}

// checkSystem holds to what Azure documents for the administrator.
func checkSystem(o *armcompute.OSProfile, system armcompute.OperatingSystemTypes) error {
	if o == nil {
		return fault(http.StatusBadRequest, "InvalidParameter", "Required parameter 'osProfile' is missing (null).")
	}
	host := value(o.ComputerName)
	if host == "" || len(host) > 64 || strings.ContainsAny(host, "_.") {
		return fault(http.StatusBadRequest, "InvalidParameter", "The value '%s' of parameter 'computerName' is not valid.", host)
	}
	linux := o.LinuxConfiguration
	if value(o.AdminPassword) == "" && (linux == nil || linux.SSH == nil || len(linux.SSH.PublicKeys) == 0) {
		return fault(http.StatusBadRequest, "InvalidParameter", "Authentication using either SSH or by user name and password must be enabled in Linux profile.")
	}
	if linux == nil || linux.SSH == nil {
		return nil
	}
	if system != armcompute.OperatingSystemTypesLinux {
		return fault(http.StatusBadRequest, "InvalidParameter", "Parameter 'linuxConfiguration' is not allowed.")
	}
	for _, k := range linux.SSH.PublicKeys {
		if value(k.Path) != "/home/"+value(o.AdminUsername)+"/.ssh/authorized_keys" {
			return fault(http.StatusBadRequest, "InvalidParameter", "Destination path for SSH public keys is currently limited to its default value /home/%s/.ssh/authorized_keys.", value(o.AdminUsername))
		}
		if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(value(k.KeyData))); err != nil {
			return fault(http.StatusBadRequest, "InvalidParameter", "The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid.")
		}
	}
	return nil
}

func (s *Server) checkInterface(c *armcompute.VirtualMachineNetworkInterfaceConfiguration, location string) error {
	if g := c.Properties.NetworkSecurityGroup; g != nil {
		if _, err := there[armnetwork.SecurityGroup](s, g.ID); err != nil {
			return err
		}
	}
	for _, ip := range c.Properties.IPConfigurations {
		if ip.Properties.Subnet == nil {
			return fault(http.StatusBadRequest, "InvalidParameter", "Required parameter 'subnet' is missing (null).")
		}
		network, _, err := s.subnetOf(value(ip.Properties.Subnet.ID))
		if err != nil {
			return err
		}
		if value(network.Location) != location {
			return fault(http.StatusBadRequest, "InvalidResourceReference", "The network is in %s, the machine in %s.", value(network.Location), location)
		}
		for _, g := range ip.Properties.ApplicationSecurityGroups {
			if _, err := there[armnetwork.ApplicationSecurityGroup](s, g.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeInterface makes a machine's network interface, and its address.
func (s *Server) makeInterface(group, vm string, c *armcompute.VirtualMachineNetworkInterfaceConfiguration, location *string) *armcompute.NetworkInterfaceReference {
	nic := &armnetwork.Interface{Location: location, Tags: c.Tags, Properties: &armnetwork.InterfacePropertiesFormat{VirtualMachine: &armnetwork.SubResource{ID: &vm}, Primary: c.Properties.Primary}}
	if c.Properties.NetworkSecurityGroup != nil {
		nic.Properties.NetworkSecurityGroup = &armnetwork.SecurityGroup{ID: c.Properties.NetworkSecurityGroup.ID}
	}
	p := path(group, nicType, value(c.Name))
	for _, ip := range c.Properties.IPConfigurations {
		_, subnet, _ := s.subnetOf(value(ip.Properties.Subnet.ID))
		f := &armnetwork.InterfaceIPConfigurationPropertiesFormat{Primary: ip.Properties.Primary, Subnet: &armnetwork.Subnet{ID: subnet.ID}, PrivateIPAddress: pointer(s.nextIP(prefixOf(subnet)))}
		for _, g := range ip.Properties.ApplicationSecurityGroups {
			f.ApplicationSecurityGroups = append(f.ApplicationSecurityGroups, &armnetwork.ApplicationSecurityGroup{ID: g.ID})
		}
		if w := ip.Properties.PublicIPAddressConfiguration; w != nil {
			address := &armnetwork.PublicIPAddress{Location: location, Tags: w.Tags, SKU: &armnetwork.PublicIPAddressSKU{Name: pointer(armnetwork.PublicIPAddressSKUName(*w.SKU.Name))},
				Properties: &armnetwork.PublicIPAddressPropertiesFormat{IPAddress: pointer(s.nextIP("20.50.7")), DeleteOption: pointer(armnetwork.DeleteOptions(*w.Properties.DeleteOption))}}
			s.put(path(group, ipType, value(w.Name)), ipType, address, "Succeeded")
			f.PublicIPAddress = &armnetwork.PublicIPAddress{ID: address.ID}
		}
		nic.Properties.IPConfigurations = append(nic.Properties.IPConfigurations, &armnetwork.InterfaceIPConfiguration{ID: pointer(p + "/ipConfigurations/" + value(ip.Name)), Name: ip.Name, Properties: f})
	}
	s.put(p, nicType, nic, "Succeeded")
	return &armcompute.NetworkInterfaceReference{ID: &p, Properties: &armcompute.NetworkInterfaceReferenceProperties{Primary: c.Properties.Primary, DeleteOption: c.Properties.DeleteOption}}
}

// clear removes what goes with a machine, and leaves the rest.
func (s *Server) clear(vm *machine) {
	f := vm.Properties
	if d, err := find[armcompute.Disk](s, value(f.StorageProfile.OSDisk.ManagedDisk.ID)); err == nil {
		d.ManagedBy = nil
		if value(f.StorageProfile.OSDisk.DeleteOption) == armcompute.DiskDeleteOptionTypesDelete {
			delete(s.resources, strings.ToLower(*d.ID))
		}
	}
	for _, data := range f.StorageProfile.DataDisks {
		if d, err := find[armcompute.Disk](s, value(data.ManagedDisk.ID)); err == nil {
			d.ManagedBy = nil
		}
	}
	for _, n := range f.NetworkProfile.NetworkInterfaces {
		nic, err := find[armnetwork.Interface](s, value(n.ID))
		if err != nil {
			continue
		}
		nic.Properties.VirtualMachine = nil
		if value(n.Properties.DeleteOption) != armcompute.DeleteOptionsDelete {
			continue
		}
		for _, c := range nic.Properties.IPConfigurations {
			if c.Properties.PublicIPAddress == nil {
				continue
			}
			if ip, err := find[armnetwork.PublicIPAddress](s, value(c.Properties.PublicIPAddress.ID)); err == nil && value(ip.Properties.DeleteOption) == armnetwork.DeleteOptionsDelete {
				delete(s.resources, strings.ToLower(*ip.ID))
			}
		}
		delete(s.resources, strings.ToLower(*nic.ID))
	}
}

func (s *Server) changeMachine(path string, change *armcompute.VirtualMachineUpdate) (*machine, error) {
	vm, err := find[machine](s, path)
	if err != nil {
		return nil, err
	}
	if change.Tags != nil {
		vm.Tags = change.Tags
	}
	p := change.Properties
	if p == nil {
		return vm, nil
	}
	if p.StorageProfile != nil && p.StorageProfile.OSDisk != nil && p.StorageProfile.OSDisk.DeleteOption != nil {
		vm.Properties.StorageProfile.OSDisk.DeleteOption = p.StorageProfile.OSDisk.DeleteOption
	}
	if p.HardwareProfile != nil {
		size := value(p.HardwareProfile.VMSize)
		if !slices.ContainsFunc(sizes, func(z product) bool { return z.name == string(size) }) {
			return nil, fault(http.StatusBadRequest, "InvalidParameter", "The value %s provided for the VM size is not valid.", size)
		}
		setState(vm, "Updating")
		s.begin(func(failed bool) {
			setState(vm, "Succeeded")
			if !failed {
				vm.Properties.HardwareProfile.VMSize = &size
			}
		})
	}
	return vm, nil
}

// shift moves a machine from one power state, by way of another, to a last.
func (s *Server) shift(group, name, action string, from []string, by, to string, more ...string) error {
	vm, err := find[machine](s, path(group, vmType, name))
	if err != nil {
		return err
	}
	now := power(vm)
	if now == to {
		s.begin(func(bool) {})
		return nil
	}
	if !slices.Contains(from, now) {
		return fault(http.StatusConflict, "OperationNotAllowed", "Operation '%s' is not allowed on VM '%s' since it is %s.", action, name, now)
	}
	view(vm, "ProvisioningState/updating", "PowerState/"+by)
	s.begin(func(failed bool) {
		if failed {
			to, more = now, nil
		}
		view(vm, append([]string{"ProvisioningState/succeeded", "PowerState/" + to}, more...)...)
	})
	return nil
}

func (s *Server) powers() {
	f := &s.compute.VirtualMachinesServer
	f.BeginStart = func(_ context.Context, group, name string, _ *armcompute.VirtualMachinesClientBeginStartOptions) (azfake.PollerResponder[armcompute.VirtualMachinesClientStartResponse], azfake.ErrorResponder) {
		return accepted(http.StatusAccepted, armcompute.VirtualMachinesClientStartResponse{}, s.shift(group, name, "start", []string{"stopped", "deallocated"}, "starting", "running"))
	}
	f.BeginPowerOff = func(_ context.Context, group, name string, _ *armcompute.VirtualMachinesClientBeginPowerOffOptions) (azfake.PollerResponder[armcompute.VirtualMachinesClientPowerOffResponse], azfake.ErrorResponder) {
		return accepted(http.StatusAccepted, armcompute.VirtualMachinesClientPowerOffResponse{}, s.shift(group, name, "powerOff", []string{"running", "starting"}, "stopping", "stopped"))
	}
	f.BeginRestart = func(_ context.Context, group, name string, _ *armcompute.VirtualMachinesClientBeginRestartOptions) (azfake.PollerResponder[armcompute.VirtualMachinesClientRestartResponse], azfake.ErrorResponder) {
		vm, err := find[machine](s, path(group, vmType, name))
		if err == nil && power(vm) != "running" {
			err = fault(http.StatusConflict, "OperationNotAllowed", "Operation 'restart' is not allowed on VM '%s' since the VM is not running.", name)
		}
		if err == nil {
			s.begin(func(bool) {})
		}
		return accepted(http.StatusAccepted, armcompute.VirtualMachinesClientRestartResponse{}, err)
	}
	f.BeginDeallocate = func(_ context.Context, group, name string, o *armcompute.VirtualMachinesClientBeginDeallocateOptions) (azfake.PollerResponder[armcompute.VirtualMachinesClientDeallocateResponse], azfake.ErrorResponder) {
		var more []string
		if o != nil && value(o.Hibernate) {
			more = []string{"HibernationState/Hibernated"}
			vm, err := find[machine](s, path(group, vmType, name))
			if err == nil && (vm.Properties.AdditionalCapabilities == nil || !value(vm.Properties.AdditionalCapabilities.HibernationEnabled)) {
				err = fault(http.StatusConflict, "OperationNotAllowed", "The operation is not allowed as hibernation is not enabled on VM '%s'.", name)
			}
			if err != nil {
				return accepted(0, armcompute.VirtualMachinesClientDeallocateResponse{}, err)
			}
		}
		return accepted(http.StatusAccepted, armcompute.VirtualMachinesClientDeallocateResponse{},
			s.shift(group, name, "deallocate", []string{"running", "starting", "stopped", "stopping"}, "deallocating", "deallocated", more...))
	}
}

// console is what the storage of boot diagnostics answers with: its links are
// signed, and a token there would be one that leaked.
func (s *Server) console(w http.ResponseWriter, r *http.Request, node string) {
	if r.Header.Get("Authorization") != "" || r.URL.Query().Get("sig") == "" {
		s.t.Errorf("the console is read by a token, or without a signature")
	}
	fmt.Fprintf(w, "[    0.000000] Linux version 6.8.0-azure\n%s login: ", node)
}
