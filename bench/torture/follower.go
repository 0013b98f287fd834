package torture

import (
	"cmp"
	"fmt"
	"slices"

	"tickcast/feed/client"
)

// phase is what a follower waits for on a stream. The zero phase is invalid.
type phase uint8

const (
	phaseIdle  phase = iota + 1 // it is not asked for on this connection
	phaseAsked                  // the acknowledgement is due
	phaseState                  // a snapshot is due, of number stateSeq
	phaseLive
)

// followed is a stream as one client knows it.
type followed struct {
	id       int32
	channel  channel
	phase    phase
	broken   bool   // the book is not known since a violation
	due      bool   // the gap of a resume that was not recovered is due
	resumed  bool   // asked with a cursor, since
	foreign  bool   // which was of another epoch
	must     bool   // or which history has to hold
	since    uint64 // the last number of the cursor
	next     uint64 // the next numbered frame, 0: nothing is known
	stateSeq uint64
	part     uint64 // of a snapshot, the last one that came
	tp       int64  // of the last frame, us
	book     book
	trail    trail
}

// follower is one client, which believes nothing. It is fed the messages of its
// connections and reports to its audit.
type follower struct {
	audit   *audit
	number  int
	kind    string // what it is, for violations
	healthy bool   // it reads: nothing may be announced as missing
	timed   bool   // its deltas are live ones: their latency counts
	streams []followed
	pattern []string // entries instead of the names of streams

	epoch   string // of what it knows
	greeted string // epoch of the hello, "": it is due
	acked   bool
	waiting int    // streams that are asked for and not live
	credit  uint64 // conflated frames announced, not yet seen to be missing
	noticed bool   // of a shutdown
}

// newFollower returns a client of these streams.
func newFollower(a *audit, number int, ids []int32) *follower {
	f := &follower{audit: a, number: number}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		f.streams = append(f.streams, followed{id: id, channel: a.streams[id].channel, phase: phaseIdle})
	}
	return f
}

// connected begins a connection.
func (f *follower) connected() {
	f.greeted, f.acked, f.waiting, f.credit, f.noticed = "", false, 0, 0, false
	for i := range f.streams {
		f.streams[i].phase, f.streams[i].due, f.streams[i].part = phaseIdle, false, 0
		f.streams[i].trail.add(stepConnect, 0, 0)
	}
}

// settled reports whether all streams are acknowledged and all books there.
func (f *follower) settled() bool { return f.acked && f.waiting == 0 }

// fault reports a violation on a stream, with what came before it.
func (f *follower) fault(r Rule, s *followed, format string, args ...any) {
	text := fmt.Appendf(nil, format, args...)
	text = append(text, "; a "+f.kind+" client"...)
	f.audit.note(r, f.number, f.audit.streams[s.id].name, "%s", s.trail.append(text))
}

func (f *follower) find(id int32) *followed {
	i, ok := slices.BinarySearchFunc(f.streams, id, func(s followed, id int32) int { return cmp.Compare(s.id, id) })
	if !ok {
		return nil
	}
	return &f.streams[i]
}

// named returns the follower's stream of that name, nil if it is none.
func (f *follower) named(name []byte) *followed {
	id, ok := f.audit.byName[string(name)]
	if !ok {
		return nil
	}
	return f.find(id)
}

// shown is how much of a frame a violation shows.
const shown = 160

// take audits a message that was received at now, us.
func (f *follower) take(p []byte, now int64) {
	s := scanner{rest: p}
	if !s.have(`{"stream":"`) {
		h, ok := client.Scan(p)
		if !ok {
			f.audit.note(RuleProtocol, f.number, "", "no frame of the protocol: %.*s", shown, p)
			return
		}
		f.control(string(h.Op), p, now)
		return
	}
	f.audit.tally.Deliveries++
	s.rest = p
	h := s.head()
	st := f.named(h.stream)
	if s.bad || st == nil {
		f.audit.note(RuleForeign, f.number, string(h.stream), "not asked for: %.*s", shown, p)
		return
	}
	tp, ok := published(p)
	if !ok && h.seq > 0 { // a book before its first frame has no time
		f.fault(RuleProtocol, st, "no tp: %.*s", shown, p)
	}
	if st.phase <= phaseAsked {
		f.fault(RuleProtocol, st, "frame %d before the acknowledgement", h.seq)
		return
	}
	if st.due {
		st.due = false
		f.fault(RuleResume, st, "frame %d before the gap of a resume that was not recovered", h.seq)
	}
	st.tp = tp
	switch st.channel {
	case channelBBO:
		f.state(st, &h, p)
	case channelBook:
		f.levels(st, &h, &s, p, now)
	default:
		f.numbered(st, h.seq, p)
	}
}

// numbered checks that a frame is the next one of an event stream, and that it
// is the frame that others got.
func (f *follower) numbered(s *followed, seq uint64, p []byte) {
	switch {
	case seq == s.next:
	case seq < s.next:
		f.fault(RuleGap, s, "frame %d again or late, had up to %d", seq, s.next-1)
		s.broken = true
	default:
		f.fault(RuleGap, s, "frames %d to %d are missing, unannounced", s.next, seq-1)
		s.broken = true
	}
	s.next = seq + 1
	s.trail.add(stepFrame, seq, seq)
	f.compare(s, seq, p)
}

func (f *follower) compare(s *followed, seq uint64, p []byte) {
	if f.epoch == f.audit.epoch && !f.audit.same(s.id, seq, p) {
		f.fault(RuleBytes, s, "frame %d is not what others got: %.*s", seq, shown, p)
	}
}

