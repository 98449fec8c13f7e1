package azure

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// An image's id is one of
//
//	Canonical:ubuntu-24_04-lts:server:latest   of the marketplace; or a version instead of latest
//	group/name                                 a managed image
//	group/gallery/definition[/version]         of a gallery; without version the newest
//	/CommunityGalleries/… /SharedGalleries/…   of another's gallery, in Azure's words

// imageReference is an image's id in the form in which a virtual machine refers to it.
func imageReference(group, id string, a *api) (*armcompute.ImageReference, error) {
	lower := strings.ToLower(id)
	switch {
	case strings.HasPrefix(lower, "/communitygalleries/"):
		return &armcompute.ImageReference{CommunityGalleryImageID: &id}, nil
	case strings.HasPrefix(lower, "/sharedgalleries/"):
		return &armcompute.ImageReference{SharedGalleryImageID: &id}, nil
	case strings.HasPrefix(lower, "/subscriptions/"):
		return &armcompute.ImageReference{ID: &id}, nil
	}
	if part := strings.Split(id, ":"); len(part) == 4 && !slices.Contains(part, "") {
		return &armcompute.ImageReference{Publisher: &part[0], Offer: &part[1], SKU: &part[2], Version: &part[3]}, nil
	}
	part := strings.Split(id, "/")
	if len(part) == 1 {
		part = append([]string{group}, part...)
	}
	if a == nil { // only to see whether it can be one
		if len(part) > 4 || slices.Contains(part[1:], "") || strings.Contains(id, ":") {
			return nil, op.Errorf(op.NotFound, "there is no image %q: it would be like \"Canonical:ubuntu-24_04-lts:server:latest\" or \"group/name\"", id)
		}
		return nil, nil
	}
	return &armcompute.ImageReference{ID: pointer(a.path(imageTypes[len(part)], ref{part[0], part[1:]}))}, nil
}

// imageTypes are the types of images, by the parts of their ids.
var imageTypes = map[int]string{
	2: imageType,
	3: "Microsoft.Compute/galleries/images",
	4: "Microsoft.Compute/galleries/images/versions",
}

// imageID is the id of what a virtual machine refers to.
func imageID(r *armcompute.ImageReference) string {
	switch {
	case r == nil:
		return ""
	case r.Publisher != nil:
		return strings.Join([]string{value(r.Publisher), value(r.Offer), value(r.SKU), value(r.Version)}, ":")
	case r.ID != nil:
		return shortID(r.ID)
	}
	return cmp.Or(value(r.CommunityGalleryImageID), value(r.SharedGalleryImageID))
}

// ListImages yields the own images, the galleries', and then an offer of the
// marketplace a page. The cursor says which, and where it goes on.
func (d *computeDriver) ListImages(ctx context.Context, in compute.ListImages) iter.Seq2[compute.Image, error] {
	where := place(in.Location)
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Image, string, error) {
		a, err := d.api(ctx)
		if err != nil {
			return nil, "", err
		}
		self := in.Owner == "self" || strings.EqualFold(in.Owner, a.subscription)
		own := self || in.Owner == ""
		stage, rest, _ := strings.Cut(cursor, " ")
		switch {
		case stage == "" && own || stage == "images":
			list, next, err := d.ownImages(ctx, rest, where)
			if next != "" {
				return list, "images " + next, err
			}
			return list, "galleries", err
		case stage == "galleries":
			list, err := d.galleryImages(ctx, where)
			if self {
				return list, "", err
			}
			return list, "offers " + strings.Join(d.offers, ","), err
		case stage == "":
			offers, err := d.offersOf(ctx, in.Owner, where)
			if err != nil || len(offers) == 0 {
				return nil, "", err
			}
			rest = strings.Join(offers, ",")
		}
		offer, more, _ := strings.Cut(rest, ",")
		list, err := d.offered(ctx, offer, where)
		if more != "" {
			more = "offers " + more
		}
		return list, more, err
	})
}

