// Package local is the storage driver "local": a folder as an object store.
//
// A bucket is a folder under the root, an object a file under its bucket: what
// other programs put there is an object, and objects are files for other
// programs. The folder .cloudlark in a bucket is the driver's own. It holds
// bodies that are still being written (tmp, uploads) and what a file cannot hold of an
// object (meta): its type, metadata and checksum.
//
// # Nothing half-written
//
// A body is written to tmp and renamed into place. What meta holds is filed
// under the version of the body it belongs to (its time and length), and is
// there before the body is: whenever the process is killed, the old body is
// still found with the old metadata, or the new with the new. A file that
// another program changed is a new version, to which no old metadata applies.
//
// # Nothing outside
//
// Every access goes through [os.Root]: no name and no link leads out of the
// folder. Names that a file system has no file for are in names.go.
package local

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// Provider returns the driver "local".
func Provider() *drivers.Provider {
	return drivers.New(drivers.Info{
		Name:   "local",
		Family: storage.Family,
		Title:  "Local folder",
		Doc: `Buckets are the folders under the root, objects the files in them. A bucket keeps what files cannot hold
(content types, metadata, checksums) in its folder ` + "`.cloudlark`" + `. All parts of a multipart upload but the last have one size, 8 MiB or what makes
10,000 of the size that was given, so that they need not be copied when it is completed.

An object cannot have a name that is also the folder of another one: "a" and "a/b" do not go together, as in every
file system. Between slashes a name has at most 255 bytes.`,
		Missing: map[string]string{
			"presign_object": "a folder has no server that could check a signature",
			"native":         "a folder has no API",
			"native_pages":   "a folder has no API",
		},
	}, open)
}

type config struct {
	Root   string `json:"root" op:"required" help:"The folder that holds the buckets."`
	Create bool   `json:"create,omitzero" help:"Make the folder if it is not there."`
	Sync   bool   `json:"sync,omitzero" help:"Flush every body to the disk before it can be seen: survives a power failure, and is slower."`
}

type driver struct {
	path string // absolute
	root *os.Root
	sync bool
}

func open(_ context.Context, c config) (*driver, error) {
	abs, err := filepath.Abs(c.Root)
	if err != nil {
		return nil, failed(err, "root "+c.Root)
	}
	if c.Create {
		if err := os.MkdirAll(abs, 0o777); err != nil {
			return nil, failed(err, "root "+c.Root)
		}
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		e := failed(err, "root "+c.Root)
		if e.Kind == op.NotFound {
			e.Message += "; make it, or set create = true"
		}
		return nil, e
	}
	return &driver{abs, root, c.Sync}, nil
}

func (d *driver) Close() error { return d.root.Close() }

// failed says what the file system said, of what, in the words of op.
func failed(err error, what string) *op.Error {
	kind := op.Internal
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = op.NotFound
	case errors.Is(err, fs.ErrExist):
		kind = op.AlreadyExists
	case errors.Is(err, fs.ErrPermission):
		kind = op.PermissionDenied
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		kind = op.QuotaExceeded
	case errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		kind = op.Conflict
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EILSEQ), errors.Is(err, syscall.EINVAL):
		kind = op.InvalidArgument
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ESTALE), errors.Is(err, syscall.EMFILE):
		kind = op.Unavailable
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return op.AsError(err)
	}
	message := err.Error()
	// The system's own word, without the path that it met it at: the object says more.
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		message = pe.Err.Error()
	} else if le, ok := errors.AsType[*os.LinkError](err); ok {
		message = le.Err.Error()
	}
	return &op.Error{Kind: kind, Message: what + ": " + message, Err: err}
}

// bucket opens a bucket's folder.
func (d *driver) bucket(name string) (*bucket, error) {
	if err := checkBucket(name); err != nil {
		return nil, err
	}
	root, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, failed(err, "bucket "+name)
	}
	return &bucket{name: name, root: root, sync: d.sync}, nil
}

