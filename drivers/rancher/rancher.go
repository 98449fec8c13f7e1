// Package rancher is the driver "rancher", of the container family: the clusters
// that a Rancher server manages, and what runs on them.
//
// Clusters are of Rancher's API, version 3. Each cluster's Kubernetes is spoken
// to through Rancher's proxy, /k8s/clusters/<id>, with the same API key: package
// kube has the workloads.
package rancher

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"os"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/kube"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Provider returns the driver "rancher".
func Provider() *drivers.Provider {
	return drivers.New(drivers.Info{
		Name:    "rancher",
		Family:  container.Family,
		Title:   "Rancher",
		Website: "https://www.rancher.com",
		Doc:     doc + kube.Doc,
		Extras:  map[string]any{"create_cluster": clusterExtra{}, "deploy_container": kube.DeployExtra{}},
		Missing: kube.Missing(map[string]string{
			"list_locations": "Rancher manages clusters wherever they are, and does not say where that is",
		}),
	}, open)
}

const doc = `
Give the URL of the Rancher server and an API key ("token-abc12:…", made in Rancher under Account & API Keys); else RANCHER_URL and RANCHER_TOKEN, or RANCHER_ACCESS_KEY and RANCHER_SECRET_KEY, are used.

A cluster's id is Rancher's ("local", "c-m-4x7zq2bn"); a container's is "cluster/namespace/deployment/name". Lists of containers are of all clusters that are active, unless one is named:
each is asked by itself.

create_cluster makes a cluster to be **imported**: it is pending until ` + "`extra[\"registration\"]`" + `, a command, has been run on what is to be imported. With extra = {"cluster": …} Rancher makes the
cluster itself, as that says in the API's own form: {"gkeConfig": {…}}. destroy_cluster refuses while anything runs outside of the namespaces of Kubernetes and Rancher. An imported cluster goes on by itself.

Projects are Rancher's groups of namespaces: ` + "`cloud.native_pages(\"GET /v3/projects\")`" + ` lists them, and a namespace of one can be named in extra when a container is deployed.

The way down: ` + "`cloud.native(\"GET /v3/clusters\")`" + ` is Rancher's API; with the argument ` + "`cluster`" + `, it is Kubernetes' of that cluster.
`

type config struct {
	Endpoint  string         `json:"endpoint,omitzero" help:"The URL of the Rancher server; that of RANCHER_URL if not given."`
	Token     drivers.Secret `json:"token,omitzero" help:"An API key, \"token-abc12:…\"; that of RANCHER_TOKEN, or of RANCHER_ACCESS_KEY and RANCHER_SECRET_KEY, if not given."`
	CA        string         `json:"ca,omitzero" help:"The authority of the server's certificate: PEM, or a file of it."`
	Insecure  bool           `json:"insecure,omitzero" help:"Do not look at the server's certificate: who is between can read and change everything."`
	Namespace string         `json:"namespace,omitzero" help:"Work in this namespace of clusters alone; lists are of all and containers go to default if not given."`
	PageSize  int            `json:"page_size,omitzero" help:"How many items to ask for at a time in lists; 500 if not given."`
}

// driver is the driver "rancher".
type driver struct {
	kube.Workloads
	api    *kube.API // of the server itself
	rest   *rest.Config
	config config

	clusters kube.Clusters // behind the proxy
}

func open(_ context.Context, c config) (*driver, error) {
	endpoint := cmp.Or(c.Endpoint, os.Getenv("RANCHER_URL"))
	root, err := url.Parse(endpoint)
	switch {
	case endpoint == "":
		return nil, op.Errorf(op.InvalidArgument, "there is no server: give endpoint, or set RANCHER_URL")
	case err != nil || root.Host == "":
		return nil, op.Errorf(op.InvalidArgument, "endpoint is %q: it would be like \"https://rancher.example.com\"", endpoint)
	case c.PageSize < 0:
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d", c.PageSize)
	}
	token := cmp.Or(c.Token.Reveal(), os.Getenv("RANCHER_TOKEN"))
	if access, secret := os.Getenv("RANCHER_ACCESS_KEY"), os.Getenv("RANCHER_SECRET_KEY"); token == "" && access != "" {
		token = access + ":" + secret
	}
	if token == "" {
		return nil, op.Errorf(op.Unauthenticated, "there is no API key: give token, or set RANCHER_TOKEN")
	}
	// People copy the address of the API, or of the page that they look at.
	root.Path = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(root.Path, "/"), "/v3"), "/dashboard")
	r := &rest.Config{Host: root.String(), BearerToken: token}
	kube.Trust(r, c.CA, c.Insecure)
	d := &driver{rest: r, config: c}
	d.Workloads = kube.Workloads{Open: d.kubernetes, Running: d.running}
	d.api, err = kube.NewAPI(r, kube.Options{PageSize: c.PageSize, Explain: explain})
	return d, err
}

