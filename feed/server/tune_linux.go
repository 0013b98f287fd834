package server

import (
	"net"

	"golang.org/x/sys/unix"
)

const (
	// userTimeoutMillis is a backstop behind our own deadlines only: Linux
	// also applies it to a reader whose window is closed, and would reset it
	// without our code, counter and log line.
	userTimeoutMillis = 75_000
	// notsentLowat keeps the kernel from taking more than it can send soon.
	notsentLowat = 128 << 10
)

// tune sets what net.TCPConn has no method for. Errors are ignored: without
// these options everything works, only worse.
func tune(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, userTimeoutMillis)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notsentLowat)
	})
}
