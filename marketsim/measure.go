package marketsim

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"sync"

	"tickcast/wire"
)

// Measure returns all 16 facts, in order: those that the observed tape shows,
// and those for which it runs the market of the same configuration itself.
// Rows 2, 15 and 16 are measured on a day of market time with at least eight
// symbols, row 13 with and without metaorders, all without the timeline, and all
// from the events of their tapes. The observer must be of the first instrument.
// It runs three markets side by side, for about 15 s of CPU time, and waits for
// them.
func Measure(cfg Config, o *Observer) ([]Fact, error) {
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	facts := o.Facts(float64(s.flows[0].spread) / 65536)
	var day *day
	var dayErr error
	var wg sync.WaitGroup
	wg.Go(func() { day, dayErr = measureDay(cfg, dayNanos) })
	law, err := impactExponent(cfg, impactRounds)
	wg.Wait()
	if err := errors.Join(err, dayErr); err != nil {
		return nil, err
	}
	facts[1] = day.normality()
	facts[12].Values = append(facts[12].Values, Value{"metaorder exponent", law, 0.4, 0.7})
	return append(facts, day.curve(), day.correlation()), nil
}

// FactsEvents is the least number of an instrument's events for which the facts
// are demanded.
const FactsEvents = 1_000_000

// Observe returns an observer of the first instrument of the market of cfg.
func Observe(cfg Config) (*Observer, error) {
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return NewObserver(0, &s.instruments[0], s.RoundLot(0))
}

