package libvirt

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"libvirt.org/go/libvirtxml"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// What the driver makes in a pool has a name that says what it is:
//
//	web-1.root.qcow2        a node's root disk        data.volume.qcow2      a volume
//	web-1.seed.iso          what it was made with     data.volume.raw        one of type raw
//	web-1.console.log       what it wrote             monday.snapshot.qcow2  a snapshot
//	ops.key.json            a key pair                golden.image.qcow2     an image
//
// What libvirt has no place for, as tags, is in a file of JSON beside it:
// data.volume.qcow2.meta.json. Everything else in a pool is somebody else's: a
// volume, or in the pool of images an image.
type kind string

const (
	rootDisk kind = "root"
	seedDisk kind = "seed"
	console  kind = "console"
	keyPair  kind = "key"
	volume   kind = "volume"
	snapshot kind = "snapshot"
	image    kind = "image"
	foreign  kind = ""
	metadata kind = "meta"
)

var ours = regexp.MustCompile(`^(.+)\.(root|seed|console|key|volume|snapshot|image|meta)\.(qcow2|raw|iso|log|json)(\.\d+)?$`)

// kindOf is what a volume is, and the name that its owner gave it.
func kindOf(volume string) (kind, string) {
	if m := ours.FindStringSubmatch(volume); m != nil {
		return kind(m[2]), m[1]
	}
	return foreign, volume
}

// The formats of disks, which end their names too: a guest could write into a raw
// disk what looks like another format, so it is never guessed.
const (
	qcow2 = "qcow2"
	raw   = "raw"
)

// called makes sure that something can have a name: it becomes part of a file's.
func called(what, name string) error {
	switch {
	case name == "" || len(name) > 180 || !utf8.ValidString(name) || strings.HasPrefix(name, "."):
	case strings.ContainsFunc(name, func(r rune) bool { return r == '/' || unicode.IsControl(r) }):
	default:
		return nil
	}
	return op.Errorf(op.InvalidArgument, "%q is no name for a %s: it becomes part of a file's name, so it has 1 to 180 bytes, no \"/\" and no dot at its beginning", name, what)
}

// A disk is a volume as libvirt describes it, with what is kept beside it.
type disk struct {
	keyed
	kind     kind
	name     string // its owner's
	bytes    uint64
	format   string
	backing  string // the path of what it is an overlay of
	changed  time.Time
	notes    notes
	hasNotes bool
}

// notes is what is kept of a disk.
type notes struct {
	Description string            `json:"description,omitzero"`
	Tags        map[string]string `json:"tags,omitzero"`
	Created     time.Time         `json:"created,omitzero"`
	Volume      string            `json:"volume,omitzero"`   // of a snapshot
	Snapshot    string            `json:"snapshot,omitzero"` // of a volume
	Kernel      string            `json:"kernel,omitzero"`   // of an image that a kernel outside of it boots
	Initrd      string            `json:"initrd,omitzero"`
	Deleted     bool              `json:"deleted,omitzero"` // of an image that nodes are still based on
}

const gib = 1 << 30

// size is whole GiB, as many as the disk needs.
func (k disk) size() int { return int((k.bytes + gib - 1) / gib) }

// disks reads those volumes of a pool that want keeps.
func (d *driver) disks(ctx context.Context, pool string, want func(k kind) bool) ([]disk, error) {
	all, err := get(ctx, d.link, func(w wire) ([]keyed, error) { return w.StoragePoolListAllVolumes(pool) })
	if err != nil {
		return nil, err
	}
	noted := map[string]string{}
	var wanted []keyed
	for _, v := range all {
		k, name := kindOf(v.Name)
		if k == metadata {
			noted[name] = v.Key
		}
		if want(k) {
			wanted = append(wanted, v)
		}
	}
	return each(ctx, wanted, func(ctx context.Context, v keyed) (disk, error) {
		k, err := d.describe(ctx, v.Key)
		if err != nil || noted[v.Name] == "" {
			return k, err
		}
		k.hasNotes = true
		return k, ignoreMissing(d.read(ctx, noted[v.Name], &k.notes))
	})
}

