package sim

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

const (
	uploads = table[uploadRecord]("uploads")
	parts   = table[partRecord]("parts") // by upload and number: see partKey
)

// maxParts is as at S3. Its least part, of 5 MiB, would be a burden here.
const maxParts = 10_000

// An uploadRecord is an upload, and what its object will be.
type uploadRecord struct {
	storage.Upload
	ContentType  string            `json:"content_type"`
	Metadata     map[string]string `json:"metadata"`
	StorageClass string            `json:"storage_class"`
}

// A partRecord is a part, which has a body of its own until the upload is completed.
type partRecord struct {
	storage.Part
	Body string `json:"body"`
}

func partKey(upload string, number int) string { return fmt.Sprintf("%s\x00%05d", upload, number) }

func upload(tx *txn, inBucket, name, id string) (uploadRecord, error) {
	u, ok := uploads.get(tx, id)
	if !ok || u.Bucket != inBucket || u.Name != name {
		if _, err := bucket(tx, inBucket); err != nil {
			return u, err
		}
		return u, op.Errorf(op.NotFound, "bucket %s has no upload %q of %q: it was completed or aborted, or never begun", inBucket, brief(id), brief(name))
	}
	return u, nil
}

// partsOf yields the parts of an upload by number.
func partsOf(tx *txn, upload string) iter.Seq[partRecord] {
	return func(yield func(partRecord) bool) {
		for key, p := range parts.from(tx, upload+"\x00") {
			if !strings.HasPrefix(key, upload+"\x00") || !yield(p) {
				return
			}
		}
	}
}

func (d storageDriver) CreateMultipartUpload(ctx context.Context, in storage.CreateMultipartUpload) (storage.Upload, error) {
	return create(ctx, d.driver, "create_multipart_upload", in, func(tx *txn, now time.Time) (string, error) {
		if err := checkObjectName(in.Name); err != nil {
			return "", err
		}
		if _, err := bucket(tx, in.Bucket); err != nil {
			return "", err
		}
		class, err := storageClass(in.StorageClass)
		if err != nil {
			return "", err
		}
		u := uploadRecord{ContentType: in.ContentType, Metadata: lowerNames(in.Metadata), StorageClass: class,
			Upload: storage.Upload{Bucket: in.Bucket, Name: in.Name, ID: nextID(tx, "upload"), MinPartSize: 1, MaxParts: maxParts, CreatedAt: now}}
		if u.ContentType == "" {
			u.ContentType = "application/octet-stream"
		}
		uploads.put(tx, u.ID, u)
		return u.ID, nil
	}, func(tx *txn, now time.Time, id string) (storage.Upload, error) {
		u, err := upload(tx, in.Bucket, in.Name, id)
		return u.Upload, err
	})
}

func (d storageDriver) UploadPart(ctx context.Context, in storage.UploadPart) (out storage.Part, err error) {
	fate := d.faults.next()
	if _, ok := in.Body.(io.Seeker); !ok && fate == after {
		fate = before // once the body has flowed, nobody could repeat the request
	}
	err = d.requestThat(ctx, fate, func() error {
		out, err = d.uploadPart(ctx, in)
		return err
	})
	return out, err
}

func (d storageDriver) uploadPart(ctx context.Context, in storage.UploadPart) (storage.Part, error) {
	if in.Number < 1 || in.Number > maxParts {
		return storage.Part{}, invalid("number: a part's is 1 to %d, not %d", maxParts, in.Number)
	}
	if in.Size != nil && *in.Size < 0 {
		return storage.Part{}, invalid("size: a part has no %d bytes", *in.Size)
	}
	if err := d.world.view(ctx, func(tx *txn, _ time.Time) error { _, err := upload(tx, in.Bucket, in.Name, in.Upload); return err }); err != nil {
		return storage.Part{}, err
	}
	body, err := d.writeBody(ctx, in.Body, in.Size)
	if err != nil {
		return storage.Part{}, err
	}
	p := partRecord{Body: body.name, Part: storage.Part{Upload: in.Upload, Number: in.Number, Size: body.size, Checksums: body.sum.checksums()}}
	p.ETag = p.Checksums["md5"]
	err = body.keep(ctx, d, func(tx *txn, now time.Time, lost *bodiesLost) (bool, error) {
		if _, err := upload(tx, in.Bucket, in.Name, in.Upload); err != nil {
			return false, err
		}
		p.LastModified = now
		if old, ok := parts.get(tx, partKey(in.Upload, in.Number)); ok {
			lost.release(tx, now, old.Body)
		}
		parts.put(tx, partKey(in.Upload, in.Number), p)
		return true, nil
	})
	return p.Part, err
}

