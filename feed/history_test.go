package feed

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tickcast/wire"
)

// ledger appends transactions to an archive and remembers all of them.
type ledger struct {
	archive   *archive
	histories []history
	all       [][]told // by history
	next      uint64   // id of the next event: all differ
	pos       uint64   // of the last transaction
	now       int64
}

// told is a transaction as a reader should find it.
type told struct {
	trade, order, book uint64
	hasOrder, hasBook  bool
	trades, orders     []wire.Event
	bids, asks         []wire.Event
}

// chunkBytes is what one of the common size takes.
const chunkBytes = chunkTxns*64 + chunkWords*8

func newLedger(bytesMax, symbols int) *ledger {
	return &ledger{
		archive: newArchive(bytesMax), histories: make([]history, symbols), all: make([][]told, symbols), now: 1e18,
	}
}

// events returns executions, or of other kinds what differs by id and price.
func (l *ledger) events(kind wire.EventKind, n int) []wire.Event {
	out := make([]wire.Event, n)
	for i := range out {
		l.next++
		e := wire.Event{Kind: kind, Side: wire.Buy + wire.Side(l.next&1), Price: wire.Price(l.next) - 500, Qty: wire.Qty(l.next)}
		switch kind {
		case wire.EventTrade:
			e.Trade = l.next
		case wire.EventReplace:
			e.ID = l.next
		default:
			e.Side = 0
		}
		out[i] = e
	}
	return out
}

func (l *ledger) append(h, trades, orders, bids, asks int) {
	t := told{
		trades: l.events(wire.EventTrade, trades), orders: l.events(wire.EventReplace, orders),
		bids: l.events(wire.EventLevelSet, bids), asks: l.events(wire.EventLevelSet, asks),
		hasOrder: orders > 0, hasBook: bids+asks > 0,
	}
	if n := len(l.all[h]); n > 0 {
		t.trade, t.order, t.book = l.all[h][n-1].trade, l.all[h][n-1].order, l.all[h][n-1].book
	}
	t.trade += uint64(trades)
	if t.hasOrder {
		t.order++
	}
	if t.hasBook {
		t.book++
	}
	l.all[h] = append(l.all[h], t)
	rec := txn{pos: l.pos + 1, tp: l.now, trade: t.trade, order: t.order, book: t.book, hasBook: t.hasBook}
	l.pos += 100
	l.archive.append(&l.histories[h], &rec, &scratch{trades: t.trades, orders: t.orders, bids: t.bids, asks: t.asks})
}

// tell reads a span back.
func tell(s *span) []told {
	var out []told
	for i := range s.parts {
		part := &s.parts[i]
		for j := range part.txns {
			t := part.txn(j)
			out = append(out, told{
				trade: t.trade, order: t.order, book: t.book, hasOrder: t.hasOrder(), hasBook: t.hasBook,
				trades: part.appendTrades(nil, &t.layout),
				orders: part.appendOrders(nil, &t.layout),
				bids:   levelEvents(part.appendBids(nil, &t.layout)),
				asks:   levelEvents(part.appendAsks(nil, &t.layout)),
			})
		}
	}
	return out
}

func levelEvents(levels []wire.Level) []wire.Event {
	var out []wire.Event
	for _, l := range levels {
		out = append(out, wire.Event{Kind: wire.EventLevelSet, Price: l.Price, Qty: l.Qty})
	}
	return out
}

func (t *told) seq(c wire.Channel) uint64 {
	switch c {
	case wire.ChannelTrade:
		return t.trade
	case wire.ChannelOrder:
		return t.order
	default:
		return t.book
	}
}

// since is what a history should return.
func (l *ledger) since(h int, c wire.Channel, seq uint64) []told {
	i := slices.IndexFunc(l.all[h], func(t told) bool { return t.seq(c) > seq })
	if i < 0 {
		return nil
	}
	return l.all[h][i:]
}

func equalTold(a, b told) bool {
	return a.trade == b.trade && a.order == b.order && a.book == b.book && a.hasBook == b.hasBook &&
		slices.Equal(a.trades, b.trades) && slices.Equal(a.orders, b.orders) && slices.Equal(a.bids, b.bids) && slices.Equal(a.asks, b.asks)
}

var compareTold = cmp.Options{
	cmp.AllowUnexported(told{}),
	cmp.Transformer("ids", func(events []wire.Event) []uint64 {
		out := []uint64{}
		for i := range events {
			out = append(out, uint64(events[i].Qty))
		}
		return out
	}),
}

