package aws

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// sessionConfig is the configuration that the drivers have in common.
type sessionConfig struct {
	Region   string `json:"region,omitzero" help:"The region, as eu-west-1; that of the environment or the profile if not given."`
	Profile  string `json:"profile,omitzero" help:"The profile in the shared configuration files."`
	Endpoint string `json:"endpoint,omitzero" help:"The URL of a compatible or emulated service."`
	keyConfig
	RoleARN string `json:"role_arn,omitzero" help:"A role to assume with the credentials."`
}

// keyConfig is what the drivers of compatible services take too.
type keyConfig struct {
	AccessKeyID     string         `json:"access_key_id,omitzero" help:"The access key, with secret_access_key; instead of what the environment has."`
	SecretAccessKey drivers.Secret `json:"secret_access_key,omitzero" help:"Its secret."`
	SessionToken    drivers.Secret `json:"session_token,omitzero" help:"The token of temporary credentials."`
	PageSize        int            `json:"page_size,omitzero" help:"How many items to ask for at a time in lists; as many as the service gives if not given."`
}

func (c keyConfig) check() error {
	if (c.AccessKeyID == "") != (c.SecretAccessKey == "") || c.SessionToken != "" && c.AccessKeyID == "" {
		return op.Errorf(op.InvalidArgument, "access_key_id and secret_access_key go together: give both or neither")
	}
	if c.PageSize < 0 || c.PageSize > 1000 {
		return op.Errorf(op.InvalidArgument, "page_size is %d: it can be 1 to 1000", c.PageSize)
	}
	return nil
}

func (c keyConfig) static() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey.Reveal(), c.SessionToken.Reveal())
}

// A session is what one opened driver makes requests with.
type session struct {
	config   aws.Config
	close    func()
	pageSize int
}

// Close drops the idle connections.
func (s *session) Close() error {
	s.close()
	return nil
}

// page is the size of pages to ask for; nil leaves it to the service, which
// has lists where saying any size is an error together with other arguments.
func (s *session) page() *int32 {
	if s.pageSize == 0 {
		return nil
	}
	return aws.Int32(int32(s.pageSize))
}

// newSession reads configuration files and the environment, and makes no
// request: credentials are looked for when the first request needs them.
func newSession(ctx context.Context, c sessionConfig) (*session, error) {
	if err := c.keyConfig.check(); err != nil {
		return nil, err
	}
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithAPIOptions([]func(*middleware.Stack) error{mapErrors}),
	}
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	if c.AccessKeyID != "" {
		options = append(options, config.WithCredentialsProvider(c.static()))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "reading the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return nil, op.Errorf(op.InvalidArgument,
			`there is no region: give region = "eu-west-1" or the like, set AWS_REGION, or name one in the profile in ~/.aws/config`)
	}
	if c.RoleARN != "" {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), c.RoleARN))
	}
	cfg.Credentials = identified{cfg.Credentials}
	if c.Endpoint != "" {
		cfg.BaseEndpoint = aws.String(c.Endpoint)
	}
	return sessionOf(cfg, c.PageSize), nil
}

// sessionOf is a session with a transport of its own.
func sessionOf(cfg aws.Config, pageSize int) *session {
	s := &session{config: cfg, close: func() {}, pageSize: pageSize}
	// The SDK's client cannot be closed, the transport that it would use can.
	if client, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		transport := client.GetTransport()
		// As many as are used at once are kept, and bodies move in larger pieces.
		transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 256
		transport.WriteBufferSize, transport.ReadBufferSize = 64<<10, 64<<10
		s.config.HTTPClient = &http.Client{Transport: readOnce{transport}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		s.close = transport.CloseIdleConnections
	}
	return s
}

// readOnce hides from the transport that the SDK's request bodies are
// io.WriterTo. The SDK closes a body as soon as the answer begins, while the
// transport may still look whether the body goes on. A closed body's Read then
// says that it does not, as it should; but its WriteTo answers with io.EOF, which
// no WriteTo may: the transport takes it for a failure and cuts the answer off.
type readOnce struct{ http.RoundTripper }

func (t readOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r = r.WithContext(r.Context()) // a round tripper does not change its request
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return t.RoundTripper.RoundTrip(r)
}

// identified says what to do where there are no credentials.
type identified struct{ aws.CredentialsProvider }

func (p identified) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := p.CredentialsProvider.Retrieve(ctx)
	if err == nil || ctx.Err() != nil {
		return c, err
	}
	if _, refused := errors.AsType[smithy.APIError](err); refused {
		return c, failed(err) // a role that may not be assumed, say
	}
	return c, op.Errorf(op.Unauthenticated, "there are no usable AWS credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "+
		"run \"aws sso login\", or give profile or access_key_id and secret_access_key: %w", err)
}
