package aws

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

const (
	minPart = 5 << 20 // S3's limits, but for the last part
	maxPart = 5 << 30
)

// properties are what an object has beside its body.
type properties struct {
	contentType, class string
	metadata           map[string]string // as headers carry it
	extra              objectExtra
}

// createUpload begins an upload whose parts and whole will have a CRC-32C.
func (d *s3Driver) createUpload(ctx context.Context, bucket, name string, p properties) (id *string, err error) {
	x := p.extra
	out, err := d.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &name, ContentType: &p.contentType,
		Metadata: p.metadata, StorageClass: types.StorageClass(p.class), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumType: types.ChecksumTypeFullObject,
		ACL: types.ObjectCannedACL(x.ACL), CacheControl: optional(x.CacheControl), ContentDisposition: optional(x.ContentDisposition),
		ContentEncoding: optional(x.ContentEncoding), ContentLanguage: optional(x.ContentLanguage),
		ServerSideEncryption: types.ServerSideEncryption(x.Encryption), SSEKMSKeyId: optional(x.KMSKey), Tagging: tagging(x.Tags)})
	if err != nil {
		return nil, err
	}
	return out.UploadId, nil
}

// sendPart sends a part of known length and checksum, again if it must.
func (d *s3Driver) sendPart(ctx context.Context, bucket, name string, id *string, number int, body io.ReadSeeker, size int64, sum uint32) (types.CompletedPart, error) {
	part := types.CompletedPart{PartNumber: aws.Int32(int32(number)), ChecksumCRC32C: crc32c(sum)}
	err := resend(ctx, true, body, func() error {
		out, err := d.client.UploadPart(ctx, &s3.UploadPartInput{Bucket: &bucket, Key: &name, UploadId: id, PartNumber: part.PartNumber,
			Body: body, ContentLength: &size, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumCRC32C: part.ChecksumCRC32C}, d.bodies)
		if err != nil {
			return err
		}
		if out.ChecksumCRC32C != nil && *out.ChecksumCRC32C != *part.ChecksumCRC32C {
			return op.Errorf(op.Internal, "part %d of %s was damaged on its way: its CRC32C is %s there, %s here", number, name, *out.ChecksumCRC32C, *part.ChecksumCRC32C)
		}
		part.ETag = out.ETag
		return nil
	})
	return part, err
}

// resend does a request as [op.Again] does, every time with the body from where it is now.
func resend(ctx context.Context, repeatable bool, body io.Seeker, request func() error) error {
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return op.Errorf(op.Internal, "reading the body: %w", err)
	}
	return op.Again(ctx, repeatable, func() error {
		if _, err := body.Seek(start, io.SeekStart); err != nil {
			return op.Errorf(op.Internal, "reading the body again: %w", err)
		}
		return request()
	})
}

// completeUpload makes the object of its parts.
func (d *s3Driver) completeUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (*s3.CompleteMultipartUploadOutput, error) {
	if err := d.absent(ctx, in.IfNoneMatch != nil, 0, *in.Bucket, *in.Key); err != nil {
		return nil, err
	}
	var out *s3.CompleteMultipartUploadOutput
	err := op.Again(ctx, false, func() (err error) {
		out, err = d.client.CompleteMultipartUpload(ctx, in)
		return err
	})
	return out, err
}

// abort deletes the parts of an upload that failed, also when its caller has given up.
func (d *s3Driver) abort(ctx context.Context, bucket, name string, id *string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	// It failed for a reason that the caller hears; this one would hide it.
	_, _ = d.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: &name, UploadId: id})
}

func (d *s3Driver) CreateMultipartUpload(ctx context.Context, in storage.CreateMultipartUpload) (storage.Upload, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.Upload{}, err
	}
	if err := d.writable(in.Name); err != nil {
		return storage.Upload{}, err
	}
	p := properties{contentType: cmp.Or(in.ContentType, "application/octet-stream"), class: in.StorageClass}
	var err error
	if p.extra, err = op.Extra[objectExtra](in.Extra); err != nil {
		return storage.Upload{}, err
	}
	if p.metadata, err = encodeMetadata(in.Metadata); err != nil {
		return storage.Upload{}, err
	}
	id, err := d.createUpload(ctx, in.Bucket, in.Name, p)
	if err != nil {
		return storage.Upload{}, err
	}
	return uploadOf(in.Bucket, in.Name, id), nil
}

func uploadOf(bucket, name string, id *string) storage.Upload {
	return storage.Upload{Bucket: bucket, Name: name, ID: aws.ToString(id), MinPartSize: minPart, MaxPartSize: maxPart, MaxParts: maxParts}
}

// UploadPart reads a body that can be sought in twice, for its checksum and to be
// sent, and holds any other in memory.
func (d *s3Driver) UploadPart(ctx context.Context, in storage.UploadPart) (storage.Part, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.Part{}, err
	}
	if in.Number < 1 || in.Number > maxParts {
		return storage.Part{}, op.Errorf(op.InvalidArgument, "number is %d: S3 has parts 1 to %d", in.Number, maxParts)
	}
	body, err := storage.SumBody(ctx, in.Body, in.Size, maxPart)
	if err != nil {
		return storage.Part{}, err
	}
	part, err := d.sendPart(ctx, in.Bucket, in.Name, &in.Upload, in.Number, body, body.Size, body.CRC32C)
	if err != nil {
		return storage.Part{}, err
	}
	return storage.Part{Upload: in.Upload, Number: in.Number, Size: body.Size, ETag: unquote(part.ETag), Checksums: map[string]string{"crc32c": hexCRC(body.CRC32C)}, LastModified: time.Now()}, nil
}

