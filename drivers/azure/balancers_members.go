package azure

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Members are addresses in a network. Azure knows pools of interfaces too, but
// none of both: a node is a member by the private address of its primary
// interface. A member's id is its address.

// backend is a member in Azure's form.
func backend(ip, network string) *armnetwork.LoadBalancerBackendAddress {
	return &armnetwork.LoadBalancerBackendAddress{Name: pointer("member-" + strings.NewReplacer(".", "-", ":", "-").Replace(ip)),
		Properties: &armnetwork.LoadBalancerBackendAddressPropertiesFormat{IPAddress: &ip, VirtualNetwork: &armnetwork.SubResource{ID: &network}}}
}

// inPool is the member at an address, or nil.
func inPool(p *armnetwork.BackendAddressPoolPropertiesFormat, ip string) *armnetwork.LoadBalancerBackendAddressPropertiesFormat {
	if p != nil {
		for _, b := range p.LoadBalancerBackendAddresses {
			if b.Properties != nil && value(b.Properties.IPAddress) == ip {
				return b.Properties
			}
		}
	}
	return nil
}

// memberNetwork is the network that a balancer's members are in: the one that
// is named, the one of the subnets, or the location's only one. It is empty
// where that is to be seen by a member.
func (d *balancerDriver) memberNetwork(ctx context.Context, a *api, in lb.CreateBalancer, location string) (string, error) {
	switch {
	case len(in.Networks) > 1:
		return "", op.Errorf(op.InvalidArgument, "there are %d networks: the members of a balancer are in one at Azure", len(in.Networks))
	case len(in.Networks) == 1:
		r, err := d.ref("network", in.Networks[0], 1)
		return a.path(netType, r), err
	case len(in.Subnets) > 0:
		r, err := d.ref("subnet", in.Subnets[0], 2)
		if err != nil {
			return "", err
		}
		return a.path(netType, ref{r.group, r.names[:1]}), nil
	case !slices.ContainsFunc(in.Members, func(m lb.NewMember) bool { return m.Node == "" }):
		return "", nil
	}
	return d.onlyNetwork(ctx, location)
}

// onlyNetwork is the only network of a location, or the one that nodes are in by default.
func (d *balancerDriver) onlyNetwork(ctx context.Context, location string) (string, error) {
	networks, err := all(ctx, d.networkPage)
	if err != nil {
		return "", err
	}
	networks = slices.DeleteFunc(networks, func(n *armnetwork.VirtualNetwork) bool { return place(value(n.Location)) != location })
	if i := slices.IndexFunc(networks, func(n *armnetwork.VirtualNetwork) bool {
		return strings.EqualFold(value(n.Name), defaultNetwork(location))
	}); i >= 0 {
		networks = networks[i : i+1]
	}
	if len(networks) != 1 {
		return "", op.Errorf(op.InvalidArgument, "there are %d networks in %s: create_balancer with networks, so that it is known which its members are in", len(networks), location)
	}
	return value(networks[0].ID), nil
}

// memberAt is the address of a member, and its network, which must be the one
// that the others are in.
func (d *balancerDriver) memberAt(ctx context.Context, a *api, node, ip, network string) (at, where string, err error) {
	switch {
	case (node == "") == (ip == ""):
		return "", "", op.Errorf(op.InvalidArgument, "a member is a node or an ip: give one of the two")
	case node == "":
		at, err := address(ip)
		return at, network, err
	}
	r, err := d.ref("node", node, 1)
	if err != nil {
		return "", "", err
	}
	vm, err := get(a.vms.Get(ctx, r.group, r.name(), nil))
	if err != nil {
		return "", "", err
	}
	for _, path := range interfacesOf(&vm.VirtualMachine) {
		n, ok := refOf(path)
		if !ok {
			continue
		}
		nic, err := get(a.nics.Get(ctx, n.group, n.name(), nil))
		if err != nil {
			return "", "", err
		}
		for _, c := range configurations(&nic.Interface) {
			if c.Subnet == nil || value(c.PrivateIPAddress) == "" {
				continue
			}
			where, _, _ := strings.Cut(value(c.Subnet.ID), "/subnets/")
			if network != "" && !strings.EqualFold(network, where) {
				return "", "", op.Errorf(op.InvalidArgument, "the node %s is in the network %s, and the balancer's members are in %s", r, shortID(&where), shortID(&network))
			}
			return *c.PrivateIPAddress, where, nil
		}
	}
	return "", "", op.Errorf(op.Conflict, "the node %s has no address yet", r)
}

func (w whole) members(balancer string, health map[string]string, nodes map[string]string) []lb.Member {
	list := []lb.Member{}
	if w.pool == nil || w.pool.Properties == nil {
		return list
	}
	for _, b := range w.pool.Properties.LoadBalancerBackendAddresses {
		if b.Properties != nil {
			list = append(list, w.member(balancer, b.Properties, health, nodes))
		}
	}
	return list
}

