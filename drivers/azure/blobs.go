package azure

import (
	"context"
	"encoding/base64"
	"iter"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

type blobsConfig struct {
	Account          string         `json:"account,omitzero" help:"The storage account; that of the environment if not given."`
	AccountKey       drivers.Secret `json:"account_key,omitzero" help:"One of the account's keys."`
	SASToken         drivers.Secret `json:"sas_token,omitzero" help:"A shared access signature, instead of a key."`
	ConnectionString drivers.Secret `json:"connection_string,omitzero" help:"The account with its key or signature, as the portal shows it."`
	PageSize         int            `json:"page_size,omitzero" help:"How many items to ask for at a time in lists; as many as the service gives if not given."`
	sessionConfig
}

// blobsDriver is the driver "azure_blobs".
type blobsDriver struct {
	*session
	client   *service.Client
	key      *blob.SharedKeyCredential // nil where there is none
	sas      string                    // a shared access signature, where that is what there is
	endpoint *url.URL                  // of the account
	pageSize int

	uploads    sync.Map // ids of uploads that are known to be there: true
	delegation delegation

	partSize func(part int) int64 // a constant, but for tests
}

// suffixes are the ends of the names of a cloud's storage accounts.
var suffixes = map[cloudName]string{"public": "core.windows.net", "usgovernment": "core.usgovcloudapi.net", "china": "core.chinacloudapi.cn"}

func openBlobs(_ context.Context, c blobsConfig) (*blobsDriver, error) {
	if c.PageSize < 0 || c.PageSize > 5000 {
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d: it can be 1 to 5000", c.PageSize)
	}
	a, err := accountOf(c)
	if err != nil {
		return nil, err
	}
	s, err := newSession(c.sessionConfig)
	if err != nil {
		return nil, err
	}
	d := &blobsDriver{session: s, sas: a.sas, pageSize: c.PageSize, partSize: partSize}
	if d.endpoint, err = url.Parse(a.endpoint); err != nil || d.endpoint.Host == "" {
		return nil, op.Errorf(op.InvalidArgument, `endpoint is %q: it would be a URL like "https://account.blob.core.windows.net"`, a.endpoint)
	}
	options := &service.ClientOptions{ClientOptions: s.options}
	switch {
	case a.key != "":
		if d.key, err = blob.NewSharedKeyCredential(a.name, a.key); err != nil {
			return nil, op.Errorf(op.InvalidArgument, "account_key is no key: it would be of letters and digits in base64")
		}
		d.client, err = service.NewClientWithSharedKeyCredential(a.endpoint, d.key, options)
	case a.sas != "":
		d.client, err = service.NewClientWithNoCredential(a.endpoint+"?"+a.sas, options)
	default:
		d.client, err = service.NewClient(a.endpoint, s.credential, options)
	}
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "endpoint: %w", err)
	}
	return d, nil
}

// An account is where blobs are, with what opens it; neither key nor signature if
// that is a token of the session.
type account struct{ name, endpoint, key, sas string }

