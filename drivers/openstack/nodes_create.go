package openstack

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// nodeExtra is what create_node takes beyond the contract.
type nodeExtra struct {
	Ports          []string         `json:"ports,omitzero" help:"The ids of ports that exist, one a network interface; instead of networks and subnets. They outlive the node."`
	ConfigDrive    bool             `json:"config_drive,omitzero" help:"Give user data and metadata to the node on a drive, too."`
	ServerGroup    string           `json:"server_group,omitzero" help:"The id of the server group to be in, which keeps nodes together or apart."`
	SchedulerHints map[string]any   `json:"scheduler_hints,omitzero" help:"What to tell the scheduler."`
	VolumeType     string           `json:"volume_type,omitzero" help:"The kind of volume that the root disk is, with root_disk."`
	KeepRootDisk   bool             `json:"keep_root_disk,omitzero" help:"Let the root disk outlive the node, with root_disk."`
	BlockDevices   []map[string]any `json:"block_devices,omitzero" help:"More disks, as Nova's block_device_mapping_v2 has them."`
}

// ours is the tag of what was made for a node, and goes with it.
const ours = "cloudlark=made for its node"

// needs are what a node is made with besides itself.
type needs struct {
	ports     []string
	addresses []string
}

func (d *computeDriver) CreateNode(ctx context.Context, in compute.CreateNode) (compute.Node, error) {
	extra, err := op.Extra[nodeExtra](in.Extra)
	if err != nil {
		return compute.Node{}, err
	}
	if in.RootDisk == 0 && (extra.KeepRootDisk || extra.VolumeType != "") {
		return compute.Node{}, op.Errorf(op.InvalidArgument, "keep_root_disk and volume_type are of a root disk that is a volume: give root_disk")
	}
	if len(in.Networks) > 0 && len(in.Subnets) > 0 || len(extra.Ports) > 0 && len(in.Networks)+len(in.Subnets) > 0 {
		return compute.Node{}, op.Errorf(op.InvalidArgument, "networks, subnets and the ports of extra exclude each other: give one of them")
	}
	if len(extra.Ports) > 0 && len(in.SecurityGroups) > 0 {
		return compute.Node{}, op.Errorf(op.InvalidArgument, "security_groups are of the ports that are made: those of extra have their own")
	}
	var with needs
	n, err := d.createNode(ctx, in, extra, &with)
	if err != nil {
		return n, undo(ctx, err, fmt.Sprintf("one of the ports %q and addresses %q", with.ports, with.addresses), func(ctx context.Context) error { return d.removeNeeds(ctx, with) })
	}
	return n, nil
}

// createNode tells in with what it has made.
func (d *computeDriver) createNode(ctx context.Context, in compute.CreateNode, extra nodeExtra, with *needs) (compute.Node, error) {
	if in.Location == "" {
		in.Location = d.zone
	}
	if d.network != "" && len(in.Networks)+len(in.Subnets)+len(extra.Ports) == 0 {
		in.Networks = []string{d.network}
	}
	interfaces, err := d.interfaces(ctx, &in, extra, with)
	if err != nil {
		return compute.Node{}, err
	}
	made, err := fetch[struct{ ID string }](ctx, d.session, nova, http.MethodPost, "servers", serverBody(in, extra, interfaces), "server")
	if err != nil {
		return compute.Node{}, err
	}
	n := compute.Node{ID: made.ID, Name: in.Name, State: compute.NodePending, Size: in.Size, Image: in.Image, Location: in.Location, KeyPair: in.KeyPair, Tags: in.Tags}
	// It is there now: that it cannot be looked at is no reason to say otherwise.
	if s, err := d.server(ctx, made.ID); err == nil {
		n = nodeOf(s)
	}
	n.Networks, n.Subnets, n.SecurityGroups = in.Networks, in.Subnets, in.SecurityGroups
	return n, nil
}

// interfaces are the node's, as Nova takes them. Nova takes networks: for a
// subnet, or for a public address at once, the port that leads there has to be made.
func (d *computeDriver) interfaces(ctx context.Context, in *compute.CreateNode, extra nodeExtra, with *needs) ([]object, error) {
	public := in.PublicAddress != nil && *in.PublicAddress
	if public && len(in.Networks)+len(in.Subnets)+len(extra.Ports) == 0 {
		network, err := d.onlyNetwork(ctx)
		if err != nil {
			return nil, err
		}
		in.Networks = []string{network}
	}
	ports := extra.Ports
	if len(ports) == 0 && (public || len(in.Subnets) > 0) {
		var err error
		if ports, err = d.portsFor(ctx, *in, with); err != nil {
			return nil, err
		}
	}
	if public {
		address, err := d.newAddress(ctx, object{"port_id": ports[0], "description": in.Name}, d.external, ours)
		if err != nil {
			return nil, err
		}
		with.addresses = append(with.addresses, address.v.ID)
	}
	var interfaces []object
	for _, p := range ports {
		interfaces = append(interfaces, object{"port": p})
	}
	if ports == nil {
		for _, network := range in.Networks {
			interfaces = append(interfaces, object{"uuid": network})
		}
	}
	return interfaces, nil
}

