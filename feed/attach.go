package feed

import (
	"slices"

	"tickcast/wire"
)

// Bounds of an attachment.
const (
	// attachStatesMax is how many states one turn of the hub's mutex may copy,
	// attachFewStates how many are left to the last turn: their books may all
	// have to be brought up to date, in some 20 us each.
	attachStatesMax = 32
	attachFewStates = 8
	// replayCommandBytes bounds what one command may have replayed, and
	// replayTotalBytes what all sessions together have not yet been sent.
	// Beyond it a resume is answered with recovered:false.
	replayCommandBytes = 4 << 20
	replayTotalBytes   = 64 << 20
)

// want is one stream of an attachment: what is asked of it, and what the hub
// answers at the place of its marker.
type want struct {
	stream  wire.StreamID
	command int32 // index of the command that asks
	entry   int32 // index of the command's entry that matched

	state   bool   // asked: the snapshot or last value, newer than least
	least   uint64 // asked: a state below this seq is of no use
	fresh   bool   // asked: nor is one that is not the latest
	resume  bool   // asked: what follows since
	foreign bool   // asked: since is of another epoch
	since   uint64

	seq       uint64 // answer: the stream's last number at the marker
	cursor    uint64 // answer: the next numbered frame is cursor + 1
	recovered bool   // answer: replay is all that follows since
	reason    wire.GapReason
	gapFrom   uint64 // answer: with a reason, gapFrom..cursor will not come
	st        *state // answer: the state, before replay
	replay    span   // answer: frames after cursor, up to seq
	reserved  int    // answer: bytes taken from the server's replay budget
	repeated  bool   // the client was sent the frame of seq before
}

// attachment is a change of what a session or a group hears. It travels to
// the hub and comes back in the shard's inbox as a marker, so that its
// acknowledgement and state stand at one place in the order of packets.
type attachment struct {
	shard   int
	dialect wire.Dialect
	wall    int64 // when it is asked for, ns
	version int   // of the directory that patterns were resolved with
	wants   []want

	session  *session // whose it is; nil for a group's
	group    *group   // a group that lost packets, or heard of a listing
	commands []command
	resync   bool // the owner fell behind and is told what it missed
}

// attach answers every want of a and puts its marker into the shard's inbox,
// all in one last turn of the mutex; states are prepared in turns before it.
// It returns false, having done nothing, if instruments were listed since
// a.version.
func (h *Hub) attach(a *attachment) bool {
	h.prepare(a)
	return h.settle(a)
}

// settle is the last turn of attach.
func (h *Hub) settle(a *attachment) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listings.Load().version != a.version {
		return false
	}
	budget := replayCommandBytes
	for i := range a.wants {
		w := &a.wants[i]
		s, slot := h.symbols[w.stream.Instrument()], w.stream.Slot()
		h.ensure(s, slot, a.wall)
		s.watch(slot, a.dialect, a.shard)
		w.seq = s.seq(slot)
		w.cursor = w.seq
		if w.fresh {
			w.least = w.seq
		}
		h.answer(s, slot, w, &budget)
	}
	h.inboxes[a.shard].Mark(&Marker{Attach: a})
	return true
}

// prepare lets the derived streams that a needs be made, and the states be
// captured that take long, at most attachStatesMax a turn, so that the last
// turn finds them.
func (h *Hub) prepare(a *attachment) {
	long := 0
	for i := range a.wants {
		if takesLong(a.wants[i].stream.Slot()) {
			long++
		}
	}
	if long <= attachFewStates {
		return
	}
	for i := 0; i < len(a.wants); {
		h.mu.Lock()
		for n := 0; i < len(a.wants) && n < attachStatesMax; i++ {
			w := &a.wants[i]
			s, slot := h.symbols[w.stream.Instrument()], w.stream.Slot()
			if !takesLong(slot) {
				continue
			}
			n += 1 + len(s.image.pending)*attachStatesMax/appliedMax
			h.ensure(s, slot, a.wall)
			if w.fresh {
				w.least = s.seq(slot)
			}
			if w.state && w.least <= s.seq(slot) {
				s.capture(slot, w.least)
			}
		}
		h.mu.Unlock()
	}
}

// takesLong reports whether a stream has a state to be captured.
func takesLong(slot wire.Slot) bool { return slot.Channel().Image() || slot.Channel().Stateful() }

// answer decides between replay, state and gap for one stream.
func (h *Hub) answer(s *symbol, slot wire.Slot, w *want, budget *int) {
	c := slot.Channel()
	if w.resume {
		switch {
		case w.foreign || w.since > w.seq:
			w.reason, w.gapFrom = wire.GapEpoch, 0
		case w.since == w.seq:
			w.recovered = true
			return
		case c.Stateful():
		case s.holds(slot, w.since):
			if w.replay, w.reserved = s.since(slot, w.since); h.afford(w.reserved, budget) {
				w.recovered, w.cursor = true, w.since
				return
			}
			w.replay.release()
			w.reserved = 0
			fallthrough
		default:
			w.reason, w.gapFrom = wire.GapHistory, w.since+1
			w.least = max(w.least, w.since+1)
		}
		if c.Stateful() {
			w.reason = ""
		}
	}
	if !w.state || w.least > w.seq {
		return
	}
	w.st = s.capture(slot, w.least)
	if c.Image() {
		if w.cursor = w.st.seq; w.cursor < w.seq {
			w.replay, _ = s.since(slot, w.cursor)
		}
	}
}

// holds reports whether history has all frames of an event stream after seq.
func (s *symbol) holds(slot wire.Slot, seq uint64) bool {
	if d := s.derived[slot]; d != nil {
		return d.holds(seq)
	}
	return seq >= s.history.floor(slot)
}

// since returns the frames of an event stream after seq, which history holds,
// and a bound of the bytes that they take.
func (s *symbol) since(slot wire.Slot, seq uint64) (r span, bytesMax int) {
	d := s.derived[slot]
	if d == nil {
		return s.history.since(slot, seq)
	}
	at, found := d.mark(seq)
	if !found || seq == s.seq(slot) {
		return span{}, 0
	}
	marks := d.book.marks[at:]
	r, bytesMax = s.history.since(slotBook, marks[0].book)
	r.marks = slices.Clone(marks)
	return r, bytesMax
}

// afford takes bytes from the command's and the server's replay budgets.
func (h *Hub) afford(bytes int, budget *int) bool {
	if bytes > *budget || h.replaying.Add(int64(bytes)) > replayTotalBytes {
		if bytes <= *budget {
			h.replaying.Add(-int64(bytes))
		}
		return false
	}
	*budget -= bytes
	return true
}

// replayed gives bytes back to the server's replay budget.
func (h *Hub) replayed(bytes int) { h.replaying.Add(-int64(bytes)) }

// release says that no group of the shard wants the streams any more, since
// wall.
func (h *Hub) release(shard int, d wire.Dialect, streams []wire.StreamID, wall int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range streams {
		s, slot := h.symbols[id.Instrument()], id.Slot()
		s.unwatch(slot, d, shard)
		if e := s.derived[slot]; e != nil {
			e.touched = max(e.touched, wall)
		}
	}
}
