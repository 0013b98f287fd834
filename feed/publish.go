package feed

import (
	"fmt"
	"math/bits"

	"tickcast/wire"
)

// scratch is the memory of one publication.
type scratch struct {
	payload              []byte
	ends                 []int
	trades, orders       []wire.Event
	bids, asks           []wire.Event
	bidLevels, askLevels []wire.Level
	merger               merger
	parts                []spanPart
	state                wire.State // that the transaction sets, 0: none
	reason               wire.Reason
	reshown              bool   // the displayed book begins anew with the transaction
	applied              int    // order events that were pending, in a turn of the mutex
	used                 uint64 // by preload
}

// Publish numbers and distributes the transactions of b, in their order; wall
// is the wall time of publication, ns. It never waits for a subscriber.
//
// An error names a symbol whose events contradict each other, and the order or
// the level: the source is wrong, and what follows is not published. Books are
// brought up to date when they are read, so it is returned at that transaction
// or at a later one of the symbol, when up to 64 more order events have come
// (pendingMax), or at the next one of any symbol when a reader found it out; what
// was published until then stays. Every further transaction, of whatever symbol,
// returns it again. Of the levels only the best are compared with the orders, and
// only when the book is brought up to date.
//
// The epoch is over then. Until its owner ends it, who subscribes to the symbol
// gets the book as far as the events made sense.
func (h *Hub) Publish(b *wire.Batch, wall int64) error {
	defer h.wake()
	for i, observed := 0, b.Matched == 0; i < len(b.Txns); {
		h.mu.Lock()
		if !observed {
			h.stats.MatchToEncode.observe(wall - b.Matched)
			observed = true
		}
		begin := h.stats.Frames
		end := min(i+publishTxnsMax, len(b.Txns))
		h.preload(b, i, end)
		h.scratch.applied = 0
		for ; i < end && h.stats.Frames-begin < publishFramesMax && h.scratch.applied < appliedMax; i++ {
			if !h.inTime(b.Txns[i], wall) {
				break
			}
			if err := h.publish(b.Txns[i], b.EventsOf(i), b.Matched, wall); err != nil {
				h.mu.Unlock()
				return fmt.Errorf("publish transaction %d: %w", i, err)
			}
		}
		h.mu.Unlock()
	}
	return nil
}

// contradiction returns how the source contradicted itself, if that is known.
func (h *Hub) contradiction() error {
	if !h.broken {
		return nil
	}
	for _, s := range h.symbols {
		if err := s.contradiction(); err != nil {
			return err
		}
	}
	return nil
}

// inTime does what market time made due before a transaction, as much as one
// turn of the mutex may, and reports whether that is all.
func (h *Hub) inTime(t wire.Txn, wall int64) bool {
	return int(t.Instrument) >= len(h.symbols) || h.caughtUp(h.symbols[t.Instrument], h.base+t.Time, wall)
}

// publish takes a transaction through the stages: the image, the frames in
// their order, and history.
func (h *Hub) publish(t wire.Txn, events []wire.Event, matched, wall int64) error {
	if int(t.Instrument) >= len(h.symbols) {
		return fmt.Errorf("instrument %d of %d", t.Instrument, len(h.symbols))
	}
	if err := h.contradiction(); err != nil {
		return err
	}
	s := h.symbols[t.Instrument]
	ts := h.base + t.Time
	h.stats.Events += uint64(len(events))
	waiting := len(s.image.pending)
	h.sort(s, events)
	if err := s.contradiction(); err != nil {
		return err
	}
	h.enterState(s)
	sc := &h.scratch
	rec := txn{pos: h.stats.Frames + 1, time: t.Time, tp: wall}
	p := Packet{Matched: matched, Encoded: wall}
	h.publishTrades(s, &rec, p)
	h.publishOrder(s, &rec, p)
	h.publishBook(s, &rec, p)
	if rec.hasBook && s.depths > 0 {
		h.publishDepths(s, p)
	}
	if top := s.top(); top != s.bbo.Top {
		h.publishBBO(s, &rec, p, top)
	}
	if len(sc.trades) > 0 {
		h.publishCandles(s, ts, p)
		h.publishTicker(s, ts, p)
	}
	if sc.state != 0 || !s.begun {
		h.publishStatus(s, ts, p)
	}
	if len(sc.trades) > 0 || len(sc.orders) > 0 || rec.hasBook {
		rec.trade, rec.order, rec.book = s.seq(slotTrade), s.seq(slotOrder), s.seq(slotBook)
		h.archive.append(&s.history, &rec, sc)
	}
	if len(s.image.pending) < waiting {
		h.scratch.applied += waiting
	}
	return s.contradiction() // which reading the book may have shown
}

// sort sorts the events by what they are for, and has the image take them in.
func (h *Hub) sort(s *symbol, events []wire.Event) {
	sc := &h.scratch
	sc.trades, sc.orders, sc.bids, sc.asks, sc.state = sc.trades[:0], sc.orders[:0], sc.bids[:0], sc.asks[:0], 0
	ids := uint64(0)
	for i := range events {
		e := &events[i]
		ids |= e.ID | e.Trade
		switch e.Kind {
		case wire.EventTrade:
			sc.trades = append(sc.trades, *e)
		case wire.EventLevelSet:
			if e.Side == wire.Buy {
				sc.bids = append(sc.bids, *e)
			} else {
				sc.asks = append(sc.asks, *e)
			}
		case wire.EventAdd, wire.EventReduce, wire.EventRemove, wire.EventReplace:
			sc.orders = append(sc.orders, *e)
		case wire.EventStateSet:
			sc.state, sc.reason = e.State, e.Reason
		default: // answers to the owner of an order, and what Top tells anyway
		}
	}
	if ids > idMax {
		s.image.refuse(errID)
	}
	s.image.take(sc.orders, sc.bids, sc.asks)
}

