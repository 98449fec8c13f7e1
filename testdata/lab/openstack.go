package lab

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Cloud is an OpenStack cloud: its identity service, and an administrator of
// the project admin, of the domain with the id default.
type Cloud struct {
	AuthURL, User, Password, Project string

	Network  string // the id of the nodes' network, which has a router to External
	External string // the id of the network that floating IPs are of
	Image    string // the id of an image
}

// OpenStack starts a cloud of one host from Debian's packages: Keystone,
// Glance, Placement, Nova, Neutron, Cinder and Octavia of the release Zed, as
// they are, with a database. In place of hardware there are the projects' own
// fakes: Nova's hypervisor, Cinder's volumes and Octavia's balancers are what
// these services remember, and Neutron's ports are plugged into nothing. All
// of them go through the states that real ones do.
//
// It takes some 20 seconds until it is ready, and a gigabyte: ask once for a
// suite.
func OpenStack(t testing.TB) Cloud {
	t.Helper()
	home := openStack.need(t)
	c := &controlPlane{dir: t.TempDir(), addr: map[string]string{}, started: map[string]*process{}}
	t.Cleanup(func() {
		for name, p := range c.started {
			p.stop()
			if t.Failed() {
				t.Logf("%s's log ends with:\n%s", name, p.tail())
			}
		}
	})
	cloud, err := c.start(home)
	if err != nil {
		t.Fatalf("starting OpenStack, which is in %s: %v", home, err)
	}
	return cloud
}

//go:embed openstack
var openStackFiles embed.FS

var openStack = &server{
	name:    "openstack",
	version: "zed-2",
	install: installOpenStack,
}

// packages are what the services come with, and what makes them fast; without
// the packages that run them at a machine's start.
var openStackPackages = []string{"python3-keystone", "python3-placement", "glance-common", "nova-common", "neutron-common", "cinder-common", "python3-octavia",
	"python3-pymysql", "python3-mysqldb", "python3-sqlalchemy-ext", "mariadb-server-core", "mariadb-client-core"}

// The services with a database, and what makes its tables.
var openStackTables = []struct {
	service   string
	databases []string
	commands  []string
}{
	{"keystone", []string{"keystone"}, []string{"keystone-manage {config} db_sync", "keystone-manage {config} fernet_setup {owner}", "keystone-manage {config} credential_setup {owner}",
		"keystone-manage {config} bootstrap --bootstrap-password " + openStackPassword + " --bootstrap-public-url http://keystone/v3/ --bootstrap-region-id lab"}},
	{"placement", []string{"placement"}, []string{"placement-manage {config} db sync"}},
	{"glance", []string{"glance"}, []string{"glance-manage {config} db_sync"}},
	{"nova", []string{"nova", "nova_api", "nova_cell0"}, []string{"nova-manage {config} api_db sync",
		"nova-manage {config} cell_v2 map_cell0 --database_connection {scheme}://{username}:{password}@{hostname}:{port}/nova_cell0?{query}",
		"nova-manage {config} db sync",
		"nova-manage {config} cell_v2 create_cell --name lab --transport-url fake:// --database_connection {scheme}://{username}:{password}@{hostname}:{port}/{path}?{query}"}},
	{"neutron", []string{"neutron"}, []string{"neutron-db-manage {config} upgrade head"}},
	{"cinder", []string{"cinder"}, []string{"cinder-manage {config} db sync"}},
	{"octavia", []string{"octavia"}, []string{"octavia-db-manage {config} upgrade head"}},
}

const openStackPassword = "lab-admin"

