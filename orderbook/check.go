package orderbook

import "tickcast/wire"

// check returns why a new order cannot be taken in, 0 if it can. It changes
// nothing.
func (b *Book) check(o *Order) wire.Reason {
	if reason := b.checkEntry(o); reason != 0 {
		return reason
	}
	if b.outside {
		if o.ID == 0 || o.ID > IDMax {
			return wire.ReasonLimit
		}
		if b.index.find(o.ID, b.orders) != 0 {
			return wire.ReasonDuplicate
		}
	}
	if o.Side-wire.Buy > 1 || o.Type-Limit > Iceberg-Limit || o.STP > STPDecrement {
		return wire.ReasonLimit
	}
	if reason := b.checkQty(o.Qty); reason != 0 {
		return reason
	}
	if reason := b.checkPrices(o); reason != 0 {
		return reason
	}
	return b.checkSizes(o)
}

// checkEntry asks whether the state takes in such an order.
func (b *Book) checkEntry(o *Order) wire.Reason {
	switch {
	case b.state == wire.StateTrading:
		return 0
	case !b.collecting():
		return wire.ReasonState
	}
	switch o.Type {
	case Market, IOC, FOK: // nothing trades before the uncross
		return wire.ReasonState
	}
	if o.Min > 0 && !o.waits() {
		return wire.ReasonState
	}
	return 0
}

func (b *Book) checkPrices(o *Order) wire.Reason {
	if o.waits() {
		// A trigger is no price at which to trade: the band does not bind it.
		if reason := b.checkGrid(o.Trigger); reason != 0 {
			return reason
		}
	}
	if o.Type == Market || o.Type == Stop {
		return 0
	}
	return b.checkPrice(o.Price)
}

// checkSizes checks the rarer sizes, and that the level's total stays in range.
func (b *Book) checkSizes(o *Order) wire.Reason {
	switch {
	case o.Type == Iceberg && (o.Display <= 0 || o.Display > o.Qty || o.Display%b.cfg.Lot != 0):
		return wire.ReasonLimit
	case o.Type == Iceberg && o.Qty/o.Display > icebergPartsMax:
		return wire.ReasonLimit
	case o.Min < 0 || o.Min > o.Qty:
		return wire.ReasonMin
	case !b.fits(&b.sides[o.Side-wire.Buy], o.Price, o.Qty):
		return wire.ReasonLimit
	}
	return 0
}

// icebergPartsMax bounds how often an iceberg is refilled: one command may trade
// with all parts, and each is a trade in its batch.
const icebergPartsMax = 1 << 20

// fits reports whether a level's total stays in range with one more order.
func (b *Book) fits(l *ladder, p wire.Price, q wire.Qty) bool {
	return q < qtyLarge || b.levels[b.find(l, l.key(p))].qty < levelQtyMax
}

// A level holds at most 2^24 orders below qtyLarge, and larger ones while its
// total is below levelQtyMax.
const (
	qtyLarge    = 1 << 38
	levelQtyMax = 1 << 61
)

func (b *Book) checkQty(q wire.Qty) wire.Reason {
	switch {
	case q < b.cfg.MinQty:
		return wire.ReasonMin
	case q > b.cfg.MaxQty:
		return wire.ReasonLimit
	case b.cfg.Lot != 1 && q%b.cfg.Lot != 0:
		return wire.ReasonLot
	}
	return 0
}

func (b *Book) checkPrice(p wire.Price) wire.Reason {
	if reason := b.checkGrid(p); reason != 0 {
		return reason
	}
	if b.banded && (p < b.low || p > b.high) {
		return wire.ReasonBand
	}
	return 0
}

func (b *Book) checkGrid(p wire.Price) wire.Reason {
	switch {
	case p < b.cfg.MinPrice || p > b.cfg.MaxPrice:
		return wire.ReasonLimit
	case b.cfg.Tick != 1 && p%b.cfg.Tick != 0:
		return wire.ReasonTick
	}
	return 0
}
