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
	half   int64 // half the mean spread, Q16 ticks
	sigma  int64 // median step of the latent price at an event, Q16 ticks
	impact int64 // what a wholly unexpected aggressor moves it, Q16 ticks
	depth  int64 // scale of distances behind the touch, ticks
	far    int64 // largest such distance, ticks
	orders int   // resting orders that the flow tends to
	trades int64 // trades for each event, Q16
	unit   int64 // round quantity
	lot    int64 // quantities are multiples of it
	tick   int64 // prices are multiples of it
}

// branching is the branching ratio of each component, Q16: 0.80 in all.
var branching = [components]uint32{19_661, 16_384, 13_107, 3_277}

// newProfile turns a listing into the integers of the event path.
func newProfile(l *listing) (profile, error) {
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
		half:       spread / 2,
		sigma:      spread / 24,
		impact:     spread / 5,
		depth:      1 + int64(l.spreadTicks)/2,
		orders:     200 + l.changes/350,
		trades:     int64(l.trades) << 16 / int64(l.changes),
		unit:       int64(unit),
		lot:        int64(in.Lot),
		tick:       int64(in.Tick),
	}
	p.far = min(p.open/4, 400*p.depth)
	return p, nil
}
