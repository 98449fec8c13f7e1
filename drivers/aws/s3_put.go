package aws

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/sync/errgroup"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

const (
	inFlight = 4      // parts of one upload that are sent at a time
	maxParts = 10_000 // S3's limit
)

// partSize is the size of part i, counted from 0, of a body of unknown length.
// Doubling leads past a terabyte within S3's limit, and no body of up to 12
// GiB costs more memory than five times 8 MiB.
func partSize(i int) int64 { return 8 << 20 << (i / 1500) }

// objectExtra is what put_object takes beyond the contract.
type objectExtra struct {
	ACL                string            `json:"acl,omitzero" help:"A canned ACL, as public-read."`
	CacheControl       string            `json:"cache_control,omitzero" help:"The header Cache-Control."`
	ContentDisposition string            `json:"content_disposition,omitzero" help:"The header Content-Disposition."`
	ContentEncoding    string            `json:"content_encoding,omitzero" help:"The header Content-Encoding."`
	ContentLanguage    string            `json:"content_language,omitzero" help:"The header Content-Language."`
	Encryption         string            `json:"encryption,omitzero" help:"AES256, aws:kms or aws:kms:dsse; the bucket's if not given."`
	KMSKey             string            `json:"kms_key,omitzero" help:"The KMS key to encrypt with."`
	Tags               map[string]string `json:"tags,omitzero" help:"The object's tags."`
}

// An upload is one body on its way.
type upload struct {
	*s3Driver
	in       storage.PutObject
	extra    objectExtra
	metadata map[string]string
	body     io.Reader
	read     int64  // how much of the body
	crc      uint32 // of what was read
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc32c is a checksum as S3 writes it.
func crc32c(sum uint32) *string {
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum)))
}

func (d *s3Driver) PutObject(ctx context.Context, in storage.PutObject) (storage.Object, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.Object{}, err
	}
	if err := d.writable(in.Name); err != nil {
		return storage.Object{}, err
	}
	if in.Size != nil && *in.Size < 0 {
		return storage.Object{}, op.Errorf(op.InvalidArgument, "size is %d: it cannot be negative", *in.Size)
	}
	if in.ContentType == "" {
		in.ContentType = "application/octet-stream"
	}
	u := &upload{s3Driver: d, in: in, body: in.Body}
	var err error
	if u.extra, err = op.Extra[objectExtra](in.Extra); err != nil {
		return storage.Object{}, err
	}
	if u.metadata, err = encodeMetadata(in.Metadata); err != nil {
		return storage.Object{}, err
	}
	if body, ok, err := in.Twice(ctx); ok {
		if err != nil {
			return storage.Object{}, err
		}
		u.read, u.crc = body.Size, body.CRC32C
		o, err := u.single(ctx, body)
		return o, u.conflict(err)
	}
	first, sum, err := u.part(0, nil)
	if err != nil {
		return storage.Object{}, err
	}
	var o storage.Object
	if int64(len(first)) < u.size(0) {
		o, err = u.single(ctx, bytes.NewReader(first))
	} else {
		o, err = u.multipart(ctx, first, sum)
	}
	return o, u.conflict(err)
}

// conflict is an error in the words of who wanted no object to be there.
func (u *upload) conflict(err error) error {
	if u.in.IfAbsent && isCode(err, "PreconditionFailed") {
		return op.Errorf(op.AlreadyExists, "the object %s exists already: %w", u.in.Name, err)
	}
	return err
}

// absent looks whether there is no such object yet: for services that do not, and
// before a large body is sent in vain. A service that refuses one as it begins may
// cut the connection, and its answer with it.
func (d *s3Driver) absent(ctx context.Context, ifAbsent bool, size int64, bucket, name string) error {
	if !ifAbsent || size < 1<<20 && !d.checkAbsent {
		return nil
	}
	_, err := d.head(ctx, bucket, name)
	switch {
	case err == nil:
		return op.Errorf(op.AlreadyExists, "the object %s exists already", name)
	case op.KindOf(err) == op.NotFound || !d.checkAbsent: // who may not look is told by the condition
		return nil
	}
	return err
}

// size is how much part i holds at most.
func (u *upload) size(i int) int64 {
	if u.in.Size != nil {
		return max(u.partSize(0), (*u.in.Size+maxParts-1)/maxParts)
	}
	return u.partSize(i)
}

// part reads part i, into buf if that is large enough, and sums it. A short one is
// the last.
func (u *upload) part(i int, buf []byte) ([]byte, uint32, error) {
	b := bytes.NewBuffer(buf[:0])
	n, err := b.ReadFrom(io.LimitReader(u.body, u.size(i)))
	u.read += n
	if err != nil {
		return nil, 0, &op.Error{Kind: op.KindOf(err), Message: "reading the body: " + err.Error(), Err: err}
	}
	if u.in.Size != nil && (u.read > *u.in.Size || n < u.size(i) && u.read < *u.in.Size) {
		return nil, 0, op.Errorf(op.InvalidArgument, "the body is not of the size given: it has %d bytes or more, not %d", u.read, *u.in.Size)
	}
	sum := crc32.Checksum(b.Bytes(), castagnoli)
	u.crc = storage.CombineCRC32C(u.crc, sum, n)
	return b.Bytes(), sum, nil
}

