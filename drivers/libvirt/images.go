package libvirt

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// An image is a volume of the pool of images, or a pair of volumes: NAME.vmlinuz
// and NAME.initrd, which a node boots without a disk that has them.
type imageFiles struct {
	id                      string // the key of the disk, or of the kernel
	disk                    disk   // without a key if there is none
	kernel, initrd, cmdline string
}

const kernelSuffix, initrdSuffix = ".vmlinuz", ".initrd"

// elsewhere is the owner of the images that others put into the pool.
const elsewhere = "pool"

// imageValue is an image as the contract has it.
func (d *driver) imageValue(ctx context.Context, k disk) (compute.Image, error) {
	architecture, err := d.architecture(ctx)
	i := compute.Image{ID: k.Key, Architecture: architecture, Name: k.name, Description: k.notes.Description, State: compute.ImageAvailable, Size: k.size(),
		Owner: elsewhere, Tags: k.notes.Tags, CreatedAt: k.made(), Extra: map[string]any{"volume": k.Name, "format": k.format}}
	if k.kind == image {
		i.Owner = "self"
	}
	if strings.HasSuffix(k.Name, kernelSuffix) {
		i.Name, i.Size, i.Extra = strings.TrimSuffix(k.Name, kernelSuffix), 0, map[string]any{"kernel": k.Key, "initrd": initrdOf(k.Key)}
	}
	if k.notes.Kernel != "" {
		i.Extra["kernel"], i.Extra["initrd"] = k.notes.Kernel, k.notes.Initrd
	}
	return i, err
}

func initrdOf(kernel string) string { return strings.TrimSuffix(kernel, kernelSuffix) + initrdSuffix }

// isImage reports whether a volume of the pool of images is one: not what nodes
// have as a disk, nor the other half of a pair.
func (d *driver) isImage(k disk, all []machine) bool {
	if k.notes.Deleted || strings.HasSuffix(k.Name, initrdSuffix) {
		return false
	}
	if k.kind == foreign && d.Pool == d.ImagePool {
		_, _, used := uses(all, k.Key)
		return !used
	}
	return true
}

func (d *driver) ListImages(ctx context.Context, in compute.ListImages) iter.Seq2[compute.Image, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.Image, string, error) {
		if err := d.here(ctx, in.Location); err != nil {
			return nil, "", err
		}
		var all []machine
		if d.Pool == d.ImagePool {
			var err error
			if all, err = d.machines(ctx); err != nil {
				return nil, "", err
			}
		}
		disks, err := d.disks(ctx, d.ImagePool, func(k kind) bool { return k == image || k == foreign })
		if err != nil {
			return nil, "", err
		}
		var list []compute.Image
		for _, k := range disks {
			i, err := d.imageValue(ctx, k)
			if err != nil {
				return nil, "", err
			}
			if d.isImage(k, all) && (in.Owner == "" || in.Owner == i.Owner) {
				list = append(list, i)
			}
		}
		return list, "", nil
	})
}

// image reads an image, whose id is its key or, in the pool of images, its name.
func (d *driver) image(ctx context.Context, id string) (disk, error) {
	if !strings.Contains(id, "/") {
		for _, name := range []string{id, id + ".image." + qcow2, id + kernelSuffix} {
			if v, err := d.find(ctx, d.ImagePool, name); err == nil {
				id = v.Key
				break
			} else if op.KindOf(err) != op.NotFound {
				return disk{}, err
			}
		}
	}
	k, err := d.disk(ctx, "image", id, image, foreign)
	if err == nil && (k.notes.Deleted || strings.HasSuffix(k.Name, initrdSuffix)) {
		err = op.Errorf(op.NotFound, "%s is no image", id)
	}
	if op.KindOf(err) == op.NotFound {
		err = op.Errorf(op.NotFound, "there is no image %q: list_images lists them; libvirt learns of files that others put into a pool when the pool is refreshed", id)
	}
	return k, err
}

// imageFiles is what a node is made from.
func (d *driver) imageFiles(ctx context.Context, id string) (imageFiles, error) {
	k, err := d.image(ctx, id)
	if err != nil {
		return imageFiles{}, err
	}
	f := imageFiles{id: k.Key, disk: k, kernel: k.notes.Kernel, initrd: k.notes.Initrd, cmdline: d.Cmdline}
	if strings.HasSuffix(k.Name, kernelSuffix) {
		f.disk, f.kernel, f.initrd = disk{}, k.Key, initrdOf(k.Key)
		if _, err := d.describe(ctx, f.initrd); err != nil {
			if op.KindOf(err) == op.NotFound {
				err = op.Errorf(op.NotFound, "the image %s is a kernel without %s beside it", k.name, initrdOf(k.Name))
			}
			return imageFiles{}, err
		}
	}
	return f, nil
}

func (d *driver) GetImage(ctx context.Context, in compute.GetImage) (compute.Image, error) {
	k, err := d.image(ctx, in.Image)
	if err != nil {
		return compute.Image{}, err
	}
	return d.imageValue(ctx, k)
}

