package feed

import (
	"sort"

	"tickcast/wire"
)

// Bounds of history (PROTOCOL.md section 5). A symbol keeps at most
// historyTxnsMax transactions of at most historyNanosMax; all symbols together
// keep Config.HistoryBytes, the oldest chunk of any symbol going first.
const (
	historyTxnsMax  = 10_000
	historyNanosMax = int64(60e9)
)

// history is the ring of a symbol's transactions, oldest chunk first.
type history struct {
	last   *chunk // the youngest, nil if there is none
	chunks []*chunk
	count  int // transactions

	floors [wire.ChannelBook + 1]floor
}

// floor is the last frame of an event channel that is gone.
type floor struct{ seq, pos uint64 }

// archive owns the chunks of all histories, guarded by the hub's mutex.
type archive struct {
	bytesMax int
	bytes    int
	ages     chunk // ring of all chunks: next is the oldest, prev the youngest
	free     *chunk
	used     int // chunks given out since thin
}

func newArchive(bytesMax int) *archive {
	a := &archive{bytesMax: bytesMax}
	a.ages.prev, a.ages.next = &a.ages, &a.ages
	return a
}

// append adds t with the events of sc to h.
func (a *archive) append(h *history, t *txn, sc *scratch) {
	n := sc.words()
	c := h.room(n)
	if c == nil {
		a.trim(h, t.tp)
		c = a.chunk(h, n)
	}
	c.append(t, sc)
	h.count++
}

// room returns the youngest chunk if it has room for a transaction of n words.
func (h *history) room(n int) *chunk {
	c := h.last
	if c == nil || len(c.txns) == cap(c.txns) || len(c.words)+n > cap(c.words) {
		return nil
	}
	return c
}

// chunk gives h a fresh chunk for at least n words.
func (a *archive) chunk(h *history, n int) *chunk {
	c := a.free
	if c != nil && n <= chunkWords {
		a.free = c.next
	} else {
		c = newChunk(max(n, chunkWords))
	}
	c.owner = h
	h.chunks, h.last = append(h.chunks, c), c
	a.used++
	a.bytes += c.bytes()
	c.prev, c.next = a.ages.prev, &a.ages
	c.prev.next, c.next.prev = c, c
	for a.bytes > a.bytesMax && a.ages.next != c {
		a.evictFirst(a.ages.next.owner)
	}
	return c
}

// trim drops what h may no longer hold at wall time now.
func (a *archive) trim(h *history, now int64) {
	for len(h.chunks) > 0 && (h.count > historyTxnsMax-chunkTxns || now-h.chunks[0].youngest().tp > historyNanosMax) {
		a.evictFirst(h)
	}
}

// evictFirst drops the oldest chunk of h and keeps it for reuse, unless
// somebody reads it or it is of an odd size.
func (a *archive) evictFirst(h *history) {
	c := h.chunks[0]
	h.sink(c)
	h.count -= len(c.txns)
	copy(h.chunks, h.chunks[1:])
	h.chunks[len(h.chunks)-1] = nil
	h.chunks = h.chunks[:len(h.chunks)-1]
	if len(h.chunks) == 0 {
		h.last = nil
	}
	a.bytes -= c.bytes()
	c.prev.next, c.next.prev = c.next, c.prev
	c.owner, c.prev, c.next = nil, nil, nil
	if c.pins.Load() == 0 && cap(c.words) == chunkWords {
		c.txns, c.words = c.txns[:0], c.words[:0]
		c.next, a.free = a.free, c
	}
}

// sink notes that the frames of c are gone.
func (h *history) sink(c *chunk) {
	for i := range c.txns {
		t := c.txn(&c.txns[i])
		if n := uint64(t.trades); n > 0 {
			h.floors[wire.ChannelTrade] = floor{seq: t.trade, pos: t.pos + n - 1}
		}
		if t.hasOrder() {
			h.floors[wire.ChannelOrder] = floor{seq: t.order, pos: t.orderPos()}
		}
		if t.hasBook {
			h.floors[wire.ChannelBook] = floor{seq: t.book, pos: t.bookPos()}
		}
	}
}

// span is a run of a symbol's transactions that a reader may walk without the
// hub's mutex until it releases it. For a book tier it has the marks of the
// frames to be merged, after the one before them.
type span struct {
	parts []spanPart
	marks []tierMark
}

// floor returns the seq up to which the frames of a raw event stream are gone.
func (h *history) floor(slot wire.Slot) uint64 { return h.floors[slot.Channel()].seq }

// seqAt returns the number of the last frame of an event channel up to a
// position; false if frames behind it are gone.
func (h *history) seqAt(c wire.Channel, pos uint64) (seq uint64, ok bool) {
	f := h.floors[c]
	if f.pos > pos {
		return 0, false
	}
	i := sort.Search(len(h.chunks), func(i int) bool { return h.chunks[i].txns[0].pos > pos }) - 1
	if i < 0 {
		return f.seq, true
	}
	k := h.chunks[i]
	t := k.txn(&k.txns[sort.Search(len(k.txns), func(j int) bool { return k.txns[j].pos > pos })-1])
	return t.seqUpTo(c, pos), true
}

// since pins and returns the transactions with frames of the raw event stream
// after seq, which must not be below the floor, and a bound of the bytes that
// the frames take. The hub's mutex is held.
func (h *history) since(slot wire.Slot, seq uint64) (s span, bytesMax int) {
	s.parts = h.appendSince(nil, slot, seq)
	for i := range s.parts {
		part := &s.parts[i]
		part.chunk.pins.Add(1)
		for j := range part.txns {
			t := part.txn(j)
			bytesMax += frameBytesMax(&t, slot.Channel())
		}
	}
	return s, bytesMax
}

// appendSince appends what since returns, not pinned: for whoever holds the
// hub's mutex.
func (h *history) appendSince(dst []spanPart, slot wire.Slot, seq uint64) []spanPart {
	c := slot.Channel()
	i := sort.Search(len(h.chunks), func(i int) bool { return h.chunks[i].seq(h.chunks[i].youngest(), c) > seq })
	for ; i < len(h.chunks); i++ {
		k := h.chunks[i]
		from := sort.Search(len(k.txns), func(j int) bool { return k.seq(&k.txns[j], c) > seq })
		dst = append(dst, spanPart{chunk: k, txns: k.txns[from:], words: k.words})
	}
	return dst
}

// frameBytesMax bounds the frames of channel c in t: 256 bytes for names,
// numbers and header, 128 for an order, 48 for a level.
func frameBytesMax(t *txn, c wire.Channel) int {
	switch {
	case c == wire.ChannelTrade:
		return int(t.trades) * 256
	case c == wire.ChannelOrder && t.hasOrder():
		return 256 + 128*int(t.orders)
	case c == wire.ChannelBook && t.hasBook:
		return 256 + 48*int(t.bids+t.asks)
	}
	return 0
}

// release lets the hub recycle what s pinned.
func (s *span) release() {
	for i := range s.parts {
		s.parts[i].chunk.pins.Add(-1)
	}
	s.parts, s.marks = nil, nil
}
