// Package storage is the contract of the storage family: buckets, and the
// objects in them.
//
//	value     operations
//	bucket    list get create delete
//	object    list get read put copy delete delete(many) presign url update_metadata
//	upload    create(multipart) upload_part list_parts complete abort list
//
// An object's name is any UTF-8 of up to 1,024 bytes. It is not a path: "/"
// means nothing but to the delimiter of list_objects. Bodies are streams: no
// operation holds an object in memory. Every body is verified against the
// checksum that the provider keeps or returns, in both directions; a damaged one
// is an error of kind internal, never data.
package storage

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Family is the contract.
var Family = op.NewFamily("storage", "Storage",
	"Buckets, and the objects in them.",
	append(op.Table{
		op.List("list_buckets", BucketLister.ListBuckets, "List the account's buckets."),
		op.Call("get_bucket", BucketGetter.GetBucket, op.Reads, "Look a bucket up by its name.").On("bucket", "refresh"),
		op.Call("create_bucket", BucketCreator.CreateBucket, op.Creates, "Create a bucket. One that exists already is an already_exists error, one's own too."),
		op.Do("delete_bucket", BucketDeleter.DeleteBucket, op.Deletes, "Delete an empty bucket. One that is not empty is a conflict.").On("bucket", "delete"),

		op.List("list_objects", ObjectLister.ListObjects, "List a bucket's objects, by the bytes of their names.").On("bucket", "list_objects"),
		op.Call("get_object", ObjectGetter.GetObject, op.Reads, "Look an object up: its size, type, checksums and metadata, not its body.").On("bucket", "get_object"),
		op.Call("read_object", ObjectReader.ReadObject, op.Reads, "Open an object's body, whole or a range, as a stream.").On("object", "read"),
		op.Call("put_object", ObjectPutter.PutObject, op.Creates, "Write an object from a stream, whole or not at all. One that is there already is replaced.").On("bucket", "put_object").Repeatable(),
		op.Call("copy_object", ObjectCopier.CopyObject, op.Creates, "Copy an object inside the provider, with its type and metadata.").On("object", "copy").Repeatable().Unhurried(),
		op.Do("delete_object", ObjectDeleter.DeleteObject, op.Deletes, "Delete an object. One that is not there is a not_found error where the provider can tell, else nothing.").On("object", "delete"),
		op.Call("delete_objects", ObjectsDeleter.DeleteObjects, op.Deletes, "Delete many objects of a bucket in as few requests as the provider has. Names that are not there count as deleted.").On("bucket", "delete_objects").Unhurried(),
		op.Call("presign_object", ObjectPresigner.PresignObject, op.Reads, "Make a URL with which anyone can get or put an object until it expires.").On("object", "presign"),
		op.Call("get_object_url", ObjectURLer.GetObjectURL, op.Reads, "Say the object's public URL. It works for those who may read the object.").On("object", "url"),
		op.Call("update_object", ObjectUpdater.UpdateObject, op.Changes, "Replace an object's metadata and content type, keeping its body.").On("object", "update").Repeatable(),

		op.Call("create_multipart_upload", UploadCreator.CreateMultipartUpload, op.Creates, "Begin an object that is written in parts. Nothing of it can be read before it is completed, and what has come of it waits until it is completed or aborted.").On("bucket", "create_multipart_upload"),
		op.Call("upload_part", PartUploader.UploadPart, op.Changes, "Write one part of an upload, in any order and many at a time. One of that number that is there already is replaced.").On("upload", "upload_part").Repeatable(),
		op.List("list_parts", PartLister.ListParts, "List the parts of an upload that are there, by number.").On("upload", "list_parts"),
		op.Call("complete_multipart_upload", UploadCompleter.CompleteMultipartUpload, op.Creates, "Make the object of the parts given. One that is there already is replaced. The upload is gone then.").On("upload", "complete").Unhurried().Spends("upload"),
		op.Do("abort_multipart_upload", UploadAborter.AbortMultipartUpload, op.Deletes, "Give an upload up and delete its parts.").On("upload", "abort"),
		op.List("list_multipart_uploads", UploadLister.ListMultipartUploads, "List the uploads of a bucket that are neither completed nor aborted, in no particular order.").On("bucket", "list_multipart_uploads"),
	}, native.Rows()...))

