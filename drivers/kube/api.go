package kube

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// An API is one Kubernetes API server. It makes each request once: retrying is
// the host's.
type API struct {
	config    *rest.Config
	base      *url.URL
	client    *http.Client
	transport *http.Transport
	namespace string // where things go and are listed if none is named; may be empty
	only      bool   // lists of containers are of namespace alone
	pageSize  int
	explain   func(*op.Error, []byte) bool

	known discovery
}

// Options are what an [API] takes beside client-go's configuration.
type Options struct {
	Namespace string // where containers go that name none; "default" if empty
	Only      bool   // whether lists are of that namespace alone
	PageSize  int    // how many items to ask for at a time; 500 if 0

	// Explain completes an error from the body of an answer that is not
	// Kubernetes', and reports whether it is its own; nil if there are none.
	Explain func(e *op.Error, body []byte) bool
}

// NewAPI makes no request.
func NewAPI(config *rest.Config, o Options) (*API, error) {
	// client-go reads a certificate anew for as long as the process lives, if it
	// is in a file: then nothing would end with the connection.
	config = rest.CopyConfig(config)
	if err := rest.LoadTLSFiles(config); err != nil {
		return nil, op.Errorf(op.InvalidArgument, "the cluster's certificates: %w", err)
	}
	host := config.Host
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	base, err := url.Parse(host)
	if err != nil || base.Host == "" {
		return nil, op.Errorf(op.InvalidArgument, "%q is no URL of a Kubernetes API server", config.Host)
	}
	config.Host = base.String()
	c, err := config.TransportConfig()
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "the cluster's credentials: %w", err)
	}
	tls, err := transport.TLSConfigFor(c)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "the cluster's certificates: %w", err)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 16
	t.TLSClientConfig = tls
	if c.Proxy != nil {
		t.Proxy = c.Proxy
	}
	rt, err := transport.HTTPWrappersForConfig(c, t)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "the cluster's credentials: %w", err)
	}
	return &API{config: config, base: base, transport: t, namespace: o.Namespace, only: o.Only, pageSize: cmp.Or(o.PageSize, 500), explain: o.Explain,
		// A redirection would take the credentials to whoever it leads to.
		client: &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Close drops the idle connections.
func (a *API) Close() error {
	a.transport.CloseIdleConnections()
	return nil
}

// A request is one request of the API.
type request struct {
	method, path string
	query        url.Values
	body         any    // to be JSON, unless it is []byte
	contentType  string // of body; JSON if empty
	header       map[string]string
}

// url is where a request goes. Path and server may both have a path.
func (a *API) url(path string, query url.Values) *url.URL {
	u := *a.base
	u.Path, u.RawPath = strings.TrimSuffix(a.base.Path, "/")+path, ""
	u.RawQuery = query.Encode()
	return &u
}

// send makes a request. The caller closes the answer's body.
func (a *API) send(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader
	switch b := r.body.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "body: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, a.url(r.path, r.query).String(), body)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%w", err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", cmp.Or(r.contentType, "application/json"))
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, failure(err)
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, a.refusal(resp)
	}
	return resp, nil
}

// call makes a request and reads its answer.
func call[T any](ctx context.Context, a *API, r request) (T, error) {
	var v T
	resp, err := a.send(ctx, r)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return v, unreadable(err, resp)
	}
	return v, nil
}

// Call makes a request of an API beside Kubernetes' that the server has. body is
// to be JSON; nil is none.
func Call[T any](ctx context.Context, a *API, method, path string, query url.Values, body any) (T, error) {
	return call[T](ctx, a, request{method: method, path: path, query: query, body: body})
}

// PageSize is how many items to ask for at a time.
func (a *API) PageSize() int { return a.pageSize }

// do makes a request whose answer tells nothing that is not known.
func (a *API) do(ctx context.Context, r request) error {
	resp, err := a.send(ctx, r)
	if err != nil {
		return err
	}
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // so that the connection can be used again
	return resp.Body.Close()
}

const (
	mergePatch = "application/merge-patch+json"
	applyPatch = "application/apply-patch+yaml"
)

// Trust sets whose certificate a server may have: ca is PEM or a file of it, and
// replaces what is there unless it is empty.
func Trust(c *rest.Config, ca string, insecure bool) {
	switch {
	case strings.Contains(ca, "-----BEGIN"):
		c.CAData, c.CAFile = []byte(ca), ""
	case ca != "":
		c.CAFile, c.CAData = ca, nil
	}
	if insecure {
		c.Insecure, c.CAData, c.CAFile = true, nil, ""
	}
}
