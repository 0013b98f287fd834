package server

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel is not told to end connections: it would end those that read slowly.
func TestKernelEndsNoConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tcp := conn.(*net.TCPConn)
	tune(tcp)
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	timeout := 0
	if e := raw.Control(func(fd uintptr) {
		timeout, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	}); e != nil || err != nil {
		t.Fatal(e, err)
	}
	if timeout != 0 {
		t.Errorf("it ends them after %d ms in which they read slowly", timeout)
	}
}
