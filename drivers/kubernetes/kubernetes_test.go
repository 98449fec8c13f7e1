package kubernetes

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// cluster is the API server of the tests in this file.
type cluster struct{ lab.KubernetesCluster }

func (c *cluster) open(t *testing.T, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
	t.Helper()
	conn := harness(c.KubernetesCluster).Open(t, over, chain...)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// namespace is a new one, empty.
func (c *cluster) namespace(t *testing.T, conn *drivers.Conn) string {
	t.Helper()
	name := fmt.Sprintf("ns-%x", time.Now().UnixNano())
	if _, err := drivers.Call[container.Cluster](t.Context(), conn, container.CreateCluster{Name: name}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.rest(t, conn, "DELETE /api/v1/namespaces/"+name, nil) })
	return name
}

func (c *cluster) rest(t *testing.T, conn *drivers.Conn, operation string, arguments map[string]any) map[string]any {
	t.Helper()
	answer, err := drivers.Call[native.Answer](context.WithoutCancel(t.Context()), conn, native.Call{Operation: operation, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	v, _ := answer.Value.(map[string]any)
	return v
}

func (c *cluster) deploy(t *testing.T, conn *drivers.Conn, in container.DeployContainer) container.Container {
	t.Helper()
	if in.Image == "" {
		in.Image = c.Image
	}
	v, err := drivers.Call[container.Container](t.Context(), conn, in)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// is waits until a container is right.
func is(t *testing.T, conn *drivers.Conn, id, what string, right func(container.Container) bool) container.Container {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last container.Container
	err := op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		var err error
		last, err = drivers.Call[container.Container](ctx, conn, container.GetContainer{Container: id})
		return err == nil && right(last), err
	})
	if err != nil {
		t.Fatalf("waiting for %s %s: %v; last seen: %+v", id, what, err, last)
	}
	return last
}

func running(c container.Container) bool { return c.State == container.Running }

func wantKind(t *testing.T, err error, kind op.Kind, words ...string) {
	t.Helper()
	if op.KindOf(err) != kind {
		t.Fatalf("want an error of kind %s, got %v", kind, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the message does not have %q: %v", w, err)
		}
	}
}

func (c *cluster) credentials(t *testing.T) {
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		t.Fatal(err)
	}
	count := func(config map[string]any) error {
		conn, err := Provider().Open(t.Context(), "kubernetes", config)
		if err != nil {
			return err
		}
		defer conn.Close()
		for _, err := range drivers.List[container.Cluster](t.Context(), conn, container.ListClusters{}) {
			return err
		}
		return nil
	}
	for what, config := range map[string]map[string]any{
		"a token and a file":   {"endpoint": c.Endpoint, "token": c.Token, "ca": c.CA},
		"a token and PEM":      {"endpoint": c.Endpoint, "token": c.Token, "ca": string(pem)},
		"no look at the CA":    {"endpoint": c.Endpoint, "token": c.Token, "insecure": true},
		"a kubeconfig's, over": {"kubeconfig": c.Kubeconfig, "token": c.Token},
	} {
		if err := count(config); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantKind(t, count(map[string]any{"endpoint": c.Endpoint, "token": "not-a-token", "ca": c.CA}), op.Unauthenticated)
	if err := count(map[string]any{"endpoint": c.Endpoint, "token": "not-a-token", "ca": c.CA}); strings.Contains(err.Error(), "not-a-token") {
		t.Errorf("the message has the token: %v", err)
	}
	wantKind(t, count(map[string]any{"endpoint": c.Endpoint, "token": c.Token}), op.InvalidArgument, "certificate")
	wantKind(t, count(map[string]any{"endpoint": "https://127.0.0.1:1", "token": c.Token}), op.Unavailable)
	wantKind(t, count(map[string]any{"in_cluster": true}), op.Unauthenticated, "pod")
	wantKind(t, count(map[string]any{"in_cluster": true, "context": "lab"}), op.InvalidArgument)
	wantKind(t, count(map[string]any{"kubeconfig": c.Kubeconfig, "context": "nowhere"}), op.InvalidArgument, "nowhere")
	t.Setenv("KUBECONFIG", c.Kubeconfig)
	if err := count(nil); err != nil {
		t.Errorf("KUBECONFIG: %v", err)
	}
	t.Setenv("KUBECONFIG", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	wantKind(t, count(nil), op.Unauthenticated, "kubeconfig")
}

func (c *cluster) contexts(t *testing.T) {
	conn := c.open(t, map[string]any{"context": "elsewhere"})
	v := c.deploy(t, conn, container.DeployContainer{Name: "here"})
	if v.Cluster != "kube-public" || v.ID != "kube-public/deployment/here" {
		t.Errorf("it is %+v", v)
	}
	if err := drivers.Do(t.Context(), conn, container.DestroyContainer{Container: v.ID}); err != nil {
		t.Error(err)
	}
}

func (c *cluster) permission(t *testing.T) {
	conn := c.open(t, map[string]any{"token": c.Viewer})
	for _, err := range drivers.List[container.Container](t.Context(), conn, container.ListContainers{}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "x", Image: c.Image})
	wantKind(t, err, op.PermissionDenied, `User "viewer" cannot create resource "deployments"`)
	if e := op.AsError(err); e.RequestID == "" || e.Code != "Forbidden" {
		t.Errorf("the error lacks request id or code: %#v", e)
	}
}

func (c *cluster) quota(t *testing.T) {
	conn := c.open(t, nil)
	ns := c.namespace(t, conn)
	c.rest(t, conn, "APPLY", map[string]any{"namespace": ns, "manifest": map[string]any{"apiVersion": "v1", "kind": "ResourceQuota",
		"metadata": map[string]any{"name": "none"}, "spec": map[string]any{"hard": map[string]any{"count/deployments.apps": "0"}}}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := 0
	err := op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) { // the quota has to be counted first
		n++
		_, err := drivers.Call[container.Container](ctx, conn, container.DeployContainer{Name: fmt.Sprintf("over-%d", n), Image: c.Image, Cluster: ns})
		return false, err
	})
	wantKind(t, err, op.QuotaExceeded, "exceeded quota")
}

func (c *cluster) image(t *testing.T) {
	conn := c.open(t, nil)
	v := c.deploy(t, conn, container.DeployContainer{Name: "no-image", Image: "registry.lab/nothing:1", Cluster: c.namespace(t, conn)})
	v = is(t, conn, v.ID, "to have failed", func(v container.Container) bool { return v.State == container.Error })
	if v.Extra["reason"] != "ErrImagePull" || !strings.Contains(fmt.Sprint(v.Extra["message"]), "registry.lab/nothing:1") {
		t.Errorf("it says %v", v.Extra)
	}
	_, err := drivers.Call[container.ExecResult](t.Context(), conn, container.ExecContainer{Container: v.ID, Command: []string{"true"}})
	wantKind(t, err, op.Conflict)
	for _, err := range drivers.List[container.LogLine](t.Context(), conn, container.GetContainerLogs{Container: v.ID}) {
		t.Errorf("its logs have a line or an error: %v", err)
	}
}

func (c *cluster) crash(t *testing.T) {
	conn := c.open(t, nil)
	v := c.deploy(t, conn, container.DeployContainer{Name: "crash", Cluster: c.namespace(t, conn), Command: []string{"sh", "-c", "exit 4"}})
	v = is(t, conn, v.ID, "to have crashed", func(v container.Container) bool { return v.State == container.Error })
	if v.Extra["reason"] != "CrashLoopBackOff" {
		t.Errorf("it says %v", v.Extra)
	}
}

func (c *cluster) readiness(t *testing.T) {
	conn := c.open(t, nil)
	v := c.deploy(t, conn, container.DeployContainer{Name: "slow", Cluster: c.namespace(t, conn), Extra: map[string]any{
		"readiness_probe": map[string]any{"exec": map[string]any{"command": []any{"test", "-e", "ready"}}, "periodSeconds": 1}}})
	v = is(t, conn, v.ID, "to run and not be ready", func(v container.Container) bool { return len(v.IPs) == 1 })
	if v.State != container.Pending || v.Ready != 0 {
		t.Errorf("it is %+v", v)
	}
	if _, err := drivers.Call[container.ExecResult](t.Context(), conn, container.ExecContainer{Container: v.ID, Command: []string{"touch", "ready"}}); err != nil {
		t.Fatal(err)
	}
	is(t, conn, v.ID, "to be ready", func(v container.Container) bool { return running(v) && v.Ready == 1 })
	for what, extra := range map[string]map[string]any{
		"readiness_prob": {"readiness_prob": map[string]any{}},
		"periodSecond":   {"readiness_probe": map[string]any{"periodSecond": 1}},
	} {
		_, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "wrong", Image: c.Image, Extra: extra})
		wantKind(t, err, op.InvalidArgument, what)
	}
}

