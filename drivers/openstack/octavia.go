package openstack

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// octavia is the type of the service.
const octavia = "load-balancer"

// balancerConfig is the configuration of the driver "octavia".
type balancerConfig struct {
	sessionConfig
	Subnet string `json:"subnet,omitzero" help:"The id of the subnet that balancers have addresses in where neither subnets nor networks are given."`
}

// balancerDriver is the driver "octavia". A balancer of the contract is a load
// balancer of Octavia's with one listener, one pool and, if it checks, one
// health monitor.
type balancerDriver struct {
	*session
	defaultSubnet string
}

func openBalancers(_ context.Context, c balancerConfig) (*balancerDriver, error) {
	s, err := newSession(c.sessionConfig, octavia)
	if err != nil {
		return nil, err
	}
	return &balancerDriver{session: s, defaultSubnet: c.Subnet}, nil
}

// The things that Octavia makes a balancer of.
type (
	loadBalancer struct {
		ID, Name, Provider string
		Status             string `json:"provisioning_status"`
		Address            string `json:"vip_address"`
		Zone               string `json:"availability_zone"`
		Created            stamp  `json:"created_at"`
		Listeners, Pools   []withID
		Tags               []string
	}
	listener struct {
		ID, Name, Protocol string
		Port               int      `json:"protocol_port"`
		Pool               string   `json:"default_pool_id"`
		Certificate        string   `json:"default_tls_container_ref"`
		Created            stamp    `json:"created_at"`
		Balancers          []withID `json:"loadbalancers"`
	}
	pool struct {
		ID, Protocol string
		Algorithm    string `json:"lb_algorithm"`
		Monitor      string `json:"healthmonitor_id"`
		Tags         []string
	}
	monitor struct {
		ID, Type       string
		Delay, Timeout int
		Up             int    `json:"max_retries"`
		Down           int    `json:"max_retries_down"`
		Path           string `json:"url_path"`
		Tags           []string
	}
	withID struct{ ID string }
)

// whole is a balancer with all that belongs to it.
type whole struct {
	balancer item[loadBalancer]
	listener listener
	pool     pool
	monitor  monitor
}

// The words for tags in which Octavia's things remember what it has no field for.
const (
	weightedWord = "cloudlark-algorithm=weighted" // of a pool
	portWord     = "cloudlark-port="              // of a health monitor: the port to ask, which members have
	nodeWord     = "cloudlark-node="              // of a member
	weightWord   = "cloudlark-weight="            // of a member that drains: the weight that it had
)

// word finds the value of a word in tags.
func word(tags []string, name string) string {
	for _, t := range tags {
		if v, ok := strings.CutPrefix(t, name); ok {
			return v
		}
	}
	return ""
}

func balancerOf(w whole) lb.Balancer {
	b := w.balancer.v
	out := lb.Balancer{ID: b.ID, Name: b.Name, State: balancerState(b.Status), Address: b.Address, Port: w.listener.Port, Certificate: w.listener.Certificate,
		Protocol: protocolOf[w.listener.Protocol], Algorithm: algorithmOf(w.pool), Location: b.Zone, Tags: tagsOf(b.Tags), CreatedAt: b.Created.Time,
		Extra: w.balancer.extra("provisioning_status", "operating_status", "vip_port_id", "vip_subnet_id", "vip_network_id", "additional_vips", "provider", "flavor_id", "description", "project_id")}
	if w.listener.ID != "" {
		out.Extra["listener_id"] = w.listener.ID
	}
	if w.pool.ID != "" {
		out.Extra["pool_id"] = w.pool.ID
	}
	if m := w.monitor; m.ID != "" {
		h := lb.HealthCheck{Protocol: checkOf[m.Type], Path: m.Path, Interval: m.Delay, Timeout: m.Timeout, HealthyThreshold: m.Up, UnhealthyThreshold: m.Down}
		h.Port, _ = strconv.Atoi(word(m.Tags, portWord))
		out.HealthCheck = &h
	}
	return out
}

