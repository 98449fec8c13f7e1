package s3compat

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

// known answers for names that cannot be a bucket's or an object's.
func (d *driver) known(bucket, name string) error {
	if err := d.knownBucket(bucket); err != nil {
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

func (d *driver) ListObjects(ctx context.Context, in storage.ListObjects) iter.Seq2[storage.Object, error] {
	return op.Pages(ctx, func(_ context.Context, cursor string) ([]storage.Object, string, error) {
		if err := d.knownBucket(in.Bucket); err != nil {
			return nil, "", err
		}
		// XML has no way to write some names; URL encoding has one for all.
		query := d.listing("max-keys", map[string]string{"list-type": "2", "encoding-type": "url", "prefix": in.Prefix, "delimiter": in.Delimiter, "continuation-token": cursor})
		var out struct {
			EncodingType          string
			NextContinuationToken string
			Contents              []struct {
				Key, ETag, StorageClass string
				Size                    int64
				LastModified            time.Time
			}
			CommonPrefixes []struct{ Prefix string }
		}
		if _, err := d.do(request{method: "GET", bucket: in.Bucket, query: query}, &out); err != nil {
			return nil, "", err
		}
		decode := decoder(out.EncodingType)
		objects := make([]storage.Object, 0, len(out.Contents)+len(out.CommonPrefixes))
		for _, o := range out.Contents {
			objects = append(objects, storage.Object{Bucket: in.Bucket, Name: decode(o.Key), Size: o.Size, ETag: unquote(o.ETag),
				StorageClass: o.StorageClass, LastModified: o.LastModified})
		}
		for _, p := range out.CommonPrefixes {
			objects = append(objects, storage.Object{Bucket: in.Bucket, Name: decode(p.Prefix), IsPrefix: true})
		}
		slices.SortStableFunc(objects, func(a, b storage.Object) int { return strings.Compare(a.Name, b.Name) })
		return objects, out.NextContinuationToken, nil
	})
}

// listing is the query of a page, of as many items as pages have here.
func (d *driver) listing(most string, values map[string]string) url.Values {
	query := url.Values{}
	for name, value := range values {
		if value != "" {
			query.Set(name, value)
		}
	}
	if d.pageSize > 0 {
		query.Set(most, strconv.Itoa(d.pageSize))
	}
	return query
}

// decoder takes names as an answer has them.
func decoder(encoding string) func(string) string {
	return func(s string) string {
		if name, err := url.QueryUnescape(s); err == nil && encoding == "url" {
			return name
		}
		return s
	}
}

func unquote(etag string) string { return strings.Trim(etag, `"`) }

func (d *driver) head(bucket, name string) (abi.Head, error) {
	if err := d.known(bucket, name); err != nil {
		return abi.Head{}, err
	}
	head, err := d.do(request{method: "HEAD", bucket: bucket, name: name, header: map[string]string{"x-amz-checksum-mode": "ENABLED"}}, nil)
	if err != nil {
		return abi.Head{}, named(err, "object", name)
	}
	return head, nil
}

func (d *driver) GetObject(_ context.Context, in storage.GetObject) (storage.Object, error) {
	head, err := d.head(in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	return objectOf(in.Bucket, in.Name, head.Length, head.Headers), nil
}

const metadataPrefix = "x-amz-meta-"

// objectOf is the object that an answer's headers tell of.
func objectOf(bucket, name string, size int64, h map[string]string) storage.Object {
	o := storage.Object{Bucket: bucket, Name: name, Size: max(0, size), ContentType: h["content-type"], ETag: unquote(h["etag"]), Metadata: map[string]string{},
		StorageClass: h["x-amz-storage-class"], LastModified: httpTime(h["last-modified"]), Checksums: checksums(h), Extra: map[string]any{}}
	if sum, ok := md5Of(o.ETag, h); ok {
		o.Checksums["md5"] = sum
	}
	if o.StorageClass == "" {
		o.StorageClass = "STANDARD" // S3 leaves out the default
	}
	for k, v := range h {
		if name, ok := strings.CutPrefix(k, metadataPrefix); ok {
			o.Metadata[name] = v
		}
	}
	o.Metadata = storage.DecodeMetadata(o.Metadata)
	for k, header := range map[string]string{"CacheControl": "cache-control", "ContentDisposition": "content-disposition", "ContentEncoding": "content-encoding",
		"ContentLanguage": "content-language", "ServerSideEncryption": "x-amz-server-side-encryption", "VersionId": "x-amz-version-id"} {
		if v := h[header]; v != "" {
			o.Extra[k] = v
		}
	}
	return o
}

// sums are the checksums that S3 keeps, the cheapest first.
var sums = []string{"crc32c", "crc64nvme", "crc32", "sha256", "sha1"}

// checksums are those of the whole body, in hex. A composite one is of the
// checksums of an upload's parts.
func checksums(h map[string]string) map[string]string {
	m := map[string]string{}
	for _, name := range sums {
		sum := h["x-amz-checksum-"+name]
		if sum == "" || h["x-amz-checksum-type"] == "COMPOSITE" || strings.Contains(sum, "-") {
			continue
		}
		if b, err := base64.StdEncoding.DecodeString(sum); err == nil {
			m[name] = hex.EncodeToString(b)
		}
	}
	return m
}

// md5Of is the MD5 that an ETag is, if it is one: not of uploads in parts, nor
// under keys other than S3's own.
func md5Of(etag string, h map[string]string) (string, bool) {
	b, err := hex.DecodeString(etag)
	encryption := h["x-amz-server-side-encryption"]
	return strings.ToLower(etag), err == nil && len(b) == 16 && (encryption == "" || encryption == "AES256") && h["x-amz-server-side-encryption-customer-algorithm"] == ""
}

// encodeMetadata makes headers of metadata; names become lower case.
func encodeMetadata(m map[string]string) (map[string]string, error) {
	encoded, err := storage.EncodeMetadata(m, "!#$%&'*+-.^_`|~")
	headers := make(map[string]string, len(encoded))
	for name, v := range encoded {
		headers[metadataPrefix+name] = v
	}
	return headers, err
}

func (d *driver) DeleteObject(_ context.Context, in storage.DeleteObject) error {
	if err := d.known(in.Bucket, in.Name); err != nil {
		return err
	}
	_, err := d.do(request{method: "DELETE", bucket: in.Bucket, name: in.Name}, nil)
	return err
}

type deletion struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Delete"`
	Quiet   bool
	Object  []deletedObject
}

type deletedObject struct{ Key string }

func (d *driver) DeleteObjects(ctx context.Context, in storage.DeleteObjects) (storage.Deleted, error) {
	if err := d.knownBucket(in.Bucket); err != nil {
		return storage.Deleted{}, err
	}
	result := storage.Deleted{Failed: []storage.DeletionFailed{}}
	refuse := func(name string, kind op.Kind, message string) {
		result.Failed = append(result.Failed, storage.DeletionFailed{Name: name, Kind: kind, Message: message})
	}
	var batched []deletedObject
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
			batched = append(batched, deletedObject{name})
		}
	}
	for batch := range slices.Chunk(batched, 1000) {
		body, err := xml.Marshal(deletion{Quiet: true, Object: batch})
		if err != nil {
			return result, err
		}
		sum := md5.Sum(body) // which S3 asks for, or another checksum
		var out struct {
			Error []struct{ Key, Code, Message string }
		}
		if _, err := d.do(request{method: "POST", bucket: in.Bucket, query: url.Values{"delete": {""}}, body: body,
			header: map[string]string{"content-type": "application/xml", "content-md5": base64.StdEncoding.EncodeToString(sum[:])}}, &out); err != nil {
			return result, err
		}
		for _, e := range out.Error {
			switch kind := kindOfCode(e.Code); kind {
			case op.NotFound:
			case "":
				refuse(e.Key, op.Internal, e.Message)
			default:
				refuse(e.Key, kind, e.Message)
			}
		}
	}
	result.Count = len(in.Names) - len(result.Failed)
	return result, nil
}