// disk reads the volume of that key, if it is of one of the kinds.
func (d *driver) disk(ctx context.Context, what, key string, kinds ...kind) (disk, error) {
	k, err := d.describe(ctx, key)
	if err == nil {
		err = op.Errorf(op.NotFound, "%s is no %s", key, what)
		for _, want := range kinds {
			if k.kind == want {
				k.hasNotes = true
				return k, ignoreMissing(d.read(ctx, notesOf(k.Key), &k.notes))
			}
		}
	}
	return disk{}, err
}

// notesOf is the key of the notes of a volume: in a pool of files, a key is a path.
func notesOf(key string) string { return key + ".meta.json" }

func ignoreMissing(err error) error {
	if op.KindOf(err) == op.NotFound {
		return nil
	}
	return err
}

// describe reads a volume without its notes.
func (d *driver) describe(ctx context.Context, key string) (disk, error) {
	text, err := get(ctx, d.link, func(w wire) (string, error) { return w.StorageVolGetXMLDesc(key) })
	if err != nil {
		return disk{}, err
	}
	var x libvirtxml.StorageVolume
	if err := x.Unmarshal(text); err != nil {
		return disk{}, op.Errorf(op.Internal, "reading libvirt's description of %s: %w", key, err)
	}
	k := disk{keyed: keyed{x.Name, key}}
	k.kind, k.name = kindOf(x.Name)
	if x.Capacity != nil {
		k.bytes = x.Capacity.Value
	}
	if x.BackingStore != nil {
		k.backing = x.BackingStore.Path
	}
	if t := x.Target; t != nil {
		if t.Format != nil {
			k.format = t.Format.Type
		}
		if t.Timestamps != nil {
			k.changed = moment(t.Timestamps.Mtime)
		}
	}
	if k.kind != foreign {
		k.format = qcow2
		if strings.HasSuffix(x.Name, "."+raw) {
			k.format = raw
		}
	}
	return k, nil
}

// moment reads seconds with a fraction since 1970.
func moment(s string) time.Time {
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}
	}
	ns, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64) // without a fraction it is none
	return time.Unix(sec, ns).UTC()
}

// made is when a disk was made, as far as is known.
func (k disk) made() time.Time {
	if !k.notes.Created.IsZero() {
		return k.notes.Created
	}
	return k.changed
}

// volumeXML describes a volume that is to be made.
func volumeXML(name, format string, size uint64, backing *disk) *libvirtxml.StorageVolume {
	v := &libvirtxml.StorageVolume{Name: name, Capacity: &libvirtxml.StorageVolumeSize{Unit: "bytes", Value: size},
		Allocation: &libvirtxml.StorageVolumeSize{Unit: "bytes", Value: 0},
		Target: &libvirtxml.StorageVolumeTarget{Format: &libvirtxml.StorageVolumeTargetFormat{Type: format},
			Permissions: &libvirtxml.StorageVolumeTargetPermissions{Mode: "0600"}}}
	if backing != nil {
		v.BackingStore = &libvirtxml.StorageVolumeBackingStore{Path: backing.Key, Format: &libvirtxml.StorageVolumeTargetFormat{Type: backing.format}}
	}
	return v
}

// make makes a volume in a pool, empty or with from's content, and returns its
// key. The notes, if there are any, are made with it.
func (d *driver) make(ctx context.Context, pool string, v *libvirtxml.StorageVolume, from string, n notes) (string, error) {
	text, err := v.Marshal()
	if err != nil {
		return "", op.Errorf(op.Internal, "%w", err)
	}
	key, err := call(ctx, d.link, func(w wire) (string, error) {
		if from != "" {
			return w.StorageVolCreateXMLFrom(pool, text, from, 0)
		}
		return w.StorageVolCreateXML(pool, text, 0)
	}, func(w wire, key string) { _ = w.StorageVolDelete(key) })
	if err != nil {
		return "", err
	}
	if blank, err := json.Marshal(n); err != nil || string(blank) != "{}" {
		if err := d.write(ctx, pool, v.Name+".meta.json", n, true); err != nil {
			return "", d.undone(ctx, err, key)
		}
	}
	return key, nil
}

