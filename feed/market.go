package feed

import "math"

// dueSymbolsMax is how many symbols one turn of the mutex looks after when
// market time advances.
const dueSymbolsMax = 32

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
	for i := 0; i < n; {
		h.mu.Lock()
		if i == 0 {
			h.dueAt = math.MaxInt64
		}
		for end := min(i+dueSymbolsMax, n); i < end; i++ {
			s := h.symbols[i]
			if s.status.Seq == 0 {
				h.scratch.state = 0
				h.publishStatus(s, ts, Packet{Encoded: wall})
			}
			if ts >= s.dueAt {
				h.due(s, ts, wall)
			}
			h.dueAt = min(h.dueAt, s.dueAt)
		}
		h.mu.Unlock()
	}
	h.wake()
}

// due does what is due of a symbol at market time ts.
func (h *Hub) due(s *symbol, ts, wall int64) {
	p := Packet{Encoded: wall}
	h.closeCandles(s, ts, p)
	h.rollTicker(s, ts, p)
	if s.state.Collecting() && ts >= s.indicativeAt {
		h.scratch.state = 0
		h.refreshIndicative(s, ts, p)
	}
	h.schedule(s)
}