func (c *cluster) job(t *testing.T) {
	conn := c.open(t, nil)
	ns := c.namespace(t, conn)
	v := c.deploy(t, conn, container.DeployContainer{Name: "fails", Cluster: ns, RestartPolicy: container.RestartNo, Command: []string{"sh", "-c", "exit 7"}})
	if v.ID != ns+"/job/fails" {
		t.Errorf("its id is %q", v.ID)
	}
	v = is(t, conn, v.ID, "to have ended", func(v container.Container) bool { return v.State == container.Stopped })
	if v.ExitCode == nil || *v.ExitCode != 7 || v.RestartPolicy != container.RestartNo {
		t.Errorf("it ended as %+v", v)
	}
	wantKind(t, drivers.Do(t.Context(), conn, container.StartContainer{Container: v.ID}), op.Conflict, "deploy it again")

	again := c.deploy(t, conn, container.DeployContainer{Name: "long", Cluster: ns, RestartPolicy: container.RestartOnFailure})
	is(t, conn, again.ID, "to run", running)
	wantKind(t, drivers.Do(t.Context(), conn, container.ScaleContainer{Container: again.ID, Replicas: 2}), op.Unsupported)
	if err := drivers.Do(t.Context(), conn, container.RestartContainer{Container: again.ID}); err != nil {
		t.Fatal(err)
	}
	is(t, conn, again.ID, "to run again", running)
	if err := drivers.Do(t.Context(), conn, container.StopContainer{Container: again.ID}); err != nil {
		t.Fatal(err)
	}
	is(t, conn, again.ID, "to be stopped", func(v container.Container) bool { return v.State == container.Stopped })

	// A Job of none would have ended before it began, and could not be started.
	none := c.deploy(t, conn, container.DeployContainer{Name: "later", Cluster: ns, RestartPolicy: container.RestartOnFailure, Replicas: new(0)})
	is(t, conn, none.ID, "to wait", func(v container.Container) bool {
		return v.State == container.Stopped && v.Ready == 0 && v.ExitCode == nil
	})
	if err := drivers.Do(t.Context(), conn, container.StartContainer{Container: none.ID}); err != nil {
		t.Fatal(err)
	}
	is(t, conn, none.ID, "to run", running)
}

