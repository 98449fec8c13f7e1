package local

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// An upload is a folder of its own in uploads. It holds
//
//	upload        what the object will be (uploadRecord)
//	body          the parts, each at its place
//	7.65536.1c…   that part 7 is in the body: its length, its checksum, its version
//
// All parts but the last have one length, so that each has its place from the
// start and nothing is copied when the upload is completed: body is renamed.
type uploadRecord struct {
	meta
	PartSize int64     `json:"part_size"`
	Begun    time.Time `json:"begun"`
}

const (
	uploadsDir  = own + "/uploads"
	minPartSize = 8 << 20
	wantedParts = 10_000 // how many parts an object of known size is divided into at most
)

// uploadID is what CreateMultipartUpload gives as an id. Nothing else becomes a path.
var uploadID = regexp.MustCompile(`^[A-Z2-7]{26,}$`)

func (b *bucket) upload(name, id string) (*uploadRecord, string, error) {
	missing := op.Errorf(op.NotFound, "bucket %s has no upload %q of %q: it was completed or aborted, or never begun", b.name, id, name)
	if !uploadID.MatchString(id) {
		return nil, "", missing
	}
	dir := path.Join(uploadsDir, id)
	data, err := b.root.ReadFile(path.Join(dir, "upload"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", missing
	}
	u := new(uploadRecord)
	if err == nil {
		err = json.Unmarshal(data, u)
	}
	if err != nil {
		return nil, "", failed(err, "upload "+id)
	}
	if name != u.Name {
		return nil, "", missing
	}
	if _, err := b.root.Stat(path.Join(dir, "body")); errors.Is(err, fs.ErrNotExist) {
		_ = b.root.RemoveAll(dir) // completed by a process that was killed right then
		return nil, "", missing
	}
	return u, dir, nil
}

func (b *bucket) show(u *uploadRecord, id string) storage.Upload {
	return storage.Upload{Bucket: b.name, Name: u.Name, ID: id, MinPartSize: u.PartSize, MaxPartSize: u.PartSize, CreatedAt: u.Begun}
}

func (d *driver) CreateMultipartUpload(ctx context.Context, in storage.CreateMultipartUpload) (storage.Upload, error) {
	if len(in.Extra) > 0 || in.StorageClass != "" {
		return storage.Upload{}, op.Errorf(op.InvalidArgument, "a folder has no storage classes and takes no extra")
	}
	b, _, err := d.object(in.Bucket, in.Name)
	if err != nil {
		return storage.Upload{}, err
	}
	defer b.close()
	u := &uploadRecord{meta: meta{Name: in.Name, ContentType: in.ContentType, Metadata: lower(in.Metadata)}, PartSize: minPartSize, Begun: time.Now().UTC()}
	if in.Size != nil {
		u.PartSize = max(u.PartSize, (*in.Size+wantedParts-1)/wantedParts)
	}
	data, err := json.Marshal(u)
	if err != nil {
		return storage.Upload{}, failed(err, "upload of "+in.Name)
	}
	id := rand.Text()
	dir := path.Join(uploadsDir, id)
	err = b.root.MkdirAll(dir, 0o777)
	if err == nil {
		err = b.root.WriteFile(path.Join(dir, "body"), nil, 0o666)
	}
	if err == nil {
		err = b.root.WriteFile(path.Join(dir, "upload"), data, 0o666)
	}
	if err != nil {
		_ = b.root.RemoveAll(dir) // nobody knows it yet
		return storage.Upload{}, failed(err, "upload of "+in.Name)
	}
	return b.show(u, id), nil
}

// A mark says that a part is in the body.
type mark struct {
	number int
	size   int64
	crc    string
	tag    string // another one each time the part is written
}

func (m mark) file() string { return fmt.Sprintf("%d.%d.%s.%s", m.number, m.size, m.crc, m.tag) }

func parseMark(file string) (m mark, ok bool) {
	f := strings.Split(file, ".")
	if len(f) != 4 {
		return m, false
	}
	number, err := strconv.Atoi(f[0])
	size, err2 := strconv.ParseInt(f[1], 10, 64)
	return mark{number, size, f[2], f[3]}, err == nil && err2 == nil
}

func (m mark) part(upload string, info fs.FileInfo) storage.Part {
	p := storage.Part{Upload: upload, Number: m.number, Size: m.size, ETag: m.crc + "-" + m.tag, Checksums: map[string]string{"crc32c": m.crc}}
	if info != nil {
		p.LastModified = info.ModTime()
	}
	return p
}

// marks are the parts of an upload that are there, by number.
func (b *bucket) marks(dir string) ([]mark, error) {
	entries, err := fs.ReadDir(b.root.FS(), dir)
	if err != nil {
		return nil, err
	}
	var marks []mark
	for _, e := range entries {
		if m, ok := parseMark(e.Name()); ok {
			marks = append(marks, m)
		}
	}
	slices.SortFunc(marks, func(a, b mark) int { return a.number - b.number })
	return marks, nil
}

func (d *driver) UploadPart(ctx context.Context, in storage.UploadPart) (storage.Part, error) {
	b, _, err := d.object(in.Bucket, in.Name)
	if err != nil {
		return storage.Part{}, err
	}
	defer b.close()
	u, dir, err := b.upload(in.Name, in.Upload)
	if err != nil {
		return storage.Part{}, err
	}
	what := fmt.Sprintf("part %d of %q", in.Number, in.Name)
	if in.Number < 1 {
		return storage.Part{}, op.Errorf(op.InvalidArgument, "%s: numbers begin with 1", what)
	}
	fail := func(err error) (storage.Part, error) {
		if _, ok := errors.AsType[*op.Error](err); ok {
			return storage.Part{}, err
		}
		return storage.Part{}, failed(err, what)
	}
	if in.Size != nil && *in.Size > u.PartSize {
		return fail(op.Errorf(op.InvalidArgument, "%s has %d bytes; this upload's parts have %d, the last one no more than that", what, *in.Size, u.PartSize))
	}
	// What is written over is no part any more, whatever happens now.
	marks, err := b.marks(dir)
	if err != nil {
		return fail(err)
	}
	for _, m := range marks {
		if m.number == in.Number {
			if err := b.root.Remove(path.Join(dir, m.file())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fail(err)
			}
		}
	}
	f, err := b.root.OpenFile(path.Join(dir, "body"), os.O_WRONLY, 0)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	sum := crc32.New(castagnoli)
	to := io.MultiWriter(io.NewOffsetWriter(f, int64(in.Number-1)*u.PartSize), sum)
	n, err := io.CopyBuffer(struct{ io.Writer }{to}, io.LimitReader(&source{ctx, in.Body}, u.PartSize), buffer(in.Size))
	if err == nil && n == u.PartSize {
		var more [1]byte
		if m, _ := in.Body.Read(more[:]); m > 0 {
			err = op.Errorf(op.InvalidArgument, "%s has more than %d bytes, which is what this upload's parts have", what, u.PartSize)
		}
	}
	if err == nil && in.Size != nil && n != *in.Size {
		err = op.Errorf(op.InvalidArgument, "%s has %d bytes, not %d as was said", what, n, *in.Size)
	}
	if err == nil && d.sync {
		err = f.Sync()
	}
	if err != nil {
		return fail(err)
	}
	m := mark{in.Number, n, hex.EncodeToString(sum.Sum(nil)), rand.Text()[:8]}
	if err := b.root.WriteFile(path.Join(dir, m.file()), nil, 0o666); err != nil {
		return fail(err)
	}
	p := m.part(in.Upload, nil)
	p.LastModified = time.Now()
	return p, nil
}

func (d *driver) ListParts(ctx context.Context, in storage.ListParts) iter.Seq2[storage.Part, error] {
	return func(yield func(storage.Part, error) bool) {
		b, _, err := d.object(in.Bucket, in.Name)
		if err != nil {
			yield(storage.Part{}, err)
			return
		}
		defer b.close()
		_, dir, err := b.upload(in.Name, in.Upload)
		if err != nil {
			yield(storage.Part{}, err)
			return
		}
		marks, err := b.marks(dir)
		if err != nil {
			yield(storage.Part{}, failed(err, "upload "+in.Upload))
			return
		}
		for _, m := range marks {
			info, err := b.root.Stat(path.Join(dir, m.file()))
			if err == nil && !yield(m.part(in.Upload, info), nil) {
				return
			}
		}
	}
}

func (d *driver) CompleteMultipartUpload(ctx context.Context, in storage.CompleteMultipartUpload) (storage.Object, error) {
	b, file, err := d.object(in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	defer b.close()
	u, dir, err := b.upload(in.Name, in.Upload)
	if err != nil {
		return storage.Object{}, err
	}
	marks, err := b.marks(dir)
	if err != nil {
		return storage.Object{}, failed(err, "upload "+in.Upload)
	}
	size, sum, err := u.join(in, marks)
	if err != nil {
		return storage.Object{}, err
	}
	if want := in.Checksums["crc32c"]; want != "" && want != sum {
		return storage.Object{}, op.Errorf(op.Internal, "the parts of %q are not what it should be: their CRC-32C is %s, not %s", in.Name, sum, want)
	}
	body := path.Join(dir, "body")
	if err := b.drop(dir, body, marks[len(in.Parts):], size); err != nil {
		return storage.Object{}, failed(err, "upload "+in.Upload)
	}
	m := u.meta
	m.CRC32C = sum
	o, err := b.adopt(file, in.Name, body, size, m, in.IfAbsent)
	if err != nil {
		return storage.Object{}, err
	}
	_ = b.root.RemoveAll(dir) // the object is there: what is left is only untidy
	return o, nil
}

// drop takes parts that are not wanted out of the body: they are behind the others.
func (b *bucket) drop(dir, body string, marks []mark, size int64) error {
	for _, m := range marks {
		if err := b.root.Remove(path.Join(dir, m.file())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f, err := b.root.OpenFile(body, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// join checks that the parts are those that are there, one behind the other, and
// says the length and the checksum of the whole.
func (u *uploadRecord) join(in storage.CompleteMultipartUpload, marks []mark) (size int64, sum string, err error) {
	if len(in.Parts) == 0 {
		return 0, "", op.Errorf(op.InvalidArgument, "%q: an upload is completed of one part at least", in.Name)
	}
	var crc uint32
	for i, p := range in.Parts {
		at, found := slices.BinarySearchFunc(marks, p.Number, func(m mark, n int) int { return m.number - n })
		switch {
		case p.Number != i+1:
			return 0, "", op.Errorf(op.InvalidArgument, "%q: parts are given from number 1 without gaps, and part %d is given as the %d.", in.Name, p.Number, i+1)
		case !found || marks[at].part(in.Upload, nil).ETag != p.ETag:
			return 0, "", op.Errorf(op.InvalidArgument, "%q: part %d is not there as it is given", in.Name, p.Number)
		case i < len(in.Parts)-1 && marks[at].size != u.PartSize:
			return 0, "", op.Errorf(op.InvalidArgument, "%q: part %d has %d bytes; all but the last have %d", in.Name, p.Number, marks[at].size, u.PartSize)
		}
		b, err := hex.DecodeString(marks[at].crc)
		if err != nil || len(b) != 4 {
			return 0, "", op.Errorf(op.Internal, "%q: part %d has no checksum", in.Name, p.Number)
		}
		crc = storage.CombineCRC32C(crc, binary.BigEndian.Uint32(b), marks[at].size)
		size += marks[at].size
	}
	return size, hex.EncodeToString(binary.BigEndian.AppendUint32(nil, crc)), nil
}

func (d *driver) AbortMultipartUpload(ctx context.Context, in storage.AbortMultipartUpload) error {
	b, _, err := d.object(in.Bucket, in.Name)
	if err != nil {
		return err
	}
	defer b.close()
	_, dir, err := b.upload(in.Name, in.Upload)
	if err == nil {
		// First what makes it an upload: it is gone at once, or not at all.
		if err = b.root.Remove(path.Join(dir, "upload")); err != nil {
			return failed(err, "upload "+in.Upload)
		}
		if err = b.root.RemoveAll(dir); err != nil {
			return failed(err, "upload "+in.Upload)
		}
	}
	return err
}

func (d *driver) ListMultipartUploads(ctx context.Context, in storage.ListMultipartUploads) iter.Seq2[storage.Upload, error] {
	return func(yield func(storage.Upload, error) bool) {
		b, err := d.bucket(in.Bucket)
		if err != nil {
			yield(storage.Upload{}, err)
			return
		}
		defer b.close()
		entries, err := fs.ReadDir(b.root.FS(), uploadsDir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(storage.Upload{}, failed(err, "bucket "+in.Bucket))
			return
		}
		for _, e := range entries {
			data, err := b.root.ReadFile(path.Join(uploadsDir, e.Name(), "upload"))
			u := new(uploadRecord)
			if err != nil || json.Unmarshal(data, u) != nil || !strings.HasPrefix(u.Name, in.Prefix) {
				continue
			}
			if _, _, err := b.upload(u.Name, e.Name()); op.KindOf(err) == op.NotFound {
				continue
			}
			if !yield(b.show(u, e.Name()), ctx.Err()) || ctx.Err() != nil {
				return
			}
		}
	}
}
