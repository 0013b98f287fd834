package feed

import "math"

// dueSymbolsMax is how many symbols one turn of the mutex looks after when
// market time advances.
const dueSymbolsMax = 32

// dueFramesMax is about how many frames one turn of the mutex publishes that
// market time has made due: when it leaps, that may be thousands a symbol.
const dueFramesMax = 64

// Advance tells that market time has come to market, ns since the session's
// start, whether there were transactions or not, so that candles close and
// tickers roll on time. wall is the wall time, ns. It is called by sources and
// does what is due only; market time that goes back is ignored.
func (h *Hub) Advance(market, wall int64) {
	h.mu.Lock()
	h.market = max(h.market, h.base+market)
	ts := h.market
	due := ts >= h.dueAt
	n := len(h.symbols)
	h.mu.Unlock()
	if !due {
		return
	}
	for i, begun := 0, false; i < n; {
		h.mu.Lock()
		if !begun {
			h.dueAt, begun = math.MaxInt64, true
		}
		begin := h.stats.Frames
		for end := min(i+dueSymbolsMax, n); i < end && h.stats.Frames-begin < dueFramesMax; {
			s := h.symbols[i]
			if !s.begun {
				h.scratch.state = 0
				h.publishStatus(s, ts, Packet{Encoded: wall})
			}
			if h.caughtUp(s, ts, wall) {
				h.dueAt = min(h.dueAt, s.dueAt)
				i++
			}
		}
		h.mu.Unlock()
	}
	h.wake()
}

// caughtUp does what is due of a symbol at market time ts, as much as one turn
// of the mutex may, and reports whether that is all.
func (h *Hub) caughtUp(s *symbol, ts, wall int64) bool {
	if ts < s.dueAt {
		return true
	}
	p := Packet{Encoded: wall}
	left := h.closeCandles(s, ts, p, dueFramesMax)
	left = h.rollTicker(s, ts, p, left)
	if left > 0 && s.state.Collecting() && ts >= s.indicativeAt {
		h.scratch.state = 0
		h.refreshIndicative(s, ts, p)
	}
	h.schedule(s)
	return ts < s.dueAt
}
