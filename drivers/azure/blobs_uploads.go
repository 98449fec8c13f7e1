package azure

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/crc64"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// Azure knows no uploads: a blob has blocks that are staged for it, whoever staged
// them, until some of them are committed and the rest is dropped, or for a week.
// But whoever stages a block gives it an id of 64 bytes, which Azure lists. So an
// upload is what its blocks' ids say:
//
//	upload (12)  'p'  number (4)  time (8)  CRC-64 (8)        a part
//	upload (12)  'w'  index (2)  count (2)  length (1)  JSON  what the object is to be, a block of one byte for each piece
//	upload (12)  'x'                                          the upload was aborted
//
// filled with zeros. All ids of a blob must have one length.
type uploadID [12]byte

const (
	idSize  = 64
	written = 'w'
	aPart   = 'p'
	aborted = 'x'
	piece   = idSize - len(uploadID{}) - 1 - 5 // of JSON in an id
)

// crcTable is that of Azure's CRC-64, which is also NVMe's.
var crcTable = crc64.MakeTable(0x9a6c9329ac4bc9b5)

func newUploadID() (u uploadID) {
	rand.Read(u[:]) // which never fails
	return u
}

func (u uploadID) String() string { return hex.EncodeToString(u[:]) }

func parseUploadID(s string) (u uploadID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(u) {
		return u, op.Errorf(op.NotFound, "there is no upload %.80q", s)
	}
	return uploadID(b), nil
}

// id is a block's, as Azure takes it.
func (u uploadID) id(kind byte, rest []byte) string {
	var b [idSize]byte
	copy(b[:], u[:])
	b[len(u)] = kind
	copy(b[len(u)+1:], rest)
	return base64.StdEncoding.EncodeToString(b[:])
}

// A part is a block of an upload that becomes a piece of the object.
type part struct {
	number int
	at     time.Time
	sum    uint64
	size   int64
	id     string // of the block
}

func (u uploadID) block(p part) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(p.number))
	b = binary.BigEndian.AppendUint64(b, uint64(p.at.UnixNano()))
	return u.id(aPart, binary.BigEndian.AppendUint64(b, p.sum))
}

// etag tells a part from others of its number.
func (p part) etag() string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(p.hexTime(), p.sum))
}

func (p part) hexTime() []byte { return binary.BigEndian.AppendUint64(nil, uint64(p.at.UnixNano())) }

func (p part) part(u uploadID) storage.Part {
	return storage.Part{Upload: u.String(), Number: p.number, Size: p.size, ETag: p.etag(), LastModified: p.at, Checksums: map[string]string{"crc64nvme": hexCRC(p.sum)}}
}

func hexCRC(sum uint64) string { return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, sum)) }

// An upload is what the blocks of a blob say of one.
type upload struct {
	id      uploadID
	parts   map[int]part // the newest of each number
	pieces  map[int]string
	count   int // of pieces
	aborted bool
}

// live reports whether an upload can be gone on with: it was begun by
// create_multipart_upload, wholly, and not ended.
func (u *upload) live() bool { return !u.aborted && u.count > 0 && len(u.pieces) == u.count }

// is reports what the object is to be.
func (u *upload) is() (w writing, err error) {
	var text []byte
	for i := range u.count {
		text = append(text, u.pieces[i]...)
	}
	if err := json.Unmarshal(text, &w); err != nil {
		return w, op.Errorf(op.Internal, "the upload %s does not say what the object is to be: %w", u.id, err)
	}
	return w, nil
}

