package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// population is a set of subscribed connections whose bytes go to a meter.
type population interface {
	// close ends every connection and returns when nothing reads any more.
	close()
}

// crowd says what a population consists of.
type crowd struct {
	target   Target
	profile  *Profile
	interest *interest
	audit    int // the sequences of that many reading connections are checked
	meter    *meter
	progress func(connected int)
	portable bool // a goroutine a connection, also where epoll is at hand
}

// handshakeTimeout bounds the upgrade of one connection.
const handshakeTimeout = 20 * time.Second

// slowReceiveBytes is the receive buffer of a connection that never reads: the
// server shall feel it soon.
const slowReceiveBytes = 4096

// newInbox returns the receiving side of the n-th reading connection.
func (c *crowd) newInbox(n int) inbox {
	if n >= c.audit {
		return inbox{}
	}
	return inbox{last: make(map[string]*uint64)}
}

// connect makes the population, one connection after another.
func connect(ctx context.Context, c *crowd) (population, error) {
	if c.portable {
		return connectNet(ctx, c)
	}
	return connectFast(ctx, c)
}

// headBytesMax bounds the response to an upgrade, with frames that follow it.
const headBytesMax = 16 << 10

// join upgrades a fresh connection and subscribes it: the i-th of the crowd. It
// returns what the server already sent.
func (c *crowd) join(rw io.ReadWriter, i int) ([]byte, error) {
	// The key need not be random: nothing here caches responses.
	req := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGlja2Nhc3QgYmVuY2ghIQ==\r\n\r\n", c.target.Path, c.target.Host)
	if _, err := rw.Write(req); err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	rest, err := readHead(rw)
	if err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	msg := c.interest.appendSubscribe(nil, i)
	if _, err := rw.Write(appendClientFrame(nil, 1, msg)); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return rest, nil
}

// readHead reads the response to an upgrade and returns what follows its head.
func readHead(r io.Reader) ([]byte, error) {
	buf := make([]byte, headBytesMax)
	n := 0
	for n < len(buf) {
		k, err := r.Read(buf[n:])
		n += k
		if end := bytes.Index(buf[:n], []byte("\r\n\r\n")); end >= 0 {
			if status := statusOf(buf[:end]); status != "101" {
				return nil, fmt.Errorf("refused: HTTP %s: %.200q", status, buf[end+4:n])
			}
			return bytes.Clone(buf[end+4 : n]), nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the response has no end")
}

func statusOf(head []byte) string {
	_, rest, _ := bytes.Cut(head, []byte(" "))
	return string(rest[:min(3, len(rest))])
}
