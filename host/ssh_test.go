package host

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// machines is a cloud whose nodes are all one machine: the lab's SSH server. A
// node has its address when it is looked at for the second time.
type machines struct {
	server lab.SSH

	mu    sync.Mutex
	nodes map[string]int // how often each was looked at
	log   []string
}

func (m *machines) CreateNode(_ context.Context, in compute.CreateNode) (compute.Node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := "i-" + in.Name
	m.nodes[id] = 0
	m.log = append(m.log, "create "+id)
	return compute.Node{ID: id, Name: in.Name, State: compute.NodePending}, nil
}

func (m *machines) GetNode(_ context.Context, in compute.GetNode) (compute.Node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.nodes[in.Node]; !ok {
		return compute.Node{}, op.Errorf(op.NotFound, "no node %s", in.Node)
	}
	n := compute.Node{ID: in.Node, Name: strings.TrimPrefix(in.Node, "i-"), State: compute.NodePending}
	if m.nodes[in.Node]++; m.nodes[in.Node] > 1 {
		n.State, n.PublicIPs = compute.NodeRunning, []string{m.server.Host}
	}
	return n, nil
}

func (m *machines) DestroyNode(_ context.Context, in compute.DestroyNode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.nodes, in.Node)
	m.log = append(m.log, "destroy "+in.Node)
	return nil
}

func (m *machines) GetConsoleOutput(context.Context, compute.GetConsoleOutput) (compute.ConsoleOutput, error) {
	return compute.ConsoleOutput{Text: "-----BEGIN SSH HOST KEY KEYS-----\n" + strings.Join(m.server.HostKeys, "\n") + "\n-----END SSH HOST KEY KEYS-----\n"}, nil
}

