package s3compat

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

const minPart = 5 << 20 // S3's limit, but for the last part

func uploadOf(bucket, name, id string) storage.Upload {
	return storage.Upload{Bucket: bucket, Name: name, ID: id, MinPartSize: minPart, MaxPartSize: maxPart, MaxParts: maxParts}
}

// inParts are the headers of an upload whose parts and whole have a CRC32C.
var inParts = map[string]string{"x-amz-checksum-algorithm": "CRC32C", "x-amz-checksum-type": "FULL_OBJECT"}

func (d *driver) CreateMultipartUpload(_ context.Context, in storage.CreateMultipartUpload) (storage.Upload, error) {
	if err := d.known(in.Bucket, in.Name); err != nil {
		return storage.Upload{}, err
	}
	u, err := d.newUpload(storage.PutObject{Bucket: in.Bucket, Name: in.Name, ContentType: in.ContentType, Metadata: in.Metadata, StorageClass: in.StorageClass, Extra: in.Extra})
	if err != nil {
		return storage.Upload{}, err
	}
	id, err := d.create(in.Bucket, in.Name, u.headers(inParts))
	if err != nil {
		return storage.Upload{}, err
	}
	return uploadOf(in.Bucket, in.Name, id), nil
}

// UploadPart has the host hold the part: its checksum goes before it, and it can be
// sent again.
func (d *driver) UploadPart(_ context.Context, in storage.UploadPart) (storage.Part, error) {
	if err := d.known(in.Bucket, in.Name); err != nil {
		return storage.Part{}, err
	}
	if in.Number < 1 || in.Number > maxParts {
		return storage.Part{}, op.Errorf(op.InvalidArgument, "number is %d: S3 has parts 1 to %d", in.Number, maxParts)
	}
	body, ok := sdk.StreamOf(in.Body)
	if !ok {
		return storage.Part{}, op.Errorf(op.Internal, "the body is no stream of the host's")
	}
	p, err := takePart(body, in.Size)
	if err != nil {
		return storage.Part{}, err
	}
	defer p.Close()
	head, err := d.do(request{method: "PUT", bucket: in.Bucket, name: in.Name, query: url.Values{"partNumber": {strconv.Itoa(in.Number)}, "uploadId": {in.Upload}},
		header: map[string]string{"x-amz-checksum-crc32c": p.crc}, stream: p.Stream, repeatable: true}, nil)
	if err != nil {
		return storage.Part{}, err
	}
	if there := head.Headers["x-amz-checksum-crc32c"]; there != "" && there != p.crc {
		return storage.Part{}, op.Errorf(op.Internal, "part %d of %s was damaged on its way: its CRC32C is %s there, %s here", in.Number, in.Name, there, p.crc)
	}
	return storage.Part{Upload: in.Upload, Number: in.Number, Size: p.size, ETag: unquote(head.Headers["etag"]), Checksums: checksums(map[string]string{"x-amz-checksum-crc32c": p.crc}),
		LastModified: time.Now()}, nil
}

// takePart takes a body that is one part, of the size given if there is one.
func takePart(body *sdk.Stream, size *int64) (part, error) {
	most := int64(maxPart)
	if size != nil {
		if *size < 0 || *size > maxPart {
			return part{}, op.Errorf(op.InvalidArgument, "size is %d: a part has at most the %d MiB that a host holds", *size, maxPart>>20)
		}
		most = *size
	}
	s, err := body.Take(most)
	if err != nil {
		return part{}, err
	}
	info, err := s.Info()
	more := int64(0)
	if err == nil && info.Length == most {
		more, err = rest(body)
	}
	switch {
	case err != nil:
	case size != nil && (more > 0 || info.Length < most):
		err = op.Errorf(op.InvalidArgument, "the body is not of the size given: it has %d bytes or more, not %d", info.Length+more, *size)
	case more > 0:
		err = op.Errorf(op.InvalidArgument, "the part has more than the %d MiB that a host holds", maxPart>>20)
	}
	if err != nil {
		s.Close()
		return part{}, err
	}
	return part{s, info.Length, written(info.CRC32C)}, nil
}

// rest is 1 if there is more of a body, else 0.
func rest(body *sdk.Stream) (int64, error) {
	s, err := body.Take(1)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	info, err := s.Info()
	return info.Length, err
}

