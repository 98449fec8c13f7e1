package google

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	gce "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A balancer is a forwarding rule with what it leads to, in one of four forms:
//
//	application  rule, HTTP(S) proxy, URL map, backend service    http, https
//	proxy        rule, TCP or SSL proxy, backend service          tcp, tls
//	passthrough  rule, regional backend service                   udp, tcp
//	target_pool  rule, target pool                                udp, tcp; the oldest
//
// with a health check and an address of its own. All parts have the balancer's
// name, and its mark as their description, by which destroy_balancer knows them.
// Members are endpoints of groups, one group for each zone and kind.

// lbDriver is the driver "gce" of the load balancers.
type lbDriver struct{ d *gceDriver }

func openLB(ctx context.Context, c placedConfig) (*lbDriver, error) {
	d, err := openGCE(ctx, gceConfig{placedConfig: c, SSHUser: "cloudlark"})
	if err != nil {
		return nil, err
	}
	return &lbDriver{d}, nil
}

func (l *lbDriver) Close() error { return l.d.Close() }

// HonoursToken makes the driver an [op.Idempotent].
func (l *lbDriver) HonoursToken(o *op.Op) bool { return o.Name == "create_balancer" }

func (l *lbDriver) NativeEffect(operation string) op.Effect { return l.d.NativeEffect(operation) }

func (l *lbDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return l.d.Native(ctx, in)
}

func (l *lbDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return l.d.NativePages(ctx, in)
}

// markOf is the description of what belongs to a balancer.
func markOf(id string) string { return "Cloudlark balancer " + id }

// within is the path of a place: a region, or empty for the world.
func within(region string) string {
	if region == "" {
		return "global"
	}
	return "regions/" + region
}

// rulePath is where the forwarding rule of a balancer is, by its id.
func (l *lbDriver) rulePath(ctx context.Context, id string) (string, error) {
	project, err := l.d.project(ctx)
	if err != nil {
		return "", err
	}
	r, err := ref{}, error(nil)
	if strings.Contains(id, "/") {
		r, err = placed("balancer", id, project, "")
	} else {
		r, err = global("balancer", id, project)
	}
	if err != nil || r.project != project || isZone(r.scope) {
		return "", op.Errorf(op.NotFound, "there is no balancer %q: its id would be like \"web\" or \"europe-west1/web\"", id)
	}
	return within(r.scope) + "/forwardingRules/" + r.name, nil
}

// A wholeLB is a forwarding rule with what it leads to.
type wholeLB struct {
	rule    *gce.ForwardingRule
	service *gce.BackendService
	pool    *gce.TargetPool
	check   *gce.HealthCheck
	legacy  *gce.HttpHealthCheck
	target  struct { // a proxy
		URLMap          string   `json:"urlMap"`
		Service         string   `json:"service"`
		SslCertificates []string `json:"sslCertificates"`
	}
}

// scope is the path of the rule's place.
func (w *wholeLB) scope() string { return within(base(w.rule.Region)) }

// complete follows a rule to its parts. Those that have just gone are left out.
func complete(ctx context.Context, see look, rule *gce.ForwardingRule) (*wholeLB, error) {
	w := &wholeLB{rule: rule}
	find := func(url string, v any) (bool, error) {
		if url == "" {
			return false, nil
		}
		err := see(ctx, pathOf(url), v)
		if op.KindOf(err) == op.NotFound {
			return false, nil
		}
		return err == nil, err
	}
	service := rule.BackendService
	switch collection := collectionOf(rule.Target); {
	case collection == "targetPools":
		pool := &gce.TargetPool{}
		ok, err := find(rule.Target, pool)
		if err != nil || !ok {
			return w, err
		}
		if w.pool = pool; len(pool.HealthChecks) > 0 {
			check := &gce.HttpHealthCheck{}
			if ok, err := find(pool.HealthChecks[0], check); err != nil || !ok {
				return w, err
			}
			w.legacy = check
		}
		return w, nil
	case strings.HasSuffix(collection, "Proxies"):
		if _, err := find(rule.Target, &w.target); err != nil {
			return nil, err
		}
		service = w.target.Service
		if w.target.URLMap != "" {
			m := &gce.UrlMap{}
			if _, err := find(w.target.URLMap, m); err != nil {
				return nil, err
			}
			service = m.DefaultService
		}
	}
	found := &gce.BackendService{}
	if collectionOf(service) != "backendServices" {
		return w, nil // a bucket, or nothing
	}
	if ok, err := find(service, found); err != nil || !ok {
		return w, err
	}
	if w.service = found; len(found.HealthChecks) > 0 {
		check := &gce.HealthCheck{}
		if ok, err := find(found.HealthChecks[0], check); err != nil || !ok {
			return w, err
		}
		w.check = check
	}
	return w, nil
}

