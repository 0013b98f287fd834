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
	slot := lv.head
	for slot != 0 && t.qty > 0 {
		m := &b.orders[slot]
		fill := min(m.qty, t.qty)
		t.qty -= fill
		m.qty -= fill
		lv.qty -= fill
		b.trades++
		id := m.id & idMask
		dst = append(dst, wire.Event{
			Kind: wire.EventTrade, ID: id, Ref: t.id, Trade: b.trades, Price: price, Qty: wire.Qty(fill), Side: aggressor,
		})
		if m.qty > 0 {
			dst = append(dst, wire.Event{
				Kind: wire.EventReduce, ID: id, Price: price, Qty: wire.Qty(m.qty), Side: aggressor.Opposite(),
			})
			break
		}
		dst = append(dst, wire.Event{Kind: wire.EventRemove, ID: id, Price: price, Side: aggressor.Opposite()})
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
