package lab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// An S3 is an object store that speaks Amazon's protocol, with the credentials
// of its owner. It takes the bucket in the path, not in the host's name.
type S3 struct{ Endpoint, Region, AccessKey, SecretKey string }

// Versity starts the Versity gateway, an object store that keeps its objects as
// files. It checks signatures (version 4 alone), and it has versioning.
//
// Some of it differs from Amazon's: there are no lifecycle rules; the objects a
// and a/b exclude each other, since one is a file where the other needs a
// folder; a name is a path, so that a//b is a/b and ./a is a, and no part of it
// is longer than 255 bytes; every bucket is in the one region.
func Versity(t testing.TB) S3 {
	t.Helper()
	p := versity.start(t)
	return S3{"http://" + p.addr, versityRegion, versityKey, p.secret}
}

const (
	versityRegion = "us-east-1"
	versityKey    = "lab"
)

var versity = &server{
	name:    "versitygw",
	version: "v1.8.0",

	install: func(home string) error {
		return run(home, []string{"GOBIN=" + home, "GOFLAGS=", "GOWORK=off"},
			"go", "install", "github.com/versity/versitygw/cmd/versitygw@v1.8.0")
	},

	command: func(home string, p *process) *exec.Cmd {
		sub := func(name string) string {
			dir := filepath.Join(p.dir, name)
			os.Mkdir(dir, 0o777) // if not, the server says so
			return dir
		}
		cmd := exec.Command(filepath.Join(home, "versitygw"),
			"--port", p.addr, "--region", versityRegion, "--health", "/"+p.secret,
			// Without a sidecar the file system must have extended attributes.
			"posix", "--sidecar", sub("sidecar"), "--versioning-dir", sub("versions"), sub("objects"))
		cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+versityKey, "ROOT_SECRET_KEY="+p.secret)
		return cmd
	},

	// It answers there and says its name, and no other gateway has its health
	// check there.
	ready: func(p *process) error {
		header, err := get("http://" + p.addr + "/" + p.secret)
		if err == nil && header.Get("Server") != "VERSITYGW" {
			err = errors.New("something else answers")
		}
		return err
	},
}