func (u *upload) single(ctx context.Context, body io.ReadSeeker) (storage.Object, error) {
	if err := u.absent(ctx, u.in.IfAbsent, u.read, u.in.Bucket, u.in.Name); err != nil {
		return storage.Object{}, err
	}
	var out *s3.PutObjectOutput
	err := resend(ctx, !u.in.IfAbsent, body, func() (err error) {
		out, err = u.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &u.in.Bucket, Key: &u.in.Name, Body: body, ContentLength: &u.read,
			ContentType: &u.in.ContentType, Metadata: u.metadata, StorageClass: types.StorageClass(u.in.StorageClass), ChecksumCRC32C: crc32c(u.crc), IfNoneMatch: u.ifNoneMatch(),
			ACL: types.ObjectCannedACL(u.extra.ACL), CacheControl: optional(u.extra.CacheControl), ContentDisposition: optional(u.extra.ContentDisposition),
			ContentEncoding: optional(u.extra.ContentEncoding), ContentLanguage: optional(u.extra.ContentLanguage),
			ServerSideEncryption: types.ServerSideEncryption(u.extra.Encryption), SSEKMSKeyId: optional(u.extra.KMSKey), Tagging: tagging(u.extra.Tags)}, u.bodies)
		return err
	})
	if err != nil {
		return storage.Object{}, err
	}
	return u.object(&s3.HeadObjectOutput{ETag: out.ETag, ChecksumCRC32C: out.ChecksumCRC32C, ChecksumType: out.ChecksumType,
		ServerSideEncryption: out.ServerSideEncryption, VersionId: out.VersionId}, out.ResultMetadata)
}

func (u *upload) ifNoneMatch() *string {
	if u.in.IfAbsent {
		return aws.String("*")
	}
	return nil
}

func tagging(tags map[string]string) *string {
	v := url.Values{}
	for k, t := range tags {
		v.Set(k, t)
	}
	return optional(v.Encode())
}

// object is what was written, as the answer says. An answer with another
// checksum is of another body.
func (u *upload) object(h *s3.HeadObjectOutput, metadata middleware.Metadata) (storage.Object, error) {
	h.ContentLength, h.ContentType, h.Metadata, h.StorageClass = &u.read, &u.in.ContentType, u.metadata, types.StorageClass(u.in.StorageClass)
	if at, ok := awsmiddleware.GetServerTime(metadata); ok {
		h.LastModified = &at
	}
	o := objectOf(u.in.Bucket, u.in.Name, h)
	if h.ChecksumCRC32C != nil && o.Checksums["crc32c"] != "" && *h.ChecksumCRC32C != *crc32c(u.crc) {
		return storage.Object{}, op.Errorf(op.Internal, "%s was damaged on its way: its CRC32C is %s there, %s here", u.in.Name, *h.ChecksumCRC32C, *crc32c(u.crc))
	}
	return o, nil
}

// multipart sends the body in parts, which are nothing until they are
// completed, and deletes them if they never will be.
func (u *upload) multipart(ctx context.Context, first []byte, sum uint32) (_ storage.Object, err error) {
	if err := u.absent(ctx, u.in.IfAbsent, u.read, u.in.Bucket, u.in.Name); err != nil {
		return storage.Object{}, err
	}
	id, err := u.createUpload(ctx, u.in.Bucket, u.in.Name, properties{u.in.ContentType, u.in.StorageClass, u.metadata, u.extra})
	if err != nil {
		return storage.Object{}, err
	}
	defer func() {
		if err != nil {
			u.abort(ctx, u.in.Bucket, u.in.Name, id)
		}
	}()
	parts, err := u.parts(ctx, id, first, sum)
	if err != nil {
		return storage.Object{}, err
	}
	out, err := u.completeUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &u.in.Bucket, Key: &u.in.Name, UploadId: id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}, ChecksumCRC32C: crc32c(u.crc), ChecksumType: types.ChecksumTypeFullObject, IfNoneMatch: u.ifNoneMatch()})
	if err != nil {
		return storage.Object{}, err
	}
	return u.object(&s3.HeadObjectOutput{ETag: out.ETag, ChecksumCRC32C: out.ChecksumCRC32C, ChecksumType: out.ChecksumType,
		ServerSideEncryption: out.ServerSideEncryption, VersionId: out.VersionId}, out.ResultMetadata)
}

// parts reads the body and sends its parts, a few at a time.
func (u *upload) parts(ctx context.Context, id *string, b []byte, sum uint32) ([]types.CompletedPart, error) {
	var parts []*types.CompletedPart
	spare := make(chan []byte, inFlight+1) // buffers to use again
	g, sending := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	var reading error
	for i := 0; ; i++ {
		if i == maxParts {
			reading = op.Errorf(op.InvalidArgument, "the body is too large for S3, which takes %d parts: give its size, for larger ones", maxParts)
			break
		}
		data, dataSum, last := b, sum, int64(len(b)) < u.size(i)
		part := new(types.CompletedPart)
		parts = append(parts, part)
		g.Go(func() error {
			sent, err := u.sendPart(sending, u.in.Bucket, u.in.Name, id, i+1, bytes.NewReader(data), int64(len(data)), dataSum)
			if err == nil {
				*part = sent
				spare <- data
			}
			return err
		})
		if last || sending.Err() != nil {
			break
		}
		var buf []byte
		select {
		case buf = <-spare:
		default:
		}
		if b, sum, reading = u.part(i+1, buf); reading != nil || len(b) == 0 {
			break
		}
	}
	if reading != nil {
		g.Go(func() error { return reading }) // ends those that are under way
	}
	err := g.Wait()
	if reading != nil {
		return nil, reading
	}
	if err != nil {
		return nil, err
	}
	done := make([]types.CompletedPart, len(parts))
	for i, p := range parts {
		done[i] = *p
	}
	return done, nil
}
