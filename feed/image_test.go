package feed

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tickcast/marketsim"
	"tickcast/orderbook"
	"tickcast/wire"
)

// What an image tells without its book is what the matching book has, whatever
// that does: orders of all kinds, sweeps, auctions with crossed books, halts.
func TestImageTellsTheBest(t *testing.T) {
	const steps = 20_000
	for seed := range uint64(4) {
		w := &world{r: rand.New(rand.NewPCG(seed, 7))}
		hub := newStage(t, 1).hub
		s := hub.symbols[0]
		tl := newTale(&s.instrument)
		unread, crossedFor := 0, 0
		var events []wire.Event
		for step := range steps {
			events = events[:0]
			for range 1 + w.r.IntN(3)/2 {
				from := len(events)
				switch trading := tl.book.State() == wire.StateTrading; {
				case !trading && w.r.IntN(30) == 0:
					events = tl.book.SetState(events, wire.StateTrading)
				case trading && w.r.IntN(150) == 0:
					events = tl.book.SetState(events, wire.StatePreOpen+wire.State(w.r.IntN(4)))
				default:
					events = w.order(events, tl)
				}
				tl.note(events[from:])
			}
			hub.sort(s, events)
			if err := s.contradiction(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			if got, want := s.image.top(), tl.book.Top(); got != want {
				t.Fatalf("seed %d, step %d: best %v; want %v", seed, step, got, want)
			}
			if crossed(tl.book.Top()) {
				crossedFor++
			}
			if len(s.image.pending) > 0 {
				unread++
			}
			sameFronts(t, &s.image, tl.book)
		}
		if unread < steps*3/4 || crossedFor < steps/20 || len(tl.trades) < steps/4 {
			t.Errorf("seed %d: of %d steps something was pending after %d, the book was crossed after %d; %d trades",
				seed, steps, unread, crossedFor, len(tl.trades))
		}
		s.image.settle()
		if err := s.contradiction(); err != nil {
			t.Fatal(err)
		}
		for side := wire.Buy; side <= wire.Sell; side++ {
			if diff := cmp.Diff(tl.book.AppendAdds(nil, side), s.image.book.AppendAdds(nil, side)); diff != "" {
				t.Fatal(diff)
			}
		}
	}
}

// sameFronts compares all levels that are known with those of a book.
func sameFronts(t *testing.T, m *image, book *orderbook.Book) {
	t.Helper()
	for i := range m.fronts {
		f := &m.fronts[i]
		n := int(f.n)
		if f.whole {
			n = 0 // all there are
		}
		if want := book.AppendLevels(nil, f.side, n); f.n > 0 && !slices.Equal(f.levels[:f.n], want) || f.n == 0 && len(want) > 0 {
			t.Fatalf("%v: levels %v, whole %t; want %v", f.side, f.levels[:f.n], f.whole, want)
		}
	}
}

// spoil is a transaction of symbol 0 that adds and removes an order, with what
// spoils it.
func (st *stage) spoil(events ...wire.Event) error {
	id := st.enter(0, wire.Buy, 4000, 100)
	st.batch.Reset()
	level := wire.Event{Kind: wire.EventLevelSet, Side: wire.Buy, Price: 4000}
	add := wire.Event{Kind: wire.EventAdd, ID: id, Side: wire.Buy, Price: 4000, Qty: 100}
	remove := wire.Event{Kind: wire.EventRemove, ID: id, Side: wire.Buy, Price: 4000}
	st.batch.Events = append(append(st.batch.Events, events...), add, remove, level)
	st.batch.Commit(0, st.now-stageBegin)
	defer st.batch.Reset()
	return st.hub.Publish(&st.batch, st.now)
}

// tryMove publishes an order of a symbol.
func (st *stage) tryMove(symbol int) error {
	st.enter(symbol, wire.Buy, 5000, 100)
	defer st.batch.Reset()
	return st.hub.Publish(&st.batch, st.now)
}

// A source that contradicts itself is found out, at once by whoever reads the
// book and in the end by itself, and is refused from then on, whatever symbol it
// speaks of.
func TestContradictionsAreFound(t *testing.T) {
	first := newStage(t, 1).enter(0, wire.Buy, 5000, 100)
	for _, c := range []struct {
		name, want string
		events     []wire.Event
		is         error
	}{
		{"removes an order that is not there", "S0: order 77: no such order", []wire.Event{{Kind: wire.EventRemove, ID: 77, Side: wire.Buy, Price: 5000}}, orderbook.ErrUnknown},
		{"adds an order that is there", fmt.Sprintf("S0: order %d: the id is in use", first), []wire.Event{{Kind: wire.EventAdd, ID: first, Side: wire.Buy, Price: 5000, Qty: 100}}, orderbook.ErrDuplicate},
		{"sets a level without an order", "S0: best buy is {5005 100} by the levels; {5000 100} by the orders", []wire.Event{{Kind: wire.EventLevelSet, Side: wire.Buy, Price: 5005, Qty: 100}}, nil},
		{"sets no level for an order", "S0: best sell is {6000 100} by the levels; {5500 1} by the orders", []wire.Event{{Kind: wire.EventAdd, ID: 77, Side: wire.Sell, Price: 5500, Qty: 1}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := func() *stage {
				st := newStage(t, 2)
				st.enter(0, wire.Buy, 5000, 100)
				st.enter(0, wire.Sell, 6000, 100)
				st.publish()
				return st
			}
			refused := func(st *stage, err error) {
				t.Helper()
				if err == nil || !strings.HasSuffix(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
					t.Fatalf("error %v; want %s", err, c.want)
				}
				frames := st.hub.stats.Frames
				if again := st.spoil(); again == nil || again.Error() != err.Error() {
					t.Fatalf("error %v afterwards; want the same", again)
				}
				if other := st.tryMove(1); other == nil || other.Error() != err.Error() {
					t.Fatalf("error %v for another symbol; want the same", other)
				}
				if n := st.hub.stats.Frames - frames; n != 0 {
					t.Fatalf("%d frames are published afterwards", n)
				}
			}

			st := begin()
			err := st.spoil(c.events...)
			n := 0
			for ; err == nil && n <= pendingMax; n++ {
				err = st.spoil()
			}
			if n == 0 {
				t.Error("found by itself at once; want a test of later")
			}
			refused(st, err)

			st = begin() // somebody reads the book at each transaction
			st.listen(0, wire.NewSlot(wire.ChannelDepth5, wire.RateEvery))
			refused(st, st.spoil(c.events...))

			st = begin() // somebody reads the book behind it
			if err := st.spoil(c.events...); err != nil {
				t.Fatal(err)
			}
			st.hub.symbols[0].captureOrders()
			refused(st, st.tryMove(1))
		})
	}
}

// An id that no frame could tell is refused before anything is published.
func TestIDsAreBounded(t *testing.T) {
	for _, e := range []wire.Event{
		{Kind: wire.EventAdd, ID: idMax + 1, Side: wire.Buy, Price: 5000, Qty: 100},
		{Kind: wire.EventTrade, ID: 1, Trade: 1 << 63, Side: wire.Buy, Price: 5000, Qty: 100},
	} {
		st := newStage(t, 1)
		st.move(0, 1)
		trades, orders := st.hub.symbols[0].seq(slotTrade), st.hub.symbols[0].seq(slotOrder)
		if err := st.spoil(e); !errors.Is(err, errID) {
			t.Errorf("%v: error %v; want %v", e.Kind, err, errID)
		}
		if s := st.hub.symbols[0]; s.seq(slotTrade) != trades || s.seq(slotOrder) != orders {
			t.Errorf("%v: published", e.Kind)
		}
	}
}

// What is packed is told in full, up to the bounds of ids, prices and quantities.
func TestPackedEventsAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Uint64Range(0, idMax)
		e := wire.Event{
			Kind:  rapid.SampledFrom([]wire.EventKind{wire.EventTrade, wire.EventAdd, wire.EventReduce, wire.EventRemove, wire.EventReplace}).Draw(t, "kind"),
			Side:  rapid.SampledFrom([]wire.Side{wire.Buy, wire.Sell}).Draw(t, "side"),
			Price: wire.Price(rapid.Int64().Draw(t, "price")),
			Qty:   wire.Qty(rapid.Int64().Draw(t, "qty")),
		}
		if e.Kind == wire.EventTrade {
			e.Trade = id.Draw(t, "trade")
		} else {
			e.ID = id.Draw(t, "order")
		}
		if got := pack(&e).event(); got != e {
			t.Fatalf("%+v; want %+v", got, e)
		}
	})
}