// accountOf finds the account: what is configured, else what the environment has
// for the Azure command line.
func accountOf(c blobsConfig) (account, error) {
	a := account{name: c.Account, endpoint: c.Endpoint, key: c.AccountKey.Reveal(), sas: c.SASToken.Reveal()}
	given := 0
	for _, s := range []drivers.Secret{c.AccountKey, c.SASToken, c.ConnectionString} {
		if s != "" {
			given++
		}
	}
	other := c.Credentials != "default" || c.Tenant != "" || c.ClientID != "" || c.ClientSecret != "" || c.ClientCertificate != "" || c.AccessToken != ""
	if given > 1 || given == 1 && other {
		return a, op.Errorf(op.InvalidArgument, "account_key, sas_token, connection_string and other credentials stand each alone: give one of them")
	}
	text := c.ConnectionString.Reveal()
	if given == 0 && !other {
		if a.key, a.sas = os.Getenv("AZURE_STORAGE_KEY"), ""; a.key == "" {
			a.sas = os.Getenv("AZURE_STORAGE_SAS_TOKEN")
		}
		if a.name == "" && a.endpoint == "" {
			text = os.Getenv("AZURE_STORAGE_CONNECTION_STRING")
		}
	}
	suffix := suffixes[c.Cloud]
	if text != "" {
		fields, err := connectionString(text)
		if err != nil {
			return a, err
		}
		a.name, a.key, a.sas = fields["AccountName"], fields["AccountKey"], fields["SharedAccessSignature"]
		if a.endpoint == "" {
			a.endpoint = fields["BlobEndpoint"]
		}
		if s := fields["EndpointSuffix"]; s != "" {
			suffix = s
		}
	}
	if a.name == "" {
		a.name = os.Getenv("AZURE_STORAGE_ACCOUNT")
	}
	a.sas = strings.TrimPrefix(a.sas, "?")
	a.endpoint = strings.TrimSuffix(a.endpoint, "/")
	switch {
	case a.name == "" && (a.endpoint == "" || a.key != ""):
		return a, op.Errorf(op.InvalidArgument, "there is no storage account: give account, or set AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING")
	case a.endpoint == "":
		a.endpoint = "https://" + a.name + ".blob." + suffix
	}
	return a, nil
}

// connectionString reads "AccountName=…;AccountKey=…".
func connectionString(text string) (map[string]string, error) {
	fields := map[string]string{}
	for part := range strings.SplitSeq(text, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
			fields[k] = v
		} else if k != "" {
			return nil, op.Errorf(op.InvalidArgument, "connection_string is none: it would begin like DefaultEndpointsProtocol=https;AccountName=")
		}
	}
	if fields["UseDevelopmentStorage"] == "true" { // the emulator's, which everyone knows
		return map[string]string{"AccountName": "devstoreaccount1", "BlobEndpoint": "http://127.0.0.1:10000/devstoreaccount1",
			"AccountKey": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="}, nil
	}
	if _, err := base64.StdEncoding.DecodeString(fields["AccountKey"]); err != nil || fields["AccountKey"]+fields["SharedAccessSignature"] == "" {
		return nil, op.Errorf(op.InvalidArgument, "connection_string has neither a usable AccountKey nor a SharedAccessSignature")
	}
	return fields, nil
}

// did is the answer to a request, or what its error means.
func did[T any](out T, err error) (T, error) { return out, failed(err) }

func (d *blobsDriver) container(name string) *container.Client {
	return d.client.NewContainerClient(name)
}

func (d *blobsDriver) blob(bucket, name string) *blockblob.Client {
	return d.container(bucket).NewBlockBlobClient(name)
}

// page is the size of pages to ask for, nil for the service's own.
func (d *blobsDriver) page() *int32 {
	if d.pageSize == 0 {
		return nil
	}
	return to.Ptr(int32(d.pageSize))
}

var containerName = regexp.MustCompile(`^(\$root|\$web|\$logs|[a-z0-9](-?[a-z0-9]){2,62})$`)

// knownContainer answers not_found for what cannot be a container's name: put into a
// request, it would be another's path.
func knownContainer(name string) error {
	if len(name) > 63 || !containerName.MatchString(name) {
		return op.Errorf(op.NotFound, "there is no container %.80q: names are of 3 to 63 lower-case letters, digits and single hyphens", name)
	}
	return nil
}

func (d *blobsDriver) ListBuckets(ctx context.Context, in storage.ListBuckets) iter.Seq2[storage.Bucket, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Bucket, string, error) {
		page, err := did(d.client.NewListContainersPager(&service.ListContainersOptions{Marker: optional(cursor), Prefix: optional(in.Name), MaxResults: d.page(),
			Include: service.ListContainersInclude{Metadata: true}}).NextPage(ctx))
		if err != nil {
			return nil, "", err
		}
		buckets := make([]storage.Bucket, 0, len(page.ContainerItems))
		for _, c := range page.ContainerItems {
			b := storage.Bucket{Name: value(c.Name), Extra: map[string]any{}}
			if p := c.Properties; p != nil {
				b.Extra = bucketExtra(p.LastModified, p.ETag, p.PublicAccess, p.LeaseState, c.Metadata)
			}
			buckets = append(buckets, b)
		}
		return buckets, value(page.NextMarker), nil
	})
}

