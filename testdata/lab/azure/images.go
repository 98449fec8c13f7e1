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

const imageType = "Microsoft.Compute/images"

func (s *Server) images() {
	f := &s.compute.ImagesServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, name string, i armcompute.Image, _ *armcompute.ImagesClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armcompute.ImagesClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		err := s.makeImage(path(group, imageType, name), &i)
		return accepted(http.StatusCreated, armcompute.ImagesClientCreateOrUpdateResponse{Image: i}, err)
	}
	f.Get = func(_ context.Context, group, name string, _ *armcompute.ImagesClientGetOptions) (azfake.Responder[armcompute.ImagesClientGetResponse], azfake.ErrorResponder) {
		i, err := find[armcompute.Image](s, path(group, imageType, name))
		return answer(http.StatusOK, armcompute.ImagesClientGetResponse{Image: value(i)}, err)
	}
	f.NewListPager = func(*armcompute.ImagesClientListOptions) azfake.PagerResponder[armcompute.ImagesClientListResponse] {
		list, next := paged(s, every[armcompute.Image](s, ""))
		return onePage(armcompute.ImagesClientListResponse{ImageListResult: armcompute.ImageListResult{Value: list, NextLink: next}})
	}
	f.NewListByResourceGroupPager = func(group string, _ *armcompute.ImagesClientListByResourceGroupOptions) azfake.PagerResponder[armcompute.ImagesClientListByResourceGroupResponse] {
		list, next := paged(s, every[armcompute.Image](s, group))
		return onePage(armcompute.ImagesClientListByResourceGroupResponse{ImageListResult: armcompute.ImageListResult{Value: list, NextLink: next}})
	}
	f.BeginDelete = func(_ context.Context, group, name string, _ *armcompute.ImagesClientBeginDeleteOptions) (azfake.PollerResponder[armcompute.ImagesClientDeleteResponse], azfake.ErrorResponder) {
		status, err := s.removal(path(group, imageType, name), nil, nil)
		return accepted(status, armcompute.ImagesClientDeleteResponse{}, err)
	}
	s.galleries()
}

func (s *Server) makeImage(p string, i *armcompute.Image) error {
	disk := i.Properties.StorageProfile.OSDisk
	if disk.Snapshot == nil || disk.OSType == nil || disk.OSState == nil {
		return fault(http.StatusBadRequest, "InvalidParameter", "Required parameter 'image.storageProfile.osDisk' is incomplete.")
	}
	from, err := find[armcompute.Snapshot](s, value(disk.Snapshot.ID))
	if err != nil {
		return err
	}
	if *from.Properties.ProvisioningState != "Succeeded" {
		return fault(http.StatusConflict, "OperationNotAllowed", "The snapshot '%s' is not ready.", *from.Name)
	}
	if value(from.Location) != value(i.Location) {
		return fault(http.StatusBadRequest, "InvalidParameter", "The snapshot is in %s.", value(from.Location))
	}
	disk.DiskSizeGB = from.Properties.DiskSizeGB
	i.SystemData = &armcompute.SystemData{CreatedAt: pointer(time.Now())}
	s.settle(p, imageType, i, nil)
	return nil
}

// imaged is the root disk of a machine of an image, or Azure's word that there
// is no such image.
func (s *Server) imaged(p *armcompute.StorageProfile) (*armcompute.Disk, error) {
	r := p.ImageReference
	if r == nil || p.OSDisk == nil || value(p.OSDisk.CreateOption) != armcompute.DiskCreateOptionTypesFromImage {
		return nil, fault(http.StatusBadRequest, "InvalidParameter", "Required parameter 'imageReference' is missing (null).")
	}
	size, system := int32(30), armcompute.OperatingSystemTypesLinux
	switch {
	case r.ID != nil:
		if i, err := find[armcompute.Image](s, *r.ID); err == nil {
			size, system = value(i.Properties.StorageProfile.OSDisk.DiskSizeGB), value(i.Properties.StorageProfile.OSDisk.OSType)
		} else if _, err := find[armcompute.GalleryImage](s, *r.ID); err != nil {
			return nil, fault(http.StatusNotFound, "ImageNotFound", "The image '%s' was not found.", *r.ID)
		}
	default:
		o := offerOf(value(r.Publisher), value(r.Offer))
		if o == nil || !slices.Contains(o.skus, value(r.SKU)) || value(r.Version) != "latest" && value(r.Version) != o.version {
			return nil, fault(http.StatusNotFound, "PlatformImageNotFound", "The platform image '%s:%s:%s:%s' is not available.", value(r.Publisher), value(r.Offer), value(r.SKU), value(r.Version))
		}
		system = o.system
		r.ExactVersion = &o.version
	}
	if want := value(p.OSDisk.DiskSizeGB); want != 0 {
		if want < size {
			return nil, fault(http.StatusConflict, "OperationNotAllowed", "The specified disk size %d GB is smaller than the size of the corresponding disk in the VM image: %d GB.", want, size)
		}
		size = want
	}
	sku := armcompute.DiskStorageAccountTypesPremiumLRS
	if p.OSDisk.ManagedDisk != nil && p.OSDisk.ManagedDisk.StorageAccountType != nil {
		sku = armcompute.DiskStorageAccountTypes(*p.OSDisk.ManagedDisk.StorageAccountType)
	}
	return &armcompute.Disk{SKU: &armcompute.DiskSKU{Name: &sku}, Properties: &armcompute.DiskProperties{DiskSizeGB: &size, OSType: &system, TimeCreated: pointer(time.Now()),
		CreationData: &armcompute.CreationData{CreateOption: pointer(armcompute.DiskCreateOptionFromImage)}}}, nil
}

