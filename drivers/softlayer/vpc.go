package softlayer

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// vpc is the service of VPC infrastructure. IBM's SDK for it is one file of 160,000
// lines; the two dozen requests here are made by hand.
type vpc struct {
	key       drivers.Secret
	base, iam string
	page      int
	transport *http.Transport

	mu      sync.Mutex
	token   string
	expires time.Time
}

// version is the day of the API that is spoken.
const version = "2024-06-01"

func newVPC(c config, page int, transport *http.Transport) *vpc {
	base := cmp.Or(c.Endpoint, "https://"+c.Region+".iaas.cloud.ibm.com/v1")
	return &vpc{key: c.APIKey, base: base, iam: cmp.Or(c.IAMEndpoint, "https://iam.cloud.ibm.com"), page: page, transport: transport}
}

// authorize adds a token, a new one when that before ends within a minute. It is not
// waited for under the lock: each request gives up when its own context ends.
func (v *vpc) authorize(r *http.Request) error {
	if v.key == "" {
		return op.Errorf(op.Unauthenticated, "there are no credentials: give api_key, or set IBMCLOUD_API_KEY")
	}
	v.mu.Lock()
	token, expires := v.token, v.expires
	v.mu.Unlock()
	if time.Until(expires) < time.Minute {
		form := url.Values{"grant_type": {"urn:ibm:params:oauth:grant-type:apikey"}, "apikey": {v.key.Reveal()}}
		ask, err := http.NewRequestWithContext(r.Context(), http.MethodPost, strings.TrimSuffix(v.iam, "/")+"/identity/token", strings.NewReader(form.Encode()))
		if err != nil {
			return op.Errorf(op.InvalidArgument, "iam_endpoint: %w", err)
		}
		ask.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		ask.Header.Set("Accept", "application/json")
		resp, err := v.transport.RoundTrip(ask)
		if err != nil {
			return unreachable(err)
		}
		defer resp.Body.Close()
		var answer struct {
			Token   string `json:"access_token"`
			Seconds int    `json:"expires_in"`
			Code    string `json:"errorCode"`
			Message string `json:"errorMessage"`
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		switch {
		case resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized:
			return &op.Error{Kind: op.Unauthenticated, Code: answer.Code, Message: cmp.Or(answer.Message, "the API key is refused")}
		case resp.StatusCode != http.StatusOK:
			return refusal(resp.StatusCode, resp.Header, answer.Code, cmp.Or(answer.Message, http.StatusText(resp.StatusCode)))
		case err != nil:
			return unreachable(err)
		}
		token = answer.Token
		v.mu.Lock()
		v.token, v.expires = token, time.Now().Add(time.Duration(answer.Seconds)*time.Second)
		v.mu.Unlock()
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}

func (v *vpc) native(ctx context.Context, in native.Request) (any, error) {
	query := map[string]any{"version": version, "generation": 2}
	for name, value := range in.Query {
		query[name] = value
	}
	in.Query = query
	return send(ctx, v.transport, v.base, in, v.authorize, vpcRefusal)
}

// next: lists have the URL of the page that comes.
func (v *vpc) next(answer any, in *native.Request) bool {
	dict, _ := answer.(map[string]any)
	next, _ := dict["next"].(map[string]any)
	href, _ := next["href"].(string)
	u, err := url.Parse(href)
	if href == "" || err != nil {
		return false
	}
	in.Query["start"] = u.Query().Get("start")
	return true
}

// do makes a request and reads the answer into out, which may be nil.
func (v *vpc) do(ctx context.Context, method, path string, query map[string]any, body, out any) error {
	answer, err := v.native(ctx, native.Request{Method: method, Path: path, Query: query, Body: body})
	if err != nil || out == nil {
		return err
	}
	data, err := json.Marshal(answer)
	if err == nil {
		err = json.Unmarshal(data, out)
	}
	if err != nil {
		return unreachable(err)
	}
	return nil
}

func (v *vpc) protocols() []lb.Protocol { return []lb.Protocol{lb.HTTP, lb.HTTPS, lb.TCP, lb.UDP} }

// A vpcBalancer is a load balancer as the API tells it, with its listener and pool.
type vpcBalancer struct {
	ID           string    `json:"id"`
	CRN          string    `json:"crn"`
	Name         string    `json:"name"`
	Hostname     string    `json:"hostname"`
	Provisioning string    `json:"provisioning_status"`
	Operating    string    `json:"operating_status"`
	CreatedAt    time.Time `json:"created_at"`
	Public       bool      `json:"is_public"`
	Subnets      []vpcRef  `json:"subnets"`
	Listeners    []vpcRef  `json:"listeners"`
	Pools        []vpcRef  `json:"pools"`

	listener *vpcListener
	pool     *vpcPool
}

type vpcRef struct {
	ID string `json:"id"`
}

type vpcListener struct {
	ID          string               `json:"id"`
	Port        int                  `json:"port"`
	Protocol    string               `json:"protocol"`
	Certificate struct{ CRN string } `json:"certificate_instance"`
	Pool        vpcRef               `json:"default_pool"`
}

type vpcPool struct {
	ID        string    `json:"id"`
	Algorithm string    `json:"algorithm"`
	Protocol  string    `json:"protocol"`
	Monitor   *vpcCheck `json:"health_monitor"`
}

type vpcCheck struct {
	Type    string `json:"type"`
	Delay   int    `json:"delay"`
	Timeout int    `json:"timeout"`
	Retries int    `json:"max_retries"`
	Path    string `json:"url_path,omitempty"`
	Port    int    `json:"port,omitempty"`
}

type vpcMember struct {
	ID     string `json:"id"`
	Port   int    `json:"port"`
	Weight *int   `json:"weight"`
	Health string `json:"health"`
	Status string `json:"provisioning_status"`
	Target struct {
		Address string `json:"address"`
		ID      string `json:"id"`
	} `json:"target"`
}

func (b *vpcBalancer) balancer() lb.Balancer {
	out := lb.Balancer{ID: b.ID, Name: b.Name, Address: b.Hostname, State: lb.Unknown, Algorithm: lb.RoundRobin, Protocol: lb.HTTP, CreatedAt: b.CreatedAt, Tags: map[string]string{},
		Extra: map[string]any{"crn": b.CRN, "is_public": b.Public, "provisioning_status": b.Provisioning, "operating_status": b.Operating, "listeners": len(b.Listeners)}}
	switch {
	case b.Provisioning == "active":
		out.State = lb.Running
	case b.Provisioning == "delete_pending":
		out.State = lb.Deleted
	case strings.HasSuffix(b.Provisioning, "_pending"):
		out.State = lb.Pending
	case b.Provisioning == "failed":
		out.State = lb.Error
	}
	if l := b.listener; l != nil {
		out.Port, out.Protocol, out.Certificate = l.Port, lb.Protocol(l.Protocol), l.Certificate.CRN
	}
	if p := b.pool; p != nil {
		out.Algorithm = cmp.Or(lb.Algorithm(p.Algorithm), lb.RoundRobin)
		if h := p.Monitor; h != nil {
			out.HealthCheck = &lb.HealthCheck{Protocol: lb.Protocol(h.Type), Port: h.Port, Path: h.Path, Interval: h.Delay, Timeout: h.Timeout, HealthyThreshold: h.Retries, UnhealthyThreshold: h.Retries}
		}
	}
	return out
}

// complete looks up the listener with the lowest port, and the pool it has.
func (v *vpc) complete(ctx context.Context, b *vpcBalancer) error {
	var listeners struct{ Listeners []vpcListener }
	if err := v.do(ctx, http.MethodGet, "/load_balancers/"+b.ID+"/listeners", nil, nil, &listeners); err != nil {
		return err
	}
	for i := range listeners.Listeners {
		if l := &listeners.Listeners[i]; b.listener == nil || l.Port < b.listener.Port {
			b.listener = l
		}
	}
	var pools struct{ Pools []vpcPool }
	if err := v.do(ctx, http.MethodGet, "/load_balancers/"+b.ID+"/pools", nil, nil, &pools); err != nil {
		return err
	}
	for i := range pools.Pools {
		if p := &pools.Pools[i]; b.pool == nil || b.listener != nil && p.ID == b.listener.Pool.ID {
			b.pool = p
		}
	}
	return nil
}

// list asks for the listeners and pools of each, which the API has no list of.
func (v *vpc) list(ctx context.Context, cursor string) ([]lb.Balancer, string, error) {
	query := map[string]any{"limit": v.page}
	if cursor != "" {
		query["start"] = cursor
	}
	var page struct {
		Balancers []vpcBalancer `json:"load_balancers"`
		Next      struct{ Href string }
	}
	if err := v.do(ctx, http.MethodGet, "/load_balancers", query, nil, &page); err != nil {
		return nil, "", err
	}
	var all []lb.Balancer
	for i := range page.Balancers {
		b := &page.Balancers[i]
		if err := v.complete(ctx, b); err != nil && op.KindOf(err) != op.NotFound { // or it has just gone
			return nil, "", err
		}
		all = append(all, b.balancer())
	}
	next, err := url.Parse(page.Next.Href)
	if err != nil {
		return nil, "", unreachable(err)
	}
	return all, next.Query().Get("start"), nil
}

func (v *vpc) find(ctx context.Context, id string) (*vpcBalancer, error) {
	b := &vpcBalancer{}
	if err := v.do(ctx, http.MethodGet, "/load_balancers/"+url.PathEscape(id), nil, nil, b); err != nil {
		return nil, err
	}
	return b, v.complete(ctx, b)
}

func (v *vpc) get(ctx context.Context, id string) (lb.Balancer, error) {
	b, err := v.find(ctx, id)
	if err != nil {
		return lb.Balancer{}, err
	}
	return b.balancer(), nil
}

// behind is what a pool speaks: TLS ends at the balancer.
func behind(p lb.Protocol) string {
	if p == lb.HTTPS {
		return "http"
	}
	return string(p)
}

func checkOf(h *lb.HealthCheck, p lb.Protocol) vpcCheck {
	if h == nil {
		c := vpcCheck{Type: "tcp", Delay: 5, Timeout: 2, Retries: 2}
		if behind(p) == "http" {
			c.Type, c.Path = "http", "/"
		}
		return c
	}
	c := vpcCheck{Type: string(h.Protocol), Delay: h.Interval, Timeout: h.Timeout, Retries: h.UnhealthyThreshold, Port: h.Port}
	if h.Protocol != lb.TCP {
		c.Path = cmp.Or(h.Path, "/")
	}
	return c
}

// create is one request for all of it.
func (v *vpc) create(ctx context.Context, in lb.CreateBalancer, more extra) (lb.Balancer, error) {
	var subnets, members []any
	for _, s := range in.Subnets {
		subnets = append(subnets, vpcRef{s})
	}
	for _, m := range in.Members {
		spec, err := v.spec(ctx, m, in.Port)
		if err != nil {
			return lb.Balancer{}, err
		}
		members = append(members, spec)
	}
	pool := map[string]any{"name": "pool", "algorithm": in.Algorithm, "protocol": behind(in.Protocol), "health_monitor": checkOf(in.HealthCheck, in.Protocol)}
	if members != nil {
		pool["members"] = members
	}
	listener := map[string]any{"port": in.Port, "protocol": in.Protocol, "default_pool": map[string]any{"name": "pool"}}
	if in.Certificate != "" {
		listener["certificate_instance"] = map[string]any{"crn": in.Certificate}
	}
	body := map[string]any{"name": in.Name, "is_public": !more.Private, "subnets": subnets, "pools": []any{pool}, "listeners": []any{listener}}
	if more.Profile != "" {
		body["profile"] = map[string]any{"name": more.Profile}
	} else if in.Protocol == lb.UDP { // which an application load balancer does not speak
		body["profile"] = map[string]any{"name": "network-fixed"}
	}
	if more.ResourceGroup != "" {
		body["resource_group"] = vpcRef{more.ResourceGroup}
	}
	made := &vpcBalancer{}
	if err := v.do(ctx, http.MethodPost, "/load_balancers", nil, body, made); err != nil {
		return lb.Balancer{}, err
	}
	if err := v.complete(ctx, made); err != nil { // it is made, and is told as far as is known
		made.listener = &vpcListener{Port: in.Port, Protocol: string(in.Protocol)}
	}
	return made.balancer(), nil
}

func (v *vpc) update(ctx context.Context, in lb.UpdateBalancer) error {
	b, err := v.find(ctx, in.Balancer)
	if err != nil {
		return err
	}
	if b.listener == nil || b.pool == nil {
		return op.Errorf(op.Conflict, "the balancer %s has no listener with a pool", in.Balancer)
	}
	before := b.balancer()
	p := cmp.Or(in.Protocol, before.Protocol)
	if behind(p) != b.pool.Protocol {
		return op.Errorf(op.InvalidArgument, "protocol: a balancer whose members speak %s cannot speak %s", b.pool.Protocol, p)
	}
	listener, pool := map[string]any{}, map[string]any{}
	if in.Port != 0 && in.Port != before.Port {
		listener["port"] = in.Port
	}
	if p != before.Protocol {
		listener["protocol"] = p
	}
	if in.Certificate != before.Certificate {
		listener["certificate_instance"] = map[string]any{"crn": in.Certificate}
	}
	if in.Algorithm != "" && in.Algorithm != before.Algorithm {
		pool["algorithm"] = in.Algorithm
	}
	if in.HealthCheck != nil {
		pool["health_monitor"] = checkOf(in.HealthCheck, p)
	}
	own := map[string]any{}
	if in.Name != "" && in.Name != before.Name {
		own["name"] = in.Name
	}
	for _, c := range []struct {
		path   string
		change map[string]any
	}{{"", own}, {"/listeners/" + b.listener.ID, listener}, {"/pools/" + b.pool.ID, pool}} {
		if len(c.change) == 0 {
			continue
		}
		if err := v.settled(ctx, b.ID); err != nil { // it takes one change at a time
			return err
		}
		if err := v.do(ctx, http.MethodPatch, "/load_balancers/"+b.ID+c.path, nil, c.change, nil); err != nil {
			return err
		}
	}
	return nil
}

func (v *vpc) settled(ctx context.Context, id string) error {
	return op.Poll(ctx, 5*time.Second, func(ctx context.Context) (bool, error) {
		b := &vpcBalancer{}
		err := v.do(ctx, http.MethodGet, "/load_balancers/"+id, nil, nil, b)
		return !strings.HasSuffix(b.Provisioning, "_pending"), err
	})
}

func (v *vpc) destroy(ctx context.Context, id string) error {
	return v.do(ctx, http.MethodDelete, "/load_balancers/"+url.PathEscape(id), nil, nil, nil)
}

// spec is a new member in the API's terms: an address, also of a node.
func (v *vpc) spec(ctx context.Context, m lb.NewMember, own int) (map[string]any, error) {
	ip := m.IP
	if m.Node != "" {
		var node struct {
			Interface struct {
				IP struct{ Address string } `json:"primary_ip"`
			} `json:"primary_network_interface"`
		}
		if err := v.do(ctx, http.MethodGet, "/instances/"+url.PathEscape(m.Node), nil, nil, &node); err != nil {
			return nil, err
		}
		if ip = node.Interface.IP.Address; ip == "" {
			return nil, op.Errorf(op.Conflict, "the node %s has no address now", m.Node)
		}
	}
	return map[string]any{"port": cmp.Or(m.Port, own), "target": map[string]any{"address": ip}, "weight": *m.Weight}, nil
}

// nodes finds the instances by their addresses.
func (v *vpc) nodes(ctx context.Context) (map[string]string, error) {
	nodes := map[string]string{}
	query := map[string]any{"limit": 100}
	for {
		var page struct {
			Instances []struct {
				ID        string
				Interface struct {
					IP struct{ Address string } `json:"primary_ip"`
				} `json:"primary_network_interface"`
			}
			Next struct{ Href string }
		}
		if err := v.do(ctx, http.MethodGet, "/instances", query, nil, &page); err != nil {
			return nil, err
		}
		for _, i := range page.Instances {
			nodes[i.Interface.IP.Address] = i.ID
		}
		next, err := url.Parse(page.Next.Href)
		if start := next.Query().Get("start"); err == nil && start != "" {
			query["start"] = start
			continue
		}
		return nodes, nil
	}
}

func (m vpcMember) member(b *vpcBalancer, nodes map[string]string) lb.Member {
	weight := op.Or(m.Weight, 1)
	out := lb.Member{Balancer: b.ID, ID: m.ID, IP: m.Target.Address, Port: m.Port, Node: cmp.Or(m.Target.ID, nodes[m.Target.Address]), Weight: weight, State: conditionOf(weight, b.balancer().Algorithm), Health: lb.HealthUnknown,
		Extra: map[string]any{"provisioning_status": m.Status, "health": m.Health}}
	switch {
	case m.Health == "ok":
		out.Health = lb.Healthy
	case m.Health == "faulted":
		out.Health = lb.Unhealthy
	}
	if m.Status == "delete_pending" {
		out.State = lb.Draining
	}
	return out
}

// poolPath is the path of a balancer's pool; empty if it has none.
func (v *vpc) poolPath(ctx context.Context, balancer string) (string, *vpcBalancer, error) {
	b, err := v.find(ctx, balancer)
	if err != nil || b.pool == nil {
		return "", b, err
	}
	return "/load_balancers/" + b.ID + "/pools/" + b.pool.ID, b, nil
}

func (v *vpc) members(ctx context.Context, balancer string) ([]lb.Member, error) {
	path, b, err := v.poolPath(ctx, balancer)
	if err != nil || path == "" {
		return nil, err
	}
	var page struct{ Members []vpcMember }
	if err := v.do(ctx, http.MethodGet, path+"/members", nil, nil, &page); err != nil || len(page.Members) == 0 {
		return nil, err
	}
	nodes, err := v.nodes(ctx)
	if err != nil {
		return nil, err
	}
	members := make([]lb.Member, len(page.Members))
	for i, m := range page.Members {
		members[i] = m.member(b, nodes)
	}
	return members, nil
}

func (v *vpc) attach(ctx context.Context, balancer string, m lb.NewMember) (lb.Member, error) {
	path, b, err := v.poolPath(ctx, balancer)
	if err == nil && (path == "" || b.listener == nil) {
		err = op.Errorf(op.Conflict, "the balancer %s has no listener with a pool", balancer)
	}
	if err != nil {
		return lb.Member{}, err
	}
	spec, err := v.spec(ctx, m, b.listener.Port)
	if err != nil {
		return lb.Member{}, err
	}
	address := spec["target"].(map[string]any)["address"].(string)
	have, err := v.members(ctx, balancer)
	if err != nil {
		return lb.Member{}, err
	}
	if slices.ContainsFunc(have, func(h lb.Member) bool { return h.IP == address && h.Port == spec["port"] && h.State == lb.Enabled }) {
		return lb.Member{}, op.Errorf(op.AlreadyExists, "%s:%d is a member already", address, spec["port"])
	}
	if err := v.settled(ctx, b.ID); err != nil {
		return lb.Member{}, err
	}
	var made vpcMember
	if err := v.do(ctx, http.MethodPost, path+"/members", nil, spec, &made); err != nil {
		return lb.Member{}, err
	}
	return made.member(b, map[string]string{address: m.Node}), nil
}

func (v *vpc) memberPath(ctx context.Context, balancer, id string) (string, error) {
	path, _, err := v.poolPath(ctx, balancer)
	if err == nil && path == "" {
		err = op.Errorf(op.NotFound, "the balancer %s has no member %q", balancer, id)
	}
	return fmt.Sprintf("%s/members/%s", path, url.PathEscape(id)), err
}

func (v *vpc) weigh(ctx context.Context, balancer, id string, weight int) error {
	path, err := v.memberPath(ctx, balancer, id)
	if err != nil {
		return err
	}
	if err := v.settled(ctx, balancer); err != nil {
		return err
	}
	return v.do(ctx, http.MethodPatch, path, nil, map[string]any{"weight": weight}, nil)
}

func (v *vpc) detach(ctx context.Context, balancer, id string) error {
	path, err := v.memberPath(ctx, balancer, id)
	if err != nil {
		return err
	}
	if err := v.settled(ctx, balancer); err != nil {
		return err
	}
	return v.do(ctx, http.MethodDelete, path, nil, nil, nil)
}