// collectionOf is the kind of a resource by its URL.
func collectionOf(url string) string {
	parts := strings.Split(url, "/")
	return parts[max(0, len(parts)-2)]
}

// algorithmsOf are Google's words for what a backend service does.
var algorithmsOf = map[string]lb.Algorithm{"": lb.RoundRobin, "ROUND_ROBIN": lb.RoundRobin, "LEAST_REQUEST": lb.LeastConnections, "RANDOM": lb.Random,
	"RING_HASH": lb.SourceHash, "MAGLEV": lb.SourceHash}

func (w *wholeLB) balancer(project string) lb.Balancer {
	r := w.rule
	b := lb.Balancer{ID: ref{project, base(r.Region), r.Name}.id(project), Name: r.Name, State: lb.Running, Address: r.IPAddress, Location: base(r.Region),
		Protocol: lb.Protocol(strings.ToLower(r.IPProtocol)), Algorithm: lb.SourceHash, Tags: tagsOf(r.Labels), CreatedAt: when(r.CreationTimestamp),
		Extra: extras(map[string]any{"form": w.form(), "loadBalancingScheme": r.LoadBalancingScheme, "networkTier": r.NetworkTier, "target": r.Target, "portRange": r.PortRange})}
	first, _, _ := strings.Cut(r.PortRange, "-")
	if len(r.Ports) > 0 {
		first = r.Ports[0]
	}
	b.Port, _ = strconv.Atoi(first)
	switch collectionOf(r.Target) {
	case "targetHttpProxies":
		b.Protocol = lb.HTTP
	case "targetHttpsProxies":
		b.Protocol = lb.HTTPS
	case "targetSslProxies":
		b.Protocol = lb.TLS
	}
	if !slices.Contains(lb.TCP.Values(), string(b.Protocol)) { // L3_DEFAULT and its like: whatever comes
		b.Protocol = lb.TCP
	}
	if len(w.target.SslCertificates) > 0 {
		b.Certificate = shortID(project, w.target.SslCertificates[0])
	}
	if s := w.service; s != nil {
		b.Extra["backendService"] = s.SelfLink
		if s.ConnectionDraining != nil {
			b.DrainTimeout = int(s.ConnectionDraining.DrainingTimeoutSec)
		}
		if w.form() == application || w.form() == proxied {
			b.Algorithm = algorithmsOf[s.LocalityLbPolicy]
			if s.SessionAffinity == "CLIENT_IP" {
				b.Algorithm = lb.SourceHash
			}
		}
	}
	b.HealthCheck = w.healthCheck()
	return b
}

// The forms of a balancer.
const (
	application = "application"
	proxied     = "proxy"
	passthrough = "passthrough"
	targetPool  = "target_pool"
)

func (w *wholeLB) form() string {
	switch collectionOf(w.rule.Target) {
	case "targetHttpProxies", "targetHttpsProxies":
		return application
	case "targetTcpProxies", "targetSslProxies":
		return proxied
	case "targetPools":
		return targetPool
	}
	if w.rule.BackendService != "" {
		return passthrough
	}
	return ""
}

