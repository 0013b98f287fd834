package bench

import "syscall"

// ownGroup keeps a terminal's Ctrl-C from the child, which is ended in order
// by Stop, and has the kernel end it if this process dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
