package server

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
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

// retrySeconds is after how long to come back, if there is no place now.
const retrySeconds = "1"

// What a connection over a limit is told; its request is never read.
const refusalBody = `{"error":{"code":"limit_connections","message":"too many connections, retry"}}` + "\n"

var refusal = []byte("HTTP/1.1 503 Service Unavailable\r\nRetry-After: " + retrySeconds + "\r\nConnection: close\r\n" +
	"Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n" +
	"Content-Length: " + strconv.Itoa(len(refusalBody)) + "\r\n\r\n" + refusalBody)

// listener accepts for ever, within the limits of its face.
type listener struct {
	net.Listener
	limits    *limiter
	secure    *tls.Config // nil: plain TCP
	log       zerolog.Logger
	closed    chan struct{}
	closeOnce sync.Once

	refusals sync.WaitGroup

	mu       sync.Mutex // guards all below
	conns    map[*countedConn]struct{}
	refusing int // TLS connections that are being refused
	down     bool
}

func newListener(l net.Listener, limits *limiter, secure *tls.Config, log zerolog.Logger) *listener {
	return &listener{
		Listener: l, limits: limits, secure: secure, log: log,
		closed: make(chan struct{}), conns: make(map[*countedConn]struct{}),
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
		l.limits.errs.Add(1)
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
	if exceeded := l.limits.enter(address, time.Now()); exceeded != 0 {
		l.log.Debug().Stringer("remote", tcp.RemoteAddr()).Stringer("limit", exceeded).Msg("connection refused")
		l.refuse(tcp)
		return nil
	}
	_ = tcp.SetWriteBuffer(socketSendBytes) // the default works, only worse
	tune(tcp)
	c := &countedConn{TCPConn: tcp, listener: l, address: address}
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.mu.Unlock()
	if l.secure != nil {
		return &secureConn{Conn: tls.Server(c, l.secure), counted: c, failed: &l.limits.handshakes, log: l.log}
	}
	return c
}

func addressOf(conn net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// Close implements net.Listener. It waits for refusals under way.
func (l *listener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	err := l.Listener.Close()
	l.mu.Lock()
	l.down = true
	l.mu.Unlock()
	l.refusals.Wait()
	return err
}

// cut closes every connection that is open.
func (l *listener) cut() {
	l.mu.Lock()
	var open []*countedConn
	for c := range l.conns {
		open = append(open, c)
	}
	l.mu.Unlock()
	for _, c := range open {
		_ = c.Close() // whoever uses it hears of it
	}
}

// countedConn gives its place back when it is closed.
type countedConn struct {
	*net.TCPConn
	listener *listener
	address  netip.Addr
	once     sync.Once

	// What watch has read, guarded by its end.
	ahead    []byte
	aheadErr error
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	err := c.TCPConn.Close()
	c.release()
	return err
}

// Detach gives up the socket: the connection keeps its place until release is
// called, once, however its descriptor ends. Release holds on to no socket.
func (c *countedConn) Detach() (conn *net.TCPConn, release func()) {
	limits, address := c.listener.limits, c.address
	c.once.Do(c.forget)
	return c.TCPConn, func() { limits.leave(address) }
}

func (c *countedConn) release() {
	c.once.Do(func() {
		c.forget()
		c.listener.limits.leave(c.address)
	})
}

// forget takes the connection off the list of those that cut closes.
func (c *countedConn) forget() {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	delete(c.listener.conns, c)
}
