package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fasthttp/websocket"
)

// Conn is a connection to a feed.
type Conn struct {
	// Static after Dial.
	cfg    Config
	ws     *websocket.Conn // writes only
	t      *transport
	hello  Hello
	pong   func(payload []byte) error // answers a ping
	dialed func() bool                // unties the socket from Dial's context; false if that ended first

	// Owned by the goroutine that calls Next.
	message   []byte            // a fragmented message as far as it came
	partial   bool              // a fragmented message has begun
	names     map[string]string // streams seen, so that a name is one string
	readErr   error             // why nothing more can be read
	silenceAt time.Time         // when the read deadline was last set

	// writeMu serialises messages: the library allows one writer. It is held
	// across the write, which is bounded by writeTimeout.
	writeMu sync.Mutex

	closed    atomic.Bool
	closeOnce sync.Once
	closeErr  error
}

// writeTimeout bounds a write: control messages are small, so one that does
// not fit the socket's buffer for this long has nobody at the other end.
const writeTimeout = 5 * time.Second

// closeTimeout bounds the farewell of Close on a stuck socket.
const closeTimeout = 250 * time.Millisecond

// namesMax bounds the stream names that a connection keeps.
const namesMax = 1 << 16

// Dial connects, reads the server's Hello and subscribes to cfg.Streams. ctx
// bounds the dialing only; end the connection with Close. A refusal by HTTP is
// a *StatusError, by a close frame a *CloseError.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	u, err := cfg.normalize()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.DialTimeout)
	defer cancel()
	c := &Conn{cfg: cfg, names: make(map[string]string)}
	if err := c.upgrade(ctx, u); err != nil {
		return nil, err
	}
	err = c.greet()
	if !c.dialed() { // the socket was closed
		err = fmt.Errorf("client: wait for hello: %w", ctx.Err())
	}
	if err == nil && len(cfg.Streams) > 0 {
		err = c.Subscribe(Request{Streams: cfg.Streams})
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) upgrade(ctx context.Context, u *url.URL) error {
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		return c.wrap(ctx)(d.DialContext(ctx, network, addr))
	}
	dialTLS := func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := tls.Dialer{Config: c.cfg.TLS}
		return c.wrap(ctx)(d.DialContext(ctx, network, addr))
	}
	dialer := websocket.Dialer{NetDialContext: dial, NetDialTLSContext: dialTLS, ReadBufferSize: 1024, WriteBufferSize: 1024}
	ws, resp, err := dialer.DialContext(ctx, u.String(), c.cfg.Header)
	switch {
	case errors.Is(err, websocket.ErrBadHandshake) && resp != nil:
		body, _ := io.ReadAll(resp.Body) // at most 1 KiB, already in memory
		return newStatusError(resp, body)
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("client: dial %s: %w", u.Host, ctx.Err())
	case err != nil:
		return fmt.Errorf("client: dial %s: %w", u.Host, err)
	}
	c.ws = ws
	c.pong = func(payload []byte) error {
		return ws.WriteControl(websocket.PongMessage, payload, time.Now().Add(writeTimeout))
	}
	return nil
}

// wrap puts the transport around a new socket, which is closed when ctx ends
// before the dialing does: the library heeds ctx's deadline only.
func (c *Conn) wrap(ctx context.Context) func(net.Conn, error) (net.Conn, error) {
	return func(nc net.Conn, err error) (net.Conn, error) {
		if err != nil {
			return nil, err
		}
		c.t = &transport{Conn: nc}
		c.dialed = context.AfterFunc(ctx, func() { _ = nc.Close() })
		return c.t, nil
	}
}

// greet reads the hello.
func (c *Conn) greet() error {
	f, err := c.Next()
	if err != nil {
		return err
	}
	if f.Op != "hello" {
		return fmt.Errorf("%w: first frame is %.64q, want hello", ErrFrame, f.Raw)
	}
	if err := json.Unmarshal(f.Raw, &c.hello); err != nil {
		return fmt.Errorf("%w: hello: %w", ErrFrame, err)
	}
	c.hello.Raw = bytes.Clone(f.Raw)
	return nil
}

// Hello returns the server's first frame. Its slices are shared: do not change
// them.
func (c *Conn) Hello() Hello { return c.hello }

// Close says goodbye, as far as the socket takes it at once, and closes it; a
// Next under way returns ErrClosed. It may be called from any goroutine and
// more than once; later calls return what the first did.
func (c *Conn) Close() error {
	c.closed.Store(true)
	c.closeOnce.Do(func() {
		goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		_ = c.ws.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(closeTimeout))
		c.closeErr = c.t.Close()
	})
	return c.closeErr
}
