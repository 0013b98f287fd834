package feed

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strings"

	"tickcast/wire"
)

// terms are how a session wants its frames, but for which streams: with the
// sorted entries they make the key of its group.
type terms struct {
	dialect   wire.Dialect
	framing   framing
	class     uint32 // entitlement class: sessions with different rights never share a group
	flush     int64  // flush window in ns, 0: at once
	heartbeat int64  // ns, 0: none
}

// framing is what surrounds a payload. The zero framing is invalid.
type framing uint8

const framingWebSocket framing = 1

// group is the sessions of a shard that hear the same streams on the same
// terms: one log, a cursor each.
type group struct {
	shard   *shard
	key     string
	terms   terms
	entries []string // sorted, without repetition
	streams []groupStream

	members []*session
	rotate  int // member that is served first in the next flush
	log     groupLog

	dirty     bool   // in the shard's list of groups with something to write
	flushDue  int64  // when its window closes, 0 if nothing waits
	flushFrom uint64 // the log's head when its window opened
	beatDue   int64  // when its next heartbeat is due, 0: none
	received  int    // bytes since it was inspected

	torn      bool // after an overload nothing is appended until a marker comes
	extending int  // attachments for listings under way
	closed    bool
	filled    bool // in the shard's list
}

// groupStream is a stream of a group, in order of id.
type groupStream struct {
	id    wire.StreamID
	in    *interest
	place int    // of the group in the interest's list
	seq   uint64 // of the last frame in the log
	beat  uint64 // seq at the last heartbeat
}

// interest is a stream in one dialect as a shard hears it.
type interest struct {
	id      wire.StreamID
	dialect wire.Dialect
	seq     uint64 // last one that came in
	refs    int    // groups, and attachments under way
	groups  []interested
}

type interested struct {
	group *group
	slot  int // of the stream in the group
}

// appendKey appends the key of the group with these terms and sorted entries.
func appendKey(dst []byte, t *terms, entries []string) []byte {
	dst = append(dst, byte(t.dialect), byte(t.framing))
	dst = binary.LittleEndian.AppendUint32(dst, t.class)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.flush))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.heartbeat))
	for _, e := range entries {
		dst = append(dst, e...)
		dst = append(dst, ',')
	}
	return dst
}

// phase spreads the beats of groups: a number in [0, period) from the key's hash.
func (g *group) phase(period int64) int64 {
	h := fnv.New64a()
	h.Write([]byte(g.key))
	return int64(h.Sum64() % uint64(period))
}

// next returns the first instant after now that is a beat of the group.
func (g *group) next(now, period int64) int64 {
	return now - (now-g.phase(period))%period + period
}

// listen sets the streams of a group without any to ids, which are sorted.
func (g *group) listen(ids []wire.StreamID) {
	g.streams = make([]groupStream, 0, len(ids))
	for _, id := range ids {
		g.hear(id, len(g.streams))
	}
}

// hear adds a stream at a slot.
func (g *group) hear(id wire.StreamID, slot int) {
	in := g.shard.hold(id, g.terms.dialect)
	g.streams = slices.Insert(g.streams, slot, groupStream{id: id, in: in, place: len(in.groups), seq: in.seq, beat: in.seq})
	in.groups = append(in.groups, interested{group: g, slot: slot})
	g.renumber(slot + 1)
}

// forget removes the stream at a slot.
func (g *group) forget(slot int) {
	g.streams[slot].leave()
	g.shard.drop(g.streams[slot].in)
	g.streams = slices.Delete(g.streams, slot, slot+1)
	g.renumber(slot)
}

// leave takes the group out of the interest's list.
func (m *groupStream) leave() {
	in, last := m.in, len(m.in.groups)-1
	moved := in.groups[last]
	in.groups[m.place] = moved
	moved.group.streams[moved.slot].place = m.place
	in.groups[last] = interested{}
	in.groups = in.groups[:last]
}

