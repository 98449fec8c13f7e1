package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An SSH is an OpenSSH server, which lets the user in that the tests run as.
type SSH struct {
	Host string
	Port int
	User string

	Dir      string   // where its files are, and the user's may be; commands have Dir/home for HOME
	HostKeys []string // its public keys, ed25519 first, in the form of authorized_keys
	Keys     string   // the file that holds who is let in: authorized_keys
}

// SSHD starts OpenSSH's server with an ed25519 and an RSA host key and SFTP.
// Nobody is let in before a public key is written to Keys.
func SSHD(t testing.TB) SSH {
	t.Helper()
	p := sshd.start(t)
	host, port, err := net.SplitHostPort(p.addr)
	if err != nil {
		t.Fatal(err)
	}
	s := SSH{Host: host, User: os.Getenv("USER"), Dir: p.dir, Keys: filepath.Join(p.dir, "authorized_keys")}
	if os.Geteuid() == 0 {
		s.User = "root"
	}
	if s.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	for _, kind := range sshKeys {
		line, err := os.ReadFile(filepath.Join(p.dir, kind+".pub"))
		if err != nil {
			t.Fatal(err)
		}
		s.HostKeys = append(s.HostKeys, strings.TrimSpace(string(line)))
	}
	return s
}

var sshKeys = []string{"ed25519", "rsa"}

const sshdPath = "/usr/sbin/sshd"

var sshd = &server{
	name:    "sshd",
	version: "debian",

	// It comes with the system's packages, and is found where those put it: there
	// is nothing for home but a word of that.
	install: func(home string) error {
		if _, err := os.Stat(sshdPath); err != nil {
			if err := run(home, []string{"DEBIAN_FRONTEND=noninteractive"}, "apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "-qq", "--no-install-recommends", "openssh-server"); err != nil {
				return fmt.Errorf("apt-get install openssh-server, which wants root: %w", err)
			}
		}
		return os.WriteFile(filepath.Join(home, "where"), []byte(sshdPath+"\n"), 0o644)
	},

	command: func(_ string, p *process) *exec.Cmd {
		host, port, _ := net.SplitHostPort(p.addr)
		config := []string{"ListenAddress " + host, "Port " + port, "AuthorizedKeysFile " + filepath.Join(p.dir, "authorized_keys"), "StrictModes no", "UsePAM no",
			"PasswordAuthentication no", "PermitRootLogin yes", "PidFile none", "PrintMotd no", "UseDNS no", "MaxStartups 100", "Subsystem sftp internal-sftp",
			"SetEnv HOME=" + filepath.Join(p.dir, "home")} // a test leaves the user's own files alone
		_ = os.Mkdir(filepath.Join(p.dir, "home"), 0o700) // if not, commands say so
		for _, kind := range sshKeys {
			key := filepath.Join(p.dir, kind)
			config = append(config, "HostKey "+key)
			if _, err := os.Stat(key); err != nil {
				// If not, the server says so.
				_ = exec.Command("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "lab", "-f", key).Run()
			}
		}
		file := filepath.Join(p.dir, "sshd_config")
		_ = os.WriteFile(file, []byte(strings.Join(config, "\n")+"\n"), 0o600)
		_ = os.MkdirAll("/run/sshd", 0o755) // where root's server shuts itself in
		return exec.Command(sshdPath, "-D", "-e", "-f", file)
	},

	// It says that it listens there, and greets.
	ready: func(p *process) error {
		host, port, _ := net.SplitHostPort(p.addr)
		if !strings.Contains(string(p.log()), "listening on "+host+" port "+port) {
			return errors.New("it has not said that it listens")
		}
		conn, err := net.DialTimeout("tcp", p.addr, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	},
}
