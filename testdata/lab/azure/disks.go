package azure

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
)

const (
	diskType     = "Microsoft.Compute/disks"
	snapshotType = "Microsoft.Compute/snapshots"
)

func (s *Server) disks() {
	f := &s.compute.DisksServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, name string, d armcompute.Disk, _ *armcompute.DisksClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armcompute.DisksClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		err := s.makeDisk(path(group, diskType, name), &d)
		return accepted(http.StatusAccepted, armcompute.DisksClientCreateOrUpdateResponse{Disk: d}, err)
	}
	f.Get = func(_ context.Context, group, name string, _ *armcompute.DisksClientGetOptions) (azfake.Responder[armcompute.DisksClientGetResponse], azfake.ErrorResponder) {
		d, err := find[armcompute.Disk](s, path(group, diskType, name))
		return answer(http.StatusOK, armcompute.DisksClientGetResponse{Disk: s.seen(d)}, err)
	}
	f.NewListPager = func(*armcompute.DisksClientListOptions) azfake.PagerResponder[armcompute.DisksClientListResponse] {
		list, next := paged(s, s.allSeen(""))
		return onePage(armcompute.DisksClientListResponse{DiskList: armcompute.DiskList{Value: list, NextLink: next}})
	}
	f.NewListByResourceGroupPager = func(group string, _ *armcompute.DisksClientListByResourceGroupOptions) azfake.PagerResponder[armcompute.DisksClientListByResourceGroupResponse] {
		list, next := paged(s, s.allSeen(group))
		return onePage(armcompute.DisksClientListByResourceGroupResponse{DiskList: armcompute.DiskList{Value: list, NextLink: next}})
	}
	f.BeginUpdate = func(_ context.Context, group, name string, change armcompute.DiskUpdate, _ *armcompute.DisksClientBeginUpdateOptions) (azfake.PollerResponder[armcompute.DisksClientUpdateResponse], azfake.ErrorResponder) {
		d, err := find[armcompute.Disk](s, path(group, diskType, name))
		if err == nil && value(change.Properties.DiskSizeGB) < value(d.Properties.DiskSizeGB) {
			err = fault(http.StatusBadRequest, "InvalidParameter", "Disk size reduction is not supported.")
		}
		if err != nil {
			return accepted(0, armcompute.DisksClientUpdateResponse{}, err)
		}
		setState(d, "Updating")
		s.begin(func(failed bool) {
			setState(d, "Succeeded")
			if !failed {
				d.Properties.DiskSizeGB = change.Properties.DiskSizeGB
			}
		})
		return accepted(http.StatusAccepted, armcompute.DisksClientUpdateResponse{Disk: *d}, nil)
	}
	f.BeginDelete = func(_ context.Context, group, name string, _ *armcompute.DisksClientBeginDeleteOptions) (azfake.PollerResponder[armcompute.DisksClientDeleteResponse], azfake.ErrorResponder) {
		p := path(group, diskType, name)
		status, err := s.removal(p, func() error {
			if d, err := find[armcompute.Disk](s, p); err == nil && d.ManagedBy != nil {
				return fault(http.StatusConflict, "OperationNotAllowed", "Disk '%s' is attached to VM '%s'.", name, *d.ManagedBy)
			}
			return nil
		}, nil)
		return accepted(status, armcompute.DisksClientDeleteResponse{}, err)
	}
	s.snapshots()
}

// seen is a disk with the state that follows from its machine's.
func (s *Server) seen(d *armcompute.Disk) armcompute.Disk {
	if d == nil {
		return armcompute.Disk{}
	}
	w, p := *d, *d.Properties
	p.DiskState = pointer(armcompute.DiskStateUnattached)
	if d.ManagedBy != nil {
		p.DiskState = pointer(armcompute.DiskStateAttached)
		if vm, err := find[machine](s, *d.ManagedBy); err == nil && power(vm) == "deallocated" {
			p.DiskState = pointer(armcompute.DiskStateReserved)
		}
	}
	w.Properties = &p
	return w
}

func (s *Server) allSeen(group string) []*armcompute.Disk {
	list := every[armcompute.Disk](s, group)
	for i, d := range list {
		list[i] = pointer(s.seen(d))
	}
	return list
}

func (s *Server) makeDisk(p string, d *armcompute.Disk) error {
	if _, err := find[armcompute.Disk](s, p); err == nil {
		return fault(http.StatusConflict, "PropertyChangeNotAllowed", "The lab changes disks by PATCH alone.")
	}
	if err := known(d.Location); err != nil {
		return err
	}
	f := d.Properties
	if c := f.CreationData; value(c.CreateOption) == armcompute.DiskCreateOptionCopy {
		from, err := find[armcompute.Snapshot](s, value(c.SourceResourceID))
		if err != nil {
			return err
		}
		switch {
		case f.DiskSizeGB == nil:
			f.DiskSizeGB = from.Properties.DiskSizeGB
		case *f.DiskSizeGB < *from.Properties.DiskSizeGB:
			return fault(http.StatusBadRequest, "InvalidParameter", "The disk is smaller than its snapshot.")
		}
		f.OSType = from.Properties.OSType
	}
	if value(f.DiskSizeGB) < 1 {
		return fault(http.StatusBadRequest, "InvalidParameter", "The value of parameter 'diskSizeGB' is invalid.")
	}
	if d.SKU == nil {
		d.SKU = &armcompute.DiskSKU{Name: pointer(armcompute.DiskStorageAccountTypesStandardLRS)}
	}
	f.TimeCreated = pointer(time.Now())
	s.settle(p, diskType, d, nil)
	return nil
}

