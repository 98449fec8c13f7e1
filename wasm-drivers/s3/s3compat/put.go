package s3compat

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"maps"
	"net/url"
	"strconv"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

const (
	inFlight = 4        // parts of one upload that are sent at a time
	maxParts = 10_000   // S3's limit
	maxPart  = 64 << 20 // what a host holds as one stream
	// A call has 1,000 requests unless the user allows more; parts are as large
	// as they must be to make do with this many.
	fewParts = 900
	// What an upload holds at a time: a host allows 256 MiB in all.
	maxHeld = 256 << 20
)

// partSize is the size of part i, counted from 0, of a body of unknown length.
// Doubling leads to tens of gigabytes within a call's requests, and no body of
// up to 1.6 GiB costs the host more memory than five times 8 MiB.
func partSize(i int) int64 { return 8 << 20 << min(i/200, 3) }

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
	*driver
	in       storage.PutObject
	extra    objectExtra
	metadata map[string]string // as headers
	body     *sdk.Stream
	read     int64  // how much of the body
	crc      string // of what was read, as S3 writes it
}

// A part is bytes of the body that the host holds.
type part struct {
	*sdk.Stream
	size int64
	crc  string // as S3 writes it
}

// written is a checksum as S3 writes it; empty where there is none.
func written(sum string) string {
	b, _ := hex.DecodeString(sum)
	return base64.StdEncoding.EncodeToString(b)
}

func (d *driver) PutObject(_ context.Context, in storage.PutObject) (storage.Object, error) {
	if err := d.known(in.Bucket, in.Name); err != nil {
		return storage.Object{}, err
	}
	if in.Size != nil && *in.Size < 0 {
		return storage.Object{}, op.Errorf(op.InvalidArgument, "size is %d: it cannot be negative", *in.Size)
	}
	u, err := d.newUpload(in)
	if err != nil {
		return storage.Object{}, err
	}
	var ok bool
	if u.body, ok = sdk.StreamOf(in.Body); !ok {
		return storage.Object{}, op.Errorf(op.Internal, "the body is no stream of the host's")
	}
	first, err := u.take(0)
	if err != nil {
		return storage.Object{}, err
	}
	var o storage.Object
	if first.size < u.size(0) {
		o, err = u.single(first)
	} else {
		o, err = u.multipart(first)
	}
	if in.IfAbsent && isCode(err, "PreconditionFailed") {
		return o, op.Errorf(op.AlreadyExists, "the object %s exists already: %w", in.Name, err)
	}
	return o, err
}

// newUpload is an upload as far as it is not its body.
func (d *driver) newUpload(in storage.PutObject) (u *upload, err error) {
	if in.ContentType == "" {
		in.ContentType = "application/octet-stream"
	}
	u = &upload{driver: d, in: in}
	if u.extra, err = extraOf[objectExtra](in.Extra); err != nil {
		return nil, err
	}
	u.metadata, err = encodeMetadata(in.Metadata)
	return u, err
}

// size is how much part i holds at most.
func (u *upload) size(i int) int64 {
	whole := u.body.Length()
	if u.in.Size != nil {
		whole = *u.in.Size
	}
	if whole >= 0 {
		return min(max(u.partSize(0), (whole+fewParts-1)/fewParts), maxPart)
	}
	return u.partSize(i)
}

// take takes part i of the body. A short one is the last.
func (u *upload) take(i int) (part, error) {
	s, err := u.body.Take(u.size(i))
	if err != nil {
		return part{}, err
	}
	info, err := s.Info()
	if err != nil {
		return part{}, err
	}
	u.read += info.Length
	if u.in.Size != nil && (u.read > *u.in.Size || info.Length < u.size(i) && u.read < *u.in.Size) {
		return part{}, op.Errorf(op.InvalidArgument, "the body is not of the size given: it has %d bytes or more, not %d", u.read, *u.in.Size)
	}
	return part{s, info.Length, written(info.CRC32C)}, nil
}

// headers are what the request that makes the object says of it, and more.
func (u *upload) headers(more map[string]string) map[string]string {
	tags := url.Values{}
	for k, v := range u.extra.Tags {
		tags.Set(k, v)
	}
	h := map[string]string{"content-type": u.in.ContentType, "x-amz-storage-class": u.in.StorageClass, "x-amz-acl": u.extra.ACL,
		"cache-control": u.extra.CacheControl, "content-disposition": u.extra.ContentDisposition, "content-encoding": u.extra.ContentEncoding,
		"content-language": u.extra.ContentLanguage, "x-amz-server-side-encryption": u.extra.Encryption,
		"x-amz-server-side-encryption-aws-kms-key-id": u.extra.KMSKey, "x-amz-tagging": tags.Encode()}
	maps.Copy(h, u.metadata)
	maps.Copy(h, more)
	return h
}

func (u *upload) ifNoneMatch() string {
	if u.in.IfAbsent {
		return "*"
	}
	return ""
}

func (u *upload) single(p part) (storage.Object, error) {
	u.crc = p.crc
	head, err := u.do(request{method: "PUT", bucket: u.in.Bucket, name: u.in.Name, stream: p.Stream, repeatable: !u.in.IfAbsent,
		header: u.headers(map[string]string{"x-amz-checksum-crc32c": u.crc, "if-none-match": u.ifNoneMatch()})}, nil)
	if err != nil {
		return storage.Object{}, err
	}
	return u.object(head, head.Headers["etag"], head.Headers["x-amz-checksum-crc32c"], head.Headers["x-amz-checksum-type"])
}