func hexCRC(sum uint32) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// base64OfHex is a sum as S3 writes it; nil where there is none.
func base64OfHex(sum string) *string {
	if b, err := hex.DecodeString(sum); err == nil && len(b) > 0 {
		return aws.String(base64.StdEncoding.EncodeToString(b))
	}
	return nil
}

func (d *s3Driver) ListParts(ctx context.Context, in storage.ListParts) iter.Seq2[storage.Part, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Part, string, error) {
		if err := known(in.Bucket, in.Name); err != nil {
			return nil, "", err
		}
		out, err := d.client.ListParts(ctx, &s3.ListPartsInput{Bucket: &in.Bucket, Key: &in.Name, UploadId: &in.Upload, PartNumberMarker: optional(cursor), MaxParts: d.page()})
		if err != nil {
			return nil, "", err
		}
		parts := make([]storage.Part, len(out.Parts))
		for i, p := range out.Parts {
			parts[i] = storage.Part{Upload: in.Upload, Number: int(aws.ToInt32(p.PartNumber)), Size: aws.ToInt64(p.Size), ETag: unquote(p.ETag), LastModified: aws.ToTime(p.LastModified),
				Checksums: checksums("", map[string]*string{"crc32": p.ChecksumCRC32, "crc32c": p.ChecksumCRC32C, "crc64nvme": p.ChecksumCRC64NVME, "sha1": p.ChecksumSHA1, "sha256": p.ChecksumSHA256})}
		}
		if !aws.ToBool(out.IsTruncated) {
			return parts, "", nil
		}
		return parts, aws.ToString(out.NextPartNumberMarker), nil
	})
}

func (d *s3Driver) CompleteMultipartUpload(ctx context.Context, in storage.CompleteMultipartUpload) (storage.Object, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.Object{}, err
	}
	return in.Complete(ctx, d, func(whole string) error {
		request := &s3.CompleteMultipartUploadInput{Bucket: &in.Bucket, Key: &in.Name, UploadId: &in.Upload, MultipartUpload: &types.CompletedMultipartUpload{}}
		if in.IfAbsent {
			request.IfNoneMatch = aws.String("*")
		}
		if whole != "" {
			request.ChecksumCRC32C, request.ChecksumType = base64OfHex(whole), types.ChecksumTypeFullObject
		}
		for _, p := range in.Parts {
			request.MultipartUpload.Parts = append(request.MultipartUpload.Parts, types.CompletedPart{PartNumber: aws.Int32(int32(p.Number)),
				ETag: aws.String(`"` + p.ETag + `"`), ChecksumCRC32C: base64OfHex(p.Checksums["crc32c"])})
		}
		_, err := d.completeUpload(ctx, request)
		return err
	}, preconditionFailed)
}

func preconditionFailed(err error) bool { return isCode(err, "PreconditionFailed") }

func (d *s3Driver) AbortMultipartUpload(ctx context.Context, in storage.AbortMultipartUpload) error {
	if err := known(in.Bucket, in.Name); err != nil {
		return err
	}
	_, err := d.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &in.Bucket, Key: &in.Name, UploadId: &in.Upload})
	return err
}

func (d *s3Driver) ListMultipartUploads(ctx context.Context, in storage.ListMultipartUploads) iter.Seq2[storage.Upload, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Upload, string, error) {
		if err := knownBucket(in.Bucket); err != nil {
			return nil, "", err
		}
		after, err := url.ParseQuery(cursor)
		if err != nil {
			return nil, "", op.Errorf(op.InvalidArgument, "%q is not a cursor of this list", cursor)
		}
		prefix := in.Prefix
		if d.allUploads {
			prefix = ""
		}
		out, err := d.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &in.Bucket, Prefix: optional(prefix), EncodingType: types.EncodingTypeUrl,
			KeyMarker: optional(after.Get("name")), UploadIdMarker: optional(after.Get("id")), MaxUploads: d.page()})
		if err != nil {
			return nil, "", err
		}
		encoding := out.EncodingType
		if d.encodes {
			encoding = types.EncodingTypeUrl
		}
		decode := decoder(encoding)
		uploads := make([]storage.Upload, 0, len(out.Uploads))
		for _, u := range out.Uploads {
			upload := uploadOf(in.Bucket, decode(u.Key), u.UploadId)
			upload.CreatedAt = aws.ToTime(u.Initiated)
			if strings.HasPrefix(upload.Name, in.Prefix) {
				uploads = append(uploads, upload)
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return uploads, "", nil
		}
		return uploads, url.Values{"name": {decode(out.NextKeyMarker)}, "id": {aws.ToString(out.NextUploadIdMarker)}}.Encode(), nil
	})
}
