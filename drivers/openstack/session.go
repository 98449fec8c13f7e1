package openstack

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	sdk "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A session is what one opened driver makes requests with.
type session struct {
	login     login
	main      string            // the type of the driver's own service
	endpoints map[string]string // of services by type, instead of the catalogue's
	pageSize  int               // 0 leaves it to the service
	transport *http.Transport

	authenticated atomic.Pointer[identity]
	turn          chan struct{} // held by who authenticates
}

// An identity is who a session is to the cloud.
type identity struct {
	client    *gophercloud.ProviderClient
	project   string                // its id; empty if the token is of none or says nothing
	catalogue []tokens.CatalogEntry // nil if there is none
}

// newSession makes no request: who the session is is asked for when the first
// request needs it. main is the type of the driver's own service.
func newSession(c sessionConfig, main string) (*session, error) {
	if err := c.valid(); err != nil {
		return nil, err
	}
	l, err := c.login()
	if err != nil {
		return nil, err
	}
	s := &session{login: l, main: main, pageSize: c.PageSize, endpoints: map[string]string{}, turn: make(chan struct{}, 1), transport: http.DefaultTransport.(*http.Transport).Clone()}
	s.transport.TLSClientConfig = l.tls
	s.transport.MaxIdleConnsPerHost = 16
	for kind, url := range c.Endpoints {
		s.endpoints[kind] = gophercloud.NormalizeURL(url)
	}
	if c.Endpoint != "" {
		s.endpoints[main] = gophercloud.NormalizeURL(c.Endpoint)
	}
	return s, nil
}

// Close drops the idle connections.
func (s *session) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// who is the session's identity. The first call asks the identity service for
// it; gophercloud renews the token when it has run out.
func (s *session) who(ctx context.Context) (*identity, error) {
	if i := s.authenticated.Load(); i != nil {
		return i, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if i := s.authenticated.Load(); i != nil {
		return i, nil
	}
	i, err := s.authenticate(ctx)
	if err == nil {
		s.authenticated.Store(i)
	}
	return i, err
}

func (s *session) authenticate(ctx context.Context) (*identity, error) {
	client := &gophercloud.ProviderClient{}
	if s.login.auth.IdentityEndpoint != "" {
		var err error
		if client, err = sdk.NewClient(s.login.auth.IdentityEndpoint); err != nil {
			return nil, op.Errorf(op.InvalidArgument, "auth_url: %w", err)
		}
	}
	// One attempt a request, and no redirection: it would take the token along.
	client.HTTPClient = http.Client{Transport: s.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	client.UserAgent.Prepend("cloudlark")
	client.ReauthBeforeTokenExpiration = time.Minute
	if s.login.auth.IdentityEndpoint == "" {
		client.UseTokenLock()
		client.SetToken(s.login.auth.TokenID)
		return &identity{client: client}, nil
	}
	if version1.MatchString(s.login.auth.IdentityEndpoint) {
		return s.authenticateV1(ctx, client)
	}
	if err := sdk.Authenticate(ctx, client, s.login.auth); err != nil {
		return nil, failed(err)
	}
	result, ok := client.GetAuthResult().(interface {
		ExtractServiceCatalog() (*tokens.ServiceCatalog, error)
		ExtractProject() (*tokens.Project, error)
	})
	if !ok {
		return nil, op.Errorf(op.Unsupported, "the identity service at %s offers version 2 of its API only", s.login.auth.IdentityEndpoint)
	}
	catalogue, err := result.ExtractServiceCatalog()
	if err != nil {
		return nil, failed(err)
	}
	i := &identity{client: client, catalogue: catalogue.Entries}
	if project, err := result.ExtractProject(); err == nil && project != nil {
		i.project = project.ID
	}
	return i, nil
}

// aliases are the other types under which catalogues have a service, the
// newest API first; those that gophercloud knows do not tell their order.
var aliases = map[string][]string{
	"block-storage": {"volumev3", "block-store", "volume", "volumev2"},
	"network":       {"networking"},
	"object-store":  {"object-storage"},
}

// versions are the versions that the paths of an API begin with, which
// catalogues mostly leave out.
var versions = map[string]string{"network": "v2.0", "image": "v2", "load-balancer": "v2.0", "dns": "v2", "key-manager": "v1", "identity": "v3"}

var versioned = regexp.MustCompile(`/v\d+(\.\d+)?/$`)

// service is the client of the service of a type, as "compute".
func (s *session) service(ctx context.Context, kind string) (*gophercloud.ServiceClient, error) {
	who, err := s.who(ctx)
	if err != nil {
		return nil, err
	}
	endpoint, err := s.locate(who, kind)
	if err != nil {
		return nil, err
	}
	c := &gophercloud.ServiceClient{ProviderClient: who.client, Type: kind, Endpoint: endpoint}
	if v := versions[kind]; v != "" && !versioned.MatchString(endpoint) {
		c.ResourceBase = endpoint + v + "/"
	}
	return c, nil
}

// locate finds the endpoint of a service, without asking the service which
// versions it has: that would be a request for each.
func (s *session) locate(who *identity, kind string) (string, error) {
	var kinds, regions []string
	for _, t := range append([]string{kind}, aliases[kind]...) {
		if url := s.endpoints[t]; url != "" {
			return url, nil
		}
		for _, entry := range who.catalogue {
			if kinds = append(kinds, entry.Type); entry.Type != t {
				continue
			}
			var found string
			for _, e := range entry.Endpoints {
				if e.Interface != s.login.kind {
					continue
				}
				if region := s.login.region; region == "" || region == e.Region || region == e.RegionID {
					found = gophercloud.NormalizeURL(e.URL)
				}
				regions = append(regions, e.Region)
			}
			slices.Sort(regions)
			regions = slices.Compact(regions)
			switch {
			case found != "" && s.login.region == "" && len(regions) > 1:
				return "", op.Errorf(op.InvalidArgument, "the cloud has the regions %s: give region, or set OS_REGION_NAME", strings.Join(regions, ", "))
			case found != "":
				return found, nil
			}
		}
	}
	where := fmt.Sprintf("%s endpoint of a service %q", s.login.kind, kind)
	if len(regions) > 0 {
		return "", op.Errorf(op.InvalidArgument, "there is no %s in the region %q: there is one in %s", where, s.login.region, strings.Join(regions, ", "))
	}
	slices.Sort(kinds)
	has := "it is empty"
	if kinds = slices.Compact(kinds); len(kinds) > 0 {
		has = "it has " + strings.Join(kinds, ", ")
	}
	return "", op.Errorf(op.Unsupported, "the cloud's catalogue has no %s: %s; endpoints can name others", where, has)
}
