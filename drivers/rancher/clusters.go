package rancher

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/kube"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A cluster is Rancher's, as far as it is looked at.
type cluster struct {
	ID                   string            `json:"id"`
	Name                 string            `json:"name"`
	State                string            `json:"state"`
	TransitioningMessage string            `json:"transitioningMessage"`
	Driver               string            `json:"driver"`
	Provider             string            `json:"provider"`
	Description          string            `json:"description"`
	APIEndpoint          string            `json:"apiEndpoint"`
	NodeCount            int               `json:"nodeCount"`
	Labels               map[string]string `json:"labels"`
	Created              time.Time         `json:"created"`
	Version              struct {
		GitVersion string `json:"gitVersion"`
	} `json:"version"`
}

type clusterList struct {
	Data       []cluster `json:"data"`
	Pagination struct {
		Next string `json:"next"`
	} `json:"pagination"`
}

const clusterPath = "/v3/clusters"

func (c cluster) show() container.Cluster {
	out := container.Cluster{ID: c.ID, Name: c.Name, State: container.Unknown, Endpoint: c.APIEndpoint, Version: c.Version.GitVersion, Nodes: c.NodeCount,
		CreatedAt: c.Created.UTC(), Extra: map[string]any{"state": c.State}}
	switch c.State {
	case "active", "updating", "upgrading":
		out.State = container.Running
	case "pending", "provisioning", "waiting", "initializing", "registering", "removing":
		out.State = container.Pending
	case "removed":
		out.State = container.Terminated
	case "error", "unavailable", "degraded", "inactive":
		out.State = container.Error
	}
	for name, text := range map[string]string{"message": c.TransitioningMessage, "driver": c.Driver, "provider": c.Provider, "description": c.Description} {
		if text != "" {
			out.Extra[name] = text
		}
	}
	for name, value := range c.Labels {
		if strings.Contains(name, "cattle.io") {
			continue // Rancher's own
		}
		if out.Tags == nil {
			out.Tags = map[string]string{}
		}
		out.Tags[name] = value
	}
	return out
}

func (d *driver) ListClusters(ctx context.Context, in container.ListClusters) iter.Seq2[container.Cluster, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]container.Cluster, string, error) {
		query := url.Values{"limit": {strconv.Itoa(d.api.PageSize())}}
		if cursor != "" {
			query.Set("marker", cursor)
		}
		if in.Name != "" {
			query.Set("name", in.Name)
		}
		l, err := kube.Call[clusterList](ctx, d.api, http.MethodGet, clusterPath, query, nil)
		out := make([]container.Cluster, len(l.Data))
		for i, c := range l.Data {
			out[i] = c.show()
		}
		return out, marker(l.Pagination.Next), err
	})
}

// running lists the clusters that can be asked for their containers.
func (d *driver) running(ctx context.Context) ([]string, error) {
	return kube.Running(d.ListClusters(ctx, container.ListClusters{}))
}

func (d *driver) look(ctx context.Context, id string) (cluster, error) {
	if !clusterID(id) {
		return cluster{}, op.Errorf(op.NotFound, "there is no cluster %q", id)
	}
	return kube.Call[cluster](ctx, d.api, http.MethodGet, clusterPath+"/"+id, nil, nil)
}

func (d *driver) GetCluster(ctx context.Context, in container.GetCluster) (container.Cluster, error) {
	c, err := d.look(ctx, in.Cluster)
	if err != nil {
		return container.Cluster{}, err
	}
	return c.show(), nil
}

// clusterExtra is what create_cluster takes beyond the contract.
type clusterExtra struct {
	Description string         `json:"description,omitzero" help:"What people shall know of it."`
	Cluster     map[string]any `json:"cluster,omitzero" help:"What Rancher shall make, as its API writes it: {\"gkeConfig\": {…}}; a cluster to be imported if not given."`
}

// A registration is how a cluster comes to be Rancher's.
type registration struct {
	Command         string `json:"command"`
	InsecureCommand string `json:"insecureCommand"`
	ManifestURL     string `json:"manifestUrl"`
}

// CreateCluster makes a cluster; one that is to be imported with the command
// that does it.
func (d *driver) CreateCluster(ctx context.Context, in container.CreateCluster) (container.Cluster, error) {
	none := container.Cluster{}
	extra, err := op.Extra[clusterExtra](in.Extra)
	if err != nil {
		return none, err
	}
	if in.Location != "" || in.Version != "" || in.Nodes != 0 || in.Size != "" {
		return none, op.Errorf(op.InvalidArgument, "location, version, nodes and size: an imported cluster has its own, and of one that Rancher makes extra = {\"cluster\": …} says them")
	}
	plain, err := native.Plain(extra.Cluster)
	if err != nil {
		return none, err
	}
	body := map[string]any{}
	if plain, ok := plain.(map[string]any); ok {
		body = plain
	}
	body["type"], body["name"], body["labels"], body["description"] = "cluster", in.Name, in.Tags, extra.Description
	made, err := kube.Call[cluster](ctx, d.api, http.MethodPost, clusterPath, nil, body)
	if err != nil {
		return none, err
	}
	out := made.show()
	if extra.Cluster != nil {
		return out, nil
	}
	r, err := kube.Call[registration](ctx, d.api, http.MethodPost, "/v3/clusterregistrationtokens", nil, map[string]any{"type": "clusterRegistrationToken", "clusterId": made.ID})
	if err != nil {
		return none, d.takeBack(ctx, made, err)
	}
	out.Extra["registration"], out.Extra["registration_manifest"] = r.Command, r.ManifestURL
	return out, nil
}

// takeBack removes the cluster of a call that failed after all.
func (d *driver) takeBack(ctx context.Context, made cluster, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	for {
		err := d.remove(ctx, made.ID)
		switch {
		case err == nil || op.KindOf(err) == op.NotFound:
			return cause
		case op.KindOf(err) == op.Unavailable && op.TakeRetry(ctx):
			continue
		}
		e := *op.AsError(cause)
		e.Message += "; and cluster " + made.ID + ", made before, could not be removed: " + op.AsError(err).Message
		return &e
	}
}

func (d *driver) remove(ctx context.Context, id string) error {
	_, err := kube.Call[any](ctx, d.api, http.MethodDelete, clusterPath+"/"+id, nil, nil)
	return err
}

// DestroyCluster has Rancher forget a cluster that was imported, or remove one
// that it made, unless something runs on it.
func (d *driver) DestroyCluster(ctx context.Context, in container.DestroyCluster) error {
	c, err := d.look(ctx, in.Cluster)
	if err != nil {
		return err
	}
	if c.ID == "local" {
		return op.Errorf(op.Conflict, "cluster local is the one that Rancher itself runs on")
	}
	if c.show().State == container.Running {
		api, err := d.kubernetes(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := api.Idle(ctx, own); err != nil {
			return err
		}
	}
	return d.remove(ctx, c.ID)
}

// own reports whether a namespace is of Rancher's.
func own(namespace string) bool {
	return strings.HasPrefix(namespace, "cattle-") || strings.HasPrefix(namespace, "fleet-") || strings.HasPrefix(namespace, "cluster-fleet-")
}
