package aws

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// A dialect is a service that speaks S3 and is not Amazon's: where it is, where
// its credentials are, and what it does in a way of its own.
type dialect struct {
	name, title, website string
	doc                  string // what only this one's users need to know

	endpoint  string    // with {region}; empty where everyone has their own
	region    string    // what requests are signed for, unless one is given
	regionVar string    // the environment variable that names one
	regions   string    // what regions are called, where one must be given
	keys      []keyVars // the environment variables of credentials, before Amazon's
	pathStyle bool      // buckets are in the path, not the host's name

	quirks
}

// keyVars are the environment variables of an access key and its secret.
type keyVars struct{ id, secret string }

// quirks are what a driver has to do otherwise than for Amazon.
type quirks struct {
	// foreign: the region is what requests are signed for, and no place. A bucket
	// is where the service says.
	foreign bool

	// signBody: a body is signed by its SHA-256, since the service compares it with
	// no other checksum, or others could change it on its way.
	signBody bool

	// noChecksums: the service refuses requests that have S3's checksums.
	noChecksums bool

	// unusable says why an object cannot have a name, "" if it can.
	unusable func(name string) string

	// encodes: names in a list of uploads are encoded, and it does not say so.
	encodes bool

	// allUploads: uploads are listed all or none; the driver chooses among them.
	allUploads bool

	// checkAbsent: the service does not look, or not always, whether there is an
	// object already; so the driver does, before it sends one.
	checkAbsent bool
}

// documented are the quirks that a service is expected to have which is only known
// from its documentation: what every one of them understands is sent.
var documented = quirks{foreign: true, signBody: true, noChecksums: true, checkAbsent: true}

var (
	cephDialect = dialect{
		name: "ceph", title: "Ceph Object Gateway", website: "https://docs.ceph.com/en/latest/radosgw/s3/",
		region: "us-east-1", pathStyle: true,
		quirks: quirks{foreign: true, signBody: true, unusable: notListed, encodes: true, checkAbsent: true},
		doc: `- A location is a zone group, or a zone group and a placement rule, as ` + "`default:archive`" + `. Any region will do: it is only what requests are signed for.
- Ceph before Squid keeps no checksum of an object that was uploaded in parts: a body is compared with its SHA-256 on its way in, and not on its way out.
- if_absent of a body of more than 8 MiB is looked into before its parts are put together, since Ceph itself does not look then: of two such writers at once, both may succeed.
- An upload can be completed of all its parts, not of some.
- Names with control characters other than line breaks and tabs are refused: the gateway could not list them.
- The gateway speaks Swift too: that is the driver ` + "`swift`, with `auth_url = \"https://gateway/auth/v1.0\"`" + `.
`,
	}
	minioDialect = dialect{
		name: "minio", title: "MinIO", website: "https://min.io/",
		region: "us-east-1", pathStyle: true,
		keys:   []keyVars{{"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"}, {"MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"}},
		quirks: quirks{foreign: true, unusable: leadingSlash, allUploads: true},
		doc: `- ` + "`alias`" + ` is a name of MinIO's own client mc, which has the endpoint and the keys: in its file ` + "`~/.mc/config.json`, or in `MC_HOST_name`" + `.
- A name is a path to MinIO: names that begin with a slash, or have ` + "`//`, `.` or `..`" + ` between their slashes, are refused.
- Of the objects ` + "`a` and `a/b`, lists show `a`" + ` alone: MinIO keeps both, and shows the second when the first is gone.
- list_multipart_uploads gives what the server remembers: MinIO lists no uploads from before it was started.
- All buckets are where the server is. Give region where the server has one of its own.
`,
	}
	hosted = []dialect{
		{
			name: "backblaze_b2", title: "Backblaze B2", website: "https://www.backblaze.com/docs/cloud-storage-s3-compatible-api",
			endpoint: "https://s3.{region}.backblazeb2.com", regions: `"us-west-004"`, keys: []keyVars{{"B2_APPLICATION_KEY_ID", "B2_APPLICATION_KEY"}}, quirks: documented,
			doc: "- The region is the second part of a bucket's endpoint, as in `s3.us-west-004.backblazeb2.com`. A deleted object is hidden: B2 keeps its versions as the bucket's lifecycle says.\n",
		},
		{
			name: "digitalocean_spaces", title: "DigitalOcean Spaces", website: "https://docs.digitalocean.com/reference/api/spaces-api/",
			endpoint: "https://{region}.digitaloceanspaces.com", regions: `"fra1"`, keys: []keyVars{{"SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY"}}, quirks: documented,
			doc: "- The keys are those of Spaces, not a token of the API.\n",
		},
		{
			name: "ovh", title: "OVHcloud Object Storage", website: "https://help.ovhcloud.com/csm/en-public-cloud-storage-s3-compliancy",
			endpoint: "https://s3.{region}.io.cloud.ovh.net", regions: `"gra"`, quirks: documented,
			doc: "- For containers that were made by Swift use the driver `swift`.\n",
		},
		{
			name: "scaleway", title: "Scaleway Object Storage", website: "https://www.scaleway.com/en/docs/object-storage/",
			endpoint: "https://s3.{region}.scw.cloud", regions: `"fr-par"`, regionVar: "SCW_DEFAULT_REGION", keys: []keyVars{{"SCW_ACCESS_KEY", "SCW_SECRET_KEY"}}, quirks: documented,
		},
		{
			name: "wasabi", title: "Wasabi", website: "https://docs.wasabi.com/docs/wasabi-api",
			endpoint: "https://s3.{region}.wasabisys.com", regions: `"eu-central-1"`, quirks: documented,
			doc: "- A deleted object is paid for as long as Wasabi's minimum says.\n",
		},
	}
	r2Dialect = dialect{
		name: "cloudflare_r2", title: "Cloudflare R2", website: "https://developers.cloudflare.com/r2/api/s3/",
		region: "auto", pathStyle: true, quirks: documented,
		doc: "- Give account_id, or set `CLOUDFLARE_ACCOUNT_ID`. The keys are those of an R2 API token. A location is a hint: wnam, enam, weur, eeur, apac, oc.\n",
	}
)

