package bench

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// These calls never block, so the scheduler need not know of them: telling it
// costs more than a small read does.

// readRaw is read(2) on a non-blocking descriptor; p is not empty.
func readRaw(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// pollRaw is epoll_pwait(2) with a timeout of 0; it returns 0 on any error, so
// that the caller's blocking wait meets it again.
func pollRaw(epoll int, ready []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&ready[0])), uintptr(len(ready)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}
