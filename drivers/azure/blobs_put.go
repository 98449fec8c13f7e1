package azure

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"hash/crc64"
	"io"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

const (
	inFlight  = 4      // blocks of one upload that are sent at a time
	maxBlocks = 50_000 // Azure's limits
	maxBlock  = 4000 << 20
)

// partSize is the size of block i, counted from 0, of a body of unknown length:
// doubling leads past a terabyte within Azure's limit.
func partSize(i int) int64 { return 8 << 20 << (i / 10_000) }

// objectExtra is what put_object takes beyond the contract.
type objectExtra struct {
	CacheControl       string            `json:"cache_control,omitzero" help:"The header Cache-Control."`
	ContentDisposition string            `json:"content_disposition,omitzero" help:"The header Content-Disposition."`
	ContentEncoding    string            `json:"content_encoding,omitzero" help:"The header Content-Encoding."`
	ContentLanguage    string            `json:"content_language,omitzero" help:"The header Content-Language."`
	Tags               map[string]string `json:"tags,omitzero" help:"The blob's index tags."`
	LeaseID            string            `json:"lease_id,omitzero" help:"The lease that is held on the blob that is replaced."`
	EncryptionScope    string            `json:"encryption_scope,omitzero" help:"The encryption scope to write it in."`
}

// writing is what a blob is written with beside its body. Of a multipart upload it
// is kept in the form that its tags say: see upload.
type writing struct {
	ContentType string             `json:"t,omitempty"`
	Metadata    map[string]*string `json:"m,omitempty"` // as headers carry it
	Tier        string             `json:"c,omitempty"`
	Extra       objectExtra        `json:"x,omitzero"`

	ifAbsent bool
	md5      []byte // of the whole, if known
}

func writingOf(contentType, tier string, metadata map[string]string, extra map[string]any) (w writing, err error) {
	w.ContentType, w.Tier = cmp.Or(contentType, "application/octet-stream"), tier
	if w.Metadata, err = metadataOf(metadata); err != nil {
		return w, err
	}
	w.Extra, err = op.Extra[objectExtra](extra)
	return w, err
}

func (w writing) headers() *blob.HTTPHeaders {
	return &blob.HTTPHeaders{BlobContentType: &w.ContentType, BlobContentMD5: w.md5, BlobCacheControl: optional(w.Extra.CacheControl),
		BlobContentDisposition: optional(w.Extra.ContentDisposition), BlobContentEncoding: optional(w.Extra.ContentEncoding), BlobContentLanguage: optional(w.Extra.ContentLanguage)}
}

func (w writing) tier() *blob.AccessTier {
	if w.Tier == "" {
		return nil
	}
	return to.Ptr(blob.AccessTier(w.Tier))
}

func (w writing) scope() *blob.CPKScopeInfo {
	if w.Extra.EncryptionScope == "" {
		return nil
	}
	return &blob.CPKScopeInfo{EncryptionScope: &w.Extra.EncryptionScope}
}

func (w writing) conditions() *blob.AccessConditions {
	c := &blob.AccessConditions{}
	if w.Extra.LeaseID != "" {
		c.LeaseAccessConditions = &blob.LeaseAccessConditions{LeaseID: &w.Extra.LeaseID}
	}
	if w.ifAbsent {
		c.ModifiedAccessConditions = &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}
	}
	return c
}

// PutObject sends what fits into one block, or can be read twice, in one request, with
// its MD5, and more in blocks, each with its CRC-64, that become the blob when the last is there.
func (d *blobsDriver) PutObject(ctx context.Context, in storage.PutObject) (storage.Object, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.Object{}, err
	}
	if in.Size != nil && *in.Size < 0 {
		return storage.Object{}, op.Errorf(op.InvalidArgument, "size is %d: it cannot be negative", *in.Size)
	}
	w, err := writingOf(in.ContentType, in.StorageClass, in.Metadata, in.Extra)
	if err != nil {
		return storage.Object{}, err
	}
	w.ifAbsent = in.IfAbsent
	sum := md5.New()
	if body, ok, err := in.Twice(ctx, sum); ok {
		if err != nil {
			return storage.Object{}, err
		}
		w.md5 = sum.Sum(nil)
		etag, modified, err := d.putWhole(ctx, in, w, body)
		return w.made(in, body.Size, etag, modified, err)
	}
	body := &storage.Parts{Body: in.Body, Size: in.Size, Part: d.partSize, Sum: sum}
	if in.Size != nil {
		body.Part = func(int) int64 { return max(d.partSize(0), (*in.Size+maxBlocks-1)/maxBlocks) }
	}
	first, err := body.Next(ctx, 0, nil)
	if err != nil {
		return storage.Object{}, err
	}
	var etag *azcore.ETag
	var modified *time.Time
	if int64(len(first)) < body.Part(0) {
		w.md5 = sum.Sum(nil)
		etag, modified, err = d.putWhole(ctx, in, w, bytes.NewReader(first))
	} else {
		etag, modified, err = d.putBlocks(ctx, in, w, body, first)
		w.md5 = sum.Sum(nil)
	}
	return w.made(in, body.Read, etag, modified, err)
}

