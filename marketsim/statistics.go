package marketsim

import (
	"math"
	"slices"
)

// moments accumulates the mean and variance of a series.
type moments struct{ n, sum, square float64 }

func (m *moments) add(x float64) {
	m.n++
	m.sum += x
	m.square += x * x
}

func (m *moments) mean() float64 { return m.sum / m.n }

func (m *moments) variance() float64 { return max(m.square/m.n-m.mean()*m.mean(), 0) }

func momentsOf(xs []float64) (m moments) {
	for _, x := range xs {
		m.add(x)
	}
	return m
}

// returns are the differences of every step-th value.
func returns(prices []float64, step int) []float64 {
	var rs []float64
	for i := step; i < len(prices); i += step {
		rs = append(rs, prices[i]-prices[i-step])
	}
	return rs
}

// sums adds up every step values.
func sums(xs []float64, step int) []float64 {
	var out []float64
	for i := step; i <= len(xs); i += step {
		total := 0.0
		for _, x := range xs[i-step : i] {
			total += x
		}
		out = append(out, total)
	}
	return out
}

func magnitudes(xs []float64) []float64 {
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = math.Abs(x)
	}
	return out
}

// hill estimates the tail exponent from the largest share of the values
// (Hill 1975). Returns come in ticks, so many are equal: the threshold lies half
// way to the next smaller value, and all that are above it count.
func hill(xs []float64, share float64) float64 {
	xs = slices.Clone(xs)
	slices.Sort(xs)
	k := int(share * float64(len(xs)))
	if k < 2 {
		return math.NaN()
	}
	from, _ := slices.BinarySearch(xs, xs[len(xs)-k])
	if from == 0 || xs[from] <= 0 {
		return math.NaN()
	}
	threshold, total := (xs[from-1]+xs[from])/2, 0.0
	for _, x := range xs[from:] {
		total += math.Log(x / threshold)
	}
	return float64(len(xs)-from) / total
}

// kurtosis is the excess kurtosis.
func kurtosis(xs []float64) float64 {
	m := momentsOf(xs)
	mean, fourth := m.mean(), 0.0
	for _, x := range xs {
		fourth += math.Pow(x-mean, 4)
	}
	return fourth/m.n/m.variance()/m.variance() - 3
}

// autocorrelation at a lag.
func autocorrelation(xs []float64, lag int) float64 {
	if len(xs) <= lag {
		return math.NaN()
	}
	m := momentsOf(xs)
	mean, total := m.mean(), 0.0
	for i := lag; i < len(xs); i++ {
		total += (xs[i] - mean) * (xs[i-lag] - mean)
	}
	return total / m.n / m.variance()
}

// correlation of two series.
func correlation(xs, ys []float64) float64 {
	a, b := momentsOf(xs), momentsOf(ys)
	total := 0.0
	for i := range xs {
		total += (xs[i] - a.mean()) * (ys[i] - b.mean())
	}
	return total / a.n / math.Sqrt(a.variance()*b.variance())
}

// slope is the least-squares slope of ys over xs.
func slope(xs, ys []float64) float64 {
	a, b := momentsOf(xs), momentsOf(ys)
	return correlation(xs, ys) * math.Sqrt(b.variance()/a.variance())
}

// powerLaw returns the exponent of the decay of f over the given lags: minus
// the slope on logarithmic scales, over the lags at which f is positive.
func powerLaw(lags []int, f func(lag int) float64) float64 {
	var xs, ys []float64
	for _, lag := range lags {
		if y := f(lag); y > 0 {
			xs = append(xs, math.Log(float64(lag)))
			ys = append(ys, math.Log(y))
		}
	}
	if len(xs) < 3 {
		return math.NaN()
	}
	return -slope(xs, ys)
}

// quantile of a series, which is sorted in place.
func quantile(xs []float64, q float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	slices.Sort(xs)
	return xs[min(int(q*float64(len(xs))), len(xs)-1)]
}
