package feed

import (
	"cmp"
	"slices"

	"tickcast/wire"
)

// mergeTxnsMax is how many transactions a book tier merges into a frame. What
// was busier than that since the last beat is shown by a snapshot, so that a
// beat costs bounded time.
const mergeTxnsMax = 2048

// bookTier is what a rate tier of the book keeps: where each of its frames
// ended in the raw stream, from which history they are merged, live and for
// those who resume, to the same bytes.
type bookTier struct {
	marks []tierMark // the first is where the oldest frame kept began
}

// tierMark is the end of a tier's frame.
type tierMark struct {
	seq, pos uint64 // of the tier's frame
	upd      uint64 // last book update that it covers
	book     uint64 // last raw book frame that it covers
	ts, tp   int64
	crc      uint32
}

// sampleBook publishes what has changed in the book since the last beat.
func (h *Hub) sampleBook(d *derived, p Packet) {
	s := d.symbol
	if !d.advance(s.seq(slotBook)) {
		return
	}
	t, sc := &d.book, &h.scratch
	var since tierMark
	whole := len(t.marks) == 0
	if !whole {
		since = t.marks[len(t.marks)-1]
		whole = since.book < s.history.floor(slotBook) || d.from-since.book > mergeTxnsMax
	}
	w := h.number(s, d.slot, &p)
	mark := tierMark{seq: p.Seq, pos: p.Pos, upd: s.upd(), book: d.from, ts: s.bookTime, tp: p.Encoded, crc: s.crc()}
	if whole {
		t.marks = t.marks[:0] // what came before cannot be merged any more
	}
	t.marks = append(t.marks, mark)
	t.trim(p.Encoded)
	if w == nil {
		return
	}
	f := wire.BookFrame{Rate: d.slot.Rate()}
	if whole {
		levels, bids := s.appendDisplayed(s.levels[:0], 0)
		s.levels = levels
		f.Snapshot, f.Bids, f.Asks = true, levels[:bids], levels[bids:]
	} else {
		sc.parts = s.history.appendSince(sc.parts[:0], slotBook, since.book)
		m := &sc.merger
		m.part, m.txn = 0, 0
		m.merge(sc.parts, mark.book)
		sc.bidLevels, sc.askLevels = m.split(sc.bidLevels[:0], sc.askLevels[:0])
		f.Snapshot, f.Bids, f.Asks = m.snapshot, sc.bidLevels, sc.askLevels
	}
	mark.describe(&f, &since)
	h.live(s, p, w, &frame{channel: wire.ChannelBook, book: &f})
}

// describe sets all of a frame but its levels; since is the frame before.
func (m *tierMark) describe(f *wire.BookFrame, since *tierMark) {
	f.Seq, f.First, f.Upd = m.seq, since.upd+1, m.upd
	if f.Snapshot {
		f.First = m.upd
	}
	f.CRC, f.HasCRC, f.TS, f.TP = m.crc, true, m.ts, m.tp
}

// trim drops the marks that are as old as history may be.
func (t *bookTier) trim(now int64) {
	n := 0
	for n < len(t.marks)-1 && (len(t.marks)-n > historyTxnsMax || now-t.marks[n+1].tp > historyNanosMax) {
		n++
	}
	if n >= 64 || n == len(t.marks)-1 {
		t.marks = t.marks[:copy(t.marks, t.marks[n:])]
	}
}

// holds reports whether the frames after seq can be merged again.
func (d *derived) holds(seq uint64) bool {
	at, found := d.mark(seq)
	return found && d.book.marks[at].book >= d.symbol.history.floor(slotBook)
}

// seqAt returns the number of the tier's last frame up to a position; false if
// frames behind it are gone.
func (d *derived) seqAt(pos uint64) (seq uint64, ok bool) {
	marks := d.book.marks
	if len(marks) == 0 {
		return d.symbol.seq(d.slot), true
	}
	at, found := slices.BinarySearchFunc(marks, pos, func(m tierMark, pos uint64) int { return cmp.Compare(m.pos, pos) })
	if !found {
		at--
	}
	if at < 0 {
		return 0, false
	}
	return marks[at].seq, d.holds(marks[at].seq)
}

// mark returns the index of the tier's frame with this number.
func (d *derived) mark(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(d.book.marks, seq, func(m tierMark, seq uint64) int { return cmp.Compare(m.seq, seq) })
}

// mergedLevel is a level of a merged frame, or one that it will replace.
type mergedLevel struct {
	wire.Level
	side wire.Side
}

// merger puts the book frames of several transactions together.
type merger struct {
	levels   []mergedLevel
	side     []wire.Level // scratch
	snapshot bool         // one of them is a snapshot, which begins anew

	part, txn int // where the next merge begins
}

// merge takes the raw book frames up to seq to from where the last merge of
// these parts ended.
func (m *merger) merge(parts []spanPart, to uint64) {
	m.levels, m.snapshot = m.levels[:0], false
	for ; m.part < len(parts); m.part, m.txn = m.part+1, 0 {
		part := &parts[m.part]
		for ; m.txn < len(part.txns); m.txn++ {
			t := part.txn(m.txn)
			if t.book > to {
				m.compact()
				return
			}
			if t.hasBook {
				m.add(part, &t)
			}
		}
	}
	m.compact()
}

// compact sorts the levels, and keeps of each the last one.
func (m *merger) compact() {
	slices.SortStableFunc(m.levels, func(a, b mergedLevel) int {
		switch {
		case a.side != b.side:
			return cmp.Compare(a.side, b.side)
		case a.side == wire.Buy:
			return cmp.Compare(b.Price, a.Price)
		}
		return cmp.Compare(a.Price, b.Price)
	})
	n := 0
	for i, l := range m.levels {
		if i+1 < len(m.levels) && m.levels[i+1].side == l.side && m.levels[i+1].Price == l.Price {
			continue
		}
		if m.snapshot && l.Qty == 0 {
			continue
		}
		m.levels[n] = l
		n++
	}
	m.levels = m.levels[:n]
}

func (m *merger) add(part *spanPart, t *txn) {
	if t.snapshot {
		m.levels, m.snapshot = m.levels[:0], true
	}
	m.addSide(part.appendBids(m.side[:0], &t.layout), wire.Buy)
	m.addSide(part.appendAsks(m.side[:0], &t.layout), wire.Sell)
}

func (m *merger) addSide(levels []wire.Level, side wire.Side) {
	for _, l := range levels {
		m.levels = append(m.levels, mergedLevel{Level: l, side: side})
	}
	m.side = levels[:0]
}

// split appends the levels of each side.
func (m *merger) split(bids, asks []wire.Level) (b, a []wire.Level) {
	for i := range m.levels {
		if m.levels[i].side == wire.Buy {
			bids = append(bids, m.levels[i].Level)
		} else {
			asks = append(asks, m.levels[i].Level)
		}
	}
	return bids, asks
}
