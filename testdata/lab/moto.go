package lab

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
)

var moto = Server{
	Name:    "moto",
	Version: "5.2.5",
	Install: func(ctx context.Context, dir string) error {
		if err := sh(ctx, dir, nil, "python3", "-m", "venv", dir); err != nil {
			return err
		}
		return sh(ctx, dir, nil, filepath.Join(dir, "bin", "pip"), "install", "--quiet", "moto[server]==5.2.5")
	},
	Command: func(dir, addr, tmp string) *exec.Cmd {
		host, port, _ := net.SplitHostPort(addr)
		return exec.Command(filepath.Join(dir, "bin", "moto_server"), "-H", host, "-p", port)
	},
}

// Moto starts moto, an emulator of AWS: EC2, S3, ELB, ECS and others under one
// URL. It takes any credentials and checks no signature.
func Moto(t testing.TB) (url string) {
	t.Helper()
	return start(t, moto)
}
