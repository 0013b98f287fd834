package orderbook

import "tickcast/wire"

// preventSelf does what the taker's mode says instead of trading with an order
// of the same owner.
func (b *Book) preventSelf(dst []wire.Event, t *taker, slot int32) []wire.Event {
	switch t.stp {
	case STPNewest:
		return cancelTaker(dst, t)
	case STPOldest:
		return b.appendTaken(dst, slot, wire.ReasonSTP)
	case STPBoth:
		dst = b.appendTaken(dst, slot, wire.ReasonSTP)
		return cancelTaker(dst, t)
	}
	m := &b.orders[slot]
	qty := min(m.qty, t.qty)
	dst = appendCancelled(dst, t, qty, wire.ReasonSTP)
	t.qty -= qty
	dst = append(dst, wire.Event{
		Kind: wire.EventCancelled, ID: m.id & idMask, Price: b.restingOf(slot).Price, Qty: wire.Qty(qty),
		Side: wire.Buy + wire.Side(m.side()), Reason: wire.ReasonSTP,
	})
	return b.consume(dst, slot, qty)
}

func cancelTaker(dst []wire.Event, t *taker) []wire.Event {
	dst = appendCancelled(dst, t, t.qty, wire.ReasonSTP)
	t.qty = 0
	return dst
}

// appendTaken cancels an order, or a waiting stop, and reports it. Its level
// must have been touched.
func (b *Book) appendTaken(dst []wire.Event, slot int32, reason wire.Reason) []wire.Event {
	r := b.restingOf(slot)
	o := &b.orders[slot]
	dst = append(dst, wire.Event{
		Kind: wire.EventCancelled, ID: r.ID, Price: r.Price, Qty: wire.Qty(b.remainder(slot)), Side: r.Side, Reason: reason,
	})
	if o.id&(flagHidden|flagStop) == 0 {
		dst = append(dst, wire.Event{Kind: wire.EventRemove, ID: r.ID, Price: r.Price, Side: r.Side})
	}
	b.take(slot)
	b.release(slot)
	return dst
}
