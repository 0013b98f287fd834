package orderbook

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tickcast/wire"
)

// One test for each class of bugs that public matching engines have had.

// play runs script lines on a book and returns the reports, line indices from 0.
func play(t *testing.T, b *Book, script string) string {
	t.Helper()
	var out []byte
	for i, line := range strings.Split(strings.TrimSpace(script), "\n") {
		c, err := ParseCommand([]byte(strings.TrimSpace(line)))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = AppendReports(out, i, b.Do(nil, &c))
		checkLinks(t, b)
	}
	return string(out)
}

// expect plays a script in a new book and compares the reports and the top.
func expect(t *testing.T, script, reports, top string) *Book {
	t.Helper()
	b := mustBook(t, Config{OutsideIDs: true})
	lines := strings.Fields(reports)
	if d := cmp.Diff(lines, strings.Fields(play(t, b, script))); d != "" {
		t.Fatalf("reports (-want +got):\n%s", d)
	}
	if got := strings.TrimPrefix(strings.TrimSpace(string(AppendTop(nil, 0, b.Top()))), "top,0,"); got != top {
		t.Fatalf("top %s; want %s", got, top)
	}
	return b
}

func TestSiblingsSurviveACancelInTheMiddle(t *testing.T) {
	expect(t, `
		new,1,buy,limit,1,100
		new,2,buy,limit,2,100
		new,3,buy,limit,4,100
		cancel,2
		new,4,sell,ioc,9,100`, `
		accepted,0,1 accepted,1,2 accepted,2,3 cancelled,3,2,2
		accepted,4,4 trade,4,100,1,1,4 trade,4,100,4,3,4 cancelled,4,4,4`, "-,0,-,0")
}

func TestNoPhantomBestAfterCancel(t *testing.T) {
	expect(t, `
		new,1,sell,limit,5,101
		new,2,sell,limit,5,100
		cancel,2
		new,3,buy,limit,5,100`, `
		accepted,0,1 accepted,1,2 cancelled,2,2,5 accepted,3,3`, "100,5,101,5")
}

func TestLimitHoldsOnTheSecondLevelOfASweep(t *testing.T) {
	expect(t, `
		new,1,sell,limit,5,100
		new,2,sell,limit,5,102
		new,3,buy,limit,10,101`, `
		accepted,0,1 accepted,1,2 accepted,2,3 trade,2,100,5,1,3`, "101,5,102,5")
}

func TestTradesPrintAtTheMakersPrice(t *testing.T) {
	expect(t, `
		new,1,buy,limit,5,103
		new,2,sell,limit,5,99
		new,3,sell,limit,5,97
		new,4,buy,market,5`, `
		accepted,0,1 accepted,1,2 trade,1,103,5,1,2 accepted,2,3 accepted,3,4 trade,3,97,5,3,4`, "-,0,-,0")
}

func TestPartialFillKeepsTheMakerInFront(t *testing.T) {
	expect(t, `
		new,1,sell,limit,10,100
		new,2,sell,limit,10,100
		new,3,buy,ioc,4,100
		new,4,buy,ioc,8,100`, `
		accepted,0,1 accepted,1,2 accepted,2,3 trade,2,100,4,1,3
		accepted,3,4 trade,3,100,6,1,4 trade,3,100,2,2,4`, "-,0,100,8")
}

func TestVolumeIsConserved(t *testing.T) {
	b := mustBook(t, Config{OutsideIDs: true})
	entered, left := wire.Qty(0), wire.Qty(0)
	for id := range uint64(500) {
		o := Order{ID: id + 1, Type: Limit, Side: wire.Buy + wire.Side(id%2), Qty: wire.Qty(1 + id*7%13), Price: wire.Price(95 + id*31%11)}
		entered += o.Qty
		for _, e := range b.Enter(nil, &o) {
			if e.Kind == wire.EventTrade {
				left += 2 * e.Qty
			}
		}
	}
	if left+bookVolume(b) != entered {
		t.Fatalf("entered %d; traded %d, resting %d", entered, left, bookVolume(b))
	}
}

func TestFilledMakerLeavesTheIDMap(t *testing.T) {
	expect(t, `
		new,1,sell,limit,5,100
		new,2,buy,limit,5,100
		cancel,1
		replace,1,5,101
		cancel,2`, `
		accepted,0,1 accepted,1,2 trade,1,100,5,1,2
		rejected,2,1,unknown rejected,3,1,unknown rejected,4,2,unknown`, "-,0,-,0")
}

