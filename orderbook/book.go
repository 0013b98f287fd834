package orderbook

import (
	"fmt"

	"tickcast/wire"
)

// Config describes a book. The zero value is a book with handles in which
// every positive price and quantity is allowed.
type Config struct {
	Tick wire.Price // prices are multiples of it; default 1
	Lot  wire.Qty   // quantities are multiples of it; default 1

	MinQty, MaxQty     wire.Qty   // of an order; default Lot and QtyMax
	MinPrice, MaxPrice wire.Price // default 1 and PriceMax; MinPrice may be negative

	// Requeue: a replace always goes to the back, as cancel and reinsert.
	Requeue bool

	// OutsideIDs: the caller chooses ids. Apply needs it.
	OutsideIDs bool

	// Orders is about how many orders will rest, for which there is memory from
	// the start: growing to them takes some forty copies. More may rest.
	Orders int
}

// The widest limits. Totals of a level stay below 2^63 within them.
const (
	QtyMax   wire.Qty   = 1 << 60
	PriceMax wire.Price = 1 << 62
)

// Book is the order book of one instrument. Use New. It belongs to one
// goroutine.
type Book struct {
	// Of every command, side by side: in a process of many books each cache
	// line is a miss. Slot 0 of each slab is nothing.
	orders    []order
	levels    []level
	hints     []int32   // levels of the sides by the low bits of their prices
	sides     [2]ladder // bids, asks
	freeOrder int32
	freeLevel int32
	resting   int

	// slow is set while a rule is in force that the fast paths do not know:
	// a state but trading, a band, waiting stops, odd orders.
	slow bool

	// static
	outside   bool
	picky     bool   // tick or lot is not 1, or ids are outside
	qtySpan   uint64 // of a plain order: from MinQty
	priceSpan uint64 // from MinPrice
	cfg       Config

	// of fewer commands
	index    index // outside ids
	nodes    []node
	freeNode int32
	stops    [2]ladder // triggers of buy stops (least first) and of sell stops (greatest first)
	rares    []rare    // by order slot, once an order has needed it
	waiting  int       // stops
	odd      int       // resting hidden orders and icebergs

	// trading
	state     wire.State
	trades    uint64 // id of the last trade
	last      wire.Price
	traded    bool // last is valid
	reference wire.Price
	low, high wire.Price // price band, in force if banded
	banded    bool

	// of the command in hand, kept for their memory
	touched []touch
	elected []int32   // stops
	steps   []auction // of an uncross
}

// New returns an empty book in continuous trading.
func New(cfg Config) (*Book, error) {
	if cfg.Tick < 0 || cfg.Lot < 0 || cfg.MinQty < 0 || cfg.MaxQty < 0 || cfg.MaxQty > QtyMax {
		return nil, fmt.Errorf("orderbook: tick, lot and quantities must be from 0 to %d", QtyMax)
	}
	if cfg.Orders < 0 || cfg.Orders > ordersMax {
		return nil, fmt.Errorf("orderbook: %d orders; want 0 to %d", cfg.Orders, ordersMax)
	}
	if cfg.MinQty >= qtyLarge {
		return nil, fmt.Errorf("orderbook: minimum quantity %d must be below %d", cfg.MinQty, int64(qtyLarge))
	}
	if cfg.MinPrice < -PriceMax || cfg.MaxPrice > PriceMax {
		return nil, fmt.Errorf("orderbook: prices must be within %d", PriceMax)
	}
	cfg.Tick, cfg.Lot = max(cfg.Tick, 1), max(cfg.Lot, 1)
	cfg.MinQty = max(cfg.MinQty, 1)
	if cfg.MaxQty == 0 {
		cfg.MaxQty = QtyMax
	}
	if cfg.MinPrice == 0 {
		cfg.MinPrice = 1
	}
	if cfg.MaxPrice == 0 {
		cfg.MaxPrice = PriceMax
	}
	if cfg.MinQty > cfg.MaxQty || cfg.MinPrice > cfg.MaxPrice {
		return nil, fmt.Errorf("orderbook: limits leave nothing: quantity %d to %d, price %d to %d",
			cfg.MinQty, cfg.MaxQty, cfg.MinPrice, cfg.MaxPrice)
	}
	b := &Book{
		cfg:     cfg,
		outside: cfg.OutsideIDs,
		picky:   cfg.Tick != 1 || cfg.Lot != 1 || cfg.OutsideIDs,
		orders:  make([]order, 1, 8+cfg.Orders),
		levels:  []level{{key: keyNone}},
		hints:   make([]int32, hintsMin),
		state:   wire.StateTrading,
	}
	b.qtySpan = uint64(max(min(cfg.MaxQty, qtyLarge-1)-cfg.MinQty, 0))
	b.priceSpan = uint64(cfg.MaxPrice - cfg.MinPrice)
	for i, mask := range [2]uint64{maskBid, maskAsk} {
		b.sides[i] = ladder{mask: mask, bestKey: keyNone, mark: markOf(wire.Buy + wire.Side(i))}
		b.stops[1-i] = ladder{mask: mask, bestKey: keyNone}
	}
	return b, nil
}

