package marketsim

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tickcast/orderbook"
	"tickcast/wire"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func newSim(t testing.TB, cfg Config) *Sim {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tape returns the hash of a market's transactions up to until, and of those
// of each of its symbols.
func tape(t testing.TB, cfg Config, until int64) (all string, each []string) {
	t.Helper()
	s := newSim(t, cfg)
	whole := NewTapeHash()
	parts := make([]*TapeHash, len(s.Instruments()))
	for i := range parts {
		parts[i] = NewTapeHash()
	}
	var b, one wire.Batch
	for now := int64(-1); now < until; {
		b.Reset()
		now = s.Step(&b, until, 1000)
		whole.Add(&b)
		for i := range b.Txns {
			one.Reset()
			one.Events = append(one.Events, b.EventsOf(i)...)
			one.Commit(b.Txns[i].Instrument, b.Txns[i].Time)
			parts[b.Txns[i].Instrument].Add(&one)
		}
	}
	for _, p := range parts {
		each = append(each, fmt.Sprintf("%x", p.Sum()))
	}
	return fmt.Sprintf("%x", whole.Sum()), each
}

func TestTapeGolden(t *testing.T) {
	var got strings.Builder
	for _, cfg := range []Config{
		{},
		{Seed: 1},
		{Seed: 42, Symbols: 1},
		{Seed: 7, Symbols: 40},
		{Seed: 1, Preset: PresetSmallTick},
		{Seed: 1, Preset: PresetLargeTick},
		{Seed: 1, Preset: PresetIlliquid},
	} {
		sum, _ := tape(t, cfg, 30e9)
		fmt.Fprintf(&got, "preset %s seed %d symbols %d: %s\n", cfg.Preset, cfg.Seed, cfg.Symbols, sum)
	}
	matchGolden(t, "tapes.golden", got.String())
}

// TestScenarioGolden is TestTapeGolden for what scenarios add: cut to
// 20 s, so that its end is on the tape.
func TestScenarioGolden(t *testing.T) {
	var got strings.Builder
	for s := ScenarioCalm; int(s) < len(scenarioNames); s++ {
		cue := Cue{At: 2e9, Scenario: s, Duration: 20e9}
		if defaults[s].size > 0 {
			cue.Size = -60
		}
		sum, _ := tape(t, Config{Seed: 3, Symbols: 2, Timeline: []Cue{cue}}, 60e9)
		fmt.Fprintf(&got, "%s: %s\n", s, sum)
	}
	matchGolden(t, "scenarios.golden", got.String())
}

// matchGolden compares with a file of testdata, or makes it.
func matchGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("tapes changed; if they should, run with -update (-want +got):\n%s", diff)
	}
}

func TestNewSymbolChangesNoOther(t *testing.T) {
	_, few := tape(t, Config{Seed: 3, Symbols: 4}, 20e9)
	_, many := tape(t, Config{Seed: 3, Symbols: 23}, 20e9)
	if diff := cmp.Diff(few, many[:4]); diff != "" {
		t.Error(diff)
	}
}

func TestSeedsDiffer(t *testing.T) {
	a, _ := tape(t, Config{Seed: 1, Symbols: 1}, 1e9)
	b, _ := tape(t, Config{Seed: 2, Symbols: 1}, 1e9)
	if a == b {
		t.Error("two seeds gave one tape")
	}
}

func TestStepCutsDoNotMatter(t *testing.T) {
	const until = 3e9
	for _, symbols := range []int{1, 5} {
		want, _ := tape(t, Config{Seed: 9, Symbols: symbols}, until)
		rapid.Check(t, func(rt *rapid.T) {
			s := newSim(t, Config{Seed: 9, Symbols: symbols})
			hash := NewTapeHash()
			var b wire.Batch
			for now := int64(0); now < until; {
				to := min(now+rapid.Int64Range(0, 4e8).Draw(rt, "ahead"), until)
				most := rapid.IntRange(1, 500).Draw(rt, "max")
				b.Reset()
				before := s.Next()
				now = s.Step(&b, to, most)
				if len(b.Txns) > 0 && b.Txns[0].Time != before {
					rt.Fatalf("first transaction at %d; want Next, %d", b.Txns[0].Time, before)
				}
				if now < to && len(b.Txns) < most {
					rt.Fatalf("stopped at %d of %d with %d of %d transactions", now, to, len(b.Txns), most)
				}
				hash.Add(&b)
			}
			if got := fmt.Sprintf("%x", hash.Sum()); got != want {
				rt.Fatalf("got tape %s; want %s", got, want)
			}
		})
	}
}