func balancerState(status string) lb.State {
	switch {
	case status == "ACTIVE":
		return lb.Running
	case status == "ERROR":
		return lb.Error
	case status == "DELETED":
		return lb.Deleted
	case strings.HasPrefix(status, "PENDING_"):
		return lb.Pending
	}
	return lb.Unknown
}

// Octavia's names. Of its protocols one ends TLS; what is behind it is plain HTTP.
var (
	protocolOf  = map[string]lb.Protocol{"HTTP": lb.HTTP, "TERMINATED_HTTPS": lb.HTTPS, "HTTPS": lb.TCP, "TCP": lb.TCP, "UDP": lb.UDP}
	listenersOf = map[lb.Protocol]string{lb.HTTP: "HTTP", lb.HTTPS: "TERMINATED_HTTPS", lb.TCP: "TCP", lb.UDP: "UDP"}
	poolsOf     = map[lb.Protocol]string{lb.HTTP: "HTTP", lb.HTTPS: "HTTP", lb.TCP: "TCP", lb.UDP: "UDP"}
	checkOf     = map[string]lb.Protocol{"HTTP": lb.HTTP, "HTTPS": lb.HTTPS, "TCP": lb.TCP, "TLS-HELLO": lb.TLS, "UDP-CONNECT": lb.UDP, "PING": lb.TCP}
	checksOf    = map[lb.Protocol]string{lb.HTTP: "HTTP", lb.HTTPS: "HTTPS", lb.TCP: "TCP", lb.TLS: "TLS-HELLO", lb.UDP: "UDP-CONNECT"}
	algorithms  = map[lb.Algorithm]string{lb.RoundRobin: "ROUND_ROBIN", lb.LeastConnections: "LEAST_CONNECTIONS", lb.SourceHash: "SOURCE_IP",
		lb.WeightedRoundRobin: "ROUND_ROBIN", lb.WeightedLeastConnections: "LEAST_CONNECTIONS"}
)

func algorithmOf(p pool) lb.Algorithm {
	weighted := slices.Contains(p.Tags, weightedWord)
	switch {
	case p.Algorithm == "ROUND_ROBIN" && weighted:
		return lb.WeightedRoundRobin
	case p.Algorithm == "ROUND_ROBIN":
		return lb.RoundRobin
	case p.Algorithm == "LEAST_CONNECTIONS" && weighted:
		return lb.WeightedLeastConnections
	case p.Algorithm == "LEAST_CONNECTIONS":
		return lb.LeastConnections
	case strings.HasPrefix(p.Algorithm, "SOURCE_IP"):
		return lb.SourceHash
	}
	return ""
}

// algorithmBody is how a pool is told its algorithm.
func algorithmBody(a lb.Algorithm) (object, error) {
	name, ok := algorithms[a]
	if !ok {
		return nil, op.Errorf(op.InvalidArgument, "algorithm: Octavia has no %s: list_supported_algorithms lists what it has", a)
	}
	words := []string{}
	if a == lb.WeightedRoundRobin || a == lb.WeightedLeastConnections {
		words = append(words, weightedWord)
	}
	return object{"lb_algorithm": name, "tags": words}, nil
}

func (d *balancerDriver) ListProtocols(ctx context.Context, _ lb.ListProtocols) iter.Seq2[lb.ProtocolInfo, error] {
	return op.Pages(ctx, func(context.Context, string) ([]lb.ProtocolInfo, string, error) {
		return []lb.ProtocolInfo{{Name: lb.HTTP}, {Name: lb.HTTPS}, {Name: lb.TCP}, {Name: lb.UDP}}, "", nil
	})
}

