package docker

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// idle runs until it is asked to end, which it does at once.
var idle = []string{"sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"}

// TestSwarm is on a swarm of one machine.
func TestSwarm(t *testing.T) {
	if testing.Short() {
		t.Skip("a real daemon")
	}
	d := lab.Docker(t)
	opener := drivertest.Opener(SwarmProvider(), map[string]any{"endpoint": d.Endpoint, "config_dir": t.TempDir()})
	conn := opener(t, nil)
	t.Cleanup(func() { conn.Close() })
	deploy := func(t *testing.T, in container.DeployContainer) container.Container {
		t.Helper()
		in.Image = d.Image
		c := drivertest.Call[container.Container](t, conn, in)
		t.Cleanup(func() { drivers.Do(t.Context(), conn, container.DestroyContainer{Container: c.ID}) })
		return c
	}
	get := func(t *testing.T, c container.Container) container.Container {
		t.Helper()
		return drivertest.Call[container.Container](t, conn, container.GetContainer{Container: c.ID})
	}

	t.Run("no swarm", func(t *testing.T) {
		for c, err := range drivers.List[container.Cluster](t.Context(), conn, container.ListClusters{}) {
			t.Errorf("before there is a swarm: %+v, %v", c, err)
		}
		_, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "web", Image: d.Image})
		if op.KindOf(err) != op.Conflict || !strings.Contains(err.Error(), "docker swarm init") {
			t.Errorf("deployed without a swarm: %v", err)
		}
	})
	drivertest.Call[native.Answer](t, conn, native.Call{Operation: "POST /swarm/init", Arguments: map[string]any{"body": map[string]any{"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"}}})

	t.Run("conformance", func(t *testing.T) {
		drivertest.Container(t, drivertest.Harness{
			Open: opener, Image: d.Image, Command: idle, Runs: true,
			Native: native.Call{Operation: "GET /services"}, NativeChange: "POST /services/create",
			Lacks: map[string]string{"list_clusters.location": "a swarm is in no place"},
		})
	})
	t.Run("logs of replicas", func(t *testing.T) {
		c := deploy(t, container.DeployContainer{Name: "talk", Command: []string{"sh", "-c", "echo one; echo two; trap 'exit 0' TERM; sleep 3600 & wait"}, Replicas: new(3)})
		drivertest.Await(t, "the service to run", func() bool { return get(t, c).State == container.Running })
		read := func(in container.GetContainerLogs) (texts []string) {
			in.Container = c.ID
			for l, err := range drivers.List[container.LogLine](t.Context(), conn, in) {
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, l.Text)
			}
			return texts
		}
		drivertest.Await(t, "the lines of all", func() bool { return len(read(container.GetContainerLogs{})) == 6 })
		if got := read(container.GetContainerLogs{Tail: new(2)}); len(got) != 2 || got[1] != "two" {
			t.Errorf("the last two lines are %q", got)
		}
		drivertest.Do(t, conn, container.ScaleContainer{Container: c.ID, Replicas: 0})
		got := read(container.GetContainerLogs{Follow: true})
		slices.Sort(got)
		if !slices.Equal(got, []string{"one", "one", "one", "two", "two", "two"}) {
			t.Errorf("followed until it is stopped: %q", got)
		}
	})
	t.Run("image by id", func(t *testing.T) {
		i := drivertest.Call[container.Image](t, conn, container.GetImage{Image: d.Image})
		c := drivertest.Call[container.Container](t, conn, container.DeployContainer{Name: "by-id", Image: i.ID, Command: idle})
		t.Cleanup(func() { drivers.Do(t.Context(), conn, container.DestroyContainer{Container: c.ID}) })
		if c.Image != d.Image {
			t.Errorf("it is %+v", c)
		}
	})
	t.Run("published port", func(t *testing.T) {
		c := deploy(t, container.DeployContainer{Name: "web", Command: []string{"sh", "-c", "echo hello >/srv/index.html; exec httpd -f -p 80 -h /srv"},
			Ports: []container.Port{{Port: 80, HostPort: 8123}}, Extra: map[string]any{"publish": "host"}})
		drivertest.Await(t, "the service to run", func() bool { c = get(t, c); return c.State == container.Running })
		if len(c.Ports) != 1 || c.Ports[0].HostPort != 8123 {
			t.Errorf("its ports are %+v", c.Ports)
		}
		drivertest.Await(t, "an answer", func() bool {
			resp, err := http.Get("http://" + d.Address + ":8123/")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			return string(body) == "hello\n"
		})
	})
	t.Run("global", func(t *testing.T) {
		c := deploy(t, container.DeployContainer{Name: "everywhere", Command: idle, Extra: map[string]any{"global": true}})
		drivertest.Await(t, "the service to run", func() bool { c = get(t, c); return c.State == container.Running && c.Replicas == 1 })
		for _, in := range []any{container.ScaleContainer{Container: c.ID, Replicas: 2}, container.StopContainer{Container: c.ID}} {
			if err := drivers.Do(t.Context(), conn, in); op.KindOf(err) != op.Unsupported {
				t.Errorf("%T of a global service: %v", in, err)
			}
		}
		drivertest.Do(t, conn, container.RestartContainer{Container: c.ID})
	})
	t.Run("broken", func(t *testing.T) {
		c := deploy(t, container.DeployContainer{Name: "broken", Command: []string{"/no/such/program"}})
		drivertest.Await(t, "the service to be in error", func() bool { c = get(t, c); return c.State == container.Error })
		if text, _ := c.Extra["error"].(string); !strings.Contains(text, "/no/such/program") {
			t.Errorf("it says %+v", c.Extra)
		}
	})
	t.Run("failed once", func(t *testing.T) {
		c := deploy(t, container.DeployContainer{Name: "once", Command: []string{"sh", "-c", "echo ran; exit 3"}, RestartPolicy: container.RestartNo})
		for n := range 2 {
			drivertest.Await(t, "the service to end", func() bool { c = get(t, c); return c.State == container.Stopped })
			if c.ExitCode == nil || *c.ExitCode != 3 {
				t.Errorf("it ended as %+v", c)
			}
			lines := 0
			for _, err := range drivers.List[container.LogLine](t.Context(), conn, container.GetContainerLogs{Container: c.ID, Follow: true}) {
				if err != nil {
					t.Fatal(err)
				}
				lines++
			}
			if lines != n+1 {
				t.Errorf("run %d times, it wrote %d lines", n+1, lines)
			}
			drivertest.Do(t, conn, container.StartContainer{Container: c.ID})
		}
	})
	t.Run("more", func(t *testing.T) {
		c := deploy(t, container.DeployContainer{Name: "more", Command: idle, Extra: map[string]any{"constraints": []any{"node.role == manager"},
			"update_config": map[string]any{"Parallelism": int64(2), "Order": "start-first"}, "container": map[string]any{"User": "65534", "Hostname": "inside"}}})
		drivertest.Await(t, "the service to run", func() bool { c = get(t, c); return c.State == container.Running })
		r := drivertest.Call[container.ExecResult](t, conn, container.ExecContainer{Container: c.ID, Command: []string{"sh", "-c", "id -u; hostname"}})
		if r.Stdout != "65534\ninside\n" {
			t.Errorf("inside it says %+v", r)
		}
		_, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "wrong", Image: d.Image, Extra: map[string]any{"container": map[string]any{"Userr": "1"}}})
		if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), "Userr") {
			t.Errorf("a misspelled field: %v", err)
		}
	})
}
