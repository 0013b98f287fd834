package orderbook

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tickcast/wire"
)

// reportsOf returns the oracle's words for a batch, with ids as name has them.
func reportsOf(events []wire.Event, name func(uint64) uint64) []string {
	var out []string
	for _, e := range events {
		switch e.Kind {
		case wire.EventAccepted:
			out = append(out, fmt.Sprintf("accepted %d", name(e.ID)))
		case wire.EventRejected:
			out = append(out, fmt.Sprintf("rejected %d %v", name(e.ID), e.Reason))
		case wire.EventTrade:
			out = append(out, fmt.Sprintf("trade %d %d %d %d", e.Price, e.Qty, name(e.ID), name(e.Ref)))
		case wire.EventCancelled:
			out = append(out, fmt.Sprintf("cancelled %d %d", name(e.ID), e.Qty))
		case wire.EventReplaced:
			out = append(out, fmt.Sprintf("replaced %d", name(e.ID)))
		case wire.EventStateSet:
			out = append(out, fmt.Sprintf("state %v", e.State))
		case wire.EventUncross:
			out = append(out, fmt.Sprintf("uncross %d %d", e.Price, e.Qty))
		}
	}
	return out
}

// drawConfig draws a book whose limits bind one order in two, or none.
func drawConfig(t *rapid.T) Config {
	cfg := Config{OutsideIDs: rapid.Bool().Draw(t, "outside"), Requeue: rapid.Bool().Draw(t, "requeue")}
	if rapid.IntRange(0, 2).Draw(t, "limits") == 2 {
		cfg.Tick, cfg.Lot = wire.Price(rapid.IntRange(1, 2).Draw(t, "tick")), wire.Qty(rapid.IntRange(1, 2).Draw(t, "lot"))
		cfg.MinQty, cfg.MaxQty, cfg.MinPrice, cfg.MaxPrice = 2, 18, 96, 104
	}
	return cfg
}

// drawCommand draws any command around a narrow range of prices, so that most
// of them meet.
func drawCommand(t *rapid.T, next uint64) Command {
	switch k := rapid.IntRange(0, 15).Draw(t, "rare"); {
	case k < 14:
		return drawPlainCommand(t, next, drawNarrow, drawOdd)
	case k < 15:
		return Command{Kind: CommandState, State: rapid.SampledFrom([]wire.State{
			wire.StateTrading, wire.StateTrading, wire.StateTrading, wire.StatePreOpen, wire.StateAuction, wire.StateHalt, wire.StateClosed,
		}).Draw(t, "state")}
	case rapid.Bool().Draw(t, "reference"):
		return Command{Kind: CommandReference, Price: drawNarrow(t)}
	}
	return Command{Kind: CommandBand, Price: rapid.SampledFrom([]wire.Price{0, 97, 99}).Draw(t, "low"), High: rapid.SampledFrom([]wire.Price{0, 103}).Draw(t, "high")}
}

func drawNarrow(t *rapid.T) wire.Price { return wire.Price(rapid.IntRange(95, 105).Draw(t, "price")) }

// drawOdd makes an order of any type, with any options.
func drawOdd(t *rapid.T, o *Order) {
	o.Type = Type(rapid.SampledFrom([]int{1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8}).Draw(t, "type"))
	o.Trigger, o.Display = drawNarrow(t), wire.Qty(rapid.IntRange(1, 20).Draw(t, "display"))
	o.Owner = uint32(rapid.IntRange(0, 2).Draw(t, "owner"))
	o.STP = STP(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4}).Draw(t, "stp"))
	o.Hidden = rapid.IntRange(0, 7).Draw(t, "hidden") == 0
	o.Min = wire.Qty(rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 5}).Draw(t, "min"))
}

// drawPlain makes an order that the fast paths know.
func drawPlain(t *rapid.T, o *Order) {
	o.Type = rapid.SampledFrom([]Type{Limit, Limit, Limit, IOC}).Draw(t, "type")
}

