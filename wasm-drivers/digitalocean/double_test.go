package digitalocean_test

import (
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

	"golang.org/x/crypto/ssh"

	"github.com/cloudlark/cloudlark/wasm-drivers/internal/apitest"
)

// A double stands for DigitalOcean's API: our own, with its state in memory.
// What it takes and answers is held to a description (description_test.go); how
// things behave is from the API's reference.

const token = "dop_v1_hidden_in_the_test"

type object = map[string]any

type double struct {
	mu      sync.Mutex
	last    int
	tables  map[string][]object // in the order that they were made
	actions map[int]*pending
	limit   int // of droplets
}

// pending is an action under way: its effect comes when it was asked for twice.
type pending struct {
	object
	asked  int
	effect func()
}

// newDouble starts a double and returns its address.
func newDouble(t testing.TB) string {
	d := &double{tables: map[string][]object{}, actions: map[int]*pending{}, limit: 100}
	d.seed()
	checked := apitest.New(t, apiDescription(t), d.routes(), func(w http.ResponseWriter, status int, message string) {
		fail(w, status, "unprocessable_entity", message)
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			fail(w, http.StatusUnauthorized, "Unauthorized", "Unable to authenticate you")
			return
		}
		checked.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func (d *double) seed() {
	for _, slug := range []string{"nyc3", "fra1", "ams3"} {
		d.tables["regions"] = append(d.tables["regions"], object{"slug": slug, "name": strings.ToUpper(slug), "available": true, "features": []string{"storage"}, "sizes": []string{"s-1vcpu-1gb", "s-2vcpu-4gb"}})
	}
	for i, slug := range []string{"s-1vcpu-1gb", "s-1vcpu-2gb", "s-2vcpu-4gb", "s-4vcpu-8gb", "c-2"} {
		d.tables["sizes"] = append(d.tables["sizes"], object{"slug": slug, "memory": 1024 << i, "vcpus": 1 + i, "disk": 25 * (1 + i), "transfer": 1.0, "price_monthly": 6.0 * float64(1+i),
			"price_hourly": 0.009 * float64(1+i), "regions": []string{"nyc3", "fra1", "ams3"}, "available": true, "description": "Basic"})
	}
	for i, slug := range []string{"debian-13-x64", "ubuntu-24-04-x64", "fedora-42-x64", "rockylinux-9-x64", "almalinux-9-x64"} {
		d.tables["images"] = append(d.tables["images"], object{"id": 1000 + i, "name": "13 x64", "distribution": "Debian", "slug": slug, "public": true, "regions": []string{"nyc3", "fra1", "ams3"},
			"created_at": now(), "type": "base", "min_disk_size": 7, "size_gigabytes": 0.5, "description": "", "tags": []string{}, "status": "available", "error_message": ""})
	}
	d.tables["vpcs"] = []object{{"id": uuid(1), "urn": "do:vpc:" + uuid(1), "name": "default-fra1", "description": "", "region": "fra1", "ip_range": "10.135.0.0/16", "created_at": now(), "default": true}}
	d.last = 2000
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

func uuid(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func (d *double) number() int {
	d.last++
	return d.last
}

func fail(w http.ResponseWriter, status int, id, message string) {
	reply(w, status, object{"id": id, "message": message, "request_id": "4d9d8375-3c56-4925-a3e7-eb137fed17e9"})
}

func reply(w http.ResponseWriter, status int, v any) {
	if v == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Ratelimit-Limit", "5000")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// notFound is what the API says of everything that it does not have.
func notFound(w http.ResponseWriter) {
	fail(w, http.StatusNotFound, "not_found", "The resource you were accessing could not be found.")
}

func body(r *http.Request) object {
	var v object
	_ = json.NewDecoder(r.Body).Decode(&v) // checked against the description
	if v == nil {
		v = object{}
	}
	return v
}

// page answers with one page of items.
func page(w http.ResponseWriter, r *http.Request, key string, items []object) {
	number := func(name string, or int) int {
		if n, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil {
			return n
		}
		return or
	}
	size, n := number("per_page", 20), number("page", 1)
	from, to := min((n-1)*size, len(items)), min(n*size, len(items))
	links := object{}
	if to < len(items) {
		next := *r.URL
		q := next.Query()
		q.Set("page", strconv.Itoa(n+1))
		next.RawQuery, next.Host, next.Scheme = q.Encode(), r.Host, "http"
		links["pages"] = object{"next": next.String(), "last": next.String()}
	}
	items = items[from:to]
	if items == nil {
		items = []object{}
	}
	reply(w, http.StatusOK, object{key: items, "links": links, "meta": object{"total": len(items)}})
}

func (d *double) find(table, key, id string) object {
	for _, o := range d.tables[table] {
		if fmt.Sprint(o[key]) == id {
			return o
		}
	}
	return nil
}

func (d *double) remove(table, key, id string) {
	d.tables[table] = slices.DeleteFunc(d.tables[table], func(o object) bool { return fmt.Sprint(o[key]) == id })
}

// act begins an action and answers with it.
func (d *double) act(w http.ResponseWriter, status int, kind string, effect func()) {
	a := &pending{object: object{"id": d.number(), "status": "in-progress", "type": kind, "started_at": now(), "completed_at": nil, "resource_id": 1, "resource_type": "droplet", "region_slug": "fra1"}, effect: effect}
	d.actions[a.object["id"].(int)] = a
	reply(w, status, object{"action": a.object})
}

func (d *double) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(w http.ResponseWriter, r *http.Request)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			d.mu.Lock()
			defer d.mu.Unlock()
			f(w, r)
		})
	}
	table := func(path, key, id, one string) {
		handle("GET /v2/"+path, func(w http.ResponseWriter, r *http.Request) { page(w, r, key, d.tables[key]) })
		if one == "" {
			return
		}
		handle("GET /v2/"+path+"/{id}", func(w http.ResponseWriter, r *http.Request) {
			if o := d.find(key, id, r.PathValue("id")); o != nil {
				reply(w, http.StatusOK, object{one: o})
				return
			}
			notFound(w)
		})
	}
	table("regions", "regions", "slug", "")
	table("sizes", "sizes", "slug", "")
	table("account/keys", "ssh_keys", "id", "ssh_key")
	table("volumes", "volumes", "id", "volume")
	table("vpcs", "vpcs", "id", "vpc")
	table("firewalls", "firewalls", "id", "firewall")
	table("reserved_ips", "reserved_ips", "ip", "reserved_ip")
	table("load_balancers", "load_balancers", "id", "load_balancer")
	deletion := func(path, key, id string, refuse func(o object) string) {
		handle("DELETE /v2/"+path+"/{id}", func(w http.ResponseWriter, r *http.Request) {
			o := d.find(key, id, r.PathValue("id"))
			if o == nil {
				notFound(w)
				return
			}
			if refuse != nil {
				if why := refuse(o); why != "" {
					fail(w, http.StatusForbidden, "forbidden", why)
					return
				}
			}
			d.remove(key, id, r.PathValue("id"))
			reply(w, http.StatusNoContent, nil)
		})
	}
	deletion("account/keys", "ssh_keys", "id", nil)
	deletion("volumes", "volumes", "id", func(o object) string {
		if len(o["droplet_ids"].([]int)) > 0 {
			return "A volume that's attached to a Droplet cannot be deleted: it is in use"
		}
		return ""
	})
	deletion("vpcs", "vpcs", "id", func(o object) string {
		for _, x := range d.tables["droplets"] {
			if x["vpc_uuid"] == o["id"] {
				return "Can not delete VPC with members"
			}
		}
		return ""
	})
	deletion("firewalls", "firewalls", "id", nil)
	deletion("reserved_ips", "reserved_ips", "ip", nil)
	deletion("load_balancers", "load_balancers", "id", nil)
	deletion("images", "images", "id", nil)
	deletion("snapshots", "snapshots", "id", nil)
	handle("GET /v2/actions/{id}", d.getAction)
	handle("GET /v2/droplets", func(w http.ResponseWriter, r *http.Request) {
		for _, x := range d.tables["droplets"] {
			settle(x)
		}
		page(w, r, "droplets", convert(d.tables["droplets"]))
	})
	handle("GET /v2/droplets/{id}", func(w http.ResponseWriter, r *http.Request) {
		if x := d.find("droplets", "id", r.PathValue("id")); x != nil {
			settle(x)
			reply(w, http.StatusOK, object{"droplet": shown(x)})
			return
		}
		notFound(w)
	})
	handle("POST /v2/droplets", d.createDroplets)
	handle("DELETE /v2/droplets/{id}", d.destroyDroplet)
	handle("POST /v2/droplets/{id}/actions", d.dropletAction)
	handle("GET /v2/droplets/{id}/firewalls", func(w http.ResponseWriter, r *http.Request) {
		var of []object
		for _, f := range d.tables["firewalls"] {
			if slices.ContainsFunc(f["droplet_ids"].([]int), func(n int) bool { return strconv.Itoa(n) == r.PathValue("id") }) {
				of = append(of, f)
			}
		}
		page(w, r, "firewalls", of)
	})
	handle("GET /v2/images", func(w http.ResponseWriter, r *http.Request) {
		private := r.URL.Query().Get("private") == "true"
		var of []object
		for _, i := range d.tables["images"] {
			if i["public"] != private {
				of = append(of, i)
			}
		}
		page(w, r, "images", of)
	})
	handle("GET /v2/images/{id}", func(w http.ResponseWriter, r *http.Request) {
		if i := d.image(r.PathValue("id")); i != nil {
			reply(w, http.StatusOK, object{"image": i})
			return
		}
		notFound(w)
	})
	handle("GET /v2/snapshots", func(w http.ResponseWriter, r *http.Request) { page(w, r, "snapshots", d.tables["snapshots"]) })
	handle("GET /v2/snapshots/{id}", func(w http.ResponseWriter, r *http.Request) {
		if s := d.find("snapshots", "id", r.PathValue("id")); s != nil {
			reply(w, http.StatusOK, object{"snapshot": s})
			return
		}
		notFound(w)
	})
	handle("POST /v2/account/keys", d.createKey)
	handle("POST /v2/tags", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusCreated, object{"tag": object{"name": body(r)["name"], "resources": object{"count": 0}}})
	})
	handle("POST /v2/tags/{tag}/resources", d.tag)
	handle("DELETE /v2/tags/{tag}/resources", d.tag)
	handle("POST /v2/volumes", d.createVolume)
	handle("POST /v2/volumes/{id}/actions", d.volumeAction)
	handle("POST /v2/volumes/{id}/snapshots", d.createSnapshot)
	handle("POST /v2/vpcs", d.createVPC)
	handle("POST /v2/firewalls", d.createFirewall)
	handle("POST /v2/firewalls/{id}/droplets", d.guard)
	handle("POST /v2/firewalls/{id}/rules", d.changeRules)
	handle("DELETE /v2/firewalls/{id}/rules", d.changeRules)
	handle("POST /v2/reserved_ips", d.createReservedIP)
	handle("POST /v2/reserved_ips/{ip}/actions", d.reservedIPAction)
	handle("POST /v2/load_balancers", d.createBalancer)
	handle("PUT /v2/load_balancers/{id}", d.updateBalancer)
	handle("POST /v2/load_balancers/{id}/droplets", d.changeMembers)
	handle("DELETE /v2/load_balancers/{id}/droplets", d.changeMembers)
	return mux
}

