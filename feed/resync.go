package feed

import (
	"slices"
	"strings"

	"tickcast/wire"
)

// fallOff is called when the log's oldest bytes, which the session has not
// sent, are to be reused. It notes how far the client has been sent each
// stream and lets go of all but what is promised; the states come when the
// client has read what remains.
func (m *session) fallOff() {
	if m.dead {
		return
	}
	if m.options.Slow == SlowClose {
		m.shard.stats.Evictions++
		m.shard.stats.Behind++
		m.kill(wire.CloseTooSlow, "fell behind", true)
		return
	}
	if m.lostAt == 0 {
		m.lostAt = max(m.shard.now-m.age(m.shard.now), 1)
	}
	have := m.lost
	if have == nil {
		have = m.group.positions(m.cursor)
	}
	rest := []byte(nil)
	if len(m.outbox) == 0 {
		rest = m.group.log.rest(m.cursor)
	}
	m.rewind(have)
	m.lost, m.cursor = have, m.group.log.head
	m.pushRest(rest)
	m.ready()
	m.attend()
}

// rewind drops unsent states and log ranges from the outbox, and sets
// positions to what they were before them.
func (m *session) rewind(have map[wire.StreamID]position) {
	var kept []segment
	for i := len(m.outbox) - 1; i >= 0; i-- {
		s := &m.outbox[i]
		switch {
		case s.kind == segmentState && (s.sent == 0 || s.cut()):
			if p, ok := have[s.stream]; ok && !p.first {
				have[s.stream] = s.before(p)
			}
			m.lostFirst = s.stream
			if s.sent == 0 {
				m.discard(s)
				continue
			}
			m.finish(s)
		case s.kind == segmentLog:
			s.log.rewind(have, s.from, s.to)
			rest := s.log.rest(s.from)
			m.discard(s)
			if len(rest) == 0 {
				continue
			}
			*s = segment{kind: segmentControl, bytes: rest, rest: true, at: s.at}
			m.outboxBytes += len(rest)
		}
		kept = append(kept, *s)
	}
	slices.Reverse(kept)
	m.outbox = kept
}

// unserved is the position of somebody who was promised the state at seq and
// has not been sent it; repeated, if the stream was heard before.
func unserved(id wire.StreamID, seq uint64, repeated bool) position {
	if id.Channel().Stateful() && !repeated {
		seq = max(seq, 1) - 1 // the frame seq itself is due
	}
	return position{seq: seq, unserved: true, first: !repeated}
}

// before is the position of somebody at p who has not been sent a state segment
// after all.
func (s *segment) before(p position) position {
	seq := min(p.seq, s.seq)
	if s.ends == nil { // what follows a state, which may have been sent
		p.seq = seq
		return p
	}
	return unserved(s.stream, seq, s.repeated)
}

// cut reports whether messages of a state are unsent that are not begun.
func (s *segment) cut() bool {
	return len(s.ends) > 1 && s.sent < s.ends[len(s.ends)-2]
}

// finish drops the messages of a state that are not begun.
func (m *session) finish(s *segment) {
	end := len(s.bytes)
	for _, e := range s.ends {
		if e >= s.sent {
			end = e
			break
		}
	}
	m.outboxBytes -= len(s.bytes) - end
	s.bytes = s.bytes[:end]
}

// resync asks for the current state of all that the session hears, when
// everything else has been sent.
func (m *session) resync() {
	m.shard.stats.Resyncs++
	a := &attachment{session: m, resync: true}
	streams := m.group.streams
	first, _ := m.group.slot(m.lostFirst)
	for i := range streams {
		id := streams[(first+i)%len(streams)].id
		p := m.lost[id]
		w := want{stream: id, state: true, least: p.seq + 1}
		if p.unserved {
			w.least = p.seq
		}
		if m.acked {
			w.least = max(w.least, streams[(first+i)%len(streams)].seq)
		}
		a.wants = append(a.wants, w)
	}
	m.attaching = true
	m.shard.attach(a, m.options.Dialect, nil)
}

// resynced tells the client exactly what it missed and where things stand.
func (m *session) resynced(a *attachment) {
	m.attaching = false
	dir := m.shard.hub.listings.Load()
	if m.missing(a) {
		a.reset(m.shard.hub)
		m.resync()
		return
	}
	var frames, streams uint64
	for i := range a.wants {
		if w := &a.wants[i]; w.stream.Channel().Stateful() {
			if n := conflated(m.lost[w.stream], w.seq); n > 0 {
				frames += n
				streams++
			}
		}
	}
	if frames > 0 {
		m.conflated += frames
		m.shard.stats.Conflated += frames
		m.pushControl(wire.AppendConflated(nil, frames, streams, wire.GapSlow))
	}
	for i := range a.wants {
		w := &a.wants[i]
		p := m.lost[w.stream]
		w.repeated = w.seq <= p.seq
		if w.cursor > p.seq && !w.stream.Channel().Stateful() {
			m.gap(dir, w.stream, p.seq+1, w.cursor, wire.GapSlow)
		}
		m.state(a.dialect, dir, w)
	}
	m.lost, m.cursor, m.lostFirst = nil, m.group.log.head, 0
	m.ready()
	m.shard.again(m)
}

