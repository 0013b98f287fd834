//go:build !race

package marketsim

// The tests of this file measure days of market time. The race detector would
// make them ten times as long.

import "testing"

// TestFacts holds the stylised facts of MARKETSIM.md: all 16 on small-tick for
// three seeds, and 14 on large-tick with its spread at one tick most of the time.
func TestFacts(t *testing.T) {
	f := func(preset Preset, seed uint64, want int) {
		t.Helper()
		cfg := Config{Seed: seed, Symbols: 1, Preset: preset}
		o, err := ObserveAlone(cfg, FactsEvents)
		if err != nil {
			t.Fatal(err)
		}
		facts, err := Measure(cfg, o)
		if err != nil {
			t.Fatal(err)
		}
		passed := 0
		for _, fact := range facts {
			t.Logf("%s, seed %d: %t %v", preset, seed, fact.Pass(), fact)
			if fact.Pass() {
				passed++
			}
		}
		if passed < want || len(facts) != 16 {
			t.Errorf("%s, seed %d: %d of %d facts; want %d", preset, seed, passed, len(facts), want)
		}
		if got := o.OneTick(); preset == PresetLargeTick && (got < 0.70 || got > 0.98) {
			t.Errorf("seed %d: a spread of one tick %.2f of the time; want 0.70 to 0.98", seed, got)
		}
	}
	for seed := uint64(1); seed <= 3; seed++ {
		f(PresetSmallTick, seed, 16)
	}
	f(PresetLargeTick, 1, 14)
}
