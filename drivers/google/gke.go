package google

import (
	"context"
	"encoding/base64"
	"iter"
	"net/http"
	"strings"

	"k8s.io/client-go/rest"

	gkev1 "google.golang.org/api/container/v1"
	gkebeta "google.golang.org/api/container/v1beta1"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/kube"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

const gkeDoc = `
A cluster's id is "location/name"; a location is a zone or a region. A container's id is "location/name/namespace/deployment/name". Lists of containers are of all clusters that run,
unless one is named: each is asked by itself.

Clusters are spoken to at their address with the certificate that Google says they have, or, with ` + "`dns_endpoint`" + `, by their name; the access token is the same as for Google Cloud. Who only
may use a cluster through a bastion or a VPN needs that here, too.

create_cluster takes as long as GKE does, some minutes; its Kubernetes can be spoken to when it is running. destroy_cluster refuses while anything runs outside of the namespaces of
Kubernetes and GKE.

The way down: ` + "`cloud.native(\"GET /v1/projects/{project}/locations/-/clusters\")`" + ` is GKE's own API; with the argument ` + "`cluster`" + `, it is Kubernetes' of that cluster.
`

// gkeConfig is the configuration of the driver "gke".
type gkeConfig struct {
	sessionConfig
	Location    string `json:"location,omitzero" help:"The zone or region where clusters are made that are not told where, as europe-west1; lists are of all."`
	Namespace   string `json:"namespace,omitzero" help:"Work in this namespace of clusters alone; lists are of all and containers go to default if not given."`
	DNSEndpoint bool   `json:"dns_endpoint,omitzero" help:"Speak to clusters by their DNS name, which needs no way to their address."`
}

// gkeDriver is the driver "gke".
type gkeDriver struct {
	*session
	kube.Workloads
	api    *gkev1.Service
	places *gkebeta.Service // the version that lists them
	config gkeConfig

	clusters kube.Clusters
}

func openGKE(ctx context.Context, c gkeConfig) (*gkeDriver, error) {
	s, err := newSession(c.sessionConfig)
	if err != nil {
		return nil, err
	}
	d := &gkeDriver{session: s, config: c}
	d.Workloads = kube.Workloads{Open: d.kubernetes, Running: d.running}
	options, err := s.options("https://container.googleapis.com", "")
	if err != nil {
		return nil, err
	}
	if d.api, err = gkev1.NewService(ctx, options...); err == nil {
		d.places, err = gkebeta.NewService(ctx, options...)
	}
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "opening the client: %w", err)
	}
	return d, nil
}

// Close drops the idle connections, to Google and to the clusters.
func (d *gkeDriver) Close() error {
	d.clusters.Close()
	return d.session.Close()
}

// HonoursToken: GKE takes no token for clusters.
func (d *gkeDriver) HonoursToken(o *op.Op) bool { return o.Name == "deploy_container" }

// resource is the API's name of a cluster.
func (d *gkeDriver) resource(ctx context.Context, id string) (string, error) {
	location, name, ok := strings.Cut(id, "/")
	if !ok || !rule.MatchString(location) || !rule.MatchString(name) {
		return "", op.Errorf(op.NotFound, "there is no cluster %q: an id is like \"europe-west1/name\"", id)
	}
	project, err := d.project(ctx)
	return "projects/" + project + "/locations/" + location + "/clusters/" + name, err
}

func (d *gkeDriver) look(ctx context.Context, id string) (*gkev1.Cluster, error) {
	name, err := d.resource(ctx, id)
	if err != nil {
		return nil, err
	}
	return do(d.api.Projects.Locations.Clusters.Get(name).Context(ctx))
}

// kubernetes is the API server of a cluster. What Google says of it is asked
// once: neither address nor authority change while it is there.
func (d *gkeDriver) kubernetes(ctx context.Context, id string) (*kube.API, error) {
	if id == "" {
		return nil, op.Errorf(op.InvalidArgument, "cluster: which one: an id, as \"europe-west1/name\"")
	}
	return d.clusters.Get(id, func() (*kube.API, error) {
		c, err := d.look(ctx, id)
		if err != nil {
			return nil, err
		}
		r, err := d.way(c)
		if err != nil {
			return nil, err
		}
		return kube.NewAPI(r, kube.Options{Namespace: d.config.Namespace, Only: d.config.Namespace != "", PageSize: d.pageSize})
	})
}

