package feed

import "tickcast/wire"

// replayer encodes what history holds to the bytes that were published, one
// frame after the other. It is used outside the hub's mutex.
type replayer struct {
	base    int64 // wall time of market time 0
	encoder *wire.Encoder
	dialect wire.Dialect
	emit    func(pos uint64, payload []byte) // payload is valid during the call
	from    int64                            // trades of an earlier market time are left out
	upTo    uint64                           // position beyond which nothing is encoded, 0: all; emit may lower it
	most    uint64                           // frames at most, 0: all
	frames  uint64                           // encoded so far

	payload    []byte
	ends       []int
	events     []wire.Event
	bids, asks []wire.Level
	merger     merger
}

// replay encodes the frames of an event stream after seq.
func (r *replayer) replay(s *span, id wire.StreamID, after uint64) {
	if len(s.marks) > 0 {
		r.tier(s, id.Rate())
		return
	}
	for i := range s.parts {
		part := &s.parts[i]
		for j := range part.txns {
			t := part.txn(j)
			if r.done(t.pos) {
				return
			}
			switch c := id.Channel(); {
			case c == wire.ChannelTrade && t.trades > 0:
				r.trades(part, &t, after)
			case c == wire.ChannelOrder && t.hasOrder():
				r.orders(part, &t)
			case c == wire.ChannelBook && t.hasBook:
				r.book(part, &t)
			}
		}
	}
}

// done reports whether nothing from a position on is wanted.
func (r *replayer) done(pos uint64) bool {
	return r.upTo != 0 && pos > r.upTo || r.most != 0 && r.frames >= r.most
}

// frame encodes a frame and hands on its payloads, if it is wanted.
func (r *replayer) frame(pos uint64, f *frame) {
	if r.done(pos) {
		return
	}
	r.payload, r.ends = f.append(r.payload[:0], r.ends[:0], r.encoder, r.dialect)
	r.frames++
	from := 0
	for _, end := range r.ends {
		r.emit(pos, r.payload[from:end])
		from = end
	}
}

// trades hands on those of a transaction's trades that follow seq after.
func (r *replayer) trades(part *spanPart, t *txn, after uint64) {
	r.events = part.appendTrades(r.events[:0], &t.layout)
	seq := t.trade - uint64(t.trades)
	for i := range r.events {
		if seq++; seq > after && r.base+t.time >= r.from {
			f := tradeFrame(&r.events[i], seq, r.base+t.time, t.tp)
			r.frame(t.pos+uint64(i), &frame{channel: wire.ChannelTrade, trade: &f})
		}
	}
}

func (r *replayer) orders(part *spanPart, t *txn) {
	r.events = part.appendOrders(r.events[:0], &t.layout)
	f := wire.OrderFrame{Seq: t.order, Upd: t.book, Events: r.events, TS: r.base + t.time, TP: t.tp}
	r.frame(t.orderPos(), &frame{channel: wire.ChannelOrder, order: &f})
}

func (r *replayer) book(part *spanPart, t *txn) {
	r.bids = part.appendBids(r.bids[:0], &t.layout)
	r.asks = part.appendAsks(r.asks[:0], &t.layout)
	f := wire.BookFrame{
		Seq: t.book, First: t.book, Upd: t.book, Snapshot: t.snapshot, Bids: r.bids, Asks: r.asks,
		CRC: t.crc, HasCRC: t.hasCRC(), TS: r.base + t.time, TP: t.tp,
	}
	r.frame(t.bookPos(), &frame{channel: wire.ChannelBook, book: &f})
}

// tier hands on the frames of a book tier between its marks.
func (r *replayer) tier(s *span, rate wire.Rate) {
	for i := 1; i < len(s.marks); i++ {
		since, mark := &s.marks[i-1], &s.marks[i]
		if r.done(mark.pos) {
			return
		}
		r.merger.merge(s.parts, mark.book)
		r.bids, r.asks = r.merger.split(r.bids[:0], r.asks[:0])
		f := wire.BookFrame{Rate: rate, Snapshot: r.merger.snapshot, Bids: r.bids, Asks: r.asks}
		mark.describe(&f, since)
		r.frame(mark.pos, &frame{channel: wire.ChannelBook, book: &f})
	}
}

// appendReplay appends the framed messages of w's replay, and returns how many
// frames they are. The span remains the caller's.
func (h *Hub) appendReplay(dst []byte, enc *wire.Encoder, d wire.Dialect, w *want) ([]byte, uint64) {
	r := replayer{base: h.base, encoder: enc, dialect: d}
	r.emit = func(_ uint64, payload []byte) { dst = appendMessage(dst, d, payload) }
	r.replay(&w.replay, w.stream, w.cursor)
	return dst, r.frames
}