// installOpenStack installs the packages, and makes what each start begins
// with: a database with all tables, the administrator and keys.
func installOpenStack(home string) error {
	for _, program := range []string{"keystone-manage", "placement-manage", "glance-manage", "nova-manage", "neutron-db-manage", "cinder-manage", "octavia-db-manage", "mariadbd", "mariadb"} {
		if err := apt(home, program, openStackPackages...); err != nil {
			return err
		}
	}
	// What is made here knows the path of its configuration only while it is made.
	c := &controlPlane{dir: home, addr: map[string]string{}, started: map[string]*process{}}
	defer func() {
		for _, p := range c.started {
			p.stop()
		}
	}()
	if err := run(home, nil, "mariadb-install-db", "--no-defaults", "--datadir="+filepath.Join(home, "db"), "--auth-root-authentication-method=normal", "--skip-test-db"); err != nil {
		return err
	}
	if err := c.prepare(); err != nil {
		return err
	}
	if err := c.launch("database"); err != nil {
		return err
	}
	sql := "create user lab@127.0.0.1 identified by 'lab';"
	for _, s := range openStackTables {
		for _, d := range s.databases {
			sql += "create database " + d + " character set utf8mb3; grant all on " + d + ".* to lab@127.0.0.1;"
		}
	}
	if err := c.sql("root", "", sql); err != nil {
		return err
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	ours, err := user.LookupGroupId(me.Gid)
	if err != nil {
		return err
	}
	for _, s := range openStackTables {
		words := strings.NewReplacer("{config}", "--config-file "+s.service+".conf", "{owner}", "--keystone-user "+me.Username+" --keystone-group "+ours.Name)
		for _, command := range s.commands {
			args := strings.Fields(words.Replace(command))
			if err := run(home, []string{"PYTHONWARNINGS=ignore"}, args[0], args[1:]...); err != nil {
				return err
			}
		}
	}
	return c.sql("root", "", "shutdown")
}

// A controlPlane is a cloud's services while they run.
type controlPlane struct {
	dir     string
	addr    map[string]string // of the services, by name
	mu      sync.Mutex
	started map[string]*process
}

func (c *controlPlane) start(home string) (Cloud, error) {
	if err := os.CopyFS(c.dir, os.DirFS(home)); err != nil {
		return Cloud{}, err
	}
	if err := c.prepare(); err != nil {
		return Cloud{}, err
	}
	if err := c.launch("database"); err != nil {
		return Cloud{}, err
	}
	if err := c.sql("root", "keystone", "update endpoint set url = '"+c.url("keystone")+"/v3/'"); err != nil {
		return Cloud{}, err
	}
	// The others are slow to load, and wait for nobody but the identity service.
	if err := c.launch("keystone"); err != nil {
		return Cloud{}, err
	}
	admin, err := administer(c.url("keystone") + "/v3")
	if err != nil {
		return Cloud{}, err
	}
	if err := admin.catalogue(c); err != nil {
		return Cloud{}, err
	}
	others := []string{"placement", "glance", "neutron", "nova", "cinder", "octavia"}
	failures := make([]error, len(others))
	var all sync.WaitGroup
	for i, name := range others {
		all.Go(func() { failures[i] = c.launch(name) })
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		return Cloud{}, err
	}
	return admin.furnish(c)
}

// prepare finds ports and writes the services' configuration.
func (c *controlPlane) prepare() error {
	for _, name := range []string{"database", "keystone", "placement", "glance", "nova", "neutron", "cinder", "octavia"} {
		addr, err := freeAddr()
		if err != nil {
			return err
		}
		c.addr[name] = addr
		if text := c.config(name); text != "" {
			if err := os.WriteFile(filepath.Join(c.dir, name+".conf"), []byte(text), 0o600); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"nova", "neutron", "cinder"} { // again, with the addresses of all
		if err := os.WriteFile(filepath.Join(c.dir, name+".conf"), []byte(c.config(name)), 0o600); err != nil {
			return err
		}
	}
	return fs.WalkDir(openStackFiles, "openstack", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Join(c.dir, path), 0o700))
		}
		text, err := openStackFiles.ReadFile(path)
		return errors.Join(err, os.WriteFile(filepath.Join(c.dir, path), text, 0o600))
	})
}

func (c *controlPlane) url(name string) string { return "http://" + c.addr[name] }