// A Bucket holds objects.
type Bucket struct {
	Name      string         `json:"name" op:"id" source:"S3 Name; GCS name; Azure container name; Swift container name" help:"Its name."`
	Location  string         `json:"location" source:"S3 LocationConstraint; GCS location" help:"Where it is; empty if the provider does not say."`
	CreatedAt time.Time      `json:"created_at" help:"When it was made; unset if the provider does not say."`
	Extra     map[string]any `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// An Object is a body of bytes with a name.
type Object struct {
	Bucket       string            `json:"bucket" op:"scope" ref:"bucket" help:"The bucket it is in."`
	Name         string            `json:"name" op:"id" source:"S3 Key; GCS, Azure, Swift name" help:"Its name in the bucket."`
	Size         int64             `json:"size" unit:"bytes" help:"The length of its body."`
	ContentType  string            `json:"content_type" help:"The MIME type; empty in lists of providers that leave it out."`
	ETag         string            `json:"etag" help:"Changes whenever the body does; not a checksum."`
	Checksums    map[string]string `json:"checksums" help:"Of the body, in hex, as far as the provider keeps them: md5, sha256, sha1, crc32, crc32c, crc64nvme."`
	Metadata     map[string]string `json:"metadata" source:"S3 x-amz-meta-*; GCS metadata; Azure x-ms-meta-*; Swift X-Object-Meta-*" help:"Its own metadata; names are lower case. Empty in lists of providers that leave it out."`
	StorageClass string            `json:"storage_class" source:"S3 StorageClass; GCS storageClass; Azure access tier" help:"The provider's word; empty if it has none."`
	LastModified time.Time         `json:"last_modified" help:"When it was written."`
	IsPrefix     bool              `json:"is_prefix" source:"S3 CommonPrefixes; GCS prefixes; Azure BlobPrefix; Swift subdir" help:"Not an object but what several names have in common, in a list with a delimiter."`
	Extra        map[string]any    `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// ListBuckets is what list_buckets takes.
type ListBuckets struct {
	Name string `json:"name,omitzero" op:"filter" help:"Only the bucket of this name."`
}

// BucketLister is a driver that has list_buckets.
type BucketLister interface {
	ListBuckets(ctx context.Context, in ListBuckets) iter.Seq2[Bucket, error]
}

// GetBucket is what get_bucket takes.
type GetBucket struct {
	Bucket string `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
}

// BucketGetter is a driver that has get_bucket.
type BucketGetter interface {
	GetBucket(ctx context.Context, in GetBucket) (Bucket, error)
}

// CreateBucket is what create_bucket takes.
type CreateBucket struct {
	Name     string         `json:"name" op:"required" help:"What to call it; at most providers unique in the world."`
	Location string         `json:"location,omitzero" source:"S3 LocationConstraint; GCS location" help:"Where; the connection's region if not given."`
	Extra    map[string]any `json:"extra,omitzero" help:"What the provider takes beyond these: see its page."`
}

// BucketCreator is a driver that has create_bucket.
type BucketCreator interface {
	CreateBucket(ctx context.Context, in CreateBucket) (Bucket, error)
}

// DeleteBucket is what delete_bucket takes.
type DeleteBucket struct {
	Bucket string `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
}

// BucketDeleter is a driver that has delete_bucket.
type BucketDeleter interface {
	DeleteBucket(ctx context.Context, in DeleteBucket) error
}

// ListObjects is what list_objects takes.
type ListObjects struct {
	Bucket    string `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Prefix    string `json:"prefix,omitzero" help:"Only names that begin with it."`
	Delimiter string `json:"delimiter,omitzero" help:"Names that agree up to this after the prefix are given once, as a prefix: \"/\" lists like a folder."`
}

// ObjectLister is a driver that has list_objects.
type ObjectLister interface {
	ListObjects(ctx context.Context, in ListObjects) iter.Seq2[Object, error]
}

// GetObject is what get_object takes.
type GetObject struct {
	Bucket string `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name   string `json:"name" op:"required" ref:"object" help:"The object's name."`
}

// ObjectGetter is a driver that has get_object.
type ObjectGetter interface {
	GetObject(ctx context.Context, in GetObject) (Object, error)
}

// ReadObject is what read_object takes.
type ReadObject struct {
	Bucket string `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name   string `json:"name" op:"required" ref:"object" help:"The object's name."`
	Offset int64  `json:"offset,omitzero" unit:"bytes" help:"Where to begin. Beyond the end is an invalid_argument error, unless the object is empty and offset 0."`
	Length int64  `json:"length,omitzero" unit:"bytes" help:"How much at most; to the end if not given."`
	IfETag string `json:"if_etag,omitzero" help:"Only if the object still has this etag; else a conflict."`
}

// A Download is an object being read.
type Download struct {
	Object Object        `json:"object" help:"The object, its size that of the whole."`
	Body   io.ReadCloser `json:"body" help:"The bytes. An error of kind internal at its end means that they were damaged."`
}

// ObjectReader is a driver that has read_object.
type ObjectReader interface {
	// ReadObject returns the open body: the caller closes it.
	ReadObject(ctx context.Context, in ReadObject) (Download, error)
}

// PutObject is what put_object takes.
type PutObject struct {
	Bucket       string            `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name         string            `json:"name" op:"required" ref:"object" help:"The object's name."`
	Body         io.Reader         `json:"body" op:"required" help:"The bytes: a stream, a string or bytes."`
	Size         *int64            `json:"size,omitzero" unit:"bytes" help:"How many there are, if known beforehand. A body of another length is an invalid_argument error, and nothing is written."`
	ContentType  string            `json:"content_type,omitzero" help:"The MIME type; application/octet-stream if not given."`
	Metadata     map[string]string `json:"metadata,omitzero" help:"Its own metadata; names are lower case."`
	StorageClass string            `json:"storage_class,omitzero" help:"The provider's word; its default if not given."`
	IfAbsent     bool              `json:"if_absent,omitzero" source:"S3 If-None-Match; GCS ifGenerationMatch=0; Azure If-None-Match; Swift If-None-Match" help:"Only if there is no such object; else an already_exists error."`
	Extra        map[string]any    `json:"extra,omitzero" help:"What the provider takes beyond these: see its page."`
}

// ObjectPutter is a driver that has put_object.
type ObjectPutter interface {
	// PutObject returns when the object can be read. It leaves nothing behind
	// when it fails, and never closes Body.
	PutObject(ctx context.Context, in PutObject) (Object, error)
}

// CopyObject is what copy_object takes.
type CopyObject struct {
	Bucket   string            `json:"bucket" op:"required" ref:"bucket" help:"The bucket it is in."`
	Name     string            `json:"name" op:"required" ref:"object" help:"The object's name."`
	ToBucket string            `json:"to_bucket,omitzero" ref:"bucket" help:"The bucket of the copy; the same if not given."`
	ToName   string            `json:"to_name,omitzero" help:"The name of the copy; the same if not given."`
	Metadata map[string]string `json:"metadata,omitzero" help:"The copy's metadata, if it shall not be the object's."`
}

// ObjectCopier is a driver that has copy_object.
type ObjectCopier interface {
	CopyObject(ctx context.Context, in CopyObject) (Object, error)
}

// DeleteObject is what delete_object takes.
type DeleteObject struct {
	Bucket string `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name   string `json:"name" op:"required" ref:"object" help:"The object's name."`
}

// ObjectDeleter is a driver that has delete_object.
type ObjectDeleter interface {
	DeleteObject(ctx context.Context, in DeleteObject) error
}

// DeleteObjects is what delete_objects takes.
type DeleteObjects struct {
	Bucket string   `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Names  []string `json:"names" op:"required" ref:"object" help:"The objects' names, as many as you like."`
}

// Deleted is what became of many deletions.
type Deleted struct {
	Count  int              `json:"count" help:"How many are gone."`
	Failed []DeletionFailed `json:"failed" help:"Those that are still there, and why."`
}

// DeletionFailed is an object that could not be deleted.
type DeletionFailed struct {
	Name    string  `json:"name" help:"The object's name."`
	Kind    op.Kind `json:"kind" help:"The kind of error."`
	Message string  `json:"message" help:"The provider's words."`
}

// ObjectsDeleter is a driver that has delete_objects.
type ObjectsDeleter interface {
	DeleteObjects(ctx context.Context, in DeleteObjects) (Deleted, error)
}

// Method is what a presigned URL is for.
type Method string

const (
	Get Method = "get"
	Put Method = "put"
)

// Values makes Method an enumeration.
func (Method) Values() []string { return []string{"get", "put"} }

// PresignObject is what presign_object takes.
type PresignObject struct {
	Bucket      string `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name        string `json:"name" op:"required" ref:"object" help:"The object's name; for put it need not exist."`
	Method      Method `json:"method,omitzero" default:"get" help:"What it is for."`
	Expires     int    `json:"expires,omitzero" default:"3600" unit:"s" help:"How long it works."`
	ContentType string `json:"content_type,omitzero" help:"For put: the type that must be sent with it."`
}

// A URL leads to an object.
type URL struct {
	URL       string            `json:"url" help:"The address."`
	Method    Method            `json:"method" help:"The HTTP method to use it with."`
	Headers   map[string]string `json:"headers" help:"What must be sent with it."`
	ExpiresAt time.Time         `json:"expires_at" help:"When it stops working; unset if never."`
}

// ObjectPresigner is a driver that has presign_object.
type ObjectPresigner interface {
	PresignObject(ctx context.Context, in PresignObject) (URL, error)
}

// GetObjectURL is what get_object_url takes.
type GetObjectURL struct {
	Bucket string `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name   string `json:"name" op:"required" ref:"object" help:"The object's name."`
}

// ObjectURLer is a driver that has get_object_url.
type ObjectURLer interface {
	GetObjectURL(ctx context.Context, in GetObjectURL) (URL, error)
}

// UpdateObject is what update_object takes.
type UpdateObject struct {
	Bucket      string            `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name        string            `json:"name" op:"required" ref:"object" help:"The object's name."`
	Metadata    map[string]string `json:"metadata,omitzero" help:"All the metadata it shall have."`
	ContentType string            `json:"content_type,omitzero" help:"The MIME type it shall have; as it is if not given."`
}

// ObjectUpdater is a driver that has update_object.
type ObjectUpdater interface {
	UpdateObject(ctx context.Context, in UpdateObject) (Object, error)
}