// ObserveAlone runs the first instrument alone for a number of events: its tape
// is the same in any company.
func ObserveAlone(cfg Config, events uint64) (*Observer, error) {
	others := func(c Cue) bool { return c.Symbol != "" && string(c.Symbol) != listingAt(0).symbol }
	cfg.Symbols, cfg.Timeline = 1, slices.DeleteFunc(slices.Clone(cfg.Timeline), others)
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	o, err := Observe(cfg)
	if err != nil {
		return nil, err
	}
	var b wire.Batch
	for o.events < events {
		b.Reset()
		s.Step(&b, math.MaxInt64, windowTransactions)
		if err := o.Add(&b); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// RoundLot returns what counts as a round quantity of an instrument: what an
// Observer asks for.
func (s *Sim) RoundLot(instrument int) wire.Qty { return wire.Qty(s.flows[instrument].unit) }

// daySymbols is how many symbols a day is measured with.
const daySymbols = 8

// day is what a day of a market showed.
type day struct {
	sim    *Sim
	mids   [daySymbols][]float64 // at the end of each second, ticks
	hourly [len(hours)]float64   // transactions of the first symbol
}

func measureDay(cfg Config, until int64) (*day, error) {
	cfg.Symbols, cfg.Metaorders, cfg.Timeline = daySymbols, nil, nil
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	d := &day{sim: s}
	touches, err := newTouches(s.instruments)
	if err != nil {
		return nil, err
	}
	var b wire.Batch
	for now := int64(0); now < until; now += 1e9 {
		for {
			b.Reset()
			reached := s.Step(&b, now, 4*windowTransactions)
			if err := touches.add(&b); err != nil {
				return nil, err
			}
			for i := range b.Txns {
				if b.Txns[i].Instrument == 0 && now > 0 {
					d.hourly[(b.Txns[i].Time-1)/hourNanos]++
				}
			}
			if reached == now {
				break
			}
		}
		for i := range d.mids {
			d.mids[i] = append(d.mids[i], touches.mid(i))
		}
	}
	return d, nil
}

// normality is row 2.
func (d *day) normality() Fact {
	f := func(step int) float64 { return kurtosis(returns(d.mids[0], step)) }
	return Fact{"2 aggregational normality", []Value{
		{"kurtosis 1 s", f(1), f(10), math.Inf(1)},
		{"kurtosis 10 s", f(10), f(60), f(1)},
		{"kurtosis 60 s", f(60), math.Inf(-1), f(10)},
	}}
}

// curve is row 15: the greatest deviation of an hour's activity from the
// configured curve, as a share of it.
func (d *day) curve() Fact {
	got, want := momentsOf(d.hourly[:]), 0.0
	for _, h := range hours {
		want += float64(h) / float64(len(hours))
	}
	worst := 0.0
	for i, n := range d.hourly {
		configured := float64(hours[i]+hours[(i+1)%len(hours)]) / 2 / want
		worst = max(worst, math.Abs(n/got.mean()/configured-1))
	}
	return Fact{"15 intraday curve", []Value{{"greatest deviation", worst, 0, 0.2}}}
}

// correlation is row 16: the greatest distance of a correlation from the
// configured one.
func (d *day) correlation() Fact {
	worst := 0.0
	for i := range d.mids {
		for j := range i {
			got := correlation(returns(d.mids[i], 60), returns(d.mids[j], 60))
			if away := got - d.sim.Correlation(i, j); math.Abs(away) > math.Abs(worst) {
				worst = away
			}
		}
	}
	return Fact{"16 correlation", []Value{{"greatest distance from configured", worst, -0.1, 0.1}}}
}

// The experiment of row 13: metaorders of growing lengths on one tape, and the
// same windows on the tape without them. A child in 250 ms is half of the
// trades.
var impactLengths = [...]int{8, 16, 32, 64, 128}

const (
	impactRounds   = 120
	impactInterval = 250_000_000
	impactPause    = 60_000_000_000 // between metaorders, for the market to forget
)

// impactExponent returns the exponent of the impact of metaorders over their
// length, from so many of each (Almgren et al. 2005; Toth et al. 2011).
func impactExponent(cfg Config, rounds int) (float64, error) {
	cfg.Symbols, cfg.Metaorders, cfg.Timeline = 1, nil, nil
	at := int64(impactPause)
	for i := range rounds * len(impactLengths) {
		m := Metaorder{
			Side:     wire.Buy + wire.Side(i/len(impactLengths)%2),
			Start:    at,
			Interval: impactInterval,
			Children: impactLengths[i%len(impactLengths)],
		}
		cfg.Metaorders = append(cfg.Metaorders, m)
		at = m.end() + impactPause
	}
	plain := cfg
	plain.Metaorders = nil
	var without []float64
	var plainErr error
	var wg sync.WaitGroup
	wg.Go(func() { without, plainErr = moves(plain, cfg.Metaorders) })
	with, err := moves(cfg, cfg.Metaorders)
	wg.Wait()
	if err := errors.Join(err, plainErr); err != nil {
		return 0, err
	}
	var impacts [len(impactLengths)]moments
	for i := range with {
		sign := float64(signOf(cfg.Metaorders[i].Side))
		impacts[i%len(impactLengths)].add(sign * (with[i] - without[i]))
	}
	return impactLaw(impacts[:]), nil
}

// impactLaw fits the exponent.
func impactLaw(impacts []moments) float64 {
	var lengths, logs []float64
	for i := range impacts {
		m := &impacts[i]
		if m.mean() > 0 {
			lengths = append(lengths, math.Log(float64(impactLengths[i])))
			logs = append(logs, math.Log(m.mean()))
		}
	}
	if len(logs) < 3 {
		return math.NaN()
	}
	return slope(lengths, logs)
}

// moves returns how far the mid of a market moved during each of the given
// metaorders, ticks.
func moves(cfg Config, orders []Metaorder) ([]float64, error) {
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	type mark struct {
		at    int64
		order int
		sign  float64
	}
	marks := make([]mark, 0, 2*len(orders))
	for i := range orders {
		marks = append(marks, mark{orders[i].Start - 1, i, -1}, mark{orders[i].end() + impactInterval, i, 1})
	}
	slices.SortFunc(marks, func(a, b mark) int { return cmp.Compare(a.at, b.at) })
	touches, err := newTouches(s.instruments)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(orders))
	var b wire.Batch
	for _, m := range marks {
		for now := int64(-1); now < m.at; {
			b.Reset()
			now = s.Step(&b, m.at, 4*windowTransactions)
			if err := touches.add(&b); err != nil {
				return nil, err
			}
		}
		out[m.order] += m.sign * touches.mid(0)
	}
	return out, nil
}