// moveDisks attaches and detaches.
func (s *Server) moveDisks(vm *machine, in armcompute.AttachDetachDataDisksRequest) error {
	profile := vm.Properties.StorageProfile
	for _, a := range in.DataDisksToAttach {
		d, err := find[armcompute.Disk](s, value(a.DiskID))
		if err != nil {
			return err
		}
		if d.ManagedBy != nil {
			return fault(http.StatusConflict, "ConflictingUserInput", "Disk '%s' cannot be attached as the disk is already owned by VM '%s'.", *d.Name, *d.ManagedBy)
		}
		lun := value(a.Lun)
		taken := func(x *armcompute.DataDisk) bool { return value(x.Lun) == lun }
		if a.Lun == nil {
			for slices.ContainsFunc(profile.DataDisks, taken) {
				lun++
			}
		} else if slices.ContainsFunc(profile.DataDisks, taken) {
			return fault(http.StatusBadRequest, "InvalidParameter", "LUN %d is taken.", lun)
		}
		d.ManagedBy = vm.ID
		profile.DataDisks = append(profile.DataDisks, &armcompute.DataDisk{Lun: &lun, Name: d.Name, CreateOption: pointer(armcompute.DiskCreateOptionTypesAttach),
			DeleteOption: pointer(armcompute.DiskDeleteOptionTypesDetach), ManagedDisk: &armcompute.ManagedDiskParameters{ID: d.ID}})
	}
	for _, a := range in.DataDisksToDetach {
		d, err := find[armcompute.Disk](s, value(a.DiskID))
		if err != nil {
			return err
		}
		i := slices.IndexFunc(profile.DataDisks, func(x *armcompute.DataDisk) bool { return strings.EqualFold(value(x.ManagedDisk.ID), *d.ID) })
		if i < 0 {
			return fault(http.StatusBadRequest, "InvalidParameter", "Disk '%s' is not attached.", *d.Name)
		}
		d.ManagedBy = nil
		profile.DataDisks = slices.Delete(slices.Clone(profile.DataDisks), i, i+1)
	}
	s.begin(func(bool) {})
	return nil
}

func (s *Server) snapshots() {
	f := &s.compute.SnapshotsServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, name string, v armcompute.Snapshot, _ *armcompute.SnapshotsClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armcompute.SnapshotsClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		err := s.takeSnapshot(path(group, snapshotType, name), &v)
		return accepted(http.StatusAccepted, armcompute.SnapshotsClientCreateOrUpdateResponse{Snapshot: v}, err)
	}
	f.Get = func(_ context.Context, group, name string, _ *armcompute.SnapshotsClientGetOptions) (azfake.Responder[armcompute.SnapshotsClientGetResponse], azfake.ErrorResponder) {
		v, err := find[armcompute.Snapshot](s, path(group, snapshotType, name))
		return answer(http.StatusOK, armcompute.SnapshotsClientGetResponse{Snapshot: value(v)}, err)
	}
	f.NewListPager = func(*armcompute.SnapshotsClientListOptions) azfake.PagerResponder[armcompute.SnapshotsClientListResponse] {
		list, next := paged(s, every[armcompute.Snapshot](s, ""))
		return onePage(armcompute.SnapshotsClientListResponse{SnapshotList: armcompute.SnapshotList{Value: list, NextLink: next}})
	}
	f.NewListByResourceGroupPager = func(group string, _ *armcompute.SnapshotsClientListByResourceGroupOptions) azfake.PagerResponder[armcompute.SnapshotsClientListByResourceGroupResponse] {
		list, next := paged(s, every[armcompute.Snapshot](s, group))
		return onePage(armcompute.SnapshotsClientListByResourceGroupResponse{SnapshotList: armcompute.SnapshotList{Value: list, NextLink: next}})
	}
	f.BeginDelete = func(_ context.Context, group, name string, _ *armcompute.SnapshotsClientBeginDeleteOptions) (azfake.PollerResponder[armcompute.SnapshotsClientDeleteResponse], azfake.ErrorResponder) {
		status, err := s.removal(path(group, snapshotType, name), nil, nil)
		return accepted(status, armcompute.SnapshotsClientDeleteResponse{}, err)
	}
}

func (s *Server) takeSnapshot(p string, v *armcompute.Snapshot) error {
	if err := known(v.Location); err != nil {
		return err
	}
	source := value(v.Properties.CreationData.SourceResourceID)
	if d, err := find[armcompute.Disk](s, source); err == nil {
		v.Properties.DiskSizeGB, v.Properties.OSType = d.Properties.DiskSizeGB, d.Properties.OSType
	} else if from, err := find[armcompute.Snapshot](s, source); err == nil {
		v.Properties.DiskSizeGB, v.Properties.OSType = from.Properties.DiskSizeGB, from.Properties.OSType
	} else {
		return err
	}
	v.Properties.TimeCreated = pointer(time.Now())
	s.settle(p, snapshotType, v, nil)
	return nil
}
