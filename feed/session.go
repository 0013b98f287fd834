package feed

import (
	"errors"
	"fmt"
	"strconv"

	"tickcast/wire"
)

// Limits of a session.
const (
	messageBytesMax = 64 << 10 // inbound message, PROTOCOL.md section 8
	entriesMax      = 1024
	badMessagesMax  = 20 // in a row, then 1008
	commandsMax     = 64 // gathered from one input into one attachment
	writeTurnMax    = 256 << 10
	closeNanos      = int64(2e9)  // for the closing handshake
	pingNanos       = int64(20e9) // of silence, then a ping
	silentNanos     = int64(60e9) // of silence after it, then the end
	unsentNanos     = int64(60e9) // age of the oldest unsent byte
	unsentCloseMode = int64(5e9)  // with slow=close
)

// closeAbnormal is the code of a connection that ended without a close frame;
// it is never sent (RFC 6455 section 7.4.1).
const closeAbnormal wire.CloseCode = 1006

// Slow says what becomes of a session that does not keep up.
type Slow uint8

// The modes of PROTOCOL.md section 3.
const (
	SlowConflate Slow = iota + 1 // it is told what it missed, and goes on with the current state
	SlowClose                    // it is closed with 4008
)

// Options of a session. The zero value is what a client gets that asks for
// nothing.
type Options struct {
	Dialect   wire.Dialect // 0 means JSON
	Slow      Slow         // 0 means SlowConflate
	Flush     int64        // flush window, ns; 0: at once
	Heartbeat int64        // ns; 0: none
	Quiet     bool         // no WebSocket pings
	Class     uint32       // entitlement class
	Streams   []string     // subscribed at once
	Server    string       // told in hello
	Remote    string       // told to Closed
	// Closed, if not nil, is called once from the shard's goroutine when the
	// session has ended; it must not block.
	Closed func(End)
}

// End is what became of a session.
type End struct {
	Conn     string
	Remote   string
	Code     wire.CloseCode // ours or the client's; 1006 if the connection just ended
	Reason   string
	BytesIn  uint64
	BytesOut uint64
	Nanos    int64 // how long it lived
}

// socket is the transport beneath a session. Its methods are called by the
// shard's goroutine only and never block.
type socket interface {
	// write takes as much of p as there is room for; if that is less than all
	// of it, the shard hears of it when there is room again.
	write(p []byte) (int, error)
	// read asks for input, or no more input, to be delivered.
	read(on bool)
	// close ends the connection; hard: what was not sent is thrown away.
	close(hard bool)
}

// session is the state machine of a connection: bytes in, bytes out. It knows
// neither its socket's kind nor the time, and belongs to its shard.
type session struct {
	shard   *shard
	sock    socket
	conn    string
	options Options
	opened  int64

	// Output.
	group       *group
	place       int    // in the group's members
	cursor      uint64 // in the group's log
	outbox      []segment
	outboxBytes int
	blocked     bool // the socket is full
	queued      bool // in the shard's ready list
	lost        map[wire.StreamID]position
	lostAt      int64         // when its oldest unsent byte was queued, until a whole state was sent
	lostFirst   wire.StreamID // the stream whose state comes first
	acked       bool          // an acknowledgement named cursors since all was sent: states must reach them
	skipped     uint64        // event frames announced in gaps
	conflated   uint64        // state frames announced as conflated

	// Input.
	reader    wire.FrameReader
	pending   []byte // input that waits
	commands  []command
	gathered  *attachment
	attaching bool  // an attachment is under way
	paused    bool  // the socket was asked to stop reading
	wakeAt    int64 // when a timer takes up input that the bucket holds back
	bad       int   // bad messages in a row
	budget    budget
	pong      bool // a pong waits in the outbox

	// Life.
	heard    int64 // when something was received
	pingedAt int64 // when it was pinged since, 0: it was not
	closeAt  int64 // when the drain reaches it, 0: not draining
	closing  bool
	peerDone bool // the client's close frame has come
	dead     bool
	deadline int64 // of closing
	end      End
	bytesIn  uint64
	bytesOut uint64
}

// ready puts the session on the list of those that are written to at the end
// of the round.
func (m *session) ready() {
	if !m.queued {
		m.queued = true
		m.shard.ready = append(m.shard.ready, m)
	}
}

