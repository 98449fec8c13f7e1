package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cloudlark/cloudlark/testdata/lab"
)

// TestPromoteImage runs scripts/promote_image.star from a registry with a login
// to another.
func TestPromoteImage(t *testing.T) {
	l := lab.Distribution(t)
	target := lab.Registry(t, "127.0.0.1", nil) + "/production/app"
	i, err := random.Image(1<<20, 3)
	if err != nil {
		t.Fatal(err)
	}
	lab.Push(t, l.Registry+"/team/app:1.2", i, remote.WithAuth(&authn.Basic{Username: l.Username, Password: l.Password}))
	digest, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "cloudlark.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `[connection.staging]
driver = "oci"
endpoint = "http://%s"
username = %q
password = { env = "STAGING_PASSWORD" }
config_dir = %q
`, l.Registry, l.Username, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STAGING_PASSWORD", l.Password)
	t.Setenv("XDG_STATE_HOME", dir)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--tags", "1.2", "--digest", "sha256:" + strings.Repeat("0", 64)}, exitFailed, "nothing was promoted"},
		{[]string{"--tags", "1.2", "--digest", digest.String()}, exitOK, target + ":1.2  promoted"},
		{[]string{"--tags", "1.2"}, exitOK, target + ":1.2  there already"},
		{[]string{"--digest", digest.String()}, exitOK, "there already"},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"run", "--config", config, "../../scripts/promote_image.star", "--cloud", "staging", "--source", "team/app", "--target", target}, c.args...)
		code := execute(t.Context(), args, streams{strings.NewReader(""), &out, &errs})
		if code != c.code || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("%q: exit code %d\n%s%s", c.args, code, out.String(), errs.String())
		}
	}
}
