//go:build unix && !linux

package lab

import (
	"os/exec"
	"syscall"
)

// launch starts the command in a process group of its own and closes ended
// when it is over.
func launch(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	over := make(chan struct{})
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait()
		close(over)
	}()
	return over, nil
}