// serverBody is what Nova is asked for. Ports have their security groups already.
func serverBody(in compute.CreateNode, extra nodeExtra, interfaces []object) object {
	server := given(object{"name": in.Name, "flavorRef": in.Size, "availability_zone": in.Location, "key_name": in.KeyPair, "metadata": in.Tags, "networks": interfaces,
		"user_data": base64.StdEncoding.EncodeToString([]byte(in.UserData)), "config_drive": extra.ConfigDrive})
	if len(interfaces) == 0 || interfaces[0]["port"] == nil {
		var groups []object
		for _, g := range in.SecurityGroups {
			groups = append(groups, object{"name": g}) // which may be an id
		}
		if groups != nil {
			server["security_groups"] = groups
		}
	}
	root := object{"boot_index": 0, "uuid": in.Image, "source_type": "image", "destination_type": "local", "delete_on_termination": !extra.KeepRootDisk}
	if in.RootDisk > 0 {
		root["destination_type"], root["volume_size"] = "volume", in.RootDisk
		if extra.VolumeType != "" {
			root["volume_type"] = extra.VolumeType
		}
	} else {
		server["imageRef"] = in.Image
	}
	if in.RootDisk > 0 || len(extra.BlockDevices) > 0 { // where disks are listed, the root disk has to be among them
		server["block_device_mapping_v2"] = append([]object{root}, extra.BlockDevices...)
	}
	body := object{"server": server}
	hints := given(object{"group": extra.ServerGroup})
	maps.Copy(hints, extra.SchedulerHints)
	if len(hints) > 0 {
		body["os:scheduler_hints"] = hints
	}
	return body
}

// onlyNetwork is the network that Nova would choose: the project's only one.
func (d *computeDriver) onlyNetwork(ctx context.Context) (string, error) {
	query := url.Values{"fields": {"id"}, "router:external": {"false"}}
	if who, err := d.who(ctx); err == nil && who.project != "" {
		query.Set("project_id", who.project)
	}
	networks, err := all[network](ctx, d.session, neutron, "networks", query, "networks")
	if err != nil {
		return "", err
	}
	if len(networks) != 1 {
		return "", op.Errorf(op.InvalidArgument, "the project has %d networks: give networks or subnets to say which of them the node's public address leads to", len(networks))
	}
	return networks[0].ID, nil
}

// portsFor makes the ports of a node.
func (d *computeDriver) portsFor(ctx context.Context, in compute.CreateNode, with *needs) ([]string, error) {
	var bodies []object
	for _, network := range in.Networks {
		bodies = append(bodies, object{"network_id": network})
	}
	for _, id := range in.Subnets {
		s, err := d.subnet(ctx, id)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, object{"network_id": s.v.Network, "fixed_ips": []object{{"subnet_id": id}}})
	}
	for _, body := range bodies {
		body["name"] = in.Name
		if len(in.SecurityGroups) > 0 {
			body["security_groups"] = in.SecurityGroups
		}
		made, err := fetch[port](ctx, d.session, neutron, http.MethodPost, "ports", object{"port": body}, "port")
		if err != nil {
			return nil, err
		}
		with.ports = append(with.ports, made.ID)
		if err := d.setWords(ctx, "ports", made.ID, []string{ours}); err != nil {
			return nil, err
		}
	}
	return with.ports, nil
}

// removeNeeds removes what was made for a node.
func (d *computeDriver) removeNeeds(ctx context.Context, with needs) error {
	var failure error
	remove := func(path string) {
		if _, err := d.send(ctx, neutron, http.MethodDelete, path, nil, nil); err != nil && op.KindOf(err) != op.NotFound && failure == nil {
			failure = err
		}
	}
	for _, id := range with.addresses {
		remove(path("floatingips", id))
	}
	for _, id := range with.ports {
		remove(path("ports", id))
	}
	return failure
}

// needsOf finds what was made for a node that is there.
func (d *computeDriver) needsOf(ctx context.Context, node string) (needs, error) {
	var with needs
	ports, err := d.portsOf(ctx, node)
	if err != nil {
		if op.KindOf(err) == op.Unsupported {
			err = nil // a cloud without Neutron
		}
		return with, err
	}
	if len(ports) == 0 {
		return with, nil
	}
	query := url.Values{}
	for _, p := range ports {
		query.Add("port_id", p.ID)
		if slices.Contains(p.Tags, ours) {
			with.ports = append(with.ports, p.ID)
		}
	}
	addresses, err := all[item[floating]](ctx, d.session, neutron, "floatingips", query, "floatingips")
	if err != nil {
		return with, err
	}
	for _, a := range addresses {
		if slices.Contains(a.v.Tags, ours) {
			with.addresses = append(with.addresses, a.v.ID)
		}
	}
	return with, nil
}

// CreateNodes makes one after the other: Nova's own request for several knows
// neither ports nor addresses.
func (d *computeDriver) CreateNodes(ctx context.Context, in compute.CreateNodes) ([]compute.Node, error) {
	if in.Count < 1 {
		return nil, op.Errorf(op.InvalidArgument, "count is %d: it would be 1 or more", in.Count)
	}
	var nodes []compute.Node
	for i := range in.Count {
		one := in.CreateNode
		one.Name = fmt.Sprintf("%s-%d", in.Name, i+1)
		n, err := d.CreateNode(ctx, one)
		if err != nil {
			for _, n := range nodes {
				err = undo(ctx, err, "the node "+n.ID, func(ctx context.Context) error { return d.DestroyNode(ctx, compute.DestroyNode{Node: n.ID}) })
			}
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// DestroyNode also removes the ports and addresses that were made for the node.
func (d *computeDriver) DestroyNode(ctx context.Context, in compute.DestroyNode) error {
	with, err := d.needsOf(ctx, in.Node)
	if err != nil {
		return err
	}
	if _, err := d.send(ctx, nova, http.MethodDelete, path("servers", in.Node), nil, nil); err != nil {
		return err
	}
	if err := d.removeNeeds(ctx, with); err != nil {
		e := *op.AsError(err)
		e.Message = fmt.Sprintf("the node is destroyed, but of its ports %q and addresses %q one is left: %s", with.ports, with.addresses, e.Message)
		return &e
	}
	return nil
}
