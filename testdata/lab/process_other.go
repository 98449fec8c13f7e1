//go:build !linux

package lab

import (
	"os"
	"os/exec"
)

// Elsewhere than on Linux, a server survives a crash of the test's process.

func tie(cmd *exec.Cmd)  {}
func kill(p *os.Process) { p.Kill() }