// made is what has come of a put.
func (w writing) made(in storage.PutObject, size int64, etag *azcore.ETag, modified *time.Time, err error) (storage.Object, error) {
	if err != nil {
		return storage.Object{}, about(exists(err, in.IfAbsent), "object", in.Name)
	}
	return properties{name: in.Name, size: &size, contentType: &w.ContentType, etag: etag, md5: w.md5, metadata: w.Metadata, tier: w.Tier, modified: modified,
		extra: map[string]any{"blob_type": string(blob.BlobTypeBlockBlob)}}.object(in.Bucket), nil
}

// exists is what a failed condition means where there was to be no object.
func exists(err error, ifAbsent bool) error {
	if ifAbsent && (isCode(err, "ConditionNotMet") || isCode(err, "TargetConditionNotMet")) {
		e := *op.AsError(err)
		e.Kind = op.AlreadyExists
		return &e
	}
	return err
}

func (d *blobsDriver) putWhole(ctx context.Context, in storage.PutObject, w writing, r io.ReadSeeker) (*azcore.ETag, *time.Time, error) {
	body, err := storage.Rewindable(r)
	if err != nil {
		return nil, nil, err
	}
	var out blockblob.UploadResponse
	err = op.Again(ctx, !w.ifAbsent, func() (err error) {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return op.Errorf(op.Internal, "reading the body again: %w", err)
		}
		out, err = did(d.blob(in.Bucket, in.Name).Upload(ctx, streaming.NopCloser(body), &blockblob.UploadOptions{HTTPHeaders: w.headers(), Metadata: w.Metadata,
			Tier: w.tier(), Tags: w.Extra.Tags, AccessConditions: w.conditions(), CPKScopeInfo: w.scope(), TransactionalValidation: blob.TransferValidationTypeMD5(w.md5)}))
		return err
	})
	return out.ETag, out.LastModified, err
}

func (d *blobsDriver) putBlocks(ctx context.Context, in storage.PutObject, w writing, body *storage.Parts, first []byte) (_ *azcore.ETag, _ *time.Time, err error) {
	u := newUploadID()
	defer func() {
		if err != nil {
			d.abandon(ctx, in.Bucket, in.Name, u)
		}
	}()
	var mu sync.Mutex
	blocks := map[int]string{}
	count, err := body.Send(ctx, first, inFlight, func(ctx context.Context, i int, b []byte) error {
		if i >= maxBlocks {
			return op.Errorf(op.InvalidArgument, "the body is too large for Azure, which takes %d blocks: give its size, for larger ones", maxBlocks)
		}
		p := part{number: i + 1, at: time.Now(), sum: crc64.Checksum(b, crcTable)}
		id := u.block(p)
		mu.Lock()
		blocks[i] = id
		mu.Unlock()
		return d.stage(ctx, in.Bucket, in.Name, id, bytes.NewReader(b), p.sum)
	})
	if err != nil {
		return nil, nil, err
	}
	ids := make([]string, count)
	for i := range ids {
		ids[i] = blocks[i]
	}
	w.md5 = body.Sum.Sum(nil)
	out, err := d.commit(ctx, in.Bucket, in.Name, ids, w)
	if isCode(err, "InvalidBlockList") {
		err = op.Errorf(op.Conflict, "somebody else has written it meanwhile, and Azure drops the blocks of all others then: write it again: %w", err)
	}
	return out.ETag, out.LastModified, err
}

// commit makes the blob of its blocks.
func (d *blobsDriver) commit(ctx context.Context, bucket, name string, ids []string, w writing) (blockblob.CommitBlockListResponse, error) {
	var out blockblob.CommitBlockListResponse
	err := op.Again(ctx, false, func() (err error) {
		out, err = did(d.blob(bucket, name).CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{HTTPHeaders: w.headers(), Metadata: w.Metadata, Tier: w.tier(),
			Tags: w.Extra.Tags, AccessConditions: w.conditions(), CPKScopeInfo: w.scope()}))
		return err
	})
	return out, err
}

// md5Of reads a checksum that a caller gives.
func md5Of(checksums map[string]string) []byte {
	b, err := hex.DecodeString(checksums["md5"])
	if err != nil || len(b) != md5.Size {
		return nil
	}
	return b
}

// isCode reports whether err is the service's error of that code.
func isCode(err error, code string) bool { return err != nil && op.AsError(err).Code == code }
