package orderbook

import "tickcast/wire"

// park makes an enrolled taker wait for its trigger.
func (b *Book) park(t *taker, typ Type, trigger wire.Price) {
	l := &b.stops[t.side]
	r := b.rareOf(t.slot)
	*r = rare{price: int64(t.price), typ: typ}
	b.append(b.level(l, l.key(trigger)), t, uint64(t.side)<<53|uint64(t.stp)<<shiftSTP|flagRare|flagStop)
	b.resting--
	b.waiting++
	b.reconsider()
}

// appendElected executes the stops whose triggers the last trade has reached,
// and then those that their trades elect, until none is left. All stops that a
// trade elects are elected for good, buy stops first, nearest trigger first,
// then by time.
func (b *Book) appendElected(dst []wire.Event) []wire.Event {
	if b.waiting == 0 || !b.traded || b.state != wire.StateTrading {
		return dst
	}
	for b.elect(); len(b.elected) > 0; b.elect() {
		for _, slot := range b.elected {
			dst = b.activate(dst, slot)
		}
	}
	return dst
}

func (b *Book) elect() {
	b.elected = b.elected[:0]
	for i := range b.stops {
		l := &b.stops[i]
		for reached := l.key(b.last); l.bestKey <= reached; {
			slot := b.levels[l.best].head
			b.elected = append(b.elected, slot)
			b.take(slot)
		}
	}
}

// activate executes an elected stop as the order that it stands for.
func (b *Book) activate(dst []wire.Event, slot int32) []wire.Event {
	o := &b.orders[slot]
	r := &b.rares[slot]
	t := taker{
		id: o.id & idMask, qty: o.qty, price: wire.Price(r.price), slot: slot,
		owner: o.owner, side: o.side(), stp: o.stp(),
	}
	o.id = t.id
	typ := Limit
	t.limit = b.sides[1-t.side].key(t.price)
	if r.typ == Stop {
		typ = Market
		t.limit = b.marketKey(t.side)
	}
	*r = rare{}
	return b.execute(dst, &t, typ)
}
