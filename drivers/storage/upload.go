package storage

import (
	"context"
	"io"
	"iter"
	"time"
)

// An Upload is an object that is being written in parts.
type Upload struct {
	Bucket      string         `json:"bucket" op:"scope" ref:"bucket" help:"The bucket it is for."`
	Name        string         `json:"name" op:"scope" ref:"object" source:"S3 Key" help:"The name that the object will have."`
	ID          string         `json:"id" op:"id" source:"S3 UploadId" help:"What tells it from other uploads, of the same name too."`
	MinPartSize int64          `json:"min_part_size" unit:"bytes" help:"What a part must have at least, but for the last one. Where it is max_part_size too, all parts but the last have just that."`
	MaxPartSize int64          `json:"max_part_size" unit:"bytes" help:"What a part can have at most; 0 is any size."`
	MaxParts    int            `json:"max_parts" help:"How many parts there can be, and the highest number; 0 is any number."`
	CreatedAt   time.Time      `json:"created_at" help:"When it was begun; unset if the provider does not say."`
	Extra       map[string]any `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A Part is a part of an upload.
type Part struct {
	Upload       string            `json:"upload" op:"scope" ref:"upload" help:"The upload it is of."`
	Number       int               `json:"number" op:"id" source:"S3 PartNumber" help:"Its place, from 1."`
	Size         int64             `json:"size" unit:"bytes" help:"How long it is."`
	ETag         string            `json:"etag" help:"Changes whenever the part does."`
	Checksums    map[string]string `json:"checksums" help:"Of the part, in hex, as far as the provider keeps them: md5, sha256, sha1, crc32, crc32c, crc64nvme."`
	LastModified time.Time         `json:"last_modified" help:"When it was written; unset if the provider does not say."`
}

// CreateMultipartUpload is what create_multipart_upload takes.
type CreateMultipartUpload struct {
	Bucket       string            `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name         string            `json:"name" op:"required" ref:"object" help:"The object's name."`
	Size         *int64            `json:"size,omitzero" unit:"bytes" help:"How long the object will be, if known: some providers choose sizes by it."`
	ContentType  string            `json:"content_type,omitzero" help:"The MIME type; application/octet-stream if not given."`
	Metadata     map[string]string `json:"metadata,omitzero" help:"Its own metadata; names are lower case."`
	StorageClass string            `json:"storage_class,omitzero" help:"The provider's word; its default if not given."`
	Extra        map[string]any    `json:"extra,omitzero" help:"What the provider takes beyond these, as put_object does."`
}

// UploadCreator is a driver that has create_multipart_upload.
type UploadCreator interface {
	CreateMultipartUpload(ctx context.Context, in CreateMultipartUpload) (Upload, error)
}

// UploadPart is what upload_part takes.
type UploadPart struct {
	Bucket string    `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name   string    `json:"name" op:"required" ref:"object" help:"The name that the object will have."`
	Upload string    `json:"upload" op:"required" ref:"upload" help:"The upload."`
	Number int       `json:"number" op:"required" help:"The part's place, from 1. Parts are joined by number, without gaps."`
	Body   io.Reader `json:"body" op:"required" help:"The bytes: a stream, a string or bytes. What can be sought in is read twice where that saves memory."`
	Size   *int64    `json:"size,omitzero" unit:"bytes" help:"How many there are, if known beforehand. A body of another length is an invalid_argument error, and nothing is written."`
}

// PartUploader is a driver that has upload_part.
type PartUploader interface {
	// UploadPart returns when the part is kept, whole and as it was sent. It
	// never closes Body.
	UploadPart(ctx context.Context, in UploadPart) (Part, error)
}

// ListParts is what list_parts takes.
type ListParts struct {
	Bucket string `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name   string `json:"name" op:"required" ref:"object" help:"The name that the object will have."`
	Upload string `json:"upload" op:"required" ref:"upload" help:"The upload."`
}

// PartLister is a driver that has list_parts.
type PartLister interface {
	ListParts(ctx context.Context, in ListParts) iter.Seq2[Part, error]
}

// CompleteMultipartUpload is what complete_multipart_upload takes.
type CompleteMultipartUpload struct {
	Bucket    string            `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name      string            `json:"name" op:"required" ref:"object" help:"The name that the object will have."`
	Upload    string            `json:"upload" op:"required" ref:"upload" help:"The upload."`
	Parts     []Part            `json:"parts" op:"required" help:"The parts, from number 1 without gaps, as upload_part or list_parts gave them. One that is not there as given is an invalid_argument error; what is there beyond them is dropped."`
	Checksums map[string]string `json:"checksums,omitzero" help:"Of the whole body, in hex, as far as known: the provider compares those that it can, and an object that is not as they say is an error of kind internal."`
	IfAbsent  bool              `json:"if_absent,omitzero" source:"S3 If-None-Match; GCS ifGenerationMatch=0; Azure If-None-Match" help:"Only if there is no such object; else an already_exists error."`
}

// UploadCompleter is a driver that has complete_multipart_upload.
type UploadCompleter interface {
	// CompleteMultipartUpload returns when the object can be read. When it fails,
	// the upload and its parts are still there.
	CompleteMultipartUpload(ctx context.Context, in CompleteMultipartUpload) (Object, error)
}

// AbortMultipartUpload is what abort_multipart_upload takes.
type AbortMultipartUpload struct {
	Bucket string `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Name   string `json:"name" op:"required" ref:"object" help:"The name that the object would have had."`
	Upload string `json:"upload" op:"required" ref:"upload" help:"The upload. One that is not there is a not_found error where the provider can tell."`
}

// UploadAborter is a driver that has abort_multipart_upload.
type UploadAborter interface {
	AbortMultipartUpload(ctx context.Context, in AbortMultipartUpload) error
}

// ListMultipartUploads is what list_multipart_uploads takes.
type ListMultipartUploads struct {
	Bucket string `json:"bucket" op:"required" ref:"bucket" help:"The bucket."`
	Prefix string `json:"prefix,omitzero" help:"Only those for names that begin with it."`
}

// UploadLister is a driver that has list_multipart_uploads.
type UploadLister interface {
	ListMultipartUploads(ctx context.Context, in ListMultipartUploads) iter.Seq2[Upload, error]
}
