// Package s3compat is a driver for stores that speak Amazon S3's protocol, made
// to be built as a module: it needs no SDK of Amazon's and no HTTP client of its
// own, as the host sends and signs its requests.
//
//	s3compat.go  the provider, and its configuration
//	request.go   requests, their answers, and what an error means
//	buckets.go   buckets
//	objects.go   lists, objects' heads and metadata, deletions, URLs
//	read.go      downloads
//	put.go       uploads, in one request or in parts
//	uploads.go   uploads whose parts are the caller's
//	copy.go      copies inside the store
//
// It does what drivers/aws does for Amazon itself, in the same way wherever a
// script could tell a difference.
package s3compat

import (
	"cmp"
	"context"
	"net/url"
	"reflect"
	"strings"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

// Options are sizes that a test may want smaller.
type Options struct {
	PartSize  func(part int) int64 // of an upload's part, counted from 0
	CopyLimit int64                // what is copied in one request
	CopyPart  int64                // larger objects are copied in parts of this, or of what makes for fewParts
}

// credential is the slot that requests are signed with.
const credential = "s3"

// Guest is the module: the driver "s3compat", and what it asks its host for.
func Guest(o Options) sdk.Guest {
	hosts := []string{"{endpoint}", "*.{endpoint}"}
	return sdk.Guest{
		Version: "1.0.0",
		Providers: []*drivers.Provider{drivers.New(drivers.Info{
			Name:    "s3compat",
			Family:  storage.Family,
			Title:   "S3-compatible storage",
			Website: "https://docs.aws.amazon.com/AmazonS3/latest/API/",
			Doc:     doc,
			Extras:  map[string]any{"create_bucket": bucketExtra{}, "put_object": objectExtra{}, "create_multipart_upload": objectExtra{}},
		}, func(_ context.Context, c config) (*driver, error) { return open(o, c) })},
		Hosts: hosts,
		Credentials: []abi.Credential{{Name: credential, Scheme: abi.SigV4, Service: "s3", Region: "{region}", Hosts: hosts,
			Env: []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}, Help: "The store's access key."}},
	}
}

type config struct {
	Endpoint  string `json:"endpoint" op:"required" help:"The store's URL, as https://s3.example.com."`
	Region    string `json:"region,omitzero" default:"us-east-1" help:"The region that requests are signed for; most stores take us-east-1."`
	PathStyle *bool  `json:"path_style,omitzero" default:"true" help:"Put buckets into the path; into the host's name if False."`
	PageSize  int    `json:"page_size,omitzero" help:"How many items to ask for at a time in lists; as many as the store gives if not given."`
}

type driver struct {
	endpoint  url.URL // with no slash at the path's end
	region    string
	pathStyle bool
	pageSize  int

	partSize            func(part int) int64
	copyLimit, copyPart int64
}

func open(o Options, c config) (*driver, error) {
	address := c.Endpoint
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, op.Errorf(op.InvalidArgument, "endpoint: %.200q is no address like https://s3.example.com", c.Endpoint)
	}
	if c.PageSize < 0 || c.PageSize > 1000 {
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d: it can be 1 to 1000", c.PageSize)
	}
	if c.Region == "" {
		return nil, op.Errorf(op.InvalidArgument, "region is empty: leave it out, or give the one that the store wants requests signed for")
	}
	d := &driver{endpoint: url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}, region: c.Region,
		pathStyle: c.PathStyle == nil || *c.PathStyle, pageSize: c.PageSize,
		partSize: o.PartSize, copyLimit: cmp.Or(o.CopyLimit, copyLimit), copyPart: cmp.Or(o.CopyPart, copyPart)}
	if d.partSize == nil {
		d.partSize = partSize
	}
	return d, nil
}

// extraOf decodes the argument extra; a name that is not E's is an error.
func extraOf[E any](extra map[string]any) (E, error) {
	v, err := op.TypeOf(reflect.TypeFor[E]()).Decode(extra, nil)
	if err != nil {
		return *new(E), op.Errorf(op.InvalidArgument, "extra: %s", op.AsError(err).Message)
	}
	return v.(E), nil
}

const doc = `## What to know

- For MinIO, Ceph, Versity, Cloudflare R2, Wasabi and whatever else speaks S3's protocol. The driver ` + "`s3`" + ` has Amazon's own
  regions, profiles and roles.

      [connection.store]
      driver   = "s3compat"
      endpoint = "https://s3.example.com"

- The access key is ` + "`access_key_id` and `secret_access_key`" + `, or that of the environment: ` + "`AWS_ACCESS_KEY_ID`" + ` …. The host
  signs with it; the module does not see it.
- A body of more than 8 MiB is uploaded in parts, four at a time, and becomes visible when the last has arrived. The parts
  of an upload that fails are deleted. Parts grow with the object, up to 64 MiB each: an object can have 36 GiB if its
  size is not known beforehand and 60 GiB if it is, or 590 GiB where the user allows the module 10,000 requests a call.
- A part of an upload of the caller's own has at most 64 MiB, and is held by the host until it is sent. cloudlark cp, storage.copy and storage.sync send large objects so, and go on with what
  was interrupted.
- Every body is sent with its CRC32C. Whole reads are verified against the checksum that the store keeps, or against the MD5
  in the ETag where it is one; reads of a range are not.
- delete_object succeeds for a name that is not there: the store does not tell.
- A presigned URL works for at most seven days, and no longer than the credentials that signed it.
- Metadata that is not ASCII is kept as RFC 2047 words, as S3 itself shows it.
`
