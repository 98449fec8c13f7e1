// Package lb is the contract of the load balancer family.
//
//	value      operations
//	balancer   list get create update destroy, protocols, algorithms
//	member     list get attach attach_compute_node update detach
//
// A balancer listens on one port and hands what comes to its members. How a
// provider builds it (target groups, listeners, forwarding rules, probes) is the
// driver's affair: destroy leaves none of it behind.
package lb

import (
	"context"
	"iter"
	"time"

	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Family is the contract.
var Family = op.NewFamily("lb", "Load balancers",
	"Load balancers and their members.",
	append(op.Table{
		op.List("list_balancers", BalancerLister.ListBalancers, "List the balancers."),
		op.Call("get_balancer", BalancerGetter.GetBalancer, op.Reads, "Look a balancer up by its id.").On("balancer", "refresh"),
		op.Call("create_balancer", BalancerCreator.CreateBalancer, op.Creates, "Create a balancer with its members. It is returned while it still starts: wait for it to be running."),
		op.Do("update_balancer", BalancerUpdater.UpdateBalancer, op.Changes, "Change what is given of a balancer, and nothing else.").On("balancer", "update").Repeatable(),
		op.Do("destroy_balancer", BalancerDestroyer.DestroyBalancer, op.Deletes, "Destroy a balancer and all that was made for it. Its members live on.").On("balancer", "destroy"),

		op.List("balancer_list_members", MemberLister.BalancerListMembers, "List a balancer's members with their health.").On("balancer", "list_members"),
		op.Call("balancer_attach_member", MemberAttacher.BalancerAttachMember, op.Creates, "Add a member by its address.").On("balancer", "attach_member"),
		op.Call("balancer_attach_compute_node", NodeAttacher.BalancerAttachComputeNode, op.Creates, "Add a node of the same provider as a member.").On("balancer", "attach_compute_node"),
		op.Call("balancer_get_member", MemberGetter.BalancerGetMember, op.Reads, "Look a member up by its id.").On("member", "refresh"),
		op.Do("balancer_update_member", MemberUpdater.BalancerUpdateMember, op.Changes, "Change a member's share of the work, or whether it gets any, and nothing else.").On("member", "update").Repeatable(),
		op.Do("balancer_detach_member", MemberDetacher.BalancerDetachMember, op.Deletes, "Take a member out. It gets no new work at once; where the provider can, it has the balancer's drain_timeout to finish what it has, and is seen draining meanwhile.").On("member", "detach"),

		op.List("list_protocols", ProtocolLister.ListProtocols, "List the protocols that balancers can speak here."),
		op.List("list_supported_algorithms", AlgorithmLister.ListSupportedAlgorithms, "List the ways to choose a member that balancers have here."),
	}, native.Rows()...))

// A Balancer spreads what reaches its port over its members.
type Balancer struct {
	ID           string            `json:"id" op:"id" source:"ELB LoadBalancerArn; GCE forwarding rule; Azure id; Octavia id" help:"The provider's identifier."`
	Name         string            `json:"name" help:"The name it was given."`
	State        State             `json:"state" help:"What it is doing."`
	Address      string            `json:"address" source:"ELB DNSName; GCE IPAddress; Octavia vip_address" help:"Where it can be reached: an IP address or a host name; empty until it has one."`
	Port         int               `json:"port" help:"The port it listens on."`
	Protocol     Protocol          `json:"protocol" help:"What it speaks."`
	Algorithm    Algorithm         `json:"algorithm" help:"How it chooses a member."`
	HealthCheck  *HealthCheck      `json:"health_check" help:"How it tells a healthy member; None if it does not check."`
	Certificate  string            `json:"certificate" help:"The provider's id of the TLS certificate, for https and tls."`
	DrainTimeout int               `json:"drain_timeout" unit:"s" source:"ELB deregistration_delay; GCE connectionDraining" help:"How long a detached member may take to finish what it has; 0 if it is not waited for, or the provider does not say."`
	Location     string            `json:"location" ref:"location" help:"The id of where it is; empty if it has no such place."`
	Tags         map[string]string `json:"tags" help:"Its labels."`
	CreatedAt    time.Time         `json:"created_at" help:"When it was made; unset if the provider does not say."`
	Extra        map[string]any    `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A Member is where a balancer hands its work.
type Member struct {
	Balancer string         `json:"balancer" op:"scope" ref:"balancer" help:"The id of the balancer."`
	ID       string         `json:"id" op:"id" help:"The provider's identifier; unique in the balancer."`
	IP       string         `json:"ip" help:"Its address; empty where the provider knows members by node alone."`
	Port     int            `json:"port" help:"Its port."`
	Node     string         `json:"node" ref:"node" help:"The id of the compute node it is; empty if it was attached by address."`
	Weight   int            `json:"weight" help:"Its share with weighted algorithms, of which 0 is none: it is draining; 1 if the provider has no weights."`
	State    Condition      `json:"state" help:"Whether it may get work."`
	Health   Health         `json:"health" help:"What the health check says."`
	Extra    map[string]any `json:"extra" help:"What the provider has beyond these fields, in its own names."`
}

// A HealthCheck is how a balancer tells whether a member is healthy.
type HealthCheck struct {
	Protocol           Protocol `json:"protocol,omitzero" default:"http" help:"tcp opens a connection; http and https want an answer of 200 to 399."`
	Port               int      `json:"port,omitzero" help:"The port to ask; the member's if not given."`
	Path               string   `json:"path,omitzero" default:"/" help:"What to ask for, with http and https."`
	Interval           int      `json:"interval,omitzero" default:"30" unit:"s" help:"The time between two checks."`
	Timeout            int      `json:"timeout,omitzero" default:"5" unit:"s" help:"How long an answer may take."`
	HealthyThreshold   int      `json:"healthy_threshold,omitzero" default:"2" help:"This many good answers in a row make it healthy."`
	UnhealthyThreshold int      `json:"unhealthy_threshold,omitzero" default:"2" help:"This many bad answers in a row make it unhealthy."`
}

// State is what a balancer is doing; the names are libcloud's.
type State string

const (
	Running State = "running"
	Pending State = "pending"
	Unknown State = "unknown"
	Error   State = "error"
	Deleted State = "deleted"
)

// Values makes State an enumeration.
func (State) Values() []string { return []string{"running", "pending", "unknown", "error", "deleted"} }

// Condition is whether a member may get work; the names are libcloud's.
type Condition string

const (
	Enabled  Condition = "enabled"  // it gets work while it is healthy
	Disabled Condition = "disabled" // it gets none
	Draining Condition = "draining" // it gets no new work, and goes on with what it has
)

// Values makes Condition an enumeration.
func (Condition) Values() []string { return []string{"enabled", "disabled", "draining"} }

// Health is what a health check says of a member.
type Health string

const (
	Healthy       Health = "healthy"
	Unhealthy     Health = "unhealthy"
	HealthUnknown Health = "unknown"
)

// Values makes Health an enumeration.
func (Health) Values() []string { return []string{"healthy", "unhealthy", "unknown"} }

// Protocol is what a balancer or a health check speaks.
type Protocol string

const (
	HTTP  Protocol = "http"
	HTTPS Protocol = "https"
	TCP   Protocol = "tcp"
	TLS   Protocol = "tls"
	UDP   Protocol = "udp"
)

// Values makes Protocol an enumeration.
func (Protocol) Values() []string { return []string{"http", "https", "tcp", "tls", "udp"} }

// Algorithm is how a balancer chooses a member; the names are libcloud's, and source_hash.
type Algorithm string

const (
	RoundRobin               Algorithm = "round_robin"
	LeastConnections         Algorithm = "least_connections"
	Random                   Algorithm = "random"
	SourceHash               Algorithm = "source_hash"
	WeightedRoundRobin       Algorithm = "weighted_round_robin"
	WeightedLeastConnections Algorithm = "weighted_least_connections"
	ShortestResponse         Algorithm = "shortest_response"
	PersistentIP             Algorithm = "persistent_ip"
)

// Values makes Algorithm an enumeration.
func (Algorithm) Values() []string {
	return []string{"round_robin", "least_connections", "random", "source_hash", "weighted_round_robin",
		"weighted_least_connections", "shortest_response", "persistent_ip"}
}

// ListBalancers is what list_balancers takes.
type ListBalancers struct {
	Name  string            `json:"name,omitzero" op:"filter" help:"Only balancers of this name."`
	State State             `json:"state,omitzero" op:"filter" help:"Only balancers in this state."`
	Tags  map[string]string `json:"tags,omitzero" op:"filter" help:"Only balancers that have all of these tags."`
}

// BalancerLister is a driver that has list_balancers.
type BalancerLister interface {
	ListBalancers(ctx context.Context, in ListBalancers) iter.Seq2[Balancer, error]
}

// GetBalancer is what get_balancer takes.
type GetBalancer struct {
	Balancer string `json:"balancer" op:"required" ref:"balancer" help:"The balancer."`
}

// BalancerGetter is a driver that has get_balancer.
type BalancerGetter interface {
	GetBalancer(ctx context.Context, in GetBalancer) (Balancer, error)
}

// NewMember is a member to begin with: a node, or an address.
type NewMember struct {
	Node   string `json:"node,omitzero" ref:"node" help:"A compute node of the same provider."`
	IP     string `json:"ip,omitzero" help:"Instead of node: an address."`
	Port   int    `json:"port,omitzero" help:"Its port; the balancer's if not given."`
	Weight *int   `json:"weight,omitzero" default:"1" help:"Its share with weighted algorithms; with 0 it gets no new work."`
}

// CreateBalancer is what create_balancer takes.
type CreateBalancer struct {
	Name         string            `json:"name" op:"required" help:"What to call it."`
	Port         int               `json:"port" op:"required" help:"The port it listens on."`
	Protocol     Protocol          `json:"protocol,omitzero" default:"http" help:"What it speaks."`
	Algorithm    Algorithm         `json:"algorithm,omitzero" default:"round_robin" help:"How it chooses a member."`
	Members      []NewMember       `json:"members,omitzero" help:"Its first members: dicts of node or ip, port and weight."`
	HealthCheck  *HealthCheck      `json:"health_check,omitzero" help:"How it tells a healthy member; the provider's default if not given."`
	Certificate  string            `json:"certificate,omitzero" help:"The provider's id of the TLS certificate, for https and tls."`
	DrainTimeout *int              `json:"drain_timeout,omitzero" unit:"s" help:"How long a detached member may take to finish what it has, where the provider can wait; with 0 it may not; the provider's usual time if not given."`
	Location     string            `json:"location,omitzero" ref:"location" help:"Where; the connection's or the provider's choice if not given."`
	Networks     []string          `json:"networks,omitzero" ref:"network" help:"The networks its members are in, where the provider asks."`
	Subnets      []string          `json:"subnets,omitzero" ref:"subnet" help:"The subnets it has addresses in, where the provider asks."`
	Tags         map[string]string `json:"tags,omitzero" help:"Its labels."`
	Extra        map[string]any    `json:"extra,omitzero" help:"What the provider takes beyond these: see its page."`
}

// BalancerCreator is a driver that has create_balancer.
type BalancerCreator interface {
	// CreateBalancer removes what it made on the way when it fails.
	CreateBalancer(ctx context.Context, in CreateBalancer) (Balancer, error)
}

// UpdateBalancer is what update_balancer takes.
type UpdateBalancer struct {
	Balancer     string         `json:"balancer" op:"required" ref:"balancer" help:"The balancer."`
	Name         string         `json:"name,omitzero" help:"The name it shall have."`
	Port         int            `json:"port,omitzero" help:"The port it shall listen on."`
	Protocol     Protocol       `json:"protocol,omitzero" help:"What it shall speak."`
	Algorithm    Algorithm      `json:"algorithm,omitzero" help:"How it shall choose a member."`
	HealthCheck  *HealthCheck   `json:"health_check,omitzero" help:"How it shall tell a healthy member."`
	Certificate  string         `json:"certificate,omitzero" help:"The TLS certificate it shall have."`
	DrainTimeout *int           `json:"drain_timeout,omitzero" unit:"s" help:"How long a detached member shall have to finish what it has; with 0 no time."`
	Extra        map[string]any `json:"extra,omitzero" help:"What the provider changes beyond these: see its page."`
}

// BalancerUpdater is a driver that has update_balancer.
type BalancerUpdater interface {
	UpdateBalancer(ctx context.Context, in UpdateBalancer) error
}

// DestroyBalancer is what destroy_balancer takes.
type DestroyBalancer struct {
	Balancer string `json:"balancer" op:"required" ref:"balancer" help:"The balancer."`
}

// BalancerDestroyer is a driver that has destroy_balancer.
type BalancerDestroyer interface {
	DestroyBalancer(ctx context.Context, in DestroyBalancer) error
}

// BalancerListMembers is what balancer_list_members takes.
type BalancerListMembers struct {
	Balancer string `json:"balancer" op:"required" ref:"balancer" help:"The balancer."`
}

// MemberLister is a driver that has balancer_list_members.
type MemberLister interface {
	BalancerListMembers(ctx context.Context, in BalancerListMembers) iter.Seq2[Member, error]
}

// BalancerAttachMember is what balancer_attach_member takes.
type BalancerAttachMember struct {
	Balancer string `json:"balancer" op:"required" ref:"balancer" help:"The balancer."`
	IP       string `json:"ip" op:"required" help:"The member's address."`
	Port     int    `json:"port,omitzero" help:"Its port; the balancer's if not given."`
	Weight   *int   `json:"weight,omitzero" default:"1" help:"Its share with weighted algorithms; with 0 it gets no new work."`
}

// MemberAttacher is a driver that has balancer_attach_member.
type MemberAttacher interface {
	BalancerAttachMember(ctx context.Context, in BalancerAttachMember) (Member, error)
}

// BalancerAttachComputeNode is what balancer_attach_compute_node takes.
type BalancerAttachComputeNode struct {
	Balancer string `json:"balancer" op:"required" ref:"balancer" help:"The balancer."`
	Node     string `json:"node" op:"required" ref:"node" help:"The node, of the same provider."`
	Port     int    `json:"port,omitzero" help:"Its port; the balancer's if not given."`
	Weight   *int   `json:"weight,omitzero" default:"1" help:"Its share with weighted algorithms; with 0 it gets no new work."`
}

// NodeAttacher is a driver that has balancer_attach_compute_node.
type NodeAttacher interface {
	BalancerAttachComputeNode(ctx context.Context, in BalancerAttachComputeNode) (Member, error)
}

// BalancerGetMember is what balancer_get_member takes.
type BalancerGetMember struct {
	Balancer string `json:"balancer" op:"required" ref:"balancer" help:"The balancer."`
	Member   string `json:"member" op:"required" ref:"member" help:"The member."`
}

// MemberGetter is a driver that has balancer_get_member.
type MemberGetter interface {
	BalancerGetMember(ctx context.Context, in BalancerGetMember) (Member, error)
}

// FindMember is balancer_get_member for a provider that has only the list.
func FindMember(ctx context.Context, d MemberLister, in BalancerGetMember) (Member, error) {
	for m, err := range d.BalancerListMembers(ctx, BalancerListMembers{Balancer: in.Balancer}) {
		if err != nil || m.ID == in.Member {
			return m, err
		}
	}
	return Member{}, op.Errorf(op.NotFound, "the balancer %s has no member %q", in.Balancer, in.Member)
}

// Unweighted refuses a weight where the provider, of this name, has none. 1 is what all have.
func Unweighted(weight *int, provider string) error {
	if weight != nil && *weight != 1 {
		return op.Errorf(op.InvalidArgument, "weight is %d: %s has no weights, all its members get the same share", *weight, provider)
	}
	return nil
}

// CheckDrain refuses a drain_timeout that is negative or longer than an hour: so long
// wait those providers that do.
func CheckDrain(seconds *int) error {
	if n := op.Or(seconds, 0); n < 0 || n > 3600 {
		return op.Errorf(op.InvalidArgument, "drain_timeout is from 0 seconds to an hour, not %d seconds", n)
	}
	return nil
}

// BalancerUpdateMember is what balancer_update_member takes.
type BalancerUpdateMember struct {
	Balancer string    `json:"balancer" op:"required" ref:"balancer" help:"The balancer."`
	Member   string    `json:"member" op:"required" ref:"member" help:"The member."`
	Weight   *int      `json:"weight,omitzero" help:"The share it shall have with weighted algorithms; with 0 it gets no new work, while it goes on with what it has."`
	State    Condition `json:"state,omitzero" help:"enabled gives it work; draining no new work, while it goes on with what it has; disabled none."`
}

// MemberUpdater is a driver that has balancer_update_member.
type MemberUpdater interface {
	BalancerUpdateMember(ctx context.Context, in BalancerUpdateMember) error
}

// BalancerDetachMember is what balancer_detach_member takes.
type BalancerDetachMember struct {
	Balancer string `json:"balancer" op:"required" ref:"balancer" help:"The balancer."`
	Member   string `json:"member" op:"required" ref:"member" help:"The member."`
}

// MemberDetacher is a driver that has balancer_detach_member.
type MemberDetacher interface {
	BalancerDetachMember(ctx context.Context, in BalancerDetachMember) error
}

// A ProtocolInfo is a protocol that balancers can speak.
type ProtocolInfo struct {
	Name Protocol `json:"name" op:"id" help:"The protocol."`
}

// ListProtocols is what list_protocols takes.
type ListProtocols struct{}

// ProtocolLister is a driver that has list_protocols.
type ProtocolLister interface {
	ListProtocols(ctx context.Context, in ListProtocols) iter.Seq2[ProtocolInfo, error]
}

// An AlgorithmInfo is a way to choose a member.
type AlgorithmInfo struct {
	Name Algorithm `json:"name" op:"id" help:"The algorithm."`
}

// ListSupportedAlgorithms is what list_supported_algorithms takes.
type ListSupportedAlgorithms struct{}

// AlgorithmLister is a driver that has list_supported_algorithms.
type AlgorithmLister interface {
	ListSupportedAlgorithms(ctx context.Context, in ListSupportedAlgorithms) iter.Seq2[AlgorithmInfo, error]
}
