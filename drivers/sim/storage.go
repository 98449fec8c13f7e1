package sim

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// storageDriver is the driver of the storage family.
type storageDriver struct{ driver }

const (
	buckets = table[storage.Bucket]("buckets")
	objects = table[objectRecord]("objects") // by bucket and name: see objectKey
	bodies  = table[bodyRecord]("bodies")    // by the name that blobs knows them by
)

// An objectRecord is an object as the world keeps it.
type objectRecord struct {
	storage.Object
	Body  string `json:"body"`
	Token string `json:"token,omitzero"` // of the request that wrote it
}

// A bodyRecord is a body that objects share: a copy of an object is one of its record.
type bodyRecord struct {
	Objects int    `json:"objects"`
	Sums    []byte `json:"sums"` // of its blocks: see sums
}

// trash is a table with nothing in it: an expiry in it is of a body.
const trash = "trash"

// objectKey sorts a bucket's objects by the bytes of their names: a bucket's
// name has no zero byte.
func objectKey(bucket, name string) string { return bucket + "\x00" + name }

func (o objectRecord) show() storage.Object {
	out := o.Object
	out.Metadata, out.Checksums = maps.Clone(o.Metadata), maps.Clone(o.Checksums)
	return out
}

// Buckets.

// bucketName is what S3 allows, the strictest of the large providers.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func bucket(tx *txn, name string) (storage.Bucket, error) {
	b, ok := buckets.get(tx, name)
	if ok {
		return b, nil
	}
	var names []string
	for name := range buckets.from(tx, "") {
		if names = append(names, name); len(names) == 100 {
			break
		}
	}
	return b, notFound("bucket", name, names...)
}

func (d storageDriver) ListBuckets(ctx context.Context, in storage.ListBuckets) iter.Seq2[storage.Bucket, error] {
	return list(ctx, d.driver, buckets, func(tx *txn, now time.Time, b storage.Bucket) (storage.Bucket, bool) { return b, is(in.Name, b.Name) })
}

func (d storageDriver) GetBucket(ctx context.Context, in storage.GetBucket) (storage.Bucket, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (storage.Bucket, error) { return bucket(tx, in.Bucket) })
}

func (d storageDriver) CreateBucket(ctx context.Context, in storage.CreateBucket) (storage.Bucket, error) {
	return create(ctx, d.driver, "create_bucket", in, func(tx *txn, now time.Time) (string, error) {
		if !bucketName.MatchString(in.Name) || strings.Contains(in.Name, "..") {
			return "", invalid("name: a bucket's name is 3 to 63 lower case letters, digits, dots and hyphens, and begins and ends with a letter or digit; not %q", brief(in.Name))
		}
		region, err := regionOf(d.config.Location)
		if in.Location != "" {
			region, err = regionOf(in.Location)
		}
		if err != nil {
			return "", err
		}
		if _, ok := buckets.get(tx, in.Name); ok {
			return "", op.Errorf(op.AlreadyExists, "there is a bucket %q already", in.Name)
		}
		if err := take(tx, "buckets", 1, d.config.MaxBuckets); err != nil {
			return "", err
		}
		buckets.put(tx, in.Name, storage.Bucket{Name: in.Name, Location: region, CreatedAt: now})
		return in.Name, nil
	}, func(tx *txn, now time.Time, name string) (storage.Bucket, error) { return bucket(tx, name) })
}

func (d storageDriver) DeleteBucket(ctx context.Context, in storage.DeleteBucket) error {
	return change(ctx, d.driver, "delete_bucket", in, func(tx *txn, now time.Time) error {
		b, err := bucket(tx, in.Bucket)
		if err != nil {
			return err
		}
		for key, o := range objects.from(tx, objectKey(b.Name, "")) {
			if strings.HasPrefix(key, objectKey(b.Name, "")) {
				return conflict("bucket %s is not empty: it holds %q", b.Name, o.Name)
			}
			break
		}
		dropUploads(tx, now, b.Name)
		buckets.delete(tx, b.Name)
		give(tx, "buckets", 1)
		return nil
	})
}

