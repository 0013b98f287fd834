package marketsim

import (
	"fmt"
	"math"
	"slices"

	"tickcast/wire"
)

// Sim is a simulated market: a flow of orders and a book for each symbol, in
// market time. It belongs to one goroutine. Everything it does is a function
// of its Config; the wall clock does not enter.
type Sim struct {
	// static
	instruments []wire.Instrument
	index       []uint32 // the instrument of each flow
	pace        int      // transactions in 1,000 s, as listed
	window      int64    // market time that is generated at once, ns
	shared      correlations
	branching   uint32

	flows []flow
	next  []int64 // of each flow, apart from them: it is scanned often

	opened int   // flows whose opening book has been appended
	last   int64 // time of the last transaction handed out

	// What has been generated and not yet handed out: transactions of one
	// symbol after another, and their order in time.
	pending wire.Batch
	merge   merge
	order   []uint64
	handed  int // how many of order have been handed out
}

// A window of market time that is generated at once has about
// windowTransactions, but windowBurst for each symbol if those are more: a
// symbol's run in a burst while its book is in the cache. What waits to be
// merged takes 14 KB a symbol then. With 4,096 symbols, whose books come from
// memory, bursts of 16, 32, 64 and 128 take 516, 452, 390 and 370 ns an event;
// with 256 it is all the same. In a market that erupts, a window may have 200
// times as many, so it is shorter.
const (
	windowTransactions = 1024
	windowBurst        = 64
	windowEruption     = 4
)

// New returns the market of cfg at time 0, before the opening books are
// entered. Its error wraps ErrConfig and says what cannot be.
func New(cfg Config) (*Sim, error) { return newPart(cfg, 0, 1) }

// newPart returns the market of every parts-th instrument, from one on. It
// lists all of them.
func newPart(cfg Config, part, parts int) (*Sim, error) {
	n, err := cfg.check()
	if err != nil {
		return nil, err
	}
	s := &Sim{instruments: make([]wire.Instrument, n), shared: cfg.Preset.correlations()}
	programs, err := newPrograms(cfg.Metaorders, n)
	if err != nil {
		return nil, err
	}
	branching, err := branchingOf(cfg.Branching)
	if err != nil {
		return nil, err
	}
	s.branching = branchingRatio(branching)
	for i := range n {
		l, err := cfg.listing(i)
		if err != nil {
			return nil, err
		}
		p, err := newProfile(&l, s.shared, branching)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		s.instruments[i] = p.instrument
		if i%parts != part {
			continue
		}
		cues, err := cuesOf(cfg.Timeline, p.instrument.Symbol)
		if err != nil {
			return nil, err
		}
		f, err := newFlow(&p, cfg.Seed, cues, programs[i])
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrConfig, l.symbol, err)
		}
		s.flows = append(s.flows, f)
		s.index = append(s.index, uint32(i))
		s.next = append(s.next, f.due())
		s.pace += l.changes
	}
	if err := checkTimeline(cfg.Timeline, s.instruments); err != nil {
		return nil, err
	}
	burst := windowBurst
	if slices.ContainsFunc(cfg.Timeline, func(c Cue) bool { return c.Scenario.erupts() }) {
		burst = windowEruption
	}
	s.window = s.span(max(windowTransactions, burst*len(s.flows)))
	return s, nil
}

// span returns the market time in which so many transactions are expected.
func (s *Sim) span(transactions int) int64 { return int64(transactions) * 1e12 / int64(max(s.pace, 1)) }

// Instruments returns the listed instruments, the busiest first. The index in
// it is wire.Txn's Instrument. The caller must not change it.
func (s *Sim) Instruments() []wire.Instrument { return s.instruments }

// Branching returns the branching ratio: how many events an event sets off in
// the mean.
func (s *Sim) Branching() float64 { return float64(s.branching) / 65536 }

// Correlation returns the correlation of the 60-second returns of two
// instruments that the configuration asks for.
func (s *Sim) Correlation(i, j int) float64 {
	switch {
	case i == j:
		return 1
	case s.flows[i].sector == s.flows[j].sector:
		return float64(s.shared.market+s.shared.sector) / 65536
	}
	return float64(s.shared.market) / 65536
}

// Next returns the market time of the next transaction, ns; math.MaxInt64 when
// all symbols are closed for good.
func (s *Sim) Next() int64 {
	if s.opened < len(s.flows) {
		return 0
	}
	if s.handed < len(s.order) {
		return s.pending.Txns[s.order[s.handed]&orderMask].Time
	}
	return slices.Min(s.next)
}

// Step appends to b the transactions up to market time until that have not
// been handed out yet, about max of them at most (an opening book is not cut),
// ordered by time, symbol and their order within the symbol. It returns the
// market time reached: until, or the time of the last transaction if there are
// more, or if the market has an end and until is math.MaxInt64. However the time
// is cut into steps, the tape is the same.
func (s *Sim) Step(b *wire.Batch, until int64, max int) (now int64) {
	now = s.step(b, min(until, math.MaxInt64-1), max)
	if n := len(b.Txns); n > 0 {
		s.last = b.Txns[n-1].Time
	}
	if until == math.MaxInt64 && s.Next() == math.MaxInt64 {
		return s.last
	}
	return now
}

// step is Step up to a time that may come.
func (s *Sim) step(b *wire.Batch, until int64, max int) (now int64) {
	if until < 0 || max <= 0 {
		return min(until, s.Next()-1)
	}
	limit := len(b.Txns) + max
	for ; s.opened < len(s.flows); s.opened++ {
		if len(b.Txns) >= limit {
			return 0
		}
		s.flows[s.opened].opening(b, s.index[s.opened])
	}
	if len(s.flows) == 1 {
		return s.stepAlone(b, until, limit)
	}
	for {
		s.hand(b, until, limit)
		switch {
		case s.Next() > until:
			return until
		case len(b.Txns) >= limit:
			return b.Txns[len(b.Txns)-1].Time
		}
		s.generate(until)
	}
}

// stepAlone is Step for a single symbol: there is nothing to merge.
func (s *Sim) stepAlone(b *wire.Batch, until int64, limit int) int64 {
	f := &s.flows[0]
	f.run(b, s.index[0], until, limit)
	s.next[0] = f.due()
	if s.next[0] <= until {
		return b.Txns[len(b.Txns)-1].Time
	}
	return until
}

// generate fills pending, which has been handed out, with the next window of
// market time. There is a transaction up to until.
func (s *Sim) generate(until int64) {
	start := slices.Min(s.next)
	end := min(until, start+s.window)
	s.pending.Reset()
	s.merge.reset()
	for i, next := range s.next {
		if next > end {
			continue
		}
		f := &s.flows[i]
		from := len(s.pending.Txns)
		f.run(&s.pending, s.index[i], end, math.MaxInt)
		s.next[i] = f.due()
		for j := from; j < len(s.pending.Txns); j++ {
			s.merge.add(s.pending.Txns[j].Time-start, j)
		}
	}
	s.order, s.handed = s.merge.sorted(), 0
}

// hand appends pending transactions up to until while there is room.
func (s *Sim) hand(b *wire.Batch, until int64, limit int) {
	for ; s.handed < len(s.order) && len(b.Txns) < limit; s.handed++ {
		i := int(s.order[s.handed] & orderMask)
		txn := &s.pending.Txns[i]
		if txn.Time > until {
			return
		}
		b.Events = append(b.Events, s.pending.EventsOf(i)...)
		b.Commit(txn.Instrument, txn.Time)
	}
}
