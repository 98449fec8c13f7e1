package deploy

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// machine is a server that lets us in, and how.
func machine(t *testing.T) (lab.SSH, Target) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	server := lab.SSHD(t)
	private, public, err := sshkey.New("test")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(server.Keys, []byte(public.Line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return server, Target{Name: "web-1", Host: server.Host, Port: server.Port, User: server.User, Key: private, HostKeys: HostKeys{Pinned: server.HostKeys}}
}

func connect(t *testing.T, target Target) *Session {
	t.Helper()
	s, err := Connect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestRun(t *testing.T) {
	_, target := machine(t)
	var mu sync.Mutex
	var said []string
	target.Output = func(l Line) {
		mu.Lock()
		defer mu.Unlock()
		if l.Stderr {
			l.Text = "! " + l.Text
		}
		said = append(said, l.Name+": "+l.Text)
	}
	s := connect(t, target)
	for _, c := range []struct {
		command        Command
		stdout, stderr string
		status         int
	}{
		{Command{Line: "echo one; echo two"}, "one\ntwo\n", "", 0},
		{Command{Line: "echo bad >&2; exit 3"}, "", "bad\n", 3},
		{Command{Line: "cat", Stdin: strings.NewReader("in")}, "in", "", 0},
		{Command{Line: `echo "$A-$B"`, Env: map[string]string{"A": "it's", "B": "$HOME\n"}}, "it's-$HOME\n\n", "", 0},
		{Command{Line: "echo " + Quote("a b", "it's", "$HOME", "", "ü")}, "a b it's $HOME  ü\n", "", 0},
		{Command{Line: `id -u; echo "$A"`, Env: map[string]string{"A": "x y"}, Sudo: true}, "0\nx y\n", "", 0},
	} {
		if c.command.Sudo && os.Geteuid() != 0 {
			continue
		}
		r, err := s.Run(t.Context(), c.command)
		if err != nil || r.Stdout != c.stdout || r.Stderr != c.stderr || r.Status != c.status {
			t.Errorf("%+v: %+v, %v", c.command, r, err)
		}
	}
	all := strings.Join(said, "\n")
	for _, want := range []string{"web-1: one\nweb-1: two", "web-1: ! bad", "web-1: in"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in what was said:\n%s", want, all)
		}
	}
}

// TestRunEnds: a command ends with its context, and the session goes on.
func TestRunEnds(t *testing.T) {
	server, target := machine(t)
	started := make(chan struct{})
	target.Output = func(l Line) {
		if l.Text == "started" {
			close(started)
		}
	}
	s := connect(t, target)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	if _, err := s.Run(ctx, Command{Line: "echo started; exec sleep 600"}); op.KindOf(err) != op.Canceled {
		t.Errorf("canceled: %v", err)
	}
	// However early it is given up, it does not run on there.
	pid := filepath.Join(server.Dir, "pid")
	for _, limit := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 50 * time.Millisecond} {
		if _, err := s.Run(t.Context(), Command{Line: "echo $$ > " + pid + "; exec sleep 600", Timeout: limit}); op.KindOf(err) != op.Timeout {
			t.Errorf("too slow: %v", err)
		}
		if r, err := s.Run(t.Context(), Command{Line: "! kill -0 $(cat " + pid + ")"}); err != nil || r.Status != 0 {
			t.Errorf("given up after %v, it runs on: %+v, %v", limit, r, err)
		}
	}
	if r, err := s.Run(t.Context(), Command{Line: "echo alive"}); err != nil || r.Stdout != "alive\n" {
		t.Errorf("afterwards: %+v, %v", r, err)
	}
}

// TestDeploy does it twice: the second time there is nothing to do.
func TestDeploy(t *testing.T) {
	server, target := machine(t)
	s := connect(t, target)
	_, other, err := sshkey.New("other")
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(server.Dir, "root")
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB
	steps := []Step{
		Key{other.Line + " other@example.com"},
		File{Path: root + "/conf/it's \"x\" ü.conf", Content: []byte("a = 1\n"), Mode: 0o640},
		File{Path: root + "/big", Content: big},
		File{Path: root + "/empty"},
		Dir{Source: fstest.MapFS{"index.html": {Data: []byte("hello\n")}, "bin/run": {Data: []byte("#!/bin/sh\n"), Mode: 0o755}, "deep/er/x": {}, "it's\nempty": {Mode: fs.ModeDir},
			"link": {Data: []byte("index.html"), Mode: fs.ModeSymlink}}, Path: root + "/www"},
		Script{Name: "install", Text: "#!/bin/sh -e\necho \"$1|$2|$WHO\" > \"$3\"\n", Args: []string{"a b", "it's", root + "/made"}, Env: map[string]string{"WHO": "me & you"}, Creates: root + "/made"},
		Run{Command: Command{Line: "touch " + Quote(root+"/ran")}, Creates: root + "/ran"},
		CloudInit{},
	}
	keys := filepath.Join(server.Dir, "home", ".ssh", "authorized_keys")
	for round, want := range []bool{true, false} {
		results, err := s.Deploy(t.Context(), steps...)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if _, waits := steps[i].(CloudInit); r.Changed != (want && !waits) || r.Status != 0 {
				t.Errorf("round %d: %+v", round, r)
			}
		}
	}
	for name, want := range map[string]struct {
		data string
		mode fs.FileMode
	}{
		"conf/it's \"x\" ü.conf": {"a = 1\n", 0o640}, "big": {string(big), 0o644}, "empty": {"", 0o644},
		"www/index.html": {"hello\n", 0o644}, "www/bin/run": {"#!/bin/sh\n", 0o755}, "www/deep/er/x": {"", 0o644}, "www/link": {"hello\n", 0o644},
		"made": {"a b|it's|me & you\n", 0o644},
	} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || string(data) != want.data {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
			continue
		}
		if info, _ := os.Stat(filepath.Join(root, name)); name != "made" && info.Mode().Perm() != want.mode {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
	}
	if info, err := os.Stat(root + "/www/it's\nempty"); err != nil || !info.IsDir() {
		t.Errorf("an empty folder: %v", err)
	}
	if left, _ := filepath.Glob(root + "/*/.*" + part); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	data, err := os.ReadFile(keys)
	if err != nil || strings.Count(string(data), other.Line) != 1 {
		t.Errorf("the key is in authorized_keys: %q, %v", data, err)
	}
	var back bytes.Buffer
	if n, err := s.Download(t.Context(), root+"/big", &back); err != nil || n != int64(len(big)) || !bytes.Equal(back.Bytes(), big) {
		t.Errorf("downloaded %d bytes, %v", n, err)
	}
}

