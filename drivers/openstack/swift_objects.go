package openstack

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// knownObject answers for names that cannot be a container's or an object's.
func knownObject(bucket, name string) error {
	if err := knownContainer(bucket); err != nil {
		return err
	}
	return possible(name)
}

func possible(name string) error {
	if name == "" || len(name) > 1024 || !utf8.ValidString(name) || strings.Contains(name, "\x00") {
		return op.Errorf(op.InvalidArgument, "%.80q cannot be an object's name: it needs 1 to 1024 bytes of UTF-8 without a NUL", name)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "." || segment == ".." {
			return op.Errorf(op.InvalidArgument, "%.80q cannot be an object's name: a proxy on the way may take the dots in the path for folders", name)
		}
	}
	return nil
}

func (d *swiftDriver) ListObjects(ctx context.Context, in storage.ListObjects) iter.Seq2[storage.Object, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Object, string, error) {
		if err := knownContainer(in.Bucket); err != nil {
			return nil, "", err
		}
		items, next, err := d.list(ctx, in.Bucket, in.Prefix, in.Delimiter, cursor)
		if err != nil {
			return nil, "", about(err, "container", in.Bucket)
		}
		objects := make([]storage.Object, len(items))
		for i, l := range items {
			if l.Subdir != "" {
				objects[i] = storage.Object{Bucket: in.Bucket, Name: l.Subdir, IsPrefix: true}
				continue
			}
			objects[i] = storage.Object{Bucket: in.Bucket, Name: l.Name, Size: l.Bytes, ContentType: typeOf(l.ContentType), ETag: strings.Trim(cmp.Or(l.SLOETag, l.Hash), `"`), LastModified: l.modified()}
		}
		return objects, next, nil
	})
}

// typeOf is a content type in its common form: lists have it without blanks.
func typeOf(s string) string {
	t, parameters, err := mime.ParseMediaType(s)
	if err != nil {
		return s
	}
	return cmp.Or(mime.FormatMediaType(t, parameters), s)
}

// objectOf is an object as the headers of an answer have it.
func objectOf(bucket, name string, h http.Header) storage.Object {
	o := storage.Object{Bucket: bucket, Name: name, ContentType: h.Get("Content-Type"), ETag: strings.Trim(h.Get("Etag"), `"`), Checksums: map[string]string{}, Metadata: map[string]string{},
		LastModified: epoch(h.Get("X-Timestamp")), Extra: map[string]any{}}
	o.Size, _ = strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if t, err := http.ParseTime(h.Get("Last-Modified")); err == nil && o.LastModified.IsZero() {
		o.LastModified = t
	}
	if b, err := hex.DecodeString(o.ETag); err == nil && len(b) == 16 && !isLarge(h) && h.Get("X-Object-Manifest") == "" {
		o.Checksums["md5"] = o.ETag
	}
	for k := range h {
		if name, ok := strings.CutPrefix(strings.ToLower(k), "x-object-meta-"); ok && k != uploadHeader && name != "static-large-object" { // which Ceph says twice
			o.Metadata[name] = h.Get(k)
		}
	}
	o.Metadata = storage.DecodeMetadata(o.Metadata)
	for field, header := range map[string]string{"content_encoding": "Content-Encoding", "content_disposition": "Content-Disposition", "delete_at": "X-Delete-At",
		"static_large_object": "X-Static-Large-Object", "object_manifest": "X-Object-Manifest", "version_id": "X-Object-Version-Id", "symlink_target": "X-Symlink-Target"} {
		if v := h.Get(header); v != "" {
			o.Extra[field] = v
		}
	}
	return o
}

func (d *swiftDriver) look(ctx context.Context, bucket, name string) (http.Header, error) {
	if err := knownObject(bucket, name); err != nil {
		return nil, err
	}
	h, err := d.head(ctx, swiftRequest{method: http.MethodHead, container: bucket, object: name})
	return h, about(err, "object", name)
}

