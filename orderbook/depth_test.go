package orderbook

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tickcast/wire"
)

// The events of any commands rebuild L2: after each command a Depth that
// heard only of levels equals the book.
func TestDepthFollowsBook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		var d Depth
		var ids []uint64
		var events []wire.Event
		for range rapid.IntRange(1, 200).Draw(t, "commands") {
			events = events[:0]
			if len(ids) > 0 && rapid.IntRange(0, 2).Draw(t, "cancel") == 0 {
				events = b.Cancel(events, rapid.SampledFrom(ids).Draw(t, "id"))
			} else {
				o := Order{
					Side: wire.Buy + wire.Side(rapid.IntRange(0, 1).Draw(t, "side")), Type: Limit,
					Qty: wire.Qty(rapid.IntRange(1, 9).Draw(t, "qty")), Price: wire.Price(rapid.IntRange(90, 110).Draw(t, "price")),
				}
				events = b.Enter(events, &o)
				ids = append(ids, events[0].ID)
			}
			d.Apply(events)
			if d.Top() != b.Top() {
				t.Fatalf("top %v; want %v", d.Top(), b.Top())
			}
			for _, side := range []wire.Side{wire.Buy, wire.Sell} {
				for _, n := range []int{0, 3} {
					if diff := cmp.Diff(b.AppendLevels(nil, side, n), d.AppendLevels(nil, side, n)); diff != "" {
						t.Fatalf("%v, %d levels: %s", side, n, diff)
					}
				}
			}
		}
		d.Reset()
		if d.Top() != (wire.Top{}) {
			t.Fatal("not empty after Reset")
		}
	})
}
