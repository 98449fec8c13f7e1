package lab

import (
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// FakeGCS starts fake-gcs-server, an emulator of Google Cloud Storage in memory,
// and returns its URL, to be taken for https://storage.googleapis.com. It checks
// no credentials and no signatures.
//
// Some of it differs from Google's: see the deviations that the tests of the
// driver name.
func FakeGCS(t testing.TB) string {
	t.Helper()
	return "http://" + fakeGCS.start(t).addr
}

var fakeGCS = &server{
	name:    "fake-gcs-server",
	version: "v1.56.1",

	install: func(home string) error {
		return run(home, []string{"GOBIN=" + home, "GOFLAGS=", "GOWORK=off"},
			"go", "install", "github.com/fsouza/fake-gcs-server@v1.56.1")
	},

	command: func(home string, p *process) *exec.Cmd {
		host, port, _ := net.SplitHostPort(p.addr)
		return exec.Command(filepath.Join(home, "fake-gcs-server"), "-scheme", "http", "-host", host, "-port", port, "-backend", "memory",
			"-public-host", p.addr, "-external-url", "http://"+p.addr)
	},

	// It says this when the port is its own.
	ready: func(p *process) error {
		if !strings.Contains(string(p.log()), "server started at http://"+p.addr) {
			return errors.New("it has not said that it runs")
		}
		_, err := get("http://" + p.addr + "/_internal/healthcheck")
		return err
	},
}
