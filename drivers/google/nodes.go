package google

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	gce "google.golang.org/api/compute/v1"
	"google.golang.org/api/googleapi"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

var nodeStates = map[string]compute.NodeState{
	"PENDING":        compute.NodePending,
	"PROVISIONING":   compute.NodePending,
	"STAGING":        compute.NodeStarting,
	"RUNNING":        compute.NodeRunning,
	"PENDING_STOP":   compute.NodeStopping,
	"STOPPING":       compute.NodeStopping,
	"STOPPED":        compute.NodeStopped,
	"TERMINATED":     compute.NodeStopped,
	"DEPROVISIONING": compute.NodeStopping,
	"SUSPENDING":     compute.NodeStopping,
	"SUSPENDED":      compute.NodeSuspended,
	"REPAIRING":      compute.NodeReconfiguring,
}

// nodeFields are the fields of an instance that a node shows.
const nodeFields = "id,name,description,status,statusMessage,zone,machineType,labels,tags/items,creationTimestamp,lastStartTimestamp,cpuPlatform,hostname," +
	"deletionProtection,metadata/items,disks(boot,source),networkInterfaces(network,subnetwork,networkIP,ipv6Address,accessConfigs/natIP," +
	"ipv6AccessConfigs/externalIpv6),scheduling/provisioningModel,serviceAccounts/email"

func nodeOf(project string, i *gce.Instance) compute.Node {
	n := compute.Node{ID: ref{project, base(i.Zone), i.Name}.id(project), Name: i.Name, State: cmp.Or(nodeStates[i.Status], compute.NodeUnknown),
		PublicIPs: []string{}, PrivateIPs: []string{}, Size: base(i.MachineType), Location: base(i.Zone), KeyPair: keyIn(i.Metadata), Networks: []string{},
		Subnets: []string{}, SecurityGroups: []string{}, Volumes: []string{}, Tags: tagsOf(i.Labels), CreatedAt: when(i.CreationTimestamp)}
	add := func(list *[]string, s string) {
		if s != "" && !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	for _, f := range i.NetworkInterfaces {
		add(&n.PrivateIPs, f.NetworkIP)
		add(&n.PrivateIPs, f.Ipv6Address)
		for _, a := range f.AccessConfigs {
			add(&n.PublicIPs, a.NatIP)
		}
		for _, a := range f.Ipv6AccessConfigs {
			add(&n.PublicIPs, a.ExternalIpv6)
		}
		add(&n.Networks, shortID(project, f.Network))
		add(&n.Subnets, shortID(project, f.Subnetwork))
	}
	if i.Tags != nil {
		n.SecurityGroups = append(n.SecurityGroups, i.Tags.Items...)
	}
	for _, root := range []bool{true, false} {
		for _, disk := range i.Disks {
			if disk.Boot == root {
				add(&n.Volumes, shortID(project, disk.Source))
			}
		}
	}
	n.Extra = map[string]any{"status": i.Status, "statusMessage": i.StatusMessage, "description": i.Description, "hostname": i.Hostname,
		"cpuPlatform": i.CpuPlatform, "deletionProtection": i.DeletionProtection, "lastStartTimestamp": i.LastStartTimestamp}
	if i.Id != 0 {
		n.Extra["id"] = fmt.Sprint(i.Id)
	}
	if i.Scheduling != nil {
		n.Extra["provisioningModel"] = i.Scheduling.ProvisioningModel
	}
	if len(i.ServiceAccounts) > 0 {
		n.Extra["serviceAccount"] = i.ServiceAccounts[0].Email
	}
	extras(n.Extra)
	return n
}

// ListNodes asks for the instances of all zones at once, or of the one that is given.
func (d *gceDriver) ListNodes(ctx context.Context, in compute.ListNodes) iter.Seq2[compute.Node, error] {
	var f filter
	f.tagged(in.Name, in.Tags)
	switch in.State {
	case compute.NodeRunning, compute.NodeSuspended:
		f.is("status", map[compute.NodeState]string{compute.NodeRunning: "RUNNING", compute.NodeSuspended: "SUSPENDED"}[in.State])
	}
	return pages(ctx, d.session, func(ctx context.Context, project, cursor string) ([]compute.Node, string, error) {
		if in.Location != "" {
			return d.nodesIn(ctx, project, in.Location, f, cursor)
		}
		list := d.api.Instances.AggregatedList(project).MaxResults(d.page(most)).PageToken(cursor).
			Fields("nextPageToken,unreachables", googleapi.Field("items(*/warning/code,*/instances("+nodeFields+"))"))
		if len(f) > 0 {
			list.Filter(f.String())
		}
		out, err := do(list.Context(ctx))
		if err != nil {
			return nil, "", err
		}
		var nodes []compute.Node
		for place, part := range scoped(out.Items) {
			if part.Warning != nil && part.Warning.Code == silent {
				out.Unreachables = append(out.Unreachables, place)
			}
			for _, i := range part.Instances {
				nodes = append(nodes, nodeOf(project, i))
			}
		}
		return nodes, out.NextPageToken, unreachable("nodes", out.Unreachables)
	})
}

// nodesIn is a page of the nodes in a zone. In what is no zone there are none.
func (d *gceDriver) nodesIn(ctx context.Context, project, zone string, f filter, cursor string) ([]compute.Node, string, error) {
	if !rule.MatchString(zone) {
		return nil, "", nil
	}
	list := d.api.Instances.List(project, zone).MaxResults(d.page(most)).PageToken(cursor).Fields("nextPageToken", "items("+nodeFields+")")
	if len(f) > 0 {
		list.Filter(f.String())
	}
	out, err := do(list.Context(ctx))
	switch {
	case op.KindOf(err) == op.NotFound:
		return nil, "", nil
	case err != nil:
		return nil, "", err
	}
	nodes := make([]compute.Node, len(out.Items))
	for k, i := range out.Items {
		nodes[k] = nodeOf(project, i)
	}
	return nodes, out.NextPageToken, nil
}

// node reads the id of a node.
func (d *gceDriver) node(ctx context.Context, id string) (ref, error) {
	project, err := d.project(ctx)
	if err != nil {
		return ref{}, err
	}
	return placed("node", id, project, d.zone)
}

// instance looks a node up.
func (d *gceDriver) instance(ctx context.Context, r ref, fields ...googleapi.Field) (*gce.Instance, error) {
	call := d.api.Instances.Get(r.project, r.scope, r.name)
	if len(fields) > 0 {
		call.Fields(fields...)
	}
	return do(call.Context(ctx))
}

func (d *gceDriver) GetNode(ctx context.Context, in compute.GetNode) (compute.Node, error) {
	r, err := d.node(ctx, in.Node)
	if err != nil {
		return compute.Node{}, err
	}
	i, err := d.instance(ctx, r, nodeFields)
	if err != nil {
		return compute.Node{}, err
	}
	project, err := d.project(ctx)
	return nodeOf(project, i), err
}

func (d *gceDriver) GetConsoleOutput(ctx context.Context, in compute.GetConsoleOutput) (compute.ConsoleOutput, error) {
	r, err := d.node(ctx, in.Node)
	if err != nil {
		return compute.ConsoleOutput{}, err
	}
	out, err := do(d.api.Instances.GetSerialPortOutput(r.project, r.scope, r.name).Context(ctx))
	if err != nil {
		return compute.ConsoleOutput{}, err
	}
	return compute.ConsoleOutput{Text: out.Contents}, nil
}
