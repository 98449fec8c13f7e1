package openstack

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// sessionConfig is the configuration that the drivers of this package have in
// common. What clouds.yaml has too is called as it is there.
type sessionConfig struct {
	Cloud                       string            `json:"cloud,omitzero" help:"The cloud in clouds.yaml and secure.yaml; that of OS_CLOUD if not given."`
	AuthURL                     string            `json:"auth_url,omitzero" help:"The URL of the identity service; that of OS_AUTH_URL if neither this nor a cloud is given."`
	Username                    string            `json:"username,omitzero" help:"The user's name, with password."`
	UserID                      string            `json:"user_id,omitzero" help:"The user's id; instead of the name."`
	Password                    drivers.Secret    `json:"password,omitzero" help:"The user's password."`
	UserDomainName              string            `json:"user_domain_name,omitzero" help:"The domain that the user's name is of; the one with the id \"default\" if not given."`
	UserDomainID                string            `json:"user_domain_id,omitzero" help:"Its id; instead of the name."`
	ProjectName                 string            `json:"project_name,omitzero" help:"The project to work in."`
	ProjectID                   string            `json:"project_id,omitzero" help:"Its id; instead of the name."`
	ProjectDomainName           string            `json:"project_domain_name,omitzero" help:"The domain that the project's name is of; the user's if not given."`
	ProjectDomainID             string            `json:"project_domain_id,omitzero" help:"Its id; instead of the name."`
	ApplicationCredentialID     string            `json:"application_credential_id,omitzero" help:"An application credential's id, with its secret; instead of a user."`
	ApplicationCredentialName   string            `json:"application_credential_name,omitzero" help:"An application credential's name, with its secret and the user that it is of."`
	ApplicationCredentialSecret drivers.Secret    `json:"application_credential_secret,omitzero" help:"The secret of the application credential."`
	Token                       drivers.Secret    `json:"token,omitzero" help:"A token of the identity service; instead of a user. It is not renewed."`
	Region                      string            `json:"region,omitzero" help:"The region; needed where the cloud has several."`
	Interface                   endpointKind      `json:"interface,omitzero" help:"Which of the catalogue's endpoints to use: public, internal or admin; public if not given."`
	Endpoint                    string            `json:"endpoint,omitzero" help:"The URL of the driver's own service, instead of the catalogue's."`
	Endpoints                   map[string]string `json:"endpoints,omitzero" help:"The URLs of services by their types, as {\"network\": \"https://…\"}, instead of the catalogue's."`
	CACert                      string            `json:"cacert,omitzero" help:"A file with the certificates of the authorities to trust."`
	Cert                        string            `json:"cert,omitzero" help:"A file with a client certificate, with key."`
	Key                         string            `json:"key,omitzero" help:"A file with its key."`
	PageSize                    int               `json:"page_size,omitzero" help:"How many items to ask for at a time in lists; as many as are given if not given."`
}

// A login is what the configuration, clouds.yaml and the environment come to.
type login struct {
	auth   gophercloud.AuthOptions
	region string
	kind   string // of endpoints
	tls    *tls.Config
}

