package hetznertest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// client sends requests to a server and looks at the answers.
type client struct {
	*testing.T
	*Server
}

// start starts a server. With HETZNER_OPENAPI, a file, it is held to that
// description: a copy of the published one, to see that ours says the same.
func start(t *testing.T, o Options) client {
	if name := os.Getenv("HETZNER_OPENAPI"); name != "" {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		o.Description = b
	}
	return client{t, New(t, o)}
}

// send returns the status and the body; arguments fill the path and the body.
func (c client) send(method, path, body string) (int, object, http.Header) {
	c.Helper()
	req, err := http.NewRequest(method, c.URL+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+Token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	var o object
	if len(b) > 0 {
		if err := json.NewDecoder(bytes.NewReader(b)).Decode(&o); err != nil {
			c.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return resp.StatusCode, o, resp.Header
}

// ok wants success.
func (c client) ok(method, path, body string) object {
	c.Helper()
	status, o, _ := c.send(method, path, body)
	if status >= 300 {
		c.Fatalf("%s %s: %d %v", method, path, status, o)
	}
	return o
}

// fails wants an error.
func (c client) fails(method, path, body string, status int, code string) {
	c.Helper()
	got, o, _ := c.send(method, path, body)
	e, _ := o["error"].(object)
	if got != status || e["code"] != code || e["message"] == "" {
		c.Errorf("%s %s %s: %d %v, want %d %s", method, path, body, got, o, status, code)
	}
}

// at looks into a JSON value: "server.id".
func at(o any, path string) any {
	for k := range strings.SplitSeq(path, ".") {
		m, _ := o.(object)
		o = m[k]
	}
	return o
}

func id(o any, path string) int64 { return number(at(o, path)) }

// done looks at actions until they are.
func (c client) done(o object) {
	c.Helper()
	actions, _ := o["actions"].([]any)
	if next, ok := o["next_actions"].([]any); ok {
		actions = append(actions, next...)
	}
	if a, ok := o["action"]; ok {
		actions = append(actions, a)
	}
	for _, a := range actions {
		for i := 0; ; i++ {
			got := c.ok("GET", fmt.Sprintf("/actions/%d", id(a, "id")), "")
			if at(got, "action.status") == "success" {
				break
			}
			if i > 10 {
				c.Fatalf("%v is never done", got)
			}
		}
	}
}

func (c client) server(name string) int64 {
	c.Helper()
	o := c.ok("POST", "/servers", `{"name":"`+name+`","server_type":"cx23","image":"ubuntu-24.04","location":"fsn1","labels":{"n":"`+name+`"}}`)
	c.done(o)
	return id(o, "server.id")
}

// off makes a server be off.
func (c client) off(server int64) {
	c.done(c.ok("POST", fmt.Sprintf("/servers/%d/actions/poweroff", server), ""))
}

func TestDoors(t *testing.T) {
	c := start(t, Options{RateLimit: 4})
	resp, err := http.Get(c.URL + "/servers")
	if err != nil || resp.StatusCode != 401 {
		t.Fatalf("without a token: %v %v", resp, err)
	}
	_, _, h := c.send("GET", "/locations", "")
	if h.Get("RateLimit-Limit") != "4" || h.Get("RateLimit-Remaining") != "2" || h.Get("RateLimit-Reset") == "" {
		t.Errorf("headers %v", h)
	}
	c.fails("POST", "/servers", `{"name":`, 400, "json_error")
	c.fails("GET", "/nothing", "", 404, "not_found")
	c.fails("GET", "/servers", "", 429, "rate_limit_exceeded")
	c.AllowRequests(0)
	c.fails("POST", "/servers", `{"name":"a"}`, 422, "invalid_input")
	c.fails("GET", "/servers?per_page=51", "", 422, "invalid_input")
	if n := len(c.Rejected()); n < 2 { // the published description leaves per_page to the API
		t.Errorf("rejected: %q", c.Rejected())
	}
	c.fails("GET", "/servers/7", "", 404, "not_found")
	c.fails("GET", "/actions/7", "", 404, "not_found")
}

func TestCatalogue(t *testing.T) {
	c := start(t, Options{})
	for _, plural := range []string{"locations", "server_types", "load_balancer_types", "images"} {
		all := c.ok("GET", "/"+plural, "")[plural].([]any)
		first := all[0].(object)
		c.ok("GET", fmt.Sprintf("/%s/%d", plural, id(first, "id")), "")
		if got := c.ok("GET", "/"+plural+"?name="+first["name"].(string), "")[plural].([]any); len(got) == 0 || len(got) >= len(all) {
			t.Errorf("%s by name: %v", plural, got)
		}
	}
	if at(c.ok("GET", "/pricing", ""), "pricing.currency") != "EUR" {
		t.Error("prices are not in EUR")
	}
	if got := c.ok("GET", "/images?type=system&architecture=arm&include_deprecated=false", "")["images"].([]any); len(got) != 2 {
		t.Errorf("images: %v", got)
	}
}

func TestServers(t *testing.T) {
	c := start(t, Options{Servers: 2})
	o := c.ok("POST", "/servers", `{"name":"one","server_type":"cx23","image":"ubuntu-24.04","labels":{"a":"b"}}`)
	n := id(o, "server.id")
	path := fmt.Sprintf("/servers/%d", n)
	if at(o, "server.status") != "initializing" || at(o, "server.locked") != true || o["root_password"] == nil || len(o["next_actions"].([]any)) != 1 || at(o, "action.status") != "running" {
		t.Errorf("created %v", o)
	}
	c.fails("POST", path+"/actions/poweroff", "", 423, "locked")
	c.done(o)
	if o := c.ok("GET", path, ""); at(o, "server.status") != "running" || at(o, "server.public_net.ipv4.ip") == "" || at(o, "server.locked") != false {
		t.Errorf("now it is %v", o)
	}
	with := func(fields string) string { return `{"server_type":"cx23","image":"ubuntu-24.04",` + fields + `}` }
	c.fails("POST", "/servers", with(`"name":"one"`), 409, "uniqueness_error")
	c.fails("POST", "/servers", with(`"name":"Küche"`), 422, "invalid_input")
	c.fails("POST", "/servers", with(`"name":"a_b"`), 422, "invalid_input")
	c.fails("POST", "/servers", with(`"name":"x","labels":{"a b":"c"}`), 422, "invalid_input")
	c.fails("POST", "/servers", with(`"name":"x","labels":{"a":"b c"}`), 422, "invalid_input")
	c.fails("POST", "/servers", with(`"name":"x","location":"moon"`), 422, "invalid_input")
	c.fails("POST", "/servers", with(`"name":"x","location":"ash"`), 412, "resource_unavailable")
	c.fails("POST", "/servers", with(`"name":"x","ssh_keys":["none"]`), 422, "invalid_input")
	c.fails("POST", "/servers", `{"name":"x","server_type":"cx99","image":"ubuntu-24.04"}`, 422, "invalid_input")
	c.fails("POST", "/servers", `{"name":"x","server_type":"cx23","image":"beos"}`, 422, "invalid_input")
	two := c.server("two")
	c.fails("POST", "/servers", with(`"name":"three"`), 403, "resource_limit_exceeded")

	c.fails("POST", path+"/actions/change_type", `{"server_type":"cx33","upgrade_disk":false}`, 422, "server_not_stopped")
	c.done(c.ok("POST", path+"/actions/reboot", ""))
	c.done(c.ok("POST", path+"/actions/shutdown", ""))
	for i := 0; at(c.ok("GET", path, ""), "server.status") != "off"; i++ {
		if i > 5 {
			t.Fatal("it does not shut down")
		}
	}
	c.done(c.ok("POST", path+"/actions/change_type", `{"server_type":"cx33","upgrade_disk":false}`))
	if o := c.ok("GET", path, ""); at(o, "server.server_type.name") != "cx33" || at(o, "server.primary_disk_size") != 40.0 {
		t.Errorf("resized, it is %v", o)
	}
	c.off(n)
	c.fails("POST", path+"/actions/reboot", "", 409, "conflict")
	c.done(c.ok("POST", path+"/actions/poweron", ""))
	c.ok("PUT", path, `{"name":"uno","labels":{"c":"d"}}`)
	if got := c.ok("GET", "/servers?label_selector=c%3Dd,%21a&name=uno&status=running", "")["servers"].([]any); len(got) != 1 {
		t.Errorf("selected: %v", got)
	}

	image := c.ok("POST", path+"/actions/create_image", `{"description":"mine","type":"snapshot"}`)
	if at(image, "image.status") != "creating" || at(image, "image.type") != "snapshot" {
		t.Errorf("image %v", image)
	}
	c.done(image)
	at2 := fmt.Sprintf("/images/%d", id(image, "image.id"))
	c.ok("GET", at2, "")
	c.ok("GET", at2, "")
	if o := c.ok("GET", at2, ""); at(o, "image.status") != "available" {
		t.Errorf("image %v", o)
	}
	c.ok("DELETE", at2, "")
	c.fails("DELETE", "/images/201", "", 403, "forbidden")

	c.done(c.ok("POST", path+"/actions/change_protection", `{"delete":true,"rebuild":true}`))
	c.fails("DELETE", path, "", 403, "protected")
	c.ok("POST", path+"/actions/change_protection", `{"delete":false}`)
	c.done(c.ok("DELETE", path, ""))
	c.fails("GET", path, "", 404, "not_found")
	c.done(c.ok("DELETE", fmt.Sprintf("/servers/%d", two), ""))
	if c.Count("servers") != 0 || c.Count("primary_ips") != 0 {
		t.Error("something is left")
	}
}

func TestPages(t *testing.T) {
	c := start(t, Options{})
	for i := range 5 {
		c.ok("POST", "/networks", fmt.Sprintf(`{"name":"n%d","ip_range":"10.%d.0.0/16"}`, i, i))
	}
	seen := map[any]bool{}
	for page, more := any(1.0), true; more; {
		o := c.ok("GET", fmt.Sprintf("/networks?per_page=2&page=%v", page), "")
		for _, n := range o["networks"].([]any) {
			seen[at(n, "id")] = true
		}
		page = at(o, "meta.pagination.next_page")
		more = page != nil
		if at(o, "meta.pagination.total_entries") != 5.0 || at(o, "meta.pagination.last_page") != 3.0 {
			t.Errorf("meta %v", o["meta"])
		}
	}
	if o := c.ok("GET", "/networks?page=9", ""); len(seen) != 5 || len(o["networks"].([]any)) != 0 {
		t.Errorf("seen %v, then %v", seen, o)
	}
}

func TestKeys(t *testing.T) {
	c := start(t, Options{})
	public, _, _ := ed25519.GenerateKey(nil)
	key, _ := ssh.NewPublicKey(public)
	text := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	o := c.ok("POST", "/ssh_keys", `{"name":"k","public_key":"`+text+`"}`)
	c.fails("POST", "/ssh_keys", `{"name":"k","public_key":"`+text+`"}`, 409, "uniqueness_error")
	c.fails("POST", "/ssh_keys", `{"name":"l","public_key":"`+text+`"}`, 409, "uniqueness_error")
	c.fails("POST", "/ssh_keys", `{"name":"m","public_key":"ssh-ed25519 AAAA"}`, 422, "invalid_input")
	if o := c.ok("POST", "/servers", `{"name":"s","server_type":"cx23","image":"debian-12","ssh_keys":["k"]}`); o["root_password"] != nil {
		t.Error("a server with keys has a password")
	}
	c.ok("PUT", fmt.Sprintf("/ssh_keys/%d", id(o, "ssh_key.id")), `{"labels":{"a":"b"}}`)
	c.ok("DELETE", fmt.Sprintf("/ssh_keys/%d", id(o, "ssh_key.id")), "")
}

func TestVolumes(t *testing.T) {
	c := start(t, Options{})
	s := c.server("s")
	o := c.ok("POST", "/volumes", `{"name":"v","size":10,"location":"fsn1","format":"ext4"}`)
	path := fmt.Sprintf("/volumes/%d", id(o, "volume.id"))
	c.fails("DELETE", path, "", 423, "locked")
	c.done(o)
	c.fails("POST", "/volumes", `{"name":"v","size":10,"location":"fsn1"}`, 409, "uniqueness_error")
	c.fails("POST", "/volumes", `{"name":"w","size":9,"location":"fsn1"}`, 422, "invalid_input")
	c.fails("POST", "/volumes", `{"name":"x","size":10}`, 422, "invalid_input")
	far := c.ok("POST", "/volumes", `{"name":"far","size":10,"location":"hel1"}`)
	c.done(far)
	c.fails("POST", fmt.Sprintf("/volumes/%d/actions/attach", id(far, "volume.id")), fmt.Sprintf(`{"server":%d}`, s), 422, "invalid_input")
	c.done(c.ok("POST", path+"/actions/attach", fmt.Sprintf(`{"server":%d}`, s)))
	c.fails("POST", path+"/actions/attach", fmt.Sprintf(`{"server":%d}`, s), 422, "volume_already_attached")
	c.fails("DELETE", path, "", 422, "resource_in_use")
	if o := c.ok("GET", fmt.Sprintf("/servers/%d", s), ""); len(at(o, "server.volumes").([]any)) != 1 {
		t.Errorf("server %v", o)
	}
	c.done(c.ok("POST", path+"/actions/resize", `{"size":20}`))
	c.fails("POST", path+"/actions/resize", `{"size":15}`, 422, "invalid_input")
	c.done(c.ok("POST", path+"/actions/detach", ""))
	c.fails("POST", path+"/actions/detach", "", 422, "invalid_input")
	c.ok("PUT", path, `{"name":"v2"}`)
	c.ok("POST", path+"/actions/change_protection", `{"delete":true}`)
	c.fails("DELETE", path, "", 403, "protected")
	c.ok("POST", path+"/actions/change_protection", `{"delete":false}`)
	if got := c.ok("GET", path+"/actions", "")["actions"].([]any); len(got) != 6 {
		t.Errorf("%d actions", len(got))
	}
	c.ok("DELETE", path, "")
	with := c.ok("POST", "/volumes", fmt.Sprintf(`{"name":"with","size":10,"server":%d}`, s))
	c.done(with)
	c.done(c.ok("DELETE", fmt.Sprintf("/servers/%d", s), ""))
	if o := c.ok("GET", fmt.Sprintf("/volumes/%d", id(with, "volume.id")), ""); at(o, "volume.server") != nil {
		t.Errorf("its server is gone, but %v", o)
	}
}

func TestNetworks(t *testing.T) {
	c := start(t, Options{})
	o := c.ok("POST", "/networks", `{"name":"n","ip_range":"10.0.0.0/16","subnets":[{"type":"cloud","ip_range":"10.0.1.0/24","network_zone":"eu-central"}]}`)
	n := id(o, "network.id")
	path := fmt.Sprintf("/networks/%d", n)
	for _, r := range []string{"8.0.0.0/16", "10.0.0.1/16", "all"} {
		c.fails("POST", "/networks", `{"name":"x","ip_range":"`+r+`"}`, 422, "invalid_input")
	}
	add := func(cidr string) string {
		return `{"type":"cloud","network_zone":"eu-central","ip_range":"` + cidr + `"}`
	}
	c.done(c.ok("POST", path+"/actions/add_subnet", add("10.0.2.0/24")))
	for _, r := range []string{"10.0.2.0/25", "192.168.0.0/24", "all"} {
		c.fails("POST", path+"/actions/add_subnet", add(r), 422, "invalid_input")
	}
	server := c.ok("POST", "/servers", fmt.Sprintf(`{"name":"s","server_type":"cx23","image":"debian-12","networks":[%d],"public_net":{"enable_ipv4":false,"enable_ipv6":false}}`, n))
	c.done(server)
	got := c.ok("GET", fmt.Sprintf("/servers/%d", id(server, "server.id")), "")
	if p := at(got, "server.private_net").([]any); len(p) != 1 || at(p[0], "ip") != "10.0.1.2" || at(got, "server.public_net.ipv4") != nil {
		t.Errorf("server %v", got)
	}
	c.fails("POST", path+"/actions/delete_subnet", `{"ip_range":"10.0.1.0/24"}`, 409, "conflict")
	leave := fmt.Sprintf("/servers/%d/actions/detach_from_network", id(server, "server.id"))
	c.done(c.ok("POST", leave, fmt.Sprintf(`{"network":%d}`, n)))
	c.done(c.ok("POST", fmt.Sprintf("/servers/%d/actions/attach_to_network", id(server, "server.id")), fmt.Sprintf(`{"network":%d,"ip_range":"10.0.2.0/24"}`, n)))
	got = c.ok("GET", fmt.Sprintf("/servers/%d", id(server, "server.id")), "")
	if p := at(got, "server.private_net").([]any); len(p) != 1 || at(p[0], "ip") != "10.0.2.2" {
		t.Errorf("server %v", got)
	}
	c.done(c.ok("POST", leave, fmt.Sprintf(`{"network":%d}`, n)))
	c.done(c.ok("POST", path+"/actions/delete_subnet", `{"ip_range":"10.0.2.0/24"}`))
	c.done(c.ok("POST", fmt.Sprintf("/servers/%d/actions/attach_to_network", id(server, "server.id")), fmt.Sprintf(`{"network":%d,"ip":"10.0.1.9"}`, n)))
	c.ok("PUT", path, `{"name":"m"}`)
	c.ok("DELETE", path, "")
}

func TestFirewalls(t *testing.T) {
	c := start(t, Options{})
	s := c.server("s")
	rule := `{"direction":"in","protocol":"tcp","port":"22","source_ips":["0.0.0.0/0"]}`
	target := fmt.Sprintf(`[{"type":"server","server":{"id":%d}}]`, s)
	o := c.ok("POST", "/firewalls", `{"name":"f","rules":[`+rule+`],"apply_to":`+target+`}`)
	c.done(o)
	path := fmt.Sprintf("/firewalls/%d", id(o, "firewall.id"))
	c.fails("DELETE", path, "", 422, "resource_in_use")
	for _, r := range []string{`{"direction":"in","protocol":"tcp","source_ips":["0.0.0.0/0"]}`, `{"direction":"in","protocol":"tcp","port":"70000","source_ips":["0.0.0.0/0"]}`,
		`{"direction":"in","protocol":"icmp","port":"1","source_ips":["0.0.0.0/0"]}`, `{"direction":"in","protocol":"tcp","port":"1","source_ips":["1.2.3.4"]}`,
		`{"direction":"in","protocol":"tcp","port":"1"}`, `{"direction":"up","protocol":"tcp","port":"1"}`} {
		c.fails("POST", path+"/actions/set_rules", `{"rules":[`+r+`]}`, 422, "invalid_input")
	}
	c.done(c.ok("POST", path+"/actions/set_rules", `{"rules":[{"direction":"out","protocol":"udp","port":"1-100","destination_ips":["::/0"]}]}`))
	c.fails("POST", path+"/actions/apply_to_resources", `{"apply_to":`+target+`}`, 422, "firewall_already_applied")
	c.done(c.ok("POST", path+"/actions/remove_from_resources", `{"remove_from":`+target+`}`))
	c.done(c.ok("POST", path+"/actions/apply_to_resources", `{"apply_to":`+target+`}`))
	c.done(c.ok("POST", path+"/actions/remove_from_resources", `{"remove_from":`+target+`}`))
	c.ok("DELETE", path, "")
}

func TestAddresses(t *testing.T) {
	c := start(t, Options{})
	s := c.server("s")
	o := c.ok("POST", "/floating_ips", `{"type":"ipv4","name":"f","home_location":"fsn1"}`)
	path := fmt.Sprintf("/floating_ips/%d", id(o, "floating_ip.id"))
	c.fails("POST", "/floating_ips", `{"type":"ipv4"}`, 422, "invalid_input")
	c.done(c.ok("POST", path+"/actions/assign", fmt.Sprintf(`{"server":%d}`, s)))
	if o := c.ok("GET", path, ""); id(o, "floating_ip.server") != s {
		t.Errorf("assigned, it is %v", o)
	}
	c.done(c.ok("POST", path+"/actions/unassign", ""))
	c.ok("PUT", path, `{"description":"mine"}`)
	c.ok("DELETE", path, "")
	p := c.ok("POST", "/primary_ips", `{"name":"p","type":"ipv4","assignee_type":"server","location":"fsn1","auto_delete":false}`)
	path = fmt.Sprintf("/primary_ips/%d", id(p, "primary_ip.id"))
	assign := fmt.Sprintf(`{"assignee_id":%d,"assignee_type":"server"}`, s)
	c.fails("POST", path+"/actions/assign", assign, 422, "server_not_stopped")
	c.off(s)
	c.fails("POST", path+"/actions/assign", assign, 422, "server_has_ipv4")
	own := id(c.ok("GET", fmt.Sprintf("/servers/%d", s), ""), "server.public_net.ipv4.id")
	c.done(c.ok("POST", fmt.Sprintf("/primary_ips/%d/actions/unassign", own), ""))
	c.done(c.ok("POST", path+"/actions/assign", assign))
	c.fails("DELETE", path, "", 422, "resource_in_use")
	c.done(c.ok("POST", path+"/actions/unassign", ""))
	c.ok("DELETE", path, "")
}

func TestBalancers(t *testing.T) {
	c := start(t, Options{OwnedIPs: []string{"203.0.113.7"}})
	s := c.server("s")
	service := `{"protocol":"http","listen_port":80,"destination_port":8080,"proxyprotocol":false,"health_check":{"protocol":"http","port":8080,"interval":15,"timeout":10,"retries":3,"http":{"domain":null,"path":"/"}}}`
	target := fmt.Sprintf(`{"type":"server","server":{"id":%d}}`, s)
	o := c.ok("POST", "/load_balancers", `{"name":"b","load_balancer_type":"lb11","location":"fsn1","algorithm":{"type":"least_connections"},"services":[`+service+`],"targets":[`+target+`]}`)
	c.done(o)
	path := fmt.Sprintf("/load_balancers/%d", id(o, "load_balancer.id"))
	c.fails("POST", "/load_balancers", `{"name":"x","load_balancer_type":"lb11"}`, 422, "invalid_input")
	c.fails("POST", "/load_balancers", `{"name":"b","load_balancer_type":"lb11","location":"fsn1"}`, 409, "uniqueness_error")
	c.fails("POST", path+"/actions/add_service", service, 422, "source_port_already_used")
	c.fails("POST", path+"/actions/add_target", target, 422, "target_already_defined")
	c.fails("POST", path+"/actions/add_target", `{"type":"ip","ip":{"ip":"192.0.2.1"}}`, 422, "ip_not_owned")
	c.done(c.ok("POST", path+"/actions/add_target", `{"type":"ip","ip":{"ip":"203.0.113.7"}}`))
	c.done(c.ok("POST", path+"/actions/update_service", `{"listen_port":80,"health_check":{"interval":20,"http":{"path":"/healthy"}}}`))
	c.done(c.ok("POST", path+"/actions/change_algorithm", `{"type":"round_robin"}`))
	got := c.ok("GET", path, "")
	if v := at(got, "load_balancer.services").([]any)[0]; at(v, "health_check.interval") != 20.0 || at(v, "health_check.timeout") != 10.0 || at(got, "load_balancer.algorithm.type") != "round_robin" {
		t.Errorf("updated, it is %v", got)
	}
	c.done(c.ok("POST", path+"/actions/remove_target", target))
	c.fails("POST", path+"/actions/remove_target", target, 404, "not_found")
	c.done(c.ok("POST", path+"/actions/delete_service", `{"listen_port":80}`))
	c.ok("PUT", path, `{"name":"c"}`)
	c.ok("DELETE", path, "")
}
