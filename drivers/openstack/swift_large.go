package openstack

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A large object is a manifest, which names the objects that it is made of. They
// are in a container of their own beside the bucket:
//
//	bucket_segments/.segments/ID/00000001   a segment
//	bucket_segments/.uploads/ID             what the object is to be, until it is
//
// ID is an upload's.
const (
	segmentsSuffix = "_segments"
	segmentsOf     = ".segments/"
	uploadsOf      = ".uploads/"
	mark           = "X-Container-Meta-Cloudlark"     // what says that a container of segments is ours
	uploadHeader   = "X-Object-Meta-Cloudlark-Upload" // whose segments a large object has

	inFlight   = 4       // segments of one object that are sent at a time
	maxSegment = 5 << 30 // Swift's limits
	inManifest = 1000    // segments in a manifest; more are in manifests of their own
	maxParts   = 100_000
)

// partSize is the size of segment i of a body of unknown length.
func partSize(i int) int64 { return 8 << 20 << (i / 10_000) }

// A segment is an entry of a manifest.
type segment struct {
	Path string `json:"path"` // /container/object
	ETag string `json:"etag,omitempty"`
	Size int64  `json:"size_bytes,omitempty"`
}

func segmentName(id string, number int) string {
	return fmt.Sprintf("%s%s/%08d", segmentsOf, id, number)
}

// ensureSegments makes the container of a bucket's segments, unless it is there.
func (d *swiftDriver) ensureSegments(ctx context.Context, bucket string) error {
	if there, ok := d.segments.Load(bucket); ok && there.(bool) {
		return nil
	}
	h, err := d.head(ctx, swiftRequest{method: http.MethodHead, container: bucket})
	if err != nil {
		return about(err, "container", bucket)
	}
	if len(bucket+segmentsSuffix) > 256 {
		return op.Errorf(op.InvalidArgument, "%s: the container of its segments would have too long a name", bucket)
	}
	headers := map[string]string{mark: "segments"}
	if p := h.Get("X-Storage-Policy"); p != "" {
		headers["X-Storage-Policy"] = p
	}
	if _, err := d.head(ctx, swiftRequest{method: http.MethodPut, container: bucket + segmentsSuffix, headers: headers}); err != nil {
		return err
	}
	d.segments.Store(bucket, true)
	return nil
}

// hasSegments reports whether a bucket may have large objects of this driver or of
// Swift's own client, which both keep segments beside it. It asks once.
func (d *swiftDriver) hasSegments(ctx context.Context, bucket string) (bool, error) {
	if there, ok := d.segments.Load(bucket); ok {
		return there.(bool), nil
	}
	_, err := d.head(ctx, swiftRequest{method: http.MethodHead, container: bucket + segmentsSuffix})
	if err != nil && op.KindOf(err) != op.NotFound {
		return false, err
	}
	d.segments.Store(bucket, err == nil)
	return err == nil, nil
}

// dropSegments deletes the container of the segments of a bucket that is gone, if
// it is this driver's and empty.
func (d *swiftDriver) dropSegments(ctx context.Context, bucket string) error {
	h, err := d.head(ctx, swiftRequest{method: http.MethodHead, container: bucket + segmentsSuffix})
	if err == nil && h.Get(mark) != "" {
		_, err = d.head(ctx, swiftRequest{method: http.MethodDelete, container: bucket + segmentsSuffix})
	}
	if k := op.KindOf(err); k == op.NotFound || k == op.Conflict {
		return nil
	}
	return err
}

// putManifest makes the object of its segments. Where there are more than a
// manifest holds, they are put into manifests first, and those into one.
func (d *swiftDriver) putManifest(ctx context.Context, bucket, name, id string, headers map[string]string, segments []segment) (http.Header, error) {
	for level := 1; len(segments) > d.inManifest; level++ {
		var above []segment
		for i, some := range slices.Collect(slices.Chunk(segments, d.inManifest)) {
			object := fmt.Sprintf("%s%s/manifest-%d-%08d", segmentsOf, id, level, i+1)
			if _, err := d.manifest(ctx, bucket+segmentsSuffix, object, nil, some); err != nil {
				return nil, err
			}
			whole := segment{Path: "/" + bucket + segmentsSuffix + "/" + object, ETag: composite(some)}
			for _, s := range some {
				whole.Size += s.Size
			}
			above = append(above, whole)
		}
		segments = above
	}
	headers = maps.Clone(headers)
	headers[uploadHeader] = id
	return d.manifest(ctx, bucket, name, headers, segments)
}

func (d *swiftDriver) manifest(ctx context.Context, container, object string, headers map[string]string, segments []segment) (http.Header, error) {
	text, err := json.Marshal(segments)
	if err != nil {
		return nil, op.Errorf(op.Internal, "%w", err)
	}
	var h http.Header
	err = op.Again(ctx, headers["If-None-Match"] == "", func() (err error) {
		h, err = d.head(ctx, swiftRequest{method: http.MethodPut, container: container, object: object, query: url.Values{"multipart-manifest": {"put"}}, headers: headers, body: bytes.NewReader(text)})
		return err
	})
	return h, err
}

