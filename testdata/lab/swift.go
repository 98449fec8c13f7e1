package lab

import (
	_ "embed"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// A SwiftServer is an object store that speaks Swift. Its users log in by
// version 1 of the API at Auth.
type SwiftServer struct {
	Auth      string // the URL to log in at
	User, Key string // may do everything in its account
	Guest     string // another user of the account, with the same key, whom nothing is allowed
}

// Swift starts an OpenStack Swift of one node: static and dynamic large objects,
// temporary URLs, bulk deletion, versions and symbolic links. Ask once for a
// suite: it is five processes.
func Swift(t testing.TB) SwiftServer {
	t.Helper()
	p := swift.start(t)
	return SwiftServer{Auth: "http://" + p.addr + "/auth/v1.0", User: "lab:lab", Key: p.secret, Guest: "lab:guest"}
}

//go:embed swift.sh
var swiftScript string

var swift = &server{
	name:    "swift",
	version: "debian",

	install: func(home string) error {
		return apt(home, "swift-proxy-server", "swift-proxy", "swift-account", "swift-container", "swift-object", "memcached", "curl")
	},

	command: func(_ string, p *process) *exec.Cmd { return swiftCommand(p, p.secret) },

	// The script says this when the proxy has answered.
	ready: func(p *process) error {
		if !strings.Contains(string(p.log()), "ready at "+p.addr) {
			return errors.New("it has not said that it runs")
		}
		return nil
	},
}

// Swift adds a Swift of one node to the cloud, whose users are Keystone's: who has
// the role admin or member in a project may do everything in the project's account.
// It is in the catalogue.
func (c Cloud) Swift(t testing.TB) {
	t.Helper()
	s := *swift
	s.command = func(_ string, p *process) *exec.Cmd { return swiftCommand(p, c.Password, c.AuthURL) }
	p := s.start(t)
	admin, err := administer(c.AuthURL)
	if err == nil {
		err = admin.announce(c.AuthURL, "swift", "object-store", "http://"+p.addr+"/v1/AUTH_$(project_id)s")
	}
	if err != nil {
		t.Fatalf("naming Swift at Keystone: %v", err)
	}
}

// swiftCommand runs Swift with what it is to know of its users: see the script.
func swiftCommand(p *process, users ...string) *exec.Cmd {
	args := []string{"-c", swiftScript, "swift", p.addr}
	for range 4 {
		port := "0"
		if addr, err := freeAddr(); err == nil {
			_, port, _ = net.SplitHostPort(addr)
		}
		args = append(args, port)
	}
	return exec.Command("bash", append(args, users...)...)
}