// ownImages is a page of the managed images, of the session's group if it has one.
func (d *computeDriver) ownImages(ctx context.Context, cursor, where string) ([]compute.Image, string, error) {
	a, err := d.api(ctx)
	if err != nil {
		return nil, "", err
	}
	var found []*armcompute.Image
	var next string
	if d.group != "" {
		found, next, err = page(ctx, cursor, a.images.NewListByResourceGroupPager(d.group, nil), func(r armcompute.ImagesClientListByResourceGroupResponse) ([]*armcompute.Image, *string) {
			return r.Value, r.NextLink
		})
	} else {
		found, next, err = page(ctx, cursor, a.images.NewListPager(nil), func(r armcompute.ImagesClientListResponse) ([]*armcompute.Image, *string) {
			return r.Value, r.NextLink
		})
	}
	found = slices.DeleteFunc(found, func(i *armcompute.Image) bool { return where != "" && place(value(i.Location)) != where })
	return convert(found, func(i *armcompute.Image) compute.Image { return imageOf(i, a.subscription) }), next, err
}

// galleryImages are the definitions of the galleries' images: a request for
// the galleries, and one for each.
func (d *computeDriver) galleryImages(ctx context.Context, where string) ([]compute.Image, error) {
	a, err := d.api(ctx)
	if err != nil {
		return nil, err
	}
	galleries, err := all(ctx, func(ctx context.Context, cursor string) ([]*armcompute.Gallery, string, error) {
		if d.group != "" {
			return page(ctx, cursor, a.galleries.NewListByResourceGroupPager(d.group, nil), func(r armcompute.GalleriesClientListByResourceGroupResponse) ([]*armcompute.Gallery, *string) {
				return r.Value, r.NextLink
			})
		}
		return page(ctx, cursor, a.galleries.NewListPager(nil), func(r armcompute.GalleriesClientListResponse) ([]*armcompute.Gallery, *string) {
			return r.Value, r.NextLink
		})
	})
	if err != nil {
		return nil, err
	}
	var list []compute.Image
	for _, g := range galleries {
		r, ok := refOf(value(g.ID))
		if !ok {
			continue
		}
		found, err := all(ctx, func(ctx context.Context, cursor string) ([]*armcompute.GalleryImage, string, error) {
			return page(ctx, cursor, a.gallery.NewListByGalleryPager(r.group, r.name(), nil), func(r armcompute.GalleryImagesClientListByGalleryResponse) ([]*armcompute.GalleryImage, *string) {
				return r.Value, r.NextLink
			})
		})
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			if where == "" || place(value(i.Location)) == where {
				list = append(list, definitionOf(i, a.subscription))
			}
		}
	}
	return list, nil
}

// offersOf are the offers of a publisher; of "Publisher:Offer" that one.
func (d *computeDriver) offersOf(ctx context.Context, owner, where string) ([]string, error) {
	if offerName.MatchString(owner) {
		return []string{owner}, nil
	}
	a, err := d.api(ctx)
	if err != nil {
		return nil, err
	}
	if where, err = d.at(where); err != nil {
		return nil, err
	}
	out, err := get(a.market.ListOffers(ctx, where, owner, nil))
	if err != nil {
		return nil, ifOther(err, op.NotFound) // nothing is of an owner who is none
	}
	var offers []string
	for _, o := range out.VirtualMachineImageResourceArray {
		offers = append(offers, owner+":"+value(o.Name))
	}
	return offers, nil
}

// offered is what an offer of the marketplace has: a SKU is an image that has
// many versions, of which the newest is meant.
func (d *computeDriver) offered(ctx context.Context, offer, where string) ([]compute.Image, error) {
	a, err := d.api(ctx)
	if err != nil {
		return nil, err
	}
	if where, err = d.at(where); err != nil {
		return nil, err
	}
	publisher, name, _ := strings.Cut(offer, ":")
	out, err := get(a.market.ListSKUs(ctx, where, publisher, name, nil))
	if err != nil {
		return nil, ifOther(err, op.NotFound) // not in this location
	}
	var list []compute.Image
	for _, s := range out.VirtualMachineImageResourceArray {
		i := marketImage(publisher, name, value(s.Name), "latest")
		// The list does not tell the architecture, but its names do.
		i.Architecture = compute.X86_64
		if strings.Contains(strings.ToLower(value(s.Name)+name), "arm64") || strings.HasSuffix(strings.ToLower(name), "-arm") {
			i.Architecture = compute.ARM64
		}
		list = append(list, i)
	}
	return list, nil
}

func marketImage(publisher, offer, sku, version string) compute.Image {
	return compute.Image{ID: strings.Join([]string{publisher, offer, sku, version}, ":"), Name: offer + " " + sku, State: compute.ImageAvailable,
		Owner: publisher, Public: true, Tags: map[string]string{}, Extra: map[string]any{}}
}

