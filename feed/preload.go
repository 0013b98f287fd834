package feed

import "tickcast/wire"

// preload loads the memory that publishing transactions will need. Transactions
// that follow each other are often of different symbols, whose memory others
// have driven out of the caches, so that each waits some ten times, one after
// another. Here the loads of many symbols wait together, in the order in which
// one leads to the next. It changes nothing but what is in the caches.
func (h *Hub) preload(b *wire.Batch, from, to int) {
	used := uint64(0)
	for _, t := range b.Txns[from:to] {
		if int(t.Instrument) >= len(h.symbols) {
			return // publish says so
		}
		s := h.symbols[t.Instrument]
		used += uint64(s.dueAt) + s.seq(slotTrade) + s.seq(slotBBO) + s.bbo.Seq + uint64(s.bbo.TP) + uint64(s.history.count)
	}
	for _, t := range b.Txns[from:to] {
		s := h.symbols[t.Instrument]
		used += uint64(s.id) + s.book.Preload() + s.history.preload()
	}
	for i, t := range b.Txns[from:to] {
		s := h.symbols[t.Instrument]
		used += s.encoder.Preload(slotBBO) + s.history.preloadNext()
		events := b.EventsOf(from + i)
		for j := range events[:min(len(events), preloadEventsMax)] {
			used += s.book.PreloadFor(&events[j])
		}
	}
	h.scratch.used = used
}

// preloadEventsMax bounds what is loaded for one transaction.
const preloadEventsMax = 8

// preload loads the chunk that the next transaction goes into, preloadNext the
// places in it.
func (h *history) preload() (used uint64) {
	if h.last == nil {
		return 0
	}
	return uint64(len(h.last.txns) + len(h.last.events))
}

func (h *history) preloadNext() (used uint64) {
	if h.room(3) == nil {
		return 0
	}
	txns, events := h.last.txns, h.last.events
	n := len(events)
	next := events[n : n+3]
	return txns[:len(txns)+1][len(txns)].pos + next[0].ID + next[1].ID + next[2].ID
}
