package server

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// How long Accept waits after an error that passes, such as no descriptor
// being left: doubled from the first to the second.
const (
	acceptWaitMin = 5 * time.Millisecond
	acceptWaitMax = time.Second
)

// socketSendBytes bounds what the kernel hides of a slow client: by default
// it takes megabytes, seconds of a feed.
const socketSendBytes = 128 << 10

// refusal is what a connection over a cap is told; it is never parsed.
const refusal = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n" +
	"Content-Type: application/json\r\nContent-Length: 78\r\n\r\n" +
	`{"error":{"code":"limit_connections","message":"too many connections, retry"}}`

// listener accepts for ever, within caps: total, and for each address that is
// not loopback.
type listener struct {
	net.Listener
	log        zerolog.Logger
	total      int
	perAddress int
	closed     chan struct{}
	closeOnce  sync.Once
	errs       atomic.Uint64 // failed accepts
	refused    atomic.Uint64 // connections over a cap

	mu        sync.Mutex // guards all below
	open      int
	addresses map[netip.Addr]int
}

func newListener(l net.Listener, total, perAddress int, log zerolog.Logger) *listener {
	return &listener{
		Listener: l, log: log, total: total, perAddress: perAddress,
		closed: make(chan struct{}), addresses: make(map[netip.Addr]int),
	}
}

// Accept implements net.Listener. It returns an error only when the listener
// was closed, or is broken for good.
func (l *listener) Accept() (net.Conn, error) {
	wait := acceptWaitMin
	for {
		conn, err := l.Listener.Accept()
		if err == nil {
			wait = acceptWaitMin
			if c := l.admit(conn); c != nil {
				return c, nil
			}
			continue
		}
		if !passing(err) {
			return nil, err
		}
		l.errs.Add(1)
		l.log.Warn().Err(err).Dur("retry_in", wait).Msg("accept failed")
		select {
		case <-l.closed:
			return nil, net.ErrClosed
		case <-time.After(wait):
		}
		wait = min(2*wait, acceptWaitMax)
	}
}

// passing reports whether an accept error may be over in a while.
func passing(err error) bool {
	for _, e := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// admit counts a connection, or refuses it and returns nil.
func (l *listener) admit(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn // in-memory listeners of tests
	}
	address := addressOf(tcp)
	l.mu.Lock()
	over := l.open >= l.total || !address.IsLoopback() && l.addresses[address] >= l.perAddress
	if !over {
		l.open++
		l.addresses[address]++
	}
	l.mu.Unlock()
	if over {
		l.refused.Add(1)
		_ = tcp.SetWriteDeadline(time.Now().Add(time.Second)) // one packet into an empty buffer
		_, _ = tcp.Write([]byte(refusal))                     // the refusal is a courtesy
		_ = tcp.Close()
		return nil
	}
	_ = tcp.SetWriteBuffer(socketSendBytes) // the default works, only worse
	tune(tcp)
	return &countedConn{TCPConn: tcp, listener: l, address: address}
}

func addressOf(conn net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// count returns how many connections are open.
func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// countedConn gives its place back when it is closed.
type countedConn struct {
	*net.TCPConn
	listener *listener
	address  netip.Addr
	once     sync.Once
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.release()
	return c.TCPConn.Close()
}

// Detach gives up the socket: the connection keeps its place until release is
// called, however its descriptor ends.
func (c *countedConn) Detach() (conn *net.TCPConn, release func()) { return c.TCPConn, c.release }

func (c *countedConn) release() {
	c.once.Do(func() {
		l := c.listener
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open--
		if l.addresses[c.address]--; l.addresses[c.address] == 0 {
			delete(l.addresses, c.address)
		}
	})
}