// write makes a file of JSON in a pool. One of that name is replaced, or is an
// already_exists error.
func (d *driver) write(ctx context.Context, pool, name string, v any, replace bool) error {
	data, err := json.Marshal(v)
	if err != nil {
		return op.Errorf(op.Internal, "%w", err)
	}
	_, err = d.put(ctx, pool, name, data, replace)
	return err
}

// put makes a file in a pool and returns its key.
func (d *driver) put(ctx context.Context, pool, name string, data []byte, replace bool) (string, error) {
	text, err := volumeXML(name, raw, uint64(len(data)), nil).Marshal()
	if err != nil {
		return "", op.Errorf(op.Internal, "%w", err)
	}
	create := func(w wire) (string, error) { return w.StorageVolCreateXML(pool, text, 0) }
	remove := func(w wire, key string) { _ = w.StorageVolDelete(key) }
	key, err := call(ctx, d.link, create, remove)
	if op.KindOf(err) == op.AlreadyExists && replace {
		var old keyed
		if old, err = d.find(ctx, pool, name); err == nil {
			if err = d.remove(ctx, old.Key); err == nil {
				key, err = call(ctx, d.link, create, remove)
			}
		}
	}
	if err != nil {
		return "", err
	}
	if len(data) == 0 {
		return key, nil
	}
	if err := do(ctx, d.link, func(w wire) error { return w.StorageVolUpload(key, bytes.NewReader(data), uint64(len(data))) }); err != nil {
		return "", d.undone(ctx, err, key)
	}
	return key, nil
}

// find looks a volume up by its name in a pool.
func (d *driver) find(ctx context.Context, pool, name string) (keyed, error) {
	all, err := get(ctx, d.link, func(w wire) ([]keyed, error) { return w.StoragePoolListAllVolumes(pool) })
	if err != nil {
		return keyed{}, err
	}
	for _, v := range all {
		if v.Name == name {
			return v, nil
		}
	}
	return keyed{}, op.Errorf(op.NotFound, "the pool %s has no volume %q", pool, name)
}

// read reads a file of JSON.
func (d *driver) read(ctx context.Context, key string, v any) error {
	data, err := d.content(ctx, key)
	if err != nil {
		return err
	}
	if data = bytes.TrimRight(data, "\x00"); len(data) == 0 {
		return op.Errorf(op.NotFound, "%s is only being written", key)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return op.Errorf(op.Internal, "%s is damaged: %w", key, err)
	}
	return nil
}

func (d *driver) content(ctx context.Context, key string) ([]byte, error) {
	return get(ctx, d.link, func(w wire) ([]byte, error) {
		var b bytes.Buffer
		err := w.StorageVolDownload(key, &b, 0, 0)
		return b.Bytes(), err
	})
}

// remove deletes volumes with their notes; what is gone already is fine.
func (d *driver) remove(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		for _, k := range []string{notesOf(key), key} {
			if err := ignoreMissing(do(ctx, d.link, func(w wire) error { return w.StorageVolDelete(k) })); err != nil {
				return err
			}
		}
	}
	return nil
}

// undone removes what was made on the way to an error, and returns that error; it
// says so when that failed too.
func (d *driver) undone(ctx context.Context, err error, keys ...string) error {
	return d.undo(ctx, err, func(ctx context.Context) error { return d.remove(ctx, keys...) }, keys...)
}

const cleanUp = 30 * time.Second

func (d *driver) undo(ctx context.Context, err error, f func(ctx context.Context) error, what ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	if again := f(ctx); again != nil {
		e := *op.AsError(err)
		e.Message += "; and what was made could not be removed (" + strings.Join(what, ", ") + "): " + op.AsError(again).Message
		return &e
	}
	return err
}