func TestModifyThroughTheSpreadTrades(t *testing.T) {
	expect(t, `
		new,1,sell,limit,5,101
		new,2,buy,limit,8,99
		replace,2,8,102`, `
		accepted,0,1 accepted,1,2 trade,2,101,5,1,2 replaced,2,2`, "102,3,-,0")
}

func TestDeadOrderIsNotAcknowledged(t *testing.T) {
	expect(t, `
		new,1,buy,limit,5,100
		cancel,1
		cancel,1
		reduce,1,2
		replace,1,5,100
		new,2,buy,ioc,5,100
		cancel,2`, `
		accepted,0,1 cancelled,1,1,5 rejected,2,1,unknown rejected,3,1,unknown rejected,4,1,unknown
		accepted,5,2 cancelled,5,2,5 rejected,6,2,unknown`, "-,0,-,0")
}

func TestIDCanBeUsedAgainOnceItsOrderIsGone(t *testing.T) {
	expect(t, `
		new,1,buy,limit,5,100
		new,1,buy,limit,5,99
		new,2,sell,limit,5,100
		new,1,sell,limit,7,101
		cancel,1
		new,1,buy,limit,3,98`, `
		accepted,0,1 rejected,1,1,duplicate accepted,2,2 trade,2,100,5,1,2
		accepted,3,1 cancelled,4,1,7 accepted,5,1`, "98,3,-,0")
}

func TestStaleHandleIsUnknown(t *testing.T) {
	b := mustBook(t, Config{})
	old := b.Enter(nil, &Order{Type: Limit, Side: wire.Buy, Qty: 5, Price: 100})[0].ID
	b.Cancel(nil, old)
	again := b.Enter(nil, &Order{Type: Limit, Side: wire.Buy, Qty: 5, Price: 100})[0].ID
	if again == old {
		t.Fatalf("handle %d was handed out twice", old)
	}
	gone := b.Enter(nil, &Order{Type: Limit, Side: wire.Buy, Qty: 5, Price: 100})[0].ID
	b.Cancel(nil, gone)
	free := b.orders[gone&slotMask].id // as the slab has it, its flag included
	for _, id := range []uint64{old, 0, IDMax, again + 1, gone, free, again | flagFree} {
		if e := b.Cancel(make([]wire.Event, 0, 8), id)[0]; e.Kind != wire.EventRejected || e.Reason != wire.ReasonUnknown {
			t.Fatalf("cancel of handle %#x: %+v", id, e)
		}
		if o, ok := b.Lookup(id); ok {
			t.Fatalf("handle %#x finds %+v", id, o)
		}
	}
	if _, ok := b.Lookup(again); !ok {
		t.Fatalf("handle %d is gone", again)
	}
}

func TestPriorityDoesNotDependOnIDs(t *testing.T) {
	ids := []uint64{900, 3, 77, 1 << 40, 12, 555, 8, 1<<53 - 1, 41, 2}
	b := mustBook(t, Config{OutsideIDs: true})
	for _, id := range ids {
		b.Enter(nil, &Order{ID: id, Type: Limit, Side: wire.Sell, Qty: 1, Price: 100})
	}
	for n, o := range b.AppendOrders(nil, wire.Sell) {
		if o.ID != ids[n] {
			t.Fatalf("order %d is %d; want %d", n, o.ID, ids[n])
		}
	}
}

func TestNoZeroQuantityTrades(t *testing.T) {
	expect(t, `
		new,1,sell,limit,5,100
		new,2,buy,limit,5,100
		new,3,buy,limit,5,100
		new,4,sell,fok,5,100
		new,5,sell,limit,0,100
		reduce,1,0`, `
		accepted,0,1 accepted,1,2 trade,1,100,5,1,2 accepted,2,3 accepted,3,4 trade,3,100,5,3,4
		rejected,4,5,min rejected,5,1,unknown`, "-,0,-,0")
}

func TestStopCascadesWithinItsCommand(t *testing.T) {
	expect(t, `
		new,1,buy,limit,1,100
		new,2,buy,limit,1,99
		new,3,buy,limit,1,98
		new,4,sell,stop,1,100
		new,5,sell,stop,1,99
		new,6,sell,ioc,1,100
		cancel,4`, `
		accepted,0,1 accepted,1,2 accepted,2,3 accepted,3,4 accepted,4,5
		accepted,5,6 trade,5,100,1,1,6 trade,5,99,1,2,4 trade,5,98,1,3,5 rejected,6,4,unknown`, "-,0,-,0")
}

