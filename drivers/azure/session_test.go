package azure

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab/azure"
)

func openConfig(t *testing.T, config map[string]any) (*drivers.Conn, error) {
	t.Helper()
	c, err := provider(t, compute.Family).Open(t.Context(), "azure", config)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// What cannot be is refused before anything is asked.
func TestConfiguration(t *testing.T) {
	certificate := filepath.Join(t.TempDir(), "nonsense.pem")
	if err := os.WriteFile(certificate, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, config := range map[string]map[string]any{
		"token and secret":       {"access_token": "x", "client_secret": "y"},
		"secret alone":           {"client_secret": "y"},
		"secret and certificate": {"tenant": "t", "client_id": "c", "client_secret": "y", "client_certificate": certificate},
		"secret and kind":        {"tenant": "t", "client_id": "c", "client_secret": "y", "credentials": "cli"},
		"no certificate":         {"tenant": "t", "client_id": "c", "client_certificate": filepath.Join(t.TempDir(), "none")},
		"nonsense":               {"tenant": "t", "client_id": "c", "client_certificate": certificate},
		"id alone":               {"client_id": "c"},
		"no cloud":               {"cloud": "mars"},
		"no URL":                 {"endpoint": "management.azure.com"},
		"root":                   {"ssh_user": "root"},
		"no offer":               {"image_offers": []any{"Canonical"}},
	} {
		t.Run(what, func(t *testing.T) {
			if _, err := openConfig(t, config); op.KindOf(err) != op.InvalidArgument {
				t.Errorf("want invalid_argument, got %v", err)
			}
		})
	}
	for what, config := range map[string]map[string]any{
		"default":          {},
		"managed identity": {"credentials": "managed_identity", "client_id": "c"},
		"secret":           {"tenant": "00000000-0000-0000-0000-000000000001", "client_id": "c", "client_secret": "y", "cloud": "china"},
		"cli":              {"credentials": "cli"},
	} {
		t.Run(what, func(t *testing.T) {
			if _, err := openConfig(t, config); err != nil {
				t.Error(err)
			}
		})
	}
}

// Without credentials it is said what to do.
func TestNoCredentials(t *testing.T) {
	s := azure.Start(t, 0)
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"} {
		t.Setenv(name, "")
	}
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential") // the others would look for who runs the test
	c, err := openConfig(t, map[string]any{"endpoint": s.URL, "subscription": azure.Subscription})
	if err != nil {
		t.Fatal(err)
	}
	if err := first(t.Context(), c); op.KindOf(err) != op.Unauthenticated {
		t.Errorf("want unauthenticated, got %v", err)
	}
}

// The only subscription is found, once.
func TestSubscriptionIsFound(t *testing.T) {
	s := azure.Start(t, 0)
	t.Setenv("AZURE_SUBSCRIPTION_ID", "")
	c, err := openConfig(t, map[string]any{"endpoint": s.URL, "access_token": azure.Token})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := first(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Requests()["Client.NewListPager"]; n != 1 {
		t.Errorf("the subscriptions were asked for %d times", n)
	}
	_, err = drivers.Call[compute.Node](t.Context(), c, web)
	if op.KindOf(err) != op.InvalidArgument {
		t.Errorf("without a resource group, want invalid_argument, got %v", err)
	}
}
