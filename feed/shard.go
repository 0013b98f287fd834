package feed

import (
	"cmp"
	"math"
	"strconv"

	"tickcast/wire"
)

// shardBytesMax is what the logs of a shard may take together. Beyond it the
// largest give up what their slowest members have not read.
const shardBytesMax = 256 << 20

// inspectNanos is how often sessions and logs are looked after, and restNanos
// how often the shard looks round when there are none to be looked after: each
// time that its thread leaves an ordinary wait the runtime's monitor looks at it
// sixty times, which takes 0.4 ms.
const (
	inspectNanos = int64(1e9)
	restNanos    = slimNanos
)

// shard owns its sessions, their groups and logs. It is a state machine: its
// methods are called by one goroutine (or by a test), none blocks, and now is
// what its caller says.
type shard struct {
	hub   *Hub
	id    int
	now   int64 // wall ns
	stats ShardStats

	seats     []seat // its sessions
	opened    uint32 // sessions so far
	groups    map[string]*group
	filled    []*group                // with a log, and those that ended meanwhile
	tables    []*[tableSize]*interest // by instrument, then by slot and dialect
	released  []wire.StreamID         // interests that ended in this round
	timers    timers
	inspectAt int64
	drained   int64 // wall time at which a shutdown lets no client wait any more, 0: none

	dirty []*group   // with something to write
	ready []*session // with something of their own to write
	woken []*session // with input that may go on
	ended []*session // to be buried
	bytes int        // of all logs

	// refill, if it is set, takes packets that came during a round, every so many
	// writes: those who are served late in it need not wait for the next.
	refill     func()
	refillEach uint64
	refillAt   uint64 // stats.Writes at which it is called next: only while flush writes groups
	refilling  bool

	oldest int64 // when the first packet was encoded that the round writes, 0: there is none
	later  int64 // the same of the next round: it came by refill

	spareDirty             []*group
	spareReady, spareWoken []*session

	// Memory of one call.
	pinged   bool             // a ping came
	ping     []byte           // the payload of the last one
	reader   wire.FrameReader // of sessions without a message begun
	request  wire.Request
	matched  []wire.StreamID
	key      []byte
	gathered []byte
	payload  []byte
	frame    []byte
	name     []byte
}

const tableSize = wire.SlotCount * wire.DialectCount

// ShardStats are a shard's totals.
type ShardStats struct {
	Sessions  int
	Groups    int
	LogBytes  int
	Packets   uint64 // taken from the inbox
	Frames    uint64 // copied into logs
	Writes    uint64 // calls of a socket's write
	Snapshots uint64 // states encoded for subscribers
	Replays   uint64 // frames encoded again for those who resume or join late
	Resyncs   uint64
	Gaps      uint64 // announced
	Conflated uint64 // frames announced as conflated
	Evictions uint64
	Refused   uint64 // control messages
	Torn      uint64 // inbox overloads
	Panics    uint64 // each ended a session
	Behind    uint64 // evictions because a log was reused; the others are for age
	Recovered uint64 // streams resumed without a gap
	Restated  uint64 // streams resumed with their current state, which is all they have
	Lost      uint64 // streams resumed with a gap
	GapsBy    GapCounts
	Limits    [LimitCount]uint64

	// Of the look at all sessions once a second.
	UnsentAge int64 // of the oldest unsent byte of any session, ns
	Slow      int   // sessions with one that is older than slowNanos
	BytesIn   uint64
	BytesOut  uint64

	// EncodeToWrite is how long the oldest packet of a round waited until the
	// round's writes were done.
	EncodeToWrite Latency
}

func newShard(h *Hub, in Inbox) *shard {
	s := &shard{hub: h, groups: make(map[string]*group), refillAt: math.MaxUint64}
	s.id = h.addInbox(in)
	return s
}

// open begins a session on a socket.
func (s *shard) open(sock socket, o Options, now int64) *session {
	s.now = now
	if o.Dialect == 0 {
		o.Dialect = wire.JSON
	}
	if o.Slow == 0 {
		o.Slow = SlowConflate
	}
	m := &session{shard: s, sock: sock, options: o.kept(), opened: now, heard: now}
	m.number = s.welcome(&o)
	s.sit(m)
	s.join(m, nil, nil)
	m.open(&o)
	return m
}

// welcome numbers a connection and tells Opened.
func (s *shard) welcome(o *Options) (number uint32) {
	s.opened++
	if o.Opened != nil {
		o.Opened(Begin{Conn: s.connName(s.opened), Remote: o.Remote, TLS: o.TLS})
	}
	return s.opened
}

// connName names a connection in logs and to its client.
func (s *shard) connName(number uint32) string {
	return strconv.FormatInt(int64(s.id), 36) + "-" + strconv.FormatUint(uint64(number), 36)
}