// readUploads reads the ids of a blob's blocks. Those that others made are theirs.
func readUploads(blocks []*blockblob.Block) map[uploadID]*upload {
	uploads := map[uploadID]*upload{}
	for _, block := range blocks {
		b, err := base64.StdEncoding.DecodeString(value(block.Name))
		if err != nil || len(b) != idSize {
			continue
		}
		id := uploadID(b)
		u := uploads[id]
		if u == nil {
			u = &upload{id: id, parts: map[int]part{}, pieces: map[int]string{}}
			uploads[id] = u
		}
		kind, rest := b[len(id)], b[len(id)+1:]
		switch kind {
		case aPart:
			p := part{number: int(binary.BigEndian.Uint32(rest)), at: time.Unix(0, int64(binary.BigEndian.Uint64(rest[4:]))), sum: binary.BigEndian.Uint64(rest[12:]),
				size: value(block.Size), id: value(block.Name)}
			if !u.parts[p.number].at.After(p.at) {
				u.parts[p.number] = p
			}
		case written:
			if n := int(rest[4]); n <= piece {
				u.count = int(binary.BigEndian.Uint16(rest[2:]))
				u.pieces[int(binary.BigEndian.Uint16(rest))] = string(rest[5 : 5+n])
			}
		case aborted:
			u.aborted = true
		}
	}
	return uploads
}

// stage sends a block, which is nothing before it is committed.
func (d *blobsDriver) stage(ctx context.Context, bucket, name, id string, r io.ReadSeeker, sum uint64) error {
	body, err := storage.Rewindable(r)
	if err != nil {
		return err
	}
	return op.Again(ctx, true, func() error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return op.Errorf(op.Internal, "reading the body again: %w", err)
		}
		out, err := did(d.blob(bucket, name).StageBlock(ctx, id, streaming.NopCloser(body), &blockblob.StageBlockOptions{TransactionalValidation: blob.TransferValidationTypeCRC64(sum)}))
		if err != nil {
			return err
		}
		if c := out.ContentCRC64; len(c) == 8 && binary.LittleEndian.Uint64(c) != sum {
			return op.Errorf(op.Internal, "%s was damaged on its way: its CRC-64 is %s there, %s here", name, hexCRC(binary.LittleEndian.Uint64(c)), hexCRC(sum))
		}
		return nil
	})
}

func (d *blobsDriver) CreateMultipartUpload(ctx context.Context, in storage.CreateMultipartUpload) (storage.Upload, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.Upload{}, err
	}
	w, err := writingOf(in.ContentType, in.StorageClass, in.Metadata, in.Extra)
	if err != nil {
		return storage.Upload{}, err
	}
	text, err := json.Marshal(w)
	if err != nil {
		return storage.Upload{}, op.Errorf(op.Internal, "%w", err)
	}
	u := newUploadID()
	pieces := slices.Collect(slices.Chunk(text, piece))
	g, staging := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for i, p := range pieces {
		rest := binary.BigEndian.AppendUint16(nil, uint16(i))
		rest = binary.BigEndian.AppendUint16(rest, uint16(len(pieces)))
		id := u.id(written, append(append(rest, byte(len(p))), p...))
		g.Go(func() error { return d.mark(staging, in.Bucket, in.Name, id) })
	}
	if err := g.Wait(); err != nil {
		d.abandon(ctx, in.Bucket, in.Name, u)
		return storage.Upload{}, about(err, "container", in.Bucket)
	}
	d.uploads.Store(u, true)
	return uploadOf(in.Bucket, in.Name, u, time.Now()), nil
}

// mark stages a block that is there for its id.
func (d *blobsDriver) mark(ctx context.Context, bucket, name, id string) error {
	body := []byte{0}
	return d.stage(ctx, bucket, name, id, bytes.NewReader(body), crc64.Checksum(body, crcTable))
}

func uploadOf(bucket, name string, u uploadID, begun time.Time) storage.Upload {
	return storage.Upload{Bucket: bucket, Name: name, ID: u.String(), MinPartSize: 1, MaxPartSize: maxBlock, MaxParts: maxBlocks, CreatedAt: begun}
}

// blocks are what is staged for a blob, and whether there is a blob too.
func (d *blobsDriver) blocks(ctx context.Context, bucket, name string) (map[uploadID]*upload, *azcore.ETag, error) {
	list, err := did(d.blob(bucket, name).GetBlockList(ctx, blockblob.BlockListTypeUncommitted, nil))
	if isCode(err, "BlobNotFound") || isCode(err, "InvalidBlobType") {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, about(err, "object", name)
	}
	return readUploads(list.UncommittedBlocks), list.ETag, nil
}