// compatibleConfig is the configuration of the driver of a dialect.
type compatibleConfig struct {
	Endpoint  string `json:"endpoint,omitzero" help:"The service's URL, as https://objects.example.com:9000; its public one, if it has one and none is given."`
	Region    string `json:"region,omitzero" help:"The region that requests are signed for, and that the service's URL has in it if there are several."`
	Profile   string `json:"profile,omitzero" help:"The profile in Amazon's shared configuration files that has the keys, and perhaps region and endpoint_url."`
	PathStyle *bool  `json:"path_style,omitzero" help:"Put buckets into the path, not the host name; so if endpoint is given, unless this is False."`
	keyConfig
}

// minioConfig is the configuration of the driver "minio".
type minioConfig struct {
	Alias string `json:"alias,omitzero" help:"The name by which MinIO's client mc knows the server and the keys."`
	compatibleConfig
}

// r2Config is the configuration of the driver "cloudflare_r2".
type r2Config struct {
	AccountID string `json:"account_id,omitzero" help:"The account, whose endpoint it is."`
	compatibleConfig
}

// compatibleProviders are the drivers of the services that have a name here.
func compatibleProviders() []*drivers.Provider {
	providers := []*drivers.Provider{
		drivers.New(cephDialect.info(), cephDialect.open),
		drivers.New(minioDialect.info(), openMinIO),
		drivers.New(r2Dialect.info(), openR2),
	}
	for _, d := range hosted {
		providers = append(providers, drivers.New(d.info(), d.open))
	}
	return providers
}

func (d *dialect) info() drivers.Info {
	vars := []string{"`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`"}
	for _, k := range slices.Backward(d.keys) {
		vars = slices.Insert(vars, 0, "`"+k.id+"` and `"+k.secret+"`")
	}
	where := "`endpoint` is the service's URL.\n"
	if d.endpoint != "" {
		where = "`region`, as " + d.regions + ", says where: the service's URL there is `" + d.endpoint + "`.\n"
	}
	doc := "## Credentials and endpoint\n\nThe keys are access_key_id and secret_access_key, those of the `profile` that is named in Amazon's shared files, or those in the environment: " +
		strings.Join(vars, ", or ") + ". " + where + "\n    [connection.store]\n    driver   = \"" + d.name + "\"\n"
	switch {
	case d.endpoint != "":
		doc += "    region   = " + d.regions + "\n"
	case d.name == r2Dialect.name:
		doc += "    account_id = \"0123456789abcdef\"\n"
	default:
		doc += "    endpoint = \"https://objects.example.com\"\n"
	}
	return drivers.Info{Name: d.name, Family: storage.Family, Title: d.title, Website: d.website, Doc: doc + "\n## What to know\n\n" + d.doc + objectsDoc,
		Extras: map[string]any{"create_bucket": bucketExtra{}, "put_object": objectExtra{}, "create_multipart_upload": objectExtra{}}}
}

func openR2(ctx context.Context, c r2Config) (*s3Driver, error) {
	account := cmp.Or(c.AccountID, os.Getenv("CLOUDFLARE_ACCOUNT_ID"))
	if c.Endpoint == "" && account == "" && c.Profile == "" {
		return nil, op.Errorf(op.InvalidArgument, "there is no account: give account_id, or set CLOUDFLARE_ACCOUNT_ID")
	}
	d := r2Dialect
	if account != "" {
		d.endpoint = "https://" + account + ".r2.cloudflarestorage.com"
	}
	return d.open(ctx, c.compatibleConfig)
}