// config is the configuration of a service.
func (c *controlPlane) config(name string) string {
	login := "auth_url = " + c.url("keystone") + `
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = admin
username = admin
password = ` + openStackPassword + "\n"
	// The faster of the two ways to the database holds all of a process up that runs
	// green threads, as those of Nova, Cinder and Glance do.
	way := "mysqldb"
	if name == "nova" || name == "cinder" || name == "glance" {
		way = "pymysql"
	}
	database := func(section, name string) string {
		return "[" + section + "]\nconnection = mysql+" + way + "://lab:lab@" + c.addr["database"] + "/" + name + "?charset=utf8\n"
	}
	_, port, _ := net.SplitHostPort(c.addr[name])
	common := database("database", name) + "[keystone_authtoken]\ninterface = public\nwww_authenticate_uri = " + c.url("keystone") + "\nservice_token_roles = admin\nservice_token_roles_required = true\n" + login +
		"[oslo_concurrency]\nlock_path = " + filepath.Join(c.dir, "locks") + "\n[oslo_policy]\npolicy_file = none.yaml\n"
	state := filepath.Join(c.dir, name)
	switch name {
	case "keystone":
		// Passwords need not withstand anybody, and there is no memcached.
		return database("database", name) + "[fernet_tokens]\nkey_repository = " + filepath.Join(c.dir, "tokens") + "\n[credential]\nkey_repository = " + filepath.Join(c.dir, "credentials") +
			"\n[identity]\npassword_hash_rounds = 4\n[cache]\nbackend = dogpile.cache.memory\n"
	case "placement":
		return database("placement_database", name) + common
	case "glance":
		return "[DEFAULT]\nbind_host = 127.0.0.1\nbind_port = " + port + "\nworkers = 0\nenabled_backends = lab:file\n[lab]\nfilesystem_store_datadir = " + state + "\n[glance_store]\ndefault_backend = lab\n" +
			"[os_glance_staging_store]\nfilesystem_store_datadir = " + state + "-staging\n[os_glance_tasks_store]\nfilesystem_store_datadir = " + state + "-tasks\n" +
			"[paste_deploy]\nflavor = keystone\nconfig_file = /usr/share/glance-common/glance-api-paste.ini\n" + common
	case "nova":
		return `[DEFAULT]
my_ip = 127.0.0.1
host = lab
osapi_compute_listen = 127.0.0.1
osapi_compute_listen_port = ` + port + `
transport_url = fake://
compute_driver = hypervisor.Driver
state_path = ` + state + `
instances_path = ` + state + `
allow_resize_to_same_host = true
[api]
auth_strategy = keystone
[scheduler]
discover_hosts_in_cells_interval = 1
[wsgi]
api_paste_config = /usr/share/nova-common/api-paste.ini
` + database("api_database", "nova_api") + "[glance]\napi_servers = " + c.url("glance") + "\n[placement]\nregion_name = lab\n" + login + "[neutron]\nregion_name = lab\n" + login +
			"[service_user]\nsend_service_user_token = true\n" + login + "[cinder]\nos_region_name = lab\n" + login + common
	case "neutron":
		return `[DEFAULT]
core_plugin = ml2
service_plugins = router
transport_url = fake://
state_path = ` + state + `
api_paste_config = /usr/share/neutron-common/api-paste.ini
dhcp_agent_notification = false
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = true
send_events_interval = 0
[ml2]
type_drivers = local,flat
tenant_network_types = local
mechanism_drivers = lab
extension_drivers = port_security
[nova]
region_name = lab
` + login + common
	case "cinder":
		return `[DEFAULT]
host = lab
osapi_volume_listen = 127.0.0.1
osapi_volume_listen_port = ` + port + `
my_ip = 127.0.0.1
transport_url = fake://
auth_strategy = keystone
state_path = ` + state + `
enabled_backends = lab
default_volume_type = lab
api_paste_config = /usr/share/cinder-common/api-paste.ini
glance_api_servers = ` + c.url("glance") + `
[lab]
volume_backend_name = lab
volume_driver = storage.Driver
[coordination]
backend_url = file://` + state + `-coordination
[nova]
region_name = lab
` + login + common
	case "octavia":
		return `[DEFAULT]
transport_url = fake://
[api_settings]
auth_strategy = keystone
enabled_provider_drivers = lab: the lab's own
default_provider_driver = lab
[controller_worker]
network_driver = network_noop_driver
[service_auth]
` + login + common
	}
	return ""
}