// framed returns a payload as a frame, valid until the next call.
func (s *shard) framed(op wire.Opcode, payload []byte) []byte {
	s.frame = append(wire.AppendFrameHeader(s.frame[:0], op, len(payload)), payload...)
	return s.frame
}

// gone lists a session that has ended for burial.
func (s *shard) gone(m *session) { s.ended = append(s.ended, m) }

// again lets the session take up its input in this round.
func (s *shard) again(m *session) { s.woken = append(s.woken, m) }

// place is the index of a stream in its instrument's table.
func place(id wire.StreamID, d wire.Dialect) int { return int(id.Slot())*wire.DialectCount + int(d) }

// find returns the interest in a stream, nil if there is none.
func (s *shard) find(id wire.StreamID, d wire.Dialect) *interest {
	i := id.Instrument()
	if int(i) >= len(s.tables) || s.tables[i] == nil {
		return nil
	}
	return s.tables[i][place(id, d)]
}

// hold takes a reference to an interest, which begins if it is the first.
func (s *shard) hold(id wire.StreamID, d wire.Dialect) *interest {
	i := int(id.Instrument())
	for len(s.tables) <= i {
		s.tables = append(s.tables, nil)
	}
	if s.tables[i] == nil {
		s.tables[i] = new([tableSize]*interest)
	}
	at := &s.tables[i][place(id, d)]
	if *at == nil {
		*at = &interest{id: id, dialect: d}
	}
	(*at).refs++
	return *at
}

// drop gives a reference back; the hub is told at the end of the round.
func (s *shard) drop(in *interest) {
	if in.refs--; in.refs == 0 {
		s.released = append(s.released, in.id)
	}
}

// settle tells the hub which streams nobody wants any more.
func (s *shard) settle() {
	if len(s.released) == 0 {
		return
	}
	var ended []wire.StreamID
	for _, id := range s.released {
		for d := wire.Dialect(1); d < wire.DialectCount; d++ {
			if in := s.find(id, d); in != nil && in.refs == 0 {
				s.tables[id.Instrument()][place(id, d)] = nil
				ended = append(ended[:0], id)
				s.hub.release(s.id, d, ended, s.now)
			}
		}
	}
	s.released = s.released[:0]
}

// join puts a session into the group with these entries, which is made if it
// does not exist; streams are those of the entries, sorted.
func (s *shard) join(m *session, entries []string, streams []wire.StreamID) {
	t := terms{
		dialect: m.options.Dialect, framing: framingWebSocket, class: m.options.Class,
		flush: m.options.Flush, heartbeat: m.options.Heartbeat,
	}
	s.key = appendKey(s.key[:0], &t, entries)
	g, old := s.groups[string(s.key)], m.group
	switch {
	case g != nil && g == old:
		return
	case g != nil:
	case old != nil && len(old.members) == 1:
		old.rename(string(s.key), entries)
		old.change(streams)
		return
	default:
		g = &group{shard: s, key: string(s.key), terms: t, entries: entries}
		s.groups[g.key] = g
		g.listen(streams)
		if t.heartbeat > 0 {
			g.beatDue = g.next(s.now, t.heartbeat)
			s.timers.push(g.beatDue, g)
		}
	}
	place := m.place
	m.group, m.place, m.cursor = g, int32(len(g.members)), g.log.head
	g.members = append(g.members, m)
	if old != nil {
		old.remove(place)
	}
}

// rename gives a group with one member other entries.
func (g *group) rename(key string, entries []string) {
	delete(g.shard.groups, g.key)
	g.key, g.entries = key, entries
	g.shard.groups[key] = g
}

// remove takes a member out of the group, which ends with its last one.
func (g *group) remove(place int32) {
	last := int32(len(g.members) - 1)
	if moved := g.members[last]; place != last {
		g.members[place] = moved
		moved.place = place
	}
	g.members[last] = nil
	g.members = g.members[:last]
	if last == 0 {
		g.end()
	}
}

// end takes a group without members out of the shard. What those who still
// read its log need of it lives on in their outboxes.
func (g *group) end() {
	g.closed = true
	g.shard.timers.forget()
	delete(g.shard.groups, g.key)
	for i := range g.streams {
		g.streams[i].leave()
		g.shard.drop(g.streams[i].in)
	}
	g.streams = nil
	g.shard.bytes -= len(g.log.buf)
	g.trim()
	g.log.end()
}

// attach sends an attachment to the hub, resolving its entries again if
// instruments are listed at this moment, and holds its interests meanwhile.
func (s *shard) attach(a *attachment, d wire.Dialect, resolve func(*attachment, *directory)) {
	a.shard, a.dialect, a.wall = s.id, d, s.now
	for {
		dir := s.hub.listings.Load()
		if a.version != dir.version {
			if resolve != nil {
				resolve(a, dir)
			}
			a.version = dir.version
		}
		if s.hub.attach(a) {
			break
		}
	}
	for i := range a.wants {
		s.hold(a.wants[i].stream, d)
	}
}

