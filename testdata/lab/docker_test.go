package lab

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDocker runs a container that publishes a port, and looks whether anything
// is left of it when the daemon is gone.
func TestDocker(t *testing.T) {
	link := ""
	t.Run("test", func(t *testing.T) {
		d := Docker(t)
		link = linkOf(t, d.Gateway)
		docker := func(args ...string) string {
			t.Helper()
			out, err := exec.Command("docker", args...).CombinedOutput()
			if err != nil {
				t.Fatalf("docker %q: %v\n%s", args, err, out)
			}
			return strings.TrimSpace(string(out))
		}
		docker("-H", d.Endpoint, "run", "-d", "--name", "web", "-p", "8080:80", "-m", "32m", d.Image, "sh", "-c", "echo hello >/srv/index.html; httpd -f -p 80 -h /srv")
		end := time.Now().Add(30 * time.Second)
		for _, err := get("http://" + d.Address + ":8080/"); err != nil; _, err = get("http://" + d.Address + ":8080/") {
			if time.Now().After(end) {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		tls := []string{"-H", d.TLSEndpoint, "--tlsverify", "--tlscacert=" + filepath.Join(d.CertPath, "ca.pem"),
			"--tlscert=" + filepath.Join(d.CertPath, "cert.pem"), "--tlskey=" + filepath.Join(d.CertPath, "key.pem")}
		if names := docker(append(tls, "ps", "--format", "{{.Names}}")...); names != "web" {
			t.Errorf("with TLS, the containers are %q", names)
		}
	})
	nothingLeft(t, link, "TestDocker")
}

// linkOf is the device here that has an address.
func linkOf(t *testing.T, address string) string {
	t.Helper()
	ifaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range ifaces {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if strings.HasPrefix(a.String(), address+"/") {
				return i.Name
			}
		}
	}
	t.Fatalf("no device has the address %s", address)
	return ""
}

// nothingLeft looks for what a server in a private network may leave: that
// device, mounts below the folder of a test, control groups.
func nothingLeft(t *testing.T, link, test string) {
	t.Helper()
	if link == "" {
		return // skipped, or failed
	}
	if _, err := net.InterfaceByName(link); err == nil {
		t.Errorf("the device %s is left", link)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), test) {
		t.Errorf("mounts are left (%v):\n%s", err, mounts)
	}
	for _, pattern := range []string{"/sys/fs/cgroup/" + link, "/sys/fs/cgroup/*/" + link} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("control groups are left: %s", left)
		}
	}
}
