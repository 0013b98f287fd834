package orderbook

import "tickcast/wire"

// taker is an order on its way through the other side.
type taker struct {
	id    uint64
	qty   int64  // what is left
	limit uint64 // worst key of the other side at which it trades
	price wire.Price
	slot  int32
	owner uint32
	side  int
}

// sweep trades the taker against the other side to its limit: by price, then
// by time, at the makers' prices.
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
	lv := &b.levels[at]
	price := l.price(lv.key)
	aggressor := wire.Buy + wire.Side(t.side)
	passive := aggressor.Opposite()
	slot := lv.head
	for slot != 0 && t.qty > 0 {
		m := &b.orders[slot]
		fill := min(m.qty, t.qty)
		t.qty -= fill
		m.qty -= fill
		lv.qty -= fill
		b.trades++
		id := m.id & idMask
		dst = room(dst, 2)
		e := dst[len(dst)-2:]
		putTrade(&e[0], aggressor, id, t.id, b.trades, price, fill)
		if m.qty > 0 {
			put(&e[1], wire.EventReduce, passive, id, price, m.qty)
			break
		}
		put(&e[1], wire.EventRemove, passive, id, price, 0)
		next := m.next
		b.release(slot)
		b.resting--
		lv.count--
		slot = next
	}
	b.last, b.traded = price, true
	lv.head = slot
	if slot == 0 {
		b.drop(l, at)
	} else {
		b.orders[slot].prev = 0
	}
	return dst
}
