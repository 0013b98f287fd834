package feed

import (
	"slices"

	"tickcast/wire"
)

// Listed reports whether there is such a symbol, and if not, which resemble it.
func (h *Hub) Listed(symbol string) (near []string, ok bool) {
	dir := h.listings.Load()
	if _, ok = dir.bySymbol[wire.Symbol(symbol)]; ok {
		return nil, true
	}
	return dir.near(symbol), false
}

// TradesQuery says which of a symbol's trades are wanted.
type TradesQuery struct {
	Symbol string
	After  uint64 // those after this frame, if not 0
	From   int64  // those of this market time or later, ns since the epoch, if not 0
	Latest bool   // the last ones of them, else the first
	Limit  int    // at most
}

// Trades returns the payloads of the trade frames that history holds, the
// oldest first. An After that is ahead counts as none. false: there is no such
// symbol.
func (h *Hub) Trades(q TradesQuery, d wire.Dialect) (frames [][]byte, ok bool) {
	l, ok := h.listings.Load().bySymbol[wire.Symbol(q.Symbol)]
	if !ok {
		return nil, false
	}
	h.mu.Lock()
	s := h.symbols[l.id]
	last, after := s.seq(slotTrade), s.history.floor(slotTrade)
	if q.After <= last {
		after = max(after, q.After)
	}
	if limit := uint64(q.Limit); q.Latest && last > limit {
		after = max(after, last-limit)
	}
	sp, _ := s.history.since(slotTrade, after)
	h.mu.Unlock()
	defer sp.release()
	r := replayer{base: h.base, encoder: l.encoder, dialect: d, from: q.From, most: uint64(q.Limit)}
	r.emit = func(_ uint64, payload []byte) { frames = append(frames, slices.Clone(payload)) }
	r.replay(&sp, slotTrade.Stream(l.id), after)
	h.replays.Add(r.frames)
	return frames, true
}

// CandlesQuery says which of a symbol's candles are wanted.
type CandlesQuery struct {
	Symbol   string
	Interval string // 1s, 1m, 5m, 15m, 1h or 1d
	From, To int64  // open times, both included, ns since the epoch; To 0: up to now
	Limit    int    // at most
}

// Candles returns the payloads of candle frames as their stream published
// them, the oldest first: closed ones, then the running one. Without From it is
// the last ones, else the first. unknown says which part of the query names
// nothing: "" if all is well.
func (h *Hub) Candles(q CandlesQuery, d wire.Dialect) (frames [][]byte, unknown string) {
	l, ok := h.listings.Load().bySymbol[wire.Symbol(q.Symbol)]
	if !ok {
		return nil, "symbol"
	}
	e, err := wire.ParseEntry("candle" + q.Interval + "." + q.Symbol)
	if err != nil || e.Slot.Channel().Interval() == 0 {
		return nil, "interval"
	}
	var found []wire.CandleFrame
	h.mu.Lock()
	c := &h.symbols[l.id].candles[e.Slot.Channel()-wire.ChannelCandle1s]
	for i := range c.closed {
		found = q.take(found, &c.closed[i])
	}
	if c.last.Seq > 0 && !c.last.Closed {
		found = q.take(found, &c.last)
	}
	h.mu.Unlock()
	if n := len(found); n > q.Limit && q.From == 0 {
		found = found[n-q.Limit:]
	}
	for i := range found[:min(len(found), q.Limit)] {
		frames = append(frames, l.encoder.AppendCandle(nil, d, &found[i]))
	}
	return frames, ""
}

func (q *CandlesQuery) take(found []wire.CandleFrame, f *wire.CandleFrame) []wire.CandleFrame {
	if f.OpenTime < q.From || q.To != 0 && f.OpenTime > q.To {
		return found
	}
	return append(found, *f)
}
