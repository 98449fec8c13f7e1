package openstack

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// objectExtra is what put_object takes beyond the contract.
type objectExtra struct {
	ContentDisposition string `json:"content_disposition,omitzero" help:"The header Content-Disposition."`
	ContentEncoding    string `json:"content_encoding,omitzero" help:"The header Content-Encoding."`
	CacheControl       string `json:"cache_control,omitzero" help:"The header Cache-Control, where the cluster keeps it."`
	DeleteAfter        int    `json:"delete_after,omitzero" unit:"s" help:"Have it deleted after this time."`
}

// headersOf are the headers that an object is written with.
func headersOf(contentType, class string, metadata map[string]string, extra map[string]any) (map[string]string, error) {
	x, err := op.Extra[objectExtra](extra)
	if err != nil {
		return nil, err
	}
	if class != "" {
		return nil, op.Errorf(op.InvalidArgument, "storage_class: Swift has storage policies, which are a container's: create_bucket takes one in extra")
	}
	headers := map[string]string{"Content-Type": cmp.Or(contentType, "application/octet-stream")}
	for name, value := range map[string]string{"Content-Disposition": x.ContentDisposition, "Content-Encoding": x.ContentEncoding, "Cache-Control": x.CacheControl} {
		if value != "" {
			headers[name] = value
		}
	}
	if x.DeleteAfter > 0 {
		headers["X-Delete-At"] = strconv.FormatInt(time.Now().Add(time.Duration(x.DeleteAfter)*time.Second).Unix(), 10)
	}
	return headers, withMetadata(headers, "X-Object-Meta-", metadata)
}

// PutObject sends what fits into one segment, or can be read twice, in one request, with
// its MD5, and more in segments, each with its own, that a manifest makes one object when all are there.
func (d *swiftDriver) PutObject(ctx context.Context, in storage.PutObject) (storage.Object, error) {
	if err := knownObject(in.Bucket, in.Name); err != nil {
		return storage.Object{}, err
	}
	if in.Size != nil && *in.Size < 0 {
		return storage.Object{}, op.Errorf(op.InvalidArgument, "size is %d: it cannot be negative", *in.Size)
	}
	headers, err := headersOf(in.ContentType, in.StorageClass, in.Metadata, in.Extra)
	if err != nil {
		return storage.Object{}, err
	}
	if in.IfAbsent {
		headers["If-None-Match"] = "*"
		if err := d.absent(ctx, in.Bucket, in.Name); err != nil {
			return storage.Object{}, err
		}
	}
	sum := md5.New()
	whole, atOnce, err := in.Twice(ctx, sum)
	if err != nil {
		return storage.Object{}, err
	}
	body := &storage.Parts{Body: in.Body, Size: in.Size, Part: d.partSize, Read: whole.Size}
	if in.Size != nil {
		body.Part = func(int) int64 { return max(d.partSize(0), (*in.Size+maxParts-1)/maxParts) }
	}
	var first []byte
	if !atOnce {
		if first, err = body.Next(ctx, 0, nil); err != nil {
			return storage.Object{}, err
		}
		if atOnce = int64(len(first)) < body.Part(0); atOnce {
			sum.Write(first)
			whole.ReadSeeker = bytes.NewReader(first)
		}
	}
	tidy, err := d.replaced(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	var h http.Header
	if atOnce {
		h, err = d.putWhole(ctx, in.Bucket, in.Name, headers, whole, sum.Sum(nil))
	} else {
		h, err = d.putSegments(ctx, in.Bucket, in.Name, headers, body, first)
	}
	if in.IfAbsent && status(err) == http.StatusPreconditionFailed {
		return storage.Object{}, op.Errorf(op.AlreadyExists, "the object %s exists already: %w", in.Name, err)
	}
	if err != nil {
		return storage.Object{}, about(err, "container", in.Bucket)
	}
	tidy(ctx)
	said := http.Header{}
	for name, value := range headers {
		said.Set(name, value)
	}
	said.Set("Content-Length", strconv.FormatInt(body.Read, 10))
	said.Set("Etag", h.Get("Etag"))
	said.Set("Last-Modified", cmp.Or(h.Get("Last-Modified"), h.Get("Date")))
	if !atOnce {
		said.Set("X-Static-Large-Object", "True")
	}
	return objectOf(in.Bucket, in.Name, said), nil
}

// absent looks whether there is no such object yet: Ceph's gateway heeds no
// condition, and Swift only while it writes.
func (d *swiftDriver) absent(ctx context.Context, bucket, name string) error {
	_, err := d.head(ctx, swiftRequest{method: http.MethodHead, container: bucket, object: name})
	switch {
	case err == nil:
		return op.Errorf(op.AlreadyExists, "the object %s exists already", name)
	case op.KindOf(err) == op.NotFound:
		return nil
	}
	return err
}

func (d *swiftDriver) putWhole(ctx context.Context, bucket, name string, headers map[string]string, body io.ReadSeeker, sum []byte) (http.Header, error) {
	headers["Etag"] = hex.EncodeToString(sum)
	defer delete(headers, "Etag")
	return d.sendAgain(ctx, headers["If-None-Match"] == "", bucket, name, headers, body)
}

// sendAgain is send, repeated where it may be.
func (d *swiftDriver) sendAgain(ctx context.Context, repeatable bool, bucket, name string, headers map[string]string, r io.ReadSeeker) (http.Header, error) {
	body, err := storage.Rewindable(r)
	if err != nil {
		return nil, err
	}
	var h http.Header
	err = op.Again(ctx, repeatable, func() (err error) {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return op.Errorf(op.Internal, "reading the body again: %w", err)
		}
		h, err = d.send(ctx, bucket, name, headers, body)
		return err
	})
	return h, err
}

