package aws

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math"
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
		get.Range = aws.String(byteRange(in.Offset, in.Length))
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
	b := &body{ReadCloser: out.Body, ctx: ctx, name: in.Name}
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
		b.sum, b.want = md5.New(), sum
	}
	return storage.Download{Object: o, Body: b}, nil
}

// byteRange is the header for length bytes from offset, all of them if 0.
func byteRange(offset, length int64) string {
	if length == 0 || offset > math.MaxInt64-length {
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
}

// headOf is what a GET says beside the body, as a HEAD says it.
func headOf(g *s3.GetObjectOutput) *s3.HeadObjectOutput {
	return &s3.HeadObjectOutput{ContentLength: g.ContentLength, ContentType: g.ContentType, ETag: g.ETag, Metadata: g.Metadata,
		StorageClass: g.StorageClass, LastModified: g.LastModified, ChecksumType: g.ChecksumType, ChecksumCRC32: g.ChecksumCRC32,
		ChecksumCRC32C: g.ChecksumCRC32C, ChecksumCRC64NVME: g.ChecksumCRC64NVME, ChecksumSHA1: g.ChecksumSHA1, ChecksumSHA256: g.ChecksumSHA256,
		ServerSideEncryption: g.ServerSideEncryption, SSECustomerAlgorithm: g.SSECustomerAlgorithm, CacheControl: g.CacheControl,
		ContentDisposition: g.ContentDisposition, ContentEncoding: g.ContentEncoding, ContentLanguage: g.ContentLanguage, VersionId: g.VersionId}
}

// body is an open object: its errors are the contract's, and at its end it is
// compared with want, if there is a sum.
type body struct {
	io.ReadCloser
	ctx  context.Context // to tell a caller who gave up from a connection that broke
	name string
	sum  hash.Hash
	want string
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.sum != nil {
		b.sum.Write(p[:n])
	}
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		if b.sum != nil && hex.EncodeToString(b.sum.Sum(nil)) != b.want {
			return n, op.Errorf(op.Internal, "%s: the body is damaged: its MD5 is not %s", b.name, b.want)
		}
		return n, io.EOF
	case b.ctx.Err() != nil:
		return n, op.AsError(b.ctx.Err())
	case strings.Contains(err.Error(), "checksum did not match"):
		return n, op.Errorf(op.Internal, "%s: the body is damaged: %w", b.name, err)
	}
	return n, op.Errorf(op.Unavailable, "%s: the body broke off: %w", b.name, err)
}
