package feed

import (
	"math/bits"

	"tickcast/wire"
)

// Bounds of the closed candles that are kept for those who ask for them: of
// each interval, and of all symbols together.
const (
	candlesMin      = 10
	candlesMax      = 500
	candleBytesMax  = 64 << 20
	candleBytesEach = 144 // of one, about
)

// candles are one interval's of a symbol. They begin with its first execution,
// and are numbered from there on whether somebody watches or not: an interval
// without executions has a flat candle, so that none is missing.
type candles struct {
	last   wire.CandleFrame   // published last, Seq 0: none
	open   wire.CandleFrame   // the running one; without Trades nothing of it was published
	closed []wire.CandleFrame // as they were published, the oldest first
}

// add takes an execution into the running candle.
func (c *candles) add(e *wire.Event) {
	o := &c.open
	if o.Trades == 0 {
		o.Open, o.High, o.Low = e.Price, e.Price, e.Price
	}
	o.High, o.Low, o.Close = max(o.High, e.Price), min(o.Low, e.Price), e.Price
	o.Volume = o.Volume.Add(wire.SumOf(int64(e.Qty)))
	o.QuoteVolume = o.QuoteVolume.Add(wire.Product(int64(e.Price), int64(e.Qty)))
	o.Trades++
}

// next begins the candle after the running one, flat at its close.
func (c *candles) next() {
	o := &c.open
	p := o.Close
	*o = wire.CandleFrame{
		Channel: o.Channel, OpenTime: o.OpenTime + o.Channel.Interval(), Open: p, High: p, Low: p, Close: p,
	}
}

// keep adds the candle published last to those that are closed, of which at
// most max are kept.
func (c *candles) keep(most int) {
	if len(c.closed) >= 2*most { // room for twice as many, so that moving is rare
		c.closed = c.closed[:copy(c.closed, c.closed[len(c.closed)-most+1:])]
	}
	c.closed = append(c.closed, c.last)
}

// ends returns the market time at which the running candle ends.
func (c *candles) ends() int64 { return c.open.OpenTime + c.open.Channel.Interval() }

// publishCandles takes the transaction's executions into the candles, and
// publishes the running ones.
func (h *Hub) publishCandles(s *symbol, ts int64, p Packet) {
	for i := range s.candles {
		c := &s.candles[i]
		if c.open.Channel == 0 {
			channel := wire.ChannelCandle1s + wire.Channel(i)
			c.open = wire.CandleFrame{Channel: channel, OpenTime: ts - modulo(ts, channel.Interval())}
			h.schedule(s)
		}
		for j := range h.scratch.trades {
			c.add(&h.scratch.trades[j])
		}
		h.publishCandle(s, c, ts, p)
	}
}

// modulo is the remainder towards negative infinity.
func modulo(ts, interval int64) int64 { return ((ts % interval) + interval) % interval }

// publishCandle publishes the running candle as it stands.
func (h *Hub) publishCandle(s *symbol, c *candles, ts int64, p Packet) {
	slot := wire.NewSlot(c.open.Channel, wire.RateEvery)
	w := h.number(s, slot, &p)
	c.last = c.open
	c.last.Seq, c.last.TS, c.last.TP = p.Seq, ts, p.Encoded
	if w != nil {
		h.live(s, p, w, &frame{channel: c.last.Channel, candle: &c.last})
	}
}

// closeCandles closes those that end at ts or before, each at its end, but at
// most so many; it returns how many more there might have been.
func (h *Hub) closeCandles(s *symbol, ts int64, p Packet, most int) (left int) {
	for i := range s.candles {
		c := &s.candles[i]
		if c.open.Channel == 0 {
			continue
		}
		for most > 0 && c.ends() <= ts {
			h.skipCandles(s, c, ts)
			end := c.ends()
			c.open.Closed = true
			h.publishCandle(s, c, end, p)
			c.keep(h.candlesKept())
			c.next()
			most--
		}
	}
	return most
}

// skipCandles numbers flat candles without publishing them, when more are due
// than are kept for those who ask: a market that leaps by a day must not cost
// 86,400 of them. Who watches is told as of any states that were left out.
func (h *Hub) skipCandles(s *symbol, c *candles, ts int64) {
	n := (ts-c.open.OpenTime)/c.open.Channel.Interval() - candlesMax
	if n <= 0 || c.open.Trades > 0 {
		return
	}
	slot := wire.NewSlot(c.open.Channel, wire.RateEvery)
	st := &s.streams[slot]
	st.seq += uint64(n)
	h.stats.Frames += uint64(n)
	st.pos = h.stats.Frames
	c.open.OpenTime += n * c.open.Channel.Interval()
	for d, set := range s.watches[slot] {
		skipped := shedPackets{stream: slot.Stream(s.id), dialect: wire.Dialect(d), frames: uint64(n)}
		for ; set != 0; set &= set - 1 {
			h.inboxes[bits.TrailingZeros64(uint64(set))].Mark(&Marker{Shed: []shedPackets{skipped}})
		}
	}
}

// candlesKept returns how many closed candles of an interval are kept.
func (h *Hub) candlesKept() int {
	each := candleBytesMax / (2 * wire.CandleCount * candleBytesEach * max(len(h.symbols), 1))
	return min(max(each, candlesMin), candlesMax)
}

// schedule notes when something of the symbol is due next.
func (h *Hub) schedule(s *symbol) {
	s.dueAt = s.indicativeAt
	for i := range s.candles {
		if c := &s.candles[i]; c.open.Channel != 0 {
			s.dueAt = min(s.dueAt, c.ends())
		}
	}
	s.dueAt = min(s.dueAt, s.ticker.rollsAt())
	h.dueAt = min(h.dueAt, s.dueAt)
}
