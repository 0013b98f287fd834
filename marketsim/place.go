package marketsim

import (
	"tickcast/orderbook"
	"tickcast/wire"
)

// Prices of a side are multiplied by its sign here, so that both sides are
// written once: higher is more aggressive, and an order rests below -touch of
// the other side.

// touch returns the best price of a side.
func (f *flow) touch(sign int64) int64 {
	if sign > 0 {
		return f.bid
	}
	return -f.ask
}

// quote returns the best price at which somebody is willing to quote now: the
// latent price less half a spread, give or take a half of that, because
// opinions differ.
func (f *flow) quote(sign int64) int64 {
	edge := f.edge + int64(f.rand.below(uint64(f.half)))
	return (f.latent.price*sign - edge) >> 16
}

// distance returns how far behind an order is placed, at least one tick: a
// power law (Zovko, Farmer 2002; Bouchaud, Mezard, Potters 2002).
func (f *flow) distance() int64 {
	d := f.depth * int64(f.tables.pareto(f.rand.next(), 65536*10/8)-1<<16) >> 16
	if d >= f.far {
		d = int64(f.rand.below(uint64(f.far)))
	}
	return 1 + d
}

// size returns the quantity of an order: round in two of three, a power law
// with exponent 1.8 (Gopikrishnan et al. 2000).
func (f *flow) size() int64 {
	u := f.rand.next()
	units := int64(min(f.tables.pareto(u|0xffff, 65536*10/18), sizeMax<<16))
	if u&0xffff < roundShare {
		return f.unit * (units >> 16)
	}
	qty := f.unit * units >> 16 * int64(f.rand.next()>>48) >> 16
	return max(qty-qty%f.lot, f.lot)
}

const (
	sizeMax    = 400              // round quantities in an order
	roundShare = 65536 * 64 / 100 // of orders that have a round quantity, Q16
)

// place adds a limit order on a side: inside the spread when quotes are wider
// than the latent price asks for, at the touch, or behind it.
func (f *flow) place(dst []wire.Event, sign int64) []wire.Event {
	at := f.choose(sign)
	near := at >= f.touch(sign)-f.depth
	start := len(dst)
	dst = f.enter(dst, sign, at, orderbook.Limit, f.size())
	if near && len(dst) > start && dst[start].Kind == wire.EventAccepted {
		f.newest++
		f.recent[f.newest%recentMax] = dst[start].ID
	}
	return dst
}

// choose returns the price of a placement.
func (f *flow) choose(sign int64) int64 {
	own, bound := f.touch(sign), -f.touch(-sign)-1
	quote := min(f.quote(sign), bound)
	if gap := quote - own; gap > 0 && f.rand.chance(f.insideChance(gap)) {
		return own + 1 + int64(f.rand.below(uint64(gap)))
	}
	if f.rand.chance(f.joins) {
		return own
	}
	return min(own, quote) - f.distance()
}

// insideChance returns the chance of a placement inside when there is a gap of
// so many ticks to where the side should quote, Q16.
func (f *flow) insideChance(gap int64) uint64 {
	ratio := min((f.ask-f.bid)*f.perHalf>>1, 2<<16)
	return uint64(min(ratio*ratio>>18+gap*f.perHalf>>1, 58_000))
}

// take sends an aggressor: an informed one of the given sign, or for 0 a child
// of a metaorder.
func (f *flow) take(dst []wire.Event, informed int64) []wire.Event {
	sign := informed
	if informed == 0 {
		sign = f.pool.next(f.tables, &f.rand)
	}
	if f.counts[(1+sign)/2] <= f.orders/thinShare {
		return f.place(dst, -sign)
	}
	best := f.book.Top().Ask
	if sign < 0 {
		best = f.book.Top().Bid
	}
	qty, limit := f.size(), -f.touch(-sign)
	switch {
	case informed != 0:
		limit = max(limit, f.latent.price*sign>>16)
	case f.rand.chance(sweepShare):
		limit += 1 + (f.ask-f.bid)/2
	default:
		qty = min(qty, int64(best.Qty))
	}
	if informed == 0 {
		f.latent.surprise(sign, f.impact)
	}
	return f.enter(dst, sign, limit, orderbook.IOC, qty)
}

// sweepShare of uninformed aggressors may reach behind the touch, Q16.
const sweepShare = 65536 * 35 / 100
