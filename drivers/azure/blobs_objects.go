package azure

import (
	"cmp"
	"context"
	"encoding/hex"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// known answers for names that cannot be a container's or a blob's.
func known(bucket, name string) error {
	if err := knownContainer(bucket); err != nil {
		return err
	}
	return possible(name)
}

// possible refuses names that Azure would refuse, or take for others: it makes a
// slash of a backslash, and drops dots at the end of a segment.
func possible(name string) error {
	refuse := func(why string) error {
		return op.Errorf(op.InvalidArgument, "%.80q cannot be a blob's name: %s", name, why)
	}
	switch {
	case name == "" || len(name) > 1024 || !utf8.ValidString(name):
		return refuse("it needs 1 to 1024 bytes of UTF-8")
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\\' || r == 0xfffe || r == 0xffff }):
		return refuse("Azure takes neither control characters nor backslashes")
	case strings.Count(name, "/") >= 254:
		return refuse("Azure takes at most 254 segments between slashes")
	}
	for segment := range strings.SplitSeq(name, "/") {
		if strings.HasSuffix(segment, ".") {
			return refuse("Azure drops dots before a slash and at the end")
		}
	}
	return nil
}

func (d *blobsDriver) ListObjects(ctx context.Context, in storage.ListObjects) iter.Seq2[storage.Object, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Object, string, error) {
		if err := knownContainer(in.Bucket); err != nil {
			return nil, "", err
		}
		c, include := d.container(in.Bucket), container.ListBlobsInclude{Metadata: true}
		if in.Delimiter == "" {
			page, err := did(c.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Include: include, Marker: optional(cursor), Prefix: optional(in.Prefix), MaxResults: d.page()}).NextPage(ctx))
			if err != nil {
				return nil, "", about(err, "container", in.Bucket)
			}
			return objectsOf(in.Bucket, page.Segment.BlobItems, nil), value(page.NextMarker), nil
		}
		page, err := did(c.NewListBlobsHierarchyPager(in.Delimiter, &container.ListBlobsHierarchyOptions{Include: include, Marker: optional(cursor), Prefix: optional(in.Prefix), MaxResults: d.page()}).NextPage(ctx))
		if err != nil {
			return nil, "", about(err, "container", in.Bucket)
		}
		return objectsOf(in.Bucket, page.Segment.BlobItems, page.Segment.BlobPrefixes), value(page.NextMarker), nil
	})
}

func objectsOf(bucket string, items []*container.BlobItem, prefixes []*container.BlobPrefix) []storage.Object {
	objects := make([]storage.Object, 0, len(items)+len(prefixes))
	for _, i := range items {
		p := i.Properties
		objects = append(objects, properties{name: value(i.Name), size: p.ContentLength, contentType: p.ContentType, etag: p.ETag, md5: p.ContentMD5, metadata: i.Metadata,
			tier: string(value(p.AccessTier)), modified: p.LastModified, extra: map[string]any{"blob_type": string(value(p.BlobType)), "cache_control": value(p.CacheControl),
				"content_disposition": value(p.ContentDisposition), "content_encoding": value(p.ContentEncoding), "content_language": value(p.ContentLanguage),
				"lease_state": string(value(p.LeaseState)), "archive_status": string(value(p.ArchiveStatus)), "created": value(p.CreationTime)}}.object(bucket))
	}
	for _, p := range prefixes {
		objects = append(objects, storage.Object{Bucket: bucket, Name: value(p.Name), IsPrefix: true})
	}
	slices.SortStableFunc(objects, func(a, b storage.Object) int { return strings.Compare(a.Name, b.Name) })
	return objects
}

// properties are what Azure says of a blob, in whichever answer it is.
type properties struct {
	name        string
	size        *int64
	contentType *string
	etag        *azcore.ETag
	md5         []byte
	metadata    map[string]*string
	tier        string
	modified    *time.Time
	extra       map[string]any
}

func (p properties) object(bucket string) storage.Object {
	o := storage.Object{Bucket: bucket, Name: p.name, Size: value(p.size), ContentType: value(p.contentType), ETag: etagOf(p.etag), Checksums: map[string]string{},
		Metadata: map[string]string{}, StorageClass: p.tier, LastModified: value(p.modified), Extra: extras(p.extra)}
	if len(p.md5) > 0 {
		o.Checksums["md5"] = hex.EncodeToString(p.md5)
	}
	for k, v := range p.metadata {
		o.Metadata[k] = value(v)
	}
	o.Metadata = storage.DecodeMetadata(o.Metadata)
	return o
}