// object is what was written, as the answer says. An answer with another
// checksum is of another body.
func (u *upload) object(answer abi.Head, etag, crc, kind string) (storage.Object, error) {
	h := maps.Clone(u.metadata)
	maps.Copy(h, map[string]string{"etag": etag, "x-amz-checksum-crc32c": crc, "x-amz-checksum-type": kind, "content-type": u.in.ContentType,
		"x-amz-storage-class": u.in.StorageClass, "last-modified": answer.Headers["date"]})
	for _, name := range []string{"x-amz-server-side-encryption", "x-amz-version-id"} {
		h[name] = answer.Headers[name]
	}
	o := objectOf(u.in.Bucket, u.in.Name, u.read, h)
	if o.Checksums["crc32c"] != "" && crc != u.crc {
		return storage.Object{}, op.Errorf(op.Internal, "%s was damaged on its way: its CRC32C is %s there, %s here", u.in.Name, crc, u.crc)
	}
	return o, nil
}

// A completed is a part that the store has.
type completed struct {
	ETag              string
	PartNumber        int
	ChecksumCRC32     string `xml:",omitempty"`
	ChecksumCRC32C    string `xml:",omitempty"`
	ChecksumCRC64NVME string `xml:",omitempty"`
	ChecksumSHA1      string `xml:",omitempty"`
	ChecksumSHA256    string `xml:",omitempty"`
}

// multipart sends the body in parts, which are nothing until they are
// completed, and deletes them if they never will be.
func (u *upload) multipart(first part) (_ storage.Object, err error) {
	id, err := u.create(u.in.Bucket, u.in.Name, u.headers(inParts))
	if err != nil {
		return storage.Object{}, err
	}
	defer func() {
		if err != nil {
			u.abort(u.in.Bucket, u.in.Name, id)
		}
	}()
	parts, err := u.parts(id, first)
	if err != nil {
		return storage.Object{}, err
	}
	info, err := u.body.Info()
	if err != nil {
		return storage.Object{}, err
	}
	u.crc = written(info.CRC32C)
	out, head, err := u.complete(u.in.Bucket, u.in.Name, id, parts,
		map[string]string{"x-amz-checksum-crc32c": u.crc, "x-amz-checksum-type": "FULL_OBJECT", "if-none-match": u.ifNoneMatch()})
	if err != nil {
		return storage.Object{}, err
	}
	return u.object(head, out.ETag, out.ChecksumCRC32C, out.ChecksumType)
}

// sending is a part on its way.
type sending struct {
	*sdk.Pending
	part
}

// parts takes the body and sends its parts, a few at a time.
func (u *upload) parts(id string, p part) (parts []completed, err error) {
	var under []sending
	defer func() {
		for _, s := range under { // an upload that has failed
			s.Cancel()
			s.Close()
		}
	}()
	var held int64
	wait := func() error { // for the oldest
		s := under[0]
		under = under[1:]
		head, err := finish(s.Pending, nil)
		s.Close()
		held -= s.size
		parts[len(parts)-len(under)-1].ETag = head.Headers["etag"]
		return err
	}
	for i := 0; ; i++ {
		if i == maxParts {
			return nil, op.Errorf(op.InvalidArgument, "the body is too large: S3 takes %d parts, of %d MiB each here", maxParts, maxPart>>20)
		}
		if len(under) == inFlight {
			if err := wait(); err != nil {
				return nil, err
			}
		}
		pending, err := u.begin(request{method: "PUT", bucket: u.in.Bucket, name: u.in.Name, query: url.Values{"partNumber": {strconv.Itoa(i + 1)}, "uploadId": {id}},
			header: map[string]string{"x-amz-checksum-crc32c": p.crc}, stream: p.Stream, repeatable: true})
		if err != nil {
			return nil, err
		}
		parts = append(parts, completed{PartNumber: i + 1, ChecksumCRC32C: p.crc})
		under = append(under, sending{pending, p})
		held += p.size
		if p.size < u.size(i) {
			break
		}
		for held+u.size(i+1) > maxHeld {
			if err := wait(); err != nil {
				return nil, err
			}
		}
		// One more than are sent, so that it is at hand when one of those is there.
		if p, err = u.take(i + 1); err != nil {
			return nil, err
		}
		if p.size == 0 {
			break
		}
	}
	for len(under) > 0 {
		if err := wait(); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// create begins an upload in parts and returns its id.
func (d *driver) create(bucket, name string, header map[string]string) (string, error) {
	var out struct {
		UploadID string `xml:"UploadId"`
	}
	_, err := d.do(request{method: "POST", bucket: bucket, name: name, query: url.Values{"uploads": {""}}, header: header}, &out)
	if err == nil && out.UploadID == "" {
		err = op.Errorf(op.Internal, "the store began an upload that has no id")
	}
	return out.UploadID, err
}

type result struct{ ETag, ChecksumCRC32C, ChecksumType string }

// complete makes the object of its parts.
func (d *driver) complete(bucket, name, id string, parts []completed, header map[string]string) (result, abi.Head, error) {
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUpload"`
		Part    []completed
	}{Part: parts})
	if err != nil {
		return result{}, abi.Head{}, err
	}
	if header == nil {
		header = map[string]string{}
	}
	header["content-type"] = "application/xml"
	var out result
	head, err := d.do(request{method: "POST", bucket: bucket, name: name, query: url.Values{"uploadId": {id}}, body: body, header: header}, &out)
	return out, head, err
}

// abort deletes the parts of an upload that failed. It failed for a reason that
// the caller hears; one of this request would hide it.
func (d *driver) abort(bucket, name, id string) {
	if _, err := d.do(request{method: "DELETE", bucket: bucket, name: name, query: url.Values{"uploadId": {id}}, cleanup: true}, nil); err != nil {
		sdk.Logger().Warn("the parts of an upload that failed could not be deleted", "bucket", bucket, "object", name, "upload", id, "error", err.Error())
	}
}