func (d *swiftDriver) GetObject(ctx context.Context, in storage.GetObject) (storage.Object, error) {
	h, err := d.look(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	return objectOf(in.Bucket, in.Name, h), nil
}

// kept are the headers of an object that a request which replaces any replaces all of.
func kept(h http.Header) map[string]string {
	headers := map[string]string{}
	for _, name := range []string{"Content-Encoding", "Content-Disposition", "X-Delete-At", "Cache-Control", "Content-Language", "Expires", uploadHeader} {
		if v := h.Get(name); v != "" {
			headers[name] = v
		}
	}
	return headers
}

// CopyObject has Swift copy, a large object segment by segment.
func (d *swiftDriver) CopyObject(ctx context.Context, in storage.CopyObject) (storage.Object, error) {
	bucket, name := cmp.Or(in.ToBucket, in.Bucket), cmp.Or(in.ToName, in.Name)
	if err := knownObject(bucket, name); err != nil {
		return storage.Object{}, err
	}
	h, err := d.look(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	from := objectOf(in.Bucket, in.Name, h)
	if bucket == in.Bucket && name == in.Name {
		if in.Metadata == nil {
			return from, nil
		}
		return d.UpdateObject(ctx, storage.UpdateObject{Bucket: bucket, Name: name, Metadata: in.Metadata})
	}
	metadata := from.Metadata
	if in.Metadata != nil {
		metadata = in.Metadata
	}
	headers := kept(h)
	delete(headers, uploadHeader) // the copy has no segments, or its own
	headers["Content-Type"] = from.ContentType
	if err := withMetadata(headers, "X-Object-Meta-", metadata); err != nil {
		return storage.Object{}, err
	}
	tidy, err := d.replaced(ctx, bucket, name)
	if err != nil {
		return storage.Object{}, err
	}
	if isLarge(h) {
		err = d.copySegments(ctx, from, h, bucket, name, headers)
	} else {
		headers["X-Copy-From"], headers["X-Fresh-Metadata"] = pathOf(in.Bucket, in.Name), "true"
		_, err = d.head(ctx, swiftRequest{method: http.MethodPut, container: bucket, object: name, headers: headers})
	}
	if err != nil {
		return storage.Object{}, about(err, "container", bucket)
	}
	tidy(ctx)
	return d.GetObject(ctx, storage.GetObject{Bucket: bucket, Name: name})
}

func (d *swiftDriver) copySegments(ctx context.Context, from storage.Object, h http.Header, bucket, name string, headers map[string]string) (err error) {
	entries, err := d.readManifest(ctx, from.Bucket, from.Name, h)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return op.Errorf(op.Unsupported, "the cluster does not tell what %s is made of: read it, and write it again", from.Name)
	}
	if err := d.ensureSegments(ctx, bucket); err != nil {
		return err
	}
	id := newUpload()
	defer func() {
		if err != nil {
			_ = d.discard(ctx, bucket, id) // the caller hears why it failed
		}
	}()
	segments := make([]segment, len(entries))
	g, copying := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for i, e := range entries {
		if e.Range != "" {
			return op.Errorf(op.Unsupported, "%s has a segment of which it is only a range: read it, and write it again", from.Name)
		}
		object := segmentName(id, i+1)
		segments[i] = segment{Path: "/" + bucket + segmentsSuffix + "/" + object, ETag: e.Hash, Size: e.Bytes}
		container, source, _ := strings.Cut(strings.TrimPrefix(e.Name, "/"), "/")
		g.Go(func() error {
			return op.Again(copying, true, func() error {
				_, err := d.head(copying, swiftRequest{method: http.MethodPut, container: bucket + segmentsSuffix, object: object, headers: map[string]string{"X-Copy-From": pathOf(container, source)}})
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	_, err = d.putManifest(ctx, bucket, name, id, headers, segments)
	return err
}

func (d *swiftDriver) UpdateObject(ctx context.Context, in storage.UpdateObject) (storage.Object, error) {
	h, err := d.look(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	headers := kept(h)
	headers["Content-Type"] = cmp.Or(in.ContentType, h.Get("Content-Type"))
	if err := withMetadata(headers, "X-Object-Meta-", in.Metadata); err != nil {
		return storage.Object{}, err
	}
	if _, err := d.head(ctx, swiftRequest{method: http.MethodPost, container: in.Bucket, object: in.Name, headers: headers}); err != nil {
		return storage.Object{}, about(err, "object", in.Name)
	}
	return d.GetObject(ctx, storage.GetObject{Bucket: in.Bucket, Name: in.Name})
}

// DeleteObject deletes a large object with its segments.
func (d *swiftDriver) DeleteObject(ctx context.Context, in storage.DeleteObject) error {
	if err := knownObject(in.Bucket, in.Name); err != nil {
		return err
	}
	may, err := d.hasSegments(ctx, in.Bucket)
	if err != nil {
		return err
	}
	if may {
		h, err := d.look(ctx, in.Bucket, in.Name)
		if err != nil {
			return err
		}
		if isLarge(h) {
			return about(d.deleteLarge(ctx, in.Bucket, in.Name, h), "object", in.Name)
		}
	}
	_, err = d.head(ctx, swiftRequest{method: http.MethodDelete, container: in.Bucket, object: in.Name})
	return about(err, "object", in.Name)
}

const (
	bulk     = 1000 // how many names are deleted in one request
	longPath = 2000 // and how long a path can be there: what Swift says is less than what a name can need
)

// DeleteObjects deletes many objects in one request, where the cluster can do that
// and none can have segments, else several at a time.
func (d *swiftDriver) DeleteObjects(ctx context.Context, in storage.DeleteObjects) (storage.Deleted, error) {
	result := storage.Deleted{Failed: []storage.DeletionFailed{}}
	if _, err := d.GetBucket(ctx, storage.GetBucket{Bucket: in.Bucket}); err != nil {
		return result, err
	}
	may, err := d.hasSegments(ctx, in.Bucket)
	if err != nil {
		return result, err
	}
	refuse := func(name string, err error) {
		result.Failed = append(result.Failed, storage.DeletionFailed{Name: name, Kind: op.KindOf(err), Message: op.AsError(err).Message})
	}
	var names []string
	for _, name := range in.Names {
		if err := possible(name); err != nil {
			refuse(name, err)
			continue
		}
		names = append(names, name)
	}
	for some := range slices.Chunk(names, bulk) {
		failures, err := map[string]error{}, error(op.Unsupported)
		if !may {
			failures, err = d.deleteBulk(ctx, in.Bucket, some)
		}
		if op.KindOf(err) == op.Unsupported {
			failures, err = d.deleteEach(ctx, in.Bucket, some)
		}
		if err != nil {
			return result, err
		}
		for _, name := range some {
			if err := failures[name]; err != nil {
				refuse(name, err)
			}
		}
	}
	result.Count = len(in.Names) - len(result.Failed)
	return result, nil
}

// deleteBulk is the request for many; an unsupported error says that the cluster
// does not have it.
func (d *swiftDriver) deleteBulk(ctx context.Context, bucket string, names []string) (map[string]error, error) {
	var body strings.Builder
	byPath, long := map[string]string{}, []string{}
	for _, name := range names {
		path := pathOf(bucket, name)
		if len(path) > longPath {
			long = append(long, name)
			continue
		}
		byPath[path] = name
		byPath["/"+bucket+"/"+name] = name
		body.WriteString(path + "\n")
	}
	failures, err := d.deleteEach(ctx, bucket, long)
	if err != nil || len(long) == len(names) {
		return failures, err
	}
	resp, err := d.do(ctx, swiftRequest{method: http.MethodPost, query: url.Values{"bulk-delete": {""}}, headers: map[string]string{"Content-Type": "text/plain", "Accept": "application/json"},
		body: strings.NewReader(body.String())})
	if s := status(err); s == http.StatusNotFound || s == http.StatusBadRequest || s == http.StatusPreconditionFailed || s == http.StatusMethodNotAllowed || s == http.StatusNotImplemented {
		return nil, op.Unsupported
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Errors   [][2]string `json:"Errors"`
		Status   string      `json:"Response Status"`
		Body     string      `json:"Response Body"`
		Deleted  int         `json:"Number Deleted"`
		NotFound int         `json:"Number Not Found"`
	}
	text, err := io.ReadAll(resp.Body) // which begins with blanks, while the cluster is at work
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		return nil, op.Unsupported // the answer of a cluster that has taken it for another request
	}
	refused := 0
	for _, e := range answer.Errors {
		code, _ := strconv.Atoi(strings.Fields(e[1] + " 0")[0])
		if code == http.StatusNotFound {
			continue
		}
		name, ok := byPath[e[0]]
		if decoded, err := url.PathUnescape(e[0]); !ok && err == nil {
			name, ok = byPath[decoded]
		}
		if ok {
			failures[name] = op.Errorf(kindOf(code, "", e[1]), "%s", e[1])
			refused++
		}
	}
	if answer.Deleted+answer.NotFound+refused < len(names)-len(long) {
		if code, _ := strconv.Atoi(strings.Fields(answer.Status + " 0")[0]); code >= 400 && refused == 0 {
			return nil, op.Errorf(kindOf(code, "", answer.Body), "deleting many: %s: %s", answer.Status, answer.Body)
		}
		return nil, op.Unsupported // some are not accounted for: one by one tells
	}
	return failures, nil
}

func (d *swiftDriver) deleteEach(ctx context.Context, bucket string, names []string) (map[string]error, error) {
	var mu sync.Mutex
	failures := map[string]error{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, name := range names {
		g.Go(func() error {
			err := d.DeleteObject(ctx, storage.DeleteObject{Bucket: bucket, Name: name})
			if err == nil || op.KindOf(err) == op.NotFound {
				return nil
			}
			if ctx.Err() != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			failures[name] = err
			return nil
		})
	}
	return failures, g.Wait()
}
