package feed

import (
	"errors"
	"net"
	"os"
	"time"
)

// simConn is the connection beneath a connSocket of a world. The driver calls
// its reader and its writer in turns of their own.
type simConn struct {
	net.Conn // nil: whatever else is called would panic
	socket   *connSocket
	client   *simClient
	deadline int64 // of the writer, 0: none

	writing []byte // what it was given to write, in one call
	left    []byte // what of it the network has not taken
}

// runPosts runs what sockets posted, as a round does.
func (l *loop) runPosts() {
	for _, f := range l.takePosts(nil) {
		f()
	}
}

// converse opens the client's session on a connection socket whose buffer is
// small, so that it is full now and then.
func (c *simClient) converse(l *loop, o Options) {
	c.conn = &simConn{client: c}
	c.conn.socket = newConnSocket(l, c.conn)
	c.conn.socket.bytesMax = 1 << (7 + c.world.r.IntN(6))
	c.m = l.shard.open(c.conn.socket, o, c.world.now)
	c.conn.socket.session = c.m
	c.conn.socket.take(nil, nil)
}

// turn lets the writer go on as far as the network has room, and reports
// whether that was anywhere.
func (s *simConn) turn() (more bool) {
	c := s.client
	if c.closed {
		return false
	}
	if len(s.left) == 0 {
		s.writing = s.socket.collect(false)
		s.left = s.writing
	}
	n := min(len(s.left), c.room)
	c.room -= n
	c.inbuf = append(c.inbuf, s.left[:n]...)
	if n > 0 || len(s.left) == len(s.writing) && len(s.left) > 0 {
		s.socket.begin()
	}
	switch s.left = s.left[n:]; {
	case len(s.left) > 0 && s.deadline != 0 && c.world.now > s.deadline:
		s.socket.wrote(s.writing, os.ErrDeadlineExceeded)
	case len(s.left) == 0 && len(s.writing) > 0:
		s.socket.wrote(s.writing, nil)
		s.writing = nil
	case len(s.left) == 0 && s.ending():
		_ = s.Close()
	}
	return n > 0
}

// ending reports whether the writer has nothing more to do.
func (s *simConn) ending() bool {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	return s.socket.closing && len(s.socket.buf) == 0
}

// read lets the reader read, at most n bytes, if it may; it returns what is
// left.
func (s *simConn) read(p []byte, n int) []byte {
	select {
	case _, open := <-s.socket.grants:
		if !open {
			return p
		}
	default:
		return p
	}
	n = min(n, connReadBytes)
	s.socket.take(append([]byte(nil), p[:n]...), nil)
	return p[n:]
}

// Close implements net.Conn. Something may be lost if the session had to wait
// for room, or was not waited for.
func (s *simConn) Close() error {
	c := s.client
	if c.closed {
		return errors.New("closed twice")
	}
	c.closed = true
	c.cut = c.m.blocked || len(s.left) > 0 || !s.ending() || s.socket.err != nil || c.m.dead && s.deadline == 0
	return nil
}

// SetWriteDeadline implements net.Conn.
func (s *simConn) SetWriteDeadline(t time.Time) error {
	s.deadline = t.UnixNano()
	return nil
}
