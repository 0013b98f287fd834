package feed

import (
	"slices"

	"tickcast/wire"
)

// mark handles a marker at its place in the order of packets. A stale one
// stood before packets that were discarded: what it attached is asked again.
func (s *shard) mark(mk *Marker, stale bool) {
	switch {
	case mk.Attach != nil:
		s.attached(mk.Attach, stale)
	case mk.Listed != nil:
		s.listed(mk.Listed)
	case mk.Clock != nil:
		s.announce(wire.AppendNoticeClock(nil, *mk.Clock))
	case mk.Torn:
		s.torn()
	case mk.Shed != nil:
		s.shed(mk.Shed)
	}
}

// attached takes an attachment that came back from the hub.
func (s *shard) attached(a *attachment, stale bool) {
	g := a.group
	if m := a.session; m != nil {
		if m.dead || m.closing {
			m.attaching = false
			s.abandon(a)
			return
		}
		g = m.group
		stale = stale || a.resync && g.torn || !a.resync && (g.busy() || s.target(m, a).busy() || g.overtook(a))
	} else if g.closed {
		s.abandon(a)
		return
	}
	if stale {
		s.unhold(a)
		a.reset(s.hub)
		s.attach(a, a.dialect, s.resolver(a))
		return
	}
	for i := range a.wants {
		w := &a.wants[i]
		s.find(w.stream, a.dialect).seq = w.seq
	}
	switch {
	case a.session == nil && a.resync:
		g.recovered(a)
	case a.session == nil:
		g.extended(a)
	case a.resync:
		a.session.resynced(a)
	default:
		a.session.acknowledge(a)
	}
	s.abandon(a)
}

func (s *shard) resolver(a *attachment) func(*attachment, *directory) {
	if a.session == nil || a.resync {
		return nil
	}
	return a.session.resolve
}

// abandon gives back what an attachment holds and nobody took.
func (s *shard) abandon(a *attachment) {
	s.unhold(a)
	a.reset(s.hub)
}

// reset forgets the hub's answers.
func (a *attachment) reset(h *Hub) {
	for i := range a.wants {
		w := &a.wants[i]
		w.replay.release()
		h.replayed(w.reserved)
		w.reserved, w.st, w.recovered, w.reason, w.gapFrom = 0, nil, false, "", 0
	}
}

// busy reports whether the group waits for an attachment of its own: those
// who want to join or leave it wait until that is through.
func (g *group) busy() bool { return g != nil && (g.torn || g.extending > 0) }

// overtook reports whether the group came to hear a stream, by a listing,
// while its member asked for it: that is a repetition now.
func (g *group) overtook(a *attachment) bool {
	found := false
	for i := range a.wants {
		if w := &a.wants[i]; !w.fresh {
			if _, heard := g.slot(w.stream); heard {
				w.fresh, found = true, true
			}
		}
	}
	return found
}

// target returns the group that an attachment's commands lead to, nil if it
// does not exist.
func (s *shard) target(m *session, a *attachment) *group {
	t := m.group.terms
	s.key = appendKey(s.key[:0], &t, m.entriesAfter(a.commands))
	return s.groups[string(s.key)]
}

// entriesAfter returns the session's entries after commands, sorted.
func (m *session) entriesAfter(commands []command) []string {
	entries := m.group.entries
	for i := range commands {
		switch c := &commands[i]; c.op {
		case wire.OpSubscribe:
			entries = union(entries, c.entries)
		case wire.OpUnsubscribe:
			entries = without(entries, c.entries)
		case wire.OpList, wire.OpPing, wire.OpAuth:
		}
	}
	return entries
}

