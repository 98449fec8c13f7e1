package openstack

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A server is what Nova calls a node.
type server struct {
	ID, Name, Status string
	Task             string          `json:"OS-EXT-STS:task_state"`
	Zone             string          `json:"OS-EXT-AZ:availability_zone"`
	Image            json.RawMessage // an object, or "" if the root disk is a volume
	Flavor           struct{ ID string }
	KeyName          string `json:"key_name"`
	Metadata         map[string]string
	Created          stamp
	Volumes          []struct{ ID string } `json:"os-extended-volumes:volumes_attached"`
	Addresses        map[string][]struct {
		Addr string
		Type string `json:"OS-EXT-IPS:type"`
	}
}

// states are those of Nova's statuses.
var states = map[string]compute.NodeState{
	"ACTIVE": compute.NodeRunning, "BUILD": compute.NodePending, "REBUILD": compute.NodeReconfiguring, "REBOOT": compute.NodeRebooting, "HARD_REBOOT": compute.NodeRebooting,
	"SHUTOFF": compute.NodeStopped, "SUSPENDED": compute.NodeSuspended, "PAUSED": compute.NodePaused, "ERROR": compute.NodeError, "DELETED": compute.NodeTerminated,
	"SOFT_DELETED": compute.NodeTerminated, "RESIZE": compute.NodeReconfiguring, "VERIFY_RESIZE": compute.NodeReconfiguring, "REVERT_RESIZE": compute.NodeReconfiguring,
	"MIGRATING": compute.NodeMigrating, "PASSWORD": compute.NodeRunning, "RESCUE": compute.NodeRunning, "SHELVED": compute.NodeStopped, "SHELVED_OFFLOADED": compute.NodeStopped,
}

// state is what a server is doing: a task goes before the status that it has until then.
func (s server) state() compute.NodeState {
	switch s.Task {
	case "powering-off", "deleting":
		return compute.NodeStopping
	case "powering-on", "resuming", "unpausing", "unshelving":
		return compute.NodeStarting
	case "suspending", "pausing", "shelving", "shelving_offloading", "resize_prep":
		return compute.NodeReconfiguring
	}
	if state, ok := states[s.Status]; ok {
		return state
	}
	return compute.NodeUnknown
}

// nodeOf is a node but for its networks, which Nova knows by name only.
func nodeOf(i item[server]) compute.Node {
	s := i.v
	n := compute.Node{ID: s.ID, Name: s.Name, State: s.state(), Size: s.Flavor.ID, Location: s.Zone, KeyPair: s.KeyName, Tags: s.Metadata, CreatedAt: s.Created.Time,
		Extra: i.extra("OS-EXT-STS:vm_state", "OS-EXT-STS:task_state", "OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:instance_name", "hostId", "user_id", "tenant_id", "config_drive",
			"accessIPv4", "accessIPv6", "fault", "updated", "OS-SRV-USG:launched_at", "addresses")}
	var image struct{ ID string }
	if json.Unmarshal(s.Image, &image) == nil {
		n.Image = image.ID
	}
	for _, v := range s.Volumes {
		n.Volumes = append(n.Volumes, v.ID)
	}
	for _, addresses := range s.Addresses {
		for _, a := range addresses {
			// A fixed address is a private one, but of networks that lead to the world.
			if ip, err := netip.ParseAddr(a.Addr); a.Type == "floating" || err == nil && !ip.IsPrivate() && !ip.IsLinkLocalUnicast() && ip.IsGlobalUnicast() {
				n.PublicIPs = append(n.PublicIPs, a.Addr)
			} else {
				n.PrivateIPs = append(n.PrivateIPs, a.Addr)
			}
		}
	}
	slices.Sort(n.PublicIPs) // the networks come in any order
	slices.Sort(n.PrivateIPs)
	return n
}

// A port is what a node is in a network by.
type port struct {
	ID       string
	Device   string   `json:"device_id"`
	Network  string   `json:"network_id"`
	Groups   []string `json:"security_groups"`
	FixedIPs []struct {
		Subnet string `json:"subnet_id"`
		IP     string `json:"ip_address"`
	} `json:"fixed_ips"`
	Tags []string
}

// portsOf asks for the ports of nodes. Of many nodes all ports of the project
// are asked for: so many ids are too long for a URL.
func (s *session) portsOf(ctx context.Context, nodes ...string) ([]port, error) {
	query := url.Values{"fields": {"id", "device_id", "network_id", "security_groups", "fixed_ips", "tags"}}
	if len(nodes) <= 100 {
		query["device_id"] = nodes
	} else if who, err := s.who(ctx); err == nil && who.project != "" {
		query.Set("project_id", who.project)
	}
	return all[port](ctx, s, neutron, "ports", query, "ports")
}

// inNetworks adds to nodes what networks, subnets and security groups they are
// in: one request for all of them.
func (d *computeDriver) inNetworks(ctx context.Context, nodes ...compute.Node) error {
	if len(nodes) == 0 {
		return nil
	}
	at := map[string]*compute.Node{}
	var ids []string
	for i := range nodes {
		at[nodes[i].ID] = &nodes[i]
		ids = append(ids, nodes[i].ID)
	}
	ports, err := d.portsOf(ctx, ids...)
	if op.KindOf(err) == op.Unsupported {
		return nil // a cloud without Neutron
	}
	if err != nil {
		return err
	}
	add := func(list []string, id string) []string {
		if slices.Contains(list, id) {
			return list
		}
		return append(list, id)
	}
	for _, p := range ports {
		n := at[p.Device]
		if n == nil {
			continue
		}
		n.Networks = add(n.Networks, p.Network)
		for _, ip := range p.FixedIPs {
			n.Subnets = add(n.Subnets, ip.Subnet)
		}
		for _, g := range p.Groups {
			n.SecurityGroups = add(n.SecurityGroups, g)
		}
	}
	return nil
}

func (d *computeDriver) ListNodes(ctx context.Context, in compute.ListNodes) iter.Seq2[compute.Node, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Node, string, error) {
		query := url.Values{}
		if in.Name != "" {
			query.Set("name", "^"+regexp.QuoteMeta(in.Name)+"$")
		}
		found, next, err := page[item[server]](ctx, d.session, nova, "servers/detail", query, cursor, "servers")
		if err != nil {
			return nil, "", err
		}
		nodes := make([]compute.Node, len(found))
		for i, s := range found {
			nodes[i] = nodeOf(s)
		}
		return nodes, next, d.inNetworks(ctx, nodes...)
	})
}

func (d *computeDriver) server(ctx context.Context, id string) (item[server], error) {
	return fetch[item[server]](ctx, d.session, nova, http.MethodGet, path("servers", id), nil, "server")
}

func (d *computeDriver) GetNode(ctx context.Context, in compute.GetNode) (compute.Node, error) {
	s, err := d.server(ctx, in.Node)
	if err != nil {
		return compute.Node{}, err
	}
	nodes := []compute.Node{nodeOf(s)}
	return nodes[0], d.inNetworks(ctx, nodes...)
}
