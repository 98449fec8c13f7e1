package aws

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

const (
	copyLimit = 5 << 30   // what S3 copies in one request
	copyPart  = 512 << 20 // larger objects are copied in parts of this, or of what makes for 10,000
)

// A copying is an object on its way to another name, or to other metadata.
type copying struct {
	*s3Driver
	bucket, name     string // from
	toBucket, toName string
	source           *s3.HeadObjectOutput
	metadata         map[string]string // as headers carry it
	contentType      *string
	replace          bool // metadata and type are not those of source
	inPlace          bool // storage class and encryption stay as well
}

func (d *s3Driver) CopyObject(ctx context.Context, in storage.CopyObject) (storage.Object, error) {
	c := &copying{s3Driver: d, bucket: in.Bucket, name: in.Name, toBucket: cmp.Or(in.ToBucket, in.Bucket), toName: cmp.Or(in.ToName, in.Name), replace: in.Metadata != nil}
	c.inPlace = c.toBucket == c.bucket && c.toName == c.name
	if op.IsBulk(ctx) && !c.replace && !c.inPlace {
		// One request instead of three; what is too large for it is refused.
		if o, err := c.unseen(ctx); op.KindOf(err) != op.InvalidArgument {
			return o, err
		}
	}
	return c.do(ctx, in.Metadata, "")
}

func (d *s3Driver) UpdateObject(ctx context.Context, in storage.UpdateObject) (storage.Object, error) {
	c := &copying{s3Driver: d, bucket: in.Bucket, name: in.Name, toBucket: in.Bucket, toName: in.Name, replace: true, inPlace: true}
	metadata := in.Metadata
	if metadata == nil {
		metadata = map[string]string{} // all that it shall have: none
	}
	return c.do(ctx, metadata, in.ContentType)
}

// do copies the object; metadata that is nil and a type that is empty stay as they are.
func (c *copying) do(ctx context.Context, metadata map[string]string, contentType string) (storage.Object, error) {
	if err := known(c.toBucket, c.toName); err != nil {
		return storage.Object{}, err
	}
	err := c.writable(c.toName)
	if err != nil {
		return storage.Object{}, err
	}
	if c.source, err = c.head(ctx, c.bucket, c.name); err != nil {
		return storage.Object{}, err
	}
	c.metadata, c.contentType = c.source.Metadata, c.source.ContentType
	if metadata != nil {
		if c.metadata, err = encodeMetadata(metadata); err != nil {
			return storage.Object{}, err
		}
	}
	if contentType != "" {
		c.contentType = &contentType
	}
	if size := aws.ToInt64(c.source.ContentLength); size > c.copyLimit {
		err = c.inParts(ctx, size)
	} else {
		err = c.atOnce(ctx)
	}
	if err != nil {
		return storage.Object{}, err
	}
	return c.GetObject(ctx, storage.GetObject{Bucket: c.toBucket, Name: c.toName})
}

// unseen copies an object as it is, without looking at it before or after.
func (c *copying) unseen(ctx context.Context) (storage.Object, error) {
	if err := known(c.bucket, c.name); err != nil {
		return storage.Object{}, err
	}
	if err := known(c.toBucket, c.toName); err != nil {
		return storage.Object{}, err
	}
	if err := c.writable(c.toName); err != nil {
		return storage.Object{}, err
	}
	out, err := c.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &c.toBucket, Key: &c.toName, CopySource: c.from()})
	if err != nil {
		return storage.Object{}, err
	}
	o := storage.Object{Bucket: c.toBucket, Name: c.toName}
	if r := out.CopyObjectResult; r != nil {
		o.ETag, o.LastModified = unquote(r.ETag), aws.ToTime(r.LastModified)
	}
	return o, nil
}

func (c *copying) from() *string { return aws.String(storage.EscapeName(c.bucket + "/" + c.name)) }

func (c *copying) expires() *time.Time {
	if at, err := time.Parse(time.RFC1123, aws.ToString(c.source.ExpiresString)); err == nil {
		return &at
	}
	return nil
}

func (c *copying) atOnce(ctx context.Context) error {
	in := &s3.CopyObjectInput{Bucket: &c.toBucket, Key: &c.toName, CopySource: c.from(), CopySourceIfMatch: c.source.ETag}
	// S3 refuses to copy an object onto itself as it is; with the same
	// metadata given anew it does not.
	if c.replace || c.inPlace {
		h := c.source
		in.MetadataDirective, in.Metadata, in.ContentType = types.MetadataDirectiveReplace, c.metadata, c.contentType
		in.CacheControl, in.ContentDisposition, in.ContentEncoding, in.ContentLanguage = h.CacheControl, h.ContentDisposition, h.ContentEncoding, h.ContentLanguage
		in.Expires, in.WebsiteRedirectLocation = c.expires(), h.WebsiteRedirectLocation
	}
	if c.inPlace {
		in.StorageClass, in.ServerSideEncryption, in.SSEKMSKeyId = c.source.StorageClass, c.source.ServerSideEncryption, c.source.SSEKMSKeyId
	}
	_, err := c.client.CopyObject(ctx, in)
	return err
}

// inParts copies what is too large for one request. Unlike a copy at once, it
// does not take the object's tags along.
func (c *copying) inParts(ctx context.Context, size int64) (err error) {
	h := c.source
	create := &s3.CreateMultipartUploadInput{Bucket: &c.toBucket, Key: &c.toName, Metadata: c.metadata, ContentType: c.contentType,
		CacheControl: h.CacheControl, ContentDisposition: h.ContentDisposition, ContentEncoding: h.ContentEncoding, ContentLanguage: h.ContentLanguage,
		Expires: c.expires(), WebsiteRedirectLocation: h.WebsiteRedirectLocation}
	if c.inPlace {
		create.StorageClass, create.ServerSideEncryption, create.SSEKMSKeyId = h.StorageClass, h.ServerSideEncryption, h.SSEKMSKeyId
	}
	created, err := c.client.CreateMultipartUpload(ctx, create)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			c.abort(ctx, c.toBucket, c.toName, created.UploadId)
		}
	}()
	part := max(c.copyPart, (size+maxParts-1)/maxParts)
	parts := make([]types.CompletedPart, (size+part-1)/part)
	g, copying := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for i := range parts {
		number, offset := aws.Int32(int32(i+1)), int64(i)*part
		g.Go(func() error {
			return op.Again(copying, true, func() error {
				out, err := c.client.UploadPartCopy(copying, &s3.UploadPartCopyInput{Bucket: &c.toBucket, Key: &c.toName, UploadId: created.UploadId, PartNumber: number,
					CopySource: c.from(), CopySourceIfMatch: h.ETag, CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", offset, min(offset+part, size)-1))})
				if err != nil {
					return err
				}
				if out.CopyPartResult == nil {
					return op.Errorf(op.Internal, "the answer to a copied part has no ETag")
				}
				r := out.CopyPartResult
				parts[i] = types.CompletedPart{PartNumber: number, ETag: r.ETag, ChecksumCRC32: r.ChecksumCRC32, ChecksumCRC32C: r.ChecksumCRC32C,
					ChecksumCRC64NVME: r.ChecksumCRC64NVME, ChecksumSHA1: r.ChecksumSHA1, ChecksumSHA256: r.ChecksumSHA256}
				return nil
			})
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	_, err = c.completeUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &c.toBucket, Key: &c.toName, UploadId: created.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	return err
}