// Close drops the idle connections.
func (d *driver) Close() error {
	d.clusters.Close()
	return d.api.Close()
}

// HonoursToken: Rancher takes no token for clusters.
func (d *driver) HonoursToken(o *op.Op) bool { return o.Name == "deploy_container" }

// kubernetes is the API server of a cluster. Nothing has to be asked for it.
func (d *driver) kubernetes(_ context.Context, id string) (*kube.API, error) {
	if id == "" {
		return nil, op.Errorf(op.InvalidArgument, "cluster: which one: an id, as \"c-m-4x7zq2bn\"")
	}
	if !clusterID(id) {
		return nil, op.Errorf(op.NotFound, "there is no cluster %q", id)
	}
	return d.clusters.Get(id, func() (*kube.API, error) {
		r := rest.CopyConfig(d.rest)
		r.Host = strings.TrimSuffix(r.Host, "/") + "/k8s/clusters/" + id
		return kube.NewAPI(r, kube.Options{Namespace: d.config.Namespace, Only: d.config.Namespace != "", PageSize: d.config.PageSize, Explain: explain})
	})
}

func clusterID(id string) bool {
	return id != "" && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// kinds are those of the codes that Rancher's errors have beside the status.
var kinds = map[string]op.Kind{
	"NotUnique":          op.AlreadyExists,
	"NotFound":           op.NotFound,
	"Unauthorized":       op.Unauthenticated,
	"PermissionDenied":   op.PermissionDenied,
	"Forbidden":          op.PermissionDenied,
	"InvalidAction":      op.Conflict,
	"InvalidState":       op.Conflict,
	"Conflict":           op.Conflict,
	"ClusterUnavailable": op.Unavailable,
	"ServerError":        op.Unavailable,
}

// explain reads Rancher's own errors.
func explain(e *op.Error, body []byte) bool {
	var answer struct{ Type, Code, Message, FieldName, Detail string }
	if json.Unmarshal(body, &answer) != nil || answer.Type != "error" {
		return false
	}
	e.Code, e.Message = answer.Code, cmp.Or(answer.Message, answer.Detail, answer.Code)
	if answer.FieldName != "" {
		e.Message = answer.FieldName + ": " + e.Message
	}
	if kind, ok := kinds[answer.Code]; ok {
		e.Kind = kind
	}
	return true
}

// Native calls Rancher's API, or Kubernetes' of the cluster that is named.
func (d *driver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	if in.Arguments["cluster"] != nil {
		return d.Workloads.Native(ctx, in)
	}
	v, err := d.api.REST(ctx, in.Operation, in.Arguments, nil)
	return native.Answer{Value: v}, err
}

// NativePages follows the pagination of Rancher's collections.
func (d *driver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	if in.Arguments["cluster"] != nil {
		return d.Workloads.NativePages(ctx, in)
	}
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]native.Answer, string, error) {
		if d.NativeEffect(in.Operation) != op.Reads {
			return nil, "", op.Errorf(op.InvalidArgument, "operation: %q does not read: only what reads has pages", in.Operation)
		}
		var more url.Values
		if cursor != "" {
			more = url.Values{"marker": {cursor}}
		}
		v, err := d.api.REST(ctx, in.Operation, in.Arguments, more)
		if err != nil {
			return nil, "", err
		}
		collection, _ := v.(map[string]any)
		pagination, _ := collection["pagination"].(map[string]any)
		next, _ := pagination["next"].(string)
		return []native.Answer{{Value: v}}, marker(next), nil
	})
}

// marker is where a collection goes on, from the URL of the next page. The URL
// itself is not followed: it may lead past a proxy, or to someone else.
func marker(next string) string {
	u, err := url.Parse(next)
	if err != nil {
		return ""
	}
	return u.Query().Get("marker")
}