// Frames and states are the same bytes whether books are brought up to date at
// each transaction, now and then, or when somebody reads them.
func TestWhenBooksAreSettledMakesNoDifference(t *testing.T) {
	quiet := []wire.Slot{slotTrade, slotOrder, slotBook, slotBBO, slotTicker, slotStatus}
	want := publishTape(t, quiet, func(*Hub, *symbol) {})
	r := rand.New(rand.NewPCG(1, 2))
	for name, settle := range map[string]func(h *Hub, s *symbol){
		"at each": func(_ *Hub, s *symbol) { s.image.settle() },
		"now and then": func(h *Hub, _ *symbol) {
			if s := h.symbols[r.IntN(len(h.symbols))]; r.IntN(3) == 0 {
				s.image.rest()
			}
		},
	} {
		if diff := cmp.Diff(want, publishTape(t, quiet, settle)); diff != "" {
			t.Errorf("%s: %.2000s", name, diff)
		}
	}
	depth := wire.NewSlot(wire.ChannelDepth20, wire.RateEvery)
	everything := publishTape(t, append(quiet, depth), func(*Hub, *symbol) {})
	for name, frames := range want {
		if diff := cmp.Diff(frames, everything[name]); diff != "" {
			t.Errorf("with books that are read all the time: %.2000s", diff)
		}
	}
}

