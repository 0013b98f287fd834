package feed

import (
	"slices"

	"tickcast/wire"
)

// Life of a derived stream.
const (
	// derivedNanos is for how long it lives without a watcher, so that a
	// client that comes back finds it.
	derivedNanos = int64(60e9)
	// beatNanosMax is how long nothing is due while no derived stream exists.
	beatNanosMax = expireNanos
	// sweepNanos is how often those that nobody watches are looked for.
	sweepNanos = int64(1e9)
	// beatStreamsMax is how many one turn of the mutex samples, and
	// beatTxnsMax about how many transactions it merges: 100 us.
	beatStreamsMax = 32
	beatTxnsMax    = 1024
)

// derived is a stream that exists while somebody watches it, and derivedNanos
// longer: a depth stream at every change, or a rate tier, which samples its
// channel at the beats of the rate in wall time. When it is made again it goes
// on at its next number, with a frame of its own, so that no older cursor is
// the current one.
type derived struct {
	symbol  *symbol
	slot    wire.Slot
	touched int64  // wall time at which somebody was last known to want it
	from    uint64 // last number of the channel that it has taken in
	frame   frame  // of a state stream: published last, changed in place
	closed  int64  // of a candle tier: OpenTime of the last closed candle that it published

	book bookTier // of a book tier
}

// isDerived reports whether the slot's stream exists only while it is watched.
func isDerived(slot wire.Slot) bool {
	return slot.Rate() != wire.RateEvery || slot.Channel().Depth() > 0
}

// ensure makes the stream exist, if it is a derived one. The hub's mutex is
// held.
func (h *Hub) ensure(s *symbol, slot wire.Slot, wall int64) {
	if !isDerived(slot) {
		return
	}
	d := s.derived[slot]
	if d == nil {
		d = h.derive(s, slot, wall)
	}
	d.touched = max(d.touched, wall)
}

func (h *Hub) derive(s *symbol, slot wire.Slot, wall int64) *derived {
	c := slot.Channel()
	d := &derived{symbol: s, slot: slot, frame: frame{channel: c}}
	switch {
	case c == wire.ChannelBBO:
		d.frame.bbo = &wire.BBOFrame{}
	case c.Depth() > 0:
		d.frame.depth = &wire.DepthFrame{}
	case c.Interval() > 0:
		d.frame.candle = &wire.CandleFrame{}
	case c == wire.ChannelTicker:
		d.frame.ticker = &wire.TickerFrame{}
	}
	s.derived[slot] = d
	r := slot.Rate()
	switch {
	case r == wire.RateEvery:
		s.depths++
	case len(h.derived[r]) == 0:
		h.beatAt[r] = beatAfter(wall, r) // it stood still
	}
	h.derived[r] = append(h.derived[r], d)
	h.sample(d, wall)
	select {
	case h.tiered <- struct{}{}:
	default:
	}
	return d
}

// forget ends a derived stream.
func (h *Hub) forget(d *derived) {
	s := d.symbol
	s.derived[d.slot], s.states[d.slot] = nil, nil
	if d.slot.Rate() == wire.RateEvery {
		s.depths--
	}
}

// Beat lets the tiers that are due at wall publish, forgets what need not be
// kept, and returns the wall time at which it has to be called again, or when
// a derived stream is made. It is called by one goroutine, that of Shards.
func (h *Hub) Beat(wall int64) (next int64) {
	for r := wire.Rate20ms; r < wire.RateCount; r++ {
		for i, more := 0, true; more; {
			if i, more = h.beat(r, i, wall); i > 0 {
				h.wake()
			}
		}
	}
	for i, more := 0, true; more; {
		i, more = h.expire(i, wall)
	}
	return h.sweep(wall)
}

// beat samples tiers of a rate whose beat has come, in one turn of the mutex,
// from index i on. It returns where the next turn begins, and whether there is
// one.
func (h *Hub) beat(r wire.Rate, i int, wall int64) (at int, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if wall < h.beatAt[r] {
		return i, false
	}
	tiers, merged := h.derived[r], uint64(0)
	for end := min(i+beatStreamsMax, len(tiers)); i < end && merged < beatTxnsMax; i++ {
		d := tiers[i]
		switch c := d.slot.Channel(); {
		case c == wire.ChannelBook:
			merged += d.symbol.seq(slotBook) - d.from
			fallthrough
		case c.Depth() > 0:
			merged += beatTxnsMax / appliedMax * uint64(len(d.symbol.image.pending))
		}
		h.sample(d, wall)
	}
	if i < len(tiers) {
		return i, true
	}
	h.beatAt[r] = beatAfter(wall, r)
	return i, false
}

// beatAfter returns the first beat of the rate after wall.
func beatAfter(wall int64, r wire.Rate) int64 { return wall - modulo(wall, r.Period()) + r.Period() }

// sweep ends, once in sweepNanos, the streams that nobody has wanted for
// derivedNanos, and returns when Beat is due again.
func (h *Hub) sweep(wall int64) (next int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	due := wall >= h.sweepAt
	if due {
		h.sweepAt = wall + sweepNanos
	}
	next = wall + beatNanosMax
	for r := range h.derived {
		if due {
			h.derived[r] = slices.DeleteFunc(h.derived[r], func(d *derived) bool { return h.unwanted(d, wall) })
		}
		switch {
		case len(h.derived[r]) == 0:
		case wire.Rate(r) == wire.RateEvery:
			next = min(next, h.sweepAt)
		default:
			next = min(next, h.sweepAt, h.beatAt[r])
		}
	}
	return next
}

