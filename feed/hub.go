package feed

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"tickcast/wire"
)

// Config of a Hub. The zero value is usable but for Epoch.
type Config struct {
	// Epoch names one uninterrupted run of the sequences: required, at most
	// 32 bytes of [A-Za-z0-9_-], and different at every start.
	Epoch string
	// Base is the wall time of market time 0, in ns since the Unix epoch.
	Base int64
	// HistoryBytes bounds what all symbols together keep for those who
	// resume. 0 means 256 MiB.
	HistoryBytes int
}

const historyBytesDefault = 256 << 20

// publishTxnsMax is how many transactions are published in one turn of the
// mutex, so that an attachment waits for 20 us or so, not for a whole batch.
const publishTxnsMax = 32

// Hub numbers events, keeps each symbol's image and history, and encodes each
// live event once for each dialect in which somebody watches it. It is a
// monitor: publishers and shards call it from any goroutine, and the work
// inside a turn of its mutex is bounded. The order of those turns is the one
// order of packets and attachments that every shard sees.
type Hub struct {
	epoch string
	base  int64

	listings  atomic.Pointer[directory]
	replaying atomic.Int64 // bytes of replays not yet sent

	mu      sync.Mutex // guards all below, and the symbols
	symbols []*symbol
	archive *archive
	inboxes []Inbox
	clock   wire.Clock
	stats   Stats
	scratch scratch
}

// Inbox takes what the hub hands to a shard: packets and markers, in the
// hub's order. Its methods are called with the hub's mutex held and must
// neither block nor call the hub.
type Inbox interface {
	// Packet takes a frame; payload is valid during the call only.
	Packet(p Packet, payload []byte)
	// Mark takes a marker: what it says holds from this place in the order.
	Mark(m *Marker)
	// Wake is called, without the mutex, when a publication is complete.
	Wake()
}

// Packet describes an event encoded in a dialect: payload only, framed when
// it is copied into a log.
type Packet struct {
	Stream  wire.StreamID
	Dialect wire.Dialect
	Seq     uint64
	Pos     uint64 // publication number in the epoch
	Matched int64  // stage stamp: the source finished the batch, wall ns
	Encoded int64  // stage stamp: the hub published it, wall ns
}

// Marker is a place in the order of packets at which something takes effect:
// exactly one field is set.
type Marker struct {
	Attach *attachment   // a subscription, or a state that was asked for again
	Listed []*listing    // new instruments
	Clock  *wire.Clock   // how market time maps to wall time from now on
	Torn   bool          // packets before this place were discarded: overload
	Shed   []shedPackets // superseded state packets before this place were dropped
}

// Stats are a hub's totals.
type Stats struct {
	Events  uint64                    // events taken in
	Frames  uint64                    // frames numbered, watched or not
	Watched [wire.DialectCount]uint64 // frames published while somebody watched in a dialect
	Live    [wire.DialectCount]uint64 // encodings of live frames

	MatchToEncode Latency // from a batch\'s Matched to its publication
}

// scratch is the memory of one publication.
type scratch struct {
	payload             []byte
	trades              []wire.Event
	bids, asks          []wire.Event
	bidLevels, askLevel []wire.Level
}

// NewHub returns a hub without instruments, or an error that names what is
// wrong with cfg.
func NewHub(cfg Config) (*Hub, error) {
	if len(cfg.Epoch) == 0 || len(cfg.Epoch) > 32 {
		return nil, fmt.Errorf("hub: epoch has %d bytes; want 1 to 32", len(cfg.Epoch))
	}
	if cfg.HistoryBytes < 0 {
		return nil, fmt.Errorf("hub: history of %d bytes", cfg.HistoryBytes)
	}
	if cfg.HistoryBytes == 0 {
		cfg.HistoryBytes = historyBytesDefault
	}
	h := &Hub{epoch: cfg.Epoch, base: cfg.Base, archive: newArchive(cfg.HistoryBytes)}
	h.clock = wire.Clock{Base: cfg.Base, Speed: 1, Wall: cfg.Base}
	h.listings.Store(newDirectory(nil, nil))
	return h, nil
}

// Epoch returns the name of this run of the sequences.
func (h *Hub) Epoch() string { return h.epoch }

