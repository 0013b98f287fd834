package orderbook

import (
	"math/bits"

	"tickcast/wire"
)

// Front returns the order of a side that trades first, false if the side is
// empty.
func (b *Book) Front(side wire.Side) (Resting, bool) {
	l := &b.sides[side-wire.Buy]
	if l.best == 0 {
		return Resting{}, false
	}
	return b.restingOf(b.levels[l.best].head), true
}

// Sample returns the order in the slot that a uniform 64-bit number chooses,
// false if no order rests there. Every order is as likely as any other, and
// most slots are taken unless the book was once much larger.
func (b *Book) Sample(u uint64) (Resting, bool) {
	if len(b.orders) < 2 {
		return Resting{}, false
	}
	hi, _ := bits.Mul64(u, uint64(len(b.orders)-1))
	slot := int32(hi) + 1
	if b.orders[slot].id&(flagFree|flagStop) != 0 {
		return Resting{}, false
	}
	return b.restingOf(slot), true
}
