package feed

import (
	"errors"
	"fmt"

	"tickcast/wire"
)

// refuse closes the connection for a violation of the WebSocket protocol. A
// reader is of no use after a fault: what follows, most likely the client's
// close frame, gets a new one.
func (m *session) refuse(err error) {
	*m.reader = wire.FrameReader{}
	var ce *wire.CloseError
	if !errors.As(err, &ce) {
		ce = &wire.CloseError{Code: wire.CloseProtocol, Text: err.Error()}
	}
	if ce.Code == wire.CloseTooBig {
		m.shard.stats.Limits[LimitMessage]++
	}
	m.close(ce.Code, ce.Text)
}

// close starts the closing handshake: the frame being written is finished,
// control frames follow, the rest is dropped, and the connection ends when the
// client has answered or closeNanos later.
func (m *session) close(code wire.CloseCode, reason string) {
	if m.closing || m.dead {
		return
	}
	m.end.Code, m.end.Reason = code, reason
	m.cutShort()
	m.leave()
	m.closing = true
	m.endAt = m.shard.now + closeNanos
	if end := m.shard.drained; end > 0 {
		m.endAt = min(m.endAt, max(end, m.shard.now))
	}
	m.shard.timers.pushSession(m.endAt, m)
	m.pushFramed(wire.AppendCloseFrame(nil, code, reason))
	m.shard.again(m) // the client's answer may be behind input that waits
}

// cutShort drops all output but the rest of the frame being written and the
// control frames behind it: answers and notices.
func (m *session) cutShort() {
	rest := m.partial()
	var kept []segment
	for i := range m.outbox {
		s := &m.outbox[i]
		if s.kind == segmentControl && s.sent == 0 && !s.rest {
			kept = append(kept, *s)
		} else {
			m.discard(s)
		}
	}
	m.outbox, m.outboxBytes = nil, 0
	m.lost = nil
	if m.group != nil {
		m.cursor = m.group.log.head
	}
	m.pushRest(rest)
	for i := range kept {
		m.outboxBytes += kept[i].size()
	}
	m.outbox = append(m.outbox, kept...)
}

// partial returns a copy of the rest of the frame being written, nil if none
// was begun. Control frames and replays that were begun count as one frame.
func (m *session) partial() []byte {
	if len(m.outbox) == 0 {
		if m.group == nil || m.lost != nil {
			return nil
		}
		return m.group.log.rest(m.cursor)
	}
	s := &m.outbox[0]
	switch {
	case s.kind == segmentLog:
		return s.log.rest(s.from)
	case s.sent == 0 && !s.rest:
		return nil
	default:
		end := len(s.bytes)
		for _, e := range s.ends {
			if e >= s.sent {
				end = e
				break
			}
		}
		return append([]byte(nil), s.bytes[s.sent:end]...)
	}
}

// kill ends the connection now.
func (m *session) kill(code wire.CloseCode, reason string, hard bool) {
	if m.dead {
		return
	}
	if !m.closing {
		m.end.Code, m.end.Reason = code, reason
	}
	m.dead = true
	for len(m.outbox) > 0 {
		m.shift()
	}
	m.pending, m.commands, m.gathered = nil, nil, nil
	m.sock.close(hard)
	m.shard.gone(m)
	if m.options.Closed != nil {
		m.options.Closed(End{
			Conn: m.conn(), Remote: m.options.Remote, TLS: m.options.TLS, Code: m.end.Code, Reason: m.end.Reason,
			BytesIn: m.bytesIn, BytesOut: m.bytesOut, Nanos: m.shard.now - m.opened,
		})
	}
}

// disconnected is called when the connection has ended by itself.
func (m *session) disconnected(err error) {
	if m.peerDone || m.closing {
		m.kill(0, "", false)
		return
	}
	m.kill(closeAbnormal, err.Error(), false)
}

// panicked ends a session whose handling panicked: that is our fault, and
// nobody else's trouble.
func (m *session) panicked(cause any) {
	if m.reader == &m.shard.reader {
		m.reader, m.shard.reader = nil, wire.FrameReader{}
	}
	m.kill(wire.CloseInternal, fmt.Sprintf("panic: %v", cause), true)
}
