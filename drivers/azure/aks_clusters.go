package azure

import (
	"cmp"
	"context"
	"iter"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// ListLocations lists the regions of the subscription.
func (d *aksDriver) ListLocations(ctx context.Context, _ container.ListLocations) iter.Seq2[container.Location, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]container.Location, string, error) {
		found, err := d.regions(ctx)
		if err != nil {
			return nil, "", err
		}
		list := make([]container.Location, len(found))
		for i, l := range found {
			list[i] = container.Location{ID: l.ID, Name: l.Name, Country: l.Country, Extra: l.Extra}
		}
		return list, "", nil
	})
}

func clusterState(c *armcontainerservice.ManagedCluster) container.State {
	if c.Properties == nil {
		return container.Unknown
	}
	switch value(c.Properties.ProvisioningState) {
	case "Creating", "Deleting", "Starting", "Stopping": // until it is gone, its name is taken
		return container.Pending
	case "Failed":
		return container.Error
	case "":
		return container.Unknown
	}
	if p := c.Properties.PowerState; p != nil && value(p.Code) == armcontainerservice.CodeStopped {
		return container.Stopped
	}
	return container.Running // while it changes, too
}

func clusterOf(c *armcontainerservice.ManagedCluster) container.Cluster {
	out := container.Cluster{ID: shortID(c.ID), Name: value(c.Name), State: clusterState(c), Location: place(value(c.Location)), Tags: tagsOf(c.Tags), Extra: map[string]any{}}
	if c.SystemData != nil {
		out.CreatedAt = when(c.SystemData.CreatedAt)
	}
	if c.SKU != nil {
		out.Extra["tier"] = text(c.SKU.Tier)
	}
	p := c.Properties
	if p == nil {
		return out
	}
	out.Version = cmp.Or(value(p.CurrentKubernetesVersion), value(p.KubernetesVersion))
	if host := cmp.Or(value(p.Fqdn), value(p.PrivateFQDN)); host != "" {
		out.Endpoint = "https://" + host
	}
	var pools []any
	for _, pool := range p.AgentPoolProfiles {
		out.Nodes += int(value(pool.Count))
		pools = append(pools, map[string]any{"name": value(pool.Name), "count": int(value(pool.Count)), "vmSize": value(pool.VMSize), "mode": text(pool.Mode)})
	}
	out.Extra["agentPools"], out.Extra["provisioningState"], out.Extra["nodeResourceGroup"] = pools, value(p.ProvisioningState), value(p.NodeResourceGroup)
	out.Extra["entraID"] = p.AADProfile != nil
	extras(out.Extra)
	return out
}

// ListClusters lists the clusters of the resource group, or of the subscription.
func (d *aksDriver) ListClusters(ctx context.Context, _ container.ListClusters) iter.Seq2[container.Cluster, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]container.Cluster, string, error) {
		a, err := d.api(ctx)
		if err != nil {
			return nil, "", err
		}
		var found []*armcontainerservice.ManagedCluster
		var next string
		if d.group == "" {
			found, next, err = page(ctx, cursor, a.clusters.NewListPager(nil), func(r armcontainerservice.ManagedClustersClientListResponse) ([]*armcontainerservice.ManagedCluster, *string) {
				return r.Value, r.NextLink
			})
		} else {
			found, next, err = page(ctx, cursor, a.clusters.NewListByResourceGroupPager(d.group, nil), func(r armcontainerservice.ManagedClustersClientListByResourceGroupResponse) ([]*armcontainerservice.ManagedCluster, *string) {
				return r.Value, r.NextLink
			})
		}
		if err != nil {
			return nil, "", err
		}
		list := make([]container.Cluster, len(found))
		for i, c := range found {
			list[i] = clusterOf(c)
		}
		return list, next, nil
	})
}

func (d *aksDriver) look(ctx context.Context, r ref) (*armcontainerservice.ManagedCluster, error) {
	a, err := d.api(ctx)
	if err != nil {
		return nil, err
	}
	found, err := get(a.clusters.Get(ctx, r.group, r.name(), nil))
	return &found.ManagedCluster, err
}

func (d *aksDriver) GetCluster(ctx context.Context, in container.GetCluster) (container.Cluster, error) {
	r, err := d.ref("cluster", in.Cluster, 1)
	if err != nil {
		return container.Cluster{}, err
	}
	c, err := d.look(ctx, r)
	if err != nil {
		return container.Cluster{}, err
	}
	return clusterOf(c), nil
}

// aksExtra is what create_cluster takes beyond the contract.
type aksExtra struct {
	Subnet         string   `json:"subnet,omitzero" help:"The id of the subnet that its machines are in; a network of its own if not given."`
	Zones          []string `json:"zones,omitzero" help:"The availability zones of its machines: \"1\", \"2\", \"3\"."`
	Tier           string   `json:"tier,omitzero" help:"Free, Standard or Premium; Free if not given."`
	Private        bool     `json:"private,omitzero" help:"Give its API server an address in its network alone."`
	EntraGroups    []string `json:"entra_groups,omitzero" help:"The object ids of the groups whose members administer it: Entra ID then says who is let in."`
	UpgradeChannel string   `json:"upgrade_channel,omitzero" help:"How it is upgraded by itself: patch, stable, rapid, node-image or none."`
}

