package azure

import (
	"context"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// sessionConfig is the configuration that the drivers of this package have in common.
type sessionConfig struct {
	Credentials         credentialKind `json:"credentials,omitzero" default:"default" help:"Where credentials are from: the default chain, or one of its parts alone. With client_secret or client_certificate, those."`
	Tenant              string         `json:"tenant,omitzero" help:"The tenant to sign in to; that of the environment if not given."`
	ClientID            string         `json:"client_id,omitzero" help:"The application to sign in as, with client_secret, client_certificate or workload_identity; or which managed identity."`
	ClientSecret        drivers.Secret `json:"client_secret,omitzero" help:"The application's secret."`
	ClientCertificate   string         `json:"client_certificate,omitzero" help:"A file with the application's certificate and key, PEM or PKCS #12; instead of a secret."`
	CertificatePassword drivers.Secret `json:"certificate_password,omitzero" help:"The password of that file."`
	AccessToken         drivers.Secret `json:"access_token,omitzero" help:"An access token, as \"az account get-access-token\" prints it; instead of other credentials. It is not renewed."`
	Cloud               cloudName      `json:"cloud,omitzero" default:"public" help:"Which of Azure's clouds."`
	Endpoint            string         `json:"endpoint,omitzero" help:"The URL to send requests to instead of the service's own: a private endpoint, or an emulated service."`
}

// credentialKind is where credentials are from.
type credentialKind string

// Values makes credentialKind an enumeration.
func (credentialKind) Values() []string {
	return []string{"default", "managed_identity", "workload_identity", "cli"}
}

// cloudName is one of Azure's clouds.
type cloudName string

// Values makes cloudName an enumeration.
func (cloudName) Values() []string { return []string{"public", "usgovernment", "china"} }

// clouds says where a cloud signs in. The rest of a cloud is known where a
// service is.
var clouds = map[cloudName]cloud.Configuration{
	"public":       cloud.AzurePublic,
	"usgovernment": cloud.AzureGovernment,
	"china":        cloud.AzureChina,
}

// A session is what one opened driver makes requests with.
type session struct {
	credential azcore.TokenCredential
	options    policy.ClientOptions // for the clients of any service
	transport  *http.Transport
}

// newSession makes no request: tokens are asked for when the first request
// needs one.
func newSession(c sessionConfig) (*session, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	s := &session{transport: transport}
	s.options = s.clientOptions(c.Cloud, transport)
	if c.AccessToken != "" {
		if c.Credentials != "default" || c.Tenant != "" || c.ClientID != "" || c.ClientSecret != "" || c.ClientCertificate != "" {
			return nil, op.Errorf(op.InvalidArgument, "access_token stands alone: give it, or other credentials")
		}
		s.credential = givenToken(c.AccessToken)
		return s, nil
	}
	issuer := &issuer{base: transport}
	source, err := credentialOf(c, s.clientOptions(c.Cloud, issuer))
	if err != nil {
		return nil, err
	}
	s.credential = &credential{source: source, issuer: issuer}
	return s, nil
}

// clientOptions are for clients that make one attempt a request: retrying is
// the host's.
func (s *session) clientOptions(in cloudName, transport http.RoundTripper) policy.ClientOptions {
	// A redirection would take the token to whoever it leads to.
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return policy.ClientOptions{Cloud: clouds[in], Transport: client, Retry: policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{ApplicationID: "cloudlark"}}
}

// Close drops the idle connections.
func (s *session) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// credentialOf is the credential that is configured.
func credentialOf(c sessionConfig, options policy.ClientOptions) (azcore.TokenCredential, error) {
	application := c.ClientSecret != "" || c.ClientCertificate != ""
	switch {
	case application && (c.Tenant == "" || c.ClientID == ""):
		return nil, op.Errorf(op.InvalidArgument, "client_secret and client_certificate go with tenant and client_id: give those too")
	case application && c.Credentials != "default":
		return nil, op.Errorf(op.InvalidArgument, "credentials is %q, and there is an application's secret or certificate: one of the two will do", c.Credentials)
	case c.ClientSecret != "" && c.ClientCertificate != "":
		return nil, op.Errorf(op.InvalidArgument, "there are client_secret and client_certificate: one of the two will do")
	}
	var source azcore.TokenCredential
	var err error
	switch {
	case c.ClientSecret != "":
		source, err = azidentity.NewClientSecretCredential(c.Tenant, c.ClientID, c.ClientSecret.Reveal(), &azidentity.ClientSecretCredentialOptions{ClientOptions: options})
	case c.ClientCertificate != "":
		source, err = certificateCredential(c, options)
	case c.Credentials == "managed_identity":
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
		if c.ClientID != "" {
			o.ID = azidentity.ClientID(c.ClientID)
		}
		source, err = azidentity.NewManagedIdentityCredential(o)
	case c.Credentials == "workload_identity":
		source, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientOptions: options, ClientID: c.ClientID, TenantID: c.Tenant})
	case c.ClientID != "":
		return nil, op.Errorf(op.InvalidArgument, `client_id goes with client_secret, client_certificate, or credentials = "managed_identity" or "workload_identity": give one of those`)
	case c.Credentials == "cli":
		source, err = azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: c.Tenant})
	default:
		source, err = azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options, TenantID: c.Tenant})
	}
	if err != nil {
		if e, ok := err.(*op.Error); ok {
			return nil, e
		}
		return nil, op.Errorf(op.InvalidArgument, "credentials: %w", err)
	}
	return source, nil
}

func certificateCredential(c sessionConfig, options policy.ClientOptions) (azcore.TokenCredential, error) {
	data, err := os.ReadFile(c.ClientCertificate)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "client_certificate: %w", err)
	}
	certificates, key, err := azidentity.ParseCertificates(data, []byte(c.CertificatePassword.Reveal()))
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "client_certificate: %s: %w", c.ClientCertificate, err)
	}
	// With the chain, where the tenant trusts the certificate by its issuer.
	return azidentity.NewClientCertificateCredential(c.Tenant, c.ClientID, certificates, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, SendCertificateChain: true})
}

// givenToken is an access token that somebody else asked for.
type givenToken drivers.Secret

func (t givenToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	// Who gave it knows when it ends; the service says so when it has.
	return azcore.AccessToken{Token: drivers.Secret(t).Reveal(), ExpiresOn: time.Now().Add(24 * time.Hour)}, nil
}

// credential says what it means that there is no token.
type credential struct {
	source azcore.TokenCredential
	issuer *issuer
}

func (c *credential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.source.GetToken(ctx, o)
	if err != nil {
		return token, refused(ctx, err, c.issuer.unreached.Load())
	}
	return token, nil
}

// An issuer is who tokens are asked of. It remembers whether it was reached:
// the libraries tell a failure only in words.
type issuer struct {
	base      http.RoundTripper
	unreached atomic.Bool // the last time
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := i.base.RoundTrip(r)
	i.unreached.Store(err != nil || resp.StatusCode >= http.StatusInternalServerError)
	return resp, err
}