// missing reports whether the group came to hear streams that a does not
// cover. It loses none while a member waits for its state.
func (m *session) missing(a *attachment) bool { return len(m.group.streams) != len(a.wants) }

// conflated returns how many frames of a state stream were replaced by newer
// ones for somebody at p, when the stream is at seq and its frame follows.
func conflated(p position, seq uint64) uint64 {
	if seq <= p.seq {
		return 0
	}
	return seq - p.seq - 1
}

// torn is called when packets were discarded: every group that hears
// something is attached anew.
func (s *shard) torn() {
	s.stats.Torn++
	for _, g := range s.sortedGroups() {
		if len(g.streams) == 0 || g.torn {
			continue
		}
		g.torn = true
		a := &attachment{group: g, resync: true}
		for i := range g.streams {
			m := &g.streams[i]
			a.wants = append(a.wants, want{stream: m.id, state: true, least: m.seq + 1})
		}
		s.attach(a, g.terms.dialect, nil)
	}
}

// sortedGroups returns the groups in an order that does not depend on the
// map's: the same input, the same bytes.
func (s *shard) sortedGroups() []*group {
	out := make([]*group, 0, len(s.groups))
	for _, g := range s.groups {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *group) int { return strings.Compare(a.key, b.key) })
	return out
}

// recovered tells the members of a group that lost packets what they missed,
// and goes on. Its records say where somebody stood who has not been sent them.
func (g *group) recovered(a *attachment) {
	dir := g.shard.hub.listings.Load()
	g.torn = false
	var sum tally
	for i := range a.wants {
		if w := &a.wants[i]; w.stream.Channel().Stateful() {
			had := g.heard(w.stream).seq
			if n := conflated(position{seq: had}, w.seq); n > 0 {
				sum.add(w.stream, had, n)
			}
		}
	}
	g.conflate(&sum)
	for i := range a.wants {
		w := &a.wants[i]
		if m := g.heard(w.stream); w.seq != m.seq {
			g.restate(a.dialect, dir, w, m)
			m.seq = w.seq
		}
	}
}

// heard returns what the group knows of a stream that it hears.
func (g *group) heard(id wire.StreamID) *groupStream {
	slot, ok := g.slot(id)
	if !ok {
		panic("feed: a torn group lost a stream")
	}
	return &g.streams[slot]
}

// tally collects what one conflated frame announces.
type tally struct {
	frames  uint64
	streams []wire.StreamID
	had     []uint64 // the last seq of each stream before
	counts  []uint64 // frames of each stream
}

func (t *tally) add(id wire.StreamID, had, frames uint64) {
	t.frames += frames
	t.streams = append(t.streams, id)
	t.had = append(t.had, had)
	t.counts = append(t.counts, frames)
}

// conflate announces state frames that the inbox did not hold. Whoever is sent
// the announcement and falls behind before the value that follows must not be
// told of them again.
func (g *group) conflate(t *tally) {
	if t.frames == 0 {
		return
	}
	g.shard.stats.Conflated += t.frames * uint64(len(g.members))
	g.control(wire.AppendConflated(nil, t.frames, uint64(len(t.streams)), wire.GapOverload))
	for i, id := range t.streams {
		g.log.note(id, t.had[i]+1)
		g.heard(id).seq = t.had[i] + t.counts[i]
	}
}

// restate appends the gap, state and following frames of a stream of which
// the group had heard up to m.seq.
func (g *group) restate(d wire.Dialect, dir *directory, w *want, m *groupStream) {
	s := g.shard
	if !w.stream.Channel().Stateful() {
		s.stats.Gaps += uint64(len(g.members))
		s.stats.GapsBy.count(wire.GapOverload, uint64(len(g.members)))
		g.control(wire.AppendGap(nil, dir.name(nil, w.stream), m.seq+1, w.cursor, wire.GapOverload))
		g.log.note(w.stream, m.seq+1)
	}
	if w.st != nil {
		e, fresh := w.st.in(d)
		if fresh {
			s.stats.Snapshots++
		}
		g.frames(e.bytes, e.ends, w.stream, w.cursor)
		m.seq = w.cursor
	}
	if len(w.replay.parts) > 0 {
		frames, n := s.hub.appendReplay(nil, dir.listings[w.stream.Instrument()].encoder, d, w)
		s.stats.Replays += n
		if len(frames) > 0 {
			g.frames(frames, []int{len(frames)}, w.stream, w.cursor+1)
		}
	}
}

// shed announces state frames that were dropped in the inbox.
func (s *shard) shed(packets []shedPackets) {
	tallies := make(map[*group]*tally)
	var order []*group
	for i := range packets {
		in := s.find(packets[i].stream, packets[i].dialect)
		if in == nil {
			continue
		}
		for _, it := range in.groups {
			t := tallies[it.group]
			if t == nil {
				t = &tally{}
				tallies[it.group] = t
				order = append(order, it.group)
			}
			t.add(in.id, it.group.streams[it.slot].seq, packets[i].frames)
		}
	}
	for _, g := range order {
		if !g.torn {
			g.conflate(tallies[g])
		}
	}
}
