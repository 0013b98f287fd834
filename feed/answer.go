package feed

import (
	"tickcast/wire"
)

// answerBytesMax bounds a part of an acknowledgement (PROTOCOL.md section 2).
const answerBytesMax = 32 << 10

// answerStreamBytes bounds what a stream takes in an acknowledgement beside
// its names and epoch: punctuation, keys, a number.
const answerStreamBytes = 96

// acknowledgeSubscribe answers a subscribe command, in as many parts as it
// takes; the errors are in the last.
func (m *session) acknowledgeSubscribe(a *attachment, command int32) {
	dir := m.shard.hub.listings.Load()
	c := &a.commands[command]
	var wants []*want
	for i := range a.wants {
		if a.wants[i].command == command {
			wants = append(wants, &a.wants[i])
		}
	}
	epoch := m.shard.hub.epoch
	ends := answerParts(wants, c, len(epoch))
	from := 0
	for part, to := range ends {
		b := wire.AppendSubscribed(m.shard.payload[:0], c.id, part+1, len(ends))
		for i, w := range wants[from:to] {
			m.shard.stats.resumed(w)
			entry := ""
			if text := c.entries[w.entry]; isPattern(text) {
				entry = text
			}
			m.shard.name = dir.name(m.shard.name[:0], w.stream)
			b = wire.AppendSubscribedStream(b, i == 0, m.shard.name, epoch, w.cursor, w.recovered, entry)
		}
		var errs []wire.StreamError
		if part == len(ends)-1 {
			errs = c.errors
		}
		b = wire.AppendSubscribedEnd(b, errs)
		m.shard.payload = b
		m.pushControl(b)
		from = to
	}
}

// answerParts returns the ends of the runs of wants that fit a part each: at
// least one, which may be empty.
func answerParts(wants []*want, c *command, epochBytes int) []int {
	var ends []int
	size := 0
	for i, w := range wants {
		n := answerStreamBytes + wire.SymbolBytesMax + epochBytes + len(c.entries[w.entry])
		if size += n; size > answerBytesMax {
			ends = append(ends, i)
			size = n
		}
	}
	return append(ends, len(wants))
}

// appendUnsubscribed answers an unsubscribe command.
func appendUnsubscribed(b []byte, c *command) []byte {
	names := make([][]byte, len(c.entries))
	for i, e := range c.entries {
		names[i] = []byte(e)
	}
	return wire.AppendUnsubscribed(b, c.id, names, c.errors)
}

// listed extends the groups whose patterns match new instruments, each by an
// attachment of its own.
func (s *shard) listed(added []*listing) {
	for _, g := range s.sortedGroups() {
		var a *attachment
		for _, l := range added {
			for _, text := range g.matching(l.instrument.Symbol) {
				e, err := wire.ParseEntry(text)
				if err != nil {
					continue
				}
				id := e.Slot.Stream(l.id)
				if _, heard := g.slot(id); heard || a.wantsStream(id) {
					continue
				}
				if a == nil {
					a = &attachment{group: g}
				}
				a.commands = append(a.commands, command{op: wire.OpSubscribe, entries: []string{text}})
				a.wants = append(a.wants, want{stream: id, command: int32(len(a.commands) - 1), state: true})
			}
		}
		if a != nil {
			g.extending++
			s.attach(a, g.terms.dialect, nil)
		}
	}
}

func (a *attachment) wantsStream(id wire.StreamID) bool {
	if a == nil {
		return false
	}
	for i := range a.wants {
		if a.wants[i].stream == id {
			return true
		}
	}
	return false
}

// extended lets the group hear the streams of a listing, and tells its
// members: the acknowledgement names the pattern that matched.
func (g *group) extended(a *attachment) {
	g.extending--
	dir := g.shard.hub.listings.Load()
	for i := range a.wants {
		id := a.wants[i].stream
		if slot, heard := g.slot(id); !heard {
			g.hear(id, slot)
		}
	}
	for _, m := range g.members {
		if m.dead {
			continue
		}
		m.suspend()
		for i := range a.wants {
			w := &a.wants[i]
			name, entry := dir.name(nil, w.stream), a.commands[w.command].entries[0]
			b := wire.AppendSubscribed(nil, nil, 1, 1)
			b = wire.AppendSubscribedStream(b, true, name, g.shard.hub.epoch, w.cursor, false, entry)
			m.pushControl(wire.AppendSubscribedBy(b, entry))
			if m.lost != nil {
				m.lost[w.stream] = unserved(w.stream, w.cursor, false)
				continue
			}
			m.state(a.dialect, dir, w)
		}
	}
}

// announce sends a control frame to every session.
func (s *shard) announce(payload []byte) {
	for _, g := range s.sortedGroups() {
		g.control(payload)
		for _, m := range g.members {
			if m.lost != nil && !m.dead {
				m.pushControl(payload)
			}
		}
	}
}
