package server

import (
	"errors"
	"net"
	"os"
	"time"
)

// aheadBytesMax is how much is read of a client that is not to say anything
// now, so that its going is noticed. What it says is kept for later.
const aheadBytesMax = 4 << 10

// watch reads from a connection that nobody else reads, until stop: gone is
// closed when the client has ended it. Nothing of what the client says is
// lost. Of connections that cannot be watched nobody hears.
func watch(conn net.Conn) (gone <-chan struct{}, stop func()) {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn() // its records are read later too
	}
	c, ok := conn.(*countedConn)
	if !ok {
		return nil, func() {}
	}
	ended, done := make(chan struct{}), make(chan struct{})
	_ = c.SetReadDeadline(time.Time{}) // of a broken connection the read tells
	go func() {
		defer close(done)
		if c.readAhead() {
			close(ended)
		}
	}()
	return ended, func() {
		_ = c.SetReadDeadline(time.Unix(1, 0))
		<-done
		_ = c.SetReadDeadline(time.Time{})
	}
}

// readAhead reads until a deadline, or until it has enough; true means that the
// connection has ended.
func (c *countedConn) readAhead() (ended bool) {
	buf := make([]byte, 512)
	for len(c.ahead) < aheadBytesMax {
		n, err := c.TCPConn.Read(buf)
		c.ahead = append(c.ahead, buf[:n]...)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
		if err != nil {
			c.aheadErr = err
			return true
		}
	}
	return false
}

// Read implements net.Conn.
func (c *countedConn) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
			c.ahead = nil
		}
		return n, nil
	}
	if c.aheadErr != nil {
		return 0, c.aheadErr
	}
	return c.TCPConn.Read(p)
}