// check compares the history with the list at every seq that it holds.
func (l *ledger) check(t interface{ Fatalf(string, ...any) }, h int) {
	k := &l.histories[h]
	for _, slot := range []wire.Slot{slotTrade, slotOrder, slotBook} {
		c := slot.Channel()
		last := uint64(0)
		if n := len(l.all[h]); n > 0 {
			last = l.all[h][n-1].seq(c)
		}
		if k.floor(slot) > last {
			t.Fatalf("%v: floor %d above the last seq %d", c, k.floor(slot), last)
		}
		step := 1 + (last-k.floor(slot))/100
		for seq := k.floor(slot); seq <= last; seq += step {
			s, bytesMax := k.since(slot, seq)
			if want, got := l.since(h, c, seq), tell(&s); !slices.EqualFunc(want, got, equalTold) {
				t.Fatalf("%v since %d (-want +got):\n%s", c, seq, cmp.Diff(want, got, compareTold))
			}
			if (bytesMax > 0) != (seq < last) {
				t.Fatalf("%v since %d of %d: %d bytes at most", c, seq, last, bytesMax)
			}
			s.release()
		}
	}
	for _, c := range k.chunks {
		if c.pins.Load() != 0 {
			t.Fatalf("%d pins are left", c.pins.Load())
		}
	}
}

func TestHistorySinceEqualsAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLedger(rapid.IntRange(1, 12).Draw(t, "chunks")*chunkBytes, 3)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			h := rapid.IntRange(0, 2).Draw(t, "symbol")
			l.now += rapid.Int64Range(0, 2e9).Draw(t, "later")
			size := 4
			if rapid.IntRange(0, 20).Draw(t, "large") == 0 {
				size = chunkWords/levelWords + 10
			}
			l.append(h, rapid.IntRange(0, 3).Draw(t, "trades"), rapid.IntRange(0, 3).Draw(t, "orders"), rapid.IntRange(0, size).Draw(t, "bids"), rapid.IntRange(1, size).Draw(t, "asks"))
			if l.archive.bytes > l.archive.bytesMax && len(l.histories[h].chunks) > 1 {
				t.Fatalf("%d bytes of %d", l.archive.bytes, l.archive.bytesMax)
			}
		}
		for h := range l.histories {
			l.check(t, h)
		}
	})
}

func TestHistoryBoundedByCount(t *testing.T) {
	l := newLedger(256<<20, 1)
	for range 3 * historyTxnsMax {
		l.append(0, 1, 1, 1, 0)
		if n := l.histories[0].count; n > historyTxnsMax {
			t.Fatalf("%d transactions", n)
		}
	}
	h := &l.histories[0]
	if h.count < historyTxnsMax-2*chunkTxns {
		t.Fatalf("only %d transactions are kept", h.count)
	}
	if want := uint64(3*historyTxnsMax - h.count); h.floor(slotTrade) != want || h.floor(slotBook) != want {
		t.Fatalf("floors %d, %d; want %d", h.floor(slotTrade), h.floor(slotBook), want)
	}
}

func TestHistoryBoundedByAge(t *testing.T) {
	l := newLedger(256<<20, 1)
	for range 3000 {
		l.now += 1e8
		l.append(0, 1, 1, 1, 0)
	}
	h := &l.histories[0]
	if n := historyNanosMax / 1e8; int64(h.count) > n+2*chunkTxns || int64(h.count) < n {
		t.Fatalf("%d transactions of a minute that had %d", h.count, n)
	}
	l.check(t, 0)
}

func TestHistoryBoundedByBytes(t *testing.T) {
	const chunks = 20
	one := chunkBytes
	l := newLedger(chunks*one, 4)
	for i := range 10_000 {
		l.append(i%4, 1, 1, 1, 1)
		if l.archive.bytes > chunks*one {
			t.Fatalf("%d bytes", l.archive.bytes)
		}
	}
	// The oldest of any symbol went first: all end up with their share.
	for i := range l.histories {
		if n := len(l.histories[i].chunks); n != chunks/4 {
			t.Fatalf("symbol %d has %d chunks; want %d", i, n, chunks/4)
		}
		l.check(t, i)
	}
	// Quiet symbols give way to a busy one.
	for range 10_000 {
		l.append(0, 1, 1, 1, 1)
	}
	if n := len(l.histories[0].chunks); n != chunks {
		t.Fatalf("the busy symbol has %d chunks of %d", n, chunks)
	}
	if h := &l.histories[1]; h.count != 0 || h.floor(slotBook) != l.all[1][len(l.all[1])-1].book {
		t.Fatalf("%d transactions, floor %d of a symbol that gave way", h.count, h.floor(slotBook))
	}
	l.check(t, 1)
}

// What a reader pinned stays as it is, however much is published meanwhile.
func TestHistoryPinsKeepChunks(t *testing.T) {
	l := newLedger(4*chunkBytes, 1)
	for range 60 {
		l.append(0, 1, 1, 1, 1)
	}
	s, _ := l.histories[0].since(slotBook, l.histories[0].floor(slotBook))
	want := tell(&s)
	for range 5000 {
		l.append(0, 1, 0, 2, 0)
	}
	if diff := cmp.Diff(want, tell(&s), compareTold); diff != "" {
		t.Fatalf("a pinned span changed (-want +got):\n%s", diff)
	}
	s.release()
	// Without readers chunks are used again: no more memory.
	allocated := testing.AllocsPerRun(10, func() {
		t, none := &txn{tp: l.now}, &scratch{}
		for range 320 {
			l.archive.append(&l.histories[0], t, none)
		}
	})
	if allocated > 1 {
		t.Fatalf("%v allocations in 10 chunks", allocated)
	}
}
