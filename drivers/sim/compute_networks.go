package sim

import (
	"context"
	"encoding/hex"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

const (
	networks  = table[compute.Network]("networks")
	subnets   = table[subnetRecord]("subnets")
	groups    = table[groupRecord]("security_groups")
	addresses = table[addressRecord]("addresses")
	leases    = table[lease]("leases") // by subnet or "public", and IP address
)

// What a new cloud has: a network with a subnet in every location, where nodes
// go that are not told otherwise.
const (
	defaultNetwork = "net-default"
	defaultCIDR    = "172.16.0.0/12"
)

// putDefaultNetwork makes the network that every cloud begins with.
func putDefaultNetwork(tx *txn) {
	putNetwork(tx, compute.Network{ID: defaultNetwork, Name: "default", CIDR: defaultCIDR})
	at := netip.MustParsePrefix(defaultCIDR).Addr()
	for i, l := range locations() {
		b := at.As4()
		b[1] += byte(i)
		subnets.put(tx, "subnet-"+l.ID, subnetRecord{Public: true, Subnet: compute.Subnet{ID: "subnet-" + l.ID, Name: "default-" + l.ID,
			Network: defaultNetwork, CIDR: netip.PrefixFrom(netip.AddrFrom4(b), 16).String(), Location: l.ID}})
	}
}

// putNetwork makes a network with the security group that its nodes get by default.
func putNetwork(tx *txn, n compute.Network) {
	n.State = "available"
	networks.put(tx, n.ID, n)
	id := defaultGroup(n.ID)
	groups.put(tx, id, groupRecord{Default: true, SecurityGroup: compute.SecurityGroup{ID: id, Name: "default",
		Description: "what nodes get that are given no other", Network: n.ID,
		Rules: []compute.SecurityGroupRule{
			{ID: id + "-r1", Direction: compute.Ingress, Protocol: compute.AllProtocols, Group: id},
			{ID: id + "-r2", Direction: compute.Egress, Protocol: compute.AllProtocols, CIDR: "0.0.0.0/0"},
		}}})
}

// defaultGroup is the id of a network's own security group.
func defaultGroup(network string) string { return "sg-" + network[len("net-"):] }

// place returns where to make something: the location that is wanted, or the connection's.
func (d driver) place(want string) (string, error) {
	if want == "" {
		return d.config.Location, nil
	}
	return want, checkLocation(want)
}

// parseCIDR reads a range of IPv4 addresses.
func parseCIDR(text string, smallest, largest int) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || !p.Addr().Is4():
		return p, invalid("cidr: %q is not a range of IPv4 addresses like \"10.0.0.0/16\"", text)
	case p != p.Masked():
		return p, invalid("cidr: %q has bits set beyond its length: %q is meant?", text, p.Masked())
	case p.Bits() < largest || p.Bits() > smallest:
		return p, invalid("cidr: a range is from /%d to /%d, not /%d", largest, smallest, p.Bits())
	}
	return p, nil
}

// Networks.

func showNetwork(n compute.Network) compute.Network {
	n.Tags = maps.Clone(n.Tags)
	if n.ID == defaultNetwork {
		n.Extra = map[string]any{"default": true}
	}
	return n
}

func (d computeDriver) ListNetworks(ctx context.Context, in compute.ListNetworks) iter.Seq2[compute.Network, error] {
	return list(ctx, d.driver, networks, func(tx *txn, now time.Time, n compute.Network) (compute.Network, bool) {
		return showNetwork(n), is(in.Name, n.Name) && tagged(n.Tags, in.Tags)
	})
}

func network(tx *txn, id string) (compute.Network, error) {
	n, ok := networks.get(tx, id)
	if !ok {
		return n, notFound("network", id)
	}
	return n, nil
}

