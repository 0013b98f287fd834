package feed

import (
	"math"

	"tickcast/wire"
)

// indicativeNanos is how often, in market time, an auction shows at what price
// it would end now.
const indicativeNanos = int64(100e6)

// enterState takes the trading state that a transaction sets, and decides
// whether the book is shown from here on: not while orders are collected, and
// not while a book is crossed that was collected.
func (h *Hub) enterState(s *symbol) {
	sc := &h.scratch
	if sc.state != 0 {
		s.state = sc.state
		s.trading.Store(uint32(sc.state))
	}
	hidden := s.state.Collecting() || s.hidden && crossed(s.image.top())
	sc.reshown = hidden != s.hidden
	s.hidden = hidden
}

func crossed(t wire.Top) bool {
	return t.Bid.Qty > 0 && t.Ask.Qty > 0 && t.Bid.Price >= t.Ask.Price
}

// showBook makes the whole displayed book what the transaction's book frame
// has: nothing, when it begins to be hidden.
func (h *Hub) showBook(s *symbol) {
	sc := &h.scratch
	var bids int
	s.levels, bids = s.appendDisplayed(s.levels[:0], 0)
	sc.bids, sc.asks = sc.bids[:0], sc.asks[:0]
	for i, l := range s.levels {
		e := wire.Event{Kind: wire.EventLevelSet, Side: wire.Buy, Price: l.Price, Qty: l.Qty}
		if i < bids {
			sc.bids = append(sc.bids, e)
			continue
		}
		e.Side = wire.Sell
		sc.asks = append(sc.asks, e)
	}
}

// publishStatus publishes the trading state, and for an auction at what price
// it would end now.
func (h *Hub) publishStatus(s *symbol, ts int64, p Packet) {
	w := h.number(s, slotStatus, &p)
	s.begun = true
	reason := s.status.Reason
	if h.scratch.state != 0 {
		reason = h.scratch.reason
	}
	s.status = wire.StatusFrame{Seq: p.Seq, State: s.state, Reason: reason, TS: ts, TP: p.Encoded}
	s.indicativeAt = math.MaxInt64
	if s.state.Collecting() {
		s.status.Indicative = s.indicative()
		s.indicativeAt = ts + indicativeNanos
	}
	h.schedule(s)
	if w != nil {
		h.live(s, p, w, &frame{channel: wire.ChannelStatus, status: &s.status})
	}
}

// indicative is price and quantity at which the collected orders would trade
// now; hidden quantity is not among them.
func (s *symbol) indicative() wire.Level {
	book := s.image.settled()
	if s.ticker.last.Seq > 0 {
		book.SetReference(s.ticker.last.Last)
	}
	price, qty := book.Indicative()
	return wire.Level{Price: price, Qty: qty}
}

// refreshIndicative publishes the status of an auction again if it would end
// otherwise than was shown.
func (h *Hub) refreshIndicative(s *symbol, ts int64, p Packet) {
	s.indicativeAt = ts + indicativeNanos
	if s.indicative() != s.status.Indicative {
		h.publishStatus(s, ts, p)
	}
}
