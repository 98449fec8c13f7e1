package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// TestMoveFolder takes a folder from cloud to cloud and back, each of them a server
// that others wrote.
func TestMoveFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts clouds")
	}
	s3, blobs, swift := lab.Versity(t), lab.Azurite(t), lab.Swift(t)
	t.Setenv("LAB_S3", s3.SecretKey)
	t.Setenv("LAB_BLOBS", blobs.Key)
	t.Setenv("LAB_SWIFT", swift.Key)
	config := `[connection.one]
driver = "s3"
endpoint = "` + s3.Endpoint + `"
region = "` + s3.Region + `"
access_key_id = "` + s3.AccessKey + `"
secret_access_key = { env = "LAB_S3" }
[connection.two]
driver = "gcs"
endpoint = "` + lab.FakeGCS(t) + `"
project = "test"
access_token = { env = "LAB_SECRET" }
[connection.three]
driver = "azure_blobs"
endpoint = "` + blobs.Endpoint + `"
account = "` + blobs.Account + `"
account_key = { env = "LAB_BLOBS" }
[connection.four]
driver = "swift"
auth_url = "` + swift.Auth + `"
username = "` + swift.User + `"
password = { env = "LAB_SWIFT" }
`
	folder, back := t.TempDir(), t.TempDir()
	large := make([]byte, 20<<20) // in parts, where there are such
	rand.NewChaCha8([32]byte{}).Read(large)
	for name, data := range map[string][]byte{"empty": {}, "a b é%.txt": []byte("three\n"), "deep/er/1": []byte("one"), "deep/er/large.bin": large} {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, data, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	by := []string{"one://travel/a/", "two://travel/b/", "three://travel/c/", "four://travel/d/"}
	out := script(t, config, "move_folder.star", "--folder", folder, "--back", back, "--by", strings.Join(by, ","), "--clean",
		"--allow-read", folder, "--allow-read", back, "--allow-write", back, "--make")
	for _, stop := range by {
		contains(t, out, stop+": 4 files, 4 of them moved", stop+": 4 deleted")
	}
	contains(t, out, "4 files came back, every one as it was")
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
// connection, and what that calls its sizes and images. Where nodes really run
// the page is deployed and asked for.
func TestWebNode(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts clouds")
	}
	for name, cloud := range map[string]func(t *testing.T) (config string, args []string){
		"ec2": func(t *testing.T) (string, []string) {
			return moto(t), []string{"--size", "t3.micro"}
		},
		"gce": func(t *testing.T) (string, []string) {
			t.Setenv("LAB_TOKEN", gce.Token)
			return `[connection.cloud]
driver = "gce"
endpoint = "` + gce.Start(t).URL + `"
project = "` + gce.Project + `"
zone = "us-central1-a"
access_token = { env = "LAB_TOKEN" }
`, []string{"--size", "e2-micro"}
		},
		"azure": func(t *testing.T) (string, []string) {
			t.Setenv("LAB_TOKEN", azure.Token)
			return `[connection.cloud]
driver = "azure"
endpoint = "` + azure.Start(t, 0).URL + `"
subscription = "` + azure.Subscription + `"
resource_group = "` + azure.Group + `"
location = "` + azure.Location + `"
access_token = { env = "LAB_TOKEN" }
`, []string{"--size", "Standard_B1s"}
		},
		"openstack": func(t *testing.T) (string, []string) {
			c := lab.OpenStack(t)
			t.Setenv("LAB_TOKEN", c.Password)
			return `[connection.cloud]
driver = "openstack"
auth_url = "` + c.AuthURL + `"
username = "` + c.User + `"
password = { env = "LAB_TOKEN" }
project_name = "` + c.Project + `"
zone = "nova"
network = "` + c.Network + `"
`, []string{"--image", c.Image}
		},
		"libvirt": func(t *testing.T) (string, []string) {
			h := lab.Libvirt(t)
			return `[connection.cloud]
driver = "libvirt"
endpoint = "` + h.URI + `"
pool = "` + h.Pool + `"
network = "` + h.Network + `"
virt_type = "qemu"
sizes = [{ name = "tiny", ram = 128, disk = 1 }]
`, []string{"--size", "tiny", "--image", h.Image, "--allow-ssh", "*", "--allow-http", "0.0.0.0/0"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			config, args := cloud(t)
			runs := slices.Contains(args, "--allow-ssh")
			out := script(t, config, "web_node.star", append([]string{"--cloud", "cloud", "--deploy=" + strconv.FormatBool(runs)}, args...)...)
			contains(t, out, "key pair web-node SHA256:", "node web-node is running with volume web-node-data of 10 GiB")
			if runs {
				contains(t, out, ":80/ serves the page", "cleaned up 4 of 4") // libvirt has no security groups
			} else {
				contains(t, out, "cleaned up 5 of 5")
			}
		})
	}
}
