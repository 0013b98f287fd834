package feed

import "tickcast/wire"

// Limits of a session.
const (
	messageBytesMax = 64 << 10 // inbound message, PROTOCOL.md section 8
	entriesMax      = 1024
	badMessagesMax  = 20 // in a row, then 1008
	messagesTurnMax = 64 // then others have their turn, and answers leave
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
	SlowClose                    // it is closed with 4008: after 5 s, or when it is to be told what it missed
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
	Remote    string       // told to Opened and Closed
	TLS       bool         // likewise: the connection is encrypted
	// Opened, if not nil, is called once from the shard's goroutine when the
	// session has a name; it must not block.
	Opened func(Begin)
	// Closed, if not nil, is called once from the shard's goroutine when the
	// session has ended; it must not block.
	Closed func(End)
}

// Begin is what is known of a session when it begins.
type Begin struct {
	Conn   string // as in its hello
	Remote string
	TLS    bool
}

// End is what became of a session.
type End struct {
	Conn     string
	Remote   string
	TLS      bool
	Code     wire.CloseCode // ours or the client's; 1006 if the connection just ended
	Reason   string
	BytesIn  uint64
	BytesOut uint64
	Nanos    int64 // how long it lived
}

// kept is what a session remembers of its Options: there may be very many of
// them, so each byte counts.
type kept struct {
	Remote    string
	Closed    func(End)
	Flush     int64
	Heartbeat int64
	Class     uint32
	Dialect   wire.Dialect
	Slow      Slow
	Quiet     bool
	TLS       bool
}

func (o *Options) kept() kept {
	return kept{
		Remote: o.Remote, Closed: o.Closed, Flush: o.Flush, Heartbeat: o.Heartbeat, Class: o.Class,
		Dialect: o.Dialect, Slow: o.Slow, Quiet: o.Quiet, TLS: o.TLS,
	}
}

// verdict is why a session ends.
type verdict struct {
	Code   wire.CloseCode
	Reason string
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
	// since returns when the client's connection was given bytes that it has not
	// taken yet, 0 if there are none.
	since() int64
	// buffers reports whether what it took may not have been given to the
	// connection yet: then since is asked once a second.
	buffers() bool
}

// session is the state machine of a connection: bytes in, bytes out. It knows
// neither its socket's kind nor the time, and belongs to its shard.
type session struct {
	shard   *shard
	sock    socket
	options kept
	opened  int64
	number  uint32 // in its shard, in order of opening
	place   int32  // in the group's members
	seat    int32  // in its shard's list

	// Output.
	group       *group
	cursor      uint64 // in the group's log
	outbox      []segment
	outboxBytes int
	lost        map[wire.StreamID]position
	lostAt      int64         // when its oldest unsent byte was queued, until a whole state was sent
	lostFirst   wire.StreamID // the stream whose state comes first
	blocked     bool          // the socket is full
	queued      bool          // in the shard's ready list
	acked       bool          // an acknowledgement named cursors since all was sent: states must reach them
	pong        bool          // a pong waits in the outbox
	skipped     uint64        // event frames announced in gaps
	conflated   uint64        // state frames announced as conflated

	// Input.
	reader    *wire.FrameReader // of a message that is not complete, nil: none is
	pending   []byte            // input that waits
	commands  []command
	gathered  *attachment
	waited    bool  // input that waited is taken up now
	attaching bool  // an attachment is under way
	paused    bool  // the socket was asked to stop reading
	bad       int16 // bad messages in a row
	wakeAt    int64 // when a timer takes up input that the bucket holds back
	budget    budget
	inbound   meter // bytes and frames
	chatter   meter // pings and pongs
	partialAt int64 // when the message began that is not complete, 0: none is

	// Life.
	ignored  int16 // pings and pongs above their rate, since there was calm
	closing  bool
	peerDone bool // the client's close frame has come
	dead     bool
	heard    int64 // when something was received
	pingedAt int64 // when it was pinged since, 0: it was not
	endAt    int64 // closing: when that is over; before: when the drain reaches it, 0: not draining
	end      verdict
	bytesIn  uint64
	bytesOut uint64
}

// conn is the session's name.
func (m *session) conn() string { return m.shard.connName(m.number) }

// ready puts the session on the list of those that are written to at the end
// of the round.
func (m *session) ready() {
	if !m.queued {
		m.queued = true
		m.shard.ready = append(m.shard.ready, m)
	}
}

