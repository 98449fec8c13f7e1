package lab

import (
	"os"
	"os/exec"
	"syscall"
)

// tie makes the kernel kill cmd's process when the thread that starts it is
// gone: at the latest when this process ends, be it by a crash. The thread must
// be locked to its goroutine until then, or Go may end it earlier. The process
// leads a group of its own, so that its children can be ended with it.
func tie(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// kill ends a tied process and its children.
func kill(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }
