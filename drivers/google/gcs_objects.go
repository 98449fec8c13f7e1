package google

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"
	gcs "google.golang.org/api/storage/v1"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// known answers for names that cannot be a bucket's or an object's.
func known(bucket, name string) error {
	if err := knownBucket(bucket); err != nil {
		return err
	}
	switch {
	case name == "" || len(name) > 1024 || !utf8.ValidString(name):
		return op.Errorf(op.InvalidArgument, "%.80q cannot be an object's name: it needs 1 to 1024 bytes of UTF-8", name)
	case name == "." || name == ".." || strings.ContainsAny(name, "\r\n") || strings.HasPrefix(name, ".well-known/acme-challenge/"):
		return op.Errorf(op.InvalidArgument, "%.80q cannot be an object's name: Google takes no line breaks, and neither \".\" nor \"..\"", name)
	case strings.HasPrefix(name, own):
		return op.Errorf(op.InvalidArgument, "%.80q cannot be an object's name: %s is where uploads keep their parts", name, own)
	}
	return nil
}

// objectOf is an object; its etag is the generation, which is the body's alone:
// Google's own changes with the metadata too.
func objectOf(o *gcs.Object) storage.Object {
	v := storage.Object{Bucket: o.Bucket, Name: o.Name, Size: int64(o.Size), ContentType: o.ContentType, ETag: strconv.FormatInt(o.Generation, 10),
		Checksums: map[string]string{}, Metadata: o.Metadata, StorageClass: o.StorageClass, LastModified: when(cmp.Or(o.Updated, o.TimeCreated)),
		Extra: extras(map[string]any{"generation": o.Generation, "metageneration": o.Metageneration, "etag": o.Etag, "cache_control": o.CacheControl,
			"content_encoding": o.ContentEncoding, "content_disposition": o.ContentDisposition, "content_language": o.ContentLanguage,
			"component_count": o.ComponentCount, "kms_key_name": o.KmsKeyName})}
	for name, sum := range map[string]string{"crc32c": o.Crc32c, "md5": o.Md5Hash} {
		if b, err := base64.StdEncoding.DecodeString(sum); err == nil && len(b) > 0 {
			v.Checksums[name] = hex.EncodeToString(b)
		}
	}
	if v.Metadata == nil {
		v.Metadata = map[string]string{}
	}
	return v
}

func (d *gcsDriver) ListObjects(ctx context.Context, in storage.ListObjects) iter.Seq2[storage.Object, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Object, string, error) {
		if err := knownBucket(in.Bucket); err != nil {
			return nil, "", err
		}
		out, err := do(d.api.Objects.List(in.Bucket).Prefix(in.Prefix).Delimiter(in.Delimiter).MaxResults(d.page(1000)).PageToken(cursor).Context(ctx))
		if err != nil {
			return nil, "", err
		}
		objects := make([]storage.Object, 0, len(out.Items)+len(out.Prefixes))
		for _, o := range out.Items {
			if !strings.HasPrefix(o.Name, own) {
				objects = append(objects, objectOf(o))
			}
		}
		for _, p := range out.Prefixes {
			if strings.HasPrefix(p, own) {
				continue
			}
			objects = append(objects, storage.Object{Bucket: in.Bucket, Name: p, IsPrefix: true})
		}
		slices.SortStableFunc(objects, func(a, b storage.Object) int { return strings.Compare(a.Name, b.Name) })
		return objects, out.NextPageToken, nil
	})
}

func (d *gcsDriver) object(ctx context.Context, bucket, name string) (*gcs.Object, error) {
	if err := known(bucket, name); err != nil {
		return nil, err
	}
	return do(d.api.Objects.Get(bucket, name).Context(ctx))
}

