package openstack

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"iter"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// A record says what an upload is to be.
type record struct {
	Name    string            `json:"name"`
	Headers map[string]string `json:"headers"`
	Begun   time.Time         `json:"begun"`
}

func newUpload() string { return strings.ToLower(rand.Text()) }

// uploadName is what newUpload gives. Nothing else becomes a path.
var uploadName = regexp.MustCompile(`^[a-z2-7]{26}$`)

// begin writes down what an object is to be, so that segments without one are found.
func (d *swiftDriver) begin(ctx context.Context, bucket, name string, headers map[string]string) (id string, err error) {
	if err := d.ensureSegments(ctx, bucket); err != nil {
		return "", err
	}
	id = newUpload()
	text, err := json.Marshal(record{Name: name, Headers: headers, Begun: time.Now().UTC()})
	if err != nil {
		return "", op.Errorf(op.Internal, "%w", err)
	}
	_, err = d.head(ctx, swiftRequest{method: http.MethodPut, container: bucket + segmentsSuffix, object: uploadsOf + id, headers: map[string]string{"Content-Type": "application/json"}, body: bytes.NewReader(text)})
	if op.KindOf(err) == op.NotFound { // the container was deleted meanwhile
		d.segments.Delete(bucket)
	}
	return id, err
}

func (d *swiftDriver) record(ctx context.Context, bucket, id string) (r record, err error) {
	_, err = d.read(ctx, swiftRequest{method: http.MethodGet, container: bucket + segmentsSuffix, object: uploadsOf + id}, &r)
	return r, err
}

// find looks an upload up.
func (d *swiftDriver) find(ctx context.Context, bucket, name, id string) (record, error) {
	if err := knownObject(bucket, name); err != nil {
		return record{}, err
	}
	missing := op.Errorf(op.NotFound, "container %s has no upload %.80q of %q: it was completed or aborted, or never begun", bucket, id, name)
	if !uploadName.MatchString(id) {
		return record{}, missing
	}
	r, err := d.record(ctx, bucket, id)
	if op.KindOf(err) == op.NotFound || err == nil && r.Name != name {
		d.uploads.Delete(id)
		return r, missing
	}
	if err == nil {
		d.uploads.Store(id, true)
	}
	return r, err
}

func uploadOf(bucket, id string, r record) storage.Upload {
	return storage.Upload{Bucket: bucket, Name: r.Name, ID: id, MinPartSize: 1, MaxPartSize: maxSegment, MaxParts: maxParts, CreatedAt: r.Begun}
}

func (d *swiftDriver) CreateMultipartUpload(ctx context.Context, in storage.CreateMultipartUpload) (storage.Upload, error) {
	if err := knownObject(in.Bucket, in.Name); err != nil {
		return storage.Upload{}, err
	}
	headers, err := headersOf(in.ContentType, in.StorageClass, in.Metadata, in.Extra)
	if err != nil {
		return storage.Upload{}, err
	}
	id, err := d.begin(ctx, in.Bucket, in.Name, headers)
	if err != nil {
		return storage.Upload{}, err
	}
	d.uploads.Store(id, true)
	return uploadOf(in.Bucket, id, record{Name: in.Name, Begun: time.Now()}), nil
}

func (d *swiftDriver) UploadPart(ctx context.Context, in storage.UploadPart) (storage.Part, error) {
	if in.Number < 1 || in.Number > maxParts {
		return storage.Part{}, op.Errorf(op.InvalidArgument, "number is %d: there are parts 1 to %d", in.Number, maxParts)
	}
	if _, ok := d.uploads.Load(in.Upload); !ok {
		if _, err := d.find(ctx, in.Bucket, in.Name, in.Upload); err != nil {
			return storage.Part{}, err
		}
	}
	sum := md5.New()
	body, err := storage.SumBody(ctx, in.Body, in.Size, maxSegment, sum)
	if err != nil {
		return storage.Part{}, err
	}
	part := storage.Part{Upload: in.Upload, Number: in.Number, Size: body.Size, ETag: hex.EncodeToString(sum.Sum(nil)), LastModified: time.Now()}
	part.Checksums = map[string]string{"md5": part.ETag}
	_, err = d.sendAgain(ctx, true, in.Bucket+segmentsSuffix, segmentName(in.Upload, in.Number), map[string]string{"Etag": part.ETag}, body)
	return part, err
}

func (d *swiftDriver) ListParts(ctx context.Context, in storage.ListParts) iter.Seq2[storage.Part, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Part, string, error) {
		if cursor == "" {
			if _, err := d.find(ctx, in.Bucket, in.Name, in.Upload); err != nil {
				return nil, "", err
			}
		}
		items, next, err := d.list(ctx, in.Bucket+segmentsSuffix, segmentsOf+in.Upload+"/", "", cursor)
		if err != nil {
			return nil, "", err
		}
		var parts []storage.Part
		for _, i := range items {
			if p, ok := partOf(in.Upload, i); ok {
				parts = append(parts, p)
			}
		}
		return parts, next, nil
	})
}

func partOf(id string, l listed) (storage.Part, bool) {
	n, err := strconv.Atoi(l.Name[strings.LastIndexByte(l.Name, '/')+1:])
	return storage.Part{Upload: id, Number: n, Size: l.Bytes, ETag: l.Hash, Checksums: map[string]string{"md5": l.Hash}, LastModified: l.modified()}, err == nil
}

