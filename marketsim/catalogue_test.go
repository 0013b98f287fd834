package marketsim

import (
	"math"
	"testing"

	"tickcast/wire"
)

func TestCatalogue(t *testing.T) {
	branching, err := branchingOf(0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[wire.Symbol]bool{}
	last := math.MaxInt32
	for i := range SymbolsMax {
		l, err := (&Config{}).listing(i)
		if err != nil {
			t.Fatal(err)
		}
		p, err := newProfile(&l, PresetCrypto.correlations(), branching)
		if err != nil {
			t.Fatal(err)
		}
		in := p.instrument
		if seen[in.Symbol] || string(in.Symbol) != in.Base+in.Quote {
			t.Errorf("%d: got symbol %s of %s and %s", i, in.Symbol, in.Base, in.Quote)
		}
		seen[in.Symbol] = true
		if l.changes > last {
			t.Errorf("%d: busier than the one before", i)
		}
		last = l.changes
		if l.changes < 20_000 || l.trades < 2_000 {
			t.Errorf("%d: got %d changes and %d trades; want at least 20 and 2 a second", i, l.changes, l.trades)
		}
		if p.open < 1000 || p.unit < p.lot || p.unit%p.lot != 0 || p.far < 10*p.depth {
			t.Errorf("%d: implausible profile %+v", i, p)
		}
	}
}

func TestDecimalText(t *testing.T) {
	f := func(units int64, decimals int, want string) {
		t.Helper()
		if got := decimalText(units, decimals); got != want {
			t.Errorf("%d, %d: got %q; want %q", units, decimals, got, want)
		}
	}
	f(0, 0, "0")
	f(7, 0, "7")
	f(7, 2, "0.07")
	f(12345, 2, "123.45")
	f(12345, 5, "0.12345")
}
