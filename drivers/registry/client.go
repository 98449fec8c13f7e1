package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Client speaks with registries: with one that is its own, which names
// without a registry are in, and with any other that a name begins with.
type Client struct {
	home     string // the own registry's host; "" if there is none
	insecure bool   // the own registry is spoken to without TLS
	keychain authn.Keychain
	pageSize int

	transport *http.Transport
	mu        sync.Mutex
	entrances map[string]http.RoundTripper // by registry and scope
}

// NewClient makes a client. endpoint is the own registry, as a host or a URL,
// and may be empty. It makes no request.
func NewClient(endpoint string, keychain authn.Keychain, pageSize int) (*Client, error) {
	if pageSize < 0 || pageSize > 1000 {
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d: it can be 1 to 1000", pageSize)
	}
	t := remote.DefaultTransport.(*http.Transport).Clone()
	c := &Client{keychain: keychain, pageSize: cmp.Or(pageSize, 1000), transport: t, entrances: map[string]http.RoundTripper{}}
	if endpoint == "" {
		return c, nil
	}
	if scheme, _, ok := strings.Cut(endpoint, "://"); ok {
		if scheme != "http" && scheme != "https" {
			return nil, op.Errorf(op.InvalidArgument, "endpoint: %q is neither a registry's host nor a URL of http or https", endpoint)
		}
		c.insecure = scheme == "http"
	}
	c.home = Host(endpoint)
	if _, err := name.NewRegistry(c.home, name.StrictValidation); err != nil {
		return nil, op.Errorf(op.InvalidArgument, "endpoint: %q is no registry's host, as \"registry.example:5000\"", endpoint)
	}
	return c, nil
}

// Host is a registry's host, and port if it has one, from that or a URL.
func Host(endpoint string) string {
	if _, rest, ok := strings.Cut(endpoint, "://"); ok {
		endpoint = rest
	}
	return canonical(strings.TrimSuffix(endpoint, "/"))
}

// Close drops the idle connections.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

func (c *Client) nameOptions(text string) []name.Option {
	options := []name.Option{name.WithDefaultRegistry(c.home)}
	if host, _, _ := strings.Cut(text, "/"); c.insecure && (canonical(host) == c.home || !strings.ContainsAny(host, ".:") && host != "localhost") {
		options = append(options, name.Insecure)
	}
	return options
}

// reference reads an image's name.
func (c *Client) reference(text string) (name.Reference, error) {
	ref, err := name.ParseReference(text, c.nameOptions(text)...)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%q is not an image's name like \"team/app:1.2\" or \"registry.example/app@sha256:…\": %w", text, err)
	}
	if ref.Context().RegistryStr() == "" {
		return nil, op.Errorf(op.InvalidArgument, "%q begins with no registry, as \"registry.example/team/app\" does, and the connection has none of its own", text)
	}
	return ref, nil
}

// repository reads a repository's name.
func (c *Client) repository(text string) (name.Repository, error) {
	repo, err := name.NewRepository(text, c.nameOptions(text)...)
	if err == nil && repo.RegistryStr() == "" {
		err = errors.New("the connection has no registry of its own")
	}
	if err != nil {
		return repo, op.Errorf(op.InvalidArgument, "%q is not a repository's name like \"team/app\": %w", text, err)
	}
	return repo, nil
}

// own is the client's own registry.
func (c *Client) own() (name.Registry, error) {
	if c.home == "" {
		return name.Registry{}, op.Errorf(op.InvalidArgument, `the connection has no registry of its own: give it endpoint = "registry.example"`)
	}
	options := []name.Option{}
	if c.insecure {
		options = append(options, name.Insecure)
	}
	return name.NewRegistry(c.home, options...)
}

// entrance is the way into a registry for a scope. Who is let in is asked once,
// and tokens are renewed by themselves.
func (c *Client) entrance(ctx context.Context, target authn.Resource, reg name.Registry, scope string) (http.RoundTripper, error) {
	key := reg.Scheme() + " " + reg.String() + " " + scope
	c.mu.Lock()
	t := c.entrances[key]
	c.mu.Unlock()
	if t != nil {
		return t, nil
	}
	auth, err := authn.Resolve(ctx, c.keychain, target)
	if err != nil {
		return nil, failedCredentials(reg.RegistryStr(), err)
	}
	t, err = transport.NewWithContext(ctx, reg, auth, noting{c.transport}, []string{scope})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.entrances[key] = t
	c.mu.Unlock()
	return t, nil
}

// options are those of one call that makes one request after the other, each once.
func (c *Client) options(ctx context.Context, repo name.Repository, scope string) ([]remote.Option, error) {
	t, err := c.entrance(ctx, repo, repo.Registry, repo.Scope(scope))
	if err != nil {
		return nil, err
	}
	return []remote.Option{remote.WithContext(ctx), remote.WithTransport(t), once}, nil
}

// once is the SDK without retries.
var once = remote.WithRetryBackoff(remote.Backoff{Duration: time.Millisecond, Steps: 1})

// do runs what makes requests, and makes its error an [op.Error].
func do[T any](ctx context.Context, f func(ctx context.Context) (T, error)) (T, error) {
	a := new(answer)
	out, err := f(context.WithValue(ctx, answerKey{}, a))
	if err != nil {
		return out, failed(err, a)
	}
	return out, nil
}

// An answer is what the SDK's errors leave out of the answer that made them.
type answer struct {
	mu        sync.Mutex // a copy makes several requests at once
	after     time.Duration
	requestID string
}

type answerKey struct{}

// noting writes down what answer is for.
type noting struct{ http.RoundTripper }

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := n.RoundTripper.RoundTrip(r)
	if a, ok := r.Context().Value(answerKey{}).(*answer); ok && err == nil && resp.StatusCode >= 400 {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.after = op.RetryAfter(resp.Header.Get("Retry-After"))
		a.requestID = cmp.Or(resp.Header.Get("X-Request-Id"), resp.Header.Get("X-Amzn-Requestid"))
	}
	return resp, err
}