// imageStates are the states of what is provisioned.
var imageStates = map[string]compute.ImageState{
	"Succeeded": compute.ImageAvailable,
	"Creating":  compute.ImagePending,
	"Updating":  compute.ImagePending,
	"Deleting":  compute.ImageDeleting,
	"Failed":    compute.ImageError,
}

func imageState(provisioning string) compute.ImageState {
	return cmp.Or(imageStates[provisioning], compute.ImageUnknown)
}

func imageOf(i *armcompute.Image, subscription string) compute.Image {
	w := compute.Image{ID: shortID(i.ID), Name: value(i.Name), State: compute.ImageUnknown, Owner: subscription, Extra: map[string]any{"location": place(value(i.Location))}}
	w.Tags, w.Description = describedTags(i.Tags)
	if i.SystemData != nil {
		w.CreatedAt = when(i.SystemData.CreatedAt)
	}
	if p := i.Properties; p != nil {
		w.State = imageState(value(p.ProvisioningState))
		w.Extra["hyperVGeneration"] = text(p.HyperVGeneration)
		if s := p.StorageProfile; s != nil && s.OSDisk != nil {
			w.Size = int(value(s.OSDisk.DiskSizeGB))
			w.Extra["osType"], w.Extra["osState"] = text(s.OSDisk.OSType), text(s.OSDisk.OSState)
			if s.OSDisk.Snapshot != nil {
				w.Extra["snapshot"] = shortID(s.OSDisk.Snapshot.ID)
			}
		}
	}
	extras(w.Extra)
	return w
}

func definitionOf(i *armcompute.GalleryImage, subscription string) compute.Image {
	w := compute.Image{ID: shortID(i.ID), Name: value(i.Name), State: compute.ImageUnknown, Owner: subscription, Tags: tagsOf(i.Tags), Extra: map[string]any{"location": place(value(i.Location))}}
	if i.SystemData != nil {
		w.CreatedAt = when(i.SystemData.CreatedAt)
	}
	if p := i.Properties; p != nil {
		w.State, w.Description, w.Architecture = imageState(text(p.ProvisioningState)), value(p.Description), architectures[text(p.Architecture)]
		w.Extra["osType"], w.Extra["osState"], w.Extra["hyperVGeneration"] = text(p.OSType), text(p.OSState), text(p.HyperVGeneration)
		if n := p.Identifier; n != nil {
			w.Extra["publisher"], w.Extra["offer"], w.Extra["sku"] = value(n.Publisher), value(n.Offer), value(n.SKU)
		}
	}
	extras(w.Extra)
	return w
}

func versionOf(v *armcompute.GalleryImageVersion, subscription string) compute.Image {
	w := compute.Image{ID: shortID(v.ID), Name: value(v.Name), State: compute.ImageUnknown, Owner: subscription, Tags: tagsOf(v.Tags), Extra: map[string]any{"location": place(value(v.Location))}}
	if v.SystemData != nil {
		w.CreatedAt = when(v.SystemData.CreatedAt)
	}
	if r, ok := refOf(value(v.ID)); ok && len(r.names) == 3 {
		w.Name = r.names[1] + " " + r.names[2]
	}
	if p := v.Properties; p != nil {
		w.State = imageState(text(p.ProvisioningState))
		if p.StorageProfile != nil && p.StorageProfile.OSDiskImage != nil {
			w.Size = int(value(p.StorageProfile.OSDiskImage.SizeInGB))
		}
	}
	extras(w.Extra)
	return w
}

func (d *computeDriver) GetImage(ctx context.Context, in compute.GetImage) (compute.Image, error) {
	a, err := d.api(ctx)
	if err != nil {
		return compute.Image{}, err
	}
	if part := strings.Split(in.Image, ":"); len(part) == 4 {
		return d.onMarket(ctx, a, part)
	}
	if !managed(in.Image) {
		return d.inGallery(ctx, a, in.Image)
	}
	i, _, err := d.image(ctx, in.Image)
	if err != nil {
		return compute.Image{}, err
	}
	return imageOf(i, a.subscription), nil
}