// streamsAfter returns the streams that the session hears when it has these
// entries: of those it hears already and those attached, what still matches.
func (m *session) streamsAfter(entries []string, a *attachment) []wire.StreamID {
	s := m.shard
	ids := s.matched[:0]
	for i := range m.group.streams {
		ids = append(ids, m.group.streams[i].id)
	}
	for i := range a.wants {
		ids = append(ids, a.wants[i].stream)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	s.matched = ids
	if !slices.ContainsFunc(a.commands, func(c command) bool { return c.op == wire.OpUnsubscribe }) {
		return ids
	}
	wanted := make([]wire.Entry, 0, len(entries))
	for _, text := range entries {
		if e, err := wire.ParseEntry(text); err == nil {
			wanted = append(wanted, e)
		}
	}
	dir := s.hub.listings.Load()
	return slices.DeleteFunc(ids, func(id wire.StreamID) bool {
		symbol := dir.listings[id.Instrument()].instrument.Symbol
		return !slices.ContainsFunc(wanted, func(e wire.Entry) bool { return e.Slot == id.Slot() && e.Match(symbol) })
	})
}

// acknowledge answers the commands and moves the session to its new group:
// what was pending comes first, then acknowledgements and states, then what
// the new group hears from here on.
func (m *session) acknowledge(a *attachment) {
	m.attaching, m.acked = false, true
	m.suspend()
	entries := m.group.entries
	for i := range a.commands {
		c := &a.commands[i]
		switch {
		case c.reply != nil:
			m.pushControl(c.reply)
		case c.op == wire.OpSubscribe:
			entries = union(entries, c.entries)
			m.acknowledgeSubscribe(a, int32(i))
			m.serve(a, int32(i))
		case c.op == wire.OpUnsubscribe:
			entries = without(entries, c.entries)
			m.pushControl(appendUnsubscribed(nil, c))
		case c.op == wire.OpList:
			m.pushControl(wire.AppendList(nil, c.id, entries))
		}
	}
	if !slices.Equal(entries, m.group.entries) {
		m.shard.join(m, entries, m.streamsAfter(entries, a))
	}
	m.ready()
	m.shard.again(m)
}

// suspend puts what is unsent of the group's log into the outbox, so that
// something can follow it at this place.
func (m *session) suspend() {
	if m.follows() {
		l := &m.group.log
		m.pushRange(l, m.cursor, l.head)
		m.cursor = l.head
	}
}

// serve sends the states and replays of a command's streams, each with its
// gap before it.
func (m *session) serve(a *attachment, command int32) {
	dir := m.shard.hub.listings.Load()
	for i := range a.wants {
		w := &a.wants[i]
		if w.command != command {
			continue
		}
		if m.lost != nil {
			p, behind := m.lost[w.stream]
			if behind && !w.recovered { // its state comes when the client reads again
				p.unserved = p.unserved || w.state
				m.lost[w.stream] = p
				continue
			}
			m.lost[w.stream] = position{seq: w.seq}
		}
		if w.reason != "" {
			m.gap(dir, w.stream, w.gapFrom, w.cursor, w.reason)
		}
		m.state(a.dialect, dir, w)
	}
}

// state sends a stream's state and what follows it.
func (m *session) state(d wire.Dialect, dir *directory, w *want) {
	s := m.shard
	if w.st != nil {
		e, fresh := w.st.in(d)
		if fresh {
			s.stats.Snapshots++
		}
		m.pushState(w, e.bytes, e.ends)
	}
	if len(w.replay.parts) == 0 {
		return
	}
	frames, n := s.hub.appendReplay(nil, dir.listings[w.stream.Instrument()].encoder, d, w)
	s.stats.Replays += n
	if w.st != nil {
		m.pushState(w, frames, nil)
		return
	}
	m.pushReplay(frames, w.reserved)
	w.reserved = 0
}

// gap announces that frames of an event stream will not come.
func (m *session) gap(dir *directory, id wire.StreamID, from, to uint64, reason wire.GapReason) {
	m.shard.stats.Gaps++
	m.shard.stats.GapsBy.count(reason, 1)
	if from > 0 && to >= from {
		m.skipped += to - from + 1
	}
	name := dir.name(nil, id)
	m.pushControl(wire.AppendGap(nil, name, from, to, reason))
}