// failed is what an error of the SDK means.
func failed(err error, a *answer) error {
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	e := &op.Error{Kind: op.Internal, Message: err.Error(), Err: err}
	a.mu.Lock()
	e.RetryAfter, e.RequestID = a.after, a.requestID
	a.mu.Unlock()
	var network net.Error
	answered, ok := errors.AsType[*transport.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		e.Kind = op.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind = op.Timeout
	case ok:
		e.Kind = kindOfStatus(answered.StatusCode)
		if len(answered.Errors) > 0 {
			e.Code = string(answered.Errors[0].Code)
			e.Message = cmp.Or(answered.Errors[0].Message, e.Code)
			e.Kind = cmp.Or(kinds[answered.Errors[0].Code], e.Kind)
		}
		if answered.Request != nil && answered.Request.URL != nil {
			e.Message = answered.Request.URL.Host + strings.TrimPrefix(answered.Request.URL.Path, "/v2") + ": " + e.Message
		}
		if len(e.Message) > 1000 {
			e.Message = strings.ToValidUTF8(e.Message[:1000], "") + "…"
		}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.As(err, &network):
		e.Kind = op.Unavailable
	}
	return e
}

var kinds = map[transport.ErrorCode]op.Kind{
	transport.NameUnknownErrorCode:         op.NotFound,
	transport.ManifestUnknownErrorCode:     op.NotFound,
	transport.BlobUnknownErrorCode:         op.NotFound,
	transport.ManifestBlobUnknownErrorCode: op.NotFound,
	transport.NameInvalidErrorCode:         op.InvalidArgument,
	transport.TagInvalidErrorCode:          op.InvalidArgument,
	transport.ManifestInvalidErrorCode:     op.InvalidArgument,
	transport.DigestInvalidErrorCode:       op.InvalidArgument,
	transport.SizeInvalidErrorCode:         op.InvalidArgument,
	transport.UnauthorizedErrorCode:        op.Unauthenticated,
	transport.DeniedErrorCode:              op.PermissionDenied,
	transport.UnsupportedErrorCode:         op.Unsupported,
	transport.TooManyRequestsErrorCode:     op.RateLimited,
	transport.UnavailableErrorCode:         op.Unavailable,
}

func kindOfStatus(status int) op.Kind {
	switch {
	case status == http.StatusNotFound:
		return op.NotFound
	case status == http.StatusUnauthorized:
		return op.Unauthenticated
	case status == http.StatusForbidden:
		return op.PermissionDenied
	case status == http.StatusTooManyRequests:
		return op.RateLimited
	case status == http.StatusMethodNotAllowed, status == http.StatusNotImplemented:
		return op.Unsupported
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return op.Conflict
	case status == http.StatusInsufficientStorage:
		return op.QuotaExceeded
	case status >= 500:
		return op.Unavailable
	case status >= 300:
		return op.InvalidArgument
	}
	return op.Internal
}

// fetch makes a request that the SDK has nothing for, and reads its answer into
// out unless that is nil. It returns the header.
func (c *Client) fetch(ctx context.Context, target authn.Resource, reg name.Registry, scope, method, path string, query url.Values, headers map[string]string, body io.Reader, out any) (http.Header, error) {
	t, err := c.entrance(ctx, target, reg, scope)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: reg.Scheme(), Host: reg.RegistryStr(), Path: path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "operation: %w", err)
	}
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	// A redirection is for blobs, and would take credentials along.
	client := http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := transport.CheckError(resp, http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent); err != nil {
		return nil, err
	}
	if out == nil || method == http.MethodHead {
		return resp.Header, nil
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); resp.ContentLength != 0 && kind != "" && !strings.HasSuffix(kind, "json") && !strings.HasSuffix(kind, "+prettyjws") && !strings.HasPrefix(kind, "text/") {
		return nil, op.Errorf(op.InvalidArgument, "it answers with a body of %s, which is not handed on", kind)
	}
	d := json.NewDecoder(io.LimitReader(resp.Body, 64<<20))
	d.UseNumber()
	if err := d.Decode(out); err != nil && err != io.EOF {
		return nil, err
	}
	return resp.Header, nil
}

// next is where the following page begins, from the header of this one.
func next(h http.Header) string {
	link := h.Get("Link")
	from, to := strings.Index(link, "<"), strings.Index(link, ">")
	if from < 0 || to < from {
		return ""
	}
	u, err := url.Parse(link[from+1 : to])
	if err != nil {
		return ""
	}
	return u.Query().Get("last")
}

// Parts takes the name of an image in the own registry apart; either tag or
// digest is empty.
func (c *Client) Parts(image string) (repository, tag, digest string, err error) {
	ref, err := c.reference(image)
	if err != nil {
		return "", "", "", err
	}
	if err := c.owns(ref.Context()); err != nil {
		return "", "", "", err
	}
	switch r := ref.(type) {
	case name.Digest:
		digest = r.DigestStr()
	case name.Tag:
		tag = r.TagStr()
	}
	return ref.Context().RepositoryStr(), tag, digest, nil
}

// Repository is what the own registry calls a repository of its.
func (c *Client) Repository(text string) (string, error) {
	repo, err := c.repository(text)
	if err == nil {
		err = c.owns(repo)
	}
	return repo.RepositoryStr(), err
}

func (c *Client) owns(repo name.Repository) error {
	if host := repo.RegistryStr(); host != c.home {
		return op.Errorf(op.InvalidArgument, "%s is in %s, not in the connection's own registry %s", repo, host, c.home)
	}
	return nil
}