func (d *blobsDriver) GetBucket(ctx context.Context, in storage.GetBucket) (storage.Bucket, error) {
	if err := knownContainer(in.Bucket); err != nil {
		return storage.Bucket{}, err
	}
	p, err := did(d.container(in.Bucket).GetProperties(ctx, nil))
	if err != nil {
		return storage.Bucket{}, about(err, "container", in.Bucket)
	}
	return storage.Bucket{Name: in.Bucket, Extra: bucketExtra(p.LastModified, p.ETag, p.BlobPublicAccess, p.LeaseState, p.Metadata)}, nil
}

// containerExtra is what create_bucket takes beyond the contract.
type containerExtra struct {
	PublicAccess publicAccess      `json:"public_access,omitzero" help:"What anyone may read: blobs, or the list of them too; nothing if not given."`
	Metadata     map[string]string `json:"metadata,omitzero" help:"Its metadata; names are words."`
}

type publicAccess string

// Values makes publicAccess an enumeration.
func (publicAccess) Values() []string { return []string{"blob", "container"} }

func (d *blobsDriver) CreateBucket(ctx context.Context, in storage.CreateBucket) (storage.Bucket, error) {
	extra, err := op.Extra[containerExtra](in.Extra)
	if err != nil {
		return storage.Bucket{}, err
	}
	if knownContainer(in.Name) != nil {
		return storage.Bucket{}, op.Errorf(op.InvalidArgument, "%.80q cannot be a container's name: it needs 3 to 63 lower-case letters, digits and single hyphens", in.Name)
	}
	if in.Location != "" {
		return storage.Bucket{}, op.Errorf(op.InvalidArgument, "location: a container is where its storage account is")
	}
	options := &container.CreateOptions{}
	if options.Metadata, err = metadataOf(extra.Metadata); err != nil {
		return storage.Bucket{}, err
	}
	if extra.PublicAccess != "" {
		options.Access = to.Ptr(container.PublicAccessType(extra.PublicAccess))
	}
	made, err := did(d.container(in.Name).Create(ctx, options))
	if err != nil {
		return storage.Bucket{}, about(err, "container", in.Name)
	}
	return storage.Bucket{Name: in.Name, Extra: bucketExtra(made.LastModified, made.ETag, options.Access, nil, options.Metadata)}, nil
}

// DeleteBucket looks whether the container is empty, since Azure itself would delete
// it with all that is in it.
func (d *blobsDriver) DeleteBucket(ctx context.Context, in storage.DeleteBucket) error {
	if err := knownContainer(in.Bucket); err != nil {
		return err
	}
	c := d.container(in.Bucket)
	p, err := did(c.GetProperties(ctx, nil))
	if err != nil {
		return about(err, "container", in.Bucket)
	}
	page, err := did(c.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{MaxResults: to.Ptr(int32(1)), Include: container.ListBlobsInclude{Snapshots: true}}).NextPage(ctx))
	if err != nil {
		return about(err, "container", in.Bucket)
	}
	if page.Segment != nil && len(page.Segment.BlobItems) > 0 {
		return op.Errorf(op.Conflict, "the container %s is not empty: delete its objects first", in.Bucket)
	}
	_, err = did(c.Delete(ctx, &container.DeleteOptions{AccessConditions: &container.AccessConditions{
		ModifiedAccessConditions: &container.ModifiedAccessConditions{IfUnmodifiedSince: p.LastModified}}}))
	return about(err, "container", in.Bucket)
}

// about puts into the message what is missing: the answer to a HEAD has no words.
func about(err error, what, name string) error {
	if err == nil {
		return nil
	}
	e := *op.AsError(err)
	if e.Kind == op.NotFound || e.Kind == op.AlreadyExists || e.Kind == op.Conflict {
		e.Message = what + " " + name + ": " + e.Message
	}
	return &e
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func etagOf(e *azcore.ETag) string { return strings.Trim(string(value(e)), `"`) }
