package feed

import "tickcast/wire"

// preload loads the memory that publishing transactions will need. Transactions
// that follow each other are often of different symbols, whose memory others
// have driven out of the caches, so that each waits several times, one after
// another. Here the loads of many symbols wait together, in the order in which
// one leads to the next. It changes nothing but what is in the caches.
func (h *Hub) preload(b *wire.Batch, from, to int) {
	used, settling := uint64(0), uint64(0) // a bit for each of publishTxnsMax
	for _, t := range b.Txns[from:to] {
		if int(t.Instrument) >= len(h.symbols) {
			return // publish says so
		}
		s := h.symbols[t.Instrument]
		used += uint64(len(s.image.pending)) + uint64(s.image.fronts[0].n) + uint64(s.image.fronts[1].edge)
		used += uint64(s.dueAt) + s.seq(slotTrade) + s.seq(slotBBO)
		used += s.bbo.Seq + uint64(s.bbo.TP) + uint64(s.history.count)
	}
	for i, t := range b.Txns[from:to] {
		s := h.symbols[t.Instrument]
		used += uint64(s.id) + s.history.preload() + s.image.preload()
		if (s.seq(slotBook)+1)%crcEvery == 0 || s.image.settles(b.EventsOf(from+i)) {
			settling |= 1 << i
			used += s.image.book.Preload()
		}
	}
	for i, t := range b.Txns[from:to] {
		s := h.symbols[t.Instrument]
		used += s.encoder.Preload(slotBBO) + s.history.preloadNext()
		if settling>>i&1 != 0 {
			used += s.image.preloadFor(b.EventsOf(from + i))
		}
	}
	h.scratch.used = used
}

// preloadEventsMax bounds what is loaded for one transaction.
const preloadEventsMax = 8

// preload loads the place in which the next event will be pending.
func (m *image) preload() (used uint64) {
	n := len(m.pending)
	if n == cap(m.pending) {
		return 0
	}
	return m.pending[:n+1][n].head
}

// settles reports whether a transaction is likely to bring the book up to date:
// what is pending becomes too much, or all levels that are known go.
func (m *image) settles(events []wire.Event) bool {
	if len(m.pending)+len(events) > pendingMax {
		return true
	}
	for i := range events {
		e := &events[i]
		if e.Kind != wire.EventLevelSet || e.Qty != 0 {
			continue
		}
		if f := &m.fronts[(e.Side-wire.Buy)&1]; f.n == 1 && !f.whole && f.levels[0].Price == e.Price {
			return true
		}
	}
	return false
}

// preloadFor loads what applying events, and what is pending, will need.
func (m *image) preloadFor(events []wire.Event) (used uint64) {
	for i := range events[:min(len(events), preloadEventsMax)] {
		used += m.book.PreloadFor(&events[i])
	}
	for _, p := range m.pending[:min(len(m.pending), preloadEventsMax)] {
		e := p.event()
		used += m.book.PreloadFor(&e)
	}
	return used
}

// preload loads the chunk that the next transaction goes into, preloadNext the
// places in it.
func (h *history) preload() (used uint64) {
	if h.last == nil {
		return 0
	}
	return uint64(len(h.last.txns) + len(h.last.words))
}

func (h *history) preloadNext() (used uint64) {
	const likely = eventWords + 2*levelWords
	if h.room(likely) == nil {
		return 0
	}
	txns, words := h.last.txns, h.last.words
	n := len(words)
	return txns[:len(txns)+1][len(txns)].pos + words[:n+1][n] + words[:n+likely][n+likely-1]
}