// state checks a frame of a state stream, whose numbers may skip what was
// announced as conflated.
func (f *follower) state(s *followed, h *dataHead, p []byte) {
	switch {
	case h.seq < s.next:
		f.fault(RuleGap, s, "frame %d again or late, had up to %d", h.seq, s.next-1)
	case h.seq > s.next:
		missed := h.seq - s.next
		if missed > f.credit {
			f.fault(RuleGap, s, "frames %d to %d are missing, %d were announced as conflated", s.next, h.seq-1, f.credit)
		}
		f.credit -= min(missed, f.credit)
	}
	s.next = h.seq + 1
	s.trail.add(stepFrame, h.seq, h.seq)
	f.compare(s, h.seq, p)
}

// levels checks a frame of a book.
func (f *follower) levels(s *followed, h *dataHead, r *scanner, p []byte, now int64) {
	var b bookFrame
	b.begin(r)
	if b.snapshot {
		f.snapshot(s, h, &b, r, p)
		return
	}
	if s.phase == phaseState {
		f.fault(RuleProtocol, s, "delta %d before the snapshot %d", h.seq, s.stateSeq)
		s.broken = true
	}
	f.numbered(s, h.seq, p)
	if f.timed && f.audit.latency != nil {
		_ = f.audit.latency.RecordValue(min(max(now-s.tp, 0), latencyMax)) // within its range
	}
	if s.broken {
		return
	}
	b.apply(r, &s.book)
	switch {
	case r.bad:
		f.fault(RuleProtocol, s, "malformed: %.*s", shown, p)
		s.broken = true
	case b.first != b.upd || b.upd != s.book.upd+1:
		f.fault(RuleBook, s, "frame %d covers updates %d to %d behind %d", h.seq, b.first, b.upd, s.book.upd)
	case b.hasCRC != (h.seq%crcEvery == 0):
		f.fault(RuleProtocol, s, "frame %d: crc is there: %t", h.seq, b.hasCRC)
	}
	s.book.upd = b.upd
	f.check(s, h.seq, &b)
}

// crcEvery: deltas whose number is a multiple of it carry a checksum.
const crcEvery = 50

// snapshot checks a snapshot or a part of one.
func (f *follower) snapshot(s *followed, h *dataHead, b *bookFrame, r *scanner, p []byte) {
	switch {
	case s.phase != phaseState:
		f.fault(RuleProtocol, s, "snapshot %d, which nothing announced", h.seq)
		return
	case h.seq != s.stateSeq:
		f.fault(RuleProtocol, s, "snapshot %d; want %d", h.seq, s.stateSeq)
	}
	if b.part == 1 { // also of another snapshot, after one that was cut short
		s.book.clear()
		s.part = 0
	}
	if s.part++; b.part != s.part {
		f.fault(RuleProtocol, s, "part %d of a snapshot; want %d", b.part, s.part)
	}
	b.apply(r, &s.book)
	if r.bad {
		f.fault(RuleProtocol, s, "malformed: %.*s", shown, p)
	}
	if b.part < b.parts {
		s.trail.add(stepPart, h.seq, h.seq)
		return
	}
	s.trail.add(stepSnapshot, h.seq, h.seq)
	s.phase, s.broken, s.part, s.next, s.book.upd = phaseLive, r.bad, 0, h.seq+1, b.upd
	f.waiting--
	f.audit.tally.Snapshots++
	f.audit.streams[s.id].last = max(f.audit.streams[s.id].last, h.seq)
	if !b.hasCRC {
		f.fault(RuleProtocol, s, "snapshot %d has no crc", h.seq)
	}
	f.check(s, h.seq, b)
}

// check compares the book with what the server says of it.
func (f *follower) check(s *followed, seq uint64, b *bookFrame) {
	if s.broken {
		return
	}
	if s.book.crossed() {
		f.fault(RuleBook, s, "crossed at %d: %d bid, %d asked", seq, -s.book.bids[0].price, s.book.asks[0].price)
	}
	if !b.hasCRC {
		return
	}
	f.audit.tally.CRCs++
	var sum uint32
	if sum, f.audit.scratch = s.book.crc(f.audit.scratch); uint64(sum) != b.crc {
		f.fault(RuleBook, s, "crc %d at %d; the server has %d", sum, seq, b.crc)
		s.broken = true
	}
}

// differs says how a client that hears less than the other differs from it; ""
// if it does not.
func (f *follower) differs(o *follower) string {
	if !f.settled() {
		text := fmt.Appendf(nil, "%d streams wait for their state", f.waiting)
		for i := range f.streams {
			if s := &f.streams[i]; s.phase != phaseLive {
				text = s.trail.append(append(text, "; "+f.audit.streams[s.id].name...))
				break
			}
		}
		return string(text)
	}
	for i := range f.streams {
		s := &f.streams[i]
		t := o.find(s.id)
		if t == nil {
			return "a stream that the other does not hear"
		}
		name := f.audit.streams[s.id].name
		switch {
		case s.next != t.next:
			return fmt.Sprintf("%s: had up to %d; the server has %d", name, s.next-1, t.next-1)
		case s.channel == channelBook && (s.broken || !s.book.equal(&t.book) || s.book.upd != t.book.upd):
			return fmt.Sprintf("%s: other levels than the server's", name)
		}
	}
	if f.credit != 0 {
		return fmt.Sprintf("%d frames were announced as conflated that came or never were", f.credit)
	}
	return ""
}
