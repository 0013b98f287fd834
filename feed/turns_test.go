package feed

import (
	"testing"

	"tickcast/wire"
)

// pile enters orders into each book that wait to be applied: as many as come
// before a checksum.
func (st *stage) pile() {
	for symbol := range st.books {
		st.batch.Reset()
		for i := range crcEvery - 1 {
			st.enter(symbol, wire.Sell, wire.Price(9000+5*i), 1)
		}
		st.publish()
	}
}

// unapplied returns how many order events are pending, of all symbols.
func (st *stage) unapplied() (n int) {
	for _, s := range st.hub.symbols {
		n += len(s.image.pending)
	}
	return n
}

// A turn of the mutex in which the hub rests images, or samples tiers, applies
// no more of what is pending than its budget allows.
func TestTurnsThatReadBooksAreBounded(t *testing.T) {
	const symbols = 40
	for _, c := range []struct {
		name  string
		slots []wire.Slot
		most  int
		turn  func(h *Hub, i int, wall int64) (int, bool)
	}{
		{"expire", []wire.Slot{slotTrade}, expireChunksMax, (*Hub).expire},
		{"beat of depth", []wire.Slot{wire.NewSlot(wire.ChannelDepth5, wire.Rate100ms)}, appliedMax, beatAt100ms},
		{"beat of book", []wire.Slot{wire.NewSlot(wire.ChannelBook, wire.Rate100ms)}, appliedMax, beatAt100ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newStage(t, symbols)
			for i := range symbols {
				st.listen(i, c.slots...)
			}
			st.pile()
			before, at, more := st.unapplied(), 0, true
			if before != symbols*(crcEvery-1) {
				t.Fatalf("%d events are pending", before)
			}
			for turns := 0; more; turns++ {
				left := st.unapplied()
				at, more = c.turn(st.hub, at, st.now+11e9)
				if n := left - st.unapplied(); n > c.most+pendingMax {
					t.Fatalf("turn %d applied %d events; want %d at most", turns, n, c.most+pendingMax)
				}
			}
			if n := st.unapplied(); n != 0 {
				t.Errorf("%d of %d events are left", n, before)
			}
		})
	}
}

func beatAt100ms(h *Hub, i int, wall int64) (int, bool) { return h.beat(wire.Rate100ms, i, wall) }
