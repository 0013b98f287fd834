package orderbook

import (
	"slices"

	"tickcast/wire"
)

// Depth is an L2 image: the displayed total of each price of each side. It is
// what somebody keeps who hears of levels and not of orders: a client of the
// book channel, a relay. The zero Depth is empty. It belongs to one goroutine.
//
// A side is a slice with the best level last, because that is where levels
// come and go: a change near the touch moves a few levels, one far from it up
// to all.
type Depth struct {
	bids, asks []wire.Level
}

// Reset empties both sides and keeps their memory.
func (d *Depth) Reset() { d.bids, d.asks = d.bids[:0], d.asks[:0] }

// Set makes the total at a price what l says; quantity 0 removes the level.
// Setting a level that is not there to 0 does nothing.
func (d *Depth) Set(side wire.Side, l wire.Level) {
	levels := d.side(side)
	at, found := slices.BinarySearchFunc(*levels, l.Price, func(have wire.Level, price wire.Price) int {
		if have.Price == price {
			return 0
		}
		if (have.Price < price) == (side == wire.Buy) {
			return -1
		}
		return 1
	})
	switch {
	case found && l.Qty == 0:
		*levels = slices.Delete(*levels, at, at+1)
	case found:
		(*levels)[at].Qty = l.Qty
	case l.Qty != 0:
		*levels = slices.Insert(*levels, at, l)
	}
}

// Apply takes the level events of a book's batch, in order, and ignores the
// others.
func (d *Depth) Apply(events []wire.Event) {
	for i := range events {
		if e := &events[i]; e.Kind == wire.EventLevelSet {
			d.Set(e.Side, wire.Level{Price: e.Price, Qty: e.Qty})
		}
	}
}

// Top returns the best level of each side.
func (d *Depth) Top() wire.Top {
	var t wire.Top
	if n := len(d.bids); n > 0 {
		t.Bid = d.bids[n-1]
	}
	if n := len(d.asks); n > 0 {
		t.Ask = d.asks[n-1]
	}
	return t
}

// AppendLevels appends the best n levels of a side, the best first; n <= 0
// means all.
func (d *Depth) AppendLevels(dst []wire.Level, side wire.Side, n int) []wire.Level {
	levels := *d.side(side)
	if n <= 0 || n > len(levels) {
		n = len(levels)
	}
	for i := len(levels) - 1; i >= len(levels)-n; i-- {
		dst = append(dst, levels[i])
	}
	return dst
}

func (d *Depth) side(side wire.Side) *[]wire.Level {
	if side == wire.Buy {
		return &d.bids
	}
	return &d.asks
}
