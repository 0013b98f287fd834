package client

import (
	"errors"
	"net"
)

// transport is the socket. While the upgrade runs it gives the WebSocket
// library no byte beyond the end of a 101 response's head, so that nothing of
// the feed is caught in the library's buffer; then Conn reads through fill.
type transport struct {
	net.Conn

	buf  []byte // what was read of the socket; [r:w] is not consumed yet
	r, w int

	headBytes int  // of the response head that were given away
	headEnd   int  // how many bytes of "\r\n\r\n" the last ones match
	switching bool // the status line says 101
	upgraded  bool
}

// bufBytesInitial holds some 100 ticks; the buffer grows to a frame's size.
const bufBytesInitial = 16 << 10

// statusAt is where the status stands in "HTTP/1.1 101".
const statusAt = 9

var errUpgraded = errors.New("client: the response head is over")

// Read serves the WebSocket library's reader during the upgrade.
func (t *transport) Read(p []byte) (int, error) {
	if t.upgraded {
		return 0, errUpgraded
	}
	if t.r == t.w {
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	n := 0
	for n < len(p) && t.r < t.w && !t.upgraded {
		c := t.buf[t.r]
		p[n] = c
		t.r++
		n++
		t.head(c)
	}
	return n, nil
}

// head follows the response head byte by byte.
func (t *transport) head(c byte) {
	const end = "\r\n\r\n"
	if i := t.headBytes - statusAt; i >= 0 && i < 3 {
		t.switching = (i == 0 || t.switching) && c == "101"[i]
	}
	t.headBytes++
	switch {
	case c == end[t.headEnd]:
		t.headEnd++
	case c == end[0]:
		t.headEnd = 1
	default:
		t.headEnd = 0
	}
	if t.headEnd == len(end) {
		t.headEnd = 0
		t.upgraded = t.switching
	}
}

// fill reads the socket once. It moves what is not consumed to the front, and
// makes the buffer larger when that fills it.
func (t *transport) fill() error {
	if t.r > 0 {
		t.w = copy(t.buf, t.buf[t.r:t.w])
		t.r = 0
	}
	if t.w == len(t.buf) {
		larger := make([]byte, max(bufBytesInitial, 2*len(t.buf)))
		copy(larger, t.buf)
		t.buf = larger
	}
	n, err := t.Conn.Read(t.buf[t.w:])
	t.w += n
	if n > 0 {
		return nil // an error comes again at the next read
	}
	return err
}
