package feed

import (
	"slices"

	"tickcast/wire"
)

// Bounds of a session's outbox: while it holds more, the shard does not read
// from that client.
const (
	outboxBytesMax    = 64 << 10
	outboxSegmentsMax = 64
	// Segments are gathered up to this size, so that an acknowledgement and
	// its states leave in one write.
	gatherBytesMax = 64 << 10
)

// segmentKind says what may become of a segment when its session falls off.
type segmentKind uint8

const (
	segmentControl segmentKind = iota + 1 // kept: acknowledgements, announcements, pongs
	segmentReplay                         // kept: frames that follow a cursor, promised as recovered
	segmentState                          // dropped unless begun: a newer state will come
	segmentLog                            // dropped: a range of a log, announced as missed
)

// segment is a run of bytes that a session has yet to send before it goes on
// with its group's log.
type segment struct {
	kind     segmentKind
	stream   wire.StreamID // of a state
	seq      uint64        // of a state
	repeated bool          // the stream was heard before this state
	bytes    []byte        // not of a log range; shared and immutable in a state
	ends     []int         // of a state: ends of its messages in the original bytes
	sent     int           // bytes of the segment that were sent
	rest     bool          // its bytes are the rest of a frame that was begun
	pong     bool          // the session's pong is among its frames
	log      *groupLog     // of a log range [from, to)
	from     uint64
	to       uint64
	at       int64 // when it was put here
	replay   int   // bytes to give back to the server's replay budget
}

// pushControl appends a control frame's payload.
func (m *session) pushControl(payload []byte) {
	s := m.control()
	before := len(s.bytes)
	s.bytes = appendMessage(s.bytes, wire.JSON, payload)
	m.outboxBytes += len(s.bytes) - before
}

// pushFramed appends bytes that are framed already.
func (m *session) pushFramed(frame []byte) {
	s := m.control()
	s.bytes = append(s.bytes, frame...)
	m.outboxBytes += len(frame)
}

// sendFramed sends a small control frame: straight to the socket if nothing
// else is unsent, for thousands of idle clients that are pinged must not leave
// garbage. It reports whether something of the frame waits in the outbox.
func (m *session) sendFramed(frame []byte) (waits bool) {
	n := 0
	if m.idle() {
		var err error
		n, err = m.sock.write(frame) // an error is met again by the next write, which ends the session
		m.shard.stats.Writes++
		m.passed(n)
		if n == len(frame) {
			return false
		}
		if err == nil {
			m.block()
		}
	}
	if n > 0 {
		m.pushRest(slices.Clone(frame[n:]))
	} else {
		m.pushFramed(frame)
	}
	return true
}

// idle reports whether the session has been sent all that there is.
func (m *session) idle() bool { return m.follows() && !m.blocked && m.unsentBytes() == 0 }

// pushRest appends the rest of a frame that was begun.
func (m *session) pushRest(rest []byte) {
	if len(rest) == 0 {
		return
	}
	m.ready()
	m.outbox = append(m.outbox, segment{kind: segmentControl, bytes: rest, rest: true, at: m.shard.now})
	m.outboxBytes += len(rest)
}

// begin prepares the outbox for one more segment: a frame of the log that was
// sent in part is finished first.
func (m *session) begin() {
	m.ready()
	if len(m.outbox) > 0 || !m.follows() || m.cursor == m.group.log.head {
		return
	}
	l := &m.group.log
	if end := l.frameEnd(m.cursor); end != m.cursor {
		m.pushRange(l, m.cursor, end)
		m.cursor = end
	}
}

// control returns the last segment if control frames gather there, else a new
// one. None gathers in one that was begun: a client that is always a little
// behind would never let go of what was sent of it.
func (m *session) control() *segment {
	m.begin()
	if n := len(m.outbox); n > 0 {
		if s := &m.outbox[n-1]; s.kind == segmentControl && s.sent == 0 && !s.rest {
			return s
		}
	}
	m.outbox = append(m.outbox, segment{kind: segmentControl, at: m.shard.now})
	return &m.outbox[len(m.outbox)-1]
}

// pushState appends a state, whose bytes it shares, or what follows one: it
// is of no use without it. Without ends it is finished once begun.
func (m *session) pushState(w *want, bytes []byte, ends []int) {
	if len(bytes) == 0 {
		return
	}
	m.begin()
	m.outbox = append(m.outbox, segment{
		kind: segmentState, stream: w.stream, seq: w.st.seq, repeated: w.fresh || w.repeated, bytes: bytes, ends: ends, at: m.shard.now,
	})
	m.outboxBytes += len(bytes)
}

// pushReplay appends frames that were promised as recovered, which hold
// reserved bytes of the server's replay budget until they are sent.
func (m *session) pushReplay(bytes []byte, reserved int) {
	m.begin()
	m.outbox = append(m.outbox, segment{kind: segmentReplay, bytes: bytes, at: m.shard.now, replay: reserved})
	m.outboxBytes += len(bytes)
}

