package feed

import (
	"math"

	"tickcast/wire"
)

// A ticker's window: 1,440 whole minutes of market time and the running one.
const (
	tickerBucketNanos = int64(60e9)
	tickerNanos       = 24 * 60 * tickerBucketNanos
)

// ticker is the rolling day of a symbol, in buckets of a minute: those in
// which something was traded, the oldest first.
type ticker struct {
	last    wire.TickerFrame // published last, Seq 0: none
	buckets []tickerBucket
	first   int // index of the oldest in the window
}

// tickerBucket is what was traded in a minute.
type tickerBucket struct {
	time            int64 // market time of its begin
	open, high, low wire.Price
	volume, quote   wire.Sum
	trades          uint64
}

// rollsAt returns the market time at which the oldest bucket leaves the window.
func (t *ticker) rollsAt() int64 {
	if t.first == len(t.buckets) {
		return math.MaxInt64
	}
	return t.buckets[t.first].time + tickerBucketNanos + tickerNanos
}

// add takes an execution at market time ts.
func (t *ticker) add(e *wire.Event, ts int64) {
	begin := ts - modulo(ts, tickerBucketNanos)
	if n := len(t.buckets); n == t.first || t.buckets[n-1].time < begin {
		t.buckets = append(t.buckets, tickerBucket{time: begin, open: e.Price, high: e.Price, low: e.Price})
	}
	b := &t.buckets[len(t.buckets)-1]
	quote := wire.Product(int64(e.Price), int64(e.Qty))
	b.high, b.low = max(b.high, e.Price), min(b.low, e.Price)
	b.volume = b.volume.Add(wire.SumOf(int64(e.Qty)))
	b.quote = b.quote.Add(quote)
	b.trades++

	f := &t.last
	if f.Trades == 0 {
		f.Open, f.High, f.Low = e.Price, e.Price, e.Price
	}
	f.Last = e.Price
	f.High, f.Low = max(f.High, e.Price), min(f.Low, e.Price)
	f.Volume = f.Volume.Add(wire.SumOf(int64(e.Qty)))
	f.QuoteVolume = f.QuoteVolume.Add(quote)
	f.Trades++
}

// roll drops what has left the window at market time ts.
func (t *ticker) roll(ts int64) {
	f := &t.last
	extreme := false
	for t.rollsAt() <= ts {
		b := &t.buckets[t.first]
		f.Volume, f.QuoteVolume = f.Volume.Sub(b.volume), f.QuoteVolume.Sub(b.quote)
		f.Trades -= b.trades
		extreme = extreme || b.high == f.High || b.low == f.Low
		t.first++
	}
	if t.first > len(t.buckets)/2 {
		t.buckets = t.buckets[:copy(t.buckets, t.buckets[t.first:])]
		t.first = 0
	}
	window := t.buckets[t.first:]
	if len(window) == 0 {
		f.Open, f.High, f.Low = f.Last, f.Last, f.Last
		return
	}
	f.Open = window[0].open
	if !extreme {
		return
	}
	f.High, f.Low = window[0].high, window[0].low
	for i := range window {
		f.High, f.Low = max(f.High, window[i].high), min(f.Low, window[i].low)
	}
}

// publishTicker takes the transaction's executions into the ticker, and
// publishes it.
func (h *Hub) publishTicker(s *symbol, ts int64, p Packet) {
	for i := range h.scratch.trades {
		s.ticker.add(&h.scratch.trades[i], ts)
	}
	h.sendTicker(s, ts, p)
	h.schedule(s)
}

// rollTicker publishes the ticker whenever its window has moved past something,
// but at most so many times; it returns how many more there might have been.
func (h *Hub) rollTicker(s *symbol, ts int64, p Packet, most int) (left int) {
	for at := s.ticker.rollsAt(); most > 0 && at <= ts; at = s.ticker.rollsAt() {
		s.ticker.roll(at)
		h.sendTicker(s, at, p)
		most--
	}
	return most
}

func (h *Hub) sendTicker(s *symbol, ts int64, p Packet) {
	w := h.number(s, slotTicker, &p)
	f := &s.ticker.last
	f.Seq, f.TS, f.TP = p.Seq, ts, p.Encoded
	if w != nil {
		h.live(s, p, w, &frame{channel: wire.ChannelTicker, ticker: f})
	}
}