func (d *double) getAction(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id"))
	a := d.actions[id]
	if a == nil {
		notFound(w)
		return
	}
	if a.asked++; a.asked == 2 {
		a.object["status"], a.object["completed_at"] = "completed", now()
		a.effect()
	}
	reply(w, http.StatusOK, object{"action": a.object})
}

// settle makes a new droplet active, when it was asked for twice.
func settle(x object) {
	if x["status"] != "new" {
		return
	}
	asked, _ := x["asked"].(int)
	if x["asked"] = asked + 1; asked >= 2 {
		x["status"] = "active"
	}
}

// shown is a droplet less what is the double's own affair.
func shown(x object) object {
	y := maps.Clone(x)
	delete(y, "asked")
	return y
}

func convert(list []object) []object {
	out := []object{}
	for _, x := range list {
		out = append(out, shown(x))
	}
	return out
}

func (d *double) image(id string) object {
	if i := d.find("images", "id", id); i != nil {
		return i
	}
	return d.find("images", "slug", id)
}

func (d *double) createDroplets(w http.ResponseWriter, r *http.Request) {
	in := body(r)
	names, several := in["names"].([]any)
	if !several {
		names = []any{in["name"]}
	}
	if len(names) > 10 {
		fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", "You can only create up to 10 Droplets at once.")
		return
	}
	if len(d.tables["droplets"])+len(names) > d.limit {
		fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", "creating this/these droplet(s) will exceed your droplet limit")
		return
	}
	region, _ := in["region"].(string)
	if region == "" {
		region = "fra1"
	}
	size, image := d.find("sizes", "slug", fmt.Sprint(in["size"])), d.image(imageName(in["image"]))
	if size == nil || image == nil || d.find("regions", "slug", region) == nil {
		fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", "You specified an invalid size, image or region for Droplet creation.")
		return
	}
	vpc := uuid(1)
	if v, ok := in["vpc_uuid"].(string); ok {
		if vpc = v; d.find("vpcs", "id", v) == nil {
			fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", "VPC not found")
			return
		}
	}
	tags := []any{}
	if t, ok := in["tags"].([]any); ok {
		tags = t
	}
	var made []object
	for _, name := range names {
		n := d.number()
		v4 := []object{{"ip_address": fmt.Sprintf("10.135.%d.%d", n/250%250, n%250+1), "netmask": "255.255.0.0", "gateway": "10.135.0.1", "type": "private"}}
		if public, ok := in["public_networking"].(bool); !ok || public {
			v4 = append(v4, object{"ip_address": fmt.Sprintf("198.51.%d.%d", n/250%250, n%250+1), "netmask": "255.255.240.0", "gateway": "198.51.0.1", "type": "public"})
		}
		x := object{"id": n, "name": name, "memory": size["memory"], "vcpus": size["vcpus"], "disk": size["disk"], "locked": false, "status": "new", "created_at": now(),
			"features": []string{"droplet_agent"}, "backup_ids": []int{}, "snapshot_ids": []int{}, "next_backup_window": object{"start": now(), "end": now()}, "image": image, "volume_ids": []string{}, "size": size, "size_slug": size["slug"],
			"networks": object{"v4": v4, "v6": []object{}}, "region": d.find("regions", "slug", region), "tags": tags, "vpc_uuid": vpc}
		d.tables["droplets"] = append(d.tables["droplets"], x)
		made = append(made, x)
	}
	links := object{"actions": []object{}}
	if several {
		reply(w, http.StatusAccepted, object{"droplets": convert(made), "links": links})
		return
	}
	reply(w, http.StatusAccepted, object{"droplet": shown(made[0]), "links": links})
}