// An offer is what the marketplace has of a publisher.
type offer struct {
	publisher, name, version string
	skus                     []string
	system                   armcompute.OperatingSystemTypes
}

var offers = []*offer{
	{"Canonical", "ubuntu-24_04-lts", "24.04.202511010", []string{"minimal", "server", "server-arm64"}, armcompute.OperatingSystemTypesLinux},
	{"Debian", "debian-12", "0.20251112.1", []string{"12", "12-arm64", "12-gen2"}, armcompute.OperatingSystemTypesLinux},
	{"MicrosoftWindowsServer", "WindowsServer", "20348.3932.251105", []string{"2022-datacenter-azure-edition"}, armcompute.OperatingSystemTypesWindows},
}

func offerOf(publisher, name string) *offer {
	for _, o := range offers {
		if strings.EqualFold(o.publisher, publisher) && strings.EqualFold(o.name, name) {
			return o
		}
	}
	return nil
}

func (s *Server) market() {
	f := &s.compute.VirtualMachineImagesServer
	named := func(location string, names ...string) []*armcompute.VirtualMachineImageResource {
		list := []*armcompute.VirtualMachineImageResource{}
		for _, n := range names {
			list = append(list, &armcompute.VirtualMachineImageResource{Name: &n, Location: &location, ID: pointer("/Subscriptions/" + Subscription + "/…/" + n)})
		}
		return list
	}
	missing := fault(http.StatusNotFound, "NotFound", "Artifact: VMImage was not found.")
	f.ListOffers = func(_ context.Context, location, publisher string, _ *armcompute.VirtualMachineImagesClientListOffersOptions) (azfake.Responder[armcompute.VirtualMachineImagesClientListOffersResponse], azfake.ErrorResponder) {
		var names []string
		for _, o := range offers {
			if strings.EqualFold(o.publisher, publisher) {
				names = append(names, o.name)
			}
		}
		if len(names) == 0 {
			return answer(0, armcompute.VirtualMachineImagesClientListOffersResponse{}, missing)
		}
		return answer(http.StatusOK, armcompute.VirtualMachineImagesClientListOffersResponse{VirtualMachineImageResourceArray: named(location, names...)}, nil)
	}
	f.ListSKUs = func(_ context.Context, location, publisher, name string, _ *armcompute.VirtualMachineImagesClientListSKUsOptions) (azfake.Responder[armcompute.VirtualMachineImagesClientListSKUsResponse], azfake.ErrorResponder) {
		o := offerOf(publisher, name)
		if o == nil || known(&location) != nil {
			return answer(0, armcompute.VirtualMachineImagesClientListSKUsResponse{}, missing)
		}
		return answer(http.StatusOK, armcompute.VirtualMachineImagesClientListSKUsResponse{VirtualMachineImageResourceArray: named(location, o.skus...)}, nil)
	}
	f.List = func(_ context.Context, location, publisher, name, sku string, _ *armcompute.VirtualMachineImagesClientListOptions) (azfake.Responder[armcompute.VirtualMachineImagesClientListResponse], azfake.ErrorResponder) {
		o := offerOf(publisher, name)
		if o == nil || !slices.Contains(o.skus, sku) {
			return answer(0, armcompute.VirtualMachineImagesClientListResponse{}, missing)
		}
		return answer(http.StatusOK, armcompute.VirtualMachineImagesClientListResponse{VirtualMachineImageResourceArray: named(location, o.version)}, nil)
	}
	f.Get = func(_ context.Context, location, publisher, name, sku, version string, _ *armcompute.VirtualMachineImagesClientGetOptions) (azfake.Responder[armcompute.VirtualMachineImagesClientGetResponse], azfake.ErrorResponder) {
		o := offerOf(publisher, name)
		if o == nil || !slices.Contains(o.skus, sku) || version != o.version {
			return answer(0, armcompute.VirtualMachineImagesClientGetResponse{}, missing)
		}
		architecture := armcompute.ArchitectureTypesX64
		if strings.Contains(sku, "arm64") {
			architecture = armcompute.ArchitectureTypesArm64
		}
		return answer(http.StatusOK, armcompute.VirtualMachineImagesClientGetResponse{VirtualMachineImage: armcompute.VirtualMachineImage{Name: &version, Location: &location,
			Properties: &armcompute.VirtualMachineImageProperties{Architecture: &architecture, HyperVGeneration: pointer(armcompute.HyperVGenerationTypesV2),
				OSDiskImage: &armcompute.OSDiskImage{OperatingSystem: &o.system}}}}, nil)
	}
}