func (c *cluster) service(t *testing.T) {
	conn := c.open(t, nil)
	ns := c.namespace(t, conn)
	v := c.deploy(t, conn, container.DeployContainer{Name: "web", Cluster: ns, Ports: []container.Port{{Port: 8080, HostPort: 80}, {Port: 53, Protocol: container.UDP}}})
	if v.Ports[0].HostPort != 80 || v.Ports[1].HostPort != 53 {
		t.Errorf("its ports are %+v", v.Ports)
	}
	is(t, conn, v.ID, "to run", running)
	service := c.rest(t, conn, "GET /api/v1/namespaces/{namespace}/services/web", map[string]any{"namespace": ns})
	if service["kind"] != "Service" {
		t.Fatalf("the service is %v", service)
	}
	node := c.deploy(t, conn, container.DeployContainer{Name: "outside", Cluster: ns, Ports: []container.Port{{Port: 8080, HostPort: 30080}}, Extra: map[string]any{"service": "NodePort"}})
	if node.Ports[0].HostPort != 30080 {
		t.Errorf("its ports are %+v", node.Ports)
	}
	if err := drivers.Do(t.Context(), conn, container.DestroyContainer{Container: v.ID}); err != nil {
		t.Fatal(err)
	}
	c.gone(t, conn, v.ID)
	_, err := drivers.Call[native.Answer](t.Context(), conn, native.Call{Operation: "GET /api/v1/namespaces/" + ns + "/services/web"})
	wantKind(t, err, op.NotFound)
}

func (c *cluster) gone(t *testing.T, conn *drivers.Conn, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		_, err := drivers.Call[container.Container](ctx, conn, container.GetContainer{Container: id})
		return false, err
	})
	wantKind(t, err, op.NotFound)
}

