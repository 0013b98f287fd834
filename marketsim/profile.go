package marketsim

import (
	"fmt"

	"tickcast/wire"
)

// profile is what an instrument's flow does not change: units, activity and
// the scales of its prices and sizes. Prices are counted in ticks here; Q16
// says that 65,536 stands for one.
type profile struct {
	instrument wire.Instrument
	excitation excitation

	open   int64 // opening price, ticks
	spread int64 // mean, Q16 ticks
	half   int64 // what quotes keep away from the latent price, Q16 ticks
	sigma  int64 // median step of the latent price at an event, Q16 ticks
	impact int64 // what a wholly unexpected aggressor moves it, Q16 ticks

	marketStep, sectorStep int64 // what a median shock of a factor moves it, Q16 ticks
	sector                 string

	depth  int64 // scale of distances behind the touch, ticks
	far    int64 // largest such distance, ticks
	orders int   // resting orders that the flow tends to
	trades int64 // trades for each event, Q16
	unit   int64 // round quantity
	lot    int64 // quantities are multiples of it
	tick   int64 // prices are multiples of it

	perHalf  int64 // 1/half, Q16 of ticks
	perOrder int64 // 1/orders, Q16
}

// branching is the branching ratio of each component, Q16: 0.88 in all.
var branching = [components]uint32{31_457, 11_796, 11_141, 3_277}

// newProfile turns a listing into the integers of the event path.
func newProfile(l *listing, c correlations) (profile, error) {
	in, err := l.instrument()
	if err != nil {
		return profile{}, err
	}
	price, err := in.ParsePrice(l.price)
	if err != nil {
		return profile{}, fmt.Errorf("listing %s: %w", l.symbol, err)
	}
	unit, err := in.ParseQty(l.unit)
	if err != nil {
		return profile{}, fmt.Errorf("listing %s: %w", l.symbol, err)
	}
	spread := int64(l.spreadTicks) << 16
	p := profile{
		instrument: in,
		excitation: newExcitation(uint64(l.changes), branching),
		open:       int64(price) / int64(in.Tick),
		spread:     spread,
		half:       spread * 3 / 8,
		sector:     l.sector,
		sigma:      spread / 32,
		impact:     spread / 4,
		depth:      1 + int64(l.spreadTicks)/3,
		orders:     200 + l.changes/350,
		trades:     int64(l.trades) << 16 / int64(l.changes),
		unit:       int64(unit),
		lot:        int64(in.Lot),
		tick:       int64(in.Tick),
	}
	p.correlate(c, l)
	p.perHalf = 1 << 32 / p.half
	p.perOrder = 1 << 16 / int64(p.orders)
	p.far = min(p.open/4, 400*p.depth)
	return p, nil
}

// correlations are those of the returns of two symbols, Q16: the market's, and
// the sector's as well when they have the same.
type correlations struct{ market, sector uint64 }

// correlate splits the variance of the latent price between the symbol's own
// steps and the factors' shocks. All of a second's variance, but for the scale
// that it all has in common, is
//
//	changes * sigma^2 + aggressors * impact^2 * surprise
//
// where 0.7 of the trades are aggressors with a surprise of 0.57 (measured),
// and a second has ten slices.
func (p *profile) correlate(c correlations, l *listing) {
	steps := uint64(p.sigma*p.sigma) / 1000 * uint64(l.changes)
	moves := uint64(p.impact*p.impact) / 1000 * uint64(l.trades) * 40 / 100
	slice := (steps + moves) / 10
	market, sector := c.market<<16/commonShare, c.sector<<16/commonShare
	p.marketStep = int64(root(slice >> 16 * market))
	p.sectorStep = int64(root(slice >> 16 * sector))
	own := int64(root((1<<16 - market - sector) << 16))
	p.sigma = p.sigma * own >> 16
	p.impact = p.impact * own >> 16
}

// root returns the square root of x, rounded down.
func root(x uint64) uint64 {
	var r uint64
	for bit := uint64(1) << 31; bit > 0; bit >>= 1 {
		if (r|bit)*(r|bit) <= x {
			r |= bit
		}
	}
	return r
}