// Lists.

func (d storageDriver) ListObjects(ctx context.Context, in storage.ListObjects) iter.Seq2[storage.Object, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) (items []storage.Object, next string, err error) {
		err = d.request(ctx, func() error {
			return d.world.view(ctx, func(tx *txn, now time.Time) error {
				if _, err := bucket(tx, in.Bucket); err != nil {
					return err
				}
				items, next = objectPage(tx, in, max(cursor, in.Prefix), d.config.PageSize)
				return nil
			})
		})
		return items, next, err
	})
}

// objectPage returns a page of a bucket's objects that begins with the first
// name not before from, and the name that the following page begins with. Of
// names that have a prefix in common, only the first is looked at.
func objectPage(tx *txn, in storage.ListObjects, from string, size int) (items []storage.Object, next string) {
	inBucket := objectKey(in.Bucket, "")
	for {
		skip := ""
		for key, o := range objects.from(tx, inBucket+from) {
			if !strings.HasPrefix(key, inBucket+in.Prefix) {
				return items, ""
			}
			if len(items) == size {
				return items, o.Name
			}
			if common, ok := commonPrefix(o.Name, in.Prefix, in.Delimiter); ok {
				items = append(items, storage.Object{Bucket: in.Bucket, Name: common, IsPrefix: true})
				skip = common
				break
			}
			items = append(items, o.show())
		}
		if from = afterPrefix(skip); from == "" {
			return items, ""
		}
	}
}

// commonPrefix returns a name up to the first delimiter behind the prefix.
func commonPrefix(name, prefix, delimiter string) (string, bool) {
	if delimiter == "" {
		return "", false
	}
	i := strings.Index(name[len(prefix):], delimiter)
	if i < 0 {
		return "", false
	}
	return name[:len(prefix)+i+len(delimiter)], true
}

// afterPrefix returns the first string that is after all that begin with prefix,
// or nothing if there is none.
func afterPrefix(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// Objects.

func checkObjectName(name string) error {
	switch {
	case name == "" || len(name) > 1024:
		return invalid("an object's name is 1 to 1024 bytes, not %d", len(name))
	case !utf8.ValidString(name):
		return invalid("an object's name is UTF-8, which %q is not", brief(name))
	}
	return nil
}

func brief(text string) string {
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}

func object(tx *txn, inBucket, name string) (objectRecord, error) {
	if o, ok := objects.get(tx, objectKey(inBucket, name)); ok {
		return o, nil
	}
	if _, err := bucket(tx, inBucket); err != nil {
		return objectRecord{}, err
	}
	return objectRecord{}, op.Errorf(op.NotFound, "bucket %s has no object %q", inBucket, brief(name))
}

func (d storageDriver) GetObject(ctx context.Context, in storage.GetObject) (storage.Object, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (storage.Object, error) {
		o, err := object(tx, in.Bucket, in.Name)
		return o.show(), err
	})
}

// bodiesLost are the bodies that a transaction leaves without an object.
type bodiesLost []string

// putObject stores an object's record, in the place of any other.
func (lost *bodiesLost) putObject(tx *txn, now time.Time, o objectRecord) {
	// First the new claim, then the end of the old: they may be for one body.
	b, _ := bodies.get(tx, o.Body)
	b.Objects++
	bodies.put(tx, o.Body, b)
	lost.deleteObject(tx, now, o.Bucket, o.Name)
	objects.put(tx, objectKey(o.Bucket, o.Name), o)
}

// deleteObject forgets an object, and its body with the last that shares it.
func (lost *bodiesLost) deleteObject(tx *txn, now time.Time, bucket, name string) bool {
	o, ok := objects.get(tx, objectKey(bucket, name))
	if !ok {
		return false
	}
	objects.delete(tx, objectKey(bucket, name))
	lost.release(tx, now, o.Body)
	return true
}

