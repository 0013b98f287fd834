package marketsim

import (
	"math"
	"testing"

	"tickcast/wire"
)

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

// TestFactsOfShortTapes holds that a tape too short for a fact fails it.
func TestFactsOfShortTapes(t *testing.T) {
	s := newSim(t, Config{Symbols: 1})
	o, err := NewObserver(0, &s.instruments[0], s.RoundLot(0))
	if err != nil {
		t.Fatal(err)
	}
	for until := int64(-1); until < 12e9; until += 1e9 / 2 {
		var b wire.Batch
		s.Step(&b, until, math.MaxInt32)
		if err := o.Add(&b); err != nil {
			t.Fatal(err)
		}
		facts := o.Facts(14)
		if facts[3].Pass() {
			t.Errorf("at %d: passed %v", until, facts[3])
		}
	}
	var again wire.Batch
	s = newSim(t, Config{Symbols: 1})
	s.Step(&again, 1e9, math.MaxInt32)
	if err := o.Add(&again); err == nil {
		t.Error("a tape that contradicts the book was taken")
	}
}
