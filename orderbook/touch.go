package orderbook

import "tickcast/wire"

// touch remembers a level as it was before the command in hand, so that one
// LevelSet a level tells the net change.
type touch struct {
	key   uint64
	qty   int64
	level int32 // 0 once the level is gone
	side  uint8
}

// touch must be called before a level of sides[side] changes, except on paths
// that change a single level and report it themselves.
func (b *Book) touch(side int, slot int32) {
	lv := &b.levels[slot]
	if lv.touch == 0 {
		b.touched = append(b.touched, touch{key: lv.key, qty: lv.qty, level: slot, side: uint8(side)})
		lv.touch = int32(len(b.touched))
	}
}

// retouch reattaches a level that was dropped and made again by one command.
func (b *Book) retouch(l *ladder, slot int32, key uint64) {
	for i := range b.touched {
		t := &b.touched[i]
		if t.level == 0 && t.key == key && l == &b.sides[t.side] {
			t.level = slot
			b.levels[slot].touch = int32(i + 1)
			return
		}
	}
}

// appendTouched reports the net changes of levels and of the top.
func (b *Book) appendTouched(dst []wire.Event) []wire.Event {
	for i := range b.touched {
		t := &b.touched[i]
		e := wire.Event{
			Kind:  wire.EventLevelSet,
			Price: b.sides[t.side].price(t.key),
			Side:  wire.Buy + wire.Side(t.side),
		}
		if t.level != 0 {
			lv := &b.levels[t.level]
			lv.touch = 0
			e.Qty, e.Count = wire.Qty(lv.qty), uint32(lv.count)
		}
		if int64(e.Qty) != t.qty {
			dst = append(dst, e)
		}
	}
	b.touched = b.touched[:0]
	return b.appendTop(dst)
}

// appendSwept reports levels of which each has lost quantity.
func (b *Book) appendSwept(dst []wire.Event) []wire.Event {
	start := len(dst)
	dst = room(dst, len(b.touched))
	for i := range b.touched {
		t := &b.touched[i]
		lv := &b.levels[t.level] // level 0, which is empty, if it is gone
		l := &b.sides[t.side]
		putLevel(&dst[start+i], l.mark, l.price(t.key), lv)
		lv.touch = 0
	}
	b.touched = b.touched[:0]
	return dst
}

// appendTop reports whether the best displayed level of a side differs from
// the one last announced.
func (b *Book) appendTop(dst []wire.Event) []wire.Event {
	bid, ask := b.topOf(&b.sides[0]), b.topOf(&b.sides[1])
	if bid != b.sides[0].top || ask != b.sides[1].top {
		b.sides[0].top, b.sides[1].top = bid, ask
		dst = append(dst, wire.Event{Kind: wire.EventTopMoved})
	}
	return dst
}

func (b *Book) topOf(l *ladder) wire.Level {
	if l.best == 0 {
		return wire.Level{}
	}
	lv := &b.levels[l.best]
	if lv.qty > 0 {
		return wire.Level{Price: l.price(lv.key), Qty: wire.Qty(lv.qty)}
	}
	// Only hidden orders at the best price.
	var first [1]wire.Level
	if dst := b.appendLevels(first[:0], l, l.root, 1); len(dst) > 0 {
		return dst[0]
	}
	return wire.Level{}
}