// release ends a claim on a body, and the body with its last one.
func (lost *bodiesLost) release(tx *txn, now time.Time, body string) {
	b, _ := bodies.get(tx, body)
	if b.Objects--; b.Objects > 0 {
		bodies.put(tx, body, b)
		return
	}
	bodies.delete(tx, body)
	*lost = append(*lost, body)
	// Should this process end before it removes the file, another one will:
	// some time later, when no transaction can still be under way.
	expire(tx, now.Add(time.Minute), trash, body)
}

// updateBodies runs a transaction, and removes the bodies that it leaves without an object.
func (d storageDriver) updateBodies(ctx context.Context, f func(tx *txn, now time.Time, lost *bodiesLost) error) error {
	var lost bodiesLost
	err := d.world.update(ctx, func(tx *txn, now time.Time) error {
		lost = nil
		return f(tx, now, &lost)
	})
	if err != nil {
		return err
	}
	for _, name := range lost {
		// Where it fails, the sweep tries again.
		_ = d.world.store.blobs().remove(name)
	}
	return nil
}

func (d storageDriver) PutObject(ctx context.Context, in storage.PutObject) (out storage.Object, err error) {
	token := op.Token(ctx)
	fate := d.faults.next()
	if _, ok := in.Body.(io.Seeker); !ok && fate == after {
		fate = before // once the body has flowed, nobody could repeat the request
	}
	err = d.requestThat(ctx, fate, func() error {
		out, err = d.putObject(ctx, in, token)
		return err
	})
	return out, err
}

func (d storageDriver) putObject(ctx context.Context, in storage.PutObject, token string) (storage.Object, error) {
	if err := checkObjectName(in.Name); err != nil {
		return storage.Object{}, err
	}
	if in.Size != nil && *in.Size < 0 {
		return storage.Object{}, invalid("size: a body has no %d bytes", *in.Size)
	}
	class, err := storageClass(in.StorageClass)
	if err != nil {
		return storage.Object{}, err
	}
	// allowed reports whether the object may be written, or has been by this very request.
	allowed := func(tx *txn) (done *objectRecord, err error) {
		if _, err := bucket(tx, in.Bucket); err != nil {
			return nil, err
		}
		if old, ok := objects.get(tx, objectKey(in.Bucket, in.Name)); ok && in.IfAbsent {
			if old.Token == token {
				return &old, nil
			}
			return nil, op.Errorf(op.AlreadyExists, "bucket %s has an object %q already", in.Bucket, in.Name)
		}
		return nil, nil
	}
	// Asked before the body flows, so that it does not flow in vain.
	if err := d.world.view(ctx, func(tx *txn, _ time.Time) error { _, err := allowed(tx); return err }); err != nil {
		return storage.Object{}, err
	}

	body, err := d.writeBody(ctx, in.Body, in.Size)
	if err != nil {
		return storage.Object{}, err
	}
	o := objectRecord{Body: body.name, Token: token, Object: storage.Object{Bucket: in.Bucket, Name: in.Name, Size: body.size, ContentType: in.ContentType,
		Checksums: body.sum.checksums(), Metadata: lowerNames(in.Metadata), StorageClass: class}}
	o.ETag = o.Checksums["md5"]
	if o.ContentType == "" {
		o.ContentType = "application/octet-stream"
	}
	err = body.keep(ctx, d, func(tx *txn, now time.Time, lost *bodiesLost) (bool, error) {
		done, err := allowed(tx)
		if err != nil {
			return false, err
		}
		if done != nil {
			o = *done
			return false, nil
		}
		o.LastModified = now
		lost.deleteObject(tx, now, o.Bucket, o.Name)
		objects.put(tx, objectKey(o.Bucket, o.Name), o)
		return true, nil
	})
	if err != nil {
		return storage.Object{}, err
	}
	return o.show(), nil
}

