package google

import (
	"context"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
	gce "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Members are endpoints of network endpoint groups. A group is in a zone and holds
// one kind of endpoint: nodes with a port, nodes, or addresses that are not
// Google's, which are in the connection's zone. A target pool has nodes itself.

// An endpoint is a member that is to be.
type endpoint struct {
	node    ref // of a node
	network string
	subnet  string
	zone    string
	ip      string
	port    int // 0 where members have none of their own
}

// kind is the type of the group that the endpoint is in.
func (e endpoint) kind() string {
	switch {
	case e.node.name == "":
		return "NON_GCP_PRIVATE_IP_PORT"
	case e.port == 0:
		return "GCE_VM_IP"
	}
	return "GCE_VM_IP_PORT"
}

func (e endpoint) spec() *gce.NetworkEndpoint {
	return &gce.NetworkEndpoint{Instance: e.node.name, IpAddress: e.ip, Port: int64(e.port)}
}

// endpoint looks a member up. own is the balancer's port.
func (l *lbDriver) endpoint(ctx context.Context, form string, own int, m lb.NewMember) (endpoint, error) {
	e := endpoint{port: m.Port}
	if m.Port == 0 {
		e.port = own
	}
	switch {
	case e.port < 1 || e.port > 65535:
		return e, op.Errorf(op.InvalidArgument, "port: there is no port %d", m.Port)
	case (m.Node == "") == (m.IP == ""):
		return e, op.Errorf(op.InvalidArgument, "a member is a node, or an address")
	}
	if err := lb.Unweighted(m.Weight, "Google Cloud"); err != nil {
		return e, err
	}
	if form == passthrough || form == targetPool {
		if e.port != own {
			return e, op.Errorf(op.InvalidArgument, "port: members of a balancer of the form %s have its port, %d", form, own)
		}
		if m.Node == "" {
			return e, op.Errorf(op.InvalidArgument, "members of a balancer of the form %s are nodes, not addresses", form)
		}
		e.port = 0
	}
	if m.Node == "" {
		addr, err := netip.ParseAddr(m.IP)
		if err != nil {
			return e, op.Errorf(op.InvalidArgument, "ip: %q is no address", m.IP)
		}
		e.ip = addr.String()
		e.zone, err = l.d.zoneFor(ctx, "")
		return e, err
	}
	node, err := l.d.node(ctx, m.Node)
	if err != nil {
		return e, err
	}
	i, err := l.d.instance(ctx, node, "networkInterfaces(network,subnetwork,networkIP)")
	if err != nil {
		return e, err
	}
	if len(i.NetworkInterfaces) == 0 {
		return e, op.Errorf(op.Conflict, "the node %s has no network interface", m.Node)
	}
	first := i.NetworkInterfaces[0]
	e.node, e.zone, e.ip, e.network, e.subnet = node, node.scope, first.NetworkIP, first.Network, first.Subnetwork
	return e, nil
}

func (l *lbDriver) endpoints(ctx context.Context, form string, own int, members []lb.NewMember) ([]endpoint, error) {
	var all []endpoint
	for i, m := range members {
		e, err := l.endpoint(ctx, form, own, m)
		if err != nil {
			said := *op.AsError(err)
			said.Message = fmt.Sprintf("members[%d]: %s", i, said.Message)
			return nil, &said
		}
		all = append(all, e)
	}
	return all, nil
}

// groupPath is where an endpoint's group is.
func groupPath(name string, e endpoint) string {
	if e.node.name == "" {
		name += "-ip"
	}
	return "zones/" + e.zone + "/networkEndpointGroups/" + name
}

// group is the group that an endpoint is to be in.
func (b *blueprint) group(e endpoint) *gce.NetworkEndpointGroup {
	g := &gce.NetworkEndpointGroup{Description: markOf(b.id), NetworkEndpointType: e.kind(), Network: e.network, Subnetwork: e.subnet}
	if e.node.name == "" {
		g.Network = b.network
	}
	return g
}

// backend is how a service uses a group. Those that look at the load want a
// number, which is more than any member can do.
func backend(form, group string) *gce.Backend {
	switch form {
	case application:
		return &gce.Backend{Group: group, BalancingMode: "RATE", MaxRatePerEndpoint: 1e6}
	case proxied:
		return &gce.Backend{Group: group, BalancingMode: "CONNECTION", MaxConnectionsPerEndpoint: 1e6}
	}
	return &gce.Backend{Group: group, BalancingMode: "CONNECTION"}
}

// groups makes the groups of a new balancer's members.
func (l *lbDriver) groups(ctx context.Context, b *blueprint, endpoints []endpoint, add func(path string, body any) error) ([]*gce.Backend, error) {
	var backends []*gce.Backend
	var paths []string
	for _, e := range endpoints {
		path := groupPath(b.name, e)
		if slices.Contains(paths, path) {
			continue
		}
		paths = append(paths, path)
		group := b.group(e)
		group.Name = base(path)
		if err := add(path, group); err != nil {
			return nil, err
		}
		request := &gce.NetworkEndpointGroupsAttachEndpointsRequest{}
		for _, other := range endpoints {
			if groupPath(b.name, other) == path {
				request.NetworkEndpoints = append(request.NetworkEndpoints, other.spec())
			}
		}
		if err := l.d.alter(ctx, http.MethodPost, path+"/attachNetworkEndpoints", request); err != nil {
			return nil, err
		}
		backends = append(backends, backend(b.form, l.url(ctx, path)))
	}
	return backends, nil
}

// healthOf reads Google's word.
func healthOf(state string) lb.Health {
	switch state {
	case "HEALTHY":
		return lb.Healthy
	case "UNHEALTHY", "TIMEOUT":
		return lb.Unhealthy
	}
	return lb.HealthUnknown
}

// endpointMember is an endpoint of a group as a member.
func endpointMember(project string, w *wholeLB, group string, e *gce.NetworkEndpointWithHealthStatus) lb.Member {
	zone := parseURL(group).scope
	m := lb.Member{Balancer: w.balancer(project).ID, IP: e.NetworkEndpoint.IpAddress, Port: int(e.NetworkEndpoint.Port), Weight: 1, State: lb.Enabled, Health: lb.HealthUnknown,
		Extra: map[string]any{"group": shortID(project, group)}}
	if node := e.NetworkEndpoint.Instance; node != "" {
		m.Node = ref{project, zone, base(node)}.id(project)
	}
	if m.Port == 0 {
		m.Port = w.balancer(project).Port
	}
	m.ID = net.JoinHostPort(m.IP, strconv.Itoa(m.Port))
	for _, h := range e.Healths {
		if m.Health = healthOf(h.HealthState); h.HealthState == "DRAINING" {
			m.State = lb.Draining
		}
	}
	return m
}

// BalancerListMembers asks each group in turn; a target pool, and a group of
// instances of somebody else's, has one page.
func (l *lbDriver) BalancerListMembers(ctx context.Context, in lb.BalancerListMembers) iter.Seq2[lb.Member, error] {
	return pages(ctx, l.d.session, func(ctx context.Context, project, cursor string) ([]lb.Member, string, error) {
		w, err := l.get(ctx, in.Balancer)
		if err != nil {
			return nil, "", err
		}
		if w.pool != nil {
			members, err := l.poolMembers(ctx, project, w)
			return members, "", err
		}
		if w.service == nil {
			return nil, "", nil
		}
		at, token := 0, ""
		if cursor != "" {
			first, rest, _ := strings.Cut(cursor, " ")
			if at, err = strconv.Atoi(first); err != nil {
				return nil, "", op.Errorf(op.InvalidArgument, "there is no page at %q", cursor)
			}
			token = rest
		}
		for ; at < len(w.service.Backends); at, token = at+1, "" {
			members, next, err := l.groupMembers(ctx, project, w, w.service.Backends[at].Group, token)
			if err != nil {
				return nil, "", err
			}
			switch {
			case next != "":
				return members, fmt.Sprintf("%d %s", at, next), nil
			case len(members) > 0 && at+1 < len(w.service.Backends):
				return members, fmt.Sprintf("%d ", at+1), nil
			case len(members) > 0:
				return members, "", nil
			}
		}
		return nil, "", nil
	})
}

// groupMembers is a page of a group.
func (l *lbDriver) groupMembers(ctx context.Context, project string, w *wholeLB, group, token string) ([]lb.Member, string, error) {
	if collectionOf(group) != "networkEndpointGroups" {
		members, err := l.instanceMembers(ctx, project, w, group)
		return members, "", err
	}
	query := url.Values{"maxResults": {fmt.Sprint(l.d.page(most))}}
	if token != "" {
		query.Set("pageToken", token)
	}
	page := &gce.NetworkEndpointGroupsListNetworkEndpoints{}
	request := &gce.NetworkEndpointGroupsListEndpointsRequest{HealthStatus: "SHOW"}
	if err := l.d.call(ctx, http.MethodPost, pathOf(group)+"/listNetworkEndpoints", query, request, page); err != nil {
		return nil, "", err
	}
	members := make([]lb.Member, len(page.Items))
	for i, e := range page.Items {
		members[i] = endpointMember(project, w, group, e)
	}
	return members, page.NextPageToken, nil
}

// instanceMembers are those of a group of instances, by their health.
func (l *lbDriver) instanceMembers(ctx context.Context, project string, w *wholeLB, group string) ([]lb.Member, error) {
	answer := &gce.BackendServiceGroupHealth{}
	if err := l.d.call(ctx, http.MethodPost, pathOf(w.service.SelfLink)+"/getHealth", nil, &gce.ResourceGroupReference{Group: group}, answer); err != nil {
		return nil, err
	}
	var members []lb.Member
	for _, h := range answer.HealthStatus {
		m := lb.Member{Balancer: w.balancer(project).ID, IP: h.IpAddress, Port: int(h.Port), Node: shortID(project, h.Instance), Weight: 1, State: lb.Enabled, Health: healthOf(h.HealthState),
			Extra: map[string]any{"group": shortID(project, group)}}
		m.ID = net.JoinHostPort(m.IP, strconv.Itoa(m.Port))
		members = append(members, m)
	}
	return members, nil
}

// poolMembers are a target pool's nodes. Google tells their health one by one.
func (l *lbDriver) poolMembers(ctx context.Context, project string, w *wholeLB) ([]lb.Member, error) {
	members := make([]lb.Member, len(w.pool.Instances))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, instance := range w.pool.Instances {
		id := shortID(project, instance)
		members[i] = lb.Member{Balancer: w.balancer(project).ID, ID: id, Node: id, Port: w.balancer(project).Port, Weight: 1, State: lb.Enabled, Health: lb.HealthUnknown}
		g.Go(func() error {
			health := &gce.TargetPoolInstanceHealth{}
			err := l.d.call(ctx, http.MethodPost, pathOf(w.pool.SelfLink)+"/getHealth", nil, &gce.InstanceReference{Instance: instance}, health)
			if op.KindOf(err) == op.NotFound { // the node has gone
				members[i].Health = lb.Unhealthy
				return nil
			}
			for _, h := range health.HealthStatus {
				members[i].IP, members[i].Health = h.IpAddress, healthOf(h.HealthState)
			}
			return err
		})
	}
	return members, g.Wait()
}

func (l *lbDriver) BalancerGetMember(ctx context.Context, in lb.BalancerGetMember) (lb.Member, error) {
	return lb.FindMember(ctx, l, in)
}

func (l *lbDriver) BalancerAttachMember(ctx context.Context, in lb.BalancerAttachMember) (lb.Member, error) {
	return l.attach(ctx, in.Balancer, lb.NewMember{IP: in.IP, Port: in.Port, Weight: in.Weight})
}

func (l *lbDriver) BalancerAttachComputeNode(ctx context.Context, in lb.BalancerAttachComputeNode) (lb.Member, error) {
	return l.attach(ctx, in.Balancer, lb.NewMember{Node: in.Node, Port: in.Port, Weight: in.Weight})
}

func (l *lbDriver) attach(ctx context.Context, balancer string, m lb.NewMember) (lb.Member, error) {
	none := lb.Member{}
	w, err := l.get(ctx, balancer)
	if err != nil {
		return none, err
	}
	project, err := l.d.project(ctx)
	if err != nil {
		return none, err
	}
	shown := w.balancer(project)
	e, err := l.endpoint(ctx, w.form(), shown.Port, m)
	if err != nil {
		return none, err
	}
	if w.pool != nil {
		instance := e.node.url("zones", "instances")
		if slices.ContainsFunc(w.pool.Instances, func(i string) bool { return pathOf(i) == pathOf(instance) }) {
			return none, op.Errorf(op.AlreadyExists, "the node %s is a member already", m.Node)
		}
		request := &gce.TargetPoolsAddInstanceRequest{Instances: []*gce.InstanceReference{{Instance: instance}}}
		if err := l.d.alter(ctx, http.MethodPost, pathOf(w.pool.SelfLink)+"/addInstance", request); err != nil {
			return none, err
		}
		id := e.node.id(project)
		return lb.Member{Balancer: shown.ID, ID: id, Node: id, IP: e.ip, Port: shown.Port, Weight: 1, State: lb.Enabled, Health: lb.HealthUnknown}, nil
	}
	if w.service == nil || w.service.Description != markOf(shown.ID) {
		return none, op.Errorf(op.Conflict, "the balancer %s was not made by Cloudlark: its groups are not known well enough to add to", shown.ID)
	}
	path := groupPath(shown.Name, e)
	member := endpointMember(project, w, l.url(ctx, path), &gce.NetworkEndpointWithHealthStatus{NetworkEndpoint: e.spec()})
	if have, err := lb.FindMember(ctx, l, lb.BalancerGetMember{Balancer: balancer, Member: member.ID}); err == nil && have.State != lb.Draining {
		return none, op.Errorf(op.AlreadyExists, "%s is a member already", member.ID)
	} else if err != nil && op.KindOf(err) != op.NotFound {
		return none, err
	}
	if err := l.joined(ctx, w, project, e, path); err != nil {
		return none, err
	}
	request := &gce.NetworkEndpointGroupsAttachEndpointsRequest{NetworkEndpoints: []*gce.NetworkEndpoint{e.spec()}}
	return member, l.d.alter(ctx, http.MethodPost, path+"/attachNetworkEndpoints", request)
}

// joined makes sure that there is a group, and that the service has it. Two that
// attach at once may both want to make it.
func (l *lbDriver) joined(ctx context.Context, w *wholeLB, project string, e endpoint, path string) error {
	shown := w.balancer(project)
	b := &blueprint{id: shown.ID, name: shown.Name, form: w.form(), network: "projects/" + project + "/global/networks/default"}
	group := b.group(e)
	group.Name = base(path)
	has := func(s *gce.BackendService) bool {
		return slices.ContainsFunc(s.Backends, func(b *gce.Backend) bool { return pathOf(b.Group) == path })
	}
	if has(w.service) {
		return nil
	}
	if err := l.d.insert(ctx, path[:strings.LastIndexByte(path, '/')], group); err != nil && op.KindOf(err) != op.AlreadyExists {
		return err
	}
	return optimistically(ctx, func(ctx context.Context) error {
		now := &gce.BackendService{}
		if err := l.d.read(ctx, pathOf(w.service.SelfLink), now); err != nil || has(now) {
			return err
		}
		patch := &gce.BackendService{Fingerprint: now.Fingerprint, Backends: append(now.Backends, backend(b.form, l.url(ctx, path)))}
		return l.d.alter(ctx, http.MethodPatch, pathOf(w.service.SelfLink), patch)
	})
}

// BalancerDetachMember leaves the group, which the next member needs again.
func (l *lbDriver) BalancerDetachMember(ctx context.Context, in lb.BalancerDetachMember) error {
	w, err := l.get(ctx, in.Balancer)
	if err != nil {
		return err
	}
	m, err := lb.FindMember(ctx, l, lb.BalancerGetMember{Balancer: in.Balancer, Member: in.Member})
	if err != nil || m.State == lb.Draining {
		return err
	}
	project, err := l.d.project(ctx)
	if err != nil {
		return err
	}
	node := ref{}
	if m.Node != "" {
		if node, err = placed("node", m.Node, project, ""); err != nil {
			return err
		}
	}
	if w.pool != nil {
		request := &gce.TargetPoolsRemoveInstanceRequest{Instances: []*gce.InstanceReference{{Instance: node.url("zones", "instances")}}}
		return l.d.alter(ctx, http.MethodPost, pathOf(w.pool.SelfLink)+"/removeInstance", request)
	}
	id, _ := m.Extra["group"].(string)
	group, err := placed("group", id, project, "")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(w.service.Backends, func(b *gce.Backend) bool { return shortID(project, b.Group) == id })
	if i < 0 || collectionOf(w.service.Backends[i].Group) != "networkEndpointGroups" {
		return op.Errorf(op.Conflict, "the member %s belongs to a group of instances, which says who is in it", in.Member)
	}
	e := endpoint{node: node, ip: m.IP, port: m.Port}
	if w.form() == passthrough {
		e.port = 0
	}
	request := &gce.NetworkEndpointGroupsDetachEndpointsRequest{NetworkEndpoints: []*gce.NetworkEndpoint{e.spec()}}
	return l.d.alter(ctx, http.MethodPost, "zones/"+group.scope+"/networkEndpointGroups/"+group.name+"/detachNetworkEndpoints", request)
}
