package feed

import (
	"fmt"
	"math"

	"tickcast/wire"
)

// shardSet is a set of shards, a bit each.
type shardSet uint64

// watch says for each dialect which shards want a stream.
type watch [wire.DialectCount]shardSet

// watched reports whether anybody wants the stream.
func (w *watch) watched() bool {
	for _, set := range w {
		if set != 0 {
			return true
		}
	}
	return false
}

// crcEvery: raw book deltas whose seq is a multiple of it carry a crc.
const crcEvery = 50

// crcDepth is how many levels a side a crc covers.
const crcDepth = 10

// Slots of streams that always exist.
var (
	slotTrade  = wire.NewSlot(wire.ChannelTrade, wire.RateEvery)
	slotOrder  = wire.NewSlot(wire.ChannelOrder, wire.RateEvery)
	slotBook   = wire.NewSlot(wire.ChannelBook, wire.RateEvery)
	slotBBO    = wire.NewSlot(wire.ChannelBBO, wire.RateEvery)
	slotTicker = wire.NewSlot(wire.ChannelTicker, wire.RateEvery)
	slotStatus = wire.NewSlot(wire.ChannelStatus, wire.RateEvery)
)

// stream is where one of a symbol's streams stands: its last frame.
type stream struct{ seq, pos uint64 }

// slotSet is a set of a symbol's streams, a bit each.
type slotSet uint64

// symbol is an instrument's image, its streams and its history. Guarded
// by the hub's mutex, but for what is embedded.
type symbol struct {
	// What every transaction needs, side by side: with many symbols each cache
	// line is a miss.
	*listing
	image     image
	dueAt     int64 // market time at which a candle ends or the ticker's window moves
	bookTime  int64 // ts of the last book frame
	bookTP    int64
	orderTime int64 // ts of the last order frame
	orderTP   int64
	watched   slotSet
	depths    int32 // depth streams at every change
	state     wire.State
	hidden    bool // orders are collected: the displayed book is empty
	begun     bool // a status was published
	streams   [wire.SlotCount]stream
	bbo       wire.BBOFrame // the last one, Seq 0 if there was none
	history   history

	watches [wire.SlotCount]watch
	states  [wire.SlotCount]*state // the last ones that somebody asked for
	asked   slotSet                // for those, since expire looked
	derived [wire.SlotCount]*derived

	status       wire.StatusFrame
	indicativeAt int64 // market time before which the next indicative price is not shown

	candles [wire.CandleCount]candles
	ticker  ticker

	levels []wire.Level // scratch
}

func newSymbol(l *listing, broken *bool) *symbol {
	return &symbol{
		listing: l, image: newImage(l.instrument.Tick, broken), state: wire.StateTrading,
		indicativeAt: math.MaxInt64, dueAt: math.MaxInt64,
	}
}

// watch notes that a shard wants a stream in a dialect, and unwatch that it does
// not any more.
func (s *symbol) watch(slot wire.Slot, d wire.Dialect, shard int) {
	s.watches[slot][d] |= 1 << shard
	s.watched |= 1 << slot
}

func (s *symbol) unwatch(slot wire.Slot, d wire.Dialect, shard int) {
	w := &s.watches[slot]
	if w[d] &^= 1 << shard; !w.watched() {
		s.watched &^= 1 << slot
	}
}

// contradiction returns how the source contradicted itself, if that is known.
func (s *symbol) contradiction() error {
	if s.image.err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", s.instrument.Symbol, s.image.err)
}

// seq returns the last number of a stream.
func (s *symbol) seq(slot wire.Slot) uint64 { return s.streams[slot].seq }

// upd returns the number of the last change of the displayed L2, of which the
// raw book stream has a frame each.
func (s *symbol) upd() uint64 { return s.seq(slotBook) }

// top is the best of the displayed book.
func (s *symbol) top() wire.Top {
	if s.hidden {
		return wire.Top{}
	}
	return s.image.top()
}

// appendDisplayed appends the best n levels of each side of the displayed
// book, bids first, and returns how many are bids; n 0 means all.
func (s *symbol) appendDisplayed(dst []wire.Level, n int) (levels []wire.Level, bids int) {
	if s.hidden {
		return dst, 0
	}
	book, before := s.image.settled(), len(dst)
	dst = book.AppendLevels(dst, wire.Buy, n)
	bids = len(dst) - before
	return book.AppendLevels(dst, wire.Sell, n), bids
}

// crc is the checksum of the displayed book.
func (s *symbol) crc() uint32 {
	var bids int
	s.levels, bids = s.appendDisplayed(s.levels[:0], crcDepth)
	return s.encoder.CRC(s.levels[:bids], s.levels[bids:])
}

// last returns the last frame of a state stream, which the symbol will change;
// false if there was none.
func (s *symbol) last(slot wire.Slot) (frame, bool) {
	c := slot.Channel()
	f := frame{channel: c}
	switch {
	case s.seq(slot) == 0:
		return frame{}, false
	case c.Depth() > 0 || slot.Rate() != wire.RateEvery:
		d := s.derived[slot]
		if d == nil {
			return frame{}, false
		}
		return d.frame, true
	case c == wire.ChannelBBO:
		f.bbo = &s.bbo
	case c.Interval() > 0:
		f.candle = &s.candles[c-wire.ChannelCandle1s].last
	case c == wire.ChannelTicker:
		f.ticker = &s.ticker.last
	case c == wire.ChannelStatus:
		f.status = &s.status
	}
	return f, true
}
