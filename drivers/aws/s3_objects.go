package aws

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// known answers for names that cannot be a bucket's or an object's.
func known(bucket, name string) error {
	if err := knownBucket(bucket); err != nil {
		return err
	}
	return possible(name)
}

func possible(name string) error {
	if name == "" || len(name) > 1024 || !utf8.ValidString(name) {
		return op.Errorf(op.InvalidArgument, "%.80q cannot be an object's name: it needs 1 to 1024 bytes of UTF-8", name)
	}
	return nil
}

// writable answers for names that an object can have, and cannot be given here.
func (d *s3Driver) writable(name string) error {
	if d.unusable == nil {
		return nil
	}
	if why := d.unusable(name); why != "" {
		return op.Errorf(op.InvalidArgument, "%.80q cannot be an object's name here: %s", name, why)
	}
	return nil
}

func (d *s3Driver) ListObjects(ctx context.Context, in storage.ListObjects) iter.Seq2[storage.Object, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Object, string, error) {
		if err := knownBucket(in.Bucket); err != nil {
			return nil, "", err
		}
		// XML has no way to write some names; URL encoding has one for all.
		out, err := d.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &in.Bucket, Prefix: optional(in.Prefix), Delimiter: optional(in.Delimiter),
			ContinuationToken: optional(cursor), EncodingType: types.EncodingTypeUrl, MaxKeys: d.page()})
		if err != nil {
			return nil, "", err
		}
		decode := decoder(out.EncodingType)
		objects := make([]storage.Object, 0, len(out.Contents)+len(out.CommonPrefixes))
		for _, o := range out.Contents {
			etag := unquote(o.ETag)
			objects = append(objects, storage.Object{Bucket: in.Bucket, Name: decode(o.Key), Size: aws.ToInt64(o.Size), ETag: etag,
				StorageClass: string(o.StorageClass), LastModified: aws.ToTime(o.LastModified)})
		}
		for _, p := range out.CommonPrefixes {
			objects = append(objects, storage.Object{Bucket: in.Bucket, Name: decode(p.Prefix), IsPrefix: true})
		}
		slices.SortStableFunc(objects, func(a, b storage.Object) int { return strings.Compare(a.Name, b.Name) })
		return objects, aws.ToString(out.NextContinuationToken), nil
	})
}

// decoder reads names as a list writes them.
func decoder(encoding types.EncodingType) func(*string) string {
	return func(s *string) string {
		if name, err := url.QueryUnescape(aws.ToString(s)); err == nil && encoding == types.EncodingTypeUrl {
			return name
		}
		return aws.ToString(s)
	}
}

func unquote(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

func (d *s3Driver) head(ctx context.Context, bucket, name string) (*s3.HeadObjectOutput, error) {
	if err := known(bucket, name); err != nil {
		return nil, err
	}
	out, err := d.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &name, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return nil, named(err, "object", name)
	}
	return out, nil
}

func (d *s3Driver) GetObject(ctx context.Context, in storage.GetObject) (storage.Object, error) {
	out, err := d.head(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	return objectOf(in.Bucket, in.Name, out), nil
}

func objectOf(bucket, name string, h *s3.HeadObjectOutput) storage.Object {
	o := storage.Object{Bucket: bucket, Name: name, Size: aws.ToInt64(h.ContentLength), ContentType: aws.ToString(h.ContentType),
		ETag: unquote(h.ETag), Metadata: storage.DecodeMetadata(h.Metadata), StorageClass: string(h.StorageClass), LastModified: aws.ToTime(h.LastModified),
		Checksums: checksums(h.ChecksumType, map[string]*string{"crc32": h.ChecksumCRC32, "crc32c": h.ChecksumCRC32C,
			"crc64nvme": h.ChecksumCRC64NVME, "sha1": h.ChecksumSHA1, "sha256": h.ChecksumSHA256})}
	if sum, ok := md5Of(o.ETag, h.ServerSideEncryption, h.SSECustomerAlgorithm); ok {
		o.Checksums["md5"] = sum
	}
	if o.StorageClass == "" {
		o.StorageClass = "STANDARD" // S3 leaves out the default
	}
	o.Extra = map[string]any{}
	for k, v := range map[string]string{"CacheControl": aws.ToString(h.CacheControl), "ContentDisposition": aws.ToString(h.ContentDisposition),
		"ContentEncoding": aws.ToString(h.ContentEncoding), "ContentLanguage": aws.ToString(h.ContentLanguage),
		"ServerSideEncryption": string(h.ServerSideEncryption), "VersionId": aws.ToString(h.VersionId)} {
		if v != "" {
			o.Extra[k] = v
		}
	}
	return o
}

// checksums are those of the whole body, in hex. A composite one is of the
// checksums of an upload's parts.
func checksums(kind types.ChecksumType, sums map[string]*string) map[string]string {
	m := map[string]string{}
	for name, sum := range sums {
		if sum == nil || kind == types.ChecksumTypeComposite || strings.Contains(*sum, "-") {
			continue
		}
		if b, err := base64.StdEncoding.DecodeString(*sum); err == nil {
			m[name] = hex.EncodeToString(b)
		}
	}
	return m
}

// md5Of is the MD5 that an ETag is, if it is one: not of uploads in parts, nor
// under keys other than S3's own.
func md5Of(etag string, encryption types.ServerSideEncryption, customer *string) (string, bool) {
	b, err := hex.DecodeString(etag)
	return etag, err == nil && len(b) == 16 && (encryption == "" || encryption == types.ServerSideEncryptionAes256) && customer == nil
}

// encodeMetadata makes of metadata what S3 takes: names are those of headers.
func encodeMetadata(m map[string]string) (map[string]string, error) {
	return storage.EncodeMetadata(m, "!#$%&'*+-.^_`|~")
}

func (d *s3Driver) DeleteObject(ctx context.Context, in storage.DeleteObject) error {
	if err := known(in.Bucket, in.Name); err != nil {
		return err
	}
	_, err := d.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &in.Bucket, Key: &in.Name})
	return err
}

