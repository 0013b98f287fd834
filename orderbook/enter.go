package orderbook

import "tickcast/wire"

// Enter takes a new order: it is checked, matched, and what is left rests or is
// cancelled as its type says. Stops that its trades elect follow within the
// same batch. A rejected order changes nothing.
//
// This is the way of a limit order that rests at once. Whatever it does not
// expect goes to enterTaker or enterOdd, which assume less.
func (b *Book) Enter(dst []wire.Event, o *Order) []wire.Event {
	side := int(o.Side-wire.Buy) & 1
	slot := b.freeOrder
	l, other := &b.sides[side], &b.sides[1-side]
	e := dst[len(dst):cap(dst)]
	if len(e) < 4 || o.Type != Limit || o.Hidden || o.STP != 0 || o.Min != 0 || b.slow || slot == 0 ||
		other.bestKey <= uint64(o.Price)^other.mask || o.Side-wire.Buy > 1 ||
		uint64(o.Qty-b.cfg.MinQty) > b.qtySpan || uint64(o.Price-b.cfg.MinPrice) > b.priceSpan {
		return b.enterAny(dst, o)
	}
	key := uint64(o.Price) ^ l.mask
	at := b.hints[uint64(o.Price)&uint64(len(b.hints)-1)]
	lv := &b.levels[at]
	if lv.key != key {
		return b.enterFar(dst, o, l, key)
	}
	if b.picky && !b.claim(o, slot) {
		return b.enterAny(dst, o)
	}
	orders := b.orders
	s := &orders[slot]
	b.freeOrder = s.next
	id := s.id & idMask
	if b.outside {
		id = o.ID
	}
	s.id = id | uint64(side)<<53
	s.qty = int64(o.Qty)
	s.next, s.prev = 0, lv.tail
	s.level = at
	s.owner = o.Owner
	if lv.tail == 0 {
		lv.head = slot
	} else {
		orders[lv.tail].next = slot
	}
	lv.tail = slot
	lv.count++
	lv.qty += int64(o.Qty)
	b.resting++
	put(&e[0], wire.EventAccepted, l.mark, id, o.Price, int64(o.Qty))
	put(&e[1], wire.EventAdd, l.mark, id, o.Price, int64(o.Qty))
	putLevel(&e[2], l.mark, o.Price, lv)
	if l.best != at {
		return dst[:len(dst)+3]
	}
	l.top.Price, l.top.Qty = o.Price, wire.Qty(lv.qty)
	put(&e[3], wire.EventTopMoved, 0, 0, 0, 0)
	return dst[:len(dst)+4]
}

// enterFar is Enter at a price to which no hint leads. It finds or makes the
// level. Enter itself would have to save its variables around the calls, for
// every order.
//
//go:noinline
func (b *Book) enterFar(dst []wire.Event, o *Order, l *ladder, key uint64) []wire.Event {
	at := b.level(l, key)
	b.setHint(o.Price, at)
	dst = b.Enter(dst, o)
	if b.levels[at].head == 0 {
		b.drop(l, at) // the order was rejected
	}
	return dst
}

// enterAny is Enter without the assumption that the order rests at once and
// that there is room for its events.
func (b *Book) enterAny(dst []wire.Event, o *Order) []wire.Event {
	if cap(dst)-len(dst) < 4 {
		return b.Enter(enlarge(dst, 4), o)
	}
	if b.slow || o.Type != Limit && o.Type != IOC || o.Hidden || o.STP != 0 || o.Min != 0 || !b.valid(o) {
		return b.enterOdd(dst, o)
	}
	return b.enterTaker(dst, o)
}

// valid reports whether nothing is wrong with an order of a plain type.
func (b *Book) valid(o *Order) bool {
	if o.Side-wire.Buy > 1 || uint64(o.Qty-b.cfg.MinQty) > b.qtySpan || uint64(o.Price-b.cfg.MinPrice) > b.priceSpan {
		return false
	}
	return b.onGrid(o) && (!b.outside || o.ID-1 < IDMax && b.index.find(o.ID, b.orders) == 0)
}

// claim checks what a book with handles and a tick and lot of 1 need not, for an
// order that is about to rest in a slot. It enters the id in the same probe that
// looks for it.
func (b *Book) claim(o *Order, slot int32) bool {
	return b.onGrid(o) && (!b.outside || o.ID-1 < IDMax && b.index.claim(o.ID, slot, b.orders))
}

func (b *Book) onGrid(o *Order) bool {
	return (b.cfg.Tick == 1 || o.Price%b.cfg.Tick == 0) && (b.cfg.Lot == 1 || o.Qty%b.cfg.Lot == 0)
}

// enterTaker is Enter for a plain order that may trade.
func (b *Book) enterTaker(dst []wire.Event, o *Order) []wire.Event {
	slot := b.newOrder()
	if slot == 0 {
		return b.appendRejected(dst, o, wire.ReasonLimit)
	}
	var t taker
	b.identify(&t, o, slot)
	l := &b.sides[1-t.side]
	t.limit = l.key(o.Price)
	dst = room(dst, 1)
	put(&dst[len(dst)-1], wire.EventAccepted, markOf(o.Side), t.id, o.Price, t.qty)
	traded := l.bestKey <= t.limit
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
	if !traded || t.qty > 0 && o.Type == Limit {
		return b.appendTouched(dst)
	}
	dst = b.appendSwept(dst)
	l.top = b.topOf(l)
	dst = room(dst, 1)
	put(&dst[len(dst)-1], wire.EventTopMoved, 0, 0, 0, 0)
	return dst
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

// restTouched rests what is left of a new order that traded.
func (b *Book) restTouched(dst []wire.Event, t *taker) []wire.Event {
	l := &b.sides[t.side]
	b.touch(t.side, b.level(l, l.key(t.price)))
	b.enrol(t)
	b.rest(t)
	dst = room(dst, 1)
	put(&dst[len(dst)-1], wire.EventAdd, l.mark, t.id, t.price, t.qty)
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
	b.chain(lv, t.slot)
}

// chain links an order behind the last of a level.
func (b *Book) chain(lv *level, slot int32) {
	if lv.tail == 0 {
		lv.head = slot
	} else {
		b.orders[lv.tail].next = slot
	}
	lv.tail = slot
	lv.count++
	b.resting++
}

// enrol makes the taker's outside id known.
func (b *Book) enrol(t *taker) {
	if b.outside {
		b.index.add(t.id, t.slot)
	}
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
	put(e, wire.EventCancelled, markOf(wire.Buy+wire.Side(t.side)), t.id, t.price, qty)
	e.Reason = reason
	return dst
}