// takenBack: a deployment whose second step fails leaves nothing.
func (c *cluster) takenBack(t *testing.T) {
	conn := c.open(t, nil)
	ns := c.namespace(t, conn)
	c.rest(t, conn, "APPLY", map[string]any{"namespace": ns, "manifest": "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}"})
	_, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "web", Image: c.Image, Cluster: ns, Ports: []container.Port{{Port: 80}}})
	wantKind(t, err, op.AlreadyExists, `"web" already exists`)
	c.gone(t, conn, ns+"/deployment/web")
	c.rest(t, conn, "GET /api/v1/namespaces/"+ns+"/services/web", nil) // who was there first stays
	_, err = drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "port", Image: c.Image, Cluster: ns, Ports: []container.Port{{Port: 80, HostPort: 1}},
		Extra: map[string]any{"service": "NodePort"}})
	wantKind(t, err, op.InvalidArgument, "valid ports")
	c.gone(t, conn, ns+"/deployment/port")
}

func (c *cluster) stopAndStart(t *testing.T) {
	conn := c.open(t, nil)
	v := c.deploy(t, conn, container.DeployContainer{Name: "many", Cluster: c.namespace(t, conn), Replicas: new(3), Tags: map[string]string{"app": "many"}})
	is(t, conn, v.ID, "to be three", func(v container.Container) bool { return v.Ready == 3 && len(v.IPs) == 3 })
	if err := drivers.Do(t.Context(), conn, container.StopContainer{Container: v.ID, Timeout: new(1)}); err != nil {
		t.Fatal(err)
	}
	is(t, conn, v.ID, "to be stopped", func(v container.Container) bool { return v.State == container.Stopped && v.Replicas == 0 })
	wantKind(t, drivers.Do(t.Context(), conn, container.RestartContainer{Container: v.ID}), op.Conflict)
	if err := drivers.Do(t.Context(), conn, container.StartContainer{Container: v.ID}); err != nil {
		t.Fatal(err)
	}
	got := is(t, conn, v.ID, "to be three again", func(v container.Container) bool { return running(v) && v.Ready == 3 })
	if len(got.Tags) != 1 || got.Tags["app"] != "many" {
		t.Errorf("its tags are %v", got.Tags)
	}
}

func (c *cluster) logsOfReplicas(t *testing.T) {
	conn := c.open(t, nil)
	v := c.deploy(t, conn, container.DeployContainer{Name: "talk", Cluster: c.namespace(t, conn), Replicas: new(3),
		Command: []string{"sh", "-c", `echo "a of $HOSTNAME"; echo "b of $HOSTNAME"; sleep 600`}})
	is(t, conn, v.ID, "to be three", func(v container.Container) bool { return v.Ready == 3 })
	read := func(in container.GetContainerLogs) []container.LogLine {
		in.Container = v.ID
		var lines []container.LogLine
		for l, err := range drivers.List[container.LogLine](t.Context(), conn, in) {
			if err != nil {
				t.Fatal(err)
			}
			if lines = append(lines, l); in.Follow && len(lines) == 6 {
				break
			}
		}
		return lines
	}
	lines := read(container.GetContainerLogs{})
	if len(lines) != 6 || !slices.IsSortedFunc(lines, func(a, b container.LogLine) int { return a.Time.Compare(b.Time) }) {
		t.Errorf("the lines are %+v", lines)
	}
	if last := read(container.GetContainerLogs{Tail: new(2)}); len(last) != 2 || last[1] != lines[5] || last[0] != lines[4] {
		t.Errorf("the last two lines are %+v, of %+v", last, lines)
	}
	if followed := read(container.GetContainerLogs{Follow: true}); !slices.Equal(followed, lines) {
		t.Errorf("following, the lines are %+v", followed)
	}
}

