package orderbook

import "tickcast/wire"

// Enter takes a new order: it is checked, matched, and what is left rests or is
// cancelled as its type says. Stops that its trades elect follow within the
// same batch. A rejected order changes nothing.
func (b *Book) Enter(dst []wire.Event, o *Order) []wire.Event {
	if b.slow || !o.plain() {
		return b.enterOdd(dst, o)
	}
	if reason := b.check(o); reason != 0 {
		return b.appendRejected(dst, o, reason)
	}
	slot := b.newOrder()
	if slot == 0 {
		return b.appendRejected(dst, o, wire.ReasonLimit)
	}
	var t taker
	b.identify(&t, o, slot)
	other := &b.sides[1-t.side]
	t.limit = other.key(o.Price)
	if other.bestKey > t.limit && o.Type == Limit {
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
		dst = b.restTouched(dst, &t)
	default:
		b.abandon(slot)
		dst = appendCancelled(dst, &t, t.qty, wire.ReasonIOC)
	}
	return b.appendTouched(dst)
}

// plain reports whether nothing about the order concerns the rare rules.
func (o *Order) plain() bool {
	return (o.Type == Limit || o.Type == IOC) && !o.Hidden && o.STP == 0 && o.Min == 0 && o.Qty < qtyLarge
}

// identify makes the taker of a new order. Its limit is left to the caller.
func (b *Book) identify(t *taker, o *Order, slot int32) {
	s := &b.orders[slot]
	if b.outside {
		s.id = o.ID
	}
	t.id = s.id
	t.qty = int64(o.Qty)
	t.price = o.Price
	t.slot = slot
	t.owner = o.Owner
	t.side = int(o.Side-wire.Buy) & 1
}

// appendRested reports an order that rested without trading, in a book where
// every resting order is displayed.
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

// restTouched rests what is left of a new order that traded.
func (b *Book) restTouched(dst []wire.Event, t *taker) []wire.Event {
	l := &b.sides[t.side]
	b.touch(t.side, b.level(l, l.key(t.price)))
	b.enrol(t)
	b.rest(t)
	dst = room(dst, 1)
	put(&dst[len(dst)-1], wire.EventAdd, wire.Buy+wire.Side(t.side), t.id, t.price, t.qty)
	return dst
}

// rest puts the taker's slot at the back of its level, displayed.
func (b *Book) rest(t *taker) {
	l := &b.sides[t.side]
	b.append(b.level(l, l.key(t.price)), t, uint64(t.side)<<53)
	b.levels[b.orders[t.slot].level].qty += t.qty
}

// append makes the taker's slot the last order of a level; the level's total is
// left to the caller.
func (b *Book) append(at int32, t *taker, flags uint64) {
	lv := &b.levels[at]
	o := &b.orders[t.slot]
	o.id = t.id | flags
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
	lv.count++
	b.resting++
}

// enrol makes the taker's outside id known.
func (b *Book) enrol(t *taker) {
	if b.outside {
		b.index.add(t.id, t.slot)
	}
}

// abandon frees the slot of an order that was never enrolled.
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

func (b *Book) appendRejected(dst []wire.Event, o *Order, reason wire.Reason) []wire.Event {
	e := wire.Event{Kind: wire.EventRejected, Side: o.Side, Reason: reason}
	if b.outside {
		e.ID = o.ID
	}
	return append(dst, e)
}

// appendCancelled reports that qty of the taker leaves without trading.
func appendCancelled(dst []wire.Event, t *taker, qty int64, reason wire.Reason) []wire.Event {
	dst = room(dst, 1)
	e := &dst[len(dst)-1]
	put(e, wire.EventCancelled, wire.Buy+wire.Side(t.side), t.id, t.price, qty)
	e.Reason = reason
	return dst
}
