package feed

import (
	"cmp"
	"slices"

	"tickcast/wire"
)

// Bounds of an inspection: what a shard does for it in one round. The rest
// waits for the next ones, between which clients are served.
const (
	inspectSessionsMax = 256
	inspectStepsMax    = 16 << 10 // groups of a stream that are counted
)

// SessionInfo is what an operator sees of a session.
type SessionInfo struct {
	Conn        string
	Remote      string
	TLS         bool
	Since       int64 // ns since the Unix epoch
	Entries     int   // that it subscribed
	Streams     int   // that they match
	UnsentBytes int
	UnsentAge   int64 // of the oldest unsent byte, ns
	Skipped     uint64
	Conflated   uint64
	BytesIn     uint64
	BytesOut    uint64
	Closing     bool // its close frame was queued
}

// Watched is a stream that somebody hears, and how many sessions do.
type Watched struct {
	Stream   string
	Sessions int
}

// Sessions returns what is known of every session, those that lag most first.
// It waits for as many rounds of the shards as it takes.
func (s *Shards) Sessions() []SessionInfo {
	var out []SessionInfo
	for _, l := range s.loops {
		var open []*session
		l.ask(func() {
			for _, seat := range l.shard.seats {
				open = append(open, seat.session)
			}
		})
		for part := range slices.Chunk(open, inspectSessionsMax) {
			l.ask(func() { out = l.shard.appendSessions(out, part) })
		}
	}
	slices.SortFunc(out, func(a, b SessionInfo) int {
		return cmp.Or(cmp.Compare(b.UnsentAge, a.UnsentAge), cmp.Compare(b.UnsentBytes, a.UnsentBytes), cmp.Compare(a.Conn, b.Conn))
	})
	return out
}

// Watched returns the streams that are heard, those with the most sessions
// first. It waits for as many rounds of the shards as it takes.
func (s *Shards) Watched() []Watched {
	total := make(map[wire.StreamID]int)
	for _, l := range s.loops {
		for at := 0; at >= 0; {
			l.ask(func() { at = l.shard.countSessions(total, at) })
		}
	}
	dir := s.hub.listings.Load()
	out := make([]Watched, 0, len(total))
	for id, n := range total {
		out = append(out, Watched{Stream: string(dir.name(nil, id)), Sessions: n})
	}
	slices.SortFunc(out, func(a, b Watched) int {
		return cmp.Or(cmp.Compare(b.Sessions, a.Sessions), cmp.Compare(a.Stream, b.Stream))
	})
	return out
}

// ask runs f in the loop's goroutine and waits for it; if that has ended, f is
// run at once, for nobody else looks at the shard any more.
func (l *loop) ask(f func()) {
	done := make(chan struct{})
	if l.post(func() { f(); close(done) }) {
		<-done
		return
	}
	<-l.done
	f()
}

// appendSessions appends those that have not ended meanwhile.
func (s *shard) appendSessions(dst []SessionInfo, sessions []*session) []SessionInfo {
	for _, m := range sessions {
		if !m.dead {
			dst = append(dst, m.info())
		}
	}
	return dst
}

func (m *session) info() SessionInfo {
	i := SessionInfo{
		Conn: m.conn(), Remote: m.options.Remote, TLS: m.options.TLS, Since: m.opened,
		UnsentBytes: m.unsentBytes(), UnsentAge: m.age(m.shard.now), Skipped: m.skipped, Conflated: m.conflated,
		BytesIn: m.bytesIn, BytesOut: m.bytesOut, Closing: m.closing,
	}
	if m.group != nil {
		i.Entries, i.Streams = len(m.group.entries), len(m.group.streams)
	}
	return i
}

// countSessions adds the sessions that hear each stream, from the instrument
// at on, until inspectStepsMax groups were looked at, and returns where to go
// on, -1 if nowhere.
func (s *shard) countSessions(total map[wire.StreamID]int, at int) (next int) {
	for steps := 0; at < len(s.tables); at++ {
		if steps > inspectStepsMax {
			return at
		}
		steps++
		if s.tables[at] == nil {
			continue
		}
		for _, in := range s.tables[at] {
			if in == nil {
				continue
			}
			n := 0
			for i := range in.groups {
				n += len(in.groups[i].group.members)
			}
			if steps += 1 + len(in.groups); n > 0 {
				total[in.id] += n
			}
		}
	}
	return -1
}