// renumber tells the interests where their streams are from a slot on.
func (g *group) renumber(from int) {
	for i := from; i < len(g.streams); i++ {
		m := &g.streams[i]
		m.in.groups[m.place].slot = i
	}
}

// slot returns where the stream is, or would be.
func (g *group) slot(id wire.StreamID) (int, bool) {
	return slices.BinarySearchFunc(g.streams, id, func(m groupStream, id wire.StreamID) int { return int(m.id) - int(id) })
}

// change makes the streams of the group exactly ids, which are sorted.
func (g *group) change(ids []wire.StreamID) {
	for slot := 0; slot < len(g.streams); {
		if _, found := slices.BinarySearch(ids, g.streams[slot].id); found {
			slot++
		} else {
			g.forget(slot)
		}
	}
	for _, id := range ids {
		if slot, found := g.slot(id); !found {
			g.hear(id, slot)
		}
	}
}

// packet appends a live frame, or a part of one, of the stream at a slot to
// the group's log. The group has the frame when its last part has come.
func (g *group) packet(p *Packet, payload []byte, slot int) {
	if g.torn {
		return // its streams begin again at the marker under way
	}
	g.room(wire.FrameHeaderSize(len(payload)) + len(payload))
	m := &g.streams[slot]
	if !p.More {
		m.seq = p.Seq
	}
	g.log.append(opcode(g.terms.dialect), payload, m.id, p.Seq)
	g.touch()
}

// control appends a control frame, JSON in every dialect, for all members.
func (g *group) control(payload []byte) {
	g.room(wire.FrameHeaderSize(len(payload)) + len(payload))
	g.log.append(wire.OpcodeText, payload, noStream, 0)
	g.touch()
}

// frames appends framed messages of a stream.
func (g *group) frames(frames []byte, ends []int, id wire.StreamID, seq uint64) {
	g.room(len(frames))
	g.log.appendFrames(frames, ends, id, seq)
	g.touch()
}

// flushBytesMax is how much may be due before a flush window closes early: one
// write of it costs hardly less a byte than a larger one.
const flushBytesMax = 64 << 10

// touch puts the group on the list of those with something to write, or
// starts its flush window.
func (g *group) touch() {
	switch {
	case g.terms.flush == 0:
		g.soil()
	case g.flushDue == 0:
		g.flushFrom = g.log.head
		g.flushDue = g.next(g.shard.now, g.terms.flush)
		g.shard.timers.push(g.flushDue, g)
	case g.log.head-g.flushFrom >= flushBytesMax:
		g.flushDue = 0 // its timer comes up for nothing
		g.soil()
	}
}

func (g *group) soil() {
	if !g.dirty {
		g.dirty = true
		g.shard.dirty = append(g.shard.dirty, g)
	}
}

// room makes room for n bytes: the ring grows while its oldest bytes are young;
// then what is unsent is written now rather than at the end of the round; then
// those who lag fall off, but the ring grows again as soon as what they have not
// sent is young.
func (g *group) room(n int) {
	g.received += n
	if !g.filled {
		g.filled = true
		g.shard.filled = append(g.shard.filled, g)
		g.shard.inspectSoon()
	}
	l := &g.log
	if l.fits(n) || g.grow(n) {
		return
	}
	g.write()
	for !l.fits(n) && l.head > l.tail && !g.grow(n) {
		offset := l.tail + uint64(max(n, reclaimBytes))
		if old := l.until(g.shard.now - logNanos); old > l.tail {
			offset = min(offset, old)
		}
		g.reclaim(offset)
	}
	if !l.fits(n) {
		g.shard.force(l, n)
	}
}

// grow makes the ring hold n bytes more, if it may: beyond logBytesLow it holds
// what came within logNanos, however fast.
func (g *group) grow(n int) bool {
	l := &g.log
	size := int(l.head-l.tail) + n
	young := g.shard.now-l.since(l.tail, g.shard.now) < logNanos
	return (size <= logBytesLow || size <= logBytesMax && young) && g.shard.grow(l, size)
}