// flow copies a body until its end, and reports how long it was; another
// length than size, where that is known, is an error.
func flow(ctx context.Context, to io.Writer, body io.Reader, size *int64) (n int64, err error) {
	room := int64(128 << 10)
	if size != nil {
		room = min(room, *size+1) // one more, to see that it is not longer
	}
	buf := make([]byte, room)
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		m, err := body.Read(buf)
		n += int64(m)
		if size != nil && n > *size {
			return n, invalid("the body is longer than its size, which is %d", *size)
		}
		if _, err := to.Write(buf[:m]); err != nil {
			return n, err
		}
		switch {
		case err == io.EOF && size != nil && n < *size:
			return n, invalid("the body ended after %d bytes, but its size is %d", n, *size)
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, unreadable(ctx, err)
		}
	}
}

// unreadable is what a request fails with whose body cannot be read: that is
// no failure of the cloud, but of where the body comes from, which may know its kind.
func unreadable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	kind := op.KindOf(err)
	if e := new(op.Error); kind == op.Internal && !errors.As(err, &e) {
		kind = op.InvalidArgument
	}
	return op.Errorf(kind, "the body cannot be read: %w", err)
}

func lowerNames(metadata map[string]string) map[string]string {
	out := make(map[string]string, len(metadata))
	for k, v := range metadata {
		out[strings.ToLower(k)] = v
	}
	return out
}

// storageClasses are the classes there are, the first by default.
var storageClasses = [...]string{"standard", "infrequent", "archive"}

func storageClass(name string) (string, error) {
	if name == "" {
		return storageClasses[0], nil
	}
	if !slices.Contains(storageClasses[:], name) {
		return "", invalid("storage_class: there is no %q%s", name, op.DidYouMean(name, storageClasses[:]))
	}
	return name, nil
}

func (d storageDriver) ReadObject(ctx context.Context, in storage.ReadObject) (storage.Download, error) {
	var out storage.Download
	err := d.request(ctx, func() error {
		// A body may be removed, and the object be another, between the
		// transaction and the opening: then it is looked up once more.
		for attempt := 0; ; attempt++ {
			var o objectRecord
			var b bodyRecord
			err := d.world.view(ctx, func(tx *txn, now time.Time) (err error) {
				o, err = object(tx, in.Bucket, in.Name)
				b, _ = bodies.get(tx, o.Body)
				return err
			})
			if err != nil {
				return err
			}
			if in.IfETag != "" && in.IfETag != o.ETag {
				return conflict("object %q has the etag %s, not %s", brief(in.Name), o.ETag, in.IfETag)
			}
			switch {
			case in.Offset < 0 || in.Length < 0:
				return invalid("offset and length are not negative: not %d and %d", in.Offset, in.Length)
			case in.Offset > 0 && in.Offset >= o.Size:
				return invalid("offset: object %q has %d bytes, and so none at %d", brief(in.Name), o.Size, in.Offset)
			}
			end := o.Size
			if in.Length > 0 && in.Length < o.Size-in.Offset {
				end = in.Offset + in.Length
			}
			r, err := d.world.store.blobs().open(o.Body)
			if err != nil {
				if attempt < 10 {
					continue
				}
				return err
			}
			out = storage.Download{Object: o.show(), Body: &bodyReader{ctx: ctx, blob: r, sums: b.Sums, size: o.Size, at: in.Offset, end: end}}
			return nil
		}
	})
	return out, err
}

func (d storageDriver) CopyObject(ctx context.Context, in storage.CopyObject) (storage.Object, error) {
	if in.ToBucket == "" {
		in.ToBucket = in.Bucket
	}
	if in.ToName == "" {
		in.ToName = in.Name
	}
	var copied objectRecord
	err := d.request(ctx, func() error {
		return d.updateBodies(ctx, func(tx *txn, now time.Time, lost *bodiesLost) error {
			o, err := object(tx, in.Bucket, in.Name)
			if err != nil {
				return err
			}
			if _, err := bucket(tx, in.ToBucket); err != nil {
				return err
			}
			if err := checkObjectName(in.ToName); err != nil {
				return err
			}
			o.Bucket, o.Name, o.LastModified, o.Token = in.ToBucket, in.ToName, now, ""
			if in.Metadata != nil {
				o.Metadata = lowerNames(in.Metadata)
			}
			lost.putObject(tx, now, o)
			copied = o
			return nil
		})
	})
	return copied.show(), err
}

