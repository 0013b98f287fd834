package orderbook

import "tickcast/wire"

// Front returns the order of a side that trades first, false if the side is
// empty.
func (b *Book) Front(side wire.Side) (Resting, bool) {
	l := &b.sides[side-wire.Buy]
	if l.best == 0 {
		return Resting{}, false
	}
	return b.restingOf(b.levels[l.best].head), true
}
