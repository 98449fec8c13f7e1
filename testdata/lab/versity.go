package lab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var versity = Server{
	Name:    "versitygw",
	Version: "v1.8.0",
	Install: func(ctx context.Context, dir string) error {
		// Outside of any module, so that its dependencies are its own.
		return sh(ctx, os.TempDir(), []string{"GOBIN=" + dir, "GOFLAGS="}, "go", "install", "github.com/versity/versitygw/cmd/versitygw@v1.8.0")
	},
	Command: func(dir, addr, tmp string) *exec.Cmd {
		data := filepath.Join(tmp, "data")
		// A folder that cannot be made is the server's to complain of.
		_ = os.Mkdir(data, 0o755)
		_ = os.Mkdir(filepath.Join(tmp, "sidecar"), 0o755)
		return exec.Command(filepath.Join(dir, "versitygw"), "--port", addr, "--access", versityKey, "--secret", versitySecret,
			"--region", "us-east-1", "--quiet", "posix", "--sidecar", filepath.Join(tmp, "sidecar"), data)
	},
}

const versityKey, versitySecret = "labkey", "labsecret"

// S3 is where and how to reach an S3 server.
type S3 struct{ Endpoint, Region, AccessKey, SecretKey string }

// Versity starts the Versity gateway, an S3 server over a folder. It checks signatures.
func Versity(t testing.TB) S3 {
	t.Helper()
	return S3{Endpoint: start(t, versity), Region: "us-east-1", AccessKey: versityKey, SecretKey: versitySecret}
}
