package lab

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestLXD runs a container that is reached through a proxy device, and looks
// whether anything is left of it when the server is gone.
func TestLXD(t *testing.T) {
	link := ""
	t.Run("test", func(t *testing.T) {
		s := LXD(t)
		link = linkOf(t, s.Gateway)
		dir, conf := strings.TrimSuffix(strings.TrimPrefix(s.Endpoint, "unix://"), "/unix.socket"), t.TempDir()
		lxc := func(args ...string) {
			t.Helper()
			cmd := exec.Command("lxc", args...)
			cmd.Env = append(os.Environ(), "LXD_DIR="+dir, "LXD_CONF="+conf)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("lxc %q: %v\n%s", args, err, out)
			}
		}
		image := conf + "/image.tar.gz"
		if err := os.WriteFile(image, LXDImage(t), 0o600); err != nil {
			t.Fatal(err)
		}
		lxc("image", "import", image, "--alias", "busybox")
		lxc("init", "busybox", "web")
		lxc("config", "device", "add", "web", "http", "proxy", "listen=tcp:0.0.0.0:8080", "connect=tcp:127.0.0.1:80")
		lxc("start", "web")
		lxc("exec", "web", "--", "sh", "-c", "echo hello >/srv/index.html; httpd -p 80 -h /srv")
		end := time.Now().Add(30 * time.Second)
		for _, err := get("http://" + s.Address + ":8080/"); err != nil; _, err = get("http://" + s.Address + ":8080/") {
			if time.Now().After(end) {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	nothingLeft(t, link, "TestLXD")
}
