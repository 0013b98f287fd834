package orderbook

import "tickcast/wire"

// park makes an enrolled taker wait for its trigger.
func (b *Book) park(t *taker, typ Type, trigger wire.Price) {
	l := &b.stops[t.side]
	r := b.rareOf(t.slot)
	*r = rare{price: int64(t.price), min: t.min, typ: typ, hidden: t.hidden}
	b.append(b.level(l, l.key(trigger)), t, uint64(t.side)<<53|uint64(t.stp)<<shiftSTP|flagRare|flagStop)
	b.resting--
	b.waiting++
	b.reconsider()
}

// appendElected executes the stops whose triggers the last trade has reached.
// Each may trade and elect more, which follow those that were elected before it,
// until none is left. One election takes all that it reaches, for good: buy stops
// first, nearest trigger first, then by time.
func (b *Book) appendElected(dst []wire.Event) []wire.Event {
	if b.waiting == 0 || !b.traded || b.state != wire.StateTrading {
		return dst
	}
	b.elected = b.elected[:0]
	b.elect()
	for i := 0; i < len(b.elected); i++ {
		dst = b.activate(dst, b.elected[i])
		b.elect()
	}
	return dst
}

// elect appends the stops that the last trade reaches to those elected.
func (b *Book) elect() {
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
		owner: o.owner, side: o.side(), stp: o.stp(), min: r.min, hidden: r.hidden,
	}
	o.id = t.id
	typ := Limit
	t.limit = b.sides[1-t.side].key(t.price)
	if r.typ == Stop {
		typ = Market
		t.limit = b.marketKey(t.side)
	}
	*r = rare{}
	if need := min(t.min, t.qty); b.tradable(&t, need) < need { // it may have been made smaller
		b.release(slot)
		return appendCancelled(dst, &t, t.qty, wire.ReasonMin)
	}
	return b.execute(dst, &t, typ)
}
