package openstack

import (
	"context"
	"net/http"
	"regexp"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// version1 is how the URLs end at which Swift itself, and Ceph's gateway, let
// users in without Keystone.
var version1 = regexp.MustCompile(`/(auth/)?v1(\.0)?/?$`)

// authenticateV1 asks for a token as version 1 of the API has it, and for the URL
// of the account, which is all the catalogue there is.
func (s *session) authenticateV1(ctx context.Context, client *gophercloud.ProviderClient) (*identity, error) {
	ask := func(ctx context.Context) (token, account string, err error) {
		asking := &gophercloud.ProviderClient{HTTPClient: client.HTTPClient, UserAgent: client.UserAgent}
		resp, err := asking.Request(ctx, http.MethodGet, s.login.auth.IdentityEndpoint, &gophercloud.RequestOpts{OkCodes: []int{200, 204},
			MoreHeaders: map[string]string{"X-Auth-User": s.login.auth.Username, "X-Auth-Key": s.login.auth.Password}})
		if err != nil {
			return "", "", failed(err)
		}
		resp.Body.Close()
		if token, account = resp.Header.Get("X-Auth-Token"), resp.Header.Get("X-Storage-Url"); token == "" || account == "" {
			return "", "", op.Errorf(op.Unavailable, "%s answers with no token, or without the URL of an account", s.login.auth.IdentityEndpoint)
		}
		return token, account, nil
	}
	token, account, err := ask(ctx)
	if err != nil {
		return nil, err
	}
	client.UseTokenLock()
	client.SetToken(token)
	client.ReauthFunc = func(ctx context.Context) error {
		token, _, err := ask(ctx)
		if err == nil {
			client.SetToken(token)
		}
		return err
	}
	return &identity{client: client, catalogue: []tokens.CatalogEntry{{Type: "object-store",
		Endpoints: []tokens.Endpoint{{Interface: s.login.kind, Region: s.login.region, URL: account}}}}}, nil
}
