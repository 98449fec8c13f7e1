package openstack

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// conformSwift is the driver "swift" in the cloud, whose Swift asks Keystone who its
// users are: by clouds.yaml, in folder, with a password and with an application credential.
func conformSwift(t *testing.T, cloud lab.Cloud, folder string) {
	cloud.Swift(t)
	c := opener(cloud, "openstack", nil)(t, nil)
	t.Cleanup(func() { c.Close() })
	yaml := fmt.Sprintf(`clouds:
  lab:
    region_name: lab
    auth: {auth_url: %[1]q, username: %[2]q, password: %[3]q, project_name: %[4]q, user_domain_id: default, project_domain_id: default}
  robot:
    region_name: lab
    auth_type: v3applicationcredential
    auth: {auth_url: %[1]q, application_credential_id: %[5]q, application_credential_secret: swift}
  reader:
    region_name: lab
    auth: {auth_url: %[1]q, username: reader, password: pw, project_name: %[4]q, user_domain_id: default, project_domain_id: default}
`, cloud.AuthURL, cloud.User, cloud.Password, cloud.Project, newCredential(t, c, cloud, "swift"))
	newUser(t, c, "reader", "reader")
	if err := os.WriteFile(filepath.Join(folder, "clouds.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	as := func(name string) *drivers.Conn {
		c := swiftOpener(map[string]any{"cloud": name})(t, nil)
		t.Cleanup(func() { c.Close() })
		return c
	}
	t.Run("conformance", func(t *testing.T) {
		drivertest.Storage(t, drivertest.Harness{
			Open:       swiftOpener(map[string]any{"cloud": "lab"}),
			SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
			Native: native.Call{Operation: "GET /?format=json"}, NativeChange: "PUT /container",
			Deviations: map[string]string{
				"put/if_absent,_many_at_once": "looks whether there is an object when a PUT begins, and holds off no other; Swift documents If-None-Match: * for one writer",
			},
		})
	})
	t.Run("large", func(t *testing.T) { largeObjects(t, map[string]any{"cloud": "robot"}, 3) })
	t.Run("application_credential", func(t *testing.T) { outsiderReads(t, as("lab"), as("robot")) })
	t.Run("token_gone", func(t *testing.T) { tokenGone(t, as("lab")) })
	t.Run("reader", func(t *testing.T) {
		_, err := drivers.Call[storage.Bucket](t.Context(), as("reader"), storage.CreateBucket{Name: "readers"})
		if op.KindOf(err) != op.PermissionDenied {
			t.Errorf("who may only read: %v", err)
		}
	})
}

// What one user of a project writes is the other's too, and a temporary URL opens
// it to who is nobody to Keystone.
func outsiderReads(t *testing.T, writer, reader *drivers.Conn) {
	must[storage.Bucket](t, writer, storage.CreateBucket{Name: "shared"})
	must[storage.Object](t, writer, storage.PutObject{Bucket: "shared", Name: "a b", Body: strings.NewReader("shared")})
	u := must[storage.URL](t, reader, storage.PresignObject{Bucket: "shared", Name: "a b", Method: storage.Get, Expires: 60})
	resp, err := http.Get(u.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || string(b) != "shared" {
		t.Errorf("a temporary URL gives %s: %q, %v", resp.Status, b, err)
	}
	plain := must[storage.URL](t, reader, storage.GetObjectURL{Bucket: "shared", Name: "a b"})
	anyone, err := http.Get(plain.URL)
	if err != nil {
		t.Fatal(err)
	}
	anyone.Body.Close()
	if anyone.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %s", anyone.Status)
	}
}

// A token that is no longer one is renewed, and the body sent again.
func tokenGone(t *testing.T, c *drivers.Conn) {
	must[storage.Bucket](t, c, storage.CreateBucket{Name: "renewed"})
	who, err := c.Driver().(*swiftDriver).who(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	who.client.SetToken("gone")
	must[storage.Object](t, c, storage.PutObject{Bucket: "renewed", Name: "o", Body: io.MultiReader(strings.NewReader("again"))})
	got := must[storage.Download](t, c, storage.ReadObject{Bucket: "renewed", Name: "o"})
	defer got.Body.Close()
	if b, err := io.ReadAll(got.Body); err != nil || string(b) != "again" {
		t.Errorf("it holds %q, %v", b, err)
	}
}

// newCredential makes an application credential of the cloud's user.
func newCredential(t *testing.T, c *drivers.Conn, cloud lab.Cloud, secret string) (id string) {
	t.Helper()
	user := call[native.Answer](t, c, native.Call{Operation: "GET identity:/users", Arguments: map[string]any{"query": map[string]any{"name": cloud.User}}})
	of := user.Value.(map[string]any)["users"].([]any)[0].(map[string]any)["id"].(string)
	made := call[native.Answer](t, c, native.Call{Operation: "POST identity:/users/" + of + "/application_credentials", Arguments: map[string]any{
		"body": map[string]any{"application_credential": map[string]any{"name": secret, "secret": secret}}}})
	return made.Value.(map[string]any)["application_credential"].(map[string]any)["id"].(string)
}

// newUser makes a user with the password pw, who has a role in the connection's project.
func newUser(t *testing.T, c *drivers.Conn, name, role string) {
	t.Helper()
	made := call[native.Answer](t, c, native.Call{Operation: "POST identity:/users", Arguments: map[string]any{
		"body": map[string]any{"user": map[string]any{"name": name, "password": "pw", "domain_id": "default"}}}})
	user := made.Value.(map[string]any)["user"].(map[string]any)["id"].(string)
	roles := call[native.Answer](t, c, native.Call{Operation: "GET identity:/roles?name=" + role})
	id := roles.Value.(map[string]any)["roles"].([]any)[0].(map[string]any)["id"].(string)
	call[native.Answer](t, c, native.Call{Operation: "PUT identity:/projects/{project}/users/" + user + "/roles/" + id})
}
