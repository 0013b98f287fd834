package marketsim

import (
	"fmt"
	"math"

	"tickcast/orderbook"
	"tickcast/wire"
)

// Observer measures the tape of one instrument for its stylised facts: it
// keeps what they need, about 100 bytes a second of market time and 8 an
// order, and is not on the event path. It rebuilds the book from the events
// alone, so that a recorded tape can be observed as well.
type Observer struct {
	instrument uint32
	tick       float64
	round      wire.Qty
	book       *orderbook.Book

	now      int64
	bid, ask wire.Level
	born     map[uint64]int64 // resting orders

	// per second of market time
	mids    []float64 // ticks, at its end
	spreads []float64 // ticks, at its end
	volumes []float64 // traded
	flows   []float64 // order-flow imbalance
	counts  []float64 // transactions
	volume  float64
	flow    float64
	count   float64

	spreadTime, oneTickTime, time float64 // ticks * ns, ns, ns

	events    uint64
	gaps      moments
	gapBins   [gapBins]float64
	signs     []float64 // of aggressors
	impacts   []impact
	inside    int
	at        int
	distances []float64 // of placements behind the touch, ticks
	sizes     []float64
	rounds    int
	lifetimes []float64 // of cancelled orders, s
	shape     [shapeLevels]float64
	levels    []wire.Level
}

// impact is what an aggressor did: the change of mid signed by its side, and
// its volume.
type impact struct{ moved, volume float64 }

// shapeLevels is how far the mean shape of the book is measured.
const shapeLevels = 50

// NewObserver returns an observer of an instrument, given its index, and the
// quantity that counts as a round lot.
func NewObserver(index int, in *wire.Instrument, round wire.Qty) (*Observer, error) {
	book, err := orderbook.New(orderbook.Config{OutsideIDs: true})
	if err != nil {
		return nil, err
	}
	return &Observer{
		instrument: uint32(index),
		tick:       float64(in.Tick),
		round:      round,
		book:       book,
		born:       map[uint64]int64{},
	}, nil
}

// Add observes the instrument's transactions of b, which must follow those
// that were observed before. Its error means that they contradict themselves.
func (o *Observer) Add(b *wire.Batch) error {
	for i := range b.Txns {
		txn := &b.Txns[i]
		if txn.Instrument != o.instrument {
			continue
		}
		o.advance(txn.Time)
		o.events++
		if err := o.transaction(b.EventsOf(i), txn.Time); err != nil {
			return fmt.Errorf("observe transaction at %d: %w", txn.Time, err)
		}
	}
	return nil
}

// Events returns the number of transactions observed, the opening book's
// included.
func (o *Observer) Events() uint64 { return o.events }

// OneTick returns the share of the time in which the spread was one tick.
func (o *Observer) OneTick() float64 { return o.oneTickTime / o.time }

// advance moves the clock: the book stood still since the last transaction.
func (o *Observer) advance(to int64) {
	for second := o.now/1e9 + 1; second*1e9 <= to; second++ {
		o.mids = append(o.mids, o.mid())
		o.spreads = append(o.spreads, float64(o.ask.Price-o.bid.Price)/o.tick)
		o.volumes = append(o.volumes, o.volume)
		o.flows = append(o.flows, o.flow)
		o.counts = append(o.counts, o.count)
		o.volume, o.flow, o.count = 0, 0, 0
		if second%10 == 0 {
			o.sampleShape()
		}
	}
	if o.now > 0 {
		passed := float64(to - o.now)
		spread := math.Round(float64(o.ask.Price-o.bid.Price) / o.tick)
		o.spreadTime += spread * passed
		o.time += passed
		if spread == 1 {
			o.oneTickTime += passed
		}
		o.gaps.add(passed)
		o.gapBins[gapBin(passed)]++
	}
	o.now = to
}

func (o *Observer) mid() float64 { return float64(o.bid.Price+o.ask.Price) / 2 / o.tick }

func (o *Observer) sampleShape() {
	for _, side := range []wire.Side{wire.Buy, wire.Sell} {
		o.levels = o.book.AppendLevels(o.levels[:0], side, shapeLevels)
		if len(o.levels) == 0 {
			continue
		}
		// Levels are ticks away from the best price, empty ones included.
		for _, l := range o.levels {
			away := math.Abs(float64(l.Price-o.levels[0].Price)) / o.tick
			if int(away) < shapeLevels {
				o.shape[int(away)] += float64(l.Qty)
			}
		}
	}
}

// transaction observes the events of one command.
func (o *Observer) transaction(events []wire.Event, at int64) error {
	var sign, volume float64
	opening := at == 0
	before := o.mid()
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case wire.EventAccepted:
			if !opening {
				o.size(e.Qty)
			}
		case wire.EventTrade:
			volume += float64(e.Qty)
			sign = float64(signOf(e.Side))
		case wire.EventAdd:
			o.born[e.ID] = at
			if !opening && volume == 0 {
				o.placed(e)
			}
		case wire.EventRemove:
			o.removed(e.ID, at, events[0].Kind == wire.EventCancelled)
		}
		if err := o.book.Apply(e); err != nil {
			return err
		}
	}
	top := o.book.Top()
	if !opening {
		o.count++
		o.flow += imbalance(o.bid, top.Bid, 1) + imbalance(o.ask, top.Ask, -1)
	}
	o.bid, o.ask = top.Bid, top.Ask
	if volume > 0 {
		o.volume += volume
		o.signs = append(o.signs, sign)
		o.impacts = append(o.impacts, impact{moved: sign * (o.mid() - before), volume: volume})
	}
	return nil
}

func (o *Observer) size(q wire.Qty) {
	o.sizes = append(o.sizes, float64(q))
	if q%o.round == 0 {
		o.rounds++
	}
}

// placed classifies a placement by the touch before it.
func (o *Observer) placed(e *wire.Event) {
	away := float64(o.bid.Price-e.Price) / o.tick
	if e.Side == wire.Sell {
		away = float64(e.Price-o.ask.Price) / o.tick
	}
	switch {
	case away < 0:
		o.inside++
	case away == 0:
		o.at++
	default:
		o.distances = append(o.distances, away)
	}
}

func (o *Observer) removed(id uint64, at int64, cancelled bool) {
	born, ok := o.born[id]
	delete(o.born, id)
	if ok && cancelled && born > 0 {
		o.lifetimes = append(o.lifetimes, float64(at-born)/1e9)
	}
}

// imbalance is the contribution of one side's best level to the order-flow
// imbalance (Cont, Kukanov, Stoikov 2014, equation 3).
func imbalance(was, is wire.Level, sign float64) float64 {
	better := float64(is.Price-was.Price) * sign
	switch {
	case better > 0:
		return sign * float64(is.Qty)
	case better < 0:
		return -sign * float64(was.Qty)
	}
	return sign * float64(is.Qty-was.Qty)
}
