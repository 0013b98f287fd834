package marketsim

import (
	"fmt"
	"math"

	"tickcast/wire"
)

// LoadSymbolsMax bounds the symbols of a Load: what five digits can name.
const LoadSymbolsMax = 100_000

// LoadRateMax bounds the rate of a Load, ticks a second.
const LoadRateMax = 1e8

// loadQuantum is the grain of the schedule, ns: the ticks that fall due in a
// quantum are stamped with its end, as an independent open-loop pacer does it.
const loadQuantum = 1_000_000

// Load is the source for benchmarks: symbols SYM00000, SYM00001, … whose best
// bid and ask change in turn, at a constant total rate that nothing slows down.
// The schedule is open loop: a tick carries the wall time at which it was due,
// however late it is handed out, so that lateness shows as latency. It belongs
// to one goroutine; wall time, ns since the Unix epoch, is an argument, and is
// the market time of its transactions.
type Load struct {
	instruments []wire.Instrument
	quotes      []quote
	opened      int // symbols whose opening book has been handed out

	// The schedule since the rate was set.
	rate    float64 // ticks a second, 0 for none
	begin   int64   // wall time at which it was set
	sent    int64   // ticks handed out
	at      int64   // wall time of the next tick, MaxInt64 for none
	quota   int64   // ticks due at that time since begin
	turn    int     // symbol of the next tick
	held    int64   // nothing is handed out before this wall time
	quantum int64   // number of the next tick's quantum
}

// NewLoad returns a load of the given number of symbols at rate 0.
func NewLoad(symbols int) (*Load, error) {
	if symbols < 1 || symbols > LoadSymbolsMax {
		return nil, fmt.Errorf("%w: %d load symbols; want 1 to %d", ErrConfig, symbols, LoadSymbolsMax)
	}
	l := &Load{
		instruments: make([]wire.Instrument, symbols),
		quotes:      make([]quote, symbols),
		at:          math.MaxInt64,
	}
	for i := range symbols {
		name := fmt.Sprintf("SYM%05d", i)
		in, err := wire.NewInstrument(name, name, "USD", "0.01", "0.00001")
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		l.instruments[i] = in
		l.quotes[i] = newQuote(i)
	}
	return l, nil
}

// Instruments returns the symbols in order of listing. The caller must not
// change it.
func (l *Load) Instruments() []wire.Instrument { return l.instruments }

// SetRate begins a new schedule at wall, in ticks a second over all symbols,
// with SYM00000 first. Nothing of the old schedule comes any more. A rate
// that is not positive stops the ticks; one above LoadRateMax counts as that.
// It returns the ticks handed out under the old rate.
func (l *Load) SetRate(wall int64, rate float64) (published int64) {
	published = l.sent
	if !(rate > 0) {
		rate = 0
	}
	l.rate, l.begin = min(rate, LoadRateMax), wall
	l.sent, l.turn, l.quantum, l.quota = 0, 0, 0, 0
	l.schedule()
	return published
}

// Rate returns the rate in force, ticks a second.
func (l *Load) Rate() float64 { return l.rate }

// Published returns the ticks handed out since the rate was set.
func (l *Load) Published() int64 { return l.sent }

// Hold hands out nothing until the given wall time. The ticks remain
// scheduled, and come late with the times at which they were due.
func (l *Load) Hold(until int64) { l.held = until }

// Next returns the wall time of the next tick, MaxInt64 if there is none; 0
// while the opening books have not all been handed out.
func (l *Load) Next() int64 {
	if l.opened < len(l.quotes) {
		return 0
	}
	return max(l.at, l.held)
}

// Step appends the transactions due at wall, at most max, and reports whether
// more are due. The opening books come first, one transaction a symbol.
func (l *Load) Step(b *wire.Batch, wall int64, max int) (more bool) {
	limit := len(b.Txns) + max
	for ; l.opened < len(l.quotes); l.opened++ {
		if len(b.Txns) >= limit {
			return true
		}
		b.Events = l.quotes[l.opened].appendOpening(b.Events)
		b.Commit(uint32(l.opened), min(wall, l.at))
	}
	if wall < l.held {
		return false
	}
	for l.at <= wall {
		for ; l.sent < l.quota; l.sent++ {
			if len(b.Txns) >= limit {
				return true
			}
			b.Events = l.quotes[l.turn].appendTick(b.Events)
			b.Commit(uint32(l.turn), l.at)
			if l.turn++; l.turn == len(l.quotes) {
				l.turn = 0
			}
		}
		l.schedule()
	}
	return false
}

// schedule moves on to the next quantum in which a tick is due. The ticks due
// in the first q are rate*q/1000, rounded down.
func (l *Load) schedule() {
	if l.rate == 0 {
		l.at = math.MaxInt64
		return
	}
	// Jump close to it, so that low rates cost nothing.
	ahead := float64(l.sent+1)/l.rate*1000 - 1
	if ahead > math.MaxInt64/loadQuantum/4 {
		l.at = math.MaxInt64
		return
	}
	l.quantum = max(l.quantum+1, int64(ahead))
	for l.dueIn(l.quantum) <= l.sent {
		l.quantum++
	}
	l.quota = l.dueIn(l.quantum)
	l.at = l.begin + l.quantum*loadQuantum
}

func (l *Load) dueIn(quantum int64) int64 { return int64(l.rate * float64(quantum) / 1000) }