// send writes an object that is not large. headers have its MD5, and Swift refuses
// another body.
func (d *swiftDriver) send(ctx context.Context, bucket, name string, headers map[string]string, body io.Reader) (http.Header, error) {
	h, err := d.head(ctx, swiftRequest{method: http.MethodPut, container: bucket, object: name, headers: headers, body: body})
	if status(err) == http.StatusUnprocessableEntity {
		return nil, op.Errorf(op.Internal, "%s was damaged on its way: its MD5 is not %s there", name, headers["Etag"])
	}
	if err != nil {
		return nil, err
	}
	if etag := strings.Trim(h.Get("Etag"), `"`); etag != "" && headers["Etag"] != "" && etag != headers["Etag"] {
		return nil, op.Errorf(op.Internal, "%s was damaged on its way: its MD5 is %s there, %s here", name, etag, headers["Etag"])
	}
	return h, nil
}

func (d *swiftDriver) putSegments(ctx context.Context, bucket, name string, headers map[string]string, body *storage.Parts, first []byte) (_ http.Header, err error) {
	id, err := d.begin(ctx, bucket, name, headers)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = d.discard(ctx, bucket, id) // the caller hears why it failed; this would hide it
		}
	}()
	var mu sync.Mutex
	sent := map[int]segment{}
	// A segment that is on its way arrives, also when another has failed: Swift would keep
	// one whose request is cut off at its end, after it was looked for.
	count, err := body.Send(ctx, first, inFlight, func(_ context.Context, i int, b []byte) error {
		if i >= maxParts {
			return op.Errorf(op.InvalidArgument, "the body is too large: give its size, for larger ones")
		}
		sum := md5.Sum(b)
		s := segment{Path: "/" + bucket + segmentsSuffix + "/" + segmentName(id, i+1), ETag: hex.EncodeToString(sum[:]), Size: int64(len(b))}
		_, err := d.sendAgain(ctx, true, bucket+segmentsSuffix, segmentName(id, i+1), map[string]string{"Etag": s.ETag}, bytes.NewReader(b))
		mu.Lock()
		defer mu.Unlock()
		sent[i] = s
		return err
	})
	if err != nil {
		return nil, err
	}
	segments := make([]segment, count)
	for i := range segments {
		segments[i] = sent[i]
	}
	h, err := d.putManifest(ctx, bucket, name, id, headers, segments)
	if err != nil {
		return nil, err
	}
	_ = d.remove(ctx, []string{bucket + segmentsSuffix + "/" + uploadsOf + id}) // the object is there: the record is only untidy
	return h, nil
}