// inGallery looks an image of a gallery up: a version, or a definition.
func (d *computeDriver) inGallery(ctx context.Context, a *api, id string) (compute.Image, error) {
	if r, err := d.ref("image", id, 3); err == nil && depth(id) == 3 {
		out, err := get(a.versions.Get(ctx, r.group, r.names[0], r.names[1], r.names[2], nil))
		if err != nil {
			return compute.Image{}, err
		}
		return versionOf(&out.GalleryImageVersion, a.subscription), nil
	}
	r, err := d.ref("image", id, 2)
	if err != nil {
		return compute.Image{}, err
	}
	out, err := get(a.gallery.Get(ctx, r.group, r.names[0], r.names[1], nil))
	if err != nil {
		return compute.Image{}, err
	}
	return definitionOf(&out.GalleryImage, a.subscription), nil
}

// depth is how many resources deep an image's id leads: 1 is a managed image,
// 2 a definition in a gallery, 3 a version of it. Those in galleries are written
// with their group.
func depth(id string) int {
	if r, ok := refOf(id); ok {
		return len(r.names)
	}
	return max(1, strings.Count(id, "/"))
}

func managed(id string) bool { return depth(id) == 1 }

// image looks a managed image up.
func (d *computeDriver) image(ctx context.Context, id string) (*armcompute.Image, ref, error) {
	r, err := d.ref("image", id, 1)
	if err != nil {
		return nil, r, err
	}
	a, err := d.api(ctx)
	if err != nil {
		return nil, r, err
	}
	out, err := get(a.images.Get(ctx, r.group, r.name(), nil))
	return &out.Image, r, err
}

// onMarket looks an image of the marketplace up, the newest version if that is meant.
func (d *computeDriver) onMarket(ctx context.Context, a *api, urn []string) (compute.Image, error) {
	where, err := d.at("")
	if err != nil {
		return compute.Image{}, err
	}
	version := urn[3]
	if strings.EqualFold(version, "latest") {
		out, err := get(a.market.List(ctx, where, urn[0], urn[1], urn[2], &armcompute.VirtualMachineImagesClientListOptions{Top: pointer(int32(1)), Orderby: pointer("name desc")}))
		if err != nil {
			return compute.Image{}, err
		}
		if len(out.VirtualMachineImageResourceArray) == 0 {
			return compute.Image{}, op.Errorf(op.NotFound, "the image %s has no version in %s", strings.Join(urn, ":"), where)
		}
		version = value(out.VirtualMachineImageResourceArray[0].Name)
	}
	out, err := get(a.market.Get(ctx, where, urn[0], urn[1], urn[2], version, nil))
	if err != nil {
		return compute.Image{}, err
	}
	i := marketImage(urn[0], urn[1], urn[2], urn[3])
	if p := out.Properties; p != nil {
		i.Architecture = architectures[text(p.Architecture)]
		i.Extra["version"], i.Extra["hyperVGeneration"] = version, text(p.HyperVGeneration)
		if p.OSDiskImage != nil {
			i.Extra["osType"] = text(p.OSDiskImage.OperatingSystem)
		}
		if p.Plan != nil {
			i.Extra["plan"] = strings.Join([]string{value(p.Plan.Publisher), value(p.Plan.Product), value(p.Plan.Name)}, ":")
		}
		if s := p.ImageDeprecationStatus; s != nil {
			i.Extra["deprecation"] = text(s.ImageState)
		}
	}
	extras(i.Extra)
	return i, nil
}