func (w whole) member(balancer string, b *armnetwork.LoadBalancerBackendAddressPropertiesFormat, health, nodes map[string]string) lb.Member {
	ip := value(b.IPAddress)
	m := lb.Member{Balancer: balancer, ID: ip, IP: ip, Port: w.backendPort(), Node: nodes[ip], Weight: 1, State: lb.Enabled, Health: lb.HealthUnknown, Extra: map[string]any{}}
	switch strings.ToLower(health[ip]) {
	case "up":
		m.Health = lb.Healthy
	case "down":
		m.Health = lb.Unhealthy
	}
	if value(b.AdminState) == armnetwork.LoadBalancerBackendAddressAdminStateDown {
		m.State = lb.Draining
	}
	m.Extra["adminState"] = text(b.AdminState)
	extras(m.Extra)
	return m
}

func (w whole) backendPort() int {
	if w.rule == nil || w.rule.Properties == nil {
		return 0
	}
	return int(value(w.rule.Properties.BackendPort))
}

// BalancerListMembers asks for the balancer, the health of its members, and
// whose their addresses are.
func (d *balancerDriver) BalancerListMembers(ctx context.Context, in lb.BalancerListMembers) iter.Seq2[lb.Member, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]lb.Member, string, error) {
		a, r, w, err := d.get(ctx, in.Balancer)
		if err != nil || w.pool == nil || w.pool.Properties == nil || len(w.pool.Properties.LoadBalancerBackendAddresses) == 0 {
			return nil, "", err
		}
		var health, nodes map[string]string
		err = together(
			func() (err error) { health, err = d.health(ctx, a, r, w); return err },
			func() (err error) { nodes, err = d.nodesOf(ctx, w); return err })
		if err != nil {
			return nil, "", err
		}
		return w.members(r.String(), health, nodes), "", nil
	})
}

// health is what the probe says of each address. It says nothing where the
// balancer is still being made.
func (d *balancerDriver) health(ctx context.Context, a *api, r ref, w whole) (map[string]string, error) {
	if w.rule == nil || w.probe == nil {
		return nil, nil
	}
	out, err := wait(ctx, func(ctx context.Context) (*runtime.Poller[armnetwork.LoadBalancerLoadBalancingRulesClientHealthResponse], error) {
		return a.traffic.BeginHealth(ctx, r.group, r.name(), value(w.rule.Name), nil)
	})
	switch op.KindOf(err) {
	case "":
	case op.Conflict, op.NotFound, op.InvalidArgument, op.Unsupported:
		return nil, nil
	default:
		return nil, err
	}
	health := map[string]string{}
	for _, b := range out.LoadBalancerBackendAddresses {
		health[value(b.IPAddress)] = value(b.State)
	}
	return health, nil
}

// nodesOf are the nodes that have the members' addresses in the members' networks.
func (d *balancerDriver) nodesOf(ctx context.Context, w whole) (map[string]string, error) {
	nics, err := all(ctx, d.nicPage)
	if err != nil {
		return nil, err
	}
	nodes := map[string]string{}
	for _, n := range nics {
		if n.Properties == nil || n.Properties.VirtualMachine == nil {
			continue
		}
		for _, c := range configurations(n) {
			b := inPool(w.pool.Properties, value(c.PrivateIPAddress))
			if b == nil || c.Subnet == nil || b.VirtualNetwork == nil || !strings.HasPrefix(strings.ToLower(value(c.Subnet.ID)), strings.ToLower(value(b.VirtualNetwork.ID))+"/") {
				continue
			}
			nodes[value(c.PrivateIPAddress)] = shortID(n.Properties.VirtualMachine.ID)
		}
	}
	return nodes, nil
}

func (d *balancerDriver) BalancerGetMember(ctx context.Context, in lb.BalancerGetMember) (lb.Member, error) {
	return lb.FindMember(ctx, d, in)
}

func (d *balancerDriver) BalancerAttachMember(ctx context.Context, in lb.BalancerAttachMember) (lb.Member, error) {
	return d.attach(ctx, in.Balancer, "", in.IP, in.Port, in.Weight)
}

func (d *balancerDriver) BalancerAttachComputeNode(ctx context.Context, in lb.BalancerAttachComputeNode) (lb.Member, error) {
	return d.attach(ctx, in.Balancer, in.Node, "", in.Port, in.Weight)
}

