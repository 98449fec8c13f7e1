package google

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	gce "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// balancerExtra is what create_balancer takes beyond the contract.
type balancerExtra struct {
	Form        string `json:"form,omitzero" enum:"application,proxy,passthrough,target_pool" help:"What it is made of: application for http and https, proxy for tcp and tls, passthrough for udp and tcp, or target_pool, the oldest, for udp and tcp; the first that the protocol has if not given."`
	Address     string `json:"address,omitzero" ref:"address" help:"The address that it has: an IP or the id of a reserved one; one of its own, which goes with it, if not given."`
	NetworkTier string `json:"network_tier,omitzero" enum:"PREMIUM,STANDARD" help:"Of one in a region: PREMIUM, if not given, or STANDARD."`
}

// usualDrain is how long a member has that is detached, unless told.
const usualDrain = 300

// A blueprint is a balancer that is to be made.
type blueprint struct {
	id, name, region string
	form             string
	network          string // a URL
	extra            balancerExtra
	lb.CreateBalancer
	tags map[string]string
}

// form chooses what a balancer is made of, and refuses what cannot be.
func form(p lb.Protocol, asked, region string) (string, error) {
	able := map[lb.Protocol][]string{lb.HTTP: {application}, lb.HTTPS: {application}, lb.TCP: {proxied, passthrough, targetPool}, lb.TLS: {proxied}, lb.UDP: {passthrough, targetPool}}[p]
	f := cmp.Or(asked, able[0])
	switch {
	case !slices.Contains(able, f):
		return "", op.Errorf(op.InvalidArgument, "extra.form: a balancer of the form %s does not speak %s", f, p)
	case f == proxied && region != "":
		return "", op.Errorf(op.InvalidArgument, "location: a balancer of the form proxy is global: give no location, or the form passthrough")
	}
	return f, nil
}

func (l *lbDriver) plan(ctx context.Context, in lb.CreateBalancer) (*blueprint, error) {
	extra, err := op.Extra[balancerExtra](in.Extra)
	if err != nil {
		return nil, err
	}
	b := &blueprint{name: in.Name, extra: extra, CreateBalancer: in}
	if err := named("a balancer", in.Name); err != nil {
		return nil, err
	}
	if len(in.Name) > 60 {
		return nil, op.Errorf(op.InvalidArgument, "a balancer cannot be %q: its parts have its name and three characters more, so it has 60 at most", in.Name)
	}
	if b.tags, err = labels(in.Tags); err != nil {
		return nil, err
	}
	if in.Location != "" {
		if b.region, err = l.d.regionFor(in.Location); err != nil {
			return nil, err
		}
	}
	if b.form, err = form(in.Protocol, extra.Form, b.region); err != nil {
		return nil, err
	}
	if regional := b.form == passthrough || b.form == targetPool; regional && b.region == "" {
		if b.region, err = l.d.regionFor(""); err != nil {
			return nil, err
		}
	}
	if b.id = b.name; b.region != "" {
		b.id = b.region + "/" + b.name
	}
	secure := in.Protocol == lb.HTTPS || in.Protocol == lb.TLS
	switch {
	case in.Port < 1 || in.Port > 65535:
		return nil, op.Errorf(op.InvalidArgument, "port: there is no port %d", in.Port)
	case secure && in.Certificate == "":
		return nil, op.Errorf(op.InvalidArgument, "certificate: %s needs one: the id of an SSL certificate of the project", in.Protocol)
	case !secure && in.Certificate != "":
		return nil, op.Errorf(op.InvalidArgument, "certificate: %s has none", in.Protocol)
	case b.form == targetPool && op.Or(in.DrainTimeout, 0) != 0:
		return nil, op.Errorf(op.InvalidArgument, "drain_timeout: a target pool does not wait")
	case len(in.Networks) > 1 || len(in.Subnets) > 0:
		return nil, op.Errorf(op.InvalidArgument, "a balancer's members are in one network, and their subnets follow from them: give networks, with one")
	}
	if err := lb.CheckDrain(in.DrainTimeout); err != nil {
		return nil, err
	}
	if _, err := b.algorithm(in.Algorithm, in.Protocol); err != nil {
		return nil, err
	}
	if _, err := b.check(in.HealthCheck); err != nil {
		return nil, err
	}
	network := "default"
	if len(in.Networks) == 1 {
		network = in.Networks[0]
	}
	project, err := l.d.project(ctx)
	if err != nil {
		return nil, err
	}
	n, err := global("network", network, project)
	if err != nil {
		return nil, err
	}
	b.network = n.url("", "networks")
	return b, nil
}