// followRestart: who follows hears the pods that come later, and each line once.
func (c *cluster) followRestart(t *testing.T) {
	conn := c.open(t, nil)
	v := c.deploy(t, conn, container.DeployContainer{Name: "phoenix", Cluster: c.namespace(t, conn), Command: []string{"sh", "-c", `echo "here is $HOSTNAME"; exec sleep 600`}})
	is(t, conn, v.ID, "to run", running)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := map[string]int{}
	for l, err := range drivers.List[container.LogLine](ctx, conn, container.GetContainerLogs{Container: v.ID, Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[l.Text]++; len(seen) == 2 {
			break
		}
		if err := drivers.Do(t.Context(), conn, container.RestartContainer{Container: v.ID}); err != nil {
			t.Fatal(err)
		}
	}
	for text, n := range seen {
		if n != 1 {
			t.Errorf("%q came %d times", text, n)
		}
	}
	if err := drivers.Do(t.Context(), conn, container.StopContainer{Container: v.ID, Timeout: new(1)}); err != nil {
		t.Fatal(err)
	}
	for _, err := range drivers.List[container.LogLine](ctx, conn, container.GetContainerLogs{Container: v.ID, Follow: true}) {
		if err != nil {
			t.Fatal(err) // stopped, there is nothing to follow
		}
	}
}

func (c *cluster) otherKinds(t *testing.T) {
	conn := c.open(t, nil)
	ns := c.namespace(t, conn)
	template := `{metadata: {labels: {app: x}}, spec: {containers: [{name: c, image: "registry.lab/shell:1"}]}}`
	c.rest(t, conn, "APPLY", map[string]any{"namespace": ns, "manifest": `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: set}
spec: {replicas: 2, serviceName: set, selector: {matchLabels: {app: x}}, template: ` + template + `}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: everywhere}
spec: {selector: {matchLabels: {app: other}}, template: ` + strings.Replace(template, "app: x", "app: other", 1) + `}
---
apiVersion: v1
kind: Pod
metadata: {name: alone, labels: {app: z}}
spec: {containers: [{name: c, image: "registry.lab/shell:1"}]}
`})
	var ids []string
	for v, err := range drivers.List[container.Container](t.Context(), conn, container.ListContainers{Cluster: ns}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, v.ID)
	}
	if want := []string{ns + "/statefulset/set", ns + "/daemonset/everywhere", ns + "/pod/alone"}; !slices.Equal(ids, want) {
		t.Fatalf("the containers are %v, not %v", ids, want)
	}
	set, everywhere, alone := ids[0], ids[1], ids[2]
	is(t, conn, set, "to be two", func(v container.Container) bool { return running(v) && v.Ready == 2 })
	is(t, conn, everywhere, "to run", running)
	is(t, conn, alone, "to run", running)
	for _, id := range ids {
		r, err := drivers.Call[container.ExecResult](t.Context(), conn, container.ExecContainer{Container: id, Command: []string{"echo", "hello"}})
		if err != nil || r.Stdout != "hello\n" {
			t.Errorf("%s: %+v, %v", id, r, err)
		}
	}
	for _, in := range []any{container.StopContainer{Container: everywhere}, container.StopContainer{Container: alone}, container.RestartContainer{Container: alone},
		container.ScaleContainer{Container: everywhere, Replicas: 2}, container.ScaleContainer{Container: alone, Replicas: 2}, container.StartContainer{Container: alone}} {
		wantKind(t, drivers.Do(t.Context(), conn, in), op.Unsupported)
	}
	for _, in := range []any{container.StopContainer{Container: set, Timeout: new(1)}, container.RestartContainer{Container: everywhere}} {
		if err := drivers.Do(t.Context(), conn, in); err != nil {
			t.Errorf("%+v: %v", in, err)
		}
	}
	is(t, conn, set, "to be stopped", func(v container.Container) bool { return v.State == container.Stopped })
	if err := drivers.Do(t.Context(), conn, container.StartContainer{Container: set}); err != nil {
		t.Fatal(err)
	}
	is(t, conn, set, "to be two again", func(v container.Container) bool { return v.Ready == 2 })
	for _, id := range ids {
		if err := drivers.Do(t.Context(), conn, container.DestroyContainer{Container: id}); err != nil {
			t.Error(err)
		}
	}
}

