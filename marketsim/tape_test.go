//go:build !race

package marketsim

// The tests of this file measure long tapes. The race detector would make them
// ten times as long, and one goroutine cannot race.

import (
	"math"
	"slices"
	"testing"

	"tickcast/wire"
)

// observe runs a market's first symbol for a number of transactions.
func observe(t testing.TB, cfg Config, transactions int) (*Observer, *flow) {
	t.Helper()
	s := newSim(t, cfg)
	f := &s.flows[0]
	o, err := NewObserver(0, &s.instruments[0], wire.Qty(f.unit))
	if err != nil {
		t.Fatal(err)
	}
	var b wire.Batch
	for n := 0; n < transactions; n += len(b.Txns) {
		b.Reset()
		s.Step(&b, math.MaxInt64, 4096)
		if err := o.Add(&b); err != nil {
			t.Fatal(err)
		}
	}
	return o, f
}

// TestFacts holds the stylised facts that one tape of a million transactions
// can show. Kurtosis at 60 s needs a day.
func TestFacts(t *testing.T) {
	f := func(preset Preset, seed uint64, failing ...string) {
		t.Helper()
		o, flow := observe(t, Config{Seed: seed, Symbols: 1, Preset: preset}, 1_000_000)
		for _, fact := range o.Facts(float64(flow.spread) / 65536) {
			t.Logf("%s, seed %d: %v", preset, seed, fact)
			if !fact.Pass() && !slices.Contains(failing, fact.Name) {
				t.Errorf("%s, seed %d: failed %v", preset, seed, fact)
			}
		}
		if got := o.OneTick(); preset == PresetLargeTick && (got < 0.70 || got > 0.98) {
			t.Errorf("seed %d: a spread of one tick %.2f of the time; want 0.70 to 0.98", seed, got)
		}
	}
	const normality = "2 aggregational normality"
	for seed := range uint64(3) {
		f(PresetSmallTick, seed, normality)
	}
	// At a spread of one tick there is no inside, and most join the touch.
	f(PresetLargeTick, 1, normality, "9 placement")
}

// TestDay holds correlations on three hours; Measure takes a day.
func TestDay(t *testing.T) {
	d, err := measureDay(Config{Preset: PresetSmallTick, Seed: 1}, 3*hourNanos)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.normality(); got.Values[0].Got < got.Values[2].Got {
		t.Errorf("kurtosis grew with the interval: %v", got)
	}
	same := correlation(returns(d.mids[0], 60), returns(d.mids[5], 60))
	other := correlation(returns(d.mids[0], 60), returns(d.mids[1], 60))
	near(t, "correlation of two coins", same, d.sim.Correlation(0, 5), 0.25)
	near(t, "correlation of a coin and a platform", other, d.sim.Correlation(0, 1), 0.25)
	for i := range 3 {
		got := d.hourly[i] / d.hourly[0] * float64(hours[0]+hours[1]) / float64(hours[i]+hours[i+1])
		near(t, "activity of an hour", got, 1, 0.1)
	}
}

func TestMetaorderImpact(t *testing.T) {
	got, err := impactExponent(Config{Preset: PresetSmallTick, Seed: 2}, 40)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "impact exponent", got, 0.55, 0.25)
}