func (d computeDriver) CreateNetwork(ctx context.Context, in compute.CreateNetwork) (compute.Network, error) {
	return create(ctx, d.driver, "create_network", in, func(tx *txn, now time.Time) (string, error) {
		if in.CIDR == "" {
			return "", invalid("cidr: a network has a range of addresses: give one like \"10.0.0.0/16\"")
		}
		if _, err := parseCIDR(in.CIDR, 28, 8); err != nil {
			return "", err
		}
		if err := take(tx, "networks", 1, d.config.MaxNetworks); err != nil {
			return "", err
		}
		id := nextID(tx, "net")
		putNetwork(tx, compute.Network{ID: id, Name: in.Name, CIDR: in.CIDR, Tags: maps.Clone(in.Tags)})
		return id, nil
	}, func(tx *txn, now time.Time, id string) (compute.Network, error) {
		n, err := network(tx, id)
		return showNetwork(n), err
	})
}

func (d computeDriver) DestroyNetwork(ctx context.Context, in compute.DestroyNetwork) error {
	return change(ctx, d.driver, "destroy_network", in, func(tx *txn, now time.Time) error {
		n, err := network(tx, in.Network)
		if err != nil {
			return err
		}
		for id, s := range subnets.from(tx, "") {
			if s.Network == n.ID {
				return conflict("network %s still has subnet %s: destroy it first", n.ID, id)
			}
		}
		for id, g := range groups.from(tx, "") {
			if g.Network == n.ID && !g.Default {
				return conflict("network %s still has security group %s: destroy it first", n.ID, id)
			}
		}
		groups.delete(tx, defaultGroup(n.ID))
		networks.delete(tx, n.ID)
		if n.ID != defaultNetwork {
			give(tx, "networks", 1)
		}
		return nil
	})
}

// Subnets.

// A subnetRecord is a subnet as the world keeps it.
type subnetRecord struct {
	compute.Subnet
	Public bool       `json:"public,omitzero"` // nodes get a public address unless they ask for none
	Last   netip.Addr `json:"last,omitzero"`   // the address given last: the search for a free one begins behind it
}

func (s subnetRecord) show() compute.Subnet {
	out := s.Subnet
	out.Tags = maps.Clone(s.Tags)
	return out
}

func subnet(tx *txn, id string) (subnetRecord, error) {
	s, ok := subnets.get(tx, id)
	if !ok {
		return s, notFound("subnet", id)
	}
	return s, nil
}

func (d computeDriver) ListSubnets(ctx context.Context, in compute.ListSubnets) iter.Seq2[compute.Subnet, error] {
	return list(ctx, d.driver, subnets, func(tx *txn, now time.Time, s subnetRecord) (compute.Subnet, bool) {
		return s.show(), is(in.Network, s.Network) && is(in.Name, s.Name) && tagged(s.Tags, in.Tags)
	})
}

func (d computeDriver) CreateSubnet(ctx context.Context, in compute.CreateSubnet) (compute.Subnet, error) {
	return create(ctx, d.driver, "create_subnet", in, func(tx *txn, now time.Time) (string, error) {
		n, err := network(tx, in.Network)
		if err != nil {
			return "", err
		}
		location, err := d.place(in.Location)
		if err != nil {
			return "", err
		}
		whole, err := netip.ParsePrefix(n.CIDR)
		if err != nil {
			return "", err
		}
		part, err := parseCIDR(in.CIDR, 28, 8)
		switch {
		case err != nil:
			return "", err
		case !whole.Overlaps(part) || part.Bits() < whole.Bits():
			return "", invalid("cidr: %s is not inside %s, the range of network %s", part, whole, n.ID)
		}
		for id, s := range subnets.from(tx, "") {
			if other, err := netip.ParsePrefix(s.CIDR); s.Network == n.ID && err == nil && other.Overlaps(part) {
				return "", conflict("cidr: %s overlaps %s, the range of subnet %s", part, other, id)
			}
		}
		s := subnetRecord{Subnet: compute.Subnet{ID: nextID(tx, "subnet"), Name: in.Name, Network: n.ID, CIDR: part.String(),
			Location: location, Tags: maps.Clone(in.Tags)}}
		subnets.put(tx, s.ID, s)
		return s.ID, nil
	}, func(tx *txn, now time.Time, id string) (compute.Subnet, error) {
		s, err := subnet(tx, id)
		return s.show(), err
	})
}

