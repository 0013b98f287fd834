package orderbook

import "tickcast/wire"

// Enter takes a new order: it is checked, matched, and what is left rests or is
// cancelled as its type says. A rejected order changes nothing.
func (b *Book) Enter(dst []wire.Event, o *Order) []wire.Event {
	if reason := b.check(o); reason != 0 {
		return append(dst, wire.Event{Kind: wire.EventRejected, ID: b.rejectedID(o), Side: o.Side, Reason: reason})
	}
	slot := b.newOrder()
	if slot == 0 {
		return append(dst, wire.Event{Kind: wire.EventRejected, ID: b.rejectedID(o), Side: o.Side, Reason: wire.ReasonLimit})
	}
	if b.outside {
		b.orders[slot].id = o.ID
	}
	t := taker{
		id:    b.orders[slot].id,
		side:  int(o.Side - wire.Buy),
		qty:   int64(o.Qty),
		price: o.Price,
		owner: o.Owner,
		slot:  slot,
	}
	t.limit = b.limitKey(o, t.side)
	if b.sides[1-t.side].bestKey > t.limit && o.Type == Limit {
		b.enrol(&t)
		b.rest(&t)
		return b.appendRested(dst, &t)
	}
	dst = room(dst, 1)
	put(&dst[len(dst)-1], wire.EventAccepted, o.Side, t.id, o.Price, t.qty)
	dst = b.sweep(dst, &t)
	switch {
	case t.qty == 0:
		b.abandon(slot)
	case o.Type == Limit:
		side := &b.sides[t.side]
		b.touch(t.side, b.level(side, side.key(t.price)))
		b.enrol(&t)
		b.rest(&t)
		dst = append(dst, wire.Event{Kind: wire.EventAdd, ID: t.id, Price: t.price, Qty: wire.Qty(t.qty), Side: o.Side})
	default:
		b.abandon(slot)
		dst = append(dst, wire.Event{
			Kind: wire.EventCancelled, ID: t.id, Price: o.Price, Qty: wire.Qty(t.qty), Side: o.Side, Reason: wire.ReasonIOC,
		})
	}
	return b.appendTouched(dst)
}

// appendRested reports an order that rested without trading.
func (b *Book) appendRested(dst []wire.Event, t *taker) []wire.Event {
	at := b.orders[t.slot].level
	lv := &b.levels[at]
	side := wire.Buy + wire.Side(t.side)
	dst = room(dst, 3)
	e := dst[len(dst)-3:]
	put(&e[0], wire.EventAccepted, side, t.id, t.price, t.qty)
	put(&e[1], wire.EventAdd, side, t.id, t.price, t.qty)
	putLevel(&e[2], side, t.price, lv)
	if l := &b.sides[t.side]; l.best == at {
		l.top.Price, l.top.Qty = t.price, wire.Qty(lv.qty)
		dst = room(dst, 1)
		put(&dst[len(dst)-1], wire.EventTopMoved, 0, 0, 0, 0)
	}
	return dst
}

// limitKey returns the worst key of the other side at which an order trades.
func (b *Book) limitKey(o *Order, side int) uint64 {
	if o.Type == Market {
		return keyNone - 1
	}
	return b.sides[1-side].key(o.Price)
}

// rest puts the taker's slot at the back of its level.
func (b *Book) rest(t *taker) {
	l := &b.sides[t.side]
	at := b.level(l, l.key(t.price))
	lv := &b.levels[at]
	o := &b.orders[t.slot]
	o.id = t.id | uint64(t.side)<<53
	o.qty = t.qty
	o.next, o.prev = 0, lv.tail
	o.level = at
	o.owner = t.owner
	if lv.tail == 0 {
		lv.head = t.slot
	} else {
		b.orders[lv.tail].next = t.slot
	}
	lv.tail = t.slot
	lv.qty += t.qty
	lv.count++
	b.resting++
}

// enrol makes the taker's outside id known.
func (b *Book) enrol(t *taker) {
	if b.outside {
		b.index.add(t.id, t.slot)
	}
}

// abandon frees the slot of an order that never rested.
func (b *Book) abandon(slot int32) {
	o := &b.orders[slot]
	if b.outside {
		o.id = flagFree
	} else {
		o.id = nextHandle(o.id&idMask) | flagFree
	}
	o.next = b.freeOrder
	b.freeOrder = slot
}

func (b *Book) rejectedID(o *Order) uint64 {
	if b.outside {
		return o.ID
	}
	return 0
}
