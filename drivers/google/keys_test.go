package google

import (
	"context"
	"fmt"
	"strings"
	"testing"

	gceapi "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/gce"
)

// commonMetadata is the metadata of the server's project.
func commonMetadata(t *testing.T, c *drivers.Conn) map[string]string {
	t.Helper()
	d := c.Driver().(*gceDriver)
	m, err := d.commonMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, i := range m.Items {
		all[i.Key] = *i.Value
	}
	return all
}

func publicLine(t *testing.T) string {
	t.Helper()
	_, public, err := sshkey.New("")
	if err != nil {
		t.Fatal(err)
	}
	return public.Line
}

// What others put into the metadata stays as it is.
func TestKeysOfOthers(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	a, b, d, e := publicLine(t), publicLine(t), publicLine(t), publicLine(t)
	text := "alice:" + a + " alice@laptop\n" +
		"bob:" + b + "\n" +
		"# a remark\n" +
		"carol:" + d + ` google-ssh {"userName":"carol@example.com","expireOn":"2030-01-01T00:00:00+0000"}` + "\n" +
		"dave:" + e + " alice@laptop"
	s.Put("projects/"+gce.Project, map[string]any{"commonInstanceMetadata": map[string]any{"fingerprint": "AAAA", "items": []any{
		map[string]any{"key": "ssh-keys", "value": text}, map[string]any{"key": "enable-oslogin", "value": "FALSE"}}}})
	names := map[string]compute.KeyPair{}
	for _, k := range list[compute.KeyPair](t, c, compute.ListKeyPairs{}) {
		names[k.Name] = k
	}
	fingerprint := func(line string) string {
		p, err := sshkey.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		return p.Fingerprint
	}
	for name, want := range map[string]struct{ user, line string }{"alice@laptop": {"alice", a}, fingerprint(b): {"bob", b}, fingerprint(d): {"carol", d}, fingerprint(e): {"dave", e}} {
		if k := names[name]; k.PublicKey != want.line || k.Extra["user"] != want.user {
			t.Errorf("%s is %+v", name, k)
		}
	}
	if len(names) != 4 || names[fingerprint(d)].Extra["expireOn"] != "2030-01-01T00:00:00+0000" {
		t.Errorf("the key pairs are %+v", names)
	}
	call[compute.KeyPair](t, c, compute.CreateKeyPair{Name: "ours"})
	for _, name := range []string{"ours", fingerprint(b)} {
		perform(t, c, compute.DeleteKeyPair{KeyPair: name})
	}
	got := commonMetadata(t, c)
	if want := strings.ReplaceAll(text, "bob:"+b+"\n", "") + "\n"; got["ssh-keys"] != want || got["enable-oslogin"] != "FALSE" {
		t.Errorf("the metadata is\n%q, not\n%q", got, want)
	}
}

func TestKeyNames(t *testing.T) {
	c := open(t, gce.Start(t), map[string]any{"ssh_user": "admin"})
	for _, name := range []string{" ops", "a\nroot:ssh-rsa AAAA x", "google-ssh x", "SHA256:x"} {
		if _, err := drivers.Call[compute.KeyPair](t.Context(), c, compute.CreateKeyPair{Name: name}); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%q: %v", name, err)
		}
	}
	k := call[compute.KeyPair](t, c, compute.CreateKeyPair{Name: "ops team"})
	if text := commonMetadata(t, c)["ssh-keys"]; text != "admin:"+k.PublicKey+" ops team" {
		t.Errorf("the metadata is %q", text)
	}
}

// Many who write at once all get their key in.
func TestKeysAtOnce(t *testing.T) {
	c := open(t, gce.Start(t), nil)
	const n = 6
	errs := make(chan error)
	for i := range n {
		go func() {
			_, err := drivers.Call[compute.KeyPair](t.Context(), c, compute.CreateKeyPair{Name: fmt.Sprintf("key-%d", i)})
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if all := list[compute.KeyPair](t, c, compute.ListKeyPairs{}); len(all) != n {
		t.Errorf("there are %d keys", len(all))
	}
}

// The key is in the node's own metadata, beside what it is given otherwise.
func TestNodeWithKey(t *testing.T) {
	s := gce.Start(t)
	c := open(t, s, nil)
	k := call[compute.KeyPair](t, c, compute.CreateKeyPair{Name: "ops"})
	in := web
	in.KeyPair, in.UserData = "ops", "#cloud-config\n"
	in.Extra = map[string]any{"metadata": map[string]any{"ssh-keys": "eve:" + publicLine(t) + " eve", "role": "web"}, "block_project_keys": true}
	n := call[compute.Node](t, c, in)
	if n.KeyPair != "ops" {
		t.Errorf("the node has the key pair %q", n.KeyPair)
	}
	d := c.Driver().(*gceDriver)
	i, err := d.instance(context.Background(), ref{gce.Project, "us-central1-a", "web"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"user-data": "#cloud-config\n", "role": "web", "block-project-ssh-keys": "TRUE"} {
		if got := value(i.Metadata, name); got != want {
			t.Errorf("the metadata %s is %q", name, got)
		}
	}
	if keys := value(i.Metadata, sshKeys); !strings.HasPrefix(keys, "cloudlark:"+k.PublicKey+" ops\neve:") {
		t.Errorf("its keys are %q", keys)
	}
}

func TestParseKeys(t *testing.T) {
	line := publicLine(t)
	text := "\n :" + line + "\nnobody\nu:" + line + " two words \nu:" + line + " two words\n"
	keys := parseKeys(text)
	if len(keys) != 2 || keys[1].name != "two words" {
		t.Errorf("the keys are %+v", keys)
	}
	if got := keyIn(&gceapi.Metadata{}); got != "" {
		t.Errorf("without keys, the key is %q", got)
	}
}
