package orderbook

import "tickcast/wire"

// Replace gives an order a new remaining quantity and price. A smaller or equal
// quantity at the same price keeps its place; anything else goes to the back,
// after trading as a new order of that price would. Id, owner, type and
// self-trade prevention stay. The price of a waiting stop is its trigger, of a
// waiting stop-limit order its limit.
func (b *Book) Replace(dst []wire.Event, id uint64, qty wire.Qty, price wire.Price) []wire.Event {
	if slot := b.slotOf(id); !b.slow && slot != 0 && b.moves(slot, qty, price) {
		return b.move(dst, slot, qty, price)
	}
	return b.replaceOdd(dst, id, qty, price)
}

// moves reports whether a replace is of a plain order that goes to another level
// and rests there at once.
func (b *Book) moves(slot int32, qty wire.Qty, price wire.Price) bool {
	o := &b.orders[slot]
	l, other := &b.sides[o.side()], &b.sides[1-o.side()]
	return o.id>>54 == 0 && other.bestKey > other.key(price) && b.levels[o.level].key != l.key(price) &&
		uint64(qty-b.cfg.MinQty) <= b.qtySpan && uint64(price-b.cfg.MinPrice) <= b.priceSpan &&
		b.onGrid(&Order{Qty: qty, Price: price})
}

// move puts a plain order at the back of another level.
func (b *Book) move(dst []wire.Event, slot int32, qty wire.Qty, price wire.Price) []wire.Event {
	o := &b.orders[slot]
	l := &b.sides[o.side()]
	id, from := o.id&idMask, o.level
	n := len(dst)
	dst = room(dst, 4)
	e := (*[4]wire.Event)(dst[n:])
	put(&e[0], wire.EventReplaced, l.mark, id, price, int64(qty))
	e[0].Ref = id
	put(&e[1], wire.EventReplace, l.mark, id, price, int64(qty))
	b.unlink(slot)
	lv := &b.levels[from]
	putLevel(&e[2], l.mark, l.price(lv.key), lv)
	if lv.head == 0 {
		b.drop(l, from)
	}
	key := l.key(price)
	at := *b.hint(price)
	if b.levels[at].key != key {
		at = b.level(l, key)
		b.setHint(price, at)
	}
	lv = &b.levels[at]
	o.qty = int64(qty)
	o.next, o.prev, o.level = 0, lv.tail, at
	b.chain(lv, slot)
	lv.qty += int64(qty)
	putLevel(&e[3], l.mark, price, lv)
	if top := b.topOf(l); top != l.top {
		l.top = top
		dst = append(dst, wire.Event{Kind: wire.EventTopMoved})
	}
	return dst
}

// replaceOdd is Replace without assumptions.
func (b *Book) replaceOdd(dst []wire.Event, id uint64, qty wire.Qty, price wire.Price) []wire.Event {
	slot, reason := b.replaceable(id, qty, price)
	if reason != 0 {
		return append(dst, wire.Event{Kind: wire.EventRejected, ID: id, Reason: reason})
	}
	o := &b.orders[slot]
	side := o.side()
	if o.id&flagStop != 0 {
		return b.replaceStop(dst, slot, qty, price)
	}
	replaced := wire.Event{
		Kind: wire.EventReplaced, ID: id, Ref: id, Price: price, Qty: qty, Side: wire.Buy + wire.Side(side),
	}
	if b.levels[o.level].key == b.sides[side].key(price) && int64(qty) <= b.remainder(slot) && !b.cfg.Requeue {
		return b.shrink(append(dst, replaced), slot, int64(qty))
	}
	t := b.reenter(slot, qty, price)
	wasShown := !t.hidden
	b.touch(side, o.level)
	b.take(slot)
	if !b.collecting() {
		dst = b.sweepAny(dst, &t)
	}
	replaced.Qty = wire.Qty(t.qty)
	dst = append(dst, replaced)
	replaced.Ref = 0
	if t.qty > 0 {
		b.restAny(&t)
		replaced.Kind, replaced.Qty = wire.EventReplace, wire.Qty(b.orders[slot].qty)
	} else {
		b.release(slot)
		replaced.Kind = wire.EventRemove
	}
	if wasShown {
		dst = append(dst, replaced)
	}
	return b.appendTouched(b.appendElected(dst))
}

// replaceable returns the slot of an order that may be replaced so, or why not.
func (b *Book) replaceable(id uint64, qty wire.Qty, price wire.Price) (int32, wire.Reason) {
	if b.state != wire.StateTrading && !b.collecting() {
		return 0, wire.ReasonState
	}
	slot, reason := b.amendable(id)
	if reason == 0 {
		reason = b.checkQty(qty)
	}
	if reason != 0 {
		return 0, reason
	}
	o := &b.orders[slot]
	if o.id&flagStop != 0 && b.rares[slot].typ == Stop {
		return slot, b.checkGrid(price)
	}
	if reason = b.checkPrice(price); reason != 0 {
		return 0, reason
	}
	if o.id&flagsOdd == flagRare && int64(qty)/b.rares[slot].display > icebergPartsMax {
		return 0, wire.ReasonLimit
	}
	if other := &b.sides[1-o.side()]; o.id&flagPost != 0 && other.bestKey <= other.key(price) {
		return 0, wire.ReasonPost
	}
	return slot, b.checkSizes(&Order{Side: wire.Buy + wire.Side(o.side()), Type: Limit, Qty: qty, Price: price})
}

// reenter returns the taker that an order becomes when it loses its place.
func (b *Book) reenter(slot int32, qty wire.Qty, price wire.Price) taker {
	o := &b.orders[slot]
	t := taker{
		id: o.id & idMask, side: o.side(), qty: int64(qty), price: price, owner: o.owner, slot: slot,
		stp: o.stp(), hidden: o.id&flagHidden != 0, post: o.id&flagPost != 0,
	}
	if o.id&flagRare != 0 {
		t.display = b.rares[slot].display
	}
	t.limit = b.sides[1-t.side].key(price)
	return t
}

// replaceStop changes a waiting stop. A new trigger or a larger quantity loses
// its place among the stops of its trigger.
func (b *Book) replaceStop(dst []wire.Event, slot int32, qty wire.Qty, price wire.Price) []wire.Event {
	o := &b.orders[slot]
	r := &b.rares[slot]
	typ, trigger := r.typ, b.restingOf(slot).Price
	t := b.reenter(slot, qty, price)
	t.min, t.hidden = r.min, r.hidden
	dst = append(dst, wire.Event{
		Kind: wire.EventReplaced, ID: t.id, Ref: t.id, Price: price, Qty: qty, Side: wire.Buy + wire.Side(t.side),
	})
	if typ == StopLimit {
		r.price = int64(price)
	}
	if int64(qty) <= o.qty && (typ == StopLimit || price == trigger) {
		o.qty = int64(qty)
		return dst
	}
	if typ == Stop {
		trigger, t.price = price, 0
	}
	b.take(slot)
	b.park(&t, typ, trigger)
	return b.appendTouched(b.appendElected(dst))
}
