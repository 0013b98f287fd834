package marketsim

import (
	"math"
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

// TestFacts holds the stylised facts that one small-tick tape of a million
// transactions can show.
func TestFacts(t *testing.T) {
	for seed := range uint64(3) {
		o, f := observe(t, Config{Seed: seed, Symbols: 1, Preset: PresetSmallTick}, 1_000_000)
		for _, fact := range o.Facts(float64(f.spread) / 65536) {
			t.Logf("seed %d: %v", seed, fact)
			if !fact.Pass() && fact.Name[:2] != "2 " { // kurtosis at 60 s needs a day
				t.Errorf("seed %d: failed %v", seed, fact)
			}
		}
	}
}

func TestStatistics(t *testing.T) {
	tb, r := newTables(), newRandom(4, "X")
	var heavy, normals, walk []float64
	level := 0.0
	for range 200_000 {
		heavy = append(heavy, float64(tb.pareto(r.next(), 65536/2))/65536)
		z := float64(r.normal()) / 65536
		normals = append(normals, z)
		level = 0.9*level + z
		walk = append(walk, level)
	}
	near(t, "Hill of Pareto(2)", hill(heavy, 0.05), 2, 0.1)
	near(t, "kurtosis of normals", kurtosis(normals), -0.3, 0.1) // cut off at 3.46
	near(t, "autocorrelation of white noise", autocorrelation(normals, 1), 0, 0.01)
	near(t, "autocorrelation of an autoregression", autocorrelation(walk, 2), 0.81, 0.01)
	near(t, "correlation with itself", correlation(walk, walk), 1, 1e-9)
	near(t, "slope", slope([]float64{1, 2, 3}, []float64{5, 7, 9}), 2, 1e-9)
	near(t, "power law", powerLaw([]int{1, 2, 4, 8}, func(lag int) float64 { return 3 / math.Sqrt(float64(lag)) }), 0.5, 1e-9)
	near(t, "median", quantile([]float64{3, 1, 2}, 0.5), 2, 0)
	near(t, "sum", sums([]float64{1, 2, 3, 4, 5}, 2)[1], 7, 0)
}