func TestFOKIsAllOrNothing(t *testing.T) {
	b := expect(t, `
		new,1,sell,limit,5,100
		new,2,sell,iceberg,20,101,2
		new,3,sell,limit,5,101 hidden
		new,4,buy,fok,31,101
		new,5,buy,fok,30,100
		new,6,buy,fok,30,101`, `
		accepted,0,1 accepted,1,2 accepted,2,3 rejected,3,4,fok rejected,4,5,fok
		accepted,5,6 trade,5,100,5,1,6 trade,5,101,2,2,6 trade,5,101,5,3,6
		trade,5,101,2,2,6 trade,5,101,2,2,6 trade,5,101,2,2,6 trade,5,101,2,2,6 trade,5,101,2,2,6
		trade,5,101,2,2,6 trade,5,101,2,2,6 trade,5,101,2,2,6 trade,5,101,2,2,6`, "-,0,-,0")
	if b.Orders() != 0 {
		t.Fatalf("%d orders rest", b.Orders())
	}
}

// Reserves are not displayed, so no limit of a level's total bounds their sum.
func TestFOKCountsReservesOfAnySize(t *testing.T) {
	b := mustBook(t, Config{OutsideIDs: true})
	for id := range uint64(16) {
		b.Enter(nil, &Order{ID: id + 1, Type: Iceberg, Side: wire.Sell, Qty: QtyMax, Price: 100, Display: QtyMax / icebergPartsMax})
	}
	if e := b.Enter(nil, &Order{ID: 99, Type: FOK, Side: wire.Buy, Qty: 1 << 50, Price: 100})[0]; e.Kind != wire.EventAccepted {
		t.Fatalf("%+v", e)
	}
}

func TestSnapshotKeepsQueueOrder(t *testing.T) {
	b := mustBook(t, Config{OutsideIDs: true})
	play(t, b, `
		new,5,buy,limit,1,100
		new,9,buy,limit,2,100
		new,1,buy,iceberg,9,100,3
		new,7,buy,limit,3,100
		replace,5,4,100`)
	restored, _, err := Restore(b.AppendSnapshot(nil, 1))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b.AppendOrders(nil, wire.Buy), restored.AppendOrders(nil, wire.Buy)); d != "" {
		t.Fatalf("(-book +restored):\n%s", d)
	}
	for _, c := range []*Book{b, restored} {
		if got := play(t, c, "new,8,sell,ioc,30,100"); !strings.Contains(got, "trade,0,100,2,9,8\ntrade,0,100,3,1,8\ntrade,0,100,3,7,8\ntrade,0,100,4,5,8\ntrade,0,100,3,1,8") {
			t.Fatalf("queue order:\n%s", got)
		}
	}
}

func TestPricesFarAway(t *testing.T) {
	b := mustBook(t, Config{OutsideIDs: true, MinPrice: -PriceMax})
	prices := []wire.Price{-PriceMax, -1 << 40, -1, 0, 1, 63, 64, 4095, 4096, 1 << 31, 1 << 32, 1 << 50, PriceMax}
	for i, p := range prices {
		b.Enter(nil, &Order{ID: uint64(i + 1), Type: Limit, Side: wire.Buy, Qty: 1, Price: p})
		checkLinks(t, b)
	}
	got := b.AppendLevels(nil, wire.Buy, 0)
	for i, l := range got {
		if want := prices[len(prices)-1-i]; l.Price != want {
			t.Fatalf("level %d is %d; want %d", i, l.Price, want)
		}
	}
	events := b.Enter(nil, &Order{ID: 99, Type: Limit, Side: wire.Sell, Qty: 50, Price: -PriceMax})
	trades := 0
	for _, e := range events {
		if e.Kind == wire.EventTrade {
			trades++
		}
	}
	checkLinks(t, b)
	if trades != len(prices) {
		t.Fatalf("%d trades; want %d", trades, len(prices))
	}
}