func (d *driver) ListBuckets(ctx context.Context, in storage.ListBuckets) iter.Seq2[storage.Bucket, error] {
	return func(yield func(storage.Bucket, error) bool) {
		entries, err := fs.ReadDir(d.root.FS(), ".")
		if err != nil {
			yield(storage.Bucket{}, failed(err, "root "+d.path))
			return
		}
		for _, e := range entries {
			if e.IsDir() && checkBucket(e.Name()) == nil && !yield(storage.Bucket{Name: e.Name()}, nil) {
				return
			}
		}
	}
}

func (d *driver) GetBucket(ctx context.Context, in storage.GetBucket) (storage.Bucket, error) {
	b, err := d.bucket(in.Bucket)
	if err != nil {
		return storage.Bucket{}, err
	}
	b.close()
	return storage.Bucket{Name: in.Bucket}, nil
}

func (d *driver) CreateBucket(ctx context.Context, in storage.CreateBucket) (storage.Bucket, error) {
	if err := checkBucket(in.Name); err != nil {
		return storage.Bucket{}, err
	}
	if in.Location != "" {
		return storage.Bucket{}, op.Errorf(op.InvalidArgument, "location: a folder is where its root is; leave it out")
	}
	if len(in.Extra) > 0 {
		return storage.Bucket{}, op.Errorf(op.InvalidArgument, "extra: a folder takes nothing more")
	}
	if err := d.root.Mkdir(in.Name, 0o777); err != nil {
		return storage.Bucket{}, failed(err, "bucket "+in.Name)
	}
	return storage.Bucket{Name: in.Name}, nil
}

func (d *driver) DeleteBucket(ctx context.Context, in storage.DeleteBucket) error {
	b, err := d.bucket(in.Bucket)
	if err != nil {
		return err
	}
	defer b.close()
	for name, err := range b.walk(ctx, "", &bound{}) {
		if err != nil {
			return err
		}
		return op.Errorf(op.Conflict, "bucket %s is not empty: it holds %q", in.Bucket, name.name)
	}
	// What is left are empty folders and our own. Anything else, a device or a
	// link, makes the last removal fail: it is not ours to delete.
	if err := b.removeEmpty(ctx, "."); err != nil {
		return failed(err, "bucket "+in.Bucket)
	}
	if err := b.root.RemoveAll(own); err != nil {
		return failed(err, "bucket "+in.Bucket)
	}
	if err := d.root.Remove(in.Bucket); err != nil {
		return failed(err, "bucket "+in.Bucket)
	}
	return nil
}

// firstPage is how many objects the first page of a list has. Every further
// page has twice as many, up to lastPage: a page reads its folder anew, so a
// folder of n files is read log n times, and memory stays bounded.
const firstPage, lastPage = 1000, 32000

func (d *driver) ListObjects(ctx context.Context, in storage.ListObjects) iter.Seq2[storage.Object, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Object, string, error) {
		b, err := d.bucket(in.Bucket)
		if err != nil {
			return nil, "", err
		}
		defer b.close()
		from, size, err := parseCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		var page []storage.Object
		for e, err := range b.walk(ctx, in.Prefix, &from) {
			if err != nil {
				return nil, "", err
			}
			if len(page) == size {
				return page, from.cursor(size), nil
			}
			if i := strings.Index(e.name[len(in.Prefix):], in.Delimiter); in.Delimiter != "" && i >= 0 {
				common := e.name[:len(in.Prefix)+i+len(in.Delimiter)]
				page = append(page, storage.Object{Bucket: b.name, Name: common, IsPrefix: true})
				from = bound{common, true}
				continue
			}
			o := b.object(e.name, e.info, nil)
			o.ContentType = "" // the name's is not always the object's
			page = append(page, o)
			from = bound{e.name, false}
		}
		return page, "", nil
	})
}