// find looks an upload up.
func (d *blobsDriver) find(ctx context.Context, bucket, name, id string) (*upload, error) {
	if err := known(bucket, name); err != nil {
		return nil, err
	}
	u, err := parseUploadID(id)
	if err != nil {
		return nil, err
	}
	uploads, _, err := d.blocks(ctx, bucket, name)
	if err != nil {
		return nil, err
	}
	if found := uploads[u]; found != nil && found.live() {
		d.uploads.Store(u, true)
		return found, nil
	}
	d.uploads.Delete(u)
	return nil, op.Errorf(op.NotFound, "there is no upload %s of %q: it was completed or aborted, another was completed since, or it is older than a week", id, name)
}

// UploadPart looks whether there is such an upload, once for each: Azure would take
// a block all the same.
func (d *blobsDriver) UploadPart(ctx context.Context, in storage.UploadPart) (storage.Part, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.Part{}, err
	}
	if in.Number < 1 || in.Number > maxBlocks {
		return storage.Part{}, op.Errorf(op.InvalidArgument, "number is %d: Azure has parts 1 to %d", in.Number, maxBlocks)
	}
	u, err := parseUploadID(in.Upload)
	if err != nil {
		return storage.Part{}, err
	}
	if _, ok := d.uploads.Load(u); !ok {
		if _, err := d.find(ctx, in.Bucket, in.Name, in.Upload); err != nil {
			return storage.Part{}, err
		}
	}
	sum := crc64.New(crcTable)
	body, err := storage.SumBody(ctx, in.Body, in.Size, maxBlock, sum)
	if err != nil {
		return storage.Part{}, err
	}
	if body.Size == 0 {
		return storage.Part{}, op.Errorf(op.InvalidArgument, "part %d has no bytes: Azure takes parts of one at least", in.Number)
	}
	p := part{number: in.Number, at: time.Now(), sum: sum.Sum64(), size: body.Size}
	if err := d.stage(ctx, in.Bucket, in.Name, u.block(p), body, p.sum); err != nil {
		return storage.Part{}, about(err, "object", in.Name)
	}
	return p.part(u), nil
}

func (d *blobsDriver) ListParts(ctx context.Context, in storage.ListParts) iter.Seq2[storage.Part, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]storage.Part, string, error) {
		u, err := d.find(ctx, in.Bucket, in.Name, in.Upload)
		if err != nil {
			return nil, "", err
		}
		var parts []storage.Part
		for _, n := range slices.Sorted(maps.Keys(u.parts)) {
			parts = append(parts, u.parts[n].part(u.id))
		}
		return parts, "", nil
	})
}

func (d *blobsDriver) CompleteMultipartUpload(ctx context.Context, in storage.CompleteMultipartUpload) (storage.Object, error) {
	u, err := d.find(ctx, in.Bucket, in.Name, in.Upload)
	if err != nil {
		return storage.Object{}, err
	}
	w, err := u.is()
	if err != nil {
		return storage.Object{}, err
	}
	if len(in.Parts) == 0 {
		return storage.Object{}, op.Errorf(op.InvalidArgument, "%q: an upload is completed of one part at least", in.Name)
	}
	var ids []string
	var sum uint64
	for i, p := range in.Parts {
		have, ok := u.parts[p.Number]
		if p.Number != i+1 || !ok || have.etag() != p.ETag {
			return storage.Object{}, op.Errorf(op.InvalidArgument, "%q: part %d, the %d. that is given, is not there as it is given", in.Name, p.Number, i+1)
		}
		ids = append(ids, have.id)
		sum = storage.CRC64NVME.Combine(sum, have.sum, have.size)
	}
	if want := in.Checksums["crc64nvme"]; want != "" && want != hexCRC(sum) {
		return storage.Object{}, op.Errorf(op.Internal, "the parts of %q are not what it should be: their CRC-64 is %s, not %s", in.Name, hexCRC(sum), want)
	}
	w.ifAbsent, w.md5 = in.IfAbsent, md5Of(in.Checksums)
	if _, err := d.commit(ctx, in.Bucket, in.Name, ids, w); err != nil {
		return storage.Object{}, about(exists(err, in.IfAbsent), "object", in.Name)
	}
	d.uploads.Delete(u.id)
	return d.GetObject(ctx, storage.GetObject{Bucket: in.Bucket, Name: in.Name})
}