func (d storageDriver) ListParts(ctx context.Context, in storage.ListParts) iter.Seq2[storage.Part, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) (items []storage.Part, next string, err error) {
		err = d.request(ctx, func() error {
			return d.world.view(ctx, func(tx *txn, _ time.Time) error {
				if _, err := upload(tx, in.Bucket, in.Name, in.Upload); err != nil {
					return err
				}
				items, next = nil, ""
				for p := range partsOf(tx, in.Upload) {
					key := partKey(in.Upload, p.Number)
					if key < cursor {
						continue
					}
					if len(items) == d.config.PageSize {
						next = key
						break
					}
					items = append(items, p.Part)
				}
				return nil
			})
		})
		return items, next, err
	})
}

func (d storageDriver) CompleteMultipartUpload(ctx context.Context, in storage.CompleteMultipartUpload) (out storage.Object, err error) {
	token := "complete_multipart_upload " + op.Token(ctx)
	err = d.request(ctx, func() error {
		out, err = d.complete(ctx, in, token)
		return err
	})
	return out, err
}

func (d storageDriver) complete(ctx context.Context, in storage.CompleteMultipartUpload, token string) (storage.Object, error) {
	var pieces []partRecord
	var u uploadRecord
	var done *objectRecord
	// look finds the parts that are wanted, or what this very request has made of them.
	look := func(tx *txn) (err error) {
		pieces, done = nil, nil
		if _, again := tokens.get(tx, token); again {
			o, err := object(tx, in.Bucket, in.Name)
			done = &o
			return err
		}
		if u, err = upload(tx, in.Bucket, in.Name, in.Upload); err != nil {
			return err
		}
		if _, there := objects.get(tx, objectKey(in.Bucket, in.Name)); there && in.IfAbsent {
			return op.Errorf(op.AlreadyExists, "bucket %s has an object %q already", in.Bucket, in.Name)
		}
		for i, want := range in.Parts {
			if want.Number != i+1 {
				return invalid("parts are given from number 1 without gaps, and part %d is given at place %d", want.Number, i+1)
			}
			p, ok := parts.get(tx, partKey(u.ID, want.Number))
			if !ok || p.ETag != want.ETag {
				return invalid("part %d of %q is not there as it is given", want.Number, brief(in.Name))
			}
			if p.Size < u.MinPartSize && i < len(in.Parts)-1 {
				return invalid("part %d of %q is too small: it has %d bytes", want.Number, brief(in.Name), p.Size)
			}
			pieces = append(pieces, p)
		}
		if len(pieces) == 0 {
			return invalid("an upload is completed of one part at least")
		}
		return nil
	}
	if err := d.world.view(ctx, func(tx *txn, _ time.Time) error { return look(tx) }); err != nil {
		return storage.Object{}, err
	}
	if done != nil {
		return done.show(), nil
	}
	body, err := d.writeBody(ctx, &joined{driver: d, ctx: ctx, rest: pieces}, nil)
	if err != nil {
		return storage.Object{}, err
	}
	o := objectRecord{Body: body.name, Object: storage.Object{Bucket: in.Bucket, Name: in.Name, Size: body.size, ContentType: u.ContentType,
		Checksums: body.sum.checksums(), Metadata: u.Metadata, StorageClass: u.StorageClass}}
	o.ETag = o.Checksums["md5"]
	err = body.keep(ctx, d, func(tx *txn, now time.Time, lost *bodiesLost) (bool, error) {
		if err := look(tx); err != nil {
			return false, err
		}
		if done != nil {
			o = *done
			return false, nil
		}
		for name, want := range in.Checksums {
			if have := o.Checksums[name]; have != "" && have != want {
				return false, op.Errorf(op.Internal, "the parts of %q are not what it should be: their %s is %s, not %s", brief(in.Name), name, have, want)
			}
		}
		o.LastModified = now
		dropUpload(tx, now, lost, u.ID)
		tokens.put(tx, token, answered{})
		expire(tx, now.Add(tokenLife), string(tokens), token)
		lost.deleteObject(tx, now, o.Bucket, o.Name)
		objects.put(tx, objectKey(o.Bucket, o.Name), o)
		return true, nil
	})
	if err != nil {
		return storage.Object{}, err
	}
	return o.show(), nil
}