// attach adds a member. The first one says which port they all have.
func (d *balancerDriver) attach(ctx context.Context, balancer, node, ip string, port int, weight *int) (lb.Member, error) {
	if err := lb.Unweighted(weight, "Azure Load Balancer"); err != nil {
		return lb.Member{}, err
	}
	if port != 0 {
		if err := checkPort("port", port); err != nil {
			return lb.Member{}, err
		}
	}
	release, err := d.creating.hold(ctx, "balancer "+balancer)
	if err != nil {
		return lb.Member{}, err
	}
	defer release()
	a, r, w, err := d.get(ctx, balancer)
	if err != nil {
		return lb.Member{}, err
	}
	if w.rule == nil || w.rule.Properties == nil || w.pool == nil {
		return lb.Member{}, op.Errorf(op.Conflict, "the balancer %s has no rule or no pool: change it by cloud.native", r)
	}
	if w.pool.Properties == nil {
		w.pool.Properties = &armnetwork.BackendAddressPoolPropertiesFormat{}
	}
	pool := w.pool.Properties
	network := ""
	if len(pool.LoadBalancerBackendAddresses) > 0 {
		if p := pool.LoadBalancerBackendAddresses[0].Properties; p != nil && p.VirtualNetwork != nil {
			network = value(p.VirtualNetwork.ID)
		}
	}
	at, where, err := d.memberAt(ctx, a, node, ip, network)
	if err != nil {
		return lb.Member{}, err
	}
	if where == "" {
		if where, err = d.onlyNetwork(ctx, place(value(w.Location))); err != nil {
			return lb.Member{}, err
		}
	}
	switch {
	case inPool(pool, at) != nil:
		return lb.Member{}, op.Errorf(op.AlreadyExists, "%s is a member of the balancer %s already", at, r)
	case port != 0 && port != w.backendPort() && len(pool.LoadBalancerBackendAddresses) > 0:
		return lb.Member{}, op.Errorf(op.InvalidArgument, "port is %d: the members of the balancer %s all have %d", port, r, w.backendPort())
	case port != 0 && port != w.backendPort():
		if w.probe != nil && w.probe.Properties != nil && value(w.probe.Properties.Port) == value(w.rule.Properties.BackendPort) {
			w.probe.Properties.Port = pointer(int32(port))
		}
		w.rule.Properties.BackendPort = pointer(int32(port))
	}
	b := backend(at, where)
	pool.LoadBalancerBackendAddresses = append(pool.LoadBalancerBackendAddresses, b)
	if err := d.save(ctx, a, r, w); err != nil {
		return lb.Member{}, err
	}
	nodes := map[string]string{}
	if node != "" {
		n, _ := d.ref("node", node, 1)
		nodes[at] = n.String()
	}
	return w.member(r.String(), b.Properties, nil, nodes), nil
}

// change changes a member of a balancer.
func (d *balancerDriver) change(ctx context.Context, balancer, member string, f func(pool *armnetwork.BackendAddressPoolPropertiesFormat, i int) error) error {
	release, err := d.creating.hold(ctx, "balancer "+balancer)
	if err != nil {
		return err
	}
	defer release()
	a, r, w, err := d.get(ctx, balancer)
	if err != nil {
		return err
	}
	if w.pool == nil || inPool(w.pool.Properties, member) == nil {
		return op.Errorf(op.NotFound, "the balancer %s has no member %q", r, member)
	}
	pool := w.pool.Properties
	i := slices.IndexFunc(pool.LoadBalancerBackendAddresses, func(b *armnetwork.LoadBalancerBackendAddress) bool {
		return b.Properties != nil && value(b.Properties.IPAddress) == member
	})
	if err := f(pool, i); err != nil {
		return err
	}
	return d.save(ctx, a, r, w)
}

// BalancerUpdateMember: Azure gives a member that is down no new connection,
// and leaves it those it has.
func (d *balancerDriver) BalancerUpdateMember(ctx context.Context, in lb.BalancerUpdateMember) error {
	states := map[lb.Condition]armnetwork.LoadBalancerBackendAddressAdminState{lb.Enabled: armnetwork.LoadBalancerBackendAddressAdminStateNone, lb.Draining: armnetwork.LoadBalancerBackendAddressAdminStateDown}
	return d.change(ctx, in.Balancer, in.Member, func(pool *armnetwork.BackendAddressPoolPropertiesFormat, i int) error {
		if err := lb.Unweighted(in.Weight, "Azure Load Balancer"); err != nil {
			return err
		}
		if in.State == "" {
			return nil
		}
		state, ok := states[in.State]
		if !ok {
			return op.Errorf(op.InvalidArgument, "state: Azure cuts no connections that there are: draining gives a member no new ones")
		}
		pool.LoadBalancerBackendAddresses[i].Properties.AdminState = &state
		return nil
	})
}

func (d *balancerDriver) BalancerDetachMember(ctx context.Context, in lb.BalancerDetachMember) error {
	return d.change(ctx, in.Balancer, in.Member, func(pool *armnetwork.BackendAddressPoolPropertiesFormat, i int) error {
		pool.LoadBalancerBackendAddresses = slices.Delete(pool.LoadBalancerBackendAddresses, i, i+1)
		return nil
	})
}
