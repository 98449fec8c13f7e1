package google

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"

	"google.golang.org/api/option"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// sessionConfig is the configuration that the drivers of this package have in common.
type sessionConfig struct {
	Project         string         `json:"project,omitzero" help:"The project's id; that of the environment or of the credentials if not given."`
	CredentialsFile string         `json:"credentials_file,omitzero" help:"A file of credentials, as a service account's key; application default credentials if not given."`
	AccessToken     drivers.Secret `json:"access_token,omitzero" help:"An OAuth 2.0 access token; instead of other credentials. It is not renewed."`
	Impersonate     string         `json:"impersonate,omitzero" help:"The e-mail address of a service account to act as."`
	Endpoint        string         `json:"endpoint,omitzero" help:"The URL to send requests to instead of the service's own: a private endpoint, or an emulated service."`
	PageSize        int            `json:"page_size,omitzero" help:"How many items to ask for at a time in lists; as many as the service gives if not given."`
}

// A session is what one opened driver makes requests with.
type session struct {
	client   *http.Client // authenticates each request
	endpoint string       // instead of the service's own, if not empty
	pageSize int          // 0 leaves it to the driver

	given       string // the project as configuration and environment tell it
	credentials *credentials
	transport   *http.Transport
}

// newSession makes no request and opens no file: credentials are looked for
// when the first request needs them.
func newSession(c sessionConfig) (*session, error) {
	if c.AccessToken != "" && (c.CredentialsFile != "" || c.Impersonate != "") {
		return nil, op.Errorf(op.InvalidArgument, "access_token stands alone: give it, or credentials_file and impersonate")
	}
	if c.PageSize < 0 || c.PageSize > 500 {
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d: it can be 1 to 500", c.PageSize)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	s := &session{endpoint: c.Endpoint, pageSize: c.PageSize, transport: transport,
		given:       cmp.Or(c.Project, os.Getenv("GOOGLE_CLOUD_PROJECT"), os.Getenv("CLOUDSDK_CORE_PROJECT")),
		credentials: newCredentials(c, transport)}
	// A redirection would take the token to whoever it leads to.
	s.client = &http.Client{Transport: authorized{s.credentials, transport}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s, nil
}

// Close drops the idle connections.
func (s *session) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// options are those of a service's client: its own endpoint is as
// "https://compute.googleapis.com", and its paths are below path, as "compute/v1/".
func (s *session) options(service, path string) ([]option.ClientOption, error) {
	options := []option.ClientOption{option.WithHTTPClient(s.client), option.WithUserAgent("cloudlark")}
	if s.endpoint == "" {
		return options, nil
	}
	root, err := url.Parse(s.endpoint)
	if err != nil || root.Host == "" {
		return nil, op.Errorf(op.InvalidArgument, "endpoint is %q: it would be a URL like %q", s.endpoint, service)
	}
	return append(options, option.WithEndpoint(strings.TrimSuffix(s.endpoint, "/")+"/"+path)), nil
}

// page is the number of items to ask for at a time.
func (s *session) page(largest int64) int64 {
	if s.pageSize == 0 {
		return largest
	}
	return min(largest, int64(s.pageSize))
}

// project is the id of the project that the session works in.
func (s *session) project(ctx context.Context) (string, error) {
	if s.given != "" {
		return s.given, nil
	}
	found, err := s.credentials.find(ctx)
	switch {
	case err != nil:
		return "", err
	case found.project == "":
		return "", op.Errorf(op.InvalidArgument, `there is no project: give project = "my-project", or set GOOGLE_CLOUD_PROJECT`)
	}
	return found.project, nil
}