func imageName(v any) string {
	if n, ok := v.(float64); ok {
		return strconv.Itoa(int(n))
	}
	return fmt.Sprint(v)
}

func (d *double) destroyDroplet(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if d.find("droplets", "id", id) == nil {
		notFound(w)
		return
	}
	d.remove("droplets", "id", id)
	is := func(n int) bool { return strconv.Itoa(n) == id }
	for _, name := range []string{"volumes", "firewalls", "load_balancers"} {
		for _, o := range d.tables[name] {
			o["droplet_ids"] = slices.DeleteFunc(slices.Clone(o["droplet_ids"].([]int)), is)
		}
	}
	for _, ip := range d.tables["reserved_ips"] {
		if x, ok := ip["droplet"].(object); ok && fmt.Sprint(x["id"]) == id {
			ip["droplet"] = nil
		}
	}
	reply(w, http.StatusNoContent, nil)
}

func (d *double) dropletAction(w http.ResponseWriter, r *http.Request) {
	x := d.find("droplets", "id", r.PathValue("id"))
	if x == nil {
		notFound(w)
		return
	}
	in := body(r)
	refuse := func(message string) { fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", message) }
	kind := in["type"].(string)
	begin := func(effect func()) { d.act(w, http.StatusCreated, kind, effect) }
	switch off := x["status"] == "off"; kind {
	case "power_on":
		begin(func() { x["status"] = "active" })
	case "power_off", "shutdown":
		if off {
			refuse("Droplet is already powered off.")
			return
		}
		begin(func() { x["status"] = "off" })
	case "reboot":
		if off {
			refuse("Droplet is currently powered off. Please power it on to run this event.")
			return
		}
		begin(func() {})
	case "resize":
		size := d.find("sizes", "slug", fmt.Sprint(in["size"]))
		switch {
		case size == nil:
			refuse("You specified an invalid size for Droplet resize.")
		case !off:
			refuse("Droplet must be powered off to run this event.")
		default:
			begin(func() {
				x["size"], x["size_slug"], x["memory"], x["vcpus"] = size, size["slug"], size["memory"], size["vcpus"]
			})
		}
	case "snapshot":
		begin(func() {
			d.tables["images"] = append(d.tables["images"], object{"id": d.number(), "name": in["name"], "distribution": "Debian", "slug": nil, "public": false, "regions": []string{"fra1"}, "created_at": now(),
				"type": "snapshot", "min_disk_size": x["disk"], "size_gigabytes": 1.5, "description": "", "tags": []string{}, "status": "available", "error_message": ""})
		})
	default:
		refuse("There is no such event.")
	}
}

func (d *double) createKey(w http.ResponseWriter, r *http.Request) {
	in := body(r)
	public := fmt.Sprint(in["public_key"])
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public)); err != nil {
		fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", "Key invalid, key should be in the form of ssh-rsa")
		return
	}
	if d.find("ssh_keys", "public_key", public) != nil {
		fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", "SSH Key is already in use on your account")
		return
	}
	k := object{"id": d.number(), "name": in["name"], "public_key": public, "fingerprint": fmt.Sprintf("3b:16:e4:%02x", d.last%256)}
	d.tables["ssh_keys"] = append(d.tables["ssh_keys"], k)
	reply(w, http.StatusCreated, object{"ssh_key": k})
}

