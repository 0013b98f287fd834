package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"
)

// Profile is a workload: who subscribes to what, and how many ticks come.
type Profile struct {
	Name        string
	Connections int
	Symbols     int
	PerClient   int           // symbols of each connection, 0 for all
	Zipf        float64       // popularity of the k-th symbol is k^-Zipf, 0 for uniform
	Rate        float64       // ticks per second over all symbols
	Duration    time.Duration // of the measured window
	Warmup      time.Duration // at the same rate, before it
	Quiet       time.Duration // without ticks, before the warm-up; server CPU is measured
	SlowEvery   int           // each n-th connection never reads, 0 for none
	Sample      int           // latency of each n-th message, 1 for all
	P99Limit    time.Duration // above it the run did not keep up, 0 for no limit
}

const (
	durationDefault = 10 * time.Second
	warmupDefault   = 2 * time.Second
)

// Profiles returns the known workloads.
func Profiles() []Profile {
	ps := []Profile{
		{Name: "hot", Connections: 1000, Symbols: 1, Rate: 100, P99Limit: 50 * time.Millisecond},
		{Name: "ui", Connections: 5000, Symbols: 500, PerClient: 10, Zipf: 1, Rate: 500, P99Limit: 60 * time.Millisecond},
		{Name: "firehose", Connections: 50, Symbols: 500, Rate: 2000, Sample: 16, P99Limit: 50 * time.Millisecond},
		{Name: "idle", Connections: 10_000, Symbols: 1, Rate: 1, Quiet: 5 * time.Second},
		{Name: "slow", Connections: 40, Symbols: 500, Rate: 2000, Duration: 30 * time.Second, SlowEvery: 20},
		{Name: "dashboard", Connections: 1000, Symbols: 100, PerClient: 10, Rate: 100, P99Limit: 100 * time.Millisecond},
	}
	for i := range ps {
		if ps[i].Duration == 0 {
			ps[i].Duration = durationDefault
		}
		ps[i].Warmup = warmupDefault
		ps[i].Sample = max(ps[i].Sample, 1)
	}
	return ps
}

// ProfileNamed returns the workload of that name.
func ProfileNamed(name string) (Profile, bool) {
	ps := Profiles()
	i := slices.IndexFunc(ps, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return ps[i], true
}

// symbolsMax is what the five digits of a symbol's name can number.
const symbolsMax = 100_000

func (p *Profile) validate() error {
	switch {
	case p.Connections < 1:
		return fmt.Errorf("bench: %d connections", p.Connections)
	case p.Symbols < 1 || p.Symbols > symbolsMax:
		return fmt.Errorf("bench: %d symbols, want 1 to %d", p.Symbols, symbolsMax)
	case !(p.Rate > 0) || math.IsInf(p.Rate, 0):
		return fmt.Errorf("bench: rate %v, want more than 0", p.Rate)
	case p.Duration <= 0:
		return fmt.Errorf("bench: duration %v, want more than 0", p.Duration)
	case p.Warmup < 0 || p.Quiet < 0:
		return fmt.Errorf("bench: warm-up %v, quiet time %v", p.Warmup, p.Quiet)
	case p.Sample < 1:
		return fmt.Errorf("bench: sample %d, want each n-th message from 1", p.Sample)
	case p.SlowEvery == 1:
		return fmt.Errorf("bench: no connection reads")
	}
	return nil
}

// slow reports whether connection i never reads.
func (p *Profile) slow(i int) bool { return p.SlowEvery > 0 && i%p.SlowEvery == 0 }

// interest is who wants which symbols.
type interest struct {
	all     bool    // every connection wants every symbol
	symbols [][]int // of each connection, nil if all
	readers []int64 // reading connections of each symbol
}

// draw makes the profile's interest. It is the same at every run, so that runs
// compare. Popularity is permuted: ticks go round the symbols in order.
func (p *Profile) draw() *interest {
	in := &interest{readers: make([]int64, p.Symbols)}
	if p.PerClient == 0 || p.PerClient >= p.Symbols {
		in.all = true
		for i := range p.Connections {
			if !p.slow(i) {
				for s := range in.readers {
					in.readers[s]++
				}
			}
		}
		return in
	}
	r := rand.New(rand.NewPCG(7, 11))
	popular := r.Perm(p.Symbols)
	weights := make([]float64, p.Symbols) // cumulative
	sum := 0.0
	for k := range weights {
		sum += math.Pow(float64(k+1), -p.Zipf)
		weights[k] = sum
	}
	in.symbols = make([][]int, p.Connections)
	for i := range in.symbols {
		for len(in.symbols[i]) < p.PerClient {
			k := min(sort.SearchFloat64s(weights, r.Float64()*sum), p.Symbols-1)
			if s := popular[k]; !slices.Contains(in.symbols[i], s) {
				in.symbols[i] = append(in.symbols[i], s)
				if !p.slow(i) {
					in.readers[s]++
				}
			}
		}
	}
	return in
}

// expected returns the deliveries that published ticks must make, which went
// round the symbols from the first.
func (in *interest) expected(published int64) int64 {
	rounds, rest := published/int64(len(in.readers)), published%int64(len(in.readers))
	sum := int64(0)
	for s, n := range in.readers {
		sum += n * rounds
		if int64(s) < rest {
			sum += n
		}
	}
	return sum
}

// appendSubscribe appends the request of connection i.
func (in *interest) appendSubscribe(dst []byte, i int) []byte {
	dst = append(dst, `{"op":"subscribe","streams":[`...)
	if in.all {
		return append(dst, `"bbo.*"]}`...)
	}
	for j, s := range in.symbols[i] {
		if j > 0 {
			dst = append(dst, ',')
		}
		dst = fmt.Appendf(dst, `"bbo.SYM%05d"`, s)
	}
	return append(dst, "]}"...)
}