// way is how a cluster is spoken to.
func (d *gkeDriver) way(c *gkev1.Cluster) (*rest.Config, error) {
	r := &rest.Config{WrapTransport: func(rt http.RoundTripper) http.RoundTripper { return authorized{d.credentials, rt} }}
	name := ""
	if e := c.ControlPlaneEndpointsConfig; e != nil && e.DnsEndpointConfig != nil {
		name = e.DnsEndpointConfig.Endpoint
	}
	switch {
	case d.config.DNSEndpoint && name == "":
		return nil, op.Errorf(op.Conflict, "cluster %s has no DNS endpoint: turn it on, or open the connection without dns_endpoint", c.Name)
	case name != "" && (d.config.DNSEndpoint || c.Endpoint == ""):
		r.Host = "https://" + name // with a certificate that everyone trusts
		return r, nil
	case c.Endpoint == "":
		return nil, op.Errorf(op.Conflict, "cluster %s has no address yet: it is %s", c.Name, clusterState(c.Status))
	}
	r.Host = "https://" + c.Endpoint
	if c.MasterAuth != nil {
		pem, err := base64.StdEncoding.DecodeString(c.MasterAuth.ClusterCaCertificate)
		if err != nil {
			return nil, op.Errorf(op.Internal, "the certificate of cluster %s: %w", c.Name, err)
		}
		r.CAData = pem
	}
	return r, nil
}

// running lists the clusters that can be asked for their containers.
func (d *gkeDriver) running(ctx context.Context) ([]string, error) {
	return kube.Running(d.ListClusters(ctx, container.ListClusters{}))
}

func clusterState(status string) container.State {
	switch status {
	case "PROVISIONING", "STOPPING": // until it is gone, its name is taken
		return container.Pending
	case "RUNNING", "RECONCILING":
		return container.Running
	case "ERROR", "DEGRADED":
		return container.Error
	}
	return container.Unknown
}

func clusterOf(c *gkev1.Cluster) container.Cluster {
	out := container.Cluster{ID: c.Location + "/" + c.Name, Name: c.Name, State: clusterState(c.Status), Location: c.Location,
		Version: c.CurrentMasterVersion, Nodes: int(c.CurrentNodeCount), Tags: c.ResourceLabels, CreatedAt: when(c.CreateTime)}
	if c.Endpoint != "" {
		out.Endpoint = "https://" + c.Endpoint
	}
	if out.Version == "" {
		out.Version = c.InitialClusterVersion
	}
	out.Extra = extras(map[string]any{"status": c.Status, "status_message": c.StatusMessage, "network": c.Network, "subnetwork": c.Subnetwork, "self_link": c.SelfLink,
		"autopilot": c.Autopilot != nil && c.Autopilot.Enabled})
	if c.ReleaseChannel != nil && c.ReleaseChannel.Channel != "" {
		out.Extra["release_channel"] = c.ReleaseChannel.Channel
	}
	return out
}

// ListLocations lists the regions and zones where clusters can be, with one
// request: the API takes no page's token.
func (d *gkeDriver) ListLocations(ctx context.Context, _ container.ListLocations) iter.Seq2[container.Location, error] {
	return pages(ctx, d.session, func(ctx context.Context, project, _ string) ([]container.Location, string, error) {
		out, err := do(d.places.Projects.Locations.List("projects/" + project).Context(ctx))
		if err != nil {
			return nil, "", err
		}
		places := make([]container.Location, len(out.Locations))
		for i, l := range out.Locations {
			name := base(l.Name)
			places[i] = container.Location{ID: name, Name: name, Extra: extras(map[string]any{"type": l.Type, "recommended": l.Recommended})}
		}
		return places, "", nil
	})
}

// ListClusters lists the clusters of all locations with one request: the API
// has no pages for them.
func (d *gkeDriver) ListClusters(ctx context.Context, in container.ListClusters) iter.Seq2[container.Cluster, error] {
	return pages(ctx, d.session, func(ctx context.Context, project, _ string) ([]container.Cluster, string, error) {
		location := "-"
		if in.Location != "" {
			if !rule.MatchString(in.Location) {
				return nil, "", nil
			}
			location = in.Location
		}
		out, err := do(d.api.Projects.Locations.Clusters.List("projects/" + project + "/locations/" + location).Context(ctx))
		if err != nil {
			return nil, "", err
		}
		if err := unreachable("clusters", out.MissingZones); err != nil {
			return nil, "", err
		}
		clusters := make([]container.Cluster, len(out.Clusters))
		for i, c := range out.Clusters {
			clusters[i] = clusterOf(c)
		}
		return clusters, "", nil
	})
}

func (d *gkeDriver) GetCluster(ctx context.Context, in container.GetCluster) (container.Cluster, error) {
	c, err := d.look(ctx, in.Cluster)
	if err != nil {
		return container.Cluster{}, err
	}
	return clusterOf(c), nil
}

