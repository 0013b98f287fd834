package orderbook

import (
	"encoding/binary"

	"tickcast/wire"
)

func appendCRC(b []byte) []byte {
	b = append([]byte{}, b...)
	return binary.LittleEndian.AppendUint32(b, crcOf(b))
}

// checkLinks checks the structure itself: links, totals, counts, bests, nodes,
// hints.
func checkLinks(t tester, b *Book) {
	t.Helper()
	resting, waiting, odd := 0, 0, 0
	hinted := map[int32]wire.Price{}
	for i := range 4 {
		l := b.ladderAt(i)
		keys := b.ladderKeys(t, l, l.root, nil)
		if len(keys) != int(l.levels) {
			t.Fatalf("ladder %d: %d levels, counted %d", i, l.levels, len(keys))
		}
		for n, at := range keys {
			lv := &b.levels[at]
			if n > 0 && b.levels[keys[n-1]].key >= lv.key {
				t.Fatalf("ladder %d: keys out of order", i)
			}
			if i < 2 {
				hinted[at] = l.price(lv.key)
			}
			if got := b.find(l, lv.key); got != at {
				t.Fatalf("ladder %d: key %x finds level %d, not %d", i, lv.key, got, at)
			}
			orders, rare := b.checkLevel(t, at, i)
			if odd += rare; i < 2 {
				resting += orders
			} else {
				waiting += orders
			}
		}
		if l.best != 0 != (len(keys) > 0) || l.best != 0 && (keys[0] != l.best || b.levels[l.best].key != l.bestKey) {
			t.Fatalf("ladder %d: best %d, bestKey %x", i, l.best, l.bestKey)
		}
	}
	for i, at := range b.hints {
		if p, ok := hinted[at]; at != 0 && (!ok || b.hint(p) != &b.hints[i]) {
			t.Fatalf("hint %d leads to level %d, price %d", i, at, p)
		}
	}
	if resting != b.resting || waiting != b.waiting || odd != b.odd {
		t.Fatalf("resting %d waiting %d odd %d; counted %d %d %d", b.resting, b.waiting, b.odd, resting, waiting, odd)
	}
	if b.outside && b.index.used != resting+waiting {
		t.Fatalf("%d ids for %d orders", b.index.used, resting+waiting)
	}
	if len(b.touched) != 0 {
		t.Fatalf("%d levels touched", len(b.touched))
	}
}

func (b *Book) ladderKeys(t tester, l *ladder, ref int32, dst []int32) []int32 {
	if ref == 0 {
		return dst
	}
	if ref < 0 {
		return append(dst, -ref)
	}
	n := &b.nodes[nodeOf(ref)]
	if n.bits&(n.bits-1) == 0 {
		t.Fatalf("node %d has fewer than two children", ref)
	}
	for i, child := range n.child {
		if (child != 0) != (n.bits>>i&1 != 0) {
			t.Fatalf("node %d: bit %d", ref, i)
		}
		dst = b.ladderKeys(t, l, child, dst)
	}
	return dst
}

func (b *Book) checkLevel(t tester, at int32, ladder int) (orders, odd int) {
	lv := &b.levels[at]
	qty, count, prev := int64(0), int32(0), int32(0)
	for slot := lv.head; slot != 0; slot = b.orders[slot].next {
		o := &b.orders[slot]
		if o.prev != prev || o.level != at || o.qty <= 0 || o.side() != ladder&1 {
			t.Fatalf("order %+v in level %d after %d", o, at, prev)
		}
		if b.slotOf(o.id&idMask) != slot {
			t.Fatalf("id %d does not find its slot", o.id&idMask)
		}
		if o.id&flagHidden == 0 {
			qty += o.qty
			count++
		}
		if o.id&(flagHidden|flagRare) != 0 && o.id&flagStop == 0 {
			odd++
		}
		prev = slot
		orders++
	}
	if lv.tail != prev || orders == 0 || ladder < 2 && (lv.qty != qty || lv.count != count) || lv.touch != 0 {
		t.Fatalf("level %+v: total %d of %d orders, last %d", lv, qty, count, prev)
	}
	return orders, odd
}

// sidesOf is both sides, for loops.
var sidesOf = []wire.Side{wire.Buy, wire.Sell}
