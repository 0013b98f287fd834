package feed

import (
	"net"
	"sync"
	"time"
)

// Sizes of a connection socket: what waits in it when the kernel's buffer is
// full, and what is read at a time.
const (
	connWriteBytes = 64 << 10
	connReadBytes  = 4 << 10
)

// connSocket is a socket on a net.Conn of any kind: TLS, and systems without
// a descriptor loop. Its reader hands over one piece of input at a time; its
// writer empties a bounded buffer.
type connSocket struct {
	loop    *loop
	conn    net.Conn
	session *session // owned by the loop
	grants  chan struct{}

	mu      sync.Mutex // guards all below
	cond    sync.Cond  // buf or closing changed
	buf     []byte
	full    bool // a write was cut short
	closing bool // close when buf is empty
	err     error
}

func newConnSocket(l *loop, conn net.Conn) *connSocket {
	c := &connSocket{loop: l, conn: conn, grants: make(chan struct{}, 1)}
	c.cond.L = &c.mu
	return c
}

// converse serves a connection with goroutines of its own.
func (l *loop) converse(conn net.Conn, early []byte, o Options) {
	c := newConnSocket(l, conn)
	c.start(l.shard.open(c, o, l.now()), early)
}

// start begins reading and writing; early is what was read before. It is
// called in the loop's goroutine, after the session's first output.
func (c *connSocket) start(m *session, early []byte) {
	c.session = m
	c.loop.sockets.Go(func() { c.guard(c.writer) })
	c.loop.sockets.Go(func() { c.guard(c.reader) })
	if len(early) > 0 {
		c.take(early)
		return
	}
	c.grant()
}

// write implements socket.
func (c *connSocket) write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	n := min(len(p), connWriteBytes-len(c.buf))
	c.buf = append(c.buf, p[:n]...)
	c.full = n < len(p)
	c.cond.Signal()
	return n, nil
}

// read implements socket.
func (c *connSocket) read(on bool) {
	if on {
		c.grant()
	}
}

// close implements socket.
func (c *connSocket) close(hard bool) {
	c.mu.Lock()
	c.closing = true
	if hard {
		c.buf = nil
	}
	c.cond.Signal()
	c.mu.Unlock()
	close(c.grants)
	if hard {
		abort(c.conn)
		return
	}
	// A client that reads nothing more must not hold the writer.
	_ = c.conn.SetWriteDeadline(time.Unix(0, c.loop.now()+closeNanos)) // closed already: nothing to hold
}

// guard runs one of the socket's goroutines. A panic, in the connection's code
// or in ours, is the end of this connection only.
func (c *connSocket) guard(run func()) {
	defer func() {
		if r := recover(); r != nil {
			c.loop.post(func() {
				c.loop.shard.stats.Panics++
				c.session.panicked(r)
			})
		}
	}()
	run()
}

// abort ends a connection and throws away what the kernel has not sent: a
// frozen reader would leave it there for long.
func abort(conn net.Conn) {
	type aborter interface{ Abort() error }
	if a, ok := conn.(aborter); ok { // TLS, which would say goodbye, and wait
		_ = a.Abort()
		return
	}
	type lingerer interface{ SetLinger(seconds int) error }
	if l, ok := conn.(lingerer); ok {
		_ = l.SetLinger(0) // closing without it is only slower
	}
	_ = conn.Close() // the reader or writer reports what matters
}

// grant lets the reader read once more.
func (c *connSocket) grant() {
	select {
	case c.grants <- struct{}{}:
	default:
	}
}

// take hands input to the session, in the loop's goroutine.
func (c *connSocket) take(p []byte) {
	m := c.session
	if m.dead {
		return
	}
	c.loop.guard(m, func() { m.input(p) })
	if !m.dead && !m.paused {
		c.grant()
	}
}

func (c *connSocket) reader() {
	for range c.grants {
		buf := make([]byte, connReadBytes)
		n, err := c.conn.Read(buf)
		c.loop.post(func() {
			if n > 0 {
				c.take(buf[:n])
			}
			if err != nil {
				c.session.disconnected(err)
			}
		})
		if err != nil {
			return
		}
	}
}

func (c *connSocket) writer() {
	var spare []byte
	for {
		c.mu.Lock()
		for len(c.buf) == 0 && !c.closing {
			c.cond.Wait()
		}
		p := c.buf
		c.buf = spare[:0]
		full := c.full
		c.full = false
		c.mu.Unlock()
		if len(p) == 0 {
			_ = c.conn.Close() // nothing is left to lose
			return
		}
		_, err := c.conn.Write(p)
		if err != nil {
			c.mu.Lock()
			c.err = err
			c.buf = nil
			c.mu.Unlock()
			abort(c.conn) // nobody else will: close leaves it to the writer
		}
		if spare = p; cap(spare) > connReadBytes {
			spare = nil // an idle connection keeps little
		}
		if full || err != nil {
			c.loop.post(func() {
				if err != nil {
					c.session.disconnected(err)
				} else if !c.session.dead {
					c.session.writable()
				}
			})
		}
		if err != nil {
			return
		}
	}
}
