package feed

import (
	"fmt"
	"sync"

	"tickcast/orderbook"
	"tickcast/wire"
)

// shardSet is a set of shards, a bit each.
type shardSet uint64

const shardsMax = 64

// watch says for each dialect which shards want a stream.
type watch [wire.DialectCount]shardSet

// crcEvery: raw book deltas whose seq is a multiple of it carry a crc.
const crcEvery = 50

// crcDepth is how many levels a side a crc covers.
const crcDepth = 10

// symbol is the image of an instrument, its streams' numbers and its history.
// Guarded by the hub's mutex, but for what is embedded.
type symbol struct {
	*listing

	book     *orderbook.Book // building mode: L2, L3 and the top are read from it
	upd      uint64
	tradeSeq uint64
	bookSeq  uint64
	bookTime int64 // ts of the last book frame
	bookTP   int64
	bbo      wire.BBOFrame // the last one, Seq 0 if there was none

	history history
	watches [wire.ChannelCount]watch // by channel

	// The last state that somebody asked for, by channel.
	states [wire.ChannelCount]*state

	levels []wire.Level // scratch
}

func newSymbol(l *listing) *symbol {
	book, err := orderbook.New(orderbook.Config{OutsideIDs: true})
	if err != nil {
		panic(fmt.Sprintf("feed: building book: %v", err)) // the zero limits are valid
	}
	return &symbol{listing: l, book: book}
}

// watched returns who wants the stream, nil if nobody does.
func (s *symbol) watched(id wire.StreamID) *watch {
	w := &s.watches[id.Channel()]
	for _, set := range w {
		if set != 0 {
			return w
		}
	}
	return nil
}

// seq returns the last number of a channel's stream.
func (s *symbol) seq(c wire.Channel) uint64 {
	switch c {
	case wire.ChannelTrade:
		return s.tradeSeq
	case wire.ChannelBook:
		return s.bookSeq
	case wire.ChannelBBO:
		return s.bbo.Seq
	}
	panic("feed: seq of an unknown channel")
}

// crc is the checksum of the book as it stands.
func (s *symbol) crc() uint32 {
	s.levels = s.book.AppendLevels(s.levels[:0], wire.Buy, crcDepth)
	bids := len(s.levels)
	s.levels = s.book.AppendLevels(s.levels, wire.Sell, crcDepth)
	return s.encoder.CRC(s.levels[:bids], s.levels[bids:])
}

// state is a stream's whole state at one seq, encoded at most once for each
// dialect however many ask for it. All but the encodings is immutable; it may
// be kept by any number of sessions and shards.
type state struct {
	encoder *wire.Encoder
	seq     uint64
	bbo     wire.BBOFrame  // of a bbo stream
	book    wire.BookFrame // of a book stream

	mu     sync.Mutex // guards frames
	frames [wire.DialectCount]*encoded
}

// encoded is one or more WebSocket messages, framed.
type encoded struct {
	bytes []byte
	ends  []int // offsets after each message
}

// stateBehindMax is how many frames an encoded book may be behind the image
// and still serve a subscriber, who gets the frames since from history. So a
// storm of subscribers costs one encoding, and each of them at most this many
// deltas.
const stateBehindMax = 64

// capture returns the stream's state at least or later, which may be older
// than the image by frames that history holds (a book); nil if nothing was
// published yet. Trades have no state. The hub's mutex is held.
func (s *symbol) capture(c wire.Channel, least uint64) *state {
	last := s.states[c]
	switch c {
	case wire.ChannelBBO:
		if s.bbo.Seq > 0 && (last == nil || last.seq != s.bbo.Seq) {
			last = &state{encoder: s.encoder, seq: s.bbo.Seq, bbo: s.bbo}
		}
	case wire.ChannelBook:
		if last == nil || last.seq < max(least, s.history.bookFloor) || s.bookSeq-last.seq > stateBehindMax {
			last = s.captureBook()
		}
	default:
		return nil
	}
	s.states[c] = last
	return last
}

// captureBook copies the levels: some 5 us for a book of a thousand.
func (s *symbol) captureBook() *state {
	levels := s.book.AppendLevels(nil, wire.Buy, 0)
	bids := len(levels)
	levels = s.book.AppendLevels(levels, wire.Sell, 0)
	return &state{encoder: s.encoder, seq: s.bookSeq, book: wire.BookFrame{
		Seq: s.bookSeq, First: s.upd, Upd: s.upd, Snapshot: true,
		Bids: levels[:bids:bids], Asks: levels[bids:], CRC: s.crc(), HasCRC: true,
		TS: s.bookTime, TP: s.bookTP,
	}}
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
	var payload []byte
	var ends []int
	if st.book.Snapshot {
		payload, ends = st.encoder.AppendBookParts(nil, d, &st.book, nil)
	} else {
		payload = st.encoder.AppendBBO(nil, d, &st.bbo)
		ends = []int{len(payload)}
	}
	e := &encoded{bytes: make([]byte, 0, len(payload)+10*len(ends))}
	from := 0
	for _, end := range ends {
		e.bytes = appendMessage(e.bytes, d, payload[from:end])
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
