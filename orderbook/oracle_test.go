package orderbook

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tickcast/wire"
)

// reportsOf returns the oracle's words for a batch.
func reportsOf(events []wire.Event) []string {
	var out []string
	for _, e := range events {
		switch e.Kind {
		case wire.EventAccepted:
			out = append(out, fmt.Sprintf("accepted %d", e.ID))
		case wire.EventRejected:
			out = append(out, fmt.Sprintf("rejected %d %v", e.ID, e.Reason))
		case wire.EventTrade:
			out = append(out, fmt.Sprintf("trade %d %d %d %d", e.Price, e.Qty, e.ID, e.Ref))
		case wire.EventCancelled:
			out = append(out, fmt.Sprintf("cancelled %d %d", e.ID, e.Qty))
		case wire.EventReplaced:
			out = append(out, fmt.Sprintf("replaced %d", e.ID))
		case wire.EventStateSet:
			out = append(out, fmt.Sprintf("state %v", e.State))
		case wire.EventUncross:
			out = append(out, fmt.Sprintf("uncross %d %d", e.Price, e.Qty))
		}
	}
	return out
}

// drawCommand draws any command around a narrow range of prices, so that most
// of them meet.
func drawCommand(t *rapid.T, next uint64) Command {
	price := func(what string) wire.Price { return wire.Price(rapid.IntRange(95, 105).Draw(t, what)) }
	qty := func(what string) wire.Qty { return wire.Qty(rapid.IntRange(1, 20).Draw(t, what)) }
	// The newest orders are the ones that still live.
	id := func() uint64 {
		return max(next, 1+uint64(rapid.IntRange(0, 12).Draw(t, "back"))) - uint64(rapid.IntRange(0, 12).Draw(t, "id"))
	}
	switch k := rapid.IntRange(0, 39).Draw(t, "kind"); {
	case k < 24:
		return Command{Kind: CommandNew, Order: Order{
			ID:   next - uint64(rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 3}).Draw(t, "again")),
			Type: Type(rapid.SampledFrom([]int{1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8}).Draw(t, "type")),
			Side: rapid.SampledFrom([]wire.Side{wire.Buy, wire.Sell}).Draw(t, "side"),
			Qty:  qty("qty"), Price: price("price"), Trigger: price("trigger"), Display: qty("display"),
			Owner:  uint32(rapid.IntRange(0, 2).Draw(t, "owner")),
			STP:    STP(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4}).Draw(t, "stp")),
			Hidden: rapid.IntRange(0, 7).Draw(t, "hidden") == 0,
			Min:    wire.Qty(rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 5}).Draw(t, "min")),
		}}
	case k < 28:
		return Command{Kind: CommandCancel, ID: id()}
	case k < 31:
		return Command{Kind: CommandReduce, ID: id(), Qty: qty("by")}
	case k < 36:
		return Command{Kind: CommandReplace, ID: id(), Qty: qty("qty"), Price: price("price")}
	case k < 38:
		return Command{Kind: CommandState, State: rapid.SampledFrom([]wire.State{
			wire.StateTrading, wire.StateTrading, wire.StateTrading, wire.StatePreOpen, wire.StateAuction, wire.StateHalt, wire.StateClosed,
		}).Draw(t, "state")}
	case k < 39:
		if rapid.Bool().Draw(t, "unband") {
			return Command{Kind: CommandBand}
		}
		return Command{Kind: CommandBand, Price: 97, High: 103}
	}
	return Command{Kind: CommandReference, Price: price("reference")}
}

func TestBookEqualsTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, _ := New(Config{OutsideIDs: true})
		copied, _ := New(Config{OutsideIDs: true})
		n, m := newNaive(), newImage()
		for i := range rapid.IntRange(1, 150).Draw(t, "commands") {
			c := drawCommand(t, uint64(i+10))
			before := b.Top()
			resting, volume := b.Orders(), bookVolume(b)
			events := b.Do(nil, &c)
			if d := cmp.Diff(n.do(&c), reportsOf(events)); d != "" {
				t.Fatalf("command %d, %+v (-oracle +book):\n%s", i, c, d)
			}
			m.apply(t, events)
			checkImage(t, b, m)
			checkCopy(t, b, copied, events)
			checkNaive(t, b, n)
			checkLinks(t, b)
			checkTrades(t, b, events)
			if moved := movedIn(events); moved != (before != b.Top()) {
				t.Fatalf("top moved %v: %+v to %+v", moved, before, b.Top())
			}
			if len(events) > 0 && events[0].Kind == wire.EventRejected && (b.Orders() != resting || bookVolume(b) != volume) {
				t.Fatalf("a rejected command changed the book")
			}
		}
	})
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

// checkNaive compares every resting order and stop, hidden ones included.
func checkNaive(t *rapid.T, b *Book, n *naive) {
	if b.Orders() != len(n.book) || b.Waiting() != len(n.stops) {
		t.Fatalf("%d orders and %d stops, the oracle has %d and %d", b.Orders(), b.Waiting(), len(n.book), len(n.stops))
	}
	for i, o := range append(append([]*nOrder{}, n.book...), n.stops...) {
		want := Resting{ID: o.ID, Side: o.Side, Price: o.Price, Qty: o.left}
		if i >= len(n.book) {
			want.Price = o.Trigger
		}
		got, ok := b.Lookup(o.ID)
		if !ok || got != want {
			t.Fatalf("order %d: %+v (%v), want %+v", o.ID, got, ok, want)
		}
	}
}