func (d *s3Driver) DeleteObjects(ctx context.Context, in storage.DeleteObjects) (storage.Deleted, error) {
	if err := knownBucket(in.Bucket); err != nil {
		return storage.Deleted{}, err
	}
	result := storage.Deleted{Failed: []storage.DeletionFailed{}}
	refuse := func(name string, kind op.Kind, message string) {
		result.Failed = append(result.Failed, storage.DeletionFailed{Name: name, Kind: kind, Message: message})
	}
	var batched []string
	for _, name := range in.Names {
		switch {
		case possible(name) != nil:
			refuse(name, op.InvalidArgument, possible(name).Error())
		case strings.ContainsFunc(name, notXML):
			if err := d.DeleteObject(ctx, storage.DeleteObject{Bucket: in.Bucket, Name: name}); err != nil {
				if op.KindOf(err) != op.InvalidArgument {
					return result, err
				}
				refuse(name, op.InvalidArgument, op.AsError(err).Message)
			}
		default:
			batched = append(batched, name)
		}
	}
	for batch := range slices.Chunk(batched, 1000) {
		objects := make([]types.ObjectIdentifier, len(batch))
		for i := range batch {
			objects[i].Key = &batch[i]
		}
		out, err := d.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &in.Bucket, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)}})
		if err != nil {
			return result, err
		}
		for _, e := range out.Errors {
			code, message := aws.ToString(e.Code), aws.ToString(e.Message)
			kind := kindOfCode(code, message)
			if kind == op.NotFound {
				continue
			}
			if kind == "" {
				kind = op.Internal
			}
			refuse(aws.ToString(e.Key), kind, message)
		}
	}
	result.Count = len(in.Names) - len(result.Failed)
	return result, nil
}

// notXML reports what an XML document cannot hold, or not unchanged.
func notXML(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffe || r == 0xffff }

func (d *s3Driver) PresignObject(ctx context.Context, in storage.PresignObject) (storage.URL, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.URL{}, err
	}
	const week = 7 * 24 * 3600
	if in.Expires < 1 || in.Expires > week {
		return storage.URL{}, op.Errorf(op.InvalidArgument, "expires is %d s: S3 allows 1 s to 7 days", in.Expires)
	}
	lifetime := time.Duration(in.Expires) * time.Second
	expires := time.Now().Add(lifetime)
	var address string
	var header http.Header
	switch in.Method {
	case storage.Put:
		r, err := d.presigner.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: &in.Bucket, Key: &in.Name, ContentType: optional(in.ContentType)}, s3.WithPresignExpires(lifetime))
		if err != nil {
			return storage.URL{}, err
		}
		address, header = r.URL, r.SignedHeader
	default:
		r, err := d.presigner.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &in.Bucket, Key: &in.Name}, s3.WithPresignExpires(lifetime))
		if err != nil {
			return storage.URL{}, err
		}
		address, header = r.URL, r.SignedHeader
	}
	u := storage.URL{URL: address, Method: in.Method, Headers: map[string]string{}, ExpiresAt: expires}
	for k := range header {
		if k = http.CanonicalHeaderKey(k); k != "Host" && k != "Content-Length" {
			u.Headers[k] = header.Get(k)
		}
	}
	return u, nil
}

func (d *s3Driver) GetObjectURL(ctx context.Context, in storage.GetObjectURL) (storage.URL, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.URL{}, err
	}
	end, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, s3.EndpointParameters{Bucket: &in.Bucket, Region: &d.config.Region,
		Endpoint: d.config.BaseEndpoint, ForcePathStyle: &d.pathStyle, UseFIPS: aws.Bool(false), UseDualStack: aws.Bool(false), Accelerate: aws.Bool(false)})
	if err != nil {
		return storage.URL{}, op.Errorf(op.InvalidArgument, "endpoint: %w", err)
	}
	return storage.URL{URL: strings.TrimSuffix(end.URI.String(), "/") + "/" + storage.EscapeName(in.Name), Method: storage.Get, Headers: map[string]string{}}, nil
}