func (d storageDriver) DeleteObject(ctx context.Context, in storage.DeleteObject) error {
	token := "delete_object " + op.Token(ctx)
	return d.request(ctx, func() error {
		return d.updateBodies(ctx, func(tx *txn, now time.Time, lost *bodiesLost) error {
			if _, again := tokens.get(tx, token); again {
				return nil
			}
			if _, err := object(tx, in.Bucket, in.Name); err != nil {
				return err
			}
			lost.deleteObject(tx, now, in.Bucket, in.Name)
			tokens.put(tx, token, answered{})
			expire(tx, now.Add(tokenLife), string(tokens), token)
			return nil
		})
	})
}

func (d storageDriver) DeleteObjects(ctx context.Context, in storage.DeleteObjects) (storage.Deleted, error) {
	err := d.request(ctx, func() error {
		return d.updateBodies(ctx, func(tx *txn, now time.Time, lost *bodiesLost) error {
			if _, err := bucket(tx, in.Bucket); err != nil {
				return err
			}
			for _, name := range in.Names {
				lost.deleteObject(tx, now, in.Bucket, name)
			}
			return nil
		})
	})
	if err != nil {
		return storage.Deleted{}, err
	}
	return storage.Deleted{Count: len(in.Names)}, nil
}

func (d storageDriver) UpdateObject(ctx context.Context, in storage.UpdateObject) (storage.Object, error) {
	var updated objectRecord
	err := d.request(ctx, func() error {
		return d.world.update(ctx, func(tx *txn, now time.Time) error {
			o, err := object(tx, in.Bucket, in.Name)
			if err != nil {
				return err
			}
			o.Metadata = lowerNames(in.Metadata)
			if in.ContentType != "" {
				o.ContentType = in.ContentType
			}
			o.LastModified = now
			objects.put(tx, objectKey(o.Bucket, o.Name), o)
			updated = o
			return nil
		})
	})
	return updated.show(), err
}

// URLs. Nothing serves them: they are of a scheme of their own, so that nobody
// takes them for something that a browser could open. What they hold is what a
// real one does, signature and all, so that scripts have something to pass on.

func objectURL(bucket, name string) *url.URL {
	return &url.URL{Scheme: "sim", Host: bucket, Path: "/" + name}
}

func (d storageDriver) PresignObject(ctx context.Context, in storage.PresignObject) (storage.URL, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (storage.URL, error) {
		const longest = 7 * 24 * 3600 // as at S3
		if in.Expires < 1 || in.Expires > longest {
			return storage.URL{}, invalid("expires is from 1 second to 7 days, not %d seconds", in.Expires)
		}
		if _, err := bucket(tx, in.Bucket); err != nil {
			return storage.URL{}, err
		}
		if err := checkObjectName(in.Name); err != nil {
			return storage.URL{}, err
		}
		out := storage.URL{Method: in.Method, ExpiresAt: now.Add(time.Duration(in.Expires) * time.Second)}
		if in.Method == storage.Put && in.ContentType != "" {
			out.Headers = map[string]string{"Content-Type": in.ContentType}
		}
		u := objectURL(in.Bucket, in.Name)
		secret, _ := meta.get(tx, "secret")
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "%s\n%s\n%d\n%s", in.Method, u, out.ExpiresAt.Unix(), in.ContentType)
		u.RawQuery = url.Values{"method": {string(in.Method)}, "expires": {fmt.Sprint(out.ExpiresAt.Unix())},
			"signature": {hex.EncodeToString(mac.Sum(nil))}}.Encode()
		out.URL = u.String()
		return out, nil
	})
}

func (d storageDriver) GetObjectURL(ctx context.Context, in storage.GetObjectURL) (storage.URL, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (storage.URL, error) {
		if _, err := bucket(tx, in.Bucket); err != nil {
			return storage.URL{}, err
		}
		return storage.URL{URL: objectURL(in.Bucket, in.Name).String(), Method: storage.Get}, nil
	})
}
