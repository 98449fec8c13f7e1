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

// TestBlueGreen runs scripts/blue_green.star on a real Kubernetes: a first
// version, a second, one that is not right, and a third.
func TestBlueGreen(t *testing.T) {
	if testing.Short() {
		t.Skip("a control plane is heavy")
	}
	k := lab.Kubernetes(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "cloudlark.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "[connection.prod]\ndriver = \"kubernetes\"\nkubeconfig = %q\n", k.Kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_STATE_HOME", dir)
	for _, c := range []struct {
		version, check string
		code           int
		says           []string
	}{
		{"1", "", exitOK, []string{"web is new", "web-blue runs", "web leads to blue at 10."}},
		{"2", `until test -e version; do sleep 0.1; done; echo version "$(cat version)"`, exitOK, []string{"web is blue", "checked: version 2", "web leads to green at 10.", "removed web-blue"}},
		{"3", "test -e nothing", exitFailed, []string{"web is green", "web-blue is not right, and was taken away", "the check ended with 1"}},
		{"4", `until test -e version; do sleep 0.1; done; grep 4 version`, exitOK, []string{"web is green", "web leads to blue", "removed web-green"}},
	} {
		var out, errs bytes.Buffer
		args := []string{"run", "--config", config, "../../scripts/blue_green.star", "--cloud", "prod", "--image", k.Image,
			"--command", "trap 'exit 0' TERM; echo " + c.version + " >version; while :; do sleep 0.1; done", "--check", c.check}
		code := execute(t.Context(), args, streams{strings.NewReader(""), &out, &errs})
		text := out.String() + errs.String()
		if code != c.code {
			t.Errorf("version %s: exit code %d", c.version, code)
		}
		for _, words := range c.says {
			if !strings.Contains(text, words) {
				t.Errorf("version %s does not say %q:\n%s", c.version, words, text)
			}
		}
	}
}