func (d *driver) CreateImage(ctx context.Context, in compute.CreateImage) (compute.Image, error) {
	if err := called("image", in.Name); err != nil {
		return compute.Image{}, err
	}
	all, err := d.machines(ctx)
	if err != nil {
		return compute.Image{}, err
	}
	i := slices.IndexFunc(all, func(m machine) bool { return m.id == in.Node })
	if i < 0 {
		return compute.Image{}, op.Errorf(op.NotFound, "there is no node %q", in.Node)
	}
	m := all[i]
	paths, _ := m.disks()
	if len(paths) == 0 {
		return compute.Image{}, op.Errorf(op.Conflict, "%s has no disk to make an image of", m.x.Name)
	}
	root, err := d.describe(ctx, paths[0])
	if err != nil {
		return compute.Image{}, err
	}
	n := notes{Description: in.Description, Tags: in.Tags, Created: time.Now().UTC()}
	if m.x.OS != nil && m.x.OS.Kernel != "" {
		n.Kernel, n.Initrd = m.x.OS.Kernel, m.x.OS.Initrd
	}
	running := in.Reboot && m.active()
	if running {
		if err := d.StopNode(ctx, compute.StopNode{Node: m.id}); err != nil {
			return compute.Image{}, err
		}
		all[i].domainState = domainState{State: stateShutoff}
	}
	key, err := d.copyDisk(ctx, root, all, d.ImagePool, fmt.Sprintf("%s.image.%s", in.Name, qcow2), n)
	if running {
		start := func(ctx context.Context) error { return d.StartNode(ctx, compute.StartNode{Node: m.id}) }
		switch {
		case err != nil:
			err = d.undo(ctx, err, start, m.x.Name+" is stopped")
		default:
			if err = start(ctx); err != nil {
				err = d.undone(ctx, err, key)
			}
		}
	}
	if op.KindOf(err) == op.AlreadyExists {
		err = op.Errorf(op.AlreadyExists, "there is an image %q already", in.Name)
	}
	if err != nil {
		return compute.Image{}, err
	}
	return d.madeImage(ctx, key)
}

// madeImage reads an image that was made. Where that fails, it is removed.
func (d *driver) madeImage(ctx context.Context, key string) (compute.Image, error) {
	i, err := d.GetImage(ctx, compute.GetImage{Image: key})
	if err != nil {
		return compute.Image{}, d.undone(ctx, err, key)
	}
	return i, nil
}

func (d *driver) CopyImage(ctx context.Context, in compute.CopyImage) (compute.Image, error) {
	if err := called("image", in.Name); err != nil {
		return compute.Image{}, err
	}
	if err := d.here(ctx, in.SourceLocation); err != nil {
		return compute.Image{}, err
	}
	k, err := d.image(ctx, in.Image)
	if err != nil {
		return compute.Image{}, err
	}
	if strings.HasSuffix(k.Name, kernelSuffix) {
		return compute.Image{}, op.Errorf(op.InvalidArgument, "%s is a kernel and an initrd, which others put there: only disks are copied", k.name)
	}
	n := k.notes
	n.Description, n.Created = in.Description, time.Now().UTC()
	key, err := d.make(ctx, d.ImagePool, volumeXML(fmt.Sprintf("%s.image.%s", in.Name, qcow2), qcow2, k.bytes, nil), k.Key, n)
	if op.KindOf(err) == op.AlreadyExists {
		err = op.Errorf(op.AlreadyExists, "there is an image %q already", in.Name)
	}
	if err != nil {
		return compute.Image{}, err
	}
	return d.madeImage(ctx, key)
}

// DeleteImage keeps the file of an image that nodes' disks are based on until the
// last of them is gone; from then on it is no image.
func (d *driver) DeleteImage(ctx context.Context, in compute.DeleteImage) error {
	k, err := d.image(ctx, in.Image)
	if err != nil {
		return err
	}
	based, err := d.basedOn(ctx, k.Key)
	if err != nil {
		return err
	}
	if strings.HasSuffix(k.Name, kernelSuffix) {
		all, err := d.machines(ctx)
		if err != nil {
			return err
		}
		for _, m := range all {
			if m.x.OS != nil && m.x.OS.Kernel == k.Key {
				return op.Errorf(op.Conflict, "%s boots this kernel: it could not start any more", m.x.Name)
			}
		}
		return d.remove(ctx, k.Key, initrdOf(k.Key))
	}
	if based {
		k.notes.Deleted = true
		return d.write(ctx, d.ImagePool, k.Name+".meta.json", k.notes, true)
	}
	return d.remove(ctx, k.Key)
}

// basedOn reports whether a disk is an overlay of the one at path.
func (d *driver) basedOn(ctx context.Context, path string) (bool, error) {
	disks, err := d.disks(ctx, d.Pool, func(k kind) bool { return k == rootDisk || k == foreign })
	return slices.ContainsFunc(disks, func(k disk) bool { return k.backing == path }), err
}

// forgetImage removes a deleted image when nothing is based on it any more.
func (d *driver) forgetImage(ctx context.Context, path string) error {
	if path == "" {
		return nil
	}
	var n notes
	if err := d.read(ctx, notesOf(path), &n); err != nil || !n.Deleted {
		return ignoreMissing(err)
	}
	if based, err := d.basedOn(ctx, path); err != nil || based {
		return err
	}
	return d.remove(ctx, path)
}