// open greets the client and subscribes what its URL asks for.
func (m *session) open() {
	h := m.shard.hub
	heartbeat := int(m.options.Heartbeat / 1e9)
	hello := wire.Hello{
		Conn: m.conn, Epoch: h.epoch, TS: m.shard.now, Heartbeat: heartbeat, Limits: limits(),
		Formats: []string{wire.JSON.String()}, Clock: h.Clock(), Server: m.options.Server,
	}
	m.pushControl(wire.AppendHello(nil, &hello))
	if len(m.options.Streams) > 0 {
		request := wire.Request{Op: wire.OpSubscribe, Snapshot: true}
		for _, name := range m.options.Streams {
			request.Streams = append(request.Streams, []byte(name))
		}
		m.subscribe(&request)
		m.submit()
	}
}

func limits() wire.Limits {
	return wire.Limits{
		Entries: entriesMax, RequestStreams: wire.RequestStreamsMax, MessageBytes: messageBytesMax,
		RequestsPerSecond: requestsPerSecond, RequestsBurst: requestsBurst,
	}
}

// input takes bytes from the client.
func (m *session) input(p []byte) {
	if m.dead {
		return
	}
	m.heard, m.pingedAt = m.shard.now, 0
	m.bytesIn += uint64(len(p))
	m.shard.stats.BytesIn += uint64(len(p))
	if m.held() || len(m.pending) > 0 {
		m.pending = append(m.pending, p...)
		m.pace()
		return
	}
	m.consume(p)
}

// held reports whether input has to wait: for an attachment, for the bucket
// of control messages, or for the client to read its answers. While closing
// only the client's close frame is of interest.
func (m *session) held() bool {
	if m.closing {
		return false
	}
	return m.attaching || m.lost != nil || m.budget.spent(m.shard.now) ||
		m.outboxBytes > outboxBytesMax || len(m.outbox) > outboxSegmentsMax
}

// pace asks the socket for input, or to hold it back. What waits for the
// bucket is woken by a timer, also if something else held it back first.
func (m *session) pace() {
	hold := m.held()
	if wait := -m.budget.level; hold && wait > 0 && m.wakeAt <= m.shard.now {
		m.wakeAt = m.shard.now + wait
		m.shard.timers.pushSession(m.wakeAt, m)
	}
	if hold != m.paused {
		m.paused = hold
		m.sock.read(!hold)
	}
}

// proceed takes up input that had to wait.
func (m *session) proceed() {
	if m.dead {
		return
	}
	if m.held() {
		m.pace()
		return
	}
	p := m.pending
	m.pending = nil
	m.consume(p)
}

// consume cuts p into messages and handles them; what has to wait is kept.
func (m *session) consume(p []byte) {
	for len(p) > 0 && !m.dead {
		if m.held() || len(m.commands) >= commandsMax {
			break
		}
		msg, rest, err := m.reader.Next(p, messageBytesMax)
		p = rest
		if err != nil {
			m.refuse(err)
			return
		}
		m.frame(&msg)
	}
	m.submit()
	if len(p) > 0 && !m.dead {
		m.pending = append([]byte(nil), p...)
	}
	if !m.dead {
		m.pace()
		if len(m.pending) > 0 && !m.held() {
			m.shard.again(m)
		}
	}
}

// frame handles a message of the client.
func (m *session) frame(msg *wire.Message) {
	switch msg.Op {
	case wire.OpcodeText:
		if !m.closing {
			m.message(msg.Payload)
		}
	case wire.OpcodePing:
		m.answerPing(msg.Payload)
	case wire.OpcodeClose:
		m.peerDone = true
		code := msg.Code
		if code == 0 {
			code = wire.CloseNormal
		}
		m.close(code, "")
		m.ready() // if we closed first there is nothing else to do
	case wire.OpcodePong, wire.OpcodeBinary, 0:
	}
}

// answerPing sends a pong with the same payload; at most one waits unsent.
func (m *session) answerPing(payload []byte) {
	if m.pong || m.closing {
		return
	}
	m.pong = true
	m.pushFramed(append(wire.AppendFrameHeader(nil, wire.OpcodePong, len(payload)), payload...))
	m.outbox[len(m.outbox)-1].pong = true
}