func TestStepOrder(t *testing.T) {
	s := newSim(t, Config{Symbols: 12})
	var b wire.Batch
	if now := s.Step(&b, 10e9, math.MaxInt32); now != 10e9 {
		t.Fatalf("got now %d; want all", now)
	}
	for i := 1; i < len(b.Txns); i++ {
		p, q := b.Txns[i-1], b.Txns[i]
		if p.Time > q.Time || p.Time == q.Time && p.Instrument > q.Instrument {
			t.Fatalf("transaction %d: got %+v after %+v", i, q, p)
		}
	}
	if now := s.Step(&b, 5e9, 10); now != 5e9 {
		t.Errorf("going back: got now %d; want 5e9", now)
	}
	if now := s.Step(&b, 20e9, 0); now >= 20e9 || now < 10e9 {
		t.Errorf("no room: got now %d", now)
	}
}

// TestEventsRebuildBooks applies the L3 events to a second book, compares it
// with the first and with the L2 and L1 events, and checks what must always be
// true of a book.
func TestEventsRebuildBooks(t *testing.T) {
	s := newSim(t, Config{Seed: 5})
	copies := make([]*orderbook.Book, len(s.Instruments()))
	levels := make([]map[wire.Side]map[wire.Price]wire.Qty, len(copies))
	for i := range copies {
		var err error
		if copies[i], err = orderbook.New(orderbook.Config{OutsideIDs: true}); err != nil {
			t.Fatal(err)
		}
		levels[i] = map[wire.Side]map[wire.Price]wire.Qty{wire.Buy: {}, wire.Sell: {}}
	}
	var b wire.Batch
	for until := int64(0); until <= 60e9; until += 5e9 {
		b.Reset()
		s.Step(&b, until, math.MaxInt32)
		for i, txn := range b.Txns {
			before := copies[txn.Instrument].Top()
			for j := range b.EventsOf(i) {
				e := &b.EventsOf(i)[j]
				if err := copies[txn.Instrument].Apply(e); err != nil {
					t.Fatal(err)
				}
				switch e.Kind {
				case wire.EventLevelSet:
					levels[txn.Instrument][e.Side][e.Price] = e.Qty
				case wire.EventTopMoved:
					before = copies[txn.Instrument].Top()
				case wire.EventRejected:
					t.Fatalf("a command was rejected: %+v", e)
				}
			}
			top := copies[txn.Instrument].Top()
			if top != before {
				t.Fatalf("the top moved without an event to %+v", top)
			}
			if txn.Time > 0 && (top.Bid.Qty == 0 || top.Ask.Qty == 0 || top.Bid.Price >= top.Ask.Price) {
				t.Fatalf("at %d: got top %+v", txn.Time, top)
			}
		}
		for i, c := range copies {
			checkBook(t, &s.flows[i], c, levels[i])
		}
	}
}

func checkBook(t *testing.T, f *flow, rebuilt *orderbook.Book, levels map[wire.Side]map[wire.Price]wire.Qty) {
	t.Helper()
	for _, side := range []wire.Side{wire.Buy, wire.Sell} {
		if diff := cmp.Diff(f.book.AppendOrders(nil, side), rebuilt.AppendOrders(nil, side)); diff != "" {
			t.Fatalf("%s %s (-book +rebuilt):\n%s", f.instrument.Symbol, side, diff)
		}
		orders := f.book.AppendOrders(nil, side)
		if n := len(orders); n != f.counts[side-wire.Buy] || n < f.orders/thinShare/2 || n > 2*f.orders {
			t.Fatalf("%s: got %d orders on side %s; flow counts %v", f.instrument.Symbol, n, side, f.counts)
		}
		for _, l := range f.book.AppendLevels(nil, side, math.MaxInt32) {
			if levels[side][l.Price] != l.Qty {
				t.Fatalf("%s %s: got level %+v; want %d", f.instrument.Symbol, side, l, levels[side][l.Price])
			}
			delete(levels[side], l.Price)
		}
		for price, qty := range levels[side] {
			if qty != 0 {
				t.Fatalf("%s %s: level %d of %d is not in the book", f.instrument.Symbol, side, price, qty)
			}
			delete(levels[side], price)
		}
		for _, l := range f.book.AppendLevels(nil, side, math.MaxInt32) {
			levels[side][l.Price] = l.Qty
		}
	}
}

