package marketsim

import (
	"fmt"
	"math"

	"tickcast/orderbook"
	"tickcast/wire"
)

// Metaorder is a large order that is put into the market from outside, worked
// off in equal children at equal intervals: with and without it, one seed shows
// its impact.
type Metaorder struct {
	Instrument int // index of listing
	Side       wire.Side
	Start      int64 // market time of the first child, ns
	Interval   int64 // between children, ns
	Children   int
}

// end returns the time of the last child.
func (m *Metaorder) end() int64 { return m.Start + int64(m.Children-1)*m.Interval }

// childUnits is a child's size in round lots.
const childUnits = 2

// program is the metaorders of a symbol, one after another.
type program struct {
	orders []Metaorder
	sent   int   // children of the first
	next   int64 // market time of the next child, MaxInt64 for none
}

// newPrograms sorts metaorders by instrument and checks them.
func newPrograms(orders []Metaorder, instruments int) ([]program, error) {
	ps := make([]program, instruments)
	for i := range ps {
		ps[i].next = math.MaxInt64
	}
	for i, m := range orders {
		switch {
		case m.Instrument < 0 || m.Instrument >= instruments:
			return nil, fmt.Errorf("%w: metaorder %d: no instrument %d", ErrConfig, i, m.Instrument)
		case m.Side != wire.Buy && m.Side != wire.Sell, m.Start <= 0, m.Interval <= 0, m.Children <= 0:
			return nil, fmt.Errorf("%w: metaorder %d: wants a side, a start, an interval and children", ErrConfig, i)
		}
		p := &ps[m.Instrument]
		if n := len(p.orders); n > 0 && p.orders[n-1].end() >= m.Start {
			return nil, fmt.Errorf("%w: metaorder %d begins before another has ended", ErrConfig, i)
		}
		p.orders = append(p.orders, m)
		p.next = p.orders[0].Start
	}
	return ps, nil
}

// advance moves on to the next child and returns the sign of the one due.
func (p *program) advance() int64 {
	m := &p.orders[0]
	p.sent++
	p.next = m.Start + int64(p.sent)*m.Interval
	if p.sent == m.Children {
		p.sent, p.orders, p.next = 0, p.orders[1:], math.MaxInt64
		if len(p.orders) > 0 {
			p.next = p.orders[0].Start
		}
	}
	return signOf(m.Side)
}

// child sends a metaorder's child. It draws nothing from the symbol's stream.
func (f *flow) child(dst []wire.Event) []wire.Event {
	sign := f.program.advance()
	if f.state != wire.StateTrading || f.counts[(1+sign)/2] <= f.orders/thinShare {
		return dst
	}
	limit := f.ask - f.bid - f.touch(-sign)
	f.latent.surprise(sign, f.impact)
	return f.enter(dst, sign, limit, orderbook.IOC, childUnits*f.unit)
}
