package feed

import (
	"fmt"

	"tickcast/orderbook"
	"tickcast/wire"
)

// pendingMax is how many order events of a symbol wait to be applied, 1.5 KB of
// them. Applied together they cost some ten cache misses instead of ten each.
const pendingMax = 64

// image is a symbol's book. Few transactions need more of it than the best of
// each side, which the levels that they set tell. So their order events are
// only kept, and applied to the book when somebody reads it, when the levels do
// not tell what the best is, or when they have become many.
type image struct {
	pending []packed        // order events of whole transactions, oldest first
	book    *orderbook.Book // building mode: without what is pending
	fronts  [2]front        // bids, asks; with what is pending

	// err says how the source contradicts itself, once it was found to do so:
	// by an order that is not there, or by levels that are not those of the
	// orders. From then on nothing is taken in.
	err    error
	broken *bool // the hub's
}

func newImage(tick wire.Price, broken *bool) image {
	book, err := orderbook.New(orderbook.Config{OutsideIDs: true, Tick: tick})
	if err != nil {
		panic(fmt.Sprintf("feed: building book: %v", err)) // an instrument's tick is valid
	}
	return image{book: book, broken: broken, fronts: [2]front{{side: wire.Buy, whole: true}, {side: wire.Sell, whole: true}}}
}

// take takes in a transaction: its order events, and the levels of each side
// that it set, in their order.
func (m *image) take(orders, bids, asks []wire.Event) {
	if len(m.pending)+len(orders) > pendingMax {
		m.settle()
	}
	if m.err != nil {
		return
	}
	m.fronts[0].follow(bids)
	m.fronts[1].follow(asks)
	if len(orders) > pendingMax {
		for i := range orders {
			m.apply(&orders[i])
		}
		m.settle()
		return
	}
	m.wait(orders)
	if !m.fronts[0].known() || !m.fronts[1].known() {
		m.settle()
	}
}

// wait adds to what is pending, in memory that grows to pendingMax and no further:
// there may be thousands of symbols.
func (m *image) wait(orders []wire.Event) {
	if n := len(m.pending) + len(orders); n > cap(m.pending) {
		grown := make([]packed, len(m.pending), min(2*n, pendingMax))
		copy(grown, m.pending)
		m.pending = grown
	}
	for i := range orders {
		m.pending = append(m.pending, pack(&orders[i]))
	}
}

// refuse notes how the source contradicts itself. The hub learns of it too, for
// whoever found it out may only have read the book.
func (m *image) refuse(err error) {
	if m.err == nil {
		m.err, *m.broken = err, true
	}
}

// errID is of an event that cannot be packed or told.
var errID = fmt.Errorf("id above %d", uint64(idMax))

// top returns the best of each side.
func (m *image) top() wire.Top {
	return wire.Top{Bid: m.fronts[0].levels[0], Ask: m.fronts[1].levels[0]}
}

// settled returns the book with all that was pending. If that contradicts what
// was published, err is set.
func (m *image) settled() *orderbook.Book {
	m.settle()
	return m.book
}

// settle applies what is pending, holds the best that the levels tell against
// that of the orders, and learns from the book what the levels do not tell. It
// must be called between transactions, or when all of one was taken in. A best
// that was wrong for a while, and is right by now, goes unnoticed.
func (m *image) settle() {
	for _, p := range m.pending {
		e := p.event()
		m.apply(&e)
	}
	m.pending = m.pending[:0]
	top := m.book.Top()
	for i, best := range [...]wire.Level{top.Bid, top.Ask} {
		f := &m.fronts[i]
		if f.known() && f.levels[0] != best {
			m.refuse(fmt.Errorf("best %v is %v by the levels; %v by the orders", f.side, f.levels[0], best))
		}
		if f.n < frontLevels && !f.whole {
			f.read(m.book)
		}
	}
}

func (m *image) apply(order *wire.Event) {
	if m.err != nil {
		return
	}
	if err := m.book.Apply(order); err != nil {
		m.refuse(err)
	}
}

// rest settles the image of a symbol that has become quiet, gives back the
// memory of what was pending, and returns how many events that were.
func (m *image) rest() int {
	n := len(m.pending)
	m.settle()
	m.pending = nil
	return n
}