// galleries has one gallery, with one definition and one version.
func (s *Server) galleries() {
	const galleryType = "Microsoft.Compute/galleries"
	s.put(path(Group, galleryType, "shelf"), galleryType, &armcompute.Gallery{Location: pointer(Location)}, "Succeeded")
	s.put(path(Group, galleryType+"/images", "shelf", "golden"), galleryType+"/images", &armcompute.GalleryImage{Location: pointer(Location), Properties: &armcompute.GalleryImageProperties{
		OSType: pointer(armcompute.OperatingSystemTypesLinux), OSState: pointer(armcompute.OperatingSystemStateTypesGeneralized), Architecture: pointer(armcompute.ArchitectureX64), Description: pointer("what we start from")}}, "Succeeded")
	s.put(path(Group, galleryType+"/images/versions", "shelf", "golden", "1.0.0"), galleryType+"/images/versions", &armcompute.GalleryImageVersion{Location: pointer(Location),
		Properties: &armcompute.GalleryImageVersionProperties{}}, "Succeeded")
	s.compute.GalleriesServer.NewListPager = func(*armcompute.GalleriesClientListOptions) azfake.PagerResponder[armcompute.GalleriesClientListResponse] {
		list, next := paged(s, every[armcompute.Gallery](s, ""))
		return onePage(armcompute.GalleriesClientListResponse{GalleryList: armcompute.GalleryList{Value: list, NextLink: next}})
	}
	s.compute.GalleriesServer.NewListByResourceGroupPager = func(group string, _ *armcompute.GalleriesClientListByResourceGroupOptions) azfake.PagerResponder[armcompute.GalleriesClientListByResourceGroupResponse] {
		list, next := paged(s, every[armcompute.Gallery](s, group))
		return onePage(armcompute.GalleriesClientListByResourceGroupResponse{GalleryList: armcompute.GalleryList{Value: list, NextLink: next}})
	}
	f := &s.compute.GalleryImagesServer
	f.NewListByGalleryPager = func(group, gallery string, _ *armcompute.GalleryImagesClientListByGalleryOptions) azfake.PagerResponder[armcompute.GalleryImagesClientListByGalleryResponse] {
		list, next := paged(s, every[armcompute.GalleryImage](s, group))
		return onePage(armcompute.GalleryImagesClientListByGalleryResponse{GalleryImageList: armcompute.GalleryImageList{Value: list, NextLink: next}})
	}
	f.Get = func(_ context.Context, group, gallery, name string, _ *armcompute.GalleryImagesClientGetOptions) (azfake.Responder[armcompute.GalleryImagesClientGetResponse], azfake.ErrorResponder) {
		i, err := find[armcompute.GalleryImage](s, path(group, galleryType+"/images", gallery, name))
		return answer(http.StatusOK, armcompute.GalleryImagesClientGetResponse{GalleryImage: value(i)}, err)
	}
	f.BeginDelete = func(_ context.Context, group, gallery, name string, _ *armcompute.GalleryImagesClientBeginDeleteOptions) (azfake.PollerResponder[armcompute.GalleryImagesClientDeleteResponse], azfake.ErrorResponder) {
		status, err := s.removal(path(group, galleryType+"/images", gallery, name), func() error {
			if len(every[armcompute.GalleryImageVersion](s, group)) > 0 {
				return fault(http.StatusConflict, "CannotDeleteResource", "Cannot delete resource while nested resources exist.")
			}
			return nil
		}, nil)
		return accepted(status, armcompute.GalleryImagesClientDeleteResponse{}, err)
	}
	v := &s.compute.GalleryImageVersionsServer
	v.Get = func(_ context.Context, group, gallery, image, name string, _ *armcompute.GalleryImageVersionsClientGetOptions) (azfake.Responder[armcompute.GalleryImageVersionsClientGetResponse], azfake.ErrorResponder) {
		i, err := find[armcompute.GalleryImageVersion](s, path(group, galleryType+"/images/versions", gallery, image, name))
		return answer(http.StatusOK, armcompute.GalleryImageVersionsClientGetResponse{GalleryImageVersion: value(i)}, err)
	}
	v.BeginDelete = func(_ context.Context, group, gallery, image, name string, _ *armcompute.GalleryImageVersionsClientBeginDeleteOptions) (azfake.PollerResponder[armcompute.GalleryImageVersionsClientDeleteResponse], azfake.ErrorResponder) {
		status, err := s.removal(path(group, galleryType+"/images/versions", gallery, image, name), nil, nil)
		return accepted(status, armcompute.GalleryImageVersionsClientDeleteResponse{}, err)
	}
}