func (d *swiftDriver) CompleteMultipartUpload(ctx context.Context, in storage.CompleteMultipartUpload) (storage.Object, error) {
	r, err := d.find(ctx, in.Bucket, in.Name, in.Upload)
	if err != nil {
		return storage.Object{}, err
	}
	if len(in.Parts) == 0 {
		return storage.Object{}, op.Errorf(op.InvalidArgument, "%q: an upload is completed of one part at least", in.Name)
	}
	if err := d.check(ctx, in); err != nil {
		return storage.Object{}, err
	}
	segments := make([]segment, len(in.Parts))
	used := make([]string, len(in.Parts))
	for i, p := range in.Parts {
		if p.Number != i+1 {
			return storage.Object{}, op.Errorf(op.InvalidArgument, "%q: parts are given from number 1 without gaps, and part %d is given as the %d.", in.Name, p.Number, i+1)
		}
		used[i] = segmentName(in.Upload, p.Number)
		segments[i] = segment{Path: "/" + in.Bucket + segmentsSuffix + "/" + used[i], ETag: p.ETag, Size: p.Size}
	}
	if want := in.Checksums["md5"]; len(segments) == 1 && want != "" && want != segments[0].ETag {
		return storage.Object{}, op.Errorf(op.Internal, "the part of %q is not what it should be: its MD5 is %s, not %s", in.Name, segments[0].ETag, want)
	}
	if in.IfAbsent {
		r.Headers["If-None-Match"] = "*"
		if err := d.absent(ctx, in.Bucket, in.Name); err != nil {
			return storage.Object{}, err
		}
	}
	tidy, err := d.replaced(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	if len(segments) == 1 && segments[0].Size == 0 { // which no manifest may have
		used = nil
		_, err = d.putWhole(ctx, in.Bucket, in.Name, r.Headers, bytes.NewReader(nil), md5.New().Sum(nil))
	} else {
		_, err = d.putManifest(ctx, in.Bucket, in.Name, in.Upload, r.Headers, segments)
	}
	switch {
	case in.IfAbsent && status(err) == http.StatusPreconditionFailed:
		return storage.Object{}, op.Errorf(op.AlreadyExists, "the object %s exists already: %w", in.Name, err)
	case status(err) == http.StatusBadRequest:
		return storage.Object{}, op.Errorf(op.InvalidArgument, "%q: a part is not there as it is given: %w", in.Name, err)
	case err != nil:
		return storage.Object{}, err
	}
	d.uploads.Delete(in.Upload)
	tidy(ctx)
	_ = d.discard(ctx, in.Bucket, in.Upload, used...) // the object is there: what is left is only untidy
	return d.GetObject(ctx, storage.GetObject{Bucket: in.Bucket, Name: in.Name})
}

// check looks whether the parts are there as they are given. Swift does too, and
// Ceph's gateway does not. A list may lag behind, an object does not.
func (d *swiftDriver) check(ctx context.Context, in storage.CompleteMultipartUpload) error {
	items, err := d.listAll(ctx, in.Bucket+segmentsSuffix, segmentsOf+in.Upload+"/")
	if err != nil {
		return err
	}
	there := map[string]listed{}
	for _, i := range items {
		there[i.Name] = i
	}
	for _, p := range in.Parts {
		object := segmentName(in.Upload, p.Number)
		if i := there[object]; i.Hash == p.ETag && i.Bytes == p.Size {
			continue
		}
		h, err := d.head(ctx, swiftRequest{method: http.MethodHead, container: in.Bucket + segmentsSuffix, object: object})
		if op.KindOf(err) == op.NotFound || err == nil && strings.Trim(h.Get("Etag"), `"`) != p.ETag {
			return op.Errorf(op.InvalidArgument, "%q: part %d is not there as it is given", in.Name, p.Number)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *swiftDriver) AbortMultipartUpload(ctx context.Context, in storage.AbortMultipartUpload) error {
	if _, err := d.find(ctx, in.Bucket, in.Name, in.Upload); err != nil {
		return err
	}
	d.uploads.Delete(in.Upload)
	return d.discard(ctx, in.Bucket, in.Upload)
}

// ListMultipartUploads reads the records, each of which says what its upload is of.
func (d *swiftDriver) ListMultipartUploads(ctx context.Context, in storage.ListMultipartUploads) iter.Seq2[storage.Upload, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Upload, string, error) {
		if cursor == "" {
			if _, err := d.GetBucket(ctx, storage.GetBucket{Bucket: in.Bucket}); err != nil {
				return nil, "", err
			}
		}
		items, next, err := d.list(ctx, in.Bucket+segmentsSuffix, uploadsOf, "", cursor)
		if op.KindOf(err) == op.NotFound {
			return nil, "", nil // there has been none
		}
		if err != nil {
			return nil, "", err
		}
		all := make([]*storage.Upload, len(items))
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(8)
		for i, item := range items {
			g.Go(func() error {
				id := strings.TrimPrefix(item.Name, uploadsOf)
				r, err := d.record(ctx, in.Bucket, id)
				if op.KindOf(err) == op.NotFound {
					return nil // it was completed meanwhile
				}
				if err == nil && strings.HasPrefix(r.Name, in.Prefix) {
					u := uploadOf(in.Bucket, id, r)
					all[i] = &u
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, "", err
		}
		var uploads []storage.Upload
		for _, u := range all {
			if u != nil {
				uploads = append(uploads, *u)
			}
		}
		return uploads, next, nil
	})
}
