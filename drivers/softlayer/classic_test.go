package softlayer

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A classicServer is our own stand-in for the classic API, for which there is no
// emulator: what is documented at sldn.softlayer.com of the services that the
// driver uses, with a store behind it. Like the API, it takes one change of a
// balancer at a time, and answers most mistakes with status 500.
type classicServer struct {
	t       testing.TB
	url     string
	refuse  func(service, method string) (status int, body string) // instead of an answer; may be nil
	mu      sync.Mutex
	lbs     []*document
	guests  map[int]string
	orders  int
	waiting int // list requests before an order is taken up
}

type document = map[string]any

const (
	user = "tester"
	key  = "test-key"
)

func newClassic(t testing.TB) *classicServer {
	s := &classicServer{t: t, guests: map[int]string{}}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

func (s *classicServer) guest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := 10_000_000 + len(s.guests)
	s.guests[id] = fmt.Sprintf("10.9.0.%d", len(s.guests)+1)
	return strconv.Itoa(id)
}

type exception struct {
	status        int
	code, message string
}

func public(format string, args ...any) *exception {
	return &exception{http.StatusInternalServerError, "SoftLayer_Exception_Public", fmt.Sprintf(format, args...)}
}

func (s *classicServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if u, p, _ := r.BasicAuth(); u != user || p != key {
		w.WriteHeader(http.StatusUnauthorized)
		json.NewEncoder(w).Encode(document{"error": "Invalid API token.", "code": "SoftLayer_Exception_InvalidLegacyToken"})
		return
	}
	parts := strings.Split(strings.Trim(strings.TrimSuffix(r.URL.Path, ".json"), "/"), "/")
	id := 0
	if len(parts) > 1 {
		if n, err := strconv.Atoi(parts[1]); err == nil {
			id, parts = n, slices.Delete(parts, 1, 2)
		}
	}
	method := "getObject"
	if len(parts) > 1 {
		method = parts[1]
	}
	if s.refuse != nil {
		if status, body := s.refuse(parts[0], method); status != 0 {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return
		}
	}
	var body struct{ Parameters []json.RawMessage }
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			s.t.Errorf("%s: %v", r.URL, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out, bad := s.answer(parts[0], method, id, r, body.Parameters)
	if bad != nil {
		w.WriteHeader(bad.status)
		out = document{"error": bad.message, "code": bad.code}
	}
	data, err := json.Marshal(out)
	if err != nil {
		s.t.Error(err)
	}
	w.Write(data)
}

// arg reads a parameter. Fields that no documented type has are the driver's mistake.
func arg[T any](s *classicServer, args []json.RawMessage, i int) T {
	var v T
	if i >= len(args) {
		s.t.Errorf("parameter %d is missing", i)
		return v
	}
	d := json.NewDecoder(strings.NewReader(string(args[i])))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		s.t.Errorf("parameter %d: %v: %s", i, err, args[i])
	}
	return v
}

func (s *classicServer) answer(service, method string, id int, r *http.Request, args []json.RawMessage) (any, *exception) {
	switch service + "." + method {
	case "SoftLayer_Account.getObject":
		return document{"id": 1, "companyName": "Test"}, nil
	case "SoftLayer_Account.getVirtualGuests":
		all := []any{}
		for _, id := range slices.Sorted(maps.Keys(s.guests)) {
			all = append(all, document{"id": id, "primaryBackendIpAddress": s.guests[id]})
		}
		return s.limited(r, all), nil
	case "SoftLayer_Virtual_Guest.getPrimaryBackendIpAddress":
		if ip, ok := s.guests[id]; ok {
			return ip, nil
		}
		return nil, &exception{404, "SoftLayer_Exception_ObjectNotFound", fmt.Sprintf("Unable to find object with id of '%d'.", id)}
	case "SoftLayer_Product_Package.getAllObjects":
		return []any{document{"id": 805, "keyName": "LBAAS"}}, nil
	case "SoftLayer_Product_Package.getItems":
		if id != 805 {
			return nil, public("no such package")
		}
		price := func(id int) document {
			return document{"id": id, "keyName": "X", "prices": []any{document{"id": id + 1, "locationGroupId": 509}, document{"id": id}}}
		}
		return []any{price(199447), price(199455), price(205839)}, nil
	case "SoftLayer_Product_Order.placeOrder":
		return s.order(args)
	case balancerService + ".getAllObjects":
		return s.list(r), nil
	}
	if len(args) == 0 {
		return nil, public("Function (\"%s\") is not a valid method for this service", method)
	}
	uuid := arg[string](s, args, 0)
	i := slices.IndexFunc(s.lbs, func(b *document) bool { return (*b)["uuid"] == uuid })
	if i < 0 {
		return nil, &exception{404, "SoftLayer_Exception_ObjectNotFound", fmt.Sprintf("Unable to find load balancer with UUID '%s'.", uuid)}
	}
	b := *s.lbs[i]
	switch service + "." + method {
	case balancerService + ".getLoadBalancer":
		defer s.settle(b)
		return clone(b), nil
	case balancerService + ".cancelLoadBalancer":
		s.lbs = slices.Delete(s.lbs, i, i+1)
		return true, nil
	case balancerService + ".getLoadBalancerMemberHealth":
		var health []any
		for _, m := range b["members"].([]document) {
			health = append(health, document{"uuid": m["uuid"], "status": "UP"})
		}
		return []any{document{"poolUuid": "p", "membersHealth": health}}, nil
	}
	if b["provisioningStatus"] != "ACTIVE" {
		return nil, public("The load balancer is in UPDATE_PENDING state, try again later.")
	}
	out, bad := s.alter(service+"."+method, b, args)
	if bad == nil {
		b["provisioningStatus"] = "UPDATE_PENDING"
	}
	return out, bad
}