func bucketExtra(modified *time.Time, etag *azcore.ETag, access *container.PublicAccessType, held *lease.StateType, metadata map[string]*string) map[string]any {
	m := map[string]any{"last_modified": value(modified), "etag": etagOf(etag), "public_access": string(value(access)), "lease_state": string(value(held))}
	for k, v := range metadata {
		m["metadata_"+strings.ToLower(k)] = value(v)
	}
	return extras(m)
}

// metadataOf is metadata as Azure takes it: names are those of C#, so words.
func metadataOf(m map[string]string) (map[string]*string, error) {
	encoded, err := storage.EncodeMetadata(m, "_")
	if err != nil {
		return nil, err
	}
	out := make(map[string]*string, len(encoded))
	for k, v := range encoded {
		if k[0] >= '0' && k[0] <= '9' {
			return nil, op.Errorf(op.InvalidArgument, "metadata: %q cannot be a name: Azure takes words, which begin with a letter", k)
		}
		out[k] = &v
	}
	return out, nil
}

func (d *blobsDriver) head(ctx context.Context, bucket, name string) (blob.GetPropertiesResponse, error) {
	if err := known(bucket, name); err != nil {
		return blob.GetPropertiesResponse{}, err
	}
	p, err := did(d.blob(bucket, name).GetProperties(ctx, nil))
	return p, about(err, "object", name)
}

func (d *blobsDriver) GetObject(ctx context.Context, in storage.GetObject) (storage.Object, error) {
	p, err := d.head(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	extra := map[string]any{"blob_type": string(value(p.BlobType)), "cache_control": value(p.CacheControl), "content_disposition": value(p.ContentDisposition),
		"content_encoding": value(p.ContentEncoding), "content_language": value(p.ContentLanguage), "lease_state": string(value(p.LeaseState)), "archive_status": value(p.ArchiveStatus),
		"created": value(p.CreationTime), "version_id": value(p.VersionID), "encryption_scope": value(p.EncryptionScope), "copy_status": string(value(p.CopyStatus))}
	if value(p.TagCount) > 0 {
		tags := map[string]any{}
		t, err := did(d.blob(in.Bucket, in.Name).GetTags(ctx, nil))
		if err != nil && op.KindOf(err) != op.PermissionDenied { // to read a blob is not to read its tags
			return storage.Object{}, err
		}
		for _, tag := range t.BlobTagSet {
			tags[value(tag.Key)] = value(tag.Value)
		}
		extra["tags"] = tags
	}
	return properties{name: in.Name, size: p.ContentLength, contentType: p.ContentType, etag: p.ETag, md5: p.ContentMD5, metadata: p.Metadata, tier: value(p.AccessTier),
		modified: p.LastModified, extra: extra}.object(in.Bucket), nil
}

// sameObject makes a request depend on the object's being as it was.
func sameObject(etag *azcore.ETag) *blob.AccessConditions {
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: etag}}
}

// CopyObject has Azure copy, which within an account is mostly done at once; what
// takes longer is waited for.
func (d *blobsDriver) CopyObject(ctx context.Context, in storage.CopyObject) (storage.Object, error) {
	bucket, name := cmp.Or(in.ToBucket, in.Bucket), cmp.Or(in.ToName, in.Name)
	if err := known(bucket, name); err != nil {
		return storage.Object{}, err
	}
	from, err := d.head(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	if bucket == in.Bucket && name == in.Name {
		if in.Metadata == nil {
			return d.GetObject(ctx, storage.GetObject{Bucket: bucket, Name: name})
		}
		return d.UpdateObject(ctx, storage.UpdateObject{Bucket: bucket, Name: name, Metadata: in.Metadata})
	}
	metadata, err := metadataOf(in.Metadata)
	if err != nil {
		return storage.Object{}, err
	}
	target := d.blob(bucket, name)
	copying, err := did(target.StartCopyFromURL(ctx, d.blob(in.Bucket, in.Name).URL(), &blob.StartCopyFromURLOptions{Metadata: metadata,
		SourceModifiedAccessConditions: &blob.SourceModifiedAccessConditions{SourceIfMatch: from.ETag}}))
	if err != nil {
		return storage.Object{}, about(err, "container", bucket)
	}
	if value(copying.CopyStatus) == blob.CopyStatusTypePending {
		if err := d.copied(ctx, bucket, name, value(copying.CopyID)); err != nil {
			return storage.Object{}, err
		}
	}
	if in.Metadata != nil && len(in.Metadata) == 0 { // which to Azure means: that of the source
		return d.UpdateObject(ctx, storage.UpdateObject{Bucket: bucket, Name: name, Metadata: in.Metadata})
	}
	return d.GetObject(ctx, storage.GetObject{Bucket: bucket, Name: name})
}

// copied waits until a copy is done, and ends it with its context.
func (d *blobsDriver) copied(ctx context.Context, bucket, name, id string) error {
	err := op.Poll(ctx, 5*time.Second, func(ctx context.Context) (bool, error) {
		p, err := d.head(ctx, bucket, name)
		if err != nil {
			return false, err
		}
		switch {
		case value(p.CopyID) != id:
			return false, op.Errorf(op.Conflict, "object %s: another copy has taken this one's place", name)
		case value(p.CopyStatus) == blob.CopyStatusTypePending:
			return false, nil
		case value(p.CopyStatus) == blob.CopyStatusTypeSuccess:
			return true, nil
		}
		return false, op.Errorf(op.Unavailable, "object %s: the copy is %s: %s", name, value(p.CopyStatus), value(p.CopyStatusDescription))
	})
	if err != nil && ctx.Err() != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_, _ = d.blob(bucket, name).AbortCopyFromURL(undo, id, nil) // it may be done by now
	}
	return err
}

