package joyent

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// TestConformance is on a daemon of Docker's own, of which certificates are asked
// as Triton does, and in the version of the API that Triton speaks. What Triton
// itself refuses or does in its own way, it does not tell.
func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("a real daemon")
	}
	d := lab.Docker(t)
	config := map[string]any{"endpoint": d.TLSEndpoint, "account": "lab", "cert_path": d.CertPath, "config_dir": t.TempDir()}
	drivertest.Container(t, drivertest.Harness{
		Open:    drivertest.Opener(Provider(), config),
		Image:   d.Image,
		Command: []string{"sleep", "3600"},
		Runs:    true,
		Native:  native.Call{Operation: "GET /info"}, NativeChange: "POST /containers/prune",
		Lacks: map[string]string{"list_containers.cluster": "there are no clusters"},
	})
}

// TestKey: of an SSH key a certificate is made, of the account's name and the
// key that Triton knows.
func TestKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, block *pem.Block, err error) string {
		t.Helper()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	open, err := ssh.MarshalPrivateKey(key, "")
	plain := file("plain", open, err)
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("secret word"))
	closed := file("locked", locked, err)

	var shown *x509.Certificate
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = r.TLS.PeerCertificates[0]
		w.Header().Set("Content-Type", "application/json")
		if !strings.HasPrefix(r.URL.Path, "/v1.24/") {
			t.Errorf("the path is %s", r.URL.Path)
		}
		io.WriteString(w, "[]")
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	defer s.Close()
	ca := file("ca.pem", &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}, nil)
	endpoint := strings.Replace(s.URL, "https://", "tcp://", 1)

	for name, config := range map[string]map[string]any{
		"plain":           {"key_file": plain},
		"with passphrase": {"key_file": closed, "passphrase": drivers.Secret("secret word")},
	} {
		maps.Copy(config, map[string]any{"endpoint": endpoint, "account": "jill", "ca_file": ca, "config_dir": dir})
		conn, err := Provider().Open(t.Context(), "joyent", config)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, err := range drivers.List[container.Container](t.Context(), conn, container.ListContainers{}) {
			t.Errorf("%s: %v", name, err)
		}
		conn.Close()
		if shown == nil || shown.Subject.CommonName != "jill" || !key.PublicKey.Equal(shown.PublicKey) {
			t.Errorf("%s: the certificate is %+v", name, shown)
		}
		shown = nil
	}
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("DOCKER_CERT_PATH", "")
	t.Setenv("SDC_ACCOUNT", "")
	for name, config := range map[string]map[string]any{
		"no endpoint":      {"account": "jill", "key_file": plain},
		"nobody":           {"endpoint": endpoint, "key_file": plain},
		"nothing to show":  {"endpoint": endpoint},
		"two things":       {"endpoint": endpoint, "account": "jill", "key_file": plain, "cert_path": dir},
		"no passphrase":    {"endpoint": endpoint, "account": "jill", "key_file": closed},
		"wrong passphrase": {"endpoint": endpoint, "account": "jill", "key_file": closed, "passphrase": drivers.Secret("another word")},
		"no key":           {"endpoint": endpoint, "account": "jill", "key_file": ca},
		"no certificate":   {"endpoint": endpoint, "cert_path": t.TempDir()},
		"no authority":     {"endpoint": endpoint, "account": "jill", "key_file": plain, "ca_file": plain},
	} {
		_, err := Provider().Open(t.Context(), "joyent", config)
		if op.KindOf(err) != op.InvalidArgument || strings.Contains(err.Error(), "another word") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
