package sim

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func TestShell(t *testing.T) {
	for _, test := range []struct {
		line, stdout, stderr string
		code                 int
	}{
		{"echo hello", "hello\n", "", 0},
		{"echo -n hello", "hello", "", 0},
		{`echo "a  b" 'c $X' $X "$X" ${X}y $NONE "$NONE" \$X $`, "a  b c $X x x xy  $X $\n", "", 0},
		{"echo out; echo err >&2; exit 3", "out\n", "err\n", 3},
		{"true && echo yes || echo no", "yes\n", "", 0},
		{"false && echo yes || echo no", "no\n", "", 0},
		{"exit 300", "", "", 44},
		{"exit 4; echo never", "", "", 4},
		{"echo one\necho two", "one\ntwo\n", "", 0},
		{"cat", "input", "", 0},
		{"cat /etc/passwd", "", "cat: /etc/passwd: No such file or directory\n", 1},
		{"printenv X NONE", "x\n", "", 1},
		{"env", "X=x\n", "", 0},
		{`sh -c 'echo inner; exit 2' ; echo after`, "inner\nafter\n", "", 0},
		{"frobnicate", "", "frobnicate: not found\n", 127},
		{"echo a | cat", "", "sh: syntax error: '|' is not known to the embedded cloud's shell\n", 2},
		{"echo 'a", "", "sh: syntax error: unterminated quoted string\n", 2},
		{"sleep x", "", "sleep: invalid time interval 'x'\n", 1},
		{"", "", "", 0},
	} {
		s := shell{env: map[string]string{"X": "x"}, input: "input"}
		s.run([]string{"/bin/sh", "-c", test.line})
		if out, err := s.text(container.Stdout), s.text(container.Stderr); out != test.stdout || err != test.stderr || s.code != test.code {
			t.Errorf("%s:\ngot  %q, %q, %d\nwant %q, %q, %d", test.line, out, err, s.code, test.stdout, test.stderr, test.code)
		}
	}
}

// deploy runs a shell's command line in a container.
func deploy(t *testing.T, c *drivers.Conn, policy container.RestartPolicy, line string) container.Container {
	t.Helper()
	out, err := drivers.Call[container.Container](t.Context(), c, container.DeployContainer{Name: line, Image: "alpine",
		Command: []string{"sh", "-c", line}, RestartPolicy: policy})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestContainersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Providers(Options{}), container.Family, map[string]any{"boot_time": "4s"})
		is := func(id string, state container.State, code int) {
			t.Helper()
			got, err := drivers.Call[container.Container](t.Context(), c, container.GetContainer{Container: id})
			if err != nil || got.State != state || (got.ExitCode != nil) != (code >= 0) || code >= 0 && *got.ExitCode != code {
				t.Errorf("the container is %+v, %v; want %s, %d", got, err, state, code)
			}
		}
		once := deploy(t, c, container.RestartNo, "echo a; sleep 10; echo b; exit 3")
		again := deploy(t, c, container.RestartOnFailure, "sleep 5; false")
		fine := deploy(t, c, container.RestartOnFailure, "sleep 5")
		is(once.ID, container.Pending, -1)
		time.Sleep(time.Second)
		is(once.ID, container.Running, -1)
		time.Sleep(9 * time.Second)
		is(once.ID, container.Running, -1)
		is(again.ID, container.Running, -1)
		is(fine.ID, container.Stopped, 0)
		time.Sleep(time.Second)
		is(once.ID, container.Stopped, 3)

		do(t, c, container.StartContainer{Container: once.ID})
		time.Sleep(2 * time.Second)
		is(once.ID, container.Running, -1)
		do(t, c, container.StopContainer{Container: once.ID, Timeout: new(1)})
		is(once.ID, container.Stopped, stopped)
		var lines []string
		for l, err := range drivers.List[container.LogLine](t.Context(), c, container.GetContainerLogs{Container: once.ID}) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, l.Text)
		}
		if !slices.Equal(lines, []string{"a", "b", "a"}) {
			t.Errorf("it wrote %q", lines)
		}
	})
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Providers(Options{}), container.Family, nil)
		ends := deploy(t, c, container.RestartNo, "echo 1; sleep 60; echo 2; sleep 60; echo 3 >&2")
		began := time.Now()
		var lines []string
		for l, err := range drivers.List[container.LogLine](t.Context(), c, container.GetContainerLogs{Container: ends.ID, Follow: true}) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(l.Stream)+" "+l.Text)
		}
		if !slices.Equal(lines, []string{"stdout 1", "stdout 2", "stderr 3"}) {
			t.Errorf("it wrote %q", lines)
		}
		if took := time.Since(began); took < 2*time.Minute || took > 3*time.Minute {
			t.Errorf("it was followed for %s", took)
		}

		service, err := drivers.Call[container.Container](t.Context(), c, container.DeployContainer{Name: "web", Image: "nginx"})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range drivers.List[container.LogLine](t.Context(), c, container.GetContainerLogs{Container: service.ID, Follow: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 10 {
				do(t, c, container.DestroyContainer{Container: service.ID})
			}
		}
		if n != 10 {
			t.Errorf("a container that was destroyed after 10 lines wrote %d", n)
		}
	})
}

func TestExec(t *testing.T) {
	c := open(t, Providers(Options{}), container.Family, map[string]any{"boot_time": "0s"})
	web, err := drivers.Call[container.Container](t.Context(), c, container.DeployContainer{Name: "web", Image: "nginx:1.29", Environment: map[string]string{"A": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := drivers.Call[container.ExecResult](t.Context(), c, container.ExecContainer{Container: web.ID,
		Command: []string{"sh", "-c", `echo "$A $B on $HOSTNAME"; exit 5`}, Environment: map[string]string{"B": "2"}})
	if err != nil || r.ExitCode != 5 || r.Stdout != "1 2 on web\n" {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err := drivers.Call[container.Container](t.Context(), c, container.DeployContainer{Name: "x", Image: "nginx:9"}); !errors.Is(err, op.NotFound) {
		t.Errorf("an image of no tag: %v", err)
	}
}