// Top returns the best displayed level of each side.
func (b *Book) Top() wire.Top { return wire.Top{Bid: b.sides[0].top, Ask: b.sides[1].top} }

// Orders returns the number of resting orders, hidden ones included, waiting
// stops not.
func (b *Book) Orders() int { return b.resting }

// State returns the trading state.
func (b *Book) State() wire.State { return b.state }

// LastTrade returns the price of the last trade, false before the first.
func (b *Book) LastTrade() (wire.Price, bool) { return b.last, b.traded }

// Trades returns the number of trades so far, which is the id of the last.
func (b *Book) Trades() uint64 { return b.trades }

// Waiting returns the number of stops that wait for their trigger.
func (b *Book) Waiting() int { return b.waiting }

// Lookup returns the resting order or waiting stop of an id.
func (b *Book) Lookup(id uint64) (Resting, bool) {
	slot := b.slotOf(id)
	if slot == 0 {
		return Resting{}, false
	}
	return b.restingOf(slot), true
}

func (b *Book) restingOf(slot int32) Resting {
	o := &b.orders[slot]
	l := b.ladderOf(o)
	return Resting{
		ID:    o.id & idMask,
		Side:  wire.Side(o.side()) + wire.Buy,
		Price: l.price(b.levels[o.level].key),
		Qty:   wire.Qty(o.qty),
	}
}

// ladderOf returns the ladder in which an order rests or waits.
func (b *Book) ladderOf(o *order) *ladder {
	if o.id&flagStop != 0 {
		return &b.stops[o.side()]
	}
	return &b.sides[o.side()]
}

// AppendLevels appends at most n displayed levels of a side, best first; all of
// them if n is not positive.
func (b *Book) AppendLevels(dst []wire.Level, side wire.Side, n int) []wire.Level {
	l := &b.sides[side-wire.Buy]
	if n <= 0 {
		n = int(l.levels)
	}
	return b.appendLevels(dst, l, l.root, len(dst)+n)
}

func (b *Book) appendLevels(dst []wire.Level, l *ladder, ref int32, end int) []wire.Level {
	if ref > 0 {
		n := &b.nodes[nodeOf(ref)]
		for set := n.bits; set != 0 && len(dst) < end; set &= set - 1 {
			dst = b.appendLevels(dst, l, n.child[lowest(set)], end)
		}
		return dst
	}
	lv := &b.levels[-ref]
	if lv.qty > 0 && len(dst) < end {
		dst = append(dst, wire.Level{Price: l.price(lv.key), Qty: wire.Qty(lv.qty)})
	}
	return dst
}

// AppendAdds appends the displayed orders of a side in order of priority, each
// as the EventAdd that puts it into an empty book.
func (b *Book) AppendAdds(dst []wire.Event, side wire.Side) []wire.Event {
	l := &b.sides[side-wire.Buy]
	return b.appendAdds(dst, l, l.root, side)
}

func (b *Book) appendAdds(dst []wire.Event, l *ladder, ref int32, side wire.Side) []wire.Event {
	if ref > 0 {
		n := &b.nodes[nodeOf(ref)]
		for set := n.bits; set != 0; set &= set - 1 {
			dst = b.appendAdds(dst, l, n.child[lowest(set)], side)
		}
		return dst
	}
	lv := &b.levels[-ref]
	price := l.price(lv.key)
	for slot := lv.head; slot != 0; {
		o := &b.orders[slot]
		if o.id&flagHidden == 0 {
			dst = append(dst, wire.Event{Kind: wire.EventAdd, ID: o.id & idMask, Side: side, Price: price, Qty: wire.Qty(o.qty)})
		}
		slot = o.next
	}
	return dst
}

// AppendOrders appends the displayed orders of a side in order of priority.
func (b *Book) AppendOrders(dst []Resting, side wire.Side) []Resting {
	l := &b.sides[side-wire.Buy]
	return b.appendOrders(dst, l, l.root)
}

func (b *Book) appendOrders(dst []Resting, l *ladder, ref int32) []Resting {
	if ref > 0 {
		n := &b.nodes[nodeOf(ref)]
		for set := n.bits; set != 0; set &= set - 1 {
			dst = b.appendOrders(dst, l, n.child[lowest(set)])
		}
		return dst
	}
	for slot := b.levels[-ref].head; slot != 0; slot = b.orders[slot].next {
		if b.orders[slot].id&flagHidden == 0 {
			dst = append(dst, b.restingOf(slot))
		}
	}
	return dst
}
