package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// opener opens the driver with a configuration, and what comes on top.
func opener(config map[string]any) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return drivertest.Opener(Provider(), config)
}

func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("a real daemon")
	}
	d := lab.Docker(t)
	drivertest.Container(t, drivertest.Harness{
		Open:    opener(map[string]any{"endpoint": d.Endpoint, "config_dir": t.TempDir()}),
		Image:   d.Image,
		Command: []string{"sleep", "3600"},
		Runs:    true,
		Native:  native.Call{Operation: "GET /info"}, NativeChange: "POST /containers/prune",
		Lacks: map[string]string{"list_containers.cluster": "there are no clusters"},
	})
}

// TestDaemon is what is Docker's own, on one daemon.
func TestDaemon(t *testing.T) {
	if testing.Short() {
		t.Skip("a real daemon")
	}
	d := lab.Docker(t)
	conn := drivertest.Connect(t, Provider(), map[string]any{"endpoint": d.Endpoint, "config_dir": t.TempDir()})
	deploy := func(t *testing.T, in container.DeployContainer) container.Container {
		t.Helper()
		if in.Image == "" {
			in.Image = d.Image
		}
		c := drivertest.Call[container.Container](t, conn, in)
		t.Cleanup(func() { drivers.Do(t.Context(), conn, container.DestroyContainer{Container: c.ID}) })
		return c
	}
	left := func(t *testing.T, name string) {
		t.Helper()
		for c, err := range drivers.List[container.Container](t.Context(), conn, container.ListContainers{Name: name}) {
			t.Errorf("left: %+v, %v", c, err)
		}
	}

	t.Run("published port", func(t *testing.T) {
		c := deploy(t, container.DeployContainer{Name: "web", Command: []string{"sh", "-c", "echo hello >/srv/index.html; exec httpd -f -p 80 -h /srv"}, Ports: []container.Port{{Port: 80}}})
		var outside int
		drivertest.Await(t, "the port", func() bool {
			c = drivertest.Call[container.Container](t, conn, container.GetContainer{Container: c.ID})
			outside = c.Ports[0].HostPort
			return outside != 0
		})
		url := fmt.Sprintf("http://%s:%d/", d.Address, outside)
		drivertest.Await(t, "an answer at "+url, func() bool {
			resp, err := http.Get(url)
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			return string(body) == "hello\n"
		})
		if len(c.IPs) != 1 || c.Name != "web" || c.Image != d.Image {
			t.Errorf("it is %+v", c)
		}
		// A second one wants the same port: it is refused, and nothing of it is left.
		_, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "web-2", Image: d.Image, Command: []string{"sleep", "9"},
			Ports: []container.Port{{Port: 80, HostPort: outside}}})
		if op.KindOf(err) != op.Conflict {
			t.Errorf("a taken port: %v", err)
		}
		left(t, "web-2")
	})

	t.Run("does not start", func(t *testing.T) {
		_, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "broken", Image: d.Image, Command: []string{"/no/such/program"}})
		if op.KindOf(err) != op.InvalidArgument {
			t.Errorf("no such program: %v", err)
		}
		left(t, "broken")
	})

	t.Run("given up", func(t *testing.T) {
		for _, after := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond, 150 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			c, err := drivers.Call[container.Container](ctx, conn, container.DeployContainer{Name: "given-up", Image: d.Image, Command: []string{"sleep", "600"}})
			cancel()
			switch {
			case err == nil:
				drivertest.Do(t, conn, container.DestroyContainer{Container: c.ID})
			case op.KindOf(err) != op.Timeout:
				t.Errorf("after %v: %v", after, err)
			}
			left(t, "given-up")
		}
	})

	t.Run("replicas", func(t *testing.T) {
		_, err := drivers.Call[container.Container](t.Context(), conn, container.DeployContainer{Name: "three", Image: d.Image, Replicas: new(3)})
		if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), "replicas is 3") {
			t.Errorf("three replicas: %v", err)
		}
	})

	t.Run("health", func(t *testing.T) {
		c := deploy(t, container.DeployContainer{Name: "checked", Command: []string{"sleep", "600"},
			Extra: map[string]any{"health": []any{"CMD-SHELL", "test -e /tmp/well"}, "health_interval": 1, "health_retries": 1}})
		if c.State != container.Pending || c.Ready != 0 {
			t.Errorf("before its first check it is %s, ready %d", c.State, c.Ready)
		}
		get := func() container.Container {
			return drivertest.Call[container.Container](t, conn, container.GetContainer{Container: c.ID})
		}
		drivertest.Await(t, "it to be unhealthy", func() bool { return get().State == container.Error })
		n := 0
		for range drivers.List[container.Container](t.Context(), conn, container.ListContainers{State: container.Error}) {
			n++
		}
		if n != 1 {
			t.Errorf("%d containers are in error", n)
		}
		drivertest.Call[container.ExecResult](t, conn, container.ExecContainer{Container: c.ID, Command: []string{"touch", "/tmp/well"}})
		drivertest.Await(t, "it to be healthy", func() bool { return get().State == container.Running })
		for listed, err := range drivers.List[container.Container](t.Context(), conn, container.ListContainers{Name: "checked"}) {
			if err != nil || listed.Ready != 1 {
				t.Errorf("the list says %+v, %v", listed, err)
			}
		}
	})

	t.Run("terminal", func(t *testing.T) {
		a := drivertest.Call[native.Answer](t, conn, native.Call{Operation: "POST /containers/create", Arguments: map[string]any{"query": map[string]any{"name": "terminal"},
			"body": map[string]any{"Image": d.Image, "Tty": true, "Cmd": []any{"sh", "-c", "echo one; echo two"}}}})
		id := a.Value.(map[string]any)["Id"].(string)
		drivertest.Do(t, conn, container.StartContainer{Container: id})
		var got []string
		for l, err := range drivers.List[container.LogLine](t.Context(), conn, container.GetContainerLogs{Container: id, Follow: true}) {
			if err != nil || l.Time.IsZero() {
				t.Fatalf("%+v, %v", l, err)
			}
			got = append(got, l.Text)
		}
		if !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("its lines are %q", got)
		}
		drivertest.Do(t, conn, container.DestroyContainer{Container: id})
	})

	t.Run("long line", func(t *testing.T) {
		const n = 100_000
		c := deploy(t, container.DeployContainer{Name: "long", Command: []string{"sh", "-c", fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x; echo; echo end", n)}})
		var got []string
		for l, err := range drivers.List[container.LogLine](t.Context(), conn, container.GetContainerLogs{Container: c.ID, Follow: true}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, l.Text)
		}
		if len(got) != 2 || got[0] != strings.Repeat("x", n) || got[1] != "end" {
			t.Errorf("%d lines; the first of %d bytes", len(got), len(got[0]))
		}
	})

	t.Run("much input and output", func(t *testing.T) {
		c := deploy(t, container.DeployContainer{Name: "cat", Command: []string{"sleep", "600"}})
		input := strings.Repeat("0123456789abcdef", 1<<16)
		r := drivertest.Call[container.ExecResult](t, conn, container.ExecContainer{Container: c.ID, Command: []string{"cat"}, Input: input})
		if r.Stdout != input {
			t.Errorf("%d bytes came back of %d", len(r.Stdout), len(input))
		}
		// A command that reads nothing of it ends all the same.
		if r := drivertest.Call[container.ExecResult](t, conn, container.ExecContainer{Container: c.ID, Command: []string{"sh", "-c", "exit 7"}, Input: input}); r.ExitCode != 7 {
			t.Errorf("it ended with %+v", r)
		}
	})

	t.Run("volumes", func(t *testing.T) {
		c := deploy(t, container.DeployContainer{Name: "data", Command: []string{"sleep", "600"}, Mounts: []container.Mount{{Source: "kept", Target: "/kept"}, {Source: "/tmp", Target: "/host", ReadOnly: true}}})
		want := []container.Mount{{Source: "/tmp", Target: "/host", ReadOnly: true}, {Source: "kept", Target: "/kept"}}
		if !slices.Equal(c.Mounts, want) {
			t.Errorf("mounts are %+v", c.Mounts)
		}
		drivertest.Do(t, conn, container.DestroyContainer{Container: c.ID})
		a := drivertest.Call[native.Answer](t, conn, native.Call{Operation: "GET /volumes", Arguments: map[string]any{"query": map[string]any{"filters": map[string]any{"name": []any{"kept"}}}}})
		if v, _ := a.Value.(map[string]any)["Volumes"].([]any); len(v) != 1 {
			t.Errorf("the named volume is gone: %v", a.Value)
		}
	})

	t.Run("names of an image", func(t *testing.T) {
		drivertest.Call[container.Image](t, conn, container.PullImage{Name: d.Image})
		_, err := drivers.Call[native.Answer](t.Context(), conn, native.Call{Operation: "POST /images/" + d.Image + "/tag", Arguments: map[string]any{"query": map[string]any{"repo": "other", "tag": "2"}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{d.Image, "other:2", "docker.io/library/other:2"} {
			n := 0
			for i, err := range drivers.List[container.Image](t.Context(), conn, container.ListImages{Name: name}) {
				if n++; err != nil || i.Name != name || i.Digest == "" {
					t.Errorf("%+v, %v", i, err)
				}
			}
			if n != 1 {
				t.Errorf("%s is in the list %d times", name, n)
			}
		}
		drivertest.Do(t, conn, container.DeleteImage{Image: "other:2"})
	})

	t.Run("private registry", func(t *testing.T) {
		registry := lab.Registry(t, d.Gateway, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if user, password, _ := r.BasicAuth(); user != "somebody" || password != "secret word" {
					w.Header().Set("WWW-Authenticate", `Basic realm="lab"`)
					http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
					return
				}
				next.ServeHTTP(w, r)
			})
		})
		image := registry + "/private/app:1"
		lab.Push(t, image, lab.Busybox(t), remote.WithAuth(&authn.Basic{Username: "somebody", Password: "secret word"}))
		if _, err := drivers.Call[container.Image](t.Context(), conn, container.PullImage{Name: image}); op.KindOf(err) != op.Unauthenticated {
			t.Errorf("without credentials: %v", err)
		}
		config := map[string]any{"endpoint": d.Endpoint, "config_dir": t.TempDir(), "registry": registry, "username": "somebody", "password": drivers.Secret("secret word")}
		if i := drivertest.Call[container.Image](t, drivertest.Connect(t, Provider(), config), container.PullImage{Name: image}); i.Name != image {
			t.Errorf("with the configuration's: %+v", i)
		}
		config["password"] = drivers.Secret("wrong word")
		if _, err := drivers.Call[container.Image](t.Context(), drivertest.Connect(t, Provider(), config), container.PullImage{Name: image}); op.KindOf(err) != op.Unauthenticated || strings.Contains(err.Error(), "wrong word") {
			t.Errorf("with wrong ones: %v", err)
		}
		// A credential helper, which is what docker login leaves behind on most machines.
		dir, bin := t.TempDir(), t.TempDir()
		write(t, filepath.Join(dir, "config.json"), fmt.Sprintf(`{"credHelpers": {%q: "lab"}}`, registry), 0o600)
		write(t, filepath.Join(bin, "docker-credential-lab"), "#!/bin/sh\nread host\n"+`echo "{\"ServerURL\": \"$host\", \"Username\": \"somebody\", \"Secret\": \"secret word\"}"`+"\n", 0o755)
		t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
		if i := drivertest.Call[container.Image](t, drivertest.Connect(t, Provider(), map[string]any{"endpoint": d.Endpoint, "config_dir": dir}), container.PullImage{Name: image}); i.Name != image {
			t.Errorf("with a helper's: %+v", i)
		}
	})

	t.Run("context with TLS", func(t *testing.T) {
		dir := t.TempDir()
		docker := exec.Command("docker", "context", "create", "lab", "--docker", fmt.Sprintf("host=%s,ca=%s/ca.pem,cert=%[2]s/cert.pem,key=%[2]s/key.pem", d.TLSEndpoint, d.CertPath))
		docker.Env = append(os.Environ(), "DOCKER_CONFIG="+dir, "DOCKER_HOST=")
		if out, err := docker.CombinedOutput(); err != nil {
			t.Fatalf("docker context create: %v\n%s", err, out)
		}
		for name, config := range map[string]map[string]any{
			"named":     {"config_dir": dir, "context": "lab"},
			"cert_path": {"config_dir": t.TempDir(), "endpoint": d.TLSEndpoint, "cert_path": d.CertPath},
		} {
			conn := drivertest.Connect(t, Provider(), config)
			c := drivertest.Call[container.Container](t, conn, container.DeployContainer{Name: "over-tls", Image: d.Image, Command: []string{"sleep", "600"}})
			if r := drivertest.Call[container.ExecResult](t, conn, container.ExecContainer{Container: c.ID, Command: []string{"cat"}, Input: "in and out"}); r.Stdout != "in and out" {
				t.Errorf("%s: exec answers with %+v", name, r)
			}
			drivertest.Do(t, conn, container.DestroyContainer{Container: c.ID})
		}
		write(t, filepath.Join(dir, "config.json"), `{"currentContext": "lab"}`, 0o600)
		t.Setenv("DOCKER_HOST", "")
		drivertest.Call[native.Answer](t, drivertest.Connect(t, Provider(), map[string]any{"config_dir": dir}), native.Call{Operation: "GET /version"})
		for name, config := range map[string]map[string]any{
			"no certificate": {"config_dir": t.TempDir(), "endpoint": strings.Replace(d.TLSEndpoint, "tcp://", "https://", 1)},
			"plain":          {"config_dir": t.TempDir(), "endpoint": d.TLSEndpoint},
		} {
			_, err := drivers.Call[container.Container](t.Context(), drivertest.Connect(t, Provider(), config), container.GetContainer{Container: "x"})
			if k := op.KindOf(err); err == nil || k == op.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
	})

	t.Run("ssh", func(t *testing.T) {
		s := lab.SSHD(t)
		key := filepath.Join(t.TempDir(), "key")
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
		public, err := os.ReadFile(key + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		write(t, s.Keys, string(public), 0o600)
		known := filepath.Join(t.TempDir(), "known_hosts")
		write(t, known, fmt.Sprintf("[%s]:%d %s\n", s.Host, s.Port, s.HostKeys[0]), 0o600)
		config := func(known string) map[string]any {
			return map[string]any{"config_dir": t.TempDir(), "endpoint": fmt.Sprintf("ssh://%s@%s:%d%s", s.User, s.Host, s.Port, strings.TrimPrefix(d.Endpoint, "unix://")),
				"ssh_options": []any{"-F", "none", "-i", key, "-o", "UserKnownHostsFile=" + known, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"}}
		}
		conn := drivertest.Connect(t, Provider(), config(known))
		c := drivertest.Call[container.Container](t, conn, container.DeployContainer{Name: "over-ssh", Image: d.Image, Command: []string{"sh", "-c", "echo hello; sleep 600"}})
		if r := drivertest.Call[container.ExecResult](t, conn, container.ExecContainer{Container: c.ID, Command: []string{"cat"}, Input: "in and out"}); r.Stdout != "in and out" {
			t.Errorf("exec answers with %+v", r)
		}
		for l, err := range drivers.List[container.LogLine](t.Context(), conn, container.GetContainerLogs{Container: c.ID, Follow: true}) {
			if err != nil || l.Text != "hello" {
				t.Errorf("%+v, %v", l, err)
			}
			break
		}
		drivertest.Do(t, conn, container.DestroyContainer{Container: c.ID})
		// A host key that is not known is not trusted.
		_, err = drivers.Call[container.Container](t.Context(), drivertest.Connect(t, Provider(), config(filepath.Join(t.TempDir(), "none"))), container.GetContainer{Container: "x"})
		if op.KindOf(err) != op.Unavailable || !strings.Contains(err.Error(), "Host key verification failed") {
			t.Errorf("an unknown host key: %v", err)
		}
	})
}

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// TestErrors is against a daemon that answers as daemons, and what stands in
// front of them, do in trouble.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		kind   op.Kind
		says   string
		after  time.Duration
	}{
		"not found":      {404, nil, `{"message": "No such container: x"}`, op.NotFound, "No such container: x", 0},
		"in use":         {409, nil, `{"message": "Conflict. The container name \"/x\" is already in use by container \"abc\"."}`, op.AlreadyExists, "already in use", 0},
		"conflict":       {409, nil, `{"message": "container x is not running"}`, op.Conflict, "not running", 0},
		"throttled":      {429, map[string]string{"Retry-After": "7"}, `{"message": "slow down"}`, op.RateLimited, "slow down", 7 * time.Second},
		"unavailable":    {503, map[string]string{"Retry-After": "3"}, "<html>a proxy's page</html>", op.Unavailable, "proxy", 3 * time.Second},
		"bad gateway":    {502, nil, "bad", op.Unavailable, "bad", 0},
		"forbidden":      {403, nil, `{"message": "authorization denied by plugin"}`, op.PermissionDenied, "denied by plugin", 0},
		"not logged in":  {401, nil, `{"message": "who are you"}`, op.Unauthenticated, "who are you", 0},
		"pull limit":     {500, nil, `{"message": "toomanyrequests: You have reached your pull rate limit"}`, op.RateLimited, "pull rate limit", 0},
		"disk full":      {500, nil, `{"message": "write /x: no space left on device"}`, op.QuotaExceeded, "no space left", 0},
		"unlike":         {500, nil, `{"message": "something odd"}`, op.Internal, "something odd", 0},
		"not JSON":       {200, nil, "<html>a login page</html>", op.Internal, "invalid character", 0},
		"cut off":        {200, nil, `{"Id": "a`, op.Unavailable, "unexpected EOF", 0},
		"older than any": {400, nil, `{"message": "client version 1.54 is too new"}`, op.InvalidArgument, "too new", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Api-Version", "1.41")
				if strings.HasSuffix(r.URL.Path, "/_ping") {
					return
				}
				w.Header().Set("Content-Type", "application/json")
				if !json.Valid([]byte(c.body)) && c.status >= 400 {
					w.Header().Set("Content-Type", "text/html")
				}
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer s.Close()
			conn := drivertest.Connect(t, Provider(), map[string]any{"endpoint": strings.Replace(s.URL, "http://", "tcp://", 1), "config_dir": t.TempDir()})
			_, err := drivers.Call[container.Container](t.Context(), conn, container.GetContainer{Container: "x"})
			e := op.AsError(err)
			if err == nil || e.Kind != c.kind || !strings.Contains(e.Message, c.says) || e.RetryAfter != c.after {
				t.Errorf("%v, after %v", err, e.RetryAfter)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		conn := drivertest.Connect(t, Provider(), map[string]any{"endpoint": "unix://" + filepath.Join(t.TempDir(), "none.sock"), "config_dir": t.TempDir()})
		_, err := drivers.Call[container.Container](t.Context(), conn, container.GetContainer{Container: "x"})
		if op.KindOf(err) != op.Unavailable || !strings.Contains(err.Error(), "none.sock") {
			t.Error(err)
		}
	})
	t.Run("ids are no paths", func(t *testing.T) {
		conn := drivertest.Connect(t, Provider(), map[string]any{"endpoint": "unix:///nowhere.sock", "config_dir": t.TempDir()})
		for _, id := range []string{"../images/prune", "x?force=1", "..", ""} {
			if err := drivers.Do(t.Context(), conn, container.StartContainer{Container: id}); op.KindOf(err) != op.NotFound && op.KindOf(err) != op.InvalidArgument {
				t.Errorf("%q: %v", id, err)
			}
		}
	})
}

func TestConfiguration(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")
	for name, config := range map[string]map[string]any{
		"two places":          {"endpoint": "unix:///x", "context": "y"},
		"no such context":     {"context": "nothing", "config_dir": t.TempDir()},
		"no address":          {"endpoint": "nonsense"},
		"half of a login":     {"username": "u", "registry": "r.example"},
		"a login to nowhere":  {"username": "u", "password": drivers.Secret("p")},
		"no such certificate": {"endpoint": "tcp://127.0.0.1:1", "cert_path": t.TempDir()},
		"no version":          {"endpoint": "unix:///x", "api_version": "new"},
	} {
		if _, err := Provider().Open(t.Context(), "docker", config); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}