// notXML reports what an XML document cannot hold, or not unchanged.
func notXML(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffe || r == 0xffff }

func (d *driver) PresignObject(_ context.Context, in storage.PresignObject) (storage.URL, error) {
	if err := d.known(in.Bucket, in.Name); err != nil {
		return storage.URL{}, err
	}
	const week = 7 * 24 * 3600
	if in.Expires < 1 || in.Expires > week {
		return storage.URL{}, op.Errorf(op.InvalidArgument, "expires is %d s: S3 allows 1 s to 7 days", in.Expires)
	}
	p := abi.Presign{Method: "GET", URL: d.address(in.Bucket, in.Name, nil), Auth: credential, ExpiresMS: int64(in.Expires) * 1000}
	if in.Method == storage.Put {
		p.Method = "PUT"
		if in.ContentType != "" {
			p.Headers = map[string]string{"Content-Type": in.ContentType}
		}
	}
	expires := time.Now().Add(time.Duration(in.Expires) * time.Second)
	signed, err := sdk.Presign(p)
	if err != nil {
		return storage.URL{}, err
	}
	return storage.URL{URL: signed.URL, Method: in.Method, Headers: signed.Headers, ExpiresAt: expires}, nil
}

func (d *driver) GetObjectURL(_ context.Context, in storage.GetObjectURL) (storage.URL, error) {
	if err := d.known(in.Bucket, in.Name); err != nil {
		return storage.URL{}, err
	}
	return storage.URL{URL: d.address(in.Bucket, in.Name, nil), Method: storage.Get, Headers: map[string]string{}}, nil
}
