package aws

import (
	"cmp"
	"context"
	"iter"
	"net"
	"net/http"
	"net/url"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

type s3Config struct {
	sessionConfig
	PathStyle *bool `json:"path_style,omitzero" help:"Put buckets into the path, not the host name; so if endpoint is given, unless this is False."`
	SignBody  *bool `json:"sign_body,omitzero" help:"Sign bodies by their SHA-256, beside the CRC-32C that is always sent: for services that heed no other checksum. So over plain HTTP to another machine, unless this is False."`
}

// s3Driver is the driver "s3".
type s3Driver struct {
	*session
	client    *s3.Client
	presigner *s3.PresignClient
	pathStyle bool
	bodies    func(*s3.Options) // of requests whose body has a checksum of its own
	quirks

	// Constants, but for tests.
	partSize            func(part int) int64
	copyLimit, copyPart int64
}

func openS3(ctx context.Context, c s3Config) (*s3Driver, error) {
	s, err := newSession(ctx, c.sessionConfig)
	if err != nil {
		return nil, err
	}
	pathStyle := s.config.BaseEndpoint != nil
	if c.PathStyle != nil {
		pathStyle = *c.PathStyle
	}
	sign := !private(s.config.BaseEndpoint)
	if c.SignBody != nil {
		sign = *c.SignBody
	}
	return newS3(s, pathStyle, quirks{signBody: sign}), nil
}

func newS3(s *session, pathStyle bool, q quirks) *s3Driver {
	client := s3.NewFromConfig(s.config, func(o *s3.Options) {
		o.UsePathStyle = pathStyle
		// Checksums are sent and asked for where they matter. Those that the SDK
		// would add to everything are trailers and headers that compatible servers
		// do not know, and would be part of every presigned URL.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	bodies := func(*s3.Options) {}
	if !q.signBody {
		bodies = s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	}
	return &s3Driver{session: s, client: client, presigner: s3.NewPresignClient(client), pathStyle: pathStyle, bodies: bodies, quirks: q,
		partSize: partSize, copyLimit: copyLimit, copyPart: copyPart}
}

// private reports whether nobody else can reach into a connection to the
// endpoint: it is encrypted, or stays on this machine. A body is safe then with a
// checksum in its signed headers, without being hashed for the signature too.
func private(endpoint *string) bool {
	if endpoint == nil {
		return true
	}
	u, err := url.Parse(*endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// bucketExtra is what create_bucket takes beyond the contract.
type bucketExtra struct {
	ACL             string `json:"acl,omitzero" help:"A canned ACL, as private."`
	ObjectLock      bool   `json:"object_lock,omitzero" help:"Let objects be locked."`
	ObjectOwnership string `json:"object_ownership,omitzero" help:"BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter."`
}

var (
	newBucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	oldBucketName = regexp.MustCompile(`^[A-Za-z0-9._-]{3,255}$|^arn:[A-Za-z0-9:/._-]+$`)
)

// knownBucket answers not_found for what cannot be a bucket: put into a
// request, such a name would be another's path.
func knownBucket(name string) error {
	if !oldBucketName.MatchString(name) || name == ".." || name == "..." {
		return op.Errorf(op.NotFound, "there is no bucket %q", name)
	}
	return nil
}

func (d *s3Driver) ListBuckets(ctx context.Context, _ storage.ListBuckets) iter.Seq2[storage.Bucket, error] {
	size := int32(1000) // without it, S3 does not say where buckets are
	if d.pageSize > 0 {
		size = int32(d.pageSize)
	}
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Bucket, string, error) {
		out, err := d.client.ListBuckets(ctx, &s3.ListBucketsInput{MaxBuckets: &size, ContinuationToken: optional(cursor)})
		if err != nil {
			return nil, "", err
		}
		buckets := make([]storage.Bucket, len(out.Buckets))
		for i, b := range out.Buckets {
			buckets[i] = storage.Bucket{Name: aws.ToString(b.Name), Location: aws.ToString(b.BucketRegion), CreatedAt: aws.ToTime(b.CreationDate)}
		}
		return buckets, aws.ToString(out.ContinuationToken), nil
	})
}

func (d *s3Driver) GetBucket(ctx context.Context, in storage.GetBucket) (storage.Bucket, error) {
	if err := knownBucket(in.Bucket); err != nil {
		return storage.Bucket{}, err
	}
	out, err := d.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &in.Bucket})
	if err != nil {
		return storage.Bucket{}, named(err, "bucket", in.Bucket)
	}
	b := storage.Bucket{Name: in.Bucket, Location: aws.ToString(out.BucketRegion)}
	if b.Location == "" {
		where, err := d.client.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &in.Bucket})
		if err != nil {
			return b, err
		}
		b.Location = string(where.LocationConstraint)
		switch {
		case d.foreign:
			b.Location = cmp.Or(b.Location, d.config.Region)
		case b.Location == "":
			b.Location = "us-east-1"
		case b.Location == "EU":
			b.Location = "eu-west-1"
		}
	}
	return b, nil
}

func (d *s3Driver) CreateBucket(ctx context.Context, in storage.CreateBucket) (storage.Bucket, error) {
	extra, err := op.Extra[bucketExtra](in.Extra)
	if err != nil {
		return storage.Bucket{}, err
	}
	if !newBucketName.MatchString(in.Name) {
		return storage.Bucket{}, op.Errorf(op.InvalidArgument, "%.80q cannot be a bucket's name: it needs 3 to 63 lower-case letters, digits, dots and hyphens", in.Name)
	}
	region := in.Location
	if region == "" {
		region = d.config.Region
	}
	there := func(o *s3.Options) {
		if !d.foreign {
			o.Region = region
		}
	}
	// In us-east-1, creating one's own bucket again succeeds and resets its ACL.
	if _, err := d.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &in.Name}, there); err == nil {
		return storage.Bucket{}, op.Errorf(op.AlreadyExists, "the bucket %q exists already", in.Name)
	}
	create := &s3.CreateBucketInput{Bucket: &in.Name, ACL: types.BucketCannedACL(extra.ACL), ObjectOwnership: types.ObjectOwnership(extra.ObjectOwnership)}
	if extra.ObjectLock {
		create.ObjectLockEnabledForBucket = aws.Bool(true)
	}
	if d.foreign && in.Location != "" || !d.foreign && region != "us-east-1" {
		create.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	if _, err := d.client.CreateBucket(ctx, create, there); err != nil {
		return storage.Bucket{}, err
	}
	if d.foreign {
		return d.GetBucket(ctx, storage.GetBucket{Bucket: in.Name})
	}
	return storage.Bucket{Name: in.Name, Location: region}, nil
}

func (d *s3Driver) DeleteBucket(ctx context.Context, in storage.DeleteBucket) error {
	if err := knownBucket(in.Bucket); err != nil {
		return err
	}
	_, err := d.client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &in.Bucket})
	return err
}

// named puts into the message what is missing: the answer to a HEAD has no words.
func named(err error, what, name string) error {
	e := *op.AsError(err)
	if e.Kind == op.NotFound || e.Message == e.Code || e.Message == http.StatusText(http.StatusNotFound) {
		e.Message = what + " " + name + ": " + e.Message
	}
	return &e
}

// optional is a pointer to s, or nil for nothing.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