// refuse closes the connection for a violation of the WebSocket protocol.
func (m *session) refuse(err error) {
	var ce *wire.CloseError
	if !errors.As(err, &ce) {
		ce = &wire.CloseError{Code: wire.CloseProtocol, Text: err.Error()}
	}
	m.close(ce.Code, ce.Text)
}

// close starts the closing handshake: the frame being written is finished,
// control frames follow, the rest is dropped, and the connection ends when the client has answered
// or closeNanos later.
func (m *session) close(code wire.CloseCode, reason string) {
	if m.closing || m.dead {
		return
	}
	m.end.Code, m.end.Reason = code, reason
	m.cutShort()
	m.leave()
	m.closing = true
	m.deadline = m.shard.now + closeNanos
	m.shard.timers.pushSession(m.deadline, m)
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
		m.end.Conn, m.end.Remote = m.conn, m.options.Remote
		m.end.BytesIn, m.end.BytesOut, m.end.Nanos = m.bytesIn, m.bytesOut, m.shard.now-m.opened
		m.options.Closed(m.end)
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
	m.kill(wire.CloseInternal, fmt.Sprintf("panic: %v", cause), true)
}

// leave takes the session out of its group.
func (m *session) leave() {
	if g := m.group; g != nil {
		m.group = nil
		g.remove(m.place)
	}
}

// follows reports whether the session reads its group's log.
func (m *session) follows() bool { return m.lost == nil && !m.dead && m.group != nil }

// write gives the session its turn: at most writeTurnMax bytes.
func (m *session) write() {
	for budget := writeTurnMax; budget > 0 && !m.blocked && !m.dead; {
		p := m.gather(budget)
		if len(p) == 0 {
			m.drained()
			return
		}
		n, err := m.sock.write(p)
		m.shard.stats.Writes++
		m.sent(n)
		if n > 0 && m.paused {
			m.shard.again(m) // the outbox may be small enough now
		}
		budget -= n
		if err != nil {
			m.kill(closeAbnormal, err.Error(), true)
			return
		}
		m.blocked = n < len(p)
	}
	if !m.blocked && !m.dead {
		m.ready()
	}
}

// drained is what follows when nothing is unsent.
func (m *session) drained() {
	if m.closing {
		if m.peerDone {
			m.kill(0, "", false)
		}
		return
	}
	if m.lost == nil {
		m.lostAt, m.acked = 0, false
	} else if !m.attaching {
		m.resync()
	}
	if m.paused || len(m.pending) > 0 {
		m.shard.again(m)
	}
}

// writable is called when the socket has room again.
func (m *session) writable() {
	m.blocked = false
	m.write()
}

// age returns for how long the oldest unsent byte has waited, ns.
func (m *session) age(now int64) int64 {
	switch {
	case m.lostAt != 0:
		return now - m.lostAt
	case len(m.outbox) > 0:
		return now - m.outbox[0].at
	case m.group != nil && m.cursor < m.group.log.head:
		return now - m.group.log.since(m.cursor, now)
	}
	return 0
}

// unsentBytes returns how many bytes wait for the client.
func (m *session) unsentBytes() int {
	n := m.outboxBytes
	if m.group != nil && m.lost == nil {
		n += int(m.group.log.head - m.cursor)
	}
	return n
}

// inspect looks after the session's deadlines, once a second.
func (m *session) inspect() {
	now := m.shard.now
	if m.closing || m.dead {
		return
	}
	age, limit := m.age(now), unsentNanos
	if m.options.Slow == SlowClose {
		limit = unsentCloseMode
	}
	switch {
	case age > limit:
		m.shard.stats.Evictions++
		m.kill(wire.CloseTooSlow, "unsent for "+strconv.FormatInt(age/1e9, 10)+" s", true)
	case m.options.Quiet:
	case m.pingedAt != 0:
		if now-m.pingedAt > silentNanos && !m.paused {
			m.close(wire.CloseNoPong, "nothing received")
		}
	case now-m.heard > pingNanos && !m.blocked:
		m.pingedAt = now
		m.pushFramed(wire.AppendFrameHeader(nil, wire.OpcodePing, 0))
	}
}
