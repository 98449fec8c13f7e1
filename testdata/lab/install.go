package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// Install installs the servers of these names, or all, and says on w what it
// does.
func Install(w io.Writer, names ...string) error {
	all := Names()
	if len(names) == 0 {
		names = all
	}
	for _, name := range names {
		i := slices.Index(all, name)
		if i < 0 {
			return fmt.Errorf("no server is called %q; there are: %s", name, strings.Join(all, ", "))
		}
		if err := servers[i].ensure(w); err != nil {
			return err
		}
	}
	return nil
}

// Names lists the servers that [Install] can install.
func Names() []string {
	var names []string
	for _, s := range servers {
		names = append(names, s.name)
	}
	return names
}

// need returns the folder where s is installed, or ends the test.
func (s *server) need(t testing.TB) string {
	t.Helper()
	home, err := s.home()
	if err == nil && !installed(home) {
		if os.Getenv("CI") == "" {
			t.Skipf("%s %s is not installed: go run ./testdata/lab/install %[1]s", s.name, s.version)
		}
		err = s.ensure(io.Discard)
	}
	if err != nil {
		t.Fatal(err)
	}
	return home
}

// home is the folder where s is, once it is installed.
func (s *server) home() (string, error) {
	root := os.Getenv("CLOUDLARK_LAB")
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		root = filepath.Join(cache, "cloudlark-lab")
	}
	return filepath.Abs(filepath.Join(root, s.name+"-"+s.version))
}

// Installed tells whether the server of that name is there already, for tests that
// have more to show with it, and something without.
func Installed(name string) bool {
	i := slices.Index(Names(), name)
	if i < 0 {
		return false
	}
	home, err := servers[i].home()
	return err == nil && installed(home)
}

// installed tells whether there is a server in home. What has that name is
// complete: it got the name last.
func installed(home string) bool {
	_, err := os.Stat(home)
	return err == nil
}

// ensure installs s unless it is. Of all the processes that call it at once,
// one installs and the others wait.
func (s *server) ensure(w io.Writer) error {
	home, err := s.home()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o777); err != nil {
		return err
	}
	unlock, err := lockedfile.MutexAt(home + ".lock").Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if installed(home) {
		fmt.Fprintf(w, "%s %s: is in %s\n", s.name, s.version, home)
		return nil
	}

	fmt.Fprintf(w, "%s %s: installing into %s\n", s.name, s.version, home)
	began := time.Now()
	part := home + ".part"
	defer os.RemoveAll(part)
	// An installer that was killed has left its own, and no longer has the lock.
	if err := errors.Join(os.RemoveAll(part), os.Mkdir(part, 0o777)); err != nil {
		return err
	}
	if err := s.install(part); err != nil {
		return fmt.Errorf("installing %s %s: %w", s.name, s.version, err)
	}
	if err := os.Rename(part, home); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s %s: installed in %v\n", s.name, s.version, time.Since(began).Round(time.Second))
	return nil
}

// run runs one step of an installation. dir is outside of any Go module.
func run(dir string, env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), env...)
	cmd.WaitDelay = time.Second // a killed step's children may keep its output open
	runtime.LockOSThread()      // see tie
	defer runtime.UnlockOSThread()
	tie(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

// apt installs Debian's packages, unless the program that is wanted of them is
// there already. It wants root.
func apt(home, program string, packages ...string) error {
	if _, err := exec.LookPath(program); err == nil {
		return nil
	}
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	install := append([]string{"-o", "DPkg::Lock::Timeout=900", "install", "-y", "-qq", "--no-install-recommends"}, packages...)
	err := run(home, env, "apt-get", install...)
	if err != nil { // the lists may be old, or not there yet
		if err := run(home, env, "apt-get", "-o", "DPkg::Lock::Timeout=900", "update", "-qq"); err != nil {
			return err
		}
		err = run(home, env, "apt-get", install...)
	}
	if err != nil {
		return fmt.Errorf("apt-get install %s, which wants root: %w", strings.Join(packages, " "), err)
	}
	return nil
}
