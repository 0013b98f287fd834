package orderbook

import "tickcast/wire"

// Cancel takes an order, or a waiting stop, out of the book.
func (b *Book) Cancel(dst []wire.Event, id uint64) []wire.Event {
	slot, reason := b.amendable(id)
	if reason != 0 {
		return append(dst, wire.Event{Kind: wire.EventRejected, ID: id, Reason: reason})
	}
	o := &b.orders[slot]
	side := o.side()
	l := &b.sides[side]
	at, qty := o.level, o.qty
	lv := &b.levels[at]
	price := l.price(lv.key)
	b.unlink(l, slot)
	b.release(slot)
	who := wire.Buy + wire.Side(side)
	dst = room(dst, 3)
	e := dst[len(dst)-3:]
	put(&e[0], wire.EventCancelled, who, id, price, qty)
	put(&e[1], wire.EventRemove, who, id, price, 0)
	putLevel(&e[2], who, price, lv)
	if at != l.best {
		if lv.head == 0 {
			b.drop(l, at)
		}
		return dst
	}
	if lv.head == 0 {
		b.drop(l, at)
	}
	return b.appendTop(dst)
}

// Reduce takes quantity off an order, which keeps its place. Reducing to zero
// or below cancels it.
func (b *Book) Reduce(dst []wire.Event, id uint64, by wire.Qty) []wire.Event {
	slot, reason := b.amendable(id)
	if reason == 0 {
		reason = b.checkReduce(by)
	}
	if reason != 0 {
		return append(dst, wire.Event{Kind: wire.EventRejected, ID: id, Reason: reason})
	}
	o := &b.orders[slot]
	if int64(by) >= o.qty {
		return b.Cancel(dst, id)
	}
	price := b.sides[o.side()].price(b.levels[o.level].key)
	dst = append(dst, wire.Event{
		Kind: wire.EventCancelled, ID: id, Price: price, Qty: by, Side: wire.Buy + wire.Side(o.side()),
	})
	return b.appendShrunk(dst, slot, o.qty-int64(by))
}

func (b *Book) checkReduce(by wire.Qty) wire.Reason {
	switch {
	case by <= 0:
		return wire.ReasonMin
	case b.cfg.Lot != 1 && by%b.cfg.Lot != 0:
		return wire.ReasonLot
	}
	return 0
}

// appendShrunk gives a displayed order a smaller quantity in its place.
func (b *Book) appendShrunk(dst []wire.Event, slot int32, qty int64) []wire.Event {
	o := &b.orders[slot]
	l := &b.sides[o.side()]
	lv := &b.levels[o.level]
	lv.qty -= o.qty - qty
	o.qty = qty
	price, side := l.price(lv.key), wire.Buy+wire.Side(o.side())
	dst = append(dst,
		wire.Event{Kind: wire.EventReduce, ID: o.id & idMask, Price: price, Qty: wire.Qty(qty), Side: side},
		wire.Event{Kind: wire.EventLevelSet, Price: price, Qty: wire.Qty(lv.qty), Count: uint32(lv.count), Side: side},
	)
	if o.level == l.best {
		dst = b.appendTop(dst)
	}
	return dst
}

// Replace gives an order a new remaining quantity and price. A smaller or equal
// quantity at the same price keeps its place; anything else goes to the back,
// after trading as a new order of that price would. The id stays.
func (b *Book) Replace(dst []wire.Event, id uint64, qty wire.Qty, price wire.Price) []wire.Event {
	slot, reason := b.amendable(id)
	if reason == 0 {
		reason = b.checkQty(qty)
	}
	if reason == 0 {
		reason = b.checkPrice(price)
	}
	if reason != 0 {
		return append(dst, wire.Event{Kind: wire.EventRejected, ID: id, Reason: reason})
	}
	o := &b.orders[slot]
	side := o.side()
	l := &b.sides[side]
	replaced := wire.Event{
		Kind: wire.EventReplaced, ID: id, Ref: id, Price: price, Qty: qty, Side: wire.Buy + wire.Side(side),
	}
	if b.levels[o.level].key == l.key(price) && int64(qty) <= o.qty {
		dst = append(dst, replaced)
		if int64(qty) < o.qty {
			dst = b.appendShrunk(dst, slot, int64(qty))
		}
		return dst
	}
	t := taker{id: id, side: side, qty: int64(qty), price: price, owner: o.owner, slot: slot}
	t.limit = b.sides[1-side].key(price)
	b.touch(side, o.level)
	b.pull(l, slot)
	dst = b.sweep(dst, &t)
	replaced.Qty = wire.Qty(t.qty)
	dst = append(dst, replaced)
	if t.qty == 0 {
		b.release(slot)
		dst = append(dst, wire.Event{Kind: wire.EventRemove, ID: id, Price: price, Side: replaced.Side})
		return b.appendTouched(dst)
	}
	b.touch(side, b.level(l, l.key(price)))
	b.rest(&t)
	replaced.Kind, replaced.Ref = wire.EventReplace, 0
	return b.appendTouched(append(dst, replaced))
}

// amendable returns the slot of an order that may be changed, or why not.
func (b *Book) amendable(id uint64) (int32, wire.Reason) {
	slot := b.slotOf(id)
	if slot == 0 {
		return 0, wire.ReasonUnknown
	}
	return slot, 0
}

// pull takes an order out of its level, which goes too if it is empty. The
// slot and the id stay taken.
func (b *Book) pull(l *ladder, slot int32) {
	at := b.orders[slot].level
	b.unlink(l, slot)
	if b.levels[at].head == 0 {
		b.drop(l, at)
	}
}

// unlink takes an order out of its level, which may be left empty.
func (b *Book) unlink(l *ladder, slot int32) {
	o := &b.orders[slot]
	lv := &b.levels[o.level]
	if o.prev == 0 {
		lv.head = o.next
	} else {
		b.orders[o.prev].next = o.next
	}
	if o.next == 0 {
		lv.tail = o.prev
	} else {
		b.orders[o.next].prev = o.prev
	}
	lv.qty -= o.qty
	lv.count--
	b.resting--
}
