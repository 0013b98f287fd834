package feed

import (
	"sync/atomic"

	"tickcast/orderbook"
	"tickcast/wire"
)

// A chunk is small enough for 4,096 quiet symbols to cost 15 MB and large
// enough that a busy one allocates or recycles once in 32 transactions.
const (
	chunkTxns  = 32
	chunkWords = 192 // 6 a transaction: simulated ones have 5.3 in the mean
)

// txn is one published transaction: what every stream of the symbol needs to
// write the same frames again, byte for byte, but for its events.
//
// Its frames are numbered in their order from pos: a frame for each trade, one
// for the orders, one for the levels.
type txn struct {
	pos   uint64 // of the transaction's first frame
	time  int64  // market time, ns since the session's start
	tp    int64  // wall time of publication, ns
	trade uint64 // last seq of the trade stream after it
	order uint64 // last seq of the order stream after it
	book  uint64 // last seq of the book stream after it
	crc   uint32 // of the book after it, if hasCRC

	layout

	hasBook  bool // it changed the displayed L2
	snapshot bool // its levels are the whole displayed book
}

// layout is where the events of a transaction lie in the words of its chunk:
// trades, order events, bid levels, ask levels.
type layout struct {
	at                         uint32
	trades, orders, bids, asks uint32 // how many
}

func (l *layout) ordersAt() uint32 { return l.at + l.trades*eventWords }
func (l *layout) bidsAt() uint32   { return l.ordersAt() + l.orders*eventWords }
func (l *layout) asksAt() uint32   { return l.bidsAt() + l.bids*levelWords }

// hasOrder reports whether the transaction changed L3.
func (t *txn) hasOrder() bool { return t.orders > 0 }

// hasCRC reports whether its book frame carries a crc.
func (t *txn) hasCRC() bool { return t.hasBook && (t.snapshot || t.book%crcEvery == 0) }

// orderPos and bookPos return the positions of its frames of those streams.
func (t *txn) orderPos() uint64 { return t.pos + uint64(t.trades) }

func (t *txn) bookPos() uint64 {
	if t.hasOrder() {
		return t.orderPos() + 1
	}
	return t.orderPos()
}

// seq returns the last number of an event channel's stream after it.
func (t *txn) seq(c wire.Channel) uint64 {
	switch c {
	case wire.ChannelTrade:
		return t.trade
	case wire.ChannelOrder:
		return t.order
	default:
		return t.book
	}
}

// seqUpTo is seq without the frames beyond a position.
func (t *txn) seqUpTo(c wire.Channel, pos uint64) uint64 {
	switch seq := t.seq(c); {
	case c == wire.ChannelTrade:
		return seq - (uint64(t.trades) - min(pos-t.pos+1, uint64(t.trades)))
	case c == wire.ChannelOrder && t.hasOrder() && t.orderPos() > pos, c == wire.ChannelBook && t.hasBook && t.bookPos() > pos:
		return seq - 1
	default:
		return seq
	}
}

// Words of what a chunk keeps of an event.
const (
	eventWords = 3 // a packed
	levelWords = 2 // price, quantity
)

// packed is an execution or an order event, in half the bytes of a wire.Event:
// while 500 symbols move in turn, each costs the cache lines that it lies in.
type packed struct {
	head  uint64 // id of the order or the trade, side (2 bits), kind (4 bits)
	price wire.Price
	qty   wire.Qty
}

// idMax is the largest id of an order or a trade that can be packed, and told
// in JSON.
const idMax = orderbook.IDMax

func pack(e *wire.Event) packed {
	id := e.ID
	if e.Kind == wire.EventTrade {
		id = e.Trade
	}
	return packed{head: id<<6 | uint64(e.Side)<<4 | uint64(e.Kind), price: e.Price, qty: e.Qty}
}

// event returns what was packed. Of an execution it has no orders.
func (p packed) event() wire.Event {
	e := wire.Event{Kind: wire.EventKind(p.head & 15), Side: wire.Side(p.head >> 4 & 3), Price: p.price, Qty: p.qty}
	if e.Kind == wire.EventTrade {
		e.Trade = p.head >> 6
	} else {
		e.ID = p.head >> 6
	}
	return e
}

// stored is a txn in a cache line. Of the seqs it has the low halves: a chunk
// knows the whole ones of its first transaction, and does not span 2^32.
type stored struct {
	pos                uint64
	time, tp           int64
	trade, order, book uint32
	crc                uint32
	layout
	hasBook, snapshot bool
}

