package lab

import (
	_ "embed"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// Ceph starts a Ceph of one node, with its objects in memory, and its gateway.
// That takes ten seconds and more, and half a gigabyte: ask once for a binary.
// The gateway speaks S3, and Swift at /auth/v1.0 (the user lab:swift, whose key
// is the secret key).
func Ceph(t testing.TB) S3 {
	t.Helper()
	p := ceph.start(t)
	return S3{"http://" + p.addr, "us-east-1", cephKey, p.secret}
}

const cephKey = "lab"

//go:embed ceph.sh
var cephScript string

var ceph = &server{
	name:    "ceph",
	version: "debian",

	install: func(home string) error {
		return apt(home, "radosgw", "ceph-mon", "ceph-mgr", "ceph-osd", "radosgw", "ceph-common", "curl")
	},

	command: func(_ string, p *process) *exec.Cmd {
		monitor, err := freeAddr()
		if err != nil {
			monitor = p.addr // and Ceph says what is wrong
		}
		return exec.Command("bash", "-c", cephScript, "ceph", p.addr, monitor, cephKey, p.secret)
	},

	// The script says this when the gateway, which is its own, has answered.
	ready: func(p *process) error {
		if !strings.Contains(string(p.log()), "ready at "+p.addr) {
			return errors.New("it has not said that it runs")
		}
		return nil
	},
}
