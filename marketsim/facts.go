package marketsim

import "math"

// Fact is one stylised fact of a tape: numbers, and the range in which each
// must be.
type Fact struct {
	Name   string
	Values []Value
}

// Value is one number of a Fact.
type Value struct {
	Name      string
	Got       float64
	Low, High float64 // both inclusive
}

// Pass reports whether the value is in its range.
func (v *Value) Pass() bool { return v.Got >= v.Low && v.Got <= v.High }

// Pass reports whether all values are in their ranges.
func (f *Fact) Pass() bool {
	for i := range f.Values {
		if !f.Values[i].Pass() {
			return false
		}
	}
	return true
}

// Facts returns the facts that the observed tape alone can show. The sources
// are those of Cont 2001 unless named otherwise.
func (o *Observer) Facts(spreadTicks float64) []Fact {
	second, ten := returns(o.mids, 1), returns(o.mids, 10)
	return []Fact{
		{"1 fat tails", []Value{
			{"Hill 1 s", hill(magnitudes(second), 0.05), 2, 4.5},
			{"Hill 10 s", hill(magnitudes(ten), 0.05), 2, 4.5},
			{"excess kurtosis 1 s", kurtosis(second), 3, 60},
		}},
		o.normality(),
		{"3 no autocorrelation of returns", []Value{
			{"lag 1 s", autocorrelation(second, 1), -0.08, 0.08},
			{"lag 10 s", autocorrelation(ten, 1), -0.12, 0.12},
		}},
		o.clustering(second),
		{"5 volume and volatility", []Value{
			{"correlation 1 s", correlation(o.volumes[min(1, len(o.volumes)):], magnitudes(second)), 0.3, 0.8},
		}},
		o.signMemory(),
		o.bursts(),
		{"8 spread", []Value{
			{"mean, ticks", o.spreadTime / o.time, spreadTicks * 0.75, spreadTicks * 1.25},
		}},
		o.placement(),
		o.bookShape(),
		{"11 sizes", []Value{
			{"round lots", float64(o.rounds) / float64(len(o.sizes)), 0.5, 0.8},
			{"Hill", hill(o.sizes, 0.05), 1.3, 3},
		}},
		{"12 lifetimes of cancels", []Value{
			{"p50, s", quantile(o.lifetimes, 0.5), 0.05, 2},
			{"p99, s", quantile(o.lifetimes, 0.99), 30, math.Inf(1)},
		}},
		o.tradeImpact(),
		o.flowImbalance(),
	}
}

func (o *Observer) normality() Fact {
	one, ten := kurtosis(returns(o.mids, 1)), kurtosis(returns(o.mids, 10))
	minute := kurtosis(returns(o.mids, 60))
	return Fact{"2 aggregational normality", []Value{
		{"kurtosis 1 s less 10 s", one - ten, 0, math.Inf(1)},
		{"kurtosis 10 s less 60 s", ten - minute, 0, math.Inf(1)},
	}}
}

func (o *Observer) clustering(second []float64) Fact {
	abs := magnitudes(second)
	least, lags := math.Inf(1), []int{}
	for lag := 1; lag <= 20; lag++ {
		least = min(least, autocorrelation(abs, lag))
		lags = append(lags, lag)
	}
	decay := powerLaw(lags, func(lag int) float64 { return autocorrelation(abs, lag) })
	return Fact{"4 volatility clustering", []Value{
		{"least to lag 20", least, 0, 1},
		{"slope", decay, 0.15, 0.6},
	}}
}

func (o *Observer) signMemory() Fact {
	least, lags := math.Inf(1), []int{}
	for lag := 1; lag <= 30; lag++ {
		least = min(least, autocorrelation(o.signs, lag))
		lags = append(lags, lag)
	}
	gamma := powerLaw(lags, func(lag int) float64 { return autocorrelation(o.signs, lag) })
	return Fact{"6 long memory of signs", []Value{
		{"lag 1", autocorrelation(o.signs, 1), 0.3, 0.9},
		{"least to lag 30", least, 0, 1},
		{"gamma", gamma, 0.35, 1},
	}}
}

func (o *Observer) bursts() Fact {
	m := momentsOf(sums(o.counts, 10))
	return Fact{"7 bursts", []Value{
		{"gap CV", math.Sqrt(o.gaps.variance()) / o.gaps.mean(), 2, 4},
		{"branching from Fano 10 s", 1 - math.Sqrt(m.mean()/m.variance()), 0.75, 0.95},
	}}
}

func (o *Observer) placement() Fact {
	n := float64(o.inside + o.at + len(o.distances))
	// The exponent of the density is one more than that of the tail.
	return Fact{"9 placement", []Value{
		{"inside", float64(o.inside) / n, 0.10, 0.35},
		{"at", float64(o.at) / n, 0.05, 0.15},
		{"distance exponent", 1 + hill(o.distances, 0.2), 1.3, 2.2},
	}}
}

func (o *Observer) bookShape() Fact {
	peak := 0
	for i, qty := range o.shape {
		if qty > o.shape[peak] {
			peak = i
		}
	}
	return Fact{"10 book shape", []Value{{"level of the peak", float64(peak + 1), 2, 30}}}
}

// tradeImpact fits the immediate impact of single trades over their volume, in
// bins of a half octave (Lillo, Farmer, Mantegna 2003).
func (o *Observer) tradeImpact() Fact {
	var bins [64]moments
	for _, i := range o.impacts {
		bin := int(2 * math.Log2(i.volume))
		bins[min(max(bin, 0), len(bins)-1)].add(i.moved)
	}
	var xs, ys []float64
	for i := range bins {
		if bins[i].n >= 50 && bins[i].mean() > 0 {
			xs = append(xs, float64(i)/2*math.Ln2)
			ys = append(ys, math.Log(bins[i].mean()))
		}
	}
	got := math.NaN()
	if len(xs) >= 3 {
		got = slope(xs, ys)
	}
	return Fact{"13 impact", []Value{{"single trade slope", got, 0, 0.6}}}
}

func (o *Observer) flowImbalance() Fact {
	r := correlation(sums(o.flows[min(1, len(o.flows)):], 10), returns(o.mids, 10))
	return Fact{"14 order-flow imbalance", []Value{{"R2 10 s", r * r, 0.2, 0.8}}}
}
