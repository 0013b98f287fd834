package feed

import (
	"tickcast/wire"
)

// tick does what is due at now: flush windows, heartbeats, deadlines, and a look
// at the sessions and logs that need it.
func (s *shard) tick(now int64) {
	s.now = now
	for {
		t, due := s.timers.pop(now)
		if !due {
			break
		}
		switch {
		case t.group != nil:
			t.group.due()
		case t.session != nil:
			t.session.due()
		}
	}
	if now >= s.inspectAt {
		s.inspect()
	}
}

// next returns the instant at which tick has something to do.
func (s *shard) next() int64 {
	if at, ok := s.timers.next(); ok {
		return min(at, s.inspectAt)
	}
	return s.inspectAt
}

// inspect looks after sessions and logs, and says when it is to be called
// again.
func (s *shard) inspect() {
	next := s.lookAfter()
	kept := s.filled[:0]
	for _, g := range s.filled {
		if g.inspect() {
			kept = append(kept, g)
		}
	}
	clear(s.filled[len(kept):])
	if s.filled = kept; len(kept) > 0 {
		next = s.now
	}
	s.inspectAt = s.now + min(max(next-s.now, inspectNanos), restNanos)
}

// inspectSoon has inspect called within inspectNanos.
func (s *shard) inspectSoon() { s.inspectAt = min(s.inspectAt, s.now+inspectNanos) }

// inspect returns the memory of a quiet log, and reports whether there is more.
// One that is far too large for what came since it looked before is halved: what
// comes may come in bursts.
func (g *group) inspect() (filled bool) {
	if g.closed {
		return false
	}
	quiet := g.received == 0
	needed := max(int(int64(g.received)*logNanos/1e9), logBytesLow)
	g.received = 0
	l, before := &g.log, len(g.log.buf)
	if l.head > l.tail {
		g.trim() // who caught up alone has not
	}
	switch {
	case before == 0:
	case quiet && l.head == l.tail:
		l.free()
	case before >= 4*max(needed, int(l.head-l.tail)):
		l.shrink(before / 2)
	}
	g.shard.bytes += len(l.buf) - before
	g.filled = len(l.buf) > 0
	return g.filled
}

// due handles a timer of the group that has come up.
func (g *group) due() {
	now := g.shard.now
	if g.closed {
		return
	}
	if g.flushDue != 0 && g.flushDue <= now {
		g.flushDue = 0
		g.soil()
	}
	if g.beatDue != 0 && g.beatDue <= now {
		g.beatDue = g.next(now, g.terms.heartbeat)
		g.shard.timers.push(g.beatDue, g)
		g.beat()
	}
}

// beat appends a heartbeat: the last seq of each stream that was quiet since
// the one before, so that a client can prove that it missed nothing.
func (g *group) beat() {
	if g.torn {
		return
	}
	s := g.shard
	dir := s.hub.listings.Load()
	b := wire.AppendHeartbeat(s.payload[:0], s.now)
	first := true
	for i := range g.streams {
		m := &g.streams[i]
		if m.beat == m.seq {
			s.name = dir.name(s.name[:0], m.id)
			b = wire.AppendHeartbeatCursor(b, first, s.name, m.seq)
			first = false
		}
		m.beat = m.seq
	}
	s.payload = wire.AppendHeartbeatEnd(b)
	g.tell(s.payload)
}

// tell sends a control frame to all members. If none has anything unsent it
// needs no log: ten thousand idle groups would each have one for a moment.
func (g *group) tell(payload []byte) {
	if g.terms.flush > 0 || !g.idle() {
		g.control(payload)
		return
	}
	frame := g.shard.framed(wire.OpcodeText, payload)
	for _, m := range g.members {
		m.sendFramed(frame)
	}
}

// idle reports whether no member has anything unsent.
func (g *group) idle() bool {
	for _, m := range g.members {
		if !m.idle() {
			return false
		}
	}
	return true
}

// due handles a timer of the session that has come up: the end of a closing
// handshake, or of a pause of its control messages.
func (m *session) due() {
	switch {
	case m.dead:
	case m.closing:
		if m.shard.now >= m.endAt {
			m.kill(0, "", true) // whoever has not read it by now may never do
		} else {
			m.shard.again(m)
		}
	case m.endAt != 0 && m.shard.now >= m.endAt:
		m.close(wire.CloseShutdown, "shutting down")
	default:
		m.shard.again(m)
	}
}