// CreateCluster has AKS make a cluster with one pool of machines.
func (d *aksDriver) CreateCluster(ctx context.Context, in container.CreateCluster) (container.Cluster, error) {
	none := container.Cluster{}
	if err := named("a cluster", in.Name, 63); err != nil {
		return none, err
	}
	extra, err := op.Extra[aksExtra](in.Extra)
	if err != nil {
		return none, err
	}
	if in.Nodes < 0 || in.Nodes > 1000 {
		return none, op.Errorf(op.InvalidArgument, "nodes is %d: a pool has 1 to 1000", in.Nodes)
	}
	a, group, err := d.into(ctx)
	if err != nil {
		return none, err
	}
	location, err := d.at(in.Location)
	if err != nil {
		return none, err
	}
	pool := &armcontainerservice.ManagedClusterAgentPoolProfile{Name: pointer("nodepool1"), Mode: pointer(armcontainerservice.AgentPoolModeSystem), Count: pointer(int32(max(1, in.Nodes))), VMSize: given(in.Size)}
	for _, z := range extra.Zones {
		pool.AvailabilityZones = append(pool.AvailabilityZones, &z)
	}
	if extra.Subnet != "" {
		sub, err := d.ref("subnet", extra.Subnet, 2)
		if err != nil {
			return none, err
		}
		pool.VnetSubnetID = pointer(a.path(subnetType, sub))
	}
	properties := &armcontainerservice.ManagedClusterProperties{KubernetesVersion: given(in.Version), DNSPrefix: pointer(dnsPrefix(in.Name)), EnableRBAC: pointer(true),
		AgentPoolProfiles: []*armcontainerservice.ManagedClusterAgentPoolProfile{pool}}
	if extra.Private {
		properties.APIServerAccessProfile = &armcontainerservice.ManagedClusterAPIServerAccessProfile{EnablePrivateCluster: pointer(true)}
	}
	if len(extra.EntraGroups) > 0 {
		properties.AADProfile = &armcontainerservice.ManagedClusterAADProfile{Managed: pointer(true)}
		for _, g := range extra.EntraGroups {
			properties.AADProfile.AdminGroupObjectIDs = append(properties.AADProfile.AdminGroupObjectIDs, &g)
		}
	}
	if extra.UpgradeChannel != "" {
		properties.AutoUpgradeProfile = &armcontainerservice.ManagedClusterAutoUpgradeProfile{UpgradeChannel: pointer(armcontainerservice.UpgradeChannel(extra.UpgradeChannel))}
	}
	token := op.Token(ctx)
	cluster := armcontainerservice.ManagedCluster{Location: &location, Tags: tagsFor(in.Tags, "", token), Properties: properties,
		Identity: &armcontainerservice.ManagedClusterIdentity{Type: pointer(armcontainerservice.ResourceIdentityTypeSystemAssigned)}}
	if extra.Tier != "" {
		cluster.SKU = &armcontainerservice.ManagedClusterSKU{Name: pointer(armcontainerservice.ManagedClusterSKUNameBase), Tier: pointer(armcontainerservice.ManagedClusterSKUTier(extra.Tier))}
	}
	made, err := create(ctx, d.manager, "cluster", ref{group, []string{in.Name}}, token, func() (*armcontainerservice.ManagedCluster, map[string]*string, error) {
		found, err := a.clusters.Get(ctx, group, in.Name, nil)
		return &found.ManagedCluster, found.Tags, err
	}, func() (*armcontainerservice.ManagedCluster, error) {
		return begin[armcontainerservice.ManagedCluster](ctx, func(ctx context.Context) (*runtime.Poller[armcontainerservice.ManagedClustersClientCreateOrUpdateResponse], error) {
			return a.clusters.BeginCreateOrUpdate(ctx, group, in.Name, cluster, nil)
		})
	})
	if err != nil {
		return none, err
	}
	return clusterOf(made), nil
}

// dnsPrefix is what the name of a cluster's API server begins with: 1 to 54
// letters, digits and hyphens.
func dnsPrefix(name string) string {
	name = strings.NewReplacer("_", "-", ".", "-").Replace(name)
	return strings.Trim(name[:min(54, len(name))], "-")
}

// DestroyCluster has AKS delete a cluster on which nothing runs but what
// Kubernetes and AKS run themselves.
func (d *aksDriver) DestroyCluster(ctx context.Context, in container.DestroyCluster) error {
	r, err := d.ref("cluster", in.Cluster, 1)
	if err != nil {
		return err
	}
	c, err := d.look(ctx, r)
	if err != nil {
		return err
	}
	if clusterState(c) == container.Running {
		api, err := d.kubernetes(ctx, in.Cluster)
		if err != nil {
			return err
		}
		if err := api.Idle(ctx, aksOwn); err != nil {
			return err
		}
	}
	a, err := d.api(ctx)
	if err != nil {
		return err
	}
	err = remove(ctx, "cluster", r, func(ctx context.Context) (*runtime.Poller[armcontainerservice.ManagedClustersClientDeleteResponse], error) {
		return a.clusters.BeginDelete(ctx, r.group, r.name(), nil)
	})
	if err == nil {
		d.clusters.Forget(r.String())
	}
	return err
}
