package marketsim

import (
	"math"

	"tickcast/orderbook"
	"tickcast/wire"
)

// enterState changes the trading state of the book.
func (f *flow) enterState(dst []wire.Event, s wire.State) []wire.Event {
	if s == wire.StateAuction && f.script.band.width > 0 {
		f.removeBand() // an auction finds any price
	}
	start := len(dst)
	dst = f.book.SetState(dst, s)
	f.state = s
	f.observe(dst[start:])
	if s == wire.StateTrading && f.script.band.width > 0 {
		f.setBand(f.script.band.width)
	}
	return dst
}

// actStopped is an event while nothing trades: the price that nobody sees goes
// on; in a halt orders are taken back, in an auction collected as well.
func (f *flow) actStopped(dst []wire.Event) []wire.Event {
	u := f.rand.next()
	f.latent.diffuse(f.tables, &f.rand, f.market.calm, f.sigma, u&1)
	switch f.state {
	case wire.StateHalt:
		if u>>48 < haltCancels {
			return f.retreat(dst)
		}
	case wire.StateAuction, wire.StatePreOpen:
		if u>>48 < f.cancelChance() {
			return f.retreat(dst)
		}
		return f.collect(dst)
	default: // nothing happens in a closed market
	}
	return dst
}

// haltCancels of the events in a halt are cancels, Q16: the rest would be what
// a halt forbids.
const haltCancels = 65536 * 15 / 100

// retreat cancels any order, but keeps a side from becoming thin.
func (f *flow) retreat(dst []wire.Event) []wire.Event {
	o, ok := f.anyOrder()
	if !ok || f.counts[o.Side-wire.Buy] <= f.orders/thinShare {
		return dst
	}
	return f.cancel(dst, o.ID)
}

// collect enters an order for the auction: around the latent price, so that the
// sides cross, or behind it.
func (f *flow) collect(dst []wire.Event) []wire.Event {
	sign := f.side()
	at := (f.latent.price*sign + f.rand.normal()*(f.half>>14)>>2) >> 16
	if f.rand.chance(1 << 15) {
		at -= f.distance()
	}
	return f.enter(dst, sign, at, orderbook.Limit, f.size())
}

// band is a price band and the limit state at its edge.
type band struct {
	width     int64 // share of the reference on each side, Q16; 0 for none
	low, high int64 // ticks
	since     int64 // market time at which the limit state began, 0 for none
}

// unbounded are the limits of prices without a band, by side, in signed ticks.
var (
	reachAll = [2]int64{math.MaxInt64, math.MaxInt64}
	leastAll = [2]int64{math.MinInt64, math.MinInt64}
)

// setBand puts a band around the last trade; of width 0 it takes it away.
func (f *flow) setBand(width int64) {
	if width == 0 {
		f.script.band.width = 0
		f.removeBand()
		return
	}
	reference := f.latent.price >> 16
	if last, ok := f.book.LastTrade(); ok {
		reference = int64(last) / f.tick
	}
	away := reference * width >> 16
	b := &f.script.band
	*b = band{width: width, low: reference - away, high: reference + away}
	f.reach = [2]int64{b.high, -b.low}
	f.least = [2]int64{b.low, -b.high}
	if err := f.book.SetBand(wire.Price(b.low*f.tick), wire.Price(b.high*f.tick)); err != nil {
		panic("marketsim: " + err.Error()) // low is below high
	}
}

// removeBand lifts the band, of which the script may put another one.
func (f *flow) removeBand() {
	f.script.band.since = 0
	f.reach, f.least = reachAll, leastAll
	if err := f.book.SetBand(0, 0); err != nil {
		panic("marketsim: " + err.Error()) // no band is never empty
	}
}

// watchBand pauses trading when a side has been at the edge of the band for
// long enough at now.
func (f *flow) watchBand(now int64) {
	b := &f.script.band
	if b.width == 0 || f.state != wire.StateTrading {
		return
	}
	switch {
	case f.ask > b.low && f.bid < b.high:
		b.since = 0
	case b.since == 0:
		b.since = now
	case now-b.since >= limitNanos:
		b.since = 0
		f.script.insert(step{at: now, kind: stepState, state: wire.StateHalt})
		f.script.insert(step{at: now + pauseNanos - auctionNanos, kind: stepState, state: wire.StateAuction})
		f.script.insert(step{at: now + pauseNanos, kind: stepState, state: wire.StateTrading})
		f.plan()
	}
}

// within returns the price at which an order of a sign may be entered: one
// that reaches beyond the band is moved to its edge, one that begins beyond it
// is not entered.
func (f *flow) within(sign, at int64) (int64, bool) {
	side := (1 - sign) >> 1
	return min(at, f.reach[side]), at >= f.least[side]
}
