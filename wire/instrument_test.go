package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func TestNewInstrument(t *testing.T) {
	f := func(tick, lot string, want Instrument) {
		t.Helper()
		want.Symbol, want.Base, want.Quote = "BTCUSDT", "BTC", "USDT"
		got, err := NewInstrument("BTCUSDT", "BTC", "USDT", tick, lot)
		if err != nil {
			t.Fatalf("tick %s, lot %s: %v", tick, lot, err)
		}
		equal(t, want, got)
	}
	f("0.01", "0.00001", Instrument{PriceScale: 2, Tick: 1, QtyScale: 5, Lot: 1})
	f("0.25", "0.10", Instrument{PriceScale: 2, Tick: 25, QtyScale: 2, Lot: 10})
	f("5", "100", Instrument{Tick: 5, Lot: 100})
	f("0.000000000000000001", "9223372036854775807", Instrument{PriceScale: 18, Tick: 1, Lot: 1<<63 - 1})
}

func TestNewInstrumentErrors(t *testing.T) {
	f := func(symbol, tick, lot string, want error) {
		t.Helper()
		got, err := NewInstrument(symbol, "B", "Q", tick, lot)
		if !errors.Is(err, want) || got != (Instrument{}) {
			t.Errorf("%q %q %q: got %v, %v; want %v", symbol, tick, lot, got, err, want)
		}
	}
	f("btc", "1", "1", ErrSymbol)
	f("BTC", "0", "1", ErrRange)
	f("BTC", "-0.01", "1", ErrRange)
	f("BTC", "1", "0.0000000000000000001", ErrRange)
	f("BTC", "1", "9223372036854775808", ErrRange)
	for _, number := range []string{"", "x", "1e3", "+1", "1-", " 1", "0x1", "1_0", "NaN", "Inf", strings.Repeat("1", 41)} {
		f("BTC", number, "1", errNumber)
		f("BTC", "1", number, errNumber)
	}
}

func TestMustInstrumentPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	MustInstrument("", "B", "Q", "1", "1")
}

func TestParsePriceAndQty(t *testing.T) {
	in := MustInstrument("ES", "ES", "USD", "0.25", "0.002")
	price := func(s string, want Price, wantErr error) {
		t.Helper()
		if got, err := in.ParsePrice(s); got != want || !errors.Is(err, wantErr) {
			t.Errorf("price %s: got %d, %v; want %d, %v", s, got, err, want, wantErr)
		}
	}
	qty := func(s string, want Qty, wantErr error) {
		t.Helper()
		if got, err := in.ParseQty(s); got != want || !errors.Is(err, wantErr) {
			t.Errorf("quantity %s: got %d, %v; want %d, %v", s, got, err, want, wantErr)
		}
	}
	price("5000.25", 500025, nil)
	price("5000.250", 500025, nil)
	price("5000", 500000, nil)
	price("-0.25", -25, nil)
	price("0", 0, nil)
	price("5000.26", 0, ErrTick)
	price("92233720368547758.07", 0, ErrTick)
	price("92233720368547758.25", 0, ErrRange)
	price("1e400000000", 0, errNumber)
	qty("0.004", 4, nil)
	qty("0.003", 0, ErrLot)
	qty("", 0, errNumber)
	if _, err := in.ParsePrice("5000.251"); err == nil {
		t.Error("a third decimal was accepted")
	}
}

func TestInstrumentRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInstrument(t)
		want := anyLevel(&in).Draw(t, "level")
		text := levelJSON{
			in.PriceDecimal(want.Price).StringFixed(int32(in.PriceScale)),
			string(AppendDecimal(nil, int64(want.Qty), in.QtyScale)),
		}
		equal(t, want, parseLevel(t, &in, text))
		equal(t, text[1], in.QtyDecimal(want.Qty).StringFixed(int32(in.QtyScale)))
	})
}

func FuzzInstrumentNumbers(f *testing.F) {
	for _, seed := range []string{"0.01", "25351.90", "-0", "1.", ".5", "-", "92233720368547758.07", "0000000000000000000000000000000000000001"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, increment, number string) {
		in, err := NewInstrument("S", "B", "Q", increment, increment)
		if err != nil {
			return
		}
		if want, err := decimal.NewFromString(increment); err != nil || in.Tick < 1 || !in.PriceDecimal(in.Tick).Equal(want) {
			t.Fatalf("increment %q became %v: %v", increment, in, err)
		}
		p, err := in.ParsePrice(number)
		if err != nil {
			return
		}
		if want, err := decimal.NewFromString(number); err != nil || !in.PriceDecimal(p).Equal(want) || p%in.Tick != 0 {
			t.Fatalf("%q became %d: %v", number, p, err)
		}
		again, err := in.ParsePrice(string(AppendDecimal(nil, int64(p), in.PriceScale)))
		if err != nil || again != p {
			t.Fatalf("%d became %d: %v", p, again, err)
		}
	})
}
