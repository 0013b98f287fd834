package orderbook

import (
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tickcast/wire"
)

// image rebuilds L2 and L3 from events, and checks what each batch may say.
type image struct {
	levels [2]map[wire.Price]wire.Qty
	counts [2]map[wire.Price]uint32
	orders []Resting // in order of time
}

func newImage() *image {
	m := &image{}
	for i := range 2 {
		m.levels[i] = map[wire.Price]wire.Qty{}
		m.counts[i] = map[wire.Price]uint32{}
	}
	return m
}

func (m *image) apply(t tester, events []wire.Event) {
	t.Helper()
	type at struct {
		side  wire.Side
		price wire.Price
	}
	set := map[at]bool{}
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case wire.EventAdd:
			m.orders = append(m.orders, Resting{ID: e.ID, Side: e.Side, Price: e.Price, Qty: e.Qty})
		case wire.EventReduce:
			m.orders[m.find(t, e)].Qty = e.Qty
		case wire.EventRemove:
			n := m.find(t, e)
			m.orders = append(m.orders[:n], m.orders[n+1:]...)
		case wire.EventReplace:
			n := m.find(t, e)
			m.orders = append(m.orders[:n], m.orders[n+1:]...)
			m.orders = append(m.orders, Resting{ID: e.ID, Side: e.Side, Price: e.Price, Qty: e.Qty})
		case wire.EventTrade:
			if e.Qty <= 0 {
				t.Fatalf("trade of quantity %d", e.Qty)
			}
		case wire.EventLevelSet:
			where, levels := at{e.Side, e.Price}, m.levels[e.Side-wire.Buy]
			if set[where] || levels[e.Price] == e.Qty {
				t.Fatalf("level %v set twice or to what it was: %+v", where, e)
			}
			set[where] = true
			levels[e.Price], m.counts[e.Side-wire.Buy][e.Price] = e.Qty, e.Count
			if e.Qty == 0 {
				delete(levels, e.Price)
			}
		}
	}
}

func (m *image) find(t tester, e *wire.Event) int {
	t.Helper()
	for i := range m.orders {
		if m.orders[i].ID == e.ID {
			if m.orders[i].Side != e.Side {
				t.Fatalf("side of %+v", e)
			}
			return i
		}
	}
	t.Fatalf("event about an order that is not there: %+v", e)
	return -1
}

func (m *image) side(side wire.Side) []Resting {
	var out []Resting
	for _, o := range m.orders {
		if o.Side == side {
			out = append(out, o)
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		if side == wire.Buy {
			return out[i].Price > out[j].Price
		}
		return out[i].Price < out[j].Price
	})
	return out
}

// tester is what testing.T and rapid.T share here.
type tester interface {
	Helper()
	Fatalf(string, ...any)
}

// checkImage compares the book with what its events told.
func checkImage(t tester, b *Book, m *image) {
	t.Helper()
	for _, side := range sidesOf {
		orders := m.side(side)
		if d := cmp.Diff(orders, b.AppendOrders(nil, side)); d != "" {
			t.Fatalf("%v orders (-events +book):\n%s", side, d)
		}
		var levels []wire.Level
		for _, o := range orders {
			if n := len(levels); n > 0 && levels[n-1].Price == o.Price {
				levels[n-1].Qty += o.Qty
			} else {
				levels = append(levels, wire.Level{Price: o.Price, Qty: o.Qty})
			}
		}
		if d := cmp.Diff(levels, b.AppendLevels(nil, side, 0)); d != "" {
			t.Fatalf("%v levels (-orders +book):\n%s", side, d)
		}
		if len(levels) != len(m.levels[side-wire.Buy]) {
			t.Fatalf("%v: %d levels told, %d in the book", side, len(m.levels[side-wire.Buy]), len(levels))
		}
		for _, l := range levels {
			if got := m.levels[side-wire.Buy][l.Price]; got != l.Qty {
				t.Fatalf("%v level %d: told %d, in the book %d", side, l.Price, got, l.Qty)
			}
		}
		best := wire.Level{}
		if len(levels) > 0 {
			best = levels[0]
		}
		top := b.Top()
		if got := map[wire.Side]wire.Level{wire.Buy: top.Bid, wire.Sell: top.Ask}[side]; got != best {
			t.Fatalf("top %+v, best level %+v", got, best)
		}
	}
}

