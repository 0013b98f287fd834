package marketsim

import (
	"fmt"
	"math"
	"runtime"
	"sync"

	"tickcast/wire"
)

// Parallel runs a market ahead of its reader, its symbols divided between
// workers: as fast as possible, on as many cores as there are. The tape is that
// of a Sim with the same Config, for any number of workers.
//
// Symbols do not wait for each other, so workers need not either: each runs
// through windows of market time, one after another, and the reader merges
// theirs. Next and Close belong to one goroutine.
type Parallel struct {
	// static
	instruments []wire.Instrument
	symbols     int
	window      int64
	until       int64

	lanes   []lane
	reached int64      // market time up to which windows have been read
	over    wire.Batch // what comes of a lane that has ended: nothing
	closed  bool
	stop    chan struct{}
	workers sync.WaitGroup
}

// lane is what passes between a worker and the reader.
type lane struct {
	sim   *Sim
	full  chan *wire.Batch // windows in order of time; closed at the end
	empty chan *wire.Batch // read windows, to be used again

	// owned by the reader
	batch *wire.Batch
	at    int // next transaction of batch
}

// laneDepth windows of a worker are in use at a time: one is read, one waits,
// one is written.
const laneDepth = 3

// parallelTransactions is about how many transactions a window has, unless half
// a Sim's are more: enough that handing it over costs nothing, few enough that
// it stays in the cache, or at least that laneDepth of them fit into memory.
const parallelTransactions = 2048

// NewParallel starts a market that ends after market time until, ns; at most
// math.MaxInt64. 0 workers stand for GOMAXPROCS. Its error wraps ErrConfig. The
// market must be closed.
func NewParallel(cfg Config, until int64, workers int) (*Parallel, error) {
	if until < 0 {
		return nil, fmt.Errorf("%w: market time %d", ErrConfig, until)
	}
	n, err := cfg.check()
	if err != nil {
		return nil, err
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, n)
	p := &Parallel{symbols: n, until: until, reached: -1, lanes: make([]lane, workers), stop: make(chan struct{})}
	for i := range p.lanes {
		sim, err := newPart(cfg, i, workers)
		if err != nil {
			return nil, err
		}
		l := &p.lanes[i]
		*l = lane{sim: sim, full: make(chan *wire.Batch, laneDepth), empty: make(chan *wire.Batch, laneDepth)}
		for range laneDepth {
			l.empty <- new(wire.Batch)
		}
		p.window = max(p.window, sim.window/2, sim.span(parallelTransactions))
	}
	p.instruments = p.lanes[0].sim.instruments
	for i := range p.lanes {
		p.workers.Add(1)
		go p.work(&p.lanes[i])
	}
	return p, nil
}

// Instruments returns the listed instruments. The caller must not change it.
func (p *Parallel) Instruments() []wire.Instrument { return p.instruments }

// Next makes b the next window of market time, which may be empty, and returns
// the time that it reaches. It returns false when the market has ended: at until,
// or when all symbols are closed for good.
func (p *Parallel) Next(b *wire.Batch) (now int64, ok bool) {
	b.Reset()
	if p.closed || p.reached >= p.until {
		return p.until, false
	}
	more := false
	for i := range p.lanes {
		l := &p.lanes[i]
		l.batch, l.at = &p.over, 0
		if full, ok := <-l.full; ok {
			l.batch, more = full, true
		}
	}
	if !more {
		return p.reached, false
	}
	p.reached = p.after(p.reached)
	p.merge(b)
	for i := range p.lanes {
		if l := &p.lanes[i]; l.batch != &p.over {
			l.empty <- l.batch
		}
	}
	return p.reached, true
}

// Close ends the workers and waits for them. A second call does nothing.
func (p *Parallel) Close() {
	if !p.closed {
		p.closed = true
		close(p.stop)
	}
	p.workers.Wait()
}

// after returns the end of the window behind a time.
func (p *Parallel) after(now int64) int64 {
	if now > p.until-p.window {
		return p.until
	}
	return max(now, 0) + p.window
}

func (p *Parallel) work(l *lane) {
	defer p.workers.Done()
	defer close(l.full)
	for now := int64(-1); now < p.until; {
		select {
		case b := <-l.empty:
			now = p.after(now)
			b.Reset()
			l.sim.Step(b, now, math.MaxInt)
			l.full <- b // has room for every batch there is
			if l.sim.Next() == math.MaxInt64 {
				return // all its symbols are closed for good
			}
		case <-p.stop:
			return
		}
	}
}

// merge appends the windows of all lanes in order of time and symbol.
func (p *Parallel) merge(b *wire.Batch) {
	for {
		var first *lane
		var least wire.Txn
		bound := wire.Txn{Time: math.MaxInt64, Instrument: math.MaxUint32} // of the second
		for i := range p.lanes {
			l := &p.lanes[i]
			if l.at == len(l.batch.Txns) {
				continue
			}
			switch txn := l.batch.Txns[l.at]; {
			case first == nil:
				first, least = l, txn
			case precedes(&txn, &least):
				first, least, bound = l, txn, least
			case precedes(&txn, &bound):
				bound = txn
			}
		}
		if first == nil {
			return
		}
		first.hand(b, &bound)
	}
}

// hand appends the lane's transactions before bound, one at least.
func (l *lane) hand(b *wire.Batch, bound *wire.Txn) {
	for txns := l.batch.Txns; ; {
		b.Events = append(b.Events, l.batch.EventsOf(l.at)...)
		b.Commit(txns[l.at].Instrument, txns[l.at].Time)
		if l.at++; l.at == len(txns) || !precedes(&txns[l.at], bound) {
			return
		}
	}
}

// precedes is the order of a tape between symbols.
func precedes(a, b *wire.Txn) bool {
	return a.Time < b.Time || a.Time == b.Time && a.Instrument < b.Instrument
}