func (d computeDriver) DestroySubnet(ctx context.Context, in compute.DestroySubnet) error {
	return change(ctx, d.driver, "destroy_subnet", in, func(tx *txn, now time.Time) error {
		s, err := subnet(tx, in.Subnet)
		if err != nil {
			return err
		}
		for key, l := range leases.from(tx, s.ID+" ") {
			if len(key) <= len(s.ID) || key[:len(s.ID)+1] != s.ID+" " {
				break
			}
			if l.current(now) {
				return conflict("subnet %s is still used by %s: destroy it first, and wait until it is gone", s.ID, l.Holder)
			}
		}
		subnets.delete(tx, s.ID)
		return nil
	})
}

// IP addresses.

// A lease says who has an IP address.
type lease struct {
	Holder string    `json:"holder"`
	Until  time.Time `json:"until,omitzero"` // it ends then, and is removed soon after
}

func (l lease) current(now time.Time) bool { return l.Until.IsZero() || now.Before(l.Until) }

// leaseKey sorts addresses of a space by number.
func leaseKey(space string, ip netip.Addr) string {
	b := ip.As4()
	return space + " " + hex.EncodeToString(b[:])
}

// obtain leases a free address of a range to somebody. The search begins
// behind the last one, so that an address is not soon somebody else's.
func obtain(tx *txn, space string, within netip.Prefix, last netip.Addr, holder string) (netip.Addr, error) {
	// As in real clouds, the first four addresses are the network's own, and the last its broadcast.
	first := within.Addr()
	for range 4 {
		first = first.Next()
	}
	ip := first
	if last.IsValid() {
		ip = last.Next()
	}
	for range 1 << (32 - within.Bits()) {
		if !within.Contains(ip) || !within.Contains(ip.Next()) {
			ip = first
		}
		key := leaseKey(space, ip)
		if _, taken := leases.get(tx, key); !taken {
			leases.put(tx, key, lease{Holder: holder})
			return ip, nil
		}
		ip = ip.Next()
	}
	return ip, &op.Error{Kind: op.QuotaExceeded, Code: "InsufficientFreeAddresses", Message: "no address of " + within.String() + " is free"}
}

// endLease gives an address back at a time.
func endLease(tx *txn, at time.Time, space, ip string) {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return
	}
	key := leaseKey(space, addr)
	if l, ok := leases.get(tx, key); ok {
		l.Until = at
		leases.put(tx, key, l)
		expire(tx, at, string(leases), key)
	}
}

// A space is a range of addresses that is no subnet's.
type space struct{ name, cidr string }

var (
	// publicSpace is the range that RFC 2544 keeps for tests: none of its
	// addresses leads to anybody's machine.
	publicSpace = space{"public", "198.18.0.0/15"}
	// containerSpace is where containers have their addresses.
	containerSpace = space{"containers", "10.88.0.0/16"}
)

// obtainIn leases a free address of a space to somebody.
func obtainIn(tx *txn, s space, holder string) (string, error) {
	key := "last address " + s.name
	last, _ := meta.get(tx, key)
	from, _ := netip.ParseAddr(last) // none yet: the search begins at the start
	ip, err := obtain(tx, s.name, netip.MustParsePrefix(s.cidr), from, holder)
	if err != nil {
		return "", err
	}
	meta.put(tx, key, ip.String())
	return ip.String(), nil
}