// launch runs a service and returns when it serves.
func (c *controlPlane) launch(name string) error {
	dir := filepath.Join(c.dir, "run", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	s := &server{name: name, command: c.command, ready: func(p *process) error {
		if name == "database" {
			return c.sql("root", "", "select 1")
		}
		if !bytes.Contains(p.log(), []byte("serving "+name)) {
			return errors.New("it has not said that it serves")
		}
		conn, err := net.DialTimeout("tcp", c.addr[name], time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	}}
	p, err := s.launch("", dir)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.started[name] = p
	c.mu.Unlock()
	if err := p.await(); err != nil {
		return fmt.Errorf("%s: %w\nIts log ends with:\n%s", name, err, p.tail())
	}
	return nil
}

func (c *controlPlane) command(_ string, p *process) *exec.Cmd {
	name := p.server.name
	_, port, _ := net.SplitHostPort(c.addr[name])
	if name == "database" {
		args := []string{"--no-defaults", "--datadir=" + filepath.Join(c.dir, "db"), "--socket=" + filepath.Join(p.dir, "sock"), "--bind-address=127.0.0.1", "--port=" + port,
			"--max-connections=500", "--performance-schema=off", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M", "--innodb-flush-log-at-trx-commit=0"}
		if os.Geteuid() == 0 {
			args = append(args, "--user=root")
		}
		return exec.Command("mariadbd", args...)
	}
	// Debian's Python, whatever else the machine has. A shell changes the folder,
	// as the log's is another.
	return exec.Command("sh", "-c", `cd "$0" && exec /usr/bin/python3 -W ignore -u openstack/services.py "$@"`, c.dir, name, port)
}

func (c *controlPlane) sql(user, database, statements string) error {
	_, port, _ := net.SplitHostPort(c.addr["database"])
	return run(c.dir, nil, "mariadb", "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--port="+port, "--user="+user, "--execute="+statements, database)
}

// An administrator makes requests with a token.
type administrator struct{ token, project string }

// call makes a request and decodes the answer into out, unless that is nil.
func (a *administrator) call(method, url string, body, out any) (http.Header, error) {
	var in io.Reader
	media := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		in, media = bytes.NewReader(b), "application/octet-stream"
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(text)
	}
	r, err := http.NewRequest(method, url, in)
	if err != nil {
		return nil, err
	}
	r.Close = true // or an idle connection would outlive the test
	r.Header.Set("Content-Type", media)
	r.Header.Set("X-Auth-Token", a.token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		return nil, errors.Join(err, fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, text))
	}
	if out != nil {
		err = json.Unmarshal(text, out)
	}
	return resp.Header, err
}

// administer logs in at the identity service.
func administer(keystone string) (*administrator, error) {
	type object = map[string]any
	var answer struct {
		Token struct{ Project struct{ ID string } }
	}
	a := &administrator{}
	header, err := a.call("POST", keystone+"/auth/tokens", object{"auth": object{
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{"name": "admin", "password": openStackPassword, "domain": object{"id": "default"}}}},
		"scope":    object{"project": object{"name": "admin", "domain": object{"id": "default"}}}}}, &answer)
	if err != nil {
		return nil, err
	}
	a.token, a.project = header.Get("X-Subject-Token"), answer.Token.Project.ID
	return a, nil
}

// catalogue names the services at the identity service.
func (a *administrator) catalogue(c *controlPlane) error {
	for name, s := range map[string][2]string{"placement": {"placement", ""}, "glance": {"image", ""}, "nova": {"compute", "/v2.1"}, "neutron": {"network", ""},
		"cinder": {"volumev3", "/v3/$(project_id)s"}, "octavia": {"load-balancer", ""}} {
		if err := a.announce(c.url("keystone")+"/v3", name, s[0], c.url(name)+s[1]); err != nil {
			return err
		}
	}
	return nil
}

