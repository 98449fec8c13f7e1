package openstack

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// ReadObject reads an object, or a range of it. The whole is compared with the MD5
// that is its ETag; of a large object, each segment with its own.
func (d *swiftDriver) ReadObject(ctx context.Context, in storage.ReadObject) (storage.Download, error) {
	if err := knownObject(in.Bucket, in.Name); err != nil {
		return storage.Download{}, err
	}
	if in.Offset < 0 || in.Length < 0 {
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d and length %d: neither can be negative", in.Offset, in.Length)
	}
	headers := map[string]string{}
	if in.IfETag != "" {
		headers["If-Match"] = strconv.Quote(in.IfETag)
	}
	whole := in.Offset == 0 && in.Length == 0
	if !whole {
		headers["Range"] = storage.ByteRange(in.Offset, in.Length)
	}
	get := swiftRequest{method: http.MethodGet, container: in.Bucket, object: in.Name, headers: headers, ok: []int{200, 206}}
	resp, err := d.do(ctx, get)
	if status(err) == http.StatusRequestedRangeNotSatisfiable && in.Offset == 0 { // the object is empty
		delete(headers, "Range")
		resp, err = d.do(ctx, get)
	}
	if status(err) == http.StatusRequestedRangeNotSatisfiable {
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d is beyond the end of %s: %w", in.Offset, in.Name, err)
	}
	if err != nil {
		return storage.Download{}, about(err, "object", in.Name)
	}
	o := objectOf(in.Bucket, in.Name, resp.Header)
	body := &storage.Checked{ReadCloser: resp.Body, Context: ctx, Name: in.Name, Left: o.Size}
	if _, total, ok := strings.Cut(resp.Header.Get("Content-Range"), "/"); ok {
		if n, err := strconv.ParseInt(total, 10, 64); err == nil {
			o.Size = n
		}
	}
	if in.Offset > 0 && in.Offset >= o.Size {
		resp.Body.Close()
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d is beyond the %d bytes of %s", in.Offset, o.Size, in.Name)
	}
	if !whole {
		return storage.Download{Object: o, Body: body}, nil
	}
	if sum := o.Checksums["md5"]; sum != "" {
		body.Sum, body.Want, body.Kind = md5.New(), sum, "MD5"
	} else if isLarge(resp.Header) {
		entries, err := d.readManifest(ctx, in.Bucket, in.Name, resp.Header)
		if err != nil {
			resp.Body.Close()
			return storage.Download{}, about(err, "object", in.Name)
		}
		if plainSegments(entries, o) {
			body.ReadCloser = &segmented{ReadCloser: resp.Body, name: in.Name, left: entries, sum: md5.New()}
		}
	}
	return storage.Download{Object: o, Body: body}, nil
}

// plainSegments reports whether a manifest is that of the object which is being
// read, as far as can be told, and says the MD5 of all that it is made of.
func plainSegments(entries []entry, o storage.Object) bool {
	var all []segment
	var size int64
	nested := false
	for _, e := range entries {
		if e.Range != "" || len(e.Hash) != 32 {
			return false
		}
		all = append(all, segment{ETag: e.Hash})
		size += e.Bytes
		nested = nested || e.nested
	}
	return size == o.Size && (nested || composite(all) == o.ETag)
}

// segmented is a large object's body, each segment of which is compared with its MD5.
type segmented struct {
	io.ReadCloser
	name string
	left []entry
	done int64 // of the first that is left
	sum  hash.Hash
}

func (b *segmented) Read(p []byte) (int, error) {
	if len(b.left) > 0 {
		p = p[:min(int64(len(p)), b.left[0].Bytes-b.done)]
	}
	n, err := b.ReadCloser.Read(p)
	b.sum.Write(p[:n])
	b.done += int64(n)
	if len(b.left) > 0 && b.done == b.left[0].Bytes {
		if e := b.left[0]; hex.EncodeToString(b.sum.Sum(nil)) != e.Hash {
			return n, op.Errorf(op.Internal, "%s: the body is damaged: the MD5 of its segment %s is not %s", b.name, e.Name, e.Hash)
		}
		b.left, b.done = b.left[1:], 0
		b.sum.Reset()
	}
	return n, err
}
