package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"tickcast/feed/client"
)

// epollPopulation reads all connections in one thread, into one buffer: a
// connection costs a descriptor and some 60 bytes, a message some 30 ns.
type epollPopulation struct {
	meter *meter
	wake  int // eventfd that ends the thread
	done  chan struct{}

	// Owned by connectFast, then by the thread, then by close.
	epoll   int
	sockets []socket // epoll's data is the index
	buf     []byte
}

type socket struct {
	inbox
	fd int // -1 once it is closed
}

const (
	readBytes = 256 << 10 // of one read: what the server writes at once at most
	readyMax  = 1024      // sockets of one epoll_wait
	wakeIndex = -1        // epoll's data of the eventfd
)

func connectFast(ctx context.Context, c *crowd) (population, error) {
	p := &epollPopulation{
		meter: c.meter, epoll: -1, wake: -1, done: make(chan struct{}),
		sockets: make([]socket, 0, c.profile.Connections),
		buf:     make([]byte, readBytes+client.FrameBytesMax+16), // a carry is less than a frame with its header
	}
	if err := p.connect(ctx, c); err != nil {
		p.release()
		return nil, fmt.Errorf("bench: %w", err)
	}
	go p.run()
	return p, nil
}

func (p *epollPopulation) connect(ctx context.Context, c *crowd) (err error) {
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if p.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if err := p.watch(p.wake, wakeIndex); err != nil {
		return err
	}
	readers := 0
	for i := range c.profile.Connections {
		if err := ctx.Err(); err != nil {
			return err
		}
		slow := c.profile.slow(i)
		fd, rest, err := dialRaw(c, i, slow)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		s := socket{fd: fd}
		if !slow {
			s.inbox = c.newInbox(readers)
			s.carry = rest
			readers++
			if err := p.watch(fd, i); err != nil {
				return err
			}
		}
		p.sockets = append(p.sockets, s)
		c.progress(i + 1)
	}
	return nil
}

func (p *epollPopulation) watch(fd, index int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(index)}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// dialRaw connects and subscribes with blocking calls, and returns a
// non-blocking socket that the Go runtime knows nothing of.
func dialRaw(c *crowd, i int, slow bool) (int, []byte, error) {
	family, addr := sockaddr(c.target)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, fmt.Errorf("socket: %w", err)
	}
	timeout := unix.NsecToTimeval(int64(handshakeTimeout))
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
	)
	if slow { // before connecting, so that the first window is small too
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, slowReceiveBytes))
	}
	var rest []byte
	if err == nil {
		err = connectRaw(fd, addr)
	}
	if err == nil {
		rest, err = c.join(blocking(fd), i)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, nil, err
	}
	return fd, rest, nil
}

func sockaddr(t Target) (family int, addr unix.Sockaddr) {
	if a := t.Addr.Addr(); !a.Is4() {
		return unix.AF_INET6, &unix.SockaddrInet6{Port: int(t.Addr.Port()), Addr: a.As16()}
	}
	return unix.AF_INET, &unix.SockaddrInet4{Port: int(t.Addr.Port()), Addr: t.Addr.Addr().As4()}
}

// connectRaw is connect(2); one that a signal interrupted goes on by itself and
// is waited for.
func connectRaw(fd int, addr unix.Sockaddr) error {
	err := unix.Connect(fd, addr)
	for errors.Is(err, unix.EINTR) || errors.Is(err, unix.EALREADY) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if _, err = unix.Poll(fds, int(handshakeTimeout.Milliseconds())); err == nil {
			var code int
			if code, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
				err = unix.Errno(code)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// blocking is a blocking descriptor as an io.ReadWriter.
type blocking int

func (fd blocking) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(fd), p)
		switch {
		case errors.Is(err, unix.EINTR): // the runtime's preemption signal
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.ErrUnexpectedEOF
		default:
			return n, nil
		}
	}
}

func (fd blocking) Write(p []byte) (int, error) {
	for done := 0; ; {
		n, err := unix.Write(int(fd), p[done:])
		if err != nil && !errors.Is(err, unix.EINTR) {
			return done, err
		}
		if done += max(n, 0); done == len(p) {
			return done, nil
		}
	}
}

// run is the thread.
func (p *epollPopulation) run() {
	defer close(p.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range p.sockets { // what came with the upgrade may be whole frames
		if s := &p.sockets[i]; len(s.carry) > 0 {
			p.take(s, copy(p.buf, s.carry))
		}
	}
	ready := make([]unix.EpollEvent, readyMax)
	for {
		// A trip through the scheduler only when there is nothing to read.
		n := pollRaw(p.epoll, ready)
		if n == 0 {
			n, _ = unix.EpollWait(p.epoll, ready, -1) // EINTR: n is -1
		}
		for i := range max(n, 0) {
			index := ready[i].Fd
			if index == wakeIndex {
				return
			}
			p.read(&p.sockets[index])
		}
	}
}

func (p *epollPopulation) read(s *socket) {
	carried := copy(p.buf, s.carry)
	n, errno := readRaw(s.fd, p.buf[carried:carried+readBytes])
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR: // epoll tells again
	case errno != 0:
		p.end(s, errno)
	case n == 0:
		p.end(s, io.EOF)
	default:
		p.take(s, carried+n)
	}
}

// take counts the first n bytes of the buffer for s and keeps what is left.
func (p *epollPopulation) take(s *socket, n int) {
	b := p.buf[:n]
	used, err := p.meter.take(&s.inbox, b, time.Now().UnixMicro())
	s.carry = append(s.carry[:0], b[used:]...)
	if err == nil && len(s.pongs) > 0 {
		// A pong that does not fit a socket's send buffer has no reader.
		_, err = unix.Write(s.fd, s.pongs)
		s.pongs = s.pongs[:0]
	}
	if err != nil {
		p.end(s, err)
	}
}

func (p *epollPopulation) end(s *socket, err error) {
	_ = unix.Close(s.fd) // which also takes it out of epoll
	s.fd = -1
	p.meter.ended(err)
}

func (p *epollPopulation) close() {
	one := [8]byte{1}
	_, _ = unix.Write(p.wake, one[:]) // an eventfd that is written once takes it
	<-p.done
	p.release()
}

func (p *epollPopulation) release() {
	for _, s := range p.sockets {
		if s.fd >= 0 {
			_ = unix.Close(s.fd)
		}
	}
	for _, fd := range []int{p.epoll, p.wake} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}
