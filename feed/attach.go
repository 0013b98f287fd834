package feed

import (
	"tickcast/wire"
)

// Bounds of an attachment.
const (
	// attachStatesMax is how many states one turn of the hub's mutex may copy.
	attachStatesMax = 32
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
}

// attachment is a change of what a session or a group hears. It travels to
// the hub and comes back in the shard's inbox as a marker, so that its
// acknowledgement and state stand at one place in the order of packets.
type attachment struct {
	shard   int
	dialect wire.Dialect
	version int // of the directory that patterns were resolved with
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
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listings.Load().version != a.version {
		return false
	}
	budget := replayCommandBytes
	for i := range a.wants {
		w := &a.wants[i]
		s, c := h.symbols[w.stream.Instrument()], w.stream.Channel()
		s.watches[c][a.dialect] |= 1 << a.shard
		w.seq = s.seq(c)
		w.cursor = w.seq
		if w.fresh {
			w.least = w.seq
		}
		h.answer(s, c, w, &budget)
	}
	h.inboxes[a.shard].Mark(&Marker{Attach: a})
	return true
}

// prepare lets the states that a needs be captured, at most attachStatesMax a
// turn, so that the last turn finds them.
func (h *Hub) prepare(a *attachment) {
	books := 0
	for i := range a.wants {
		if a.wants[i].stream.Channel() == wire.ChannelBook {
			books++
		}
	}
	if books <= attachStatesMax {
		return
	}
	for i := 0; i < len(a.wants); {
		h.mu.Lock()
		for n := 0; i < len(a.wants) && n < attachStatesMax; i++ {
			w := &a.wants[i]
			s, c := h.symbols[w.stream.Instrument()], w.stream.Channel()
			if w.fresh {
				w.least = s.seq(c)
			}
			if c == wire.ChannelBook && w.state && w.least <= s.bookSeq {
				s.capture(c, w.least)
				n++
			}
		}
		h.mu.Unlock()
	}
}

// answer decides between replay, state and gap for one stream.
func (h *Hub) answer(s *symbol, c wire.Channel, w *want, budget *int) {
	if w.resume {
		switch {
		case w.foreign || w.since > w.seq:
			w.reason, w.gapFrom = wire.GapEpoch, 0
		case w.since == w.seq:
			w.recovered = true
			return
		case c.Stateful():
		case w.since >= s.history.floor(c):
			if w.replay, w.reserved = s.history.since(c, w.since); h.afford(w.reserved, budget) {
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
	w.st = s.capture(c, w.least)
	if c == wire.ChannelBook {
		w.cursor = w.st.seq
		w.replay, _ = s.history.since(c, w.st.seq)
	}
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

// release says that no group of the shard wants the streams any more.
func (h *Hub) release(shard int, d wire.Dialect, streams []wire.StreamID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range streams {
		h.symbols[id.Instrument()].watches[id.Channel()][d] &^= 1 << shard
	}
}

// replayer encodes what history holds to the bytes that were published.
type replayer struct {
	base    int64 // wall time of market time 0
	encoder *wire.Encoder
	dialect wire.Dialect

	payload    []byte
	bids, asks []wire.Level
	frames     uint64 // encoded so far
}

// appendReplay appends the framed messages of w's replay, and returns how
// many. The span remains the caller's.
func (h *Hub) appendReplay(dst []byte, enc *wire.Encoder, d wire.Dialect, w *want) ([]byte, uint64) {
	r := replayer{base: h.base, encoder: enc, dialect: d}
	for _, part := range w.replay.parts {
		for i := range part.txns {
			t := &part.txns[i]
			events := part.events[t.first:t.end]
			switch {
			case w.stream.Channel() == wire.ChannelTrade:
				dst = r.trades(dst, t, events[:t.trades], w.cursor)
			case t.hasBook:
				dst = r.book(dst, t, events[t.trades:])
			}
		}
	}
	return dst, r.frames
}

// trades appends those of a transaction's trades that follow seq after.
func (r *replayer) trades(dst []byte, t *txn, trades []wire.Event, after uint64) []byte {
	seq := t.trade - uint64(len(trades))
	for i := range trades {
		if seq++; seq <= after {
			continue
		}
		f := tradeFrame(&trades[i], seq, r.base+t.time, t.tp)
		r.payload = r.encoder.AppendTrade(r.payload[:0], r.dialect, &f)
		dst = appendMessage(dst, r.dialect, r.payload)
		r.frames++
	}
	return dst
}

// book appends a transaction's book frame; levels are its bids, then its asks.
func (r *replayer) book(dst []byte, t *txn, levels []wire.Event) []byte {
	asks := int(t.asks-t.first) - int(t.trades)
	r.bids = appendLevels(r.bids[:0], levels[:asks])
	r.asks = appendLevels(r.asks[:0], levels[asks:])
	f := wire.BookFrame{
		Seq: t.book, First: t.upd, Upd: t.upd, Bids: r.bids, Asks: r.asks,
		CRC: t.crc, HasCRC: t.hasCRC, TS: r.base + t.time, TP: t.tp,
	}
	r.payload = r.encoder.AppendBook(r.payload[:0], r.dialect, &f)
	r.frames++
	return appendMessage(dst, r.dialect, r.payload)
}