// settle finishes what was under way, once it has been seen.
func (s *classicServer) settle(b document) { b["provisioningStatus"] = "ACTIVE" }

func clone(b document) document {
	data, _ := json.Marshal(b)
	var out document
	json.Unmarshal(data, &out)
	return out
}

func (s *classicServer) list(r *http.Request) []any {
	if s.waiting > 0 {
		s.waiting--
		return []any{}
	}
	name := ""
	if f := r.URL.Query().Get("objectFilter"); f != "" {
		var q struct{ Name struct{ Operation string } }
		if err := json.Unmarshal([]byte(f), &q); err != nil || q.Name.Operation == "" {
			s.t.Errorf("objectFilter %s: %v", f, err)
		}
		name = q.Name.Operation
	}
	all := []any{}
	for _, b := range s.lbs {
		if name == "" || (*b)["name"] == name {
			all = append(all, clone(*b))
			s.settle(*b)
		}
	}
	return s.limited(r, all)
}

// limited is the part of a list that was asked for.
func (s *classicServer) limited(r *http.Request, all []any) []any {
	limit := r.URL.Query().Get("resultLimit")
	if limit == "" {
		return all
	}
	var from, n int
	if _, err := fmt.Sscanf(limit, "%d,%d", &from, &n); err != nil {
		s.t.Errorf("resultLimit %q: %v", limit, err)
	}
	return all[min(from, len(all)):min(from+n, len(all))]
}

// The documented types, as far as the driver may fill them.
type (
	protocolConfiguration struct {
		ListenerUuid, FrontendProtocol, BackendProtocol, LoadBalancingMethod string
		FrontendPort, BackendPort                                            int
		TlsCertificateId                                                     int
	}
	monitorConfiguration struct {
		BackendPort                                 int
		BackendProtocol, HealthMonitorUuid, UrlPath string
		Interval, MaxRetries, Timeout               int
	}
	serverInstance struct {
		PrivateIpAddress string
		Weight           int
	}
	productOrder struct {
		ComplexType                 string
		PackageId, Quantity         int
		UseHourlyPricing            bool
		Prices                      []struct{ Id int }
		Name, Description           string
		Type                        int
		UseSystemPublicIpPool       bool
		Subnets                     []struct{ Id int }
		ProtocolConfigurations      []protocolConfiguration
		HealthMonitorConfigurations []monitorConfiguration
		ServerInstancesInformation  []serverInstance
	}
)

func (s *classicServer) order(args []json.RawMessage) (any, *exception) {
	o := arg[productOrder](s, args, 0)
	if o.ComplexType != "SoftLayer_Container_Product_Order_Network_LoadBalancer_AsAService" || o.PackageId != 805 || !o.UseHourlyPricing || o.Quantity != 1 {
		s.t.Errorf("the order is %+v", o)
	}
	if len(o.Prices) != 3 || o.Prices[0].Id != 199447 {
		s.t.Errorf("the prices are %+v", o.Prices)
	}
	if len(o.Subnets) != 1 || o.Subnets[0].Id != 7 {
		return nil, &exception{500, "SoftLayer_Exception_Order_InvalidContainer", "Invalid subnet."}
	}
	for _, r := range o.Name {
		if r > 127 {
			return nil, public("Load balancer name must be alphanumeric and dashes.")
		}
	}
	s.orders++
	b := document{"id": 100 + s.orders, "uuid": rand.Text(), "name": o.Name, "address": o.Name + ".lb.example.net", "description": o.Description, "isPublic": o.Type,
		"provisioningStatus": "CREATE_PENDING", "operatingStatus": "OFFLINE", "createDate": time.Now().UTC().Format(time.RFC3339), "datacenter": document{"name": "dal13"}, "members": []document{}}
	var listeners []document
	for _, p := range o.ProtocolConfigurations {
		l, bad := listener(document{"uuid": rand.Text(), "defaultPool": document{"uuid": rand.Text()}}, p)
		if bad != nil {
			return nil, bad
		}
		l["defaultPool"].(document)["healthMonitor"] = document{"uuid": rand.Text(), "interval": 5, "timeout": 2, "maxRetries": 2, "monitorType": p.BackendProtocol, "urlPath": "/"}
		listeners = append(listeners, l)
	}
	b["listeners"] = listeners
	for _, m := range o.HealthMonitorConfigurations {
		if bad := watch(b, m, false); bad != nil {
			return nil, bad
		}
	}
	if bad := enlist(b, o.ServerInstancesInformation); bad != nil {
		return nil, bad
	}
	s.lbs = append(s.lbs, &b)
	s.waiting = 1
	return document{"orderId": 4000 + s.orders}, nil
}