// unwanted ends a stream that nobody has wanted for derivedNanos, and reports
// whether it did.
func (h *Hub) unwanted(d *derived, wall int64) bool {
	if d.symbol.watched>>d.slot&1 != 0 {
		d.touched = wall
	}
	gone := wall-d.touched > derivedNanos
	if gone {
		h.forget(d)
	}
	return gone
}

// sample publishes what the stream's channel has become, if it has changed.
func (h *Hub) sample(d *derived, wall int64) {
	s, p := d.symbol, Packet{Encoded: wall}
	switch c := d.slot.Channel(); {
	case c == wire.ChannelBook:
		h.sampleBook(d, p)
	case c == wire.ChannelBBO:
		if d.advance(s.bbo.Seq) {
			w := h.number(s, d.slot, &p)
			*d.frame.bbo = s.bbo
			d.frame.bbo.Rate, d.frame.bbo.Seq, d.frame.bbo.TP = d.slot.Rate(), p.Seq, wall
			h.liveDerived(d, p, w)
		}
	case c.Depth() > 0:
		if d.advance(s.seq(slotBook)) {
			var bids int
			s.levels, bids = s.appendDisplayed(s.levels[:0], c.Depth())
			h.publishDepth(d, s.levels[:bids], s.levels[bids:], p)
		}
	case c.Interval() > 0:
		h.sampleCandle(d, p)
	case c == wire.ChannelTicker:
		if d.advance(s.ticker.last.Seq) {
			w := h.number(s, d.slot, &p)
			*d.frame.ticker = s.ticker.last
			d.frame.ticker.Rate, d.frame.ticker.Seq, d.frame.ticker.TP = d.slot.Rate(), p.Seq, wall
			h.liveDerived(d, p, w)
		}
	}
}

// advance notes that the channel has come to seq, and reports whether that is
// news.
func (d *derived) advance(seq uint64) bool {
	news := seq != d.from
	d.from = seq
	return news
}

func (h *Hub) liveDerived(d *derived, p Packet, w *watch) {
	if w != nil {
		h.live(d.symbol, p, w, &d.frame)
	}
}

// sampleCandle publishes the candle that closed last, if that is news, then
// the running one.
func (h *Hub) sampleCandle(d *derived, p Packet) {
	c, made := &d.symbol.candles[d.slot.Channel()-wire.ChannelCandle1s], d.from == 0
	if !d.advance(c.last.Seq) {
		return
	}
	if n := len(c.closed); n > 0 && !c.last.Closed && c.closed[n-1].OpenTime > d.closed {
		if made { // closed before, and maybe told before
			d.closed = c.closed[n-1].OpenTime
		} else {
			h.copyCandle(d, &c.closed[n-1], p)
		}
	}
	h.copyCandle(d, &c.last, p)
}

func (h *Hub) copyCandle(d *derived, f *wire.CandleFrame, p Packet) {
	if f.Closed {
		d.closed = f.OpenTime
	}
	w := h.number(d.symbol, d.slot, &p)
	*d.frame.candle = *f
	d.frame.candle.Rate, d.frame.candle.Seq, d.frame.candle.TP = d.slot.Rate(), p.Seq, p.Encoded
	h.liveDerived(d, p, w)
}

// publishDepths publishes the depth streams at every change whose levels the
// transaction changed.
func (h *Hub) publishDepths(s *symbol, p Packet) {
	deepest := 0
	for c := wire.ChannelDepth5; c <= wire.ChannelDepth20; c++ {
		if s.derived[wire.NewSlot(c, wire.RateEvery)] != nil {
			deepest = c.Depth()
		}
	}
	var bids int
	s.levels, bids = s.appendDisplayed(s.levels[:0], deepest)
	for c := wire.ChannelDepth5; c <= wire.ChannelDepth20; c++ {
		if d := s.derived[wire.NewSlot(c, wire.RateEvery)]; d != nil {
			h.publishDepth(d, s.levels[:bids], s.levels[bids:], p)
		}
	}
}

// publishDepth publishes the best of these levels, unless the stream shows
// just them.
func (h *Hub) publishDepth(d *derived, bids, asks []wire.Level, p Packet) {
	f, n := d.frame.depth, d.slot.Channel().Depth()
	bids, asks = bids[:min(n, len(bids))], asks[:min(n, len(asks))]
	if f.Seq > 0 && slices.Equal(f.Bids, bids) && slices.Equal(f.Asks, asks) {
		return
	}
	s := d.symbol
	w := h.number(s, d.slot, &p)
	f.Channel, f.Rate, f.Seq, f.Upd = d.slot.Channel(), d.slot.Rate(), p.Seq, s.upd()
	f.Bids, f.Asks = append(f.Bids[:0], bids...), append(f.Asks[:0], asks...)
	f.TS, f.TP = s.bookTime, p.Encoded
	h.liveDerived(d, p, w)
}