func TestRejectionsByRule(t *testing.T) {
	b := mustBook(t, Config{Tick: 5, Lot: 10, MinQty: 20, MaxQty: 1000, MinPrice: 50, MaxPrice: 500, OutsideIDs: true})
	if err := b.SetBand(60, 400); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		order Order
		want  wire.Reason
	}{
		{Order{Qty: 20, Price: 101}, wire.ReasonTick},
		{Order{Qty: 25, Price: 100}, wire.ReasonLot},
		{Order{Qty: 10, Price: 100}, wire.ReasonMin},
		{Order{Qty: -20, Price: 100}, wire.ReasonMin},
		{Order{Qty: 1010, Price: 100}, wire.ReasonLimit},
		{Order{Qty: 20, Price: 45}, wire.ReasonLimit},
		{Order{Qty: 20, Price: 505}, wire.ReasonLimit},
		{Order{Qty: 20, Price: 55}, wire.ReasonBand},
		{Order{Qty: 20, Price: 405}, wire.ReasonBand},
		{Order{Qty: 20, Price: 400}, 0},
	} {
		c.order.ID, c.order.Type, c.order.Side = 1, Limit, wire.Buy
		e := b.Enter(nil, &c.order)[0]
		if e.Reason != c.want || (c.want != 0) != (e.Kind == wire.EventRejected) {
			t.Fatalf("%+v: %v %v; want %v", c.order, e.Kind, e.Reason, c.want)
		}
	}
	if e := b.Enter(nil, &Order{ID: 2, Type: Iceberg, Side: wire.Buy, Qty: 1000, Price: 100, Display: 20})[0]; e.Kind != wire.EventAccepted {
		t.Fatalf("an iceberg of 50 parts: %+v", e)
	}
	for _, id := range []uint64{0, IDMax + 1} {
		if e := b.Enter(nil, &Order{ID: id, Type: Limit, Side: wire.Buy, Qty: 20, Price: 100})[0]; e.Kind != wire.EventRejected {
			t.Fatalf("id %d was accepted", id)
		}
	}
}

// An iceberg has so many parts at most, replaced or not.
func TestIcebergPartsAreBounded(t *testing.T) {
	expect(t, `
		new,1,sell,iceberg,1048577,100,1
		new,2,sell,iceberg,1048576,100,1
		replace,2,1048577,101
		new,3,sell,limit,2000000,101
		replace,3,3000000,101`, `
		rejected,0,1,limit accepted,1,2 rejected,2,2,limit accepted,3,3 replaced,4,3`, "-,0,100,1")
}

// An order leaves its level while an iceberg there refills by as much: the total
// stays, and with it the displayed L2. No event tells of the level, for each
// transaction with one is an update of the book to those who follow it.
func TestLevelWhoseTotalStaysIsNotTold(t *testing.T) {
	b := mustBook(t, Config{OutsideIDs: true})
	play(t, b, `
		new,1,sell,iceberg,20,100,10
		new,2,buy,ioc,5,100
		new,3,sell,limit,5,100`)
	for _, e := range b.Enter(nil, &Order{ID: 4, Type: IOC, Side: wire.Buy, Qty: 10, Price: 100}) {
		if e.Kind == wire.EventLevelSet {
			t.Fatalf("%+v: the total was 10 before", e)
		}
	}
}

// Numbers at the ends of int64 are rejected, not malformed, and pass for no key.
func TestExtremeNumbers(t *testing.T) {
	expect(t, `
		new,9223372036854775807,buy,limit,5,100
		new,1,buy,limit,9223372036854775807,100
		new,1,buy,limit,5,9223372036854775807
		new,1,sell,limit,5,-9223372036854775808
		new,1,sell,stop,5,9223372036854775807
		new,1,sell,iceberg,5,100,9223372036854775807
		new,1,sell,ioc,5,100 min=9223372036854775807
		band,-9223372036854775808,9223372036854775807
		new,1,buy,market,5
		new,1,sell,market,5
		band,0,0
		state,auction
		new,1,buy,limit,5,110
		new,2,sell,limit,5,90
		reference,-9223372036854775808
		state,continuous
		reduce,1,9223372036854775807
		replace,1,9223372036854775807,-9223372036854775808`, `
		rejected,0,9223372036854775807,limit rejected,1,1,limit rejected,2,1,limit rejected,3,1,limit
		rejected,4,1,limit rejected,5,1,limit rejected,6,1,min
		accepted,8,1 cancelled,8,1,5 accepted,9,1 cancelled,9,1,5
		state,11,auction accepted,12,1 accepted,13,2
		state,15,continuous trade,15,90,5,1,2 uncross,15,90,5
		rejected,16,1,unknown rejected,17,1,unknown`, "-,0,-,0")
}
