// Package lab gives tests real servers that others wrote: not our mocks of a
// provider, but the nearest thing to the provider that runs on one machine.
//
//	func TestS3(t *testing.T) {
//		server := lab.Versity(t)
//		… server.Endpoint …
//	}
//
// A server belongs to the test that asked for it. It is started for that test
// on a loopback port chosen then, and ended by its own process id when the test
// ends, or when the test's process dies. Subtests share what their parent
// started; nothing is shared between tests, so nothing has to be reset.
//
// Servers are installed once per user, into a folder of the user's cache or
// the one named by CLOUDLARK_LAB, by
//
//	go run ./testdata/lab/install [SERVER…]
//
// Where CI is set, a test installs what it needs, and fails if it cannot.
// Elsewhere it is skipped, and says that command.
//
// To add a server, add a file with a [Server]: how to install it, how to start
// it, and how to tell that it is ready.
package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Server is a program that can be installed and started.
type Server struct {
	Name    string // as the install command takes it
	Version string // pinned, so that a test means the same tomorrow

	// Install puts the program into dir.
	Install func(ctx context.Context, dir string) error
	// Command starts it from dir, listening on addr, keeping its data in tmp.
	Command func(dir, addr, tmp string) *exec.Cmd
}

// Servers lists what can be installed.
func Servers() []Server { return []Server{moto, versity} }

// start gives t a running server and returns its base URL.
func start(t testing.TB, s Server) string {
	t.Helper()
	dir, err := s.dir()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".installed")); errors.Is(err, fs.ErrNotExist) {
		if os.Getenv("CI") == "" {
			t.Skipf("%s %s is not installed: run 'go run ./testdata/lab/install %s' in the module's root", s.Name, s.Version, s.Name)
		}
		if err := Install(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	// The port is free when it is chosen; if another process takes it before the
	// server does, the server ends at once and the next try chooses another.
	for try := 1; ; try++ {
		url, err := s.run(t, dir)
		if err == nil {
			return url
		}
		if try == 3 {
			t.Fatal(err)
		}
	}
}

// run starts the server and waits until it answers HTTP.
func (s Server) run(t testing.TB, dir string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	l.Close()

	tmp := t.TempDir()
	log, err := os.Create(filepath.Join(tmp, "log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	cmd := s.Command(dir, addr, tmp)
	cmd.Stdout, cmd.Stderr = log, log
	ended, err := launch(cmd)
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.Name, err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	})

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr, nil)
		if err != nil {
			return "", err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			tick.Stop()
			return "http://" + addr, nil
		}
		select {
		case <-ended:
			return "", fmt.Errorf("%s ended before it answered; its last words:\n%s", s.Name, tail(log.Name()))
		case <-ctx.Done():
			return "", fmt.Errorf("%s did not answer within a minute; its last words:\n%s", s.Name, tail(log.Name()))
		case <-tick.C:
		}
	}
}

func tail(file string) string {
	b, _ := os.ReadFile(file)
	return string(bytes.TrimSpace(b[max(0, len(b)-2000):]))
}

func (s Server) dir() (string, error) {
	root := os.Getenv("CLOUDLARK_LAB")
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		root = filepath.Join(cache, "cloudlark-lab")
	}
	return filepath.Join(root, s.Name+"-"+s.Version), nil
}

// Install installs the server if it is not there: once, however many processes
// want it, and whole or not at all.
func Install(ctx context.Context, s Server) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("install %s %s: %w", s.Name, s.Version, err)
		}
	}()
	dir, err := s.dir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	// done is written last. An installation without it was interrupted; it is
	// not renamed into place because a Python environment knows its own path.
	done := filepath.Join(dir, ".installed")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := s.Install(ctx, dir); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	return os.WriteFile(done, nil, 0o644)
}

// sh runs an installation step; what it printed is told when it fails.
func sh(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(out[max(0, len(out)-4000):]))
	}
	return nil
}
