package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// family is a server with a child, which prints the ids of both.
var family = `
sleep 1000 &
echo $$ $! ready
wait`

func TestServerEndsWithItsTest(t *testing.T) {
	t.Setenv("CLOUDLARK_LAB", t.TempDir())
	t.Setenv("CI", "true")
	var ids []byte
	t.Run("test", func(t *testing.T) { ids = script(family).start(t).log() })
	for _, id := range strings.Fields(string(ids))[:2] {
		if !gone(id) {
			t.Errorf("process %s outlives the test", id)
		}
	}
}

// TestServerEndsWithACrash runs this test in another process, which kills
// itself while its server runs.
func TestServerEndsWithACrash(t *testing.T) {
	t.Setenv("CI", "true")
	const crash = "CLOUDLARK_LAB_CRASH"
	if os.Getenv(crash) != "" {
		fmt.Printf("%s", script("echo $$ ready; exec sleep 1000").start(t).log())
		p, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		p.Kill()
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	dir := t.TempDir() // the other process will not remove its own
	cmd.Env = append(os.Environ(), crash+"=1", "CLOUDLARK_LAB="+dir, "TMPDIR="+dir)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the process was to die of a signal: %v\n%s", err, out)
	}
	id, _, _ := strings.Cut(string(out), " ")
	if !gone(id) {
		t.Errorf("process %s outlives the test", id)
	}
}

// gone tells whether the process ends soon. What its parent has yet to take
// note of is gone too.
func gone(id string) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		stat, err := os.ReadFile("/proc/" + id + "/stat")
		if errors.Is(err, fs.ErrNotExist) {
			return true
		}
		// 123 (name) S …
		_, state, _ := bytes.Cut(stat, []byte(") "))
		if bytes.HasPrefix(state, []byte("Z")) {
			return true
		}
	}
	return false
}
