package marketsim

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %g; want %g", what, got, want)
	}
}

func TestTables(t *testing.T) {
	tb := newTables()
	for i := 1; i <= tableLen; i++ {
		near(t, "half", float64(tb.half[i])/(1<<64), math.Exp2(-float64(i)/tableLen), 1e-15)
		near(t, "log2", float64(tb.log2[i])/(1<<32), math.Log2(1+float64(i)/tableLen), 1e-9)
	}
	near(t, "decay", float64(tb.decay(1e12, 700)), 1e12*math.Exp2(-700.0/256), 2)
	near(t, "decay of nothing", float64(tb.decay(1e12, 0)), 1e12, 2)
	near(t, "decay for ever", float64(tb.decay(1e12, 1<<40)), 0, 0)
	for _, u := range []uint64{1, 3, 1 << 20, 1<<63 + 12345, math.MaxUint64, 0x5555555555555555} {
		near(t, "exponential", float64(tb.exponential(u))/(1<<32), 64*math.Ln2-math.Log(float64(u)), 1e-5)
	}
	for _, x := range []float64{0, 0.25, 1, 7.7, 29.99} {
		want := math.Exp2(x)
		near(t, "exp2", float64(tb.exp2(uint64(x*65536)))/65536/want, 1, 0.003)
	}
}

func TestVariates(t *testing.T) {
	tb, r := newTables(), newRandom(1, "X")
	const n = 1_000_000
	var exp, norm, square, heavy, chance float64
	for range n {
		exp += float64(tb.exponential(r.next())) / (1 << 32) / n
		z := float64(r.normal()) / 65536
		norm += z / n
		square += z * z / n
		if tb.pareto(r.next(), 65536*2/3) >= 100<<16 {
			heavy += 1.0 / n
		}
		if r.chance(1 << 14) {
			chance += 1.0 / n
		}
	}
	near(t, "mean of exponentials", exp, 1, 0.004)
	near(t, "mean of normals", norm, 0, 0.004)
	near(t, "variance of normals", square, 1, 0.005)
	near(t, "share of Pareto(1.5) variates beyond 100", heavy, 0.001, 0.00013)
	near(t, "share of chances at a quarter", chance, 0.25, 0.002)
}

// TestClockRate holds the mean rate and the branching ratio: the variance of
// counts over long windows is mean/(1-n)^2.
func TestClockRate(t *testing.T) {
	tb := newTables()
	e := newExcitation(100_000, [components]uint32{19_661, 16_384, 13_107, 0})
	c, r := newClock(&e), newRandom(2, "X")
	const windows, seconds = 400, 60
	var sum, square float64
	now := c.begin(tb, &r)
	for w := range int64(windows) {
		n := 0.0
		for now <= (w+1)*seconds*1e9 {
			n++
			now = c.happen(tb, &r, &e, now)
		}
		sum += n
		square += n * n
	}
	mean := sum / windows
	fano := (square/windows - mean*mean) / mean
	near(t, "events a second", mean/seconds, 100, 4)
	near(t, "branching from the Fano factor", 1-1/math.Sqrt(fano), 0.75, 0.04)
}

func TestPoissonTail(t *testing.T) {
	for _, mean := range []float64{0, 0.18, 0.48, 0.99} {
		got := poissonTail(uint64(mean * (1 << 32)))
		left, chance := 1.0, math.Exp(-mean)
		for k, tail := range got {
			left -= chance
			chance *= mean / float64(k+1)
			near(t, "tail", float64(tail)/(1<<32), left, 1e-7)
		}
	}
}