// composite is the ETag of a large object: the MD5 of its segments'.
func composite(segments []segment) string {
	sum := md5.New()
	for _, s := range segments {
		fmt.Fprint(sum, s.ETag)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// entry is a segment as a manifest that is read shows it.
type entry struct {
	Name  string `json:"name"` // /container/object
	Hash  string `json:"hash"`
	Bytes int64  `json:"bytes"`
	Range string `json:"range"`
	Sub   bool   `json:"sub_slo"`

	nested bool // of a manifest that is in another
}

// readManifest is what a large object is made of; nothing where that is not told:
// Ceph's gateway answers with nothing. Then it is what there is of its upload.
func (d *swiftDriver) readManifest(ctx context.Context, container, object string, h http.Header) ([]entry, error) {
	var entries []entry
	_, err := d.read(ctx, swiftRequest{method: http.MethodGet, container: container, object: object, query: url.Values{"multipart-manifest": {"get"}}}, &entries)
	id := h.Get(uploadHeader)
	if err != nil || len(entries) > 0 || !uploadName.MatchString(id) {
		return d.flat(ctx, entries, err)
	}
	items, err := d.listAll(ctx, container+segmentsSuffix, segmentsOf+id+"/")
	for _, i := range items {
		if _, ok := partOf(id, i); ok {
			entries = append(entries, entry{Name: "/" + container + segmentsSuffix + "/" + i.Name, Hash: i.Hash, Bytes: i.Bytes})
		}
	}
	return entries, err
}

// flat are the entries of a manifest with those of the manifests in it in their places.
func (d *swiftDriver) flat(ctx context.Context, entries []entry, err error) ([]entry, error) {
	var all []entry
	for _, e := range entries {
		if !e.Sub || e.Range != "" {
			all = append(all, e)
			continue
		}
		container, object, _ := strings.Cut(strings.TrimPrefix(e.Name, "/"), "/")
		inner, err := d.readManifest(ctx, container, object, nil)
		if err != nil {
			return nil, err
		}
		for _, i := range inner {
			i.nested = true
			all = append(all, i)
		}
	}
	return all, err
}

// listAll is all that a container has below a prefix.
func (d *swiftDriver) listAll(ctx context.Context, container, prefix string) (all []listed, err error) {
	for marker := ""; ; {
		items, next, err := d.list(ctx, container, prefix, "", marker)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if marker = next; marker == "" {
			return all, nil
		}
	}
}

func isLarge(h http.Header) bool { return strings.EqualFold(h.Get("X-Static-Large-Object"), "true") }

// replaced returns what is to be done when an object has been written over: of a
// large one, the segments are to go too.
func (d *swiftDriver) replaced(ctx context.Context, bucket, name string) (tidy func(context.Context), err error) {
	none := func(context.Context) {}
	if may, err := d.hasSegments(ctx, bucket); err != nil || !may {
		return none, err
	}
	h, err := d.head(ctx, swiftRequest{method: http.MethodHead, container: bucket, object: name})
	if op.KindOf(err) == op.NotFound || err == nil && !isLarge(h) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	// The new object is there when these are called: what is left is only untidy.
	if id := h.Get(uploadHeader); uploadName.MatchString(id) {
		return func(ctx context.Context) { _ = d.discard(ctx, bucket, id) }, nil
	}
	entries, err := d.readManifest(ctx, bucket, name, h)
	if err != nil {
		return none, err
	}
	var old []string
	for _, e := range entries {
		old = append(old, e.Name)
	}
	return func(ctx context.Context) { _ = d.remove(ctx, old) }, nil
}

// deleteLarge deletes a large object with its segments.
func (d *swiftDriver) deleteLarge(ctx context.Context, bucket, name string, h http.Header) error {
	id := h.Get(uploadHeader)
	if !uploadName.MatchString(id) { // somebody else's
		_, err := d.head(ctx, swiftRequest{method: http.MethodDelete, container: bucket, object: name, query: url.Values{"multipart-manifest": {"delete"}}})
		return err
	}
	// First the manifest: an object without all of its segments cannot be read.
	if _, err := d.head(ctx, swiftRequest{method: http.MethodDelete, container: bucket, object: name}); err != nil {
		return err
	}
	return d.discard(ctx, bucket, id)
}

// remove deletes objects by their paths, also when the caller has given up. Those
// that are not there are gone.
func (d *swiftDriver) remove(ctx context.Context, paths []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, path := range paths {
		container, object, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		g.Go(func() error {
			_, err := d.head(ctx, swiftRequest{method: http.MethodDelete, container: container, object: object})
			if op.KindOf(err) == op.NotFound {
				return nil
			}
			return err
		})
	}
	return g.Wait()
}

// discard deletes an upload's record and its segments, or those that are not among
// the kept.
func (d *swiftDriver) discard(ctx context.Context, bucket, id string, kept ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	container := bucket + segmentsSuffix
	items, err := d.listAll(ctx, container, segmentsOf+id+"/")
	if err != nil {
		return err
	}
	var paths []string
	for _, i := range items {
		if !slices.Contains(kept, i.Name) {
			paths = append(paths, container+"/"+i.Name)
		}
	}
	if err := d.remove(ctx, paths); err != nil {
		return err
	}
	return d.remove(ctx, []string{container + "/" + uploadsOf + id})
}
