package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cloudlark/cloudlark/testdata/lab"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

// TestPromoteImage runs scripts/promote_image.star from a registry with a login
// to another, and then on to Google's by its driver.
func TestPromoteImage(t *testing.T) {
	l := lab.Distribution(t)
	google := gce.StartArtifacts(t)
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
endpoint = "http://%[1]s"
username = %[2]q
password = { env = "STAGING_PASSWORD" }
config_dir = %[3]q

[connection.production]
driver = "artifact_registry"
endpoint = %[4]q
registry = %[5]q
project = %[6]q
location = %[7]q
access_token = { env = "PRODUCTION_TOKEN" }
config_dir = %[3]q
`, l.Registry, l.Username, dir, google.URL, google.Registry, gce.Project, gce.ArtifactsLocation), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STAGING_PASSWORD", l.Password)
	t.Setenv("PRODUCTION_TOKEN", gce.Token)
	t.Setenv("XDG_STATE_HOME", dir)
	staging := []string{"--cloud", "staging", "--source", "team/app", "--target", target}
	production := []string{"--cloud", "production", "--source", target, "--target", gce.Project + "/web/app", "--tags", "1.2"}
	for _, c := range []struct {
		where, args []string
		code        int
		says        string
	}{
		{staging, []string{"--tags", "1.2", "--digest", "sha256:" + strings.Repeat("0", 64)}, exitFailed, "nothing was promoted"},
		{staging, []string{"--tags", "1.2", "--digest", digest.String()}, exitOK, target + ":1.2  promoted"},
		{staging, []string{"--tags", "1.2"}, exitOK, target + ":1.2  there already"},
		{staging, []string{"--digest", digest.String()}, exitOK, "there already"},
		{production, nil, exitOK, gce.Project + "/web/app:1.2  promoted"},
		{production, nil, exitOK, gce.Project + "/web/app:1.2  there already"},
	} {
		var out, errs bytes.Buffer
		args := slices.Concat([]string{"run", "--config", config, "../../scripts/promote_image.star"}, c.where, c.args)
		code := execute(t.Context(), args, streams{strings.NewReader(""), &out, &errs})
		if code != c.code || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("%q: exit code %d\n%s%s", c.args, code, out.String(), errs.String())
		}
	}
}
