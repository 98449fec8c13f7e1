package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/testdata/lab"
)

// TestContainerTierOnDocker runs scripts/container_tier.star with containers of a
// real daemon behind the embedded balancer.
func TestContainerTierOnDocker(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a Docker daemon")
	}
	d := lab.Docker(t)
	t.Setenv("DOCKER_HOST", d.Endpoint)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	run := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := execute(t.Context(), args, streams{strings.NewReader(""), &out, &errs})
		return code, out.String() + errs.String()
	}
	code, text := run("run", "../../scripts/container_tier.star", "--allow-http", "127.0.0.0/8", "--containers", "docker", "--image", d.Image, "--host", d.Address,
		"--command", "mkdir /www && hostname > /www/index.html && exec httpd -f -p 80 -h /www")
	if code != exitOK {
		t.Fatalf("exit code %d\n%s", code, text)
	}
	for _, want := range []string{"with 3 containers: 30 requests, each answered", "with tier-1 killed: 30 requests, each answered", "with tier-4 in its place", "the tier is gone"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	if code, text := run("call", "docker", "list_containers"); code != exitOK || strings.Contains(text, "tier-") {
		t.Errorf("exit code %d, and it left\n%s", code, text)
	}
}