func (d *blobsDriver) AbortMultipartUpload(ctx context.Context, in storage.AbortMultipartUpload) error {
	u, err := d.find(ctx, in.Bucket, in.Name, in.Upload)
	if err != nil {
		return err
	}
	d.uploads.Delete(u.id)
	return d.discard(ctx, in.Bucket, in.Name, u.id)
}

// abandon discards the blocks of an upload that failed, also when its caller has
// given up.
func (d *blobsDriver) abandon(ctx context.Context, bucket, name string, u uploadID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_ = d.discard(ctx, bucket, name, u) // it failed for a reason that the caller hears; this one would hide it
}

// discard has an upload's blocks dropped. Azure drops them when it commits others,
// so for a name that has nothing else it commits none, and deletes what that makes.
// Where there is a blob, or somebody else's blocks, the upload is marked as aborted,
// and Azure drops its blocks with the next commit, or after a week.
func (d *blobsDriver) discard(ctx context.Context, bucket, name string, u uploadID) error {
	b := d.blob(bucket, name)
	list, err := did(b.GetBlockList(ctx, blockblob.BlockListTypeAll, nil))
	if isCode(err, "BlobNotFound") {
		return nil
	}
	if err != nil {
		return about(err, "object", name)
	}
	alone := len(list.CommittedBlocks) == 0
	for _, block := range list.UncommittedBlocks {
		id, err := base64.StdEncoding.DecodeString(value(block.Name))
		alone = alone && err == nil && len(id) == idSize && uploadID(id) == u
	}
	if alone {
		made, err := did(b.CommitBlockList(ctx, nil, &blockblob.CommitBlockListOptions{AccessConditions: writing{ifAbsent: true}.conditions()}))
		if err == nil {
			_, err = did(b.Delete(ctx, &blob.DeleteOptions{AccessConditions: sameObject(made.ETag)}))
		}
		if k := op.KindOf(err); err == nil || k == op.NotFound {
			return nil
		} else if k != op.Conflict && k != op.AlreadyExists {
			return about(err, "object", name)
		}
		// There is a blob after all, without blocks or new.
	}
	return about(d.mark(ctx, bucket, name, u.id(aborted, nil)), "object", name)
}

// ListMultipartUploads finds the uploads of names that have no object yet: of
// others, Azure does not say that there are blocks.
func (d *blobsDriver) ListMultipartUploads(ctx context.Context, in storage.ListMultipartUploads) iter.Seq2[storage.Upload, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Upload, string, error) {
		if err := knownContainer(in.Bucket); err != nil {
			return nil, "", err
		}
		page, err := did(d.container(in.Bucket).NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Include: container.ListBlobsInclude{UncommittedBlobs: true},
			Marker: optional(cursor), Prefix: optional(in.Prefix), MaxResults: d.page()}).NextPage(ctx))
		if err != nil {
			return nil, "", about(err, "container", in.Bucket)
		}
		var mu sync.Mutex
		var found []storage.Upload
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(8)
		for _, item := range page.Segment.BlobItems {
			if value(item.Properties.ContentLength) > 0 || len(item.Properties.ContentMD5) > 0 {
				continue // this has been committed
			}
			g.Go(func() error {
				name := value(item.Name)
				uploads, _, err := d.blocks(ctx, in.Bucket, name)
				mu.Lock()
				defer mu.Unlock()
				for id, u := range uploads {
					if u.live() {
						found = append(found, uploadOf(in.Bucket, name, id, time.Time{}))
					}
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, "", err
		}
		slices.SortFunc(found, func(a, b storage.Upload) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
		return found, value(page.NextMarker), nil
	})
}
