package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/fasthttp/websocket"

	"tickcast/wire"
)

// Request asks for streams.
type Request struct {
	// ID is echoed in the answer; 0 sends none.
	ID int64
	// Streams are names or patterns.
	Streams []string
	// Since are positions to resume from, by stream name: also of streams
	// that a pattern in Streams matches.
	Since map[string]wire.Cursor
	// NoSnapshot leaves out the snapshots and last values.
	NoSnapshot bool
}

// streamsMax is how many entries go into one message, unless the server's
// limit is lower: with a cursor for each it stays below 64 KiB.
const streamsMax = 512

type message struct {
	Op       string            `json:"op"`
	ID       int64             `json:"id,omitempty"`
	Streams  []string          `json:"streams,omitempty"`
	Since    map[string]string `json:"since,omitempty"`
	Snapshot *bool             `json:"snapshot,omitempty"`
}

// Subscribe asks for streams. It returns when the request is written; the
// answer is a "subscribed" frame from Next. A long request is sent as several
// messages, each of which is answered.
func (c *Conn) Subscribe(r Request) error {
	if len(r.Streams) == 0 {
		return errors.New("client: subscribe: no streams")
	}
	since := make(map[string]string, len(r.Since))
	for stream, cursor := range r.Since {
		since[stream] = cursor.String()
	}
	limit := streamsMax
	if n := c.hello.Limits.RequestStreams; n > 0 {
		limit = min(limit, n)
	}
	for _, m := range split(r, since, limit) {
		m.Op, m.ID = "subscribe", r.ID
		if r.NoSnapshot {
			m.Snapshot = new(bool)
		}
		if err := c.send(m); err != nil {
			return err
		}
	}
	return nil
}

// split divides a request into messages of at most limit entries. A
// cursor goes with the entry of its own name; those of streams that patterns
// match go with every message that holds a pattern.
func split(r Request, since map[string]string, limit int) []message {
	if len(r.Streams) <= limit {
		return []message{{Streams: r.Streams, Since: since}}
	}
	var out []message
	patterned := maps.Clone(since)
	for _, s := range r.Streams {
		delete(patterned, s)
	}
	for rest := r.Streams; len(rest) > 0; {
		m := message{Streams: rest[:min(limit, len(rest))], Since: map[string]string{}}
		rest = rest[len(m.Streams):]
		for _, s := range m.Streams {
			if cursor, ok := since[s]; ok {
				m.Since[s] = cursor
			}
			if strings.HasSuffix(s, "*") {
				maps.Copy(m.Since, patterned)
			}
		}
		out = append(out, m)
	}
	return out
}

// Unsubscribe removes the entries of exactly these texts. The answer is an
// "unsubscribed" frame, or "error" with the code not_subscribed.
func (c *Conn) Unsubscribe(id int64, streams ...string) error {
	return c.send(message{Op: "unsubscribe", ID: id, Streams: streams})
}

// Ping asks for a "pong" frame, which carries this connection's lag.
func (c *Conn) Ping(id int64) error {
	return c.send(message{Op: "ping", ID: id})
}

func (c *Conn) send(m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("client: %s: %w", m.Op, err)
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if c.closed.Load() {
		return ErrClosed
	}
	_ = c.ws.SetWriteDeadline(time.Now().Add(writeTimeout)) // a broken socket fails at the write
	if err := c.ws.WriteMessage(websocket.TextMessage, text); err != nil {
		if c.closed.Load() {
			return ErrClosed
		}
		return fmt.Errorf("client: %s: %w", m.Op, err)
	}
	return nil
}