// TestActivity counts what MARKETSIM asks of the catalogue at speed 1: about
// 100 book changes and 5 trades a second for the first, at least 10 and 1 for
// the quietest.
func TestActivity(t *testing.T) {
	const seconds = 180
	for seed := range uint64(6) {
		s := newSim(t, Config{Seed: seed})
		changes, trades := make([]float64, SymbolsDefault), make([]float64, SymbolsDefault)
		var b wire.Batch
		s.Step(&b, 0, math.MaxInt32)
		b.Reset()
		s.Step(&b, seconds*1e9, math.MaxInt32)
		for i, txn := range b.Txns {
			changed := 0.0
			for _, e := range b.EventsOf(i) {
				switch e.Kind {
				case wire.EventLevelSet:
					changed = 1
				case wire.EventTrade:
					trades[txn.Instrument]++
				}
			}
			changes[txn.Instrument] += changed
		}
		for i := range changes {
			c, d := changes[i]/seconds, trades[i]/seconds
			if c < 15 || d < 1.5 || c > 140 || d > 8 {
				t.Errorf("seed %d, %s: got %.1f changes and %.2f trades a second", seed, s.instruments[i].Symbol, c, d)
			}
		}
		t.Logf("seed %d: changes %.0f, trades %.0f in %d s", seed, changes, trades, seconds)
		if c, d := changes[0]/seconds, trades[0]/seconds; math.Abs(c-100) > 30 || math.Abs(d-5) > 1.75 {
			t.Errorf("seed %d, first: got %.1f changes and %.2f trades a second; want about 100 and 5", seed, c, d)
		}
	}
}

// TestMarketLasts runs the catalogue for 20 minutes of market time: spreads stay, prices
// stay near their opening, books stay bounded.
func TestMarketLasts(t *testing.T) {
	s := newSim(t, Config{Seed: 11})
	var b wire.Batch
	const seconds = 1200
	spreads := make([]float64, SymbolsDefault)
	for now := int64(1); now <= seconds; now++ {
		b.Reset()
		s.Step(&b, now*1e9, math.MaxInt32)
		for i := range s.flows {
			spreads[i] += float64(s.flows[i].ask-s.flows[i].bid) / seconds
		}
	}
	for i := range s.flows {
		f := &s.flows[i]
		want := float64(f.spread) / 65536
		if got := spreads[i]; got < want*0.7 || got > want*1.35+1 {
			t.Errorf("%s: got a mean spread of %.1f ticks; want about %.0f", f.instrument.Symbol, got, want)
		}
		if moved := math.Abs(float64(f.bid)/float64(f.open) - 1); moved > 0.3 {
			t.Errorf("%s: the price moved by %.0f %%", f.instrument.Symbol, 100*moved)
		}
		if n := f.book.Orders(); n < f.orders/2 || n > f.orders*3/2 {
			t.Errorf("%s: got %d orders; want about %d", f.instrument.Symbol, n, f.orders)
		}
	}
}

func TestBranching(t *testing.T) {
	near(t, "default branching ratio", newSim(t, Config{}).Branching(), 0.88, 1e-3)
	near(t, "chosen branching ratio", newSim(t, Config{Branching: 500}).Branching(), 0.5, 1e-3)
}

func TestPresets(t *testing.T) {
	for _, name := range []string{"crypto", "small-tick", "large-tick", "illiquid"} {
		p, err := ParsePreset(name)
		if err != nil || p.String() != name {
			t.Errorf("%s: got %v, %v", name, p, err)
		}
		s := newSim(t, Config{Preset: p, Symbols: 3})
		var b wire.Batch
		if now := s.Step(&b, 30e9, math.MaxInt32); now != 30e9 || len(b.Txns) < 600 {
			t.Errorf("%s: got %d transactions up to %d", name, len(b.Txns), now)
		}
	}
	if _, err := ParsePreset("nope"); !errors.Is(err, ErrConfig) {
		t.Errorf("unknown preset: got %v; want ErrConfig", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []Config{{Symbols: -1}, {Symbols: SymbolsMax + 1}, {Preset: 99}, {Branching: -1}, {Branching: 1000}, {Liquidity: -1}, {Liquidity: 30}, {Liquidity: 30_000}, {Tick: "30000"}, {Tick: "x"}, {Tick: "-1"}} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: got %v; want ErrConfig", cfg, err)
		}
		if _, err := Imply(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: implied without an error", cfg)
		}
	}
}
