package wire

import (
	"errors"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

func TestParseSymbol(t *testing.T) {
	for _, s := range []string{"A", "BTCUSDT", "BRK-B", "0_1", strings.Repeat("Z", SymbolBytesMax)} {
		if got, err := ParseSymbol(s); err != nil || string(got) != s {
			t.Errorf("%s: got %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "btc", "A.B", "A*", "A B", "É", "A\x00", strings.Repeat("Z", SymbolBytesMax+1)} {
		if got, err := ParseSymbol(s); !errors.Is(err, ErrSymbol) || got != "" {
			t.Errorf("%q: got %s, %v", s, got, err)
		}
	}
}

func TestParseEntry(t *testing.T) {
	f := func(s string, want Entry, wantErr error) {
		t.Helper()
		if got, err := ParseEntry(s); got != want || !errors.Is(err, wantErr) {
			t.Errorf("%q: got %v, %v; want %v, %v", s, got, err, want, wantErr)
		}
	}
	f("bbo.BTCUSDT", Entry{Slot: NewSlot(ChannelBBO, RateEvery), Symbol: "BTCUSDT"}, nil)
	f("trade.ETH*", Entry{Slot: NewSlot(ChannelTrade, RateEvery), Symbol: "ETH", Pattern: true}, nil)
	f("book.*", Entry{Slot: NewSlot(ChannelBook, RateEvery), Pattern: true}, nil)
	f("", Entry{}, ErrUnknownChannel)
	f("invalid.BTCUSDT", Entry{}, ErrUnknownChannel)
	f("BBO.BTCUSDT", Entry{}, ErrUnknownChannel)
	f("candle2m.BTCUSDT", Entry{}, ErrUnknownChannel)
	f("depth.BTCUSDT", Entry{}, ErrUnknownChannel)
	f("candle1m.BTCUSDT", Entry{Slot: NewSlot(ChannelCandle1m, RateEvery), Symbol: "BTCUSDT"}, nil)
	f("depth20.ETH*.100ms", Entry{Slot: NewSlot(ChannelDepth20, Rate100ms), Symbol: "ETH", Pattern: true}, nil)
	f("book.*.20ms", Entry{Slot: NewSlot(ChannelBook, Rate20ms), Pattern: true}, nil)
	f("bbo.BTCUSDT.", Entry{}, ErrBadRate)
	f("bbo.BTCUSDT.50ms", Entry{}, ErrBadRate)
	f("bbo.BTCUSDT.1S", Entry{}, ErrBadRate)
	f("bbo.BTCUSDT.1s.1s", Entry{}, ErrBadRate)
	f("bbo.btcusdt.1m", Entry{}, ErrBadRate) // the first fault that is found
	f("bbo.btcusdt.1s", Entry{}, ErrUnknownSymbol)
	f("bbo", Entry{}, ErrUnknownSymbol)
	f("bbo.", Entry{}, ErrUnknownSymbol)
	f("bbo.btcusdt", Entry{}, ErrUnknownSymbol)
	f("bbo.**", Entry{}, ErrUnknownSymbol)
	f("bbo.A*B", Entry{}, ErrUnknownSymbol)
	f("bbo."+strings.Repeat("Z", SymbolBytesMax+1), Entry{}, ErrUnknownSymbol)
}

func TestEntryMatch(t *testing.T) {
	f := func(entry, symbol string, want bool) {
		t.Helper()
		e, err := ParseEntry(entry)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Match(Symbol(symbol)); got != want {
			t.Errorf("%s, %s: got %v", entry, symbol, got)
		}
	}
	f("bbo.ETH", "ETH", true)
	f("bbo.ETH", "ETHUSDT", false)
	f("bbo.ETH*", "ETHUSDT", true)
	f("bbo.ETH*", "ETH", true)
	f("bbo.ETH*", "BETH", false)
	f("bbo.*", "BETH", true)
}

// entryText is how an entry is written: what ParseEntry reads.
func entryText(e *Entry) string {
	symbol := e.Symbol
	if e.Pattern {
		symbol += "*"
	}
	return string(e.Slot.Stream(0).AppendName(nil, Symbol(symbol)))
}

func FuzzParseEntry(f *testing.F) {
	for s := Slot(1); s < SlotCount; s++ {
		f.Add(entryText(&Entry{Slot: s, Symbol: "BTCUSDT"}))
	}
	for _, seed := range []string{
		"trade.ETH*", "book.*", "bbo.A*.100ms", "depth5.*.1s", "candle1d.B-C_D*.1s", "invalid.A", ".", "bbo.*.*", "bbo.é",
		"trade.A.1s", "candle1m.A.100ms", "status.*.1s", "bbo.A.", "bbo..1s", "depth5.A.20ms.1s", "ticker.A.\x001s",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseEntry(s)
		if err != nil {
			if e != (Entry{}) {
				t.Fatalf("%q: got %v besides %v", s, e, err)
			}
			return
		}
		if _, err := ParseSymbol(e.Symbol); err != nil && !(e.Pattern && e.Symbol == "") {
			t.Fatalf("%q: %v", s, err)
		}
		equal(t, s, entryText(&e))
		equal(t, true, e.Match(Symbol(e.Symbol)))
	})
}

func TestStreamIDRoundTrip(t *testing.T) {
	seen := map[StreamID]bool{}
	slots := 1
	for c := Channel(1); c < ChannelCount; c++ {
		for r := range Rate(RateCount) {
			slot := NewSlot(c, r)
			if slot == 0 {
				continue
			}
			slots++
			id := slot.Stream(5)
			equal(t, false, seen[id])
			seen[id] = true
			equal(t, c, id.Channel())
			equal(t, r, id.Rate())
			if r == RateEvery {
				equal(t, id, NewStreamID(5, c))
			}
		}
	}
	equal(t, SlotCount, slots)
	rapid.Check(t, func(t *rapid.T) {
		instrument := rapid.Uint32Range(0, InstrumentsMax-1).Draw(t, "instrument")
		slot := Slot(rapid.IntRange(1, SlotCount-1).Draw(t, "slot"))
		id := slot.Stream(instrument)
		equal(t, instrument, id.Instrument())
		equal(t, slot, id.Slot())
		e, err := ParseEntry(string(id.AppendName(nil, "BTCUSDT")))
		equal(t, nil, err)
		equal(t, Entry{Slot: slot, Symbol: "BTCUSDT"}, e)
	})
}

func TestBatch(t *testing.T) {
	var b Batch
	for range 2 { // the second time on what the first left behind
		b.Matched = 9
		b.Commit(1, 10) // nothing happened: no transaction
		b.Events = append(b.Events, Event{ID: 1}, Event{ID: 2})
		b.Commit(1, 10)
		b.Commit(1, 10)
		b.Events = append(b.Events, Event{ID: 3})
		b.Commit(2, 20)
		equal(t, 2, len(b.Txns))
		equal(t, uint32(1), b.Txns[0].Instrument)
		equal(t, int64(20), b.Txns[1].Time)
		equal(t, []Event{{ID: 1}, {ID: 2}}, b.EventsOf(0))
		equal(t, []Event{{ID: 3}}, b.EventsOf(1))
		b.Reset()
		equal(t, 0, len(b.Events)+len(b.Txns)+int(b.Matched))
	}
}

func TestEventIsFlat(t *testing.T) {
	equal(t, uintptr(48), unsafe.Sizeof(Event{}))
}

func TestNames(t *testing.T) {
	f := func(want string, got string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	f("buy", Buy.String())
	f("sell", Sell.String())
	f("sell", Buy.Opposite().String())
	f("buy", Sell.Opposite().String())
	f("invalid", Side(0).String())
	f("trade", ChannelTrade.String())
	f("invalid", Channel(ChannelCount).String())
	f("pre_open", StatePreOpen.String())
	f("closed", StateClosed.String())
	f("invalid", State(9).String())
	f("", Reason(0).String())
	f("tick", ReasonTick.String())
	f("ioc", ReasonIOC.String())
	f("invalid", Reason(99).String())
	f("accepted", EventAccepted.String())
	f("uncross", EventUncross.String())
	f("invalid", EventKind(99).String())
	f("ping", OpPing.String())
	f("invalid", Op(9).String())
	f("bad_json: why", (&Error{CodeBadJSON, "why"}).Error())
	equal(t, true, ChannelBBO.Stateful())
	equal(t, false, ChannelTrade.Stateful() || ChannelBook.Stateful() || ChannelOrder.Stateful())
}
