package azure

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// summed is how long a range can be for Azure to compute its MD5.
const summed = 4 << 20

// ReadObject reads a blob, or a range of it. The whole is compared with the MD5 that
// Azure keeps, if it was given one, and a range of up to 4 MiB with its own.
func (d *blobsDriver) ReadObject(ctx context.Context, in storage.ReadObject) (storage.Download, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.Download{}, err
	}
	if in.Offset < 0 || in.Length < 0 {
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d and length %d: neither can be negative", in.Offset, in.Length)
	}
	get := &blob.DownloadStreamOptions{}
	if in.IfETag != "" {
		get.AccessConditions = sameObject(to.Ptr(azcore.ETag(strconv.Quote(in.IfETag))))
	}
	whole := in.Offset == 0 && in.Length == 0
	if !whole {
		get.Range = blob.HTTPRange{Offset: in.Offset, Count: in.Length}
		if in.Length > 0 && in.Length <= summed {
			get.RangeGetContentMD5 = to.Ptr(true)
		}
	}
	b := d.blob(in.Bucket, in.Name)
	out, err := did(b.DownloadStream(ctx, get))
	if isCode(err, "InvalidRange") && in.Offset == 0 { // the blob is empty
		get.Range, get.RangeGetContentMD5 = blob.HTTPRange{}, nil
		out, err = did(b.DownloadStream(ctx, get))
		whole = true
	}
	if isCode(err, "InvalidRange") {
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d is beyond the end of %s: %w", in.Offset, in.Name, err)
	}
	if err != nil {
		return storage.Download{}, about(err, "object", in.Name)
	}
	size := out.ContentLength
	if _, total, ok := strings.Cut(value(out.ContentRange), "/"); ok {
		if n, err := strconv.ParseInt(total, 10, 64); err == nil {
			size = &n
		}
	}
	if !whole && in.Offset > 0 && in.Offset >= value(size) {
		out.Body.Close()
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d is beyond the %d bytes of %s", in.Offset, value(size), in.Name)
	}
	body := &storage.Checked{ReadCloser: out.Body, Context: ctx, Name: in.Name, Left: value(out.ContentLength)}
	sum := out.ContentMD5 // of what is sent
	if !whole && get.RangeGetContentMD5 == nil {
		sum = nil
	}
	if len(sum) == md5.Size {
		body.Sum, body.Want, body.Kind = md5.New(), hex.EncodeToString(sum), "MD5"
	}
	kept := out.BlobContentMD5
	if whole && kept == nil {
		kept = sum
	}
	o := properties{name: in.Name, size: size, contentType: out.ContentType, etag: out.ETag, md5: kept, metadata: out.Metadata, modified: out.LastModified,
		extra: map[string]any{"blob_type": string(value(out.BlobType)), "cache_control": value(out.CacheControl), "content_disposition": value(out.ContentDisposition),
			"content_encoding": value(out.ContentEncoding), "content_language": value(out.ContentLanguage), "version_id": value(out.VersionID)}}.object(in.Bucket)
	return storage.Download{Object: o, Body: body}, nil
}