// drawPlainCommand draws a new order, completed by drawOrder, or a change of an
// earlier one.
func drawPlainCommand(t *rapid.T, next uint64, drawPrice func(*rapid.T) wire.Price, drawOrder func(*rapid.T, *Order)) Command {
	qty := func(what string) wire.Qty { return wire.Qty(rapid.IntRange(1, 20).Draw(t, what)) }
	// The newest orders are the ones that still live.
	id := func() uint64 { return next - uint64(rapid.IntRange(0, oracleFirstID-1).Draw(t, "back")) }
	switch k := rapid.IntRange(0, 35).Draw(t, "kind"); {
	case k < 24:
		o := Order{
			ID:   next - uint64(rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 3}).Draw(t, "again")),
			Side: rapid.SampledFrom(sidesOf).Draw(t, "side"),
			Qty:  qty("qty"), Price: drawPrice(t),
		}
		drawOrder(t, &o)
		return Command{Kind: CommandNew, Order: o}
	case k < 28:
		return Command{Kind: CommandCancel, ID: id()}
	case k < 31:
		return Command{Kind: CommandReduce, ID: id(), Qty: qty("by")}
	}
	return Command{Kind: CommandReplace, ID: id(), Qty: qty("qty"), Price: drawPrice(t)}
}

// oracleFirstID is the first order's id, above how far back a command may go.
const oracleFirstID = 13

func TestBookEqualsTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newOracleSession(t)
		for i := range rapid.IntRange(50, 150).Draw(t, "commands") {
			s.do(t, drawCommand(t, uint64(i+oracleFirstID)))
		}
	})
}

// Plain orders only, at any price: the fast paths stay open.
func TestFastPathsEqualTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newOracleSession(t)
		for i := range rapid.IntRange(50, 150).Draw(t, "commands") {
			s.do(t, drawPlainCommand(t, uint64(i+oracleFirstID), drawPrice, drawPlain))
		}
	})
}

// oracleSession drives a book and the oracle, and a copy of the book that only
// hears of events.
type oracleSession struct {
	b, copied *Book
	oracle    *naive
	image     *image
	handles   map[uint64]uint64 // of a book without outside ids, by the oracle's id
	names     map[uint64]uint64 // the other way
	left      map[uint64]int64  // of each order, as the reports have it
	spare     []wire.Event      // room that makes a fast path possible
}

func newOracleSession(t *rapid.T) *oracleSession {
	b, err := New(drawConfig(t))
	if err != nil {
		t.Fatalf("%v", err)
	}
	copied, _ := New(Config{OutsideIDs: true})
	return &oracleSession{
		b: b, copied: copied, oracle: newNaive(b.cfg), image: newImage(),
		handles: map[uint64]uint64{}, names: map[uint64]uint64{}, left: map[uint64]int64{}, spare: make([]wire.Event, 0, 8),
	}
}

// handle returns the book's id of an oracle's.
func (s *oracleSession) handle(id uint64) uint64 {
	if h, ok := s.handles[id]; ok || s.b.outside {
		return max(h, id)
	}
	return id << slotBits // of slot 0, which is nobody's
}

func (s *oracleSession) name(id uint64) uint64 {
	switch n, ok := s.names[id]; {
	case s.b.outside:
		return id
	case ok:
		return n
	}
	return id >> slotBits
}

func (s *oracleSession) do(t *rapid.T, c Command) {
	if !s.b.outside && c.Kind == CommandNew && s.oracle.find(c.Order.ID) != nil {
		return // no id can be taken where the book gives them out
	}
	before := s.b.Top()
	resting, volume := s.b.Orders(), bookVolume(s.b)
	said := s.oracle.do(&c)
	own := c
	own.ID = s.handle(c.ID)
	events := s.b.Do(s.spare[:0], &own)
	name := s.name
	if c.Kind == CommandNew && !s.b.outside {
		if id := events[0].ID; id != 0 {
			s.handles[c.Order.ID], s.names[id] = id, c.Order.ID
		} else {
			name = func(uint64) uint64 { return c.Order.ID } // rejected
		}
	}
	if d := cmp.Diff(said, reportsOf(events, name)); d != "" {
		t.Fatalf("%+v (-oracle +book):\n%s", c, d)
	}
	s.image.apply(t, events)
	checkImage(t, s.b, s.image)
	checkCopy(t, s.b, s.copied, events)
	s.checkOrders(t)
	s.checkVolume(t, events)
	checkLinks(t, s.b)
	checkTrades(t, s.b, events)
	if moved := movedIn(events); moved != (before != s.b.Top()) {
		t.Fatalf("top moved %v: %+v to %+v", moved, before, s.b.Top())
	}
	if len(events) > 0 && events[0].Kind == wire.EventRejected && (s.b.Orders() != resting || bookVolume(s.b) != volume) {
		t.Fatalf("a rejected command changed the book")
	}
}