func (d *gcsDriver) GetObject(ctx context.Context, in storage.GetObject) (storage.Object, error) {
	o, err := d.object(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	return objectOf(o), nil
}

// CopyObject has Google copy, which for large objects takes several requests.
func (d *gcsDriver) CopyObject(ctx context.Context, in storage.CopyObject) (storage.Object, error) {
	from, err := d.object(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	bucket, name := cmp.Or(in.ToBucket, in.Bucket), cmp.Or(in.ToName, in.Name)
	if err := known(bucket, name); err != nil {
		return storage.Object{}, err
	}
	// Given any of an object's fields, Google copies none of the others.
	to := writable(from)
	if in.Metadata != nil {
		to.Metadata = lower(in.Metadata)
	}
	for token := ""; ; {
		call := d.api.Objects.Rewrite(in.Bucket, in.Name, bucket, name, to).SourceGeneration(from.Generation).Context(ctx)
		if token != "" {
			call.RewriteToken(token)
		}
		r, err := do(call)
		if err != nil {
			return storage.Object{}, err
		}
		if r.Done {
			return objectOf(r.Resource), nil
		}
		token = r.RewriteToken
	}
}

// writable is what of an object a writer says.
func writable(o *gcs.Object) *gcs.Object {
	return &gcs.Object{ContentType: o.ContentType, ContentEncoding: o.ContentEncoding, ContentDisposition: o.ContentDisposition, ContentLanguage: o.ContentLanguage,
		CacheControl: o.CacheControl, StorageClass: o.StorageClass, Metadata: o.Metadata}
}

func lower(metadata map[string]string) map[string]string {
	m := make(map[string]string, len(metadata))
	for k, v := range metadata {
		m[strings.ToLower(k)] = v
	}
	return m
}

func (d *gcsDriver) UpdateObject(ctx context.Context, in storage.UpdateObject) (storage.Object, error) {
	o, err := d.object(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.Object{}, err
	}
	to := writable(o)
	to.StorageClass = "" // that is for a rewrite
	to.ContentType = cmp.Or(in.ContentType, o.ContentType)
	to.Metadata = lower(in.Metadata)
	to.ForceSendFields = []string{"Metadata"}
	// Another body may have come since; its metadata is not ours to change.
	updated, err := do(d.api.Objects.Update(in.Bucket, in.Name, to).Generation(o.Generation).Context(ctx))
	if err != nil {
		return storage.Object{}, err
	}
	return objectOf(updated), nil
}

func (d *gcsDriver) DeleteObject(ctx context.Context, in storage.DeleteObject) error {
	if err := known(in.Bucket, in.Name); err != nil {
		return err
	}
	return done(d.api.Objects.Delete(in.Bucket, in.Name).Context(ctx))
}

// DeleteObjects deletes sixteen at a time: Google has no request for many.
func (d *gcsDriver) DeleteObjects(ctx context.Context, in storage.DeleteObjects) (storage.Deleted, error) {
	if _, err := d.GetBucket(ctx, storage.GetBucket{Bucket: in.Bucket}); err != nil {
		return storage.Deleted{}, err
	}
	return deleteAll(ctx, in.Names, func(ctx context.Context, name string) error {
		return d.DeleteObject(ctx, storage.DeleteObject{Bucket: in.Bucket, Name: name})
	})
}

func deleteAll(ctx context.Context, names []string, remove func(ctx context.Context, name string) error) (storage.Deleted, error) {
	var mu sync.Mutex
	failures := map[string]storage.DeletionFailed{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, name := range names {
		g.Go(func() error {
			err := remove(ctx, name)
			if err == nil || op.KindOf(err) == op.NotFound {
				return nil
			}
			if ctx.Err() != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			failures[name] = storage.DeletionFailed{Name: name, Kind: op.KindOf(err), Message: op.AsError(err).Message}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return storage.Deleted{}, err
	}
	result := storage.Deleted{Count: len(names) - len(failures)}
	for _, name := range slices.Sorted(maps.Keys(failures)) {
		result.Failed = append(result.Failed, failures[name])
	}
	return result, nil
}
