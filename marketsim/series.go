package marketsim

import (
	"math"
	"slices"
)

// Series are what an Observer has seen, for pictures. Everything is a copy.
type Series struct {
	Mids    []float64 // at the end of each second, ticks
	Spreads []float64 // likewise
	Volumes []float64 // traded in each second, in the smallest unit
	Signs   []float64 // of aggressors, one after another: 1 buys, -1 sells
	Shape   []float64 // mean volume of a side, by ticks from the best price, 1 at the most

	Gaps      []Exceedance // between transactions, s
	Lifetimes []Exceedance // of cancelled orders, s
}

// Exceedance says which share of values is greater than X.
type Exceedance struct{ X, Share float64 }

// Series returns what was observed so far.
func (o *Observer) Series() Series {
	return Series{
		Mids:      slices.Clone(o.mids),
		Spreads:   slices.Clone(o.spreads),
		Volumes:   slices.Clone(o.volumes),
		Signs:     slices.Clone(o.signs),
		Shape:     o.meanShape(),
		Gaps:      o.gapExceedances(),
		Lifetimes: exceedances(o.lifetimes),
	}
}

// Returns returns the differences of the mids over so many seconds.
func (s *Series) Returns(seconds int) []float64 { return returns(s.Mids, seconds) }

// Autocorrelation returns that of a series at a lag, NaN if it is too short.
func Autocorrelation(xs []float64, lag int) float64 { return autocorrelation(xs, lag) }

// Gaps are counted in quarters of an octave of nanoseconds.
const gapBins = 4 * 64

func gapBin(nanos float64) int {
	return min(max(int(4*math.Log2(max(nanos, 1))), 0), gapBins-1)
}

func (o *Observer) gapExceedances() []Exceedance {
	left, total := 0.0, 0.0
	for _, n := range o.gapBins {
		total += n
	}
	left = total
	var out []Exceedance
	for i, n := range o.gapBins {
		if left -= n; n > 0 && left > 0 {
			out = append(out, Exceedance{math.Exp2(float64(i+1)/4) / 1e9, left / total})
		}
	}
	return out
}

func (o *Observer) meanShape() []float64 {
	shape := slices.Clone(o.shape[:])
	if most := slices.Max(shape); most > 0 {
		for i := range shape {
			shape[i] /= most
		}
	}
	return shape
}

// exceedances returns up to 200 points of a distribution, more of them in its tail.
func exceedances(xs []float64) []Exceedance {
	xs = slices.Clone(xs)
	slices.Sort(xs)
	var out []Exceedance
	for i := range min(200, 10*len(xs)) {
		share := math.Pow(float64(len(xs)), -float64(i)/200)
		at := len(xs) - int(share*float64(len(xs)))
		if at < len(xs) && xs[at] > 0 {
			out = append(out, Exceedance{xs[at], share})
		}
	}
	return out
}

// Exceedances returns the distribution of the values' magnitudes.
func Exceedances(xs []float64) []Exceedance { return exceedances(magnitudes(xs)) }