// login finds out who to be and where, without a request. A connection is made
// of its configuration; what that leaves out is taken from the cloud that it or
// OS_CLOUD names, or from the OS_ variables, but from these only where it does
// not name another identity service: a password is for one alone.
func (c sessionConfig) login() (login, error) {
	var options []clouds.ParseOption
	for value, option := range map[string]func(string) clouds.ParseOption{c.CACert: clouds.WithCACertPath, c.Cert: clouds.WithClientCertPath, c.Key: clouds.WithClientKeyPath} {
		if value != "" {
			options = append(options, option(value))
		}
	}
	environment := c.AuthURL == "" && c.Token == ""
	name := c.Cloud
	if environment {
		name = cmp.Or(name, os.Getenv("OS_CLOUD"))
	}
	if name == "" {
		from := clouds.Cloud{AuthInfo: &clouds.AuthInfo{}}
		if environment {
			from = cloudOfEnvironment()
		}
		text, err := json.Marshal(clouds.Clouds{Clouds: map[string]clouds.Cloud{"given": from}}) // which is YAML too
		if err != nil {
			return login{}, err
		}
		options = append(options, clouds.WithCloudsYAML(strings.NewReader(string(text))))
		if !environment {
			options = append(options, clouds.WithRegion(""), clouds.WithEndpointType(""))
		}
	}
	options = append(options, clouds.WithCloudName(cmp.Or(name, "given")))
	if c.Region != "" {
		options = append(options, clouds.WithRegion(c.Region))
	}
	if c.Interface != "" {
		options = append(options, clouds.WithEndpointType(string(c.Interface)))
	}
	auth, where, tlsConfig, err := parse(options)
	if err != nil {
		return login{}, op.Errorf(op.InvalidArgument, "reading the configuration of the cloud %s: %w", cmp.Or(name, "that the environment names"), err)
	}
	if err := c.over(&auth); err != nil {
		return login{}, err
	}
	return login{auth: auth, region: where.Region, kind: string(where.Availability), tls: tlsConfig}, nil
}

// parse is clouds.Parse, which fails badly where a cloud has no part "auth".
func parse(options []clouds.ParseOption) (auth gophercloud.AuthOptions, where gophercloud.EndpointOpts, t *tls.Config, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it has no part auth, or one that cannot be read (%v)", r)
		}
	}()
	return clouds.Parse(options...)
}

// cloudOfEnvironment is the cloud that the OS_ variables describe, as the
// files that dashboards offer for download set them.
func cloudOfEnvironment() clouds.Cloud {
	v := func(names ...string) string {
		for _, name := range names {
			if s := os.Getenv("OS_" + name); s != "" {
				return s
			}
		}
		return ""
	}
	return clouds.Cloud{RegionName: v("REGION_NAME"), Interface: v("INTERFACE", "ENDPOINT_TYPE"), AuthInfo: &clouds.AuthInfo{
		AuthURL: v("AUTH_URL"), Token: v("TOKEN"), Username: v("USERNAME"), UserID: v("USER_ID", "USERID"), Password: v("PASSWORD"),
		ApplicationCredentialID: v("APPLICATION_CREDENTIAL_ID"), ApplicationCredentialName: v("APPLICATION_CREDENTIAL_NAME"),
		ApplicationCredentialSecret: v("APPLICATION_CREDENTIAL_SECRET"), SystemScope: v("SYSTEM_SCOPE"), TrustID: v("TRUST_ID"),
		ProjectName: v("PROJECT_NAME", "TENANT_NAME"), ProjectID: v("PROJECT_ID", "TENANT_ID"),
		UserDomainName: v("USER_DOMAIN_NAME"), UserDomainID: v("USER_DOMAIN_ID"), ProjectDomainName: v("PROJECT_DOMAIN_NAME"),
		ProjectDomainID: v("PROJECT_DOMAIN_ID"), DomainName: v("DOMAIN_NAME"), DomainID: v("DOMAIN_ID", "DEFAULT_DOMAIN"),
	}}
}