// Clock returns how market time maps to wall time at the moment.
func (h *Hub) Clock() wire.Clock {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

// SetClock changes how market time maps to wall time, and tells every client.
func (h *Hub) SetClock(c wire.Clock) {
	h.mu.Lock()
	c.Base = h.base
	h.clock = c
	h.mark(&Marker{Clock: &c})
	h.mu.Unlock()
	h.wake()
}

// Stats returns the totals so far.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stats
}

// ErrListed is returned by List for a symbol that is listed already.
var ErrListed = errors.New("listed already")

// List adds instruments; the first one ever has index 0 in a batch's
// transactions. Subscriptions whose patterns match are extended in place.
func (h *Hub) List(instruments ...wire.Instrument) error {
	h.mu.Lock()
	old := h.listings.Load()
	var added []*listing
	for _, in := range instruments {
		known := slices.ContainsFunc(added, func(l *listing) bool { return l.instrument.Symbol == in.Symbol })
		if _, listed := old.bySymbol[in.Symbol]; listed || known {
			h.mu.Unlock()
			return fmt.Errorf("list %s: %w", in.Symbol, ErrListed)
		}
		added = append(added, newListing(uint32(len(old.listings)+len(added)), in))
	}
	for _, l := range added {
		h.symbols = append(h.symbols, newSymbol(l))
	}
	h.listings.Store(newDirectory(old, added))
	h.mark(&Marker{Listed: added})
	h.mu.Unlock()
	h.wake()
	return nil
}

// Instruments returns what is listed, in order of listing. The caller must
// not change it.
func (h *Hub) Instruments() []wire.Instrument {
	dir := h.listings.Load()
	out := make([]wire.Instrument, len(dir.listings))
	for i, l := range dir.listings {
		out[i] = l.instrument
	}
	return out
}

// addInbox makes a shard known and returns its number.
func (h *Hub) addInbox(in Inbox) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.inboxes) == shardsMax {
		panic("feed: more shards than bits in a watch")
	}
	h.inboxes = append(h.inboxes, in)
	return len(h.inboxes) - 1
}

func (h *Hub) mark(m *Marker) {
	for _, in := range h.inboxes {
		in.Mark(m)
	}
}

func (h *Hub) wake() {
	for _, in := range h.inboxes {
		in.Wake()
	}
}

// Publish numbers and distributes the transactions of b, in their order; wall
// is the wall time of publication, ns. It never waits for a subscriber. An
// error names a transaction that contradicts the symbol's image: the source
// is wrong, and what follows it is not published.
func (h *Hub) Publish(b *wire.Batch, wall int64) error {
	defer h.wake()
	for i := 0; i < len(b.Txns); {
		h.mu.Lock()
		if i == 0 && b.Matched != 0 {
			h.stats.MatchToEncode.observe(wall - b.Matched)
		}
		for end := min(i+publishTxnsMax, len(b.Txns)); i < end; i++ {
			if err := h.publish(b.Txns[i], b.EventsOf(i), b.Matched, wall); err != nil {
				h.mu.Unlock()
				return fmt.Errorf("publish transaction %d: %w", i, err)
			}
		}
		h.mu.Unlock()
	}
	return nil
}

// publish takes a transaction through the stages: image, numbers, trade
// frames, book frame, bbo frame, history.
func (h *Hub) publish(t wire.Txn, events []wire.Event, matched, wall int64) error {
	if int(t.Instrument) >= len(h.symbols) {
		return fmt.Errorf("instrument %d of %d", t.Instrument, len(h.symbols))
	}
	s := h.symbols[t.Instrument]
	h.stats.Events += uint64(len(events))
	if err := h.sort(s, events); err != nil {
		return fmt.Errorf("%s: %w", s.instrument.Symbol, err)
	}
	sc := &h.scratch
	rec := txn{pos: h.stats.Frames + 1, time: t.Time, tp: wall}
	p := Packet{Matched: matched, Encoded: wall}
	h.publishTrades(s, &rec, p)
	if len(sc.bids)+len(sc.asks) > 0 {
		h.publishBook(s, &rec, p)
	}
	rec.upd, rec.trade, rec.book = s.upd, s.tradeSeq, s.bookSeq
	if top := s.book.Top(); top != s.bbo.Top {
		h.publishBBO(s, &rec, p, top)
	}
	if len(sc.trades) > 0 || rec.hasBook {
		h.archive.append(&s.history, rec, sc.trades, sc.bids, sc.asks)
	}
	return nil
}

