package orderbook

import "tickcast/wire"

// Cancel takes an order, or a waiting stop, out of the book.
func (b *Book) Cancel(dst []wire.Event, id uint64) []wire.Event {
	e := dst[len(dst):cap(dst)]
	if b.slow || len(e) < 4 {
		return b.cancelOdd(dst, id)
	}
	slot := int32(0)
	if b.outside {
		slot = b.index.take(id, b.orders)
	} else if s := id & slotMask; s < uint64(len(b.orders)) && b.orders[s].id&(idMask|flagFree) == id && id < flagFree {
		slot = int32(s)
	}
	if slot == 0 {
		return b.cancelOdd(dst, id)
	}
	orders := b.orders
	o := &orders[slot]
	at := o.level
	lv := &b.levels[at]
	l := &b.sides[o.side()]
	qty, prev, next := o.qty, o.prev, o.next
	o.id = (id+1<<slotBits)&idMask | flagFree
	o.next = b.freeOrder
	b.freeOrder = slot
	b.resting--
	if prev == 0 {
		lv.head = next
	} else {
		orders[prev].next = next
	}
	if next == 0 {
		lv.tail = prev
	} else {
		orders[next].prev = prev
	}
	lv.qty -= qty
	lv.count--
	price := l.price(lv.key)
	put(&e[0], wire.EventCancelled, l.mark, id, price, qty)
	put(&e[1], wire.EventRemove, l.mark, id, price, 0)
	putLevel(&e[2], l.mark, price, lv)
	if at == l.best || lv.head == 0 {
		return b.cancelEdge(dst[:len(dst)+3], l, at)
	}
	return dst[:len(dst)+3]
}

// cancelEdge ends a cancel at the best level, or of the last order of any.
//
//go:noinline
func (b *Book) cancelEdge(dst []wire.Event, l *ladder, at int32) []wire.Event {
	best := at == l.best
	if b.levels[at].head == 0 {
		b.drop(l, at)
	}
	if !best {
		return dst
	}
	l.top = b.topOf(l)
	dst = room(dst, 1)
	put(&dst[len(dst)-1], wire.EventTopMoved, 0, 0, 0, 0)
	return dst
}

func (b *Book) cancelOdd(dst []wire.Event, id uint64) []wire.Event {
	slot, reason := b.amendable(id)
	if reason != 0 {
		return append(dst, wire.Event{Kind: wire.EventRejected, ID: id, Reason: reason})
	}
	b.touchOrder(slot)
	return b.appendTouched(b.appendTaken(dst, slot, 0))
}

// Reduce takes quantity off an order, which keeps its place: of an iceberg off
// its reserve first. Reducing to zero or below cancels it.
func (b *Book) Reduce(dst []wire.Event, id uint64, by wire.Qty) []wire.Event {
	slot, reason := b.amendable(id)
	if reason == 0 {
		reason = b.checkReduce(by)
	}
	if reason != 0 {
		return append(dst, wire.Event{Kind: wire.EventRejected, ID: id, Reason: reason})
	}
	rest := b.remainder(slot) - int64(by)
	if rest <= 0 {
		return b.Cancel(dst, id)
	}
	r := b.restingOf(slot)
	dst = room(dst, 1)
	put(&dst[len(dst)-1], wire.EventCancelled, markOf(r.Side), id, r.Price, int64(by))
	return b.shrink(dst, slot, rest)
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

// shrink leaves an order less quantity, in its place, and reports what shows.
func (b *Book) shrink(dst []wire.Event, slot int32, rest int64) []wire.Event {
	o := &b.orders[slot]
	by := b.remainder(slot) - rest
	if o.id&flagsOdd == flagRare {
		r := &b.rares[slot]
		off := min(by, r.reserve)
		r.reserve -= off
		by -= off
	}
	if o.id&(flagHidden|flagStop) != 0 {
		o.qty -= by
		return dst
	}
	if by == 0 {
		return dst
	}
	b.touchOrder(slot)
	o.qty -= by
	lv := &b.levels[o.level]
	lv.qty -= by
	l := &b.sides[o.side()]
	dst = room(dst, 1)
	put(&dst[len(dst)-1], wire.EventReduce, l.mark, o.id&idMask, l.price(lv.key), o.qty)
	return b.appendTouched(dst)
}

// amendable returns the slot of an order that may be taken out or made
// smaller, or why not.
func (b *Book) amendable(id uint64) (int32, wire.Reason) {
	if b.state == wire.StateClosed {
		return 0, wire.ReasonState
	}
	slot := b.slotOf(id)
	if slot == 0 {
		return 0, wire.ReasonUnknown
	}
	return slot, 0
}

// touchOrder touches the level of an order that rests.
func (b *Book) touchOrder(slot int32) {
	if o := &b.orders[slot]; o.id&flagStop == 0 {
		b.touch(o.side(), o.level)
	}
}

// unlink takes an order out of its level, which may be left empty.
func (b *Book) unlink(slot int32) {
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
	if o.id&flagHidden == 0 {
		lv.qty -= o.qty
		lv.count--
	}
	b.resting--
}
