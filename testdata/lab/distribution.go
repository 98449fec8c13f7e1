package lab

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// A Login is a registry at a loopback address, and who is let in.
type Login struct{ Registry, Username, Password string }

// Distribution starts the registry of the Distribution project (Debian's
// docker-registry, 2.8), which asks for a login by the Basic scheme. It deletes
// by digest; tags it does not delete, as the OCI specification has it since 1.0.
func Distribution(t testing.TB) Login {
	t.Helper()
	p := distribution.start(t)
	return Login{p.addr, "lab", p.secret}
}

var distribution = &server{
	name:    "distribution",
	version: "debian",

	// It comes with the system's packages.
	install: func(home string) error { return apt(home, "docker-registry", "docker-registry") },

	command: func(_ string, p *process) *exec.Cmd {
		hash, _ := bcrypt.GenerateFromPassword([]byte(p.secret), bcrypt.MinCost) // the secret is short enough
		users, config := filepath.Join(p.dir, "users"), filepath.Join(p.dir, "config.yml")
		// If the files cannot be written, the server says so.
		_ = os.WriteFile(users, fmt.Appendf(nil, "lab:%s\n", hash), 0o600)
		_ = os.WriteFile(config, fmt.Appendf(nil, `
version: 0.1
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
http:
  addr: %s
auth:
  htpasswd: {realm: lab, path: %q}
`, filepath.Join(p.dir, "data"), p.addr, users), 0o600)
		cmd := exec.Command("docker-registry", "serve", config)
		cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
		return cmd
	},

	// Only it knows the password, and that others are wrong.
	ready: func(p *process) error {
		for password, want := range map[string]int{p.secret: http.StatusOK, "not-" + p.secret: http.StatusUnauthorized} {
			r, err := http.NewRequest(http.MethodGet, "http://"+p.addr+"/v2/", nil)
			if err != nil {
				return err
			}
			r.SetBasicAuth("lab", password)
			r.Close = true
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				return err
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				return errors.New(resp.Status)
			}
		}
		return nil
	},
}
