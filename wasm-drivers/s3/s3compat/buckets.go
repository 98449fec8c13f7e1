package s3compat

import (
	"context"
	"encoding/xml"
	"iter"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// bucketExtra is what create_bucket takes beyond the contract.
type bucketExtra struct {
	ACL             string `json:"acl,omitzero" help:"A canned ACL, as private."`
	ObjectLock      bool   `json:"object_lock,omitzero" help:"Let objects be locked."`
	ObjectOwnership string `json:"object_ownership,omitzero" help:"BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter."`
}

var (
	newBucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	oldBucketName = regexp.MustCompile(`^[A-Za-z0-9._-]{3,255}$`)
)

// knownBucket answers not_found for what cannot be a bucket: put into a
// request, such a name would be another's path or host.
func (d *driver) knownBucket(name string) error {
	form := oldBucketName
	if !d.pathStyle {
		form = newBucketName
	}
	if !form.MatchString(name) || name == "..." {
		return op.Errorf(op.NotFound, "there is no bucket %q", name)
	}
	return nil
}

func (d *driver) ListBuckets(ctx context.Context, _ storage.ListBuckets) iter.Seq2[storage.Bucket, error] {
	size := 1000 // without it, S3 does not say where buckets are
	if d.pageSize > 0 {
		size = d.pageSize
	}
	return op.Pages(ctx, func(_ context.Context, cursor string) ([]storage.Bucket, string, error) {
		query := url.Values{"max-buckets": {strconv.Itoa(size)}}
		if cursor != "" {
			query.Set("continuation-token", cursor)
		}
		var out struct {
			Buckets []struct {
				Name         string
				CreationDate time.Time
				BucketRegion string
			} `xml:"Buckets>Bucket"`
			ContinuationToken string
		}
		if _, err := d.do(request{method: "GET", query: query}, &out); err != nil {
			return nil, "", err
		}
		buckets := make([]storage.Bucket, len(out.Buckets))
		for i, b := range out.Buckets {
			buckets[i] = storage.Bucket{Name: b.Name, Location: b.BucketRegion, CreatedAt: b.CreationDate}
		}
		return buckets, out.ContinuationToken, nil
	})
}

func (d *driver) GetBucket(_ context.Context, in storage.GetBucket) (storage.Bucket, error) {
	if err := d.knownBucket(in.Bucket); err != nil {
		return storage.Bucket{}, err
	}
	head, err := d.do(request{method: "HEAD", bucket: in.Bucket}, nil)
	if err != nil {
		return storage.Bucket{}, named(err, "bucket", in.Bucket)
	}
	b := storage.Bucket{Name: in.Bucket, Location: head.Headers["x-amz-bucket-region"]}
	if b.Location == "" {
		var where struct {
			Location string `xml:",chardata"`
		}
		if _, err := d.do(request{method: "GET", bucket: in.Bucket, query: url.Values{"location": {""}}}, &where); err != nil {
			return b, err
		}
		b.Location = where.Location
		switch b.Location {
		case "":
			b.Location = "us-east-1"
		case "EU":
			b.Location = "eu-west-1"
		}
	}
	return b, nil
}

func (d *driver) CreateBucket(_ context.Context, in storage.CreateBucket) (storage.Bucket, error) {
	extra, err := extraOf[bucketExtra](in.Extra)
	if err != nil {
		return storage.Bucket{}, err
	}
	if !newBucketName.MatchString(in.Name) {
		return storage.Bucket{}, op.Errorf(op.InvalidArgument, "%.80q cannot be a bucket's name: it needs 3 to 63 lower-case letters, digits, dots and hyphens", in.Name)
	}
	region := in.Location
	if region == "" {
		region = d.region
	}
	// In us-east-1, creating one's own bucket again succeeds and resets its ACL.
	if _, err := d.do(request{method: "HEAD", bucket: in.Name}, nil); err == nil {
		return storage.Bucket{}, op.Errorf(op.AlreadyExists, "the bucket %q exists already", in.Name)
	}
	create := request{method: "PUT", bucket: in.Name, header: map[string]string{"x-amz-acl": extra.ACL, "x-amz-object-ownership": extra.ObjectOwnership}}
	if extra.ObjectLock {
		create.header["x-amz-bucket-object-lock-enabled"] = "true"
	}
	if region != "us-east-1" {
		create.body, err = xml.Marshal(struct {
			XMLName            xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CreateBucketConfiguration"`
			LocationConstraint string
		}{LocationConstraint: region})
		if err != nil {
			return storage.Bucket{}, err
		}
	}
	if _, err := d.do(create, nil); err != nil {
		return storage.Bucket{}, err
	}
	return storage.Bucket{Name: in.Name, Location: region}, nil
}

func (d *driver) DeleteBucket(_ context.Context, in storage.DeleteBucket) error {
	if err := d.knownBucket(in.Bucket); err != nil {
		return err
	}
	_, err := d.do(request{method: "DELETE", bucket: in.Bucket}, nil)
	return err
}