// chunk is a run of transactions of one symbol. The hub appends to it under
// its mutex; readers that pinned it under that mutex read the part that was
// filled by then, without it.
type chunk struct {
	txns               []stored
	words              []uint64
	trade, order, book uint64 // of its first transaction
	owner              *history
	prev, next         *chunk       // neighbours in age, of any symbol
	pins               atomic.Int32 // readers; a pinned chunk is not recycled
}

// newChunk returns a chunk for transactions of so many words.
func newChunk(words int) *chunk {
	return &chunk{txns: make([]stored, 0, chunkTxns), words: make([]uint64, 0, words)}
}

func (c *chunk) bytes() int { return cap(c.txns)*64 + cap(c.words)*8 }

// append adds t with the events of sc, for which there must be room.
func (c *chunk) append(t *txn, sc *scratch) {
	if len(c.txns) == 0 {
		c.trade, c.order, c.book = t.trade, t.order, t.book
	}
	c.txns = append(c.txns, stored{
		pos: t.pos, time: t.time, tp: t.tp, trade: uint32(t.trade), order: uint32(t.order), book: uint32(t.book), crc: t.crc,
		layout: layout{
			at: uint32(len(c.words)), trades: uint32(len(sc.trades)), orders: uint32(len(sc.orders)),
			bids: uint32(len(sc.bids)), asks: uint32(len(sc.asks)),
		},
		hasBook: t.hasBook, snapshot: t.snapshot,
	})
	w := appendEvents(c.words, sc.trades)
	w = appendEvents(w, sc.orders)
	w = appendLevelWords(w, sc.bids)
	c.words = appendLevelWords(w, sc.asks)
}

// words returns how many words the events of sc take.
func (sc *scratch) words() int {
	return (len(sc.trades)+len(sc.orders))*eventWords + (len(sc.bids)+len(sc.asks))*levelWords
}

func appendEvents(dst []uint64, events []wire.Event) []uint64 {
	for i := range events {
		p := pack(&events[i])
		dst = append(dst, p.head, uint64(p.price), uint64(p.qty))
	}
	return dst
}

func appendLevelWords(dst []uint64, levels []wire.Event) []uint64 {
	for i := range levels {
		dst = append(dst, uint64(levels[i].Price), uint64(levels[i].Qty))
	}
	return dst
}

// txn returns a transaction.
func (c *chunk) txn(s *stored) txn {
	return txn{
		pos: s.pos, time: s.time, tp: s.tp, crc: s.crc, layout: s.layout, hasBook: s.hasBook, snapshot: s.snapshot,
		trade: whole(c.trade, s.trade), order: whole(c.order, s.order), book: whole(c.book, s.book),
	}
}

// whole returns the number that has these low bits and is the first from base on.
func whole(base uint64, low uint32) uint64 { return base + uint64(low-uint32(base)) }

// seq returns the last number of an event channel's stream after a transaction.
func (c *chunk) seq(s *stored, channel wire.Channel) uint64 {
	t := c.txn(s)
	return t.seq(channel)
}

func (c *chunk) youngest() *stored { return &c.txns[len(c.txns)-1] }

// spanPart is a stretch of a chunk.
type spanPart struct {
	chunk *chunk
	txns  []stored
	words []uint64
}

// txn returns transaction i.
func (p *spanPart) txn(i int) txn { return p.chunk.txn(&p.txns[i]) }

// appendTrades appends the executions of one of its transactions, without orders.
func (p *spanPart) appendTrades(dst []wire.Event, l *layout) []wire.Event {
	return p.appendEvents(dst, l.at, l.trades)
}

// appendOrders appends its order events.
func (p *spanPart) appendOrders(dst []wire.Event, l *layout) []wire.Event {
	return p.appendEvents(dst, l.ordersAt(), l.orders)
}

func (p *spanPart) appendEvents(dst []wire.Event, at, n uint32) []wire.Event {
	for w := p.words[at : at+n*eventWords]; len(w) > 0; w = w[eventWords:] {
		dst = append(dst, packed{head: w[0], price: wire.Price(w[1]), qty: wire.Qty(w[2])}.event())
	}
	return dst
}

// appendBids and appendAsks append its levels.
func (p *spanPart) appendBids(dst []wire.Level, l *layout) []wire.Level {
	return p.appendLevels(dst, l.bidsAt(), l.bids)
}

func (p *spanPart) appendAsks(dst []wire.Level, l *layout) []wire.Level {
	return p.appendLevels(dst, l.asksAt(), l.asks)
}

func (p *spanPart) appendLevels(dst []wire.Level, at, n uint32) []wire.Level {
	for w := p.words[at : at+n*levelWords]; len(w) > 0; w = w[levelWords:] {
		dst = append(dst, wire.Level{Price: wire.Price(w[0]), Qty: wire.Qty(w[1])})
	}
	return dst
}