// TestDeployChanges: what is there and is not as it shall be is replaced.
func TestDeployChanges(t *testing.T) {
	server, target := machine(t)
	s := connect(t, target)
	name := filepath.Join(server.Dir, "x.conf")
	file := File{Path: name, Content: []byte("one\n")}
	changed := func(f File) bool {
		t.Helper()
		results, err := s.Deploy(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return results[0].Changed
	}
	if !changed(file) || changed(file) {
		t.Error("new, and again")
	}
	file.Mode = 0o600
	if !changed(file) || changed(file) {
		t.Error("another mode, and again")
	}
	file.Content = []byte("two\n")
	if !changed(file) || changed(file) {
		t.Error("another content, and again")
	}
	if os.Geteuid() == 0 {
		file.Owner = "nobody"
		if !changed(file) || changed(file) {
			t.Error("another owner, and again")
		}
		file.Sudo, file.Path, file.Owner = true, filepath.Join(server.Dir, "new", "y.conf"), "root:daemon"
		if !changed(file) || changed(file) {
			t.Error("as root, and again")
		}
	}
}

// TestDeployFails: the error names the machine, the step and what its command said.
func TestDeployFails(t *testing.T) {
	server, target := machine(t)
	s := connect(t, target)
	for _, c := range []struct {
		step Step
		kind op.Kind
		says string
	}{
		{Run{Command: Command{Line: "echo no such thing >&2; exit 7"}}, op.Conflict, "web-1: step 2 of 3, run echo no such thing >&2; exit 7: exit status 7: no such thing"},
		{Script{Name: "setup", Text: "echo only this; exit 1"}, op.Conflict, "script setup: exit status 1: only this"},
		{Script{Text: "#!/no/such/interpreter\n"}, op.Conflict, "exit status 127"},
		{File{Path: "/proc/nothing/x"}, op.NotFound, "file /proc/nothing/x"},
		{File{Path: server.Dir + "/x", Source: fstest.MapFS{}, Name: "none"}, op.NotFound, "none"},
		{File{Path: server.Dir + "/x", Owner: "nobody-at-all"}, op.Conflict, "nobody-at-all"},
		{File{Path: server.Dir, Content: []byte("x")}, op.Conflict, server.Dir + " is a folder"},
		{Dir{Path: server.Dir + "/x", Source: os.DirFS(server.Dir + "/none")}, op.NotFound, "no such file"},
		{Dir{Path: server.Dir + "/x", Source: fstest.MapFS{"pipe": {Mode: fs.ModeNamedPipe}}}, op.InvalidArgument, "pipe is neither a file nor a folder"},
		{Run{Command: Command{Line: "exit 1 # hunter2", Shown: "exit 1"}}, op.Conflict, "step 2 of 3, run exit 1: exit status 1"},
		{Key{"nonsense"}, op.InvalidArgument, "no public key"},
	} {
		results, err := s.Deploy(t.Context(), Run{Command: Command{Line: "true"}}, c.step, Run{Command: Command{Line: "touch " + Quote(server.Dir+"/never")}})
		if op.KindOf(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.says) || len(results) != 2 {
			t.Errorf("%s: %v, after %d steps", c.step, err, len(results))
		}
		if strings.Contains(fmt.Sprint(results, err), "hunter2") {
			t.Errorf("what nobody is to see: %v, %+v", err, results)
		}
	}
	for _, name := range []string{"never", "x"} {
		if _, err := os.Stat(filepath.Join(server.Dir, name)); err == nil {
			t.Errorf("%s is there", name)
		}
	}
}

// TestQuiet: a session and its quiet one have one SFTP between them, as a server
// allows a connection few things at once.
func TestQuiet(t *testing.T) {
	server, target := machine(t)
	s := connect(t, target)
	for i := range 12 {
		if _, err := s.Quiet().Deploy(t.Context(), File{Path: filepath.Join(server.Dir, fmt.Sprint("quiet-", i))}); err != nil {
			t.Fatalf("the %d. time: %v", i+1, err)
		}
	}
}

// TestKeyThatIsOff: a key in a comment lets nobody in.
func TestKeyThatIsOff(t *testing.T) {
	server, target := machine(t)
	s := connect(t, target)
	_, other, err := sshkey.New("other")
	if err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(server.Dir, "home", ".ssh", "authorized_keys")
	if err := os.Mkdir(filepath.Dir(keys), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, []byte(" # "+other.Line), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if r, err := s.Deploy(t.Context(), Key{other.Line}); err != nil || r[0].Changed != want {
			t.Errorf("%+v, %v", r, err)
		}
	}
	if data, err := os.ReadFile(keys); err != nil || string(data) != " # "+other.Line+"\n"+other.Line+"\n" {
		t.Errorf("there is %q, %v", data, err)
	}
}
