package feed

import (
	"fmt"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// fdSocket is a descriptor that the loop's epoll owns alone: no goroutine, no
// buffer, 0.6 kB a connection.
type fdSocket struct {
	poller     *poller
	fd         int // -1 when closed
	slot       uint32
	generation uint32
	interest   uint32 // events that epoll watches
	session    *session
	release    func() // gives back the connection's place with whoever counts
}

// adopt serves a connection: its descriptor, if it is TCP, else itself.
func (l *loop) adopt(conn net.Conn, early []byte, o Options) {
	c, err := l.poller.take(conn)
	if err != nil {
		l.converse(conn, early, o)
		return
	}
	m := l.shard.open(c, o, l.now())
	c.session = m
	if len(early) > 0 {
		l.guard(m, func() { m.input(early) })
	}
}

// detacher is a connection that somebody counts: it gives up its socket and
// keeps its place until release is called.
type detacher interface {
	Detach() (conn *net.TCPConn, release func())
}

// take moves the descriptor of conn from the runtime's poller to ours. With an
// error conn is as it was.
func (p *poller) take(conn net.Conn) (*fdSocket, error) {
	descriptor, ok := conn.(syscall.Conn)
	if p.conns || !ok {
		return nil, fmt.Errorf("%T has no descriptor", conn)
	}
	raw, err := descriptor.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("descriptor: %w", err)
	}
	c := &fdSocket{poller: p, fd: -1, release: func() {}}
	var dupErr error
	// Never File() or Fd(): they make the socket blocking.
	err = raw.Control(func(fd uintptr) { c.fd, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = dupErr
	}
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor: %w", err)
	}
	if err := p.add(c); err != nil {
		_ = unix.Close(c.fd) // err says more
		return nil, err
	}
	if counted, ok := conn.(detacher); ok {
		conn, c.release = counted.Detach()
	}
	_ = conn.Close() // the duplicate keeps the connection
	return c, nil
}

// write implements socket.
func (c *fdSocket) write(b []byte) (int, error) {
	for {
		n, errno := c.poller.call(syscall.SYS_WRITE, c.fd, b)
		switch errno {
		case 0:
			if n < len(b) {
				c.watch(c.interest | unix.EPOLLOUT)
			}
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			c.watch(c.interest | unix.EPOLLOUT)
			return 0, nil
		default:
			return 0, errno
		}
	}
}

// read implements socket.
func (c *fdSocket) read(on bool) {
	if on {
		c.watch(c.interest | unix.EPOLLIN | unix.EPOLLRDHUP)
	} else {
		c.watch(c.interest &^ (unix.EPOLLIN | unix.EPOLLRDHUP))
	}
}

// watch sets the events that epoll watches.
func (c *fdSocket) watch(interest uint32) {
	if c.fd < 0 || interest == c.interest {
		return
	}
	c.interest = interest
	_ = c.poller.control(unix.EPOLL_CTL_MOD, c) // the descriptor is ours and registered
}

// close implements socket.
func (c *fdSocket) close(hard bool) {
	if c.fd < 0 {
		return
	}
	c.poller.remove(c)
	if hard {
		linger := unix.Linger{Onoff: 1}
		_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &linger) // closing without it is only slower
	}
	_ = unix.Close(c.fd) // nothing can be done about it
	c.fd = -1
	c.release()
}

// since implements socket: what the kernel has taken counts as sent.
func (c *fdSocket) since() int64 { return 0 }

// buffers implements socket.
func (c *fdSocket) buffers() bool { return false }

// readable takes what has come.
func (c *fdSocket) readable() {
	p, m := c.poller, c.session
	n, errno := p.call(syscall.SYS_READ, c.fd, p.buf)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR: // what is there is reported again
	case errno != 0:
		m.disconnected(errno)
	case n == 0:
		m.disconnected(io.EOF)
	default:
		m.input(p.buf[:n])
	}
}

// writable goes on writing.
func (c *fdSocket) writable() {
	c.watch(c.interest &^ unix.EPOLLOUT)
	c.session.writable()
}