// draining is how long a member may finish what it has; 0 is said too.
func draining(seconds int) *gce.ConnectionDraining {
	return &gce.ConnectionDraining{DrainingTimeoutSec: int64(seconds), ForceSendFields: []string{"DrainingTimeoutSec"}}
}

// An algorithm in Google's words: a policy, and whether a client stays with a member.
type algorithm struct{ policy, affinity string }

func (b *blueprint) algorithm(a lb.Algorithm, p lb.Protocol) (algorithm, error) {
	if b.form == passthrough || b.form == targetPool {
		if a == lb.RoundRobin || a == lb.SourceHash { // the former is the contract's default
			return algorithm{"", "NONE"}, nil
		}
		return algorithm{}, op.Errorf(op.InvalidArgument, "algorithm: a balancer of the form %s chooses by the connection's hash, source_hash, not by %s", b.form, a)
	}
	switch a {
	case lb.RoundRobin:
		return algorithm{"ROUND_ROBIN", "NONE"}, nil
	case lb.LeastConnections:
		return algorithm{"LEAST_REQUEST", "NONE"}, nil
	case lb.Random:
		return algorithm{"RANDOM", "NONE"}, nil
	case lb.SourceHash:
		if p == lb.HTTP || p == lb.HTTPS {
			return algorithm{"RING_HASH", "CLIENT_IP"}, nil
		}
		return algorithm{"", "CLIENT_IP"}, nil
	}
	return algorithm{}, op.Errorf(op.InvalidArgument, "algorithm: Google has round_robin, least_connections, random and source_hash, not %s", a)
}

// check is a health check in Google's terms: of connections, if none is asked for.
func (b *blueprint) check(h *lb.HealthCheck) (*gce.HealthCheck, error) {
	if h == nil {
		h = &lb.HealthCheck{Protocol: lb.TCP, Interval: 10, Timeout: 5, HealthyThreshold: 2, UnhealthyThreshold: 2}
		if b.form == application || b.form == targetPool {
			h.Protocol, h.Path = lb.HTTP, "/"
		}
	}
	for _, r := range []struct {
		name           string
		v, least, most int
	}{{"interval", h.Interval, 1, 300}, {"timeout", h.Timeout, 1, 300}, {"healthy_threshold", h.HealthyThreshold, 1, 10},
		{"unhealthy_threshold", h.UnhealthyThreshold, 1, 10}, {"port", h.Port, 0, 65535}} {
		if r.v < r.least || r.v > r.most {
			return nil, op.Errorf(op.InvalidArgument, "health_check: %s is from %d to %d, not %d", r.name, r.least, r.most, r.v)
		}
	}
	switch {
	case h.Timeout > h.Interval:
		return nil, op.Errorf(op.InvalidArgument, "health_check: timeout is at most the interval of %d seconds, not %d", h.Interval, h.Timeout)
	case b.form == targetPool && h.Protocol != lb.HTTP:
		return nil, op.Errorf(op.InvalidArgument, "health_check: a target pool is checked with http, not with %s", h.Protocol)
	}
	c := &gce.HealthCheck{Name: b.name, Description: markOf(b.id), Type: strings.ToUpper(string(h.Protocol)), CheckIntervalSec: int64(h.Interval), TimeoutSec: int64(h.Timeout),
		HealthyThreshold: int64(h.HealthyThreshold), UnhealthyThreshold: int64(h.UnhealthyThreshold)}
	// A passthrough balancer's endpoints have no port of their own to be asked at.
	port, from := int64(h.Port), "USE_FIXED_PORT"
	if port == 0 && (b.form == passthrough || b.form == targetPool) {
		port = int64(b.Port)
	}
	if port == 0 {
		from = "USE_SERVING_PORT"
	}
	switch h.Protocol {
	case lb.HTTP:
		c.HttpHealthCheck = &gce.HTTPHealthCheck{Port: port, PortSpecification: from, RequestPath: h.Path}
	case lb.HTTPS:
		c.HttpsHealthCheck = &gce.HTTPSHealthCheck{Port: port, PortSpecification: from, RequestPath: h.Path}
	case lb.TCP:
		c.TcpHealthCheck = &gce.TCPHealthCheck{Port: port, PortSpecification: from}
	case lb.TLS:
		c.Type, c.SslHealthCheck = "SSL", &gce.SSLHealthCheck{Port: port, PortSpecification: from}
	default:
		return nil, op.Errorf(op.InvalidArgument, "health_check: Google checks with http, https, tcp and tls, not with %s", h.Protocol)
	}
	return c, nil
}