// joined reads the bodies of parts one behind the other.
type joined struct {
	driver storageDriver
	ctx    context.Context
	rest   []partRecord
	now    *bodyReader
}

func (j *joined) Read(p []byte) (int, error) {
	for {
		if j.now == nil {
			if len(j.rest) == 0 {
				return 0, io.EOF
			}
			if err := j.open(j.rest[0]); err != nil {
				return 0, err
			}
			j.rest = j.rest[1:]
		}
		n, err := j.now.Read(p)
		if err == nil {
			return n, nil
		}
		j.now.Close()
		j.now = nil
		if err != io.EOF {
			return n, err
		}
	}
}

func (j *joined) open(p partRecord) error {
	var b bodyRecord
	err := j.driver.world.view(j.ctx, func(tx *txn, _ time.Time) error {
		b, _ = bodies.get(tx, p.Body)
		return nil
	})
	if err != nil {
		return err
	}
	r, err := j.driver.world.store.blobs().open(p.Body)
	if err != nil {
		return op.Errorf(op.Conflict, "part %d was replaced while the upload was completed: %w", p.Number, err)
	}
	j.now = &bodyReader{ctx: j.ctx, blob: r, sums: b.Sums, size: p.Size, end: p.Size}
	return nil
}

func dropUpload(tx *txn, now time.Time, lost *bodiesLost, id string) {
	var all []partRecord
	for p := range partsOf(tx, id) {
		all = append(all, p)
	}
	for _, p := range all {
		parts.delete(tx, partKey(id, p.Number))
		lost.release(tx, now, p.Body)
	}
	uploads.delete(tx, id)
}

// dropUploads drops those of a bucket that goes; the sweep removes their bodies.
func dropUploads(tx *txn, now time.Time, bucket string) {
	var ids []string
	for id, u := range uploads.from(tx, "") {
		if u.Bucket == bucket {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		dropUpload(tx, now, new(bodiesLost), id)
	}
}

func (d storageDriver) AbortMultipartUpload(ctx context.Context, in storage.AbortMultipartUpload) error {
	token := "abort_multipart_upload " + op.Token(ctx)
	return d.request(ctx, func() error {
		return d.updateBodies(ctx, func(tx *txn, now time.Time, lost *bodiesLost) error {
			if _, again := tokens.get(tx, token); again {
				return nil
			}
			u, err := upload(tx, in.Bucket, in.Name, in.Upload)
			if err != nil {
				return err
			}
			dropUpload(tx, now, lost, u.ID)
			tokens.put(tx, token, answered{})
			expire(tx, now.Add(tokenLife), string(tokens), token)
			return nil
		})
	})
}

func (d storageDriver) ListMultipartUploads(ctx context.Context, in storage.ListMultipartUploads) iter.Seq2[storage.Upload, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) (items []storage.Upload, next string, err error) {
		err = d.request(ctx, func() error {
			return d.world.view(ctx, func(tx *txn, now time.Time) error {
				if _, err := bucket(tx, in.Bucket); err != nil {
					return err
				}
				items, next = page(tx, now, uploads, cursor, d.config.PageSize, func(_ *txn, _ time.Time, u uploadRecord) (storage.Upload, bool) {
					return u.Upload, u.Bucket == in.Bucket && strings.HasPrefix(u.Name, in.Prefix)
				})
				return nil
			})
		})
		return items, next, err
	})
}