func (d *balancerDriver) ListSupportedAlgorithms(ctx context.Context, _ lb.ListSupportedAlgorithms) iter.Seq2[lb.AlgorithmInfo, error] {
	return op.Pages(ctx, func(context.Context, string) ([]lb.AlgorithmInfo, string, error) {
		return []lb.AlgorithmInfo{{Name: lb.RoundRobin}, {Name: lb.LeastConnections}, {Name: lb.SourceHash}, {Name: lb.WeightedRoundRobin}, {Name: lb.WeightedLeastConnections}}, "", nil
	})
}

// ListBalancers asks once each for the project's listeners, pools and health
// monitors, however many balancers a page has.
func (d *balancerDriver) ListBalancers(ctx context.Context, in lb.ListBalancers) iter.Seq2[lb.Balancer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]lb.Balancer, string, error) {
		who, err := d.who(ctx)
		if err != nil {
			return nil, "", err
		}
		of := func() url.Values { // an administrator sees more than the project's own
			if who.project == "" {
				return url.Values{}
			}
			return url.Values{"project_id": {who.project}}
		}
		query := of()
		if in.Name != "" {
			query.Set("name", in.Name)
		}
		found, next, err := page[item[loadBalancer]](ctx, d.session, octavia, "lbaas/loadbalancers", query, cursor, "loadbalancers")
		if err != nil || len(found) == 0 {
			return nil, next, err
		}
		listeners, err := all[listener](ctx, d.session, octavia, "lbaas/listeners", of(), "listeners")
		if err != nil {
			return nil, "", err
		}
		pools, err := all[pool](ctx, d.session, octavia, "lbaas/pools", of(), "pools")
		if err != nil {
			return nil, "", err
		}
		monitors, err := all[monitor](ctx, d.session, octavia, "lbaas/healthmonitors", of(), "healthmonitors")
		if err != nil {
			return nil, "", err
		}
		out := make([]lb.Balancer, len(found))
		for i, b := range found {
			w := whole{balancer: b}
			for _, l := range listeners {
				if slices.Contains(l.Balancers, withID{b.v.ID}) && (w.listener.ID == "" || l.Created.Before(w.listener.Created.Time)) {
					w.listener = l
				}
			}
			for _, p := range pools {
				if p.ID == w.listener.Pool {
					w.pool = p
				}
			}
			for _, m := range monitors {
				if m.ID == w.pool.Monitor {
					w.monitor = m
				}
			}
			out[i] = balancerOf(w)
		}
		return out, next, nil
	})
}

func (d *balancerDriver) loadBalancer(ctx context.Context, id string) (item[loadBalancer], error) {
	return fetch[item[loadBalancer]](ctx, d.session, octavia, http.MethodGet, path("lbaas", "loadbalancers", id), nil, "loadbalancer")
}

// whole looks a balancer up with what belongs to it. Of several listeners it is
// the first that was made.
func (d *balancerDriver) whole(ctx context.Context, id string) (whole, error) {
	var w whole
	var err error
	if w.balancer, err = d.loadBalancer(ctx, id); err != nil {
		return w, err
	}
	for _, ref := range w.balancer.v.Listeners {
		l, err := fetch[listener](ctx, d.session, octavia, http.MethodGet, path("lbaas", "listeners", ref.ID), nil, "listener")
		if err != nil {
			return w, err
		}
		if w.listener.ID == "" || l.Created.Before(w.listener.Created.Time) {
			w.listener = l
		}
	}
	chosen := w.listener.Pool
	if chosen == "" && len(w.balancer.v.Pools) > 0 {
		chosen = w.balancer.v.Pools[0].ID
	}
	if chosen == "" {
		return w, nil
	}
	if w.pool, err = fetch[pool](ctx, d.session, octavia, http.MethodGet, path("lbaas", "pools", chosen), nil, "pool"); err != nil || w.pool.Monitor == "" {
		return w, err
	}
	w.monitor, err = fetch[monitor](ctx, d.session, octavia, http.MethodGet, path("lbaas", "healthmonitors", w.pool.Monitor), nil, "healthmonitor")
	return w, err
}

