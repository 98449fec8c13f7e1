package softlayer

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/softlayer/softlayer-go/datatypes"
	"github.com/softlayer/softlayer-go/filter"
	"github.com/softlayer/softlayer-go/session"
	"github.com/softlayer/softlayer-go/sl"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// classic is the service of classic infrastructure, by IBM's own SDK.
type classic struct {
	username  string
	key       drivers.Secret
	endpoint  string
	page      int
	transport *http.Transport
}

const (
	balancerService = "SoftLayer_Network_LBaaS_LoadBalancer"
	listenerService = "SoftLayer_Network_LBaaS_Listener"
	memberService   = "SoftLayer_Network_LBaaS_Member"
	monitorService  = "SoftLayer_Network_LBaaS_HealthMonitor"
)

// mask says what of a balancer is to be told.
const mask = "mask[id,uuid,name,address,description,isPublic,operatingStatus,provisioningStatus,createDate,datacenter[name],members[uuid,address,weight,provisioningStatus]," +
	"listeners[uuid,protocol,protocolPort,tlsCertificateId,defaultPool[uuid,protocol,protocolPort,loadBalancingAlgorithm,healthMonitor]]]"

// call makes a request. The SDK writes into its session and its client, so that
// each request has its own; they share the connections.
func (c *classic) call(ctx context.Context, service, method string, options *sl.Options, out any, args ...any) error {
	if c.username == "" || c.key == "" {
		return op.Errorf(op.Unauthenticated, "there are no credentials: give username and api_key, or set SL_USERNAME and SL_API_KEY")
	}
	s := &session.Session{UserName: c.username, APIKey: c.key.Reveal(), Endpoint: c.endpoint, Context: ctx, TransportHandler: &session.RestTransport{},
		HTTPClient: &http.Client{Transport: c.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if options == nil {
		options = &sl.Options{}
	}
	return classicError(s.DoRequest(service, method, args, options, out))
}

func (c *classic) protocols() []lb.Protocol { return []lb.Protocol{lb.HTTP, lb.HTTPS, lb.TCP} }

var classicAlgorithms = map[string]lb.Algorithm{"ROUNDROBIN": lb.RoundRobin, "WEIGHTED_RR": lb.WeightedRoundRobin, "LEASTCONNECTION": lb.LeastConnections}

func classicAlgorithm(a lb.Algorithm) *string {
	for word, v := range classicAlgorithms {
		if v == a {
			return &word
		}
	}
	return nil
}

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func num(p *int) int {
	if p == nil {
		return 0
	}
	return *p
}

// front is a balancer's listener with the lowest port.
func front(b datatypes.Network_LBaaS_LoadBalancer) *datatypes.Network_LBaaS_Listener {
	var first *datatypes.Network_LBaaS_Listener
	for i := range b.Listeners {
		if l := &b.Listeners[i]; first == nil || num(l.ProtocolPort) < num(first.ProtocolPort) {
			first = l
		}
	}
	return first
}

func classicBalancer(b datatypes.Network_LBaaS_LoadBalancer) lb.Balancer {
	out := lb.Balancer{ID: str(b.Uuid), Name: str(b.Name), Address: str(b.Address), State: lb.Unknown, Algorithm: lb.RoundRobin, Protocol: lb.HTTP, Tags: map[string]string{},
		Extra: map[string]any{"id": num(b.Id), "provisioningStatus": str(b.ProvisioningStatus), "operatingStatus": str(b.OperatingStatus), "description": str(b.Description), "listeners": len(b.Listeners)}}
	switch status := str(b.ProvisioningStatus); {
	case status == "ACTIVE":
		out.State = lb.Running
	case status == "DELETE_PENDING" || status == "DELETED":
		out.State = lb.Deleted
	case strings.HasSuffix(status, "_PENDING"):
		out.State = lb.Pending
	case status == "ERROR" || status == "FAILED":
		out.State = lb.Error
	}
	if b.CreateDate != nil {
		out.CreatedAt = b.CreateDate.UTC()
	}
	if b.Datacenter != nil {
		out.Location = str(b.Datacenter.Name)
	}
	l := front(b)
	if l == nil {
		return out
	}
	out.Port, out.Protocol = num(l.ProtocolPort), lb.Protocol(strings.ToLower(str(l.Protocol)))
	if id := num(l.TlsCertificateId); id != 0 {
		out.Certificate = strconv.Itoa(id)
	}
	if p := l.DefaultPool; p != nil {
		out.Algorithm = cmp.Or(classicAlgorithms[str(p.LoadBalancingAlgorithm)], lb.RoundRobin)
		out.Extra["pool_port"] = num(p.ProtocolPort)
		if h := p.HealthMonitor; h != nil {
			// Its one number of tries is both thresholds.
			out.HealthCheck = &lb.HealthCheck{Protocol: lb.Protocol(strings.ToLower(str(h.MonitorType))), Path: str(h.UrlPath), Interval: num(h.Interval), Timeout: num(h.Timeout),
				HealthyThreshold: num(h.MaxRetries), UnhealthyThreshold: num(h.MaxRetries)}
		}
	}
	return out
}

func (c *classic) list(ctx context.Context, cursor string) ([]lb.Balancer, string, error) {
	at := 0
	if cursor != "" {
		var err error
		if at, err = strconv.Atoi(cursor); err != nil {
			return nil, "", op.Errorf(op.InvalidArgument, "there is no page at %q", cursor)
		}
	}
	var page []datatypes.Network_LBaaS_LoadBalancer
	if err := c.call(ctx, balancerService, "getAllObjects", &sl.Options{Mask: mask, Limit: &c.page, Offset: &at}, &page); err != nil {
		return nil, "", err
	}
	all := make([]lb.Balancer, len(page))
	for i, b := range page {
		all[i] = classicBalancer(b)
	}
	next := ""
	if len(page) == c.page {
		next = strconv.Itoa(at + c.page)
	}
	return all, next, nil
}

func (c *classic) find(ctx context.Context, id string) (datatypes.Network_LBaaS_LoadBalancer, error) {
	var b datatypes.Network_LBaaS_LoadBalancer
	err := c.call(ctx, balancerService, "getLoadBalancer", &sl.Options{Mask: mask}, &b, id)
	if err == nil && b.Uuid == nil {
		err = op.Errorf(op.NotFound, "there is no balancer %q", id)
	}
	return b, err
}

func (c *classic) get(ctx context.Context, id string) (lb.Balancer, error) {
	b, err := c.find(ctx, id)
	return classicBalancer(b), err
}

// named finds a balancer by its name.
func (c *classic) named(ctx context.Context, name string) (*datatypes.Network_LBaaS_LoadBalancer, error) {
	var found []datatypes.Network_LBaaS_LoadBalancer
	err := c.call(ctx, balancerService, "getAllObjects", &sl.Options{Mask: mask, Filter: filter.Path("name").Eq(name).Build()}, &found)
	for i := range found {
		if str(found[i].Name) == name && err == nil {
			return &found[i], nil
		}
	}
	return nil, err
}

// poolPort is the port that a new balancer's members have: the one that they name.
func poolPort(in lb.CreateBalancer) (int, error) {
	port := 0
	for i, m := range in.Members {
		if m.Port != 0 && port != 0 && m.Port != port {
			return 0, op.Errorf(op.InvalidArgument, "members[%d]: all have one port here, not %d and %d", i, port, m.Port)
		}
		port = cmp.Or(m.Port, port)
	}
	return cmp.Or(port, in.Port), nil
}

func backendProtocol(p lb.Protocol) string {
	if p == lb.HTTPS { // TLS ends at the balancer
		p = lb.HTTP
	}
	return strings.ToUpper(string(p))
}

func (c *classic) create(ctx context.Context, in lb.CreateBalancer, more extra) (lb.Balancer, error) {
	port, err := poolPort(in)
	if err != nil {
		return lb.Balancer{}, err
	}
	if len(in.Subnets) > 1 {
		return lb.Balancer{}, op.Errorf(op.InvalidArgument, "subnets: a load balancer is in one, not in %d", len(in.Subnets))
	}
	subnet, err := strconv.Atoi(in.Subnets[0])
	if err != nil {
		return lb.Balancer{}, op.Errorf(op.NotFound, "there is no subnet %q: its id would be a number", in.Subnets[0])
	}
	certificate, err := certificateID(in.Certificate)
	if err != nil {
		return lb.Balancer{}, err
	}
	var servers []datatypes.Network_LBaaS_LoadBalancerServerInstanceInfo
	for _, m := range in.Members {
		ip, err := c.address(ctx, m)
		if err != nil {
			return lb.Balancer{}, err
		}
		servers = append(servers, datatypes.Network_LBaaS_LoadBalancerServerInstanceInfo{PrivateIpAddress: &ip, Weight: m.Weight})
	}
	if have, err := c.named(ctx, in.Name); err != nil {
		return lb.Balancer{}, err
	} else if have != nil {
		return lb.Balancer{}, op.Errorf(op.AlreadyExists, "there is a load balancer %q already", in.Name)
	}
	order, err := c.order(ctx)
	if err != nil {
		return lb.Balancer{}, err
	}
	public := 1
	if more.Private {
		public = 0
	}
	order.Name, order.Description, order.Type, order.Subnets = &in.Name, sl.String(cmp.Or(more.Description, in.Name)), &public, []datatypes.Network_Subnet{{Id: &subnet}}
	order.UseSystemPublicIpPool = sl.Bool(true)
	order.ServerInstancesInformation = servers
	order.ProtocolConfigurations = []datatypes.Network_LBaaS_LoadBalancerProtocolConfiguration{{FrontendPort: &in.Port, FrontendProtocol: sl.String(strings.ToUpper(string(in.Protocol))), BackendPort: &port,
		BackendProtocol: sl.String(backendProtocol(in.Protocol)), LoadBalancingMethod: classicAlgorithm(in.Algorithm), TlsCertificateId: certificate}}
	if in.HealthCheck != nil {
		m, err := monitor(*in.HealthCheck, in.Protocol, port, "")
		if err != nil {
			return lb.Balancer{}, err
		}
		order.HealthMonitorConfigurations = []datatypes.Network_LBaaS_LoadBalancerHealthMonitorConfiguration{m}
	}
	var receipt datatypes.Container_Product_Order_Receipt
	if err := c.call(ctx, "SoftLayer_Product_Order", "placeOrder", nil, &receipt, order); err != nil {
		return lb.Balancer{}, err
	}
	// It has an id when the order is taken up.
	var made *datatypes.Network_LBaaS_LoadBalancer
	err = op.Poll(ctx, 5*time.Second, func(ctx context.Context) (done bool, err error) {
		made, err = c.named(ctx, in.Name)
		return made != nil, err
	})
	if err != nil {
		e := *op.AsError(err)
		e.Message = fmt.Sprintf("the load balancer %s is ordered, order %d, but was not found yet, and will cost: look for it in list_balancers: %s", in.Name, num(receipt.OrderId), e.Message)
		if e.Kind == op.Unavailable || e.Kind == op.RateLimited { // a repetition would order another
			e.Kind = op.Conflict
		}
		return lb.Balancer{}, &e
	}
	return classicBalancer(*made), nil
}

// order is what orders a load balancer, with the package's prices.
func (c *classic) order(ctx context.Context) (*datatypes.Container_Product_Order_Network_LoadBalancer_AsAService, error) {
	const product = "SoftLayer_Product_Package"
	var packages []datatypes.Product_Package
	if err := c.call(ctx, product, "getAllObjects", &sl.Options{Mask: "mask[id,keyName]", Filter: filter.Path("keyName").Eq("LBAAS").Build()}, &packages); err != nil {
		return nil, err
	}
	if len(packages) == 0 {
		return nil, op.Errorf(op.Unsupported, "the account cannot order load balancers: it has no package LBAAS")
	}
	var items []datatypes.Product_Item
	if err := c.call(ctx, product, "getItems", &sl.Options{Id: packages[0].Id, Mask: "mask[id,keyName,prices[id,locationGroupId]]"}, &items); err != nil {
		return nil, err
	}
	order := &datatypes.Container_Product_Order_Network_LoadBalancer_AsAService{}
	order.ComplexType = sl.String("SoftLayer_Container_Product_Order_Network_LoadBalancer_AsAService")
	order.PackageId, order.Quantity, order.UseHourlyPricing = packages[0].Id, sl.Int(1), sl.Bool(true)
	for _, i := range items {
		for _, p := range i.Prices {
			if p.LocationGroupId == nil { // not that of a place
				order.Prices = append(order.Prices, datatypes.Product_Item_Price{Id: p.Id})
				break
			}
		}
	}
	return order, nil
}

func certificateID(text string) (*int, error) {
	if text == "" {
		return nil, nil
	}
	id, err := strconv.Atoi(text)
	if err != nil {
		return nil, op.Errorf(op.NotFound, "there is no certificate %q: its id would be a number", text)
	}
	return &id, nil
}

// monitor is a health check in the API's terms.
func monitor(h lb.HealthCheck, p lb.Protocol, port int, id string) (datatypes.Network_LBaaS_LoadBalancerHealthMonitorConfiguration, error) {
	m := datatypes.Network_LBaaS_LoadBalancerHealthMonitorConfiguration{BackendPort: &port, BackendProtocol: sl.String(backendProtocol(p)), Interval: &h.Interval, Timeout: &h.Timeout,
		MaxRetries: &h.UnhealthyThreshold}
	switch {
	case h.Port != 0 && h.Port != port:
		return m, op.Errorf(op.InvalidArgument, "health_check: the members' port is what is checked here, %d", port)
	case strings.ToUpper(string(h.Protocol)) != *m.BackendProtocol:
		return m, op.Errorf(op.InvalidArgument, "health_check: what is checked here is what the members speak, %s, not %s", strings.ToLower(*m.BackendProtocol), h.Protocol)
	}
	if h.Protocol == lb.HTTP {
		m.UrlPath = sl.String(cmp.Or(h.Path, "/"))
	}
	if id != "" {
		m.HealthMonitorUuid = &id
	}
	return m, nil
}

func (c *classic) update(ctx context.Context, in lb.UpdateBalancer) error {
	b, err := c.find(ctx, in.Balancer)
	if err != nil {
		return err
	}
	l := front(b)
	if l == nil || l.DefaultPool == nil {
		return op.Errorf(op.Conflict, "the balancer %s has no listener", in.Balancer)
	}
	before := classicBalancer(b)
	if in.Name != "" && in.Name != before.Name {
		return op.Errorf(op.InvalidArgument, "name: a load balancer keeps its name")
	}
	certificate, err := certificateID(in.Certificate)
	if err != nil {
		return err
	}
	p := cmp.Or(in.Protocol, before.Protocol)
	want := lb.Balancer{Port: cmp.Or(in.Port, before.Port), Protocol: p, Algorithm: cmp.Or(in.Algorithm, before.Algorithm), Certificate: in.Certificate}
	have := lb.Balancer{Port: before.Port, Protocol: before.Protocol, Algorithm: before.Algorithm, Certificate: before.Certificate}
	port := num(l.DefaultPool.ProtocolPort)
	var check *datatypes.Network_LBaaS_LoadBalancerHealthMonitorConfiguration
	if in.HealthCheck != nil {
		id := ""
		if h := l.DefaultPool.HealthMonitor; h != nil {
			id = str(h.Uuid)
		}
		m, err := monitor(*in.HealthCheck, p, port, id)
		if err != nil {
			return err
		}
		check = &m
	}
	if err := c.settled(ctx, in.Balancer); err != nil {
		return err
	}
	if want.Port != have.Port || want.Protocol != have.Protocol || want.Algorithm != have.Algorithm || want.Certificate != have.Certificate {
		change := datatypes.Network_LBaaS_LoadBalancerProtocolConfiguration{ListenerUuid: l.Uuid, FrontendPort: &want.Port, FrontendProtocol: sl.String(strings.ToUpper(string(p))), BackendPort: &port,
			BackendProtocol: sl.String(backendProtocol(p)), LoadBalancingMethod: classicAlgorithm(want.Algorithm), TlsCertificateId: certificate}
		if err := c.call(ctx, listenerService, "updateLoadBalancerProtocols", nil, &datatypes.Network_LBaaS_LoadBalancer{}, in.Balancer, []any{change}); err != nil {
			return err
		}
		if check != nil {
			if err := c.settled(ctx, in.Balancer); err != nil {
				return err
			}
		}
	}
	if check == nil {
		return nil
	}
	return c.call(ctx, monitorService, "updateLoadBalancerHealthMonitors", nil, &datatypes.Network_LBaaS_LoadBalancer{}, in.Balancer, []any{*check})
}

// settled waits for the change under way: a balancer takes one at a time.
func (c *classic) settled(ctx context.Context, id string) error {
	return op.Poll(ctx, 5*time.Second, func(ctx context.Context) (bool, error) {
		b, err := c.get(ctx, id)
		return b.State != lb.Pending, err
	})
}

func (c *classic) destroy(ctx context.Context, id string) error {
	var done bool
	if _, err := c.find(ctx, id); err != nil {
		return err
	}
	return c.call(ctx, balancerService, "cancelLoadBalancer", nil, &done, id)
}

// address is a member's: a node's is its private one.
func (c *classic) address(ctx context.Context, m lb.NewMember) (string, error) {
	if m.Node == "" {
		return m.IP, nil
	}
	id, err := strconv.Atoi(m.Node)
	if err != nil {
		return "", op.Errorf(op.NotFound, "there is no node %q: its id would be a number", m.Node)
	}
	var ip string
	if err := c.call(ctx, "SoftLayer_Virtual_Guest", "getPrimaryBackendIpAddress", &sl.Options{Id: &id}, &ip); err != nil {
		return "", err
	}
	if ip == "" {
		return "", op.Errorf(op.Conflict, "the node %s has no private address now", m.Node)
	}
	return ip, nil
}

func (c *classic) members(ctx context.Context, id string) ([]lb.Member, error) {
	b, err := c.find(ctx, id)
	if err != nil || len(b.Members) == 0 {
		return nil, err
	}
	var pools []datatypes.Network_LBaaS_PoolMembersHealth
	if err := c.call(ctx, balancerService, "getLoadBalancerMemberHealth", nil, &pools, id); err != nil {
		return nil, err
	}
	var guests []datatypes.Virtual_Guest
	if err := c.call(ctx, "SoftLayer_Account", "getVirtualGuests", &sl.Options{Mask: "mask[id,primaryBackendIpAddress]"}, &guests); err != nil {
		return nil, err
	}
	nodes, health := map[string]string{}, map[string]string{}
	for _, g := range guests {
		nodes[str(g.PrimaryBackendIpAddress)] = strconv.Itoa(num(g.Id))
	}
	for _, p := range pools {
		for _, m := range p.MembersHealth {
			health[str(m.Uuid)] = str(m.Status)
		}
	}
	members := make([]lb.Member, len(b.Members))
	for i, m := range b.Members {
		members[i] = classicMember(b, m, nodes[str(m.Address)])
		switch health[str(m.Uuid)] {
		case "UP":
			members[i].Health = lb.Healthy
		case "DOWN":
			members[i].Health = lb.Unhealthy
		}
	}
	return members, nil
}

func classicMember(b datatypes.Network_LBaaS_LoadBalancer, m datatypes.Network_LBaaS_Member, node string) lb.Member {
	weight := op.Or(m.Weight, 1)
	out := lb.Member{Balancer: str(b.Uuid), ID: str(m.Uuid), IP: str(m.Address), Node: node, Weight: weight, State: conditionOf(weight, classicBalancer(b).Algorithm), Health: lb.HealthUnknown,
		Extra: map[string]any{"provisioningStatus": str(m.ProvisioningStatus)}}
	if l := front(b); l != nil && l.DefaultPool != nil {
		out.Port = num(l.DefaultPool.ProtocolPort)
	}
	return out
}

func (c *classic) attach(ctx context.Context, id string, m lb.NewMember) (lb.Member, error) {
	b, err := c.find(ctx, id)
	if err != nil {
		return lb.Member{}, err
	}
	shown := classicMember(b, datatypes.Network_LBaaS_Member{}, m.Node)
	if m.Port != 0 && m.Port != shown.Port {
		return lb.Member{}, op.Errorf(op.InvalidArgument, "port: a balancer's members all have one port here, and these have %d", shown.Port)
	}
	ip, err := c.address(ctx, m)
	if err != nil {
		return lb.Member{}, err
	}
	if slices.ContainsFunc(b.Members, func(have datatypes.Network_LBaaS_Member) bool { return str(have.Address) == ip }) {
		return lb.Member{}, op.Errorf(op.AlreadyExists, "%s is a member already", ip)
	}
	if err := c.settled(ctx, id); err != nil {
		return lb.Member{}, err
	}
	var after datatypes.Network_LBaaS_LoadBalancer
	add := datatypes.Network_LBaaS_LoadBalancerServerInstanceInfo{PrivateIpAddress: &ip, Weight: m.Weight}
	if err := c.call(ctx, memberService, "addLoadBalancerMembers", &sl.Options{Mask: mask}, &after, id, []any{add}); err != nil {
		return lb.Member{}, err
	}
	for _, have := range after.Members {
		if str(have.Address) == ip {
			return classicMember(b, have, m.Node), nil
		}
	}
	return lb.Member{}, op.Errorf(op.Internal, "%s was added, and the answer does not have it", ip)
}

// member makes sure that there is one.
func (c *classic) member(ctx context.Context, balancer, id string) error {
	b, err := c.find(ctx, balancer)
	if err == nil && !slices.ContainsFunc(b.Members, func(m datatypes.Network_LBaaS_Member) bool { return str(m.Uuid) == id }) {
		err = op.Errorf(op.NotFound, "the balancer %s has no member %q", balancer, id)
	}
	return err
}

func (c *classic) weigh(ctx context.Context, balancer, id string, weight int) error {
	if err := c.settled(ctx, balancer); err != nil {
		return err
	}
	change := datatypes.Network_LBaaS_Member{Uuid: &id, Weight: &weight}
	return c.call(ctx, memberService, "updateLoadBalancerMembers", nil, &datatypes.Network_LBaaS_LoadBalancer{}, balancer, []any{change})
}

func (c *classic) detach(ctx context.Context, balancer, id string) error {
	if err := c.member(ctx, balancer, id); err != nil {
		return err
	}
	if err := c.settled(ctx, balancer); err != nil {
		return err
	}
	return c.call(ctx, memberService, "deleteLoadBalancerMembers", nil, &datatypes.Network_LBaaS_LoadBalancer{}, balancer, []string{id})
}

func (c *classic) native(ctx context.Context, in native.Request) (any, error) {
	if c.username == "" || c.key == "" {
		return nil, op.Errorf(op.Unauthenticated, "there are no credentials: give username and api_key, or set SL_USERNAME and SL_API_KEY")
	}
	return send(ctx, c.transport, c.endpoint, in, func(r *http.Request) error {
		r.SetBasicAuth(c.username, c.key.Reveal())
		return nil
	}, func(status int, header http.Header, body []byte) error { return classicRefusal(status, header, body) })
}

// next: lists are cut by resultLimit, "offset,limit".
func (c *classic) next(answer any, in *native.Request) bool {
	list, ok := answer.([]any)
	limit, _ := in.Query["resultLimit"].(string)
	from, size, found := strings.Cut(limit, ",")
	at, err1 := strconv.Atoi(from)
	n, err2 := strconv.Atoi(size)
	if !ok || !found || err1 != nil || err2 != nil || len(list) < n {
		return false
	}
	in.Query["resultLimit"] = fmt.Sprintf("%d,%d", at+n, n)
	return true
}

// cursorName is the query that a page begins at.
func cursorName(s service) string {
	if _, ok := s.(*classic); ok {
		return "resultLimit"
	}
	return "start"
}
