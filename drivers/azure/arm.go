package azure

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armsubscriptions"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// managerConfig is the configuration of what is managed by Azure Resource Manager.
type managerConfig struct {
	sessionConfig
	Subscription  string `json:"subscription,omitzero" help:"The subscription's id; AZURE_SUBSCRIPTION_ID, or the only one that the credentials can see, if not given."`
	ResourceGroup string `json:"resource_group,omitzero" help:"The resource group that things are made in, and that lists are of. Without it lists are of the whole subscription, and nothing can be made."`
	Location      string `json:"location,omitzero" help:"The location that things are made in where none is given, as westeurope."`
}

// A manager is a session with Azure Resource Manager.
type manager struct {
	*session
	group    string // may be empty
	location string // may be empty
	options  *arm.ClientOptions

	finding chan struct{} // holds one value while nobody looks for the subscription
	mu      sync.Mutex
	found   *api

	creating names
}

// api is the clients for one subscription.
type api struct {
	subscription string
	client       *arm.Client

	vms       *armcompute.VirtualMachinesClient
	disks     *armcompute.DisksClient
	snapshots *armcompute.SnapshotsClient
	images    *armcompute.ImagesClient
	market    *armcompute.VirtualMachineImagesClient
	galleries *armcompute.GalleriesClient
	gallery   *armcompute.GalleryImagesClient
	versions  *armcompute.GalleryImageVersionsClient
	keys      *armcompute.SSHPublicKeysClient
	skus      *armcompute.ResourceSKUsClient

	nics     *armnetwork.InterfacesClient
	ips      *armnetwork.PublicIPAddressesClient
	networks *armnetwork.VirtualNetworksClient
	subnets  *armnetwork.SubnetsClient
	groups   *armnetwork.SecurityGroupsClient
	rules    *armnetwork.SecurityRulesClient
	members  *armnetwork.ApplicationSecurityGroupsClient

	balancers *armnetwork.LoadBalancersClient
	traffic   *armnetwork.LoadBalancerLoadBalancingRulesClient

	clusters *armcontainerservice.ManagedClustersClient

	places *armsubscriptions.Client
}

func newManager(c managerConfig) (*manager, error) {
	s, err := newSession(c.sessionConfig)
	if err != nil {
		return nil, err
	}
	m := &manager{session: s, group: c.ResourceGroup, location: place(c.Location), finding: make(chan struct{}, 1)}
	m.finding <- struct{}{}
	m.options = &arm.ClientOptions{ClientOptions: s.options, DisableRPRegistration: true}
	// Behind an endpoint there may be Azure itself, whose links lead to it.
	allowed := only{hostOf(m.options.Cloud.Services[cloud.ResourceManager].Endpoint)}
	if c.Endpoint != "" {
		root, err := url.Parse(c.Endpoint)
		if err != nil || root.Host == "" {
			return nil, op.Errorf(op.InvalidArgument, "endpoint is %q: it would be like \"https://management.azure.com\"", c.Endpoint)
		}
		m.redirect(strings.TrimSuffix(root.String(), "/"))
		allowed = append(allowed, root.Host)
		m.options.InsecureAllowCredentialWithHTTP = root.Scheme == "http"
	}
	m.options.PerCallPolicies = append(m.options.PerCallPolicies, allowed)
	if c.ResourceGroup != "" && !groupName.MatchString(c.ResourceGroup) {
		return nil, op.Errorf(op.InvalidArgument, "resource_group is %q: it would be like \"web-prod\"", c.ResourceGroup)
	}
	subscription := c.Subscription
	if subscription == "" {
		subscription = os.Getenv("AZURE_SUBSCRIPTION_ID")
	}
	if subscription != "" {
		if !plainWord.MatchString(subscription) {
			return nil, op.Errorf(op.InvalidArgument, "subscription is %q: it would be a UUID", subscription)
		}
		if m.found, err = m.clients(subscription); err != nil {
			return nil, err
		}
	}
	return m, nil
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	groupName = regexp.MustCompile(`^[\pL\pN_.()-]{1,90}$`)
)

// redirect has requests sent to an endpoint, with tokens as they are for the
// cloud's own.
func (m *manager) redirect(endpoint string) {
	c := m.options.Cloud
	service := c.Services[cloud.ResourceManager]
	service.Endpoint = endpoint
	m.options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: c.ActiveDirectoryAuthorityHost,
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: service}}
}

// only are the hosts that requests may go to: links to a next page, and to the
// state of an operation, are the service's words, and the token goes along.
type only []string