// CreateImage makes a managed image of a snapshot of the root disk, which the
// node goes on with. The snapshot is the image's own.
func (d *computeDriver) CreateImage(ctx context.Context, in compute.CreateImage) (compute.Image, error) {
	if err := named("an image", in.Name, 75); err != nil {
		return compute.Image{}, err
	}
	a, r, vm, err := d.vm(ctx, in.Node)
	if err != nil {
		return compute.Image{}, err
	}
	s := vm.Properties.StorageProfile
	if s == nil || s.OSDisk == nil || s.OSDisk.ManagedDisk == nil || s.OSDisk.ManagedDisk.ID == nil {
		return compute.Image{}, op.Errorf(op.Conflict, "the node %s has no managed root disk", r)
	}
	disk := source{id: s.OSDisk.ManagedDisk.ID, location: value(vm.Location), system: s.OSDisk.OSType, size: value(s.OSDisk.DiskSizeGB)}
	if v := vm.Properties.InstanceView; v != nil && text(v.HyperVGeneration) != "" {
		disk.generation = pointer(armcompute.HyperVGenerationTypes(text(v.HyperVGeneration)))
	}
	running := stateOf(value(vm.Properties.ProvisioningState), vm.Properties.InstanceView) == compute.NodeRunning
	if in.Reboot && running {
		_, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armcompute.VirtualMachinesClientPowerOffResponse], error) {
			return a.vms.BeginPowerOff(ctx, r.group, r.name(), nil)
		})
		if err != nil {
			return compute.Image{}, err
		}
	}
	image, err := d.imageFrom(ctx, a, in.Name, in.Description, in.Tags, disk)
	if in.Reboot && running {
		// The snapshot is of the moment that it was taken at.
		ctx, cancel := undo(ctx)
		defer cancel()
		if again := start(a.vms.BeginStart(ctx, r.group, r.name(), nil)); again != nil && err == nil {
			err = op.Errorf(op.KindOf(again), "the image %s is being made, but the node %s could not be started again: %w", image.ID, r, again)
		}
	}
	return image, err
}

// A source is what an image is made from: a disk, or another image's snapshot.
type source struct {
	id         *string
	location   string
	system     *armcompute.OperatingSystemTypes
	generation *armcompute.HyperVGenerationTypes
	size       int32
}

// imageFrom makes an image of a snapshot of its own, which must be there first.
func (d *computeDriver) imageFrom(ctx context.Context, a *api, name, description string, tags map[string]string, from source) (compute.Image, error) {
	_, group, err := d.into(ctx)
	if err != nil {
		return compute.Image{}, err
	}
	token := op.Token(ctx)
	r := ref{group, []string{name}}
	image := armcompute.Image{Location: &from.location, Tags: tagsFor(tags, description, token), Properties: &armcompute.ImageProperties{HyperVGeneration: from.generation,
		StorageProfile: &armcompute.ImageStorageProfile{OSDisk: &armcompute.ImageOSDisk{OSType: from.system, OSState: pointer(armcompute.OperatingSystemStateTypesGeneralized),
			DiskSizeGB: given(from.size)}}}}
	made, err := create(ctx, d.manager, "image", r, token, func() (*armcompute.Image, map[string]*string, error) {
		found, err := a.images.Get(ctx, group, name, nil)
		return &found.Image, found.Tags, err
	}, func() (*armcompute.Image, error) {
		own := tagsFor(nil, "", token)
		own[imageTag] = &name
		snapshot := ref{group, []string{name + "-disk"}}
		if _, err := d.take(ctx, a, snapshot.name(), own, token, from.id, from.location, false); err != nil {
			return nil, err
		}
		out, err := imageOn(ctx, a, r, snapshot, &image)
		if err != nil {
			ctx, cancel := undo(ctx)
			defer cancel()
			if left := removeSnapshot(ctx, a, snapshot); left != nil && op.KindOf(left) != op.NotFound {
				e := *op.AsError(err)
				e.Message += "; its snapshot " + snapshot.String() + " could not be removed: " + op.AsError(left).Message
				return nil, &e
			}
			return nil, err
		}
		return out, nil
	})
	if err != nil {
		return compute.Image{}, err
	}
	return imageOf(made, a.subscription), nil
}