// legacyCheck is the check of a target pool.
func legacyCheck(c *gce.HealthCheck) *gce.HttpHealthCheck {
	return &gce.HttpHealthCheck{Name: c.Name, Description: c.Description, Port: c.HttpHealthCheck.Port, RequestPath: c.HttpHealthCheck.RequestPath, CheckIntervalSec: c.CheckIntervalSec,
		TimeoutSec: c.TimeoutSec, HealthyThreshold: c.HealthyThreshold, UnhealthyThreshold: c.UnhealthyThreshold}
}

// scope is the path of the balancer's place; part is that of one of its parts.
func (b *blueprint) scope() string { return within(b.region) }

func (b *blueprint) part(collection string) string {
	if collection == "httpHealthChecks" {
		return "global/" + collection + "/" + b.name
	}
	return b.scope() + "/" + collection + "/" + b.name
}

// proxies are the collections of the proxies of a protocol; empty if it has none.
func (b *blueprint) proxies(p lb.Protocol) string {
	if b.form == application || b.form == proxied {
		return map[lb.Protocol]string{lb.HTTP: "targetHttpProxies", lb.HTTPS: "targetHttpsProxies", lb.TCP: "targetTcpProxies", lb.TLS: "targetSslProxies"}[p]
	}
	return ""
}

// url is what a field refers to a part by.
func (l *lbDriver) url(ctx context.Context, path string) string {
	project, _ := l.d.project(ctx) // it was found before
	return "projects/" + project + "/" + path
}

func (l *lbDriver) CreateBalancer(ctx context.Context, in lb.CreateBalancer) (_ lb.Balancer, err error) {
	b, err := l.plan(ctx, in)
	if err != nil {
		return lb.Balancer{}, err
	}
	endpoints, err := l.endpoints(ctx, b.form, b.Port, in.Members)
	if err != nil {
		return lb.Balancer{}, err
	}
	var made []string
	defer func() {
		if err != nil && len(made) > 0 {
			err = undone(ctx, err, "what was made for the balancer "+b.id, func(ctx context.Context) error { return l.dismantle(ctx, made) })
		}
	}()
	add := func(path string, body any) error {
		err := l.d.insert(ctx, path[:strings.LastIndexByte(path, '/')], body)
		if err == nil {
			made = append(made, path)
		}
		return err
	}
	check, err := b.check(in.HealthCheck)
	if err != nil {
		return lb.Balancer{}, err
	}
	rule := &gce.ForwardingRule{Name: b.name, Description: markOf(b.id), IPProtocol: "TCP", PortRange: fmt.Sprint(b.Port), NetworkTier: b.extra.NetworkTier}
	if in.Protocol == lb.UDP {
		rule.IPProtocol = "UDP"
	}
	if b.form == targetPool {
		if err := add(b.part("httpHealthChecks"), legacyCheck(check)); err != nil {
			return lb.Balancer{}, err
		}
		pool := &gce.TargetPool{Name: b.name, Description: markOf(b.id), SessionAffinity: "NONE", HealthChecks: []string{l.url(ctx, b.part("httpHealthChecks"))}}
		for _, e := range endpoints {
			pool.Instances = append(pool.Instances, e.node.url("zones", "instances"))
		}
		if err := add(b.part("targetPools"), pool); err != nil {
			return lb.Balancer{}, err
		}
		rule.LoadBalancingScheme, rule.Target = "EXTERNAL", l.url(ctx, b.part("targetPools"))
	} else {
		if err := add(b.part("healthChecks"), check); err != nil {
			return lb.Balancer{}, err
		}
		backends, err := l.groups(ctx, b, endpoints, add)
		if err != nil {
			return lb.Balancer{}, err
		}
		if err := add(b.part("backendServices"), b.service(l.url(ctx, b.part("healthChecks")), backends)); err != nil {
			return lb.Balancer{}, err
		}
		rule.LoadBalancingScheme = "EXTERNAL_MANAGED"
		switch b.form {
		case application:
			if err := add(b.part("urlMaps"), &gce.UrlMap{Name: b.name, Description: markOf(b.id), DefaultService: l.url(ctx, b.part("backendServices"))}); err != nil {
				return lb.Balancer{}, err
			}
			if b.region != "" {
				rule.Network = b.network
			}
		case passthrough:
			rule.LoadBalancingScheme, rule.BackendService = "EXTERNAL", l.url(ctx, b.part("backendServices"))
		}
		if collection := b.proxies(in.Protocol); collection != "" {
			if err := add(b.part(collection), l.proxy(ctx, b, in.Protocol, in.Certificate)); err != nil {
				return lb.Balancer{}, err
			}
			rule.Target = l.url(ctx, b.part(collection))
		}
	}
	if rule.IPAddress, err = l.address(ctx, b, add); err != nil {
		return lb.Balancer{}, err
	}
	if err := add(b.part("forwardingRules"), rule); err != nil {
		return lb.Balancer{}, err
	}
	if err := l.label(ctx, b.part("forwardingRules"), b.tags); err != nil {
		return lb.Balancer{}, err
	}
	return l.GetBalancer(ctx, lb.GetBalancer{Balancer: b.id})
}