// gkeExtra is what create_cluster takes beyond the contract.
type gkeExtra struct {
	Autopilot      bool           `json:"autopilot,omitzero" help:"Whether Google looks after the machines: then there is no number and no size of them."`
	Network        string         `json:"network,omitzero" help:"Its network; the project's default if not given."`
	Subnetwork     string         `json:"subnetwork,omitzero" help:"Its subnet."`
	ReleaseChannel string         `json:"release_channel,omitzero" help:"RAPID, REGULAR, STABLE or EXTENDED."`
	Cluster        map[string]any `json:"cluster,omitzero" help:"More of the cluster, as GKE's API writes it: {\"privateClusterConfig\": {…}}."`
}

// CreateCluster has GKE make a cluster.
func (d *gkeDriver) CreateCluster(ctx context.Context, in container.CreateCluster) (container.Cluster, error) {
	none := container.Cluster{}
	extra, err := op.Extra[gkeExtra](in.Extra)
	if err != nil {
		return none, err
	}
	location := in.Location
	if location == "" {
		location = d.config.Location
	}
	switch {
	case location == "":
		return none, op.Errorf(op.InvalidArgument, `there is no location: give location = "europe-west1" or the like, or give the connection one`)
	case !rule.MatchString(location):
		return none, op.Errorf(op.NotFound, "there is no location %q", location)
	case in.Nodes < 0:
		return none, op.Errorf(op.InvalidArgument, "nodes is %d", in.Nodes)
	case extra.Autopilot && (in.Nodes != 0 || in.Size != ""):
		return none, op.Errorf(op.InvalidArgument, "nodes and size: autopilot chooses them")
	}
	c := &gkev1.Cluster{}
	if err := native.Fill("extra: cluster", extra.Cluster, c); err != nil {
		return none, err
	}
	c.Name, c.ResourceLabels, c.InitialClusterVersion = in.Name, in.Tags, in.Version
	c.Network, c.Subnetwork = extra.Network, extra.Subnetwork
	if extra.ReleaseChannel != "" {
		c.ReleaseChannel = &gkev1.ReleaseChannel{Channel: extra.ReleaseChannel}
	}
	if extra.Autopilot {
		c.Autopilot = &gkev1.Autopilot{Enabled: true}
	} else if len(c.NodePools) == 0 {
		pool := &gkev1.NodePool{Name: "default-pool", InitialNodeCount: int64(max(1, in.Nodes))}
		if in.Size != "" {
			pool.Config = &gkev1.NodeConfig{MachineType: in.Size}
		}
		c.NodePools = []*gkev1.NodePool{pool}
	}
	project, err := d.project(ctx)
	if err != nil {
		return none, err
	}
	_, err = do(d.api.Projects.Locations.Clusters.Create("projects/"+project+"/locations/"+location, &gkev1.CreateClusterRequest{Cluster: c}).Context(ctx))
	if err != nil {
		return none, err
	}
	c.Location, c.Status = location, "PROVISIONING"
	return clusterOf(c), nil
}

// DestroyCluster has GKE delete a cluster on which nothing runs but what
// Kubernetes and GKE run themselves.
func (d *gkeDriver) DestroyCluster(ctx context.Context, in container.DestroyCluster) error {
	c, err := d.look(ctx, in.Cluster)
	if err != nil {
		return err
	}
	if clusterState(c.Status) == container.Running {
		api, err := d.kubernetes(ctx, in.Cluster)
		if err != nil {
			return err
		}
		if err := api.Idle(ctx, gkeOwn); err != nil {
			return err
		}
	}
	name, err := d.resource(ctx, in.Cluster)
	if err != nil {
		return err
	}
	if _, err := do(d.api.Projects.Locations.Clusters.Delete(name).Context(ctx)); err != nil {
		return err
	}
	d.clusters.Forget(in.Cluster)
	return nil
}

// gkeOwn reports whether a namespace is of GKE's.
func gkeOwn(namespace string) bool {
	return strings.HasPrefix(namespace, "gke-") || strings.HasPrefix(namespace, "gmp-")
}

// The way down is two ways: a cluster's, if one is named, else GKE's own.

// NativeEffect is for both: GKE's API has no operation APPLY, and is told so.
func (d *gkeDriver) NativeEffect(operation string) op.Effect {
	return d.Workloads.NativeEffect(operation)
}

func (d *gkeDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	if in.Arguments["cluster"] != nil {
		return d.Workloads.Native(ctx, in)
	}
	return d.rest(ctx, d.api.BasePath, in.Operation, in.Arguments, "")
}

func (d *gkeDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	if in.Arguments["cluster"] != nil {
		return d.Workloads.NativePages(ctx, in)
	}
	return d.restPages(ctx, d.api.BasePath, in)
}