// imageOn waits for the snapshot, and begins the image.
func imageOn(ctx context.Context, a *api, r, snapshot ref, image *armcompute.Image) (*armcompute.Image, error) {
	err := op.Poll(ctx, 4*time.Second, func(ctx context.Context) (bool, error) {
		s, err := get(a.snapshots.Get(ctx, snapshot.group, snapshot.name(), nil))
		if err != nil {
			if transient(err) && op.TakeRetry(ctx) {
				return false, nil
			}
			return false, err
		}
		image.Properties.StorageProfile.OSDisk.Snapshot = &armcompute.SubResource{ID: s.ID}
		switch v := snapshotOf(&s.Snapshot); v.State {
		case compute.SnapshotAvailable:
			return true, nil
		case compute.SnapshotError:
			return false, op.Errorf(op.Unavailable, "the snapshot %s failed", snapshot)
		}
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	return begin[armcompute.Image](ctx, func(ctx context.Context) (*runtime.Poller[armcompute.ImagesClientCreateOrUpdateResponse], error) {
		return a.images.BeginCreateOrUpdate(ctx, r.group, r.name(), *image, nil)
	})
}

// CopyImage copies the snapshot that an image was made with.
func (d *computeDriver) CopyImage(ctx context.Context, in compute.CopyImage) (compute.Image, error) {
	if err := named("an image", in.Name, 75); err != nil {
		return compute.Image{}, err
	}
	if strings.Contains(in.Image, ":") || !managed(in.Image) {
		i, err := d.GetImage(ctx, compute.GetImage{Image: in.Image})
		if err != nil {
			return compute.Image{}, err
		}
		return compute.Image{}, op.Errorf(op.Conflict, "%s is an image of the marketplace or of a gallery, which is in all the locations that it is for: there is nothing to copy", i.ID)
	}
	i, r, err := d.image(ctx, in.Image)
	if err != nil {
		return compute.Image{}, err
	}
	a, err := d.api(ctx)
	if err != nil {
		return compute.Image{}, err
	}
	p := i.Properties
	if p == nil || p.StorageProfile == nil || p.StorageProfile.OSDisk == nil || p.StorageProfile.OSDisk.Snapshot == nil {
		return compute.Image{}, op.Errorf(op.Conflict, "the image %s was not made from a snapshot: Azure has nothing to copy it from", r)
	}
	if from := place(in.SourceLocation); from != "" && from != place(value(i.Location)) {
		return compute.Image{}, op.Errorf(op.NotFound, "the image %s is in %s, not in %s", r, value(i.Location), from)
	}
	disk := p.StorageProfile.OSDisk
	return d.imageFrom(ctx, a, in.Name, in.Description, nil, source{id: disk.Snapshot.ID, location: value(i.Location), system: disk.OSType, generation: p.HyperVGeneration, size: value(disk.DiskSizeGB)})
}

// DeleteImage also removes the snapshot that create_image made for the image.
func (d *computeDriver) DeleteImage(ctx context.Context, in compute.DeleteImage) error {
	if strings.Contains(in.Image, ":") {
		i, err := d.GetImage(ctx, compute.GetImage{Image: in.Image})
		if err != nil {
			return err
		}
		return op.Errorf(op.PermissionDenied, "the image %s is %s's", i.ID, i.Owner)
	}
	a, err := d.api(ctx)
	if err != nil {
		return err
	}
	if !managed(in.Image) {
		return d.deleteFromGallery(ctx, a, in.Image)
	}
	i, r, err := d.image(ctx, in.Image)
	if err != nil {
		return err
	}
	_, err = wait(ctx, func(ctx context.Context) (*runtime.Poller[armcompute.ImagesClientDeleteResponse], error) {
		return a.images.BeginDelete(ctx, r.group, r.name(), nil)
	})
	if err != nil {
		return err
	}
	own, ok := snapshotOfImage(i)
	if !ok {
		return nil
	}
	s, err := get(a.snapshots.Get(ctx, own.group, own.name(), nil))
	if err != nil || value(s.Tags[imageTag]) != value(i.Name) {
		return ifOther(err, op.NotFound)
	}
	return ifOther(removeSnapshot(ctx, a, own), op.NotFound)
}

// snapshotOfImage is the snapshot that an image was made from.
func snapshotOfImage(i *armcompute.Image) (ref, bool) {
	p := i.Properties
	if p == nil || p.StorageProfile == nil || p.StorageProfile.OSDisk == nil || p.StorageProfile.OSDisk.Snapshot == nil {
		return ref{}, false
	}
	return refOf(value(p.StorageProfile.OSDisk.Snapshot.ID))
}

func (d *computeDriver) deleteFromGallery(ctx context.Context, a *api, id string) error {
	if r, err := d.ref("image", id, 3); err == nil && depth(id) == 3 {
		return remove(ctx, "image", r, func(ctx context.Context) (*runtime.Poller[armcompute.GalleryImageVersionsClientDeleteResponse], error) {
			return a.versions.BeginDelete(ctx, r.group, r.names[0], r.names[1], r.names[2], nil)
		})
	}
	r, err := d.ref("image", id, 2)
	if err != nil {
		return err
	}
	return remove(ctx, "image", r, func(ctx context.Context) (*runtime.Poller[armcompute.GalleryImagesClientDeleteResponse], error) {
		return a.gallery.BeginDelete(ctx, r.group, r.names[0], r.names[1], nil)
	})
}