// open reads files and the environment, and makes no request.
func (d *dialect) open(ctx context.Context, c compatibleConfig) (*s3Driver, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	shared, err := c.shared(ctx)
	if err != nil {
		return nil, err
	}
	region := cmp.Or(c.Region, shared.Region, os.Getenv(d.regionVar), d.region)
	endpoint := cmp.Or(c.Endpoint, shared.BaseEndpoint)
	pathStyle := d.pathStyle || endpoint != ""
	if c.PathStyle != nil {
		pathStyle = *c.PathStyle
	}
	switch {
	case endpoint == "" && d.endpoint == "":
		return nil, op.Errorf(op.InvalidArgument, `there is no endpoint: give endpoint = "https://objects.example.com" or the like`)
	case region == "":
		return nil, op.Errorf(op.InvalidArgument, "there is no region: give region = %s or the like", d.regions)
	case endpoint == "":
		endpoint = strings.ReplaceAll(d.endpoint, "{region}", region)
	}
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, op.Errorf(op.InvalidArgument, `endpoint is %q: it would be a URL like "https://objects.example.com"`, endpoint)
	}
	cfg := aws.Config{Region: region, BaseEndpoint: &endpoint, Credentials: aws.NewCredentialsCache(d.credentials(c, shared)), HTTPClient: awshttp.NewBuildableClient(),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }, APIOptions: []func(*middleware.Stack) error{mapErrors}}
	if d.noChecksums {
		cfg.APIOptions = append(cfg.APIOptions, dropChecksums)
	}
	q := d.quirks
	q.signBody = q.signBody || !private(&endpoint)
	return newS3(sessionOf(cfg, c.PageSize), pathStyle, q), nil
}

// shared is the profile that is named, or nothing: Amazon's own default is not
// for other services.
func (c compatibleConfig) shared(ctx context.Context) (config.SharedConfig, error) {
	if c.Profile == "" {
		return config.SharedConfig{}, nil
	}
	shared, err := config.LoadSharedConfigProfile(ctx, c.Profile, func(o *config.LoadSharedConfigOptions) {
		if f := os.Getenv("AWS_CONFIG_FILE"); f != "" {
			o.ConfigFiles = []string{f}
		}
		if f := os.Getenv("AWS_SHARED_CREDENTIALS_FILE"); f != "" {
			o.CredentialsFiles = []string{f}
		}
	})
	if err != nil {
		return shared, op.Errorf(op.InvalidArgument, "profile: %w", err)
	}
	return shared, nil
}

func (d *dialect) credentials(c compatibleConfig, shared config.SharedConfig) aws.CredentialsProvider {
	if c.AccessKeyID != "" {
		return c.static()
	}
	if s := shared.Credentials; s.HasKeys() {
		return credentials.NewStaticCredentialsProvider(s.AccessKeyID, s.SecretAccessKey, s.SessionToken)
	}
	vars := append(slices.Clone(d.keys), keyVars{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"})
	for _, k := range vars {
		id, secret := os.Getenv(k.id), os.Getenv(k.secret)
		if id == "" || secret == "" {
			continue
		}
		token := ""
		if k.id == "AWS_ACCESS_KEY_ID" {
			token = os.Getenv("AWS_SESSION_TOKEN")
		}
		return credentials.NewStaticCredentialsProvider(id, secret, token)
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, op.Errorf(op.Unauthenticated, "there are no credentials for %s: set %s and %s, or give access_key_id and secret_access_key, or profile",
			d.title, vars[0].id, vars[0].secret)
	})
}

// notListed: a list is no XML where a name, or the beginning of one that is asked
// for, has characters that XML does not.
func notListed(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return notXML(r) && !strings.ContainsRune("\t\n\r\x7f", r) }) {
		return "the service could not list it"
	}
	return ""
}

// leadingSlash: the service would drop it.
func leadingSlash(name string) string {
	if strings.HasPrefix(name, "/") {
		return "the service drops a slash at its beginning"
	}
	return ""
}

// dropChecksums takes S3's checksums from requests before they are signed.
func dropChecksums(stack *middleware.Stack) error {
	return stack.Build.Add(middleware.BuildMiddlewareFunc("CloudlarkDropChecksums",
		func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
			if r, ok := in.Request.(*smithyhttp.Request); ok {
				for name := range r.Header {
					if name := http.CanonicalHeaderKey(name); strings.HasPrefix(name, "X-Amz-Checksum-") || name == "X-Amz-Sdk-Checksum-Algorithm" {
						r.Header.Del(name)
					}
				}
			}
			return next.HandleBuild(ctx, in)
		}), middleware.After)
}