func listener(l document, p protocolConfiguration) (document, *exception) {
	if p.FrontendPort < 1 || p.FrontendPort > 65535 || p.BackendPort < 1 || p.BackendPort > 65535 {
		return nil, public("Port must be between 1 and 65535.")
	}
	if p.FrontendProtocol == "HTTPS" && p.TlsCertificateId == 0 {
		return nil, public("TLS certificate is required.")
	}
	l["protocol"], l["protocolPort"] = p.FrontendProtocol, p.FrontendPort
	if p.TlsCertificateId != 0 {
		l["tlsCertificateId"] = p.TlsCertificateId
	}
	pool := l["defaultPool"].(document)
	pool["protocol"], pool["protocolPort"], pool["loadBalancingAlgorithm"] = p.BackendProtocol, p.BackendPort, p.LoadBalancingMethod
	return l, nil
}

func watch(b document, m monitorConfiguration, byID bool) *exception {
	if m.Interval < 2 || m.Interval > 60 || m.Timeout < 1 || m.Timeout >= m.Interval || m.MaxRetries < 1 || m.MaxRetries > 10 {
		return public("Invalid health monitor.")
	}
	for _, l := range b["listeners"].([]document) {
		pool := l["defaultPool"].(document)
		monitor := pool["healthMonitor"].(document)
		if pool["protocolPort"] != m.BackendPort || pool["protocol"] != m.BackendProtocol || byID && monitor["uuid"] != m.HealthMonitorUuid {
			continue
		}
		monitor["interval"], monitor["timeout"], monitor["maxRetries"], monitor["monitorType"], monitor["urlPath"] = m.Interval, m.Timeout, m.MaxRetries, m.BackendProtocol, m.UrlPath
		return nil
	}
	return public("No pool is found for the health monitor.")
}

func enlist(b document, servers []serverInstance) *exception {
	members := b["members"].([]document)
	for _, m := range servers {
		if _, err := netip.ParseAddr(m.PrivateIpAddress); err != nil {
			return public("Invalid IP address.")
		}
		members = append(members, document{"uuid": rand.Text(), "address": m.PrivateIpAddress, "weight": m.Weight, "provisioningStatus": "ACTIVE"})
	}
	b["members"] = members
	return nil
}

func (s *classicServer) alter(method string, b document, args []json.RawMessage) (any, *exception) {
	members := b["members"].([]document)
	switch method {
	case listenerService + ".updateLoadBalancerProtocols":
		for _, p := range arg[[]protocolConfiguration](s, args, 1) {
			listeners := b["listeners"].([]document)
			i := slices.IndexFunc(listeners, func(l document) bool { return l["uuid"] == p.ListenerUuid })
			if i < 0 {
				return nil, public("Unable to find the listener.")
			}
			if _, bad := listener(listeners[i], p); bad != nil {
				return nil, bad
			}
		}
	case monitorService + ".updateLoadBalancerHealthMonitors":
		for _, m := range arg[[]monitorConfiguration](s, args, 1) {
			if bad := watch(b, m, true); bad != nil {
				return nil, bad
			}
		}
	case memberService + ".addLoadBalancerMembers":
		if bad := enlist(b, arg[[]serverInstance](s, args, 1)); bad != nil {
			return nil, bad
		}
	case memberService + ".deleteLoadBalancerMembers":
		for _, id := range arg[[]string](s, args, 1) {
			members = slices.DeleteFunc(members, func(m document) bool { return m["uuid"] == id })
		}
		b["members"] = members
	case memberService + ".updateLoadBalancerMembers":
		for _, change := range arg[[]struct {
			Uuid   string
			Weight int
		}](s, args, 1) {
			for _, m := range members {
				if m["uuid"] == change.Uuid {
					m["weight"] = change.Weight
				}
			}
		}
	default:
		return nil, public("%s is no method", method)
	}
	return clone(b), nil
}
