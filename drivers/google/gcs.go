package google

import (
	"context"
	"errors"
	"iter"
	"net/url"
	"strings"

	"google.golang.org/api/googleapi"
	gcs "google.golang.org/api/storage/v1"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// gcsDriver is the driver "gcs".
type gcsDriver struct {
	*session
	api      *gcs.Service
	root     *url.URL // where objects' URLs begin
	location string
}

type gcsConfig struct {
	sessionConfig
	Location string `json:"location,omitzero" help:"Where buckets are made that are not told where, as EU or europe-west1; Google's choice, US, if not given."`
}

func openGCS(ctx context.Context, c gcsConfig) (*gcsDriver, error) {
	s, err := newSession(c.sessionConfig)
	if err != nil {
		return nil, err
	}
	d := &gcsDriver{session: s, root: &url.URL{Scheme: "https", Host: "storage.googleapis.com"}, location: c.Location}
	options, err := s.options("https://storage.googleapis.com", "storage/v1/")
	if err != nil {
		return nil, err
	}
	if root, err := url.Parse(s.endpoint); err == nil && root.Host != "" {
		d.root = &url.URL{Scheme: root.Scheme, Host: root.Host}
	}
	if d.api, err = gcs.NewService(ctx, options...); err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%w", err)
	}
	return d, nil
}

func bucketOf(b *gcs.Bucket) storage.Bucket {
	return storage.Bucket{Name: b.Name, Location: b.Location, CreatedAt: when(b.TimeCreated), Extra: extras(map[string]any{
		"storage_class": b.StorageClass, "location_type": b.LocationType, "project_number": int64(b.ProjectNumber),
		"versioning": b.Versioning != nil && b.Versioning.Enabled, "labels": b.Labels})}
}

func (d *gcsDriver) ListBuckets(ctx context.Context, in storage.ListBuckets) iter.Seq2[storage.Bucket, error] {
	return pages(ctx, d.session, func(ctx context.Context, project, cursor string) ([]storage.Bucket, string, error) {
		call := d.api.Buckets.List(project).MaxResults(d.page(1000)).PageToken(cursor).Context(ctx)
		if in.Name != "" {
			call.Prefix(in.Name)
		}
		out, err := do(call)
		if err != nil {
			return nil, "", err
		}
		if err := unreachable("buckets", out.Unreachable); err != nil {
			return nil, "", err
		}
		buckets := make([]storage.Bucket, len(out.Items))
		for i, b := range out.Items {
			buckets[i] = bucketOf(b)
		}
		return buckets, out.NextPageToken, nil
	})
}

func (d *gcsDriver) GetBucket(ctx context.Context, in storage.GetBucket) (storage.Bucket, error) {
	if err := knownBucket(in.Bucket); err != nil {
		return storage.Bucket{}, err
	}
	b, err := do(d.api.Buckets.Get(in.Bucket).Context(ctx))
	if err != nil {
		return storage.Bucket{}, err
	}
	return bucketOf(b), nil
}

// knownBucket answers not_found for what cannot be a bucket's name.
func knownBucket(name string) error {
	if len(name) < 3 || len(name) > 222 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return op.Errorf(op.NotFound, "there is no bucket %q: names are of 3 and more lower-case letters, digits, \"-\", \"_\" and \".\"", name)
	}
	return nil
}

// bucketExtra is what create_bucket takes beyond the contract.
type bucketExtra struct {
	StorageClass string            `json:"storage_class,omitzero" help:"The storage class of objects that are given none, as NEARLINE."`
	Labels       map[string]string `json:"labels,omitzero" help:"Its labels."`
	Uniform      bool              `json:"uniform_bucket_level_access,omitzero" help:"Whether only IAM says who may do what, and no object's own list."`
}

func (d *gcsDriver) CreateBucket(ctx context.Context, in storage.CreateBucket) (storage.Bucket, error) {
	extra, err := op.Extra[bucketExtra](in.Extra)
	if err != nil {
		return storage.Bucket{}, err
	}
	if err := knownBucket(in.Name); err != nil {
		return storage.Bucket{}, op.Errorf(op.InvalidArgument, "name: %q cannot be a bucket's: it would be of 3 to 63 lower-case letters, digits, \"-\", \"_\" and \".\"", in.Name)
	}
	project, err := d.project(ctx)
	if err != nil {
		return storage.Bucket{}, err
	}
	b := &gcs.Bucket{Name: in.Name, Location: in.Location, StorageClass: extra.StorageClass, Labels: extra.Labels}
	if b.Location == "" {
		b.Location = d.location
	}
	if extra.Uniform {
		b.IamConfiguration = &gcs.BucketIamConfiguration{UniformBucketLevelAccess: &gcs.BucketIamConfigurationUniformBucketLevelAccess{Enabled: true}}
	}
	made, err := do(d.api.Buckets.Insert(project, b).Context(ctx))
	if op.KindOf(err) == op.Conflict { // the reason is "conflict" whoever has it
		e := *op.AsError(err)
		e.Kind = op.AlreadyExists
		return storage.Bucket{}, &e
	}
	if err != nil {
		return storage.Bucket{}, err
	}
	return bucketOf(made), nil
}

func (d *gcsDriver) DeleteBucket(ctx context.Context, in storage.DeleteBucket) error {
	if err := knownBucket(in.Bucket); err != nil {
		return err
	}
	return done(d.api.Buckets.Delete(in.Bucket).Context(ctx))
}

// done makes a request that answers with nothing but success.
func done(c interface {
	Do(opts ...googleapi.CallOption) error
}) error {
	if err := c.Do(); err != nil {
		return failed(err)
	}
	return nil
}

func (d *gcsDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return d.rest(ctx, d.api.BasePath, in.Operation, in.Arguments, "")
}

func (d *gcsDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return d.restPages(ctx, d.api.BasePath, in)
}

// isStatus reports whether an error is an answer of that status.
func isStatus(err error, status int) bool {
	e, ok := errors.AsType[*googleapi.Error](err)
	return ok && e.Code == status
}