// TestDeployment is scripts that deploy, on a real SSH server.
func TestDeployment(t *testing.T) {
	server := lab.SSHD(t)
	private, public, err := sshkey.New("test")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(server.Keys, []byte(public.Line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, text := range map[string]string{"site/index.html": "hello\n", "big.bin": strings.Repeat("x", 1<<20), "key": private.Reveal()} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace := strings.NewReplacer("HOST", strconv.Quote(server.Host), "PORT", strconv.Itoa(server.Port), "USER", strconv.Quote(server.User), "KEY", "read_file(\""+folder+"/key\")",
		"PIN", strconv.Quote(server.HostKeys[0]), "FOLDER", folder, "THERE", server.Dir)
	run := func(t *testing.T, m *machines, script string, p Policy) (string, error) {
		t.Helper()
		var out bytes.Buffer
		h, err := New(Options{Drivers: []*drivers.Provider{drivers.New(drivers.Info{Name: "machines", Family: compute.Family, Title: "Machines"},
			func(context.Context, struct{}) (*machines, error) { return m, nil })},
			Policy: p, Stdout: &out, KnownHosts: filepath.Join(folder, "known_hosts")})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		_, err = h.Run(t.Context(), Script{FS: fstest.MapFS{"x.star": {Data: []byte(replace.Replace(script))}}, Path: "x.star"})
		return out.String(), err
	}
	granted := Policy{SSH: []string{"127.0.0.0/8"}, Read: []string{folder}, Write: []string{folder}}
	for _, c := range []struct {
		name, script string
		policy       Policy
		kind         op.Kind
		says         []string
		log          string
	}{
		{name: "a session", policy: granted, script: `
s = ssh.connect(HOST, port = PORT, user = USER, key = KEY, host_key = PIN)
r = s.run(["echo", "a  b", 7])
print(r.status, r.stdout, r.changed)
print(s.run("echo bad >&2; exit 3", check = False).status)
print(s.run("cat", stdin = "in").stdout, s.run("echo $X", env = {"X": "y z"}).stdout)
s.deploy([ssh.file("THERE/s.txt", "text\n", mode = 0o600)])
print(s.read("THERE/s.txt"))
s.close()
`, says: []string{"0 a  b 7\n True\n", "3\n", "in y z\n", "text\n"}},
		{name: "not granted", policy: Policy{SSH: []string{"10.0.0.0/8", "*.example.com"}, Read: []string{folder}}, kind: op.PermissionDenied,
			script: `ssh.connect(HOST, port = PORT, key = KEY)`, says: []string{"--allow-ssh 127.0.0.1"}},
		{name: "a failing command", policy: granted, kind: op.Conflict,
			script: `ssh.connect(HOST, port = PORT, user = USER, key = KEY, name = "db").run("echo oops >&2; exit 4")`, says: []string{"db: ", "exit status 4: oops"}},
		{name: "a secret", policy: granted, kind: op.Conflict, script: `
s = ssh.connect(HOST, port = PORT, user = USER, key = KEY, host_key = PIN)
key = ssh.new_key().private_key
r = s.run(["sh", "-c", "test $# = 1 && grep -c PRIVATE", "sh", key], stdin = key)
print("got", r.stdout, "by", r.step)
s.run(["sh", "-c", "exit 5", "sh", key])
`, says: []string{"got 2\n by run sh -c", " sh '[redacted]'\n", "run sh -c 'exit 5' sh '[redacted]': exit status 5"}},
		{name: "a node", policy: granted, script: `
cloud = compute.driver("machines")
node = cloud.create_node(name = "web", size = "s", image = "i")
steps = [ssh.dir("THERE/www", "FOLDER/site"), [ssh.file("THERE/big", open_file("FOLDER/big.bin"))], ssh.script("echo deployed $1", args = ["it's"]), ssh.cloud_init()]
print([r.changed for r in node.deploy(steps, user = USER, key = KEY, port = PORT)])
print([r.changed for r in node.deploy(steps, user = USER, key = KEY, port = PORT, host_key = "console", show = False)])
`, says: []string{"web: deployed it's\n", "[True, True, True, False]", "[False, False, True, False]"}, log: "create i-web"},
		{name: "many nodes", policy: granted, script: `
cloud = compute.driver("machines")
nodes = [cloud.create_node(name = "n%d" % i, size = "s", image = "i") for i in range(4)]
file = open_file("FOLDER/big.bin")
steps = [[ssh.file("THERE/many-%d" % i, file), ssh.run("hostname >/dev/null; echo here")] for i in range(4)]
def deploy(i):
    return nodes[i].deploy(steps[i], user = USER, key = KEY, port = PORT)[0].changed
print(parallel(deploy, range(4)))
`, says: []string{"n0: here", "n3: here", "[True, True, True, True]"}},
		{name: "deploy_node", policy: granted, script: `
d = compute.driver("machines").deploy_node(name = "one", size = "s", image = "i", deploy = {"steps": [ssh.run("echo there")], "user": USER, "key": KEY, "port": PORT})
print(d.node.public_ips, d.results[0].stdout)
`, says: []string{`["127.0.0.1"] there`}, log: "create i-one"},
		{name: "deploy_node fails", policy: granted, kind: op.Conflict, script: `
compute.driver("machines").deploy_node(name = "two", size = "s", image = "i", deploy = {"steps": [ssh.run("exit 9")], "user": USER, "key": KEY, "port": PORT})
`, says: []string{"exit status 9", "the node two (i-two) was destroyed"}, log: "create i-two destroy i-two"},
		{name: "deploy_node fails and keeps", policy: granted, kind: op.Conflict, script: `
compute.driver("machines").deploy_node(name = "three", size = "s", image = "i", keep = True, deploy = {"steps": ssh.run("exit 9"), "user": USER, "key": KEY, "port": PORT})
`, says: []string{"the node three (i-three) is kept"}, log: "create i-three"},
		{name: "told before anything is made", policy: granted, kind: op.InvalidArgument, script: `
compute.driver("machines").deploy_node(name = "four", size = "s", image = "i", deploy = {"steps": ["reboot"], "key": KEY})
`, says: []string{"want a step, such as ssh.run"}},
		{name: "a key's file", policy: granted, script: `
key = ssh.new_key("ops")
write_key("FOLDER/new", key)
write_key("FOLDER/new", key.private_key)
print(attempt(write_key, "FOLDER/new", ssh.new_key()).error.kind, key.public_key, key)
`, says: []string{"already_exists ssh-ed25519 ", " ops ", "private_key = [redacted]"}},
		{name: "user data", script: `print(ssh.cloud_config(packages = ["nginx"], users = [{"name": "ops", "sudo": None}]))`,
			says: []string{"#cloud-config\n{", `"packages": [`, `"sudo": null`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &machines{server: server, nodes: map[string]int{}}
			out, err := run(t, m, c.script, c.policy)
			if got := op.KindOf(err); got != c.kind {
				t.Fatalf("the error is %v\n%s", err, out)
			}
			if err != nil {
				out += err.Error()
			}
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("%q is missing in\n%s", want, out)
				}
			}
			if strings.Contains(out, "PRIVATE KEY") {
				t.Error("a private key is shown")
			}
			if got := strings.Join(m.log, " "); c.log != "" && got != c.log {
				t.Errorf("the cloud was asked to %s", got)
			}
		})
	}
	if info, err := os.Stat(filepath.Join(folder, "new")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	if known, err := os.ReadFile(filepath.Join(folder, "known_hosts")); err != nil || !strings.Contains(string(known), "machines/i-web ssh-") {
		t.Errorf("the known hosts are %q, %v", known, err)
	}
}