// reclaim takes the log's bytes before offset from whoever has not sent them.
func (g *group) reclaim(offset uint64) {
	offset = min(offset, g.log.head)
	for _, m := range g.members {
		if m.follows() && m.cursor < offset {
			m.fallOff()
		}
	}
	for _, m := range slices.Clone(g.log.readers) {
		if from, reads := m.reads(&g.log); reads && from < offset {
			m.fallOff()
		}
	}
	g.trim()
}

// trim gives up what everybody has sent.
func (g *group) trim() {
	least := g.log.head
	for _, m := range g.members {
		if m.follows() && m.cursor < least {
			least = m.cursor
		}
	}
	for _, m := range g.log.readers {
		if from, reads := m.reads(&g.log); reads && from < least {
			least = from
		}
	}
	g.log.trim(least)
}

// write gives every member its turn, then trims the log.
func (g *group) write() {
	g.log.stamp(g.shard.now)
	n := len(g.members)
	if n == 0 {
		g.trim()
		return
	}
	g.rotate = (g.rotate + 1) % n
	first, least := g.rotate, g.log.head // a refill may write this group in between
	for i := range n {
		m := g.members[(first+i)%n]
		m.write()
		g.shard.topUp()
		if m.follows() && m.cursor < least {
			least = m.cursor
		}
	}
	if len(g.log.readers) > 0 {
		g.trim()
		return
	}
	g.log.trim(max(least, g.log.tail))
}

// position is how far a session has been sent a stream.
type position struct {
	seq      uint64
	unserved bool // a state was promised and never sent
	first    bool // that state began the subscription: what came before is another one's
}

// positions returns how far a session with this cursor has been sent each
// stream of the group.
func (g *group) positions(cursor uint64) map[wire.StreamID]position {
	have := make(map[wire.StreamID]position, len(g.streams))
	for i := range g.streams {
		have[g.streams[i].id] = position{seq: g.streams[i].seq}
	}
	g.log.rewind(have, cursor, g.log.head)
	return have
}

// rewind sets positions to what they were before the frames that begin in
// [from, to). The first frame of each stream says that; a log of many frames of
// few streams need not be walked to its end.
func (l *groupLog) rewind(have map[wire.StreamID]position, from, to uint64) {
	met := make(map[wire.StreamID]struct{}, len(have))
	for i := l.after(from); i < len(l.records) && len(met) < len(have); i++ {
		r := &l.records[i]
		if r.end > to {
			return
		}
		p, subscribed := have[r.stream]
		if !subscribed || r.end-uint64(r.size) < from {
			continue
		}
		if _, again := met[r.stream]; again {
			continue
		}
		met[r.stream] = struct{}{}
		if !p.first {
			p.seq = r.seq - 1
			have[r.stream] = p
		}
	}
}

// union returns entries with those of more that are new, sorted.
func union(entries, more []string) []string {
	out := append(slices.Clone(entries), more...)
	slices.Sort(out)
	return slices.Compact(out)
}

// without returns entries without those of less.
func without(entries, less []string) []string {
	return slices.DeleteFunc(slices.Clone(entries), func(e string) bool { return slices.Contains(less, e) })
}

// isPattern reports whether an entry is a pattern, which may have a rate: no
// name has an asterisk.
func isPattern(entry string) bool { return strings.Contains(entry, "*") }

// matching returns the group's entries that are patterns and match symbol, as
// stream ids of instrument id.
func (g *group) matching(symbol wire.Symbol) []string {
	var out []string
	for _, text := range g.entries {
		if !isPattern(text) {
			continue
		}
		if e, err := wire.ParseEntry(text); err == nil && e.Match(symbol) {
			out = append(out, text)
		}
	}
	return out
}
