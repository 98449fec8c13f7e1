package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/testdata/lab"
	"github.com/cloudlark/cloudlark/testdata/lab/azure"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

// script runs one of the scripts with a cloudlark.toml, and returns what it printed.
func script(t *testing.T, config, name string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "cloudlark.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LAB_SECRET", "secret")
	t.Setenv("XDG_STATE_HOME", dir)
	var out, errs bytes.Buffer
	code := execute(t.Context(), append([]string{"run", "--config", file, "../../scripts/" + name}, args...),
		streams{strings.NewReader(""), &out, &errs})
	if code != exitOK {
		t.Fatalf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
	return out.String()
}

func contains(t *testing.T, out string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

// moto is a connection to an emulator of AWS that others wrote.
func moto(t *testing.T) string {
	return `[connection.cloud]
driver = ["ec2", "s3"]
region = "us-east-1"
endpoint = "` + lab.Moto(t) + `"
access_key_id = "key"
secret_access_key = { env = "LAB_SECRET" }
`
}

// TestTourOnAWS runs the tour's compute and storage parts: what changes is the
// connection, one line.
func TestTourOnAWS(t *testing.T) {
	out := script(t, moto(t), "tour.star", "--cloud", "cloud", "--size", "t3.micro")
	contains(t, out, "tour-2  running  t3.micro", "cloud has no lb: left out", "Hello from the tour.", "cleaned up 10 of 10")
}

// TestWebNode runs one script at several providers: what changes is the
// connection, and what that calls its sizes and images. The page is left out
// where nothing runs that could serve it.
func TestWebNode(t *testing.T) {
	for name, cloud := range map[string]struct {
		config func(t *testing.T) string
		args   []string
	}{
		"ec2": {moto, []string{"--size", "t3.micro"}},
		"gce": {func(t *testing.T) string {
			return `[connection.cloud]
driver = "gce"
endpoint = "` + gce.Start(t).URL + `"
project = "` + gce.Project + `"
zone = "us-central1-a"
access_token = { env = "LAB_TOKEN" }
`
		}, []string{"--size", "e2-micro"}},
		"azure": {func(t *testing.T) string {
			t.Setenv("LAB_TOKEN", azure.Token)
			return `[connection.cloud]
driver = "azure"
endpoint = "` + azure.Start(t, 0).URL + `"
subscription = "` + azure.Subscription + `"
resource_group = "` + azure.Group + `"
location = "` + azure.Location + `"
access_token = { env = "LAB_TOKEN" }
`
		}, []string{"--size", "Standard_B1s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LAB_TOKEN", gce.Token)
			out := script(t, cloud.config(t), "web_node.star", append([]string{"--cloud", "cloud", "--deploy=false"}, cloud.args...)...)
			contains(t, out, "key pair web-node SHA256:", "node web-node is running with volume web-node-data of 10 GiB", "cleaned up 5 of 5")
		})
	}
}