func mustBook(t testing.TB, cfg Config) *Book {
	t.Helper()
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// drawPrice mixes a narrow range with prices far away.
func drawPrice(t *rapid.T) wire.Price {
	switch rapid.IntRange(0, 9).Draw(t, "where") {
	case 0:
		return wire.Price(rapid.Int64Range(1, 1<<40).Draw(t, "price"))
	case 1, 2:
		return wire.Price(rapid.IntRange(1, 10_000).Draw(t, "price"))
	}
	return wire.Price(rapid.IntRange(95, 105).Draw(t, "price"))
}

func TestEventsRebuildTheBook(t *testing.T) {
	for _, outside := range []bool{false, true} {
		rapid.Check(t, func(t *rapid.T) {
			b, _ := New(Config{OutsideIDs: outside})
			var copied *Book
			if outside {
				copied, _ = New(Config{OutsideIDs: true})
			}
			m, ids := newImage(), []uint64{}
			for i := range rapid.IntRange(1, 120).Draw(t, "commands") {
				before := b.Top()
				events := drawSimpleCommand(t, b, &ids, uint64(i+1))
				m.apply(t, events)
				checkImage(t, b, m)
				moved := len(events) > 0 && events[len(events)-1].Kind == wire.EventTopMoved
				if moved != (before != b.Top()) {
					t.Fatalf("top moved %v: %+v to %+v", moved, before, b.Top())
				}
				if b.Top().Bid.Qty > 0 && b.Top().Ask.Qty > 0 && b.Top().Bid.Price >= b.Top().Ask.Price {
					t.Fatalf("crossed: %+v", b.Top())
				}
				if copied != nil {
					checkCopy(t, b, copied, events)
				}
			}
		})
	}
}

func checkCopy(t *rapid.T, b, copied *Book, events []wire.Event) {
	for i := range events {
		if err := copied.Apply(&events[i]); err != nil {
			t.Fatalf("apply: %v", err)
		}
	}
	for _, side := range sidesOf {
		if d := cmp.Diff(b.AppendOrders(nil, side), copied.AppendOrders(nil, side)); d != "" {
			t.Fatalf("copy (-book +copy):\n%s", d)
		}
	}
	if copied.Top() != b.Top() {
		t.Fatalf("copy: top %+v, want %+v", copied.Top(), b.Top())
	}
}

func drawSimpleCommand(t *rapid.T, b *Book, ids *[]uint64, next uint64) []wire.Event {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if kind < 6 || len(*ids) == 0 {
		typ := []Type{Limit, Limit, Limit, Limit, IOC, Market}[kind%6]
		events := b.Enter(nil, &Order{
			ID: next, Type: typ,
			Side:  rapid.SampledFrom([]wire.Side{wire.Buy, wire.Sell}).Draw(t, "side"),
			Qty:   wire.Qty(rapid.IntRange(1, 20).Draw(t, "qty")),
			Price: drawPrice(t),
		})
		*ids = append(*ids, events[0].ID)
		return events
	}
	id := rapid.SampledFrom(*ids).Draw(t, "id")
	switch kind {
	case 6, 7:
		return b.Cancel(nil, id)
	case 8:
		return b.Reduce(nil, id, wire.Qty(rapid.IntRange(1, 20).Draw(t, "by")))
	}
	return b.Replace(nil, id, wire.Qty(rapid.IntRange(1, 20).Draw(t, "qty")), drawPrice(t))
}