// tag puts a tag on resources, or takes it off.
func (d *double) tag(w http.ResponseWriter, r *http.Request) {
	for _, v := range body(r)["resources"].([]any) {
		resource := v.(object)
		name := map[string]string{"droplet": "droplets", "image": "images", "volume": "volumes", "volume_snapshot": "snapshots"}[resource["resource_type"].(string)]
		o := d.find(name, "id", resource["resource_id"].(string))
		if o == nil {
			notFound(w)
			return
		}
		var tags []string
		data, _ := json.Marshal(o["tags"])
		_ = json.Unmarshal(data, &tags)
		tags = slices.DeleteFunc(tags, func(t string) bool { return t == r.PathValue("tag") })
		if r.Method == http.MethodPost {
			tags = append(tags, r.PathValue("tag"))
		}
		if o["tags"] = tags; tags == nil {
			o["tags"] = []string{}
		}
	}
	reply(w, http.StatusNoContent, nil)
}

func (d *double) createVolume(w http.ResponseWriter, r *http.Request) {
	in := body(r)
	name := fmt.Sprint(in["name"])
	valid := len(name) <= 64 && name != "" && !strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
	switch {
	case !valid:
		fail(w, http.StatusBadRequest, "invalid_argument", "name must be lowercase alphanumeric, may contain dashes, and be at most 64 characters")
		return
	case d.find("volumes", "name", name) != nil:
		fail(w, http.StatusConflict, "conflict", "volume name already exists")
		return
	}
	tags := in["tags"]
	if tags == nil {
		tags = []string{}
	}
	v := object{"id": uuid(d.number()), "name": name, "description": in["description"], "size_gigabytes": in["size_gigabytes"], "droplet_ids": []int{}, "created_at": now(), "tags": tags,
		"region": d.find("regions", "slug", fmt.Sprint(in["region"])), "filesystem_type": "", "filesystem_label": ""}
	d.tables["volumes"] = append(d.tables["volumes"], v)
	reply(w, http.StatusCreated, object{"volume": v})
}