// announce names one service at the identity service.
func (a *administrator) announce(keystone, name, kind, url string) error {
	var made struct{ Service struct{ ID string } }
	if _, err := a.call("POST", keystone+"/services", map[string]any{"service": map[string]any{"name": name, "type": kind}}, &made); err != nil {
		return err
	}
	for _, face := range []string{"public", "internal"} {
		endpoint := map[string]any{"service_id": made.Service.ID, "interface": face, "region_id": "lab", "url": url}
		if _, err := a.call("POST", keystone+"/endpoints", map[string]any{"endpoint": endpoint}, nil); err != nil {
			return err
		}
	}
	return nil
}

// furnish makes what every cloud has: sizes, an image, networks, a kind of volumes.
func (a *administrator) furnish(c *controlPlane) (Cloud, error) {
	type object = map[string]any
	cloud := Cloud{AuthURL: c.url("keystone") + "/v3", User: "admin", Password: openStackPassword, Project: "admin"}
	var failure error
	post := func(service, path, kind string, body object) string {
		var made map[string]struct{ ID string }
		if failure == nil {
			_, failure = a.call("POST", c.url(service)+path, object{kind: body}, &made)
		}
		return made[kind].ID
	}
	for i, name := range []string{"m1.tiny", "m1.small", "m1.medium"} {
		post("nova", "/v2.1/flavors", "flavor", object{"name": name, "id": fmt.Sprint(i + 1), "vcpus": i + 1, "ram": 512 << i, "disk": i + 1})
	}
	post("cinder", "/v3/"+a.project+"/types", "volume_type", object{"name": "lab"})
	cloud.External = post("neutron", "/v2.0/networks", "network", object{"name": "external", "router:external": true})
	post("neutron", "/v2.0/subnets", "subnet", object{"network_id": cloud.External, "ip_version": 4, "cidr": "203.0.113.0/24", "enable_dhcp": false})
	cloud.Network = post("neutron", "/v2.0/networks", "network", object{"name": "internal"})
	subnet := post("neutron", "/v2.0/subnets", "subnet", object{"network_id": cloud.Network, "ip_version": 4, "cidr": "172.16.0.0/16"})
	router := post("neutron", "/v2.0/routers", "router", object{"name": "router", "external_gateway_info": object{"network_id": cloud.External}})
	for path, quota := range map[string]object{"/v2.0/quotas/": {"network": -1, "subnet": -1, "port": -1, "security_group": -1, "security_group_rule": -1, "floatingip": -1}} {
		if failure == nil {
			_, failure = a.call("PUT", c.url("neutron")+path+a.project, object{"quota": quota}, nil)
		}
	}
	if failure == nil {
		_, failure = a.call("PUT", c.url("neutron")+"/v2.0/routers/"+router+"/add_router_interface", object{"subnet_id": subnet}, nil)
	}
	var image struct{ ID string }
	if failure == nil {
		_, failure = a.call("POST", c.url("glance")+"/v2/images", object{"name": "cirros", "disk_format": "raw", "container_format": "bare", "visibility": "public", "architecture": "x86_64", "min_disk": 1}, &image)
	}
	if failure == nil {
		_, failure = a.call("PUT", c.url("glance")+"/v2/images/"+image.ID+"/file", []byte("an image's content"), nil)
	}
	cloud.Image = image.ID
	if failure != nil {
		return Cloud{}, failure
	}
	return cloud, a.await(c)
}

// await waits until nodes can be made: the host has told the scheduler of
// itself.
func (a *administrator) await(c *controlPlane) error {
	deadline := time.Now().Add(time.Minute)
	for {
		var found struct{ Hypervisors []struct{ ID any } }
		_, err := a.call("GET", c.url("nova")+"/v2.1/os-hypervisors", nil, &found)
		if err == nil && len(found.Hypervisors) > 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no host has shown up: %w", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