// UpdateObject makes a request for the metadata and, where the type changes, one
// for the headers before it, each only if nobody has written since.
func (d *blobsDriver) UpdateObject(ctx context.Context, in storage.UpdateObject) (storage.Object, error) {
	metadata, err := metadataOf(in.Metadata)
	if err != nil {
		return storage.Object{}, err
	}
	p, err := d.head(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	b, etag := d.blob(in.Bucket, in.Name), p.ETag
	if in.ContentType != "" && in.ContentType != value(p.ContentType) {
		// Those that are not given are lost.
		set, err := did(b.SetHTTPHeaders(ctx, blob.HTTPHeaders{BlobContentType: &in.ContentType, BlobCacheControl: p.CacheControl, BlobContentDisposition: p.ContentDisposition,
			BlobContentEncoding: p.ContentEncoding, BlobContentLanguage: p.ContentLanguage, BlobContentMD5: p.ContentMD5}, &blob.SetHTTPHeadersOptions{AccessConditions: sameObject(etag)}))
		if err != nil {
			return storage.Object{}, about(err, "object", in.Name)
		}
		etag = set.ETag
	}
	if _, err := did(b.SetMetadata(ctx, metadata, &blob.SetMetadataOptions{AccessConditions: sameObject(etag)})); err != nil {
		return storage.Object{}, about(err, "object", in.Name)
	}
	return d.GetObject(ctx, storage.GetObject{Bucket: in.Bucket, Name: in.Name})
}

func (d *blobsDriver) DeleteObject(ctx context.Context, in storage.DeleteObject) error {
	if err := known(in.Bucket, in.Name); err != nil {
		return err
	}
	_, err := did(d.blob(in.Bucket, in.Name).Delete(ctx, &blob.DeleteOptions{DeleteSnapshots: to.Ptr(blob.DeleteSnapshotsOptionTypeInclude)}))
	return about(err, "object", in.Name)
}

// batch is how many deletions Azure takes in one request.
const batch = 256

func (d *blobsDriver) DeleteObjects(ctx context.Context, in storage.DeleteObjects) (storage.Deleted, error) {
	result := storage.Deleted{Failed: []storage.DeletionFailed{}}
	if _, err := d.GetBucket(ctx, storage.GetBucket{Bucket: in.Bucket}); err != nil {
		return result, err
	}
	var names []string
	for _, name := range in.Names {
		if err := possible(name); err != nil {
			result.Failed = append(result.Failed, storage.DeletionFailed{Name: name, Kind: op.InvalidArgument, Message: op.AsError(err).Message})
			continue
		}
		names = append(names, name)
	}
	c := d.container(in.Bucket)
	for some := range slices.Chunk(names, batch) {
		b, err := c.NewBatchBuilder()
		if err != nil {
			return result, failed(err)
		}
		for _, name := range some {
			options := &container.BatchDeleteOptions{DeleteOptions: blob.DeleteOptions{DeleteSnapshots: to.Ptr(blob.DeleteSnapshotsOptionTypeInclude)}}
			if err := b.Delete(name, options); err != nil {
				return result, failed(err)
			}
		}
		answers, err := did(c.SubmitBatch(ctx, b, nil))
		if err != nil {
			return result, err
		}
		for _, a := range answers.Responses {
			err := failed(a.Error)
			if err == nil || op.KindOf(err) == op.NotFound {
				continue
			}
			name := value(a.BlobName)
			if i := value(a.ContentID); a.ContentID != nil && i >= 0 && i < len(some) {
				name = some[i]
			}
			result.Failed = append(result.Failed, storage.DeletionFailed{Name: name, Kind: op.KindOf(err), Message: op.AsError(err).Message})
		}
	}
	result.Count = len(in.Names) - len(result.Failed)
	return result, nil
}