// open greets the client and subscribes what its URL asks for.
func (m *session) open(o *Options) {
	h := m.shard.hub
	heartbeat := int(o.Heartbeat / 1e9)
	hello := wire.Hello{
		Conn: m.conn(), Epoch: h.epoch, TS: m.shard.now, Heartbeat: heartbeat, Limits: limits(),
		Formats: []string{wire.JSON.String()}, Clock: h.Clock(), Server: o.Server,
	}
	m.pushControl(wire.AppendHello(nil, &hello))
	if len(o.Streams) > 0 {
		request := wire.Request{Op: wire.OpSubscribe, Snapshot: true}
		for _, name := range o.Streams {
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
	m.inbound.take(m.shard.now, int64(len(p))*inboundByteNanos)
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

// pace asks the socket for input, or to hold it back. What waits for a bucket
// is woken by a timer, also if something else held it back first.
func (m *session) pace() {
	flooded := m.flooded()
	hold := m.held() || flooded > 0
	if wait := max(-m.budget.level, flooded); hold && wait > 0 && m.wakeAt <= m.shard.now {
		m.wakeAt = m.shard.now + wait
		m.shard.timers.pushSession(m.wakeAt, m)
	}
	if hold == m.paused {
		return
	}
	m.paused = hold
	m.sock.read(!hold)
	switch {
	case flooded > 0:
		m.shard.stats.Limits[LimitInbound]++
	case m.partialAt != 0:
		m.partialAt = m.shard.now // meanwhile it was not the client's turn
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
	m.pending, m.waited = nil, true
	m.consume(p)
	m.waited = false
}

// consume cuts p into messages and handles them; what has to wait is kept.
func (m *session) consume(p []byte) {
	m.borrowReader()
	m.shard.pinged = false
	for turn := 0; turn < messagesTurnMax && len(p) > 0 && !m.dead && !m.held(); turn++ {
		msg, rest, err := m.reader.Next(p, messageBytesMax)
		p = rest
		if err != nil {
			m.refuse(err)
			m.returnReader()
			return
		}
		m.assembly(msg.Op != 0)
		m.frame(&msg)
	}
	m.returnReader()
	if m.shard.pinged {
		m.answerPing(m.shard.ping)
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

// borrowReader lets a session whose last message is complete read with its
// shard's reader: few have half a message, and a reader each would be a tenth
// of what an idle session takes.
func (m *session) borrowReader() {
	if m.reader == nil {
		m.reader = &m.shard.reader
	}
}

// returnReader gives it back, unless a message has begun: then the session
// keeps what was read of it.
func (m *session) returnReader() {
	switch shared := m.reader == &m.shard.reader; {
	case !m.reader.Partial():
		m.reader = nil
	case shared:
		own := m.shard.reader
		m.reader, m.shard.reader = &own, wire.FrameReader{}
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
		if !m.closing && m.chat() {
			m.shard.pinged, m.shard.ping = true, append(m.shard.ping[:0], msg.Payload...)
		}
	case wire.OpcodeClose:
		m.peerDone = true
		code := msg.Code
		if code == 0 {
			code = wire.CloseNormal
		}
		m.close(code, "")
		m.ready() // if we closed first there is nothing else to do
	case wire.OpcodePong:
		if !m.closing {
			m.chat()
		}
	case wire.OpcodeBinary, 0:
	}
}

// answerPing answers the last ping of a piece of input, and with it those before
// (RFC 6455 section 5.5.3). At most one pong waits unsent.
func (m *session) answerPing(payload []byte) {
	if m.pong || m.dead || m.closing {
		return
	}
	if m.pong = m.sendFramed(m.shard.framed(wire.OpcodePong, payload)); m.pong {
		m.outbox[len(m.outbox)-1].pong = true
	}
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
		if n < len(p) {
			m.block()
		}
	}
	if !m.blocked && !m.dead {
		m.ready()
	}
}

// block notes that the socket is full, which must not last.
func (m *session) block() {
	m.blocked = true
	m.attend()
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
	since := now
	switch {
	case m.lostAt != 0:
		since = m.lostAt
	case len(m.outbox) > 0:
		since = m.outbox[0].at
	case m.group != nil && m.cursor < m.group.log.head:
		since = m.group.log.since(m.cursor, now)
	}
	if at := m.sock.since(); at != 0 {
		since = min(since, at)
	}
	return now - since
}

// unsentBytes returns how many bytes wait for the client.
func (m *session) unsentBytes() int {
	n := m.outboxBytes
	if m.group != nil && m.lost == nil {
		n += int(m.group.log.head - m.cursor)
	}
	return n
}