func (w *wholeLB) healthCheck() *lb.HealthCheck {
	if c := w.legacy; c != nil {
		return &lb.HealthCheck{Protocol: lb.HTTP, Port: int(c.Port), Path: c.RequestPath, Interval: int(c.CheckIntervalSec), Timeout: int(c.TimeoutSec),
			HealthyThreshold: int(c.HealthyThreshold), UnhealthyThreshold: int(c.UnhealthyThreshold)}
	}
	c := w.check
	if c == nil {
		return nil
	}
	h := &lb.HealthCheck{Protocol: lb.Protocol(strings.ToLower(c.Type)), Interval: int(c.CheckIntervalSec), Timeout: int(c.TimeoutSec),
		HealthyThreshold: int(c.HealthyThreshold), UnhealthyThreshold: int(c.UnhealthyThreshold)}
	var port int64
	switch {
	case c.HttpHealthCheck != nil:
		h.Path, port = c.HttpHealthCheck.RequestPath, c.HttpHealthCheck.Port
	case c.HttpsHealthCheck != nil:
		h.Path, port = c.HttpsHealthCheck.RequestPath, c.HttpsHealthCheck.Port
	case c.TcpHealthCheck != nil:
		port = c.TcpHealthCheck.Port
	case c.SslHealthCheck != nil:
		h.Protocol, port = lb.TLS, c.SslHealthCheck.Port
	default:
		h.Protocol = lb.TCP // gRPC and its like
	}
	h.Port = int(port)
	return h
}

// balances reports whether a rule is a load balancer's: others lead to VPN
// gateways, single instances or services elsewhere.
func balances(r *gce.ForwardingRule) bool {
	switch collectionOf(r.Target) {
	case "targetHttpProxies", "targetHttpsProxies", "targetTcpProxies", "targetSslProxies", "targetPools":
		return true
	}
	return collectionOf(r.BackendService) == "backendServices"
}

func (l *lbDriver) ListBalancers(ctx context.Context, in lb.ListBalancers) iter.Seq2[lb.Balancer, error] {
	var f filter
	f.tagged(in.Name, in.Tags)
	return pages(ctx, l.d.session, func(ctx context.Context, project, cursor string) ([]lb.Balancer, string, error) {
		query := url.Values{"maxResults": {fmt.Sprint(l.d.page(most))}}
		if cursor != "" {
			query.Set("pageToken", cursor)
		}
		if len(f) > 0 {
			query.Set("filter", f.String())
		}
		page := &gce.ForwardingRuleAggregatedList{}
		if err := l.d.call(ctx, http.MethodGet, "aggregated/forwardingRules", query, nil, page); err != nil {
			return nil, "", err
		}
		var balancers []lb.Balancer
		see := l.d.lookup()
		for place, part := range scoped(page.Items) {
			if part.Warning != nil && part.Warning.Code == silent {
				page.Unreachables = append(page.Unreachables, place)
			}
			for _, r := range part.ForwardingRules {
				if !balances(r) {
					continue
				}
				w, err := complete(ctx, see, r)
				if err != nil {
					return nil, "", err
				}
				balancers = append(balancers, w.balancer(project))
			}
		}
		return balancers, page.NextPageToken, unreachable("balancers", page.Unreachables)
	})
}

// get reads a balancer with its parts.
func (l *lbDriver) get(ctx context.Context, id string) (*wholeLB, error) {
	path, err := l.rulePath(ctx, id)
	if err != nil {
		return nil, err
	}
	rule := &gce.ForwardingRule{}
	if err := l.d.read(ctx, path, rule); err != nil {
		return nil, err
	}
	return complete(ctx, l.d.read, rule)
}

func (l *lbDriver) GetBalancer(ctx context.Context, in lb.GetBalancer) (lb.Balancer, error) {
	w, err := l.get(ctx, in.Balancer)
	if err != nil {
		return lb.Balancer{}, err
	}
	project, err := l.d.project(ctx)
	if err != nil {
		return lb.Balancer{}, err
	}
	return w.balancer(project), nil
}

func (l *lbDriver) ListProtocols(context.Context, lb.ListProtocols) iter.Seq2[lb.ProtocolInfo, error] {
	return func(yield func(lb.ProtocolInfo, error) bool) {
		for _, p := range []lb.Protocol{lb.HTTP, lb.HTTPS, lb.TCP, lb.TLS, lb.UDP} {
			if !yield(lb.ProtocolInfo{Name: p}, nil) {
				return
			}
		}
	}
}

func (l *lbDriver) ListSupportedAlgorithms(context.Context, lb.ListSupportedAlgorithms) iter.Seq2[lb.AlgorithmInfo, error] {
	return func(yield func(lb.AlgorithmInfo, error) bool) {
		for _, a := range []lb.Algorithm{lb.RoundRobin, lb.LeastConnections, lb.Random, lb.SourceHash} {
			if !yield(lb.AlgorithmInfo{Name: a}, nil) {
				return
			}
		}
	}
}