func (o only) Do(r *policy.Request) (*http.Response, error) {
	if host := r.Raw().URL.Host; !slices.Contains(o, host) {
		return nil, op.Errorf(op.Internal, "the answer leads to %s: no token goes there", host)
	}
	return r.Next()
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// clients makes no request.
func (m *manager) clients(subscription string) (*api, error) {
	client, err := arm.NewClient("github.com/cloudlark/cloudlark/drivers/azure", "v1.0.0", m.credential, m.options)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "opening the client: %w", err)
	}
	c, err := armcompute.NewClientFactory(subscription, m.credential, m.options)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "opening the client: %w", err)
	}
	n, err := armnetwork.NewClientFactory(subscription, m.credential, m.options)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "opening the client: %w", err)
	}
	clusters, err := armcontainerservice.NewManagedClustersClient(subscription, m.credential, m.options)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "opening the client: %w", err)
	}
	places, err := armsubscriptions.NewClient(m.credential, m.options)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "opening the client: %w", err)
	}
	return &api{subscription: subscription, client: client,
		vms: c.NewVirtualMachinesClient(), disks: c.NewDisksClient(), snapshots: c.NewSnapshotsClient(), images: c.NewImagesClient(),
		market: c.NewVirtualMachineImagesClient(), galleries: c.NewGalleriesClient(), gallery: c.NewGalleryImagesClient(),
		versions: c.NewGalleryImageVersionsClient(), keys: c.NewSSHPublicKeysClient(), skus: c.NewResourceSKUsClient(),
		nics: n.NewInterfacesClient(), ips: n.NewPublicIPAddressesClient(), networks: n.NewVirtualNetworksClient(), subnets: n.NewSubnetsClient(),
		groups: n.NewSecurityGroupsClient(), rules: n.NewSecurityRulesClient(), members: n.NewApplicationSecurityGroupsClient(),
		balancers: n.NewLoadBalancersClient(), traffic: n.NewLoadBalancerLoadBalancingRulesClient(),
		clusters: clusters, places: places}, nil
}

// api is the clients for the session's subscription, which is looked for when
// it is first needed. Who waits for another to find it can give up.
func (m *manager) api(ctx context.Context) (*api, error) {
	known := func() *api {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.found
	}
	if a := known(); a != nil {
		return a, nil
	}
	select {
	case <-m.finding:
		defer func() { m.finding <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if a := known(); a != nil {
		return a, nil
	}
	places, err := armsubscriptions.NewClient(m.credential, m.options)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "opening the client: %w", err)
	}
	var ids []string
	for pager := places.NewListPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, failed(err)
		}
		for _, s := range page.Value {
			if s.SubscriptionID != nil && s.State != nil && *s.State == armsubscriptions.SubscriptionStateEnabled {
				ids = append(ids, *s.SubscriptionID)
			}
		}
	}
	switch len(ids) {
	case 0:
		return nil, op.Errorf(op.PermissionDenied, "the credentials can see no subscription: give subscription, or have them a role in one")
	case 1:
	default:
		return nil, op.Errorf(op.InvalidArgument, "the credentials can see %d subscriptions: give subscription, one of %s", len(ids), strings.Join(ids, ", "))
	}
	a, err := m.clients(ids[0])
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.found = a
	return a, nil
}

// into is the clients, and the resource group that something new goes into.
func (m *manager) into(ctx context.Context) (*api, string, error) {
	if m.group == "" {
		return nil, "", op.Errorf(op.InvalidArgument, `there is no resource group to make it in: give the connection resource_group`)
	}
	a, err := m.api(ctx)
	return a, m.group, err
}

// at is the location for something new.
func (m *manager) at(location string) (string, error) {
	if location != "" {
		return place(location), nil
	}
	if m.location == "" {
		return "", op.Errorf(op.InvalidArgument, `there is no location: give location = "westeurope" or the like, or give the connection one`)
	}
	return m.location, nil
}

// place is a location in the form that all services know: West Europe is westeurope.
func place(location string) string {
	return strings.ToLower(strings.ReplaceAll(location, " ", ""))
}

// names are the ids of what is being made. What is looked for and then made
// would be made twice by two who look at the same time.
type names struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

// hold waits until nobody else makes it.
func (n *names) hold(ctx context.Context, id string) (release func(), err error) {
	id = strings.ToLower(id)
	for {
		n.mu.Lock()
		other, busy := n.held[id]
		if !busy {
			done := make(chan struct{})
			if n.held == nil {
				n.held = map[string]chan struct{}{}
			}
			n.held[id] = done
			n.mu.Unlock()
			return func() {
				n.mu.Lock()
				defer n.mu.Unlock()
				delete(n.held, id)
				close(done)
			}, nil
		}
		n.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// undo is a context for removing what a failed operation made: also when that
// failed because its own context ended.
func undo(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
}
