package google

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	gce "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// publicProjects are the projects in which Google keeps images for everyone.
var publicProjects = []string{
	"debian-cloud", "ubuntu-os-cloud", "rocky-linux-cloud", "centos-cloud", "fedora-cloud", "fedora-coreos-cloud", "opensuse-cloud", "cos-cloud",
	"rhel-cloud", "rhel-sap-cloud", "suse-cloud", "suse-sap-cloud", "oracle-linux-cloud", "ubuntu-os-pro-cloud", "windows-cloud", "windows-sql-cloud",
}

var imageStates = map[string]compute.ImageState{
	"READY":    compute.ImageAvailable,
	"PENDING":  compute.ImagePending,
	"FAILED":   compute.ImageError,
	"DELETING": compute.ImageDeleting,
}

const imageFields = "id,name,description,status,architecture,diskSizeGb,labels,creationTimestamp,family,deprecated,sourceDisk,sourceImage,storageLocations,licenses"

// imageOf is an image of the project owner, seen from the session's own.
func imageOf(project, owner string, i *gce.Image) compute.Image {
	m := compute.Image{ID: ref{project: owner, name: i.Name}.id(project), Name: i.Name, Description: i.Description,
		State: cmp.Or(imageStates[i.Status], compute.ImageUnknown), Architecture: architecture(i.Architecture), Size: int(i.DiskSizeGb), Owner: owner,
		Public: slices.Contains(publicProjects, owner), Tags: tagsOf(i.Labels), CreatedAt: when(i.CreationTimestamp)}
	m.Extra = extras(map[string]any{"family": i.Family, "sourceDisk": i.SourceDisk, "sourceImage": i.SourceImage,
		"storageLocations": i.StorageLocations, "licenses": i.Licenses})
	if i.Id != 0 {
		m.Extra["id"] = fmt.Sprint(i.Id)
	}
	if i.Deprecated != nil {
		m.Extra["deprecated"] = i.Deprecated.State
	}
	return m
}

// ListImages lists one project after the other. The public ones keep what they
// ever had: without owner, what is deprecated there is left out.
func (d *gceDriver) ListImages(ctx context.Context, in compute.ListImages) iter.Seq2[compute.Image, error] {
	var f filter
	f.tagged(in.Name, in.Tags)
	if in.Architecture == compute.X86_64 || in.Architecture == compute.ARM64 {
		f.is("architecture", strings.ToUpper(string(in.Architecture)))
	}
	return pages(ctx, d.session, func(ctx context.Context, project, cursor string) ([]compute.Image, string, error) {
		owners := []string{in.Owner}
		switch in.Owner {
		case "":
			owners = append([]string{project}, slices.DeleteFunc(slices.Clone(d.imageProjects), func(p string) bool { return p == project })...)
		case "self":
			owners = []string{project}
		}
		// The cursor is the project's and the page's in it.
		owner, token, _ := strings.Cut(cursor, "/")
		k := max(0, slices.Index(owners, owner))
		if !projectID.MatchString(owners[k]) {
			return nil, "", nil
		}
		list := d.api.Images.List(owners[k]).MaxResults(d.page(most)).PageToken(token).Fields("nextPageToken", "items("+imageFields+")")
		if len(f) > 0 {
			list.Filter(f.String())
		}
		out, err := do(list.Context(ctx))
		if err != nil {
			return nil, "", err
		}
		var images []compute.Image
		for _, i := range out.Items {
			if in.Owner != "" || owners[k] == project || i.Deprecated == nil || i.Deprecated.State == "" || i.Deprecated.State == "ACTIVE" {
				images = append(images, imageOf(project, owners[k], i))
			}
		}
		next := ""
		switch {
		case out.NextPageToken != "":
			next = owners[k] + "/" + out.NextPageToken
		case k+1 < len(owners):
			next = owners[k+1] + "/"
		}
		return images, next, nil
	})
}

// family is what stands before a family's name where it is used for an image:
// "debian-cloud/family/debian-12" is the newest of its images.
const family = "family"

// parseImage reads an image's id, and whether it is a family's.
func (d *gceDriver) parseImage(project, id string) (r ref, ofFamily bool, err error) {
	short := id
	if _, path, found := strings.Cut(id, "projects/"); found {
		short = strings.Replace(path, "/global/images/", "/", 1)
	}
	if owner, name, found := strings.Cut(short, "/"+family+"/"); found {
		short, ofFamily = owner+"/"+name, true
	} else if name, found := strings.CutPrefix(short, family+"/"); found {
		short, ofFamily = name, true
	}
	r, err = global("image", short, project)
	return r, ofFamily, err
}

// imageURL is the URL of an image to make a disk from.
func (d *gceDriver) imageURL(project, id string) (string, error) {
	r, ofFamily, err := d.parseImage(project, id)
	if err != nil {
		return "", err
	}
	if ofFamily {
		return r.url("", "images/"+family), nil
	}
	return r.url("", "images"), nil
}

func (d *gceDriver) image(ctx context.Context, r ref) (compute.Image, error) {
	project, err := d.project(ctx)
	if err != nil {
		return compute.Image{}, err
	}
	i, err := do(d.api.Images.Get(r.project, r.name).Fields(imageFields).Context(ctx))
	if err != nil {
		return compute.Image{}, err
	}
	return imageOf(project, r.project, i), nil
}

