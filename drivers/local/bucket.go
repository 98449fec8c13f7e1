package local

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"mime"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// A bucket is an open folder of objects.
type bucket struct {
	name string
	root *os.Root
	sync bool
}

func (b *bucket) close() { b.root.Close() }

// meta is what a file cannot hold of an object.
type meta struct {
	Name        string            `json:"name"`
	ContentType string            `json:"content_type,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	CRC32C      string            `json:"crc32c,omitempty"`
}

// version tells one body of an object from another: by its time and length,
// which a rename keeps.
func version(info fs.FileInfo) string {
	return fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size())
}

// metaDir is the folder of the metadata of an object's versions.
func metaDir(name string) string {
	h := sha256.Sum256([]byte(name))
	s := hex.EncodeToString(h[:16])
	return path.Join(own, "meta", s[:2], s[2:])
}

// meta returns the metadata of an object's version, nil if it has none: a file
// that another program wrote.
func (b *bucket) meta(name string, info fs.FileInfo) *meta {
	data, err := b.root.ReadFile(path.Join(metaDir(name), version(info)))
	if err != nil {
		return nil
	}
	m := new(meta)
	if json.Unmarshal(data, m) != nil || m.Name != name {
		return nil
	}
	return m
}

func (b *bucket) putMeta(name, version string, m meta) error {
	m.Name = name
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	tmp, err := b.temp()
	if err != nil {
		return err
	}
	defer b.root.Remove(tmp.name)
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.finish(b.sync)); err != nil {
		return err
	}
	return b.place(tmp.name, path.Join(metaDir(name), version), b.root.Rename)
}

// dropMeta forgets the metadata of one version.
func (b *bucket) dropMeta(name, version string) {
	dir := metaDir(name)
	// The metadata of a body that is gone is never read: what cannot be removed is only untidy.
	_ = b.root.Remove(path.Join(dir, version))
	_ = b.root.Remove(dir)
}

func (b *bucket) object(name string, info fs.FileInfo, m *meta) storage.Object {
	o := storage.Object{Bucket: b.name, Name: name, Size: info.Size(), ETag: version(info), LastModified: info.ModTime()}
	if m != nil {
		o.ContentType, o.Metadata = m.ContentType, m.Metadata
		if m.CRC32C != "" {
			o.Checksums = map[string]string{"crc32c": m.CRC32C}
		}
	}
	if o.ContentType == "" {
		o.ContentType = mime.TypeByExtension(path.Ext(name))
	}
	if o.ContentType == "" {
		o.ContentType = "application/octet-stream"
	}
	return o
}

func (b *bucket) stat(file, name string) (fs.FileInfo, error) {
	info, err := b.root.Stat(file)
	switch {
	// A folder, or a file where the name wants a folder, holds no such object.
	case err == nil && !info.Mode().IsRegular(), errors.Is(err, syscall.ENOTDIR):
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, failed(err, fmt.Sprintf("object %q in bucket %s", name, b.name))
	}
	return info, nil
}

func (b *bucket) read(ctx context.Context, f *os.File, in storage.ReadObject) (storage.Download, error) {
	info, err := f.Stat()
	if err != nil {
		return storage.Download{}, failed(err, "object "+in.Name)
	}
	m := b.meta(in.Name, info)
	o := b.object(in.Name, info, m)
	if in.IfETag != "" && in.IfETag != o.ETag {
		return storage.Download{}, op.Errorf(op.Conflict, "object %q has changed: its etag is %s now", in.Name, o.ETag)
	}
	if in.Offset < 0 || in.Length < 0 {
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset and length may not be negative")
	}
	if in.Offset > 0 && in.Offset >= o.Size {
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d is beyond the end of object %q, which has %d bytes", in.Offset, in.Name, o.Size)
	}
	length := o.Size - in.Offset
	if in.Length > 0 {
		length = min(length, in.Length)
	}
	if _, err := f.Seek(in.Offset, io.SeekStart); err != nil {
		return storage.Download{}, failed(err, "object "+in.Name)
	}
	body := &body{ctx: ctx, f: f, left: length, name: in.Name}
	if m != nil && m.CRC32C != "" && length == o.Size {
		body.sum, body.want = crc32.New(castagnoli), m.CRC32C
	}
	return storage.Download{Object: o, Body: body}, nil
}

// buffer is for writing a body piece by piece.
func buffer(size *int64) []byte {
	if size != nil {
		return make([]byte, max(512, min(*size+1, 256<<10)))
	}
	return make([]byte, 64<<10)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A body is an object being read: a file, up to the end of the range, checked at its end.
type body struct {
	ctx  context.Context
	f    *os.File
	left int64
	name string
	sum  hash.Hash32
	want string
}

func (r *body) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.left == 0 {
		if r.sum != nil && hex.EncodeToString(r.sum.Sum(nil)) != r.want {
			return 0, op.Errorf(op.Internal, "object %q is damaged: its crc32c is %x, not %s as when it was written", r.name, r.sum.Sum(nil), r.want)
		}
		return 0, io.EOF
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.f.Read(p)
	r.left -= int64(n)
	if r.sum != nil {
		r.sum.Write(p[:n])
	}
	if err == io.EOF {
		err = op.Errorf(op.Unavailable, "object %q became shorter while it was read", r.name)
	}
	return n, err
}

func (r *body) Close() error { return r.f.Close() }

// A temp is a file that is not yet in its place.
type temp struct {
	*os.File
	name string
}

// staleAfter is when a file in tmp is nobody's any more. A file being written
// is changed all the time.
const staleAfter = 24 * time.Hour

// temp makes a file in the bucket's own folder.
func (b *bucket) temp() (*temp, error) {
	dir := path.Join(own, "tmp")
	name := path.Join(dir, rand.Text())
	for first := true; ; first = false {
		f, err := b.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
		if err == nil {
			return &temp{f, name}, nil
		}
		if !first || !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err := b.root.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
	}
}

// sweep removes what killed processes left in tmp. It is called where a bucket
// is written to, and costs one look into a folder that is empty.
func (b *bucket) sweep() {
	dir := path.Join(own, "tmp")
	entries, err := fs.ReadDir(b.root.FS(), dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
			_ = b.root.Remove(path.Join(dir, e.Name()))
		}
	}
}

func (t *temp) finish(sync bool) error {
	var err error
	if sync {
		err = t.Sync()
	}
	return errors.Join(err, t.Close())
}

// place puts a file where it belongs, by a rename or a link, and makes the
// folders on the way. A delete may remove such a folder between the two steps.
func (b *bucket) place(from, to string, move func(from, to string) error) error {
	const tries = 20
	for i := 0; ; i++ {
		err := move(from, to)
		if i == tries || err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := b.root.MkdirAll(path.Dir(to), 0o777); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

func (b *bucket) put(ctx context.Context, file string, in storage.PutObject) (storage.Object, error) {
	what := fmt.Sprintf("object %q in bucket %s", in.Name, b.name)
	fail := func(err error) (storage.Object, error) {
		if _, ok := errors.AsType[*op.Error](err); ok {
			return storage.Object{}, err
		}
		return storage.Object{}, failed(err, what)
	}
	b.sweep()
	tmp, err := b.temp()
	if err != nil {
		return fail(err)
	}
	defer b.root.Remove(tmp.name)
	defer tmp.Close()
	sum := crc32.New(castagnoli)
	n, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(tmp, sum)}, &source{ctx, in.Body}, buffer(in.Size))
	if err != nil {
		return fail(err)
	}
	if in.Size != nil && n != *in.Size {
		return fail(op.Errorf(op.InvalidArgument, "%s: the body has %d bytes, not %d as was said", what, n, *in.Size))
	}
	if err := tmp.finish(b.sync); err != nil {
		return fail(err)
	}
	m := meta{ContentType: in.ContentType, Metadata: lower(in.Metadata), CRC32C: hex.EncodeToString(sum.Sum(nil))}
	return b.adopt(file, in.Name, tmp.name, n, m, in.IfAbsent)
}

// adopt makes an object of a finished body: a file of the bucket's own, renamed
// into its place, where it replaces another unless it may not.
func (b *bucket) adopt(file, name, from string, size int64, m meta, ifAbsent bool) (storage.Object, error) {
	what := fmt.Sprintf("object %q in bucket %s", name, b.name)
	fail := func(err error) (storage.Object, error) {
		if _, ok := errors.AsType[*op.Error](err); ok {
			return storage.Object{}, err
		}
		return storage.Object{}, failed(err, what)
	}
	if m.ContentType == "" {
		m.ContentType = "application/octet-stream"
	}
	// The kernel's own times are coarse: two bodies of one length, written one
	// after the other, would be the same version.
	now := time.Now()
	if err := b.root.Chtimes(from, now, now); err != nil {
		return fail(err)
	}
	info, err := b.root.Stat(from)
	if err == nil && info.Size() != size {
		err = op.Errorf(op.Internal, "%s: the body has %d bytes, not %d as were written", what, info.Size(), size)
	}
	if err == nil {
		err = b.putMeta(name, version(info), m)
	}
	if err != nil {
		return fail(err)
	}
	old, _ := b.root.Stat(file)
	move := b.root.Rename
	if ifAbsent {
		move = b.root.Link // unlike a rename, fails if there is a file
	} else if old != nil && old.IsDir() {
		_ = b.root.Remove(file) // an empty folder is in nobody's way
	}
	if err := b.place(from, file, move); err != nil {
		b.dropMeta(name, version(info))
		if old != nil && old.IsDir() {
			return fail(op.Errorf(op.Conflict, "%s: there are objects whose names begin with %q: a file cannot be a folder too", what, name+"/"))
		}
		if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist) && !ifAbsent {
			return fail(op.Errorf(op.Conflict, "%s: a part of the name, up to a slash, is an object: a file cannot be a folder too", what))
		}
		return fail(err)
	}
	if old != nil && !old.IsDir() && version(old) != version(info) {
		b.dropMeta(name, version(old))
	}
	m.Name = name
	return b.object(name, info, &m), nil
}

func lower(metadata map[string]string) map[string]string {
	if metadata == nil {
		return nil
	}
	m := make(map[string]string, len(metadata))
	for k, v := range metadata {
		m[strings.ToLower(k)] = v
	}
	return m
}

// A source is a body being written, until the context ends.
type source struct {
	ctx context.Context
	r   io.Reader
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

func (b *bucket) delete(file, name string) error {
	info, err := b.stat(file, name)
	if err != nil {
		return err
	}
	if err := b.root.Remove(file); err != nil {
		return failed(err, fmt.Sprintf("object %q in bucket %s", name, b.name))
	}
	b.dropMeta(name, version(info))
	// The folders that were made for it go with it. One that is not empty stays,
	// which is what ends the loop.
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if b.root.Remove(dir) != nil {
			break
		}
	}
	return nil
}
