package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var tapeInstruments = []Instrument{
	MustInstrument("BTCUSDT", "BTC", "USDT", "0.10", "0.00001"),
	MustInstrument("ADAUSDT", "ADA", "USDT", "0.0001", "0.1"),
}

func drawBatch(rt *rapid.T) *Batch {
	b := &Batch{}
	now := int64(0)
	for range rapid.IntRange(0, 20).Draw(rt, "transactions") {
		now += rapid.Int64Range(0, 1e12).Draw(rt, "after")
		for range rapid.IntRange(1, 4).Draw(rt, "events") {
			b.Events = append(b.Events, Event{
				Kind:  EventKind(rapid.IntRange(1, int(EventUncross)).Draw(rt, "kind")),
				Side:  Side(rapid.IntRange(0, 2).Draw(rt, "side")),
				ID:    rapid.Uint64Range(0, 1<<53).Draw(rt, "id"),
				Ref:   rapid.Uint64Range(0, 1<<53).Draw(rt, "ref"),
				Trade: rapid.Uint64Range(0, 5).Draw(rt, "trade"),
				Price: Price(rapid.Int64Range(-1e6, 1<<62).Draw(rt, "price")),
				Qty:   Qty(rapid.Int64Range(0, 1<<60).Draw(rt, "qty")),
				Count: rapid.Uint32Range(0, 3).Draw(rt, "count"),
				State: State(rapid.IntRange(0, 5).Draw(rt, "state")),
			})
		}
		b.Commit(uint32(rapid.IntRange(0, 1).Draw(rt, "instrument")), now)
	}
	return b
}

func TestTapeRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tape := AppendTapeHeader(nil, tapeInstruments)
		var want []*Batch
		for range rapid.IntRange(0, 4).Draw(rt, "blocks") {
			b := drawBatch(rt)
			tape = AppendTapeBlock(tape, b)
			if len(b.Txns) > 0 {
				want = append(want, b)
			}
		}
		r, err := NewTapeReader(bytes.NewReader(tape))
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(tapeInstruments, r.Instruments()); diff != "" {
			rt.Fatal(diff)
		}
		var got Batch
		for _, b := range want {
			if err := r.Next(&got); err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(b, &got, cmp.AllowUnexported(Txn{}), cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("(-want +got):\n%s", diff)
			}
		}
		if err := r.Next(&got); !errors.Is(err, io.EOF) || r.Good() != int64(len(tape)) {
			rt.Fatalf("at the end: got %v at %d of %d; want EOF", err, r.Good(), len(tape))
		}
	})
}

// TestTapeTorn cuts a tape at every byte, and damages each: what was whole
// before is read, the rest is refused.
func TestTapeTorn(t *testing.T) {
	head := AppendTapeHeader(nil, tapeInstruments)
	var b Batch
	for i := range 3 {
		b.Events = append(b.Events, Event{Kind: EventAdd, ID: uint64(i + 1), Price: 100, Qty: 5, Side: Buy})
		b.Commit(0, int64(i))
	}
	first := AppendTapeBlock(bytes.Clone(head), &b)
	tape := AppendTapeBlock(bytes.Clone(first), &b)
	blocks := func(tape []byte) (n int, good int64, err error) {
		r, err := NewTapeReader(bytes.NewReader(tape))
		if err != nil {
			return 0, 0, err
		}
		var got Batch
		for err == nil {
			if err = r.Next(&got); err == nil {
				n++
			}
		}
		return n, r.Good(), err
	}
	for cut := range len(tape) {
		n, good, err := blocks(tape[:cut])
		whole := cut == len(head) || cut == len(first)
		if whole != errors.Is(err, io.EOF) || whole == errors.Is(err, ErrTape) {
			t.Fatalf("cut at %d: got %v", cut, err)
		}
		if cut >= len(first) && (n != 1 || good != int64(len(first))) {
			t.Fatalf("cut at %d: got %d blocks up to %d; want 1 up to %d", cut, n, good, len(first))
		}
	}
	for at := len(first); at < len(tape); at++ {
		damaged := bytes.Clone(tape)
		damaged[at] ^= 0x40
		if n, good, err := blocks(damaged); n != 1 || good != int64(len(first)) || !errors.Is(err, ErrTape) {
			t.Fatalf("damaged at %d: got %d blocks up to %d, %v", at, n, good, err)
		}
	}
}

func TestTapeLongBatch(t *testing.T) {
	var b Batch
	for i := range 200_000 {
		b.Events = append(b.Events, Event{Kind: EventLevelSet, Price: Price(i), Qty: 1 << 40, Count: 9, Side: Sell})
		b.Commit(1, int64(i)*1e6)
	}
	r, err := NewTapeReader(bytes.NewReader(AppendTapeBlock(AppendTapeHeader(nil, tapeInstruments), &b)))
	if err != nil {
		t.Fatal(err)
	}
	var got Batch
	blocks, next := 0, 0
	for r.Next(&got) == nil {
		blocks++
		for i := range got.Txns {
			if got.Txns[i].Time != b.Txns[next].Time || got.EventsOf(i)[0] != b.EventsOf(next)[0] {
				t.Fatalf("transaction %d differs", next)
			}
			next++
		}
	}
	if blocks < 2 || next != len(b.Txns) {
		t.Errorf("got %d transactions in %d blocks; want %d in several", next, blocks, len(b.Txns))
	}
}

func TestBatchTruncate(t *testing.T) {
	var b Batch
	for i := range 3 {
		b.Events = append(b.Events, Event{Kind: EventAdd}, Event{Kind: EventTopMoved})
		b.Commit(0, int64(i))
	}
	b.Truncate(5)
	b.Truncate(2)
	if len(b.Txns) != 2 || len(b.Events) != 4 {
		t.Errorf("got %d transactions and %d events; want 2 and 4", len(b.Txns), len(b.Events))
	}
}

func FuzzTapeReader(f *testing.F) {
	var b Batch
	b.Events = append(b.Events, Event{Kind: EventAdd, ID: 1, Price: 100, Qty: 5, Side: Buy})
	b.Commit(0, 7)
	f.Add(AppendTapeBlock(AppendTapeHeader(nil, tapeInstruments), &b))
	f.Fuzz(func(t *testing.T, tape []byte) {
		r, err := NewTapeReader(bytes.NewReader(tape))
		if err != nil {
			return
		}
		var got Batch
		for r.Next(&got) == nil {
			for i := range got.Txns {
				if int(got.Txns[i].Instrument) >= len(r.Instruments()) {
					t.Fatal("a transaction of no instrument")
				}
			}
		}
		if r.Good() > int64(len(tape)) {
			t.Fatal("more was good than there is")
		}
	})
}