func (d *gceDriver) GetImage(ctx context.Context, in compute.GetImage) (compute.Image, error) {
	project, err := d.project(ctx)
	if err != nil {
		return compute.Image{}, err
	}
	r, ofFamily, err := d.parseImage(project, in.Image)
	switch {
	case err != nil:
		return compute.Image{}, err
	case !ofFamily:
		return d.image(ctx, r)
	}
	i, err := do(d.api.Images.GetFromFamily(r.project, r.name).Fields(imageFields).Context(ctx))
	if err != nil {
		return compute.Image{}, err
	}
	return imageOf(project, r.project, i), nil
}

// CreateImage makes an image of the node's root disk. With reboot, the node is
// stopped until that is done, which takes minutes.
func (d *gceDriver) CreateImage(ctx context.Context, in compute.CreateImage) (compute.Image, error) {
	if err := named("an image", in.Name); err != nil {
		return compute.Image{}, err
	}
	tags, err := labels(in.Tags)
	if err != nil {
		return compute.Image{}, err
	}
	r, err := d.node(ctx, in.Node)
	if err != nil {
		return compute.Image{}, err
	}
	i, err := d.instance(ctx, r, "status,disks(boot,source)")
	if err != nil {
		return compute.Image{}, err
	}
	root := slices.IndexFunc(i.Disks, func(a *gce.AttachedDisk) bool { return a.Boot })
	if root < 0 {
		return compute.Image{}, op.Errorf(op.Conflict, "the node %s has no root disk", in.Node)
	}
	image := &gce.Image{Name: in.Name, Description: in.Description, Labels: tags, SourceDisk: i.Disks[root].Source}
	if !in.Reboot || i.Status != "RUNNING" {
		return d.insertImage(ctx, image, true)
	}
	o, err := change(ctx, "stop", d.api.Instances.Stop(r.project, r.scope, r.name))
	if err == nil {
		err = d.start(r.project, o).finished(ctx)
	}
	var made compute.Image
	if err == nil {
		made, err = d.insertImage(ctx, image, false)
	}
	if err == nil {
		if err = d.completed(ctx, made); err != nil {
			err = undone(ctx, err, "the image "+in.Name, func(ctx context.Context) error { return d.DeleteImage(ctx, compute.DeleteImage{Image: made.ID}) })
		}
	}
	return made, d.restarted(ctx, r, err)
}

// completed waits until an image is made.
func (d *gceDriver) completed(ctx context.Context, i compute.Image) error {
	return op.Poll(ctx, 5*time.Second, func(ctx context.Context) (bool, error) {
		now, err := persist(ctx, func() (compute.Image, error) { return d.GetImage(ctx, compute.GetImage{Image: i.ID}) })
		return err != nil || now.State != compute.ImagePending, err
	})
}

// restarted starts a node that was stopped for a moment, whatever happened
// meanwhile, and returns that.
func (d *gceDriver) restarted(ctx context.Context, r ref, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	o, err := change(ctx, "start", d.api.Instances.Start(r.project, r.scope, r.name))
	if err == nil {
		err = d.start(r.project, o).begun(ctx, underWay)
	}
	if err == nil {
		return cause
	}
	e, does := *op.AsError(err), "the node "+r.name+", which was stopped for its image, does not start again"
	if e.Message = does + ": " + e.Message; cause != nil {
		e, does = *op.AsError(cause), e.Message
		e.Message += "; and " + does
	}
	return &e
}

// insertImage makes an image. force takes it of a disk that is in use.
func (d *gceDriver) insertImage(ctx context.Context, image *gce.Image, force bool) (compute.Image, error) {
	project, err := d.project(ctx)
	if err != nil {
		return compute.Image{}, err
	}
	insert := d.api.Images.Insert(project, image)
	if force {
		insert.ForceCreate(true)
	}
	o, err := change(ctx, "insert", insert)
	if err != nil {
		return compute.Image{}, err
	}
	r := ref{project: project, name: image.Name}
	remove := func(ctx context.Context) error { return d.removeImage(ctx, r) }
	err = d.start(project, o).made(ctx, exists(func(ctx context.Context) error {
		_, err := d.image(ctx, r)
		return err
	}), remove)
	if err != nil {
		return compute.Image{}, err
	}
	return fetched(ctx, "the image "+r.name, func() (compute.Image, error) { return d.image(ctx, r) }, remove)
}

// exists is a ready that waits for something to be found.
func exists(get func(ctx context.Context) error) func(ctx context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		err := get(ctx)
		if op.KindOf(err) == op.NotFound {
			return false, nil
		}
		return err == nil, err
	}
}

func (d *gceDriver) CopyImage(ctx context.Context, in compute.CopyImage) (compute.Image, error) {
	if err := named("an image", in.Name); err != nil {
		return compute.Image{}, err
	}
	if in.SourceLocation != "" {
		return compute.Image{}, op.Errorf(op.InvalidArgument, "source_location: images are in no region at Google Compute Engine, leave it out")
	}
	project, err := d.project(ctx)
	if err != nil {
		return compute.Image{}, err
	}
	source, err := d.imageURL(project, in.Image)
	if err != nil {
		return compute.Image{}, err
	}
	return d.insertImage(ctx, &gce.Image{Name: in.Name, Description: in.Description, SourceImage: source}, false)
}

func (d *gceDriver) DeleteImage(ctx context.Context, in compute.DeleteImage) error {
	project, err := d.project(ctx)
	if err != nil {
		return err
	}
	r, err := global("image", in.Image, project)
	if err != nil {
		return err
	}
	return d.removeImage(ctx, r)
}

func (d *gceDriver) removeImage(ctx context.Context, r ref) error {
	o, err := change(ctx, "delete", d.api.Images.Delete(r.project, r.name))
	if err != nil {
		return err
	}
	return d.start(r.project, o).begun(ctx, underWay)
}
