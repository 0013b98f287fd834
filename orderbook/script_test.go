package orderbook

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tickcast/wire"
)

func TestParseCommand(t *testing.T) {
	for _, c := range []struct {
		line string
		want Command
	}{
		{"new,1,buy,limit,10,100", Command{Kind: CommandNew, Order: Order{ID: 1, Side: wire.Buy, Type: Limit, Qty: 10, Price: 100}}},
		{"new,2,sell,market,10", Command{Kind: CommandNew, Order: Order{ID: 2, Side: wire.Sell, Type: Market, Qty: 10}}},
		{"new,3,buy,stop,10,105", Command{Kind: CommandNew, Order: Order{ID: 3, Side: wire.Buy, Type: Stop, Qty: 10, Trigger: 105}}},
		{"new,3,buy,stop,10,,105", Command{Kind: CommandNew, Order: Order{ID: 3, Side: wire.Buy, Type: Stop, Qty: 10, Trigger: 105}}},
		{"new,3,buy,stop,10,0,105", Command{Kind: CommandNew, Order: Order{ID: 3, Side: wire.Buy, Type: Stop, Qty: 10, Trigger: 105}}},
		{"new,4,sell,stoplimit,10,99,100 owner=3 stp=both", Command{Kind: CommandNew, Order: Order{
			ID: 4, Side: wire.Sell, Type: StopLimit, Qty: 10, Price: 99, Trigger: 100, Owner: 3, STP: STPBoth,
		}}},
		{"new,5,buy,iceberg,10,99,2", Command{Kind: CommandNew, Order: Order{ID: 5, Side: wire.Buy, Type: Iceberg, Qty: 10, Price: 99, Display: 2}}},
		{"new,6,buy,ioc,10,99  min=4 hidden", Command{Kind: CommandNew, Order: Order{ID: 6, Side: wire.Buy, Type: IOC, Qty: 10, Price: 99, Min: 4, Hidden: true}}},
		{"cancel,7", Command{Kind: CommandCancel, ID: 7}},
		{"reduce,7,3\r", Command{Kind: CommandReduce, ID: 7, Qty: 3}},
		{"replace,7,3,-4", Command{Kind: CommandReplace, ID: 7, Qty: 3, Price: -4}},
		{"state,continuous", Command{Kind: CommandState, State: wire.StateTrading}},
		{"state,pre_open", Command{Kind: CommandState, State: wire.StatePreOpen}},
		{"band,1,2", Command{Kind: CommandBand, Price: 1, High: 2}},
		{"reference,9", Command{Kind: CommandReference, Price: 9}},
	} {
		got, err := ParseCommand([]byte(c.line))
		if err != nil || got != c.want {
			t.Errorf("%s: %v\n%s", c.line, err, cmp.Diff(c.want, got))
		}
	}
}

func TestParseCommandErrors(t *testing.T) {
	for _, line := range []string{
		"", "new", "new,1", "new,1,up,limit,1,1", "new,1,buy,limit,1", "new,1,buy,limits,1,1", "new,1,buy,limit,x,1",
		"new,1,buy,iceberg,1,1", "new,1,buy,stoplimit,1,1", "new,1,buy,limit,1,1,1,1", "new,1,buy,limit,1,1 owner=-1",
		"new,1,buy,limit,1,1 owner=4294967296", "new,1,buy,limit,1,1 stp=never", "new,1,buy,limit,1,1 visible",
		"cancel", "cancel,1,2", "cancel,1 hidden", "reduce,1", "state,trading", "state,", "band,1", "reference,", "buy,1",
		"cancel,12345678901234567890", "cancel,9223372036854775808", "cancel,-9223372036854775809",
	} {
		if _, err := ParseCommand([]byte(line)); !errors.Is(err, ErrScript) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, line := range []string{
		"new,1,buy,limit,10,100", "new,3,buy,stop,10,,105", "new,4,sell,stoplimit,10,99,100 owner=3 stp=both",
		"new,5,buy,iceberg,10,99,2 min=3", "cancel,7", "replace,7,3,-4", "state,halt", "band,1,2", "reference,9",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		c, err := ParseCommand(line)
		if err != nil {
			return
		}
		b, _ := New(Config{OutsideIDs: true})
		for _, side := range sidesOf {
			b.Enter(nil, &Order{ID: 1 + uint64(side), Type: Iceberg, Side: side, Qty: 9, Price: 95 + wire.Price(5*side), Display: 2})
		}
		for range 2 {
			AppendReports(nil, 0, b.Do(nil, &c))
			checkLinks(t, b)
		}
	})
}

func FuzzParseFlash1(f *testing.F) {
	f.Add(flash1Text(f, "0 0 0 10 1 100\n0 1 1 5 2 100\n2 0 0 9 1 101\n1 0 0 0 1 0").bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseFlash1(data)
		if err != nil {
			return
		}
		b, _ := s.NewBook()
		for i := range s.Len() {
			s.AppendReports(nil, i, s.Do(b, nil, i), i == 0)
		}
		checkLinks(t, b)
	})
}

func TestParseFlash1Errors(t *testing.T) {
	whole := flash1Text(t, "0 0 0 10 1 100\n1 0 0 0 1 0").bytes()
	for n := range whole {
		if _, err := ParseFlash1(whole[:n]); !errors.Is(err, ErrFlash1) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	for n, want := range map[int]string{
		1: "in the kind of message 1", 2: "in the quantity of message 0", 9: "in the quantity of message 1",
		10: "in the order id of message 0", 25: "in the price of message 1",
	} {
		if _, err := ParseFlash1(whole[:flash1Head+n]); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Fatalf("cut after %d bytes: %v; want %s", n, err, want)
		}
	}
	whole[flash1Head] = 3
	if _, err := ParseFlash1(whole); !errors.Is(err, ErrFlash1) {
		t.Fatalf("kind 3: %v", err)
	}
}