// over puts what is configured over what was found, and leaves of it the one
// way to authenticate that is meant.
func (c sessionConfig) over(a *gophercloud.AuthOptions) error {
	set := func(field *string, value string) {
		if value != "" {
			*field = value
		}
	}
	set(&a.IdentityEndpoint, c.AuthURL)
	set(&a.Password, c.Password.Reveal())
	set(&a.ApplicationCredentialSecret, c.ApplicationCredentialSecret.Reveal())
	if c.Username != "" || c.UserID != "" {
		a.Username, a.UserID = c.Username, c.UserID
		a.TokenID, a.ApplicationCredentialID, a.ApplicationCredentialName = "", "", ""
	}
	if c.UserDomainName != "" || c.UserDomainID != "" {
		a.DomainName, a.DomainID = c.UserDomainName, c.UserDomainID
	}
	if c.ApplicationCredentialID != "" || c.ApplicationCredentialName != "" {
		a.ApplicationCredentialID, a.ApplicationCredentialName = c.ApplicationCredentialID, c.ApplicationCredentialName
		a.TokenID = ""
	}
	if c.Token != "" {
		a.TokenID = c.Token.Reveal()
		a.ApplicationCredentialID, a.ApplicationCredentialName = "", ""
	}
	if c.ProjectID != "" || c.ProjectName != "" {
		a.Scope = &gophercloud.AuthScope{ProjectID: c.ProjectID}
		if c.ProjectID == "" {
			a.Scope = &gophercloud.AuthScope{ProjectName: c.ProjectName, DomainName: c.ProjectDomainName, DomainID: c.ProjectDomainID}
		}
	} else if a.Scope != nil && a.Scope.ProjectName != "" && (c.ProjectDomainName != "" || c.ProjectDomainID != "") {
		a.Scope.DomainName, a.Scope.DomainID = c.ProjectDomainName, c.ProjectDomainID
	}
	a.TenantID, a.TenantName = "", "" // the scope says it
	a.AllowReauth = true
	if a.UserID == "" && a.DomainName == "" && a.DomainID == "" {
		a.DomainID = "default"
	}
	if s := a.Scope; s != nil && s.ProjectName != "" && s.DomainName == "" && s.DomainID == "" {
		s.DomainName, s.DomainID = a.DomainName, a.DomainID
		if s.DomainName == "" && s.DomainID == "" {
			s.DomainID = "default"
		}
	}
	if a.IdentityEndpoint == "" && !(a.TokenID != "" && (c.Endpoint != "" || len(c.Endpoints) > 0)) {
		return op.Errorf(op.InvalidArgument, `there is no cloud: give cloud = "mycloud" (one of clouds.yaml) or auth_url and credentials, or set OS_CLOUD or OS_AUTH_URL`)
	}
	switch {
	case a.ApplicationCredentialID != "" || a.ApplicationCredentialName != "":
		if a.ApplicationCredentialSecret == "" {
			return op.Errorf(op.InvalidArgument, "an application credential goes with its secret: give application_credential_secret")
		}
		if a.ApplicationCredentialID == "" && a.Username == "" && a.UserID == "" {
			return op.Errorf(op.InvalidArgument, "an application credential's name is unique to its user only: give username, user_id or application_credential_id")
		}
		a.Password, a.TokenID, a.Scope = "", "", nil // it has a project of its own
	case a.TokenID != "" && a.Password == "":
		a.Username, a.UserID, a.DomainID, a.DomainName = "", "", "", ""
		a.AllowReauth = false
	case a.Username == "" && a.UserID == "":
		return op.Errorf(op.InvalidArgument, "there are no credentials for %s: give username and password, an application credential, or a token", a.IdentityEndpoint)
	case a.Password == "":
		return op.Errorf(op.InvalidArgument, "there is no password for the user %s: give password, or put it into secure.yaml", cmp.Or(a.Username, a.UserID))
	case a.UserID != "":
		a.Username, a.DomainID, a.DomainName = "", "", ""
	}
	return nil
}

// valid checks what is there without a cloud.
func (c sessionConfig) valid() error {
	if c.PageSize < 0 || c.PageSize > 1000 {
		return op.Errorf(op.InvalidArgument, "page_size is %d: it can be 1 to 1000", c.PageSize)
	}
	for _, pair := range [][2]string{{c.UserDomainName, c.UserDomainID}, {c.ProjectDomainName, c.ProjectDomainID}, {c.ProjectName, c.ProjectID}, {c.Username, c.UserID},
		{c.ApplicationCredentialName, c.ApplicationCredentialID}, {c.Cloud, c.AuthURL}} {
		if pair[0] != "" && pair[1] != "" {
			return op.Errorf(op.InvalidArgument, "%q and %q stand for the same: one of the two will do", pair[0], pair[1])
		}
	}
	return nil
}

// An endpointKind is one of the endpoints that a service has in the catalogue.
type endpointKind string

// Values makes endpointKind an enumeration.
func (endpointKind) Values() []string { return []string{"public", "internal", "admin"} }