// sort brings the image up to date and sorts the events by what they are for.
func (h *Hub) sort(s *symbol, events []wire.Event) error {
	sc := &h.scratch
	sc.trades, sc.bids, sc.asks = sc.trades[:0], sc.bids[:0], sc.asks[:0]
	for i := range events {
		e := &events[i]
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
			if err := s.book.Apply(e); err != nil {
				return err
			}
		default: // answers to the owner of an order, and what Top tells anyway
		}
	}
	sortLevels(sc.bids, wire.Buy)
	sortLevels(sc.asks, wire.Sell)
	return nil
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
	p.Stream = wire.NewStreamID(s.id, wire.ChannelTrade)
	for i := range h.scratch.trades {
		e := &h.scratch.trades[i]
		s.tradeSeq++
		h.number(&p, s.tradeSeq)
		if watch := s.watched(p.Stream); watch != nil {
			f := tradeFrame(e, s.tradeSeq, h.base+rec.time, rec.tp)
			for d := wire.Dialect(1); d < wire.DialectCount; d++ {
				if watch[d] != 0 {
					h.stats.Live[d]++
					h.scratch.payload = s.encoder.AppendTrade(h.scratch.payload[:0], d, &f)
					h.send(p, d, watch[d])
				}
			}
		}
	}
}

func (h *Hub) publishBook(s *symbol, rec *txn, p Packet) {
	sc := &h.scratch
	s.upd++
	s.bookSeq++
	s.bookTime, s.bookTP = h.base+rec.time, rec.tp
	rec.hasBook = true
	if s.bookSeq%crcEvery == 0 {
		rec.hasCRC, rec.crc = true, s.crc()
	}
	p.Stream = wire.NewStreamID(s.id, wire.ChannelBook)
	h.number(&p, s.bookSeq)
	watch := s.watched(p.Stream)
	if watch == nil {
		return
	}
	sc.bidLevels = appendLevels(sc.bidLevels[:0], sc.bids)
	sc.askLevel = appendLevels(sc.askLevel[:0], sc.asks)
	f := wire.BookFrame{
		Seq: s.bookSeq, First: s.upd, Upd: s.upd, Bids: sc.bidLevels, Asks: sc.askLevel,
		CRC: rec.crc, HasCRC: rec.hasCRC, TS: h.base + rec.time, TP: rec.tp,
	}
	for d := wire.Dialect(1); d < wire.DialectCount; d++ {
		if watch[d] != 0 {
			h.stats.Live[d]++
			sc.payload = s.encoder.AppendBook(sc.payload[:0], d, &f)
			h.send(p, d, watch[d])
		}
	}
}

func (h *Hub) publishBBO(s *symbol, rec *txn, p Packet, top wire.Top) {
	s.bbo = wire.BBOFrame{Seq: s.bbo.Seq + 1, Upd: s.upd, Top: top, TS: h.base + rec.time, TP: rec.tp}
	p.Stream = wire.NewStreamID(s.id, wire.ChannelBBO)
	h.number(&p, s.bbo.Seq)
	if watch := s.watched(p.Stream); watch != nil {
		for d := wire.Dialect(1); d < wire.DialectCount; d++ {
			if watch[d] != 0 {
				h.stats.Live[d]++
				h.scratch.payload = s.encoder.AppendBBO(h.scratch.payload[:0], d, &s.bbo)
				h.send(p, d, watch[d])
			}
		}
	}
}

// number gives a frame its place in the epoch.
func (h *Hub) number(p *Packet, seq uint64) {
	h.stats.Frames++
	p.Seq, p.Pos = seq, h.stats.Frames
}

// send hands the encoded frame to the shards in watch.
func (h *Hub) send(p Packet, d wire.Dialect, watch shardSet) {
	p.Dialect = d
	h.stats.Watched[d]++
	for ; watch != 0; watch &= watch - 1 {
		h.inboxes[bits.TrailingZeros64(uint64(watch))].Packet(p, h.scratch.payload)
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