func (d *driver) ListParts(ctx context.Context, in storage.ListParts) iter.Seq2[storage.Part, error] {
	return op.Pages(ctx, func(_ context.Context, cursor string) ([]storage.Part, string, error) {
		if err := d.known(in.Bucket, in.Name); err != nil {
			return nil, "", err
		}
		query := d.listing("max-parts", map[string]string{"uploadId": in.Upload, "part-number-marker": cursor})
		var out struct {
			IsTruncated          bool
			NextPartNumberMarker string
			Part                 []struct {
				completed
				Size         int64
				LastModified time.Time
			}
		}
		if _, err := d.do(request{method: "GET", bucket: in.Bucket, name: in.Name, query: query}, &out); err != nil {
			return nil, "", err
		}
		parts := make([]storage.Part, len(out.Part))
		for i, p := range out.Part {
			parts[i] = storage.Part{Upload: in.Upload, Number: p.PartNumber, Size: p.Size, ETag: unquote(p.ETag), LastModified: p.LastModified,
				Checksums: checksums(map[string]string{"x-amz-checksum-crc32": p.ChecksumCRC32, "x-amz-checksum-crc32c": p.ChecksumCRC32C,
					"x-amz-checksum-crc64nvme": p.ChecksumCRC64NVME, "x-amz-checksum-sha1": p.ChecksumSHA1, "x-amz-checksum-sha256": p.ChecksumSHA256})}
		}
		if !out.IsTruncated {
			return parts, "", nil
		}
		return parts, out.NextPartNumberMarker, nil
	})
}

func (d *driver) CompleteMultipartUpload(ctx context.Context, in storage.CompleteMultipartUpload) (storage.Object, error) {
	if err := d.known(in.Bucket, in.Name); err != nil {
		return storage.Object{}, err
	}
	return in.Complete(ctx, d, func(whole string) error {
		parts := make([]completed, len(in.Parts))
		for i, p := range in.Parts {
			parts[i] = completed{PartNumber: p.Number, ETag: `"` + p.ETag + `"`, ChecksumCRC32C: written(p.Checksums["crc32c"])}
		}
		header := map[string]string{}
		if whole != "" {
			header["x-amz-checksum-crc32c"], header["x-amz-checksum-type"] = written(whole), "FULL_OBJECT"
		}
		if in.IfAbsent {
			header["if-none-match"] = "*"
		}
		_, _, err := d.complete(in.Bucket, in.Name, in.Upload, parts, header)
		return err
	}, func(err error) bool { return isCode(err, "PreconditionFailed") })
}

func (d *driver) AbortMultipartUpload(_ context.Context, in storage.AbortMultipartUpload) error {
	if err := d.known(in.Bucket, in.Name); err != nil {
		return err
	}
	_, err := d.do(request{method: "DELETE", bucket: in.Bucket, name: in.Name, query: url.Values{"uploadId": {in.Upload}}}, nil)
	return err
}

func (d *driver) ListMultipartUploads(ctx context.Context, in storage.ListMultipartUploads) iter.Seq2[storage.Upload, error] {
	return op.Pages(ctx, func(_ context.Context, cursor string) ([]storage.Upload, string, error) {
		if err := d.knownBucket(in.Bucket); err != nil {
			return nil, "", err
		}
		after, err := url.ParseQuery(cursor)
		if err != nil {
			return nil, "", op.Errorf(op.InvalidArgument, "%q is not a cursor of this list", cursor)
		}
		query := d.listing("max-uploads", map[string]string{"encoding-type": "url", "prefix": in.Prefix, "key-marker": after.Get("name"), "upload-id-marker": after.Get("id")})
		query.Set("uploads", "")
		var out struct {
			EncodingType                      string
			IsTruncated                       bool
			NextKeyMarker, NextUploadIdMarker string
			Upload                            []struct {
				Key, UploadId string
				Initiated     time.Time
			}
		}
		if _, err := d.do(request{method: "GET", bucket: in.Bucket, query: query}, &out); err != nil {
			return nil, "", err
		}
		decode := decoder(out.EncodingType)
		uploads := make([]storage.Upload, 0, len(out.Upload))
		for _, u := range out.Upload {
			upload := uploadOf(in.Bucket, decode(u.Key), u.UploadId)
			upload.CreatedAt = u.Initiated
			if strings.HasPrefix(upload.Name, in.Prefix) {
				uploads = append(uploads, upload)
			}
		}
		if !out.IsTruncated {
			return uploads, "", nil
		}
		return uploads, url.Values{"name": {decode(out.NextKeyMarker)}, "id": {out.NextUploadIdMarker}}.Encode(), nil
	})
}