// service is the backend service.
func (b *blueprint) service(check string, backends []*gce.Backend) *gce.BackendService {
	a, _ := b.algorithm(b.Algorithm, b.Protocol) // it was looked at before
	s := &gce.BackendService{Name: b.name, Description: markOf(b.id), HealthChecks: []string{check}, Backends: backends, LoadBalancingScheme: "EXTERNAL_MANAGED",
		LocalityLbPolicy: a.policy, SessionAffinity: a.affinity, ConnectionDraining: draining(op.Or(b.DrainTimeout, usualDrain))}
	switch {
	case b.form == application:
		s.Protocol = "HTTP" // TLS ends at the balancer
	case b.form == passthrough:
		s.LoadBalancingScheme, s.Protocol = "EXTERNAL", strings.ToUpper(string(b.Protocol))
	default:
		s.Protocol = "TCP"
	}
	return s
}

// proxy is the target of the rule.
func (l *lbDriver) proxy(ctx context.Context, b *blueprint, p lb.Protocol, certificate string) any {
	mark, urlMap, service := markOf(b.id), l.url(ctx, b.part("urlMaps")), l.url(ctx, b.part("backendServices"))
	switch p {
	case lb.HTTP:
		return &gce.TargetHttpProxy{Name: b.name, Description: mark, UrlMap: urlMap}
	case lb.HTTPS:
		return &gce.TargetHttpsProxy{Name: b.name, Description: mark, UrlMap: urlMap, SslCertificates: l.certificates(ctx, b.region, certificate)}
	case lb.TLS:
		return &gce.TargetSslProxy{Name: b.name, Description: mark, Service: service, SslCertificates: l.certificates(ctx, "", certificate)}
	}
	return &gce.TargetTcpProxy{Name: b.name, Description: mark, Service: service}
}

// certificates are the URLs of a certificate: its name, its id with a region, or
// its URL.
func (l *lbDriver) certificates(ctx context.Context, region, id string) []string {
	if strings.Contains(id, "projects/") {
		return []string{id}
	}
	if r, name, ok := strings.Cut(id, "/"); ok {
		region, id = r, name
	}
	return []string{l.url(ctx, within(region)+"/sslCertificates/"+id)}
}

