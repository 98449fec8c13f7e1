package google

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	oauthgoogle "golang.org/x/oauth2/google"
	"google.golang.org/api/impersonate"
	"google.golang.org/api/option"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// scope is what tokens are asked for; what they allow is IAM's to say.
const scope = "https://www.googleapis.com/auth/cloud-platform"

// credentials are looked for when they are first needed, and again after a
// failure: the metadata server of a young machine may not answer yet.
type credentials struct {
	config sessionConfig
	client *http.Client // for tokens; it must end, as the libraries ask without a context
	issuer *issuer      // what client goes through

	looking chan struct{} // holds one value while nobody looks
	mu      sync.Mutex
	found   *account
}

// An account is credentials that were found.
type account struct {
	tokens  oauth2.TokenSource
	project string // may be empty
	json    []byte // of a file of credentials, if they are from one
}

func newCredentials(c sessionConfig, transport http.RoundTripper) *credentials {
	i := &issuer{base: transport}
	s := &credentials{config: c, client: &http.Client{Transport: i, Timeout: time.Minute}, issuer: i, looking: make(chan struct{}, 1)}
	s.looking <- struct{}{}
	if c.AccessToken != "" {
		s.found = &account{tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: c.AccessToken.Reveal()})}
	}
	return s
}

// find returns the account. Who waits for another to find it can give up.
func (s *credentials) find(ctx context.Context) (*account, error) {
	if a := s.known(); a != nil {
		return a, nil
	}
	select {
	case <-s.looking:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return during(ctx, func() (*account, error) {
		defer func() { s.looking <- struct{}{} }()
		if a := s.known(); a != nil {
			return a, nil
		}
		a, err := s.look()
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.found = a
		return a, nil
	})
}

func (s *credentials) known() *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.found
}

// during does what heeds no context: who gives up no longer waits for it.
func during[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		v, err := f()
		done <- answer{v, err}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
}

// look finds the account, and makes one that acts as another if it shall. The
// token sources that it makes outlive the call that needed them first.
func (s *credentials) look() (*account, error) {
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, s.client)
	c, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	a := &account{tokens: c.TokenSource, project: c.ProjectID, json: c.JSON}
	if s.config.Impersonate != "" {
		client := &http.Client{Transport: &oauth2.Transport{Source: c.TokenSource, Base: s.client.Transport}, Timeout: s.client.Timeout}
		a.tokens, err = impersonate.CredentialsTokenSource(ctx, impersonate.CredentialsConfig{TargetPrincipal: s.config.Impersonate, Scopes: []string{scope}},
			option.WithHTTPClient(client))
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "impersonate: %w", err)
		}
	}
	return a, nil
}

// read reads the file that was named, or finds application default credentials.
func (s *credentials) read(ctx context.Context) (*oauthgoogle.Credentials, error) {
	if s.config.CredentialsFile == "" {
		c, err := oauthgoogle.FindDefaultCredentials(ctx, scope)
		if err != nil {
			return nil, op.Errorf(op.Unauthenticated, "there are no usable Google credentials: run \"gcloud auth application-default login\", "+
				"set GOOGLE_APPLICATION_CREDENTIALS to a file, or give credentials_file: %w", err)
		}
		return c, nil
	}
	data, err := os.ReadFile(s.config.CredentialsFile)
	if err != nil {
		return nil, op.Errorf(op.Unauthenticated, "credentials_file: %w", err)
	}
	var file struct {
		Type oauthgoogle.CredentialsType `json:"type"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, op.Errorf(op.Unauthenticated, "credentials_file: %s holds no credentials in JSON: %w", s.config.CredentialsFile, err)
	}
	// A file of external_account says where to send what to, and may name a
	// program to run: who configures a connection chooses the file.
	c, err := oauthgoogle.CredentialsFromJSONWithType(ctx, data, file.Type, scope)
	if err != nil {
		return nil, op.Errorf(op.Unauthenticated, "credentials_file: %s: %w", s.config.CredentialsFile, err)
	}
	return c, nil
}

// token is one that is good now.
func (s *credentials) token(ctx context.Context) (*oauth2.Token, error) {
	found, err := s.find(ctx)
	if err != nil {
		return nil, err
	}
	token, err := during(ctx, found.tokens.Token)
	if err != nil {
		return nil, s.refused(err)
	}
	return token, nil
}

// authorized adds a token to each request.
type authorized struct {
	credentials *credentials
	base        http.RoundTripper
}

func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := a.credentials.token(r.Context())
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	token.SetAuthHeader(r)
	return a.base.RoundTrip(r)
}

// An issuer is who tokens are asked of. It remembers whether it was reached:
// the libraries tell a failure only in words.
type issuer struct {
	base      http.RoundTripper
	unreached atomic.Bool // the last time
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := i.base.RoundTrip(r)
	i.unreached.Store(err != nil)
	return resp, err
}

// refused is what it means that there is no token.
func (s *credentials) refused(err error) error {
	var answer *oauth2.RetrieveError
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case s.issuer.unreached.Load(), errors.As(err, &answer) && answer.Response != nil && answer.Response.StatusCode >= 500:
		return op.Errorf(op.Unavailable, "asking for an access token: %w", err)
	}
	return op.Errorf(op.Unauthenticated, "the credentials give no access token: %w", err)
}
