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

	open   int64  // opening price, ticks
	spread int64  // mean, Q16 ticks
	half   int64  // what quotes keep away from the latent price, Q16 ticks
	edge   int64  // the least that they keep away, Q16 ticks
	near   int64  // nearer than this to the latent price a quote is pulled, Q16 ticks
	joins  uint64 // placements that join the best price, unless inside, Q16
	haste  int64  // how much likelier a taker is when the latent price is beyond the touch
	steady uint   // how little trading follows the mood of the market: by 2^-steady
	sigma  int64  // median step of the latent price at an event, Q16 ticks
	impact int64  // what a wholly unexpected aggressor moves it, Q16 ticks

	marketStep, sectorStep int64 // what a median shock of a factor moves it, Q16 ticks
	sector                 string

	depth   int64 // scale of distances behind the touch, ticks
	far     int64 // largest such distance, ticks
	orders  int   // resting orders that the flow tends to
	trades  int64 // trades for each event, Q16
	changes int64 // events in 1,000 s
	unit    int64 // round quantity
	lot     int64 // quantities are multiples of it
	tick    int64 // prices are multiples of it

	perHalf  int64 // 1/half, Q16 of ticks
	perOrder int64 // 1/orders, Q16
}

// branchingDefault is the share of events that others set off, in per mille.
const branchingDefault = 880

// kernel is how the branching ratio is divided between the components, in
// units of 2^-16.
var kernel = [components]uint64{35_747, 13_405, 12_660, 3_724}

// branchingOf returns the branching ratio of each component, Q16, or an error
// that wraps ErrConfig: a market in which every event sets off another one in
// the mean explodes.
func branchingOf(perMille int) (branching [components]uint32, err error) {
	if perMille == 0 {
		perMille = branchingDefault
	}
	switch {
	case perMille < 0:
		return branching, fmt.Errorf("%w: no branching ratio; want at least 0.001", ErrConfig)
	case perMille >= 1000:
		ratio := float64(perMille) / 1000
		return branching, fmt.Errorf("%w: branching ratio %.3f; want less than 1, or the market explodes", ErrConfig, ratio)
	}
	for i, share := range kernel {
		branching[i] = uint32(share * uint64(perMille) / 1000)
	}
	return branching, nil
}

// newProfile turns a listing into the integers of the event path.
func newProfile(l *listing, c correlations, branching [components]uint32) (profile, error) {
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
		edge:       spread * 9 / 32,
		near:       spread * 3 / 8,
		joins:      65536 * 12 / 100,
		haste:      5,
		steady:     l.steady,
		sector:     l.sector,
		sigma:      spread / 32,
		impact:     spread / 4,
		depth:      1 + int64(l.spreadTicks)/3,
		orders:     l.orders,
		changes:    int64(l.changes),
		trades:     int64(l.trades) << 16 / int64(l.changes),
		unit:       int64(unit),
		lot:        int64(in.Lot),
		tick:       int64(in.Tick),
	}
	p.correlate(c, l)
	if l.spreadTicks == 1 {
		p.largeTick()
	}
	p.perHalf = 1 << 32 / p.half
	p.perOrder = 1 << 16 / int64(p.orders)
	p.far = min(p.open/4, 400*p.depth)
	return p, nil
}

// largeTick changes the profile to that of a spread of one tick: quotes go up
// to the latent price, queues are long, and are given up only when the price
// has clearly left them. That hysteresis keeps the spread closed.
func (p *profile) largeTick() {
	p.edge, p.half = 0, p.spread/2
	p.near = -p.spread / 4
	p.joins = 65536 * 40 / 100
	p.haste = 3
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
	surprises := uint64(l.trades) * 40 / 100
	if l.spreadTicks == 1 {
		surprises /= 2 // an aggressor has several trades at a price
	}
	moves := uint64(p.impact*p.impact) / 1000 * surprises
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
