package server

import (
	"net"

	"golang.org/x/sys/unix"
)

// notsentLowat keeps the kernel from taking more than it can send soon.
const notsentLowat = 128 << 10

// tune sets what net.TCPConn has no method for. Errors are ignored: without
// it everything works, only worse.
//
// TCP_USER_TIMEOUT is not set, as a backstop behind our own deadlines: Linux
// also resets who reads slowly. Its clock runs from the first probe of a window
// that is closed, and goes on if that opens for less than what waits first, so
// with 75 s clients that read 8 KB/s were cut after 77 (6.18). Who is gone is found
// by pings, and by the age of what is unsent; without pings by the kernel, which
// gives up sending after a quarter of an hour.
func tune(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notsentLowat)
	})
}