// pushRange appends what is unsent of a log, which the session will leave.
func (m *session) pushRange(l *groupLog, from, to uint64) {
	if from == to {
		return
	}
	m.outbox = append(m.outbox, segment{kind: segmentLog, log: l, from: from, to: to, at: l.since(from, m.shard.now)})
	m.outboxBytes += int(to - from)
	l.readers = append(l.readers, m)
	m.ready()
}

// size returns how many bytes of the segment are unsent.
func (s *segment) size() int {
	if s.kind == segmentLog {
		return int(s.to - s.from)
	}
	return len(s.bytes) - s.sent
}

// unsent returns unsent bytes of the segment: all of them, or as many as lie
// in one piece.
func (s *segment) unsent() []byte {
	if s.kind == segmentLog {
		return s.log.piece(s.from, s.to)
	}
	return s.bytes[s.sent:]
}

// advance notes that n bytes of the first segment were sent.
func (m *session) advance(n int) {
	s := &m.outbox[0]
	if s.kind == segmentLog {
		s.from += uint64(n)
	} else {
		s.sent += n
	}
	m.outboxBytes -= n
	if s.size() == 0 {
		m.shift()
	}
}

// shift removes the first segment.
func (m *session) shift() {
	s := &m.outbox[0]
	if s.kind == segmentState && s.size() == 0 && len(s.ends) > 0 && m.lostAt != 0 {
		m.lostAt = max(m.lostAt, s.at) // a whole state was sent: the client reads
	}
	m.discard(s)
	m.outbox[0] = segment{}
	m.outbox = m.outbox[1:]
	if len(m.outbox) == 0 {
		m.outbox, m.outboxBytes = nil, 0
	}
}

// discard lets go of what a segment holds.
func (m *session) discard(s *segment) {
	m.outboxBytes -= s.size()
	if s.pong {
		m.pong = false
	}
	if s.replay > 0 {
		m.shard.hub.replayed(s.replay)
	}
	if s.kind == segmentLog {
		s.kind = 0
		m.stopReading(s.log)
	}
}

// gather returns unsent bytes, at most budget of them: the first segments and
// what follows them in the group's log, put together where they are small.
// The result is valid until the next gather of any session of the shard.
func (m *session) gather(budget int) []byte {
	if len(m.outbox) == 0 {
		return m.gatherLog(budget)
	}
	p := m.outbox[0].unsent()
	if len(p) >= gatherBytesMax/2 {
		return p[:min(len(p), budget)]
	}
	dst := m.shard.gathered[:0]
	for i := range m.outbox {
		p = m.outbox[i].unsent()
		n := min(len(p), gatherBytesMax-len(dst))
		dst = append(dst, p[:n]...)
		if n < m.outbox[i].size() {
			m.shard.gathered = dst
			return dst[:min(len(dst), budget)]
		}
	}
	dst = append(dst, m.logPiece(m.cursor, gatherBytesMax-len(dst))...)
	m.shard.gathered = dst
	return dst[:min(len(dst), budget)]
}

// gatherLog returns unsent bytes of the group's log, at most budget of them: one
// piece, or the two together if the first is a short one at the end of the ring.
// A log that is filled again while it is written may never be empty, and so goes
// round: a second write for each member would cost far more than the copy.
func (m *session) gatherLog(budget int) []byte {
	p := m.logPiece(m.cursor, budget)
	if len(p) == 0 || len(p) >= gatherBytesMax/2 {
		return p
	}
	more := m.logPiece(m.cursor+uint64(len(p)), min(budget, gatherBytesMax)-len(p))
	if len(more) == 0 {
		return p
	}
	m.shard.gathered = append(append(m.shard.gathered[:0], p...), more...)
	return m.shard.gathered
}

// logPiece returns unsent bytes of the group's log from an offset on, at most n,
// that lie in one piece.
func (m *session) logPiece(from uint64, n int) []byte {
	if !m.follows() || from == m.group.log.head {
		return nil
	}
	p := m.group.log.piece(from, m.group.log.head)
	return p[:min(len(p), n)]
}

// sent notes that n gathered bytes were sent.
func (m *session) sent(n int) {
	m.passed(n)
	for n > 0 && len(m.outbox) > 0 {
		k := min(n, m.outbox[0].size())
		m.advance(k)
		n -= k
	}
	m.cursor += uint64(n)
}

// passed counts n bytes that the socket took.
func (m *session) passed(n int) {
	m.bytesOut += uint64(n)
	m.shard.stats.BytesOut += uint64(n)
}

// stopReading notes that one range less of a log is to be sent.
func (m *session) stopReading(l *groupLog) {
	i := slices.Index(l.readers, m)
	l.readers = slices.Delete(l.readers, i, i+1)
	if l.ended && len(l.readers) == 0 {
		l.free()
	}
}

// reads returns where the session is in a log that it reads through its
// outbox, and whether it does.
func (m *session) reads(l *groupLog) (from uint64, ok bool) {
	for i := range m.outbox {
		if s := &m.outbox[i]; s.kind == segmentLog && s.log == l {
			return s.from, true
		}
	}
	return 0, false
}