func (d *double) volumeAction(w http.ResponseWriter, r *http.Request) {
	v := d.find("volumes", "id", r.PathValue("id"))
	if v == nil {
		notFound(w)
		return
	}
	in := body(r)
	kind := in["type"].(string)
	begin := func(effect func()) { d.act(w, http.StatusAccepted, kind, effect) }
	refuse := func(message string) { fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", message) }
	attached := v["droplet_ids"].([]int)
	droplet := func() object {
		n, _ := in["droplet_id"].(float64)
		return d.find("droplets", "id", strconv.Itoa(int(n)))
	}
	set := func(x object, ids []string) { x["volume_ids"] = ids }
	switch kind {
	case "attach":
		x := droplet()
		switch {
		case x == nil:
			notFound(w)
		case len(attached) > 0:
			refuse("Attachment is invalid: the volume is already attached")
		default:
			begin(func() {
				v["droplet_ids"] = []int{x["id"].(int)}
				set(x, append(x["volume_ids"].([]string), v["id"].(string)))
			})
		}
	case "detach":
		x := droplet()
		if x == nil || !slices.Contains(attached, x["id"].(int)) {
			refuse("Attachment not found: the volume is not attached")
			return
		}
		begin(func() {
			v["droplet_ids"] = []int{}
			set(x, slices.DeleteFunc(slices.Clone(x["volume_ids"].([]string)), func(id string) bool { return id == v["id"] }))
		})
	case "resize":
		size := in["size_gigabytes"]
		begin(func() { v["size_gigabytes"] = size })
	}
}

func (d *double) createSnapshot(w http.ResponseWriter, r *http.Request) {
	v := d.find("volumes", "id", r.PathValue("id"))
	if v == nil {
		notFound(w)
		return
	}
	in := body(r)
	tags := in["tags"]
	if tags == nil {
		tags = []string{}
	}
	s := object{"id": uuid(d.number()), "name": in["name"], "created_at": now(), "regions": []any{v["region"].(object)["slug"]}, "min_disk_size": v["size_gigabytes"], "size_gigabytes": 0.1,
		"resource_id": v["id"], "resource_type": "volume", "tags": tags}
	d.tables["snapshots"] = append(d.tables["snapshots"], s)
	reply(w, http.StatusCreated, object{"snapshot": s})
}

func (d *double) createVPC(w http.ResponseWriter, r *http.Request) {
	in := body(r)
	block, _ := in["ip_range"].(string)
	if block == "" {
		block = fmt.Sprintf("10.%d.0.0/20", d.last%100+1)
	}
	prefix, err := netip.ParsePrefix(block)
	if err != nil || prefix.Bits() < 16 || prefix.Bits() > 28 || !prefix.Addr().IsPrivate() {
		fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", "ip_range must be a private range between /16 and /28")
		return
	}
	if d.find("vpcs", "name", fmt.Sprint(in["name"])) != nil {
		fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", "a VPC of this name already exists")
		return
	}
	n := d.number()
	v := object{"id": uuid(n), "urn": "do:vpc:" + uuid(n), "name": in["name"], "description": "", "region": in["region"], "ip_range": block, "created_at": now(), "default": false}
	d.tables["vpcs"] = append(d.tables["vpcs"], v)
	reply(w, http.StatusCreated, object{"vpc": v})
}

func (d *double) createFirewall(w http.ResponseWriter, r *http.Request) {
	in := body(r)
	if d.find("firewalls", "name", fmt.Sprint(in["name"])) != nil {
		fail(w, http.StatusConflict, "conflict", "duplicate name")
		return
	}
	list := func(key string) []any {
		l, _ := in[key].([]any)
		return append([]any{}, l...)
	}
	f := object{"id": uuid(d.number()), "name": in["name"], "status": "succeeded", "created_at": now(), "pending_changes": []object{}, "droplet_ids": []int{}, "tags": []string{},
		"inbound_rules": list("inbound_rules"), "outbound_rules": list("outbound_rules")}
	d.tables["firewalls"] = append(d.tables["firewalls"], f)
	reply(w, http.StatusAccepted, object{"firewall": f})
}

func (d *double) guard(w http.ResponseWriter, r *http.Request) {
	f := d.find("firewalls", "id", r.PathValue("id"))
	if f == nil {
		notFound(w)
		return
	}
	for _, id := range body(r)["droplet_ids"].([]any) {
		f["droplet_ids"] = append(f["droplet_ids"].([]int), int(id.(float64)))
	}
	reply(w, http.StatusNoContent, nil)
}

func (d *double) changeRules(w http.ResponseWriter, r *http.Request) {
	f := d.find("firewalls", "id", r.PathValue("id"))
	if f == nil {
		notFound(w)
		return
	}
	in := body(r)
	for _, key := range []string{"inbound_rules", "outbound_rules"} {
		rules, _ := in[key].([]any)
		for _, rule := range rules {
			text := func(v any) string { b, _ := json.Marshal(v); return string(b) }
			have := f[key].([]any)
			i := slices.IndexFunc(have, func(h any) bool { return text(h) == text(rule) })
			switch {
			case r.Method == http.MethodPost && i >= 0:
				fail(w, http.StatusConflict, "conflict", "duplicate rule")
				return
			case r.Method == http.MethodPost:
				f[key] = append(have, rule)
			case i < 0:
				fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", "rule not found")
				return
			default:
				f[key] = slices.Delete(slices.Clone(have), i, i+1)
			}
		}
	}
	reply(w, http.StatusNoContent, nil)
}

func (d *double) createReservedIP(w http.ResponseWriter, r *http.Request) {
	n := d.number()
	ip := object{"ip": fmt.Sprintf("203.0.%d.%d", n/250%250, n%250+1), "region": d.find("regions", "slug", fmt.Sprint(body(r)["region"])), "droplet": nil, "locked": false, "project_id": uuid(9)}
	d.tables["reserved_ips"] = append(d.tables["reserved_ips"], ip)
	reply(w, http.StatusAccepted, object{"reserved_ip": ip})
}

func (d *double) reservedIPAction(w http.ResponseWriter, r *http.Request) {
	ip := d.find("reserved_ips", "ip", r.PathValue("ip"))
	if ip == nil {
		notFound(w)
		return
	}
	in := body(r)
	var x any
	if in["type"] == "assign" {
		n, _ := in["droplet_id"].(float64)
		if y := d.find("droplets", "id", strconv.Itoa(int(n))); y != nil {
			x = shown(y)
		} else {
			notFound(w)
			return
		}
	}
	d.act(w, http.StatusCreated, in["type"].(string), func() { ip["droplet"] = x })
}

func (d *double) createBalancer(w http.ResponseWriter, r *http.Request) {
	in := body(r)
	if d.find("load_balancers", "name", fmt.Sprint(in["name"])) != nil {
		fail(w, http.StatusUnprocessableEntity, "unprocessable_entity", "Load Balancer name already exists")
		return
	}
	b := object{"id": uuid(d.number()), "ip": "", "status": "new", "created_at": now(), "size_unit": 1, "vpc_uuid": uuid(1), "droplet_ids": []int{},
		"health_check": object{"protocol": "http", "port": 80, "path": "/", "check_interval_seconds": 10, "response_timeout_seconds": 5, "unhealthy_threshold": 5, "healthy_threshold": 3}}
	d.setBalancer(b, in)
	d.tables["load_balancers"] = append(d.tables["load_balancers"], b)
	reply(w, http.StatusAccepted, object{"load_balancer": maps.Clone(b)})
	b["status"], b["ip"] = "active", fmt.Sprintf("203.1.%d.%d", d.last/250%250, d.last%250+1) // a moment later
}

func (d *double) setBalancer(b, in object) {
	maps.Copy(b, in)
	b["region"] = d.find("regions", "slug", fmt.Sprint(in["region"]))
	ids := []int{}
	if list, ok := in["droplet_ids"].([]any); ok {
		for _, id := range list {
			ids = append(ids, int(id.(float64)))
		}
	}
	b["droplet_ids"] = ids
}

func (d *double) updateBalancer(w http.ResponseWriter, r *http.Request) {
	b := d.find("load_balancers", "id", r.PathValue("id"))
	if b == nil {
		notFound(w)
		return
	}
	d.setBalancer(b, body(r))
	reply(w, http.StatusOK, object{"load_balancer": b})
}

func (d *double) changeMembers(w http.ResponseWriter, r *http.Request) {
	b := d.find("load_balancers", "id", r.PathValue("id"))
	if b == nil {
		notFound(w)
		return
	}
	ids := slices.Clone(b["droplet_ids"].([]int))
	for _, v := range body(r)["droplet_ids"].([]any) {
		id := int(v.(float64))
		ids = slices.DeleteFunc(ids, func(n int) bool { return n == id })
		if r.Method == http.MethodPost {
			ids = append(ids, id)
		}
	}
	b["droplet_ids"] = ids
	reply(w, http.StatusNoContent, nil)
}