func (c *cluster) apply(t *testing.T) {
	conn := c.open(t, nil)
	ns := c.namespace(t, conn)
	settings := func(value string, more map[string]any) (native.Answer, error) {
		arguments := map[string]any{"namespace": ns, "manifest": map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": "settings"}, "data": map[string]any{"color": value}}}
		for k, v := range more {
			arguments[k] = v
		}
		return drivers.Call[native.Answer](t.Context(), conn, native.Call{Operation: "APPLY", Arguments: arguments})
	}
	for range 2 { // applying again changes nothing
		if a, err := settings("blue", nil); err != nil || a.Value.(map[string]any)["kind"] != "ConfigMap" {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	_, err := settings("green", map[string]any{"field_manager": "another"})
	wantKind(t, err, op.Conflict, "cloudlark", "settings")
	if _, err := settings("green", map[string]any{"field_manager": "another", "force": true, "dry_run": true}); err != nil {
		t.Fatal(err)
	}
	if v := c.rest(t, conn, "GET /api/v1/namespaces/"+ns+"/configmaps/settings", nil); v["data"].(map[string]any)["color"] != "blue" {
		t.Errorf("a dry run left %v", v["data"])
	}
	if _, err := settings("green", map[string]any{"field_manager": "another", "force": true}); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		manifest any
		words    string
	}{
		"no such kind":    {"apiVersion: v1\nkind: Nonsense\nmetadata: {name: x}", "Nonsense"},
		"no such version": {"apiVersion: example.com/v1\nkind: X\nmetadata: {name: x}", "example.com/v1"},
		"no name":         {"apiVersion: v1\nkind: ConfigMap", "metadata.name"},
		"no YAML":         {"a: [", "document 1"},
		"empty":           {"# nothing\n", "no object"},
		"unknown field":   {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndatas: {a: b}", "datas"},
		"mistyped":        {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: yes}", "invalid argument"},
		"half-way":        {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nwrong: 1", "the 1 before it were applied"},
	} {
		_, err := drivers.Call[native.Answer](t.Context(), conn, native.Call{Operation: "APPLY", Arguments: map[string]any{"namespace": ns, "manifest": c.manifest}})
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = drivers.Call[native.Answer](t.Context(), conn, native.Call{Operation: "APPLY", Arguments: map[string]any{"manifests": "x"}})
	wantKind(t, err, op.InvalidArgument, "manifest")
}

func (c *cluster) native(t *testing.T) {
	conn := c.open(t, nil)
	ns := c.namespace(t, conn)
	answer, err := drivers.Call[native.Answer](t.Context(), conn, native.Call{Operation: "GET /readyz"})
	if err != nil || answer.Value != "ok" {
		t.Errorf("%v, %v", answer, err)
	}
	made := c.rest(t, conn, "POST /api/v1/namespaces/{namespace}/configmaps", map[string]any{"namespace": ns, "body": map[string]any{"metadata": map[string]any{"name": "m"}}})
	if made["kind"] != "ConfigMap" {
		t.Errorf("it made %v", made)
	}
	patched := c.rest(t, conn, "PATCH /api/v1/namespaces/{namespace}/configmaps/m", map[string]any{"cluster": ns, "body": map[string]any{"data": map[string]any{"a": "b"}}})
	if patched["data"].(map[string]any)["a"] != "b" {
		t.Errorf("it is %v", patched)
	}
	patched = c.rest(t, conn, "PATCH /api/v1/namespaces/{namespace}/configmaps/m", map[string]any{"namespace": ns, "headers": map[string]any{"Content-Type": "application/json-patch+json"},
		"body": []any{map[string]any{"op": "remove", "path": "/data/a"}}})
	if data, _ := patched["data"].(map[string]any); len(data) != 0 {
		t.Errorf("it is %v", patched)
	}
	for _, operation := range []string{"GET https://example.com/api", "GET api/v1", "WATCH /api"} {
		_, err := drivers.Call[native.Answer](t.Context(), conn, native.Call{Operation: operation})
		wantKind(t, err, op.InvalidArgument)
	}
	_, err = drivers.Call[native.Answer](t.Context(), conn, native.Call{Operation: "GET /api/v1/pods", Arguments: map[string]any{"query": map[string]any{"watch": true}}})
	wantKind(t, err, op.InvalidArgument, "does not end")
}

// confined: a connection to one namespace asks for no more than that.
func (c *cluster) confined(t *testing.T) {
	admin := c.open(t, nil)
	ns := c.namespace(t, admin)
	c.rest(t, admin, "APPLY", map[string]any{"namespace": ns, "manifest": `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: editors}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: viewer}]
`})
	conn := c.open(t, map[string]any{"token": c.Viewer, "namespace": ns})
	v := c.deploy(t, conn, container.DeployContainer{Name: "mine"})
	if v.Cluster != ns {
		t.Errorf("it is in %s", v.Cluster)
	}
	n := 0
	for v, err := range drivers.List[container.Container](t.Context(), conn, container.ListContainers{}) {
		if err != nil || v.Cluster != ns {
			t.Fatalf("%+v, %v", v, err)
		}
		n++
	}
	if n == 0 {
		t.Error("the list is empty")
	}
	_, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "x", Image: c.Image, Cluster: ns, Extra: map[string]any{"namespace": "default"}})
	wantKind(t, err, op.InvalidArgument)
	if err := drivers.Do(t.Context(), conn, container.DestroyContainer{Container: v.ID}); err != nil {
		t.Error(err)
	}
}