// connect puts a new node into its subnets: location, networks, groups, addresses.
func (d computeDriver) connect(tx *txn, now time.Time, n *compute.Node, in compute.CreateNode) error {
	chosen, err := d.chooseSubnets(tx, in)
	if err != nil {
		return err
	}
	n.Location = chosen[0].Location
	public := false
	for _, s := range chosen {
		if s.Location != n.Location {
			return invalid("subnet %s is in %s, but the node is in %s", s.ID, s.Location, n.Location)
		}
		within, err := netip.ParsePrefix(s.CIDR)
		if err != nil {
			return err
		}
		ip, err := obtain(tx, s.ID, within, s.Last, n.ID)
		if err != nil {
			return err
		}
		s.Last = ip
		subnets.put(tx, s.ID, s)
		n.Subnets = append(n.Subnets, s.ID)
		n.PrivateIPs = append(n.PrivateIPs, ip.String())
		if !slices.Contains(n.Networks, s.Network) {
			n.Networks = append(n.Networks, s.Network)
		}
		public = public || s.Public
	}
	if in.PublicAddress != nil {
		public = *in.PublicAddress
	}
	if public {
		ip, err := obtainIn(tx, publicSpace, n.ID)
		if err != nil {
			return err
		}
		n.PublicIPs = []string{ip}
	}
	for _, id := range in.SecurityGroups {
		g, err := group(tx, id)
		switch {
		case err != nil:
			return err
		case !slices.Contains(n.Networks, g.Network):
			return invalid("security group %s belongs to network %s, in which the node is not", id, g.Network)
		}
		n.SecurityGroups = append(n.SecurityGroups, id)
	}
	if n.SecurityGroups == nil {
		for _, id := range n.Networks {
			n.SecurityGroups = append(n.SecurityGroups, defaultGroup(id))
		}
	}
	return nil
}

// chooseSubnets returns the subnets that a new node gets: those it names, or
// one of every network it names, or the default network's.
func (d computeDriver) chooseSubnets(tx *txn, in compute.CreateNode) ([]subnetRecord, error) {
	if len(in.Subnets) > 0 && len(in.Networks) > 0 {
		return nil, invalid("give subnets or networks, not both")
	}
	if in.Location != "" {
		if err := checkLocation(in.Location); err != nil {
			return nil, err
		}
	}
	var chosen []subnetRecord
	for _, id := range in.Subnets {
		s, err := subnet(tx, id)
		switch {
		case err != nil:
			return nil, err
		case in.Location != "" && in.Location != s.Location:
			return nil, invalid("subnet %s is in %s, not in %s", id, s.Location, in.Location)
		}
		chosen = append(chosen, s)
	}
	if chosen != nil {
		return chosen, nil
	}
	wanted := in.Networks
	if len(wanted) == 0 {
		wanted = []string{defaultNetwork}
	}
	location := in.Location
	for _, id := range wanted {
		if _, err := network(tx, id); err != nil {
			if id == defaultNetwork && len(in.Networks) == 0 {
				err = invalid("the default network was destroyed: name a network or subnets")
			}
			return nil, err
		}
		s, ok := d.subnetOf(tx, id, location)
		if !ok {
			where := ""
			if location != "" {
				where = " in " + location
			}
			return nil, invalid("network %s has no subnet%s: create one", id, where)
		}
		location = s.Location
		chosen = append(chosen, s)
	}
	return chosen, nil
}

// subnetOf returns a subnet of a network in a location, or anywhere but
// preferably where the connection is.
func (d computeDriver) subnetOf(tx *txn, network, location string) (found subnetRecord, ok bool) {
	for _, s := range subnets.from(tx, "") {
		if s.Network != network || location != "" && s.Location != location {
			continue
		}
		if s.Location == d.config.Location {
			return s, true
		}
		if !ok {
			found, ok = s, true
		}
	}
	return found, ok
}

// disconnect takes a node that ends then from its subnets, and its public address from it.
func (d computeDriver) disconnect(tx *txn, now, end time.Time, n compute.Node) {
	for i, id := range n.Subnets {
		if i < len(n.PrivateIPs) {
			endLease(tx, end, id, n.PrivateIPs[i])
		}
	}
	for _, ip := range n.PublicIPs {
		if a, ok := addressOf(tx, n.ID); ok && a.IP == ip {
			a.Node = ""
			addresses.put(tx, a.ID, a)
			continue
		}
		endLease(tx, end, publicSpace.name, ip)
	}
}

// Security groups.

// A groupRecord is a security group as the world keeps it.
type groupRecord struct {
	compute.SecurityGroup
	Default bool `json:"default,omitzero"` // its network's own
}

func (g groupRecord) show() compute.SecurityGroup {
	out := g.SecurityGroup
	out.Rules, out.Tags = slices.Clone(g.Rules), maps.Clone(g.Tags)
	if g.Default {
		out.Extra = map[string]any{"default": true}
	}
	return out
}

func group(tx *txn, id string) (groupRecord, error) {
	g, ok := groups.get(tx, id)
	if ok {
		return g, nil
	}
	for other, g := range groups.from(tx, "") {
		if g.Name == id {
			return groupRecord{}, op.Errorf(op.NotFound, "there is no security group %q; one of that name has the id %s", id, other)
		}
	}
	return groupRecord{}, notFound("security group", id)
}

func (d computeDriver) ListSecurityGroups(ctx context.Context, in compute.ListSecurityGroups) iter.Seq2[compute.SecurityGroup, error] {
	return list(ctx, d.driver, groups, func(tx *txn, now time.Time, g groupRecord) (compute.SecurityGroup, bool) {
		return g.show(), is(in.Name, g.Name) && is(in.Network, g.Network) && tagged(g.Tags, in.Tags)
	})
}

func (d computeDriver) CreateSecurityGroup(ctx context.Context, in compute.CreateSecurityGroup) (compute.SecurityGroup, error) {
	return create(ctx, d.driver, "create_security_group", in, func(tx *txn, now time.Time) (string, error) {
		in := in
		if in.Network == "" {
			in.Network = defaultNetwork
		}
		if _, err := network(tx, in.Network); err != nil {
			return "", err
		}
		for id, g := range groups.from(tx, "") {
			if g.Name == in.Name && g.Network == in.Network {
				return "", op.Errorf(op.AlreadyExists, "network %s has a security group %q already: %s", in.Network, in.Name, id)
			}
		}
		if in.Description == "" {
			in.Description = in.Name
		}
		id := nextID(tx, "sg")
		groups.put(tx, id, groupRecord{SecurityGroup: compute.SecurityGroup{ID: id, Name: in.Name, Description: in.Description, Network: in.Network,
			Rules: []compute.SecurityGroupRule{{ID: nextID(tx, "sgr"), Direction: compute.Egress, Protocol: compute.AllProtocols, CIDR: "0.0.0.0/0"}},
			Tags:  maps.Clone(in.Tags)}})
		return id, nil
	}, func(tx *txn, now time.Time, id string) (compute.SecurityGroup, error) {
		g, err := group(tx, id)
		return g.show(), err
	})
}

func (d computeDriver) DestroySecurityGroup(ctx context.Context, in compute.DestroySecurityGroup) error {
	return change(ctx, d.driver, "destroy_security_group", in, func(tx *txn, now time.Time) error {
		g, err := group(tx, in.SecurityGroup)
		if err != nil {
			return err
		}
		if g.Default {
			return conflict("security group %s is the default one of network %s and goes with it", g.ID, g.Network)
		}
		for id, n := range nodes.from(tx, "") {
			if n = n.settled(now); n.State != compute.NodeTerminated && slices.Contains(n.SecurityGroups, g.ID) {
				return conflict("security group %s is still used by node %s", g.ID, id)
			}
		}
		for id, other := range groups.from(tx, "") {
			for _, r := range other.Rules {
				if r.Group == g.ID && id != g.ID {
					return conflict("security group %s is still named by a rule of %s", g.ID, id)
				}
			}
		}
		groups.delete(tx, g.ID)
		return nil
	})
}

