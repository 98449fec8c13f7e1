package lab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// MinIO starts a MinIO of one disk.
func MinIO(t testing.TB) S3 {
	t.Helper()
	p := minio.start(t)
	return S3{"http://" + p.addr, "us-east-1", minioUser, p.secret}
}

const minioUser = "lab"

var minio = &server{
	name:    "minio",
	version: "2026-02-12",

	install: func(home string) error {
		return run(home, []string{"GOBIN=" + home, "GOFLAGS=", "GOWORK=off"},
			"go", "install", "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c")
	},

	command: func(home string, p *process) *exec.Cmd {
		cmd := exec.Command(filepath.Join(home, "minio"), "server", "--address", p.addr, filepath.Join(p.dir, "objects"))
		cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+minioUser, "MINIO_ROOT_PASSWORD="+p.secret, "MINIO_BROWSER=off", "MINIO_UPDATE=off",
			"MINIO_CI_CD=on", // or it refuses a folder of the root's disk
			"HOME="+p.dir)
		return cmd
	},

	// It says where it listens when the port is its own.
	ready: func(p *process) error {
		if !strings.Contains(string(p.log()), "http://"+p.addr) {
			return errors.New("it has not said that it runs")
		}
		_, err := get("http://" + p.addr + "/minio/health/ready")
		return err
	},
}