// unhold gives back what attach held.
func (s *shard) unhold(a *attachment) {
	for i := range a.wants {
		s.drop(s.find(a.wants[i].stream, a.dialect))
	}
}

// deliver takes what came into the inbox, in order.
func (s *shard) deliver(d *delivery, now int64) {
	s.now = now
	for s.packets(d) {
		it := &d.items[d.at]
		s.mark(it.marker, it.stale)
		it.marker = nil // the queue's memory must not hold sessions and logs
		d.at++
	}
}

// packets takes the packets up to the next marker, and reports whether there is
// one.
func (s *shard) packets(d *delivery) (marked bool) {
	for ; d.at < len(d.items); d.at++ {
		it := &d.items[d.at]
		if it.marker != nil {
			return true
		}
		s.packet(&it.Packet, d.payload(it))
	}
	return false
}

// topUp is called between the writes of a round.
func (s *shard) topUp() {
	if s.stats.Writes < s.refillAt || s.refilling {
		return
	}
	s.refilling = true
	s.refill()
	s.refilling = false
	s.refillAt = s.stats.Writes + s.refillEach
}

// packet copies a frame into the log of every group that wants it.
func (s *shard) packet(p *Packet, payload []byte) {
	s.stats.Packets++
	s.encoded(p.Encoded)
	in := s.find(p.Stream, p.Dialect)
	if in == nil {
		return
	}
	if !p.More {
		in.seq = p.Seq
	}
	s.stats.Frames += uint64(len(in.groups))
	for i := range in.groups {
		in.groups[i].group.packet(p, payload, in.groups[i].slot)
	}
}

// flush ends a round: it writes what is due, takes up input that waited,
// buries sessions that ended, and reports whether there is more to do at once.
func (s *shard) flush(now int64) (more bool) {
	s.now = now
	if s.refill != nil {
		s.refillAt = s.stats.Writes + s.refillEach
	}
	dirty := s.dirty
	s.dirty, s.spareDirty = s.spareDirty[:0], dirty
	for i, g := range dirty {
		dirty[i] = nil
		g.dirty = false
		g.write()
	}
	s.refillAt = math.MaxUint64
	ready := s.ready
	s.ready, s.spareReady = s.spareReady[:0], ready
	for i, m := range ready {
		ready[i] = nil
		m.queued = false
		m.write()
	}
	woken := s.woken
	s.woken, s.spareWoken = s.spareWoken[:0], woken
	for i, m := range woken {
		woken[i] = nil
		m.proceed()
	}
	s.bury()
	s.settle()
	return len(s.dirty)+len(s.ready)+len(s.woken) > 0
}

// encoded notes when a packet was encoded that the round writes, or only the
// next one writes to all.
func (s *shard) encoded(at int64) {
	switch {
	case s.refilling && s.later == 0:
		s.later = at
	case !s.refilling && s.oldest == 0:
		s.oldest = at
	}
}

// wrote ends a round at now: its packets are written.
func (s *shard) wrote(now int64) {
	next := int64(0)
	if len(s.dirty) > 0 { // some of what came by refill is left
		next, s.later = s.later, 0
	}
	if first := cmp.Or(s.oldest, s.later); first != 0 {
		s.stats.EncodeToWrite.observe(now - first)
	}
	s.oldest, s.later = next, 0
}

// bury takes sessions that ended out of their groups: not when they end,
// because that may be while groups and members are walked.
func (s *shard) bury() {
	for i, m := range s.ended {
		s.ended[i] = nil
		m.leave()
		s.unsit(m)
	}
	s.ended = s.ended[:0]
}

// grow makes a log's ring hold size bytes, if the shard can afford it.
func (s *shard) grow(l *groupLog, size int) bool {
	before := len(l.buf)
	want := max(before, logBytesMin)
	for want < size {
		want *= 2
	}
	if s.bytes+want-before > shardBytesMax {
		if want > logBytesLow {
			return false
		}
		s.shrink()
	}
	l.reserve(size)
	s.bytes += len(l.buf) - before
	return true
}

// force makes an empty log's ring hold n bytes: a frame that is larger than
// its log.
func (s *shard) force(l *groupLog, n int) {
	before := len(l.buf)
	l.reserve(n)
	s.bytes += len(l.buf) - before
}

// shrink takes half of the largest log from those who lag.
func (s *shard) shrink() {
	var largest *group
	for _, g := range s.groups {
		if largest == nil || len(g.log.buf) > len(largest.log.buf) ||
			len(g.log.buf) == len(largest.log.buf) && g.key < largest.key {
			largest = g
		}
	}
	if largest == nil || len(largest.log.buf) <= logBytesLow {
		return
	}
	l := &largest.log
	largest.reclaim(l.head)
	s.bytes -= len(l.buf)
	l.free()
}
