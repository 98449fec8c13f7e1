package azure

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/kube"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// aksConfig is the configuration of the driver "aks".
type aksConfig struct {
	managerConfig
	Admin     bool   `json:"admin,omitzero" help:"Speak to clusters as their local administrator, not as who signs in: for clusters with Entra ID whose local accounts are on."`
	Namespace string `json:"namespace,omitzero" help:"Work in this namespace of clusters alone; lists are of all and containers go to default if not given."`
	PageSize  int    `json:"page_size,omitzero" help:"How many containers to ask for at a time in lists; 500 if not given. Of clusters Azure decides."`
}

// aksDriver is the driver "aks".
type aksDriver struct {
	*manager
	kube.Workloads
	config   aksConfig
	clusters kube.Clusters
}

func openAKS(_ context.Context, c aksConfig) (*aksDriver, error) {
	if c.PageSize < 0 {
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d", c.PageSize)
	}
	m, err := newManager(c.managerConfig)
	if err != nil {
		return nil, err
	}
	d := &aksDriver{manager: m, config: c}
	d.Workloads = kube.Workloads{Open: d.kubernetes, Running: d.running}
	return d, nil
}

// Close drops the idle connections, to Azure and to the clusters.
func (d *aksDriver) Close() error {
	d.clusters.Close()
	return d.manager.Close()
}

// HonoursToken makes the driver an [op.Idempotent].
func (d *aksDriver) HonoursToken(o *op.Op) bool {
	return o.Name == "deploy_container" || d.manager.HonoursToken(o)
}

// The way down is two ways: a cluster's, if one is named, else Azure's own.

// NativeEffect is for both: Azure's API has no operation APPLY, and is told so.
func (d *aksDriver) NativeEffect(operation string) op.Effect {
	return d.Workloads.NativeEffect(operation)
}

func (d *aksDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	if in.Arguments["cluster"] != nil {
		return d.Workloads.Native(ctx, in)
	}
	return d.manager.Native(ctx, in)
}

func (d *aksDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	if in.Arguments["cluster"] != nil {
		return d.Workloads.NativePages(ctx, in)
	}
	return d.manager.NativePages(ctx, in)
}

// kubernetes is the API server of a cluster.
func (d *aksDriver) kubernetes(ctx context.Context, id string) (*kube.API, error) {
	if id == "" {
		return nil, op.Errorf(op.InvalidArgument, "cluster: which one: an id, as \"web-prod/name\"")
	}
	r, err := d.ref("cluster", id, 1)
	if err != nil {
		return nil, err
	}
	return d.clusters.Get(r.String(), func() (*kube.API, error) {
		c, err := d.look(ctx, r)
		if err != nil {
			return nil, err
		}
		if state := clusterState(c); state != container.Running {
			return nil, op.Errorf(op.Conflict, "cluster %s cannot be spoken to: it is %s", r, state)
		}
		way, err := d.way(ctx, r)
		if err != nil {
			return nil, err
		}
		return kube.NewAPI(way, kube.Options{Namespace: d.config.Namespace, Only: d.config.Namespace != "", PageSize: d.config.PageSize})
	})
}

// way is how a cluster is spoken to, which Azure tells as a file for kubectl.
func (d *aksDriver) way(ctx context.Context, r ref) (*rest.Config, error) {
	a, err := d.api(ctx)
	if err != nil {
		return nil, err
	}
	var found armcontainerservice.CredentialResults
	if d.config.Admin {
		out, err := get(a.clusters.ListClusterAdminCredentials(ctx, r.group, r.name(), nil))
		if err != nil {
			return nil, err
		}
		found = out.CredentialResults
	} else {
		out, err := get(a.clusters.ListClusterUserCredentials(ctx, r.group, r.name(), &armcontainerservice.ManagedClustersClientListClusterUserCredentialsOptions{Format: pointer(armcontainerservice.FormatExec)}))
		if err != nil {
			return nil, err
		}
		found = out.CredentialResults
	}
	if len(found.Kubeconfigs) == 0 {
		return nil, op.Errorf(op.PermissionDenied, "Azure gives no credentials for the cluster %s", r)
	}
	way, err := clientcmd.RESTConfigFromKubeConfig(found.Kubeconfigs[0].Value)
	if err != nil {
		return nil, op.Errorf(op.Internal, "the credentials of cluster %s: %w", r, err)
	}
	if way.ExecProvider == nil {
		return way, nil // a certificate or a token of the cluster's own
	}
	// The cluster has Entra ID say who is there. kubectl would run a program for a
	// token; the connection's own credentials give one too.
	if _, given := d.credential.(givenToken); given {
		return nil, op.Errorf(op.Unauthenticated, "cluster %s lets in by Entra ID, for which access_token is no token: give other credentials, or admin = true", r)
	}
	server := aksServer
	if i := slices.Index(way.ExecProvider.Args, "--server-id"); i >= 0 && i+1 < len(way.ExecProvider.Args) {
		server = way.ExecProvider.Args[i+1]
	}
	way.ExecProvider = nil
	token := &entraToken{credential: d.credential, scope: server + "/.default"}
	way.WrapTransport = func(rt http.RoundTripper) http.RoundTripper { return entra{token, rt} }
	return way, nil
}

// aksServer is the application that clusters are to Entra ID, in all clouds.
const aksServer = "6dae42f8-4368-4678-94ff-3960e28e3630"

// entra adds a token to each request.
type entra struct {
	token *entraToken
	base  http.RoundTripper
}

func (e entra) RoundTrip(r *http.Request) (*http.Response, error) {
	word, err := e.token.get(r.Context())
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+word)
	return e.base.RoundTrip(r)
}

// An entraToken is asked for again shortly before it ends: not all credentials
// keep theirs.
type entraToken struct {
	credential azcore.TokenCredential
	scope      string

	mu    sync.Mutex
	known azcore.AccessToken
}

func (t *entraToken) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	known := t.known
	t.mu.Unlock()
	if known.Token != "" && time.Until(known.ExpiresOn) > 5*time.Minute {
		return known.Token, nil
	}
	fresh, err := t.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{t.scope}})
	if err != nil {
		return "", failed(err)
	}
	t.mu.Lock()
	t.known = fresh
	t.mu.Unlock()
	return fresh.Token, nil
}

// running lists the clusters that can be asked for their containers.
func (d *aksDriver) running(ctx context.Context) ([]string, error) {
	return kube.Running(d.ListClusters(ctx, container.ListClusters{}))
}

// aksOwn reports whether a namespace is of AKS's or of one of its add-ons.
func aksOwn(namespace string) bool {
	return strings.HasPrefix(namespace, "aks-") ||
		slices.Contains([]string{"app-routing-system", "calico-system", "calico-apiserver", "tigera-operator", "gatekeeper-system", "dapr-system", "flux-system", "azure-arc"}, namespace)
}
