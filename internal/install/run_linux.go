package install

import (
	"os/exec"
	"syscall"
)

// dieWithUs makes a program end when we are killed. It counts from the thread that starts it, which the caller keeps.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