// checkRule returns the rule in full, or what is wrong with it.
func checkRule(tx *txn, r compute.Rule) (compute.SecurityGroupRule, error) {
	if r.Port != 0 && (r.FromPort != 0 || r.ToPort != 0) {
		return compute.SecurityGroupRule{}, invalid("give port, or from_port and to_port, not both")
	}
	rule := r.Normal()
	ports := rule.FromPort != 0 || rule.ToPort != 0
	switch {
	case ports && rule.Protocol != compute.TCP && rule.Protocol != compute.UDP:
		return rule, invalid("protocol %s has no ports", rule.Protocol)
	case rule.FromPort < 0 || rule.ToPort > 65535 || rule.ToPort < rule.FromPort:
		return rule, invalid("%d to %d is no range of ports", rule.FromPort, rule.ToPort)
	case rule.CIDR != "" && rule.Group != "":
		return rule, invalid("give cidr or group, not both")
	case rule.CIDR != "":
		p, err := netip.ParsePrefix(rule.CIDR)
		if err != nil {
			return rule, invalid("cidr: %q is not a range of addresses like \"10.0.0.0/16\"", rule.CIDR)
		}
		rule.CIDR = p.Masked().String()
	default:
		if _, err := group(tx, rule.Group); err != nil {
			return rule, err
		}
	}
	return rule, nil
}

// changeRules changes a security group's rules; at is where the rule is among them, or -1.
func (d computeDriver) changeRules(ctx context.Context, name string, in any, id string, r compute.Rule,
	f func(tx *txn, g *groupRecord, rule compute.SecurityGroupRule, at int) error) error {
	return change(ctx, d.driver, name, in, func(tx *txn, now time.Time) error {
		g, err := group(tx, id)
		if err != nil {
			return err
		}
		rule, err := checkRule(tx, r)
		if err != nil {
			return err
		}
		g.Rules = slices.Clone(g.Rules)
		if err := f(tx, &g, rule, slices.IndexFunc(g.Rules, rule.Same)); err != nil {
			return err
		}
		groups.put(tx, g.ID, g)
		return nil
	})
}

func (d computeDriver) AllowSecurityGroupRule(ctx context.Context, in compute.AllowSecurityGroupRule) error {
	return d.changeRules(ctx, "allow_security_group_rule", in, in.SecurityGroup, in.Rule, func(tx *txn, g *groupRecord, rule compute.SecurityGroupRule, at int) error {
		if at >= 0 {
			return op.Errorf(op.AlreadyExists, "security group %s has this rule already: %s", g.ID, g.Rules[at].ID)
		}
		rule.ID = nextID(tx, "sgr")
		g.Rules = append(g.Rules, rule)
		return nil
	})
}

func (d computeDriver) RevokeSecurityGroupRule(ctx context.Context, in compute.RevokeSecurityGroupRule) error {
	return d.changeRules(ctx, "revoke_security_group_rule", in, in.SecurityGroup, in.Rule, func(tx *txn, g *groupRecord, rule compute.SecurityGroupRule, at int) error {
		if at < 0 {
			return op.Errorf(op.NotFound, "security group %s has no such rule", g.ID)
		}
		g.Rules = slices.Delete(g.Rules, at, at+1)
		return nil
	})
}

// Public addresses.

// An addressRecord is a public address as the world keeps it.
type addressRecord struct{ compute.Address }

func (a addressRecord) show() compute.Address {
	out := a.Address
	out.Tags = maps.Clone(a.Tags)
	return out
}

func address(tx *txn, id string) (addressRecord, error) {
	a, ok := addresses.get(tx, id)
	if !ok {
		return a, notFound("address", id)
	}
	return a, nil
}

