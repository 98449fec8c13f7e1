package lab

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestMoto(t *testing.T) {
	url := Moto(t)
	resp, err := http.Get(url + "/?Action=DescribeRegions&Version=2016-11-15")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("DescribeRegions: %s", resp.Status)
	}
}

func TestVersityChecksSignatures(t *testing.T) {
	resp, err := http.Get(Versity(t).Endpoint + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("an anonymous list of buckets: %s, want 403", resp.Status)
	}
}

// script is a server that is a shell script: install is its installation.
func script(install func(dir string) error, body string) Server {
	return Server{Name: "script", Version: "1",
		Install: func(_ context.Context, dir string) error { return install(dir) },
		Command: func(dir, addr, tmp string) *exec.Cmd { return exec.Command("sh", "-c", body) }}
}

func TestInstallOnce(t *testing.T) {
	t.Setenv("CLOUDLARK_LAB", t.TempDir())
	var mu sync.Mutex
	count := 0
	s := script(func(dir string) error {
		mu.Lock()
		defer mu.Unlock()
		count++
		return nil
	}, "")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := Install(context.Background(), s); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if count != 1 {
		t.Errorf("installed %d times", count)
	}
}

func TestInterruptedInstallationIsMadeAnew(t *testing.T) {
	root := t.TempDir()
	t.Setenv("CLOUDLARK_LAB", root)
	half := filepath.Join(root, "script-1", "half")
	fails := script(func(dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "half"), nil, 0o644), errors.New("no network"))
	}, "")
	if err := Install(t.Context(), fails); err == nil || !strings.Contains(err.Error(), "no network") {
		t.Errorf("got %v", err)
	}
	// What a kill leaves is a folder without the mark.
	if err := os.MkdirAll(filepath.Dir(half), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(half, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Install(t.Context(), script(func(string) error { return nil }, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half); err == nil {
		t.Error("the half installation was kept")
	}
}

func TestMissingServerSkips(t *testing.T) {
	t.Setenv("CLOUDLARK_LAB", t.TempDir())
	t.Setenv("CI", "")
	ok := t.Run("skipped", func(t *testing.T) {
		defer func() {
			if !t.Skipped() {
				t.Error("was not skipped")
			}
		}()
		start(t, script(func(string) error { return nil }, ""))
	})
	if !ok {
		t.Fail()
	}
}

func TestServerThatEndsTellsWhy(t *testing.T) {
	s := script(nil, "echo no such option >&2; exit 3")
	_, err := s.run(t, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "no such option") {
		t.Errorf("got %v", err)
	}
}

func TestServerEndsWithItsTest(t *testing.T) {
	var pid int
	t.Run("test", func(t *testing.T) {
		cmd := exec.Command("sleep", "1000")
		ended, err := launch(cmd)
		if err != nil {
			t.Fatal(err)
		}
		pid = cmd.Process.Pid
		syscall.Kill(-pid, syscall.SIGKILL)
		<-ended
	})
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
}