// address is what the rule has: the one that was asked for, or one that is made
// for it. With one of its own, a rule that is made anew keeps it.
func (l *lbDriver) address(ctx context.Context, b *blueprint, add func(path string, body any) error) (string, error) {
	if id := b.extra.Address; id != "" {
		if !strings.ContainsAny(id, "./:") {
			return l.url(ctx, b.scope()+"/addresses/"+id), nil
		}
		if r, name, ok := strings.Cut(id, "/"); ok && !strings.Contains(id, "projects/") {
			return l.url(ctx, within(r)+"/addresses/"+name), nil
		}
		return id, nil
	}
	a := &gce.Address{Name: b.name, Description: markOf(b.id), AddressType: "EXTERNAL"}
	if b.region == "" {
		a.IpVersion = "IPV4"
	} else {
		a.NetworkTier = b.extra.NetworkTier
	}
	return l.url(ctx, b.part("addresses")), add(b.part("addresses"), a)
}

// label gives a rule its labels, which it cannot be made with.
func (l *lbDriver) label(ctx context.Context, path string, tags map[string]string) error {
	if len(tags) == 0 {
		return nil
	}
	return optimistically(ctx, func(ctx context.Context) error {
		rule := &gce.ForwardingRule{}
		if err := l.d.read(ctx, path, rule); err != nil || maps.Equal(rule.Labels, tags) {
			return err
		}
		return l.d.alter(ctx, http.MethodPost, path+"/setLabels", &gce.GlobalSetLabelsRequest{Labels: tags, LabelFingerprint: rule.LabelFingerprint})
	})
}

// relabel gives a rule that was made anew the labels of the one before, and does not
// give up at once: nobody else knows them any more, not the caller who asks again.
func (l *lbDriver) relabel(ctx context.Context, path string, tags map[string]string) error {
	var last error
	err := op.Poll(ctx, 2*time.Second, func(ctx context.Context) (bool, error) {
		last = l.label(ctx, path, tags)
		k := op.KindOf(last)
		return k != op.Unavailable && k != op.RateLimited, nil
	})
	return cmp.Or(last, err)
}

// dismantle removes parts, the last first. It goes on when one stays, and says so.
func (l *lbDriver) dismantle(ctx context.Context, parts []string) error {
	var all error
	for _, path := range slices.Backward(parts) {
		if err := l.d.erase(ctx, path); err != nil {
			all = errors.Join(all, fmt.Errorf("%s: %w", path, err))
		}
	}
	return all
}

// owned finds the parts that have a balancer's mark, in the order in which they
// are made.
func (l *lbDriver) owned(ctx context.Context, id, scope, name string) ([]string, error) {
	all := []string{"global/httpHealthChecks/" + name}
	for _, collection := range []string{"targetPools", "healthChecks"} {
		all = append(all, scope+"/"+collection+"/"+name)
	}
	groups, err := l.groupsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	all = append(all, groups...)
	for _, collection := range []string{"backendServices", "urlMaps", "targetHttpProxies", "targetHttpsProxies", "targetTcpProxies", "targetSslProxies", "addresses", "forwardingRules"} {
		all = append(all, scope+"/"+collection+"/"+name)
	}
	var owned []string
	for _, path := range all {
		if scope == "global" && collectionOf(path) == "targetPools" || path == scope+"/targetSslProxies/"+name && scope != "global" {
			continue // there are none there
		}
		if slices.Contains(groups, path) {
			owned = append(owned, path)
			continue
		}
		var part struct {
			Description string `json:"description"`
		}
		switch err := l.d.read(ctx, path, &part); {
		case op.KindOf(err) == op.NotFound:
		case err != nil:
			return nil, err
		case part.Description == markOf(id):
			owned = append(owned, path)
		}
	}
	return owned, nil
}

// groupsOf finds the groups of members that were made for a balancer.
func (l *lbDriver) groupsOf(ctx context.Context, id string) ([]string, error) {
	query := url.Values{"filter": {fmt.Sprintf("(description = %q)", markOf(id))}}
	var paths []string
	for {
		page := &gce.NetworkEndpointGroupAggregatedList{}
		if err := l.d.call(ctx, http.MethodGet, "aggregated/networkEndpointGroups", query, nil, page); err != nil {
			return nil, err
		}
		for place, part := range scoped(page.Items) {
			if part.Warning != nil && part.Warning.Code == silent {
				page.Unreachables = append(page.Unreachables, place)
			}
			for _, g := range part.NetworkEndpointGroups {
				paths = append(paths, pathOf(g.SelfLink))
			}
		}
		if err := unreachable("members", page.Unreachables); err != nil || page.NextPageToken == "" {
			return paths, err
		}
		query.Set("pageToken", page.NextPageToken)
	}
}

