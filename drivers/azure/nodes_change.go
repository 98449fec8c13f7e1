package azure

import (
	"context"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// machine reads the id of a node.
func (d *computeDriver) machine(ctx context.Context, id string) (*api, ref, error) {
	r, err := d.ref("node", id, 1)
	if err != nil {
		return nil, r, err
	}
	a, err := d.api(ctx)
	return a, r, err
}

func (d *computeDriver) StartNode(ctx context.Context, in compute.StartNode) error {
	a, r, err := d.machine(ctx, in.Node)
	if err != nil {
		return err
	}
	return start(a.vms.BeginStart(ctx, r.group, r.name(), nil))
}

// StopNode gives the machine's processors back too: what is only shut down is
// paid for.
func (d *computeDriver) StopNode(ctx context.Context, in compute.StopNode) error {
	a, r, err := d.machine(ctx, in.Node)
	if err != nil {
		return err
	}
	if in.Force {
		_, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armcompute.VirtualMachinesClientPowerOffResponse], error) {
			return a.vms.BeginPowerOff(ctx, r.group, r.name(), &armcompute.VirtualMachinesClientBeginPowerOffOptions{SkipShutdown: pointer(true)})
		})
		if err != nil && op.KindOf(err) != op.Conflict { // it is off already
			return err
		}
	}
	return start(a.vms.BeginDeallocate(ctx, r.group, r.name(), nil))
}

func (d *computeDriver) RebootNode(ctx context.Context, in compute.RebootNode) error {
	a, r, err := d.machine(ctx, in.Node)
	if err != nil {
		return err
	}
	return start(a.vms.BeginRestart(ctx, r.group, r.name(), nil))
}

// SuspendNode looks first: Azure takes the deallocation of what is deallocated
// for done, and nothing would have been suspended.
func (d *computeDriver) SuspendNode(ctx context.Context, in compute.SuspendNode) error {
	a, r, vm, err := d.vm(ctx, in.Node)
	if err != nil {
		return err
	}
	switch state := stateOf(value(vm.Properties.ProvisioningState), vm.Properties.InstanceView); {
	case state == compute.NodeSuspended:
		return nil
	case state != compute.NodeRunning:
		return op.Errorf(op.Conflict, "the node %s is %s: only a running one can be suspended", r, state)
	case vm.Properties.AdditionalCapabilities == nil || !value(vm.Properties.AdditionalCapabilities.HibernationEnabled):
		return op.Errorf(op.Conflict, "the node %s cannot be suspended: it was made without extra = {\"hibernation\": True}", r)
	}
	return start(a.vms.BeginDeallocate(ctx, r.group, r.name(), &armcompute.VirtualMachinesClientBeginDeallocateOptions{Hibernate: pointer(true)}))
}

func (d *computeDriver) ResumeNode(ctx context.Context, in compute.ResumeNode) error {
	return d.StartNode(ctx, compute.StartNode(in))
}

func (d *computeDriver) ResizeNode(ctx context.Context, in compute.ResizeNode) error {
	a, r, err := d.machine(ctx, in.Node)
	if err != nil {
		return err
	}
	return start(a.vms.BeginUpdate(ctx, r.group, r.name(), armcompute.VirtualMachineUpdate{Properties: &armcompute.VirtualMachineProperties{
		HardwareProfile: &armcompute.HardwareProfile{VMSize: pointer(armcompute.VirtualMachineSizeTypes(in.Size))}}}, nil))
}

func (d *computeDriver) SetNodeTags(ctx context.Context, in compute.SetNodeTags) error {
	a, r, err := d.machine(ctx, in.Node)
	if err != nil {
		return err
	}
	tags := map[string]*string{} // empty, it leaves none; nil, it would leave all
	for k, v := range in.Tags {
		tags[k] = &v
	}
	return start(a.vms.BeginUpdate(ctx, r.group, r.name(), armcompute.VirtualMachineUpdate{Tags: tags}, nil))
}

// DestroyNode leaves no root disk, also where the node was made by other means
// and told to keep it. Interfaces and addresses go if they were made with it.
func (d *computeDriver) DestroyNode(ctx context.Context, in compute.DestroyNode) error {
	a, r, vm, err := d.vm(ctx, in.Node)
	if err != nil {
		return err
	}
	if s := vm.Properties.StorageProfile; s != nil && s.OSDisk != nil && s.OSDisk.ManagedDisk != nil && text(s.OSDisk.DeleteOption) != string(armcompute.DiskDeleteOptionTypesDelete) {
		_, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armcompute.VirtualMachinesClientUpdateResponse], error) {
			return a.vms.BeginUpdate(ctx, r.group, r.name(), armcompute.VirtualMachineUpdate{Properties: &armcompute.VirtualMachineProperties{StorageProfile: &armcompute.StorageProfile{
				OSDisk: &armcompute.OSDisk{DeleteOption: pointer(armcompute.DiskDeleteOptionTypesDelete)}}}}, nil)
		})
		if err != nil {
			return err
		}
	}
	return remove(ctx, "node", r, func(ctx context.Context) (*runtime.Poller[armcompute.VirtualMachinesClientDeleteResponse], error) {
		return a.vms.BeginDelete(ctx, r.group, r.name(), nil)
	})
}

// consoleEnd is how much of a console's end is read.
const consoleEnd = 64 << 10

// GetConsoleOutput reads the log that boot diagnostics keep, from where Azure
// says that it is: the link is signed, and no token goes along.
func (d *computeDriver) GetConsoleOutput(ctx context.Context, in compute.GetConsoleOutput) (compute.ConsoleOutput, error) {
	a, r, err := d.machine(ctx, in.Node)
	if err != nil {
		return compute.ConsoleOutput{}, err
	}
	where, err := get(a.vms.RetrieveBootDiagnosticsData(ctx, r.group, r.name(), nil))
	if err != nil {
		return compute.ConsoleOutput{}, err
	}
	if value(where.SerialConsoleLogBlobURI) == "" {
		return compute.ConsoleOutput{}, nil // not written yet
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, *where.SerialConsoleLogBlobURI, nil)
	if err != nil {
		return compute.ConsoleOutput{}, failed(err)
	}
	resp, err := d.session.options.Transport.Do(req)
	if err != nil {
		return compute.ConsoleOutput{}, failed(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return compute.ConsoleOutput{}, nil
	case resp.StatusCode != http.StatusOK:
		return compute.ConsoleOutput{}, failed(runtime.NewResponseError(resp))
	}
	end, err := tail(resp.Body, consoleEnd)
	if err != nil {
		return compute.ConsoleOutput{}, failed(err)
	}
	return compute.ConsoleOutput{Text: end}, nil
}

// tail reads to the end and keeps the last n bytes.
func tail(r io.Reader, n int) (string, error) {
	var end []byte
	chunk := make([]byte, 32<<10)
	for {
		k, err := r.Read(chunk)
		end = append(end, chunk[:k]...)
		if len(end) > 2*n {
			end = append(end[:0], end[len(end)-n:]...)
		}
		if err == io.EOF {
			return string(end[max(0, len(end)-n):]), nil
		}
		if err != nil {
			return "", err
		}
	}
}
