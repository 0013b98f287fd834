package marketsim

import "tickcast/wire"

// quoteLevels is the depth of a load symbol's book on each side.
const quoteLevels = 10

// quote is the book of a load symbol: one order at each of ten prices a side,
// of which the best changes. Its events are those that an orderbook.Book
// reports for the same commands (a test holds it), made by hand because a book
// would cost several times as much.
//
// A tick replaces the best order of the two sides in turn: its quantity always,
// its price at every fourth tick of a side, forth and back by one step.
type quote struct {
	mid   int64    // price between the sides
	ticks uint32   // so far
	qty   [2]int32 // of the best orders, in units of quoteUnit
	up    [2]bool  // the best order is one step nearer to mid
}

// The grid of a quote's prices and quantities: 0.02 and 0.01.
const (
	quoteStep = 2
	quoteUnit = 1000
)

// newQuote returns the quote of the load symbol with the given index.
func newQuote(index int) quote {
	return quote{mid: 64_231_25 + int64(index)*100, qty: [2]int32{100, 100}}
}

// The ids of a side's orders: best first, 1 to 10 and 11 to 20.
func quoteID(side, level int) uint64 { return uint64(1 + side*quoteLevels + level) }

// price returns the price of a level of a side; the best is level 0.
func (q *quote) price(side, level int) wire.Price {
	away := int64(quoteStep * (level + 2))
	if level == 0 && q.up[side] {
		away -= quoteStep
	}
	if side == 0 {
		away = -away
	}
	return wire.Price(q.mid + away)
}

// appendOpening appends the transaction that builds the book.
func (q *quote) appendOpening(dst []wire.Event) []wire.Event {
	for pass := range 2 {
		for i := range 2 * quoteLevels {
			side, level := i/quoteLevels, i%quoteLevels
			e := wire.Event{
				ID:    quoteID(side, level),
				Price: q.price(side, level),
				Qty:   quoteUnit * 100,
				Side:  wire.Buy + wire.Side(side),
			}
			if pass == 1 {
				e.Kind, e.ID, e.Count = wire.EventLevelSet, 0, 1
				dst = append(dst, e)
				continue
			}
			e.Kind = wire.EventAccepted
			dst = append(dst, e)
			e.Kind = wire.EventAdd
			dst = append(dst, e)
		}
	}
	return append(dst, wire.Event{Kind: wire.EventTopMoved})
}

// appendTick appends the transaction of the next tick.
func (q *quote) appendTick(dst []wire.Event) []wire.Event {
	n := q.ticks
	q.ticks++
	side := int(n & 1)
	before, was := q.price(side, 0), q.qty[side]
	// 1 to 997, never twice the same: the step is prime to the modulus.
	qty := (was+388)%997 + 1
	q.qty[side] = qty
	moved := n>>1&3 == 3
	if moved {
		q.up[side] = !q.up[side]
	}
	e := wire.Event{
		Kind:  wire.EventReplaced,
		ID:    quoteID(side, 0),
		Price: q.price(side, 0),
		Qty:   wire.Qty(qty) * quoteUnit,
		Side:  wire.Buy + wire.Side(side),
	}
	dst = append(dst, e)
	e.Kind = wire.EventReplace
	if !moved && qty < was {
		e.Kind = wire.EventReduce // keeps its place
	}
	dst = append(dst, e)
	if moved {
		dst = append(dst, wire.Event{Kind: wire.EventLevelSet, Price: before, Side: e.Side})
	}
	e.Kind, e.ID, e.Count = wire.EventLevelSet, 0, 1
	return append(dst, e, wire.Event{Kind: wire.EventTopMoved})
}
