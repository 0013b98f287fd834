package orderbook

import "tickcast/wire"

// check returns why a new order cannot be taken in, 0 if it can. It changes
// nothing.
func (b *Book) check(o *Order) wire.Reason {
	if b.state != wire.StateTrading {
		return wire.ReasonState
	}
	if b.outside {
		if o.ID == 0 || o.ID > IDMax {
			return wire.ReasonLimit
		}
		if b.index.find(o.ID, b.orders) != 0 {
			return wire.ReasonDuplicate
		}
	}
	if o.Side-wire.Buy > 1 || o.Type == 0 || o.Type > Iceberg {
		return wire.ReasonLimit
	}
	if reason := b.checkQty(o.Qty); reason != 0 {
		return reason
	}
	if o.Type == Market {
		return 0
	}
	return b.checkPrice(o.Price)
}

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
	switch {
	case p < b.cfg.MinPrice || p > b.cfg.MaxPrice:
		return wire.ReasonLimit
	case b.cfg.Tick != 1 && p%b.cfg.Tick != 0:
		return wire.ReasonTick
	case b.banded && (p < b.low || p > b.high):
		return wire.ReasonBand
	}
	return 0
}
