package feed

import (
	"sync"

	"tickcast/wire"
)

// state is a stream's whole state at one seq, encoded at most once for each
// dialect however many ask for it. All but the encodings is immutable; it may
// be kept by any number of sessions and shards.
type state struct {
	encoder *wire.Encoder
	seq     uint64
	frame   frame

	mu     sync.Mutex // guards frames
	frames [wire.DialectCount]*encoded
}

// encoded is one or more WebSocket messages, framed.
type encoded struct {
	bytes  []byte
	starts []int // offsets of each message's payload
	ends   []int // offsets after each message
}

// stateBehindMax is how many frames an encoded book may be behind the image
// and still serve a subscriber, who gets the frames since from history. So a
// storm of subscribers costs one encoding, and each of them at most this many
// deltas.
const stateBehindMax = 64

// capture returns the stream's state at least or later, which may be older
// than the image by frames that history holds (books, orders); nil if nothing
// was published yet. Trades have no state. The hub's mutex is held.
func (s *symbol) capture(slot wire.Slot, least uint64) *state {
	st := &s.streams[slot]
	last := s.states[slot]
	switch c := slot.Channel(); {
	case c.Stateful():
		if f, ok := s.last(slot); ok && (last == nil || last.seq != st.seq) {
			last = &state{encoder: s.encoder, seq: st.seq, frame: f.clone()}
		}
	case !c.Image():
		return nil
	case last == nil || last.seq < least || st.seq-last.seq > stateBehindMax || last.seq < st.seq && !s.holds(slot, last.seq):
		if c == wire.ChannelBook {
			last = s.captureBook(slot)
		} else {
			last = s.captureOrders()
		}
	}
	s.states[slot] = last
	s.asked |= 1 << slot
	return last
}

// captureBook copies the levels: some 5 us for a book of a thousand.
func (s *symbol) captureBook(slot wire.Slot) *state {
	levels, bids := s.appendDisplayed(nil, 0)
	f := wire.BookFrame{
		Rate: slot.Rate(), Seq: s.seq(slot), First: s.upd(), Upd: s.upd(), Snapshot: true,
		Bids: levels[:bids:bids], Asks: levels[bids:], CRC: s.crc(), HasCRC: true,
		TS: s.bookTime, TP: s.bookTP,
	}
	return &state{encoder: s.encoder, seq: f.Seq, frame: frame{channel: wire.ChannelBook, book: &f}}
}

// captureOrders copies the resting orders: some 12 ns each.
func (s *symbol) captureOrders() *state {
	f := wire.OrderFrame{Seq: s.seq(slotOrder), Upd: s.upd(), Snapshot: true, TS: s.orderTime, TP: s.orderTP}
	book := s.image.settled()
	f.Events = make([]wire.Event, 0, book.Orders())
	f.Events = book.AppendAdds(f.Events, wire.Buy)
	f.Events = book.AppendAdds(f.Events, wire.Sell)
	return &state{encoder: s.encoder, seq: f.Seq, frame: frame{channel: wire.ChannelOrder, order: &f}}
}

// in returns the state's frames in dialect d, encoding them if nobody has
// before; fresh says so. The bytes are shared and must not be changed.
func (st *state) in(d wire.Dialect) (e *encoded, fresh bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.frames[d] == nil {
		st.frames[d] = st.encode(d)
		fresh = true
	}
	return st.frames[d], fresh
}

func (st *state) encode(d wire.Dialect) *encoded {
	payload, ends := st.frame.append(nil, nil, st.encoder, d)
	e := &encoded{bytes: make([]byte, 0, len(payload)+10*len(ends))}
	from := 0
	for _, end := range ends {
		e.bytes = appendMessage(e.bytes, d, payload[from:end])
		e.starts = append(e.starts, len(e.bytes)-(end-from))
		e.ends = append(e.ends, len(e.bytes))
		from = end
	}
	return e
}

// appendMessage frames a payload as one WebSocket message.
func appendMessage(dst []byte, d wire.Dialect, payload []byte) []byte {
	dst = wire.AppendFrameHeader(dst, opcode(d), len(payload))
	return append(dst, payload...)
}

// opcode of a dialect's data frames.
func opcode(d wire.Dialect) wire.Opcode {
	switch d {
	case wire.JSON:
		return wire.OpcodeText
	}
	panic("feed: opcode of an unknown dialect")
}
