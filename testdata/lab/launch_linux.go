package lab

import (
	"os/exec"
	"runtime"
	"syscall"
)

// launch starts the command in a process group of its own and closes ended
// when it is over. The kernel kills it if the test's process dies.
func launch(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started, over := make(chan error), make(chan struct{})
	go func() {
		// Pdeathsig looks at the thread that started the process, so that thread must stay.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
		close(over)
	}()
	return over, <-started
}
