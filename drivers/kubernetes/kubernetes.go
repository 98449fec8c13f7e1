// Package kubernetes is the driver "kubernetes", of the container family: any
// cluster that a kubeconfig, a pod's own service account, or a URL with a token
// leads to.
//
// A connection is to one API server. The contract's clusters are its namespaces,
// and its containers are workloads: package kube has them, for this driver and
// for those of providers that run Kubernetes.
package kubernetes

import (
	"context"
	"errors"
	"os"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/kube"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Provider returns the driver "kubernetes".
func Provider() *drivers.Provider {
	return drivers.New(drivers.Info{
		Name:    "kubernetes",
		Family:  container.Family,
		Title:   "Kubernetes",
		Website: "https://kubernetes.io",
		Doc:     doc + kube.Doc,
		Extras:  map[string]any{"deploy_container": kube.DeployExtra{}, "create_cluster": kube.NamespaceExtra{}},
		Missing: kube.Missing(map[string]string{
			"list_locations": "a connection is to one API server, and that does not say where it is; nodes' labels may: native(\"GET /api/v1/nodes\")",
		}),
	}, open)
}

const doc = `
A connection is to one cluster's API server, which is found as kubectl finds it: by a kubeconfig (` + "`kubeconfig`" + `, else KUBECONFIG, else ~/.kube/config) and
a ` + "`context`" + ` in it; in a pod without one, by the pod's service account. ` + "`endpoint`" + ` with ` + "`token`" + ` and ` + "`ca`" + ` does without a kubeconfig.
Programs that a kubeconfig names for credentials (exec plugins) are run.

Clusters are **namespaces**: create_cluster makes one, and destroy_cluster deletes one in which nothing runs. A container goes to the namespace that is its
cluster, else to that of the connection. A container's id is "namespace/deployment/name".
`

type config struct {
	Kubeconfig string         `json:"kubeconfig,omitzero" help:"A kubeconfig file; that of KUBECONFIG or ~/.kube/config if not given."`
	Context    string         `json:"context,omitzero" help:"The context in the kubeconfig; its current one if not given."`
	InCluster  bool           `json:"in_cluster,omitzero" help:"Use the service account of the pod in which this runs."`
	Endpoint   string         `json:"endpoint,omitzero" help:"The URL of the API server; instead of the kubeconfig's, or without one."`
	Token      drivers.Secret `json:"token,omitzero" help:"A bearer token, as of a service account."`
	CA         string         `json:"ca,omitzero" help:"The authority of the server's certificate: PEM, or a file of it."`
	ServerName string         `json:"server_name,omitzero" help:"The name in the server's certificate, if it is not that of the endpoint."`
	Insecure   bool           `json:"insecure,omitzero" help:"Do not look at the server's certificate: who is between can read and change everything."`
	Namespace  string         `json:"namespace,omitzero" help:"Work in this namespace alone: containers go there, and lists are of it. If not given, lists are of all, and containers go to that of the context, else to default."`
	PageSize   int            `json:"page_size,omitzero" help:"How many items to ask for at a time in lists; 500 if not given."`
}

// driver is the connection to one API server.
type driver struct {
	kube.Workloads
	kube.Namespaces
}

func open(_ context.Context, c config) (*driver, error) {
	if c.PageSize < 0 {
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d", c.PageSize)
	}
	r, namespace, err := c.rest()
	if err != nil {
		return nil, err
	}
	if c.Namespace != "" {
		namespace = c.Namespace
	}
	api, err := kube.NewAPI(r, kube.Options{Namespace: namespace, Only: c.Namespace != "", PageSize: c.PageSize})
	if err != nil {
		return nil, err
	}
	return &driver{kube.Workloads{Open: func(context.Context, string) (*kube.API, error) { return api, nil }}, kube.Namespaces{API: api}}, nil
}

// Close drops the idle connections.
func (d *driver) Close() error { return d.API.Close() }

// rest is client-go's configuration, and the namespace that comes with it.
func (c config) rest() (*rest.Config, string, error) {
	switch {
	case c.InCluster && (c.Kubeconfig != "" || c.Context != "" || c.Endpoint != ""):
		return nil, "", op.Errorf(op.InvalidArgument, "in_cluster stands alone: without kubeconfig, context and endpoint")
	case c.InCluster:
		r, err := rest.InClusterConfig()
		if err != nil {
			return nil, "", op.Errorf(op.Unauthenticated, "in_cluster: this is no pod with a service account: %w", err)
		}
		namespace, _ := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
		return c.over(r), strings.TrimSpace(string(namespace)), nil
	case c.Endpoint != "" && c.Kubeconfig == "" && c.Context == "":
		return c.over(&rest.Config{}), "", nil
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.Context})
	r, err := loader.ClientConfig()
	var namespace string
	if err == nil {
		namespace, _, err = loader.Namespace()
	}
	if err != nil {
		if clientcmd.IsEmptyConfig(err) || errors.Is(err, clientcmd.ErrEmptyCluster) {
			return nil, "", op.Errorf(op.Unauthenticated, "there is no kubeconfig: give kubeconfig, set KUBECONFIG, or give endpoint and token: %w", err)
		}
		return nil, "", op.Errorf(op.InvalidArgument, "kubeconfig: %w", err)
	}
	return c.over(r), namespace, nil
}

// over puts what is configured over what was found.
func (c config) over(r *rest.Config) *rest.Config {
	if c.Endpoint != "" {
		r.Host = c.Endpoint
	}
	if c.Token != "" {
		r.BearerToken, r.BearerTokenFile = c.Token.Reveal(), ""
		r.Username, r.Password, r.ExecProvider, r.AuthProvider = "", "", nil, nil
		r.CertFile, r.CertData, r.KeyFile, r.KeyData = "", nil, "", nil
	}
	kube.Trust(r, c.CA, c.Insecure)
	if c.ServerName != "" {
		r.ServerName = c.ServerName
	}
	return r
}
