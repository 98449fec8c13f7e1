package aws

import (
	"context"
	"crypto/md5"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

func (d *s3Driver) ReadObject(ctx context.Context, in storage.ReadObject) (storage.Download, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.Download{}, err
	}
	if in.Offset < 0 || in.Length < 0 {
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d and length %d: neither can be negative", in.Offset, in.Length)
	}
	get := &s3.GetObjectInput{Bucket: &in.Bucket, Key: &in.Name}
	if in.IfETag != "" {
		get.IfMatch = aws.String(strconv.Quote(in.IfETag))
	}
	whole := in.Offset == 0 && in.Length == 0
	if whole {
		get.ChecksumMode = types.ChecksumModeEnabled
	} else {
		get.Range = aws.String(storage.ByteRange(in.Offset, in.Length))
	}
	out, err := d.client.GetObject(ctx, get)
	if isCode(err, "InvalidRange") && in.Offset == 0 { // the object is empty
		get.Range = nil
		out, err = d.client.GetObject(ctx, get)
	}
	if err != nil {
		return storage.Download{}, err
	}
	o := objectOf(in.Bucket, in.Name, headOf(out))
	b := &storage.Checked{ReadCloser: verified{out.Body, in.Name}, Context: ctx, Name: in.Name, Left: -1, Kind: "MD5"}
	if out.ContentLength != nil {
		b.Left = *out.ContentLength
	}
	if _, size, ok := strings.Cut(aws.ToString(out.ContentRange), "/"); ok {
		if n, err := strconv.ParseInt(size, 10, 64); err == nil {
			o.Size = n
		}
	} else if in.Offset > 0 {
		out.Body.Close()
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d is beyond the %d bytes of %s", in.Offset, o.Size, in.Name)
	}
	// What S3 keeps a checksum of, the SDK verifies.
	if sum := o.Checksums["md5"]; whole && sum != "" && len(o.Checksums) == 1 {
		b.Sum, b.Want = md5.New(), sum
	}
	return storage.Download{Object: o, Body: b}, nil
}

// headOf is what a GET says beside the body, as a HEAD says it.
func headOf(g *s3.GetObjectOutput) *s3.HeadObjectOutput {
	return &s3.HeadObjectOutput{ContentLength: g.ContentLength, ContentType: g.ContentType, ETag: g.ETag, Metadata: g.Metadata,
		StorageClass: g.StorageClass, LastModified: g.LastModified, ChecksumType: g.ChecksumType, ChecksumCRC32: g.ChecksumCRC32,
		ChecksumCRC32C: g.ChecksumCRC32C, ChecksumCRC64NVME: g.ChecksumCRC64NVME, ChecksumSHA1: g.ChecksumSHA1, ChecksumSHA256: g.ChecksumSHA256,
		ServerSideEncryption: g.ServerSideEncryption, SSECustomerAlgorithm: g.SSECustomerAlgorithm, CacheControl: g.CacheControl,
		ContentDisposition: g.ContentDisposition, ContentEncoding: g.ContentEncoding, ContentLanguage: g.ContentLanguage, VersionId: g.VersionId}
}

// verified is a body whose checksum the SDK compares, and whose mismatch is the
// contract's error.
type verified struct {
	io.ReadCloser
	name string
}

func (b verified) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && strings.Contains(err.Error(), "checksum did not match") {
		err = op.Errorf(op.Internal, "%s: the body is damaged: %w", b.name, err)
	}
	return n, err
}