func movedIn(events []wire.Event) bool {
	return len(events) > 0 && events[len(events)-1].Kind == wire.EventTopMoved
}

func bookVolume(b *Book) (sum wire.Qty) {
	for _, side := range sidesOf {
		for _, l := range b.AppendLevels(nil, side, 0) {
			sum += l.Qty
		}
	}
	return sum
}

// checkTrades: trade ids are contiguous, and trading never leaves a crossed book.
func checkTrades(t *rapid.T, b *Book, events []wire.Event) {
	last := b.Trades()
	for i := len(events) - 1; i >= 0; i-- {
		if e := &events[i]; e.Kind == wire.EventTrade {
			if e.Trade != last {
				t.Fatalf("trade id %d, want %d", e.Trade, last)
			}
			last--
		}
	}
	top := b.Top()
	if b.State() == wire.StateTrading && top.Bid.Qty > 0 && top.Ask.Qty > 0 && top.Bid.Price >= top.Ask.Price {
		t.Fatalf("crossed: %+v", top)
	}
}

// checkVolume: what is accepted is traded, cancelled or still there.
func (s *oracleSession) checkVolume(t *rapid.T, events []wire.Event) {
	for i := range events {
		switch e := &events[i]; e.Kind {
		case wire.EventAccepted, wire.EventReplaced:
			s.left[e.ID] = int64(e.Qty)
		case wire.EventTrade:
			s.left[e.ID] -= int64(e.Qty)
			s.left[e.Ref] -= int64(e.Qty)
		case wire.EventCancelled:
			s.left[e.ID] -= int64(e.Qty)
		}
	}
	for id, want := range s.left {
		got := int64(0)
		if slot := s.b.slotOf(id); slot != 0 {
			got = s.b.remainder(slot)
		} else {
			delete(s.left, id)
		}
		if got != want {
			t.Fatalf("order %d has %d left; its reports say %d", id, got, want)
		}
	}
}

// checkOrders compares every resting order and stop, hidden ones included, and
// the displayed ones in order of priority.
func (s *oracleSession) checkOrders(t *rapid.T) {
	b, n := s.b, s.oracle
	if b.Orders() != len(n.book) || b.Waiting() != len(n.stops) {
		t.Fatalf("%d orders and %d stops, the oracle has %d and %d", b.Orders(), b.Waiting(), len(n.book), len(n.stops))
	}
	for i, o := range append(append([]*nOrder{}, n.book...), n.stops...) {
		want := Resting{ID: s.handle(o.ID), Side: o.Side, Price: o.Price, Qty: o.left}
		if i >= len(n.book) {
			want.Price = o.Trigger
		}
		got, ok := b.Lookup(want.ID)
		if !ok || got != want {
			t.Fatalf("order %d: %+v (%v), want %+v", o.ID, got, ok, want)
		}
	}
	for _, side := range sidesOf {
		var want []Resting
		for _, o := range n.opposite(&nOrder{Order: Order{Side: side.Opposite(), Type: Limit, Price: n.worst(side)}}) {
			if !o.Hidden || o.Type == Iceberg {
				want = append(want, Resting{ID: s.handle(o.ID), Side: side, Price: o.Price, Qty: o.left})
			}
		}
		if d := cmp.Diff(want, b.AppendOrders(nil, side)); d != "" {
			t.Fatalf("%v orders (-oracle +book):\n%s", side, d)
		}
		var adds []wire.Event
		for _, o := range want {
			adds = append(adds, wire.Event{Kind: wire.EventAdd, ID: o.ID, Side: side, Price: o.Price, Qty: o.Qty})
		}
		if d := cmp.Diff(adds, b.AppendAdds(nil, side)); d != "" {
			t.Fatalf("%v adds (-oracle +book):\n%s", side, d)
		}
	}
}