// sortLevels puts the best level first. A transaction touches few levels, in
// nearly the right order: insertion.
func sortLevels(levels []wire.Event, side wire.Side) {
	for i := 1; i < len(levels); i++ {
		for j := i; j > 0 && (levels[j].Price < levels[j-1].Price) == (side == wire.Sell); j-- {
			levels[j], levels[j-1] = levels[j-1], levels[j]
		}
	}
}

func (h *Hub) publishTrades(s *symbol, rec *txn, p Packet) {
	for i := range h.scratch.trades {
		e := &h.scratch.trades[i]
		w := h.number(s, slotTrade, &p)
		if w != nil {
			f := tradeFrame(e, p.Seq, h.base+rec.time, rec.tp)
			h.live(s, p, w, &frame{channel: wire.ChannelTrade, trade: &f})
		}
	}
}

func (h *Hub) publishOrder(s *symbol, rec *txn, p Packet) {
	if len(h.scratch.orders) == 0 {
		return
	}
	s.orderTime, s.orderTP = h.base+rec.time, rec.tp
	if w := h.number(s, slotOrder, &p); w != nil {
		upd := s.upd()
		if h.bookChanges(s) {
			upd++ // that of the book frame behind it
		}
		f := wire.OrderFrame{Seq: p.Seq, Upd: upd, Events: h.scratch.orders, TS: h.base + rec.time, TP: rec.tp}
		h.live(s, p, w, &frame{channel: wire.ChannelOrder, order: &f})
	}
}

// bookChanges reports whether the transaction changes the displayed book.
func (h *Hub) bookChanges(s *symbol) bool {
	return h.scratch.reshown || !s.hidden && len(h.scratch.bids)+len(h.scratch.asks) > 0
}

func (h *Hub) publishBook(s *symbol, rec *txn, p Packet) {
	if !h.bookChanges(s) {
		h.scratch.bids, h.scratch.asks = h.scratch.bids[:0], h.scratch.asks[:0]
		return
	}
	sc := &h.scratch
	rec.hasBook, rec.snapshot = true, sc.reshown
	if sc.reshown {
		h.showBook(s)
	} else {
		sortLevels(sc.bids, wire.Buy)
		sortLevels(sc.asks, wire.Sell)
	}
	s.bookTime, s.bookTP = h.base+rec.time, rec.tp
	w := h.number(s, slotBook, &p)
	if rec.book = p.Seq; rec.hasCRC() {
		rec.crc = s.crc()
	}
	if w == nil {
		return
	}
	sc.bidLevels = appendLevels(sc.bidLevels[:0], sc.bids)
	sc.askLevels = appendLevels(sc.askLevels[:0], sc.asks)
	f := wire.BookFrame{
		Seq: p.Seq, First: p.Seq, Upd: p.Seq, Snapshot: rec.snapshot, Bids: sc.bidLevels, Asks: sc.askLevels,
		CRC: rec.crc, HasCRC: rec.hasCRC(), TS: h.base + rec.time, TP: rec.tp,
	}
	h.live(s, p, w, &frame{channel: wire.ChannelBook, book: &f})
}

func (h *Hub) publishBBO(s *symbol, rec *txn, p Packet, top wire.Top) {
	w := h.number(s, slotBBO, &p)
	s.bbo = wire.BBOFrame{Seq: p.Seq, Upd: s.upd(), Top: top, TS: h.base + rec.time, TP: rec.tp}
	if w != nil {
		h.live(s, p, w, &frame{channel: wire.ChannelBBO, bbo: &s.bbo})
	}
}

// number gives the next frame of a stream its place in the stream and in the
// epoch, and returns who wants it: nil if nobody does.
func (h *Hub) number(s *symbol, slot wire.Slot, p *Packet) *watch {
	st := &s.streams[slot]
	st.seq++
	h.stats.Frames++
	st.pos = h.stats.Frames
	p.Stream, p.Seq, p.Pos = slot.Stream(s.id), st.seq, st.pos
	if s.watched>>slot&1 == 0 {
		return nil
	}
	return &s.watches[slot]
}

// live encodes a frame once for each dialect in which it is watched, and hands
// it to the shards that want it.
func (h *Hub) live(s *symbol, p Packet, w *watch, f *frame) {
	sc := &h.scratch
	for d := wire.Dialect(1); d < wire.DialectCount; d++ {
		if w[d] == 0 {
			continue
		}
		h.stats.Live[d]++
		h.stats.Watched[d]++
		sc.payload, sc.ends = f.append(sc.payload[:0], sc.ends[:0], s.encoder, d)
		p.Dialect = d
		from := 0
		for i, end := range sc.ends {
			p.More = i+1 < len(sc.ends)
			h.send(p, w[d], sc.payload[from:end])
			from = end
		}
	}
}

// send hands a payload to the shards of a set.
func (h *Hub) send(p Packet, set shardSet, payload []byte) {
	for ; set != 0; set &= set - 1 {
		h.inboxes[bits.TrailingZeros64(uint64(set))].Packet(p, payload)
	}
}

// tradeFrame is the frame of an execution, live or replayed.
func tradeFrame(e *wire.Event, seq uint64, ts, tp int64) wire.TradeFrame {
	return wire.TradeFrame{Seq: seq, ID: e.Trade, Price: e.Price, Qty: e.Qty, Side: e.Side, TS: ts, TP: tp}
}

func appendLevels(dst []wire.Level, events []wire.Event) []wire.Level {
	for i := range events {
		dst = append(dst, wire.Level{Price: events[i].Price, Qty: events[i].Qty})
	}
	return dst
}
