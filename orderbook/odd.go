package orderbook

import "tickcast/wire"

// This file is the way of an order for which a rare rule is in force: check,
// preconditions, trigger, match, rest, elected stops.

// enterOdd is Enter without assumptions.
func (b *Book) enterOdd(dst []wire.Event, o *Order) []wire.Event {
	reason := b.check(o)
	var t taker
	t.side = int(o.Side-wire.Buy) & 1
	t.qty, t.owner, t.price = int64(o.Qty), o.Owner, o.Price
	t.limit = b.limitKey(o, t.side)
	if o.Owner != 0 {
		t.stp = o.STP
	}
	if reason == 0 {
		reason = b.checkTradable(o, &t)
	}
	slot := int32(0)
	if reason == 0 {
		if slot = b.newOrder(); slot == 0 {
			reason = wire.ReasonLimit
		}
	}
	if reason != 0 {
		return b.appendRejected(dst, o, reason)
	}
	b.identify(&t, o, slot)
	if o.Type == Market || o.Type == Stop {
		t.price = 0
	}
	dst = room(dst, 1)
	put(&dst[len(dst)-1], wire.EventAccepted, markOf(o.Side), t.id, t.price, t.qty)
	t.hidden = o.Hidden && (o.Type == Limit || o.Type == PostOnly || o.Type == StopLimit)
	t.post = o.Type == PostOnly
	if o.Type == Iceberg {
		t.display = int64(o.Display)
	}
	b.enrol(&t)
	if o.waits() {
		t.min = int64(o.Min)
		b.park(&t, o.Type, o.Trigger)
	} else {
		dst = b.execute(dst, &t, o.Type)
	}
	dst = b.appendElected(dst)
	return b.appendTouched(dst)
}

// limitKey returns the worst key of the other side at which an order trades.
func (b *Book) limitKey(o *Order, side int) uint64 {
	if o.Type == Market || o.Type == Stop {
		return b.marketKey(side)
	}
	return b.sides[1-side].key(o.Price)
}

// marketKey is the limit of an order without one: the edge of the band.
func (b *Book) marketKey(side int) uint64 {
	edge := keyNone
	switch {
	case !b.banded:
	case side == 0:
		edge = b.sides[1].key(b.high)
	default:
		edge = b.sides[0].key(b.low)
	}
	return min(edge, keyNone-1) // keyNone is what an empty side has
}

// checkTradable checks what depends on the other side, before the book is
// touched.
func (b *Book) checkTradable(o *Order, t *taker) wire.Reason {
	switch {
	case o.Type == PostOnly && b.sides[1-t.side].bestKey <= t.limit:
		return wire.ReasonPost
	case o.Type == FOK && b.tradable(t, t.qty) < t.qty:
		return wire.ReasonFOK
	case o.Min > 0 && !o.waits() && b.tradable(t, int64(o.Min)) < int64(o.Min):
		return wire.ReasonMin
	}
	return 0
}

// execute matches an enrolled taker and rests or cancels what is left.
func (b *Book) execute(dst []wire.Event, t *taker, typ Type) []wire.Event {
	if !b.collecting() {
		dst = b.sweepAny(dst, t)
	}
	switch {
	case t.qty == 0:
		b.release(t.slot)
		return dst
	case typ == Market, typ == IOC, typ == FOK, typ == Stop:
		b.release(t.slot)
		return appendCancelled(dst, t, t.qty, wire.ReasonIOC)
	}
	b.restAny(t)
	if !t.hidden {
		dst = room(dst, 1)
		put(&dst[len(dst)-1], wire.EventAdd, b.sides[t.side].mark, t.id, t.price, b.orders[t.slot].qty)
	}
	return dst
}

// restAny puts the taker at the back of its level: displayed, hidden, or as an
// iceberg whose reserve is set aside.
func (b *Book) restAny(t *taker) {
	l := &b.sides[t.side]
	at := b.level(l, l.key(t.price))
	b.touch(t.side, at)
	flags := uint64(t.side)<<53 | uint64(t.stp)<<shiftSTP
	if t.post {
		flags |= flagPost
	}
	if t.display > 0 {
		reserve := max(t.qty-t.display, 0)
		*b.rareOf(t.slot) = rare{display: t.display, reserve: reserve}
		t.qty -= reserve
		flags |= flagRare
		b.odd++
	}
	if t.hidden {
		flags |= flagHidden
		b.odd++
	}
	b.append(at, t, flags)
	lv := &b.levels[at]
	if t.hidden {
		lv.count--
	} else {
		lv.qty += t.qty
	}
	b.reconsider()
}

// rareOf returns the record of a slot, made on first need.
func (b *Book) rareOf(slot int32) *rare {
	if int(slot) >= len(b.rares) {
		b.rares = append(b.rares, make([]rare, len(b.orders)-len(b.rares))...)
	}
	return &b.rares[slot]
}

// reconsider decides whether the fast paths are open.
func (b *Book) reconsider() {
	b.slow = b.state != wire.StateTrading || b.banded || b.waiting > 0 || b.odd > 0
}

// remainder returns all that is left of an order, displayed or not.
func (b *Book) remainder(slot int32) int64 {
	o := &b.orders[slot]
	if o.id&(flagRare|flagStop) == flagRare {
		return o.qty + b.rares[slot].reserve
	}
	return o.qty
}

// take takes an order out of its level and, if that is empty, the level out of
// its ladder. Slot and id stay taken.
func (b *Book) take(slot int32) {
	o := &b.orders[slot]
	l := b.ladderOf(o)
	at := o.level
	b.unlink(slot)
	if b.levels[at].head == 0 {
		b.drop(l, at)
	}
	switch {
	case o.id&flagStop != 0:
		b.resting++ // unlink took it for a resting order
		b.waiting--
		b.reconsider()
	case o.id&(flagHidden|flagRare) != 0:
		b.odd--
		b.reconsider()
	}
}
