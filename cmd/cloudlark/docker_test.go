package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/testdata/lab"
)

// TestContainersOnDocker runs scripts/containers.star on a real daemon: what
// changes is the connection.
func TestContainersOnDocker(t *testing.T) {
	d := lab.Docker(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "cloudlark.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "[connection.lab]\ndriver = \"docker\"\nendpoint = %q\nconfig_dir = %q\n", d.Endpoint, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_STATE_HOME", dir)
	for command, want := range map[string]struct {
		code int
		says string
	}{
		"echo hello $((20 + 3)); hostname >/dev/null": {exitOK, "hello 23\n"},
		"echo no >&2; exit 3":                         {exitFailed, "exit status 3"},
	} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), []string{"run", "--config", config, "../../scripts/containers.star", "--cloud", "lab", "--image", d.Image, "--command", command},
			streams{strings.NewReader(""), &out, &errs})
		if code != want.code || !strings.Contains(out.String(), want.says) || !strings.Contains(out.String(), "image "+d.Image+" sha256:") {
			t.Errorf("%q: exit code %d\n%s%s", command, code, out.String(), errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"call", "--config", config, "lab", "list_containers"}, streams{strings.NewReader(""), &out, &errs}); code != exitOK || strings.Contains(out.String(), "once") {
		t.Errorf("what is left: exit code %d\n%s%s", code, out.String(), errs.String())
	}
}
