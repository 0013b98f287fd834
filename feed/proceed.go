package feed

import (
	"cmp"
	"slices"

	"tickcast/wire"
)

// pending is what one stream has for a read.
type pending struct {
	id    wire.StreamID
	after uint64 // frames that follow this seq
	span  span
	state *state
	pos   uint64 // of the state
}

// proceed reads what follows the reader's position:
//
//	gather    what each stream has, in turns of the hub's mutex
//	collect   encode it, and cut what is more than a portion
//	relearn   instead, if a stream has lost something: all at once
func (r *Reader) proceed(wall int64) {
	upTo, whole := r.gather(wall)
	if !whole {
		r.release()
		r.relearn(wall)
		return
	}
	r.pos = r.collect(upTo)
	r.release()
}

func (r *Reader) release() {
	for i := range r.pendings {
		r.pendings[i].span.release()
	}
	clear(r.pendings)
	r.pendings = r.pendings[:0]
}

// gather notes what each stream has after the reader's position, up to the
// position that it returns and perhaps beyond; false if one has lost
// something.
func (r *Reader) gather(wall int64) (upTo uint64, whole bool) {
	h := r.hub
	upTo, whole = h.Position(), true
	for i := 0; i < len(r.streams) && whole; {
		h.mu.Lock()
		for end := min(i+attachStatesMax, len(r.streams)); i < end && whole; i++ {
			id := r.streams[i]
			s, slot := h.symbols[id.Instrument()], id.Slot()
			h.ensure(s, slot, wall)
			if s.streams[slot].pos > r.pos {
				whole = r.pend(s, slot)
			}
		}
		h.mu.Unlock()
	}
	return upTo, whole
}

// pend notes what a stream has after the reader's position; false if it has
// lost something, or begins with a state.
func (r *Reader) pend(s *symbol, slot wire.Slot) bool {
	p := pending{id: slot.Stream(s.id), pos: s.streams[slot].pos}
	if slot.Channel().Stateful() {
		p.state = s.capture(slot, 0)
		r.pendings = append(r.pendings, p)
		return true
	}
	after, held := s.holdingAt(slot, r.pos)
	if held != holdsAll {
		return false
	}
	p.after = after
	p.span, _ = s.since(slot, after)
	r.pendings = append(r.pendings, p)
	return true
}

// collect encodes what is pending up to a position, or what of it is a
// portion, and returns the position that it has come to.
func (r *Reader) collect(upTo uint64) uint64 {
	r.portion.upTo = upTo
	for i := range r.pendings {
		p := &r.pendings[i]
		if p.state != nil {
			for payload := range r.payloads(p.state) {
				r.portion.add(payload, p.pos)
			}
		}
		if len(p.span.parts) > 0 {
			r.collectSpan(p)
		}
	}
	r.portion.cut()
	return r.portion.upTo
}

func (r *Reader) collectSpan(p *pending) {
	re := r.replayer(p.id)
	re.upTo = r.portion.upTo
	first := p.after == 0
	re.emit = func(pos uint64, payload []byte) {
		if first && p.id.Channel().Image() {
			r.portion.add(r.emptyImage(p.id), pos)
		}
		first = false
		r.portion.add(slices.Clone(payload), pos)
		re.upTo = r.portion.upTo
	}
	re.replay(&p.span, p.id, p.after)
	r.hub.replays.Add(re.frames)
}

// emptyImage is the snapshot of a stream that has published nothing: its frames
// change something only for those who know that they began with nothing.
func (r *Reader) emptyImage(id wire.StreamID) []byte {
	f := frame{channel: id.Channel()}
	if f.channel == wire.ChannelBook {
		f.book = &wire.BookFrame{Rate: id.Rate(), Snapshot: true, HasCRC: true}
	} else {
		f.order = &wire.OrderFrame{Snapshot: true}
	}
	payload, _ := f.append(nil, nil, r.replayer(id).encoder, r.dialect)
	return payload
}

// relearn answers a reader of which a stream has lost something: it gets that
// stream's gap and snapshot, and of the others all that is new.
func (r *Reader) relearn(wall int64) {
	wants := make([]want, len(r.streams))
	for i, id := range r.streams {
		wants[i].stream, wants[i].state = id, id.Channel().Image() // to be prepared: some will be needed
	}
	var lost []*want
	after := r.pos
	r.pos = r.hub.answerAll(r.dialect, wants, wall, func(s *symbol, slot wire.Slot, w *want) {
		if w.state = s.streams[slot].pos > after; !w.state || slot.Channel().Stateful() {
			return
		}
		seq, held := s.holdingAt(slot, after)
		w.resume, w.since = held == holdsAll, seq
		if held == holdsPart {
			lost = append(lost, w)
		}
	})
	for _, w := range lost {
		w.reason, w.gapFrom = wire.GapHistory, 0
	}
	r.serve(wants, true)
}

// holding says whether an event stream's frames after a position are there.
type holding uint8

const (
	holdsAll  holding = iota + 1 // all of them
	holdsPart                    // not all of them
	holdsNone                    // the stream begins after it, with a state
)

// holdingAt returns the number of the last frame of an event stream up to a
// position.
func (s *symbol) holdingAt(slot wire.Slot, pos uint64) (seq uint64, held holding) {
	ok := false
	if d := s.derived[slot]; d == nil {
		seq, ok = s.history.seqAt(slot.Channel(), pos)
	} else {
		if d.begins(pos) {
			return 0, holdsNone
		}
		seq, ok = d.seqAt(pos)
	}
	if !ok {
		return 0, holdsPart
	}
	return seq, holdsAll
}

// begins reports whether the tier's very first frame, which is a snapshot,
// comes after a position and is the oldest that is known.
func (d *derived) begins(pos uint64) bool {
	marks := d.book.marks
	return len(marks) > 0 && marks[0].seq == 1 && marks[0].pos > pos
}

// portion gathers frames of several streams, and keeps those of the lowest
// positions that are not too many.
type portion struct {
	framesMax, bytesMax int
	upTo                uint64 // beyond it nothing is wanted
	bytes               int
	out                 *Reading
}

// add takes a payload, unless it is beyond what is wanted.
func (p *portion) add(payload []byte, pos uint64) {
	if pos > p.upTo {
		return
	}
	p.out.Frames = append(p.out.Frames, ReadFrame{Payload: payload, Pos: pos})
	p.bytes += len(payload)
	if len(p.out.Frames) > 2*p.framesMax || p.bytes > 2*p.bytesMax {
		p.shrink()
	}
}

// shrink sorts the frames, and drops what is more than a portion. What has one
// position stays together.
func (p *portion) shrink() {
	frames := p.out.Frames
	slices.SortStableFunc(frames, func(a, b ReadFrame) int { return cmp.Compare(a.Pos, b.Pos) })
	n, bytes := 0, 0
	for n < len(frames) && n < p.framesMax && bytes < p.bytesMax {
		for pos := frames[n].Pos; n < len(frames) && frames[n].Pos == pos; n++ {
			bytes += len(frames[n].Payload)
		}
	}
	if n < len(frames) {
		p.upTo = frames[n-1].Pos
		p.out.More = true
	}
	clear(frames[n:])
	p.out.Frames, p.bytes = frames[:n], bytes
}

// cut ends the portion: one can go on only behind the last frame of a position.
func (p *portion) cut() {
	p.shrink()
	frames := p.out.Frames
	for i := range len(frames) - 1 {
		if frames[i].Pos == frames[i+1].Pos {
			frames[i].Pos = 0
		}
	}
}
