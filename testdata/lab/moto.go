package lab

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Moto starts moto, an emulator of Amazon's services in Python, and returns its
// URL: EC2, S3 (with the bucket in the path), Elastic Load Balancing and others
// all answer there. A request's signature names the service and the region that
// it is for; moto does not check it, and takes any credentials.
//
// Some of it differs from Amazon's. A client token is not heeded: the same
// request makes a second thing. Instances change state between one answer and
// the next, and a terminated one can be started. Some lists take no page size
// and come whole: images, instance types, volumes. S3 does not compare checksums
// that it is sent. A mistake that moto does not expect, such as an unknown
// region, filter or page token, is answered with status 500 and a web page.
// It is told to refuse images, sizes and key pairs that do not exist. Of a new
// service of ECS one task runs, however many it is to have; lists of ECS and ECR
// come whole, and ECR's registry is none: it speaks no registry protocol.
func Moto(t testing.TB) string {
	t.Helper()
	return "http://" + moto.start(t).addr
}

var moto = &server{
	name:    "moto",
	version: "5.2.5",

	install: func(home string) error {
		if err := run(home, nil, "python3", "-m", "venv", "."); err != nil {
			return err
		}
		// Moto takes any release of the web server that it runs in, though new
		// ones have broken it before.
		return run(home, nil, filepath.Join("bin", "python"), "-I", "-m", "pip", "install", "--quiet",
			"moto[server]==5.2.5", "flask==3.1.3", "werkzeug==3.1.9")
	},

	command: func(home string, p *process) *exec.Cmd {
		host, port, _ := net.SplitHostPort(p.addr)
		// Not the script bin/moto_server, which knows the path where it was made.
		cmd := exec.Command(filepath.Join(home, "bin", "python"), "-I", "-u",
			"-m", "moto.server", "-H", host, "-p", port)
		cmd.Env = append(os.Environ(),
			"MOTO_ENABLE_AMI_VALIDATION=true",
			"MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION=true",
			"MOTO_ENABLE_KEYPAIR_VALIDATION=true",
			"MOTO_ECS_SERVICE_RUNNING=1")
		return cmd
	},

	// It prints this when the port is its own.
	ready: func(p *process) error {
		if !bytes.Contains(p.log(), []byte("Running on http://"+p.addr)) {
			return errors.New("it has not said that it runs")
		}
		_, err := get("http://" + p.addr + "/moto-api/")
		return err
	},
}
