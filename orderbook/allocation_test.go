//go:build !race

package orderbook

import (
	"testing"

	"tickcast/wire"
)

// TestNoAllocations: in steady state no command allocates, odd ones neither.
func TestNoAllocations(t *testing.T) {
	for _, outside := range []bool{false, true} {
		b := mustBook(t, Config{OutsideIDs: outside})
		buf := make([]wire.Event, 0, 256)
		next := uint64(0)
		enter := func(o Order) uint64 {
			next++
			o.ID = next
			buf = b.Enter(buf[:0], &o)
			return buf[0].ID
		}
		round := func() {
			for i := range wire.Price(8) {
				enter(Order{Type: Limit, Side: wire.Sell, Qty: 10, Price: 100 + i*1000})
				enter(Order{Type: Iceberg, Side: wire.Buy, Qty: 10, Display: 2, Price: 90 - i})
			}
			enter(Order{Type: Limit, Side: wire.Sell, Qty: 10, Price: 99, Hidden: true})
			enter(Order{Type: Stop, Side: wire.Buy, Qty: 1, Trigger: 99})
			id := enter(Order{Type: Limit, Side: wire.Buy, Qty: 5, Price: 99, Owner: 3, STP: STPOldest})
			buf = b.Replace(buf[:0], id, 7, 98)
			buf = b.Reduce(buf[:0], id, 1)
			buf = b.Cancel(buf[:0], id)
			buf = b.SetState(buf[:0], wire.StateAuction)
			enter(Order{Type: Limit, Side: wire.Buy, Qty: 15, Price: 1100})
			buf = b.SetState(buf[:0], wire.StateTrading)
			enter(Order{Type: FOK, Side: wire.Buy, Qty: 10, Price: 9000})
			enter(Order{Type: Market, Side: wire.Buy, Qty: 1000})
			enter(Order{Type: IOC, Side: wire.Sell, Qty: 1000, Price: 1})
		}
		for range 10 {
			round()
		}
		if n := testing.AllocsPerRun(100, round); n != 0 {
			t.Errorf("outside ids %v: %.1f allocations a round", outside, n)
		}
		if b.Orders() != 0 {
			t.Errorf("%d orders rest", b.Orders())
		}
	}
}
