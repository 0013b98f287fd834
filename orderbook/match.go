package orderbook

import "tickcast/wire"

// taker is an order on its way through the other side.
type taker struct {
	id      uint64
	qty     int64  // what is left
	limit   uint64 // worst key of the other side at which it trades
	price   wire.Price
	display int64 // of an iceberg
	min     int64 // of a stop
	slot    int32
	owner   uint32
	side    int
	stp     STP
	hidden  bool
	post    bool
}

// sweep trades a taker without self-trade prevention against plain makers: by
// price, then by time, at the makers' prices.
func (b *Book) sweep(dst []wire.Event, t *taker) []wire.Event {
	l := &b.sides[1-t.side]
	for t.qty > 0 && l.bestKey <= t.limit {
		dst = b.sweepLevel(dst, t, l)
	}
	return dst
}

// sweepLevel trades the taker against the best level.
func (b *Book) sweepLevel(dst []wire.Event, t *taker, l *ladder) []wire.Event {
	at := l.best
	b.touch(1-t.side, at)
	orders := b.orders
	lv := &b.levels[at]
	price := l.price(lv.key)
	aggressor, passive := b.sides[t.side].mark, l.mark
	left, gone := t.qty, int32(0)
	slot := lv.head
	for slot != 0 && left > 0 {
		m := &orders[slot]
		id := m.id & idMask
		fill := min(m.qty, left)
		left -= fill
		b.trades++
		dst = room(dst, 2)
		e := dst[len(dst)-2:]
		putTrade(&e[0], aggressor, id, t.id, b.trades, price, fill)
		if m.qty > fill {
			m.qty -= fill
			put(&e[1], wire.EventReduce, passive, id, price, m.qty)
			break
		}
		put(&e[1], wire.EventRemove, passive, id, price, 0)
		gone++
		next := m.next
		if b.outside {
			b.index.remove(id, slot)
		}
		m.id = (id+1<<slotBits)&idMask | flagFree
		m.next = b.freeOrder
		b.freeOrder = slot
		slot = next
	}
	lv.qty -= t.qty - left
	t.qty = left
	lv.count -= gone
	b.resting -= int(gone)
	b.last, b.traded = price, true
	lv.head = slot
	if slot == 0 {
		b.drop(l, at)
	} else {
		orders[slot].prev = 0
	}
	return dst
}

// sweepAny trades a taker whatever it and the makers are.
func (b *Book) sweepAny(dst []wire.Event, t *taker) []wire.Event {
	if b.odd == 0 && t.stp == 0 {
		return b.sweep(dst, t)
	}
	l := &b.sides[1-t.side]
	for t.qty > 0 && l.bestKey <= t.limit {
		b.touch(1-t.side, l.best)
		slot := b.levels[l.best].head
		if m := &b.orders[slot]; t.stp != 0 && m.owner == t.owner {
			dst = b.preventSelf(dst, t, slot)
			continue
		}
		dst = b.fill(dst, t, slot, l.price(l.bestKey))
	}
	return dst
}

// fill trades the taker against one order, at a price.
func (b *Book) fill(dst []wire.Event, t *taker, slot int32, price wire.Price) []wire.Event {
	m := &b.orders[slot]
	qty := min(m.qty, t.qty)
	t.qty -= qty
	b.trades++
	b.last, b.traded = price, true
	dst = room(dst, 1)
	putTrade(&dst[len(dst)-1], b.sides[t.side].mark, m.id&idMask, t.id, b.trades, price, qty)
	return b.consume(dst, slot, qty)
}

// consume takes quantity, at most what it displays, off an order. One that is
// used up is refilled from its reserve, at the back of its level, or leaves.
func (b *Book) consume(dst []wire.Event, slot int32, qty int64) []wire.Event {
	m := &b.orders[slot]
	m.qty -= qty
	if m.id&flagHidden != 0 {
		if m.qty == 0 {
			b.take(slot)
			b.release(slot)
		}
		return dst
	}
	lv := &b.levels[m.level]
	lv.qty -= qty
	l := &b.sides[m.side()]
	id, price := m.id&idMask, l.price(lv.key)
	dst = room(dst, 1)
	e := &dst[len(dst)-1]
	switch {
	case m.qty > 0:
		put(e, wire.EventReduce, l.mark, id, price, m.qty)
	case m.id&flagRare != 0 && b.rares[slot].reserve > 0:
		b.refill(slot)
		put(e, wire.EventReplace, l.mark, id, price, m.qty)
	default:
		put(e, wire.EventRemove, l.mark, id, price, 0)
		b.take(slot)
		b.release(slot)
	}
	return dst
}

// refill displays the next part of a used-up iceberg, at the back of its level.
func (b *Book) refill(slot int32) {
	m := &b.orders[slot]
	r := &b.rares[slot]
	m.qty = min(r.display, r.reserve)
	r.reserve -= m.qty
	lv := &b.levels[m.level]
	lv.qty += m.qty
	if m.next == 0 {
		return
	}
	if m.prev == 0 {
		lv.head = m.next
	} else {
		b.orders[m.prev].next = m.next
	}
	b.orders[m.next].prev = m.prev
	b.orders[lv.tail].next = slot
	m.prev, m.next = lv.tail, 0
	lv.tail = slot
}

// tradable returns how much a taker would trade at once, counting no further
// than enough. What an order would meet after an own order that ends or shrinks
// it does not count.
func (b *Book) tradable(t *taker, enough int64) int64 {
	l := &b.sides[1-t.side]
	sum, _ := b.tradableBelow(l.root, t, enough, 0)
	return sum
}

func (b *Book) tradableBelow(ref int32, t *taker, enough, sum int64) (int64, bool) {
	if ref > 0 {
		n := &b.nodes[nodeOf(ref)]
		for set := n.bits; set != 0; set &= set - 1 {
			var end bool
			if sum, end = b.tradableBelow(n.child[lowest(set)], t, enough, sum); end {
				return sum, true
			}
		}
		return sum, false
	}
	lv := &b.levels[-ref]
	if lv.key > t.limit {
		return sum, true
	}
	reserves := int64(0) // refills come after everything displayed in the level
	for slot := lv.head; slot != 0; slot = b.orders[slot].next {
		m := &b.orders[slot]
		if t.stp != 0 && m.owner == t.owner {
			if t.stp == STPOldest {
				continue
			}
			return sum, true
		}
		sum += m.qty
		if m.id&flagRare != 0 {
			reserves = addQty(reserves, b.rares[slot].reserve)
		}
		if sum >= enough {
			return sum, true
		}
	}
	sum = addQty(sum, reserves)
	return sum, sum >= enough
}
