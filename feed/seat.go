package feed

import (
	"math"
	"strconv"

	"tickcast/wire"
)

// seat is a session in its shard's list, and from when on it is to be looked
// after: at once, if something of it is unsent or half received, else when a
// ping is due. To look at ten thousand sessions once a second took a thousandth
// of a core for cache misses; of those that rest only their seats are read.
type seat struct {
	session *session
	lookAt  int64 // wall ns
}

// never is when a session is looked after that has no deadline.
const never = math.MaxInt64

// sit adds a session to the list.
func (s *shard) sit(m *session) {
	m.seat = int32(len(s.seats))
	s.seats = append(s.seats, seat{session: m})
	s.inspectSoon()
}

// unsit takes a session out of the list; the last one takes its place.
func (s *shard) unsit(m *session) {
	last := len(s.seats) - 1
	moved := s.seats[last]
	s.seats[m.seat], moved.session.seat = moved, m.seat
	s.seats[last] = seat{}
	s.seats = s.seats[:last]
}

// lookAfter looks after the sessions for which that is due, and returns when it
// is due for the next.
func (s *shard) lookAfter() (next int64) {
	next = never
	s.stats.UnsentAge, s.stats.Slow = 0, 0
	for i := range s.seats {
		st := &s.seats[i]
		if st.lookAt > s.now {
			next = min(next, st.lookAt)
			continue
		}
		age := st.session.inspect()
		st.lookAt = st.session.lookAt()
		next = min(next, st.lookAt)
		s.stats.UnsentAge = max(s.stats.UnsentAge, age)
		if age > slowNanos {
			s.stats.Slow++
		}
	}
	return next
}

// attend has the session looked after from now on: it has something that may
// become too old.
func (m *session) attend() {
	m.shard.seats[m.seat].lookAt = 0
	m.shard.inspectSoon()
}

// lookAt returns when the session is to be looked after again, if it does not
// ask for it by attend.
func (m *session) lookAt() int64 {
	now := m.shard.now
	switch {
	case m.closing || m.dead: // a timer sees to the end
		return never
	case m.blocked || m.lost != nil || m.partialAt != 0 || m.sock.buffers():
		return now
	case m.options.Quiet:
		return never
	case m.pingedAt != 0: // whoever answers is pinged again when that is due
		return min(m.pingedAt+silentNanos, now+pingNanos)
	default:
		return m.heard + pingNanos
	}
}

// inspect looks after the session's deadlines, at most once a second, and
// returns the age of its oldest unsent byte.
func (m *session) inspect() (age int64) {
	now := m.shard.now
	if m.closing || m.dead {
		return 0
	}
	age, limit := m.age(now), unsentNanos
	if m.options.Slow == SlowClose {
		limit = unsentCloseMode
	}
	switch {
	case age > limit:
		m.shard.stats.Evictions++
		m.kill(wire.CloseTooSlow, "unsent for "+strconv.FormatInt(age/1e9, 10)+" s", true)
	case m.overdue():
		m.shard.stats.Limits[LimitAssembly]++
		m.close(wire.ClosePolicy, "a message was not completed within 5 s")
	case m.options.Quiet:
	case m.pingedAt != 0:
		if now-m.pingedAt > silentNanos && !m.paused {
			m.close(wire.CloseNoPong, "nothing received")
		}
	case now-m.heard > pingNanos && !m.blocked:
		m.pingedAt = now
		m.sendFramed(m.shard.framed(wire.OpcodePing, nil))
	}
	return age
}
