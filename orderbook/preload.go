package orderbook

import "tickcast/wire"

// Preload loads the memory of the book itself, PreloadFor what Apply will need
// for an event. They change nothing. Whoever is about to change many books, one
// after another, whose memory is in no cache, calls Preload for all of them and
// then PreloadFor: so the processor waits for several at a time. The results
// mean nothing; whoever uses them keeps the compiler from dropping the loads.
func (b *Book) Preload() (used uint64) {
	return uint64(len(b.orders)) + b.sides[0].bestKey + uint64(b.sides[1].root) + uint64(b.resting) + uint64(b.index.used) + uint64(len(b.nodes))
}

// PreloadFor is described with Preload.
func (b *Book) PreloadFor(e *wire.Event) (used uint64) {
	if !changes(e.Kind) || len(b.index.entries) == 0 {
		return 0
	}
	l := &b.sides[uint8(e.Side-wire.Buy)&1]
	if l.root > 0 {
		used = b.nodes[nodeOf(l.root)].bits
	}
	slot := uint32(b.index.entries[hashOf(e.ID)>>b.index.shift&uint64(len(b.index.entries)-1)])
	return used + uint64(b.levels[l.best].qty) + uint64(b.levels[b.orders[slot].level].qty)
}