func (d *balancerDriver) GetBalancer(ctx context.Context, in lb.GetBalancer) (lb.Balancer, error) {
	w, err := d.whole(ctx, in.Balancer)
	if err != nil {
		return lb.Balancer{}, err
	}
	return balancerOf(w), nil
}

// change makes one change to a balancer as soon as it can: while Octavia works
// on one change, a balancer takes no other.
func (d *balancerDriver) change(ctx context.Context, balancer string, f func(ctx context.Context) error) error {
	return op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		err := f(ctx)
		if op.KindOf(err) != op.Conflict || !strings.Contains(op.AsError(err).Message, "immutable") {
			return true, err
		}
		return false, op.Poll(ctx, 3*time.Second, func(ctx context.Context) (bool, error) {
			b, e := d.loadBalancer(ctx, balancer)
			if e == nil && !strings.HasPrefix(b.v.Status, "PENDING_") && b.v.Status != "ACTIVE" {
				e = err // it will not become mutable by itself
			}
			return b.v.Status == "ACTIVE", e
		})
	})
}

// sendChange is the session's send of a change of the balancer.
func (d *balancerDriver) sendChange(ctx context.Context, balancer, method, path string, in, out any) error {
	return d.change(ctx, balancer, func(ctx context.Context) error {
		_, err := d.send(ctx, octavia, method, path, in, out)
		return err
	})
}

// DestroyBalancer has Octavia remove all that belongs to the balancer, and
// gives back the public address that was made for it.
func (d *balancerDriver) DestroyBalancer(ctx context.Context, in lb.DestroyBalancer) error {
	b, err := d.loadBalancer(ctx, in.Balancer)
	if err != nil {
		return err
	}
	var addresses []string
	if port, ok := b.all["vip_port_id"].(string); ok && slices.Contains(b.v.Tags, publicWord) {
		found, err := all[floating](ctx, d.session, neutron, "floatingips", url.Values{"port_id": {port}}, "floatingips")
		if err != nil {
			return err
		}
		for _, a := range found {
			if slices.Contains(a.Tags, ours) {
				addresses = append(addresses, a.ID)
			}
		}
	}
	if b.v.Status != "PENDING_DELETE" {
		if err := d.sendChange(ctx, in.Balancer, http.MethodDelete, path("lbaas", "loadbalancers", in.Balancer)+"?cascade=true", nil, nil); err != nil {
			return err
		}
	}
	for _, id := range addresses {
		if _, err := d.send(ctx, neutron, http.MethodDelete, path("floatingips", id), nil, nil); err != nil && op.KindOf(err) != op.NotFound {
			return op.Errorf(op.KindOf(err), "the balancer is destroyed, but its public address %s is left: %w", id, err)
		}
	}
	return nil
}

// monitorBody is a health monitor but for its type, which cannot be changed.
func monitorBody(h lb.HealthCheck) (object, error) {
	if h.Interval < 1 || h.Timeout < 1 || h.Port < 0 || h.Port > 65535 || h.HealthyThreshold < 1 || h.UnhealthyThreshold < 1 {
		return nil, op.Errorf(op.InvalidArgument, "health_check: its numbers are 1 or more, and a port is at most 65535")
	}
	if h.Timeout > h.Interval {
		return nil, op.Errorf(op.InvalidArgument, "health_check: Octavia wants a timeout that is not longer than the interval, and %d s is longer than %d s", h.Timeout, h.Interval)
	}
	body := object{"delay": h.Interval, "timeout": h.Timeout, "max_retries": h.HealthyThreshold, "max_retries_down": h.UnhealthyThreshold, "tags": []string{}}
	if h.Protocol == lb.HTTP || h.Protocol == lb.HTTPS {
		body["url_path"], body["http_method"], body["expected_codes"] = cmp.Or(h.Path, "/"), "GET", "200-399"
	}
	if h.Port != 0 {
		body["tags"] = []string{portWord + strconv.Itoa(h.Port)}
	}
	return body, nil
}
