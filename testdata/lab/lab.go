// Package lab gives tests real servers to talk to: programs that others wrote,
// so that a driver is checked against their idea of a protocol, not ours.
//
//	func TestBuckets(t *testing.T) {
//		s3 := lab.Versity(t)
//		// s3.Endpoint answers, and holds no bucket yet.
//	}
//
// # What a test may rely on
//
// A server belongs to the test that asked for it: it starts empty, nobody else
// talks to it, and it ends with the test. So names need not be unique, lists
// hold what the test made, tests may run in parallel, and nothing has to be
// reset. Subtests share what their parent got. Versity is there in a tenth of a
// second, but moto takes more than one until EC2 answers, and 200 MB: ask once
// for a suite, not for each case.
//
// A server listens on the loopback interface, on a port found when it starts.
// On Linux it ends with the test's process, however that ends. A test that
// fails shows the last lines of its servers' logs.
//
// # Where the servers come from
//
// They are installed once for each user, into a folder of their own below the
// user's cache (CLOUDLARK_LAB names another), never into the repository:
//
//	go run ./testdata/lab/install        # all of them
//	go run ./testdata/lab/install moto   # one
//
// A test that needs a server that is not installed is skipped, and its message
// is that command. With the variable CI set the test installs the server, and
// fails where that fails: a test that CI never runs proves nothing. A server
// may take minutes to build while the test's own time limit runs, so a CI
// script had better run the command first.
//
// The go command leaves folders named testdata out of ./..., so the tests of
// this package run only where it is named: go test ./testdata/lab/...
//
// # How to add a server
//
// Write a file like versity.go: a server, which says how to install it, how to
// run it and how to know that it is ready, and a function that starts it for a
// test. Then name it in servers.
package lab

import (
	"os/exec"
	"testing"
)

// servers are the ones that can be installed.
var servers = []*server{azurite, ceph, distribution, dockerd, fakeGCS, kubernetes, libvirtd, lxd, minio, moto, openStack, sshd, swift, versity}

// A server is a program that tests talk to.
type server struct {
	name, version string // together they name the folder where it is installed

	// install fills home, an empty folder. The folder is renamed afterwards, so
	// nothing in it may depend on its own path.
	install func(home string) error

	// command is the program, installed in home, that is to serve p.addr and
	// keep its files in p.dir.
	command func(home string, p *process) *exec.Cmd

	// ready returns nil when p serves. Another process may have taken p.addr
	// since it was found free, so an answer from there is not enough: it must
	// be p's own.
	ready func(p *process) error

	// gone, if not nil, is called when p has ended: it waits for what ends later
	// and removes what p leaves outside of p.dir.
	gone func(p *process) error
}

// start starts the server for t and returns when it is ready.
func (s *server) start(t testing.TB) *process {
	t.Helper()
	home := s.need(t)
	for try := 1; ; try++ {
		p, err := s.launch(home, t.TempDir())
		if err != nil {
			t.Fatalf("starting %s %s: %v", s.name, s.version, err)
		}
		t.Cleanup(func() {
			if err := p.stop(); err != nil {
				t.Errorf("after %s ended: %v", s.name, err)
			}
		})
		err = p.await()
		switch {
		case err == nil:
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("%s's log ends with:\n%s", s.name, p.tail())
				}
			})
			return p
		case p.lostPort() && try < 5:
			// It was free a moment ago. Another will do.
		default:
			t.Fatalf("starting %s %s, which is in %s: %v\nIts log ends with:\n%s", s.name, s.version, home, err, p.tail())
		}
	}
}
