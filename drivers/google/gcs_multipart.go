package google

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/api/googleapi"
	gcs "google.golang.org/api/storage/v1"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// Of Google's ways to write an object in parts, only composing can be told to
// replace nothing (the XML API's multipart uploads take no preconditions), and
// only it and they can be resumed by another process and take parts in any order.
// A part is an object until the upload is completed:
//
//	.cloudlark/uploads/ID        what the object will be; its metadata have the name, for lists
//	.cloudlark/parts/ID/00007    part 7; its etag is the generation
//
// Lists leave them out, as a folder's own files are no objects.
const (
	own        = ".cloudlark/"
	uploadsDir = own + "uploads/"
	partsDir   = own + "parts/"

	maxParts    = 10_000
	maxPart     = 5 << 40
	composeMost = 32 // objects that Google composes at once
)

// uploadID is what CreateMultipartUpload gives as an id.
var uploadID = regexp.MustCompile(`^[A-Z2-7]{26,}$`)

// An uploadRecord is what the object will be.
type uploadRecord struct {
	Name         string            `json:"name"`
	ContentType  string            `json:"content_type"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	StorageClass string            `json:"storage_class,omitempty"`
	Extra        objectExtra       `json:"extra"`
}

func partName(upload string, number int) string {
	return fmt.Sprintf("%s%s/%05d", partsDir, upload, number)
}

func (d *gcsDriver) CreateMultipartUpload(ctx context.Context, in storage.CreateMultipartUpload) (storage.Upload, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.Upload{}, err
	}
	extra, err := op.Extra[objectExtra](in.Extra)
	if err != nil {
		return storage.Upload{}, err
	}
	record, err := json.Marshal(uploadRecord{in.Name, cmp.Or(in.ContentType, "application/octet-stream"), lower(in.Metadata), in.StorageClass, extra})
	if err != nil {
		return storage.Upload{}, op.Errorf(op.Internal, "%w", err)
	}
	id := rand.Text()
	body, err := storage.SumBody(ctx, strings.NewReader(string(record)), nil, maxPart)
	if err != nil {
		return storage.Upload{}, err
	}
	made, err := d.insert(ctx, in.Bucket, &gcs.Object{Name: uploadsDir + id, ContentType: "application/json", Metadata: map[string]string{"name": in.Name}}, body, false)
	if err != nil {
		return storage.Upload{}, err
	}
	return uploadOf(in.Bucket, made), nil
}

func uploadOf(bucket string, record *gcs.Object) storage.Upload {
	return storage.Upload{Bucket: bucket, Name: record.Metadata["name"], ID: strings.TrimPrefix(record.Name, uploadsDir),
		MinPartSize: 1, MaxPartSize: maxPart, MaxParts: maxParts, CreatedAt: when(record.TimeCreated)}
}

// insert writes an object in one request, which Google refuses if it is damaged.
func (d *gcsDriver) insert(ctx context.Context, bucket string, o *gcs.Object, body storage.SummedBody, ifAbsent bool) (*gcs.Object, error) {
	o.Crc32c = base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, body.CRC32C))
	call := d.api.Objects.Insert(bucket, o).Context(ctx).WithRetry(nil, func(error) bool { return false }).
		Media(struct{ io.Reader }{body}, googleapi.ContentType(cmp.Or(o.ContentType, "application/octet-stream")), googleapi.ChunkSize(0))
	if ifAbsent {
		call.IfGenerationMatch(0)
	}
	made, err := call.Do()
	if err != nil {
		return nil, failed(err)
	}
	if made.Crc32c != o.Crc32c {
		return nil, op.Errorf(op.Internal, "%s: the body was damaged on its way: its CRC32C is %s, and %s was sent", o.Name, made.Crc32c, o.Crc32c)
	}
	return made, nil
}

// upload looks an upload up.
func (d *gcsDriver) upload(ctx context.Context, bucket, name, id string) (*gcs.Object, error) {
	if err := known(bucket, name); err != nil {
		return nil, err
	}
	missing := op.Errorf(op.NotFound, "there is no upload %q of %q: it was completed or aborted, or never begun", id, name)
	if !uploadID.MatchString(id) {
		return nil, missing
	}
	record, err := do(d.api.Objects.Get(bucket, uploadsDir+id).Context(ctx))
	if err != nil {
		return nil, err
	}
	if record.Metadata["name"] != name {
		return nil, missing
	}
	return record, nil
}

func (d *gcsDriver) UploadPart(ctx context.Context, in storage.UploadPart) (storage.Part, error) {
	if in.Number < 1 || in.Number > maxParts {
		return storage.Part{}, op.Errorf(op.InvalidArgument, "number is %d: there are parts 1 to %d", in.Number, maxParts)
	}
	if _, err := d.upload(ctx, in.Bucket, in.Name, in.Upload); err != nil {
		return storage.Part{}, err
	}
	body, err := storage.SumBody(ctx, in.Body, in.Size, maxPart)
	if err != nil {
		return storage.Part{}, err
	}
	made, err := d.insert(ctx, in.Bucket, &gcs.Object{Name: partName(in.Upload, in.Number)}, body, false)
	if err != nil {
		return storage.Part{}, err
	}
	return partOf(in.Upload, in.Number, made), nil
}

func partOf(upload string, number int, o *gcs.Object) storage.Part {
	v := objectOf(o)
	return storage.Part{Upload: upload, Number: number, Size: v.Size, ETag: v.ETag, Checksums: v.Checksums, LastModified: v.LastModified}
}

func (d *gcsDriver) ListParts(ctx context.Context, in storage.ListParts) iter.Seq2[storage.Part, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Part, string, error) {
		if cursor == "" {
			if _, err := d.upload(ctx, in.Bucket, in.Name, in.Upload); err != nil {
				return nil, "", err
			}
		}
		out, err := do(d.api.Objects.List(in.Bucket).Prefix(partsDir + in.Upload + "/").MaxResults(d.page(1000)).PageToken(cursor).Context(ctx))
		if err != nil {
			return nil, "", err
		}
		parts := []storage.Part{}
		for _, o := range out.Items {
			// What is no number is composed of parts: see join.
			if number, err := strconv.Atoi(strings.TrimPrefix(o.Name, partsDir+in.Upload+"/")); err == nil {
				parts = append(parts, partOf(in.Upload, number, o))
			}
		}
		return parts, out.NextPageToken, nil
	})
}

func (d *gcsDriver) CompleteMultipartUpload(ctx context.Context, in storage.CompleteMultipartUpload) (storage.Object, error) {
	record, err := d.upload(ctx, in.Bucket, in.Name, in.Upload)
	if err != nil {
		return storage.Object{}, err
	}
	r, err := d.readRecord(ctx, in.Bucket, record)
	if err != nil {
		return storage.Object{}, err
	}
	want, err := d.check(ctx, in)
	if err != nil {
		return storage.Object{}, err
	}
	names := make([]string, len(in.Parts))
	for i, p := range in.Parts {
		names[i] = partName(in.Upload, p.Number)
	}
	to := &gcs.Object{Name: in.Name, ContentType: r.ContentType, Metadata: r.Metadata, StorageClass: r.StorageClass, CacheControl: r.Extra.CacheControl,
		ContentDisposition: r.Extra.ContentDisposition, ContentEncoding: r.Extra.ContentEncoding, ContentLanguage: r.Extra.ContentLanguage}
	made, err := d.join(ctx, in.Bucket, in.Upload, names, to, in.IfAbsent)
	if err != nil {
		return storage.Object{}, taken(err, in.IfAbsent, in.Name)
	}
	if made.Crc32c != want {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err := op.Errorf(op.Internal, "%s was damaged when its parts were joined: its CRC32C is %s, not %s", in.Name, made.Crc32c, want)
		return storage.Object{}, errors.Join(err, done(d.api.Objects.Delete(in.Bucket, in.Name).Generation(made.Generation).Context(undo)))
	}
	// The object is there. What cannot be removed now is still a listed upload.
	_ = d.discard(ctx, in.Bucket, in.Upload)
	return objectOf(made), nil
}

func (d *gcsDriver) readRecord(ctx context.Context, bucket string, record *gcs.Object) (r uploadRecord, err error) {
	download, err := d.read(ctx, storage.ReadObject{Bucket: bucket, Name: record.Name}, record)
	if err != nil {
		return r, err
	}
	defer download.Body.Close()
	if err = json.NewDecoder(download.Body).Decode(&r); err != nil {
		return r, op.Errorf(op.Internal, "%s cannot be read: %w", record.Name, err)
	}
	return r, nil
}

// check compares the parts given with those that are there, and returns the
// checksum of them all.
func (d *gcsDriver) check(ctx context.Context, in storage.CompleteMultipartUpload) (sum string, err error) {
	there := map[int]storage.Part{}
	for p, err := range d.ListParts(ctx, storage.ListParts{Bucket: in.Bucket, Name: in.Name, Upload: in.Upload}) {
		if err != nil {
			return "", err
		}
		there[p.Number] = p
	}
	var crc uint32
	for i, p := range in.Parts {
		have, ok := there[p.Number]
		if p.Number != i+1 || !ok || have.ETag != p.ETag {
			return "", op.Errorf(op.InvalidArgument, "part %d of %q is not there as it is given: parts are given as they were written, from number 1 without gaps", p.Number, in.Name)
		}
		b, err := hex.DecodeString(have.Checksums["crc32c"])
		if err != nil || len(b) != 4 {
			return "", op.Errorf(op.Internal, "part %d of %q has no CRC32C", p.Number, in.Name)
		}
		crc = storage.CombineCRC32C(crc, binary.BigEndian.Uint32(b), have.Size)
	}
	if len(in.Parts) == 0 {
		return "", op.Errorf(op.InvalidArgument, "%s: an upload is completed of one part at least", in.Name)
	}
	b := binary.BigEndian.AppendUint32(nil, crc)
	if given := in.Checksums["crc32c"]; given != "" && given != hex.EncodeToString(b) {
		return "", op.Errorf(op.Internal, "the parts of %s are not what it should be: their CRC32C is %x, not %s", in.Name, b, given)
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// join composes objects, in several steps where they are more than Google takes in one.
func (d *gcsDriver) join(ctx context.Context, bucket, upload string, names []string, to *gcs.Object, ifAbsent bool) (*gcs.Object, error) {
	for level := 1; len(names) > composeMost; level++ {
		groups := slices.Collect(slices.Chunk(names, composeMost))
		joined := make([]string, len(groups))
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(8)
		for i, group := range groups {
			joined[i] = fmt.Sprintf("%s%s/joined-%d-%05d", partsDir, upload, level, i)
			g.Go(func() error {
				_, err := d.compose(ctx, bucket, group, &gcs.Object{Name: joined[i]}, false)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		names = joined
	}
	return d.compose(ctx, bucket, names, to, ifAbsent)
}

func (d *gcsDriver) compose(ctx context.Context, bucket string, names []string, to *gcs.Object, ifAbsent bool) (*gcs.Object, error) {
	request := &gcs.ComposeRequest{Destination: to}
	for _, name := range names {
		request.SourceObjects = append(request.SourceObjects, &gcs.ComposeRequestSourceObjects{Name: name})
	}
	call := d.api.Objects.Compose(bucket, to.Name, request).Context(ctx)
	if ifAbsent {
		call.IfGenerationMatch(0)
	}
	return do(call)
}

// discard removes what an upload consists of, the record last: what is left when
// it fails is still an upload that can be found.
func (d *gcsDriver) discard(ctx context.Context, bucket, upload string) error {
	for cursor := ""; ; {
		out, err := do(d.api.Objects.List(bucket).Prefix(partsDir + upload + "/").MaxResults(1000).PageToken(cursor).Context(ctx))
		if err != nil {
			return err
		}
		names := make([]string, len(out.Items))
		for i, o := range out.Items {
			names[i] = o.Name
		}
		deleted, err := deleteAll(ctx, names, func(ctx context.Context, name string) error {
			return done(d.api.Objects.Delete(bucket, name).Context(ctx))
		})
		if err != nil {
			return err
		}
		if len(deleted.Failed) > 0 {
			f := deleted.Failed[0]
			return op.Errorf(f.Kind, "removing %s: %s", f.Name, f.Message)
		}
		if cursor = out.NextPageToken; cursor == "" {
			return done(d.api.Objects.Delete(bucket, uploadsDir+upload).Context(ctx))
		}
	}
}

func (d *gcsDriver) AbortMultipartUpload(ctx context.Context, in storage.AbortMultipartUpload) error {
	if _, err := d.upload(ctx, in.Bucket, in.Name, in.Upload); err != nil {
		return err
	}
	return d.discard(ctx, in.Bucket, in.Upload)
}

func (d *gcsDriver) ListMultipartUploads(ctx context.Context, in storage.ListMultipartUploads) iter.Seq2[storage.Upload, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Upload, string, error) {
		if err := knownBucket(in.Bucket); err != nil {
			return nil, "", err
		}
		out, err := do(d.api.Objects.List(in.Bucket).Prefix(uploadsDir).MaxResults(d.page(1000)).PageToken(cursor).Context(ctx))
		if err != nil {
			return nil, "", err
		}
		uploads := []storage.Upload{}
		for _, o := range out.Items {
			if u := uploadOf(in.Bucket, o); strings.HasPrefix(u.Name, in.Prefix) {
				uploads = append(uploads, u)
			}
		}
		return uploads, out.NextPageToken, nil
	})
}
