package drivertest

import (
	"context"
	"encoding/pem"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Compute is the suite of the compute family.
func Compute(t *testing.T, h Harness) {
	s := &computeSuite{suite: newSuite(t, compute.Family, h)}
	s.test(t, "unsupported", s.unsupported)
	s.test(t, "native", s.native, "native")
	s.test(t, "sizes", s.sizes, "list_sizes")
	s.test(t, "locations", s.locations, "list_locations")
	s.test(t, "images", s.images, "list_images")
	s.test(t, "key_pairs", s.keyPairs)
	s.test(t, "networks", s.networks, "create_network")
	s.test(t, "security_groups", s.securityGroups, "create_security_group")
	s.test(t, "nodes", s.nodes, "create_node", "get_node", "destroy_node")
	s.test(t, "nodes_in_networks", s.nodesInNetworks, "create_node", "create_subnet")
	s.test(t, "create_nodes", s.createNodes, "create_nodes")
	s.test(t, "create_node_refused", s.createNodeRefused, "create_node")
	s.test(t, "volumes", s.volumes, "create_volume", "get_volume")
	s.test(t, "volume_snapshots", s.snapshots, "create_volume", "create_volume_snapshot")
	s.test(t, "own_images", s.ownImages, "create_image")
	s.test(t, "addresses", s.addresses, "allocate_address")
	s.test(t, "unicode", s.unicode)
	s.test(t, "idempotent", s.idempotent)
	s.test(t, "paging", s.paging)
	s.test(t, "small_pages", s.sameInSmallPages)
	s.test(t, "concurrent", s.concurrent)
	s.test(t, "canceled", s.interrupted)
	s.test(t, "not_found", func(t *testing.T) {
		// A size is a word of the provider's own: one that is none is as well an invalid argument.
		sized := []op.Kind{op.NotFound, op.InvalidArgument}
		s.notFound(t, map[string][]op.Kind{"create_node": sized, "create_nodes": sized})
	})
	s.finish(t)
}

type computeSuite struct {
	*suite
	image compute.Image
	small compute.Size
	ready *compute.Node // see node
}

// choose finds what nodes are made of: the harness's image and size, or the
// first image that can be used and the smallest size that goes with it.
func (s *computeSuite) choose(t *testing.T) (image compute.Image, size compute.Size) {
	t.Helper()
	if s.image.ID != "" {
		return s.image, s.small
	}
	s.image = compute.Image{ID: s.Image}
	if s.Image == "" {
		images := list[compute.Image](t, s.conn, compute.ListImages{})
		images = slices.DeleteFunc(images, func(i compute.Image) bool { return i.State != compute.ImageAvailable })
		if len(images) == 0 {
			t.Fatal("there is no image to make nodes of; Harness.Image can name one")
		}
		s.image = images[0]
		for _, i := range images {
			if i.Architecture == compute.X86_64 {
				s.image = i
				break
			}
		}
	}
	s.small = compute.Size{ID: s.Size}
	if s.Size == "" {
		sizes := s.fitting(t)
		if len(sizes) == 0 {
			t.Fatalf("there is no size for %+v; Harness.Size can name one", s.image)
		}
		s.small = sizes[0]
	}
	return s.image, s.small
}

// fitting lists the sizes that the image runs on, the smallest first.
func (s *computeSuite) fitting(t *testing.T) []compute.Size {
	t.Helper()
	sizes := list[compute.Size](t, s.conn, compute.ListSizes{})
	sizes = slices.DeleteFunc(sizes, func(z compute.Size) bool {
		return z.GPUs > 0 || s.image.Architecture != "" && z.Architecture != "" && z.Architecture != s.image.Architecture ||
			z.Disk > 0 && z.Disk < s.image.Size
	})
	slices.SortStableFunc(sizes, func(a, b compute.Size) int { return a.RAM - b.RAM })
	return sizes
}

// create creates a node of the test's own.
func (s *computeSuite) create(t *testing.T, with compute.CreateNode) compute.Node {
	t.Helper()
	image, size := s.choose(t)
	with.Image, with.Size = image.ID, size.ID
	if with.Name == "" {
		with.Name = s.name("node")
	}
	n := Call[compute.Node](t, s.conn, with)
	s.cleanup(t, compute.DestroyNode{Node: n.ID})
	return n
}

// node is a running node for the tests that only need one; they leave it as
// they found it.
func (s *computeSuite) node(t *testing.T) compute.Node {
	t.Helper()
	if s.ready == nil {
		image, size := s.choose(t)
		n := Call[compute.Node](t, s.conn, compute.CreateNode{Name: s.name("ready"), Image: image.ID, Size: size.ID})
		s.cleanup(s.root, compute.DestroyNode{Node: n.ID})
		s.ready = &n
	}
	n := s.become(t, s.ready.ID, compute.NodeRunning)
	return n
}

// become waits until a node is in one of the states.
func (s *computeSuite) become(t *testing.T, node string, states ...compute.NodeState) compute.Node {
	t.Helper()
	n := until(t, s.suite, fmt.Sprintf("node %s to be %s", node, states[0]), getter[compute.Node](s.conn, compute.GetNode{Node: node}),
		func(n compute.Node) bool { return slices.Contains(states, n.State) || n.State == compute.NodeError })
	if n.State == compute.NodeError && !slices.Contains(states, compute.NodeError) {
		t.Fatalf("the node went into error: %+v", n)
	}
	return n
}

func (s *computeSuite) nodeGone(t *testing.T, node string) {
	t.Helper()
	untilGone(t, s.suite, "node "+node, getter[compute.Node](s.conn, compute.GetNode{Node: node}),
		func(n compute.Node) bool { return n.State == compute.NodeTerminated })
}

func (s *computeSuite) sizes(t *testing.T) {
	sizes := list[compute.Size](t, s.conn, compute.ListSizes{})
	if len(sizes) == 0 {
		t.Fatal("there are no sizes")
	}
	seen := map[string]bool{}
	for _, z := range sizes {
		if seen[z.ID] || z.Name == "" || z.VCPUs <= 0 || z.RAM <= 0 || z.Disk < 0 || z.GPUs < 0 || z.Price != nil && *z.Price < 0 {
			t.Errorf("size %+v", z)
		}
		seen[z.ID] = true
	}
	s.test(t, "location", func(t *testing.T) {
		places := list[compute.Location](t, s.conn, compute.ListLocations{})
		there := list[compute.Size](t, s.conn, compute.ListSizes{Location: places[0].ID})
		if len(there) == 0 {
			t.Errorf("%s has no sizes", places[0].ID)
		}
		for _, z := range there {
			if !seen[z.ID] {
				t.Errorf("%s is a size of %s, but of no place", z.ID, places[0].ID)
			}
		}
	}, "list_locations")
}

func (s *computeSuite) locations(t *testing.T) {
	places := list[compute.Location](t, s.conn, compute.ListLocations{})
	if len(places) == 0 {
		t.Fatal("there are no locations")
	}
	seen := map[string]bool{}
	for _, p := range places {
		if seen[p.ID] || p.Name == "" || p.Country != "" && len(p.Country) != 2 {
			t.Errorf("location %+v", p)
		}
		seen[p.ID] = true
	}
}

func (s *computeSuite) images(t *testing.T) {
	image, _ := s.choose(t)
	s.test(t, "get", func(t *testing.T) {
		got := Call[compute.Image](t, s.conn, compute.GetImage{Image: image.ID})
		if got.ID != image.ID || image.Name != "" && got.Name != image.Name {
			t.Errorf("get_image says %+v, list_images said %+v", got, image)
		}
	}, "get_image")
	if image.Name != "" {
		filters(t, s.suite, compute.ListImages{Owner: image.Owner}, image)
	}
	s.test(t, "self", func(t *testing.T) {
		for _, i := range list[compute.Image](t, s.conn, compute.ListImages{Owner: "self"}) {
			if i.ID == "" {
				t.Errorf("image %+v", i)
			}
		}
	})
	s.test(t, "location", func(t *testing.T) {
		places := list[compute.Location](t, s.conn, compute.ListLocations{})
		if len(list[compute.Image](t, s.conn, compute.ListImages{Location: places[0].ID})) == 0 {
			t.Errorf("%s has no images", places[0].ID)
		}
	}, "list_locations")
}

func (s *computeSuite) keyPairs(t *testing.T) {
	check := func(t *testing.T, k compute.KeyPair, name string) {
		t.Helper()
		s.test(t, "get", func(t *testing.T) {
			got := Call[compute.KeyPair](t, s.conn, compute.GetKeyPair{KeyPair: name})
			if got.Name != name || got.Fingerprint != k.Fingerprint || got.PrivateKey != "" {
				t.Errorf("get_key_pair says %+v, it was %+v", got, k)
			}
		}, "get_key_pair")
		s.test(t, "list", func(t *testing.T) {
			got := listed(t, s.suite, compute.ListKeyPairs{}, func(k compute.KeyPair) bool { return k.Name == name })
			if got.Fingerprint != k.Fingerprint || got.PrivateKey != "" {
				t.Errorf("list_key_pairs says %+v, it was %+v", got, k)
			}
		}, "list_key_pairs")
		s.test(t, "already_exists", func(t *testing.T) {
			if s.offers("create_key_pair") {
				_, err := drivers.Call[compute.KeyPair](t.Context(), s.conn, compute.CreateKeyPair{Name: name})
				wantKind(t, err, op.AlreadyExists)
			}
			if s.offers("import_key_pair") {
				_, err := drivers.Call[compute.KeyPair](t.Context(), s.conn, compute.ImportKeyPair{Name: name, PublicKey: publicKey()})
				wantKind(t, err, op.AlreadyExists)
			}
		})
		s.test(t, "delete", func(t *testing.T) {
			Do(t, s.conn, compute.DeleteKeyPair{KeyPair: name})
			s.refuse(t, compute.DeleteKeyPair{KeyPair: name}, op.NotFound)
			if s.offers("get_key_pair") {
				_, err := drivers.Call[compute.KeyPair](t.Context(), s.conn, compute.GetKeyPair{KeyPair: name})
				wantKind(t, err, op.NotFound)
			}
		}, "delete_key_pair")
	}
	s.test(t, "create", func(t *testing.T) {
		name := s.name("key")
		k := Call[compute.KeyPair](t, s.conn, compute.CreateKeyPair{Name: name})
		s.cleanup(t, compute.DeleteKeyPair{KeyPair: name})
		if block, _ := pem.Decode([]byte(k.PrivateKey.Reveal())); block == nil || !strings.Contains(block.Type, "PRIVATE KEY") {
			t.Error("the private key is not in PEM form")
		}
		if k.Name != name || !strings.HasPrefix(k.Fingerprint, "SHA256:") || k.PublicKey != "" && k.Fingerprint != compute.Fingerprint(k.PublicKey) {
			t.Errorf("create_key_pair made %+v", k)
		}
		check(t, k, name)
	}, "create_key_pair")
	s.test(t, "import", func(t *testing.T) {
		name, public := s.name("key"), publicKey()
		k := Call[compute.KeyPair](t, s.conn, compute.ImportKeyPair{Name: name, PublicKey: public})
		s.cleanup(t, compute.DeleteKeyPair{KeyPair: name})
		if k.Name != name || k.Fingerprint != compute.Fingerprint(public) || k.PrivateKey != "" {
			t.Errorf("import_key_pair made %+v", k)
		}
		if k.PublicKey != "" && strings.Fields(k.PublicKey)[1] != strings.Fields(public)[1] {
			t.Errorf("the public key is %q, it was %q", k.PublicKey, public)
		}
		check(t, k, name)
	}, "import_key_pair")
	s.test(t, "import_nonsense", func(t *testing.T) {
		for _, key := range []string{"nonsense", "ssh-ed25519 AAAA", "ssh-ed25519 !!!"} {
			name := s.name("key")
			_, err := drivers.Call[compute.KeyPair](t.Context(), s.conn, compute.ImportKeyPair{Name: name, PublicKey: key})
			if wantKind(t, err, op.InvalidArgument); err == nil {
				s.cleanup(t, compute.DeleteKeyPair{KeyPair: name})
			}
		}
	}, "import_key_pair")
}

// cidrs makes a range for a network, and two inside it. Runs on one server
// have others, by and large.
func cidrs() (network, first, second string) {
	n := rand.IntN(200) + 20
	return fmt.Sprintf("10.%d.0.0/16", n), fmt.Sprintf("10.%d.1.0/24", n), fmt.Sprintf("10.%d.2.0/24", n)
}

func (s *computeSuite) network(t *testing.T, cidr string) compute.Network {
	t.Helper()
	in := with(t, s.suite, compute.CreateNetwork{Name: s.name("network"), CIDR: cidr}, "tags", s.tags())
	n := Call[compute.Network](t, s.conn, in)
	s.cleanup(t, compute.DestroyNetwork{Network: n.ID})
	if n.Name == "" || n.CIDR != "" && n.CIDR != cidr || !tagged(n.Tags, in.Tags) {
		t.Errorf("created with %+v, it is %+v", in, n)
	}
	return n
}

// tagged reports whether what was made has the tags it was to have; providers
// keep tags of their own.
func tagged(have, want map[string]string) bool {
	for k, v := range want {
		if w, ok := have[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func (s *computeSuite) networks(t *testing.T) {
	cidr, first, second := cidrs()
	n := s.network(t, cidr)
	s.test(t, "list", func(t *testing.T) {
		got := listed(t, s.suite, compute.ListNetworks{}, func(v compute.Network) bool { return v.ID == n.ID })
		if got.Name != n.Name || got.CIDR != n.CIDR {
			t.Errorf("list_networks gives %+v, create_network made %+v", got, n)
		}
		filters(t, s.suite, compute.ListNetworks{}, n)
	}, "list_networks")
	s.test(t, "subnets", func(t *testing.T) {
		in := with(t, s.suite, compute.CreateSubnet{Network: n.ID, Name: s.name("subnet"), CIDR: first}, "tags", s.tags())
		sub := Call[compute.Subnet](t, s.conn, in)
		s.cleanup(t, compute.DestroySubnet{Subnet: sub.ID})
		if sub.Network != n.ID || sub.CIDR != first || sub.Name != in.Name || !tagged(sub.Tags, in.Tags) {
			t.Errorf("create_subnet made %+v", sub)
		}
		other := Call[compute.Subnet](t, s.conn, compute.CreateSubnet{Network: n.ID, Name: s.name("subnet"), CIDR: second})
		s.cleanup(t, compute.DestroySubnet{Subnet: other.ID})
		s.test(t, "list", func(t *testing.T) {
			in := list[compute.Subnet](t, s.conn, compute.ListSubnets{Network: n.ID})
			if len(in) != 2 {
				t.Errorf("the network's subnets are %+v", in)
			}
			filters(t, s.suite, compute.ListSubnets{}, sub)
		}, "list_subnets")
		for what, cidr := range map[string]string{"outside its network": "192.168.7.0/24", "no range": "10.0.0.1.2/24", "nonsense": "all"} {
			s.test(t, what, func(t *testing.T) {
				bad, err := drivers.Call[compute.Subnet](t.Context(), s.conn, compute.CreateSubnet{Network: n.ID, Name: s.name("subnet"), CIDR: cidr})
				if wantKind(t, err, op.InvalidArgument); err == nil {
					s.cleanup(t, compute.DestroySubnet{Subnet: bad.ID})
				}
			})
		}
		s.test(t, "over another", func(t *testing.T) {
			bad, err := drivers.Call[compute.Subnet](t.Context(), s.conn, compute.CreateSubnet{Network: n.ID, Name: s.name("subnet"), CIDR: first})
			if wantKind(t, err, op.Conflict, op.AlreadyExists, op.InvalidArgument); err == nil {
				s.cleanup(t, compute.DestroySubnet{Subnet: bad.ID})
			}
		})
		s.test(t, "network in use", func(t *testing.T) {
			s.refuse(t, compute.DestroyNetwork{Network: n.ID}, op.Conflict)
		}, "destroy_network")
		s.test(t, "destroy", func(t *testing.T) {
			for _, sub := range []compute.Subnet{sub, other} {
				Do(t, s.conn, compute.DestroySubnet{Subnet: sub.ID})
				untilGone(t, s.suite, "subnet "+sub.ID, finder(s.conn, compute.ListSubnets{}, func(v compute.Subnet) bool { return v.ID == sub.ID }), never)
			}
		}, "destroy_subnet", "list_subnets")
	}, "create_subnet")
	s.test(t, "destroy", func(t *testing.T) {
		Do(t, s.conn, compute.DestroyNetwork{Network: n.ID})
		untilGone(t, s.suite, "network "+n.ID, finder(s.conn, compute.ListNetworks{}, func(v compute.Network) bool { return v.ID == n.ID }), never)
		s.refuse(t, compute.DestroyNetwork{Network: n.ID}, op.NotFound)
	}, "destroy_network", "list_networks")
	s.test(t, "nonsense", func(t *testing.T) {
		bad, err := drivers.Call[compute.Network](t.Context(), s.conn, compute.CreateNetwork{Name: s.name("network"), CIDR: "10.0.0.0/99"})
		if wantKind(t, err, op.InvalidArgument); err == nil {
			s.cleanup(t, compute.DestroyNetwork{Network: bad.ID})
		}
	})
}

func (s *computeSuite) group(t *testing.T) compute.SecurityGroup {
	t.Helper()
	in := with(t, s.suite, compute.CreateSecurityGroup{Name: s.name("group")}, "tags", s.tags())
	in = with(t, s.suite, in, "description", "conformance test")
	g := Call[compute.SecurityGroup](t, s.conn, in)
	s.cleanup(t, compute.DestroySecurityGroup{SecurityGroup: g.ID})
	if in.Description != "" && g.Description != in.Description || !tagged(g.Tags, in.Tags) {
		t.Errorf("created with %+v, it is %+v", in, g)
	}
	return g
}

func (s *computeSuite) securityGroups(t *testing.T) {
	g := s.group(t)
	if slices.ContainsFunc(g.Rules, func(r compute.SecurityGroupRule) bool { return r.Direction != compute.Egress }) {
		t.Errorf("create_security_group made %+v", g)
	}
	find := finder(s.conn, compute.ListSecurityGroups{}, func(v compute.SecurityGroup) bool { return v.ID == g.ID })
	if !s.offers("list_security_groups") {
		return
	}
	s.test(t, "list", func(t *testing.T) {
		got := until(t, s.suite, "the security group to be listed", find, func(compute.SecurityGroup) bool { return true })
		if got.Name != g.Name || got.Network != g.Network {
			t.Errorf("list_security_groups gives %+v, create_security_group made %+v", got, g)
		}
		filters(t, s.suite, compute.ListSecurityGroups{}, g)
	})
	rules := map[string]compute.Rule{
		"port":       {Port: 22, CIDR: "10.1.0.0/16", Description: "from inside"},
		"everyone":   {Port: 80},
		"range":      {FromPort: 8000, ToPort: 8100, CIDR: "0.0.0.0/0"},
		"udp":        {Protocol: compute.UDP, Port: 53, CIDR: "10.2.0.0/16"},
		"icmp":       {Protocol: compute.ICMP, CIDR: "10.3.0.0/16"},
		"all":        {Protocol: compute.AllProtocols, CIDR: "10.4.0.0/16"},
		"egress":     {Direction: compute.Egress, Port: 443, CIDR: "10.5.0.0/16"},
		"from group": {Port: 5432, Group: g.ID},
	}
	for _, what := range slices.Sorted(maps.Keys(rules)) {
		rule := rules[what]
		s.test(t, "rule "+what, func(t *testing.T) {
			allow := compute.AllowSecurityGroupRule{SecurityGroup: g.ID, Rule: rule}
			Do(t, s.conn, allow)
			// The defaults are those that the operation fills in.
			full, err := s.op("allow_security_group_rule").In().Complete(allow)
			if err != nil {
				t.Fatal(err)
			}
			want := full.(compute.AllowSecurityGroupRule).Normal()
			count := func(g compute.SecurityGroup) (n int) {
				for _, r := range g.Rules {
					if r.Same(want) {
						n++
					}
				}
				return n
			}
			until(t, s.suite, fmt.Sprintf("the rule %+v", want), find, func(g compute.SecurityGroup) bool { return count(g) == 1 })
			s.refuse(t, allow, op.AlreadyExists)
			if s.offers("revoke_security_group_rule") {
				revoke := compute.RevokeSecurityGroupRule{SecurityGroup: g.ID, Rule: rule}
				revoke.Description = ""
				Do(t, s.conn, revoke)
				until(t, s.suite, "the rule to be gone", find, func(g compute.SecurityGroup) bool { return count(g) == 0 })
				s.refuse(t, revoke, op.NotFound)
			}
		}, "allow_security_group_rule")
	}
	for what, rule := range map[string]compute.Rule{
		"no range":       {Port: 22, CIDR: "10.1.2.3.4/8"},
		"no port":        {Port: 70000},
		"backwards":      {FromPort: 90, ToPort: 80},
		"cidr and group": {Port: 22, CIDR: "10.0.0.0/8", Group: g.ID},
	} {
		s.test(t, "refuse "+what, func(t *testing.T) {
			s.refuse(t, compute.AllowSecurityGroupRule{SecurityGroup: g.ID, Rule: rule}, op.InvalidArgument)
		}, "allow_security_group_rule")
	}
	s.test(t, "destroy", func(t *testing.T) {
		Do(t, s.conn, compute.DestroySecurityGroup{SecurityGroup: g.ID})
		untilGone(t, s.suite, "security group "+g.ID, find, never)
		s.refuse(t, compute.DestroySecurityGroup{SecurityGroup: g.ID}, op.NotFound)
	}, "destroy_security_group")
}

func (s *computeSuite) nodes(t *testing.T) {
	with := compute.CreateNode{Name: s.name("node"), Tags: s.tags(), UserData: "#!/bin/sh\necho hello\n"}
	if s.offers("import_key_pair") {
		with.KeyPair = s.name("key")
		Call[compute.KeyPair](t, s.conn, compute.ImportKeyPair{Name: with.KeyPair, PublicKey: publicKey()})
		s.cleanup(t, compute.DeleteKeyPair{KeyPair: with.KeyPair})
	}
	if s.offers("create_security_group") {
		with.SecurityGroups = []string{s.group(t).ID}
	}
	image, size := s.choose(t)
	with.Image, with.Size = image.ID, size.ID
	n := Call[compute.Node](t, s.conn, with)
	s.cleanup(t, compute.DestroyNode{Node: n.ID})
	check := func(t *testing.T, got compute.Node) {
		t.Helper()
		if got.ID != n.ID || got.Name != with.Name || got.Size != with.Size || got.Image != "" && got.Image != with.Image ||
			got.KeyPair != with.KeyPair && s.Lacks["node.key_pair"] == "" || got.Location != n.Location || !tagged(got.Tags, with.Tags) || got.CreatedAt.IsZero() {
			t.Errorf("created with %+v, it is %+v", with, got)
		}
		if with.SecurityGroups != nil && !slices.Equal(got.SecurityGroups, with.SecurityGroups) {
			t.Errorf("created in security groups %q, it is in %q", with.SecurityGroups, got.SecurityGroups)
		}
	}
	check(t, n)
	if !slices.Contains([]compute.NodeState{compute.NodePending, compute.NodeStarting, compute.NodeRunning}, n.State) {
		t.Errorf("a new node is %s", n.State)
	}
	check(t, s.become(t, n.ID, compute.NodeRunning))
	s.test(t, "list", func(t *testing.T) {
		got := listed(t, s.suite, compute.ListNodes{}, func(v compute.Node) bool { return v.ID == n.ID })
		check(t, got)
		filters(t, s.suite, compute.ListNodes{}, got)
	}, "list_nodes")
	s.test(t, "other_connection", func(t *testing.T) {
		check(t, Call[compute.Node](t, s.open(t, nil), compute.GetNode{Node: n.ID}))
	})
	s.test(t, "console", func(t *testing.T) {
		Call[compute.ConsoleOutput](t, s.conn, compute.GetConsoleOutput{Node: n.ID})
	}, "get_console_output")
	s.test(t, "security_group_in_use", func(t *testing.T) {
		s.refuse(t, compute.DestroySecurityGroup{SecurityGroup: with.SecurityGroups[0]}, op.Conflict)
	}, "create_security_group", "destroy_security_group")
	s.test(t, "tags", func(t *testing.T) {
		word := "Grüße ☕"
		if s.PlainTags {
			word = "word"
		}
		for _, tags := range []map[string]string{{"purpose": "other", "new": word}, {}, with.Tags} {
			Do(t, s.conn, compute.SetNodeTags{Node: n.ID, Tags: tags})
			until(t, s.suite, fmt.Sprintf("the tags to be %v", tags), getter[compute.Node](s.conn, compute.GetNode{Node: n.ID}), func(n compute.Node) bool {
				_, has := n.Tags["purpose"]
				_, wants := tags["purpose"]
				_, hasNew := n.Tags["new"]
				_, wantsNew := tags["new"]
				return tagged(n.Tags, tags) && has == wants && hasNew == wantsNew && n.Name == with.Name
			})
		}
	}, "set_node_tags")
	s.test(t, "reboot", func(t *testing.T) {
		Do(t, s.conn, compute.RebootNode{Node: n.ID})
		s.become(t, n.ID, compute.NodeRunning)
	}, "reboot_node")
	s.test(t, "suspend", func(t *testing.T) {
		Do(t, s.conn, compute.SuspendNode{Node: n.ID})
		s.become(t, n.ID, compute.NodeSuspended, compute.NodePaused)
		Do(t, s.conn, compute.SuspendNode{Node: n.ID}) // as if it were repeated
		s.test(t, "resume", func(t *testing.T) {
			Do(t, s.conn, compute.ResumeNode{Node: n.ID})
			s.become(t, n.ID, compute.NodeRunning)
			Do(t, s.conn, compute.ResumeNode{Node: n.ID})
		}, "resume_node")
	}, "suspend_node", "resume_node")
	s.test(t, "stop", func(t *testing.T) {
		Do(t, s.conn, compute.StopNode{Node: n.ID})
		s.become(t, n.ID, compute.NodeStopped)
		Do(t, s.conn, compute.StopNode{Node: n.ID})
		s.test(t, "reboot_stopped", func(t *testing.T) {
			s.refuse(t, compute.RebootNode{Node: n.ID}, op.Conflict)
		}, "reboot_node")
		s.test(t, "suspend_stopped", func(t *testing.T) {
			s.refuse(t, compute.SuspendNode{Node: n.ID}, op.Conflict)
		}, "suspend_node")
		s.test(t, "resize", func(t *testing.T) { s.resize(t, n) }, "resize_node")
		s.test(t, "start", func(t *testing.T) {
			Do(t, s.conn, compute.StartNode{Node: n.ID})
			s.become(t, n.ID, compute.NodeRunning)
			Do(t, s.conn, compute.StartNode{Node: n.ID})
		}, "start_node")
		s.test(t, "force", func(t *testing.T) {
			Do(t, s.conn, compute.StopNode{Node: n.ID, Force: true})
			s.become(t, n.ID, compute.NodeStopped)
		})
	}, "stop_node", "start_node")
	s.test(t, "destroy", func(t *testing.T) {
		Do(t, s.conn, compute.DestroyNode{Node: n.ID})
		s.nodeGone(t, n.ID)
		if err := drivers.Do(t.Context(), s.conn, compute.DestroyNode{Node: n.ID}); err != nil {
			wantKind(t, err, op.NotFound)
		}
		s.test(t, "list", func(t *testing.T) {
			for _, v := range list[compute.Node](t, s.conn, compute.ListNodes{Name: with.Name}) {
				if v.State != compute.NodeTerminated {
					t.Errorf("a destroyed node is %s", v.State)
				}
			}
		}, "list_nodes")
		s.test(t, "start_destroyed", func(t *testing.T) {
			s.refuse(t, compute.StartNode{Node: n.ID}, op.NotFound, op.Conflict)
		}, "start_node")
	})
}

// resize gives a stopped node another size, and one that is none.
func (s *computeSuite) resize(t *testing.T, n compute.Node) {
	other := s.OtherSize
	if other == "" {
		i := 0
		sizes := s.fitting(t)
		for i < len(sizes) && (sizes[i].ID == n.Size || sizes[i].Disk < s.small.Disk) {
			i++
		}
		if i == len(sizes) {
			t.Fatalf("there is no other size than %s; Harness.OtherSize can name one", n.Size)
		}
		other = sizes[i].ID
	}
	Do(t, s.conn, compute.ResizeNode{Node: n.ID, Size: other})
	until(t, s.suite, "the node to have size "+other, getter[compute.Node](s.conn, compute.GetNode{Node: n.ID}),
		func(n compute.Node) bool { return n.Size == other && n.State == compute.NodeStopped })
	Do(t, s.conn, compute.ResizeNode{Node: n.ID, Size: other})
	err := drivers.Do(t.Context(), s.conn, compute.ResizeNode{Node: n.ID, Size: s.missing("size")})
	wantKind(t, err, op.NotFound, op.InvalidArgument)
}

func (s *computeSuite) nodesInNetworks(t *testing.T) {
	cidr, first, _ := cidrs()
	net := s.network(t, cidr)
	sub := Call[compute.Subnet](t, s.conn, compute.CreateSubnet{Network: net.ID, Name: s.name("subnet"), CIDR: first})
	s.cleanup(t, compute.DestroySubnet{Subnet: sub.ID})
	n := s.create(t, compute.CreateNode{Subnets: []string{sub.ID}, Location: sub.Location})
	n = s.become(t, n.ID, compute.NodeRunning)
	if !slices.Equal(n.Subnets, []string{sub.ID}) || !slices.Equal(n.Networks, []string{net.ID}) {
		t.Errorf("created in %s, the node is in networks %q, subnets %q", sub.ID, n.Networks, n.Subnets)
	}
	if len(n.PrivateIPs) == 0 || !strings.HasPrefix(n.PrivateIPs[0], strings.TrimSuffix(first, "0/24")) {
		t.Errorf("in %s its addresses are %q", first, n.PrivateIPs)
	}
	s.test(t, "in use", func(t *testing.T) {
		s.refuse(t, compute.DestroySubnet{Subnet: sub.ID}, op.Conflict)
	}, "destroy_subnet")
	Do(t, s.conn, compute.DestroyNode{Node: n.ID})
	s.nodeGone(t, n.ID)
}

func (s *computeSuite) createNodes(t *testing.T) {
	image, size := s.choose(t)
	base := compute.CreateNode{Name: s.name("many"), Image: image.ID, Size: size.ID, Tags: s.tags()}
	nodes := Call[[]compute.Node](t, s.conn, compute.CreateNodes{CreateNode: base, Count: 3})
	var names, ids []string
	for _, n := range nodes {
		s.cleanup(t, compute.DestroyNode{Node: n.ID})
		names, ids = append(names, n.Name), append(ids, n.ID)
		if n.Size != size.ID || !tagged(n.Tags, s.tags()) {
			t.Errorf("one of them is %+v", n)
		}
	}
	slices.Sort(names)
	if want := []string{base.Name + "-1", base.Name + "-2", base.Name + "-3"}; !slices.Equal(names, want) {
		t.Errorf("they are named %q, want %q", names, want)
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 3 {
		t.Errorf("three nodes have the ids %q", ids)
	}
	for _, id := range ids {
		s.become(t, id, compute.NodeRunning)
	}
	s.test(t, "refuse count", func(t *testing.T) {
		for _, count := range []int{0, -1} {
			_, err := drivers.Call[[]compute.Node](t.Context(), s.conn, compute.CreateNodes{CreateNode: base, Count: count})
			wantKind(t, err, op.InvalidArgument)
		}
	})
}

// createNodeRefused: each thing that a node is made from may be missing, and
// then there is no node.
func (s *computeSuite) createNodeRefused(t *testing.T) {
	image, size := s.choose(t)
	for what, change := range map[string]func(in *compute.CreateNode){
		"no such image":          func(in *compute.CreateNode) { in.Image = s.missing("image") },
		"no such size":           func(in *compute.CreateNode) { in.Size = s.missing("size") },
		"no such location":       func(in *compute.CreateNode) { in.Location = s.missing("location") },
		"no such key pair":       func(in *compute.CreateNode) { in.KeyPair = s.missing("key_pair") },
		"no such security group": func(in *compute.CreateNode) { in.SecurityGroups = []string{s.missing("security_group")} },
		"no such subnet":         func(in *compute.CreateNode) { in.Subnets = []string{s.missing("subnet")} },
	} {
		s.test(t, what, func(t *testing.T) {
			in := compute.CreateNode{Name: s.name("refused"), Image: image.ID, Size: size.ID}
			change(&in)
			n, err := drivers.Call[compute.Node](t.Context(), s.conn, in)
			if err == nil {
				s.cleanup(t, compute.DestroyNode{Node: n.ID})
			}
			// Sizes and locations are words of the provider's own.
			wantKind(t, err, op.NotFound, op.InvalidArgument)
			if s.offers("list_nodes") {
				if left := list[compute.Node](t, s.conn, compute.ListNodes{Name: in.Name}); len(left) != 0 {
					t.Errorf("it left %+v", left)
				}
			}
		})
	}
}

func (s *computeSuite) volume(t *testing.T, in compute.CreateVolume) compute.Volume {
	t.Helper()
	if in.Name == "" {
		in.Name = s.name("volume")
	}
	if in.Size == 0 && in.Snapshot == "" {
		in.Size = s.VolumeSize
	}
	v := Call[compute.Volume](t, s.conn, in)
	s.cleanup(t, compute.DestroyVolume{Volume: v.ID})
	return v
}

// volumeIs waits until a volume is as it shall be.
func (s *computeSuite) volumeIs(t *testing.T, volume, what string, right func(compute.Volume) bool) compute.Volume {
	t.Helper()
	return until(t, s.suite, "volume "+volume+" "+what, getter[compute.Volume](s.conn, compute.GetVolume{Volume: volume}), right)
}

func available(v compute.Volume) bool { return v.State == compute.VolumeAvailable }

func (s *computeSuite) volumes(t *testing.T) {
	node := s.node(t)
	in := compute.CreateVolume{Name: s.name("volume"), Size: s.VolumeSize, Location: node.Location, Tags: s.tags()}
	v := s.volume(t, in)
	v = s.volumeIs(t, v.ID, "to be available", available)
	if v.Name != in.Name || v.Size != in.Size || v.Location != in.Location || v.Node != "" || !tagged(v.Tags, in.Tags) || v.CreatedAt.IsZero() {
		t.Errorf("created with %+v, it is %+v", in, v)
	}
	s.test(t, "list", func(t *testing.T) {
		if got := listed(t, s.suite, compute.ListVolumes{}, func(w compute.Volume) bool { return w.ID == v.ID }); got.Name != v.Name || got.Size != v.Size {
			t.Errorf("list_volumes says %+v, it was %+v", got, v)
		}
		filters(t, s.suite, compute.ListVolumes{}, v)
	}, "list_volumes")
	s.test(t, "resize", func(t *testing.T) {
		Do(t, s.conn, compute.ResizeVolume{Volume: v.ID, Size: in.Size + 1})
		s.volumeIs(t, v.ID, "to be larger", func(v compute.Volume) bool { return v.Size == in.Size+1 && available(v) })
		s.refuse(t, compute.ResizeVolume{Volume: v.ID, Size: in.Size}, op.InvalidArgument)
	}, "resize_volume")
	s.test(t, "attach", func(t *testing.T) { s.attach(t, v, node) }, "attach_volume", "detach_volume")
	s.test(t, "refuse size", func(t *testing.T) {
		bad, err := drivers.Call[compute.Volume](t.Context(), s.conn, compute.CreateVolume{Name: s.name("volume"), Size: -1, Location: node.Location})
		if wantKind(t, err, op.InvalidArgument); err == nil {
			s.cleanup(t, compute.DestroyVolume{Volume: bad.ID})
		}
		bad, err = drivers.Call[compute.Volume](t.Context(), s.conn, compute.CreateVolume{Name: s.name("volume"), Location: node.Location})
		if wantKind(t, err, op.InvalidArgument); err == nil {
			s.cleanup(t, compute.DestroyVolume{Volume: bad.ID})
		}
	})
	s.test(t, "destroy", func(t *testing.T) {
		Do(t, s.conn, compute.DestroyVolume{Volume: v.ID})
		untilGone(t, s.suite, "volume "+v.ID, getter[compute.Volume](s.conn, compute.GetVolume{Volume: v.ID}),
			func(v compute.Volume) bool { return v.State == compute.VolumeDeleted })
	}, "destroy_volume")
}

func (s *computeSuite) attach(t *testing.T, v compute.Volume, node compute.Node) {
	Do(t, s.conn, compute.AttachVolume{Volume: v.ID, Node: node.ID})
	v = s.volumeIs(t, v.ID, "to be attached", func(v compute.Volume) bool { return v.State == compute.VolumeInUse && v.Node != "" })
	if v.Node != node.ID {
		t.Errorf("attached to %s, it is attached to %s", node.ID, v.Node)
	}
	n := Call[compute.Node](t, s.conn, compute.GetNode{Node: node.ID})
	if !slices.Contains(n.Volumes, v.ID) {
		t.Errorf("the node's volumes are %q, without %s", n.Volumes, v.ID)
	}
	if s.offers("list_volumes") {
		filters(t, s.suite, compute.ListVolumes{}, v)
	}
	s.test(t, "twice", func(t *testing.T) {
		s.refuse(t, compute.AttachVolume{Volume: v.ID, Node: node.ID}, op.Conflict)
	})
	s.test(t, "destroy attached", func(t *testing.T) {
		s.refuse(t, compute.DestroyVolume{Volume: v.ID}, op.Conflict)
	}, "destroy_volume")
	Do(t, s.conn, compute.DetachVolume{Volume: v.ID})
	v = s.volumeIs(t, v.ID, "to be detached", available)
	if v.Node != "" || v.Device != "" {
		t.Errorf("a detached volume is at %q of %q", v.Device, v.Node)
	}
	s.test(t, "detach twice", func(t *testing.T) {
		s.refuse(t, compute.DetachVolume{Volume: v.ID}, op.Conflict)
	})
	s.test(t, "to no node", func(t *testing.T) {
		s.refuse(t, compute.AttachVolume{Volume: v.ID, Node: s.missing("node")}, op.NotFound)
	})
}

func (s *computeSuite) snapshots(t *testing.T) {
	v := s.volume(t, compute.CreateVolume{})
	s.volumeIs(t, v.ID, "to be available", available)
	in := with(t, s.suite, compute.CreateVolumeSnapshot{Volume: v.ID, Name: s.name("snapshot"), Tags: s.tags()}, "description", "conformance test")
	snap := Call[compute.VolumeSnapshot](t, s.conn, in)
	s.cleanup(t, compute.DestroyVolumeSnapshot{Snapshot: snap.ID})
	get := finder(s.conn, compute.ListVolumeSnapshots{Volume: v.ID}, func(w compute.VolumeSnapshot) bool { return w.ID == snap.ID })
	if s.offers("get_volume_snapshot") {
		get = getter[compute.VolumeSnapshot](s.conn, compute.GetVolumeSnapshot{Snapshot: snap.ID})
	}
	snap = until(t, s.suite, "the snapshot to be available", get, func(v compute.VolumeSnapshot) bool { return v.State == compute.SnapshotAvailable })
	if snap.Name != in.Name || snap.Description != in.Description || snap.Volume != v.ID || snap.Size != v.Size || !tagged(snap.Tags, in.Tags) || snap.CreatedAt.IsZero() {
		t.Errorf("created with %+v of %+v, it is %+v", in, v, snap)
	}
	s.test(t, "list", func(t *testing.T) {
		if all := list[compute.VolumeSnapshot](t, s.conn, compute.ListVolumeSnapshots{Volume: v.ID}); len(all) != 1 || all[0].ID != snap.ID {
			t.Errorf("the volume's snapshots are %+v", all)
		}
		filters(t, s.suite, compute.ListVolumeSnapshots{}, snap)
	}, "list_volume_snapshots")
	s.test(t, "volume", func(t *testing.T) {
		w := s.volume(t, compute.CreateVolume{Snapshot: snap.ID, Location: v.Location})
		w = s.volumeIs(t, w.ID, "to be available", available)
		if w.Snapshot != snap.ID && s.Lacks["volume.snapshot"] == "" || w.Size != snap.Size {
			t.Errorf("made from %+v, the volume is %+v", snap, w)
		}
		larger := s.volume(t, compute.CreateVolume{Snapshot: snap.ID, Size: snap.Size + 1, Location: v.Location})
		if larger.Size != snap.Size+1 {
			t.Errorf("made larger from %+v, the volume is %+v", snap, larger)
		}
		bad, err := drivers.Call[compute.Volume](t.Context(), s.conn, compute.CreateVolume{Name: s.name("volume"), Snapshot: s.missing("volume_snapshot"), Location: v.Location})
		if wantKind(t, err, op.NotFound); err == nil {
			s.cleanup(t, compute.DestroyVolume{Volume: bad.ID})
		}
	})
	s.test(t, "outlives its volume", func(t *testing.T) {
		Do(t, s.conn, compute.DestroyVolume{Volume: v.ID})
		if got, err := get(t.Context()); err != nil || got.ID != snap.ID {
			t.Errorf("the snapshot of a destroyed volume: %+v, %v", got, err)
		}
	}, "destroy_volume")
	s.test(t, "destroy", func(t *testing.T) {
		Do(t, s.conn, compute.DestroyVolumeSnapshot{Snapshot: snap.ID})
		untilGone(t, s.suite, "the snapshot", get, never)
		s.refuse(t, compute.DestroyVolumeSnapshot{Snapshot: snap.ID}, op.NotFound)
	}, "destroy_volume_snapshot")
}

func (s *computeSuite) ownImages(t *testing.T) {
	node := s.node(t)
	in := with(t, s.suite, compute.CreateImage{Node: node.ID, Name: s.name("image"), Tags: s.tags()}, "description", "conformance test")
	usable := func(t *testing.T, i compute.Image) compute.Image {
		t.Helper()
		return until(t, s.suite, "image "+i.ID+" to be available", getter[compute.Image](s.conn, compute.GetImage{Image: i.ID}),
			func(i compute.Image) bool { return i.State == compute.ImageAvailable })
	}
	gone := func(t *testing.T, i compute.Image) {
		t.Helper()
		Do(t, s.conn, compute.DeleteImage{Image: i.ID})
		untilGone(t, s.suite, "image "+i.ID, getter[compute.Image](s.conn, compute.GetImage{Image: i.ID}),
			func(i compute.Image) bool { return i.State == compute.ImageDeleted })
	}
	i := Call[compute.Image](t, s.conn, in)
	s.cleanup(t, compute.DeleteImage{Image: i.ID})
	i = usable(t, i)
	if i.Name != in.Name || i.Description != in.Description || i.Public || !tagged(i.Tags, in.Tags) {
		t.Errorf("created with %+v, it is %+v", in, i)
	}
	s.become(t, node.ID, compute.NodeRunning)
	s.test(t, "list", func(t *testing.T) {
		for _, owner := range []string{"self", ""} {
			listed(t, s.suite, compute.ListImages{Owner: owner}, func(v compute.Image) bool { return v.ID == i.ID })
		}
		filters(t, s.suite, compute.ListImages{Owner: "self"}, i)
	}, "list_images")
	s.test(t, "node", func(t *testing.T) {
		_, size := s.choose(t)
		n := Call[compute.Node](t, s.conn, compute.CreateNode{Name: s.name("node"), Image: i.ID, Size: size.ID})
		s.cleanup(t, compute.DestroyNode{Node: n.ID})
		n = s.become(t, n.ID, compute.NodeRunning)
		if n.Image != "" && n.Image != i.ID {
			t.Errorf("made from %s, the node says %s", i.ID, n.Image)
		}
	}, "create_node")
	s.test(t, "copy", func(t *testing.T) {
		c := Call[compute.Image](t, s.conn, compute.CopyImage{Image: i.ID, Name: s.name("image"), Description: "a copy"})
		s.cleanup(t, compute.DeleteImage{Image: c.ID})
		if c = usable(t, c); c.ID == i.ID || c.Name == i.Name || c.Description != "a copy" {
			t.Errorf("the copy of %+v is %+v", i, c)
		}
		gone(t, c)
	}, "copy_image", "delete_image", "get_image")
	s.test(t, "delete", func(t *testing.T) {
		gone(t, i)
		s.become(t, node.ID, compute.NodeRunning)
	}, "delete_image", "get_image")
}

func (s *computeSuite) addresses(t *testing.T) {
	node := s.node(t)
	in := with(t, s.suite, compute.AllocateAddress{Name: s.name("address")}, "tags", s.tags())
	a := Call[compute.Address](t, s.conn, in)
	s.cleanup(t, compute.ReleaseAddress{Address: a.ID})
	if a.IP == "" || a.Node != "" || !tagged(a.Tags, in.Tags) {
		t.Errorf("allocate_address gave %+v", a)
	}
	find := finder(s.conn, compute.ListAddresses{}, func(v compute.Address) bool { return v.ID == a.ID })
	if !s.offers("list_addresses") {
		return
	}
	s.test(t, "list", func(t *testing.T) {
		got := until(t, s.suite, "the address to be listed", find, func(compute.Address) bool { return true })
		if got.IP != a.IP || got.Name != a.Name {
			t.Errorf("list_addresses gives %+v, allocate_address gave %+v", got, a)
		}
		filters(t, s.suite, compute.ListAddresses{}, a)
	})
	s.test(t, "associate", func(t *testing.T) {
		Do(t, s.conn, compute.AssociateAddress{Address: a.ID, Node: node.ID})
		s.cleanup(t, compute.DisassociateAddress{Address: a.ID})
		led := until(t, s.suite, "the address to lead to the node", find, func(v compute.Address) bool { return v.Node == node.ID })
		filters(t, s.suite, compute.ListAddresses{}, led)
		until(t, s.suite, "the node to have the address", getter[compute.Node](s.conn, compute.GetNode{Node: node.ID}),
			func(n compute.Node) bool { return slices.Contains(n.PublicIPs, a.IP) })
		Do(t, s.conn, compute.AssociateAddress{Address: a.ID, Node: node.ID})
		s.test(t, "release in use", func(t *testing.T) {
			s.refuse(t, compute.ReleaseAddress{Address: a.ID}, op.Conflict)
		}, "release_address")
		s.test(t, "to no node", func(t *testing.T) {
			s.refuse(t, compute.AssociateAddress{Address: a.ID, Node: s.missing("node")}, op.NotFound)
		})
		Do(t, s.conn, compute.DisassociateAddress{Address: a.ID})
		until(t, s.suite, "the address to lead nowhere", find, func(v compute.Address) bool { return v.Node == "" })
		s.test(t, "disassociate twice", func(t *testing.T) {
			s.refuse(t, compute.DisassociateAddress{Address: a.ID}, op.Conflict)
		})
	}, "associate_address", "disassociate_address")
	s.test(t, "release", func(t *testing.T) {
		Do(t, s.conn, compute.ReleaseAddress{Address: a.ID})
		untilGone(t, s.suite, "the address", find, never)
		s.refuse(t, compute.ReleaseAddress{Address: a.ID}, op.NotFound)
	}, "release_address")
}

// unicode: a name comes back as it was given, or is refused.
func (s *computeSuite) unicode(t *testing.T) {
	name := func() string { return "Küche ☕ 東京 " + s.name("unicode") }
	same := func(t *testing.T, want, got string, err error) bool {
		t.Helper()
		if err != nil {
			if wantKind(t, err, op.InvalidArgument); !t.Failed() {
				t.Logf("refused: %v", err)
			}
			return false
		}
		if got != want {
			t.Errorf("named %q, it is %q", want, got)
		}
		return true
	}
	tags := map[string]string{"Küche": "☕ & <東京>"}
	if s.PlainTags {
		tags = s.tags()
	}
	s.test(t, "node", func(t *testing.T) {
		image, size := s.choose(t)
		in := compute.CreateNode{Name: name(), Image: image.ID, Size: size.ID}
		n, err := drivers.Call[compute.Node](t.Context(), s.conn, in)
		if same(t, in.Name, n.Name, err) {
			s.cleanup(t, compute.DestroyNode{Node: n.ID})
			n = until(t, s.suite, "the node", getter[compute.Node](s.conn, compute.GetNode{Node: n.ID}), func(compute.Node) bool { return true })
			same(t, in.Name, n.Name, nil)
		}
	}, "create_node", "get_node")
	s.test(t, "volume", func(t *testing.T) {
		in := compute.CreateVolume{Name: name(), Size: s.VolumeSize, Tags: tags}
		v, err := drivers.Call[compute.Volume](t.Context(), s.conn, in)
		if same(t, in.Name, v.Name, err) {
			s.cleanup(t, compute.DestroyVolume{Volume: v.ID})
			v = s.volumeIs(t, v.ID, "to be known", func(compute.Volume) bool { return true })
			if same(t, in.Name, v.Name, nil); !tagged(v.Tags, tags) {
				t.Errorf("with the tags %q, it has %q", tags, v.Tags)
			}
		}
	}, "create_volume", "get_volume")
	s.test(t, "key_pair", func(t *testing.T) {
		in := compute.ImportKeyPair{Name: name(), PublicKey: publicKey()}
		k, err := drivers.Call[compute.KeyPair](t.Context(), s.conn, in)
		if same(t, in.Name, k.Name, err) {
			s.cleanup(t, compute.DeleteKeyPair{KeyPair: k.Name})
			same(t, in.Name, Call[compute.KeyPair](t, s.conn, compute.GetKeyPair{KeyPair: k.Name}).Name, nil)
		}
	}, "import_key_pair", "get_key_pair")
	s.test(t, "network", func(t *testing.T) {
		cidr, _, _ := cidrs()
		in := compute.CreateNetwork{Name: name(), CIDR: cidr}
		n, err := drivers.Call[compute.Network](t.Context(), s.conn, in)
		if same(t, in.Name, n.Name, err) {
			s.cleanup(t, compute.DestroyNetwork{Network: n.ID})
		}
	}, "create_network")
	s.test(t, "security_group", func(t *testing.T) {
		in := compute.CreateSecurityGroup{Name: name()}
		g, err := drivers.Call[compute.SecurityGroup](t.Context(), s.conn, in)
		if same(t, in.Name, g.Name, err) {
			s.cleanup(t, compute.DestroySecurityGroup{SecurityGroup: g.ID})
		}
	}, "create_security_group")
}

func (s *computeSuite) idempotent(t *testing.T) {
	s.test(t, "create_node", func(t *testing.T) {
		image, size := s.choose(t)
		idempotent[compute.Node](t, s.suite, s.twins(func(name string) any { return compute.CreateNode{Name: name, Image: image.ID, Size: size.ID} }),
			func(id string) any { return compute.DestroyNode{Node: id} })
	}, "create_node")
	s.test(t, "create_nodes", func(t *testing.T) {
		o := s.op("create_nodes")
		if d, ok := s.conn.Driver().(op.Idempotent); !ok || !d.HonoursToken(o) {
			t.Skipf("%s takes no idempotency token for %s", s.conn.Provider.Name, o.Name)
		}
		image, size := s.choose(t)
		in := compute.CreateNodes{CreateNode: compute.CreateNode{Name: s.name("once"), Image: image.ID, Size: size.ID}, Count: 2}
		ctx := op.WithToken(t.Context(), s.name("token"))
		var ids []string
		for range 2 {
			nodes, err := drivers.Call[[]compute.Node](ctx, s.conn, in)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range nodes {
				s.cleanup(t, compute.DestroyNode{Node: n.ID})
				ids = append(ids, n.ID)
			}
		}
		slices.Sort(ids)
		if distinct := slices.Compact(slices.Clone(ids)); len(ids) != 4 || len(distinct) != 2 {
			t.Errorf("two nodes, twice with one token: %q", ids)
		}
	}, "create_nodes")
	s.test(t, "create_volume", func(t *testing.T) {
		idempotent[compute.Volume](t, s.suite, s.twins(func(name string) any { return compute.CreateVolume{Name: name, Size: s.VolumeSize} }),
			func(id string) any { return compute.DestroyVolume{Volume: id} })
	}, "create_volume")
	s.test(t, "create_volume_snapshot", func(t *testing.T) {
		v := s.volume(t, compute.CreateVolume{})
		s.volumeIs(t, v.ID, "to be available", available)
		idempotent[compute.VolumeSnapshot](t, s.suite, s.twins(func(name string) any { return compute.CreateVolumeSnapshot{Volume: v.ID, Name: name} }),
			func(id string) any { return compute.DestroyVolumeSnapshot{Snapshot: id} })
	}, "create_volume_snapshot", "create_volume", "get_volume")
	s.test(t, "create_image", func(t *testing.T) {
		node := s.node(t).ID
		idempotent[compute.Image](t, s.suite, sameName(s.name("once"), s.name("once"), func(name string) any { return compute.CreateImage{Node: node, Name: name} }),
			func(id string) any { return compute.DeleteImage{Image: id} })
	}, "create_image")
	s.test(t, "create_network", func(t *testing.T) {
		cidr, _, _ := cidrs()
		idempotent[compute.Network](t, s.suite, s.twins(func(name string) any { return compute.CreateNetwork{Name: name, CIDR: cidr} }),
			func(id string) any { return compute.DestroyNetwork{Network: id} })
	}, "create_network")
	s.test(t, "create_security_group", func(t *testing.T) {
		idempotent[compute.SecurityGroup](t, s.suite, sameName(s.name("once"), s.name("once"), func(name string) any { return compute.CreateSecurityGroup{Name: name} }),
			func(id string) any { return compute.DestroySecurityGroup{SecurityGroup: id} })
	}, "create_security_group")
	s.test(t, "create_key_pair", func(t *testing.T) {
		idempotent[compute.KeyPair](t, s.suite, sameName(s.name("once"), s.name("once"), func(name string) any { return compute.CreateKeyPair{Name: name} }),
			func(id string) any { return compute.DeleteKeyPair{KeyPair: id} })
	}, "create_key_pair")
	s.test(t, "import_key_pair", func(t *testing.T) {
		key := publicKey()
		idempotent[compute.KeyPair](t, s.suite, sameName(s.name("once"), s.name("once"), func(name string) any { return compute.ImportKeyPair{Name: name, PublicKey: key} }),
			func(id string) any { return compute.DeleteKeyPair{KeyPair: id} })
	}, "import_key_pair")
	s.test(t, "allocate_address", func(t *testing.T) {
		idempotent[compute.Address](t, s.suite, func() any { return compute.AllocateAddress{} },
			func(id string) any { return compute.ReleaseAddress{Address: id} })
	}, "allocate_address")
}

// twins makes inputs that are all of one name, or where names are unique, as
// sameName does.
func (s *computeSuite) twins(in func(name string) any) func() any {
	first := s.name("once")
	then := first
	if s.UniqueNames {
		then = s.name("once")
	}
	return sameName(first, then, in)
}

// sameName makes the inputs for things whose names are unique: the first call's
// input, and then another's.
func sameName(first, then string, in func(name string) any) func() any {
	name := first
	return func() any {
		defer func() { name = then }()
		return in(name)
	}
}

// paging makes more things than a page holds, of the kind that costs least.
func (s *computeSuite) paging(t *testing.T) {
	n := 2*s.PageSize + 1
	s.test(t, "security_groups", func(t *testing.T) {
		var ids []string
		for range n {
			ids = append(ids, s.group(t).ID)
		}
		s.paged(t, compute.ListSecurityGroups{}, ids)
	}, "create_security_group", "list_security_groups")
	s.test(t, "volumes", func(t *testing.T) {
		var ids []string
		for range n {
			ids = append(ids, s.volume(t, compute.CreateVolume{}).ID)
		}
		s.paged(t, compute.ListVolumes{}, ids)
	}, "create_volume", "list_volumes")
	s.test(t, "nodes", func(t *testing.T) {
		image, size := s.choose(t)
		var ids []string
		if s.offers("create_nodes") {
			in := compute.CreateNodes{CreateNode: compute.CreateNode{Name: s.name("page"), Image: image.ID, Size: size.ID}, Count: s.PageSize + 1}
			for _, n := range Call[[]compute.Node](t, s.conn, in) {
				s.cleanup(t, compute.DestroyNode{Node: n.ID})
				ids = append(ids, n.ID)
			}
		} else {
			for range s.PageSize + 1 {
				ids = append(ids, s.create(t, compute.CreateNode{}).ID)
			}
		}
		// What only begins may not have its place yet in the order that pages go by.
		for _, id := range ids {
			s.become(t, id, compute.NodeRunning)
		}
		s.paged(t, compute.ListNodes{}, ids)
	}, "create_node", "list_nodes")
}

func (s *computeSuite) concurrent(t *testing.T) {
	s.test(t, "security_groups", func(t *testing.T) {
		together(t, 8, func(int) error {
			for range 3 {
				g, err := drivers.Call[compute.SecurityGroup](t.Context(), s.conn, compute.CreateSecurityGroup{Name: s.name("group")})
				if err != nil {
					return err
				}
				found, err := finder(s.conn, compute.ListSecurityGroups{}, func(v compute.SecurityGroup) bool { return v.ID == g.ID })(context.WithoutCancel(t.Context()))
				if err != nil || found.Name != g.Name {
					return fmt.Errorf("created %+v, found %+v: %w", g, found, err)
				}
				if err := drivers.Do(t.Context(), s.conn, compute.DestroySecurityGroup{SecurityGroup: g.ID}); err != nil {
					return err
				}
			}
			return nil
		})
	}, "create_security_group", "list_security_groups", "destroy_security_group")
	s.test(t, "one key pair", func(t *testing.T) {
		name := s.name("key")
		won := make(chan bool, 8)
		together(t, cap(won), func(int) error {
			_, err := drivers.Call[compute.KeyPair](t.Context(), s.conn, compute.ImportKeyPair{Name: name, PublicKey: publicKey()})
			if op.KindOf(err) == op.AlreadyExists {
				return nil
			}
			won <- true
			return err
		})
		s.cleanup(t, compute.DeleteKeyPair{KeyPair: name})
		if len(won) != 1 {
			t.Errorf("%d of %d made the one key pair", len(won), cap(won))
		}
	}, "import_key_pair")
}