// publishTape publishes a simulated market with a crash, a halt and an auction, a
// transaction at a time with do behind each, and returns what was heard of the
// slots, with states of books and orders under way.
func publishTape(t *testing.T, slots []wire.Slot, do func(h *Hub, s *symbol)) map[string][]string {
	t.Helper()
	sim, err := marketsim.New(marketsim.Config{Seed: 3, Symbols: 3, Timeline: []marketsim.Cue{
		{At: 5e9, Duration: 10e9, Scenario: marketsim.ScenarioFlashCrash}, {At: 20e9, Duration: 10e9, Scenario: marketsim.ScenarioHalt},
	}})
	if err != nil {
		t.Fatal(err)
	}
	st := newStage(t, 0)
	if err := st.hub.List(sim.Instruments()...); err != nil {
		t.Fatal(err)
	}
	e := st.newEar()
	for i := range st.hub.symbols {
		e.attach(st.now, i, slots...)
	}
	var b wire.Batch
	for n, until := 0, int64(80e9); sim.Next() < until; {
		b.Reset()
		sim.Step(&b, until, 1000)
		for i, txn := range b.Txns {
			st.now = stageBegin + txn.Time
			st.batch.Events = append(st.batch.Events, b.EventsOf(i)...)
			st.batch.Commit(txn.Instrument, txn.Time)
			st.publish()
			s := st.hub.symbols[txn.Instrument]
			do(st.hub, s)
			if n++; n%997 == 0 {
				for _, slot := range []wire.Slot{slotBook, slotOrder} {
					s.states[slot] = nil
					name := fmt.Sprintf("state of %s", e.name(slot.Stream(txn.Instrument)))
					encoded, _ := s.capture(slot, 0).in(wire.JSON)
					e.heard[name] = append(e.heard[name], string(encoded.bytes))
				}
			}
		}
	}
	if n := st.hub.stats.Frames; n < 20_000 || len(e.heard) < 3*(len(slots)+1) {
		t.Fatalf("%d frames were published, of %d streams; want more", n, len(e.heard))
	}
	return e.heard
}