func (d *driver) GetObject(ctx context.Context, in storage.GetObject) (storage.Object, error) {
	b, file, err := d.object(in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	defer b.close()
	info, err := b.stat(file, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	return b.object(in.Name, info, b.meta(in.Name, info)), nil
}

// object opens the bucket and says where in it the object's file is.
func (d *driver) object(bucketName, name string) (*bucket, string, error) {
	file, err := fileOf(name)
	if err != nil {
		return nil, "", err
	}
	b, err := d.bucket(bucketName)
	return b, file, err
}

func (d *driver) ReadObject(ctx context.Context, in storage.ReadObject) (storage.Download, error) {
	b, file, err := d.object(in.Bucket, in.Name)
	if err != nil {
		return storage.Download{}, err
	}
	defer b.close()
	// A fifo would make the open wait for a writer: only a plain file is opened.
	if _, err := b.stat(file, in.Name); err != nil {
		return storage.Download{}, err
	}
	f, err := b.root.Open(file)
	if err != nil {
		return storage.Download{}, failed(err, "object "+in.Name)
	}
	download, err := b.read(ctx, f, in)
	if err != nil {
		f.Close()
	}
	return download, err
}

func (d *driver) PutObject(ctx context.Context, in storage.PutObject) (storage.Object, error) {
	if len(in.Extra) > 0 || in.StorageClass != "" {
		return storage.Object{}, op.Errorf(op.InvalidArgument, "a folder has no storage classes and takes no extra")
	}
	b, file, err := d.object(in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	defer b.close()
	return b.put(ctx, file, in)
}

func (d *driver) CopyObject(ctx context.Context, in storage.CopyObject) (storage.Object, error) {
	source, err := d.ReadObject(ctx, storage.ReadObject{Bucket: in.Bucket, Name: in.Name})
	if err != nil {
		return storage.Object{}, err
	}
	defer source.Body.Close()
	put := storage.PutObject{Bucket: in.ToBucket, Name: in.ToName, Body: source.Body, Size: &source.Object.Size,
		ContentType: source.Object.ContentType, Metadata: source.Object.Metadata}
	if put.Bucket == "" {
		put.Bucket = in.Bucket
	}
	if put.Name == "" {
		put.Name = in.Name
	}
	if in.Metadata != nil {
		put.Metadata = in.Metadata
	}
	return d.PutObject(ctx, put)
}

func (d *driver) DeleteObject(ctx context.Context, in storage.DeleteObject) error {
	b, file, err := d.object(in.Bucket, in.Name)
	if err != nil {
		return err
	}
	defer b.close()
	return b.delete(file, in.Name)
}

func (d *driver) DeleteObjects(ctx context.Context, in storage.DeleteObjects) (storage.Deleted, error) {
	b, err := d.bucket(in.Bucket)
	if err != nil {
		return storage.Deleted{}, err
	}
	defer b.close()
	var done storage.Deleted
	for _, name := range in.Names {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		file, err := fileOf(name)
		if err == nil {
			err = b.delete(file, name)
		}
		if err != nil && op.KindOf(err) != op.NotFound {
			e := op.AsError(err)
			done.Failed = append(done.Failed, storage.DeletionFailed{Name: name, Kind: e.Kind, Message: e.Message})
			continue
		}
		done.Count++
	}
	return done, nil
}

func (d *driver) GetObjectURL(ctx context.Context, in storage.GetObjectURL) (storage.URL, error) {
	file, err := fileOf(in.Name)
	if err == nil {
		err = checkBucket(in.Bucket)
	}
	if err != nil {
		return storage.URL{}, err
	}
	u := url.URL{Scheme: "file", Path: path.Join(filepath.ToSlash(d.path), in.Bucket, file)}
	return storage.URL{URL: u.String(), Method: storage.Get}, nil
}

func (d *driver) UpdateObject(ctx context.Context, in storage.UpdateObject) (storage.Object, error) {
	b, file, err := d.object(in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	defer b.close()
	info, err := b.stat(file, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	m := meta{ContentType: in.ContentType, Metadata: lower(in.Metadata)}
	if old := b.meta(in.Name, info); old != nil {
		m.CRC32C = old.CRC32C
		if m.ContentType == "" {
			m.ContentType = old.ContentType
		}
	}
	if err := b.putMeta(in.Name, version(info), m); err != nil {
		return storage.Object{}, failed(err, "object "+in.Name)
	}
	return b.object(in.Name, info, &m), nil
}