// addressOf returns the address that leads to a node.
func addressOf(tx *txn, node string) (addressRecord, bool) {
	for _, a := range addresses.from(tx, "") {
		if a.Node == node {
			return a, true
		}
	}
	return addressRecord{}, false
}

func (d computeDriver) ListAddresses(ctx context.Context, in compute.ListAddresses) iter.Seq2[compute.Address, error] {
	return list(ctx, d.driver, addresses, func(tx *txn, now time.Time, a addressRecord) (compute.Address, bool) {
		return a.show(), is(in.Node, a.Node) && tagged(a.Tags, in.Tags)
	})
}

func (d computeDriver) AllocateAddress(ctx context.Context, in compute.AllocateAddress) (compute.Address, error) {
	return create(ctx, d.driver, "allocate_address", in, func(tx *txn, now time.Time) (string, error) {
		if in.Location != "" {
			if err := checkLocation(in.Location); err != nil {
				return "", err
			}
		}
		if err := take(tx, "addresses", 1, d.config.MaxAddresses); err != nil {
			return "", err
		}
		id := nextID(tx, "addr")
		ip, err := obtainIn(tx, publicSpace, id)
		if err != nil {
			return "", err
		}
		addresses.put(tx, id, addressRecord{compute.Address{ID: id, Name: in.Name, IP: ip, Location: in.Location, Tags: maps.Clone(in.Tags)}})
		return id, nil
	}, func(tx *txn, now time.Time, id string) (compute.Address, error) {
		a, err := address(tx, id)
		return a.show(), err
	})
}

func (d computeDriver) AssociateAddress(ctx context.Context, in compute.AssociateAddress) error {
	return change(ctx, d.driver, "associate_address", in, func(tx *txn, now time.Time) error {
		a, err := address(tx, in.Address)
		if err != nil {
			return err
		}
		n, err := d.liveNode(tx, now, in.Node)
		switch {
		case err != nil:
			return err
		case a.Node == n.ID:
			return nil
		case a.Node != "":
			return conflict("address %s leads to node %s: disassociate it first", a.ID, a.Node)
		case a.Location != "" && a.Location != n.Location:
			return conflict("address %s can be used in %s, but node %s is in %s", a.ID, a.Location, n.ID, n.Location)
		}
		// The node has one public address: this one instead of any other.
		if old, ok := addressOf(tx, n.ID); ok {
			old.Node = ""
			addresses.put(tx, old.ID, old)
		} else {
			for _, ip := range n.PublicIPs {
				endLease(tx, now, publicSpace.name, ip)
			}
		}
		n.PublicIPs = []string{a.IP}
		nodes.put(tx, n.ID, n)
		a.Node = n.ID
		addresses.put(tx, a.ID, a)
		return nil
	})
}

func (d computeDriver) DisassociateAddress(ctx context.Context, in compute.DisassociateAddress) error {
	return change(ctx, d.driver, "disassociate_address", in, func(tx *txn, now time.Time) error {
		a, err := address(tx, in.Address)
		switch {
		case err != nil:
			return err
		case a.Node == "":
			return conflict("address %s leads to no node", a.ID)
		}
		if n, err := d.node(tx, now, a.Node); err == nil {
			n.PublicIPs = nil
			nodes.put(tx, n.ID, n)
		}
		a.Node = ""
		addresses.put(tx, a.ID, a)
		return nil
	})
}

func (d computeDriver) ReleaseAddress(ctx context.Context, in compute.ReleaseAddress) error {
	return change(ctx, d.driver, "release_address", in, func(tx *txn, now time.Time) error {
		a, err := address(tx, in.Address)
		switch {
		case err != nil:
			return err
		case a.Node != "":
			return conflict("address %s leads to node %s: disassociate it first", a.ID, a.Node)
		}
		addresses.delete(tx, a.ID)
		endLease(tx, now, publicSpace.name, a.IP)
		give(tx, "addresses", 1)
		return nil
	})
}