// DestroyBalancer removes all parts that have the balancer's mark, also when its
// rule has gone before: a destroy that failed in the middle finds the rest again.
func (l *lbDriver) DestroyBalancer(ctx context.Context, in lb.DestroyBalancer) error {
	path, err := l.rulePath(ctx, in.Balancer)
	if err != nil {
		return err
	}
	scope, name := path[:strings.LastIndex(path, "/forwardingRules/")], base(path)
	id := name
	if region, ok := strings.CutPrefix(scope, "regions/"); ok {
		id = region + "/" + name
	}
	owned, err := l.owned(ctx, id, scope, name)
	if err != nil {
		return err
	}
	if !slices.Contains(owned, path) { // another's, whose other parts are not ours to remove
		err := l.d.alter(ctx, http.MethodDelete, path, nil)
		if op.KindOf(err) == op.NotFound && len(owned) > 0 {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return l.dismantle(ctx, owned)
}

// UpdateBalancer looks at all that is asked for before it does any of it.
func (l *lbDriver) UpdateBalancer(ctx context.Context, in lb.UpdateBalancer) error {
	w, err := l.get(ctx, in.Balancer)
	if err != nil {
		return err
	}
	project, err := l.d.project(ctx)
	if err != nil {
		return err
	}
	before := w.balancer(project)
	b := &blueprint{id: before.ID, name: before.Name, region: base(w.rule.Region), form: w.form()}
	b.Port, b.Protocol = before.Port, cmp.Or(in.Protocol, before.Protocol)
	secure := b.Protocol == lb.HTTPS || b.Protocol == lb.TLS
	certificate := cmp.Or(in.Certificate, before.Certificate)
	switch {
	case in.Name != "" && in.Name != before.Name:
		return op.Errorf(op.InvalidArgument, "name: a forwarding rule keeps its name")
	case in.Port < 0 || in.Port > 65535:
		return op.Errorf(op.InvalidArgument, "port: there is no port %d", in.Port)
	case b.Protocol != before.Protocol && b.form != application && b.form != proxied,
		b.Protocol != before.Protocol && !slices.Contains(map[string][]lb.Protocol{application: {lb.HTTP, lb.HTTPS}, proxied: {lb.TCP, lb.TLS}}[b.form], b.Protocol):
		return op.Errorf(op.InvalidArgument, "protocol: a balancer that speaks %s cannot speak %s", before.Protocol, in.Protocol)
	case secure && certificate == "":
		return op.Errorf(op.InvalidArgument, "certificate: %s needs one", b.Protocol)
	case !secure && in.Certificate != "":
		return op.Errorf(op.InvalidArgument, "certificate: %s has none", b.Protocol)
	case w.service == nil && op.Or(in.DrainTimeout, 0) != 0:
		return op.Errorf(op.InvalidArgument, "drain_timeout: a target pool does not wait")
	}
	if err := lb.CheckDrain(in.DrainTimeout); err != nil {
		return err
	}
	var a algorithm
	if in.Algorithm != "" {
		if a, err = b.algorithm(in.Algorithm, b.Protocol); err != nil {
			return err
		}
	}
	var check *gce.HealthCheck
	if in.HealthCheck != nil {
		if check, err = b.check(in.HealthCheck); err != nil {
			return err
		}
		if w.check == nil && w.legacy == nil {
			return op.Errorf(op.Conflict, "the balancer %s has no health check", before.ID)
		}
	}

	if check != nil {
		if err := l.recheck(ctx, w, check); err != nil {
			return err
		}
	}
	if w.service != nil && (in.Algorithm != "" && before.Algorithm != in.Algorithm && a.affinity != "" || in.DrainTimeout != nil) {
		err := optimistically(ctx, func(ctx context.Context) error { return l.retune(ctx, w.service, in, a) })
		if err != nil {
			return err
		}
	}
	if b.Protocol == before.Protocol && secure && certificate != before.Certificate {
		if err := l.recertify(ctx, w, l.certificates(ctx, b.region, certificate)); err != nil {
			return err
		}
	}
	if in.Port != 0 && in.Port != before.Port || b.Protocol != before.Protocol {
		return l.reroute(ctx, b, w, cmp.Or(in.Port, before.Port), before.Protocol, certificate)
	}
	return nil
}

// recheck replaces what the balancer's health check does.
func (l *lbDriver) recheck(ctx context.Context, w *wholeLB, check *gce.HealthCheck) error {
	if w.legacy != nil {
		c := legacyCheck(check)
		c.Name, c.Description = w.legacy.Name, w.legacy.Description
		return l.d.alter(ctx, http.MethodPut, pathOf(w.legacy.SelfLink), c)
	}
	check.Name, check.Description = w.check.Name, w.check.Description
	return l.d.alter(ctx, http.MethodPut, pathOf(w.check.SelfLink), check)
}

// retune changes how the backend service chooses and how long it waits.
func (l *lbDriver) retune(ctx context.Context, s *gce.BackendService, in lb.UpdateBalancer, a algorithm) error {
	path := pathOf(s.SelfLink)
	now := &gce.BackendService{}
	if err := l.d.read(ctx, path, now); err != nil {
		return err
	}
	patch := &gce.BackendService{Fingerprint: now.Fingerprint}
	if in.Algorithm != "" {
		patch.LocalityLbPolicy, patch.SessionAffinity = a.policy, a.affinity
		if a.policy == "" {
			patch.NullFields = []string{"LocalityLbPolicy"}
		}
	}
	if in.DrainTimeout != nil {
		patch.ConnectionDraining = draining(*in.DrainTimeout)
	}
	return l.d.alter(ctx, http.MethodPatch, path, patch)
}

// recertify gives the proxy other certificates.
func (l *lbDriver) recertify(ctx context.Context, w *wholeLB, urls []string) error {
	path := pathOf(w.rule.Target)
	if collectionOf(path) == "targetHttpsProxies" { // whose path for this has no "global"
		path = strings.TrimPrefix(path, "global/")
	}
	return l.d.alter(ctx, http.MethodPost, path+"/setSslCertificates", map[string]any{"sslCertificates": urls})
}

// reroute makes the rule anew, with another port or another proxy: Google cannot
// change it. Its address stays if it is reserved. The old rule comes back when the
// new one is refused.
func (l *lbDriver) reroute(ctx context.Context, b *blueprint, w *wholeLB, port int, was lb.Protocol, certificate string) error {
	path := w.scope() + "/forwardingRules/" + b.name
	old := *w.rule
	rule := gce.ForwardingRule{Name: old.Name, Description: old.Description, IPProtocol: old.IPProtocol, PortRange: fmt.Sprint(port), IPAddress: old.IPAddress, Target: old.Target,
		BackendService: old.BackendService, LoadBalancingScheme: old.LoadBalancingScheme, Network: old.Network}
	if old.Region != "" {
		rule.NetworkTier = old.NetworkTier
	}
	back := rule
	back.PortRange = old.PortRange
	if b.Protocol != was {
		if err := l.d.insert(ctx, b.scope()+"/"+b.proxies(b.Protocol), l.proxy(ctx, b, b.Protocol, certificate)); err != nil {
			return err
		}
		rule.Target = l.url(ctx, b.part(b.proxies(b.Protocol)))
	}
	collection := path[:strings.LastIndexByte(path, '/')]
	if err := l.d.erase(ctx, path); err != nil {
		return err
	}
	err := l.d.insert(ctx, collection, &rule)
	again, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err == nil {
		err = l.relabel(again, path, old.Labels)
	} else {
		if berr := l.d.insert(again, collection, &back); berr != nil {
			return errors.Join(err, fmt.Errorf("and its rule could not be put back: %w", berr))
		}
		berr := l.relabel(again, path, old.Labels)
		if b.Protocol != was {
			berr = errors.Join(berr, l.d.erase(again, b.part(b.proxies(b.Protocol))))
		}
		return errors.Join(err, berr)
	}
	if err == nil && b.Protocol != was {
		err = l.d.erase(ctx, pathOf(old.Target))
	}
	return err
}
