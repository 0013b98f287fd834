package feed

import (
	"net"
	"sync"
	"time"
)

// Sizes of a connection socket: what its writer has not written, what it writes
// and what is read at a time. With its buffer a burst disturbs clients as little
// as those on descriptors; and a frozen client may cost as much. A piece is small
// enough for a slow client to take it long before it counts as frozen.
const (
	connWriteBytes = 256 << 10
	connPieceBytes = 16 << 10
	connReadBytes  = 4 << 10
)

// connSocket is a socket on a net.Conn of any kind: TLS, and systems without
// a descriptor loop. Its reader hands over one piece of input at a time; its
// writer empties a bounded buffer. What the two do between their calls of the
// connection are methods, so that a seeded test can take their turns.
type connSocket struct {
	loop   *loop
	conn   net.Conn
	grants chan struct{} // the reader may read once

	// Owned by the loop.
	session *session
	granted bool // and what is read has not been taken

	mu       sync.Mutex // guards all below
	cond     sync.Cond  // buf or closing changed
	bytesMax int        // in buf and in the writer's hands
	buf      []byte
	writing  int    // bytes in the writer's hands
	begun    int64  // when it was given the piece that it writes, 0: none
	spare    []byte // of the last write
	full     bool   // a write was cut short
	closing  bool   // close when buf is empty
	err      error
}

func newConnSocket(l *loop, conn net.Conn) *connSocket {
	c := &connSocket{loop: l, conn: conn, grants: make(chan struct{}, 1), bytesMax: connWriteBytes}
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
	c.take(early, nil)
}

// write implements socket.
func (c *connSocket) write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	n := min(len(p), c.bytesMax-len(c.buf)-c.writing)
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

// since implements socket.
func (c *connSocket) since() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begun
}

// buffers implements socket.
func (c *connSocket) buffers() bool { return true }

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

// grant lets the reader read once more, if it does not already.
func (c *connSocket) grant() {
	if !c.granted {
		c.granted = true
		c.grants <- struct{}{}
	}
}

func (c *connSocket) reader() {
	buf := make([]byte, connReadBytes)
	for range c.grants {
		n, err := c.conn.Read(buf)
		c.loop.post(func() { c.take(buf[:n], err) })
		if err != nil {
			return
		}
	}
}

// take hands input to the session, which copies what it keeps, in the loop's
// goroutine. Only then is more read.
func (c *connSocket) take(p []byte, err error) {
	m := c.session
	if len(p) > 0 {
		c.loop.guard(m, func() { m.input(p) })
	}
	c.granted = false
	if err != nil {
		m.disconnected(err)
	}
	if !m.dead && !m.paused {
		c.grant()
	}
}

func (c *connSocket) writer() {
	for {
		p := c.collect(true)
		if len(p) == 0 {
			_ = c.conn.Close() // nothing is left to lose
			return
		}
		err := c.writeAll(p)
		c.wrote(p, err)
		if err != nil {
			return
		}
	}
}

// writeAll writes p in pieces.
func (c *connSocket) writeAll(p []byte) error {
	for len(p) > 0 {
		n := min(len(p), connPieceBytes)
		c.begin()
		if _, err := c.conn.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// begin notes that a piece is to be written.
func (c *connSocket) begin() {
	now := c.loop.now()
	c.mu.Lock()
	c.begun = now
	c.mu.Unlock()
}

// collect returns what is to be written. Who waits gets nothing only when the
// socket is to be closed.
func (c *connSocket) collect(wait bool) (p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for wait && len(c.buf) == 0 && !c.closing {
		c.cond.Wait()
	}
	p = c.buf
	c.buf, c.spare, c.writing = c.spare[:0], nil, len(p)
	return p
}

// wrote takes back what was collected, and tells the session if it waits for
// room.
func (c *connSocket) wrote(p []byte, err error) {
	c.mu.Lock()
	full := c.full
	c.full, c.writing, c.begun = false, 0, 0
	if err != nil {
		c.err, c.buf = err, nil
	}
	if cap(p) <= connReadBytes { // an idle connection keeps little
		c.spare = p
	}
	c.mu.Unlock()
	if err != nil {
		abort(c.conn) // nobody else will: close leaves it to the writer
	}
	if !full && err == nil {
		return
	}
	c.loop.post(func() {
		if err != nil {
			c.session.disconnected(err)
		} else if !c.session.dead {
			c.session.writable()
		}
	})
}
