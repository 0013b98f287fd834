package marketsim

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"tickcast/wire"
)

// Config says which market to simulate. The zero Config is the catalogue under
// seed 0.
type Config struct {
	// Seed chooses the tape: the same seed and symbols give the same bytes on
	// every machine.
	Seed uint64

	// Symbols is the number of instruments, at most SymbolsMax. 0 stands for
	// SymbolsDefault, the catalogue; those beyond it are generated.
	Symbols int

	// Preset is how they trade. 0 stands for PresetCrypto.
	Preset Preset

	// Branching is how many events an event sets off in the mean, in per
	// mille, below 1,000. 0 stands for 880, as in real markets.
	Branching int

	// Metaorders are worked off beside the market's own flow. Those of an
	// instrument must be in order of time and not overlap.
	Metaorders []Metaorder
}

// ErrConfig is what New's errors wrap.
var ErrConfig = errors.New("marketsim: bad configuration")

// Sim is a simulated market: a flow of orders and a book for each symbol, in
// market time. It belongs to one goroutine. Everything it does is a function
// of its Config; the wall clock does not enter.
type Sim struct {
	// static
	instruments []wire.Instrument
	window      int64 // market time that is generated at once, ns
	shared      correlations
	branching   uint32

	flows []flow
	next  []int64 // of each flow, apart from them: it is scanned often

	opened int // flows whose opening book has been appended

	// What has been generated and not yet handed out: transactions of one
	// symbol after another, and their order in time.
	pending wire.Batch
	merge   merge
	order   []uint64
	handed  int // how many of order have been handed out
}

// A window of market time that is generated at once has about
// windowTransactions, but windowBurst for each symbol if those are more: a
// symbol's run in a burst while its book is in the cache, and all of them stay
// there until they are merged.
const (
	windowTransactions = 1024
	windowBurst        = 16
)

// New returns the market of cfg at time 0, before the opening books are
// entered. Its error wraps ErrConfig.
func New(cfg Config) (*Sim, error) {
	n := cfg.Symbols
	if n == 0 {
		n = SymbolsDefault
	}
	if n < 0 || n > SymbolsMax {
		return nil, fmt.Errorf("%w: %d symbols; want 1 to %d", ErrConfig, n, SymbolsMax)
	}
	if int(cfg.Preset) >= len(presetNames) {
		return nil, fmt.Errorf("%w: preset %d", ErrConfig, cfg.Preset)
	}
	s := &Sim{
		instruments: make([]wire.Instrument, n),
		flows:       make([]flow, n),
		next:        make([]int64, n),
		shared:      cfg.Preset.correlations(),
	}
	programs, err := newPrograms(cfg.Metaorders, n)
	if err != nil {
		return nil, err
	}
	branching, err := branchingOf(cfg.Branching)
	if err != nil {
		return nil, err
	}
	s.branching = branchingRatio(branching)
	milliHertz := 0
	for i := range n {
		l := listingAt(i)
		cfg.Preset.apply(&l)
		p, err := newProfile(&l, cfg.Preset.correlations(), branching)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		if s.flows[i], err = newFlow(&p, cfg.Seed); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrConfig, l.symbol, err)
		}
		s.instruments[i] = p.instrument
		s.flows[i].program = programs[i]
		s.next[i] = s.flows[i].due()
		milliHertz += l.changes
	}
	s.window = int64(max(windowTransactions, windowBurst*n)) * 1e12 / int64(milliHertz)
	return s, nil
}

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

// Next returns the market time of the next transaction, ns.
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
// market time reached: until, or the time of the last transaction appended if
// there are more. However the time is cut into steps, the tape is the same.
func (s *Sim) Step(b *wire.Batch, until int64, max int) (now int64) {
	if until < 0 || max <= 0 {
		return min(until, s.Next()-1)
	}
	limit := len(b.Txns) + max
	for ; s.opened < len(s.flows); s.opened++ {
		if len(b.Txns) >= limit {
			return 0
		}
		s.flows[s.opened].opening(b, uint32(s.opened))
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
	f.run(b, 0, until, limit)
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
		f.run(&s.pending, uint32(i), end, math.MaxInt)
		s.next[i] = f.due()
		for j := from; j < len(s.pending.Txns); j++ {
			s.merge.add(s.pending.Txns[j].Time-start, j)
		}
		s.merge.endRun()
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
